"""Loops that run away are told from those that do not, to the very threshold where it is known."""

import math

import pytest

from sim.engines import reference
from sim.engines.interface import RAN_AWAY, plan
from sim.model.bound import bind_spec
from sim.model.compiled import compile_model
from sim.model.expressions import TRUE, Number, parse
from sim.model.laws import Law
from sim.model.reach import reach
from sim.model.spec import Action, Branch, Delay, Effect, Quantity, Rate, Spec, Variable
from sim.model.stability import Loop, loops

FADE = 0.1
BASE = 0.3


def act(
    name: str, rate: str, variable: str, step: float, *, guard: str = "", plus: str = "", times: str = ""
) -> Action:
    terms, factors = (tuple(parse(text) for text in (given,) if text) for given in (plus, times))
    branch = Branch((Effect(variable, "add", Number(step)),))
    return Action(name, name, Rate(parse(rate), terms, factors), (branch,), parse(guard) if guard else TRUE)


def fade(name: str, rate: float = FADE) -> Action:
    return act(f"fade_{name}", f"{rate} * {name}", name, -1.0, guard=f"{name} above 0")


def model(*actions: Action, upper: int | None = None, inputs: tuple[Quantity, ...] = (), start: int = 0) -> Spec:
    names = sorted({e.variable for a in actions for b in a.branches for e in b.effects})
    variables = tuple(
        Variable(name, 0, *((1, 0) if name == "calm" else (upper, start)))
        for name in names  # calm is a flag
    )
    return Spec("m", variables, actions, inputs)


def found(
    *actions: Action,
    upper: int | None = None,
    inputs: tuple[Quantity, ...] = (),
    start: int = 0,
    until: float = math.inf,
) -> list[Loop]:
    return loops(reach(bind_spec(model(*actions, upper=upper, inputs=inputs, start=start))), until)


def ran_away(spec: Spec, replications: int = 40, days: float = 180.0) -> int:
    rows = reference.simulate(compile_model(spec, strict=False), plan(3, days, replications, max_events=2_000))
    return int((rows.status == RAN_AWAY).sum())


CALMS = act("calms", "0.5", "calm", 1.0, guard="calm is 0")


@pytest.mark.parametrize("step", [1.0, 3.0])
@pytest.mark.parametrize(("ratio", "sure"), [(0.5, False), (0.999, False), (1.0, True), (1.001, True), (4.0, True)])
def test_additive_excitation_runs_away_from_a_branching_ratio_of_one(ratio: float, sure: bool, step: float) -> None:
    hit = act("hit", f"{BASE}", "x", step, plus=f"{ratio * FADE / step!r} * x")
    assert [(loop.counts, loop.actions) for loop in found(hit, fade("x")) if loop.sure] == [(("x",), ("hit",))] * sure


@pytest.mark.parametrize(("share", "sure"), [(0.9, False), (0.998, False), (1.002, True), (1.1, True), (5.0, True)])
def test_multiplication_runs_away_from_log_c_above_fade_over_e_base(share: float, sure: bool) -> None:
    c = math.exp(share * FADE / (math.e * BASE))
    assert bool(found(act("hit", f"{BASE}", "x", 1.0, times=f"{c!r} ** x"), fade("x"))) == sure


@pytest.mark.parametrize(("ratio", "sure"), [(0.9, False), (1.1, True)])
@pytest.mark.parametrize("skew", [1.0, 10.0])
def test_two_counts_that_raise_one_another(ratio: float, sure: bool, skew: float) -> None:
    a = act("a", "0.1", "x", 1.0, plus=f"{ratio * FADE * skew!r} * y")
    b = act("b", "0.1", "y", 1.0, plus=f"{ratio * FADE / skew!r} * x")
    assert [loop.counts for loop in found(a, b, fade("x"), fade("y"))] == [("x", "y")] * sure
    assert found(a, act("b", "0.1", "y", 1.0), fade("x"), fade("y")) == []  # only one way: no loop


def test_what_does_not_feed_on_itself_is_stable() -> None:
    wild = act("hit", f"{BASE}", "x", 1.0, plus="5 * x")
    assert found(wild, fade("x"))
    assert found(act("hit", f"{BASE}", "x", 1.0)) == []  # a plain count grows evenly
    assert found(act("hit", f"{BASE}", "x", 1.0, plus="5 * x", guard="x below 100"), fade("x")) == []
    assert found(act("hit", f"{BASE}", "x", 1.0, times="2 ** min(x, 5)"), fade("x")) == []
    assert found(act("hit", f"{BASE} * sqrt(x)", "x", 1.0), start=1) == []
    assert found(act("hit", "0.02 * x", "x", 1.0), start=1)  # doubles in five weeks, for ever


def test_a_loop_that_depends_on_state_or_inputs_is_not_sure() -> None:
    calmed = act("hit", f"{BASE}", "x", 1.0, plus="0.15 * x", times="where(calm is 1, 0.4, 1)")
    [loop] = found(calmed, fade("x"), act("calms", "0.1", "calm", 1.0, guard="calm is 0"))
    assert not loop.sure
    drawn = act("hit", f"{BASE}", "x", 1.0, plus="p * x")
    for low, high, sure in ((0.02, 0.16, [False]), (0.12, 0.16, [True]), (0.02, 0.1, [])):
        inputs = (Quantity("p", Law("uniform", (low, high))),)
        assert [loop.sure for loop in found(drawn, fade("x"), inputs=inputs)] == sure


def test_what_a_guard_may_stop_is_not_certain() -> None:
    """Calm comes within days and stays, so that hardly a history runs away; without a guard nearly all do."""
    stopped = model(act("hit", "0.3", "x", 1.0, plus="0.2 * x", guard="calm is 0"), fade("x"), CALMS)
    assert [loop.sure for loop in loops(reach(bind_spec(stopped)))] == [False]
    assert ran_away(stopped) == 0
    for guard in ("", "calm at most 1"):  # a guard that cannot fail is none
        free = model(act("hit", "0.3", "x", 1.0, plus="0.2 * x", guard=guard), fade("x"), CALMS)
        assert [loop.sure for loop in loops(reach(bind_spec(free)))] == [True]
        assert ran_away(free, 10) > 5


@pytest.mark.parametrize("clock", [Rate(Number(0.1)), Delay(Law("fixed", (10.0,)))])
def test_a_count_that_is_taken_down_at_one_stroke_is_not_certain_to_run_away(clock: Rate | Delay) -> None:
    hit = act("hit", f"{BASE}", "x", 1.0, plus="0.3 * x")
    falls = Action("falls", "falls", clock, (Branch((Effect("x", "set", Number(0.0)),)),))
    assert [loop.sure for loop in found(hit, falls)] == [False]


def delayed(each: float, guard: str = "", restarts: tuple[str, ...] = ()) -> tuple[Action, ...]:
    clock = Delay(Law("fixed", (5.0,)), factors=(parse(f"{each} ** x"),))
    branch = Branch((Effect("x", "add", Number(1.0)),))
    hit = Action("hit", "hit", clock, (branch,), parse(guard) if guard else TRUE)
    calms = Action(
        "calms", "calms", Rate(Number(0.1)), (Branch((Effect("calm", "set", Number(1.0)),), restarts=restarts),)
    )
    return hit, fade("x", math.log(2) / 10), calms


def test_a_delay_that_its_own_firing_hurries_runs_away() -> None:
    assert [(loop.actions, loop.sure) for loop in found(*delayed(1.5), until=180.0)] == [(("hit",), True)]
    assert ran_away(model(*delayed(1.5))) > 20
    assert found(*delayed(1.1)) == []
    assert ran_away(model(*delayed(1.1))) == 0
    assert [loop.sure for loop in found(*delayed(1.5, guard="calm is 0"))] == [False]
    assert [loop.sure for loop in found(*delayed(1.5, restarts=("hit",)))] == [False]  # ever again from the start
    assert found(*delayed(1.5), upper=50) == []


def test_what_grows_slowly_is_told_from_what_explodes_within_the_run() -> None:
    slow = act("hit", "0.002 * x", "x", 1.0)
    for until, is_slow in ((60.0, True), (300.0, True), (400.0, False), (math.inf, False)):  # it doubles in 347 days
        assert [(loop.sure, loop.slow) for loop in found(slow, start=21, until=until)] == [(True, is_slow)]
    fed = act("hit", "0.3", "x", 1.0, plus="0.002 * x")  # 60 days make 18, and of themselves hardly one more
    assert [loop.slow for loop in found(fed, until=60.0)] == [True]
    wild = act("hit", "0.3", "x", 1.0, plus="5 * x")
    assert [loop.slow for loop in found(wild, fade("x"), until=2.0)] == [False]
