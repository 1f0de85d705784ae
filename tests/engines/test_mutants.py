"""Faults planted in the sampler, and the checks of this suite that catch them.

Every mutant is a fault somebody could well make: in a law, in the draws, in the compiled model that all engines share,
or in the step of both engines at once (so that their agreement does not help). It counts as caught when a named check
of the suite, called as it is, fails on it. Pinned numbers catch most of them too, but do not count: they would have
been pinned with the fault in place. `pytest -m campaign -k mutants -s` tries every check on every mutant and
prints the table.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from sim.engines import lockstep, reference, units
from sim.engines.interface import Plan, plan
from sim.engines.layout import Tables
from sim.model import compiled as model_compiled
from sim.model import draws, laws
from sim.model import thinning as model_thinning
from sim.model.compiled import BranchRow, Row, compile_model
from sim.model.expressions import TRUE, ZERO, Call, Number, parse
from sim.model.laws import Law, Quantile
from sim.model.spec import Action, Branch, Calendar, Rate, Tension
from sim.model.thinning import Thinning
from sim.studies import random_models
from sim.studies.randomly.dice import Dice
from sim.studies.randomly.judging import binomial
from sim.studies.randomly.models import LAWS
from sim.studies.randomly.residuals import faults
from tests.engines import test_between, test_duplicates, test_metamorphic, test_residuals, test_step
from tests.model import test_draws, test_laws
from tests.models import conflict

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]
Check = Callable[[], None]


# ------------------------------------------------------------------------------------------------------- the checks
def uniforms(n: int = 1_000_000) -> np.ndarray:
    return draws.uniform(draws.keys_of(9, ["tails"]), np.arange(n, dtype=np.uint64), 0, draws.REQUIREMENT)


def test_the_tails_of_raw_draws_are_full() -> None:
    """As many draws beyond 1e-2 … 1e-5 of either end as there should be: ten binomial counts, p above 1e-7 each."""
    u = uniforms()
    for tail in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5):
        assert binomial(int((u < tail).sum()), u.size, tail) > 1e-7
        assert binomial(int((u > 1.0 - tail).sum()), u.size, tail) > 1e-7


def test_a_pause_under_a_guard_that_holds_is_no_loss() -> None:
    """A speed of 0 pauses a delay of any memory, also where it has a guard that might fail but does not."""
    for memory in ("enabling", "age", "identical"):
        paused = test_step.spec(
            test_step.SWITCH,
            test_step.act(
                "task",
                test_step.fixed(3.0, memory, 0.0, "on"),
                test_step.add("n"),
                guard=parse("n below 5"),
            ),
            test_step.act("off", Calendar(1.0), test_step.put("on", 0)),
            test_step.act("on", Calendar(2.0), test_step.put("on", 1)),
        )
        for engine in (lockstep.simulate, reference.simulate):
            found = test_step.events(engine, paused, 5.0)
            assert [time for time, name in found if name == "task"] == [4.0]


def test_a_rate_that_rises_with_its_tension_has_its_exact_mean() -> None:
    """A rate equal to a tension that rises from 1/2 towards 2: its integral, within 5 standard errors (6e-7)."""
    clock, felt = Rate(parse("T")), test_between.felt(0.5, 0.5, 2.0)
    model = test_step.spec(test_between.COUNT, test_step.act("acts", clock, test_step.add("n")), tensions=felt)
    counts = lockstep.simulate(compile_model(model), plan(4, 4.0, 5_000)).state[0]
    assert test_between.standard_errors(counts, 2.0 * 4.0 - 1.5 * (1.0 - math.exp(-2.0)) / 0.5) < 5


def in_both(check: Callable[..., None], *arguments: object) -> Check:
    def run() -> None:
        for engine in (lockstep.simulate, reference.simulate):
            check(engine, *arguments)

    return run


def over(check: Callable[..., None], cases: list[tuple[Any, ...]]) -> Check:
    def run() -> None:
        for case in cases:
            check(*case)

    return run


def campaign(models: int, replications: int) -> Check:
    """The command `study=random_models`, in small."""

    def run() -> None:
        said: list[str] = []
        sizes = random_models.Sizes({"lockstep": replications}, seed=5)
        assert random_models.run(models, sizes, out=said.append, shrinking=False) == 0, said

    return run


def residuals() -> None:
    assert faults(test_residuals.gathered(40, 80)) == []


def parity() -> None:
    """Both engines on random models of every kind, also with what changes between events, and on a small crisis."""
    known = test_metamorphic.random_specs(models=6)
    moving = [test_residuals.unsettled(spec, Dice(5, spec.name)) for spec in known]
    for spec in [*known, *moving, conflict()]:
        model = compile_model(spec, strict=False)
        wanted = reference.simulate(model, plan(5, 3.0, 10, log=True)).fingerprint()
        assert lockstep.simulate(model, plan(5, 3.0, 10, log=True)).fingerprint() == wanted


CHECKS: dict[str, Check] = {
    "raw draws: known answers": over(test_draws.test_philox_gives_the_published_vectors, test_draws.KNOWN_ANSWERS),
    "raw draws: inside (0, 1)": test_draws.test_uniforms_lie_strictly_between_0_and_1,
    "raw draws: uniform": test_draws.test_uniforms_are_uniform_and_a_biased_generator_is_caught,
    "raw draws: tails": test_the_tails_of_raw_draws_are_full,
    "laws: quantiles": over(test_laws.test_quantile_tables_are_right_to_1e_8, test_laws.REFERENCES[::4]),
    "laws: hazards": over(test_residuals.test_hazards_are_those_of_the_laws, [(law,) for law in LAWS]),
    "step: memory": over(
        test_step.test_memory_of_a_guard_that_fails,
        [
            (engine, memory, done)
            for engine in (lockstep.simulate, reference.simulate)
            for memory, done in (("age", [5.0, 8.0]), ("enabling", [8.0]), ("identical", [8.0]))
        ],
    ),
    "step: fresh or the same": in_both(test_step.test_enabling_draws_afresh_and_identical_does_not),
    "step: a pause is no loss": in_both(test_step.test_a_zero_speed_under_a_true_guard_only_pauses),
    "step: ties": in_both(test_step.test_ties_go_by_class_then_priority_then_declared_order),
    "step: kept due times": in_both(test_step.test_a_delay_keeps_its_due_time_whatever_its_actor_does),
    "step: restart": in_both(test_step.test_restart_throws_the_clock_away),
    "step: age of a clock": in_both(test_step.test_a_clock_that_runs_already_has_done_its_age),
    "step: weights of branches": in_both(test_step.test_branches_follow_their_weights),
    "a pause under a guard": test_a_pause_under_a_guard_that_holds_is_no_loss,
    "the horizon only cuts": lambda: test_metamorphic.test_the_horizon_only_cuts(lockstep.simulate),
    "distinct histories": test_duplicates.test_histories_of_random_models_are_distinct,
    "residuals": residuals,
    "residuals of a task": over(
        test_residuals.test_residuals_of_one_interrupted_task_are_exponential,
        [
            (law, memory)
            for law in (Law("weibull", (1.7, 0.8)), Law("lognormal", (0.8, 0.5)))
            for memory in test_residuals.MEMORIES
        ],
    ),
    "between: candidates by hand": over(
        test_between.test_a_history_of_candidates_is_the_one_worked_out_by_hand,
        [
            (engine, unit, jump, pushed)
            for engine in (lockstep.simulate, reference.simulate)
            for unit in (0, 1)
            for jump, pushed in ((0.4, {}), (0.4, {0.7: 1.0, 1.5: 0.5}), (-0.3, {0.3: 2.0}))
        ],
    ),
    "between: trends by hand": over(
        test_between.test_a_trend_comes_due_where_its_operational_time_says,
        [(engine, 1.7, age) for engine in (lockstep.simulate, reference.simulate) for age in (0.0, 3.0)],
    ),
    "between: trends and guards": over(
        test_between.test_a_trend_with_a_guard_that_comes_and_goes,
        [(engine, renewed) for engine in (lockstep.simulate, reference.simulate) for renewed in (False, True)],
    ),
    "between: what effects read": in_both(
        test_between.test_effects_weights_and_results_read_the_tension_of_that_moment
    ),
    "between: inert actor": in_both(test_between.test_an_inert_actor_changes_not_one_bit_of_a_hawkes_history),
    "between: exact means": lambda: test_between.test_counts_have_their_exact_means(lockstep.simulate),
    "between: a rate that rises": test_a_rate_that_rises_with_its_tension_has_its_exact_mean,
    "between: means of tensions": lambda: test_between.test_tensions_have_their_exact_means(lockstep.simulate),
    "between: a bound too low": in_both(
        test_between.test_a_bound_that_does_not_hold_is_refused, f"0.5 * {test_between.LEAST}"
    ),
    "between: residuals": test_residuals.test_residuals_of_one_tension_and_its_trends_are_exponential,
    "random models": campaign(12, 4_000),
    "parity": parity,
}


# ------------------------------------------------------------------------------------------------------ the mutants
def scale_of(family: str, scale: Callable[[Law], float]) -> Plant:
    """Another scale for a family of laws."""
    right = laws.standard_scale

    def plant(patch: Patch) -> None:
        patch.setattr(laws, "standard_scale", lambda law: scale(law) if law.family == family else right(law))

    return plant


def sigma_as_variance(patch: Patch) -> None:
    right = laws.standard

    def standard(law: Law) -> Quantile:
        if law.family == "lognormal":
            law = replace(law, parameters=(law.parameters[0], law.parameters[1] ** 0.5))
        return right(law)

    patch.setattr(laws, "standard", standard)


def uniform_as_low_and_width(patch: Patch) -> None:
    right = laws._build

    def build(family: str, shape: tuple[float, ...]) -> Quantile:
        return Quantile("linear", np.array(shape), np.zeros(0)) if family == "uniform" else right(family, shape)

    patch.setattr(laws, "_build", build)


def row(change: Callable[[Row], Row]) -> Plant:
    """Another compiled row: a fault of all engines, the exact one included."""
    right = model_compiled._Compiler.row

    def plant(patch: Patch) -> None:
        patch.setattr(model_compiled._Compiler, "row", lambda self, *given: change(right(self, *given)))

    return plant


def action(change: Callable[[Action], Action]) -> Plant:
    """Another action than the one declared, for all engines."""
    right = model_compiled._Compiler.row

    def plant(patch: Patch) -> None:
        patch.setattr(model_compiled._Compiler, "row", lambda self, a, *given: right(self, change(a), *given))

    return plant


def remembers(which: str, instead: str) -> Plant:
    return row(lambda r: replace(r, memory=instead) if r.kind == "delay" and r.memory == which else r)  # type: ignore[arg-type]


def faster(factor: float) -> Plant:
    def change(a: Action) -> Action:
        if not isinstance(a.clock, Rate):
            return a
        return replace(a, clock=replace(a.clock, factors=(*a.clock.factors, Number(factor))))

    return action(change)


def shorter_requirements(patch: Patch) -> None:
    """Rates 2 % too fast in both simulators, not in the exact engine."""
    for module in (lockstep, units):
        right = module.log
        patch.setattr(module, "log", lambda x, right=right: right(x) / 1.02)


def branches(change: Callable[[Branch], Branch]) -> Plant:
    right = model_compiled._Compiler.branch

    def plant(patch: Patch) -> None:
        def branch(self: Any, action: Action, guard: Any, declared: Branch, number: int) -> BranchRow:
            return right(self, action, guard, change(declared), number)

        patch.setattr(model_compiled._Compiler, "branch", branch)

    return plant


class _Backwards(dict[str, float]):
    """Classes of actions by which later ones come first within a class."""

    asked = 0

    def __getitem__(self, key: str) -> float:
        self.asked += 1
        return super().__getitem__(key) - self.asked * 1e-6


def ties_reversed(patch: Patch) -> None:
    patch.setattr(model_compiled, "_CLASSES", _Backwards(model_compiled._CLASSES))


def drawn(change: Callable[[Any, Any, Any, Any], tuple[Any, Any, Any, Any]]) -> Plant:
    """Draws from another place than the one asked for."""
    right = draws.uniform

    def plant(patch: Patch) -> None:
        patch.setattr(draws, "uniform", lambda key, unit, k, purpose: right(*change(key, unit, k, purpose)))

    return plant


def truncated(patch: Patch) -> None:
    right = draws.uniform
    patch.setattr(draws, "uniform", lambda *given: np.minimum(right(*given), 0.999))


def past_the_horizon(patch: Patch) -> None:
    """Both engines stop 2 % too late."""

    def late(p: Plan) -> Plan:
        return replace(p, until=p.until * 1.02)

    first, second = lockstep._Lockstep.__init__, reference._History.__init__
    patch.setattr(lockstep._Lockstep, "__init__", lambda self, model, p, slots: first(self, model, late(p), slots))

    def begin(self: Any, model: Any, p: Plan, *given: Any, **named: Any) -> None:
        second(self, model, late(p), *given, **named)

    patch.setattr(reference._History, "__init__", begin)


def redrawn(patch: Patch) -> None:
    """Both engines draw the requirement of every delay anew at every event."""
    first, second = lockstep._Lockstep.retime, reference._History.retime

    def lanes(self: Any) -> None:
        for i in self.tables.delays:
            self.restart(self.tables.first_clock + i, np.flatnonzero(self.live))
        first(self)

    def one(self: Any, me: int) -> None:
        for i in self.shape.rows_of[me]:
            if self.model.rows[i].kind == "delay":
                self.count[i] += 1
                self.fresh.add(i)
        second(self, me)

    patch.setattr(lockstep._Lockstep, "retime", lanes)
    patch.setattr(reference._History, "retime", one)


def nobody_reads(patch: Patch) -> None:
    """Both engines re-time only the actor that acted."""
    first, second = Tables.__init__, reference._Shape.__init__

    def tables(self: Any, *given: Any) -> None:
        first(self, *given)
        self.readers = {column: [] for column in self.readers}
        self.touches[:] = False
        model = given[0]
        for i, branch in model.branches:
            self.touches[model.rows[i].actor, branch.number] = True

    def shape(self: Any, model: Any) -> None:
        second(self, model)
        self.readers = {column: [] for column in self.readers}

    patch.setattr(Tables, "__init__", tables)
    patch.setattr(reference._Shape, "__init__", shape)


def shared_by_histories(key: Any, unit: Any, k: Any, purpose: int) -> tuple[Any, Any, Any, int]:
    return key, unit >> np.uint64(1), k, purpose


def shared_by_requirements(key: Any, unit: Any, k: Any, purpose: int) -> tuple[Any, Any, Any, int]:
    return key, unit, k >> np.uint64(1) if isinstance(k, np.ndarray) else k >> 1, purpose


def shared_by_purposes(key: Any, unit: Any, k: Any, purpose: int) -> tuple[Any, Any, Any, int]:
    return key, unit, k, draws.REQUIREMENT


def thinned(change: Callable[[Thinning], Thinning]) -> Plant:
    """Other bounds of thinned rates, for all engines; the check of bounds that would notice is off."""
    right = model_thinning.thinning

    def plant(patch: Patch) -> None:
        def thinning(*given: Any, **named: Any) -> Thinning | None:
            found = right(*given, **named)
            return None if found is None else change(found)

        patch.setattr(model_compiled, "thinning", thinning)
        test_between.no_check_of_bounds(patch)

    return plant


def bounds_of_anybody(patch: Patch) -> None:
    """Every change of the state renews every bound, of whoever it is."""
    right = model_thinning.thinning

    def thinning(names: Any, *given: Any, **named: Any) -> Thinning | None:
        found = right(names, *given, **named)
        return found and replace(found, reads=found.reads | frozenset(range(names.first_input)))

    patch.setattr(model_compiled, "thinning", thinning)


def tensions(change: Callable[[Tension], Tension]) -> Plant:
    """Another tension than the one declared, for all engines."""
    right = model_thinning.tension_row

    def plant(patch: Patch) -> None:
        patch.setattr(model_compiled, "tension_row", lambda names, t, box: right(names, change(t), box))

    return plant


def trends(**parts: Any) -> Plant:
    """Other trends than those declared, for all engines."""

    def change(a: Action) -> Action:
        if not isinstance(a.clock, Rate) or a.clock.trend is None:
            return a
        return replace(a, clock=replace(a.clock, trend=replace(a.clock.trend, **parts)))

    return action(change)


def trend_blind_to_its_guard(patch: Patch) -> None:
    """Both engines: a renewed trend begins where the action happens, but not where its guard begins to hold."""
    patch.setattr(Row, "renewed", property(lambda self: False))


def accepted_by(instead: int) -> Plant:
    """Candidates are accepted by the uniform of another purpose."""

    def change(key: Any, unit: Any, k: Any, purpose: int) -> tuple[Any, Any, Any, int]:
        return key, unit, k, instead if purpose == draws.ACCEPTANCE else purpose

    return drawn(change)


@dataclass(frozen=True)
class Mutant:
    """A fault, how to plant it, and the checks that are known to catch it; the first is run by default."""

    name: str
    plant: Plant
    caught_by: tuple[str, ...]


def inside_the_power(law: Law) -> float:
    return float(law.parameters[1] ** (1.0 / law.parameters[0]))


def nine_rounds(patch: Patch) -> None:
    patch.setattr(draws, "_ROUNDS", 9)


#: The faults of the list that was measured before there was a simulator, then more.
MUTANTS = [
    Mutant(
        "Weibull parametrisation", scale_of("weibull", inside_the_power), ("laws: quantiles", "residuals of a task")
    ),
    Mutant(
        "gamma rate for scale", scale_of("gamma", lambda x: 1 / x.parameters[1]), ("laws: quantiles", "laws: hazards")
    ),
    Mutant("lognormal sigma as variance", sigma_as_variance, ("laws: quantiles", "residuals of a task")),
    Mutant("uniform as low and width", uniform_as_low_and_width, ("laws: hazards",)),
    Mutant("memory age as enabling", remembers("age", "enabling"), ("step: memory", "residuals of a task")),
    Mutant("memory identical as enabling", remembers("identical", "enabling"), ("residuals of a task", "residuals")),
    Mutant("clocks redrawn at each event", redrawn, ("step: kept due times", "residuals")),
    Mutant("tie order reversed", ties_reversed, ("step: ties",)),
    Mutant("restart ignored", branches(lambda b: replace(b, restarts=())), ("step: restart", "residuals")),
    Mutant("rates +5 %", faster(1.05), ("random models",)),
    Mutant("rates +2 %", faster(1.02), ("random models",)),
    Mutant("rates +2 %, exact engine right", shorter_requirements, ("random models",)),
    Mutant("event past the horizon", past_the_horizon, ("the horizon only cuts",)),
    Mutant("streams used twice, by histories", drawn(shared_by_histories), ("distinct histories",)),
    Mutant("streams used twice, by one clock", drawn(shared_by_requirements), ("residuals of a task", "random models")),
    Mutant("uniform truncated at .999", truncated, ("raw draws: tails",)),
    Mutant(
        "memory identical as age", remembers("identical", "age"), ("step: fresh or the same", "residuals of a task")
    ),
    Mutant("memory enabling as identical", remembers("enabling", "identical"), ("residuals of a task",)),
    Mutant("age of a running clock ignored", row(lambda r: replace(r, age=0.0)), ("step: age of a clock",)),
    Mutant("pause taken for a lost guard", row(lambda r: replace(r, accelerated=False)), ("a pause under a guard",)),
    Mutant(
        "condition of a branch ignored",
        branches(lambda b: replace(b, condition=TRUE)),
        ("step: weights of branches", "random models"),
    ),
    Mutant(
        "factors of a branch ignored",
        branches(lambda b: replace(b, factors=())),
        ("step: weights of branches", "random models"),
    ),
    Mutant("branch drawn with the requirement", drawn(shared_by_purposes), ("random models",)),
    Mutant("readers not re-timed", nobody_reads, ("random models", "residuals")),
    Mutant("nine rounds of Philox", nine_rounds, ("raw draws: known answers",)),
    Mutant(
        "thinning skipped",
        test_between.FAULTS["thinning skipped"].plant,
        ("between: exact means", "between: residuals"),
    ),
    Mutant(
        "jump on the undecayed tension",
        test_between.FAULTS["jump on the undecayed tension"].plant,
        ("between: exact means", "between: candidates by hand"),
    ),
    Mutant(
        "decay rate -10 %",
        tensions(lambda t: replace(t, decay=Call("mul", (Number(0.9), t.decay)))),
        ("between: exact means", "between: candidates by hand"),
    ),
    Mutant(
        "tension decays towards 0",
        tensions(lambda t: replace(t, toward=ZERO)),
        ("between: what effects read", "between: residuals"),
    ),
    Mutant(
        "bound at the current time",
        thinned(lambda found: replace(found, bound=found.value)),
        ("between: a rate that rises", "between: a bound too low"),
    ),
    Mutant(
        "bound kept at a push",
        thinned(lambda found: replace(found, reads=frozenset())),
        ("between: candidates by hand",),
    ),
    Mutant("bound renewed at anybody's event", bounds_of_anybody, ("between: inert actor",)),
    Mutant("accepted by the requirement's uniform", accepted_by(draws.REQUIREMENT), ("between: exact means",)),
    Mutant("accepted by the branch's uniform", accepted_by(draws.BRANCH), ("between: residuals",)),
    Mutant(
        "renewed trend not renewed", trends(renewed=False), ("between: trends by hand", "between: trends and guards")
    ),
    Mutant("renewed trend blind to its guard", trend_blind_to_its_guard, ("between: trends and guards",)),
    Mutant("every trend renewed", trends(renewed=True), ("between: trends by hand", "between: residuals")),
    Mutant("age of a trend ignored", trends(age=0.0), ("between: trends by hand",)),
]


def fails(check: Check) -> str:
    """What a check says when it fails, else nothing. Any exception is a failure."""
    try:
        check()
    except (Exception, pytest.fail.Exception) as error:
        return f"{type(error).__name__}: {error}".splitlines()[0] or "fails"
    return ""


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_passes_without_a_mutant(name: str) -> None:
    CHECKS[name]()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_a_planted_fault_is_caught(mutant: Mutant) -> None:
    with pytest.MonkeyPatch.context() as patch:
        mutant.plant(patch)
        # Any other error may come from a fault that can no longer be planted.
        assert fails(CHECKS[mutant.caught_by[0]]).startswith(("AssertionError", "Failed"))


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_table_of_mutants_and_checks() -> None:
    """Every check on every mutant."""
    missed, seen = [], 0
    print(f"\n{'mutant':38}caught by")
    for mutant in MUTANTS:
        with pytest.MonkeyPatch.context() as patch:
            mutant.plant(patch)
            caught = [name for name, check in CHECKS.items() if fails(check)]
        seen += bool(caught)
        print(f"{mutant.name:38}{'; '.join(caught) or 'NOTHING'}", flush=True)
        if not set(mutant.caught_by) <= set(caught):
            missed.append((mutant.name, sorted(set(mutant.caught_by) - set(caught))))
    print(f"{seen} of {len(MUTANTS)} caught")
    assert missed == []
