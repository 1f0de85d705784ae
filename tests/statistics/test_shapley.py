"""Shapley values against their definition, to the last digit, and their errors against repeated play."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.statistics.paired import paired_shares
from sim.statistics.shapley import Attribution, coalitions_of, coefficients, exact, orders, sampled


def by_definition(worth: dict[int, Fraction] | dict[int, float], players: int) -> list[Fraction | float]:
    """Mean, over all orders of the players, of what each adds when it joins."""
    total: list[Fraction | float] = [Fraction(0)] * players
    for order in itertools.permutations(range(players)):
        mask = 0
        for player in order:
            total[player] += worth[mask | 1 << player] - worth[mask]
            mask |= 1 << player
    return [one / math.factorial(players) for one in total]


def random_game(players: int, n: int, seed: int) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random((2**players, n)) < 0.4


@pytest.mark.parametrize("players", [1, 2, 3, 4, 5, 6])
def test_values_are_those_of_the_definition_exactly(players: int) -> None:
    happened = random_game(players, 101, players)
    found = exact(happened)
    worth = {mask: Fraction(int(row.sum()), 101) for mask, row in enumerate(happened)}
    assert [Fraction(one, found.scale) for one in found.sums] == by_definition(worth, players)


@pytest.mark.parametrize("players", [1, 3, 7, 10])
def test_values_add_up_to_the_whole_change_exactly(players: int) -> None:
    happened = random_game(players, 53, players)
    found = exact(happened)
    change = Fraction(int(happened[-1].sum()) - int(happened[0].sum()), 53)
    assert Fraction(sum(found.sums), found.scale) == change
    assert sum(found.sums) / found.scale == pytest.approx(float(change), abs=1e-15)
    assert sum(found.values) == pytest.approx(float(change), abs=1e-14)


def test_many_histories_are_taken_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    happened = random_game(3, 1_000, 3)
    whole = exact(happened)
    monkeypatch.setattr("sim.statistics.shapley.TOGETHER", 8 * 77)
    pieces = exact(happened)
    assert (pieces.sums, pieces.scale, pieces.errors) == (whole.sums, whole.scale, whole.errors)


def test_equal_players_get_the_same_and_an_idle_one_nothing() -> None:
    generator = np.random.default_rng(4)
    happened = np.empty((16, 200), dtype=np.bool_)
    by_kind = {kind: generator.random(200) < 0.5 for kind in itertools.product(range(3), range(2))}
    for mask in range(16):  # players 0 and 2 count alike, player 1 by itself, player 3 not at all
        happened[mask] = by_kind[(mask & 1) + (mask >> 2 & 1), mask >> 1 & 1]
    found = exact(happened)
    assert found.sums[0] == found.sums[2]
    assert found.errors[0] != found.errors[1]
    assert found.sums[3] == 0
    swapped = exact(happened[[(m & ~3) | (m & 1) << 1 | (m >> 1 & 1) for m in range(16)]])
    assert (swapped.sums[0], swapped.sums[1]) == (found.sums[1], found.sums[0])


def test_one_player_is_a_paired_difference() -> None:
    happened = random_game(1, 400, 9)
    found = exact(happened)
    difference, error = paired_shares(happened[0], happened[1])
    assert found.values[0] == pytest.approx(difference, abs=1e-15)
    assert found.errors[0] == pytest.approx(error, rel=1e-12)


#: Chance of the event under each coalition of three players whose effects overlap.
CHANCES = np.array([0.10, 0.18, 0.15, 0.32, 0.12, 0.25, 0.14, 0.40])
REPEATS = 1_000


def played(n: int, seed: int) -> NDArray[np.bool_]:
    """The same luck under every coalition, as with common random numbers."""
    return np.random.default_rng(seed).random(n) < CHANCES[:, None]


def covered(found: list[Attribution], truth: list[float], widths: list[list[float]] | None = None) -> list[int]:
    wide = widths or [list(one.errors) for one in found]
    return [
        sum(abs(one.values[i] - truth[i]) <= width[i] for one, width in zip(found, wide, strict=True))
        for i in range(len(truth))
    ]


def test_errors_cover_as_often_as_they_say() -> None:
    # 4.5 standard deviations of a count of 1,000: with three players a false alarm in 50,000 runs (were they nominal).
    allowed = 4.5 * math.sqrt(REPEATS * 0.95 * 0.05)
    found = [exact(played(300, seed)) for seed in range(REPEATS)]
    truth = [float(one) for one in by_definition({m: float(p) for m, p in enumerate(CHANCES)}, 3)]
    for count in covered(found, truth):
        assert abs(count - 0.95 * REPEATS) < allowed
    # Two wrong ones would be noticed: what a player adds as the first, and errors that forget the pairing.
    first = [float(CHANCES[1 << i] - CHANCES[0]) for i in range(3)]
    assert all(abs(count - 0.95 * REPEATS) > allowed for count in covered(found, first))
    table = coefficients(3) / math.factorial(3)
    unpaired = 1.96 * np.sqrt((table**2 * (CHANCES * (1 - CHANCES))).sum(axis=1) / 300)
    assert any(abs(c - 0.95 * REPEATS) > allowed for c in covered(found, truth, [unpaired.tolist()] * REPEATS))


def test_all_orders_are_the_same_as_all_coalitions() -> None:
    happened = random_game(3, 150, 5)
    straight = [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
    found = sampled(dict(enumerate(happened)), [one for order in straight for one in (order, order[::-1])])
    whole = exact(happened)
    assert found.values == pytest.approx(whole.values, abs=1e-15)
    assert all(a > b for a, b in zip(found.errors, whole.errors, strict=True))  # they hold the choice of orders, too


def test_some_orders_of_many_players() -> None:
    players = 12
    joining = orders(players, 30, seed=1)
    assert joining == orders(players, 30, seed=1)
    assert joining != orders(players, 30, seed=2)
    assert all(sorted(order) == list(range(players)) for order in joining)
    assert all(b == a[::-1] for a, b in zip(joining[::2], joining[1::2], strict=True))
    worths = np.array([0.01 * (i + 1) for i in range(players)])
    luck = np.random.default_rng(6).random(500)
    masks = coalitions_of(joining)
    assert {0, 2**players - 1} <= masks
    chance = {mask: 0.1 + sum(worths[i] for i in range(players) if mask >> i & 1) for mask in masks}
    # Player 3 adds to the rest what it has and as much again once player 7 is in: half of that is each one's.
    for mask in masks:
        chance[mask] += 0.05 if mask >> 3 & 1 and mask >> 7 & 1 else 0.0
    found = sampled({mask: luck < p for mask, p in chance.items()}, joining)
    whole = (luck < chance[2**players - 1]).mean() - (luck < chance[0]).mean()
    assert sum(found.sums) / found.scale == pytest.approx(float(whole), abs=1e-12)
    truth = worths.copy()
    truth[[3, 7]] += 0.025
    assert all(abs(v - t) < 2.5 * e for v, t, e in zip(found.values, truth, found.errors, strict=True))


def test_what_is_no_game_is_refused() -> None:
    for shape in ((3, 5), (1, 5), (2**11, 1), (4, 0)):
        with pytest.raises(ValueError, match="coalitions"):
            exact(np.zeros(shape, dtype=np.bool_))
    nothing = {mask: np.zeros(3, dtype=np.bool_) for mask in range(4)}
    for joining in ([], [(0, 1), (1, 0)]):
        with pytest.raises(ValueError, match="two or more pairs"):
            sampled(nothing, joining)
