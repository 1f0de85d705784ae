"""Which values a few variables can have together: a walk over joint states.

Where the values that variables can have one by one (:mod:`sim.model.reach`) do not show that an effect stays within its
bounds, the combinations of those that bear on it may.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product as cartesian
from typing import Final

from sim.model.bound import BoundAction, at_once
from sim.model.expressions import columns
from sim.model.reach import Box, Reach, Values, chosen, guarded, moving, outcome, refine, start_values
from sim.model.spec import Calendar

#: Actions tried in joint states before giving up on looking at every one of them.
_TRIES: Final = 8_000


def stays(reach: Reach, action: BoundAction, branch: int, effect: int) -> bool:
    """Whether an effect is certain never to leave its bounds, going by every joint state that can be reached.

    Looked at are the joint states of the variables that bear on it, each action taken as possible whenever its
    guard may hold; False also where those states are too many.
    """
    column = action.branches[branch].effects[effect].column
    first = {column} | columns(action.guard)
    for one in action.branches if action.choosing else ():
        first |= columns(one.share)
    for seed in (first, first | {c for end in reach.bound.terminal for c in columns(end)}):
        bearing = _bearing(reach, seed)
        if column in bearing:
            leaving = _leaving(reach, bearing)
            if leaving is not None and (action.name, branch, effect) not in leaving:
                return True
    return False


@lru_cache(maxsize=64)
def _leaving(reach: Reach, bearing: tuple[int, ...]) -> frozenset[tuple[str, int, int]] | None:
    return _Joint(reach, bearing).leaving()


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
