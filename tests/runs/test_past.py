"""Inputs that survive the past: their law in closed form, and a choice that depends on seed and number alone.

Bounds on z are 4.5: a false alarm in 150,000 checks.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.engines import lockstep
from sim.engines.interface import Integers, Plan, Rows, SimulationError
from sim.engines.units import draw_inputs, draw_starts, keys_for
from sim.model.compiled import Model, compile_model
from sim.model.expressions import Name, Number, parse
from sim.model.laws import Law
from sim.model.spec import Action, Branch, Condition, Effect, Quantity, Rate, Spec, Variable
from sim.runs import past as past_module
from sim.runs.execute import run_nested, run_parts
from sim.runs.past import APART, STEP, TRIES, Past, outcomes_at_start, surviving
from sim.runs.plan import ENGINES, Part, Task, play, simulate_part, surviving_inputs
from sim.runs.store import Identity
from sim.runs.tally import simulate_nested
from sim.studies.forecast import task_of
from sim.studies.settings import Settings
from tests.runs import small

N = 20_000
Z = 4.5
DAYS, AHEAD = 30, 40
CRISIS = small.TEXT.replace("until: 120 days", "crisis_start: 2025-09-20\nuntil: 120 days")


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """Nothing simulated by one test serves another."""
    past_module._KEPT.clear()
    yield
    past_module._KEPT.clear()


def one_event(law: Law | float, hidden: Law | int = 0) -> Spec:
    """Something happens once, at a rate that is an input, and twice as fast where the hidden type is 1."""
    strikes = Action(
        "north.strikes", "north",
        Rate(Name("pace"), factors=(parse("1 + kind"),)),
        (Branch((Effect("struck", "set", Number(1.0)),)),),
        parse("struck == 0"),
    )  # fmt: skip
    drawn = isinstance(law, Law)
    return Spec(
        name="one_event",
        variables=(Variable("struck", 0, 1), Variable("kind", 0, 1, hidden)),
        actions=(strikes,),
        inputs=(Quantity("pace", law),) if isinstance(law, Law) else (),
        constants=() if drawn else (("pace", float(law)),),  # type: ignore[arg-type]
        milestones=(Condition("strike", parse("struck == 1")),),
        outcomes=(Condition("struck", parse("struck == 1")), Condition("quiet", Number(1.0))),
    )


def task_after(spec: Spec, days: int = DAYS) -> Task:
    model = compile_model(spec)
    return Task(model, 1, AHEAD, (AHEAD,), past=Past(model, days))


def crisis(engine: str = "lockstep") -> Task:
    """A forecast 58 days into a crisis with a hidden type and uncertain inputs."""
    return task_of(small.scenario(CRISIS), Settings(engine=engine))  # type: ignore[arg-type]


def simulated(model: Model, plan: Plan) -> Rows:
    return lockstep.simulate(model, plan)


def used(task: Task, count: int = N, first: int = 0) -> Integers:
    return surviving_inputs(task, np.arange(first, first + count, dtype=np.int64))


def apart(values: np.ndarray, mean: float, spread: float) -> float:
    """How many standard errors a sample's mean lies from another one."""
    return abs(float(values.mean()) - mean) / (spread / math.sqrt(values.size))


# ------------------------------------------------------------------------------------------------------ closed forms
def test_two_rates_follow_bayes() -> None:
    slow, fast, share = 0.01, 0.05, 0.5
    rows = simulate_part(task_after(one_event(Law("choice", (slow, 1 - share, fast, share)))), Part(0, 0, N))
    is_fast = rows.inputs[0] == fast

    def posterior(days: float) -> float:
        odds = share * math.exp(-fast * days) / ((1 - share) * math.exp(-slow * days))
        return odds / (1 + odds)

    right = posterior(DAYS)
    assert apart(is_fast, right, math.sqrt(right * (1 - right))) < Z
    for wrong in (share, posterior(DAYS - 3), posterior(DAYS + 3)):  # no memory, or one of another length
        assert apart(is_fast, wrong, math.sqrt(wrong * (1 - wrong))) > Z
    happened = rows.milestones[0] <= AHEAD
    chance = right * -math.expm1(-fast * AHEAD) + (1 - right) * -math.expm1(-slow * AHEAD)
    assert apart(happened, chance, math.sqrt(chance * (1 - chance))) < Z
    forgot = share * -math.expm1(-fast * AHEAD) + (1 - share) * -math.expm1(-slow * AHEAD)
    assert apart(happened, forgot, math.sqrt(forgot * (1 - forgot))) > Z


def test_a_gamma_rate_stays_gamma() -> None:
    shape, scale = 2.0, 0.02
    pace = simulate_part(task_after(one_event(Law("gamma", (shape, scale)))), Part(0, 0, N)).inputs[0]

    def moments(days: float) -> tuple[float, float]:
        rate = 1 / scale + days
        return shape / rate, math.sqrt(shape) / rate

    assert apart(pace, *moments(DAYS)) < Z
    mean, spread = moments(DAYS)
    assert apart((pace - mean) ** 2, spread**2, math.sqrt(2 + 6 / shape) * spread**2) < Z
    for wrong in (0, DAYS - 3, DAYS + 3):
        assert apart(pace, *moments(wrong)) > Z


def test_a_hidden_start_follows_bayes() -> None:
    rows = simulate_part(task_after(one_event(0.02, Law("choice", (0.0, 0.6, 1.0, 0.4)))), Part(0, 0, N))
    odds = 0.4 * math.exp(-0.04 * DAYS) / (0.6 * math.exp(-0.02 * DAYS))
    right = odds / (1 + odds)
    assert apart(rows.start[1], right, math.sqrt(right * (1 - right))) < Z
    assert apart(rows.start[1], 0.4, math.sqrt(0.24)) > Z


def test_luck_to_come_is_independent_of_luck_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is uncertain a past says nothing: the waiting time has no memory."""
    chance = -math.expm1(-0.02 * AHEAD)
    spread = math.sqrt(chance * (1 - chance))
    units = np.arange(N, dtype=np.int64)

    def happened() -> np.ndarray:
        task = task_after(one_event(0.02))
        inputs = surviving_inputs(task, units)
        return np.asarray(play(task, inputs, inputs).milestones[0] <= AHEAD)

    assert apart(happened(), chance, spread) < Z
    past_module._KEPT.clear()
    monkeypatch.setattr(past_module, "APART", 0)  # the past now has the very luck of what comes
    assert apart(happened(), chance, spread) > Z


# ------------------------------------------------------------------------------------- a function of seed and number
def test_the_first_candidate_that_survives_stands_in() -> None:
    task = crisis()
    assert task.past is not None
    found, numbers = used(task, 2_000), np.arange(2_000, dtype=np.int64)
    turn, rest = np.divmod(found, STEP)
    assert np.array_equal(rest, numbers)
    assert 0 < np.count_nonzero(turn) < 1_500
    assert turn.max() > 2
    for number in (*numbers[turn > 0][:5].tolist(), 0):  # one at a time, and told by hand
        for j in range(int(turn[number]) + 1):
            one = np.array([number + j * STEP], dtype=np.int64)
            end = lockstep.simulate(task.past.model, Plan(1, float(task.past.days), one, one + APART)).state[:, 0]
            struck, settled = (int(end[task.past.model.variables.index(name)]) for name in ("struck", "settled"))
            assert (not struck and not settled) == (j == turn[number])


def test_prefix_order_and_company_change_nothing() -> None:
    task = crisis()
    whole = used(task, 3_000)
    for first, count in ((0, 700), (700, 1), (1_234, 900)):
        past_module._KEPT.clear()
        assert np.array_equal(used(task, count, first), whole[first : first + count])
    mixed = np.random.default_rng(1).integers(0, 3_000, 5_000)
    assert np.array_equal(surviving_inputs(task, mixed), whole[mixed])


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    task = crisis()
    whole = used(task, 1_000)
    for together, block in ((137, 1), (1_000, 10_000)):
        past_module._KEPT.clear()
        monkeypatch.setattr(past_module, "TOGETHER", together)
        monkeypatch.setattr(past_module, "BLOCK", block)
        assert np.array_equal(used(task, 1_000), whole)


def test_runs_are_the_same_however_they_are_cut(tmp_path: Path) -> None:
    task, identity = crisis(), Identity("configuration", "model")

    def run(name: str, n: int, size: int, executor: str = "serial") -> str:
        folder = tmp_path / name
        return run_parts(task, folder, identity, n, size=size, executor=executor).content  # type: ignore[arg-type]

    whole = run("whole", 1_000, 1_000)
    assert run("cut", 1_000, 170) == whole
    assert run("spread", 1_000, 300, "processes") == whole
    run("extended", 600, 200)
    assert run("extended", 1_000, 200) == whole


def test_every_engine_keeps_the_same_inputs() -> None:
    expected = used(crisis(), 300)
    for engine in ENGINES:
        if engine == "compiled":
            pytest.importorskip("numba")
        past_module._KEPT.clear()
        assert np.array_equal(used(crisis(engine), 300), expected), engine


def test_the_nested_run_has_the_inputs_of_the_plain_one() -> None:
    task = crisis()
    rows = simulate_part(task, Part(0, 0, 6))
    nested = run_nested(task, 40, 5)
    alone = simulate_nested(replace(task, past=None), 0, 40, 5)
    assert (nested.milestones != alone.milestones).any()
    plain = np.repeat(used(task, 6), 5)
    again = play(task, plain, np.arange(30, dtype=np.int64))
    assert np.array_equal(again.inputs[:, ::5], rows.inputs)
    reached = (again.milestones[1].reshape(6, 5) <= task.until).sum(axis=1)
    assert np.array_equal(nested.milestones[:6, 1].sum(axis=1), reached)


# --------------------------------------------------------------------------------------------------------- past, run
def test_past_and_run_draw_the_same_inputs() -> None:
    task = crisis()
    assert task.past is not None
    then, now, numbers = task.past.model, task.model, used(task, 500)
    mine, other = (draw_inputs(model, keys_for(model, 1), numbers) for model in (then, now))
    for name in set(then.inputs) & set(now.inputs):
        assert np.array_equal(mine[then.inputs.index(name)], other[now.inputs.index(name)])
    before, after = (draw_starts(model, keys_for(model, 1), numbers) for model in (then, now))
    assert np.array_equal(before[then.variables.index("goal")], after[now.variables.index("goal")])


def test_a_restart_has_the_numbers_that_a_run_without_a_past_has() -> None:
    forgets = task_of(small.scenario(CRISIS), Settings(past="restart"))
    assert forgets.past is None
    numbers = np.arange(400, dtype=np.int64)
    plan = Plan(1, 120.0, numbers, numbers, observe=(30.0, 90.0, 120.0), watched=forgets.watched)
    assert simulate_part(forgets, Part(0, 0, 400)).fingerprint() == lockstep.simulate(forgets.model, plan).fingerprint()
    kept = (used(crisis(), 400) == numbers).nonzero()[0]
    rows, plain = simulate_part(crisis(), Part(0, 0, 400)), simulate_part(forgets, Part(0, 0, 400))
    assert np.array_equal(rows.milestones[:, kept], plain.milestones[:, kept])
    assert not np.array_equal(rows.inputs, plain.inputs)


def test_a_start_that_is_an_outcome_already_is_what_has_to_be_reached() -> None:
    spec = one_event(Law("uniform", (0.0, 0.1)))
    started = replace(spec, variables=(replace(spec.variables[0], start=1), spec.variables[1]))
    now = compile_model(started)
    assert outcomes_at_start(now, 1, np.arange(3, dtype=np.int64)).tolist() == [0, 0, 0]
    numbers = np.arange(N, dtype=np.int64)
    found = surviving(Past(compile_model(spec), DAYS), now, 1, numbers, simulated)
    pace = draw_inputs(now, keys_for(now, 1), found)[0]
    grid = (np.arange(4_000) + 0.5) / 40_000
    weight = -np.expm1(-grid * DAYS)
    mean = float((grid * weight).sum() / weight.sum())
    spread = math.sqrt(float(((grid - mean) ** 2 * weight).sum() / weight.sum()))
    assert apart(pace, mean, spread) < Z
    assert apart(pace, 0.05, spread) > Z


def test_a_past_that_the_model_rules_out_is_refused() -> None:
    task = task_after(one_event(3.0))
    with pytest.raises(SimulationError, match=r"one_event: .*0 of 1,000 simulated pasts of 30 days.*'quiet'.*restart"):
        used(task, 1)
    assert TRIES == 1_000


def test_a_past_needs_days_and_the_same_outcomes() -> None:
    model = compile_model(one_event(0.1))
    with pytest.raises(ValueError, match="a past of 0 days"):
        Past(model, 0)
    other = compile_model(replace(one_event(0.1), outcomes=(Condition("other", Number(1.0)),)))
    with pytest.raises(ValueError, match="other outcomes"):
        Task(model, 1, 10, (10,), past=Past(other, 3))
