"""A sweep as people read it on a terminal: a line as each job ends, and one table over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sim.statistics.shown import between, date_words, percent, points, with_range, words
from sim.studies.summary import sampling_error
from sim.studies.table import console, footer

if TYPE_CHECKING:
    from rich.console import Console

    from sim.studies.sweep.job import Ended

#: A job that was done: the values of the keys swept, and its summary.
Cell = tuple[tuple[Any, ...], Mapping[str, Any]]
#: Header -> cells.
Columns = Mapping[str, Sequence[str]]
#: Below this chance, range included, in every job an outcome gets no column.
SHOWN: Final = 0.01
#: Characters between two columns.
GAP: Final = 2


def headline(summary: Mapping[str, Any], chosen: str | None = None) -> str | None:
    """The milestone that stands for a forecast: the chosen one, else the first with a base rate, else the worst.

    Outcomes are listed with the worst first; a milestone of its name, or the last one. None where there are none.
    """
    known = summary["milestones"]
    based = [rate["milestone"] for rate in summary["base_rates"]]
    for name in (chosen, *based, *list(summary["outcomes"])[:1], *reversed(known)):
        if name in known:
            return str(name)
    return None


def line_of(number: int, jobs: int, values: Mapping[str, Any], ended: Ended) -> str:
    """One line for a job that has ended."""
    said = ", ".join(f"{short(key, values)}={value_words(value)}" for key, value in values.items())
    start = f"{number} of {jobs}  {said}  "
    if ended.error:
        return f"{start}failed"
    if ended.summary is None:
        return f"{start}done{f'  {ended.folder}' if ended.folder else ''}"
    event = headline(ended.summary)
    chance = ""
    if event is not None:
        five = ended.summary["milestones"][event]["by"][str(ended.summary["until_days"])]
        chance = f"{words(event)} by {date_words(ended.summary['until'])}: {_chance(five, ended.summary)}  "
    return f"{start}{chance}{ended.folder}{'  (shown, not computed again)' if ended.shown else ''}"


def show(cells: Sequence[Cell], axes: Sequence[str], event: str | None, out: Console | None = None) -> None:
    """Print the table over the jobs that were done: one row each, outcomes at the end beside the headline milestone."""
    out = out or console()
    summaries = [summary for _, summary in cells]
    names = list(dict.fromkeys(name for summary in summaries for name in summary["outcomes"]))
    rare = [name for name in names if all(_rare(summary["outcomes"].get(name)) for summary in summaries)]
    ranged = any(summary["inputs"] for summary in summaries)
    columns: dict[str, list[str]] = {}
    if event is not None and event not in names:  # an outcome of that name would say the same
        columns[f"{words(event)} by then"] = [_brief(_by_the_end(summary, event), summary) for summary in summaries]
    for name in names:
        if name not in rare:
            columns[words(name)] = [_brief(summary["outcomes"].get(name), summary) for summary in summaries]
    keys = {short(key, axes): [value_words(values[i]) for values, _ in cells] for i, key in enumerate(axes)}
    brackets = "; in brackets: 10–90 % range over the inputs" if ranged else ""
    out.print(f"Where it stands {deadline(summaries)}: chances in %{brackets}", style="bold")
    for block in _blocks(keys, columns, out.width):
        _print_columns(out, {**keys, **{header: columns[header] for header in block}})
    if rare:
        out.print(f"Under 1 % in every job, at both ends of the range: {', '.join(map(words, rare))}.", style="dim")
    for line in _footer(summaries):
        out.print(line, style="dim")


def _by_the_end(summary: Mapping[str, Any], milestone: str) -> Mapping[str, float] | None:
    found = summary["milestones"].get(milestone)
    return None if found is None else found["by"][str(summary["until_days"])]


def _blocks(keys: Columns, columns: Columns, width: int) -> list[list[str]]:
    """Columns that fit beside one another and the keys, whose words are not broken; at least one in each block."""
    taken = sum(_least(header, cells) + GAP for header, cells in keys.items())
    blocks: list[list[str]] = [[]]
    room = width - taken
    for header, cells in columns.items():
        need = _least(header, cells) + GAP
        if need > room and blocks[-1]:
            blocks.append([])
            room = width - taken
        blocks[-1].append(header)
        room -= need
    return blocks


def _least(header: str, cells: Sequence[str]) -> int:
    """Width of a column whose longest word just fits."""
    return max(len(word) for text in (header, *cells) for word in text.split() or [""])


def _print_columns(out: Console, columns: Columns) -> None:
    from rich import box
    from rich.table import Table

    # Widths by hand: left to itself, the table breaks words in one column and leaves room in another.
    least = {header: _least(header, cells) for header, cells in columns.items()}
    room = out.width - sum(least.values()) - GAP * len(least)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for header, cells in columns.items():
        more = min(max(map(len, cells)) - least[header], room)
        room -= max(more, 0)
        table.add_column(header, justify="right", width=least[header] + max(more, 0))
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    out.print(table)


def deadline(summaries: Sequence[Mapping[str, Any]]) -> str:
    """When the outcomes of several forecasts are read, in words."""
    ends = {summary["until"] for summary in summaries}
    lengths = {summary["until_days"] for summary in summaries}
    if len(ends) == 1:
        length = f" ({lengths.pop()} days)" if len(lengths) == 1 else ""
        return f"on {date_words(ends.pop())}{length}"
    if len(lengths) == 1:
        return f"{lengths.pop()} days after the date of each forecast"
    return "at the end of each forecast"


def short(key: str, keys: Sequence[str] | Mapping[str, Any]) -> str:
    """The last two parts of a key, or all of it where that is not enough to tell it from the other keys."""
    brief = ".".join(key.split(".")[-2:])
    return brief if sum(other.endswith(brief) for other in keys) == 1 else key


def value_words(value: Any) -> str:
    """A swept value, as short as it can be without loss."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else str(value)


def _footer(summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    if len({summary["as_of"] for summary in summaries}) > 1:
        ends = {summary["until"] for summary in summaries}
        same = "The forecasts, of different dates, are all read on the same calendar date."
        other = f"The forecasts end on different dates; until={max(ends)} would compare them on one."
        lines.append(same if len(ends) == 1 else other)
    counts = sorted({summary["replications"] for summary in summaries})
    seeds = sorted({summary["seed"] for summary in summaries})
    many = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    error = 100 * max(map(sampling_error, summaries))
    away = sum(summary["ran_away"] for summary in summaries)
    jobs = f"{len(summaries)} jobs" if len(summaries) > 1 else "One job"
    seed = f"seed {', '.join(map(str, seeds[:5]))}{' …' if len(seeds) > 5 else ''}"
    gone = f"{away:,} ran away" if away else "none ran away"
    lines.append(f"{jobs} of {many} simulated histories, {seed}; sampling error at most {error:.1f} points; {gone}.")
    return [*lines, *footer(summaries[0])[-1:]]


def _rare(five: Mapping[str, float] | None) -> bool:
    return five is None or max(five["probability"], five["range_high"]) < SHOWN


def _chance(five: Mapping[str, float], summary: Mapping[str, Any]) -> str:
    three = (five["probability"], five["range_low"], five["range_high"])
    return with_range(*three) if summary["inputs"] else percent(three[0])


def _brief(five: Mapping[str, float] | None, summary: Mapping[str, Any]) -> str:
    """A share and its range without per cent signs; without the range where all three round alike."""
    if five is None:
        return "–"
    text, range_ = points(five["probability"]), between(five["range_low"], five["range_high"])
    if summary["inputs"] and range_ != text:
        text += f" ({range_})"
    for long, brief in (("under ", "<"), ("over ", ">"), ("up to ", "≤"), (" or more", "+")):
        text = text.replace(long, brief)
    return text
