"""What results look like in a notebook: a table with bars, pictures, a told history. No file, no script, no request.

Everything that comes from a scenario is escaped: a label in HTML is shown, not run.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

from sim.statistics.shown import date_words, percent, with_range, words

#: Size of a bar in pixels; colours of the chance and of the range, which read on light and on dark.
WIDE, HIGH = 110, 12
BLUE, SKY = "#0072B2", "#56B4E9"
#: What stands in a cell where there is no number.
NOTHING: Final = "–"
LEFT: Final = "text-align:left;vertical-align:top"
UNDER_ASSUMPTIONS: Final = (
    "Chances under assumptions, most of them judgements. Quote one only with its event, its deadline, its range, its "
    "date and the words “under assumptions”."
)


class Pictures(list[Path]):
    """The files of drawn figures; a notebook shows the drawings."""

    def _repr_html_(self) -> str:
        drawings = [path for path in self if path.suffix == ".svg" and path.is_file()]
        # Each as an image of its own: names within one drawing cannot meet those of another.
        return "".join(
            f'<p><img style="max-width:100%" alt="{_text(words(path.stem))}" src="data:image/svg+xml;base64,'
            f'{base64.b64encode(path.read_bytes()).decode()}"></p>'
            for path in drawings
        )


@dataclass(frozen=True, eq=False)
class Told:
    """One simulated history: ``summary`` is what :func:`sim.figures.timeline` draws, ``lines`` tell it."""

    summary: dict[str, Any]
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        return f'<pre style="white-space:pre-wrap">{_text(str(self), lines=True)}</pre>'


def forecast_html(summary: Mapping[str, Any]) -> str:
    """Outcomes and milestones of a forecast on its days, with their ranges and bars of the last day."""
    days = summary["days"]
    head = ["", *(f"{day} days<br>{_text(date_words(date))}" for day, date in days.items()), ""]
    sentences = summary["sentences"]
    chances = {
        "outcomes": {name: [summary["outcomes_by"][day][name] for day in days] for name in summary["outcomes"]},
        "milestones": {name: [found["by"][day] for day in days] for name, found in summary["milestones"].items()},
    }
    ranged, cannot = summary["inputs"] > 0, summary.get("impossible", {})
    tables = []
    for kind, title in (
        ("outcomes", "Where it stands (the first that applies)"),
        ("milestones", "What has happened by then"),
    ):
        rows = [
            _row(_event(name, sentences[kind]), found, ranged)
            if name not in cannot.get(kind, {})
            else _cells(_event(name, sentences[kind]), [NOTHING] * len(days), "&nbsp;")
            for name, found in chances[kind].items()
        ]
        tables += [_table(title, head, rows)] if rows else []
    brackets = " In brackets and pale: 10–90 % range over the inputs." if ranged else ""
    made = f"{summary['replications']:,} simulated histories, seed {summary['seed']}.{brackets}"
    return _page(summary["title"], f"{summary['question']} As of {date_words(summary['as_of'])}.", tables, made)


def comparison_html(summary: Mapping[str, Any]) -> str:
    """What each variant of a comparison changes in its headline chance, by day, in points."""
    kind, name, days = summary["event"]["kind"], summary["event"]["name"], summary["days"]
    head = ["", *(f"by {_text(date_words(date))}" for date in days.values())]
    base = [percent(summary["as_it_is"][kind][name][day]["probability"]) for day in days]
    rows = [_cells("<b>as it is</b>", base)]
    for variant in summary["variants"]:
        says = "" if variant["says"] == variant["name"] else f": {_text(variant['says'])}"
        numbers = [variant[kind][name][day] for day in days]
        moved = [f"{_points(n['difference'])} ± {100 * n['error']:.1f}" for n in numbers]
        rows.append(_cells(f"<b>{_text(words(variant['name']))}</b>{says}", moved))
    made = (
        f"{summary['replications']:,} simulated histories with the same luck, seed {summary['seed']}; differences in "
        "points with their 95 % sampling error."
    )
    event = f"Chance of {words(name)}: {summary['sentences'][kind].get(name, '')}"
    return _page(f"{summary['title']}: what if?", event, [_table("", head, rows)], made)


# ---------------------------------------------------------------------------------------------------------- helpers
def _page(title: str, question: str, tables: Sequence[str], made: str) -> str:
    under = f'<p style="font-size:85%">{_text(made)} {_text(UNDER_ASSUMPTIONS)}</p>'
    return f"<div><b>{_text(title)}</b><br>{_text(question)}{''.join(tables)}{under}</div>"


def _table(title: str, head: Iterable[str], rows: Iterable[str]) -> str:
    over = f'<caption style="{LEFT}"><b>{_text(title)}</b></caption>' if title else ""
    heads = "".join(f'<th style="text-align:right">{cell}</th>' for cell in head)
    return f"<table>{over}<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _event(name: str, sentences: Mapping[str, str]) -> str:
    sentence = sentences.get(name, "")
    return f"<b>{_text(words(name))}</b>{f': {_text(sentence)}' if sentence else ''}"


def _row(event: str, chances: Sequence[Mapping[str, float]], ranged: bool) -> str:
    said = [
        with_range(c["probability"], c["range_low"], c["range_high"]) if ranged else percent(c["probability"])
        for c in chances
    ]
    return _cells(event, said, _bar(chances[-1], ranged))


def _cells(event: str, cells: Iterable[str], last: str = "") -> str:
    numbers = "".join(f'<td style="text-align:right;white-space:nowrap">{_text(cell)}</td>' for cell in cells)
    return f'<tr><td style="{LEFT}">{event}</td>{numbers}{f"<td>{last}</td>" if last else ""}</tr>'


def _bar(chance: Mapping[str, float], ranged: bool) -> str:
    """A chance as a bar from 0 to 1, its range as a paler one behind it."""
    low, high = (chance["range_low"], chance["range_high"]) if ranged else (0.0, 0.0)
    across = f'<rect x="{WIDE * low:.1f}" y="1" width="{WIDE * (high - low):.1f}" height="{HIGH - 2}" fill="{SKY}"'
    return (
        f'<svg width="{WIDE}" height="{HIGH}" role="img" aria-label="{_text(percent(chance["probability"]))}">'
        f'{across} fill-opacity="0.45"/>'
        f'<rect y="4" width="{WIDE * chance["probability"]:.1f}" height="{HIGH - 8}" fill="{BLUE}"/></svg>'
    )


def _points(difference: float) -> str:
    text = f"{100 * difference:+.1f}"
    return "0.0" if float(text) == 0 else text


def _text(said: str, *, lines: bool = False) -> str:
    """Text for HTML: escaped, and without what controls a terminal or the direction of writing."""
    return escape("".join(sign if sign.isprintable() or (lines and sign == "\n") else " " for sign in str(said)))
