"""One simulated history told as a dated timeline, replayed by the reference engine."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.engines.interface import RAN_AWAY, Plan, Rows
from sim.engines.reference import Event, simulate
from sim.model.compiled import Model
from sim.runs import store
from sim.runs.columns import flags, outcome
from sim.statistics.shown import date_words, words
from sim.studies.forecast import identity_of, task_of
from sim.studies.order import Order, say_folder
from sim.studies.settings import Settings

if TYPE_CHECKING:
    from sim.runs.plan import Task
    from sim.scenario.scenario import Scenario

STUDY: Final = "trace"
SETTINGS: Final = ()
#: Actions of this actor only let what has been counted fade; they are no news.
FADING: Final = "fading."


@dataclass(frozen=True)
class Line:
    """What happened: at ``time`` (days after the start), or ``count`` times from then to ``last``.

    ``says`` is empty for what only fades. ``changes`` are (column, old, new); ``reached`` the milestones that were
    reached with it.
    """

    time: float
    says: str
    changes: tuple[tuple[int, int, int], ...] = ()
    reached: tuple[str, ...] = ()
    count: int = 1
    last: float = 0.0


@dataclass(frozen=True, eq=False)
class History:
    """A replayed history: the model, its one row, and the lines of its timeline."""

    model: Model
    rows: Rows
    lines: tuple[Line, ...]


def answer(order: Order) -> int:
    """Tell one history of the scenario of an order."""
    lines, folder = write(order.scenario(), order.settings, order.results)
    print("\n".join(lines))
    print()
    say_folder(folder)
    return 0


def replay(scenario: Scenario, task: Task, number: int) -> History:
    """Replay history ``number`` of the run that the task describes."""
    model, numbers = task.model, np.array([number], dtype=np.int64)
    heard: list[Event] = []
    rows = simulate(model, Plan(task.seed, float(task.until), numbers, numbers), heard.append)
    reached: dict[float, list[str]] = {}
    for name, time in zip(model.milestones, rows.milestones[:, 0].tolist(), strict=True):
        if math.isfinite(time):
            reached.setdefault(time, []).append(name)
    lines = [Line(0.0, "at the start", (), tuple(reached.pop(0.0)))] if 0.0 in reached else []
    for place, event in enumerate(heard):
        # Of several events at one instant the last one carries what was reached then.
        last = place + 1 == len(heard) or heard[place + 1].time != event.time
        changes = tuple(change for change in event.changes if change[1] != change[2])
        news = tuple(reached.get(event.time, ())) if last else ()
        lines.append(Line(event.time, _sentence(scenario, model, event), changes, news, 1, event.time))
    return History(model, rows, tuple(merged(lines)))


def merged(lines: Iterable[Line]) -> list[Line]:
    """The lines that say something, each row of repetitions as one."""
    result: list[Line] = []
    for line in lines:
        if not line.says and not line.reached:
            continue
        before = result[-1] if result else None
        columns = [change[0] for change in line.changes]
        if (
            before is not None
            and (before.says, [change[0] for change in before.changes]) == (line.says, columns)
            and not before.reached
        ):
            changes = tuple((c, a[1], b[2]) for c, a, b in zip(columns, before.changes, line.changes, strict=True))
            result[-1] = replace(line, time=before.time, changes=changes, count=before.count + 1)
        else:
            result.append(line)
    return result


def tell(scenario: Scenario, history: History, number: int, seed: int) -> list[str]:
    """The history in plain sentences, one text per line."""
    model, rows = history.model, history.rows
    start = date_words(scenario.as_of.isoformat())
    text = [
        f"{scenario.title}: simulated history {number:,} of seed {seed}, from {start}",
        "One of many that follow from the stated assumptions, and no more likely than the others.",
        "",
        "Drawn for this history:",
        *(f"  {line}" for line in _drawn(scenario, model, rows)),
        "",
    ]
    milestones = {m.name: m.says for m in scenario.milestones}
    for line in history.lines:
        when = _date(scenario.as_of, line.time)
        last = _date(scenario.as_of, line.last)
        often = f", {line.count} times" + (f" to {last}" if last != when else "") if line.count > 1 else ""
        changes = "; ".join(_change(scenario, model, *change) for change in line.changes)
        text.append(f"{when:>11}  {line.says or 'time passes'}{often}{f' ({changes})' if changes else ''}")
        text += [f"{'':>11}  → {words(name)}: {milestones.get(name, '')}" for name in line.reached]
    return [*text, "", *_end(scenario, model, rows)]


def write(scenario: Scenario, settings: Settings, results: Path) -> tuple[list[str], Path]:
    """Tell history number ``settings.replication`` and keep the text; returns its lines and the folder it lies in."""
    task = task_of(scenario, settings)
    history = replay(scenario, task, settings.replication)
    lines = tell(scenario, history, settings.replication, settings.seed)
    identity = identity_of(scenario, task)
    folder = store.run_folder(results, scenario.name, STUDY, identity.configuration)
    manifest = {
        "format": store.FORMAT,
        "study": STUDY,
        "scenario": scenario.name,
        "configuration": identity.configuration,
        "model": identity.model,
        "seed": settings.seed,
        "complete": True,
    }
    store.write_whole(folder / f"history-{settings.replication}.txt", ("\n".join(lines) + "\n").encode())
    store.write_json(folder / "manifest.json", manifest)
    return lines, folder


# ------------------------------------------------------------------------------------------------------ words
def _date(as_of: datetime.date, time: float) -> str:
    """Day of an event. A day begins where the one before ends, and what is due "on" a day happens as it begins."""
    day = as_of + datetime.timedelta(days=math.floor(time) + 1 if time > 0 else 0)
    return date_words(day.isoformat())


def _sentence(scenario: Scenario, model: Model, event: Event) -> str:
    """The action's sentence with the branch's, in the scenario's words."""
    row = model.rows[event.row]
    if row.name.startswith(FADING):
        return ""
    info = scenario.actions.get(row.name)
    says = info.says if info is not None else words(row.name.replace(".", ": "))
    if len(row.branches) == 1:
        return says
    branch = event.branch.number - row.branches[0].number
    sentences: Sequence[str] = info.branches if info is not None else ()
    told = sentences[branch] if branch < len(sentences) else event.branch.label
    return f"{says}: {told}" if told else says


def _change(scenario: Scenario, model: Model, column: int, old: int, new: int) -> str:
    name = model.variables[column]
    info = scenario.variables.get(name)
    unit = f" {info.unit}" if info is not None and info.unit else ""
    return f"{words(name)}: {_word(scenario, name, old)} → {_word(scenario, name, new)}{unit}"


def _word(scenario: Scenario, name: str, value: int) -> str:
    """The value of a variable in its own words: a level, yes or no, or a number."""
    info = scenario.variables.get(name)
    if info is not None and 0 <= value < len(info.levels):
        return words(info.levels[value])
    return f"{value:,}"


def _drawn(scenario: Scenario, model: Model, rows: Rows) -> list[str]:
    """Hidden starts and inputs of the history."""
    fixed = {v.name for v in scenario.spec.variables if isinstance(v.start, int)}
    text = [
        f"{words(name)}: {_word(scenario, name, int(rows.start[i, 0]))}"
        for i, name in enumerate(model.variables)
        if name not in fixed
    ]
    kinds = {quantity.name: quantity.kind for quantity in scenario.inputs}
    for i, name in enumerate(model.inputs):
        unit = kinds.get(name, "")
        text.append(f"{words(name)}: {rows.inputs[i, 0]:.3g}{f' {unit}' if unit in ('days', 'per day') else ''}")
    return text


def _end(scenario: Scenario, model: Model, rows: Rows) -> list[str]:
    status, end = int(rows.status[0]), float(rows.end[0])
    # The last day of a history that runs to its end is the day before the next one begins.
    day = _date(scenario.as_of, end if end < scenario.until else scenario.until - 0.5)
    name = model.outcomes[int(outcome(model, rows.state, rows.milestones, end)[0])][0]
    says = {o.name: o.says for o in scenario.outcomes}.get(name, "")
    held = flags(model, rows.state, rows.milestones, end)[:, 0]
    raised = [words(flag) for (flag, _), holds in zip(model.flags, held.tolist(), strict=True) if holds]
    text = [f"Outcome on {day}: {words(name)}{f' ({says})' if says else ''}."]
    if raised:
        text.append(f"Also: {', '.join(raised)}.")
    if status == RAN_AWAY:
        text.append(f"This history ran away at {model.rows[int(rows.culprit[0])].name} and was stopped.")
    return text
