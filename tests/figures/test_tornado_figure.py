"""The tornado shows each row's ends, longest first, with the sampling error of its length."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.figures.sheets import tornado
from sim.figures.style import save
from sim.statistics.shown import percent
from tests.figures.looks import overlaps, texts


def row(name: str, low: float, high: float, error: float = 0.005, says: str = "how often") -> dict[str, Any]:
    ends = {"at_low": low, "at_high": high, "low_value": f"{name} little", "high_value": f"{name} much"}
    return {"name": name, "says": says, "basis": "judgement: a guess", "error": error, **ends}


def data(*rows: dict[str, Any]) -> dict[str, Any]:
    head = {"title": "A crisis", "headline": "a strike by 16 May 2026", "as_of": "2025-11-17"}
    return {**head, "replications": 2_000, "seed": 7, "probability": 0.24, "rows": list(rows)}


def test_bars_are_the_ends_of_the_rows_longest_first() -> None:
    rows = [row("small", 0.23, 0.25), row("large", 0.10, 0.45), row("turned", 0.31, 0.19), row("aside", 0.26, 0.30)]
    figure = tornado.draw(data(*rows))
    ax = figure.axes[1]
    order = ["large", "turned", "aside", "small"]
    by_name = {r["name"]: r for r in rows}
    ends: dict[int, list[float]] = {place: [] for place in range(4)}
    for bar in ax.patches:
        ends[round(bar.get_y() + bar.get_height() / 2)].append(bar.get_x() + bar.get_width())  # type: ignore[attr-defined]
    for place, name in enumerate(order):
        assert ends[place] == pytest.approx([by_name[name]["at_low"], by_name[name]["at_high"]])
    told = [text.get_text() for text in figure.axes[0].texts]
    assert told[::2] == order
    assert told[1] == "how often – judgement: a guess"
    labels = [text.get_text() for text in ax.texts]
    assert labels == [f"forecast: {percent(0.24)}", *(f"{name} {end}" for name in order for end in ("little", "much"))]
    assert overlaps(figure) == []


def test_the_sampling_error_is_that_of_the_row() -> None:
    figure = tornado.draw(data(row("a", 0.1, 0.4, error=0.02), row("b", 0.2, 0.3, error=0.01)))
    [whiskers] = figure.axes[1].collections
    drawn = [np.asarray(path.vertices)[:, 0].tolist() for path in whiskers.get_paths()]
    assert np.array(drawn) == pytest.approx(np.array([[0.38, 0.42], [0.29, 0.31]]))


def test_a_bar_that_lies_on_one_side_shows_both_ends() -> None:
    figure = tornado.draw(data(row("aside", 0.30, 0.40)))
    low, high = figure.axes[1].patches
    assert low.get_zorder() > high.get_zorder(), "the shorter bar stands in front"


def test_at_most_fourteen_rows_are_drawn_and_the_rest_counted() -> None:
    rows = [row(f"input_{i}", 0.24 - i / 200, 0.24 + i / 200, says="a long sentence " * 12) for i in range(23)]
    figure = tornado.draw(data(*rows))
    text = texts(figure)
    assert "input 22" in text
    assert "input 2\n" not in text
    assert "9 further inputs with shorter bars not drawn" in text.replace("\n", " ")
    assert overlaps(figure) == []


def test_it_says_what_it_is() -> None:
    text = texts(tornado.draw(data(row("a", 0.1, 0.4)))).replace("\n", " ")
    for part in (
        "A crisis: what moves the answer",
        "Chance of: a strike by 16 May 2026",
        "2,000 simulated histories, seed 7, as of 17 Nov 2025",
        "10 % point",
        "95 % sampling error",
        "under assumptions",
    ):
        assert part in text


@pytest.mark.parametrize("rows", [[row("none", 0.24, 0.24, 0.0)], [row("all", 0.0, 1.0)], [row("zero", 0.0, 0.0, 0.0)]])
def test_odd_rows_are_drawn(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    drawn = [save(tornado.draw(data(*rows)), tmp_path / name, "tornado") for name in ("one", "two")]
    assert [path.read_bytes() for path in drawn[0]] == [path.read_bytes() for path in drawn[1]]


def test_without_rows_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="no input is uncertain"):
        tornado.draw(data())
