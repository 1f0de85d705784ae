"""What is asked about variables that change between events, from what is known at events alone.

The engines see such a variable x when something happens and where it is observed, and neither wait for it nor integrate
it. Two questions can be answered exactly by a follower, a number that every event renews:

- a condition that nothing can bring about between events (x > 2 where x falls to 1) is looked at after each event;
- an integral of a(state) + b(state) x: between events x moves from y to z at the decay d towards the level c, and the
  integral over such a time u is (a + b c) u + b (y - z) / d. Added up, the integral up to a time is that of a + b c,
  plus what the events added to b x / d and its start, less b x / d at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from sim.model.expressions import ZERO, Call, Column, Expression, Name, Number, bind, fold, is_whole
from sim.model.spec import TIME, Action, Branch, Effect, Tension, Variable
from sim.studies.oracles.expressions import Unsupported, names_of

_ONE: Final = Number(1.0)
_ORDER: Final = ("lt", "le", "gt", "ge")


@dataclass(frozen=True)
class Follower:
    """A number that events renew: whether ``of`` holds after them, or the sum of what they added to ``of``."""

    name: str
    of: Expression
    kind: Literal["holds", "sum"]
    start: float

    @property
    def variable(self) -> Variable | None:
        """Where a condition is kept."""
        return Variable(self.name, 0, 1, int(self.start)) if self.kind == "holds" else None

    @property
    def tension(self) -> Tension | None:
        """Where a sum is kept."""
        return Tension(self.name, ZERO, Number(self.start)) if self.kind == "sum" else None

    def followed(self, action: Action) -> Action:
        """The action with the effect that renews the follower."""
        return replace(action, branches=tuple(self._followed(branch) for branch in action.branches))

    def _followed(self, branch: Branch) -> Branch:
        if not names_of(self.of) & {effect.variable for effect in branch.effects}:
            return branch
        new = after(self.of, branch.effects)
        if self.kind == "holds":
            effect = Effect(self.name, "set", fold(Call("ne", (new, ZERO))))
        else:
            effect = Effect(self.name, "add", fold(Call("sub", (new, self.of))))
        return replace(branch, effects=(*branch.effects, effect))


def substituted(tree: Expression, values: Mapping[str, Expression]) -> Expression:
    """The tree with some of its names replaced."""
    if isinstance(tree, Name):
        return values.get(tree.name, tree)
    if isinstance(tree, Call):
        return fold(Call(tree.operation, tuple(substituted(a, values) for a in tree.arguments)))
    return tree


def after(tree: Expression, effects: Sequence[Effect]) -> Expression:
    """What a tree will be after effects that set or add, in terms of the state before."""
    new = {e.variable: e.value if e.kind == "set" else Call("add", (Name(e.variable), e.value)) for e in effects}
    return substituted(tree, new)


def at_start(tree: Expression, variables: Sequence[Variable], tensions: Sequence[Tension]) -> float:
    """The value of a tree at the start. Raises Unsupported where it has none."""
    starts: dict[str, Expression] = {t.name: t.start for t in tensions}
    for variable in variables:
        assert isinstance(variable.start, int)
        starts[variable.name] = Number(float(variable.start))
    value = substituted(tree, starts)
    if not isinstance(value, Number):
        raise Unsupported("it has no value at the start")
    return value.value


# ---------------------------------------------------------------------------------------------------- linear forms
#: Coefficients by name, the rest under "".
_Linear = dict[str, Expression]


def linear(tree: Expression, moving: Mapping[str, Tension]) -> _Linear | None:
    """A tree as a sum of ``moving`` names with coefficients that are free of them; None where it is no such sum."""
    if not names_of(tree) & moving.keys():
        return {"": tree}
    if isinstance(tree, Name):
        return {tree.name: _ONE}
    assert isinstance(tree, Call)
    parts = [linear(argument, moving) for argument in tree.arguments]
    if any(part is None for part in parts):
        return None
    known = [part for part in parts if part is not None]
    free = [part.keys() == {""} for part in known]
    operation = tree.operation
    if operation in ("add", "sub"):
        return _merged(operation, known[0], known[1])
    if operation == "neg":
        return {name: fold(Call("neg", (each,))) for name, each in known[0].items()}
    if operation == "mul" and any(free):
        factor, rest = (known[0][""], known[1]) if free[0] else (known[1][""], known[0])
        return {name: fold(Call("mul", (factor, each))) for name, each in rest.items()}
    if operation == "div" and free[1]:
        return {name: fold(Call("div", (each, known[1][""]))) for name, each in known[0].items()}
    if operation == "where" and free[0]:
        test, one, other = known
        return {
            name: fold(Call("where", (test[""], one.get(name, ZERO), other.get(name, ZERO))))
            for name in dict.fromkeys([*one, *other])
        }
    return None


def _merged(operation: str, one: _Linear, other: _Linear) -> _Linear:
    """Sum or difference of two linear forms."""
    return {
        name: fold(Call(operation, (one.get(name, ZERO), other.get(name, ZERO))))
        for name in dict.fromkeys([*one, *other])
    }


def _number(tree: Expression) -> float:
    return tree.value if isinstance(tree, Number) else math.nan


@dataclass(frozen=True)
class Integral:
    """An integral up to a time: that of ``steady`` (state alone), plus the follower of ``moved``, less ``moved``."""

    steady: Expression
    moved: Expression


def integral_of(tree: Expression, moving: Mapping[str, Tension]) -> Integral | None:
    """The integral of a tree by its linear form, if it has one and all its names decay."""
    found = linear(tree, moving)
    if found is None or TIME.name in names_of(tree):
        return None
    steady, moved = found.pop("", ZERO), None
    for name, factor in found.items():
        decay, level = _number(moving[name].decay), moving[name].toward
        if not decay > 0:
            return None
        steady = fold(Call("add", (steady, fold(Call("mul", (factor, level))))))
        part = fold(Call("div", (fold(Call("mul", (factor, Name(name)))), Number(decay))))
        moved = part if moved is None else Call("add", (moved, part))
    return None if moved is None else Integral(steady, moved)


# -------------------------------------------------------------------------------------------------------- conditions
def comes_between(tree: Expression, moving: Mapping[str, Tension], *, to: bool = True) -> bool:
    """Whether a condition may become true (``to``; else false) between events.

    A comparison with one variable moves towards where it ends; what has not held there can only begin to hold when it
    holds at that end.
    """
    names = names_of(tree)
    if TIME.name in names:
        return True
    if all(_number(moving[name].decay) == 0 for name in names & moving.keys()):
        return False
    if not isinstance(tree, Call):
        return True
    if tree.operation in ("and", "or"):
        return any(comes_between(part, moving, to=to) for part in tree.arguments)
    if tree.operation == "not":
        return comes_between(tree.arguments[0], moving, to=not to)
    if tree.operation not in _ORDER:
        return True
    found = linear(Call("sub", (tree.arguments[0], tree.arguments[1])), moving)
    if found is None:
        return True
    rest = found.pop("", ZERO)
    if len(found) != 1:
        return True
    [(name, factor)] = found.items()
    end = _number(rest) + _number(factor) * _number(moving[name].toward)
    rising = tree.operation in ("gt", "ge")
    # The end itself is not reached: there a strict and a weak comparison are the same from either side.
    return not (end <= 0 if rising == to else end >= 0)


def parts_of(tree: Expression) -> list[Expression]:
    """The conditions that a condition is made of by "and"."""
    if isinstance(tree, Call) and tree.operation == "and":
        return [part for argument in tree.arguments for part in parts_of(argument)]
    return [tree]


def surely_whole(tree: Expression, whole: Iterable[str]) -> bool:
    """Whether a tree over names is certain to be a whole number if those of ``whole`` are."""
    names, known = sorted(names_of(tree)), set(whole)
    bound = bind(tree, {name: Column(i) for i, name in enumerate(names)})
    return is_whole(bound, lambda column: names[column] in known)
