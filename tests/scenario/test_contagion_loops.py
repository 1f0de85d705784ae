"""Tensions that feed on themselves: refused from the threshold on, told where only some inputs lead there."""

import math

import pytest

from sim.engines import reference
from sim.engines.interface import RAN_AWAY, plan
from sim.model.bound import bind_spec
from sim.model.compiled import compile_model
from sim.model.expressions import TRUE, Number, parse
from sim.model.laws import Law
from sim.model.reach import reach
from sim.model.spec import Action, Branch, Effect, Quantity, Rate, Spec, Tension, Trend, Variable
from sim.model.stability import Loop, loops
from sim.scenario.remarks import remarks
from tests.scenario.mini import bend, made, problems
from tests.scenario.test_tensions import TENSE

DECAY = 0.1
BASE = 0.3


def act(name: str, pushes: dict[str, str], *, plus: str = "", times: str = "", trend: Trend | None = None) -> Action:
    terms, factors = (tuple(parse(text) for text in (given,) if text) for given in (plus, times))
    effects = [Effect("events", "add", Number(1.0))]
    effects += [Effect(tension, "add", parse(push)) for tension, push in pushes.items()]
    return Action(name, name, Rate(Number(BASE), terms, factors, trend), (Branch(tuple(effects)),))


def model(*actions: Action, inputs: tuple[Quantity, ...] = (), decay: str = f"{DECAY}", start: float = 0.0) -> Spec:
    names = sorted({e.variable for a in actions for b in a.branches for e in b.effects} - {"events"})
    tensions = tuple(Tension(name, parse(decay), Number(start)) for name in names)
    amounts = (Quantity("dead", Law("poisson", (3.0,))),)
    return Spec("m", (Variable("events"),), actions, inputs, amounts, tensions=tensions)


def found(spec: Spec, until: float = math.inf) -> list[Loop]:
    compile_model(spec)
    return loops(reach(bind_spec(spec)), until)


def ran_away(spec: Spec) -> int:
    rows = reference.simulate(compile_model(spec), plan(3, 180.0, 20, max_events=2_000))
    return int((rows.status == RAN_AWAY).sum())


@pytest.mark.parametrize("push", [0.01, 1.0, 30.0])
@pytest.mark.parametrize(("ratio", "sure"), [(0.5, False), (0.999, False), (1.0, True), (1.001, True), (4.0, True)])
def test_a_branching_ratio_of_one_runs_away(ratio: float, sure: bool, push: float) -> None:
    hit = act("hit", {"x": f"{push!r}"}, plus=f"{ratio * DECAY / push!r} * x")
    assert found(model(hit)) == [Loop(("x",), ("hit",), sure=True)] * sure


def test_the_mean_of_an_amount_counts() -> None:
    for ratio, sure in ((0.99, False), (1.01, True)):
        hit = act("hit", {"x": "dead"}, plus=f"{ratio * DECAY / 3.0!r} * x")
        assert bool(found(model(hit))) == sure


def test_what_is_found_is_seen() -> None:
    calm, wild = (model(act("hit", {"x": "1"}, plus=f"{ratio * DECAY!r} * x")) for ratio in (0.5, 3.0))
    assert (ran_away(calm), ran_away(wild)) == (0, 20)


@pytest.mark.parametrize(("ratio", "sure"), [(0.9, False), (1.1, True)])
@pytest.mark.parametrize("skew", [1.0, 10.0])
def test_two_tensions_by_the_spectral_radius(ratio: float, sure: bool, skew: float) -> None:
    a = act("a", {"x": "1"}, plus=f"{ratio * DECAY * skew!r} * y")
    b = act("b", {"y": "1"}, plus=f"{ratio * DECAY / skew!r} * x")
    assert [(loop.counts, loop.actions) for loop in found(model(a, b))] == [(("x", "y"), ("a", "b"))] * sure
    assert found(model(a, act("b", {"y": "1"}))) == []  # only one way: no loop


def test_a_loop_through_a_count() -> None:
    """Events raise the count without end, the count the tension's rate: even a small share feeds on itself."""
    fade = Action(
        "fade", "fade", Rate(parse("0.1 * events")), (Branch((Effect("events", "add", Number(-1.0)),)),),
        parse("events above 0"),
    )  # fmt: skip
    for ratio, sure in ((0.9, False), (1.1, True)):
        a = act("a", {}, plus=f"{ratio * DECAY!r} * x")
        push = Branch((Effect("x", "add", Number(1.0)),))
        quiet = Action("b", "b", Rate(parse(f"{BASE} + {DECAY!r} * events")), (push,))
        assert [loop.counts for loop in found(model(a, quiet, fade))] == [("events", "x")] * sure


@pytest.mark.parametrize(("share", "sure"), [(0.9, False), (0.998, False), (1.002, True), (5.0, True)])
def test_multiplication_runs_away_from_log_c_above_decay_over_e_base_and_may_below(share: float, sure: bool) -> None:
    c = math.exp(share * DECAY / (math.e * BASE))
    [loop] = found(model(act("hit", {"x": "1"}, times=f"{c!r} ** x")))
    assert (loop.sure, loop.inputs) == (sure, ())
    assert found(model(act("hit", {"x": "1"}, times=f"{c!r} ** min(x, 3)"))) == []  # held from above
    assert found(model(act("hit", {"x": "1"}), act("read", {}, times=f"{c!r} ** x"))) == []  # pushes, but not itself


def test_what_holds_a_tension_back_at_a_stroke() -> None:
    hit = act("hit", {"x": "1"}, plus="1 * x")
    stop = Action("stop", "stop", Rate(Number(0.01)), (Branch((Effect("x", "set", Number(0.0)),)),), TRUE)
    assert [loop.sure for loop in found(model(hit))] == [True]
    assert [loop.sure for loop in found(model(hit, stop))] == [False]


def test_a_rate_that_falls_with_time_is_not_sure_to_run_away() -> None:
    for shape, sure in ((0.74, [False]), (1.0, [True]), (1.5, [True])):
        hit = act("hit", {"x": "1"}, plus=f"{2 * DECAY!r} * x", trend=Trend(shape, 30.0))
        assert [loop.sure for loop in found(model(hit))] == sure


def test_a_tension_that_only_drives_another_is_no_part_of_its_loop() -> None:
    drive = act("drive", {"y": "1"})
    hit = act("hit", {"x": "1"}, plus=f"{0.5 * DECAY!r} * x + 5 * y")
    assert found(model(drive, hit)) == []


def test_some_inputs_only() -> None:
    ratio = Quantity("ratio", Law("uniform", (0.2, 1.2)))
    [loop] = found(model(act("hit", {"x": "1"}, plus=f"{DECAY!r} * ratio * x"), inputs=(ratio,)))
    assert not loop.sure
    assert dict(loop.inputs) == pytest.approx({"ratio": 1.1})
    safe = Quantity("ratio", Law("uniform", (0.2, 0.65)))
    assert found(model(act("hit", {"x": "1"}, plus=f"{DECAY!r} * ratio * x"), inputs=(safe,))) == []
    length = Quantity("length", Law("uniform", (2.0, 14.0)))
    [loop] = found(model(act("hit", {"x": "1"}, plus="0.09 * x"), inputs=(length,), decay="1 / length"))
    assert dict(loop.inputs) == pytest.approx({"length": 12.8})


def test_slow_in_a_short_run() -> None:
    hit = act("hit", {"x": "1"}, plus=f"{1.05 * DECAY!r} * x")
    assert [loop.slow for loop in found(model(hit), 5.0)] == [True]
    assert [loop.slow for loop in found(model(hit), 3650.0)] == [False]


# ----------------------------------------------------------------------------------------------------- in a scenario
WILD = bend("plus: [0.005 * heat]", "plus: [0.2 * heat]", TENSE)


def test_a_scenario_is_refused_unless_it_accepts_the_loop() -> None:
    [problem] = problems(WILD)
    assert problem.key == "actions.usa.strikes"
    assert problem.line == WILD[: WILD.index("  usa.strikes:")].count("\n") + 1
    assert "the more heat, the more there will be" in problem.why
    assert "push it less, let it decay faster, or write `accepts: {unstable: [usa.strikes]}`" in problem.why
    accepted = bend("ends: [first_strike]", "accepts: {unstable: [usa.strikes]}\nends: [first_strike]", WILD)
    assert [r.key for r in remarks(made(accepted)) if "as `accepts` allows" in r.why] == ["actions.usa.strikes"]
    needless = accepted.replace("plus: [0.2 * heat]", "plus: [0.005 * heat]")
    assert [r.key for r in remarks(made(needless)) if "the entry can go" in r.why] == ["accepts.unstable.0"]


@pytest.mark.parametrize(
    ("plus", "told"),
    [("plus: [0.005 * heat]", []), ("plus: [0.05 * share * heat]", ["actions.usa.strikes"])],
)
def test_some_inputs_are_told(plus: str, told: list[str]) -> None:
    scenario = made(bend("plus: [0.005 * heat]", plus, TENSE))
    assert [r.key for r in remarks(scenario) if "may run away" in r.why] == told


def test_a_growing_factor_is_told() -> None:
    text = bend("plus: [0.005 * heat]\n    times: {", "times: {heat: {each: 1.001}, ", TENSE)
    assert [r.key for r in remarks(made(text)) if "may run away" in r.why] == ["actions.usa.strikes"]
    capped = bend("{each: 1.001}", "{each up to 20: 1.001}", text)
    assert [r.key for r in remarks(made(capped)) if "may run away" in r.why] == []
