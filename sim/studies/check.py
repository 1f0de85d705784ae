"""Is the scenario all right? Reads and compiles it; every problem is an error, so what is left is a count of parts."""

from __future__ import annotations

from typing import Final

from sim.scenario.scenario import free_judgements
from sim.studies.forecast import task_of
from sim.studies.order import Order

SETTINGS: Final = ()


def answer(order: Order) -> int:
    """Check the scenario of an order and say what is in it."""
    scenario = order.scenario()
    model = task_of(scenario, order.settings).model
    counts = {
        "variables": len(model.variables),
        "uncertain inputs": len(model.inputs),
        "actions": len(model.rows),
        "milestones": len(model.milestones),
        "outcomes": len(model.outcomes),
        "free judgements": free_judgements(scenario),
    }
    listed = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(f"ok: {scenario.name} as of {scenario.as_of}, {scenario.until:g} days: {listed}")
    return 0
