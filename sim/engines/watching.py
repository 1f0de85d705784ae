"""What is counted over replications from day to day, and what has to be looked at again after a branch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Floats, Integers, Watched
from sim.model.compiled import Model


def closure(model: Model, reads: Iterable[int]) -> set[int]:
    """Columns on which these depend: a milestone on all that its condition reads."""
    found, variables = set(reads), len(model.variables)
    for column in sorted((c for c in found if variables <= c < model.first_input), reverse=True):
        found |= closure(model, model.milestone_programs[column - variables].reads)
    return found


def bin_of(value: float, bins: int) -> int:
    """Bin of one value of a number watched."""
    return int(min(value, bins - 1.0)) if value > 0 else 0


def places(watched: Watched, value: Floats) -> Integers:
    """Bins of some values of a number watched, any shape: :func:`bin_of` of each."""
    whole: Integers = np.where(value > 0, np.minimum(value, watched.bins - 1.0), 0.0).astype(np.int64)
    return whole


def concerned(model: Model, reads: Iterable[int]) -> NDArray[np.bool_]:
    """Branches (and a last entry for none) that may change what reads these columns."""
    found = np.zeros(len(model.branches) + 1, dtype=np.bool_)
    wanted = closure(model, reads)
    for _, branch in model.branches:
        found[branch.number] = bool(wanted & set(branch.changes))
    return found
