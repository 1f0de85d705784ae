"""What simulated histories say of milestones and outcomes: all that is needed to weigh them, and no more."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Rows
from sim.runs import store
from sim.runs.columns import flags as flags_of
from sim.runs.columns import outcome
from sim.runs.execute import TOGETHER, Executor, Progress, silent, spread, uncertain, workers
from sim.runs.plan import Task, simulate
from sim.runs.rows import tables

Integers = NDArray[np.int64]
Times = NDArray[Any]

_META: Final = b"nested"
NESTED: Final = "nested.parquet"


@dataclass(frozen=True)
class Event:
    """A milestone reached by a day, one of some outcomes at its end, or a flag at the end of the run."""

    day: int
    milestone: str | None = None
    outcomes: tuple[str, ...] = ()
    flag: str | None = None


@dataclass(frozen=True, eq=False)
class Record:
    """First times (n,) of milestones in days (inf: never), and numbers (n,) of the outcomes at the end of days.

    Times may be the ends of their days, which say as much of what has happened by the end of a day. ``names`` are the
    outcomes in their order; ``flags`` (n,) say what else holds at the end of the run.
    """

    times: Mapping[str, Times]
    outcomes: Mapping[int, NDArray[np.int8]]
    names: tuple[str, ...]
    flags: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of histories."""
        return int(next(iter(self.outcomes.values())).size)

    def holds(self, event: Event) -> NDArray[np.bool_]:
        """Whether an event happens in each history (n,). Raises KeyError for what the record does not have."""
        if event.milestone is not None:
            return np.asarray(self.times[event.milestone] <= event.day)
        if event.flag is not None:
            return self.flags[event.flag]
        wanted = np.array([name in event.outcomes for name in self.names])
        return np.asarray(wanted[self.outcomes[event.day]])

    def events(self, days: Sequence[int]) -> list[Event]:
        """Every milestone by each of some days, then every outcome at each of them, then every flag at the end."""
        reached = [Event(day, milestone=name) for name in self.times for day in days]
        ended = [Event(day, outcomes=(name,)) for day in days for name in self.names]
        return reached + ended + [Event(max(self.outcomes), flag=name) for name in self.flags]

    def table(self, days: Sequence[int], index: Integers, size: int) -> Integers:
        """How many histories of each group 0 … size - 1 meet each of :meth:`events`: (events, size).

        ``index`` (n,) is the group of each history.
        """
        rows = []
        for times in self.times.values():
            late = np.zeros(index.size, dtype=np.int64)
            for day in days:
                late += times > day
            counts = np.bincount(late * size + index, minlength=(len(days) + 1) * size).reshape(-1, size)
            rows.append(np.cumsum(counts[:-1], axis=0) if len(days) else counts[:0])
        for day in days:
            places = self.outcomes[day] * np.int64(size) + index
            rows.append(np.bincount(places, minlength=len(self.names) * size).reshape(-1, size))
        rows += [np.bincount(index[held], minlength=size).reshape(1, size) for held in self.flags.values()]
        return np.concatenate(rows)


def of_run(
    folder: Path,
    milestones: Sequence[str],
    names: Sequence[str],
    days: Sequence[int],
    flags: Sequence[str] = (),
    *,
    most: int | None = None,
    exact: bool = False,
) -> Record:
    """Record of a forecast on disk, read at its days, the last of which is its end; of its first ``most`` histories.

    First times are the ends of their days, four bytes each, which is all that it takes to count what has happened by
    the end of a day; ``exact``: the times themselves, eight bytes each.

    Raises RunError where the parts of the run are missing.
    """
    columns = {day: f"outcome.{day}" for day in days[:-1]} | {days[-1]: "outcome.end"}
    reached, held = [f"milestone.{name}" for name in milestones], [f"flag.{name}" for name in flags]
    number = {name: i for i, name in enumerate(names)}
    pieces: dict[str, list[NDArray[Any]]] = {name: [] for name in (*reached, *columns.values(), *held)}
    for table in tables(folder, list(pieces), most):
        for name in reached:
            times = table.column(name).fill_null(np.inf).to_numpy()
            pieces[name].append(times if exact else np.ceil(times).astype(np.float32))
        for name in columns.values():
            pieces[name].append(_numbers(table.column(name), number))
        for name in held:
            pieces[name].append(table.column(name).to_numpy().astype(np.bool_))
    # One after another: the pieces of a column are let go before those of the next are joined.
    whole = {name: np.concatenate(pieces.pop(name)) for name in list(pieces)}
    return Record(
        {name: whole[key] for name, key in zip(milestones, reached, strict=True)},
        {day: whole[key] for day, key in columns.items()},
        tuple(names),
        {name: whole[key] for name, key in zip(flags, held, strict=True)},
    )


def nested_record(
    task: Task,
    inputs: int,
    histories: int,
    *,
    executor: Executor = "auto",
    progress: Progress = silent,
    folder: Path | None = None,
) -> Record | None:
    """Record of a nested run, input by input; None where nothing is uncertain.

    The histories are those of the forecast's own nested run. With a ``folder`` it is kept there, and read from there
    the next time.
    """
    if not uncertain(task.model):
        progress(inputs * histories)
        return None
    mark = nested_mark(task, inputs, histories)
    kept = _kept(folder / NESTED, mark, task) if folder is not None else None
    if kept is not None:
        progress(inputs * histories)
        return kept
    step = max(TOGETHER // histories, 1)
    pieces = [(first, min(step, inputs - first)) for first in range(0, inputs, step)]
    made: dict[int, list[NDArray[Any]]] = {}
    for index, columns in spread(_Maker(task, histories), pieces, workers(executor, inputs * histories)):
        made[index] = columns
        progress(pieces[index][1] * histories)
    whole = [np.concatenate(column) for column in zip(*(made[i] for i in range(len(pieces))), strict=True)]
    record = _record(task, whole)
    if folder is not None:
        _keep(folder / NESTED, mark, record)
    return record


def nested_mark(task: Task, inputs: int, histories: int) -> dict[str, Any]:
    """Everything that decides the record of a nested run; a run folder has one seed, but may have had other days."""
    mark = {"model": task.model.digest, "seed": task.seed, "until": task.until, "days": list(task.days)}
    mark |= {"inputs": inputs, "histories": histories, "flags": [name for name, _ in task.model.flags]}
    if task.past is not None:
        mark["past"] = task.past.digest
    return mark


def keep_nested(task: Task, inputs: int, histories: int, folder: Path, columns: Sequence[NDArray[Any]]) -> None:
    """Keep the :func:`columns_read` of a nested run in a folder, where :func:`nested_record` finds them."""
    _keep(folder / NESTED, nested_mark(task, inputs, histories), _record(task, columns))


def columns_read(task: Task, rows: Rows) -> list[NDArray[Any]]:
    """First times of the milestones, numbers of the outcomes at the days of a task, flags at its end: arrays (n,)."""
    read = [outcome(task.model, rows.observed[i], rows.milestones, day) for i, day in enumerate(task.days)]
    return [*rows.milestones, *read, *flags_of(task.model, rows.state, rows.milestones, task.until)]


@dataclass(frozen=True, eq=False)
class _Maker:
    """Plays the histories of some sets of inputs; a class, so that it can be sent to another process."""

    task: Task
    histories: int

    def __call__(self, piece: tuple[int, int]) -> list[NDArray[Any]]:
        first, inputs = piece
        plain = replace(self.task, watched=())
        group = np.repeat(np.arange(inputs), self.histories)
        numbers = np.arange(first * self.histories, (first + inputs) * self.histories, dtype=np.int64)
        rows = simulate(plain, first + group, numbers)
        return columns_read(plain, rows)


def _record(task: Task, columns: Sequence[NDArray[Any]]) -> Record:
    names, count = task.model.milestones, len(task.model.milestones)
    ends = count + len(task.days)
    outcomes = dict(zip(task.days, columns[count:ends], strict=True))
    held = {name: column for (name, _), column in zip(task.model.flags, columns[ends:], strict=True)}
    times = dict(zip(names, columns[:count], strict=True))
    return Record(times, outcomes, tuple(n for n, _ in task.model.outcomes), held)


def _keep(path: Path, mark: Mapping[str, Any], record: Record) -> None:
    import pyarrow as pa

    arrays: dict[str, NDArray[Any]] = {f"milestone.{name}": times for name, times in record.times.items()}
    arrays |= {f"outcome.{day}": numbers for day, numbers in record.outcomes.items()}
    arrays |= {f"flag.{name}": held for name, held in record.flags.items()}
    table = pa.table({name: pa.array(values) for name, values in arrays.items()})
    marked = table.replace_schema_metadata({_META: json.dumps(mark)})
    store.write_whole(path, store.parquet_bytes(marked, write_page_checksum=True))


def _kept(path: Path, mark: Mapping[str, Any], task: Task) -> Record | None:
    """The nested run on disk, if it is this very one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(path.read_bytes()), page_checksum_verification=True)
        if json.loads((table.schema.metadata or {})[_META]) != mark:
            return None
        names = [f"milestone.{name}" for name in task.model.milestones] + [f"outcome.{day}" for day in task.days]
        names += [f"flag.{name}" for name, _ in task.model.flags]
        return _record(task, [np.asarray(table.column(name).to_numpy()) for name in names])
    except (OSError, pa.ArrowException, LookupError, ValueError):
        return None


def _numbers(column: Any, number: Mapping[str, int]) -> NDArray[np.int8]:
    """Numbers of outcomes from a column of their words."""
    array = column.combine_chunks()
    known = np.array([number[word] for word in array.dictionary.to_pylist()], dtype=np.int8)
    found: NDArray[np.int8] = known[array.indices.to_numpy(zero_copy_only=False)]
    return found
