"""Two stored forecasts side by side: what differs in settings, scenario and findings, and in what they say.

Chances are compared at the same calendar dates. A difference has the interval of a paired comparison: history i of one
run with history i of the other, which share their luck as far as the two models do.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.runs.store import RunError
from sim.statistics.shown import date_words, percent, with_range, words
from sim.studies import stored, table
from sim.studies.order import Order, listed, remark
from sim.studies.settings import SettingError
from sim.studies.stored import Stored

if TYPE_CHECKING:
    from rich.console import Console

    from sim.beliefs.record import Event, Record

STUDY: Final = "diff"
SETTINGS: Final = ("runs",)
#: What a manifest says beside settings, or once more.
IDLE: Final = (
    "command", "nested", "started", "finished", "complete", "parts", "format", "configuration", "model", "histories",
    "content_hash", "study",
)  # fmt: skip
#: Differing settings of a scenario that are listed; the rest are counted.
MOST: Final = 30
#: Characters of a value that are shown.
WIDE: Final = 48
MISSING: Final = "–"

Data = dict[str, Any]


def answer(order: Order) -> int:
    """Show how two runs differ."""
    said = listed(order.study.get("runs"), "study.runs")
    if len(said) != 2:
        raise SettingError(f"study.runs: {said!r}; give two runs, as 'study.runs=[A,B]'; study=list shows them")
    first, second = (stored.read(stored.find(order.results, name)) for name in said)
    show(differences(first, second), table.console())
    return 0


def differences(first: Stored, second: Stored) -> Data:
    """All that differs, as plain data: ``settings``, ``scenario``, ``findings``, and ``chances`` by event and date.

    Each difference of the first three is (what, in the first run, in the second); ``chances`` are told for all events.

    Raises RunError where one of them is no complete forecast.
    """
    for run in (first, second):
        if not run.complete or run.study != "forecast" or not run.summary:
            raise RunError(
                f"{run.folder}: {run.damage or 'no complete forecast lies here'}; study=list shows what does"
            )
    one, other = _composed(first), _composed(second)
    events = list(_chances(first, second))
    return {
        "runs": [run.name for run in (first, second)],
        "same": first.manifest["content_hash"] == second.manifest["content_hash"],
        "as_of": [run.manifest["as_of"] for run in (first, second)],
        "settings": list(_unlike(_settings(first, one), _settings(second, other))),
        "scenario": list(_unlike(flat(one["scenario"]), flat(other["scenario"]))),
        "in_force": list(_unlike(in_force(one["scenario"]), in_force(other["scenario"]))),
        "findings": list(_unlike(known(one["scenario"], first), known(other["scenario"], second))),
        "chances": events,
        "dates": sorted({event["date"] for event in events}),
    }


def flat(data: Any, path: str = "") -> dict[str, str]:
    """Plain data as path -> value in words; lists by their positions."""
    if isinstance(data, Mapping) and data:
        entries = list(data.items())
    elif isinstance(data, list) and data:
        entries = list(enumerate(data))
    else:
        return {path: str(data)}
    found: dict[str, str] = {}
    for key, value in entries:
        found |= flat(value, f"{path}.{key}" if path else str(key))
    return found


def known(scenario: Mapping[str, Any], run: Stored) -> dict[str, str]:
    """Findings of the reports that were out on the date of the run, by number."""
    reports, as_of = scenario.get("reports") or {}, run.manifest["as_of"]
    out = {name for name, report in reports.items() if str(report.get("date", "")) <= as_of}
    findings = scenario.get("findings") or {}
    return {str(n): f"{one['report']}: {one['says']}" for n, one in findings.items() if one.get("report") in out}


def in_force(scenario: Mapping[str | int, Any]) -> dict[str, str]:
    """Laws and start values on the date of the run, in words: the same file says other things on another date.

    Empty where this program cannot read the scenario any more.
    """
    from sim.scenario.build import build

    try:
        built = build(scenario)
    except ValueError:
        return {}
    found = {f"inputs.{info.name}": info.spread for info in built.inputs}
    found |= {f"amounts.{info.name}": info.spread for info in built.amounts}
    for variable in built.spec.variables:
        levels = built.variables[variable.name].levels
        start = variable.start
        told = (
            f"{levels[start] if levels else start}" if isinstance(start, int) else f"{start.family} {start.parameters}"
        )
        found[f"state.{variable.name}"] = told
    return found | {f"actions.{action.name}": "can happen" for action in built.spec.actions}


def _composed(run: Stored) -> Data:
    import yaml

    try:
        found = yaml.safe_load((run.folder / "config.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RunError(
            f"{run.folder}/config.yaml: cannot be read ({type(error).__name__}); run the forecast again"
        ) from None
    if not isinstance(found, dict) or not isinstance(found.get("scenario"), dict):
        raise RunError(f"{run.folder}/config.yaml: holds no scenario; run the forecast again")
    return found


def _settings(run: Stored, composed: Mapping[str, Any]) -> dict[str, str]:
    manifest = {key: value for key, value in run.manifest.items() if key not in IDLE}
    manifest["until"] = run.summary["until"]
    return flat({**manifest, "run": composed.get("run", {})})


def _unlike(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    for key in dict.fromkeys([*one, *other]):
        if one.get(key) != other.get(key):
            yield key, one.get(key), other.get(key)


# ------------------------------------------------------------------------------------------------------ the numbers
def _chances(first: Stored, second: Stored) -> Iterator[Data]:
    """Chances that both runs give, with their difference."""
    from sim.statistics.paired import paired_shares

    records = [_record(run) for run in (first, second)]
    n = min(record.size for record in records)
    for kind, name in _shared(first.summary, second.summary):
        for date, days in _dates(first, second, kind):
            truths = [r.holds(_event(kind, name, day)) for r, day in zip(records, days, strict=True)]
            difference, error = paired_shares(truths[0][:n], truths[1][:n])
            shares = [float(truth.mean()) for truth in truths]
            ranges = [_range(run.summary, kind, name, day) for run, day in zip((first, second), days, strict=True)]
            yield {
                "kind": kind, "name": name, "date": date, "chances": shares, "ranges": ranges,
                "difference": difference, "low": difference - error, "high": difference + error, "histories": n,
            }  # fmt: skip


def _event(kind: str, name: str, day: int) -> Event:
    from sim.beliefs.record import Event

    if kind == "milestones":
        return Event(day, milestone=name)
    return Event(day, flag=name) if kind == "flags" else Event(day, outcomes=(name,))


def _range(summary: Mapping[str, Any], kind: str, name: str, day: int) -> list[float] | None:
    """The range over the inputs, where the summary has one for that day."""
    by = summary["milestones"][name]["by"] if kind == "milestones" else summary["outcomes_by"]
    found = summary["flags"] if kind == "flags" else by.get(str(day), {})
    five = found if kind == "milestones" else found.get(name)
    return [five["range_low"], five["range_high"]] if five and summary["inputs"] else None


def _shared(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind in ("outcomes", "milestones", "flags"):
        yield from ((kind, name) for name in one[kind] if name in other[kind])


def _dates(first: Stored, second: Stored, kind: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Dates at which both can be read, each with the day of either run: flags at a common end only.

    Outcomes are read at the days of both runs, milestones at any day of one that the other has reached.
    """
    one, other = first.summary, second.summary
    starts = [datetime.date.fromisoformat(summary["as_of"]) for summary in (one, other)]
    dates = sorted({*one["days"].values(), *other["days"].values()})
    if kind == "flags":
        dates = [one["until"]] if one["until"] == other["until"] else []
    if kind == "outcomes":
        dates = [date for date in dates if date in one["days"].values() and date in other["days"].values()]
    for date in dates:
        first_day, second_day = ((datetime.date.fromisoformat(date) - start).days for start in starts)
        if 0 < first_day <= one["until_days"] and 0 < second_day <= other["until_days"]:
            yield date, (first_day, second_day)


def _record(run: Stored) -> Record:
    from sim.beliefs.record import of_run

    summary = run.summary
    days = tuple(int(day) for day in summary["days"])
    return of_run(run.folder, list(summary["milestones"]), list(summary["outcomes"]), days, list(summary["flags"]))


# -------------------------------------------------------------------------------------------------------- the table
def show(data: Mapping[str, Any], out: Console) -> None:
    """Print what differs."""
    first, second = data["runs"]
    out.print(f"{first}  against  {second}", style="bold")
    if data["same"]:
        out.print("The simulated histories are the same, to the last bit.")
    for title, part in (
        ("Settings", "settings"),
        ("Scenario", "scenario"),
        ("In force", "in_force"),
        ("Findings known", "findings"),
    ):
        _unlike_table(out, title, data[part], data["runs"])
    dates = data["dates"]
    if not dates:
        remark("no event can be read on the same date in both runs: they end on other days")
    for date in dates:
        rows = table.ruled(f"Chances by {date_words(date)}")
        for header in ("", *data["runs"], "difference in points (95 % by sampling)"):
            rows.add_column(header, justify="left" if not header else "right", overflow="fold")
        for event in (event for event in data["chances"] if event["date"] == date):
            rows.add_row(_named(event), *map(_chance, event["chances"], event["ranges"]), _moved(event))
        out.print(rows)
    if any(ends for event in data["chances"] for ends in event["ranges"]):
        out.print("In brackets: 10–90 % range over the inputs, where the run has read it on that day.", style="dim")
    others = "; at the same calendar dates" if data["as_of"][0] != data["as_of"][1] else ""
    n = data["chances"][0]["histories"] if data["chances"] else 0
    if n:
        out.print(f"Differences over the {n:,} simulated histories that both have, pair by pair{others}.", style="dim")
    out.print("Chances are under the assumptions of each run; a difference is one between assumptions.", style="dim")
    for run in data["runs"]:
        out.print(run, style="dim")


def _chance(share: float, ends: list[float] | None) -> str:
    return with_range(share, *ends) if ends else percent(share)


def _named(event: Mapping[str, Any]) -> str:
    return words(event["name"]) + (" (happened by then)" if event["kind"] == "milestones" else "")


def _moved(event: Mapping[str, Any]) -> str:
    low, high, middle = (100.0 * event[key] for key in ("low", "high", "difference"))
    if event["difference"] == 0.0:
        return f"0.0 (±{high:.1g})"
    return f"{middle:+.1f} ({low:+.1f} to {high:+.1f})"


def _unlike_table(out: Console, title: str, rows: list[tuple[str, str | None, str | None]], runs: list[str]) -> None:
    if not rows:
        out.print(f"{title}: no difference.")
        return
    found = table.ruled(title)
    for header in ("", *runs):
        found.add_column(header, overflow="fold")
    for key, one, other in rows[:MOST]:
        found.add_row(key, *(MISSING if value is None else _short(value) for value in (one, other)))
    out.print(found)
    if len(rows) > MOST:
        out.print(f"and {len(rows) - MOST} more.", style="dim")


def _short(value: str) -> str:
    return value if len(value) <= WIDE else f"{value[: WIDE - 1].rstrip()}…"
