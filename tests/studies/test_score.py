"""A forecast held against what happened: every number can be found again, and the file is read strictly."""

import json
import math
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.scenario.problems import ScenarioError
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.studies import command
from sim.studies.forecast import Result, forecast, task_of
from sim.studies.happened import asked_of, read
from sim.studies.score import laws as score_laws
from sim.studies.score import study as score
from sim.studies.score.table import show
from sim.studies.settings import SettingError, Settings
from sim.studies.table import console
from tests.runs import small
from tests.studies.test_weigh import RUN, TEXT

HAPPENED = """\
format: 1
scenario: small
known: 2026-02-15
outcome: {2025-12-17: quarrel, 2026-02-15: blows}
milestones: {strike: 2025-12-27, settlement: never}
counts: {shots: {2026-02-15: 1}}
ranked: [blows]
source: invented
"""
SETTINGS = Settings(replications=3_000, inputs=60, histories=40)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return small.scenario(TEXT)


@pytest.fixture(scope="module")
def result(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return forecast(scenario, SETTINGS, tmp_path_factory.mktemp("results"))


def file(folder: Path, text: str = HAPPENED) -> Path:
    path = folder / "happened.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def data(scenario: Scenario, result: Result, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    happened = read(file(tmp_path_factory.mktemp("file")), asked_of(scenario, 120))
    return score.scored(scenario, SETTINGS, result, happened)


def test_the_model_is_scored_by_its_own_summary(data: dict[str, Any], result: Result) -> None:
    model = data["laws"][0]
    for day, name in (("30", "quarrel"), ("90", "blows")):
        by = {n: five["probability"] for n, five in result.summary["outcomes_by"][day].items()}
        found = model["outcomes"][day]
        assert found["chance"] == pytest.approx(by[name])
        assert found["log"] == pytest.approx(math.log(by[name]))
        assert found["brier"] == pytest.approx(sum((p - (n == name)) ** 2 for n, p in by.items()))
        assert found["ranked"] == pytest.approx((by["blows"] - (name == "blows")) ** 2)
        assert found["gain"] == 0.0
    for day, happened in (("30", 0.0), ("90", 1.0)):
        chance = result.milestones["strike"]["by"][day]["probability"]
        assert model["milestones"]["strike"]["by"][day] == pytest.approx((chance - happened) ** 2)
    assert list(model["milestones"]["strike"]["by"]) == ["30", "90"], "nothing is known of the end"


def test_what_it_is_held_against(data: dict[str, Any], result: Result) -> None:
    laws = {law["label"]: law for law in data["laws"]}
    assert list(laws) == [
        "the model",
        "past cases: strike",
        "one-page rival: strike",
        "past cases: settlement",
        "one-page rival: settlement",
        "watcher at face value",
        "other at face value",
        "the model and statements, weighted by rule",
        "every outcome alike",
    ]
    for label, key in (("past cases: strike", "pooled"), ("one-page rival: strike", "probability")):
        chance = result.summary["rival"]["strike"]["by"]["90"][key]
        assert laws[label]["outcomes"]["90"]["chance"] == pytest.approx(chance)
        assert laws[label]["milestones"]["strike"]["by"]["90"] == pytest.approx((chance - 1) ** 2)
    # Alone and at its word, "likely" was 67.5 % for a settlement by that day; it is less with ten days gone by.
    stated = laws["other at face value"]["outcomes"]["90"]
    settled = result.weigh("other", weight=1.0).data["outcomes_by"]["90"]["settlement"]["probability"]
    assert 0.6 < settled < 0.675
    blows = stated["chance"]
    assert stated["brier"] == pytest.approx((blows - 1) ** 2 + settled**2 + (1 - blows - settled) ** 2)
    rule = result.weigh().data["outcomes_by"]["90"]["blows"]["probability"]
    weighted = laws["the model and statements, weighted by rule"]["outcomes"]["90"]["chance"]
    assert weighted == pytest.approx(rule)
    assert weighted != pytest.approx(data["laws"][0]["outcomes"]["90"]["chance"])
    uniform = laws["every outcome alike"]
    assert uniform["outcomes"]["90"]["log"] == pytest.approx(-math.log(3))
    assert uniform["milestones"] == {}
    for law in data["laws"]:
        for day, found in law["outcomes"].items():
            assert found["gain"] == pytest.approx(found["log"] - data["laws"][0]["outcomes"][day]["log"])


def test_counts_are_scored(data: dict[str, Any], result: Result) -> None:
    [count] = data["counts"]
    assert (count["name"], count["seen"], count["date"]) == ("shots", 1.0, "2026-02-15")
    assert count["stays"] == 1.0
    seen = result.occupancy()
    rows = [
        (value, number / 3_000)
        for name, day, value, number in zip(*(seen[k] for k in ("watched", "day", "value", "histories")), strict=True)
        if (name, day) == ("state.shots", 90)
    ]
    assert count["mean"] == pytest.approx(sum(value * share for value, share in rows))
    assert count["below"] == pytest.approx(dict(rows)[0])
    distance = sum(share * abs(value - 1) for value, share in rows)
    spread = sum(a * b * abs(x - y) for x, a in rows for y, b in rows)
    assert count["crps"] == pytest.approx(distance - spread / 2)


def test_counts_are_scored_under_every_law(data: dict[str, Any], scenario: Scenario) -> None:
    [count] = data["counts"]
    laws = {law["label"]: law for law in count["laws"]}
    assert laws["the model"] == {"label": "the model", "mean": count["mean"], "crps": count["crps"]}
    assert laws["as at the start"]["crps"] == count["stays"]
    # 0, 1, 2 or 3 shots alike: the mean distance from 1 is 1, that of two draws 1.25.
    assert laws["every outcome alike"]["crps"] == pytest.approx(1.0 - 1.25 / 2)
    # Taken at its word, the watcher expects a strike, and with it a shot.
    assert laws["watcher at face value"]["mean"] > laws["the model"]["mean"]
    # The histories played again are those of the run: weighed alike they give what it followed day by day.
    states = score_laws._states(task_of(scenario, SETTINGS), 3_000, {"shots": [90]})
    values, shares = score_laws._weighted(states, np.full(3_000, 1 / 3_000))["shots"][90]
    assert float((values * shares).sum()) == pytest.approx(count["mean"], abs=1e-9)
    assert {label for label in laws if "strike" in label} == {"past cases: strike", "one-page rival: strike"}


def test_it_is_said_that_this_is_one_case(data: dict[str, Any]) -> None:
    stream = StringIO()
    show(data, console(stream))
    text = " ".join(stream.getvalue().split())
    assert text.count("One case") == 2
    for part in (
        "against what happened",
        "strike: on day 40",
        "settlement: not by 15 Feb 2026",
        "none counted below 0.001",
    ):
        assert part in text


def configuration(results: Path, **study: Any) -> dict[str, Any]:
    return {
        **{"format": 1, "scenario": dict(read_bytes(TEXT.encode()).data), "run": RUN, "results": str(results)},
        "study": {"name": "score", **study},
    }


def test_a_saved_forecast_is_scored(
    result: Result, data: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = configuration(tmp_path, happened=str(file(tmp_path)), run=str(result.folder))
    assert command.run({**asked, "scenario": {"name": "another"}}, "escalation study=score") == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == data
    # Without a saved one, the forecast of the configuration.
    assert command.run(configuration(tmp_path, happened=str(file(tmp_path))), "escalation study=score") == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == data


@pytest.mark.parametrize(
    ("change", "line", "why"),
    [
        (("2025-12-17: quarrel", "2025-12-17: quarel"), 4, "did you mean 'quarrel'"),
        (("strike: 2025-12-27", "strke: 2025-12-27"), 5, "did you mean 'strike'"),
        (("strike: 2025-12-27", "strike: 2025-11-17"), 5, "outside what can be scored"),
        (("strike: 2025-12-27", "strike: 2026-02-16"), 5, "outside what can be scored"),
        (("strike: 2025-12-27", "strike: soon"), 5, "a date is wanted"),
        (("shots: {", "shot: {"), 6, "did you mean 'shots'"),
        (("shots: {2026-02-15: 1}", "shots: 3"), 6, "a number by date"),
        (("ranked: [blows]", "ranked: [blws]"), 7, "did you mean 'blows'"),
        (("ranked: [blows]", "ranked: [blows, blows]"), 7, "stands twice"),
        (("scenario: small", "scenario: other"), 2, "one of small"),
        (("known:", "knwn:"), 3, "did you mean 'known'"),
        (("format: 1", "format: 7"), 1, "reads format 1"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    scenario: Scenario, tmp_path: Path, change: tuple[str, str], line: int, why: str
) -> None:
    path = file(tmp_path, HAPPENED.replace(*change))
    with pytest.raises(ScenarioError) as error:
        read(path, asked_of(scenario, 120))
    found = [str(problem) for problem in error.value.problems if why in str(problem)]
    assert found, error.value
    assert f"happened.yaml:{line}: " in found[0]


def test_outcomes_are_scored_on_the_days_of_the_forecast(scenario: Scenario, result: Result, tmp_path: Path) -> None:
    path = file(tmp_path, HAPPENED.replace("2025-12-17: quarrel", "2025-12-20: quarrel"))
    with pytest.raises(SettingError, match="33 days on"):
        score.scored(scenario, SETTINGS, result, read(path, asked_of(scenario, 120)))


@pytest.mark.parametrize("study", [{}, {"happened": 3}, {"happened": "x.yaml", "floor": 0}])
def test_settings_that_cannot_be(tmp_path: Path, study: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=r"study\."):
        command.run(configuration(tmp_path, **study), "escalation study=score")
