"""Tables of a scenario that reporting standards ask for: variables, inputs, actions, outputs, sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.model.expressions import Number
from sim.model.laws import Law
from sim.report.formulas import formulas, plain
from sim.report.sourced import rows
from sim.scenario.scenario import Evidence, Scenario
from sim.statistics.shown import date_words, words

Data = dict[str, Any]


def basis(evidence: Evidence | None) -> str:
    """What a number rests on."""
    if evidence is None:
        return "that of the inputs it names"
    kind = {"report": "reported", "change": "changed"}.get(evidence.kind, evidence.kind)
    found = f"finding {', '.join(map(str, evidence.reports))}" if evidence.reports else ""
    fixed = f"fixed: {evidence.fixed}" if evidence.fixed else ""
    return "; ".join(part for part in (kind, evidence.why, fixed, found) if part)


def variables(scenario: Scenario) -> Data:
    """Every number of the state: its name, its values, its start, its meaning, what the start rests on."""
    head = ("name", "values", "start", "meaning", "basis of the start")
    return rows(head, [*_variables(scenario), *_tensions(scenario)])


def _variables(scenario: Scenario) -> Iterator[tuple[str, ...]]:
    for variable in scenario.spec.variables:
        info = scenario.variables[variable.name]
        top = "open" if variable.upper is None else str(variable.upper)
        values = " < ".join(info.levels) if info.levels else f"{variable.lower} … {top} {info.unit}".strip()
        if isinstance(variable.start, Law):
            pairs = zip(variable.start.parameters[::2], variable.start.parameters[1::2], strict=True)
            drawn = ", ".join(f"{_level(info.levels, int(value))} {chance:.3g}" for value, chance in pairs)
            start = f"hidden, drawn: {drawn}"
        else:
            start = _level(info.levels, variable.start)
        yield variable.name, values, start, info.meaning, basis(info.evidence)


def _tensions(scenario: Scenario) -> Iterator[tuple[str, ...]]:
    for tension in scenario.spec.tensions:
        info = scenario.tensions[tension.name]
        decays = plain(scenario.data["state"][tension.name]["decays"])
        start = f"{tension.start.value:g}" if isinstance(tension.start, Number) else "by the inputs"
        yield tension.name, f"a real number; decays, {decays}", start, info.meaning, basis(info.evidence)


def _level(levels: tuple[str, ...], value: int) -> str:
    return levels[value] if 0 <= value < len(levels) else f"{value:,}"


def quantities(scenario: Scenario) -> Data:
    """Every input and amount with its law."""
    drawn = [("an input", quantity) for quantity in scenario.inputs]
    drawn += [("an amount", quantity) for quantity in scenario.amounts]
    head = ("name", "is", "law", "value or range", "meaning", "basis")
    return rows(
        head,
        [
            (q.name, "a constant" if q.constant else what, q.law.family, q.spread, q.meaning, basis(q.evidence))
            for what, q in drawn
        ],
    )


def actions(scenario: Scenario) -> Data:
    """Every action with its formulas."""
    found = []
    for action in scenario.spec.actions:
        info = scenario.actions.get(action.name)
        who = scenario.actors[action.actor].label if info and action.actor in scenario.actors else "by itself"
        says = info.says if info else f"{words(action.name.partition('.')[2])}: one of them fades"
        rests = basis(info.evidence if info else None)
        found.append((action.name, who, says, "\n".join(formulas(scenario, action.name)), rests))
    return rows(("action", "who", "says", "formulas", "basis"), found)


def outputs(scenario: Scenario) -> Data:
    """Outcomes, flags, milestones and rungs, with the sentence by which an outsider could tell."""
    whens = {one["name"]: one.get("when") for one in scenario.data["outcomes"]}
    found = [("outcome", o.name, plain(whens.get(o.name) or "otherwise"), o.says) for o in scenario.outcomes]
    flags, milestones = scenario.data.get("flags") or {}, scenario.data.get("milestones") or {}
    found += [("flag", flag.name, plain(flags[flag.name]["when"]), flag.says) for flag in scenario.flags]
    for one in scenario.milestones:
        seen = f"seen by {words(one.seen_by)}{f', {one.delay:g} d later' if one.delay else ''}"
        found.append(("milestone", one.name, plain(milestones[one.name]["when"]), f"{one.says} ({seen})"))
    ladder = {one["name"]: one.get("when") for one in scenario.data.get("ladder") or ()}
    found += [
        ("rung", rung, plain(ladder.get(rung) or "otherwise"), "the highest that holds") for rung in scenario.rungs
    ]
    return rows(("kind", "name", "holds when", "says"), found)


def sources(scenario: Scenario) -> Data:
    """Reports known on the date, and the data cited."""
    found = [
        (name, f"{one.outlet}, {date_words(one.date.isoformat())}", "; ".join(map(str, filter(None, (one.grade,)))))
        for name, one in scenario.reports.items()
        if one.date <= scenario.as_of
    ]
    cited = [q for q in (*scenario.inputs, *scenario.amounts) if q.evidence.kind == "data"]
    found += [(q.name, q.evidence.why, "data") for q in cited]
    known = [v for v in scenario.variables.values() if v.evidence.kind == "data"]
    found += [(v.name, v.evidence.why, "data") for v in known]
    found += [
        (a.name, a.evidence.why, "data") for a in scenario.actions.values() if a.evidence and a.evidence.kind == "data"
    ]
    found += [(f"{rate.milestone} (past cases)", rate.source, f"n = {rate.n}") for rate in scenario.base_rates]
    return rows(("for", "source", "kind"), found)


def judgements(scenario: Scenario) -> Data:
    """Every judgement with its reason, and what the reports say and the model leaves out."""
    found = [(j.place, j.why, f"fixed: {j.fixed}" if j.fixed else "free") for j in scenario.judgements]
    found += [(f"finding {n}", f"not modelled: {why}", "left out") for n, why in scenario.not_modelled.items()]
    return rows(("where", "assumed", "kind"), found)
