"""Rungs and counts over time: what is drawn are the numbers of the run, and what was reported stands beside them."""

import copy
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from sim.figures.sheets import counts, occupancy
from sim.runs.plan import Part, simulate_part
from sim.scenario.build import build
from sim.scenario.reading import read_bytes, read_file
from sim.scenario.scenario import Scenario
from sim.scenario.source import Source
from sim.studies.counted import BINS, shown, watched_numbers
from sim.studies.forecast import Result, forecast, task_of
from sim.studies.settings import Settings
from tests.figures.looks import overlaps, texts
from tests.runs import small

DATED = small.TEXT.replace(
    "reports:\n  one: {outlet: A paper, date: 2025-11-17}",
    "crisis_start: 2025-09-02\nreports:\n  early: {outlet: A digest, date: 2025-09-27}\n"
    "  one: {outlet: A paper, date: 2025-11-17}",
).replace(
    "shots: {min: 0, max: 3, start: 0, meaning: shots fired, basis: {data: invented for a test}}",
    "shots: {min: 0, meaning: shots fired, unit: thousand, start: [\n"
    "    {from: 2025-09-27, value: 0, basis: {report: [2]}}, {from: 2025-11-17, value: 2, basis: {report: [3]}},\n"
    "    {from: 2025-12-01, value: 3, basis: {report: [4]}}]}",
)
DATED = DATED.replace('"a quarrel"}', '"a quarrel"}\n  2: {report: early, says: "not a shot"}\n'
                      '  3: {report: one, says: "two shots"}\n  4: {report: last, says: "three shots"}')  # fmt: skip
DATED = DATED.replace("findings:", "  last: {outlet: A letter, date: 2025-12-01}\nfindings:")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return forecast(small.scenario(), Settings(replications=1_000), tmp_path_factory.mktemp("results"))


def dated(as_of: str) -> Scenario:
    return build(read_bytes(DATED.encode()).data, as_of=as_of)


def test_layers_are_the_shares_of_the_rungs(result: Result) -> None:
    summary, followed = result.summary, result.occupancy()
    share = occupancy.shares(summary, followed)
    assert share.shape == (121, 3)
    assert share.sum(axis=1) == pytest.approx(1)
    state = np.asarray(result.rows().column("flag.at_the_top"))
    assert state.size == 1_000
    [ax] = occupancy.draw(summary, followed).axes
    tops = [np.asarray(layer.get_paths()[0].vertices)[:, 1].max() for layer in ax.collections]
    assert tops == pytest.approx(share.cumsum(axis=1).max(axis=0))
    struck = result.summary["outcomes"]["blows"]["probability"]
    assert share[-1, 2] == pytest.approx(struck), "who has struck stands on the top rung"
    labels = [text.get_text() for text in ax.texts if text.get_text()]
    assert [label.split("  ")[0] for label in labels] == ["quarrel", "crisis", "blows"]


@pytest.mark.parametrize("rungs", [1, 2, 5, 12])
def test_the_ladder_grows_darker_for_every_kind_of_eye(rungs: int) -> None:
    def linear(share: float) -> float:
        return float(share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4)

    colours = [np.array([linear(part) for part in to_rgb(colour)]) for colour in occupancy.colours(rungs)]
    # Machado, Oliveira and Fernandes (2009): full protanopia, deuteranopia and tritanopia; and no colour at all.
    eyes = [
        np.eye(3),
        np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
        np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
        np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
    ]
    for eye in eyes:
        light = [float(np.array([0.2126, 0.7152, 0.0722]) @ (eye @ colour)) for colour in colours]
        assert all(a > b for a, b in pairwise(light))


@pytest.mark.parametrize(
    "wanted", [[0.5], [0.1, 0.11, 0.12, 0.9], [0.0, 0.0, 1.0, 1.0], [0.99, 0.995, 1.0], [0.5] * 40]
)
def test_labels_at_the_side_keep_apart(wanted: list[float]) -> None:
    places = occupancy.spread(wanted, 0.05)
    least = min(0.05, 1 / max(len(wanted) - 1, 1))
    assert all(b - a >= least - 1e-9 for a, b in pairwise(places))
    assert min(places) >= -1e-9
    assert max(places) <= 1 + 1e-9
    if len(wanted) == 1:
        assert places == wanted


def test_a_fan_holds_the_quantiles_of_the_histories(result: Result) -> None:
    task = task_of(small.scenario(), Settings())
    rows = simulate_part(task, Part(0, 0, 1_000))
    column = task.model.variables.index("tension")
    [tension, shots] = result.summary["counts"]
    assert (tension["name"], shots["name"]) == ("tension", "shots")
    values = counts.fan(result.summary, tension, result.occupancy())
    assert values.shape == (5, 121)
    for place, share in enumerate((0.05, 0.25, 0.5, 0.75, 0.95)):
        for which, day in enumerate(task.days):
            wanted = np.quantile(rows.observed[which, column], share, method="inverted_cdf")
            assert values[place, day] == wanted
    assert np.all(np.diff(values, axis=0) >= 0), "the bands lie within one another"


def test_bands_and_line_are_the_fan(result: Result) -> None:
    figure = counts.draw(result.summary, result.occupancy())
    axes = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title(loc="left") for ax in axes] == ["tension", "shots"]
    for ax, count in zip(axes, result.summary["counts"], strict=True):
        values = counts.fan(result.summary, count, result.occupancy())
        line = ax.get_lines()[0]
        assert np.array_equal(np.asarray(line.get_ydata()), values[2])
        outer, inner = (np.asarray(band.get_paths()[0].vertices)[:, 1] for band in ax.collections)
        assert (outer.min(), outer.max()) == (values[0].min(), values[4].max())
        assert (inner.min(), inner.max()) == (values[1].min(), values[3].max())


def points(figure: Any) -> list[tuple[str, float, str]]:
    """Date, value and face of every point drawn."""
    found = []
    for ax in figure.axes:
        for line in ax.get_lines():
            if ax.axison and line.get_marker() == "o":
                [when], [value] = np.asarray(line.get_xdata(), dtype="datetime64[D]"), line.get_ydata()
                found.append((str(when), float(value), line.get_markerfacecolor()))
    return found


def test_what_was_reported_later_is_hollow_and_said_so(tmp_path: Path) -> None:
    found = forecast(dated("2025-09-27"), Settings(replications=50), tmp_path)
    figure = counts.draw(found.summary, found.occupancy())
    assert points(figure) == [("2025-09-27", 0, "#222222"), ("2025-11-17", 2, "white"), ("2025-12-01", 3, "white")]
    text = texts(figure).replace("\n", " ")
    assert "reported, known on the date of the forecast: A digest (27 Sep 2025)" in text
    assert "reported later, not used: A paper (17 Nov 2025); A letter (1 Dec 2025)" in text
    assert overlaps(figure) == []


def test_the_axis_begins_with_the_crisis_where_something_was_reported_before(tmp_path: Path) -> None:
    found = forecast(dated("2025-11-17"), Settings(replications=50), tmp_path)
    figure = counts.draw(found.summary, found.occupancy())
    assert points(figure) == [("2025-09-27", 0, "#222222"), ("2025-11-17", 2, "#222222"), ("2025-12-01", 3, "white")]
    for ax in (ax for ax in figure.axes if ax.axison):
        first, last = (np.datetime64("1970-01-01") + np.timedelta64(int(day), "D") for day in ax.get_xlim())
        assert (str(first), str(last)) == ("2025-09-02", "2026-03-17")
    assert "shots fired, thousand" in texts(figure)
    assert overlaps(figure) == []


def test_start_values_of_all_dates_are_kept() -> None:
    scenario = dated("2025-11-17")
    values = scenario.variables["shots"].dated
    assert [(value.value, value.evidence.kind, value.evidence.reports) for value in values] == [
        (0, "report", (2,)),
        (2, "report", (3,)),
        (3, "report", (4,)),
    ]
    assert [value.value for value in scenario.variables["struck"].dated] == [None]


def test_a_start_set_by_hand_is_no_report(tmp_path: Path) -> None:
    base = tmp_path / "small.yaml"
    base.write_text(DATED, encoding="utf-8")
    reading = read_file(base)
    data = copy.deepcopy(dict(reading.data))
    data["state"]["shots"]["start"][1]["value"] = 9  # as an override on the command line leaves it
    scenario = build(data, source=Source.of(reading))
    found = forecast(scenario, Settings(replications=20), tmp_path)
    figure = counts.draw(found.summary, found.occupancy())
    assert ("2025-11-17", 9, "#D55E00") in points(figure), "with a mark of its own"
    said = texts(figure).replace("\n", " ")
    assert "not reported but set for this run: shots on 17 Nov 2025 set by command line" in said


def test_what_fades_and_what_has_words_is_no_count() -> None:
    text = small.TEXT.replace("start: 0, meaning: shots", "start: 0, fades: {half_life: 9 d}, meaning: shots")
    assert [variable.name for variable in shown(small.scenario(text))] == ["tension"]
    assert [variable.name for variable in shown(small.scenario())] == ["tension", "shots"]


@pytest.mark.parametrize(
    ("bounds", "start", "bins", "step"),
    [
        ("min: 0, max: 7", 3, 8, 1),
        ("min: -5, max: 7", 3, 13, 1),
        ("min: 0", 3, BINS, 1),
        ("min: 0, max: 200000", 15_000, 4082, 49),
        ("min: 0", 15_000, BINS, 15),
    ],
)
def test_wide_counts_are_followed_in_steps(bounds: str, start: int, bins: int, step: int, tmp_path: Path) -> None:
    text = small.TEXT.replace("shots: {min: 0, max: 3, start: 0,", f"shots: {{{bounds}, start: {start},")
    scenario = small.scenario(text)
    watched = {w.name: w for w in watched_numbers(scenario, task_of(scenario, Settings()).model)}
    assert watched["state.shots"].bins == bins
    found = forecast(scenario, Settings(replications=20), tmp_path)
    count = found.summary["counts"][1]
    values = counts.fan(found.summary, count, found.occupancy())
    assert count["step"] == step
    assert not count["clipped"]
    assert 0 <= start - values[2, 0] < step
    text = texts(counts.draw(found.summary, found.occupancy())).replace("\n", " ")
    assert (f"Followed in steps: shots by {step}." in text) == (step > 1)


def test_values_beyond_the_last_place_are_said_to_be_cut(tmp_path: Path) -> None:
    text = small.TEXT.replace("shots: {min: 0, max: 3,", "shots: {min: 0,").replace('"+1 capped"', "+9000")
    found = forecast(small.scenario(text), Settings(replications=300), tmp_path)
    [_, count] = found.summary["counts"]
    assert (count["clipped"], count["most"]) == (True, BINS - 1)
    assert "values above 4,095 are drawn as 4,095" in texts(counts.draw(found.summary, found.occupancy())).replace(
        "\n", " "
    )
