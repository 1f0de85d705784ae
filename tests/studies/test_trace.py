"""A traced history is the one that the forecast counted, told in the scenario's words."""

from pathlib import Path

import numpy as np
import pytest

from sim.runs.plan import Part, Task, simulate_part
from sim.scenario.scenario import Scenario
from sim.studies.settings import Settings
from sim.studies.trace import Line, merged, replay, tell, write
from tests.runs import small


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return small.scenario()


@pytest.fixture(scope="module")
def task() -> Task:
    return small.task()


@pytest.mark.parametrize("number", [0, 7, 41, 123])
def test_a_trace_is_the_replication_of_the_run(scenario: Scenario, task: Task, number: int) -> None:
    rows = simulate_part(task, Part(0, 0, 200))
    mine = replay(scenario, task, number).rows
    assert np.array_equal(mine.milestones[:, 0], rows.milestones[:, number])
    assert np.array_equal(mine.state[:, 0], rows.state[:, number])
    assert np.array_equal(mine.inputs[:, 0], rows.inputs[:, number])
    assert mine.events[0] == rows.events[number]


def test_other_numbers_are_other_histories(scenario: Scenario, task: Task) -> None:
    assert replay(scenario, task, 7).rows.end != replay(scenario, task, 8).rows.end or (
        replay(scenario, task, 7).lines != replay(scenario, task, 8).lines
    )


def test_no_event_and_no_milestone_is_left_out(scenario: Scenario, task: Task) -> None:
    for number in range(40):
        history = replay(scenario, task, number)
        assert sum(line.count for line in history.lines) == history.rows.events[0]
        told = [name for line in history.lines for name in line.reached]
        reached = [
            name
            for name, time in zip(task.model.milestones, history.rows.milestones[:, 0], strict=True)
            if time < np.inf
        ]
        assert sorted(told) == sorted(reached)
        assert [line.time for line in history.lines] == sorted(line.time for line in history.lines)


def with_a_strike(task: Task) -> int:
    rows = simulate_part(task, Part(0, 0, 200))
    return int(np.flatnonzero(np.isfinite(rows.milestones[1]))[0])


def test_the_timeline_speaks_in_dates_sentences_and_words(scenario: Scenario, task: Task) -> None:
    number = with_a_strike(task)
    text = "\n".join(tell(scenario, replay(scenario, task, number), number, 1))
    assert text.startswith(f"A small crisis: simulated history {number} of seed 1, from 17 Nov 2025\n")
    assert "goal: bargain" in text or "goal: force" in text
    assert "pace: " in text
    assert " per day" in text
    assert "North pushes: a step further" in text
    assert "North strikes (struck: no → yes; shots: 0 → 1)" in text
    assert "→ strike: North has struck" in text
    assert "Outcome on 17 Mar 2026: blows (shots were fired)." in text


def test_what_is_due_on_a_date_is_told_on_that_date(scenario: Scenario, task: Task) -> None:
    text = tell(scenario, replay(scenario, task, 0), 0, 1)
    [speech] = [line for line in text if "North's leader speaks" in line]
    assert speech.startswith(" 1 Dec 2025")


def test_repetitions_are_told_once() -> None:
    lines = [
        Line(1.0, "a boat is struck", ((0, 1, 2),), (), 1, 1.0),
        Line(1.5, "", ((1, 6, 5),)),
        Line(2.0, "a boat is struck", ((0, 2, 3),), ("third",), 1, 2.0),
        Line(3.0, "a boat is struck", ((0, 3, 4),), (), 1, 3.0),
        Line(4.0, "he speaks", (), (), 1, 4.0),
        Line(5.0, "he speaks", ((0, 4, 5),), (), 1, 5.0),
    ]
    told = merged(lines)
    assert [(line.time, line.count, line.last) for line in told] == [
        (1.0, 2, 2.0),
        (3.0, 1, 3.0),
        (4.0, 1, 4.0),
        (5.0, 1, 5.0),
    ]
    assert told[0].changes == ((0, 1, 3),)
    assert told[0].reached == ("third",)


def test_the_text_is_kept(scenario: Scenario, tmp_path: Path) -> None:
    lines, folder = write(scenario, Settings(replication=5), tmp_path)
    assert folder.parent == tmp_path / "small"
    assert (folder / "history-5.txt").read_text(encoding="utf-8").splitlines() == lines
