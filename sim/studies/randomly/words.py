"""A declared model in a few lines that a person can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sim.model.expressions import TRUE, Call, Expression, Name, Number
from sim.model.laws import Law
from sim.model.spec import Action, Branch, Calendar, Delay, Rate, Spec

_SIGNS: Final = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%", "pow": "**", "lt": "<", "le": "<=",
    "gt": ">", "ge": ">=", "eq": "==", "ne": "!=", "and": "and", "or": "or",
}  # fmt: skip


def written(tree: Expression, *, inside: bool = False) -> str:
    """An expression as text that the parser understands."""
    if isinstance(tree, Number):
        return f"{tree.value:g}" if float(f"{tree.value:g}") == tree.value else repr(tree.value)
    if isinstance(tree, Name):
        return tree.name
    assert isinstance(tree, Call)
    if tree.operation in _SIGNS:
        left, right = (written(argument, inside=True) for argument in tree.arguments)
        text = f"{left} {_SIGNS[tree.operation]} {right}"
        return f"({text})" if inside else text
    if tree.operation in ("neg", "not"):
        sign = "-" if tree.operation == "neg" else "not "
        return f"({sign}{written(tree.arguments[0], inside=True)})"
    return f"{tree.operation}({', '.join(written(argument) for argument in tree.arguments)})"


def law_written(law: Law) -> str:
    """A law with its parameters."""
    text = f"{law.family}({', '.join(f'{p:g}' for p in law.parameters)})"
    return f"{text} + {law.shift:g}" if law.shift else text


def told(spec: Spec) -> list[str]:
    """Lines that tell a model."""
    lines = []
    for v in spec.variables:
        start = law_written(v.start) if isinstance(v.start, Law) else str(v.start)
        lines.append(f"{v.name}: {v.lower} … {'open' if v.upper is None else v.upper}, starts at {start}")
    lines += [f"{q.name} = {law_written(q.law)}" for q in (*spec.inputs, *spec.amounts)]
    lines += [f"milestone {m.name}: {written(m.when)}" for m in spec.milestones]
    lines += [f"ends when {written(tree)}" for tree in spec.terminal]
    for action in spec.actions:
        lines += _action(action)
    return lines


def _action(action: Action) -> Iterator[str]:
    guard = "" if action.guard == TRUE else f" while {written(action.guard)}"
    priority = f", priority {action.priority}" if action.priority else ""
    yield f"{action.name} of {action.actor}: {_clock(action)}{guard}{priority}"
    for branch in action.branches:
        yield f"    {_branch(branch)}"


def _clock(action: Action) -> str:
    clock = action.clock
    if isinstance(clock, Rate):
        base = " + ".join(written(t, inside=True) for t in (clock.base, *clock.terms))
        return f"rate {' x '.join([base, *(written(f, inside=True) for f in clock.factors)])}"
    if isinstance(clock, Delay):
        scale = "" if clock.scale == TRUE else f" x {written(clock.scale, inside=True)}"
        speed = "".join(f" at speed {written(f, inside=True)}" for f in clock.factors)
        age = f", running for {clock.age:g} days" if clock.age else ""
        return f"delay {law_written(clock.law)}{scale}{speed}, memory {clock.memory}{age}"
    return f"on day {clock.time:g}" if isinstance(clock, Calendar) else "at once"


def _branch(branch: Branch) -> str:
    weight = " x ".join(written(w, inside=True) for w in (branch.weight, *branch.factors))
    condition = "" if branch.condition == TRUE else f" if {written(branch.condition)}"
    effects = [
        f"{e.variable} {e.kind} {written(e.value)}{' (saturates)' if e.saturate else ''}" for e in branch.effects
    ]
    restarts = [f"restarts {name}" for name in branch.restarts]
    return f"weight {weight}{condition}: {', '.join([*effects, *restarts]) or 'nothing'}"
