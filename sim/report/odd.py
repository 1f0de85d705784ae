"""A scenario in the order of ODD: overview, design concepts, details.

Grimm, Railsback, Vincenot et al., "The ODD protocol for describing agent-based and other simulation models: a second
update to improve clarity, replication, and structural realism", JASSS 23(2) 7 (2020). Questions in our own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sim.report import method, tables
from sim.report.method import Settings
from sim.report.sourced import AUTHOR, PART, checked, item, keys, rows
from sim.scenario.scenario import Scenario, free_judgements
from sim.statistics.shown import date_words, plural, words

Data = dict[str, Any]
STANDARD: Final = "ODD, second update (Grimm et al. 2020, JASSS 23(2) 7)"


def odd(scenario: Scenario, settings: Settings, linked: Data) -> Data:
    """The section, see :func:`sim.report.documented.documented`; ``blocks`` are the seven elements of ODD.

    ``linked`` is what :func:`sim.report.links.links` gives.
    """
    items = [*_overview(scenario), *_concepts(scenario, linked), *_details(scenario)]
    section = {"name": "odd", "title": "ODD", "standard": STANDARD, "items": items}
    found = checked(section, scenario, settings)
    blocks: dict[str, bool] = {}
    for one in items:
        block = one["number"].partition(".")[0]
        blocks[block] = blocks.get(block, True) and one["status"] not in (AUTHOR, PART)
    return {**found, "blocks_filled": sum(blocks.values()), "blocks": len(blocks)}


def _overview(scenario: Scenario) -> Iterator[Data]:
    yield item(
        "1",
        "Purpose and patterns",
        "What is the model for, and by which observed patterns is it judged good enough for that?",
        [f"Question put to the model: {scenario.question}"],
        source=["scenario: question"],
        author="what the answer is to be used for, and which patterns of past crises the model has to reproduce "
        "before it is trusted (past cases that the scenario cites are in STRESS-DES 3.1)",
    )
    actors = "; ".join(f"{actor.label} ({actor.what})" for actor in scenario.actors.values())
    yield item(
        "2",
        "Entities, state variables and scales",
        "What is there, by which numbers is it described, and how fine are time and space?",
        [
            f"Entities: {actors}.",
            f"All that changes in a history is {plural(len(scenario.spec.variables), 'whole number')} with bounds"
            + (f" and {plural(len(scenario.spec.tensions), 'tension')}" if scenario.spec.tensions else "")
            + ", in the table; they belong to the situation, and any actor may read and change them.",
            f"Time is continuous, in days, from {date_words(scenario.as_of.isoformat())} for {scenario.until:g} days. "
            "There is no space.",
        ],
        table=tables.variables(scenario),
        source=[*keys(scenario, "actors", "state", "as_of", "until"), "code: sim/model/spec.py"],
    )
    yield item(
        "3",
        "Process overview and scheduling",
        "Who does what, in which order, and when are numbers updated?",
        [
            f"{plural(len(scenario.spec.actions), 'action')} race against each other; 7 has their formulas.",
            *method.STEP,
            method.TIES,
        ],
        source=["scenario: actions", "code: sim/engines/reference.py", "code: sim/model/compiled.py"],
    )


def _concepts(scenario: Scenario, linked: Data) -> Iterator[Data]:
    free = len(free_judgements(scenario))
    choosing = [action for action in linked["actions"] if len(action["branches"]) > 1]
    hidden = method.hidden(scenario)
    labels = {actor["name"]: actor["label"] for actor in linked["actors"]}
    yield item(
        "4.1",
        "Basic principles",
        "Which general ideas is the design built on?",
        [
            "A generalised semi-Markov process (Glynn 1989) in the form of random time changes (Anderson 2007): "
            "actions compete, the state speeds them up or slows them down, and what follows is drawn by weights that "
            "work as a multinomial logit (quantal response).",
            f"What is particular to this crisis rests on findings, data and {plural(free, 'free judgement')}, each "
            "with its reason (STRESS-DES 3.4).",
        ],
        source=["code: sim/model/spec.py", *keys(scenario, "findings", "inputs")],
    )
    names = ", ".join(words(outcome.name) for outcome in scenario.outcomes)
    yield item(
        "4.2",
        "Emergence",
        "Which results follow from what actors do, and which are put in?",
        [
            f"Put in: who can act, how fast, and by what that is moved. Emerging: which outcome a history comes to "
            f"({names}), when each milestone is reached, and in what order."
        ],
        source=keys(scenario, "outcomes", "milestones"),
    )
    what = "; ".join(f"{labels.get(one['actor'], one['actor'])}: {one['says']}" for one in choosing)
    yield item(
        "4.3",
        "Adaptation",
        "How do actors change what they do with the situation?",
        [
            "By speeds and by weights that read the state, at the moment of acting. "
            + (f"Choices between several things: {what}." if what else "No action chooses between several things.")
        ],
        source=["scenario: actions", "code: sim/report/links.py"],
    )
    yield item(
        "4.4",
        "Objectives",
        "What do actors try to achieve, and how do they measure it?",
        [
            "No actor has a utility that it maximises. What an actor wants enters as factors on speeds and weights"
            + (f", in part by starts that are drawn and known to nobody else: {_list(hidden)}." if hidden else ".")
        ],
        source=["scenario: actions", *(f"scenario: state.{name}" for name in hidden)],
    )
    yield item(
        "4.5",
        "Learning",
        "Do actors change their rules by experience?",
        ["No. Rules stay as they are within a history; only the state changes."],
        source=["code: sim/model/spec.py"],
    )
    yield item(
        "4.6",
        "Prediction",
        "Do actors look ahead?",
        ["No: actors are myopic. What they expect is there only where a number of the state stands for it."],
        source=["code: sim/model/spec.py", "scenario: state"],
    )
    yield item(
        "4.7",
        "Sensing",
        "What do actors know, and how late?",
        ["Each action knows the numbers that it reads, at once and without error:", *_sensing(linked, labels, hidden)],
        source=["scenario: actions", "code: sim/report/links.py"],
    )
    yield item(
        "4.8",
        "Interaction",
        "How do actors act on one another?",
        ["Only by numbers of the state that one changes and another reads:"],
        table=_interaction(linked, labels),
        source=["scenario: actions", "code: sim/report/links.py"],
    )
    inputs = sum(not quantity.constant for quantity in scenario.inputs)
    yield item(
        "4.9",
        "Stochasticity",
        "What is drawn at random, and why?",
        [
            f"{plural(inputs, 'uncertain input')} and {plural(len(hidden), 'hidden start')}, because they are not "
            f"known; {plural(len(scenario.amounts), 'amount')}, the times of actions and the choice of what "
            "follows, because they are chance.",
            method.DRAWS,
        ],
        source=["code: sim/model/draws.py", *keys(scenario, "inputs", "amounts")],
    )
    yield item(
        "4.10",
        "Collectives",
        "Are there groups with a behaviour of their own?",
        [f"No. Each actor is one: {_list(actor.label for actor in scenario.actors.values())}."],
        source=["scenario: actors"],
    )
    yield item(
        "4.11",
        "Observation",
        "What is recorded, and when?",
        [method.WATCHED],
        table=tables.outputs(scenario),
        source=keys(scenario, "milestones", "outcomes", "flags", "ladder"),
    )


def _details(scenario: Scenario) -> Iterator[Data]:
    yield item(
        "5",
        "Initialisation",
        "What is the state at the start, and does it differ between runs?",
        [*method.start(scenario), "Starts and what they rest on are in the table of 2."],
        source=[*keys(scenario, "as_of", "state", "crisis_start"), "code: sim/runs/past.py"],
    )
    thinned = [method.THINNED] if scenario.spec.tensions else []
    dated = [a.name for a in scenario.spec.actions if "on" in (scenario.data["actions"].get(a.name) or {})]
    yield item(
        "6",
        "Input data",
        "Does the model read series of data from outside while it runs?",
        [
            "No series is read during a history. "
            + (f"Actions with a date of their own: {_list(dated)}." if dated else "No action has a date of its own.")
            + " Values that reports gave by date are chosen once, by the date of the forecast."
        ],
        source=["scenario: actions", "scenario: as_of"],
    )
    yield item(
        "7",
        "Submodels",
        "What exactly does each process do, with which numbers?",
        [method.WORK, *thinned, "Inputs and amounts by name are in STRESS-DES 3.3."],
        table=tables.actions(scenario),
        source=["scenario: actions", "code: sim/report/formulas.py"],
    )


def _sensing(linked: Data, labels: Mapping[str, str], hidden: list[str]) -> list[str]:
    found = []
    for actor, label in labels.items():
        marks = [pair for action in linked["actions"] if action["actor"] == actor for pair in action["marks"].items()]
        read = dict.fromkeys(name for name, mark in marks if _reads(mark))
        secret = [name for name in read if name in hidden]
        also = f"; of these hidden: {_list(secret)}" if secret else ""
        found.append(f"{label}: {_list(read) or 'nothing'}{also}.")
    return found


def _interaction(linked: Data, labels: Mapping[str, str]) -> Data:
    """For each number of the state who changes and who reads it, where both are somebody."""
    found = []
    for column in linked["columns"]:
        name = column["name"]
        met = [(labels.get(a["actor"], "by itself"), a["marks"][name]) for a in linked["actions"] if name in a["marks"]]
        changed = dict.fromkeys(who for who, mark in met if mark["writes"])
        read = dict.fromkeys(who for who, mark in met if _reads(mark))
        found.append((words(name), ", ".join(changed) or "nobody", ", ".join(read) or "nobody"))
    return rows(("number", "changed by", "read by"), found)


def _reads(mark: Mapping[str, Any]) -> bool:
    return bool(mark["guard"] or mark["speed"] or mark["choice"] or mark["reads"])


def _list(names: Any) -> str:
    return ", ".join(words(str(name)) for name in names)
