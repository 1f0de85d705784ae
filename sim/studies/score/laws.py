"""What a forecast, and everything it is held against, says of what can be scored; and the scores of each.

A law is plain numbers by day, without its histories: it can be kept and scored later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.beliefs import scoring
from sim.beliefs.record import Record, of_run
from sim.beliefs.weights import history_weights
from sim.runs.plan import parts, simulate_part
from sim.statistics.shown import words
from sim.studies.happened import Happened
from sim.studies.order import remark
from sim.studies.settings import SettingError, Settings
from sim.studies.weigh.then import carried
from sim.studies.weigh.weighed import claims_of, in_force, prepared

if TYPE_CHECKING:
    from sim.runs.plan import Task
    from sim.scenario.scenario import Scenario
    from sim.studies.forecast import Result

Floats = NDArray[np.float64]
Data = dict[str, Any]
#: Counts of other laws than the model's are read from so many histories, the first of the run.
COUNTED: Final = 100_000
#: Histories that are played again at once.
TOGETHER: Final = 20_000
#: A count with more values than this within its bounds has no uniform law worth the name.
VALUES: Final = 10_000


@dataclass(frozen=True, eq=False)
class Law:
    """What is scored: ``kind`` (model, past, rival, stated, weighted, uniform, stays) and a ``label``.

    ``outcomes``: day -> chances (outcomes,). ``reached``: milestone -> chance (until + 1,) by the end of each day.
    ``counts``: count -> day -> values and their shares, both (values,). What a law does not speak of is not there.
    """

    kind: str
    label: str
    outcomes: Mapping[int, Floats] = field(default_factory=dict)
    reached: Mapping[str, Floats] = field(default_factory=dict)
    counts: Mapping[str, Mapping[int, tuple[Floats, Floats]]] = field(default_factory=dict)


def laws_of(
    scenario: Scenario, settings: Settings, task: Task, found: Result, counts: Mapping[str, Sequence[int]]
) -> list[Law]:
    """Everything that is scored, the model first; ``counts`` are those wanted, each with its days."""
    record = of_run(found.folder, task.model.milestones, [name for name, _ in task.model.outcomes], task.days)
    states = _states(task, min(record.size, COUNTED), counts)
    laws = []
    for kind, label, weights in _weights(scenario, settings, task, found, record):
        outcomes = {day: scoring.outcome_law(record, weights, day) for day in task.days}
        reached = {name: scoring.reached(record, weights, name, task.until) for name in task.model.milestones}
        values = _followed(found, counts) if kind == "model" else _weighted(states, weights)
        laws.append(Law(kind, label, outcomes, reached, values))
    number = len(task.model.outcomes)
    even = {day: np.full(number, 1.0 / number) for day in task.days}
    laws.append(Law("uniform", "every outcome alike", even, counts=_uniform(scenario, counts)))
    if counts:
        followed = found.occupancy()
        started = {name: dict.fromkeys(days, _at(found, followed, name, 0)) for name, days in counts.items()}
        laws.append(Law("stays", "as at the start", counts=started))
    return laws


def scores(law: Law, names: Sequence[str], happened: Happened, floor: float) -> Data:
    """Scores of one law against what happened, as plain data; ``names`` are the outcomes in their order.

    ``outcomes`` day -> chance, log, brier, ranked; ``milestones`` name -> ``by`` day the Brier score, ``log`` by day,
    and ``crps``; ``counts`` name -> day -> mean, below, at_most, crps.
    """
    outcomes: Data = {}
    for day, name in happened.outcomes.items():
        if day in law.outcomes:
            shares, seen = law.outcomes[day], list(names).index(name)
            outcomes[str(day)] = {
                "chance": float(shares[seen]),
                "log": scoring.log_score(float(shares[seen]), floor),
                "brier": scoring.brier(shares, seen),
                "ranked": _ranked(shares, list(names), name, happened.ranked),
            }
    milestones: Data = {}
    for name, came in happened.milestones.items():
        if name not in law.reached:
            continue
        chance, known = law.reached[name], happened.known_for(name)
        by, logs = {}, {}
        for day in law.outcomes:
            if day <= known:
                share, it_came = float(chance[day]), came is not None and came <= day
                by[str(day)] = scoring.brier_of(share, happened=it_came)
                logs[str(day)] = scoring.log_score(share if it_came else 1.0 - share, floor)
        milestones[name] = {"by": by, "log": logs, "crps": scoring.crps_days(chance, came, known)}
    counts: Data = {}
    for name, seen_by in happened.counts.items():
        known_days = law.counts.get(name, {})
        counts[name] = {str(day): _count(*known_days[day], seen) for day, seen in seen_by.items() if day in known_days}
    return {"kind": law.kind, "label": law.label, "outcomes": outcomes, "milestones": milestones, "counts": counts}


def _ranked(shares: Floats, names: list[str], happened: str, order: tuple[str, ...]) -> float | None:
    """Ranked score over outcomes in rising order; all others lie together below them."""
    if not order:
        return None
    above = [float(shares[names.index(name)]) for name in order]
    place = order.index(happened) + 1 if happened in order else 0
    return scoring.ranked([max(1.0 - sum(above), 0.0), *above], place)


def _count(values: Floats, shares: Floats, seen: float) -> Data:
    return {
        "mean": float((values * shares).sum()),
        "below": float(shares[values < seen].sum()),
        "at_most": float(shares[values <= seen].sum()),
        "crps": scoring.crps(values, shares, seen),
    }


# ----------------------------------------------------------------------------------------- what gives weight to what
def _weights(
    scenario: Scenario, settings: Settings, task: Task, found: Result, record: Record
) -> Iterator[tuple[str, str, Floats]]:
    """Kind, label and weights (n,) of the histories of each law that has some, the model first."""
    yield "model", "the model", np.full(record.size, 1.0 / record.size)
    for name, page in found.summary.get("rival", {}).items():
        for key, kind, label in (("pooled", "past", "past cases"), ("probability", "rival", "one-page rival")):
            by = {int(day): numbers[key] for day, numbers in page["by"].items() if numbers}
            if by:
                yield kind, f"{label}: {words(name)}", scoring.completed(record, name, by)
    if all(statement.about is not None for statement in scenario.statements):
        return
    try:
        chosen = in_force(scenario)
        claims, _ = claims_of(scenario, chosen, task)
        claims, _ = carried(scenario, chosen, claims, settings, found.folder.parent.parent)
    except SettingError as error:
        remark(f"statements are not scored: {error}")
        return
    weighing = prepared(task, found.folder, claims, inputs=settings.inputs, histories=settings.histories)
    for i, claim in enumerate(claims):
        alone = [1.0 if k == i else 0.0 for k in range(len(claims))]
        ratio = weighing.ratio(alone, "pool")
        yield "stated", f"{words(claim.name)} at face value", history_weights(weighing.cells, ratio)
    rule = weighing.ratio(weighing.default_weights(), "pool")
    yield "weighted", "the model and statements, weighted by rule", history_weights(weighing.cells, rule)


# --------------------------------------------------------------------------------------------------------- the counts
def _states(task: Task, n: int, counts: Mapping[str, Sequence[int]]) -> dict[tuple[str, int], Floats]:
    """Values (n,) of counts at the end of days in the first histories of the run, played again."""
    wanted = sorted({day for days in counts.values() for day in days})
    if not wanted:
        return {}
    days = tuple(sorted({*wanted, task.until}))
    plain = replace(task, days=days, watched=())
    place = {name: i for i, name in enumerate(task.model.variables)}
    found: dict[tuple[str, int], list[Floats]] = {}
    for part in parts(n, TOGETHER):
        rows = simulate_part(plain, part)
        for name, own in counts.items():
            for day in own:
                state = rows.state if day == task.until else rows.observed[days.index(day)]
                found.setdefault((name, day), []).append(state[place[name]].astype(np.float64))
    return {key: np.concatenate(pieces) for key, pieces in found.items()}


def _weighted(states: Mapping[tuple[str, int], Floats], weights: Floats) -> dict[str, dict[int, tuple[Floats, Floats]]]:
    found: dict[str, dict[int, tuple[Floats, Floats]]] = {}
    for (name, day), state in states.items():
        part = weights[: state.size] / weights[: state.size].sum()
        values, place = np.unique(state, return_inverse=True)
        shares = np.bincount(place, weights=part, minlength=values.size).astype(np.float64)
        found.setdefault(name, {})[day] = values, shares
    return found


def _followed(found: Result, counts: Mapping[str, Sequence[int]]) -> dict[str, dict[int, tuple[Floats, Floats]]]:
    """Counts as the forecast followed them, over all its histories."""
    followed = found.occupancy() if counts else {}
    return {name: {day: _at(found, followed, name, day) for day in days} for name, days in counts.items()}


def _at(found: Result, followed: Mapping[str, Any], name: str, day: int) -> tuple[Floats, Floats]:
    scale = next(count for count in found.summary["counts"] if count["name"] == name)
    there = (followed["watched"] == f"state.{name}") & (followed["day"] == day)
    values = scale["lower"] + scale["step"] * followed["value"][there]
    return values.astype(np.float64), followed["histories"][there] / found.summary["replications"]


def _uniform(scenario: Scenario, counts: Mapping[str, Sequence[int]]) -> dict[str, dict[int, tuple[Floats, Floats]]]:
    """Every value within its bounds alike, for counts that have both."""
    found = {}
    for variable in scenario.spec.variables:
        if variable.name in counts and variable.upper is not None and variable.upper - variable.lower < VALUES:
            values = np.arange(variable.lower, variable.upper + 1, dtype=np.float64)
            alike = values, np.full(values.size, 1.0 / values.size)
            found[variable.name] = dict.fromkeys(counts[variable.name], alike)
    return found
