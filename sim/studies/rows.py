"""Columns of a stored forecast, as its studies read them: one entry per replication, in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.runs import store


def read(folder: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Columns of numbers (n,) by their names, such as ``end`` or ``state.talks``; inf where a time is missing.

    Raises RunError where the parts of the run are missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = sorted((folder / "parts").glob("part-*.parquet"))
    if not paths:
        raise store.RunError(f"{folder}: the parts of this run are missing; run the forecast again")
    tables = [pq.read_table(pa.BufferReader(path.read_bytes()), columns=list(names)) for path in paths]
    whole = pa.concat_tables([table.replace_schema_metadata() for table in tables])
    found = {}
    for name in names:
        column = whole.column(name)
        filled = column.fill_null(np.inf) if pa.types.is_floating(column.type) else column
        found[name] = np.asarray(filled.to_numpy())
    return found
