"""Statements as players in a move between two forecasts: each joins with its weight, whatever else is old or new.

The value of a mixture with some statements is the chance under its own histories, bent towards them as study=weigh
does: the step in log-odds is taken from what that very mixture implies, so a statement that the model has come to
agree with moves nothing. Weights are those of the later date. Values are summed as fractions: the parts add up to the
whole change exactly. Errors are those of a jackknife over blocks of histories, which are the same in every mixture.
"""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.beliefs import weights as weighting
from sim.beliefs.record import nested_record
from sim.beliefs.weighing import Weighing
from sim.statistics import shapley
from sim.statistics.intervals import LEVEL, normal_quantile
from sim.statistics.odds import logit
from sim.studies.forecast import task_of
from sim.studies.settings import Settings
from sim.studies.weigh.weighed import NothingLeftError, claims_of, in_force

if TYPE_CHECKING:
    from sim.scenario.scenario import Statement
    from sim.studies.update.mix import Pair

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
#: Blocks of histories that the jackknife leaves out in turn.
BLOCKS: Final = 50
#: What statements together are called where there are too many players.
TOGETHER: Final = "statements"

Data = dict[str, Any]


@dataclass(frozen=True)
class Mark:
    """A proposition on a calendar day, ``offset`` days after the day for which all forecasts are made."""

    offset: int
    milestone: str | None = None
    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """A statement in a move: its readings, the weight that it gets, and whether it came with the later date."""

    statement: Statement
    marks: tuple[Mark, ...]
    weight: float
    fresh: bool

    @property
    def name(self) -> str:
        """Name of the group that it is."""
        return f"statement_{self.statement.name}"


def said_in(
    pair: Pair, by: datetime.date, names: Sequence[str] | None, weight: float | None, settings: Settings
) -> tuple[Said, ...]:
    """The statements in force on the later date of a move, with their weights there: as asked, or by rule.

    Raises SettingError for one that cannot be given weight.
    """
    old, new = pair.old, pair.new
    known = {s.name for s in new.statements if s.about is None}
    asked = None if names is None else [name for name in names if name in known]
    if not known or asked == []:
        return ()
    chosen = in_force(new, asked)
    task = task_of(new, settings)
    try:
        claims, _ = claims_of(new, chosen, task)
    except NothingLeftError:
        return ()
    given = [0.0 if weight is None else weight] * len(claims)
    if weight is None:
        nested = nested_record(task, settings.inputs, settings.histories, executor=settings.executor)
        if nested is not None:
            given = Weighing(claims, nested, nested, settings.inputs, task.days).default_weights()
    by_name = {statement.name: statement for statement in chosen}
    shift = (new.as_of - by).days
    found = []
    for claim, w in zip(claims, given, strict=True):
        statement = by_name[claim.name]
        marks = tuple(Mark(day + shift, claim.milestone, claim.outcomes) for day in claim.days)
        found.append(Said(statement, marks, float(w), statement.known_on > old.as_of))
    return tuple(found)


def players_of(said: Sequence[Said], room: int) -> list[tuple[str, tuple[Said, ...]]]:
    """Statements that came with the later date as players: each alone, or together where there is no room."""
    fresh = [one for one in said if one.fresh]
    if len(fresh) > max(room, 1):
        return [(TOGETHER, tuple(fresh))]
    return [(one.name, (one,)) for one in fresh]


class Values:
    """What is asked under one mixture, with any of the statements: the whole value, and without each block.

    ``happened`` (events, n) are the things asked, ``marked`` mark -> (n,) the propositions.
    """

    def __init__(self, happened: Truths, marked: Mapping[Mark, Truths], said: Sequence[Said]) -> None:
        self.said = said
        self.places = {mark: i for i, mark in enumerate(dict.fromkeys(m for one in said for m in one.marks))}
        n = happened.shape[1]
        cells = weighting.cells(np.array([marked[mark] for mark in self.places], dtype=np.bool_))
        self.holds, count = cells.holds.astype(np.float64), cells.share.size
        blocks = min(BLOCKS, n)
        place = (np.arange(n) * blocks // n) * count + cells.index

        def table(which: NDArray[np.int64]) -> Floats:
            counts = np.bincount(which, minlength=blocks * count).reshape(blocks, count).astype(np.float64)
            whole = counts.sum(axis=0)
            return np.concatenate([whole[None], whole - counts])

        self.all = table(place)
        self.met = np.array([table(place[held]) for held in happened])

    def of(self, active: Sequence[Said]) -> Floats:
        """Chances (blocks + 1, events) with these statements weighed; the first row is that of all histories."""
        size = self.all.sum(axis=1, keepdims=True)
        share = self.all @ self.holds.T / size
        own = logit(weighting.sure_implied(share, size))
        weights = _capped(active)
        laws = []
        for marks in itertools.product(*(one.marks for one in active)):
            step = np.zeros_like(self.all)
            for one, mark, weight in zip(active, marks, weights, strict=True):
                p = self.places[mark]
                apart = weighting.stated_odds(one.statement.stated.middle) - own[:, [p]]
                step += weight * apart * self.holds[p]
            ratio = np.exp(step - step.max(axis=1, keepdims=True))
            laws.append(ratio / (self.all * ratio).sum(axis=1, keepdims=True))
        law = sum(laws[1:], laws[0]) / len(laws)
        # Without a weight every history counts the same, and the value is the plain share to the last digit.
        if not any(weights):
            return np.asarray(self.met.sum(axis=2).T / size)
        return np.asarray((self.met * law).sum(axis=2).T)


def _capped(active: Sequence[Said]) -> list[float]:
    """Weights of those that are in, with those of one origin scaled so that they sum to the largest of them."""
    found = []
    for one in active:
        same = [other.weight for other in active if other.statement.origin == one.statement.origin]
        total = sum(same)
        found.append(one.weight * max(same) / total if total > 0 else 0.0)
    return found


def shared(
    values: Mapping[int, Floats], players: int, joining: Sequence[Sequence[int]]
) -> list[list[tuple[float, float]]]:
    """Shapley value and half-width of its 95 % interval, for each player and event.

    ``values``: mask -> (blocks + 1, events). ``joining``: the orders tried; none stands for all of them.
    """
    counts: list[dict[int, int]] = [{} for _ in range(players)]
    if joining:
        scale = len(joining)
        for order in joining:
            mask = 0
            for player in order:
                for which, sign in ((mask | 1 << player, 1), (mask, -1)):
                    counts[player][which] = counts[player].get(which, 0) + sign
                mask |= 1 << player
    else:
        scale = math.factorial(players)
        table = shapley.coefficients(players)
        counts = [{mask: int(c) for mask, c in enumerate(row)} for row in table]
    events = next(iter(values.values())).shape[1]
    found = []
    for player in range(players):
        rows = []
        for event in range(events):
            parts = (count * Fraction(float(values[mask][0, event])) for mask, count in counts[player].items())
            value = float(sum(parts, Fraction(0)) / scale)
            blocks = sum(count * values[mask][1:, event] for mask, count in counts[player].items()) / scale
            rows.append((value, math.hypot(jackknife(np.asarray(blocks)), _choice(values, player, joining, event))))
        found.append(rows)
    return found


def difference(values: Mapping[int, Floats], first: int, second: int, event: int) -> tuple[float, float]:
    """Difference between two coalitions, and the half-width of its 95 % interval."""
    blocks = values[second][1:, event] - values[first][1:, event]
    return float(values[second][0, event]) - float(values[first][0, event]), jackknife(blocks)


def jackknife(left_out: Floats) -> float:
    """Half-width of a 95 % interval from the values (blocks,) that are had without one block each."""
    size = left_out.size
    spread = float(((left_out - left_out.mean()) ** 2).sum()) * (size - 1) / size
    return normal_quantile(LEVEL) * math.sqrt(spread)


def _choice(values: Mapping[int, Floats], player: int, joining: Sequence[Sequence[int]], event: int) -> float:
    """Half-width of what the choice of orders, in pairs, adds to the error."""
    if not joining:
        return 0.0
    added = []
    for order in joining:
        mask = 0
        for other in order[: list(order).index(player)]:
            mask |= 1 << other
        added.append(float(values[mask | 1 << player][0, event] - values[mask][0, event]))
    pairs = np.array(added).reshape(-1, 2).mean(axis=1)
    return float(normal_quantile(LEVEL) * pairs.std(ddof=1) / math.sqrt(pairs.size))
