"""The spread of a chance over the inputs, without the noise of few histories."""

import numpy as np
import pytest

from sim.beliefs import inputs

RNG = np.random.default_rng(7)


def counts(spread: float, sets: int, histories: int) -> inputs.Integers:
    odds = RNG.normal(-2.5, spread, sets)
    return np.asarray(RNG.binomial(histories, 1 / (1 + np.exp(-odds))), dtype=np.int64)


@pytest.mark.parametrize(("spread", "histories"), [(1.4, 80), (1.4, 2_000), (0.5, 80), (2.0, 80)])
def test_the_spread_is_found_again(spread: float, histories: int) -> None:
    """5,000 sets: standard error below .03 for a chance of .08 and 80 histories; the bound is 5 of them."""
    found = inputs.fit(counts(spread, 5_000, histories), histories)
    assert found.deviation == pytest.approx(spread, abs=0.15)
    assert found.mean == pytest.approx(-2.5, abs=0.15)


def test_the_noise_of_few_histories_is_no_spread() -> None:
    held = counts(0.0, 2_000, 80)
    share = (held + 0.5) / 81
    naive = np.log(share / (1 - share)).std()
    assert naive > 0.4, "what counting alone would give"
    assert inputs.fit(held, 80).deviation < 0.15


@pytest.mark.parametrize("held", [[0, 0, 0], [80, 80, 80], [3]])
def test_where_nothing_tells_the_inputs_apart(held: list[int]) -> None:
    assert inputs.fit(np.array(held), 80).deviation == 0.0


def test_counts_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="within 0"):
        inputs.fit(np.array([81]), 80)
    with pytest.raises(ValueError, match="one at least"):
        inputs.fit(np.array([], dtype=np.int64), 80)


def bent_range(histories: int, weight: float, spread: float = 1.0) -> tuple[float, float, float]:
    """Range of a chance under a law that multiplies the odds of the event by exp(weight), and its point."""
    odds = RNG.normal(-1.0, spread, 3_000)
    held = RNG.binomial(histories, 1 / (1 + np.exp(-odds))).astype(float)
    up = np.exp(weight)
    whole, squares = held * up + (histories - held), held * up**2 + (histories - held)
    point = np.array([(held * up).sum() / whole.sum()])
    low, high = inputs.range_of((held * up)[None], whole, squares, (held * up**2)[None], point)
    return float(low[0]), float(high[0]), float(point[0])


@pytest.mark.parametrize("weight", [0.0, 1.5])
def test_the_range_is_that_of_many_histories(weight: float) -> None:
    """With 80 histories a set as with 4,000; 3,000 sets leave an error of some .01."""
    few, many = bent_range(80, weight), bent_range(4_000, weight)
    assert few == pytest.approx(many, abs=0.04)
    assert few[0] < few[2] < few[1]


def test_where_only_chance_differs_there_is_no_range() -> None:
    low, high, point = bent_range(80, 1.5, spread=0.0)
    assert high - low < 0.03
    assert low <= point <= high
