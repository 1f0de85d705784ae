"""Tensions, thinned rates and trends, against histories worked out from the draws and against exact means.

Statistical tests compare a mean with its exact value within 5 standard errors (false alarm 6e-7 each), and a wrong
model is further away than that.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from sim.engines import compiled, lockstep, reference
from sim.engines.interface import Plan, Rows, SimulationError, plan
from sim.engines.lockstep_between import Between
from sim.model import draws
from sim.model.compiled import compile_model
from sim.model.expressions import Expression, Number, bind, names, parse
from sim.model.proofs import ModelError, new_value
from sim.model.spec import TIME, Action, Branch, Calendar, Condition, Effect, Rate, Spec, Tension, Trend, Variable
from tests.engines.test_step import act, add, fixed, put, spec
from tests.models import with_inert_actor

Engine = Callable[..., Rows]

ENGINES: dict[str, Engine] = {
    "lockstep": lockstep.simulate,
    "reference": reference.simulate,
    "compiled": compiled.simulate,
}
COUNT: dict[str, tuple[int, int | None, int]] = {"n": (0, None, 0)}


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "compiled" and not compiled.installed():
        pytest.skip("the compiled engine needs Numba: install the extra `compiled`")
    return ENGINES[request.param]


def in_time(text: str) -> Expression:
    """An expression in the time t."""
    tree = parse(text)
    return bind(tree, {name: TIME if name == "t" else parse(name) for name in names(tree)})


def push(value: float | str, kind: Any = "add", tension: str = "T") -> Effect:
    return Effect(tension, kind, parse(value) if isinstance(value, str) else Number(value))


def felt(start: float, decay: float, toward: float = 0.0) -> tuple[Tension, ...]:
    return (Tension("T", Number(decay), Number(start), Number(toward)),)


def times(engine: Engine, model: Spec, name: str, until: float, unit: int = 0) -> list[float]:
    """When an action happened in one history."""
    found = compile_model(model)
    log = engine(found, plan(1, until, 1, unit, log=True)).log
    assert log is not None
    return [float(t) for t, row in zip(log.time, log.row, strict=True) if found.rows[row].name == name]


def uniforms(name: str, purpose: int, unit: int = 0) -> list[float]:
    """The uniforms of an action in one history, one for each of its requirements."""
    key = draws.keys_of(1, [f"action {name}"])
    number = np.full(200, unit, dtype=np.uint64)
    return [float(u) for u in draws.uniform(key, number, np.arange(200, dtype=np.uint64), purpose)]


def works(name: str, unit: int = 0) -> list[float]:
    return [-math.log(1.0 - u) for u in uniforms(name, draws.REQUIREMENT, unit)]


# -------------------------------------------------------------------------------------------------------- histories
def by_hand(
    until: float, unit: int, *, level: float, decay: float, jump: float, pushed: dict[float, float]
) -> list[float]:
    """Times of a rate exp(T / 2) that raises T by ``jump``; at the dates ``pushed`` T is raised by somebody else."""
    work, chance = iter(works("acts", unit)), iter(uniforms("acts", draws.ACCEPTANCE, unit))
    dates = iter([*sorted(pushed), math.inf])
    date, time, left, u = next(dates), 0.0, next(work), next(chance)
    bound = math.exp(level / 2)
    found: list[float] = []
    while True:
        due = time + left / bound
        then = min(due, date)
        if then > until:
            return found
        level *= math.exp(-decay * (then - time))
        left -= bound * (then - time)
        time = then
        if date == then:
            level += pushed[date]
            date = next(dates)
        else:
            if u * bound < math.exp(level / 2):
                found.append(time)
                level += jump
            left, u = next(work), next(chance)
        bound = math.exp(max(level, 0.0) / 2)  # below 0 it rises towards 0


@pytest.mark.parametrize("unit", range(4))
@pytest.mark.parametrize(("jump", "pushed"), [(0.0, {}), (0.4, {}), (0.4, {0.7: 1.0, 1.5: 0.5}), (-0.3, {0.3: 2.0})])
def test_a_history_of_candidates_is_the_one_worked_out_by_hand(
    engine: Engine, unit: int, jump: float, pushed: dict[float, float]
) -> None:
    model = spec(
        COUNT,
        act("acts", Rate(parse("exp(T / 2)")), add("n"), push(jump)),
        *(act(f"push{i}", Calendar(date), push(step)) for i, (date, step) in enumerate(pushed.items())),
        tensions=felt(1.5, 0.8),
    )
    wanted = by_hand(4.0, unit, level=1.5, decay=0.8, jump=jump, pushed=pushed)
    assert times(engine, model, "acts", 4.0, unit) == pytest.approx(wanted, rel=1e-11)
    assert len(wanted) > 1


@pytest.mark.parametrize("shape", [0.5, 1.0, 1.7, 2.0])
@pytest.mark.parametrize("age", [0.0, 3.0])
def test_a_trend_comes_due_where_its_operational_time_says(engine: Engine, shape: float, age: float) -> None:
    scale, speed, until = 4.0, 0.5, 30.0

    def operational(u: float) -> float:
        return scale / shape * math.pow(u / scale, shape)

    def elapsed(work: float) -> float:
        return scale * math.pow(shape * work / scale, 1 / shape)

    done = np.cumsum(works("acts")) / speed
    plain = [elapsed(operational(age) + w) - age for w in done]
    renewed, last, since = [], 0.0, age
    for work in works("acts"):
        last += elapsed(operational(since) + work / speed) - since
        renewed.append(last)
        since = 0.0
    for anew, wanted in ((False, plain), (True, renewed)):
        clock = Rate(Number(speed), trend=Trend(shape, scale, anew, age))
        found = times(engine, spec(COUNT, act("acts", clock, add("n"))), "acts", until)
        assert found == pytest.approx([t for t in wanted if t <= until], rel=1e-10)
        assert len(found) > 2


@pytest.mark.parametrize("renewed", [False, True])
def test_a_trend_with_a_guard_that_comes_and_goes(engine: Engine, renewed: bool) -> None:
    """Work of 2 days in a trend u/2 … : the guard holds on days 0 … 1 and from day 3 on; a speed that doubles at 4."""
    trend, first = Trend(2.0, 2.0, renewed), works("acts")[0]
    model = spec(
        {"on": (0, 1, 1), "twice": (0, 1, 0), "n": (0, 1, 0)},
        act("acts", Rate(Number(0.25), (), (parse("1 + twice"),), trend), add("n"), guard=parse("on and n is 0")),
        act("off", Calendar(1.0), put("on", 0)),
        act("on", Calendar(3.0), put("on", 1)),
        act("twice", Calendar(4.0), put("twice", 1)),
    )

    def passed(a: float, b: float) -> float:
        return (b * b - a * a) / 4  # operational time

    start = 3.0 if renewed else 0.0
    left = first - 0.25 * passed(0.0, 1.0) - 0.25 * passed(3.0 - start, 4.0 - start)
    assert left > 0  # so that both parts count
    due = start + math.sqrt((4.0 - start) ** 2 + 4 * left / 0.5)
    assert times(engine, model, "acts", 50.0) == pytest.approx([due], rel=1e-12)


def test_effects_weights_and_results_read_the_tension_of_that_moment(engine: Engine) -> None:
    heavy = Branch((Effect("x", "set", parse("floor(10 * T)")),), parse("where(T > 0.7, 1, 0)"))
    light = Branch((push("2 * T", "set"),), parse("where(T > 0.7, 0, 1)"))
    model = spec(
        {"x": (0, 100, 0), "late": (0, 100, 0)},
        Action("day1", "a", Calendar(1.0), (heavy, light)),
        Action("day2", "a", Calendar(2.0), (heavy, light)),
        act("day3", Calendar(3.0), Effect("late", "set", parse("floor(10 * T)")), push(5.0, "set")),
        act("day4", Calendar(4.0), push(1.0, "at_most")),
        act("day5", Calendar(5.0), push(-1.0), push(3.0, "at_least", "other")),
        tensions=(*felt(2.0, 1.0), Tension("other", Number(0.5), Number(1.0), Number(4.0))),
    )
    days = (0.5, 1.5, 2.0, 3.0, 4.0, 5.0, 5.5)
    rows = engine(compile_model(model, strict=False), plan(1, 6.0, 1, observe=days))
    after2 = 4.0 * math.exp(-2.0)
    assert rows.state[:, 0].tolist() == [7, math.floor(10 * after2 / math.e)]
    first = [
        2 * math.exp(-0.5),
        2 * math.exp(-1.5),
        after2,
        5.0,
        1.0,
        1 / math.e - 1,
        (1 / math.e - 1) * math.exp(-0.5),
    ]
    assert rows.observed_tensions[:, 0, 0] == pytest.approx(first)
    second = 4.0 - max(3.0 * math.exp(-2.5), 0.0)  # above 3 by day 5: left alone
    assert rows.observed_tensions[5, 1, 0] == pytest.approx(second)
    assert rows.tensions[:, 0] == pytest.approx([(1 / math.e - 1) / math.e, 4.0 - 3.0 * math.exp(-3.0)])


def test_a_history_that_ends_keeps_the_tensions_of_its_end(engine: Engine) -> None:
    model = spec(COUNT, act("ends", fixed(1.0), add("n"), push(1.0)), tensions=felt(2.0, 1.0), terminal=(parse("n"),))
    rows = engine(compile_model(model), plan(1, 5.0, 3, observe=(0.5, 4.0)))
    assert (rows.end == 1.0).all()
    for found in (rows.tensions[0], rows.observed_tensions[1, 0]):
        assert found == pytest.approx(np.full(3, 2.0 / math.e + 1.0))
    assert rows.observed_tensions[0, 0] == pytest.approx(np.full(3, 2.0 * math.exp(-0.5)))


# ------------------------------------------------------------------------------------------------------- properties
MU, ALPHA, BETA = 0.5, 0.8, 1.2


def hawkes(decay: float = BETA, scale: float = 1.0) -> Spec:
    """Intensity mu + T with jumps alpha and decay beta; ``scale`` makes time run so much faster."""
    clock = Rate(Number(MU * scale), (parse("T"),))
    return spec(COUNT, act("acts", clock, add("n"), push(ALPHA * scale)), tensions=felt(0.0, decay * scale))


def test_an_inert_actor_changes_not_one_bit_of_a_hawkes_history(engine: Engine) -> None:
    found = [times(engine, which, "acts", 20.0, 3) for which in (hawkes(), with_inert_actor(hawkes()))]
    assert found[0] == found[1]
    assert len(found[0]) > 5


def test_time_scaled_by_a_power_of_two_is_exact(engine: Engine) -> None:
    def trended(scale: float) -> Spec:
        trend = Trend(1.7, 4.0 / scale, renewed=True, age=1.0 / scale)
        timed = Rate(in_time(f"{scale} * min({scale} * t, 8)"), bound=Number(8.0 * scale))
        return spec(
            {"n": (0, None, 0), "m": (0, None, 0)},
            act("acts", Rate(Number(0.5 * scale), (), (parse("exp(0 - T)"),), trend), add("n"), push(0.25)),
            act("ticks", timed, add("m"), push(-0.5, "set")),
            tensions=felt(2.0, 0.7 * scale, 0.5),
        )

    for build in (lambda s: hawkes(scale=s), trended):
        slow, fast = times(engine, build(1.0), "acts", 16.0), times(engine, build(4.0), "acts", 4.0)
        assert slow == [4.0 * t for t in fast]
        assert len(slow) > 2


def poisson(bound: str) -> Spec:
    """Rate 2.2/3 (t/3)^1.2, so that (t/3)^2.2 are expected by t."""
    clock = Rate(in_time("2.2 / 3 * (t / 3) ** 1.2"), bound=in_time(bound))
    return spec(COUNT, act("acts", clock, add("n")))


LEAST = "2.2 / 3 * (5 / 3) ** 1.2"


def sizes(engine: Engine, lockstep_size: int) -> int:
    return 600 if engine is reference.simulate else lockstep_size


def standard_errors(counts: np.ndarray, mean: float) -> float:
    """By how many standard errors a sample mean is off."""
    return abs(float(counts.mean()) - mean) / float(counts.std() / counts.size**0.5)


@pytest.mark.parametrize("bound", [LEAST, f"2 * {LEAST}", f"{LEAST} + 3 - 3 * min(t, 5) / 5"])
def test_a_larger_bound_leaves_the_law_as_it_is(engine: Engine, bound: str) -> None:
    counts = engine(compile_model(poisson(bound)), plan(2, 5.0, sizes(engine, 20_000))).state[0]
    mean = (5 / 3) ** 2.2
    assert standard_errors(counts, mean) < 5
    assert standard_errors((counts - mean) ** 2, mean) < 5  # Poisson: the variance is the mean
    assert standard_errors(counts, 1.25 * mean) > 5


@pytest.mark.parametrize("bound", [f"0.5 * {LEAST}", "2.2 / 3 * (max(t, 0.1) / 3) ** 1.2"])
def test_a_bound_that_does_not_hold_is_refused(engine: Engine, bound: str) -> None:
    """Half of what is needed; the value at the current time of a rate that rises."""
    with pytest.raises(SimulationError, match=r"acts: what changes between events in its rate is .* not within 0 …"):
        engine(compile_model(poisson(bound)), plan(2, 5.0, 200))


def test_a_negative_rate_and_an_endless_push_are_refused(engine: Engine) -> None:
    wrong = spec(COUNT, act("acts", Rate(parse("T - 1")), add("n")), tensions=felt(3.0, 1.0))
    with pytest.raises(SimulationError, match="acts: what changes between events in its rate is -"):
        engine(compile_model(wrong), plan(2, 50.0, 200))
    wrong = spec(COUNT, act("pushes", Calendar(1.0), push("1 / (n - n)")), tensions=felt(3.0, 1.0))
    with pytest.raises(SimulationError, match=r"pushes: effect on T gives .* must be a finite number"):
        engine(compile_model(wrong), plan(2, 5.0, 3))


def test_candidates_turned_down_count_towards_the_cap_and_are_no_events(engine: Engine) -> None:
    clock = Rate(parse("where(T > 5, 1, 0)"), bound=Number(100.0))
    model = compile_model(spec(COUNT, act("never", clock, add("n")), tensions=felt(1.0, 1.0)))
    rows = engine(model, replace(plan(2, 5.0, 4, log=True), max_events=50))
    assert rows.status.tolist() == [2] * 4
    assert rows.events.tolist() == [0] * 4
    assert rows.culprit.tolist() == [0] * 4
    assert rows.fired.sum() == 0


def test_a_rate_without_a_bound_in_time_is_refused_on_load() -> None:
    with pytest.raises(ModelError, match="may rise with time without end"):
        compile_model(spec(COUNT, act("acts", Rate(in_time("t")), add("n"))))


# ------------------------------------------------------------------------------------------- exact means, and faults
def hawkes_count(engine: Engine, model: Spec | None = None) -> float:
    """Standard errors between the mean count by day 10 and its exact value (12.546)."""
    counts = engine(compile_model(model or hawkes()), plan(4, 10.0, sizes(engine, 10_000), max_events=200)).state[0]
    gap, limit = BETA - ALPHA, MU * BETA / (BETA - ALPHA)
    return standard_errors(counts, limit * 10 + (MU - limit) * (1 - math.exp(-gap * 10)) / gap)


def falling_count(engine: Engine) -> float:
    """The same for exp(-1.5 + 0.9 T) by day 3, for T that falls from 2.5 and is never pushed (2.0262)."""
    model = spec(COUNT, act("acts", Rate(parse("exp(0.9 * T - 1.5)")), add("n")), tensions=felt(2.5, 0.7))
    counts = engine(compile_model(model), plan(4, 3.0, sizes(engine, 20_000))).state[0]
    grid = np.linspace(0.0, 3.0, 30_001)
    rate = np.exp(-1.5 + 0.9 * 2.5 * np.exp(-0.7 * grid))
    return standard_errors(counts, float(((rate[1:] + rate[:-1]) / 2).sum() * 1e-4))


def rising_count(engine: Engine, bound: str = LEAST) -> float:
    counts = engine(compile_model(poisson(bound)), plan(4, 5.0, sizes(engine, 20_000))).state[0]
    return standard_errors(counts, (5 / 3) ** 2.2)


def test_counts_have_their_exact_means(engine: Engine) -> None:
    for check in (hawkes_count, falling_count, rising_count):
        assert check(engine) < 5, check.__name__


def test_tensions_have_their_exact_means(engine: Engine) -> None:
    """E T(t) = mu alpha / (beta - alpha) (1 - exp(-(beta - alpha) t)), at the end and at an observation."""
    rows = engine(compile_model(hawkes()), plan(6, 10.0, sizes(engine, 10_000), observe=(3.0,)))
    for found, t in ((rows.tensions[0], 10.0), (rows.observed_tensions[0, 0], 3.0)):
        assert standard_errors(found, 1 - math.exp(-0.4 * t)) < 5
        assert standard_errors(found, 1.4 - math.exp(-0.4 * t)) > 5


def thinning_skipped(patch: pytest.MonkeyPatch) -> None:
    """Every candidate happens."""
    right = draws.uniform

    def uniform(key: Any, unit: Any, k: Any, purpose: int) -> Any:
        return right(key, unit, k, purpose) * (purpose != draws.ACCEPTANCE)

    patch.setattr(draws, "uniform", uniform)


def jump_on_the_undecayed(patch: pytest.MonkeyPatch) -> None:
    """A push adds to the level of the last change."""

    def jumped(self: Any, row: int, jump: Any) -> float:
        return float(new_value("add", self.level[jump.tension], ALPHA))

    right = Between.jumps

    def jumps(self: Any, branch: Any) -> Any:
        return [(tension, lanes, self.level[tension, lanes] + ALPHA) for tension, lanes, _ in right(self, branch)]

    patch.setattr(reference._History, "jumped", jumped)
    patch.setattr(Between, "jumps", jumps)


def no_check_of_bounds(patch: pytest.MonkeyPatch) -> None:
    for module in ("reference", "lockstep_between"):
        patch.setattr(f"sim.engines.{module}.BOUND_SLACK", math.inf)


@dataclass(frozen=True)
class Fault:
    """A fault planted, and how far off a count is then (in standard errors)."""

    plant: Callable[[pytest.MonkeyPatch], None]
    check: Callable[[Engine], float]


FAULTS = {
    "thinning skipped": Fault(thinning_skipped, falling_count),
    "jump on the undecayed tension": Fault(jump_on_the_undecayed, hawkes_count),
    "decay rate -10 %": Fault(lambda patch: None, lambda engine: hawkes_count(engine, hawkes(0.9 * BETA))),
    # A bound at the current time is too low for a rate that rises; unchecked, it makes events too few.
    "bound at the current time": Fault(
        no_check_of_bounds, lambda engine: rising_count(engine, "2.2 / 3 * (max(t, 0.5) / 3) ** 1.2")
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen_in_the_mean(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[fault].plant(monkeypatch)
    assert FAULTS[fault].check(lockstep.simulate) > 5


# ------------------------------------------------------------------------------------------------------ all the same
def everything() -> Iterator[Spec]:
    yield hawkes()
    yield poisson(f"2 * {LEAST}")
    tension = Tension("T", parse("0.5 * p"), parse("0 - p"), parse("p"))
    variables = (Variable("n", 0, 9, 0), Variable("m", 0, None, 0))
    yield Spec(
        "mixed",
        variables,
        (
            act("falls", Rate(parse("2 + min(T * T, 4)"), trend=Trend(0.6, 1.0)), add("m"), push(-0.5), actor="a"),
            act("acts", Rate(Number(1.5), (), (parse("exp(T - 1)"),), Trend(1.5, 1.0, renewed=True)), add("n"),
                push("0.3 * n", "at_least"), guard=parse("n below 9 and m % 2 is 0"), actor="b", restarts=("falls",)),
            act("ticks", fixed(0.75), push("0.5 * T", "set"), actor="b"),
        ),
        milestones=(Condition("many", parse("n above 4")),),
        tensions=(tension,),
        constants=(("p", 1.25),),
    )  # fmt: skip


@pytest.mark.parametrize("model", list(everything()), ids=["hawkes", "poisson", "mixed"])
def test_engines_chunks_and_slots_agree_to_the_last_bit(model: Spec) -> None:
    found = compile_model(model, strict=False)

    def ran(size: int, first: int = 0) -> Plan:
        return plan(3, 5.0, size, first, observe=(0.0, 1.5, 5.0), log=True)

    wanted = reference.simulate(found, ran(60)).fingerprint()
    for name, engine in ENGINES.items():
        if name != "compiled" or compiled.installed():
            assert engine(found, ran(60)).fingerprint() == wanted
    for slots in (1, 7, 60):
        assert lockstep.simulate(found, ran(60), slots=slots).fingerprint() == wanted
    whole, part, last = (lockstep.simulate(found, ran(*p)) for p in ((60,), (25,), (35, 25)))
    for name in ("end", "events", "state", "tensions", "observed_tensions"):
        joined = np.concatenate([getattr(part, name), getattr(last, name)], axis=-1)
        assert np.array_equal(joined, getattr(whole, name)), name
