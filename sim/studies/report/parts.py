"""Parts of a report that rest on other studies: what changed, what to watch, and how it could happen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.report.words import label
from sim.runs import store
from sim.scenario.build import build
from sim.scenario.source import Layer, Source
from sim.statistics.shown import date_words, percent, plural, words
from sim.studies.update import study as update
from sim.studies.update.mix import Pair, items
from sim.studies.update.table import ARITHMETIC, headline_of, items_of, parts_of

if TYPE_CHECKING:
    from sim.runs.plan import Task
    from sim.scenario.scenario import Scenario
    from sim.studies.forecast import Result
    from sim.studies.settings import Settings

#: Signs on the first screen.
WATCHED: Final = 3
#: What the passage of time is, in words.
LATER: Final = "the later start: dates have passed, waits are further on, less time is left"
#: Causes on the first screen, and changes named where no cause can be.
CAUSES, CHANGES = 3, 6
#: Stories told: of the likeliest outcomes, one each.
STORIES: Final = 4
PATHS: Final = 3
#: A line of a timeline: its date, then what happened.
LINE: Final = re.compile(r"\s*(\d{1,2}) (\w{3}) (\d{4})\s\s+(.*)")

Data = dict[str, Any]


# ------------------------------------------------------------------------------------------------ since the last report
def changed(scenario: Scenario, settings: Settings, results: Path) -> Data:
    """What changed since the report before the last, and what that did to the forecast where study=update said so."""
    dates = sorted({r.date for r in scenario.reports.values() if r.date <= scenario.as_of})
    before = [date for date in dates if date < scenario.as_of]
    plain: Data = {"title": "What changed since the last report", "lines": [], "rows": [], "notes": [], "command": ""}
    if not before:
        why = "This is the first report: nothing came before." if dates else "The scenario cites no report."
        return {**plain, "lines": [why]}
    data = _stored(scenario, settings, results)
    if data is not None:
        return {**plain, **_explained(data)}
    plain["title"] = f"What changed since {date_words(before[-1].isoformat())}"
    source = Source((Layer("the scenario", {}, {}),), by="the report on an earlier date")
    try:
        earlier = build(
            scenario.data, as_of=before[-1], until=scenario.until, source=source, unchanged=scenario.unchanged
        )
    except ValueError as error:
        return {**plain, "lines": [f"No forecast can be made of that date: {label(str(error).splitlines()[0])}"]}
    found = [item.says for item in items(Pair(earlier, scenario))]
    more = f"; and {len(found) - CHANGES} more" if len(found) > CHANGES else ""
    lines = [f"{plural(len(found), 'value')} of the scenario. What each did to the answer was not computed here:"]
    return {
        **plain,
        "lines": lines if found else ["No value of the scenario: only time has passed."],
        "rows": [{"points": "", "says": label(says)} for says in found[:CHANGES]],
        "notes": [
            f"In the order of the scenario{more}." if found else "",
            "This says which changes moved it, and how far:",
        ],
        "command": f"escalation scenario={scenario.name} as_of={scenario.as_of} study=update",
    }


def _stored(scenario: Scenario, settings: Settings, results: Path) -> Data | None:
    """The numbers of a stored study=update with its usual settings."""
    try:
        asked = update.question(scenario, {})
    except ValueError:
        return None
    data = store.read_json(update.folder_of(scenario, asked, settings, results) / "summary.json")
    return data if data and data.get("format") == store.FORMAT else None


def _explained(data: Mapping[str, Any]) -> Data:
    move = data["moves"][-1]
    what = headline_of(data, move)
    parts = parts_of(move, what)
    groups = sorted(move["groups"], key=lambda group: -abs(parts[group["name"]]["value"]))
    first, last = (forecast["shares"][what] for forecast in data["forecasts"][-2:])
    change = move["changes"][what]
    event = f"{words(what[3:])} by" if what.startswith("by.") else f"{words(what)} on"
    rows = []
    for group in groups[:CAUSES]:
        part = parts[group["name"]]
        says = f"{words(group['name'])}: {_short(items_of(group)) if group['items'] else LATER}"
        rows.append({"points": f"{_points(part['value'])} ± {100 * part['error']:.1f}", "says": label(says)})
    rest = sum(parts[group["name"]]["value"] for group in groups[CAUSES:])
    others = (
        f" The other {plural(len(groups) - CAUSES, 'part')} together: {_points(rest)}." if len(groups) > CAUSES else ""
    )
    return {
        "title": f"What changed since {date_words(move['from'])}",
        "lines": [
            f"{label(event)} {date_words(data['by'])}: {percent(first)} then, {percent(last)} now, both rounded; the "
            f"change is {_points(change['difference'])} ± {100 * change['error']:.1f} points. What moved it, in points:"
        ],
        "rows": rows,
        "notes": [f"Shapley values over {data['replications']:,} histories of each mixture.{others} {ARITHMETIC}"],
    }


def _short(text: str, most: int = 3) -> str:
    listed = text.split("; ")
    return "; ".join(listed[:most]) + (f"; and {len(listed) - most} more" if len(listed) > most else "")


def _points(share: float) -> str:
    text = f"{100 * share:+.1f}"
    return "0.0" if float(text) == 0 else text


# --------------------------------------------------------------------------------------------------------------- watch
def indicators(found: Result, scenario: Scenario, asked: Mapping[str, Any], day: int) -> tuple[Data, Data]:
    """What to watch on the first screen, and the whole table."""
    from sim.studies.indicators.study import indicators_of

    nothing: Data = {"lines": [], "rows": [], "note": "", "says": "", "heads": (), "notes": []}
    chosen: Data = {"milestone": asked["name"], "day": day} if asked["kind"] == "milestones" else {}
    chosen = chosen or {"outcome": asked["name"]}
    try:
        data = indicators_of(found, scenario, **chosen)
    except ValueError as error:
        why = label(str(error).splitlines()[0])
        return {**nothing, "lines": [f"Nothing can be watched here: {why}"]}, {**nothing, "says": f"None: {why}"}
    by_name = {row["name"]: row for row in data["rows"]}
    window = date_words(data["window_date"])
    # What comes before the event and can be seen; what ends the matter, so that it cannot come any more, is no sign.
    ahead = [row["name"] for row in data["rows"] if row["public"] and row["clear"] and row["lead"] is not None]
    watched = list(dict.fromkeys([*ahead, *data["watch"]]))[:WATCHED]
    rows = [_watched(by_name[name], data) for name in watched]
    lines = [] if rows else [f"Nothing that outsiders can see by {window} is clearly told from nothing seen."]
    note = (
        f"Among histories in which it has not happened by {window}. Signs within the model, not causes." if rows else ""
    )
    table = [_indicator(row) for row in data["rows"] if row["factor"] is not None]
    never = [words(row["name"]) for row in data["rows"] if row["factor"] is None]
    idle = [f"No sign, never seen by then where it was not too late: {label(', '.join(never))}."] if never else []
    heads = (
        "sign",
        "seen by then",
        "chance if seen",
        "if not",
        "odds times (95 %)",
        "information, bits",
        "days ahead, median",
    )
    says = (
        f"What seeing a thing by {window} would say of {label(data['headline'])}: among the {data['at_risk']:,} "
        f"histories in which that had not happened by then, {percent(data['probability'])} come to it."
    )
    pairs = [_pair(pair) for pair in data["pairs"]]
    return (
        {**nothing, "lines": lines, "rows": rows, "note": note},
        {**nothing, "says": says, "heads": heads, "rows": table, "notes": [*idle, *pairs, *map(label, data["notes"])]},
    )


def _watched(row: Mapping[str, Any], data: Mapping[str, Any]) -> Data:
    unseen = percent(row["chance_unseen"]) if row["chance_unseen"] is not None else "–"
    effect = (
        f"Seen by {date_words(data['window_date'])}: {percent(row['chance_seen'])} instead of "
        f"{percent(data['probability'])}; not seen: {unseen}."
    )
    return {"name": row["name"], "says": row["says"], "effect": effect, "when": _lead(row)}


def _lead(row: Mapping[str, Any]) -> str:
    late = f"Public about {plural(round(row['delay']), 'day')} later. " if row["delay"] >= 0.5 else ""
    lead = row["lead"]
    if lead is None:
        return f"{late}Where it is seen, the event does not follow."
    return (
        f"{late}Seen {plural(round(lead['median']), 'day')} ahead at the median ({lead['low']:.0f}–{lead['high']:.0f} "
        f"in the middle 80 %); {percent(lead['share'])} of the histories with the event have it first."
    )


def _indicator(row: Mapping[str, Any]) -> tuple[str, ...]:
    name = f"{words(row['name'])}: {row['says']}" if row["says"] else words(row["name"])
    if not row["public"]:
        name += f" (known only to: {row['seen_by']})"
    low, high = row["factor_low"], row["factor_high"]
    ends = f"{_digits(low)}–{_digits(high)}" if high is not None else f"{_digits(low)} or more"
    lead = f"{row['lead']['median']:.0f}" if row["lead"] is not None else "–"
    seen, unseen = (percent(row[key]) if row[key] is not None else "–" for key in ("chance_seen", "chance_unseen"))
    return (
        label(name), percent(row["seen_share"]), seen, unseen, f"{_digits(row['factor'])} ({ends})",
        f"{row['bits']:.3f}" if row["clear"] else "not clear", lead,
    )  # fmt: skip


def _digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):,g}"


def _pair(pair: Mapping[str, Any]) -> str:
    both = " and ".join(label(words(name)) for name in pair["names"])
    return (
        f"Together they say more than either: {both}, {pair['bits']:.3f} bits against {pair['better_bits']:.3f} for "
        "the better one alone."
    )


# -------------------------------------------------------------------------------------------------- how it could happen
def typical(found: Result, scenario: Scenario, task: Task | None) -> Data:
    """A representative history of each of the likeliest outcomes, and the commonest ways into it."""
    from sim.studies.typical.study import typical_of

    nothing: Data = {"says": "", "stories": [], "notes": []}
    try:
        data = typical_of(found, scenario, each=1, task=task)
    except ValueError as error:
        return {**nothing, "says": f"No history can be told: {label(str(error).splitlines()[0])}"}
    outcomes = sorted((one for one in data["outcomes"] if one["typical"]), key=lambda one: -one["share"])
    stories = [_story(one, scenario) for one in outcomes[:STORIES]]
    says = (
        "One simulated history for each of the likeliest outcomes, the most representative one: one of many, invented."
    )
    return {**nothing, "says": says, "stories": stories, "notes": list(map(label, data["notes"]))}


def _story(outcome: Mapping[str, Any], scenario: Scenario) -> Data:
    one = outcome["typical"][0]
    ways = "; ".join(f"{path['words']} ({percent(path['share'])})" for path in outcome["paths"][:PATHS])
    told = [line for text in one["timeline"] if (line := _line(text)) is not None]
    short = [
        {"date": m["date"], "says": f"{words(m['name'])}: {m['says']}" if m["says"] else words(m["name"])}
        for m in one["milestones"]
    ]
    return {
        "title": label(f"{words(outcome['name'])}: history {one['replication']}, one of many, invented"),
        "says": label(
            f"{outcome['says']}. In {percent(outcome['share'])} of the histories"
            f"{f'; ways there: {ways}' if ways else ''}."
        ),
        "short": short
        or [{"date": scenario.date(scenario.until).isoformat(), "says": "none of the events watched so far"}],
        "lines": told,
    }


def _line(text: str) -> Data | None:
    """A line of a timeline as a date and a sentence."""
    import datetime

    from sim.statistics.shown import MONTHS

    found = LINE.match(text)
    if found is None or found[2] not in MONTHS:
        return None
    date = datetime.date(int(found[3]), MONTHS.index(found[2]) + 1, int(found[1]))
    return {"date": date.isoformat(), "says": found[4].strip()}
