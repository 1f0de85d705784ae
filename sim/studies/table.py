"""The forecast as people read it on a terminal: rounded, with events, deadlines and ranges; plain text in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO

from sim.statistics.shown import date_words, percent, with_range, words
from sim.studies.summary import sampling_error

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

#: Width where there is no terminal to ask.
PIPE_WIDTH: Final = 130
WIDEST: Final = 140
#: Width of a cell ("under 1 % (under 1–20)"), and the number of days that fit beside one another with ease.
CELL: Final = 22
COLUMNS: Final = 3


def console(stream: TextIO | None = None) -> Console:
    """A console on a stream (standard output by default): styled on a terminal, plain text elsewhere."""
    from rich.console import Console

    class Plain(Console):
        """A console that leaves a closed pipe to whoever started it; rich would exit with 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    stream = stream if stream is not None else sys.stdout
    terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    found = Plain(file=stream, highlight=False, markup=False, emoji=False, no_color=None if terminal else True)
    found.width = min(found.width, WIDEST) if terminal else PIPE_WIDTH
    return found


def show(summary: Mapping[str, Any], out: Console) -> None:
    """Print a forecast."""
    days = summary["days"]
    last = str(summary["until_days"])
    brackets = " In brackets: 10–90 % range over the inputs." if summary["inputs"] else ""
    out.print(summary["title"], style="bold")
    out.print(summary["question"])
    latest = summary.get("latest_report")
    report = f"; the latest report is of {date_words(latest)}" if latest else ""
    out.print(f"Forecast as of the end of {date_words(summary['as_of'])}{report}.{brackets}")
    out.print()
    sentences = summary["sentences"]
    table = _table("Where it stands (the first that applies)", days, out.width)
    for name in summary["outcomes"]:
        by = {day: summary["outcomes_by"][day][name] for day in days}
        table.add_row(_event(name, sentences["outcomes"]), *_cells(summary, by, days))
    out.print(table)
    table = _table("What has happened by then", days, out.width)
    for name, found in summary["milestones"].items():
        table.add_row(_event(name, sentences["milestones"]), *_cells(summary, found["by"], days))
        for rate in summary["base_rates"]:
            if rate["milestone"] == name:
                cells = [percent(rate["by"][day]) if day in rate["by"] else "–" for day in days]
                table.add_row(f"  past cases: {rate['label']} (n = {rate['n']})", *cells, style="dim")
    out.print(table)
    if summary["flags"]:
        table = _table("Beside the outcome", {last: days[last]}, out.width)
        for name, five in summary["flags"].items():
            table.add_row(_event(name, sentences["flags"]), *_cells(summary, {last: five}, [last]))
        out.print(table)
    for line in footer(summary):
        out.print(line, style="dim")


def footer(summary: Mapping[str, Any]) -> list[str]:
    """What has to be said with every number."""
    n, inputs, histories = summary["replications"], summary["inputs"], summary["histories"]
    error = 100 * sampling_error(summary)
    away = summary["ran_away"]
    gone = "none ran away" if not away else f"{away:,} ran away ({', '.join(summary['ran_away_at'])})"
    capped = f"; {summary['saturations']:,} effects met a bound" if summary["saturations"] else ""
    ranges = f"Ranges: {inputs:,} draws of the inputs with {histories:,} histories each."
    return [
        f"{n:,} simulated histories, seed {summary['seed']}; sampling error at most {error:.1f} points; "
        f"{gone}{capped}.",
        ranges if inputs else "No input is uncertain, so there is no range.",
        "These are chances under assumptions, most of them judgements; they are no record of past forecasts. Quote one "
        "only with its event, its deadline, its range, its date and the words “under assumptions”.",
    ]


def _table(title: str, days: Mapping[str, str], width: int) -> Table:
    """An empty table whose columns have the same width whatever is in it."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1)
    )
    wide = width >= COLUMNS * (CELL + 2) + 26  # else the columns take what they can get
    table.add_column("", width=width - COLUMNS * (CELL + 2) - 2 if wide else None)
    for day, date in days.items():
        table.add_column(f"{day} days\n{date_words(date)}", justify="right", width=CELL if wide else None)
    return table


def _cells(summary: Mapping[str, Any], by: Mapping[str, Mapping[str, float]], days: Iterable[str]) -> list[str]:
    """Shares with their range, where there is one."""
    shown = [[by[day][key] for key in ("probability", "range_low", "range_high")] for day in days]
    return [with_range(*three) if summary["inputs"] else percent(three[0]) for three in shown]


def _event(name: str, sentences: Mapping[str, str]) -> Text:
    from rich.text import Text

    sentence = sentences.get(name, "")
    return Text.assemble((words(name), "bold"), f": {sentence}" if sentence else "")
