"""What lies in the results folder: one line per run, complete or not, with its headline; damaged ones by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sim.statistics.shown import date_words, plural, with_range, words
from sim.studies import stored, table
from sim.studies.order import Order, remark, yes_or_no
from sim.studies.settings import SPLITTING
from sim.studies.splitting.table import cell
from sim.studies.stored import Stored
from sim.studies.sweep.table import headline

if TYPE_CHECKING:
    from rich.console import Console

STUDY: Final = "list"
SETTINGS: Final = ("check",)


def answer(order: Order) -> int:
    """Show the runs under ``results``."""
    thorough = yes_or_no(order.study.get("check", True), "study.check")
    found = stored.runs(order.results, thorough=thorough)
    if not found:
        remark(f"{order.results}: no run lies here")
    else:
        show(found, table.console())
    print(order.results)
    return 0


def show(found: Sequence[Stored], out: Console) -> None:
    """Print one row per run, and what is wrong with those that are damaged."""
    rows = table.ruled()
    for header in ("run", "as of", "histories", "made", "state", "headline"):
        rows.add_column(header, justify="right" if header == "histories" else "left", overflow="fold")
    for run in found:
        manifest = run.manifest
        as_of, n = manifest.get("as_of"), manifest.get("replications")
        if run.study == SPLITTING:  # its replications are repeats
            n = run.summary.get("histories")
        rows.add_row(
            run.name,
            date_words(as_of) if isinstance(as_of, str) else "",
            f"{n:,}" if isinstance(n, int) else "",
            str(manifest.get("finished") or manifest.get("started") or "")[:16].replace("T", " "),
            state(run),
            said(run),
        )
    out.print(rows)
    damaged = [run for run in found if run.damage]
    for run in damaged:
        out.print(f"{run.name}: {run.damage}")
    left = sum(not run.complete and not run.damage for run in found)
    rest = f"; {left} not complete: the same command goes on from there" if left else ""
    out.print(f"{plural(len(found), 'run')}, {len(damaged)} damaged{rest}.", style="dim")


def state(run: Stored) -> str:
    """Whether a run is complete, not complete or damaged."""
    return "damaged" if run.damage else "complete" if run.complete else "not complete"


def said(run: Stored) -> str:
    """The headline milestone of a forecast by its end, the last level of a splitting run; nothing for other studies."""
    summary = run.summary
    if run.damage or summary.get("study") not in ("forecast", SPLITTING):
        return ""
    if summary["study"] == SPLITTING:
        return f"{summary['levels'][-1]['word']} by {date_words(summary['until'])}: {cell(summary['chance'])}"
    event = headline(summary)
    if event is None:
        return ""
    five = summary["milestones"][event]["by"][str(summary["until_days"])]
    chance = with_range(five["probability"], five["range_low"], five["range_high"])
    return f"{words(event)} by {date_words(summary['until'])}: {chance}"
