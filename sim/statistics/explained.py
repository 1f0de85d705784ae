"""How much of the spread of a number over its uncertain inputs each single input explains, from one nested run.

Sets of inputs are drawn, and the number is estimated for each from two halves of its histories. The sets are sorted
into bins by one input: what the means of the bins vary more than the spread within them accounts for is the variance
of the expectation given that input (the variance component of a one-way analysis of variance; a correlation ratio
without its bias: T. L. Kelley, "An unbiased correlation ratio measure", Proc. Natl. Acad. Sci. 21 (1935) 554-559). The
noise of finite histories lies within the bins and goes with the rest. Nothing is fitted, any shape counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.statistics.intervals import LEVEL, normal_quantile
from sim.statistics.odds import logit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Bins of one input; a straight line loses 1 / 400 of its variance in them.
BINS: Final = 20
#: Bootstrap resamples of the sets, for the intervals.
RESAMPLES: Final = 200
#: The variance is divided by where it is at least so many half-widths of its interval away from 0.
CLEARLY: Final = 2.0


@dataclass(frozen=True, eq=False)
class Explained:
    """Variances explained by k inputs, and by groups of them, with the half-widths of their intervals.

    ``variance`` (k,) by each input alone, ``groups`` (g,) the sums over each group; ``share`` and ``group_share`` of
    ``total``, the variance over all inputs without the noise of finite histories; nan where that is
    not clearly above 0. ``rest`` is the share that no input explains alone.
    """

    variance: Floats
    variance_error: Floats
    share: Floats
    share_error: Floats
    groups: Floats
    groups_error: Floats
    group_share: Floats
    group_share_error: Floats
    rest: float
    rest_error: float
    total: float
    total_error: float


def logits(counts: ArrayLike, size: int) -> Floats:
    """Log-odds of ``counts`` among ``size`` histories, half a history added on both sides (Haldane 1956)."""
    k = np.asarray(counts, dtype=np.float64)
    if k.size and (k.min() < 0 or k.max() > size):
        raise ValueError(f"counts {k.min():g} … {k.max():g} of {size} histories: they must lie within 0 … {size}")
    return logit((k + 0.5) / (size + 1.0))


def bins_of(values: Floats) -> Integers:
    """Bins (n,) of equal size by the order of ``values`` (n,); one for each value where there are few."""
    known, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    if known.size <= BINS:
        return where.reshape(-1).astype(np.int64)
    # Equal values share a bin: that of the first of them.
    first = np.cumsum(counts) - counts
    return (first[where.reshape(-1)] * BINS // values.size).astype(np.int64)


def explained(
    labels: Sequence[Integers],
    first: Floats,
    second: Floats,
    groups: Sequence[Sequence[int]],
    *,
    seed: int,
    level: float = LEVEL,
) -> Explained:
    """What each input explains of a number that ``first`` and ``second`` (n,) estimate from histories of their own.

    ``labels`` are the bins (n,) of each input, ``groups`` the inputs (their places) that are summed. ``seed`` decides
    the resamples of the intervals.

    Raises ValueError for unequal lengths or fewer than 100 sets.
    """
    n = first.size
    if n < 100 or any(one.shape != (n,) for one in (first, second, *labels)):
        raise ValueError(f"{n} sets of inputs: 100 are needed at least, and every column as long")
    member = np.zeros((len(groups), len(labels)))
    for g, places in enumerate(groups):
        member[g, list(places)] = 1.0
    mean = (first + second) / 2
    rng = np.random.default_rng([seed, n])
    resamples = [np.arange(n), *rng.integers(n, size=(RESAMPLES, n))]
    single = np.array([[_component(label[rows], mean[rows]) for label in labels] for rows in resamples])
    single = single.reshape(len(resamples), len(labels))
    total = np.array([_covariance(first[rows], second[rows]) for rows in resamples])
    summed = single @ member.T
    size = normal_quantile(level)

    def error(column: Floats) -> Floats:
        # Resampled sets meet themselves, which moves an estimate but not how it spreads.
        spread: Floats = size * column[1:].std(axis=0, ddof=1)
        return spread

    told = total[0] > CLEARLY * error(total)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares, group_shares, rest = (
            column / total[:, None] if told else np.full_like(column, np.nan)
            for column in (single, summed, (total - single.sum(axis=1))[:, None])
        )
    return Explained(
        variance=single[0],
        variance_error=error(single),
        share=shares[0],
        share_error=error(shares),
        groups=summed[0],
        groups_error=error(summed),
        group_share=group_shares[0],
        group_share_error=error(group_shares),
        rest=float(rest[0, 0]),
        rest_error=float(error(rest)[0]),
        total=float(total[0]),
        total_error=float(error(total)),
    )


def _component(label: Integers, values: Floats) -> float:
    """Variance between bins, without what the spread within them adds; below 0 by chance."""
    counts = np.bincount(label)
    there = counts > 0
    bins, n = int(there.sum()), values.size
    if bins < 2 or bins >= n:
        return 0.0
    centred = values - values.mean()
    sums = np.bincount(label, weights=centred)[there]
    between = float((sums**2 / counts[there]).sum())
    within = (float(centred @ centred) - between) / (n - bins)
    return (between - (bins - 1) * within) / n


def _covariance(first: Floats, second: Floats) -> float:
    a, b = first - first.mean(), second - second.mean()
    return float(a @ b) / (first.size - 1)
