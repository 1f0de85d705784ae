"""Which values each variable can have in a history: a fixpoint of interval arithmetic over all that can happen.

From the start values the ranges grow by what every action can do where its guard, the condition and the weight of
a branch can hold, until nothing grows any more. Variables are looked at one by one, so the result is an outer
bound: no history ever leaves it, but not every combination within it occurs. What it shows to be impossible is.
:mod:`sim.model.joint` looks at combinations where that matters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from sim.model.bound import Bound, BoundAction, BoundBranch, BoundEffect
from sim.model.expressions import TRUE, Call, Column, Expression, Number, columns
from sim.model.intervals import Range, range_of
from sim.model.laws import Law, support_of
from sim.model.proofs import OPEN, new_value
from sim.model.spec import EffectKind, Spec

#: Up to so many values of a variable are kept apart; beyond that only the smallest and the largest are.
_APART: Final = 32
#: Rounds after which what still grows is taken to grow to its bound.
_PATIENCE: Final = 8
#: Rounds that take back what was taken too far.
_NARROW: Final = 3
#: Largest whole number an effect may give.
_LARGEST: Final = 2**53
_NOT_ZERO: Final = Number(0.0)


@dataclass(frozen=True, slots=True)
class Values:
    """Whole numbers ``low … high``; ``only`` these where they are few."""

    low: int
    high: int
    only: frozenset[int] | None = None

    @property
    def range(self) -> Range:
        """The smallest interval around them."""
        return Range(float(self.low), float(self.high))

    def join(self, other: Values) -> Values:
        """Everything in either."""
        if self.only is not None and other.only is not None:
            return some(self.only | other.only)
        return span(min(self.low, other.low), max(self.high, other.high))

    def within(self, low: int, high: int) -> Values | None:
        """What lies in ``low … high``."""
        if self.only is not None:
            kept = frozenset(v for v in self.only if low <= v <= high)
            return some(kept) if kept else None
        low, high = max(low, self.low), min(high, self.high)
        return span(low, high) if low <= high else None

    def clipped(self, low: int, high: int) -> Values:
        """All of them, those outside ``low … high`` moved to its ends."""
        if self.only is not None:
            return some(frozenset(min(max(v, low), high) for v in self.only))
        return span(min(max(self.low, low), high), max(min(self.high, high), low))


def some(values: frozenset[int]) -> Values:
    """Just these values, or the interval around them where they are many."""
    low, high = min(values), max(values)
    return Values(low, high, values if len(values) <= _APART else None)


def span(low: int, high: int) -> Values:
    """All whole numbers from ``low`` to ``high``."""
    return Values(low, high, frozenset(range(low, high + 1)) if high - low < _APART else None)


class Box:
    """Values of the state columns, and the ranges of all columns for interval arithmetic. Never changed in place."""

    __slots__ = ("ranges", "values")

    def __init__(self, values: Mapping[int, Values], ranges: Mapping[int, Range]) -> None:
        self.values = dict(values)
        self.ranges = dict(ranges)

    def put(self, column: int, values: Values) -> Box:
        """The box with other values of one column."""
        box = Box(self.values, self.ranges)
        box.values[column] = values
        box.ranges[column] = values.range
        return box

    def join(self, other: Box) -> Box:
        """The smallest box around both."""
        box = Box(self.values, self.ranges)
        for column, values in other.values.items():
            if values != box.values[column]:
                joined = values.join(box.values[column])
                box.values[column], box.ranges[column] = joined, joined.range
        return box


def refine(tree: Expression, box: Box, *, holds: bool = True) -> Box | None:
    """The part of a box in which a condition can hold (or fail); None where it certain that it cannot."""
    if isinstance(tree, Call) and tree.operation == "not":
        return refine(tree.arguments[0], box, holds=not holds)
    if isinstance(tree, Call) and tree.operation in ("and", "or"):
        left, right = tree.arguments
        first = refine(left, box, holds=holds)
        if (tree.operation == "and") == holds:
            return None if first is None else refine(right, first, holds=holds)
        second = refine(right, box, holds=holds)
        return second if first is None else first if second is None else first.join(second)
    tree = tree if holds else Call("not", (tree,))
    found = range_of(tree, box.ranges)
    if found.surely_false:
        return None
    if found.surely_true:
        return box
    for column in columns(tree):
        if column in box.values:
            kept = _kept(tree, box, column)
            if kept is None:
                return None
            if kept != box.values[column]:
                box = box.put(column, kept)
    return box


def _kept(tree: Expression, box: Box, column: int) -> Values | None:
    """Values of a column at which a condition is not certain to fail."""
    ranges = dict(box.ranges)

    def fails(low: int, high: int) -> bool:
        ranges[column] = Range(float(low), float(high))
        return range_of(tree, ranges).surely_false

    have = box.values[column]
    if have.only is not None:
        kept = frozenset(v for v in have.only if not fails(v, v))
        return some(kept) if kept else None
    low, high = have.low, have.high
    if fails(low, low):
        good, bad = high, low  # all from low to bad fail
        while good - bad > 1:
            middle = (good + bad) // 2
            good, bad = (good, middle) if fails(low, middle) else (middle, bad)
        low = bad + 1
    if fails(high, high):
        good, bad = low, high
        while bad - good > 1:
            middle = (good + bad) // 2
            good, bad = (good, middle) if fails(middle, high) else (middle, bad)
        high = bad - 1
    return span(low, high) if low <= high else None


def whole_values(tree: Expression, box: Box) -> Values | None:
    """Whole numbers that an expression can give over a box; None if it gives none."""
    if isinstance(tree, Column) and tree.index in box.values:
        return box.values[tree.index]
    reads = columns(tree)
    if len(reads) == 1:
        (column,) = reads
        only = box.values[column].only if column in box.values else None
        if only is not None and len(only) > 1:
            parts = [whole_values(tree, box.put(column, some(frozenset((v,))))) for v in only]
            found = None
            for part in parts:
                found = part if found is None else found if part is None else found.join(part)
            return found
    limits = range_of(tree, box.ranges)
    low, high = (-math.inf, math.inf) if limits.undefined else (limits.low, limits.high)
    least = math.ceil(max(low, -float(_LARGEST)))
    most = math.floor(min(high, float(_LARGEST)))
    return span(least, most) if least <= most else None


def _combined(kind: EffectKind, old: Values, value: Values) -> Values:
    """Values after an effect, before the bounds."""
    if kind == "set":
        return value
    if old.only is not None and value.only is not None and len(old.only) * len(value.only) <= 4 * _APART:
        return some(frozenset(new_value(kind, a, b) for a in old.only for b in value.only))
    return span(new_value(kind, old.low, value.low), new_value(kind, old.high, value.high))


@dataclass(frozen=True, eq=False)
class Reach:
    """What can be reached: ``box`` holds the values of every state column, as far as they can be told apart."""

    bound: Bound
    box: Box
    _known: dict[tuple[str, str], Box | None] = field(default_factory=dict, repr=False)

    def holds(self, tree: Expression, box: Box | None = None) -> Box | None:
        """The reached states in which a bound condition can hold, or None."""
        return refine(tree, self.box if box is None else box)

    def ready(self, action: BoundAction) -> Box | None:
        """The reached states in which the guard of an action can hold and the history goes on, or None."""
        key = ("ready", action.name)
        if key not in self._known:
            self._known[key] = guarded(self.bound, action, self.box)
        return self._known[key]

    def fires(self, action: BoundAction) -> Box | None:
        """The reached states in which an action can happen, or None."""
        key = ("fires", action.name)
        if key not in self._known:
            box = self.ready(action)
            self._known[key] = None if box is None else moving(action, box)
        return self._known[key]

    def follows(self, action: BoundAction, branch: BoundBranch) -> Box | None:
        """The reached states in which a branch can follow, or None."""
        box = self.fires(action)
        return None if box is None else chosen(action, branch, box)

    @cached_property
    def never(self) -> tuple[BoundAction, ...]:
        """Actions whose guard holds in no reached state."""
        return tuple(action for action in self.bound.actions if self.ready(action) is None)

    def said(self, column: int) -> str:
        """The values of a column in words: ``talks is closed or open``, ``strikes is 0 … 5``."""
        name, values = self.bound.names[column], self.box.values[column]
        few = sorted(values.only) if values.only is not None and len(values.only) <= 3 else None
        if few is not None:
            words = [self.bound.said(column, v).split(" = ")[1] for v in few]
            return f"{name} is {'always ' if len(words) == 1 else ''}{' or '.join(words)}"
        shown = [self.bound.said(column, v).split(" = ")[1] for v in (values.low, values.high)]
        return f"{name} is {shown[0]} or more" if values.high == OPEN else f"{name} is {shown[0]} … {shown[1]}"


def guarded(bound: Bound, action: BoundAction, box: Box) -> Box | None:
    """The part of a box in which the guard of an action can hold and the history goes on."""
    found = refine(action.guard, box)
    for end in bound.terminal:
        found = None if found is None else refine(end, found, holds=False)
    return None if found is None else waiting(bound, found, box)


def waiting(bound: Bound, found: Box, before: Box) -> Box | None:
    """A box in which milestones have been found not to be reached yet: what they wait for does not hold either."""
    box: Box | None = found
    for i, when in enumerate(bound.milestones):
        column = bound.variables + i
        if box is not None and box.values[column].high == 0 and before.values[column].high == 1:
            box = refine(when, box, holds=False)
    return box


def moving(action: BoundAction, box: Box) -> Box | None:
    """The part of a box in which the clock of an action can run: no factor of its speed is 0."""
    found: Box | None = box
    for factor in action.speed:
        if found is not None and factor != TRUE:
            found = refine(Call("ne", (factor, _NOT_ZERO)), found)
    return found


def chosen(action: BoundAction, branch: BoundBranch, box: Box) -> Box | None:
    """The part of a box in which a branch can be chosen; one that stands alone always is."""
    if not action.choosing:
        return box
    found = refine(branch.condition, box)
    for weight in branch.weight:
        if found is not None and weight != TRUE:
            found = refine(Call("ne", (weight, _NOT_ZERO)), found)
    return found


def results(bound: Bound, branch: BoundBranch, box: Box) -> list[tuple[int, Values]]:
    """Values of the changed columns after a branch; none if some effect is certain to leave its bounds."""
    made = []
    for effect in branch.effects:
        new = outcome(effect, box)
        if new is not None:
            low, high = bound.lower[effect.column], bound.upper[effect.column]
            new = new.clipped(low, high) if effect.effect.saturate else new.within(low, high)
        if new is None:
            return []
        made.append((effect.column, new))
    return made


def outcome(effect: BoundEffect, box: Box) -> Values | None:
    """Values of a variable after an effect, before its bounds; None if the effect gives no whole number."""
    value = whole_values(effect.value, box)
    return None if value is None else _combined(effect.effect.kind, box.values[effect.column], value)


def start_values(spec: Spec) -> dict[int, Values]:
    """Values that the variables can start with."""
    found = {}
    for i, variable in enumerate(spec.variables):
        start = variable.start
        if isinstance(start, Law) and start.family == "choice" and len(start.parameters) <= 2 * _APART:
            found[i] = some(frozenset(int(start.shift + v) for v in start.parameters[0::2]))
        elif isinstance(start, Law):
            low, high = support_of(start)
            upper = OPEN if variable.upper is None else variable.upper
            found[i] = span(math.floor(low), upper if math.isinf(high) else math.ceil(high))
        else:
            found[i] = some(frozenset((start,)))
    return found


def reach(bound: Bound, starts: Mapping[int, Values] | None = None) -> Reach:
    """What a model can reach from its start values, or from wider ``starts`` (variable -> values)."""
    return _Search(bound, {**start_values(bound.spec), **(starts or {})}).run()


class _Search:
    """Working memory of one search."""

    def __init__(self, bound: Bound, starts: dict[int, Values]) -> None:
        self.bound = bound
        nothing = some(frozenset((0,)))
        starts |= {bound.variables + i: nothing for i in range(len(bound.milestones))}
        ranges = {**bound.box, **{column: values.range for column, values in starts.items()}}
        self.start = self.pass_milestones(Box(starts, ranges))
        #: What each action did when it was last looked at, and with which values of what it reads.
        self.known: dict[str, tuple[tuple[Values, ...], list[tuple[int, Values]]]] = {}

    def run(self) -> Reach:
        box, turn, widened = self.start, 0, False
        while True:
            grown = self.step(box)
            if grown.values == box.values:
                break
            turn += 1
            if turn > _PATIENCE:
                grown = self.widen(box, grown)
                widened = True
            box = grown
        for _ in range(_NARROW if widened else 0):
            # Whatever is reached lies in the box, so it lies in what one more step from there gives.
            smaller = self.step(self.start, box)
            if smaller.values == box.values:
                break
            box = smaller
        return Reach(self.bound, box)

    def step(self, onto: Box, box: Box | None = None) -> Box:
        """``onto`` joined with all that can follow from the states of ``box``, or from what it has grown to itself."""
        for action in self.bound.actions:
            before = onto
            for column, values in self.done(action, onto if box is None else box):
                have = onto.values[column]
                joined = have.join(values)
                if joined != have:
                    onto = onto.put(column, joined)
            onto = onto if onto is before else self.pass_milestones(onto)
        return onto

    def done(self, action: BoundAction, box: Box) -> list[tuple[int, Values]]:
        key = tuple(box.values[column] for column in sorted(action.reads))
        known = self.known.get(action.name)
        if known is None or known[0] != key:
            known = key, list(self.doings(action, box))
            self.known[action.name] = known
        return known[1]

    def doings(self, action: BoundAction, box: Box) -> Iterator[tuple[int, Values]]:
        held = guarded(self.bound, action, box)
        held = None if held is None else moving(action, held)
        if held is None:
            return
        for branch in action.branches:
            found = chosen(action, branch, held)
            if found is not None:
                yield from results(self.bound, branch, found)

    def pass_milestones(self, box: Box) -> Box:
        both = span(0, 1)
        for i, when in enumerate(self.bound.milestones):
            column = self.bound.variables + i
            if box.values[column].high == 0 and refine(when, box) is not None:
                box = box.put(column, both)
        return box

    def widen(self, before: Box, after: Box) -> Box:
        """What has grown again, taken to its bound at once."""
        for column, values in list(after.values.items()):
            old = before.values[column]
            low = self.bound.lower[column] if values.low < old.low else values.low
            high = self.bound.upper[column] if values.high > old.high else values.high
            if high - low >= _APART and (low, high) != (values.low, values.high):
                after = after.put(column, span(low, high))
        return after
