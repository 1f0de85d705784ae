"""`sim.figures.NAME(result, ax)`: one figure on one axes, with the numbers of the run, whatever the user has set."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim import figures
from sim.figures.style import settings
from sim.statistics.shown import percent, with_range, words
from sim.studies.forecast import Result, forecast
from sim.studies.settings import Settings
from tests.figures.looks import overlaps, texts
from tests.runs import small


@pytest.fixture(autouse=True)
def no_window() -> Iterator[None]:
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    chosen = Settings(replications=400, inputs=30, histories=10)
    return forecast(small.scenario(), chosen, tmp_path_factory.mktemp("results"))


def rows_of(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def ends_of(bar: Any) -> tuple[float, float]:
    return bar.get_x(), bar.get_x() + bar.get_width()


def event(kind: str = "milestones") -> dict[str, Any]:
    return {"kind": kind, "name": "war"}


RUN = {"title": "A crisis", "as_of": "2025-01-01", "seed": 1, "replications": 100, "inputs": 30, "histories": 10}
TORNADO = RUN | {
    "study": "tornado",
    "headline": "war by 1 Mar 2025",
    "probability": 0.3,
    "rows": [
        {"name": "calm_x", "says": "", "basis": "", "low_value": "1", "high_value": "2", "at_low": 0.25, "at_high": 0.3,
         "error": 0.01},
        {"name": "push_x", "says": "", "basis": "", "low_value": "1", "high_value": "2", "at_low": 0.1, "at_high": 0.5,
         "error": 0.01},
    ],
}  # fmt: skip
SHARE = {
    "probability": 0.4,
    "difference": 0.1,
    "error": 0.02,
    "difference_range_low": 0.0,
    "difference_range_high": 0.2,
}
COMPARE = RUN | {
    "study": "compare",
    "event": event(),
    "days": {"30": "2025-01-31", "90": "2025-04-01"},
    "as_it_is": {"milestones": {"war": {day: {"probability": 0.3} for day in ("30", "90")}}},
    "variants": [
        {"name": name, "says": name, "milestones": {"war": {"30": SHARE, "90": SHARE | {"difference": moved}}}}
        for name, moved in (("no_talks", 0.05), ("late_talks", -0.03))
    ],
}
PART = {"what": "by.war", "error": 0.01, "first_in": 0.01, "last_in": 0.01}
UPDATE = RUN | {
    "study": "update",
    "milestone": "war",
    "headline": "war",
    "by": "2025-04-01",
    "moves": [
        {
            "from": "2025-01-01",
            "to": "2025-02-01",
            "groups": [{"name": "date", "items": []}, {"name": "north", "items": []}],
            "changes": {"by.war": {"was": 0.2, "now": 0.35, "difference": 0.15, "error": 0.01}},
            "parts": [PART | {"group": "date", "value": -0.05}, PART | {"group": "north", "value": 0.2}],
        }
    ],
}


def test_outcomes_have_the_numbers_of_a_day(result: Result) -> None:
    ax = figures.outcomes(result, day=30)
    five = list(result.summary["outcomes_by"]["30"].values())
    assert rows_of(ax) == [words(name) for name in result.outcomes]
    assert ax.yaxis.get_inverted()
    assert [bar.get_width() for bar in list(ax.containers[1])] == [f["probability"] for f in five]
    assert [text.get_text() for text in ax.texts] == [
        with_range(f["probability"], f["range_low"], f["range_high"]) for f in five
    ]
    assert "on 17 Dec 2025 (30 days)" in ax.get_title(loc="left")
    under = " ".join(ax.get_xlabel().split())
    assert "10–90 % range over the inputs" in under
    assert "400 simulated histories, seed 1, as of 17 Nov 2025. Chances under assumptions" in under
    last = figures.outcomes(result.summary)
    assert "(120 days)" in last.get_title(loc="left").replace("\n", " ")
    with pytest.raises(ValueError, match=r"day: 31 is unknown.*choose from 30, 90, 120"):
        figures.outcomes(result, day=31)


def test_incidence_is_the_curve_of_a_milestone(result: Result) -> None:
    ax, curves = figures.incidence(result, milestone="strike"), result.curves()
    mine = curves["milestone"] == "strike"
    assert np.array_equal(np.asarray(ax.get_lines()[0].get_ydata()), curves["probability"][mine])
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["past cases: quarrels of that kind (n = 20)"]
    assert figures.incidence(result).get_title(loc="left").startswith("strike: "), "the first with past cases"
    with pytest.raises(ValueError, match=r"milestone: 'strik' is unknown.*did you mean 'strike'"):
        figures.incidence(result, milestone="strik")


def test_ladder_and_counts_are_those_of_the_run(result: Result) -> None:
    ax = figures.occupancy(result)
    assert len(ax.collections) == len(result.summary["rungs"])
    assert any(text.get_text().endswith("%") for text in ax.texts)
    count = result.summary["counts"][0]["name"]
    named = figures.counts(result, count=count)
    assert named.get_title(loc="left").startswith(words(count))
    assert "spread of the histories" in named.get_xlabel().replace("\n", " ")
    bare = Result({**result.summary, "rungs": [], "counts": [], "milestones": {}}, result.folder)
    for draw in (figures.occupancy, figures.counts, figures.incidence):
        with pytest.raises(ValueError, match="to draw; the scenario has none"):
            draw(bare)


def test_a_tornado_has_its_longest_bar_on_top() -> None:
    ax = figures.tornado(TORNADO)
    assert rows_of(ax) == ["push x", "calm x"]
    ends = sorted(ends_of(bar)[1] for bar in ax.patches)
    assert ends == pytest.approx([0.1, 0.25, 0.3, 0.5])
    assert f"forecast: {percent(0.3)}" in [text.get_text() for text in ax.texts]


def test_a_comparison_shows_the_differences_of_a_day() -> None:
    assert "+5.0 ± 2.0" in [text.get_text() for text in figures.compare(COMPARE).texts]
    ax = figures.compare(COMPARE, day=30)
    assert rows_of(ax) == ["no talks", "late talks"]
    assert [text.get_text() for text in ax.texts] == ["+10.0 ± 2.0"] * 2
    assert "war by 31 Jan 2025; as it is: 30 %" in ax.get_title(loc="left")


def test_a_waterfall_goes_from_the_first_chance_to_the_last() -> None:
    ax = figures.update(UPDATE)
    assert rows_of(ax) == ["as of 1 Jan 2025", "north", "date", "as of 1 Feb 2025"]
    assert sorted(round(ends_of(bar)[1] - ends_of(bar)[0], 9) for bar in ax.patches) == [-0.05, 0.2, 0.2, 0.35]
    with pytest.raises(ValueError, match="move: 1; this run has 1"):
        figures.update(UPDATE, move=1)


def test_a_figure_of_another_study_is_refused(result: Result) -> None:
    with pytest.raises(ValueError, match="shows a run of study=tornado; this one is of study=forecast"):
        figures.tornado(result)
    with pytest.raises(ValueError, match="study=typical; this one is of study=forecast"):
        figures.timeline(result)
    with pytest.raises(ValueError, match="study=forecast; this one is of study=tornado"):
        figures.outcomes(TORNADO)


def test_the_axes_given_are_drawn_on_and_returned(result: Result) -> None:
    figure = Figure(figsize=(14, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    assert figures.outcomes(result, left) is left
    assert figures.compare(COMPARE, right) is right
    assert pyplot.get_fignums() == []
    assert overlaps(figure) == []


def test_nothing_of_the_users_own_is_changed(result: Result) -> None:
    with mpl.rc_context({"font.size": 20.0, "axes.titlelocation": "center"}):
        before = dict(mpl.rcParams)
        ax = figures.outcomes(result)
        assert dict(mpl.rcParams) == before
    assert ax.texts[0].get_fontsize() == 8.5
    with mpl.rc_context(), settings():
        mpl.rcParams["backend"] = "svg"  # who chooses one meanwhile keeps it
        assert mpl.rcParams["backend"] == "svg"


def test_a_dollar_sign_is_no_formula(result: Result) -> None:
    told = {kind: dict.fromkeys(by, "costs $x^2$ and $") for kind, by in result.summary["sentences"].items()}
    run = Result({**result.summary, "title": "$a^$", "sentences": told}, result.folder)
    figure = Figure(figsize=(14, 5))
    first, second = figure.subplots(1, 2)
    figures.outcomes(run, first)
    figures.incidence(run, second)
    assert "$a^$" in texts(figure)
    figure.draw_without_rendering()


def test_every_example_is_plain_data() -> None:
    for data in (TORNADO, COMPARE, UPDATE):
        assert json.loads(json.dumps(data)) == data
    assert Path(figures.__file__).name == "__init__.py"
