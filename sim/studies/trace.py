"""One simulated history told as a dated timeline and drawn, replayed by the reference engine."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.engines.interface import RAN_AWAY, Integers, Plan, Rows
from sim.engines.reference import Event, simulate
from sim.model.compiled import Model
from sim.model.expressions import Name, evaluate_scalar
from sim.runs import store
from sim.runs.columns import flags, outcome
from sim.runs.plan import surviving_inputs
from sim.statistics.shown import date_words, words
from sim.studies.counted import RUNG
from sim.studies.forecast import identity_of, task_of
from sim.studies.order import Order, say_folder, yes_or_no
from sim.studies.settings import Settings
from sim.studies.summary import days_shown
from sim.studies.unseen import FADING

if TYPE_CHECKING:
    from sim.runs.plan import Task
    from sim.scenario.quantities import Kind
    from sim.scenario.scenario import QuantityInfo, Scenario

STUDY: Final = "trace"
SETTINGS: Final = ("figures",)


@dataclass(frozen=True)
class Line:
    """What happened: at ``time`` (days after the start), or ``count`` times from then to ``last``.

    ``says`` is empty for what only fades. ``changes`` are (column, old, new); ``reached`` the milestones that were
    reached with it; ``actor`` who did it. ``next_day``: at time 0, but only as the day after the start begins.
    """

    time: float
    says: str
    changes: tuple[tuple[int, int, int], ...] = ()
    reached: tuple[str, ...] = ()
    count: int = 1
    last: float = 0.0
    actor: str = ""
    next_day: bool = False


@dataclass(frozen=True, eq=False)
class History:
    """A replayed history: the model, its one row, and the lines of its timeline.

    ``events`` are the lines before repetitions were merged. ``steps`` are pairs of time and number of the rung from
    then on; ``faded`` says how often one of a count was forgotten, ``pushed`` how often a tension was changed.
    """

    model: Model
    rows: Rows
    lines: tuple[Line, ...]
    events: tuple[Line, ...] = ()
    steps: tuple[tuple[float, int], ...] = ()
    faded: Mapping[str, int] = field(default_factory=dict)
    pushed: Mapping[str, int] = field(default_factory=dict)


def answer(order: Order) -> int:
    """Tell one history of the scenario of an order."""
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    lines, folder = write(order.scenario(), order.settings, order.results, figures=figures)
    print("\n".join(lines))
    print()
    say_folder(folder)
    return 0


def replay(scenario: Scenario, task: Task, number: int, used: Integers | None = None) -> History:
    """Replay history ``number`` of the run that the task describes; ``used`` (1,) is its input number, if known."""
    model, numbers = task.model, np.array([number], dtype=np.int64)
    heard: list[Event] = []
    inputs = surviving_inputs(task, numbers) if used is None else used
    rows = simulate(model, Plan(task.seed, float(task.until), inputs, numbers), heard.append)
    reached: dict[float, list[str]] = {}
    for name, time in zip(model.milestones, rows.milestones[:, 0].tolist(), strict=True):
        if math.isfinite(time):
            reached.setdefault(time, []).append(name)
    lines = [Line(0.0, "at the start", (), tuple(reached.pop(0.0)))] if 0.0 in reached else []
    begun = False
    for place, event in enumerate(heard):
        # What is due on the day after the start comes at time 0, and so does what follows from it at once.
        begun = begun or model.rows[event.row].kind == "calendar"
        # Of several events at one instant the last one carries what was reached then.
        last = place + 1 == len(heard) or heard[place + 1].time != event.time
        changes = tuple(change for change in event.changes if change[1] != change[2])
        news = tuple(reached.get(event.time, ())) if last else ()
        actor = model.rows[event.row].name.partition(".")[0]
        says = _sentence(scenario, model, event)
        lines.append(Line(event.time, says, changes, news, 1, event.time, actor, begun and event.time == 0.0))
    faded = Counter(row.removeprefix(FADING) for e in heard if (row := model.rows[e.row].name).startswith(FADING))
    pushed = Counter(model.tensions[jump.tension] for event in heard for jump in event.branch.jumps)
    told = tuple(line for line in lines if line.says or line.reached)
    return History(model, rows, tuple(merged(lines)), told, _steps(task, rows, heard), faded, pushed)


def _steps(task: Task, rows: Rows, heard: Sequence[Event]) -> tuple[tuple[float, int], ...]:
    """The rung at the start, and from each time on at which it changed."""
    programs = [watched.program for watched in task.watched if watched.name == RUNG]
    if not programs:
        return ()
    state, milestones = rows.start[:, 0].tolist(), rows.milestones[:, 0].tolist()

    def rung(time: float) -> int:
        return int(evaluate_scalar(programs[0], [*map(float, state), *(float(first <= time) for first in milestones)]))

    steps = [(0.0, rung(0.0))]
    for event in heard:
        for column, _, new in event.changes:
            state[column] = new
        now = rung(event.time)
        if now != steps[-1][1]:
            # Of several changes at one instant only the last one can be seen.
            steps = [step for step in steps if step[0] < event.time or step[0] == 0.0]
            steps.append((event.time, now))
    return tuple(steps)


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
            and before.next_day == line.next_day
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
    ]
    drawn = _drawn(scenario, model, rows)
    text += ["Drawn for this history:", *(f"  {line}" for line in drawn), ""] if drawn else []
    milestones = {m.name: m.says for m in scenario.milestones}
    for line in history.lines:
        when = _date(scenario.as_of, line.time, next_day=line.next_day)
        last = _date(scenario.as_of, line.last, next_day=line.next_day)
        often = f", {line.count} times" + (f" to {last}" if last != when else "") if line.count > 1 else ""
        changes = "; ".join(_change(scenario, model, *change) for change in line.changes)
        text.append(f"{when:>11}  {line.says or 'time passes'}{often}{f' ({changes})' if changes else ''}")
        text += [f"{'':>11}  → {words(name)}: {milestones.get(name, '')}" for name in line.reached]
    untold = [*_faded(scenario, history.faded), *_felt(scenario, history)]
    return [*text, *untold, "", *_end(scenario, model, rows)]


def picture(scenario: Scenario, history: History, number: int, seed: int) -> dict[str, Any]:
    """The history as plain data for its figure."""
    until = int(scenario.until)
    lanes = [
        {
            "label": actor.label,
            "events": [
                {"time": line.time, "says": line.says or "time passes", "reached": list(line.reached)}
                for line in history.events
                if line.actor == name
            ],
        }
        for name, actor in scenario.actors.items()
    ]
    # What holds at the start, or comes about as something fades, is nobody's doing.
    nobody = [line for line in history.events if line.actor not in scenario.actors]
    events = [{"time": line.time, "says": line.says or "time passes", "reached": list(line.reached)} for line in nobody]
    return {
        "title": scenario.title,
        "as_of": scenario.as_of.isoformat(),
        "until_days": until,
        "days": {str(day): scenario.date(day).isoformat() for day in days_shown(scenario.horizons, until)},
        "seed": seed,
        "replication": number,
        "end": min(float(history.rows.end[0]), float(until)),
        "outcome": " ".join(_end(scenario, history.model, history.rows)),
        "rungs": list(scenario.rungs),
        "steps": list(history.steps),
        "lanes": [*lanes, {"label": "", "events": events}],
        "faded": " ".join([*_faded(scenario, history.faded), *_felt(scenario, history)]),
    }


def write(scenario: Scenario, settings: Settings, results: Path, *, figures: bool = True) -> tuple[list[str], Path]:
    """Tell history number ``settings.replication`` and keep the text, and beside it the timeline as a figure.

    Returns the lines of the text and the folder it lies in.
    """
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
    if figures:
        from sim.figures.sheets import timeline
        from sim.figures.style import save

        drawn = timeline.draw(picture(scenario, history, settings.replication, settings.seed))
        save(drawn, folder, f"history-{settings.replication}")
    store.write_json(folder / "manifest.json", manifest)
    return lines, folder


# ------------------------------------------------------------------------------------------------------ words
def _date(as_of: datetime.date, time: float, *, next_day: bool = False) -> str:
    """Day of an event. A day begins where the one before ends, and what is due "on" a day happens as it begins."""
    day = as_of + datetime.timedelta(days=math.floor(time) + 1 if time > 0 or next_day else 0)
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
    """Hidden starts and inputs of the history, with what they mean and where they mostly lie."""
    fixed = {v.name for v in scenario.spec.variables if isinstance(v.start, int)}
    text = []
    for i, name in enumerate(model.variables):
        if name not in fixed:
            info = scenario.variables.get(name)
            meaning = f" – {info.meaning}" if info is not None else ""
            text.append(f"{words(name)}: {_word(scenario, name, int(rows.start[i, 0]))}{meaning}")
    known = {quantity.name: quantity for quantity in scenario.inputs}
    readers = _readers(scenario)
    for i, name in enumerate(model.inputs):
        text.append(f"{words(name)}: {_input(known.get(name), float(rows.inputs[i, 0]), readers.get(name, ()))}")
    return text


def _input(info: QuantityInfo | None, value: float, readers: Sequence[str]) -> str:
    """The value of an input with its unit, where it mostly lies, and what it means or what it is used for."""
    if info is None:
        return _digits(value)
    low, high = info.law.quantile(np.array([0.1, 0.9])).tolist()
    more = f" and {len(readers) - 1} more" if len(readers) > 1 else ""
    means = info.meaning or (f"used in “{readers[0]}”{more}" if readers else "")
    shown = f"{_amount(value, info.kind)} (10–90 %: {_amount(low, info.kind)} to {_amount(high, info.kind)})"
    return f"{shown} – {means}" if means else shown


def _amount(value: float, kind: Kind) -> str:
    """A number with its unit; what happens less than once a day by the days between two."""
    if kind == "per day":
        return f"1 per {_digits(1 / value)} days" if 0 < value < 1 else f"{_digits(value)} per day"
    return f"{_digits(value)} days" if kind == "days" else _digits(value)


def _digits(value: float) -> str:
    """Three digits that count, without a power of ten for what is large."""
    return f"{float(f'{value:.3g}'):,.12g}"


def _readers(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Name of an input -> sentences of the actions that use it."""
    found: dict[str, tuple[str, ...]] = {}
    for action in scenario.spec.actions:
        info = scenario.actions.get(action.name)
        says = info.says if info is not None else words(action.name.replace(".", ": "))
        for name in dict.fromkeys(_names(action)):
            found[name] = (*found.get(name, ()), says)
    return found


def _names(thing: Any) -> Iterator[str]:
    """Names read anywhere within the parts of an action."""
    if isinstance(thing, Name):
        yield thing.name
    elif isinstance(thing, tuple):
        for part in thing:
            yield from _names(part)
    elif dataclasses.is_dataclass(thing):
        for part in dataclasses.fields(thing):
            yield from _names(getattr(thing, part.name))


def _faded(scenario: Scenario, faded: Mapping[str, int]) -> list[str]:
    """What is left out of the timeline, in one line for each count that fades."""
    text = []
    for name, count in faded.items():
        info = scenario.variables.get(name)
        meaning = f" ({info.meaning})" if info is not None else ""
        text.append(f"Not told: {words(name)}{meaning} faded by one, {count} time{'' if count == 1 else 's'}.")
    return text


def _felt(scenario: Scenario, history: History) -> list[str]:
    """Tensions, which change all the time: how often each was pushed, and where it stood in the end."""
    text = []
    for i, name in enumerate(history.model.tensions):
        info, count = scenario.tensions.get(name), history.pushed.get(name, 0)
        meaning = f" ({info.meaning})" if info is not None else ""
        unit = f" {info.unit}" if info is not None and info.unit else ""
        often = f"{count} time{'' if count == 1 else 's'}"
        stood = f"{_digits(float(history.rows.tensions[i, 0]))}{unit}"
        text.append(f"Not told: {words(name)}{meaning} was pushed {often} and stood at {stood} in the end.")
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
