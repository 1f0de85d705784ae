"""What single inputs explain of a number, against models where the shares are known.

Checks of an estimate allow 4.5 of its own standard errors, one false alarm in 150,000 for each; the seeds are fixed.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.statistics.explained import BINS, Explained, _component, bins_of, explained, logits
from sim.statistics.odds import expit

Floats = NDArray[np.float64]
SIGMAS = 4.5
#: Log-odds are -1 + the inputs, uniform on -w ... w: each has the variance w^2 / 3. The last one does nothing.
WIDTHS = np.array([2.0, 1.0, 0.0])
SHARES = [0.8, 0.2, 0.0]
EACH = 400


def sample(widths: Floats, n: int, seed: int, each: int = EACH) -> tuple[Floats, Floats, Floats]:
    """Inputs (k, n) and the log-odds of two halves of ``each`` histories."""
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-1, 1, (widths.size, n))
    chance = expit(-1 + widths @ inputs)
    first, second = (logits(rng.binomial(each // 2, chance), each // 2) for _ in range(2))
    return inputs, first, second


def found(widths: Floats = WIDTHS, n: int = 3_000, seed: int = 1, resamples: int = 1, each: int = EACH) -> Explained:
    inputs, first, second = sample(widths, n, seed, each)
    return explained([bins_of(x) for x in inputs], first, second, [[0, 2], [1]], seed=resamples)


def test_a_sum_has_the_shares_of_its_terms_by_input_and_by_group() -> None:
    one = found()
    assert (np.abs(one.share - SHARES) <= SIGMAS * one.share_error / 1.96).all()
    assert (np.abs(one.group_share - [0.8, 0.2]) <= SIGMAS * one.group_share_error / 1.96).all()
    assert one.groups == pytest.approx([one.variance[0] + one.variance[2], one.variance[1]])
    assert abs(one.rest) <= SIGMAS * one.rest_error / 1.96
    assert one.total == pytest.approx(5 / 3, rel=0.08)


def test_few_histories_change_no_share() -> None:
    """The noise of 80 histories is a tenth of the variance; it belongs to no input and not to the total."""
    one = found(np.array([1.0, 0.5, 0.0]), each=80)
    assert (np.abs(one.share - SHARES) <= SIGMAS * one.share_error / 1.96).all()
    inputs, first, _ = sample(np.array([1.0, 0.5, 0.0]), 3_000, 1, 80)
    noisy = explained([bins_of(x) for x in inputs], first, first, [[0]], seed=1)
    assert noisy.rest > SIGMAS * noisy.rest_error / 1.96, "one half taken for both: its noise would pass for inputs"


def test_an_interaction_belongs_to_no_single_input() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.uniform(-1, 1, (2, 3_000))
    number = x * y
    one = explained([bins_of(x), bins_of(y)], number, number, [[0, 1]], seed=1)
    assert (np.abs(one.share) <= SIGMAS * one.share_error / 1.96).all()
    assert one.rest == pytest.approx(1.0, abs=0.05)


def test_an_input_that_does_nothing_explains_nothing_on_average() -> None:
    """Over 200 samples the mean lies within 4.5 standard errors of 0; without the correction it would not."""
    right, wrong = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        label, values = bins_of(rng.uniform(size=500)), rng.standard_normal(500)
        right.append(_component(label, values))
        means = np.bincount(label, values) / np.bincount(label)
        wrong.append(float(np.var(means)))
    error = np.std(right) / np.sqrt(200)
    assert abs(np.mean(right)) < SIGMAS * error
    assert abs(np.mean(wrong)) > SIGMAS * error


def test_where_nothing_depends_on_the_inputs_there_are_no_shares() -> None:
    """Noise alone passes for something where it is 4 standard errors off, at most 1 in 1,000 times; of 40, 2 never."""
    nothing = [found(np.zeros(3), n=300, seed=seed) for seed in range(40)]
    assert sum(bool(np.isfinite(one.share).any()) for one in nothing) <= 1
    assert all(np.abs(one.variance).max() < 0.01 for one in nothing)


def test_the_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """50 samples, 2 shares each: 95 % of 100 within; fewer than 86 % has a chance of 4e-4 if they were apart."""
    inside = []
    for seed in range(50):
        one = found(n=400, seed=1_000 + seed)
        inside.append(np.abs(one.share[[0, 2]] - [0.8, 0.0]) <= one.share_error[[0, 2]])
    assert np.mean(inside) >= 0.86


def test_the_seed_decides_the_resamples_and_nothing_else() -> None:
    one, same, other = (found(n=300, resamples=seed) for seed in (1, 1, 2))
    assert one.share_error.tolist() == same.share_error.tolist()
    assert other.share.tolist() == one.share.tolist()
    for name in ("variance_error", "share_error", "groups_error", "group_share_error", "total_error", "rest_error"):
        assert np.all(getattr(other, name) != getattr(one, name)), name


def test_bins_are_of_one_size_and_equal_values_share_one() -> None:
    rng = np.random.default_rng(1)
    assert np.bincount(bins_of(rng.uniform(size=1_000))).tolist() == [1_000 // BINS] * BINS
    assert bins_of(np.array([2.0, 0.0, 2.0, 1.0])).tolist() == [2, 0, 2, 1]
    values = np.concatenate([np.zeros(500), rng.uniform(1, 2, 500)])
    label = bins_of(values)
    assert np.unique(label[:500]).size == 1
    assert np.unique(label[500:]).size == BINS // 2


def test_log_odds_are_finite_and_counts_are_checked() -> None:
    assert logits([0, 50, 100], 100) == pytest.approx([-np.log(201), 0.0, np.log(201)])
    with pytest.raises(ValueError, match="they must lie within 0 … 10"):
        logits([3, 11], 10)


def test_columns_of_other_lengths_and_too_few_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="99 sets of inputs: 100 are needed"):
        explained([], np.zeros(99), np.zeros(99), [], seed=1)
    with pytest.raises(ValueError, match="every column as long"):
        explained([np.zeros(100, dtype=np.int64)], np.zeros(100), np.zeros(101), [[0]], seed=1)
