"""The teaching scenario: it builds, it simulates as its exact solution says, and strangers leave it alone."""

from pathlib import Path

import numpy as np
import pytest

from sim.engines import exact, lockstep, reference
from sim.engines.interface import Rows, Watched, plan
from sim.model.compiled import compile_model
from sim.model.expressions import parse
from sim.scenario.build import build
from sim.scenario.reading import read_bytes
from sim.scenario.scenario import Scenario
from sim.scenario.source import Source

FILE = Path(__file__).parents[2] / "conf" / "scenario" / "two_rivals.yaml"
TEXT = FILE.read_text(encoding="utf-8")


def two_rivals(text: str = TEXT) -> Scenario:
    reading = read_bytes(text.encode(), FILE.name)
    return build(reading.data, source=Source.of(reading))


def simulated(found: Scenario, replications: int) -> Rows:
    model = compile_model(found.spec)
    rung = Watched(model.program(found.rung_program), len(found.rungs))
    return lockstep.simulate(model, plan(7, found.until, replications, watched=(rung,)))


def chance(found: Scenario, target: str) -> float:
    model = compile_model(found.spec)
    return exact.reach_within(exact.build(model), model.program(parse(target)), found.until).mean


def test_it_is_all_rates_and_known_numbers() -> None:
    found = two_rivals()
    assert found.spec.inputs == ()
    assert {row.kind for row in compile_model(found.spec).rows} == {"rate"}
    assert exact.build(compile_model(found.spec)).states.shape[0] <= 60


def test_its_exact_answers_are_as_told() -> None:
    assert 0.2 < chance(two_rivals(), "step is war") < 0.3
    assert 0.35 < chance(two_rivals(), "talks is deal") < 0.45


# Shares of 40,000 histories within 5 standard errors of the exact chance: false alarm below 1e-6 for each.
N = 40_000


@pytest.mark.parametrize(
    ("milestone", "target"),
    [("war", "step is war"), ("settlement", "talks is deal"), ("crisis", "step at least crisis")],
)
def test_it_simulates_as_the_exact_solution_says(milestone: str, target: str) -> None:
    found = two_rivals()
    names = [m.name for m in found.milestones]
    share = float((simulated(found, N).milestones[names.index(milestone)] <= found.until).mean())
    wrong = two_rivals(TEXT.replace("accept_share: {value: 0.2,", "accept_share: {value: 0.25,"))
    for model, agrees in ((found, True), (wrong, False)):
        p = chance(model, target)
        assert bool(abs(share - p) < 5 * np.sqrt(p * (1 - p) / N)) == agrees


def test_two_engines_agree_on_it() -> None:
    found = two_rivals()
    model = compile_model(found.spec)
    want = plan(3, found.until, 50, log=True)
    assert lockstep.simulate(model, want).fingerprint() == reference.simulate(model, want).fingerprint()


def test_a_stranger_leaves_everything_as_it_was() -> None:
    stranger = """
  bystander.waits:
    says: a bystander counts the days
    rate: waiting
    times: {step at least crisis: 3, talks is open: 0.1}
    either:
      - {says: one, weight: 2, then: {counted: +1}}
      - {says: two, weight: 1, then: {counted: +2}}
    basis: {data: invented}
"""
    text = TEXT.replace("\nmilestones: ", stranger + "\nmilestones: ")
    text = text.replace("\nladder: ", "  bystander: {label: A bystander, what: counts}\nladder: ")
    text = text.replace("\nactions: ", "  waiting: {uniform: [0.1 per d, 3 per d], basis: {data: invented}}\nactions: ")
    text = text.replace("\ninputs: ", "  counted: {min: 0, start: 0, meaning: days, basis: {data: invented}}\ninputs: ")
    alone, watched = (simulated(two_rivals(t), 3000) for t in (TEXT, text))
    assert watched.events.sum() > 10 * alone.events.sum()
    assert np.array_equal(alone.occupancy[0], watched.occupancy[0])
    for column in ("milestones", "end", "status"):
        assert getattr(alone, column).tobytes() == getattr(watched, column).tobytes(), column
    assert alone.state.tobytes() == watched.state[:4].tobytes()
