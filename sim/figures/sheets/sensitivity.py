"""What drives the answer: shares of a variance by input and by basis, and the difference that each mechanism makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figures.sheets.tornado import sentence_of
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
    SKY,
    footed,
    headed,
    histories,
    plain,
    row_height,
    styled,
    told,
    wrapped,
)
from sim.statistics.shown import date_words, percent, plural, words

#: Rows drawn at most, those with the longest bars; of indices at most so many.
ROWS: Final = 12
INDEX_ROWS: Final = 7
MECHANISMS: Final = 16
WIDTH: Final = 12.0
COLUMN: Final = 4.2
ROW: Final = 0.4
#: Colours of what an input rests on, and how it is called in the legend.
COLOURS: Final = {"judgement": ORANGE, "data": BLUE, "report": GREEN, "change": PURPLE}
#: A row of the list: name, sentence, value, error, colour.
Bar = tuple[str, str, float, float, str]


@styled
def log_odds(data: Mapping[str, Any]) -> Figure:
    """Figure of the shares of the variance of the headline's log-odds, by input and by basis.

    ``data`` is the summary of the study. Raises ValueError where no input is uncertain.
    """
    found = data["log_odds"]
    if not found:
        raise ValueError(f"{data['title']}: nothing to draw; no input is uncertain")
    rows = [
        _bar(row["name"], sentence_of(row), row["share"], row["error"], row["basis"]) for row in found["inputs"][:ROWS]
    ]
    for row in found["basis"]:
        name, says = f"all {row['basis']}", f"{plural(row['inputs'], 'input')}, their shares added up"
        rows.append(_bar(name, says, row["share"], row["error"], row["basis"]))
    rows.append(_bar("several at once", "what no input explains alone", found["rest"], found["rest_error"], ""))
    figure, ax = _listed(rows, f"Log-odds of: {data['headline']}", len(found["inputs"][:ROWS]))
    ax.set_xlabel("share of the variance of the log-odds over the inputs")
    ax.xaxis.set_major_formatter(PERCENT)
    headed(figure, f"{data['title']}: what the chance varies with")
    left = len(found["inputs"]) - ROWS
    footed(
        figure,
        {**data, "replications": found["sets"] * found["each"]},
        f"Each bar: the share of the variance that goes if this input alone becomes known. {_legend(found)} Black line "
        f"with caps: {ERROR_WORDS}. {found['sets']:,} draws of the inputs with {histories(found['each'])} each, "
        "without memory of the crisis; the noise of finite histories is taken out."
        + (f" {plural(left, 'further input')} with shorter bars not drawn." if left > 0 else ""),
    )
    return figure


@styled
def indices(data: Mapping[str, Any]) -> Figure:
    """Figure of first and total indices of every count and time, by input and by basis.

    ``data`` is the summary of the study. Raises ValueError where it has no indices.
    """
    found = data["indices"]
    quantities = found["quantities"]
    if not quantities:
        raise ValueError(f"{data['title']}: nothing to draw; no Sobol' index was asked for, or no input is uncertain")
    lines = [_index_rows(quantity) for quantity in quantities]
    height = 1.7 + sum(0.7 + 0.3 * len(rows) for rows in lines)
    figure = Figure(figsize=(WIDTH * 0.8, height), layout="constrained")
    axes = figure.subplots(len(lines), 1, squeeze=False, height_ratios=[2 + len(rows) for rows in lines])[:, 0]
    for ax, quantity, rows in zip(axes, quantities, lines, strict=True):
        _index(ax, rows)
        ax.set_title(plain(_about(quantity, data)))
    axes[-1].set_xlabel("share of the variance over the inputs")
    headed(figure, f"{data['title']}: what counts and times vary with")
    runs = found["points"] * found["histories"]
    footed(
        figure,
        {**data, "replications": runs},
        "Dark: what goes if this input alone becomes known (first index). Pale: what stays as long as it alone is "
        f"unknown (total index). {_legend(data['log_odds'])} Black lines with caps: {ERROR_WORDS}. In every column of "
        f"the design {found['points']:,} draws of the inputs with {found['histories']} histories each, without memory "
        "of the crisis; the noise of chance is taken out. The histories below are those of one column.",
    )
    return figure


@styled
def ablation(data: Mapping[str, Any]) -> Figure:
    """Figure of the difference that switching off each mechanism makes, the largest first.

    ``data`` is the summary of the study. Raises ValueError where nothing could be switched off.
    """
    found = data["ablation"]
    if not found["rows"]:
        raise ValueError(f"{data['title']}: nothing to draw; no mechanism could be switched off")
    rows: list[Bar] = []
    for row in found["rows"][:MECHANISMS]:
        name, _, says = row["says"].partition(": ")
        rows.append((name, f"{row['kind']}: {says}" if says else row["kind"], row["difference"], row["error"], SKY))
    figure, ax = _listed(rows, f"Chance of: {data['headline']}", len(rows))
    ax.set_xlabel(f"difference in the chance, {percent(found['probability'])} as it is, in points")
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f}" if value else "0")
    headed(figure, f"{data['title']}: without each mechanism")
    left = len(found["rows"]) - len(rows)
    footed(
        figure,
        data,
        "Each bar: how the chance differs if this alone is switched off, on the same luck. Black line with caps: "
        f"{ERROR_WORDS} of the difference."
        + (f" {plural(left, 'further mechanism')} with shorter bars not drawn." if left else ""),
    )
    return figure


def _bar(name: str, says: str, share: float | None, error: float | None, basis: str) -> Bar:
    return words(name), says, max(share or 0.0, 0.0), error or 0.0, COLOURS.get(basis, GREY)


def _listed(rows: Sequence[Bar], headline: str, split: int) -> tuple[Figure, Axes]:
    """A figure with names and sentences at the left, bars at the right; a line before row ``split``."""
    sentences = [says for _, says, *_ in rows]
    height = row_height(sentences, COLUMN, ROW)
    text = wrapped(headline, WIDTH * 0.82)
    figure = Figure(figsize=(WIDTH, 2.0 + height * len(rows) + 0.16 * text.count("\n")), layout="constrained")
    first, ax = figure.subplots(1, 2, sharey=True, width_ratios=[COLUMN, WIDTH - COLUMN])
    told(first, [(name, says) for name, says, *_ in rows], COLUMN, height)
    first.set_title(text, fontsize=10, fontweight="normal", pad=12)
    places, values = range(len(rows)), [value for _, _, value, *_ in rows]
    ax.barh(places, values, height=0.5, color=[colour for *_, colour in rows])
    ax.errorbar(values, places, xerr=[error for *_, error, _ in rows], **ERROR)
    ax.axvline(0.0, color=INK, linewidth=0.8)
    if split < len(rows):
        ax.axhline(split - 0.5, color=GREY, linewidth=0.8)
    if all(value >= 0 for value in values):
        ax.set_xlim(left=0.0)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0, labelleft=False)
    ax.spines["left"].set_visible(False)
    return figure, ax


def _index_rows(quantity: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    inputs = [(words(row["name"]), row) for row in quantity["inputs"][:INDEX_ROWS]]
    return [*inputs, *((f"all {row['basis']}", row) for row in quantity["basis"])]


def _index(ax: Axes, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    for place, (_, row) in enumerate(rows):
        colour = COLOURS.get(row["basis"], GREY)
        for key, shift, alpha in (("first", -0.19, 1.0), ("total", 0.19, 0.45)):
            value, error = max(row[key] or 0.0, 0.0), row[f"{key}_error"] or 0.0
            ax.barh(place + shift, value, height=0.36, color=colour, alpha=alpha, linewidth=0)
            ax.errorbar([value], [place + shift], xerr=[error], **ERROR)
    inputs = sum(1 for _, row in rows if "name" in row)
    ax.axhline(inputs - 0.5, color=GREY, linewidth=0.8)
    ax.set_yticks(range(len(rows)), [plain(name) for name, _ in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(left=0.0)
    ax.xaxis.set_major_formatter(PERCENT)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)


def _about(quantity: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    what = (
        f"{words(quantity['name'])} by {date_words(data['end'])}"
        if quantity["kind"] == "count"
        else f"days to {words(quantity['name'])}, at most {data['until_days']}"
    )
    return f"{what}: the inputs explain {100 * quantity['explained']:.0f} % of its variance, the rest is chance"


def _legend(found: Mapping[str, Any]) -> str:
    names = {BLUE: "blue", ORANGE: "orange", GREEN: "green", PURPLE: "purple"}
    said = [f"{names[COLOURS[row['basis']]]}: {row['basis']}" for row in found["basis"] if row["basis"] in COLOURS]
    return f"Colour, what it rests on ({', '.join(said)})."
