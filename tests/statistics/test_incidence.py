"""Cumulative incidence by counting days, and how numbers are shown."""

import numpy as np
import pytest

from sim.statistics.incidence import cumulative, day_counts, grouped_day_counts
from sim.statistics.shown import between, date_words, percent, points, with_range, words


def test_a_time_counts_for_the_first_day_whose_end_sees_it() -> None:
    times = [0.0, 0.001, 1.0, 1.0000001, 2.5, 3.0, 3.1, np.inf]
    assert day_counts(times, 3).tolist() == [1, 2, 1, 2]


def test_cumulative_incidence_is_the_share_of_times_up_to_each_day() -> None:
    times = np.random.default_rng(2).exponential(40.0, (3, 500))
    curve = cumulative(day_counts(times, 60), 500)
    assert curve.shape == (3, 61)
    for day in range(61):
        assert curve[:, day] == pytest.approx((times <= day).mean(axis=1))


def test_groups_add_up_to_the_whole() -> None:
    generator = np.random.default_rng(3)
    times, groups = generator.exponential(40.0, 500), generator.integers(0, 4, 500)
    grouped = grouped_day_counts(times, groups, 5, 60)
    assert grouped.sum(axis=0).tolist() == day_counts(times, 60).tolist()
    assert grouped[2].tolist() == day_counts(times[groups == 2], 60).tolist()
    assert grouped[4].sum() == 0


def test_no_history_has_no_share() -> None:
    with pytest.raises(ValueError, match="at least one"):
        cumulative([0], 0)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0.0, "under 1 %"),
        (0.0099, "under 1 %"),
        (0.01, "1 %"),
        (0.0149, "1 %"),
        (0.015, "2 %"),
        (0.075, "8 %"),
        (0.0949, "9 %"),
        (0.0951, "10 %"),
        (0.10, "10 %"),
        (0.1249, "10 %"),
        (0.125, "15 %"),
        (0.35, "35 %"),
        (0.9749, "95 %"),
        (0.975, "over 95 %"),
        (1.0, "over 95 %"),
    ],
)
def test_shares_are_shown_in_points_of_five_and_of_one_below_ten(share: float, shown: str) -> None:
    assert percent(share) == shown


def test_what_is_shown_never_falls_as_the_share_rises() -> None:
    shown = [points(share) for share in np.linspace(0, 1, 10_001)]
    order = list(dict.fromkeys(shown))
    assert order == ["under 1", *map(str, range(1, 10)), *map(str, range(10, 100, 5)), "over 95"]


def test_ranges() -> None:
    assert between(0.001, 0.3) == "up to 30"
    assert between(0.001, 0.002) == "under 1"
    assert with_range(0.15, 0.04, 0.41) == "15 % (4–40)"


def test_dates_and_names_in_words() -> None:
    assert date_words("2025-03-07") == "7 Mar 2025"
    assert words("limited_strikes") == "limited strikes"


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="is no share"):
        points(share)
