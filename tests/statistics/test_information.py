"""Ratios of chances and bits from counts: against closed forms, by coverage, and where nothing is there to be told."""

import itertools
import math

import numpy as np
import pytest

from sim.statistics.information import chi_squared_tail, holm, information, ratio_interval

DRAWS = 4_000
#: Four standard deviations of a share near 0.95 over the draws: one false alarm in 16,000 comparisons, one-sided less.
NOISE = 4.0 * math.sqrt(0.95 * 0.05 / DRAWS)


def entropy(table: np.ndarray) -> float:
    p = table[table > 0] / table.sum()
    return float(-(p * np.log2(p)).sum())


def test_bits_are_the_entropies_that_are_left_over() -> None:
    table = np.array([[3_000, 1_000], [2_000, 14_000]])
    plain = entropy(table.sum(axis=1)) + entropy(table.sum(axis=0)) - entropy(table)
    found = information(table)
    assert found.bits == pytest.approx(plain - 1 / (2 * table.sum() * math.log(2)), rel=1e-12)
    assert found.low < found.bits < found.high
    assert found.p < 1e-300
    # What the second of two signs adds is what both say less what the first says alone.
    both = np.array([[[300, 700], [500, 2_500]], [[900, 1_100], [400, 9_600]]])
    joint = both.reshape(4, 2)
    together = entropy(joint.sum(axis=1)) + entropy(joint.sum(axis=0)) - entropy(joint)
    first = both.sum(axis=1)
    alone = entropy(first.sum(axis=1)) + entropy(first.sum(axis=0)) - entropy(first)
    assert information(both).bits == pytest.approx(together - alone - 2 / (2 * both.sum() * math.log(2)), rel=1e-9)


def test_a_sign_that_says_all_says_the_whole_entropy_and_one_never_seen_says_nothing() -> None:
    assert information([[500, 0], [0, 500]]).bits == pytest.approx(1.0, abs=1e-3)
    for table in ([[0, 0], [30, 70]], [[30, 70], [0, 0]], [[0, 30], [0, 70]], [[0, 0], [0, 0]]):
        found = information(table)
        assert (found.bits, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(("p", "q"), [(0.10, 0.10), (0.12, 0.10), (0.30, 0.10)])
def test_intervals_hold_the_truth_as_often_as_they_say(p: float, q: float) -> None:
    rng = np.random.default_rng(5)
    seen, n = 600, 3_000
    x, y = rng.binomial(seen, p, DRAWS), rng.binomial(n - seen, q, DRAWS)
    joint = np.array([[p * seen, (1 - p) * seen], [q * (n - seen), (1 - q) * (n - seen)]]) / n
    truth = entropy(joint.sum(axis=1)) + entropy(joint.sum(axis=0)) - entropy(joint) if p != q else 0.0
    held = 0
    for a, c in zip(x.tolist(), y.tolist(), strict=True):
        found = information([[a, seen - a], [c, n - seen - c]])
        held += found.low <= truth <= found.high
    # The counts of a sign seen so often are drawn here, not that it is seen: both ways differ little.
    assert held / DRAWS > 0.95 - NOISE - 0.01
    low, high = ratio_interval(x, seen, y, n - seen)
    assert abs(float(((low <= p / q) & (p / q <= high)).mean()) - 0.95) < NOISE + 0.01
    # A ratio of another one is refused more often than not where there is something to tell.
    if p > 0.2:
        assert float((low <= 1.0).mean()) < 0.01


def test_information_that_is_not_there_is_zero_on_average_after_the_correction_and_seldom_found() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.binomial(200, 0.3, DRAWS).tolist(), rng.binomial(800, 0.3, DRAWS).tolist()
    tables = [[[a, 200 - a], [c, 800 - c]] for a, c in zip(x, y, strict=True)]
    found = [information(table) for table in tables]
    alarms = np.mean([one.p < 0.05 for one in found])
    assert abs(float(alarms) - 0.05) < 4 * math.sqrt(0.05 * 0.95 / DRAWS) + 0.005
    assert float(np.mean([one.low > 0 for one in found])) < 0.05 + 4 * math.sqrt(0.05 * 0.95 / DRAWS) + 0.005


@pytest.mark.parametrize(("p", "q"), [(0.2, 0.2), (0.02, 0.02), (0.01, 0.05)])
def test_few_events_are_covered_too(p: float, q: float) -> None:
    # Every pair of counts with its chance: no luck in this test.
    n, m = 40, 60
    ways = [[math.comb(k, i) * s**i * (1 - s) ** (k - i) for i in range(k + 1)] for k, s in ((n, p), (m, q))]
    x, y = np.meshgrid(np.arange(n + 1), np.arange(m + 1), indexing="ij")
    low, high = ratio_interval(x, n, y, m)
    held = (low <= p / q) & (p / q <= high)
    assert float((np.outer(np.array(ways[0]), np.array(ways[1])) * held).sum()) > 0.93


def test_without_events_an_interval_has_one_end() -> None:
    low, high = ratio_interval(0, 100, 30, 100)
    assert float(low) == 0.0
    assert 0.0 < float(high) < 0.2
    low, high = ratio_interval(30, 100, 0, 100)
    assert float(low) > 5.0
    assert math.isinf(float(high))
    one, other = ratio_interval(30, 100, 20, 400), ratio_interval(20, 400, 30, 100)
    assert float(one[0]) == pytest.approx(1 / float(other[1]), rel=1e-9)
    assert [float(end) for end in ratio_interval(0, 10, 0, 10)] == [0.0, math.inf]


@pytest.mark.parametrize(("n", "happened", "seen"), [(2_000, 20, 1), (20_000, 4_000, 3), (2_000, 400, 20)])
def test_rare_signs_that_tell_nothing_are_found_as_seldom_as_the_level_says(n: int, happened: int, seen: int) -> None:
    # Every table that luck may give, with its chance: no luck in this test. Chi-squared finds up to four times as many.
    ways = [math.comb(happened, i) * math.comb(n - happened, seen - i) / math.comb(n, seen) for i in range(seen + 1)]
    tables = [[[i, seen - i], [happened - i, n - happened - seen + i]] for i in range(seen + 1)]
    p = [information(table).p for table in tables]
    for level in (0.05, 0.005, 0.0025):
        assert sum(way for way, one in zip(ways, p, strict=True) if one <= level) <= level * (1 + 1e-9)
    assert p[seen] == pytest.approx(ways[seen], rel=1e-6)
    # Beside another sign the rare table counts as one of two tests; where both tell nothing, the chance stays below 1.
    beside = [[[300, 700], [300, 700]], tables[seen]]
    assert information(beside).p == pytest.approx(min(2 * ways[seen], 1.0), rel=1e-6)


def test_the_tail_of_chi_squared_is_that_of_scipy() -> None:
    from scipy.special import chdtrc

    for value, freedom in itertools.product((0.0, 0.3, 3.84, 30.0), (1, 2, 3, 4, 7)):
        assert chi_squared_tail(value, freedom) == pytest.approx(float(chdtrc(freedom, value)), rel=1e-12)


def test_holm_stops_at_the_first_that_fails() -> None:
    assert holm([0.01, 0.04, 0.03]) == [True, False, False]
    assert holm([0.01, 0.02, 0.03]) == [True, True, True]
    assert holm([]) == []


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(ValueError, match="counts of shape"):
        information([1, 2, 3, 4])
    with pytest.raises(ValueError, match="counts of shape"):
        information([[1, -2], [3, 4]])
    with pytest.raises(ValueError, match="successes must lie within"):
        ratio_interval(5, 4, 1, 4)
    with pytest.raises(ValueError, match="degrees of freedom"):
        chi_squared_tail(1.0, 0)
