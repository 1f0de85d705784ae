"""Regions of inputs: what they count, and how luck is told from a limit that does something."""

import math

import numpy as np
import pytest

from sim.statistics.boxes import Limit, Measured, measured, of_limits, pruned, undominated, within


def test_a_region_by_hand() -> None:
    columns = [np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([0.0, 1.0, 2.0, 1.0, 2.0])]
    box = (Limit(0, low=2.0), Limit(1, levels=(1, 2)))
    happened = np.array([True, True, False, True, False])
    assert within(box, columns, 5).tolist() == [False, True, True, True, True]
    found = measured(box, columns, happened)
    assert (found.n, found.events, found.inside, found.caught) == (5, 3, 4, 2)
    assert (found.coverage, found.density, found.share, found.overall) == (2 / 3, 0.5, 0.8, 0.6)
    assert Limit(0, high=2.0).holds(columns[0]).tolist() == [True, True, False, False, False]
    assert found.intervals()["density"][0] < 0.5 < found.intervals()["density"][1]
    [first, second] = of_limits(box, columns, happened)
    assert (first.n, first.inside) == (4, 4)  # history 0 is out by both limits
    assert (second.n, second.events) == (4, 2)


def test_luck_is_the_exact_chance() -> None:
    # 3 of 4 drawn among 10 with 5 events: (C(5,3) C(5,1) + C(5,4)) / C(10,4).
    assert Measured(10, 5, 4, 3).luck() == pytest.approx((10 * 5 + 5) / 210)
    assert Measured(10, 5, 4, 3).quasi_p() == pytest.approx(5 / 16)  # 3 or 4 heads of 4
    assert Measured(10, 5, 10, 5).luck() == pytest.approx(1.0)


def test_a_limit_that_does_nothing_passes_as_often_as_it_should() -> None:
    generator, passed = np.random.default_rng(1), 0
    for _ in range(600):
        x, happened = generator.random(300), generator.random(300) < 0.3
        passed += measured([Limit(0, low=0.6)], [x], happened).luck() <= 0.05
    # Four standard errors above 5 %: a right test fails once in 30,000.
    assert passed / 600 <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 600)
    assert passed > 5  # and it is no test that never speaks


def test_limits_that_luck_explains_are_dropped_and_those_that_matter_stay() -> None:
    generator = np.random.default_rng(2)
    columns = [generator.random(4_000) for _ in range(4)]
    happened = generator.random(4_000) < np.where((columns[0] > 0.6) & (columns[2] < 0.5), 0.6, 0.1)
    box = (Limit(0, low=0.6), Limit(1, low=0.05), Limit(2, high=0.5), Limit(3, high=0.9))
    assert [limit.column for limit in pruned(box, columns, happened, 4)] == [0, 2]
    assert len(pruned(box, columns, happened, 1)) == 1
    assert pruned((Limit(1, low=0.3),), columns, happened, 4) == ()


def test_only_regions_that_none_beats_in_both_are_offered() -> None:
    found = [Measured(100, 20, inside, caught) for inside, caught in ((100, 20), (50, 15), (60, 15), (20, 10))]
    assert undominated(found) == [0, 1, 3]
    assert found[3].score == pytest.approx((0.5 - 0.2) * math.sqrt(0.2))
