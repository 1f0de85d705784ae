"""Intervals that hold at every look: what is known in closed form, and how often they ever miss."""

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.statistics.intervals import wilson, zero_event_bound
from sim.statistics.sequence import anytime, log_evidence

Floats = NDArray[np.float64]
Interval = Callable[[Floats, int], tuple[Floats, Floats]]
#: The first numbers of trials at which a forecast looks.
LOOKS = (1_000, 2_000, 4_000, 8_000)


@functools.cache
def ends(interval: Interval, look: int) -> tuple[Floats, Floats]:
    """Ends of the interval for every count at one look."""
    return interval(np.arange(look + 1.0), look)


def ever_missed(interval: Interval, share: float, looks: Sequence[int]) -> float:
    """Exact chance that the interval misses the share at one look or more: no simulation, so no false alarms."""
    law, missed, last = np.ones(1), 0.0, 0
    for look in looks:
        k = np.arange(look - last + 1)
        logs = np.array(
            [math.lgamma(look - last + 1) - math.lgamma(i + 1) - math.lgamma(look - last - i + 1) for i in k]
        )
        step = np.exp(logs + k * math.log(share) + k[::-1] * math.log1p(-share))
        law, last = np.convolve(law, step), look
        low, high = ends(interval, look)
        miss = (low > share) | (high < share)
        missed += float(law[miss].sum())
        law[miss] = 0.0
    return missed


@pytest.mark.parametrize("share", [0.004, 0.03, 0.3, 0.5, 0.9])
def test_at_every_single_trial_it_misses_as_seldom_as_said(share: float) -> None:
    # Exact. The interval for one number of trials misses several times as often, and must fail.
    looks = range(1, 301)
    assert ever_missed(anytime, share, looks) <= 0.05
    assert ever_missed(wilson, share, looks) > 0.2


@pytest.mark.parametrize("share", [0.001, 0.03, 0.5])
def test_at_the_looks_of_a_forecast_it_misses_as_seldom_as_said(share: float) -> None:
    assert ever_missed(anytime, share, LOOKS) <= 0.05
    assert ever_missed(wilson, share, LOOKS) > 0.08


def test_the_evidence_is_a_martingale() -> None:
    for share in (0.001, 0.3, 0.98):
        for n in (1, 7, 300):
            k = np.arange(n + 1)
            gone = log_evidence(share, k + 1, n + 1) + math.log(share)
            stayed = log_evidence(share, k, n + 1) + math.log1p(-share)
            assert np.logaddexp(gone, stayed) == pytest.approx(log_evidence(share, k, n), abs=1e-9)
    assert log_evidence(0.3, 0, 0) == 0.0


def test_without_successes_the_end_is_known_in_closed_form() -> None:
    for n in (1, 50, 1_000, 10**6):
        average = math.lgamma(n + 0.5) - math.lgamma(n + 1) - math.lgamma(0.5)
        bound = -math.expm1((average - math.log(20.0)) / n)
        low, high = anytime(0, n)
        assert low == 0.0
        assert float(high) == pytest.approx(bound, rel=1e-9)
        assert bound > zero_event_bound(n)
        mirrored = anytime(n, n)
        assert float(mirrored[0]) == pytest.approx(1 - bound)
        assert mirrored[1] == 1.0
    assert [float(end) for end in anytime(0, 0)] == [0.0, 1.0]


def test_the_ends_are_where_the_evidence_reaches_its_limit() -> None:
    k = np.array([1.0, 20.0, 500.0, 999.0])
    for level in (0.8, 0.95, 0.999):
        low, high = anytime(k, 1_000, level)
        for end in (low, high):
            assert log_evidence(end, k, 1_000) == pytest.approx(-math.log1p(-level), abs=1e-6)
        assert ((low < k / 1_000) & (k / 1_000 < high)).all()


def test_looking_whenever_one_likes_has_its_price() -> None:
    # Between two and three times as wide as an interval for one look, as far as anybody runs.
    for n in (1_000, 30_000, 10**6):
        for share in (0.01, 0.3, 0.5):
            (low, high), (least, most) = anytime(share * n, n), wilson(share * n, n)
            assert 1.6 < (high - low) / (most - least) < 2.9


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="within 0 … trials"):
        anytime(3, 2)
    with pytest.raises(ValueError, match="level 95 must lie between 0 and 1"):
        anytime(1, 2, level=95)


@pytest.mark.campaign
@pytest.mark.parametrize("share", [0.0005, 0.01, 0.2, 0.5])
def test_coverage_of_many_sequences(share: float) -> None:
    """2,000 sequences to 10^6 trials with 100 looks each: more than 5 % + 5 standard errors is no accident (3e-7)."""
    generator = np.random.default_rng(17)
    looks = np.unique(np.geomspace(100, 10**6, 100).astype(np.int64))
    steps = np.diff(looks, prepend=0)
    k = np.cumsum(generator.binomial(steps, share, (2_000, steps.size)), axis=1)
    missed = {}
    for name, interval in (("anytime", anytime), ("wilson", wilson)):
        low, high = interval(k, looks)
        missed[name] = float(((low > share) | (high < share)).any(axis=1).mean())
    print(f"share {share:g}: ever missed {missed}")
    assert missed["anytime"] <= 0.05 + 5 * math.sqrt(0.05 * 0.95 / 2_000)
    assert missed["wilson"] > 0.2
