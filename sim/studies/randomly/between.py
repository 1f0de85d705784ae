"""What changes between events, a second time: tensions along a history, and the work of rates that follow them.

Beside :mod:`sim.studies.randomly.meaning`, and like it without the engines, the compiled model and its arithmetic. The
speed of a rate between two events is known as a function of time, so its work is an integral: of candidates, bounds
and acceptance nothing is known here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from sim.model.expressions import names
from sim.model.spec import TIME, EffectKind, Rate, Spec, Trend
from sim.studies.randomly.meaning import Does, Reading, Values, reading

#: Days that one set of nodes spans; where a speed jumps within, its work is off by some thousandths at most.
_PANEL: Final = 0.2
_NODES, _WEIGHTS = (array.tolist() for array in np.polynomial.legendre.leggauss(4))


def settled(spec: Spec) -> Spec:
    """The model without what its effects do to tensions."""
    felt = {tension.name for tension in spec.tensions}
    actions = (
        replace(
            action,
            branches=tuple(
                replace(b, effects=tuple(e for e in b.effects if e.variable not in felt)) for b in action.branches
            ),
        )
        for action in spec.actions
    )
    return replace(spec, actions=tuple(actions))


class Tensions:
    """The tensions of one history."""

    def __init__(self, spec: Spec) -> None:
        self.names = [tension.name for tension in spec.tensions]
        self.rules = [tuple(reading(tree) for tree in (t.start, t.toward, t.decay)) for t in spec.tensions]
        self.pushes: list[list[list[tuple[int, EffectKind, Reading]]]] = [
            [
                [
                    (self.names.index(e.variable), e.kind, reading(e.value))
                    for e in branch.effects
                    if e.variable in self.names
                ]
                for branch in action.branches
            ]
            for action in spec.actions
        ]

    def begin(self, inputs: Values) -> None:
        """The start of a history."""
        found = [tuple(rule(inputs) for rule in rules) for rules in self.rules]
        self.level, self.toward, self.decay = ([float(f[i]) for f in found] for i in range(3))
        self.since = [0.0] * len(found)

    def at(self, time: float) -> dict[str, float]:
        """Their values by name, and the time, at or after the last event."""
        felt = {TIME.name: time}
        for i, name in enumerate(self.names):
            far = (self.level[i] - self.toward[i]) * math.exp(-self.decay[i] * (time - self.since[i]))
            felt[name] = self.toward[i] + far
        return felt

    def push(self, action: int, branch: int, values: Values, time: float) -> None:
        """What a branch does to them, all from the values before."""
        new = []
        for which, kind, value in self.pushes[action][branch]:
            old, number = values[self.names[which]], value(values)
            ends = {"at_least": max(old, number), "at_most": min(old, number)}
            new.append((which, {"add": old + number, "set": number, **ends}[kind]))
        for which, level in new:
            self.level[which], self.since[which] = level, time


@dataclass
class Moving:
    """The speed of a rate that is thinned or has a trend; ``origin`` is when the time of its trend began."""

    does: Does
    trend: Trend | None
    thinned: bool
    origin: float = 0.0

    def begin(self) -> None:
        """The start of a history."""
        self.origin = 0.0 if self.trend is None else -self.trend.age

    def renew(self, time: float) -> None:
        """The action happened, was restarted, or its guard begins to hold."""
        if self.trend is not None and self.trend.renewed:
            self.origin = time

    def operational(self, time: float) -> float:
        """The integral of the trend up to a time."""
        u, trend = time - self.origin, self.trend
        return u if trend is None else trend.scale * math.pow(u / trend.scale, trend.shape) / trend.shape

    def _time(self, operational: float) -> float:
        trend = self.trend
        if trend is None:
            return self.origin + operational
        return self.origin + trend.scale * math.pow(trend.shape * operational / trend.scale, 1.0 / trend.shape)

    def work(self, speed: float, values: Values, tensions: Tensions, start: float, end: float) -> float:
        """Work between two times without an event; ``speed`` is that of the state where nothing else counts."""
        if not self.thinned:
            return speed * (self.operational(end) - self.operational(start))
        panels = max(math.ceil((end - start) / _PANEL), 1)
        ends = [self.operational(start + (end - start) * i / panels) for i in range(panels + 1)]
        here, total = dict(values), 0.0
        for low, high in pairwise(ends):
            half, middle = (high - low) / 2, (high + low) / 2
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                here.update(tensions.at(self._time(middle + half * node)))
                total += half * weight * self.does.speed(here)
        return total


def moving_rate(spec: Spec, does: Does) -> Moving | None:
    """The speed of an action if it changes between events."""
    clock = does.action.clock
    if not isinstance(clock, Rate):
        return None
    changing = {TIME.name, *(tension.name for tension in spec.tensions)}
    read = set().union(*(names(tree) for tree in (clock.base, *clock.terms, *clock.factors)))
    if clock.trend is None and not read & changing:
        return None
    return Moving(does, clock.trend, bool(read & changing))
