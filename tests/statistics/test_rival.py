"""The one-page rival against closed forms, and whether its range holds the truth as often as it says."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import betaincinv

from sim.statistics.odds import expit, logit
from sim.statistics.rival import Adjustment, PastCases, curve, halton, mixes, one_page, pool

Floats = NDArray[np.float64]
DAYS = (30.0, 90.0, 180.0)
CURATED = PastCases(14, DAYS, (0.07, 0.14, 0.36))
DISPUTES = PastCases(45, DAYS, (0.067, 0.089, 0.156))


def fixed(value: float, usual: float = 0.0) -> Adjustment:
    return Adjustment(lambda u: np.full_like(u, value), usual)


def lognormal(median: float, sigma: float) -> Callable[[Floats], Floats]:
    from scipy.special import ndtri

    return lambda u: np.asarray(median * np.exp(sigma * ndtri(u)))


# ------------------------------------------------------------------------------------------------------- the curve
def test_a_constant_hazard_comes_back_exactly() -> None:
    rate, days = 0.004, np.arange(0.0, 181.0)
    shares = 1 - np.exp(-rate * np.array(DAYS))
    assert curve(DAYS, shares, days) == pytest.approx(1 - np.exp(-rate * days), abs=1e-14)
    # Straight lines between the shares would be a wrong model, and far enough from it to be noticed.
    assert np.abs(np.interp(days, (0.0, *DAYS), (0.0, *shares)) - (1 - np.exp(-rate * days))).max() > 0.005


def test_between_known_days_the_hazard_is_constant() -> None:
    found = curve(DAYS, CURATED.shares, [0, 30, 60, 90, 180])
    survival = 1 - found
    assert found[[1, 3, 4]] == pytest.approx(CURATED.shares, abs=1e-15)
    assert survival[2] == pytest.approx(math.sqrt(survival[1] * survival[3]))
    assert found[0] == 0


def test_past_the_last_day_there_is_no_answer() -> None:
    assert np.isnan(curve(DAYS, CURATED.shares, [181.0])).all()
    page = one_page([CURATED], [], [], [180, 181])
    assert np.isfinite(page.probability[0])
    assert np.isnan(page.probability[1])


def test_a_class_in_which_all_or_none_had_it_has_a_curve() -> None:
    assert curve((10.0, 20.0), (0.5, 1.0), [10, 15, 20]) == pytest.approx([0.5, 1.0, 1.0])
    assert curve((10.0, 20.0), (0.0, 0.0), [5, 20]) == pytest.approx([0.0, 0.0])


@pytest.mark.parametrize(("share", "shown"), [(0.0, 1 / 14), (0.04, 1 / 14), (0.5, 0.5), (1.0, 13 / 14)])
def test_none_or_all_of_six_are_pooled_as_half_a_case(share: float, shown: float) -> None:
    # By hand: half a case more of each kind, as for Jeffreys: (0 + 1/2) / (6 + 1).
    page = one_page([PastCases(6, (30.0,), (share,))], [fixed(3.0)], [], [30.0])
    assert page.pooled == pytest.approx([shown], rel=1e-12)
    assert page.by_hand == pytest.approx([3 * shown / (1 + 2 * shown)], rel=1e-12)
    assert page.cases == pytest.approx(np.array([[share]]), abs=1e-15), "shown as it was"


# ------------------------------------------------------------------------------------------------ pooling and odds
def test_pooling_is_the_mean_of_log_odds_with_the_weights() -> None:
    heavy = PastCases(45, DAYS, DISPUTES.shares, weight=3.0)
    page = one_page([CURATED, heavy], [], [], DAYS)
    wanted = [0.25 * logit(a) + 0.75 * logit(b) for a, b in zip(CURATED.shares, DISPUTES.shares, strict=True)]
    assert page.pooled == pytest.approx(expit(wanted), abs=1e-14)
    assert page.by_hand == pytest.approx(page.pooled)
    # A class without weight is shown and changes nothing.
    other = one_page([CURATED, heavy, PastCases(6, (30.0,), (0.0,), weight=0.0)], [], [], DAYS)
    assert other.by_hand == pytest.approx(page.by_hand)
    assert other.cases[2][0] == 0
    assert np.isnan(other.cases[2][1:]).all()


def test_a_factor_multiplies_the_odds() -> None:
    page = one_page([CURATED], [fixed(2.0), fixed(1.5)], [], DAYS)
    odds = [p / (1 - p) for p in CURATED.shares]
    assert page.by_hand / (1 - page.by_hand) == pytest.approx([3.0 * o for o in odds])
    # Multiplying the chance instead, or adding points, would be something else.
    assert page.by_hand[2] < 3 * CURATED.shares[2] - 0.3


def test_what_may_apply_is_averaged_over_the_ways_the_case_may_be() -> None:
    page = one_page([CURATED], [fixed(3.0), fixed(0.5)], [(0.2, (True, False)), (0.8, (False, True))], DAYS)
    odds = np.array([p / (1 - p) for p in CURATED.shares])
    assert page.by_hand == pytest.approx(0.2 * 3 * odds / (1 + 3 * odds) + 0.8 * 0.5 * odds / (1 + 0.5 * odds))


def test_what_is_usual_already_is_divided_out() -> None:
    usual, factor = 0.25, 4.0
    here = one_page([CURATED], [fixed(factor, usual)], [(1.0, (True,))], DAYS).by_hand
    elsewhere = one_page([CURATED], [fixed(factor, usual)], [(1.0, (False,))], DAYS).by_hand
    odds = np.array([p / (1 - p) for p in CURATED.shares])
    # Over past cases the mean of the odds is that of the class.
    assert usual * here / (1 - here) + (1 - usual) * elsewhere / (1 - elsewhere) == pytest.approx(odds)
    assert (here / (1 - here)) / (elsewhere / (1 - elsewhere)) == pytest.approx([factor] * 3)


# -------------------------------------------------------------------------------------------------------- the doubts
def test_one_class_alone_is_jeffreys_law() -> None:
    page = one_page([CURATED], [], [], DAYS)
    counts = 14 * np.array(CURATED.shares)
    assert page.probability == pytest.approx((counts + 0.5) / 15, abs=5e-4)
    for end, found in ((0.1, page.low), (0.9, page.high)):
        assert found == pytest.approx(betaincinv(counts + 0.5, 14 - counts + 0.5, end), abs=2e-3)
    assert page.cases_low[0] == pytest.approx(page.low, abs=2e-3)


def test_between_known_days_the_cases_are_as_few() -> None:
    none = one_page([PastCases(6, (30.0,), (0.0,))], [], [], [3, 7, 30])
    assert none.cases_high == pytest.approx(np.full((1, 3), betaincinv(0.5, 6.5, 0.9)))
    between = one_page([CURATED], [], [], [60]).cases_low[0, 0]
    share = float(curve(DAYS, CURATED.shares, [60])[0])
    assert between == pytest.approx(betaincinv(14 * share + 0.5, 14 * (1 - share) + 0.5, 0.1))


def test_each_way_the_case_may_be_has_its_chance_in_the_mean() -> None:
    # So many cases that nothing else is in doubt.
    many = PastCases(10**7, DAYS, CURATED.shares)
    ways = [(0.2, (True, False)), (0.8, (False, True))]
    page = one_page([many], [fixed(3.0), fixed(0.5)], ways, DAYS)
    odds = np.array([p / (1 - p) for p in CURATED.shares])
    assert page.probability == pytest.approx(
        0.2 * 3 * odds / (1 + 3 * odds) + 0.8 * 0.5 * odds / (1 + 0.5 * odds), abs=1e-3
    )
    assert page.high == pytest.approx(3 * odds / (1 + 3 * odds), abs=1e-3)
    assert page.low == pytest.approx(0.5 * odds / (1 + 0.5 * odds), abs=1e-3)


def test_classes_are_in_doubt_each_for_itself() -> None:
    alike = PastCases(14, DAYS, CURATED.shares)
    alone, both = (one_page(classes, [], [], [90.0], points=8_192) for classes in ([alike], [alike, alike]))
    # Two classes of 14 know more than one; with one quantile for both the range would stay as wide as that of one.
    spread = [float(logit(page.high[0]) - logit(page.low[0])) for page in (alone, both)]
    assert spread[1] < 0.9 * spread[0]


def test_the_range_grows_with_each_doubt_and_shrinks_with_more_cases() -> None:
    def width(*classes: PastCases, doubt: float = 0.0) -> float:
        adjust = [Adjustment(lognormal(1.0, doubt))] if doubt else []
        page = one_page(classes, adjust, [], [90.0])
        return float(page.high[0] - page.low[0])

    many = PastCases(14_000, DAYS, CURATED.shares)
    assert width(many) < 0.01 < width(CURATED) < width(CURATED, doubt=1.0)
    # Of two large classes that disagree, any mix may be right: the range spans 80 % of the way between them.
    low, high = PastCases(10**7, DAYS, (0.1, 0.1, 0.1)), PastCases(10**7, DAYS, (0.5, 0.5, 0.5))
    page = one_page([low, high], [], [], [90.0])
    ends = logit(0.1) + np.array([0.1, 0.9]) * (logit(0.5) - logit(0.1))
    assert [page.low[0], page.high[0]] == pytest.approx(expit(ends), abs=2e-3)


def test_every_curve_rises() -> None:
    adjust = [Adjustment(lognormal(2.0, 0.5), 0.1)]
    page = one_page([CURATED, DISPUTES], adjust, [(0.3, (True,)), (0.7, (False,))], np.arange(0.0, 181.0))
    for line in (page.pooled, page.by_hand, page.probability, page.low, page.high, *page.cases_low, *page.cases_high):
        assert line[0] == 0
        assert (np.diff(line) > 0).all()
    assert ((page.low < page.probability) & (page.probability < page.high))[1:].all()


def held(worlds: int, *, told: float) -> float:
    """Share of invented worlds in which the range holds the truth.

    In each world the chances of two classes follow Jeffreys' prior, their cases are drawn, the truth is some mix of
    both in log-odds, times odds whose spread is 1.2. ``told`` is the spread that the page is told.
    """
    generator = np.random.default_rng(20251117)
    hits = 0
    for _ in range(worlds):
        chances = generator.beta(0.5, 0.5, 2)
        cases = generator.binomial([14, 45], chances)
        mix = generator.random()
        truth = mix * logit(chances[0]) + (1 - mix) * logit(chances[1]) + 1.2 * generator.standard_normal()
        classes = [PastCases(n, (90.0,), (k / n,)) for n, k in zip((14, 45), cases.tolist(), strict=True)]
        adjust = Adjustment(lognormal(1.0, told)) if told else fixed(1.0)
        page = one_page(classes, [adjust], [], [90.0], points=1_024)
        hits += int(logit(page.low[0]) <= truth <= logit(page.high[0]))
    return hits / worlds


def test_the_range_holds_the_truth_in_80_of_100_worlds() -> None:
    # 400 worlds: a sound range strays by more than 0.08 once in 15,000 seeds (four standard deviations).
    assert held(400, told=1.2) == pytest.approx(0.8, abs=0.08)


def test_a_page_that_is_sure_of_its_factors_would_fail_that_test() -> None:
    assert held(400, told=0.0) < 0.7


# -------------------------------------------------------------------------------------------------------- the points
def test_the_halton_sequence_begins_as_published() -> None:
    points = halton(6, 2)
    assert points[0] == pytest.approx([1 / 2, 1 / 4, 3 / 4, 1 / 8, 5 / 8, 3 / 8])
    assert points[1] == pytest.approx([1 / 3, 2 / 3, 1 / 9, 4 / 9, 7 / 9, 2 / 9])
    with pytest.raises(ValueError, match="leave some out"):
        halton(5, 50)


def test_mixes_sum_to_one_with_the_weights_as_mean() -> None:
    drawn = mixes([1.0, 2.0, 1.0], list(halton(4_096, 3)))
    assert drawn.sum(axis=0) == pytest.approx(np.ones(4_096))
    assert drawn.mean(axis=1) == pytest.approx([0.25, 0.5, 0.25], abs=2e-3)
    # Two equal ones: any mix is as good as any other.
    assert np.quantile(mixes([1.0, 1.0], list(halton(4_096, 2)))[0], [0.1, 0.5, 0.9]) == pytest.approx(
        [0.1, 0.5, 0.9], abs=4e-3
    )


def test_the_same_page_every_time() -> None:
    first, second = (one_page([CURATED, DISPUTES], [Adjustment(lognormal(2.0, 0.5))], [], DAYS) for _ in range(2))
    assert first.probability.tolist() == second.probability.tolist()


def test_no_class_with_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="give one of them a weight"):
        one_page([PastCases(3, (30.0,), (0.5,), weight=0.0)], [], [], [30.0])


def test_pool_of_one_is_itself() -> None:
    assert expit(pool([np.array([0.2, 0.7])], np.array([[5.0]]))) == pytest.approx([0.2, 0.7])
