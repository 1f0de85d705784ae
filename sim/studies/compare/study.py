"""What if? Named variants of a scenario against it as it is, on common random numbers.

Every history is played on all sides with the same luck (same seed, same numbers, same names), so a difference is a
paired one, and a variant that touches nothing makes none at all. The past is the scenario's own in every variant; one
that changes the law of an input or hidden start has the past under that law, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.model.compiled import compile_model
from sim.runs import store
from sim.runs.execute import Progress, silent
from sim.runs.plan import made_ready
from sim.statistics.clusters import range_over_inputs
from sim.statistics.intervals import wilson
from sim.statistics.paired import paired_shares
from sim.statistics.shown import date_words, words
from sim.studies import past
from sim.studies.compare import first as compare_first
from sim.studies.compare.parts import Counts, Nested, Sides, nested, plain, range_of_differences
from sim.studies.compare.variants import Variant, variants_of
from sim.studies.forecast import task_of
from sim.studies.kept import kept, rules_and_data
from sim.studies.notebook import Pictures, comparison_html
from sim.studies.order import Order, say_folder, watched, yes_or_no
from sim.studies.settings import Settings
from sim.studies.summary import days_shown
from sim.studies.tornado import study as tornado

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

STUDY: Final = "compare"
SETTINGS: Final = ("variants", "milestone", "day", "figures")
#: Kinds of events that are compared.
KINDS: Final = ("outcomes", "milestones")

Data = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """The event shown first: an outcome or a milestone (its kind and name), and by which day."""

    kind: str
    name: str
    day: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """A finished comparison: its summary (plain data) and the folder with everything else."""

    summary: Data
    folder: Path

    @property
    def variants(self) -> dict[str, Data]:
        """Variant -> says, changes, parted (by day), differences (kind, name, day) and first."""
        return {variant["name"]: variant for variant in self.summary["variants"]}

    def rows(self) -> Any:
        """All differences as a pyarrow Table, one row for each variant, event and day."""
        import pyarrow.parquet as pq

        return pq.read_table(self.folder / f"{STUDY}.parquet")

    def plot(self) -> Pictures:
        """Draw the figures into the folder. The files come back; a notebook shows them."""
        return Pictures(plot(self.summary, self.folder))

    def _repr_html_(self) -> str:
        return comparison_html(self.summary)


def answer(order: Order) -> int:
    """Compare the variants of an order with its scenario, show the differences and keep them."""
    from sim.studies import table
    from sim.studies.compare.table import show

    scenario, settings = order.scenario(), order.settings
    asked = question(scenario, order.study)
    variants = variants_of(scenario, order.study.get("variants"), order.source)
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    sides = 1 + len(variants)
    with watched(sides * (settings.replications + settings.inputs * settings.histories)) as progress:
        data, folder = compare(
            scenario, variants, asked, settings, order.results, command=order.command, progress=progress
        )
    show(data, table.console())
    if figures and not all((folder / "figures" / f"{name}.png").is_file() for name in pictures(data)):
        plot(data, folder)
    say_folder(folder)
    return 0


def question(scenario: Scenario, study: Mapping[str, Any]) -> Question:
    """What a study's settings ask. Raises SettingError for a value that cannot be."""
    if scenario.milestones or study.get("milestone") is not None:
        asked = tornado.question(scenario, {"milestone": study.get("milestone"), "day": study.get("day")})
        return Question("milestones", asked.milestone, asked.day)
    return Question("outcomes", scenario.outcomes[0].name, int(scenario.until))


def compare(
    scenario: Scenario,
    variants: Sequence[Variant],
    asked: Question,
    settings: Settings,
    results: Path,
    *,
    command: str = "",
    progress: Progress = silent,
) -> tuple[Data, Path]:
    """Compare the variants with the scenario.

    Returns plain data and the folder it lies in; a complete run of as many histories is shown and not computed again.

    Raises CheckError when ``settings.again`` finds other numbers than those on disk.
    """
    identity = store.configuration_hash(
        {
            **rules_and_data(scenario),
            "as_of": scenario.as_of,
            "until": scenario.until,
            "seed": settings.seed,
            "question": [asked.kind, asked.name, asked.day],
            "variants": [[one.name, one.says, dict(one.changes)] for one in variants],
            "nested": [settings.inputs, settings.histories],
            **past.named(scenario, settings.past),
        }
    )
    folder = store.run_folder(results, scenario.name, STUDY, identity)
    data = kept(
        folder,
        {"configuration": identity, "command": command},
        settings.replications,
        lambda n: computed(scenario, variants, asked, replace(settings, replications=n), progress),
        _table,
        again=settings.again,
        also=_timelines,
        figures=(STUDY, "first-"),
    )
    return data, folder


def computed(
    scenario: Scenario,
    variants: Sequence[Variant],
    asked: Question,
    settings: Settings,
    progress: Progress = silent,
) -> Data:
    """The numbers of the comparison, as plain data."""
    sides = sides_of(scenario, variants, asked, settings)
    counts = plain(sides, settings.replications, settings.chunk, settings.executor, progress)
    by_input = nested(sides, settings.inputs, settings.histories, settings.executor, progress)
    base, until = sides.base, int(scenario.until)
    events = [
        *(("outcomes", name) for name, _ in base.model.outcomes),
        *(("milestones", m) for m in base.model.milestones),
    ]
    chances = _chances(counts, by_input)
    differences = _differences(counts, by_input)
    told = []
    for i, variant in enumerate(variants):
        first = None
        if counts.first[i] >= 0:
            first = compare_first.told(scenario, variant, sides, i, int(counts.first[i]))
        numbers: Data = {kind: {} for kind in KINDS}
        for e, (kind, name) in enumerate(events):
            numbers[kind][name] = {
                str(day): {**chances[1 + i][e][d], **differences[i][e][d]} for d, day in enumerate(base.days)
            }
        told.append(
            {
                "name": variant.name,
                "says": variant.says,
                "changes": dict(variant.changes),
                "same_model": variant.same,
                "own_past": sides.own[i],
                "parted": {
                    str(day): _share(int(counts.parted[i, d]), counts.histories) for d, day in enumerate(base.days)
                },
                **numbers,
                "first": first,
            }
        )
    as_it_is: Data = {kind: {} for kind in KINDS}
    for e, (kind, name) in enumerate(events):
        as_it_is[kind][name] = {str(day): chances[0][e][d] for d, day in enumerate(base.days)}
    date = scenario.date(asked.day).isoformat()
    sentences = {
        "outcomes": {o.name: o.says for o in scenario.outcomes},
        "milestones": {m.name: m.says for m in scenario.milestones},
    }
    says = sentences[asked.kind][asked.name]
    return {
        "format": store.FORMAT,
        "study": STUDY,
        "scenario": scenario.name,
        "title": scenario.title,
        "headline": f"{words(asked.name)} ({says}) by {date_words(date)}, {asked.day} days on",
        "event": {"kind": asked.kind, "name": asked.name, "day": asked.day},
        "as_of": scenario.as_of.isoformat(),
        "until_days": until,
        "days": {str(day): scenario.date(day).isoformat() for day in base.days},
        "seed": settings.seed,
        "replications": counts.histories,
        "inputs": by_input.inputs,
        "histories": by_input.histories,
        "past": past.days_before(scenario) if base.past is not None else 0,
        "sentences": sentences,
        "as_it_is": as_it_is,
        "variants": told,
    }


def sides_of(scenario: Scenario, variants: Sequence[Variant], asked: Question, settings: Settings) -> Sides:
    """The tasks of a scenario and its variants, read on the same days."""
    days = tuple(sorted({*days_shown(scenario.horizons, int(scenario.until)), asked.day}))
    base = replace(task_of(scenario, settings), days=days, watched=())
    base = made_ready(base, settings.replications * (1 + len(variants)))
    others, own = [], []
    for variant in variants:
        remembered = past.past_of(scenario, variant.scenario.spec, settings.past)
        others.append(replace(base, model=compile_model(variant.scenario.spec, strict=False), past=remembered))
        own.append(remembered is not None and base.past is not None and remembered.digest != base.past.digest)
    return Sides(base, tuple(others), tuple(own))


def pictures(data: Mapping[str, Any]) -> list[str]:
    """Names of the figures that a comparison has."""
    return [STUDY, *(f"first-{variant['name']}" for variant in data["variants"] if variant["first"])]


def plot(data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw the figures of a comparison into its folder."""
    from sim.figures.sheets import compare as figure
    from sim.figures.style import save

    paths = save(figure.draw(data), folder / "figures", STUDY)
    for variant in data["variants"]:
        if variant["first"]:
            drawn = figure.side_by_side(variant["first"]["picture"])
            paths += save(drawn, folder / "figures", f"first-{variant['name']}")
    return paths


# ------------------------------------------------------------------------------------------------------- the numbers
def _chances(counts: Counts, by_input: Nested) -> list[list[list[dict[str, float]]]]:
    """For each side, event and day the chance with its 95 % interval and its range over the inputs."""
    share = counts.happened / counts.histories
    low, high = wilson(counts.happened, counts.histories)
    range_low, range_high = range_over_inputs(by_input.happened, by_input.histories, share)
    keys = ("probability", "low", "high", "range_low", "range_high")
    return _named(keys, (share, low, high, range_low, range_high))


def _differences(counts: Counts, by_input: Nested) -> list[list[list[dict[str, float]]]]:
    """For each variant, event and day the paired difference, its half-width, and its range over the inputs."""
    difference, error = np.zeros(counts.gained.shape), np.zeros(counts.gained.shape)
    for place in np.ndindex(counts.gained.shape):
        gained, lost = int(counts.gained[place]), int(counts.lost[place])
        sizes = [gained, lost, counts.histories - gained - lost]
        difference[place], error[place] = paired_shares(np.repeat([0, 1, 0], sizes), np.repeat([1, 0, 0], sizes))
    ends = range_of_differences(by_input.gained, by_input.lost, by_input.histories, difference)
    keys = ("difference", "error", "difference_range_low", "difference_range_high")
    return _named(keys, (difference, error, *ends))


def _named(keys: Sequence[str], columns: Sequence[Any]) -> list[list[list[dict[str, float]]]]:
    sides, events, days = columns[0].shape
    return [
        [
            [{key: float(column[s, e, d]) for key, column in zip(keys, columns, strict=True)} for d in range(days)]
            for e in range(events)
        ]
        for s in range(sides)
    ]


def _share(count: int, n: int) -> dict[str, float]:
    low, high = wilson(count, n)
    return {"probability": count / n, "low": float(low), "high": float(high)}


# --------------------------------------------------------------------------------------------------------- the files
def _timelines(data: Data) -> dict[str, bytes]:
    """The first history that parts in each variant, both ways, as text."""
    return {
        f"first-{variant['name']}.txt": ("\n".join(variant["first"]["text"]) + "\n").encode()
        for variant in data["variants"]
        if variant["first"]
    }


def _table(data: Data) -> bytes:
    import pyarrow as pa

    rows = [
        {
            "variant": variant["name"],
            "kind": kind.removesuffix("s"),
            "name": name,
            "day": int(day),
            "as_it_is": data["as_it_is"][kind][name][day]["probability"],
            **numbers,
        }
        for variant in data["variants"]
        for kind in KINDS
        for name, by in variant[kind].items()
        for day, numbers in by.items()
    ]
    return store.parquet_bytes(pa.Table.from_pylist(rows))
