"""Whether the model of a scenario holds together: what is certain to fail is refused and traced to its lines.

What is refused here is wrong in every run or in some run that can be shown: its witness is part of the message. One
thing is stricter: a constant effect has to be kept within its bounds by its guard, in every state whose values can
each be reached, unless all states that they can be in together were looked at and the effect leaves its bounds in
none. The message says so where such a state may not be reachable. What ranges cannot exclude and no witness shows is
left to the run, which stops at it; :mod:`sim.scenario.remarks` names it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import groupby

from sim.model.bound import Bound, BoundAction, BoundEffect, bind_spec
from sim.model.compiled import compile_model
from sim.model.expressions import Expression, Number, bind, columns, names, nearest
from sim.model.expressions import product as times
from sim.model.intervals import ANYTHING, Range, range_of
from sim.model.laws import Law, support_of
from sim.model.proofs import OPEN, ModelError
from sim.model.reach import Reach, reach
from sim.model.spec import Action, Immediate, Spec
from sim.model.stability import loops
from sim.model.witness import TAIL, Fault, allowed, search
from sim.scenario import quantities, schema
from sim.scenario.never import any_start, nevers, place
from sim.scenario.notation import Names
from sim.scenario.problems import KeyPath
from sim.scenario.source import Faults


def check_model(spec: Spec, faults: Faults, file: schema.File, *, rung: Expression, whole: bool) -> None:
    """Report everything that is certain to be wrong with a model.

    ``rung`` gives the number of the highest rung; ``whole``: the scenario stands as its own file has it. A change from
    outside may make something impossible, and that is no fault.
    """
    before = len(faults.problems)
    _order(spec, faults)
    for action in spec.actions:
        if isinstance(action.clock, Immediate) and _loops(action):
            why = "an immediate action that changes nothing its condition reads would happen again at once, for ever"
            faults.add(place(action.name, file), why, action.name)
    for name, given in file.actions.items():
        if len(given.either) == 1 and given.either[0].if_ is not None:
            why = "a branch that stands alone always follows; write its `if` under `while`, or add another branch"
            faults.add(("actions", name, "either", 0, "if"), why)
    if not any(p.key.startswith("milestones.") for p in faults.problems):
        _compile(spec, faults, file)
    if len(faults.problems) > before:
        return
    if whole:
        bound = _on_any_date(spec, file)
        for never in nevers(reach(bound, any_start(file, spec, bound)), file, rung):
            faults.add(never.path, f"{never.why}; {never.remedy}")
    reached = reach(bind_spec(spec, tail=TAIL))
    _numbers(reached, faults, file)
    _unstable(reached, faults, file)


def _on_any_date(spec: Spec, file: schema.File) -> Bound:
    """The model with nothing taken as known of its numbers: they may differ on another date, or be put to a test."""
    bound = bind_spec(spec, [q.name for q in spec.inputs] + [name for name, _ in spec.constants])
    first = bound.state + len(spec.inputs)
    sizes = {first + i: ANYTHING for i in range(len(spec.amounts))}
    for i, amount in enumerate(spec.amounts):
        if len(file.amounts[amount.name]) == 1:  # of any size, but of its sign
            sizes[first + i] = Range(min(bound.box[first + i].low, 0.0), math.inf)
    return replace(bound, box={**bound.box, **sizes})


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


# --------------------------------------------------------------------------------------------------------- structure
def _order(spec: Spec, faults: Faults) -> None:
    """Milestones read those above them."""
    bound = bind_spec(spec)
    for i, (milestone, when) in enumerate(zip(spec.milestones, bound.milestones, strict=True)):
        for column in sorted(c for c in columns(when) if c >= bound.variables + i):
            name = bound.names[column]
            why = "a milestone cannot read itself" if name == milestone.name else f"reads {name!r}, which stands below"
            faults.add(("milestones", milestone.name, "when"), f"{why}; a milestone may read those above it")


def _compile(spec: Spec, faults: Faults, file: schema.File) -> None:
    """Compile the model; every action that does not compile is reported at its line."""
    before = len(faults.problems)
    try:
        compile_model(spec, strict=False)
    except ModelError as error:
        whole = str(error)
    else:
        return
    for action in spec.actions:
        path = place(action.name, file)
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


def _fault(spec: Spec) -> str | None:
    try:
        compile_model(spec, strict=False)
    except ModelError as error:
        return str(error).removeprefix(f"{spec.actions[0].name}: ")
    return None


def _loops(action: Action) -> bool:
    changed = {effect.variable for branch in action.branches for effect in branch.effects}
    return not names(action.guard) & changed


# ----------------------------------------------------------------------------------------------------------- numbers
def _numbers(reached: Reach, faults: Faults, file: schema.File) -> None:
    """Refuse speeds, weights and effects that are wrong in a state that a history can reach."""
    bound = reached.bound
    found = search(reached)
    sure: set[tuple[str, str, int]] = set()
    for name, what, i, why in _always_negative(reached):
        sure.add((name, what, i))
        faults.add(fault_place(file, name, what, i), why)
    told: set[tuple[str, int, int]] = set()
    for fault in found.faults:
        suspect = fault.suspect
        action = bound.actions[suspect.action]
        if suspect.what == "effect":
            told.add((action.name, suspect.branch, suspect.effect))
        if (action.name, suspect.what, suspect.branch) in sure:
            continue
        path = fault_place(file, action.name, suspect.what, suspect.branch)
        label = action.branches[suspect.branch].branch.label or action.name
        faults.add(path, _said(bound, fault), label if suspect.what == "effect" else None)
    for action in bound.actions:
        for i, branch in enumerate(action.branches):
            for k, effect in enumerate(branch.effects):
                state = None if (action.name, i, k) in told else allowed(reached, action, branch, effect)
                if state is not None:
                    why = (
                        f"{_leaves(bound, effect)} when {state}, which the guard allows, "
                        f"though that state may not be reachable; {_REMEDY}"
                    )
                    faults.add(fault_place(file, action.name, "effect", i), why, branch.branch.label or action.name)
    for circle in found.endless:
        if len(circle) == 1 and _loops(next(a.action for a in bound.actions if a.name == circle[0])):
            continue
        others = f" with {', '.join(circle[1:])}" if len(circle) > 1 else ""
        why = f"happens again at once, for ever{others}; let an action make the condition false"
        faults.add(place(circle[0], file), why, circle[0])


_REMEDY = "guard against it, or let it stay within them (`capped`)"


def _always_negative(reached: Reach) -> list[tuple[str, str, int, str]]:
    """(action, what, branch, why) of speeds and weights that are negative wherever they count."""
    found = []
    for action in reached.bound.actions:
        held = reached.ready(action)
        if held is None:
            continue
        speed = range_of(times(action.speed), held.ranges)
        if not speed.undefined and speed.high < 0:
            found.append(
                (action.name, "speed", -1, f"always negative ({speed.high:.4g} at most); {_speed_remedy(action)}")
            )
        for i, branch in enumerate(action.branches if action.choosing else ()):
            inside = reached.holds(branch.condition, held)
            weight = None if inside is None else range_of(times(branch.weight), inside.ranges)
            if weight is not None and not weight.undefined and weight.high < 0:
                found.append(
                    (action.name, "weight", i, f"its weight is negative ({weight.high:.4g} at most); {_WEIGHTS}")
                )
    return found


_WEIGHTS = "weights must be numbers of 0 or more, such as `max(…, 0)`"


def _speed_remedy(action: BoundAction) -> str:
    return "a speed must be a number of 0 or more: guard the action, or write `max(…, 0)`"


def _leaves(bound: Bound, effect: BoundEffect) -> str:
    low, high = bound.lower[effect.column], bound.upper[effect.column]
    name, kind = bound.names[effect.column], effect.effect.kind
    value = effect.value
    step = f" {value.value:+g}" if isinstance(value, Number) and kind == "add" else ""
    return f"the effect{step} on {name!r} ({low} … {'open' if high == OPEN else high}) leaves the bounds"


def _said(bound: Bound, fault: Fault) -> str:
    """A fault with its witness in words."""
    suspect = fault.suspect
    action = bound.actions[suspect.action]
    where = f"when {fault.where}" if fault.where else "at the start"
    runs = [(name, len(list(same))) for name, same in groupby(fault.path)]
    steps = [name if count == 1 else f"{name} {count} times" for name, count in runs]
    way = f" (it comes to that by {', '.join(steps)})" if steps else ""
    if suspect.what == "speed":
        return f"its speed is {fault.value:.4g} {where}{way}; {_speed_remedy(action)}"
    if suspect.what == "weight":
        return f"its weight is {fault.value:.4g} {where}{way}; {_WEIGHTS}"
    if suspect.what == "weights":
        return f"all weights are 0 {where}{way}; give one branch a weight there, or guard the action"
    effect = action.branches[suspect.branch].effects[suspect.effect]
    if fault.value != int(fault.value):
        why = f"the effect on {bound.names[effect.column]!r} gives {fault.value:.6g} {where}{way}"
        return f"{why}; the state counts in whole numbers: round it with floor or ceil"
    return f"{_leaves(bound, effect)} {where}{way}; {_REMEDY}"


def fault_place(file: schema.File, name: str, what: str, branch: int) -> KeyPath:
    """Where a speed, a weight or an effect stands."""
    path, given = place(name, file), file.actions.get(name)
    if given is None:
        return path
    if what == "speed":
        return (*path, "rate" if given.rate is not None else "times")
    if branch < 0 or not given.either:
        return path
    return (*path, "either", branch, *(("weight",) if what == "weight" else ()))


# --------------------------------------------------------------------------------------------------------- stability
def _unstable(reached: Reach, faults: Faults, file: schema.File) -> None:
    """Refuse loops that run away, unless the scenario accepts them by name."""
    accepted = set(file.accepts.unstable)
    for i, name in enumerate(file.accepts.unstable):
        if name not in file.actions:
            faults.add(("accepts", "unstable", i), f"no such action{nearest(name, file.actions)}")
    for loop in loops(reached, quantities.until(file.until, file.as_of)):
        if loop.sure and not loop.slow and not set(loop.actions) <= accepted:
            counts = " and ".join(loop.counts)
            why = f"runs away: the more {counts}, the more there will be, faster than it fades, without end"
            tension = any(file.state[name].decays is not None for name in loop.counts)
            less = "push it less, let it decay faster" if tension else "give it a `max`, let it fade faster"
            remedy = f"{less}, or write `accepts: {{unstable: [{', '.join(loop.actions)}]}}`"
            faults.add(place(loop.actions[0], file), f"{why}; {remedy}", loop.actions[0])
