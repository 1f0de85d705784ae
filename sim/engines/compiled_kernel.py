"""The step of the model for one history after another, in plain Python over arrays, for Numba to compile.

:func:`run` is ordinary code: nothing in it belongs to one model, so it is compiled once for all of them. It keeps to
the meaning of the step as :mod:`sim.engines.reference` writes it; only what is touched is computed again. Rates of an
actor are re-timed in loops over neighbouring places, which compile to vector instructions.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from sim.engines import compiled_arrays as at
from sim.engines.compiled_arrays import MEMORY, Layout
from sim.engines.compiled_between import (
    NEVER,
    NEVER_BITS,
    accepted,
    begin_between,
    bound_speeds,
    draw_tensions,
    feel,
    finish_tensions,
    follow_trends,
    jumped,
    observe_tensions,
    renew,
    set_aside,
)
from sim.engines.compiled_changes import change, move, push_all, settle, touched
from sim.engines.compiled_memory import SPEED, WEIGHT, WEIGHTS, Output, Scratch
from sim.engines.compiled_values import finish_draws, requirement, span, value_of
from sim.engines.interface import AT_HORIZON, RAN_AWAY, TERMINAL
from sim.engines.watching import bin_of
from sim.model import draws, scalar
from sim.model.compiled import LEAST_WORK, MAX_INSTANT, MAX_SPEED

_REQUIREMENT: Final = np.uint64(draws.REQUIREMENT)
_BRANCH: Final = np.uint64(draws.BRANCH)
_ONE: Final[Any] = np.uint64(1)
#: No place, no block of draws: more than any number of them.
_NOWHERE: Final[Any] = np.uint64(2**64 - 1)
_ENABLING: Final = MEMORY["enabling"]
_IDENTICAL: Final = MEMORY["identical"]


def draw_unit(m: Layout, number: int, w: Scratch) -> None:
    """Inputs, hidden starts and scales of delays of an input number."""
    variables = m.columns.start.size
    milestones = m.columns.milestone.size
    unit = np.uint64(number)
    w.epoch[0] += 1
    w.epoch[1] = number
    inputs = m.columns.input_law.size
    for i in range(inputs):  # a loop of its own, which compiles to vector instructions
        key0, key1 = m.columns.input_key0[i], m.columns.input_key1[i]
        w.pattern[i] = scalar.pattern(key0, key1, unit, _REQUIREMENT, _REQUIREMENT)
    for i in range(inputs):
        u = scalar.uniform_of(w.x[i])
        w.values[variables + milestones + i] = scalar.quantile(m.laws, m.columns.input_law[i], u)
    for i in range(variables):
        w.start[i] = m.columns.start[i]
        if m.columns.start_law[i] >= 0:
            u = scalar.uniform(m.columns.start_key0[i], m.columns.start_key1[i], unit, _REQUIREMENT, _REQUIREMENT)
            w.start[i] = int(scalar.quantile(m.laws, m.columns.start_law[i], u))
    for place in range(m.clocks.drawn):
        if m.clocks.scale[place] >= 0:
            w.scale[place] = value_of(m.functions, m.clocks.scale[place], w)
    draw_tensions(m, w)
    fill_tables(m, w)


def fill_tables(m: Layout, w: Scratch) -> None:
    """Entries of tables that hang on inputs. Values of state columns are lost, which a history sets anew."""
    c = m.clocks
    for i in range(c.unit_entry.size):
        for j in range(c.unit_first[i], c.unit_first[i + 1]):
            w.values[c.unit_column[j]] = c.unit_value[j]
        w.tables[c.unit_entry[i]] = value_of(m.functions, c.unit_function[i], w)


def begin(m: Layout, unit: Any, w: Scratch) -> None:
    """The state and the clocks at the start of a history."""
    variables = m.columns.start.size
    milestones = m.columns.milestone.size
    for slot in range(w.indices.size):
        w.indices[slot] = np.uint64(m.columns.slot_offset[slot])
    for column in range(variables + milestones):
        w.state[column] = 0
        w.values[column] = 0.0
        if column < variables and w.start[column] != 0:
            move(m, np.uint64(column), w.start[column], w)
    clocks = m.clocks
    for place in range(clocks.drawn):
        w.pattern[place] = scalar.pattern(clocks.key0[place], clocks.key1[place], unit, _REQUIREMENT, _REQUIREMENT)
    finish_draws(clocks.drawn, w.pattern, w.x, w.bits, w.half, w.power)
    for place in range(clocks.drawn):
        w.work[place] = w.power[place]
        w.speed[place] = 0.0
        w.due[place] = NEVER
        w.block[place] = _NOWHERE
    for place in range(clocks.rated, clocks.drawn):
        law, u = clocks.law[place], w.half[place]
        if clocks.age[place] > 0:
            need = w.scale[place] * scalar.exceeding(m.laws, law, u, clocks.age[place] / w.scale[place])
        else:
            need = w.scale[place] * scalar.quantile(m.laws, law, u)
        need = need if need > LEAST_WORK else LEAST_WORK
        w.work[place] = need
        # The age of a clock that runs already was worked off once; starting again, it is all to be done.
        w.whole[place] = need + clocks.age[place]
        w.speed[place] = -1.0  # differs from any speed: the due time is new
        w.held[place] = False
        w.renewed[place] = False
    for i in range(w.amount_block.size):
        w.amount_block[i] = _NOWHERE
    for place in range(w.counts.size):
        w.counts[place] = 0
    for place in range(clocks.drawn, w.due.size):
        w.due[place] = NEVER
    for place in range(clocks.dated, np.uint64(w.due.size)):
        w.due[place] = clocks.time[place]
    for actor in range(w.anchor.size):
        w.anchor[actor] = 0.0
    if m.between.some:
        begin_between(m, w)


def retime(m: Layout, actor: Any, time: float, fired: Any, need: float, unit: Any, w: Scratch) -> Any:  # noqa: PLR0917
    """Work done since the anchor, new speeds and due times of one actor; the place of a wrong speed, else _NOWHERE.

    ``fired`` is the place of a rate that has just fired, ``need`` its fresh work.
    """
    c = m.clocks
    passed = time - w.anchor[actor]
    w.anchor[actor] = time
    look_up(m, actor, w)
    if not c.plain[actor]:
        wrong = finish_speeds(m, actor, time, w)
        if wrong != _NOWHERE:
            return wrong
    # A loop of its own: one over more arrays than the next has would not become vector instructions.
    if c.scaled[actor]:
        for place in span(c.spans, actor, at.RATES):
            w.fresh_speed[place] *= w.factor[place]
    best: Any = NEVER_BITS
    for place in span(c.spans, actor, at.RATES):
        left = w.work[place] - w.speed[place] * passed
        left = left if left > LEAST_WORK else LEAST_WORK
        # Chosen here, not stored before: a number just stored could not be read as part of a vector without a wait.
        left = need if place == fired else left
        speed = w.fresh_speed[place]
        w.work[place] = left
        w.speed[place] = speed
        due = time + left / speed
        w.due[place] = due
        best = min(best, np.float64(due).view(np.int64))
    if not c.plain[actor]:
        retime_others(m, actor, time, passed, unit, w)
        best = min(best, earliest(m, actor, w))
        if m.between.some:
            best = min(best, follow_trends(m, actor, time, fired, w))
    w.best[actor] = best
    return _NOWHERE


def look_up(m: Layout, actor: Any, w: Scratch) -> None:
    """Products of the tabled factors of an actor's speeds, but for the last factors of rates."""
    c = m.clocks
    for place in span(c.spans, actor, at.RATES):
        w.fresh_speed[place] = w.tables[c.table[place] + w.indices[c.slot[place]]]
    if not c.plain[actor]:
        for place in span(c.spans, actor, at.DELAYS):
            w.fresh_speed[place] = w.tables[c.table[place] + w.indices[c.slot[place]]]
    for i in span(c.spans, actor, at.PRODUCTS):
        w.fresh_speed[c.product_place[i]] *= w.tables[c.product_table[i] + w.indices[c.product_slot[i]]]


def finish_speeds(m: Layout, actor: Any, time: float, w: Scratch) -> Any:
    """Speeds that are more than products of tables; the place of a wrong one, else _NOWHERE."""
    c = m.clocks
    for i in span(c.spans, actor, at.FACTORS):
        w.fresh_speed[c.factor_place[i]] *= value_of(m.functions, c.factor[i], w)
    if m.between.some:
        bound_speeds(m, actor, time, w)
    for i in span(c.spans, actor, at.GUARDS):
        if value_of(m.functions, c.guard[c.guarded[i]], w) == 0:
            w.fresh_speed[c.guarded[i]] = 0.0
    for i in span(c.spans, actor, at.DOUBTFUL):
        place = c.doubtful[i]
        speed = w.fresh_speed[place]
        if speed != speed:  # noqa: PLR0124 - nan
            if c.guard[place] < 0 or value_of(m.functions, c.guard[place], w) != 0:
                return place
            w.fresh_speed[place] = 0.0
        if speed > MAX_SPEED:
            w.fresh_speed[place] = NEVER
    if m.between.some:
        set_aside(m, actor, w)
    return _NOWHERE


def retime_others(m: Layout, actor: Any, time: float, passed: float, unit: Any, w: Scratch) -> None:  # noqa: PLR0917
    """Work done, memory and due times of an actor's delays and immediate actions."""
    c = m.clocks
    for place in span(c.spans, actor, at.DELAYS):
        before, speed = w.speed[place], w.fresh_speed[place]
        w.speed[place] = speed
        renewed = w.renewed[place]
        if before > 0 and not renewed:
            left = w.work[place] - before * passed
            w.work[place] = left if left > LEAST_WORK else LEAST_WORK
        lost = before > 0 and speed == 0
        if c.watched[place]:
            holds = value_of(m.functions, c.guard[place], w) != 0
            lost = w.held[place] and not holds and before >= 0
            w.held[place] = holds
        if lost and not renewed and c.guard[place] >= 0:
            if c.memory[place] == _IDENTICAL:
                w.work[place] = w.whole[place]
            elif c.memory[place] == _ENABLING:
                w.counts[place] += 1
                w.renewed[place] = True
        if renewed:
            before = -1.0  # differs from any speed: the due time is new
        if w.renewed[place]:
            w.renewed[place] = False
            w.work[place] = w.whole[place] = requirement(m, place, unit, w)
        if speed != before:
            w.due[place] = time + w.work[place] / speed
    for place in span(c.spans, actor, at.IMMEDIATES):
        holds = c.guard[place] < 0 or value_of(m.functions, c.guard[place], w) != 0
        w.due[place] = time if holds else NEVER


def earliest(m: Layout, actor: Any, w: Scratch) -> Any:
    """Bits of the first due time of an actor's clocks other than rates: numbers >= 0 are ordered as their bits are."""
    best: Any = NEVER_BITS
    for kind in (at.DELAYS, at.IMMEDIATES, at.CALENDARS):
        for place in span(m.clocks.spans, actor, kind):
            best = min(best, w.due_bits[place])
    return best


def first_due(m: Layout, actor: Any, bits: Any, w: Scratch) -> Any:
    """Of the rates of an actor that are due at a time, the place that ranks first: places stand in the order of rank.

    No branch depends on which it is.
    """
    first = _NOWHERE
    for place in span(m.clocks.spans, actor, at.RATES):
        first = min(first, place if w.due_bits[place] == bits else _NOWHERE)
    return first


def due_row(m: Layout, actor: Any, bits: Any, w: Scratch) -> Any:
    """Of all clocks of an actor that are due at a time, the row that ranks first."""
    c = m.clocks
    row: Any = np.int64(c.place.size)
    for kind in (at.RATES, at.DELAYS, at.IMMEDIATES, at.CALENDARS):
        for place in span(c.spans, actor, kind):
            row = min(row, c.rank[place] if w.due_bits[place] == bits else c.place.size)
    return row


def choose(m: Layout, place: Any, unit: Any, w: Scratch) -> int:
    """Which of its branches, by one uniform against the weights in declared order; -1 for weights without meaning."""
    first, count = m.clocks.first_branch[place], m.clocks.branch_count[place]
    total, last = 0.0, 0
    for j in range(count):
        weight = value_of(m.functions, m.branches.weight[first + j], w)
        if not weight >= 0 or weight == NEVER:
            w.fault[0], w.fault[1], w.fault[2], w.faulty[0] = WEIGHT, m.clocks.rank[place], j, weight
            return -1
        total = total + weight
        w.sums[j] = total
        if weight > 0:
            last = j
    if not total > 0:
        w.fault[0], w.fault[1] = WEIGHTS, m.clocks.rank[place]
        return -1
    k = np.uint64(w.counts[place])
    u = scalar.uniform(m.clocks.key0[place], m.clocks.key1[place], unit, k, _BRANCH)
    chosen = 0
    while chosen < last and w.sums[chosen] <= u * total:
        chosen += 1
    return chosen


def pass_time(m: Layout, o: Output, w: Scratch, position: int, last: float, until: float) -> None:  # noqa: PLR0917
    """Observations before ``until`` (the next event; infinite at the end) and integrals up to it."""
    watching, variables = m.watching, m.columns.start.size
    for i in range(watching.integral.size):
        value = value_of(m.functions, watching.integral[i], w)
        which = w.epoch[2]
        while watching.observe[which] < until:
            o.integrals[i, which, position] = w.integral[i] + value * (watching.observe[which] - last)
            which += 1
        end = until if until < NEVER else watching.until
        if end < NEVER:
            w.integral[i] += value * (end - last)
    while watching.observe[w.epoch[2]] < until:
        for column in range(variables):
            o.observed[w.epoch[2], column, position] = w.state[column]
        observe_tensions(o, w, position, watching.observe[w.epoch[2]])
        w.epoch[2] += 1


def follow(m: Layout, o: Output, w: Scratch, which: int, time: float) -> None:
    """Count a number that is watched: a history leaves a bin and enters another on a day."""
    watching = m.watching
    place = bin_of(value_of(m.functions, watching.watched[which], w), watching.bins[which])
    before = w.seen[which]
    if place == before:
        return
    w.seen[which] = place
    day = math.ceil(time)
    if day < watching.days:
        cell = watching.first[which] + day * watching.bins[which]
        o.occupancy[cell + place] += 1
        if before >= 0:
            o.occupancy[cell + before] -= 1


def finish(m: Layout, o: Output, w: Scratch, position: int, status: int, end: float) -> None:  # noqa: PLR0917
    """Write the results of a history."""
    variables, milestones = m.columns.start.size, m.columns.milestone.size
    o.status[position] = status
    o.end[position] = end
    for column in range(variables):
        o.state[column, position] = w.state[column]
        o.start[column, position] = w.start[column]
    for i in range(milestones):
        o.milestones[i, position] = w.reached[i]
    for i in range(o.inputs.shape[0]):
        o.inputs[i, position] = w.values[variables + milestones + i]
    finish_tensions(o, w, position, end)
    for which in range(w.epoch[2], m.watching.observe.size - 1):
        for column in range(variables):
            o.observed[which, column, position] = w.state[column]
        for i in range(w.integral.size):
            o.integrals[i, which, position] = w.integral[i]
    for i in range(w.integral.size):
        o.integrals[i, m.watching.observe.size - 1, position] = w.integral[i]


def run(m: Layout, o: Output, w: Scratch, first: int, last: int) -> int:  # noqa: PLR0915 - the loop of the step
    """Play the replications ``first`` … ``last`` - 1; returns the first one not played.

    It stops early where the log is full, or, with ``fault`` set, where the model has no meaning.
    """
    c, b, watching = m.clocks, m.branches, m.watching
    actors, variables, branches = np.uint64(w.anchor.size), m.columns.start.size, np.uint64(b.weight.size)
    for position in range(first, last):
        if watching.log and o.logged[0] + watching.max_events > o.log_time.size:
            return position
        number = watching.inputs[position]
        if w.epoch[0] == 0 or w.epoch[1] != number:
            draw_unit(m, number, w)
        unit = np.uint64(watching.histories[position])
        begin(m, unit, w)
        time = before = 0.0
        instant = events = rejected = saturations = 0
        status, culprit, w.epoch[2] = AT_HORIZON, -1, 0
        for i in range(w.integral.size):
            w.integral[i] = 0.0
        for i in range(w.reached.size):
            w.reached[i] = NEVER
        for i in range(watching.watched.size):
            w.seen[i] = -1
        for actor in range(actors):
            w.queue[actor] = actor
            w.queued[actor] = 0
        branch: Any = branches + _ONE  # the start
        queue, place = w.anchor.size, np.uint64(0)
        while True:
            # ---- what is seen of the new state
            for i in span(b.spans, branch, at.LOOKS):
                which = b.look[i]
                if w.reached[which] == NEVER and value_of(m.functions, m.columns.milestone[which], w) != 0:
                    w.reached[which] = time
                    queue = touched(m, branch, queue, events, w)
                    queue = change(m, np.uint64(variables) + which, 1, queue, events, w)
            for i in span(b.spans, branch, at.FOLLOWS):
                follow(m, o, w, b.follow[i], time)
            if b.ends[branch] and value_of(m.functions, m.columns.terminal, w) != 0:
                status = TERMINAL
                break
            # ---- fresh requirements of what fired and of what it restarts
            fired, need = _NOWHERE, 0.0
            if branch <= branches:  # the last stands for a candidate turned down
                w.counts[place] += 1
                if place < c.rated:
                    fired, need = place, requirement(m, place, unit, w)
                elif place < c.drawn:
                    w.renewed[place] = True
                for i in span(b.spans, branch, at.RESTARTS):
                    target = b.restart[i]
                    w.counts[target] += 1
                    if target < c.rated:
                        w.work[target] = requirement(m, target, unit, w)
                        w.speed[target] = 0.0  # no work of it is done yet
                    if target < c.drawn:
                        w.renewed[target] = True
            # ---- re-time whom it concerns
            whom = span(b.spans, branch, at.TOUCHES)
            for i in range(len(whom) if queue < 0 else queue):
                reader = b.touch[whom.start + np.uint64(i)] if queue < 0 else w.queue[i]
                wrong = retime(m, reader, time, fired, need, unit, w)
                if wrong != _NOWHERE:
                    w.fault[0], w.fault[1], w.fault[6], w.faulty[1] = SPEED, c.rank[wrong], position, before
                    return position
            # ---- the next event
            acting: Any = np.uint64(0)
            bits, ties = NEVER_BITS, 0
            for actor in range(actors):
                ties = 1 if w.best[actor] < bits else ties + (w.best[actor] == bits)
                acting = actor if w.best[actor] < bits else acting
                bits = min(bits, w.best[actor])
            time = NEVER
            if bits < NEVER_BITS:
                if ties == 1 and c.plain[acting]:
                    place = first_due(m, acting, bits, w)
                else:
                    row = due_row(m, acting, bits, w)
                    if ties > 1:
                        for actor in range(actors):
                            if w.best[actor] == bits:
                                row = min(row, due_row(m, actor, bits, w))
                    place = c.place[row]
                    acting = c.actor[place]
                time = w.due[place]
            horizon = not time <= watching.until
            if horizon or time == NEVER or watching.integral.size or watching.observe[w.epoch[2]] < time:
                pass_time(m, o, w, position, before, NEVER if horizon else time)
                if horizon or time == NEVER:
                    break
            if place >= c.dated:
                w.due[place] = NEVER
                if c.guard[place] >= 0 and value_of(m.functions, c.guard[place], w) == 0:
                    # It lapses: nobody is re-timed, its actor waits for the next of its due times.
                    before, instant, queue, branch = time, 0, 0, branches + _ONE + _ONE
                    bits = earliest(m, acting, w)
                    for i in span(c.spans, acting, at.RATES):
                        bits = min(bits, w.due_bits[i])
                    w.best[acting] = bits
                    continue
            instant = instant + 1 if time == before else 1
            runs_off = place < c.drawn and w.speed[place] == NEVER
            if instant > MAX_INSTANT or events + rejected >= watching.max_events or runs_off:
                status, culprit = RAN_AWAY, c.rank[place]
                break
            before = time
            if m.between.some:
                w.felt.step[0] = events + rejected + 1
                w.felt.turned_down[0] = -1
                if m.between.feels[place]:
                    feel(m, time, w)
                if m.between.thinned[place] >= 0:
                    happens = accepted(m, place, time, unit, w)
                    if happens < 0:
                        w.fault[6] = position
                        return position
                    if happens == 0:
                        rejected += 1
                        w.queue[0] = acting
                        queue, branch = 1, branches
                        continue
            # ---- what follows from it
            branch = c.first_branch[place]
            if c.branch_count[place] > _ONE:
                chosen = choose(m, place, unit, w)
                if chosen < 0:
                    w.fault[6] = position
                    return position
                branch += np.uint64(chosen)
            events += 1
            o.fired[branch] += 1
            if watching.log:
                entry = o.logged[0]
                o.log_position[entry], o.log_time[entry] = position, time
                o.log_row[entry], o.log_branch[entry] = c.rank[place], branch
                o.logged[0] = entry + 1
            settling = span(b.spans, branch, at.EFFECTS)
            jumping = m.between.some and m.between.jump_first[branch] < m.between.jump_first[branch + _ONE]
            if len(settling) > 0 or jumping:
                saturated = settle(m, place, branch, unit, w)
                if saturated < 0 or (jumping and not jumped(m, place, branch, w)):
                    w.fault[6] = position
                    return position
                saturations += saturated
            for i in span(b.spans, branch, at.MOVES):
                w.state[b.move_column[i]] += b.move[i]
                w.values[b.move_column[i]] = float(w.state[b.move_column[i]])
            for i in span(b.spans, branch, at.SHIFTS):
                w.indices[b.shift_slot[i]] += b.shift[i]
            queue = -1  # those that the branch touches, as they are listed
            if len(settling) > 0:
                queue = touched(m, branch, queue, events, w)
                for j, i in enumerate(settling):
                    if w.pending[j] != 0:
                        queue = change(m, b.effect_column[i], w.pending[j], queue, events, w)
            if m.between.some:
                renew(m, place, branch, w)
                if jumping:
                    queue = push_all(m, branch, time, queue, events, w)
        if status == AT_HORIZON:
            time = watching.until
        o.events[position], o.saturations[position], o.culprit[position] = events, saturations, culprit
        finish(m, o, w, position, status, time)
    return last
