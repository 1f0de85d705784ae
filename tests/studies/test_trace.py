"""A traced history is the one that the forecast counted, told in the scenario's words."""

import re
from pathlib import Path

import numpy as np
import pytest

from sim.runs.plan import Part, Task, simulate_part
from sim.scenario.build import build
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.studies.forecast import task_of
from sim.studies.settings import Settings
from sim.studies.trace import Line, merged, picture, replay, tell, write
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
    assert "goal: bargain – what North wants" in text or "goal: force – what North wants" in text
    assert re.search(
        r"^  pace: 1 per [\d.,]+ days \(10–90 %: 1 per 133 days to 1 per 12 days\) – used in “North pushes”$",
        text,
        re.M,
    )
    assert re.search(r"^  force x: [\d.]+ \(10–90 %: 1\.65 to 2\.85\) – used in “North pushes”$", text, re.M)
    assert "North pushes: a step further" in text
    assert "North strikes (struck: no → yes; shots: 0 → 1)" in text
    assert "→ strike: North has struck" in text
    assert "Outcome on 17 Mar 2026: blows (shots were fired)." in text


def test_what_is_due_on_a_date_is_told_on_that_date(scenario: Scenario, task: Task) -> None:
    text = tell(scenario, replay(scenario, task, 0), 0, 1)
    [speech] = [line for line in text if "North's leader speaks" in line]
    assert speech.startswith(" 1 Dec 2025")


def test_a_date_that_is_the_day_after_the_start_is_told_as_such() -> None:
    # Its time is 0, as is that of what holds at the start and of what happens at once.
    found = build(read_bytes(small.TEXT.replace("on: 2025-12-01", "on: 2025-11-18").encode()).data)
    history = replay(found, task_of(found, Settings()), 0)
    text = tell(found, history, 0, 1)
    [speech] = [line for line in text if "North's leader speaks" in line]
    assert history.lines[0].time == 0.0
    assert speech.startswith("18 Nov 2025")


def test_nothing_drawn_has_no_heading() -> None:
    plain = small.TEXT.replace("start: {drawn: {bargain: 0.7, force: 0.3}}", "start: bargain")
    plain = plain.replace("lognormal: {median: 1 per 40 d, p90: 1 per 12 d}", "value: 1 per 40 d")
    plain = plain.replace("uniform: [1.5, 3]", "value: 2")
    found = build(read_bytes(plain.encode()).data)
    assert not [line for line in tell(found, replay(found, task_of(found, Settings()), 0), 0, 1) if "Drawn" in line]


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
    assert not (folder / "history-6.svg").exists()


def test_the_timeline_lies_beside_the_text_unless_unwanted(scenario: Scenario, tmp_path: Path) -> None:
    _, folder = write(scenario, Settings(replication=5), tmp_path)
    assert {path.name for path in folder.glob("history-*")} == {"history-5.txt", "history-5.svg", "history-5.png"}
    write(scenario, Settings(replication=6), tmp_path, figures=False)
    assert [path.name for path in folder.glob("history-6*")] == ["history-6.txt"]


def test_a_picture_holds_every_event_with_its_actor(scenario: Scenario, task: Task) -> None:
    number = with_a_strike(task)
    history = replay(scenario, task, number)
    data = picture(scenario, history, number, 1)
    lanes = {lane["label"]: lane["events"] for lane in data["lanes"]}
    assert sum(map(len, lanes.values())) == history.rows.events[0]
    assert any(event["says"] == "North strikes" and "strike" in event["reached"] for event in lanes["North"])
    assert all(event["says"].startswith("South") for event in lanes["South"])


def test_the_rung_of_a_picture_is_the_one_counted(scenario: Scenario, task: Task) -> None:
    counted = np.zeros((task.until + 1, 3), dtype=np.int64)
    for number in range(30):
        steps = replay(scenario, task, number).steps
        for day in range(task.until + 1):
            counted[day, [rung for time, rung in steps if time <= day][-1]] += 1
    rows = simulate_part(task, Part(0, 0, 30))
    assert np.array_equal(counted, rows.occupancy[0])


def test_of_several_events_at_one_instant_only_the_last_is_seen() -> None:
    # The strike goes to the highest rung and counts as a milestone; what follows at once is back on the lowest.
    hides = f"""\
  south.hides:
    says: South hides its ships
    when: struck and shots is 1
    then: {{struck: no, tension: 0, shots: 2}}
    {small.BASIS}
milestones:
"""
    scenario = small.scenario(small.TEXT.replace("milestones:\n", hides))
    task = task_of(scenario, Settings())
    history = replay(scenario, task, with_a_strike(task))
    [strike] = [place for place, line in enumerate(history.events) if "strike" in line.reached]
    struck, hidden = history.events[strike - 1 : strike + 1]
    assert (struck.says, struck.reached) == ("North strikes", ())
    assert (hidden.says, hidden.reached) == ("South hides its ships", ("strike",))
    assert struck.time == hidden.time
    assert [rung for time, rung in history.steps if time == struck.time] == [0]
    times = [time for time, _ in history.steps]
    assert times == sorted(set(times))


def test_what_fades_is_said_once() -> None:
    fading = small.TEXT.replace("start: 0, meaning: shots", "start: 3, fades: {half_life: 20 d}, meaning: shots")
    scenario = small.scenario(fading)
    history = replay(scenario, task_of(scenario, Settings()), 1)
    assert history.faded["shots"] >= 3
    told = sum(line.count for line in history.lines) + sum(history.faded.values())
    assert told == history.rows.events[0]
    text = tell(scenario, history, 1, 1)
    [line] = [line for line in text if line.startswith("Not told")]
    assert line == f"Not told: shots (shots fired) faded by one, {history.faded['shots']} times."
    assert picture(scenario, history, 1, 1)["faded"] == line
