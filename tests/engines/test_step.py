"""The step, feature by feature, against histories worked out by hand; every case runs in both engines."""

from collections.abc import Callable

import numpy as np
import pytest

from sim.engines import compiled, lockstep, reference
from sim.engines.interface import AT_HORIZON, RAN_AWAY, TERMINAL, Plan, Rows, SimulationError, Watched, plan
from sim.model.compiled import compile_model
from sim.model.expressions import Number, parse
from sim.model.laws import Law
from sim.model.proofs import ModelError
from sim.model.spec import (
    Action,
    Branch,
    Calendar,
    Clock,
    Condition,
    Delay,
    Effect,
    Immediate,
    Memory,
    Quantity,
    Rate,
    Spec,
    Variable,
)

Engine = Callable[..., Rows]


ENGINES = [lockstep.simulate, reference.simulate, compiled.simulate]


@pytest.fixture(params=ENGINES, ids=["lockstep", "reference", "compiled"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param is compiled.simulate and not compiled.installed():
        pytest.skip("the compiled engine needs Numba: install the extra `compiled`")
    return request.param  # type: ignore[no-any-return]


def act(name: str, clock: Clock, *effects: Effect, **more: object) -> Action:
    """An action of its own actor with one branch."""
    restarts = more.pop("restarts", ())
    actor = str(more.pop("actor", name))
    return Action(name, actor, clock, (Branch(effects, restarts=restarts),), **more)  # type: ignore[arg-type]


def add(name: str, step: float = 1.0) -> Effect:
    return Effect(name, "add", Number(step))


def put(name: str, value: float) -> Effect:
    return Effect(name, "set", Number(value))


def fixed(days: float, memory: Memory = "enabling", age: float = 0.0, *factors: str) -> Delay:
    return Delay(Law("fixed", (days,)), factors=tuple(parse(f) for f in factors), memory=memory, age=age)


def spec(variables: dict[str, tuple[int, int | None, int]], *actions: Action, **more: object) -> Spec:
    return Spec("test", tuple(Variable(n, *b) for n, b in variables.items()), actions, **more)  # type: ignore[arg-type]


def events(engine: Engine, model: Spec, until: float = 10.0) -> list[tuple[float, str]]:
    compiled = compile_model(model)
    log = engine(compiled, plan(1, until, 1, log=True)).log
    assert log is not None
    return [(float(t), compiled.rows[r].name) for t, r in zip(log.time, log.row, strict=True)]


SWITCH = {"on": (0, 1, 1), "n": (0, None, 0)}


def switched(memory: Memory, *factors: str) -> Spec:
    """A task of 3 days, shut off from day 1 to 2 and again from 4 to 5."""
    return spec(
        SWITCH,
        act("task", fixed(3.0, memory, 0.0, *factors), add("n"), guard=parse("on")),
        *(act(f"off{d}", Calendar(d), put("on", 0)) for d in (1.0, 4.0)),
        *(act(f"on{d}", Calendar(d), put("on", 1)) for d in (2.0, 5.0)),
    )


@pytest.mark.parametrize(
    ("memory", "done"),
    # age: 1 day done, 2 more from day 2, due at day 4, when the calendar comes first and shuts off: 0 left at day 5.
    [("age", [5.0, 8.0]), ("enabling", [8.0]), ("identical", [8.0])],
)
def test_memory_of_a_guard_that_fails(engine: Engine, memory: Memory, done: list[float]) -> None:
    assert [t for t, name in events(engine, switched(memory)) if name == "task"] == pytest.approx(done)


def test_enabling_draws_afresh_and_identical_does_not(engine: Engine) -> None:
    def finish(memory: Memory) -> np.ndarray:
        task = Delay(Law("uniform", (3.0, 9.0)), memory=memory)
        model = spec(
            SWITCH,
            act("task", task, add("n"), guard=parse("on")),
            act("off", Calendar(1.0), put("on", 0)),
            act("on", Calendar(2.0), put("on", 1)),
            milestones=(Condition("done", parse("n above 0")),),
        )
        times: np.ndarray = engine(compile_model(model), plan(1, 20.0, 40)).milestones[0]
        return times

    work = finish("identical") - 2.0
    assert np.allclose(finish("age"), work + 1.0)
    fresh = finish("enabling") - 2.0
    assert ((fresh >= 3.0) & (fresh <= 9.0)).all()
    assert abs(np.corrcoef(fresh, work)[0, 1]) < 0.9


def test_a_zero_speed_under_a_true_guard_only_pauses(engine: Engine) -> None:
    for memory in ("age", "enabling", "identical"):
        paused = spec(
            SWITCH,
            act("task", fixed(3.0, memory, 0.0, "on"), add("n")),
            act("off", Calendar(1.0), put("on", 0)),
            act("on", Calendar(2.0), put("on", 1)),
        )
        assert [t for t, name in events(engine, paused, 5.0) if name == "task"] == [4.0]


def test_acceleration_divides_the_time_left(engine: Engine) -> None:
    faster = spec(
        {"gear": (1, 4, 1), "n": (0, None, 0)},
        act("task", fixed(3.0, "age", 0.0, "gear"), add("n")),
        act("shift", Calendar(1.0), put("gear", 4)),
    )
    assert [t for t, name in events(engine, faster, 2.0) if name == "task"] == [1.5]


def test_ties_go_by_class_then_priority_then_declared_order(engine: Engine) -> None:
    tied = spec(
        {"n": (0, None, 0), "flag": (0, 1, 0)},
        act("late", fixed(1.0), add("n"), priority=2),
        act("second", fixed(1.0), add("n"), priority=1),
        act("first", fixed(0.5), add("n"), priority=1),
        act("at_once", Immediate(), put("flag", 0), guard=parse("flag")),
        act("dated", Calendar(1.0), put("flag", 1)),
    )
    expected = [(0.5, "first"), (1.0, "dated"), (1.0, "at_once"), (1.0, "second"), (1.0, "first"), (1.0, "late")]
    assert events(engine, tied, 1.2) == expected


def test_a_delay_keeps_its_due_time_whatever_its_actor_does(engine: Engine) -> None:
    # 0.1 days of work re-timed ten times would drift off the date; a kept due time does not.
    busy = spec(
        {"n": (0, None, 0)},
        act("long", fixed(7.3), add("n"), actor="one"),
        act("short", fixed(0.7), add("n"), actor="one"),
    )
    assert (7.3, "long") in events(engine, busy, 8.0)


def test_a_calendar_action_lapses_when_its_guard_fails_on_its_date(engine: Engine) -> None:
    lapse = spec(
        {"ready": (0, 1, 0)},
        act("summit", Calendar(2.0), guard=parse("ready")),
        act("prepare", Calendar(3.0), put("ready", 1)),
    )
    assert events(engine, lapse) == [(3.0, "prepare")]


def test_immediate_actions_chain_at_the_start(engine: Engine) -> None:
    chain = spec({"n": (0, 5, 0)}, act("step", Immediate(), add("n"), guard=parse("n below 5")))
    assert events(engine, chain) == [(0.0, "step")] * 5


def test_restart_throws_the_clock_away(engine: Engine) -> None:
    renewed = spec(
        {"n": (0, None, 0)},
        act("deadline", fixed(3.0), add("n")),
        act("renewal", Calendar(2.0), restarts=("deadline",)),
    )
    assert events(engine, renewed, 5.5) == [(2.0, "renewal"), (5.0, "deadline")]


def test_a_clock_that_runs_already_has_done_its_age(engine: Engine) -> None:
    running = spec({"n": (0, None, 0)}, act("ultimatum", fixed(5.0, "enabling", 3.5), add("n")))
    assert events(engine, running) == [(1.5, "ultimatum"), (6.5, "ultimatum")]


def test_the_same_requirement_from_the_start_includes_the_age(engine: Engine) -> None:
    again = spec(
        SWITCH,
        act("task", fixed(5.0, "identical", 3.5), add("n"), guard=parse("on")),
        act("off", Calendar(1.0), put("on", 0)),
        act("on", Calendar(2.0), put("on", 1)),
    )
    assert [t for t, name in events(engine, again, 8.0) if name == "task"] == [7.0]


def test_effects_read_the_state_before_the_action(engine: Engine) -> None:
    swap = spec(
        {"a": (0, 9, 2), "b": (0, 9, 7)},
        Action(
            "swap",
            "x",
            Calendar(1.0),
            (
                Branch(
                    (Effect("a", "set", parse("b")), Effect("b", "set", parse("a"))),
                ),
            ),
        ),
    )
    assert engine(compile_model(swap), plan(1, 2.0, 1)).state[:, 0].tolist() == [7, 2]


@pytest.mark.parametrize(
    ("kind", "value", "expected", "clipped"),
    [("add", 9.0, 5, 1), ("set", -4.0, 0, 1), ("at_least", 4.0, 4, 0), ("at_most", 1.0, 1, 0), ("at_most", 4.0, 3, 0)],
)
def test_effects_and_saturation_are_counted(
    engine: Engine, kind: str, value: float, expected: int, clipped: int
) -> None:
    effect = Effect("a", kind, Number(value), saturate=True)  # type: ignore[arg-type]
    rows = engine(compile_model(spec({"a": (0, 5, 3)}, act("x", Calendar(1.0), effect))), plan(1, 2.0, 3))
    assert rows.state[0].tolist() == [expected] * 3
    assert rows.saturations.tolist() == [clipped] * 3


def test_branches_follow_their_weights(engine: Engine) -> None:
    model = spec(
        {"a": (0, 1, 0), "b": (0, 1, 0), "c": (0, 1, 0)},
        Action(
            "choice",
            "x",
            Calendar(1.0),
            (
                Branch((put("a", 1),), parse("2"), factors=(parse("1.5"),)),
                Branch((put("b", 1),), parse("5"), parse("a is 1")),
                Branch((put("c", 1),), parse("1")),
            ),
        ),
    )
    n = 4_000
    share = engine(compile_model(model), plan(1, 2.0, n)).state.mean(axis=1)
    assert share[1] == 0.0
    # Binomial(4000, 3/4): 5.2 standard deviations, two-sided 2e-7; a weight of 2 instead of 3 would be off by 12.
    assert abs(share[0] - 0.75) < 5.2 * np.sqrt(0.1875 / n)
    assert abs(share[0] - 2 / 3) > 5.2 * np.sqrt(0.1875 / n)


def test_milestones_and_ends_hold_from_the_start(engine: Engine) -> None:
    model = spec({"a": (0, 1, 1)}, milestones=(Condition("here", parse("a")),), terminal=(parse("here"),))
    rows = engine(compile_model(model), plan(1, 2.0, 2, observe=(1.0,)))
    assert rows.milestones.tolist() == [[0.0, 0.0]]
    assert rows.status.tolist() == [TERMINAL] * 2
    assert rows.observed[0, 0].tolist() == [1, 1]


def test_guards_can_wait_for_a_milestone(engine: Engine) -> None:
    model = spec(
        {"n": (0, None, 0)},
        act("begin", Calendar(2.0), add("n")),
        act("then", fixed(1.0), guard=parse("begun")),
        milestones=(Condition("begun", parse("n above 0")),),
    )
    assert events(engine, model, 3.5) == [(2.0, "begin"), (3.0, "then")]


def test_an_endless_loop_at_one_instant_ends_as_ran_away(engine: Engine) -> None:
    model = compile_model(spec({"n": (0, None, 0)}, act("spin", Immediate(), add("n")), act("other", Calendar(1.0))))
    rows = engine(model, plan(1, 2.0, 2))
    assert rows.status.tolist() == [RAN_AWAY] * 2
    assert [model.rows[i].name for i in rows.culprit] == ["spin"] * 2
    assert rows.events.tolist() == [1000] * 2


def test_a_speed_without_bound_and_too_many_events_end_as_ran_away(engine: Engine) -> None:
    explosive = spec({"n": (0, None, 1)}, act("boom", Rate(parse("exp(n)")), add("n")))
    rows = engine(compile_model(explosive), plan(1, 50.0, 5))
    assert rows.status.tolist() == [RAN_AWAY] * 5
    steady = compile_model(spec({"n": (0, None, 0)}, act("tick", fixed(1.0), add("n"))))
    rows = engine(steady, plan(1, 50.0, 2, max_events=7))
    assert rows.status.tolist() == [RAN_AWAY] * 2
    assert rows.state[0].tolist() == [7, 7]
    assert engine(steady, plan(1, 50.0, 1)).status.tolist() == [AT_HORIZON]


def test_observations_see_all_events_up_to_their_time(engine: Engine) -> None:
    model = compile_model(spec({"n": (0, None, 0)}, act("tick", fixed(1.0), add("n"))))
    watched = (Watched(model.program(parse("min(n, 2)")), 3), Watched(model.program(parse("n - 1.5")), 2))
    watching = plan(1, 3.5, 1, observe=(0.0, 1.0, 2.5), integrals=(model.program(parse("n")),), watched=watched)
    rows = engine(model, watching)
    assert rows.observed[:, 0, 0].tolist() == [0, 1, 2]
    assert rows.integrals[0, :, 0].tolist() == [0.0, 0.0, 2.0, 4.5]
    assert rows.occupancy[0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
    assert rows.occupancy[1].tolist() == [[1, 0], [1, 0], [1, 0], [0, 1]]
    assert rows.fired.tolist() == [3]


def test_uncertain_inputs_are_drawn_by_input_number_and_luck_by_history_number(engine: Engine) -> None:
    model = compile_model(
        Spec(
            "test",
            (Variable("n", 0, None, 0),),
            (act("tick", Rate(parse("pace")), add("n")),),
            (Quantity("pace", Law("uniform", (0.5, 3.0))),),
            milestones=(Condition("begun", parse("n above 0")),),
        )
    )
    same = Plan(1, 50.0, np.array([3, 3, 4]), np.array([8, 9, 8]))
    rows = engine(model, same)
    assert rows.inputs[0, 0] == rows.inputs[0, 1] != rows.inputs[0, 2]
    # The same history number has the same requirement, hence time x pace is the same.
    work = rows.milestones[0] * rows.inputs[0]
    assert work[0] == pytest.approx(work[2], rel=1e-12)
    assert work[0] != pytest.approx(work[1], rel=1e-3)


def test_a_negative_or_undefined_speed_stops_the_run_with_its_state(engine: Engine) -> None:
    down = spec({"n": (0, 9, 0)}, act("bad", Rate(parse("1.5 - n")), add("n"), guard=parse("n below 9")))
    with pytest.raises(SimulationError, match=r"bad: its speed is negative or undefined .* n = 2"):
        engine(compile_model(down), plan(1, 100.0, 2))
    late = spec({"n": (0, None, 0)}, act("bad", Rate(parse("1 / (2.5 - n)")), add("n")))
    with pytest.raises(SimulationError, match="bad: its speed"):
        engine(compile_model(late, tables=False), plan(1, 1e6, 2))


def test_weights_and_effects_without_meaning_stop_the_run(engine: Engine) -> None:
    none = spec(
        {"n": (0, 9, 0)}, Action("x", "x", Calendar(1.0), (Branch(weight=parse("n")), Branch(weight=parse("n"))))
    )
    with pytest.raises(SimulationError, match="all branch weights are 0"):
        engine(compile_model(none), plan(1, 2.0, 1))
    half = spec({"n": (0, 9, 1)}, act("x", Calendar(1.0), Effect("n", "set", parse("n / 2"))))
    with pytest.raises(SimulationError, match=r"gives 0\.5 .* whole number"):
        engine(compile_model(half), plan(1, 2.0, 1))
    beyond = spec({"n": (0, 9, 5)}, act("x", Calendar(1.0), Effect("n", "add", parse("n"))))
    with pytest.raises(SimulationError, match=r"gives 10, outside 0 … 9"):
        engine(compile_model(beyond), plan(1, 2.0, 1))


def test_an_effect_that_leaves_its_bounds_is_refused_with_a_witness() -> None:
    loose = spec(
        {"rung": (0, 3, 0), "calm": (0, 1, 0)}, act("up", Rate(Number(1.0)), add("rung"), guard=parse("calm is 0"))
    )
    with pytest.raises(ModelError, match=r"up: .*\+1 on 'rung' .* leaves the bounds when rung = 3, calm = 0"):
        compile_model(loose)
    guarded = spec(
        {"rung": (0, 3, 0), "calm": (0, 1, 0)}, act("up", Rate(Number(1.0)), add("rung"), guard=parse("rung below 3"))
    )
    assert compile_model(guarded).rows[0].branches[0].moves == ((0, 1),)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (spec({}), "at least one variable"),
        (spec({"a": (0, 3, 9)}), r"start 9 … 9 is outside 0 … 3"),
        (spec({"a": (3, 0, 1)}), "minimum 3 is above maximum 0"),
        (spec({"a": (0, 3, 0)}, act("x", Rate(parse("b")))), "unknown name 'b'"),
        (spec({"a": (0, 3, 0)}, act("x", Rate(parse("1")), add("aa"))), "unknown variable 'aa' .*did you mean 'a'"),
        (spec({"a": (0, 3, 0)}, act("x", Rate(parse("1"))), act("x", Rate(parse("1")))), "two actions are called 'x'"),
        (spec({"a": (0, 3, 0)}, act("x", Rate(parse("1")), restarts=("y",))), "restart of an unknown action 'y'"),
        (spec({"a": (0, 3, 0)}, act("x", Calendar(-1.0))), "must not lie before"),
        (spec({"a": (0, 3, 0)}, act("x", Rate(parse("1")), put("a", 1), put("a", 2))), "changed twice"),
        (spec({"a": (0, 3, 0)}, milestones=(Condition("a", parse("a")),)), "used twice"),
        (
            spec({"a": (0, 3, 0)}, milestones=(Condition("m", parse("later")), Condition("later", parse("a")))),
            "declared later",
        ),
        (spec({"a": (0, 3, 0)}, act("x", Delay(Law("uniform", (-1.0, 2.0))))), "can be negative"),
        (spec({"a": (0, 3, 0)}, act("x", Delay(Law("poisson", (2.0,)), age=1.0))), "running already"),
    ],
)
def test_models_that_cannot_be_are_refused(bad: Spec, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        compile_model(bad)


def test_a_weight_that_is_surely_negative_is_refused() -> None:
    wrong = spec({"n": (0, 3, 0)}, Action("x", "x", Calendar(1.0), (Branch(), Branch(weight=parse("1 - 1.2 - n")))))
    with pytest.raises(ModelError, match=r"x: branch 1: its weight is negative \(-0\.2 at most\)"):
        compile_model(wrong)
