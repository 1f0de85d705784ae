"""No history ever leaves the values found reachable, and the analysis finds what can and cannot be."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from sim.engines import lockstep
from sim.engines.interface import SimulationError, plan
from sim.model import joint
from sim.model import reach as module
from sim.model.bound import Bound, BoundAction, at_once, bind_spec
from sim.model.compiled import compile_model
from sim.model.expressions import TRUE, Call, Column, Expression, Number, compile_program, evaluate_scalar, parse
from sim.model.laws import Law
from sim.model.proofs import OPEN
from sim.model.reach import Box, Reach, Values, reach, refine, some, span
from sim.model.spec import (
    Action,
    Branch,
    Calendar,
    Clock,
    Condition,
    Delay,
    Effect,
    Immediate,
    Quantity,
    Rate,
    Spec,
    Variable,
)
from sim.scenario.build import build
from sim.scenario.reading import read_file
from sim.scenario.source import Source
from tests.models import conflict, specs

SCENARIOS = sorted((Path(__file__).parents[2] / "conf" / "scenario").glob("*.yaml"))
TIMES = (0.0, 0.5, 1.0, 2.0, 4.0, 6.0)


def escapes(spec: Spec, until: float = TIMES[-1], replications: int = 30) -> list[str]:
    """Variables and milestones that simulated histories take to values outside those found reachable."""
    found = reach(bind_spec(spec))
    times = tuple(t * until / TIMES[-1] for t in TIMES)
    model = compile_model(spec, strict=False)
    try:
        rows = lockstep.simulate(model, plan(3, until, replications, observe=times))
    except SimulationError:
        return []
    states = np.concatenate([rows.start[None], rows.observed, rows.state[None]])
    outside = []
    for i, name in enumerate(model.variables):
        seen, values = np.unique(states[:, i]), found.box.values[i]
        inside = values.only is None or set(seen.tolist()) <= values.only
        if not (inside and values.low <= seen[0] and seen[-1] <= values.high):
            outside.append(name)
    reached = np.isfinite(rows.milestones)
    for i, name in enumerate(model.milestones):
        if reached[i].any() and found.box.values[len(model.variables) + i].high == 0:
            outside.append(name)
    return outside


QUICK = settings(max_examples=80, deadline=None, derandomize=True, database=None)


@settings(QUICK, suppress_health_check=list(HealthCheck))
@given(specs())
def test_no_history_of_a_random_model_leaves_the_ranges(spec: Spec) -> None:
    assert escapes(spec) == []


@pytest.mark.parametrize("file", SCENARIOS, ids=[file.stem for file in SCENARIOS])
def test_no_history_of_a_shipped_scenario_leaves_the_ranges(file: Path) -> None:
    reading = read_file(file)
    default = build(reading.data, source=Source.of(reading))
    dates = [report.date for report in default.reports.values()]
    for date in {default.as_of, min(dates, default=default.as_of)}:
        found = build(reading.data, as_of=date, source=Source.of(reading))
        assert escapes(found.spec, found.until, 100) == []


def test_no_history_of_the_model_of_all_features_leaves_the_ranges() -> None:
    assert escapes(conflict(), 60.0, 400) == []


def _without_immediate(bound: Bound, action: BoundAction, box: Box) -> Box | None:
    return None if at_once(action) else GUARDED(bound, action, box)


def _first_start(spec: Spec) -> dict[int, Values]:
    return {i: some(frozenset((values.low,))) for i, values in STARTS(spec).items()}


def _both(tree: Expression, box: Box, *, holds: bool = True) -> Box | None:
    if isinstance(tree, Call) and tree.operation == "or":
        tree = Call("and", tree.arguments)
    return REFINE(tree, box, holds=holds)


GUARDED, STARTS, REFINE = module.guarded, module.start_values, module.refine


@pytest.mark.parametrize(("name", "broken"), [("start_values", _first_start), ("refine", _both)])
def test_a_broken_analysis_is_caught(name: str, broken: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, name, broken)
    tries = settings(QUICK, max_examples=600, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    try:
        assert find(specs(), lambda spec: bool(escapes(spec)), settings=tries)
    except NoSuchExample:
        pytest.fail(f"nothing escapes an analysis whose {name!r} is broken")


def test_an_analysis_that_forgets_immediate_actions_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    actions = (
        act("date", Calendar(3.0), ("a", "set", "1")),
        act("then", Immediate(), ("b", "set", "1"), guard="a > b"),
    )
    spec = Spec("m", variables(("a", 0, 1, 0), ("b", 0, 1, 0)), actions)
    assert escapes(spec) == []
    monkeypatch.setattr(module, "guarded", _without_immediate)
    assert escapes(spec) == ["b"]


# -------------------------------------------------------------------------------------------------- what it finds
def variables(*given_: tuple[str, int, int | None, int | Law]) -> tuple[Variable, ...]:
    return tuple(Variable(*one) for one in given_)


def act(name: str, clock: Clock, *effects: tuple[str, str, str], guard: str | None = None) -> Action:
    branch = Branch(tuple(Effect(v, kind, parse(value)) for v, kind, value in effects))  # type: ignore[arg-type]
    return Action(name, name, clock, (branch,), TRUE if guard is None else parse(guard))


def found(state: tuple[Variable, ...], *actions: Action, **rest: tuple[object, ...]) -> Reach:
    return reach(bind_spec(Spec("m", state, actions, **rest)))  # type: ignore[arg-type]


def values(which: Reach, column: int) -> set[int] | tuple[int, int]:
    one = which.box.values[column]
    return set(one.only) if one.only is not None else (one.low, one.high)


ONE = Rate(Number(1.0))


def test_guards_limit_what_is_reached() -> None:
    state = variables(("n", 0, None, 3), ("t", 0, 200, 15), ("x", 0, 2, 0))
    which = found(
        state,
        act("counts", ONE, ("n", "add", "1"), guard="n below 1000"),
        act("sends", ONE, ("t", "add", "5"), guard="t at most 40"),
        act("never", ONE, ("x", "set", "2"), guard="x is 1"),
    )
    assert values(which, 0) == (3, 1000)  # widened to the open end, and taken back by the guard
    assert values(which, 1) == {15, 20, 25, 30, 35, 40, 45}
    assert values(which, 2) == {0}
    assert [a.name for a in which.never] == ["never"]
    assert which.said(1) == "t is 15 … 45"
    assert which.said(2) == "x is always 0"


def test_an_effect_out_of_its_bounds_brings_nothing() -> None:
    """Such a history ends with an error; only an effect that is capped goes to the end of its bounds."""
    which = found(variables(("x", 0, 5, 0)), act("leaps", ONE, ("x", "add", "3")))
    assert values(which, 0) == {0, 3}
    capped = Action("leaps", "a", ONE, (Branch((Effect("x", "add", Number(3.0), saturate=True),)),))
    assert values(found(variables(("x", 0, 5, 0)), capped), 0) == {0, 3, 5}


def test_open_counts_fades_dates_and_immediate_actions() -> None:
    state = variables(("n", 0, None, 2), ("day", 0, 1, 0), ("now", 0, 5, 0), ("late", 0, 1, 0))
    which = found(
        state,
        act("hits", ONE, ("n", "add", "1")),
        act("fades", Rate(parse("0.1 * n")), ("n", "add", "-1")),  # without a guard: at 0 the rate is 0
        act("date", Calendar(3.0), ("day", "set", "1")),
        act("at_once", Immediate(), ("now", "add", "1"), guard="day is 1 and now below 3"),
        act("waits", Delay(Law("fixed", (1.0,))), ("late", "at_least", "1"), guard="now is 5"),
    )
    assert values(which, 0) == (0, OPEN)
    assert values(which, 1) == {0, 1}
    assert values(which, 2) == {0, 1, 2, 3}
    assert values(which, 3) == {0}


def test_what_ends_a_history_and_milestones_not_reached_limit_what_follows() -> None:
    state = variables(("x", 0, 9, 0), ("y", 0, 9, 0))
    which = found(
        state,
        act("up", ONE, ("x", "add", "1"), guard="x below 9"),
        act("marks", ONE, ("y", "set", "x"), guard="not high"),
        milestones=(Condition("high", parse("x above 4")), Condition("top", parse("x is 9"))),
        terminal=(parse("x above 6"),),
    )
    assert values(which, 0) == set(range(8))  # 7 ends it
    assert values(which, 1) == set(range(5))  # set only while x is at most 4
    assert values(which, 2) == {0, 1}
    assert values(which, 3) == {0}


def test_drawn_starts_weights_and_amounts() -> None:
    state = variables(("kind", 0, 3, Law("choice", (0.0, 0.5, 2.0, 0.5))), ("n", 0, 50, 0), ("m", 0, 3, 0))
    branches = (
        Branch((Effect("n", "add", parse("dead")),), Number(1.0)),
        Branch((Effect("m", "set", Number(1.0)),), Number(0.0)),
        Branch((Effect("m", "set", Number(2.0)),), Number(1.0), parse("kind is 1")),
        Branch((Effect("m", "set", Number(3.0)),), Number(1.0), parse("kind is 2")),
    )
    amounts = (Quantity("dead", Law("choice", (3.0, 0.5, 9.0, 0.25, 6.0, 0.25))),)  # in no order
    which = found(state, Action("a", "a", ONE, branches, parse("n is 0")), amounts=amounts)
    assert values(which, 0) == {0, 2}
    assert values(which, 1) == {0, *range(3, 10)}
    assert values(which, 2) == {0, 3}


# -------------------------------------------------------------------------------------------------------- refining
COMPARE = st.builds(
    lambda name, i, j, k: Call(name, (Call("add", (Column(i), Column(j))), Number(float(k)))),
    st.sampled_from(["lt", "le", "gt", "ge", "eq", "ne"]),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(-3, 90),
)
CONDITIONS = st.recursive(
    COMPARE,
    lambda inner: st.one_of(
        st.builds(lambda a: Call("not", (a,)), inner),
        st.builds(lambda name, a, b: Call(name, (a, b)), st.sampled_from(["and", "or"]), inner, inner),
    ),
    max_leaves=5,
)


@settings(QUICK, max_examples=300)
@given(CONDITIONS, st.integers(0, 2**32 - 1))
def test_refining_loses_no_state_in_which_the_condition_holds(tree: Expression, seed: int) -> None:
    have = {0: span(0, 60), 1: some(frozenset((0, 3, 7))), 2: span(0, OPEN)}
    box = Box(have, {c: v.range for c, v in have.items()})
    kept = {holds: refine(tree, box, holds=holds) for holds in (True, False)}
    program = compile_program(tree)
    rng = np.random.default_rng(seed)
    for _ in range(40):
        state = [int(rng.integers(0, 61)), int(rng.choice([0, 3, 7])), int(2 ** rng.uniform(0, 60)) - 1]
        inside = kept[evaluate_scalar(program, [float(v) for v in state]) != 0]
        assert inside is not None
        for column, value in enumerate(state):
            one = inside.values[column]
            assert one.low <= value <= one.high
            assert one.only is None or value in one.only


def test_refining_is_tight_for_a_single_variable() -> None:
    have = {0: span(0, OPEN), 1: span(0, 10)}
    box = Box(have, {c: v.range for c, v in have.items()})
    tree = Call("and", (Call("ge", (Column(0), Number(7.0))), Call("lt", (Column(0), Number(100.0)))))
    inside = refine(tree, box)
    assert inside is not None
    assert (inside.values[0].low, inside.values[0].high) == (7, 99)
    assert refine(Call("lt", (Column(1), Number(0.0))), box) is None


# ---------------------------------------------------------------------------------------------------- joint states
def stays(which: Reach, name: str, effect: int = 0) -> bool:
    return joint.stays(which, next(a for a in which.bound.actions if a.name == name), 0, effect)


def test_joint_states_show_what_single_variables_do_not() -> None:
    tokens = variables(("home", 0, 3, 3), ("away", 0, 3, 0), ("n", 0, None, 0))
    out = act("out", ONE, ("home", "add", "-1"), ("away", "add", "1"), guard="home above 0")
    counts = act("counts", ONE, ("n", "add", "1"))  # without end, and no matter
    which = found(
        tokens,
        out,
        act("back", Delay(Law("fixed", (3.0,))), ("home", "add", "1"), ("away", "add", "-1"), guard="away above 0"),
        counts,
    )
    assert stays(which, "out", 1)
    assert stays(which, "back")
    lost = act("lost", ONE, ("home", "add", "1"), guard="n above 5 and home below 3")
    assert not stays(found(tokens, out, lost, counts), "out", 1)


def test_immediate_actions_and_dates_come_in_their_order() -> None:
    state = variables(("s", 0, 3, 0), ("d", 0, 1, 0))
    up, reset = act("up", ONE, ("s", "add", "1")), act("reset", Immediate(), ("s", "set", "0"), guard="s is 3")
    assert stays(found(state, up, reset), "up")
    assert not stays(found(state, up), "up")
    assert not stays(found(state, up, act("reset", ONE, ("s", "set", "0"), guard="s is 3")), "up")
    date = act("date", Calendar(5.0), ("s", "add", "1"), ("d", "set", "1"))
    assert stays(found(state, up, reset, date), "date")
    twin = act("twin", Calendar(5.0), ("s", "add", "1"))  # on the same day, before anything immediate
    assert not stays(found(state, up, reset, date, twin), "twin")
    once = variables(("d", 0, 1, 0), ("s", 0, 3, 0))
    assert stays(found(once, act("date", Calendar(5.0), ("d", "add", "1"))), "date")  # a date comes but once
    assert not stays(found(once, *(act(n, Calendar(t), ("d", "add", "1")) for n, t in (("a", 5.0), ("b", 6.0)))), "b")


def unsound(spec: Spec, proven: list[Spec]) -> bool:
    """Whether some history takes an effect out of its bounds though the joint states exclude it."""
    for i, action in enumerate(spec.actions):
        for j, branch in enumerate(action.branches):
            for k, effect in enumerate(branch.effects):
                effects = (*branch.effects[:k], replace(effect, saturate=False), *branch.effects[k + 1 :])
                branches = (*action.branches[:j], replace(branch, effects=effects), *action.branches[j + 1 :])
                actions = (*spec.actions[:i], replace(action, branches=branches), *spec.actions[i + 1 :])
                changed = replace(spec, actions=actions)
                which = reach(bind_spec(changed))
                if not joint.stays(which, which.bound.actions[i], j, k):
                    continue
                proven.append(changed)
                try:
                    lockstep.simulate(compile_model(changed, strict=False), plan(3, TIMES[-1], 30))
                except SimulationError:
                    return True
    return False


def test_what_the_joint_states_exclude_happens_in_no_history() -> None:
    proven: list[Spec] = []

    @settings(QUICK, max_examples=20, suppress_health_check=list(HealthCheck))
    @given(specs())
    def none_is_unsound(spec: Spec) -> None:
        assert not unsound(spec, proven)

    none_is_unsound()
    assert len(proven) > 20


def _no_step(self: object, state: object, date: int) -> list[object]:
    return []


def test_joint_states_that_forget_what_follows_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint._Joint, "follow", _no_step)
    up = act("up", ONE, ("s", "add", "1"))
    wrong = Spec("m", variables(("s", 0, 3, 0)), (up,))
    assert stays(reach(bind_spec(wrong)), "up")
    with pytest.raises(SimulationError):
        lockstep.simulate(compile_model(wrong, strict=False), plan(3, 20.0, 30))
    tries = settings(QUICK, max_examples=100, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    try:
        assert find(specs(), lambda spec: unsound(spec, []), settings=tries)
    except NoSuchExample:
        pytest.fail("nothing escapes a walk that takes no step")
