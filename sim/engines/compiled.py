"""Compiled engine: one kernel for all models, one history after another, as fast as the processor allows.

It needs Numba (the optional extra ``compiled``). The kernel is compiled on its first use on a machine and kept on
disk; a new model compiles nothing, because a model is data. It runs on one thread without holding Python's lock;
spreading work over processes is left to the executor.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import numpy as np

from sim.engines import compiled_arrays as arrays
from sim.engines import compiled_between as between_events
from sim.engines import compiled_changes as changes
from sim.engines import compiled_kernel as kernel
from sim.engines import compiled_memory as memory
from sim.engines import compiled_values as values
from sim.engines import faults, interface, watching
from sim.engines.compiled_arrays import Layout
from sim.engines.compiled_layout import lay_out
from sim.engines.compiled_memory import Output, Scratch, output_for, scratch_for
from sim.engines.interface import Log, Plan, Rows, empty_rows
from sim.model import arithmetic, between, draws, expressions, laws, scalar
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
    output = output_for(rows, counts, capacity)
    scratch = scratch_for(model, layout)
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
#: Plain functions that the kernel calls and Numba is still to hear of. Those that take all arrays, hundreds of numbers
#: to a call, are put in place of their call; the others take few.
_TO_INLINE: Final[list[Callable[..., Any]]] = [
    arithmetic.log_of, scalar._round, scalar.pattern, scalar.uniform_of, scalar.mantissa_bits, scalar.exponent_of,
    scalar.log_of_half, watching.bin_of, values.span, values.value_of, values.program_of, values.requirement,
    values.uniform_ahead, between_events.draw_tensions, between_events.begin_between, between_events.tension,
    between_events.feel, between_events.jumped, between_events.push, between_events.mark_stale, between_events.renew,
    between_events.bound_speeds, between_events.accepted, between_events.set_aside, between_events.follow_trends,
    between_events.finish_tensions, between_events.observe_tensions, changes.push_all,
    changes.move, changes.settle, changes.touched, changes.waiting, changes.change, kernel.retime,
    kernel.look_up, kernel.finish_speeds, kernel.retime_others, kernel.earliest, kernel.first_due, kernel.due_row,
    kernel.fill_tables, kernel.draw_unit, kernel.begin, kernel.choose, kernel.pass_time, kernel.follow, kernel.finish,
]  # fmt: skip
_TO_CALL: Final[list[Callable[..., Any]]] = [
    arithmetic.divide_scalar, arithmetic.log_scalar, arithmetic.exp_scalar, arithmetic.power_scalar,
    between.decayed_scalar, between.operational_scalar, between.elapsed_scalar,
    expressions._minimum_scalar, expressions._maximum_scalar, scalar.uniform, scalar.log_normal, scalar.quantile,
    scalar.exceeding, scalar._below, scalar._cubic, scalar._interpolate, scalar._logit, scalar.evaluate,
    values.finish_draws, values.block_of_patterns, kernel.run,
]  # fmt: skip

#: Where these functions and the constants they name come from.
_SOURCES: Final = (
    arithmetic, between, expressions, draws, laws, scalar, model_, interface, watching, arrays, memory, values,
    between_events, changes, kernel,
)  # fmt: skip


#: Held while Numba hears of the functions, each of which it may be told once only.
_TELLING: Final = threading.Lock()


def compiled_run() -> Callable[[Layout, Output, Scratch, int, int], int]:
    """The kernel, compiled or to be compiled at its first call; one for all threads.

    Raises ModuleNotFoundError where Numba is not installed.
    """
    with _TELLING:
        return _told()


@lru_cache(maxsize=1)
def _told() -> Callable[[Layout, Output, Scratch, int, int], int]:
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


# ------------------------------------------------------------------------------------------------- logs and faults
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
    kind, row, which, *bounds, position = scratch.fault.tolist()
    value, last, time = scratch.faulty.tolist()
    state = faults.described(model, scratch.state.tolist())
    if kind == memory.SPEED:
        return faults.wrong_speed(model, row, position, last, state)
    if kind == memory.WEIGHT:
        return faults.wrong_weight(model, row, which, value, state)
    if kind == memory.WEIGHTS:
        return faults.no_weight(model, row, state)
    if kind == memory.THINNING:
        return faults.wrong_thinning(model, row, (value, last), time, state)
    if kind == memory.NUMBER:
        return faults.no_number(faults.effect_on(model, model.rows[row].name, which), value, state)
    where, effect = f"{state} (replication {position})", faults.effect_on(model, model.rows[row].name, which)
    if kind == memory.WHOLE:
        return faults.not_whole(effect, value, where)
    return faults.out_of_bounds(effect, bounds, where)
