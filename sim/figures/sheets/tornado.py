"""What moves the answer: one bar for each input, between the chances at its 10 % and its 90 % point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figures.style import (
    BLUE,
    ERROR,
    ERROR_WORDS,
    INK,
    PERCENT,
    SKY,
    footed,
    headed,
    named_rows,
    noted,
    plain,
    row_height,
    styled,
    titled,
    told,
    wrapped,
)
from sim.statistics.shown import percent, plural, words

#: Rows drawn at most, those with the longest bars.
ROWS: Final = 14
WIDTH: Final = 12.0
#: Width of the column of sentences in inches, and least height of a row.
COLUMN: Final = 4.2
ROW: Final = 0.46
#: Colours of the two ends of an input: light is low.
LOW, HIGH = SKY, BLUE


def ordered(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows by the length of their bars, longest first; equal ones keep their order."""
    return sorted(rows, key=lambda row: -abs(row["at_high"] - row["at_low"]))


@styled
def draw(data: Mapping[str, Any]) -> Figure:
    """Figure of a tornado: what a headline chance becomes when one input alone goes to either end of its range.

    ``data`` has title, headline (a sentence with event and deadline), as_of, replications, seed, probability and
    rows, each with name, says, basis, low_value and high_value (texts), at_low and at_high (chances) and error (95 %
    half-width of the difference between the two).

    Raises ValueError where there is no row.
    """
    rows = _rows(data)
    sentences = [sentence_of(row) for row in rows]
    height = row_height(sentences, COLUMN, ROW)
    headline = wrapped(f"Chance of: {data['headline']}", WIDTH * 0.82)
    figure = Figure(figsize=(WIDTH, 1.9 + height * len(rows) + 0.16 * headline.count("\n")), layout="constrained")
    first, ax = figure.subplots(1, 2, sharey=True, width_ratios=[COLUMN, WIDTH - COLUMN])
    told(first, [(words(row["name"]), says) for row, says in zip(rows, sentences, strict=True)], COLUMN, height)
    _bars(ax, rows, data["probability"])
    headed(figure, f"{data['title']}: what moves the answer")
    first.set_title(headline, fontsize=10, fontweight="normal", pad=22)
    left = len(data["rows"]) - len(rows)
    footed(
        figure,
        data,
        "Each bar: the chance when this input alone is set to its 10 % point (light end) or to its 90 % point (dark "
        "end), all others as in the forecast; the values stand at the ends (of what is hidden: its kinds). Dashed "
        f"line: the forecast. Black line with caps, at the dark end: {ERROR_WORDS} of the bar's length."
        + (f" {plural(left, 'further input')} with shorter bars not drawn." if left else ""),
    )
    return figure


def on(ax: Axes, data: Mapping[str, Any]) -> None:
    """The bars alone, with the names of the inputs beside them.

    Raises ValueError where there is no row.
    """
    rows = _rows(data)
    _bars(ax, rows, data["probability"])
    named_rows(ax, [words(row["name"]) for row in rows])
    titled(ax, f"Chance of: {data['headline']}", above=20)
    ax.set_xlabel("")
    noted(
        ax,
        data,
        "Each bar: the chance with this input at its 10 % point (light end) and at its 90 % point (dark end); line "
        f"with caps: {ERROR_WORDS} of its length.",
    )


def _rows(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = ordered(data["rows"])[:ROWS]
    if not rows:
        raise ValueError(f"{data['title']}: nothing to draw; no input is uncertain")
    return rows


def sentence_of(row: Mapping[str, Any]) -> str:
    """The sentence of an input, unless it only repeats the name, with what it rests on."""
    says = "" if row["says"] == words(row["name"]) else str(row["says"])
    return " – ".join(part for part in (says, str(row["basis"])) if part)


def _bars(ax: Axes, rows: Sequence[Mapping[str, Any]], base: float) -> None:
    places = range(len(rows))
    for key, colour in (("at_low", LOW), ("at_high", HIGH)):
        ends = [row[key] for row in rows]
        # Where both ends lie on one side of the forecast, the shorter bar stands before the longer one.
        order = [2 + (abs(row[key] - base) < max(abs(row[k] - base) for k in ("at_low", "at_high"))) for row in rows]
        for place, end, front in zip(places, ends, order, strict=True):
            ax.barh(place, end - base, left=base, height=0.5, color=colour, zorder=front)
    high = [row["at_high"] for row in rows]
    ax.errorbar(high, places, xerr=[row["error"] for row in rows], zorder=4, **ERROR)
    ax.axvline(base, color=INK, linewidth=1.0, linestyle=(0, (4, 3)), zorder=5)
    at: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center"}
    ax.annotate(f"forecast: {percent(base)}", (base, 1), (0, 5), fontsize=9, **at)
    for place, row in zip(places, rows, strict=True):
        _ends(ax, place, row)
    least = min(base, *(min(row["at_low"], row["at_high"] - row["error"]) for row in rows))
    most = max(base, *(max(row["at_low"], row["at_high"] + row["error"]) for row in rows))
    room = 0.18 * max(most - least, 0.02)  # for the values at the ends
    ax.set_xlim(max(least - room, -0.12 * (most + room)), most + room)
    ax.xaxis.set_major_formatter(PERCENT)
    ax.set_xticks([tick for tick in ax.get_xticks() if ax.get_xlim()[0] <= tick <= ax.get_xlim()[1] and 0 <= tick <= 1])
    ax.set_xlabel("chance")
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0, labelleft=False)
    ax.spines["left"].set_visible(False)


def _ends(ax: Axes, place: int, row: Mapping[str, Any]) -> None:
    """The values of an input, at the ends of its bar."""
    first = min(row["at_low"], row["at_high"] - row["error"])
    last = max(row["at_low"], row["at_high"] + row["error"])
    low_left = row["at_low"] <= row["at_high"]
    for end, value in (("at_low", "low_value"), ("at_high", "high_value")):
        left = (end == "at_low") == low_left
        ax.annotate(
            plain(str(row[value])),
            (first if left else last, place),
            (-4 if left else 4, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=8,
        )
