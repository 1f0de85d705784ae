"""Simulated histories held against what was reported of them, and re-weighted by it.

What is known of a report is how it is meant. Each reading gives a true number a weight within 0 … 1:

exactly    1 where it is the number reported, else 0: simulation with rejection, which is exact for whole numbers
at least   1 where it is not less than the number reported; how much more it may be is left open, as if it had been
           settled beforehand which number would be named. Who names all that is known of tells more than that
roughly    exp(-z^2 / 2), z = ln(reported / true) / spread: reporting multiplies the truth by a lognormal error

These are likelihoods up to a factor that is the same for all histories, so that the weighted histories are the law of
everything given the reports. Weights of several reports multiply: their errors are independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

Reading = Literal["exactly", "at least", "roughly"]
READINGS: Final = ("exactly", "at least", "roughly")


@dataclass(frozen=True)
class Fact:
    """A reported ``value`` of something at the end of ``day``, and how it is meant.

    Raises ValueError for a reading that cannot be.
    """

    name: str
    day: int
    value: float
    reading: Reading = "exactly"
    spread: float = 0.0

    def __post_init__(self) -> None:
        if self.reading not in READINGS:
            raise ValueError(f"{self.name}: reading {self.reading!r}; choose from {', '.join(READINGS)}")
        if self.reading == "roughly" and not (self.spread > 0.0 and self.value > 0.0):
            raise ValueError(f"{self.name}: roughly {self.value:g} with spread {self.spread:g}; both must be above 0")

    def weights(self, true: ArrayLike) -> Floats:
        """Weight (n,) of each true number (n,)."""
        x = np.asarray(true, dtype=np.float64)
        if self.reading == "exactly":
            return np.asarray(x == self.value, dtype=np.float64)
        if self.reading == "at least":
            return np.asarray(x >= self.value, dtype=np.float64)
        return np.asarray(np.exp(-0.5 * self._miss(x) ** 2), dtype=np.float64)

    def place(self, true: ArrayLike, mass: ArrayLike) -> float:
        """Where the report lies in what the law (numbers ``true`` with ``mass``, both (n,)) says of such reports.

        The probability integral transform. For whole numbers its middle, P(less) + P(equal) / 2. Of at least so many
        it is the chance of at least so many, since the report says no more.
        """
        x, part = np.asarray(true, dtype=np.float64), np.asarray(mass, dtype=np.float64)
        part = part / part.sum()
        if self.reading == "exactly":
            return float(part[x < self.value].sum() + 0.5 * part[x == self.value].sum())
        if self.reading == "at least":
            return float(part[x >= self.value].sum())
        from scipy.special import ndtr

        return float((part * ndtr(self._miss(x))).sum())

    def _miss(self, x: Floats) -> Floats:
        """Error of the report in its standard deviations; infinite where there was nothing to report."""
        with np.errstate(divide="ignore"):
            return np.asarray((math.log(self.value) - np.log(np.maximum(x, 0.0))) / self.spread)

    def surprise(self, place: float) -> float:
        """Chance of a report as far out as this one or farther, given :meth:`place`; small is surprising.

        Where at least so many are reported only too many can surprise.
        """
        return place if self.reading == "at least" else min(2.0 * min(place, 1.0 - place), 1.0)


def together(surprises: Sequence[float]) -> float:
    """Chance that so many reports surprise so much together (Fisher, Statistical Methods, 1932).

    Each is taken given those before it, which makes them independent under a right model.
    """
    if not surprises or min(surprises) <= 0.0:
        return 0.0 if surprises else 1.0
    half = -sum(math.log(p) for p in surprises)
    terms = [half**i / math.factorial(i) for i in range(len(surprises))]
    return min(math.exp(-half) * math.fsum(terms), 1.0)
