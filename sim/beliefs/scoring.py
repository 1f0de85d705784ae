"""How good a stated law was, once it is known what happened. Of one case: it takes many to tell skill from luck.

log     logarithm of the chance given to what happened, in nats; higher is better (Good 1952)
brier   squared distance of the chances from what happened; lower is better (Brier 1950)
ranked  the same of the cumulative chances over ordered outcomes, so that near misses count less (Epstein 1969)
crps    the same over all values of a number (Matheson and Winkler 1976), in the unit of the number; a time that had
        not come by the last day known is scored up to that day
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.beliefs.record import Record

Floats = NDArray[np.float64]

#: No chance counts as less in a logarithm: a law that gave an event none would else lose without end.
FLOOR: Final = 0.001


def log_score(share: float, floor: float = FLOOR) -> float:
    """Score in nats of a law that gave ``share`` to what happened; 0 at best."""
    return math.log(max(share, floor))


def brier(shares: ArrayLike, happened: int) -> float:
    """Score 0 … 2 of chances (outcomes,) when number ``happened`` came about; 0 at best."""
    found = np.array(shares, dtype=np.float64)
    found[happened] -= 1.0
    return float((found**2).sum())


def brier_of(share: float, *, happened: bool) -> float:
    """Score 0 … 1 of the chance of one event; 0 at best."""
    return (share - happened) ** 2


def ranked(shares: ArrayLike, happened: int) -> float:
    """Score 0 … 1 of chances (ranks,) over ordered outcomes when rank ``happened`` came about; 0 at best.

    Raises ValueError for fewer than two ranks.
    """
    cumulative = np.cumsum(np.asarray(shares, dtype=np.float64))[:-1]
    if not cumulative.size:
        raise ValueError("one rank; there is nothing to order")
    seen = np.arange(cumulative.size) >= happened
    return float(((cumulative - seen) ** 2).mean())


def crps_days(reached: ArrayLike, day: int | None, last: int) -> float:
    """Score in days of a law over first days, known up to day ``last``; 0 at best.

    ``reached`` (days + 1,) is the chance of having happened by the end of day 0, 1, …; ``day`` None: not by then.
    """
    chance = np.asarray(reached, dtype=np.float64)[:last]
    seen = np.zeros(last) if day is None else (np.arange(last) >= day).astype(np.float64)
    return float(((chance - seen) ** 2).sum())


def crps(values: ArrayLike, shares: ArrayLike, seen: float) -> float:
    """Score of a law over numbers, in their unit: ``values`` with their ``shares`` (sum 1), against what was seen."""
    at = np.asarray(values, dtype=np.float64)
    order = np.argsort(at, kind="stable")
    at, part = at[order], np.asarray(shares, dtype=np.float64)[order]
    places = np.concatenate([at, [seen]])
    steps = np.concatenate([part, [0.0]])
    order = np.argsort(places, kind="stable")
    places, steps = places[order], np.cumsum(steps[order])
    below = steps[:-1] - (places[:-1] >= seen)
    return float((below**2 * np.diff(places)).sum())


def completed(record: Record, milestone: str, by: Mapping[int, float]) -> Floats:
    """A law over histories (n,) that gives a milestone these chances by some days, and else is the model's.

    Within each span between the days, and after the last, histories keep their proportions (Jeffrey's rule); a span in
    which no history has it gives its chance to the others.

    Raises ValueError unless the chances rise within 0 … 1.
    """
    days = sorted(by)
    edges = np.array([0.0, *(by[day] for day in days), 1.0])
    if not days or (np.diff(edges) < 0).any():
        raise ValueError(f"{dict(by)}: chances by day rise within 0 … 1, one day at least")
    span = np.searchsorted(days, record.times[milestone], side="left")
    own = np.bincount(span, minlength=edges.size - 1)
    wanted = np.where(own > 0, np.diff(edges), 0.0)
    weights: Floats = (wanted / np.maximum(own, 1))[span]
    return np.asarray(weights / weights.sum())


def outcome_law(record: Record, weights: Floats, day: int) -> Floats:
    """Chances (outcomes,) at the end of a day under weights (n,) of the histories."""
    return np.bincount(record.outcomes[day], weights=weights, minlength=len(record.names)).astype(np.float64)


def reached(record: Record, weights: Floats, milestone: str, until: int) -> Floats:
    """Chance (until + 1,) of a milestone by the end of each day under weights (n,) of the histories."""
    times = record.times[milestone]
    held = times <= until
    day = np.ceil(times[held]).astype(np.int64)
    return np.cumsum(np.bincount(day, weights=weights[held], minlength=until + 1).astype(np.float64))
