"""What stands beside the headline of a report: past cases, the one-page rival and what was said, as each is meant."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.report.words import label
from sim.statistics.shown import between, date_words, percent, with_range, words
from sim.studies.baseline import pages
from sim.studies.report.first import chances, horizons, main_day, shown
from sim.studies.size import READ_FOR_PAGE, read_words
from sim.studies.table import NOTHING
from sim.studies.weigh.weighed import READINGS, claims_of, days_of, law_data, prepared, weights_of

if TYPE_CHECKING:
    from sim.runs.plan import Task
    from sim.scenario.scenario import Scenario, Statement
    from sim.studies.settings import Settings

Data = dict[str, Any]


def beside(
    summary: Mapping[str, Any], scenario: Scenario, asked: Mapping[str, Any], law: Mapping[str, Any] | None = None
) -> Data:
    """Base rates, one-page rival, statements and the model side by side, each with what it refers to.

    ``law`` is the forecast with weight given to the statements, see :func:`weighed`.
    """
    days = list(horizons(summary))
    five = chances(summary, asked["kind"], asked["name"])
    refers = "this run, under the scenario’s assumptions"
    rows = [_row("model", "the model", refers, [shown(summary, five[day]) for day in days])]
    notes = []
    if asked["kind"] == "milestones":
        rows += _past_rows(summary, asked["name"], days)
        rows += _rival_row(summary, scenario, asked["name"], days)
    if len(rows) == 1:
        notes.append("The scenario names no past cases of this event, so there is no base rate and no one-page rival.")
    elif asked["kind"] == "milestones":
        notes.append("Past cases: in brackets 10–90 % for so few (Jeffreys). The rival knows no course of events.")
    for statement in scenario.statements:
        if statement.about is None:
            rows.append(_statement_row(statement, summary, scenario, asked, days))
        else:
            said, about = (date_words(date.isoformat()) for date in (statement.said_on, statement.about))
            notes.append(
                f"Recalled on {said} of {about}: {label(statement.speaker)}, {label(statement.words)} for "
                f"{_proposition(statement)}. For comparison only; the forecast of that date is the one to hold it to."
            )
    rows += _weighed_row(law, summary, asked, days)
    if any(s.about is None for s in scenario.statements):
        notes.append("A weight is given to a statement; it is no chance that the speaker is right (study=weigh).")
    return {"rows": rows, "notes": notes}


def _row(kind: str, name: str, refers: str, cells: list[str]) -> Data:
    return {"kind": kind, "label": name, "refers": refers, "cells": cells}


def _past_rows(summary: Mapping[str, Any], milestone: str, days: Sequence[str]) -> Iterator[Data]:
    for rate in summary["base_rates"]:
        if rate["milestone"] == milestone:
            cells = []
            for day in days:
                share, interval = rate["by"].get(day), rate.get("range", {}).get(day)
                said = NOTHING if share is None else percent(share) if share else f"0 of {rate['n']}"
                cells.append(f"{said} ({between(*interval)})" if interval and share is not None else said)
            apart = "" if rate.get("weight", 1) else "; not pooled"
            refers = f"{label(rate['label'])}; {label(rate['source'])}{apart}"
            yield _row("past", f"past cases (n = {rate['n']})", refers, cells)


def _rival_row(summary: Mapping[str, Any], scenario: Scenario, milestone: str, days: Sequence[str]) -> Iterator[Data]:
    page = (summary.get("rival") or pages(scenario, [int(day) for day in summary["days"]])).get(milestone)
    if page is None:
        return
    moved = [label(a["says"]) for a in page["adjustments"] if a["chance"] > 0]
    why = f"moved by hand for: {'; '.join(moved)}" if moved else "not moved by anything"
    told = [page["by"][day] for day in days]
    cells = [with_range(t["probability"], t["range_low"], t["range_high"]) if t else NOTHING for t in told]
    yield _row("rival", "one-page rival", f"past cases pooled, {why}; no model", cells)


def _proposition(statement: Statement) -> str:
    return label(words(statement.milestone) if statement.milestone else " or ".join(map(words, statement.outcomes)))


def _statement_row(
    statement: Statement, summary: Mapping[str, Any], scenario: Scenario, asked: Mapping[str, Any], days: Sequence[str]
) -> Data:
    """A statement, with its words under the days that it may mean."""
    said = statement.said_on
    refers = f"said on {date_words(said.isoformat())} of {_proposition(statement)}"
    try:
        meant, _ = days_of(statement, (scenario.as_of - said).days, summary["until_days"], READINGS)
    except ValueError:
        meant = ()
    if statement.within is not None:
        deadline = said + datetime.timedelta(days=round(statement.within))
        refers += f", by {date_words(deadline.isoformat())}"
    elif meant:
        listed = [str(day) for day in meant]
        read = f"{', '.join(listed[:-1])} or {listed[-1]}" if len(listed) > 1 else listed[0]
        refers += f", no deadline; read as within {read} days"
    own = asked["kind"] == "milestones" and statement.milestone == asked["name"]
    if not own and statement.milestone in summary["milestones"]:
        five = summary["milestones"][statement.milestone]["by"][main_day(days)]
        refers += (
            f"; the model’s chance of that by {date_words(summary['days'][main_day(days)])}: {shown(summary, five)}"
        )
    cells = [label(statement.words) if int(day) in meant else NOTHING for day in days]
    if own and not any(cell != NOTHING for cell in cells):
        refers += f": {label(statement.words)}"
    return _row("stated", label(statement.speaker), refers, cells)


def weighed(scenario: Scenario, settings: Settings, task: Task, folder: Path, asked: Mapping[str, Any]) -> Data | None:
    """The law of the forecast weighed by rule; None where nothing was said, or where it is not this page's to find.

    That is so for what was said before the date of the forecast: it is held against a forecast of that day
    (study=weigh makes it), and where the nested run is not kept in the folder. Of a large run the first histories are
    weighed: ``read`` says how many.
    """
    from sim.beliefs.record import NESTED

    said = [s for s in scenario.statements if s.about is None]
    early = any(s.said_on < scenario.as_of for s in said)
    if not said or early or asked["cannot"] or not (folder / NESTED).is_file():
        return None
    try:
        claims, _ = claims_of(scenario, said, task)
        weighing = prepared(
            task, folder, claims, inputs=settings.inputs, histories=settings.histories, executor="serial",
            most=READ_FOR_PAGE,
        )  # fmt: skip
        return law_data(weighing, weights_of(weighing, None), "pool") | {"read": weighing.record.size}
    except ValueError:  # a deadline past the end, or histories that all go one way
        return None


def _weighed_row(
    law: Mapping[str, Any] | None, summary: Mapping[str, Any], asked: Mapping[str, Any], days: Sequence[str]
) -> list[Data]:
    if law is None:
        return []
    weights = ", ".join(f"{words(name)} {weight:.2f}" for name, weight in law["weights"].items())
    by = chances({**summary, **law}, asked["kind"], asked["name"])
    bends = "; at this weight the statement replaces the model" if law["replaces"] else ""
    read, held = law["read"], summary["replications"]
    histories = read_words(read, held) if read < held else "the same histories"
    refers = f"{histories}, with weight by rule given to what was said ({label(weights)}){bends}"
    return [_row("weighted", "the model, statements weighed", refers, [shown(summary, by[day]) for day in days])]
