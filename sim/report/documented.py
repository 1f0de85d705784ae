"""A scenario documented by two standards: filled from the scenario, the settings and the code, or left to an author."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.report.links import links
from sim.report.method import Settings
from sim.report.odd import odd
from sim.report.stress import stress
from sim.scenario.scenario import Scenario


def documented(
    scenario: Scenario, settings: Settings, summary: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """ODD and STRESS-DES of a scenario, with the ``summary`` of a run of it where there is one.

    Each has ``title``, ``standard``, how many items of how many are ``filled`` (``of``), and ``items`` as
    :func:`sim.report.sourced.item` makes them.
    """
    linked = links(scenario)
    return [odd(scenario, settings, linked), stress(scenario, settings, linked, summary)]
