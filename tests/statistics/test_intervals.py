"""Intervals of shares and quantiles: known values, coverage, and wrong intervals that must fail the same test."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.statistics.intervals import (
    quantile,
    quantile_by_day,
    quantile_ranks,
    wilson,
    zero_event_bound,
)

Floats = NDArray[np.float64]
Interval = Callable[[Floats, int], tuple[Floats, Floats]]


def test_wilson_of_published_examples() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    low, high = wilson([81, 15, 0, 1], [263, 148, 20, 29])
    assert low == pytest.approx([0.2553, 0.0624, 0.0, 0.0061], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1605, 0.1611, 0.1718], abs=5e-5)


def test_intervals_are_mirrored_and_end_in_0_and_1() -> None:
    low, high = wilson(np.arange(21), 20)
    assert low[0] == 0.0
    assert high[-1] == 1.0
    assert low == pytest.approx(1.0 - high[::-1])
    assert (np.diff(low) > 0).all()


def coverage(interval: Interval, share: float, trials: int) -> float:
    """Exact chance that the interval holds the share: no simulation, so no false alarms."""
    k = np.arange(trials + 1)
    logs = np.array([math.lgamma(trials + 1) - math.lgamma(i + 1) - math.lgamma(trials - i + 1) for i in k])
    chance = np.exp(logs + k * math.log(share) + (trials - k) * math.log1p(-share))
    low, high = interval(k.astype(np.float64), trials)
    return float(chance[(low <= share) & (share <= high)].sum())


SHARES = np.linspace(0.005, 0.5, 100)


def wald(k: Floats, n: int) -> tuple[Floats, Floats]:
    p = k / n
    half = 1.96 * np.sqrt(p * (1 - p) / n)
    return p - half, p + half


def test_wilson_covers_95_percent_on_average() -> None:
    assert np.mean([coverage(wilson, share, 50) for share in SHARES]) == pytest.approx(0.95, abs=0.012)


def test_the_textbook_interval_would_fail() -> None:
    covered = [coverage(wald, share, 50) for share in SHARES]
    assert np.mean(covered) < 0.93


def test_zero_event_bound_is_the_exact_one_sided_bound() -> None:
    for trials in (1, 10, 20_000):
        assert (1 - zero_event_bound(trials)) ** trials == pytest.approx(0.05)
    assert zero_event_bound(1_000) == pytest.approx(3 / 1_000, rel=4e-3)
    assert zero_event_bound(0) == 1.0


@pytest.mark.parametrize(("trials", "share"), [(20, 0.5), (100, 0.1), (1_000, 0.9), (7, 0.01)])
def test_ranks_bound_a_quantile_as_the_binomial_says(trials: int, share: float) -> None:
    _, low, high = quantile_ranks(trials, share)

    def at_most(count: int) -> float:
        return sum(math.comb(trials, i) * share**i * (1 - share) ** (trials - i) for i in range(count + 1))

    # low is the largest rank that is above the quantile with chance <= 2.5 %, high the smallest that is below it so.
    assert at_most(low - 1) <= 0.025 < at_most(low)
    assert 1 - at_most(high - 1) <= 0.025
    assert high == 1 or 1 - at_most(high - 2) > 0.025


def test_quantile_of_a_sample_with_values_that_never_come() -> None:
    values = [3.0, 1.0, 2.0, math.inf, math.inf]
    assert quantile(values, 0.4)[0] == 2.0
    assert quantile(values, 0.5)[0] == 3.0
    assert quantile(values, 0.9)[0] == math.inf
    assert quantile(values, 0.5)[1:] == (-math.inf, math.inf)  # five values bound no median at 95 %


def test_quantile_by_day_is_the_quantile_of_the_days() -> None:
    times = np.concatenate([np.random.default_rng(5).exponential(60.0, 4_000), np.full(1_000, np.inf)])
    days = np.ceil(times)
    counts = np.bincount(days[days <= 180].astype(int), minlength=181)
    for share in (0.1, 0.5, 0.7):
        assert quantile_by_day(counts, 5_000, share) == quantile(days, share)
    assert quantile_by_day(counts, 5_000, 0.95)[0] == math.inf


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="within 0 … trials"):
        wilson(3, 2)
    with pytest.raises(ValueError, match=r"level 95 must lie between 0 and 1"):
        wilson(1, 2, level=95)
    with pytest.raises(ValueError, match="each history counts once"):
        quantile_by_day([3, 3], 5, 0.5)
    with pytest.raises(ValueError, match="give a share"):
        quantile_ranks(10, 1.5)
