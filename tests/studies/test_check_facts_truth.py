"""Histories weighted by reports are the law given the reports: closed form, simulation-based calibration, coverage.

Chances of a false alarm are 1e-6 for each assertion (the seeds are fixed), but for the long run of coverage: 95 %
within 93.5 … 96.5 in 2,000 repeats fails a right program in 2 cases of 1,000. Every check fails with a wrong reading.
"""

import datetime
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from sim.beliefs.facts import Fact
from sim.runs.plan import Part, Task, simulate_part
from sim.scenario.build import build
from sim.scenario.reading import read_bytes
from sim.statistics import weighted
from sim.studies.check_facts.run import gather
from sim.studies.forecast import task_of
from sim.studies.settings import Settings
from tests.studies.two_dates import DAYS, DAYS_BEFORE, FIRST, SHAPE, TEXT

Floats = NDArray[np.float64]
RATE = 1.0 / (DAYS_BEFORE + DAYS)
COUNTS = np.arange(200)
#: The law of the count: negative binomial.
PREDICTED: Floats = stats.nbinom.pmf(COUNTS, SHAPE, DAYS_BEFORE / (DAYS_BEFORE + DAYS))
N = 40_000
#: Standard deviations that a mean exceeds with a chance of 1e-6, and the same of the root-n distance of Kolmogorov.
SIGMAS, KOLMOGOROV = 4.9, math.sqrt(0.5 * math.log(2e6))


@cache
def task(seed: int = 1) -> Task:
    scenario = build(read_bytes(TEXT.encode()).data, as_of=datetime.date(2030, 1, 1))
    return task_of(scenario, Settings(seed=seed))


def by_count(fact: Fact) -> Floats:
    """Chance of each count given a report: by the closed form."""
    law = PREDICTED * fact.weights(COUNTS)
    return np.asarray(law / law.sum())


def rate_cdf(rates: Floats, fact: Fact) -> Floats:
    """Law of the rate given a report: a mixture of gammas."""
    parts = [p * stats.gamma.cdf(rates, SHAPE + k, scale=RATE) for k, p in enumerate(by_count(fact)) if p > 0.0]
    return np.asarray(np.sum(parts, axis=0))


def miss(asked: Fact, truth: Fact) -> float:
    """Distance of the weighted rates from the closed form, in units that a right program exceeds once in a million."""
    seen = gather(task(), [asked], N)
    rates = seen.inputs[task().model.inputs.index("hit_rate")]
    order = np.argsort(rates)
    reached = np.cumsum(seen.weights[order]) / seen.weights.sum()
    far = np.abs(reached - rate_cdf(rates[order], truth)).max()
    return float(far * math.sqrt(seen.effective) / KOLMOGOROV)


READINGS = (
    Fact("hits", DAYS, 4.0),
    Fact("hits", DAYS, 9.0),
    Fact("hits", DAYS, 5.0, "at least"),
    Fact("hits", DAYS, 8.0, "roughly", 0.25),
)


@pytest.mark.parametrize("fact", READINGS, ids=lambda f: f"{f.reading}_{f.value:g}")
def test_gamma_and_poisson(fact: Fact) -> None:
    assert miss(fact, fact) < 1.0


@pytest.mark.parametrize(
    ("asked", "truth"),
    [
        (Fact("hits", DAYS, 4.0, "at least"), Fact("hits", DAYS, 4.0)),
        (Fact("hits", DAYS, 5.0), Fact("hits", DAYS, 4.0)),
        (Fact("hits", DAYS - 2, 4.0), Fact("hits", DAYS, 4.0)),
        (Fact("hits", DAYS, 8.0, "roughly", 1.0), Fact("hits", DAYS, 8.0, "roughly", 0.25)),
    ],
)
def test_a_wrong_reading_misses_the_closed_form(asked: Fact, truth: Fact) -> None:
    assert miss(asked, truth) > 1.0


def test_the_predicted_law_and_the_share_that_agrees() -> None:
    fact = READINGS[0]
    seen = gather(task(), [fact], N)
    values, count = seen.tables[0]
    place = PREDICTED[:4].sum() + PREDICTED[4] / 2
    assert abs(fact.place(values, count) - place) < SIGMAS * 0.5 / math.sqrt(N)
    chance = PREDICTED[4]
    assert abs(seen.agreeing - chance) < SIGMAS * math.sqrt(chance * (1 - chance) / N)
    assert abs(seen.agreeing - PREDICTED[5]) > SIGMAS * math.sqrt(chance * (1 - chance) / N)


def test_an_earlier_count_adds_nothing_to_a_later_one() -> None:
    """Of a Poisson process the last count says all of its rate; mean and 95 % of the rate are those of the gamma."""
    early, late = Fact("hits", FIRST, 2.0), Fact("hits", DAYS, 4.0)
    seen = gather(task(), [early, late], N)
    rates = seen.inputs[task().model.inputs.index("hit_rate")]
    middle, error = weighted.mean(rates, seen.weights)
    assert abs(middle - (SHAPE + 4) * RATE) < SIGMAS * error
    reached, scale = (np.arange(rates.size) + 0.5) / rates.size, math.sqrt(rates.size) / KOLMOGOROV
    right, wrong = (stats.gamma.cdf(np.sort(rates), SHAPE + k, scale=RATE) for k in (4, 6))  # 6: both counted
    assert np.abs(reached - right).max() * scale < 1.0 < np.abs(reached - wrong).max() * scale


# -------------------------------------------------------------------------------------------------- calibration
def drawn(n: int, seed: int) -> tuple[Floats, Floats]:
    """Rates and counts of so many histories."""
    plain = replace(task(seed), until=DAYS, days=(DAYS,), watched=())
    rows = simulate_part(plain, Part(0, 0, n))
    model = plain.model
    return rows.inputs[model.inputs.index("hit_rate")], rows.state[model.variables.index("hits")].astype(np.float64)


def report(kind: int, true: float, rng: np.random.Generator) -> Fact | None:
    """What is reported of a true count: by turns exactly, at least (a number settled beforehand), roughly."""
    if kind == 0:
        return Fact("hits", DAYS, true)
    if kind == 1:
        return Fact("hits", DAYS, 4.0, "at least") if true >= 4 else None
    return Fact("hits", DAYS, true * math.exp(0.3 * rng.normal()), "roughly", 0.3) if true > 0 else None


def wrongly(fact: Fact) -> Fact:
    """The same report, misread."""
    if fact.reading == "exactly":
        return replace(fact, reading="at least")
    return replace(fact, reading="exactly", value=float(max(round(fact.value), 4)), spread=0.0)


def ranks(truths: int, block: int, draws: int, *, wrong: bool = False) -> list[int]:
    """Rank of the true rate among ``draws`` rates given its report, each truth with a block of histories of its own.

    (Talts et al., Validating Bayesian inference algorithms with simulation-based calibration, 2018.) A weight within
    0 … 1 is a chance to be kept, so that the draws have equal weight. Too few of them, and the truth is left out, which
    depends on the report and not on the rate behind it.
    """
    rng = np.random.default_rng(5)
    rates, counts = drawn(truths * (block + 1), 2)
    rates, counts = rates.reshape(truths, -1), counts.reshape(truths, -1)
    found = []
    for i in range(truths):
        fact = report(i % 3, float(counts[i, 0]), rng)
        if fact is None:
            continue
        weights = (wrongly(fact) if wrong else fact).weights(counts[i, 1:])
        kept = np.flatnonzero(rng.uniform(size=block) < weights)[:draws]
        if kept.size == draws:
            found.append(int((rates[i, 1:][kept] < rates[i, 0]).sum()))
    return found


def uniform(found: list[int], draws: int) -> float:
    """Chance of ranks 0 … draws as uneven as these or more."""
    return float(stats.chisquare(np.bincount(found, minlength=draws + 1)).pvalue)


def test_calibration_by_simulation() -> None:
    found = ranks(500, 400, 9)
    assert len(found) > 300
    assert uniform(found, 9) > 1e-6
    assert uniform(ranks(500, 400, 9, wrong=True), 9) < 1e-6


@pytest.mark.campaign
def test_calibration_by_simulation_at_length() -> None:
    found = ranks(3_000, 1_500, 19)
    print(f"simulation-based calibration: {len(found)} ranks of 0 … 19, chi-square p = {uniform(found, 19):.3f}")
    assert len(found) > 2_000
    assert uniform(found, 19) > 1e-6
    assert uniform(ranks(3_000, 1_500, 19, wrong=True), 19) < 1e-6


def covered(repeats: int, pool: int, *, wrong: bool = False) -> float:
    """Share of the repeats in which the 95 % interval of the rate given its report holds the true rate."""
    rng = np.random.default_rng(7)
    rates, counts = drawn(pool, 3)
    hidden, true = drawn(3 * repeats, 4)
    found: list[bool] = []
    for i in range(3 * repeats):
        fact = report(i % 3, float(true[i]), rng)
        if fact is None or len(found) == repeats:
            continue
        weights = (wrongly(fact) if wrong else fact).weights(counts)
        if (weights > 0).sum() < 40:  # so seldom a report that no interval can be told
            continue
        low, high = weighted.quantiles(rates, weights, [0.025, 0.975])
        found.append(low <= hidden[i] <= high)
    assert len(found) == repeats
    return sum(found) / repeats


def test_intervals_cover() -> None:
    share = covered(400, 10_000)
    assert abs(share - 0.95) < SIGMAS * math.sqrt(0.95 * 0.05 / 400)
    assert covered(400, 10_000, wrong=True) < 0.95 - SIGMAS * math.sqrt(0.95 * 0.05 / 400)


@pytest.mark.campaign
def test_intervals_cover_in_2000_repeats() -> None:
    share = covered(2_000, 100_000)
    print(f"95 % intervals hold the truth in {share:.2%} of 2,000 repeats")
    assert 0.935 <= share <= 0.965
    assert not 0.935 <= covered(2_000, 100_000, wrong=True) <= 0.965
