"""Loops that feed on themselves: whether what an open count brings about raises it faster than it fades.

A count with a maximum cannot run away. For open counts that raise one another the mean field x' = gain(x) - loss(x) is
looked at: gain is the speed of every clock that raises x times what it adds, loss that of every rate that lowers it;
a delay counts by its mean length. What happens only while something holds that may fail is not counted as certain.
The loop is stable if there is a level, not below the start, at which no count of the loop grows; otherwise its mean
grows without end. For rate = base + a x with fading at rate d that is a / d >= 1; for rate = b c^x it is
log c > d / (e b). Counts that nothing lowers are let grow by a thousandth a day: what doubles in two years is no
run-away. A run is short, though: what would grow without end, but in the run comes to less than twice what it would
be without feeding on itself, is told apart.

Tensions take part as counts do, measured in pushes and losing decay x (level - what it decays towards): a rate
base + a x of which each event pushes x by p runs away from the branching ratio a p / decay = 1 on, several by the
spectral radius of their ratios. What multiplies a rate may be held where it is and still run away from higher up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product as cartesian
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.model.arithmetic import Floats
from sim.model.bound import Bound, BoundAction, BoundBranch
from sim.model.expressions import Call, Column, Expression, Number, columns
from sim.model.expressions import product as times
from sim.model.intervals import Range, range_of
from sim.model.laws import Law
from sim.model.proofs import OPEN
from sim.model.reach import Box, Reach, chosen, refine, span
from sim.model.spec import Delay, Rate

#: What a count that never fades may gain of itself per day.
_LEAK: Final = 1e-3
_ROUNDS: Final = 60
_LEVELS: Final = (*(float(k) for k in range(1, 100)), *(100.0 * 1.1**k for k in range(170)))  # up to 1e9
#: A level that hardly any history gets to without running away.
_HIGH: Final = 1e4
#: A loop whose gain is its loss, to rounding, is held back by nothing.
_LESS: Final = 1.0 - 1e-9
_CORNERS: Final = 6
#: What runs away within a run comes to so many times what it would be if it did not feed on itself.
_TIMES: Final = 2.0
#: Largest relative change of a level in a step of time, fewest steps of a run, most of them.
_CHANGE: Final = 0.1
_STEPS: Final = 50
_MOST: Final = 2_000


@dataclass(frozen=True)
class Loop:
    """Counts and tensions that raise one another without end, and the actions that do it.

    ``sure``: whatever state everything else is in, as long as the history goes on, with the inputs at their medians.
    If not, it may happen in some states with the ``inputs`` named, at quantiles from 10 % to 90 %. ``slow``: sure in
    the long run, but not within the run.
    """

    counts: tuple[str, ...]
    actions: tuple[str, ...]
    sure: bool
    inputs: tuple[tuple[str, float], ...] = ()
    slow: bool = False


def loops(reach: Reach, until: float = math.inf) -> list[Loop]:
    """Loops that run away: for sure, or for some inputs between their 10 % and 90 % quantiles or in some states.

    ``until``: length of the run in days.
    """
    bound, found = reach.bound, []
    for counts in _circles(reach):
        actions = [a for a in bound.actions if _raises(a, counts, reach) and columns(_speed(bound, a)) & set(counts)]
        names = tuple(bound.names[c] for c in counts)
        acting = tuple(a.name for a in actions)
        read = _inputs_read(reach, counts)
        medians = {c: q for c, (_, q, _) in read.items()}
        if _runs_away(reach, counts, medians, calm=True):
            slow = math.isfinite(until) and not _soon(reach, counts, medians, until)
            found.append(Loop(names, acting, sure=True, slow=slow))
            continue
        for inputs in ([medians], _corners(read)):
            worst = next((i for i in inputs if _may(reach, counts, i)), None)
            if worst is not None:
                shown = tuple((bound.names[c], x) for c, x in worst.items())
                found.append(Loop(names, acting, sure=False, inputs=shown))
                break
    return found


def _speed(bound: Bound, action: BoundAction) -> Expression:
    """Firings per day while the clock of an action runs: of a delay, one per mean requirement."""
    clock = action.action.clock
    if not isinstance(clock, Delay):
        return times(action.speed)
    return Call("div", (times(action.speed), times((bound.bind(clock.scale), Number(_mean(clock.law))))))


@lru_cache(maxsize=256)
def _mean(law: Law) -> float:
    return law.mean_and_median()[0]


@dataclass(frozen=True, slots=True)
class _Push:
    """What a branch does to a count or a tension: its column, how, and with which value."""

    column: int
    kind: str
    value: Expression


def _pushes(bound: Bound, branch: BoundBranch) -> list[_Push]:
    """What a branch does to counts and to tensions."""
    found = [_Push(e.column, e.effect.kind, e.value) for e in branch.effects]
    tensions = {tension.name: bound.moving + i for i, tension in enumerate(bound.spec.tensions)}
    felt = [e for e in branch.branch.effects if e.variable in tensions]
    return [*found, *(_Push(tensions[e.variable], e.kind, bound.bind(e.value)) for e in felt)]


def _runs(action: BoundAction) -> bool:
    """Whether an action has a clock that runs again and again."""
    return isinstance(action.action.clock, Rate | Delay)


def _raises(action: BoundAction, counts: Sequence[int], reach: Reach) -> bool:
    """Whether an action with a clock may raise one of some counts."""
    return _runs(action) and any(
        e.column in counts and _adds(e.kind, e.value, reach)[1] > 0
        for b in action.branches
        for e in _pushes(reach.bound, b)
    )


def _adds(kind: str, value: Expression, reach: Reach) -> tuple[float, float]:
    """Least and largest mean that an effect adds; an effect that is no addition is not counted as one."""
    if kind != "add":
        return 0.0, 0.0
    first = reach.bound.state + len(reach.bound.spec.inputs)
    if isinstance(value, Column) and first <= value.index < reach.bound.moving:
        mean = _mean(reach.bound.spec.amounts[value.index - first].law)
        return mean, mean
    found = range_of(value, reach.box.ranges)
    return (0.0, math.inf) if found.undefined else (found.low, found.high)


def _circles(reach: Reach) -> list[tuple[int, ...]]:
    """Groups of open counts and tensions that raise one another, directly or through others of the group."""
    bound = reach.bound
    open_ = [c for c in range(bound.variables) if bound.upper[c] == OPEN and reach.box.values[c].high == OPEN]
    open_ += range(bound.moving, bound.moving + len(bound.spec.tensions))
    leads: dict[int, set[int]] = {c: set() for c in open_}
    for action in bound.actions:
        if _runs(action) and reach.fires(action) is not None:
            raised = {c for c in open_ if _raises(action, (c,), reach)}
            for c in columns(_speed(bound, action)) & set(open_):
                leads[c] |= raised
    reaches = {c: _closure(c, leads) for c in open_}
    groups = {tuple(sorted(o for o in reaches[c] if c in reaches[o])) for c in open_ if c in reaches[c]}
    return sorted(groups)


def _closure(first: int, leads: Mapping[int, set[int]]) -> set[int]:
    seen, todo = set[int](), [first]
    while todo:
        for c in leads[todo.pop()] - seen:
            seen.add(c)
            todo.append(c)
    return seen


def _inputs_read(reach: Reach, counts: Sequence[int]) -> dict[int, tuple[float, float, float]]:
    """10 %, 50 % and 90 % quantiles of the inputs that bear on some counts, by column."""
    bound = reach.bound
    read: set[int] = set()
    for action in bound.actions:
        for branch in action.branches:
            if any(e.column in counts for e in _pushes(bound, branch)):
                read |= columns(_speed(bound, action)).union(*(columns(b.share) for b in action.branches))
    for tree in _trees(bound, counts):
        read |= columns(tree)
    laws = bound.spec.inputs
    u = np.array([0.1, 0.5, 0.9])
    inside = sorted(c for c in read if bound.state <= c < bound.state + len(laws))
    return {c: tuple(laws[c - bound.state].law.quantile(u).tolist()) for c in inside}


def _trees(bound: Bound, counts: Sequence[int]) -> Iterator[Expression]:
    """Decay of the tensions among some columns, and what they decay towards."""
    for c in counts:
        if c >= bound.moving:
            tension = bound.spec.tensions[c - bound.moving]
            yield from (bound.bind(tension.decay), bound.bind(tension.toward))


def _may(reach: Reach, counts: Sequence[int], inputs: Mapping[int, float]) -> bool:
    """Whether some counts may run away with these inputs; with a tension among them, once they are high."""
    if _runs_away(reach, counts, inputs, calm=False):
        return True
    return max(counts) >= reach.bound.moving and _runs_away(reach, counts, inputs, calm=False, least=_HIGH)


def _corners(read: Mapping[int, tuple[float, float, float]]) -> Iterator[dict[int, float]]:
    """The inputs at their 10 % and 90 % quantiles: all corners of a few, one at a time of many."""
    medians = {c: q for c, (_, q, _) in read.items()}
    if len(read) <= _CORNERS:
        for ends in cartesian(*((low, high) for low, _, high in read.values())):
            yield dict(zip(read, ends, strict=True))
        return
    for c, (low, _, high) in read.items():
        yield {**medians, c: low}
        yield {**medians, c: high}


def _runs_away(
    reach: Reach, counts: Sequence[int], inputs: Mapping[int, float], *, calm: bool, least: float = 1.0
) -> bool:
    """Whether no level at or above the start, and ``least``, stops the growth of some counts.

    ``calm``: with everything else where it makes the counts grow least; else where it makes them grow most.
    """
    field = _Field(reach, counts, inputs, calm=calm)
    start = np.maximum(field.start(), least)
    level = start
    shapes = [np.ones(len(counts))]
    for _ in range(_ROUNDS):
        gain, loss = field.at(level)
        if _held(gain, loss):
            return False
        if not np.isfinite(gain).all() or level.max() > _LEVELS[-1]:
            break
        # The level at which the gain of this one would be balanced, were the loss in proportion to the level.
        level = level * np.clip(gain / np.maximum(loss, 1e-300), 1.0, 4.0)
        shapes.append(level / level.max())
    tried = shapes[:1] if len(counts) == 1 else [*shapes[:3], shapes[-1]]
    return not any(_held(*field.at(np.maximum(shape * size, start))) for shape in tried for size in _LEVELS)


def _soon(reach: Reach, counts: Sequence[int], inputs: Mapping[int, float], until: float) -> bool:
    """Whether some counts that feed on themselves grow large within a run, everything else being as calm as it can.

    Large is twice what they would be if the clocks that raise them went on as without any of them.
    """
    field = _Field(reach, counts, inputs, calm=True, leak=0.0)
    start = field.start()
    none = np.array([max(float(reach.bound.lower[c]), 0.0) if c < reach.bound.moving else 0.0 for c in counts])
    base = field.at(none)[0]
    plain = _flow(lambda x: base - field.at(x)[1], start, until, np.full(len(counts), math.inf))

    def feeding(x: Floats) -> Floats:
        gain, loss = field.at(x)
        return gain - loss

    goal = _TIMES * np.maximum(plain, 1.0)
    return bool((_flow(feeding, start, until, goal) >= goal).any())


def _flow(change: Callable[[Floats], Floats], level: Floats, until: float, goal: Floats) -> Floats:
    """Levels after some days of a change per day (midpoint rule); sooner where one gets to its goal."""
    left = until
    for _ in range(_MOST):
        if left <= 0 or (level >= goal).any():
            break
        slope = change(level)
        if not np.isfinite(slope).all():
            return np.where(np.isfinite(slope), level, goal)
        speed = float((np.abs(slope) / np.maximum(level, 1.0)).max())
        step = min(left, until / _STEPS, _CHANGE / speed if speed > 0 else math.inf)
        middle = change(np.maximum(level + 0.5 * step * slope, 0.0))
        level = np.maximum(level + step * np.where(np.isfinite(middle), middle, slope), 0.0)
        left -= step
    return level


def _held(gain: Floats, loss: Floats) -> bool:
    """Whether every count is kept from growing."""
    return bool(((gain <= _LESS * loss) | (gain == 0)).all())


def _product(*factors: float) -> float:
    """Product in which 0 wins over infinity."""
    return 0.0 if 0.0 in factors else math.prod(factors)


class _Field:
    """Gain and loss of some counts at a level."""

    def __init__(
        self, reach: Reach, counts: Sequence[int], inputs: Mapping[int, float], *, calm: bool, leak: float = _LEAK
    ) -> None:
        self.reach, self.counts, self.calm, self.leak = reach, tuple(counts), calm, leak
        self.restarted = {name for a in reach.bound.actions for b in a.branches for name in b.branch.restarts}
        self.inputs = {c: Range(x, x) for c, x in inputs.items()}
        self.pushes = {a.name: [_pushes(reach.bound, b) for b in a.branches] for a in reach.bound.actions}
        self.concerned = [
            a for a in reach.bound.actions if any(e.column in self.counts for es in self.pushes[a.name] for e in es)
        ]
        # Counts are counted in ones, a tension in its largest push: below that its mean says little.
        self.unit = np.array([1.0 if c < reach.bound.moving else self.push(c) for c in self.counts])
        self.others = {c: self.outside(c) for c in self.tensions() if c not in self.counts}

    def tensions(self) -> range:
        """Columns of the tensions."""
        first = self.reach.bound.moving
        return range(first, first + len(self.reach.bound.spec.tensions))

    def outside(self, column: int) -> Range:
        """Where a tension outside the loop may be: as it starts or is left alone, or anywhere once it can be lowered.

        How high others push it is their loop's affair.
        """
        tension = self.reach.bound.spec.tensions[column - self.reach.bound.moving]
        ranges = {**self.reach.box.ranges, **self.inputs}
        start, toward = (range_of(self.reach.bound.bind(tree), ranges) for tree in (tension.start, tension.toward))
        every = [e for es in self.pushes.values() for branch in es for e in branch if e.column == column]
        rises = all(e.kind == "at_least" or _adds(e.kind, e.value, self.reach)[0] > 0 for e in every)
        return Range(min(start.low, toward.low) if rises else -math.inf, max(start.high, toward.high))

    def push(self, column: int) -> float:
        """The largest push that a tension gets; 1 where that is not known."""
        every = (e for es in self.pushes.values() for branch in es for e in branch if e.column == column)
        largest = max((_adds(e.kind, e.value, self.reach)[1] for e in every), default=1.0)
        return largest if 0 < largest < math.inf else 1.0

    def start(self) -> Floats:
        """Levels at the start, one at least."""
        found, bound = [], self.reach.bound
        for c, unit in zip(self.counts, self.unit.tolist(), strict=True):
            if c < bound.moving:
                low = float(self.reach.box.values[c].low)
            else:
                tree = bound.bind(bound.spec.tensions[c - bound.moving].start)
                low = range_of(tree, {**self.reach.box.ranges, **self.inputs}).low / unit
            found.append(min(max(low, 1.0), _LEVELS[-1]))
        return np.array(found)

    def at(self, level: Floats) -> tuple[Floats, Floats]:
        """(gain, loss) per day of every count, shapes (counts,)."""
        gain = np.zeros(len(self.counts))
        loss = np.zeros(len(self.counts))
        fades = np.zeros(len(self.counts), dtype=bool)
        box = self.reach.box
        for c, x in zip(self.counts, level.tolist(), strict=True):
            box = box.put(c, span(math.floor(x), math.ceil(x))) if c < self.reach.bound.moving else box
        levels = dict(zip(self.counts, (level * self.unit).tolist(), strict=True))
        for action in self.concerned:
            self.add(action, box, levels, (gain, loss, fades))
        for i, (c, x) in enumerate(levels.items()):
            if c >= self.reach.bound.moving:
                self.decay(i, x, gain, loss)
            elif not fades[i]:
                loss[i] += self.leak * x
        return gain / self.unit, loss / self.unit

    def decay(self, i: int, x: float, gain: Floats, loss: Floats) -> None:
        """Add by how much a tension at ``x`` goes towards where it decays to."""
        ranges = {**self.reach.box.ranges, **self.inputs}
        decay, toward = (range_of(tree, ranges) for tree in _trees(self.reach.bound, self.counts[i : i + 1]))
        pace = decay.high if self.calm else max(decay.low, 0.0)
        gap = x - (toward.low if self.calm else toward.high)
        loss[i] += _product(pace, max(gap, 0.0))
        gain[i] += _product(pace, max(-gap, 0.0))

    def add(
        self,
        action: BoundAction,
        box: Box,
        levels: Mapping[int, float],
        totals: tuple[Floats, Floats, NDArray[np.bool_]],
    ) -> None:
        """Add what an action does to gain, loss and whether a count fades."""
        gain, loss, fades = totals
        held = self.reach.holds(action.guard, box)
        if held is None:
            return
        ranges = {**held.ranges, **self.others, **self.inputs, **{c: Range(x, x) for c, x in levels.items()}}
        rate = _runs(action)
        speed = range_of(_speed(self.reach.bound, action), ranges) if rate else Range(0.0, math.inf)
        if isinstance(action.action.clock, Delay) and not columns(_speed(self.reach.bound, action)) & set(self.counts):
            speed = Range(0.0, math.inf if speed.undefined else speed.high)  # of no loop, and perhaps hardly ever
        steady = rate and self.steady(action, box)
        low, high = (0.0, math.inf) if speed.undefined else (max(speed.low, 0.0), max(speed.high, 0.0))
        for branch, effects in zip(action.branches, self.pushes[action.name], strict=True):
            if chosen(action, branch, held) is None:
                continue
            least, most = self.chance(action, branch, ranges)
            for effect in effects:
                if effect.column not in self.counts:
                    continue
                i = self.counts.index(effect.column)
                up, down = self.change(effect.kind, effect.value, levels[effect.column])
                fades[i] = fades[i] or down[1] > 0
                if self.calm:
                    gain[i] += _product(low, least, up[0]) if steady else 0.0
                    # What takes a count down at one stroke, or on a schedule, holds it back however fast it grows.
                    stroke = effect.kind != "add" or not isinstance(action.action.clock, Rate)
                    loss[i] += _product(high, most, down[1], math.inf if stroke else 1.0)
                else:
                    gain[i] += _product(high, most, up[1]) if rate else 0.0
                    loss[i] += _product(low, least, down[0])

    def steady(self, action: BoundAction, box: Box) -> bool:
        """Whether a clock is certain to run on: its guard cannot fail, nothing starts it anew, it does not slow."""
        clock = action.action.clock
        again = isinstance(clock, Delay) and action.name in self.restarted
        slows = isinstance(clock, Rate) and clock.trend is not None and clock.trend.shape < 1
        return not again and not slows and refine(action.guard, box, holds=False) is None

    def change(self, kind: str, value: Expression, x: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Least and largest rise, least and largest fall of a count at ``x`` by an effect."""
        if kind == "add":
            low, high = _adds(kind, value, self.reach)
            return (max(low, 0.0), max(high, 0.0)), (max(-high, 0.0), max(-low, 0.0))
        found = range_of(value, {**self.reach.box.ranges, **self.inputs})
        low, high = (-math.inf, math.inf) if found.undefined else (found.low, found.high)
        fall = (max(x - high, 0.0), max(x - low, 0.0)) if kind != "at_least" else (0.0, 0.0)
        return (0.0, 0.0), fall

    def chance(self, action: BoundAction, branch: BoundBranch, ranges: Mapping[int, Range]) -> tuple[float, float]:
        """Least and largest chance of a branch."""
        if not action.choosing:
            return 1.0, 1.0
        shares = [range_of(b.share, ranges) for b in action.branches]
        if any(s.undefined or s.low < 0 for s in shares):
            return 0.0, 1.0
        own = shares[action.branches.index(branch)]
        others = [s for b, s in zip(action.branches, shares, strict=True) if b is not branch]
        high, low = sum(s.high for s in others), sum(s.low for s in others)
        least = own.low / (own.low + high) if own.low > 0 and math.isfinite(own.low + high) else 0.0
        return least, own.high / (own.high + low) if math.isfinite(own.high) and own.high > 0 else float(own.high > 0)
