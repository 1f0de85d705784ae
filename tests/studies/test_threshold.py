"""Thresholds of a model with one clock, where the crossing is a line of algebra."""

import json
import math
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from sim.model.compiled import compile_model
from sim.model.laws import Law
from sim.model.spec import Quantity
from sim.runs.plan import Part, Task, simulate_part
from sim.scenario.problems import ScenarioError
from sim.scenario.scenario import Scenario
from sim.statistics.crossing import Crossing
from sim.studies.discover.event import Event
from sim.studies.settings import CheckError, SettingError, Settings
from sim.studies.table import console
from sim.studies.threshold import study as threshold
from sim.studies.threshold.axis import models_of
from sim.studies.threshold.study import computed, ends_over_inputs, question
from sim.studies.threshold.table import over_inputs, show, verdict
from tests.studies.test_tornado import DAY, TEXT, scenario

N = 1_000
SETTINGS = Settings(replications=N, inputs=20, histories=5)
#: The goal is known, so a strike comes at the pace alone.
CALM = TEXT.replace("start: {drawn: {calm: 0.5, bold: 0.3, rash: 0.2}}", "start: calm").replace(
    "    meaning: what North wants\n    basis: {judgement: invented for a test}",
    "    meaning: what North wants\n    basis: {judgement: invented, fixed: for a test}",
)
PATH = {"path": "inputs.pace", "values": 5}


def calm() -> Scenario:
    return scenario(CALM)


def crossing(level: float, days: int = DAY) -> float:
    """The pace at which a strike by the day has this chance."""
    return -math.log1p(-level) / days


@pytest.fixture(scope="module")
def data() -> threshold.Data:
    return computed(question(calm(), {**PATH, "level": 0.4}), SETTINGS)


def test_the_crossing_is_that_of_the_closed_form(data: threshold.Data) -> None:
    [one] = data["crossings"]
    truth = crossing(0.4)
    # Four standard errors of the share over the slope of the curve.
    assert one["value"] == pytest.approx(truth, abs=4 * math.sqrt(0.24 / N) / (DAY * 0.6))
    assert one["low"] <= truth <= one["high"]
    assert one["rises"]
    assert one["share_of_law"] == pytest.approx((one["value"] - 0.002) / 0.010, abs=0.001)
    assert len(data["curve"]) <= 45
    assert "rises through 40 % at pace = 0.00" in verdict(data)[0]


def test_a_moved_input_is_not_compiled_anew_and_plays_as_if_it_were() -> None:
    told = scenario()
    at = models_of(question(told, PATH).axis, "survived")
    for value in (0.003, 0.0117):
        fixed = Quantity("pace", Law("fixed", (value,)))
        spec = replace(told.spec, inputs=tuple(fixed if q.name == "pace" else q for q in told.spec.inputs))
        rows = [
            simulate_part(Task(model, 1, DAY, (DAY,), past=past), Part(0, 0, 200))
            for model, past in (at(value), (compile_model(spec, strict=False), None))
        ]
        assert rows[0].fingerprint() == rows[1].fingerprint()
    assert at(0.003)[0].digest != at(0.0117)[0].digest
    assert at(0.003)[0].rows is at(0.0117)[0].rows


def test_the_range_over_the_other_inputs_is_that_of_the_crossing() -> None:
    # Calm, bold and rash have factors 1, 2 and 2-6: the crossing is that of one clock over the factor.
    asked = question(scenario(), {**PATH, "level": 0.4, "values": 6})
    told = computed(asked, replace(SETTINGS, inputs=80, histories=80))
    [one] = told["crossings"]
    low, high = one["over_inputs"]
    assert high == pytest.approx(crossing(0.4), rel=0.2)  # half of the draws are calm, so the 90 % point is, too
    assert low is None or low == pytest.approx(0.002, rel=0.3)  # rash draws cross near the first value or before
    assert one["low"] < one["value"] < one["high"] < high


def test_other_numbers_of_a_scenario_can_be_moved() -> None:
    goals = "drawn: {calm: 0.5, bold: 0.3, rash: 0.2}", "drawn: {calm: 0.0, bold: 1.0, rash: 0.0}"
    told = scenario(TEXT.replace(*goals))
    by = {"by": 60, "level": 0.5, "values": 5}
    factor = question(told, {**by, "path": "actions.north.strikes.times.goal_is_bold", "low": 0.5, "high": 4})
    found = computed(factor, replace(SETTINGS, replications=200))
    grid = 0.002 + 0.010 * (np.arange(1_000) + 0.5) / 1_000
    [one] = found["crossings"]
    chance = [float((1 - np.exp(-grid * one[end] * 60)).mean()) for end in ("low", "high")]
    assert chance[0] <= 0.5 <= chance[1]
    count = question(told, {"event": "talk", "by": 60, "path": "state.talked.start", "low": 0, "high": 4, "values": 5})
    counted = computed(count, replace(SETTINGS, replications=200))
    assert [row["value"] for row in counted["curve"]] == [0, 1, 2, 3, 4]
    assert counted["curve"][-1]["probability"] == 1.0  # four speeches are more than three


def test_a_fixed_number_can_be_moved_too() -> None:
    law = "uniform: [0.002 per d, 0.012 per d], basis: {judgement: invented for a test}"
    told = scenario(CALM.replace(law, "value: 0.003 per d, basis: {judgement: so be it, fixed: known}"))
    asked = question(told, {**PATH, "level": 0.4})
    assert (asked.axis.low, asked.axis.high) == pytest.approx((0.00075, 0.012))
    [one] = computed(asked, SETTINGS)["crossings"]
    assert one["low"] <= crossing(0.4) <= one["high"]
    assert one["share_of_law"] is None


def test_a_level_that_is_not_crossed_is_said() -> None:
    never = computed(question(calm(), {**PATH, "level": 0.9}), SETTINGS)
    assert never["crossings"] == []
    assert "does not cross 90 % in this range of pace: it stays below" in verdict(never)[0]
    flat = computed(question(calm(), {"path": "inputs.talk_rate", "level": 0.4}), SETTINGS)
    assert len({row["probability"] for row in flat["curve"]}) == 1  # nothing reads it: the same histories, bit for bit


def test_a_range_over_the_inputs_beyond_the_values_is_said_to_lie_on_its_side() -> None:
    values, flat = [1.0, 2.0, 3.0], np.array([0.1, 0.1, 0.1])
    rising = Crossing(2.0, 1.9, 2.1, rises=True)
    # In nine of ten draws the chance never gets to the level: they cross above the values, if at all.
    ends, beyond = ends_over_inputs(rising, (flat, flat), values, 0.4)
    assert (ends, beyond) == ([None, None], [1, 1])
    assert ends is not None
    assert beyond is not None
    assert over_inputs({"kind": "number"}, ends, beyond) == "all of it above this range"
    ends, beyond = ends_over_inputs(rising, (flat, np.array([0.3, 0.5, 0.6])), values, 0.4)
    assert (ends, beyond) == ([pytest.approx(1.5), None], [0, 1])
    assert ends is not None
    assert beyond is not None
    assert over_inputs({"kind": "number"}, ends, beyond) == "1.5 to beyond this range"
    ends, beyond = ends_over_inputs(rising, (flat + 0.5, flat + 0.6), values, 0.4)
    assert ends is not None
    assert beyond is not None
    assert over_inputs({"kind": "number"}, ends, beyond) == "all of it below this range"


def test_a_level_met_at_an_end_or_everywhere_is_told_as_what_it_is(data: threshold.Data) -> None:
    one = {"value": None, "low": None, "high": 0.004, "rises": True, "share_of_law": None, "over_inputs": None}
    [line] = verdict({**data, "crossings": [one], "touches": []})
    assert line.startswith(
        "The chance rises from about 40 % at the lower end of the range on: it crosses 40 % somewhere up"
    )
    [line] = verdict({**data, "crossings": [{**one, "low": 0.01, "high": None}], "touches": []})
    assert line.startswith(
        "The chance rises to about 40 % at the upper end of the range: it crosses 40 % somewhere from"
    )
    [line] = verdict({**data, "crossings": [], "touches": [[None, None]]})
    assert line == "The chance cannot be told from 40 % anywhere in this range of pace."


def test_outcomes_and_flags_are_events_too() -> None:
    asked = question(calm(), {**PATH, "event": "quiet", "by": 60, "level": 0.6})
    assert asked.event == Event("outcome", "quiet", 60)
    found = computed(asked, SETTINGS)
    [one] = found["crossings"]
    assert not one["rises"]
    assert one["low"] <= crossing(0.4, 60) <= one["high"]
    assert "falls through 60 %" in verdict(found)[0]


@pytest.mark.campaign
def test_the_interval_holds_the_crossing_as_often_as_it_says() -> None:
    """Through the engine; the short form, without it, is in tests/statistics/test_crossing.py."""
    held, asked = 0, question(calm(), {**PATH, "level": 0.4, "values": 5})
    for seed in range(300):
        [one] = computed(asked, replace(SETTINGS, seed=seed, inputs=20, histories=5))["crossings"]
        held += one["low"] <= crossing(0.4) <= one["high"]
    # Four standard errors of 300 repeats below 95 %: a right interval fails once in 30,000.
    assert held / 300 >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 300)


def test_what_cannot_be_asked() -> None:
    for study, why in (
        ({}, r"study.path: none given; .* \(one_clock has the inputs pace, rash_x, talk_rate"),
        ({"path": "inputs.pase"}, r"there is no input 'pase' \(did you mean 'pace'\?\)"),
        ({**PATH, "level": 1}, r"study.level: 1; a chance between 0 and 1"),
        ({**PATH, "level": "half"}, r"study.level: 'half'"),
        ({**PATH, "low": 0.5, "high": 0.1}, r"0.5 to 0.1; the first must be the smaller"),
        ({**PATH, "low": "3 d"}, r"study.low: '3 d' is not in the unit of inputs.pace, per day"),
        ({**PATH, "low": "few"}, r"study.low: 'few': not a number"),
        ({**PATH, "values": 2}, r"study.values: 2 is outside 3 … 200"),
        ({**PATH, "low": "-0.1"}, r"study.low: -0.1; pace is never negative in the scenario \(0.003 to 0.011 per d"),
        ({"path": "inputs.rash_x", "low": -1, "high": 3}, r"study.low: -1; rash_x is never negative"),
        ({"path": "state.talked.start"}, r"state.talked.start has no range of its own; give both"),
        ({"path": "state.goal.start", "low": 0, "high": 2}, r"has levels \(calm, bold, rash\)"),
        ({"path": "state.talked.start", "low": 0.5, "high": 2}, r"whole numbers are wanted"),
        ({"path": "milestones.talk", "low": 1, "high": 2}, r"a variant changes state, inputs"),
    ):
        with pytest.raises((SettingError, ScenarioError), match=why):
            question(scenario(), study)
    assert question(calm(), {**PATH, "low": "1 per 100 d", "high": "1 per 50 d"}).axis.high == pytest.approx(0.02)


def test_it_is_shown_kept_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = question(scenario(), {**PATH, "level": 0.5, "values": 3})
    settings = replace(SETTINGS, replications=200)
    found, folder = threshold.threshold(scenario(), asked, settings, tmp_path)
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == found
    assert pq.read_table(folder / "threshold.parquet").num_rows == len(found["curve"])
    assert threshold.threshold(scenario(), asked, settings, tmp_path) == (found, folder)
    assert "shown, not computed again" in capsys.readouterr().err
    other = question(scenario(), {**PATH, "level": 0.3, "values": 5})
    assert threshold.threshold(scenario(), other, settings, tmp_path)[1] != folder
    stream = StringIO()
    show(found, console(stream))
    text = " ".join(stream.getvalue().split())
    assert "The chance of strike (North has struck) by 15 Feb 2026" in text
    assert "pace (in the scenario 0.003 to 0.011 per d" in text
    assert "at each of" in text
    assert all(path.stat().st_size > 1_000 for path in threshold.plot(found, folder))
    wrong = folder / "summary.json"
    wrong.write_text(json.dumps({**found, "level": 0.6}), encoding="utf-8")
    with pytest.raises(CheckError, match="computed again"):
        threshold.threshold(scenario(), asked, replace(settings, again=True), tmp_path)
