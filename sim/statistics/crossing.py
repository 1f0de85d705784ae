"""Where a chance crosses a level, as one number changes: the values, each with an interval.

The same histories are asked at every value. The interval is the set of values at which the number of events is one
that a share equal to the level would give, by an exact two-sided test of 5 %: as the test keeps its level at the true
crossing, the set holds that value with a chance of 95 % at least, whatever the shape of the curve and however its
points hang together (inversion of a test: J. Neyman, "Outline of a theory of statistical estimation based on the
classical theory of probability", Phil. Trans. R. Soc. A 236 (1937) 333-380). Every further crossing has its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.statistics.intervals import LEVEL, normal_quantile
from sim.statistics.paired import paired_shares

Truths = NDArray[np.bool_]
#: Events (n,) of the same histories at each of some values.
Evaluate = Callable[[Sequence[float]], Sequence[Truths]]
#: A value between two others, None where they are close enough.
Between = Callable[[float, float], float | None]

#: Rounds of halving at most.
ROUNDS: Final = 24
#: Two values are close enough where their events differ by this share of what the level may give, or by one.
CLOSE: Final = 0.05


@dataclass(frozen=True)
class Crossing:
    """A value at which the chance crosses the level, with its interval.

    ``low`` is None where the interval goes beyond the first value looked at, ``high`` where it goes beyond the last;
    then ``at`` may be None, too, and the crossing lies outside.
    """

    at: float | None
    low: float | None
    high: float | None
    rises: bool


@dataclass(frozen=True, eq=False)
class Found:
    """The curve: events (k, n) at ascending ``values`` (k,); its crossings; intervals in which it only may cross."""

    values: list[float]
    events: list[Truths]
    crossings: list[Crossing]
    touches: list[tuple[float | None, float | None]]

    @property
    def shares(self) -> list[float]:
        """Share of the histories with the event at each value."""
        return [float(one.mean()) for one in self.events]


def accepted(n: int, level: float, confidence: float = LEVEL) -> tuple[int, int]:
    """Fewest and most events among ``n`` that a share of ``level`` may well give (binomial, exact, two-sided)."""
    from scipy.stats import binom

    normal_quantile(confidence)  # checks it
    tail = (1.0 - confidence) / 2.0
    return int(binom.ppf(tail, n, level)), int(binom.ppf(1.0 - tail, n, level))


def search(
    evaluate: Evaluate, grid: Sequence[float], level: float, between: Between, confidence: float = LEVEL
) -> Found:
    """Look at a grid of values, and closer wherever the curve enters or leaves what the level may well give.

    Crossings between two values of the grid that come in pairs are not seen.

    Raises ValueError for a level outside 0 … 1 or fewer than two values.
    """
    if not 0.0 < level < 1.0 or len(set(grid)) < 2:
        raise ValueError(f"level {level!r} at {len(set(grid))} values: a level within 0 … 1 and two values are needed")
    first = sorted(set(grid))
    known = dict(zip(first, evaluate(first), strict=True))
    n = known[first[0]].size
    fewest, most = accepted(n, level, confidence)
    close = max(1.0, CLOSE * (most - fewest))

    def count(value: float) -> int:
        return int(known[value].sum())

    def side(value: float) -> tuple[int, bool]:
        return (count(value) > most) - (count(value) < fewest), count(value) >= level * n

    for _ in range(ROUNDS):
        pairs = itertools.pairwise(sorted(known))
        new = [between(a, b) for a, b in pairs if side(a) != side(b) and abs(count(a) - count(b)) > close]
        wanted = sorted({value for value in new if value is not None} - known.keys())
        if not wanted:
            break
        known |= dict(zip(wanted, evaluate(wanted), strict=True))
    values = sorted(known)
    crossings, touches = _read(values, [side(value)[0] for value in values], known, level)
    return Found(values, [known[value] for value in values], crossings, touches)


def _read(
    values: list[float], sides: list[int], known: dict[float, Truths], level: float
) -> tuple[list[Crossing], list[tuple[float | None, float | None]]]:
    """Crossings and touches, from the side (-1, 0 or 1) on which the curve lies at each value."""
    crossings: list[Crossing] = []
    touches: list[tuple[float | None, float | None]] = []
    # Runs of one side; a jump from one side to the other has an empty run of 0 between.
    runs: list[tuple[int, int, int]] = []
    for i, side in enumerate(sides):
        if runs and runs[-1][0] == side:
            runs[-1] = (side, runs[-1][1], i)
            continue
        if runs and runs[-1][0] * side < 0:
            runs.append((0, i, i - 1))
        runs.append((side, i, i))
    for place, (side, first, last) in enumerate(runs):
        if side != 0:
            continue
        before = runs[place - 1][0] if place else 0
        after = runs[place + 1][0] if place + 1 < len(runs) else 0
        low = values[first - 1] if before else None
        high = values[last + 1] if after else None
        if before == after:
            touches.append((low, high))
            continue
        inside = values[max(first - 1, 0) : last + 2]
        crossings.append(Crossing(_at(inside, known, level), low, high, after > before))
    return crossings, touches


def _at(values: Sequence[float], known: dict[float, Truths], level: float) -> float | None:
    """Where the straight lines between the shares cross the level; the middle, where they do more than once."""
    places = []
    for a, b in itertools.pairwise(values):
        one, other = (float(known[value].mean()) - level for value in (a, b))
        if (one < 0) != (other < 0):
            places.append(a + (b - a) * one / (one - other))
    return (places[0] + places[-1]) / 2 if places else None


def bends(values: Sequence[float], events: Sequence[Truths]) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The largest rise and the largest fall between two values, if the curve surely does both; else None.

    All pairs of values are compared by paired differences, at 5 % for all of them together.
    """
    pairs = list(itertools.combinations(range(len(values)), 2))
    level = 1.0 - (1.0 - LEVEL) / max(len(pairs), 1)
    steps = {(i, j): paired_shares(events[i], events[j], level) for i, j in pairs}
    sure = {pair: difference for pair, (difference, error) in steps.items() if abs(difference) > error}
    rise = max(sure, key=lambda pair: sure[pair], default=None)
    fall = min(sure, key=lambda pair: sure[pair], default=None)
    if rise is None or fall is None or sure[rise] <= 0 or sure[fall] >= 0:
        return None
    return (values[rise[0]], values[rise[1]]), (values[fall[0]], values[fall[1]])
