"""What a declared model means, written a second time: by plain Python, from the declaration, without the engines.

It shares no code with the compiled model (no programs, groups, tables, moves or columns), so that a fault there
cannot hide here. Slow, and meant for small models.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

from sim.model.expressions import Call, Expression, Name, Number, names
from sim.model.laws import Law
from sim.model.spec import Action, Branch, Calendar, Delay, Immediate, Rate, Spec

#: Values of all variables, then of all milestones (0 or 1).
State = tuple[int, ...]
Values = Mapping[str, float]
Reading = Callable[[Values], float]
#: Immediate actions that follow each other at one instant before a model counts as endless.
_INSTANT: Final = 30


class Meaningless(ValueError):  # noqa: N818 - the name says what is the matter
    """A model that this part cannot give a meaning to; the message says why."""


def _divided(a: float, b: float) -> float:
    return a / b if b else math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a)


_OPERATIONS: Final[dict[str, Callable[..., float]]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": _divided,
    "floordiv": lambda a, b: math.floor(_divided(a, b)),
    "mod": lambda a, b: a - b * math.floor(_divided(a, b)),
    "pow": lambda a, b: float(a) ** b,
    "neg": operator.neg,
    "lt": lambda a, b: float(a < b),
    "le": lambda a, b: float(a <= b),
    "gt": lambda a, b: float(a > b),
    "ge": lambda a, b: float(a >= b),
    "eq": lambda a, b: float(a == b),
    "ne": lambda a, b: float(a != b),
    "and": lambda a, b: float(bool(a) and bool(b)),
    "or": lambda a, b: float(bool(a) or bool(b)),
    "not": lambda a: float(not a),
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "min": min,
    "max": max,
}


def reading(tree: Expression) -> Reading:
    """A function from values by name to the value of an expression."""
    if isinstance(tree, Number):
        number = tree.value
        return lambda values: number
    if isinstance(tree, Name):
        name = tree.name
        return lambda values: values[name]
    if not isinstance(tree, Call):
        raise Meaningless("a bound expression; give the one that was declared")
    parts = [reading(argument) for argument in tree.arguments]
    if tree.operation == "where":
        condition, yes, no = parts
        return lambda values: yes(values) if condition(values) else no(values)
    function = _OPERATIONS[tree.operation]
    if len(parts) == 1:
        only = parts[0]
        return lambda values: function(only(values))
    first, second = parts
    return lambda values: function(first(values), second(values))


@dataclass(frozen=True, eq=False)
class Does:
    """An action with its expressions made into functions."""

    action: Action
    guard: Reading
    base: Reading
    factors: tuple[Reading, ...]
    weights: tuple[tuple[Reading, tuple[Reading, ...]], ...]
    effects: tuple[tuple[tuple[str, str, Reading], ...], ...]

    def speed(self, values: Values) -> float:
        """Speed of its clock, 0 where the guard fails."""
        if not self.guard(values):
            return 0.0
        return self.base(values) * math.prod(factor(values) for factor in self.factors)

    def chances(self, values: Values) -> list[float]:
        """Chance of each branch."""
        weights = [
            math.prod(w(values) for w in parts) if condition(values) else 0.0 for condition, parts in self.weights
        ]
        return [weight / sum(weights) for weight in weights]


def _does(action: Action) -> Does:
    clock = action.clock
    base: Expression = Number(1.0)
    factors: tuple[Expression, ...] = ()
    if isinstance(clock, Rate):
        base, factors = clock.base, clock.factors
        for term in clock.terms:
            base = Call("add", (base, term))
    elif isinstance(clock, Delay):
        factors = clock.factors
    return Does(
        action,
        reading(action.guard),
        reading(base),
        tuple(reading(f) for f in factors),
        tuple((reading(b.condition), tuple(reading(w) for w in (b.weight, *b.factors))) for b in action.branches),
        tuple(tuple((e.variable, e.kind, reading(e.value)) for e in b.effects) for b in action.branches),
    )


class Meaning:
    """A declared model as functions of its state."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.names = (*(v.name for v in spec.variables), *(m.name for m in spec.milestones))
        self.actions = [_does(action) for action in spec.actions]
        self.place = {name: i for i, name in enumerate(self.names)}
        self.milestones = [reading(m.when) for m in spec.milestones]
        self.terminal = [reading(tree) for tree in spec.terminal]
        self.constants = dict(spec.constants)
        # Ties: lower priority first, then declared order.
        order = sorted(range(len(spec.actions)), key=lambda i: (spec.actions[i].priority, i))
        self.immediate = [i for i in order if isinstance(spec.actions[i].clock, Immediate)]
        self.calendar = [i for i in order if isinstance(spec.actions[i].clock, Calendar)]

    def fixed_inputs(self) -> dict[str, float]:
        """Values of inputs that are fixed. Raises Meaningless where one is drawn."""
        for quantity in self.spec.inputs:
            if quantity.law.family != "fixed":
                raise Meaningless(f"the input {quantity.name} is drawn")
        return {q.name: q.law.parameters[0] + q.law.shift for q in self.spec.inputs}

    def values(self, state: State, inputs: Values) -> dict[str, float]:
        """Values by name in a state."""
        return {**self.constants, **inputs, **dict(zip(self.names, state, strict=True))}

    def started(self, start: tuple[int, ...], inputs: Values) -> State:
        """The first state, milestones looked at, from the values of the variables."""
        return self.looked((*start, *(0 for _ in self.milestones)), inputs)

    def looked(self, state: State, inputs: Values) -> State:
        """The state with the milestones that hold by now."""
        for i, when in enumerate(self.milestones, len(self.spec.variables)):
            if not state[i] and when(self.values(state, inputs)):
                state = (*state[:i], 1, *state[i + 1 :])
        return state

    def ended(self, state: State, inputs: Values) -> bool:
        """Whether a terminal condition holds."""
        return any(when(self.values(state, inputs)) for when in self.terminal)

    def after(self, action: int, branch: int, state: State, inputs: Values, amounts: Values) -> State:
        """The state after an action took a branch; every effect reads the state before."""
        values, new = {**self.values(state, inputs), **amounts}, list(state)
        for name, kind, value in self.actions[action].effects[branch]:
            place = self.place[name]
            old, number = state[place], value(values)
            ends = {"at_least": max(old, number), "at_most": min(old, number)}
            found = {"add": old + number, "set": number, **ends}[kind]
            variable = self.spec.variables[place]
            found = max(found, variable.lower)
            new[place] = int(found if variable.upper is None else min(found, variable.upper))
        return self.looked(tuple(new), inputs)

    def starts(self) -> Iterator[tuple[float, tuple[int, ...]]]:
        """Chance and values of the variables of each start."""
        lists = [points(v.start) if isinstance(v.start, Law) else [(1.0, v.start)] for v in self.spec.variables]
        for chosen in product(*lists):
            yield math.prod(chance for chance, _ in chosen), tuple(int(value) for _, value in chosen)

    def outcomes(self, action: int, state: State, inputs: Values) -> Iterator[tuple[float, State]]:
        """Chance and state after an action, over its branches and amounts."""
        laws = {q.name: q.law for q in self.spec.amounts}
        chances = self.actions[action].chances(self.values(state, inputs))
        for branch, chance in enumerate(chances):
            used = sorted(_names(self.spec.actions[action].branches[branch]) & set(laws))
            for drawn in product(*(points(laws[name]) for name in used)) if chance else ():
                amounts = {name: value for name, (_, value) in zip(used, drawn, strict=True)}
                yield chance * math.prod(p for p, _ in drawn), self.after(action, branch, state, inputs, amounts)

    def settled(
        self, state: State, inputs: Values, fired: tuple[int, ...] = (), chance: float = 1.0
    ) -> Iterator[tuple[float, State, tuple[int, ...]]]:
        """What immediate actions make of a state: chance, state, and the actions fired on the way."""
        if len(fired) > _INSTANT:
            raise Meaningless("immediate actions set each other off without an end")
        if not self.ended(state, inputs):
            values = self.values(state, inputs)
            for action in self.immediate:
                if self.actions[action].guard(values):
                    for part, new in self.outcomes(action, state, inputs):
                        yield from self.settled(new, inputs, (*fired, action), chance * part)
                    return
        yield chance, state, fired

    def dated(
        self, time: float, state: State, inputs: Values, due: list[int] | None = None, fired: tuple[int, ...] = ()
    ) -> Iterator[tuple[float, State, tuple[int, ...]]]:
        """What the calendar actions of a time make of a state, and the immediate actions after the last of them."""
        if due is None:
            due = [i for i in self.calendar if self.date(i) == time]
        if not due or self.ended(state, inputs):
            yield from self.settled(state, inputs, fired)
            return
        action, later = due[0], due[1:]
        if not self.actions[action].guard(self.values(state, inputs)):
            yield from self.dated(time, state, inputs, later, fired)
            return
        for chance, new in self.outcomes(action, state, inputs):
            for rest, last, all_fired in self.dated(time, new, inputs, later, (*fired, action)):
                yield chance * rest, last, all_fired

    def date(self, action: int) -> float:
        """Date of a calendar action, in days after the start."""
        clock = self.spec.actions[action].clock
        assert isinstance(clock, Calendar)
        return clock.time


def points(law: Law) -> list[tuple[float, float]]:
    """Chance and value of everything that a law with few values may give."""
    if law.family == "fixed":
        return [(1.0, law.parameters[0] + law.shift)]
    if law.family != "choice":
        raise Meaningless(f"{law.family} has more values than can be listed")
    values, weights = law.parameters[0::2], law.parameters[1::2]
    return [(weight, value + law.shift) for value, weight in zip(values, weights, strict=True)]


def _names(branch: Branch) -> set[str]:
    return set().union(*(names(effect.value) for effect in branch.effects)) if branch.effects else set()
