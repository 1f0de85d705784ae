"""The report of a forecast: one self-contained page, written from a stored run without simulating its forecast again.

A forecast writes it beside its figures; ``study=report run=FOLDER`` writes it again, with whatever other studies of the
same question lie in the results folder by now (update, tornado, weigh, ledger).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.runs import store
from sim.studies import stored
from sim.studies.order import Order, say_folder, yes_or_no
from sim.studies.report import beside as report_beside
from sim.studies.report import carried, first, parts
from sim.studies.report import drivers as report_drivers
from sim.studies.report import rests as report_rests
from sim.studies.settings import SettingError

if TYPE_CHECKING:
    from sim.runs.plan import Task
    from sim.scenario.scenario import Scenario
    from sim.studies.forecast import Result
    from sim.studies.settings import Settings

STUDY: Final = "report"
SETTINGS: Final = ("run",)
FILE: Final = "report.html"
#: Sections after the first screen, with what they are called.
SECTIONS: Final = (
    ("outcomes", "Where it stands"),
    ("bands", "How soon"),
    ("drivers", "What drives it"),
    ("indicators", "Indicators"),
    ("typical", "How it could happen"),
    ("rests", "What it rests on"),
    ("made", "How it was computed"),
    ("use", "Responsible use"),
)

Data = dict[str, Any]


def answer(order: Order) -> int:
    """Write the report of a stored forecast again and say where it lies."""
    from sim.studies.forecast import load
    from sim.studies.weigh.weighed import opened

    said = order.study.get("run")
    if not isinstance(said, str) or not said.strip():
        raise SettingError(
            "study.run: give a run folder, such as run=results/NAME/forecast-12345678; study=list has all"
        )
    run = stored.read(stored.find(order.results, said))
    if run.study != "forecast":
        raise SettingError(f"study.run: {run.name} is a run of study={run.study}; only a forecast has a report")
    found = load(run.folder)
    scenario, settings, task = opened(run.folder)
    print(write(found, _with_basis(run.folder, scenario), settings, task))
    say_folder(run.folder)
    return 0


def wanted(order: Order, *, figures: bool) -> bool:
    """Whether a forecast is to have its page: as asked, or else where its figures are drawn."""
    asked = order.study.get("report")
    return figures if asked is None else yes_or_no(asked, "study.report")


def written(found: Result) -> bool:
    """Whether the page in the folder of a run shows the very numbers that the run has."""
    path = found.folder / FILE
    return path.is_file() and mark_of(found.summary) in path.read_text(encoding="utf-8", errors="replace")


def mark_of(summary: Mapping[str, Any]) -> str:
    """What a page bears of the summary it was made from: its hash."""
    return hashlib.sha256(json.dumps(summary, sort_keys=True).encode()).hexdigest()


def _with_basis(folder: Path, scenario: Scenario) -> Scenario:
    """The scenario of a stored run with the basis of each of its numbers, where all of them have one.

    A number that was changed on the command line may have none; then all count as given by the run.
    """
    import yaml

    from sim.scenario.build import build
    from sim.scenario.problems import ScenarioError

    kept = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    try:
        return build(kept["scenario"], as_of=kept["as_of"], until=kept["until"], unchanged=kept.get("unchanged"))
    except ScenarioError:
        return scenario


def write(found: Result, scenario: Scenario, settings: Settings, task: Task | None = None) -> Path:
    """Write the page of a finished forecast into its folder; ``task`` saves compiling the model once more."""
    from sim.report import live
    from sim.report.page import render
    from sim.studies.forecast import task_of

    path, task = found.folder / FILE, task or task_of(scenario, settings)
    data = gathered(found, scenario, settings, task)
    histories = carried.carried(
        found.folder, scenario, settings, task, event=data["event"], order=data["order"],
        total=found.summary["replications"],
    )  # fmt: skip
    page = render(data, **live.part(histories, [int(day) for day in data["days"]]))
    store.write_whole(path, page.encode())
    return path


def gathered(found: Result, scenario: Scenario, settings: Settings, task: Task | None = None) -> Data:
    """Everything that the page says, as plain data and arrays."""
    from sim.studies.forecast import task_of

    summary, folder = found.summary, found.folder
    task = task or task_of(scenario, settings)
    results = folder.parent.parent
    asked = first.event(summary)
    days = first.horizons(summary)
    day = int(first.main_day(list(summary["days"])))
    happened, drawn, times = _histories(found, scenario, asked, day)
    strong = report_drivers.drivers(scenario, settings, happened, drawn, asked=asked, day=day, results=results)
    watch, indicators = parts.indicators(found, scenario, asked, day)
    law = report_beside.weighed(scenario, settings, task, folder, asked)
    curves: Mapping[str, Any] = found.curves()
    return {
        "summary": summary,
        "mark": mark_of(summary),
        "curves": curves,
        "occupancy": found.occupancy() if (folder / "occupancy.parquet").is_file() else None,
        "chosen": _chosen(summary, asked),
        "title": summary["title"],
        "question": summary["question"],
        "as_of": summary["as_of"],
        "days": days,
        "event": asked,
        "headline": first.headline(summary, asked),
        "headline_note": first.headline_note(summary, asked),
        "too_few": first.too_few(summary),
        "beside": report_beside.beside(summary, scenario, asked, law),
        "course": first.course(summary, times),
        "changed": parts.changed(scenario, settings, results),
        "hangs": report_drivers.hangs(strong, summary, asked),
        "watch": watch,
        "silent": first.silent(summary, scenario, strong["rows"]),
        "record": first.record(summary, results),
        "sources": first.sources(summary, scenario),
        "sections": [(name, says) for name, says in SECTIONS if name != "bands" or summary["milestones"]],
        "order": [row["name"] for row in strong["rows"]],
        "drivers": report_drivers.table(strong, summary, asked),
        "indicators": indicators,
        "typical": parts.typical(found, scenario, task),
        "rests": report_rests.rests(scenario),
        "made": report_rests.made(summary, store.read_manifest(folder) or {}, scenario),
    }


def _histories(found: Result, scenario: Scenario, asked: Mapping[str, Any], day: int) -> tuple[Any, Data, Data]:
    """Whether the event happens in each history, what was drawn in it, and the first times of its milestones."""
    names = [m.name for m in scenario.milestones]
    drawn = [f"input.{quantity.name}" for quantity in scenario.inputs if not quantity.constant]
    drawn += [f"start.{variable}" for variable in _hidden(scenario)]
    outcome = "outcome.end" if day == found.summary["until_days"] else f"outcome.{day}"
    read = report_drivers.columns(found.folder, [*(f"milestone.{name}" for name in names), *drawn, outcome])
    times = {name: read[f"milestone.{name}"] for name in names}
    happened = times[asked["name"]] <= day if asked["kind"] == "milestones" else read[outcome] == asked["name"]
    return np.asarray(happened), {name: read[name] for name in drawn}, times


def _hidden(scenario: Scenario) -> list[str]:
    from sim.model.laws import Law

    return [variable.name for variable in scenario.spec.variables if isinstance(variable.start, Law)]


def _chosen(summary: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Milestones in the order of the page: the event, then those with past cases, then the public ones."""
    based = {rate["milestone"] for rate in summary["base_rates"]}
    secret = set(summary.get("secret", ()))
    return sorted(summary["milestones"], key=lambda name: (name != asked["name"], name not in based, name in secret))
