"""How good was a forecast? Scored against what happened, beside base rate, rival, statements and no knowledge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.beliefs import scoring
from sim.beliefs.record import Record, of_run
from sim.beliefs.weights import history_weights
from sim.runs import store
from sim.statistics.shown import words
from sim.studies.forecast import Result, forecast, load, task_of
from sim.studies.happened import Happened, read
from sim.studies.order import Order, remark, say_folder, watched
from sim.studies.settings import SettingError, Settings
from sim.studies.weighed import claims_of, in_force, opened, prepared

if TYPE_CHECKING:
    from sim.runs.plan import Task
    from sim.scenario.scenario import Scenario

STUDY: Final = "score"
SETTINGS: Final = ("happened", "run", "floor")
Floats = NDArray[np.float64]
Data = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Law:
    """A law that is scored: ``weights`` (n,) of the histories, or None where it only knows the outcomes' number."""

    kind: str
    label: str
    weights: Floats | None


def answer(order: Order) -> int:
    """Score the forecast of an order, or a saved one, against a file of what happened."""
    from sim.studies import table
    from sim.studies.score_table import show

    given, folder = order.study.get("happened"), order.study.get("run")
    if not isinstance(given, str):
        raise SettingError("study.happened: say which file tells what happened, such as study.happened=happened.yaml")
    floor = order.study.get("floor", scoring.FLOOR)
    if not isinstance(floor, int | float) or isinstance(floor, bool) or not 0.0 < floor <= 0.5:
        raise SettingError(f"study.floor: {floor!r}; a chance above 0 and up to 0.5 is wanted, such as 0.001")
    if folder is not None:
        scenario, settings, task = opened(Path(str(folder)))
        found, happened = load(Path(str(folder))), read(Path(given), scenario, task.until)
    else:
        scenario, settings = order.scenario(), order.settings
        task = task_of(scenario, settings)
        happened = read(Path(given), scenario, task.until)
        with watched(settings.replications + settings.inputs * settings.histories) as progress:
            found = forecast(scenario, settings, order.results, command=order.command, progress=progress, say=remark)
    data = scored(scenario, settings, found, happened, float(floor))
    show(data, table.console())
    identity = store.configuration_hash({"forecast": found.summary["content_hash"], "happened": repr(happened)})
    place = store.run_folder(order.results, scenario.name, STUDY, identity)
    record = {"format": store.FORMAT, "study": STUDY, "configuration": identity, "command": order.command}
    record |= {"forecast": found.folder.name, "content_hash": found.summary["content_hash"], "happened": given}
    store.write_json(place / "summary.json", data)
    store.write_json(place / "manifest.json", {**record, "complete": True})
    say_folder(place)
    return 0


def scored(
    scenario: Scenario, settings: Settings, found: Result, happened: Happened, floor: float = scoring.FLOOR
) -> Data:
    """Every score of every law, as plain data.

    Raises SettingError where what happened has nothing on a day at which the forecast reads outcomes.
    """
    task = task_of(scenario, settings)
    _check(happened, task, found)
    record = of_run(found.folder, task.model.milestones, [name for name, _ in task.model.outcomes], task.days)
    laws = list(_laws(scenario, settings, task, found, record))
    rows = [_scores(law, record, task, happened, floor) for law in laws]
    for row in rows:
        for day, score in row["outcomes"].items():
            score["gain"] = score["log"] - rows[0]["outcomes"][day]["log"]
    return {
        "format": store.FORMAT,
        "study": STUDY,
        **{key: found.summary[key] for key in ("scenario", "title", "as_of", "days", "replications", "seed")},
        "known": scenario.date(happened.known).isoformat(),
        "floor": floor,
        "source": happened.source,
        "happened": {
            "outcomes": {str(day): name for day, name in happened.outcomes.items()},
            "milestones": dict(happened.milestones),
            "ranked": list(happened.ranked),
        },
        "dates": {str(day): scenario.date(day).isoformat() for day in {*happened.outcomes, happened.known}},
        "laws": rows,
        "counts": list(_counts(scenario, found, happened)),
    }


def _check(happened: Happened, task: Task, found: Result) -> None:
    for day in happened.outcomes:
        if day not in task.days:
            dates = ", ".join(found.summary["days"].values())
            raise SettingError(
                f"outcome: the forecast reads outcomes at the end of {dates}, and not {day} days on; give the outcome "
                "by one of these dates, such as {" + found.summary["days"][str(task.days[0])] + ": …}"
            )
    followed = {count["name"] for count in found.summary["counts"]}
    for name in happened.counts:
        if name not in followed:
            raise SettingError(f"counts.{name}: not followed day by day; those are {', '.join(sorted(followed))}")
    if not (happened.outcomes or happened.milestones or happened.counts):
        raise SettingError("what happened: the file gives no outcome, milestone or count to score")


def _laws(scenario: Scenario, settings: Settings, task: Task, found: Result, record: Record) -> Iterator[Law]:
    """The model first, then everything it is held against."""
    yield Law("model", "the model", np.full(record.size, 1.0 / record.size))
    for name, page in found.summary.get("rival", {}).items():
        for key, kind, label in (("pooled", "past", "past cases"), ("probability", "rival", "one-page rival")):
            by = {int(day): numbers[key] for day, numbers in page["by"].items() if numbers}
            if by:
                yield Law(kind, f"{label}: {words(name)}", scoring.completed(record, name, by))
    if any(statement.about is None for statement in scenario.statements):
        try:
            claims, _ = claims_of(scenario, in_force(scenario), task)
        except SettingError as error:
            remark(f"statements are not scored: {error}")
            claims = ()
    else:
        claims = ()
    if claims:
        weighing = prepared(task, found.folder, claims, inputs=settings.inputs, histories=settings.histories)
        for i, claim in enumerate(claims):
            alone = [1.0 if k == i else 0.0 for k in range(len(claims))]
            ratio = weighing.ratio(alone, "pool")
            yield Law("stated", f"{words(claim.name)} at face value", history_weights(weighing.cells, ratio))
        rule = weighing.ratio(weighing.default_weights(), "pool")
        yield Law("weighted", "the model and statements, weighted by rule", history_weights(weighing.cells, rule))
    yield Law("uniform", "every outcome alike", None)


def _scores(law: Law, record: Record, task: Task, happened: Happened, floor: float) -> Data:
    outcomes, names = {}, list(record.names)
    for day, name in happened.outcomes.items():
        shares = (
            scoring.outcome_law(record, law.weights, day)
            if law.weights is not None
            else np.full(len(names), 1.0 / len(names))
        )
        seen = names.index(name)
        outcomes[str(day)] = {
            "chance": float(shares[seen]),
            "log": scoring.log_score(float(shares[seen]), floor),
            "brier": scoring.brier(shares, seen),
            "ranked": _ranked(shares, names, name, happened.ranked),
        }
    milestones = {}
    for name, came in happened.milestones.items():
        if law.weights is None:
            continue
        chance = scoring.reached(record, law.weights, name, task.until)
        by = {
            str(day): scoring.brier_of(float(chance[day]), happened=came is not None and came <= day)
            for day in task.days
            if day <= happened.known
        }
        milestones[name] = {"by": by, "crps": scoring.crps_days(chance, came, happened.known)}
    return {"kind": law.kind, "label": law.label, "outcomes": outcomes, "milestones": milestones}


def _ranked(shares: Floats, names: list[str], happened: str, order: tuple[str, ...]) -> float | None:
    """Ranked score over outcomes in rising order; all others lie together below them."""
    if not order:
        return None
    above = [float(shares[names.index(name)]) for name in order]
    place = order.index(happened) + 1 if happened in order else 0
    return scoring.ranked([max(1.0 - sum(above), 0.0), *above], place)


def _counts(scenario: Scenario, found: Result, happened: Happened) -> Iterator[Data]:
    """Counts by date: the model's score, and that of a count that stays where it was."""
    if not happened.counts:
        return
    followed = found.occupancy()
    scales: Mapping[str, Any] = {count["name"]: count for count in found.summary["counts"]}
    for name, by_day in happened.counts.items():
        scale, mine = scales[name], followed["watched"] == f"state.{name}"
        for day, seen in by_day.items():
            there = mine & (followed["day"] == day)
            values = scale["lower"] + scale["step"] * followed["value"][there]
            shares = followed["histories"][there] / found.summary["replications"]
            start = mine & (followed["day"] == 0)
            first = scale["lower"] + scale["step"] * followed["value"][start]
            stays = followed["histories"][start] / found.summary["replications"]
            yield {
                "name": name,
                "date": scenario.date(day).isoformat(),
                "seen": seen,
                "mean": float((values * shares).sum()),
                "below": float(shares[values < seen].sum()),
                "at_most": float(shares[values <= seen].sum()),
                "crps": scoring.crps(values, shares, seen),
                "stays": scoring.crps(first, stays, seen),
            }
