"""At which value does a chance cross a level? One number is moved, all else drawn, the same histories at every value.

A crossing comes with the interval that sampling leaves (see :mod:`sim.statistics.crossing`) and, from nested runs, with
its range over the other inputs: where the chance given the inputs crosses, for the middle 80 % of what they may be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Rows
from sim.runs import store
from sim.runs.columns import flags, outcome
from sim.runs.execute import Progress, silent, spread, uncertain, workers
from sim.runs.plan import Part, Task, made_ready, parts, simulate, simulate_part
from sim.statistics.clusters import FEWEST, range_over_inputs
from sim.statistics.crossing import Crossing, bends, search
from sim.statistics.intervals import wilson
from sim.studies import past
from sim.studies.discover.event import Event, event_of
from sim.studies.kept import kept, rules_and_data
from sim.studies.order import Order, say_folder, watched, yes_or_no
from sim.studies.settings import SettingError, Settings
from sim.studies.threshold.axis import Axis, axis_of, models_of

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

STUDY: Final = "threshold"
SETTINGS: Final = ("path", "event", "by", "level", "low", "high", "values", "figures")

Data = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Question:
    """The number that is moved, the event, and the level that its chance is to cross."""

    axis: Axis
    event: Event
    level: float


def answer(order: Order) -> int:
    """Find where the chance of an order's event crosses its level, show it and keep it."""
    from sim.studies import table
    from sim.studies.threshold.table import show

    scenario, settings = order.scenario(), order.settings
    asked = question(scenario, order.study, order.source)
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    nested = settings.inputs * settings.histories
    with watched(asked.axis.count * (2 * settings.replications + nested)) as progress:
        data, folder = threshold(scenario, asked, settings, order.results, command=order.command, progress=progress)
    show(data, table.console())
    if figures and not (folder / "figures" / f"{STUDY}.png").is_file():
        plot(data, folder)
    say_folder(folder)
    return 0


def question(scenario: Scenario, study: Mapping[str, Any], source: Any = None) -> Question:
    """What a study's settings ask. Raises SettingError or ScenarioError for a value that cannot be."""
    level = study.get("level", 0.5)
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0.0 < level < 1.0:
        raise SettingError(f"study.level: {level!r}; a chance between 0 and 1 is wanted, such as 0.5")
    event = event_of(scenario, study)
    return Question(axis_of(scenario, study, source), event, float(level))


def threshold(
    scenario: Scenario,
    asked: Question,
    settings: Settings,
    results: Path,
    *,
    command: str = "",
    progress: Progress = silent,
) -> tuple[Data, Path]:
    """Find the crossings: plain data, and the folder it lies in; a complete one of as many histories is shown again.

    Raises CheckError when ``settings.again`` finds other numbers than those on disk.
    """
    event, axis = asked.event, asked.axis
    identity = store.configuration_hash(
        {
            **rules_and_data(scenario),
            "as_of": scenario.as_of,
            "seed": settings.seed,
            "question": [event.kind, event.name, event.day, asked.level],
            "axis": [axis.path, axis.low, axis.high, axis.count],
            "nested": [settings.inputs, settings.histories],
            **past.named(scenario, settings.past),
        }
    )
    folder = store.run_folder(results, scenario.name, STUDY, identity)
    data = kept(
        folder,
        {"configuration": identity, "command": command},
        settings.replications,
        lambda n: computed(asked, replace(settings, replications=n), progress),
        _table,
        again=settings.again,
    )
    return data, folder


def computed(asked: Question, settings: Settings, progress: Progress = silent) -> Data:
    """The crossings, as plain data."""
    axis, event, scenario = asked.axis, asked.event, asked.axis.scenario
    player = _Player(asked, settings, progress)
    found = search(player.events, axis.grid(), asked.level, axis.between)
    shares = found.shares
    low, high = wilson([int(one.sum()) for one in found.events], settings.replications)
    first = set(axis.grid())
    grid = [i for i, value in enumerate(found.values) if value in first]
    bent = bends([found.values[i] for i in grid], [found.events[i] for i in grid])
    band = player.range_over_inputs([found.values[i] for i in grid], np.array([shares[i] for i in grid]))
    single = found.crossings[0] if len(found.crossings) == 1 and bent is None else None
    over_inputs = ends_over_inputs(single, band, [found.values[i] for i in grid], asked.level)
    return {
        "format": store.FORMAT,
        "study": STUDY,
        "scenario": scenario.name,
        "title": scenario.title,
        "headline": event.says(scenario),
        "event": {"kind": event.kind, "name": event.name, "day": event.day, "date": event.date(scenario)},
        "path": axis.path,
        "label": axis.label,
        "kind": axis.kind,
        "counts": axis.whole,
        "geometric": axis.geometric,
        "now": axis.now,
        "range": [axis.low, axis.high],
        "level": asked.level,
        "as_of": scenario.as_of.isoformat(),
        "replications": settings.replications,
        "seed": settings.seed,
        "inputs": settings.inputs if band is not None else 0,
        "histories": settings.histories if band is not None else 0,
        "past": past.days_before(scenario) if past.named(scenario, settings.past) else 0,
        "crossings": [
            _told(axis, one) | dict(
                zip(("over_inputs", "beyond"), over_inputs if one is single else (None, None), strict=True)
            )
            for one in found.crossings
        ],
        "touches": [list(one) for one in found.touches],
        "bends": [list(pair) for pair in bent] if bent is not None else None,
        "curve": [
            {"value": value, "probability": share, "low": float(a), "high": float(b), "first": value in first}
            for value, share, a, b in zip(found.values, shares, low, high, strict=True)
        ],
        "band": [
            {"value": found.values[i], "low": float(a), "high": float(b)}
            for i, a, b in zip(grid, *band, strict=True)
        ] if band is not None else [],
    }  # fmt: skip


def plot(data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw the curve into its folder."""
    from sim.figures.sheets import threshold as figure
    from sim.figures.style import save

    return save(figure.draw(data), folder / "figures", STUDY)


# ----------------------------------------------------------------------------------------------------- simulating
class _Player:
    """Plays the same histories with any value of the number."""

    def __init__(self, asked: Question, settings: Settings, progress: Progress) -> None:
        self.asked, self.settings, self.progress = asked, settings, progress
        self.models = models_of(asked.axis, settings.past)

    def task(self, value: float) -> Task:
        """What is simulated with a value."""
        model, before = self.models(value)
        day = self.asked.event.day
        return Task(model, self.settings.seed, day, (day,), engine=self.settings.engine, past=before)

    def events(self, values: Sequence[float]) -> list[NDArray[np.bool_]]:
        """Whether the event happens in each history (n,), with each value."""
        n = self.settings.replications
        split = parts(n, self.settings.chunk)
        items = [(made_ready(self.task(value), n), part) for value in values for part in split]
        found: dict[int, NDArray[np.bool_]] = {}
        for index, happened in spread(
            _Plain(self.asked.event), items, workers(self.settings.executor, n * len(values))
        ):
            found[index] = happened
            self.progress(happened.size)
        k = len(split)
        return [np.concatenate([found[i * k + j] for j in range(k)]) for i in range(len(values))]

    def range_over_inputs(
        self, values: Sequence[float], shares: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """The 10-90 % range over the other inputs of the chance at each value; None where nothing else is uncertain."""
        inputs, each = self.settings.inputs, self.settings.histories
        tasks = [self.task(value) for value in values]
        name = self.asked.axis.input
        others = [task.model for task in tasks[:1] if uncertain(_without(task.model, name))]
        if not others or inputs < FEWEST:
            return None
        items = [(made_ready(task, inputs * each), inputs, each) for task in tasks]
        counts = np.zeros((inputs, len(values)), dtype=np.int64)
        made = workers(self.settings.executor, inputs * each * len(values))
        for index, happened in spread(_Nested(self.asked.event), items, made):
            counts[:, index] = happened
            self.progress(inputs * each)
        return range_over_inputs(counts, each, shares)


def _without(model: Any, name: str | None) -> Any:
    """A model as far as its draws go, but for one input."""
    keep = [i for i, other in enumerate(model.inputs) if other != name]
    return replace(
        model, inputs=tuple(model.inputs[i] for i in keep), input_laws=tuple(model.input_laws[i] for i in keep)
    )


def _happened(event: Event, task: Task, rows: Rows) -> NDArray[np.bool_]:
    """Whether the event happened by, or holds at, the end of its day, in each history (n,)."""
    model = task.model
    if event.kind == "milestone":
        return np.asarray(rows.milestones[model.milestones.index(event.name)] <= event.day)
    if event.kind == "outcome":
        number = [name for name, _ in model.outcomes].index(event.name)
        return np.asarray(outcome(model, rows.observed[0], rows.milestones, event.day) == number)
    number = [name for name, _ in model.flags].index(event.name)
    return np.asarray(flags(model, rows.observed[0], rows.milestones, event.day)[number])


@dataclass(frozen=True)
class _Plain:
    """Plays one part with one model; a class, so that it can be sent to another process."""

    event: Event

    def __call__(self, item: tuple[Task, Part]) -> NDArray[np.bool_]:
        task, part = item
        return _happened(self.event, task, simulate_part(task, part))


@dataclass(frozen=True)
class _Nested:
    """Events by set of inputs (K,), with so many sets and so many histories each."""

    event: Event

    def __call__(self, item: tuple[Task, int, int]) -> NDArray[np.int64]:
        task, inputs, each = item
        group = np.repeat(np.arange(inputs, dtype=np.int64), each)
        rows = simulate(task, group, np.arange(inputs * each, dtype=np.int64))
        return np.bincount(group[_happened(self.event, task, rows)], minlength=inputs)


# ------------------------------------------------------------------------------------------------------- the numbers
def ends_over_inputs(
    crossing: Crossing | None,
    band: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
    values: Sequence[float],
    level: float,
) -> tuple[list[float | None] | None, list[int] | None]:
    """Where the ends of the range over the inputs cross: the 10 % and 90 % points of the crossing itself.

    As the curve goes one way, the crossing for given inputs lies below a value just where the chance there is already
    on the far side, so its quantiles are where the quantiles of the chance cross. None: beyond the values; the second
    list says on which side: -1 below them, 1 above, 0 within.
    """
    if crossing is None or band is None:
        return None, None
    lower, upper = band
    first, last = (upper, lower) if crossing.rises else (lower, upper)
    found = [_crosses(values, curve, level, rises=crossing.rises) for curve in (first, last)]
    return [value for value, _ in found], [side for _, side in found]


def _crosses(
    values: Sequence[float], curve: NDArray[np.float64], level: float, *, rises: bool
) -> tuple[float | None, int]:
    """Where a curve crosses, and whether that is below (-1), within (0) or above (1) the values."""
    far = np.asarray(curve >= level if rises else curve <= level)
    if not far.any():
        return None, 1
    i = int(far.argmax())
    if i == 0:
        return None, -1
    a, b = values[i - 1], values[i]
    return float(a + (b - a) * (level - curve[i - 1]) / (curve[i] - curve[i - 1])), 0


def _told(axis: Axis, one: Crossing) -> Data:
    share = None
    if axis.law is not None and one.at is not None:
        grid = (np.arange(2_000) + 0.5) / 2_000
        share = float((axis.law.quantile(grid) <= one.at).mean())
    return {
        "value": one.at,
        "low": one.low,
        "high": one.high,
        "rises": one.rises,
        "share_of_law": share,
    }


def _table(data: Data) -> bytes:
    import pyarrow as pa

    return store.parquet_bytes(pa.Table.from_pylist(data["curve"]))
