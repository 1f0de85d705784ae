"""Bent laws against closed forms: an event at an exponential time, Jeffrey's rule, iterative proportional fitting."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.beliefs import weights
from sim.statistics.odds import expit, logit

RNG = np.random.default_rng(20251117)
#: Exponential first times at their quantiles, so that shares are exact to 1/n.
N = 200_000
TIMES = -np.log1p(-(np.arange(N) + 0.5) / N) * 120.0


def by(day: float) -> NDArray[np.bool_]:
    return np.asarray([day >= TIMES])


def share(day: float) -> float:
    return 1.0 - math.exp(-day / 120.0)


@pytest.mark.parametrize("weight", [0.0, 0.33, 0.67, 1.0])
def test_pool_moves_the_log_odds_by_the_weight(weight: float) -> None:
    groups = weights.cells(by(90))
    ratio = weights.pool(groups, [0.8], [weight])
    target = (1 - weight) * logit(share(90)) + weight * logit(0.8)
    assert groups.implied(ratio)[0] == pytest.approx(float(expit(target)), abs=1e-5)
    # The law within the event, and outside, stays that of the exponential.
    q = weights.history_weights(groups, ratio)
    inside = float(q[TIMES <= 30].sum()) / float(q[TIMES <= 90].sum())
    assert inside == pytest.approx(share(30) / share(90), abs=1e-5)
    assert float(q.sum()) == pytest.approx(1.0, abs=1e-12)


def test_pool_of_no_weight_is_the_model_itself() -> None:
    groups = weights.cells(np.concatenate([by(30), by(90)]))
    assert np.array_equal(weights.pool(groups, [0.9, 0.9], [0.0, 0.0]), np.ones(groups.share.size))
    assert weights.bend(groups, np.ones(groups.share.size)) == weights.Bend(0.0, N)


def test_how_far_a_law_bends_the_model() -> None:
    groups = weights.cells(by(90))
    m, s = share(90), 0.8
    bent = weights.bend(groups, weights.pool(groups, [s], [1.0]))
    assert bent.nats == pytest.approx(s * math.log(s / m) + (1 - s) * math.log((1 - s) / (1 - m)), abs=1e-4)
    assert bent.effective == pytest.approx(N / (s * s / m + (1 - s) ** 2 / (1 - m)), rel=1e-4)


def test_meeting_one_target_is_pooling_with_full_weight() -> None:
    groups = weights.cells(by(90))
    met, pooled = weights.meet(groups, [0.8], [0.8]), weights.pool(groups, [0.8], [1.0])
    assert np.allclose(met, pooled, rtol=1e-7)


def test_meeting_a_partition_is_jeffreys_rule() -> None:
    parts = RNG.choice(4, N, p=[0.5, 0.3, 0.15, 0.05])
    groups = weights.cells(np.array([parts == k for k in range(3)]))
    targets = [0.1, 0.2, 0.3]
    q = weights.history_weights(groups, weights.meet(groups, targets, targets))
    for k, target in enumerate([*targets, 0.4]):
        own = (parts == k).mean()
        assert np.allclose(q[parts == k] * N, target / own, rtol=1e-6)


def test_meeting_two_margins_is_iterative_proportional_fitting() -> None:
    a = RNG.random(N) < 0.3
    b = RNG.random(N) < np.where(a, 0.7, 0.2)
    groups = weights.cells(np.array([a, b]))
    table = np.array([[np.mean(~a & ~b), np.mean(~a & b)], [np.mean(a & ~b), np.mean(a & b)]])
    fitted = table.copy()
    for _ in range(500):
        fitted *= (np.array([0.4, 0.6]) / fitted.sum(axis=1))[:, None]
        fitted *= np.array([0.45, 0.55]) / fitted.sum(axis=0)
    q = weights.history_weights(groups, weights.meet(groups, [0.6, 0.55], [0.6, 0.55]))
    found = [[q[~a & ~b].sum(), q[~a & b].sum()], [q[a & ~b].sum(), q[a & b].sum()]]
    assert np.allclose(found, fitted, atol=1e-8)


def test_a_range_moves_only_what_lies_outside() -> None:
    groups = weights.cells(by(90))
    m = share(90)
    assert np.allclose(weights.meet(groups, [m - 0.1], [m + 0.1]), 1.0, atol=1e-6)
    assert groups.implied(weights.meet(groups, [0.7], [0.9]))[0] == pytest.approx(0.7, abs=1e-7)
    assert groups.implied(weights.meet(groups, [0.1], [0.2]))[0] == pytest.approx(0.2, abs=1e-7)


def test_a_soft_target_gives_way() -> None:
    groups = weights.cells(by(90))
    softness = 0.2
    chance = groups.implied(weights.meet(groups, [0.9], [0.9], [softness]))[0]
    assert share(90) < chance < 0.9
    # Where the slope of the relative entropy equals that of the penalty.
    slope = float(logit(chance) - logit(share(90)))
    assert slope == pytest.approx((0.9 - chance) / softness**2, rel=1e-4)


def test_targets_that_cannot_be_met_are_named() -> None:
    times = np.concatenate([by(30), by(90), by(10)])
    groups = weights.cells(times)
    with pytest.raises(weights.InfeasibleError) as error:
        weights.meet(groups, [0.8, 0.5, 0.1], [0.8, 0.5, 0.1])  # by day 30 more than by day 90
    assert error.value.which == (0, 1)
    weights.meet(groups, [0.4, 0.5, 0.1], [0.4, 0.5, 0.1])
    # With softness the same demands are no contradiction.
    weights.meet(groups, [0.8, 0.5, 0.1], [0.8, 0.5, 0.1], [0.1, 0.1, 0.0])


def test_linear_pool_mixes_the_chances() -> None:
    groups = weights.cells(by(90))
    ratio = weights.linear(groups, [0.8], [0.33])
    assert groups.implied(ratio)[0] == pytest.approx(0.67 * share(90) + 0.33 * 0.8, abs=1e-5)
    never = weights.cells(np.zeros((1, 100), dtype=np.bool_))
    assert np.array_equal(weights.linear(never, [0.8], [0.33]), [1.0])
    with pytest.raises(ValueError, match="more than 1"):
        weights.linear(groups, [0.8], [1.5])


def test_certain_statements_and_unseen_events_stay_finite() -> None:
    never = weights.cells(np.zeros((1, 1_000), dtype=np.bool_))
    for stated in (0.0, 1.0):
        ratio = weights.pool(never, [stated], [1.0])
        assert np.array_equal(ratio, [1.0])
        assert np.isfinite(weights.pool(weights.cells(by(90)), [stated], [1.0])).all()
    assert weights.sure_implied(np.array([0.0, 1.0, 0.5]), 99).tolist() == [0.005, 0.995, 0.5]
    assert weights.cells(by(90)).implied(weights.pool(weights.cells(by(90)), [1.0], [1.0]))[0] == pytest.approx(0.99)


def test_evidence_about_inputs_has_the_normal_closed_form() -> None:
    # Log-odds of the chance are normal over the inputs; so is what is left after a reading with normal error.
    odds = RNG.normal(-1.5, 1.2, 20_000)
    histories = 4_000
    held = RNG.binomial(histories, expit(odds))
    error = 2.0
    ratio = weights.evidence(held, histories, 0.8, error)
    precision = 1 / 1.2**2 + 1 / error**2
    mean = (-1.5 / 1.2**2 + math.log(4) / error**2) / precision
    # 20,000 draws with these weights: standard error of the mean about .01; the bound is 5 of them.
    assert (ratio * odds).mean() == pytest.approx(mean, abs=0.05)
    assert (ratio * odds**2).mean() - (ratio * odds).mean() ** 2 == pytest.approx(1 / precision, abs=0.08)
    assert abs((ratio * odds).mean() - odds.mean()) > 0.3  # a reading that moved nothing would fail
    assert ratio.mean() == pytest.approx(1.0)


def test_weight_by_rule() -> None:
    assert weights.default_weight(1.4) == pytest.approx(0.33, abs=0.005)
    assert weights.default_weight(0.0) == 0.0
