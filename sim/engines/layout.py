"""What the model says, laid out for the gathers of the lockstep engine; the compiled engine shares some of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Floats, Integers, Plan
from sim.engines.watching import concerned
from sim.model.compiled import BranchRow, EffectRow, Group, Model, Row

#: Tables of small groups may be spread to this many entries to share an index.
_LAYOUT_LIMIT: Final = 1_024


class Tables:
    """What the model says, laid out for gathers; after the branches comes "nothing happens" (as does a last row)."""

    def __init__(self, model: Model, plan: Plan, slots: int) -> None:  # noqa: PLR0915 - a list of tables
        rows, branches = model.rows, [b for _, b in model.branches]
        # Thinned rates. What makes their bounds anew is watched as what an actor reads is, in rows after the actors'.
        self.thinned = [i for i, row in enumerate(rows) if row.thinning is not None]
        self.watchers = list(dict.fromkeys(row.thinning.reads for row in rows if row.thinning is not None))
        # Branch numbers: those of the model, one for nothing, and one for a candidate turned down of each thinned rate.
        self.nothing = len(branches)
        self.count = count = len(branches) + 1 + len(self.thinned)
        self.follows = [self.concerned(model, watched.program.reads) for watched in plan.watched]
        self.n_calendar = sum(row.kind == "calendar" for row in rows)
        self.n_immediate = sum(row.kind == "immediate" for row in rows)
        self.first_clock = self.n_calendar + self.n_immediate
        self.n_clocks = len(rows) - self.first_clock
        self.delays = [i for i in range(self.n_clocks) if rows[self.first_clock + i].kind == "delay"]
        # Index rows: sum of (value - lower) * stride over the columns a table reads; for tables kept per unit the
        # strides are multiplied by the number of slots and the slot is added, so that the index is flat.
        self.first_index = len(model.variables) + len(model.milestones)
        self.indices: dict[int, int] = {}
        self.tables: dict[int, Floats] = {}
        self.strides: list[dict[int, int]] = []
        self.offsets: list[int] = []
        self.flat: list[int] = []
        for layout, groups in layouts(model):
            index = self.first_index + len(self.strides)
            width = slots if layout.per_unit else 1
            self.strides.append({c: s * width for c, s in zip(layout.state, layout.stride, strict=True)})
            self.offsets.append(-sum(low * s * width for low, s in zip(layout.lower, layout.stride, strict=True)))
            if layout.per_unit:
                self.flat.append(index)
            for group in groups:
                self.indices[id(group)] = index
                if group.table is not None:
                    self.tables[id(group)] = spread(group, layout)
        self.n_matrix = self.first_index + len(self.strides)
        groups = [g for row in rows for g in (*row.speed, *([row.guard] if row.guard else []))]
        self.unit_groups = [g for g in groups if g.per_unit and g.size]
        self.moves = np.zeros((self.n_matrix, count), dtype=np.int64)
        self.touches = np.zeros((len(model.actors) + len(self.watchers), count), dtype=np.bool_)
        # Effects by constants, tabulated by column; the others are computed branch by branch.
        self.settled: dict[int, Settled] = {}
        self.general: dict[int, list[EffectRow]] = {}
        # Branches after which each milestone, and the terminal conditions, are looked at.
        self.milestones = [self.concerned(model, program.reads) for program in model.milestone_programs]
        self.ends = self.concerned(model, model.terminal.reads if model.terminal else ())
        self.restarts = np.zeros(count, dtype=np.bool_)
        self.users: dict[int, list[tuple[int, int]]] = {
            c: [(self.first_index + i, s[c]) for i, s in enumerate(self.strides) if c in s]
            for c in range(self.first_index)
        }
        changing = (*range(self.first_index), *range(model.first_tension, model.time_column))
        everybody = [*model.reads, *self.watchers]
        self.readers = {c: [a for a, reads in enumerate(everybody) if c in reads] for c in changing}
        for i, branch in model.branches:
            self.touches[rows[i].actor, branch.number] = True
            for column, delta in branch.moves:
                self.moves[column, branch.number] += delta
                for index, stride in self.users[column]:
                    self.moves[index, branch.number] += stride * delta
                self.touches[self.readers[column], branch.number] = True
            for target in branch.restarts:
                self.touches[rows[target].actor, branch.number] = True
            general = [effect for effect in branch.effects if not self.settle(effect, branch.number, count)]
            if general:
                self.general[branch.number] = general
            self.restarts[branch.number] = bool(branch.restarts)
        for i, number in enumerate(self.thinned):
            self.touches[rows[number].actor, self.nothing + 1 + i] = True
        self.first_branch = np.array([row.branches[0].number for row in rows] + [self.nothing], dtype=np.intp)
        self.choices = np.array([len(row.branches) > 1 for row in rows] + [False])
        # Runs of neighbouring clocks of one actor: (actor, rows).
        self.runs: list[tuple[int, slice]] = []
        for i, row in enumerate(rows[self.first_clock :]):
            if self.runs and self.runs[-1][0] == row.actor:
                self.runs[-1] = (row.actor, slice(self.runs[-1][1].start, i + 1))
            else:
                self.runs.append((row.actor, slice(i, i + 1)))
        # A row's code is larger the earlier it ranks: the largest code among the rows due is the one that fires.
        small = len(rows) < np.iinfo(np.uint8).max
        self.codes = np.arange(len(rows), -1, -1).astype(np.uint8 if small else np.uint16)[:, None]
        self.unproven = [i for i in range(self.n_clocks) if not rows[self.first_clock + i].proven]
        self.carried = [carries_guard(row) for row in rows]

    def concerned(self, model: Model, reads: Iterable[int]) -> NDArray[np.bool_]:
        """Branches after which what reads these columns has to be looked at; none of those that do nothing."""
        found = np.zeros(self.count, dtype=np.bool_)
        found[: self.nothing + 1] = concerned(model, reads)
        return found

    def settle(self, effect: EffectRow, branch: int, count: int) -> bool:
        """Tabulate an effect whose result is certain to stay within bounds or saturates; False if it is not one."""
        value = effect.value.constant
        if value is None or value != math.floor(value) or (effect.kind == "add" and not effect.saturate):
            return False
        number = int(value)
        inside = effect.lower <= number <= effect.upper
        if effect.kind != "add" and not inside and not (effect.saturate and effect.kind == "set"):
            return False
        table = self.settled.setdefault(effect.column, Settled.empty(count))
        table.member[branch] = True
        table.counted[branch] = effect.kind in ("add", "set")
        table.keep[branch] = effect.kind != "set"
        table.shift[branch] = number if effect.kind in ("add", "set") else 0
        table.low[branch] = max(number, effect.lower) if effect.kind == "at_least" else effect.lower
        table.high[branch] = min(number, effect.upper) if effect.kind == "at_most" else effect.upper
        return True

    def clock(self, row: int) -> int:
        """Number of a row among the clocks."""
        return row - self.first_clock


@dataclass(frozen=True)
class Settled:
    """Effects by constants on one column: new = clip(old * keep + shift, low, high), an entry per branch.

    ``counted``: a value that had to be clipped counts as saturated.
    """

    member: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    keep: Integers
    shift: Integers
    low: Integers
    high: Integers

    @staticmethod
    def empty(count: int) -> Settled:
        """A table in which no branch does anything."""
        flags = (np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_))
        numbers = [np.zeros(count, dtype=np.int64) for _ in range(4)]
        return Settled(*flags, *numbers)


@dataclass(frozen=True)
class Layout:
    """Columns that index one or more tables, with their strides."""

    state: tuple[int, ...]
    lower: tuple[int, ...]
    stride: tuple[int, ...]
    sizes: tuple[int, ...]
    per_unit: bool


def layouts(model: Model) -> list[tuple[Layout, list[Group]]]:
    """Index rows and the groups that use them.

    Every index row costs a gather and an addition per event, so tables over few variables are spread over a larger
    set of variables that another table has anyway, or that stays small.
    """
    groups = [g for row in model.rows for g in (*row.speed, *([row.guard] if row.guard else []))]
    fixed = [g for g in groups if g.table is not None and g.state]
    sizes = [up - low + 1 for up, low in zip(model.upper, model.lower, strict=True)] + [2] * len(model.milestones)
    lower = [*model.lower, *([0] * len(model.milestones))]

    def entries(state: Iterable[int]) -> int:
        return math.prod(sizes[c] for c in state)

    sets: list[set[int]] = []
    for group in sorted(fixed, key=lambda g: -g.size):
        wanted = set(group.state)
        for found in sets:
            if wanted <= found or entries(wanted | found) <= _LAYOUT_LIMIT:
                found.update(wanted)
                break
        else:
            sets.append(wanted)
    result: list[tuple[Layout, list[Group]]] = []
    for found in sets:
        state = tuple(sorted(found))
        stride = tuple(entries(state[i + 1 :]) for i in range(len(state)))
        shape = Layout(state, tuple(lower[c] for c in state), stride, tuple(sizes[c] for c in state), per_unit=False)
        users = [g for g in fixed if set(g.state) <= found]
        fixed = [g for g in fixed if not set(g.state) <= found]
        result.append((shape, users))
    for group in groups:
        if group.per_unit and group.size and group.state:
            shape = Layout(group.state, group.lower, group.stride, tuple(sizes[c] for c in group.state), per_unit=True)
            result.append((shape, [group]))
    return [(layout, users) for layout, users in result if users]


def spread(group: Group, layout: Layout) -> Floats:
    """The table of a group over the columns of a layout that has more of them."""
    assert group.table is not None
    entries = np.arange(math.prod(layout.sizes))
    where = np.zeros_like(entries)
    for column, stride, size in zip(layout.state, layout.stride, layout.sizes, strict=True):
        if column in group.state:
            where += (entries // stride) % size * group.stride[group.state.index(column)]
    return group.table[where]


def carries_guard(row: Row) -> bool:
    """Whether the first table of a speed is 0 wherever the guard fails: then the speed is 0 there, or nan.

    False for a row without a guard, a speed or a table of either.
    """
    first, guard = row.speed[0] if row.speed else None, row.guard
    if first is None or guard is None or first.table is None or guard.table is None:
        return False
    if not set(guard.state) <= set(first.state):
        return False
    values, place = first.grid(), np.zeros(first.size, dtype=np.int64)
    for column, low, stride in zip(guard.state, guard.lower, guard.stride, strict=True):
        place += (values[column].astype(np.int64) - low) * stride
    return not first.table[guard.table[place] == 0].any()


def reads_between(model: Model, branch: BranchRow) -> bool:
    """Whether a branch pushes a tension, or is chosen or works by one."""
    programs = (branch.weight, *(effect.value for effect in branch.effects))
    return bool(branch.jumps) or any(c >= model.first_tension for program in programs for c in program.reads)
