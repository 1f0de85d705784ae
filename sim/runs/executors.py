"""Where the parts of a run are done: in this process, in several, on a Dask cluster or as jobs of Slurm.

Whatever the executor, a piece of work is a plain function of its item, so its result cannot depend on who does it.
Pieces come back as they are done; one that was lost with its process is done again. A piece that is lost whenever it
is done alone is named, and given up once all others are done.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, Self, TypeVar
from urllib.parse import urlsplit

from sim.runs.plan import Part
from sim.runs.store import RunError

Name = Literal["auto", "serial", "processes", "dask", "slurm"]
EXECUTORS: Final = ("auto", "serial", "processes", "dask", "slurm")
#: Below this many replications the processes take longer to start than they save.
PAYS: Final = 100_000
#: A piece that is lost so often, done alone, is given up.
TRIES: Final = 3
#: Pieces that are named where many were given up.
_NAMED: Final = 5
_SCHEMES: Final = ("tcp", "tls", "ucx", "ws", "wss")
_LAUNCHERS: Final = ("slurm", "local")
#: The settings that each executor has.
SETTINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "processes": ("workers",),
    "dask": ("address", "workers"),
    "slurm": ("cluster", "jobs", "minutes", "memory_gb", "partition", "options", "folder"),
}

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Where:
    """An executor with its settings; None leaves a setting to the executor.

    ``workers`` processes on this machine. ``address`` of a Dask scheduler; without one a cluster is started here.
    Slurm: an array of at most ``jobs`` jobs of ``minutes`` each, with more ``options`` of ``sbatch`` by name; their
    files go through ``folder``, which all machines see. ``cluster`` local tries that on this machine, without Slurm.

    Raises ValueError for a setting that cannot be.
    """

    name: Name
    workers: int | None = None
    address: str | None = None
    cluster: str = "slurm"
    jobs: int = 16
    minutes: int = 60
    memory_gb: float | None = None
    partition: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: str | None = None

    def __post_init__(self) -> None:
        if self.name not in EXECUTORS:
            raise ValueError(f"executor {self.name!r}; choose from {', '.join(EXECUTORS)}")
        for key in ("workers", "jobs", "minutes"):
            value = getattr(self, key)
            if value is not None and (type(value) is not int or not 1 <= value <= 10_000):
                raise ValueError(f"executor.{key}: {value!r}; give a whole number from 1 to 10000")
        for key in ("address", "partition", "folder"):
            value = getattr(self, key)
            if value is not None and (not isinstance(value, str) or not value.strip()):
                raise ValueError(f"executor.{key}: {value!r}; give a text, or null")
        if self.address is not None and not _is_address(self.address):
            raise ValueError(
                f"executor.address: {self.address!r} is no address of a Dask scheduler; it prints its own when it "
                "starts, such as tcp://127.0.0.1:8786"
            )
        if self.address is not None and self.workers is not None:
            raise ValueError(
                f"executor.workers: {self.workers}, but the scheduler at {self.address} has workers of its own; leave "
                "one of the two away"
            )
        if self.cluster not in _LAUNCHERS:
            raise ValueError(f"executor.cluster: {self.cluster!r}; choose from {', '.join(_LAUNCHERS)}")
        given = self.memory_gb
        if given is not None and (type(given) not in (int, float) or not 0 < given <= 1e5):
            raise ValueError(f"executor.memory_gb: {given!r}; give gigabytes for each job, such as 4")
        if not isinstance(self.options, Mapping):
            raise ValueError(f"executor.options: {self.options!r}; give options of sbatch by name: {{qos: long}}")  # noqa: TRY004


#: An executor by its name, with the settings that it has unless told otherwise, or with settings of its own.
Executor = Name | Where


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in _SCHEMES and bool(parts.hostname) and bool(parts.port) and parts.path in ("", "/")
    except ValueError:  # a port that is no number
        return False


def where_of(executor: Executor) -> Where:
    """The executor with its settings. Raises ValueError where it is unknown."""
    return executor if isinstance(executor, Where) else Where(executor)


def name_of(executor: Executor) -> str:
    """How an executor is called."""
    return executor.name if isinstance(executor, Where) else executor


class Workers(int):
    """How many pieces are done side by side; it remembers where."""

    where: Where

    def __new__(cls, count: int, where: Where) -> Self:
        """So many at an executor."""
        made = super().__new__(cls, count)
        made.where = where
        return made


def workers(executor: Executor, histories: int) -> Workers:
    """How many workers there are for so many histories, and where: 1 means this process, unless they are on a cluster.

    Raises ValueError for an unknown executor, RunError for a cluster that is not there.
    """
    where = where_of(executor)
    if where.name == "dask":
        from sim.runs import dask_cluster

        return Workers(dask_cluster.size(dask_cluster.client_of(where)), where)
    if where.name == "slurm":
        return Workers(where.jobs, where)
    pays = where.name == "processes" or (where.name == "auto" and histories > PAYS)
    return Workers((where.workers or processors()) if pays else 1, where)


def processors() -> int:
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def spread(function: Callable[[Item], Made], items: Sequence[Item], processes: int) -> Iterator[tuple[int, Made]]:
    """Results of a function with the place of their item, as they come.

    ``processes``, as `workers` gives them, says where; a plain number means so many processes of this machine. Work
    lost with a process that was killed is done again.

    Raises RunError where a piece kills its process whenever it is done (the others are done first, and the error names
    it), or where a cluster is gone.
    """
    where = processes.where if isinstance(processes, Workers) else Where("processes" if processes > 1 else "serial")
    if where.name == "slurm":
        from sim.runs import slurm_jobs

        yield from slurm_jobs.spread(function, items, slurm_jobs.queue_of(where))
        return
    pool: Pool
    if where.name == "dask":
        from sim.runs import dask_cluster

        pool = dask_cluster.Dask(where)
    elif processes <= 1 or len(items) <= 1:
        for index, item in enumerate(items):
            yield index, function(item)
        return
    else:
        pool = Loky(int(processes))
    yield from _with(pool, function, items)


class Pool(Protocol):
    """What does pieces side by side, by joblib."""

    @property
    def tries(self) -> int:
        """How often a piece is done alone before it is given up."""

    @property
    def lost(self) -> tuple[type[BaseException], ...]:
        """How joblib tells that a worker was lost."""

    def doing(self, pieces: int) -> Any:
        """A context with a joblib.Parallel for so many pieces."""


@dataclass(frozen=True)
class Loky:
    """Processes of this machine."""

    processes: int
    tries: int = TRIES

    @property
    def lost(self) -> tuple[type[BaseException], ...]:
        """How joblib tells that a process was killed."""
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        return (TerminatedWorkerError,)

    @contextmanager
    def doing(self, pieces: int) -> Iterator[Any]:
        """At least two processes: with one, joblib would do the work here, and a piece that kills would kill us."""
        from joblib import Parallel

        wanted = max(2, min(self.processes, pieces))
        yield Parallel(n_jobs=wanted, backend="loky", return_as="generator_unordered", batch_size=1)


def _with(pool: Pool, function: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[tuple[int, Made]]:
    """Do the items; after a loss those that were under way are done one at a time, so that a killer is found out."""
    todo, given_up = dict(enumerate(items)), []
    piece = _Piece(function, os.urandom(8).hex())
    while todo:
        under_way: set[int] = set()
        try:
            for index, made in _run(pool, piece, list(todo.items()), under_way):
                del todo[index]
                yield index, made
        except pool.lost:
            for index in sorted(under_way) or sorted(todo):
                found = _alone(pool, piece, index, todo.pop(index))
                if found is None:
                    given_up.append(index)
                else:
                    yield found
    if given_up:
        raise RunError(lost_words([items[index] for index in given_up], len(items), pool.tries))


def _alone(pool: Pool, piece: _Piece, index: int, item: Any) -> tuple[int, Any] | None:
    """One item with nothing beside it; None where its process is killed every time."""
    for _ in range(pool.tries):
        try:
            [found] = _run(pool, piece, [(index, item)], set())
        except pool.lost:
            continue
        return found
    return None


def _run(pool: Pool, piece: _Piece, todo: Sequence[tuple[int, Any]], under_way: set[int]) -> Iterator[tuple[int, Any]]:
    from joblib import delayed

    def handed_out() -> Iterable[Any]:
        # joblib takes a few more than there are workers, so that these are few.
        for index, item in todo:
            under_way.add(index)
            yield delayed(piece)(index, item)

    with pool.doing(len(todo)) as parallel:
        for index, made in parallel(handed_out()):
            under_way.discard(index)
            yield index, made


_READY: Final[set[str]] = set()
_FIRST: Final = threading.Lock()


@dataclass(frozen=True, eq=False)
class _Piece:
    """Does an item and says which; a class, so that it can be sent to another process.

    Workers of Dask may be threads of one process. What is made at the first use there (a compiled kernel, imports) is
    made by one of them, while the others wait.
    """

    function: Callable[[Any], Any]
    mark: str

    def __call__(self, index: int, item: Any) -> tuple[int, Any]:
        if self.mark in _READY:
            return index, self.function(item)
        with _FIRST:
            made = self.function(item)
            _READY.add(self.mark)
        return index, made


def lost_words(items: Sequence[Any], of: int, tries: int) -> str:
    """Why a run could not finish: what was given up, and what helps."""
    named = "; ".join(named_item(item) for item in items[:_NAMED])
    more = f"; and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    often = f"{tries} times" if tries > 1 else "again and again"
    return (
        f"{len(items)} of {of} pieces of work killed their process {often}, each done alone: {named}{more}; the others "
        "are done, and what is stored in parts is kept. Mostly memory is short: run again with smaller parts "
        "(run.chunk), or with executor=serial to see what happens"
    )


def named_item(item: Any) -> str:
    """A piece of work in words: the replications, or the sets of inputs, that it holds."""
    if isinstance(item, Part):
        return f"replications {item.first:,} to {item.first + item.count - 1:,}"
    if isinstance(item, tuple):
        if len(item) == 2 and all(type(number) is int for number in item):
            return f"sets of inputs {item[0]:,} to {item[0] + item[1] - 1:,}"
        for one in item:
            if isinstance(one, Part):
                return named_item(one)
    return f"a {type(item).__name__}"
