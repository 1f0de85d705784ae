"""New values of a variable under an effect, for many states at once; both array engines use it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sim.engines import faults
from sim.engines.interface import Floats, Integers
from sim.model.compiled import EffectRow

Flags = NDArray[np.bool_]


def new_values(
    effect: EffectRow, old: Integers, value: Floats, where: str, state: Callable[[Flags], str]
) -> tuple[Integers, Flags]:
    """Values after an effect, and which of them had to be brought back within the bounds.

    ``old`` and ``value`` have shape (n,). ``where`` names the effect and ``state`` describes the first of some flagged
    states, for messages.

    Raises SimulationError for a value that is no whole number below 2^53, or that leaves the bounds of an effect that
    does not saturate.
    """
    broken = ~(np.abs(value) < 2.0**53) | (np.floor(value) != value)
    if broken.any():
        raise faults.not_whole(where, float(value[broken][0]), state(broken))
    number = value.astype(np.int64)
    if effect.kind == "add":
        new = old + number
    elif effect.kind == "set":
        new = number
    else:
        new = np.maximum(old, number) if effect.kind == "at_least" else np.minimum(old, number)
    within: Integers = np.clip(new, effect.lower, effect.upper)
    outside: Flags = within != new
    if outside.any() and not effect.saturate:
        raise faults.out_of_bounds(where, (int(new[outside][0]), effect.lower, effect.upper), state(outside))
    return within, outside
