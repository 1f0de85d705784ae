"""Histories that share their luck: no two replications have the same first few times of events left to chance."""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.engines.interface import Log
from sim.model.compiled import Model

#: So many times in common are no accident: a time has about 2**52 values.
TIMES: Final = 4
_ATOMS: Final = ("fixed", "poisson", "negative_binomial", "choice")


def shared(model: Model, log: Log, times: int = TIMES) -> tuple[int, int]:
    """How many histories have a double, and how many were compared.

    Compared are histories with so many ``times`` of rates, or of delays whose law has no atoms; the times of other
    events may rightly be the same.
    """
    free = np.array(
        [row.kind == "rate" or (row.law is not None and row.law.family not in _ATOMS) for row in model.rows]
    )
    chosen = free[log.row]
    position, time = log.position[chosen], log.time[chosen]
    first = np.searchsorted(position, np.unique(position))
    enough = first[np.append(first[1:], position.size) - first >= times]
    if enough.size == 0:
        return 0, 0
    keys = np.stack([time[enough + i] for i in range(times)], axis=1)
    return int(enough.size - np.unique(keys, axis=0).shape[0]), int(enough.size)
