"""Weighted samples: like plain ones where the weights are equal, like repeated members where they are whole."""

import numpy as np
import pytest

from sim.statistics import weighted

RNG = np.random.default_rng(3)
VALUES = RNG.normal(size=40)
TIMES = RNG.integers(0, 4, size=40)
REPEATED = np.repeat(VALUES, TIMES)


def test_whole_weights_are_repeated_members() -> None:
    assert weighted.mean(VALUES, TIMES)[0] == pytest.approx(REPEATED.mean())
    shares = [0.1, 0.25, 0.5, 0.9, 1.0]
    ordered = np.sort(REPEATED)
    places = np.ceil(np.array(shares) * REPEATED.size - 1e-9).astype(int) - 1
    assert weighted.quantiles(VALUES, TIMES, shares) == ordered[places].tolist()
    sample = RNG.normal(size=60)
    assert weighted.distance(sample, VALUES, TIMES) == pytest.approx(
        weighted.distance(sample, REPEATED, np.ones(REPEATED.size))
    )


def test_equal_weights_are_worth_all_of_them_and_one_heavy_one_is_worth_one() -> None:
    assert weighted.effective(np.full(7, 0.2)) == pytest.approx(7.0)
    assert weighted.effective([5.0, 1e-9, 0.0]) == pytest.approx(1.0)
    assert weighted.effective([0.0, 0.0]) == 0.0


def test_the_distance_is_that_of_kolmogorov_and_smirnov() -> None:
    from scipy.stats import ks_2samp

    one, other = RNG.normal(size=300), RNG.normal(0.3, size=200)
    assert weighted.distance(one, other, np.ones(200)) == pytest.approx(ks_2samp(one, other).statistic)
    assert weighted.distance(one, one, np.ones(300)) == 0.0
    assert weighted.distance([0.0, 0.0, 1.0, 1.0], [0.0, 1.0], [3.0, 1.0]) == pytest.approx(0.25)


def test_the_standard_error_is_that_of_the_mean() -> None:
    """500 means of 400 members: their spread is told from a wrong one (half) with a chance of error under 1e-6."""
    values = RNG.normal(size=(500, 400))
    weights = RNG.uniform(size=(500, 400))
    found = np.array([weighted.mean(x, w) for x, w in zip(values, weights, strict=True)])
    ratio = found[:, 0].std() / found[:, 1].mean()
    assert abs(ratio - 1.0) < 4.9 / np.sqrt(2 * 500)
    assert abs(found[:, 0].std() / (0.5 * found[:, 1].mean()) - 1.0) > 4.9 / np.sqrt(2 * 500)


def test_the_critical_distance_is_seldom_exceeded() -> None:
    """Of 400 pairs of one law 1 in 20 may exceed it; more than 45 would, with a chance of 1e-6, be too many."""
    pairs = [(RNG.normal(size=300), RNG.normal(size=300)) for _ in range(400)]
    limit = weighted.critical_distance(300, 300, 0.05)
    exceeded = sum(weighted.distance(one, other, np.ones(300)) > limit for one, other in pairs)
    assert exceeded <= 45
    apart = [(one, other + 0.6) for one, other in pairs]
    assert sum(weighted.distance(one, other, np.ones(300)) > limit for one, other in apart) > 390
