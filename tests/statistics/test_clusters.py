"""Range over the inputs from a nested run, against beta-binomial data whose true range is known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import betaincinv

from sim.statistics.clusters import FEWEST, between_variance, constrained, range_over_inputs

INPUTS, HISTORIES, RUNS = 250, 80, 400
LAWS = [(2.0, 5.0), (1.0, 9.0), (0.5, 3.0), (20.0, 60.0)]


def nested(a: float, b: float, seed: int) -> NDArray[np.int64]:
    """Counts (INPUTS, RUNS): every column is a nested run whose chance is beta distributed over the inputs."""
    generator = np.random.default_rng(seed)
    return generator.binomial(HISTORIES, generator.beta(a, b, (INPUTS, RUNS)))


@pytest.mark.parametrize(("a", "b"), LAWS)
def test_the_range_is_the_true_one_on_average_and_raw_shares_are_too_wide(a: float, b: float) -> None:
    # Means over 400 runs: 4 standard errors either way. A right range fails once in 16,000 such comparisons, and
    # half a point is allowed for the shape, which shrinking the shares towards their mean keeps only roughly.
    counts = nested(a, b, seed=11)
    true = betaincinv(a, b, [0.1, 0.9])
    low, high = range_over_inputs(counts, HISTORIES, np.full(RUNS, a / (a + b)))
    for end, found in zip(true, (low, high), strict=True):
        assert abs(found.mean() - end) < 0.005 + 4 * found.std(ddof=1) / np.sqrt(RUNS)
    raw = np.quantile(counts / HISTORIES, [0.1, 0.9], axis=0)
    width = true[1] - true[0]
    excess = (raw[1] - raw[0]).mean() / width - 1
    assert excess > (0.01 if a < 20 else 0.2)
    assert abs((high - low).mean() / width - 1) < max(excess / 3, 0.03)


def test_the_spread_of_the_estimates_is_the_variance_between_inputs() -> None:
    counts = nested(2.0, 5.0, seed=3)
    assert constrained(counts, HISTORIES).var(axis=0, ddof=1) == pytest.approx(between_variance(counts, HISTORIES))
    true = 2.0 * 5.0 / (49.0 * 8.0)
    estimates = between_variance(counts, HISTORIES)
    # Unbiased: the mean of 400 lies within 4 standard errors of the truth (false alarm 1 in 16,000).
    assert abs(estimates.mean() - true) < 4 * estimates.std(ddof=1) / np.sqrt(RUNS)


def test_full_shrinkage_would_be_too_narrow() -> None:
    counts = nested(20.0, 60.0, seed=4)
    share = counts / HISTORIES
    between, total = between_variance(counts, HISTORIES), share.var(axis=0, ddof=1)
    bayes = share.mean(axis=0) + between / total * (share - share.mean(axis=0))
    true = np.diff(betaincinv(20.0, 60.0, [0.1, 0.9]))[0]
    assert np.diff(np.quantile(bayes, [0.1, 0.9], axis=0), axis=0).mean() < 0.85 * true


def test_without_spread_between_inputs_the_range_is_the_point() -> None:
    alike = np.full((INPUTS, 3), 20)
    low, high = range_over_inputs(alike, HISTORIES, [0.26, 0.25, 0.24])
    assert low.tolist() == high.tolist() == [0.26, 0.25, 0.24]
    for end in (0, HISTORIES):
        low, high = range_over_inputs(np.full(INPUTS, end), HISTORIES, 0.5)
        assert (float(low), float(high)) == (0.5, 0.5)


def test_chance_alone_gives_next_to_no_range() -> None:
    # Where the inputs do not matter the noise is about as likely over- as underestimated: half of the ranges are the
    # point; the rest stay well inside the raw one.
    counts = np.random.default_rng(8).binomial(HISTORIES, 0.2, (INPUTS, RUNS))
    low, high = range_over_inputs(counts, HISTORIES, np.full(RUNS, 0.2))
    assert 0.35 < (low == high).mean() < 0.65  # 400 runs: 6 standard errors
    raw = np.diff(np.quantile(counts / HISTORIES, [0.1, 0.9], axis=0), axis=0)
    assert (high - low).mean() < 0.25 * raw.mean()


@pytest.mark.parametrize("inputs", [0, 1, FEWEST - 1])
def test_few_draws_of_the_inputs_give_no_range(inputs: int) -> None:
    counts = np.arange(inputs * 2).reshape(inputs, 2)
    low, high = range_over_inputs(counts, HISTORIES, [0.1, 0.2])
    assert low.tolist() == high.tolist() == [0.1, 0.2]


def test_shapes_are_kept_and_nonsense_is_refused() -> None:
    counts = np.random.default_rng(1).integers(0, HISTORIES, (40, 3, 5))
    low, high = range_over_inputs(counts, HISTORIES, np.full((3, 5), 0.5))
    assert low.shape == high.shape == (3, 5)
    assert (low <= high).all()
    with pytest.raises(ValueError, match="counts 0 … 81 of 80 histories"):
        constrained([0, 81], HISTORIES)


def test_the_range_always_holds_the_point() -> None:
    counts = np.zeros((100, 1), dtype=np.int64)
    counts[:3] = 40
    low, high = range_over_inputs(counts, 80, np.array([0.3]))
    assert low[0] < 0.05
    assert high[0] == 0.3
