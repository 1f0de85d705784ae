"""What every simulation engine takes and gives: a plan, rows, and the errors of a run."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.model.compiled import MAX_EVENTS, Model
from sim.model.expressions import Program

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: How a replication ended.
AT_HORIZON: Final = 0
TERMINAL: Final = 1
RAN_AWAY: Final = 2


class SimulationError(RuntimeError):
    """A history got where the model has no meaning (a speed that is no number, a value outside its bounds)."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A number followed over time: the whole part of ``program``, kept within 0 … ``bins`` - 1 (nan counts as 0).

    ``name`` says what it is where several are kept.
    """

    program: Program
    bins: int
    name: str = ""

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise ValueError(f"{self.name or 'a number watched'}: {self.bins} bins; at least 1 is needed")


@dataclass(frozen=True, eq=False)
class Plan:
    """Which replications to simulate, how long, and what to watch.

    ``inputs`` and ``histories`` (shape (n,)) give the unit of each replication: inputs and hidden starts are drawn by
    the input number, everything else by the history number. ``until`` is in days and may be infinite.
    ``observe``: ascending times <= until at which the whole state is kept; an observation sees every event up to and
    including its time. ``integrals`` are integrated over time. Each number ``watched`` is counted over replications at
    the end of every day 0, 1, … until. ``log`` keeps every event.
    """

    seed: int
    until: float
    inputs: Integers
    histories: Integers
    observe: tuple[float, ...] = ()
    integrals: tuple[Program, ...] = ()
    watched: tuple[Watched, ...] = ()
    log: bool = False
    max_events: int = MAX_EVENTS

    def __post_init__(self) -> None:
        if not self.until >= 0:
            raise ValueError(f"until = {self.until!r} days; a run ends at or after its start")
        if list(self.observe) != sorted(self.observe) or (self.observe and self.observe[-1] > self.until):
            raise ValueError(f"observation times {self.observe} must ascend and not exceed until = {self.until:g}")
        if self.inputs.shape != self.histories.shape or self.inputs.ndim != 1:
            raise ValueError("inputs and histories must be one-dimensional and equally long")
        if self.watched and not math.isfinite(self.until):
            raise ValueError("numbers are watched day by day: the run needs a finite end")

    @property
    def size(self) -> int:
        """Number of replications."""
        return int(self.inputs.size)

    @property
    def days(self) -> int:
        """Number of ends of days, from day 0 on, at which something is watched."""
        return math.floor(self.until) + 1 if self.watched else 0


def plan(seed: int, until: float, replications: int, first: int = 0, **options: object) -> Plan:
    """Plan of the replications ``first … first + replications - 1``, each its own unit."""
    numbers = np.arange(first, first + replications, dtype=np.int64)
    return Plan(seed, until, numbers, numbers, **options)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Log:
    """Every event: position of its replication in the plan, time, row of its action, number of its branch."""

    position: Integers
    time: Floats
    row: Integers
    branch: Integers


@dataclass(frozen=True, eq=False)
class Rows:
    """Results in plan order; n replications.

    ``status`` (n,) is AT_HORIZON, TERMINAL or RAN_AWAY; ``end`` (n,) the time the history stopped; ``culprit`` (n,)
    the row of the action at which it ran away, else -1. ``milestones`` (m, n) are first times, inf if never.
    ``state`` (variables, n) is the last state, ``start`` the first. ``observed`` is (times, variables, n).
    ``integrals`` is (integrals, times + 1, n): up to each observation and up to the end. ``inputs`` (inputs, n) are the
    values drawn. ``tensions`` (tensions, n) are where they stand at the end, ``observed_tensions`` (times, tensions, n)
    at each observation. ``occupancy`` holds for each number watched the replications with each value at the end of
    each day (days, bins); a history that ended early keeps its last value. ``fired`` (branches of the model,) says how
    often each branch happened, over all replications.
    """

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
    occupancy: tuple[Integers, ...]
    fired: Integers
    tensions: Floats
    observed_tensions: Floats
    log: Log | None = field(default=None)

    def fingerprint(self) -> str:
        """SHA-256 over every column in replication order, times included to the last bit, and over the log.

        ``fired`` follows from the log and is left out.
        """
        digest = hashlib.sha256()
        for array in (
            self.status, self.end, self.events, self.saturations, self.culprit, self.milestones, self.start,
            self.state, self.inputs, self.observed, self.integrals, *self.occupancy, self.tensions,
            self.observed_tensions,
        ):  # fmt: skip
            digest.update(np.ascontiguousarray(array).tobytes())
        if self.log is not None:
            for array in (self.log.position, self.log.time, self.log.row, self.log.branch):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def empty_rows(model: Model, plan: Plan) -> Rows:
    """Rows to be filled in by an engine.

    Raises ValueError for a plan that integrates or watches what changes between events.
    """
    for program in (*plan.integrals, *(watched.program for watched in plan.watched)):
        if any(column >= model.first_tension for column in program.reads):
            raise ValueError("only numbers of the state are integrated and watched; a tension is seen by observing it")
    n, times = plan.size, len(plan.observe)
    return Rows(
        status=np.zeros(n, dtype=np.int8),
        end=np.zeros(n),
        events=np.zeros(n, dtype=np.int64),
        saturations=np.zeros(n, dtype=np.int64),
        culprit=np.full(n, -1, dtype=np.int64),
        milestones=np.full((len(model.milestones), n), np.inf),
        start=np.zeros((len(model.variables), n), dtype=np.int64),
        state=np.zeros((len(model.variables), n), dtype=np.int64),
        inputs=np.zeros((len(model.inputs), n)),
        observed=np.zeros((times, len(model.variables), n), dtype=np.int64),
        integrals=np.zeros((len(plan.integrals), times + 1, n)),
        occupancy=tuple(np.zeros((plan.days, watched.bins), dtype=np.int64) for watched in plan.watched),
        fired=np.zeros(len(model.branches), dtype=np.int64),
        tensions=np.zeros((len(model.tensions), n)),
        observed_tensions=np.zeros((times, len(model.tensions), n)),
    )


def day_of(time: Floats) -> Integers:
    """First day whose end sees an event at ``time``: the end of day j is at time j."""
    days: Integers = np.ceil(time).astype(np.int64)
    return days
