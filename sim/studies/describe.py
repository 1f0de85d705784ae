"""A scenario in words: who acts, where things stand, what can happen and how fast, and what each number rests on.

``study.form`` chooses what is told: ``words`` (printed), ``diagram`` (what acts on what), ``odd`` and ``stress`` (by
the reporting standards ODD and STRESS-DES), or ``page``, all of it in a folder.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from sim.model.expressions import Number, nearest
from sim.model.laws import Law
from sim.scenario.scenario import Evidence, Rival, Scenario, Statement
from sim.statistics.shown import date_words, percent, plural, words
from sim.studies.order import Order
from sim.studies.settings import SettingError

SETTINGS: Final = ("form",)
WORDS, DIAGRAM, ODD, STRESS, PAGE = FORMS = ("words", "diagram", "odd", "stress", "page")
WIDTH: Final = 110
#: A chance that is certain, but for rounding.
ALL_BUT: Final = 1 - 1e-9
_CLOCKS: Final = (("on", "on"), ("when", "at once when"), ("rate", "rate"), ("after", "after"))


def answer(order: Order) -> int:
    """Tell the scenario of an order in the form that is asked."""
    form = order.study.get("form", WORDS)
    if form not in FORMS:
        raise SettingError(
            f"study.form: {form!r} is unknown{nearest(str(form), FORMS)}; choose from {', '.join(FORMS)}"
        )
    scenario = order.scenario()
    if form == WORDS:
        print("\n".join(describe(scenario)))
        return 0
    from sim.studies import describe_files

    return describe_files.answer(order, scenario, form)


def describe(scenario: Scenario) -> list[str]:
    """The scenario as lines of plain text, as of its date."""
    free = [judgement for judgement in scenario.judgements if judgement.fixed is None]
    parts: list[tuple[str, Iterable[str]]] = [
        ("Who acts", _actors(scenario)),
        ("Where things stand", _state(scenario)),
        ("What is not known, drawn once per history", _quantities(scenario, "inputs")),
        ("Drawn afresh at each use", _quantities(scenario, "amounts")),
        *((f"What {actor.label} may do", _actions(scenario, name)) for name, actor in scenario.actors.items()),
        ("What is watched", (f"{words(m.name)}: {m.says} ({_seen(m.seen_by, m.delay)})" for m in scenario.milestones)),
        ("How it may end, the first that holds", (f"{words(o.name)}: {o.says}" for o in scenario.outcomes)),
        ("Beside any outcome", (f"{words(f.name)}: {f.says}" for f in scenario.flags)),
        ("How past cases went", _base_rates(scenario)),
        ("What moves them on the one-page rival (study=baseline)", _rivals(scenario.rivals)),
        ("What was said of the chances; no part of the model (study=weigh)", map(_statement, scenario.statements)),
        (f"Judgements that could well be otherwise ({len(free)})", (f"{j.place}: {j.why}" for j in free)),
        ("What the reports say and the model leaves out", _left_out(scenario)),
    ]
    lines = [
        line for text in (scenario.title, scenario.question, *_head(scenario)) for line in textwrap.wrap(text, WIDTH)
    ]
    for title, entries in parts:
        shown = [line for entry in entries for line in _wrapped(entry)]
        if shown:
            lines += ["", title, *shown]
    return lines


def _head(scenario: Scenario) -> Iterator[str]:
    known = [report for report in scenario.reports.values() if report.date <= scenario.as_of]
    outlets = "; ".join(f"{report.outlet}, {date_words(report.date.isoformat())}" for report in known)
    yield (
        f"As of the end of {date_words(scenario.as_of.isoformat())}, for {scenario.until:g} days."
        f"{f' Reports: {outlets}.' if outlets else ''}"
    )


def _actors(scenario: Scenario) -> Iterator[str]:
    for actor in scenario.actors.values():
        yield f"{actor.label}: {actor.what}"


def _state(scenario: Scenario) -> Iterator[str]:
    for variable in scenario.spec.variables:
        info = scenario.variables[variable.name]
        if isinstance(variable.start, Law):
            chances = scenario.data["state"][variable.name]["start"]
            start = f"not known: {_drawn(chances, scenario)}"
        elif info.levels:
            start = words(info.levels[variable.start])
        else:
            start = f"{variable.start:,} {info.unit}".strip()
        past = _past(scenario) if info.knows_past else ""
        fades = scenario.data["state"][variable.name].get("fades")
        fading = f"; fades with a half-life of {fades['half_life']}" if fades else ""
        yield f"{words(variable.name)} ({info.meaning}): {start}{fading}{_rests(info.evidence, past)}"
    for tension in scenario.spec.tensions:
        felt = scenario.tensions[tension.name]
        given = scenario.data["state"][tension.name]["decays"]
        length = f"half-life of {given['half_life']}" if "half_life" in given else f"mean length of {given['mean']}"
        toward = f" towards {given['toward']}" if "toward" in given else ""
        number = tension.start.value if isinstance(tension.start, Number) else None
        begins = f"{number:g}" if number is not None else _plain(_begins(scenario, tension.name))
        unit = f" {felt.unit}" if felt.unit else ""
        yield (
            f"{words(tension.name)} ({felt.meaning}): a tension, {begins}{unit}; decays{toward} with a {length}"
            f"{_rests(felt.evidence)}"
        )


def _begins(scenario: Scenario, name: str) -> Any:
    """What the file gives as the start of a tension that is in force."""
    start = scenario.data["state"][name]["start"]
    entries = [e if isinstance(e, Mapping) else {"value": e} for e in (start if isinstance(start, list) else [start])]
    known = [entry for entry in entries if str(entry.get("from", "")) <= scenario.as_of.isoformat()]
    return known[-1]["value"]


def _drawn(start: Any, scenario: Scenario) -> str:
    """The chances of a hidden type that are in force."""
    entries = start if isinstance(start, list) else [start]
    known = [entry for entry in entries if str(entry.get("from", "")) <= scenario.as_of.isoformat()]
    return ", ".join(f"{words(str(level))} {float(chance):g}" for level, chance in known[-1]["drawn"].items())


def _quantities(scenario: Scenario, section: str) -> Iterator[str]:
    for quantity in scenario.inputs if section == "inputs" else scenario.amounts:
        meaning = f" ({quantity.meaning})" if quantity.meaning else ""
        past = _past(scenario) if quantity.knows_past and not quantity.constant else ""
        yield f"{quantity.name}{meaning}: {quantity.spread}{_rests(quantity.evidence, past)}"


def _past(scenario: Scenario) -> str:
    """What is said of a law that memory leaves as it is; nothing where there is no crisis to remember."""
    since = scenario.crisis_start
    return "" if since is None else f"knows the days since {date_words(since.isoformat())}: memory leaves it as it is"


def _actions(scenario: Scenario, actor: str) -> Iterator[str]:
    for info in scenario.actions.values():
        if info.actor != actor:
            continue
        given = scenario.data["actions"][info.name]
        clock = next(f"{word} {_plain(given[key])}" for key, word in _CLOCKS if key in given)
        guard = f"; while {given['while']}" if "while" in given else ""
        plus = f"; plus {_plain(given['plus'])}" if given.get("plus") else ""
        plus += _trend(given["trend"]) if given.get("trend") else ""
        yield f"{info.says} [{info.name}]: {clock}{plus}{_times(given)}{guard}{_follows(given)}{_rests(info.evidence)}"
        for branch in given.get("either", ()):
            possible = f"; if {branch['if']}" if "if" in branch else ""
            says = branch.get("says", "or")
            yield f"  - {says}: weight {_plain(branch.get('weight', 1))}{_times(branch)}{possible}{_follows(branch)}"
        if given.get("always") and given.get("either"):
            yield f"  in any case: {_plain(given['always'])}"


def _trend(given: Mapping[str, Any]) -> str:
    """How a rate changes with time."""
    shape, since = float(given["shape"]), str(given.get("since", "start"))
    power = round(shape - 1, 12)
    way = "falling" if power < 0 else "rising" if power > 0 else "steady"
    origin = {"start": "the start", "enabling": "when it became possible, or last happened"}.get(since, since)
    return f"; {way} with time, as (t / {given['at']}) ^ {power:g} for t since {origin}"


def _times(given: Mapping[str, Any]) -> str:
    if not given.get("times"):
        return ""
    factors = []
    for what, factor in given["times"].items():
        if isinstance(factor, Mapping):
            ((form, value),) = factor.items()
            factors.append(f"{value} for {form} of {what}" if form == "each" else f"{value} {form} ({what})")
        else:
            factors.append(f"{factor}" if what == "always" else f"{factor} if {what}")
    return f"; times {', '.join(factors)}"


def _follows(given: Mapping[str, Any]) -> str:
    effects = dict(given.get("then") or {})
    if not given.get("either"):
        effects = {**(given.get("always") or {}), **effects}
    restart = f"; starts {', '.join(given['restart'])} anew" if given.get("restart") else ""
    return (f"; then {_plain(effects)}" if effects else "") + restart


def _plain(value: Any) -> str:
    """Data as people write it, without quotes and braces."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " to ".join(_plain(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _rests(evidence: Evidence | None, past: str = "") -> str:
    """What a number rests on, in brackets, and what it has to do with the ``past``."""
    if evidence is None:
        return ""
    findings = f"finding {', '.join(str(number) for number in evidence.reports)}" if evidence.reports else ""
    kind = {"judgement": "judged", "data": "data", "change": "changed"}.get(evidence.kind, "")
    why = f"{kind}: {evidence.why}" if kind and evidence.why else ""
    fixed = f"fixed: {evidence.fixed}" if evidence.fixed else ""
    said = "; ".join(part for part in (why, fixed, findings, past) if part)
    return f" [{said}]" if said else ""


def _seen(by: str, delay: float) -> str:
    return f"seen by {words(by)}{f', {delay:g} d later' if delay else ''}"


def _base_rates(scenario: Scenario) -> Iterator[str]:
    for rate in scenario.base_rates:
        by = ", ".join(f"{share:g} by day {day:g}" for day, share in rate.by.items())
        yield f"{words(rate.milestone)}, {rate.label} (n = {rate.n}): {by} [{rate.source}]"


def _rivals(rivals: Iterable[Rival]) -> Iterator[str]:
    for rival in rivals:
        for special in rival.adjustments:
            odds = float(special.law.quantile(np.array([0.5]))[0])
            chance = "" if special.chance > ALL_BUT else f", with a chance of {percent(special.chance)}"
            chance = chance if special.chance > 0 else ", not so on this date"
            usual = f"; so in {percent(special.usual)} of past cases" if special.usual else ""
            whence = f" [input {special.input}]" if special.input else _rests(special.evidence)
            yield f"{words(rival.milestone)}, odds × {odds:.2g}{chance}: {special.says}{usual}{whence}"


def _statement(said: Statement) -> str:
    about = f", about {date_words(said.about.isoformat())}" if said.about else ""
    what = words(said.milestone) if said.milestone else " or ".join(map(words, said.outcomes))
    within = f"within {plural(round(said.within), 'day')}" if said.within is not None else "no deadline given"
    who = f"{said.speaker}, {date_words(said.said_on.isoformat())}{about}"
    return f"{who}: {what}, {said.words} ({within}){_rests(said.evidence)}"


def _left_out(scenario: Scenario) -> Iterator[str]:
    for number, reason in scenario.not_modelled.items():
        yield f"{scenario.findings[number].says} [finding {number}]: {reason}"


def _wrapped(entry: str) -> list[str]:
    deeper = len(entry) - len(entry.lstrip())
    first, rest = "  " + " " * deeper, "    " + " " * deeper
    return textwrap.wrap(
        entry.strip(),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
