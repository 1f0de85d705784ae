"""Playing a scenario and its variants with the same luck, and counting where they part: whole numbers only.

A pair of histories *parts* at the first time at which something that both sides know differs: an action (that it
happens, when, and by which branch), a milestone, the end, or an outcome on a day read. Times within a tenth of a second
are one. What only one side has, such as an action that a variant adds, counts by what follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Floats, Integers, Log, Rows
from sim.model.compiled import Model
from sim.runs.columns import outcome
from sim.runs.execute import Executor, Progress, spread, uncertain, workers
from sim.runs.plan import Part, Task, numbers_of, parts, play, surviving_inputs

Truth = NDArray[np.bool_]

#: Histories played together; a log of all their events lies in memory.
TOGETHER: Final = 20_000
#: Times closer than this, in days (a tenth of a second), are one: who is re-timed in between rounds otherwise.
NEAR: Final = 1e-6


@dataclass(frozen=True, eq=False)
class Sides:
    """The task of a scenario and those of its variants; ``own`` says which of these remember a past of their own."""

    base: Task
    others: tuple[Task, ...]
    own: tuple[bool, ...]

    def used(self, numbers: Integers) -> list[Integers]:
        """The input numbers (n,) that each side plays in place of some, the scenario's first.

        A variant with the scenario's past has the scenario's inputs, whatever its own start is.
        """
        mine = surviving_inputs(self.base, numbers)
        pairs = zip(self.others, self.own, strict=True)
        return [mine, *(surviving_inputs(other, numbers) if own else mine for other, own in pairs)]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All tasks, the scenario's first."""
        return (self.base, *self.others)


@dataclass(eq=False)
class Counts:
    """Counts over n histories; e events (the outcomes, then the milestones), d days, v variants.

    ``happened`` (1 + v, e, d) on each side; ``gained`` and ``lost`` (v, e, d) against the scenario; ``parted`` (v, d)
    by each day; ``first`` (v,) the lowest number of a history that parts, -1 for none.
    """

    histories: int
    happened: Integers
    gained: Integers
    lost: Integers
    parted: Integers
    first: Integers

    def add(self, other: Counts) -> None:
        """Add the counts of other histories."""
        self.histories += other.histories
        for name in ("happened", "gained", "lost", "parted"):
            getattr(self, name)[...] += getattr(other, name)
        most = np.iinfo(np.int64).max
        least = np.minimum(*(np.where(one.first < 0, most, one.first) for one in (self, other)))
        self.first = np.where(least == most, -1, least)


@dataclass(frozen=True, eq=False)
class Nested:
    """Counts by input number: ``happened`` (k, 1 + v, e, d), ``gained`` and ``lost`` (k, v, e, d)."""

    histories: int
    happened: Integers
    gained: Integers
    lost: Integers

    @property
    def inputs(self) -> int:
        """Number of sets of inputs."""
        return int(self.happened.shape[0])


def plain(sides: Sides, replications: int, chunk: int, executor: Executor, progress: Progress) -> Counts:
    """Play replications 0 … replications - 1 on all sides and count."""
    split = parts(replications, min(chunk, TOGETHER))
    total: Counts | None = None
    for index, counts in spread(_Plain(sides), split, workers(executor, replications * len(sides.tasks))):
        progress(split[index].count * len(sides.tasks))
        if total is None:
            total = counts
        else:
            total.add(counts)
    assert total is not None
    return total


def nested(sides: Sides, inputs: int, histories: int, executor: Executor, progress: Progress) -> Nested:
    """Play input numbers 0 … inputs - 1 with so many histories each, no history twice, on all sides."""
    together = inputs if any(uncertain(task.model) for task in sides.tasks) else 0
    step = max(TOGETHER // histories, 1)
    pieces = [(first, min(step, together - first)) for first in range(0, together, step)]
    made: dict[int, Nested] = {}
    processes = workers(executor, inputs * histories * len(sides.tasks))
    for index, piece in spread(_Nested(sides, histories), pieces, processes):
        made[index] = piece
        progress(piece.inputs * histories * len(sides.tasks))
    if not made:
        progress(inputs * histories * len(sides.tasks))
        made[0] = _Nested(sides, histories)((0, 0))
    found = [made[index] for index in range(len(made))]
    names = ("happened", "gained", "lost")
    return Nested(histories, *(np.concatenate([getattr(one, name) for one in found]) for name in names))


@dataclass(frozen=True, eq=False)
class _Plain:
    """Plays one part on all sides; a class, so that it can be sent to another process."""

    sides: Sides

    def __call__(self, part: Part) -> Counts:
        numbers = numbers_of(part)
        base, *others = self.sides.tasks
        mine, *used = self.sides.used(numbers)
        rows = play(base, mine, numbers, log=True)
        first = happened(base, rows)
        total = [first.sum(axis=-1)]
        gained, lost, parted, lowest = [], [], [], []
        for other, inputs in zip(others, used, strict=True):
            theirs = play(other, inputs, numbers, log=True)
            second = happened(other, theirs)
            total.append(second.sum(axis=-1))
            gained.append((second & ~first).sum(axis=-1))
            lost.append((first & ~second).sum(axis=-1))
            apart = parting(base, rows, other.model, theirs)
            parted.append([np.count_nonzero(apart <= day) for day in base.days])
            differ = (apart <= base.until).nonzero()[0]
            lowest.append(int(numbers[differ[0]]) if differ.size else -1)
        return Counts(part.count, *map(np.array, (total, gained, lost, parted, lowest)))


@dataclass(frozen=True, eq=False)
class _Nested:
    sides: Sides
    histories: int

    def __call__(self, piece: tuple[int, int]) -> Nested:
        first_number, inputs = piece
        group = first_number + np.repeat(np.arange(inputs, dtype=np.int64), self.histories)
        start = first_number * self.histories
        numbers = np.arange(start, start + group.size, dtype=np.int64)
        sides = [
            happened(task, play(task, used, numbers))
            for task, used in zip(self.sides.tasks, self.sides.used(group), strict=True)
        ]

        def by_input(truth: Sequence[Truth]) -> Integers:
            found = np.array(truth).reshape(len(truth), *sides[0].shape[:2], inputs, self.histories).sum(axis=-1)
            moved: Integers = np.moveaxis(found, -1, 0)
            return moved

        base, *others = sides
        gained = [other & ~base for other in others]
        return Nested(self.histories, by_input(sides), by_input(gained), by_input([base & ~other for other in others]))


def happened(task: Task, rows: Rows) -> Truth:
    """Whether each outcome holds at, and each milestone was reached by, each day of a task: (events, days, n)."""
    model = task.model
    found = np.zeros((len(model.outcomes) + len(model.milestones), len(task.days), rows.status.size), dtype=np.bool_)
    for which, day in enumerate(task.days):
        number = outcome(model, rows.observed[which], rows.milestones, day)
        for k in range(len(model.outcomes)):
            found[k, which] = number == k
        found[len(model.outcomes) :, which] = rows.milestones <= day
    return found


def parting(base: Task, rows: Rows, model: Model, theirs: Rows) -> Floats:
    """When each history (n,) of a variant, its model and rows, parts from the scenario's; inf if it never does."""
    apart: Floats = np.full(rows.status.size, np.inf)
    for which, day in enumerate(base.days):
        pairs = ((base.model, rows), (model, theirs))
        mine, other = (outcome(m, r.observed[which], r.milestones, day) for m, r in pairs)
        apart[mine != other] = np.minimum(apart[mine != other], float(day))
    for mine, other in zip((*rows.milestones, rows.end), (*theirs.milestones, theirs.end), strict=True):
        differ = (np.minimum(mine, other) < np.inf) & ~_near(mine, other)
        apart[differ] = np.minimum(apart[differ], np.minimum(mine, other)[differ])
    both = {row.name for row in base.model.rows} & {row.name for row in model.rows}
    one, two = _told(base.model, rows.log, both), _told(model, theirs.log, both)
    for these, those in ((one, two), (two, one)):
        alone = ~_matched(these, those)
        np.minimum.at(apart, these["position"][alone], these["time"][alone])
    return apart


def _near(these: Floats, those: Floats) -> Truth:
    """Whether times are one but for rounding."""
    found: Truth = np.abs(np.where(np.isfinite(these), these, -1.0) - np.where(np.isfinite(those), those, -1.0)) <= NEAR
    return found


def _told(model: Model, log: Log | None, both: set[str]) -> NDArray[Any]:
    """The events of actions that both sides have: position, place in its history, time, and what happened."""
    assert log is not None
    shared = sorted(both)
    names = [row.name for row in model.rows]
    number = np.array([shared.index(name) if name in both else -1 for name in names], dtype=np.int64)
    begins = np.array([row.branches[0].number for row in model.rows], dtype=np.int64)
    row = log.row.astype(np.int64)
    kept = (number[row] >= 0).nonzero()[0]
    # Stable, so that what happens at one time keeps its order.
    kept = kept[np.lexsort((log.time[kept], log.position[kept]))]
    position = log.position[kept].astype(np.int64)
    found = np.zeros(
        kept.size, dtype=[("position", "i8"), ("place", "i8"), ("time", "f8"), ("what", "i8"), ("by", "i8")]
    )
    starts = np.searchsorted(position, position)
    found["position"], found["place"] = position, np.arange(kept.size) - starts
    found["time"], found["what"] = log.time[kept], number[row[kept]]
    found["by"] = log.branch[kept] - begins[row[kept]]
    return found


def _matched(these: NDArray[Any], those: NDArray[Any]) -> Truth:
    """Which events have the same one at the same place of the same history."""
    if not those.size or not these.size:
        return np.zeros(these.size, dtype=np.bool_)
    wide = int(max(these["place"].max(), those["place"].max())) + 1
    mine, other = (one["position"] * wide + one["place"] for one in (these, those))
    at = np.minimum(np.searchsorted(other, mine), those.size - 1)
    found: Truth = (other[at] == mine) & _near(these["time"], those["time"][at])
    for key in ("what", "by"):
        found &= those[key][at] == these[key]
    return found


def range_of_differences(gained: Integers, lost: Integers, size: int, point: Floats) -> tuple[Floats, Floats]:
    """10-90 % range over the inputs (shape of ``point``) of a paired difference.

    ``gained`` and ``lost`` (k, …) are counts among ``size`` histories of each of k sets of inputs. As for the range of
    a chance (:mod:`sim.statistics.clusters`), the k differences are drawn together until their variance is the one
    between inputs, without the noise of ``size`` histories; the range holds ``point``.
    """
    from sim.statistics.clusters import ENDS, FEWEST

    if gained.shape[0] < FEWEST or size < 2:
        return point.copy(), point.copy()
    mean, square = (gained - lost) / size, (gained + lost) / size
    noise = (square - mean**2).mean(axis=0) / (size - 1)
    total = mean.var(axis=0, ddof=1)
    between = np.maximum(total - noise, 0.0)
    factor = np.sqrt(np.divide(between, total, out=np.zeros_like(total), where=total > 0))
    centre = mean.mean(axis=0)
    low, high = np.quantile(centre + factor * (mean - centre), ENDS, axis=0)
    alike = between == 0
    return np.where(alike, point, np.minimum(low, point)), np.where(alike, point, np.maximum(high, point))
