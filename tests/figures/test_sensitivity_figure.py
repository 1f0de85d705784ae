"""The figures of what drives the answer show every share and difference with its own sampling error."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.figures.sheets import sensitivity
from sim.figures.style import save
from tests.figures.looks import overlaps, texts


def data(inputs: int = 3) -> dict[str, Any]:
    names = [f"input_{i}" for i in range(inputs)]
    kinds = [("judgement", "data")[i % 2] for i in range(inputs)]
    pairs = list(zip(names, kinds, strict=True))
    shares = [0.5 / (1 + i) for i in range(inputs)]
    words = "a long sentence " * 6
    both = {"first": 0.3, "first_error": 0.04, "total": 0.5, "total_error": 0.03}
    rows = [
        {"name": name, "says": words, "basis": kind, "share": share, "error": 0.05}
        for (name, kind), share in zip(pairs, shares, strict=True)
    ]
    bases = [{"basis": kind, "inputs": 2, "share": 0.45, "error": 0.06} for kind in ("judgement", "data")]
    quantity = {"says": "what it is", "mean": 60.0, "spread": 14.0, "explained": 0.28, "explained_error": 0.01}
    quantity |= {
        "inputs": [{"name": name, "says": words, "basis": kind, **both} for name, kind in pairs],
        "basis": [{"basis": kind, "inputs": 2, **both} for kind in ("judgement", "data")],
    }
    mechanisms = [
        {"kind": "factor", "says": f"usa.decides, orders {i}: × some x", "difference": (-1) ** i * 0.2 / (1 + i)}
        for i in range(inputs)
    ]
    return {
        "title": "A crisis",
        "headline": "a strike by 16 May 2026",
        "as_of": "2025-11-17",
        "end": "2026-05-16",
        "until_days": 180,
        "seed": 7,
        "replications": 2_000,
        "log_odds": {"sets": 100, "each": 20, "inputs": rows, "basis": bases, "rest": 0.05, "rest_error": 0.1},
        "indices": {
            "points": 400,
            "histories": 4,
            "quantities": [{**quantity, "kind": "count", "name": "boats"}, {**quantity, "kind": "time", "name": "war"}],
        },
        "ablation": {"probability": 0.16, "rows": [{**row, "error": 0.01} for row in mechanisms]},
    }


def test_shares_of_the_log_odds_are_bars_with_their_errors() -> None:
    figure = sensitivity.log_odds(data())
    ax = figure.axes[1]
    widths = [bar.get_width() for bar in ax.patches]  # type: ignore[attr-defined]
    assert widths == pytest.approx([0.5, 0.25, 0.5 / 3, 0.45, 0.45, 0.05])
    [whiskers] = ax.collections
    ends = np.array([np.asarray(path.vertices)[:, 0] for path in whiskers.get_paths()])
    assert np.diff(ends, axis=1)[:, 0] == pytest.approx([0.1, 0.1, 0.1, 0.12, 0.12, 0.2])
    told = [text.get_text() for text in figure.axes[0].texts[::2]]
    assert told == ["input 0", "input 1", "input 2", "all judgement", "all data", "several at once"]
    assert overlaps(figure) == []
    text = texts(figure).replace("\n", " ")
    for part in ("Log-odds of: a strike by 16 May 2026", "orange: judgement, blue: data", "2,000 simulated histories"):
        assert part in text


def test_first_and_total_indices_stand_beside_each_other_for_every_quantity() -> None:
    figure = sensitivity.indices(data())
    boats, war = figure.axes
    assert boats.get_title("left") == (
        "boats by 16 May 2026: the inputs explain 28 % of its variance, the rest is chance"
    )
    assert war.get_title("left").startswith("days to war, at most 180")
    widths = [bar.get_width() for bar in boats.patches]  # type: ignore[attr-defined]
    assert widths == pytest.approx([0.3, 0.5] * 5)
    assert [label.get_text() for label in boats.get_yticklabels()] == [
        "input 0", "input 1", "input 2", "all judgement", "all data",
    ]  # fmt: skip
    assert overlaps(figure) == []


def test_mechanisms_show_the_difference_that_they_make() -> None:
    figure = sensitivity.ablation(data())
    widths = [bar.get_width() for bar in figure.axes[1].patches]  # type: ignore[attr-defined]
    assert widths == pytest.approx([0.2, -0.1, 0.2 / 3])
    assert [text.get_text() for text in figure.axes[0].texts[:2]] == ["usa.decides, orders 0", "factor: × some x"]
    assert overlaps(figure) == []


def test_long_lists_are_cut_and_the_rest_is_counted(tmp_path: Path) -> None:
    many = data(23)
    for draw, left in (
        (sensitivity.log_odds, "11 further inputs with shorter bars not drawn"),
        (sensitivity.ablation, "7 further mechanisms with shorter bars not drawn"),
    ):
        figure = draw(many)
        assert left in texts(figure).replace("\n", " ")
        assert overlaps(figure) == []
    drawn = [save(sensitivity.indices(many), tmp_path / name, "indices") for name in ("one", "two")]
    assert [path.read_bytes() for path in drawn[0]] == [path.read_bytes() for path in drawn[1]]


def test_numbers_that_cannot_be_had_are_no_bars() -> None:
    none = data()
    for row in (*none["log_odds"]["inputs"], *none["log_odds"]["basis"]):
        row["share"] = row["error"] = None
    none["log_odds"]["rest"] = none["log_odds"]["rest_error"] = None
    widths = [bar.get_width() for bar in sensitivity.log_odds(none).axes[1].patches]  # type: ignore[attr-defined]
    assert widths == [0.0] * 6


def test_without_anything_to_show_nothing_is_drawn() -> None:
    nothing = data()
    nothing["log_odds"], nothing["indices"]["quantities"], nothing["ablation"]["rows"] = None, [], []
    for draw in (sensitivity.log_odds, sensitivity.indices, sensitivity.ablation):
        with pytest.raises(ValueError, match="nothing to draw"):
            draw(nothing)
