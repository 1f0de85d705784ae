"""Doing the parts of a run: one after another, or on several processes; what a killed run left is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from sim.model.compiled import Model
from sim.model.laws import Law
from sim.runs import store
from sim.runs.columns import Columns, Digest, columns_of, words_of
from sim.runs.counts import Counts, counts_of
from sim.runs.plan import Part, Task, made_ready, numbers_of, parts_around, play, surviving_inputs
from sim.runs.store import Identity, RunError
from sim.runs.tally import Nested, Tally, empty, join, simulate_nested

Executor = Literal["auto", "serial", "processes"]
EXECUTORS: Final = ("auto", "serial", "processes")
#: Below this many replications the processes take longer to start than they save.
PAYS: Final = 100_000
#: Histories of a nested run simulated together.
TOGETHER: Final = 20_000
#: How often work lost with a killed process is done again.
ROUNDS: Final = 3

Progress = Callable[[int], None]
Item = TypeVar("Item")
Made = TypeVar("Made")


def silent(_: int) -> None:
    """Progress that nobody watches; called with the number of histories just done."""


def workers(executor: Executor, histories: int) -> int:
    """Number of processes for so many histories: 1 means this one.

    Raises ValueError for an unknown executor.
    """
    if executor not in EXECUTORS:
        raise ValueError(f"executor {executor!r}; choose from {', '.join(EXECUTORS)}")
    affinity = getattr(os, "sched_getaffinity", None)
    available = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    pays = executor == "processes" or (executor == "auto" and histories > PAYS)
    return available if pays else 1


@dataclass(frozen=True, eq=False)
class Done:
    """A run whose parts are all on disk: counts, digest, and the record of each part for the manifest.

    ``kept`` is the number of replications that were there already.
    """

    tally: Tally
    content: str
    records: list[dict[str, Any]]
    kept: int


def run_parts(
    task: Task,
    folder: Path,
    identity: Identity,
    replications: int,
    *,
    size: int,
    executor: Executor = "auto",
    progress: Progress = silent,
) -> Done:
    """Simulate the replications 0 … replications - 1 in parts of ``size``, except for parts that are already whole.

    Those stay as they were cut, of whatever size, so that a longer run computes nothing twice.

    Raises RunError when a part cannot be made or read.
    """
    planned = parts_around(store.parts_said(folder, identity), replications, size)
    words = words_of(task.model)
    names = {store.part_path(folder, part).name for part in planned}
    for path in (folder / "parts").glob("part-*.parquet"):
        if path.name not in names:
            path.unlink()
    like = empty(task).counts
    todo = [p for p in planned if _there(folder, identity, p, words, like) is None]
    missing = sum(part.count for part in todo)
    progress(replications - missing)
    if todo:
        task = made_ready(task, missing)
    for index, _ in spread(_Maker(task, folder, identity), todo, workers(executor, missing)):
        progress(todo[index].count)
    tally, digest, records = empty(task), Digest(), []
    for part in planned:
        path = store.part_path(folder, part)
        found = _there(folder, identity, part, words, like)
        if found is None:
            raise RunError(f"{path}: the part was written but cannot be read back; check the disk and run again")
        tally.add(task, *found)
        digest.update(found[0])
        records.append({"file": path.name, "first": part.first, "count": part.count, "sha256": store.sha256_of(path)})
    return Done(tally, digest.hexdigest(*tally.arrays()), records, replications - missing)


def _there(
    folder: Path, identity: Identity, part: Part, words: Mapping[str, Sequence[str]], like: Counts
) -> tuple[Columns, Counts] | None:
    """A part from disk, or None unless it is whole and counts what this run counts."""
    found = store.read_part(store.part_path(folder, part), identity, part, words)
    return found if found is not None and found[1].shapes == like.shapes else None


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes one part and writes it; a class, so that it can be sent to another process."""

    task: Task
    folder: Path
    identity: Identity

    def __call__(self, part: Part) -> None:
        numbers = numbers_of(part)
        inputs = surviving_inputs(self.task, numbers)
        rows = play(self.task, inputs, numbers)
        columns = columns_of(self.task, rows, part.first, inputs)
        path = store.part_path(self.folder, part)
        words = words_of(self.task.model)
        store.write_part(path, self.identity, part, columns, counts=counts_of(rows), words=words)


def run_nested(
    task: Task, inputs: int, histories: int, executor: Executor = "auto", progress: Progress = silent
) -> Nested:
    """Nested run: ``inputs`` sets of inputs with ``histories`` histories each, in pieces that fit any executor.

    Where nothing is uncertain there is nothing to nest: the result holds no set.

    Raises ValueError unless both numbers are at least 1.
    """
    if inputs < 1 or histories < 1:
        raise ValueError(f"{inputs} sets of inputs with {histories} histories each: both must be at least 1")
    if not uncertain(task.model):
        progress(inputs * histories)
        return simulate_nested(task, 0, 0, 0)
    task = made_ready(task, inputs * histories)
    step = max(TOGETHER // histories, 1)
    pieces = [(first, min(step, inputs - first)) for first in range(0, inputs, step)]
    made: dict[int, Nested] = {}
    for index, piece in spread(_NestedMaker(task, histories), pieces, workers(executor, inputs * histories)):
        made[index] = piece
        progress(piece.inputs * histories)
    return join([made[index] for index in range(len(pieces))])


def uncertain(model: Model) -> bool:
    """Whether anything is drawn once per unit: an input or a hidden start."""
    return bool(model.inputs) or any(isinstance(start, Law) for start in model.start)


@dataclass(frozen=True, eq=False)
class _NestedMaker:
    task: Task
    histories: int

    def __call__(self, piece: tuple[int, int]) -> Nested:
        return simulate_nested(self.task, *piece, self.histories)


def spread(function: Callable[[Item], Made], items: Sequence[Item], processes: int) -> Iterator[tuple[int, Made]]:
    """Results of a function with the place of their item, as they come.

    With several processes, items lost with a process that was killed (by the system, for want of memory) are done
    again, three times at most.

    Raises RunError when processes keep dying.
    """
    if processes <= 1 or len(items) <= 1:
        for index, item in enumerate(items):
            yield index, function(item)
        return
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    todo = dict(enumerate(items))
    for _ in range(ROUNDS):
        pool = Parallel(n_jobs=min(processes, len(todo)), backend="loky", return_as="generator_unordered", batch_size=1)
        try:
            for index, result in pool(delayed(_numbered)(function, i, item) for i, item in list(todo.items())):
                del todo[index]
                yield index, result
        except TerminatedWorkerError:
            continue
        return
    raise RunError(
        f"processes were killed in {ROUNDS} rounds, and {len(todo)} of {len(items)} parts are missing; what was done "
        "is kept: run again with executor=serial, or with smaller parts (run.chunk)"
    )


def _numbered(function: Callable[[Item], Made], index: int, item: Item) -> tuple[int, Made]:
    return index, function(item)
