"""Histories that begin where others have come: one stage of multilevel splitting, in the lockstep engine.

A stage plays histories until a whole-number function of the state, the *level*, first reaches a threshold, and keeps
their states then: the entrants. The histories of the next stage branch off from entrants. All that belongs to the
state goes with them: variables, milestones and their times, inputs, hidden starts, tensions, bounds of thinned rates,
origins of trends, dates spent, counts of draws, and the work left of every delay, whose age it carries. A branch is a
unit of its own: its history number is new, hence every number it draws.

What is left of a rate's work is a standard exponential whatever has happened until the level was reached, because the
law has no memory. So a branch draws it afresh, which parts branches from their first event on; the same holds for a
delay that began at that very event. (What is left of other delays is not drawn again: it does depend on their age.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.engines import units
from sim.engines.interface import TERMINAL, Floats, Integers, Plan, Rows
from sim.engines.lockstep import _BY_ROW, _NOT_BY_SLOT, SLOTS, Lanes, _Lockstep
from sim.model import draws
from sim.model.compiled import Model
from sim.model.expressions import Program

#: Arrays by slot that are filled anew at every step, or that a branch has of its own.
_NO_STATE: Final = ("lane", "moved", "at_due", "next_speed", "live", "position", "history")
#: What a delay that is new at this event has for a speed until it is re-timed.
_NEW: Final = -1.0


@dataclass(frozen=True, eq=False)
class Entrants:
    """m histories when they reached a level, in the order of their ``positions`` (m,) in the plan of their stage.

    ``times`` (m,) are the days on which they did; ``state`` holds every array of the engine, last axis m.
    """

    positions: Integers
    times: Floats
    state: dict[str, NDArray[Any]]

    @property
    def size(self) -> int:
        """How many there are."""
        return int(self.positions.size)


@dataclass(frozen=True, eq=False)
class Stage:
    """Where a stage ends (``level`` >= ``threshold``; None: with the histories) and from where it begins.

    History i of the plan goes on from entrant ``parents[i]`` of ``begun``; None: it begins at the start.
    """

    level: Program
    threshold: float | None
    begun: Entrants | None = None
    parents: Integers | None = None


def simulate(model: Model, plan: Plan, stage: Stage, slots: int | None = None) -> tuple[Rows, Entrants]:
    """Play one stage: rows of the histories that ended before the threshold, and the others where they reached it.

    In the rows, those that reached it are as they began. The inputs of the plan matter only in a stage without
    ``begun``: branches have those of their ancestors.

    Raises ValueError for a level that changes between events, SimulationError as the engine does.
    """
    if any(column >= model.first_amount for column in stage.level.reads):
        raise ValueError("the level must be a number of the state; amounts and tensions are none")
    if plan.observe or plan.integrals or plan.watched or plan.log:
        raise ValueError("a stage keeps the ends of histories only: nothing is observed, integrated or logged")
    with np.errstate(all="ignore"):
        run = _Splitting(model, plan, stage, min(slots or SLOTS, max(plan.size, 1)))
        return run.run(), run.entrants()


class _Splitting(_Lockstep):
    """A run that keeps the states of histories that reach a threshold, and goes on from such states."""

    def __init__(self, model: Model, plan: Plan, stage: Stage, slots: int) -> None:
        self.stage = stage
        self.kept: list[tuple[Integers, Floats, dict[str, NDArray[Any]]]] = []
        super().__init__(model, plan, slots)
        # Slots of this step that begin, and that reach the threshold. (What is no array is not taken for one by slot.)
        self.newcomers: list[Lanes] = []
        self.entering: list[Lanes] = []
        self.rising = (self.tables.concerned(model, stage.level.reads),)

    # ------------------------------------------------------------------------------------------------- the state
    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """All arrays by slot that make up the state, each with a name."""
        for owner, prefix in ((self, ""), (self.between, "between.")):
            for name, value in vars(owner).items() if owner is not None else ():
                if isinstance(value, np.ndarray) and name not in (*_NO_STATE, *_NOT_BY_SLOT):
                    yield prefix + name, value
        for name in _BY_ROW:
            for key, array in getattr(self, name).items():
                yield f"{name} {key}", array

    def keep(self, lanes: Lanes) -> None:
        """Keep the states of histories that have just reached the threshold, and free their slots."""
        if lanes.size == 0:
            return
        state = {name: array[..., lanes] for name, array in self.arrays()}
        state["start"] = self.rows.start[:, self.position[lanes]]
        for index in self.tables.flat:
            state["matrix"][index] = (state["matrix"][index] - lanes) // self.width
        self.kept.append((self.position[lanes], self.last[lanes], state))
        self.live[lanes] = False

    def entrants(self) -> Entrants:
        """Those kept so far, in the order of the plan: it says nothing of slots."""
        if not self.kept:
            return Entrants(np.zeros(0, dtype=np.int64), np.zeros(0), {})
        positions = np.concatenate([found for found, _, _ in self.kept])
        times = np.concatenate([found for _, found, _ in self.kept])
        order = np.argsort(positions, kind="stable")
        names = self.kept[0][2]
        state = {name: np.concatenate([s[name] for _, _, s in self.kept], axis=-1)[..., order] for name in names}
        return Entrants(positions[order], times[order], state)

    # ---------------------------------------------------------------------------------------------------- begin
    def refill(self) -> None:
        self.newcomers = []
        begun = self.stage.begun
        if begun is None or self.ahead.left == 0:
            super().refill()
        else:
            lanes = (~self.live).nonzero()[0][: self.ahead.left]
            positions = np.arange(self.ahead.next, self.ahead.next + lanes.size)
            self.ahead.next += lanes.size
            self.branch_off(begun, lanes, positions)
        for lanes in self.newcomers:  # the threshold may have been jumped over with the one before, or at the start
            self.keep(self.at_level(lanes))

    def look_first(self, lanes: Lanes) -> None:
        super().look_first(lanes)
        self.newcomers = [lanes]

    def branch_off(self, begun: Entrants, lanes: Lanes, positions: Integers) -> None:
        """Begin branches in some slots: the states of their parents, and histories of their own."""
        assert self.stage.parents is not None
        parents = self.stage.parents[positions]
        for name, array in self.arrays():
            array[..., lanes] = begun.state[name][..., parents]
        for index in self.tables.flat:
            self.matrix[index, lanes] = self.matrix[index, lanes] * self.width + lanes
        self.position[lanes] = positions
        self.history[lanes] = self.plan.histories[positions].astype(np.uint64)
        self.rows.inputs[:, positions] = self.inputs[: len(self.model.inputs), lanes]
        self.rows.start[:, positions] = begun.state["start"][:, parents]
        self.live[lanes] = True
        self.draw_anew(lanes)
        self.newcomers = [lanes]
        model = self.model
        over = lanes[self.program(model.terminal, lanes) != 0] if model.terminal is not None else lanes[:0]
        if over.size:
            self.finish(over, TERMINAL, self.last[over])

    def draw_anew(self, lanes: Lanes) -> None:
        """Work that a branch draws for itself: of rates, and of delays that are as new as the branch."""
        model, tables = self.model, self.tables
        if not tables.n_clocks:
            return
        touched = np.zeros((tables.touches.shape[0], self.width), dtype=np.bool_)
        touched[: len(model.actors), lanes] = True
        self.work_off(touched, self.last)
        for clock in range(tables.n_clocks):
            number = tables.first_clock + clock
            some = lanes
            if model.rows[number].kind == "delay":
                # At the start of a run all are new, and those that have run before it are known by their age.
                some = lanes[(self.speed[clock, lanes] == _NEW) & (self.last[lanes] > 0)]
            if some.size:
                k = self.count[number, some].astype(np.uint64)
                u = draws.uniform(self.keys.rows[:, [number]], self.history[some], k, draws.REQUIREMENT)
                scale = self.scale[number][some] if number in self.scale else None
                self.work[clock, some] = units.requirement(model, number, u, scale, first=False)
                if clock in self.whole:
                    self.whole[clock][some] = self.work[clock, some]

    # ------------------------------------------------------------------------------------------------------ end
    def at_level(self, lanes: Lanes) -> Lanes:
        """Those of some slots whose level has reached the threshold."""
        if self.stage.threshold is None or lanes.size == 0:
            return lanes[:0]
        reached: Lanes = lanes[self.program(self.stage.level, lanes) >= self.stage.threshold]
        return reached

    def look(self, branch: Integers, time: Floats, touched: NDArray[np.bool_]) -> Lanes:
        over = super().look(branch, time, touched)
        rising = self.rising[0]
        if self.happened[rising].any():
            entering = self.at_level(rising.take(branch).nonzero()[0])
            self.entering = [entering]
            over = np.setdiff1d(over, entering)  # whether a history ends there is for its branches to see
        return over

    def apply(self, fired: Integers, branch: Integers, time: Floats) -> None:
        self.entering = []
        super().apply(fired, branch, time)
        for lanes in self.entering:
            self.keep(lanes)
