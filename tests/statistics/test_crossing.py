"""Where a chance crosses a level: curves whose crossing is known, and how often the interval holds it."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.statistics.crossing import Found, accepted, bends, search

Truths = NDArray[np.bool_]
GRID = [0.002 + 0.002 * i for i in range(13)]
DAYS = 60.0


def fine(width: float) -> Callable[[float, float], float | None]:
    return lambda a, b: (a + b) / 2 if b - a > width else None


def curve(shape: Callable[[float], float], luck: NDArray[np.float64]) -> Callable[[Sequence[float]], list[Truths]]:
    """The event of each history at some values: its luck lies below the chance there."""
    return lambda values: [np.asarray(luck < shape(value)) for value in values]


def rate(value: float) -> float:
    """Chance that something of this rate happens by the day: the crossing of p is at -log(1 - p) / DAYS."""
    return -math.expm1(-value * DAYS)


def found(seed: int, level: float, n: int = 400, confidence: float = 0.95) -> Found:
    luck = np.random.default_rng(seed).random(n)
    return search(curve(rate, luck), GRID, level, fine(5e-5), confidence)


def held(level: float, repeats: int, confidence: float = 0.95) -> float:
    truth = -math.log1p(-level) / DAYS
    hits = 0
    for seed in range(repeats):
        [one] = found(seed, level, confidence=confidence).crossings
        hits += (one.low is None or one.low <= truth) and (one.high is None or truth <= one.high)
    return hits / repeats


def test_the_interval_holds_the_crossing_as_often_as_it_says() -> None:
    # Four standard errors of 250 repeats: a right interval fails once in 30,000. That of 80 % must fail.
    least = 0.95 - 4 * math.sqrt(0.95 * 0.05 / 250)
    assert held(0.3, 250) >= least
    assert held(0.3, 250, confidence=0.8) < least


@pytest.mark.campaign
@pytest.mark.parametrize("level", [0.15, 0.3, 0.5, 0.7])
def test_coverage_at_full_size(level: float) -> None:
    share = held(level, 4_000)
    assert share >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 4_000)
    assert share <= 0.98  # not by being too wide: a count has steps, no more


def test_it_is_as_narrow_as_the_slope_allows() -> None:
    [one] = found(1, 0.5, n=10_000).crossings
    truth = math.log(2) / DAYS
    error = math.sqrt(0.25 / 10_000) / (DAYS * 0.5)  # error of the share over the slope of the curve there
    assert one.rises
    assert one.at is not None
    assert one.low is not None
    assert one.high is not None
    assert abs(one.at - truth) < 4.5 * error
    assert 2 * 1.96 * error < one.high - one.low < 2 * 1.96 * error + 3e-4


def test_every_crossing_is_named() -> None:
    luck = np.random.default_rng(2).random(4_000)
    wave = search(curve(lambda x: 0.5 + 0.4 * math.sin(x), luck), [0.5 * i for i in range(1, 20)], 0.5, fine(0.01))
    assert [one.rises for one in wave.crossings] == [False, True, False]
    assert [one.at for one in wave.crossings] == pytest.approx([math.pi, 2 * math.pi, 3 * math.pi], abs=0.15)
    assert bends(wave.values, wave.events) is not None
    straight = search(curve(lambda x: 0.1 + 0.08 * x, luck), [float(i) for i in range(11)], 0.5, fine(0.01))
    assert bends(straight.values[::4], straight.events[::4]) is None


def test_a_curve_that_does_not_cross_says_so() -> None:
    luck = np.random.default_rng(3).random(2_000)
    low = search(curve(lambda x: 0.1 + 0.01 * x, luck), [0.0, 5.0, 10.0], 0.5, fine(0.01))
    assert (low.crossings, low.touches) == ([], [])
    assert len(low.values) == 3  # there was nothing to look at more closely
    [(left, right)] = search(
        curve(lambda x: 0.5 - 0.1 * abs(x - 5.0), luck), [float(i) for i in range(11)], 0.5, fine(0.01)
    ).touches
    assert left is not None
    assert right is not None
    assert left < 5.0 < right


def test_an_end_that_cannot_be_told_stays_open() -> None:
    luck = np.random.default_rng(4).random(2_000)
    [one] = search(curve(lambda x: 0.1 + 0.04 * x, luck), [float(i) for i in range(11)], 0.5, fine(0.01)).crossings
    assert one.rises
    assert one.high is None
    assert one.low is not None
    assert 9.0 < one.low < 10.0


def test_a_jump_between_two_whole_numbers() -> None:
    def jump(values: Sequence[float]) -> list[Truths]:
        return [np.arange(1_000) < (100 if value < 4 else 900) for value in values]

    found = search(jump, [0.0, 5.0, 10.0], 0.5, lambda a, b: float((a + b) // 2) if b - a > 1 else None)
    [one] = found.crossings
    assert (one.low, one.high) == (3.0, 4.0)


def test_the_counts_that_a_level_may_give_are_exact() -> None:
    # Of a binomial number of 20 with chance 1/2: P(X <= 5) = .0207, P(X <= 6) = .0577.
    assert accepted(20, 0.5) == (6, 14)
    with pytest.raises(ValueError, match="level 1"):
        search(curve(rate, np.zeros(3)), GRID, 1.0, fine(1e-3))
