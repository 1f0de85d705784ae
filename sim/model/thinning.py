"""What changes between events, compiled: tensions, rates that are thinned, and trends.

A rate that reads a tension has candidates at an upper bound of its speed, each accepted with chance speed / bound
(thinning: Lewis and Shedler, "Simulation of nonhomogeneous Poisson processes by thinning", Naval Research Logistics
Quarterly 26 (1979) 403-413; Ogata, IEEE Transactions on Information Theory 27 (1981) 23-31, for self-exciting ones).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sim.model.enclosure import NoBound, Span, enclosure, endless
from sim.model.expressions import Call, Column, Expression, Number, Program, columns, compile_program, product
from sim.model.intervals import Range, range_of
from sim.model.names import Names
from sim.model.proofs import ModelError
from sim.model.spec import EffectKind, Rate, Spec, Tension, Trend

Box = Mapping[int, Range]


@dataclass(frozen=True, eq=False)
class Jump:
    """An effect on a tension: new = kind(old, value), for the tension's value at that time."""

    tension: int
    kind: EffectKind
    value: Program


@dataclass(frozen=True, eq=False)
class Thinning:
    """The part of a rate's speed that changes between events, with an upper bound.

    ``bound`` is evaluated at the start, at each candidate of the action, and when a column of ``reads`` (state,
    tensions) changes at an event, and the number is kept until then; it is the last factor of the speed. A candidate
    is accepted with chance ``value`` / bound, where ``value`` is computed at its time.
    """

    value: Program
    bound: Program
    reads: frozenset[int]


@dataclass(frozen=True, eq=False)
class TensionRow:
    """Start, level that it decays towards, and decay per day of a tension: programs over inputs."""

    start: Program
    toward: Program
    decay: Program


def tension_range(names: Names, spec: Spec, tension: Tension, box: Box) -> Range:
    """Where a tension can be: above its start and its level if no effect can take it lower."""
    ends = []
    for what, tree in (("start", tension.start), ("toward", tension.toward)):
        ends.append(range_of(names.bind(tree, f"{tension.name}: {what}", "only inputs"), box))
    effects = [e for a in spec.actions for b in a.branches for e in b.effects if e.variable == tension.name]
    low = min(end.low for end in ends)
    for effect in effects:
        value = range_of(names.plain(effect.value), box)
        least = {"add": 0.0, "at_least": -math.inf}.get(effect.kind, low)
        if value.undefined or value.low < least:
            return Range(-math.inf, math.inf)
    return Range(low, math.inf)


def tension_row(names: Names, tension: Tension, box: Box) -> TensionRow:
    """The programs of a tension."""
    trees = [
        names.bind(tree, f"{tension.name}: {what}", "only inputs")
        for what, tree in (("start", tension.start), ("toward", tension.toward), ("decay", tension.decay))
    ]
    decay = range_of(trees[-1], box)
    if decay.undefined or decay.low < 0:
        raise ModelError(
            f"{tension.name}: its decay is {decay.low:g} … {decay.high:g} per day; it must not be negative, and an "
            "input that it reads must not be"
        )
    return TensionRow(*(compile_program(tree) for tree in trees))


def _spans(names: Names, tensions: Sequence[Tension], box: Box) -> dict[int, Span]:
    """Between events a tension stays between its value then and the level it decays towards; time passes."""
    found: dict[int, Span] = {}
    for i, tension in enumerate(tensions):
        here: Expression = Column(names.first_tension + i)
        there = names.bind(tension.toward, f"{tension.name}: toward", "only inputs")
        if range_of(there, box).high <= box[names.first_tension + i].low:
            found[names.first_tension + i] = (there, here)
        else:
            found[names.first_tension + i] = (Call("min", (here, there)), Call("max", (here, there)))
    found[names.time] = (Column(names.time), Number(math.inf))
    return found


def thinning(
    names: Names, spec: Spec, clock: Rate, factors: Sequence[Expression], *, box: Box, where: str
) -> Thinning | None:
    """What of a rate changes between events, with its bound; None where nothing does."""
    moving = [f for f in factors if names.moving(f)]
    if not moving:
        if clock.bound is not None:
            raise ModelError(f"{where}: a bound, but its rate reads no tension and no time: leave the bound out")
        return None
    value = product(moving)
    if clock.bound is not None:
        bound = names.bind(clock.bound, f"{where}: bound", "rates")
    else:
        try:
            _, bound = enclosure(value, _spans(names, spec.tensions, box), box)
        except NoBound as error:
            raise ModelError(f"{where}: no upper bound is found for its rate: {error}; write it another way") from None
        if endless(bound):
            raise ModelError(f"{where}: its rate may rise with time without end; give a bound, or a trend instead")
    reads = columns(value) | columns(bound)
    return Thinning(
        compile_program(value),
        compile_program(bound),
        frozenset(c for c in reads if c < names.first_input or names.first_tension <= c < names.time),
    )


def checked_trend(trend: Trend | None, where: str) -> Trend | None:
    """The trend, if its numbers can be. Raises ModelError."""
    if trend is None:
        return None
    for what, value in (("shape", trend.shape), ("scale", trend.scale)):
        if not (math.isfinite(value) and value > 0):
            raise ModelError(f"{where}: the {what} of its trend is {value:g}; it must be positive")
    if not (math.isfinite(trend.age) and trend.age >= 0):
        raise ModelError(f"{where}: its trend starts {-trend.age:g} days after the run; `since` must not lie after it")
    return trend
