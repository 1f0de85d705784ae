"""What is followed from day to day beside the rung: the counts of a scenario, and what was reported of them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.engines.interface import Watched
from sim.model.compiled import Model
from sim.model.expressions import Call, Expression, Name, Number
from sim.model.laws import Law, support_of
from sim.statistics.shown import date_words, words

if TYPE_CHECKING:
    from sim.model.spec import Variable
    from sim.scenario.scenario import DatedValue, Evidence, Scenario

#: Values told apart at most; a wider range is followed in steps, and an open one is cut off.
BINS: Final = 4096
#: A count without a maximum is followed up to so many times its start at least.
ROOM: Final = 4
#: Counts followed at most, the first in the scenario's order.
MOST: Final = 12
RUNG: Final = "rung"


def watched_numbers(scenario: Scenario, model: Model) -> tuple[Watched, ...]:
    """What is counted at the end of every day: the rung of the ladder, if there is one, and each count shown."""
    found = []
    if scenario.rungs:
        found.append(Watched(model.program(scenario.rung_program), len(scenario.rungs), RUNG))
    for variable in shown(scenario):
        step = _step(variable)
        value: Expression = Name(variable.name)
        if variable.lower:
            value = Call("sub", (value, Number(float(variable.lower))))
        if step > 1:
            value = Call("div", (value, Number(float(step))))
        found.append(Watched(model.program(value), _bins(variable), f"state.{variable.name}"))
    return tuple(found)


def shown(scenario: Scenario) -> list[Variable]:
    """Variables that are plain numbers: no levels, no flag, and nothing that is forgotten by and by."""
    found = []
    for variable in scenario.spec.variables:
        info = scenario.variables[variable.name]
        if not (info.levels or info.flag or info.fades):
            found.append(variable)
    return found[:MOST]


def counts(scenario: Scenario, occupancy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The counts shown, as plain data for a summary.

    ``occupancy`` gives the table (days, values) of each number watched by its name. ``lower`` is the value in place 0
    and ``step`` the distance of places; ``most`` the largest value told apart, ``clipped`` whether some history went
    beyond it. ``reported`` are the dated values of the file: date, value, what each rests on, and whether it was
    ``known`` on the date of the forecast, or ``changed`` for this run.
    """
    found = []
    for variable in shown(scenario):
        info, step, bins = scenario.variables[variable.name], _step(variable), _bins(variable)
        most = variable.lower + step * (bins - 1)
        beyond = variable.upper is None or variable.upper > most + step - 1
        found.append(
            {
                "name": variable.name,
                "meaning": info.meaning,
                "unit": info.unit,
                "lower": variable.lower,
                "step": step,
                "most": most,
                "clipped": bool(beyond and occupancy[f"state.{variable.name}"][:, -1].any()),
                "reported": [
                    point for value in info.dated if (point := _reported(scenario, variable.name, value)) is not None
                ],
            }
        )
    return found


def _bins(variable: Variable) -> int:
    if variable.upper is None:
        return BINS
    return (variable.upper - variable.lower) // _step(variable) + 1


def _step(variable: Variable) -> int:
    start = support_of(variable.start)[1] if isinstance(variable.start, Law) else float(variable.start)
    wide = ROOM * (start - variable.lower) if variable.upper is None else float(variable.upper - variable.lower)
    return max(math.ceil((wide + 1.0) / BINS), 1)


def _reported(scenario: Scenario, name: str, value: DatedValue) -> dict[str, Any] | None:
    """A start value with its date; None for one that is drawn, or that no date and no report goes with."""
    reports = {scenario.findings[number].report for number in value.evidence.reports if number in scenario.findings}
    dates = [scenario.reports[report].date for report in reports if report in scenario.reports]
    date = value.since or max(dates, default=None)
    if date is None or value.value is None:
        return None
    return {
        "date": date.isoformat(),
        "value": value.value,
        "known": date <= scenario.as_of,
        "changed": value.evidence.kind == "change",
        "source": _source(scenario, name, value.evidence, date),
    }


def _source(scenario: Scenario, name: str, evidence: Evidence, date: datetime.date) -> str:
    """What a start value rests on: the outlets of its findings, or the words of its basis."""
    outlets = [
        f"{report.outlet} ({date_words(report.date.isoformat())})"
        for key in dict.fromkeys(scenario.findings[n].report for n in evidence.reports if n in scenario.findings)
        if (report := scenario.reports.get(key)) is not None
    ]
    if evidence.kind == "report" and outlets:
        return " and ".join(outlets)
    what = f"{words(name)} on {date_words(date.isoformat())}"
    if evidence.kind == "change":
        return f"{what} {evidence.why}"
    return f"{what} from {evidence.kind}{f': {evidence.why}' if evidence.why else ''}"
