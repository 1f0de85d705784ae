"""Variants against a scenario: exact differences, shared luck, and what may be changed.

Bounds on z are 4.5: a false alarm in 150,000 checks.
"""

import datetime
import itertools
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim
from sim.__main__ import main
from sim.runs.plan import play
from sim.scenario.problems import ScenarioError
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.statistics.paired import paired_shares
from sim.studies.compare import study as compare
from sim.studies.compare.parts import Counts, parting, plain, range_of_differences
from sim.studies.compare.study import Question, computed, question, sides_of
from sim.studies.compare.table import parts, show
from sim.studies.compare.variants import MAY, changed, variants_of
from sim.studies.forecast import forecast
from sim.studies.library import scenario_of
from sim.studies.settings import CheckError, SettingError, Settings
from sim.studies.table import console
from tests.runs import small
from tests.runs.test_past import CRISIS

Z = 4.5
RATE, DAY, CALM = 0.01, 90, 30
TEXT = f"""\
format: 1
name: one_clock
title: One clock
question: When does it strike?
as_of: 2025-11-17
until: 120 days
horizons: [30, 90]
actors:
  north: {{label: North, what: waits}}
  south: {{label: South, what: calms}}
state:
  struck: {{start: no, meaning: it has struck, {small.BASIS}}}
  calm: {{start: no, meaning: half as likely, {small.BASIS}}}
  talked: {{min: 0, max: 9, start: 0, meaning: speeches, {small.BASIS}}}
actions:
  north.strikes:
    says: North strikes
    while: not struck
    rate: {RATE} per d
    times: {{calm: 0.5}}
    then: {{struck: yes}}
    {small.BASIS}
  south.talks:
    says: South talks
    rate: 0.05 per d
    then: {{talked: "+1 capped"}}
    {small.BASIS}
  south.calms:
    says: South calms down
    rate: 0.001 per d
    while: talked above 8
    then: {{calm: yes}}
    {small.BASIS}
milestones:
  talk: {{when: talked above 3, says: "South has talked"}}
  strike: {{when: struck, says: "North has struck"}}
outcomes:
  - {{name: strike, when: struck, says: "North has struck"}}
  - {{name: quiet, says: "nothing"}}
"""
#: At the start of the 31st day after the date of the forecast.
WHEN = (datetime.date(2025, 11, 17) + datetime.timedelta(days=CALM + 1)).isoformat()
SAYS = {"says": "South speaks softly"}
VARIANTS: dict[str, dict[str, Any]] = {
    "twice": {"actions.north.strikes.times.always": 2},
    "scheduled": {"actions.south.softens": {**SAYS, "on": WHEN, "then": {"calm": "yes"}}},
    "calm": {"state.calm.start": "yes"},
    "silent": {"actions.south.talks": None},
    "nothing": {},
    "inert": {"actions.north.hums": {"says": "North hums", "rate": "0.5 per d", "then": {"talked": {"at_least": 0}}}},
}
#: Chance of a strike by the day in each variant. South calms of itself so seldom that no bound below could tell.
EXACT = {
    "twice": 1 - math.exp(-2 * RATE * DAY),
    "scheduled": 1 - math.exp(-RATE * (CALM + 0.5 * (DAY - CALM))),
    "calm": 1 - math.exp(-0.5 * RATE * DAY),
    "nothing": 1 - math.exp(-RATE * DAY),
}
ASKED = Question("milestones", "strike", DAY)
N = 20_000


def data_of(text: str = TEXT) -> dict[str, Any]:
    return {str(key): value for key, value in read_bytes(text.encode()).data.items()}


def scenario(text: str = TEXT) -> Scenario:
    return scenario_of(data_of(text))


def given(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"says": f"{name}!", "changes": one} for name, one in changes.items()}


def counted(text: str, changes: Mapping[str, Mapping[str, Any]], settings: Settings) -> Counts:
    base = scenario(text)
    sides = sides_of(base, variants_of(base, given(changes)), ASKED, settings)
    return plain(sides, settings.replications, settings.chunk, settings.executor, lambda _: None)


@pytest.fixture(scope="module")
def data() -> compare.Data:
    base = scenario()
    return computed(base, variants_of(base, given(VARIANTS)), ASKED, Settings(replications=N, inputs=20, histories=5))


def by_name(data: compare.Data) -> dict[str, compare.Data]:
    return {variant["name"]: variant for variant in data["variants"]}


# ------------------------------------------------------------------------------------------------- exact differences
def z_of(numbers: Mapping[str, float], exact: float) -> float:
    """A difference in standard errors from an exact one. On the same luck its sign is the same in all histories."""
    return (numbers["difference"] - exact) / math.sqrt(abs(exact) * (1 - abs(exact)) / N)


@pytest.mark.parametrize("name", ["twice", "scheduled", "calm"])
def test_a_difference_is_that_of_the_closed_form(data: compare.Data, name: str) -> None:
    numbers = by_name(data)[name]["milestones"]["strike"][str(DAY)]
    exact = EXACT[name] - EXACT["nothing"]
    assert abs(z_of(numbers, exact)) < Z
    assert abs(z_of(numbers, 0.85 * exact)) > Z  # a slightly wrong model would be noticed
    assert numbers["difference"] == pytest.approx(
        numbers["probability"] - data["as_it_is"]["milestones"]["strike"][str(DAY)]["probability"]
    )
    outcomes = by_name(data)[name]["outcomes"].values()
    assert sum(by[str(DAY)]["difference"] for by in outcomes) == pytest.approx(0.0, abs=1e-12)
    # The outcome is the same event here.
    assert by_name(data)[name]["outcomes"]["strike"][str(DAY)] == numbers


def test_before_its_date_a_scheduled_action_changes_nothing(data: compare.Data) -> None:
    numbers = by_name(data)["scheduled"]["milestones"]["strike"]["30"]
    assert numbers["difference"] == 0.0
    assert by_name(data)["scheduled"]["parted"]["30"]["probability"] == 0.0
    assert by_name(data)["scheduled"]["parted"]["90"]["probability"] > 0.2


def test_shared_luck_leaves_less_noise_than_independent_seeds_and_intervals_cover() -> None:
    """The exact variances have the ratio .38; that 100 runs of each show the larger one smaller: under 1e-5."""
    n, runs = 200, 100
    paired, independent, hit = [], [], 0
    exact = EXACT["calm"] - EXACT["nothing"]
    before = None
    for seed in range(1, runs + 1):
        counts = counted(TEXT, {"calm": VARIANTS["calm"]}, Settings(replications=n, seed=seed))
        strike, day = 3, 1  # two outcomes and a milestone come before it
        shares = counts.happened[:, strike, day] / n
        paired.append(shares[1] - shares[0])
        if before is not None:
            independent.append(shares[1] - before)
        before = shares[0]
        gained, lost = counts.gained[0, strike, day], counts.lost[0, strike, day]
        sizes = [int(gained), int(lost), int(n - gained - lost)]
        difference, error = paired_shares(np.repeat([0, 1, 0], sizes), np.repeat([1, 0, 0], sizes))
        hit += abs(difference - exact) <= error
    assert np.var(paired) < np.var(independent)
    assert hit >= 84  # of 100 at 95 %: fewer has a chance of 1e-5


def test_the_scenario_as_it_is_has_the_chances_and_ranges_of_its_forecast(tmp_path: Path) -> None:
    base = small.scenario(CRISIS)
    settings = Settings(replications=500, inputs=20, histories=10)
    told = forecast(base, settings, tmp_path).summary
    data = computed(base, variants_of(base, given({"nothing": {}})), question(base, {}), settings)
    mine = [*_numbers(data["as_it_is"]["outcomes"]), *_numbers(data["as_it_is"]["milestones"])]
    by_day = {name: {day: by[name] for day, by in told["outcomes_by"].items()} for name in told["outcomes"]}
    theirs = [*_numbers(by_day), *_numbers({name: found["by"] for name, found in told["milestones"].items()})]
    assert len(mine) == len(theirs) == 6 * 3 * 5
    assert mine == pytest.approx(theirs, abs=1e-12)


def _numbers(by_name: dict[str, dict[str, dict[str, float]]]) -> list[float]:
    keys = ("probability", "low", "high", "range_low", "range_high")
    return [numbers[key] for by in by_name.values() for numbers in by.values() for key in keys]


# --------------------------------------------------------------------------------------------------------- no change
def test_a_variant_without_changes_changes_not_one_bit(data: compare.Data) -> None:
    nothing = by_name(data)["nothing"]
    assert nothing["same_model"] is True
    assert nothing["first"] is None
    assert {share["probability"] for share in nothing["parted"].values()} == {0.0}
    base = scenario()
    sides = sides_of(base, variants_of(base, given({"nothing": {}})), ASKED, Settings())
    numbers = np.arange(500, dtype=np.int64)
    prints = {play(task, numbers, numbers, log=True).fingerprint() for task in sides.tasks}
    assert len(prints) == 1


def test_an_inert_action_changes_no_history(data: compare.Data) -> None:
    inert = by_name(data)["inert"]
    assert inert["same_model"] is False
    assert inert["first"] is None
    assert {share["probability"] for share in inert["parted"].values()} == {0.0}
    assert {n["difference"] for kind in compare.KINDS for by in inert[kind].values() for n in by.values()} == {0.0}
    # It did happen, and North was re-timed each time.
    base = scenario()
    sides = sides_of(base, variants_of(base, given(VARIANTS)), ASKED, Settings())
    numbers = np.arange(200, dtype=np.int64)
    calm, hums = (play(task, numbers, numbers) for task in (sides.base, sides.others[-1]))
    assert hums.events.sum() > 5 * calm.events.sum()


def test_what_only_one_side_has_counts_by_what_follows(data: compare.Data) -> None:
    silent = by_name(data)["silent"]
    assert silent["milestones"]["talk"]["90"]["probability"] == 0.0
    # A history with up to three speeches reaches no milestone, and nobody else heeds them.
    exact = data["as_it_is"]["milestones"]["talk"]["90"]["probability"]
    assert silent["parted"]["90"]["probability"] == pytest.approx(exact)
    assert silent["milestones"]["strike"]["90"]["difference"] == 0.0


# ---------------------------------------------------------------------------------------------------- where they part
def test_the_first_that_parts_is_the_first_and_is_told_where_it_parts(data: compare.Data) -> None:
    base = scenario()
    variants = variants_of(base, given({"twice": VARIANTS["twice"]}))
    sides = sides_of(base, variants, ASKED, Settings())
    numbers = np.arange(300, dtype=np.int64)
    rows = [play(task, numbers, numbers, log=True) for task in sides.tasks]
    apart = parting(sides.base, rows[0], sides.others[0].model, rows[1])
    first = by_name(data)["twice"]["first"]
    assert first["replication"] == int((apart <= 120).nonzero()[0][0])
    assert first["first"]["time"] == pytest.approx(apart[first["replication"]], abs=1e-9)
    assert first["first"] == first["then"]
    assert first["first"]["says"].startswith("North strikes")
    # By hand: the earlier of the two strikes.
    strikes = np.array([one.milestones[1] for one in rows])
    wanted = np.where(strikes.min(axis=0) <= 120, strikes.min(axis=0), np.inf)
    assert np.array_equal(apart, wanted)


def test_both_timelines_stand_side_by_side(data: compare.Data) -> None:
    scheduled = by_name(data)["scheduled"]["first"]
    assert scheduled["first"]["says"] == "South speaks softly (calm: no → yes)"
    assert scheduled["first"]["date"] == WHEN
    assert scheduled["then"]["says"].startswith("North strikes (struck: no → yes) → strike")
    text = scheduled["text"]
    assert any(line.endswith("  =") for line in text)
    assert all(len(line) <= 128 for line in text)
    [softly] = [line for line in text if "South speaks softly" in line]
    assert softly.index("South speaks softly") > 60
    calm = by_name(data)["calm"]["first"]
    assert calm["start"] == ["calm: no → yes"]
    assert any("at the start: calm: no → yes" in line for line in calm["text"])
    told = parts(data, by_name(data)["scheduled"])
    assert "18 Dec 2025, only in the variant: South speaks softly" in " ".join(told.split())
    assert parts(data, by_name(data)["nothing"]) == "nothing: none of 20,000 histories parts."


@pytest.mark.parametrize(
    "changes",
    [
        {"actions.north.pushes.either.1.weight": 6},
        {"actions.south.yields": None},
        {"actions.north.pushes.times.always": 1.2},
        {"actions.south.warns": {"says": "South warns", "on": "2025-12-20", "then": {"tension": {"at_most": 1}}}},
    ],
)
def test_where_histories_part_agrees_with_a_search_event_by_event(changes: dict[str, Any]) -> None:
    base = small.scenario()
    sides = sides_of(base, variants_of(base, given({"other": changes})), question(base, {}), Settings())
    numbers = np.arange(150, dtype=np.int64)
    rows = [play(task, numbers, numbers, log=True) for task in sides.tasks]
    apart = parting(sides.base, rows[0], sides.others[0].model, rows[1])
    assert np.isfinite(apart).any()
    assert np.isinf(apart).any()
    shared = set.intersection(*({row.name for row in task.model.rows} for task in sides.tasks))
    for number in numbers.tolist():
        heard = []
        for task, one in zip(sides.tasks, rows, strict=True):
            assert one.log is not None
            mine = one.log.position == number
            events = zip(one.log.time[mine], one.log.row[mine], one.log.branch[mine], strict=True)
            told = [(float(t), task.model.rows[r], int(b)) for t, r, b in events]
            heard.append([(t, row.name, b - row.branches[0].number) for t, row, b in told if row.name in shared])
        found = math.inf
        for first, second in itertools.zip_longest(*map(sorted, heard), fillvalue=(math.inf, "", 0)):
            if first[1:] != second[1:] or abs(first[0] - second[0]) > 1e-6:
                found = min(first[0], second[0])
                break
        ends = [one.end[number] for one in rows]
        if abs(ends[0] - ends[1]) > 1e-6:
            found = min(found, *ends)
        # A milestone can also come by what only one side has, and an outcome stands on the days read.
        assert apart[number] <= found + 1e-9
        if apart[number] < found - 1e-9:
            times = [one.milestones[:, number] for one in rows]
            later = {float(t) for pair in zip(*times, strict=True) if pair[0] != pair[1] for t in pair}
            assert any(abs(apart[number] - t) < 1e-9 for t in (*later, *map(float, sides.base.days)))


def test_another_branch_at_the_same_time_is_told_with_what_it_stands_for() -> None:
    base = small.scenario()
    changes = given({"vain": {"actions.north.pushes.either.1.weight": 6}})
    few = Settings(replications=100, inputs=20, histories=5)
    [variant] = computed(base, variants_of(base, changes), question(base, {}), few)["variants"]
    first = variant["first"]["first"]
    assert first["says"].startswith("North pushes: a step further")
    assert first["instead"] == "North pushes: in vain"
    assert not variant["own_past"]


@pytest.mark.parametrize(
    "other", [{"chunk": 137}, {"executor": "processes", "chunk": 200}, {"engine": "reference"}, {"engine": "compiled"}]
)
def test_neither_chunk_nor_executor_nor_engine_matters(other: dict[str, Any]) -> None:
    if other.get("engine") == "compiled":
        pytest.importorskip("numba")
    base = small.scenario()
    changes = given({"fast": {"actions.north.pushes.times.always": 1.5}, "mild": {"inputs.force_x.uniform": [1, 1.2]}})
    settings = Settings(replications=400, inputs=20, histories=5)
    found = [
        computed(base, variants_of(base, changes), question(base, {}), one)
        for one in (settings, replace(settings, **other))
    ]
    assert found[0] == found[1]


# ---------------------------------------------------------------------------------------------------------- the past
def test_a_variant_shares_the_past_unless_it_changes_a_law() -> None:
    base = small.scenario(CRISIS)
    changes: dict[str, dict[str, Any]] = {
        "start": {"state.tension.start": 4},
        "elsewhere": {"state.struck.start": "yes"},
        "action": {"actions.north.speaks": None},
        "law": {"inputs.pace.lognormal": {"median": "1 per 20 d", "p90": "1 per 6 d"}},
        "known": {"state.goal.start": "force"},
    }
    sides = sides_of(base, variants_of(base, given(changes)), question(base, {}), Settings())
    assert sides.base.past is not None
    assert dict(zip(changes, sides.own, strict=True)) == {
        "start": False, "elsewhere": False, "action": False, "law": True, "known": True,
    }  # fmt: skip
    numbers = np.arange(400, dtype=np.int64)
    mine, *theirs = sides.used(numbers)
    assert (mine != numbers).any(), "some inputs did not survive, or this would say nothing"
    same = [np.array_equal(mine, used) for used in theirs]
    assert same == [True, True, True, False, False]
    forgets = sides_of(base, variants_of(base, given(changes)), question(base, {}), Settings(past="restart"))
    assert not any(forgets.own)
    assert all(np.array_equal(used, numbers) for used in forgets.used(numbers))


def test_a_variant_that_starts_elsewhere_has_the_scenarios_own_inputs() -> None:
    base = small.scenario(CRISIS)
    changes = given({"elsewhere": {"state.struck.start": "yes"}})
    data = computed(
        base, variants_of(base, changes), question(base, {}), Settings(replications=50, inputs=20, histories=5)
    )
    [variant] = data["variants"]
    assert variant["first"]["start"] == ["struck: no → yes"]
    assert variant["outcomes"]["blows"]["90"]["probability"] == 1.0


# --------------------------------------------------------------------------------------------- the range over inputs
def test_the_range_of_a_difference_is_free_of_the_noise_of_few_histories() -> None:
    """Chances uniform on .1 … .5: the range is .14 … .46; with 15 histories each the raw shares spread far wider."""
    draws, size = 4_000, 15
    rng = np.random.default_rng(3)
    gained = rng.binomial(size, rng.uniform(0.1, 0.5, draws))
    point = np.array(0.3)
    low, high = range_of_differences(gained, np.zeros_like(gained), size, point)
    assert (float(low), float(high)) == pytest.approx((0.14, 0.46), abs=0.025)
    raw = np.quantile(gained / size, (0.1, 0.9))
    assert raw[0] < 0.14 - 0.025
    still = range_of_differences(rng.binomial(size, 0.3, draws), rng.binomial(size, 0.3, draws), size, np.array(0.0))
    assert max(map(abs, map(float, still))) < 0.05
    few = range_of_differences(gained[:5], np.zeros(5, dtype=np.int64), size, point)
    assert [float(end) for end in few] == [0.3, 0.3]


# -------------------------------------------------------------------------------------------------- what may be asked
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"actions.north.strikse.rate": 1}, r"variant bad: actions\.north\.strikse\.rate: .*mean 'north.strikes'"),
        ({"actions.north.strikse.times.always": 1}, r"north\.strikse.*did you mean 'north.strikes'"),
        ({"actions.north.strikes.tims.always": 1}, r"has no 'tims'.*did you mean 'times'"),
        ({"actions.north.strikes.times.kalm": 1}, r"kalm"),
        ({"state.clam.start": "yes"}, r"state\.clam\.start: .*did you mean 'calm'"),
        ({"state.calm.start": "maybe"}, r"variant bad: state\.calm\.start"),
        ({"actions.south.talk": None}, r"actions\.south\.talk: .*did you mean 'south.talks'"),
        ({"state.clam": {"start": "no", "meaning": "x"}}, r"variant bad: state\.clam: .*nothing uses it.*'calm'"),
        ({"milestones.strike.when": "calm"}, r"what is asked is the same on both sides"),
        ({"action.north.strikes.rate": 1}, r"did you mean 'actions'"),
        ({"actions.east.acts": {**SAYS, "rate": "1 per d"}}, r"no such actor as 'east'"),
        ({"actions.north.strikes.rate": ""}, r"no value"),
    ],
)  # fmt: skip
def test_a_misspelt_path_is_refused_with_variant_path_and_remedy(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ScenarioError, match=why):
        variants_of(scenario(), given({"good": {}, "bad": changes}))


def test_all_that_is_wrong_with_a_variant_is_told_at_once() -> None:
    with pytest.raises(ScenarioError) as caught:
        variants_of(scenario(), given({"bad": {"state.clam.start": "yes", "outcomes.0.name": "x"}}))
    assert len(caught.value.problems) == 2
    assert ", ".join(MAY[:-1]) in str(caught.value)


@pytest.mark.parametrize(
    ("variants", "why"),
    [
        (None, r"study\.variants: none given"),
        ({}, r"study\.variants: none given"),
        ({"Bad Name": {"changes": {}}}, r"study\.variants\.Bad Name: 'Bad Name' is no name"),
        ({"a": {"says": "x"}}, r"study\.variants\.a: .*`changes: \{PATH: VALUE\}` is wanted"),
        ({"a": {"changes": {}, "say": "x"}}, r"study\.variants\.a\.say: .*did you mean 'says'"),
        ({"a": {"changes": {}, "says": ""}}, r"study\.variants\.a\.says: ''"),
        ({f"v{i}": {"changes": {}} for i in range(31)}, r"31 of them; at most 30"),
    ],
)
def test_what_is_no_variant_is_refused(variants: Any, why: str) -> None:
    with pytest.raises(SettingError, match=why):
        variants_of(scenario(), variants)


@pytest.mark.parametrize(
    ("date", "why"),
    [("2025-11-10", r"cannot happen as of 2025-11-17: its date"), ("2026-03-30", r"after the end of the forecast")],
)
def test_an_action_that_is_scheduled_outside_the_forecast_is_refused(date: str, why: str) -> None:
    changes = {"actions.south.softens": {**SAYS, "on": date, "then": {"calm": "yes"}}}
    with pytest.raises(SettingError, match=why) as caught:
        variants_of(scenario(), given({"late": changes}))
    assert "study.variants.late.changes.actions.south.softens" in str(caught.value)


def test_changes_are_made_in_their_order_and_leave_the_scenario_alone() -> None:
    base = scenario()
    before = json.dumps(base.data, default=str)
    with pytest.raises(ScenarioError, match=r"south\.talks"):
        changed(base.data, {"actions.south.talks": None, "actions.south.talks.rate": "1 per d"}, "variant x")
    moved = changed(base.data, {"actions.north.strikes.times.calm": None}, "variant x")
    assert "calm" not in moved["actions"]["north.strikes"]["times"]
    assert json.dumps(base.data, default=str) == before


def test_the_question_has_sensible_defaults() -> None:
    assert question(scenario(), {}) == Question("milestones", "talk", 90)
    assert question(scenario(), {"milestone": "strike", "day": 60}) == Question("milestones", "strike", 60)
    with pytest.raises(SettingError, match=r"study.milestone: unknown milestone 'srike'"):
        question(scenario(), {"milestone": "srike"})
    bare = f"{TEXT[: TEXT.index('milestones:')]}{TEXT[TEXT.index('outcomes:') :]}"
    assert question(scenario(bare), {}) == Question("outcomes", "strike", 120)


# ------------------------------------------------------------------------------------------------ kept, shown, drawn
def test_a_comparison_is_kept_shown_extended_compared_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = scenario()
    variants = variants_of(base, given({"calm": VARIANTS["calm"], "nothing": {}}))
    settings = Settings(replications=300, inputs=20, histories=5)
    data, folder = compare.compare(base, variants, ASKED, settings, tmp_path)
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == data
    assert compare.compare(base, variants, ASKED, settings, tmp_path) == (data, folder)
    assert "shown, not computed again" in capsys.readouterr().err
    assert compare.compare(base, variants, ASKED, replace(settings, again=True), tmp_path)[0] == data
    found = compare.Comparison(data, folder)
    rows = found.rows().to_pylist()
    assert len(rows) == 2 * (2 + 2) * 3
    [row] = [r for r in rows if (r["variant"], r["kind"], r["name"], r["day"]) == ("calm", "milestone", "strike", 90)]
    assert row["difference"] == pytest.approx(row["probability"] - row["as_it_is"])
    assert row["difference"] == found.variants["calm"]["milestones"]["strike"]["90"]["difference"]
    names = {path.name for path in found.plot()}
    assert names == {f"{name}.{kind}" for name in ("compare", "first-calm") for kind in ("svg", "png")}
    assert (folder / "first-calm.txt").read_text(encoding="utf-8").splitlines() == data["variants"][0]["first"]["text"]
    longer, same = compare.compare(base, variants, ASKED, replace(settings, replications=400), tmp_path)
    assert (longer["replications"], same) == (400, folder)
    assert not list((folder / "figures").iterdir()), "the figures showed other numbers"
    others = variants_of(base, given({"calm": {"state.calm.start": "no"}, "nothing": {}}))
    assert compare.compare(base, others, ASKED, settings, tmp_path)[1] != folder
    wrong = folder / "summary.json"
    wrong.write_text(wrong.read_text(encoding="utf-8").replace('"error": 0.', '"error": 0.9', 1), encoding="utf-8")
    with pytest.raises(CheckError, match="computed again, the numbers differ"):
        compare.compare(base, variants, ASKED, replace(settings, again=True), tmp_path)


def test_the_tables_show_what_differs_and_name_the_rest(data: compare.Data) -> None:
    stream = StringIO()
    show(data, console(stream))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= 130
    flat = " ".join(text.split())
    assert "on the same luck" in flat
    assert "for each number alone" in flat
    assert "The same model as the scenario as it is: nothing." in flat
    one = by_name(data)["twice"]["milestones"]["strike"]["90"]
    assert f"{100 * one['difference']:+.1f} ± {100 * one['error']:.1f}" in text


def test_python_compares_by_one_call(tmp_path: Path) -> None:
    found = sim.compare(
        {"calm": VARIANTS["calm"], "twice": {"says": "twice as fast", "changes": VARIANTS["twice"]}},
        data_of(),
        changes={"actions.north.strikes.rate": "0.02 per d"},
        replications=500,
        inputs=20,
        histories=5,
        results=tmp_path,
    )
    assert [found.variants[name]["says"] for name in ("calm", "twice")] == ["calm", "twice as fast"]
    strike = found.summary["as_it_is"]["milestones"]["strike"]["90"]["probability"]
    assert strike == pytest.approx(1 - math.exp(-1.8), abs=Z * 0.5 / math.sqrt(500))
    assert found.variants["calm"]["milestones"]["strike"]["90"]["difference"] < 0
    assert found.folder.is_relative_to(tmp_path)


# -------------------------------------------------------------------------------------------------- the command line
def escalation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[int, str, str]:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "argv", ["escalation", "scenario=two_rivals", "study=compare", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert isinstance(end.value.code, int)
    return end.value.code, *capsys.readouterr()


def test_the_command_line_names_variants_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = ("run.replications=100", "run.inputs=20", "run.histories=5", "study.figures=false", f"results={tmp_path}")
    name = next(iter(scenario_of("two_rivals").actions))
    faster, off = f"changes: {{actions.{name}.times.always: 2}}", f"changes: {{actions.{name}: null}}"
    one = f"study.variants={{faster: {{{faster}}}, off: {{{off}}}}}"
    code, out, err = escalation(capsys, monkeypatch, *few, one)
    assert code == 0, err
    folder = Path(out.splitlines()[-1])
    data = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert [(v["name"], v["changes"]) for v in data["variants"]] == [
        ("faster", {f"actions.{name}.times.always": 2}), ("off", {f"actions.{name}": None}),
    ]  # fmt: skip
    assert not (folder / "figures").exists()
    code, _, err = escalation(capsys, monkeypatch, *few, one.replace(".times.", ".tims."))
    assert code == 2
    assert "variant faster" in err
    assert "did you mean 'times'" in err
    code, _, err = escalation(capsys, monkeypatch, *few)
    assert code == 2
    assert "study.variants: none given" in err


def test_a_misspelt_path_in_an_experiment_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "experiments").mkdir()
    change = "changes: {actions.nobody.acts.rate: 1}"
    text = f"# @package _global_\nformat: 1\nstudy:\n  variants:\n    bad:\n      {change}\n"
    (tmp_path / "experiments" / "mine.yaml").write_text(text, encoding="utf-8")
    where = ("+experiments=mine", f"results={tmp_path}", "--config-dir", str(tmp_path))
    code, _, err = escalation(capsys, monkeypatch, *where)
    assert code == 2
    assert "mine.yaml:6: variant bad: actions.nobody.acts.rate: " in err
