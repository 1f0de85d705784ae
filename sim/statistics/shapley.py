"""What each of several changes adds to a share: Shapley values of a game that is played once in every history.

A game has k players; a coalition is a bit mask of those that are in. In every history the event happens or not under
each coalition, so a player has a value in every history, between -1 and 1, and its share is their mean; the spread of
those values gives the standard error of paired histories. Values are summed as whole numbers (times k!, or times the
number of orders), so they add up to the whole change exactly and do not hang on the order of summing.

L. S. Shapley, "A value for n-person games", in Contributions to the Theory of Games II (1953) 307-317; sampling by
orders: J. Castro, D. Gomez and J. Tejada, "Polynomial calculation of the Shapley value based on sampling", Computers
& Operations Research 36 (2009) 1726-1730.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.statistics.intervals import LEVEL, normal_quantile

Truths = NDArray[np.bool_]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Beyond so many players there are too many coalitions to try them all.
EXACT: Final = 10
#: Numbers multiplied together (coalitions x histories): few enough for memory, and for sums below 2**63.
TOGETHER: Final = 2**23


@dataclass(frozen=True, eq=False)
class Attribution:
    """Values of k players that add up to a change of a share.

    ``sums`` (k,) over ``scale`` are the ``values`` (k,); their sum over ``scale`` is the change, exactly. ``errors``
    (k,) are half-widths of 95 % intervals.
    """

    sums: tuple[int, ...]
    scale: int
    errors: tuple[float, ...]

    @property
    def values(self) -> tuple[float, ...]:
        """The value of each player."""
        return tuple(one / self.scale for one in self.sums)


def coefficients(players: int) -> Integers:
    """What the share under each coalition counts for each player, times players!: shape (players, 2**players)."""
    coalitions = np.arange(2**players)
    sizes = np.array([int(mask).bit_count() for mask in coalitions])
    k = players
    joins = np.array([math.factorial(s) * math.factorial(max(k - s - 1, 0)) for s in range(k + 1)], dtype=np.int64)
    found = np.empty((players, coalitions.size), dtype=np.int64)
    for player in range(players):
        inside = (coalitions >> player) & 1 == 1
        found[player] = np.where(inside, joins[np.maximum(sizes - 1, 0)], -joins[sizes])
    return found


def exact(happened: Truths, level: float = LEVEL) -> Attribution:
    """Values from all coalitions; ``happened`` (2**k, n) says under which masks the event happens in each history.

    Raises ValueError for another shape, or more than ten players.
    """
    players = int(happened.shape[0]).bit_length() - 1
    if happened.ndim != 2 or happened.shape[0] != 2**players or not 1 <= players <= EXACT or not happened.shape[1]:
        raise ValueError(f"shape {happened.shape}; 2**k coalitions of 1 … {EXACT} players are wanted, by histories")
    # Whole numbers in floating point: every product and partial sum stays below 2**53, so nothing is rounded.
    table = coefficients(players).astype(np.float64)
    whole, sums, squares = math.factorial(players), [0] * players, [0] * players
    step = TOGETHER >> players
    for first in range(0, happened.shape[1], step):
        of_each = (table @ happened[:, first : first + step].astype(np.float64)).astype(np.int64)
        for player in range(players):
            sums[player] += int(of_each[player].sum())
            squares[player] += int((of_each[player] ** 2).sum())
    return _attribution(sums, squares, whole, happened.shape[1], level)


def orders(players: int, pairs: int, seed: int) -> list[tuple[int, ...]]:
    """Orders in which players may join, each followed by its reverse: ``2 x pairs`` of them."""
    generator = np.random.default_rng(seed)
    found: list[tuple[int, ...]] = []
    for _ in range(pairs):
        order = tuple(generator.permutation(players).tolist())
        found += [order, order[::-1]]
    return found


def coalitions_of(joining: Iterable[Sequence[int]]) -> set[int]:
    """Masks met when players join in some orders."""
    found = {0}
    for order in joining:
        mask = 0
        for player in order:
            mask |= 1 << player
            found.add(mask)
    return found


def sampled(happened: Mapping[int, Truths], joining: Sequence[Sequence[int]], level: float = LEVEL) -> Attribution:
    """Values from some orders: the mean over orders of what each player adds when it joins.

    ``happened``: mask -> (n,), for all of :func:`coalitions_of`. ``joining`` is made of pairs of an order and its
    reverse. The error holds that of the histories and that of the choice of orders.

    Raises ValueError for fewer than two pairs.
    """
    players, n, pairs = len(joining[0]) if joining else 0, happened[0].size, len(joining) // 2
    if pairs < 2 or len(joining) % 2:
        raise ValueError(f"{len(joining)} orders; two or more pairs are wanted")
    added = np.zeros((players, n), dtype=np.int64)
    by_pair = np.zeros((players, pairs))
    for number, order in enumerate(joining):
        mask = 0
        for player in order:
            step = happened[mask | 1 << player].astype(np.int64) - happened[mask]
            added[player] += step
            by_pair[player, number // 2] += float(step.mean()) / 2
            mask |= 1 << player
    sums = [int(one.sum()) for one in added]
    squares = [int((one**2).sum()) for one in added]
    found = _attribution(sums, squares, len(joining), n, level)
    chosen = normal_quantile(level) * by_pair.std(axis=1, ddof=1) / math.sqrt(pairs)
    errors = tuple(math.hypot(error, float(more)) for error, more in zip(found.errors, chosen, strict=True))
    return Attribution(found.sums, found.scale, errors)


def _attribution(sums: Sequence[int], squares: Sequence[int], whole: int, n: int, level: float) -> Attribution:
    """One history of each kind (value 1 and -1) is added to the error, as for a plain paired difference.

    With one player that is the interval of :func:`sim.statistics.paired.paired_shares`.
    """
    errors = []
    for total, square in zip(sums, squares, strict=True):
        mean = total / whole / (n + 2)
        spread = (square / whole**2 + 2) / (n + 2) - mean**2
        errors.append(normal_quantile(level) * math.sqrt(max(spread, 0.0) / (n + 2)))
    return Attribution(tuple(sums), n * whole, tuple(errors))
