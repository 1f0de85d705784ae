"""Runs that are killed at any moment end as if they had never been; two processes do not do the same run."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.runs import store
from sim.runs.store import RunError
from sim.studies.forecast import Result, forecast, load
from sim.studies.settings import Settings
from tests.runs import small

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork has no kill -9 either")
REPO = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, Any] = {
    "replications": 3_000, "inputs": 20, "histories": 20, "chunk": 100, "executor": "serial",
}  # fmt: skip
STOPPING: dict[str, Any] = {**SETTINGS, "precision": 0.03, "least": 250}


class Killer:
    """A process that starts forecasts and kills them."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.runs.killing"]
        self.process = subprocess.Popen(command, cwd=REPO, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.heard() == "ready"

    def heard(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def run(self, folder: Path, settings: dict[str, Any], after: float = 0.0) -> int:
        """How the forecast ended that was killed after so many seconds."""
        assert self.process.stdin is not None
        print(json.dumps([str(folder), settings, after]), file=self.process.stdin, flush=True)
        return int(self.heard())


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    found = Killer()
    yield found
    found.process.communicate(timeout=60)


def whole(folder: Path) -> Result:
    [run] = folder.glob("small/*")
    assert not list(run.rglob("*.tmp"))
    return load(run)


def killed_and_resumed(killer: Killer, folder: Path, settings: dict[str, Any], moments: int, seed: int) -> list[int]:
    """Kill a run at random moments of its life, each time in a folder of its own, and let it go on.

    Returns how many histories each had on disk when it was killed.
    """
    start = time.monotonic()
    assert killer.run(folder / "whole", settings) == 0
    lasts = time.monotonic() - start
    undisturbed = whole(folder / "whole")
    moment, left = random.Random(seed), []
    for number in range(moments):
        place = folder / str(number)
        code = killer.run(place, settings, moment.uniform(0.01, 1.0) * lasts)
        assert code in (-9, 0)
        left.append(sum(100 for _ in place.glob("small/*/parts/part-*")))
        for file in place.glob("small/*/*.json"):
            assert store.read_json(file) is not None, f"{file.name} was half written"
        assert killer.run(place, settings) == 0
        found = whole(place)
        assert found.summary == undisturbed.summary
        assert found.rows().equals(undisturbed.rows())
    return left


def test_a_run_killed_at_any_moment_goes_on_and_ends_equal(killer: Killer, tmp_path: Path) -> None:
    killed_and_resumed(killer, tmp_path, SETTINGS, 4, seed=3)


def test_a_run_by_precision_killed_at_any_moment_goes_on_and_ends_equal(killer: Killer, tmp_path: Path) -> None:
    killed_and_resumed(killer, tmp_path, STOPPING, 2, seed=4)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("executor", ["processes", "dask"])
def test_twenty_moments_with_other_executors(killer: Killer, tmp_path: Path, executor: str) -> None:
    """The one that is killed is the parent; its workers may write on for a while."""
    if executor == "dask":
        pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    left = killed_and_resumed(killer, tmp_path, {**SETTINGS, "executor": executor}, 20, seed=6)
    print(f"{executor}: histories on disk when killed: {sorted(left)}")
    assert len(set(left)) > 3, "they were all killed at the same moment"


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("settings", [SETTINGS, STOPPING], ids=["number", "precision"])
def test_a_hundred_moments(killer: Killer, tmp_path: Path, settings: dict[str, Any]) -> None:
    left = killed_and_resumed(killer, tmp_path, settings, 100, seed=5)
    print(f"histories on disk when killed: {sorted(left)}")
    assert len(set(left)) > 5, "they were all killed at the same moment"


def test_one_of_two_processes_does_the_run(tmp_path: Path) -> None:
    settings = Settings(**{**SETTINGS, "replications": 300})
    done = forecast(small.scenario(), settings, tmp_path)
    longer = Settings(**{**SETTINGS, "replications": 400})
    with store.alone(done.folder):  # each opening of the file is a party of its own
        with pytest.raises(RunError, match=rf"another process \(number {os.getpid()}\) is at work on this run; wait"):
            forecast(small.scenario(), longer, tmp_path)
        # What is complete can be looked at all the same.
        assert forecast(small.scenario(), settings, tmp_path).summary == done.summary
    assert forecast(small.scenario(), longer, tmp_path).summary["replications"] == 400


def test_a_killed_process_keeps_nobody_off(killer: Killer, tmp_path: Path) -> None:
    slow = {**SETTINGS, "replications": 200_000}
    assert killer.run(tmp_path, slow, 0.5) == -9
    assert [path.name for path in tmp_path.glob("small/*/.lock")] == [".lock"]
    assert killer.run(tmp_path, {**SETTINGS, "replications": 100}) == 0


def test_the_second_of_two_finds_what_the_first_has_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It came while the first was at work, and had its turn when that had ended."""
    settings = Settings(**{**SETTINGS, "replications": 300})
    done = forecast(small.scenario(), settings, tmp_path)
    seen: Iterator[None] = iter([None])

    def late(folder: Path, _: store.Identity) -> dict[str, Any] | None:
        return next(seen, store.read_manifest(folder))

    said: list[str] = []
    monkeypatch.setattr("sim.studies.forecast.run_parts", None)  # calling it would raise
    monkeypatch.setattr("sim.studies.forecast._same_run", late)
    found = forecast(small.scenario(), settings, tmp_path, say=said.append)
    assert said == ["this run was complete: shown, not computed again"]
    assert found.summary == done.summary
