"""Paired differences: what is exact, and how often the interval holds the truth."""

import math

import numpy as np
import pytest

from sim.statistics.paired import paired_shares


def test_only_histories_that_differ_count() -> None:
    first = np.array([True] * 300 + [False] * 700)
    second = first.copy()
    second[300:340] = True  # gained
    second[:10] = False  # lost
    difference, half = paired_shares(first, second)
    assert difference == pytest.approx(0.03)
    up, down = 41 / 1_002, 11 / 1_002
    assert half == pytest.approx(1.959964 * math.sqrt((up + down - (up - down) ** 2) / 1_002), rel=1e-6)
    # The same numbers from two runs with luck of their own would leave over twice as much open.
    alone = 1.96 * math.sqrt((0.3 * 0.7 + 0.33 * 0.67) / 1_000)
    assert half < alone / 2
    assert paired_shares(second, first)[0] == pytest.approx(-0.03)


def test_equal_histories_differ_by_nothing_but_are_no_proof() -> None:
    same = np.arange(10_000) % 3 == 0
    difference, half = paired_shares(same, same)
    assert difference == 0.0
    assert 2 / 10_000 < half < 3.1 / 10_000  # about the three in n that no event among n leaves open


def test_the_interval_covers() -> None:
    # 4,000 samples: a sound interval strays by more than 0.014 once in 15,000 seeds (four standard deviations).
    generator = np.random.default_rng(11)
    gained, lost, n = 0.06, 0.02, 300
    hits = narrow = 0
    for _ in range(4_000):
        u = generator.random(n)
        first, second = (u < lost) | (u > 0.6), (u > 0.6) | ((u > lost) & (u < lost + gained))
        difference, half = paired_shares(first, second)
        hits += abs(difference - (gained - lost)) <= half
        narrow += abs(difference - (gained - lost)) <= half / 2
    assert hits / 4_000 == pytest.approx(0.95, abs=0.014)
    assert narrow / 4_000 < 0.8  # an interval half as wide would have been found out


def test_other_histories_are_refused() -> None:
    with pytest.raises(ValueError, match="the same histories"):
        paired_shares([True, False], [True])
    with pytest.raises(ValueError, match="one at least"):
        paired_shares([], [])
