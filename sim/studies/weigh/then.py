"""Statements said before the date of the forecast: held against the forecast of the day on which they were said.

What the model implied is taken on that day; what is known since conditions the result. So the step in log-odds is the
one of then, and it is applied to the histories of now. Holding it against today's forecast would count the quiet time
between as if the speaker had known of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.beliefs.record import Record, of_run
from sim.beliefs.weighing import Claim
from sim.runs.execute import Progress, silent
from sim.scenario.build import build
from sim.scenario.source import Layer, Source
from sim.statistics.shown import date_words
from sim.studies.settings import Settings

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario, Statement


def carried(
    scenario: Scenario,
    statements: Sequence[Statement],
    claims: tuple[Claim, ...],
    settings: Settings,
    results: Path,
    *,
    command: str = "",
    progress: Progress = silent,
) -> tuple[tuple[Claim, ...], list[str]]:
    """The claims, those said earlier with what the model implied then; and remarks on what is assumed.

    The forecasts of those days are kept under ``results``, like any other.
    """
    from sim.studies.forecast import forecast, task_of

    by_name = {statement.name: statement for statement in statements}
    records: dict[tuple[date, tuple[int, ...]], Record | str] = {}
    found, remarks = [], []
    for claim in claims:
        said = by_name[claim.name].said_on
        elapsed = (scenario.as_of - said).days
        if elapsed <= 0:
            found.append(claim)
            continue
        days = tuple(day + elapsed for day in claim.days)
        if (said, days) not in records:
            try:
                past = _as_of(scenario, said, days)
                task = task_of(past, settings)
                made = forecast(past, settings, results, command=command, progress=progress)
                names = [name for name, _ in task.model.outcomes]
                records[said, days] = of_run(made.folder, task.model.milestones, names, task.days)
            except ValueError as error:
                records[said, days] = str(error).splitlines()[0]
        then = records[said, days]
        on = date_words(said.isoformat())
        if isinstance(then, str):
            found.append(claim)
            remarks.append(
                f"statement {claim.name}: said on {on}, and there is no forecast of that day ({then}): it is held "
                "against this one as if said again; what is left of its time counts"
            )
        else:
            implied = tuple(float(then.holds(claim.event(day)).mean()) for day in days)
            found.append(replace(claim, then=implied, size_then=then.size))
            remarks.append(
                f"statement {claim.name}: said on {on}, and held against the forecast of that day; what is known since "
                "conditions the result"
            )
    return tuple(found), remarks


def _as_of(scenario: Scenario, on: date, days: Sequence[int]) -> Scenario:
    """The scenario as of an earlier day, read at some days; what was changed was accepted, and needs no basis."""
    until = max(int(scenario.until), *days)
    data: dict[Any, Any] = {**scenario.data, "horizons": sorted({*scenario.horizons, *days} - {until})}
    source = Source((Layer("the scenario", {}, {}),), by="the forecast of an earlier day")
    return build(data, as_of=on, until=until, source=source, unchanged=scenario.unchanged)
