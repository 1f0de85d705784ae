"""A specification with its names turned into columns: what the analyses before a run look at.

Columns are numbered as in the compiled model: variables, milestones, inputs, amounts, tensions, the time. Of tensions
nothing is taken as known, and effects on them are left out: they decide speeds and weights, never what can hold.
Nothing is checked here that :func:`sim.model.compiled.compile_model` checks; a specification that does not compile
raises its errors there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.model.expressions import (
    TRUE,
    Call,
    Column,
    Expression,
    Number,
    Program,
    bind,
    columns,
    compile_program,
    product,
)
from sim.model.intervals import ANYTHING, Range
from sim.model.laws import Law
from sim.model.proofs import OPEN
from sim.model.spec import TIME, Action, Branch, Calendar, Delay, Effect, Immediate, Rate, Spec


@dataclass(frozen=True, eq=False)
class BoundEffect:
    """An effect with the column that it changes."""

    column: int
    effect: Effect
    value: Expression

    @cached_property
    def program(self) -> Program:
        """Program of the value."""
        return compile_program(self.value)


@dataclass(frozen=True, eq=False)
class BoundBranch:
    """A branch; ``weight`` are its factors."""

    branch: Branch
    condition: Expression
    weight: tuple[Expression, ...]
    effects: tuple[BoundEffect, ...]

    @property
    def share(self) -> Expression:
        """Weight times factors, 0 where the condition fails."""
        whole = product(self.weight)
        return whole if self.condition == TRUE else Call("where", (self.condition, whole, Number(0.0)))

    @cached_property
    def program(self) -> Program:
        """Program of the share."""
        return compile_program(self.share)


@dataclass(frozen=True, eq=False)
class BoundAction:
    """An action; ``speed`` are base + terms and then the factors of a rate, or the factors of a delay.

    ``choosing``: there are several branches, so that conditions and weights count. A branch that stands alone always
    follows.
    """

    action: Action
    guard: Expression
    speed: tuple[Expression, ...]
    branches: tuple[BoundBranch, ...]
    reads: frozenset[int]

    @property
    def name(self) -> str:
        """Name of the action."""
        return self.action.name

    @property
    def choosing(self) -> bool:
        """Whether one of several branches is chosen."""
        return len(self.branches) > 1

    @cached_property
    def programs(self) -> tuple[Program, Program]:
        """Programs of guard and speed."""
        return compile_program(self.guard), compile_program(product(self.speed))


@dataclass(frozen=True, eq=False)
class Bound:
    """A specification over columns. ``box`` has the ranges of inputs and amounts; state columns come first."""

    spec: Spec
    names: tuple[str, ...]
    lower: tuple[int, ...]
    upper: tuple[int, ...]
    box: Mapping[int, Range]
    meanings: Mapping[str, Expression]
    levels: Mapping[str, tuple[str, ...]]
    milestones: tuple[Expression, ...]
    terminal: tuple[Expression, ...]
    actions: tuple[BoundAction, ...]

    @property
    def moving(self) -> int:
        """The first of the columns that change between events: the tensions, then the time."""
        return self.state + len(self.spec.inputs) + len(self.spec.amounts)

    @property
    def variables(self) -> int:
        """Number of variables."""
        return len(self.spec.variables)

    @property
    def state(self) -> int:
        """Number of variables and milestones: columns below this are state."""
        return len(self.lower)

    def bind(self, tree: Expression) -> Expression:
        """A tree over names turned into one over columns."""
        return bind(tree, self.meanings, self.levels)

    def said(self, column: int, value: float) -> str:
        """A value of a column in the words of its variable: ``talks = open``."""
        if column < self.variables:
            variable = self.spec.variables[column]
            word = variable.levels[int(value)] if 0 <= value < len(variable.levels) else f"{value:.15g}"
            return f"{variable.name} = {word}"
        if column < self.state:
            return f"{self.names[column]} = {'yes' if value else 'no'}"
        return f"{self.names[column]} = {value:.4g}"


def bind_spec(spec: Spec, loose: Iterable[str] = (), *, tail: float = 2.0**-53) -> Bound:
    """The specification over columns; of the inputs and constants named ``loose`` nothing is taken as known.

    Inputs and amounts range from their quantile at ``tail`` to that at 1 - ``tail``: by default all that can be drawn.

    Raises ExpressionError for a name without a meaning.
    """
    loose = frozenset(loose)
    ordered = [v.name for v in spec.variables] + [m.name for m in spec.milestones]
    first = len(ordered)
    ordered += [q.name for q in (*spec.inputs, *spec.amounts)]
    box: dict[int, Range] = {}
    for i, quantity in enumerate((*spec.inputs, *spec.amounts)):
        box[first + i] = ANYTHING if quantity.name in loose else drawn_range(quantity.law, tail)
    tensions = [tension.name for tension in spec.tensions]
    ordered += [*tensions, TIME.name]
    constants = dict(spec.constants)
    ordered += [name for name in constants if name in loose]
    meanings: dict[str, Expression] = {name: Number(value) for name, value in constants.items() if name not in loose}
    meanings |= {name: Column(i) for i, name in enumerate(ordered)}
    levels = {v.name: v.levels for v in spec.variables if v.levels}
    milestones = tuple(bind(m.when, meanings, levels) for m in spec.milestones)
    terminal = tuple(bind(tree, meanings, levels) for tree in spec.terminal)
    always = {c for tree in terminal for c in columns(tree)}
    place = {v.name: i for i, v in enumerate(spec.variables)}

    def action(given: Action) -> BoundAction:
        guard = bind(given.guard, meanings, levels)
        clock = given.clock
        speed: list[Expression] = []
        if isinstance(clock, Rate):
            base = bind(clock.base, meanings, levels)
            for term in clock.terms:
                base = Call("add", (base, bind(term, meanings, levels)))
            speed.append(base)
        if isinstance(clock, Rate | Delay):
            speed += [bind(factor, meanings, levels) for factor in clock.factors]
        branches = tuple(
            BoundBranch(
                branch,
                bind(branch.condition, meanings, levels),
                tuple(bind(w, meanings, levels) for w in (branch.weight, *branch.factors)),
                tuple(
                    BoundEffect(place[e.variable], e, bind(e.value, meanings, levels))
                    for e in branch.effects
                    if e.variable not in tensions
                ),
            )
            for branch in given.branches
        )
        trees = [guard, *speed, *(t for b in branches for t in (b.condition, *b.weight, *(e.value for e in b.effects)))]
        reads = always | {c for tree in trees for c in columns(tree)}
        reads |= {e.column for b in branches for e in b.effects}
        for i in reversed(range(len(milestones))):  # a milestone not reached tells of what it waits for
            reads |= columns(milestones[i]) if len(spec.variables) + i in reads else set()
        return BoundAction(given, guard, tuple(speed), branches, frozenset(c for c in reads if c < first))

    return Bound(
        spec=spec,
        names=tuple(ordered),
        lower=(*(v.lower for v in spec.variables), *(0 for _ in milestones)),
        upper=(*(OPEN if v.upper is None else v.upper for v in spec.variables), *(1 for _ in milestones)),
        box=box,
        meanings=meanings,
        levels=levels,
        milestones=milestones,
        terminal=terminal,
        actions=tuple(action(a) for a in spec.actions),
    )


def drawn_range(law: Law, tail: float = 2.0**-53) -> Range:
    """Smallest and largest number that a draw can be, but for the tails."""
    if law.family == "choice":  # the values stand in any order
        return Range(law.shift + min(law.parameters[0::2]), law.shift + max(law.parameters[0::2]))
    ends = law.quantile(np.array([tail, 1.0 - tail]))
    return Range(float(ends.min()), float(ends.max()))


def at_once(action: BoundAction) -> bool:
    """Whether an action has no clock."""
    return isinstance(action.action.clock, Immediate)


def dated(action: BoundAction) -> bool:
    """Whether an action is tied to a date."""
    return isinstance(action.action.clock, Calendar)
