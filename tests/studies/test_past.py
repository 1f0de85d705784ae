"""Forecasts that remember the crisis: the model of the past, what every study makes of it, what readers are told."""

import datetime
import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.engines.units import draw_inputs, draw_starts, keys_for
from sim.model.compiled import compile_model
from sim.model.renaming import renamed
from sim.model.spec import Rate, Spec
from sim.runs.past import APART, Past
from sim.runs.plan import Part, play, simulate_part, surviving_inputs
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.studies.describe import describe
from sim.studies.forecast import Result, forecast, identity_of, load, task_of
from sim.studies.library import scenario_of
from sim.studies.past import _first, apart, known_past, lines, named, past_of, work
from sim.studies.settings import RESTART, SettingError, Settings, read_settings
from sim.studies.tornado import study as tornado
from sim.studies.trace import replay
from sim.studies.update import study as update
from sim.studies.update.mix import TIME, Pair, items, mixed
from sim.studies.weigh.then import _as_of
from sim.studies.weigh.weighed import opened
from tests.runs import small
from tests.runs.test_past import CRISIS
from tests.scenario.mini import MINI, act, bend, made, problems

HOLDS = Settings(replications=3_000, inputs=20, histories=5)
FORGETS = replace(HOLDS, past=RESTART)


def crisis() -> Scenario:
    return small.scenario(CRISIS)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def holds(results: Path) -> Result:
    return forecast(crisis(), HOLDS, results)


@pytest.fixture(scope="module")
def forgets(results: Path) -> Result:
    return forecast(crisis(), FORGETS, results)


# ---------------------------------------------------------------------------------------------- the model of the past
def past_in_force(scenario: Scenario, spec: Spec | None = None) -> Past:
    found = past_of(scenario, spec or scenario.spec, "survived")
    assert found is not None
    return found


@pytest.mark.parametrize(("as_of", "days"), [("2025-09-27", 25), ("2025-11-17", 76)])
def test_the_past_runs_from_the_start_of_the_crisis_to_the_forecast(as_of: str, days: int) -> None:
    scenario = scenario_of("venezuela_2025", as_of)
    past, now = past_in_force(scenario), task_of(scenario, Settings()).model
    assert past.days == days
    then, numbers = past.model, np.arange(300, dtype=np.int64)
    mine, other = (draw_inputs(model, keys_for(model, 1), numbers) for model in (then, now))
    shared = set(then.inputs) & set(now.inputs)
    assert len(shared) > 20
    for name in shared:
        assert np.array_equal(mine[then.inputs.index(name)], other[now.inputs.index(name)]), name
    before, after = (draw_starts(model, keys_for(model, 1), numbers) for model in (then, now))
    assert np.array_equal(before[then.variables.index("goal")], after[now.variables.index("goal")])


def test_what_is_known_stands_as_it_stood_and_inputs_as_they_stand() -> None:
    two = bend("{min: 0, start: 21, meaning: strikes so far, basis: {data: counted}}",
               "{min: 0, meaning: strikes so far, start: [{from: 2025-09-27, value: 3, basis: {report: [1]}}, "
               "{from: 2025-11-17, value: 21, basis: {report: [2]}}]}")  # fmt: skip
    two = bend("share: {uniform: [0.2, 0.7], basis: {judgement: wide}}",
               "share: [{from: 2025-09-27, uniform: [0.1, 0.9], basis: {report: [1]}}, "
               "{from: 2025-11-17, uniform: [0.2, 0.7], basis: {report: [2]}}]", two)  # fmt: skip
    scenario = made(two)
    past = past_in_force(scenario).model
    assert [past.start[past.variables.index("strikes")], scenario.spec.variables[3].start] == [3, 21]
    # Finding 2 was reported in those days, so that law knows the past.
    assert past.input_laws[past.inputs.index(apart("share"))].parameters == (0.2, 0.7)
    assert past_in_force(made(two, "2025-09-27")).days == 25


def test_dates_count_from_the_start_of_the_crisis() -> None:
    """Due on 10 October, at its start: 37 days into a crisis that began on 2 September."""
    text = act("on: 2025-10-10, then: {struck: yes}")
    assert "usa.extra" not in {action.name for action in made(text).spec.actions}  # over by the date of the forecast
    [due] = [row.time for row in past_in_force(made(text)).model.rows if row.kind == "calendar"]
    assert due == 37.0
    # On the day after the past ends it belongs to the future.
    for day, there in (("2025-11-17", 1), ("2025-11-18", 0)):
        rows = past_in_force(made(act(f"on: {day}, then: {{struck: yes}}, basis: {{data: measured}}"))).model.rows
        assert sum(row.kind == "calendar" for row in rows) == there


def test_actions_that_bear_on_no_outcome_are_left_out_and_change_nothing() -> None:
    scenario = scenario_of("venezuela_2025", "2025-11-17")
    task, early = task_of(scenario, Settings()), scenario_of("venezuela_2025", "2025-09-27").spec
    assert task.past is not None
    laws = {quantity.name: quantity for quantity in scenario.spec.inputs}
    starts = {v.name: v.start for v in scenario.spec.variables}
    whole = replace(
        early,
        inputs=tuple(laws.get(quantity.name, quantity) for quantity in early.inputs),
        variables=tuple(replace(v, start=starts["goal"]) if v.name == "goal" else v for v in early.variables),
    )
    whole = renamed(whole, {name: apart(name) for name in known_past(scenario)})
    assert len(task.past.model.rows) < len(whole.actions)
    full = replace(task, past=Past(compile_model(whole, strict=False), task.past.days))
    numbers = np.arange(1_500, dtype=np.int64)
    assert np.array_equal(surviving_inputs(full, numbers), surviving_inputs(task, numbers))


def test_nothing_is_remembered_without_a_start_or_on_its_very_day() -> None:
    assert task_of(small.scenario(), Settings()).past is None
    today = small.TEXT.replace("until: 120 days", "crisis_start: 2025-11-17\nuntil: 120 days")
    assert task_of(small.scenario(today), Settings()).past is None
    assert task_of(scenario_of("cuba_1962", "1962-10-16"), Settings()).past is None


def test_a_scenario_without_a_model_on_its_first_date_is_refused() -> None:
    late = bend("pace: {lognormal: {median: 1 per 21 d, p90: 1 per 10 d}, basis: {judgement: weeks apart}}",
                "pace: [{from: 2025-11-17, lognormal: {median: 1 per 21 d, p90: 1 per 10 d}, basis: {report: [2]}}]",
                MINI)  # fmt: skip
    scenario = made(late)
    with pytest.raises(SettingError, match=r"2025-09-02 .*model of 2025-09-27.*(?s:.)*run\.past=restart"):
        task_of(scenario, Settings())
    assert task_of(scenario, FORGETS).past is None


def test_changes_hold_in_the_past_too() -> None:
    plain, quick = (
        scenario_of("venezuela_2025", "2025-11-17", changes=c) for c in ({}, {"inputs.review_rate": "1 per 2 d"})
    )
    assert past_in_force(plain).digest != past_in_force(quick).digest
    assert "review_rate" not in past_in_force(quick).model.inputs


@pytest.mark.parametrize(
    ("since", "age"), [("2025-08-20", 14.0), ("2025-09-01", 2.0), ("2025-09-02", 1.0), ("2025-09-20", 0.0)]
)
def test_a_trend_counts_from_its_date(since: str, age: float) -> None:
    """At the end of 2 September, where the past begins; from then on where its date lies within the past."""
    body = f"rate: pace, trend: {{shape: 0.8, at: 30 d, since: {since}}}, then: {{struck: yes}}, basis: {{data: seen}}"
    spec = _first(made(act(body)))
    [clock] = [action.clock for action in spec.actions if action.name == "usa.extra"]
    assert isinstance(clock, Rate)
    assert clock.trend is not None
    assert clock.trend.age == age


# --------------------------------------------------------------------------------------------- what is not remembered
KNOWING = f"""\
format: 1
name: mini
title: One event
question: Does it happen?
as_of: 2025-11-17
crisis_start: 2025-10-18
until: 30 days
horizons: [30]
reports:
  old: {{outlet: A paper, date: 2025-10-18}}
  new: {{outlet: A paper, date: 2025-11-01}}
findings:
  1: {{report: old, says: "a quarrel"}}
  2: {{report: new, says: "a quarrel still"}}
not_modelled: {{1: seen, 2: seen}}
actors:
  north: {{label: North, what: strikes}}
state:
  struck: {{start: no, meaning: somebody has struck, {small.BASIS}}}
  kind: {{levels: [calm, hot], start: {{drawn: {{calm: 0.6, hot: 0.4}}}}, meaning: what North is, {small.BASIS}}}
inputs:
  pace: {{gamma: {{shape: 2, mean: 0.04 per d}}, {small.BASIS}}}
actions:
  north.strikes:
    {{says: a strike, while: not struck, rate: pace, times: {{kind is hot: 2}}, then: {{struck: yes}}, {small.BASIS}}}
milestones:
  strike: {{when: struck, says: a strike, seen_by: public}}
outcomes:
  - {{name: struck, when: struck, says: somebody has struck}}
  - {{name: quiet, says: nothing happened}}
ends: [struck]
"""
MARKED = {
    "neither": KNOWING,
    "pace": bend("mean: 0.04 per d}, ", "mean: 0.04 per d}, knows_past: yes, ", KNOWING),
    "kind": bend(
        "start: {drawn: {calm: 0.6, hot: 0.4}}", "start: {drawn: {calm: 0.6, hot: 0.4}, knows_past: yes}", KNOWING
    ),
}


def moments(marked: str, days: float = 30.0) -> dict[str, float]:
    """Means of pace, of kind, and of pace where kind is hot, given that nothing happened.

    The pace is Gamma with shape a and scale s; with the factor k nothing happens in D days with chance (1 + s k D)^-a,
    and then the pace has the mean a s / (1 + s k D). What knows the past is drawn in it once more.
    """
    shape, scale, share = 2.0, 0.02, 0.4
    quiet = {k: (1 + scale * k * days) ** -shape for k in (1, 2)}
    mean = {k: shape * scale / (1 + scale * k * days) for k in (1, 2)}
    weight = {1: (1 - share) * quiet[1], 2: share * quiet[2]}
    hot = weight[2] / (weight[1] + weight[2])
    mixed = (1 - hot) * mean[1] + hot * mean[2]
    return {
        "neither": {"pace": mixed, "kind": hot, "both": mean[2]},
        "pace": {"pace": shape * scale, "kind": hot, "both": shape * scale},
        "kind": {"pace": mixed, "kind": share, "both": mixed},
    }[marked]


@pytest.mark.parametrize("marked", list(MARKED))
def test_survival_says_nothing_of_what_knows_the_past_and_all_of_the_rest(marked: str) -> None:
    """Bounds of 4.5 standard errors, over 20,000 draws: a false alarm in 50,000 runs."""
    task, numbers = task_of(made(MARKED[marked]), Settings()), np.arange(20_000, dtype=np.int64)
    used = surviving_inputs(task, numbers)
    [pace] = draw_inputs(task.model, keys_for(task.model, 1), used)
    kind = draw_starts(task.model, keys_for(task.model, 1), used)[task.model.variables.index("kind")] == 1

    def agrees(expected: dict[str, float]) -> bool:
        found = {"pace": pace, "kind": kind, "both": pace[kind]}
        errors = {name: values.std() / math.sqrt(values.size) for name, values in found.items()}
        return all(abs(values.mean() - expected[name]) < 4.5 * errors[name] for name, values in found.items())

    assert agrees(moments(marked))
    for wrong in MARKED.keys() - {marked}:  # another mark, or none
        assert not agrees(moments(wrong)), wrong
    assert not agrees(moments(marked, 20.0))  # another length of the past


@pytest.mark.parametrize(
    ("basis", "knows"),
    [
        ("basis: {report: 2}", True),
        ("basis: {report: [1, 2]}", True),
        ("basis: {report: 1}", False),  # of the very day on which the crisis began
        ("basis: {judgement: felt, report: 2}", False),
        ("basis: {data: counted, report: 2}", False),
        ("knows_past: no, basis: {report: 2}", False),
        ("knows_past: yes, basis: {judgement: felt}", True),
    ],
)
def test_a_law_that_rests_on_findings_of_those_days_knows_the_past(basis: str, knows: bool) -> None:
    text = bend("not_modelled: {1: seen, 2: seen}\n", "", KNOWING)
    text = bend('says: "a quarrel"}', 'says: "a quarrel"}\n  3: {report: old, says: "words"}', text)
    other = "also: {uniform: [0.1, 0.2], basis: {report: [1, 2]}, knows_past: no}\n"
    text = bend("actions:", f"  {other}actions:", bend("times: {kind", "times: {always: also, kind", text))
    text = bend("ends:", "not_modelled: {3: words}\nends:", text)
    for name, old in (
        ("pace", f"0.04 per d}}, {small.BASIS}"),
        ("kind", f"hot: 0.4}}}}, meaning: what North is, {small.BASIS}"),
    ):
        new = old.replace(small.BASIS, basis) if name == "pace" else f"hot: 0.4}}, {basis}}}, meaning: what North is"
        assert known_past(made(bend(old, new, text))) == ({name} if knows else set())


def test_a_mark_says_yes_or_no_and_stands_where_something_is_drawn() -> None:
    [fault] = problems(bend("mean: 0.04 per d}, ", "mean: 0.04 per d}, knows_past: maybe, ", KNOWING))
    assert (fault.key, fault.why) == ("inputs.pace.knows_past", "yes or no is wanted")
    [fault] = problems(bend("{start: no,", "{start: {value: no, knows_past: yes},", KNOWING))
    assert fault.key == "state.struck.start.knows_past"
    assert fault.why.startswith("goes with `drawn`")
    [fault] = problems(bend("deaths: {poisson: {mean: 2.95}", "deaths: {knows_past: yes, poisson: {mean: 2.95}"))
    assert fault.key == "amounts.deaths.knows_past"
    assert known_past(changed({"inputs.pace": 0.03}, MARKED["pace"])) == set()  # a number in place of the law


CHANGED = {"state.troops_k.start": 100}


def changed(changes: dict[str, Any] = CHANGED, text: str = MINI) -> Scenario:
    data: dict[Any, Any] = dict(read_bytes(text.encode(), "mini.yaml").data)
    return scenario_of(data, changes=changes)


def test_a_changed_start_is_a_what_if_and_leaves_the_past_as_it_was() -> None:
    plain, other = past_in_force(made(MINI)), changed()
    assert past_in_force(other).digest == plain.digest
    assert other.spec.variables[2].start == 100
    assert past_in_force(changed({"state.strikes.start": 90})).digest == plain.digest
    twice = scenario_of(other, changes={"state.troops_k.start": 50, "state.strikes.start": 7})
    assert past_in_force(twice).digest == plain.digest
    # What is assumed of a hidden type, or of an input, has been so all along.
    for change in ({"state.goal.start": "removal"}, {"state.goal.start.drawn": {"pressure": 0.1, "removal": 0.9}}):
        past = past_in_force(changed(change))
        assert past.digest != plain.digest
    assert past_in_force(changed({"inputs.pace": 0.01})).digest != plain.digest


def test_a_changed_start_is_kept_with_the_run(tmp_path: Path) -> None:
    settings = replace(HOLDS, replications=100)
    found = forecast(changed(), settings, tmp_path)
    scenario, _, task = opened(found.folder)
    assert task.past is not None
    assert task.past.digest == past_in_force(made(MINI)).digest
    assert scenario.unchanged == changed().unchanged
    assert forecast(scenario, settings, tmp_path).folder == found.folder
    # The same numbers in a file are no what-if: another past, and another name for studies that keep their answer.
    own = made(
        bend("value: 4, basis: {report: [1]}", "value: 100, basis: {report: [1]}").replace("value: 15,", "value: 100,")
    )
    assert named(own, "survived") != named(changed(), "survived")


BARE: dict[str, Any] = {
    "pace": 0.03,
    "a text": "1e-2",
    "a law": {"gamma": {"shape": 2, "mean": 0.03}},
    "ends": {"uniform": [0.01, 0.03]},
    "dated": [{"from": "2025-09-02", "value": 0.01}, {"from": "2025-11-17", "value": 0.03}],
}


@pytest.mark.parametrize("number", BARE.values(), ids=BARE)
def test_a_run_changed_by_a_bare_number_can_be_opened_again(number: Any, tmp_path: Path) -> None:
    """It took its unit from what it was laid over, and that is not kept with the run."""
    scenario, settings = changed({"inputs.pace": number}), replace(HOLDS, replications=100)
    found = forecast(scenario, settings, tmp_path)
    again, _, task = opened(found.folder)
    assert again.spec == scenario.spec
    assert task.past is not None
    assert task.past.digest == past_in_force(scenario).digest
    assert forecast(again, settings, tmp_path).folder == found.folder
    # Two ways to write one number are one question.
    if number == 0.03:
        assert forecast(changed({"inputs.pace": "0.03 per d"}), settings, tmp_path).folder == found.folder


def test_an_earlier_day_of_a_changed_scenario_remembers_the_same_start() -> None:
    """A start that was changed is a what-if; the past of the day on which something was said is not changed by it."""
    day = datetime.date(2025, 11, 10)
    told, plain = (past_in_force(_as_of(one, day, [30])) for one in (changed(), made(MINI)))
    assert told.digest == plain.digest


def test_what_knows_the_past_is_described_so() -> None:
    mark = "knows the days since"
    for which, text in MARKED.items():
        told = " ".join(" ".join(describe(made(text))).split())
        assert (mark in told) == (which != "neither"), which


def test_the_count_of_work_is_what_progress_hears(tmp_path: Path) -> None:
    heard: list[int] = []
    for scenario in (crisis(), small.scenario()):
        heard.clear()
        forecast(scenario, HOLDS, tmp_path / scenario.name, progress=heard.append)
        assert sum(heard) == work(scenario, HOLDS)


# ------------------------------------------------------------------------------------------------------------ settings
def test_the_setting_is_survived_or_restart() -> None:
    assert read_settings({}).past == "survived"
    with pytest.raises(SettingError, match=r"run\.past: 'survive' is unknown.*survived"):
        read_settings({"past": "survive"})


def test_a_restart_is_named_as_a_scenario_without_a_start() -> None:
    scenario = crisis()
    ids = [identity_of(scenario, task_of(scenario, s)).configuration for s in (HOLDS, FORGETS)]
    assert ids[0] != ids[1]
    assert identity_of(scenario, replace(task_of(scenario, HOLDS), past=None)).configuration == ids[1]
    plain = small.scenario()
    assert len({identity_of(plain, task_of(plain, s)).configuration for s in (HOLDS, FORGETS)}) == 1


# ------------------------------------------------------------------------------------------------------- the forecast
def test_the_difference_from_a_restart_is_that_of_the_two_forecasts(holds: Result, forgets: Result) -> None:
    assert holds.folder != forgets.folder
    assert forgets.summary["past"] is None
    told = holds.summary["past"]
    assert (told["since"], told["days"], told["pasts"]) == ("2025-09-20", 58, 3_000)
    assert (told["stands"], told["nothing"]) == ("quarrel", True)
    for name, by in told["differences"]["milestones"].items():
        for day, one in by.items():
            mine, other = (r.milestones[name]["by"][day]["probability"] for r in (holds, forgets))
            assert math.isclose(one["difference"], mine - other, abs_tol=1e-12)
    for name, by in told["differences"]["outcomes"].items():
        for day, one in by.items():
            mine, other = (r.summary["outcomes_by"][day][name]["probability"] for r in (holds, forgets))
            assert math.isclose(one["difference"], mine - other, abs_tol=1e-12)
    assert abs(told["differences"]["milestones"]["strike"]["120"]["difference"]) > 0.02


def test_the_moves_of_inputs_are_those_of_the_rows(holds: Result, forgets: Result) -> None:
    rows, plain, told = holds.rows(), forgets.rows(), holds.summary["past"]
    for one in told["inputs"]:
        column = f"input.{one['name']}"
        assert math.isclose(one["after"], rows.column(column).to_numpy().mean())
        assert math.isclose(one["before"], plain.column(column).to_numpy().mean())
    for one in told["starts"]:
        mine = rows.column(f"start.{one['name']}").to_numpy() == one["value"]
        assert math.isclose(one["after"], mine.mean())
    shifts = [abs(one["shift"]) for one in told["inputs"]]
    assert shifts == sorted(shifts, reverse=True)
    assert told["inputs"][0]["name"] == "pace"
    assert told["inputs"][0]["shift"] < -0.05  # nothing came of a long quarrel: the pace is slow
    numbers = rows.column("input").to_numpy()
    assert math.isclose(told["survived"]["probability"], (numbers == np.arange(3_000)).mean())
    assert plain.column("input").to_numpy().tolist() == list(range(3_000))


def test_the_text_says_what_is_remembered(holds: Result, forgets: Result) -> None:
    memory, difference = lines(holds.summary)
    assert "no other outcome than “quarrel” had come about from 20 Sep 2025 to 17 Nov 2025" in memory
    assert "pace down" in memory
    assert difference.startswith("A plain restart (run.past=restart) would give strike ")
    chance = 100 * forgets.milestones["strike"]["by"]["30"]["probability"]
    assert f" {chance:.1f} % by 17 Dec 2025 (" in difference
    assert lines(forgets.summary) == []
    assert lines({key: value for key, value in holds.summary.items() if key != "past"}) == []


def test_of_a_hidden_type_the_text_names_the_level_that_moved(holds: Result) -> None:
    told = holds.summary["past"]
    row = {"name": "goal", "value": 1, "word": "removal", "before": 0.5, "after": 0.2, "shift": -0.6, "error": 0.01}
    text = lines({**holds.summary, "past": {**told, "starts": [row], "inputs": []}})[0]
    assert text.endswith("That moved most: goal: removal less likely.")
    assert {one["word"] for one in told["starts"]} == {"bargain", "force"}


def test_a_long_run_is_compared_over_its_first_histories_only(
    monkeypatch: pytest.MonkeyPatch, holds: Result, tmp_path: Path
) -> None:
    monkeypatch.setattr("sim.studies.past.COMPARED", 500)
    told = forecast(crisis(), replace(HOLDS, chunk=200), tmp_path).summary["past"]
    again = forecast(crisis(), replace(HOLDS, replications=500), tmp_path / "short").summary["past"]
    assert told == again
    assert told["pasts"] == 500


def test_a_run_on_disk_is_opened_with_its_own_memory(holds: Result, forgets: Result) -> None:
    assert opened(holds.folder)[2].past is not None
    assert opened(forgets.folder)[2].past is None
    kept = forgets.folder / "config.yaml"
    text = kept.read_text()
    kept.write_text(text.replace("  past: restart\n", ""))  # a run from before there was a choice
    try:
        assert opened(load(forgets.folder).folder)[1].past == RESTART
    finally:
        kept.write_text(text)


# -------------------------------------------------------------------------------------------------------- other studies
def test_a_trace_is_the_replication_of_the_run() -> None:
    task = task_of(crisis(), HOLDS)
    rows = simulate_part(task, Part(0, 0, 60))
    moved = (surviving_inputs(task, np.arange(60, dtype=np.int64)) >= APART // 2**21).nonzero()[0]
    assert moved.size > 3
    for number in moved[:3].tolist():
        mine = replay(crisis(), task, number).rows
        assert np.array_equal(mine.inputs[:, 0], rows.inputs[:, number])
        assert np.array_equal(mine.milestones[:, 0], rows.milestones[:, number])


def test_a_tornado_asks_about_the_forecast() -> None:
    scenario = crisis()
    asked = tornado.Question("strike", 90, 600)
    for settings in (HOLDS, FORGETS):
        data = tornado.computed(scenario, asked, settings)
        rows = simulate_part(task_of(scenario, settings), Part(0, 0, 600))
        assert data["probability"] == float((rows.milestones[1] <= 90).mean())


def test_what_a_tornado_holds_is_held_in_the_past() -> None:
    [doubt] = [d for d in tornado.doubts(crisis()) if d.name == "goal"]
    for value, (_, spec) in enumerate(doubt.values):
        past = past_in_force(crisis(), spec).model
        assert past.start[past.variables.index("goal")] == value
    ends = next(d for d in tornado.doubts(crisis()) if d.name == "pace").values
    digests = {past_in_force(crisis(), spec).digest for _, spec in ends}
    assert len(digests) == 2


def test_an_update_compares_forecasts_that_remember() -> None:
    text = bend("start: 21", "start: 3", MINI)
    first, last = datetime.date(2025, 9, 27), datetime.date(2025, 11, 17)
    asked = update.Question((first, last), datetime.date(2026, 1, 1), "first_strike", 400)
    found = {}
    for settings in (HOLDS, FORGETS):
        data = update.computed(made(text), asked, settings)
        for told in data["forecasts"]:
            scenario = made(text, told["as_of"], until=float(told["days"]))
            rows = simulate_part(task_of(scenario, settings), Part(0, 0, 400))
            assert told["shares"]["by.first_strike"] == float((rows.milestones[0] <= told["days"]).mean())
        [move] = data["moves"]
        parts = [part["value"] for part in move["parts"] if part["what"] == "by.first_strike"]
        change = move["changes"]["by.first_strike"]["difference"]
        assert math.isclose(sum(parts), change, abs_tol=1e-12)
        found[settings.past] = [told["shares"]["by.first_strike"] for told in data["forecasts"]]
    assert all(a != b for a, b in itertools.zip_longest(*found.values()))


def test_a_mixture_has_the_memory_of_the_date_it_starts_from() -> None:
    pair = Pair(made(MINI, "2025-09-27"), made(MINI))
    everything = {TIME, *(item.path for item in items(pair))}
    assert past_in_force(pair.new, mixed(pair, everything, later=True)).digest == past_in_force(pair.new).digest
    assert past_in_force(pair.old, mixed(pair, (), later=False)).digest == past_in_force(pair.old).digest


def test_what_knows_the_past_may_be_held_there() -> None:
    scenario = made(MARKED["pace"])
    [doubt] = [d for d in tornado.doubts(scenario) if d.name == "pace"]
    for _, spec in doubt.values:
        past = past_in_force(scenario, spec).model
        assert [law.family for law in past.input_laws] == ["fixed"]
    changed_pace = changed({"inputs.pace": 0.03}, MARKED["pace"])
    held = replace(scenario.spec, inputs=(), constants=(("pace", 0.03),))
    assert past_in_force(scenario, held).digest == past_in_force(changed_pace).digest


def test_held_rates_are_constants_of_the_past_where_they_are_constants_now() -> None:
    spec = crisis().spec
    fixed = replace(
        spec,
        inputs=tuple(quantity for quantity in spec.inputs if quantity.name != "pace"),
        constants=(*spec.constants, ("pace", 0.01)),
    )
    assert any(isinstance(action.clock, Rate) for action in fixed.actions)
    model = past_in_force(crisis(), fixed).model
    assert "pace" not in model.inputs
    task = replace(task_of(crisis(), HOLDS), model=compile_model(fixed, strict=False), past=Past(model, 58))
    numbers = np.arange(50, dtype=np.int64)
    assert play(task, surviving_inputs(task, numbers), numbers).inputs.shape == (1, 50)
