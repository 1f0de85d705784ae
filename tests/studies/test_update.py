"""Moves between dates in a world with two rates, where every mixture of old and new has a closed form."""

import datetime
import itertools
import json
import math
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sim.model.compiled import compile_model
from sim.model.spec import Calendar, Delay, Spec
from sim.runs.past import Past
from sim.runs.store import RunError
from sim.scenario.build import build
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.statistics import shapley
from sim.statistics.odds import expit, logit
from sim.studies import command
from sim.studies.library import scenario_of
from sim.studies.settings import CheckError, SettingError, Settings
from sim.studies.table import console
from sim.studies.update import study as update
from sim.studies.update.mix import TIME, Pair, items, mixed, only_bearing, read_by
from sim.studies.update.parts import batches
from sim.studies.update.study import Question, computed, question
from sim.studies.update.table import footer, show
from sim.studies.update.without import without
from tests.runs import small

DATA = "basis: {data: invented}"
TEXT = f"""\
format: 1
name: two_rates
title: Two rates
question: Does either strike?
as_of: 2025-01-31
until: 60 days
horizons: [30, 60]
reports:
  one: {{outlet: A paper, date: 2025-01-01}}
  two: {{outlet: A paper, date: 2025-01-31}}
findings:
  1: {{report: one, says: "a quarrel"}}
  2: {{report: two, says: "it grows"}}
actors:
  north: {{label: North, what: strikes}}
  south: {{label: South, what: strikes}}
state:
  struck: {{start: no, meaning: somebody has struck, {DATA}}}
  speeches: {{min: 0, max: 99, meaning: speeches made, start: [
    {{from: 2025-01-01, value: 0, basis: {{report: [1]}}}}, {{from: 2025-01-31, value: 7, {DATA}}}]}}
inputs:
  north_rate:
    - {{from: 2025-01-01, value: 0.002 per d, basis: {{report: [1]}}}}
    - {{from: 2025-01-31, value: 0.012 per d, basis: {{report: [2]}}}}
  south_rate:
    - {{from: 2025-01-01, value: 0.001 per d, {DATA}}}
    - {{from: 2025-01-31, value: 0.008 per d, {DATA}}}
  talk_rate:
    - {{from: 2025-01-01, value: 0.1 per d, {DATA}}}
    - {{from: 2025-01-31, value: 0.2 per d, {DATA}}}
actions:
  north.strikes: {{says: North strikes, while: not struck, rate: north_rate, then: {{struck: yes}}}}
  south.strikes: {{says: South strikes, while: not struck, rate: south_rate, then: {{struck: yes}}}}
  south.speaks: {{says: South speaks, rate: talk_rate, then: {{speeches: "+1 capped"}}}}
milestones:
  strike: {{when: struck, says: "somebody has struck"}}
outcomes:
  - {{name: blows, when: struck, says: "somebody has struck"}}
  - {{name: quiet, says: "nobody has"}}
"""
N = 20_000
FIRST, SECOND = datetime.date(2025, 1, 1), datetime.date(2025, 1, 31)
BY = datetime.date(2025, 3, 2)
DAYS = ((BY - FIRST).days, (BY - SECOND).days)
ASKED = Question((FIRST, SECOND), BY, "strike", N)


def scenario(text: str = TEXT, as_of: datetime.date | None = None) -> Scenario:
    return build(read_bytes(text.encode()).data, as_of=as_of)


def pair(text: str = TEXT) -> Pair:
    return Pair(scenario(text, FIRST), scenario(text, SECOND))


def chance(north: int, south: int, later: int) -> float:
    """Chance of a strike by the day with each rate old (0) or new (1), from the earlier or the later date."""
    return 1 - math.exp(-((0.002, 0.012)[north] + (0.001, 0.008)[south]) * DAYS[later])


def shapley_values() -> list[float]:
    found = [0.0, 0.0, 0.0]
    for order in itertools.permutations(range(3)):
        new = [0, 0, 0]
        for player in order:
            before = chance(*new)
            new[player] = 1
            found[player] += (chance(*new) - before) / 6
    return found


@pytest.fixture(scope="module")
def data() -> update.Data:
    return computed(scenario(), ASKED, Settings())


def parts(data: update.Data, what: str = "by.strike") -> dict[str, Any]:
    return {part["group"]: part for part in data["moves"][0]["parts"] if part["what"] == what}


# Errors are 95 % half-widths: 2.3 of them are 4.5 standard deviations, one false alarm in 150,000 comparisons.
def test_parts_are_those_of_the_closed_form(data: update.Data) -> None:
    found = parts(data)
    names = ["north_rate", "south_rate", TIME]
    assert list(found) == names
    for player, (name, truth) in enumerate(zip(names, shapley_values(), strict=True)):
        part, others = found[name], [1 - (i == player) for i in range(3)]
        alone = chance(*(int(i == player) for i in range(3))) - chance(0, 0, 0)
        last = chance(1, 1, 1) - chance(*others)
        assert part["value"] == pytest.approx(truth, abs=2.3 * part["error"])
        assert part["first_in"] == pytest.approx(alone, abs=2.3 * part["first_error"])
        assert part["last_in"] == pytest.approx(last, abs=2.3 * part["last_error"])
        # What a part is as the first or the last is something else, and would be noticed.
        assert max(abs(alone - truth), abs(last - truth)) > 2.3 * part["error"]


def test_shares_and_changes_are_those_of_the_closed_form(data: update.Data) -> None:
    for forecast, days, truth in zip(data["forecasts"], DAYS, (chance(0, 0, 0), chance(1, 1, 1)), strict=True):
        assert forecast["days"] == days
        assert forecast["shares"]["by.strike"] == pytest.approx(truth, abs=4.5 * 0.5 / math.sqrt(N))
        assert forecast["shares"]["blows"] == forecast["shares"]["by.strike"]
    change = data["moves"][0]["changes"]["quiet"]
    assert change["difference"] == pytest.approx(chance(0, 0, 0) - chance(1, 1, 1), abs=2.3 * change["error"])


def test_parts_add_up_for_every_outcome(data: update.Data) -> None:
    for what, change in data["moves"][0]["changes"].items():
        assert sum(part["value"] for part in parts(data, what).values()) == pytest.approx(
            change["difference"], abs=1e-14
        )
        assert change["difference"] == pytest.approx(change["now"] - change["was"], abs=1e-14)
    for group, part in parts(data, "blows").items():  # what one outcome gains the other loses
        assert part["value"] == pytest.approx(-parts(data, "quiet")[group]["value"], abs=1e-14)


def test_what_bears_on_nothing_asked_is_left_out_and_named(data: update.Data) -> None:
    assert [item["path"] for item in data["moves"][0]["idle"]] == ["state.speeches", "inputs.talk_rate"]
    heard = TEXT.replace('when: struck, says: "somebody has struck"}', 'when: speeches above 20, says: "heard"}', 1)
    assert computed(scenario(heard), replace(ASKED, replications=200), Settings())["moves"][0]["idle"] == []


def test_the_same_question_gives_the_same_answer(data: update.Data) -> None:
    again = computed(scenario(), ASKED, Settings(chunk=7_777))
    assert again == data
    assert computed(scenario(), ASKED, Settings(seed=2)) != data


def test_one_process_plays_what_shares_a_past() -> None:
    models = [compile_model(scenario().spec), compile_model(replace(scenario().spec, name="other"))]
    pasts = [None if i % 7 == 0 else Past(models[i % 2], 5 + i % 3) for i in range(60)]
    assert batches(pasts, 1) == [[i] for i in range(60)]
    for processes in (2, 5, 64):
        found = batches(pasts, processes)
        assert sorted(i for batch in found for i in batch) == list(range(60))
        assert len(found) >= min(3 * processes, 60)
        for batch in found:
            assert len({past.digest if (past := pasts[i]) is not None else None for i in batch}) == 1
    # Two pasts between sixty mixtures make three pieces each for two processes.
    assert [len(batch) for batch in batches([Past(models[i % 2], 5) for i in range(60)], 2)] == [10] * 6


def test_several_processes_give_the_same_answer() -> None:
    asked = replace(ASKED, replications=300)
    alone, together = (computed(scenario(), asked, Settings(chunk=200, executor=e)) for e in ("serial", "processes"))
    assert alone == together


def test_the_table_says_what_is_remembered(data: update.Data) -> None:
    assert "past" not in data
    assert any("the start is a plain restart" in line for line in footer(data))
    remembered = footer({**data, "past": "survived"})
    assert not any("plain restart" in line for line in remembered)
    assert any("run.past=restart forgets it" in line for line in remembered)


def test_without_a_report_its_values_fall_back(data: update.Data) -> None:
    rows = {row["report"]: row for row in data["without"]}
    assert rows["two"]["fallen"] == ["inputs.north_rate"]  # the others rest on data
    change = rows["two"]["changes"]["by.strike"]
    assert change["difference"] == pytest.approx(chance(0, 1, 1) - chance(1, 1, 1), abs=2.3 * change["error"])
    assert rows["one"]["fallen"] == rows["one"]["kept"] == []
    assert rows["one"]["changes"]["by.strike"] == {"difference": 0.0, "error": 0.0}
    early = without(scenario(as_of=FIRST), "one")
    assert (early.fallen, early.kept) == ((), ("state.speeches", "inputs.north_rate"))


# ------------------------------------------------------------------------------------------------- mixtures
def test_all_old_and_all_new_are_the_two_models() -> None:
    cases = [pair()]
    for name, dates in (
        ("venezuela_2025", ("2025-09-27", "2025-11-17")),
        ("cuba_1962", ("1962-10-16", "1962-10-19", "1962-10-22", "1962-10-24", "1962-10-27")),
    ):
        dated = [scenario_of(name, as_of=date) for date in dates]
        cases += [Pair(*two) for two in itertools.pairwise(dated)]
    for case in cases:
        everything = [item.path for item in items(case)]
        assert mixed(case, everything, later=True) == case.new.spec
        old = mixed(case, [], later=False)
        known = {quantity.name for quantity in (*case.old.inputs, *case.old.amounts)}
        lean = replace(
            old,
            inputs=tuple(q for q in old.inputs if q.name in known),
            amounts=tuple(q for q in old.amounts if q.name in known),
            constants=tuple(c for c in old.constants if c[0] in known),
        )
        assert lean == case.old.spec
        compile_model(old, strict=False)


LATER = f"""
  north.storms:
    {{from: 2025-01-31, says: North storms, while: not struck, on: 2025-02-10, then: {{struck: yes}}, {DATA}}}
  south.digs:
    {{says: South digs in, while: not struck, since: 2025-01-11, after: 90 d, then: {{speeches: 0}},
     basis: {{judgement: invented, fixed: for a test}}}}
  south.parades: {{says: South parades, on: 2025-01-20, then: {{speeches: 1}}, {DATA}}}
  south.raids: {{from: 2025-01-31, says: South raids, while: not struck, rate: raid_rate, then: {{struck: yes}}}}
milestones:"""
RAIDS = f"inputs:\n  raid_rate: {{from: 2025-01-31, value: 0.004 per d, {DATA}}}\n"
GROWN = TEXT.replace("\nmilestones:", LATER).replace("inputs:\n", RAIDS)


def clocks(spec: Spec) -> dict[str, Any]:
    return {action.name: action.clock for action in spec.actions}


def test_dates_and_ages_go_with_the_start() -> None:
    grown = pair(GROWN)
    found = {item.path: item for item in items(grown)}
    assert [path for path in found if path.startswith("actions")] == ["actions.north.storms", "actions.south.raids"]
    assert "inputs.raid_rate" not in found  # it comes with the action that reads it
    assert found["actions.north.storms"].says == "can happen now: North storms"
    storm = ["actions.north.storms"]
    early, late = (clocks(mixed(grown, storm, later=later)) for later in (False, True))
    assert early["north.storms"] == Calendar(39.0)
    assert late["north.storms"] == Calendar(9.0)
    assert "north.storms" not in clocks(mixed(grown, [], later=True))
    assert isinstance(early["south.digs"], Delay)
    assert (early["south.digs"].age, late["south.digs"].age) == (0.0, 21.0)
    assert "south.parades" in early
    assert "south.parades" not in late
    order = [action.name for action in mixed(grown, [*found], later=False).actions]
    grown_order = ["north.storms", "south.digs", "south.parades", "south.raids"]
    assert order == ["north.strikes", "south.strikes", "south.speaks", *grown_order]


def test_an_action_that_came_into_being_has_its_part() -> None:
    found = parts(computed(scenario(GROWN), replace(ASKED, replications=4_000), Settings()))
    assert list(found) == ["north_rate", "south_rate", "north.storms", "south.raids", TIME]
    # From either date the storm is sure to come before the day: alone it makes up for all that is missing.
    assert found["north.storms"]["first_in"] == pytest.approx(1 - chance(0, 0, 0), abs=4.5 * 0.5 / math.sqrt(4_000))
    assert found["north.storms"]["value"] > 0.5
    assert sum(part["value"] for part in found.values()) == pytest.approx(1 - chance(0, 0, 0), abs=0.04)


def test_what_bears_on_the_question_is_followed_back() -> None:
    spec = scenario(GROWN).spec
    bearing = read_by([spec], "strike")
    assert {"state.struck", "inputs.north_rate", "actions.south.raids"} <= bearing
    assert not {"state.speeches", "inputs.talk_rate", "actions.south.speaks", "actions.south.digs"} & bearing
    left = [action.name for action in only_bearing(spec, bearing).actions]
    assert left == ["north.strikes", "south.strikes", "north.storms", "south.raids"]


def test_a_mixture_without_meaning_is_named_with_a_remedy() -> None:
    text = TEXT.replace("rate: north_rate", "rate: north_rate - south_rate")
    with pytest.raises(RunError, match=r"with inputs.south_rate.* new has no meaning.*study.groups"):
        computed(scenario(text), replace(ASKED, replications=200), Settings())
    together = (("rates", ("inputs.north_rate", "inputs.south_rate")),)
    data = computed(scenario(text), replace(ASKED, replications=200, groups=together), Settings())
    assert list(parts(data)) == ["rates", TIME]
    assert [row["report"] for row in data["without"] if "failed" in row] == ["two"]
    show(data, console(StringIO()))


# --------------------------------------------------------------------------------------------------- groups
def test_what_moves_least_is_taken_together() -> None:
    grown = scenario(GROWN)
    whole = computed(grown, replace(ASKED, replications=2_000), Settings())["moves"][0]
    few = computed(grown, replace(ASKED, replications=2_000, most=4), Settings())["moves"][0]
    assert [g["name"] for g in few["groups"]] == ["north.storms", "other_inputs", "south.raids", TIME]
    assert [item["path"] for item in few["groups"][1]["items"]] == ["inputs.north_rate", "inputs.south_rate"]
    assert few["changes"] == whole["changes"]
    two = computed(grown, replace(ASKED, replications=500, most=2), Settings())["moves"][0]
    assert [g["name"] for g in two["groups"]] == ["other_changes", TIME]


def test_many_parts_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.statistics.shapley.EXACT", 2)
    data = computed(scenario(), replace(ASKED, replications=4_000, orders=8), Settings())
    move = data["moves"][0]
    assert move["exact"] is False
    assert "random orders" in footer(data)[0]
    found = parts(data)
    assert sum(p["value"] for p in found.values()) == pytest.approx(move["changes"]["by.strike"]["difference"])
    for name, truth in zip(found, shapley_values(), strict=True):
        assert found[name]["value"] == pytest.approx(truth, abs=3 * found[name]["error"])


# ------------------------------------------------------------------------------------------- question, folder
def test_the_question_has_sensible_defaults() -> None:
    assert question(scenario(), {}) == Question((FIRST, SECOND), BY, "strike", 10_000)
    study = {"dates": ["2025-01-01", "2025-01-15", "2025-01-31"], "by": 20, "replications": 500, "orders": 9}
    asked = question(scenario(), {**study, "groups": {"rates": ["inputs.north_rate", "inputs.south_rate"]}})
    assert asked.dates == (FIRST, datetime.date(2025, 1, 15), SECOND)
    assert (asked.by, asked.orders) == (datetime.date(2025, 2, 20), 8)
    assert asked.groups == (("rates", ("inputs.north_rate", "inputs.south_rate")),)
    twice = {"a": ["inputs.north_rate"], "b": "inputs.north_rate"}
    for wrong, why in (
        ({"dates": ["2025-01-31"]}, r"study.dates: 2025-01-31; two dates or more"),
        ({"dates": ["2025-01-31", "2025-01-01"]}, r"earliest first"),
        ({"dates": "soon"}, r"study.dates: 'soon'"),
        ({"by": "2025-01-20"}, r"study.by: '2025-01-20'"),
        ({"milestone": "srike"}, r"did you mean 'strike'"),
        ({"most": 11}, r"study.most: 11 is outside 2 … 10"),
        ({"replications": 3}, r"study.replications: 3 is outside 100"),
        ({"groups": ["inputs.north_rate"]}, r"study.groups: "),
        ({"groups": {"a": ["inputs.nort_rate"]}}, r"study.groups.a: no 'inputs.nort_rate' .*'inputs.north_rate'"),
        ({"groups": twice}, r"study.groups.b: inputs.north_rate is in group a, too"),
    ):
        with pytest.raises(SettingError, match=why):
            question(scenario(), wrong)


def test_a_run_is_kept_shown_extended_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = replace(ASKED, replications=300)
    data, folder = update.update(scenario(), asked, Settings(), tmp_path, command="escalation study=update")
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == data
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["complete"] is True
    rows = pq.read_table(folder / "update.parquet").to_pylist()
    assert [(row["what"], row["group"], row["value"]) for row in rows] == [
        (part["what"], part["group"], part["value"]) for part in data["moves"][0]["parts"]
    ]
    assert update.update(scenario(), asked, Settings(), tmp_path) == (data, folder)
    assert "shown, not computed again" in capsys.readouterr().err
    assert update.update(scenario(), asked, Settings(again=True), tmp_path)[0] == data
    longer, same = update.update(scenario(), replace(asked, replications=400), Settings(), tmp_path)
    assert (longer["replications"], same) == (400, folder)
    other = replace(asked, groups=(("rates", ("inputs.north_rate",)),))
    assert update.update(scenario(), other, Settings(), tmp_path)[1] != folder
    wrong = folder / "summary.json"
    wrong.write_text(wrong.read_text(encoding="utf-8").replace('"value": 0.', '"value": 0.9', 1), "utf-8")
    with pytest.raises(CheckError, match="computed again, the numbers differ"):
        update.update(scenario(), asked, Settings(again=True), tmp_path)


def test_the_table_says_what_it_is(data: update.Data) -> None:
    stream = StringIO()
    show(data, console(stream))
    text = " ".join(stream.getvalue().split())
    for part in (
        "Two rates: how the forecast moved, and why",
        "All for 2 Mar 2025",
        "describes the model's arithmetic, not causation",
        "Changed, but nothing shown here reads it, so exactly 0: speeches, talk rate.",
        "Statements are not weighed here",
        "north rate",
    ):
        assert part in text


def test_the_command_answers_for_the_first_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = {
        **{"format": 1, "scenario": scenario_of("venezuela_2025").data, "as_of": "2025-11-17", "until": None},
        **{"run": {"replications": 100}, "results": str(tmp_path)},
        "study": {"name": "update", "replications": 100, "most": 4, "by": 10},
    }
    assert command.run(configuration, "escalation study=update") == 0
    printed = capsys.readouterr().out
    folder = Path(printed.splitlines()[-1])
    assert sorted(path.name for path in (folder / "figures").iterdir()) == ["update.png", "update.svg"]
    data = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert [forecast["as_of"] for forecast in data["forecasts"]] == ["2025-09-27", "2025-11-17"]
    assert {"state.deaths", "inputs.boat_rate"} <= {item["path"] for item in data["moves"][0]["idle"]}
    for what, change in data["moves"][0]["changes"].items():
        total = sum(part["value"] for part in parts(data, what).values())
        assert total == pytest.approx(change["difference"], abs=1e-14)


def test_a_scenario_without_milestones_and_changes(tmp_path: Path) -> None:
    text = small.TEXT[: small.TEXT.index("milestones:")] + small.TEXT[small.TEXT.index("outcomes:") :]
    text = text[: text.index("flags:")] + "ends: [settled]\n"
    plain = build(read_bytes(text.replace("date: 2025-11-17}", "date: 2025-11-01}").encode()).data)
    asked = question(plain, {"replications": 200, "dates": ["2025-11-01", "2025-11-17"]})
    data, folder = update.update(plain, asked, Settings(), tmp_path)
    assert [group["name"] for group in data["moves"][0]["groups"]] == [TIME]
    assert update.plot(data, folder)
    show(data, console(StringIO()))


# ---------------------------------------------------------------------------------------------------- statements
SAYS = f"""
statements:
  envoy:
    speaker: An envoy
    said_on: 2025-01-31
    proposition: {{milestone: strike}}
    says: 0.8
    within: 30 d
    {DATA}
  before:
    speaker: An old envoy
    said_on: 2025-01-01
    proposition: {{outcomes: [quiet]}}
    says: [0.3, 0.5]
    within: 60 d
    {DATA}
"""
STATED = replace(ASKED, statements=("envoy",), weight=0.5)


def weighed(north: int, south: int, later: int, said: int, weight: float = 0.5) -> float:
    share = chance(north, south, later)
    return float(expit(logit(share) + said * weight * (logit(0.8) - logit(share))))


@pytest.fixture(scope="module")
def stated() -> update.Data:
    return computed(scenario(TEXT + SAYS), STATED, Settings())


def test_a_statement_is_a_part_of_the_closed_form(stated: update.Data) -> None:
    found, truth = parts(stated), [0.0] * 4
    for order in itertools.permutations(range(4)):
        new = [0, 0, 0, 0]
        for player in order:
            before = weighed(*new)
            new[player] = 1
            truth[player] += (weighed(*new) - before) / 24
    assert list(found) == ["north_rate", "south_rate", TIME, "statement_envoy"]
    for player, part in enumerate(found.values()):
        one = [int(i == player) for i in range(4)]
        # One false alarm in 150,000 comparisons; what it adds first and last would be noticed in the place of its part.
        assert part["value"] == pytest.approx(truth[player], abs=2.3 * part["error"])
        assert part["first_in"] == pytest.approx(weighed(*one) - weighed(0, 0, 0, 0), abs=2.3 * part["first_error"])
        assert 0.0 < part["error"] < 0.02
    envoy = found["statement_envoy"]
    assert abs(envoy["first_in"] - envoy["value"]) > 2.3 * envoy["error"]


def test_parts_with_a_statement_add_up(stated: update.Data, data: update.Data) -> None:
    [move] = stated["moves"]
    for what, change in move["changes"].items():
        total = sum(part["value"] for part in parts(stated, what).values())
        assert total == pytest.approx(change["difference"], abs=1e-14)
        assert change["difference"] == pytest.approx(change["now"] - change["was"], abs=1e-15)
    # Without it the histories are the same, and so is the forecast of the earlier date.
    assert stated["forecasts"] == data["forecasts"]
    assert move["changes"]["blows"]["was"] == data["moves"][0]["changes"]["blows"]["was"]
    assert [item["says"] for item in move["groups"][-1]["items"]] == ["An envoy: 80 % for strike, weight 0.50"]


def test_a_statement_without_weight_moves_nothing(data: update.Data) -> None:
    none = computed(scenario(TEXT + SAYS), replace(STATED, weight=0.0), Settings())
    assert parts(none)["statement_envoy"]["value"] == 0.0
    for name, part in parts(data).items():
        other = parts(none)[name]
        assert other["value"] == pytest.approx(part["value"], abs=1e-14)
        # The jackknife over blocks and the formula of the plain parts tell of one error.
        assert other["error"] == pytest.approx(part["error"], rel=0.5)


def test_what_was_said_before_is_weighed_on_both_dates() -> None:
    both = replace(STATED, statements=None, replications=4_000)
    found = computed(scenario(TEXT + SAYS), both, Settings())
    assert [(one["name"], one["fresh"]) for one in found["moves"][0]["said"]] == [("envoy", True), ("before", False)]
    assert "statement_before" not in parts(found)
    # From 1 Jan the quiet outcome was given .4 by 2 Mar, with half the weight.
    share = 1 - chance(0, 0, 0)
    quiet = float(expit(0.5 * logit(share) + 0.5 * logit(0.4)))
    assert found["moves"][0]["changes"]["quiet"]["was"] == pytest.approx(quiet, abs=0.03)
    stream = StringIO()
    show(found, console(stream))
    text = " ".join(stream.getvalue().split())
    assert "Weighed on both dates, so no part of the move: before (between 30 and 50 %, weight 0.50)" in text
    assert "statement envoy: An envoy: 80 % for strike, weight 0.50" in text
    assert "Each statement is a part" in text


def test_random_orders_add_up_with_a_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapley, "EXACT", 2)
    asked = replace(STATED, replications=2_000, orders=8)
    found = computed(scenario(TEXT + SAYS), asked, Settings())
    [move] = found["moves"]
    assert not move["exact"]
    for what, change in move["changes"].items():
        total = sum(part["value"] for part in parts(found, what).values())
        assert total == pytest.approx(change["difference"], abs=1e-14)


def test_statements_that_cannot_be_weighed() -> None:
    built = scenario(TEXT + SAYS)
    for study, why in (
        ({"statements": ["envy"]}, r"did you mean 'envoy'"),
        ({"statements": 3}, r"study\.statements"),
        ({"statements": "all", "weight": 2}, r"study\.weight"),
    ):
        with pytest.raises(SettingError, match=why):
            question(built, study)
    assert question(built, {"statements": "all"}).statements is None
    assert question(built, {}).statements == ()
