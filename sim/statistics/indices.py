"""Sobol' indices of what a model is expected to do given its inputs, from histories that carry chance on top.

A design is pick-freeze (Saltelli and others, Comput. Phys. Commun. 181 (2010) 259-270): a sample A of the inputs, an
independent sample B, and for each group of inputs A with that group taken from B. Every point of it is played with
several histories, the same luck in all columns. The estimators are SALib's. What chance adds to them is taken out: with
y and z the means of the two halves of a point's histories, products of one with the other hold no noise on average, and
for any estimator Q that is a mean of products, Q(y, z) = Q((y + z) / 2) - Q((y - z) / 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.statistics.intervals import LEVEL, normal_quantile

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Bootstrap resamples of the points, for the intervals.
RESAMPLES: Final = 100
#: A variance is divided by where it is at least so many half-widths of its interval away from 0.
CLEARLY: Final = 2.0


@dataclass(frozen=True, eq=False)
class Indices:
    """Indices of k groups of inputs, each (k,), with the half-widths of their intervals; nan where none can be had.

    ``first`` is the share of ``variance`` (of the expectation given the inputs) that goes if the group alone becomes
    known, ``total`` the share that stays if all else is. ``explained`` is the share of ``variance`` in the variance
    of a single history; the rest is chance.
    """

    first: Floats
    first_error: Floats
    total: Floats
    total_error: Floats
    mean: float
    variance: float
    explained: float
    explained_error: float


def sobol_indices(outputs: Floats, seed: int, level: float = LEVEL) -> Indices:
    """Indices from ``outputs`` (k + 2, n, h): the columns A, A with group 1 … k from B, and B; n points, h histories.

    ``seed`` decides the resamples of the intervals. Where it is not clear that the expectation varies at all (its
    variance is not above twice the half-width of its own interval), every index is nan.

    Raises ValueError for another shape, ModuleNotFoundError where SALib is not installed.
    """
    if outputs.ndim != 3 or outputs.shape[0] < 3 or outputs.shape[1] < 2 or outputs.shape[2] < 2:
        raise ValueError(f"outputs of shape {outputs.shape}: 3 columns, 2 points and 2 histories are needed at least")
    columns, n, h = outputs.shape
    # Indices do not change with the scale, and SALib's zero is an absolute one.
    ends = outputs[[0, -1]]
    mean, scale = float(ends.mean()), float(ends.std()) or 1.0
    scaled = (outputs - mean) / scale
    cut = h // 2
    first, second = scaled[:, :, :cut].mean(axis=2), scaled[:, :, cut:].mean(axis=2)
    sums, gaps = (first + second) / 2, (first - second) / 2
    sums, gaps = (one - one[[0, -1]].mean() for one in (sums, gaps))
    noise = scaled[[0, -1]].var(axis=2, ddof=1).mean(axis=0)  # of a single history, by point

    everything = np.arange(n)[:, None]
    picked = np.random.default_rng([seed, n]).integers(n, size=(n, RESAMPLES))
    size = normal_quantile(level)
    found = []
    for rows in (everything, picked):
        between = _variance(sums, rows) - _variance(gaps, rows)
        indices = np.array([_both(sums, gaps, j, rows) for j in range(1, columns - 1)])
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append((between, indices / between, between / (between + noise[rows].mean(axis=0))))
    (between, indices, explained), (others, resampled, shares) = found
    if not between[0] > CLEARLY * size * others.std(ddof=1):
        indices, resampled = np.full_like(indices, np.nan), np.full_like(resampled, np.nan)
    errors = size * resampled.std(axis=2, ddof=1)
    return Indices(
        first=indices[:, 0, 0],
        first_error=errors[:, 0],
        total=indices[:, 1, 0],
        total_error=errors[:, 1],
        mean=mean,
        variance=float(max(between[0], 0.0)) * scale**2,
        explained=float(max(np.nan_to_num(explained[0]), 0.0)),
        explained_error=float(np.nan_to_num(size * shares.std(ddof=1))),
    )


def _variance(outputs: Floats, rows: Integers) -> Floats:
    """Variance of the columns A and B over some points (points, resamples): (resamples,)."""
    found: Floats = np.concatenate([outputs[0][rows], outputs[-1][rows]]).var(axis=0)
    return found


def _both(sums: Floats, gaps: Floats, column: int, rows: Integers) -> Floats:
    """First and total variance of a group without noise, (2, resamples)."""
    found = []
    for estimator in _estimators():
        parts = []
        for one in (sums, gaps):
            a, mixed, b = one[0][rows], one[column][rows], one[-1][rows]
            # Without any spread there is nothing to divide by, and SALib warns.
            flat = np.ptp(np.concatenate([a, b])) <= np.finfo(np.float64).eps
            with np.errstate(divide="ignore", invalid="ignore"):  # a resample may be flat though the whole is not
                part = 0.0 if flat else np.nan_to_num(estimator(a, mixed, b)) * _variance(one, rows)
            parts.append(part)
        found.append(np.broadcast_to(parts[0] - parts[1], rows.shape[1]))
    return np.array(found)


def _estimators() -> tuple[Any, Any]:
    """SALib's estimators of first and total indices; each takes (A, mixed, B)."""
    from SALib.analyze.sobol import first_order, total_order

    return first_order, total_order
