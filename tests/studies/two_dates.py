"""A scenario in closed form: hits come at a rate with a gamma law, two reports count them, nothing else bears on them.

After ``DAYS`` days with k hits the rate has the law Gamma(SHAPE + k) per DAYS_BEFORE + DAYS days.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.scenario.reading import read_bytes
from sim.studies.order import Order
from sim.studies.settings import Settings, settings_of

SHAPE, DAYS_BEFORE = 3.0, 10.0
FIRST, DAYS = 4, 10
BASIS = "basis: {data: invented for a test}"
TEXT = f"""\
format: 1
name: two_dates
title: Hits on a target
question: How often is it hit?
as_of: 2030-01-11
until: 20 days
horizons: [20]
reports:
  none: {{outlet: A wire, date: 2030-01-01}}
  early: {{outlet: A wire, date: 2030-01-05}}
  late: {{outlet: A paper, date: 2030-01-11}}
findings:
  1: {{report: early, says: "two hits"}}
  2: {{report: late, says: "four hits"}}
  3: {{report: late, says: "some ten thousand watch"}}
actors:
  north: {{label: North, what: shoots}}
state:
  hits:
    min: 0
    meaning: hits so far
    start:
      - {{from: 2030-01-01, value: 0, {BASIS}}}
      - {{from: 2030-01-05, value: 2, basis: {{report: [1]}}, reported: at least}}
      - {{from: 2030-01-11, value: 4, basis: {{report: [2]}}, reported: exactly}}
  crowd_k:
    min: 0
    unit: thousand
    meaning: people who watch
    start:
      - {{from: 2030-01-01, value: 8, {BASIS}}}
      - from: 2030-01-11
        value: 10
        basis: {{report: [3]}}
        reported: {{roughly: 0.2, basis: {{data: half of them cannot count}}}}
  mood: {{levels: [calm, angry], start: {{drawn: {{calm: 0.6, angry: 0.4}}}}, meaning: mood of the crowd, {BASIS}}}
  shouted: {{start: no, meaning: somebody has shouted, {BASIS}}}
inputs:
  hit_rate: {{gamma: {{shape: {SHAPE:g}, mean: {SHAPE / DAYS_BEFORE:g} per d}}, {BASIS}}}
  come_rate: {{uniform: [0.1 per d, 0.5 per d], {BASIS}}}
  shout_rate: {{lognormal: {{median: 0.02 per d, p90: 0.1 per d}}, {BASIS}}}
actions:
  north.hits: {{says: a hit, rate: hit_rate, then: {{hits: +1}}}}
  north.comes: {{says: a thousand come, rate: come_rate, then: {{crowd_k: +1}}}}
  north.shouts:
    says: somebody shouts
    while: not shouted
    rate: shout_rate
    times: {{mood is angry: 3}}
    then: {{shouted: yes}}
    {BASIS}
milestones:
  many: {{when: hits at least 6, says: "six hits"}}
outcomes:
  - {{name: many_hits, when: many, says: "six hits or more"}}
  - {{name: few_hits, says: "fewer"}}
"""


def order(results: Path, text: str = TEXT, run: Mapping[str, Any] | None = None, **study: Any) -> Order:
    """An order for the study, in parts of a size that needs several."""
    configuration = {
        **{"format": 1, "scenario": dict(read_bytes(text.encode()).data), "results": str(results)},
        "study": {"name": "check_facts", "figures": False, **study},
        "run": {"replications": 20_000, "chunk": 7_000, **(run or {})},
        "executor": "serial",
    }
    settings: Settings = settings_of(configuration)
    return Order(configuration, settings, None, "escalation study=check_facts")
