"""Random time change: what logged histories look like on the clock of their own hazards.

Integrate an action's hazard along the histories; read on that clock, its firings are a Poisson process of rate 1,
whatever the laws, speeds and memories, and processes of different actions are independent (Meyer's theorem; Brown and
Nair, Journal of Applied Probability 25, 1988). A requirement that is cut short (the end of a history, a lost guard, a
restart) leaves a piece of time without a firing. Since what is left of an exponential time is exponential again, the
pieces are simply joined: history after history, action after action, so censoring needs no weights and only the very
last piece of a class is left over.

The state along a history is rebuilt from the log by :mod:`sim.studies.randomly.meaning`, and what changes between
events by :mod:`sim.studies.randomly.between`, not by an engine. A rate that is thinned is integrated numerically as
it is declared: its bound and the candidates that were turned down play no part.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Rows
from sim.model.compiled import Model
from sim.model.expressions import TRUE
from sim.model.laws import Law
from sim.model.spec import Calendar, Delay, Immediate, Rate
from sim.studies.oracles.tally import threshold
from sim.studies.randomly.between import Moving, Tensions, moving_rate, settled
from sim.studies.randomly.dice import Dice
from sim.studies.randomly.judging import kolmogorov
from sim.studies.randomly.meaning import Meaning, State, reading

Floats = NDArray[np.float64]
Hazard = Callable[[float], float]
#: Relative error of a work that is rebuilt from times.
_CLOSE: Final = 1e-9
#: Ends the name of a class of what follows an interruption.
INTERRUPTED: Final = ", interrupted"
#: Fewest residuals of a class that are judged by themselves.
_FEW: Final = 30


def cumulative_hazard(law: Law) -> Hazard:
    """-log of the chance to exceed a value. Raises ValueError for a law with atoms or a shift."""
    from scipy.special import gammaincc, log_ndtr

    p = law.parameters
    known: dict[str, Hazard] = {
        "exponential": lambda w: w / p[0],
        "weibull": lambda w: (w / p[1]) ** p[0],
        "uniform": lambda w: (
            -math.log((p[1] - w) / (p[1] - p[0])) if p[0] < w < p[1] else 0.0 if w < p[1] else math.inf
        ),
        "lognormal": lambda w: -float(log_ndtr(-math.log(w / p[0]) / p[1])) if w > 0 else 0.0,
        "gamma": lambda w: -math.log(float(gammaincc(p[0], w / p[1]))),
        "hyperexponential": lambda w: (
            -math.log(sum(q * math.exp(-r * w) for q, r in zip(p[0::2], p[1::2], strict=True)))
        ),
    }
    if law.family not in known or law.shift:
        raise ValueError(f"{law.family}{p}: no hazard is known for this law")
    return known[law.family]


@dataclass
class Clock:
    """One action's clock: ``done`` is the work of this attempt, ``counted`` how far its hazard was added up.

    ``since`` is the time since its last firing, on the clock of its hazard, and ``mark`` what that was when its guard
    was lost, or it was restarted, for the first time after: from there on the rest is exponential, too. ``moving`` is
    there for a rate whose speed changes between events.
    """

    kind: str
    hazard: Hazard | None
    exact: float
    age: float
    memory: str
    speed: float = 0.0
    held: bool = False
    scale: float = 1.0
    done: float = 0.0
    counted: float = 0.0
    since: float = 0.0
    mark: float = math.nan
    gaps: list[float] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)
    moving: Moving | None = None

    def advance(self, work: float) -> None:
        """Work is done, and the hazard of work never done before is added up."""
        self.done += work
        if self.hazard is not None and self.done > self.counted:
            self.since += self.hazard(self.done / self.scale) - self.hazard(self.counted / self.scale)
            self.counted = self.done

    def interrupted(self) -> None:
        """Its guard is lost, or it is restarted."""
        if math.isnan(self.mark):
            self.mark = self.since

    def fires(self) -> None:
        """It comes due."""
        self.gaps.append(self.since)
        if not math.isnan(self.mark):
            self.rests.append(self.since - self.mark)
        self.since, self.mark = 0.0, math.nan

    def fresh(self, age: float = 0.0) -> None:
        """A requirement of its own."""
        self.done = self.counted = age


@dataclass
class Residuals:
    """Residuals by class, the places of chosen branches in (0, 1), and what cannot have happened.

    ``left`` is the time without a firing since the last residual of each class.
    """

    gaps: dict[str, list[float]] = field(default_factory=dict)
    left: dict[str, float] = field(default_factory=dict)
    pairs: list[tuple[float, float]] = field(default_factory=list)
    choices: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, clock: Clock) -> None:
        """The residuals of an action, joined to those of its class."""
        self.join(clock.kind, clock.gaps, clock.since)
        self.pairs += pairwise(clock.gaps)
        if clock.kind != "rate":
            name = f"{' '.join(clock.kind.split()[:2])}{INTERRUPTED}"
            self.join(name, clock.rests, 0.0 if math.isnan(clock.mark) else clock.since - clock.mark)

    def join(self, name: str, gaps: list[float], left: float) -> None:
        """More residuals of a class, after the time that was left over."""
        before = self.left.get(name, 0.0)
        self.gaps.setdefault(name, []).extend([gaps[0] + before, *gaps[1:]] if gaps else [])
        self.left[name] = left + (0.0 if gaps else before)


def gather(found: Residuals, model: Model, rows: Rows, dice: Dice) -> None:
    """Add the residuals of simulated histories with their log. Models with amounts are not understood."""
    assert rows.log is not None
    meaning = Meaning(settled(model.spec))
    clocks = [_clock(d.action.clock, moving_rate(model.spec, d)) for d in meaning.actions]
    history = _History(meaning, clocks, Tensions(model.spec), found, dice)
    order = [[d.action.name for d in meaning.actions].index(row.name) for row in model.rows]
    first = [row.branches[0].number for row in model.rows]
    ends = np.searchsorted(rows.log.position, np.arange(rows.end.size + 1)).tolist()
    times, numbers, branches = rows.log.time.tolist(), rows.log.row.tolist(), rows.log.branch.tolist()
    for replication in range(rows.end.size):
        inputs = dict(zip(model.inputs, rows.inputs[:, replication].tolist(), strict=True))
        history.begin(tuple(rows.start[:, replication].tolist()), inputs)
        for event in range(ends[replication], ends[replication + 1]):
            row = numbers[event]
            history.happens(times[event], order[row], branches[event] - first[row])
        history.passes(float(rows.end[replication]))
    for clock in history.clocks:
        if clock.hazard is not None:
            found.add(clock)


def _clock(clock: Rate | Delay | Calendar | Immediate, moving: Moving | None) -> Clock:
    if isinstance(clock, Rate):
        trend = "" if clock.trend is None else " renewed" if clock.trend.renewed else " trend"
        kind = f"rate{' thinned' if moving is not None and moving.thinned else ''}{trend}"
        return Clock(kind, lambda work: work, math.nan, 0.0, "age", moving=moving)
    if isinstance(clock, Delay):
        fixed = clock.law.family == "fixed"
        hazard, exact = (None, clock.law.parameters[0]) if fixed else (cumulative_hazard(clock.law), math.nan)
        accelerated = " accelerated" if clock.factors else ""
        aged = " running" if clock.age else ""
        law = f"{clock.law.family}({','.join(f'{p:g}' for p in clock.law.parameters)})"
        kind = f"{law} {clock.memory}{accelerated}{aged}"
        return Clock(kind, hazard, exact, clock.age, clock.memory)
    return Clock("calendar" if isinstance(clock, Calendar) else "immediate", None, math.nan, 0.0, "age")


class _History:
    """A history told again."""

    def __init__(self, meaning: Meaning, clocks: list[Clock], tensions: Tensions, found: Residuals, dice: Dice) -> None:
        self.meaning, self.clocks, self.tensions, self.found, self.dice = meaning, clocks, tensions, found, dice
        # Where a speed follows a tension or the time, a state tells no more than whether the guard holds.
        self.speeds = [
            d.guard if c.moving and c.moving.thinned else d.speed for c, d in zip(clocks, meaning.actions, strict=True)
        ]
        self.scales = {
            i: reading(d.action.clock.scale)
            for i, d in enumerate(meaning.actions)
            if isinstance(d.action.clock, Delay) and d.action.clock.scale != TRUE
        }

    def begin(self, start: tuple[int, ...], inputs: dict[str, float]) -> None:
        self.inputs, self.time = inputs, 0.0
        for i, clock in enumerate(self.clocks):
            clock.scale = self.scales[i](inputs) if i in self.scales else 1.0
            clock.fresh(clock.age)
            clock.held = False
            if clock.moving is not None:
                clock.moving.begin()
        self.tensions.begin({**self.meaning.constants, **inputs})
        self.known: dict[State, tuple[list[float], list[bool]]] = {}
        self.enter(self.meaning.started(start, inputs), first=True)

    def values(self) -> dict[str, float]:
        """Everything that can be read now."""
        return {**self.meaning.values(self.state, self.inputs), **self.tensions.at(self.time)}

    def enter(self, state: State, *, first: bool = False) -> None:
        """New speeds; a delay whose guard stopped holding forgets what its memory says, a trend may begin anew."""
        self.state = state
        if state not in self.known:
            values = self.meaning.values(state, self.inputs)
            self.known[state] = (
                [float(speed(values)) for speed in self.speeds],
                [bool(d.guard(values)) for d in self.meaning.actions],
            )
        for clock, speed, holds in zip(self.clocks, *self.known[state], strict=True):
            if clock.held and not holds:
                clock.interrupted()
                if clock.memory == "enabling":
                    clock.fresh()
                elif clock.memory == "identical":
                    clock.done = 0.0
            if clock.moving is not None and holds and not clock.held and not first:
                clock.moving.renew(self.time)
            clock.speed, clock.held = speed, holds

    def passes(self, time: float) -> None:
        """Time passes in a state."""
        values = self.meaning.values(self.state, self.inputs)
        for clock, does in zip(self.clocks, self.meaning.actions, strict=True):
            if clock.kind == "immediate" and clock.held and time > self.time:
                self.found.wrong.append(f"{does.action.name} waits while its guard holds")
            if clock.moving is not None and clock.held and time > self.time:
                clock.advance(clock.moving.work(clock.speed, values, self.tensions, self.time, time))
            elif clock.kind not in ("immediate", "calendar"):
                clock.advance(clock.speed * (time - self.time))
            if clock.done > clock.exact * clock.scale * (1 + _CLOSE):
                self.found.wrong.append(f"{does.action.name} is overdue at day {time:g}")
        self.time = time

    def happens(self, time: float, action: int, branch: int) -> None:
        """An event of the log."""
        clock, does = self.clocks[action], self.meaning.actions[action]
        self.passes(time)
        name = f"{does.action.name} at day {time:g}"
        values = self.values()
        if not clock.held or clock.speed <= 0 or does.speed(values) <= 0:
            self.found.wrong.append(f"{name}: its guard does not hold")
        if clock.kind == "calendar" and time != self.meaning.date(action):
            self.found.wrong.append(f"{name}: not on its date")
        if abs(clock.done - clock.exact * clock.scale) > _CLOSE * clock.exact:
            self.found.wrong.append(f"{name}: after {clock.done:g} of {clock.exact * clock.scale:g} days of work")
        if clock.hazard is not None:
            if clock.done < clock.counted:
                self.found.wrong.append(f"{name}: sooner than its requirement is known to be")
            clock.fires()
        clock.fresh()
        if clock.moving is not None:
            clock.moving.renew(time)
        self.choose(action, branch, values, name)
        for restarted in does.action.branches[branch].restarts:
            target = [d.action.name for d in self.meaning.actions].index(restarted)
            if target != action:
                self.clocks[target].interrupted()
                self.clocks[target].fresh()
                if (moving := self.clocks[target].moving) is not None:
                    moving.renew(time)
        state = self.meaning.after(action, branch, self.state, self.inputs, values)
        self.tensions.push(action, branch, values, time)
        self.enter(state)

    def choose(self, action: int, branch: int, values: dict[str, float], name: str) -> None:
        """Where the branch taken lies among the chances of all."""
        if len(self.meaning.actions[action].action.branches) == 1:
            return
        chances = self.meaning.actions[action].chances(values)
        if chances[branch] <= 0:
            self.found.wrong.append(f"{name}: its branch {branch} has no weight")
        elif chances[branch] < 1:
            self.found.choices.append(sum(chances[:branch]) + self.dice.uniform() * chances[branch])


def faults(found: Residuals) -> list[str]:
    """What is wrong with residuals; one false alarm in a million for all of it together.

    Each class, and all of one law or memory, must be exponential with mean 1 (Kolmogorov-Smirnov), neighbouring
    residuals of an action unrelated, and the places of branches uniform. What cannot have happened is wrong without a
    doubt.
    """
    from scipy.special import ndtr

    result = [f"{len(found.wrong)} events against the rules, such as: {found.wrong[0]}"] if found.wrong else []
    # Apart by law, memory and the rest; by law alone; by memory alone; interrupted ones also by memory.
    classes: dict[str, list[float]] = {}
    for name, gaps in found.gaps.items():
        law, *rest = name.removesuffix(INTERRUPTED).split()
        parts = {f"any {rest[0]}{INTERRUPTED}"} if name.endswith(INTERRUPTED) else {law, *(f"any {w}" for w in rest)}
        for part in {name, *parts}:
            classes.setdefault(part, []).extend(gaps)
    uniform = {name: -np.expm1(-np.array(gaps)) for name, gaps in classes.items()}
    uniform["chosen branches"] = np.array(found.choices)
    uniform = {name: u for name, u in uniform.items() if u.size >= _FEW}
    limit = threshold(len(uniform) + 1)
    for name, u in uniform.items():
        distance, p = kolmogorov(u)
        if p < limit:
            result.append(f"{name}: {u.size} residuals at distance {distance:.4f} from their law, p = {p:.1e}")
    if len(found.pairs) >= _FEW:
        one, next_one = -np.expm1(-np.array(found.pairs)).T - 0.5
        z = 12.0 * float((one * next_one).sum()) / math.sqrt(one.size)
        p = 2.0 * float(ndtr(-abs(z)))
        if p < limit:
            result.append(f"neighbours: {one.size} pairs of residuals are related, z = {z:+.1f}")
    return result
