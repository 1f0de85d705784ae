"""Every interval that is printed or drawn holds the truth as often as it says, on twelve models with known answers.

Not in here: the bound on what never happened and the ranks of quantiles, whose chances are exact (test_intervals), the
errors of Shapley values (test_shapley), and 10-90 % ranges of laws that were given (which are no estimates).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from sim.figures.sheets.counts import fan
from sim.statistics import weighted
from sim.statistics.clusters import range_over_inputs
from sim.statistics.intervals import quantile_by_day, wilson
from sim.statistics.paired import paired_shares
from sim.statistics.rival import jeffreys_curve
from tests.statistics.covering import CASES, Case, Found, Intervals, measured, table

#: Without rounding, a range says too little where the inputs move a chance by less than the noise of 80 histories (rare
#: events) or hardly at all (what is all but certain). People see it rounded, and that is what is judged.
UNROUNDED = ("range over the inputs", "band of an incidence")
RANGES = {f"{row}, as shown" for row in UNROUNDED}
SHORT = 120


def failures(found: Mapping[str, Found]) -> set[str]:
    return {row for row, one in found.items() if row not in UNROUNDED and one.wrong()}


def narrow(ends: Any, by: float = 0.5) -> tuple[Any, Any]:
    """Ends brought nearer to their middle."""
    low, high = ends
    middle, half = (low + high) / 2, by * (high - low) / 2
    return middle - half, middle + half


def halved(found: tuple[float, float]) -> tuple[float, float]:
    """A difference with half its error."""
    return found[0], found[1] / 2


def tight(found: tuple[float, float, float]) -> tuple[float, float, float]:
    """A share with half its interval."""
    return found[0], *narrow(found[1:])


def ranks(counts: Any, trials: int, share: float) -> tuple[float, float, float]:
    """The interval of the ranks at a level of 30 %."""
    return quantile_by_day(counts, trials, share, 0.3)


#: Every wrong interval with what must be found out.
WRONG = [
    (Intervals(share=lambda k, n: narrow(wilson(k, n))), {"share (Wilson)"}),
    (Intervals(sequence=lambda k, n: narrow(wilson(k, n), 0.8)), {"share at every look (sequence)"}),
    (Intervals(paired=lambda a, b: halved(paired_shares(a, b))), {"difference (paired)"}),
    (Intervals(first=ranks), {"quantile of a first time (ranks)"}),
    (Intervals(weighted=lambda x, w: tight(weighted.share(x, w))), {"weighted share", "share given a report"}),
    (Intervals(inputs=lambda c, s, p: narrow(range_over_inputs(c, s, p))), RANGES),
    (Intervals(past=lambda p, d, e: narrow(jeffreys_curve(p, d, e))), {"past cases (Jeffreys, 80 %)"}),
    (Intervals(count=lambda *a: fan(*a)[[1, 1, 2, 3, 3]]), {"band of a count (90 % of histories)"}),
    (Intervals(band=0.4), {"band of the ladder (at most ±)"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES[2:8:5], ids=lambda case: case.name)
def test_intervals_hold_the_truth_as_often_as_they_say(case: Case) -> None:
    found = measured(case, SHORT, Intervals())
    assert failures(found) == set(), table({case.name: found})


@pytest.mark.parametrize(
    ("wrong", "rows"), WRONG, ids=lambda part: "" if isinstance(part, Intervals) else sorted(part)[0]
)
def test_an_interval_that_is_too_narrow_is_found_out(wrong: Intervals, rows: set[str]) -> None:
    assert failures(measured(CASES[2], SHORT, wrong)) == rows


def test_the_law_of_the_models_is_the_one_that_was_worked_out() -> None:
    """Chances in closed form against 60,000 histories each: 5 standard errors, a false alarm once in 10^5 runs."""
    from tests.statistics.covering import DAYS, played

    for case in CASES:
        times, _ = played(case, np.arange(60_000, dtype=np.int64), seed=9)
        paces = case.paces
        early, late = times[0] <= DAYS / 2, times[1] <= DAYS
        for seen, law in ((early, case.early), (late, case.late), (early & late, case.both)):
            truth = float(law(paces).mean())
            assert abs(seen.mean() - truth) < 5 * np.sqrt(truth * (1 - truth) / 60_000), case.name


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_coverage_of_all_intervals_on_twelve_models() -> None:
    """2,000 runs of each model."""
    found = {case.name: measured(case, 2_000, Intervals()) for case in CASES}
    print(f"\n{table(found)}")
    assert {name: failures(by) for name, by in found.items() if failures(by)} == {}
    past = np.mean([by["past cases (Jeffreys, 80 %)"].covered for by in found.values()])
    assert 0.75 < past < 0.88  # for so few cases 80 % is a mean over shares
