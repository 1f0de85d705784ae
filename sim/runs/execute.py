"""Doing the parts of a run, by whatever executor; what a killed run left is kept, what is damaged set aside."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sim.model.compiled import Model
from sim.model.laws import Law
from sim.runs import store
from sim.runs.columns import Columns, Digest, columns_of, words_of
from sim.runs.counts import Counts, counts_of
from sim.runs.executors import EXECUTORS, PAYS, Executor, spread, workers
from sim.runs.plan import Part, Task, made_ready, numbers_of, parts_around, play, surviving_inputs
from sim.runs.store import Identity, RunError
from sim.runs.tally import Nested, Tally, empty, join, simulate_nested

#: Whoever does work through an executor has all that it takes from here.
__all__ = [
    "EXECUTORS", "PAYS", "TOGETHER", "Done", "Executor", "Progress", "RunError", "Say", "run_nested", "run_parts",
    "silent", "spread", "uncertain", "unheard", "workers",
]  # fmt: skip

#: Histories of a nested run simulated together.
TOGETHER: Final = 20_000
#: Seconds within which a file that another machine wrote must be seen here; network file systems tell late.
SEEN_WITHIN: Final = 10.0

Progress = Callable[[int], None]
Say = Callable[[str], None]


def silent(_: int) -> None:
    """Progress that nobody watches; called with the number of histories just done."""


def unheard(_: str) -> None:
    """Where remarks go when nobody reads them."""


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
    say: Say = unheard,
) -> Done:
    """Simulate the replications 0 … replications - 1 in parts of ``size``, except for parts that are already whole.

    Those stay as they were cut, of whatever size, so that a longer run computes nothing twice. What lies in their
    place and is damaged, or of another run, is set aside and said.

    Raises RunError when a part cannot be made or read.
    """
    folder = folder.absolute()
    store.make_folder(folder)
    planned = parts_around(store.parts_said(folder, identity), replications, size)
    words = words_of(task.model)
    like = empty(task).counts
    todo: list[Part] = []
    wrong: dict[Part, str] = {}
    for part in planned:
        found = _there(folder, identity, part, words, like)
        if not isinstance(found, tuple):
            todo.append(part)
        if isinstance(found, str):
            wrong[part] = found
    aside = store.set_aside(folder, identity, planned, wrong)
    if aside:
        say(aside)
    missing = sum(part.count for part in todo)
    progress(replications - missing)
    if todo:
        task = made_ready(task, missing)
        for index, host in spread(_Maker(task, folder, identity), todo, workers(executor, missing)):
            _see(store.part_path(folder, todo[index]), host)
            progress(todo[index].count)
    tally, digest, records = empty(task), Digest(), []
    for part in planned:
        path = store.part_path(folder, part)
        held = _there(folder, identity, part, words, like)
        if held is None or isinstance(held, str):
            raise RunError(f"{path}: the part was written but cannot be read back; check the disk and run again")
        tally.add(task, *held)
        digest.update(held[0])
        records.append({"file": path.name, "first": part.first, "count": part.count, "sha256": store.sha256_of(path)})
    return Done(tally, digest.hexdigest(*tally.arrays()), records, replications - missing)


def _there(
    folder: Path, identity: Identity, part: Part, words: Mapping[str, Sequence[str]], like: Counts
) -> tuple[Columns, Counts] | str | None:
    """A part from disk; why it is none, where a file is in its place that is not whole or counts something else."""
    found = store.examine(store.part_path(folder, part), identity, part, words)
    if isinstance(found, tuple) and found[1].shapes != like.shapes:
        return "it counts other things"
    return found


def _see(path: Path, host: str) -> None:
    """Wait until a part that was written on another machine is seen on this one.

    Raises RunError where it is not.
    """
    here, deadline = socket.gethostname(), time.monotonic() + SEEN_WITHIN
    while host != here and not path.exists():
        if time.monotonic() > deadline:
            raise RunError(
                f"{path}: the worker on {host} has written this part, but it is not to be seen on {here}: workers on "
                "other machines need this very folder; give results=DIR on a file system that all of them share"
            )
        time.sleep(0.2)
        list(path.parent.glob("part-*"))  # reading a folder makes a network file system look again


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes one part, writes it and says on which machine; a class, so that it can be sent to another process."""

    task: Task
    folder: Path
    identity: Identity

    def __call__(self, part: Part) -> str:
        host = socket.gethostname()
        if not self.folder.is_dir():
            raise RunError(
                f"{self.folder}: there is no such folder on {host}, where this part was to be made; give results=DIR "
                "on a file system that all workers share"
            )
        words = words_of(self.task.model)
        path = store.part_path(self.folder, part)
        # A worker may have been lost after it had written the part.
        if path.exists() and store.read_part(path, self.identity, part, words) is not None:
            return host
        numbers = numbers_of(part)
        inputs = surviving_inputs(self.task, numbers)
        rows = play(self.task, inputs, numbers)
        columns = columns_of(self.task, rows, part.first, inputs)
        store.write_part(path, self.identity, part, columns, counts=counts_of(rows), words=words)
        return host


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
