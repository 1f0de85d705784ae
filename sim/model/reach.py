"""Which values each variable can have in a history: a fixpoint of interval arithmetic over all that can happen.

From the start values the ranges grow by what every action can do where its guard, the condition and the weight of
a branch can hold, until nothing grows any more. Variables are looked at one by one, so the result is an outer
bound: no history ever leaves it, but not every combination within it occurs. What it shows to be impossible is.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product as cartesian
from typing import Final

from sim.model.bound import Bound, BoundAction, BoundBranch, BoundEffect, at_once
from sim.model.expressions import TRUE, Call, Column, Expression, Number, columns
from sim.model.intervals import Range, range_of
from sim.model.laws import Law, support_of
from sim.model.proofs import OPEN, new_value
from sim.model.spec import Calendar, EffectKind, Spec

#: Up to so many values of a variable are kept apart; beyond that only the smallest and the largest are.
_APART: Final = 32
#: Rounds after which what still grows is taken to grow to its bound.
_PATIENCE: Final = 8
#: Rounds that take back what was taken too far.
_NARROW: Final = 3
#: Largest whole number an effect may give.
_LARGEST: Final = 2**53
#: Actions tried in joint states before giving up on looking at every one of them.
_TRIES: Final = 8_000
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
    _walks: dict[tuple[int, ...], frozenset[tuple[str, int, int]] | None] = field(default_factory=dict, repr=False)

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

    def stays(self, action: BoundAction, branch: int, effect: int) -> bool:
        """Whether an effect is certain never to leave its bounds, going by every joint state that can be reached.

        Looked at are the joint states of the variables that bear on it, each action taken as possible whenever its
        guard may hold; False also where those states are too many.
        """
        column = action.branches[branch].effects[effect].column
        first = {column} | columns(action.guard)
        for one in action.branches if action.choosing else ():
            first |= columns(one.share)
        for seed in (first, first | {c for end in self.bound.terminal for c in columns(end)}):
            chosen_ = _bearing(self, seed)
            if column in chosen_:
                if chosen_ not in self._walks:
                    self._walks[chosen_] = _Joint(self, chosen_).leaving()
                leaving = self._walks[chosen_]
                if leaving is not None and (action.name, branch, effect) not in leaving:
                    return True
        return False

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


# ----------------------------------------------------------------------------------------------------- joint states
def _bearing(reach: Reach, seed: set[int]) -> tuple[int, ...]:
    """State columns of few values that bear on some columns: read by what changes them, directly or through others."""
    bound = reach.bound

    def few(found: set[int]) -> set[int]:
        return {c for c in found if c < bound.state and reach.box.values[c].only is not None}

    have, grown = set[int](), few(seed)
    while grown != have:
        have = set(grown)
        for action in bound.actions:
            written = [e for b in action.branches for e in b.effects if e.column in have]
            if written:
                trees = [action.guard, *action.speed, *(e.value for e in written)]
                trees += [b.share for b in action.branches] if action.choosing else []
                grown |= few({c for tree in trees for c in columns(tree)})
        for i, when in enumerate(bound.milestones):
            if bound.variables + i in have:
                grown |= few(set(columns(when)))
    return tuple(sorted(have))


class _Open(Exception):  # noqa: N818 - no error: the joint states are too many
    """The joint states cannot all be looked at."""


class _Joint:
    """A walk over all joint states of some columns; of the others only their values one by one are known.

    Whatever a history does, the walk does: any clock may be the next to run out, inputs and amounts may be anything,
    dates come in their order. Immediate actions come first, and dates at the very start before them.
    """

    def __init__(self, reach: Reach, chosen_: tuple[int, ...]) -> None:
        self.reach, self.bound, self.columns = reach, reach.bound, chosen_
        inside = set(chosen_)
        actions = self.bound.actions
        order = [
            i
            for i in sorted(range(len(actions)), key=lambda i: (actions[i].action.priority, i))
            if any(e.column in inside for b in actions[i].branches for e in b.effects)
        ]
        self.immediate = [actions[i] for i in order if at_once(actions[i])]
        dates = [(c.time, actions[i]) for i in order if isinstance(c := actions[i].action.clock, Calendar)]
        self.dates = sorted(dates, key=lambda one: one[0])
        dated = {action.name for _, action in dates}
        self.clocks = [actions[i] for i in order if not at_once(actions[i]) and actions[i].name not in dated]
        self.left: set[tuple[str, int, int]] = set()
        self.tries = 0

    def leaving(self) -> frozenset[tuple[str, int, int]] | None:
        """(action, branch, effect) of the effects that leave their bounds in some state; None if not all were seen."""
        try:
            todo = deque((state, 0) for state in self.starts())
            seen = set(todo)
            while todo:
                for after in self.follow(*todo.popleft()):
                    if after not in seen:
                        seen.add(after)
                        todo.append(after)
        except _Open:
            return None
        return frozenset(self.left)

    def starts(self) -> Iterator[tuple[int, ...]]:
        given = start_values(self.bound.spec)
        domains = [_listed(given[c]) if c in given else (0,) for c in self.columns]
        if math.prod(map(len, domains)) > _TRIES:
            raise _Open
        for point in cartesian(*domains):
            yield from self.looked(point)

    def box(self, state: Sequence[int]) -> Box:
        values, ranges = dict(self.reach.box.values), dict(self.reach.box.ranges)
        for column, value in zip(self.columns, state, strict=True):
            values[column] = Values(value, value, frozenset((value,)))
            ranges[column] = values[column].range
        return Box(values, ranges)

    def looked(self, state: Sequence[int]) -> list[tuple[int, ...]]:
        """The states that a state may be once its milestones have been looked at."""
        found = [tuple(state)]
        for i, when in enumerate(self.bound.milestones):
            if self.bound.variables + i in self.columns:
                at = self.columns.index(self.bound.variables + i)
                both = []
                for one in found:
                    box = self.box(one)
                    if one[at] or refine(when, box, holds=False) is not None:
                        both.append(one)
                    if not one[at] and refine(when, box) is not None:
                        both.append((*one[:at], 1, *one[at + 1 :]))
                found = both
        return found

    def follow(self, state: tuple[int, ...], date: int) -> Iterator[tuple[tuple[int, ...], int]]:
        """States that may come next, each with the number of dates that have passed."""
        box = self.box(state)
        if date < len(self.dates):
            time = self.dates[date][0]
            if time == 0.0 or (date > 0 and self.dates[date - 1][0] == time):
                yield from self.pass_date(state, date, box)
                return
        for action in self.immediate:
            yield from ((after, date) for after in self.happen(action, state, box))
            if refine(action.guard, box, holds=False) is None:
                return
        for action in self.clocks:
            yield from ((after, date) for after in self.happen(action, state, box))
        if date < len(self.dates):
            yield from self.pass_date(state, date, box)

    def pass_date(self, state: tuple[int, ...], date: int, box: Box) -> Iterator[tuple[tuple[int, ...], int]]:
        action = self.dates[date][1]
        yield from ((after, date + 1) for after in self.happen(action, state, box))
        if refine(action.guard, box, holds=False) is not None:
            yield state, date + 1

    def happen(self, action: BoundAction, state: tuple[int, ...], box: Box) -> Iterator[tuple[int, ...]]:
        self.tries += 1
        if self.tries > _TRIES:
            raise _Open
        held = guarded(self.bound, action, box)
        held = None if held is None else moving(action, held)
        for i, branch in enumerate(action.branches if held is not None else ()):
            assert held is not None
            found = chosen(action, branch, held)
            if found is not None:
                yield from self.after(action, i, state, found)

    def after(self, action: BoundAction, i: int, state: tuple[int, ...], box: Box) -> Iterator[tuple[int, ...]]:
        """States after a branch; none where an effect is certain to leave its bounds, which ends the history."""
        domains: list[Sequence[int]] = [(value,) for value in state]
        fails = False
        for k, effect in enumerate(action.branches[i].effects):
            if effect.column not in self.columns:
                continue
            low, high = self.bound.lower[effect.column], self.bound.upper[effect.column]
            new = outcome(effect, box)
            kept = None if new is None else new.within(low, high)
            if new is not None and effect.effect.saturate:
                kept = new.clipped(low, high)
            elif new is None or kept != new:
                self.left.add((action.name, i, k))
            if kept is None:
                fails = True
            else:
                domains[self.columns.index(effect.column)] = _listed(kept)
        if not fails:
            if math.prod(map(len, domains)) > _TRIES:
                raise _Open
            for point in cartesian(*domains):
                yield from self.looked(point)


def _listed(values: Values) -> Sequence[int]:
    if values.only is None:
        raise _Open
    return sorted(values.only)
