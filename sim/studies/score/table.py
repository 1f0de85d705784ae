"""Scores as people read them on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim.statistics.shown import date_words, percent, words
from sim.studies.table import NOTHING, ruled

if TYPE_CHECKING:
    from rich.console import Console


def show(data: Mapping[str, Any], out: Console) -> None:
    """Print the scores."""
    out.print(f"{data['title']}: the forecast of {date_words(data['as_of'])} against what happened", style="bold")
    told = f" ({data['source']})" if data["source"] else ""
    out.print(
        f"Known to the end of {date_words(data['known'])}{told}. One case: no score here shows skill or its lack."
    )
    out.print()
    for day, name in data["happened"]["outcomes"].items():
        _outcomes(data, day, name, out)
    if data["happened"]["milestones"]:
        _milestones(data, out)
    if data["counts"]:
        _counts(data, out)
    for line in footer(data):
        out.print("\n".join(textwrap.wrap(line, out.width - 2)), style="dim")


def footer(data: Mapping[str, Any]) -> list[str]:
    """What the scores are."""
    return [
        f"Log score: logarithm of the chance given to what happened, in nats, none counted below {data['floor']:g}; "
        "higher is better, and a gain of 0.7 is a factor of two in that chance. Brier, ranked score and CRPS: distance "
        "from what happened; lower is better.",
        "Base rates, rival and statements speak of one event only; they are completed to laws over everything by the "
        "model's own proportions within and without it.",
        "One case: differences between laws are as likely luck as skill.",
    ]


def _outcomes(data: Mapping[str, Any], day: str, name: str, out: Console) -> None:
    table = ruled(f"On {date_words(data['dates'][day])} ({day} days): {words(name)}")
    ranked = bool(data["happened"]["ranked"])
    titles = ["chance given\nto it", "log score,\nnats", "gain over\nthe model", "Brier"]
    for title in ["", *titles, *["ranked"] * ranked]:
        table.add_column(title, justify="right" if title else "left")
    for law in data["laws"]:
        score = law["outcomes"][day]
        cells = [percent(score["chance"]), f"{score['log']:.2f}", _signed(score["gain"]), f"{score['brier']:.2f}"]
        table.add_row(law["label"], *cells, *[f"{score['ranked']:.3f}"] * ranked)
    out.print(table)


def _milestones(data: Mapping[str, Any], out: Console) -> None:
    for name, came in data["happened"]["milestones"].items():
        when = f"on day {came}" if came is not None else f"not by {date_words(data['known'])}"
        table = ruled(f"{words(name)}: {when}")
        days = list(data["laws"][0]["milestones"][name]["by"])
        for title in ["", *(f"Brier,\n{day} days" for day in days), "CRPS of the\ntime, days"]:
            table.add_column(title, justify="right" if title else "left")
        for law in data["laws"]:
            found = law["milestones"].get(name)
            if found is not None:
                table.add_row(law["label"], *(f"{found['by'][day]:.3f}" for day in days), f"{found['crps']:.1f}")
        out.print(table)


def _counts(data: Mapping[str, Any], out: Console) -> None:
    table = ruled("Counts")
    for title in ("", "on", "seen", "mean of the\nhistories", "share of them\nbelow", "CRPS", "CRPS if it had\nstayed"):
        table.add_column(title, justify="right" if title else "left")
    for count in data["counts"]:
        cells = [f"{count['seen']:g}", f"{count['mean']:.1f}", percent(count["below"]), f"{count['crps']:.1f}"]
        table.add_row(words(count["name"]), date_words(count["date"]), *cells, f"{count['stays']:.1f}")
    out.print(table)
    labels = list(dict.fromkeys(law["label"] for count in data["counts"] for law in count["laws"]))
    table = ruled("CRPS of the counts (mean in brackets), beside the other laws")
    table.add_column("")
    for count in data["counts"]:
        table.add_column(f"{words(count['name'])}\n{date_words(count['date'])}", justify="right")
    for label in labels:
        found = [next((law for law in count["laws"] if law["label"] == label), None) for count in data["counts"]]
        table.add_row(label, *(f"{law['crps']:.1f} ({law['mean']:.1f})" if law else NOTHING for law in found))
    out.print(table)


def _signed(value: float) -> str:
    """A gain to two digits; what rounds to nothing has no sign of a loss."""
    return f"{round(value, 2) + 0.0:+.2f}"
