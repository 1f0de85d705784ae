"""What a run simulates: a task, split into parts of consecutive replications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from sim.engines.interface import Integers, Plan, Rows
from sim.model.compiled import Model
from sim.model.expressions import Program

Engine = Literal["lockstep", "reference"]
ENGINES: Final = ("lockstep", "reference")


@dataclass(frozen=True, eq=False)
class Task:
    """A compiled scenario with all that decides its histories.

    ``until`` is the length in days. ``days`` are the whole days at which outcomes are read, ascending; the last one
    is ``until``. ``rung`` gives the rung 0 … ``rungs`` - 1 of a state; without it no occupancy is kept.
    """

    model: Model
    seed: int
    until: int
    days: tuple[int, ...]
    rung: Program | None = None
    rungs: int = 0
    engine: Engine = "lockstep"

    def __post_init__(self) -> None:
        if self.until < 1 or not self.days or self.days[-1] != self.until:
            raise ValueError(f"days {self.days}: outcomes are read at ascending days, the last of them {self.until}")
        if list(self.days) != sorted(set(self.days)) or self.days[0] < 0:
            raise ValueError(f"days {self.days}: they must ascend from 0 on")
        if (self.rung is None) != (self.rungs == 0):
            raise ValueError(f"{self.rungs} rungs need a program that tells them apart, and no rungs need none")
        if self.engine not in ENGINES:
            raise ValueError(f"engine {self.engine!r}; choose from {', '.join(ENGINES)}")
        if not self.model.outcomes:
            raise ValueError(f"{self.model.name}: a forecast needs outcomes; the scenario has none")


@dataclass(frozen=True)
class Part:
    """Replications ``first … first + count - 1``; ``number`` is the place of the part in its run."""

    number: int
    first: int
    count: int


def parts(replications: int, size: int) -> list[Part]:
    """Split replications 0 … replications - 1 into parts of ``size``; the last one may be smaller.

    Raises ValueError unless both are at least 1.
    """
    if replications < 1 or size < 1:
        raise ValueError(f"{replications} replications in parts of {size}: both must be at least 1")
    starts = range(0, replications, size)
    return [Part(number, first, min(size, replications - first)) for number, first in enumerate(starts)]


def simulate(task: Task, inputs: Integers, histories: Integers) -> Rows:
    """Rows of the units (input number, history number), both of shape (n,), seen at the days of the task."""
    plan = Plan(
        task.seed,
        float(task.until),
        inputs,
        histories,
        observe=tuple(float(day) for day in task.days),
        rung=task.rung,
        rungs=task.rungs,
    )
    if task.engine == "reference":
        from sim.engines import reference

        return reference.simulate(task.model, plan)
    from sim.engines import lockstep

    return lockstep.simulate(task.model, plan)


def simulate_part(task: Task, part: Part) -> Rows:
    """Rows of a part of a plain run, where every replication is a unit of its own."""
    numbers = np.arange(part.first, part.first + part.count, dtype=np.int64)
    return simulate(task, numbers, numbers)
