"""Weighing a forecast: its histories stay as they are, and everything stands side by side."""

import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import sim
from sim.figures.sheets import beliefs
from sim.scenario.build import build
from sim.scenario.reading import read_bytes
from sim.statistics.odds import expit, logit
from sim.studies import command
from sim.studies.forecast import Result, forecast
from sim.studies.order import Order
from sim.studies.settings import SettingError, Settings
from sim.studies.table import console
from sim.studies.weigh.study import asked_of, sentence, weigh
from sim.studies.weigh.table import show
from tests.figures.looks import overlaps, texts
from tests.runs import small

STATEMENTS = """
statements:
  watcher:
    speaker: A watcher
    said_on: 2025-11-17
    proposition: {milestone: strike}
    says: 0.9
    within: open
    origin: paper
    basis: {report: [1]}
  other:
    speaker: Another watcher
    said_on: 2025-11-07
    proposition: {outcomes: [settlement]}
    says: likely
    within: 100 d
    basis: {data: said on the radio}
  before:
    speaker: A watcher
    said_on: 2025-11-17
    about: 2025-10-01
    proposition: {milestone: strike}
    says: [0.2, 0.4]
    within: open
    origin: paper
    basis: {data: the same interview}
"""
EARLY = "  none: {outlet: A wire, date: 2025-10-01}\nfindings:"
TEXT = small.TEXT.replace("not_modelled:\n  1: it is all there is\n", "").replace("findings:", EARLY) + STATEMENTS
SETTINGS = Settings(replications=3_000, inputs=60, histories=40)
RUN = {"replications": 3_000, "inputs": 60, "histories": 40}


def order(results: Path, text: str = TEXT, **study: Any) -> Order:
    configuration = {
        **{"format": 1, "scenario": dict(read_bytes(text.encode()).data), "run": RUN, "results": str(results)},
        "study": {"name": "weigh", "figures": False, "most": 3_000, **study},
    }
    return Order(configuration, SETTINGS, None, "escalation study=weigh")


def weighed(results: Path, text: str = TEXT, **study: Any) -> tuple[dict[str, Any], Path]:
    asked = order(results, text, **study)
    return weigh(asked, asked_of(asked.study))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def done(results: Path) -> tuple[dict[str, Any], Path]:
    return weighed(results)


@pytest.fixture(scope="module")
def result(results: Path) -> Result:
    return forecast(build(read_bytes(TEXT.encode()).data), SETTINGS, results)


def printed(data: Mapping[str, Any]) -> str:
    stream = StringIO()
    show(data, console(stream))
    return stream.getvalue()


def flat(text: str) -> str:
    return " ".join(text.split())


# ------------------------------------------------------------------------------------------- histories stay as they are
def test_statements_move_no_history(result: Result, done: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    without = TEXT.replace(STATEMENTS, "\nnot_modelled:\n  1: it is all there is\n")
    plain = forecast(build(read_bytes(without.encode()).data), SETTINGS, tmp_path)
    assert plain.summary["content_hash"] == result.summary["content_hash"] == done[0]["content_hash"]
    assert plain.rows().equals(result.rows())
    assert plain.summary["outcomes_by"] == result.summary["outcomes_by"]


def test_no_weight_is_the_forecast(result: Result, done: tuple[dict[str, Any], Path]) -> None:
    model = done[0]["laws"][0]
    assert (model["label"], model["nats"], model["effective"]) == ("0", 0.0, pytest.approx(3_000))
    for day, by in result.summary["outcomes_by"].items():
        for name, five in by.items():
            assert model["outcomes_by"][day][name] == pytest.approx(five, abs=1e-9)
    for name, found in result.milestones.items():
        for day, five in found["by"].items():
            assert model["milestones"][name]["by"][day] == pytest.approx(five, abs=1e-9)


# ------------------------------------------------------------------------------------------------------ what is found
def test_the_folder_holds_what_the_terminal_shows(done: tuple[dict[str, Any], Path]) -> None:
    data, folder = done
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == data
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["study"], manifest["complete"]) == ("weigh", True)
    table = pq.read_table(folder / "weigh.parquet")
    rows = table.filter(table.column("weight").to_numpy() == "0.67").to_pylist()
    law = next(law for law in data["laws"] if law["label"] == "0.67")
    assert len(rows) == 3 * 3 + 3 * 3 + 1
    for row in rows:
        if row["kind"] == "flag":
            assert row["probability"] == law["flags"][row["name"]]["probability"]
            continue
        found = law["outcomes_by"][str(row["day"])].get(row["name"]) if row["kind"] == "outcome" else None
        found = found or law["milestones"][row["name"]]["by"][str(row["day"])]
        assert row["probability"] == found["probability"]


def test_weights_that_are_always_shown(done: tuple[dict[str, Any], Path]) -> None:
    laws = done[0]["laws"]
    assert [law["label"] for law in laws] == ["0", "0.33", "0.67", "1", "rule"]
    strike = [law["milestones"]["strike"]["by"]["90"]["probability"] for law in laws[:4]]
    assert strike == sorted(strike)
    assert strike[0] < strike[3]
    rule = laws[-1]["weights"]
    for statement in done[0]["statements"]:
        assert statement["weight"] == rule[statement["name"]]
        assert 0.0 < statement["weight"] < statement["spread"] ** 2 / (statement["spread"] ** 2 + 4.0) + 1e-12


def test_deadlines_count_from_the_day_it_was_said(done: tuple[dict[str, Any], Path]) -> None:
    watcher, other = done[0]["statements"]
    assert [reading["day"] for reading in watcher["readings"]] == [30, 90]
    assert any("watcher: not read as 180 days" in remark for remark in done[0]["remarks"])
    assert [(r["day"], r["date"]) for r in other["readings"]] == [(90, "2026-02-15")]
    assert any("other: said on 7 Nov 2025, and held against" in remark for remark in done[0]["remarks"])


def test_side_by_side(done: tuple[dict[str, Any], Path], result: Result) -> None:
    strike, settled = done[0]["sides"]
    kinds = [row["kind"] for row in strike["rows"]]
    assert kinds == ["past", "rival", "model", "stated", "weighted", "weighted", "weighted", "weighted"]
    by = {row["kind"]: row["by"] for row in strike["rows"]}
    assert by["model"]["90"]["probability"] == pytest.approx(result.milestones["strike"]["by"]["90"]["probability"])
    assert by["stated"]["90"] == {"probability": 0.9, "range_low": 0.9, "range_high": 0.9}
    assert by["stated"]["120"] is None
    assert by["rival"]["30"]["probability"] == result.summary["rival"]["strike"]["by"]["30"]["probability"]
    assert (settled["event"], settled["at"]) == ("settlement", "on")
    assert [row["kind"] for row in settled["rows"]][:2] == ["model", "stated"]


def test_a_deadline_between_the_days_is_told(results: Path) -> None:
    text = TEXT.replace("{outcomes: [settlement]}", "{milestone: settlement}").replace("within: 100 d", "within: 60 d")
    data, _ = weighed(results, text, statements=["other"])
    face = next(row for row in data["sides"][0]["rows"] if row["kind"] == "stated")
    assert face["label"] == "at face value likely (ICD 203) by 6 Jan 2026: Another watcher"
    assert set(face["by"].values()) == {None}


def test_one_statement_alone_lands_where_its_weight_says(results: Path) -> None:
    data, _ = weighed(results, statements=["other"], weight=0.5)
    [reading] = data["statements"][0]["readings"]
    step = logit(0.675) - logit(data["statements"][0]["then"])  # it was said ten days before
    expected = float(expit(logit(reading["implied"]) + 0.5 * step))
    assert reading["weighted"] == pytest.approx(expected)
    assert reading["target"] == pytest.approx(expected)
    assert data["weighted_implied"] == [pytest.approx(expected)]
    assert data["laws"][-1]["label"] == "given"
    assert data["laws"][-1]["outcomes_by"]["90"]["settlement"]["probability"] == pytest.approx(expected)


def test_the_disagreement_in_a_sentence(done: tuple[dict[str, Any], Path]) -> None:
    first, second = done[0]["disagreement"]
    [recalled] = done[0]["recollections"]
    assert recalled["about"] == "2025-10-01"
    assert first.startswith("On the same reading the model and A watcher ")
    assert "as of 1 Oct 2025" in first
    assert "between 20 and 40 %, as recalled" in first
    apart = done[0]["statements"][0]["apart"]
    implied = [r["implied"] for r in done[0]["statements"][0]["readings"]]
    assert apart == pytest.approx(float(logit(0.9) - logit(sum(implied) / len(implied))))
    assert f"{apart:.1f} in log-odds now" in first
    assert second.startswith("The model and Another watcher ")
    assert "by the same date" in second


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (0.1, 3.0, "agreed as of 27 Sep 2025 (10 % against 10 %, as recalled); they differ by 3.0 in log-odds now"),
        (-1.2, 0.2, "differed by 1.2 in log-odds as of 27 Sep 2025"),
        (0.2, 0.1, "they still agree now"),
        (-1.2, 0.2, "they agree now (15 % against 80 %)"),
    ],
)
def test_who_agreed_when(before: float, now: float, said: str) -> None:
    told = {"origin": "o", "proposition": "p", "speaker": "S", "deadline": False}
    statement = {**told, "apart": now, "implied": 0.16, "words": "80 %"}
    recalled = {**told, "apart": before, "implied": 0.1, "words": "10 %", "about": "2025-09-27"}
    assert said in sentence(statement, [recalled])
    other = {**recalled, "origin": "another"}
    assert "as of" not in sentence(statement, [other])


def test_too_few_histories_are_said(results: Path) -> None:
    data, _ = weighed(results, statements=["watcher"])
    full = next(law for law in data["laws"] if law["label"] == "1")
    assert full["effective"] < 2_000
    assert full["needed"] >= 3_000 * 2_000 / full["effective"]
    assert f"too few even with 3,000: study.most={full['needed']} would do" in flat(printed(data))
    assert full["replaces"] == (full["nats"] > 1)


def test_more_histories_are_run_up_to_the_most(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, folder = weighed(tmp_path, statements=["watcher"], most=60_000)
    assert "are run instead of 3,000 (study.most=60000 at most)" in capsys.readouterr().err
    assert 3_000 < data["replications"] <= 60_000
    assert all(law["effective"] >= 2_000 and law["needed"] is None for law in data["laws"])
    # It is the run with so many histories, no more and no less; and it is shown, not computed again.
    plain = forecast(small.scenario(TEXT), SETTINGS, tmp_path)
    assert plain.summary["replications"] == data["replications"]
    assert plain.summary["content_hash"] == data["content_hash"]
    again, _ = weighed(tmp_path, statements=["watcher"], most=60_000)
    assert again == data
    assert "shown, not computed again" in capsys.readouterr().err
    # Figures of other numbers go when there are more histories than before.
    (folder / "figures").mkdir()
    (folder / "figures" / "grid.png").write_bytes(b"old")
    asked = order(tmp_path, statements=["watcher"], most=60_000)
    more = Settings(replications=data["replications"] + 1_000, inputs=60, histories=40)
    new, _ = weigh(Order(asked.configuration, more, None, ""), asked_of(asked.study))
    assert new["replications"] == data["replications"] + 1_000
    assert not (folder / "figures" / "grid.png").is_file()


def test_flags_are_weighed(result: Result, done: tuple[dict[str, Any], Path]) -> None:
    laws = {law["label"]: law for law in done[0]["laws"]}
    assert laws["0"]["flags"]["at_the_top"] == pytest.approx(result.flags["at_the_top"], abs=1e-9)
    # A strike is likelier where tension is at its highest, so the flag follows the watcher's word.
    shares = [laws[label]["flags"]["at_the_top"]["probability"] for label in ("0", "0.33", "0.67", "1")]
    assert shares != sorted(shares, reverse=True) or shares[0] != shares[-1]
    rows = result.rows()
    held = rows.column("flag.at_the_top").to_numpy(zero_copy_only=False)
    assert laws["0"]["flags"]["at_the_top"]["probability"] == pytest.approx(held.mean())
    assert "Beside the outcome" in printed(done[0])
    assert result.weigh("watcher", weight=0.0).flags["at_the_top"]["probability"] == pytest.approx(held.mean())


def test_an_earlier_statement_takes_the_step_of_its_own_day(done: tuple[dict[str, Any], Path]) -> None:
    other = done[0]["statements"][1]
    assert other["then"] is not None
    assert other["then"] != pytest.approx(other["implied"], abs=1e-3)
    step = logit(0.675) - logit(other["then"])
    assert other["apart"] == pytest.approx(float(step), abs=1e-9)
    [reading] = other["readings"]
    moved = logit(reading["implied"]) + other["weight"] * step
    assert reading["target"] == pytest.approx(float(expit(moved)), abs=1e-9)
    assert reading["weighted"] == pytest.approx(reading["target"], abs=1e-9), "alone it comes out as aimed"
    assert "then the model said" in flat(printed(done[0]))


def test_the_page_says_what_it_is(done: tuple[dict[str, Any], Path]) -> None:
    text = flat(printed(done[0]))
    for part in (
        "A watcher, on 17 Nov 2025: 90 % for strike; no deadline, read as within 30 or 90 days, each by itself, then "
        "averaged",
        "likely (ICD 203) for settlement; by 15 Feb 2026",
        "by rule: the inputs leave the model in doubt by",
        "at face value: A watcher",
        "with a chance of the weight the speaker knows",
        "the same as without statements",
        "under assumptions",
    ):
        assert part in text


def test_conflicts_are_told_and_do_not_stop_the_rest(results: Path) -> None:
    conflict = TEXT.replace("proposition: {outcomes: [settlement]}", "proposition: {outcomes: [blows]}")
    data, _ = weighed(results, conflict.replace("says: likely", "says: 0.02"), method="meet")
    failed = [law["label"] for law in data["laws"] if law["why_not"]]
    assert "1" in failed
    assert "cannot be met together" in flat(printed(data))
    assert data["methods"]["pool"]["why_not"] is None


# ------------------------------------------------------------------------------------------------------ what is asked
@pytest.mark.parametrize(
    ("study", "said"),
    [
        ({"statements": ["watchr"]}, "did you mean 'watcher'"),
        ({"statements": ["before"]}, "a recollection"),
        ({"weight": 1.2}, "within 0 … 1"),
        ({"weight": "much"}, "within 0 … 1"),
        ({"method": "pol"}, "did you mean 'pool'"),
        ({"readings": [0]}, "numbers of days"),
        ({"readings": [200, 400]}, "until=200 makes it long enough"),
        ({"readings": "soon"}, "whole number"),
    ],
)
def test_what_cannot_be_is_refused(results: Path, study: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        weighed(results, **study)


def test_a_deadline_past_the_run_is_refused(results: Path) -> None:
    with pytest.raises(SettingError, match=r"290 days on, past the end of the run \(120 days\); until=290"):
        weighed(results, TEXT.replace("within: 100 d", "within: 300 d"))
    with pytest.raises(SettingError, match="add 50 to the scenario's `horizons`"):
        weighed(results, TEXT.replace("within: 100 d", "within: 60 d"))


def test_a_deadline_that_has_passed_is_said(results: Path) -> None:
    data, _ = weighed(results, TEXT.replace("within: 100 d", "within: 9 d"))
    assert "statement other: its deadline has passed" in data["remarks"]
    assert [statement["name"] for statement in data["statements"]] == ["watcher"]


def test_without_statements_there_is_nothing_to_weigh(results: Path) -> None:
    with pytest.raises(SettingError, match="no statement in force on 17 Nov 2025"):
        weighed(results, small.TEXT)


def test_the_command_knows_the_study(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = dict(order(results).configuration)
    assert command.run({**configuration, "study": {"name": "weigh"}}, "escalation study=weigh") == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    names = {path.name for path in (folder / "figures").iterdir()}
    assert {"side_by_side.svg", "side_by_side_2.png", "grid.png"} <= names


# ------------------------------------------------------------------------------------------------------------ Python
def test_a_loaded_forecast_can_be_weighed(result: Result, results: Path) -> None:
    loaded = sim.load(result.folder)
    found = loaded.weigh("watcher", weight=0.33)
    data, _ = weighed(results, statements=["watcher"], weight=0.33)
    law = data["laws"][-1]
    assert found.outcomes == law["outcomes_by"]["120"]
    assert found.milestones == law["milestones"]
    assert (found.nats, found.effective, found.weights) == (law["nats"], law["effective"], {"watcher": 0.33})
    assert (
        found.milestones["strike"]["by"]["90"]["probability"] > loaded.milestones["strike"]["by"]["90"]["probability"]
    )
    assert loaded.weigh(weight={"other": 0.5}).weights == {"watcher": loaded.weigh().weights["watcher"], "other": 0.5}
    assert loaded.weigh("other", method="linear", weight=1).nats > 0
    with pytest.raises(ValueError, match="no statement 'watchr'"):
        loaded.weigh(weight={"watchr": 0.5})


def test_a_changed_forecast_can_be_weighed(tmp_path: Path) -> None:
    changes = {"inputs.force_x": {"value": 5}}
    data: dict[str, Any] = {str(key): value for key, value in read_bytes(TEXT.encode()).data.items()}
    changed = sim.run(data, changes=changes, replications=500, results=tmp_path)
    assert sim.load(changed.folder).weigh("watcher", weight=0.5).nats > 0


# ------------------------------------------------------------------------------------------------------------ figures
def test_figures_show_every_source(done: tuple[dict[str, Any], Path]) -> None:
    data, _ = done
    for side in data["sides"]:
        figure = beliefs.sides(data, side)
        text = texts(figure).replace("\n", " ")
        assert overlaps(figure) == []
        assert all(row["label"].split(":")[0] in text for row in side["rows"])
        marks = [line for ax in figure.axes[1:] for line in ax.lines if line.get_marker() not in ("None", None, "")]
        assert len(marks) == sum(three is not None for row in side["rows"] for three in row["by"].values())
        assert "under assumptions" in text


def test_the_grid_has_a_number_for_each_weight_and_reading(done: tuple[dict[str, Any], Path]) -> None:
    data, _ = done
    figure = beliefs.grid(data)
    assert overlaps(figure) == []
    assert len(figure.axes) == 2
    for ax, found in zip(figure.axes, data["grids"], strict=True):
        columns = len(found["readings"]) + (len(found["readings"]) > 1)
        assert len(ax.texts) == len(found["weights"]) * columns
    assert "averaged" in texts(figure)


def test_without_doubt_about_the_inputs_the_rule_gives_no_weight(tmp_path: Path) -> None:
    fixed = TEXT.replace("lognormal: {median: 1 per 40 d, p90: 1 per 12 d}", "value: 1 per 40 d")
    fixed = fixed.replace("uniform: [1.5, 3]", "value: 2").replace(
        "start: {drawn: {bargain: 0.7, force: 0.3}}", "start: force"
    )
    data, _ = weighed(tmp_path, fixed)
    assert [statement["weight"] for statement in data["statements"]] == [0.0, 0.0]
    assert "no input is uncertain" in data["methods"]["evidence"]["why_not"]
    text = flat(printed(data))
    assert "by rule: no input leaves the model in doubt about it" in text
    assert data["laws"][1]["nats"] > 0
    assert overlaps(beliefs.sides(data, data["sides"][0])) == []
