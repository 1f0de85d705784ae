"""What the first screen of a report says, piece by piece, as plain data: words and rounded numbers."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.model.laws import Law
from sim.report.words import label, one_in
from sim.statistics.intervals import zero_event_bound
from sim.statistics.shown import (
    ICD_203,
    date_words,
    likelihood,
    percent,
    plural,
    with_range,
    words,
)
from sim.studies import past
from sim.studies.summary import sampling_error

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

#: Horizons that fit beside one another.
HORIZONS: Final = 4
#: From here on the number of histories is what one has to know first.
ROUGH: Final = 0.05
#: So many histories tell the commonest order.
ORDERED: Final = 50_000
#: What is named of a longer list.
NAMED: Final = 3
#: Words of the outermost bands say less than the number.
OUTERMOST: Final = (ICD_203[0][0], ICD_203[-1][0])

Data = dict[str, Any]


def horizons(summary: Mapping[str, Any]) -> dict[str, str]:
    """Days of the headline with their dates: all, or of many the first, the last and some between."""
    days = list(summary["days"])
    if len(days) > HORIZONS:
        places = {0, len(days) - 2, len(days) - 1, (len(days) - 1) // 2}
        days = [days[place] for place in sorted(places)]
    return {day: summary["days"][day] for day in days}


def main_day(days: Sequence[str]) -> str:
    """The day by which the answer is asked first: the last horizon but one."""
    return days[-2] if len(days) > 1 else days[-1]


def event(summary: Mapping[str, Any]) -> Data:
    """What is asked: the first milestone with past cases, else the first of all, else the first outcome."""
    kind, name = past.headline(summary)
    says = summary["sentences"][kind].get(name, "")
    at = "by" if kind == "milestones" else "on"
    named = f"{label(words(name))}{f': {label(says)}' if says else ''}"
    cannot = name in summary.get("impossible", {}).get(kind, {})
    last = date_words(summary["until"])
    how = (
        f"The chance that it has happened by the end of a day, last by {last}."
        if kind == "milestones"
        else f"The chance that this is how things stand on a day, last on {last}."
    )
    return {"kind": kind, "name": name, "says": says, "at": at, "cannot": cannot, "sentence": f"{named}. {how}"}


def chances(summary: Mapping[str, Any], kind: str, name: str) -> dict[str, Mapping[str, float]]:
    """The five shares of a milestone or outcome by day."""
    if kind == "milestones":
        found: dict[str, Mapping[str, float]] = summary["milestones"][name]["by"]
        return found
    return {day: numbers[name] for day, numbers in summary["outcomes_by"].items()}


def headline(summary: Mapping[str, Any], asked: Mapping[str, Any]) -> list[Data]:
    """The headline by horizon: odds, per cent with range, and a word where the range lies within one band."""
    days = horizons(summary)
    by, main = chances(summary, asked["kind"], asked["name"]), main_day(list(days))
    found = []
    for day, date in days.items():
        five = by[day]
        word = likelihood(five["range_low"], five["range_high"]) if summary["inputs"] else None
        found.append(
            {
                "day": day,
                "date": date,
                "odds": "cannot happen" if asked["cannot"] else one_in(five["probability"]),
                "shown": "in this model" if asked["cannot"] else shown(summary, five),
                "word": word if word not in OUTERMOST and not asked["cannot"] else None,
                "chance": five["probability"],
                "low": five["range_low"],
                "high": five["range_high"],
                "main": day == main,
            }
        )
    return found


def headline_note(summary: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """What the brackets mean, and how far chance alone may be off."""
    error, n = sampling_error(summary), summary["replications"]
    said = (
        "In brackets: the 10–90 % range over the inputs, which are not known. "
        if summary["inputs"]
        else "No input is uncertain, so there is no range. "
    )
    said += f"{plural(n, 'simulated history')}; sampling error at most {100 * error:.1f} points."
    last = chances(summary, asked["kind"], asked["name"])[str(summary["until_days"])]
    if last["probability"] == 0 and not asked["cannot"]:
        bound = summary.get("precision", {}).get("never", zero_event_bound(n))
        said += f" It happened in none of them: by sampling alone (95 %), a chance of at most {100 * bound:.2g} %."
    return said


def too_few(summary: Mapping[str, Any]) -> str:
    """A warning where chance alone may be far off; else nothing."""
    n = summary["replications"]
    if sampling_error(summary) <= ROUGH:
        return ""
    more = max(10 * n, 20_000)
    return f"{plural(n, 'simulated history')}: so few say little. run.replications={more} says more."


def shown(summary: Mapping[str, Any], five: Mapping[str, float]) -> str:
    """A chance with its range, where the run has one."""
    if not summary["inputs"]:
        return percent(five["probability"])
    return with_range(five["probability"], five["range_low"], five["range_high"])


# ---------------------------------------------------------------------------------------------------- course and record
def course(summary: Mapping[str, Any], times: Mapping[str, Any]) -> list[str]:
    """Where most histories end, which events come in most of them and when, and the commonest order of events.

    ``times``: milestone -> days of its first time in each history (inf: never).
    """
    last, by = date_words(summary["until"]), summary["outcomes"]
    ranked = sorted(by, key=lambda name: -by[name]["probability"])
    first = by[ranked[0]]
    lines = [
        f"Most likely on {last}: {label(words(ranked[0]))}, {shown(summary, first)}"
        f"{f': {says}' if (says := label(summary['sentences']['outcomes'].get(ranked[0], ''))) else ''}."
    ]
    if len(ranked) > 1:
        lines[0] += f" Next: {label(words(ranked[1]))}, {shown(summary, by[ranked[1]])}."
    likely = []
    for name, found in summary["milestones"].items():
        five, median = found["by"][str(summary["until_days"])], found["quantiles"]["0.5"]["day"]
        if five["probability"] > 0.5 and median is not None:
            likely.append((median, name, five))
    for _, name, five in sorted(likely)[:NAMED]:
        day = round(summary["milestones"][name]["quantiles"]["0.5"]["day"])
        half = date_words((_as_of(summary) + datetime.timedelta(days=day)).isoformat())
        lines.append(f"More likely than not: {label(words(name))}, {shown(summary, five)}; in half of all by {half}.")
    if summary["milestones"] and not likely:
        lines.append(f"None of the events watched is more likely than not by {last}.")
    order = commonest(summary, times)
    return [*lines, order] if order else lines


def commonest(summary: Mapping[str, Any], times: Mapping[str, Any]) -> str:
    """The order of the events seen by the public that most histories share, in a sentence."""
    seen = [name for name in summary["milestones"] if name not in summary.get("secret", ())]
    if not seen:
        return ""
    table = np.stack([np.asarray(times[name][:ORDERED], dtype=np.float64) for name in seen])
    order = np.argsort(table, axis=0, kind="stable")
    place = np.take_along_axis(table, order, axis=0)
    coded = np.where(np.isfinite(place), order, -1).T
    kinds, counts = np.unique(coded, axis=0, return_counts=True)
    which = int(counts.argmax())
    steps = [words(seen[i]) for i in kinds[which] if i >= 0]
    share = percent(float(counts[which]) / table.shape[1])
    if not steps:
        return f"The commonest course of the events that the public sees: none of them ({share} of the histories)."
    told = label(" → ".join(steps))
    return f"The commonest order of the events that the public sees: {told}, and no other ({share} of the histories)."


def record(summary: Mapping[str, Any], results: Path) -> list[str]:
    """How registered forecasts did, or that none was tested."""
    from sim.studies.ledger import book as ledger_book
    from sim.studies.ledger.scores import KINDS, scored
    from sim.studies.settings import CheckError

    never = "Never tested: no forecast of this kind has been held against what happened."
    try:
        book = ledger_book.read(results / "ledger")
        data = scored(book, at=ledger_book.now(), floor=0.001) if book.entries else None
    except CheckError as error:
        return [never, f"The ledger cannot be relied on: {label(str(error).splitlines()[0])}"]
    if data is None:
        return [f"{never} study=register writes this one down, study=resolve and study=ledger score it later."]
    own = [entry for entry in data["entries"] if entry["content_hash"] == summary["content_hash"]]
    lines = []
    if own:
        lines.append(
            f"This forecast is number {own[0]['number']} of the ledger, registered {own[0]['registered'][:10]}."
        )
    for pool in data["pools"]:
        model = pool["outcomes"].get("model")
        if model is None:
            continue
        when = "in hindsight, registered after the day" if pool["hindsight"] else "registered before the day"
        others = [f"{KINDS[kind]} {found['brier']:.2f}" for kind, found in pool["outcomes"].items() if kind != "model"]
        crises = "one crisis" if pool["cases"] == 1 else f"{pool['cases']} crises"
        lines.append(
            f"{plural(pool['n'], 'forecast')} of {crises} scored ({when}): mean Brier score of the outcomes "
            f"{model['brier']:.2f}{'; ' + ', '.join(others) if others else ''}. Less is better; 0 is perfect."
        )
    if not any(pool["outcomes"].get("model") for pool in data["pools"]):
        lines.insert(0, never)
        lines.append(f"{plural(len(data['entries']), 'forecast')} registered in the ledger, none resolved so far.")
    return lines


# -------------------------------------------------------------------------------------------------- assumed and sources
def silent(summary: Mapping[str, Any], scenario: Scenario, drivers: Sequence[Mapping[str, Any]]) -> list[str]:
    """What no report says and the model has to assume, in sentences."""
    found = []
    for variable in scenario.spec.variables:
        info = scenario.variables[variable.name]
        if isinstance(variable.start, Law):
            numbers = variable.start.parameters
            chance = dict(zip(map(int, numbers[::2]), numbers[1::2], strict=True))
            told = ", ".join(
                f"{words(info.levels[v]) if v < len(info.levels) else v} {100 * p:.2g} %" for v, p in chance.items()
            )
            found.append(f"{label(words(variable.name))} ({label(info.meaning)}): not known, drawn as {label(told)}.")
    secret = [f"{words(name)} (known only to: {summary['seen'][name]['by']})" for name in summary.get("secret", ())]
    if secret:
        found.append(f"Events that no outsider sees: {label('; '.join(secret))}.")
    uncertain = [q for q in scenario.inputs if not q.constant]
    judged = [q.name for q in uncertain if q.evidence.kind == "judgement"]
    bare = [q.name for q in uncertain if q.evidence.kind == "judgement" and not q.evidence.reports]
    if judged:
        most = [row["name"] for row in drivers if row["name"] in judged][:NAMED]
        told = f"; those that matter most: {', '.join(words(name) for name in most)}" if most else ""
        found.append(
            f"{len(judged)} of {plural(len(uncertain), 'uncertain input')} rest on judgement, {len(bare)} of them on "
            f"no finding{label(told)}."
        )
    idle = [actor.label for name, actor in scenario.actors.items() if not _acts(scenario, name)]
    if idle:
        found.append(f"Named, but without an action of their own: {label(', '.join(idle))}.")
    known = [n for n, f in scenario.findings.items() if scenario.reports[f.report].date <= scenario.as_of]
    left, all_of_them = sum(number in scenario.not_modelled for number in known), plural(len(known), "finding")
    if left:
        found.append(f"{left} of {all_of_them} {'moves' if left == 1 else 'move'} no number.")
    found.append("Everybody acts on where things stand and what they know; nobody plans several steps ahead.")
    return found + [label(line) for line in past.lines(summary)[:1]]


def _acts(scenario: Scenario, actor: str) -> bool:
    return any(action.actor == actor for action in scenario.actions.values())


def sources(summary: Mapping[str, Any], scenario: Scenario) -> Data:
    """What was known and from whom, and dates ahead that the scenario names."""
    known = {name: r for name, r in scenario.reports.items() if r.date <= scenario.as_of}
    later = len(scenario.reports) - len(known)
    told = f" {plural(later, 'report')} of later dates did not enter." if later else ""
    ahead = []
    for name, action in scenario.data.get("actions", {}).items():
        date = str(action.get("on", "")) if isinstance(action, Mapping) else ""
        if name in scenario.actions and scenario.as_of.isoformat() < date[:10] <= summary["until"]:
            ahead.append({"date": date[:10], "says": scenario.actions[name].says})
    return {
        "known": f"What was known at the end of {date_words(summary['as_of'])}"
        f"{', from ' + plural(len(known), 'report') + '.' if known else '; the scenario cites no report.'}{told}",
        "reports": [
            {"id": name, "outlet": r.outlet, "date": r.date.isoformat(), "grade": r.grade}
            for name, r in sorted(known.items(), key=lambda item: item[1].date)
        ],
        "next": sorted(ahead, key=lambda one: one["date"]),
    }


def _as_of(summary: Mapping[str, Any]) -> datetime.date:
    return datetime.date.fromisoformat(summary["as_of"])
