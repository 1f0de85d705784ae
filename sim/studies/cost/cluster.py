"""What a cluster would do with a very large run: arithmetic over what was measured on one machine, and what is assumed.

A run is simulated side by side and then counted in one process, which reads every part once, one after another. So a
run ends no sooner than that process has read it, however many cores there are; what helps is several runs side by side,
each with a seed of its own. That is how the program is written and no law of nature: what has to go in the order of the
histories is the digest, column by column, and most of the time goes into unpacking the parts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: Seconds of a scheduler for one part. Assumed: Dask's documentation gives a fraction of a millisecond to one.
SCHEDULER: Final = 0.001

Data = dict[str, Any]


@dataclass(frozen=True)
class Costs:
    """Seconds to ``make`` and to ``read`` a history, its bytes on ``disk``; seconds for each ``part`` and to start."""

    make: float
    read: float
    disk: float
    part: float
    start: float


def costs(rows: Sequence[Mapping[str, Any]]) -> Costs:
    """Costs from the measured runs: of the largest of one process, and of one of as many histories in smaller parts."""
    alone = [row for row in rows if row["what"] == "histories"]
    largest = max(alone, key=lambda row: row["replications"])
    small = next(row for row in rows if row["what"] == "small parts")
    twin = next(row for row in alone if row["replications"] == small["replications"])
    n = largest["replications"]
    more = _parts(small) - _parts(twin)
    part = max((small["cpu"] - twin["cpu"]) / more, 0.0) if more > 0 else 0.0
    make, read = largest["cpu"] - largest["read"], largest["read"]
    return Costs(make / n, read / n, largest["disk"] / n, part, largest["start"])


def _parts(row: Mapping[str, Any]) -> int:
    return -(int(row["replications"]) // -int(row["chunk"]))


def planned(found: Costs, replications: int, chunk: int, cores: int, runs: int = 1) -> Data:
    """Seconds that so many histories take on so many cores, as some runs side by side; what is written, and how fast.

    Each run has its share of cores and histories, a scheduler and a process that counts it.
    """
    share, own = replications / runs, max(cores // runs, 1)
    parts = math.ceil(share / chunk)
    simulate = math.ceil(parts / own) * chunk * found.make
    schedule, count = parts * SCHEDULER, share * found.read
    busy = max(simulate, schedule)
    return {
        "cores": cores, "runs": runs, "parts": parts * runs, "start": found.start, "simulate": simulate,
        "schedule": schedule, "count": count, "total": found.start + busy + count,
        "files": parts * runs / busy, "bytes": replications * found.disk / busy,
        "used": replications * (found.make + found.read) / (cores * (found.start + busy + count)),
    }  # fmt: skip


def enough(found: Costs) -> float:
    """Cores from which on counting one run takes longer than simulating it: more of them pay less than half."""
    return found.make / found.read


def plans(found: Costs, replications: int, chunk: int, cores: int) -> list[Data]:
    """One run on one core, ten, … and all; then several runs side by side on all of them."""
    steps = [10**k for k in range(int(math.log10(cores)) + 1) if 10**k < cores]
    table = [planned(found, replications, chunk, few) for few in (*steps, cores)]
    return table + [planned(found, replications, chunk, cores, runs) for runs in (10, 100) if runs < cores]
