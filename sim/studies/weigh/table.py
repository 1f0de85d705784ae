"""Statements and the forecast side by side, as people read them on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.beliefs.weighing import ENOUGH, ERROR
from sim.statistics.shown import date_words, percent, plural, with_range, words
from sim.studies.table import NOTHING, ruled

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

CELL: Final = 18


def show(data: Mapping[str, Any], out: Console) -> None:
    """Print what was weighed."""
    out.print(f"{data['title']}: what was stated, beside the forecast", style="bold")
    ranged = " In brackets: 10–90 % range (past cases: for so few; else over the inputs)." if data["inputs"] else ""
    out.print(f"As of the end of {date_words(data['as_of'])}.{ranged}")
    out.print()
    for statement in data["statements"]:
        for line in textwrap.wrap(told(statement, data), out.width - 2, subsequent_indent="  "):
            out.print(line)
    for sentence in data["disagreement"]:
        out.print("\n".join(textwrap.wrap(sentence, out.width - 2)), style="bold")
    out.print()
    for side in data["sides"]:
        out.print(_side(side, data["days"], out.width))
    out.print(_outcomes(data, out.width))
    out.print(_bends(data))
    out.print(_methods(data, out.width))
    for line in footer(data):
        out.print("\n".join(textwrap.wrap(line, out.width - 2)), style="dim")


def told(statement: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """A statement in words: who, when, what, how it is read, and what weight it gets and why."""
    readings = statement["readings"]
    if statement["deadline"]:
        when = f"by {date_words(readings[0]['date'])}"
    else:
        days = [str(reading["day"]) for reading in readings]
        listed = f"{', '.join(days[:-1])} or {days[-1]}" if len(days) > 1 else days[0]
        when = f"no deadline, read as within {listed} days" + (", each by itself, then averaged" if days[1:] else "")
    if data["weight"] is not None:
        why = "as asked"
    elif statement["spread"] > 0:
        why = (
            f"by rule: the inputs leave the model in doubt by {statement['spread']:.1f} in log-odds, one public expert "
            f"by {ERROR:g}"
        )
    else:
        why = "by rule: no input leaves the model in doubt about it"
    if statement["then"] is not None:
        when += (
            f"; then the model said {percent(statement['then'])}, and that step in log-odds is taken; what is known "
            "since conditions the result"
        )
    never = [str(reading["day"]) for reading in readings if reading["never"]]
    stuck = f" By day {', '.join(never)} all histories go one way, which no weight can change." if never else ""
    return (
        f"{words(statement['name'])}: {statement['speaker']}, on {date_words(statement['said_on'])}: "
        f"{statement['words']} for {statement['proposition']}; {when}. Weight {statement['weight']:.2f} ({why}).{stuck}"
    )


def footer(data: Mapping[str, Any]) -> list[str]:
    """What has to be said with every number."""
    return [
        f"{plural(data['replications'], 'simulated history')}, seed {data['seed']}; the same as without statements. "
        f"A weight decides how much each of them counts; where one leaves fewer than {ENOUGH:,.0f} effective ones, "
        f"more are run, up to {data['most']:,} (study.most).",
        "The weight is given to the statement; it is no chance that the speaker is right. Weight 1 takes the speaker "
        "at their word. Stated 0 and 100 % are read as 1 and 99 %. Facts that a speaker cites are in the model "
        "already, so a high weight counts them twice.",
        "These are chances under assumptions, most of them judgements. Quote one only with its event, its deadline, "
        "its range, its date, the weight given and the words “under assumptions”.",
    ]


def _side(side: Mapping[str, Any], days: Mapping[str, str], width: int) -> Table:
    says = f": {side['says']}" if side["says"] else ""
    table = ruled(f"{side['event']}{says}")
    table.add_column("", width=max(width - len(days) * (CELL + 2) - 2, 30))
    for day, date in days.items():
        table.add_column(f"{day} days\n{date_words(date)}", justify="right", width=CELL)
    for row in side["rows"]:
        cells = [_ranged(row["by"][day]) for day in days]
        table.add_row(row["label"], *cells, style="bold" if row["kind"] == "model" else None)
    return table


def _outcomes(data: Mapping[str, Any], width: int) -> Table:
    """Every outcome at the end, and every milestone by then, under every weight."""
    last = str(data["until_days"])
    laws = [law for law in data["laws"] if not law["why_not"]]
    table = ruled(f"Everything else, on {date_words(data['days'][last])} ({last} days), by the weight given")
    table.add_column("", width=max(width - len(laws) * (CELL + 1) - 2, 26))
    for law in laws:
        table.add_column(_head(law), justify="right", width=CELL - 1)
    for name in data["sentences"]["outcomes"]:
        table.add_row(words(name), *(_ranged(law["outcomes_by"][last][name]) for law in laws))
    if data["sentences"]["milestones"]:
        table.add_section()
        table.add_row("What has happened by then", *[""] * len(laws), style="bold")
    for name in data["sentences"]["milestones"]:
        table.add_row(words(name), *(_ranged(law["milestones"][name]["by"][last]) for law in laws))
    if data["sentences"]["flags"]:
        table.add_section()
        table.add_row("Beside the outcome", *[""] * len(laws), style="bold")
    for name in data["sentences"]["flags"]:
        table.add_row(words(name), *(_ranged(law["flags"][name]) for law in laws))
    return table


def _bends(data: Mapping[str, Any]) -> Table:
    table = ruled("How far the model is bent")
    for title in ("weight", "nats", "effective histories", ""):
        table.add_column(title, justify="left" if not title else "right")
    for law in data["laws"]:
        if law["why_not"]:
            table.add_row(_head(law), NOTHING, NOTHING, law["why_not"])
            continue
        notes = ["the statement replaces the model"] * law["replaces"]
        if law["needed"]:
            notes.append(f"too few even with {data['replications']:,}: study.most={law['needed']} would do")
        if law["needed_inputs"]:
            notes.append(f"too few: run.inputs={law['needed_inputs']} would do")
        table.add_row(_head(law), f"{law['nats']:.2f}", f"{law['effective']:,.0f}", "; ".join(notes))
    return table


def _methods(data: Mapping[str, Any], width: int) -> Table:
    chosen = "the weight by rule" if data["weight"] is None else f"weight {data['weight']:g}"
    table = ruled(f"What other ways of giving weight would say, with {chosen}")
    days, several = list(data["days"]), len(data["statements"]) > 1
    table.add_column("", no_wrap=True)
    table.add_column("assumes that", width=max(width - 22 - len(days) * 12 - 26 * several, 30))
    if several:
        table.add_column("chance of", width=24)
    for day in days:
        table.add_column(f"{day} days", justify="right", no_wrap=True)
    said = {statement["name"]: statement["proposition"] for statement in data["statements"]}
    for name, found in data["methods"].items():
        if found["why_not"]:
            table.add_row(name, f"{found['assumes']}: {found['why_not']}", *[NOTHING] * (len(days) + several))
            continue
        for i, row in enumerate(found["by"]):
            head = [name, found["assumes"]] if i == 0 else ["", ""]
            named = [said[row["statement"]]] if several else []
            table.add_row(*head, *named, *(percent(row["by"][day]) for day in days))
    return table


def _head(law: Mapping[str, Any]) -> str:
    if law["label"] == "0":
        return "0 (the model)"
    if law["label"] in ("rule", "given"):
        listed = ", ".join(f"{weight:.2f}" for weight in law["weights"].values())
        return f"{listed} ({'by rule' if law['label'] == 'rule' else 'as asked'})"
    return str(law["label"])


def _ranged(three: Mapping[str, float] | None) -> str:
    return with_range(three["probability"], three["range_low"], three["range_high"]) if three else NOTHING
