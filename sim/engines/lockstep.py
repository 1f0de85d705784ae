"""Lockstep engine: thousands of replications side by side in NumPy, one event each per step.

The arrays hold one column per *slot*; a slot runs one replication after another, so memory does not grow with
their number. Nothing a slot computes depends on its neighbours, hence histories do not depend on the number of
slots, on chunks or on the order of replications. The arithmetic is that of the step in the model's definition;
:mod:`sim.engines.reference` writes the same step for one history and the tests hold the two together bit for bit.

Rows of all matrices stand in the order of rank (calendar, immediate, clocks), so the first row that attains the
minimum of the due times is the one that fires.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.engines import faults, units
from sim.engines.columns import Columns, spread
from sim.engines.effects import new_values
from sim.engines.interface import AT_HORIZON, RAN_AWAY, TERMINAL, Floats, Integers, Log, Plan, Rows, day_of, empty_rows
from sim.engines.layout import Tables
from sim.engines.lockstep_ahead import Ahead
from sim.engines.lockstep_between import Between, needed
from sim.engines.watching import places
from sim.model import draws
from sim.model.arithmetic import log
from sim.model.compiled import LEAST_WORK, MAX_INSTANT, MAX_SPEED, EffectRow, Group, Model
from sim.model.expressions import Program, Steps, follow_steps, steps_of

#: Slots: enough to spread the cost of a NumPy call, few enough that the matrices stay in the cache.
SLOTS: Final = 8_192
#: Where actions have branches to choose from, many calls are for a few of the slots: more slots spread their cost.
SLOTS_FOR_CHOICES: Final = 12_288
#: Refill once this share of the slots has finished.
REFILL: Final = 1 / 16
#: Arrays of the run whose last axis is not the slots.
_NOT_BY_SLOT: Final = ("observe", "lane", "happened")
#: Arrays by slot that only some rows or groups have: dictionaries of them.
_BY_ROW: Final = ("scale", "unit_tables", "whole", "held")

Lanes = NDArray[np.intp]


def simulate(model: Model, plan: Plan, slots: int | None = None) -> Rows:
    """Simulate the replications of a plan, so many side by side (None: as suits the model).

    Raises SimulationError when a history reaches a state where a speed, weight or effect has no meaning.
    """
    if plan.size == 0:
        return empty_rows(model, plan)
    if slots is None:
        slots = SLOTS_FOR_CHOICES if any(len(row.branches) > 1 for row in model.rows) else SLOTS
    with np.errstate(all="ignore"):
        return _Lockstep(model, plan, min(slots, plan.size)).run()


class _Lockstep:
    """The state of a run: matrices with one column per slot."""

    def __init__(self, model: Model, plan: Plan, slots: int) -> None:
        self.model, self.plan = model, plan
        self.tables = Tables(model, plan, slots)
        self.keys = units.keys_for(model, plan.seed)
        self.rows = empty_rows(model, plan)
        self.log_parts: list[tuple[Integers, Floats, Integers, Integers]] = []
        self.ready: dict[int, Steps] = {}
        self.first_input = model.first_input
        self.observe = np.array([*plan.observe, np.inf])
        self.ahead = Ahead(model, self.keys, plan, slots)
        self.allocate(slots)

    def allocate(self, slots: int) -> None:
        tables, model = self.tables, self.model
        self.width = slots
        self.lane: Lanes = np.arange(slots, dtype=np.intp)
        n_rows = len(model.rows)
        self.live = np.zeros(slots, dtype=np.bool_)
        self.position = np.zeros(slots, dtype=np.int64)
        self.history = np.zeros(slots, dtype=np.uint64)
        # State, milestone flags and table indices: every row moves by constants most of the time.
        self.matrix = np.zeros((tables.n_matrix, slots), dtype=np.int64)
        # Where something changes between events, the tensions and the time stand where programs look for them.
        between = needed(model)
        self.inputs = np.zeros((model.time_column + 1 - model.first_input if between else len(model.inputs), slots))
        self.scale = {i: np.zeros(slots) for i, row in enumerate(model.rows) if row.scale is not None}
        self.unit_tables = {id(g): np.zeros((g.size, slots)) for g in tables.unit_groups}
        self.work = np.ones((tables.n_clocks + 1, slots))
        self.whole = {
            i: np.zeros(slots) for i in tables.delays if model.rows[tables.first_clock + i].memory == "identical"
        }
        self.speed = np.zeros((tables.n_clocks, slots))
        self.next_speed = np.zeros((tables.n_clocks, slots))
        self.moved = np.zeros((tables.n_matrix, slots), dtype=np.int64)
        self.at_due = np.zeros((n_rows + 1, slots), dtype=tables.codes.dtype)
        # One row more than there are actions: it is never due, and takes the writes of idle slots.
        self.due = np.full((n_rows + 1, slots), np.inf)
        self.count = np.zeros((n_rows + 1, slots), dtype=np.int64)
        self.anchor = np.zeros((len(model.actors), slots))
        self.held = {
            i: np.zeros(slots, dtype=np.bool_) for i in tables.delays if model.rows[tables.first_clock + i].watched
        }
        self.last = np.zeros(slots)
        self.instant = np.zeros(slots, dtype=np.int64)
        self.events = np.zeros(slots, dtype=np.int64)
        self.saturations = np.zeros(slots, dtype=np.int64)
        self.reached = np.full((len(model.milestones), slots), np.inf)
        self.next_observation = np.zeros(slots, dtype=np.intp)
        self.integral = np.zeros((len(self.plan.integrals), slots))
        self.seen = np.zeros((len(self.plan.watched), slots), dtype=np.int64)
        self.between = Between(self, slots) if between else None

    # ------------------------------------------------------------------------------------------------- columns
    def column(self, lanes: Lanes | None = None, amounts: dict[int, Floats] | None = None) -> Columns:
        """Reader of columns for the programs, over all slots or some."""
        return Columns(self.matrix, self.inputs, lanes, amounts or {}, self.first_input)

    def value(self, program: Program, column: Columns, size: int) -> Floats:
        """Value of a program, shape (size,), from the columns of as many slots."""
        steps = self.ready.get(id(program))
        if steps is None:
            steps = self.ready[id(program)] = steps_of(program)
        return spread(follow_steps(steps, column), size)

    def program(self, program: Program, lanes: Lanes | None = None) -> Floats:
        return self.value(program, self.column(lanes), self.width if lanes is None else lanes.size)

    def group(self, group: Group) -> Floats | float:
        """Value of a group in every slot (a number where it is the same everywhere)."""
        value: Floats
        if group.size == 0:
            value = self.program(group.program) + 0.0
            return np.where(value >= 0, value, np.nan)
        if not group.state:
            return self.unit_tables[id(group)][0] if group.table is None else float(group.table[0])
        table = self.unit_tables[id(group)].ravel() if group.table is None else self.tables.tables[id(group)]
        value = table.take(self.matrix[self.tables.indices[id(group)]], mode="clip")
        return value

    # ---------------------------------------------------------------------------------------------------- main
    def run(self) -> Rows:
        while self.ahead.left or self.live.any():
            idle = self.width - int(np.count_nonzero(self.live))
            if idle >= self.width * REFILL or idle == self.width:
                self.refill()
            self.retime()
            self.fire()
        for counts in self.rows.occupancy:
            np.cumsum(counts, axis=0, out=counts)
        return self.with_log()

    def with_log(self) -> Rows:
        if not self.plan.log:
            return self.rows
        columns = [np.concatenate(part) if part else np.zeros(0) for part in zip(*self.log_parts, strict=True)] or [
            np.zeros(0)
        ] * 4
        order = np.argsort(columns[0], kind="stable")
        position, time, row, branch = (c[order] for c in columns)
        kept = Log(position.astype(np.int64), time.astype(np.float64), row.astype(np.int64), branch.astype(np.int64))
        return replace(self.rows, log=kept)

    # -------------------------------------------------------------------------------------------------- refill
    def refill(self) -> None:
        """Give finished slots their next replications; once there are none left, shrink to the slots still live."""
        lanes = (~self.live).nonzero()[0]
        if self.ahead.left == 0:
            if np.count_nonzero(self.live) <= self.width // 2 and self.live.any():
                self.shrink(self.live.nonzero()[0])
            return
        lanes = lanes[: self.ahead.left]
        new = self.ahead.take(lanes.size)
        model, tables, positions = self.model, self.tables, new.positions
        self.position[lanes] = positions
        self.history[lanes] = self.plan.histories[positions].astype(np.uint64)
        self.inputs[: len(model.inputs), lanes] = new.inputs
        self.rows.inputs[:, positions] = new.inputs
        self.matrix[: len(model.variables), lanes] = new.starts
        self.matrix[len(model.variables) : tables.first_index, lanes] = 0
        self.rows.start[:, positions] = new.starts
        for i, (offset_of, strides) in enumerate(zip(tables.offsets, tables.strides, strict=True)):
            value = np.full(lanes.size, offset_of)
            for column, stride in strides.items():
                value += stride * self.matrix[column, lanes]
            self.matrix[tables.first_index + i, lanes] = value
        for index in tables.flat:
            self.matrix[index, lanes] += lanes
        for i, scale in self.scale.items():
            scale[lanes] = new.scales[i]
        for group in tables.unit_groups:
            self.unit_tables[id(group)][:, lanes] = units.unit_table(model, group, self.inputs[:, lanes])
        self.work[: tables.n_clocks, lanes] = new.work[tables.first_clock :]
        for i, whole in self.whole.items():
            # The age of a clock that runs already was worked off once; starting again, it is all to be done.
            whole[lanes] = self.work[i, lanes] + model.rows[tables.first_clock + i].age
        self.speed[:, lanes] = -1.0  # differs from any speed: every due time is new
        for held in self.held.values():
            held[lanes] = False
        self.count[:, lanes] = 0
        self.anchor[:, lanes] = 0.0
        self.due[:, lanes] = np.inf
        for i in range(tables.n_calendar):
            self.due[i, lanes] = model.rows[i].time
        self.last[lanes] = 0.0
        for array in (self.instant, self.events, self.saturations, self.next_observation):
            array[lanes] = 0
        self.reached[:, lanes] = np.inf
        self.integral[:, lanes] = 0.0
        self.live[lanes] = True
        if self.between:
            self.between.begin(lanes)
        self.look_first(lanes)
        if self.between:
            self.between.first_bounds(lanes)

    def shrink(self, keep: Lanes) -> None:
        """Keep only some slots, so that the last long histories do not drag thousands of idle ones along."""
        width = keep.size
        entries = {index: ((self.matrix[index] - self.lane) // self.width)[keep] for index in self.tables.flat}
        for name, value in list(vars(self).items()):
            if isinstance(value, np.ndarray) and name not in _NOT_BY_SLOT:
                setattr(self, name, np.ascontiguousarray(value[..., keep]))
            elif name in _BY_ROW:
                setattr(self, name, {k: np.ascontiguousarray(v[..., keep]) for k, v in value.items()})
        if self.between:
            self.between.keep(keep)
        if entries:
            self.tables = Tables(self.model, self.plan, width)
        self.width, self.lane = width, np.arange(width, dtype=np.intp)
        for index, entry in entries.items():
            self.matrix[index] = entry * width + self.lane

    # ------------------------------------------------------------------------------------------------- re-time
    def retime(self) -> None:
        """New speeds and due times in every slot. An actor that was not touched gets the bits it had."""
        model, tables = self.model, self.tables
        speed, old = self.next_speed, self.speed
        self.infinite = False
        for i in range(tables.n_clocks):
            self.row_speed(tables.first_clock + i, speed[i])
        for i in tables.delays:
            self.lose_guard(i, old[i], speed[i])
        due = self.due[tables.first_clock : -1]
        kept = {i: np.where(speed[i] == old[i], due[i], np.nan) for i in tables.delays}
        np.divide(self.work[: tables.n_clocks], speed, out=due)
        for actor, run in tables.runs:
            due[run] += self.anchor[actor]
        for i, before in kept.items():
            # A delay whose speed did not change keeps its due time to the bit.
            np.copyto(due[i], before, where=before == before)  # noqa: PLR0124 - nan marks "changed"
        if self.between:
            self.between.trend_due(speed, old, due)
        for i in range(tables.n_calendar, tables.first_clock):
            row = model.rows[i]
            holds = self.group(row.guard) if row.guard else 1.0
            self.due[i] = np.where(np.asarray(holds) != 0, self.anchor[row.actor], np.inf)
        self.speed, self.next_speed = speed, old

    def row_speed(self, number: int, out: Floats) -> None:
        row = self.model.rows[number]
        first = row.speed[0]
        if first.table is not None and first.state:
            index = self.matrix[self.tables.indices[id(first)]]
            self.tables.tables[id(first)].take(index, out=out, mode="clip")
        else:
            out[:] = self.group(first)
        for group in row.speed[1:]:
            out *= self.group(group)
        if row.thinning is not None and self.between:
            out *= self.between.bound[self.between.shape.place_of[number]]
        # Where all is finite, a first table that is 0 there has applied the guard.
        regular = not row.proven and bool(out.max() <= MAX_SPEED)
        if row.guarded and not (regular and self.tables.carried[number]):
            assert row.guard is not None
            out[np.asarray(self.group(row.guard)) == 0] = 0.0
        if not (row.proven or regular):
            out[out > MAX_SPEED] = np.inf
            self.infinite = True

    def lose_guard(self, clock: int, before: Floats, after: Floats) -> None:
        """What a delay forgets when its guard stops holding."""
        number = self.tables.first_clock + clock
        row = self.model.rows[number]
        if row.memory == "age" or row.guard is None:
            return
        if row.watched:
            holds = np.broadcast_to(np.asarray(self.group(row.guard)) != 0, after.shape)
            lost = self.held[clock] & ~holds & (before >= 0)
            self.held[clock] = holds.copy()
        else:
            lost = (before > 0) & (after == 0)
        lanes = (lost & self.live).nonzero()[0]
        if lanes.size and row.memory == "identical":
            self.work[clock, lanes] = self.whole[clock][lanes]
        elif lanes.size:
            self.renew(number, lanes)

    def renew(self, number: int, lanes: Lanes) -> None:
        """A fresh requirement for one clock in some slots."""
        clock = self.tables.clock(number)
        self.count[number, lanes] += 1
        k = self.count[number, lanes].astype(np.uint64)
        u = draws.uniform(self.keys.rows[:, [number]], self.history[lanes], k, draws.REQUIREMENT)
        scale = self.scale[number][lanes] if number in self.scale else None
        self.work[clock, lanes] = units.requirement(self.model, number, u, scale, first=False)
        if clock in self.whole:
            self.whole[clock][lanes] = self.work[clock, lanes]

    # ---------------------------------------------------------------------------------------------------- fire
    def fire(self) -> None:
        """The next event of every slot."""
        model, tables, plan = self.model, self.tables, self.plan
        time = self.due.min(axis=0)
        if np.isnan(time).any():
            self.refuse_speed((np.isnan(time) & self.live).nonzero()[0])
        alive = self.live & (time <= plan.until) & (time < np.inf)
        same = self.at_due.view(np.bool_) if self.at_due.itemsize == 1 else self.at_due
        np.equal(self.due, time, out=same, casting="unsafe")
        np.multiply(self.at_due, tables.codes, out=self.at_due)
        code = self.at_due.max(axis=0)
        fired = np.where(alive, len(model.rows) - code.astype(np.intp), len(model.rows))
        self.pass_time(np.where(self.live, np.where(alive, time, np.inf), -np.inf), time, alive)
        if not alive.all():
            self.finish((self.live & ~alive).nonzero()[0], AT_HORIZON, plan.until)
        if tables.n_calendar:
            self.lapse(fired, alive, time)
        branch = tables.first_branch.take(fired)
        self.stop_runaways(fired, branch, time)
        if self.between:
            self.between.accept(fired, branch, time)
        if tables.choices.any():
            self.choose(fired, branch)
        acted = branch < tables.nothing
        self.events += acted
        self.happened = np.bincount(branch, minlength=tables.count)
        self.happened[tables.nothing :] = 0
        self.rows.fired[:] += self.happened[: tables.nothing]
        if plan.log:
            seen = acted.nonzero()[0]
            self.log_parts.append((self.position[seen], time[seen], fired[seen], branch[seen]))
        self.apply(fired, branch, time)

    def refuse_speed(self, lanes: Lanes) -> None:
        if lanes.size == 0:
            return
        lane = int(lanes[0])
        row = int(np.isnan(self.due[:, lane]).nonzero()[0][0])
        raise faults.wrong_speed(self.model, row, self.position[lane], self.last[lane], self.state_of(lane))

    def state_of(self, lane: int) -> str:
        return faults.described(self.model, self.matrix[:, lane].tolist())

    def by(self, keys: Integers, lanes: Lanes) -> Iterable[tuple[int, Lanes]]:
        """Lanes grouped by their key, in ascending order of keys."""
        if lanes.size == 0:
            return
        chosen = keys.take(lanes)
        for key in np.bincount(chosen).nonzero()[0]:
            yield int(key), lanes[chosen == key]

    def lapse(self, fired: Integers, alive: NDArray[np.bool_], time: Floats) -> None:
        """A calendar action is spent on its date, and does nothing if its guard fails then."""
        lanes = (alive & (fired < self.tables.n_calendar)).nonzero()[0]
        for row, some in self.by(fired, lanes):
            self.due[row, some] = np.inf
            guard = self.model.rows[row].guard
            if guard is not None:
                lapsed = some[self.program(guard.program, some) == 0]
                fired[lapsed] = len(self.model.rows)
                self.last[lapsed] = time[lapsed]
                self.instant[lapsed] = 0

    def stop_runaways(self, fired: Integers, branch: Integers, time: Floats) -> None:
        """End replications that act too often, at one instant or in all, or with an infinite speed."""
        tables = self.tables
        acting = branch != tables.nothing
        self.instant = np.where(acting, np.where(time == self.last, self.instant + 1, 1), self.instant)
        tried = self.events + self.between.rejected if self.between else self.events
        gone = (self.instant > MAX_INSTANT) | (tried >= self.plan.max_events)
        for i in tables.unproven if self.infinite else ():
            gone |= np.isinf(self.speed[i]) & (fired == tables.first_clock + i)
        gone &= acting
        if gone.any():
            lanes = gone.nonzero()[0]
            self.rows.culprit[self.position[lanes]] = fired[lanes]
            self.finish(lanes, RAN_AWAY, time[lanes])
            fired[lanes] = len(self.model.rows)
            branch[lanes] = tables.nothing
        self.last = np.where(branch != tables.nothing, time, self.last)

    def choose(self, fired: Integers, branch: Integers) -> None:
        """Branches taken, into ``branch``, where what fired has several: all uniforms are drawn together."""
        lanes = (self.tables.choices.take(fired) & (branch < self.tables.nothing)).nonzero()[0]
        if lanes.size == 0:
            return
        rows = fired.take(lanes)
        k = self.count.ravel().take(rows * self.width + lanes).astype(np.uint64)
        u = draws.uniform(self.keys.rows.take(rows, axis=1), self.history.take(lanes), k, draws.BRANCH)
        for row, some in self.by(rows, np.arange(lanes.size)):
            branch[lanes.take(some)] = self.chosen(row, lanes.take(some), u.take(some))

    def chosen(self, row: int, lanes: Lanes, u: Floats) -> Integers:
        """Branch taken by slots that fire the same action: weights in declared order against one uniform."""
        branches = self.model.rows[row].branches
        column, size = self.column(lanes), lanes.size
        total = np.zeros(size)
        ends = np.empty((len(branches), size))
        last = np.zeros(size, dtype=np.intp)
        for j, branch in enumerate(branches):
            weight = self.value(branch.weight, column, size)
            bad = ~((weight >= 0) & (weight < np.inf))
            if bad.any():
                where = self.state_of(int(lanes[bad][0]))
                raise faults.wrong_weight(self.model, row, j, float(weight[bad][0]), where)
            np.add(total, weight, out=ends[j])
            total = ends[j]
            last[weight > 0] = j
        if not (total > 0).all():
            raise faults.no_weight(self.model, row, self.state_of(int(lanes[~(total > 0)][0])))
        chosen = np.minimum((ends <= u * total).sum(axis=0), last)
        numbers: Integers = branches[0].number + chosen
        return numbers

    def apply(self, fired: Integers, branch: Integers, time: Floats) -> None:
        """Effects, milestones, work done, and fresh requirements."""
        tables = self.tables
        touched = tables.touches.take(branch, axis=1, mode="clip")
        pending = self.general_effects(branch)
        jumps = self.between.jumps(branch) if self.between else []
        tables.moves.take(branch, axis=1, out=self.moved, mode="clip")
        self.matrix += self.moved
        for column, lanes, delta in pending:
            self.move(column, lanes, delta, touched)
        if self.between:
            self.between.push(jumps, time, touched)
        over = self.look(branch, time, touched)
        if self.between:
            self.between.renew(touched)
        for which, concerned in enumerate(tables.follows):
            if self.happened[concerned].any():
                lanes = concerned.take(branch).nonzero()[0]
                self.follow(which, lanes, time.take(lanes))
        if tables.n_clocks:
            self.work_off(touched, time)
        self.freshen(fired, branch)
        if self.between:
            self.between.begin_anew(fired, branch, time)
        if over.size:
            self.finish(over, TERMINAL, time[over])

    def work_off(self, touched: NDArray[np.bool_], time: Floats) -> None:
        """Take the work done since then off the clocks of the actors touched, whose anchor becomes ``time``."""
        tables = self.tables
        anchor = np.where(touched[: len(self.anchor)], time, self.anchor)
        passed = anchor - self.anchor
        self.anchor = anchor
        work = self.work[: tables.n_clocks]
        done = self.next_speed
        for actor, run in tables.runs:
            np.multiply(self.speed[run], passed[actor], out=done[run])
        if self.between:
            self.between.work_done(touched, time, done)
        work -= done
        # fmax: an infinite speed over no time is no work.
        np.fmax(work, LEAST_WORK, out=work)

    def general_effects(self, branch: Integers) -> list[tuple[int, Lanes, Integers]]:
        """Changes by effects that are no plain moves, all computed from the state before the action."""
        pending: list[tuple[int, Lanes, Integers]] = []
        for column, table in self.tables.settled.items():
            lanes = table.member.take(branch).nonzero()[0]
            if lanes.size:
                chosen = branch[lanes]
                old = self.matrix[column, lanes]
                new = old * table.keep[chosen] + table.shift[chosen]
                within = np.minimum(np.maximum(new, table.low[chosen]), table.high[chosen])
                self.saturations[lanes] += (within != new) & table.counted[chosen]
                pending.append((column, lanes, within - old))
        for number, effects in self.tables.general.items():
            if self.happened[number]:
                lanes = (branch == number).nonzero()[0]
                row, found = self.model.branches[number]
                amounts = {c: self.amount(row, c, lanes) for c in found.amounts}
                pending += [(e.column, lanes, self.effect(row, e, lanes, amounts)) for e in effects]
        return pending

    def amount(self, row: int, column: int, lanes: Lanes) -> Floats:
        k = self.count[row, lanes].astype(np.uint64)
        u = draws.uniform(self.keys.amounts[row, column], self.history[lanes], k, draws.REQUIREMENT)
        return self.model.amount_laws[column - self.model.first_amount].quantile(u)

    def effect(self, row: int, effect: EffectRow, lanes: Lanes, amounts: dict[int, Floats]) -> Integers:
        old = self.matrix[effect.column, lanes]
        value = self.value(effect.value, self.column(lanes, amounts), lanes.size)
        where = faults.effect_on(self.model, self.model.rows[row].name, effect.column)

        def state(flags: NDArray[np.bool_]) -> str:
            lane = int(lanes[flags][0])
            return f"{self.state_of(lane)} (replication {self.position[lane]})"

        within, outside = new_values(effect, old, value, where, state)
        self.saturations[lanes] += outside
        delta: Integers = within - old
        return delta

    def move(self, column: int, lanes: Lanes, delta: Integers, touched: NDArray[np.bool_] | None) -> None:
        """Change a column in some slots, with the table indices that hold it and the actors that read it."""
        self.matrix[column, lanes] += delta
        for index, stride in self.tables.users[column]:
            self.matrix[index, lanes] += stride * delta
        if touched is not None:
            changed = lanes[delta != 0]
            for actor in self.tables.readers[column]:
                touched[actor, changed] = True

    def freshen(self, fired: Integers, branch: Integers) -> None:
        """Fresh requirements for what fired and what was restarted."""
        tables, model = self.tables, self.model
        flat = fired * self.width + self.lane
        count = self.count.ravel()
        k = count.take(flat)
        k += 1
        count[flat] = k
        of_clock = (fired >= tables.first_clock) & (fired < len(model.rows))
        clock = np.where(of_clock, fired - tables.first_clock, tables.n_clocks)
        u = draws.uniform(self.keys.rows.take(fired, axis=1), self.history, k.astype(np.uint64), draws.REQUIREMENT)
        place = clock * self.width + self.lane
        self.work.ravel()[place] = np.maximum(-log(1.0 - u), LEAST_WORK)
        for i in tables.delays:
            lanes = (clock == i).nonzero()[0]
            if lanes.size:
                number = tables.first_clock + i
                self.work[i, lanes] = units.requirement(model, number, u[lanes], self.scale[number][lanes], first=False)
                if i in self.whole:
                    self.whole[i][lanes] = self.work[i, lanes]
                self.speed[i, lanes] = -1.0
        if tables.restarts.any():
            for number, lanes in self.by(branch, tables.restarts.take(branch).nonzero()[0]):
                for target in model.branches[number][1].restarts:
                    self.restart(target, lanes[fired[lanes] != target])

    def restart(self, target: int, lanes: Lanes) -> None:
        if target < self.tables.first_clock or lanes.size == 0:
            return
        self.renew(target, lanes)
        self.speed[self.tables.clock(target), lanes] = -1.0

    # ------------------------------------------------------------------------------------------------- watching
    def look(self, branch: Integers, time: Floats, touched: NDArray[np.bool_]) -> Lanes:
        """Check milestones and terminal conditions after what may have changed them; returns the slots that end."""
        tables, model = self.tables, self.model
        for i, concerned in enumerate(tables.milestones):
            if self.happened[concerned].any():
                lanes = (concerned.take(branch) & (self.reached[i] == np.inf)).nonzero()[0]
                if lanes.size:
                    self.reach(i, lanes, time.take(lanes), touched)
        if model.terminal is None or not self.happened[tables.ends].any():
            return self.lane[:0]
        ending: Lanes = tables.ends.take(branch).nonzero()[0]
        over: Lanes = ending[self.program(model.terminal, ending) != 0]
        return over

    def look_first(self, lanes: Lanes) -> None:
        """Check milestones and terminal conditions, and count what is followed, at the start."""
        time = np.zeros(lanes.size)
        for i in range(len(self.model.milestone_programs)):
            self.reach(i, lanes, time, None)
        for which in range(len(self.plan.watched)):
            self.follow(which, lanes, time, first=True)
        if self.model.terminal is not None:
            over = lanes[self.program(self.model.terminal, lanes) != 0]
            if over.size:
                self.finish(over, TERMINAL, np.zeros(over.size))

    def reach(self, milestone: int, lanes: Lanes, time: Floats, touched: NDArray[np.bool_] | None) -> None:
        """Note the first time of a milestone in those of some slots, none of which has reached it, where it holds."""
        holds = (self.program(self.model.milestone_programs[milestone], lanes) != 0).nonzero()[0]
        if holds.size:
            lanes = lanes.take(holds)
            self.reached[milestone, lanes] = time.take(holds)
            column = len(self.model.variables) + milestone
            self.move(column, lanes, np.ones(lanes.size, dtype=np.int64), touched)

    def follow(self, which: int, lanes: Lanes, time: Floats, *, first: bool = False) -> None:
        """Count a number that is watched: a replication leaves a bin and enters another on a day."""
        watched = self.plan.watched[which]
        place = places(watched, self.program(watched.program, lanes))
        counts = self.rows.occupancy[which]
        flat, bins = counts.ravel(), counts.shape[1]
        if first:
            np.add.at(flat, place, 1)
        else:
            before = self.seen[which].take(lanes)
            changed = place != before
            start = day_of(time) * bins
            changed &= start < flat.size
            np.subtract.at(flat, (start + before)[changed], 1)
            np.add.at(flat, (start + place)[changed], 1)
        self.seen[which][lanes] = place

    def pass_time(self, until: Floats, time: Floats, alive: NDArray[np.bool_]) -> None:
        """Take the observations that lie before ``until`` (the next event, or inf at the end) and integrate."""
        if self.plan.integrals:
            value = np.stack([self.program(p) for p in self.plan.integrals])
        else:
            value = np.zeros((0, self.width))
        if self.plan.observe:
            while True:
                lanes = (self.observe.take(self.next_observation) < until).nonzero()[0]
                if lanes.size == 0:
                    break
                self.record(lanes, value)
        if self.plan.integrals:
            self.integral += value * np.where(alive, time - self.last, 0.0)

    def record(self, lanes: Lanes, value: Floats) -> None:
        which, positions = self.next_observation[lanes], self.position[lanes]
        n = len(self.model.variables)
        self.rows.observed[which, :, positions] = self.matrix[:n, lanes].T
        if self.between:
            self.between.observe(lanes, which, self.observe[which])
        passed = value[:, lanes] * (self.observe[which] - self.last[lanes])
        self.rows.integrals[:, which, positions] = self.integral[:, lanes] + passed
        self.next_observation[lanes] += 1

    def finish(self, lanes: Lanes, status: int, time: Floats | float) -> None:
        """Write the results of finished replications and free their slots."""
        rows, positions = self.rows, self.position[lanes]
        n = len(self.model.variables)
        rows.status[positions] = status
        rows.end[positions] = time
        rows.events[positions] = self.events[lanes]
        rows.saturations[positions] = self.saturations[lanes]
        rows.milestones[:, positions] = self.reached[:, lanes]
        rows.state[:, positions] = self.matrix[:n, lanes]
        rest = self.integral[:, lanes]
        if self.plan.integrals and status == AT_HORIZON and np.isfinite(self.plan.until):
            value = np.stack([self.program(p, lanes) for p in self.plan.integrals])
            rest = rest + value * (self.plan.until - self.last[lanes])
        rows.integrals[:, -1, positions] = rest
        for which in range(len(self.plan.observe)):
            late = self.next_observation[lanes] <= which
            rows.observed[which][:, positions[late]] = self.matrix[:n, lanes[late]]
            rows.integrals[:, which, positions[late]] = rest[:, late]
        if self.between:
            self.between.finish(lanes, time)
        self.live[lanes] = False
