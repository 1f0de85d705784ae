"""How a report is read, where it lies in a predicted law, and how surprising several are together."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from sim.beliefs.facts import Fact, together

TRUE = np.arange(0, 40)


def test_readings_say_which_true_numbers_agree() -> None:
    assert np.flatnonzero(Fact("n", 1, 7).weights(TRUE)).tolist() == [7]
    assert np.flatnonzero(Fact("n", 1, 7, "at least").weights(TRUE)).tolist() == list(range(7, 40))
    rough = Fact("n", 1, 20, "roughly", 0.1).weights(TRUE)
    assert rough[20] == 1.0
    assert rough[0] == 0.0
    assert rough[18] == pytest.approx(math.exp(-0.5 * (math.log(20 / 18) / 0.1) ** 2))


def test_roughly_is_a_likelihood_up_to_a_factor() -> None:
    fact = Fact("n", 1, 20, "roughly", 0.3)
    likelihood: Any = stats.lognorm.pdf(20.0, 0.3, scale=np.maximum(TRUE, 1e-300))
    ratio = likelihood[1:] / fact.weights(TRUE)[1:]
    assert ratio == pytest.approx(np.full(39, ratio[0]))


def test_places_are_those_of_the_predicted_law_of_reports() -> None:
    mass = stats.poisson.pmf(TRUE, 9.0)
    mass /= mass.sum()
    assert Fact("n", 1, 9).place(TRUE, mass) == pytest.approx(mass[:9].sum() + mass[9] / 2)
    assert Fact("n", 1, 9, "at least").place(TRUE, 5 * mass) == pytest.approx(mass[9:].sum())
    rough = float((mass * stats.lognorm.cdf(12.0, 0.2, scale=np.maximum(TRUE, 1e-300))).sum())
    assert Fact("n", 1, 12, "roughly", 0.2).place(TRUE, mass) == pytest.approx(rough)


def test_places_of_reports_that_the_law_makes_are_uniform() -> None:
    """Kolmogorov-Smirnov at 1e-6 for 2,000 rough reports; with half the error they are not."""
    rng = np.random.default_rng(11)
    true = rng.negative_binomial(4, 0.2, size=200_000) + 1
    reports = true[:2_000] * np.exp(0.3 * rng.normal(size=2_000))
    values, counts = np.unique(true, return_counts=True)

    def p(spread: float) -> float:
        places = [Fact("n", 1, float(r), "roughly", spread).place(values, counts) for r in reports]
        return float(stats.kstest(places, "uniform").pvalue)

    assert p(0.3) > 1e-6
    few = true[:2_000] * 0 + 10  # the truth is known, so that only the error speaks
    places = [
        Fact("n", 1, float(r), "roughly", 0.15).place([10], [1]) for r in few * np.exp(0.3 * rng.normal(size=2_000))
    ]
    assert stats.kstest(places, "uniform").pvalue < 1e-6


def test_surprise_is_two_sided_but_for_a_least_number() -> None:
    assert Fact("n", 1, 9).surprise(0.9) == pytest.approx(0.2)
    assert Fact("n", 1, 9).surprise(0.5) == 1.0
    assert Fact("n", 1, 9, "at least").surprise(0.02) == 0.02


def test_surprises_together_are_fishers() -> None:
    several = [0.2, 0.03, 0.7]
    assert together(several) == pytest.approx(stats.combine_pvalues(several).pvalue)
    assert together([0.04]) == pytest.approx(0.04)
    assert together([0.5, 0.0]) == 0.0
    assert together([]) == 1.0


def test_a_reading_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="choose from exactly, at least, roughly"):
        Fact("n", 1, 7, "about")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="both must be above 0"):
        Fact("n", 1, 7, "roughly")
