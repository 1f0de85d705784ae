"""Runs that have their histories in common simulate them once, and say what each would have said alone."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from sim.beliefs.record import NESTED
from sim.runs import past as past_module
from sim.runs import plan, store
from sim.runs.plan import play, surviving_inputs
from sim.runs.shorter import covering, shorter
from sim.scenario.reading import read_bytes
from sim.scenario.source import Source
from sim.studies import shared
from sim.studies.forecast import Result, forecast, task_of
from sim.studies.order import Order
from sim.studies.settings import Settings
from sim.studies.sweep import study as sweep
from sim.studies.sweep import together
from tests.runs import small
from tests.runs.test_past import CRISIS

REPO = Path(__file__).resolve().parents[2]
FAST: dict[str, Any] = {"replications": 600, "inputs": 20, "histories": 5, "chunk": 400, "executor": "serial"}
#: Every shot beyond the third meets a bound, and so may each push.
CAPPED = small.TEXT.replace("while: tension below 5", "while: shots below 3").replace(
    "weight: 3, then: {tension: +1}", "weight: 3, then: {tension: +1 capped}"
)
DAYS = (30, 60, 90)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of histories that the engines were given, call by call."""
    found: list[int] = []
    original = plan._simulated

    def counting(engine: Any, model: Any, asked: Any) -> Any:
        found.append(asked.size)
        return original(engine, model, asked)

    monkeypatch.setattr(plan, "_simulated", counting)
    return found


def forget(simulated: list[int]) -> None:
    simulated.clear()
    past_module._KEPT.clear()


def text_of(until: int, text: str = CRISIS) -> str:
    return text.replace("until: 120 days", f"until: {until} days")


def run(results: Path, text: str = CRISIS, **changes: Any) -> tuple[Result, list[str]]:
    said: list[str] = []
    found = forecast(small.scenario(text), Settings(**{**FAST, **changes}), results, say=said.append)
    return found, said


# --------------------------------------------------------------------------------------------- rows of a shorter run
@pytest.mark.parametrize("text", [CRISIS, CAPPED], ids=["memory", "bounds met"])
def test_rows_of_a_shorter_run_are_those_of_the_longer_up_to_its_end(text: str) -> None:
    tasks = [task_of(small.scenario(text_of(day, text)), Settings()) for day in (1, *DAYS)]
    longest, numbers = covering(tasks), np.arange(700, dtype=np.int64)
    inputs = surviving_inputs(longest, numbers)
    rows = play(longest, inputs, numbers, log=True)
    if text is CAPPED:
        assert (rows.saturations > 0).mean() > 0.1
    for task in tasks:
        found, alone = shorter(task, longest, rows, inputs, numbers), play(task, inputs, numbers)
        assert found.fingerprint() == alone.fingerprint()
        assert np.array_equal(found.fired, alone.fired)
    with pytest.raises(ValueError, match="not all among those that were seen"):
        shorter(replace(tasks[0], until=2, days=(2,)), longest, rows, inputs, numbers)


def test_without_a_log_events_are_those_of_the_longer_run() -> None:
    """A wrong answer would be taken for the right one, so what is left open is tested, too."""
    tasks = [task_of(small.scenario(text_of(day)), Settings()) for day in DAYS]
    longest, numbers = covering(tasks), np.arange(300, dtype=np.int64)
    rows = play(longest, numbers, numbers)
    found, alone = shorter(tasks[0], longest, rows, numbers, numbers), play(tasks[0], numbers, numbers)
    assert not np.array_equal(found.events, alone.events)
    assert np.array_equal(found.milestones, alone.milestones)


def test_only_tasks_with_the_same_histories_are_covered_by_one() -> None:
    task = task_of(small.scenario(), Settings())
    with pytest.raises(ValueError, match="share no histories"):
        covering([task, replace(task, seed=2)])


# ----------------------------------------------------------------------------------------------- what touches nothing
@pytest.mark.parametrize(
    ("old", "new"),
    [('says: "shots were fired"', 'says: "a shot was fired"'), ("outlet: A paper", "outlet: Another paper")],
    ids=["a sentence", "a source"],
)
def test_what_touches_no_history_simulates_nothing(tmp_path: Path, simulated: list[int], old: str, new: str) -> None:
    assert old in CRISIS
    first, _ = run(tmp_path)
    assert sum(simulated) > 600
    simulated.clear()
    second, said = run(tmp_path, CRISIS.replace(old, new))
    assert simulated == []
    assert said == [f"600 of 600 simulated histories were there already, in {first.folder.name}"]
    assert second.folder != first.folder
    assert second.summary["content_hash"] == first.summary["content_hash"]
    mine, others = (sorted((found.folder / "parts").iterdir()) for found in (second, first))
    assert len(mine) == 2
    assert all(one.samefile(other) for one, other in zip(mine, others, strict=True)), "no room on disk is taken twice"


def test_what_touches_the_histories_is_simulated(tmp_path: Path, simulated: list[int]) -> None:
    run(tmp_path)
    simulated.clear()
    _, said = run(tmp_path, CRISIS.replace("rate: 0.03 per d", "rate: 0.04 per d"))
    assert sum(simulated) > 600
    assert said == []


def test_a_nested_run_is_kept_and_not_believed_when_damaged(tmp_path: Path, simulated: list[int]) -> None:
    first, _ = run(tmp_path)
    simulated.clear()
    longer, _ = run(tmp_path, replications=650)
    assert 50 in simulated
    assert 100 not in simulated, "the nested run is there"
    path = first.folder / NESTED
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(bytes(data))
    again, _ = run(tmp_path, replications=800)
    assert again.outcomes["blows"]["range_low"] == longer.outcomes["blows"]["range_low"]


def test_a_folder_begun_before_histories_were_shared_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "begun", lambda task, identity, *_: (identity, "", {}))
    before, _ = run(tmp_path)
    manifest = store.read_manifest(before.folder)
    assert manifest is not None
    assert shared.KEY not in manifest
    monkeypatch.undo()
    assert run(tmp_path)[1] == ["this run was complete: shown, not computed again"]
    longer, said = run(tmp_path, replications=900)
    assert said == ["600 of 900 simulated histories were there already"]
    assert longer.summary == run(tmp_path / "fresh", replications=900)[0].summary


# ---------------------------------------------------------------------------------------------------------- deadlines
def job(results: Path, until: int, **changes: Any) -> sweep.Job:
    data = read_bytes(CRISIS.encode()).data
    study = {"name": "forecast", "figures": False}
    amounts = {key: value for key, value in {**FAST, **changes}.items() if key != "executor"}
    configuration = {
        "format": 1, "scenario": data, "study": study, "until": until, "run": amounts, "executor": "serial",
        "results": str(results),
    }  # fmt: skip
    return sweep.Job(configuration, {"until": until}, f"escalation until={until}", Source())


def test_deadlines_are_simulated_once_and_say_what_each_says_alone(
    tmp_path: Path, simulated: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    alone = {day: run(tmp_path / str(day), text_of(day))[0] for day in DAYS}
    forget(simulated)
    run(tmp_path / "longest", text_of(90))
    longest, met = sum(simulated), np.count_nonzero(alone[90].rows().column("saturations").to_numpy())
    forget(simulated)
    assert sweep.run([job(tmp_path / "swept", day) for day in DAYS], "escalation -m until=30,60,90") == 0
    assert longest <= sum(simulated) <= longest + 2 * met < 1.1 * longest, (
        "but for those that met a bound, the longest alone"
    )
    assert "were there already" not in capsys.readouterr().err
    for found in alone.values():
        swept = next((tmp_path / "swept").glob(f"small/{found.folder.name}*"), None)
        if swept is None:  # the end is written in the file here, and given on the command line there
            pytest.fail(f"{found.folder.name} was not made by the sweep")
        assert store.read_json(swept / "summary.json") == found.summary
        assert pq.read_table(swept / "curves.parquet").equals(pq.read_table(found.folder / "curves.parquet"))


def test_jobs_that_cannot_go_together_do_not(tmp_path: Path) -> None:
    def order(until: int, **changes: Any) -> Order:
        settings = Settings(**{**FAST, **changes})
        return Order({**job(tmp_path, until).configuration, "run": {}}, settings, None, "escalation")

    assert together.groups([order(30), None, order(60), order(60)]) == [[0, 2]]
    assert together.groups([order(30), order(60, seed=2), order(90, replications=10)]) == []
    assert together.groups([order(30, precision=0.1), order(60, precision=0.1)]) == []


def test_a_group_stopped_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [job(tmp_path, day, chunk=100) for day in (30, 60)]
    left, original = [7], store.write_part

    def stopped(*arguments: Any, **options: Any) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        original(*arguments, **options)

    monkeypatch.setattr(store, "write_part", stopped)
    with pytest.raises(KeyboardInterrupt):
        sweep.run(jobs, "escalation -m until=30,60")
    held = {path: path.stat().st_mtime_ns for path in tmp_path.glob("small/*/parts/part-*")}
    assert len(held) == 7, "one has four parts and the other three"
    left[0] = 5
    assert sweep.run(jobs, "escalation -m until=30,60") == 0
    assert left == [0]
    monkeypatch.undo()
    assert {path: path.stat().st_mtime_ns for path in held} == held
    assert capsys.readouterr().err == ""
    for day in (30, 60):
        alone, _ = run(tmp_path / "alone", text_of(day))
        assert store.read_json(tmp_path / "small" / alone.folder.name / "summary.json") == alone.summary


@pytest.mark.campaign
def test_a_sweep_killed_and_done_again_goes_on_from_what_was_done(tmp_path: Path) -> None:
    folder = tmp_path / "own" / "scenario"
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text(CRISIS, encoding="utf-8")
    asked = [
        sys.executable, "-m", "sim", "--config-dir", "own", "-m", "scenario=small", "until=30,60", "run.inputs=20",
        "run.histories=5", "run.replications=2000", "run.chunk=50", "executor=serial", "study.figures=false",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    process = subprocess.Popen(asked, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("results/small/*/parts/part-*"))) < 10:
        assert time.monotonic() < deadline, process.communicate()
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    held = {path: path.stat().st_mtime_ns for path in tmp_path.glob("results/small/*/parts/part-*")}
    done = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path: path.stat().st_mtime_ns for path in held} == held, "what was done is done again"
    for row in pq.read_table(tmp_path / done.stdout.splitlines()[-1] / "index.parquet").to_pylist():
        assert row["status"] == "done"
        alone, _ = run(tmp_path / "alone", text_of(row["until"]), replications=2_000)
        assert store.read_json(tmp_path / row["folder"] / "summary.json") == alone.summary


def test_a_task_is_known_by_what_decides_its_histories() -> None:
    task = task_of(small.scenario(CRISIS), Settings())
    same = task_of(
        small.scenario(CRISIS.replace("A small crisis", "Another name for it")), Settings(engine="reference")
    )
    others = [replace(task, seed=2), task_of(small.scenario(text_of(60)), Settings()), replace(task, past=None)]
    others += [replace(task, watched=task.watched[:1])]
    assert shared.histories(same) == shared.histories(task)
    assert len({shared.histories(one) for one in (task, *others)}) == 5
