"""Splitting: unbiased against exact answers, blind to slots and batches; wrong branches are found out.

Each comparison with an exact answer fails by chance with probability 6e-7 (five standard errors).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from sim.engines import exact, lockstep_splitting, units
from sim.engines.interface import Plan, Rows, SimulationError
from sim.engines.lockstep_splitting import Entrants, Stage
from sim.model import draws
from sim.model.compiled import Model, compile_model
from sim.model.expressions import Number, parse
from sim.model.laws import Law
from sim.model.spec import Action, Branch, Condition, Delay, Effect, Rate, Spec, Tension, Trend, Variable
from sim.runs import splitting
from sim.runs.columns import outcome
from sim.runs.plan import Task, play
from sim.statistics.splitting import estimate
from tests.models import specs

FOREVER = 100_000
LIMIT = 5.0


def step(by: int) -> tuple[Branch, ...]:
    return (Branch((Effect("k", "add", Number(float(by)), saturate=abs(by) > 1),)),)


def ending(spec: Spec, top: int) -> Spec:
    """The spec with a milestone, two outcomes and an end at the top (or at 0)."""
    reached = Condition("top", parse(f"k >= {top}"))
    return replace(
        spec,
        milestones=(reached,),
        outcomes=(Condition("climbed", parse("top")), Condition("not", parse("k >= 0"))),
        terminal=(*spec.terminal, parse(f"k >= {top}")),
    )


def ladder(top: int, down: float, hidden: Law | None = None) -> Spec:
    """Up 1 a day, down ``down`` a day (half of it for a hidden type), from 1 to ``top`` before 0."""
    rate = parse(f"{down} / (1 + soft)") if hidden is not None else Number(down)
    between = parse(f"k > 0 and k < {top}")
    variables = [Variable("k", 0, top, 1)]
    if hidden is not None:
        variables.append(Variable("soft", 0, 1, hidden))
    actions = (
        Action("one.pushes", "one", Rate(Number(1.0)), step(1), between),
        Action("two.calms", "two", Rate(rate), step(-1), between),
    )
    return ending(Spec("ladder", tuple(variables), actions, terminal=(parse("k == 0"),)), top)


def climbed(top: int, down: float) -> float:
    """The exact chance: the gambler's ruin."""
    return (down - 1.0) / (down**top - 1.0)


def race(top: int) -> Spec:
    """Events at 0.2 a day until a delay of exactly 5 days ends all: a Poisson tail of mean 1."""
    over = (Branch((Effect("over", "set", Number(1.0)),)),)
    actions = (
        Action("one.acts", "one", Rate(Number(0.2)), step(1), parse(f"k < {top} and over == 0")),
        Action("two.ends", "two", Delay(Law("fixed", (5.0,)), memory="age"), over, parse("over == 0")),
    )
    variables = (Variable("k", 0, top, 0), Variable("over", 0, 1, 0))
    return ending(Spec("race", variables, actions, terminal=(parse("over == 1"),)), top)


def tail(top: int) -> float:
    """Chance of ``top`` or more events of a Poisson law of mean 1."""
    return 1.0 - math.fsum(math.exp(-1.0) / math.factorial(i) for i in range(top))


def task(spec: Spec, seed: int = 1) -> Task:
    return Task(compile_model(spec), seed, FOREVER, (FOREVER,))


def up(model: Model, *levels: int) -> splitting.Ladder:
    return splitting.Ladder(model.program(parse("k")), levels)


def off(repeats: np.ndarray, truth: float) -> float:
    """Standard errors between the mean of some repeats and the truth; inf where all are equal and wrong."""
    error = repeats.std(ddof=1) / math.sqrt(repeats.size)
    return math.inf if error == 0 else float(abs(repeats.mean() - truth) / error)


def test_a_ladder_of_one_in_a_billion_is_unbiased_over_200_repeats() -> None:
    asked = task(ladder(10, 10.0))
    found = splitting.run(asked, up(asked.model, *range(2, 11)), 100, 200, executor="serial")
    truth = climbed(10, 10.0)
    assert 8.9e-10 < truth < 9.1e-10
    assert off(found.chances[:, -1], truth) < LIMIT
    assert np.allclose(found.outcomes[:, 0], found.chances[:, -1])
    assert np.allclose(found.milestones[:, 0, -1], found.chances[:, -1])
    assert np.allclose(found.outcomes.sum(axis=1), 1.0)


def test_a_hidden_type_goes_with_its_branches() -> None:
    asked = task(ladder(9, 12.0, Law("choice", (0.0, 0.9, 1.0, 0.1))))
    found = splitting.run(asked, up(asked.model, *range(2, 10)), 200, 60, executor="serial")
    assert off(found.chances[:, -1], 0.9 * climbed(9, 12.0) + 0.1 * climbed(9, 6.0)) < LIMIT


def test_levels_that_are_jumped_over_count_and_a_start_above_some() -> None:
    spec = ladder(12, 6.0)
    leap = Action("three.leaps", "three", Rate(Number(0.3)), step(4), parse("k > 0 and k < 12"))
    asked = task(replace(spec, actions=(*spec.actions, leap)))
    chain = exact.build(asked.model, track=["top"])
    truth = exact.reach(chain, asked.model.program(parse("top"))).mean
    found = splitting.run(asked, up(asked.model, 0, 1, *range(2, 13)), 200, 60, executor="serial")
    assert (found.entered[:, :2] == 200).all()
    assert off(found.chances[:, -1], truth) < LIMIT


def counted(top: int, clock: Rate | Delay) -> Spec:
    """What a clock does is counted, up to ``top``."""
    action = Action("one.acts", "one", clock, step(1), parse(f"k < {top}"))
    return ending(Spec("counted", (Variable("k", 0, top, 0),), (action,)), top)


def poisson(mean: float, least: int) -> float:
    """Chance that a Poisson number is so large."""
    return math.fsum(math.exp(-mean) * mean**i / math.factorial(i) for i in range(least, least + 40))


def broken_off(top: int) -> Spec:
    """Work of 0 … 3 days that is begun again, the same, after each interruption; all is over once it is done."""
    down = (Branch((Effect("k", "add", Number(1.0)), Effect("up", "set", Number(0.0)))),)
    up, over = (Branch((Effect(name, "set", Number(1.0)),)) for name in ("up", "over"))
    working, law = "up == 1 and over == 0", Law("uniform", (0.0, 3.0))
    actions = (
        Action("one.works", "one", Delay(law, memory="identical"), (over,), parse(working)),
        Action("two.breaks", "two", Rate(Number(0.5)), down, parse(f"{working} and k < {top}")),
        Action("three.mends", "three", Rate(Number(5.0)), (up,), parse("up == 0")),
    )
    variables = (Variable("k", 0, top, 0), Variable("up", 0, 1, 1), Variable("over", 0, 1, 0))
    return ending(Spec("broken off", variables, actions, terminal=(parse("over == 1"),)), top)


def always_broken(top: int) -> float:
    """Mean of (1 - exp(-W / 2))^top over W of 0 … 3 days."""
    points, weights = np.polynomial.legendre.leggauss(64)
    return float(((1.0 - np.exp(-0.75 * (points + 1.0))) ** top * weights).sum() / 2.0)


@pytest.mark.parametrize(
    ("spec", "truth"),
    [
        # A rate that rises with the time u as u^(1/2), 0.3 at u = 1: over 3 days a mean of 0.3 x 3^1.5 / 1.5.
        (counted(7, Rate(Number(0.3), trend=Trend(1.5, 1.0))), poisson(0.2 * 3.0**1.5, 7)),
        # A tension that decays from 1 as exp(-u) is the rate: a mean of 1 - exp(-3), by thinning.
        (
            replace(counted(7, Rate(parse("x"))), tensions=(Tension("x", Number(1.0), Number(1.0)),)),
            poisson(1.0 - math.exp(-3.0), 7),
        ),
        # Times between of two exponential steps each, so that every entrant begins a delay: 10 steps in 3 days.
        (counted(5, Delay(Law("gamma", (2.0, 1.0)))), poisson(3.0, 10)),
        (broken_off(14), always_broken(14)),
    ],
    ids=["trend", "tension", "begun at the level", "the same work again"],
)
def test_what_is_no_plain_rate_is_unbiased(spec: Spec, truth: float) -> None:
    until = FOREVER if spec.name == "broken off" else 3
    asked = Task(compile_model(spec), 5, until, (until,))
    top = next(variable.upper for variable in spec.variables if variable.name == "k")
    found = splitting.run(asked, up(asked.model, *range(1, (top or 0) + 1)), 200, 60, executor="serial")
    assert off(found.chances[:, -1], truth) < LIMIT
    assert estimate(found.chances[:, -1]).relative < 0.4


def work_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A branch draws all its clocks anew, delays that have run for days too."""

    def draw_anew(self: lockstep_splitting._Splitting, lanes: np.ndarray) -> None:
        self.speed[:, lanes] = -1.0
        self.anchor[:, lanes] = self.last[lanes]
        self.due[:, lanes] = np.inf
        for clock in range(self.tables.n_clocks):
            u = draws.uniform(self.keys.rows[:, [clock]], self.history[lanes], 0, draws.REQUIREMENT)
            self.work[clock, lanes] = units.requirement(
                self.model, clock, u, self.scale[clock][lanes] if clock in self.scale else None, first=False
            )

    patch.setattr(lockstep_splitting._Splitting, "draw_anew", draw_anew)


def luck_shared(patch: pytest.MonkeyPatch) -> None:
    """A branch has the history number of its parent, hence all its luck."""
    simulate = lockstep_splitting.simulate
    numbers: list[np.ndarray] = []

    def shared(model: Model, plan: Plan, stage: Stage, slots: int | None = None) -> tuple[Rows, Entrants]:
        histories = plan.histories
        if stage.begun is not None:
            assert stage.parents is not None
            histories = numbers[-1][stage.begun.positions[stage.parents]]
        numbers.append(histories)
        return simulate(model, Plan(plan.seed, plan.until, plan.inputs, histories), stage, slots)

    patch.setattr(lockstep_splitting, "simulate", shared)


def early_ones_picked(patch: pytest.MonkeyPatch) -> None:
    """Only the entrants who came first have branches."""
    simulate = lockstep_splitting.simulate

    def favoured(model: Model, plan: Plan, stage: Stage, slots: int | None = None) -> tuple[Rows, Entrants]:
        begun = stage.begun
        if begun is not None and begun.size:
            best = np.argsort(begun.times, kind="stable")[: max(begun.size // 2, 1)]
            parents = best[np.arange(plan.size) % best.size]
            stage = Stage(stage.level, stage.threshold, begun, parents)
        return simulate(model, plan, stage, slots)

    patch.setattr(lockstep_splitting, "simulate", favoured)


@pytest.mark.parametrize("wrong", [None, work_forgotten, luck_shared, early_ones_picked])
def test_work_left_goes_with_branches_and_luck_does_not(
    wrong: Callable[[pytest.MonkeyPatch], None] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wrong is not None:
        wrong(monkeypatch)
    asked = task(race(9))
    repeats, effort = (60, 300) if wrong is None else (1, 2000)
    found = splitting.play(asked, up(asked.model, *range(2, 10)), effort, range(repeats))
    chances = found.chances[:, -1]
    if wrong is None:
        assert off(chances, tail(9)) < LIMIT
        assert estimate(chances).relative < 0.4
    elif wrong is luck_shared:
        assert chances.max() == 0.0  # no more is seen than in so many plain histories
    else:
        assert chances.min() > 3.0 * tail(9)


def test_results_do_not_depend_on_slots_or_batches_but_on_the_seed() -> None:
    asked = task(race(6))
    levels = up(asked.model, 2, 4, 6)
    whole = splitting.play(asked, levels, 50, range(8))
    parts = [splitting.play(asked, levels, 50, numbers, slots=7) for numbers in (range(3), range(3, 8))]
    again = splitting.joined(parts)
    for name in ("entered", "by_day", "outcomes", "milestones", "played"):
        assert np.array_equal(getattr(whole, name), getattr(again, name))
    assert whole.events == again.events
    other = splitting.play(task(race(6), seed=2), levels, 50, range(8))
    assert not np.array_equal(whole.entered, other.entered)


def test_the_first_stage_is_the_plain_run() -> None:
    asked = task(race(6))
    found = splitting.play(asked, up(asked.model, 3), 400, range(1))
    numbers = np.arange(400)
    assert found.entered[0, 0] == (play(asked, numbers, numbers).state[0] >= 3).sum()


def test_repeats_are_kept_and_not_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "TOGETHER", 100)
    asked = task(race(6))
    levels = up(asked.model, 2, 4, 6)
    played: list[range] = []
    play = splitting.play

    def noted(task: Task, ladder: splitting.Ladder, effort: int, repeats: range) -> splitting.Repeats:
        played.append(repeats)
        return play(task, ladder, effort, repeats)

    monkeypatch.setattr(splitting, "play", noted)

    def made(repeats: int, other: Task = asked) -> splitting.Repeats:
        played.clear()
        return splitting.run(other, levels, 50, repeats, executor="serial", folder=tmp_path)

    whole = splitting.run(asked, levels, 50, 7, executor="serial")
    made(4)
    assert len(list(tmp_path.glob("*.npz"))) == 2
    kept = tmp_path / "repeats-00000-00001.npz"
    kept.write_bytes(kept.read_bytes()[:-300])  # damaged: played again
    again = made(7)
    assert played == [range(2), range(4, 6), range(6, 7)]
    for name in splitting.COLUMNS:
        assert np.array_equal(getattr(whole, name), getattr(again, name)), name
    assert whole.events == again.events
    made(7)
    assert played == []
    made(7, task(race(7)))
    assert len(played) == 4


def test_nobody_gets_there() -> None:
    asked = task(ladder(10, 1e6))
    found = splitting.run(asked, up(asked.model, 2, 10), 20, 5, executor="serial")
    assert found.chances[:, -1].max() == 0.0
    assert found.outcomes[:, 1] == pytest.approx(np.ones(5))
    assert (found.played[:, 2] == 0).all()


def test_parents_are_picked_evenly() -> None:
    """Every entrant has effort / entrants branches on average, and no repeat those of another."""
    branches = np.arange(2 * 999)
    parents = splitting.picked(1, branches, np.array([7, 300])).reshape(2, 999)
    first, second = np.bincount(parents[0], minlength=307), np.bincount(parents[1], minlength=307)
    assert first[7:].sum() == 0
    assert second[:7].sum() == 0
    assert np.abs(first[:7] - 999 / 7).max() <= 2
    assert np.abs(second[7:] - 999 / 300).max() <= 2


def test_levels_that_cannot_be() -> None:
    asked = task(ladder(3, 2.0))
    with pytest.raises(ValueError, match="must ascend"):
        up(asked.model, 3, 2)
    with pytest.raises(ValueError, match="at least one"):
        up(asked.model)
    with pytest.raises(ValueError, match="at least one, and fewer"):
        splitting.run(asked, up(asked.model, 2), 0, 5)


def test_a_fault_of_the_model_is_told() -> None:
    spec = ladder(4, 2.0)
    bad = Action("three.fails", "three", Rate(parse("2 - k")), step(0), parse("k > 0 and k < 4"))
    asked = Task(compile_model(replace(spec, actions=(*spec.actions, bad)), strict=False), 1, 9, (9,))
    with pytest.raises(SimulationError, match=r"three.fails: its speed is negative"):
        splitting.run(asked, up(asked.model, 2, 3, 4), 50, 5, executor="serial")


@pytest.mark.campaign
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("effort", "least"), [(400, 0.905), (100, 0.865)])
def test_intervals_cover(effort: int, least: float) -> None:
    """200 runs of 20 repeats of a chance of 1e-9 (95 % and, where repeats differ by their mean, 92 %).

    A cover of 95 % falls below 0.905 with chance 0.4 %, one of 92 % below 0.865 with chance 0.5 %.
    """
    asked, truth = task(ladder(10, 10.0), seed=11), climbed(10, 10.0)
    found = splitting.run(asked, up(asked.model, *range(2, 11)), effort, 4000)
    repeats = found.chances[:, -1]
    assert off(repeats, truth) < LIMIT
    runs = [estimate(some) for some in repeats.reshape(200, 20)]
    assert np.mean([run.low <= truth <= run.high for run in runs]) >= least
    assert np.mean([run.trusted for run in runs]) == pytest.approx(1.0 if effort == 400 else 0.0, abs=0.2)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@settings(
    max_examples=60, database=None, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
@given(specs(between=True))
def test_random_models_agree_with_plain_histories(spec: Spec) -> None:
    """Delays of every memory, tensions, trends, hidden types: chances as in 4,000 plain histories, blind to slots.

    One of some 200 comparisons fails by chance with probability 1e-3 (6.3 errors of Student's law of 20 repeats).
    """
    outcomes = (Condition("some", parse("x0 >= 1")), Condition("none", parse("x0 >= 0")))
    asked = Task(compile_model(replace(spec, outcomes=outcomes), strict=False), 1, 3, (1, 3))
    levels = splitting.Ladder(asked.model.program(parse("x0")), (1, 2, 3, 4, 6))
    numbers = np.arange(10**6, 10**6 + 4000)
    try:
        found = splitting.play(asked, levels, 100, range(20))
        other = splitting.play(asked, levels, 100, range(20), slots=37)
        rows = play(asked, numbers, numbers)
    except SimulationError:
        assume(False)
    assert np.array_equal(found.entered, other.entered)
    assert np.array_equal(found.milestones, other.milestones)
    assert np.allclose(found.outcomes.sum(axis=1), 1.0)
    pairs = [(found.outcomes[:, 0], outcome(asked.model, rows.state, rows.milestones, 3) == 0)]
    for i in range(len(asked.model.milestones)):
        pairs += [(found.milestones[:, i, j], rows.milestones[i] <= day) for j, day in enumerate((1, 3))]
    for split, happened in pairs:
        error = math.sqrt(split.var(ddof=1) / split.size + (happened.var() + 1 / 4000) / 4000)
        assert abs(split.mean() - happened.mean()) <= 6.3 * error
