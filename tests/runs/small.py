"""A small scenario with uncertain inputs, a hidden type, base rates and an ending; a forecast of it is a matter of
tenths of a second.
"""

from sim.runs.plan import Task
from sim.scenario.build import build
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.studies.forecast import task_of
from sim.studies.settings import Settings

BASIS = "basis: {data: invented for a test}"
TEXT = f"""\
format: 1
name: small
title: A small crisis
question: Does it come to blows?
as_of: 2025-11-17
until: 120 days
horizons: [30, 90]
reports:
  one: {{outlet: A paper, date: 2025-11-17}}
findings:
  1: {{report: one, says: "a quarrel"}}
not_modelled:
  1: it is all there is
actors:
  north: {{label: North, what: pushes}}
  south: {{label: South, what: gives way}}
ladder:
  - {{name: quarrel}}
  - {{name: crisis, when: tension at least 3}}
  - {{name: blows, when: struck}}
state:
  tension: {{min: 0, max: 5, start: 1, meaning: how tense it is, {BASIS}}}
  goal:
    levels: [bargain, force]
    start: {{drawn: {{bargain: 0.7, force: 0.3}}}}
    meaning: what North wants
    {BASIS}
  struck: {{start: no, meaning: somebody has struck, {BASIS}}}
  shots: {{min: 0, max: 3, start: 0, meaning: shots fired, {BASIS}}}
  settled: {{start: no, meaning: an agreement, {BASIS}}}
inputs:
  pace: {{lognormal: {{median: 1 per 40 d, p90: 1 per 12 d}}, {BASIS}}}
  force_x: {{uniform: [1.5, 3], {BASIS}}}
actions:
  north.pushes:
    says: North pushes
    while: tension below 5
    rate: pace
    times: {{goal is force: force_x}}
    either:
      - {{says: a step further, weight: 3, then: {{tension: +1}}}}
      - {{says: in vain, weight: 1}}
    {BASIS}
  south.yields:
    says: South gives way
    while: tension above 0
    rate: 0.03 per d
    then: {{tension: -1}}
    {BASIS}
  north.strikes:
    says: North strikes
    while: tension at least 3
    after: {{lognormal: {{median: 10 d, p90: 30 d}}}}
    then: {{struck: yes, shots: "+1 capped"}}
    {BASIS}
  south.settles:
    says: South settles
    while: tension is 0 and not settled
    rate: 0.01 per d
    then: {{settled: yes}}
    {BASIS}
  north.speaks:
    says: North's leader speaks
    on: 2025-12-01
    then: {{tension: {{at_least: 2}}}}
    {BASIS}
milestones:
  crisis: {{when: tension at least 3, says: "both speak of a crisis"}}
  strike: {{when: struck, says: "North has struck"}}
  settlement: {{when: settled, says: "an agreement is announced"}}
outcomes:
  - {{name: blows, when: struck, says: "shots were fired"}}
  - {{name: settlement, when: settled, says: "an agreement, and no shot"}}
  - {{name: quarrel, says: "neither"}}
flags:
  at_the_top: {{when: tension is 5 and crisis, says: "as tense as can be"}}
ends: [settlement]
base_rates:
  - {{milestone: strike, class: quarrels of that kind, n: 20, by: {{30: 0.10, 90: 0.30}}, source: invented}}
  - {{milestone: settlement, class: other quarrels, n: 8, by: {{90: 0.25}}, source: invented}}
"""


def scenario(text: str = TEXT) -> Scenario:
    return build(read_bytes(text.encode()).data)


def task(settings: Settings | None = None) -> Task:
    return task_of(scenario(), settings or Settings())
