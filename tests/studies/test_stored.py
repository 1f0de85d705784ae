"""Runs in the results folder: which there are, one of them again, and how two differ."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.runs import store
from sim.runs.store import RunError
from sim.statistics.shown import with_range
from sim.studies import command, stored, table
from sim.studies import diff as diff_study
from sim.studies import list as list_study
from sim.studies import show as show_study
from sim.studies.forecast import Result, forecast
from sim.studies.settings import SettingError, Settings
from tests.runs import small

SETTINGS = {"replications": 400, "inputs": 20, "histories": 10, "chunk": 150}
LATER = small.TEXT.replace("as_of: 2025-11-17", "as_of: 2025-11-27").replace("until: 120 days", "until: 110 days")


def made(results: Path, text: str = small.TEXT, **settings: Any) -> Result:
    return forecast(small.scenario(text), Settings(**{**SETTINGS, **settings}), results, command="escalation x")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Result]]:
    results = tmp_path_factory.mktemp("results")
    other = small.TEXT.replace("rate: 0.03 per d", "rate: 0.06 per d")
    return results, {
        "a": made(results),
        "b": made(results, other),
        "seed": made(results, seed=2),
        "later": made(results, LATER),
    }


def order(results: Path, study: str, **settings: Any) -> tuple[Any, Any]:
    run = settings.pop("run", {})
    configuration = {
        "format": 1,
        "scenario": {},
        "study": {"name": study, **settings},
        "run": run,
        "results": str(results),
    }
    return command.prepared(configuration, "escalation")


def answered(results: Path, study: str, capsys: pytest.CaptureFixture[str], **settings: Any) -> str:
    module, asked = order(results, study, **settings)
    assert module.answer(asked) == 0
    return " ".join(capsys.readouterr().out.split())


# ----------------------------------------------------------------------------------------------------------- list
def test_the_list_has_every_run_with_its_headline(
    shelf: tuple[Path, dict[str, Result]], capsys: pytest.CaptureFixture[str]
) -> None:
    results, runs = shelf
    found = stored.runs(results)
    assert [run.name for run in found] == sorted(f"small/{one.folder.name}" for one in runs.values())
    assert all(run.complete for run in found)
    text = answered(results, "list", capsys)
    five = runs["a"].milestones["strike"]["by"]["120"]
    assert f"strike by 17 Mar 2026: {with_range(five['probability'], five['range_low'], five['range_high'])}" in text
    assert "4 runs, 0 damaged." in text
    assert text.endswith(str(results))


def damaged(folder: Path, how: str) -> None:
    part = folder / "parts" / "part-00001.parquet"
    if how == "one bit":
        data = part.read_bytes()
        part.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif how == "part gone":
        part.unlink()
    elif how == "manifest":
        (folder / "manifest.json").write_text("{", encoding="utf-8")
    elif how == "no manifest":
        (folder / "manifest.json").unlink()
    elif how == "summary":
        (folder / "summary.json").write_text("{", encoding="utf-8")
    else:
        manifest = store.read_manifest(folder)
        assert manifest is not None
        store.write_json(folder / "manifest.json", {**manifest, **json.loads(how)})


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("one bit", "part-00001.parquet missing or damaged"),
        ("part gone", "part-00001.parquet missing or damaged"),
        ("manifest", "its manifest.json cannot be read"),
        ("no manifest", "it has no manifest.json"),
        ("summary", "its summary.json cannot be read"),
        ('{"format": 7}', "format 7; this program reads 1"),
    ],
)
def test_damaged_runs_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str, said: str) -> None:
    folder = made(tmp_path).folder
    damaged(folder, how)
    [found] = stored.runs(tmp_path)
    assert (found.damage, found.complete) == (said, False)
    text = answered(tmp_path, "list", capsys)
    assert f"small/{folder.name}: {said}" in text
    assert "1 run, 1 damaged" in text
    if how == "one bit":
        assert stored.read(folder, thorough=False).complete  # nobody looked


def test_a_run_that_has_not_ended_is_not_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made(tmp_path).folder
    damaged(folder, '{"complete": false}')
    text = answered(tmp_path, "list", capsys)
    assert "not complete" in text
    assert "1 run, 0 damaged; 1 not complete: the same command goes on from there." in text
    with pytest.raises(RunError, match="it has not ended; its command goes on: escalation x"):
        show_study.show(stored.read(folder))


def test_other_folders_are_no_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ledger/records", "gallery/x", "small/notes"):
        (tmp_path / name).mkdir(parents=True)
    assert stored.runs(tmp_path) == []
    answered(tmp_path, "list", capsys)
    assert answered(tmp_path / "nowhere", "list", capsys) == str(tmp_path / "nowhere")


# ----------------------------------------------------------------------------------------------------------- show
def test_a_run_is_shown_as_it_was_without_simulating(
    shelf: tuple[Path, dict[str, Result]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    results, runs = shelf
    stream = StringIO()
    table.show(runs["a"].summary, table.console(stream))
    monkeypatch.setattr("sim.studies.forecast.run_parts", None)  # calling it would raise
    for said in (str(runs["a"].folder), f"small/{runs['a'].folder.name}", runs["a"].folder.name[:-2]):
        text = answered(results, "show", capsys, run=said)
        assert text == f"{' '.join(stream.getvalue().split())} {runs['a'].folder}"


def test_every_study_with_a_table_is_known() -> None:
    folder = Path(show_study.__file__).parent
    there = {path.parent.name for path in folder.glob("*/table.py")} - {"sweep"}  # an index is not a run
    assert there == set(show_study.TABLES)


@pytest.mark.parametrize("said", ["nix", "", "  ", "forecast-"])
def test_a_run_that_is_not_there_or_not_the_only_one_is_bad_input(
    shelf: tuple[Path, dict[str, Result]], said: str
) -> None:
    module, asked = order(shelf[0], "show", run=said)
    with pytest.raises(SettingError, match=r"no such run|4 runs begin so|give a run folder"):
        module.answer(asked)


# ----------------------------------------------------------------------------------------------------------- diff
def two(shelf: tuple[Path, dict[str, Result]], first: str, second: str) -> dict[str, Any]:
    return diff_study.differences(*(stored.read(shelf[1][name].folder) for name in (first, second)))


def test_a_run_does_not_differ_from_itself(shelf: tuple[Path, dict[str, Result]]) -> None:
    data = two(shelf, "a", "a")
    assert data["same"]
    for part in ("settings", "scenario", "in_force", "findings"):
        assert data[part] == []
    assert {event["difference"] for event in data["chances"]} == {0.0}


def test_what_was_changed_is_what_is_listed(shelf: tuple[Path, dict[str, Result]]) -> None:
    data = two(shelf, "a", "b")
    assert data["scenario"] == [("actions.south.yields.rate", "0.03 per d", "0.06 per d")]
    assert (data["settings"], data["findings"], data["same"]) == ([], [], False)
    assert two(shelf, "a", "seed")["settings"] == [("seed", "1", "2"), ("run.seed", "1", "2")]


def test_the_numbers_are_those_of_the_histories(shelf: tuple[Path, dict[str, Result]]) -> None:
    data = two(shelf, "a", "b")
    assert len(data["chances"]) == 3 * 3 + 3 * 3 + 1
    rows = [shelf[1][name].rows().column("milestone.strike").fill_null(np.inf).to_numpy() for name in ("a", "b")]
    for event in data["chances"]:
        if (event["kind"], event["name"]) == ("milestones", "strike"):
            day = {"2025-12-17": 30, "2026-02-15": 90, "2026-03-17": 120}[event["date"]]
            first, second = (row <= day for row in rows)
            assert event["chances"] == [first.mean(), second.mean()]
            assert event["difference"] == pytest.approx(second.mean() - first.mean())
            assert event["low"] < event["difference"] < event["high"]
            ends = shelf[1]["b"].milestones["strike"]["by"][str(day)]
            assert event["ranges"][1] == [ends["range_low"], ends["range_high"]]


def test_other_dates_are_compared_on_the_calendar(shelf: tuple[Path, dict[str, Result]]) -> None:
    data = two(shelf, "a", "later")
    assert data["dates"] == ["2025-12-17", "2025-12-27", "2026-02-15", "2026-02-25", "2026-03-17"]
    assert {event["date"] for event in data["chances"] if event["kind"] == "outcomes"} == {"2026-03-17"}
    rows = [shelf[1][name].rows().column("milestone.crisis").fill_null(np.inf).to_numpy() for name in ("a", "later")]
    [event] = [e for e in data["chances"] if (e["name"], e["date"]) == ("crisis", "2025-12-27")]
    assert event["chances"] == [(rows[0] <= 40).mean(), (rows[1] <= 30).mean()]
    assert ("as_of", "2025-11-17", "2025-11-27") in data["settings"]


def test_what_is_in_force_moves_with_the_date(tmp_path: Path) -> None:
    dated = "start: [{from: 2025-11-17, value: 1}, {from: 2025-11-20, value: 3}]"
    text = small.TEXT.replace("tension: {min: 0, max: 5, start: 1", f"tension: {{min: 0, max: 5, {dated}")
    text = text.replace(
        "findings:\n", "  two: {outlet: A paper, date: 2025-11-20}\nfindings:\n  2: {report: two, says: worse}\n"
    )
    text = text.replace("  1: it is all there is", "  1: it is all there is\n  2: nothing reads it")
    later = text.replace("as_of: 2025-11-17", "as_of: 2025-11-27")
    runs = [stored.read(made(tmp_path, one, replications=50).folder) for one in (text, later)]
    data = diff_study.differences(*runs)
    assert data["findings"] == [("2", None, "two: worse")]
    assert data["in_force"] == [("state.tension", "1", "3")]


def test_the_table_says_it_all(shelf: tuple[Path, dict[str, Result]], capsys: pytest.CaptureFixture[str]) -> None:
    results, runs = shelf
    text = answered(results, "diff", capsys, runs=[runs["a"].folder.name, runs["b"].folder.name])
    for part in ("actions.south.yields.rate", "0.03 per d", "Settings: no difference.", "strike (happened by then)"):
        assert part in text
    assert "over the 400 simulated histories that both have, pair by pair." in text
    assert "In brackets: 10–90 % range over the inputs" in text


def test_two_complete_forecasts_are_wanted(shelf: tuple[Path, dict[str, Result]], tmp_path: Path) -> None:
    for runs in (["a"], "a", ["a", "b", "c"]):
        module, asked = order(shelf[0], "diff", runs=runs)
        with pytest.raises(SettingError, match=r"give two runs"):
            module.answer(asked)
    folder = made(tmp_path).folder
    damaged(folder, "part gone")
    with pytest.raises(RunError, match="missing or damaged"):
        diff_study.differences(stored.read(folder), stored.read(shelf[1]["a"].folder))


def test_only_a_forecast_stops_by_precision(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"run\.precision: only study=forecast stops by it; study=list"):
        order(tmp_path, "list", run={"precision": 0.01})
    assert list_study.SETTINGS == ("check",)
