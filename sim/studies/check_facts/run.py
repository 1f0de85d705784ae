"""The histories behind ``study=check_facts``: as many as it takes until enough of them agree with the reports.

Histories are simulated up to the last report; those that agree are followed further, which needs no second luck: what
happens in a history does not depend on how long it is watched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.beliefs.facts import Fact
from sim.engines.interface import RAN_AWAY, Floats, Integers, Rows
from sim.model.laws import Law
from sim.runs.execute import TOGETHER, Executor, Progress, silent, spread, workers
from sim.runs.plan import Part, Task, made_ready, parts, simulate, simulate_part
from sim.statistics.weighted import effective

#: Rounds of further histories at most; each is as large as the last one lets expect to be enough.
ROUNDS: Final = 6
#: Without any that agree, so many times as many are tried next.
LEAP: Final = 10
#: Weights are whole multiples of 1 / FINE: up to millions of them add up without rounding, however the parts are cut.
FINE: Final = 2.0**30

Table = tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class Gathered:
    """What so many ``simulated`` histories say.

    ``tables`` and ``given``: for each fact the values that occurred with the number of histories, and with the weight
    that the facts before it leave them. Of the k histories that agree with all facts: ``numbers`` and ``weights``
    (k,), ``inputs`` (inputs, k) and ``starts`` (hidden starts, k). ``prior_inputs`` and ``prior_starts`` are those of
    the first histories, agreeing or not.
    """

    simulated: int
    ran_away: int
    tables: tuple[Table, ...]
    given: tuple[Table, ...]
    numbers: Integers
    weights: Floats
    inputs: Floats
    starts: Integers
    prior_inputs: Floats
    prior_starts: Integers

    @property
    def effective(self) -> float:
        """So many histories of equal weight are those that agree worth."""
        return effective(self.weights)

    @property
    def agreeing(self) -> float:
        """Share of the histories that agree, those that agree in part counted in part."""
        return float(self.weights.sum()) / self.simulated


def watching(task: Task, facts: Sequence[Fact]) -> Task:
    """The task as far as the last of the facts, read at the day of each."""
    days = tuple(sorted({fact.day for fact in facts}))
    return replace(task, until=days[-1], days=days, watched=())


def gather(
    task: Task,
    facts: Sequence[Fact],
    replications: int,
    *,
    wanted: float = 0.0,
    most: int = 0,
    chunk: int = TOGETHER,
    executor: Executor = "auto",
    progress: Progress = silent,
) -> Gathered:
    """Simulate ``replications`` histories, and more, up to ``most``, until ``wanted`` effective ones agree.

    The number simulated depends on what agrees and on ``replications``, and not on ``chunk``.
    """
    seen: list[_Piece] = []
    total, goal = 0, replications
    for _ in range(ROUNDS):
        ready = made_ready(watching(task, facts), goal - total)
        todo = [Part(p.number, p.first + total, p.count) for p in parts(goal - total, chunk)]
        look = _Look(ready, tuple(facts), replications)
        made: dict[int, _Piece] = {}
        for index, piece in spread(look, todo, workers(executor, goal - total)):
            made[index] = piece
            progress(todo[index].count)
        seen += [made[i] for i in range(len(todo))]
        total = goal
        worth = effective(np.concatenate([piece.weights for piece in seen]))
        if worth >= wanted or total >= most:
            break
        needed = total * 1.05 * wanted / worth if worth > 0.0 else float(total * LEAP)
        goal = min(most, math.ceil(min(needed, total * LEAP) / replications) * replications)
    return _joined(seen, len(facts), total)


def first_times(task: Task, milestone: str, numbers: Integers, progress: Progress = silent) -> Floats:
    """First times (n,) of a milestone in the histories of these numbers, followed to the end of the task."""
    row = task.model.milestones.index(milestone)
    plain = made_ready(replace(task, watched=(), days=(task.until,)), numbers.size)
    pieces = [numbers[first : first + TOGETHER] for first in range(0, numbers.size, TOGETHER)]
    found = []
    for piece in pieces:
        found.append(simulate(plain, piece, piece).milestones[row])
        progress(piece.size)
    return np.concatenate(found) if found else np.zeros(0)


def hidden_starts(task: Task) -> list[int]:
    """Places of the variables whose start is drawn."""
    return [i for i, start in enumerate(task.model.start) if isinstance(start, Law)]


@dataclass(frozen=True, eq=False)
class _Piece:
    ran_away: int
    tables: tuple[Table, ...]
    given: tuple[Table, ...]
    numbers: Integers
    weights: Floats
    inputs: Floats
    starts: Integers
    prior: tuple[Floats, Integers]


@dataclass(frozen=True, eq=False)
class _Look:
    """Simulates a part and keeps what bears on the facts; a class, so that it can be sent to another process.

    The inputs of all histories are kept of those before number ``keep``.
    """

    task: Task
    facts: tuple[Fact, ...]
    keep: int

    def __call__(self, part: Part) -> _Piece:
        rows = simulate_part(self.task, part)
        numbers = np.arange(part.first, part.first + part.count, dtype=np.int64)
        sane = rows.status != RAN_AWAY
        weights = sane.astype(np.float64)
        tables, given = [], []
        for fact in self.facts:
            true = self._true(rows, fact)
            tables.append(_summed([(true.astype(np.float64), sane.astype(np.float64))]))
            given.append(_summed([(true.astype(np.float64), weights)]))
            weights = np.round(weights * fact.weights(true) * FINE) / FINE
        agree, hidden, first = weights > 0.0, hidden_starts(self.task), numbers < self.keep
        starts = rows.start[hidden]
        return _Piece(
            int((~sane).sum()), tuple(tables), tuple(given), numbers[agree], weights[agree], rows.inputs[:, agree],
            starts[:, agree], (rows.inputs[:, first], starts[:, first]),
        )  # fmt: skip

    def _true(self, rows: Rows, fact: Fact) -> Integers:
        row, day = self.task.model.variables.index(fact.name), self.task.days.index(fact.day)
        return np.asarray(rows.observed[day, row])


def _joined(pieces: Sequence[_Piece], facts: int, simulated: int) -> Gathered:
    def side(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(arrays, axis=-1)

    return Gathered(
        simulated,
        sum(piece.ran_away for piece in pieces),
        tuple(_summed([piece.tables[i] for piece in pieces]) for i in range(facts)),
        tuple(_summed([piece.given[i] for piece in pieces]) for i in range(facts)),
        side([piece.numbers for piece in pieces]),
        side([piece.weights for piece in pieces]),
        side([piece.inputs for piece in pieces]),
        side([piece.starts for piece in pieces]),
        side([piece.prior[0] for piece in pieces]),
        side([piece.prior[1] for piece in pieces]),
    )


def _summed(tables: Sequence[Table]) -> Table:
    values, place = np.unique(np.concatenate([table[0] for table in tables]), return_inverse=True)
    mass = np.concatenate([table[1] for table in tables])
    return values, np.asarray(np.bincount(place, weights=mass, minlength=values.size), dtype=np.float64)
