"""The drawings of a report: each with what is said of it to those who cannot see it, and its numbers as a table."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from sim.report import charts
from sim.report.words import label
from sim.statistics.shown import between, date_words, percent, with_range, words

#: Rows of a table of numbers over time, at most.
ROWS: Final = 13
#: Curves that are shown at once; the others wait behind a click.
CURVES: Final = 6
#: Least height of an axis of chances: what hardly ever happens is not magnified.
LEAST_TOP: Final = 0.1
QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)

Data = dict[str, Any]


@dataclass(frozen=True)
class Drawing:
    """A drawing with its words and its numbers; ``marked`` are its data-… attributes, for a script to find it by."""

    title: str
    says: str
    svg: Markup
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    legend: tuple[tuple[Markup, str], ...] = ()
    marked: Mapping[str, str] = field(default_factory=dict)


def figures(data: Mapping[str, Any]) -> Data:
    """All drawings of a page, by name; None or empty where there is nothing to draw."""
    summary, curves = data["summary"], data["curves"]
    order = [name for name in data["chosen"] if name in summary["milestones"]]
    past = _classes(summary)
    top = _top(summary, curves)
    drawn = [_curve(summary, curves, name, past, top) for name in order]
    ladder = _ladder(summary, data["occupancy"]) if data["occupancy"] and summary.get("rungs") else None
    counts = [_count(summary, data["occupancy"], one) for one in summary.get("counts") or () if data["occupancy"]]
    band = " Band: 10–90 % range over the inputs." if summary["inputs"] else ""
    return {
        "outcomes": _outcomes(summary),
        "flags": _flags(summary),
        "curves": drawn[:CURVES],
        "more": drawn[CURVES:],
        "more_title": f"{len(drawn) - CURVES} more",
        "curves_note": f"Line: chance that it has happened by the end of that day.{band} All with the same scale.",
        "past": [(charts.past_mark(i), label(f"past cases: {name}")) for i, name in enumerate(past)],
        "ladder": ladder,
        "counts": counts,
        "counts_note": "Spread of the simulated histories, each with inputs and luck of its own: on any day half of "
        "them lie in the dark band and 90 % in the pale one; line: median.",
    }


def headline(data: Mapping[str, Any]) -> list[Data]:
    """The headline by horizon, each with its bar."""
    return [
        {**one, "svg": charts.bar(one["chance"], one["low"], one["high"], _alt_bar(one["shown"]))}
        for one in data["headline"]
    ]


def hangs(data: Mapping[str, Any]) -> Data:
    """What the answer hangs on, each with the way between its two answers."""
    found, rows = data["hangs"], []
    top = max([0.05, *(max(row["at_low"], row["at_high"]) for row in found["rows"])]) * 1.05
    for row in found["rows"]:
        alt = f"from {percent(row['at_low'])} to {percent(row['at_high'])}"
        svg = charts.ends(row["at_low"], row["at_high"], found["chance"], alt, top=min(top, 1.0))
        rows.append({**row, "svg": svg})
    return {**found, "rows": rows}


def _alt_bar(shown: str) -> str:
    return f"bar: {shown}"


def _shown(summary: Mapping[str, Any], five: Mapping[str, float]) -> str:
    if not summary["inputs"]:
        return percent(five["probability"])
    return with_range(five["probability"], five["range_low"], five["range_high"])


def _impossible(summary: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = summary.get("impossible", {}).get(kind, {})
    return found


def _outcomes(summary: Mapping[str, Any]) -> Data:
    """Every outcome with its chance on each day."""
    days, never = summary["days"], _impossible(summary, "outcomes")
    rows = []
    for name in summary["outcomes"]:
        cells = []
        for day in days:
            five = summary["outcomes_by"][day][name]
            shown = _shown(summary, five) if name not in never else "cannot happen"
            numbers = (five["probability"], five["range_low"], five["range_high"])
            svg = charts.bar(*numbers, _alt_bar(shown), ranged=summary["inputs"] > 0)
            cells.append({"day": day, "shown": shown, "svg": svg})
        rows.append({"name": name, "says": summary["sentences"]["outcomes"].get(name, ""), "cells": cells})
    band = " Pale band: 10–90 % range over the inputs, in brackets." if summary["inputs"] else ""
    return {
        "note": f"The first that applies; together they make 100 %. Bar: chance on that day.{band}",
        "rows": rows,
        "heads": ("", *(f"on {date_words(date)}" for date in days.values())),
        "table": [
            (label(words(name)), *(_shown(summary, summary["outcomes_by"][day][name]) for day in days))
            for name in summary["outcomes"]
        ],
    }


def _flags(summary: Mapping[str, Any]) -> Data | None:
    if not summary["flags"]:
        return None
    says, never = summary["sentences"]["flags"], _impossible(summary, "flags")
    rows = []
    for name, five in summary["flags"].items():
        named = f"{words(name)}: {says[name]}" if says.get(name) else words(name)
        rows.append((label(named), _shown(summary, five) if name not in never else "cannot happen"))
    return {"heads": ("", f"on {date_words(summary['until'])}"), "rows": rows}


# ------------------------------------------------------------------------------------------------------------ over time
def _classes(summary: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(f"{rate['label']} (n = {rate['n']})" for rate in summary["base_rates"]))


def _top(summary: Mapping[str, Any], curves: Mapping[str, Any]) -> float:
    rates = [share for rate in summary["base_rates"] for share in rate["by"].values()]
    highest: list[float] = np.asarray(curves["range_high"]).tolist()
    return min(1.0, 1.05 * float(max([*highest, *rates, LEAST_TOP])))


def _days_told(days: int) -> list[int]:
    """Days that get a row in a table."""
    step = max(-(-days // (ROWS - 1)), 1)
    return sorted({*range(0, days + 1, step), days})


def _date(summary: Mapping[str, Any], day: int) -> str:
    return date_words((datetime.date.fromisoformat(summary["as_of"]) + datetime.timedelta(days=day)).isoformat())


def _curve(
    summary: Mapping[str, Any], curves: Mapping[str, Any], name: str, past: Sequence[str], top: float
) -> Drawing:
    mine = np.asarray(curves["milestone"]) == name
    line, low, high = (np.asarray(curves[key])[mine].tolist() for key in ("probability", "range_low", "range_high"))
    marks = [
        {"day": float(day), "share": share, "class": past.index(f"{rate['label']} (n = {rate['n']})")}
        for rate in summary["base_rates"]
        if rate["milestone"] == name
        for day, share in rate["by"].items()
    ]
    until, ranged = len(line) - 1, summary["inputs"] > 0
    end = with_range(line[-1], low[-1], high[-1]) if ranged else percent(line[-1])
    title, says = label(words(name)), label(summary["sentences"]["milestones"].get(name, ""))
    alt = f"chance of {title} by day, rising from 0 to {end} by {_date(summary, until)}"
    as_of = datetime.date.fromisoformat(summary["as_of"])
    return Drawing(
        title=f"{title}: {end}",
        says=says,
        svg=charts.curve(as_of, line, low, high, alt, top=top, marks=marks, ranged=ranged),
        heads=("by the end of", "chance", *(["range"] if ranged else [])),
        rows=tuple(
            (_date(summary, day), percent(line[day]), *([f"{between(low[day], high[day])} %"] if ranged else []))
            for day in _days_told(until)
        ),
        marked={"milestone": name},
    )


def _ladder(summary: Mapping[str, Any], occupancy: Mapping[str, Any]) -> Drawing:
    rungs = summary["rungs"]
    shares = _by_day(summary, occupancy, "rung", len(rungs)) / summary["replications"]
    ever = [i for i in range(len(rungs)) if shares[:, i].max() > 0]
    end = summary["until"]
    legend = [
        (charts.swatch(i, len(rungs)), f"{label(words(rungs[i]))} {percent(float(shares[-1, i]))}")
        for i in reversed(ever)
    ]
    told = "; ".join(said for _, said in legend)
    return Drawing(
        title="Where on the ladder",
        says="Height of a band: chance that the crisis stands on that rung, the highest that holds, at the end of that "
        f"day; the higher the rung the darker. Numbers: on {date_words(end)}. The range over the inputs is not drawn.",
        svg=charts.stack(
            datetime.date.fromisoformat(summary["as_of"]),
            shares.tolist(),
            f"rungs of the ladder over time; at the end {told}",
        ),
        heads=("at the end of", *(label(words(rungs[i])) for i in ever)),
        rows=tuple(
            (_date(summary, day), *(percent(float(shares[day, i])) for i in ever))
            for day in _days_told(summary["until_days"])
        ),
        legend=tuple(legend),
    )


def _count(summary: Mapping[str, Any], occupancy: Mapping[str, Any], one: Mapping[str, Any]) -> Drawing:
    table = _by_day(summary, occupancy, f"state.{one['name']}", None)
    values = [[one["lower"] + one["step"] * place for place in _quantiles(table, share)] for share in QUANTILES]
    name, unit = label(words(one["name"])), label(one["unit"])
    start = [point["value"] for point in one["reported"] if point["date"] == summary["as_of"] and point["known"]]
    top = 1.05 * max([*values[-1], *start, 1])
    last = [f"{value[-1]:,g}" for value in values]
    in_unit = f" {unit}" if unit else ""
    alt = f"{name} by day; on {date_words(summary['until'])} half of the histories between {last[1]} and {last[3]}"
    return Drawing(
        title=f"{name}: {last[2]}{in_unit} at the median on {date_words(summary['until'])}",
        says=label(one["meaning"]) + (" (cut off at the top)" if one["clipped"] else ""),
        svg=charts.fan(
            datetime.date.fromisoformat(summary["as_of"]), values, alt, top=top, reported=[(0, v) for v in start]
        ),
        heads=("at the end of", "5 %", "25 %", "median", "75 %", "95 %"),
        rows=tuple(
            (_date(summary, day), *(f"{value[day]:,g}" for value in values))
            for day in _days_told(summary["until_days"])
        ),
        marked={"count": one["name"]},
    )


def _by_day(
    summary: Mapping[str, Any], occupancy: Mapping[str, Any], name: str, places: int | None
) -> NDArray[np.float64]:
    """Histories by day and value, (until + 1, places)."""
    mine = np.asarray(occupancy["watched"]) == name
    day, value = (np.asarray(occupancy[key])[mine].astype(np.int64) for key in ("day", "value"))
    found = np.zeros((summary["until_days"] + 1, places or int(value.max(initial=0)) + 1))
    found[day, value] = np.asarray(occupancy["histories"])[mine]
    return found


def _quantiles(table: NDArray[np.float64], share: float) -> list[int]:
    """Place of a quantile on each day."""
    below = np.cumsum(table, axis=1)
    wanted = share * below[:, -1:] - 1e-9
    return [int(place) for place in (below >= wanted).argmax(axis=1)]
