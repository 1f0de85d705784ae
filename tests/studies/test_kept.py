"""The folder of a study: what is shown, what is computed, and what a run that was stopped leaves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.runs import store
from sim.studies.kept import kept
from sim.studies.settings import CheckError

Data = dict[str, Any]


def summary(replications: int) -> Data:
    said = {"format": store.FORMAT, "study": "tornado", "scenario": "small", "as_of": "2025-11-17", "seed": 1}
    return {**said, "replications": replications, "probability": replications / 7}


def no_summary(replications: int) -> Data:
    raise AssertionError(f"computed from {replications} histories")


def asked(
    folder: Path,
    replications: int,
    compute: Callable[[int], Data] = summary,
    table: Callable[[Data], bytes] = lambda data: str(data["replications"]).encode(),
    *,
    again: bool = False,
) -> Data:
    made = {"configuration": "c0ffee", "command": "escalation study=tornado"}
    return kept(folder, made, replications, compute, table, again=again)


def manifest(folder: Path) -> Data:
    found: Data = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found


def test_a_complete_one_is_shown_unless_more_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(tmp_path, 400) == summary(400)
    assert capsys.readouterr().err == ""
    for fewer in (400, 300):
        assert asked(tmp_path, fewer, no_summary) == summary(400)
        assert capsys.readouterr().err == "this run was complete: shown, not computed again\n"
    assert manifest(tmp_path)["configuration"] == "c0ffee"
    assert asked(tmp_path, 500) == summary(500)
    assert manifest(tmp_path)["replications"] == 500
    assert (tmp_path / "tornado.parquet").read_bytes() == b"500"


def test_again_takes_as_many_histories_as_there_are(tmp_path: Path) -> None:
    asked(tmp_path, 400)
    for replications in (300, 400, 500):
        assert asked(tmp_path, replications, again=True) == summary(400)
    with pytest.raises(CheckError, match="computed again, the numbers differ"):
        asked(tmp_path, 400, lambda n: {**summary(n), "probability": 0.5}, again=True)
    assert asked(tmp_path, 400, no_summary) == summary(400), "what was there is kept"


def test_figures_of_other_numbers_go(tmp_path: Path) -> None:
    asked(tmp_path, 400)
    for name in ("tornado.png", "tornado.svg", "mine.png"):
        store.write_whole(tmp_path / "figures" / name, b"")
    asked(tmp_path, 400)
    assert len(list((tmp_path / "figures").iterdir())) == 3
    asked(tmp_path, 500)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["mine.png"]


def test_what_was_stopped_or_of_another_format_is_done_again(tmp_path: Path) -> None:
    def stopped(_: Data) -> bytes:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        asked(tmp_path, 400, table=stopped)
    assert manifest(tmp_path)["complete"] is False
    assert asked(tmp_path, 300) == summary(300)
    assert manifest(tmp_path)["complete"] is True
    store.write_json(tmp_path / "summary.json", {**summary(400), "format": store.FORMAT + 1})
    assert asked(tmp_path, 300) == summary(300)
