"""The ledger as people read it: tables on a terminal, and a page in Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sim.statistics.shown import date_words, percent, plural, words
from sim.studies.ledger.scores import KINDS
from sim.studies.table import NOTHING, ruled

if TYPE_CHECKING:
    from rich.console import Console

Rows = tuple[str, list[str], list[list[str]]]


def show(data: Mapping[str, Any], out: Console) -> None:
    """Print the ledger."""
    out.print("\n".join(textwrap.wrap(heading(data), out.width - 2)), style="bold")
    out.print()
    for title, heads, rows in tables(data):
        table = ruled(title)
        for i, head in enumerate(heads):
            table.add_column(head, justify="left" if i < _texts(heads) else "right")
        for row in rows:
            table.add_row(*row)
        out.print(table)
    for line in footer(data):
        out.print("\n".join(textwrap.wrap(line, out.width - 2)), style="dim")


def markdown(data: Mapping[str, Any]) -> str:
    """The page: what the terminal shows, and the sentences by which each forecast is resolved."""
    lines = ["# Ledger of forecasts", "", heading(data), ""]
    for title, heads, rows in tables(data):
        lines += [f"## {title}", "", _line(heads)]
        lines.append("|" + "".join("---|" if i < _texts(heads) else "--:|" for i in range(len(heads))))
        lines += [*(_line(row) for row in rows), ""]
    lines += ["## How each is resolved", ""]
    for entry in data["entries"]:
        lines += [f"### {entry['number']:04d}: {entry['title']}, as of {date_words(entry['as_of'])}", ""]
        lines.append(f"Registered {entry['registered']}; SHA-256 `{entry['sha256']}`; run `{entry['content_hash']}`.")
        lines.append("")
        for kind in ("outcomes", "milestones", "counts"):
            lines += [f"- *{words(name)}* ({kind[:-1]}): {says}" for name, says in entry["resolution"][kind].items()]
        lines += ["", *(_told(entry))]
    lines += footer(data)
    return "\n".join(lines).rstrip() + "\n"


def heading(data: Mapping[str, Any]) -> str:
    """How many forecasts there are, how many are resolved, and of how many crises."""
    entries = data["entries"]
    resolved = sum(bool(entry["resolved"]) for entry in entries)
    crises = len({entry["scenario"] for entry in entries})
    return f"{plural(len(entries), 'forecast')} of {_crises(crises)} registered, {resolved} resolved at least in part"


def tables(data: Mapping[str, Any]) -> Iterator[Rows]:
    """Title, heads and rows of each table."""
    yield _list(data)
    for entry in data["entries"]:
        for day in entry["resolved"]:
            yield _day(entry, day)
        if entry["happened"]["milestones"]:
            yield _milestones(entry)
        if entry["happened"]["counts"]:
            yield _counts(entry)
    for pool in data["pools"]:
        yield from _pools(pool)
    if data["calibration"]["bins"]:
        heads = ["chance given by the model", "how many", "mean chance", "came about"]
        rows = [
            [
                f"{percent(b['low'])} to {percent(b['high'])}",
                str(b["n"]),
                percent(b["mean"]),
                percent(b["came"] / b["n"]),
            ]
            for b in data["calibration"]["bins"]
        ]
        cases = _crises(data["calibration"]["cases"])
        yield f"Calibration of the outcomes ({data['calibration']['resolved']} forecasts of {cases})", heads, rows


def footer(data: Mapping[str, Any]) -> list[str]:
    """What has to be said with the scores."""
    lines = []
    for entry in data["entries"]:
        if entry["due"]:
            days = ", ".join(map(date_words, entry["due"]))
            lines.append(f"To be resolved: {entry['number']:04d} for {days} (study=resolve).")
    calibration = data["calibration"]
    if not calibration["bins"]:
        lines.append(
            f"Calibration is shown from {calibration['wanted']} resolved forecasts on (registered before the day); so "
            f"far {calibration['resolved']}."
        )
    lines.append(
        f"Log score: logarithm of the chance given to what happened, in nats, none counted below {data['floor']:g}; "
        "higher is better, and 0.7 is a factor of two. Brier and CRPS: lower is better; for yes or no, even odds get "
        "−0.69 and 0.25. Base rates, rival and statements speak of one event; the model's proportions do the rest."
    )
    lines.append(
        "Forecasts of one crisis share its luck and count as one case, however many they are: no score of one case "
        "shows skill or its lack."
    )
    lines.append(
        f"Hash of the last of {plural(data['records'], 'record')}: {data['head']}. Kept elsewhere, it shows any change."
    )
    return lines


# -------------------------------------------------------------------------------------------------------------- tables
def _list(data: Mapping[str, Any]) -> Rows:
    rows = []
    for entry in data["entries"]:
        model = entry["laws"][0]["outcomes"]
        logs = [f"{model[day]['log']:.2f}" for day in entry["resolved"]]
        state = entry["state"]
        if entry["repeats"]:
            state += f"; repeats {entry['repeats']:04d}"
        rows.append(
            [
                f"{entry['number']:04d}",
                words(entry["scenario"]),
                date_words(entry["as_of"]),
                date_words(entry["registered"][:10]),
                state,
                f"{len(entry['resolved'])} of {len(entry['days'])}",
                ", ".join(logs) or NOTHING,
            ]
        )
    heads = ["", "scenario", "as of", "registered", "state", "horizons\nresolved", "log score of the\nmodel, nats"]
    return "Registered forecasts", heads, rows


def _day(entry: Mapping[str, Any], day: str) -> Rows:
    rows = []
    for law in entry["laws"]:
        if day in law["outcomes"]:
            score = law["outcomes"][day]
            cells = [percent(score["chance"]), f"{score['log']:.2f}", _signed(score["gain"]), f"{score['brier']:.2f}"]
            rows.append([law["label"], *cells])
    name = words(entry["happened"]["outcomes"][day])
    late = " (registered later: in hindsight)" if day in entry["hindsight"] else ""
    title = f"{entry['number']:04d}, {date_words(entry['days'][day])}, {day} days: {name}{late}; one case"
    return title, ["", "chance given\nto it", "log score,\nnats", "gain over\nthe model", "Brier"], rows


def _milestones(entry: Mapping[str, Any]) -> Rows:
    """Brier score and log score of every milestone told, on the last horizon known."""
    rows = []
    for name, (came, known) in entry["happened"]["milestones"].items():
        by = entry["laws"][0]["milestones"][name]["by"]
        if not by:
            continue
        day = list(by)[-1]
        when = f"on day {came}" if came is not None else f"not by day {known}"
        for law in entry["laws"]:
            found = law["milestones"].get(name)
            if found is not None and (law["kind"] == "model" or law["label"].endswith(f": {words(name)}")
                                      or law["kind"] in ("stated", "weighted")):  # fmt: skip
                cells = [day, f"{found['log'][day]:.2f}", f"{found['by'][day]:.3f}", f"{found['crps']:.1f}"]
                rows.append([f"{words(name)} ({when})", law["label"], *cells])
    heads = ["what happened", "law", "by day", "log score,\nnats", "Brier", "CRPS of the\ntime, days"]
    return f"{entry['number']:04d}, milestones; one case", heads, rows


def _counts(entry: Mapping[str, Any]) -> Rows:
    rows = []
    for name, by in entry["happened"]["counts"].items():
        for day, seen in by.items():
            for law in entry["laws"]:
                found = law["counts"].get(name, {}).get(day)
                if found is not None:
                    told = f"{words(name)} on {date_words(entry['days'][day])}: {seen:g}"
                    rows.append([told, law["label"], f"{found['mean']:.1f}", f"{found['crps']:.2f}"])
    return f"{entry['number']:04d}, counts; one case", ["seen", "law", "mean", "CRPS"], rows


def _pools(pool: Mapping[str, Any]) -> Iterator[Rows]:
    """The pooled scores of outcomes, and of milestones."""
    case = "one case" if pool["cases"] == 1 else f"{pool['cases']} cases"
    late = ", in hindsight (registered after the day)" if pool["hindsight"] else ", registered before the day"
    for what in ("outcomes", "milestones"):
        if pool[what]:
            rows = [
                [KINDS[kind], str(m["n"]), f"{m['log']:.2f}", _signed(m["gain"]), f"{m['brier']:.2f}"]
                for kind, m in pool[what].items()
            ]
            heads = ["", "n", "mean log\nscore, nats", "gain over\nthe model", "mean Brier"]
            yield f"All {what}{late}: {plural(pool['n'], 'forecast')}, {case}", heads, rows


def _told(entry: Mapping[str, Any]) -> list[str]:
    if not entry["told"]:
        return ["Nothing was told of it so far.", ""]
    lines = [f"- {t['number']:04d}, {t['on']}: known to {date_words(t['known'])}; {t['source']}" for t in entry["told"]]
    return ["What was told of it:", "", *lines, ""]


def _texts(heads: Sequence[str]) -> int:
    """Columns at the left that hold text."""
    return {"": 1, "seen": 2, "what happened": 2}.get(heads[0], 1) if heads[1] != "scenario" else 5


def _crises(count: int) -> str:
    return "one crisis" if count == 1 else f"{count} crises"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"
