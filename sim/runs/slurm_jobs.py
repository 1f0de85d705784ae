"""Slurm for the parts of a run (optional extra ``slurm``): an array of jobs, handed in and watched by submitit."""

from __future__ import annotations

import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from sim.runs.executors import TRIES, Where, lost_words
from sim.runs.store import RunError

#: Seconds between two looks at the jobs; Slurm's own controller should not be asked often.
LOOK: Final = {"slurm": 5.0, "local": 0.2}

Item = TypeVar("Item")
Made = TypeVar("Made")


class LostError(RunError):
    """Items were lost with their job every time; all others are done."""


@dataclass(frozen=True, eq=False)
class Queue:
    """Where jobs go: what was ``asked`` for, submitit's name of the ``cluster``, and what is ``wanted`` of a job.

    The files of jobs go through ``folder``; the items are shared out among ``jobs`` jobs.
    """

    asked: str
    cluster: str
    wanted: Mapping[str, Any]
    folder: Path
    jobs: int


def queue_of(where: Where) -> Queue:
    """An executor's settings as submitit wants them."""
    wanted: dict[str, Any] = {"timeout_min": where.minutes, "name": "escalation"}
    if where.memory_gb is not None:
        wanted["mem_gb"] = where.memory_gb
    if where.cluster == "slurm":
        wanted |= {"slurm_array_parallelism": where.jobs, "slurm_additional_parameters": dict(where.options)}
        if where.partition is not None:
            wanted["slurm_partition"] = where.partition
    folder = Path(where.folder or ".escalation-jobs").absolute()
    return Queue("executor=slurm", where.cluster, wanted, folder, where.jobs)


def spread(function: Callable[[Item], Made], items: Sequence[Item], queue: Queue) -> Iterator[tuple[int, Made]]:
    """Results of a function with the place of their item, as jobs end.

    At first the items are shared out among the jobs of one array. What was lost with a job is then done again, each
    item in a job of its own, three times at most.

    Raises RunError where jobs cannot be handed in; LostError, once all others are done, for items lost every time.
    """
    todo = dict(enumerate(items))
    share = -(-len(items) // queue.jobs)
    places = list(todo)
    groups = [places[first : first + share] for first in range(0, len(places), share)]
    folder = queue.folder / f"jobs_{uuid.uuid4().hex[:12]}"
    for _ in range(1 + TRIES):
        for index, made in _done(function, [[(i, items[i]) for i in group] for group in groups], queue, folder):
            del todo[index]
            yield index, made
        if not todo:
            break
        groups = [[index] for index in todo]
    if todo:
        raise LostError(f"{lost_words(list(todo.values()), len(items), TRIES)}. What their jobs printed: {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # others may have files there
        queue.folder.rmdir()


def _done(
    function: Callable[[Any], Any], groups: Sequence[Sequence[tuple[int, Any]]], queue: Queue, folder: Path
) -> Iterator[tuple[int, Any]]:
    """What the jobs of one array made; nothing of those that were lost."""
    executor = _executor(queue, folder)
    from submitit.core.utils import FailedJobError, UncompletedJobError

    jobs = list(executor.map_array(_Job(function), groups))
    try:
        while jobs:
            ended = [job for job in jobs if job.done()]
            if not ended:
                time.sleep(LOOK[queue.cluster])
            for job in ended:
                jobs.remove(job)
                try:
                    found = job.result()
                except UncompletedJobError:  # it was killed, ran out of its time, or its machine was lost
                    continue
                except FailedJobError as error:
                    said = str(error).strip().splitlines() or ["it failed"]
                    raise RunError(f"{folder}: job {job.job_id} could not begin: {said[-1]}") from None
                for index, made in found:
                    if isinstance(made, _Raised):
                        raise made.error
                    yield index, made
    finally:
        for job in jobs:
            with suppress(OSError, subprocess.SubprocessError):  # it may have ended by now
                job.cancel()


def _executor(queue: Queue, folder: Path) -> Any:
    """What hands in jobs. Raises RunError without Slurm, ValueError without the extra or for what submitit refuses."""
    try:
        import submitit
    except ModuleNotFoundError:
        raise ValueError(
            f"{queue.asked} needs submitit: install the extra `slurm` (pip install 'escalation-simulator[slurm]'), or "
            "use executor=processes"
        ) from None
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster=queue.cluster)
        executor.update_parameters(**queue.wanted)
    except RuntimeError as error:
        local = "executor.cluster=local" if queue.asked == "executor=slurm" else "hydra/launcher=submitit_local"
        why = str(error).rstrip(".")
        raise RunError(
            f"{queue.asked}: {why}; run it where Slurm's commands are, or try {local} on this machine"
        ) from None
    except (TypeError, NameError, AssertionError) as error:
        raise ValueError(f"{queue.asked}: submitit does not take these settings ({error})") from None
    return executor


@dataclass(frozen=True)
class _Raised:
    """An error of the function itself, to be raised where it is waited for."""

    error: Exception


@dataclass(frozen=True, eq=False)
class _Job:
    """Does the items of one job, one after another."""

    function: Callable[[Any], Any]

    def __call__(self, group: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
        made: list[tuple[int, Any]] = []
        for index, item in group:
            try:
                made.append((index, self.function(item)))
            except Exception as error:
                made.append((index, _Raised(error)))
                break
        return made
