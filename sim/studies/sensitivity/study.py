"""What drives the answer? What the numbers vary with, how much of that is judgement, and what each mechanism does.

Three parts. *Log-odds*: sets of inputs are drawn, each is played many times, and the variance of the log-odds of the
headline is split by input and by basis. *Indices*: first and total Sobol' indices of counts and times, by a pick-freeze
design (needs SALib). *Ablation*: the scenario without each of its mechanisms, on the same luck. The first two treat the
inputs as drawn, independent of one another, and forget the past; ablation remembers it as a forecast does.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.model.expressions import nearest
from sim.runs import store
from sim.runs.execute import Progress, silent
from sim.runs.plan import COMPILED_PAYS, made_ready
from sim.statistics.clusters import range_over_inputs
from sim.statistics.explained import explained, logits
from sim.statistics.indices import sobol_indices
from sim.statistics.intervals import wilson
from sim.statistics.paired import paired_shares
from sim.studies import past
from sim.studies.discover.event import Event
from sim.studies.forecast import task_of
from sim.studies.kept import kept, rules_and_data
from sim.studies.order import Order, listed, say_folder, watched, yes_or_no
from sim.studies.sensitivity.ablation import mechanisms, without
from sim.studies.sensitivity.design import (
    Quantity,
    Uncertain,
    bins_by_input,
    by_basis,
    counts_of,
    pick_freeze,
    play_design,
    uncertain_inputs,
)
from sim.studies.settings import SettingError, Settings, whole
from sim.studies.tornado import study as tornado

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario
    from sim.scenario.source import Source

STUDY: Final = "sensitivity"
SETTINGS: Final = (
    "milestone", "day", "counts", "times", "sobol", "points", "histories", "sets", "each", "replications", "figures",
)  # fmt: skip
#: Settings that are numbers: least and most. Every output of a design lies in memory.
SIZES: Final = {
    "points": (100, 100_000),
    "histories": (2, 100),
    "sets": (100, 20_000),
    "each": (20, 2_000),
    "replications": (100, 1_000_000),
}
#: Those that go with the size of a run where none is given: so many times smaller than run.replications.
SHARES: Final = {"points": 5, "sets": 10, "replications": 2}
USUAL: Final = {"histories": 4, "each": 200}

Data = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked: a milestone by a day, the quantities whose indices are wanted, and the sizes of the designs."""

    milestone: str
    day: int
    quantities: tuple[Quantity, ...]
    points: int
    histories: int
    sets: int
    each: int
    replications: int


def answer(order: Order) -> int:
    """Run the study on an order's scenario, show it and keep it."""
    from sim.studies import table
    from sim.studies.sensitivity.table import show

    scenario = order.scenario()
    asked = question(scenario, order.study, order.settings.replications)
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    with watched(work(scenario, asked)) as progress:
        data, folder = sensitivity(
            scenario, asked, order.settings, order.results, order.source, command=order.command, progress=progress
        )
    show(data, table.console())
    if figures and not all((folder / "figures" / f"{name}.png").is_file() for name in pictures(data)):
        plot(data, folder)
    say_folder(folder)
    return 0


def question(scenario: Scenario, study: Mapping[str, Any], run: int = Settings.replications) -> Question:
    """What a study's settings ask, in a run of so many histories. Raises SettingError for a value that cannot be."""
    headline = tornado.question(scenario, {"milestone": study.get("milestone"), "day": study.get("day")})
    sizes = {}
    for key, (least, most) in SIZES.items():
        if study.get(key) is None:
            sizes[key] = min(max(run // SHARES[key], least), most) if key in SHARES else USUAL[key]
            continue
        sizes[key] = whole(study[key], f"study.{key}")
        if not least <= sizes[key] <= most:
            raise SettingError(f"study.{key}: {sizes[key]} is outside {least:,} … {most:,}")
    quantities: tuple[Quantity, ...] = ()
    if yes_or_no(study.get("sobol", True), "study.sobol"):
        if importlib.util.find_spec("SALib") is None:
            raise SettingError(
                "study.sobol: Sobol' indices need SALib, which is not installed; install the extra `sensitivity` "
                "(uv sync --extra sensitivity), or leave them out with study.sobol=false"
            )
        counts = _names(study.get("counts"), "study.counts", counts_of(scenario))
        times = _names(study.get("times"), "study.times", [headline.milestone])
        _known(counts, [v.name for v in scenario.spec.variables], "study.counts", "variable")
        _known(times, [m.name for m in scenario.milestones], "study.times", "milestone")
        quantities = (*(Quantity("count", name) for name in counts), *(Quantity("time", name) for name in times))
    return Question(headline.milestone, headline.day, quantities, **sizes)


def _names(given: Any, key: str, usual: list[str]) -> list[str]:
    """A list of names, which may be empty; the usual ones where none is given."""
    if given is None:
        return usual
    return [] if given == [] else listed(given, key)


def _known(names: Sequence[str], known: Sequence[str], key: str, noun: str) -> None:
    for name in names:
        if name not in known:
            raise SettingError(f"{key}: unknown {noun} {name!r}{nearest(name, known)}")
    if len(set(names)) < len(names):
        raise SettingError(f"{key}: {names}; a name stands twice")


def work(scenario: Scenario, asked: Question) -> int:
    """Histories that the study simulates, those of mechanisms that cannot be switched off included."""
    inputs = uncertain_inputs(scenario)
    drawn = asked.sets * asked.each if inputs else 0
    if inputs and asked.quantities:
        drawn += (len(inputs) + len(by_basis(inputs)) + 2) * asked.points * asked.histories
    return drawn + (1 + len(mechanisms(scenario))) * asked.replications


def sensitivity(
    scenario: Scenario,
    asked: Question,
    settings: Settings,
    results: Path,
    source: Source | None = None,
    *,
    command: str = "",
    progress: Progress = silent,
) -> tuple[Data, Path]:
    """Answer the question.

    Returns plain data and the folder it lies in; a complete run of as many histories is shown and not computed again.

    Raises CheckError when ``settings.again`` finds other numbers than those on disk.
    """
    identity = store.configuration_hash(
        {
            **rules_and_data(scenario),
            "as_of": scenario.as_of,
            "until": scenario.until,
            "seed": settings.seed,
            "question": [asked.milestone, asked.day],
            "quantities": [[one.kind, one.name] for one in asked.quantities],
            "design": [asked.points, asked.histories, asked.sets, asked.each],
            **past.named(scenario, settings.past),
        }
    )
    folder = store.run_folder(results, scenario.name, STUDY, identity)
    data = kept(
        folder,
        {"configuration": identity, "command": command},
        asked.replications,
        lambda n: computed(scenario, replace(asked, replications=n), settings, source, progress),
        _table,
        again=settings.again,
    )
    return data, folder


def computed(
    scenario: Scenario,
    asked: Question,
    settings: Settings,
    source: Source | None = None,
    progress: Progress = silent,
) -> Data:
    """The numbers of the study, as plain data."""
    # A hundred runs and more, however short: what lockstep needs to begin each of them adds up.
    histories = max(work(scenario, asked), COMPILED_PAYS + 1)
    chosen = made_ready(task_of(scenario, settings), histories).engine
    settings = replace(settings, engine=chosen)
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
        "until_days": int(scenario.until),
        "end": scenario.date(int(scenario.until)).isoformat(),
        "seed": settings.seed,
        "replications": asked.replications,
        "past": past.days_before(scenario) if past.named(scenario, settings.past) else 0,
        "log_odds": _log_odds(scenario, asked, settings, progress),
        "indices": _indices(scenario, asked, settings, progress),
        "ablation": _ablation(scenario, asked, settings, source, progress),
    }


def pictures(data: Mapping[str, Any]) -> list[str]:
    """Names of the figures that a run has."""
    found = {f"{STUDY}-log-odds": data["log_odds"], f"{STUDY}-indices": data["indices"]["quantities"]}
    return [*(name for name, there in found.items() if there), f"{STUDY}-ablation"]


def plot(data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw the figures into their folder."""
    from sim.figures.sheets import sensitivity as figure
    from sim.figures.style import save

    draw = {
        f"{STUDY}-log-odds": figure.log_odds,
        f"{STUDY}-indices": figure.indices,
        f"{STUDY}-ablation": figure.ablation,
    }
    return [path for name in pictures(data) for path in save(draw[name](data), folder / "figures", name)]


# ------------------------------------------------------------------------------------------------------- the numbers
def _log_odds(scenario: Scenario, asked: Question, settings: Settings, progress: Progress) -> Data | None:
    """The range of the headline over the inputs, and the variance of its log-odds by input and by basis."""
    inputs = uncertain_inputs(scenario)
    if not inputs:
        return None
    event = [Quantity("event", asked.milestone)]
    outputs = play_design(
        [scenario.spec], event, asked.day, asked.sets, asked.each, settings=settings, progress=progress
    )
    happened, half = outputs.values[0, 0], asked.each // 2
    halves = [
        logits(part.sum(axis=1), part.shape[1]) for part in (happened[:, :half], happened[:, half:])
    ]  # each (sets,)
    labels = bins_by_input(scenario.spec, settings.seed, asked.sets)
    names, groups = [one.name for one in inputs], by_basis(inputs)
    places = [[names.index(name) for name in members] for members in groups.values()]
    found = explained([labels[name] for name in names], halves[0], halves[1], places, seed=settings.seed)
    share, counts = float(happened.mean()), happened.sum(axis=1)
    low, high = range_over_inputs(counts[:, None], asked.each, np.array([share]))
    rows = [
        {
            **_named(one),
            "variance": float(found.variance[i]),
            "variance_error": float(found.variance_error[i]),
            "share": _number(found.share[i]),
            "error": _number(found.share_error[i]),
        }
        for i, one in enumerate(inputs)
    ]
    return {
        "sets": asked.sets,
        "each": asked.each,
        "probability": share,
        "range_low": float(low[0]),
        "range_high": float(high[0]),
        "never": float((counts == 0).mean()),
        "always": float((counts == asked.each).mean()),
        "variance": found.total,
        "variance_error": found.total_error,
        "inputs": sorted(rows, key=lambda row: -row["variance"]),
        "basis": [
            {
                "basis": basis,
                "inputs": len(members),
                "variance": float(found.groups[g]),
                "variance_error": float(found.groups_error[g]),
                "share": _number(found.group_share[g]),
                "error": _number(found.group_share_error[g]),
            }
            for g, (basis, members) in enumerate(groups.items())
        ],
        "rest": _number(found.rest),
        "rest_error": _number(found.rest_error),
        "ran_away": outputs.ran_away,
    }


def _indices(scenario: Scenario, asked: Question, settings: Settings, progress: Progress) -> Data:
    """First and total indices of every quantity, by input and by basis."""
    inputs = uncertain_inputs(scenario)
    head: Data = {"points": asked.points, "histories": asked.histories, "quantities": [], "ran_away": 0}
    if not inputs or not asked.quantities:
        return head
    names, groups = [one.name for one in inputs], by_basis(inputs)
    specs = pick_freeze(scenario.spec, [*([name] for name in names), *groups.values()], names)
    until = int(scenario.until)
    size = (asked.points, asked.histories)
    outputs = play_design(specs, asked.quantities, until, *size, settings=settings, progress=progress)
    head["ran_away"] = outputs.ran_away
    meanings = {name: told.meaning for name, told in scenario.variables.items()}
    meanings |= {m.name: m.says for m in scenario.milestones}
    for which, quantity in enumerate(asked.quantities):
        found = sobol_indices(outputs.values[which], settings.seed)
        every = [
            {
                "first": _number(found.first[i]),
                "first_error": _number(found.first_error[i]),
                "total": _number(found.total[i]),
                "total_error": _number(found.total_error[i]),
            }
            for i in range(len(specs) - 2)
        ]
        rows = [{**_named(one), **row} for one, row in zip(inputs, every, strict=False)]
        head["quantities"].append(
            {
                "kind": quantity.kind,
                "name": quantity.name,
                "says": meanings[quantity.name],
                "mean": found.mean,
                "spread": found.variance**0.5,
                "explained": found.explained,
                "explained_error": found.explained_error,
                "inputs": sorted(rows, key=lambda row: -(row["total"] or 0.0)),
                "basis": [
                    {"basis": basis, "inputs": len(members), **row}
                    for (basis, members), row in zip(groups.items(), every[len(inputs) :], strict=True)
                ],
            }
        )
    return head


def _ablation(
    scenario: Scenario, asked: Question, settings: Settings, source: Source | None, progress: Progress
) -> Data:
    """The change of the headline without each mechanism, largest first; and what could not be switched off."""
    all_of_them = mechanisms(scenario)
    found = list(without(scenario, all_of_them, source))
    kept_ones = [(one.mechanism, one.spec) for one in found if one.spec is not None]
    specs = [scenario.spec, *(spec for _, spec in kept_ones)]
    # What is switched off is switched off from the date of the forecast on: the past stays, and with it the inputs.
    remembered = past.past_of(scenario, scenario.spec, settings.past)
    asks = tornado.Question(asked.milestone, asked.day, asked.replications)
    happened = tornado.play(specs, asks, settings, progress, [remembered] * len(specs))
    progress(asked.replications * (len(found) - len(kept_ones)))
    base, n = happened[0], asked.replications
    low, high = wilson(int(base.sum()), n)
    rows = []
    for (mechanism, spec), other in zip(kept_ones, happened[1:], strict=True):
        difference, error = paired_shares(base, other)
        rows.append(
            {
                "kind": mechanism.kind,
                "says": mechanism.says,
                "paths": list(mechanism.paths),
                "probability": float(other.mean()),
                "difference": difference,
                "error": error,
                "same_model": spec == scenario.spec,
                "parted": float((base != other).mean()),
            }
        )
    return {
        "probability": float(base.mean()),
        "low": float(low),
        "high": float(high),
        "rows": sorted(rows, key=lambda row: -abs(row["difference"])),
        "refused": [
            {"kind": one.mechanism.kind, "says": one.mechanism.says, "paths": list(one.mechanism.paths), "why": one.why}
            for one in found
            if one.spec is None
        ],
    }


def _named(one: Uncertain) -> Data:
    return {"name": one.name, "says": one.says, "basis": one.basis, "judged": one.judged}


def _number(value: float) -> float | None:
    """A number for JSON; None where there is none."""
    return float(value) if np.isfinite(value) else None


def _table(data: Data) -> bytes:
    import pyarrow as pa

    keys = ("part", "about", "kind", "name", "measure")
    rows: list[Data] = []

    def add(names: Sequence[str], value: float | None, error: float | None) -> None:
        rows.append({**dict(zip(keys, names, strict=True)), "value": value, "error": error})

    found, headline = data["log_odds"] or {"inputs": [], "basis": []}, data["milestone"]
    for kind, entries in (("input", found["inputs"]), ("basis", found["basis"])):
        for row in entries:
            add(("log_odds", headline, kind, row.get("name", row["basis"]), "share"), row["share"], row["error"])
    for quantity in data["indices"]["quantities"]:
        for kind, entries in (("input", quantity["inputs"]), ("basis", quantity["basis"])):
            for row in entries:
                for measure in ("first", "total"):
                    names = ("indices", quantity["name"], kind, row.get("name", row["basis"]), measure)
                    add(names, row[measure], row[f"{measure}_error"])
    for row in data["ablation"]["rows"]:
        add(("ablation", headline, row["kind"], " ".join(row["paths"]), "difference"), row["difference"], row["error"])
    text, number = pa.string(), pa.float64()
    schema = pa.schema([*((key, text) for key in keys), ("value", number), ("error", number)])
    return store.parquet_bytes(pa.Table.from_pylist(rows, schema=schema))
