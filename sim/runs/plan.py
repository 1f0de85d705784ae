"""What a run simulates: a task, split into parts of consecutive replications."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from sim.engines.interface import Integers, Plan, Rows, Watched
from sim.model.compiled import Model
from sim.runs.past import Past, surviving

Engine = Literal["lockstep", "reference", "compiled", "auto"]
ENGINES: Final = ("lockstep", "reference", "compiled", "auto")
#: With fewer histories, what the compiled engine saves is lost again on loading (or even making) its kernel.
COMPILED_PAYS: Final = 100_000


@dataclass(frozen=True, eq=False)
class Task:
    """A compiled scenario with all that decides its histories.

    ``until`` is the length in days. ``days`` are the whole days at which outcomes are read, ascending; the last one
    is ``until``. The numbers ``watched`` are counted at the end of every day; their names differ. With a ``past`` the
    inputs and hidden starts are those that survive it (see :mod:`sim.runs.past`); without, whatever is drawn.
    """

    model: Model
    seed: int
    until: int
    days: tuple[int, ...]
    watched: tuple[Watched, ...] = ()
    engine: Engine = "lockstep"
    past: Past | None = None

    def __post_init__(self) -> None:
        if self.until < 1 or not self.days or self.days[-1] != self.until:
            raise ValueError(f"days {self.days}: outcomes are read at ascending days, the last of them {self.until}")
        if list(self.days) != sorted(set(self.days)) or self.days[0] < 0:
            raise ValueError(f"days {self.days}: they must ascend from 0 on")
        names = [number.name for number in self.watched]
        if "" in names or len(set(names)) < len(names):
            raise ValueError(f"numbers watched {names}: each needs a name of its own")
        if self.engine not in ENGINES:
            raise ValueError(f"engine {self.engine!r}; choose from {', '.join(ENGINES)}")
        if not self.model.outcomes:
            raise ValueError(f"{self.model.name}: a forecast needs outcomes; the scenario has none")
        if self.past is not None and [n for n, _ in self.past.model.outcomes] != [n for n, _ in self.model.outcomes]:
            raise ValueError(f"{self.model.name}: the past is told in other outcomes than the run")


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


def parts_around(kept: Sequence[Part], replications: int, size: int) -> list[Part]:
    """Split replications 0 … replications - 1 around parts that are there already: those stay as they were cut.

    ``kept`` in the order of their numbers; one that cannot have its place (past the end, over another, no room in the
    numbering for what is missing before it) is left out. What is missing between two is split into as many parts as
    there are numbers between them, what is missing at the end into parts of ``size``.

    Raises ValueError unless both numbers are at least 1.
    """
    found: list[Part] = []
    first = 0
    for part in kept:
        gap, room = part.first - first, part.number - len(found)
        if part.first + part.count <= replications and min(gap, 1) <= room <= gap:
            edges = [first + gap * i // room for i in range(room + 1)] if room else []
            pieces = itertools.pairwise(edges)
            found += [Part(len(found) + i, low, high - low) for i, (low, high) in enumerate(pieces)]
            found.append(part)
            first = part.first + part.count
    rest = parts(replications - first, size) if first < replications or not found else []
    return [*found, *(Part(len(found) + p.number, first + p.first, p.count) for p in rest)]


def engine_for(engine: Engine, histories: int) -> tuple[Engine, str]:
    """The engine that ``auto`` stands for in a run of so many histories, and why; any other engine is itself.

    All engines give the same histories, so this is a matter of time only.
    """
    if engine != "auto":
        return engine, "as asked for"
    from sim.engines import compiled

    if not compiled.installed():
        return "lockstep", "Numba, which engine=compiled needs, is not installed"
    if histories <= COMPILED_PAYS:
        return "lockstep", f"for up to {COMPILED_PAYS:,} simulated histories it is the quickest to start"
    return "compiled", f"it pays beyond {COMPILED_PAYS:,} simulated histories"


def made_ready(task: Task, histories: int) -> Task:
    """The task with its engine chosen; a compiled kernel is made here, once, before any other process needs it."""
    engine, _ = engine_for(task.engine, histories)
    ready = replace(task, engine=engine)
    if engine == "compiled":
        simulate_part(ready, Part(0, 0, 1))
    return ready


def simulate(task: Task, inputs: Integers, histories: Integers) -> Rows:
    """Rows of the units (input number, history number), both of shape (n,), seen at the days of the task.

    Raises SimulationError where the task remembers a past that its model all but rules out.
    """
    return play(task, surviving_inputs(task, inputs), histories)


def surviving_inputs(task: Task, inputs: Integers) -> Integers:
    """The input numbers (n,) that stand in for some others, given the past that the task remembers.

    Raises SimulationError where the model all but rules it out.
    """
    if task.past is None:
        return inputs

    def played(model: Model, plan: Plan) -> Rows:
        return _simulated(task.engine, model, plan)

    return surviving(task.past, task.model, task.seed, inputs, played)


def play(task: Task, inputs: Integers, histories: Integers, *, log: bool = False) -> Rows:
    """Rows of the units with these very input numbers, whether they survive the past of the task or not.

    ``log`` keeps every event.
    """
    plan = Plan(
        task.seed,
        float(task.until),
        inputs,
        histories,
        observe=tuple(float(day) for day in task.days),
        watched=task.watched,
        log=log,
    )
    return _simulated(task.engine, task.model, plan)


def _simulated(engine: Engine, model: Model, plan: Plan) -> Rows:
    engine, _ = engine_for(engine, plan.size)
    if engine == "reference":
        from sim.engines import reference

        return reference.simulate(model, plan)
    if engine == "compiled":
        from sim.engines import compiled

        return compiled.simulate(model, plan)
    from sim.engines import lockstep

    return lockstep.simulate(model, plan)


def simulate_part(task: Task, part: Part) -> Rows:
    """Rows of a part of a plain run, where every replication is a unit of its own."""
    numbers = numbers_of(part)
    return simulate(task, numbers, numbers)


def numbers_of(part: Part) -> Integers:
    """Numbers of the replications of a part, (count,)."""
    return np.arange(part.first, part.first + part.count, dtype=np.int64)
