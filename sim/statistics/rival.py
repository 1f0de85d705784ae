"""The one-page rival of a forecast: how past cases went, moved in log-odds by what is special in this one.

Shares of past cases by a few days become a curve with a constant hazard between the days. Curves of several classes
are pooled in log-odds with weights. What is special multiplies the odds, at every day alike. Doubt enters in four
places, drawn together on a Halton sequence (the same points every time): how few the cases are (Jeffreys: Beta(k + 1/2,
n - k + 1/2), one quantile for all days of a class, so that every curve drawn rises), which mix of the classes is right
(Dirichlet with the stated weights as mean; uniform for equal ones), the factors, and which of them apply.

Halton: J. H. Halton, "On the efficiency of certain quasi-random sequences of points in evaluating multi-dimensional
integrals", Numerische Mathematik 2 (1960) 84-90.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.statistics.odds import expit, logit

Floats = NDArray[np.float64]

#: Points of the sequence: means are then good to about 0.001.
POINTS: Final = 8_192
ENDS: Final = (0.1, 0.9)
#: Bases of the sequence, and so the most doubts there can be.
_PRIMES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71)


@dataclass(frozen=True, eq=False)
class PastCases:
    """A class of ``n`` past cases: the shares in which it had happened by ``days`` (both ascending)."""

    n: int
    days: tuple[float, ...]
    shares: tuple[float, ...]
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Adjustment:
    """A factor on the odds by its ``quantile`` function, set against past cases of which ``usual`` had the same."""

    quantile: Callable[[Floats], Floats]
    usual: float = 0.0


@dataclass(frozen=True, eq=False)
class Page:
    """What the page says on each of its days; shape (days,), or (classes, days) for the past cases; nan: no answer.

    ``cases`` are the curves of the classes as given, ``cases_low`` and ``cases_high`` their 10-90 % Jeffreys
    intervals; ``pooled`` is the curve of all classes and ``by_hand`` the result, both with every doubt at its middle.
    ``probability`` is the mean over the doubts, ``low`` and ``high`` are the ends of their 10-90 % range.
    """

    days: Floats
    cases: Floats
    cases_low: Floats
    cases_high: Floats
    pooled: Floats
    by_hand: Floats
    probability: Floats
    low: Floats
    high: Floats


def one_page(
    classes: Sequence[PastCases],
    adjustments: Sequence[Adjustment],
    patterns: Sequence[tuple[float, tuple[bool, ...]]],
    days: ArrayLike,
    points: int = POINTS,
) -> Page:
    """The page for some days.

    ``patterns`` are ways the case may be, with their chances (sum 1) and which adjustments apply in each; none: all
    apply. A day past the last day of a class that counts has no answer.

    Raises ValueError where no class has weight, or there are more doubts than the sequence has bases.
    """
    when = np.asarray(days, dtype=np.float64)
    patterns = patterns or [(1.0, (True,) * len(adjustments))]
    counted = [past for past in classes if past.weight > 0]
    if not counted:
        raise ValueError("no class of past cases has weight; give one of them a weight above 0")
    chances = np.array([chance for chance, _ in patterns])
    applies = np.array([which for _, which in patterns], dtype=np.float64).reshape(len(patterns), len(adjustments))
    low, high = zip(*(jeffreys_curve(past, when, ENDS) for past in classes), strict=True)

    middle = np.array([[0.5]])
    given = [curve(past.days, _inside(past), when) for past in counted]
    pooled = pool(given, np.array([past.weight for past in counted])[:, None])
    effects = np.array([_effects(a, middle[0]) for a in adjustments]).reshape(len(adjustments), 2, 1)
    moved = [expit(pooled + _shift(row[:, None], effects)) for row in applies]
    by_hand = sum(chance * share[:, 0] for chance, share in zip(chances, moved, strict=True))

    u = iter(halton(points, 2 * len(counted) + 1 + len(adjustments)))
    drawn = [_jeffreys(past, when, next(u)) for past in counted]
    weights = mixes([past.weight for past in counted], [next(u) for _ in counted])
    which = np.searchsorted(np.cumsum(chances)[:-1], next(u), side="right")
    effects = np.array([_effects(a, next(u)) for a in adjustments]).reshape(len(adjustments), 2, points)
    share = expit(pool(drawn, weights) + _shift(applies[which].T, effects))
    ends = np.quantile(share, ENDS, axis=1)
    return Page(
        days=when,
        cases=np.array([curve(past.days, np.array(past.shares)[:, None], when)[:, 0] for past in classes]),
        cases_low=np.array(low),
        cases_high=np.array(high),
        pooled=expit(pooled)[:, 0],
        by_hand=np.asarray(by_hand),
        probability=share.mean(axis=1),
        low=ends[0],
        high=ends[1],
    )


def curve(known: ArrayLike, shares: ArrayLike, days: ArrayLike) -> Floats:
    """Share by each of ``days`` (D,) from shares (m, …) by the days ``known`` (m,): shape (D, …).

    The hazard is constant from each known day to the next, and from the start to the first. nan past the last one.
    """
    when = np.asarray(days, dtype=np.float64)
    at = np.concatenate([[0.0], np.asarray(known, dtype=np.float64)])
    with np.errstate(divide="ignore"):
        logs = np.log1p(-np.asarray(shares, dtype=np.float64))
    logs = np.concatenate([np.zeros((1, *logs.shape[1:])), logs])
    last = np.clip(np.searchsorted(at, when, side="left"), 1, len(at) - 1)
    part = ((when - at[last - 1]) / (at[last] - at[last - 1])).reshape(-1, *[1] * (logs.ndim - 1))
    # On a known day its own share and nothing else: 0 times an infinite logarithm is no number.
    left = np.where(part >= 1.0, 0.0, (1.0 - np.minimum(part, 1.0)) * logs[last - 1])
    right = np.where(part <= 0.0, 0.0, np.clip(part, 0.0, 1.0) * np.where(part <= 0.0, 0.0, logs[last]))
    found: Floats = np.where(part > 1.0, np.nan, 0.0 - np.expm1(left + right))
    return found


def jeffreys_curve(past: PastCases, days: ArrayLike, ends: tuple[float, float]) -> tuple[Floats, Floats]:
    """Curves (days,) of a class at two quantiles of Jeffreys' law of its shares.

    Between the known days it is that of the share in between: so few cases leave as much doubt on any day.
    """
    low, high = (_jeffreys(past, days, np.array([end]))[:, 0] for end in ends)
    return low, high


def pool(shares: Sequence[Floats], weights: Floats) -> Floats:
    """Weighted mean of the log-odds of several shares, each (days, …); weights (classes, …) need no sum."""
    total = weights.sum(axis=0)
    found: Floats = sum(
        (w / total * logit(share) for w, share in zip(weights, shares, strict=True)),
        start=np.zeros_like(shares[0]),
    )
    return found


def mixes(weights: Sequence[float], uniforms: Sequence[Floats]) -> Floats:
    """Draws (classes, n) of a Dirichlet law with mean proportional to ``weights``; uniform for equal ones."""
    from scipy.special import gammaincinv

    total = sum(weights)
    shapes = [len(weights) * weight / total for weight in weights]
    drawn = np.array([gammaincinv(shape, u) for shape, u in zip(shapes, uniforms, strict=True)])
    drawn = np.maximum(drawn, 1e-300)
    found: Floats = drawn / drawn.sum(axis=0)
    return found


def halton(points: int, dimensions: int) -> Floats:
    """The first points of the Halton sequence, without 0: shape (dimensions, points), each within 0 … 1.

    Raises ValueError for more dimensions than bases.
    """
    if dimensions > len(_PRIMES):
        raise ValueError(f"{dimensions} doubts on one page; it takes {len(_PRIMES)} at most: leave some out")
    result = np.zeros((dimensions, points))
    for dimension, base in enumerate(_PRIMES[:dimensions]):
        left, size = np.arange(1, points + 1), 1.0
        while left.any():
            size /= base
            left, digit = np.divmod(left, base)
            result[dimension] += digit * size
    return result


def _jeffreys(past: PastCases, days: ArrayLike, u: Floats) -> Floats:
    """Shares (days, n) of a class at quantiles ``u`` (n,); a share times the number of cases need not be whole."""
    from scipy.special import betaincinv

    happened = past.n * curve(past.days, np.array(past.shares), days)[:, None]
    found = np.asarray(betaincinv(happened + 0.5, past.n - happened + 0.5, u), dtype=np.float64)
    return np.where(np.asarray(days, dtype=np.float64)[:, None] > 0, found, 0.0)  # at the start nothing has happened


def _inside(past: PastCases) -> Floats:
    """The shares as given, kept half a case away from 0 and 1, where log-odds have no end."""
    edge = 0.5 / (past.n + 1)
    kept: Floats = np.clip(np.array(past.shares), edge, 1.0 - edge)[:, None]
    return kept


def _effects(adjustment: Adjustment, u: Floats) -> Floats:
    """Effect (2, n) on the log-odds where the adjustment does not apply, and where it does."""
    factor = adjustment.quantile(u)
    # Past cases had it at times, so their mean odds hold that much of it already.
    already = np.log1p(adjustment.usual * (factor - 1.0))
    return np.stack([-already, np.log(factor) - already])


def _shift(applies: Floats, effects: Floats) -> Floats:
    """Sum (n,) of the effects (adjustments, 2, n), with ``applies`` (adjustments, n) or (adjustments, 1) as 0 or 1."""
    found: Floats = (effects[:, 0] * (1.0 - applies) + effects[:, 1] * applies).sum(axis=0)
    return found
