"""Arrays that the compiled engine's kernel writes: its working memory and its results."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.engines.compiled_arrays import LANES, Layout
from sim.engines.interface import Floats, Integers, Rows
from sim.model.compiled import Model

#: What went wrong: kind of fault.
SPEED: Final = 1
WEIGHT: Final = 2
WEIGHTS: Final = 3
WHOLE: Final = 4
BOUNDS: Final = 5
NUMBER: Final = 6
THINNING: Final = 7


class Felt(NamedTuple):
    """Working memory for what changes between events.

    By tension: ``level`` at its last change at ``since``; numbers of the unit; ``jumped``: values to come, by jump.
    ``time``: of the tensions that stand where programs read them; ``step``: events and candidates turned down so far.
    By thinned rate: ``bound``, whether it is ``stale``, and draws for acceptance ahead; ``kept`` is the value of each
    bound at a step. By trend: as in the reference engine; ``next`` is the speed to come. ``turned_down``: place of the
    rate whose candidate was turned down at this step, or -1.
    """

    level: Floats
    since: Floats
    start: Floats
    toward: Floats
    decay: Floats
    jumped: Floats
    time: Floats
    step: Integers
    bound: Floats
    stale: NDArray[np.bool_]
    ahead: Floats
    block: NDArray[np.uint64]
    kept: Floats
    kept_step: Integers
    speed: Floats
    next: Floats
    work: Floats
    worked: Floats
    origin: Floats
    held: NDArray[np.bool_]
    turned_down: Integers


class Scratch(NamedTuple):
    """Working memory of one history, used again for the next.

    ``tables`` holds those of speeds, with what is filled in per unit; ``factor`` is its part with the last factors.
    ``pattern``, ``x`` and ``bits``, ``half`` are two pieces of memory, each seen as whole numbers and as numbers.
    ``epoch``: how often inputs were drawn (a memo is good for one epoch), their number, the next observation.
    ``fault``: kind, row, branch or column, three values, replication; ``faulty``: a value, the time before
    (for a thinned rate its bound), a time.
    """

    tables: Floats
    factor: Floats
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
    amount_ahead: Floats
    amount_block: NDArray[np.uint64]
    block: NDArray[np.uint64]
    anchor: Floats
    best: Integers
    queue: NDArray[np.uint64]
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
    felt: Felt


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
    tensions: Floats
    observed_tensions: Floats
    logged: Integers
    log_position: Integers
    log_time: Floats
    log_row: Integers
    log_branch: Integers


def output_for(rows: Rows, counts: Any, capacity: int) -> Output:
    """Arrays of the rows of results, flat counts of what is watched, and room for a log of ``capacity`` events."""
    return Output(
        status=rows.status,
        end=rows.end,
        events=rows.events,
        saturations=rows.saturations,
        culprit=rows.culprit,
        milestones=rows.milestones,
        start=rows.start,
        state=rows.state,
        inputs=rows.inputs,
        observed=rows.observed,
        integrals=rows.integrals,
        occupancy=counts,
        fired=rows.fired,
        tensions=rows.tensions,
        observed_tensions=rows.observed_tensions,
        logged=np.zeros(1, dtype=np.int64),
        log_position=np.empty(capacity, dtype=np.int64),
        log_time=np.empty(capacity, dtype=np.float64),
        log_row=np.empty(capacity, dtype=np.int64),
        log_branch=np.empty(capacity, dtype=np.int64),
    )


def scratch_for(model: Model, layout: Layout) -> Scratch:
    """Working memory for the histories of a model."""
    places, state = layout.clocks.rank.size, model.first_input
    actors, watching = len(model.actors), layout.watching
    lanes = max(int(layout.clocks.drawn), layout.columns.input_law.size, LANES)
    amounts = layout.branches.amount_law.size
    most_branches = max([len(row.branches) for row in model.rows], default=1)
    most_effects = max([len(branch.effects) for _, branch in model.branches], default=1)

    def numbers(size: int) -> Any:
        return np.zeros(size, dtype=np.float64)

    def whole(size: int) -> Any:
        return np.zeros(size, dtype=np.int64)

    due, pattern, bits = numbers(places), np.zeros(lanes, dtype=np.uint64), whole(lanes)
    tables, last = layout.functions.tables.copy(), layout.clocks.last
    return Scratch(
        tables=tables,
        factor=tables[last : last + places],
        work=np.ones(places),
        whole=np.ones(places),
        speed=numbers(places),
        fresh_speed=numbers(places),
        due=due,
        due_bits=due.view(np.int64),
        counts=whole(places),
        held=np.zeros(places, dtype=np.bool_),
        renewed=np.zeros(places, dtype=np.bool_),
        scale=np.ones(places),
        ahead=numbers(places * LANES),
        amount_ahead=numbers(amounts * LANES),
        amount_block=np.zeros(amounts, dtype=np.uint64),
        block=np.zeros(places, dtype=np.uint64),
        anchor=numbers(actors),
        best=whole(actors),
        queue=np.zeros(actors, dtype=np.uint64),
        queued=whole(actors),
        indices=np.zeros(layout.columns.slot_offset.size, dtype=np.uint64),
        state=whole(state),
        start=whole(len(model.variables)),
        values=numbers(model.time_column + 1),
        reached=numbers(len(model.milestones)),
        integral=numbers(watching.integral.size),
        seen=whole(watching.watched.size),
        stack=numbers(layout.depth + 1),
        sums=numbers(most_branches),
        pending=whole(most_effects),
        memo=numbers(layout.memos),
        stamp=whole(layout.memos),
        pattern=pattern,
        x=pattern.view(np.float64),
        bits=bits,
        half=bits.view(np.float64),
        power=numbers(lanes),
        epoch=whole(3),
        fault=whole(7),
        faulty=numbers(3),
        felt=_felt_for(model, layout),
    )


def _felt_for(model: Model, layout: Layout) -> Felt:
    """Working memory for what changes between events."""
    tensions, trends = np.zeros((5, len(model.tensions))), np.zeros((5, layout.between.trend_place.size))
    thinned, bounds = layout.between.place.size, layout.between.bounds.size
    return Felt(
        level=tensions[0],
        since=tensions[1],
        start=tensions[2],
        toward=tensions[3],
        decay=tensions[4],
        jumped=np.zeros(max([len(branch.jumps) for _, branch in model.branches], default=0)),
        time=np.zeros(1),
        step=np.zeros(1, dtype=np.int64),
        bound=np.zeros(thinned),
        stale=np.zeros(thinned, dtype=np.bool_),
        ahead=np.zeros(thinned * LANES),
        block=np.zeros(thinned, dtype=np.uint64),
        kept=np.zeros(bounds),
        kept_step=np.zeros(bounds, dtype=np.int64),
        speed=trends[0],
        next=trends[1],
        work=trends[2],
        worked=trends[3],
        origin=trends[4],
        held=np.zeros(layout.between.trend_place.size, dtype=np.bool_),
        turned_down=np.full(1, -1, dtype=np.int64),
    )
