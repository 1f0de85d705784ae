"""No two histories share their luck: the first four times left to chance differ between any two replications."""

import numpy as np
import pytest

from sim import _paths
from sim.engines import lockstep
from sim.engines.interface import Plan, plan
from sim.model.compiled import Model, compile_model
from sim.studies.library import scenario_of
from sim.studies.randomly.dice import Dice
from sim.studies.randomly.duplicates import shared
from sim.studies.randomly.models import EVERY, HORIZON, draw
from tests.models import conflict

SHIPPED = sorted(path.stem for path in (_paths.conf_dir() / "scenario").glob("*.yaml"))


def doubles(model: Model, run: Plan) -> tuple[int, int]:
    rows = lockstep.simulate(model, run)
    assert rows.log is not None
    return shared(model, rows.log)


@pytest.mark.parametrize("name", SHIPPED)
def test_histories_of_shipped_scenarios_are_distinct(name: str) -> None:
    model = compile_model(scenario_of(name).spec)
    found, compared = doubles(model, plan(3, 120.0, 4_000, log=True))
    assert found == 0
    assert compared > 2_000


def test_histories_of_random_models_are_distinct() -> None:
    total = 0
    for number in range(30):
        spec = draw(Dice(4, f"model {number}"), f"model {number}", EVERY)
        found, compared = doubles(compile_model(spec, strict=False), plan(number, HORIZON, 1_000, log=True))
        assert found == 0
        total += compared
    assert total > 15_000


def test_replications_that_share_a_history_number_are_found() -> None:
    """The detector can fail: 500 history numbers used twice are 500 doubles, in any order."""
    model = compile_model(conflict())
    numbers = np.random.default_rng(1).permutation(np.repeat(np.arange(500), 2))
    found, compared = doubles(model, Plan(3, 400.0, numbers, numbers, log=True))
    assert compared > 500
    assert found * 2 == compared


def test_dates_and_fixed_delays_may_coincide() -> None:
    """Times that are the same for all by right are left out."""
    model = compile_model(conflict())
    rows = lockstep.simulate(model, plan(3, 60.0, 2_000, log=True))
    assert rows.log is not None
    assert (rows.log.time == 15.0).sum() > 500
    assert shared(model, rows.log)[0] == 0
