"""What the walk finds can happen: its states lie among the reachable ones, its circles make histories run away."""

import pytest
from hypothesis import HealthCheck, given, settings

from sim.engines import lockstep, reference
from sim.engines.interface import RAN_AWAY, SimulationError, plan
from sim.model.bound import bind_spec
from sim.model.compiled import compile_model
from sim.model.expressions import Number, parse
from sim.model.laws import Law
from sim.model.reach import Reach, reach
from sim.model.spec import Action, Branch, Calendar, Delay, Effect, Immediate, Quantity, Rate, Spec, Variable
from sim.model.witness import Findings, _Walk, search
from tests.models import specs

ONE = Rate(Number(1.0))


@settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs())
def test_every_state_of_the_walk_lies_in_the_ranges(spec: Spec) -> None:
    found = reach(bind_spec(spec))
    walk = _Walk(found.bound, [])
    endless = walk.run().endless
    for state in walk.came:
        for column, value in enumerate(state):
            values = found.box.values[column]
            assert values.low <= value <= values.high
            assert values.only is None or value in values.only
    if endless:
        rows = lockstep.simulate(compile_model(spec, strict=False), plan(3, 10.0, 200))
        assert (rows.status == RAN_AWAY).any()


def model(*actions: Action, inputs: tuple[Quantity, ...] = ()) -> Spec:
    return Spec("m", (Variable("x", 0, 9, 0), Variable("y", 0, 3, 0)), actions, inputs)


def act(name: str, clock: object, value: str, guard: str = "x below 9") -> Action:
    return Action(name, name, clock, (Branch((Effect("x", "set", parse(value)),)),), parse(guard))  # type: ignore[arg-type]


def found(*actions: Action, inputs: tuple[Quantity, ...] = ()) -> Findings:
    which: Reach = reach(bind_spec(model(*actions, inputs=inputs)))
    return search(which)


def test_a_witness_comes_with_its_path_and_a_run_stops_at_it() -> None:
    spec = model(act("up", ONE, "x + 1"), act("bad", Rate(parse("3 - x")), "x"))
    [fault] = search(reach(bind_spec(spec))).faults
    assert (fault.suspect.what, fault.value, fault.where, fault.path) == ("speed", -1.0, "x = 4", ("up",) * 4)
    with pytest.raises(SimulationError, match="its speed is negative"):
        reference.simulate(compile_model(spec), plan(1, 50.0, 3))


def test_only_what_can_come_first_whatever_is_due_counts() -> None:
    bad = act("bad", Rate(parse("3 - x")), "x")
    assert found(act("up", Delay(Law("lognormal", (5.0, 1.0))), "x + 1"), bad).faults
    assert not found(act("up", Delay(Law("fixed", (5.0,))), "x + 1"), bad).faults
    assert not found(act("up", Calendar(5.0), "x + 4"), bad).faults
    assert found(act("up", Calendar(0.0), "x + 4"), bad).faults  # happens before anything else
    assert not found(act("up", ONE, "x + 1"), act("back", Immediate(), "0", "x above 3"), act("b", ONE, "5 - x")).faults


def test_nothing_comes_before_a_delay_of_no_length() -> None:
    """The guard of the bad action holds before the set-up alone, and the set-up takes no time."""
    bad = act("bad", Rate(parse("3 - x")), "x", "y is 0")
    up = act("up", ONE, "x + 1", "x below 9 and y is 0")

    def ready(clock: Delay) -> Action:
        return Action("ready", "r", clock, (Branch((Effect("y", "set", Number(1.0)),)),), parse("y is 0"))

    fixed = Law("fixed", (0.0,))
    assert not found(up, bad, ready(Delay(fixed))).faults
    assert not found(up, bad, ready(Delay(Law("lognormal", (5.0, 1.0)), Number(0.0)))).faults
    assert not found(up, bad, ready(Delay(Law("fixed", (5.0,)), age=5.0))).faults  # over at the start
    assert found(up, bad, ready(Delay(Law("fixed", (5.0,)), age=4.0))).faults
    assert found(up, bad, ready(Delay(fixed, factors=(Number(0.0),)))).faults  # it does not run
    after = found(act("up", ONE, "x + 1"), act("bad", Rate(parse("3 - x")), "x"), ready(Delay(fixed))).faults
    assert [fault.path for fault in after] == [("ready", *("up",) * 4)]
    rows = reference.simulate(compile_model(model(up, bad, ready(Delay(fixed)))), plan(1, 50.0, 200))
    assert (rows.state[0] == 0).all()  # and no history takes such a path


def test_what_dates_did_at_the_start_holds_for_the_inputs_that_it_was_worked_out_for() -> None:
    """With p at its median x becomes 4; where the speed is bad, x becomes 0, which is not."""
    inputs = (Quantity("p", Law("uniform", (0.0, 1.0))),)
    day = act("day", Calendar(0.0), "where(p below 0.7, 4, 0)", "x is 0")
    assert not found(day, act("bad", Rate(parse("where(p above 0.8, 3 - x, 1)")), "x"), inputs=inputs).faults
    [fault] = found(day, act("bad", Rate(parse("where(p at most 0.5, 3 - x, 1)")), "x"), inputs=inputs).faults
    assert fault.value == -1.0


def test_inputs_are_tried_at_their_ends_and_together() -> None:
    shares = (Quantity("a", Law("beta", (2.2, 7.8))), Quantity("b", Law("beta", (1.5, 6.0))))
    branches = tuple(Branch((), parse(text)) for text in ("1 - a - b", "a", "b"))
    [fault] = found(Action("chooses", "a", ONE, branches), inputs=shares).faults
    assert fault.suspect.what == "weight"
    assert fault.value < 0
    kept = tuple(Branch((), parse(text)) for text in ("max(1 - a - b, 0)", "a", "b"))
    assert found(Action("chooses", "a", ONE, kept), inputs=shares) == Findings((), ())


def test_immediate_actions_that_come_to_rest_are_no_circle() -> None:
    swing = act("down", Immediate(), "x - 1", "x above 0")
    assert found(act("up", Immediate(), "1", "x is 0"), swing).endless == (("down", "up"),)
    assert found(act("up", ONE, "5", "x is 0"), swing).endless == ()
