"""What a forecast rests on and how it was computed: every number with its basis, as plain data for a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sim.model.expressions import Number
from sim.model.laws import Law
from sim.report.words import label
from sim.scenario.scenario import free_judgements
from sim.statistics.shown import date_words, plural, words
from sim.studies import precision

if TYPE_CHECKING:
    from sim.scenario.scenario import Evidence, Scenario

Data = dict[str, Any]


def rests(scenario: Scenario) -> Data:
    """Every number with its basis, by section, and the findings by report."""
    titles = (
        ("Where things stand", _state(scenario)),
        ("What is not known, drawn once per history", _quantities(scenario, "inputs")),
        ("Drawn afresh at each use", _quantities(scenario, "amounts")),
        ("What can happen", _actions(scenario)),
        ("Past cases", _past(scenario)),
        ("What was said of the chances; no part of the model", _statements(scenario)),
    )
    parts = [{"title": title, "rows": list(rows)} for title, rows in titles]
    free = free_judgements(scenario)
    says = (
        f"Every number has a basis: findings from reports by number, data with their source, or a judgement with its "
        f"reason. {plural(len(free), 'judgement')} could well be otherwise."
    )
    return {"says": says, "parts": [part for part in parts if part["rows"]], "findings": _findings(scenario)}


def _basis(scenario: Scenario, evidence: Evidence | None) -> Data | None:
    if evidence is None:
        return None
    there = [number for number in evidence.reports if number in scenario.findings and _known(scenario, number)]
    kind = {"report": "reported", "change": "changed for this run"}.get(evidence.kind, evidence.kind)
    return {"kind": kind, "why": evidence.why, "fixed": evidence.fixed, "findings": there}


def _known(scenario: Scenario, number: int) -> bool:
    """Whether a finding was reported by the date of the forecast."""
    return scenario.reports[scenario.findings[number].report].date <= scenario.as_of


def _state(scenario: Scenario) -> Iterator[Data]:
    for variable in scenario.spec.variables:
        info = scenario.variables[variable.name]
        if isinstance(variable.start, Law):
            numbers = variable.start.parameters
            chances = zip(map(int, numbers[::2]), numbers[1::2], strict=True)
            told = ", ".join(f"{_level(info.levels, v)} {100 * chance:.2g} %" for v, chance in chances)
            value = f"not known: {told}"
        else:
            value = f"{_level(info.levels, variable.start)} {info.unit}".strip()
        yield _entry(scenario, words(variable.name), info.meaning, value, info.evidence)
    for tension in scenario.spec.tensions:
        felt = scenario.tensions[tension.name]
        start = tension.start.value if isinstance(tension.start, Number) else None
        value = f"a tension, {start:g} at the start" if start is not None else "a tension, drawn at the start"
        yield _entry(scenario, words(tension.name), felt.meaning, value, felt.evidence)


def _level(levels: tuple[str, ...], value: int) -> str:
    return words(levels[value]) if value < len(levels) else f"{value:,}"


def _quantities(scenario: Scenario, section: str) -> Iterator[Data]:
    for quantity in scenario.inputs if section == "inputs" else scenario.amounts:
        yield _entry(scenario, words(quantity.name), quantity.meaning, quantity.spread, quantity.evidence)


def _actions(scenario: Scenario) -> Iterator[Data]:
    for info in scenario.actions.values():
        actor = scenario.actors.get(info.actor)
        branches = [branch for branch in info.branches if branch]
        value = info.says + (f" – {'; or '.join(branches)}" if branches else "")
        yield _entry(scenario, actor.label if actor else info.actor, info.name, value, info.evidence)


def _past(scenario: Scenario) -> Iterator[Data]:
    for rate in scenario.base_rates:
        by = ", ".join(f"{100 * share:.3g} % by day {day:g}" for day, share in rate.by.items())
        basis: Data = {"kind": "data", "why": rate.source, "fixed": None, "findings": []}
        yield {"name": words(rate.milestone), "meaning": f"{rate.label}, n = {rate.n}", "value": by, "basis": basis}


def _statements(scenario: Scenario) -> Iterator[Data]:
    for said in scenario.statements:
        what = words(said.milestone) if said.milestone else " or ".join(map(words, said.outcomes))
        about = f", about {date_words(said.about.isoformat())}" if said.about else ""
        value = f"{said.words} for {what}{about}"
        yield _entry(scenario, said.speaker, date_words(said.said_on.isoformat()), value, said.evidence)


def _entry(scenario: Scenario, name: str, meaning: str, value: str, evidence: Evidence | None) -> Data:
    return {"name": name, "meaning": meaning, "value": value, "basis": _basis(scenario, evidence)}


def _findings(scenario: Scenario) -> list[Data]:
    """The findings known on the date of the forecast."""
    found = []
    for number, finding in scenario.findings.items():
        report = scenario.reports[finding.report]
        if _known(scenario, number):
            found.append(
                {
                    "number": number,
                    "says": finding.says,
                    "report": finding.report,
                    "outlet": report.outlet,
                    "date": report.date.isoformat(),
                    "left_out": scenario.not_modelled.get(number, ""),
                }
            )
    return sorted(found, key=lambda one: (one["date"], one["number"]))


# ---------------------------------------------------------------------------------------------------- how it was made
def made(summary: Mapping[str, Any], manifest: Mapping[str, Any], scenario: Scenario) -> Data:
    """Model, seeds, versions and checks, as sentences and a table."""
    model = scenario.spec
    inputs = sum(not quantity.constant for quantity in scenario.inputs)
    n, away = summary["replications"], summary["ran_away"]
    lines = [
        "The crisis is played forward as actors whose possible actions race against each other: each action has a "
        "condition, a speed or a delay, and what follows from it. "
        f"Here: {plural(len(scenario.actors), 'actor')}, {plural(len(scenario.actions), 'action')}, "
        f"{plural(len(model.variables), 'variable')}, {plural(inputs, 'uncertain input')}.",
        f"{plural(n, 'simulated history')} with inputs and luck of their own, "
        f"{plural(summary['events'], 'event')} in all; "
        + (f"{away:,} ran away. " if away else "none ran away. ")
        + (
            f"The range over the inputs comes from {plural(summary['inputs'], 'draw')} of them with "
            f"{plural(summary['histories'], 'history')} each, the noise of so few taken out."
            if summary["inputs"]
            else "No input is uncertain, so there is no range."
        ),
        *map(label, precision.line(summary)),
        "Every random number is a function of the seed, the name of what draws it and the history’s number; any "
        "history can be replayed alone (study=trace run.replication=…), on any machine, to the last bit.",
        "Checks: the same command with run.again=true computes the run again and compares its content hash; "
        "study=verify holds the engines against exactly solved cases, study=random_models against each other.",
    ]
    idle = [words(name.replace(".", ": ")) for name in summary.get("never", {}).get("actions", ())]
    if idle:
        lines.append(label(f"Never happened in any history: {', '.join(idle)}."))
    versions = manifest.get("versions", {})
    rows = [
        ("command", manifest.get("command") or "not known"),
        ("scenario", summary["scenario"]),
        ("seed", str(summary["seed"])),
        ("rules version", str(manifest.get("rules_version", "not known"))),
        ("engine", str(manifest.get("engine", "not known"))),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items()) or "not known"),
        ("computed", f"{manifest.get('started', '?')} to {manifest.get('finished', '?')}"),
        ("content hash", summary["content_hash"]),
        ("model", summary["digests"]["model"]),
        ("configuration", summary["digests"]["configuration"]),
    ]
    return {"lines": lines, "rows": [(name, label(value)) for name, value in rows]}
