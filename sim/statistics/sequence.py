"""Intervals of a share that hold at every number of trials at once: one may look as often as one likes, and stop.

For a share p, the likelihood of what was seen, averaged over a Beta law and divided by its likelihood under p, is a
martingale with mean 1 while p is the truth; by Ville's inequality it ever reaches 1 / alpha with a chance of at most
alpha. The shares at which it has not are a confidence sequence: H. Robbins, "Statistical methods related to the law
of the iterated logarithm", Ann. Math. Stat. 41 (1970) 1397-1409; S. R. Howard, A. Ramdas, J. McAuliffe and
J. Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann. Stat. 49 (2021) 1055-1080. Nothing
is approximated, so rare events are covered, too; the price is an interval about twice as wide as one that holds at a
single number of trials only.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.statistics.intervals import LEVEL, counts_of, normal_quantile

Floats = NDArray[np.float64]

#: Parameters of the Beta law of the average. With 1/2 (Krichevsky and Trofimov) no share fares much worse than another.
PRIOR: Final = 0.5
#: Halvings of the search for an end: more than a float has digits.
_HALVINGS: Final = 80


def log_evidence(share: ArrayLike, successes: ArrayLike, trials: ArrayLike) -> Floats:
    """Logarithm of the martingale: how far so many successes speak against a share 0 … 1; arrays broadcast.

    Infinite where the share rules out what was seen.

    Raises ValueError where successes are not within 0 … trials.
    """
    from scipy.special import betaln, xlog1py, xlogy

    k, n = counts_of(successes, trials)
    p = np.asarray(share, dtype=np.float64)
    average = betaln(PRIOR + k, PRIOR + n - k) - betaln(PRIOR, PRIOR)
    return np.asarray(average - xlogy(k, p) - xlog1py(n - k, -p), dtype=np.float64)


def anytime(successes: ArrayLike, trials: ArrayLike, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Low and high end of the interval after so many trials; arrays broadcast.

    The chance that the intervals at all numbers of trials hold the share is at least ``level``, whatever the share
    and however often one looks. Without trials it is 0 … 1; without successes ``high`` is the bound on a share that
    has not shown itself yet.

    Raises ValueError where successes are not within 0 … trials.
    """
    k, n = counts_of(successes, trials)
    normal_quantile(level)  # checks the level
    limit = -np.log1p(-level)
    # The evidence falls up to the share seen and rises after it: one end on either side.
    seen = np.divide(k, n, out=np.full(k.shape, 0.5), where=n > 0)
    ends = []
    for end in (0.0, 1.0):
        outside, inside = np.full(k.shape, end), seen.copy()
        for _ in range(_HALVINGS):
            middle = 0.5 * (outside + inside)
            beyond = log_evidence(middle, k, n) >= limit
            outside, inside = np.where(beyond, middle, outside), np.where(beyond, inside, middle)
        ends.append(np.where(log_evidence(end, k, n) < limit, end, outside))
    return ends[0], ends[1]
