"""The step of the model for one history after another, in plain Python over arrays, for Numba to compile.

:func:`run` is ordinary code: nothing in it belongs to one model, so it is compiled once for all of them. It keeps to
the meaning of the step as :mod:`sim.engines.reference` writes it; only what is touched is computed again. Rates of an
actor are re-timed in loops over neighbouring places, which compile to vector instructions.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.engines.compiled_layout import CONSTANT, EFFECT, LANES, MEMO, MEMORY, STATE, TABLE, Functions, Layout
from sim.engines.interface import AT_HORIZON, RAN_AWAY, TERMINAL, Floats, Integers
from sim.engines.watching import bin_of
from sim.model import draws, scalar
from sim.model.compiled import LEAST_WORK, MAX_INSTANT, MAX_SPEED

NEVER: Final = math.inf
_REQUIREMENT: Final = np.uint64(draws.REQUIREMENT)
_BRANCH: Final = np.uint64(draws.BRANCH)
_NEVER_BITS: Final[Any] = np.int64(0x7FF0000000000000)
_ENABLING: Final = MEMORY["enabling"]
_IDENTICAL: Final = MEMORY["identical"]
_ADD: Final = EFFECT["add"]
_AT_LEAST: Final = EFFECT["at_least"]
_AT_MOST: Final = EFFECT["at_most"]
#: What went wrong: kind of fault, place or row, and what belongs to it.
SPEED: Final = 1
WEIGHT: Final = 2
WEIGHTS: Final = 3
WHOLE: Final = 4
BOUNDS: Final = 5


class Scratch(NamedTuple):
    """Working memory of one history, used again for the next.

    ``pattern``, ``x`` and ``bits``, ``half`` are two pieces of memory, each seen as whole numbers and as numbers.
    ``epoch``: how often inputs were drawn (a memo is good for one epoch), their number, the next observation.
    ``fault``: kind, row, branch or column, three values, replication; ``faulty``: a value, the time before.
    """

    work: Floats
    whole: Floats
    speed: Floats
    fresh_speed: Floats
    due: Floats
    due_bits: Integers
    counts: Integers
    held: NDArray[np.bool_]
    renewed: NDArray[np.bool_]
    scale: Floats
    ahead: Floats
    block: Integers
    anchor: Floats
    best: Integers
    queue: Integers
    queued: Integers
    indices: NDArray[np.uint64]
    state: Integers
    start: Integers
    values: Floats
    reached: Floats
    integral: Floats
    seen: Integers
    stack: Floats
    sums: Floats
    pending: Integers
    memo: Floats
    stamp: Integers
    pattern: NDArray[np.uint64]
    x: Floats
    bits: Integers
    half: Floats
    power: Floats
    epoch: Integers
    fault: Integers
    faulty: Floats


class Output(NamedTuple):
    """Results in plan order (see Rows), flat counts of what is watched, and the log with its length so far."""

    status: NDArray[np.int8]
    end: Floats
    events: Integers
    saturations: Integers
    culprit: Integers
    milestones: Floats
    start: Integers
    state: Integers
    inputs: Floats
    observed: Integers
    integrals: Floats
    occupancy: Integers
    fired: Integers
    logged: Integers
    log_position: Integers
    log_time: Floats
    log_row: Integers
    log_branch: Integers


def value_of(f: Functions, which: int, w: Scratch) -> float:
    """Value of a function in the present state."""
    kind = f.kind[which]
    if kind == CONSTANT:
        return f.value[which]  # type: ignore[no-any-return]
    if kind == STATE:
        value: float = w.values[f.column[which]]
    elif kind == TABLE:
        entry = f.offset[which]
        for i in range(f.first[which], f.last[which]):
            entry += f.stride[i] * w.state[f.read[i]]
        return f.tables[entry]  # type: ignore[no-any-return]
    else:
        entry = -1
        if kind == MEMO:
            entry = f.offset[which]
            for i in range(f.first[which], f.last[which]):
                entry += f.stride[i] * w.state[f.read[i]]
            if w.stamp[entry] == w.epoch[0]:
                return w.memo[entry]  # type: ignore[no-any-return]
        value = scalar.evaluate(f.code, f.start[which], f.end[which], w.values, w.stack)
        if f.speed[which]:
            value = value + 0.0 if value >= 0 else math.nan
        if entry >= 0:
            w.memo[entry] = value
            w.stamp[entry] = w.epoch[0]
        return value
    if f.speed[which]:
        value = value + 0.0 if value >= 0 else math.nan
    return value


def finish_draws(  # noqa: PLR0917 - the kernel passes arrays, not what holds them
    count: int,
    pattern: NDArray[np.uint64],
    x: Floats,
    bits: Integers,
    half: Floats,
    power: Floats,
) -> None:
    """Turn patterns of random bits into the requirements of rates: -log(1 - u) into ``power``, u into ``half``."""
    for j in range(count):
        x[j] = 1.0 - scalar.uniform_of(x[j])
    for j in range(count):
        whole = np.int64(pattern[j])
        power[j] = scalar.exponent_of(whole)
        bits[j] = scalar.mantissa_bits(whole)
    for j in range(count):
        need = -scalar.log_of_half(half[j], power[j])
        power[j] = need if need > LEAST_WORK else LEAST_WORK
        half[j] = 1.0 - x[j]  # exact: 1 - u is


def block_of_patterns(key0: Any, key1: Any, unit: Any, first: Any, count: int, pattern: NDArray[np.uint64]) -> None:  # noqa: PLR0917
    """Patterns of the draws ``first``, ``first`` + 1, … of one clock."""
    for j in range(count):
        pattern[j] = scalar.pattern(key0, key1, unit, first + np.uint64(j), _REQUIREMENT)


def requirement(m: Layout, place: int, unit: Any, w: Scratch) -> float:
    """Requirement number ``count`` (1 or more) of a clock; those of rates are drawn several at a time."""
    k = w.counts[place]
    block = (k - 1) // LANES
    if w.block[place] != block:
        w.block[place] = block
        key0, key1 = m.clocks.key0[place], m.clocks.key1[place]
        first = np.uint64(block * LANES + 1)
        # The number of lanes is not written as a constant: loops of known length are unrolled, not vectorised.
        block_of_patterns(key0, key1, unit, first, m.lanes, w.pattern)
        finish_draws(m.lanes, w.pattern, w.x, w.bits, w.half, w.power)
        if m.clocks.law[place] < 0:
            for j in range(LANES):
                w.ahead[place * LANES + j] = w.power[j]
        else:
            for j in range(LANES):
                w.ahead[place * LANES + j] = w.half[j]
    drawn = w.ahead[place * LANES + k - 1 - block * LANES]
    if m.clocks.law[place] < 0:
        return drawn  # type: ignore[no-any-return]
    need = w.scale[place] * scalar.quantile(m.laws, m.clocks.law[place], drawn)
    return need if need > LEAST_WORK else LEAST_WORK


def move(m: Layout, column: int, delta: int, w: Scratch) -> None:
    """Change a column by a number, with the indices that hold it."""
    w.state[column] += delta
    w.values[column] = float(w.state[column])
    for i in range(m.columns.users[column], m.columns.users[column + 1]):
        w.indices[m.columns.user_slot[i]] += np.uint64(m.columns.user_stride[i] * delta)


def draw_unit(m: Layout, number: int, w: Scratch) -> None:
    """Inputs, hidden starts and scales of delays of an input number."""
    variables = m.columns.start.size
    milestones = m.columns.milestone.size
    unit = np.uint64(number)
    w.epoch[0] += 1
    w.epoch[1] = number
    for i in range(m.columns.input_law.size):
        u = scalar.uniform(m.columns.input_key0[i], m.columns.input_key1[i], unit, _REQUIREMENT, _REQUIREMENT)
        w.values[variables + milestones + i] = scalar.quantile(m.laws, m.columns.input_law[i], u)
    for i in range(variables):
        w.start[i] = m.columns.start[i]
        if m.columns.start_law[i] >= 0:
            u = scalar.uniform(m.columns.start_key0[i], m.columns.start_key1[i], unit, _REQUIREMENT, _REQUIREMENT)
            w.start[i] = int(scalar.quantile(m.laws, m.columns.start_law[i], u))
    for place in range(m.clocks.drawn):
        if m.clocks.scale[place] >= 0:
            w.scale[place] = value_of(m.functions, m.clocks.scale[place], w)


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
            move(m, column, w.start[column], w)
    clocks = m.clocks
    for place in range(clocks.drawn):
        w.pattern[place] = scalar.pattern(clocks.key0[place], clocks.key1[place], unit, _REQUIREMENT, _REQUIREMENT)
    finish_draws(clocks.drawn, w.pattern, w.x, w.bits, w.half, w.power)
    for place in range(clocks.drawn):
        w.work[place] = w.power[place]
        w.speed[place] = 0.0
        w.due[place] = NEVER
        w.block[place] = -1
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
    for place in range(w.counts.size):
        w.counts[place] = 0
    for place in range(clocks.drawn, w.due.size):
        w.due[place] = NEVER
    for i in range(clocks.calendars.size // 2):
        for place in range(clocks.calendars[2 * i], clocks.calendars[2 * i + 1]):
            w.due[place] = clocks.time[place]
    for actor in range(w.anchor.size):
        w.anchor[actor] = 0.0


def retime(m: Layout, actor: int, time: float, unit: Any, w: Scratch) -> int:  # noqa: PLR0915 - one step
    """Work done since the anchor, new speeds and due times of one actor; the place of a wrong speed, else -1."""
    c, tables = m.clocks, m.functions.tables
    passed = time - w.anchor[actor]
    w.anchor[actor] = time
    low, high = c.rates[2 * actor], c.rates[2 * actor + 1]
    first, last = c.delays[2 * actor], c.delays[2 * actor + 1]
    for place in range(low, high):
        w.fresh_speed[place] = tables[c.table[place] + w.indices[c.slot[place]]]
    for place in range(first, last):
        w.fresh_speed[place] = tables[c.table[place] + w.indices[c.slot[place]]]
    for i in range(c.products[actor], c.products[actor + 1]):
        w.fresh_speed[c.product_place[i]] *= tables[c.product_table[i] + w.indices[c.product_slot[i]]]
    for i in range(c.factors[actor], c.factors[actor + 1]):
        w.fresh_speed[c.factor_place[i]] *= value_of(m.functions, c.factor[i], w)
    for i in range(c.guards[actor], c.guards[actor + 1]):
        if value_of(m.functions, c.guard[c.guarded[i]], w) == 0:
            w.fresh_speed[c.guarded[i]] = 0.0
    for i in range(c.unproven[actor], c.unproven[actor + 1]):
        speed = w.fresh_speed[c.doubtful[i]]
        if speed != speed:  # noqa: PLR0124 - nan
            return c.doubtful[i]  # type: ignore[no-any-return]
        if speed > MAX_SPEED:
            w.fresh_speed[c.doubtful[i]] = NEVER
    best: Any = _NEVER_BITS
    for place in range(low, high):
        left = w.work[place] - w.speed[place] * passed
        left = left if left > LEAST_WORK else LEAST_WORK
        speed = w.fresh_speed[place]
        w.work[place] = left
        w.speed[place] = speed
        due = time + left / speed
        w.due[place] = due
        best = min(best, np.float64(due).view(np.int64))
    for place in range(np.int64(first), np.int64(last)):
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
    for place in range(c.immediates[2 * actor], c.immediates[2 * actor + 1]):
        holds = c.guard[place] < 0 or value_of(m.functions, c.guard[place], w) != 0
        w.due[place] = time if holds else NEVER
    w.best[actor] = min(best, earliest(m, actor, w))
    return -1


def earliest(m: Layout, actor: Any, w: Scratch) -> Any:
    """Bits of the first due time of an actor's clocks other than rates: numbers >= 0 are ordered as their bits are."""
    c = m.clocks
    best: Any = _NEVER_BITS
    for place in range(c.delays[2 * actor], c.delays[2 * actor + 1]):
        best = min(best, w.due_bits[place])
    for place in range(c.immediates[2 * actor], c.immediates[2 * actor + 1]):
        best = min(best, w.due_bits[place])
    for place in range(c.calendars[2 * actor], c.calendars[2 * actor + 1]):
        best = min(best, w.due_bits[place])
    return best


def due_row(m: Layout, actor: Any, bits: Any, w: Scratch) -> Any:
    """Of the clocks of an actor that are due at a time, the row that ranks first. No branch depends on which it is."""
    c = m.clocks
    row: Any = np.int64(c.place.size)
    for place in range(c.rates[2 * actor], c.rates[2 * actor + 1]):
        row = min(row, c.rank[place] if w.due_bits[place] == bits else c.place.size)
    for place in range(c.delays[2 * actor], c.delays[2 * actor + 1]):
        row = min(row, c.rank[place] if w.due_bits[place] == bits else c.place.size)
    for place in range(c.immediates[2 * actor], c.immediates[2 * actor + 1]):
        row = min(row, c.rank[place] if w.due_bits[place] == bits else c.place.size)
    for place in range(c.calendars[2 * actor], c.calendars[2 * actor + 1]):
        row = min(row, c.rank[place] if w.due_bits[place] == bits else c.place.size)
    return row


def choose(m: Layout, place: int, unit: Any, w: Scratch) -> int:
    """Branch by one uniform against the weights in declared order; -1 for weights without meaning."""
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
    return first + chosen  # type: ignore[no-any-return]


def settle(m: Layout, place: int, branch: int, unit: Any, w: Scratch) -> int:
    """Changes by effects that are no plain moves, into ``pending``; how many had to be kept in bounds, -1 for a fault.

    All are computed from the state before the action.
    """
    b, saturated = m.branches, 0
    for i in range(b.amounts[branch], b.amounts[branch + 1]):
        u = scalar.uniform(b.amount_key0[i], b.amount_key1[i], unit, np.uint64(w.counts[place]), _REQUIREMENT)
        w.values[b.amount_column[i]] = scalar.quantile(m.laws, b.amount_law[i], u)
    for j, i in enumerate(range(b.effects[branch], b.effects[branch + 1])):
        value = value_of(m.functions, b.effect_value[i], w)
        if not abs(value) < 2.0**53 or np.floor(value) != value:
            w.fault[0], w.fault[1], w.fault[2], w.faulty[0] = WHOLE, m.clocks.rank[place], b.effect_column[i], value
            return -1
        number, old, kind = np.int64(value), w.state[b.effect_column[i]], b.effect_kind[i]
        new = number
        if kind == _ADD:
            new = old + number
        elif kind == _AT_LEAST:
            new = max(old, number)
        elif kind == _AT_MOST:
            new = min(old, number)
        within = min(max(new, b.effect_lower[i]), b.effect_upper[i])
        if within != new:
            if not b.effect_saturates[i]:
                w.fault[0], w.fault[1], w.fault[2] = BOUNDS, m.clocks.rank[place], b.effect_column[i]
                w.fault[3], w.fault[4], w.fault[5] = new, b.effect_lower[i], b.effect_upper[i]
                return -1
            saturated += 1
        w.pending[j] = within - old
    return saturated


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
    actors, variables, branches = w.anchor.size, m.columns.start.size, b.weight.size
    for position in range(first, last):
        if watching.log and o.logged[0] + watching.max_events > o.log_time.size:
            return position
        number = watching.inputs[position]
        if w.epoch[0] == 0 or w.epoch[1] != number:
            draw_unit(m, number, w)
        unit = np.uint64(watching.histories[position])
        begin(m, unit, w)
        time = before = 0.0
        instant = events = saturations = 0
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
        queue, place, branch = actors, -1, branches  # the start
        while True:
            # ---- what is seen of the new state
            for i in range(b.looks[branch], b.looks[branch + 1]):
                which = b.look[i]
                if w.reached[which] == NEVER and value_of(m.functions, m.columns.milestone[which], w) != 0:
                    w.reached[which] = time
                    queue = change(m, variables + which, 1, queue, events, w)
            for i in range(b.follows[branch], b.follows[branch + 1]):
                follow(m, o, w, b.follow[i], time)
            if b.ends[branch] and value_of(m.functions, m.columns.terminal, w) != 0:
                status = TERMINAL
                break
            # ---- fresh requirements of what fired and of what it restarts
            if branch < branches:
                w.counts[place] += 1
                for i in range(b.restarts[branch] - 1, b.restarts[branch + 1]):
                    target = place
                    if i >= b.restarts[branch]:
                        target = b.restart[i]
                        w.counts[target] += 1
                    if target < c.rated:
                        w.work[target] = requirement(m, target, unit, w)
                        w.speed[target] = 0.0  # no work of it is done yet
                    elif target < c.drawn:
                        w.renewed[target] = True
            # ---- re-time whom it concerns
            for i in range(queue):
                wrong = retime(m, w.queue[i], time, unit, w)
                if wrong >= 0:
                    w.fault[0], w.fault[1], w.fault[6], w.faulty[1] = SPEED, c.rank[wrong], position, before
                    return position
            # ---- the next event
            bits, acting, ties = _NEVER_BITS, w.queue[0] * 0, 0
            for actor in range(actors):
                ties = 1 if w.best[actor] < bits else ties + (w.best[actor] == bits)
                acting = actor if w.best[actor] < bits else acting
                bits = min(bits, w.best[actor])
            time = NEVER
            if bits < _NEVER_BITS:
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
                    before, instant, queue, branch = time, 0, 0, branches + 1
                    bits = earliest(m, acting, w)
                    for i in range(c.rates[2 * acting], c.rates[2 * acting + 1]):
                        bits = min(bits, w.due_bits[i])
                    w.best[acting] = bits
                    continue
            instant = instant + 1 if time == before else 1
            runs_off = place < c.drawn and w.speed[place] == NEVER
            if instant > MAX_INSTANT or events >= watching.max_events or runs_off:
                status, culprit = RAN_AWAY, c.rank[place]
                break
            before = time
            # ---- what follows from it
            branch = c.first_branch[place]
            if c.branch_count[place] > 1:
                branch = choose(m, place, unit, w)
                if branch < 0:
                    w.fault[6] = position
                    return position
            events += 1
            o.fired[branch] += 1
            if watching.log:
                entry = o.logged[0]
                o.log_position[entry], o.log_time[entry] = position, time
                o.log_row[entry], o.log_branch[entry] = c.rank[place], branch
                o.logged[0] = entry + 1
            settled = b.effects[branch] < b.effects[branch + 1]
            if settled:
                saturated = settle(m, place, branch, unit, w)
                if saturated < 0:
                    w.fault[6] = position
                    return position
                saturations += saturated
            for i in range(b.moves[branch], b.moves[branch + 1]):
                w.state[b.move_column[i]] += b.move[i]
                w.values[b.move_column[i]] = float(w.state[b.move_column[i]])
            for i in range(b.shifts[branch], b.shifts[branch + 1]):
                w.indices[b.shift_slot[i]] += b.shift[i]
            queue = 0
            for i in range(b.touches[branch], b.touches[branch + 1]):
                w.queue[queue] = b.touch[i]
                w.queued[b.touch[i]] = events
                queue += 1
            if settled:
                for j, i in enumerate(range(b.effects[branch], b.effects[branch + 1])):
                    if w.pending[j] != 0:
                        queue = change(m, b.effect_column[i], w.pending[j], queue, events, w)
        if status == AT_HORIZON:
            time = watching.until
        o.events[position], o.saturations[position], o.culprit[position] = events, saturations, culprit
        finish(m, o, w, position, status, time)
    return last


def change(m: Layout, column: int, delta: int, queue: int, event: int, w: Scratch) -> int:  # noqa: PLR0917
    """Change a column, and queue its readers where they are not queued yet; the new length of the queue."""
    move(m, column, delta, w)
    for i in range(m.columns.readers[column], m.columns.readers[column + 1]):
        actor = m.columns.reader[i]
        if w.queued[actor] != event:
            w.queued[actor] = event
            w.queue[queue] = actor
            queue += 1
    return queue
