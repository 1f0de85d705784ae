"""Tensions and trends in a scenario file: what they mean, what is refused, and what people read of them."""
# ruff: noqa: E501 - one case per line, all its parts side by side

import copy
from dataclasses import replace
from pathlib import Path

import pytest

from sim.engines import reference
from sim.engines.interface import plan
from sim.model.compiled import compile_model
from sim.model.expressions import Call, Name, Number, parse
from sim.model.spec import Effect, Rate, Tension, Trend
from sim.scenario import changes, schema
from sim.scenario.build import build
from sim.scenario.json_schema import json_schema
from sim.scenario.notation import LN2
from sim.scenario.problems import ScenarioError
from sim.scenario.reading import read_bytes
from sim.scenario.remarks import remarks
from sim.scenario.scenario import free_judgements
from sim.scenario.source import Source
from sim.studies.describe import describe
from sim.studies.settings import Settings
from sim.studies.trace import write
from sim.studies.update.mix import Pair, items, mixed, read_by
from tests.scenario.mini import MINI, bend, made, problems

STATE = "  struck: {start: no"
HEAT = "  heat: {start: 2, decays: {half_life: 9 d}, meaning: tension felt, basis: {data: counted}}\n"
STRIKES = '    rate: pace\n    times: {talks is open: factor}\n    then: {strikes: +deaths, recent: "+1 capped"}\n'
HOT = (
    "    rate: pace\n    plus: [0.005 * heat]\n    times: {talks is open: factor}\n"
    '    then: {strikes: +deaths, recent: "+1 capped", heat: +1}\n    basis: {data: fitted}\n'
)
TENSE = bend(STRIKES, HOT, bend(STATE, HEAT + STATE))


def strikes(text: str) -> Rate:
    clock = made(text).spec.actions[0].clock
    assert isinstance(clock, Rate)
    return clock


# --------------------------------------------------------------------------------------------------------- meaning
def test_a_tension_is_the_model_made_by_hand() -> None:
    plain, tense = made().spec, made(TENSE).spec
    first = plain.actions[0]
    assert isinstance(first.clock, Rate)
    branch = replace(first.branches[0], effects=(*first.branches[0].effects, Effect("heat", "add", Number(1.0))))
    clock = replace(first.clock, terms=(parse("0.005 * heat"),))
    action = replace(first, clock=clock, branches=(branch,))
    by_hand = replace(
        plain,
        actions=(action, *plain.actions[1:]),
        tensions=(Tension("heat", Number(LN2 / 9.0), Number(2.0), Number(0.0)),),
    )
    assert tense == by_hand
    assert compile_model(tense).digest == compile_model(by_hand).digest


def test_lengths_starts_and_levels_may_be_numbers_or_inputs() -> None:
    def felt(given: str) -> Tension:
        text = bend("start: 2, decays: {half_life: 9 d}, meaning: tension felt, basis: {data: counted}", given, TENSE)
        return made(text).spec.tensions[0]

    words = "meaning: tension felt, basis: {data: counted}"
    assert felt(f"start: 2, decays: {{mean: 14 d}}, {words}").decay == Number(1.0 / 14.0)
    assert felt(f"start: -0.5, decays: {{mean: 2 wk, toward: 0.25}}, {words}") == Tension(
        "heat", Number(1.0 / 14.0), Number(-0.5), Number(0.25)
    )
    # What inputs say needs no basis of its own.
    named = felt("start: factor, decays: {half_life: wait, toward: pace * wait}, meaning: tension felt")
    assert named == Tension("heat", Call("div", (Number(LN2), Name("wait"))), Name("factor"), parse("pace * wait"))


@pytest.mark.parametrize(
    ("written", "effect"),
    [
        ("+1", Effect("heat", "add", Number(1.0))),
        ("-1", Effect("heat", "add", Number(-1.0))),
        ("+0.5", Effect("heat", "add", Number(0.5))),
        ('"+factor"', Effect("heat", "add", Name("factor"))),
        ('"+deaths"', Effect("heat", "add", Name("deaths"))),
        ("0", Effect("heat", "set", Number(0.0))),
        ("1.5", Effect("heat", "set", Number(1.5))),
        ("{set: heat / 2}", Effect("heat", "set", parse("heat / 2"))),
        ("{at_least: 1}", Effect("heat", "at_least", Number(1.0))),
        ("{at_most: 0.5}", Effect("heat", "at_most", Number(0.5))),
        ("{add: 0.5}", Effect("heat", "add", Number(0.5))),
    ],
)
def test_pushes(written: str, effect: Effect) -> None:
    scenario = made(bend("heat: +1}", f"heat: {written}}}", TENSE))
    found = scenario.spec.actions[0].branches[0].effects[-1]
    negative = replace(effect, value=Call("neg", (Number(1.0),)))
    assert found in (effect, negative if written == "-1" else effect)
    [jump] = next(row for row in compile_model(scenario.spec).rows if row.name == "usa.strikes").branches[0].jumps
    assert (jump.tension, jump.kind) == (0, effect.kind)


def test_rates_and_weights_read_a_tension() -> None:
    clock = strikes(
        bend(
            '{talks is open: factor}\n    then: {strikes: +deaths, recent: "+1 capped", heat: +1}',
            '{talks is open: factor, heat: {each: 1.02}, heat above 3: 1.1}\n    then: {strikes: +deaths, recent: "+1 capped"}',
            TENSE,
        )
    )
    assert clock.factors[1:] == (
        Call("pow", (Number(1.02), Name("heat"))),
        Call("where", (parse("heat above 3"), Number(1.1), Number(1.0))),
    )
    text = bend(
        "{says: wait, weight: 1 - share}",
        "{says: wait, weight: 1 - share, times: {heat: {each up to 3: factor}}}",
        TENSE,
    )
    decides = next(a for a in made(text).spec.actions if a.name == "usa.decides")
    assert decides.branches[0].factors == (Call("pow", (Name("factor"), Call("min", (Name("heat"), Number(3.0))))),)


def test_a_history_feels_the_tension() -> None:
    """Equal luck: where strikes feed the rate there are more of them, and where nothing feels it not one bit moves."""

    def total(text: str) -> int:
        model = compile_model(made(text).spec)
        return int(reference.simulate(model, plan(5, 60.0, 60)).state[model.variables.index("strikes")].sum())

    cold = bend("plus: [0.005 * heat]", "plus: [0 * heat]", TENSE)
    assert total(cold) == total(MINI) < total(TENSE)


@pytest.mark.parametrize(
    ("since", "trend"),
    [
        ("", Trend(0.74, 30.0)),
        (", since: start", Trend(0.74, 30.0)),
        (", since: enabling", Trend(0.74, 30.0, renewed=True)),
        (", since: 2025-09-02", Trend(0.74, 30.0, age=77.0)),
        (", since: 2025-11-17", Trend(0.74, 30.0, age=1.0)),
    ],
)
def test_a_trend(since: str, trend: Trend) -> None:
    text = bend("    rate: pace\n", f"    rate: pace\n    trend: {{shape: 0.74, at: 30 d{since}}}\n", TENSE)
    assert strikes(text).trend == trend
    assert compile_model(made(text).spec).rows[0].trend == trend


def test_what_begins_after_the_date_of_the_forecast_has_not_begun() -> None:
    text = bend("    rate: pace\n", "    rate: pace\n    trend: {shape: 2, at: 30 d, since: 2025-11-01}\n", TENSE)
    clock = made(text, "2025-09-27").spec.actions[0].clock
    assert isinstance(clock, Rate)
    assert clock.trend == Trend(2.0, 30.0, age=0.0)


DATED = bend(
    "heat: {start: 2, decays: {half_life: 9 d}, meaning: tension felt, basis: {data: counted}}",
    "heat: {decays: {half_life: 9 d}, meaning: tension felt, basis: {data: fitted}, start: "
    "[{from: 2025-09-27, value: 1, basis: {report: [1]}}, {from: 2025-11-17, value: factor, basis: {report: 2}}]}",
    TENSE,
)


def test_the_latest_dated_start_holds_and_an_update_tells_of_it() -> None:
    old, new = made(DATED, "2025-09-27"), made(DATED)
    assert [s.spec.tensions[0].start for s in (old, new)] == [Number(1.0), Name("factor")]
    pair = Pair(old, new)
    [item] = [item for item in items(pair) if item.path == "state.heat"]
    assert (item.was, item.now) == ("1", "by factor")
    assert mixed(pair, [], later=True).tensions == old.spec.tensions
    assert mixed(pair, ["state.heat"], later=True).tensions == new.spec.tensions


def test_what_a_tension_brings_about_bears_on_the_answer() -> None:
    text = bend(
        'then: {strikes: +deaths, recent: "+1 capped", heat: +1}',
        'then: {strikes: +deaths, recent: "+1 capped"}',
        TENSE,
    )
    text = bend("ven.ends: {says: an end, while: talks is open, rate: pace, then: {talks: closed}}",
                "ven.ends: {says: an end, while: talks is open, rate: pace, then: {talks: closed, heat: \"+share\"}}", text)  # fmt: skip
    text = bend("decays: {half_life: 9 d}", "decays: {half_life: wait}", text)
    text = bend(
        "while: not struck and recent above 0\n", "while: not struck\n", bend("if: talks below deal, ", "", text)
    )
    clock = "    after: {lognormal: {median: wait, sigma: 0.8}}\n"
    cold, hot = (bend(clock, f"    rate: 0.05 per d\n    plus: [0.1 * {what}]\n", text) for what in ("factor", "heat"))
    felt = {"state.heat", "actions.ven.ends", "inputs.wait"}
    assert felt <= read_by([made(hot).spec], "first_strike")
    assert not felt & read_by([made(cold).spec], "first_strike")


# --------------------------------------------------------------------------------------------------------- changes
@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("state.heat.decays.half_life", "5 d", Tension("heat", Number(LN2 / 5.0), Number(2.0))),
        ("state.heat.decays.mean", "5 d", Tension("heat", Number(0.2), Number(2.0))),
        ("state.heat.decays.toward", 1, Tension("heat", Number(LN2 / 9.0), Number(2.0), Number(1.0))),
        ("state.heat.start", 0.5, Tension("heat", Number(LN2 / 9.0), Number(0.5))),
        ("state.heat.start", "share", Tension("heat", Number(LN2 / 9.0), Name("share"))),
    ],
)
def test_changes_by_path(path: str, value: object, found: Tension) -> None:
    reading = read_bytes(TENSE.encode(), "mini.yaml")
    data = copy.deepcopy(dict(reading.data))
    changes.change(data, path, value)
    assert build(data, source=Source.of(reading)).spec.tensions == (found,)


def test_a_trend_can_be_put_in_and_changed_by_path() -> None:
    reading = read_bytes(MINI.encode(), "mini.yaml")
    data = copy.deepcopy(dict(reading.data))
    changes.change(data, "actions.usa.strikes.trend", {"shape": 0.74, "at": "30 d"})
    changes.change(data, "actions.usa.strikes.trend.since", "enabling")
    clock = build(data, source=Source.of(reading)).spec.actions[0].clock
    assert isinstance(clock, Rate)
    assert clock.trend == Trend(0.74, 30.0, renewed=True)
    with pytest.raises(ScenarioError, match="did you mean 'shape'"):
        changes.change(data, "actions.usa.strikes.trend.shap", 1)


# -------------------------------------------------------------------------------------------------------- mistakes
STARTS = "start: 2, decays: {half_life: 9 d}, meaning: tension felt, basis: {data: counted}"
RATE = "    plus: [0.005 * heat]\n"
TREND = f"{RATE}    trend: {{shape: 0.74, at: 30 d}}\n"
# (what stands there, the mistake, its sound twin, key, why). A mistake gives one line.
CASES = [
    # the tension itself
    ("half_life: 9 d", "half_life: 9", "half_life: 9 days", "state.heat.decays.half_life", "needs its unit"),
    ("half_life: 9 d", "half_life: 0 d", "half_life: 1 h", "state.heat.decays.half_life", "always above 0"),
    ("half_life: 9 d", "half_life: pace", "half_life: wait", "state.heat.decays.half_life", "is a rate"),
    ("half_life: 9 d", "half_life: wiat", "half_life: wait", "state.heat.decays.half_life", "did you mean 'wait'"),
    ("half_life: 9 d", "half_life: wait * strikes", "half_life: wait * share", "state.heat.decays.half_life", "only inputs may"),
    ("half_life: 9 d", "half_lief: 10 d", "half_life: 9 d", "state.heat.decays.half_lief", "did you mean 'half_life'"),
    ("half_life: 9 d", "half_life: 9 d, mean: 14 d", "mean: 14 d", "state.heat.decays", "both are given"),
    ("half_life: 9 d", "toward: 1", "mean: 1 d, toward: 1", "state.heat.decays", "none is given"),
    ("half_life: 9 d", "half_life: 9 d, toward: heat", "half_life: 9 d, toward: factor", "state.heat.decays.toward", "is a tension"),
    ("{start: 2, decays", "{start: hot, decays", "{start: factor, decays", "state.heat.start", "unknown name 'hot'"),
    ("{start: 2, decays", "{start: yes, decays", "{start: 0, decays", "state.heat.start", "not yes or no"),
    ("{start: 2, decays", "{start: {drawn: {1: 0.5, 2: 0.5}}, decays", "{start: {value: share}, decays", "state.heat.start.drawn", "name an input here"),
    ("{start: 2, decays", "{min: 0, start: 2, decays", "{unit: degrees, start: 2, decays", "state.heat.min", "leave out `min`"),
    ("{start: 2, decays", "{levels: [cold, hot], start: 2, decays", "{start: 2.0, decays", "state.heat.levels", "leave out `levels`"),
    ("{start: 2, decays", "{fades: {half_life: 3 d}, start: 2, decays", "{start: 2, decays", "state.heat.fades", "leave out `fades`"),
    (STARTS, STARTS.replace(", basis: {data: counted}", ""), STARTS, "state.heat.start", "without a basis"),
    (STARTS, STARTS.replace(", basis: {data: counted}", "").replace("start: 2", "start: factor"), STARTS.replace(", basis: {data: counted}", "").replace("start: 2", "start: factor").replace("9 d", "wait"), "state.heat.decays.half_life", "without a basis"),
    (STARTS, STARTS.replace("{data: counted}", "{judgement: so it feels}"), STARTS.replace("{data: counted}", "{judgement: so it feels, fixed: a unit}"), "state.heat.basis", "a law with a spread"),
    # who may read it
    ("while: talks below deal", "while: heat below 3", "while: recent below 3", "actions.usa.strikes.while", "use a counted variable that fades"),
    ("while: not struck and recent above 0", "while: heat above 0", "while: not struck", "actions.usa.decides.while", "is a tension"),
    ("if: talks below deal", "if: heat above 1", "if: recent above 1", "actions.usa.decides.either.1.if", "is a tension"),
    ("median: wait, sigma", "median: heat, sigma", "median: wait, sigma", "actions.usa.decides.after.lognormal.median", "is a tension"),
    ("sigma: 0.8}}\n", "sigma: 0.8}}\n    times: {heat: {each: 1.1}}\n", "sigma: 0.8}}\n    times: {recent: {each: 1.1}}\n", "actions.usa.decides.times.heat", "is a tension"),
    ("first_strike: {when: struck,", "first_strike: {when: heat above 5,", "first_strike: {when: recent above 7,", "milestones.first_strike.when", "is a tension"),
    ("limited, when: first_strike", "limited, when: heat above 5", "limited, when: recent above 8", "outcomes.0.when", "is a tension"),
    ("many: {when: strikes above 30", "many: {when: heat above 30", "many: {when: recent above 30", "flags.many.when", "is a tension"),
    ("ends: [first_strike]", "ends: [heat above 9]", "ends: [recent above 9]", "ends.0", "is a tension"),
    ("force, when: struck", "force, when: heat above 9", "force, when: recent above 9", "ladder.2.when", "is a tension"),
    (RATE, "    times: {heat: 2}\n", "    plus: [0.006 * heat]\n", "actions.usa.strikes.times", "stands twice"),
    (RATE, "    plus: [0.02 / heat]\n", "    plus: [0.02 / (heat + 1)]\n", "actions.usa.strikes", "no upper bound is found"),
    (RATE, "    plus: [0.005 * haet]\n", "    plus: [0.03 * heat]\n", "actions.usa.strikes.plus.0", "did you mean 'heat'"),
    (RATE, "    plus: [0.02 * share]\n", "    plus: [0.005 * heat]\n", "state.heat", "nothing reads this tension"),
    # what may be done to it
    ("heat: +1}", 'heat: "+1 capped"}', 'heat: "+1"}', "actions.usa.strikes.then.heat", "leave out `capped`"),
    ("heat: +1}", "heat: {add: 1, capped: yes}}", "heat: {add: 1}}", "actions.usa.strikes.then.heat.capped", "leave out `capped`"),
    ("heat: +1}", "heat: yes}", "heat: 1}", "actions.usa.strikes.then.heat", "is a tension"),
    ("heat: +1}", "heat: open}", "heat: 0}", "actions.usa.strikes.then.heat", "is a tension"),
    ("heat: +1}", "heat: {set: yes}}", "heat: {set: 0}}", "actions.usa.strikes.then.heat", "not yes or no"),
    ("heat: +1}", "haet: +1}", "heat: +1}", "actions.usa.strikes.then.haet", "did you mean 'heat'"),
    ("rate: pace, then: {talks: open}", 'rate: pace, then: {talks: open, heat: "+3"}', 'rate: pace, then: {talks: open, heat: "+1"}', "actions.ven.talks.then.heat", "without a basis"),
    # trends
    (RATE, TREND.replace("0.74", "0"), TREND, "actions.usa.strikes.trend.shape", "must be positive"),
    (RATE, TREND.replace("0.74", "-1"), TREND.replace("0.74", "1"), "actions.usa.strikes.trend.shape", "must be positive"),
    (RATE, TREND.replace("0.74", "share"), TREND.replace("0.74", "2"), "actions.usa.strikes.trend.shape", "not a number"),
    (RATE, TREND.replace("30 d", "30"), TREND.replace("30 d", "4 wk"), "actions.usa.strikes.trend.at", "needs its unit"),
    (RATE, TREND.replace("30 d", "0 d"), TREND.replace("30 d", "1 h"), "actions.usa.strikes.trend.at", "above 0"),
    (RATE, TREND.replace("at: 30 d", "ta: 30 d"), TREND, "actions.usa.strikes.trend", ""),
    (RATE, TREND.replace("30 d", "30 d, since: soon"), TREND.replace("30 d", "30 d, since: start"), "actions.usa.strikes.trend.since", "start, enabling or a date"),
    (RATE, TREND.replace("30 d", "30 d, since: 2026-01-01"), TREND.replace("30 d", "30 d, since: 2025-01-01"), "actions.usa.strikes.trend.since", "after the last report"),
    ("sigma: 0.8}}\n", "sigma: 0.8}}\n    trend: {shape: 0.74, at: 30 d}\n", "sigma: 0.8}}\n", "actions.usa.decides.trend", "`trend` goes with rate"),
    ("rate: pace, then: {talks: open}", "rate: pace, trend: {shape: 2, at: 9 d}, then: {talks: open}", "rate: pace, trend: {shape: 2, at: 9 d}, then: {talks: open}, basis: {data: x}", "actions.ven.talks.trend", "without a basis"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "bad", "good", "key", "why"), CASES)
def test_a_mistake_and_its_sound_twin(old: str, bad: str, good: str, key: str, why: str) -> None:
    found = problems(bend(old, bad, TENSE))
    fitting = [p for p in found if p.key.startswith(key) and why in str(p)]
    assert fitting, found
    assert len(found) <= 2, found
    line = TENSE[: TENSE.index(old)].count("\n") + 1
    assert all(p.line is not None and (line - 4 <= p.line <= line + 4 or "nothing" in why) for p in fitting), (
        line,
        fitting,
    )
    made(bend(old, good, TENSE))


# ----------------------------------------------------------------------------------------------------- what is told
def test_a_judged_tension_counts_as_one_judgement_and_each_start_as_its_own() -> None:
    judged = bend(
        "meaning: tension felt, basis: {data: counted}",
        "meaning: tension felt, basis: {judgement: felt, fixed: a unit}",
        TENSE,
    )
    assert len(made(judged).judgements) == len(made(TENSE).judgements) + 1
    assert len(free_judgements(made(judged))) == len(free_judgements(made(TENSE)))
    own = bend(
        "{start: 2, decays: {half_life: 9 d}",
        "{start: {value: 2, basis: {judgement: x, fixed: y}}, decays: {half_life: 9 d}",
        judged,
    )
    assert len(made(own).judgements) == len(made(TENSE).judgements) + 2


def test_a_description_tells_of_tensions_and_trends() -> None:
    text = bend(RATE, TREND.replace("30 d", "30 d, since: enabling"), TENSE)
    told = " ".join(" ".join(describe(made(text))).split())
    assert "heat (tension felt): a tension, 2; decays with a half-life of 9 d [data: counted]" in told
    assert "falling with time, as (t / 30 d) ^ -0.26 for t since when it became possible, or last happened" in told
    assert "a tension, factor; decays" in " ".join(" ".join(describe(made(DATED))).split())


def test_a_remark_is_made_of_inputs_that_nothing_reads_but_not_of_those_of_a_tension() -> None:
    text = bend(
        "half_life: 9 d", "half_life: wait", TENSE.replace("median: wait, sigma: 0.8", "median: 9 d, sigma: 0.8")
    )
    assert not [r for r in remarks(made(text)) if "reads this" in r.why]


def test_a_trace_counts_pushes_and_tells_nothing_of_candidates(tmp_path: Path) -> None:
    """With a bound far above the rate most candidates are rejected; the timeline has only what happened."""
    lines, _ = write(made(TENSE), Settings(replication=3), tmp_path, figures=False)
    text = "\n".join(lines)
    [felt] = [line for line in lines if line.startswith("Not told: heat")]
    struck = sum(
        int(line.split(", ")[1].split(" times")[0]) if " times" in line else 1 for line in lines if "  a strike" in line
    )
    assert f"(tension felt) was pushed {struck} time" in felt
    assert "stood at" in felt
    assert "reject" not in text


def test_a_tension_is_no_variable_and_told_by_its_own_words() -> None:
    scenario = made(TENSE)
    assert scenario.tensions["heat"].meaning == "tension felt"
    assert "heat" not in scenario.variables


def test_what_the_template_has_as_comments_can_be_switched_on() -> None:
    text = (Path(schema.__file__).parent / "template.yaml").read_text(encoding="utf-8")
    for line in ("strain: ", "  {start: 1, decays", "plus: [0.01 * strain]", "trend: {shape: 0.8"):
        assert text.count(f"# {line}") == 1, line
        text = text.replace(f"# {line}", line)
    text = bend('then: {boats_stopped: +1, anger: "+1 capped"}', "then: {boats_stopped: +1, strain: +1}", text)
    text = bend("then: {boats_stopped: +1, strain: +1}   # `capped`: stays within its bounds\n",
                "then: {boats_stopped: +1, strain: +1}\n    basis: {data: put your source here}\n", text)  # fmt: skip
    scenario = build(read_bytes(text.encode(), "my_crisis.yaml").data)
    assert [tension.name for tension in scenario.spec.tensions] == ["strain"]
    clock = next(a for a in scenario.spec.actions if a.name == "island.stops_boat").clock
    assert isinstance(clock, Rate)
    assert clock.trend == Trend(0.8, 30.0)


def test_the_json_schema_knows_the_new_keys() -> None:
    made_of = json_schema()["$defs"]
    assert set(made_of["Decays"]["properties"]) == {"half_life", "mean", "toward"}
    assert set(made_of["Trend"]["properties"]) == {"shape", "at", "since"}
    assert "decays" in made_of["Variable"]["properties"]
    assert "trend" in made_of["Action"]["properties"]
