"""How fast who is: nanoseconds per event of every contestant of the benchmark, one panel for each model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from sim.figures.style import BLUE, GREY, SMALL, headed, styled, wrapped

#: Our own engines, in blue; the peers in grey.
OURS: Final = ("reference", "lockstep", "compiled", "compiled, one long run")
WIDTH: Final = 8.5
TITLES: Final = {
    "workload A": "The same model for all: three actors of eight actions each (workload A)",
    "network": "A network of 24 reactions of mass action",
}


@styled
def draw(data: Mapping[str, Any]) -> Figure:
    """Figure of a benchmark.

    ``data`` has machine, python, rounds and rows, each with engine, model and median (nanoseconds per event).

    Raises ValueError where there is no row.
    """
    models = [model for model in TITLES if any(row["model"] == model for row in data["rows"])]
    if not models:
        raise ValueError("a benchmark without a row: nothing to draw")
    counts = [sum(row["model"] == model for row in data["rows"]) for model in models]
    figure = Figure(figsize=(WIDTH, 1.7 + 0.3 * sum(counts) + 0.5 * len(models)), layout="constrained")
    axes = figure.subplots(len(models), 1, sharex=True, squeeze=False, height_ratios=counts)[:, 0]
    for ax, model in zip(axes, models, strict=True):
        _panel(ax, [row for row in data["rows"] if row["model"] == model], TITLES[model])
    axes[-1].set_xlabel("nanoseconds of CPU per event (each line to the right: ten times slower)")
    headed(figure, "Time per simulated event")
    text = (
        f"{data['machine']}; Python {data['python']}. Medians of {data['rounds']} rounds in which all take turns. "
        "Blue: engines of this simulator, whose histories are equal to the last bit; grey: others."
    )
    figure.supxlabel(wrapped(text, WIDTH), x=0.005, ha="left", fontsize=SMALL)
    return figure


def _panel(ax: Axes, rows: list[Mapping[str, Any]], title: str) -> None:
    ordered = sorted(rows, key=lambda row: -row["median"])
    values = [row["median"] for row in ordered]
    colours = [BLUE if row["engine"] in OURS else GREY for row in ordered]
    ax.barh(range(len(ordered)), values, height=0.62, color=colours)
    ax.set_yticks(range(len(ordered)), [row["engine"] for row in ordered])
    ax.set_ylim(len(ordered) - 0.4, -0.6)
    for place, value in enumerate(values):
        ax.annotate(f"{value:,.0f}", (value, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    ax.set_xscale("log")
    ax.set_xlim(10, 200_000)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(visible=False, axis="y")
    ax.set_title(title)
