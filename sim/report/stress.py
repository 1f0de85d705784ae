"""A scenario by the checklist STRESS-DES, its 24 items.

Monks, Currie, Onggo, Robinson, Kunc and Taylor, "Strengthening the reporting of empirical simulation studies:
introducing the STRESS guidelines", Journal of Simulation 13(1) (2019) 55-67. Questions in our own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sim.model.compiled import RULES_VERSION
from sim.report import method, tables
from sim.report.links import table
from sim.report.method import Settings
from sim.report.sourced import checked, item, keys, rows
from sim.runs.executors import name_of
from sim.scenario.scenario import Scenario, free_judgements
from sim.statistics.shown import plural

Data = dict[str, Any]
STANDARD: Final = "STRESS-DES (Monks et al. 2019, Journal of Simulation 13(1) 55-67)"


def stress(scenario: Scenario, settings: Settings, linked: Data, summary: Mapping[str, Any] | None = None) -> Data:
    """The section, see :func:`sim.report.documented.documented`.

    ``linked`` is what :func:`sim.report.links.links` gives.
    """
    items = [
        *_objectives(scenario),
        *_logic(scenario, linked),
        *_components(scenario, linked["idle"]),
        *_data(scenario),
        *_experiment(scenario, settings, summary),
        *_implementation(settings, summary),
    ]
    return checked({"name": "stress", "title": "STRESS-DES", "standard": STANDARD, "items": items}, scenario, settings)


def _objectives(scenario: Scenario) -> Iterator[Data]:
    yield item(
        "1.1",
        "Purpose of the model",
        "Why was the model made, and for what?",
        [f"Question put to the model: {scenario.question}"],
        source=["scenario: question"],
        author="background, who asked, and what the answer is to be used for",
    )
    yield item(
        "1.2",
        "Model outputs",
        "Which results are reported, how are they worked out, and how is their error?",
        [
            method.WATCHED,
            "Reported for each: its chance, the share of histories in which it holds, by each horizon, with a 95 % "
            "interval and the 10–90 % range over the inputs (4.3).",
        ],
        table=tables.outputs(scenario),
        source=[*keys(scenario, "outcomes", "milestones", "flags", "ladder"), "code: sim/statistics/intervals.py"],
    )
    yield item(
        "1.3",
        "Experimentation aims",
        "Which questions were the experiments to answer, and why these?",
        author="which variants, sweeps or experiments were run beside the forecast, and why",
    )


def _logic(scenario: Scenario, linked: Data) -> Iterator[Data]:
    yield item(
        "2.1",
        "Base model overview diagram",
        "A picture of the model.",
        ["The figure of what acts on what; as a table:"],
        table=table(linked),
        source=[
            "scenario: actions",
            "scenario: state",
            "code: sim/report/links.py",
            "code: sim/figures/sheets/model.py",
        ],
    )
    yield item(
        "2.2",
        "Base model logic",
        "How does the model go from one event to the next?",
        [*method.STEP, method.WORK],
        source=["code: sim/engines/reference.py", "code: sim/model/spec.py"],
    )
    yield item(
        "2.3",
        "Scenario logic",
        "In what do variants differ from the base model?",
        author="what each variant that is reported changes (study=compare and an experiment's file list the changes)",
    )
    yield item(
        "2.4",
        "Algorithms",
        "Which formulas and rules stand for what people do?",
        ["For each action: when it is possible, how fast, and what follows with which chance."],
        table=tables.actions(scenario),
        source=["scenario: actions", "code: sim/report/formulas.py"],
    )


def _components(scenario: Scenario, idle: Sequence[str]) -> Iterator[Data]:
    yield item(
        "2.5.1",
        "Components: entities",
        "Who or what moves through the model?",
        [
            "Actors, which stay throughout: "
            + "; ".join(f"{actor.label} ({actor.what})" for actor in scenario.actors.values())
            + "."
            + (f" Named but without an action: {', '.join(idle)}." if idle else ""),
        ],
        source=["scenario: actors"],
    )
    count = len(scenario.spec.actions)
    yield item(
        "2.5.2",
        "Components: activities",
        "What do they do, and how long does it take?",
        [f"{plural(count, 'action')}; rates and delays are in 2.4. An action itself takes no time: what takes time is "
         "the waiting for it."],
        source=["scenario: actions"],
    )  # fmt: skip
    bounded = [v.name for v in scenario.spec.variables if v.upper is not None and not scenario.variables[v.name].levels]
    yield item(
        "2.5.3",
        "Components: resources",
        "What is scarce, and who gets it?",
        [
            "No resource is seized or released. What is limited is limited by the bounds of a number of the state"
            + (f": {', '.join(bounded)}." if bounded else ".")
        ],
        source=["scenario: state", "code: sim/model/spec.py"],
    )
    yield item(
        "2.5.4",
        "Components: queues",
        "Where does something wait in line, and in which order?",
        ["Nowhere: actions race side by side, and none waits for another's turn."],
        source=["code: sim/engines/reference.py"],
    )
    yield item(
        "2.5.5",
        "Components: entry and exit points",
        "Where does something enter or leave the model?",
        [
            "Nobody enters or leaves: all actors are there from the start to the end.",
            *method.length(scenario),
        ],
        source=[*keys(scenario, "actors", "until", "ends")],
    )


def _data(scenario: Scenario) -> Iterator[Data]:
    sources = tables.sources(scenario)
    yield item(
        "3.1",
        "Data sources",
        "Where do the numbers come from?",
        [
            "Reports and data cited; each number's own basis is in 3.3 and in the table of the state (ODD 2)."
            if sources["rows"]
            else "No report and no data is cited: every number is a judgement (3.4)."
        ],
        table=sources if sources["rows"] else None,
        source=keys(scenario, "reports", "findings", "base_rates") or ["scenario: state"],
    )
    yield item(
        "3.2",
        "Pre-processing",
        "What was done to the data before the model read them?",
        author="how findings and cases were counted, chosen and turned into the numbers of the scenario",
    )
    table = tables.quantities(scenario)
    yield item(
        "3.3",
        "Input parameters",
        "Every input with its law or value.",
        [f"{plural(len(table['rows']), 'number')} by name; the numbers of the state are in ODD 2."],
        table=table,
        source=[*keys(scenario, "inputs", "amounts"), "code: sim/model/laws.py"],
    )
    assumed = tables.judgements(scenario)
    yield item(
        "3.4",
        "Assumptions",
        "What is assumed where nothing is known, and why?",
        [
            f"{plural(len(free_judgements(scenario)), 'judgement')} could well be otherwise; all are listed with their "
            "reasons, and so is what the reports say and the model leaves out."
        ],
        table=assumed if assumed["rows"] else None,
        source=keys(scenario, "inputs", "state", "not_modelled"),
    )


def _experiment(scenario: Scenario, settings: Settings, summary: Mapping[str, Any] | None) -> Iterator[Data]:
    yield item(
        "4.1",
        "Initialisation",
        "How does a run begin, and is there a warm-up?",
        method.start(scenario),
        source=[*keys(scenario, "as_of", "state", "crisis_start"), "setting: run.past"],
    )
    yield item(
        "4.2", "Run length", "How long does a run last?", method.length(scenario),
        source=keys(scenario, "until", "horizons", "ends"),
    )  # fmt: skip
    yield item(
        "4.3",
        "Estimation approach",
        "How many runs are there, and how is their error told?",
        method.estimates(scenario, settings, summary),
        source=["setting: run.replications", "setting: run.inputs", "setting: run.histories",
                "code: sim/statistics/intervals.py", "code: sim/statistics/clusters.py"],
    )  # fmt: skip


def _implementation(settings: Settings, summary: Mapping[str, Any] | None) -> Iterator[Data]:
    yield item(
        "5.1",
        "Software or programming language",
        "Which software and libraries, in which versions?",
        [f"The escalation simulator, rules version {RULES_VERSION}, and what it stands on, as installed here:"],
        table=rows(("name", "version"), method.versions()),
        source=["code: sim/model/compiled.py", "code: sim/report/method.py"],
    )
    yield item(
        "5.2",
        "Random sampling",
        "Which generator, which seeds, and what keeps streams apart?",
        [method.DRAWS, f"Seed: {settings.seed}."],
        source=["setting: run.seed", "code: sim/model/draws.py", "code: sim/model/laws.py"],
    )
    yield item(
        "5.3",
        "Model execution",
        "How are events processed, in which order where two come together, and how is work spread?",
        [
            f"By the engine {settings.engine}; all engines give the same histories to the last bit. {method.TIES}",
            f"Histories are done in parts of {settings.chunk:,} by executor={name_of(settings.executor)}; no number "
            "depends on either.",
        ],
        source=["setting: engine", "setting: executor", "setting: run.chunk", "code: sim/engines/interface.py"],
    )
    did = [f"The run has {plural(summary['events'], 'event')} in all."] if summary is not None else []
    yield item(
        "5.4",
        "System specification",
        "On which machine, and how long did it take?",
        did,
        source=["code: sim/runs/execute.py"] if did else [],
        author="processor, memory and system of the machine, and the time taken (the manifest of a run has when it "
        "started and finished)",
    )
    yield item(
        "6.1",
        "Computer model sharing statement",
        "Where can model and code be had, and on which terms?",
        author="where the code, this scenario and the results are kept, and under which licence",
    )
