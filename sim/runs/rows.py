"""Rows of a stored run as its readers want them: chosen columns, part by part, of all replications or of the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.runs.store import RunError


def tables(folder: Path, names: Sequence[str], most: int | None = None) -> Iterator[Any]:
    """Columns of a run on disk as pyarrow tables, a part at a time, in the order of the replications.

    They end with the first ``most`` replications; None: with the last. No more parts are read than that takes.

    Raises RunError where the parts of the run are missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # With a hundred thousand parts their numbers have a digit more.
    paths = sorted((folder / "parts").glob("part-*.parquet"), key=lambda path: (len(path.name), path.name))
    if not paths:
        raise RunError(f"{folder}: the parts of this run are missing; run the forecast again")
    left = most
    for path in paths:
        if left is not None and left <= 0:
            return
        # Through our own read: pyarrow keeps a file open for longer than some systems let it be replaced.
        table = pq.read_table(pa.BufferReader(path.read_bytes()), columns=list(names), use_threads=False)
        if left is not None:
            table = table.slice(0, left)
            left -= table.num_rows
        yield table


def read(folder: Path, names: Sequence[str], most: int | None = None) -> dict[str, NDArray[Any]]:
    """Columns (n,) of a run on disk by their names, such as ``end`` or ``state.talks``, of its first replications.

    n is ``most``, or the number of all where that is smaller, or None. Words are objects, a time that never comes inf.

    Raises RunError where the parts of the run are missing.
    """
    pieces: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    for table in tables(folder, names, most):
        for name, found in pieces.items():
            found.append(_plain(table.column(name)))
    # One after another: the pieces of a column are let go before those of the next are joined.
    return {name: np.concatenate(pieces.pop(name)) for name in list(pieces)}


def _plain(column: Any) -> NDArray[Any]:
    import pyarrow as pa

    filled = column.fill_null(np.inf) if pa.types.is_floating(column.type) else column
    return np.asarray(filled.to_numpy())
