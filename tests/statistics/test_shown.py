"""How ranges, counts and words are shown."""

import itertools

import numpy as np
import pytest

from sim.statistics.shown import ICD_203, between, likelihood, plural, with_range


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (0.04, 0.41, "4–40"),
        (0.15, 0.16, "15"),
        (0.0, 0.004, "under 1"),
        (0.0, 0.0101, "up to 1"),
        (0.001, 0.3, "up to 30"),
        (0.9, 0.99, "90 or more"),
        (0.98, 1.0, "over 95"),
        (0.0, 1.0, "anything"),
    ],
)
def test_ranges_in_words_that_can_be_read_aloud(low: float, high: float, shown: str) -> None:
    assert between(low, high) == shown


def test_a_range_that_rounds_to_its_own_share_is_left_out() -> None:
    assert with_range(0.002, 0.0, 0.004) == "under 1 %"
    assert with_range(0.15, 0.14, 0.16) == "15 %"
    assert with_range(0.02, 0.0, 0.004) == "2 % (under 1)"
    assert with_range(0.15, 0.04, 0.41) == "15 % (4–40)"


def test_words_of_icd_203_stand_only_within_one_band() -> None:
    assert likelihood(0.06, 0.19) == "very unlikely"
    assert likelihood(0.21, 0.44) == "unlikely"
    assert likelihood(0.46, 0.54) == "roughly even chance"
    assert likelihood(0.55, 0.8) == "likely"
    assert likelihood(0.82, 0.94) == "very likely"
    assert likelihood(0.19, 0.21) is None
    assert likelihood(0.04, 0.41) is None


def test_the_bands_leave_no_gap_and_do_not_overlap() -> None:
    ends = [band[1:] for band in ICD_203]
    assert ends[0][0] == 0.0
    assert ends[-1][1] == 1.0
    assert all(before[1] == after[0] for before, after in itertools.pairwise(ends))
    assert all(likelihood(share, share) is not None for share in np.linspace(0, 1, 1_001).tolist())


def test_counts_with_their_nouns() -> None:
    assert [plural(n, "milestone") for n in (0, 1, 2_000)] == ["0 milestones", "1 milestone", "2,000 milestones"]
    assert [plural(n, "simulated history") for n in (1, 20_000)] == [
        "1 simulated history",
        "20,000 simulated histories",
    ]
    assert plural(3, "day") == "3 days"
