"""The simulation runs that answer the questions of a case, and what is read from their rows.

Questions with a time limit share one run. Questions about reaching something share a run that ends, history by
history, once all of them are decided. The value at a target has a run of its own, which ends there. A long-run mean
is the mean over a window of time, then over one that starts twice as late and lasts twice as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import RAN_AWAY, Plan, Rows, plan
from sim.model.compiled import Model, compile_model
from sim.model.expressions import Call, Expression, Name, Number, Program, evaluate
from sim.model.spec import Condition, Spec
from sim.studies.oracles.importing import Imported
from sim.studies.oracles.questions import Question
from sim.studies.oracles.tally import Tally

Floats = NDArray[np.float64]
Simulate = Callable[[Model, Plan], Rows]
#: Values per question and part of a run, from the rows of some histories: arrays (n,), nan where undecided.
Reader = Callable[[Rows], list[Floats]]

#: Numbers an engine may keep at once while observing.
_CELLS: Final = 20_000_000
#: A history without an end in sight is given up after so many events; fewer in the trial run that comes first.
PATIENCE: Final = 1_000_000
TRIAL_EVENTS: Final = 100_000
TRIAL: Final = 64


@dataclass(frozen=True, eq=False)
class Run:
    """A model, how long it runs, and a reader for each question that it answers.

    ``model`` has tables where the bounds declared allow them.
    """

    name: str
    spec: Spec
    model: Model
    until: float
    questions: tuple[Question, ...]
    readers: tuple[Reader, ...]
    observe: tuple[float, ...] = ()
    integrals: tuple[Program, ...] = ()
    max_events: int = PATIENCE

    def plan(self, seed: int, count: int, first: int = 0, *, log: bool = False, max_events: int | None = None) -> Plan:
        """Plan of ``count`` histories from number ``first``."""
        return plan(
            seed, self.until, count, first, observe=self.observe, integrals=self.integrals, log=log,
            max_events=max_events or self.max_events,
        )  # fmt: skip

    def chunk(self) -> int:
        """Histories per call of an engine, so that what it keeps fits in memory."""
        cells = (len(self.observe) + 2) * (len(self.model.variables) + len(self.integrals)) + 20
        return max(500, _CELLS // cells)


def runs_for(imported: Imported, questions: Sequence[Question]) -> list[Run]:
    """Runs for all questions but those about the long run (see :func:`steady_run`)."""
    timed = [q for q in questions if q.form in ("at", "integral", "count")]
    horizon = max((q.time for q in timed), default=0.0)
    within = [q for q in questions if q.form == "within"]
    shared = [q for q in within if q.time <= horizon]
    alone = [q for q in within if q.time > horizon]
    result = []
    if timed:
        result.append(_timed(imported, [*timed, *shared], horizon))
    if alone:
        result.append(_decided("within", imported, alone, max(q.time for q in alone)))
    open_ended = [q for q in questions if q.form in ("reach", "until")]
    if open_ended:
        result.append(_decided("until decided", imported, open_ended, math.inf))
    finals: dict[Expression, list[Question]] = {}
    for question in questions:
        if question.form == "final":
            finals.setdefault(question.target, []).append(question)
    result += [_final(imported, group) for group in finals.values()]
    return result


# ------------------------------------------------------------------------------------------------------- milestones
def _flags(questions: Sequence[Question], taken: set[str]) -> tuple[list[Condition], list[tuple[str, str]]]:
    """Milestones "failed" and "reached" of each question, and their names.

    Where both hold at once the target wins; a target after a failure does not count, even at the same instant.
    """
    conditions, names = [], []
    for i, question in enumerate(questions):
        failed, reached = _free(f"failed {i}", taken), _free(f"reached {i}", taken)
        conditions.append(Condition(failed, _both(question.fail, Call("not", (question.target,)))))
        conditions.append(Condition(reached, _both(question.target, Call("not", (Name(failed),)))))
        names.append((failed, reached))
    return conditions, names


def _both(a: Expression, b: Expression) -> Expression:
    return Call("and", (a, b))


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def goal_spec(imported: Imported, question: Question) -> tuple[Spec, str]:
    """The case's model that ends when one question is decided, and the name of the milestone "reached"."""
    conditions, [(failed, reached)] = _flags([question], {v.name for v in imported.variables})
    over = Call("or", (Name(failed), Name(reached)))
    return imported.spec(milestones=conditions, terminal=[over]), reached


# ------------------------------------------------------------------------------------------------------------ runs
def _observed(program: Program, state: NDArray[np.int64]) -> Floats:
    """Value of a program for states (variables, n)."""
    value = evaluate(program, lambda c: state[c].astype(np.float64))
    result: Floats = np.broadcast_to(value, (state.shape[1],)).astype(np.float64)
    return result


def _timed(imported: Imported, questions: Sequence[Question], horizon: float) -> Run:
    taken = {v.name for v in imported.variables}
    counted = {action: _free(f"firings of {action}", taken) for q in questions for action in q.weights or {}}
    goals = [q for q in questions if q.form == "within"]
    conditions, names = _flags(goals, taken)
    spec = imported.spec(counts=counted, milestones=conditions)
    model = compile_model(spec, strict=False)
    times = tuple(sorted({p.time for q in questions for p in q.parts}))
    trees = [p.tree for q in questions if q.form == "integral" for p in q.parts]
    integrals = list(dict.fromkeys(trees))
    readers: list[Reader] = []
    for question in questions:
        if question.form == "at":
            readers.append(_states(model, question, times))
        elif question.form == "integral":
            place, time = integrals.index(question.parts[0].tree), times.index(question.time)
            readers.append(lambda rows, i=place, t=time: [rows.integrals[i, t]])  # type: ignore[misc]
        elif question.form == "count":
            assert question.weights is not None
            columns = {model.variables.index(counted[a]): w for a, w in question.weights.items()}
            readers.append(_counts(columns, times.index(question.time)))
        else:
            reached = model.milestones.index(names[goals.index(question)][1])
            readers.append(_reached(reached, question.time))
    programs = tuple(model.program(tree) for tree in integrals)
    return Run("to a fixed time", spec, model, horizon, tuple(questions), tuple(readers), times, programs)


def _states(model: Model, question: Question, times: Sequence[float]) -> Reader:
    programs = {part.tree: model.program(part.tree) for part in question.parts}
    wanted = [(times.index(part.time), programs[part.tree]) for part in question.parts]
    return lambda rows: [_observed(program, rows.observed[i]) for i, program in wanted]


def _counts(columns: Mapping[int, float], place: int, since: int | None = None, days: float = 1.0) -> Reader:
    def read(rows: Rows) -> list[Floats]:
        total = np.zeros(rows.status.size)
        for column, weight in columns.items():
            counted = rows.observed[place, column]
            total += weight * (counted if since is None else counted - rows.observed[since, column])
        return [total / days]

    return read


def _reached(milestone: int, within: float) -> Reader:
    return lambda rows: [(rows.milestones[milestone] <= within).astype(np.float64)]


def _decided(name: str, imported: Imported, questions: Sequence[Question], until: float) -> Run:
    conditions, names = _flags(questions, {v.name for v in imported.variables})
    over = [Call("or", (Name(failed), Name(reached))) for failed, reached in names]
    everything: Expression = over[0]
    for each in over[1:]:
        everything = _both(everything, each)
    spec = imported.spec(milestones=conditions, terminal=[everything])
    model = compile_model(spec, strict=False)
    integrals, readers = [], []
    for question, (failed, reached) in zip(questions, names, strict=True):
        places = model.milestones.index(failed), model.milestones.index(reached)
        if question.form == "within":
            readers.append(_reached(places[1], question.time))
        elif question.form == "reach":
            readers.append(_ever(*places))
        elif question.query.kind == "mean_integral_until":
            integrals.append(Call("where", (Name(reached), Number(0.0), question.parts[0].tree)))
            readers.append(_gathered(places[1], len(integrals) - 1))
        else:
            readers.append(_gathered(places[1], None))
    programs = tuple(model.program(tree) for tree in integrals)
    return Run(name, spec, model, until, tuple(questions), tuple(readers), integrals=programs)


def _ever(failed: int, reached: int) -> Reader:
    def read(rows: Rows) -> list[Floats]:
        won, lost = rows.milestones[reached] < np.inf, rows.milestones[failed] < np.inf
        # A history in which nothing can happen any more has not reached the target and never will.
        undecided = ~won & ~lost & (rows.status == RAN_AWAY)
        return [np.where(undecided, np.nan, won.astype(np.float64))]

    return read


def _gathered(reached: int, integral: int | None) -> Reader:
    def read(rows: Rows) -> list[Floats]:
        time = rows.milestones[reached]
        value = time if integral is None else rows.integrals[integral, -1]
        return [np.where(np.isfinite(time), value, np.nan)]

    return read


def _final(imported: Imported, questions: Sequence[Question]) -> Run:
    spec, reached = goal_spec(imported, questions[0])
    model = compile_model(spec, strict=False)
    place = model.milestones.index(reached)
    programs = [model.program(question.parts[0].tree) for question in questions]

    def reader(program: Program) -> Reader:
        return lambda rows: [np.where(np.isfinite(rows.milestones[place]), _observed(program, rows.state), np.nan)]

    return Run("to the target", spec, model, math.inf, tuple(questions), tuple(reader(p) for p in programs))


def steady_run(imported: Imported, questions: Sequence[Question], length: float) -> Run:
    """Long-run means over [length, 2 length] and over [2 length, 4 length]: two arrays per question."""
    taken = {v.name for v in imported.variables}
    counted = {action: _free(f"firings of {action}", taken) for q in questions for action in q.weights or {}}
    spec = imported.spec(counts=counted)
    model = compile_model(spec, strict=False)
    integrals = list(dict.fromkeys(q.parts[0].tree for q in questions if q.form == "steady"))
    readers: list[Reader] = []
    for question in questions:
        windows: list[Reader] = []
        for early, late in ((0, 1), (1, 2)):
            days = length * (late - early) * late
            if question.form == "steady":
                windows.append(_window(integrals.index(question.parts[0].tree), early, late, days))
            else:
                assert question.weights is not None
                columns = {model.variables.index(counted[a]): w for a, w in question.weights.items()}
                windows.append(_counts(columns, late, early, days))
        readers.append(lambda rows, both=tuple(windows): [each(rows)[0] for each in both])  # type: ignore[misc]
    programs = tuple(model.program(tree) for tree in integrals)
    times = (length, 2.0 * length, 4.0 * length)
    return Run("long", spec, model, times[-1], tuple(questions), tuple(readers), times, programs, max_events=10**9)


def _window(place: int, early: int, late: int, days: float) -> Reader:
    return lambda rows: [(rows.integrals[place, late] - rows.integrals[place, early]) / days]


# -------------------------------------------------------------------------------------------------------- running
def chunks(run: Run, seed: int, first: int, end: int) -> Iterator[Plan]:
    """Plans that together hold the histories first … end - 1."""
    size = run.chunk()
    for start in range(first, end, size):
        yield run.plan(seed, min(size, end - start), start)


def take(run: Run, rows: Rows, first: int, wanted: Mapping[str, int], into: dict[str, list[Tally]]) -> None:
    """Add rows to the tallies (by question and part); each question counts its first ``wanted`` histories only.

    A history that ran away before a fixed time says nothing about that time.
    """
    gone = (rows.status == RAN_AWAY) & math.isfinite(run.until)
    for question, reader in zip(run.questions, run.readers, strict=True):
        values = [np.where(gone, np.nan, value) for value in reader(rows)]
        tallies = into.setdefault(question.query.id, [Tally() for _ in values])
        for tally, value in zip(tallies, values, strict=True):
            tally.add(value[: max(0, wanted[question.query.id] - first)])


def event_times(imported: Imported, simulate: Simulate, seed: int, until: float) -> list[tuple[float, str]]:
    """(time, action) of the events of history 0 up to ``until``."""
    model = compile_model(imported.spec(), tables=False, strict=False)
    log = simulate(model, plan(seed, until, 1, log=True)).log
    if log is None:
        return []
    return [(float(t), model.rows[int(i)].name) for t, i in zip(log.time, log.row, strict=True)]
