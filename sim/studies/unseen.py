"""What a forecast did not see: what cannot happen in its model, and what never happened in its histories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sim.model.bound import bind_spec
from sim.model.expressions import Expression, names
from sim.model.reach import reach

if TYPE_CHECKING:
    from sim.model.compiled import Model
    from sim.model.spec import Spec
    from sim.runs.tally import Tally
    from sim.scenario.scenario import Scenario

#: Actions of this actor only let what has been counted fade.
FADING: Final = "fading."


def impossible(scenario: Scenario) -> dict[str, dict[str, str | None]]:
    """Milestones, outcomes and flags that hold in no state the model can reach, and actions that it cannot do.

    Kind -> name -> the date from which some action of the file can bring it about; None where there is none.
    """
    bound = bind_spec(scenario.spec)
    reached, later = reach(bound), _written_later(scenario)
    found: dict[str, dict[str, str | None]] = {}
    for kind in ("milestones", "outcomes", "flags"):
        conditions = getattr(scenario.spec, kind)
        never = [c for c in conditions if reached.holds(bound.bind(c.when)) is None]
        dates = {c.name: [later[name] for name in _read(scenario.spec, c.when) if name in later] for c in never}
        found[kind] = {name: min(known) if known else None for name, known in dates.items()}
    found["actions"] = {action.name: None for action in bound.actions if reached.fires(action) is None}
    return found


def never(model: Model, tally: Tally) -> dict[str, list[str]]:
    """Actions and branches that never happened, and outcomes that no history had on any day at which they are read."""
    fired = tally.fired.tolist()
    actions, branches = [], []
    for row in model.rows:
        if row.name.startswith(FADING):
            continue
        counts = [fired[branch.number] for branch in row.branches]
        if not any(counts):
            actions.append(row.name)
        else:
            quiet = [branch for branch, count in zip(row.branches, counts, strict=True) if not count]
            branches += [
                f"{row.name}: {branch.label or branch.number - row.branches[0].number + 1}" for branch in quiet
            ]
    seen = tally.outcomes.sum(axis=0)
    outcomes = [name for (name, _), count in zip(model.outcomes, seen.tolist(), strict=True) if not count]
    return {"actions": actions, "branches": branches, "outcomes": outcomes}


def _read(spec: Spec, tree: Expression) -> set[str]:
    """Variables that a condition reads, also through milestones."""
    milestones = {m.name: m.when for m in spec.milestones}
    found: set[str] = set()
    todo = [tree]
    while todo:
        for name in names(todo.pop()) - found:
            found.add(name)
            if name in milestones:
                todo.append(milestones[name])
    return found


def _written_later(scenario: Scenario) -> dict[str, str]:
    """Variables that actions change which the file dates after the forecast: variable -> earliest such date."""
    actions = scenario.data.get("actions")
    dates: dict[str, str] = {}
    for action in actions.values() if isinstance(actions, Mapping) else ():
        since = str(action.get("from", ""))
        if since > scenario.as_of.isoformat():
            for name in _changed(action):
                dates[name] = min(since, dates.get(name, since))
    return dates


def _changed(action: Mapping[str, Any]) -> Iterator[str]:
    branches: Sequence[Mapping[str, Any]] = action.get("either") or ()
    for effects in (action.get("then"), action.get("always"), *(branch.get("then") for branch in branches)):
        yield from effects or ()
