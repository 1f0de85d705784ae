"""What the model and the plan say, laid out as the arrays of :mod:`sim.engines.compiled_arrays`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.engines import units
from sim.engines.compiled_arrays import (
    CONSTANT,
    EFFECT,
    EXPONENTIAL,
    LANES,
    MEMO,
    MEMORY,
    PROGRAM,
    STATE,
    TABLE,
    Between,
    Branches,
    Clocks,
    Columns,
    Functions,
    Layout,
    Watching,
    lists,
    spans,
)  # fmt: skip
from sim.engines.interface import Floats, Plan
from sim.engines.layout import carries_guard, layouts, reads_between, spread
from sim.engines.watching import concerned
from sim.model import scalar
from sim.model.compiled import TABLE_LIMIT, Group, Model, Row, grid
from sim.model.expressions import Program, evaluate
from sim.model.laws import Law

#: Programs up to this many steps are as quick to run as to look up.
_SHORT: Final = 3
#: Tables that hang on inputs are filled for each unit up to this many entries; of larger ones, what is asked for.
_FILLED: Final = 8
_COMPARISONS: Final = ("lt", "le", "gt", "ge", "eq", "ne")


def compared(program: Program, column: int) -> tuple[float, ...]:
    """Numbers that a column is compared with, if the program does nothing else with it; else none."""
    found: list[float] = []
    code = program.code
    for i, (name, x) in enumerate(code):
        if name != "column" or x != column:
            continue
        after = [*code[i + 1 : i + 3], ("", 0), ("", 0)]
        if after[0][0] == "number" and after[1][0] in _COMPARISONS:
            found.append(after[0][1])
        elif i and code[i - 1][0] == "number" and after[0][0] in _COMPARISONS:
            found.append(code[i - 1][1])
        else:
            return ()
    return tuple(found) if all(map(math.isfinite, found)) else ()


def exponential(program: Program) -> float | None:
    """The number a where the program is exp(a x column) and nothing else."""
    if len(program.code) != 4 or [name for name, _ in program.code[2:]] != ["mul", "exp"]:
        return None
    factors = dict(program.code[:2])
    return float(factors["number"]) if factors.keys() == {"number", "column"} else None


def within(low: int, high: int, limits: Sequence[float]) -> tuple[int, int]:
    """Bounds that are narrow enough, for a whole number in ``low`` … ``high``, to compare it with these ``limits``.

    Taken within them, the number is as far on the same side of each limit as makes a difference. Without limits the
    bounds stay.
    """
    if not limits:
        return low, high
    least, most = math.floor(min(limits)) - 1, math.ceil(max(limits)) + 1
    return min(max(low, least), high), max(min(high, most), low)


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
        # Entries filled in for each unit: entry, function, and the columns and values it is computed for.
        self.units: list[tuple[int, int, list[tuple[int, float]]]] = []
        self.programs: list[Program] = []
        self.functions: list[tuple[int, float, int, int, int, list[tuple[int, int, int, int]], bool]] = []
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
        limits = [within(*self.bounds(c), compared(program, c)) for c in state]
        size = math.prod(high - low + 1 for low, high in limits)
        table = tables and size <= TABLE_LIMIT and len(program.code) > _SHORT
        stride = [math.prod(high - low + 1 for low, high in limits[i + 1 :]) for i in range(len(state))]
        shift = -sum(low * s for (low, _), s in zip(limits, stride, strict=True))
        reads = [(c, s, *limit) for c, s, limit in zip(state, stride, limits, strict=True)]
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

    def steps(self, program: Program) -> int:
        """Number of the function that runs a program, whatever it is: what changes with the time is in no table."""
        key = (program.code,)
        if key in self.known:
            return self.known[key]
        self.known[key] = len(self.functions)
        constant, rate = program.constant, exponential(program)
        if constant is not None:
            self.functions.append((CONSTANT, constant, 0, -1, 0, [], False))
        elif rate is not None:
            self.functions.append((EXPONENTIAL, rate, program.reads[0], -1, 0, [], False))
        else:
            self.functions.append((PROGRAM, 0.0, 0, len(self.programs), 0, [], False))
            self.programs.append(program)
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
        clocks, columns, branches = self.clocks(), self.columns(), self.branches()
        between, watching = self.between(clocks), self.watching()
        code, ends = scalar.encode(self.programs)
        kinds, values, column, numbers, offsets, reads, speeds = zip(*self.functions, strict=True)
        starts, read = lists([c for c, *_ in entry] for entry in reads)
        _, strides, lows, highs = np.array([x for entry in reads for x in entry], dtype=np.int64).reshape(-1, 4).T
        number = np.array(numbers, dtype=np.int64)
        functions = Functions(
            kind=np.array(kinds, dtype=np.int64),
            value=np.array(values, dtype=np.float64),
            column=np.array(column, dtype=np.uint64),
            start=np.where(number >= 0, ends[number], 0).astype(np.uint64),
            end=np.where(number >= 0, ends[number + 1 if len(self.programs) else number], 0).astype(np.uint64),
            offset=np.array(offsets, dtype=np.int64),
            first=starts[:-1].copy(),
            last=starts[1:].copy(),
            speed=np.array(speeds, dtype=np.bool_),
            read=read,
            stride=strides.copy(),
            low=lows.copy(),
            high=highs.copy(),
            tables=np.concatenate(self.tables),
            code=code,
        )
        depth = max([scalar.depth(program) for program in self.programs], default=1)
        memos, packed = max(self.memos, 1), scalar.pack(self.laws)
        return Layout(functions, packed, clocks, branches, columns, between, watching, memos, depth, LANES)

    def clocks(self) -> Clocks:
        """Places of the clocks and all that belongs to them."""
        model = self.model
        order: list[int] = []  # row of each place, -1 for one that never runs
        first: dict[str, list[int]] = {}  # where the clocks of each actor begin, and the end of the last
        actors = range(len(model.actors))
        for kind in ("rate", "delay", "immediate", "calendar"):
            first[kind] = []
            for actor in actors:
                mine = [i for i, row in enumerate(model.rows) if row.actor == actor and row.kind == kind]
                if kind == "rate":
                    mine += [-1] * (-len(mine) % LANES)
                first[kind].append(len(order))
                order += mine
            first[kind].append(len(order))
        self.place_of = {row: place for place, row in enumerate(order) if row >= 0}
        places = len(order)
        self.slots: list[dict[int, int]] = [{}]  # column -> stride of each index; the first one is always 0
        self.slot_offsets = [0]
        factors = self.tabled_factors()
        rows = [model.rows[i] if i >= 0 else None for i in order]
        last = self.put(np.ones(places))
        scaled = np.zeros(len(model.actors), dtype=np.bool_)
        for place, row in enumerate(rows):
            if row is not None and ends_alone(row):
                self.fill(row.speed[-1], last + place)
                scaled[row.actor] = True
        parts = [factors.get(i, ([(1, 0)], [])) for i in order]  # of a place that never runs: the speed 0
        table, slot = np.zeros(places, dtype=np.uint64), np.zeros(places, dtype=np.uint64)
        for place, (tabled, _) in enumerate(parts):
            if tabled:  # else the first factor is entry 0, which is 1
                table[place], slot[place] = tabled[0]
        by_actor = [
            [p for kind in ("rate", "delay") for p in range(first[kind][a], first[kind][a + 1])] for a in actors
        ]
        more = [[(p, f) for p in mine for f in parts[p][1]] for mine in by_actor]
        apart = [row is not None and row.guarded and not carries_guard(row) for row in rows]
        guards = [[p for p in mine if apart[p]] for mine in by_actor]
        doubtful = [[p for p in mine if (row := rows[p]) is not None and not row.proven] for mine in by_actor]
        products = [[(p, *factor) for p in mine for factor in parts[p][0][1:]] for mine in by_actor]
        product_starts, product_places = lists([p for p, _, _ in mine] for mine in products)
        factor_starts, factor_places = lists([p for p, _ in mine] for mine in more)
        guard_starts, guarded = lists(guards)
        doubt_starts, doubted = lists(doubtful)
        unit_first, unit_column = lists([column for column, _ in known] for *_, known in self.units)
        begins = [np.array(mine, dtype=np.uint64) for mine in first.values()]
        begins += [product_starts, factor_starts, guard_starts, doubt_starts]
        changing = np.zeros(len(model.actors), dtype=np.bool_)
        changing[[row.actor for row in model.rows if row.thinning is not None or row.trend is not None]] = True
        spare = len(model.rows)
        keys = self.keys.rows[:, [i if i >= 0 else spare for i in order]]
        return Clocks(
            rated=np.uint64(first["delay"][0]),
            drawn=np.uint64(first["immediate"][0]),
            dated=np.uint64(first["calendar"][0]),
            spans=spans(begins),
            plain=np.all([np.diff(x) == 0 for x in (*begins[1:4], *begins[5:])], axis=0) & ~changing,
            scaled=scaled,
            rank=np.array([i if i >= 0 else spare for i in order], dtype=np.int64),
            actor=np.array([row.actor if row else 0 for row in rows], dtype=np.uint64),
            key0=np.ascontiguousarray(keys[0]),
            key1=np.ascontiguousarray(keys[1]),
            time=np.array([row.time if row else 0.0 for row in rows], dtype=np.float64),
            guard=np.array([self.group(row.guard) if row else -1 for row in rows], dtype=np.int64),
            law=np.array([self.law(row.law) if row else -1 for row in rows], dtype=np.int64),
            scale=np.array([self.function(row.scale) if row and row.scale else -1 for row in rows], dtype=np.int64),
            age=np.array([row.age if row else 0.0 for row in rows], dtype=np.float64),
            memory=np.array([MEMORY[row.memory] if row else 0 for row in rows], dtype=np.int64),
            watched=np.array([row is not None and row.watched for row in rows], dtype=np.bool_),
            table=table,
            slot=slot,
            product_place=product_places,
            product_table=np.array([entry for mine in products for _, entry, _ in mine], dtype=np.uint64),
            product_slot=np.array([index for mine in products for _, _, index in mine], dtype=np.uint64),
            factor_place=factor_places,
            factor=np.array([f for mine in more for _, f in mine], dtype=np.uint64),
            guarded=guarded,
            doubtful=doubted,
            last=last,
            unit_entry=np.array([entry for entry, *_ in self.units], dtype=np.uint64),
            unit_function=np.array([function for _, function, _ in self.units], dtype=np.uint64),
            unit_first=unit_first,
            unit_column=unit_column,
            unit_value=np.array([value for *_, known in self.units for _, value in known], dtype=np.float64),
            place=np.array([self.place_of[i] for i in range(len(model.rows))], dtype=np.uint64),
            first_branch=np.array([row.branches[0].number if row else 0 for row in rows], dtype=np.uint64),
            branch_count=np.array([len(row.branches) if row else 0 for row in rows], dtype=np.uint64),
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
            for group in row.speed[:-1] if ends_alone(row) else row.speed:
                few = group.per_unit and 0 < group.size <= _FILLED
                if rest or (group.table is None and not few):
                    rest.append(self.group(group))
                elif group.table is None:
                    start = self.put(np.ones(group.size))
                    self.fill(group, start)
                    tabled.append((start, self.slot(group)))
                else:
                    tabled.append(entry[id(group)] if group.state else (self.put(group.table), 0))
            found[i] = (tabled, rest)
        return found

    def slot(self, group: Group) -> int:
        """Number of the index over just what a group reads."""
        strides = dict(zip(group.state, group.stride, strict=True))
        offset = -sum(low * s for low, s in zip(group.lower, group.stride, strict=True))
        for number, known in enumerate(zip(self.slots, self.slot_offsets, strict=True)):
            if known == (strides, offset):
                return number
        self.slots.append(strides)
        self.slot_offsets.append(offset)
        return len(self.slots) - 1

    def fill(self, group: Group, start: int) -> None:
        """Have the table of a group that hangs on inputs filled in for each unit, from an entry on."""
        function = self.function(group.program, speed=True, tables=False)
        values = group.grid()
        for i in range(group.size):
            self.units.append((start + i, function, [(c, float(values[c][i])) for c in group.state]))

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
        none: list[list[int]] = [[], [], []]  # of a candidate turned down, the start, and what lapses
        move_starts, move_columns = lists([*([c for c, _ in branch.moves] for branch in found), *none])
        shift_starts, shift_slots = lists([*([slot for slot, _ in mine] for mine in shifts), *none])
        touch_starts, touch = lists([*touches, *none])
        effect_starts, effect_columns = lists([*([e.column for e in branch.effects] for branch in found), *none])
        clocks = ("rate", "delay")
        restarts = [
            [t for t in branch.restarts if t != row and model.rows[t].kind in clocks]
            for row, branch in zip(rows, found, strict=True)
        ]
        restart_starts, restart = lists([*([self.place_of[t] for t in mine] for mine in restarts), *none])
        amount_starts, amount_columns = lists([*(branch.amounts for branch in found), *none])
        look_starts, look = lists(_by_branch(looks, len(found)))
        follow_starts, follow = lists(_by_branch(follows, len(found)))
        begins = [move_starts, shift_starts, touch_starts, effect_starts]
        begins += [restart_starts, amount_starts, look_starts, follow_starts]
        assert all(c < variables for branch in found for c in branch.changes)
        return Branches(
            weight=np.array([self.function(branch.weight) for branch in found], dtype=np.uint64),
            spans=spans(begins),
            move_column=move_columns,
            move=np.array([delta for branch in found for _, delta in branch.moves], dtype=np.int64),
            shift_slot=shift_slots,
            shift=np.array([by for mine in shifts for _, by in mine], dtype=np.int64).view(np.uint64),
            touch=touch,
            effect_column=effect_columns,
            effect_kind=np.array([EFFECT[e.kind] for e in effects], dtype=np.int64),
            effect_value=np.array([self.function(e.value) for e in effects], dtype=np.uint64),
            effect_lower=np.array([e.lower for e in effects], dtype=np.int64),
            effect_upper=np.array([e.upper for e in effects], dtype=np.int64),
            effect_saturates=np.array([e.saturate for e in effects], dtype=np.bool_),
            restart=restart,
            amount_column=amount_columns,
            amount_law=np.array(
                [self.law(model.amount_laws[a - model.first_amount]) for _, a in pairs], dtype=np.int64
            ),
            amount_key0=np.ascontiguousarray(amount_keys[0]),
            amount_key1=np.ascontiguousarray(amount_keys[1]),
            look=look,
            ends=np.append(ends, [model.terminal is not None, False]),  # the last of `ends` stands for nothing
            follow=follow,
        )

    def between(self, clocks: Clocks) -> Between:
        """Tensions, thinned rates and trends."""
        model, actors = self.model, range(len(self.model.actors))
        rows = [model.rows[i] if i < len(model.rows) else None for i in clocks.rank]
        thinnings = [(p, row.thinning) for p, row in enumerate(rows) if row and row.thinning is not None]
        thinned = np.full(len(rows), -1, dtype=np.int64)
        thinned[[p for p, _ in thinnings]] = range(len(thinnings))
        bounds = [self.steps(t.bound) for _, t in thinnings]
        kinds = list(dict.fromkeys(bounds))
        trends = [(p, row.trend, row.renewed) for p, row in enumerate(rows) if row and row.trend is not None]
        columns = [*range(model.first_input), *range(model.first_tension, model.time_column)]
        by_column = {c: [i for i, (_, t) in enumerate(thinnings) if c in t.reads] for c in columns}
        by_branch = [sorted({i for c, _ in branch.moves for i in by_column[c]}) for _, branch in model.branches]
        jumps = [jump for _, branch in model.branches for jump in branch.jumps]
        felt = {row for row, branch in model.branches if reads_between(model, branch)}
        by_actor = [[p for p, _ in thinnings if clocks.actor[p] == a] for a in actors]
        trends_by_actor = [[p for p, *_ in trends if clocks.actor[p] == a] for a in actors]
        readers = [[a for a, reads in enumerate(model.reads) if c in reads] for c in columns[model.first_input :]]
        reader_first, reader = lists(readers)
        thinned_first, place = lists(by_actor)
        touched_first, touched = lists(by_column.values())
        renewed_first, renewed = lists(by_branch)
        jump_first, jump_tension = lists([jump.tension for jump in branch.jumps] for _, branch in model.branches)
        trend_first, trend_place = lists(trends_by_actor)
        return Between(
            some=bool(model.tensions or thinnings or trends),
            first=np.uint64(model.first_tension),
            start=np.array([self.steps(t.start) for t in model.tension_rows], dtype=np.uint64),
            toward=np.array([self.steps(t.toward) for t in model.tension_rows], dtype=np.uint64),
            decay=np.array([self.steps(t.decay) for t in model.tension_rows], dtype=np.uint64),
            reader_first=reader_first,
            reader=reader,
            thinned=thinned,
            feels=np.array([i in felt for i in clocks.rank], dtype=np.bool_) | (thinned >= 0),
            thinned_first=thinned_first,
            place=place,
            value=np.array([self.steps(t.value) for _, t in thinnings], dtype=np.uint64),
            bound=np.array([kinds.index(b) for b in bounds], dtype=np.uint64),
            bounds=np.array(kinds, dtype=np.uint64),
            touched_first=touched_first,
            touched=touched,
            renewed_first=renewed_first,
            renewed=renewed,
            jump_first=jump_first,
            jump_tension=jump_tension,
            jump_kind=np.array([EFFECT[jump.kind] for jump in jumps], dtype=np.int64),
            jump_value=np.array([self.steps(jump.value) for jump in jumps], dtype=np.uint64),
            trend_first=trend_first,
            trend_place=trend_place,
            trend_shape=np.array([trend.shape for _, trend, _ in trends], dtype=np.float64),
            trend_scale=np.array([trend.scale for _, trend, _ in trends], dtype=np.float64),
            trend_age=np.array([trend.age for _, trend, _ in trends], dtype=np.float64),
            trend_renewed=np.array([trend.renewed for _, trend, _ in trends], dtype=np.bool_),
            trend_follows=np.array([follows for *_, follows in trends], dtype=np.bool_),
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


def ends_alone(row: Row) -> bool:
    """Whether the last factor of a rate hangs on inputs alone, and what it makes of the speed is sure to be one."""
    if row.kind != "rate" or not row.speed or not row.proven or row.thinning is not None or row.trend is not None:
        return False
    return row.speed[-1].per_unit and row.speed[-1].size == 1 and not (row.guarded and not carries_guard(row))


def _by_branch(concerns: Sequence[NDArray[np.bool_]], branches: int) -> list[list[int]]:
    """For each branch what it concerns; nothing for a candidate turned down, all for the start, nothing for a lapse."""
    found = [[i for i, flags in enumerate(concerns) if flags[branch]] for branch in range(branches)]
    return [*found, [], list(range(len(concerns))), []]
