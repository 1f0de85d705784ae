"""A small run whose page has dials of every kind, and the answers that Python gives for settings of them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.beliefs.record import Record, nested_record, of_run
from sim.beliefs.weighing import Bent, Weighing
from sim.scenario.build import build
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.statistics.stated import Stated
from sim.studies.forecast import Result, forecast, task_of
from sim.studies.report import study as report
from sim.studies.settings import Settings
from sim.studies.weigh.weighed import claims_of, in_force
from tests.runs import small

#: Two of one origin, one of them open; one about outcomes with a range; one said on an earlier day.
STATEMENTS = """
statements:
  watcher:
    speaker: A watcher
    said_on: 2025-11-17
    proposition: {milestone: strike}
    says: 0.9
    within: open
    origin: paper
    basis: {report: [1]}
  second:
    speaker: <b>Another</b> watcher
    said_on: 2025-11-17
    proposition: {milestone: crisis}
    says: 0.3
    within: 50 d
    origin: paper
    basis: {data: the same paper}
  third:
    speaker: A third watcher
    said_on: 2025-11-17
    proposition: {outcomes: [settlement, blows]}
    says: likely
    within: open
    basis: {data: said on the radio}
  early:
    speaker: An early watcher
    said_on: 2025-11-07
    proposition: {milestone: strike}
    says: 0.5
    within: 60 d
    basis: {data: said on the radio}
"""
EARLY = "  none: {outlet: A wire, date: 2025-10-01}\nfindings:"
TEXT = small.TEXT.replace("not_modelled:\n  1: it is all there is\n", "").replace("findings:", EARLY) + STATEMENTS
SETTINGS = Settings(replications=3_000, inputs=60, histories=40)
#: Those that a page weighs.
TOLD = ("watcher", "second", "third")

Setting = Mapping[str, Any]


def scenario(text: str = TEXT) -> Scenario:
    return build(read_bytes(text.encode()).data)


def made(results: Path) -> tuple[Result, str]:
    """A forecast and its page."""
    built = scenario()
    found = forecast(built, SETTINGS, results, command="escalation")
    return found, report.write(found, built, SETTINGS).read_text(encoding="utf-8")


class Answers:
    """What a run says under settings of a page, from its own rows and not from what the page carries."""

    def __init__(self, found: Result) -> None:
        built = scenario()
        self.task = task_of(built, SETTINGS)
        claims, _ = claims_of(built, in_force(built, TOLD), self.task)
        self.claims = claims
        names = [name for name, _ in self.task.model.outcomes]
        self.record = of_run(found.folder, self.task.model.milestones, names, self.task.days)
        nested = nested_record(self.task, SETTINGS.inputs, SETTINGS.histories, folder=found.folder, executor="serial")
        assert nested is not None
        self.nested = _part(nested, np.ones(nested.size, dtype=np.bool_))  # without its flags
        self.rows = found.rows()

    def kept(self, carried: Setting, setting: Setting) -> NDArray[np.bool_]:
        """Which histories lie in the ranges of a setting; the outermost ends are open."""
        kept = np.ones(self.record.size, dtype=np.bool_)
        for one in carried["inputs"]:
            chosen = setting["inputs"].get(one["name"])
            if chosen is None:
                continue
            if one["levels"]:
                levels = ("bargain", "force")
                drawn = np.array(levels)[self.rows.column("start.goal").to_numpy()]
                kept &= np.isin(drawn, [one["levels"][place]["name"] for place in chosen])
                continue
            values = self.rows.column(f"input.{one['name']}").to_numpy()
            low, high = chosen
            if low > 0:
                kept &= values >= one["edges"][low]
            if high < len(one["edges"]) - 1:
                kept &= values <= one["edges"][high]
        return kept

    def under(self, carried: Setting, setting: Setting) -> Bent | None:
        """The bent law of a setting; None where nothing is left to bend."""
        kept = self.kept(carried, setting)
        sets = kept[: SETTINGS.inputs]
        if not kept.any() or not sets.any():
            return None
        claims = tuple(
            replace(claim, stated=Stated(*[dial["stated"]] * 3), days=tuple(dial["days"]))
            for claim, dial in zip(self.claims, setting["statements"], strict=True)
        )
        nested = _part(self.nested, np.repeat(sets, SETTINGS.histories))
        weighing = Weighing(claims, _part(self.record, kept), nested, int(sets.sum()), self.task.days)
        return weighing.bend(weighing.capped([dial["weight"] for dial in setting["statements"]]))


def _part(record: Record, kept: NDArray[np.bool_]) -> Record:
    return Record(
        {name: times[kept] for name, times in record.times.items()},
        {day: ends[kept] for day, ends in record.outcomes.items()},
        record.names,
    )


def settings(carried: Setting, count: int, seed: int) -> list[dict[str, Any]]:
    """Settings at random: weights, chances, readings and ranges of every kind."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        statements = []
        for one in carried["statements"]:
            weight = 0.0 if rng.random() < 0.3 else round(float(rng.random()), 2)
            way = rng.integers(3)
            days = one["days"] if way == 0 else [int(rng.choice(one["days"]))]
            if way == 2 and one["milestone"]:
                days = [int(rng.integers(1, carried["until"] + 1))]
            statements.append({"weight": weight, "stated": round(float(rng.uniform(0.01, 0.99)), 2), "days": days})
        inputs: dict[str, list[int]] = {}
        for one in carried["inputs"]:
            if rng.random() < 0.5:
                continue
            if one["levels"]:
                inputs[one["name"]] = [int(rng.integers(len(one["levels"])))]
                continue
            low, high = sorted(rng.integers(len(one["edges"]), size=2).tolist())
            if (low, high) != (0, len(one["edges"]) - 1):
                inputs[one["name"]] = [low, high]
        found.append({"statements": statements, "inputs": inputs})
    return found
