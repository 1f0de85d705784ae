"""The table or the page of a stored run again, from its files: nothing is simulated."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final

from sim.runs.store import RunError
from sim.studies import stored, table
from sim.studies.order import Order, remark, say_folder
from sim.studies.settings import SettingError
from sim.studies.stored import Stored

STUDY: Final = "show"
SETTINGS: Final = ("run",)
#: Studies whose folder has a table that shows a summary.
TABLES: Final = (
    "check_facts", "compare", "discover", "indicators", "score", "sensitivity", "splitting", "threshold", "tornado",
    "update", "weigh",
)  # fmt: skip
#: Pages of studies that print text, by what their files are called.
PAGES: Final = ("*.txt", "*.md")


def answer(order: Order) -> int:
    """Show a stored run."""
    said = order.study.get("run")
    if not isinstance(said, str) or not said.strip():
        raise SettingError(
            "study.run: give a run folder, such as run=results/NAME/forecast-12345678; study=list has all"
        )
    found = stored.read(stored.find(order.results, said))
    show(found)
    say_folder(found.folder)
    return 0


def show(run: Stored) -> None:
    """Print what the run's own study prints.

    Raises RunError for a run that is damaged beyond that, has not ended, or has nothing to print.
    """
    stored.check_ended(run)
    if run.damage:
        remark(f"{run.name}: {run.damage}; what is shown is what its summary says")
    if run.study == "forecast" and run.summary:
        table.show(run.summary, table.console())
    elif run.summary and run.study in TABLES:
        importlib.import_module(f"sim.studies.{run.study}.table").show(run.summary, table.console())
    else:
        _print(run, [path for pattern in PAGES for path in sorted(run.folder.glob(pattern))])


def _print(run: Stored, pages: list[Path]) -> None:
    if not pages:
        raise RunError(f"{run.folder}: study {run.study} left no table or page here; look at its files")
    for path in pages:
        print(path.read_text(encoding="utf-8"))
