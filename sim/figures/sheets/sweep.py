"""A sweep: the outcomes against what was swept. One number: lines; one choice: bars; two keys: heat maps."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator
from numpy.typing import NDArray

from sim.figures.style import (
    BLUE,
    ERROR,
    ERROR_WORDS,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PERCENT,
    PURPLE,
    RANGE,
    SMALL,
    VERMILION,
    headed,
    range_words,
    sampling_error,
    styled,
    wrapped,
)
from sim.statistics.shown import between, date_words, percent, points, with_range, words

#: A job: the values of the keys that were swept, and the summary of its forecast.
Cell = tuple[tuple[Any, ...], Mapping[str, Any]]
Five = Mapping[str, float]

#: Below this chance, range included, in every job an outcome is not drawn.
SHOWN: Final = 0.01
#: Choices drawn as bars beside one another; more become a heat map.
BARS: Final = 5
COLOURS: Final = (BLUE, ORANGE, GREEN, PURPLE, VERMILION)
HATCHES: Final = ("", "///", "...", "xxx", "\\\\\\")
#: Panels of a heat map, and its rows and columns up to which every cell is labelled.
PANELS: Final = 6
LABELLED: Final = 12
#: Largest value over smallest from which an axis of numbers is logarithmic.
WIDE: Final = 20
#: Keys whose numbers are names: between two seeds lies nothing.
NAMES: Final = ("run.seed",)


@styled
def draw(cells: Sequence[Cell], axes: Mapping[str, str], event: str | None, *, failed: int = 0) -> Figure:
    """Figure of a sweep over one or two keys.

    ``axes`` are the keys with what an axis calls them; ``event`` is the milestone that leads the heat maps;
    ``failed`` counts the jobs that are not among the ``cells``.

    Raises ValueError for fewer than two jobs, or for another number of keys.
    """
    keys, labels = list(axes), list(axes.values())
    if len(cells) < 2 or len(labels) not in (1, 2):
        raise ValueError(f"{len(cells)} jobs over {len(labels)} keys: a figure shows two or more over one or two keys")
    if len(labels) == 2:
        return _maps(cells, labels, event, failed)
    values = [value for (value,), _ in cells]
    if keys[0] not in NAMES and all(_number(value) for value in values):
        return _lines(cells, labels[0], failed)
    if len(cells) <= BARS:
        return _bars(cells, labels[0], failed)
    return _columns(cells, labels[0], failed)


# ------------------------------------------------------------------------------------------------------ one number
def _lines(cells: Sequence[Cell], label: str, failed: int) -> Figure:
    """One panel per outcome, chance against the number."""
    cells = sorted(cells, key=lambda cell: float(cell[0][0]))
    names = _outcomes(cells)
    columns = 2 if len(names) in (2, 4) else min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(max(4.0 * columns, 7.0), 1.5 + 2.5 * rows), layout="constrained")
    axes: list[Axes] = []
    for place, name in enumerate(names):
        first = axes[0] if axes else None
        ax = figure.add_subplot(rows, columns, place + 1, sharex=first, sharey=first)
        axes.append(ax)
        _line_panel(ax, cells, name)
        bottom = place + columns >= len(names)
        ax.tick_params(labelleft=place % columns == 0, labelbottom=bottom)
        if bottom:
            ax.set_xlabel(textwrap.fill(label, 46))
    axes[0].set_ylim(0, None)
    axes[0].yaxis.set_major_formatter(PERCENT)
    _axis_of_numbers(axes[0], [float(value) for (value,), _ in cells])
    _titles(
        figure,
        cells,
        f"Line: chance, drawn straight between the jobs. Black line with caps: {ERROR_WORDS}. Band: ",
        failed,
    )
    return figure


def _line_panel(ax: Axes, cells: Sequence[Cell], name: str) -> None:
    at = [float(value) for (value,), _ in cells]
    five = [_five(summary, name) for _, summary in cells]
    if any(summary["inputs"] for _, summary in cells):
        low, high = [f["range_low"] for f in five], [f["range_high"] for f in five]
        ax.fill_between(at, low, high, **RANGE)
    ax.plot(at, [f["probability"] for f in five], color=BLUE, linewidth=1.8, marker="o", markersize=4)
    ax.errorbar(at, [f["probability"] for f in five], yerr=sampling_error(five), zorder=4, **ERROR)
    _panel_title(ax, cells, name)


def _axis_of_numbers(ax: Axes, at: Sequence[float]) -> None:
    """Ticks at the values that were run, as far as there is room; a logarithmic axis where they span much."""
    log = at[0] > 0 and at[-1] / at[0] >= WIDE
    if log:
        ax.set_xscale("log")
    place = np.log(at) if log else np.asarray(at)
    room = 0.11 * float(place[-1] - place[0])
    kept = [0]
    for i in range(1, len(at)):
        if place[i] - place[kept[-1]] >= room:
            kept.append(i)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xticks([at[i] for i in kept], [f"{at[i]:,.6g}" for i in kept])


# ------------------------------------------------------------------------------------------------------ one choice
def _bars(cells: Sequence[Cell], label: str, failed: int) -> Figure:
    """For each outcome one bar per choice."""
    names, many = _outcomes(cells), len(cells)
    height = 0.24 * many + 0.22
    figure = Figure(figsize=(11.0, 2.1 + height * len(names)), layout="constrained")
    left, ax = figure.subplots(1, 2, sharey=True, width_ratios=(1.0, 2.0))
    left.set_axis_off()
    left.set_xlim(0, 1)
    step = 0.8 / many
    lines = 1 + min(many - 1, 2)
    for row, name in enumerate(names):
        sentence = textwrap.shorten(_sentence(cells, name), 52 * lines, placeholder=" …")
        left.text(0, row - 0.42, words(name), va="top", fontsize=10, fontweight="bold")
        left.annotate(
            textwrap.fill(sentence, 58),
            (0, row - 0.42),
            (0, -15),
            textcoords="offset points",
            va="top",
            fontsize=7.5,
            color=GREY,
        )
    longest = 0.0
    for number, ((value,), summary) in enumerate(cells):
        colour = COLOURS[number]
        places = [row - 0.4 + step * (number + 0.5) for row in range(len(names))]
        five = [_five(summary, name) for name in names]
        shape: dict[str, Any] = {"height": 0.44 * step, "edgecolor": colour, "linewidth": 0.6}
        ax.barh(
            places,
            [f["probability"] for f in five],
            color=_pale(colour),
            hatch=HATCHES[number],
            label=_value(value),
            **shape,
        )
        if summary["inputs"]:
            low, across = [f["range_low"] for f in five], [f["range_high"] - f["range_low"] for f in five]
            ax.barh(places, across, left=low, height=0.8 * step, zorder=0.8, **RANGE)  # behind the bar
        ax.errorbar([f["probability"] for f in five], places, xerr=sampling_error(five), **ERROR)
        for place, f in zip(places, five, strict=True):
            end = max(f["probability"], f["range_high"] if summary["inputs"] else 0.0, f["high"])
            longest = max(longest, end)
            ax.annotate(_chance(f, summary), (end, place), (5, 0), textcoords="offset points", va="center", fontsize=8)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(0, 1.2 * max(longest, 0.05))  # the labels stand beside the bars
    ax.xaxis.set_major_formatter(PERCENT)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0, labelleft=False)
    ax.legend(
        title=textwrap.fill(label, 60), loc="lower left", bbox_to_anchor=(0, 1), ncols=many, frameon=False, fontsize=9
    )
    _titles(figure, cells, f"Bar: chance. Black line with caps: {ERROR_WORDS}. Band: ", failed)
    return figure


def _columns(cells: Sequence[Cell], label: str, failed: int) -> Figure:
    """Many choices: a heat map of outcomes by choice."""
    names = _outcomes(cells)
    table = [[_five(summary, name) for _, summary in cells] for name in names]
    figure = Figure(figsize=(max(2.4 + 1.0 * len(cells), 8.0), 1.9 + 0.5 * len(names)), layout="constrained")
    ax = figure.subplots()
    rows, columns = [words(name) for name in names], [_value(value) for (value,), _ in cells]
    top = max(five["probability"] for row in table for five in row)
    image = _map(ax, table, rows, columns, top, ranged=_ranged(cells))
    ax.set_xlabel(textwrap.fill(label, 80))
    figure.colorbar(image, ax=ax, format=PERCENT, shrink=0.8, pad=0.01)
    _titles(figure, cells, "Cell: chance in %; in brackets: ", failed)
    return figure


# -------------------------------------------------------------------------------------------------------- two keys
def _maps(cells: Sequence[Cell], labels: Sequence[str], event: str | None, failed: int) -> Figure:
    """Heat maps: the headline milestone, then the outcomes that move most."""
    xs, ys = (_sorted([values[i] for values, _ in cells]) for i in (0, 1))
    found = {(repr(values[0]), repr(values[1])): summary for values, summary in cells}
    ys = ys[::-1] if all(map(_number, ys)) else ys  # numbers go up
    outcomes = cells[0][1]["outcomes"]
    panels: list[tuple[str, bool]] = [(event, True)] if event is not None and event not in outcomes else []
    panels += [(name, False) for name in _moving(cells)[: PANELS - len(panels)]]
    wide = 1.0 * len(xs) + 1.3
    columns = max(1, min(3, len(panels), int(13 / wide)))
    rows = -(-len(panels) // columns)
    tall = 0.5 * len(ys) + 1.1
    figure = Figure(figsize=(max(wide * columns + 0.8, 8.5), tall * rows + 1.2), layout="constrained")
    tables = [
        [[_read(found.get((repr(x), repr(y))), name, milestone) for x in xs] for y in ys] for name, milestone in panels
    ]
    top = max(five["probability"] for table in tables for row in table for five in row if five is not None)
    axes: list[Axes] = []
    for place, ((name, milestone), table) in enumerate(zip(panels, tables, strict=True)):
        ax = figure.add_subplot(rows, columns, place + 1)
        axes.append(ax)
        image = _map(ax, table, [_value(y) for y in ys], [_value(x) for x in xs], top, ranged=_ranged(cells))
        _panel_title(ax, cells, name, milestone=milestone, width=int(wide * 12))
        bottom = place + columns >= len(panels)
        if bottom:
            ax.set_xlabel(textwrap.fill(labels[0], int(wide * 11)))
        if place % columns == 0:
            ax.set_ylabel(textwrap.fill(labels[1], int(tall * 11)))
    figure.colorbar(image, ax=axes, format=PERCENT, shrink=0.6, pad=0.01)
    _titles(figure, cells, "Cell: chance in %; in brackets: ", failed)
    return figure


def _map(
    ax: Axes,
    table: Sequence[Sequence[Five | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    top: float,
    *,
    ranged: bool,
) -> Any:
    """A heat map with its numbers; an empty cell where no job was done."""
    shares: NDArray[Any] = np.array([[np.nan if f is None else f["probability"] for f in row] for row in table])
    image = ax.imshow(shares, cmap=matplotlib.colormaps["Blues"], vmin=0.0, vmax=max(top, SHOWN), aspect="auto")
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if len(rows) <= LABELLED and len(columns) <= LABELLED:
        for y, row in enumerate(table):
            for x, five in enumerate(row):
                if five is not None:
                    colour = "white" if five["probability"] > 0.6 * top else INK
                    ax.text(
                        x, y, _brief(five, ranged), ha="center", va="center", fontsize=8, color=colour, linespacing=1.1
                    )
    return image


def _read(summary: Mapping[str, Any] | None, name: str, milestone: bool) -> Five | None:
    if summary is None:
        return None
    if milestone:
        found = summary["milestones"].get(name)
        return None if found is None else found["by"][str(summary["until_days"])]
    return _five(summary, name)


def _moving(cells: Sequence[Cell]) -> list[str]:
    """Outcomes worth a panel, those that move most first; in the order of the scenario."""
    names = _outcomes(cells)
    chances = {name: [_five(summary, name)["probability"] for _, summary in cells] for name in names}
    most = sorted(names, key=lambda name: min(chances[name]) - max(chances[name]))[: PANELS - 1]
    return [name for name in names if name in most]


# ----------------------------------------------------------------------------------------------------- in all forms
def _outcomes(cells: Sequence[Cell]) -> list[str]:
    """Outcomes that are not rare in every job; the likeliest where all are."""
    names = list(dict.fromkeys(name for _, summary in cells for name in summary["outcomes"]))
    peak = {
        name: max(max(f["probability"], f["range_high"]) for f in (_five(s, name) for _, s in cells)) for name in names
    }
    return [name for name in names if peak[name] >= SHOWN] or [max(names, key=peak.__getitem__)]


def _five(summary: Mapping[str, Any], name: str) -> Five:
    nothing = dict.fromkeys(("probability", "low", "high", "range_low", "range_high"), 0.0)
    five: Five = summary["outcomes"].get(name, nothing)
    return five


def _sentence(cells: Sequence[Cell], name: str, kind: str = "outcomes") -> str:
    return next((s["sentences"][kind][name] for _, s in cells if name in s["sentences"][kind]), "")


def _panel_title(ax: Axes, cells: Sequence[Cell], name: str, *, milestone: bool = False, width: int = 50) -> None:
    ax.set_title(f"{words(name)}{' has happened' if milestone else ''}", pad=16)
    sentence = _sentence(cells, name, "milestones" if milestone else "outcomes")
    shown = textwrap.shorten(sentence, width, placeholder=" …")
    ax.annotate(shown, (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points", fontsize=8, color=GREY)


def _titles(figure: Figure, cells: Sequence[Cell], meaning: str, failed: int) -> None:
    """Title with the deadline; beneath, what the marks mean and what made the figure."""
    summaries = [summary for _, summary in cells]
    titles = list(dict.fromkeys(summary["title"] for summary in summaries))
    title = titles[0] if len(titles) == 1 else "Several scenarios"
    headed(figure, f"{title}: where it stands {_deadline(summaries)}")
    rare = [name for name in summaries[0]["outcomes"] if name not in _outcomes(cells)]
    lines = [f"{meaning}{range_words(*summaries)}."]
    if rare:
        lines.append(f"Not drawn, as under 1 % in every job: {', '.join(map(words, rare))}.")
    if failed:
        lines.append(f"{failed} of {failed + len(cells)} jobs failed and are missing.")
    counts = sorted({summary["replications"] for summary in summaries})
    many = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    seeds = sorted({summary["seed"] for summary in summaries})
    seed = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    dates = list(dict.fromkeys(date_words(summary["as_of"]) for summary in summaries))
    date = " and ".join(dates) if len(dates) <= 2 else f"{len(dates)} dates"
    lines.append(
        f"{many} simulated histories a job, {seed}, as of {date}. Chances under assumptions, most of them judgements."
    )
    text = "\n".join(wrapped(line, figure.get_figwidth()) for line in lines)
    figure.supxlabel(text, x=0.005, ha="left", fontsize=SMALL)


def _deadline(summaries: Sequence[Mapping[str, Any]]) -> str:
    ends = {summary["until"] for summary in summaries}
    lengths = {summary["until_days"] for summary in summaries}
    if len(ends) == 1:
        return f"on {date_words(ends.pop())}"
    return f"{lengths.pop()} days after each date" if len(lengths) == 1 else "at the end of each forecast"


def _ranged(cells: Sequence[Cell]) -> bool:
    return any(summary["inputs"] for _, summary in cells)


def _chance(five: Five, summary: Mapping[str, Any]) -> str:
    if summary["inputs"]:
        return with_range(five["probability"], five["range_low"], five["range_high"])
    return percent(five["probability"])


def _brief(five: Five, ranged: bool) -> str:
    """A share and beneath it its range, without per cent signs; without the range where all three round alike."""
    text, range_ = points(five["probability"]), between(five["range_low"], five["range_high"])
    if ranged and range_ != text:
        text += f"\n({range_})"
    for long, brief in (("under ", "<"), ("over ", ">"), ("up to ", "≤"), (" or more", "+")):
        text = text.replace(long, brief)
    return text


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sorted(values: Sequence[Any]) -> list[Any]:
    """The different values: numbers ascending, anything else in the order of the jobs."""
    found = list({repr(value): value for value in values}.values())
    return sorted(found) if all(map(_number, found)) else found


def _value(value: Any) -> str:
    """A swept value as a label."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if _number(value):
        return f"{value:,.6g}"
    try:
        return date_words(str(value))
    except ValueError:
        return textwrap.shorten(words(str(value)), 24, placeholder="…")


def _pale(colour: str) -> tuple[float, float, float]:
    red, green, blue = to_rgb(colour)
    return (0.45 + 0.55 * red, 0.45 + 0.55 * green, 0.45 + 0.55 * blue)
