"""Scores against closed forms; each is best for the truth."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import scoringrules

from sim.beliefs import scoring
from sim.beliefs.record import Event
from tests.beliefs.small_run import DAYS, NAMES, drawn

RNG = np.random.default_rng(3)


def test_the_logarithm_has_a_floor() -> None:
    assert scoring.log_score(1.0) == 0.0
    assert scoring.log_score(0.25) == pytest.approx(-2 * math.log(2))
    assert scoring.log_score(0.0) == pytest.approx(math.log(0.001))
    assert scoring.log_score(0.0, 0.01) == pytest.approx(math.log(0.01))


def test_brier() -> None:
    assert scoring.brier([0.0, 1.0, 0.0], 1) == 0.0
    assert scoring.brier([1.0, 0.0], 1) == 2.0
    assert scoring.brier([1 / 9] * 9, 4) == pytest.approx(8 / 9)
    assert scoring.brier_of(0.3, happened=True) == pytest.approx(0.49)
    assert scoring.brier([0.3, 0.7], 0) == pytest.approx(2 * scoring.brier_of(0.3, happened=True))


def test_ranked_counts_near_misses_less() -> None:
    assert scoring.ranked([0.0, 1.0, 0.0, 0.0], 1) == 0.0
    near, far = scoring.ranked([0.0, 1.0, 0.0, 0.0], 2), scoring.ranked([0.0, 1.0, 0.0, 0.0], 3)
    assert near == pytest.approx(1 / 3)
    assert far == pytest.approx(2 / 3)
    assert scoring.ranked([0.4, 0.6], 1) == pytest.approx(scoring.brier_of(0.6, happened=True))
    with pytest.raises(ValueError, match="nothing to order"):
        scoring.ranked([1.0], 0)


SCORES: dict[str, Callable[[list[float], int], float]] = {
    "log": lambda shares, happened: -scoring.log_score(shares[happened]),
    "brier": scoring.brier,
    "ranked": scoring.ranked,
    "crps": lambda shares, happened: scoring.crps([0, 3, 4, 9], shares, [0, 3, 4, 9][happened]),
}


@pytest.mark.parametrize("name", SCORES)
def test_the_truth_scores_best_on_average(name: str) -> None:
    truth = [0.1, 0.5, 0.15, 0.25]

    def mean(stated: list[float]) -> float:
        return sum(chance * SCORES[name](stated, k) for k, chance in enumerate(truth))

    best = mean(truth)
    for _ in range(200):
        other = RNG.dirichlet(np.ones(4)).tolist()
        assert mean(other) > best
    assert mean([0.25] * 4) > best + 0.001


def test_crps_is_the_mean_distance_less_half_the_spread() -> None:
    values, shares = np.array([2.0, -1.0, 7.0, 7.5, 3.0]), np.array([0.1, 0.3, 0.2, 0.15, 0.25])
    for seen in (-4.0, -1.0, 2.5, 7.0, 20.0):
        distance = (shares * abs(values - seen)).sum()
        spread = (shares[:, None] * shares * abs(values[:, None] - values)).sum()
        assert scoring.crps(values, shares, seen) == pytest.approx(distance - spread / 2)
    assert scoring.crps([3.0], [1.0], 5.0) == pytest.approx(2.0)


def test_crps_agrees_with_a_package() -> None:
    sample = RNG.normal(size=50)
    ours = scoring.crps(sample, np.full(50, 1 / 50), 0.3)
    assert ours == pytest.approx(float(scoringrules.crps_ensemble(0.3, sample)))
    assert scoring.brier_of(0.3, happened=True) == pytest.approx(float(scoringrules.brier_score(1, 0.3)))


@pytest.mark.parametrize(("day", "last"), [(40, 100), (None, 100), (1, 100), (100, 100), (150, 200)])
def test_crps_of_an_exponential_time(day: int | None, last: int) -> None:
    """The integral by the day, against the closed form; the grid of days leaves up to half a day of chance."""
    rate = 0.02
    reached = 1 - np.exp(-rate * np.arange(201))
    end = last if day is None else min(day, last)
    up = end - 2 * (1 - math.exp(-rate * end)) / rate + (1 - math.exp(-2 * rate * end)) / (2 * rate)
    down = (math.exp(-2 * rate * end) - math.exp(-2 * rate * last)) / (2 * rate)
    assert scoring.crps_days(reached, day, last) == pytest.approx(up + down, abs=0.51)


def test_what_had_not_come_is_scored_up_to_the_last_day_known() -> None:
    reached = np.linspace(0, 1, 101)
    assert scoring.crps_days(reached, None, 50) == scoring.crps_days(reached, 60, 50)
    assert scoring.crps_days(np.zeros(101), None, 100) == 0.0
    assert scoring.crps_days(np.zeros(101), 40, 100) == 60.0


def test_a_completed_law_gives_the_chances_and_keeps_the_rest() -> None:
    record, _ = drawn(50_000, 8, 1.0)
    by = {30: 0.2, 90: 0.3, 180: 0.6}
    weights = scoring.completed(record, "strike", by)
    assert weights.sum() == pytest.approx(1.0)
    chance = scoring.reached(record, weights, "strike", 180)
    for day, share in by.items():
        assert chance[day] == pytest.approx(share)
        law = scoring.outcome_law(record, weights, day)
        assert law.sum() == pytest.approx(1.0)
        assert law[NAMES.index("strike")] == pytest.approx(share)
    # Among histories without a strike, deals are as frequent as in the model.
    without = ~record.holds(Event(180, "strike"))
    deals = record.holds(Event(180, "deal"))
    assert weights[deals].sum() / weights[without].sum() == pytest.approx(deals.sum() / without.sum())
    with pytest.raises(ValueError, match="rise"):
        scoring.completed(record, "strike", {30: 0.3, 90: 0.2})


def test_a_span_that_no_history_has_leaves_its_chance_to_the_others() -> None:
    record, _ = drawn(1_000, 8)
    never = type(record)({**record.times, "never": np.full(1_000, np.inf)}, record.outcomes, NAMES)
    assert scoring.completed(never, "never", {90: 0.4}).tolist() == pytest.approx([0.001] * 1_000)
    assert set(DAYS) == set(record.outcomes)
