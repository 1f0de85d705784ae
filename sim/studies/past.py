"""Memory of the crisis: a later forecast knows what had and had not happened since the crisis began.

Inputs and hidden starts are those under which a simulated past, from ``crisis_start`` to ``as_of``, comes to where
things stand on ``as_of`` (see :mod:`sim.runs.past`). That past follows the model of the first date on which the
scenario can be had, with the inputs' laws of the forecast's own date. A start that was changed is a what-if about that
date, and leaves the past as it was. An input whose law knows the past already is drawn apart in it, so that the past
says nothing of it a second time. ``run.past=restart`` forgets it all, and how much that matters is in the summary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Integers
from sim.engines.units import draw_inputs, draw_starts, keys_for
from sim.model.compiled import compile_model
from sim.model.laws import Law
from sim.model.renaming import renamed
from sim.model.spec import Calendar, Quantity, Spec
from sim.runs import rows as stored_rows
from sim.runs.columns import outcome
from sim.runs.execute import Progress, silent
from sim.runs.past import Past, outcomes_at_start
from sim.runs.plan import Task, play
from sim.scenario.build import build
from sim.scenario.problems import ScenarioError
from sim.scenario.source import Layer, Source
from sim.statistics.intervals import wilson
from sim.statistics.paired import paired_shares
from sim.statistics.shown import date_words, percent, words
from sim.studies import shared
from sim.studies.settings import SURVIVED, SettingError, Settings
from sim.studies.update.mix import earlier, only_bearing, read_by, without_actions

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

#: A forecast and a plain restart are compared over so many histories at most.
COMPARED: Final = 20_000
#: Inputs named in the text.
NAMED: Final = 3
#: A shift counts as one beyond so many standard errors.
SURE: Final = 3.0

Data = dict[str, Any]


def days_before(scenario: Scenario) -> int:
    """Days from the start of the crisis to the date of the forecast; 0 where the scenario names no start."""
    return (scenario.as_of - scenario.crisis_start).days if scenario.crisis_start is not None else 0


def named(scenario: Scenario, past: str) -> Data:
    """What the hash of a study's configuration says of its memory: nothing where there is nothing to remember."""
    if past != SURVIVED or days_before(scenario) < 1:
        return {}
    return {"past": past, **({"unchanged": scenario.unchanged} if scenario.unchanged else {})}


def work(scenario: Scenario, settings: Settings) -> int:
    """Histories that a forecast counts while it simulates; with a memory, those compared with a restart, too."""
    again = min(settings.up_to, COMPARED) if named(scenario, settings.past) else 0
    return settings.up_to + settings.inputs * settings.histories + again


def past_of(scenario: Scenario, spec: Spec, past: str) -> Past | None:
    """The past that a model which begins on the scenario's date remembers; None where there is none to remember.

    ``spec`` is the scenario's own model or a variant of it: its laws of inputs and hidden starts hold in the past, too.
    Those that know the past have other draws in it than in the run.

    Raises SettingError where the scenario has no model on its first date.
    """
    days = days_before(scenario)
    if past != SURVIVED or days < 1:
        return None
    told = _with_laws(_first(scenario), scenario.spec, spec)
    drawn = {*(q.name for q in told.inputs), *(v.name for v in told.variables)}
    told = renamed(told, {name: apart(name) for name in known_past(scenario) & drawn})
    # What is due on the day after the past ends belongs to the future.
    due = {a.name for a in told.actions if isinstance(a.clock, Calendar) and a.clock.time >= days}
    told = without_actions(told, due)
    return _made(only_bearing(told, read_by((told,), None)), days)


@lru_cache(maxsize=64)
def _made(told: Spec, days: int) -> Past:
    """A past ready to run; the variants of a scenario have few pasts between them."""
    return Past(compile_model(replace(told, flags=()), strict=False), days)


def known_past(scenario: Scenario) -> frozenset[str]:
    """Inputs and hidden starts whose law knows the past."""
    inputs = [info.name for info in scenario.inputs if info.knows_past and not info.constant]
    return frozenset([*inputs, *(name for name, info in scenario.variables.items() if info.knows_past)])


def apart(name: str) -> str:
    """What an input that knows the past is called in it: another name has other draws."""
    return f"{name} in the past"


@lru_cache(maxsize=8)
def _first(scenario: Scenario) -> Spec:
    """The model in force when the crisis began, or else on the first date on which anything was known."""
    start = scenario.crisis_start
    assert start is not None
    reported = [report.date for report in scenario.reports.values()]
    first = min(max(start, min(reported, default=start)), scenario.as_of)
    spec = scenario.spec
    if first < scenario.as_of or scenario.unchanged:
        # Whatever was changed was accepted on the date of the forecast, and needs no basis on this one.
        source = Source((Layer("the scenario", {}, {}),), by="memory of the crisis (run.past=survived)")
        state: Data = dict(scenario.data["state"])
        state |= {name: {**state[name], "start": start} for name, start in scenario.unchanged.items()}
        data = {**scenario.data, "state": state}
        try:
            spec = build(data, as_of=first, until=scenario.until, source=source).spec
        except ScenarioError as error:
            raise SettingError(
                f"run.past=survived: the crisis since {start} is simulated with the model of {first}, and there is "
                f"none: {error}\nrun.past=restart forecasts without memory of it"
            ) from error
    shift = (first - start).days
    return replace(spec, actions=tuple(earlier(action, shift) for action in spec.actions))


def _with_laws(first: Spec, own: Spec, spec: Spec) -> Spec:
    """A model with the laws of inputs and hidden starts that ``spec`` has; ``own`` tells what is hidden now."""
    laws = {quantity.name: quantity.law for quantity in spec.inputs}
    fixed = dict(spec.constants)
    inputs, constants = [], []
    before = [*first.inputs, *(Quantity(name, Law("fixed", (value,))) for name, value in first.constants)]
    for quantity in before:
        if quantity.name in laws:
            inputs.append(Quantity(quantity.name, laws[quantity.name]))
        elif quantity.name in fixed:
            constants.append((quantity.name, fixed[quantity.name]))
        elif quantity.law.family == "fixed":
            constants.append((quantity.name, quantity.law.parameters[0]))
        else:
            inputs.append(quantity)
    hidden = {v.name for v in own.variables if isinstance(v.start, Law)}
    hidden &= {v.name for v in first.variables if isinstance(v.start, Law)}
    starts = {v.name: v.start for v in spec.variables if v.name in hidden}
    variables = tuple(replace(v, start=starts.get(v.name, v.start)) for v in first.variables)
    return replace(first, inputs=tuple(inputs), constants=tuple(constants), variables=variables)


# ------------------------------------------------------------------------------------------- against a plain restart
def compared(scenario: Scenario, task: Task, folder: Path, progress: Progress = silent) -> Data | None:
    """How a finished forecast differs from one that forgets the past, as plain data; None where there is no past.

    Over its first 20,000 histories at most, with the same luck; those whose inputs survived at once are the same in
    both. ``survived`` is the share of pasts that come to where things stand on the date of the forecast, with its
    95 % interval; ``differences`` (outcomes, milestones) by day are survived minus restart, ``error`` the half-width of
    the 95 % interval; ``inputs`` and ``starts`` have means (shares of each value, which has a ``word``) before and
    after, the most moved first.
    """
    if task.past is None:
        return None
    used, moved = used_and_moved(folder)
    numbers = np.arange(used.size, dtype=np.int64)
    after = _happened(task, _as_it_was(task, folder, moved))
    mark = restart_mark(task, used.size)
    alone = shared.kept(folder / shared.RESTART, mark)
    if alone is None:
        alone = restarted(task, moved)
        shared.keep(folder / shared.RESTART, mark, alone)
    before = _happened(task, alone)
    progress(int(used.size))
    kept = used.size - int(moved.size)
    low, high = wilson(kept, used.size)
    now: Data = {"outcomes": {}, "milestones": {}}
    for (kind, name, day), happened in after.items():
        both = np.zeros((2, used.size), dtype=np.bool_)
        both[:, moved] = before[kind, name, day], happened
        difference, error = paired_shares(both[0], both[1])
        now[kind].setdefault(name, {})[str(day)] = {"difference": difference, "error": error}
    assert scenario.crisis_start is not None
    start = outcomes_at_start(task.model, task.seed, used)
    common = int(np.bincount(start).argmax())
    return {
        "since": scenario.crisis_start.isoformat(),
        "days": task.past.days,
        "pasts": used.size,
        "survived": {"probability": kept / used.size, "low": float(low), "high": float(high)},
        "stands": task.model.outcomes[common][0],
        "nothing": bool((start == len(task.model.outcomes) - 1).all()),
        "differences": now,
        **_shifts(scenario, task, numbers, used),
    }


def used_and_moved(folder: Path) -> tuple[Integers, Integers]:
    """Input numbers of the first replications of a run on disk, and which replications were given another's."""
    used = stored_rows.read(folder, ["input"], COMPARED)["input"].astype(np.int64)
    return used, np.flatnonzero(used != np.arange(used.size))


def restart_mark(task: Task, pasts: int) -> Data:
    """What decides the histories of a plain restart."""
    assert task.past is not None
    made = {"model": task.model.digest, "seed": task.seed, "past": task.past.digest, "pasts": pasts}
    return {**made, "until": task.until, "days": list(task.days)}


def restarted(task: Task, moved: Integers) -> shared.Arrays:
    """How some replications (n,) go without memory: first times of milestones, outcomes by day, as numbers."""
    plain = replace(task, watched=())
    rows, model = play(plain, moved, moved), task.model
    found: shared.Arrays = {f"milestone.{name}": rows.milestones[i] for i, name in enumerate(model.milestones)}
    for which, day in enumerate(task.days):
        found[f"outcome.{day}"] = outcome(model, rows.observed[which], rows.milestones, day)
    return found


def _as_it_was(task: Task, folder: Path, moved: Integers) -> shared.Arrays:
    """The same of the forecast itself, from its parts."""
    model = task.model
    stored = {f"outcome.{day}": "outcome.end" if day == task.until else f"outcome.{day}" for day in task.days}
    columns = [*(f"milestone.{name}" for name in model.milestones), *stored.values()]
    kept = stored_rows.read(folder, columns, COMPARED)
    number = {name: i for i, (name, _) in enumerate(model.outcomes)}
    found: shared.Arrays = {f"milestone.{name}": kept[f"milestone.{name}"][moved] for name in model.milestones}
    for name, column in stored.items():
        found[name] = np.array([number[word] for word in kept[column][moved].tolist()], dtype=np.int8)
    return found


def _happened(task: Task, rows: shared.Arrays) -> dict[tuple[str, str, int], NDArray[np.bool_]]:
    """Whether each outcome holds at, and each milestone was reached by, each day of a task: arrays (n,)."""
    found: dict[tuple[str, str, int], NDArray[np.bool_]] = {}
    for day in task.days:
        for number, (name, _) in enumerate(task.model.outcomes):
            found["outcomes", name, day] = rows[f"outcome.{day}"] == number
        for name in task.model.milestones:
            found["milestones", name, day] = rows[f"milestone.{name}"] <= day
    return found


def _shifts(scenario: Scenario, task: Task, numbers: Integers, used: Integers) -> Data:
    """How the past moved inputs and hidden starts: means before and after, and the shift in standard deviations."""
    model, keys = task.model, keys_for(task.model, task.seed)
    before, after = draw_inputs(model, keys, numbers), draw_inputs(model, keys, used)
    inputs = [{"name": name, **_shift(before[i], after[i])} for i, name in enumerate(model.inputs)]
    states = draw_starts(model, keys, numbers), draw_starts(model, keys, used)

    def word(name: str, value: int) -> str:
        levels = scenario.variables[name].levels
        return words(levels[value]) if value < len(levels) else f"{value:,}"

    starts = [
        {
            "name": name,
            "value": int(value),
            "word": word(name, int(value)),
            **_shift(states[0][i] == value, states[1][i] == value),
        }
        for i, name in enumerate(model.variables)
        if isinstance(model.start[i], Law)
        for value in np.unique(states[0][i])
    ]

    def most(rows: list[Data]) -> list[Data]:
        return sorted(rows, key=lambda row: -abs(row["shift"]))

    return {"inputs": most(inputs), "starts": most(starts)}


def _shift(before: NDArray[Any], after: NDArray[Any]) -> Data:
    """Means before and after, their difference in standard deviations of the former, and its standard error."""
    first, second = before.astype(np.float64), after.astype(np.float64)
    spread = float(first.std()) or 1.0
    apart = (second - first) / spread
    error = float(apart.std(ddof=1)) / apart.size**0.5 if apart.size > 1 else 0.0
    return {"before": float(first.mean()), "after": float(second.mean()), "shift": float(apart.mean()), "error": error}


# ----------------------------------------------------------------------------------------------------------- in words
def lines(summary: Mapping[str, Any]) -> list[str]:
    """What a forecast says of its memory, in sentences."""
    found = summary.get("past")
    if not found:
        return []
    share, since = found["survived"]["probability"], date_words(found["since"])
    stands = words(found["stands"])
    came = f"no other outcome than “{stands}” had come about" if found["nothing"] else f"things had come to “{stands}”"
    text = [
        f"Memory: the model remembers that {came} from {since} to {date_words(summary['as_of'])}, as in "
        f"{percent(share)} of {found['pasts']:,} simulated pasts.{_moved(summary)}"
    ]
    kind, name = headline(summary)
    five = summary["milestones"][name]["by"] if kind == "milestones" else _by_day(summary, name)
    said = []
    for day, change in found["differences"][kind][name].items():
        # Adding 0 makes no difference of a minus 0.
        back, error = round(-100 * change["difference"], 1) + 0.0, 100 * change["error"]
        forgot = 100 * (five[day]["probability"] - change["difference"])
        said.append(f"{forgot:.1f} % by {date_words(summary['days'][day])} ({back:+.1f} ± {error:.1f} points)")
    return [*text, f"A plain restart (run.past=restart) would give {words(name)} {', '.join(said)}."]


def headline(summary: Mapping[str, Any]) -> tuple[str, str]:
    """The event that a forecast is mostly asked about: the first milestone with past cases, else the first of all."""
    names = [rate["milestone"] for rate in summary["base_rates"]] + list(summary["milestones"])
    return ("milestones", names[0]) if names else ("outcomes", next(iter(summary["outcomes"])))


def _by_day(summary: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {day: numbers[name] for day, numbers in summary["outcomes_by"].items()}


def _moved(summary: Mapping[str, Any]) -> str:
    """The inputs and hidden starts that the past moved most, one value of each."""
    past = summary["past"]
    rows = sorted([*past["inputs"], *past["starts"]], key=lambda row: -abs(row["shift"]))
    told: dict[str, str] = {}
    for row in rows:
        if abs(row["shift"]) > SURE * row["error"] and row["error"] > 0 and len(told) < NAMED:
            told.setdefault(row["name"], _direction(row))
    return f" That moved most: {', '.join(told.values())}." if told else ""


def _direction(row: Mapping[str, Any]) -> str:
    name, more = words(row["name"]), row["shift"] > 0
    if "value" in row:
        return f"{name}: {row.get('word', row['value'])} {'more' if more else 'less'} likely"
    return f"{name} {'up' if more else 'down'}"
