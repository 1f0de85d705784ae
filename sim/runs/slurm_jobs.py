"""Slurm for the parts of a run (optional extra ``slurm``): an array of jobs, handed in and watched by submitit."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from sim.runs.executors import TRIES, Where, lost_words, shared
from sim.runs.store import RunError

#: Seconds between two looks at the jobs; Slurm's own controller should not be asked often.
LOOK: Final = {"slurm": 5.0, "local": 0.2}

Item = TypeVar("Item")
Made = TypeVar("Made")


def spread(function: Callable[[Item], Made], items: Sequence[Item], where: Where) -> Iterator[tuple[int, Made]]:
    """Results of a function with the place of their item, as jobs end.

    At first the items are shared out among the jobs of one array. What was lost with a job is then done again, each
    item in a job of its own, three times at most.

    Raises RunError where jobs cannot be handed in, or where items were lost every time.
    """
    todo = dict(enumerate(items))
    share = -(-len(items) // where.jobs)
    places = list(todo)
    groups = [places[first : first + share] for first in range(0, len(places), share)]
    folder = shared(where.folder) / f"jobs_{uuid.uuid4().hex[:12]}"
    for _ in range(1 + TRIES):
        for index, made in _done(function, [[(i, items[i]) for i in group] for group in groups], where, folder):
            del todo[index]
            yield index, made
        if not todo:
            break
        groups = [[index] for index in todo]
    if todo:
        raise RunError(f"{lost_words(list(todo.values()), len(items), TRIES)}. What their jobs printed: {folder}")
    shutil.rmtree(folder, ignore_errors=True)


def _done(
    function: Callable[[Any], Any], groups: Sequence[Sequence[tuple[int, Any]]], where: Where, folder: Path
) -> Iterator[tuple[int, Any]]:
    """What the jobs of one array made; nothing of those that were lost."""
    executor = _executor(where, folder)
    from submitit.core.utils import FailedJobError, UncompletedJobError

    jobs = list(executor.map_array(_Job(function), groups))
    try:
        while jobs:
            ended = [job for job in jobs if job.done()]
            if not ended:
                time.sleep(LOOK[where.cluster])
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
            with suppress(Exception):  # it may have ended by now
                job.cancel()


def _executor(where: Where, folder: Path) -> Any:
    """What hands in jobs. Raises RunError without the extra, or without Slurm."""
    try:
        import submitit
    except ModuleNotFoundError:
        raise RunError(
            "executor=slurm needs submitit: install the extra `slurm` (pip install 'escalation-simulator[slurm]'), or "
            "use executor=processes"
        ) from None
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster=where.cluster)
    except RuntimeError as error:
        raise RunError(
            f"executor=slurm: {str(error).rstrip('.')}; run it where Slurm's commands are, or try "
            "executor.cluster=local on this machine"
        ) from None
    wanted: dict[str, Any] = {"timeout_min": where.minutes, "name": "escalation"}
    if where.memory_gb is not None:
        wanted["mem_gb"] = where.memory_gb
    if where.cluster == "slurm":
        wanted |= {"slurm_array_parallelism": where.jobs, "slurm_additional_parameters": dict(where.options)}
        if where.partition is not None:
            wanted["slurm_partition"] = where.partition
    executor.update_parameters(**wanted)
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
