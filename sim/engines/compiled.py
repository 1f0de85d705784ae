"""Compiled engine: one kernel for all models, one history after another, as fast as the processor allows.

It needs Numba (the optional extra ``compiled``). The kernel is compiled on its first use on a machine and kept on
disk; a new model compiles nothing, because a model is data. It runs on one thread without holding Python's lock;
spreading work over processes is left to the executor.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import numpy as np

from sim.engines import compiled_kernel as kernel
from sim.engines import compiled_layout, faults, interface, watching
from sim.engines.compiled_kernel import Output, Scratch
from sim.engines.compiled_layout import LANES, Layout, lay_out
from sim.engines.interface import Log, Plan, Rows, empty_rows
from sim.model import arithmetic, draws, expressions, laws, scalar
from sim.model import compiled as model_
from sim.model.compiled import Model

#: Replications between two looks at whether the person at the keyboard wants to stop.
_TOGETHER: Final = 1_024
#: Events of the log kept before they are handed over, beside the most that one history can have.
_LOGGED: Final = 1 << 16


def installed() -> bool:
    """Whether Numba is there."""
    return importlib.util.find_spec("numba") is not None


def simulate(model: Model, plan: Plan) -> Rows:
    """Simulate the replications of a plan.

    Raises SimulationError when a history reaches a state where a speed, weight or effect has no meaning, and
    ModuleNotFoundError where Numba is not installed.
    """
    play = compiled_run()
    rows, layout = empty_rows(model, plan), lay_out(model, plan)
    counts = np.zeros(int(layout.watching.first[-1]), dtype=np.int64)
    capacity = _LOGGED + plan.max_events if plan.log else 0
    output = _output(rows, counts, capacity)
    scratch = _scratch(model, layout)
    logs: list[Log] = []
    done = 0
    while done < plan.size:
        done = play(layout, output, scratch, done, min(done + _TOGETHER, plan.size))
        if scratch.fault[0]:
            raise _fault(model, scratch)
        if plan.log:
            logs.append(_taken(output))
    for table, first in zip(rows.occupancy, layout.watching.first, strict=False):
        np.cumsum(counts[first : first + table.size].reshape(table.shape), axis=0, out=table)
    if not plan.log:
        return rows
    parts = logs or [_taken(output)]
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Log.__dataclass_fields__}
    return replace(rows, log=Log(**columns))


# ------------------------------------------------------------------------------------------------------- compiling
#: Plain functions that the kernel calls and Numba is still to hear of. Those in the innermost loops are put in place of
#: their call.
_TO_INLINE: Final[list[Callable[..., Any]]] = [
    arithmetic.log_of, scalar._round, scalar.pattern, scalar.uniform_of, scalar.mantissa_bits, scalar.exponent_of,
    scalar.log_of_half, kernel.value_of, kernel.move, watching.bin_of, kernel.retime,
    kernel.earliest, kernel.due_row, kernel.requirement, kernel.change,
    kernel.draw_unit, kernel.begin, kernel.choose, kernel.settle, kernel.pass_time, kernel.follow, kernel.finish,
]  # fmt: skip
_TO_CALL: Final[list[Callable[..., Any]]] = [
    arithmetic.divide_scalar, arithmetic.log_scalar, arithmetic.exp_scalar, arithmetic.power_scalar,
    expressions._minimum_scalar, expressions._maximum_scalar, scalar.uniform, scalar.log_normal, scalar.quantile,
    scalar.exceeding, scalar._below, scalar._cubic, scalar._interpolate, scalar._logit, scalar.evaluate,
    kernel.finish_draws, kernel.block_of_patterns, kernel.run,
]  # fmt: skip

#: Where these functions and the constants they name come from.
_SOURCES: Final = (
    arithmetic, expressions, draws, laws, scalar, model_, interface, watching, compiled_layout, kernel,
)  # fmt: skip


@lru_cache(maxsize=1)
def compiled_run() -> Callable[[Layout, Output, Scratch, int, int], int]:
    """The kernel, compiled or to be compiled at its first call."""
    try:
        import numba
        from numba.extending import register_jitable
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "engine=compiled needs Numba: install the extra `compiled` (pip install 'escalation-simulator[compiled]'), "
            "or use engine=lockstep"
        ) from None
    # IEEE division by zero; without fast-math nothing is fused or reordered, so the bits are NumPy's.
    while _TO_INLINE:
        register_jitable(error_model="numpy", forceinline=True, _nrt=False)(_TO_INLINE.pop())
    while _TO_CALL:
        register_jitable(error_model="numpy", _nrt=False)(_TO_CALL.pop())
    # No function here makes an array; without counting references to them, calls cost nothing.
    options: dict[str, Any] = {"error_model": "numpy", "nogil": True, "cache": True, "_nrt": False}
    jit: Any = numba.njit
    return jit(**options)(_entry(_version()))  # type: ignore[no-any-return]


def _entry(version: int) -> Callable[[Layout, Output, Scratch, int, int], int]:
    # Numba keeps a compiled function by its own code and what it closes over, but does not look at the functions it
    # calls: the version of their sources has to be closed over.
    def play(m: Layout, o: Output, w: Scratch, first: int, last: int) -> int:
        return kernel.run(m, o, w, first, last) + 0 * version

    return play


def _version() -> int:
    """A number that changes with any source the kernel is made of."""
    digest = hashlib.blake2b(digest_size=6)
    for module in _SOURCES:
        digest.update(inspect.getsource(module).encode())
    return int.from_bytes(digest.digest(), "little")


# ---------------------------------------------------------------------------------------------------------- memory
def _output(rows: Rows, counts: Any, capacity: int) -> Output:
    return Output(
        status=rows.status,
        end=rows.end,
        events=rows.events,
        saturations=rows.saturations,
        culprit=rows.culprit,
        milestones=rows.milestones,
        start=rows.start,
        state=rows.state,
        inputs=rows.inputs,
        observed=rows.observed,
        integrals=rows.integrals,
        occupancy=counts,
        fired=rows.fired,
        logged=np.zeros(1, dtype=np.int64),
        log_position=np.empty(capacity, dtype=np.int64),
        log_time=np.empty(capacity, dtype=np.float64),
        log_row=np.empty(capacity, dtype=np.int64),
        log_branch=np.empty(capacity, dtype=np.int64),
    )


def _scratch(model: Model, layout: Layout) -> Scratch:
    places, state = layout.clocks.rank.size, model.first_input
    actors, watching = len(model.actors), layout.watching
    lanes = max(layout.clocks.drawn, LANES)
    most_branches = max([len(row.branches) for row in model.rows], default=1)
    most_effects = max([len(branch.effects) for _, branch in model.branches], default=1)

    def numbers(size: int) -> Any:
        return np.zeros(size, dtype=np.float64)

    def whole(size: int) -> Any:
        return np.zeros(size, dtype=np.int64)

    due, pattern, bits = numbers(places), np.zeros(lanes, dtype=np.uint64), whole(lanes)
    return Scratch(
        work=np.ones(places),
        whole=np.ones(places),
        speed=numbers(places),
        fresh_speed=numbers(places),
        due=due,
        due_bits=due.view(np.int64),
        counts=whole(places),
        held=np.zeros(places, dtype=np.bool_),
        renewed=np.zeros(places, dtype=np.bool_),
        scale=np.ones(places),
        ahead=numbers(places * LANES),
        block=whole(places),
        anchor=numbers(actors),
        best=whole(actors),
        queue=whole(actors),
        queued=whole(actors),
        indices=np.zeros(layout.columns.slot_offset.size, dtype=np.uint64),
        state=whole(state),
        start=whole(len(model.variables)),
        values=numbers(model.first_amount + len(model.amounts)),
        reached=numbers(len(model.milestones)),
        integral=numbers(watching.integral.size),
        seen=whole(watching.watched.size),
        stack=numbers(layout.depth + 1),
        sums=numbers(most_branches),
        pending=whole(most_effects),
        memo=numbers(layout.memos),
        stamp=whole(layout.memos),
        pattern=pattern,
        x=pattern.view(np.float64),
        bits=bits,
        half=bits.view(np.float64),
        power=numbers(lanes),
        epoch=whole(3),
        fault=whole(7),
        faulty=numbers(2),
    )


def _taken(output: Output) -> Log:
    """The log so far, which is emptied."""
    size = int(output.logged[0])
    output.logged[0] = 0
    return Log(
        output.log_position[:size].copy(),
        output.log_time[:size].copy(),
        output.log_row[:size].copy(),
        output.log_branch[:size].copy(),
    )


def _fault(model: Model, scratch: Scratch) -> Exception:
    kind, row, which, *values, position = scratch.fault.tolist()
    value, last = scratch.faulty.tolist()
    state = faults.described(model, scratch.state.tolist())
    if kind == kernel.SPEED:
        return faults.wrong_speed(model, row, position, last, state)
    if kind == kernel.WEIGHT:
        return faults.wrong_weight(model, row, which, value, state)
    if kind == kernel.WEIGHTS:
        return faults.no_weight(model, row, state)
    where, effect = f"{state} (replication {position})", faults.effect_on(model, model.rows[row].name, which)
    if kind == kernel.WHOLE:
        return faults.not_whole(effect, value, where)
    return faults.out_of_bounds(effect, values, where)
