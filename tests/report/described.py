"""Shipped scenarios, and one with everything that is hard to draw or to quote."""

from functools import cache
from pathlib import Path
from typing import Any

from sim.scenario.build import build
from sim.scenario.reading import read_bytes, read_file
from sim.scenario.scenario import Scenario

FOLDER = Path(__file__).resolve().parents[2] / "conf" / "scenario"
SHIPPED = ("two_rivals", "cuba_1962", "venezuela_2025")
#: A label with markup, a table's bar, writing from the right and a long word.
HARD = "<img src=x onerror=alert(1)> | `x` الأزمة" + " very_long_" * 12

TRICKY = f"""
format: 1
name: tricky
title: Words that <b>bite</b> | الأزمة
question: what happens?
as_of: 2030-01-01
until: 60 days
horizons: [30, 60]
actors:
  one: {{label: "{HARD}", what: acts}}
  two: {{label: Two, what: only looks on}}
ladder: [{{name: war}}, {{name: worse, when: step is war}}]
state:
  step: {{levels: [peace, war], start: peace, meaning: one level is called as a milestone is,
         basis: {{judgement: none yet, fixed: made up}}}}
  aim: {{levels: [soft, hard], start: {{drawn: {{soft: 0.5, hard: 0.5}}}}, meaning: what one wants,
         basis: {{judgement: nothing to go by}}}}
  hits: {{min: 0, start: 1, meaning: hits so far, basis: {{judgement: one, fixed: made up}}}}
  heat: {{min: 0, max: 3, start: 0, meaning: what is on the mind, fades: {{half_life: 5 d}},
          basis: {{judgement: quick to go, fixed: made up}}}}
inputs:
  pace: {{value: 0.1 per d, basis: {{judgement: made up, fixed: made up}}}}
  odd_x: {{lognormal: {{median: 1.2, p90: 3}}, basis: {{judgement: may go either way}}}}
  less_x: {{value: 0.2, basis: {{judgement: made up, fixed: made up}}}}
actions:
  one.hits:
    says: "{HARD}"
    rate: pace
    times: {{heat: {{each: less_x}}, aim is hard: odd_x}}
    then: {{hits: "+1", heat: "+1 capped"}}
  one.chooses:
    says: one chooses
    while: step is peace
    rate: pace
    either:
      - {{says: peace holds, weight: 1}}
      - {{says: war comes, weight: 1, if: hits above 2, times: {{aim is hard: 3}}, then: {{step: war}}}}
      - {{says: the count is halved, weight: 1, then: {{heat: {{set: "min(hits, 3)"}}}}, restart: [one.hits]}}
    basis: {{judgement: made up, fixed: made up}}
milestones:
  war: {{when: step is war, says: "there is war", seen_by: public}}
outcomes: [{{name: war, when: war, says: there is war}}, {{name: peace, says: none}}]
"""


@cache
def shipped(name: str) -> Scenario:
    return build(read_file(FOLDER / f"{name}.yaml").data)


@cache
def tricky() -> Scenario:
    return build(read_bytes(TRICKY.encode()).data)


def item(section: dict[str, Any], number: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in section["items"] if one["number"] == number)
    return found
