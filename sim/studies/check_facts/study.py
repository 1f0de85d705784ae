"""An earlier forecast held against what was reported later, and what it would have had to believe.

The forecast of an earlier date is held against the numbers that later reports give (``reported`` in the scenario):
where do they lie in what was simulated? Then the histories are weighted by how well they agree, and what that makes of
each input and of the first milestone is set beside what was assumed. Nothing is fitted: the later forecast has its own
inputs, and in it these numbers are start values.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.beliefs.facts import Fact, together
from sim.model.expressions import nearest
from sim.model.laws import Law
from sim.runs import store
from sim.runs.execute import Progress, silent
from sim.statistics import weighted
from sim.statistics.shown import words
from sim.studies.check_facts.run import Gathered, first_times, gather, hidden_starts
from sim.studies.forecast import task_of
from sim.studies.kept import kept, rules_and_data
from sim.studies.order import Order, listed, remark, say_folder, watched, yes_or_no
from sim.studies.settings import RESTART, SettingError, Settings, whole

if TYPE_CHECKING:
    from sim.runs.plan import Task
    from sim.scenario.scenario import Observation, Scenario

STUDY: Final = "check_facts"
SETTINGS: Final = ("from", "facts", "milestone", "effective", "up_to", "figures")
EFFECTIVE, UP_TO = 200, 200
#: Quantiles of what was simulated, and of inputs.
FAN: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
ENDS: Final = (0.1, 0.5, 0.9)
#: An input is called unchanged within this many points of any percentile, or within what luck alone may do: a chance of
#: one in a hundred that any of the unchanged ones is called changed.
TINY, ALARMS = 0.05, 0.01
#: With fewer effective histories what the reports say of the inputs is a rough guess.
FEW: Final = 100

Data = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What is held against what: facts about the forecast of ``scenario``, and the milestone shown.

    ``effective`` histories are wanted that agree; up to ``up_to`` times ``run.replications`` are simulated for them.
    """

    scenario: Scenario
    known: datetime.date
    observations: tuple[Observation, ...]
    milestone: str | None
    effective: int = EFFECTIVE
    up_to: int = UP_TO

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The observations as facts about days of the forecast."""
        return tuple(
            Fact(o.variable, (o.date - self.scenario.as_of).days, float(o.value), o.reading, o.spread)
            for o in self.observations
        )


def answer(order: Order) -> int:
    """Hold an earlier forecast of an order's scenario against what was reported, show it and keep it."""
    from sim.studies import table
    from sim.studies.check_facts.table import show

    asked = question(order)
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    with watched(order.settings.replications * asked.up_to) as progress:
        data, folder = check_facts(asked, order.settings, order.results, command=order.command, progress=progress)
    if data["effective"] < FEW:
        remark(
            f"only {data['effective']:,.0f} effective histories agree with the reports, of {data['simulated']:,}: what "
            "they say of the inputs is rough; more run.replications, or a larger study.up_to, would help"
        )
    show(data, table.console())
    if figures and not (folder / "figures" / "check_facts_inputs.png").is_file():
        plot(data, folder)
    say_folder(folder)
    return 0


def question(order: Order) -> Question:
    """What an order asks. Raises SettingError for a setting that cannot be, or without anything reported."""
    later, study = order.scenario(), order.study
    first = min((report.date for report in later.reports.values()), default=later.as_of)
    given = study.get("from")
    try:
        date = first if given is None else datetime.date.fromisoformat(str(given))
    except ValueError as error:
        raise SettingError(f"study.from: {given!r}: {error}; write 2025-09-27") from None
    if date >= later.as_of:
        why = f"study.from: {date} is not before as_of ({later.as_of}); a forecast is held against what came after it"
        raise SettingError(why)
    earlier = replace(order, configuration={**order.configuration, "as_of": str(date)}).scenario()
    there = [o for o in earlier.observations if o.date <= later.as_of]
    if not there:
        raise SettingError(
            f"study.from: nothing is given as reported after {date} and until {later.as_of}; a later entry of a "
            "variable's `start` says so by `reported: exactly`, `at least` or `{roughly: …}`"
        )
    chosen = list(dict.fromkeys(o.variable for o in there))
    if study.get("facts") is not None:
        known, chosen = chosen, listed(study["facts"], "study.facts")
        for name in chosen:
            if name not in known:
                raise SettingError(f"study.facts: nothing is reported of {name!r}{nearest(name, known)}")
    milestone = study.get("milestone")
    names = [m.name for m in earlier.milestones]
    if milestone is None and names:
        milestone = next((rate.milestone for rate in earlier.base_rates), names[0])
    if milestone is not None and milestone not in names:
        raise SettingError(f"study.milestone: unknown milestone {milestone!r}{nearest(str(milestone), names)}")
    observations = tuple(o for o in there if o.variable in chosen)
    return Question(
        earlier, later.as_of, observations, milestone,
        _within(study, "effective", EFFECTIVE, 1, 10**6), _within(study, "up_to", UP_TO, 1, 10**5),
    )  # fmt: skip


def check_facts(
    asked: Question, settings: Settings, results: Path, *, command: str = "", progress: Progress = silent
) -> tuple[Data, Path]:
    """What :func:`computed` gives, kept in a folder of its own; a complete run of as many histories is shown."""
    scenario = asked.scenario
    identity = store.configuration_hash(
        {
            **rules_and_data(scenario),
            "seed": settings.seed,
            "question": [
                scenario.as_of, scenario.until, asked.known, asked.milestone, asked.effective, asked.up_to,
                [o.variable for o in asked.observations],
            ],
        }
    )  # fmt: skip
    folder = store.run_folder(results, scenario.name, STUDY, identity)
    made = {"configuration": identity, "command": command}
    data = kept(
        folder, made, settings.replications,
        lambda n: computed(asked, replace(settings, replications=n), progress=progress), _table, again=settings.again,
    )  # fmt: skip
    return data, folder


def computed(asked: Question, settings: Settings, *, progress: Progress = silent) -> Data:
    """Where the reports lie, what they make of inputs and milestone, and what the marks of that are, as plain data."""
    scenario, facts, n = asked.scenario, asked.facts, settings.replications
    # The inputs as they were assumed: what is held against the facts has not been conditioned on anything.
    settings = replace(settings, past=RESTART)
    task = task_of(scenario, settings)
    seen = gather(
        task, facts, n, wanted=asked.effective, most=n * asked.up_to, chunk=settings.chunk,
        executor=settings.executor, progress=progress,
    )  # fmt: skip
    told = list(_told(asked, seen))
    doubts = len(task.model.inputs) + len(hidden_starts(task))
    critical = weighted.critical_distance(max(seen.effective, 1.0), n, ALARMS / max(doubts, 1))
    return {
        "format": store.FORMAT,
        "study": STUDY,
        **{"scenario": scenario.name, "title": scenario.title, "as_of": scenario.as_of.isoformat()},
        **{"known": asked.known.isoformat(), "seed": settings.seed, "replications": n, "simulated": seen.simulated},
        **{"ran_away": seen.ran_away, "matched": int(seen.numbers.size), "effective": seen.effective},
        **{"agreeing": seen.agreeing, "facts": told, "together": together([fact["surprise_given"] for fact in told])},
        "rule": {"tiny": TINY, "alarms": ALARMS, "critical": critical},
        "inputs": list(_inputs(scenario, task, seen, max(critical, TINY))),
        "hidden": list(_hidden(scenario, task, seen, max(critical, TINY))),
        "milestone": None if asked.milestone is None else _milestone(asked, task, seen, n, progress),
    }


def plot(data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw the figures into the folder: what was simulated with what was reported, and the inputs before and after."""
    from sim.figures.sheets import facts
    from sim.figures.style import save

    drawn = {STUDY: facts.predicted(data)}
    if data["matched"] and (data["inputs"] or data["hidden"]):
        drawn[f"{STUDY}_inputs"] = facts.inputs(data)
    return [path for name, figure in drawn.items() for path in save(figure, folder / "figures", name)]


# ----------------------------------------------------------------------------------------------------- what comes of it
def _told(asked: Question, seen: Gathered) -> Iterator[Data]:
    """The facts with what was simulated of each, at first sight and given those before it."""
    scenario = asked.scenario
    for fact, observed, table, left in zip(asked.facts, asked.observations, seen.tables, seen.given, strict=True):
        info = scenario.variables[fact.name]
        values, count = table
        place = fact.place(values, count) if count.sum() else 0.5
        given = fact.place(*left) if left[1].sum() > 0.0 else None
        cited = [scenario.findings[number] for number in observed.evidence.reports]
        outlets = dict.fromkeys(scenario.reports[finding.report].outlet for finding in cited)
        yield {
            **{"name": fact.name, "meaning": info.meaning, "unit": info.unit},
            **{"date": observed.date.isoformat(), "day": fact.day, "value": observed.value},
            **{"reading": fact.reading, "spread": fact.spread, "why": observed.why},
            "source": " and ".join(outlets) or observed.evidence.why,
            "findings": list(observed.evidence.reports),
            "mean": float((values * count).sum() / max(count.sum(), 1.0)),
            "quantiles": weighted.quantiles(values, count, FAN),
            "given_quantiles": weighted.quantiles(*left, FAN) if given is not None else None,
            "at_least": float(count[values >= fact.value].sum() / max(count.sum(), 1.0)),
            "agreeing": float((fact.weights(values) * count).sum() / max(count.sum(), 1.0)),
            "place": place,
            "given": given,
            # What a reading of "at least" leaves out of account.
            "exactly": Fact(fact.name, fact.day, fact.value).place(*left) if given is not None else None,
            "surprise": fact.surprise(place),
            # Nothing agreed with those before it: no more can be said than that.
            "surprise_given": fact.surprise(given) if given is not None else 0.0,
            **{"values": values.tolist(), "histories": count.tolist(), "weights_given": left[1].tolist()},
        }


def _inputs(scenario: Scenario, task: Task, seen: Gathered, threshold: float) -> Iterator[Data]:
    """Every uncertain input before and after, those that moved most first."""
    infos = {info.name: info for info in scenario.inputs}
    rows = []
    for i, name in enumerate(task.model.inputs):
        info = infos[name]
        mean, _ = info.law.mean_and_median()
        ends = info.law.quantile(np.array(ENDS)).tolist()
        row: Data = {"name": name, "says": info.meaning or words(name), "kind": info.kind, "basis": info.evidence.kind}
        row |= {"prior": {"mean": mean, "ends": ends}, "posterior": None, "distance": 0.0, "unchanged": True}
        if seen.numbers.size:
            values, before = seen.inputs[i], np.sort(seen.prior_inputs[i])
            middle, error = weighted.mean(values, seen.weights)
            after = weighted.quantiles(values, seen.weights, ENDS)
            places = (np.searchsorted(before, after, side="right") / before.size).tolist()
            far = weighted.distance(before, values, seen.weights)
            row["posterior"] = {"mean": middle, "error": error, "ends": after, "places": places}
            row |= {"distance": far, "unchanged": far <= threshold}
        rows.append(row)
    yield from sorted(rows, key=lambda row: -row["distance"])


def _hidden(scenario: Scenario, task: Task, seen: Gathered, threshold: float) -> Iterator[Data]:
    """Every hidden start before and after: the chance of each of its values."""
    for place, column in enumerate(hidden_starts(task)):
        name, law = task.model.variables[column], task.model.start[column]
        assert isinstance(law, Law)
        info = scenario.variables[name]
        chances = dict(zip(map(int, law.parameters[::2]), law.parameters[1::2], strict=True))
        whole_law = sum(chances.values())
        values, levels = seen.starts[place], []
        for value, chance in sorted(chances.items()):
            word = words(info.levels[value]) if value < len(info.levels) else f"{value:,}"
            level: Data = {"word": word, "prior": chance / whole_law, "posterior": None, "error": None}
            if seen.numbers.size:
                level["posterior"], level["error"] = weighted.mean(values == value, seen.weights)
            levels.append(level)
        far = weighted.distance(seen.prior_starts[place], values, seen.weights) if seen.numbers.size else 0.0
        row = {"name": name, "says": info.meaning, "basis": info.evidence.kind, "levels": levels, "distance": far}
        yield {**row, "unchanged": far <= threshold}


def _milestone(asked: Question, task: Task, seen: Gathered, n: int, progress: Progress) -> Data:
    """Chance of the milestone by the last report, and after it, by all histories and by those that agree."""
    assert asked.milestone is not None
    day = max(fact.day for fact in asked.facts)
    end = max(day, task.until)
    task = replace(task, until=end, days=(end,))
    says = next(m.says for m in asked.scenario.milestones if m.name == asked.milestone)
    plain = first_times(task, asked.milestone, np.arange(n, dtype=np.int64), progress)
    ours = first_times(task, asked.milestone, seen.numbers, progress)
    dates = {"day": day, "date": asked.scenario.date(day).isoformat(), "end_day": end}
    return {
        **{"name": asked.milestone, "says": says, **dates, "end": asked.scenario.date(end).isoformat()},
        "prior": _chances(plain, np.ones(n), day, end),
        "posterior": _chances(ours, seen.weights, day, end) if ours.size else None,
    }


def _chances(times: np.ndarray[Any, Any], weights: np.ndarray[Any, Any], day: int, end: int) -> Data:
    """By the day, and after it where it had not come by then; each with its interval of 95 %."""
    names = ("", "_low", "_high")
    found: Data = {f"{what}{name}": None for what in ("by", "after") for name in names}
    found |= {f"by{name}": part for name, part in zip(names, weighted.share(times <= day, weights), strict=True)}
    later = times > day
    if weights[later].sum() > 0.0:
        after = weighted.share(times[later] <= end, weights[later])
        found |= {f"after{name}": part for name, part in zip(names, after, strict=True)}
    return found


# ------------------------------------------------------------------------------------------------------- settings
def _within(study: Mapping[str, Any], key: str, default: int, low: int, high: int) -> int:
    given = study.get(key)
    value = default if given is None else whole(given, f"study.{key}")
    if not low <= value <= high:
        raise SettingError(f"study.{key}: {value} is outside {low:,} … {high:,}")
    return value


def _table(data: Data) -> bytes:
    """One row for each fact, input and hidden type with its value, before and after."""
    import pyarrow as pa

    before, after = ("prior_mean", "prior_low", "prior_high"), ("mean", "error", "low", "high")
    keys = ("kind", "name", "value", *before, *after, "distance", "unchanged")
    rows: list[Sequence[Any]] = []
    for fact in data["facts"]:
        ends = (fact["quantiles"][0], fact["quantiles"][-1])
        rows.append(("fact", fact["name"], str(fact["value"]), fact["mean"], *ends, *[None] * 6))
    for row in data["inputs"]:
        prior, found = row["prior"], row["posterior"] or {"mean": None, "error": None, "ends": [None] * 3}
        new = (found["mean"], found["error"], found["ends"][0], found["ends"][-1])
        old = (prior["mean"], prior["ends"][0], prior["ends"][-1])
        rows.append(("input", row["name"], "", *old, *new, row["distance"], row["unchanged"]))
    for row in data["hidden"]:
        for level in row["levels"]:
            new = (level["posterior"], level["error"], None, None)
            shown = (level["word"], level["prior"], None, None)
            rows.append(("hidden", row["name"], *shown, *new, row["distance"], row["unchanged"]))
    return store.parquet_bytes(pa.table({key: [row[i] for row in rows] for i, key in enumerate(keys)}))
