"""A forecast of a running crisis is written down: hashed, dated, with the sentences by which it will be resolved.

What is kept is enough to score it when the run is long gone: every chance of outcome and milestone by every horizon,
the counts, and the same of base rate, rival, statements and no knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.studies.forecast import Result, forecast, load, task_of
from sim.studies.ledger import book as books
from sim.studies.order import Order, remark, say_folder, watched
from sim.studies.past import work
from sim.studies.score.laws import Law, laws_of
from sim.studies.weigh.weighed import opened

if TYPE_CHECKING:
    from sim.runs.plan import Task
    from sim.scenario.scenario import Scenario
    from sim.studies.settings import Settings

STUDY: Final = "register"
SETTINGS: Final = ("run", "ledger")
#: Digits behind the point of every chance that is kept.
DIGITS: Final = 9

Data = dict[str, Any]


def answer(order: Order) -> int:
    """Register the forecast of an order, or a saved one; print the ledger."""
    from sim.studies.ledger.study import shown

    book = books.read(books.folder_of(order))
    folder = order.study.get("run")
    if folder is not None:
        scenario, settings, task = opened(Path(str(folder)))
        found = load(Path(str(folder)))
    else:
        scenario, settings = order.scenario(), order.settings
        task = task_of(scenario, settings)
        with watched(work(scenario, settings)) as progress:
            found = forecast(scenario, settings, order.results, command=order.command, progress=progress, say=remark)
    book, entry, fresh = register(book, scenario, settings, task, found, at=books.now(), command=order.command)
    number = f"{entry['number']:04d}"
    if fresh:
        remark(f"registered as {number}, hash {entry['sha256']}; keep that hash elsewhere, and nobody can change it")
    else:
        remark(f"this forecast was registered as {number} on {entry['registered']}: nothing is written")
    shown(book, at=books.now())
    say_folder(book.folder)
    return 0


def register(
    book: books.Book,
    scenario: Scenario,
    settings: Settings,
    task: Task,
    found: Result,
    *,
    at: datetime,
    command: str = "",
) -> tuple[books.Book, Data, bool]:
    """The ledger with the forecast in it, its entry, and whether it is new: a forecast is registered once."""
    mark = (scenario.name, scenario.as_of.isoformat(), found.summary["digests"]["configuration"])
    for known in book.entries:
        if (known["scenario"], known["as_of"], known["configuration"]) == mark:
            if known["content_hash"] == found.summary["content_hash"]:
                return book, known, False
            remark(
                f"{known['number']:04d} is a forecast of the same configuration; the first of them counts in the pool"
            )
    body = entry_of(scenario, settings, task, found, at=at, command=command)
    late = [day for day, on in body["days"].items() if date.fromisoformat(on) <= at.date()]
    if late:
        remark(
            f"of its {len(body['days'])} horizons {len(late)} had passed when it was registered: scores there are in "
            "hindsight, and are pooled apart"
        )
    book, entry = books.add(book, body, f"{scenario.name}-{scenario.as_of.isoformat()}")
    return book, entry, True


def entry_of(scenario: Scenario, settings: Settings, task: Task, found: Result, *, at: datetime, command: str) -> Data:
    """The record of a forecast, without number and hash."""
    summary = found.summary
    followed = [count["name"] for count in summary["counts"]]
    laws = laws_of(scenario, settings, task, found, dict.fromkeys(followed, task.days))
    return {
        "kind": books.FORECAST,
        "registered": at.isoformat(),
        "scenario": scenario.name,
        "title": scenario.title,
        "question": scenario.question,
        "as_of": scenario.as_of.isoformat(),
        "until_days": task.until,
        "days": dict(summary["days"]),
        "configuration": summary["digests"]["configuration"],
        "model": summary["digests"]["model"],
        "content_hash": summary["content_hash"],
        "replications": summary["replications"],
        "seed": summary["seed"],
        "command": command,
        "resolution": {
            "outcomes": dict(summary["sentences"]["outcomes"]),
            "milestones": dict(summary["sentences"]["milestones"]),
            "counts": {count["name"]: count["meaning"] for count in summary["counts"]},
        },
        "chances": {
            "outcomes_by": {day: _plain(by) for day, by in summary["outcomes_by"].items()},
            "milestones": {name: _plain(milestone["by"]) for name, milestone in summary["milestones"].items()},
        },
        "base_rates": summary["base_rates"],
        "rival": {name: page["by"] for name, page in summary.get("rival", {}).items()},
        "statements": [_statement(statement) for statement in scenario.statements],
        "laws": [kept(law) for law in laws],
    }


def _plain(by: Mapping[str, Mapping[str, float]]) -> Data:
    """Shares with their range over the inputs."""
    keys = ("probability", "range_low", "range_high")
    return {name: {key: round(five[key], DIGITS) for key in keys} for name, five in by.items()}


def _statement(statement: Any) -> Data:
    return {
        "name": statement.name,
        "speaker": statement.speaker,
        "said_on": statement.said_on.isoformat(),
        "about": statement.about.isoformat() if statement.about else None,
        "milestone": statement.milestone,
        "outcomes": list(statement.outcomes),
        "says": statement.words,
        "stated": [statement.stated.low, statement.stated.middle, statement.stated.high],
        "within_days": statement.within,
        "origin": statement.origin,
    }


# ------------------------------------------------------------------------------------------------- laws, kept and read
def kept(law: Law) -> Data:
    """A law as plain data."""
    return {
        "kind": law.kind,
        "label": law.label,
        "outcomes": {str(day): _numbers(shares) for day, shares in law.outcomes.items()},
        "reached": {name: _numbers(chance) for name, chance in law.reached.items()},
        "counts": {
            name: {str(day): {"values": _numbers(v), "shares": _numbers(p)} for day, (v, p) in by.items()}
            for name, by in law.counts.items()
        },
    }


def law_of(data: Mapping[str, Any]) -> Law:
    """A law as it was kept."""
    return Law(
        data["kind"],
        data["label"],
        {int(day): np.array(shares) for day, shares in data["outcomes"].items()},
        {name: np.array(chance) for name, chance in data["reached"].items()},
        {
            name: {int(day): (np.array(one["values"]), np.array(one["shares"])) for day, one in by.items()}
            for name, by in data["counts"].items()
        },
    )


def _numbers(values: Sequence[float] | np.ndarray[Any, Any]) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
