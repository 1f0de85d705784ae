"""Jobs of a sweep done side by side on a cluster: ``-m hydra/launcher=submitit_slurm``, or ``submitit_local``.

What is sent is a job as it was composed here; the process that does it composes nothing, and what it sends back is
what this process would have made of the same job. Jobs that would write to one run folder, or are played together,
go as one, for a run folder belongs to one process at a time.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sim.runs import slurm_jobs
from sim.runs.executors import processors
from sim.runs.shorter import family
from sim.runs.slurm_jobs import Queue
from sim.studies import command, forecast
from sim.studies.order import remark
from sim.studies.sweep.job import Ended, Job, do, groups

#: Settings that submitit has for every kind of cluster; all others are Slurm's.
COMMON: Final = (
    "timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name", "stderr_to_stdout",
)  # fmt: skip
#: Settings of the launcher that are of no use here: a job that ran out of its time is handed in again as it was lost.
UNUSED: Final = ("cluster", "max_num_timeout")

Bundle = tuple[tuple[int, Job], ...]


def each(jobs: Sequence[Job], folder: Path) -> Iterator[tuple[int, Ended]]:
    """Numbers of the jobs, from 1, with how they ended, as they end.

    Raises RunError where jobs cannot be handed in.
    """
    todo = bundles(jobs)
    queue = queue_of(jobs[0].launcher, folder / ".jobs", len(todo))
    missing = dict.fromkeys(range(1, len(jobs) + 1))
    lost = None
    try:
        for _, made in slurm_jobs.spread(_do, todo, queue):
            for number, ended, said in made:
                if said:
                    remark(said.rstrip())
                del missing[number]
                yield number, ended
    except slurm_jobs.LostError as error:  # all others are done
        lost = error
    for number in missing:
        yield number, Ended(error=f"its job was lost, each time that it was handed in. {lost}")


def bundles(jobs: Sequence[Job]) -> list[Bundle]:
    """Jobs with their numbers from 1, put together where they share a run folder or their histories."""
    together: dict[Any, int] = {}
    place = list(range(len(jobs)))
    for number, job in enumerate(jobs):
        for key in _shared(job):
            first = place[together.setdefault(key, number)]
            old = place[number]
            place = [first if found == old else found for found in place]
    found: dict[int, list[tuple[int, Job]]] = {}
    for number, job in enumerate(jobs):
        found.setdefault(place[number], []).append((number + 1, job))
    return [tuple(bundle) for bundle in found.values()]


def _shared(job: Job) -> list[Any]:
    """What a job has in common with those that it goes with; nothing where it cannot be done, which it says itself."""
    try:
        _, order = command.prepared(job.configuration, job.command, job.source)
        scenario = order.scenario()
        task = forecast.task_of(scenario, order.settings)
        name = forecast.identity_of(scenario, task).configuration
    except (ValueError, RuntimeError):
        return []
    return [(str(order.results), scenario.name, key) for key in (name, family(task))]


def queue_of(launcher: Mapping[str, Any], folder: Path, jobs: int) -> Queue:
    """How the settings of a launcher are said to submitit. On this machine, as many jobs as it has processors."""
    cluster = launcher["cluster"]
    wanted = {
        key if key in COMMON else f"{cluster}_{key}": value
        for key, value in launcher.items()
        if key not in UNUSED and value is not None
    }
    if cluster == "local":
        jobs = min(jobs, processors())
    return Queue(f"hydra/launcher=submitit_{cluster}", cluster, wanted, folder, jobs)


def _do(bundle: Bundle) -> list[tuple[int, Ended, str]]:
    """Jobs one after another, in the process of the cluster; with the remarks that a person would have read."""
    together = groups([job for _, job in bundle])
    made = []
    for place, (number, job) in enumerate(bundle):
        heard = io.StringIO()
        with contextlib.redirect_stderr(heard):
            ended = do(job, together.pop(place, ()))
        made.append((number, ended, heard.getvalue()))
    return made
