"""run.method=splitting as a command: its numbers against the exact chain, its folder, its words, its refusals."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import sim
from sim.engines import exact
from sim.model.expressions import parse
from sim.runs import splitting as runs
from sim.runs import store
from sim.runs.plan import Task
from sim.scenario.scenario import Scenario
from sim.scenario.source import Source
from sim.studies import command, show, stored
from sim.studies import list as listing
from sim.studies.forecast import forecast
from sim.studies.library import scenario_of
from sim.studies.settings import CheckError, SettingError, Settings, read_settings
from sim.studies.splitting import study as splitting
from sim.studies.splitting import table as splitting_table
from sim.studies.splitting.table import cell, footer, many, number
from sim.studies.sweep import study as sweep
from sim.studies.table import console
from tests.runs import small

Data = dict[str, Any]
LIMIT = 6.3
FAST: dict[str, Any] = {"method": "splitting", "effort": 200, "repeats": 20, "executor": "serial"}


def made(results: Path, scenario: Scenario, **changes: Any) -> tuple[Data, Path]:
    settings = Settings(**{**FAST, **changes})
    return splitting.split(scenario, splitting.question(scenario, settings), settings, results)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def rivals() -> Scenario:
    return scenario_of("two_rivals", until=2)


@pytest.fixture(scope="module")
def war(results: Path, rivals: Scenario) -> tuple[Data, Path]:
    return made(results, rivals)


def off(found: Data, truth: float, repeats: int) -> float:
    """Standard errors between a chance and the truth."""
    return float(abs(found["probability"] - truth) / (found["spread"] * found["probability"] / repeats**0.5))


def test_it_agrees_with_the_exact_chain(war: tuple[Data, Path], rivals: Scenario) -> None:
    """Four comparisons; one fails by chance with probability 1e-5 (Student's law of 20 repeats)."""
    data, _ = war
    task, _ = splitting.question(rivals, Settings(**FAST))
    chain = exact.build(task.model)
    for row in data["levels"][1:]:
        truth = exact.reach_within(chain, task.model.program(parse(f"step >= {row['level']}")), 2.0)
        assert off(row["by"]["2"], truth.mean, 20) < LIMIT
    assert data["outcomes"]["war"] == pytest.approx(data["chance"])
    assert data["milestones"]["war"]["2"] == pytest.approx(data["chance"])
    assert data["chance"]["probability"] < 5e-5
    assert sum(found["probability"] for found in data["outcomes"].values()) == pytest.approx(1.0)
    assert data["plain_histories"] > 10 * data["histories"]


def test_it_is_kept_shown_and_checked(
    war: tuple[Data, Path], results: Path, rivals: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    data, folder = war
    again, same = made(results, rivals, repeats=10)
    assert (again, same) == (data, folder)
    assert "this run was complete" in capsys.readouterr().err
    assert made(results, rivals, again=True)[0] == data
    table = pq.read_table(folder / "splitting.parquet").to_pylist()
    assert {row["what"] for row in table} == {"level", "outcome", "flag", "milestone"}
    assert (folder / "manifest.json").is_file()
    show.show(stored.read(folder))
    printed = capsys.readouterr().out
    assert "How far it goes (rung)" in printed
    assert made(results, rivals, effort=100)[1] != folder
    summary = {**data, "seed": 7}
    store.write_json(folder / "summary.json", summary)
    with pytest.raises(CheckError, match="the numbers differ"):
        made(results, rivals, again=True)
    store.write_json(folder / "summary.json", data)


def test_a_run_broken_off_goes_on_and_one_is_made_longer(
    tmp_path: Path, rivals: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "TOGETHER", 1000)
    settings = Settings(**FAST)
    asked = splitting.question(rivals, settings)
    heard: list[int] = []

    def stop(histories: int) -> None:
        heard.append(histories)
        if len(heard) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        splitting.split(rivals, asked, settings, tmp_path, progress=stop)
    [begun] = stored.runs(tmp_path)
    assert not begun.complete
    assert not begun.damage
    assert len(list(begun.folder.glob("repeats/*.npz"))) == 2
    played: list[int] = []
    play = runs.play

    def noted(task: Task, ladder: runs.Ladder, effort: int, repeats: range) -> runs.Repeats:
        played.append(len(repeats))
        return play(task, ladder, effort, repeats)

    monkeypatch.setattr(runs, "play", noted)
    data, folder = made(tmp_path, rivals)
    assert folder == begun.folder
    assert played == [5, 5]
    whole = runs.run(asked[0], asked[1].ladder, settings.effort, 20, executor="serial")
    assert data == splitting.told(rivals, *asked, whole)
    played.clear()
    longer, _ = made(tmp_path, rivals, repeats=25)
    assert (longer["replications"], played) == (25, [5])


def test_the_list_says_how_likely_the_last_level_is(war: tuple[Data, Path], capsys: pytest.CaptureFixture[str]) -> None:
    data, folder = war
    out = StringIO()
    listing.show([stored.read(folder)], console(out))
    said = " ".join(out.getvalue().split())
    assert f"{data['histories']:,}" in said
    assert listing.said(stored.read(folder)) == f"war by 3 Jan 2025: {cell(data['chance'])}"


def test_from_python(tmp_path: Path) -> None:
    found = sim.rare(
        "two_rivals", until=2, level="step", levels=["crisis", "war"], effort=100, repeats=6, results=tmp_path
    )
    assert found.chance == found.levels["war"]["2"]
    assert found.outcomes["war"]["probability"] == pytest.approx(found.chance["probability"])
    assert found.milestones["crisis"]["2"] == pytest.approx(found.levels["crisis"]["2"])
    assert sim.stored(found.folder).summary == found.summary
    with pytest.raises(ValueError, match=r"no 'stp' in its state"):
        sim.rare("two_rivals", level="stp", results=tmp_path)


def test_levels_by_number_word_and_variable(rivals: Scenario) -> None:
    def climb(**settings: Any) -> splitting.Climb:
        return splitting.question(rivals, Settings(**{**FAST, **settings}))[1]

    assert climb().ladder.thresholds == (1, 2, 3, 4)
    assert climb(levels=["crisis", "war"]).ladder.thresholds == (2, 4)
    assert climb(level="step", levels=[3, 4]).words[4] == "war"
    assert climb(level="step").ladder.thresholds == (1, 2, 3, 4)
    assert climb(level="step + north_ready", levels=2).ladder.thresholds == (2,)
    assert climb(level="war").ladder.thresholds == (1,)
    assert climb(level="step is war").ladder.thresholds == (1,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": "stp"}, r"run\.level: two_rivals has no 'stp' in its state \(did you mean 'step'\?\)"),
        ({"level": 3}, r"run\.level: 3; name a number of the state"),
        ({"level": "step +"}, r"run\.level: "),
        ({"level": "step + north_ready"}, r"run\.levels: step \+ north_ready may take more values"),
        (
            {"levels": ["crises", "war"]},
            r"run\.levels: 'crises' is no level \(did you mean 'crisis'\?\); its words are",
        ),
        ({"levels": [3, 2]}, r"run\.levels: \[3, 2\]; give one or more, each above the one before"),
        ({"levels": []}, r"run\.levels: \[\]; give one or more"),
        ({"levels": [1.5]}, r"run\.levels: 1\.5 is no level"),
    ],
)
def test_levels_that_cannot_be(rivals: Scenario, settings: Data, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        splitting.question(rivals, Settings(**{**FAST, **settings}))


def test_settings_that_cannot_be(tmp_path: Path, rivals: Scenario) -> None:
    for settings, message in (
        ({"method": "splittin"}, r"run\.method: 'splittin' is unknown \(did you mean 'splitting'\?\)"),
        ({"effort": 1}, r"run\.effort: 1 is outside 10 … "),
        ({"repeats": 2}, r"run\.repeats: 2 is outside 5 … "),
    ):
        with pytest.raises(SettingError, match=message):
            read_settings(settings)
    with pytest.raises(SettingError, match=r"run\.precision: it goes with run\.method=plain"):
        made(tmp_path, rivals, precision=0.01)
    with pytest.raises(SettingError, match=r"engine: reference cannot branch"):
        made(tmp_path, rivals, engine="reference")
    with pytest.raises(SettingError, match=r"run\.method: splitting gives"):
        forecast(rivals, Settings(**FAST), tmp_path)
    with pytest.raises(SettingError, match=r"run\.method: study=tornado plays plain histories"):
        command.prepared(configuration(tmp_path, study="tornado"), "escalation")


def configuration(results: Path, study: str = "forecast", **changes: Any) -> Data:
    data, run = dict(scenario_of("two_rivals", until=2).data), {**FAST, **changes}
    executor = run.pop("executor")
    asked = {"run": run, "executor": executor, "results": str(results)}
    return {"format": 1, "scenario": data, "study": {"name": study}, **asked}


def test_the_command_and_a_sweep_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(configuration(tmp_path), "escalation run.method=splitting") == 0
    lines = capsys.readouterr().out.splitlines()
    assert Path(lines[-1]).name.startswith("splitting-")
    jobs = [
        sweep.Job(configuration(tmp_path, seed=seed), {"run.seed": seed}, "escalation", Source()) for seed in (1, 2)
    ]
    assert sweep.run(jobs, "escalation -m") == 0
    assert len(list(tmp_path.glob("two_rivals/splitting-*"))) == 2


def test_words(war: tuple[Data, Path], results: Path) -> None:
    data, _ = war
    text = " ".join(footer(data))
    assert "The chance to get to war by 3 Jan 2025 is " in text
    assert "Plain simulation would take some " in text
    assert "Uncertain inputs" not in text
    assert number(0.23) == "25 %"
    assert number(0.00234) == "0.234 %"
    assert number(1.234e-9) == "1.23e-09"
    assert cell({"probability": 0.0, "low": 0.0, "high": 0.0}) == "–"
    assert [many(x) for x in (38_123.0, 1.12e9, 3.4e12, 2e21)] == ["38,000", "1.1 billion", "3.4 trillion", "2.0e+21"]


def test_what_is_said_where_nobody_gets_there(tmp_path: Path) -> None:
    text = small.TEXT.replace("lognormal: {median: 1 per 40 d, p90: 1 per 12 d}", "value: 1 per 1000000000 d")
    scenario = small.scenario(text)
    data, _ = made(tmp_path, scenario, effort=10, repeats=5, level="shots", levels=[2, 3])
    said = " ".join(footer(data))
    assert data["chance"]["probability"] == 0.0
    assert "No history got to any level" in said
    data, _ = made(tmp_path, scenario, effort=10, repeats=5, level="tension", levels=[1, 5])
    assert "No history got beyond tension 1, so all that is known is that it is less likely than that" in " ".join(
        footer(data)
    )
    out = StringIO()
    splitting_table.show(data, console(out))
    assert "tension 5" in out.getvalue()


def test_uncertain_inputs_are_said(tmp_path: Path) -> None:
    data, _ = made(tmp_path, small.scenario(), effort=50, repeats=5)
    assert "Uncertain inputs are drawn anew for every history" in " ".join(footer(data))
    assert np.isclose(data["outcomes"]["blows"]["probability"], data["milestones"]["strike"]["120"]["probability"])
