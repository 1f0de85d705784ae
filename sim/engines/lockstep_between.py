"""What changes between events, in the lockstep engine: tensions, thinned rates and trends.

Everything here works on the few slots of a step that are concerned: where a thinned rate came due, where a tension is
read or pushed, where something changed that a bound depends on, where an actor with a trend is re-timed. A candidate
that is turned down takes a branch of its own that does nothing but re-time its actor.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from sim.engines import faults
from sim.engines.interface import Floats, Integers
from sim.engines.layout import Tables, reads_between
from sim.engines.watching import concerned
from sim.model import draws
from sim.model.between import decayed, elapsed, operational, operational_scalar
from sim.model.compiled import BOUND_SLACK, Model, Row
from sim.model.expressions import Program
from sim.model.spec import EffectKind
from sim.model.thinning import Jump

if TYPE_CHECKING:
    from sim.engines.lockstep import _Lockstep

Lanes = NDArray[np.intp]
Flags = NDArray[np.bool_]
_NONE: Final = -1


def needed(model: Model) -> bool:
    """Whether anything of a model changes between events."""
    return bool(model.tensions) or any(row.thinning is not None or row.trend is not None for row in model.rows)


@dataclass(frozen=True, eq=False)
class _Kind:
    """Thinned rates with one value, one bound and one set of columns that renew it.

    ``places`` count the thinned rates of the model; ``watcher`` is the row of the touched that says "renew".
    ``falling``: the bound is the value itself.
    """

    value: Program
    bound: Program
    places: tuple[int, ...]
    watcher: int
    falling: bool


@dataclass(frozen=True, eq=False)
class _Pushes:
    """Effects of one kind by constants on a tension, an entry per branch."""

    tension: int
    kind: EffectKind
    member: Flags
    value: Floats


@dataclass(frozen=True, eq=False)
class _Trend:
    """A rate with a trend: its row, its clock, shape and scale, and the branches that restart it."""

    row: Row
    number: int
    clock: int
    shape: Floats
    scale: Floats
    restarted: Flags


class _Shape:
    """What the model says about all this, laid out by row and by branch."""

    def __init__(self, model: Model, tables: Tables) -> None:
        n = len(model.rows)
        kinds: dict[tuple[object, ...], list[int]] = {}
        self.place_of = np.full(n + 1, _NONE)
        self.kind_of = np.full(n + 1, _NONE)
        for place, number in enumerate(tables.thinned):
            thinning = model.rows[number].thinning
            assert thinning is not None
            found = kinds.setdefault((thinning.value.code, thinning.bound.code, thinning.reads), [])
            found.append(place)
            self.place_of[number] = place
            self.kind_of[number] = list(kinds.values()).index(found)
        self.kinds: list[_Kind] = []
        for places in kinds.values():
            first = model.rows[tables.thinned[places[0]]].thinning
            assert first is not None
            watcher = len(model.actors) + tables.watchers.index(first.reads)
            self.kinds.append(_Kind(first.value, first.bound, tuple(places), watcher, first.value == first.bound))
        # Where the tensions have to be known when a row fires.
        renewing = concerned(model, {c for reads in tables.watchers for c in reads})
        self.feels = np.zeros(n + 1, dtype=np.bool_)
        self.feels[tables.thinned] = True
        for number, branch in model.branches:
            self.feels[number] |= bool(renewing[branch.number]) or reads_between(model, branch)
        self.pushes: list[_Pushes] = []
        self.jumps: dict[int, list[Jump]] = {}
        for _, branch in model.branches:
            for jump in branch.jumps:
                self._lay_out(jump, branch.number, tables.count)
        self.trends = [_trend(model, tables, i, row) for i, row in enumerate(model.rows) if row.trend is not None]

    def _lay_out(self, jump: Jump, branch: int, count: int) -> None:
        value = jump.value.constant
        if value is None or not np.isfinite(value):
            self.jumps.setdefault(branch, []).append(jump)
            return
        for pushes in self.pushes:
            if (pushes.tension, pushes.kind) == (jump.tension, jump.kind):
                break
        else:
            pushes = _Pushes(jump.tension, jump.kind, np.zeros(count, dtype=np.bool_), np.zeros(count))
            self.pushes.append(pushes)
        pushes.member[branch] = True
        pushes.value[branch] = value


def _trend(model: Model, tables: Tables, number: int, row: Row) -> _Trend:
    assert row.trend is not None
    restarted = np.zeros(tables.count, dtype=np.bool_)
    restarted[[branch.number for _, branch in model.branches if number in branch.restarts]] = True
    shape, scale = np.asarray(row.trend.shape), np.asarray(row.trend.scale)
    return _Trend(row, number, tables.clock(number), shape, scale, restarted)


def pushed(kind: EffectKind, old: Floats, value: Floats) -> Floats:
    """New values of a tension under an effect, from its values at that time."""
    if kind == "add":
        return old + value + 0.0
    if kind == "set":
        return value + 0.0
    return np.where(value > old if kind == "at_least" else value < old, value, old) + 0.0


class Between:
    """Arrays of a run beside those of its state, one column per slot."""

    def __init__(self, run: _Lockstep, slots: int) -> None:
        self.run, model = run, run.model
        self.shape = _Shape(model, run.tables)
        self.first = len(model.inputs) + len(model.amounts)
        tensions, trends = len(model.tensions), len(self.shape.trends)
        self.level, self.since = np.zeros((tensions, slots)), np.zeros((tensions, slots))
        self.toward, self.decay = np.zeros((tensions, slots)), np.zeros((tensions, slots))
        self.bound = np.zeros((len(run.tables.thinned), slots))
        self.rejected = np.zeros(slots, dtype=np.int64)
        # Where the time of a trend begins, the operational time at the actor's anchor, and the due time.
        self.origin, self.worked = np.zeros((trends, slots)), np.zeros((trends, slots))
        self.due = np.zeros((trends, slots))
        self.held, self.again = np.zeros((trends, slots), dtype=np.bool_), np.zeros((trends, slots), dtype=np.bool_)
        # Candidates of this step, with kinds and places of their rates, and the values there.
        self.candidates = (run.lane[:0], run.lane[:0], run.lane[:0], np.zeros(0))

    def keep(self, lanes: Lanes) -> None:
        """Keep only some slots."""
        for name, value in list(vars(self).items()):
            if isinstance(value, np.ndarray):
                setattr(self, name, np.ascontiguousarray(value[..., lanes]))

    # ---------------------------------------------------------------------------------------------------- start
    def begin(self, lanes: Lanes) -> None:
        """Tensions and trends of new replications, whose inputs are there."""
        column = self.run.column(lanes)
        for j, tension in enumerate(self.run.model.tension_rows):
            self.level[j, lanes] = self.run.value(tension.start, column, lanes.size)
            self.toward[j, lanes] = self.run.value(tension.toward, column, lanes.size)
            self.decay[j, lanes] = self.run.value(tension.decay, column, lanes.size)
        self.since[:, lanes] = 0.0
        self.rejected[lanes] = 0
        for j, found in enumerate(self.shape.trends):
            trend = found.row.trend
            assert trend is not None
            self.origin[j, lanes] = -trend.age
            self.worked[j, lanes] = operational_scalar(trend.shape, trend.scale, trend.age)
        self.held[:, lanes] = False
        self.again[:, lanes] = True

    def first_bounds(self, lanes: Lanes) -> None:
        """Bounds at the start, once milestones have been looked at."""
        self.feel(lanes, np.zeros(lanes.size))
        for kind in self.shape.kinds:
            value = self.bounds(kind, lanes)
            for place in kind.places:
                self.bound[place, lanes] = value

    # ------------------------------------------------------------------------------------------------- tensions
    def at(self, lanes: Lanes, time: Floats | float) -> Floats:
        """All tensions of some slots at a time, shape (tensions, slots)."""
        level, since, toward, decay = (a.take(lanes, axis=1) for a in (self.level, self.since, self.toward, self.decay))
        return decayed(level, toward, decay, time - since)

    def feel(self, lanes: Lanes, time: Floats) -> None:
        """Put tensions and time where programs read them."""
        felt = self.run.inputs[self.first :]
        for row, value in zip(felt[:-1], self.at(lanes, time), strict=True):
            row[lanes] = value
        felt[-1][lanes] = time

    def jumps(self, branch: Integers) -> list[tuple[int, Lanes, Floats]]:
        """(tension, slots, new values) of the effects on tensions, from the state before the action."""
        run, felt, pending = self.run, self.run.inputs[self.first :], []
        for pushes in self.shape.pushes:
            lanes = pushes.member.take(branch).nonzero()[0]
            if lanes.size:
                old, value = felt[pushes.tension].take(lanes), pushes.value.take(branch.take(lanes))
                pending.append((pushes.tension, lanes, pushed(pushes.kind, old, value)))
        for number, jumps in self.shape.jumps.items():
            if run.happened[number]:
                lanes = (branch == number).nonzero()[0]
                row, found = run.model.branches[number]
                amounts = {c: run.amount(row, c, lanes) for c in found.amounts}
                for jump in jumps:
                    value = run.value(jump.value, run.column(lanes, amounts), lanes.size)
                    self.refuse_value(row, jump, lanes, value)
                    pending.append((jump.tension, lanes, pushed(jump.kind, felt[jump.tension].take(lanes), value)))
        return pending

    def refuse_value(self, row: int, jump: Jump, lanes: Lanes, value: Floats) -> None:
        """Raise where an effect on a tension is no finite number."""
        bad = (~np.isfinite(value)).nonzero()[0]
        if bad.size:
            model = self.run.model
            what = faults.effect_on(model, model.rows[row].name, model.first_tension + jump.tension)
            raise faults.no_number(what, float(value[bad[0]]), self.run.state_of(int(lanes[bad[0]])))

    def push(self, pending: Iterable[tuple[int, Lanes, Floats]], time: Floats, touched: Flags) -> None:
        """Set tensions, where they change, and touch who reads them."""
        felt = self.run.inputs[self.first :]
        for tension, lanes, new in pending:
            changed = (new != felt[tension].take(lanes)).nonzero()[0]
            if changed.size == 0:
                continue
            where, value = lanes.take(changed), new.take(changed)
            self.level[tension][where] = value
            self.since[tension][where] = time.take(where)
            # The value by the formula, for no time: exp(-decay x 0) is 1 to the bit.
            toward, decay = self.toward[tension].take(where), self.decay[tension].take(where)
            felt[tension][where] = toward + (value - toward) * (1.0 + 0.0 * decay)
            for actor in self.run.tables.readers[self.run.model.first_tension + tension]:
                touched[actor, where] = True

    # ------------------------------------------------------------------------------------------------- thinning
    def accept(self, fired: Integers, branch: Integers, time: Floats) -> None:
        """Decide which candidates of thinned rates happen; those turned down get the branch that says so."""
        run, shape = self.run, self.shape
        lanes = shape.feels.take(fired).nonzero()[0]
        self.candidates = (lanes[:0], lanes[:0], lanes[:0], np.zeros(0))
        if lanes.size == 0:
            return
        self.feel(lanes, time.take(lanes))
        lanes = lanes[shape.kind_of.take(fired.take(lanes)) != _NONE]
        if lanes.size == 0:
            return
        rows = fired.take(lanes)
        kinds, places = shape.kind_of.take(rows), shape.place_of.take(rows)
        value, bound = np.empty(lanes.size), self.bound.ravel().take(places * run.width + lanes)
        for number, some in run.by(kinds, np.arange(lanes.size)):
            value[some] = run.program(shape.kinds[number].value, lanes.take(some))
        self.candidates = (lanes, kinds, places, value)
        wrong = (~((value >= 0) & (value <= bound * (1.0 + BOUND_SLACK)))).nonzero()[0]
        if wrong.size:
            i = int(wrong[0])
            pair, where = (float(value[i]), float(bound[i])), run.state_of(int(lanes[i]))
            raise faults.wrong_thinning(run.model, int(rows[i]), pair, float(time[lanes[i]]), where)
        k = run.count.ravel().take(rows * run.width + lanes).astype(np.uint64)
        u = draws.uniform(run.keys.rows.take(rows, axis=1), run.history.take(lanes), k, draws.ACCEPTANCE)
        refused = (~(u * bound < value)).nonzero()[0]
        lanes = lanes.take(refused)
        branch[lanes] = run.tables.nothing + 1 + places.take(refused)
        self.rejected[lanes] += 1

    def bounds(self, kind: _Kind, lanes: Lanes) -> Floats:
        """Bounds of the rates of a kind in the present state of some slots."""
        value = self.run.program(kind.bound, lanes) + 0.0
        return np.where(value >= 0, value, np.nan)

    def renew(self, touched: Flags) -> None:
        """Take bounds anew at a rate's own candidates, and where something changed that they read."""
        candidates, kinds, places, value = self.candidates
        for number, kind in enumerate(self.shape.kinds):
            which = (kinds == number).nonzero()[0]
            changed = touched[kind.watcher]
            lanes = changed.nonzero()[0]
            if lanes.size:
                new = self.bounds(kind, lanes)
                for place in kind.places:
                    self.bound[place][lanes] = new
            which = which[~changed.take(candidates.take(which))]
            if which.size:
                own = candidates.take(which)
                # Where nothing changed that it reads, the value at the candidate is that of now.
                new = value.take(which) + 0.0 if kind.falling else self.bounds(kind, own)
                self.bound.ravel()[places.take(which) * self.run.width + own] = new

    # --------------------------------------------------------------------------------------------------- trends
    def work_done(self, touched: Flags, time: Floats, done: Floats) -> None:
        """Work of rates with a trend since the anchor, into ``done``, where their actor is re-timed."""
        for j, trend in enumerate(self.shape.trends):
            lanes = touched[trend.row.actor].nonzero()[0]
            before = self.run.speed[trend.clock].take(lanes)
            worked = operational(trend.shape, trend.scale, time.take(lanes) - self.origin[j].take(lanes))
            done[trend.clock] = 0.0
            done[trend.clock, lanes] = np.where(before > 0, before * (worked - self.worked[j].take(lanes)), 0.0)
            self.worked[j, lanes] = worked
            self.again[j, lanes] = True

    def begin_anew(self, fired: Integers, branch: Integers, time: Floats) -> None:
        """The trends that begin anew with a fresh requirement, but not with that of a candidate turned down."""
        happened = branch <= self.run.tables.nothing
        for j, trend in enumerate(self.shape.trends):
            if trend.row.trend is not None and trend.row.trend.renewed:
                lanes = (((fired == trend.number) & happened) | trend.restarted.take(branch)).nonzero()[0]
                self.origin[j, lanes] = time.take(lanes)
                self.worked[j, lanes] = 0.0

    def trend_due(self, speed: Floats, old: Floats, due: Floats) -> None:
        """Due times of rates with a trend: new where their actor was re-timed, else those they had."""
        run = self.run
        for j, trend in enumerate(self.shape.trends):
            lanes = self.again[j].nonzero()[0]
            if lanes.size:
                anchor = run.anchor[trend.row.actor].take(lanes)
                if trend.row.renewed:
                    self.follow_guard(j, trend, lanes, anchor, old[trend.clock].take(lanes))
                v = speed[trend.clock].take(lanes)
                passed = self.worked[j].take(lanes) + run.work[trend.clock].take(lanes) / v
                when = self.origin[j].take(lanes) + elapsed(trend.shape, trend.scale, passed)
                when = np.where(when > anchor, when, anchor)
                # A speed that is no number is refused where its due time is looked at.
                self.due[j, lanes] = np.where(v == 0, np.inf, np.where(np.isnan(v), np.nan, when))
                self.again[j, lanes] = False
            due[trend.clock] = self.due[j]

    def follow_guard(self, j: int, trend: _Trend, lanes: Lanes, anchor: Floats, before: Floats) -> None:
        """A renewed trend begins where its guard begins to hold."""
        assert trend.row.guard is not None
        holds = np.broadcast_to(np.asarray(self.run.group(trend.row.guard)) != 0, (self.run.width,)).take(lanes)
        begins = holds & ~self.held[j].take(lanes) & (before >= 0)
        self.held[j, lanes] = holds
        where = lanes[begins]
        self.origin[j, where] = anchor[begins]
        self.worked[j, where] = 0.0

    # -------------------------------------------------------------------------------------------------- results
    def observe(self, lanes: Lanes, which: Lanes, time: Floats) -> None:
        """Keep where the tensions of some slots stand at an observation."""
        run = self.run
        run.rows.observed_tensions[which, :, run.position[lanes]] = self.at(lanes, time).T

    def finish(self, lanes: Lanes, time: Floats | float) -> None:
        """Keep where the tensions of some slots stand at the end, also for observations that come later."""
        run, positions = self.run, self.run.position[lanes]
        last = self.at(lanes, time)
        run.rows.tensions[:, positions] = last
        for which in range(len(run.plan.observe)):
            late = run.next_observation[lanes] <= which
            run.rows.observed_tensions[which][:, positions[late]] = last[:, late]
