"""Chances as odds that people can picture, and labels that cannot disturb what stands beside them."""

import re

import pytest

from sim.report.words import ISOLATE, ISOLATED, label, one_in
from sim.statistics.shown import NEARLY_ALL


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "under 1 in 100"),
        (0.0099, "under 1 in 100"),
        (0.01, "about 1 in 100"),
        (0.083, "about 1 in 12"),
        (1 / 6, "about 1 in 6"),
        (0.25, "about 1 in 4"),
        (0.41, "about 2 in 5"),
        (0.5, "about 1 in 2"),
        (0.66, "about 2 in 3"),
        (0.9, "about 9 in 10"),
        (0.974, "about 19 in 20"),
        (NEARLY_ALL, "over 19 in 20"),
        (1.0, "over 19 in 20"),
    ],
)
def test_a_chance_is_said_as_odds(share: float, said: str) -> None:
    assert one_in(share) == said


def test_odds_rise_with_the_chance_and_stay_near_it() -> None:
    before = 0.0
    for thousandths in range(10, 975):
        share = thousandths / 1000
        found = re.fullmatch(r"about (\d+) in (\d+)", one_in(share))
        assert found is not None
        odds = int(found[1]) / int(found[2])
        assert odds >= before
        # Never more than the half of a step between two neighbours of the list: some 5 points in the middle.
        assert abs(odds - share) <= max(0.055, 0.5 * share * (1 - share))
        before = odds


@pytest.mark.parametrize("share", [-0.01, 1.01, float("nan")])
def test_what_is_no_chance_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="no share"):
        one_in(share)


def test_a_label_from_the_right_is_isolated_and_control_signs_are_gone() -> None:
    assert label("a strike") == "a strike"
    assert label("ضربة أولى") == f"{ISOLATE}ضربة أولى{ISOLATED}"
    assert label("первый удар, 初の攻撃") == "первый удар, 初の攻撃"
    # The signs that turn the direction of what follows, and those that end a line or move a cursor.
    assert label("a\u202eb\u2067c\nd\x1be\x00") == "a b c d e "
