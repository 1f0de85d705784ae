"""The index of a sweep: one row per job with what was swept, how it ended and the chances, as Parquet and as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sim.runs import store

Row = dict[str, Any]

SHARES: Final = ("probability", "low", "high", "range_low", "range_high")
#: Columns of every index, beside the keys that were swept and the chances.
FIRST: Final = ("job", "status", "folder", "error")
MADE: Final = ("n", "seed", "as_of", "until", "until_days")
_META: Final = b"escalation"


def chances(summary: Mapping[str, Any]) -> Row:
    """A forecast as columns: ``outcome.NAME.probability`` (and the other four shares) at the end, flags alike.

    Milestones are read at every horizon, ``milestone.NAME.30.probability``, and at the end, ``milestone.NAME.end.…``,
    so that jobs that end on different days share a column.
    """
    row: Row = {"n": summary["replications"], **{key: summary[key] for key in MADE[1:]}}
    for kind, part in (("outcome", summary["outcomes"]), ("flag", summary["flags"])):
        for name, five in part.items():
            row |= {f"{kind}.{name}.{share}": five[share] for share in SHARES}
    last = str(summary["until_days"])
    for name, found in summary["milestones"].items():
        for day, five in found["by"].items():
            at = "end" if day == last else day
            row |= {f"milestone.{name}.{at}.{share}": five[share] for share in SHARES}
    return row


def write(folder: Path, sweep: str, axes: Sequence[str], rows: Sequence[Row]) -> None:
    """Write ``index.parquet`` and ``index.csv``, each whole; ``sweep`` is the sweep's hash, ``axes`` the keys swept."""
    import pyarrow as pa

    columns = _columns(axes, rows)
    arrays = {name: _array(pa, [row.get(name) for row in rows]) for name in columns}
    meta = json.dumps({"format": store.FORMAT, "sweep": sweep, "swept": list(axes)})
    table = pa.table(arrays).replace_schema_metadata({_META: meta})
    store.write_whole(folder / "index.parquet", store.parquet_bytes(table))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([harmless(name) for name in columns])
    writer.writerows([harmless(_plain(row.get(name))) for name in columns] for row in rows)
    store.write_whole(folder / "index.csv", text.getvalue().encode())


def read(folder: Path, sweep: str) -> dict[int, Row]:
    """Rows of an earlier, perhaps interrupted doing of the same sweep, by job; none where there is no whole index."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader((folder / "index.parquet").read_bytes()))
        meta = json.loads((table.schema.metadata or {})[_META])
        if meta.get("sweep") != sweep or meta.get("format") != store.FORMAT:
            return {}
        return {row["job"]: {k: v for k, v in row.items() if v is not None} for row in table.to_pylist()}
    except (OSError, pa.ArrowException, LookupError, ValueError, TypeError):
        return {}


def harmless(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe in front."""
    if not isinstance(cell, str):
        return cell
    cell = cell.replace("\r", " ")  # some readers begin a row there
    if cell.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\n", "|", "%"):
        return f"'{cell}"
    return cell


def _columns(axes: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Names of the columns, each once: a key that was swept stands where it says what was asked."""
    found = dict.fromkeys((FIRST[0], *axes, *FIRST[1:], *MADE))
    for row in rows:
        found |= dict.fromkeys(row)
    return list(found)


def _array(pa: Any, values: Sequence[Any]) -> Any:
    """A column of one type: whole numbers, numbers or flags where all values are, else text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int}:
        if any(value is not None and abs(value) >= 2**63 for value in values):
            return pa.array([None if v is None else str(v) for v in values], type=pa.string())
        return pa.array(values, type=pa.int64() if kinds else pa.string())
    if kinds <= {int, float}:
        return pa.array([None if v is None else float(v) for v in values], type=pa.float64())
    if kinds <= {bool}:
        return pa.array(values, type=pa.bool_())
    return pa.array([None if v is None else str(_plain(v)) for v in values], type=pa.string())


def _plain(value: Any) -> Any:
    """Lists and mappings as JSON; anything else as it is."""
    if isinstance(value, list | tuple | Mapping):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value
