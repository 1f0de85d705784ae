"""Every form of the notation gives the model it should."""

import datetime
import math

import numpy as np
import pytest

from sim.engines import lockstep
from sim.engines.interface import plan
from sim.model.arithmetic import log_scalar
from sim.model.compiled import compile_model
from sim.model.expressions import TRUE, Call, Expression, Name, Number, bind, evaluate_scalar, parse
from sim.model.expressions import compile_program as program
from sim.model.laws import Law
from sim.model.spec import Branch, Calendar, Delay, Effect, Immediate, Quantity, Rate, Variable
from sim.scenario.quantities import Z90
from sim.scenario.scenario import Evidence, Judgement, free_judgements
from tests.scenario.mini import MINI, act, bend, extra, made

BASIS = "basis: {data: measured}"
THEN = "then: {struck: yes}"


def where(condition: str, factor: Expression) -> Expression:
    return Call("where", (parse(condition), factor, Number(1.0)))


def power(factor: str, count: str) -> Expression:
    return Call("pow", (parse(factor), parse(count)))


# ------------------------------------------------------------------------------------------------------- the whole
def test_state() -> None:
    assert made().spec.variables == (
        Variable("talks", 0, 2, 1, ("closed", "open", "deal")),
        Variable("goal", 0, 1, Law("choice", (0.0, 0.75, 1.0, 0.25)), ("pressure", "removal")),
        Variable("troops_k", 0, 200, 15),
        Variable("strikes", 0, None, 21),
        Variable("recent", 0, 40, 6),
        Variable("struck", 0, 1, 0, ("no", "yes")),
    )


def test_inputs_amounts_and_constants() -> None:
    spec = made().spec
    assert spec.inputs == (
        Quantity("pace", Law("lognormal", (1 / 21, log_scalar((1 / 10) / (1 / 21)) / Z90))),
        Quantity("share", Law("uniform", (0.2, 0.7))),
        Quantity("wait", Law("gamma", (2.0, 15.0))),
    )
    assert spec.constants == (("factor", 2.5),)  # a known number is no input, but it is shown
    assert [(q.name, q.kind, q.constant) for q in made().inputs] == [
        ("pace", "per day", False), ("share", "number", False), ("factor", "number", True), ("wait", "days", False),
    ]  # fmt: skip
    assert spec.amounts == (Quantity("deaths", Law("poisson", (2.95,), 1.0)),)


def test_milestones_outcomes_flags_and_ends() -> None:
    spec = made().spec
    assert [(m.name, m.when) for m in spec.milestones] == [("first_strike", Name("struck"))]
    assert [(o.name, o.when) for o in spec.outcomes] == [("limited", Name("first_strike")), ("none", TRUE)]
    assert [(f.name, f.when) for f in spec.flags] == [("many", parse("strikes above 30"))]
    assert spec.terminal == (Name("first_strike"),)


def test_the_rung_is_the_highest_that_holds() -> None:
    found = made()
    assert found.rungs == ("words", "build_up", "force")
    model = compile_model(found.spec)
    program = model.program(found.rung_program)
    values = dict.fromkeys(range(model.first_amount), 0.0)
    troops, struck = model.column("troops_k"), model.column("struck")
    assert [
        evaluate_scalar(program, {**values, troops: t, struck: s}) for t, s in ((3, 0), (4, 0), (9, 1), (0, 1))
    ] == [0, 1, 2, 2]


def test_fading_is_an_action_of_its_own_actor() -> None:
    [fading] = [a for a in made().spec.actions if a.name == "fading.recent"]
    assert fading.actor == "fading_recent"
    assert fading.clock == Rate(Call("mul", (Number(log_scalar(2.0) / 10.0), Name("recent"))))
    assert fading.guard == parse("recent above 0")
    assert fading.branches == (Branch((Effect("recent", "add", Number(-1.0)),)),)


def test_what_people_read() -> None:
    found = made()
    assert (found.name, found.title, found.question) == ("mini", "A small one", "What happens?")
    assert (found.as_of, found.crisis_start) == (datetime.date(2025, 11, 17), datetime.date(2025, 9, 2))
    assert (found.until, found.horizons) == (180.0, (30, 90, 180))
    assert found.actors["usa"].label == "United States"
    assert found.reports["sep"].origin == ("nbc",)
    assert found.findings[2].report == "nov"
    assert found.actions["usa.decides"].branches == ("wait", "strike")
    assert found.variables["talks"].levels == ("closed", "open", "deal")
    assert found.variables["struck"].flag
    assert found.variables["troops_k"].evidence == Evidence("report", reports=(2,))
    assert (found.milestones[0].seen_by, found.milestones[0].delay) == ("public", 1.0)
    assert found.outcomes[1].says == "nothing"
    assert found.not_modelled == {3: "colour"}
    assert found.inputs[1].spread == "0.25 to 0.65 (10-90 %), median 0.45"
    assert found.inputs[2].spread == "2.5"


def test_judgements_are_counted() -> None:
    assert made().judgements == (
        Judgement("state.goal", "nobody knows", (), None),
        Judgement("inputs.pace", "weeks apart", (), None),
        Judgement("inputs.share", "wide", (), None),
    )
    assert len(free_judgements(made())) == 3
    fixed = bend("{value: 2.5, basis: {data: measured}}", "{value: 2.5, basis: {judgement: so, fixed: a unit}}")
    assert len(made(fixed).judgements) == 4
    assert len(free_judgements(made(fixed))) == 3


def test_dates_of_times() -> None:
    found = made()
    assert found.date(0.0) == datetime.date(2025, 11, 17)
    assert found.date(0.01) == found.date(1.0) == datetime.date(2025, 11, 18)
    assert found.date(180.0) == datetime.date(2026, 5, 16)


# ---------------------------------------------------------------------------------------------------- dated values
def test_the_latest_value_not_after_as_of_holds() -> None:
    for as_of, troops, n in (
        ("2025-09-27", 4, 21),
        ("2025-10-30", 4, 21),
        ("2025-11-17", 15, 14),
        ("2025-12-01", 15, 14),
    ):
        found = made(as_of=as_of)
        assert found.as_of == datetime.date.fromisoformat(as_of)
        [start] = [v.start for v in found.spec.variables if v.name == "troops_k"]
        assert start == troops
        [row] = found.base_rates
        assert row.n == n
        assert found.data["as_of"] == as_of


def test_a_dated_action_and_what_only_it_uses() -> None:
    text = bend(
        "  factor:", "  later: [{from: 2025-11-17, uniform: [1 per 9 d, 1 per 5 d], basis: {data: x}}]\n  factor:"
    )
    text = bend("  ven.ends:", f"  usa.new: {{from: 2025-11-17, says: new, rate: later, {THEN}}}\n  ven.ends:", text)
    text = bend("if: talks below deal,", "if: talks below deal, restart: [usa.new],", text)
    now, before = made(text), made(text, "2025-09-27")
    assert "usa.new" in now.actions
    assert "later" in {q.name for q in now.spec.inputs}
    assert "usa.new" not in before.actions
    assert "later" not in {q.name for q in before.spec.inputs}
    restarts = [
        b.restarts for found in (now, before) for a in found.spec.actions if a.name == "usa.decides" for b in a.branches
    ]
    assert restarts == [(), ("usa.new",), (), ()]


def test_until_may_be_a_date_and_cuts_the_horizons() -> None:
    assert made(until="2026-01-16").until == 60.0
    assert made(until="2026-01-16").horizons == (30,)
    assert made(until=20.0).horizons == (20,)
    assert made(until="12 weeks").until == 84.0


# ---------------------------------------------------------------------------------------------------------- clocks
def test_rates() -> None:
    assert extra(f"rate: 0.05 per d, {THEN}, {BASIS}").clock == Rate(Number(0.05))
    assert extra(f"rate: 1 per 3 weeks, {THEN}, {BASIS}").clock == Rate(Number(1 / 21))
    assert extra(f"rate: pace, {THEN}").clock == Rate(Name("pace"))
    assert extra(f"rate: pace * (1 - share), {THEN}").clock == Rate(parse("pace * (1 - share)"))
    assert extra(f'rate: pace, plus: ["pace * recent", 0.01 per d], {THEN}, {BASIS}').clock == Rate(
        Name("pace"), (parse("pace * recent"), Number(0.01))
    )


@pytest.mark.parametrize(
    ("after", "law", "scale"),
    [
        ("10 d", Law("fixed", (10.0,)), "1"),
        ("2 weeks", Law("fixed", (14.0,)), "1"),
        ("wait", Law("fixed", (1.0,)), "wait"),
        ("2 * wait", Law("fixed", (1.0,)), "2 * wait"),
        ("{uniform: [2 d, 9 d]}", Law("uniform", (2.0, 9.0)), "1"),
        ("{lognormal: {median: 5 d, p90: 21 d}}", Law("lognormal", (5.0, log_scalar(21 / 5) / Z90)), "1"),
        ("{lognormal: {median: 5 d, sigma: 0.8}}", Law("lognormal", (5.0, 0.8)), "1"),
        ("{lognormal: {median: wait, sigma: 0.8}}", Law("lognormal", (1.0, 0.8)), "wait"),
        ("{gamma: {shape: 2, mean: 20 d}}", Law("gamma", (2.0, 10.0)), "1"),
        ("{gamma: {shape: 2, mean: wait}}", Law("gamma", (2.0, 0.5)), "wait"),
        ("{weibull: {shape: 0.8, scale: 30 d}}", Law("weibull", (0.8, 30.0)), "1"),
        ("{weibull: {shape: 0.8, scale: wait}}", Law("weibull", (0.8, 1.0)), "wait"),
    ],
)
def test_delays(after: str, law: Law, scale: str) -> None:
    assert extra(f"after: {after}, {THEN}, {BASIS}").clock == Delay(law, parse(scale))


def test_memory_and_age() -> None:
    clock = extra(f"after: 90 d, memory: identical, since: 2025-10-24, {THEN}, {BASIS}").clock
    # Started at the start of 24 October: 25 days before the end of 17 November.
    assert clock == Delay(Law("fixed", (90.0,)), memory="identical", age=25.0)


def test_what_runs_since_a_later_date_has_not_begun() -> None:
    text = act(f"after: 90 d, since: 2025-10-24, {THEN}, {BASIS}")
    [clock] = [a.clock for a in made(text, "2025-09-27").spec.actions if a.name == "usa.extra"]
    assert clock == Delay(Law("fixed", (90.0,)))


def test_calendar_and_immediate_actions() -> None:
    assert extra(f"on: 2025-11-24, {THEN}, {BASIS}").clock == Calendar(6.0)
    assert extra(f"on: 2025-11-18, {THEN}, {BASIS}").clock == Calendar(0.0)
    assert "usa.extra" not in made(act(f"on: 2025-11-17, {THEN}, {BASIS}")).actions  # that day is over
    found = extra(f"when: recent above 30 and not struck, while: talks is open, {THEN}")
    assert found.clock == Immediate()
    assert found.guard == Call("and", (parse("talks is open"), parse("recent above 30 and not struck")))


# --------------------------------------------------------------------------------------------------------- factors
@pytest.mark.parametrize(
    ("line", "factor"),
    [
        ("struck: factor", where("struck", Name("factor"))),
        ("first_strike: 2", where("first_strike", Number(2.0))),
        ("goal is removal: factor", where("goal is removal", Name("factor"))),
        ("talks at least open: 1 - share", where("talks at least open", parse("1 - share"))),
        ("struck and recent above 3: 0.4", where("struck and recent above 3", Number(0.4))),
        ("always: factor", Name("factor")),
        ("recent: {each: 1.02}", power("1.02", "recent")),
        ("recent: {each above 2: factor}", power("factor", "max(recent - 2, 0)")),
        ("recent: {each up to 2: 1.5}", power("1.5", "min(recent, 2)")),
        ("recent + strikes: {each: 1.01}", power("1.01", "recent + strikes")),
    ],
)
def test_factors(line: str, factor: Expression) -> None:
    clock = extra(f"rate: pace, times: {{{line}}}, {THEN}, {BASIS}").clock
    assert clock == Rate(Name("pace"), (), (factor,))
    branch = extra(
        f"rate: pace, either: [{{weight: 1}}, {{weight: share, times: {{{line}}}, {THEN}}}], {BASIS}"
    ).branches[1]
    assert branch.factors == (factor,)
    assert extra(f"after: wait, times: {{{line}}}, {THEN}, {BASIS}").clock.factors == (factor,)  # type: ignore[union-attr]


def test_doublings() -> None:
    clock = extra(f"rate: pace, times: {{troops_k: {{per doubling from 10: 3}}}}, {THEN}, {BASIS}").clock
    assert isinstance(clock, Rate)
    [factor] = clock.factors
    for troops, value in ((10, 1.0), (20, 3.0), (40, 9.0), (80, 27.0), (5, 1 / 3)):
        assert evaluate_scalar(program(bind(factor, {"troops_k": Number(troops)})), []) == pytest.approx(
            value, rel=1e-14
        )
    # None at all is read as one.
    none, one = (evaluate_scalar(program(bind(factor, {"troops_k": Number(n)})), []) for n in (0, 1))
    assert none == one == pytest.approx(3 ** -math.log2(10), rel=1e-13)


# --------------------------------------------------------------------------------------------------------- effects
@pytest.mark.parametrize(
    ("then", "effect"),
    [
        ("strikes: +1", Effect("strikes", "add", Number(1.0))),
        ("recent: -2", Effect("recent", "add", Number(-2.0))),
        ("strikes: +deaths", Effect("strikes", "add", Name("deaths"))),
        ("strikes: +2 * recent + 1", Effect("strikes", "add", parse("2 * recent + 1"))),
        ("recent: -strikes capped", Effect("recent", "add", parse("-strikes"), saturate=True)),
        ('recent: "+1 capped"', Effect("recent", "add", Number(1.0), saturate=True)),
        ("recent: 3", Effect("recent", "set", Number(3.0))),
        ("talks: open", Effect("talks", "set", Number(1.0))),
        ("struck: yes", Effect("struck", "set", Number(1.0))),
        ("struck: no", Effect("struck", "set", Number(0.0))),
        ("struck: true", Effect("struck", "set", Number(1.0))),
        ("struck: false", Effect("struck", "set", Number(0.0))),
        ("talks: {at_least: open}", Effect("talks", "at_least", Number(1.0))),
        ("talks: {at_most: closed}", Effect("talks", "at_most", Number(0.0))),
        ("recent: {at_least: 3}", Effect("recent", "at_least", Number(3.0))),
        ('strikes: {set: "recent + strikes"}', Effect("strikes", "set", parse("recent + strikes"))),
        ('recent: {add: "troops_k // 2", capped: yes}', Effect("recent", "add", parse("troops_k // 2"), saturate=True)),
        ("recent: {set: troops_k, capped: yes}", Effect("recent", "set", Name("troops_k"), saturate=True)),
        ("recent: {set: -3, capped: yes}", Effect("recent", "set", Number(-3.0), saturate=True)),
    ],
)
def test_effects(then: str, effect: Effect) -> None:
    guard = "recent above 1 and " if "-2" in then else ""
    found = extra(f"while: {guard}talks below deal, rate: pace, then: {{{then}}}")
    assert found.branches == (Branch((effect,)),)


def test_branches() -> None:
    found = extra(
        "rate: pace, either: [{says: stay, weight: 100}, {says: go, weight: share, if: talks is open, "
        "times: {struck: factor}, then: {talks: deal}, restart: [usa.decides]}], always: {recent: 0}, "
        "restart: [usa.strikes], basis: {judgement: a unit, fixed: a unit}"
    )
    shared = Effect("recent", "set", Number(0.0))
    assert found.branches == (
        Branch((shared,), Number(100.0), restarts=("usa.strikes",), label="stay"),
        Branch(
            (shared, Effect("talks", "set", Number(2.0))),
            Name("share"),
            parse("talks is open"),
            (where("struck", Name("factor")),),
            ("usa.strikes", "usa.decides"),
            "go",
        ),
    )


def test_a_restart_may_be_all_that_follows() -> None:
    assert extra("rate: pace, restart: [usa.decides]").branches == (Branch(restarts=("usa.decides",)),)


# ------------------------------------------------------------------------------------------------------- behaviour
def test_the_model_runs() -> None:
    found = made()
    rows = lockstep.simulate(compile_model(found.spec), plan(1, found.until, 2000))
    reached = rows.milestones[0]
    assert 0.5 < (reached <= found.until).mean() < 1.0
    assert (rows.end[np.isfinite(reached)] == reached[np.isfinite(reached)]).all()  # it ends the history


def test_the_same_text_gives_the_same_model() -> None:
    assert made().spec == made().spec
    assert made(MINI + "# a remark\n").spec == made().spec
