"""Whether the model of a scenario holds together: it is compiled, and what fails is traced to its lines."""

from __future__ import annotations

from dataclasses import replace

from sim.model import expressions
from sim.model.compiled import compile_model
from sim.model.expressions import bind
from sim.model.intervals import Range, range_of
from sim.model.laws import Law, support_of
from sim.model.proofs import ModelError
from sim.model.spec import Action, Immediate, Spec
from sim.scenario.notation import Names
from sim.scenario.problems import KeyPath
from sim.scenario.source import Faults


def check_model(spec: Spec, faults: Faults) -> None:
    """Compile the model to see whether it holds together; every action that does not is reported at its line."""
    for action in spec.actions:
        if isinstance(action.clock, Immediate) and _loops(action):
            why = "an immediate action that changes nothing its condition reads would happen again at once, for ever"
            faults.add(("actions", action.name), why, action.name)
    try:
        compile_model(spec)
    except ModelError as error:
        whole = str(error)
    else:
        return
    before = len(faults.problems)
    for action in spec.actions:
        written = action.name in faults.data["actions"]
        path: KeyPath = ("actions", action.name) if written else ("state", action.name.partition(".")[2], "fades")
        branches = [replace(branch, restarts=()) for branch in action.branches]
        alone = [replace(action, branches=(branch,)) for branch in branches]
        found = [(i, fault) for i, one in enumerate(alone) if (fault := _fault(replace(spec, actions=(one,))))]
        if len(found) == len(branches) and len({fault for _, fault in found}) == 1:
            faults.add(path, found[0][1], action.name)
            continue
        for i, reason in found:
            faults.add((*path, "either", i), reason, branches[i].label)
    if len(faults.problems) == before:
        faults.add((), whole, spec.name)


def check_start(spec: Spec, names: Names, faults: Faults) -> None:
    """Refuse a condition under ``ends`` that is certain to hold already at the start."""
    box: dict[int, Range] = {}
    for i, variable in enumerate(spec.variables):
        low, high = support_of(variable.start) if isinstance(variable.start, Law) else (variable.start, variable.start)
        box[i] = Range(float(low), float(high))
    for milestone in spec.milestones:
        box[len(box)] = range_of(bind(milestone.when, names.meanings, names.levels), box)
    for i, end in enumerate(spec.terminal):
        if range_of(bind(end, names.meanings, names.levels), box).surely_true:
            faults.add(("ends", i), "holds at the start already, so that nothing could happen; mend it or the start")


def _fault(spec: Spec) -> str | None:
    try:
        compile_model(spec)
    except ModelError as error:
        return str(error).removeprefix(f"{spec.actions[0].name}: ")
    return None


def _loops(action: Action) -> bool:
    changed = {effect.variable for branch in action.branches for effect in branch.effects}
    return not expressions.names(action.guard) & changed
