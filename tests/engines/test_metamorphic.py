"""What must not matter: names, order, units of time, chunks, what never happens, and how one law is written.

Where the same numbers must come out they are compared bit for bit, on random models with every kind of clock. Where
only the law is the same, two samples are compared by z; a test raises a false alarm once in a million at most, and
with the seeds fixed, a test that passes keeps passing.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import count, islice

import numpy as np
import pytest

from sim.engines import lockstep, reference
from sim.engines.interface import RAN_AWAY, Plan, Rows, plan
from sim.model.compiled import Model, compile_model
from sim.model.expressions import Call, Expression, Name, Number, parse
from sim.model.laws import Law
from sim.model.spec import (
    TIME,
    Action,
    Branch,
    Calendar,
    Clock,
    Condition,
    Delay,
    Effect,
    Immediate,
    Rate,
    Spec,
    Tension,
    Trend,
    Variable,
)
from sim.studies.randomly.dice import Dice
from sim.studies.randomly.judging import kolmogorov
from sim.studies.randomly.models import EVERY, MARKOV, draw
from sim.studies.randomly.shrinking import _replaced
from tests.engines import test_residuals

Simulate = Callable[[Model, Plan], Rows]
Event = tuple[int, float, str, int]
#: Two-sided p of 1e-7 a comparison: at most ten of them in a test.
LIMIT = 5.33
MODELS = 12
#: Days that are compared: two of the dates of random models lie within.
SPAN = 1.5


@cache
def drawn(clocks: tuple[str, ...], number: int) -> Spec | None:
    """A random model; None if it is endless at an instant or too busy to be compared often."""
    spec = draw(Dice(21, f"model {number}"), f"model {number}", clocks)
    rows = lockstep.simulate(compile_model(spec, strict=False), plan(5, SPAN, 20, max_events=60))
    return None if (rows.status == RAN_AWAY).any() else spec


def random_specs(clocks: tuple[str, ...] = EVERY, models: int = MODELS) -> list[Spec]:
    return list(islice((spec for n in count() if (spec := drawn(clocks, n)) is not None), models))


def histories(
    spec: Spec, until: float = SPAN, size: int = 40, simulate: Simulate = lockstep.simulate
) -> tuple[Model, Rows]:
    model = compile_model(spec, strict=False)
    return model, simulate(model, plan(5, until, size, log=True, max_events=2_000))


def events(model: Model, rows: Rows) -> list[Event]:
    """Replication, time, name of the action and place of its branch, of every event."""
    assert rows.log is not None
    first = [row.branches[0].number for row in model.rows]
    return [
        (p, t, model.rows[r].name, b - first[r])
        for p, t, r, b in zip(
            rows.log.position.tolist(), rows.log.time.tolist(), rows.log.row.tolist(), rows.log.branch.tolist(),
            strict=True,
        )
    ]  # fmt: skip


def told(spec: Spec, until: float = SPAN, size: int = 40) -> list[Event]:
    return events(*histories(spec, until, size))


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two independent samples have the same mean."""
    error = np.sqrt(a.var() / a.size + b.var() / b.size)
    return bool(abs(a.mean() - b.mean()) <= LIMIT * error)


# ----------------------------------------------------------------------------------------------------- bit for bit
def test_names_of_state_and_actors_do_not_matter() -> None:
    compared = 0
    for spec in random_specs():
        renamed = spec
        for name in [v.name for v in spec.variables] + [m.name for m in spec.milestones]:
            renamed = _replaced(renamed, name, Name(f"zz_{name}"))
        actions = tuple(
            replace(
                a,
                actor=f"other {a.actor}",
                branches=tuple(
                    replace(b, effects=tuple(replace(e, variable=f"zz_{e.variable}") for e in b.effects))
                    for b in a.branches
                ),
            )
            for a in renamed.actions
        )
        variables = tuple(replace(v, name=f"zz_{v.name}") for v in spec.variables if isinstance(v.start, int))
        if len(variables) < len(spec.variables):
            continue  # a hidden start is drawn by its name
        compared += 1
        milestones = tuple(replace(m, name=f"zz_{m.name}") for m in renamed.milestones)
        assert told(replace(renamed, actions=actions, variables=variables, milestones=milestones)) == told(spec)
    assert compared > 4


def test_order_of_declaration_does_not_matter_where_nothing_ties() -> None:
    only_chance = (*("rate",) * 2, "delay")
    for spec in random_specs(only_chance):
        free = replace(spec, actions=tuple(a for a in spec.actions if not fixed(a)))
        turned = replace(free, actions=free.actions[::-1], variables=free.variables[::-1], inputs=free.inputs[::-1])
        if free.actions:
            free, turned = (without_restarts(s) for s in (free, turned))
            assert told(turned) == told(free)


def fixed(action: Action) -> bool:
    return isinstance(action.clock, Delay) and action.clock.law.family == "fixed"


def without_restarts(spec: Spec) -> Spec:
    actions = (replace(a, branches=tuple(replace(b, restarts=()) for b in a.branches)) for a in spec.actions)
    return replace(spec, actions=tuple(actions))


def test_one_actor_or_many_does_not_matter() -> None:
    """An actor is re-timed as a whole, so sharing one may move a time by rounding, and nothing else."""
    for spec in random_specs():
        alone = replace(spec, actions=tuple(replace(a, actor=f"of {a.name}") for a in spec.actions))
        ours, theirs = told(alone), told(spec)
        assert [(p, name, branch) for p, _, name, branch in ours] == [(p, n, b) for p, _, n, b in theirs]
        assert [t for _, t, _, _ in ours] == pytest.approx([t for _, t, _, _ in theirs], rel=1e-9, abs=1e-12)


def slower(spec: Spec, factor: float) -> Spec:
    """The same model with every time ``factor`` times as long."""

    def scaled(clock: Clock) -> Clock:
        if isinstance(clock, Rate):
            once = Number(1.0 / factor)
            return replace(
                clock,
                base=Call("mul", (clock.base, once)),
                terms=tuple(Call("mul", (term, once)) for term in clock.terms),
            )
        if isinstance(clock, Delay):
            return replace(clock, scale=Call("mul", (clock.scale, Number(factor))), age=clock.age * factor)
        return replace(clock, time=clock.time * factor) if isinstance(clock, Calendar) else clock

    return replace(spec, actions=tuple(replace(a, clock=scaled(a.clock)) for a in spec.actions))


@pytest.mark.parametrize("factor", [2.0, 0.25, 1024.0])
def test_the_unit_of_time_does_not_matter(factor: float) -> None:
    for spec in random_specs():
        wanted = [(p, t * factor, name, branch) for p, t, name, branch in told(spec)]
        assert told(slower(spec, factor), SPAN * factor) == wanted


def test_a_unit_of_time_that_is_no_power_of_two_changes_bits() -> None:
    """The comparison of times to the last bit is one that can fail."""
    spec = random_specs()[0]
    assert told(slower(spec, 3.0), SPAN * 3.0) != [(p, t * 3.0, name, branch) for p, t, name, branch in told(spec)]


def with_idle(spec: Spec, actor: str, never: Expression) -> Spec:
    """The model with four actions that are never enabled, declared first."""
    effect = (Branch((Effect(spec.variables[0].name, "set", Number(float(spec.variables[0].lower))),)),)
    idle = (
        Action("never at once", actor, Immediate(), effect, never),
        Action("never a rate", actor, Rate(Number(5.0)), effect, never),
        Action("never a delay", actor, Delay(Law("gamma", (2.0, 0.1))), effect, never),
        Action("never a date", actor, Calendar(1.0), effect, never, priority=-1),
    )
    return replace(spec, actions=(*idle, *spec.actions))


def test_what_never_happens_does_not_matter() -> None:
    """Actions that are never enabled change not one bit.

    Where they make an actor that acts read another variable, it is re-timed more often: times may move by rounding.
    """
    for spec in random_specs():
        name, wanted = spec.variables[0].name, told(spec)
        reads = parse(f"{name} > 100 or {name} < -100")
        assert told(with_idle(spec, "nobody", reads)) == wanted
        assert told(with_idle(spec, spec.actions[0].actor, Number(0.0))) == wanted
        moved = told(with_idle(spec, spec.actions[0].actor, reads))
        assert [(p, n, b) for p, _, n, b in moved] == [(p, n, b) for p, _, n, b in wanted]
        assert [e[1] for e in moved] == pytest.approx([e[1] for e in wanted], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("simulate", [lockstep.simulate, reference.simulate], ids=["lockstep", "reference"])
def test_the_horizon_only_cuts(simulate: Simulate) -> None:
    """A shorter run is the beginning of a longer one; nothing happens, and no milestone is reached, past the end."""
    for spec in random_specs(models=10):
        model, long = histories(spec, SPAN, 15, simulate)
        for until in (0.0, 1.0, 1.4):
            model, short = histories(spec, until, 15, simulate)
            assert events(model, short) == [e for e in events(model, long) if e[1] <= until]
            alive = (long.status != RAN_AWAY) & (short.status != RAN_AWAY)
            cut = np.where(long.milestones <= until, long.milestones, np.inf)
            assert np.array_equal(short.milestones[:, alive], cut[:, alive])
            assert (short.end <= until).all()


def test_the_order_of_replications_does_not_matter() -> None:
    for spec in random_specs(models=10):
        model = compile_model(spec, strict=False)
        numbers = np.random.default_rng(2).permutation(100)
        straight = lockstep.simulate(model, plan(5, SPAN, 100, max_events=2_000))
        for slots in (10, 100):
            mixed = lockstep.simulate(model, Plan(5, SPAN, numbers, numbers, max_events=2_000), slots)
            for name in ("status", "end", "events", "saturations", "milestones", "state", "start", "inputs"):
                assert np.array_equal(getattr(mixed, name), getattr(straight, name)[..., numbers]), name


def test_a_run_in_parts_is_the_run() -> None:
    for spec in random_specs(models=8):
        model = compile_model(spec, strict=False)
        whole = lockstep.simulate(model, plan(5, SPAN, 100, observe=(0.5, 1.0), max_events=2_000))
        parts = [
            lockstep.simulate(model, plan(5, SPAN, size, first, observe=(0.5, 1.0), max_events=2_000))
            for first, size in ((0, 1), (1, 60), (61, 39))
        ]
        for name in ("status", "end", "milestones", "state", "observed"):
            assert np.array_equal(np.concatenate([getattr(p, name) for p in parts], axis=-1), getattr(whole, name))


# --------------------------------------------------------------------------------------------- the same luck, nearly
def renewal(clock: Clock, guard: Expression | None = None, *more: Action, seed: int = 5, until: float = 30.0) -> Rows:
    """Times at which a thing has happened once, twice … five times; ``guard`` may hold it back."""
    counted = Branch((Effect("n", "add", Number(1.0)),))
    spec = Spec(
        "renewal",
        (Variable("n", 0, None, 0), Variable("on", 0, 1, 0 if more else 1)),
        (Action("happens", "it", clock, (counted,), parse("on") if guard is None else guard), *more),
        milestones=tuple(Condition(f"m{i}", parse(f"n >= {i}")) for i in range(1, 6)),
    )
    return lockstep.simulate(compile_model(spec), plan(seed, until, 2_000))


@pytest.mark.parametrize(
    "clock",
    [
        Delay(Law("exponential", (0.5,)), memory="age"),
        Delay(Law("gamma", (1.0, 0.5)), memory="age"),
        Delay(Law("weibull", (1.0, 0.5)), memory="age"),
        Delay(Law("hyperexponential", (0.5, 2.0, 0.5, 2.0)), memory="age"),
        Delay(Law("weibull", (1.0, 1.0)), factors=(Number(2.0),), memory="age"),
        Delay(Law("exponential", (1.0,)), scale=Number(0.5), memory="enabling"),
        Rate(Number(1.5), terms=(Number(0.5),)),
    ],
)
def test_an_exponential_delay_has_the_luck_of_a_rate(clock: Clock) -> None:
    """The same uniforms go through quantile functions that agree to 1e-8."""
    wanted = renewal(Rate(Number(2.0))).milestones
    assert np.allclose(renewal(clock).milestones, wanted, rtol=1e-8, atol=0)
    assert not np.allclose(renewal(Rate(Number(2.001))).milestones, wanted, rtol=1e-8, atol=0)


def test_a_start_later_on_is_a_start() -> None:
    """Everything held back until day 4 by a date: the same history, 4 days later."""
    start = Action("begin", "calendar", Calendar(4.0), (Branch((Effect("on", "set", Number(1.0)),)),))
    for clock in (Rate(Number(2.0)), Delay(Law("lognormal", (0.4, 0.8)), memory="enabling")):
        later, now = renewal(clock, None, start, until=34.0).milestones, renewal(clock).milestones
        assert np.allclose(later - 4.0, now, rtol=1e-9, atol=1e-9)


# ------------------------------------------------------------------------------------------------------ the same law
def numbers(spec: Spec, seed: int) -> list[np.ndarray]:
    """What is compared of a model: state, milestones and events at the end of 3,000 histories."""
    rows = lockstep.simulate(compile_model(spec, strict=False), plan(seed, SPAN, 3_000, max_events=2_000))
    return [*rows.state.astype(float), *(rows.milestones < np.inf).astype(float), rows.events.astype(float)]


def same_law(one: Spec, other: Spec, seeds: tuple[int, int] = (5, 6)) -> bool:
    pairs = zip(numbers(one, seeds[0]), numbers(other, seeds[1]), strict=True)
    return all(alike(a, b) for a, b in pairs)


def test_names_of_actions_change_the_luck_but_not_the_law() -> None:
    for spec in random_specs(models=8):
        new = {a.name: f"renamed {a.name}" for a in spec.actions}
        actions = tuple(
            replace(
                a,
                name=new[a.name],
                branches=tuple(replace(b, restarts=tuple(new[r] for r in b.restarts)) for b in a.branches),
            )
            for a in spec.actions
        )
        renamed = replace(spec, actions=actions)
        assert same_law(spec, renamed, (5, 5))


def split(spec: Spec, half: float = 0.5) -> Spec:
    """The first action, a rate, made into two of half the rate."""
    first = spec.actions[0]
    assert isinstance(first.clock, Rate)
    slow = replace(first.clock, factors=(*first.clock.factors, Number(half)))
    twins = (replace(first, clock=slow), replace(first, name="twin", clock=slow))
    return replace(spec, actions=(*twins, *spec.actions[1:]))


def test_a_rate_in_two_halves_is_the_rate() -> None:
    lively = [s for s in random_specs(MARKOV, 40) if numbers(s, 5)[-1].mean() > 5][:8]
    assert len(lively) == 8
    assert all(same_law(spec, split(spec)) for spec in lively)
    # Two parts of 0.55 are more than the whole.
    assert not all(same_law(spec, split(spec, 0.55)) for spec in lively)


@pytest.mark.parametrize("stages", [2, 3, 5])
def test_a_chain_of_exponential_stages_is_a_gamma_delay(stages: int) -> None:
    """Two-sample Kolmogorov-Smirnov of the first passage, stages at twice the rate as the wrong model."""
    delay = renewal(Delay(Law("gamma", (float(stages), 0.5))), seed=6).milestones[0]

    def passage(rate: float) -> np.ndarray:
        counted = Branch((Effect("n", "add", Number(1.0)),))
        steps = Action("step", "it", Rate(Number(rate)), (counted,), parse(f"n < {stages}"))
        end = (Condition("done", parse(f"n == {stages}")),)
        spec = Spec("stages", (Variable("n", 0, stages, 0),), (steps,), milestones=end)
        times: np.ndarray = lockstep.simulate(compile_model(spec), plan(5, 60.0, 2_000)).milestones[0]
        return times

    # Ranks of one sample within the other are uniform up to the other's own spread: half the size in the bound.
    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return kolmogorov(np.asarray((np.searchsorted(np.sort(b), a) + 0.5) / (b.size + 1.0), dtype=np.float64))[0]

    bound = np.sqrt(np.log(2 / 1e-7) / 2 * (2 / 2_000))  # two-sample bound at p = 1e-7
    assert distance(delay, passage(2.0)) < bound + 1e-3
    assert distance(delay, passage(2.4)) > bound + 1e-3


# -------------------------------------------------------------------------------------- what changes between events
@cache
def moving_specs(models: int = 4) -> list[Spec]:
    """Random models with thinned rates and trends in which something happens, but not too much."""
    tried = (test_residuals.unsettled(spec, Dice(21, f"moving {i}")) for i, spec in enumerate(random_specs(LIVELY, 16)))
    return list(islice((spec for spec in tried if thinned(spec) and lively(spec)), models))


def lively(spec: Spec) -> bool:
    rows = lockstep.simulate(compile_model(spec, strict=False), plan(5, SPAN, 20, max_events=200))
    return rows.events.mean() > 4 and not (rows.status == RAN_AWAY).any()


LIVELY = test_residuals.LIVELY
TENSE = (Tension("T", Number(0.8), Number(1.5), Number(0.2)),)


def thinned(spec: Spec) -> list[int]:
    """Numbers of the actions whose rates are thinned."""
    rows = {row.name for row in compile_model(spec, strict=False).rows if row.thinning is not None}
    return [i for i, action in enumerate(spec.actions) if action.name in rows]


def test_the_unit_of_time_does_not_matter_between_events() -> None:
    """Decays and trends scale with it, and the time that a rate reads, to the last bit."""
    found, differ = moving_specs(), 0
    for spec in found:
        slow: Spec = _replaced(slower(spec, 4.0), TIME.name, Call("mul", (TIME, Number(0.25))))
        tensions = tuple(replace(t, decay=Call("mul", (t.decay, Number(0.25)))) for t in spec.tensions)
        actions = tuple(replace(a, clock=stretched(a.clock, 4.0)) for a in slow.actions)
        wanted = [(p, t * 4.0, name, branch) for p, t, name, branch in told(spec)]
        assert told(replace(slow, tensions=tensions, actions=actions), SPAN * 4.0) == wanted
        differ += told(slow, SPAN * 4.0) != wanted
    assert len(found) == 4
    assert differ >= 3  # in some histories a tension decides nothing


def stretched(clock: Clock, factor: float) -> Clock:
    """The clock with its trend that many times as slow."""
    if not isinstance(clock, Rate) or clock.trend is None:
        return clock
    trend = clock.trend
    return replace(clock, trend=replace(trend, scale=trend.scale * factor, age=trend.age * factor))


def test_what_never_happens_does_not_matter_between_events() -> None:
    """A thinned rate and a trend that are never enabled, and a tension that nobody reads, change not one bit."""
    for spec in moving_specs():
        name, effect = spec.variables[0].name, (Effect(spec.tensions[0].name, "set", Number(9.0)),)
        never = parse(f"{name} > 100 or {name} < -100")
        idle = (
            Action(
                "never thinned", "nobody", Rate(parse(f"1 + max({spec.tensions[0].name}, 0)")), (Branch(effect),), never
            ),
            Action("never a trend", "nobody", Rate(Number(5.0), trend=Trend(0.5, 1.0)), (Branch(effect),), never),
        )
        unread = (Tension("unread", Number(3.0), Number(2.0)), *spec.tensions)
        assert told(replace(spec, actions=(*idle, *spec.actions), tensions=unread)) == told(spec)
        assert told(replace(spec, actions=(replace(idle[0], guard=Number(1.0)), *spec.actions))) != told(spec)


def times_of(clock: Clock, *more: Action, seed: int = 5, until: float = 30.0, start: int = 1) -> np.ndarray:
    """Times at which a thing has happened once … five times, in 2,000 histories with a tension that it pushes."""
    push = Effect("T", "add", Number(0.3))
    counted = Branch((Effect("n", "add", Number(1.0)), push))
    spec = Spec(
        "renewal",
        (Variable("n", 0, None, 0), Variable("on", 0, 1, start)),
        (Action("happens", "it", clock, (counted,), parse("on")), *more),
        milestones=tuple(Condition(f"m{i}", parse(f"n >= {i}")) for i in range(1, 6)),
        tensions=TENSE,
    )
    found: np.ndarray = lockstep.simulate(compile_model(spec), plan(seed, until, 2_000)).milestones
    return found


@pytest.mark.parametrize("renewed", [False, True])
@pytest.mark.parametrize("factors", [(), (parse("exp(0.4 * T)"),)])
def test_a_trend_of_shape_1_is_no_trend(renewed: bool, factors: tuple[Expression, ...]) -> None:
    """The same bits where its scale is a power of two; from another origin the same up to rounding.

    The origin is another one, too, where candidates are turned down after the trend has begun anew.
    """
    wanted = times_of(Rate(Number(0.5), (), factors))
    flat = times_of(Rate(Number(0.5), (), factors, Trend(1.0, 4.0, renewed)))
    assert np.allclose(flat, wanted, rtol=1e-9, atol=0)
    assert np.array_equal(flat, wanted) or (renewed and factors)
    earlier = times_of(Rate(Number(0.5), (), factors, Trend(1.0, 4.0, renewed, 3.0)))
    assert np.allclose(earlier, wanted, rtol=1e-9, atol=0)
    bent = times_of(Rate(Number(0.5), (), factors, Trend(1.001, 4.0, renewed)))
    assert not np.allclose(bent, wanted, rtol=1e-9, atol=0)


@pytest.mark.parametrize("shape", [0.7, 2.0])
def test_a_weibull_delay_is_a_trend_that_is_renewed(shape: float) -> None:
    """The same uniforms go through quantile functions that agree to 1e-8; also where the guard comes and goes."""
    flip = Action(
        "flip", "other", Delay(Law("uniform", (0.3, 1.5))), (Branch((Effect("on", "set", parse("1 - on")),)),)
    )
    for more in ((), (flip,)):
        wanted = times_of(Delay(Law("weibull", (shape, 2.0))), *more)
        trended = times_of(Rate(Number(shape / 2.0), trend=Trend(shape, 2.0, renewed=True)), *more)
        if more:  # a delay draws afresh where a rate keeps what is left of its requirement: the same law
            a, b = (np.minimum(x, 30.0) for x in (wanted, trended))
            assert all(alike(x, y) for x, y in zip(a, b, strict=True))
            assert not alike(
                a[0], np.minimum(times_of(Rate(Number(shape / 2.0), trend=Trend(shape, 2.0)), *more)[0], 30)
            )
        else:
            assert np.allclose(trended, wanted, rtol=1e-7, atol=0)


def halves(spec: Spec, which: int, half: float = 0.5) -> Spec:
    """An action, a thinned rate, made into two of half the rate."""
    action = spec.actions[which]
    return split(replace(spec, actions=(action, *(a for a in spec.actions if a is not action))), half)


def test_a_thinned_rate_in_two_halves_is_the_rate() -> None:
    """Mean counts of two samples; a renewed trend is left out, since each half would renew its own."""
    push = Effect("T", "add", Number(0.3))
    for trend in (None, Trend(1.6, 2.0)):
        clock = Rate(Number(0.4), (parse("max(T, 0)"),), (parse("exp(0.2 * min(T, 3))"),), trend)
        acts = Action("acts", "it", clock, (Branch((Effect("n", "add", Number(1.0)), push)),))
        spec = Spec("one", (Variable("n", 0, None, 0),), (acts,), tensions=TENSE)
        assert same_law(spec, split(spec))
        assert not same_law(spec, split(spec, 0.6))


def bounded(factor: float, trend: Trend | None = None) -> Spec:
    """A rate that follows a tension, with its least bound times a factor."""
    bound = parse(f"{factor} * (0.5 + min(max(T, 0.2), 4))")
    clock = Rate(parse("0.5 + min(max(T, 0), 4)"), trend=trend, bound=bound)
    count_one = Branch((Effect("n", "add", Number(1.0)), Effect("T", "add", Number(0.3))))
    return Spec("bounded", (Variable("n", 0, None, 0),), (Action("acts", "it", clock, (count_one,)),), tensions=TENSE)


@pytest.mark.parametrize(
    "trend",
    [
        None,
        Trend(1.7, 2.0, age=1.0),
        Trend(0.6, 2.0),
        Trend(1.7, 0.5, renewed=True),
    ],
)
def test_every_bound_doubled_is_the_same_law(trend: Trend | None) -> None:
    assert same_law(bounded(1.0, trend), bounded(2.0, trend))
    more = bounded(2.0, trend)
    faster = replace(more.actions[0].clock, factors=(Number(1.2),), bound=parse("3 * (0.5 + min(max(T, 0.2), 4))"))  # type: ignore[arg-type]
    assert not same_law(bounded(1.0, trend), replace(more, actions=(replace(more.actions[0], clock=faster),)))


def test_a_start_later_on_is_a_start_between_events() -> None:
    """Held back until day 4 by a date that sets the tension: the same history, 4 days later."""
    begin = Branch((Effect("on", "set", Number(1.0)), Effect("T", "set", Number(1.5))))
    start = Action("begin", "calendar", Calendar(4.0), (begin,))
    for clock in (
        Rate(Number(0.5), (parse("max(T, 0)"),)),
        Rate(Number(0.5), trend=Trend(1.7, 2.0, renewed=True)),
        Rate(Number(0.5), (), (parse("exp(0 - T)"),)),
    ):
        later, now = times_of(clock, start, until=34.0, start=0), times_of(clock)
        assert np.allclose(later - 4.0, now, rtol=1e-9, atol=1e-9)
    from_0 = Rate(Number(0.5), trend=Trend(1.7, 2.0))
    assert not np.allclose(times_of(from_0, start, until=34.0, start=0) - 4.0, times_of(from_0), rtol=1e-9, atol=1e-9)
