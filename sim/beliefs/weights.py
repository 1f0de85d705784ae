"""Bending simulated histories towards what was stated, four ways; each history keeps its course and gets a weight.

Everything here works on *cells*: histories that agree in every stated proposition get the same weight, so a few dozen
cells stand for any number of histories. A bent law is its *ratio* to the model's own law, one number a cell, with mean
1 over the histories.

=========  ==========================================================================================
pool       q ~ p exp(sum of weight x (logit stated - logit implied) x proposition): a logarithmic
           opinion pool of the model and the model bent fully to each statement (Genest and Zidek
           1986); closed form, no order, never infeasible
meet       the law nearest to the model's (least relative entropy) that meets the targets (Csiszar
           1975; Meucci 2008); exact, within a range, or softly
linear     with chance `weight` the speaker knows, else the model stands (linear opinion pool)
evidence   the statement is a noisy reading of the chance given the inputs: it re-weights the inputs
           and leaves chance alone
=========  ==========================================================================================
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.statistics.odds import logit
from sim.statistics.stated import sure

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
#: Multipliers beyond this leave nothing of the model: the targets cannot be met together.
STEEPEST: Final = 60.0
#: Statements at most: their propositions divide the histories into cells by bit patterns.
MOST: Final = 60
#: With so many propositions at most, every pattern of bits has a place in a small table.
SMALL: Final = 16


@dataclass(frozen=True, eq=False)
class Cells:
    """Histories grouped by what they say of the propositions.

    ``index`` (n,) is the cell of each history, ``share`` (cells,) the cells' share of all histories and ``holds``
    (propositions, cells) whether a proposition holds in a cell.
    """

    index: Integers
    share: Floats
    holds: NDArray[np.bool_]

    @property
    def histories(self) -> int:
        """Number of histories."""
        return int(self.index.size)

    def implied(self, ratio: Floats | None = None) -> Floats:
        """Chance of each proposition (propositions,) under a bent law, by default the model's own."""
        law = self.share if ratio is None else self.share * ratio
        chances: Floats = (self.holds * law).sum(axis=1)
        return chances


@dataclass(frozen=True)
class Bend:
    """How far a law bends the model: relative entropy in nats, and how many histories its weights are worth."""

    nats: float
    effective: float


class InfeasibleError(ValueError):
    """No law over the histories meets these targets together; ``which`` are the positions of a smallest such set."""

    def __init__(self, which: tuple[int, ...]) -> None:
        self.which = which
        super().__init__(f"targets {', '.join(str(i) for i in which)} cannot be met together")


def cells(propositions: NDArray[np.bool_]) -> Cells:
    """Cells of the histories; ``propositions`` is (propositions, n). See :func:`joint_cells`."""
    return joint_cells(propositions, np.zeros((len(propositions), 0), dtype=np.bool_))[0]


def joint_cells(propositions: NDArray[np.bool_], others: NDArray[np.bool_]) -> tuple[Cells, Integers]:
    """Cells of some histories (propositions, n), and the cell of each of ``others`` (propositions, m).

    Shares count the first only; a cell that only the others know has share 0.

    Raises ValueError for no history or for more propositions than fit a pattern of bits.
    """
    count, n = propositions.shape
    if n == 0 or count > MOST:
        raise ValueError(f"{count} propositions over {n} histories; at least 1 history and at most {MOST} propositions")
    pattern = np.zeros(n + others.shape[1], dtype=np.int64)
    for bit in range(count):
        pattern[:n] |= propositions[bit].astype(np.int64) << bit
        pattern[n:] |= others[bit].astype(np.int64) << bit
    if count <= SMALL:  # counting is faster than sorting
        there = np.bincount(pattern, minlength=1 << count) > 0
        found, index = np.flatnonzero(there), (np.cumsum(there) - 1)[pattern]
    else:
        found, index = np.unique(pattern, return_inverse=True)
    holds = np.array([(found >> bit) & 1 for bit in range(count)], dtype=np.bool_).reshape(count, found.size)
    index = index.astype(np.int64).reshape(pattern.size)
    share = np.bincount(index[:n], minlength=found.size) / n
    return Cells(index[:n], share, holds), index[n:]


def sure_implied(share: ArrayLike, histories: int | Floats) -> Floats:
    """Implied chances with 0 and 1 of n histories read as (k + 1/2) / (n + 1)."""
    k = np.asarray(share) * histories
    extreme = (k <= 0.0) | (k >= histories)
    return np.where(extreme, (k + 0.5) / (histories + 1.0), share)


def stated_odds(share: float) -> float:
    """Log-odds of a stated chance; 0 and 1 are read as .01 and .99."""
    return float(logit(sure(share)))


def _odds(share: float) -> float:
    """Log-odds of a chance that may lie beyond what anybody states (carried from an earlier day); never without end."""
    return stated_odds(share) if share in (0.0, 1.0) else float(logit(share))


def pool(groups: Cells, stated: Sequence[float], weights: Sequence[float]) -> Floats:
    """Ratio (cells,) of the logarithmic pool; ``stated`` chances and ``weights`` 0 … 1, one a proposition."""
    own = logit(sure_implied(groups.implied(), groups.histories))
    steps = [w * (_odds(s) - m) for s, w, m in zip(stated, weights, own.tolist(), strict=True)]
    return _tilted(groups, np.array(steps))


def linear(groups: Cells, stated: Sequence[float], weights: Sequence[float]) -> Floats:
    """Ratio (cells,) of the linear pool: each speaker's law is the model's, conditioned by Jeffrey's rule.

    A proposition that no history (or every one) meets cannot be moved by its statement.

    Raises ValueError when the weights sum to more than 1.
    """
    if sum(weights) > 1.0 + 1e-12:
        raise ValueError(f"weights {list(weights)} sum to more than 1; a linear pool shares out one whole")
    ratio = np.full(groups.share.size, 1.0 - sum(weights))
    for holds, own, share, weight in zip(groups.holds, groups.implied().tolist(), stated, weights, strict=True):
        share = sure(share)  # noqa: PLW2901 - as it is read
        if 0.0 < own < 1.0:
            ratio += weight * np.where(holds, share / own, (1.0 - share) / (1.0 - own))
        else:
            ratio += weight
    return ratio


def meet(groups: Cells, low: Sequence[float], high: Sequence[float], softness: Sequence[float] | None = None) -> Floats:
    """Ratio (cells,) of the law nearest to the model's whose chances lie within ``low`` … ``high``.

    Where ``softness`` is above 0 a target may be missed: (miss / softness)^2 / 2 is added to the relative entropy.
    Newton's method on the convex dual, which has one multiplier for each end of a range.

    Raises InfeasibleError, with a smallest set of targets that cannot be met together.
    """
    count = len(groups.holds)
    soft = np.zeros(count) if softness is None else np.asarray(softness, dtype=np.float64)
    floor, ceiling = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    hard = [i for i in range(count) if soft[i] == 0.0]
    if not _feasible(groups, floor, ceiling, hard):
        raise InfeasibleError(_smallest(groups, floor, ceiling, hard))
    from scipy.optimize import minimize

    def dual(multipliers: Floats) -> tuple[float, Floats]:
        up, down = multipliers[:count], multipliers[count:]
        step = up - down
        exponent = (step[:, None] * groups.holds).sum(axis=0)
        top = exponent.max()
        mass = groups.share * np.exp(exponent - top)
        whole = mass.sum()
        chance = (groups.holds * (mass / whole)).sum(axis=1)
        value = top + math.log(whole) - (up * floor).sum() + (down * ceiling).sum() + 0.5 * (soft**2 * step**2).sum()
        slope = chance + soft**2 * step
        return float(value), np.concatenate([slope - floor, ceiling - slope])

    found = minimize(
        dual, np.zeros(2 * count), jac=True, method="L-BFGS-B", bounds=[(0.0, STEEPEST)] * (2 * count),
        options={"maxiter": 2_000, "ftol": 1e-15, "gtol": 1e-11},
    )  # fmt: skip
    return _tilted(groups, found.x[:count] - found.x[count:])


def evidence(held: Integers, histories: int, stated: float, error: float) -> Floats:
    """Ratio (inputs,) of a law over inputs, given a noisy reading of the log-odds of their chance.

    ``held`` (inputs,) counts in how many of its ``histories`` each set of inputs met the proposition; ``error`` is
    the standard deviation of the reading in log-odds. What the counts leave open about a set's chance is integrated
    out with Jeffreys' prior, so that few histories a set do not pass for certainty.

    Raises ValueError unless error is above 0.
    """
    if not error > 0.0:
        raise ValueError(f"error = {error!r} in log-odds; a reading without error would leave one set of inputs")
    from scipy.special import betaincinv

    points = (np.arange(32) + 0.5) / 32
    seen, which = np.unique(held, return_inverse=True)
    chance = betaincinv(seen[:, None] + 0.5, histories - seen[:, None] + 0.5, points[None, :])
    miss = (stated_odds(stated) - logit(np.clip(chance, 1e-12, 1.0 - 1e-12))) / error
    likelihood: Floats = np.exp(-0.5 * miss**2).mean(axis=1)[which]
    total = likelihood.mean()
    if not total > 0.0:
        return np.ones(held.size)
    return np.asarray(likelihood / total)


def default_weight(spread: float, error: float = 2.0) -> float:
    """Weight by rule: tau^2 / (tau^2 + sigma^2); tau is the model's spread over the inputs, both in log-odds."""
    return spread**2 / (spread**2 + error**2)


def bend(groups: Cells, ratio: Floats) -> Bend:
    """How far a law bends the model."""
    law = groups.share * ratio
    positive = law > 0.0
    nats = float((law[positive] * np.log(ratio[positive])).sum())
    return Bend(max(nats, 0.0), float(groups.histories / (groups.share * ratio**2).sum()))


def history_weights(groups: Cells, ratio: Floats) -> Floats:
    """Weight (n,) of each history; they sum to 1."""
    return np.asarray(ratio[groups.index] / groups.histories)


def _tilted(groups: Cells, steps: Floats) -> Floats:
    exponent = (steps[:, None] * groups.holds).sum(axis=0)
    ratio = np.exp(exponent - exponent.max())
    return np.asarray(ratio / (groups.share * ratio).sum())


def _feasible(groups: Cells, low: Floats, high: Floats, which: Sequence[int]) -> bool:
    """Whether some law over the cells meets the targets ``which``."""
    if not which:
        return True
    from scipy.optimize import linprog

    rows = groups.holds[list(which)][:, groups.share > 0.0].astype(np.float64)
    limits = np.concatenate([high[list(which)], -low[list(which)]]) + 1e-12
    size = rows.shape[1]
    found = linprog(
        np.zeros(size), A_ub=np.concatenate([rows, -rows]), b_ub=limits, A_eq=np.ones((1, size)), b_eq=[1.0],
        bounds=(0.0, 1.0), method="highs",
    )  # fmt: skip
    return bool(found.status == 0)


def _smallest(groups: Cells, low: Floats, high: Floats, which: Sequence[int]) -> tuple[int, ...]:
    """A smallest set of targets that cannot be met together."""
    for size in range(1, len(which) + 1):
        for some in itertools.combinations(which, size):
            if not _feasible(groups, low, high, some):
                return some
    return tuple(which)
