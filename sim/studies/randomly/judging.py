"""How far simulated numbers are from exact ones: p-values that can be trusted far out, and checks over many models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.studies.oracles.tally import ENOUGH, FAMILY, z_of
from sim.studies.randomly.questions import Answer

Floats = NDArray[np.float64]

#: Exact answers are taken for zero, one or equal within this.
TINY: Final = 1e-12
#: What is not seen often enough to be judged by its mean is wrong for sure when off by so many units.
_MISSED: Final = 1_000.0


@dataclass(frozen=True)
class Judged:
    """An estimate: ``p`` two-sided, nan where too little was seen to judge; ``z`` the signed normal of p."""

    estimate: float
    p: float
    z: float


def judged(values: Floats, answer: Answer, *, chance: bool) -> Judged:
    """Compare simulated numbers (n,) with their exact mean."""
    mean = float(values.mean())
    if chance:
        p = binomial(round(values.sum()), values.size, answer.mean)
    elif answer.variance <= TINY or (values == values[0]).all():
        p = _constant(values, answer)
    elif int((values != np.median(values)).sum()) < ENOUGH:
        p = 0.0 if values.size * abs(mean - answer.mean) > _MISSED * max(1.0, np.abs(values).max()) else math.nan
    else:
        p = of_mean(values, answer)
    side = math.copysign(1.0, mean - answer.mean)
    return Judged(mean, p, side * z_of(p) if p == p else math.nan)  # noqa: PLR0124 - nan


def _constant(values: Floats, answer: Answer) -> float:
    """All values alike: right if they are the mean, else as unlikely as the law leaves room for (nan: some)."""
    off = abs(float(values.mean()) - answer.mean)
    if off <= 1e-9 * max(1.0, abs(answer.mean)):
        return 1.0
    if answer.variance <= TINY:
        return 0.0
    return 0.0 if values.size * off > _MISSED * max(1.0, abs(float(values[0]))) else math.nan


def binomial(hits: int, n: int, p: float) -> float:
    """Two-sided chance of so many hits."""
    from scipy.special import bdtr, bdtrc

    if p <= TINY or p >= 1.0 - TINY:
        return float(hits == round(p) * n)
    low, high = float(bdtr(hits, n, p)), float(bdtrc(hits - 1, n, p)) if hits else 1.0
    return min(1.0, 2.0 * min(low, high))


def of_mean(values: Floats, answer: Answer) -> float:
    """Two-sided chance of a mean so far off, by the normal law or a shifted gamma law, whichever gives more.

    The normal law misjudges the far tail of a skew sum by orders of magnitude. The gamma law (Pearson's type III) has
    the right third moment; since a sample that went astray tells its skewness badly, half as much again is assumed,
    so that p errs on the side of no alarm. The variance is the exact one where known.
    """
    from scipy.special import gammainc, gammaincc, ndtr

    n = values.size
    known = math.isfinite(answer.variance)
    variance = answer.variance if known else float(values.var(ddof=1))
    z = (float(values.mean()) - answer.mean) / math.sqrt(variance / n)
    centred = values - values.mean()
    skew = 1.5 * float((centred**3).mean()) / float((centred**2).mean()) ** 1.5 / math.sqrt(n)
    normal = 2.0 * float(ndtr(-abs(z)))
    if abs(skew) < 1e-5:
        return normal
    shape = 4.0 / skew**2
    place = shape + z * math.sqrt(shape) * math.copysign(1.0, skew)
    if place <= 0:
        return normal
    upper = (z > 0) == (skew > 0)
    return min(1.0, max(normal, 2.0 * float(gammaincc(shape, place) if upper else gammainc(shape, place))))


def normal_of(hits: int, n: int, p: float, spread: float) -> float:
    """A number that is exactly standard normal when hits are binomial: ``spread`` in (0, 1) settles the ties."""
    from scipy.special import bdtr, bdtrc, ndtri

    if hits > n * p:  # from above, where the small tail keeps its digits
        above, here = float(bdtrc(hits, n, p)), float(bdtrc(hits - 1, n, p)) if hits else 1.0
        return -float(ndtri(above + (1.0 - spread) * (here - above)))
    below, here = float(bdtr(hits - 1, n, p)) if hits else 0.0, float(bdtr(hits, n, p))
    return float(ndtri(below + spread * (here - below)))


@dataclass(frozen=True)
class Together:
    """Independent z's as a whole: sum of squares with the band it should be in, and distance from the normal law."""

    count: int
    squares: float
    low: float
    high: float
    distance: float
    p: float

    @property
    def good(self) -> bool:
        """Whether both are as they should be."""
        return self.low <= self.squares <= self.high and self.p >= FAMILY


def together(z: Sequence[float]) -> Together:
    """Judge independent z's as a whole: each of the two checks is wrong once in a million."""
    from scipy.special import chdtri, ndtr

    n = len(z)
    low, high = float(chdtri(n, 1.0 - FAMILY / 2.0)), float(chdtri(n, FAMILY / 2.0))
    distance, p = kolmogorov(ndtr(np.array(z)))
    return Together(n, float(np.square(z).sum()), low, high, distance, p)


def kolmogorov(u: Floats) -> tuple[float, float]:
    """Largest distance of numbers from the uniform law on (0, 1), and a bound on its two-sided p-value."""
    from scipy.special import smirnov

    n, u = u.size, np.sort(u)
    above, below = np.arange(1, n + 1) / n - u, u - np.arange(n) / n
    distance = float(max(above.max(), below.max()))
    return distance, min(1.0, 2.0 * float(smirnov(n, distance)))
