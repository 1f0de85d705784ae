"""Small chances as people read them on a terminal: the ladder first, then all that may follow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.statistics.shown import date_words, percent, plural, words
from sim.statistics.splitting import TRUSTED
from sim.studies.table import NOTHING, ruled

if TYPE_CHECKING:
    from rich.console import Console

#: Below this a chance is written with an exponent.
SMALL: Final = 1e-4
#: From this on it is shown as in a forecast.
COMMON: Final = 0.01
#: Large numbers in words, and what is too large for words.
SCALES: Final = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
MOST: Final = 1e6


def show(data: Mapping[str, Any], out: Console) -> None:
    """Print the chances of a splitting run."""
    out.print(data["title"], style="bold")
    out.print(data["question"])
    out.print(f"Small chances as of the end of {date_words(data['as_of'])}. In brackets: 95 % by sampling alone.")
    out.print()
    shown = list(data["days"])[-2:]
    table = ruled(f"How far it goes ({words(data['level'])})")
    table.add_column("")
    table.add_column("of those before", justify="right", no_wrap=True)
    for day in shown:
        table.add_column(f"by {date_words(data['days'][day])}\n({day} days)", justify="right", no_wrap=True)
    for row in data["levels"]:
        share = NOTHING if not row["tried"] else f"{100 * row['reached'] / row['tried']:.3g} %"
        table.add_row(row["word"], share, *(cell(row["by"][day]) for day in shown))
    out.print(table)
    last = str(data["until_days"])
    table = ruled("What comes of it")
    table.add_column("")
    table.add_column(f"by {date_words(data['until'])}\n({last} days)", justify="right", no_wrap=True)
    for kind in ("outcomes", "milestones", "flags"):
        for name, found in data[kind].items():
            says = data["sentences"][kind].get(name, "")
            table.add_row(f"{words(name)}: {says}" if says else words(name), cell(found.get(last, found)))
        table.add_section()
    out.print(table)
    for line in footer(data):
        out.print(line, style="dim")


def footer(data: Mapping[str, Any]) -> list[str]:
    """What has to be said with the chances."""
    found, top = data["chance"], data["levels"][-1]["word"]
    lines = [
        f"The chance to get to {top} by {date_words(data['until'])} is {cell(found)}{one_in(found['probability'])}."
    ]
    lines[0] += _compared(data) + _beyond(data)
    lines.append(
        f"{plural(data['replications'], 'repeat')} of {data['effort']:,} simulated histories for each level, "
        f"{data['histories']:,} in all, seed {data['seed']}: those that get to a level are branched there, each branch "
        "with luck of its own. The interval comes from how far the repeats differ."
    )
    if not data["trusted"]:
        lines.append(
            f"The repeats differ by {found['spread']:.1f} times their mean; beyond {TRUSTED:g} the interval is "
            "somewhat too narrow. More run.effort helps, and levels that a tenth or more of those before get to."
        )
    if data["ran_away"]:
        lines.append(f"Histories that ran away count as not having got further: {number(data['ran_away'])} of all.")
    if data["uncertain"]:
        lines.append(
            "Uncertain inputs are drawn anew for every history at the start, and go with its branches: the chance is "
            "an average over them, and most of it may come from few of their values. How far it moves with them is not "
            "told by this method."
        )
    return [
        *lines,
        "These are chances under assumptions, most of them judgements; so small a one says above all how the model is "
        "built. Quote one only with its event, its deadline, its date and the words “under assumptions”.",
    ]


def _compared(data: Mapping[str, Any]) -> str:
    plain = data["plain_histories"]
    if plain is None or not math.isfinite(plain) or plain < data["histories"]:
        return ""
    return f" Plain simulation would take some {many(plain)} histories to know it so well."


def _beyond(data: Mapping[str, Any]) -> str:
    """What is known where no history got to the end of the ladder."""
    if data["chance"]["probability"] > 0:
        return ""
    last = str(data["until_days"])
    before = [row for row in data["levels"] if row["reached"]]
    if not before:
        return " No history got to any level; begin with lower ones (run.levels)."
    high = before[-1]["by"][last]["high"]
    return (
        f" No history got beyond {before[-1]['word']}, so all that is known is that it is less likely than that (at "
        f"most {number(high)}). Levels in between (run.levels) or more run.effort may tell."
    )


def cell(found: Mapping[str, float]) -> str:
    """A chance with its interval."""
    if found["probability"] == 0:
        return NOTHING
    if found["low"] == found["high"] or found["probability"] >= COMMON:
        return number(found["probability"])
    return f"{number(found['probability'])} ({number(found['low'])} – {number(found['high'])})"


def number(share: float) -> str:
    """A chance as in a forecast, and below 1 % with three digits, however small."""
    if share >= COMMON:
        return percent(share)
    return f"{100 * share:.3g} %" if share >= SMALL else f"{share:.2e}"


def one_in(share: float) -> str:
    """``", about 1 in 1.1 billion"`` for a small chance."""
    return f", about 1 in {many(1 / share)}" if 0 < share < SMALL else ""


def many(count: float) -> str:
    """A large number to two digits: ``"38,000"``, ``"1.1 billion"``, ``"3e+15"``."""
    size, name = next(((size, name) for size, name in SCALES if count >= size), (1.0, ""))
    rounded = float(f"{count / size:.2g}")
    return f"{count:.1e}" if rounded >= MOST else f"{rounded:,g} {name}".strip()
