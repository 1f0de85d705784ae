"""Workload B: workload A with clocks that are kept and a tension that decays; invented for timing, not a crisis.

The three `mobilises` have Weibull clocks and the last actor's `opens_talks` a lognormal one, all of which keep their
work while their guard fails. A tension rises with every escalation (by 1) and every walk-out from the talks (by 1/2),
decays by a tenth per day, and multiplies the hazards of `escalates` and `hardens`: 6 of 24.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sim.model.expressions import Number, parse
from sim.model.laws import Law
from sim.model.spec import Action, Delay, Effect, Rate, Spec, Tension

MEDIAN: Final = 20.085536923187668  # exp(3)
#: Factors and pushes by what an action is called after its actor.
FACTORS: Final = {"escalates": "exp(0.3 * tension)", "hardens": "exp(0.2 * tension)"}
PUSHES: Final = {"escalates": 1.0, "breaks_talks": 0.5}


def workload_b(spec: Spec) -> Spec:
    """Workload B, from workload A."""
    last = spec.actions[-1].actor
    return replace(
        spec,
        name="workload_b",
        tensions=(Tension("tension", Number(0.1)),),
        actions=tuple(_changed(action, last) for action in spec.actions),
    )


def _changed(action: Action, last: str) -> Action:
    what = action.name.split(".")[-1]
    if what == "mobilises":
        return replace(action, clock=Delay(Law("weibull", (2.0, 25.0)), memory="age"))
    if what == "opens_talks" and action.actor == last:
        return replace(action, clock=Delay(Law("lognormal", (MEDIAN, 0.6)), memory="age"))
    clock = action.clock
    assert isinstance(clock, Rate)
    if what in FACTORS:
        clock = replace(clock, factors=(*clock.factors, parse(FACTORS[what])))
    branches = action.branches
    if what in PUSHES:
        push = Effect("tension", "add", Number(PUSHES[what]))
        branches = tuple(replace(branch, effects=(*branch.effects, push)) for branch in branches)
    return replace(action, clock=clock, branches=branches)
