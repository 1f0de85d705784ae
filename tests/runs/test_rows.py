"""Rows of a stored run are read part by part, and no further than asked."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.runs import rows
from sim.runs.store import RunError
from sim.studies.forecast import Result, forecast
from sim.studies.settings import Settings
from tests.runs import small

NAMES = ["replication", "milestone.strike", "outcome.end", "state.shots"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    settings = Settings(replications=1_500, inputs=20, histories=5, chunk=400)
    return forecast(small.scenario(), settings, tmp_path_factory.mktemp("rows"))


def test_the_first_rows_are_a_beginning_of_all(run: Result) -> None:
    table = run.rows()
    whole = rows.read(run.folder, NAMES)
    assert list(whole) == NAMES
    assert whole["replication"].tolist() == list(range(1_500))
    assert whole["outcome.end"].tolist() == table["outcome.end"].to_pylist()
    times = [math.inf if time is None else time for time in table["milestone.strike"].to_pylist()]
    assert whole["milestone.strike"].tolist() == times
    assert math.inf in times
    for most, read in ((0, 0), (1, 1), (400, 400), (401, 401), (1_500, 1_500), (9_999, 1_500)):
        if most:
            first = rows.read(run.folder, NAMES, most)
            assert all(np.array_equal(first[name], whole[name][:read]) for name in NAMES)
        assert sum(part.num_rows for part in rows.tables(run.folder, NAMES, most)) == read


def test_no_more_is_read_than_it_takes(run: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    read_bytes = Path.read_bytes

    def watched(path: Path) -> bytes:
        opened.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", watched)
    rows.read(run.folder, ["end"], 400)
    assert opened == ["part-00000.parquet"]
    for count, _ in enumerate(rows.tables(run.folder, ["end"]), 2):
        assert len(opened) == count, "one at a time"
    assert count == 5


def test_parts_come_in_the_order_of_their_numbers(run: Result, tmp_path: Path) -> None:
    """Numbers have five digits, and six from the hundred-thousandth part on."""
    (tmp_path / "parts").mkdir()
    names = ("part-00009.parquet", "part-99999.parquet", "part-100000.parquet", "part-100001.parquet")
    for name, path in zip(names, sorted((run.folder / "parts").iterdir()), strict=True):
        (tmp_path / "parts" / name).write_bytes(path.read_bytes())
    found: dict[str, Any] = rows.read(tmp_path, ["replication"])
    assert found["replication"].tolist() == list(range(1_500))


def test_a_run_without_its_parts_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the parts of this run are missing; run the forecast again"):
        rows.read(tmp_path, ["end"])
