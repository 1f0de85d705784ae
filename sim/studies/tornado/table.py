"""The tornado as people read it on a terminal: widest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.statistics.shown import date_words, percent, words
from sim.studies.table import ruled

if TYPE_CHECKING:
    from rich.console import Console

#: Places of free judgements that are named.
NAMED: Final = 8
#: Differences that round to 0.0 points.
LEAST: Final = 0.0005


def show(data: Mapping[str, Any], out: Console) -> None:
    """Print a tornado."""
    from rich.text import Text

    out.print(f"{data['title']}: what the answer hangs on", style="bold")
    out.print(f"The chance of {data['headline']}, from the end of {date_words(data['as_of'])}.")
    out.print(f"With everything drawn it is {percent(data['probability'])}.")
    out.print()
    table = ruled()
    table.add_column("")
    for end in ("at the low end", "at the high end"):
        table.add_column(end, justify="right", min_width=14)
        table.add_column("chance", justify="right", no_wrap=True, min_width=10)
    table.add_column("difference,\npoints", justify="right", no_wrap=True)
    for row in data["rows"]:
        if idle(row):
            continue
        says = "" if row["says"] == words(row["name"]) else f": {row['says']}"
        table.add_row(
            Text.assemble((words(row["name"]), "bold"), says),
            row["low_value"],
            percent(row["at_low"]),
            row["high_value"],
            percent(row["at_high"]),
            f"{100 * row['difference']:+.1f} ± {100 * row['error']:.1f}",
        )
    out.print(table)
    for line in footer(data):
        out.print(line, style="dim")


def idle(row: Mapping[str, Any]) -> bool:
    """Whether the two ends differ by less than the last digit shown."""
    return bool(abs(row["difference"]) < LEAST)


def footer(data: Mapping[str, Any]) -> list[str]:
    """What has to be said with the table."""
    what = "each judgement" if data["inputs"] == "judgements" else "each uncertain input"
    lines = [
        f"{data['replications']:,} simulated histories at each end, the same ones everywhere; seed {data['seed']}. "
        f"One at a time, {what} is held at its 10 % and its 90 % point, a hidden start at each level (of several, the "
        "two farthest apart are shown), and all else is drawn. ±: 95 % sampling error of the paired difference.",
    ]
    if data["rows"]:
        widest = data["rows"][0]
        lines.append(
            f"The answer hangs most on {words(widest['name'])}: {percent(widest['at_low'])} at "
            f"{widest['low_value']}, {percent(widest['at_high'])} at {widest['high_value']} ({widest['basis']})."
        )
    else:
        lines.append("Nothing of that kind is uncertain here; study.inputs=all varies every uncertain input.")
    still = [words(row["name"]) for row in data["rows"] if idle(row)]
    if still:
        lines.append(f"No difference to the last digit shown: {', '.join(still)}.")
    places = [entry["place"] for entry in data["not_varied"]]
    if places:
        more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
        lines.append(
            f"Free judgements that are no input with two ends, so not varied: {', '.join(places[:NAMED])}{more}."
        )
    return lines
