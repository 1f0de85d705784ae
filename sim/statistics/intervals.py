"""Confidence intervals of shares and quantiles: what sampling alone leaves open."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LEVEL: Final = 0.95


def normal_quantile(level: float) -> float:
    """Half-width, in standard deviations, of the central interval that holds ``level`` of a normal law.

    Raises ValueError for a level outside 0 … 1.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level {level!r} must lie between 0 and 1, such as 0.95")
    return NormalDist().inv_cdf(0.5 + level / 2.0)


def wilson(successes: ArrayLike, trials: ArrayLike, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Score interval of a share (Wilson, J. Am. Stat. Assoc. 22, 1927); arrays broadcast.

    Close to its level on average for any share, also near 0 and 1; without trials it is 0 … 1.

    Raises ValueError where successes are not within 0 … trials.
    """
    k, n = counts_of(successes, trials)
    z = normal_quantile(level)
    z2 = z * z
    share = np.divide(k, n, out=np.full(k.shape, 0.5), where=n > 0)
    spread = z * np.sqrt(share * (1.0 - share) * n + z2 / 4.0)
    low = (k + z2 / 2.0 - spread) / (n + z2)
    high = (k + z2 / 2.0 + spread) / (n + z2)
    # Rounding would leave 1e-19 where the interval touches the end.
    low = np.where(k == 0, 0.0, np.maximum(low, 0.0))
    high = np.where(k == n, 1.0, np.minimum(high, 1.0))
    return low, high


def zero_event_bound(trials: int, level: float = LEVEL) -> float:
    """Largest share that leaves a chance of ``1 - level`` of no success in so many trials (about 3 / trials).

    One-sided and exact; 1 without trials.
    """
    normal_quantile(level)
    return 1.0 if trials <= 0 else -math.expm1(math.log1p(-level) / trials)


def quantile_ranks(trials: int, share: float, level: float = LEVEL) -> tuple[int, int, int]:
    """Ranks (1 … trials) of the order statistics that estimate a quantile and bound it.

    The estimate is the smallest value that at least ``share`` of the sample do not exceed. The bounds hold for any
    continuous law, since the number of values below the quantile is binomial; rank 0 and rank trials + 1 say that
    the sample is too small for a bound on that side.

    Raises ValueError for a share outside 0 … 1 or without trials.
    """
    if not 0.0 < share < 1.0 or trials < 1:
        raise ValueError(f"the {share!r} quantile of {trials} values: give a share within 0 … 1, and values")
    tail = (1.0 - level) / 2.0
    centre, spread = trials * share, math.sqrt(trials * share * (1.0 - share))
    reach = math.ceil((normal_quantile(level) + 6.0) * spread) + 10
    first, last = max(int(centre) - reach, 0), min(int(centre) + reach, trials)
    counts = np.arange(first, last + 1)
    ways = [-math.lgamma(count + 1) - math.lgamma(trials - count + 1) for count in counts.tolist()]
    logs = math.lgamma(trials + 1) + np.array(ways)
    below = np.cumsum(np.exp(logs + counts * math.log(share) + (trials - counts) * math.log1p(-share)))
    # The value of rank r lies above the quantile with chance P(count < r), below it with chance P(count >= r).
    low = first + int(np.searchsorted(below, tail, side="right"))
    high = first + int(np.searchsorted(below, 1.0 - tail, side="left")) + 1
    return math.ceil(centre - 1e-9), low, min(high, trials + 1)


def quantile(values: ArrayLike, share: float, level: float = LEVEL) -> tuple[float, float, float]:
    """Quantile of a sample with its order-statistic interval; values may be inf (never), bounds may be -inf or inf."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    padded = np.concatenate([[-math.inf], ordered, [math.inf]])
    estimate, low, high = quantile_ranks(ordered.size, share, level)
    return float(padded[estimate]), float(padded[low]), float(padded[high])


def quantile_by_day(counts: ArrayLike, trials: int, share: float, level: float = LEVEL) -> tuple[float, float, float]:
    """Quantile of first times known by the day, inf where it lies past the last day, with its interval.

    ``counts`` (days + 1,) are the numbers of histories whose time falls in the day that ends at 0, 1, … ; all others
    of the ``trials`` histories are later or never.
    """
    reached = np.cumsum(np.asarray(counts, dtype=np.int64))
    if reached.size and reached[-1] > trials:
        raise ValueError(f"{reached[-1]} events among {trials} histories: each history counts once")

    def day(rank: int) -> float:
        place = int(np.searchsorted(reached, rank, side="left"))
        return 0.0 if rank < 1 else float(place) if place < reached.size else math.inf

    estimate, low, high = quantile_ranks(trials, share, level)
    return day(estimate), day(low), day(high)


def counts_of(successes: ArrayLike, trials: ArrayLike) -> tuple[Floats, Floats]:
    """Successes and trials in one shape.

    Raises ValueError where successes are not within 0 … trials.
    """
    k, n = np.broadcast_arrays(np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    if (k < 0).any() or (k > n).any():
        raise ValueError("successes must lie within 0 … trials; check which numbers were handed over")
    return k, n
