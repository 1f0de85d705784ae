"""What runs cost: each measured in a process of its own, all of them in turns, so that a slow moment falls on all."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from sim.runs.execute import run_parts
from sim.runs.executors import Executor, Where
from sim.runs.plan import Task, made_ready
from sim.runs.store import Identity
from sim.studies.benchmark.contest import cpu_seconds

#: In what the system tells memory, for MB: in bytes on macOS, in kB elsewhere.
_UNIT: Final = 1e6 if sys.platform == "darwin" else 1e3
_NOBODY: Final = Identity("cost", "cost")

Data = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Case:
    """A run that is measured: its task, how many histories in parts of what size, and by how many processes."""

    what: str
    at: int
    task: Task
    replications: int
    chunk: int
    workers: int = 1


def measured(cases: Sequence[Case], rounds: int, results: Path, say: Callable[[str], None]) -> list[Data]:
    """Medians over the rounds for each case, with the least and the most: seconds, bytes, and megabytes of memory.

    ``wall`` and ``cpu`` are seconds to make the parts and count them, ``read`` CPU seconds to read and count them once
    more, ``start`` seconds before the first history; ``disk`` is in bytes, ``memory`` MB of the process at its peak,
    ``worker`` that of the largest worker.
    """
    found: list[list[Mapping[str, float]]] = [[] for _ in cases]
    results.mkdir(parents=True, exist_ok=True)
    for turn in range(rounds):
        for place, case in enumerate(cases):
            with tempfile.TemporaryDirectory(dir=results) as folder:
                found[place].append(_alone(case, Path(folder)))
            say(f"round {turn + 1} of {rounds}: {case.what} {case.at:,}: {found[place][-1]['wall']:.1f} s")
    return [{**_said(case), **_medians(times)} for case, times in zip(cases, found, strict=True)]


def _said(case: Case) -> Data:
    return {
        "what": case.what, "at": case.at, "replications": case.replications, "chunk": case.chunk,
        "workers": case.workers, "actions": len(case.task.model.rows),
    }  # fmt: skip


def _medians(times: Iterable[Mapping[str, float]]) -> Data:
    rows = list(times)
    data: Data = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    return data | {"least": min(row["wall"] for row in rows), "most": max(row["wall"] for row in rows)}


def _alone(case: Case, folder: Path) -> Mapping[str, float]:
    """Measure a case in a fresh process, so that memory and imports are its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_run, case, folder, time.time()).result()


def _run(case: Case, folder: Path, asked: float) -> Mapping[str, float]:
    """Make a run, count it, and read it once more."""
    import pyarrow.parquet  # noqa: F401 - part of what a start takes

    executor: Executor = "serial" if case.workers == 1 else Where("processes", workers=case.workers)
    task = made_ready(case.task, case.replications)
    start, wall, cpu = time.time() - asked, time.perf_counter(), cpu_seconds()
    run_parts(task, folder, _NOBODY, case.replications, size=case.chunk, executor=executor)
    wall = time.perf_counter() - wall
    if case.workers > 1:  # the system tells what they took once they have ended
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True)
    cpu = cpu_seconds() - cpu
    own, largest = _peaks()
    again = cpu_seconds()
    run_parts(task, folder, _NOBODY, case.replications, size=case.chunk, executor="serial")
    # A run that is there is read twice: to see what is missing, and to count it.
    read = (cpu_seconds() - again) / 2
    disk = sum(path.stat().st_size for path in (folder / "parts").iterdir())
    return {
        "wall": wall, "cpu": cpu, "read": read, "start": start, "disk": float(disk), "memory": own, "worker": largest,
    }  # fmt: skip


def _peaks() -> tuple[float, float]:
    """Largest memory in use so far, MB: of this process, and of the largest that it waited for; 0 where not told."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return 0.0, 0.0
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own / _UNIT, children / _UNIT
