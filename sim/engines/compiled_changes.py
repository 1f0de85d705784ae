"""What an event changes, and whom that concerns, in the compiled engine's kernel."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from sim.engines import compiled_arrays as at
from sim.engines.compiled_arrays import EFFECT, Layout
from sim.engines.compiled_between import mark_stale, push
from sim.engines.compiled_memory import BOUNDS, WHOLE, Scratch
from sim.engines.compiled_values import span, uniform_ahead, value_of
from sim.model import draws, scalar

_REQUIREMENT: Final = np.uint64(draws.REQUIREMENT)
_ONE: Final[Any] = np.uint64(1)
_ADD: Final = EFFECT["add"]
_AT_LEAST: Final = EFFECT["at_least"]
_AT_MOST: Final = EFFECT["at_most"]


def move(m: Layout, column: Any, delta: int, w: Scratch) -> None:
    """Change a column by a number, with the indices that hold it."""
    w.state[column] += delta
    w.values[column] = float(w.state[column])
    for i in range(m.columns.users[column], m.columns.users[column + _ONE]):
        w.indices[m.columns.user_slot[i]] += np.uint64(m.columns.user_stride[i] * delta)


def settle(m: Layout, place: Any, branch: Any, unit: Any, w: Scratch) -> int:
    """Changes by effects that are no plain moves, into ``pending``; how many had to be kept in bounds, -1 for a fault.

    All are computed from the state before the action.
    """
    b, saturated = m.branches, 0
    for i in span(b.spans, branch, at.AMOUNTS):
        key0, key1, k = b.amount_key0[i], b.amount_key1[i], np.uint64(w.counts[place])
        u = uniform_ahead(m, key0, key1, unit, k, _REQUIREMENT, i, w.amount_block, w.amount_ahead, w)
        w.values[b.amount_column[i]] = scalar.quantile(m.laws, b.amount_law[i], u)
    for j, i in enumerate(span(b.spans, branch, at.EFFECTS)):
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


def touched(m: Layout, branch: Any, queue: int, event: int, w: Scratch) -> int:
    """Queue those that a branch touches, unless there is a queue already; its length."""
    if queue >= 0:
        return queue
    queue = 0
    for i in span(m.branches.spans, branch, at.TOUCHES):
        w.queue[queue] = m.branches.touch[i]
        w.queued[m.branches.touch[i]] = event
        queue += 1
    return queue


def waiting(actor: Any, queue: int, event: int, w: Scratch) -> int:
    """Queue an actor that is not queued yet; the new length of the queue."""
    if w.queued[actor] != event:
        w.queued[actor] = event
        w.queue[queue] = actor
        queue += 1
    return queue


def change(m: Layout, column: Any, delta: int, queue: int, event: int, w: Scratch) -> int:  # noqa: PLR0917
    """Change a column, and queue its readers where they are not queued yet; the new length of the queue."""
    move(m, column, delta, w)
    if m.between.some:
        mark_stale(m, column, w)
    for i in range(m.columns.readers[column], m.columns.readers[column + _ONE]):
        queue = waiting(m.columns.reader[i], queue, event, w)
    return queue


def push_all(m: Layout, branch: Any, time: float, queue: int, event: int, w: Scratch) -> int:  # noqa: PLR0917
    """Set the tensions that a branch changes, and queue their readers; the length of the queue, -1 for no queue."""
    t = m.between
    first = t.jump_first[branch]
    for i in range(first, t.jump_first[branch + _ONE]):
        if push(m, i, w.felt.jumped[i - first], time, w):
            queue = touched(m, branch, queue, event, w)
            which = t.jump_tension[i]
            for reader in range(t.reader_first[which], t.reader_first[which + _ONE]):
                queue = waiting(t.reader[reader], queue, event, w)
    return queue
