"""Range over the inputs: how far a chance moves when only the uncertain inputs move.

A nested run draws K sets of inputs and plays J histories with each. The share of the J histories in which an event
happens estimates its chance given those inputs, but carries binomial noise on top, so the K shares are spread too
widely. They are drawn together until their variance equals the variance between inputs, estimated without bias:
the constrained estimates of T. A. Louis, "Estimating a population of parameter values using Bayes and empirical
Bayes methods", J. Am. Stat. Assoc. 79 (1984) 393-398. (Full Bayes shrinkage would make them too narrow.)
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Ends of the range that is shown.
ENDS: Final = (0.1, 0.9)
#: With fewer sets of inputs a 10 % quantile means nothing, and there is no range.
FEWEST: Final = 10


def between_variance(counts: ArrayLike, size: int) -> Floats:
    """Variance between clusters of the chance behind ``counts`` (K, …) of ``size`` histories each, 0 or more.

    The variance of the shares minus the mean of the unbiased estimates ``p (1 - p) / (size - 1)`` of their noise.
    """
    share = _shares(counts, size)
    if share.shape[0] < 2 or size < 2:
        return np.zeros(share.shape[1:])
    noise = (share * (1.0 - share)).mean(axis=0) / (size - 1)
    estimate: Floats = np.maximum(share.var(axis=0, ddof=1) - noise, 0.0)
    return estimate


def constrained(counts: ArrayLike, size: int) -> Floats:
    """Estimates (K, …) of the chance in each cluster whose variance is :func:`between_variance`."""
    share = _shares(counts, size)
    if share.shape[0] < 2:
        return share.copy()
    total = share.var(axis=0, ddof=1)
    between = between_variance(counts, size)
    factor = np.sqrt(np.divide(between, total, out=np.zeros_like(total), where=total > 0))
    centre = share.mean(axis=0)
    estimate: Floats = centre + factor * (share - centre)
    return estimate


def range_over_inputs(
    counts: ArrayLike, size: int, point: ArrayLike, ends: tuple[float, float] = ENDS
) -> tuple[Floats, Floats]:
    """Low and high end (shape of ``point``) of the range of a chance over the inputs.

    ``counts`` (K, …) are successes among ``size`` histories for each of K sets of inputs. Where fewer than
    ``FEWEST`` sets were drawn, or the shares spread no more than chance alone explains, the range is ``point``; it
    always holds ``point``.

    Raises ValueError for counts outside 0 … size.
    """
    centre = np.asarray(point, dtype=np.float64)
    estimates = constrained(counts, size)
    if estimates.shape[0] < FEWEST:
        return centre.copy(), centre.copy()
    low, high = np.quantile(estimates, ends, axis=0)
    alike = between_variance(counts, size) == 0
    # The point comes from other histories than the range; a range that leaves it out would contradict it.
    return np.where(alike, centre, np.minimum(low, centre)), np.where(alike, centre, np.maximum(high, centre))


def _shares(counts: ArrayLike, size: int) -> Floats:
    k = np.asarray(counts, dtype=np.float64)
    if k.size and (k.min() < 0 or k.max() > size):
        raise ValueError(f"counts {k.min():g} … {k.max():g} of {size} histories: they must lie within 0 … {size}")
    share: Floats = k / max(size, 1)
    return share
