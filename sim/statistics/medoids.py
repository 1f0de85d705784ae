"""Representatives of a sample: members to which the others lie near."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def medoids(points: ArrayLike, count: int) -> Integers:
    """Places of up to ``count`` points (n, d) so that the sum of the distances of all to their nearest is small.

    Distances are sums of absolute differences. One is exact: the point with the least sum of distances. More begin
    with it and the best further ones, one after another, and change place as long as one exchange helps (L. Kaufman
    and P. J. Rousseeuw, Finding Groups in Data, 1990; sums as in E. Schubert and P. J. Rousseeuw, "Fast and eager
    k-medoids clustering", Inf. Syst. 101, 2021). Of equal ones the first is taken. The order is that of
    :func:`nearest` counts, most first; fewer than asked for where fewer points differ.

    Raises ValueError without points or for a count below 1.
    """
    x = _points(points)
    if not len(x) or count < 1:
        raise ValueError(f"{count} medoids of {len(x)} points: at least one of each is wanted")
    between = _between(x)
    chosen = [int(np.argmin(between.sum(axis=0)))]
    while len(chosen) < count:
        near = between[chosen].min(axis=0)
        gains = np.minimum(between - near, 0.0).sum(axis=1)
        best = int(np.argmin(gains))
        if gains[best] >= 0.0:
            break  # every point has a medoid at no distance
        chosen.append(best)
    while len(chosen) > 1:
        place, candidate, gain = _exchange(between, chosen)
        if gain >= -1e-9 * max(float(between[chosen].min(axis=0).sum()), 1.0):
            break
        chosen[place] = candidate
    found = np.array(chosen, dtype=np.int64)
    sizes = np.bincount(nearest(x, x[found]), minlength=len(chosen))
    return found[np.lexsort((found, -sizes))]


def _exchange(between: Floats, chosen: list[int]) -> tuple[int, int, float]:
    """The best exchange of one medoid for another point: which, for which, and what it changes in the sum."""
    to = between[chosen]
    order = np.argsort(to, axis=0, kind="stable")
    columns = np.arange(to.shape[1])
    first, second = to[order[0], columns], to[order[1], columns]
    if_kept = np.minimum(between, first)
    changes = [
        if_kept[:, order[0] != place].sum(axis=1) + np.minimum(between, second)[:, order[0] == place].sum(axis=1)
        for place in range(len(chosen))
    ]
    table = np.array(changes) - first.sum()
    place, candidate = np.unravel_index(int(np.argmin(table)), table.shape)
    return int(place), int(candidate), float(table[place, candidate])


def nearest(points: ArrayLike, centres: ArrayLike) -> Integers:
    """For each point (n, d) the number of the nearest centre (k, d); of equal ones the first."""
    return np.asarray(np.argmin(distances(points, centres), axis=1), dtype=np.int64)


def distances(points: ArrayLike, centres: ArrayLike) -> Floats:
    """Sums of absolute differences between points (n, d) and centres (k, d): (n, k)."""
    x, c = _points(points), _points(centres)
    return np.stack([np.abs(x - centre).sum(axis=1) for centre in c], axis=1)


def _between(x: Floats) -> Floats:
    """Distances of all points to one another, (n, n)."""
    found = np.zeros((len(x), len(x)))
    for column in x.T:
        step = column[:, None] - column
        found += np.abs(step, out=step)
    return found


def _points(points: ArrayLike) -> Floats:
    x = np.asarray(points, dtype=np.float64)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise ValueError(f"points of shape {x.shape}: finite numbers (points, coordinates) are wanted")
    return x
