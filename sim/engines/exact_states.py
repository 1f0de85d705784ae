"""Enumeration of the states of a model for the exact engine: what follows what, at which rate.

The step of the model's definition, for all states of a frontier at once: speeds, branches, effects, milestones, then
immediate actions until none holds. States are numbered in the order they are found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product as cartesian
from typing import Any, Final

import numpy as np

from sim.engines import faults
from sim.engines.effects import new_values
from sim.engines.exact_chain import Chain, Floats, Integers, Jump, NotMarkov, Truths, fixed, reader, summed
from sim.engines.interface import SimulationError
from sim.model.compiled import MAX_INSTANT, MAX_SPEED, BranchRow, EffectRow, Group, Model, Row
from sim.model.expressions import Program, evaluate
from sim.model.laws import Law, standard

#: States before a model counts as too large.
LIMIT: Final = 300_000
#: Levels of the breadth-first search before a chain counts as endless.
LEVELS: Final = 20_000
#: Exponents of the bounds on the time of the k-th event, in units of one over the horizon.
_TILTS: Final = np.array([0.0, 4.0, 12.0, 30.0, 70.0, 150.0, 300.0, 600.0])
#: Events without a new state after which the search for likely states stops.
_STALE: Final = 300
_COMBINATIONS: Final = 4_096


class TooLarge(ValueError):  # noqa: N818 - the name says what is the matter
    """More states than allowed; the message says how many and what may help."""


@dataclass(frozen=True, eq=False)
class _Moves:
    """Arcs from place ``origin`` of a list of states to ``state``, with a rate or chance, by the action ``row``."""

    origin: Integers
    state: Integers
    weight: Floats
    row: Integers

    def only(self, which: Any) -> _Moves:
        return _Moves(self.origin[which], self.state[which], self.weight[which], self.row[which])


def _joined(parts: Sequence[_Moves]) -> _Moves:
    return _Moves(
        np.concatenate([p.origin for p in parts]),
        np.concatenate([p.state for p in parts]),
        np.concatenate([p.weight for p in parts]),
        np.concatenate([p.row for p in parts]),
    )


def _merged(moves: _Moves) -> _Moves:
    """The same arcs with equal ones added up."""
    if moves.origin.size == 0:
        return moves
    keys = np.column_stack([moves.origin, moves.row, moves.state])
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    weight = summed(inverse.ravel(), moves.weight, unique.shape[0])
    return _Moves(unique[:, 0], np.ascontiguousarray(unique[:, 2:]), weight, unique[:, 1])


class _List:
    """An array that grows at its end."""

    def __init__(self, shape: tuple[int, ...], kind: Any) -> None:
        self.data = np.zeros((1_024, *shape), dtype=kind)
        self.size = 0

    def add(self, values: Any) -> None:
        end = self.size + len(values)
        if end > len(self.data):
            larger = np.zeros((max(end, 2 * len(self.data)), *self.data.shape[1:]), dtype=self.data.dtype)
            larger[: self.size] = self.data[: self.size]
            self.data = larger
        self.data[self.size : end] = values
        self.size = end

    @property
    def all(self) -> Any:
        return self.data[: self.size]


class Events:
    """What an event does to arrays of states (n, columns) of a model."""

    def __init__(self, model: Model, track: Sequence[str]) -> None:
        self.model = model
        self.columns = (*range(len(model.variables)), *_milestones(model, track))
        kinds = [row.kind for row in model.rows]
        self.dates = [i for i, kind in enumerate(kinds) if kind == "calendar"]
        self.immediate = [i for i, kind in enumerate(kinds) if kind == "immediate"]
        self.clocks = [i for i, kind in enumerate(kinds) if kind in ("rate", "delay")]
        for row in model.rows:
            if row.thinning is not None or row.trend is not None:
                raise NotMarkov(f"the rate of {row.name} changes between events")
        if model.tensions:
            raise NotMarkov(f"{model.tensions[0]} decays between events")
        self.pace = {i: _pace(model, row) for i, row in enumerate(model.rows) if row.kind == "delay"}
        for name, law in zip(model.inputs, model.input_laws, strict=True):
            fixed(law, f"the input {name}")

    def read(self, states: Integers, amounts: dict[int, float] | None = None) -> Callable[[int], Any]:
        """Reader of columns over these states."""
        return reader(self.model, self.columns, states, amounts)

    def truth(self, program: Program | None, states: Integers) -> Truths:
        """Whether a condition holds in each state; nowhere without one."""
        if program is None:
            return np.zeros(states.shape[0], dtype=np.bool_)
        return np.broadcast_to(evaluate(program, self.read(states)) != 0, (states.shape[0],)).copy()

    def where(self, states: Integers, which: Truths) -> str:
        """The first of the marked states in words."""
        state = states[np.flatnonzero(which)[0]]
        return ", ".join(f"{n} = {v}" for n, v in zip(self.model.variables, state, strict=False))

    # ----------------------------------------------------------------------------------------------- one action
    def group(self, group: Group, states: Integers) -> Floats:
        """Value of a group of factors, nan where it is no speed."""
        value = np.broadcast_to(evaluate(group.program, self.read(states)), (states.shape[0],)) + 0.0
        return np.where(value >= 0, value, np.nan)

    def holds(self, row: Row, states: Integers) -> Truths:
        """Whether the guard of an action holds in each state."""
        result = np.ones(states.shape[0], dtype=np.bool_)
        if row.guard is not None:
            result &= self.group(row.guard, states) != 0
        return result

    def speed(self, row: Row, states: Integers) -> Floats:
        """Speed of a clock in each state, per day."""
        speed = self.group(row.speed[0], states)
        for group in row.speed[1:]:
            speed = speed * self.group(group, states)
        if row.guarded:
            speed[~self.holds(row, states)] = 0.0
        bad = np.isnan(speed)
        if bad.any():
            raise SimulationError(f"{row.name}: its speed is negative or undefined where {self.where(states, bad)}")
        high = speed > MAX_SPEED
        if high.any():
            raise NotMarkov(f"{row.name}: its speed exceeds {MAX_SPEED:g} where {self.where(states, high)}")
        return speed

    def fire(self, i: int, states: Integers) -> _Moves:
        """An action in all of some states: each branch and each combination of amounts with its chance."""
        row, n = self.model.rows[i], states.shape[0]
        weights = np.array([np.broadcast_to(evaluate(b.weight, self.read(states)), (n,)) for b in row.branches])
        total = weights.sum(axis=0)
        bad = ~(total > 0) | ~np.isfinite(total) | ~(weights >= 0).all(axis=0)
        if bad.any():
            raise SimulationError(f"{row.name}: its branches have no chances where {self.where(states, bad)}")
        parts = []
        for branch, weight in zip(row.branches, weights, strict=True):
            some = np.flatnonzero(weight > 0)
            for amounts, chance in self.amounts(row, branch):
                after = self.look(self.effects(row, branch, states[some], amounts))
                parts.append(_Moves(some, after, weight[some] / total[some] * chance, np.full(some.size, i)))
        return _joined(parts)

    def amounts(self, row: Row, branch: BranchRow) -> Iterator[tuple[dict[int, float], float]]:
        """Values of the amounts that a branch uses, by column, with the chance of each combination."""
        model, numbers = self.model, [c - self.model.first_amount for c in branch.amounts]
        lists = [_points(model.amount_laws[i], f"the amount {model.amounts[i]}") for i in numbers]
        if math.prod(len(points) for points in lists) > _COMBINATIONS:
            raise NotMarkov(f"{row.name}: its amounts have more than {_COMBINATIONS} combinations of values")
        for chosen in cartesian(*lists):
            values = {c: value for c, (value, _) in zip(branch.amounts, chosen, strict=True)}
            yield values, math.prod(chance for _, chance in chosen)

    def effects(self, row: Row, branch: BranchRow, states: Integers, amounts: dict[int, float]) -> Integers:
        """States after a branch, all effects reading the states before it."""
        after = states.copy()
        for column, delta in branch.moves:
            after[:, column] += delta
        for effect in branch.effects:
            after[:, effect.column] = self.effect(row, effect, states, amounts)
        return after

    def effect(self, row: Row, effect: EffectRow, states: Integers, amounts: dict[int, float]) -> Integers:
        """New value of the variable that an effect changes."""
        old = states[:, effect.column]
        value = np.broadcast_to(evaluate(effect.value, self.read(states, amounts)), old.shape)
        where = faults.effect_on(self.model, row.name, effect.column)
        within, _ = new_values(effect, old, value, where, lambda flags: self.where(states, flags))
        return within

    def look(self, states: Integers) -> Integers:
        """Mark the milestones that hold now, in declared order (changes ``states``)."""
        for place, column in enumerate(self.columns):
            if column >= len(self.model.variables):
                program = self.model.milestone_programs[column - len(self.model.variables)]
                states[:, place] |= self.truth(program, states)
        return states

    # ------------------------------------------------------------------------------------- what happens at once
    def first_immediate(self, states: Integers) -> Integers:
        """Row of the immediate action that acts in each state, -1 where none does."""
        acting = np.full(states.shape[0], -1, dtype=np.int64)
        for i in reversed(self.immediate):
            acting[self.holds(self.model.rows[i], states)] = i
        acting[self.truth(self.model.terminal, states)] = -1
        return acting

    def settle(self, moves: _Moves, fired: Floats) -> _Moves:
        """Follow immediate actions until none holds; their expected firings are added to ``fired`` (origins, rows)."""
        if not self.immediate:
            return moves
        done = []
        for _ in range(MAX_INSTANT + 1):
            acting = self.first_immediate(moves.state)
            done.append(moves.only(acting < 0))
            if (acting < 0).all():
                return _joined(done)
            after = []
            for i in np.unique(acting[acting >= 0]):
                some = np.flatnonzero(acting == i)
                np.add.at(fired[:, i], moves.origin[some], moves.weight[some])
                new = self.fire(int(i), moves.state[some])
                back = some[new.origin]
                after.append(_Moves(moves.origin[back], new.state, moves.weight[back] * new.weight, moves.row[back]))
            moves = _merged(_joined(after))
        name = self.model.rows[int(self.first_immediate(moves.state).max())].name
        raise SimulationError(f"{name}: more than {MAX_INSTANT} firings at one instant; its guard has to end")

    def at_date(self, time: float, states: Integers) -> tuple[_Moves, Floats]:
        """Calendar actions of one time in order of rank, then what they set off; arcs with chances, and firings."""
        n = states.shape[0]
        fired = np.zeros((n, len(self.model.rows)))
        moves = _Moves(np.arange(n), states, np.ones(n), np.zeros(n, dtype=np.int64))
        for i in self.dates:
            if self.model.rows[i].time == time:
                acting = self.holds(self.model.rows[i], moves.state) & ~self.truth(self.model.terminal, moves.state)
                some = np.flatnonzero(acting)
                np.add.at(fired[:, i], moves.origin[some], moves.weight[some])
                new = self.fire(i, moves.state[some])
                back = some[new.origin]
                after = _Moves(moves.origin[back], new.state, moves.weight[back] * new.weight, moves.row[back])
                moves = _merged(_joined([moves.only(~acting), after]))
        return self.settle(moves, fired), fired

    def out(self, states: Integers) -> tuple[_Moves, Floats]:
        """All arcs out of some states, with rates, and the firings per day of immediate actions."""
        going = np.flatnonzero(~self.truth(self.model.terminal, states))
        fired = np.zeros((states.shape[0], len(self.model.rows) if self.immediate else 0))
        nothing = np.zeros(0, dtype=np.int64)
        parts = [_Moves(nothing, states[:0], np.zeros(0), nothing)]
        for i in self.clocks:
            speed = self.speed(self.model.rows[i], states[going]) * self.pace.get(i, 1.0)
            some = going[speed > 0]
            if some.size:
                new = self.fire(i, states[some])
                weight = speed[speed > 0][new.origin] * new.weight
                parts.append(_Moves(some[new.origin], new.state, weight, new.row))
        return self.settle(_joined(parts), fired), fired

    def start(self) -> tuple[Integers, Floats]:
        """Starting states with their chances, milestones looked at."""
        lists = [
            _points(start, f"the start of {name}") if isinstance(start, Law) else [(float(start), 1.0)]
            for start, name in zip(self.model.start, self.model.variables, strict=True)
        ]
        if math.prod(len(points) for points in lists) > LIMIT:
            raise TooLarge(f"more than {LIMIT:,} starting states: draw fewer starts")
        drawn = list(cartesian(*lists))
        states = np.zeros((len(drawn), len(self.columns)), dtype=np.int64)
        states[:, : len(lists)] = [[int(value) for value, _ in values] for values in drawn]
        return self.look(states), np.array([math.prod(chance for _, chance in values) for values in drawn])


def _pace(model: Model, row: Row) -> float:
    """Rate per day of an exponential delay at speed 1."""
    law = row.law
    assert law is not None
    assert row.scale is not None
    if law.family != "exponential" or law.shift:
        raise NotMarkov(f"{row.name} is a delay with the law {law.family}, not a rate")
    if row.memory == "identical" and row.guard is not None:
        raise NotMarkov(f"{row.name} keeps the same work when its guard is lost: no rate")
    read = reader(model, (), np.zeros((1, 0), dtype=np.int64))
    return 1.0 / (law.parameters[0] * float(evaluate(row.scale, read)))


def _points(law: Law, what: str) -> list[tuple[float, float]]:
    """Values of a discrete law with their chances."""
    if not law.discrete:
        return [(fixed(law, what), 1.0)]
    quantile = standard(law)
    chances = np.diff(np.concatenate([[0.0], quantile.nodes, [1.0]]))
    return [(law.shift + float(v), float(p)) for v, p in zip(quantile.numbers, chances, strict=True) if p > 0]


def _milestones(model: Model, track: Sequence[str]) -> list[int]:
    """Columns of the milestones that the model's course depends on, or that are asked for."""
    first = len(model.variables)
    for name in track:
        if name not in model.milestones:
            raise KeyError(f"unknown milestone {name!r}; the model has {', '.join(model.milestones) or 'none'}")
    read: set[int] = {first + model.milestones.index(name) for name in track}
    for row in model.rows:
        groups = (*row.speed, *([row.guard] if row.guard else []))
        programs = [*(g.program for g in groups), *(b.weight for b in row.branches)]
        programs += [e.value for b in row.branches for e in b.effects]
        read |= {c for p in programs for c in p.reads}
    read |= set(model.terminal.reads) if model.terminal else set()
    for column in range(model.first_input - 1, first - 1, -1):
        if column in read:
            read |= set(model.milestone_programs[column - first].reads)
    return sorted(c for c in read if first <= c < model.first_input)


class Search:
    """States found, their numbers, and the arcs out of those expanded so far."""

    def __init__(self, events: Events, limit: int) -> None:
        self.events, self.limit = events, limit
        width, self.rows = len(events.columns), len(events.model.rows)
        self.number: dict[bytes, int] = {}
        self.states = _List((width,), np.int64)
        self.arcs = {"source": _List((), np.int64), "target": _List((), np.int64), "rate": _List((), np.float64)}
        self.arcs["row"] = _List((), np.int64)
        self.span = _List((2,), np.int64)  # arcs of each state: from, to (0, 0 until expanded)
        self.exit = _List((), np.float64)
        self.followed = _List((self.rows if events.immediate else 0,), np.float64)
        self.expanded = _List((), np.bool_)
        self.jumps: list[Jump] = []
        self.first = np.zeros(self.rows)

    def numbers(self, states: Integers) -> Integers:
        """Numbers of states; a state not met before gets the next one."""
        if states.shape[0] == 0:
            return np.zeros(0, dtype=np.int64)
        rows = np.ascontiguousarray(states)
        result = np.empty(rows.shape[0], dtype=np.int64)
        fresh: list[int] = []
        for i, key in enumerate(rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel().tolist()):
            found = self.number.get(key)
            if found is None:
                found = self.number[key] = self.states.size + len(fresh)
                fresh.append(i)
            result[i] = found
        self.states.add(rows[fresh])
        for each in (self.span, self.exit, self.followed, self.expanded):
            each.add(np.zeros((len(fresh), *each.data.shape[1:]), dtype=each.data.dtype))
        return result

    def begin(self) -> tuple[Integers, Floats]:
        """Numbers and chances of the states just after time 0."""
        states, chance = self.events.start()
        moves, fired = self.events.at_date(0.0, states)
        self.first = chance @ fired
        numbers = self.numbers(moves.state)
        total = summed(numbers, chance[moves.origin] * moves.weight, self.states.size)
        return np.flatnonzero(total), total[total > 0]

    def expand(self, numbers: Integers) -> None:
        """Find the arcs out of some states."""
        moves, fired = self.events.out(self.states.all[numbers])
        target = self.numbers(moves.state)
        # Arcs that lead elsewhere come first, state by state; those that change nothing count as firings only.
        still = target == numbers[moves.origin]
        order = np.lexsort((moves.origin, still))
        moves, target, away = moves.only(order), target[order], int((~still).sum())
        ends = self.arcs["rate"].size + np.searchsorted(moves.origin[:away], np.arange(numbers.size + 1))
        self.span.all[numbers] = np.column_stack([ends[:-1], ends[1:]])
        self.exit.all[numbers] = summed(moves.origin[:away], moves.weight[:away], numbers.size)
        self.expanded.all[numbers] = True
        if self.events.immediate:
            self.followed.all[numbers] = fired
        found = {"source": numbers[moves.origin], "target": target, "rate": moves.weight, "row": moves.row}
        for name, values in found.items():
            self.arcs[name].add(values)

    def sweep(self, *, cut: bool, levels: int = LEVELS) -> None:
        """Expand everything that can be reached, breadth first; with ``cut`` only the first ``limit`` states."""
        done = int(np.argmin(np.append(self.expanded.all, False)))
        for level in range(levels):
            end = min(self.states.size, self.limit) if cut else self.states.size
            if done >= end:
                return
            if end > self.limit:
                raise TooLarge(f"more than {self.limit:,} states after {level} events; bound variables or horizon")
            self.expand(np.arange(done, end))
            done = end
        if not cut:
            raise TooLarge(f"no end after {levels:,} events and {self.states.size:,} states; ask for a finite horizon")

    def follow(self, numbers: Integers, chance: Floats, horizon: float, worth: float) -> None:
        """Expand every state whose probability at some event within the horizon may exceed ``worth``.

        The weight of a state at the k-th event, if histories are killed at rate theta, times exp(theta x horizon)
        bounds the probability of being there at that event before the horizon, for every theta (Markov's inequality).
        """
        tilt = _TILTS / max(horizon, 1e-300)
        weight = np.repeat(chance[:, None], tilt.size, axis=1)
        stale = 0
        while numbers.size and stale < _STALE:
            with np.errstate(divide="ignore"):
                likely = (np.log(weight) + _TILTS).min(axis=1) > math.log(worth)
            numbers, weight = numbers[likely], weight[likely]
            new = numbers[~self.expanded.all[numbers]]
            stale = 0 if new.size else stale + 1
            if new.size:
                if self.states.size > self.limit:
                    raise TooLarge(f"more than {self.limit:,} states within {horizon:g} days; bound the variables")
                self.expand(new)
            numbers, weight = self.spread(numbers, weight, tilt)

    def spread(self, numbers: Integers, weight: Floats, tilt: Floats) -> tuple[Integers, Floats]:
        """Weights after one more event."""
        low, high = self.span.all[numbers].T
        count = high - low
        parent = np.repeat(np.arange(numbers.size), count)
        arc = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)
        share = weight / np.maximum(self.exit.all[numbers][:, None] + tilt, 1e-300)
        part = self.arcs["rate"].all[arc][:, None] * share[parent]
        reached, inverse = np.unique(self.arcs["target"].all[arc], return_inverse=True)
        total = [summed(inverse, column, reached.size) for column in part.T]
        return reached, np.stack(total, axis=1) if reached.size else np.zeros((0, tilt.size))

    def jump(self, time: float, numbers: Integers) -> Jump:
        """The map of a calendar time on some states, kept for the chain."""
        moves, fired = self.events.at_date(time, self.states.all[numbers])
        known = np.zeros((self.states.size, self.rows))
        known[numbers] = fired
        self.jumps.append(Jump(time, numbers[moves.origin], self.numbers(moves.state), moves.weight, known))
        return self.jumps[-1]

    def chain(self, start: Integers, chance: Floats) -> Chain:
        """The chain on the states expanded so far."""
        kept = self.expanded.all
        size = int(kept.sum())
        place = np.where(kept, np.cumsum(kept) - 1, size)
        states = self.states.all[kept]
        initial = summed(place[start], chance, size + 1)
        jumps = [self.placed(jump, place, kept) for jump in self.jumps]
        source, target = place[self.arcs["source"].all], place[self.arcs["target"].all]
        followed = np.zeros((size, self.rows))
        followed[:, : self.followed.data.shape[1]] = self.followed.all[kept]
        lost = (target == size).any() or initial[size] > 0 or any((j.target == size).any() for j in jumps)
        return Chain(
            model=self.events.model,
            columns=self.events.columns,
            states=states,
            initial=initial[:size],
            first=self.first,
            source=source,
            target=target,
            rate=self.arcs["rate"].all.copy(),
            row=self.arcs["row"].all.copy(),
            followed=followed,
            ended=self.events.truth(self.events.model.terminal, states),
            jumps=tuple(jumps),
            complete=not lost,
        )

    def placed(self, jump: Jump, place: Integers, kept: Truths) -> Jump:
        """A map in terms of the states kept."""
        inside = kept[jump.source]
        fired = np.zeros((int(kept.sum()), self.rows))
        known = kept[: jump.fired.shape[0]]
        fired[place[: known.size][known]] = jump.fired[known]
        return Jump(jump.time, place[jump.source[inside]], place[jump.target[inside]], jump.chance[inside], fired)


def dates(events: Events, horizon: float) -> Iterable[float]:
    """Times of calendar actions after time 0 and up to the horizon, ascending."""
    times = {events.model.rows[i].time for i in events.dates}
    return sorted(t for t in times if 0 < t <= horizon)
