"""What the model and the plan say, as plain arrays for the compiled engine.

*Places* number the clocks so that those of one actor stand side by side: first all rates (each actor's filled up to
a multiple of :data:`LANES` with clocks that never run), then delays, immediate actions and calendar actions. Lists of
varying length stand in one array, with another that says where each begins. Numbers that index arrays in the innermost
loops have no sign: Numba reads a negative index as counted from the end, and the test for it would keep those loops
from becoming vector instructions. Changes of an index are added modulo 2**64.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.engines import units
from sim.engines.interface import Floats, Integers, Plan
from sim.engines.layout import layouts, spread
from sim.engines.watching import concerned
from sim.model import scalar
from sim.model.compiled import TABLE_LIMIT, Group, Model, grid
from sim.model.draws import Words
from sim.model.expressions import Program, evaluate
from sim.model.laws import Law

#: Clocks that are re-timed together.
LANES: Final = 8
#: Programs up to this many steps are as quick to run as to look up.
_SHORT: Final = 3

#: How a function gets its value.
CONSTANT: Final = 0
STATE: Final = 1
TABLE: Final = 2
MEMO: Final = 3
PROGRAM: Final = 4

MEMORY: Final = {"age": 0, "enabling": 1, "identical": 2}
EFFECT: Final = {"add": 0, "set": 1, "at_least": 2, "at_most": 3}


class Functions(NamedTuple):
    """Functions of state and inputs.

    ``kind`` is one of the constants above, ``value`` the number of a constant, ``column`` that of a state; ``start``
    and ``end`` delimit a program's steps. Tables and memos (kept per unit) are indexed by ``offset`` + the sum of
    ``stride`` x state over the columns in ``first`` … ``last`` - 1. ``speed``: what is no number >= 0 becomes nan.
    """

    kind: Integers
    value: Floats
    column: Integers
    start: Integers
    end: Integers
    offset: Integers
    first: Integers
    last: Integers
    speed: NDArray[np.bool_]
    read: Integers
    stride: Integers
    tables: Floats
    code: scalar.Code


class Clocks(NamedTuple):
    """By place, and by actor where each kind of clock begins and ends.

    Rates come before the place ``rated``, delays before ``drawn``, and calendar actions from ``dated`` on.

    ``table`` and ``slot`` give a speed's first factor: entry ``table`` + index ``slot``. The lists hold, by actor,
    further tabled factors (``products``), those by function, guards to apply, and unproven speeds.
    """

    rated: int
    drawn: int
    dated: int
    rank: Integers
    actor: Integers
    key0: Words
    key1: Words
    time: Floats
    guard: Integers
    law: Integers
    scale: Integers
    age: Floats
    memory: Integers
    watched: NDArray[np.bool_]
    rates: Words
    delays: Words
    immediates: Words
    calendars: Words
    table: Words
    slot: Words
    products: Integers
    product_place: Integers
    product_table: Words
    product_slot: Words
    factors: Integers
    factor_place: Integers
    factor: Integers
    guards: Integers
    guarded: Integers
    unproven: Integers
    doubtful: Integers
    place: Integers
    first_branch: Integers
    branch_count: Integers


class Branches(NamedTuple):
    """By branch: weight, and lists of what follows from it.

    Two more branches than the model has stand for the start of a history, when everything is looked at, and for a
    calendar action that lapses, when nothing is.
    """

    weight: Integers
    moves: Integers
    move_column: Integers
    move: Integers
    shifts: Integers
    shift_slot: Words
    shift: Words
    touches: Integers
    touch: Integers
    effects: Integers
    effect_column: Integers
    effect_kind: Integers
    effect_value: Integers
    effect_lower: Integers
    effect_upper: Integers
    effect_saturates: NDArray[np.bool_]
    restarts: Integers
    restart: Integers
    amounts: Integers
    amount_column: Integers
    amount_law: Integers
    amount_key0: Words
    amount_key1: Words
    looks: Integers
    look: Integers
    ends: NDArray[np.bool_]
    follows: Integers
    follow: Integers


class Columns(NamedTuple):
    """By state column: the indices that hold it and the actors that read it; starts and inputs with their draws."""

    users: Integers
    user_slot: Integers
    user_stride: Integers
    readers: Integers
    reader: Integers
    slot_offset: Integers
    start: Integers
    start_law: Integers
    start_key0: Words
    start_key1: Words
    input_law: Integers
    input_key0: Words
    input_key1: Words
    milestone: Integers
    terminal: int


class Watching(NamedTuple):
    """What the plan asks for: functions watched with their bins and where their counts begin; ``days`` of each."""

    until: float
    max_events: int
    log: bool
    inputs: Integers
    histories: Integers
    observe: Floats
    integral: Integers
    watched: Integers
    bins: Integers
    first: Integers
    days: int


class Layout(NamedTuple):
    """All of it; ``memos`` is the number of entries kept per unit, ``depth`` the size of the stack."""

    functions: Functions
    laws: scalar.Laws
    clocks: Clocks
    branches: Branches
    columns: Columns
    watching: Watching
    memos: int
    depth: int
    lanes: int


def lists(entries: Iterable[Sequence[int]]) -> tuple[Integers, Integers]:
    """Lists as one array and where each begins (one entry more than lists)."""
    found = [list(entry) for entry in entries]
    starts = np.cumsum([0, *(len(entry) for entry in found)]).astype(np.int64)
    return starts, np.array([x for entry in found for x in entry], dtype=np.int64)


def lay_out(model: Model, plan: Plan) -> Layout:
    """Arrays of a model and a plan."""
    return _Builder(model, plan).layout()


class _Builder:
    """Working memory of one layout."""

    def __init__(self, model: Model, plan: Plan) -> None:
        self.model, self.plan = model, plan
        self.keys = units.keys_for(model, plan.seed)
        # Entries 0 and 1 are the factor of a layer that is not there and the speed of a clock that never runs.
        self.tables: list[Floats] = [np.array([1.0, 0.0])]
        self.table_size = 2
        self.memos = 0
        self.programs: list[Program] = []
        self.functions: list[tuple[int, float, int, int, int, list[tuple[int, int]], bool]] = []
        self.known: dict[tuple[object, ...], int] = {}
        self.laws: list[Law] = []
        self.law_numbers: dict[Law, int] = {}
        self.place_of: dict[int, int] = {}

    # ---------------------------------------------------------------------------------------------------- parts
    def put(self, table: Floats) -> int:
        """Where a table begins among all tables."""
        self.tables.append(np.asarray(table, dtype=np.float64))
        self.table_size += table.size
        return self.table_size - table.size

    def law(self, law: Law | None) -> int:
        if law is None:
            return -1
        if law not in self.law_numbers:
            self.law_numbers[law] = len(self.laws)
            self.laws.append(law)
        return self.law_numbers[law]

    def bounds(self, column: int) -> tuple[int, int]:
        model = self.model
        return (model.lower[column], model.upper[column]) if column < len(model.variables) else (0, 1)

    def function(self, program: Program, *, speed: bool = False, tables: bool = True) -> int:
        """Number of the function that gives the value of a program."""
        model = self.model
        key = (program.code, speed, tables)
        if key in self.known:
            return self.known[key]
        state = [c for c in program.reads if c < model.first_input]
        constant = program.constant
        limits = [self.bounds(c) for c in state]
        size = math.prod(high - low + 1 for low, high in limits)
        table = tables and size <= TABLE_LIMIT and len(program.code) > _SHORT
        stride = [math.prod(high - low + 1 for low, high in limits[i + 1 :]) for i in range(len(state))]
        shift = -sum(low * s for (low, _), s in zip(limits, stride, strict=True))
        reads = list(zip(state, stride, strict=True))
        column = program.reads[0] if len(program.code) == 1 and program.reads else 0
        kind, number, offset, value = PROGRAM, -1, 0, 0.0
        if constant is not None:
            kind, value = CONSTANT, self.sound(constant) if speed else constant
        elif len(program.code) == 1:
            kind = STATE
        elif table and len(state) == len(program.reads):
            known = grid(state, [low for low, _ in limits], stride, size)
            values = np.broadcast_to(evaluate(program, known.__getitem__), (size,)) + 0.0
            kind, offset = TABLE, shift + self.put(np.where(values >= 0, values, np.nan) if speed else values)
        else:
            number = len(self.programs)
            self.programs.append(program)
            if table and all(c < model.first_amount for c in program.reads):
                kind, offset = MEMO, shift + self.memos
                self.memos += size
        self.known[key] = len(self.functions)
        self.functions.append((kind, value, column, number, offset, reads if kind in (TABLE, MEMO) else [], speed))
        return self.known[key]

    @staticmethod
    def sound(value: float) -> float:
        return value + 0.0 if value >= 0 else math.nan

    def group(self, group: Group | None) -> int:
        """Number of the function of a group; -1 for none."""
        if group is None:
            return -1
        return self.function(group.program, speed=True, tables=group.size > 0 or group.per_unit)

    # --------------------------------------------------------------------------------------------------- layout
    def layout(self) -> Layout:
        clocks, columns, branches, watching = self.clocks(), self.columns(), self.branches(), self.watching()
        code, ends = scalar.encode(self.programs)
        kinds, values, column, numbers, offsets, reads, speeds = zip(*self.functions, strict=True)
        starts, flat = lists([x for pair in entry for x in pair] for entry in reads)
        number = np.array(numbers, dtype=np.int64)
        functions = Functions(
            kind=np.array(kinds, dtype=np.int64),
            value=np.array(values, dtype=np.float64),
            column=np.array(column, dtype=np.int64),
            start=np.where(number >= 0, ends[number], 0),
            end=np.where(number >= 0, ends[number + 1 if len(self.programs) else number], 0),
            offset=np.array(offsets, dtype=np.int64),
            first=starts[:-1] // 2,
            last=starts[1:] // 2,
            speed=np.array(speeds, dtype=np.bool_),
            read=flat[0::2].copy(),
            stride=flat[1::2].copy(),
            tables=np.concatenate(self.tables),
            code=code,
        )
        depth = max([scalar.depth(program) for program in self.programs], default=1)
        return Layout(
            functions, scalar.pack(self.laws), clocks, branches, columns, watching, max(self.memos, 1), depth, LANES
        )

    def clocks(self) -> Clocks:
        """Places of the clocks and all that belongs to them."""
        model = self.model
        order: list[int] = []  # row of each place, -1 for one that never runs
        ranges: dict[str, list[tuple[int, int]]] = {}
        actors = range(len(model.actors))
        for kind in ("rate", "delay", "immediate", "calendar"):
            ranges[kind] = []
            for actor in actors:
                mine = [i for i, row in enumerate(model.rows) if row.actor == actor and row.kind == kind]
                if kind == "rate":
                    mine += [-1] * (-len(mine) % LANES)
                ranges[kind].append((len(order), len(order) + len(mine)))
                order += mine
        self.place_of = {row: place for place, row in enumerate(order) if row >= 0}
        places = len(order)
        self.slots: list[dict[int, int]] = [{}]  # column -> stride of each index; the first one is always 0
        self.slot_offsets = [0]
        factors = self.tabled_factors()
        rows = [model.rows[i] if i >= 0 else None for i in order]
        parts = [factors.get(i, ([(1, 0)], [])) for i in order]  # of a place that never runs: the speed 0
        table, slot = np.zeros(places, dtype=np.uint64), np.zeros(places, dtype=np.uint64)
        for place, (tabled, _) in enumerate(parts):
            if tabled:  # else the first factor is entry 0, which is 1
                table[place], slot[place] = tabled[0]
        by_actor = [
            [p for low, high in (ranges["rate"][a], ranges["delay"][a]) for p in range(low, high)] for a in actors
        ]
        more = [[(p, f) for p in mine for f in parts[p][1]] for mine in by_actor]
        guards = [[p for p in mine if (row := rows[p]) is not None and row.guarded] for mine in by_actor]
        doubtful = [[p for p in mine if (row := rows[p]) is not None and not row.proven] for mine in by_actor]
        products = [[(p, *factor) for p in mine for factor in parts[p][0][1:]] for mine in by_actor]
        product_starts, product_places = lists([p for p, _, _ in mine] for mine in products)
        factor_starts, factor_places = lists([p for p, _ in mine] for mine in more)
        guard_starts, guarded = lists(guards)
        doubt_starts, doubted = lists(doubtful)
        spare = len(model.rows)
        keys = self.keys.rows[:, [i if i >= 0 else spare for i in order]]
        return Clocks(
            rated=ranges["delay"][0][0] if places else 0,
            drawn=ranges["immediate"][0][0] if places else 0,
            dated=ranges["calendar"][0][0] if places else 0,
            rank=np.array([i if i >= 0 else spare for i in order], dtype=np.int64),
            actor=np.array([row.actor if row else -1 for row in rows], dtype=np.int64),
            key0=np.ascontiguousarray(keys[0]),
            key1=np.ascontiguousarray(keys[1]),
            time=np.array([row.time if row else 0.0 for row in rows], dtype=np.float64),
            guard=np.array([self.group(row.guard) if row else -1 for row in rows], dtype=np.int64),
            law=np.array([self.law(row.law) if row else -1 for row in rows], dtype=np.int64),
            scale=np.array([self.function(row.scale) if row and row.scale else -1 for row in rows], dtype=np.int64),
            age=np.array([row.age if row else 0.0 for row in rows], dtype=np.float64),
            memory=np.array([MEMORY[row.memory] if row else 0 for row in rows], dtype=np.int64),
            watched=np.array([row is not None and row.watched for row in rows], dtype=np.bool_),
            rates=_bounds(ranges["rate"]),
            delays=_bounds(ranges["delay"]),
            immediates=_bounds(ranges["immediate"]),
            calendars=_bounds(ranges["calendar"]),
            table=table,
            slot=slot,
            products=product_starts,
            product_place=product_places,
            product_table=np.array([entry for mine in products for _, entry, _ in mine], dtype=np.uint64),
            product_slot=np.array([index for mine in products for _, _, index in mine], dtype=np.uint64),
            factors=factor_starts,
            factor_place=factor_places,
            factor=np.array([f for mine in more for _, f in mine], dtype=np.int64),
            guards=guard_starts,
            guarded=guarded,
            unproven=doubt_starts,
            doubtful=doubted,
            place=np.array([self.place_of[i] for i in range(len(model.rows))], dtype=np.int64),
            first_branch=np.array([row.branches[0].number if row else -1 for row in rows], dtype=np.int64),
            branch_count=np.array([len(row.branches) if row else 0 for row in rows], dtype=np.int64),
        )

    def tabled_factors(self) -> dict[int, tuple[list[tuple[int, int]], list[int]]]:
        """By row: leading factors as (entry, index) of a table, and the functions of those that follow."""
        model, found = self.model, {}
        entry: dict[int, tuple[int, int]] = {}
        for layout, groups in layouts(model):
            if layout.per_unit:
                continue
            self.slots.append(dict(zip(layout.state, layout.stride, strict=True)))
            self.slot_offsets.append(-sum(low * s for low, s in zip(layout.lower, layout.stride, strict=True)))
            for group in groups:
                if id(group) not in entry:
                    entry[id(group)] = (self.put(spread(group, layout)), len(self.slots) - 1)
        for i, row in enumerate(model.rows):
            tabled: list[tuple[int, int]] = []
            rest: list[int] = []
            for group in row.speed:
                if group.table is None or rest:
                    rest.append(self.group(group))
                else:
                    tabled.append(entry[id(group)] if group.state else (self.put(group.table), 0))
            found[i] = (tabled, rest)
        return found

    def columns(self) -> Columns:
        """State columns, inputs, milestones."""
        model, keys = self.model, self.keys
        state = range(model.first_input)
        users = [[(slot, s[c]) for slot, s in enumerate(self.slots) if c in s] for c in state]
        self.users = users
        self.readers = [[a for a, reads in enumerate(model.reads) if c in reads] for c in state]
        user_starts, user_slots = lists([slot for slot, _ in mine] for mine in users)
        reader_starts, readers = lists(self.readers)
        terminal = -1 if model.terminal is None else self.function(model.terminal)
        return Columns(
            users=user_starts,
            user_slot=user_slots,
            user_stride=np.array([s for mine in users for _, s in mine], dtype=np.int64),
            readers=reader_starts,
            reader=readers,
            slot_offset=np.array(self.slot_offsets, dtype=np.int64),
            start=np.array([0 if isinstance(s, Law) else s for s in model.start], dtype=np.int64),
            start_law=np.array([self.law(s) if isinstance(s, Law) else -1 for s in model.start], dtype=np.int64),
            start_key0=np.ascontiguousarray(keys.starts[0]),
            start_key1=np.ascontiguousarray(keys.starts[1]),
            input_law=np.array([self.law(law) for law in model.input_laws], dtype=np.int64),
            input_key0=np.ascontiguousarray(keys.inputs[0]),
            input_key1=np.ascontiguousarray(keys.inputs[1]),
            milestone=np.array([self.function(p) for p in model.milestone_programs], dtype=np.int64),
            terminal=terminal,
        )

    def branches(self) -> Branches:
        """What follows from each branch, by its number."""
        model, variables = self.model, len(self.model.variables)
        found = [branch for _, branch in model.branches]
        rows = [row for row, _ in model.branches]
        effects = [effect for branch in found for effect in branch.effects]
        shifts: list[list[tuple[int, int]]] = []
        touches: list[list[int]] = []
        for row, branch in model.branches:
            moved: dict[int, int] = {}
            touched = {model.rows[row].actor: None}  # a dict keeps the order
            for column, delta in branch.moves:
                for slot, stride in self.users[column]:
                    moved[slot] = moved.get(slot, 0) + stride * delta
                touched |= dict.fromkeys(self.readers[column])
            touched |= {model.rows[target].actor: None for target in branch.restarts}
            shifts.append([(slot, by) for slot, by in moved.items() if by])
            touches.append(list(touched))
        looks = [concerned(model, program.reads) for program in model.milestone_programs]
        follows = [concerned(model, watched.program.reads) for watched in self.plan.watched]
        ends = concerned(model, model.terminal.reads if model.terminal else ())
        pairs = [(row, amount) for row, branch in model.branches for amount in branch.amounts]
        amount_keys = np.concatenate(
            [np.zeros((2, 0), dtype=np.uint64), *(self.keys.amounts[p] for p in pairs)], axis=1
        )
        move_starts, move_columns = lists([c for c, _ in branch.moves] for branch in found)
        shift_starts, shift_slots = lists([slot for slot, _ in mine] for mine in shifts)
        touch_starts, touch = lists(touches)
        effect_starts, effect_columns = lists([e.column for e in branch.effects] for branch in found)
        clocks = ("rate", "delay")
        restarts = [
            [t for t in branch.restarts if t != row and model.rows[t].kind in clocks]
            for row, branch in zip(rows, found, strict=True)
        ]
        restart_starts, restart = lists([*([self.place_of[t] for t in mine] for mine in restarts), [], []])
        amount_starts, amount_columns = lists(branch.amounts for branch in found)
        look_starts, look = lists(_by_branch(looks, len(found)))
        follow_starts, follow = lists(_by_branch(follows, len(found)))
        assert all(c < variables for branch in found for c in branch.changes)
        return Branches(
            weight=np.array([self.function(branch.weight) for branch in found], dtype=np.int64),
            moves=move_starts,
            move_column=move_columns,
            move=np.array([delta for branch in found for _, delta in branch.moves], dtype=np.int64),
            shifts=shift_starts,
            shift_slot=shift_slots.astype(np.uint64),
            shift=np.array([by for mine in shifts for _, by in mine], dtype=np.int64).view(np.uint64),
            touches=touch_starts,
            touch=touch,
            effects=effect_starts,
            effect_column=effect_columns,
            effect_kind=np.array([EFFECT[e.kind] for e in effects], dtype=np.int64),
            effect_value=np.array([self.function(e.value) for e in effects], dtype=np.int64),
            effect_lower=np.array([e.lower for e in effects], dtype=np.int64),
            effect_upper=np.array([e.upper for e in effects], dtype=np.int64),
            effect_saturates=np.array([e.saturate for e in effects], dtype=np.bool_),
            restarts=restart_starts,
            restart=restart,
            amounts=amount_starts,
            amount_column=amount_columns,
            amount_law=np.array(
                [self.law(model.amount_laws[a - model.first_amount]) for _, a in pairs], dtype=np.int64
            ),
            amount_key0=np.ascontiguousarray(amount_keys[0]),
            amount_key1=np.ascontiguousarray(amount_keys[1]),
            looks=look_starts,
            look=look,
            ends=np.append(ends[:-1], [model.terminal is not None, False]),
            follows=follow_starts,
            follow=follow,
        )

    def watching(self) -> Watching:
        """What the plan asks for."""
        plan = self.plan
        sizes = [watched.bins * plan.days for watched in plan.watched]
        return Watching(
            until=float(plan.until),
            max_events=int(plan.max_events),
            log=bool(plan.log),
            inputs=np.ascontiguousarray(plan.inputs, dtype=np.int64),
            histories=np.ascontiguousarray(plan.histories, dtype=np.int64),
            observe=np.array([*plan.observe, np.inf], dtype=np.float64),
            integral=np.array([self.function(p) for p in plan.integrals], dtype=np.int64),
            watched=np.array([self.function(watched.program) for watched in plan.watched], dtype=np.int64),
            bins=np.array([watched.bins for watched in plan.watched], dtype=np.int64),
            first=np.cumsum([0, *sizes]).astype(np.int64),
            days=plan.days,
        )


def _by_branch(concerns: Sequence[NDArray[np.bool_]], branches: int) -> list[list[int]]:
    """For each branch what it concerns; all for the start, none for what lapses."""
    found = [[i for i, flags in enumerate(concerns) if flags[branch]] for branch in range(branches)]
    return [*found, list(range(len(concerns))), []]


def _bounds(ranges: Sequence[tuple[int, int]]) -> Words:
    """First and end of each range, side by side."""
    return np.array(ranges, dtype=np.uint64).ravel()
