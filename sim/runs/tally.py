"""Integer counts of a run: all that its summary and figures need, of a size that does not grow with the run.

Counts of parts add up exactly, so the order in which parts are done cannot matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import RAN_AWAY, Integers
from sim.runs.columns import STATUS, Columns, flags, outcome
from sim.runs.counts import Counts, none
from sim.runs.plan import Task, simulate
from sim.statistics.incidence import day_counts, grouped_day_counts


@dataclass(eq=False)
class Tally:
    """Counts over the histories seen so far.

    ``outcomes`` (days, outcomes) at each day of the task, ``flags`` (flags,) at the end, ``milestones``
    (milestones, until + 1) first times by day, ``culprits`` (actions,) histories that ran away at each action,
    ``status`` (3,), ``events`` and ``saturations`` in all; ``counts`` holds what is watched day by day and how often
    each branch happened.
    """

    replications: int
    outcomes: Integers
    flags: Integers
    milestones: Integers
    culprits: Integers
    status: Integers
    counts: Counts
    events: int = 0
    saturations: int = 0

    @property
    def occupancy(self) -> tuple[Integers, ...]:
        """For each number watched, histories with each value at the end of each day, (until + 1, bins)."""
        return self.counts.occupancy

    @property
    def fired(self) -> Integers:
        """How often each branch of the model happened, (branches,)."""
        return self.counts.fired

    @property
    def ran_away(self) -> int:
        """Number of histories that ran away."""
        return int(self.status[RAN_AWAY])

    def arrays(self) -> list[NDArray[Any]]:
        """All counts, in a fixed order."""
        totals = np.array([self.replications, self.events, self.saturations], dtype=np.int64)
        plain = [totals, self.status, self.outcomes, self.flags, self.milestones, self.culprits]
        return [*plain, *self.counts.arrays()]

    def add(self, task: Task, columns: Columns, counts: Counts) -> None:
        """Count the replications of a part."""
        model = task.model
        self.replications += columns["replication"].size
        names = [*(f"outcome.{day}" for day in task.days[:-1]), "outcome.end"]
        for which, name in enumerate(names):
            self.outcomes[which] += np.bincount(columns[name], minlength=len(model.outcomes))
        for which, (name, _) in enumerate(model.flags):
            self.flags[which] += np.count_nonzero(columns[f"flag.{name}"])
        for which, name in enumerate(model.milestones):
            self.milestones[which] += day_counts(columns[f"milestone.{name}"], task.until)
        culprit = columns["culprit"]
        self.culprits += np.bincount(culprit[culprit >= 0], minlength=len(model.rows))
        self.status += np.bincount(columns["status"], minlength=len(STATUS))
        self.events += int(columns["events"].sum())
        self.saturations += int(columns["saturations"].sum())
        self.counts.add(counts)


def empty(task: Task) -> Tally:
    """Counts of no history."""
    model = task.model

    def zeros(*shape: int) -> Integers:
        return np.zeros(shape, dtype=np.int64)

    return Tally(
        replications=0,
        outcomes=zeros(len(task.days), len(model.outcomes)),
        flags=zeros(len(model.flags)),
        milestones=zeros(len(model.milestones), task.until + 1),
        culprits=zeros(len(model.rows)),
        status=zeros(len(STATUS)),
        counts=none(task.watched, task.until, len(model.branches)),
    )


@dataclass(frozen=True, eq=False)
class Nested:
    """Counts of a nested run by input number: K sets of inputs with ``histories`` histories each.

    ``outcomes`` (K, days, outcomes), ``flags`` (K, flags), ``milestones`` (K, milestones, until + 1) first times by
    day.
    """

    histories: int
    outcomes: Integers
    flags: Integers
    milestones: NDArray[np.int32]

    @property
    def inputs(self) -> int:
        """Number of sets of inputs."""
        return int(self.outcomes.shape[0])


def simulate_nested(task: Task, first: int, inputs: int, histories: int) -> Nested:
    """Play input numbers ``first … first + inputs - 1`` with ``histories`` histories each.

    Input number i meets the histories i x histories … (i + 1) x histories - 1: no history serves twice, so chance
    does not tie the inputs to one another.
    """
    plain = replace(task, watched=())
    group = np.repeat(np.arange(inputs), histories)
    numbers = np.arange(first * histories, (first + inputs) * histories, dtype=np.int64)
    rows = simulate(plain, first + group, numbers)
    read = [outcome(task.model, rows.observed[which], rows.milestones, day) for which, day in enumerate(task.days)]
    held = flags(task.model, rows.state, rows.milestones, task.until)
    return count_nested(task, inputs, histories, [*rows.milestones, *read, *held])


def count_nested(task: Task, inputs: int, histories: int, columns: Sequence[NDArray[Any]]) -> Nested:
    """Counts by input of inputs x histories histories, input by input.

    ``columns`` (inputs x histories,) are the first time of each milestone, the number of the outcome at each day of
    the task, and whether each flag holds at the end.
    """
    model = task.model
    at_days = np.zeros((inputs, len(task.days), len(model.outcomes)), dtype=np.int64)
    raised = np.zeros((inputs, len(model.flags)), dtype=np.int64)
    reached = np.zeros((inputs, len(model.milestones), task.until + 1), dtype=np.int32)
    group = np.repeat(np.arange(inputs), histories)
    rest = iter(columns)
    for which in range(len(model.milestones)):
        reached[:, which] = grouped_day_counts(next(rest), group, inputs, task.until)
    for which in range(len(task.days)):
        number = next(rest)
        for k in range(len(model.outcomes)):
            at_days[:, which, k] = np.bincount(group[number == k], minlength=inputs)
    for which in range(len(model.flags)):
        raised[:, which] = np.bincount(group[next(rest)], minlength=inputs)
    return Nested(histories, at_days, raised, reached)


def join(pieces: list[Nested]) -> Nested:
    """One nested run from pieces with consecutive input numbers."""
    return Nested(
        pieces[0].histories,
        np.concatenate([piece.outcomes for piece in pieces]),
        np.concatenate([piece.flags for piece in pieces]),
        np.concatenate([piece.milestones for piece in pieces]),
    )
