"""Histories of the shipped scenarios: the same in both engines, however they are run, pinned to the last bit.

A fingerprint moves when numbers of its scenario change ([RESULTS] in the changelog) or with the rules version.
"""

import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from sim.engines import lockstep, reference
from sim.engines.interface import RAN_AWAY, Plan, Watched, plan
from sim.model.compiled import Model, compile_model
from sim.scenario.build import build
from sim.scenario.reading import read_file
from sim.scenario.scenario import Scenario
from sim.scenario.source import Source
from tests.models import with_inert_actor

ROOT = Path(__file__).parents[2]
FINGERPRINTS = {
    "cuba_1962": "95015f935b1d14f7",
    "cuba_1962 1962-10-16": "e9a86371c0f91549",
    "cuba_1962 1962-10-27": "55651586e197c401",
    "two_rivals": "3af5afda905b7d61",
    "venezuela_2025": "26d9ad8666fd9f1b",
    "venezuela_2025 2025-09-27": "98fd0098d68757eb",
    "workload_a": "79b6b90dfd7a3bdc",
}


@lru_cache
def scenario(which: str) -> Scenario:
    """A shipped scenario by name and, after a space, date."""
    name, _, date = which.partition(" ")
    reading = read_file(ROOT / "conf" / "scenario" / f"{name}.yaml")
    return build(reading.data, as_of=date or None, source=Source.of(reading))


def compiled(which: str) -> tuple[Model, Plan]:
    found = scenario(which)
    model = compile_model(found.spec)
    rung = Watched(model.program(found.rung_program), len(found.rungs))
    days = tuple(float(d) for d in found.horizons)
    return model, plan(11, found.until, 60, observe=days, watched=(rung,), log=True)


def test_every_shipped_scenario_is_pinned() -> None:
    shipped = {file.stem for file in (ROOT / "conf" / "scenario").glob("*.yaml")}
    assert {which.partition(" ")[0] for which in FINGERPRINTS} == shipped


@pytest.mark.parametrize("which", FINGERPRINTS)
def test_both_engines_give_the_pinned_histories(which: str) -> None:
    model, wanted = compiled(which)
    rows = lockstep.simulate(model, wanted, slots=17)
    assert rows.fingerprint()[:16] == FINGERPRINTS[which]
    assert reference.simulate(model, wanted).fingerprint() == rows.fingerprint()
    programs = compile_model(scenario(which).spec, tables=False)
    assert lockstep.simulate(programs, wanted).fingerprint() == rows.fingerprint()
    assert not (rows.status == RAN_AWAY).any()


@pytest.mark.parametrize("which", FINGERPRINTS)
def test_an_inert_actor_changes_not_one_bit(which: str) -> None:
    spec = scenario(which).spec
    until = scenario(which).until
    alone = lockstep.simulate(compile_model(spec), plan(11, until, 300, log=True))
    joined = lockstep.simulate(compile_model(with_inert_actor(spec)), plan(11, until, 300, log=True))
    assert alone.log is not None
    assert joined.log is not None
    others = joined.log.branch >= 2  # the inert actor has the first two branches
    assert others.sum() < others.size
    assert np.array_equal(joined.log.time[others], alone.log.time)
    assert np.array_equal(joined.log.branch[others] - 2, alone.log.branch)
    assert np.array_equal(joined.milestones, alone.milestones)
    assert np.array_equal(joined.state[1:], alone.state)


SCRIPT = """
from tests.scenario.test_shipped_histories import FINGERPRINTS, compiled
from sim.engines import lockstep
for which in FINGERPRINTS:
    model, plan = compiled(which)
    print(lockstep.simulate(model, plan).fingerprint()[:16])
"""


@pytest.mark.parametrize(
    "switches",
    [
        {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512F AVX512_SKX"},
        {
            "NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3 AVX512F AVX512_SKX AVX2 FMA3",
            "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
        },
    ],
)
def test_vector_and_fused_instructions_do_not_matter(switches: dict[str, str]) -> None:
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env={**os.environ, **switches},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == list(FINGERPRINTS.values())
