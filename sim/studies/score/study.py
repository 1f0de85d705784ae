"""How good was a forecast? Scored against what happened, beside base rate, rival, statements and no knowledge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.beliefs import scoring
from sim.runs import store
from sim.studies.forecast import Result, forecast, load, task_of
from sim.studies.happened import Happened, asked_of, read
from sim.studies.order import Order, remark, say_folder, watched
from sim.studies.past import work
from sim.studies.score.laws import laws_of, scores
from sim.studies.settings import SettingError, Settings
from sim.studies.weigh.weighed import opened

if TYPE_CHECKING:
    from sim.runs.plan import Task
    from sim.scenario.scenario import Scenario

STUDY: Final = "score"
SETTINGS: Final = ("happened", "run", "floor")
Data = dict[str, Any]


def answer(order: Order) -> int:
    """Score the forecast of an order, or a saved one, against a file of what happened."""
    from sim.studies import table
    from sim.studies.score.table import show

    given, folder = order.study.get("happened"), order.study.get("run")
    if not isinstance(given, str):
        raise SettingError("study.happened: say which file tells what happened, such as study.happened=happened.yaml")
    floor = floor_of(order.study)
    if folder is not None:
        scenario, settings, task = opened(Path(str(folder)))
        found, happened = load(Path(str(folder))), read(Path(given), asked_of(scenario, task.until))
    else:
        scenario, settings = order.scenario(), order.settings
        task = task_of(scenario, settings)
        happened = read(Path(given), asked_of(scenario, task.until))
        with watched(work(scenario, settings)) as progress:
            found = forecast(scenario, settings, order.results, command=order.command, progress=progress, say=remark)
    data = scored(scenario, settings, found, happened, floor)
    show(data, table.console())
    identity = store.configuration_hash({"forecast": found.summary["content_hash"], "happened": repr(happened)})
    place = store.run_folder(order.results, scenario.name, STUDY, identity)
    record = {"format": store.FORMAT, "study": STUDY, "configuration": identity, "command": order.command}
    record |= {"forecast": found.folder.name, "content_hash": found.summary["content_hash"], "happened": given}
    store.write_json(place / "summary.json", data)
    store.write_json(place / "manifest.json", {**record, "complete": True})
    say_folder(place)
    return 0


def floor_of(study: Mapping[str, Any]) -> float:
    """The least chance that counts in a logarithm. Raises SettingError."""
    floor = study.get("floor", scoring.FLOOR)
    if not isinstance(floor, int | float) or isinstance(floor, bool) or not 0.0 < floor <= 0.5:
        raise SettingError(f"study.floor: {floor!r}; a chance above 0 and up to 0.5 is wanted, such as 0.001")
    return float(floor)


def scored(
    scenario: Scenario, settings: Settings, found: Result, happened: Happened, floor: float = scoring.FLOOR
) -> Data:
    """Every score of every law, as plain data.

    Raises SettingError where what happened has nothing on a day at which the forecast reads outcomes.
    """
    task = task_of(scenario, settings)
    _check(happened, task, found)
    names = [name for name, _ in task.model.outcomes]
    laws = laws_of(scenario, settings, task, found, {name: list(by) for name, by in happened.counts.items()})
    rows = [scores(law, names, happened, floor) for law in laws]
    gained(rows)
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
        "laws": [_without_counts(row) for row in rows if row["kind"] != "stays"],
        "counts": list(_counts(scenario, rows, happened)),
    }


def gained(rows: Sequence[Data]) -> None:
    """Add to every log score of an outcome what it gains over the first row's, the model's."""
    for row in rows:
        for day, score in row["outcomes"].items():
            score["gain"] = score["log"] - rows[0]["outcomes"][day]["log"]


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
    if happened.empty:
        raise SettingError("what happened: the file gives no outcome, milestone or count to score")


def _without_counts(row: Data) -> Data:
    return {key: value for key, value in row.items() if key != "counts"}


def _counts(scenario: Scenario, rows: Sequence[Data], happened: Happened) -> Iterator[Data]:
    """Counts by date: the score of the model, of a count that stays where it was, and of all other laws."""
    for name, by_day in happened.counts.items():
        for day, seen in by_day.items():
            found = {row["label"]: row["counts"][name][str(day)] for row in rows if str(day) in row["counts"][name]}
            last = next(row["label"] for row in rows if row["kind"] == "stays")
            yield {
                "name": name,
                "date": scenario.date(day).isoformat(),
                "seen": seen,
                **found[rows[0]["label"]],
                "stays": found[last]["crps"],
                "laws": [{"label": label, "mean": one["mean"], "crps": one["crps"]} for label, one in found.items()],
            }
