"""What seeing a sign says of an event: ratios of chances, bits, and whether they may be luck.

Everything here is of counts of independent histories: ``counts`` (…, 2, 2) hold, last of all, whether the event
happened, and before it whether the sign was seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.statistics.intervals import LEVEL, counts_of, normal_quantile

Floats = NDArray[np.float64]

#: Ratios within which the ends of an interval are looked for, as logarithms.
_FARTHEST: Final = 60.0
#: Halvings of that search: more than a float has digits.
_HALVINGS: Final = 80
#: Where fewer histories than this are expected in a cell, a test counts every table there could be.
_SPARSE: Final = 25.0
#: Logarithms that differ by less are ties.
_TIE: Final = 1e-9


@dataclass(frozen=True)
class Information:
    """Information in bits with its interval; ``p`` is the chance that luck alone shows as much or more."""

    bits: float
    low: float
    high: float
    p: float


def ratio_interval(
    first: ArrayLike, trials: ArrayLike, second: ArrayLike, others: ArrayLike, level: float = LEVEL
) -> tuple[Floats, Floats]:
    """Interval of (chance behind first / trials) / (chance behind second / others); arrays broadcast.

    The ratios that a score test does not refuse: P. A. R. Koopman, "Confidence intervals for the ratio of two binomial
    proportions", Biometrics 40 (1984) 513-517, in the form of O. Miettinen and M. Nurminen, Stat. Med. 4 (1985)
    213-226. It holds with few events, too: without any in ``first`` it begins at 0, without any in ``second`` it has
    no upper end (inf).

    Raises ValueError where successes are not within 0 … trials.
    """
    x, n = counts_of(first, trials)
    y, m = counts_of(second, others)
    x, n, y, m = (np.asarray(a, dtype=np.float64) for a in np.broadcast_arrays(x, n, y, m))
    z = normal_quantile(level)
    # The score falls as the ratio rises: the interval is where it lies within -z … z.
    low = np.where(x == 0, 0.0, np.exp(_crossing(z, x, n, y, m)))
    high = np.where(y == 0, np.inf, np.exp(_crossing(-z, x, n, y, m)))
    nothing = (n == 0) | (m == 0) | ((x == 0) & (y == 0))
    return np.asarray(np.where(nothing, 0.0, low)), np.asarray(np.where(nothing, np.inf, high))


def _crossing(wanted: float, x: Floats, n: Floats, y: Floats, m: Floats) -> Floats:
    """Logarithm of the ratio at which the score has a value, by halving."""
    low, high = np.full(x.shape, -_FARTHEST), np.full(x.shape, _FARTHEST)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        above = _score(np.exp(middle), x, n, y, m) > wanted
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.asarray(0.5 * (low + high))


def _score(ratio: Floats, x: Floats, n: Floats, y: Floats, m: Floats) -> Floats:
    """How far the counts lie from a ratio, in standard errors under it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        # The likeliest chances with this ratio: the smaller root of a parabola.
        a, c = (n + m) * ratio, x + y
        b = n * ratio + x + m + y * ratio
        root = np.sqrt(np.maximum(b * b - 4.0 * a * c, 0.0))
        q = np.clip(2.0 * c / (b + root), 0.0, 1.0)
        p = np.clip(ratio * q, 0.0, 1.0)
        error = np.sqrt(p * (1.0 - p) / n + ratio * ratio * q * (1.0 - q) / m)
        distance = x / n - ratio * y / m
        return np.asarray(np.where(distance == 0.0, 0.0, distance / error))


def information(counts: ArrayLike, level: float = LEVEL) -> Information:
    """Bits that whether the sign was seen tells of whether the event happens, on average; 0: nothing, at most 1.

    ``counts`` (2, 2) of seen or not x happened or not; with a first axis (k, 2, 2) what the sign tells where something
    else is known already (k kinds of histories). From the plug-in estimate is taken what luck alone adds to it on
    average, degrees of freedom / 2n (G. A. Miller, "Note on the bias of information estimates", 1955), down to 0. The
    interval is that of the square root, whose error hardly hangs on how much there is to tell; ``p`` is that of the
    likelihood-ratio test, exact where a cell expects fewer than 25 histories (chi-squared would see signs there, up
    to four times as often as it says, that are none).

    Raises ValueError for negative counts or another shape.
    """
    table = np.asarray(counts, dtype=np.float64)
    table = table[None] if table.ndim == 2 else table
    if table.ndim != 3 or table.shape[1:] != (2, 2) or (table < 0).any():
        raise ValueError(
            f"counts of shape {table.shape}: numbers of histories (2, 2) or (k, 2, 2) are wanted, 0 or more"
        )
    n = float(table.sum())
    rows, columns = table.sum(axis=2, keepdims=True), table.sum(axis=1, keepdims=True)
    freedom = int(((rows > 0).all(axis=1) & (columns > 0).all(axis=2)).sum())
    if not freedom:
        return Information(0.0, 0.0, 0.0, 1.0)
    expected = rows * columns / np.maximum(table.sum(axis=(1, 2), keepdims=True), 1.0)
    logs = np.log(np.divide(table, expected, out=np.ones_like(table), where=table > 0))
    plain = max(float((table * logs).sum()) / n, 0.0)
    # Of a root of so much the error is 1 / sqrt(2n) as long as there is little to tell, and this many times it else.
    spread = math.sqrt(max(float((table * logs**2).sum()) / n - plain**2, 0.0) / (2.0 * plain)) if plain > 0 else 1.0
    root, reach = math.sqrt(2.0 * n * plain), normal_quantile(level) * spread
    low = max(max(root - reach, 0.0) ** 2 - (freedom - 1), 0.0) / (2.0 * n)
    high = (root + reach) ** 2 / (2.0 * n)
    bits = max(plain - freedom / (2.0 * n), low)
    ln2 = math.log(2.0)
    return Information(bits / ln2, low / ln2, high / ln2, _luck(table, expected, 2.0 * n * plain, freedom))


def _luck(table: Floats, expected: Floats, value: float, freedom: int) -> float:
    """Chance that luck alone tells as much as some tables (k, 2, 2), or more; ``value`` is the statistic of them all.

    Where one of them is sparse, each is tested apart, and the best of the chances taken as often as there are tests.
    """
    there = [i for i in range(len(table)) if (expected[i] > 0).all()]
    if all(expected[i].min() >= _SPARSE for i in there):
        return chi_squared_tail(value, freedom)
    chances = [_exact(table[i], expected[i]) for i in there]
    return min(min(chances) * len(chances), 1.0)


def _exact(table: Floats, expected: Floats) -> float:
    """Chance of tables (2, 2) with the same sums that tell as much or more, if the sign tells nothing.

    The tables are ranked by the likelihood ratio, and their chances are hypergeometric.
    """
    if expected.min() >= _SPARSE:
        ratio = np.log(np.divide(table, expected, out=np.ones_like(table), where=table > 0))
        return chi_squared_tail(2.0 * float((table * ratio).sum()), 1)
    from scipy.special import gammaln

    (a, b), (c, d) = table.tolist()
    first = np.arange(max(0.0, a - d), min(a + b, a + c) + 1.0)
    cells = np.array([first, a + b - first, a + c - first, d - a + first])
    ratios = (cells * np.log(np.maximum(cells, 1.0))).sum(axis=0)  # but for what depends on the sums alone
    own = sum(count * math.log(max(count, 1.0)) for count in (a, b, c, d))
    logs = -gammaln(cells + 1.0).sum(axis=0)
    chances = np.exp(logs - logs.max())
    as_much = ratios >= own - _TIE * max(abs(own), 1.0)
    return min(float(chances[as_much].sum() / chances.sum()), 1.0)


def chi_squared_tail(value: float, freedom: int) -> float:
    """Chance that a chi-squared number exceeds a value.

    By the closed forms of 1 and 2 degrees of freedom and the step of two from each to the next.

    Raises ValueError for fewer than 1.
    """
    if freedom < 1:
        raise ValueError(f"{freedom} degrees of freedom: at least 1 is wanted")
    half = max(value, 0.0) / 2.0
    degrees = 2 - freedom % 2
    tail = math.erfc(math.sqrt(half)) if degrees == 1 else math.exp(-half)
    while degrees < freedom:
        tail += math.exp(degrees / 2.0 * math.log(half) - half - math.lgamma(degrees / 2.0 + 1.0)) if half > 0 else 0.0
        degrees += 2
    return min(tail, 1.0)


def holm(p: Sequence[float], alarms: float = 1.0 - LEVEL) -> list[bool]:
    """Which of several tests are passed if any false alarm among them may come with a chance of ``alarms`` at most.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979) 65-70. It asks for no
    independence between the tests.
    """
    passed = [False] * len(p)
    for place, which in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[which] > alarms / (len(p) - place):
            break
        passed[which] = True
    return passed
