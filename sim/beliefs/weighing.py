"""Statements against simulated histories: what the model implied, and the histories bent by a weight and a method.

A statement without a deadline has several readings. One law is bent for each reading (for each combination, where
several statements are open), and the laws are averaged: not knowing what was meant is no random deadline.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.beliefs import inputs, weights
from sim.beliefs.record import Event, Record
from sim.beliefs.weights import Cells, InfeasibleError
from sim.statistics.odds import expit, logit
from sim.statistics.stated import Stated, spread_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

Method = Literal["pool", "meet", "linear", "evidence"]
METHODS: Final[Mapping[Method, str]] = {
    "pool": "the model and the statement are two opinions, averaged in log-odds; several statements add up, in any "
    "order",
    "meet": "the chances must come out as averaged, and nothing else changes more than it has to; statements in "
    "conflict have no answer",
    "linear": "with a chance of the weight the speaker knows, and else the model stands",
    "evidence": "the speaker had a noisy reading of the chance itself, which tells about the inputs; luck stays luck",
}
#: Error of one public expert in log-odds, and the histories below which a bent law is too thin.
ERROR: Final = 2.0
ENOUGH: Final = 2_000.0
#: Beyond so many nats the statement replaces the model.
FAR: Final = 1.0
#: Combinations of readings at most.
MOST: Final = 1_000


@dataclass(frozen=True)
class Claim:
    """A statement to be weighed: its proposition by each of the ``days`` it may mean, and how much was stated.

    ``then``: what the model implied of each day when it was said, among ``size_then`` histories; empty where it was
    said on the date of the forecast.
    """

    name: str
    origin: str
    stated: Stated
    days: tuple[int, ...]
    milestone: str | None = None
    outcomes: tuple[str, ...] = ()
    then: tuple[float, ...] = ()
    size_then: int = 0

    def event(self, day: int) -> Event:
        """The proposition by a day."""
        return Event(day, self.milestone, self.outcomes)


@dataclass(frozen=True)
class Bent:
    """Histories bent: the chance of each event, its 10-90 % range over the inputs, and how far the model is bent.

    ``effective``: so many histories the weights are worth; ``worth``: so many equal ones would give the chance of each
    event the error that it has.
    """

    chance: Floats
    low: Floats
    high: Floats
    nats: float
    effective: float
    worth: Floats


@dataclass(frozen=True, eq=False)
class Weighing:
    """Statements and the histories they are weighed against, prepared for any weights.

    ``nested`` are the same claims' histories of a nested run, ``sets`` of inputs one after another; without it nothing
    is known about the inputs. ``days`` are those at which chances are wanted.

    Raises ValueError for no claim or too many readings.
    """

    claims: tuple[Claim, ...]
    record: Record
    nested: Record | None
    sets: int
    days: tuple[int, ...]

    def __post_init__(self) -> None:
        count = math.prod(len(claim.days) for claim in self.claims)
        if not self.claims or not 1 <= count <= MOST:
            raise ValueError(f"{len(self.claims)} statements with {count} combinations of readings; 1 to {MOST} can be")

    # ------------------------------------------------------------------------------------------------ prepared once
    @cached_property
    def events(self) -> list[Event]:
        """The events whose chances are given, in their order."""
        return self.record.events(self.days)

    @cached_property
    def places(self) -> dict[tuple[int, int], int]:
        """Number of the proposition for each claim's number and day."""
        pairs = [(i, day) for i, claim in enumerate(self.claims) for day in claim.days]
        return {pair: place for place, pair in enumerate(pairs)}

    @cached_property
    def _grouped(self) -> tuple[Cells, Integers]:
        return weights.joint_cells(self._propositions(self.record), self._nested_propositions)

    @cached_property
    def _nested_propositions(self) -> NDArray[np.bool_]:
        empty = np.zeros((len(self.places), 0), dtype=np.bool_)
        return empty if self.nested is None else self._propositions(self.nested)

    def _propositions(self, record: Record) -> NDArray[np.bool_]:
        return np.array([record.holds(self.claims[i].event(day)) for i, day in self.places])

    @property
    def cells(self) -> Cells:
        """Histories that agree in every proposition."""
        return self._grouped[0]

    @cached_property
    def table(self) -> Floats:
        """Share of all histories that lie in a cell and meet an event: (events, cells)."""
        counts = self.record.table(self.days, self.cells.index, self.cells.share.size)
        return np.asarray(counts / self.record.size)

    @cached_property
    def _nested_table(self) -> tuple[Floats, Floats]:
        """Histories of the nested run (events, inputs, cells) that meet an event, and all (inputs, cells)."""
        assert self.nested is not None
        count = self.cells.share.size
        place = np.repeat(np.arange(self.sets), self.histories) * count + self._grouped[1]
        counts = self.nested.table(self.days, place, self.sets * count)
        whole = np.bincount(place, minlength=self.sets * count)
        return counts.reshape(-1, self.sets, count).astype(np.float64), whole.reshape(self.sets, count).astype(float)

    @property
    def histories(self) -> int:
        """Histories for each set of inputs."""
        return 0 if self.nested is None else self.nested.size // self.sets

    @cached_property
    def held(self) -> Integers:
        """How many histories of each set of inputs meet each proposition: (propositions, inputs)."""
        given = self._nested_propositions
        return np.asarray(given.reshape(len(given), self.sets, -1).sum(axis=2), dtype=np.int64)

    @cached_property
    def implied(self) -> Floats:
        """The model's own chance of each proposition."""
        return self.cells.implied()

    @cached_property
    def spreads(self) -> Floats:
        """Standard deviation over the inputs of the log-odds of each proposition."""
        if self.nested is None:
            return np.zeros(len(self.places))
        return np.array([inputs.fit(held, self.histories).deviation for held in self.held])

    # ------------------------------------------------------------------------------------------------------ weights
    def default_weights(self) -> list[float]:
        """Weight of each claim by rule, :meth:`ruled`, with those of one origin :meth:`capped`."""
        return self.capped(self.ruled())

    def ruled(self) -> list[float]:
        """Weight of each claim by itself: the model's spread over the inputs against the error of one expert."""
        found = []
        for i, claim in enumerate(self.claims):
            spread = math.sqrt(float(np.mean([self.spreads[self.places[i, day]] ** 2 for day in claim.days])))
            found.append(weights.default_weight(spread, math.hypot(ERROR, spread_of(claim.stated))))
        return found

    def capped(self, given: Sequence[float]) -> list[float]:
        """The weights, with those of one origin scaled down so that they sum to the largest of them."""
        found = list(given)
        for origin in {claim.origin for claim in self.claims}:
            which = [i for i, claim in enumerate(self.claims) if claim.origin == origin]
            total = sum(given[i] for i in which)
            for i in which:
                found[i] = given[i] * max(given[k] for k in which) / total if total > 0 else 0.0
        return found

    # -------------------------------------------------------------------------------------------------------- bending
    def bend(self, given: Sequence[float], method: Method = "pool") -> Bent:
        """The histories under a law bent with these weights, one a claim, each 0 … 1.

        Raises ValueError where the method has no law for them; InfeasibleError (of ``meet``) counts claims.
        """
        if len(given) != len(self.claims) or not all(0.0 <= weight <= 1.0 for weight in given):
            raise ValueError(f"weights {list(given)}; one for each of {len(self.claims)} statements, within 0 … 1")
        if method == "evidence":
            return self._by_inputs(given)
        ratio = self.ratio(given, method)
        chance = self.chances(ratio)
        bend = weights.bend(self.cells, ratio)
        low, high = self._range(ratio, chance)
        return Bent(chance, low, high, bend.nats, bend.effective, self._worth(ratio, chance, bend.effective))

    def _worth(self, ratio: Floats, chance: Floats, effective: float) -> Floats:
        """Histories that each event's chance is worth, as :func:`sim.statistics.weighted.worth` counts them."""
        rest = self.cells.share - self.table
        squares = (self.table * ratio**2).sum(axis=1) * (1.0 - chance) ** 2 + (rest * ratio**2).sum(axis=1) * chance**2
        counts = ratio > 0.0
        mixed = (self.table @ counts > 0.0) & (rest @ counts > 0.0) & (squares > 0.0)
        worth = self.record.size * chance * (1.0 - chance) / np.where(mixed, squares, 1.0)
        return np.where(mixed, worth, effective)

    def combinations(self) -> list[tuple[int, ...]]:
        """Every combination of readings, a day for each claim."""
        return list(itertools.product(*(claim.days for claim in self.claims)))

    def ratio(self, given: Sequence[float], method: Method) -> Floats:
        """Ratio (cells,) of the average of the laws bent for each combination of readings."""
        ratios = [self._one(given, method, days) for days in self.combinations()]
        return np.asarray(sum(ratios) / len(ratios), dtype=np.float64)

    def chances(self, ratio: Floats) -> Floats:
        """Chance of each event under a law."""
        return np.asarray(np.clip((self.table * ratio).sum(axis=1), 0.0, 1.0))

    def row(self, event: Event) -> Floats:
        """Share of all histories that lie in a cell and meet an event: (cells,).

        Raises KeyError where the record does not have it.
        """
        held = self.record.holds(event)
        counts = np.bincount(self.cells.index[held], minlength=self.cells.share.size)
        return np.asarray(counts / self.record.size)

    def grid(self, number: int, given: Sequence[float], event: Event) -> Floats:
        """Chance of an event with only claim ``number`` weighed (pool): (weights, readings and their average)."""
        row, days = self.row(event), [claim.days[0] for claim in self.claims]
        found = np.zeros((len(given), len(self.claims[number].days) + 1))
        for j, day in enumerate(self.claims[number].days):
            days[number] = day
            for i, weight in enumerate(given):
                alone = [weight if k == number else 0.0 for k in range(len(self.claims))]
                found[i, j] = (row * self._one(alone, "pool", days)).sum()
        found[:, -1] = found[:, :-1].mean(axis=1)
        return found

    def meant(self, number: int, day: int) -> Stated:
        """What a claim states of a day on the date of the forecast.

        Said earlier, it lies as far from what is implied now, in log-odds, as it lay from what was implied then: so
        the facts between move the result, and the step is the speaker's.
        """
        claim = self.claims[number]
        if not claim.then:
            return claim.stated
        then = np.array([claim.then[claim.days.index(day)]])
        now = self.implied[[self.places[number, day]]]
        sure = weights.sure_implied
        moved = float(logit(sure(now, self.record.size))[0] - logit(sure(then, claim.size_then))[0])
        ends = (claim.stated.middle, claim.stated.low, claim.stated.high)
        return Stated(*(float(expit(weights.stated_odds(end) + moved)) for end in ends))

    def apart(self, number: int, day: int) -> float:
        """How far a claim lies from what the model implied when it was said, in log-odds."""
        own = weights.sure_implied(self.implied[[self.places[number, day]]], self.record.size)
        return float(logit(self.meant(number, day).middle) - logit(own)[0])

    def _one(self, given: Sequence[float], method: Method, days: Sequence[int]) -> Floats:
        rows = [self.places[i, day] for i, day in enumerate(days)]
        groups = Cells(self.cells.index, self.cells.share, self.cells.holds[rows])
        meant = [self.meant(i, day) for i, day in enumerate(days)]
        stated = [one.middle for one in meant]
        if method == "pool":
            return weights.pool(groups, stated, given)
        if method == "linear":
            return weights.linear(groups, stated, given)
        low, high = self._targets(groups, meant, given)
        try:
            return weights.meet(groups, low, high)
        except InfeasibleError as error:
            said = " and ".join(f"{self.claims[i].name} by day {days[i]}" for i in error.which)
            raise ValueError(
                f"{said}: these chances cannot be met together; give them less weight, or use the method pool"
            ) from error

    def _targets(
        self, groups: Cells, meant: Sequence[Stated], given: Sequence[float]
    ) -> tuple[list[float], list[float]]:
        """Ends that each proposition has to meet: what was stated, moved towards the model in log-odds."""
        ends: tuple[list[float], list[float]] = ([], [])
        for told, weight, own in zip(meant, given, groups.implied().tolist(), strict=True):
            for end, stated in zip(ends, (told.low, told.high), strict=True):
                movable = weight > 0.0 and 0.0 < own < 1.0
                odds = (1.0 - weight) * logit(own) + weight * logit(stated) if movable else None
                end.append(own if odds is None else float(expit(odds)))
        return ends

    def _range(self, ratio: Floats, chance: Floats) -> tuple[Floats, Floats]:
        if self.nested is None:
            return chance.copy(), chance.copy()
        met, whole = self._nested_table
        return inputs.range_of(met @ ratio, whole @ ratio, whole @ ratio**2, met @ ratio**2, chance)

    def _by_inputs(self, given: Sequence[float]) -> Bent:
        """Bent by a noisy reading of the chance given the inputs; the histories are those of the nested run."""
        if self.nested is None:
            raise ValueError("evidence: no input is uncertain, so a reading of the chance can teach nothing")
        if any(weight >= 1.0 for weight in given):
            raise ValueError("evidence: full weight means a reading without error, which leaves one set of inputs")
        laws = [self._by_reading(given, days) for days in self.combinations()]
        ratio = np.asarray(sum(laws) / len(laws), dtype=np.float64)
        met, whole = (part.sum(axis=-1) for part in self._nested_table)
        chance = (met * ratio).mean(axis=1) / self.histories
        sums, squares = met * ratio, met * ratio**2
        low, high = inputs.range_of(sums, whole * ratio, whole * ratio**2, squares, chance)
        groups = Cells(np.repeat(np.arange(self.sets), self.histories), np.full(self.sets, 1 / self.sets), _NONE)
        bend = weights.bend(groups, ratio)
        return Bent(chance, low, high, bend.nats, bend.effective, np.full(chance.shape, bend.effective))

    def _by_reading(self, given: Sequence[float], days: Sequence[int]) -> Floats:
        ratio = np.ones(self.sets)
        for i, (weight, day) in enumerate(zip(given, days, strict=True)):
            spread = float(self.spreads[self.places[i, day]])
            if weight > 0.0 and spread > 0.0:
                error = spread * math.sqrt((1.0 - weight) / weight)  # the error for which the rule gives this weight
                held = self.held[self.places[i, day]]
                ratio *= weights.evidence(held, self.histories, self.meant(i, day).middle, error)
        return np.asarray(ratio / ratio.mean())


_NONE: Final = np.zeros((0, 0), dtype=np.bool_)
