"""Figures of a forecast show the numbers of its summary, say what they are, and come out the same every time."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figures import dates
from sim.figures.sheets import counts, incidence, occupancy, outcomes
from sim.figures.style import ERROR, RANGE, SPREAD, SPREAD_WORDS, save, slim
from sim.statistics.shown import with_range
from sim.studies.forecast import Result, forecast
from sim.studies.settings import Settings
from tests.figures.looks import overlaps, texts
from tests.runs import small

FIVE = ("probability", "low", "high", "range_low", "range_high")
FILES = [f"{name}.{kind}" for name in ("outcomes", "incidence", "occupancy", "counts") for kind in ("svg", "png")]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    settings = Settings(replications=1_000, inputs=40, histories=25)
    return forecast(small.scenario(), settings, tmp_path_factory.mktemp("results"))


def every(result: Result) -> dict[str, Figure]:
    followed = result.occupancy()
    return {
        "outcomes": outcomes.draw(result.summary),
        "incidence": incidence.draw(result.summary, result.curves()),
        "occupancy": occupancy.draw(result.summary, followed),
        "counts": counts.draw(result.summary, followed),
    }


def panels(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.axison]


def bars(ax: Axes, place: int) -> Any:
    return list(ax.containers[place])


def test_bars_are_the_outcomes_of_each_day(result: Result) -> None:
    figure = outcomes.draw(result.summary)
    assert [ax.get_title(loc="left") for ax in panels(figure)] == [
        "on 17 Dec 2025 (30 days)",
        "on 15 Feb 2026 (90 days)",
        "on 17 Mar 2026 (120 days)",
    ]
    for ax, by in zip(panels(figure), result.summary["outcomes_by"].values(), strict=True):
        five = list(by.values())
        assert [bar.get_width() for bar in bars(ax, 1)] == [f["probability"] for f in five]
        assert [bar.get_x() for bar in bars(ax, 0)] == [f["range_low"] for f in five]
        ends = [bar.get_x() + bar.get_width() for bar in bars(ax, 0)]
        assert ends == pytest.approx([f["range_high"] for f in five], abs=1e-12)
        [lines] = [c for c in ax.collections if len(c.get_paths()) == len(five)]
        drawn = [np.asarray(path.vertices)[:, 0].tolist() for path in lines.get_paths()]
        assert np.array(drawn) == pytest.approx(np.array([[f["low"], f["high"]] for f in five]), abs=1e-12)
        labels = [text.get_text() for text in ax.texts]
        assert labels == [with_range(f["probability"], f["range_low"], f["range_high"]) for f in five]
        # The first outcome stands on top, in every panel, and the axis reaches certainty.
        assert ax.yaxis.get_inverted()
        assert ax.get_xlim() == (0, 1)
        assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "25", "50", "75", "100 %"]


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
    for name, figure in every(result).items():
        text = texts(figure)
        assert "A small crisis" in text, name
        assert "1,000 simulated histories, seed 1, as of 17 Nov 2025" in text, name
        assert "under assumptions" in text, name
        assert "17 Dec" in text, name
    ranged = "10–90 % range over the inputs (40 draws with 25 histories each)"
    found = {name: texts(figure).replace("\n", " ") for name, figure in every(result).items()}
    assert [name for name, text in found.items() if ranged in text] == ["outcomes", "incidence"]
    assert [name for name, text in found.items() if SPREAD_WORDS in text] == ["counts"]
    assert [name for name, text in found.items() if "95 % sampling error" in text] == ["outcomes", "occupancy"]
    assert "past cases: quarrels of that kind (n = 20)" in found["incidence"]
    assert "North has struck" in found["incidence"]


def test_range_spread_and_sampling_error_look_different(result: Result) -> None:
    from matplotlib.colors import same_color, to_hex

    assert len({to_hex(RANGE["color"]), to_hex(ERROR["ecolor"]), *map(to_hex, SPREAD)}) == 5
    drawn = every(result)
    ranges = [bar.get_facecolor()[:3] for ax in panels(drawn["outcomes"]) for bar in bars(ax, 0)]
    ranges += [ax.collections[0].get_facecolor()[0][:3] for ax in panels(drawn["incidence"])]  # type: ignore[index]
    assert all(same_color(colour, RANGE["color"]) for colour in ranges)
    for ax in panels(drawn["counts"]):
        faces: list[Any] = [band.get_facecolor() for band in ax.collections]
        assert [to_hex(face[0]).upper() for face in faces] == list(SPREAD[:2])


def test_many_outcomes_with_long_sentences_fit(result: Result) -> None:
    names = [f"a_long_name_of_an_outcome_{i}" for i in range(9)]
    five = dict(zip(FIVE, (0.11, 0.10, 0.12, 0.001, 0.6), strict=True))
    by = {day: dict.fromkeys(names, five) for day in result.summary["days"]}
    sentence = "a sentence of many words that an outsider could resolve, if he reads on, " * 3
    summary = {
        **result.summary,
        "outcomes": by["120"],
        "outcomes_by": by,
        "sentences": {"outcomes": dict.fromkeys(names, sentence)},
    }
    figure = outcomes.draw(summary)
    assert overlaps(figure) == []
    assert texts(figure).replace("\n", " ").count(sentence.strip()) == 9, "no sentence is cut"


@pytest.mark.parametrize(
    "label", ["очень длинное название " * 4 + "国境をめぐる対立", "עימות על הגבול \u202eabc\x1b[31m\n$x^2$"]
)
def test_labels_in_any_script_are_drawn(result: Result, label: str, tmp_path: Path) -> None:
    told = {kind: dict.fromkeys(by, label) for kind, by in result.summary["sentences"].items()}
    shown = [{**count, "meaning": label, "unit": label} for count in result.summary["counts"]]
    summary = {**result.summary, "title": label, "sentences": told, "counts": shown, "rungs": [label, "b", "c"]}
    drawn = every(Result(summary, result.folder))
    for name, figure in drawn.items():
        assert overlaps(figure) == [], name
        assert not any(sign in texts(figure) for sign in "\u202e\x1b")
    assert len(save(drawn["counts"], tmp_path, "counts")) == 2


def test_no_text_covers_another(result: Result) -> None:
    for name, figure in every(result).items():
        assert overlaps(figure) == [], name
    figure = Figure()
    for place in (0.5, 0.52):
        figure.text(place, 0.5, f"at {place}")
    assert overlaps(figure) == [("at 0.5", "at 0.52")]


def test_equal_numbers_give_equal_files(result: Result, tmp_path: Path) -> None:
    def drawn(folder: Path) -> list[bytes]:
        paths = [path for name, figure in every(result).items() for path in save(figure, folder, name)]
        assert [path.name for path in paths] == FILES
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


def test_milestones_are_chosen_by_the_scenario_or_by_name(result: Result) -> None:
    def summary(*chances: float) -> dict[str, Any]:
        many = {f"m{i}": {"by": {"120": {"probability": chance}}} for i, chance in enumerate(chances)}
        secret = ["m0", "m3", "m4"]
        return {**result.summary, "milestones": many, "compared": ["m15"], "base_rates": [], "secret": secret}

    rising, falling = [i / 16 for i in range(16)], [1 - i / 16 for i in range(16)]
    chosen = incidence.chosen(summary(*rising))
    assert chosen == [f"m{i}" for i in (1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15)]
    assert incidence.chosen(summary(*falling)) == chosen, "how a run came out does not matter"
    assert incidence.chosen(summary(*rising), ["m3", "m1", "m3"]) == ["m3", "m1"]
    with pytest.raises(ValueError, match="milestones m99: unknown; choose from m0, m1"):
        incidence.chosen(summary(*rising), ["m99"])


def test_a_summary_names_milestones_with_base_rates_of_any_date(result: Result) -> None:
    assert result.summary["compared"] == ["strike", "settlement"]
    later = small.TEXT.replace("{milestone: strike, class", "{milestone: strike, from: 2025-11-18, class")
    assert later != small.TEXT
    from sim.studies.summary import _compared

    assert _compared(small.scenario(later)) == ["strike", "settlement"]


def test_date_labels_keep_their_distance() -> None:
    assert dates.spaced([30, 90, 180]) == [30, 90, 180]
    assert dates.spaced([30, 90, 100]) == [30, 100]
    assert dates.spaced([5, 180]) == [180]
    assert dates.spaced([7]) == [7]
    assert dates.spaced([30, 90, 180], [-76, 0]) == [-76, 0, 90, 180]
    assert dates.spaced([30, 90, 180], [-3, 0]) == [0, 30, 90, 180]


def test_a_result_draws_its_figures(result: Result) -> None:
    assert not result.drawn()
    paths = result.plot()
    assert [path.name for path in paths] == FILES
    assert result.drawn()
    assert {path.parent for path in paths} == {result.folder / "figures"}


def test_one_history_without_uncertain_inputs_is_drawn(tmp_path: Path) -> None:
    fixed = small.TEXT
    for old, new in (
        ("lognormal: {median: 1 per 40 d, p90: 1 per 12 d}", "value: 1 per 40 d"),
        ("uniform: [1.5, 3]", "value: 2"),
        ("drawn: {bargain: 0.7, force: 0.3}", "value: bargain"),
    ):
        assert old in fixed
        fixed = fixed.replace(old, new)
    found = forecast(small.scenario(fixed), Settings(replications=1), tmp_path)
    for name, figure in every(found).items():
        assert overlaps(figure) == [], name
        assert "1 simulated history, seed 1" in texts(figure)
    assert "none, as no input is uncertain" in texts(outcomes.draw(found.summary))


def test_what_a_scenario_lacks_is_not_drawn(tmp_path: Path) -> None:
    bare = small.TEXT
    start, end = bare.index("ladder:"), bare.index("state:")
    bare = bare[:start] + bare[end:]
    for old, new in (
        ("tension: {min: 0, max: 5, start: 1, ", "tension: {levels: [a, b, c, d, e, f], start: b, "),
        ("shots: {min: 0, max: 3, start: 0, ", "shots: {levels: [none, one, two, three], start: none, "),
        ("tension at least 3", "tension at least d"),
        ("tension below 5", "tension below f"),
        ("tension above 0", "tension above a"),
        ("tension is 0", "tension is a"),
        ("tension is 5", "tension is f"),
        ("{at_least: 2}", "{at_least: c}"),
    ):
        assert old in bare, old
        bare = bare.replace(old, new)
    found = forecast(small.scenario(bare), Settings(replications=20), tmp_path)
    assert found.pictures() == ["outcomes", "incidence"]
    assert [path.name for path in found.plot()] == FILES[:4]
    assert found.drawn()
    for draw in (occupancy.draw, counts.draw):
        with pytest.raises(ValueError, match="to draw; the scenario has none"):
            draw(found.summary, {})


def test_a_slim_drawing_loses_no_corner() -> None:
    path = b'<path d="M 0 1.23456 \nL 1.004 1.23456 \nL 2 1.23456 \nL 2 1.23456 \nL 2 5 \nL 1 5 \nL 3 5 \nz\n"/>'
    assert slim(path) == b'<path d="M 0 1.23\nL 2 1.23\nL 2 5\nL 1 5\nL 3 5\nz"/>'
    sign = b'  <g>\n   <use xlink:href="#DejaVuSans-Bold-41" transform="translate(62.984375 0)"/>\n  </g>'
    assert slim(sign) == b'  <g>\n<use xlink:href="#B41" transform="translate(62.98 0)"/>\n</g>'
