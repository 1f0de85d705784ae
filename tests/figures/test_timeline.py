"""The timeline of one history: every event is there, labels do not cover one another, milestones are marked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.figures.sheets import timeline
from sim.figures.style import VERMILION, save
from tests.figures.looks import outside, overlaps, texts


def event(time: float, says: str, *reached: str) -> dict[str, Any]:
    return {"time": time, "says": says, "reached": list(reached)}


def data(lanes: dict[str, list[dict[str, Any]]], **more: Any) -> dict[str, Any]:
    head = {"title": "A crisis", "as_of": "2025-11-17", "until_days": 120, "days": {"30": "", "90": "", "120": ""}}
    head |= {"seed": 3, "replication": 977, "end": 120.0, "outcome": "Outcome on 17 Mar 2026: quarrel (neither)."}
    rungs = {"rungs": ["quarrel", "crisis", "blows"], "steps": [(0.0, 0), (20.0, 1), (50.5, 2)], "faded": ""}
    return {**head, **rungs, "lanes": [{"label": name, "events": events} for name, events in lanes.items()], **more}


CROWD = {
    "North": [event(0.4 * i, f"North does thing number {i} and says so at some length") for i in range(1, 300)],
    "South": [event(2.0 * i, "South complains") for i in range(1, 60)],
    "East": [event(119.9 - 0.1 * i, f"at the very end {i}", "peace" if i == 3 else f"m{i}") for i in range(6)],
    "West": [event(40.0, f"all at once {i}") for i in range(12)],
}


def strokes(figure: Any) -> list[list[float]]:
    """Times of the strokes of each lane, top lane first."""
    ax = figure.axes[0]
    found: dict[float, list[float]] = {}
    for lines in ax.collections:
        for path in lines.get_paths():
            (x, low), (_, high) = np.asarray(path.vertices)[:2]
            if high - low == pytest.approx(0.1) and lines.get_linewidths()[0] == 0.9:
                found.setdefault(round((low + high) / 2, 6), []).append(float(x))
    start = float(np.datetime64("2025-11-17").astype(int))
    return [sorted(x - start for x in found[line]) for line in sorted(found, reverse=True)]


def test_every_event_is_a_stroke_in_the_lane_of_its_actor() -> None:
    lanes = strokes(timeline.draw(data(CROWD)))
    assert [len(lane) for lane in lanes] == [299, 59, 6, 12]
    assert lanes[0] == pytest.approx([0.4 * i for i in range(1, 300)])


def test_labels_are_few_and_apart() -> None:
    figure = timeline.draw(data(CROWD))
    assert overlaps(figure) == []
    assert outside(figure) == []
    labels = [text for text in figure.axes[0].texts if text.get_fontsize() == timeline.TYPE]
    assert 10 <= len(labels) <= timeline.LABELS
    text = texts(figure)
    assert "South complains (59 times)" in text.replace("\n", " ")
    assert f"376 events, {len(labels)} of them labelled" in text.replace("\n", " ")


def test_no_line_runs_through_a_label() -> None:
    span = timeline.WIDTH - timeline.LEFT - timeline.RIGHT
    generator = np.random.default_rng(5)
    for _ in range(30):
        at = sorted(generator.uniform(0, span, 14).tolist())
        labels = [timeline.Label(x, "a label of\nsome length", reached=False, weight=(1, 1, x)) for x in at]
        placed = timeline.place(labels, span)
        assert len(placed) >= 10
        for one in placed:
            assert one.left >= 0
            assert one.right <= span + timeline.RIGHT
            for other in placed:
                if other is not one:
                    assert not (one.row == other.row and one.left < other.right and other.left < one.right)
                    assert not (other.row < one.row and other.left < one.label.at < other.right)


def test_the_weightiest_labels_stay_where_there_is_no_room() -> None:
    labels = [timeline.Label(5.0, "x" * 40, reached=i == 29, weight=(i != 29, 1, i)) for i in range(30)]
    placed = timeline.place(labels, 10.0)
    assert 0 < len(placed) <= 2 * timeline.ROWS
    assert any(one.label.reached for one in placed)


def test_milestones_are_marked_and_named() -> None:
    figure = timeline.draw(data({"North": [event(3.0, "pushes"), event(9.5, "strikes", "first_strike", "strike")]}))
    marks = [line for line in figure.axes[0].get_lines() if line.get_marker() == "D"]
    assert [line.get_markerfacecolor() for line in marks] == [VERMILION]
    assert np.asarray(marks[0].get_xdata(), dtype="datetime64[h]").tolist() == [
        np.datetime64("2025-11-26T12", "h").item()
    ]
    assert "◆ first strike\n◆ strike\nstrikes" in texts(figure)


def test_it_says_that_it_is_invented() -> None:
    figure = timeline.draw(data({"North": [event(3.0, "pushes")]}, faded="Not told: tension faded by one, 3 times."))
    text = texts(figure).replace("\n", " ")
    assert "A crisis: one of many histories, invented" in text
    assert "Simulated history 977 of seed 3, from 17 Nov 2025. Outcome on 17 Mar 2026: quarrel (neither)." in text
    assert "1 event, 1 of them labelled" in text
    assert "Not told: tension faded by one, 3 times." in text
    assert "no more likely than the others" in text


def test_rungs_are_steps_and_grey_follows_the_end() -> None:
    figure = timeline.draw(data({"North": [event(3.0, "pushes")]}, end=60.5))
    ladder = figure.axes[1]
    drawn = [(bar.get_x(), bar.get_width(), round(bar.get_y() + bar.get_height() / 2)) for bar in ladder.containers[0]]
    assert len(ladder.containers) == 3
    assert drawn[0][1:] == (20.0, 0)
    assert [label.get_text() for label in ladder.get_yticklabels()] == ["quarrel", "crisis", "blows"]
    assert "Grey: the history is over" in texts(figure).replace("\n", " ")
    assert "Grey" not in texts(timeline.draw(data({"North": [event(3.0, "pushes")]})))


@pytest.mark.parametrize(
    "lanes",
    [
        {},
        {"North": []},
        {"国境": [event(1.0, "国境をめぐる対立 " * 9, "战争")]},
        {"לבן": [event(119.9, "עימות\u202e על הגבול")]},
    ],
)
def test_odd_histories_are_drawn(lanes: dict[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    for bare in (False, True):
        given = data(lanes, **({"rungs": [], "steps": []} if bare else {}))
        first, second = (save(timeline.draw(given), tmp_path / name, "history-1") for name in ("one", "two"))
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
        assert overlaps(timeline.draw(given)) == []
