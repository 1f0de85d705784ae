"""What a part counts over its replications beside their columns: what is watched day by day, and what happened.

Others need not know how counts are kept: :func:`long_form` is the table of what was watched, :func:`packed` and
:func:`unpacked` are its form in a file.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Integers, Rows, Watched


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of some replications; those of several parts add up.

    ``occupancy``: for each number watched, replications with each value at the end of each day, (until + 1, bins).
    ``fired`` (branches of the model,): how often each branch of each action happened.
    """

    occupancy: tuple[Integers, ...]
    fired: Integers

    def arrays(self) -> list[Integers]:
        """All counts, in a fixed order."""
        return [*self.occupancy, self.fired]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the tables: what is counted."""
        return tuple(array.shape for array in self.arrays())

    def add(self, other: Counts) -> None:
        """Add the counts of other replications to these."""
        for mine, more in zip(self.arrays(), other.arrays(), strict=True):
            np.add(mine, more, out=mine)


def none(watched: Sequence[Watched], until: int, branches: int) -> Counts:
    """Counts of no replication."""
    occupancy = tuple(np.zeros((until + 1, number.bins), dtype=np.int64) for number in watched)
    return Counts(occupancy, np.zeros(branches, dtype=np.int64))


def counts_of(rows: Rows) -> Counts:
    """Counts of an engine's rows."""
    return Counts(rows.occupancy, rows.fired)


def long_form(watched: Sequence[Watched], counts: Counts) -> dict[str, NDArray[Any]]:
    """What was watched as a table: ``watched`` (its name), ``day``, ``value``, ``histories`` (where there are any)."""
    found: dict[str, list[NDArray[Any]]] = {"watched": [], "day": [], "value": [], "histories": []}
    for number, table in zip(watched, counts.occupancy, strict=True):
        day, value = np.nonzero(table)
        found["watched"].append(np.full(day.size, number.name, dtype=object))
        found["day"].append(day)
        found["value"].append(value)
        found["histories"].append(table[day, value])
    return {name: np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64) for name, parts in found.items()}


def packed(counts: Counts) -> list[dict[str, Any]]:
    """Plain data that hold the counts: of each table its shape and where it is not zero."""
    return [_packed(array) for array in counts.arrays()]


def _packed(array: Integers) -> dict[str, Any]:
    places = np.flatnonzero(array)
    # Steps from place to place are small, as are most counts: with bytes of one weight side by side most are zeros in
    # a row, which the quickest compression finds.
    numbers = np.stack([np.diff(places, prepend=0), array.ravel()[places]]).astype("<i8")
    data = numbers.view(np.uint8).reshape(2, -1, 8).transpose(0, 2, 1).tobytes()
    return {"shape": list(array.shape), "data": base64.b64encode(zlib.compress(data, level=1)).decode()}


def unpacked(data: Sequence[Mapping[str, Any]]) -> Counts:
    """Counts from their plain data.

    Raises ValueError, KeyError or TypeError for data that are damaged.
    """
    arrays = [_unpacked(entry) for entry in data]
    return Counts(tuple(arrays[:-1]), arrays[-1])


def _unpacked(entry: Mapping[str, Any]) -> Integers:
    try:
        data = zlib.decompress(base64.b64decode(entry["data"]))
    except zlib.error as error:
        raise ValueError(f"counts that cannot be read: {error}") from None
    parts = np.frombuffer(data, dtype=np.uint8).reshape(2, 8, -1).transpose(0, 2, 1)
    steps, values = np.ascontiguousarray(parts).view("<i8").reshape(2, -1)
    result = np.zeros(tuple(entry["shape"]), dtype=np.int64)
    result.ravel()[np.cumsum(steps)] = values
    return result
