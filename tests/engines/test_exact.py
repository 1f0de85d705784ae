"""The exact engine against closed forms worked out here, and against simulated histories of random models."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from sim.engines import exact, lockstep
from sim.engines.exact_chain import Flow, poisson_weights
from sim.engines.interface import SimulationError, plan
from sim.model.compiled import Model, compile_model
from sim.model.expressions import Number, parse
from sim.model.laws import Law
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
from tests.models import specs


def add(variable: str, step: int) -> Effect:
    return Effect(variable, "add", Number(float(step)))


def put(variable: str, value: str) -> Effect:
    return Effect(variable, "set", parse(value))


def act(name: str, clock: Clock | str, *branches: Branch | Effect, guard: str = "1") -> Action:
    """An action of its own actor; plain effects make one branch."""
    effects = tuple(b for b in branches if isinstance(b, Effect))
    listed = tuple(b for b in branches if isinstance(b, Branch)) or (Branch(effects),)
    return Action(name, name, Rate(parse(clock)) if isinstance(clock, str) else clock, listed, parse(guard))


def model(variables: tuple[Variable, ...], *actions: Action, **rest: object) -> Model:
    return compile_model(Spec("m", variables, actions, **rest), strict=False)  # type: ignore[arg-type]


def poisson(k: int, mean: float) -> float:
    return math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1))


def at_least(k: int, mean: float) -> float:
    """P(a Poisson number is at least k)."""
    return 1.0 - sum(poisson(i, mean) for i in range(k))


# ------------------------------------------------------------------------------------------------- small chains
UP, DOWN = 2.0, 3.0
TWO = model(
    (Variable("x", 0, 1),), act("up", "2", add("x", 1), guard="x == 0"), act("down", "3", add("x", -1), guard="x == 1")
)


def test_two_states_at_a_time() -> None:
    chain = exact.build(TWO)
    assert (chain.size, chain.complete) == (2, True)
    law = exact.transient(chain, [0.0, 0.3, 2.0])
    wanted = [0.4 * (1 - math.exp(-5 * t)) for t in (0.0, 0.3, 2.0)]
    assert law[:, 1] == pytest.approx(wanted, rel=1e-13, abs=1e-300)
    assert law.sum(axis=1) == pytest.approx([1, 1, 1], rel=1e-14)


def test_two_states_over_time() -> None:
    chain, to = exact.build(TWO), 1.5
    on = 0.4 * (to - (1 - math.exp(-5 * to)) / 5)
    found = exact.integral(chain, TWO.program(parse("x")), to)
    assert found.mean == pytest.approx(on, rel=1e-13)
    # Second moment: twice the integral over s < t of p(s) x P(on at t | on at s), done numerically.
    s, weight = np.polynomial.legendre.leggauss(60)
    s, weight = (s + 1) * to / 2, weight * to / 2
    rest = to - s
    later = 0.4 * rest + 0.6 * (1 - np.exp(-5 * rest)) / 5
    square = 2 * float(weight @ (0.4 * (1 - np.exp(-5 * s)) * later))
    assert found.variance == pytest.approx(square - on * on, rel=1e-11)
    counts = exact.event_counts(chain, to)
    assert counts == pytest.approx([UP * (to - on), DOWN * on], rel=1e-13)
    weighted = exact.event_moments(chain, np.array([0.5, 2.0]), to)
    assert weighted.mean == pytest.approx(0.5 * counts[0] + 2 * counts[1], rel=1e-13)


def test_a_poisson_count_has_equal_mean_and_variance() -> None:
    steady = model((Variable("x", 0, 1),), act("tick", "3"), act("flip", "1", put("x", "1 - x")))
    found = exact.event_moments(exact.build(steady), np.array([1.0, 0.0]), 4.0)
    assert (found.mean, found.variance) == pytest.approx((12.0, 12.0), rel=1e-12)


def test_two_states_in_the_long_run() -> None:
    chain = exact.build(TWO)
    assert exact.steady(chain) == pytest.approx([0.6, 0.4], rel=1e-14)
    assert exact.steady_rates(chain) == pytest.approx([1.2, 1.2], rel=1e-14)
    first = exact.until(chain, TWO.program(parse("x == 1")))
    assert (first.mean, first.variance) == pytest.approx((1 / UP, 1 / UP**2), rel=1e-14)


def ladder(top: int, up: float, down: float) -> Model:
    inside = f"k > 0 and k < {top}"
    return model(
        (Variable("k", 0, top, 1),),
        act("up", str(up), add("k", 1), guard=inside),
        act("down", str(down), add("k", -1), guard=inside),
    )


@pytest.mark.parametrize(("top", "up", "down"), [(10, 1.0, 1.5), (40, 1.0, 2.0), (200, 0.5, 1.0)])
def test_the_gambler_is_ruined(top: int, up: float, down: float) -> None:
    m, r = ladder(top, up, down), down / up
    chance = (r - 1) / (r**top - 1)  # down to 6e-61
    found = exact.reach(exact.build(m), m.program(parse(f"k == {top}")), m.program(parse("k == 0")))
    assert found.mean == pytest.approx(chance, rel=1e-11)
    over = exact.until(exact.build(m), m.program(parse(f"k == 0 or k == {top}")))
    assert over.mean == pytest.approx((1 - top * chance) / (down - up), rel=1e-11)
    end = exact.final(exact.build(m), m.program(parse(f"k == 0 or k == {top}")), m.program(parse("k")))
    assert end.mean == pytest.approx(top * chance, rel=1e-11)
    assert end.variance == pytest.approx(top**2 * chance * (1 - chance), rel=1e-11)


def test_a_time_that_may_never_come_has_no_mean() -> None:
    m = ladder(10, 1.0, 1.5)
    with pytest.raises(ValueError, match=r"probability 0\.00882378, not 1"):
        exact.until(exact.build(m), m.program(parse("k == 10")))


def test_the_long_run_of_a_chain_that_splits() -> None:
    # From 0 to the pair (1, 2) with chance 1/4, to 3 with chance 3/4.
    m = model(
        (Variable("s", 0, 3),),
        act("left", "1", add("s", 1), guard="s == 0"),
        act("right", "3", add("s", 3), guard="s == 0"),
        act("there", "2", add("s", 1), guard="s == 1"),
        act("back", "6", add("s", -1), guard="s == 2"),
    )
    chain = exact.build(m)
    shares = dict(zip(chain.states[:, 0].tolist(), exact.steady(chain).tolist(), strict=True))
    assert shares == pytest.approx({0: 0.0, 1: 0.25 * 0.75, 2: 0.25 * 0.25, 3: 0.75}, rel=1e-13)


def test_a_large_long_run_is_found_by_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two queues in series, the second never full: a product of geometric laws, cut at 30.
    m = model(
        (Variable("a", 0, 30), Variable("b", 0, 30)),
        act("in", "2", add("a", 1), guard="a < 30"),
        act("out", "4", add("a", -1), guard="a > 0"),
        act("rise", "1", add("b", 1), guard="b < 30"),
        act("fall", "4", add("b", -1), guard="b > 0"),
    )
    chain = exact.build(m)
    geometric = [0.5 ** chain.states[:, 0] * 0.25 ** chain.states[:, 1]]
    wanted = geometric[0] / geometric[0].sum()
    monkeypatch.setattr(exact, "_GTH", 10)
    assert exact.steady(chain) == pytest.approx(wanted, abs=1e-11)


def test_stiff_chains_are_squared() -> None:
    fast, slow, time = 3e5, 0.7, 2.0
    matrix = np.array([[-fast - slow, 1.0, 0.0], [fast, -1.0, 0.0], [slow, 0.0, 0.0]])
    from scipy import sparse

    flow = Flow(sparse.csr_matrix(matrix))
    squared = flow.squared(flow.pace * time) @ np.array([1.0, 0.0, 0.0])
    assert squared == pytest.approx(flow(np.array([1.0, 0.0, 0.0]), time), rel=1e-9)
    assert squared.sum() == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("mean", [1e-3, 0.7, 30.0, 4_000.0])
def test_poisson_weights(mean: float) -> None:
    weights = poisson_weights(mean)
    shown = [poisson(k, mean) for k in range(weights.size)]
    assert weights == pytest.approx(shown, rel=1e-10, abs=1e-29)


# ------------------------------------------------------------------------------------------------ endless chains
def immigration(alpha: float, mu: float, *more: Action) -> Model:
    return model(
        (Variable("x", 0, None),),
        act("arrive", str(alpha), add("x", 1)),
        act("leave", f"{mu} * x", add("x", -1), guard="x >= 1"),
        *more,
    )


def test_immigration_and_death_is_poisson() -> None:
    m, mean = immigration(10.0, 0.1), 100 * (1 - math.exp(-3))
    chain = exact.build(m, horizon=30.0)
    assert not chain.complete
    law = exact.transient(chain, [30.0])[0]
    wanted = [poisson(k, mean) for k in chain.states[:, 0].tolist()]
    assert law == pytest.approx(wanted, rel=1e-9, abs=1e-14)
    [[found]] = exact.moments(chain, [m.program(parse("x"))], [30.0])
    assert found.mean == pytest.approx(mean, rel=1e-11)
    assert found.variance == pytest.approx(mean, rel=1e-11)
    assert found.fourth == pytest.approx(mean + 3 * mean**2, rel=1e-10)
    assert 0 < found.lost < 1e-12


def test_what_a_cut_chain_loses_bounds_its_error() -> None:
    m, mean = immigration(10.0, 0.1), 100 * (1 - math.exp(-0.4))
    chain = exact.build(m, limit=41, cut=True)
    [[found]] = exact.moments(chain, [m.program(parse("x"))], [4.0])
    law = exact.transient(chain, [4.0])[0]
    for k, chance in zip(chain.states[:, 0].tolist(), law.tolist(), strict=True):
        assert chance <= poisson(k, mean) * (1 + 1e-9) <= chance + found.lost + 1e-12
    assert 1e-4 < found.lost < 0.5
    bounds = exact.reach(chain, m.program(parse("x == 40")))
    assert bounds.mean == pytest.approx(1.0)


def test_a_counter_grows_only_as_far_as_time_allows() -> None:
    m = model((Variable("n", 0, None),), act("tick", "2", add("n", 1)))
    chain = exact.build(m, horizon=50.0)
    assert 180 < chain.size < 400
    [[found]] = exact.moments(chain, [m.program(parse("n"))], [50.0])
    assert (found.mean, found.variance) == pytest.approx((100.0, 100.0), rel=1e-11)
    with pytest.raises(exact.TooLarge, match="finite horizon"):
        exact.build(m)


def test_too_many_states_are_refused() -> None:
    with pytest.raises(exact.TooLarge, match="more than 1,000 states"):
        exact.build(ladder(5_000, 1.0, 1.0), limit=1_000)


# ------------------------------------------------------------------------------------------------- calendar
def test_a_reset_on_a_date() -> None:
    m = immigration(1.0, 0.1, act("reset", Calendar(25.0), put("x", "50")))
    chain = exact.build(m, horizon=50.0)
    before, on, after = (row[0] for row in exact.moments(chain, [m.program(parse("x"))], [24.0, 25.0, 35.0]))
    assert before.mean == pytest.approx(10 * (1 - math.exp(-2.4)), rel=1e-11)
    assert (on.mean, on.variance) == (50.0, 0.0)
    left = math.exp(-1.0)
    assert after.mean == pytest.approx(50 * left + 10 * (1 - left), rel=1e-11)
    assert after.variance == pytest.approx(50 * left * (1 - left) + 10 * (1 - left), rel=1e-11)
    counts = dict(zip((r.name for r in m.rows), exact.event_counts(chain, 50.0), strict=True))
    assert counts["arrive"] == pytest.approx(50.0, rel=1e-11)
    assert counts["reset"] == pytest.approx(1.0, rel=1e-11)


def test_actions_of_one_date_follow_their_order_and_their_guards() -> None:
    m = model(
        (Variable("x", 0, 100, 3), Variable("y", 0, 9)),
        act("first", Calendar(1.0), put("x", "x + 1")),
        act("second", Calendar(1.0), put("x", "2 * x")),
        act("third", Calendar(1.0), put("x", "0"), guard="x == 3"),
        act("at once", Immediate(), put("y", "x"), guard="y == 0 and x > 3"),
        act("start", Calendar(0.0), put("x", "x + 1"), guard="x == 2"),
    )
    chain = exact.build(m)
    law = exact.transient(chain, [0.5, 1.0])
    assert [chain.states[row.argmax()].tolist() for row in law] == [[3, 0], [8, 8]]
    assert law.max(axis=1) == pytest.approx([1.0, 1.0])


def test_the_time_to_something_with_a_date_on_the_way() -> None:
    m = model(
        (Variable("s", 0, 1),),
        act("may", "0.5", add("s", 1), guard="s == 0"),
        act("must", Calendar(2.0), put("s", "1")),
    )
    found = exact.until(exact.build(m), m.program(parse("s == 1")))
    mean = 2 * (1 - math.exp(-1))
    square = 8 * (1 - 2 * math.exp(-1))  # integral over [0, 2] of 2 t exp(-t / 2)
    assert (found.mean, found.variance) == pytest.approx((mean, square - mean**2), rel=1e-12)


# ----------------------------------------------------------------------------------------- immediate and branches
BATCH = model(
    (Variable("n", 0, 3), Variable("y", 0, None)),
    act("arrive", "1", add("n", 1), guard="n < 3"),
    act(
        "send",
        Immediate(),
        Branch((put("n", "0"), add("y", 1)), weight=Number(1.0)),
        Branch((put("n", "0"), add("y", 2)), weight=Number(3.0)),
        guard="n == 3",
    ),
    milestones=(Condition("full", parse("n == 3")),),
)


def test_immediate_actions_leave_no_state_behind() -> None:
    chain = exact.build(BATCH, horizon=6.0, track=["full"])
    assert 3 not in chain.states[:, 0]
    sent = sum(at_least(3 * j, 6.0) for j in range(1, 40))
    counts = dict(zip((r.name for r in BATCH.rows), exact.event_counts(chain, 6.0), strict=True))
    assert counts == pytest.approx({"arrive": 6.0, "send": sent}, rel=1e-11)
    [[y, full]] = exact.moments(chain, [BATCH.program(parse("y")), BATCH.program(parse("full"))], [6.0])
    assert y.mean == pytest.approx(1.75 * sent, rel=1e-11)
    # The milestone is seen although the state is left at once.
    assert full.mean == pytest.approx(at_least(3, 6.0), rel=1e-11)
    assert math.isnan(exact.event_moments(chain, np.array([r.kind == "immediate" for r in BATCH.rows]), 6.0).variance)


def test_a_milestone_not_kept_is_named() -> None:
    chain = exact.build(BATCH, horizon=1.0)
    with pytest.raises(KeyError, match="'full' is not kept: name it in `track`"):
        chain.value(BATCH.program(parse("full")))
    with pytest.raises(KeyError, match="unknown milestone 'ful'; the model has full"):
        exact.build(BATCH, horizon=1.0, track=["ful"])


def test_the_first_of_several_immediate_actions_acts() -> None:
    m = model(
        (Variable("a", 0, 9), Variable("b", 0, 9)),
        act("one", Immediate(), put("a", "1"), guard="a == 0"),
        act("two", Immediate(), put("b", "a + 1"), guard="b == 0"),
    )
    chain = exact.build(m)
    assert chain.states.tolist() == [[1, 2]]
    assert exact.event_counts(chain, 0.0).tolist() == [1.0, 1.0]


def test_an_endless_chain_of_immediate_actions_is_refused() -> None:
    m = model((Variable("a", 0, 1),), act("on", Immediate(), put("a", "1 - a")))
    with pytest.raises(SimulationError, match="on: more than 1000 firings at one instant"):
        exact.build(m)


def test_terminal_states_keep_everything() -> None:
    m = model(
        (Variable("n", 0, None),),
        act("tick", "1", add("n", 1)),
        act("reset", Calendar(4.0), put("n", "0")),
        act("again", Immediate(), put("n", "0"), guard="n >= 2"),
        terminal=(parse("n == 2"),),
    )
    chain = exact.build(m)
    assert sorted(chain.states[:, 0].tolist()) == [0, 1, 2]
    law = exact.transient(chain, [4.0])[0]
    ended = dict(zip(chain.states[:, 0].tolist(), law.tolist(), strict=True))
    assert ended == pytest.approx({0: 1 - at_least(2, 4.0), 1: 0.0, 2: at_least(2, 4.0)})
    # An integral stops where the history ends: mean of the smaller of 3 days and the second tick's time.
    spent = exact.integral(chain, m.program(parse("1")), 3.0)
    assert spent.mean == pytest.approx(2 * at_least(3, 3.0) + 3 * (1 - at_least(2, 3.0)), rel=1e-12)


def test_reaching_in_time_and_avoiding() -> None:
    m = model((Variable("n", 0, 9), Variable("bad", 0, 1)), act("tick", "1", add("n", 1), guard="n < 9"),
              act("fail", "0.5", add("bad", 1), guard="bad == 0"))  # fmt: skip
    chain, two, bad = exact.build(m), m.program(parse("n >= 2")), m.program(parse("bad"))
    assert exact.reach_within(chain, two, 3.0).mean == pytest.approx(at_least(2, 3.0), rel=1e-12)
    # Two ticks before the failure, and within 3 days: (2/3)^2 x P(two events of rate 1.5 by then).
    assert exact.reach_within(chain, two, 3.0, bad).mean == pytest.approx(4 / 9 * at_least(2, 4.5), rel=1e-12)
    assert exact.reach(chain, two, bad).mean == pytest.approx(4 / 9, rel=1e-13)


def test_hidden_starts_and_amounts() -> None:
    m = model(
        (Variable("kind", 0, 2, Law("choice", (0.0, 0.25, 2.0, 0.75))), Variable("n", 0, None)),
        act("batch", "1 + kind", Effect("n", "add", parse("size"))),
        amounts=(Quantity("size", Law("poisson", (1.5,))),),
    )
    chain = exact.build(m, horizon=2.0)
    [[found]] = exact.moments(chain, [m.program(parse("n"))], [2.0])
    events, spread = 2 * (0.25 + 0.75 * 3), 4 * 0.25 * 0.75 * 4  # mean and variance of the rate x 2 days
    assert found.mean == pytest.approx(1.5 * events, rel=1e-11)
    assert found.variance == pytest.approx((1.5 + 1.5**2) * events + 1.5**2 * spread, rel=1e-10)


def test_an_exponential_delay_is_a_rate() -> None:
    slow = Delay(Law("exponential", (2.0,)), scale=parse("p"), factors=(parse("1 + x"),))
    m = model(
        (Variable("x", 0, 2),),
        act("go", slow, add("x", 1), guard="x < 2"),
        inputs=(Quantity("p", Law("fixed", (0.25,))),),
    )
    found = exact.until(exact.build(m), m.program(parse("x == 2")))
    assert found.mean == pytest.approx(0.5 + 0.25, rel=1e-14)


def refused(clock: Clock, **rest: object) -> str:
    m = model((Variable("x", 0, 2),), act("go", clock, add("x", 1), guard="x < 2"), **rest)
    with pytest.raises(exact.NotMarkov) as error:
        exact.build(m)
    return str(error.value)


def test_what_is_no_chain_is_named() -> None:
    assert refused(Delay(Law("weibull", (2.0, 1.0)))) == "go is a delay with the law weibull, not a rate"
    memory: Memory = "identical"
    assert "keeps the same work" in refused(Delay(Law("exponential", (1.0,)), memory=memory))
    uncertain = (Quantity("p", Law("uniform", (1.0, 2.0))),)
    assert refused(Rate(parse("p")), inputs=uncertain) == "the input p is drawn (uniform); exact answers need one value"
    assert "its speed exceeds 1e+09 where x = 0" in refused(Rate(parse("1e10")))
    drawn = (Quantity("a", Law("uniform", (0.0, 1.0))),)
    m = model((Variable("x", 0, None),), act("go", "1", Effect("x", "add", parse("floor(a)"))), amounts=drawn)
    with pytest.raises(exact.NotMarkov, match="the amount a is drawn"):
        exact.build(m, horizon=1.0)


def test_the_final_size_of_an_outbreak() -> None:
    size = 12
    m = model(
        (Variable("s", 0, size, size - 1), Variable("i", 0, size, 1)),
        act("infect", f"1.7 * s * i / {size}", add("s", -1), add("i", 1), guard="s >= 1 and i >= 1"),
        act("recover", "i", add("i", -1), guard="i >= 1"),
    )
    # Chances of the embedded chain, state by state in the order of events.
    chance = {(size - 1, 1): 1.0}
    for events in range(2 * size):
        for (s, i), p in [
            item for item in chance.items() if (size - 1 - item[0][0]) + (size - item[0][0] - item[0][1]) == events
        ]:
            if i:
                infect = 1.7 * s / size / (1.7 * s / size + 1)
                for after, share in (((s - 1, i + 1), infect), ((s, i - 1), 1 - infect)):
                    chance[after] = chance.get(after, 0.0) + p * share
    chain = exact.build(m)
    for left in range(size):
        target = m.program(parse(f"i == 0 and s == {left}"))
        assert exact.reach(chain, target).mean == pytest.approx(chance.get((left, 0), 0.0), rel=1e-12)


# ------------------------------------------------------------------------------------------------- random models
def as_chain(spec: Spec) -> Spec:
    """The same model with rates for its delays, one value for each input, and discrete amounts."""

    def clock(written: Clock) -> Clock:
        return Rate(Number(0.6), factors=written.factors) if isinstance(written, Delay) else written

    return replace(
        spec,
        actions=tuple(replace(a, clock=clock(a.clock)) for a in spec.actions),
        inputs=tuple(replace(q, law=Law("fixed", (0.8,))) for q in spec.inputs),
        amounts=tuple(replace(q, law=Law("choice", (0.0, 0.5, 2.0, 0.5))) for q in spec.amounts),
    )


TIME, HISTORIES = 2.0, 4_000


def deviations(spec: Spec, faster: float = 1.0) -> list[float]:
    """z of the simulated mean of every variable against the exact one; ``faster`` spoils the simulated rates."""
    m = compile_model(spec, strict=False)
    try:
        chain = exact.build(m, horizon=TIME, limit=30_000)
    except (exact.TooLarge, SimulationError):
        return []
    programs = [m.program(parse(name)) for name in m.variables]
    [found] = exact.moments(chain, programs, [TIME])
    if found[0].lost > 1e-6:
        return []
    spoilt = replace(
        spec,
        actions=tuple(
            replace(a, clock=replace(a.clock, factors=(*a.clock.factors, Number(faster))))
            if isinstance(a.clock, Rate)
            else a
            for a in spec.actions
        ),
    )
    rows = lockstep.simulate(compile_model(spoilt, strict=False), plan(11, TIME, HISTORIES, observe=(TIME,)))
    if (rows.status == 2).any():  # ran away: no law to compare with
        return []
    means = rows.observed[0].mean(axis=1)
    return [
        (mean - f.mean) / math.sqrt(f.variance / HISTORIES) if f.variance > 1e-9 else 1e9 * (mean - f.mean)
        for mean, f in zip(means, found, strict=True)
    ]


def worst_deviation(faster: float) -> tuple[float, int]:
    """Largest |z| over the random models, and how many numbers were compared."""
    seen: list[float] = []

    @seed(20_260_101)
    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck),
              phases=[Phase.generate])  # fmt: skip
    @given(specs())
    def collect(spec: Spec) -> None:
        seen.extend(abs(z) for z in deviations(as_chain(spec), faster))

    collect()
    return max(seen), len(seen)


def test_random_models_have_the_exact_means() -> None:
    # One false alarm in a million: |z| < 6 for some 100 numbers (a normal tail of 2e-9 each, widened for skewness).
    worst, compared = worst_deviation(1.0)
    assert compared > 50
    assert worst < 6.0


def test_rates_that_are_off_are_seen() -> None:
    assert worst_deviation(1.2)[0] > 8.0
