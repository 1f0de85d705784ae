"""What can be shown of a model before it runs: that effects stay within the bounds of their variables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product as cartesian
from typing import Final, TypeVar

import numpy as np

from sim.model.expressions import Expression, Number, columns, compile_program, evaluate
from sim.model.intervals import Range, range_of
from sim.model.spec import Effect, EffectKind

Real = TypeVar("Real", int, float)

#: Upper end of an open variable.
OPEN: Final = 2**62
#: Values of one variable that are looked at one by one, and joint states searched for a witness.
_VALUES: Final = 4_096
_STATES: Final = 65_536


class ModelError(ValueError):
    """A model that cannot be: the message holds the place, the value and the remedy."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """Bounds and words of the state columns (variables, then milestones), and the ``box`` of all column ranges.

    ``strict``: refuse an effect that can be shown to leave its bounds; else the engines find it while running.
    """

    lower: tuple[int, ...]
    upper: tuple[int, ...]
    box: Mapping[int, Range]
    words: tuple[tuple[str, tuple[str, ...]], ...]
    strict: bool

    def plain_move(self, where: str, effect: Effect, index: int, value: Expression, holds: Expression) -> int | None:
        """The one amount by which a constant effect moves its variable while ``holds``, if it is certain; else None.

        Raises ModelError with a witness when the effect leaves the bounds in a state that ``holds`` allows.
        """
        if not isinstance(value, Number) or value.value != math.floor(value.value):
            return None
        step, kind = int(value.value), effect.kind
        low, high = self.lower[index], self.upper[index]
        if kind == "add" and step >= 0 and high == OPEN:
            return step
        if kind == "add" and (not effect.saturate or high - low > _VALUES):
            # Only values near the end the effect moves towards can leave the bounds.
            near = range(low, min(low - step, high + 1)) if step < 0 else range(max(high - step + 1, low), high + 1)
            if len(near) > _VALUES:
                return None
            leaving = [old for old in near if not self.excluded(holds, index, old)]
            if not leaving:
                return step
            if not effect.saturate:
                self.refuse(where, index, leaving, holds, step)
            return None
        if high - low > _VALUES:
            return None
        values = [old for old in range(low, high + 1) if not self.excluded(holds, index, old)]
        moves = {old: new_value(kind, old, step) for old in values}
        outside = [old for old, new in moves.items() if not low <= new <= high]
        if outside and not effect.saturate:
            self.refuse(where, index, outside, holds, step)
        deltas = {new - old for old, new in moves.items()}
        if outside or len(deltas) > 1:
            return None
        return deltas.pop() if deltas else 0

    def excluded(self, holds: Expression, index: int, old: int) -> bool:
        """Whether a condition is certain to fail while a variable has the value ``old``."""
        return range_of(holds, {**self.box, index: Range(float(old), float(old))}).surely_false

    def refuse(self, where: str, index: int, leaving: list[int], holds: Expression, step: int) -> None:
        """Raise with a witness when one can be found; otherwise the engines check while running."""
        state = len(self.words)
        read = sorted(columns(holds) | {index})
        if not self.strict or read[-1] >= state or self.states(c for c in read if c != index) * len(leaving) > _STATES:
            return
        domains = [leaving if c == index else range(self.lower[c], self.upper[c] + 1) for c in read]
        states = np.array(list(cartesian(*domains)), dtype=np.float64).T
        known = dict(zip(read, states, strict=True))
        truth = np.broadcast_to(evaluate(compile_program(holds), known.__getitem__), states.shape[1:])
        if not (truth != 0).any():
            return
        witness = states[:, np.flatnonzero(truth != 0)[0]]
        shown = ", ".join(self.said(c, int(v)) for c, v in zip(read, witness, strict=True))
        upper = "open" if self.upper[index] == OPEN else self.upper[index]
        raise ModelError(
            f"{where}: the effect {step:+d} on {self.words[index][0]!r} ({self.lower[index]} … {upper}) leaves the "
            f"bounds when {shown}; guard against it, or say that it saturates"
        )

    def states(self, read: Iterable[int]) -> int:
        """Number of joint states of some columns."""
        return math.prod(self.upper[c] - self.lower[c] + 1 for c in read)

    def said(self, column: int, value: int) -> str:
        """A value in the words of its variable."""
        name, levels = self.words[column]
        return f"{name} = {levels[value] if levels else value}"


def new_value(kind: EffectKind, old: Real, number: Real) -> Real:
    """Value after an effect by a constant, before the bounds."""
    if kind == "add":
        return old + number
    if kind == "set":
        return number
    return max(old, number) if kind == "at_least" else min(old, number)
