"""What changes between events, in the compiled engine's kernel: tensions, thinned rates and trends.

A bound is marked stale where something changed that it reads, and taken anew when its actor is re-timed, which is at
the same event. Rates with a trend keep their work apart from that of the others, whose loops they must not break.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from sim.engines.compiled_arrays import EFFECT, Layout
from sim.engines.compiled_memory import NUMBER, THINNING, Output, Scratch
from sim.engines.compiled_values import program_of, uniform_ahead, value_of
from sim.model import draws
from sim.model.between import decayed_scalar, elapsed_scalar, operational_scalar
from sim.model.compiled import BOUND_SLACK, LEAST_WORK

NEVER: Final = math.inf
NEVER_BITS: Final[Any] = np.int64(0x7FF0000000000000)
_ACCEPTANCE: Final = np.uint64(draws.ACCEPTANCE)
_ONE: Final[Any] = np.uint64(1)
#: No block of draws.
_NOWHERE: Final[Any] = np.uint64(2**64 - 1)
_ADD: Final = EFFECT["add"]
_AT_LEAST: Final = EFFECT["at_least"]
_AT_MOST: Final = EFFECT["at_most"]


# ------------------------------------------------------------------------------------------------------------- start
def draw_tensions(m: Layout, w: Scratch) -> None:
    """Numbers of the tensions that belong to the unit, once its inputs are there."""
    t, felt = m.between, w.felt
    for j in range(felt.level.size):
        felt.start[j] = program_of(m.functions, t.start[j], w)
        felt.toward[j] = program_of(m.functions, t.toward[j], w)
        felt.decay[j] = program_of(m.functions, t.decay[j], w)


def begin_between(m: Layout, w: Scratch) -> None:
    """Tensions, bounds and trends at the start of a history; the first requirements are there."""
    t, felt = m.between, w.felt
    felt.time[0] = -1.0  # no tension stands where programs read it
    felt.step[0] = 0
    for j in range(felt.level.size):
        felt.level[j] = felt.start[j]
        felt.since[j] = 0.0
    for i in range(felt.bound.size):
        felt.stale[i] = True
        felt.block[i] = _NOWHERE
    for kind in range(felt.kept.size):
        felt.kept_step[kind] = -1
    for j in range(felt.work.size):
        felt.speed[j] = -1.0
        felt.work[j] = w.work[t.trend_place[j]]
        felt.worked[j] = operational_scalar(t.trend_shape[j], t.trend_scale[j], t.trend_age[j])
        felt.origin[j] = -t.trend_age[j]
        felt.held[j] = False
        w.renewed[t.trend_place[j]] = False


# ---------------------------------------------------------------------------------------------------------- tensions
def tension(j: Any, time: float, w: Scratch) -> float:
    """A tension at a time at or after its last change."""
    felt = w.felt
    return decayed_scalar(felt.level[j], felt.toward[j], felt.decay[j], time - felt.since[j])


def feel(m: Layout, time: float, w: Scratch) -> None:
    """Put the tensions and the time where programs read them."""
    if w.felt.time[0] != time:
        w.felt.time[0] = time
        for j in range(w.felt.level.size):
            w.values[m.between.first + np.uint64(j)] = tension(j, time, w)
        w.values[m.between.first + np.uint64(w.felt.level.size)] = time


def jumped(m: Layout, place: Any, branch: Any, w: Scratch) -> bool:
    """New values of the tensions that a branch changes, from the state before the action; False for a fault."""
    t = m.between
    first, last = t.jump_first[branch], t.jump_first[branch + _ONE]
    for i in range(first, last):
        column = t.first + t.jump_tension[i]
        old, value = w.values[column], program_of(m.functions, t.jump_value[i], w)
        if not abs(value) < NEVER:
            w.fault[0], w.fault[1], w.fault[2], w.faulty[0] = NUMBER, m.clocks.rank[place], column, value
            return False
        kind, new = t.jump_kind[i], value
        if kind == _ADD:
            new = old + value
        elif kind == _AT_LEAST:
            new = value if value > old else old
        elif kind == _AT_MOST:
            new = value if value < old else old
        w.felt.jumped[i - first] = new + 0.0
    return True


def push(m: Layout, i: Any, new: float, time: float, w: Scratch) -> bool:
    """Set the tension of a jump and mark the bounds that read it; whether it changed."""
    t, felt = m.between, w.felt
    which = t.jump_tension[i]
    if new == w.values[t.first + which]:
        return False
    felt.level[which] = new
    felt.since[which] = time
    # By the same formula as later, so that the value is the one that every engine finds for this instant.
    w.values[t.first + which] = tension(which, time, w)
    mark_stale(m, np.uint64(w.state.size) + which, w)
    return True


# ---------------------------------------------------------------------------------------------------------- thinning
def mark_stale(m: Layout, column: Any, w: Scratch) -> None:
    """Mark the bounds that read a column, state columns counted before tensions."""
    for i in range(m.between.touched_first[column], m.between.touched_first[column + _ONE]):
        w.felt.stale[m.between.touched[i]] = True
        w.felt.kept_step[m.between.bound[m.between.touched[i]]] = -1


def renew(m: Layout, place: Any, branch: Any, w: Scratch) -> None:
    """Mark the bound of a candidate that happens, and those that its branch is certain to concern."""
    if m.between.thinned[place] >= 0:
        w.felt.stale[m.between.thinned[place]] = True
    for i in range(m.between.renewed_first[branch], m.between.renewed_first[branch + _ONE]):
        w.felt.stale[m.between.renewed[i]] = True
        w.felt.kept_step[m.between.bound[m.between.renewed[i]]] = -1


def bound_speeds(m: Layout, actor: Any, time: float, w: Scratch) -> None:
    """Multiply the speeds of an actor's thinned rates by their bounds, the stale ones taken anew."""
    t, felt = m.between, w.felt
    for i in range(t.thinned_first[actor], t.thinned_first[actor + _ONE]):
        if felt.stale[i]:
            felt.stale[i] = False
            kind = t.bound[i]
            if felt.kept_step[kind] != felt.step[0]:
                felt.kept_step[kind] = felt.step[0]
                feel(m, time, w)
                value = program_of(m.functions, t.bounds[kind], w) + 0.0
                felt.kept[kind] = value if value >= 0 else math.nan
            felt.bound[i] = felt.kept[kind]
        w.fresh_speed[t.place[i]] *= felt.bound[i]


def accepted(m: Layout, place: Any, time: float, unit: Any, w: Scratch) -> int:
    """Whether a candidate of a thinned rate is an event, by a uniform of its own: 1 or 0, -1 for a wrong bound."""
    c = m.clocks
    i = np.uint64(m.between.thinned[place])
    value, bound = program_of(m.functions, m.between.value[i], w), w.felt.bound[i]
    if not 0 <= value <= bound * (1.0 + BOUND_SLACK):
        w.fault[0], w.fault[1] = THINNING, c.rank[place]
        w.faulty[0], w.faulty[1], w.faulty[2] = value, bound, time
        return -1
    kind = m.between.bound[i]
    if m.between.bounds[kind] == m.between.value[i]:  # as it is unless the event changes what it reads
        w.felt.kept[kind], w.felt.kept_step[kind] = value + 0.0, w.felt.step[0]
    k = np.uint64(w.counts[place])
    u = uniform_ahead(m, c.key0[place], c.key1[place], unit, k, _ACCEPTANCE, i, w.felt.block, w.felt.ahead, w)
    if u * bound < value:
        return 1
    w.felt.stale[i] = True
    w.felt.turned_down[0] = np.int64(place)
    return 0


# ------------------------------------------------------------------------------------------------------------ trends
def set_aside(m: Layout, actor: Any, w: Scratch) -> None:
    """Put the speeds of an actor's rates with a trend aside: for the loop over all its rates they stand still."""
    t = m.between
    for j in range(t.trend_first[actor], t.trend_first[actor + _ONE]):
        w.felt.next[j] = w.fresh_speed[t.trend_place[j]]
        w.fresh_speed[t.trend_place[j]] = 0.0


def follow_trends(m: Layout, actor: Any, time: float, fired: Any, w: Scratch) -> Any:
    """Work, origin and due time of an actor's rates with a trend; bits of the first due time.

    ``fired`` is the place of a rate whose fresh work is there, as that of restarted ones is.
    """
    t, felt, best = m.between, w.felt, NEVER_BITS
    for j in range(t.trend_first[actor], t.trend_first[actor + _ONE]):
        place, shape, scale = t.trend_place[j], t.trend_shape[j], t.trend_scale[j]
        before, speed = felt.speed[j], felt.next[j]
        felt.speed[j] = speed
        w.speed[place] = speed
        worked = operational_scalar(shape, scale, time - felt.origin[j])
        fresh = w.renewed[place] or place == fired
        if fresh:
            w.renewed[place] = False
            felt.work[j] = w.work[place]
        elif before > 0:
            left = felt.work[j] - before * (worked - felt.worked[j])
            felt.work[j] = left if left > LEAST_WORK else LEAST_WORK
        begins = False
        if t.trend_follows[j]:
            holds = value_of(m.functions, m.clocks.guard[place], w) != 0
            begins = holds and not felt.held[j] and before >= 0
            felt.held[j] = holds
        # A candidate that was turned down is nothing that happened: it takes a new requirement, in the same trend.
        if t.trend_renewed[j] and (begins or (fresh and np.int64(place) != felt.turned_down[0])):
            felt.origin[j] = time
            worked = 0.0
        felt.worked[j] = worked
        due = NEVER
        if speed != 0:
            due = felt.origin[j] + elapsed_scalar(shape, scale, worked + felt.work[j] / speed)
        due = due if due > time else time
        w.due[place] = due
        best = min(best, np.float64(due).view(np.int64))
    return best


# ----------------------------------------------------------------------------------------------------------- results
def finish_tensions(o: Output, w: Scratch, position: int, time: float) -> None:
    """Keep where the tensions stand at the end of a history, also for observations that come later."""
    for j in range(w.felt.level.size):
        value = tension(j, time, w)
        o.tensions[j, position] = value
        for which in range(w.epoch[2], o.observed_tensions.shape[0]):
            o.observed_tensions[which, j, position] = value


def observe_tensions(o: Output, w: Scratch, position: int, time: float) -> None:
    """Keep where the tensions stand at the next observation."""
    for j in range(w.felt.level.size):
        o.observed_tensions[w.epoch[2], j, position] = tension(j, time, w)
