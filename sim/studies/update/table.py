"""The moves between dated forecasts as people read them on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.statistics.shown import date_words, percent, words
from sim.studies.settings import SURVIVED
from sim.studies.table import ruled

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: Outcomes shown beside the headline: those that moved most, if by this much.
BESIDE, LEAST = 2, 0.005
#: What has to be said with every attribution.
ARITHMETIC: Final = "It describes the model's arithmetic, not causation."


def show(data: Mapping[str, Any], out: Console) -> None:
    """Print the forecasts of all dates, what made each move, and the last forecast without each report."""
    from rich.text import Text

    out.print(f"{data['title']}: how the forecast moved, and why", style="bold")
    out.print(f"All for {date_words(data['by'])}, whatever the date of the forecast.")
    out.print()
    whats = list(data["forecasts"][0]["shares"])
    table = _table("as of")
    for forecast in data["forecasts"]:
        table.add_column(date_words(forecast["as_of"]), justify="right", no_wrap=True)
    for move in data["moves"]:
        to = f" to {date_words(move['to'])}" if len(data["moves"]) > 1 else ""
        if move.get("said"):
            table.add_column(f"{date_words(move['to'])},\nstatements weighed", justify="right", no_wrap=True)
            to += ", weighed"
        table.add_column(f"change{to},\npoints", justify="right", no_wrap=True)
    for what in whats:
        shares = [percent(forecast["shares"][what]) for forecast in data["forecasts"]]
        changes = []
        for move in data["moves"]:
            changes += [percent(move["changes"][what]["now"])] * bool(move.get("said"))
            changes.append(_points(move["changes"][what]))
        table.add_row(Text(name_of(what), style="bold" if what.startswith("by.") else ""), *shares, *changes)
    out.print(table)
    for move in data["moves"]:
        _move(data, move, out)
    _without(data, whats[0], out)
    for line in footer(data):
        out.print(line, style="dim")


def name_of(what: str) -> str:
    """An outcome or the milestone in words."""
    return f"{words(what[3:])} by then" if what.startswith("by.") else words(what)


def headline_of(data: Mapping[str, Any], move: Mapping[str, Any]) -> str:
    """What a move is told by: the milestone, or without one the outcome that moved most."""
    if data["milestone"] is not None:
        return f"by.{data['milestone']}"
    widest: str = max(move["changes"], key=lambda what: abs(move["changes"][what]["difference"]))
    return widest


def parts_of(move: Mapping[str, Any], what: str) -> dict[str, Mapping[str, Any]]:
    """Group -> its part in the move of one thing."""
    return {part["group"]: part for part in move["parts"] if part["what"] == what}


def items_of(group: Mapping[str, Any]) -> str:
    """What changed in a group: ``troops k 4 → 15``."""
    if not group["items"]:
        return "the later start: dates passed, clocks aged, less time left"
    # A group of one item bears its name.
    return "; ".join(item["says"] for item in group["items"]).removeprefix(f"{words(group['name'])}: ")


def _move(data: Mapping[str, Any], move: Mapping[str, Any], out: Console) -> None:
    from rich.text import Text

    headline = headline_of(data, move)
    moved = sorted(move["changes"], key=lambda what: -abs(move["changes"][what]["difference"]))
    beside = [w for w in moved if w != headline and abs(move["changes"][w]["difference"]) >= LEAST][:BESIDE]
    dates = f"{date_words(move['from'])} to {date_words(move['to'])}"
    out.print(f"What moved {name_of(headline)}, {dates}, in points:", style="bold")
    table = _table("")
    table.columns[0].min_width = 34
    for column in (name_of(headline), "as the first\nto change", "as the\nlast", *map(name_of, beside)):
        table.add_column(column, justify="right", min_width=9)
    parts = parts_of(move, headline)
    others = [parts_of(move, what) for what in beside]
    for group in sorted(move["groups"], key=lambda g: -abs(parts[g["name"]]["value"])):
        part = parts[group["name"]]
        numbers = (part["first_in"], part["last_in"], *(other[group["name"]]["value"] for other in others))
        table.add_row(
            Text.assemble((words(group["name"]), "bold"), f": {_short(items_of(group))}"),
            f"{_signed(part['value'])} ± {100 * part['error']:.1f}",
            *map(_signed, numbers),
        )
    totals = [_signed(move["changes"][what]["difference"]) for what in beside]
    table.add_section()
    table.add_row(Text("sum", style="bold"), _points(move["changes"][headline]), "", "", *totals)
    out.print(table)
    lasting = [one for one in move.get("said", []) if not one["fresh"]]
    if lasting:
        told = ", ".join(f"{words(one['name'])} ({one['words']}, weight {one['weight']:.2f})" for one in lasting)
        out.print(f"Weighed on both dates, so no part of the move: {told}.", style="dim")
        out.print()
    if move["idle"]:
        names = ", ".join(words(item["path"].split(".", 1)[1]) for item in move["idle"])
        out.print(f"Changed, but nothing shown here reads it, so exactly 0: {names}.", style="dim")
        out.print()


def _without(data: Mapping[str, Any], headline: str, out: Console) -> None:
    if not data["without"]:
        return
    out.print(f"As of {date_words(data['as_of'])} without what one report says:", style="bold")
    table = _table("report left out")
    for column in ("values that\nfall back", name_of(headline), "change,\npoints"):
        table.add_column(column, justify="right")
    for row in data["without"]:
        if "failed" in row:
            table.add_row(row["report"], "", "", f"cannot be left out: {row['failed']}")
            continue
        change = _points(row["changes"][headline]) if row["fallen"] else "none"
        table.add_row(row["report"], str(len(row["fallen"])), percent(row["shares"][headline]), change)
    out.print(table)


def footer(data: Mapping[str, Any]) -> list[str]:
    """What has to be said with the tables."""
    exact = all(move["exact"] for move in data["moves"])
    how = "all orders" if exact else "random orders"
    stays = sorted({path for row in data["without"] for path in row.get("kept", [])})
    lines = [
        f"{data['replications']:,} simulated histories of each mixture of old and new, the same ones everywhere; seed "
        f"{data['seed']}. A part is the mean, over {how} in which old may turn into new, of what a group adds (Shapley "
        f"value); the parts add up to the whole change. {ARITHMETIC} ±: 95 % sampling error of the paired difference.",
        f"{_weighed(data)}; {_remembered(data)}.",
    ]
    if stays:
        lines.append(f"Without an earlier value, so not left out with its report: {', '.join(stays)}.")
    return lines


def _weighed(data: Mapping[str, Any]) -> str:
    """Whether statements are weighed, and how."""
    if not any(move.get("said") for move in data["moves"]):
        return "Statements are not weighed here (study.statements=all makes each a part)"
    return (
        "Each statement is a part: a mixture that holds it is bent towards it, from what that mixture implies itself, "
        "with the weight of the later date; reports are left out without statements"
    )


def _remembered(data: Mapping[str, Any]) -> str:
    """What a mixture knows of the time before the date from which it is simulated."""
    if data.get("past") != SURVIVED:
        return "the start is a plain restart, without what had not happened before it"
    return (
        "each mixture remembers what had and had not happened before the date it starts from: its inputs are those "
        "under which the crisis could come that far (run.past=restart forgets it)"
    )


def _table(first: str) -> Table:
    table = ruled()
    table.add_column(first)
    return table


def _points(change: Mapping[str, float]) -> str:
    return f"{_signed(change['difference'])} ± {100 * change['error']:.1f}"


def _signed(share: float) -> str:
    """A difference in points; what rounds to nothing has no sign."""
    text = f"{100 * share:+.1f}"
    return "0.0" if float(text) == 0 else text


def _short(text: str, most: int = 110) -> str:
    """The first items of a group that fit, and how many more there are; at least one."""
    items = text.split("; ")
    kept = len(items)
    while kept > 1 and len("; ".join(items[:kept])) > most:
        kept -= 1
    return "; ".join(items[:kept]) + (f"; and {len(items) - kept} more" if kept < len(items) else "")
