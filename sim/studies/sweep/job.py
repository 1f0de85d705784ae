"""One job of a sweep: what it is, and doing it; jobs that are played together."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sim.scenario.source import Source
from sim.studies import command, forecast, hydra_messages, precision
from sim.studies.order import Order, remark, watched
from sim.studies.past import work
from sim.studies.settings import SPLITTING, CheckError
from sim.studies.sweep import together as sweep_together

_COMPLETE: Final = "this run was complete"


@dataclass(frozen=True, eq=False)
class Job:
    """One job: its composed configuration, its overrides by key, the command that does it alone, where values stand.

    ``launcher`` are the settings of Hydra's launcher that does it; nothing where that is this process.
    """

    configuration: Mapping[str, Any]
    overrides: Mapping[str, Any]
    command: str
    source: Source
    launcher: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Ended:
    """How a job ended: its run folder and, for a forecast, its summary; or why it failed, in full."""

    folder: Path | None = None
    summary: Mapping[str, Any] | None = None
    shown: bool = False
    error: str = ""
    printed: str = ""


def study_of(job: Job) -> str:
    """Name of the study of a job."""
    study, asked = job.configuration.get("study"), job.configuration.get("run")
    name = str(study.get("name") if isinstance(study, Mapping) else study)
    # A forecast by splitting prints chances of its own, and leaves no rows that could be shared.
    splits = name == forecast.STUDY and isinstance(asked, Mapping) and asked.get("method") == SPLITTING
    return SPLITTING if splits else name


def groups(jobs: Sequence[Job]) -> dict[int, list[Order]]:
    """What is asked of the jobs that are played together, by the number from 0 of the first of them."""
    orders: list[Order | None] = []
    for job in jobs:
        order = None
        if study_of(job) == forecast.STUDY:
            with contextlib.suppress(ValueError, RuntimeError):  # the job itself says why
                _, order = command.prepared(job.configuration, job.command, job.source)
        orders.append(order)
    found = sweep_together.groups(orders)
    return {numbers[0]: [order for n in numbers if (order := orders[n]) is not None] for numbers in found}


def do(job: Job, together: Sequence[Order] = ()) -> Ended:
    """Do a job, and play those that go ``together`` with it; what goes wrong in it is its own affair, a signal not."""
    import traceback

    try:
        if study_of(job) != forecast.STUDY:
            return _other(job)
        if together:
            # What goes wrong here goes wrong again in the job that it concerns.
            with contextlib.suppress(ValueError, RuntimeError), watched(sweep_together.work(together)) as progress:
                sweep_together.make(together, progress)
        _, order = command.prepared(job.configuration, job.command, job.source)
        return _forecast(order)
    except ValueError as error:
        return Ended(error=hydra_messages.placed(error, job.source))
    except (RuntimeError, OSError, MemoryError, CheckError) as error:
        return Ended(error=str(error) or type(error).__name__)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name is None:  # an optional extra: it says what to install
            return Ended(error=str(error))
        return Ended(error=traceback.format_exc())  # a fault of the program: whoever mends it needs to know where


def _forecast(order: Order) -> Ended:
    scenario, settings = order.scenario(), order.settings
    said: list[str] = []
    with watched(work(scenario, settings)) as progress:
        found = forecast.forecast(
            scenario, settings, order.results, command=order.command, progress=progress, say=said.append,
            precise=forecast.named(order),
        )  # fmt: skip
    for text in said:
        if not text.startswith(_COMPLETE) and forecast.THERE not in text:
            remark(text)
    why = precision.missed(found.summary)
    error = f"{why} ({found.folder})" if why else ""
    return Ended(found.folder, found.summary, error=error, shown=any(text.startswith(_COMPLETE) for text in said))


def _other(job: Job) -> Ended:
    """A job of another study, with what it prints; its last line is the run folder, if it has one."""
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        code = command.run(job.configuration, job.command, job.source)
    text = heard.getvalue()
    if code:
        return Ended(error=f"exit code {code}\n{text}", printed=text)
    last = text.splitlines()[-1] if text.strip() else ""
    folder = Path(last) if last and Path(last).is_dir() else None
    return Ended(folder, printed=text)
