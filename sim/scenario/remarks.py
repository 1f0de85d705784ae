"""What a check says of a scenario that is not wrong: what cannot happen on its date, and what may go wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from sim.model.bound import BoundAction, bind_spec
from sim.model.expressions import Number, names, product
from sim.model.intervals import range_of
from sim.model.joint import stays
from sim.model.laws import support_of
from sim.model.reach import Reach, reach
from sim.model.spec import Calendar, Delay, Rate
from sim.model.stability import loops
from sim.model.witness import TAIL, Suspect, suspects
from sim.scenario.check import fault_place
from sim.scenario.never import Never, nevers, place
from sim.scenario.problems import KeyPath, Problem
from sim.scenario.scenario import Scenario
from sim.scenario.schema import File
from sim.scenario.source import Faults, Source

_OPEN = {
    "speed": "its speed may be negative or no number",
    "weight": "its weight may be negative or no number",
    "weights": "all its weights may be 0 at once",
    "effect": "its effects may leave their bounds or be no whole number",
}


def remarks(scenario: Scenario, source: Source | None = None) -> tuple[Problem, ...]:
    """What is to be said of a scenario as of its date, in the order of the file; empty if nothing is.

    ``source`` gives the files and lines of the scenario; without it the places are keys alone.
    """
    faults = Faults(scenario.data, source or Source())
    file = File.model_validate(scenario.data)
    reached = reach(bind_spec(scenario.spec, tail=TAIL))
    known = list(nevers(reached, file, scenario.rung_program))
    for never in known:
        faults.add(never.path, f"on {scenario.as_of} this {never.why}")
    late = {a.name: why for a in reached.bound.actions if (why := _late(reached, a, scenario.until))}
    within = reached
    if late:
        actions = tuple(action for action in scenario.spec.actions if action.name not in late)
        within = reach(bind_spec(replace(scenario.spec, actions=actions), tail=TAIL))
    found = (
        *_beyond(scenario, within, file, late, known),
        *_loops(reached, file, scenario.until),
        *_suspects(reached, file),
        *_idle(scenario, within),
    )
    for path, why in found:
        faults.add(path, why)
    return tuple(sorted(faults.problems, key=lambda p: (p.line is None, p.line or 0)))


def _late(reached: Reach, action: BoundAction, until: float) -> str:
    """Why an action that may happen cannot within a run of so many days; empty if it can."""
    clock, held = action.action.clock, reached.fires(action)
    if held is None:
        return ""
    if isinstance(clock, Calendar) and clock.time > until:
        return f"its date lies {clock.time - until:g} days after the end of the run"
    if isinstance(clock, Delay):
        speed = range_of(product(action.speed), held.ranges)
        scale = range_of(reached.bound.bind(clock.scale), held.ranges)
        if speed.undefined or scale.undefined or not 0 < speed.high < math.inf or scale.low < 0:
            return ""
        least = (support_of(clock.law)[0] * scale.low - clock.age) / speed.high
        if least > until:
            return f"it takes {least:.4g} days at least, and the run {until:g}"
    return ""


def _beyond(
    scenario: Scenario, within: Reach, file: File, late: dict[str, str], known: list[Never]
) -> Iterator[tuple[KeyPath, str]]:
    """What cannot happen within the run because of its length, and what only that would have brought about."""
    for name, why in late.items():
        key = "on" if isinstance(_clock(scenario, name), Calendar) else "after"
        yield (*place(name, file), key), f"cannot happen within the run: {why}"
    before = {never.path for never in known}
    for never in nevers(within, file, scenario.rung_program) if late else ():
        if never.path not in before:
            yield never.path, f"within the {scenario.until:g} days of the run this {never.why}"


def _clock(scenario: Scenario, name: str) -> object:
    return next(action.clock for action in scenario.spec.actions if action.name == name)


def _loops(reached: Reach, file: File, until: float) -> Iterator[tuple[KeyPath, str]]:
    """Loops that may run away, and those accepted."""
    accepted, needed = set(file.accepts.unstable), set[str]()
    for loop in loops(reached, until):
        counts = " and ".join(loop.counts)
        needed |= set(loop.actions)
        if loop.slow:
            why = (
                f"feeds on itself faster than it fades, but hardly within the {until:g} days of the run: "
                f"the more {counts}, the more there will be"
            )
        elif loop.sure:
            why = f"runs away, as `accepts` allows: the more {counts}, the more there will be, without end"
        else:
            inputs = ", ".join(f"{name} = {value:.4g}" for name, value in loop.inputs)
            where = f"with {inputs}" if inputs else "in some states"
            why = f"may run away {where}: the more {counts}, the more there will be, faster than it fades"
        yield place(loop.actions[0], file), why
    for i, name in enumerate(file.accepts.unstable):
        if name in accepted - needed and name in file.actions:
            yield ("accepts", "unstable", i), f"{name} drives no loop that runs away; the entry can go"


def _suspects(reached: Reach, file: File) -> Iterator[tuple[KeyPath, str]]:
    """What neither ranges nor a witness decide, so that a run may stop at it."""
    for suspect in suspects(reached):
        if _settled(reached, suspect):
            continue
        name = reached.bound.actions[suspect.action].name
        path = fault_place(file, name, suspect.what, suspect.branch)
        yield path, f"{_OPEN[suspect.what]}; no history was found in which it is so, but ranges do not exclude it"


def _settled(reached: Reach, suspect: Suspect) -> bool:
    """Whether a look at every joint state shows that a constant effect stays within its bounds."""
    if suspect.what != "effect":
        return False
    action = reached.bound.actions[suspect.action]
    value = action.branches[suspect.branch].effects[suspect.effect].value
    whole = isinstance(value, Number) and value.value == math.floor(value.value)
    return whole and stays(reached, action, suspect.branch, suspect.effect)


def _idle(scenario: Scenario, reached: Reach) -> Iterator[tuple[KeyPath, str]]:
    """Inputs and amounts that nothing reads which can happen on the date."""
    used: set[str] = set()
    for tension in scenario.spec.tensions:
        used |= {name for tree in (tension.start, tension.toward, tension.decay) for name in names(tree)}
    for action in reached.bound.actions:
        fires, clock = reached.fires(action), action.action.clock
        if reached.ready(action) is None:
            continue
        trees = [action.action.guard]
        trees += [clock.base, *clock.terms, *clock.factors] if isinstance(clock, Rate) else []
        trees += [clock.scale, *clock.factors] if isinstance(clock, Delay) else []
        for branch in action.branches if fires is not None else ():
            if reached.follows(action, branch) is not None:
                given = branch.branch
                trees += [given.weight, given.condition, *given.factors, *(e.value for e in given.effects)]
        used |= {name for tree in trees for name in names(tree)}
    for section, known in (("inputs", scenario.inputs), ("amounts", scenario.amounts)):
        for quantity in known:
            if quantity.name not in used:
                yield (section, quantity.name), f"nothing that can happen on {scenario.as_of} reads this"
