"""``run.method=splitting``: chances far below 1 %, by histories that branch at every level they reach.

The *level* is a number of the state that has to rise step by step until the rare thing happens: by default the rung of
the scenario's ladder. :mod:`sim.runs.splitting` says how it works and why it is unbiased, and
:mod:`sim.statistics.splitting` what the interval is. The answer is a table of its own: the chance to get to each level
by each horizon, and the chance of every outcome, flag and milestone, also of those that plain histories never see.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sim.model.compiled import RULES_VERSION
from sim.model.expressions import Call, Expression, ExpressionError, Name, nearest, parse
from sim.model.proofs import OPEN
from sim.runs import splitting as runs
from sim.runs import store
from sim.runs.columns import little
from sim.runs.execute import Progress, silent, uncertain
from sim.runs.plan import Task
from sim.statistics.shown import words
from sim.statistics.splitting import Floats, estimate, plain_histories
from sim.studies.kept import Data, kept, rules_and_data
from sim.studies.order import Order, say_folder, watched
from sim.studies.settings import SPLITTING, SettingError, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from sim.scenario.scenario import Scenario

STUDY: Final = SPLITTING
#: Levels taken one by one where none are named; more of them want a choice.
MOST_LEVELS: Final = 100
#: Engines that can branch a history: auto is one of them.
ENGINES: Final = ("lockstep", "auto")


@dataclass(frozen=True, eq=False)
class Climb:
    """What has to rise: its name, the ladder of levels, and words for the values that have any."""

    name: str
    ladder: runs.Ladder
    words: Mapping[int, str]


@dataclass(frozen=True, eq=False)
class Rare:
    """Chances found by splitting, and where they lie.

    ``summary`` is plain data: each chance has ``probability`` and its 95 % interval by sampling, ``low`` and ``high``.
    """

    summary: Data
    folder: Path

    @property
    def chance(self) -> dict[str, float]:
        """Of the last level by the end: probability, low, high."""
        found: dict[str, float] = self.summary["chance"]
        return found

    @property
    def levels(self) -> dict[str, dict[str, dict[str, float]]]:
        """Level in words -> day -> the same three numbers."""
        return {row["word"]: row["by"] for row in self.summary["levels"]}

    @property
    def outcomes(self) -> dict[str, dict[str, float]]:
        """Outcome at the end -> the same three numbers."""
        found: dict[str, dict[str, float]] = self.summary["outcomes"]
        return found

    @property
    def milestones(self) -> dict[str, dict[str, dict[str, float]]]:
        """Milestone -> day -> the same three numbers."""
        found: dict[str, dict[str, dict[str, float]]] = self.summary["milestones"]
        return found


def answer(order: Order, scenario: Scenario) -> int:
    """Split the histories of an order's scenario, show the chances and keep them."""
    from sim.studies import table
    from sim.studies.splitting.table import show

    settings = order.settings
    asked = question(scenario, settings)
    work = settings.repeats * settings.effort * (len(asked[1].ladder.thresholds) + 1)
    with watched(work) as progress:
        data, folder = split(scenario, asked, settings, order.results, command=order.command, progress=progress)
    show(data, table.console())
    say_folder(folder)
    return 0


def question(scenario: Scenario, settings: Settings) -> tuple[Task, Climb]:
    """What is played and what is climbed. Raises SettingError for settings that cannot be."""
    from sim.studies.forecast import task_of

    if settings.precision is not None:
        raise SettingError(
            "run.precision: it goes with run.method=plain; run.effort and run.repeats say how close here"
        )
    if settings.engine not in ENGINES:
        raise SettingError(
            f"engine: {settings.engine} cannot branch a history; engine=lockstep does, with equal histories"
        )
    task = task_of(scenario, settings)
    return task, climb_of(scenario, task, settings)


def split(
    scenario: Scenario,
    asked: tuple[Task, Climb],
    settings: Settings,
    results: Path,
    *,
    command: str = "",
    progress: Progress = silent,
) -> tuple[Data, Path]:
    """The chances as plain data, and the folder they lie in; a complete run of as many repeats is shown again.

    Repeats are kept as they are done: a run that was killed goes on from there, one of fewer repeats is made longer.

    Raises CheckError when ``settings.again`` finds other numbers than those on disk.
    """
    from sim.studies.forecast import identity_of

    task, climb = asked
    identity = store.configuration_hash(
        {
            **rules_and_data(scenario),
            "forecast": identity_of(scenario, task).configuration,
            "level": [climb.name, list(climb.ladder.thresholds)],
            "effort": settings.effort,
        }
    )
    folder = store.run_folder(results, scenario.name, STUDY, identity)

    made = {"configuration": identity, "command": command}

    def compute(repeats: int) -> Data:
        _begin(folder, scenario, settings, made)
        kept_in = None if settings.again else folder / "repeats"
        found = runs.run(
            task, climb.ladder, settings.effort, repeats,
            executor=settings.executor, progress=progress, folder=kept_in,
        )  # fmt: skip
        return told(scenario, task, climb, found)

    return kept(folder, made, settings.repeats, compute, _table, again=settings.again), folder


def _begin(folder: Path, scenario: Scenario, settings: Settings, made: Mapping[str, str]) -> None:
    """Say whose the folder is before the first repeat lies in it; a complete run stays one until it is longer."""
    if store.read_manifest(folder) is None:
        begun = {"format": store.FORMAT, "study": STUDY, "scenario": scenario.name}
        begun |= {"as_of": scenario.as_of.isoformat(), "seed": settings.seed, "rules_version": RULES_VERSION, **made}
        store.write_json(folder / "manifest.json", {**begun, "complete": False})


# ------------------------------------------------------------------------------------------------------ the level
def climb_of(scenario: Scenario, task: Task, settings: Settings) -> Climb:
    """The level that a run climbs. Raises SettingError for one that cannot be."""
    if settings.level is None:
        if len(scenario.rungs) < 2:
            raise SettingError(
                f"run.level: {scenario.name} has no ladder; name a number of its state that rises on the way to what "
                "is rare, such as run.level=deaths with run.levels=[100,200,400]"
            )
        name, tree, said = "rung", scenario.rung_program, dict(enumerate(scenario.rungs))
    else:
        name, tree = str(settings.level), _parsed(scenario, settings.level)
        said = _said(scenario, tree)
    try:
        program = task.model.program(tree)
    except ExpressionError as error:
        raise SettingError(f"run.level: {error}") from None
    if any(column >= task.model.first_amount for column in program.reads):
        raise SettingError(f"run.level: {name!r} reads what is no number of the state; histories branch at events only")
    levels = settings.levels
    if levels is None:
        levels = list(range(1, len(scenario.rungs))) if settings.level is None else _all(scenario, tree, name)
    return Climb(name, runs.Ladder(program, _thresholds(levels, said)), said)


def _parsed(scenario: Scenario, text: Any) -> Expression:
    known = [*scenario.variables, *(m.name for m in scenario.milestones)]
    if not isinstance(text, str):
        raise SettingError(f"run.level: {text!r}; name a number of the state, such as run.level={known[0]}")
    try:
        tree = parse(text)
    except ExpressionError as error:
        raise SettingError(f"run.level: {error}") from None
    if isinstance(tree, Name) and tree.name not in known:
        raise SettingError(f"run.level: {scenario.name} has no {tree.name!r} in its state{nearest(tree.name, known)}")
    return tree


def _said(scenario: Scenario, tree: Expression) -> dict[int, str]:
    """Words for the values of a variable that has levels."""
    info = scenario.variables.get(tree.name) if isinstance(tree, Name) else None
    return dict(enumerate(info.levels)) if info is not None else {}


def _all(scenario: Scenario, tree: Expression, name: str) -> list[int]:
    """Every value of a variable above its least; 1 for a milestone or condition."""
    if isinstance(tree, Call) or tree in [Name(m.name) for m in scenario.milestones]:
        top, least = 1, 0
        known = isinstance(tree, Name) or (isinstance(tree, Call) and tree.operation in _CONDITIONS)
    else:
        found = next((v for v in scenario.spec.variables if tree == Name(v.name)), None)
        known = found is not None
        least, top = (0, 0) if found is None else (found.lower, OPEN if found.upper is None else found.upper)
    if not known or top - least > MOST_LEVELS:
        raise SettingError(
            f"run.levels: {name} may take more values than make good levels; name some on the way, such as "
            "run.levels=[10,20,40]. Best are levels that a third to a tenth of those at the one before reach"
        )
    return list(range(least + 1, top + 1))


_CONDITIONS: Final = frozenset(("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"))


def _thresholds(levels: Any, said: Mapping[int, str]) -> tuple[int, ...]:
    """Levels as ascending numbers; words are those of the level."""
    listed = list(levels) if isinstance(levels, Sequence) and not isinstance(levels, str) else [levels]
    by_word = {word: value for value, word in said.items()}
    found: list[int] = []
    for level in listed:
        value = by_word.get(level, level) if isinstance(level, str) else level
        if not isinstance(value, int) or isinstance(value, bool):
            words_ = f"; its words are {', '.join(by_word)}" if by_word else ""
            raise SettingError(
                f"run.levels: {level!r} is no level{nearest(str(level), by_word)}{words_}, or a whole number"
            )
        found.append(value)
    if not found or found != sorted(set(found)):
        raise SettingError(f"run.levels: {listed}; give one or more, each above the one before")
    return tuple(found)


# ----------------------------------------------------------------------------------------------------- the answer
def told(scenario: Scenario, task: Task, climb: Climb, found: runs.Repeats) -> Data:
    """What the repeats found, as plain data: chances with the interval that their differences leave."""
    days = {str(day): scenario.date(day).isoformat() for day in task.days}
    model, levels = task.model, []
    for k, threshold in enumerate(climb.ladder.thresholds):
        by = {day: _chance(found.by_day[:, k, i]) for i, day in enumerate(days)}
        tried = int(found.played[:, k].sum())
        levels.append(
            {
                "level": threshold,
                "word": words(climb.words.get(threshold, f"{climb.name} {threshold:,}")),
                "reached": int(found.entered[:, k].sum()),
                "tried": tried,
                "repeats": int((found.entered[:, k] > 0).sum()),
                "by": by,
            }
        )
    top = estimate(found.chances[:, -1])
    milestones = {
        name: {day: _chance(found.milestones[:, i, j]) for j, day in enumerate(days)}
        for i, name in enumerate(model.milestones)
    }
    sentences = {
        "outcomes": {one.name: one.says for one in scenario.outcomes},
        "flags": {one.name: one.says for one in scenario.flags},
        "milestones": {one.name: one.says for one in scenario.milestones},
    }
    return {
        "format": store.FORMAT,
        "study": STUDY,
        "scenario": scenario.name,
        "title": scenario.title,
        "question": scenario.question,
        "as_of": scenario.as_of.isoformat(),
        "until": days[str(task.until)],
        "until_days": task.until,
        "days": days,
        "seed": task.seed,
        "past": task.past is not None,
        "uncertain": uncertain(model),
        "level": climb.name,
        "levels": levels,
        "chance": _chance(found.chances[:, -1]),
        "outcomes": {name: _chance(found.outcomes[:, i]) for i, (name, _) in enumerate(model.outcomes)},
        "flags": {name: _chance(found.flags[:, i]) for i, (name, _) in enumerate(model.flags)},
        "milestones": milestones,
        "sentences": sentences,
        "replications": int(found.entered.shape[0]),
        "effort": found.effort,
        "histories": int(found.played.sum()),
        "events": found.events,
        "plain_histories": None if top.chance == 0 or top.error == 0 else plain_histories(top.chance, top.error),
        "trusted": top.trusted,
        "ran_away": float(found.ran_away.mean()),
        "content_hash": _digest(found),
    }


def _chance(repeats: Floats) -> dict[str, float]:
    """A chance with its 95 % interval by sampling; ``spread``: how far repeats differ, over their mean."""
    found = estimate(repeats)
    return {"probability": found.chance, "low": found.low, "high": found.high, "spread": found.spread}


def _digest(found: runs.Repeats) -> str:
    whole = hashlib.sha256()
    for name in runs.COLUMNS:
        whole.update(little(getattr(found, name)).tobytes())
    return whole.hexdigest()


def _table(data: Data) -> bytes:
    import pyarrow as pa

    rows: list[Data] = [
        {"what": "level", "name": row["word"], "day": int(day), **numbers}
        for row in data["levels"]
        for day, numbers in row["by"].items()
    ]
    for kind in ("outcomes", "flags"):
        rows += [{"what": kind[:-1], "name": name, "day": data["until_days"], **of} for name, of in data[kind].items()]
    for name, by in data["milestones"].items():
        rows += [{"what": "milestone", "name": name, "day": int(day), **numbers} for day, numbers in by.items()]
    return store.parquet_bytes(pa.Table.from_pylist(rows))
