"""The figure of ways: a box for each beginning that ways share, a bar for each way, nothing over anything else."""

from typing import Any

import pytest
from matplotlib.patches import Rectangle

from sim.figures.sheets import paths
from tests.figures.looks import outside, overlaps, texts


def way(share: float, *steps: str) -> dict[str, Any]:
    return {
        "steps": [step.split("+") for step in steps],
        "words": " → ".join(steps),
        "histories": round(1_000 * share),
        "share": share,
        "days": [10.0 * (i + 1) for i in range(len(steps))],
    }


def outcome(name: str, *ways: dict[str, Any], other: float = 0.0) -> dict[str, Any]:
    return {
        "name": name,
        "says": "a sentence",
        "share": 0.5 if ways else 0.0,
        "paths": list(ways),
        "other": {"histories": round(1_000 * other), "share": other, "paths": 7 if other else 0},
    }


def data(*outcomes: dict[str, Any]) -> dict[str, Any]:
    head = {"title": "A crisis", "as_of": "2025-11-17", "seed": 1, "replications": 2_000, "background": ["alarm"]}
    return {**head, "outcomes": list(outcomes)}


def test_ways_that_begin_alike_share_their_first_boxes() -> None:
    war = outcome("war", way(0.4, "a", "b"), way(0.3, "c"), way(0.2, "a", "d+e"), other=0.1)
    figure = paths.draw(data(war, outcome("never_seen")))
    (ax,) = figure.axes
    boxes = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    bars = [box for box in boxes if box.get_x() > paths.WIDTH - paths.BAR - 1]
    assert [bar.get_width() / paths.BAR for bar in bars] == pytest.approx([0.4, 0.2, 0.3, 0.1])
    assert len(boxes) - len(bars) == 4  # a once, for two ways; b, d + e, c
    tall = max(boxes, key=lambda box: box.get_height())
    assert tall.get_height() == pytest.approx(2 * paths.ROW - 0.06)
    told = texts(figure)
    for words in ("day 20: d + e", "day 10: c", "7 other ways", "in 2,000 histories: never seen", "reach it: alarm"):
        assert words in told
    assert ": a\n" not in told  # a box of two ways has no one day
    assert (overlaps(figure), outside(figure)) == ([], [])


def test_long_ways_and_long_names_fit() -> None:
    long = [f"step_{i}_{'long_' * 12}name" for i in range(9)]
    named = outcome("an_outcome_with_" + "a_long_" * 8 + "name", way(0.6, *long), way(0.4))
    figure = paths.draw(data(named, outcome("b", way(1.0, "الأزمة"))))
    told = texts(figure)
    assert "… 4 more …" in told
    assert "day 90:" in told
    assert "day 50:" not in told
    assert "no milestone" in told
    assert (overlaps(figure), outside(figure)) == ([], [])


def test_the_most_frequent_beginning_stands_first() -> None:
    ways = [way(0.3, "c"), way(0.25, "a", "b"), way(0.2, "a"), way(0.1)]
    assert [one["words"] for one in paths.grouped(ways)] == ["", "a", "a → b", "c"]
    figure = paths.draw(data(outcome("quiet", *ways)))
    assert texts(figure).count("nothing more") == 1  # a box goes on below, for the way that does not end there


def test_without_an_outcome_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="no outcome was seen"):
        paths.draw(data(outcome("never")))
