"""A small scenario that uses every part of the notation once, for tests to bend."""

import datetime
from typing import Any

from sim.model.spec import Action
from sim.scenario.build import build
from sim.scenario.problems import Problem, ScenarioError
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.scenario.source import Source

MINI = """\
format: 1
name: mini
title: A small one
question: What happens?
as_of: 2025-11-17
crisis_start: 2025-09-02
until: 180 days
horizons: [30, 90, 180]

reports:
  sep: {outlet: A digest, date: 2025-09-27, file: a.txt, origin: [nbc], grade: second hand}
  nov: {outlet: A paper, date: 2025-11-17}
findings:
  1: {report: sep, says: "four thousand troops"}
  2: {report: nov, says: "fifteen thousand troops"}
  3: {report: nov, says: "a colourful remark"}
actors:
  usa: {label: United States, what: decides}
  ven: {label: Venezuela, what: answers}
ladder:
  - {name: words}
  - {name: build_up, when: troops_k at least 4}
  - {name: force, when: struck}

state:
  talks: {levels: [closed, open, deal], start: open, meaning: contact, basis: {data: seen}}
  goal:
    levels: [pressure, removal]
    start: {drawn: {pressure: 0.75, removal: 0.25}}
    meaning: what he wants
    basis: {judgement: nobody knows}
  troops_k:
    min: 0
    max: 200
    unit: thousand
    meaning: troops
    start:
      - {from: 2025-09-27, value: 4, basis: {report: [1]}}
      - {from: 2025-11-17, value: 15, basis: {report: 2}}
  strikes: {min: 0, start: 21, meaning: strikes so far, basis: {data: counted}}
  recent: {min: 0, max: 40, start: 6, fades: {half_life: 10 d}, meaning: incidents on the mind, basis: {data: counted}}
  struck: {start: no, meaning: force used, basis: {data: seen}}

inputs:
  pace: {lognormal: {median: 1 per 21 d, p90: 1 per 10 d}, basis: {judgement: weeks apart}}
  share: {uniform: [0.2, 0.7], basis: {judgement: wide}}
  factor: {value: 2.5, basis: {data: measured}}
  wait: {gamma: {shape: 2, mean: 30 d}, basis: {data: measured}}
amounts:
  deaths: {poisson: {mean: 2.95}, plus: 1, basis: {data: measured}}

actions:
  usa.strikes:
    says: a strike
    while: talks below deal
    rate: pace
    times: {talks is open: factor}
    then: {strikes: +deaths, recent: "+1 capped"}
  usa.decides:
    says: a decision
    while: not struck and recent above 0
    after: {lognormal: {median: wait, sigma: 0.8}}
    either:
      - {says: wait, weight: 1 - share}
      - {says: strike, weight: share, if: talks below deal, times: {goal is removal: factor}, then: {struck: yes}}
    basis: {data: measured}
  ven.talks: {says: an offer, while: talks is closed, rate: pace, then: {talks: open}}
  ven.ends: {says: an end, while: talks is open, rate: pace, then: {talks: closed}}

milestones:
  first_strike: {when: struck, says: a strike on land, seen_by: public, delay: 1 d}
outcomes:
  - {name: limited, when: first_strike, says: a strike}
  - {name: none, says: nothing}
flags:
  many: {when: strikes above 30, says: more than thirty}
ends: [first_strike]
base_rates:
  - {milestone: first_strike, class: cases, from: 2025-09-27, n: 21, by: {30: 0.1, 180: 0.3}, source: a list}
  - {milestone: first_strike, class: cases, from: 2025-11-17, n: 14, by: {30: 0.07, 180: 0.36}, source: a list}
not_modelled:
  3: colour
"""


def bend(old: str, new: str, text: str = MINI) -> str:
    """The text with one place changed."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the text"
    return text.replace(old, new)


def act(body: str, text: str = MINI) -> str:
    """The text with one more action ``usa.extra`` of this body, which stands in line 80."""
    return bend("  ven.ends:", f"  usa.extra: {{says: more, {body}}}\n  ven.ends:", text)


EXTRA_LINE = MINI[: MINI.index("  ven.ends:")].count("\n") + 1


def made(text: str = MINI, as_of: datetime.date | str | None = None, **options: Any) -> Scenario:
    """Scenario of a text."""
    reading = read_bytes(text.encode(), "mini.yaml")
    return build(reading.data, as_of=as_of, source=Source.of(reading), **options)


def extra(body: str) -> Action:
    """The model's action of a body given to :func:`act`."""
    [action] = [a for a in made(act(body)).spec.actions if a.name == "usa.extra"]
    return action


def problems(text: str, as_of: str | None = None) -> tuple[Problem, ...]:
    """What is wrong with a text."""
    try:
        made(text, as_of)
    except ScenarioError as error:
        return error.problems
    raise AssertionError("nothing was found wrong")
