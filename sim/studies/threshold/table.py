"""A threshold as people read it on a terminal: where the chance crosses, and the curve in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sim.statistics.shown import date_words, percent, plural, with_range
from sim.studies.table import ruled

if TYPE_CHECKING:
    from rich.console import Console

#: Rows of the curve that are printed at most.
ROWS: Final = 13


def show(data: Mapping[str, Any], out: Console) -> None:
    """Print a threshold."""
    out.print(f"{data['title']}: where the answer turns", style="bold")
    out.print(f"The chance of {data['headline']}, from the end of {date_words(data['as_of'])}.")
    now = f" (in the scenario {data['now']})" if data["now"] else ""
    low, high = (said(data, end) for end in data["range"])
    out.print(f"{data['label']}{now} is moved from {low} to {high}; all else is drawn.")
    out.print()
    for line in verdict(data):
        out.print(line)
    out.print()
    table = ruled()
    table.add_column(data["label"], justify="right")
    table.add_column("chance" + (" (range over the inputs)" if data["band"] else ""), justify="right")
    bands = {row["value"]: row for row in data["band"]}
    rows = [row for row in data["curve"] if row["first"]]
    step = -(-len(rows) // ROWS)
    for row in rows[::step]:
        chance = row["probability"]
        band = bands.get(row["value"])
        table.add_row(
            said(data, row["value"]), with_range(chance, band["low"], band["high"]) if band else percent(chance)
        )
    out.print(table)
    for line in footer(data):
        out.print(line, style="dim")


def said(data: Mapping[str, Any], value: float) -> str:
    """A value with its unit, to three digits; a rate below one a day also by the time between two."""
    unit = {"per day": " per d", "days": " d"}.get(data["kind"], "")
    text = f"{float(f'{value:.3g}'):,g}{unit}"
    return f"{text} (1 per {float(f'{1 / value:.2g}'):,g} d)" if data["kind"] == "per day" and 0 < value < 1 else text


def verdict(data: Mapping[str, Any]) -> list[str]:
    """Where the chance crosses the level, in sentences; or that it does not, and what it does."""
    level, label = f"{100 * data['level']:g} %", data["label"]
    lines = [_crossing(data, one, level) for one in data["crossings"]]
    if len(lines) > 1:
        lines = [f"The chance crosses {level} {len(lines)} times:", *lines]
    for low, high in data["touches"]:
        if low is None and high is None:
            lines.append(f"The chance cannot be told from {level} anywhere in this range of {label}.")
            continue
        lines.append(
            f"The chance comes so near {level} at {label} = {_between(data, low, high)} that it cannot be told from "
            "it, and is on one and the same side before and after."
        )
    if not data["crossings"] and not data["touches"]:
        shares = [row["probability"] for row in data["curve"]]
        side = "above" if shares[0] > data["level"] else "below"
        lines.append(
            f"The chance does not cross {level} in this range of {label}: it stays {side}, between "
            f"{100 * min(shares):.1f} % and {100 * max(shares):.1f} %."
        )
    if data["bends"]:
        (a, b), (c, d) = ((said(data, v) for v in pair) for pair in data["bends"])
        lines.append(f"The curve goes both ways: it rises from {a} to {b}, and falls from {c} to {d}.")
    return lines


def _crossing(data: Mapping[str, Any], one: Mapping[str, Any], level: str) -> str:
    way = "rises" if one["rises"] else "falls"
    span = _between(data, one["low"], one["high"])
    if one["value"] is None:
        first = one["low"] is None
        end = f"{'lower' if first else 'upper'} end of the range"
        seen = f"{way} from about {level} at the {end} on" if first else f"{way} to about {level} at the {end}"
        return f"The chance {seen}: it crosses {level} somewhere {span}, or beyond the range."
    text = f"The chance {way} through {level} at {data['label']} = {said(data, one['value'])}; by sampling {span}"
    if one["share_of_law"] is not None:
        text += f", which is the {100 * one['share_of_law']:.0f} % point of the range that it is drawn from"
    if one["over_inputs"] is not None:
        beyond = one.get("beyond") or (0, 0)
        text += f"; 10–90 % range over the other inputs: {over_inputs(data, one['over_inputs'], beyond)}"
    return f"{text}."


def over_inputs(data: Mapping[str, Any], ends: Sequence[float | None], beyond: Sequence[int]) -> str:
    """The range of a crossing; an end that is None lies below (-1 in ``beyond``) or above (1) the values."""
    low, high = ends
    if beyond[0] == beyond[1] != 0:
        return f"all of it {'below' if beyond[0] < 0 else 'above'} this range"
    if low is None:
        return f"{said(data, high)} or less, to below this range" if high is not None else "wider than this range"
    return f"{said(data, low)} to {said(data, high)}" if high is not None else f"{said(data, low)} to beyond this range"


def _between(data: Mapping[str, Any], low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "anywhere in the range"
    if low is None:
        return f"up to {said(data, high)}" if high is not None else ""
    return f"from {said(data, low)} on" if high is None else f"{said(data, low)} to {said(data, high)}"


def footer(data: Mapping[str, Any]) -> list[str]:
    """What has to be said with the numbers."""
    lines = [
        f"{plural(data['replications'], 'simulated history')} at each of {len(data['curve'])} values, the same ones "
        f"everywhere; seed {data['seed']}. By sampling: values at which the number of events is one that the level may "
        "well give (exact test at 5 %), so the crossing lies there with a chance of 95 %. Chances under assumptions.",
    ]
    if data["band"]:
        lines.append(
            f"Range over the other inputs: {plural(data['inputs'], 'draw')} of them with "
            f"{plural(data['histories'], 'simulated history')} each, at {len(data['band'])} values."
        )
    if data["past"]:
        lines.append("The moved number is moved in the remembered past, too, if it is an input.")
    return lines
