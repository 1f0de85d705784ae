"""A forecast without what one report says: what rests on its findings falls back to the latest earlier value."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sim.model.spec import Spec
from sim.scenario.build import build
from sim.scenario.source import Layer, Source
from sim.studies.update.mix import without_actions

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario


@dataclass(frozen=True, eq=False)
class Without:
    """A model without a report: paths that fell back, and those that stay for want of an earlier value."""

    report: str
    spec: Spec
    fallen: tuple[str, ...]
    kept: tuple[str, ...]


def without(scenario: Scenario, report: str, source: Source | None = None) -> Without:
    """The scenario's model, as of its date, without the findings of a report.

    A dated value that cites one of them gives way to the latest earlier one that does not; an action that came into
    being on a date and cites one is gone. What has no earlier value stays.

    Raises ScenarioError where what is left makes no model.
    """
    cited = {number for number, finding in scenario.findings.items() if finding.report == report}
    data = copy.deepcopy(dict(scenario.data))
    fallen, kept, gone = [], [], []
    for section in ("state", "inputs", "amounts"):
        for name, given in data.get(section, {}).items():
            dated = given.get("start") if section == "state" and isinstance(given, Mapping) else given
            basis = given.get("basis") if section == "state" and isinstance(given, Mapping) else None
            left = _fallback(dated, basis, cited, scenario.as_of)
            if left is None:
                continue
            if not left:
                kept.append(f"{section}.{name}")
                continue
            fallen.append(f"{section}.{name}")
            if section == "state":
                given["start"] = left
            else:
                data[section][name] = left
    for name, given in data["actions"].items():
        if name in scenario.actions and _cites(given.get("basis"), cited):
            if given.get("from") is None:
                kept.append(f"actions.{name}")
            else:
                fallen.append(f"actions.{name}")
                gone.append(name)
    by = f"leaving out report {report}"
    known = source if source is not None and source.layers else Source((Layer("scenario", scenario.data, {}),))
    built = build(data, as_of=scenario.as_of, source=replace(known, by=by))
    return Without(report, without_actions(built.spec, gone), tuple(fallen), tuple(kept))


def _fallback(dated: Any, shared: Any, cited: set[int], as_of: datetime.date) -> list[Any] | None:
    """Entries up to the latest that does not rest on the findings; none if all do; None if the one in force does not.

    ``shared`` is the basis of entries that have none of their own.
    """
    entries = dated if isinstance(dated, list) else [dated]

    def rests(entry: Any) -> bool:
        own = entry.get("basis") if isinstance(entry, Mapping) else None
        return _cites(own or shared, cited)

    known = [entry for entry in entries if _from(entry) <= as_of]
    if not known or not rests(known[-1]):
        return None
    while known and rests(known[-1]):
        known.pop()
    return known


def _from(entry: Any) -> datetime.date:
    since = entry.get("from") if isinstance(entry, Mapping) else None
    return datetime.date.min if since is None else datetime.date.fromisoformat(str(since))


def _cites(basis: Any, cited: set[int]) -> bool:
    numbers = basis.get("report", []) if isinstance(basis, Mapping) else []
    return bool(cited & {int(number) for number in (numbers if isinstance(numbers, list) else [numbers])})
