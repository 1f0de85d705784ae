"""What a forecast hangs on, read from its own histories: the answer where an input was drawn low, and where high.

Nothing is simulated: the histories whose input lies in its lowest tenth are set against those in the highest. A stored
``study=tornado`` of the same question, which holds the input itself at its ends on the same luck, is taken instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.model.laws import Law
from sim.report.words import label
from sim.runs import store
from sim.runs.rows import read
from sim.statistics.intervals import wilson
from sim.statistics.shown import date_words, percent, words
from sim.studies.size import READ_FOR_PAGE
from sim.studies.tornado import study as tornado

if TYPE_CHECKING:
    from sim.scenario.scenario import Evidence, Scenario
    from sim.studies.settings import Settings

#: Ends of what is called low and high.
TENTH: Final = 0.1
#: Fewer histories at an end say nothing.
FEWEST: Final = 20
#: Half-width of a 95 % interval in standard errors.
TWO: Final = 1.96
#: Shown on the first screen.
SHOWN: Final = 4
Data = dict[str, Any]
Columns = Mapping[str, NDArray[Any]]


def columns(folder: Path, names: Sequence[str], *, most: int = READ_FOR_PAGE) -> dict[str, NDArray[Any]]:
    """Columns of as many of the first histories of a run on disk as a page looks at, see :func:`sim.runs.rows.read`.

    Raises RunError where its parts are missing.
    """
    return read(folder, names, most)


def drivers(
    scenario: Scenario,
    settings: Settings,
    happened: NDArray[np.bool_],
    drawn: Columns,
    *,
    asked: Mapping[str, Any],
    day: int,
    results: Path,
) -> Data:
    """What the chance of the event by a day hangs on: ``rows``, the strongest first, and how and from how many (read).

    ``happened`` (n,) says whether it did in each history, ``drawn`` has the columns ``input.NAME`` and ``start.NAME``.
    """
    stored = _tornado(scenario, settings, asked, day, results)
    rows = stored if stored is not None else list(_tenths(scenario, happened, drawn))
    # What is hardly told from luck comes last, however large it looks.
    rows = sorted(rows, key=lambda row: (-max(abs(row["difference"]) - row["error"], 0.0), -abs(row["difference"])))
    told = told_apart([row["difference"] for row in rows], [row["error"] for row in rows])
    rows = [{**row, "clear": clear} for row, clear in zip(rows, told, strict=True)]
    how = {"tornado": stored is not None, "read": int(happened.size)}
    return {"rows": rows, **how, "chance": float(happened.mean()), "day": day}


def told_apart(differences: Sequence[float], errors: Sequence[float], wrong: float = 0.05) -> list[bool]:
    """Which differences are told from luck, with a chance of ``wrong`` at most that one of them all is not there.

    ``errors`` are half-widths of 95 % intervals. Holm, A simple sequentially rejective multiple test procedure,
    Scand. J. Statist. 6 (1979) 65-70.
    """
    chances = [
        math.erfc(TWO / math.sqrt(2) * abs(d) / e) if e > 0 else float(d == 0)
        for d, e in zip(differences, errors, strict=True)
    ]
    found = [False] * len(chances)
    for rank, place in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        if chances[place] > wrong / (len(chances) - rank):
            break
        found[place] = True
    return found


def _tornado(
    scenario: Scenario, settings: Settings, asked: Mapping[str, Any], day: int, results: Path
) -> list[Data] | None:
    """Rows of a stored tornado about this very question."""
    if asked["kind"] != "milestones":
        return None
    question = tornado.Question(asked["name"], day, tornado.REPLICATIONS)
    data = store.read_json(tornado.folder_of(scenario, question, settings, results) / "summary.json")
    if not data or data.get("format") != store.FORMAT:
        return None
    keys = ("name", "says", "low_value", "high_value", "at_low", "at_high", "difference", "error")
    rows = []
    for row in data["rows"]:
        says = "" if row["says"] == words(row["name"]) else row["says"]  # a name said twice says no more
        rows.append({**{key: row[key] for key in keys}, "says": says, "kind": row["basis"].partition(":")[0]})
    return rows


def _tenths(scenario: Scenario, happened: NDArray[np.bool_], drawn: Columns) -> list[Data]:
    found = []
    for info in scenario.inputs:
        values = drawn.get(f"input.{info.name}")
        if info.constant or values is None:
            continue
        low, high = np.quantile(values, [TENTH, 1 - TENTH])
        says = (f"up to {_number(float(low), info.kind)}", f"{_number(float(high), info.kind)} or more")
        found.append(_row((info.name, info.meaning, info.evidence), happened, (values <= low, values >= high), says))
    for variable in scenario.spec.variables:
        told = scenario.variables[variable.name]
        values = drawn.get(f"start.{variable.name}")
        if values is None or not isinstance(variable.start, Law):
            continue
        numbers = values.astype(np.float64)
        low, high = np.quantile(numbers, [TENTH, 1 - TENTH], method="inverted_cdf")
        named = tuple(words(told.levels[int(v)]) if int(v) < len(told.levels) else f"{v:,g}" for v in (low, high))
        if low < high:  # else one level holds from its 10 % to its 90 % point
            ends = (numbers == low, numbers == high)
            found.append(_row((variable.name, told.meaning, told.evidence), happened, ends, (named[0], named[1])))
    return [row for row in found if row is not None]


def _row(
    named: tuple[str, str, Evidence],
    happened: NDArray[np.bool_],
    ends: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    values: tuple[str, str],
) -> Data | None:
    """The chance among the histories at either end; None where there are too few of them."""
    name, says, evidence = named
    sizes = [int(end.sum()) for end in ends]
    if min(sizes) < FEWEST:
        return None
    counts = [int((happened & end).sum()) for end in ends]
    shares = [count / size for count, size in zip(counts, sizes, strict=True)]
    spans = [wilson(count, size) for count, size in zip(counts, sizes, strict=True)]
    error = math.hypot(*((float(high) - float(low)) / 2 for low, high in spans))
    return {
        "name": name,
        "says": says,
        "kind": evidence.kind,
        "low_value": values[0],
        "high_value": values[1],
        "at_low": shares[0],
        "at_high": shares[1],
        "difference": shares[1] - shares[0],
        "error": error,
    }


def _number(value: float, kind: str) -> str:
    """A value of an input as people say it: a rate below one a day by the time between two."""
    if kind == "per day":
        return f"{_digits(value)} per d" if value >= 1 or value <= 0 else f"1 per {_digits(1 / value)} d"
    return f"{_digits(value)}{' d' if kind == 'days' else ''}"


def _digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):,g}"


# ----------------------------------------------------------------------------------------------------------- in words
def hangs(found: Mapping[str, Any], summary: Mapping[str, Any], asked: Mapping[str, Any]) -> Data:
    """The strongest of them, for the first screen."""
    when = date_words(summary["days"][str(found["day"])])
    rows = [row for row in found["rows"] if row["clear"]][:SHOWN]
    lines = [f"The chance of {label(words(asked['name']))} {asked['at']} {when}, {percent(found['chance'])}, would be:"]
    if not rows:
        lines = ["These histories tell no uncertain input from luck; more of them may."]
        if not summary["inputs"]:
            lines = ["Nothing in this scenario is uncertain: every number is fixed, so no input moves the answer."]
    note = (
        "Each held at its 10 % and 90 % point, all else drawn, on the same luck (study=tornado)."
        if found["tornado"]
        else f"In {_histories(found, summary)} in which it was drawn from its lowest and its highest tenth, all else "
        f"as drawn; {_luck(rows)} study=tornado holds each at its ends on the same luck."
    )
    told = [{**row, "low": f"{label(row['low_value'])}: {_end(row['at_low'])}", "high": _high(row)} for row in rows]
    return {"lines": lines, "rows": told, "shown": SHOWN, "note": note if rows else "", "chance": found["chance"]}


def _histories(found: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    read, held = found["read"], summary["replications"]
    return f"{f'the first {read:,} of {held:,}' if read < held else 'the'} histories of this run"


def _luck(rows: Sequence[Mapping[str, Any]]) -> str:
    worst = max((row["error"] for row in rows), default=0.0)
    return f"sampling error of a difference up to {100 * worst:.0f} points."


def _end(share: float) -> str:
    return percent(share)


def _high(row: Mapping[str, Any]) -> str:
    return f"{label(row['high_value'])}: {_end(row['at_high'])}"


def table(found: Mapping[str, Any], summary: Mapping[str, Any], asked: Mapping[str, Any]) -> Data:
    """All of them as a table."""
    when = date_words(summary["days"][str(found["day"])])
    rows, clear = [], 0
    for row in found["rows"]:
        clear += row["clear"]
        says = f" ({row['says']})" if row["says"] else ""
        rows.append(
            (
                label(f"{words(row['name'])}{says}"),
                row["kind"],
                f"{percent(row['at_low'])} at {label(row['low_value'])}",
                f"{percent(row['at_high'])} at {label(row['high_value'])}",
                f"{_signed(row['difference'])} ± {100 * row['error']:.1f}{'' if row['clear'] else ', maybe luck'}",
            )
        )
    event = f"{label(words(asked['name']))} {asked['at']} {when}"
    says = f"How the chance of {event} moves with each uncertain input. Told from luck: {clear} of {len(rows)}."
    if not rows:
        says = "No input is uncertain." if not summary["inputs"] else "Too few histories to tell inputs apart."
    how = (
        "From the stored study=tornado of this question: each input held at its 10 % and 90 % point, all else drawn, "
        "the same luck; ±: 95 % sampling error of the paired difference."
        if found["tornado"]
        else f"From {_histories(found, summary)}: the chance among those with the input in its lowest tenth, and in "
        "its highest. That is conditioning, not holding: what goes together with an input moves with it. ±: 95 % "
        "sampling error of the difference."
    )
    heads = ("input", "basis", "low", "high", "difference, points")
    return {"says": says, "heads": heads, "rows": rows, "notes": [how] if rows else []}


def _signed(share: float) -> str:
    text = f"{100 * share:+.1f}"
    return "0.0" if float(text) == 0 else text
