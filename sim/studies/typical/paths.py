"""Ways into an outcome: in which order milestones are first reached, and in how many histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.statistics.shown import words

#: A milestone that so large a share of the histories of every outcome reach is no part of a way into one.
BACKGROUND: Final = 0.75
#: Outcomes with fewer histories do not count for that.
FEWEST: Final = 20

Data = dict[str, Any]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Small = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Paths:
    """First times (milestones, n) of the milestones that make up ways; ``background`` are left out as common to all."""

    names: tuple[str, ...]
    times: Floats
    background: tuple[str, ...] = ()

    def top(self, here: Integers, most: int, *, whole: bool = False) -> tuple[list[Data], Data]:
        """The most frequent ways among some histories (places), and how many took another one.

        A way ends with the last milestone that all of them reach; ``whole``: it does not. Equally frequent ways stand
        in the order of the first history that took them.
        """
        n = here.size
        if not n:
            return [], {"histories": 0, "share": 0.0, "paths": 0}
        times = self.times[:, here]
        shared = np.isfinite(times).all(axis=1)
        last = times[shared].max(axis=0) if shared.any() and not whole else np.full(n, np.inf)
        times = np.where(times <= last, times, np.inf)
        ranks = _ranks(times)
        # One more column, of zeros, so that there is one; a row of bytes is compared as a whole.
        keys = np.concatenate([ranks, np.zeros((n, 1), dtype=np.int8)], axis=1)
        packed = np.ascontiguousarray(keys).view(np.dtype((np.void, keys.shape[1]))).ravel()
        _, first, which, counts = np.unique(packed, return_index=True, return_inverse=True, return_counts=True)
        order = np.lexsort((first, -counts)).tolist()
        found = [self._way(ranks[first[way]], times[:, which == way], int(counts[way]), n) for way in order[:most]]
        left = n - sum(way["histories"] for way in found)
        return found, {"histories": left, "share": left / n, "paths": max(len(order) - most, 0)}

    def _way(self, ranks: Small, times: Floats, count: int, n: int) -> Data:
        places = [np.flatnonzero(ranks == step) for step in range(1, int(ranks.max(initial=0)) + 1)]
        steps = [[self.names[i] for i in together] for together in places]
        said = " → ".join(" + ".join(words(name) for name in step) for step in steps)
        days = [float(np.median(times[together[0]])) for together in places]
        return {
            "steps": steps,
            "words": said or "no milestone",
            "histories": count,
            "share": count / n,
            "days": days,
        }


def _ranks(times: Floats) -> Small:
    """Place of each milestone in its history (n, milestones): 1 is first, equal times share a place, 0 is never."""
    rows = np.ascontiguousarray(times.T)
    order = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, axis=1)
    new = np.ones(ordered.shape, dtype=np.int8)
    new[:, 1:] = ordered[:, 1:] > ordered[:, :-1]
    ranks = np.empty(rows.shape, dtype=np.int8)
    np.put_along_axis(ranks, order, np.cumsum(new, axis=1, dtype=np.int8), axis=1)
    return np.where(np.isfinite(rows), ranks, np.int8(0))


def paths_of(names: Sequence[str], times: Floats, ended: NDArray[Any]) -> Paths:
    """Ways in histories with these first times (milestones, n), inf: never, and outcomes (n,).

    A milestone that comes, wherever it does, at one instant with another tells nothing more: it is left out. Of two
    that always come together the first stays. So is what holds from the start in every history, and what is reached
    whatever the outcome: in ``BACKGROUND`` of the histories of each that has at least ``FEWEST``.
    """
    reached = np.isfinite(times)
    kept = [i for i in range(len(names)) if reached[i].any() and not (times[i] == 0.0).all()]
    sizes = np.bincount(ended)
    often = np.flatnonzero(sizes >= FEWEST).tolist()
    common: list[int] = []
    if len(often) > 1:
        common = [i for i in kept if all(reached[i, ended == outcome].mean() >= BACKGROUND for outcome in often)]
    kept = [i for i in kept if i not in common]
    for i in reversed(list(kept)):
        others = [j for j in kept if j != i]
        if others and (times[others][:, reached[i]] == times[i, reached[i]]).any(axis=0).all():
            kept.remove(i)
    return Paths(tuple(names[i] for i in kept), times[kept], tuple(names[i] for i in common))
