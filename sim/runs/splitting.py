"""Fixed-effort multilevel splitting: chances far below what plain simulation can see.

On its way to the last of some *thresholds* a history passes the ones before. Stage 0 plays ``effort`` histories from
the start until they reach the first threshold, or end; stage k plays as many that branch off from those that reached
threshold k, until the next. The chance of a threshold is the product of the shares that reached it, stage by stage.
The product is unbiased for any thresholds and any effort fixed beforehand, whether or not states that reach a threshold
are alike, because every entrant has the same mean number of branches (Garvels, "The splitting method in rare event
simulation", thesis, Twente 2000, for fixed effort). With the products as weights, the histories that ended tell the
chance of anything else, too: the weights of one repeat add up to 1.

Entrants are picked by stratified draws, one from each n-th part of their list (Douc, Cappe and Moulines, "Comparison of
resampling schemes for particle filtering", ISPA 2005): no more noise than picking each alone, and usually less.

A run is a number of independent repeats, so that its error can be seen. Every draw is keyed by (seed, repeat, stage,
branch): results do not depend on how repeats are put together, on slots or on workers.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.engines import lockstep_splitting
from sim.engines.interface import RAN_AWAY, Floats, Integers, Plan, Rows
from sim.engines.lockstep_splitting import Entrants, Stage
from sim.model import draws
from sim.model.expressions import Program
from sim.runs import store
from sim.runs.columns import flags, outcome
from sim.runs.execute import Progress, silent
from sim.runs.executors import Executor, spread, workers
from sim.runs.plan import Task, surviving_inputs

Flags = NDArray[np.bool_]

#: Branches have history numbers from here on: a plain run has fewer histories, simulated pasts begin beyond.
BRANCHES: Final = 2**60
#: Distance between the numbers of two stages, and the most branches of a stage.
STEP: Final = 2**40
#: Histories of one stage that are played together, about; their states are kept in memory.
TOGETHER: Final = 20_000
#: Name of the stream by which entrants are picked.
STREAM: Final = "splitting"
#: The arrays of :class:`Repeats`, a row for each repeat.
COLUMNS: Final = ("entered", "by_day", "outcomes", "flags", "milestones", "ran_away", "played")


@dataclass(frozen=True, eq=False)
class Ladder:
    """A level, a whole-number function of the state, and the ascending thresholds on the way to the last one."""

    level: Program
    thresholds: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.thresholds or list(self.thresholds) != sorted(set(self.thresholds)):
            raise ValueError(f"thresholds {self.thresholds}: at least one is needed, and they must ascend")


@dataclass(frozen=True, eq=False)
class Repeats:
    """What R repeats found of L thresholds, each with so many histories a stage; days as in the task.

    ``entered`` (R, L) are the histories that reached each threshold. ``by_day`` (R, L, days) estimates the chance to
    reach it by each day, ``outcomes`` (R, outcomes), ``flags`` (R, flags) those at the end, ``milestones``
    (R, milestones, days) those by each day; ``ran_away`` (R,) the chance that a history ran away. ``played`` (R, L + 1)
    are the histories of each stage, ``events`` () all events simulated.
    """

    effort: int
    entered: Integers
    by_day: Floats
    outcomes: Floats
    flags: Floats
    milestones: Floats
    ran_away: Floats
    played: Integers
    events: int

    @property
    def chances(self) -> Floats:
        """Chance to reach each threshold by the end, by each repeat (R, L)."""
        chances: Floats = np.asarray(np.cumprod(self.entered / self.effort, axis=1), dtype=np.float64)
        return chances


def run(
    task: Task,
    ladder: Ladder,
    effort: int,
    repeats: int,
    *,
    executor: Executor = "auto",
    progress: Progress = silent,
    folder: Path | None = None,
) -> Repeats:
    """So many repeats of splitting a task, each with ``effort`` histories in every stage.

    With a ``folder``, which has to be that of this task, ladder and effort alone, repeats are kept there as they are
    done, and those that are there are not played again.

    Raises SimulationError as the engine does, RunError where the folder cannot be written to.
    """
    if not 1 <= effort * repeats < STEP:
        raise ValueError(f"{repeats:,} repeats of {effort:,} histories: at least one, and fewer than {STEP:,} in all")
    together = max(1, TOGETHER // effort)
    items = [range(first, min(first + together, repeats)) for first in range(0, repeats, together)]
    found: dict[range, Repeats] = {}
    for item in items if folder is not None else ():
        before = _read(_path(folder, item), task, len(item))
        if before is not None:
            found[item] = before
            progress(len(item) * effort * (len(ladder.thresholds) + 1))
    left = [item for item in items if item not in found]
    player = _Player(task, ladder, effort)
    for index, part in spread(player, left, workers(executor, effort * repeats * len(ladder.thresholds))):
        item = left[index]
        found[item] = part
        if folder is not None:
            _keep(_path(folder, item), task, part)
        progress(len(item) * effort * (len(ladder.thresholds) + 1))
    return joined([found[item] for item in items])


def _path(folder: Path | None, item: range) -> Path:
    assert folder is not None
    return folder / f"repeats-{item.start:05d}-{item.stop - 1:05d}.npz"


def _keep(path: Path, task: Task, part: Repeats) -> None:
    """Write some repeats, with the model they are of."""
    whole = io.BytesIO()
    columns = {name: getattr(part, name) for name in COLUMNS}
    np.savez(whole, model=np.array(task.model.digest), effort=part.effort, events=part.events, **columns)
    store.write_whole(path, whole.getvalue())


def _read(path: Path, task: Task, repeats: int) -> Repeats | None:
    """Repeats that were kept; None where there are none, or damaged ones, or those of another model."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
            if str(kept["model"]) != task.model.digest or kept["entered"].shape[0] != repeats:
                return None
            columns = {name: kept[name] for name in COLUMNS}
            return Repeats(int(kept["effort"]), **columns, events=int(kept["events"]))
    except (OSError, ValueError, LookupError, zipfile.BadZipFile):
        return None


def joined(parts: Sequence[Repeats]) -> Repeats:
    """Repeats of several parts, one after another."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    return Repeats(parts[0].effort, **columns, events=sum(part.events for part in parts))


@dataclass(frozen=True, eq=False)
class _Player:
    """Plays some repeats together; a class, so that it can be sent to another process."""

    task: Task
    ladder: Ladder
    effort: int

    def __call__(self, repeats: range) -> Repeats:
        return play(self.task, self.ladder, self.effort, repeats)


def play(task: Task, ladder: Ladder, effort: int, repeats: range, slots: int | None = None) -> Repeats:
    """The repeats with these numbers, side by side."""
    model, days, n = task.model, np.array(task.days, dtype=np.float64), len(repeats)
    found = _nothing(task, len(ladder.thresholds), effort, n)
    events, weight, alive = 0, np.ones(n), np.arange(n)
    begun: Entrants | None = None
    before = np.zeros(0, dtype=np.int64)
    for stage, threshold in enumerate((*ladder.thresholds, None)):
        own = np.repeat(alive, effort)  # whose history each is, and its number
        numbers = (np.array(repeats)[alive][:, None] * effort + np.arange(effort)).ravel()
        parents: Integers | None = None
        if begun is None:
            inputs = surviving_inputs(task, numbers)
        else:
            numbers += BRANCHES + STEP * stage
            parents, inputs = picked(task.seed, numbers, np.bincount(before[begun.positions])[alive]), numbers
        plan = Plan(task.seed, float(task.until), inputs, numbers)
        rows, entrants = lockstep_splitting.simulate(model, plan, Stage(ladder.level, threshold, begun, parents), slots)
        events += int(rows.fired.sum())
        found.played[alive, stage] = effort
        ended = np.ones(own.size, dtype=np.bool_)
        ended[entrants.positions] = False
        _count(task, found, rows, ended, partial(_share, own[ended], weight / effort))
        if threshold is None:
            break
        entered = np.bincount(own[entrants.positions], minlength=n)
        found.entered[:, stage] = entered
        for i, day in enumerate(days):
            by_then = np.bincount(own[entrants.positions[entrants.times <= day]], minlength=n)
            found.by_day[:, stage, i] = weight * by_then / effort
        weight = weight * entered / effort
        alive, begun, before = entered.nonzero()[0], entrants, own
        if alive.size == 0:
            break
    return replace(found, events=events)


def picked(seed: int, branches: Integers, entrants: Integers) -> Integers:
    """Places of the parents of some branches (n,), by their history numbers, in the list of all entrants.

    The list holds ``entrants[i]`` > 0 of repeat i, repeat by repeat; each repeat has an equal number of branches.
    """
    effort = branches.size // entrants.size
    key = np.array(draws.key_of(seed, STREAM), dtype=np.uint64)[:, None]
    u = draws.uniform(key, branches.astype(np.uint64), 0, draws.REQUIREMENT).reshape(entrants.size, effort)
    place = ((np.arange(effort) + u) / effort * entrants[:, None]).astype(np.int64)
    first = np.cumsum(entrants) - entrants
    return (first[:, None] + np.minimum(place, entrants[:, None] - 1)).ravel()


def _nothing(task: Task, thresholds: int, effort: int, repeats: int) -> Repeats:
    """Repeats that have found nothing yet."""
    model, days = task.model, len(task.days)
    return Repeats(
        effort,
        entered=np.zeros((repeats, thresholds), dtype=np.int64),
        by_day=np.zeros((repeats, thresholds, days)),
        outcomes=np.zeros((repeats, len(model.outcomes))),
        flags=np.zeros((repeats, len(model.flags))),
        milestones=np.zeros((repeats, len(model.milestones), days)),
        ran_away=np.zeros(repeats),
        played=np.zeros((repeats, thresholds + 1), dtype=np.int64),
        events=0,
    )


def _share(whose: Integers, weight: Floats, holds: Flags) -> Floats:
    """What some of the histories that ended weigh, repeat by repeat."""
    return weight * np.bincount(whose[holds], minlength=weight.size)


def _count(task: Task, found: Repeats, rows: Rows, ended: Flags, share: Callable[[Flags], Floats]) -> None:
    """Add the histories of a stage that have ended, with the ``share`` that some of those make up in each repeat."""
    model = task.model
    state, times = rows.state[:, ended], rows.milestones[:, ended]
    ends = outcome(model, state, times, task.until)
    for i in range(len(model.outcomes)):
        found.outcomes[:, i] += share(ends == i)
    for i, holds in enumerate(flags(model, state, times, task.until)):
        found.flags[:, i] += share(holds)
    for i, reached in enumerate(times):
        for j, day in enumerate(task.days):
            found.milestones[:, i, j] += share(reached <= day)
    found.ran_away[:] += share(rows.status[ended] == RAN_AWAY)
