"""States that some history is certain to be able to reach, and what goes wrong in them.

Where ranges cannot exclude a negative speed, a weight that is no number or an effect out of its bounds, a walk looks
for a witness: from the start states along actions that can come first whatever the others do. An action whose clock
can be as short as it likes (a rate, most delays) comes first with some probability; an immediate action comes first
for certain, and after it a delay of no length; dates and delays with a least length are left out, so that not every
reachable state is found, but every one found is reachable. A fault found counts only if its path can be gone with the
inputs of the fault.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import islice
from itertools import product as cartesian
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.model.arithmetic import Floats
from sim.model.bound import Bound, BoundAction, BoundBranch, BoundEffect, at_once, dated
from sim.model.expressions import (
    TRUE,
    Call,
    Expression,
    Number,
    Program,
    columns,
    compile_program,
    evaluate,
    evaluate_scalar,
    is_whole,
)
from sim.model.expressions import product as times
from sim.model.intervals import range_of
from sim.model.joint import stays
from sim.model.laws import Law, support_of
from sim.model.proofs import OPEN, new_value
from sim.model.reach import Box, Reach, chosen, moving, outcome, refine
from sim.model.spec import Calendar, Delay

#: Share of the draws of an input, at either end, that is not looked at.
TAIL: Final = 1e-6
#: States looked at in the order of their distance from the start, and in each direction of a variable.
STATES: Final = 120
_AHEAD: Final = 60
_DIRECTIONS: Final = 6
#: Points at which uncertain inputs are tried: the median, an even spread, and the ends.
_SPREAD: Final = 64
_CORNERS: Final = 6
_AMOUNTS: Final = np.array([0.5, 0.1, 0.9])
_INSTANT: Final = 1_000
#: States tried to find one that a guard allows.
_TRIED: Final = 20_000
#: Families whose draws come as close to 0 as one likes and as far from it.
_FREE: Final = ("exponential", "lognormal", "gamma", "weibull", "hyperexponential")

What = Literal["speed", "weight", "weights", "effect"]
State = tuple[int, ...]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Suspect:
    """Something that ranges cannot prove sound: of an action, its branch (-1: none) and its effect (-1: none)."""

    what: What
    action: int
    branch: int = -1
    effect: int = -1


@dataclass(frozen=True)
class Fault:
    """A suspect found guilty: its ``value``, the state and inputs ``where``, and the actions that lead there."""

    suspect: Suspect
    value: float
    where: str
    path: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """Faults with a witness, and groups of immediate actions that follow one another for ever."""

    faults: tuple[Fault, ...]
    endless: tuple[tuple[str, ...], ...]


def suspects(reach: Reach) -> list[Suspect]:
    """What the ranges of a model leave open, but for what depends on a tension or the time: a run has to show that."""
    bound, found = reach.bound, []

    def moves(*trees: Expression) -> bool:
        return any(c >= bound.moving for tree in trees for c in columns(tree))

    def whole(column: int) -> bool:
        law = None if column < bound.state else _law_of(bound, column)
        return law is None or (law.discrete and all(v == math.floor(v) for v in (*_choices(law), law.shift)))

    for i, action in enumerate(bound.actions):
        held = reach.ready(action)
        if held is None:
            continue
        speed = range_of(times(action.speed), held.ranges)
        if (speed.undefined or speed.low < 0 or math.isinf(speed.high)) and not moves(*action.speed):
            found.append(Suspect("speed", i))
        fires = moving(action, held)
        if fires is None:
            continue
        steady = not moves(*(branch.share for branch in action.branches))
        none = fires if action.choosing and steady else None  # the states in which no branch can be chosen
        for j, branch in enumerate(action.branches):
            taken = chosen(action, branch, fires)
            if action.choosing:
                inside = refine(branch.condition, fires)
                size = None if inside is None else range_of(times(branch.weight), inside.ranges)
                if steady and size is not None and (size.undefined or size.low < 0 or math.isinf(size.high)):
                    found.append(Suspect("weight", i, j))
                none = None if none is None else refine(Call("eq", (branch.share, Number(0.0))), none)
            for k, effect in enumerate(branch.effects if taken is not None else ()):
                assert taken is not None
                if moves(effect.value):
                    continue
                new = outcome(effect, taken)
                low, high = bound.lower[effect.column], bound.upper[effect.column]
                above = new is not None and new.high > high and high != OPEN
                outside = new is None or new.low < low or above
                if not is_whole(effect.value, whole) or (outside and not effect.effect.saturate):
                    found.append(Suspect("effect", i, j, k))
        if none is not None:
            found.append(Suspect("weights", i))
    return found


def search(reach: Reach) -> Findings:
    """Faults that a history can run into, each with a witness; nothing is walked where ranges prove all sound."""
    open_ = suspects(reach)
    if not open_ and not _may_circle(reach):
        return Findings((), ())
    return _Walk(reach.bound, open_).run()


def allowed(reach: Reach, action: BoundAction, branch: BoundBranch, effect: BoundEffect) -> str | None:
    """A state, in words, in which the guard lets a constant effect leave its bounds; None if none is found.

    Every value of the state can be reached, though perhaps not all at once: the guard has to exclude it, unless every
    joint state has been looked at and the effect leaves its bounds in none.
    """
    bound, value, column = reach.bound, effect.value, effect.column
    low, high, kind = bound.lower[column], bound.upper[column], effect.effect.kind
    if effect.effect.saturate or not isinstance(value, Number) or value.value != math.floor(value.value):
        return None
    new = outcome(effect, reach.box)
    inside = new is not None and low <= new.low and (high == OPEN or new.high <= high)
    box = None if inside else reach.follows(action, branch)
    if box is None:
        return None
    have = box.values[column]
    ends = have.only or {have.low, have.high, max(low, have.low), min(high, have.high)}
    leaving = [v for v in sorted(ends) if not low <= new_value(kind, v, int(value.value)) <= min(high, OPEN)]
    if high == OPEN:
        leaving = [v for v in leaving if new_value(kind, v, int(value.value)) < low]
    condition = branch.condition if action.choosing else TRUE
    trees = (action.guard, condition)
    reads = sorted({c for tree in trees for c in columns(tree)} | {column})
    domains = [leaving if c == column else _some_of(reach, box, c) for c in reads]
    programs = [compile_program(tree) for tree in trees]
    programs += [compile_program(Call("not", (tree,))) for tree in bound.terminal if columns(tree) <= set(reads)]
    for point in islice(cartesian(*domains), _TRIED):
        values = dict(zip(reads, map(float, point), strict=True))
        if all(evaluate_scalar(program, values) != 0 for program in programs):
            if stays(reach, action, action.branches.index(branch), branch.effects.index(effect)):
                return None
            return ", ".join(bound.said(c, v) for c, v in values.items())
    return None


def _some_of(reach: Reach, box: Box, column: int) -> Sequence[float]:
    """Values at which a column is tried: all where they are few, else the ends and some between."""
    if column in box.values:
        have = box.values[column]
        if have.only is not None:
            return sorted(have.only)
        return [have.low, have.high, *range(have.low + 1, min(have.low + 32, have.high))]
    law = _law_of(reach.bound, column)
    return [float(x) for x in law.quantile(np.array([0.5, 0.1, 0.9]))]


def _law_of(bound: Bound, column: int) -> Law:
    return (*bound.spec.inputs, *bound.spec.amounts)[column - bound.state].law


def _choices(law: Law) -> Sequence[float]:
    return law.parameters[0::2] if law.family == "choice" else ()


def _may_circle(reach: Reach) -> bool:
    """Whether immediate actions may follow one another in a circle."""
    actions = [a for a in reach.bound.actions if at_once(a)]
    follows: dict[str, set[str]] = {a.name: set() for a in actions}
    for action in actions:
        held = reach.ready(action)
        for branch in action.branches if held is not None else ():
            assert held is not None
            after = chosen(action, branch, held)
            for effect in branch.effects:
                new = None if after is None else outcome(effect, after)
                if after is not None and new is not None:
                    low, high = reach.bound.lower[effect.column], reach.bound.upper[effect.column]
                    after = after.put(effect.column, new.clipped(low, high))
            for column in range(reach.bound.variables, reach.bound.state):
                after = None if after is None else after.put(column, reach.box.values[column])
            follows[action.name] |= {b.name for b in actions if after is not None and refine(b.guard, after)}
    for first in follows:
        seen, todo = set[str](), [first]
        while todo:
            for name in follows[todo.pop()] - seen:
                seen.add(name)
                todo.append(name)
        if first in seen:
            return True
    return False


def can_be_short(action: BoundAction) -> bool:
    """Whether a clock can be shorter than any other, so that the action can come next whatever else is due."""
    clock = action.action.clock
    if not isinstance(clock, Delay):
        return not dated(action)
    free = clock.law.family in _FREE and clock.law.shift == 0.0
    return free or (clock.law.family == "uniform" and clock.law.parameters[0] + clock.law.shift == 0.0)


def _elapsed(bound: Bound, action: BoundAction) -> bool:
    """Whether a delay that has been running may be over at the start, so that it comes before what has no age."""
    clock = action.action.clock
    if not isinstance(clock, Delay) or clock.age <= 0:
        return False
    scale = range_of(bound.bind(clock.scale), bound.box)
    return scale.undefined or support_of(clock.law)[1] * max(scale.low, 0.0) <= clock.age


@dataclass(frozen=True)
class _Step:
    """How a state was reached: from which, by which action and branch, with which amounts."""

    before: State
    action: int
    branch: int
    amounts: tuple[float, ...]


@dataclass
class _Walk:
    """A walk over states in the order of their distance from the start."""

    bound: Bound
    open: list[Suspect]
    came: dict[State, _Step | None] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    endless: dict[tuple[str, ...], None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        spec, bound = self.bound.spec, self.bound
        laws = [q.law for q in spec.inputs]
        self.even = _even(laws)
        self.points = self.even
        self.median = self.even[0].tolist()
        self.first_amount = bound.state + len(laws)
        #: Tensions and the time as they are at the start, for the speeds of what may come next.
        at = dict(enumerate(self.median, bound.state))
        starts = [compile_program(bound.bind(tension.start)) for tension in spec.tensions]
        self.moving = [*(evaluate_scalar(start, at) for start in starts), 0.0]
        self.amounts = np.array([q.law.quantile(_AMOUNTS) for q in spec.amounts]).reshape(-1, _AMOUNTS.size).T
        self.milestones = [compile_program(tree) for tree in bound.milestones]
        self.terminal = [compile_program(tree) for tree in bound.terminal]
        ranked = sorted(range(len(bound.actions)), key=lambda i: (bound.actions[i].action.priority, i))
        self.immediate = [i for i in ranked if at_once(bound.actions[i])]
        delays = [(i, c) for i in ranked if isinstance(c := bound.actions[i].action.clock, Delay)]
        # Lengths that may be 0 for certain, with some inputs or with all: scale, and whether the law gives 0 alone.
        self.delays = [(i, compile_program(bound.bind(c.scale)), support_of(c.law)[1] == 0.0) for i, c in delays]
        self.clocks = [i for i in ranked if i not in self.immediate and can_be_short(bound.actions[i])]
        if any(_elapsed(bound, bound.actions[i]) for i, _ in delays):
            self.clocks = []
        self.days = [i for i in ranked if _day(bound.actions[i]) == 0.0]

    # ------------------------------------------------------------------------------------------------------ walking
    def run(self) -> Findings:
        todo: deque[State] = deque()
        for start in self.starts():
            self.came[start] = None
            todo.append(start)
        while todo and len(self.came) < STATES:
            todo.extend(self.visit(todo.popleft()))
        # Then towards the ends of the variables on which it depends.
        columns_ = sorted({c for s in self.open for c in self.reads(s) if c < self.bound.variables})
        for column, sign in cartesian(columns_[:_DIRECTIONS], (1, -1)):
            frontier = [(sign * state[column], i, state) for i, state in enumerate(todo)]
            heapify(frontier)
            for _ in range(_AHEAD if self.open else 0):
                if frontier:
                    for after in self.visit(heappop(frontier)[2]):
                        heappush(frontier, (sign * after[column], len(self.came), after))
        return Findings(tuple(self.faults), tuple(self.endless))

    def visit(self, state: State) -> list[State]:
        """Look for faults in a state; gives the states that it leads to and that were not seen before."""
        if self.over(state):
            return []
        able = self.able(state, self.median)
        for suspect in list(self.open):
            fault = self.tried(suspect, state, able)
            if fault is not None:
                self.faults.append(fault)
                self.open.remove(suspect)
        if able and at_once(self.bound.actions[able[0]]):
            circle = self.circle(state)
            if circle:
                self.endless[circle] = None
        new = []
        for action in able:
            for branch, amounts, after in self.outcomes(action, state, self.median):
                if after not in self.came:
                    self.came[after] = _Step(state, action, branch, amounts)
                    new.append(after)
        return new

    def starts(self) -> Iterator[State]:
        """Start states; actions dated at the very start have happened."""
        domains = []
        for variable in self.bound.spec.variables:
            law = variable.start
            if isinstance(law, int):
                domains.append([law])
            else:
                u = np.array([0.5, 0.05, 0.95]) if law.family != "choice" else (np.arange(64) + 0.5) / 64
                domains.append(sorted({int(v) for v in law.quantile(u)}))
        for chosen_ in islice(cartesian(*domains), STATES // 4):
            states = [self.looked((*chosen_, *(0 for _ in self.milestones)), self.median)]
            for day in self.days:
                states = [s for state in states for s in self.day(day, state)]
            yield from (s for s in states if s not in self.came)

    def day(self, action: int, state: State) -> list[State]:
        guard = self.bound.actions[action].programs[0]
        if self.over(state) or evaluate_scalar(guard, self.values(state, self.median)) == 0:
            return [state]
        return [after for _, _, after in self.outcomes(action, state, self.median)]

    def values(self, state: State, inputs: Sequence[float]) -> list[float]:
        return [*map(float, state), *inputs, *(0.0 for _ in self.bound.spec.amounts), *self.moving]

    def looked(self, state: State, inputs: Sequence[float]) -> State:
        """The state with the milestones that it brings."""
        values = self.values(state, inputs)
        for i, program in enumerate(self.milestones):
            column = self.bound.variables + i
            if not values[column] and evaluate_scalar(program, values) != 0:
                values[column] = 1.0
        return tuple(int(v) for v in values[: self.bound.state])

    def over(self, state: State) -> bool:
        values = self.values(state, self.median)
        return any(evaluate_scalar(program, values) != 0 for program in self.terminal)

    def able(self, state: State, inputs: Sequence[float]) -> list[int]:
        """Actions that can come next: the first immediate one, the first delay of no length, or every clock."""
        values = self.values(state, inputs)
        for i in self.immediate:
            if evaluate_scalar(self.bound.actions[i].programs[0], values) != 0:
                return [i]
        for i, scale, zero in self.delays:
            guard, speed = self.bound.actions[i].programs
            at_once_ = zero or evaluate_scalar(scale, values) == 0
            if at_once_ and evaluate_scalar(guard, values) != 0 and evaluate_scalar(speed, values) > 0:
                return [i]
        running = []
        for i in self.clocks:
            guard, speed = self.bound.actions[i].programs
            if evaluate_scalar(guard, values) != 0 and 0 < evaluate_scalar(speed, values) < math.inf:
                running.append(i)
        return running

    def outcomes(
        self, action: int, state: State, inputs: Sequence[float]
    ) -> Iterator[tuple[int, tuple[float, ...], State]]:
        """(branch, amounts, state after) of an action that happens; what would be an error is left out."""
        found = self.bound.actions[action]
        shares = [evaluate_scalar(b.program, self.values(state, inputs)) for b in found.branches]
        if found.choosing and not all(0 <= share < math.inf for share in shares):
            return
        for j, branch in enumerate(found.branches):
            if found.choosing and not shares[j] > 0:
                continue
            reads = any(self.first_amount <= c < self.bound.moving for e in branch.effects for c in columns(e.value))
            for amounts in self.amounts if reads else [np.zeros(len(self.bound.spec.amounts))]:
                after = self.after(branch, state, inputs, amounts.tolist())
                if after is not None:
                    yield j, tuple(amounts.tolist()), after

    def after(
        self, branch: BoundBranch, state: State, inputs: Sequence[float], amounts: Sequence[float]
    ) -> State | None:
        values = [*map(float, state), *inputs, *amounts]
        new = list(state)
        for effect in branch.effects:
            number = evaluate_scalar(effect.program, values)
            if not abs(number) < 2.0**53 or number != math.floor(number):
                return None
            value = new_value(effect.effect.kind, state[effect.column], int(number))
            low, high = self.bound.lower[effect.column], self.bound.upper[effect.column]
            if not effect.effect.saturate and not low <= value <= high:
                return None
            new[effect.column] = min(max(value, low), high)
        return self.looked(tuple(new), inputs)

    def circle(self, state: State) -> tuple[str, ...]:
        """Names of the immediate actions that go on for ever from a state; empty if they can come to rest."""
        seen, todo, names = {state}, [state], dict[str, None]()
        while todo:
            here = todo.pop()
            able = [] if self.over(here) else self.able(here, self.median)
            if not able or not at_once(self.bound.actions[able[0]]) or len(seen) > _INSTANT:
                return ()
            names[self.bound.actions[able[0]].name] = None
            after = [s for _, _, s in self.outcomes(able[0], here, self.median)]
            if not after:
                return ()
            for one in after:
                if one not in seen:
                    seen.add(one)
                    todo.append(one)
        return tuple(sorted(names))

    # ------------------------------------------------------------------------------------------------------- trying
    def tried(self, suspect: Suspect, state: State, able: Sequence[int]) -> Fault | None:
        """The fault of a suspect in a state, if some inputs bring it about and the state can be reached with them."""
        found = self.bound.actions[suspect.action]
        if suspect.what != "speed" and suspect.action not in able:
            return None
        self.points = self.with_corners(sorted(self.reads(suspect)))
        guard, speed = (self.over_points(program, state) for program in found.programs)
        if suspect.what == "speed":
            value, bad = speed, (guard != 0) & (~(speed >= 0) | np.isinf(speed))
        else:
            value, bad = self.bad_choice(suspect, found, state)
            bad = bad & (guard != 0) & (speed > 0)
        for place in np.flatnonzero(bad)[:8]:
            inputs = self.points[place].tolist()
            path = self.path(state, inputs)
            if path is not None:
                return Fault(suspect, float(value[place]), self.described(suspect, state, inputs), path)
        return None

    def with_corners(self, read: Sequence[int]) -> Floats:
        """The even points, and the corners of the inputs that are read, the others at their medians."""
        read = [c - self.bound.state for c in read if self.bound.state <= c < self.first_amount][:_CORNERS]
        if not read:
            return self.even
        laws = self.bound.spec.inputs
        ends = [laws[i].law.quantile(np.array([TAIL, 1 - TAIL])) for i in read]
        corners = np.repeat(self.even[:1], 2 ** len(read), axis=0)
        corners[:, read] = np.array(list(cartesian(*ends)))
        return np.concatenate([self.even, corners])

    def bad_choice(self, suspect: Suspect, found: BoundAction, state: State) -> tuple[Floats, Flags]:
        shares = [self.over_points(branch.program, state) for branch in found.branches]
        if suspect.what == "weight":
            share = shares[suspect.branch]
            return share, ~(share >= 0) | np.isinf(share)
        total = np.sum(shares, axis=0)
        if suspect.what == "weights":
            return total, ~(np.min(shares, axis=0) < 0) & (total == 0)
        taken = (shares[suspect.branch] > 0) if found.choosing else np.ones(total.shape, dtype=bool)
        effect = found.branches[suspect.branch].effects[suspect.effect]
        low, high = self.bound.lower[effect.column], self.bound.upper[effect.column]
        value, bad = np.zeros(total.shape), np.zeros(total.shape, dtype=bool)
        for amounts in self.amounts if self.amounts.size else [np.zeros(0)]:
            number = self.over_points(effect.program, state, amounts)
            for place in np.flatnonzero(taken & ~bad):
                one = float(number[place])
                sound = abs(one) < 2.0**53 and one == math.floor(one)
                new = new_value(effect.effect.kind, state[effect.column], int(one)) if sound else 0
                if not sound or not (effect.effect.saturate or low <= new <= high):
                    value[place], bad[place] = (float(new) if sound else one), True
        return value, bad

    def over_points(self, program: Program, state: State, amounts: Floats | None = None) -> Floats:
        """Values of a program in a state at every point of the inputs."""

        def column(c: int) -> Floats | float:
            if c < self.bound.state:
                return np.float64(state[c])
            if c < self.first_amount:
                return self.points[:, c - self.bound.state]
            if c >= self.bound.moving:
                return np.float64(self.moving[c - self.bound.moving])
            return np.float64(0.0 if amounts is None else amounts[c - self.first_amount])

        return np.broadcast_to(evaluate(program, column), self.points.shape[:1])

    def path(self, state: State, inputs: Sequence[float]) -> tuple[str, ...] | None:
        """Actions that lead to a state, if they can with these inputs; else None."""
        names: list[str] = []
        while (step := self.came[state]) is not None:
            action = self.bound.actions[step.action]
            if step.action not in self.able(step.before, inputs):
                return None
            if (step.branch, step.amounts, state) not in list(self.outcomes(step.action, step.before, inputs)):
                return None
            names.append(action.name)
            state = step.before
        if self.days and list(inputs) != self.median:
            return None  # what happened at the very start was worked out for the medians
        return tuple(reversed(names))

    def reads(self, suspect: Suspect) -> set[int]:
        """Columns that matter to a suspect."""
        action = self.bound.actions[suspect.action]
        reads = columns(action.guard) | (columns(times(action.speed)) if suspect.what == "speed" else set())
        branches = action.branches if suspect.what == "weights" else action.branches[suspect.branch :][:1]
        for branch in branches if suspect.what != "speed" and action.choosing else ():
            reads |= columns(branch.share)
        if suspect.what == "effect":
            effect = action.branches[suspect.branch].effects[suspect.effect]
            reads |= {effect.column} | columns(effect.value)
        return reads

    def described(self, suspect: Suspect, state: State, inputs: Sequence[float]) -> str:
        """The state and inputs that matter to a suspect, in words."""
        reads = self.reads(suspect)
        values = [*map(float, state), *inputs]
        return ", ".join(self.bound.said(c, values[c]) for c in sorted(reads) if c < len(values))


def _day(action: BoundAction) -> float | None:
    clock = action.action.clock
    return clock.time if isinstance(clock, Calendar) else None


def _even(laws: Sequence[Law]) -> Floats:
    """Points at which inputs are tried, shape (points, inputs): the median first, then an even spread."""
    if not laws:
        return np.zeros((1, 0))
    n = len(laws)
    # Additive recurrence by powers of the root of x^(n + 1) = x + 1: spreads evenly for any number of inputs.
    root = 2.0
    for _ in range(30):
        root = (1.0 + root) ** (1.0 / (n + 1))
    even = (0.5 + np.outer(np.arange(1, _SPREAD + 1), root ** -np.arange(1.0, n + 1))) % 1.0
    u = np.concatenate([np.full((1, n), 0.5), np.clip(even, TAIL, 1 - TAIL)])
    return np.stack([law.quantile(u[:, i]) for i, law in enumerate(laws)], axis=1)
