"""Files are whole or not there; a configuration's hash covers what decides the numbers."""

import datetime
import json
from pathlib import Path

import pytest

from sim.runs import store


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
