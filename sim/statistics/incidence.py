"""Cumulative incidence by counting.

Every history is followed to the same day, so the share of histories in which something has happened by a day is a
plain count over their number: no estimator for censored data is needed, and competing events need no correction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def day_counts(times: ArrayLike, days: int) -> Integers:
    """How many first times (…, n) fall in the day that ends at 0, 1, … days: shape (…, days + 1).

    A time counts for the first day whose end sees it; times past the last day (inf: never) are left out.
    """
    array = np.asarray(times, dtype=np.float64)
    flat = array.reshape(-1, array.shape[-1])
    shown = flat <= days
    result = np.zeros((flat.shape[0], days + 1), dtype=np.int64)
    for row, seen, values in zip(result, shown, flat, strict=True):
        row[:] = np.bincount(np.ceil(values[seen]).astype(np.int64), minlength=days + 1)
    return result.reshape(*array.shape[:-1], days + 1)


def grouped_day_counts(times: ArrayLike, groups: ArrayLike, n_groups: int, days: int) -> Integers:
    """As :func:`day_counts` for one event, apart for each group 0 … n_groups - 1: shape (n_groups, days + 1)."""
    array, number = np.asarray(times, dtype=np.float64), np.asarray(groups, dtype=np.int64)
    shown = array <= days
    place = number[shown] * (days + 1) + np.ceil(array[shown]).astype(np.int64)
    counts: Integers = np.bincount(place, minlength=n_groups * (days + 1)).reshape(n_groups, days + 1)
    return counts


def cumulative(counts: ArrayLike, trials: int) -> Floats:
    """Cumulative incidence at the end of each day from counts per day (…, days + 1)."""
    if trials < 1:
        raise ValueError(f"{trials} histories: a share needs at least one")
    share: Floats = np.cumsum(np.asarray(counts, dtype=np.int64), axis=-1) / trials
    return share
