"""The figure of indicators draws each factor at its place, and what has no end as an arrow."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.figures.sheets import indicators
from sim.figures.style import save, settings
from sim.studies.indicators.rows import Sign, ranked
from tests.figures.looks import outside, overlaps, texts

N = 4_000
#: Labels of the ticks of an axis that is not shown.
NUMBER = re.compile(r"[−\d.]+")


def signs() -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    happens, risk = rng.random(N) < 0.3, np.ones(N, dtype=bool)
    strong = np.where(happens, rng.random(N) < 0.5, rng.random(N) < 0.1)
    seen = {
        "strong_sign": strong,
        "no_sign": rng.random(N) < 0.4,
        "rules_out": ~happens & (rng.random(N) < 0.3),
        "sure_sign": happens & (rng.random(N) < 0.2),
        "never_seen": np.zeros(N, dtype=bool),
    }
    made = [Sign(n, "milestone", f"what {n} means", True, "public", 3.0, s, None) for n, s in seen.items()]
    return ranked(made, risk, happens)


def data(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "title": "A crisis",
        "headline": "a strike by 15 Feb 2026, 90 days on",
        "window_date": "2025-12-17",
        "as_of": "2025-11-17",
        "probability": 0.3,
        "replications": N,
        "seed": 7,
        "rows": rows,
    }


def test_points_stand_at_the_factors() -> None:
    rows = signs()
    figure = indicators.draw(data(rows))
    ax = figure.axes[1]
    drawn = [rows[i] for i in range(4)]
    marks = [np.asarray(line.get_xdata()) for line in ax.lines if line.get_marker() in ("D", "o")]
    points = {round(float(at[0]), 9) for at in marks if at.size == 1}
    low, high = ax.get_xlim()
    wanted = [row[key] for row in drawn for key in ("factor", "factor_unseen") if row[key] is not None]
    assert points == {round(value, 9) for value in wanted if low <= value <= high}
    assert [row["name"] for row in rows][-1] == "never_seen"
    # One sign is never seen without the target, one never with it: an arrow to either side.
    heads = [line.get_marker() for line in ax.lines]
    assert heads.count("<") == 1
    assert heads.count(">") == 1
    told = texts(figure).replace("\n", " ")
    for words in ("strong sign", "what no_sign means – seen by the public, 3 days late", "not causes"):
        assert words in told
    assert "never seen" not in told
    with settings():
        figure.draw_without_rendering()
    assert "×1" in [label.get_text() for label in ax.get_xticklabels()]
    assert overlaps(figure) == []
    assert [text for text in outside(figure) if not NUMBER.fullmatch(text)] == []


def test_many_signs_and_long_names_fit() -> None:
    (row, *_) = signs()
    rows = [row | {"name": f"sign_{i}_of_{'very_' * 20}many", "says": "words " * 60} for i in range(16)]
    rows[0] |= {"says": "<b>bold</b> الأزمة 危機"}
    figure = indicators.draw(data(rows))
    assert "2 further signs not drawn" in texts(figure).replace("\n", " ")
    assert overlaps(figure) == []
    assert [text for text in outside(figure) if not NUMBER.fullmatch(text)] == []


def test_without_a_factor_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="no sign has a factor"):
        indicators.draw(data([row for row in signs() if row["why"]]))


def test_same_numbers_same_bytes(tmp_path: Path) -> None:
    rows = signs()[:1]
    first, again = (save(indicators.draw(data(rows)), tmp_path / name, "indicators") for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
