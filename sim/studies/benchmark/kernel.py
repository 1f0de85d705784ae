"""What the operations of the compiled kernel cost at least: each alone in a loop, times how often an event needs it.

The loops do what the kernel does, but know what they do it to: nothing is looked up, and no branch is taken wrongly.
What the engine needs beyond their sum goes into finding out what happened, whom it concerns and what is watched.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sim.engines import compiled
from sim.engines import compiled_arrays as at
from sim.engines.compiled_arrays import LANES
from sim.engines.compiled_layout import lay_out
from sim.engines.compiled_values import block_of_patterns, finish_draws
from sim.engines.interface import Floats, Integers, plan
from sim.model.compiled import LEAST_WORK, Model
from sim.model.draws import Words
from sim.studies.benchmark.contest import SEED, UNTIL, cpu_seconds

ACTORS: Final = 3
#: How often each loop runs in a round.
TIMES: Final = 200_000
#: Histories of the workload in a round.
HISTORIES: Final = 10_000
_ZERO: Final[Any] = np.uint64(0)
_LANES: Final[Any] = np.uint64(LANES)


@dataclass(frozen=True)
class Cost:
    """An operation: nanoseconds alone, by round, and how often an event needs it."""

    name: str
    nanoseconds: tuple[float, ...]
    per_event: float


# ---------------------------------------------------------------------------------------------------- loops to time
def draw(times: int, lanes: int, words: Words, x: Floats, bits: Integers, half: Floats, power: Floats) -> float:  # noqa: PLR0917
    """Draw requirements of rates, eight by eight."""
    total = 0.0
    for i in range(times):
        block_of_patterns(np.uint64(11), np.uint64(13), np.uint64(i), _ZERO, _ZERO, lanes, words)
        finish_draws(lanes, words, x, bits, half, power)
        total += power[0]
    return total


def retime(times: int, lines: Floats, work: Floats, speed: Floats, due: Floats) -> float:
    """Re-time actors of eight rates: two lines of factors, work done, due times and the first of them."""
    total = 0.0
    for i in range(times):
        first = np.uint64(i % ACTORS) * _LANES
        line, other, earliest = np.uint64(i % 64) * _LANES, np.uint64(i % 16) * _LANES, np.inf
        for j in range(first, first + _LANES):
            fresh = lines[line + j - first] * lines[other + j - first]
            left = work[j] - speed[j] * 1e-9
            left = left if left > LEAST_WORK else LEAST_WORK
            work[j] = left
            speed[j] = fresh
            due[j] = total + left / fresh
            earliest = min(earliest, due[j])
        total += earliest * 1e-9
    return total


def choose(times: int, best: Integers, due: Integers) -> int:
    """Find the actor whose first due time is the smallest, and which of its rates that is."""
    total = 0
    for i in range(times):
        acting, first = 0, best[0]
        for actor in range(1, ACTORS):
            acting = actor if best[actor] < first else acting
            first = min(first, best[actor])
        lane = LANES
        for j in range(LANES):
            lane = min(lane, j if due[acting * LANES + j] == first else LANES)
        due[acting * LANES + lane] += 1 + i % 7
        best[acting] = due[acting * LANES + lane]
        total += lane
    return total


def move(times: int, state: Integers, values: Floats, indices: Words) -> float:
    """Change a variable and two of the indices that hold it."""
    for i in range(times):
        column = np.uint64(i % 8)
        state[column] += 1 - 2 * (i // 8 % 2)
        values[column] = float(state[column])
        indices[column] += np.uint64(2)
        indices[column + np.uint64(8)] += np.uint64(3)
    return values[0]  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------------------------ measurement
def costs(model: Model, rounds: int) -> tuple[list[Cost], list[float]]:
    """Operations of a model of three actors of eight rates, and nanoseconds per event of the engine, by round.

    Raises ModuleNotFoundError where Numba is not installed.
    """
    compiled.compiled_run()  # makes Numba know the functions of the kernel that the loops call
    import numba

    jit: Any = numba.njit
    numbers = np.linspace(0.5, 1.5, 64 * LANES)
    words, bits = np.zeros(LANES, dtype=np.uint64), np.zeros(LANES, dtype=np.int64)
    clocks = np.ones((3, ACTORS * LANES)) * np.linspace(1.0, 2.0, ACTORS * LANES)
    due = np.arange(100, 100 + ACTORS * LANES, dtype=np.int64)
    floats = words.view(np.float64), bits, bits.view(np.float64), np.zeros(LANES)
    states = np.zeros(8, dtype=np.int64), np.zeros(8), np.zeros(16, dtype=np.uint64)
    loops: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
        "draw": (draw, (LANES, words, *floats), LANES),
        "retime": (retime, (numbers, *clocks), 1),
        "choose": (choose, (due.reshape(ACTORS, LANES).min(axis=1), due), 1),
        "move": (move, states, 1),
    }
    made = {name: jit(error_model="numpy")(loop) for name, (loop, _, _) in loops.items()}
    for name, (_, arguments, _) in loops.items():
        made[name](10, *arguments)
    found: dict[str, list[float]] = {name: [] for name in loops}
    often, engine = per_event(model), []
    for i in range(rounds):
        for name, (_, arguments, share) in loops.items():
            start = cpu_seconds()
            made[name](TIMES, *arguments)
            found[name].append((cpu_seconds() - start) / TIMES / share * 1e9)
        start = cpu_seconds()
        rows = compiled.simulate(model, plan(SEED, UNTIL, HISTORIES, i * HISTORIES))
        engine.append((cpu_seconds() - start) / int(rows.events.sum()) * 1e9)
    says = {
        "draw": "a requirement drawn (eight by eight)",
        "retime": "an actor of eight rates re-timed",
        "choose": "the next event found",
        "move": "a variable moved",
    }
    return [Cost(says[name], tuple(found[name]), often[name]) for name in loops], engine


def per_event(model: Model) -> dict[str, float]:
    """How often an event of a model needs each operation, what begins a history shared out among its events."""
    wanted = plan(SEED, UNTIL, 2_000)
    rows = compiled.simulate(model, wanted)
    branches = lay_out(model, wanted).branches
    share = rows.fired / rows.fired.sum()

    def mean(which: Any) -> float:
        first = np.arange(share.size) * int(at.SPANS) + int(which)
        return float(share @ (branches.spans[first + 1] - branches.spans[first]).astype(np.float64))

    histories = rows.events.size / float(rows.events.sum())
    return {
        "draw": 1 + len(model.rows) * histories,
        "retime": mean(at.TOUCHES) + len(model.actors) * histories,
        "choose": 1 + histories,
        "move": mean(at.MOVES),
    }


def summed(found: list[Cost], i: int) -> float:
    """Nanoseconds per event that the operations take together in a round."""
    return sum(cost.nanoseconds[i] * cost.per_event for cost in found)


def lines(model: Model, rounds: int) -> Iterator[tuple[str, list[float], str]]:
    """Name, nanoseconds by round and note of each operation, of their sum, and of the engine."""
    found, engine = costs(model, rounds)
    for cost in found:
        median = statistics.median(cost.nanoseconds)
        note = f"alone in a loop; {cost.per_event:.2f} per event of workload A: {median * cost.per_event:.1f} ns"
        yield f"kernel: {cost.name}", list(cost.nanoseconds), note
    least = [summed(found, i) for i in range(rounds)]
    yield (
        "kernel: these together, per event of workload A",
        least,
        "operations alone, without finding out what happened and whom it concerns",
    )
    ratio = statistics.median(a / b for a, b in zip(engine, least, strict=True))
    yield "kernel: measured per event of workload A", engine, f"{ratio:.2f} times that sum"
