"""Regions of uncertain inputs: how often an event happens within some limits, and whether luck would do as well.

Coverage and density are those of scenario discovery: B. P. Bryant and R. J. Lempert, "Thinking inside the box: a
participatory, computer-assisted approach to scenario discovery", Technol. Forecast. Soc. Change 77 (2010) 34-49. Their
quasi-p-value takes the density without a limit as if it were known, though the draws within the limit are part of it;
beside it stands the exact chance (R. A. Fisher's test), which for draws that had no say in the choice of the limit is
a p-value without a quasi.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.statistics.intervals import wilson

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]

#: Limits that luck explains with a larger chance than this, on the histories that chose them, are dropped.
DROPPED: Final = 0.001


@dataclass(frozen=True)
class Limit:
    """What a region asks of one input, by the place of its column: from ``low`` to ``high``, or one of ``levels``."""

    column: int
    low: float = -math.inf
    high: float = math.inf
    levels: tuple[int, ...] = ()

    def holds(self, values: Floats) -> Truths:
        """Whether the limit holds for each of some values (n,)."""
        if self.levels:
            return np.isin(values, self.levels)
        held: Truths = (values >= self.low) & (values <= self.high)
        return held


Box = tuple[Limit, ...]


@dataclass(frozen=True)
class Measured:
    """A region among ``n`` histories with ``events`` in all: ``inside`` of them within it, ``caught`` of the events."""

    n: int
    events: int
    inside: int
    caught: int

    @property
    def share(self) -> float:
        """Share of all histories that lie in the region."""
        return self.inside / self.n if self.n else 0.0

    @property
    def coverage(self) -> float:
        """Share of the events that the region holds."""
        return self.caught / self.events if self.events else 0.0

    @property
    def density(self) -> float:
        """Share of the region's histories in which the event happens."""
        return self.caught / self.inside if self.inside else 0.0

    @property
    def overall(self) -> float:
        """Share of all histories in which the event happens."""
        return self.events / self.n if self.n else 0.0

    @property
    def score(self) -> float:
        """How clearly the region stands out: (density - overall) x the root of its share of the histories."""
        return (self.density - self.overall) * math.sqrt(self.share)

    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % intervals of coverage, density, share and overall."""
        pairs = {
            "coverage": (self.caught, self.events),
            "density": (self.caught, self.inside),
            "share": (self.inside, self.n),
            "overall": (self.events, self.n),
        }
        found = {}
        for name, (successes, trials) in pairs.items():
            low, high = wilson(successes, trials)
            found[name] = (float(low), float(high))
        return found

    def luck(self) -> float:
        """Chance of so many events or more within, were the region drawn blindly among the histories (Fisher)."""
        return float(lucks([self])[0])

    def quasi_p(self) -> float:
        """Chance of so many events or more within, were each as likely as overall (Bryant and Lempert)."""
        from scipy.stats import binom

        return float(binom.sf(self.caught - 1, self.inside, self.overall))


def within(box: Iterable[Limit], columns: Sequence[Floats], n: int) -> Truths:
    """Whether each of ``n`` histories lies in a region; ``columns`` are the values (n,) of every input."""
    held = np.ones(n, dtype=np.bool_)
    for limit in box:
        held &= limit.holds(columns[limit.column])
    return held


def measured(box: Iterable[Limit], columns: Sequence[Floats], happened: Truths) -> Measured:
    """A region among the histories (n,) in which an event ``happened`` or not."""
    held = within(box, columns, happened.size)
    return Measured(happened.size, int(happened.sum()), int(held.sum()), int((held & happened).sum()))


def lucks(found: Sequence[Measured]) -> Floats:
    """For each region the chance of so many events or more within, see :meth:`Measured.luck`."""
    from scipy.stats import hypergeom

    counts = np.array([[one.caught - 1, one.n, one.events, one.inside] for one in found]).reshape(-1, 4).T
    return np.asarray(hypergeom.sf(*counts), dtype=np.float64)


def of_limits(box: Box, columns: Sequence[Floats], happened: Truths) -> list[Measured]:
    """For each limit of a region: the region among the histories that lie in it but for this limit."""
    outside = np.array([~limit.holds(columns[limit.column]) for limit in box]).reshape(len(box), happened.size)
    return _of_limits(outside, happened)


def _of_limits(outside: Truths, happened: Truths) -> list[Measured]:
    """As :func:`of_limits`, of what lies outside each limit (limits, n)."""
    broken = outside.sum(axis=0)
    inside = broken == 0
    held, caught = int(inside.sum()), int(happened[inside].sum())
    found = []
    for row in outside:
        also = inside | ((broken == 1) & row)
        found.append(Measured(int(also.sum()), int(happened[also].sum()), held, caught))
    return found


def pruned(box: Box, columns: Sequence[Floats], happened: Truths, most: int) -> Box:
    """A region without the limits that luck explains (see ``DROPPED``), and with at most so many.

    The weakest limit goes first, and the others are judged anew.
    """
    outside = np.array([~limit.holds(columns[limit.column]) for limit in box]).reshape(len(box), happened.size)
    while box:
        chances = lucks(_of_limits(outside, happened))
        weakest = int(np.argmax(chances))
        if len(box) <= most and chances[weakest] <= DROPPED:
            break
        box = (*box[:weakest], *box[weakest + 1 :])
        outside = np.delete(outside, weakest, axis=0)
    return box


def undominated(found: Sequence[Measured]) -> list[int]:
    """Places of the regions that no other one beats in coverage and density at once, widest coverage first."""
    order = sorted(range(len(found)), key=lambda i: (-found[i].coverage, -found[i].density))
    kept: list[int] = []
    for i in order:
        if not kept or found[i].density > found[kept[-1]].density:
            kept.append(i)
    return kept
