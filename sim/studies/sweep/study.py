"""A sweep: the same study over several configurations, with one index over its jobs.

::

    results/sweeps/SCENARIO-STUDY-HASH/
        index.parquet  index.csv   one row per job: what was swept, how it ended, its run folder, its chances
        manifest.json              the command and the keys swept
        job-002/error.txt          a job that failed: the command that repeats it, and why
        figures/sweep.svg, .png    outcomes against what was swept

Jobs are done one after another, each by its executor, or side by side by a launcher of Hydra's
(:mod:`sim.studies.sweep.launched`). The index is written anew as each job ends, so a sweep that is stopped leaves what
it did. Done again, it finds the complete runs in their folders and goes on from there.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sim.runs import store
from sim.studies import command
from sim.studies.order import Order, remark, say_folder
from sim.studies.settings import Settings
from sim.studies.sweep import index, launched
from sim.studies.sweep.job import Ended, Job, do, groups, study_of
from sim.studies.sweep.table import headline, line_of, show

__all__ = ["Ended", "Job", "name_of", "run", "swept"]

#: What a sweep's name does not depend on: where results go, how many histories there are and how they are made.
NOT_NAMED: Final = ("results", "engine", "executor")
NOT_NAMED_RUN: Final = (
    "replications", "precision", "least", "most", "inputs", "histories", "chunk", "again", "engine", "executor",
)  # fmt: skip
#: Keys swept that give a figure.
MOST_AXES: Final = 2
#: Lines of an error that are shown; all of them are in its file.
MOST_LINES: Final = 6
#: Keys by what they are.
LABELS: Final = {"as_of": "date of the forecast", "until": "end of the forecast", "run.seed": "seed"}


def run(jobs: Sequence[Job], asked: str) -> int:
    """Do the jobs of a sweep that was ``asked`` for by a command.

    Returns the number of jobs that failed; what they failed of is in the index, in their folders, and said.

    Raises SettingError where the sweep as a whole cannot be done.
    """
    axes = swept(jobs)
    name = name_of(jobs, axes)
    for job in jobs:
        command.check_keys(job.configuration)  # an unknown key stops a sweep before anything is done
    results = Order(jobs[0].configuration, Settings(), None, "").results
    folder = store.run_folder(results, "sweeps", _folder_name(jobs), name)
    record = _record(jobs, axes, name, asked)
    store.write_json(folder / "manifest.json", record)
    rows = {n: row for n, row in index.read(folder, name).items() if 1 <= n <= len(jobs)}
    done: dict[int, tuple[tuple[Any, ...], Mapping[str, Any]]] = {}
    failed: dict[int, str] = {}
    with closing(_each(jobs, folder)) as each:
        for number, ended in each:
            job = jobs[number - 1]
            values = tuple(job.overrides.get(key) for key in axes)
            place = folder / f"job-{number:03d}"
            shutil.rmtree(place, ignore_errors=True)
            if ended.error:
                store.write_whole(place / "error.txt", f"{job.command}\n\n{ended.error.rstrip()}\n".encode())
                failed[number] = ended.error
            rows[number] = _row(number, axes, values, ended, place)
            index.write(folder, name, axes, [rows[n] for n in sorted(rows)])
            if ended.summary is not None:
                done[number] = values, ended.summary
            print(line_of(number, len(jobs), dict(zip(axes, values, strict=True)), ended), flush=True)
            if ended.printed:
                print(ended.printed, end="", flush=True)
    _conclude(folder, jobs, axes, [done[n] for n in sorted(done)])
    store.write_json(folder / "manifest.json", record | {"finished": _now(), "failed": len(failed), "complete": True})
    say_folder(folder)
    sys.stdout.flush()
    for number, error in sorted(failed.items()):
        said = ", ".join(f"{key}={jobs[number - 1].overrides.get(key)}" for key in axes)
        remark(f"job {number}{f' ({said})' if said else ''} failed: {_shortened(error, folder, number)}")
    return len(failed)


def _each(jobs: Sequence[Job], folder: Path) -> Generator[tuple[int, Ended], None, None]:
    """Numbers of the jobs, from 1, with how they ended: in order, or as they end where a launcher does them."""
    if jobs[0].launcher:
        yield from launched.each(jobs, folder)
        return
    together = groups(jobs)
    for number, job in enumerate(jobs):
        yield number + 1, do(job, together.pop(number, ()))


def swept(jobs: Sequence[Job]) -> tuple[str, ...]:
    """The keys whose values differ between the jobs, in the order of the command."""
    keys = dict.fromkeys(key for job in jobs for key in job.overrides)
    return tuple(key for key in keys if len({repr(job.overrides.get(key)) for job in jobs}) > 1)


def name_of(jobs: Sequence[Job], axes: Sequence[str]) -> str:
    """Hash of a sweep: of what its jobs forecast and of what was swept, not of how many histories there are."""
    named = []
    for job in jobs:
        data = {key: value for key, value in job.configuration.items() if key not in NOT_NAMED}
        run_part = job.configuration.get("run")
        if isinstance(run_part, Mapping):
            data["run"] = {key: value for key, value in run_part.items() if key not in NOT_NAMED_RUN}
        data["study"] = study_of(job)
        named.append({**data, "swept": [[key, repr(job.overrides.get(key))] for key in axes]})
    return store.configuration_hash({"jobs": named})


def _row(number: int, axes: Sequence[str], values: Sequence[Any], ended: Ended, place: Path) -> index.Row:
    row: index.Row = {"job": number, "status": "failed" if ended.error else "done"}
    folder = place if ended.error else ended.folder
    row |= {"folder": str(folder) if folder is not None else None, "error": ended.error.strip() or None}
    if ended.summary is not None:
        row |= index.chances(ended.summary)
    # What was asked, also where the run has a column of that name (as_of, until).
    return row | dict(zip(axes, values, strict=True))


# --------------------------------------------------------------------------------------------------- the whole
def _conclude(
    folder: Path, jobs: Sequence[Job], axes: Sequence[str], done: Sequence[tuple[tuple[Any, ...], Mapping[str, Any]]]
) -> None:
    """The table over all jobs, and their figure where one can be drawn."""
    if not done:
        return
    event = headline(done[0][1], _milestone(jobs[0]))
    print()
    show(done, axes, event)
    for name in ("sweep.svg", "sweep.png"):
        (folder / "figures" / name).unlink(missing_ok=True)  # they may show other jobs
    study = jobs[0].configuration.get("study")
    if isinstance(study, Mapping) and study.get("figures") is False:
        return
    why = _no_figure(axes, len(done))
    if why:
        remark(f"no figure: {why}")
        return
    from sim.figures.sheets import sweep as figure
    from sim.figures.style import save

    labels = {key: label(key, jobs[0].configuration) for key in axes}
    drawn = figure.draw(done, labels, event, failed=len(jobs) - len(done))
    save(drawn, folder / "figures", "sweep")


def _no_figure(axes: Sequence[str], done: int) -> str:
    """Why no figure can be drawn; nothing where one can."""
    if not 1 <= len(axes) <= MOST_AXES:
        return f"it shows one or two keys, and {len(axes)} were swept; index.csv holds every job"
    return "fewer than two jobs were done" if done < 2 else ""


def label(key: str, configuration: Mapping[str, Any]) -> str:
    """A key as an axis names it: a start value by its meaning and unit, anything else by its key."""
    parts = key.split(".")
    if parts[:2] == ["scenario", "state"] and len(parts) >= 4 and parts[3] == "start":
        scenario = configuration.get("scenario")
        state = scenario.get("state") if isinstance(scenario, Mapping) else None
        found = state.get(parts[2]) if isinstance(state, Mapping) else None
        if isinstance(found, Mapping) and isinstance(found.get("meaning"), str):
            meaning = found["meaning"].split(";")[0].split(",")[0]
            unit = f", {found['unit']}" if found.get("unit") else ""
            return f"{meaning} ({parts[2]}){unit}, at the start"
    return LABELS.get(key, key.removeprefix("scenario."))


def _milestone(job: Job) -> str | None:
    """The first milestone that was chosen for the figures, if any was."""
    study = job.configuration.get("study")
    chosen = study.get("milestones") if isinstance(study, Mapping) else None
    if isinstance(chosen, list) and chosen:
        chosen = chosen[0]
    return chosen if isinstance(chosen, str) else None


def _folder_name(jobs: Sequence[Job]) -> str:
    """Scenario and study, where the jobs have one of each."""
    names = {_scenario(job) for job in jobs}, {study_of(job) for job in jobs}
    return "-".join(found.pop() if len(found) == 1 else "several" for found in names)


def _scenario(job: Job) -> str:
    scenario = job.configuration.get("scenario")
    name = scenario.get("name") if isinstance(scenario, Mapping) else None
    return name if isinstance(name, str) and name.isidentifier() and name.isascii() else "scenario"


def _record(jobs: Sequence[Job], axes: Sequence[str], name: str, asked: str) -> dict[str, Any]:
    record = {"format": store.FORMAT, "kind": "sweep", "command": asked, "study": study_of(jobs[0])}
    return {**record, "configuration": name, "swept": list(axes), "jobs": len(jobs), "complete": False}


def _shortened(error: str, folder: Path, number: int) -> str:
    lines = error.strip().splitlines()
    if lines and lines[0].startswith("Traceback"):
        lines = [f"{lines[-1]} (a fault of the program)"]
    if len(lines) > MOST_LINES:
        lines = [
            *lines[:MOST_LINES],
            f"… and {len(lines) - MOST_LINES} lines more in {folder}/job-{number:03d}/error.txt",
        ]
    return "\n  ".join(lines)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
