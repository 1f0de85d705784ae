"""Statements weighed: readings averaged, conflicts, origins, certainty, and the four methods against closed forms."""

import itertools
import math

import numpy as np
import pytest

from sim.beliefs.record import Event
from sim.beliefs.weighing import METHODS, Method, Weighing
from sim.statistics.clusters import range_over_inputs
from sim.statistics.odds import expit, logit
from sim.statistics.stated import between, number, spread_of, word
from tests.beliefs.small_run import DAYS, EACH, SETS, claim, drawn, weighing

ALL: tuple[Method, ...] = ("pool", "meet", "linear", "evidence")


def chance(found: Weighing, given: list[float], event: Event, method: Method = "pool") -> float:
    return float(found.bend(given, method).chance[found.events.index(event)])


def odds(share: float) -> float:
    return float(logit(share))


STRIKE = Event(90, "strike")


@pytest.mark.parametrize("method", ALL)
def test_without_weight_the_model_stands(method: Method) -> None:
    found = weighing(claim(days=DAYS), claim("other", event="deal"))
    bent = found.bend([0.0, 0.0], method)
    assert bent.nats == 0.0
    assert bent.effective == pytest.approx(SETS * EACH if method == "evidence" else 40_000)
    record = found.nested if method == "evidence" else found.record
    assert record is not None
    plain = [record.holds(event).mean() for event in found.events]
    assert bent.chance == pytest.approx(np.array(plain), abs=1e-12)


def test_the_range_without_weight_is_that_of_the_forecast() -> None:
    found = weighing(claim())
    bent, nested = found.bend([0.0]), found.nested
    assert nested is not None
    held = nested.table(DAYS, np.repeat(np.arange(SETS), EACH), SETS).T
    low, high = range_over_inputs(held, EACH, bent.chance)
    assert bent.low == pytest.approx(low, abs=1e-12)
    assert bent.high == pytest.approx(high, abs=1e-12)
    assert (bent.high - bent.low).max() > 0.1


def test_one_statement_moves_the_log_odds_by_its_weight() -> None:
    found = weighing(claim())
    m = float(found.record.holds(STRIKE).mean())
    for method in ("pool", "meet"):
        for weight in (0.33, 0.67, 1.0):
            expected = (1 - weight) * odds(m) + weight * odds(0.8)
            assert odds(chance(found, [weight], STRIKE, method)) == pytest.approx(expected, abs=1e-5)
    assert chance(found, [0.33], STRIKE, "linear") == pytest.approx(0.67 * m + 0.33 * 0.8)


def test_readings_are_weighed_apart_and_averaged() -> None:
    found = weighing(claim(days=DAYS))
    apart = [chance(weighing(claim(days=(day,))), [0.5], STRIKE) for day in DAYS]
    together = chance(found, [0.5], STRIKE)
    assert together == pytest.approx(np.mean(apart))
    # Bending an averaged law would give more: the statement would then be met on the average only.
    mixed = float(np.mean([found.record.holds(Event(day, "strike")).mean() for day in DAYS]))
    target = float(expit(0.5 * odds(mixed) + 0.5 * odds(0.8)))
    assert abs(target - together) > 0.02


def test_the_order_of_statements_does_not_matter() -> None:
    claims = [claim(days=DAYS), claim("other", number(0.4), event="deal"), claim("third", number(0.1), (30,))]
    expected = None
    for order in itertools.permutations(range(3)):
        bent = weighing(*(claims[i] for i in order)).bend([(0.5, 0.3, 0.7)[i] for i in order])
        expected = bent.chance if expected is None else expected
        assert bent.chance == pytest.approx(expected, abs=1e-12)


def test_statements_in_conflict() -> None:
    """One says a strike by day 30 is likelier than another says it is by day 90."""
    found = weighing(claim("soon", number(0.8), (30,)), claim("late", number(0.2), (90,)))
    pooled = chance(found, [1.0, 1.0], STRIKE)
    assert 0.0 < pooled < 1.0, "the pool has an answer to everything"
    with pytest.raises(ValueError, match=r"soon by day 30 and late by day 90: .* cannot be met together"):
        found.bend([1.0, 1.0], "meet")
    with pytest.raises(ValueError, match="more than 1"):
        found.bend([1.0, 1.0], "linear")
    found.bend([0.2, 0.2], "meet")


def test_a_range_is_met_at_its_nearer_end() -> None:
    found = weighing(claim(stated=between(0.6, 0.9)))
    assert chance(found, [1.0], STRIKE, "meet") == pytest.approx(0.6, abs=1e-6)
    inside = weighing(claim(stated=between(0.05, 0.9)))
    assert inside.bend([1.0], "meet").nats == pytest.approx(0.0, abs=1e-9)
    assert chance(found, [1.0], STRIKE, "pool") == pytest.approx(0.75, abs=1e-6)


@pytest.mark.parametrize("stated", [0.0, 1.0])
@pytest.mark.parametrize("method", ["pool", "meet", "linear"])
def test_certainty_is_read_as_nearly_certain(method: Method, stated: float) -> None:
    found = weighing(claim(stated=number(stated)))
    assert chance(found, [1.0], STRIKE, method) == pytest.approx(0.99 if stated else 0.01, abs=1e-6)


@pytest.mark.parametrize("method", ALL)
def test_what_never_happens_cannot_be_brought_about(method: Method) -> None:
    record, _ = drawn(2_000, 3)
    times = {**record.times, "never": np.full(2_000, np.inf)}
    record = type(record)(times, record.outcomes, record.names)
    bent = Weighing((claim(event="never"),), record, record, 20, DAYS).bend([0.9], method)
    assert bent.nats == pytest.approx(0.0, abs=1e-12)


def test_outcomes_can_be_stated() -> None:
    found = weighing(claim(outcomes=("deal", "quarrel"), stated=number(0.3)))
    strike = chance(found, [1.0], Event(90, outcomes=("strike",)))
    assert strike == pytest.approx(0.7, abs=1e-6)
    assert strike == chance(found, [1.0], STRIKE)


@pytest.mark.parametrize("method", ALL)
def test_outcomes_sum_to_one(method: Method) -> None:
    found = weighing(claim(days=DAYS), claim("other", event="deal"))
    bent = found.bend([0.4, 0.5], method)
    for day in DAYS:
        which = [i for i, event in enumerate(found.events) if event.day == day and event.outcomes]
        assert bent.chance[which].sum() == pytest.approx(1.0)
    assert (bent.low <= bent.chance + 1e-12).all()
    assert (bent.chance <= bent.high + 1e-12).all()


# ------------------------------------------------------------------------------------------------------------ weights
def test_the_rule_weighs_by_how_far_the_inputs_leave_it_open() -> None:
    sure, open_ = weighing(claim(), spread=0.4).default_weights()[0], weighing(claim(), spread=1.2).default_weights()[0]
    tau = float(weighing(claim(), spread=1.2).spreads[0])
    assert open_ == pytest.approx(tau**2 / (tau**2 + 4.0))
    assert 0.0 < sure < open_ < 1.0
    assert tau == pytest.approx(1.2, abs=0.25)  # the log-odds of small chances move as the log of the hazard
    vague = weighing(claim(stated=word("likely")), spread=1.2).default_weights()[0]
    assert vague == pytest.approx(tau**2 / (tau**2 + 4.0 + spread_of(word("likely")) ** 2))
    assert weighing(claim(), nested=False).default_weights() == [0.0]


def test_one_origin_is_one_voice() -> None:
    found = weighing(claim("a", origin="paper"), claim("b", origin="paper"), claim("c"))
    assert found.capped([0.3, 0.3, 0.4]) == pytest.approx([0.15, 0.15, 0.4])
    assert found.capped([0.6, 0.2, 0.0]) == pytest.approx([0.45, 0.15, 0.0])
    assert found.capped([0.0, 0.0, 0.0]) == [0.0, 0.0, 0.0]
    alone, twice = weighing(claim("a")), weighing(claim("a", origin="p"), claim("b", origin="p"))
    assert chance(twice, twice.capped([0.5, 0.5]), STRIKE) == pytest.approx(chance(alone, [0.5], STRIKE))


@pytest.mark.parametrize("given", [[1.5], [-0.1], [0.2, 0.2], [math.nan]])
def test_weights_that_cannot_be(given: list[float]) -> None:
    with pytest.raises(ValueError, match="within 0"):
        weighing(claim()).bend(given)


def test_too_many_readings_are_refused() -> None:
    with pytest.raises(ValueError, match="combinations of readings"):
        weighing(*(claim(f"c{i}", days=DAYS) for i in range(7)))
    with pytest.raises(ValueError, match="0 statements"):
        weighing()


# ------------------------------------------------------------------------------------------------ evidence on inputs
def test_evidence_reweights_the_inputs_and_leaves_luck_alone() -> None:
    """Against the exact chances given each hazard: 5,000 sets of 100 histories leave an error of some .01."""
    each, sets, weight = 100, 5_000, 0.33
    nested, hazard = drawn(sets * each, 11, 1.2, each)
    found = Weighing((claim(),), nested, nested, sets, DAYS)
    total = hazard + 1 / 400
    exact = hazard / total * -np.expm1(-total * 90)
    error = float(found.spreads[0]) * math.sqrt((1 - weight) / weight)
    likelihood = np.exp(-0.5 * ((odds(0.8) - logit(exact)) / error) ** 2)
    bent = found.bend([weight], "evidence")
    expected = (likelihood * exact).mean() / likelihood.mean()
    assert bent.chance[found.events.index(STRIKE)] == pytest.approx(expected, abs=0.02)
    assert expected - exact.mean() > 0.08
    # A pool moves luck as well: under it a given set of inputs is likelier to strike than it is.
    assert bent.low.max() < 1.0


def test_evidence_needs_doubt_about_the_inputs() -> None:
    with pytest.raises(ValueError, match="no input is uncertain"):
        weighing(claim(), nested=False).bend([0.3], "evidence")
    with pytest.raises(ValueError, match="without error"):
        weighing(claim()).bend([1.0], "evidence")


# -------------------------------------------------------------------------------------------------------------- grid
def test_the_grid_is_what_bending_gives() -> None:
    found = weighing(claim(days=DAYS), claim("other", event="deal"))
    table = found.grid(0, [0.0, 0.4, 1.0], STRIKE)
    assert table.shape == (3, 4)
    for i, weight in enumerate((0.0, 0.4, 1.0)):
        assert table[i, 3] == pytest.approx(chance(found, [weight, 0.0], STRIKE))
        for j, day in enumerate(DAYS):
            assert table[i, j] == pytest.approx(chance(weighing(claim(days=(day,))), [weight], STRIKE))


def test_every_method_says_what_it_assumes() -> None:
    assert tuple(METHODS) == ALL
    assert all(len(words) > 40 for words in METHODS.values())
