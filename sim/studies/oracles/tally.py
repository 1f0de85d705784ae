"""Running moments of a simulated quantity, and the judgement of a number against its exact value."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.studies.oracles.questions import Expected, Statistic

Floats = NDArray[np.float64]

#: Chance of one false alarm in a whole invocation.
FAMILY: Final = 1e-6
#: A sample's own spread is trusted once so many histories differ from the most frequent value.
ENOUGH: Final = 50
#: Numbers without chance must agree to this relative error.
DETERMINISTIC: Final = 1e-12
#: So many deviations as large as any seen cannot be missing by chance.
_MISSED: Final = 1_000.0
_MODE_SAMPLE: Final = 5_000


@dataclass
class Tally:
    """Count, mean and central moments of a sequence of numbers, added in parts.

    ``differing`` counts the values unlike the most frequent one of the first part, ``farthest`` is the largest distance
    from it, ``missing`` counts those that are nan.
    """

    count: int = 0
    missing: int = 0
    differing: int = 0
    farthest: float = 0.0
    mode: float = math.nan
    moments: Floats = field(default_factory=lambda: np.zeros(4))

    def add(self, values: Floats) -> None:
        """Add values of shape (n,)."""
        known = values[np.isfinite(values)]
        self.missing += values.size - known.size
        if known.size == 0:
            return
        if self.count == 0:
            distinct, times = np.unique(known[:_MODE_SAMPLE], return_counts=True)
            self.mode = float(distinct[times.argmax()])
        self.differing += int((known != self.mode).sum())
        self.farthest = max(self.farthest, float(np.abs(known - self.mode).max()))
        mean = float(known.mean()) if (known != known[0]).any() else float(known[0])
        with np.errstate(over="ignore", invalid="ignore"):
            centred = known - mean
            part = np.array([mean, *(float((centred**k).sum()) for k in (2, 3, 4))])
            self.moments = _merge(self.count, self.moments, known.size, part)
        self.count += known.size

    @property
    def mean(self) -> float:
        """Sample mean."""
        return float(self.moments[0]) if self.count else math.nan

    @property
    def variance(self) -> float:
        """Unbiased sample variance."""
        return float(self.moments[1]) / (self.count - 1) if self.count > 1 else math.nan

    @property
    def fourth(self) -> float:
        """Fourth central moment of the sample."""
        return float(self.moments[3]) / self.count if self.count else math.nan


def _merge(n: int, a: Floats, m: int, b: Floats) -> Floats:
    """Moments of two samples together (Pébay, Sandia report SAND2008-6212)."""
    if n == 0:
        return b
    total, delta = n + m, b[0] - a[0]
    mean = a[0] + delta * m / total
    second = a[1] + b[1] + delta**2 * n * m / total
    third = a[2] + b[2] + delta**3 * n * m * (n - m) / total**2 + 3 * delta * (n * b[1] - m * a[1]) / total
    fourth = (
        a[3]
        + b[3]
        + delta**4 * n * m * (n * n - n * m + m * m) / total**3
        + 6 * delta**2 * (n * n * b[1] + m * m * a[1]) / total**2
        + 4 * delta * (n * b[2] - m * a[2]) / total
    )
    return np.array([mean, second, third, fourth])


@dataclass(frozen=True)
class Judged:
    """An estimate beside its exact value. ``p`` is the two-sided chance of being so far off; ``z`` its signed normal.

    ``reason`` says why nothing could be judged; then ``p`` is nan. ``few``: more histories might help. ``sure``: no
    chance involved, p is 0 or 1.
    """

    expected: Expected
    estimate: float
    count: int
    z: float = math.nan
    p: float = math.nan
    sure: bool = False
    reason: str = ""
    few: bool = False


@dataclass(frozen=True)
class Known:
    """What is known exactly of the law of a quantity: variance and fourth central moment (nan if unknown)."""

    variance: float
    fourth: float = math.nan


def threshold(numbers: int) -> float:
    """p-value below which one of so many numbers fails (Sidak, family-wise FAMILY)."""
    return -math.expm1(math.log1p(-FAMILY) / max(1, numbers))


def z_of(p: float) -> float:
    """The |z| of a two-sided p-value."""
    from scipy.special import ndtri

    return float(-ndtri(p / 2.0)) if p > 0 else math.inf


def judge(expected: Expected, tally: Tally, known: Known | None) -> Judged:
    """Compare a tally with an exact number.

    The spread is that of the exact law where known (from the value, the case's table, or ``known``), else that of the
    sample. Probabilities expected fewer than ENOUGH times get the exact binomial p-value.
    """
    if tally.missing or tally.count == 0:
        return Judged(expected, tally.mean, tally.count, reason=f"{tally.missing:,} histories undecided")
    if not np.isfinite(tally.moments).all():
        return Judged(expected, tally.mean, tally.count, reason="the numbers are too large to be averaged")
    if expected.statistic == "prob":
        return _probability(expected, tally)
    deviation = math.sqrt(max(tally.variance, 0.0))
    estimate = {"mean": tally.mean, "var": tally.variance, "sd": deviation}[expected.statistic]
    known = Known(expected.sd**2) if expected.sd is not None else known
    fixed = known is not None and known.variance == 0.0
    fixed = fixed or (expected.statistic != "mean" and expected.value == 0.0)
    if fixed or (tally.differing == 0 and _close(estimate, expected.value, expected.error)):
        good = _close(estimate, expected.value, 0.0 if fixed else expected.error)
        return Judged(expected, estimate, tally.count, 0.0 if good else math.inf, float(good), sure=True)
    if tally.differing < ENOUGH and (known is None or not math.isfinite(known.variance)):
        # Rare events may be missing from the sample, but not a thousand of the largest kind there could well be.
        unit = max(1.0, abs(tally.mode), tally.farthest) ** (1 if expected.statistic == "mean" else 2)
        if tally.count * abs(estimate - expected.value) > _MISSED * unit:
            return Judged(expected, estimate, tally.count, math.inf, 0.0, sure=True)
        why = f"only {tally.differing} of {tally.count:,} histories differ: too few"
        return Judged(expected, estimate, tally.count, reason=why, few=True)
    return _spread(expected, tally, estimate, known)


def _close(estimate: float, value: float, error: float) -> bool:
    return abs(estimate - value) <= DETERMINISTIC * max(abs(value), abs(estimate)) + error


def _probability(expected: Expected, tally: Tally) -> Judged:
    from scipy.special import bdtr, bdtrc

    n, p = tally.count, expected.value
    hits = round(tally.mean * n)
    if p in (0.0, 1.0) and not expected.error:
        good = hits == p * n
        return Judged(expected, tally.mean, n, 0.0 if good else math.inf, float(good), sure=True)
    side = 1.0 if tally.mean >= p else -1.0
    if not ENOUGH <= n * p <= n - ENOUGH:
        # The value itself may be off by its error, in the estimate's favour.
        near = min(max(tally.mean, p - expected.error, 0.0), p + expected.error, 1.0)
        low, high = float(bdtr(hits, n, near)), float(bdtrc(hits - 1, n, near)) if hits else 1.0
        chance = min(1.0, 2.0 * min(low, high))
        return Judged(expected, tally.mean, n, side * z_of(chance), chance)
    return _normal(expected, tally.mean, n, math.sqrt(p * (1.0 - p) / n), sure_spread=True)


def _spread(expected: Expected, tally: Tally, estimate: float, known: Known | None) -> Judged:
    n = tally.count
    if expected.statistic == "mean":
        exact = known is not None and math.isfinite(known.variance)
        variance = known.variance if exact and known is not None else tally.variance
        return _normal(expected, estimate, n, math.sqrt(variance / n), sure_spread=exact)
    exact = known is not None and math.isfinite(known.fourth)
    fourth, second = (known.fourth, known.variance) if exact and known is not None else (tally.fourth, tally.variance)
    # The second term matters where the first vanishes (a fair coin): what is left is (1 - chi-square) x variance / n,
    # and seven times that unit covers its tail down to the p-values that count here.
    error = math.hypot(math.sqrt(max(fourth - second * second, 0.0) / n), 7.0 * second / n)
    if expected.statistic == "sd":
        # The variance is compared: its error is known, and a table's sd is exact to its last digit.
        squared = Expected(expected.label, "var", expected.value**2, 2.0 * expected.value * expected.error)
        found = _normal(squared, tally.variance, n, error, sure_spread=exact)
        return Judged(expected, estimate, n, found.z, found.p)
    return _normal(expected, estimate, n, error, sure_spread=exact)


def _normal(expected: Expected, estimate: float, n: int, error: float, *, sure_spread: bool) -> Judged:
    """z against the exact value; with a spread taken from the sample, by Student's law."""
    from scipy.special import ndtr, stdtr

    z = (estimate - expected.value) / math.hypot(error, expected.error)
    p = 2.0 * float(ndtr(-abs(z)) if sure_spread else stdtr(n - 1, -abs(z)))
    return Judged(expected, estimate, n, math.copysign(z_of(p), z), p)


__all__ = ["FAMILY", "Judged", "Known", "Statistic", "Tally", "judge", "threshold", "z_of"]
