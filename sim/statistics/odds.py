"""Shares as log-odds, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def logit(share: ArrayLike) -> Floats:
    """Logarithm of share / (1 - share), in any shape; infinite at 0 and 1."""
    p = np.asarray(share, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(p) - np.log1p(-p))


def expit(odds: ArrayLike) -> Floats:
    """The share with these log-odds, in any shape; as exact near 0 as anywhere."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-np.asarray(odds, dtype=np.float64))))
