"""Reading oracle files: what a case says, before it becomes a model."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.studies.oracles.expressions import Unsupported

FORMAT: Final = "oracle-neutral/1"
#: Largest factor on the number of replications.
MAX_SCALE: Final = 1_000.0
#: Most times of a time course.
MAX_TIMES: Final = 20_000
#: Digits of the numbers in an ``.exact.csv`` table.
EXACT_DIGITS: Final = 10


class BadOracle(ValueError):  # noqa: N818 - it is the file that is bad
    """A path that cannot be read as JSON; the message names it and the fault."""


@dataclass(frozen=True)
class Query:
    """A question of a case: its ``kind``, the other fields as written, and the end of the case's time if it has one."""

    id: str
    kind: str
    fields: Mapping[str, Any]
    horizon: Any = None

    def need(self, name: str) -> Any:
        """A field that must be there. Raises Unsupported."""
        if self.fields.get(name) is None:
            raise Unsupported(f"the query has no {name!r}")
        return self.fields[name]

    def number(self, name: str) -> float:
        """A field that must be a finite number. Raises Unsupported."""
        value = _number(self.need(name))
        if value is None:
            raise Unsupported(f"{name} = {self.fields[name]!r} is no number")
        return value

    def time(self, name: str) -> float:
        """A field that must be a time >= 0; where it is absent, the end of the case. Raises Unsupported."""
        known = self.fields.get(name) is None and _number(self.horizon) is not None
        value = float(self.horizon) if known else self.number(name)
        if value < 0:
            raise Unsupported(f"{name} = {value:g} lies before the start")
        return value

    @property
    def value(self) -> float:
        """The exact value: ``value``, else ``exact_fraction``."""
        if self.fields.get("value") is None and isinstance(self.fields.get("exact_fraction"), str):
            try:
                return float(Fraction(self.fields["exact_fraction"]))
            except (ValueError, ZeroDivisionError):
                raise Unsupported(f"exact_fraction {self.fields['exact_fraction']!r} is no fraction") from None
        return self.number("value")

    @property
    def error(self) -> float:
        """How far the exact value itself may be off."""
        return abs(self.number("value_abs_error")) if self.fields.get("value_abs_error") is not None else 0.0

    @property
    def scale(self) -> float:
        """Factor on the number of replications."""
        scale = self.number("n_scale") if self.fields.get("n_scale") is not None else 1.0
        if not 0 < scale <= MAX_SCALE:
            raise Unsupported(f"n_scale = {scale:g} must be positive and at most {MAX_SCALE:g}")
        return scale

    @property
    def exact_only(self) -> bool:
        """Whether the query is meant for numerical solution only."""
        return self.kind == "exact_only" or bool(self.fields.get("exact_only"))


@dataclass(frozen=True)
class Case:
    """One file: its name, the raw contents, and its queries."""

    path: Path
    id: str
    data: Mapping[str, Any]
    queries: tuple[Query, ...]

    def items(self, key: str) -> list[Mapping[str, Any]]:
        """A list of objects, empty when absent. Raises Unsupported for anything else."""
        value = self.data.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise Unsupported(f"{key!r} is no list of objects")
        return value

    def mapping(self, key: str) -> Mapping[str, Any]:
        """An object, empty when absent. Raises Unsupported for anything else."""
        value = self.data.get(key) or {}
        if not isinstance(value, dict):
            raise Unsupported(f"{key!r} is no object")
        return value


@dataclass(frozen=True, eq=False)
class Table:
    """Expected values of a time course: ``times`` (t,), and ``values`` and their rounding ``errors`` (t, columns)."""

    times: NDArray[np.float64]
    columns: tuple[str, ...]
    values: NDArray[np.float64]
    errors: NDArray[np.float64]


def find(paths: Sequence[Path]) -> list[Path]:
    """JSON files among the paths; folders are searched with everything below them, in sorted order.

    Raises BadOracle for a path that is not there, or when no file is found at all.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*.json") if p.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise BadOracle(f"{path}: no such file or folder; give oracle files (.json) or folders of them")
    if not found:
        where = ", ".join(map(str, paths)) or "an empty list"
        raise BadOracle(f"no .json file in {where}; give oracle files or folders")
    return list(dict.fromkeys(found))


def read(path: Path) -> Case:
    """Read one file.

    Raises BadOracle when it is no JSON, Unsupported when it is JSON of another format.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadOracle(f"{path}: cannot be read as JSON ({error or type(error).__name__})") from None
    if not isinstance(data, dict):
        raise Unsupported("the file holds no object")
    written = data.get("format")
    if written is not None and written != FORMAT:
        raise Unsupported(f"format {written!r}, not {FORMAT!r}: no model")
    for key in ("variables", "transitions", "queries"):
        if key not in data and not (key == "transitions" and ("scheduled" in data or "immediate" in data)):
            raise Unsupported(f"no {key!r}: not of the format {FORMAT!r}")
    case = Case(path, str(data.get("id") or path.stem), data, ())
    queries: dict[str, Query] = {}
    for i, item in enumerate(case.items("queries")):
        name = str(item.get("id") or f"query {i + 1}")
        while name in queries:
            name += "'"
        queries[name] = Query(name, str(item.get("kind")), item, data.get("horizon"))
    return Case(path, case.id, data, tuple(queries.values()))


def _number(value: Any) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def grid(query: Query) -> list[float]:
    """Times of a time course: a list, or start, stop and the number of steps."""
    written = query.need("grid")
    if isinstance(written, dict):
        try:
            start, stop, steps = float(written.get("start", 0.0)), float(written["stop"]), int(written["steps"])
            times = [start + (stop - start) * i / steps for i in range(min(steps, MAX_TIMES) + 1)]
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            raise Unsupported(f"grid {written!r} needs start, stop and steps") from None
    elif isinstance(written, list) and all(isinstance(t, int | float) for t in written):
        times = [float(t) for t in written]
    else:
        raise Unsupported(f"grid {written!r} is neither a list nor start, stop and steps")
    if len(times) > MAX_TIMES:
        raise Unsupported(f"a grid of more than {MAX_TIMES:,} times")
    if not times or sorted(set(times)) != times or times[0] < 0 or not math.isfinite(times[-1]):
        raise Unsupported("the grid's times must ascend from 0 or later")
    return times


def table(case: Case, query: Query) -> Table:
    """The expected time course: the ten-digit table where there is one, else the rounded one."""
    name = str(query.need("table"))
    if Path(name).name != name:
        raise Unsupported(f"table {name!r} must lie beside the case")
    rounded = case.path.parent / name
    exact = rounded.with_suffix(".exact.csv")
    path = exact if exact.is_file() else rounded
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        head, body = [cell.strip() for cell in rows[0]], [row for row in rows[1:] if row]
        columns = query.need("columns")
        if not isinstance(columns, list) or not columns:
            raise Unsupported(f"columns {columns!r} are no list of names")
        places = [head.index(column) for column in ("time", *map(str, columns))]
        cells = [[row[place].strip() for place in places] for row in body]
        values = np.array([[float(cell) for cell in row] for row in cells])
    except (OSError, ValueError, IndexError) as error:
        raise Unsupported(f"table {path.name}: {error}") from None
    if values.size == 0 or not np.isfinite(values).all():
        raise Unsupported(f"table {path.name} holds no numbers")
    times = np.array(grid(query))
    if times.size != len(values) or not np.allclose(values[:, 0], times, rtol=1e-9, atol=1e-12):
        raise Unsupported(f"the times of table {path.name} are not those of the grid")
    rounding = _significant if path == exact else _decimals
    errors = np.array([[rounding(cell) for cell in row[1:]] for row in cells])
    return Table(values[:, 0], tuple(head[place] for place in places[1:]), values[:, 1:], errors)


def _decimals(cell: str) -> float:
    """Half a unit of the last decimal written."""
    digits, _, exponent = cell.lower().partition("e")
    decimals = len(digits.partition(".")[2])
    return 0.5 * 10.0 ** (int(exponent or 0) - decimals)


def _significant(cell: str) -> float:
    """Half a unit of the tenth significant digit; nothing for an exact zero."""
    value = abs(float(cell))
    return 0.5 * 10.0 ** (math.floor(math.log10(value)) + 1 - EXACT_DIGITS) if value else 0.0
