"""What moved the answer between two dates: from the earlier chance to the later, one step for each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim.figures.style import (
    BLUE,
    ERROR,
    ERROR_WORDS,
    GREY,
    INK,
    PERCENT,
    VERMILION,
    footed,
    headed,
    named_rows,
    noted,
    row_height,
    styled,
    titled,
    told,
    wrapped,
)
from sim.statistics.shown import date_words, percent, words

WIDTH: Final = 12.0
#: Width of the column of sentences in inches, and least height of a row.
COLUMN: Final = 4.6
ROW: Final = 0.5
#: Items of a group that are written out; the rest are counted.
WRITTEN: Final = 3
#: Colours of a step up and a step down.
UP, DOWN = BLUE, VERMILION


@styled
def draw(data: Mapping[str, Any], move: Mapping[str, Any]) -> Figure:
    """Waterfall of one move: the parts of the change of the milestone (without one, of the outcome that moved most).

    ``data`` has title, milestone, headline, by, as_of, replications and seed; ``move`` has from, to, groups (name and
    items with path, was and now), changes (what -> was, now, difference, error), exact and parts (what, group, value,
    error, first_in and last_in).
    """
    what, parts = _parts(data, move)
    change = move["changes"][what]
    by_group = {group["name"]: group for group in move["groups"]}
    rows = [(words(part["group"]), _items(by_group[part["group"]])) for part in parts]
    first, last = (f"as of {date_words(move[end])}" for end in ("from", "to"))
    ends = "the forecast, statements weighed" if move.get("said") else "the forecast"
    rows = [(first, ends), *rows, (last, ends)]
    height = row_height([says for _, says in rows], COLUMN, ROW)
    headline = wrapped(f"Chance of: {_event(data, what)}", WIDTH * 0.82)
    figure = Figure(figsize=(WIDTH, 2.0 + height * len(rows) + 0.16 * headline.count("\n")), layout="constrained")
    left, ax = figure.subplots(1, 2, sharey=True, width_ratios=[COLUMN, WIDTH - COLUMN])
    told(left, rows, COLUMN, height)
    _steps(ax, change, parts)
    headed(figure, f"{data['title']}: what moved the answer")
    left.set_title(headline, fontsize=10, fontweight="normal", pad=12)
    footed(
        figure,
        data,
        f"Steps: what each part adds, the mean over {'all' if move['exact'] else 'random'} orders in which old may "
        "turn into new (Shapley value; blue up, orange down); together the whole change. Circle and diamond: what "
        f"it adds as the first and as the last to change. Black line with caps: {ERROR_WORDS} of the step. This "
        "describes the model's arithmetic, not causation.",
    )
    return figure


def on(ax: Axes, data: Mapping[str, Any], move: Mapping[str, Any]) -> None:
    """The waterfall of one move alone, with the names of its parts beside the steps."""
    what, parts = _parts(data, move)
    _steps(ax, move["changes"][what], parts)
    first, last = (f"as of {date_words(move[end])}" for end in ("from", "to"))
    named_rows(ax, [first, *(words(part["group"]) for part in parts), last])
    titled(ax, f"Chance of: {_event(data, what)}")
    ax.set_xlabel("")
    noted(
        ax,
        data,
        "Steps in points: what each part adds, the mean over the orders in which old may turn into new; circle and "
        f"diamond: as the first and as the last to change; line with caps: {ERROR_WORDS}.",
    )


def _parts(data: Mapping[str, Any], move: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    """What is asked about, and the parts of its change, largest first."""
    what = f"by.{data['milestone']}" if data["milestone"] else _widest(move["changes"])
    return what, sorted((part for part in move["parts"] if part["what"] == what), key=lambda part: -abs(part["value"]))


def _event(data: Mapping[str, Any], what: str) -> str:
    return data["headline"] or f"{words(what)} on {date_words(data['by'])}"


def _widest(changes: Mapping[str, Mapping[str, float]]) -> str:
    return max(changes, key=lambda what: abs(changes[what]["difference"]))


def _items(group: Mapping[str, Any]) -> str:
    if not group["items"]:
        return "the later start: dates passed, clocks aged, less time left"
    # A group of one item bears its name.
    told_of = [item["says"].removeprefix(f"{words(group['name'])}: ") for item in group["items"]]
    more = len(told_of) - WRITTEN
    return "; ".join(told_of[:WRITTEN]) + (f"; and {more} more" if more > 0 else "")


def _steps(ax: Axes, change: Mapping[str, float], parts: Sequence[Mapping[str, Any]]) -> None:
    end, was, now = len(parts) + 1, change["was"], change["now"]
    whole = f"{percent(now)}: {_points(change['difference'], change['error'])} in all"
    for place, share, text in ((0, was, percent(was)), (end, now, whole)):
        ax.barh(place, share, height=0.5, color=GREY, zorder=2)
        _label(ax, place, share, text)
    level, reached = was, [0.0, was, now]
    for place, part in enumerate(parts, 1):
        after = level + part["value"]
        ax.barh(place, part["value"], left=level, height=0.5, color=UP if part["value"] >= 0 else DOWN, zorder=2)
        ax.plot([level, level], [place - 1.25, place + 0.25], color=GREY, linewidth=0.8, zorder=1)
        ax.errorbar([after], [place], xerr=[part["error"]], zorder=4, **ERROR)
        for key, marker in (("first_in", "o"), ("last_in", "D")):
            ax.plot(level + part[key], place + 0.33, marker=marker, markersize=3.4, color=INK, linestyle="", zorder=5)
        ends = (level, after - part["error"], after + part["error"], level + part["first_in"], level + part["last_in"])
        _label(ax, place, max(ends), _points(part["value"], part["error"]))
        reached += ends
        level = after
    ax.plot([level, level], [end - 1.25, end + 0.25], color=GREY, linewidth=0.8, zorder=1)
    most = max(*reached, 0.04)
    ax.set_xlim(min(0.0, *reached), most * 1.25)
    ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(PERCENT)
    ax.set_xticks([tick for tick in ax.get_xticks() if 0 <= tick <= min(1.0, most * 1.25)])
    ax.set_xlabel("chance; steps in points")
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0, labelleft=False)
    ax.spines["left"].set_visible(False)


def _points(value: float, error: float) -> str:
    """A difference in points with its error; what rounds to nothing has no sign."""
    text = f"{100 * value:+.1f}"
    return f"{'0.0' if float(text) == 0 else text} ± {100 * error:.1f}"


def _label(ax: Axes, place: int, end: float, text: str) -> None:
    ax.annotate(text, (end, place), (6, 0), textcoords="offset points", ha="left", va="center", fontsize=8.5)
