"""What a page carries so that a reader can weigh its histories anew: columns of the first histories, and its dials.

Milestones are carried as the day at the end of which they have happened, drawn inputs as their place among the ends
that a reader can choose, both as whole numbers: with these every choice keeps exactly the histories that the same range
of the stored run would, and each chance is the one that study=weigh finds with the same histories.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.beliefs.record import NESTED, Record, nested_mark, nested_record
from sim.beliefs.weighing import ERROR, FAR, Claim, Weighing
from sim.beliefs.weights import default_weight
from sim.model.laws import Law
from sim.runs.rows import read
from sim.scenario.quantities import BEHIND
from sim.statistics.clusters import FEWEST as FEWEST_SETS
from sim.statistics.shown import words
from sim.statistics.stated import spread_of
from sim.studies.weigh.weighed import claims_of, in_force

if TYPE_CHECKING:
    from sim.runs.plan import Task
    from sim.scenario.scenario import Scenario, Statement
    from sim.studies.settings import Settings

#: Histories that a page carries at most, and those below which an answer says too little.
MOST: Final = 20_000
FEWEST: Final = 500
#: Ends that a range can be given, one for each hundredth of the histories; up to so many values each is its own.
STEPS: Final = 100
#: Levels of a hidden type that are chosen one by one.
LEVELS: Final = 8
#: Days and places are carried in two bytes at most.
LONGEST: Final = 60_000
#: Bytes of the nested run that a page carries at most, before they are compressed.
ROOM: Final = 3_000_000

Data = dict[str, Any]
Columns = Mapping[str, NDArray[Any]]


def names_of(scenario: Scenario) -> list[str]:
    """Columns of the inputs and hidden starts that are drawn."""
    found = [f"input.{quantity.name}" for quantity in scenario.inputs if not quantity.constant]
    return found + [f"start.{v.name}" for v in scenario.spec.variables if isinstance(v.start, Law)]


def carried(
    folder: Path,
    scenario: Scenario,
    settings: Settings,
    task: Task,
    *,
    event: Mapping[str, Any],
    order: Sequence[str] = (),
    total: int = 0,
) -> Data | None:
    """Dials and columns as plain data; None where there is nothing to dial or too little to dial with.

    ``event`` is what the page asks first, ``order`` the names of the drawn, the weightiest first, and ``total`` the
    histories of the whole run.
    """
    record, drawn = _columns(folder, scenario, task)
    n = record.size
    if n < FEWEST or task.until > LONGEST:
        return None
    nested = _nested(folder, task, settings, n)
    packed = Packed()
    inputs = [one for name, values in drawn.items() if (one := _dial(scenario, name, values, packed)) is not None]
    place = {name: i for i, name in enumerate(order)}
    inputs.sort(key=lambda one: place.get(one["name"], len(place)))
    statements, notes = _statements(scenario, task, record, nested, settings.inputs)
    if not inputs and not statements:
        return None
    _record(packed, "", record, task)
    if nested is not None:
        _record(packed, "nested.", nested, task)
    says = {m.name: m.says for m in scenario.milestones}
    return {
        "n": n,
        "total": max(total, n),
        "few": FEWEST,
        "few_sets": FEWEST_SETS,
        "far": FAR,
        "as_of": scenario.as_of.isoformat(),
        "until": task.until,
        "days": list(task.days),
        "event": {"kind": event["kind"], "name": event["name"]},
        "milestones": [{"name": name, "label": words(name), "says": says.get(name, "")} for name in record.times],
        "outcomes": [{"name": name, "label": words(name), "says": ""} for name in record.names],
        "statements": statements,
        "notes": notes,
        "inputs": inputs,
        "sets": settings.inputs if nested is not None else 0,
        "each": nested.size // settings.inputs if nested is not None else 0,
        **packed.data(),
    }


class Packed:
    """Columns of whole numbers one after another, compressed; of those in two bytes first all low, then all high."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._columns: Data = {}

    def add(self, name: str, values: NDArray[Any], most: int) -> None:
        """Add a column of whole numbers 0 … ``most``."""
        whole = values.astype(np.int64)
        planes = [whole & 255] if most <= 255 else [whole & 255, whole >> 8]
        self._columns[name] = [sum(map(len, self._parts)), len(whole), len(planes)]
        self._parts += [plane.astype(np.uint8).tobytes() for plane in planes]

    def data(self) -> Data:
        """``columns``: name -> offset, length, bytes of each; ``packed``: all of them (zlib, base64)."""
        packed = zlib.compress(b"".join(self._parts), 6)
        return {"columns": self._columns, "packed": base64.b64encode(packed).decode()}


def _record(packed: Packed, before: str, record: Record, task: Task) -> None:
    """Days at whose end a milestone has happened (one past the end: never), and outcomes."""
    never = task.until + 1
    for name, times in record.times.items():
        packed.add(f"{before}milestone.{name}", np.ceil(np.minimum(times, never)), never)
    for day in task.days:
        packed.add(f"{before}outcome.{day}", record.outcomes[day], len(record.names))


def _columns(folder: Path, scenario: Scenario, task: Task) -> tuple[Record, dict[str, NDArray[Any]]]:
    """Record and drawn values of the first histories of a run on disk."""
    days = {day: "outcome.end" if day == task.until else f"outcome.{day}" for day in task.days}
    times = [f"milestone.{name}" for name in task.model.milestones]
    names = [name for name, _ in task.model.outcomes]
    drawn = names_of(scenario)
    found = read(folder, [*times, *days.values(), *drawn], MOST)
    number = {name: i for i, name in enumerate(names)}
    record = Record(
        {name.removeprefix("milestone."): found[name] for name in times},
        {day: np.array([number[word] for word in found[name]], dtype=np.int8) for day, name in days.items()},
        tuple(names),
    )
    return record, {name: found[name] for name in drawn}


def _nested(folder: Path, task: Task, settings: Settings, n: int) -> Record | None:
    """The nested run, where the folder keeps it; its sets of inputs are those of the first histories.

    That holds as a set is an input number, and a history of the run has the inputs of its own number.
    """
    if not (folder / NESTED).is_file() or n < settings.inputs:
        return None
    width = len(task.model.milestones) + len(task.days)
    if settings.inputs * settings.histories * width > ROOM:
        return None
    if not _is_kept(folder / NESTED, nested_mark(task, settings.inputs, settings.histories)):
        return None
    return nested_record(task, settings.inputs, settings.histories, executor="serial", folder=folder)


def _is_kept(path: Path, mark: Mapping[str, Any]) -> bool:
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = (pq.read_schema(path).metadata or {}).get(b"nested", b"null")
        return bool(json.loads(found) == mark)
    except (OSError, pa.ArrowException, ValueError):
        return False


# -------------------------------------------------------------------------------------------------------------- inputs
def _dial(scenario: Scenario, column: str, values: NDArray[Any], packed: Packed) -> Data | None:
    """What a reader can choose of one input or hidden start; None where all histories have the same."""
    kind, _, name = column.partition(".")
    numbers = values.astype(np.float64)
    if kind == "start":
        told = scenario.variables[name]
        there = np.unique(values)
        if told.levels and 1 < there.size <= LEVELS:
            packed.add(column, np.searchsorted(there, values), LEVELS)
            levels = [{"name": told.levels[int(v)], "label": words(told.levels[int(v)])} for v in there]
            return {"name": name, "column": column, "label": words(name), "says": told.meaning, "levels": levels}
        meaning, unit = told.meaning, "number"
    else:
        info = next(one for one in scenario.inputs if one.name == name)
        meaning, unit = info.meaning, info.kind
    edges = ends(numbers)
    if len(edges) < 2:
        return None
    packed.add(column, places(numbers, edges), 2 * len(edges))
    return {
        "name": name,
        "column": column,
        "label": words(name),
        "says": meaning if meaning != words(name) else "",
        "levels": None,
        "edges": edges,
        "shown": [_number(edge, unit) for edge in edges],
    }


def _number(value: float, kind: str) -> str:
    """A value of an input as people say it: a rate below one a day by the time between two."""
    if kind == "per day":
        return f"{_digits(value)} per d" if value >= 1 or value <= 0 else f"1 per {_digits(1 / value)} d"
    return f"{_digits(value)}{BEHIND['days'] if kind == 'days' else ''}"


def _digits(value: float) -> str:
    return f"{float(f'{value:.3g}'):,g}"


def ends(values: NDArray[np.float64]) -> list[float]:
    """Ends that a range of these values can have, ascending; each as it is written in a link."""
    there = np.unique(values)
    if there.size <= STEPS:
        return [float(value) for value in there]
    wanted = np.quantile(values, np.arange(STEPS + 1) / STEPS)
    return sorted({float(f"{value:.6g}") for value in wanted})


def places(values: NDArray[np.float64], edges: Sequence[float]) -> NDArray[np.int64]:
    """Place of each value (n,): 2 k + 1 on edge k, 2 k before it; so a range with its ends is a range of places."""
    below = np.searchsorted(edges, values, side="left")
    on = np.asarray(edges)[np.minimum(below, len(edges) - 1)] == values
    return np.asarray(2 * below + (on & (below < len(edges))), dtype=np.int64)


# ---------------------------------------------------------------------------------------------------------- statements
def _statements(
    scenario: Scenario, task: Task, record: Record, nested: Record | None, sets: int
) -> tuple[list[Data], list[str]]:
    """The statements in force as claims with the weight that each has by rule, and notes on those left out."""
    try:
        there = in_force(scenario)
    except ValueError:
        return [], []
    said: list[tuple[Statement, Claim]] = []
    notes = []
    for statement in there:
        if statement.said_on < scenario.as_of:
            notes.append(
                f"{statement.speaker}: said before the date of this forecast, so it is held against a forecast of that "
                "day, which this page does not carry; study=weigh does it."
            )
            continue
        try:
            claims, more = claims_of(scenario, [statement], task)
        except ValueError as error:
            notes.append(str(error).splitlines()[0])
            continue
        notes += more
        said += [(statement, claim) for claim in claims]
    if not said:
        return [], notes
    weighing = Weighing(tuple(claim for _, claim in said), record, nested, sets, task.days)
    return [_told(*pair, weighing, i) for i, pair in enumerate(said)], notes


def _told(statement: Statement, claim: Claim, weighing: Weighing, number: int) -> Data:
    # By rule, before those of one origin are scaled down together: that is done to whatever is dialled.
    spread = math.sqrt(sum(weighing.spreads[weighing.places[number, day]] ** 2 for day in claim.days) / len(claim.days))
    named = statement.milestone or " or ".join(statement.outcomes)
    return {
        "name": claim.name,
        "speaker": statement.speaker,
        "words": statement.words,
        "label": words(named),
        "said_on": statement.said_on.isoformat(),
        "open": statement.within is None,
        "milestone": claim.milestone,
        "outcomes": list(claim.outcomes),
        "days": list(claim.days),
        "stated": claim.stated.middle,
        "origin": claim.origin,
        "rule": default_weight(spread, math.hypot(ERROR, spread_of(claim.stated))),
    }
