"""The forecast: what its summary says, what its folder holds, and what a second run of it does."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim
from sim.runs import store
from sim.runs.store import RunError
from sim.statistics.intervals import quantile, wilson
from sim.statistics.shown import with_range
from sim.studies import table
from sim.studies.forecast import Result, forecast, load
from sim.studies.settings import CheckError, SettingError, Settings, read_settings
from sim.studies.summary import days_shown
from tests.runs import small

FIVE = {"probability", "low", "high", "range_low", "range_high"}
SETTINGS = Settings(replications=2_000, inputs=60, histories=40, chunk=700)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return forecast(small.scenario(), SETTINGS, tmp_path_factory.mktemp("results"), command="escalation")


def fives(summary: dict[str, Any]) -> Iterator[dict[str, float]]:
    for by in summary["outcomes_by"].values():
        yield from by.values()
    yield from summary["flags"].values()
    for milestone in summary["milestones"].values():
        yield from milestone["by"].values()


def test_the_summary_has_its_shape(result: Result) -> None:
    summary = json.loads((result.folder / "summary.json").read_text(encoding="utf-8"))
    assert summary == result.summary
    assert summary["format"] == 1
    assert list(summary["outcomes"]) == ["blows", "settlement", "quarrel"]
    assert list(summary["flags"]) == ["at_the_top"]
    assert list(summary["milestones"]) == ["crisis", "strike", "settlement"]
    for milestone in summary["milestones"].values():
        assert list(milestone) == ["by", "quantiles"]
        assert list(milestone["by"]) == ["30", "90", "120"]
        assert list(milestone["quantiles"]) == ["0.1", "0.25", "0.5", "0.75", "0.9"]
    assert all(set(five) == FIVE for five in fives(summary))
    assert summary["outcomes"] == summary["outcomes_by"]["120"]
    assert summary["days"] == {"30": "2025-12-17", "90": "2026-02-15", "120": "2026-03-17"}
    assert (summary["as_of"], summary["until"]) == ("2025-11-17", "2026-03-17")
    assert (summary["seed"], summary["replications"], summary["ran_away"]) == (1, 2_000, 0)
    assert summary["saturations"] > 0
    assert set(summary["digests"]) == {"model", "configuration"}
    assert len(summary["content_hash"]) == 64


def test_shares_are_ordered_and_outcomes_sum_to_one(result: Result) -> None:
    for five in fives(result.summary):
        assert 0 <= five["low"] <= five["probability"] <= five["high"] <= 1
        assert 0 <= five["range_low"] <= five["range_high"] <= 1
    for by in result.summary["outcomes_by"].values():
        assert sum(five["probability"] for five in by.values()) == pytest.approx(1.0)


def test_the_summary_counts_what_the_rows_say(result: Result) -> None:
    rows = result.rows()
    assert rows.num_rows == 2_000
    assert rows.column("replication").to_pylist() == list(range(2_000))
    times = rows.column("milestone.strike").fill_null(np.inf).to_numpy()
    for day in (30, 90, 120):
        five = result.milestones["strike"]["by"][str(day)]
        assert five["probability"] == (times <= day).mean()
        low, high = wilson((times <= day).sum(), 2_000)
        assert (five["low"], five["high"]) == (low, high)
    for share, found in result.milestones["strike"]["quantiles"].items():
        value = quantile(np.ceil(times), float(share))[0]
        assert found["day"] == (value if value <= 120 else None)
    ended = rows.column("outcome.end").to_pylist()
    assert result.outcomes["blows"]["probability"] == ended.count("blows") / 2_000
    assert result.flags["at_the_top"]["probability"] == np.mean(rows.column("flag.at_the_top").to_pylist())


def test_curves_and_occupancy_agree_with_the_summary(result: Result) -> None:
    curves = result.curves()
    for name, milestone in result.milestones.items():
        for day, five in milestone["by"].items():
            at = (curves["milestone"] == name) & (curves["day"] == int(day))
            for key in ("probability", "range_low", "range_high"):
                assert curves[key][at] == [five[key]]
    occupancy = result.occupancy()
    assert set(occupancy["watched"]) == {"rung", "state.tension", "state.shots"}
    for name in set(occupancy["watched"]):
        assert occupancy["histories"][occupancy["watched"] == name].sum() == 121 * 2_000
    # The highest rung is the outcome: two ways to the same number.
    top = (occupancy["watched"] == "rung") & (occupancy["day"] == 120) & (occupancy["value"] == 2)
    assert occupancy["histories"][top] == [result.outcomes["blows"]["probability"] * 2_000]


def test_the_manifest_says_what_made_the_run(result: Result) -> None:
    manifest = store.read_manifest(result.folder)
    assert manifest is not None
    assert manifest["complete"]
    assert manifest["command"] == "escalation"
    assert manifest["content_hash"] == result.summary["content_hash"]
    assert result.folder.name == f"forecast-{manifest['configuration'][:8]}"
    assert [(part["first"], part["count"]) for part in manifest["parts"]] == [(0, 700), (700, 700), (1_400, 600)]
    for part in manifest["parts"]:
        assert store.sha256_of(result.folder / "parts" / part["file"]) == part["sha256"]
    assert {"python", "numpy", "pyarrow", "simpy"} <= set(manifest["versions"])


def test_only_what_decides_the_numbers_names_the_folder(result: Result, tmp_path: Path) -> None:
    def name(text: str = small.TEXT, **changes: Any) -> str:
        settings = Settings(**{**vars(SETTINGS), "replications": 50, "inputs": 20, "histories": 5, **changes})
        return forecast(small.scenario(text), settings, tmp_path).folder.name

    same = result.folder.name
    assert name(small.TEXT.replace("until: 120 days", "until: 2026-03-17")) == same
    assert name() == name(chunk=20) == name(engine="reference") == name(executor="processes") == same
    others = [
        name(seed=2),
        name(small.TEXT.replace("until: 120 days", "until: 100 days")),
        name(small.TEXT.replace("as_of: 2025-11-17", "as_of: 2025-11-18")),
        name(small.TEXT.replace("rate: 0.03 per d", "rate: 0.04 per d")),
    ]
    assert len({same, *others}) == 5


# ------------------------------------------------------------------------------------------- what lies on disk
@pytest.fixture
def done(tmp_path: Path) -> Path:
    """Results with a complete run."""
    forecast(small.scenario(), SETTINGS, tmp_path)
    return tmp_path


def again(results: Path, **changes: Any) -> tuple[Result, list[str]]:
    said: list[str] = []
    settings = Settings(**{**vars(SETTINGS), **changes})
    return forecast(small.scenario(), settings, results, say=said.append), said


def test_a_complete_run_is_shown_and_not_computed_again(
    done: Path, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.studies.forecast.run_parts", None)  # calling it would raise
    found, said = again(done)
    assert said == ["this run was complete: shown, not computed again"]
    assert found.summary == result.summary
    found, said = again(done, replications=100)
    assert said == ["this run was complete: shown, not computed again; all 2,000 simulated histories count"]


def test_a_damaged_run_is_mended(done: Path, result: Result) -> None:
    part = next(done.glob("small/*/parts/part-00001.parquet"))
    part.write_bytes(part.read_bytes()[:-10])
    found, said = again(done)
    assert said == [
        "part-00001.parquet was damaged or missing: done again",
        f"set aside in {found.folder / 'aside'}, and done again where needed: part-00001.parquet (damaged)",
        "1,300 of 2,000 simulated histories were there already",
    ]
    assert found.summary == result.summary
    next(done.glob("small/*/summary.json")).write_text("{", encoding="utf-8")
    assert again(done)[0].summary == result.summary


def test_a_longer_run_is_an_extension(done: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    longer, said = again(done, replications=3_500, chunk=123)
    assert said == ["2,000 of 3,500 simulated histories were there already"]
    settings = Settings(**{**vars(SETTINGS), "replications": 3_500})
    fresh = forecast(small.scenario(), settings, tmp_path_factory.mktemp("fresh"))
    assert longer.summary == fresh.summary


def test_other_draws_of_the_inputs_change_the_ranges_alone(done: Path, result: Result) -> None:
    found, said = again(done, inputs=80)
    assert said == ["2,000 of 2,000 simulated histories were there already"]
    assert found.summary["content_hash"] == result.summary["content_hash"]
    assert found.outcomes["blows"]["range_low"] != result.outcomes["blows"]["range_low"]
    assert found.outcomes["blows"]["probability"] == result.outcomes["blows"]["probability"]


def test_computing_again_compares(done: Path) -> None:
    _, said = again(done, again=True, chunk=300)
    assert said[0].startswith("computed again: all 2,000 simulated histories are the same (content hash ")
    assert not list(done.glob("small/*.again"))
    manifest = next(done.glob("small/*/manifest.json"))
    data = store.read_json(manifest)
    assert data is not None
    store.write_json(manifest, {**data, "content_hash": "0" * 64})
    with pytest.raises(CheckError, match="computed again, the 2,000 simulated histories differ"):
        again(done, again=True)


def test_the_reference_engine_confirms_the_run(done: Path) -> None:
    assert "are the same" in again(done, again=True, engine="reference")[1][0]


def test_a_run_is_loaded_from_its_folder(result: Result, tmp_path: Path) -> None:
    assert load(result.folder).summary == result.summary
    with pytest.raises(RunError, match="no complete run lies here"):
        load(tmp_path)


# ----------------------------------------------------------------------------------------------------- settings
def test_settings_are_read_and_refused_by_name() -> None:
    assert read_settings({"replications": 1e6, "seed": 3}).replications == 1_000_000
    for run, why in (
        ({"replicatons": 3}, r"run.replicatons: there is no such setting \(did you mean 'replications'\?\)"),
        ({"replications": "many"}, r"run.replications: 'many' is no whole number"),
        ({"replications": 1.5}, r"run.replications: 1.5 is no whole number"),
        ({"replications": True}, r"run.replications: True is no whole number"),
        ({"seed": -1}, r"run.seed: -1 is outside 0 …"),
        ({"executor": "proceses"}, r"executor: 'proceses' is unknown \(did you mean 'processes'\?\)"),
        ({"again": "perhaps"}, r"run.again: 'perhaps' is neither true nor false"),
    ):
        with pytest.raises(SettingError, match=why):
            read_settings(run)


def test_outcomes_are_read_at_the_horizons_before_the_end_and_at_the_end() -> None:
    assert days_shown((30, 90, 180), 180) == (30, 90, 180)
    assert days_shown((30, 90, 180), 100) == (30, 90, 100)
    assert days_shown((30, 90), 7) == (7,)


# ------------------------------------------------------------------------------------------------------- table
def text_of(summary: dict[str, Any]) -> str:
    stream = StringIO()
    table.show(summary, table.console(stream))
    return stream.getvalue()


def test_the_table_is_plain_text_with_events_deadlines_ranges_and_base_rates(result: Result) -> None:
    text = text_of(result.summary)
    assert "\x1b" not in text
    for part in ("17 Dec 2025", "15 Feb 2026", "17 Mar 2026", "shots were fired", "North has struck", "120 days"):
        assert part in text
    lines = text.splitlines()
    [strike] = [line for line in lines if "strike: North has struck" in line]
    base = lines[lines.index(strike) + 1]
    assert " ".join(base.split()) == "past cases (n = 20): quarrels of that kind 10 % (4–20) 30 % (20–45) –"
    five = result.milestones["strike"]["by"]["30"]
    assert with_range(five["probability"], five["range_low"], five["range_high"]) in strike
    assert "2,000 simulated histories, seed 1; sampling error at most 2." in text
    assert "none ran away" in text
    assert "under assumptions" in text
    assert max(map(len, lines)) <= table.PIPE_WIDTH


def test_the_table_says_what_went_wrong_and_leaves_ranges_out_where_nothing_is_uncertain(result: Result) -> None:
    summary = {**result.summary, "ran_away": 3, "ran_away_at": {"north.pushes": 3}, "inputs": 0}
    text = text_of({**summary, "base_rates": [], "rival": {}})  # past cases keep their intervals
    assert "3 ran away (north.pushes)" in text
    assert "No input is uncertain" in text
    assert "%  (" not in text
    assert "% (" not in text


def test_markup_in_a_scenario_is_shown_and_not_obeyed(result: Result) -> None:
    summary = {**result.summary, "title": "[red]A [/] title :smile:"}
    assert "[red]A [/] title :smile:" in text_of(summary)


# ------------------------------------------------------------------------------------------------------ Python
def test_python_callers_get_the_same_run(result: Result, tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(small.TEXT, encoding="utf-8")
    found = sim.run(file, replications=2_000, results=tmp_path)
    assert found.summary["content_hash"] == result.summary["content_hash"]
    assert sim.load(found.folder).outcomes == found.outcomes


def test_python_callers_can_change_a_scenario(tmp_path: Path) -> None:
    scenario = small.scenario()
    assert isinstance(scenario, sim.Scenario)
    calm = {"actions.north.pushes.while": "tension below 1", "inputs.force_x.uniform": [1.0, 1.5]}
    found = sim.run(scenario, changes=calm, until=60, replications=500, results=tmp_path)
    assert found.summary["until_days"] == 60
    assert found.outcomes["blows"]["probability"] == 0
    for path, why in (
        ("inputs.paces", r"inputs has no 'paces' \(got 1\) \(did you mean 'pace'\?\)"),
        ("actions.north.pushes.either.7.weight", r"either.7.weight: a list; its items are called 0 … 1"),
    ):
        with pytest.raises(ValueError, match=why):
            sim.run(scenario, changes={path: 1}, results=tmp_path)
    with pytest.raises(ValueError, match=r"no such file or name \(did you mean 'two_rivals'\?\)"):
        sim.run("two_rival", results=tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        sim.rum  # noqa: B018
