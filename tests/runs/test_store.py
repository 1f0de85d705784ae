"""Files are whole or not there; a configuration's hash covers what decides the numbers."""

import datetime
import errno
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.runs import store
from sim.runs.store import RunError
from sim.studies.forecast import forecast
from sim.studies.settings import Settings
from tests.runs import small


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sub" / "file.json"
    store.write_json(path, {"a": 1})

    def killed(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        store.write_json(path, {"a": 2})
    assert store.read_json(path) == {"a": 1}
    assert [entry.name for entry in path.parent.iterdir()] == ["file.json"]


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    left = [tmp_path / ".manifest.json.123.tmp", tmp_path / "parts" / ".part-00000.parquet.123.tmp"]
    kept = [tmp_path / "manifest.json", tmp_path / "parts" / "part-00000.parquet"]
    for path in left + kept:
        path.touch()
    store.remove_leftovers(tmp_path)
    assert [path.exists() for path in left + kept] == [False, False, True, True]


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_a_damaged_json_file_counts_as_missing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text, encoding="utf-8")
    assert store.read_manifest(tmp_path) is None


def test_equal_configurations_have_equal_hashes_and_others_not() -> None:
    one = {"seed": 1, "as_of": datetime.date(2025, 11, 17), "scenario": {"a": [1, 2.5, "x", None, True]}}
    assert store.configuration_hash(one) == store.configuration_hash(json.loads(json.dumps(one, default=str)))
    for other in ({**one, "seed": 2}, {**one, "scenario": {"a": [1, 2.5, "x", None, 1]}}, {**one, "more": 0}):
        assert store.configuration_hash(other) != store.configuration_hash(one)
    with pytest.raises(TypeError, match="cannot be hashed"):
        store.configuration_hash({"a": object()})


def test_two_configurations_never_share_a_folder(tmp_path: Path) -> None:
    first, second = "a" * 64, "a" * 8 + "b" * 56
    folder = store.run_folder(tmp_path, "small", "forecast", first)
    assert folder == tmp_path / "small" / "forecast-aaaaaaaa"
    store.write_json(folder / "manifest.json", {"configuration": first})
    assert store.run_folder(tmp_path, "small", "forecast", first) == folder
    assert store.run_folder(tmp_path, "small", "forecast", second).name == "forecast-aaaaaaaabbbb"


def test_the_name_is_forced_to_disk_after_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut may else leave a file that is whole, and that no folder names."""
    seen: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def heard(number: int) -> None:
        seen.append("folder" if os.path.isdir(f"/proc/self/fd/{number}") else "file")
        fsync(number)

    def renamed(self: Path, target: Path) -> Path:
        seen.append("rename")
        return replace(self, target)

    monkeypatch.setattr("os.fsync", heard)
    monkeypatch.setattr(Path, "replace", renamed)
    store.write_whole(tmp_path / "file", b"data")
    if os.path.isdir("/proc/self/fd"):
        assert seen == ["file", "rename", "folder"]


@pytest.mark.parametrize(("where", "code"), [("fsync", errno.ENOSPC), ("replace", errno.EIO)])
def test_a_disk_that_fails_at_any_write_stops_the_run_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, where: str
) -> None:
    """The error names the file, nothing is half written, and the same run goes on once the disk is well."""
    settings = Settings(replications=300, inputs=20, histories=5, chunk=100, executor="serial")
    undisturbed = forecast(small.scenario(), settings, tmp_path / "whole").summary
    holder: Any = os if where == "fsync" else Path
    original = getattr(holder, where)
    for k in (1, 5, 8):
        folder, calls = tmp_path / str(k), itertools.count(1)

        def failing(*arguments: Any, k: int = k, calls: Iterator[int] = calls) -> Any:
            if next(calls) == k:
                raise OSError(code, os.strerror(code))
            return original(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(holder, where, failing)
            with pytest.raises(RunError, match=os.strerror(code)) as found:
                forecast(small.scenario(), settings, folder)
        assert str(folder) in str(found.value)
        assert not list(folder.rglob("*.tmp"))
        for file in folder.rglob("*.json"):
            assert store.read_json(file) is not None
        assert forecast(small.scenario(), settings, folder).summary == undisturbed


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file/run: could not be written \(.*\); give another results=DIR"):
        store.write_whole(tmp_path / "file" / "run" / "x.json", b"")
