"""What drives the answer, as people read it on a terminal: the widest first; what is lost in noise is only named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sim.statistics.shown import date_words, percent, plural, with_range, words
from sim.studies.table import ruled

if TYPE_CHECKING:
    from rich.console import Console

#: Rows shown at most in a table, mechanisms shown at most, and inputs without effect that are named.
ROWS: Final = 12
MECHANISMS: Final = 40
NAMED: Final = 6
#: Differences that round to 0.0 points.
LEAST: Final = 0.0005
#: Shares that do not round to 0 points.
POINT: Final = 0.005
#: What stands where there is no number.
NOTHING: Final = "–"
#: How a basis is called where its inputs stand together.
BASES: Final = {
    "judgement": "judgements of ours",
    "data": "data",
    "report": "the reports",
    "change": "changes by this experiment or command",
}
#: How often a set of inputs may meet the event never or always before that has to be said.
OFTEN: Final = 0.02


def show(data: Mapping[str, Any], out: Console) -> None:
    """Print the study."""
    out.print(f"{data['title']}: what drives the answer", style="bold")
    out.print(f"The chance of {data['headline']}, from the end of {date_words(data['as_of'])}.")
    out.print()
    if data["log_odds"]:
        _log_odds(data["log_odds"], out)
    else:
        out.print("No input is uncertain here, so there is nothing for a chance or a count to vary with.\n")
    for quantity in data["indices"]["quantities"]:
        _indices(quantity, data, out)
    _ablation(data, out)
    for line in footer(data):
        out.print(line, style="dim")


def _log_odds(found: Mapping[str, Any], out: Console) -> None:
    from rich.text import Text

    chance = with_range(found["probability"], found["range_low"], found["range_high"])
    table = ruled(f"How the chance, {chance} as the inputs are drawn, varies with them: shares of the variance")
    table.add_column("")
    table.add_column("basis", no_wrap=True)
    table.add_column("of the log-odds", justify="right", no_wrap=True)
    told = [row for row in found["inputs"] if tells(row["share"], row["error"])]
    for row in told[:ROWS]:
        table.add_row(_name(row), row["basis"], share(row["share"], row["error"]))
    table.add_section()
    for row in found["basis"]:
        name = f"all that rests on {BASES.get(row['basis'], row['basis'])}"
        table.add_row(Text(f"{name} ({plural(row['inputs'], 'input')})", "bold"), "", share(row["share"], row["error"]))
    table.add_row(Text("several inputs at once", "bold"), "", share(found["rest"], found["rest_error"]))
    out.print(table)


def _indices(quantity: Mapping[str, Any], data: Mapping[str, Any], out: Console) -> None:
    from rich.text import Text

    mean, spread = (number(quantity[key]) for key in ("mean", "spread"))
    about = f"{about_quantity(quantity, data)}: {mean} on average, give or take {spread} over the inputs"
    table = ruled(f"{about}; they explain {share(quantity['explained'], quantity['explained_error'])} of its variance")
    table.add_column("")
    table.add_column("basis", no_wrap=True)
    table.add_column("of that, alone", justify="right", no_wrap=True)
    table.add_column("with all it takes part in", justify="right", no_wrap=True)
    told = [row for row in quantity["inputs"] if tells(row["total"], row["total_error"]) and row["total"] >= POINT]
    for row in told[:ROWS]:
        table.add_row(_name(row), row["basis"], *_both(row))
    table.add_section()
    for row in quantity["basis"]:
        name = f"all that rests on {BASES.get(row['basis'], row['basis'])}"
        table.add_row(Text(f"{name} ({plural(row['inputs'], 'input')})", "bold"), "", *_both(row))
    out.print(table)


def _both(row: Mapping[str, Any]) -> list[str]:
    return [share(row["first"], row["first_error"]), share(row["total"], row["total_error"])]


def _ablation(data: Mapping[str, Any], out: Console) -> None:
    from rich.text import Text

    found = data["ablation"]
    remembering = " with the memory of the crisis" if data["past"] else ""
    table = ruled(f"Without each mechanism (the chance is {percent(found['probability'])}{remembering})")
    table.add_column("switched off")
    table.add_column("what", no_wrap=True)
    table.add_column("chance", justify="right", no_wrap=True)
    table.add_column("difference,\npoints", justify="right", no_wrap=True)
    for row in moving(found["rows"])[:MECHANISMS]:
        cells = (percent(row["probability"]), f"{100 * row['difference']:+.1f} ± {100 * row['error']:.1f}")
        table.add_row(Text(row["says"]), row["kind"], *cells)
    out.print(table)


def footer(data: Mapping[str, Any]) -> list[str]:
    """What has to be said with the tables."""
    found, indices, ablation = data["log_odds"], data["indices"], data["ablation"]
    lines = []
    if found:
        factor = math.exp(math.sqrt(max(found["variance"], 0.0)))
        lines.append(
            f"Log-odds: {found['sets']:,} draws of the inputs with {found['each']:,} simulated histories each; their "
            f"noise is taken out. Over the inputs the odds move by a factor of {factor:.1f} either way (one standard "
            "deviation). An input's share is what knowing it alone would take away; those of a basis are added up."
        )
        rest = [words(row["name"]) for row in found["inputs"] if not tells(row["share"], row["error"])]
        hidden = len(found["inputs"]) - len(rest) - ROWS
        if rest:
            lines.append(f"Not told from nothing: {_some(rest)}." + (f" {hidden} more rows." if hidden > 0 else ""))
        if max(found["never"], found["always"]) > OFTEN:
            lines.append(
                f"With {100 * found['never']:.0f} % of the draws it never happened, with {100 * found['always']:.0f} % "
                "always: there the log-odds are cut short, and a larger study.each would say more."
            )
    if indices["quantities"]:
        lines.append(
            f"Counts and times: {indices['points']:,} draws of the inputs in each column of the design with "
            f"{indices['histories']} simulated histories each. First and total Sobol' indices (SALib) of what is "
            "expected given the inputs, without the noise of chance; the rest of the variance is chance. A count stays "
            "where it is when a history ends; a time counts as the last day if it does not come."
        )
    judged = _judged(data)
    if judged:
        names = ", ".join(words(row["name"]) for row in judged)
        shares = [row["share"] for row in judged if row.get("share") is not None]
        more = f" (of the log-odds {100 * max(sum(shares), 0.0):.0f} % together)" if shares else ""
        lines.append(
            "An input stands with the basis that the scenario names for its value. By the words of that basis a rule "
            f"or spread is judged, too, in {names}{more}: so much more may rest on judgement."
        )
    if any(row[key] is None for row, key in _doubtful(data)):
        lines.append(f"{NOTHING}: so few draws do not tell whether there is anything to share out.")
    if found:
        lines.append(
            "Both treat the inputs as drawn, each apart from the others, without the memory of the crisis, which ties "
            "them to one another: study=compare and the forecast remember it."
        )
    lines.append(
        f"Mechanisms: {data['replications']:,} simulated histories without each, the same ones everywhere. "
        f"{_still(ablation['rows'])}"
    )
    lines += [f"Not switched off: {row['says']} ({row['why']})." for row in ablation["refused"]]
    away = (found["ran_away"] if found else 0) + indices["ran_away"]
    if away:
        lines.append(f"{plural(away, 'simulated history')} ran away and count as they stood.")
    lines.append(
        f"±: 95 % sampling error, of its number alone; seed {data['seed']}. study=tornado holds each input at its two "
        "ends instead."
    )
    return lines


def about_quantity(quantity: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """A quantity in words, with its end."""
    if quantity["kind"] == "count":
        return f"{words(quantity['name'])} by {date_words(data['end'])}"
    return f"days to {words(quantity['name'])}, at most {data['until_days']}"


def tells(value: float | None, error: float | None) -> bool:
    """Whether a share is more than its error."""
    return value is not None and error is not None and value > error


def moving(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Mechanisms whose difference is more than its error, and does not round to nothing."""
    return [row for row in rows if abs(row["difference"]) > max(row["error"], LEAST)]


def share(value: float | None, error: float | None) -> str:
    """A share of a variance with its error, in points: ``48 ± 8 %``; what chance puts below 0 is 0."""
    if value is None or error is None:
        return NOTHING
    return f"{100 * max(value, 0.0):.0f} ± {100 * error:.0f} %"


def number(value: float) -> str:
    """A number with as many digits as it deserves here."""
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"


def _doubtful(data: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    """Rows that have no share or index where the variance is not clearly above 0, with the key to look at."""
    found = data["log_odds"]
    rows = [(row, "share") for row in (found["basis"] if found else ())]
    return rows + [(row, "total") for quantity in data["indices"]["quantities"] for row in quantity["basis"]]


def _judged(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Inputs that tell something, on another basis than judgement but with a judgement in it."""
    found = data["log_odds"]
    if found:
        return [row for row in found["inputs"] if row.get("judged") and tells(row["share"], row["error"])]
    return []


def _name(row: Mapping[str, Any]) -> Any:
    from rich.text import Text

    says = "" if row["says"] == words(row["name"]) else f": {row['says']}"
    return Text.assemble((words(row["name"]), "bold"), says)


def _still(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many mechanisms make no difference that can be told."""
    moved = len(moving(rows))
    hidden = f" {moved - MECHANISMS} more that do are in the files." if moved > MECHANISMS else ""
    return (
        f"Of {len(rows)}, {len(rows) - moved} make no difference beyond their sampling error; up to one in 20 of those "
        f"that do nothing would seem to.{hidden}"
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
