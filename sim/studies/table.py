"""The forecast as people read it on a terminal: rounded, with events, deadlines and ranges; plain text in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO

from sim.statistics.intervals import zero_event_bound
from sim.statistics.shown import ICD_203, between, date_words, likelihood, percent, plural, with_range, words
from sim.studies import past, precision
from sim.studies.summary import sampling_error

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

#: Width where there is no terminal to ask.
PIPE_WIDTH: Final = 130
WIDEST: Final = 140
#: Width of a cell ("under 1 % (up to 20)"), and the number of days that fit beside one another with ease.
CELL: Final = 20
COLUMNS: Final = 3
#: Signs in a bar, the room it takes with what parts it from its neighbour, and the least width of a table that has one.
BAR: Final = 12
BARRED: Final = BAR + 3
ROOM: Final = 76
#: Least width of the column of events where each cell stands on one line.
EVENT: Final = 26
SCALE: Final = f"last day\n0{'100 %':>{BAR - 1}}"
#: Ends of a bar in eighths of a sign, what is full, and what the range reaches beyond; plain ones where need be.
EIGHTHS: Final = " ▏▎▍▌▋▊▉"
FULL, BEYOND = "█", "░"
#: Things that never happened are named up to so many.
NAMED: Final = 8
#: What stands in a cell where there is no number.
NOTHING: Final = "–"
HALF_A_DAY: Final = 0.5
OUTERMOST: Final = (ICD_203[0][0], ICD_203[-1][0])


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


def ruled(title: str | None = None) -> Table:
    """An empty table with a rule under its head, its title at the left."""
    from rich import box
    from rich.table import Table

    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1)
    )


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
    sentences, cannot = summary["sentences"], _impossible(summary)
    drawn = _signs(out)
    table = _table("Where it stands (the first that applies)", days, out.width)
    for name in summary["outcomes"]:
        by = {day: summary["outcomes_by"][day][name] for day in days}
        cells = _cells(summary, by, days, out.width) if name not in cannot["outcomes"] else [NOTHING] * len(days)
        _add(table, _event(name, sentences["outcomes"]), cells, by[last], drawn)
    out.print(table)
    if summary["milestones"]:
        table = _table("What has happened by then", days, out.width)
        for name, found in summary["milestones"].items():
            can = name not in cannot["milestones"]
            cells = _cells(summary, found["by"], days, out.width) if can else [NOTHING] * len(days)
            _add(table, _event(name, sentences["milestones"], _seen(summary, name)), cells, found["by"][last], drawn)
            for label, cells in _rivals(summary, name, out.width):
                table.add_row(f"  {label}", *cells, style="dim")
        out.print(table)
    if summary["flags"]:
        table = _table("Beside the outcome", {last: days[last]}, out.width)
        for name, five in summary["flags"].items():
            cells = _cells(summary, {last: five}, [last], out.width) if name not in cannot["flags"] else [NOTHING]
            _add(table, _event(name, sentences["flags"]), cells, five, drawn)
        out.print(table)
    if out.width >= ROOM:
        beyond = f"; {drawn[1]} reaches on to the upper end of its range" if summary["inputs"] else ""
        out.print(f"Bar: the chance on the last day{beyond}.", style="dim")
    for line in footer(summary):
        out.print(line, style="dim")


def footer(summary: Mapping[str, Any]) -> list[str]:
    """What has to be said with every number."""
    n, inputs, histories = summary["replications"], summary["inputs"], summary["histories"]
    error = 100 * sampling_error(summary)
    away = summary["ran_away"]
    gone = "none ran away" if not away else f"{away:,} ran away ({', '.join(summary['ran_away_at'])})"
    capped = f"; {plural(summary['saturations'], 'effect')} met a bound" if summary["saturations"] else ""
    draws = f"{plural(inputs, 'draw')} of the inputs with {plural(histories, 'simulated history')} each"
    lines = [
        f"{plural(n, 'simulated history')}, seed {summary['seed']}; sampling error at most {error:.1f} points; "
        f"{gone}{capped}.",
        *precision.line(summary),
        f"Ranges: {draws}." if inputs else "No input is uncertain, so there is no range.",
        f"Shown to the nearest 5 points, below 10 to the nearest 1; summary.json has all digits.{_worded(summary)}",
    ]
    if summary.get("rival"):
        lines.append(
            "Past cases: share of n cases, in brackets 10–90 % for so few (Jeffreys). One-page rival: those classes "
            "pooled and adjusted in log-odds, without the model (study=baseline prints the page)."
        )
    if any(seen["delay"] >= HALF_A_DAY for seen in summary.get("seen", {}).values()):
        lines.append("“Public … later”: counted on the day it happens, which outsiders learn of later.")
    lines += [*past.lines(summary), *_cannot_happen(summary), *_never_happened(summary)]
    return [
        *lines,
        "These are chances under assumptions, most of them judgements; they are no record of past forecasts. Quote one "
        "only with its event, its deadline, its range, its date and the words “under assumptions”.",
    ]


def _worded(summary: Mapping[str, Any]) -> str:
    """What the words in the table are, if it has any."""
    tables = [*summary["outcomes_by"].values(), summary["flags"]]
    tables += [found["by"] for found in summary["milestones"].values()]
    any_word = summary["inputs"] and any(_word(five) for table in tables for five in table.values())
    return " Words (ICD 203) stand where the whole range lies within one band." if any_word else ""


def _word(five: Mapping[str, float]) -> str | None:
    """A chance in words where they say something: not for the outermost bands, where the number says more."""
    word = likelihood(five["range_low"], five["range_high"])
    return word if word not in OUTERMOST else None


def _cannot_happen(summary: Mapping[str, Any]) -> list[str]:
    """Why some cells have no number."""
    found: dict[str, str | None] = {}
    for kind, names in _impossible(summary).items():
        found |= names if kind != "actions" else {}
    dated = [f"{words(name)} (not modelled before {date_words(date)})" for name, date in found.items() if date]
    named = dated + [words(name) for name, date in found.items() if not date]
    return [f"{NOTHING} cannot happen in this model: {', '.join(named)}."] if named else []


def _never_happened(summary: Mapping[str, Any]) -> list[str]:
    """Actions that never fired and outcomes never seen, apart from what cannot happen anyway."""
    never, cannot = summary.get("never", {}), _impossible(summary)
    names = [words(name) for name in never.get("outcomes", ()) if name not in cannot["outcomes"]]
    idle = [name for name in never.get("actions", ()) if name not in cannot["actions"]]
    names += [words(name.replace(".", ": ")) for name in idle]
    if not names:
        return []
    more = f"; and {len(names) - NAMED} more, see summary.json" if len(names) > NAMED else ""
    n = summary["replications"]
    # The bound for one number of histories does not hold where one stopped by what was seen.
    bound = summary.get("precision", {}).get("never", zero_event_bound(n))
    return [
        f"Never happened in {plural(n, 'simulated history')} (by sampling alone, 95 %: a chance of at most "
        f"{100 * bound:.2g} % each): {'; '.join(names[:NAMED])}{more}."
    ]


def _impossible(summary: Mapping[str, Any]) -> Mapping[str, Mapping[str, str | None]]:
    """What cannot happen, by kind; runs of earlier versions do not say."""
    found: Mapping[str, Mapping[str, str | None]] = summary.get("impossible", {})
    return {kind: found.get(kind, {}) for kind in ("outcomes", "milestones", "flags", "actions")}


def _seen(summary: Mapping[str, Any], milestone: str) -> str:
    """Who learns of a milestone, and how much later than it happens."""
    seen = summary.get("seen", {}).get(milestone)
    if seen is None:
        return ""
    if seen["by"] != "public":
        return f" (known only to: {seen['by']})"
    return f" (public {plural(round(seen['delay']), 'day')} later)" if seen["delay"] >= HALF_A_DAY else ""


def _rivals(summary: Mapping[str, Any], milestone: str, width: int) -> Iterator[tuple[str, list[str]]]:
    """Rows under a milestone: how past cases went, and what the one-page rival says."""
    days = summary["days"]
    for rate in summary["base_rates"]:
        if rate["milestone"] == milestone:
            cells = _broken((_past(rate, day) if day in rate["by"] else NOTHING for day in days), width)
            pooled = "" if rate.get("weight", 1) else ", not pooled"
            yield f"past cases (n = {rate['n']}{pooled}): {rate['label']}", cells
    page = summary.get("rival", {}).get(milestone)
    if page is not None:
        count = sum(adjustment["chance"] > 0 for adjustment in page["adjustments"])
        moved = plural(count, "adjustment") if count else "past cases alone"
        told = [page["by"][day] for day in days]
        yield (
            f"one-page rival ({moved})",
            _broken((_ranged(numbers) if numbers else NOTHING for numbers in told), width),
        )


def _past(rate: Mapping[str, Any], day: str) -> str:
    """Share of past cases with its interval."""
    share, interval = rate["by"][day], rate.get("range", {}).get(day)
    said = percent(share) if share else f"0 of {rate['n']}"
    return f"{said} ({between(*interval)})" if interval else said


def _table(title: str, days: Mapping[str, str], width: int) -> Table:
    """An empty table whose columns have the same width whatever is in it."""
    table = ruled(title)
    wide = _wide(width)  # else the columns take what they can get
    table.add_column("", width=width - COLUMNS * (CELL + 3) - BARRED - 2 if wide else None)
    for day, date in days.items():
        table.add_column(f"{day} days\n{date_words(date)}", justify="right", width=CELL if wide else None)
    if width >= ROOM:
        table.add_column(SCALE, width=BAR, no_wrap=True)
    return table


def _wide(width: int) -> bool:
    """Whether a chance and its range fit on one line."""
    return width >= COLUMNS * (CELL + 3) + BARRED + EVENT


def _add(table: Table, event: Text, cells: list[str], last: Mapping[str, float], signs: tuple[str, str, str]) -> None:
    """A row, with a bar of the last day where the table has a column for it and the row a number."""
    drawn = cells[-1] != NOTHING and len(table.columns) > len(cells) + 1
    table.add_row(event, *cells, *([bar(last, signs)] if drawn else []))


def bar(chance: Mapping[str, float], signs: tuple[str, str, str] = (FULL, BEYOND, EIGHTHS)) -> str:
    """A chance as a bar of ``BAR`` signs for 0 to 1; the pale ones reach to the upper end of its range."""
    full, beyond, ends = signs
    steps = round(chance["probability"] * BAR * len(ends))
    whole, rest = divmod(steps, len(ends))
    drawn = full * whole + (ends[rest] if rest else "")
    return drawn + beyond * (round(chance["range_high"] * BAR) - len(drawn))


def _signs(out: Console) -> tuple[str, str, str]:
    """What a bar is made of: plain signs where the stream can say no others."""
    try:
        f"{FULL}{BEYOND}{EIGHTHS}".encode(out.encoding)
    except (UnicodeEncodeError, LookupError):
        return "#", "-", " "
    return FULL, BEYOND, EIGHTHS


def _cells(
    summary: Mapping[str, Any], by: Mapping[str, Mapping[str, float]], days: Iterable[str], width: int
) -> list[str]:
    """Shares with their range, where there is one, and in words where the range allows them."""
    shown = [by[day] for day in days]
    if not summary["inputs"]:
        return [percent(five["probability"]) for five in shown]
    said = [f"\n{word}" if (word := _word(five)) else "" for five in shown]
    return [cell + word for cell, word in zip(_broken(map(_ranged, shown), width), said, strict=True)]


def _broken(cells: Iterable[str], width: int) -> list[str]:
    """Cells with the range on a line of its own, where they would be torn apart: so many, or so little room."""
    found = list(cells)
    return (
        found
        if len(found) == 1 or (len(found) <= COLUMNS and _wide(width))
        else [cell.replace(" (", "\n(") for cell in found]
    )


def _ranged(numbers: Mapping[str, float]) -> str:
    """A chance with its range."""
    return with_range(numbers["probability"], numbers["range_low"], numbers["range_high"])


def _event(name: str, sentences: Mapping[str, str], more: str = "") -> Text:
    from rich.text import Text

    sentence = sentences.get(name, "")
    return Text.assemble((words(name), "bold"), f": {sentence}" if sentence else "", more)
