"""Figures show the numbers of the summary, say what they are, and come out the same every time."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figures import incidence, outcomes
from sim.figures.style import save
from sim.statistics.shown import with_range
from sim.studies.forecast import Result, forecast
from sim.studies.settings import Settings
from tests.runs import small

FIVE = ("probability", "low", "high", "range_low", "range_high")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    settings = Settings(replications=1_000, inputs=40, histories=25)
    return forecast(small.scenario(), settings, tmp_path_factory.mktemp("results"))


def texts(figure: Figure) -> str:
    found = [text.get_text() for text in figure.findobj(mpl.text.Text)]
    return "\n".join(text for text in found if text)


def panels(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.axison]


def test_bars_are_the_outcomes_of_each_day(result: Result) -> None:
    figure = outcomes.draw(result.summary)
    assert [ax.get_title(loc="left") for ax in panels(figure)] == [
        "on 17 Dec 2025 (30 days)",
        "on 15 Feb 2026 (90 days)",
        "on 17 Mar 2026 (120 days)",
    ]
    for ax, by in zip(panels(figure), result.summary["outcomes_by"].values(), strict=True):
        bars, errors = (list(container) for container in ax.containers)
        five = list(by.values())
        assert [bar.get_width() for bar in bars] == [f["probability"] for f in five]
        assert [bar.get_x() for bar in errors] == [f["low"] for f in five]
        [lines] = ax.collections
        drawn = [np.asarray(path.vertices)[:, 0].tolist() for path in lines.get_paths()]
        assert drawn == [[f["range_low"], f["range_high"]] for f in five]
        labels = [text.get_text() for text in ax.texts]
        assert labels == [with_range(f["probability"], f["range_low"], f["range_high"]) for f in five]
        # The first outcome stands on top, in every panel.
        assert ax.yaxis.get_inverted()
        assert ax.get_xlim() == (0, 1)


def test_curves_are_the_cumulative_incidence_of_the_milestones(result: Result) -> None:
    curves = result.curves()
    figure = incidence.draw(result.summary, curves)
    assert [ax.get_title(loc="left") for ax in panels(figure)] == ["crisis", "strike", "settlement"]
    for ax, name in zip(panels(figure), result.milestones, strict=True):
        mine = curves["milestone"] == name
        line, *marks = ax.get_lines()
        assert np.array_equal(np.asarray(line.get_ydata()), curves["probability"][mine])
        [band] = ax.collections
        edges = np.asarray(band.get_paths()[0].vertices)
        assert edges[:, 1].max() == curves["range_high"][mine].max()
        rates = [rate for rate in result.summary["base_rates"] if rate["milestone"] == name]
        assert [np.asarray(mark.get_ydata()).tolist() for mark in marks] == [
            list(rate["by"].values()) for rate in rates
        ]
        for mark, rate in zip(marks, rates, strict=True):
            days = np.asarray(mark.get_xdata(), dtype="datetime64[D]") - np.datetime64("2025-11-17")
            assert days.astype(int).tolist() == [int(day) for day in rate["by"]]


def test_every_figure_says_what_it_is(result: Result) -> None:
    for figure in (outcomes.draw(result.summary), incidence.draw(result.summary, result.curves())):
        text = texts(figure)
        assert "A small crisis" in text
        assert "1,000 simulated histories, seed 1, as of 17 Nov 2025" in text
        assert "10–90 % range over the inputs (40 draws with 25 histories each)" in text
        assert "under assumptions" in text
        assert "17 Dec" in text
    assert "past cases: quarrels of that kind (n = 20)" in text
    assert "North has struck" in text


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts of a figure that cover one another."""
    figure.draw_without_rendering()
    found = [
        text
        for text in figure.findobj(mpl.text.Text)
        if text.get_text().strip() and text.get_visible() and text.get_window_extent().width > 0
    ]
    ticks = [tick for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for tick in axis.get_major_ticks()]
    hidden = {id(label) for tick in ticks for label in (tick.label1, tick.label2) if not label.get_visible()}
    hidden |= {
        id(label) for ax in figure.axes if not ax.axison for label in (*ax.get_xticklabels(), *ax.get_yticklabels())
    }
    boxes = [(text.get_text(), text.get_window_extent().shrunk(0.98, 0.9)) for text in found if id(text) not in hidden]
    return [
        (one, other) for i, (one, box) in enumerate(boxes) for other, second in boxes[i + 1 :] if box.overlaps(second)
    ]


def test_many_outcomes_with_long_sentences_fit(result: Result) -> None:
    names = [f"a_long_name_of_an_outcome_{i}" for i in range(9)]
    five = dict(zip(FIVE, (0.11, 0.10, 0.12, 0.001, 0.6), strict=True))
    by = {day: dict.fromkeys(names, five) for day in result.summary["days"]}
    sentences = dict.fromkeys(names, "a sentence of many words that an outsider could resolve, if he reads on, " * 3)
    summary = {**result.summary, "outcomes": by["120"], "outcomes_by": by, "sentences": {"outcomes": sentences}}
    assert overlaps(outcomes.draw(summary)) == []


def test_no_text_covers_another(result: Result) -> None:
    assert overlaps(outcomes.draw(result.summary)) == []
    assert overlaps(incidence.draw(result.summary, result.curves())) == []
    figure = Figure()
    for place in (0.5, 0.52):
        figure.text(place, 0.5, f"at {place}")
    assert overlaps(figure) == [("at 0.5", "at 0.52")]


def test_equal_numbers_give_equal_files(result: Result, tmp_path: Path) -> None:
    def drawn(folder: Path) -> list[bytes]:
        paths = save(outcomes.draw(result.summary), folder, "outcomes")
        paths += save(incidence.draw(result.summary, result.curves()), folder, "incidence")
        assert [path.name for path in paths] == ["outcomes.svg", "outcomes.png", "incidence.svg", "incidence.png"]
        return [path.read_bytes() for path in paths]

    first = drawn(tmp_path / "one")
    with mpl.rc_context({"font.size": 20.0, "axes.facecolor": "black"}):  # the user's own taste
        assert drawn(tmp_path / "two") == first
    assert mpl.rcParams["svg.hashsalt"] is None


def test_a_picture_has_150_dots_per_inch(result: Result, tmp_path: Path) -> None:
    figure = outcomes.draw(result.summary)
    _, png = save(figure, tmp_path, "outcomes")
    width = int.from_bytes(png.read_bytes()[16:20], "big")
    assert width == round(figure.get_size_inches()[0] * 150)


def test_milestones_are_chosen_by_base_rate_and_chance_or_by_name(result: Result) -> None:
    def milestone(chance: float) -> dict[str, Any]:
        return {"by": {"120": {"probability": chance}}}

    many = {f"m{i}": milestone(i / 10) for i in range(9)}
    summary = {**result.summary, "milestones": many, "base_rates": [{"milestone": "m0"}]}
    assert incidence.chosen(summary) == ["m0", "m4", "m5", "m6", "m7", "m8"]
    assert incidence.chosen(summary, ["m3", "m1"]) == ["m3", "m1"]
    with pytest.raises(ValueError, match="milestones m9: unknown; choose from m0, m1"):
        incidence.chosen(summary, ["m9"])


def test_date_labels_keep_their_distance() -> None:
    assert incidence.spaced([30, 90, 180]) == [30, 90, 180]
    assert incidence.spaced([30, 90, 100]) == [30, 100]
    assert incidence.spaced([5, 180]) == [180]
    assert incidence.spaced([7]) == [7]


def test_a_result_draws_its_figures(result: Result) -> None:
    assert not result.drawn()
    paths = result.plot()
    assert result.drawn()
    assert {path.parent for path in paths} == {result.folder / "figures"}
