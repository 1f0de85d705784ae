"""Random time change: on the clock of their own hazards, the firings of every action are a Poisson process of rate 1.

Random models with every kind of clock, law and memory. All judgements of one gathering together raise a false alarm
once in a million; with the seeds fixed, a test that passes keeps passing.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from sim.engines import lockstep, reference
from sim.engines.interface import RAN_AWAY, plan
from sim.model.compiled import compile_model
from sim.model.expressions import Number, parse
from sim.model.laws import Law
from sim.model.spec import Action, Branch, Delay, Effect, EffectKind, Memory, Rate, Spec, Tension, Trend, Variable
from sim.studies.randomly.dice import Dice
from sim.studies.randomly.models import EVERY, HORIZON, LAWS, draw
from sim.studies.randomly.residuals import Residuals, cumulative_hazard, faults, gather
from tests.models import FELT, TIMED, in_time

Wrong = Callable[[Spec], Spec]
MEMORIES: tuple[Memory, ...] = ("enabling", "age", "identical")


def unsettled(spec: Spec, dice: Dice) -> Spec:
    """The model with tensions that its actions push, and rates that follow them, the time or a trend."""
    names = [f"T{i}" for i in range(dice.whole(1, 2))]

    def pushed(branch: Branch) -> Branch:
        if dice.chance(0.4):
            return branch
        value = dice.pick(("0.3", "0.5", "-0.4", f"0.5 * {dice.pick(names)}", "0.4 * min(x0, 2)"))
        kinds: tuple[EffectKind, ...] = ("add", "add", "set", "at_least", "at_most")
        return replace(branch, effects=(*branch.effects, Effect(dice.pick(names), dice.pick(kinds), parse(value))))

    def moves(action: Action) -> Action:
        clock, branches = action.clock, tuple(pushed(b) for b in action.branches)
        if isinstance(clock, Rate):
            if dice.chance(0.3):
                value, limit = dice.pick(TIMED)
                clock = replace(
                    clock, factors=(*clock.factors, in_time(value)), bound=in_time(limit) if limit else None
                )
            elif dice.chance(0.7):
                factors = [parse(dice.pick(FELT).replace("T", dice.pick(names))) for _ in range(dice.whole(1, 2))]
                clock = replace(clock, factors=(*clock.factors, *factors))
            if dice.chance(0.5):
                shape, scale = dice.pick((0.5, 0.8, 1.7, 2.0)), dice.pick((0.5, 1.0, 2.5))
                clock = replace(clock, trend=Trend(shape, scale, dice.chance(0.5), dice.pick((0.0, 0.4))))
        return replace(action, clock=clock, branches=branches)

    tensions = tuple(
        Tension(name, *(Number(dice.pick(x)) for x in ((0.5, 2.0), (-0.5, 0.0, 1.5), (0.0, 0.7)))) for name in names
    )
    return replace(spec, actions=tuple(moves(action) for action in spec.actions), tensions=tensions)


#: Clocks of models in which much changes between events.
LIVELY = (*("rate",) * 6, *("delay",) * 2, "calendar", "immediate")


def gathered(
    models: int, histories: int, seed: int = 7, engine: object = lockstep, *, between: bool = False
) -> Residuals:
    """Residuals of random models; those that run away are left out. ``between``: with what changes between events."""
    found = Residuals()
    for number in range(models):
        spec = draw(Dice(seed, f"timed model {number}"), f"timed {number}", LIVELY if between else EVERY)
        spec = unsettled(spec, Dice(seed, f"unsettled {number}")) if between else spec
        model = compile_model(spec, strict=False)
        rows = engine.simulate(model, plan(number, HORIZON, histories, log=True, max_events=2_000))  # type: ignore[attr-defined]
        if not (rows.status == RAN_AWAY).any():
            gather(found, model, rows, Dice(seed, f"places {number}"))
    return found


def test_residuals_of_random_models_are_exponential() -> None:
    found = gathered(60, 120)
    assert faults(found) == []
    # The gathering is worth its name: every law with every memory, and more than 50,000 residuals.
    seen = {name.split("(")[0] + name.split()[1] for name, gaps in found.gaps.items() if gaps and name != "rate"}
    assert {f"{law.family}{memory}" for law in LAWS for memory in MEMORIES} <= seen
    assert sum(len(gaps) for gaps in found.gaps.values()) > 50_000
    assert len(found.choices) > 20_000


def test_residuals_of_the_reference_engine_are_exponential() -> None:
    assert faults(gathered(12, 25, seed=8, engine=reference)) == []


def test_residuals_of_random_models_that_change_between_events_are_exponential() -> None:
    found = gathered(40, 80, between=True)
    assert faults(found) == []
    for kind in ("rate thinned", "rate trend", "rate renewed", "rate thinned trend", "rate thinned renewed"):
        assert len(found.gaps[kind]) > 400, kind


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_residuals_of_3000_random_models_are_exponential() -> None:
    assert faults(gathered(3_000, 100, seed=11)) == []


@pytest.mark.parametrize("law", LAWS, ids=lambda law: f"{law.family}{law.parameters}")
def test_hazards_are_those_of_the_laws(law: Law) -> None:
    """Values of the law that are exceeded with chance 1 - u have the cumulative hazard -log(1 - u)."""
    hazard = cumulative_hazard(law)
    u = np.array([0.01, 0.3, 0.5, 0.9, 0.999])
    assert [hazard(float(x)) for x in law.quantile(u)] == pytest.approx((-np.log1p(-u)).tolist(), rel=1e-6)


def test_a_law_with_atoms_has_no_hazard() -> None:
    with pytest.raises(ValueError, match="no hazard is known"):
        cumulative_hazard(Law("choice", (1.0, 0.5, 2.0, 0.5)))


# --------------------------------------------------------------------------- the model that is told is not the one run
TASK = Law("weibull", (1.7, 1.0))


def work(law: Law = TASK, memory: Memory = "age") -> Spec:
    """A rate, a delay whose guard comes and goes, and a choice."""
    flip = Effect("on", "set", parse("1 - on"))
    return Spec(
        "work",
        (Variable("on", 0, 1, 1), Variable("n", 0, None, 0)),
        (
            Action("switch", "a", Rate(Number(1.0)), (Branch((flip,)),)),
            Action(
                "task",
                "b",
                Delay(law, memory=memory),
                (Branch((Effect("n", "add", Number(1.0)),)), Branch(weight=Number(0.5))),
                guard=parse("on"),
            ),
        ),
    )


def changed(action: int, **parts: object) -> Wrong:
    def change(spec: Spec) -> Spec:
        actions = list(spec.actions)
        clock = {k: v for k, v in parts.items() if k in ("base", "terms", "factors", "trend", "law", "memory")}
        rest = {k: v for k, v in parts.items() if k not in clock}
        old = actions[action]
        actions[action] = replace(old, clock=replace(old.clock, **clock), **rest)  # type: ignore[arg-type]
        return replace(spec, actions=tuple(actions))

    return change


@pytest.mark.parametrize("law", [Law("weibull", (1.7, 0.8)), Law("lognormal", (0.8, 0.5))], ids=lambda law: law.family)
@pytest.mark.parametrize("memory", MEMORIES)
def test_residuals_of_one_interrupted_task_are_exponential(law: Law, memory: Memory) -> None:
    """Thousands of residuals of one clock have the power that a few of many models lack."""
    model, found = compile_model(work(law, memory)), Residuals()
    gather(found, model, lockstep.simulate(model, plan(3, 20.0, 400, log=True)), Dice(3, "places"))
    assert faults(found) == []
    assert len(found.gaps[f"{law.family}({law.parameters[0]:g},{law.parameters[1]:g}) {memory}, interrupted"]) > 1_000


@pytest.mark.parametrize(
    ("wrong", "seen"),
    [
        (changed(0, base=Number(1.1)), "rate"),
        (changed(1, law=Law("weibull", (1.4, 1.0))), "weibull(1.7,1) age"),
        (changed(1, law=Law("gamma", (2.2, 0.4))), "weibull(1.7,1) age"),
        (changed(1, memory="enabling"), "weibull(1.7,1) age"),
        (changed(1, memory="identical"), "weibull(1.7,1) age"),
        (changed(1, branches=(Branch((Effect("n", "add", Number(1.0)),)), Branch(weight=Number(0.6)))), "branches"),
        (changed(1, guard=Number(1.0)), "guard does not hold"),
    ],
)
def test_a_wrong_model_is_seen(wrong: Wrong, seen: str) -> None:
    """Simulate one model and read its histories as those of another."""
    right = compile_model(work())
    for spec, good in ((work(), True), (wrong(work()), False)):
        rows = lockstep.simulate(compile_model(spec), plan(3, 20.0, 500, log=True))
        found = Residuals()
        gather(found, right, rows, Dice(3, "places"))
        said = " | ".join(faults(found))
        assert (said == "") is good
        assert good or seen in said


def excited(*, decay: float = 0.8, toward: float = 0.5, jump: float = 0.6) -> Spec:
    """A guard that comes and goes, a tension, a rate that it speeds up, two trends, and one trend that is thinned."""
    once, rise = Effect("n", "add", Number(1.0)), Effect("T", "add", Number(jump))
    flip = Effect("on", "set", parse("1 - on"))
    return Spec(
        "excited",
        (Variable("on", 0, 1, 1), Variable("n", 0, None, 0)),
        (
            Action("switch", "a", Rate(Number(1.0)), (Branch((flip,)),)),
            Action(
                "acts", "b", Rate(Number(0.2), (parse("max(T, 0)"),)), (Branch((once, rise)), Branch()), parse("on")
            ),
            Action(
                "ages", "c", Rate(Number(1.0), trend=Trend(1.8, 1.0, renewed=True)), (Branch((once,)),), parse("on")
            ),
            Action("falls", "d", Rate(Number(2.0), trend=Trend(0.6, 1.0, age=2.0)), (Branch((once,)),)),
            Action("calms", "e", Rate(Number(3.0), (), (parse("exp(0 - T)"),), Trend(1.5, 3.0)), (Branch((once,)),)),
        ),
        tensions=(Tension("T", Number(decay), Number(1.0), Number(toward)),),
    )


def of_the_excited(spec: Spec) -> list[str]:
    """What is wrong with the histories of a model if they are read as those of :func:`excited`."""
    found, rows = Residuals(), lockstep.simulate(compile_model(spec), plan(3, 8.0, 800, log=True))
    gather(found, compile_model(excited()), rows, Dice(3, "places"))
    return faults(found)


def trending(action: int, **parts: object) -> Wrong:
    def change(spec: Spec) -> Spec:
        clock = spec.actions[action].clock
        assert isinstance(clock, Rate)
        assert clock.trend is not None
        trend = replace(clock.trend, **parts)  # type: ignore[arg-type]
        return changed(action, trend=trend)(spec)

    return change


def test_residuals_of_one_tension_and_its_trends_are_exponential() -> None:
    assert of_the_excited(excited()) == []


@pytest.mark.parametrize(
    ("wrong", "seen"),
    [
        (lambda spec: excited(decay=0.4), "rate thinned"),
        (lambda spec: excited(jump=1.1), "rate thinned"),
        (changed(4, factors=(parse("exp(0.5 - 2 * T)"),)), "rate thinned trend"),
        (trending(2, shape=2.8), "rate renewed"),
        (trending(2, renewed=False), "rate renewed"),
        (trending(3, age=0.0), "rate trend"),
    ],
)
def test_a_wrong_tension_or_trend_is_seen(wrong: Wrong, seen: str) -> None:
    said = of_the_excited(wrong(excited()))
    assert any(f"{seen}: " in fault or f"{seen}, interrupted: " in fault for fault in said)


def test_related_residuals_are_seen() -> None:
    """Exponential residuals that come in equal pairs pass the law, but not the look at neighbours."""
    gaps = np.repeat(-np.log(np.random.default_rng(5).uniform(size=1_000)), 2).tolist()
    found = Residuals({"rate": gaps}, {}, list(pairwise(gaps)))
    assert any("neighbours" in fault for fault in faults(found))
    assert math.isclose(np.mean(gaps), 1.0, rel_tol=0.15)
