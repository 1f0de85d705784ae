"""What histories cost: with their number, with actions, with workers, and on a cluster by arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from sim.figures.style import BLUE, GREY, ORANGE, SMALL, headed, styled, wrapped
from sim.statistics.shown import plural

WIDTH: Final = 11.0
PLAIN: Final = FuncFormatter(lambda x, _: f"{x:,.0f}")


@styled
def draw(data: Mapping[str, Any]) -> Figure:
    """Figure of the costs. ``data`` as :mod:`sim.studies.cost.study` keeps them."""
    of = {what: [row for row in data["rows"] if row["what"] == what] for what in ("histories", "actions", "workers")}
    figure = Figure(figsize=(WIDTH, 7.6), layout="constrained")
    (upper, right), (lower, last) = figure.subplots(2, 2)
    n = [row["replications"] for row in of["histories"]]
    _line(
        upper, n, [_million(row) for row in of["histories"]], "Seconds for 10^6 histories, by their number", "histories"
    )
    most = max(row["memory"] for row in of["histories"])
    upper.annotate(
        f"memory at most {most:,.0f} MB", (0.98, 0.94), xycoords="axes fraction", ha="right", va="top", fontsize=SMALL
    )
    actions = [row["actions"] for row in of["actions"]]
    _line(right, actions, [_million(row) for row in of["actions"]], "Seconds for 10^6 histories, by actions", "actions")
    first = of["actions"][0]
    ideal = [_million(first) * k / actions[0] for k in actions]
    right.plot(actions, ideal, color=GREY, linestyle="--", linewidth=1, label="in proportion to the actions")
    right.legend(frameon=False, fontsize=SMALL, loc="upper left")
    _workers(lower, of["workers"])
    _cluster(last, data)
    headed(figure, "What histories cost")
    text = (
        f"{data['scenario']}, {data['until_days']} days, engine {data['engine']}; {data['machine']}; Python "
        f"{data['python']}. Medians of {plural(data['rounds'], 'round')} in which all take turns; CPU time above, wall "
        "time by workers. By actions: copies of the benchmark’s model. The cluster is arithmetic and was not measured."
    )
    figure.supxlabel(wrapped(text, WIDTH), x=0.005, ha="left", fontsize=SMALL)
    return figure


def _line(ax: Axes, x: Sequence[int], y: Sequence[float], title: str, below: str) -> None:
    ax.plot(x, y, color=BLUE, marker="o", markersize=5)
    for place, value in zip(x, y, strict=True):
        ax.annotate(
            f"{value:,.3g}", (place, value), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=SMALL
        )
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(list(x)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(PLAIN)
    ax.set_ylim(0, 1.3 * max(y))
    ax.margins(x=0.1)
    ax.set_xlabel(below)
    ax.set_title(title)


def _workers(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    workers = [row["workers"] for row in rows]
    values = [rows[0]["wall"] / row["wall"] for row in rows]
    ax.bar(range(len(rows)), values, width=0.5, color=BLUE)
    for place, (value, count) in enumerate(zip(values, workers, strict=True)):
        ax.annotate(
            f"{value:.2f}", (place, value), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=SMALL
        )
        ideal = count / workers[0]
        ax.plot([place - 0.3, place + 0.3], [ideal, ideal], color=GREY, linestyle="--", linewidth=1)
    ax.set_xticks(range(len(rows)), [str(count) for count in workers])
    ax.set_xlim(-0.7, len(rows) - 0.3)
    ax.set_ylim(0, 1.25 * max(*values, workers[-1] / workers[0]))
    ax.grid(visible=False, axis="x")
    ax.set_xlabel("workers (dashed: as many times as fast)")
    ax.set_title(f"Times as fast, {rows[0]['replications']:,} histories")


def _cluster(ax: Axes, data: Mapping[str, Any]) -> None:
    one = [plan for plan in data["plans"] if plan["runs"] == 1]
    cores = [plan["cores"] for plan in one]
    ax.plot(
        cores, [plan["total"] / 3600 for plan in one], color=BLUE, marker="o", markersize=5, label="one run, in all"
    )
    ax.plot(cores, [plan["simulate"] / 3600 for plan in one], color=GREY, linestyle="--", label="of it simulating")
    ax.plot(
        cores, [plan["count"] / 3600 for plan in one], color=GREY, linestyle=":", label="of it counting, in one process"
    )
    several = [plan for plan in data["plans"] if plan["runs"] > 1]
    for plan, sign in zip(several, ("s", "D"), strict=False):
        ax.plot(
            plan["cores"], plan["total"] / 3600, color=ORANGE, marker=sign, linestyle="none",
            label=f"{plan['runs']} runs side by side",
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.xaxis.set_major_locator(FixedLocator(cores))
    ax.xaxis.set_major_formatter(PLAIN)
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.set_xlabel("cores")
    ax.set_ylabel("hours")
    ax.legend(frameon=False, fontsize=SMALL)
    ax.set_title(f"{data['cluster']['replications']:,} histories, by arithmetic")


def _million(row: Mapping[str, Any]) -> float:
    return float(row["cpu"]) / float(row["replications"]) * 1e6
