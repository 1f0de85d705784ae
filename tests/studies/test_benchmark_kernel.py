"""The least costs of the compiled kernel: the loops do what they are called, and the sum is that of its parts."""

import numpy as np
import pytest

from sim.engines import compiled, lockstep
from sim.engines.interface import plan
from sim.model.compiled import compile_model
from sim.studies.benchmark import kernel
from sim.studies.benchmark.contest import SEED, UNTIL
from sim.studies.library import scenario_of

needs_numba = pytest.mark.skipif(not compiled.installed(), reason="needs Numba: install the extra `compiled`")


def test_choose_finds_the_first_of_all() -> None:
    due = np.random.default_rng(1).permutation(24).astype(np.int64)
    best = due.reshape(3, 8).min(axis=1)
    lane = int(due.argmin()) % 8
    assert kernel.choose(1, best, due) == lane
    assert best[int(np.flatnonzero(best == due.reshape(3, 8).min(axis=1))[0])] == due.min()


def test_retime_leaves_work_divided_by_speed() -> None:
    lines, clocks = np.linspace(0.5, 1.5, 64 * 8), np.ones((3, 24))
    kernel.retime(3, lines, *clocks)
    work, speed, due = clocks
    assert np.allclose(due, work / speed, rtol=1e-6)
    assert (work < 1.0).all()
    assert np.allclose(speed[:8], lines[:8] ** 2)


def test_move_keeps_values_and_state_alike() -> None:
    state, values, indices = np.zeros(8, dtype=np.int64), np.zeros(8), np.zeros(16, dtype=np.uint64)
    kernel.move(11, state, values, indices)
    assert values.tolist() == state.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert indices[:3].tolist() == [4, 4, 4]


@needs_numba
def test_parts_and_sum_belong_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in (("TIMES", 500), ("HISTORIES", 300)):
        monkeypatch.setattr(kernel, name, few)
    model = compile_model(scenario_of("workload_a").spec)
    found, engine = kernel.costs(model, 2)
    often = {cost.name: cost.per_event for cost in found}
    rows = lockstep.simulate(model, plan(SEED, UNTIL, 2_000))
    starts = rows.events.size / rows.events.sum()
    draws, actors, chosen, moved = often.values()
    assert draws == pytest.approx(1 + 24 * starts)
    assert chosen == pytest.approx(1 + starts)
    assert 1 < actors < 3 + 3 * starts
    assert moved == pytest.approx(1)
    assert len(engine) == 2
    assert all(value > 0 for cost in found for value in (*cost.nanoseconds, cost.per_event))
    assert kernel.summed(found, 1) == pytest.approx(sum(c.nanoseconds[1] * c.per_event for c in found))
