"""The waterfall leads from the earlier chance to the later in steps of the right size, and says what it is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.figures.sheets import update
from sim.figures.style import save
from tests.figures.looks import overlaps, texts

Data = dict[str, Any]


def move(steps: dict[str, float], was: float = 0.15, items: int = 1, error: float = 0.004) -> Data:
    what = "by.strike"
    changed = [{"path": f"state.x_{i}", "was": "0", "now": "1", "says": f"x {i}: 0 → 1"} for i in range(items)]
    parts = [
        {"what": what, "group": name, "value": value, "error": error, "first_in": 0.9 * value, "last_in": 1.1 * value}
        for name, value in steps.items()
    ]
    change = sum(steps.values())
    return {
        **{"from": "2025-09-27", "to": "2025-11-17", "exact": True},
        "groups": [{"name": name, "items": [] if name == "passage_of_time" else changed} for name in steps],
        "changes": {what: {"was": was, "now": was + change, "difference": change, "error": 0.006}},
        "parts": [*parts, *({**part, "what": "settlement"} for part in parts)],
    }


DATA: Data = {
    **{"title": "A crisis", "milestone": "strike", "headline": "strike (somebody strikes) by 16 May 2026"},
    **{"by": "2026-05-16", "as_of": "2025-11-17", "replications": 2_000, "seed": 7},
}
STEPS = {"troops_k": 0.03, "passage_of_time": -0.045, "talks": 0.01, "nothing": 0.00001}


def test_steps_lead_from_the_earlier_chance_to_the_later() -> None:
    figure = update.draw(DATA, move(STEPS))
    left, ax = figure.axes
    bars = [(bar.get_x(), bar.get_width()) for bar in ax.patches]  # type: ignore[attr-defined]
    (start, *steps), end = [bars[0], *bars[2:]], bars[1]
    assert start == (0.0, pytest.approx(0.15))
    order = ["passage_of_time", "troops_k", "talks", "nothing"]  # the longest first
    level = 0.15
    for (x, width), name in zip(steps, order, strict=True):
        assert (x, width) == (pytest.approx(level), pytest.approx(STEPS[name]))
        level += STEPS[name]
    assert end == (0.0, pytest.approx(level))
    up, down = ax.patches[3].get_facecolor(), ax.patches[2].get_facecolor()
    assert up != down
    names = [text.get_text() for text in left.texts][::2]
    assert names == ["as of 27 Sep 2025", "passage of time", "troops k", "talks", "nothing", "as of 17 Nov 2025"]
    labels = [text.get_text() for text in ax.texts]
    assert labels[2:] == ["-4.5 ± 0.4", "+3.0 ± 0.4", "+1.0 ± 0.4", "0.0 ± 0.4"]
    assert labels[1].endswith(": -0.5 ± 0.6 in all")
    assert overlaps(figure) == []


def test_the_sampling_error_is_that_of_the_step() -> None:
    figure = update.draw(DATA, move({"a": 0.05, "b": -0.02}))
    drawn = [np.asarray(path.vertices)[:, 0] for lines in figure.axes[1].collections for path in lines.get_paths()]
    assert np.array(drawn) == pytest.approx(np.array([[0.196, 0.204], [0.176, 0.184]]))


def test_it_says_what_it_is() -> None:
    text = texts(update.draw(DATA, move(STEPS))).replace("\n", " ")
    for part in (
        "A crisis: what moved the answer",
        "Chance of: strike (somebody strikes) by 16 May 2026",
        "x 0: 0 → 1",
        "later start",
        "over all orders",
        "not causation",
        "95 % sampling error",
        "2,000 simulated histories, seed 7, as of 17 Nov 2025",
        "under assumptions",
    ):
        assert part in text
    assert "over random orders" in texts(update.draw(DATA, {**move(STEPS), "exact": False})).replace("\n", " ")


@pytest.mark.parametrize(
    "odd",
    [
        move({"passage_of_time": 0.0}, was=0.0, error=0.0),
        move({"all": 0.9}, was=0.1),
        move({"fall": -0.6, "rise": 0.1}, was=0.6),
        move({f"group_{i}": 0.01 for i in range(12)}, items=9),
    ],
)
def test_odd_moves_are_drawn(odd: Data, tmp_path: Path) -> None:
    figure = update.draw(DATA, odd)
    assert overlaps(figure) == []
    drawn = [save(update.draw(DATA, odd), tmp_path / name, "update") for name in ("one", "two")]
    assert [path.read_bytes() for path in drawn[0]] == [path.read_bytes() for path in drawn[1]]


def test_without_a_milestone_it_tells_of_what_moved_most() -> None:
    plain = move(STEPS)
    plain["changes"]["settlement"] = {"was": 0.5, "now": 0.1, "difference": -0.4, "error": 0.01}
    text = texts(update.draw({**DATA, "milestone": None, "headline": ""}, plain))
    assert "Chance of: settlement on 16 May 2026" in text
