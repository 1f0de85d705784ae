"""What a run takes on disk is told before it begins, and a run without room is refused."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from sim.studies import shared, size
from sim.studies.forecast import forecast, task_of
from sim.studies.library import scenario_of
from sim.studies.settings import SettingError, Settings
from tests.runs import small

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes that are free on the disk."""
    left = [10**12]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2 * 10**12, 10**12, left[0]))
    return left


def test_the_estimate_is_near_what_a_run_takes(tmp_path: Path) -> None:
    for scenario in (small.scenario(), scenario_of("two_rivals")):
        found = forecast(scenario, Settings(replications=4_000, inputs=20, histories=5), tmp_path)
        told = 4_000 * size.on_disk(task_of(scenario, Settings()))
        assert 0.6 < shared.held(found.folder) / told < 1.5


def test_a_large_run_is_told_and_a_small_one_is_not(tmp_path: Path, free: list[int]) -> None:
    task = task_of(scenario_of("venezuela_2025"), Settings())
    large = Settings(replications=10**7)
    said = size.check(task, large, tmp_path)
    assert said == f"10,000,000 simulated histories will take about 3.1 GB under {tmp_path}; 1.0 TB are free"
    assert "up to about" in size.check(task, Settings(precision=0.001, most=10**7), tmp_path)
    assert size.check(task, Settings(), tmp_path) == ""
    assert size.check(task, large, tmp_path, held=3.1e9) == "", "what is there already takes no more"
    free[0] = 10**9
    with pytest.raises(
        SettingError, match=r"run\.replications: 10,000,000 simulated histories take about 3\.1 GB on disk"
    ):
        size.check(task, large, tmp_path)
    assert size.check(task, large, tmp_path, held=2.5e9)


def test_a_forecast_says_it_before_it_begins(tmp_path: Path, free: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "MUCH", 1e3)
    said: list[str] = []
    settings = Settings(replications=200, inputs=20, histories=5)
    forecast(small.scenario(), settings, tmp_path, say=said.append)
    assert len(said) == 1
    assert said[0].startswith("200 simulated histories will take about ")
    free[0] = 0
    with pytest.raises(SettingError, match="results=DIR takes another disk"):
        forecast(small.scenario(), Settings(replications=40_000, inputs=20, histories=5), tmp_path)
    assert len(list(tmp_path.glob("small/*/parts/*"))) == 1, "nothing was begun"
