"""Is the scenario all right? Reads and compiles it; every problem is an error, so what is left is what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sim.scenario.remarks import remarks
from sim.statistics.shown import plural
from sim.studies.forecast import task_of
from sim.studies.order import Order, yes_or_no

if TYPE_CHECKING:
    from sim.model.compiled import Model
    from sim.scenario.scenario import Scenario
    from sim.scenario.source import Source

SETTINGS: Final = ("judgements",)


def answer(order: Order) -> int:
    """Check the scenario of an order and say what is in it."""
    listed = yes_or_no(order.study.get("judgements", True), "study.judgements")
    scenario = order.scenario()
    lines = told(scenario, task_of(scenario, order.settings).model, judgements=listed)
    print("\n".join([*lines, *noticed(scenario, order.source)]))
    return 0


def told(scenario: Scenario, model: Model, *, judgements: bool = True) -> Iterator[str]:
    """What is in a scenario that holds together; with its free judgements by place and sentence."""
    counts = {
        "variable": len(model.variables),
        **({"tension": len(model.tensions)} if model.tensions else {}),
        "uncertain input": len(model.inputs),
        "action": len(model.rows),
        "milestone": len(model.milestones),
        "outcome": len(model.outcomes),
    }
    listed = ", ".join(plural(count, what) for what, count in counts.items())
    yield f"ok: {scenario.name} as of {scenario.as_of}, {scenario.until:g} days: {listed}"
    if scenario.findings:
        found, left = len(scenario.findings), len(scenario.not_modelled)
        reports = plural(len(scenario.reports), "report")
        yield f"{plural(found, 'finding')} of {reports}: {found - left} used, {left} not modelled"
    if scenario.observations:
        named = ", ".join(f"{one.variable} ({one.date})" for one in scenario.observations)
        numbers = plural(len(scenario.observations), "later report")
        yield f"{numbers} held against this forecast (study=check_facts), by findings that do not enter it: {named}"
    from sim.scenario.scenario import free_judgements

    free = free_judgements(scenario)
    yield f"{plural(len(free), 'free judgement')}{':' if free and judgements else ''}"
    if judgements:
        yield from (f"  {judgement.place}: {judgement.why}" for judgement in free)


def noticed(scenario: Scenario, source: Source | None) -> Iterator[str]:
    """What is not wrong but worth knowing: what cannot happen on this date, what may run away, what nothing reads."""
    found = remarks(scenario, source)
    if found:
        yield f"{plural(len(found), 'remark')}:"
        yield from (f"  {remark}" for remark in found)
