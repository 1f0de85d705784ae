"""How large a run may be: on disk, as told before its first history, and in memory, for what reads its histories.

To simulate and to count a run takes as much memory as a few of its parts, however many there are. What looks at its
histories one by one holds those in memory, and so reads the first of them only.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from sim.runs.plan import Task
from sim.statistics.shown import plural
from sim.studies.settings import SettingError, Settings

#: Bytes on disk of a stored history: an input drawn is not compressed; what hardly ever happens takes little room.
#: Within a tenth of what the scenarios that ship take.
INPUT: Final = 8.0
MILESTONE: Final = 2.5
VARIABLE: Final = 0.3
REST: Final = 8.0
#: A run is refused where so much of the estimate does not fit, ...
SURELY: Final = 0.85
#: ... and told what it will take where that is more than this.
MUCH: Final = 2e8
#: Bytes in memory for a number of a history while its part is simulated, working copies among them.
LOOSE: Final = 16.0
#: A study that looks at the histories of a run one by one looks at the first of them, so many at most, less than
#: a kilobyte each. ...
READ: Final = 1_000_000
#: ... A page that is written beside every run looks at fewer; they tell a share to a quarter of a point.
READ_FOR_PAGE: Final = 200_000


def numbers(task: Task) -> int:
    """Numbers kept of one simulated history."""
    model = task.model
    columns = len(model.variables) + len(model.milestones) + len(model.inputs) + len(model.flags)
    return 8 + columns + len(task.days)


def on_disk(task: Task) -> float:
    """About how many bytes one simulated history takes on disk."""
    model = task.model
    return INPUT * len(model.inputs) + MILESTONE * len(model.milestones) + VARIABLE * len(model.variables) + REST


def check(task: Task, settings: Settings, results: Path, held: float = 0.0) -> str:
    """What a large run takes on disk, in words; nothing for a small one. ``held``: bytes that are there already.

    Raises SettingError for a run that cannot fit, with the estimate and a remedy.
    """
    there = next(folder for folder in (results.absolute(), *results.absolute().parents) if folder.exists())
    try:
        disk = shutil.disk_usage(there)
    except OSError:
        return ""
    if not disk.total or not os.access(there, os.W_OK):
        raise SettingError(f"results: {str(results)!r}: nothing can be written to {there}; give another path")
    free = float(disk.free)
    key = "run.replications" if settings.precision is None else "run.most"
    each = on_disk(task)
    needed = max(settings.up_to * each - held, 0.0)
    if needed * SURELY > free:
        fits = int((free + held) / each)
        raise SettingError(
            f"{key}: {settings.up_to:,} simulated histories take about {size_words(needed)} on disk, and "
            f"{there} has {size_words(free)} free; about {fits:,} fit, and results=DIR takes another disk"
        )
    _in_memory(task, settings)
    if needed < MUCH:
        return ""
    most = "up to " if settings.precision is not None else ""
    return (
        f"{settings.up_to:,} simulated histories will take {most}about {size_words(needed)} under {results}; "
        f"{size_words(free)} are free"
    )


def _in_memory(task: Task, settings: Settings) -> None:
    memory = _memory()
    part = min(settings.chunk, settings.up_to)
    held = part * (numbers(task) + len(task.model.variables) * len(task.days)) * LOOSE
    if memory and held > memory:
        raise SettingError(
            f"run.chunk: a part of {part:,} simulated histories takes {size_words(held)} of memory, and this machine "
            f"has {size_words(memory)}; make it smaller, such as run.chunk=20000"
        )


def _memory() -> float:
    """Bytes of memory of this machine; 0 where that is not told."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return 0.0


def read_words(read: int, of: int) -> str:
    """Which of the histories of a run were looked at: ``"20,000 simulated histories"``, or the first of how many."""
    return plural(of, "simulated history") if read >= of else f"the first {read:,} of {of:,} simulated histories"


def size_words(number: float) -> str:
    """Bytes in the largest unit of which there is one."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            return f"{number:,.{1 if number < 9.95 and unit != 'B' else 0}f} {unit}"
        number /= 1000
    raise AssertionError
