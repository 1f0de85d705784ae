"""The interval of a mean of skewed repeats: its cover on log-normal repeats, and what cannot be."""

import math

import numpy as np
import pytest

from sim.statistics.splitting import estimate, plain_histories


def cover(sigma: float, runs: int = 4000, repeats: int = 20) -> tuple[float, float]:
    """Shares of runs whose interval holds the mean, and whose plain interval of Student does."""
    values = np.random.default_rng(5).lognormal(-sigma * sigma / 2, sigma, (runs, repeats))
    found = [estimate(some) for some in values]
    reach = 2.093  # Student, 19 degrees of freedom
    plain = np.mean([abs(one.chance - 1.0) <= reach * one.error for one in found])
    return float(np.mean([one.low <= 1.0 <= one.high for one in found])), float(plain)


def test_intervals_cover_skewed_repeats() -> None:
    """Of 4,000 runs, a cover of 95 % lies outside 0.935 … 0.965 with chance 1e-5."""
    for sigma in (0.1, 0.45):
        assert 0.935 < cover(sigma)[0] < 0.965
    log, plain = cover(0.9)
    assert log > 0.90
    assert plain < log - 0.01  # the plain interval is the wrong one for such repeats


def test_an_estimate() -> None:
    found = estimate([1e-9, 2e-9, 3e-9])
    assert found.chance == pytest.approx(2e-9)
    assert found.error == pytest.approx(1e-9 / math.sqrt(3))
    assert found.low == pytest.approx(2e-9 * math.exp(-4.302653 * found.error / 2e-9), rel=1e-6)
    assert found.high * found.low == pytest.approx(4e-18)
    assert found.spread == pytest.approx(0.5)
    assert found.trusted
    assert found.relative == pytest.approx((found.high - found.low) / 4e-9)
    assert not estimate([0.0, 0.0, 3e-9]).trusted
    assert plain_histories(1e-9, 1e-10) == pytest.approx(1e11)


def test_estimates_that_say_little() -> None:
    nothing = estimate(np.zeros(20))
    assert (nothing.chance, nothing.low, nothing.high, nothing.relative) == (0.0, 0.0, 0.0, math.inf)
    assert estimate([1.0, 1.0]).low == 1.0
    assert estimate([1e-3, 0.999]).high == 1.0
    assert plain_histories(0.0, 0.0) == math.inf
    with pytest.raises(ValueError, match="1 repeats: at least two"):
        estimate([0.5])
    with pytest.raises(ValueError, match="level 2"):
        estimate([0.5, 0.6], level=2.0)
