"""The simulation runs that answer the questions of a case, and what is read from their rows.

Questions with a time limit share one run. Questions about reaching something share a run that ends, history by
history, once all of them are decided. The value at a target has a run of its own, which ends there. A long-run mean
is the mean over a window of time, then over one that starts twice as late and lasts twice as long.

Continuous variables are seen where something happens and where they are observed. What is asked about them beyond that
is answered by followers (see `moving`); an integral that those cannot give, up to a fixed time, by Gauss-Legendre sums
over NODES observed times between the dates of scheduled actions. Their mean misses the integral's by what the
quadrature misses of the mean over all histories: nothing that matters where that is smooth in time, and no more than
1e-4 x (length of the piece)^2 x (jump of its slope) for each kink.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import RAN_AWAY, Plan, Rows, plan
from sim.model.compiled import Model, compile_model
from sim.model.expressions import ZERO, Call, Expression, Name, Number, Program, evaluate
from sim.model.spec import Calendar, Condition, Spec
from sim.studies.oracles.importing import Imported
from sim.studies.oracles.moving import Follower, integral_of
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
#: Observed times per piece of an integral that is a sum.
NODES: Final = 48
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
        kept = len(self.model.variables) + len(self.model.tensions) + len(self.integrals)
        cells = (len(self.observe) + 2) * kept + 20
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


# -------------------------------------------------------------------------------------------- milestones, followers
class _Parts:
    """The names added to a case's model for its questions, and the followers among them."""

    def __init__(self, imported: Imported) -> None:
        self.imported, self.taken, self.followers = imported, imported.names, dict[tuple[str, Expression], Follower]()

    def free(self, name: str) -> str:
        """A name not taken yet."""
        while name in self.taken:
            name += "'"
        self.taken.add(name)
        return name

    def follow(self, tree: Expression, kind: Literal["holds", "sum"]) -> Name:
        """The follower of a tree."""
        key = kind, tree
        if key not in self.followers:
            start = self.imported.start(tree)
            name = self.free(f"{kind} {len(self.followers)}")
            self.followers[key] = Follower(name, tree, kind, float(start != 0.0) if kind == "holds" else start)
        return Name(self.followers[key].name)

    def condition(self, tree: Expression) -> Expression:
        """A condition that milestones may read."""
        return self.follow(tree, "holds") if self.imported.moves(tree) else tree

    def integral(self, tree: Expression) -> tuple[Expression, Expression]:
        """Trees whose integral, and whose value at its end, add up to the integral of a tree."""
        found = integral_of(tree, self.imported.moving) if self.imported.moves(tree) else None
        if found is None:
            return tree, ZERO
        return found.steady, Call("sub", (self.follow(found.moved, "sum"), found.moved))

    def counters(self, questions: Sequence[Question]) -> dict[str, str]:
        """Names of counters by action."""
        return {action: self.free(f"firings of {action}") for q in questions for action in q.weights or {}}

    def flags(self, questions: Sequence[Question]) -> tuple[list[Condition], list[tuple[str, str]]]:
        """Milestones "failed" and "reached" of each question, and their names.

        Where both hold at once the target wins; a target after a failure does not count, even at the same instant.
        """
        conditions, names = [], []
        for i, question in enumerate(questions):
            failed, reached = self.free(f"failed {i}"), self.free(f"reached {i}")
            fail, target = self.condition(question.fail), self.condition(question.target)
            conditions.append(Condition(failed, _both(fail, Call("not", (target,)))))
            conditions.append(Condition(reached, _both(target, Call("not", (Name(failed),)))))
            names.append((failed, reached))
        return conditions, names


def _both(a: Expression, b: Expression) -> Expression:
    return Call("and", (a, b))


def goal_spec(imported: Imported, question: Question) -> tuple[Spec, str]:
    """The case's model that ends when one question is decided, and the name of the milestone "reached"."""
    spec, [reached] = _goal(_Parts(imported), [question])
    return spec, reached


def _goal(parts: _Parts, questions: Sequence[Question]) -> tuple[Spec, list[str]]:
    """The same with the followers so far; all questions have the first one's target."""
    conditions, [(failed, reached)] = parts.flags(questions[:1])
    over = Call("or", (Name(failed), Name(reached)))
    followers = list(parts.followers.values())
    return parts.imported.spec(followers=followers, milestones=conditions, terminal=[over]), [reached]


# ------------------------------------------------------------------------------------------------------------ runs
def observed(model: Model, program: Program, state: NDArray[np.int64], tensions: Floats) -> Floats:
    """Value of a program (n,) for states (variables, n) and tensions (tensions, n)."""

    def column(c: int) -> Floats:
        found: Floats = tensions[c - model.first_tension] if c >= model.first_tension else state[c].astype(np.float64)
        return found

    result: Floats = np.broadcast_to(evaluate(program, column), (state.shape[1],)).astype(np.float64)
    return result


def _seen(model: Model, tree: Expression, place: int | None = None) -> Callable[[Rows], Floats]:
    """Value of a tree at an observation, or at the end."""
    program = model.program(tree)
    if place is None:
        return lambda rows: observed(model, program, rows.state, rows.tensions)
    return lambda rows: observed(model, program, rows.observed[place], rows.observed_tensions[place])


def _timed(imported: Imported, questions: Sequence[Question], horizon: float) -> Run:
    parts = _Parts(imported)
    counted = parts.counters(questions)
    goals = [q for q in questions if q.form == "within"]
    conditions, names = parts.flags(goals)
    summed = {q.query.id: _nodes(imported, q) for q in questions if q.form == "integral" and _by_nodes(imported, q)}
    gathered = {
        q.query.id: parts.integral(q.parts[0].tree)
        for q in questions
        if q.form == "integral" and q.query.id not in summed
    }
    spec = imported.spec(counts=counted, followers=list(parts.followers.values()), milestones=conditions)
    model = compile_model(spec, strict=False)
    nodes = {time for each in summed.values() for time, _ in each}
    times = tuple(sorted({p.time for q in questions for p in q.parts} | nodes))
    integrals = list(dict.fromkeys(steady for steady, _ in gathered.values()))
    readers: list[Reader] = []
    for question in questions:
        if question.form == "at":
            readers.append(_states(model, question, times))
        elif question.query.id in summed:
            readers.append(_summed(model, question.parts[0].tree, summed[question.query.id], times))
        elif question.form == "integral":
            (steady, rest), time = gathered[question.query.id], times.index(question.time)
            readers.append(_integrated(integrals.index(steady), time, _seen(model, rest, time)))
        elif question.form == "count":
            assert question.weights is not None
            columns = {model.variables.index(counted[a]): w for a, w in question.weights.items()}
            readers.append(_counts(columns, times.index(question.time)))
        else:
            reached = model.milestones.index(names[goals.index(question)][1])
            readers.append(_reached(reached, question.time))
    programs = tuple(model.program(tree) for tree in integrals)
    return Run("to a fixed time", spec, model, horizon, tuple(questions), tuple(readers), times, programs)


def _by_nodes(imported: Imported, question: Question) -> bool:
    """Whether an integral up to a fixed time is a sum over observed times."""
    tree = question.parts[0].tree
    return imported.moves(tree) and integral_of(tree, imported.moving) is None


def _nodes(imported: Imported, question: Question) -> list[tuple[float, float]]:
    """Times and weights of the sum for an integral."""
    dates = {action.clock.time for action in imported.actions if isinstance(action.clock, Calendar)}
    ends = sorted({0.0, question.time} | {date for date in dates if 0.0 < date < question.time})
    points, weights = np.polynomial.legendre.leggauss(NODES)
    return [
        (float(a + (b - a) * (1.0 + x) / 2.0), float((b - a) * w / 2.0))
        for a, b in pairwise(ends)
        for x, w in zip(points, weights, strict=True)
    ]


def _summed(model: Model, tree: Expression, nodes: Sequence[tuple[float, float]], times: Sequence[float]) -> Reader:
    seen = [(_seen(model, tree, times.index(time)), weight) for time, weight in nodes]

    def read(rows: Rows) -> list[Floats]:
        total = np.zeros(rows.status.size)
        for value, weight in seen:
            total += weight * value(rows)
        return [total]

    return read


def _integrated(integral: int, place: int, rest: Callable[[Rows], Floats]) -> Reader:
    return lambda rows: [rows.integrals[integral, place] + rest(rows)]


def _states(model: Model, question: Question, times: Sequence[float]) -> Reader:
    wanted = [_seen(model, part.tree, times.index(part.time)) for part in question.parts]
    return lambda rows: [value(rows) for value in wanted]


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
    parts = _Parts(imported)
    conditions, names = parts.flags(questions)
    over = [Call("or", (Name(failed), Name(reached))) for failed, reached in names]
    everything: Expression = over[0]
    for each in over[1:]:
        everything = _both(everything, each)
    spec = imported.spec(followers=list(parts.followers.values()), milestones=conditions, terminal=[everything])
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
    parts = _Parts(imported)
    trees: list[tuple[Expression | None, Expression]] = []
    for question in questions:
        tree = question.parts[0].tree
        trees.append((None, tree) if question.query.kind == "mean_final" else parts.integral(tree))
    spec, [reached] = _goal(parts, questions)
    model = compile_model(spec, strict=False)
    place = model.milestones.index(reached)
    integrals = list(dict.fromkeys(steady for steady, _ in trees if steady is not None))
    readers: list[Reader] = []
    for steady, tree in trees:
        number = None if steady is None else integrals.index(steady)
        readers.append(_at_target(place, number, _seen(model, tree)))
    programs = tuple(model.program(tree) for tree in integrals)
    return Run("to the target", spec, model, math.inf, tuple(questions), tuple(readers), integrals=programs)


def _at_target(reached: int, integral: int | None, value: Callable[[Rows], Floats]) -> Reader:
    def read(rows: Rows) -> list[Floats]:
        total = value(rows) if integral is None else rows.integrals[integral, -1] + value(rows)
        return [np.where(np.isfinite(rows.milestones[reached]), total, np.nan)]

    return read


def steady_run(imported: Imported, questions: Sequence[Question], length: float) -> Run:
    """Long-run means over [length, 2 length] and over [2 length, 4 length]: two arrays per question."""
    parts = _Parts(imported)
    counted = parts.counters(questions)
    gathered = {q.query.id: parts.integral(q.parts[0].tree) for q in questions if q.form == "steady"}
    spec = imported.spec(counts=counted, followers=list(parts.followers.values()))
    model = compile_model(spec, strict=False)
    integrals = list(dict.fromkeys(steady for steady, _ in gathered.values()))
    readers: list[Reader] = []
    for question in questions:
        windows: list[Reader] = []
        for early, late in ((0, 1), (1, 2)):
            days = length * (late - early) * late
            if question.form == "steady":
                steady, rest = gathered[question.query.id]
                ends = _seen(model, rest, early), _seen(model, rest, late)
                windows.append(_window(integrals.index(steady), (early, late), ends, days))
            else:
                assert question.weights is not None
                columns = {model.variables.index(counted[a]): w for a, w in question.weights.items()}
                windows.append(_counts(columns, late, early, days))
        readers.append(lambda rows, both=tuple(windows): [each(rows)[0] for each in both])  # type: ignore[misc]
    programs = tuple(model.program(tree) for tree in integrals)
    times = (length, 2.0 * length, 4.0 * length)
    return Run("long", spec, model, times[-1], tuple(questions), tuple(readers), times, programs, max_events=10**9)


def _window(
    integral: int, places: tuple[int, int], ends: tuple[Callable[[Rows], Floats], Callable[[Rows], Floats]], days: float
) -> Reader:
    early, late = places

    def read(rows: Rows) -> list[Floats]:
        gathered = rows.integrals[integral, late] - rows.integrals[integral, early]
        return [(gathered + (ends[1](rows) - ends[0](rows))) / days]

    return read


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
