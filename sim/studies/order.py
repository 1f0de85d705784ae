"""What a study is asked: a composed configuration with the settings read from it; and how it answers a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.runs.execute import Progress, silent
from sim.studies.settings import SettingError, Settings

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario
    from sim.scenario.source import Source


@dataclass(frozen=True, eq=False)
class Order:
    """A composed configuration, the settings read from it, where its scenario comes from, and the command."""

    configuration: Mapping[str, Any]
    settings: Settings
    source: Source | None
    command: str

    @property
    def study(self) -> Mapping[str, Any]:
        """The study's own settings."""
        study: Mapping[str, Any] = self.configuration["study"]
        return study

    @property
    def results(self) -> Path:
        """Folder for run folders."""
        folder = Path(str(self.configuration["results"]))
        if not str(self.configuration["results"]).strip() or any(p.is_file() for p in (folder, *folder.parents)):
            raise SettingError(f"results: {str(folder)!r} is no folder and cannot be one; give another path")
        return folder

    def scenario(self) -> Scenario:
        """The scenario, as of its date. Raises ValueError with every problem found."""
        from sim.scenario.build import build

        data = self.configuration["scenario"]
        if not isinstance(data, Mapping):
            raise SettingError(f"scenario: {data!r} is no scenario; scenario=NAME uses conf/scenario/NAME.yaml")
        as_of, until = self.configuration.get("as_of"), self.configuration.get("until")
        return build(data, as_of=as_of, until=until, source=self.source)


def listed(value: Any, key: str) -> list[str]:
    """A list of texts; one text stands for a list of one. Raises SettingError for anything else."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list | tuple) or not value or not all(isinstance(entry, str) for entry in value):
        raise SettingError(f"{key}: {value!r}; give a list of texts, such as [one,two]")
    return list(value)


def yes_or_no(value: Any, key: str) -> bool:
    """True or false. Raises SettingError for anything else."""
    if not isinstance(value, bool):
        raise SettingError(f"{key}: {value!r} is neither true nor false")
    return value


def remark(text: str) -> None:
    """A remark for the person at the terminal; standard output is kept for results."""
    print(text, file=sys.stderr)


def say_folder(folder: Path) -> None:
    """The run folder, as the last line on standard output."""
    print(folder)


@contextmanager
def watched(histories: int) -> Iterator[Progress]:
    """Progress over so many histories: a bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    counted = TextColumn("{task.completed:,.0f} of {task.total:,.0f} simulated histories, time left")
    columns = (BarColumn(), counted, TimeRemainingColumn())
    # Parts may take minutes each: the time left is told by what the last ten of them took.
    with Bar(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=600.0) as bar:
        task = bar.add_task("", total=histories)
        yield lambda done: bar.advance(task, done)
