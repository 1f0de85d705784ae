"""Long-run means of oracle cases: over windows of time, or over the cycle of a case that leaves nothing to chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.engines import lockstep
from sim.engines.interface import RAN_AWAY, SimulationError, plan
from sim.model.compiled import Model, compile_model
from sim.studies.oracles.importing import Imported
from sim.studies.oracles.questions import Question
from sim.studies.oracles.runs import Simulate, chunks, observed, steady_run, take
from sim.studies.oracles.solved import Solver
from sim.studies.oracles.tally import Judged, Tally, judge

#: A long-run window holds about so many events (more where nothing tells how soon the start is forgotten), and so
#: many events per replication asked for are spent on it.
WINDOW_EVENTS: Final = 250
BLIND_EVENTS: Final = 2_000
STEADY_BUDGET: Final = 200
STEADY_LEAST: Final = 200
#: Where too few histories differ, so many times more are simulated, once.
MORE: Final = 8
#: A cycle is looked for in the second half of so many events, and must be seen so often there.
CYCLE_EVENTS: Final = 1_000
CYCLES: Final = 3
#: Gaps between events, and means over a cycle, are equal within this relative error.
ROUNDING: Final = 1e-9

Found = dict[str, tuple[list[Judged], str, bool]]


def judged(  # noqa: PLR0917 - a case, how to run it, what to ask
    imported: Imported, solver: Solver, seed: int, simulate: Simulate, count: int, questions: Sequence[Question]
) -> Found:
    """Verdict, remark, and whether more histories than planned were needed, by the id of the query.

    Means are taken over a window of time and over its double, which is the one judged.
    """
    length, events = _window(imported, solver, seed)
    each = steady_run(imported, questions, length)
    budget = STEADY_BUDGET * count / max(1.0, 4.0 * events)
    planned = min(count, max(STEADY_LEAST, round(budget)))
    tallies: dict[str, list[Tally]] = {}
    done, windows = 0, dict[str, list[Judged]]()
    for end in (planned, MORE * planned):
        for part in chunks(each, seed, done, end):
            take(
                each, simulate(each.model, part), int(part.histories[0]), {q.query.id: end for q in questions}, tallies
            )
        done = end
        windows = {q.query.id: [judge(q.parts[0].expected[0], t, None) for t in tallies[q.query.id]] for q in questions}
        if not any(late.few for _, late in windows.values()):
            break
    note = f"over [{2 * length:g}, {4 * length:g}]; over [{length:g}, {2 * length:g}]: "
    return {key: ([late], f"{note}{early.estimate:.8g}", done > planned) for key, (early, late) in windows.items()}


def _window(imported: Imported, solver: Solver, seed: int) -> tuple[float, float]:
    """Length of the first window, and the mean number of events in such a time.

    Long enough for many events, and where the chain is known, for the start to be forgotten.
    """
    model = compile_model(imported.spec(), tables=False, strict=False)
    try:
        solver.chain(math.inf)
        solved, wanted = True, WINDOW_EVENTS
    except (ValueError, SimulationError):
        solved, wanted = False, BLIND_EVENTS
    length, events = 1.0, 0.0
    for _ in range(40):
        events = float(lockstep.simulate(model, plan(seed, length, 16)).events.mean())
        if events >= wanted:
            break
        length *= 2.0
    enough = solver.warm_up(length) if solved else length
    return enough, events * enough / length


# ---------------------------------------------------------------------------------------------- nothing left to chance
@dataclass(frozen=True, eq=False)
class _Instants:
    """Instants at which something happens in a history: times (t,), rows of the actions then, values after (q, t)."""

    times: NDArray[np.float64]
    fired: list[tuple[int, ...]]
    values: NDArray[np.float64]


def cycled(imported: Imported, simulate: Simulate, seed: int, questions: Sequence[Question]) -> Found:
    """The same for a case without chance: means over its cycle, or of the state in which it comes to rest.

    A cycle is a sequence of gaps, actions and values that fills the second half of a long history CYCLES times or
    more. That it goes on for ever is taken for granted.
    """
    model = compile_model(imported.spec(), tables=False, strict=False)
    rows = simulate(model, plan(seed, math.inf, 1, log=True, max_events=CYCLE_EVENTS))
    assert rows.log is not None
    moving = [question for question in questions if imported.moves(question.parts[0].tree)]
    if moving:
        why = "nothing is left to chance, and what changes between events has no cycle that could be seen"
        left = [question for question in questions if question not in moving]
        return _unknown(moving, why) | (cycled(imported, simulate, seed, left) if left else {})
    programs = [model.program(question.parts[0].tree) for question in questions]
    if rows.status[0] != RAN_AWAY:
        rest = [float(observed(model, program, rows.state, rows.tensions)[0]) for program in programs]
        means = [value if q.weights is None else 0.0 for q, value in zip(questions, rest, strict=True)]
        return _sure(questions, means, f"at rest from day {rows.log.time.max(initial=0.0):g} on")
    times = np.unique(rows.log.time)[:-1]  # the last instant may be cut short
    seen = times[times.size // 2 :]
    found = None
    if seen.size > CYCLES:
        then = simulate(model, plan(seed, float(seen[-1]), 1, observe=tuple(seen.tolist())))
        state, tensions = then.observed[:, :, 0].T, then.observed_tensions[:, :, 0].T
        values = np.array([observed(model, program, state, tensions) for program in programs])
        fired = [tuple(rows.log.row[rows.log.time == time].tolist()) for time in seen]
        found = _cycle(_Instants(seen, fired, values))
    if found is None:
        why = f"nothing is left to chance, and no cycle shows in {int(rows.events[0]):,} events"
        return _unknown(questions, why)
    days, size, instants = found
    gaps = np.diff(instants.times)[:size]
    means = []
    for i, question in enumerate(questions):
        if question.weights is None:
            means.append(float((instants.values[i, :size] * gaps).sum()) / days)
        else:
            means.append(_weight(model, question.weights, instants.fired[:size]) / days)
    return _sure(questions, means, f"over a cycle of {days:g} days")


def _unknown(questions: Sequence[Question], why: str) -> Found:
    return {q.query.id: ([Judged(q.parts[0].expected[0], math.nan, 1, reason=why)], "", False) for q in questions}


def _weight(model: Model, weights: Mapping[str, float], fired: Sequence[tuple[int, ...]]) -> float:
    return math.fsum(weights.get(model.rows[row].name, 0.0) for together in fired for row in together)


def _cycle(instants: _Instants) -> tuple[float, int, _Instants] | None:
    """Length in days and in instants of the shortest cycle; None without one."""
    numbers: dict[tuple[Any, ...], int] = {}
    code = np.array([
        numbers.setdefault((together, *column), len(numbers))
        for together, column in zip(instants.fired, instants.values.T.tolist(), strict=True)
    ])  # fmt: skip
    gaps = np.diff(instants.times)
    near = 4.0 * ROUNDING * gaps.max() + 1e-14 * instants.times[-1]
    for size in range(1, gaps.size // CYCLES + 1):
        if (code[size:] == code[:-size]).all() and (np.abs(gaps[size:] - gaps[:-size]) <= near).all():
            return float(instants.times[size] - instants.times[0]), size, instants
    return None


def _sure(questions: Sequence[Question], means: Sequence[float], note: str) -> Found:
    result: Found = {}
    for question, mean in zip(questions, means, strict=True):
        [expected] = question.parts[0].expected
        good = abs(mean - expected.value) <= ROUNDING * max(abs(mean), abs(expected.value)) + expected.error
        verdict = Judged(expected, mean, 1, 0.0 if good else math.inf, float(good), sure=True)
        result[question.query.id] = [verdict], note, False
    return result


def deterministic(imported: Imported) -> bool:
    """Whether nothing in a model is left to chance."""
    rows = compile_model(imported.spec(), tables=False, strict=False).rows
    fixed = (row.kind != "rate" and (row.law is None or row.law.family == "fixed") for row in rows)
    return all(fixed) and all(len(row.branches) == 1 for row in rows)
