"""What does the answer hang on? One uncertain input at a time is held at its 10 % and 90 % point, all else drawn.

Every run uses the same histories (same seed, same numbers), so the difference between two ends is a paired one and an
input that nothing reads makes none at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.model.compiled import compile_model
from sim.model.expressions import nearest
from sim.model.laws import Law
from sim.model.spec import Quantity, Spec
from sim.runs import store
from sim.runs.execute import Progress, silent, spread, workers
from sim.runs.past import Past
from sim.runs.plan import Part, Task, parts, simulate_part
from sim.statistics.intervals import wilson
from sim.statistics.paired import paired_shares
from sim.statistics.shown import words
from sim.studies import past
from sim.studies.discover.event import Event
from sim.studies.kept import kept, rules_and_data
from sim.studies.order import Order, say_folder, watched, yes_or_no
from sim.studies.settings import SettingError, Settings, whole

if TYPE_CHECKING:
    from sim.scenario.scenario import Evidence, QuantityInfo, Scenario

STUDY: Final = "tornado"
SETTINGS: Final = ("milestone", "day", "replications", "inputs", "figures")
WHICH: Final = ("all", "judgements")
ENDS: Final = (0.1, 0.9)
REPLICATIONS: Final = 10_000

Data = dict[str, Any]


@dataclass(frozen=True)
class Doubt:
    """An uncertain input or hidden start, with the values at which it is held: each in words, and as a model."""

    name: str
    says: str
    basis: str
    values: tuple[tuple[str, Spec], ...]


@dataclass(frozen=True)
class Question:
    """The event that is asked about: a milestone by a day, over so many histories."""

    milestone: str
    day: int
    replications: int
    which: str = "all"


def answer(order: Order) -> int:
    """Run the tornado of an order's scenario, show it and keep it."""
    from sim.studies import table
    from sim.studies.tornado.table import show

    scenario = order.scenario()
    asked = question(scenario, order.study)
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    runs = 1 + sum(len(doubt.values) for doubt in doubts(scenario, asked.which))
    with watched(runs * asked.replications) as progress:
        data, folder = tornado(scenario, asked, order.settings, order.results, command=order.command, progress=progress)
    show(data, table.console())
    if figures and not (folder / "figures" / "tornado.png").is_file():
        plot(data, folder)
    say_folder(folder)
    return 0


def question(scenario: Scenario, study: Mapping[str, Any]) -> Question:
    """What a study's settings ask. Raises SettingError for a value that cannot be."""
    known = [m.name for m in scenario.milestones]
    if not known:
        raise SettingError(f"study.milestone: {scenario.name} has no milestone, so there is no event to ask about")
    milestone = study.get("milestone")
    if milestone is None:
        milestone = next((rate.milestone for rate in scenario.base_rates), known[0])
    if milestone not in known:
        raise SettingError(f"study.milestone: unknown milestone {milestone!r}{nearest(str(milestone), known)}")
    until = int(scenario.until)
    days = sorted({day for day in scenario.horizons if day < until} | {until})
    day = days[-2] if len(days) > 1 else min(90, until)
    if study.get("day") is not None:
        day = whole(study["day"], "study.day")
    if not 1 <= day <= until:
        raise SettingError(
            f"study.day: {day} is outside 1 … {until}, the days of the forecast; `until` makes it longer"
        )
    n = whole(study.get("replications", REPLICATIONS), "study.replications")
    if not 100 <= n <= 10**7:
        raise SettingError(f"study.replications: {n} is outside 100 … 10,000,000")
    which = study.get("inputs", WHICH[0])
    if which not in WHICH:
        raise SettingError(f"study.inputs: {which!r} is unknown{nearest(str(which), WHICH)}; all or judgements")
    return Question(milestone, day, n, which)


def doubts(scenario: Scenario, which: str = "all") -> list[Doubt]:
    """The inputs and hidden starts that are varied: those that rest on a judgement, or all."""
    spec, found = scenario.spec, []
    for info in scenario.inputs:
        if not info.constant and (which == "all" or info.evidence.kind == "judgement"):
            ends = info.law.quantile(np.array(ENDS)).tolist()
            values = tuple((_value(info, end), _with_input(spec, info.name, end)) for end in ends)
            found.append(Doubt(info.name, info.meaning or words(info.name), _basis(info.evidence), values))
    for variable in spec.variables:
        told = scenario.variables.get(variable.name)
        if told is None or not isinstance(variable.start, Law):
            continue
        if which == "all" or told.evidence.kind == "judgement":
            numbers = variable.start.parameters
            levels = _within(dict(zip(map(int, numbers[::2]), numbers[1::2], strict=True)))
            if len(levels) < 2:
                continue  # one level holds from its 10 % to its 90 % point
            named = [(words(told.levels[v]) if v < len(told.levels) else f"{v:,}", v) for v in levels]
            values = tuple((word, _with_start(spec, variable.name, v)) for word, v in named)
            found.append(Doubt(variable.name, told.meaning, _basis(told.evidence), values))
    return found


def tornado(
    scenario: Scenario,
    asked: Question,
    settings: Settings,
    results: Path,
    *,
    command: str = "",
    progress: Progress = silent,
) -> tuple[Data, Path]:
    """Answer the question with everything drawn, and with each doubt held at each of its values.

    Returns plain data and the folder it lies in; a complete run of as many histories is shown and not computed again.

    Raises CheckError when ``settings.again`` finds other numbers than those on disk.
    """
    identity = _identity(scenario, asked, settings)
    folder = store.run_folder(results, scenario.name, STUDY, identity)
    data = kept(
        folder,
        {"configuration": identity, "command": command},
        asked.replications,
        lambda n: computed(scenario, replace(asked, replications=n), settings, progress),
        _table,
        again=settings.again,
    )
    return data, folder


def folder_of(scenario: Scenario, asked: Question, settings: Settings, results: Path) -> Path:
    """The folder in which the answer to a question lies, if it was asked."""
    return store.run_folder(results, scenario.name, STUDY, _identity(scenario, asked, settings))


def _identity(scenario: Scenario, asked: Question, settings: Settings) -> str:
    return store.configuration_hash(
        {
            **rules_and_data(scenario),
            "as_of": scenario.as_of,
            "seed": settings.seed,
            "question": [asked.milestone, asked.day, asked.which],
            **past.named(scenario, settings.past),
        }
    )


def computed(scenario: Scenario, asked: Question, settings: Settings, progress: Progress = silent) -> Data:
    """The numbers of the tornado, as plain data."""
    varied = doubts(scenario, asked.which)
    specs = [scenario.spec, *(spec for doubt in varied for _, spec in doubt.values)]
    # What is held is held in the past, too: all else is drawn as it follows from that past.
    pasts = [past.past_of(scenario, spec, settings.past) for spec in specs]
    held = iter(play(specs, asked, settings, progress, pasts))
    drawn = next(held)
    n = asked.replications
    low, high = wilson(int(drawn.sum()), n)
    rows = [_row(doubt, [next(held) for _ in doubt.values]) for doubt in varied]
    event = Event("milestone", asked.milestone, asked.day)
    return {
        "format": store.FORMAT,
        "study": STUDY,
        "scenario": scenario.name,
        "title": scenario.title,
        "headline": event.says(scenario),
        "milestone": asked.milestone,
        "day": asked.day,
        "date": event.date(scenario),
        "as_of": scenario.as_of.isoformat(),
        "replications": n,
        "seed": settings.seed,
        "inputs": asked.which,
        "probability": float(drawn.mean()),
        "low": float(low),
        "high": float(high),
        "rows": sorted(rows, key=lambda row: -abs(row["difference"])),
        "not_varied": _not_varied(scenario, {doubt.name for doubt in varied}),
    }


def play(
    specs: Sequence[Spec],
    asked: Question,
    settings: Settings,
    progress: Progress = silent,
    pasts: Sequence[Past | None] = (),
) -> list[NDArray[np.bool_]]:
    """Whether the event happens in each of the same histories, for every model: arrays (replications,).

    ``pasts`` are what the models remember; none given: nothing.
    """
    models = [compile_model(spec, strict=False) for spec in specs]
    tasks = [
        Task(model, settings.seed, asked.day, (asked.day,), engine=settings.engine, past=before)
        for model, before in zip(models, pasts or [None] * len(models), strict=True)
    ]
    split = parts(asked.replications, settings.chunk)
    items = [(task, part) for task in tasks for part in split]
    player = _Player(asked.milestone, asked.day)
    found: dict[int, NDArray[np.bool_]] = {}
    for index, happened in spread(player, items, workers(settings.executor, asked.replications * len(specs))):
        found[index] = happened
        progress(happened.size)
    ordered = [found[index] for index in range(len(items))]
    k = len(split)
    return [np.concatenate(ordered[i * k : (i + 1) * k]) for i in range(len(specs))]


def plot(data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw the tornado into its folder."""
    from sim.figures.sheets import tornado as figure
    from sim.figures.style import save

    return save(figure.draw(data), folder / "figures", "tornado")


@dataclass(frozen=True)
class _Player:
    """Plays one part with one model; a class, so that it can be sent to another process."""

    milestone: str
    day: int

    def __call__(self, item: tuple[Task, Part]) -> NDArray[np.bool_]:
        task, part = item
        times = simulate_part(task, part).milestones[task.model.milestones.index(self.milestone)]
        happened: NDArray[np.bool_] = times <= self.day
        return happened


def _row(doubt: Doubt, happened: Sequence[NDArray[np.bool_]]) -> Data:
    """A doubt with the chance at its ends: of several levels the two that lie farthest apart."""
    shares = [float(one.mean()) for one in happened]
    first, last = sorted((int(np.argmin(shares)), len(shares) - 1 - int(np.argmax(shares[::-1]))))
    if first == last:  # all alike
        first, last = 0, len(shares) - 1
    difference, error = paired_shares(happened[first], happened[last])
    texts = [text for text, _ in doubt.values]
    return {
        "name": doubt.name,
        "says": doubt.says,
        "low_value": texts[first],
        "high_value": texts[last],
        "at_low": shares[first],
        "at_high": shares[last],
        "difference": difference,
        "error": error,
        "basis": doubt.basis,
        "values": [{"value": text, "probability": share} for text, share in zip(texts, shares, strict=True)],
    }


def _not_varied(scenario: Scenario, varied: set[str]) -> list[dict[str, str]]:
    """Free judgements that are no input with a spread (a delay, a weight): nothing to hold at two ends."""
    from sim.scenario.scenario import free_judgements

    free = free_judgements(scenario)
    places = [(judgement, judgement.place.split(".")) for judgement in free]
    return [
        {"place": judgement.place, "why": judgement.why}
        for judgement, place in places
        if place[0] not in ("inputs", "state") or place[1].split("[")[0] not in varied
    ]


def _with_input(spec: Spec, name: str, value: float) -> Spec:
    fixed = Quantity(name, Law("fixed", (value,)))
    return replace(spec, inputs=tuple(fixed if q.name == name else q for q in spec.inputs))


def _within(chances: Mapping[int, float]) -> list[int]:
    """Levels between the 10 % and the 90 % point of a hidden start, as for any input."""
    found, below = [], 0.0
    for level in sorted(chances):
        if below < ENDS[1] and below + chances[level] > ENDS[0]:
            found.append(level)
        below += chances[level]
    return found


def _with_start(spec: Spec, name: str, value: int) -> Spec:
    return replace(spec, variables=tuple(replace(v, start=value) if v.name == name else v for v in spec.variables))


def _value(info: QuantityInfo, value: float) -> str:
    """A value of an input as people say it: a rate below one a day by the time between two."""
    if info.kind == "per day":
        return f"{_digits(value)} per d" if value >= 1 or value <= 0 else f"1 per {_digits(1 / value)} d"
    return f"{_digits(value)}{' d' if info.kind == 'days' else ''}"


def _digits(value: float) -> str:
    """A number to two digits: ``0.0063``, ``31,000``."""
    return f"{float(f'{value:.2g}'):,g}"


def _basis(evidence: Evidence) -> str:
    return f"{evidence.kind}: {evidence.why}" if evidence.why else evidence.kind


def _table(data: Data) -> bytes:
    import pyarrow as pa

    keys = ("name", "says", "low_value", "high_value", "at_low", "at_high", "difference", "error", "basis")
    return store.parquet_bytes(pa.table({key: [row[key] for row in data["rows"]] for key in keys}))
