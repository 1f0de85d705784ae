"""Reference engine: one SimPy process per actor, one history at a time; the one to read and to watch.

Each actor waits for the earliest of its own due times. When somebody changes a variable it reads, it is
interrupted and re-times its clocks. Everything the step says is here in plain Python: due times, branches, effects,
milestones, re-timing, fresh requirements. An event's time is the model's due time, never ``env.now``, and events
are put into SimPy's queue at that time with the rank of their action, so that ties are decided by the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from heapq import heappush
from typing import Any, Final

import numpy as np
import simpy

from sim.engines import faults, units
from sim.engines.interface import (
    AT_HORIZON,
    RAN_AWAY,
    TERMINAL,
    Log,
    Plan,
    Rows,
    empty_rows,
)
from sim.engines.watching import bin_of
from sim.model import draws
from sim.model.between import decayed_scalar, elapsed_scalar, operational_scalar
from sim.model.compiled import (
    BOUND_SLACK,
    LEAST_WORK,
    MAX_INSTANT,
    MAX_SPEED,
    BranchRow,
    EffectRow,
    Group,
    Model,
)
from sim.model.expressions import evaluate_scalar
from sim.model.proofs import new_value
from sim.model.spec import Trend
from sim.model.thinning import Jump, Thinning

#: Requirements drawn ahead for every clock of a replication: one call of the generator instead of many.
_AHEAD: Final = 16
#: Replications whose inputs and first requirements are drawn together.
_BLOCK: Final = 64
NEVER: Final = math.inf


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: in which replication of the plan, on which day, by which row and branch.

    ``changes`` holds (column, old, new) of every effect.
    """

    position: int
    time: float
    row: int
    branch: BranchRow
    changes: tuple[tuple[int, int, int], ...]


Listener = Callable[[Event], None]


def simulate(model: Model, plan: Plan, listener: Listener | None = None) -> Rows:
    """Simulate the replications of a plan one after another; ``listener`` hears of every event.

    Raises SimulationError when a history reaches a state where a speed, weight or effect has no meaning.
    """
    rows = empty_rows(model, plan)
    keys = units.keys_for(model, plan.seed)
    shape = _Shape(model)
    log: list[tuple[int, float, int, int]] = []

    def keep(event: Event) -> None:
        log.append((event.position, event.time, event.row, event.branch.number))
        if listener is not None:
            listener(event)

    hear = keep if plan.log else listener
    for start in range(0, plan.size, _BLOCK):
        positions = range(start, min(start + _BLOCK, plan.size))
        block = _Block(model, shape, keys, plan, slice(positions.start, positions.stop))
        for position in positions:
            history = _History(model, plan, shape, block, position - start, position=position, listener=hear)
            history.run()
            history.write(rows, position)
    for counts in rows.occupancy:
        np.cumsum(counts, axis=0, out=counts)
    if not plan.log:
        return rows
    columns = [np.array(column) for column in zip(*log, strict=True)] if log else [np.zeros(0)] * 4
    kept = Log(
        columns[0].astype(np.int64),
        columns[1].astype(np.float64),
        columns[2].astype(np.int64),
        columns[3].astype(np.int64),
    )
    return replace(rows, log=kept)


class _Due(simpy.Environment):
    """SimPy's environment with one addition: an event at a given time and rank instead of after a delay."""

    def at(self, time: float, rank: int) -> simpy.Event:
        event = simpy.Event(self)
        event._ok, event._value = True, None  # triggered, as a Timeout is
        # Interrupts (priority 0) at the same time come first; then actions by rank.
        entry: Any = (time, rank + 2, next(self._eid), event)
        heappush(self._queue, entry)
        return event


class _Block:
    """Inputs, starts, scales and first requirements of some replications."""

    def __init__(self, model: Model, shape: _Shape, keys: units.Keys, plan: Plan, which: slice) -> None:
        self.inputs = units.draw_inputs(model, keys, plan.inputs[which])
        self.starts = units.draw_starts(model, keys, plan.inputs[which])
        self.histories = plan.histories[which]
        self.scales = units.scales(model, self.inputs)
        self.keys = keys
        self.tables = {id(g): units.unit_table(model, g, self.inputs).T.tolist() for g in shape.unit_groups}
        count = self.histories.size
        unit = np.repeat(self.histories.astype(np.uint64), _AHEAD)
        k = np.tile(np.arange(_AHEAD, dtype=np.uint64), count)
        first = units.first_work(model, keys, self.histories, self.scales)
        self.work: list[list[list[float]]] = []
        for i, row in enumerate(model.rows):
            if row.kind in ("calendar", "immediate"):
                self.work.append([[] for _ in range(count)])
                continue
            u = draws.uniform(keys.rows[:, [i]], unit, k, draws.REQUIREMENT)
            scale = np.repeat(self.scales[i], _AHEAD) if i in self.scales else None
            values = units.requirement(model, i, u, scale, first=False).reshape(count, _AHEAD)
            values[:, 0] = first[i]
            self.work.append(values.tolist())


class _Shape:
    """Tables of the model as Python lists, and who reads what."""

    def __init__(self, model: Model) -> None:
        self.indices: dict[tuple[int, ...], int] = {}
        self.users: dict[int, list[tuple[int, int]]] = {c: [] for c in range(model.first_input)}
        self.offsets: list[int] = []
        self.tables: dict[int, list[float]] = {}
        self.unit_groups: list[Group] = []
        for row in model.rows:
            for group in (*row.speed, *([row.guard] if row.guard else [])):
                if group.table is not None:
                    self.tables[id(group)] = group.table.tolist()
                elif group.per_unit and group.size:
                    self.unit_groups.append(group)
                if group.size and group.state not in self.indices:
                    slot = len(self.offsets)
                    self.indices[group.state] = slot
                    self.offsets.append(-sum(low * s for low, s in zip(group.lower, group.stride, strict=True)))
                    for column, stride in zip(group.state, group.stride, strict=True):
                        self.users[column].append((slot, stride))
        self.readers = {c: [a for a, reads in enumerate(model.reads) if c in reads] for c in range(model.time_column)}
        self.thinned = [(i, row.thinning) for i, row in enumerate(model.rows) if row.thinning is not None]
        self.rows_of = [[i for i, row in enumerate(model.rows) if row.actor == a] for a in range(len(model.actors))]


class _History:
    """One replication: the state, the clocks, and the SimPy processes of the actors."""

    def __init__(
        self,
        model: Model,
        plan: Plan,
        shape: _Shape,
        block: _Block,
        place: int,
        *,
        position: int,
        listener: Listener | None,
    ) -> None:
        self.model, self.plan, self.shape, self.keys = model, plan, shape, block.keys
        self.position, self.listener = position, listener
        self.unit = int(block.histories[place])
        self.drawn = [block.work[i][place] for i in range(len(model.rows))]
        self.scale = {i: float(s[place]) for i, s in block.scales.items()}
        self.inputs: list[float] = block.inputs[:, place].tolist()
        self.start: list[int] = block.starts[:, place].tolist()
        self.state: list[int] = [*self.start, *([0] * len(model.milestones))]
        self.values: list[float] = [
            *(float(s) for s in self.state),
            *self.inputs,
            *([0.0] * len(model.amounts)),
            *([0.0] * len(model.tensions)),
            0.0,
        ]
        # What tensions decay towards and how fast; where they stood when they were last changed, and when that was.
        found = [(evaluate_scalar(t.start, self.values), t) for t in model.tension_rows]
        self.level = [start for start, _ in found]
        self.since = [0.0] * len(found)
        self.toward = [evaluate_scalar(t.toward, self.values) for _, t in found]
        self.decay = [evaluate_scalar(t.decay, self.values) for _, t in found]
        self.index = list(shape.offsets)
        for column, value in enumerate(self.state):
            for slot, stride in shape.users[column]:
                self.index[slot] += stride * value
        self.tables = {**shape.tables, **{g: table[place] for g, table in block.tables.items()}}
        rows = model.rows
        self.count = [0] * len(rows)
        self.work = [drawn[0] if drawn else 1.0 for drawn in self.drawn]
        # The age of a clock that runs already was worked off once; starting again, it is all to be done.
        self.whole = [work + row.age for work, row in zip(self.work, rows, strict=True)]
        self.speed = [-1.0] * len(rows)
        self.held = [False] * len(rows)
        self.bound = [math.nan] * len(rows)
        # Where the time of a trend begins, and the operational time at the actor's anchor.
        self.origin = [0.0 if row.trend is None else -row.trend.age for row in rows]
        self.worked = [
            0.0 if t is None else operational_scalar(t.shape, t.scale, t.age) for t in (r.trend for r in rows)
        ]
        self.due = [row.time if row.kind == "calendar" else NEVER for row in rows]
        self.fresh: set[int] = set()
        self.turned_down = -1
        self.anchor = [0.0] * len(model.actors)
        self.time = self.last = 0.0
        self.instant = self.events = self.rejected = self.saturations = 0
        self.reached = [NEVER] * len(model.milestones)
        self.over = False
        self.status, self.end, self.culprit = AT_HORIZON, plan.until, -1
        self.observed: list[list[int]] = []
        self.felt: list[list[float]] = []
        self.integral = [0.0] * len(plan.integrals)
        self.integrals: list[list[float]] = []
        self.fired: list[int] = []
        # What is watched: (time, value) of every change.
        self.seen: list[list[tuple[float, int]]] = [[] for _ in plan.watched]

    # ------------------------------------------------------------------------------------------------ processes
    def run(self) -> None:
        """Let the actors act until the horizon, a terminal state, or a run-away."""
        self.look(0.0)
        self.bounds([i for i, _ in self.shape.thinned], 0.0)
        self.env = _Due()
        self.processes = [self.env.process(self.actor(a)) for a in range(len(self.model.actors))]
        while not self.over and self.env.peek() < NEVER:
            self.env.step()
        if not self.over:
            self.pass_time(NEVER)

    def actor(self, me: int) -> Generator[simpy.Event, Any, None]:
        """The life of an actor: wait for its earliest due time, act; re-time whenever interrupted."""
        self.retime(me)
        while True:
            due, row = NEVER, -1
            for i in self.shape.rows_of[me]:
                if self.due[i] < due:
                    due, row = self.due[i], i
            try:
                # Beyond the horizon there is nothing to wait for but an interrupt.
                yield self.env.at(due, row) if due <= self.plan.until and due < NEVER else self.env.event()
            except simpy.Interrupt:
                self.retime(me)
                continue
            self.time = due
            self.fire(row)

    # ------------------------------------------------------------------------------------------------- the step
    def fire(self, row: int) -> None:
        """An action comes due: choose its branch, apply it, and re-time whoever is concerned."""
        found, time = self.model.rows[row], self.time
        self.pass_time(time)
        if found.kind == "calendar":
            self.due[row] = NEVER
            if found.guard is not None and evaluate_scalar(found.guard.program, self.values) == 0:
                self.last, self.instant = time, 0
                return
        self.instant = self.instant + 1 if time == self.last else 1
        tried = self.events + self.rejected
        if self.instant > MAX_INSTANT or tried >= self.plan.max_events or self.speed[row] == NEVER:
            self.stop(RAN_AWAY, time, row)
            return
        self.last = time
        self.feel(time)
        if found.thinning is not None and not self.accepted(row, found.thinning):
            self.rejected += 1
            self.count[row] += 1
            self.fresh.add(row)
            self.bounds([row], time)
            self.turned_down = row
            self.retime(found.actor)
            self.turned_down = -1
            return
        branch = found.branches[0] if len(found.branches) == 1 else self.choose(row)
        self.events += 1
        self.fired.append(branch.number)
        changes = self.effects(row, branch)
        jumps = [(jump.tension, self.jumped(row, jump)) for jump in branch.jumps]
        for column, _, new in changes:
            self.change(column, new)
        pushed = [self.push(tension, new, time) for tension, new in jumps]
        flags = self.look(time)
        self.count[row] += 1
        if found.kind in ("rate", "delay"):
            self.fresh.add(row)
        for target in branch.restarts:
            if target != row and self.model.rows[target].kind in ("rate", "delay"):
                self.count[target] += 1
                self.fresh.add(target)
        if self.listener is not None:
            self.listener(Event(self.position, time, row, branch, tuple(changes)))
        if self.over:
            return
        changed = {*(c for c, old, new in changes if old != new), *flags, *(c for c in pushed if c >= 0)}
        self.bounds([i for i, thin in self.shape.thinned if i == row or not changed.isdisjoint(thin.reads)], time)
        self.wake(found.actor, branch, changed)

    def wake(self, me: int, branch: BranchRow, changed: set[int]) -> None:
        """Re-time the actor that acted, those who read what changed, and the owners of restarted clocks."""
        touched = {a for column in changed for a in self.shape.readers[column]}
        touched |= {self.model.rows[target].actor for target in branch.restarts}
        touched.discard(me)
        self.retime(me)
        for actor in touched:
            self.processes[actor].interrupt()

    def choose(self, row: int) -> BranchRow:
        """Branch by one uniform against the weights in declared order."""
        branches = self.model.rows[row].branches
        total, ends, last = 0.0, [], 0
        for j, branch in enumerate(branches):
            weight = evaluate_scalar(branch.weight, self.values)
            if not weight >= 0 or weight == NEVER:
                raise faults.wrong_weight(self.model, row, j, weight, self.described())
            total = total + weight
            ends.append(total)
            if weight > 0:
                last = j
        if not total > 0:
            raise faults.no_weight(self.model, row, self.described())
        u = self.uniform(self.keys.rows[:, [row]], self.count[row], draws.BRANCH)
        chosen = 0
        while chosen < last and ends[chosen] <= u * total:
            chosen += 1
        return branches[chosen]

    def uniform(self, key: draws.Words, k: int, purpose: int) -> float:
        return float(draws.uniform(key, np.array([self.unit], dtype=np.uint64), k, purpose)[0])

    def effects(self, row: int, branch: BranchRow) -> list[tuple[int, int, int]]:
        """(column, old, new) of every effect, all computed from the state before the action."""
        changes = [(column, self.state[column], self.state[column] + delta) for column, delta in branch.moves]
        for amount in branch.amounts:
            u = np.array([self.uniform(self.keys.amounts[row, amount], self.count[row], draws.REQUIREMENT)])
            law = self.model.amount_laws[amount - self.model.first_amount]
            self.values[amount] = float(law.quantile(u)[0])
        changes += [(e.column, self.state[e.column], self.new_value(row, e)) for e in branch.effects]
        return changes

    def new_value(self, row: int, effect: EffectRow) -> int:
        old = self.state[effect.column]
        value = evaluate_scalar(effect.value, self.values)
        name = self.model.rows[row].name
        if not abs(value) < 2.0**53 or math.floor(value) != value:
            raise faults.not_whole(faults.effect_on(self.model, name, effect.column), value, self.described())
        number = int(value)
        new = new_value(effect.kind, old, number)
        if effect.lower <= new <= effect.upper:
            return new
        if not effect.saturate:
            where = f"{self.described()} (replication {self.position})"
            bounds = (effect.lower, effect.upper)
            raise faults.out_of_bounds(faults.effect_on(self.model, name, effect.column), (new, *bounds), where)
        self.saturations += 1
        return min(max(new, effect.lower), effect.upper)

    # ------------------------------------------------------------------------------------- what changes in between
    def tension(self, which: int, time: float) -> float:
        """A tension at a time at or after its last change."""
        return decayed_scalar(self.level[which], self.toward[which], self.decay[which], time - self.since[which])

    def feel(self, time: float) -> None:
        """Put the tensions and the time where programs read them."""
        for which in range(len(self.level)):
            self.values[self.model.first_tension + which] = self.tension(which, time)
        self.values[self.model.time_column] = time

    def jumped(self, row: int, jump: Jump) -> float:
        """The new value of a tension, from the state before the action."""
        old = self.values[self.model.first_tension + jump.tension]
        value = evaluate_scalar(jump.value, self.values)
        if not math.isfinite(value):
            what = faults.effect_on(self.model, self.model.rows[row].name, self.model.first_tension + jump.tension)
            raise faults.no_number(what, value, self.described())
        return new_value(jump.kind, old, value) + 0.0

    def push(self, which: int, new: float, time: float) -> int:
        """Set a tension; its column, or -1 if it stays as it was."""
        column = self.model.first_tension + which
        if new == self.values[column]:
            return -1
        self.level[which], self.since[which] = new, time
        return column

    def bounds(self, rows: list[int], time: float) -> None:
        """Take the bounds of some thinned rates anew."""
        if rows:
            self.feel(time)
        for i in rows:
            thinning = self.model.rows[i].thinning
            assert thinning is not None
            value = evaluate_scalar(thinning.bound, self.values) + 0.0
            self.bound[i] = value if value >= 0 else math.nan

    def accepted(self, row: int, thinning: Thinning) -> bool:
        """Whether a candidate of a thinned rate is an event, by a uniform of its own."""
        value, bound = evaluate_scalar(thinning.value, self.values), self.bound[row]
        if not 0 <= value <= bound * (1.0 + BOUND_SLACK):
            raise faults.wrong_thinning(self.model, row, (value, bound), self.time, self.described())
        return self.uniform(self.keys.rows[:, [row]], self.count[row], draws.ACCEPTANCE) * bound < value

    def change(self, column: int, new: int) -> None:
        delta = new - self.state[column]
        self.state[column] = new
        self.values[column] = float(new)
        for slot, stride in self.shape.users[column]:
            self.index[slot] += stride * delta

    def look(self, time: float) -> list[int]:
        """Check milestones, what is watched and terminal conditions; returns the milestone columns that are new."""
        flags = []
        for i, program in enumerate(self.model.milestone_programs):
            if self.reached[i] == NEVER and evaluate_scalar(program, self.values) != 0:
                self.reached[i] = time
                column = len(self.model.variables) + i
                self.change(column, 1)
                flags.append(column)
        for watched, seen in zip(self.plan.watched, self.seen, strict=True):
            place = bin_of(evaluate_scalar(watched.program, self.values), watched.bins)
            if not seen or seen[-1][1] != place:
                seen.append((time, place))
        if self.model.terminal is not None and evaluate_scalar(self.model.terminal, self.values) != 0:
            self.stop(TERMINAL, time, -1)
        return flags

    # -------------------------------------------------------------------------------------------------- re-time
    def group(self, group: Group) -> float:
        """Value of a group of factors in the present state."""
        if group.size:
            entry: float = self.tables[id(group)][self.index[self.shape.indices[group.state]]]
            return entry
        value = evaluate_scalar(group.program, self.values) + 0.0
        return value if value >= 0 else math.nan

    def retime(self, me: int) -> None:
        """Work done since the anchor, new speeds, new due times for the clocks of one actor."""
        time, passed = self.time, self.time - self.anchor[me]
        self.anchor[me] = time
        for i in self.shape.rows_of[me]:
            row = self.model.rows[i]
            if row.kind == "calendar":
                continue
            if row.kind == "immediate":
                holds = row.guard is None or self.group(row.guard) != 0
                self.due[i] = time if holds else NEVER
                continue
            before = self.speed[i]
            speed = self.group(row.speed[0])
            for group in row.speed[1:]:
                speed = speed * self.group(group)
            if row.thinning is not None:
                speed = speed * self.bound[i]
            if row.guarded and row.guard is not None and self.group(row.guard) == 0:
                speed = 0.0
            if not row.proven and speed > MAX_SPEED:
                speed = NEVER
            self.speed[i] = speed
            if row.trend is not None:
                self.follow_trend(i, row.trend, before)
                continue
            if i in self.fresh:
                self.fresh.discard(i)
                self.work[i] = self.whole[i] = self.requirement(i)
                if row.watched:
                    self.held[i] = row.guard is None or self.group(row.guard) != 0
                before = -1.0
            else:
                if before > 0:
                    left = self.work[i] - before * passed
                    self.work[i] = left if left > LEAST_WORK else LEAST_WORK
                if (
                    row.kind == "delay"
                    and row.memory != "age"
                    and row.guard is not None
                    and self.loses(i, before, speed)
                ):
                    if row.memory == "identical":
                        self.work[i] = self.whole[i]
                    else:
                        self.count[i] += 1
                        self.work[i] = self.whole[i] = self.requirement(i)
            if row.kind == "delay" and speed == before:
                continue  # a delay whose speed did not change keeps its due time
            if speed != speed:  # noqa: PLR0124 - nan
                raise faults.wrong_speed(self.model, i, self.position, self.last, self.described())
            self.due[i] = time + self.work[i] / speed if speed else NEVER

    def follow_trend(self, i: int, trend: Trend, before: float) -> None:
        """Work, origin and due time of a rate with a trend: the step in operational time."""
        row, time, speed = self.model.rows[i], self.time, self.speed[i]
        worked = operational_scalar(trend.shape, trend.scale, time - self.origin[i])
        fresh = i in self.fresh
        if fresh:
            self.fresh.discard(i)
            self.work[i] = self.whole[i] = self.requirement(i)
        elif before > 0:
            left = self.work[i] - before * (worked - self.worked[i])
            self.work[i] = left if left > LEAST_WORK else LEAST_WORK
        holds = row.guard is None or self.group(row.guard) != 0 if trend.renewed else True
        begins = holds and not self.held[i] and before >= 0 and row.renewed
        self.held[i] = holds
        # A candidate that was turned down is nothing that happened: it takes a new requirement, in the same trend.
        if trend.renewed and (begins or (fresh and i != self.turned_down)):
            self.origin[i], worked = time, 0.0
        self.worked[i] = worked
        if speed != speed:  # noqa: PLR0124 - nan
            raise faults.wrong_speed(self.model, i, self.position, self.last, self.described())
        due = (
            self.origin[i] + elapsed_scalar(trend.shape, trend.scale, worked + self.work[i] / speed) if speed else NEVER
        )
        self.due[i] = due if due > time else time

    def loses(self, i: int, before: float, speed: float) -> bool:
        """Whether the guard of a delay has just stopped holding."""
        row = self.model.rows[i]
        if not row.watched:
            return before > 0 and speed == 0
        assert row.guard is not None
        holds = self.group(row.guard) != 0
        lost = self.held[i] and not holds and before >= 0
        self.held[i] = holds
        return lost

    def requirement(self, i: int) -> float:
        """Requirement number ``count`` of a clock, from those drawn ahead or in a further block."""
        drawn, k = self.drawn[i], self.count[i]
        if k >= len(drawn):
            more = np.arange(len(drawn), max(2 * len(drawn), k + 1), dtype=np.uint64)
            u = draws.uniform(
                self.keys.rows[:, [i]],
                np.full(more.size, self.unit, dtype=np.uint64),
                more,
                draws.REQUIREMENT,
            )
            scale = np.full(more.size, self.scale[i]) if i in self.scale else None
            drawn.extend(units.requirement(self.model, i, u, scale, first=False).tolist())
        return drawn[k]

    # ----------------------------------------------------------------------------------------------- bookkeeping
    def pass_time(self, until: float) -> None:
        """Observations before ``until`` and integrals up to it; an infinite ``until`` means the horizon."""
        observe = self.plan.observe
        if not self.integral and len(self.observed) == len(observe):
            return
        values = [evaluate_scalar(p, self.values) for p in self.plan.integrals]
        while len(self.observed) < len(observe) and observe[len(self.observed)] < until:
            passed = observe[len(self.observed)] - self.last
            self.felt.append([self.tension(w, observe[len(self.observed)]) for w in range(len(self.level))])
            self.observed.append(self.state[: len(self.start)])
            self.integrals.append([a + v * passed for a, v in zip(self.integral, values, strict=True)])
        end = until if until < NEVER else self.plan.until
        if end < NEVER:
            self.integral = [a + v * (end - self.last) for a, v in zip(self.integral, values, strict=True)]

    def stop(self, status: int, time: float, culprit: int) -> None:
        self.over, self.status, self.end, self.culprit = True, status, time, culprit

    def described(self) -> str:
        return faults.described(self.model, self.state)

    def write(self, rows: Rows, position: int) -> None:
        """Put this replication into its place in the results."""
        rows.status[position], rows.end[position], rows.culprit[position] = (
            self.status,
            self.end,
            self.culprit,
        )
        rows.events[position], rows.saturations[position] = self.events, self.saturations
        rows.milestones[:, position] = self.reached
        rows.start[:, position] = self.start
        rows.state[:, position] = self.state[: len(self.start)]
        rows.inputs[:, position] = self.inputs
        rows.tensions[:, position] = [self.tension(w, self.end) for w in range(len(self.level))]
        for which in range(len(self.plan.observe)):
            seen = which < len(self.observed)
            rows.observed_tensions[which, :, position] = self.felt[which] if seen else rows.tensions[:, position]
            rows.observed[which, :, position] = self.observed[which] if seen else rows.state[:, position]
            rows.integrals[:, which, position] = self.integrals[which] if seen else self.integral
        rows.integrals[:, -1, position] = self.integral
        for number in self.fired:
            rows.fired[number] += 1
        for counts, changes in zip(rows.occupancy, self.seen, strict=True):
            for (time, place), before in zip(changes, [None, *(p for _, p in changes)], strict=False):
                day = math.ceil(time)
                if day < counts.shape[0]:
                    counts[day, place] += 1
                    if before is not None:
                        counts[day, before] -= 1
