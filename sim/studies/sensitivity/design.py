"""Designs of thousands of points inside one job: what is drawn is fixed or drawn anew by the names of the inputs.

A draw is a function of seed, name and input number. An input (or hidden type) under another name therefore has other,
independent draws, and everything else, the luck included, stays bit for bit what it was. So "A with input x from B" is
the same model with x renamed, and each column of a design is one model played over all points. No engine knows of it.

A survived past ties the inputs to one another, and would be another one under other names: designs forget it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import RAN_AWAY, Integers
from sim.engines.units import draw_inputs, draw_starts, keys_for
from sim.model.compiled import compile_model
from sim.model.laws import Law
from sim.model.renaming import renamed
from sim.model.spec import Spec
from sim.runs.execute import Progress, spread, workers
from sim.runs.plan import Task, made_ready, play
from sim.statistics.explained import bins_of
from sim.statistics.shown import words
from sim.studies.settings import Settings

if TYPE_CHECKING:
    from sim.scenario.scenario import Evidence, Scenario

Floats = NDArray[np.float64]

#: Histories played together.
TOGETHER: Final = 20_000


@dataclass(frozen=True)
class Uncertain:
    """An input or hidden start that is drawn: its name, what it is, and the kind of its basis.

    ``judged``: it rests on data or a report, and the words of its basis say that something in it is judged.
    """

    name: str
    says: str
    basis: str
    judged: bool = False


@dataclass(frozen=True)
class Quantity:
    """A number read off each history.

    ``kind`` is count (a variable at the end), time (days to a milestone, at most all) or event (0 or 1: it comes).
    """

    kind: str
    name: str


@dataclass(frozen=True, eq=False)
class Outputs:
    """``values`` (quantities, columns, points, histories) and how many histories ran away."""

    values: Floats
    ran_away: int


def uncertain_inputs(scenario: Scenario) -> list[Uncertain]:
    """All inputs and hidden starts that are drawn once for each unit."""
    drawn = {quantity.name for quantity in scenario.spec.inputs if quantity.law.family != "fixed"}
    found = [
        Uncertain(info.name, info.meaning or words(info.name), info.evidence.kind, _judged(info.evidence))
        for info in scenario.inputs
        if info.name in drawn
    ]
    for variable in scenario.spec.variables:
        told = scenario.variables.get(variable.name)
        if told is not None and isinstance(variable.start, Law):
            found.append(Uncertain(variable.name, told.meaning, told.evidence.kind, _judged(told.evidence)))
    return found


def _judged(evidence: Evidence) -> bool:
    return evidence.kind in ("data", "report") and "judg" in evidence.why.lower()


def anew(spec: Spec, names: Sequence[str]) -> Spec:
    """The model with other draws of some inputs and hidden starts, and all else alike."""
    return renamed(spec, {name: f"{name} drawn anew" for name in names})


def pick_freeze(spec: Spec, groups: Sequence[Sequence[str]], everything: Sequence[str]) -> list[Spec]:
    """The columns of a design: A, A with each group from B, and B."""
    return [spec, *(anew(spec, group) for group in groups), anew(spec, everything)]


def play_design(
    specs: Sequence[Spec],
    quantities: Sequence[Quantity],
    until: int,
    points: int,
    histories: int,
    *,
    settings: Settings,
    progress: Progress,
) -> Outputs:
    """Play every column of a design over the same points with the same luck.

    Point i has input number i and the histories i x ``histories`` … in all columns.
    """
    tasks = [
        Task(compile_model(spec, strict=False), settings.seed, until, (until,), engine=settings.engine)
        for spec in specs
    ]
    work = points * histories * len(tasks)
    # The engine is chosen once, for all columns together.
    ready = [replace(task, engine=made_ready(tasks[0], work).engine) for task in tasks]
    step = max(TOGETHER // histories, 1)
    places = [(c, first, min(step, points - first)) for c in range(len(ready)) for first in range(0, points, step)]
    values = np.empty((len(quantities), len(ready), points, histories))
    player = _Player(tuple(quantities), histories)
    ran_away = 0
    items = [(ready[column], first, count) for column, first, count in places]
    for index, (found, away) in spread(player, items, workers(settings.executor, work)):
        column, first, count = places[index]
        values[:, column, first : first + count] = found
        ran_away += away
        progress(count * histories)
    return Outputs(values, ran_away)


@dataclass(frozen=True)
class _Player:
    """Plays some points of one column; a class, so that it can be sent to another process."""

    quantities: tuple[Quantity, ...]
    histories: int

    def __call__(self, item: tuple[Task, int, int]) -> tuple[Floats, int]:
        task, first, count = item
        inputs = np.repeat(np.arange(first, first + count, dtype=np.int64), self.histories)
        numbers = np.arange(first * self.histories, (first + count) * self.histories, dtype=np.int64)
        rows = play(task, inputs, numbers)
        found = np.empty((len(self.quantities), count, self.histories))
        for which, quantity in enumerate(self.quantities):
            if quantity.kind == "count":
                row = rows.state[_place(task.model.variables, quantity.name)].astype(np.float64)
            elif quantity.kind == "time":
                row = np.minimum(rows.milestones[task.model.milestones.index(quantity.name)], task.until)
            else:
                row = (rows.milestones[task.model.milestones.index(quantity.name)] <= task.until).astype(np.float64)
            found[which] = row.reshape(count, self.histories)
        return found, int(np.count_nonzero(rows.status == RAN_AWAY))


def _place(names: Sequence[str], name: str) -> int:
    """Place of a variable, which may have other draws in this column."""
    return names.index(name) if name in names else names.index(f"{name} drawn anew")


def bins_by_input(spec: Spec, seed: int, points: int) -> dict[str, Integers]:
    """The bin of every point by each uncertain input or hidden start, by its name."""
    model = compile_model(spec, strict=False)
    keys, numbers = keys_for(model, seed), np.arange(points, dtype=np.int64)
    inputs, starts = draw_inputs(model, keys, numbers), draw_starts(model, keys, numbers)
    found = {name: bins_of(inputs[i]) for i, name in enumerate(model.inputs)}
    for i, name in enumerate(model.variables):
        if isinstance(model.start[i], Law):
            found[name] = bins_of(starts[i].astype(np.float64))
    return found


def counts_of(scenario: Scenario) -> list[str]:
    """Variables that are counts without a maximum and fade not: what adds up over a history."""
    open_ended = [v.name for v in scenario.spec.variables if v.upper is None]
    return [n for n in open_ended if (told := scenario.variables.get(n)) is not None and not told.fades]


def by_basis(inputs: Sequence[Uncertain]) -> Mapping[str, list[str]]:
    """Names of the inputs by the kind of their basis, judgements first."""
    order = ("judgement", "data", "report", "change")
    kinds = sorted({one.basis for one in inputs}, key=lambda kind: (order.index(kind) if kind in order else 9, kind))
    return {kind: [one.name for one in inputs if one.basis == kind] for kind in kinds}
