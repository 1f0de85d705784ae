"""From a model that fails to a small one that still does: drop what is not needed, one part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any, Final

from sim.model.expressions import TRUE, Call, Expression, Name, Number, names
from sim.model.laws import Law
from sim.model.spec import Action, Branch, Delay, Rate, Spec

#: Trials before the smallest model found so far is taken.
TRIALS: Final = 400


def shrunk(spec: Spec, fails: Callable[[Spec], bool], trials: int = TRIALS) -> Spec:
    """A model from which nothing more can be dropped without it ceasing to fail (or trials ran out)."""
    left = trials
    while True:
        for smaller in simpler(spec):
            left -= 1
            if left < 0:
                return spec
            if fails(smaller):
                spec = smaller
                break
        else:
            return spec


def simpler(spec: Spec) -> Iterator[Spec]:
    """Models with one part less, the largest parts first."""
    for i in range(len(spec.actions)) if len(spec.actions) > 1 else ():
        yield _unread(_without_action(spec, i))
    for field in ("terminal", "milestones"):
        parts = getattr(spec, field)
        for i, part in enumerate(parts):
            if field == "terminal" or not _reads(spec, part.name, own=part.when):
                yield _unread(_changed(spec, **{field: (*parts[:i], *parts[i + 1 :])}))
    for i, action in enumerate(spec.actions):
        for smaller in _actions(action):
            changed = (*spec.actions[:i], smaller, *spec.actions[i + 1 :])
            yield _unread(_changed(spec, actions=changed))
    for i, variable in enumerate(spec.variables):
        if isinstance(variable.start, Law):
            fixed = replace(variable, start=int(variable.start.parameters[0]))
            yield _changed(spec, variables=(*spec.variables[:i], fixed, *spec.variables[i + 1 :]))
    for quantity in (*spec.inputs, *spec.amounts):
        number = Number(float(quantity.law.parameters[0]))
        yield _unread(_replaced(spec, quantity.name, number))


def _changed(spec: Spec, **parts: Any) -> Spec:
    return replace(spec, **parts)


def _without_action(spec: Spec, number: int) -> Spec:
    gone = spec.actions[number].name
    actions = []
    for action in (*spec.actions[:number], *spec.actions[number + 1 :]):
        kept = tuple(replace(b, restarts=tuple(r for r in b.restarts if r != gone)) for b in action.branches)
        actions.append(replace(action, branches=kept))
    return _changed(spec, actions=tuple(actions))


def _actions(action: Action) -> Iterator[Action]:
    """An action with one part less."""
    branches = action.branches
    for i in range(len(branches)) if len(branches) > 1 else ():
        yield replace(action, branches=(*branches[:i], *branches[i + 1 :]))
    if action.guard != TRUE:
        yield replace(action, guard=TRUE)
        if isinstance(action.guard, Call) and action.guard.operation in ("and", "or"):
            for part in action.guard.arguments:
                yield replace(action, guard=part)
    clock = action.clock
    if isinstance(clock, Rate | Delay):
        for i in range(len(clock.factors)):
            yield replace(action, clock=replace(clock, factors=(*clock.factors[:i], *clock.factors[i + 1 :])))
    if isinstance(clock, Rate):
        for i in range(len(clock.terms)):
            yield replace(action, clock=replace(clock, terms=(*clock.terms[:i], *clock.terms[i + 1 :])))
        if not isinstance(clock.base, Number):
            yield replace(action, clock=replace(clock, base=Number(1.0)))
    if isinstance(clock, Delay) and clock.age:
        yield replace(action, clock=replace(clock, age=0.0))
    for i, branch in enumerate(branches):
        for smaller in _branches(branch):
            yield replace(action, branches=(*branches[:i], smaller, *branches[i + 1 :]))


def _branches(branch: Branch) -> Iterator[Branch]:
    for field in ("effects", "factors", "restarts"):
        parts = getattr(branch, field)
        for i in range(len(parts)):
            fewer: dict[str, Any] = {field: (*parts[:i], *parts[i + 1 :])}
            yield replace(branch, **fewer)
    if branch.condition != TRUE:
        yield replace(branch, condition=TRUE)
    if branch.weight != TRUE:
        yield replace(branch, weight=TRUE)


# ---------------------------------------------------------------------------------------------------- what is read
def _trees(part: Any) -> Iterator[Expression]:
    """Every expression in a declared part."""
    if isinstance(part, Number | Name | Call):
        yield part
    elif isinstance(part, tuple):
        for item in part:
            yield from _trees(item)
    elif hasattr(part, "__dataclass_fields__") and not isinstance(part, Law):
        for field in fields(part):
            yield from _trees(getattr(part, field.name))


def _reads(spec: Spec, name: str, own: Expression | None = None) -> bool:
    """Whether anything but ``own`` reads a name."""
    return any(name in names(tree) for tree in _trees(spec) if tree is not own)


def _unread(spec: Spec) -> Spec:
    """The model without variables, inputs and amounts that nothing reads or changes (one variable is kept)."""
    written = {e.variable for action in spec.actions for branch in action.branches for e in branch.effects}
    kept = tuple(v for v in spec.variables if v.name in written or _reads(spec, v.name)) or spec.variables[:1]
    inputs = tuple(q for q in spec.inputs if _reads(spec, q.name))
    amounts = tuple(q for q in spec.amounts if _reads(spec, q.name))
    return _changed(spec, variables=kept, inputs=inputs, amounts=amounts)


def _replaced(part: Any, name: str, by: Expression) -> Any:
    """The declared part with a name replaced everywhere."""
    if isinstance(part, Name):
        return by if part.name == name else part
    if isinstance(part, tuple):
        return tuple(_replaced(item, name, by) for item in part)
    if hasattr(part, "__dataclass_fields__") and not isinstance(part, Law):
        changed = {field.name: _replaced(getattr(part, field.name), name, by) for field in fields(part)}
        return replace(part, **changed)
    return part
