"""Whether a run can be stored at all: an estimate before the first history, so that nobody waits for a full disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from sim.runs.plan import Task
from sim.studies.settings import SettingError, Settings

#: Bytes on disk that a stored number takes at least, after compression (4.5 in the first scenario).
PACKED: Final = 2.0
#: Bytes in memory for a number of a history while its part is simulated, working copies among them.
LOOSE: Final = 16.0


def numbers(task: Task) -> int:
    """Numbers kept of one simulated history."""
    model = task.model
    columns = len(model.variables) + len(model.milestones) + len(model.inputs) + len(model.flags)
    return 8 + columns + len(task.days)


def check(task: Task, settings: Settings, results: Path) -> None:
    """Refuse a run that cannot fit. Raises SettingError with the estimate and a remedy."""
    there = next(folder for folder in (results.absolute(), *results.absolute().parents) if folder.exists())
    try:
        disk = shutil.disk_usage(there)
    except OSError:
        return
    if not disk.total or not os.access(there, os.W_OK):
        raise SettingError(f"results: {str(results)!r}: nothing can be written to {there}; give another path")
    free = float(disk.free)
    key = "run.replications" if settings.precision is None else "run.most"
    needed = settings.up_to * numbers(task) * PACKED
    if needed > free:
        fits = int(free / (numbers(task) * PACKED))
        raise SettingError(
            f"{key}: {settings.up_to:,} simulated histories take {_size(needed)} on disk, and "
            f"{there} has {_size(free)} free; at most {fits:,} fit"
        )
    memory = _memory()
    part = min(settings.chunk, settings.up_to)
    held = part * (numbers(task) + len(task.model.variables) * len(task.days)) * LOOSE
    if memory and held > memory:
        raise SettingError(
            f"run.chunk: a part of {part:,} simulated histories takes {_size(held)} of memory, and this machine has "
            f"{_size(memory)}; make it smaller, such as run.chunk=20000"
        )


def _memory() -> float:
    """Bytes of memory of this machine; 0 where that is not told."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return 0.0


def _size(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            return f"{number:,.0f} {unit}"
        number /= 1000
    raise AssertionError
