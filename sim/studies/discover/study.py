"""Which inputs lead there? The limits on the uncertain inputs within which an event happens much more often.

The histories are those of a plain forecast, stored and extended as such. Regions are sought among one half of them
(the even numbers) and judged by the other, so that what only suits the luck of the search is found out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.model.laws import Law
from sim.runs import store
from sim.runs.execute import Progress, silent
from sim.statistics import boxes
from sim.statistics.boxes import Box, Limit, Measured
from sim.statistics.shown import words
from sim.studies import forecast, past
from sim.studies.discover import prim
from sim.studies.discover.event import Event, event_of
from sim.studies.kept import kept, rules_and_data
from sim.studies.order import Order, remark, say_folder, watched, yes_or_no
from sim.studies.settings import SettingError, Settings, whole

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

STUDY: Final = "discover"
SETTINGS: Final = ("event", "by", "limits", "box", "figures")
#: Inputs that a region may limit at most, unless told otherwise.
LIMITS: Final = 4
#: Histories among which regions are sought at most; all others judge.
SOUGHT: Final = 20_000
#: Fewer events than this in either half say nothing.
FEWEST: Final = 10
#: Regions offered at most.
OFFERED: Final = 9
#: Chances, on the other half, from which on luck explains a region (there is none) and a limit (it does not hold up).
NONE: Final = 0.01
WEAK: Final = 0.05

Data = dict[str, Any]


@dataclass(frozen=True)
class Input:
    """An uncertain input or hidden start: its column in the rows of a run, its unit, or the words of its levels."""

    column: str
    kind: str
    levels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in the scenario."""
        return self.column.partition(".")[2]


@dataclass(frozen=True)
class Question:
    """The event, and how many inputs a region may limit."""

    event: Event
    limits: int = LIMITS


def answer(order: Order) -> int:
    """Find the regions for the event of an order, show and keep them."""
    from sim.studies import table
    from sim.studies.discover.table import show

    scenario, settings = order.scenario(), order.settings
    asked = question(scenario, order.study)
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    box = order.study.get("box")
    chosen = whole(box, "study.box") if box is not None else None
    with watched(past.work(scenario, settings)) as progress:
        data, folder = discover(scenario, asked, settings, order.results, command=order.command, progress=progress)
    if chosen is not None and not 1 <= chosen <= len(data["boxes"]):
        there = f"the regions are numbered 1 … {len(data['boxes'])}" if data["boxes"] else "no region was found"
        raise SettingError(f"study.box: {chosen}; {there}")
    number = chosen or data["chosen"]
    show(data, table.console(), number)
    shown = chosen is not None or data["found"]
    if figures and shown and not (folder / "figures" / f"{STUDY}-{number}.png").is_file():
        plot(data, number, folder)
    say_folder(folder)
    return 0


def question(scenario: Scenario, study: Mapping[str, Any]) -> Question:
    """What a study's settings ask. Raises SettingError for a value that cannot be."""
    event = event_of(scenario, study)
    until = int(scenario.until)
    days = sorted({day for day in scenario.horizons if day < until} | {until})
    if event.kind == "outcome" and event.day not in days:
        listed = ", ".join(map(str, days))
        raise SettingError(f"study.by: the rows of a forecast hold the outcome on day {listed}, not on day {event.day}")
    if event.kind == "flag" and event.day != until:
        raise SettingError(f"study.by: the rows of a forecast hold a flag at the end, day {until}; leave study.by out")
    limits = whole(study.get("limits", LIMITS), "study.limits")
    if not 1 <= limits <= 20:
        raise SettingError(f"study.limits: {limits} is outside 1 … 20; a rule of more than four is hard to read")
    if not inputs_of(scenario):
        raise SettingError(f"study=discover: no input of {scenario.name} is uncertain, so there is no region to find")
    return Question(event, limits)


def inputs_of(scenario: Scenario) -> list[Input]:
    """Every uncertain input and hidden start."""
    found = [Input(f"input.{info.name}", info.kind) for info in scenario.inputs if not info.constant]
    for variable in scenario.spec.variables:
        if isinstance(variable.start, Law) and variable.name in scenario.variables:
            levels = scenario.variables[variable.name].levels
            found += [Input(f"start.{variable.name}", "level", levels)]
    return found


def discover(
    scenario: Scenario,
    asked: Question,
    settings: Settings,
    results: Path,
    *,
    command: str = "",
    progress: Progress = silent,
) -> tuple[Data, Path]:
    """Find the regions: plain data, and the folder it lies in; a complete one of as many histories is shown again.

    Raises CheckError when ``settings.again`` finds other numbers than those on disk, SettingError where the library
    that finds regions is missing.
    """
    event = asked.event
    identity = store.configuration_hash(
        {
            **rules_and_data(scenario),
            "as_of": scenario.as_of,
            "until": scenario.until,
            "seed": settings.seed,
            "question": [event.kind, event.name, event.day, asked.limits],
            **past.named(scenario, settings.past),
        }
    )
    folder = store.run_folder(results, scenario.name, STUDY, identity)

    def compute(n: int) -> Data:
        prim.library()  # whoever lacks it need not wait for the histories to hear so
        run = replace(settings, replications=n)
        found = forecast.forecast(scenario, run, results, command=command, progress=progress, say=remark)
        return {**computed(scenario, asked, *rows_of(scenario, event, found.folder, n)), "seed": settings.seed}

    made = {"configuration": identity, "command": command}
    return kept(folder, made, settings.replications, compute, _table, again=settings.again), folder


def rows_of(scenario: Scenario, event: Event, folder: Path, n: int) -> tuple[list[NDArray[Any]], NDArray[np.bool_]]:
    """Of the first ``n`` histories of a stored forecast: the values (n,) of each input; whether the event happens."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    column = f"{event.kind}.{event.name}"
    if event.kind == "outcome":
        column = "outcome.end" if event.day == int(scenario.until) else f"outcome.{event.day}"
    names = [one.column for one in inputs_of(scenario)]
    parts, read = [], 0
    for path in sorted((folder / "parts").glob("part-*.parquet")):
        parts.append(pq.read_table(path, columns=[*names, column]).replace_schema_metadata())
        read += parts[-1].num_rows
        if read >= n:
            break
    rows = pa.concat_tables(parts).slice(0, n)
    values = [np.asarray(rows.column(name).to_numpy(), dtype=np.float64) for name in names]
    if event.kind == "outcome":
        return values, np.array([word == event.name for word in rows.column(column).to_pylist()])
    happened = rows.column(column)
    if event.kind == "flag":
        return values, np.asarray(happened.to_numpy(), dtype=np.bool_)
    return values, np.asarray(happened.fill_null(np.inf).to_numpy() <= event.day)


def computed(scenario: Scenario, asked: Question, columns: Sequence[NDArray[Any]], happened: NDArray[np.bool_]) -> Data:
    """The regions, as plain data, from the inputs' values (n,) and whether the event happened."""
    inputs, n = inputs_of(scenario), happened.size
    halves = [np.arange(0, n, 2), np.arange(1, n, 2)]
    halves[0] = halves[0][:SOUGHT]
    (sought, first), (judging, second) = (([column[half] for column in columns], happened[half]) for half in halves)
    found: list[Box] = []
    enough = min(first.sum(), second.sum()) >= FEWEST
    if enough:
        every = prim.paths(sought, [one.kind == "level" for one in inputs], first)
        found = [box for box in dict.fromkeys(boxes.pruned(b, sought, first, asked.limits) for b in every) if box]
    seen = [boxes.measured(box, sought, first) for box in found]
    order = boxes.undominated(seen)
    best = max(order, key=lambda i: seen[i].score, default=None)
    offered = _spaced(order, best)
    told = [_told(inputs, columns, found[i], seen[i], (judging, second)) for i in offered]
    chosen = offered.index(best) + 1 if best is not None else 0
    judged = [boxes.measured(found[i], judging, second) for i in order]
    event = asked.event
    return {
        "format": store.FORMAT,
        "study": STUDY,
        "scenario": scenario.name,
        "title": scenario.title,
        "headline": event.says(scenario),
        "event": {"kind": event.kind, "name": event.name, "day": event.day, "date": event.date(scenario)},
        "as_of": scenario.as_of.isoformat(),
        "replications": n,
        "sought": int(first.size),
        "judged": int(second.size),
        "events": [int(first.sum()), int(second.sum())],
        "enough": bool(enough),
        "limits": asked.limits,
        "overall": float(happened.mean()) if n else 0.0,
        "inputs": len(inputs),
        "rare": _rare(inputs, columns),
        "found": bool(chosen and told[chosen - 1]["luck"] <= NONE),
        "chosen": chosen,
        "boxes": told,
        "path": [_point(seen[i], other) for i, other in zip(order, judged, strict=True)],
    }


def plot(data: Mapping[str, Any], number: int, folder: Path) -> list[Path]:
    """Draw a region and the others beside it into the folder."""
    from sim.figures.sheets import discover as figure
    from sim.figures.style import save

    return save(figure.draw(data, number), folder / "figures", f"{STUDY}-{number}")


def _spaced(order: Sequence[int], best: int | None) -> list[int]:
    """At most ``OFFERED`` of some regions, evenly apart, the best one among them."""
    if len(order) <= OFFERED or best is None:
        return list(order)
    places = np.unique(np.linspace(0, len(order) - 1, OFFERED).round().astype(int)).tolist()
    nearest = min(range(len(places)), key=lambda i: abs(places[i] - order.index(best)))
    places[nearest] = order.index(best)
    return [order[place] for place in places]


def _rare(inputs: Sequence[Input], columns: Sequence[NDArray[Any]]) -> list[str]:
    """Levels of hidden starts that are too rare for a limit of their own, in words."""
    found = []
    for one, column in zip(inputs, columns, strict=True):
        if one.kind == "level":
            levels, counts = np.unique(column.astype(int), return_counts=True)
            rare = [
                level for level, count in zip(levels.tolist(), counts, strict=True) if count < prim.LEAST * column.size
            ]
            found += [f"{words(one.name)}: {_word(one, level)}" for level in rare]
    return found


def _word(one: Input, level: int) -> str:
    return words(one.levels[level]) if level < len(one.levels) else f"{level:,}"


def _told(
    inputs: Sequence[Input],
    columns: Sequence[NDArray[Any]],
    box: Box,
    first: Measured,
    other: tuple[Sequence[NDArray[Any]], NDArray[np.bool_]],
) -> Data:
    """A region in plain data: what it asks, and how it fares on the half that had no say in it, ``other``."""
    judging, happened = other
    ordered = tuple(sorted(box, key=lambda limit: limit.column))
    second = boxes.measured(ordered, judging, happened)
    limits = []
    for limit, without in zip(ordered, boxes.of_limits(ordered, judging, happened), strict=True):
        one, column = inputs[limit.column], columns[limit.column]
        luck = without.luck()
        limits.append(
            {
                "name": one.name,
                "kind": one.kind,
                **_ends(limit, column, one),
                "without": without.overall,
                "within": without.density,
                "luck": luck,
                "quasi_p": without.quasi_p(),
                "holds_up": luck <= WEAK,
            }
        )
    return {
        "limits": limits,
        "luck": second.luck(),
        "quasi_p": second.quasi_p(),
        "first": _shares(first),
        **_shares(second),
        "intervals": {name: list(ends) for name, ends in second.intervals().items()},
    }


def _ends(limit: Limit, column: NDArray[Any], one: Input) -> Data:
    """The ends of a limit, where they lie among the draws (share below each), and the whole range of the draws."""
    if limit.levels:
        kept_levels = np.isin(column, limit.levels)
        return {"levels": [_word(one, level) for level in limit.levels], "of": float(kept_levels.mean())}
    low = float(limit.low) if np.isfinite(limit.low) else None
    high = float(limit.high) if np.isfinite(limit.high) else None
    return {
        "low": low,
        "high": high,
        "below": float((column < limit.low).mean()) if low is not None else 0.0,
        "up_to": float((column <= limit.high).mean()) if high is not None else 1.0,
        "least": float(column.min()),
        "most": float(column.max()),
    }


def _shares(one: Measured) -> Data:
    return {
        "coverage": one.coverage,
        "density": one.density,
        "share": one.share,
        "overall": one.overall,
        "counts": [one.n, one.events, one.inside, one.caught],
    }


def _point(first: Measured, second: Measured) -> Data:
    return {
        "first": [first.coverage, first.density],
        "second": [second.coverage, second.density],
    }


def _table(data: Data) -> bytes:
    import pyarrow as pa

    shares = ("coverage", "density", "share", "luck")
    rows = [
        {
            "box": number,
            "input": limit["name"],
            "low": limit.get("low"),
            "high": limit.get("high"),
            "levels": limit.get("levels", []),
            "limit_luck": limit["luck"],
            **{key: box[key] for key in shares},
        }
        for number, box in enumerate(data["boxes"], 1)
        for limit in box["limits"]
    ]
    kinds = {"box": pa.int64(), "input": pa.string(), "levels": pa.list_(pa.string())}
    names = ("box", "input", "low", "high", "levels", "limit_luck", *shares)
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in names])
    return store.parquet_bytes(pa.Table.from_pylist(rows, schema=schema))
