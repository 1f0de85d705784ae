"""How a chance is spread over the inputs, in log-odds, with the noise of finitely many histories taken out.

A nested run counts, for each set of inputs, in how many of its histories something happened. Behind the counts the
log-odds are taken to be normal over the inputs, and its mean and standard deviation are fitted by maximum likelihood
(logistic-normal binomial; Aitchison and Shen, Biometrika 67 (1980) 261-272, for the law).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.statistics.clusters import ENDS
from sim.statistics.odds import logit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Points of the grid on which the normal law is integrated, and how far out it reaches in standard deviations.
POINTS: Final = 401
REACH: Final = 6.0
#: No spread below this is told from none.
LEAST: Final = 1e-3


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over the inputs of the log-odds of a chance."""

    mean: float
    deviation: float


def fit(held: Integers, histories: int) -> Spread:
    """Spread of a chance from the counts ``held`` (inputs,), each among ``histories``.

    Where nothing or everything happened, or in one set of inputs, the deviation is 0: nothing tells the inputs apart.

    Raises ValueError for counts outside 0 … histories or no count.
    """
    counts = np.asarray(held, dtype=np.int64)
    if not counts.size or counts.min() < 0 or counts.max() > histories:
        raise ValueError(f"counts {counts.tolist()[:5]} of {histories} histories: within 0 … {histories}, one at least")
    share = (counts.sum() + 0.5) / (counts.size * histories + 1.0)
    middle = float(logit(share))
    if counts.size < 2 or counts.max() == 0 or counts.min() == histories:
        return Spread(middle, 0.0)
    from scipy.optimize import minimize

    seen, times = np.unique(counts, return_counts=True)

    def cost(point: Floats) -> float:
        return -float((times * _log_likelihoods(seen, histories, float(point[0]), float(np.exp(point[1])))).sum())

    simplex = np.array([[middle - 0.3, 0.0], [middle + 0.2, 0.0], [middle - 0.3, -0.7]])
    found = minimize(
        cost, simplex[0], method="Nelder-Mead",
        options={"xatol": 1e-5, "fatol": 1e-7, "initial_simplex": simplex, "maxiter": 600},
    ).x  # fmt: skip
    deviation = float(np.exp(found[1]))
    return Spread(float(found[0]), deviation if deviation > LEAST else 0.0)


def range_of(
    sums: Floats, weights: Floats, squares: Floats, squares_held: Floats, point: Floats
) -> tuple[Floats, Floats]:
    """10-90 % range over the inputs of chances under a bent law, low and high (events,); always around ``point``.

    For each set of inputs: the ``sums`` (events, inputs) of the weights of its histories where an event happened, of
    all its ``weights`` (inputs,), and the same of the squared weights. The noise that few histories leave is taken
    out as in :mod:`sim.statistics.clusters`; a set counts by its weight.
    """
    known = weights > 0.0
    if known.sum() < 2:
        return point.copy(), point.copy()
    sums, weights, squares, squares_held = sums[:, known], weights[known], squares[known], squares_held[:, known]
    share = sums / weights
    worth = np.maximum(weights**2 / squares, 1.0 + 1e-9)  # histories that the weights of a set are worth
    noise = (squares_held * (1.0 - 2.0 * share) + share**2 * squares) / weights**2 * (worth / (worth - 1.0))
    part = weights / weights.sum()
    centre = (share * part).sum(axis=1, keepdims=True)
    total = ((share - centre) ** 2 * part).sum(axis=1) / (1.0 - (part**2).sum())
    between = np.maximum(total - (noise * part).sum(axis=1), 0.0)
    factor = np.sqrt(np.divide(between, total, out=np.zeros_like(total), where=total > 0.0))
    estimates = centre + factor[:, None] * (share - centre)
    ends = np.array([_quantiles(row, part) for row in estimates])
    alike = between == 0.0
    return np.where(alike, point, np.minimum(ends[:, 0], point)), np.where(alike, point, np.maximum(ends[:, 1], point))


_GRID: Final[Floats] = np.linspace(-REACH, REACH, POINTS)
_NORMAL: Final[Floats] = np.exp(-0.5 * _GRID**2) / np.exp(-0.5 * _GRID**2).sum()


def _log_likelihoods(seen: Integers, histories: int, mean: float, deviation: float) -> Floats:
    """Log-likelihood (counts,) of each count, up to a term of its own."""
    odds = mean + deviation * _GRID
    logs = -np.logaddexp(0.0, -odds)  # of the chance; of its complement it is this minus the odds
    exponent = seen[:, None] * logs + (histories - seen)[:, None] * (logs - odds)
    top = exponent.max(axis=1)
    return np.asarray(top + np.log((np.exp(exponent - top[:, None]) * _NORMAL).sum(axis=1)), dtype=np.float64)


def _quantiles(values: Floats, part: Floats) -> tuple[float, float]:
    # Shares that differ by less than the rounding of a sum keep their order: else it would hang on the processor.
    order = np.argsort(np.round(values, 12), kind="stable")
    part = part[order]
    at = np.cumsum(part) - 0.5 * part - 0.5 * part[0]
    low, high = np.interp(ENDS, at / at[-1], values[order])
    return float(low), float(high)
