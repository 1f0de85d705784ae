"""Samples whose members count for more or less: means, quantiles, and how far they lie from an unweighted sample."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.statistics.intervals import wilson

Floats = NDArray[np.float64]


def effective(weights: ArrayLike) -> float:
    """So many equal members are the weights (n,) worth (Kish, Survey Sampling, 1965); 0 where all are 0."""
    w = np.asarray(weights, dtype=np.float64)
    squares = float((w**2).sum())
    return float(w.sum()) ** 2 / squares if squares > 0.0 else 0.0


def mean(values: ArrayLike, weights: ArrayLike) -> tuple[float, float]:
    """Mean of values (n,) and its standard error, that of a ratio of two means."""
    x, w = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    part = w / w.sum()
    middle = float((part * x).sum())
    return middle, math.sqrt(float((part**2 * (x - middle) ** 2).sum()))


def worth(values: ArrayLike, weights: ArrayLike) -> float:
    """So many equal members give a share the same error as values 0 or 1 (n,) do with these weights.

    :func:`effective` does not know whether it is the heavy members in which the event happens; this does. Where the
    event happens in all or in none of them, the two are the same.
    """
    happened, w = np.asarray(values, dtype=np.bool_), np.asarray(weights, dtype=np.float64)
    if not (w[happened].any() and w[~happened].any()):
        return effective(weights)
    middle, error = mean(happened, w)
    return middle * (1.0 - middle) / error**2


def share(values: ArrayLike, weights: ArrayLike) -> tuple[float, float, float]:
    """Weighted share of values 0 or 1 (n,), with its interval of 95 % (Wilson's, for so many as they are worth)."""
    middle, _ = mean(values, weights)
    size = worth(values, weights)
    low, high = wilson(min(middle, 1.0) * size, size)
    return middle, float(low), float(high)


def quantiles(values: ArrayLike, weights: ArrayLike, shares: Sequence[float]) -> list[float]:
    """The least values that so large shares of the weight do not exceed."""
    x, w = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    order = np.argsort(x, kind="stable")
    reached = np.cumsum(w[order])
    # A hair of grace: 0.9 * 10 equal weights are nine of them, whatever the rounding.
    places = np.searchsorted(reached / reached[-1], np.asarray(shares) - 1e-12)
    return [float(value) for value in x[order][np.minimum(places, x.size - 1)]]


def distance(sample: ArrayLike, values: ArrayLike, weights: ArrayLike) -> float:
    """Largest difference 0 … 1 between the cumulative shares of a plain sample and of weighted values."""
    plain = np.sort(np.asarray(sample, dtype=np.float64))
    x, w = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    order = np.argsort(x, kind="stable")
    reached = np.concatenate([[0.0], np.cumsum(w[order]) / w.sum()])
    points = np.unique(np.concatenate([plain, x]))
    ours = reached[np.searchsorted(x[order], points, side="right")]
    theirs = np.searchsorted(plain, points, side="right") / plain.size
    return float(np.abs(ours - theirs).max())


def critical_distance(size: float, other: float, alarms: float) -> float:
    """:func:`distance` that two samples of one law of such (effective) sizes exceed with a chance of ``alarms``.

    The limit of Kolmogorov and Smirnov by its first term, which errs on the safe side; for laws with ties, too.
    """
    together = 1.0 / (1.0 / size + 1.0 / other)
    return math.sqrt(0.5 * math.log(2.0 / alarms) / together)
