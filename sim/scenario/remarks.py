"""What a check says of a scenario that is not wrong: what cannot happen on its date, and what may go wrong."""

from __future__ import annotations

from collections.abc import Iterator

from sim.model.bound import bind_spec
from sim.model.expressions import names
from sim.model.reach import Reach, reach
from sim.model.spec import Delay, Rate
from sim.model.stability import loops
from sim.model.witness import TAIL, suspects
from sim.scenario.check import fault_place
from sim.scenario.never import nevers, place
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
    for never in nevers(reached, file, scenario.rung_program):
        faults.add(never.path, f"on {scenario.as_of} this {never.why}")
    for path, why in (*_loops(reached, file), *_suspects(reached, file), *_idle(scenario, reached)):
        faults.add(path, why)
    return tuple(sorted(faults.problems, key=lambda p: (p.line is None, p.line or 0)))


def _loops(reached: Reach, file: File) -> Iterator[tuple[KeyPath, str]]:
    """Loops that may run away, and those accepted."""
    accepted, needed = set(file.accepts.unstable), set[str]()
    for loop in loops(reached):
        counts = " and ".join(loop.counts)
        needed |= set(loop.actions)
        if loop.sure:
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
        name = reached.bound.actions[suspect.action].name
        path = fault_place(file, name, suspect.what, suspect.branch)
        yield path, f"{_OPEN[suspect.what]}; no history was found in which it is so, but ranges do not exclude it"


def _idle(scenario: Scenario, reached: Reach) -> Iterator[tuple[KeyPath, str]]:
    """Inputs and amounts that nothing reads which can happen on the date."""
    used: set[str] = set()
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
