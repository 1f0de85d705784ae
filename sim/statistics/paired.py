"""Differences between two runs of the same histories: what common random numbers leave of the error."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from sim.statistics.intervals import LEVEL, normal_quantile


def paired_shares(first: ArrayLike, second: ArrayLike, level: float = LEVEL) -> tuple[float, float]:
    """Difference of two shares over the same n histories (second - first), and the half-width of its interval.

    ``first`` and ``second`` (n,) say whether the event happened. Only histories that differ count. One of each kind
    is added (D. G. Bonett and R. M. Price, "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data", J. Educ. Behav. Stat. 37 (2012) 479-488), so that n equal histories do not
    pass for certainty.

    Raises ValueError for unequal lengths or no history.
    """
    a, b = np.asarray(first, dtype=np.bool_), np.asarray(second, dtype=np.bool_)
    if a.shape != b.shape or a.ndim != 1 or not a.size:
        raise ValueError(f"shapes {a.shape} and {b.shape}: the same histories are needed on both sides, one at least")
    gained, lost = int((b & ~a).sum()), int((a & ~b).sum())
    n = a.size
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    spread = math.sqrt(max(up + down - (up - down) ** 2, 0.0) / (n + 2))
    return (gained - lost) / n, normal_quantile(level) * spread
