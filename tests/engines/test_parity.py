"""Reference and lockstep give the same histories, times to the last bit, on random models and however they are run."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from sim.engines import compiled, lockstep, reference
from sim.engines.interface import Plan, Rows, Watched, plan
from sim.model.compiled import Model, compile_model
from sim.model.expressions import parse
from sim.model.spec import Spec
from tests.models import conflict, rivals, specs, with_inert_actor

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)
ROOT = Path(__file__).parents[2]


def watched(model: Model, size: int, first: int = 0, until: float = 4.0) -> Plan:
    """A plan that watches everything there is to watch."""
    observe = tuple(t for t in (0.0, 1.0, 2.5, 4.0) if t <= until)
    everything = " + ".join([*model.variables, *model.milestones, *model.inputs])
    numbers = (("x0 > 0", 2), (everything, 6), ("(3 - x0) / 2 ** 0.5", 3), ("x0", 4_096))
    followed = tuple(Watched(model.program(parse(text)), bins) for text, bins in numbers)
    integrals = (model.program(parse("x0")),)
    return plan(5, until, size, first, observe=observe, integrals=integrals, watched=followed, log=True, max_events=300)


def mark(rows: Rows) -> str:
    """All there is in the results: the fingerprint and how often each branch happened."""
    assert rows.log is not None
    assert np.array_equal(rows.fired, np.bincount(rows.log.branch, minlength=rows.fired.size))
    return f"{rows.fingerprint()} {rows.fired.tolist()}"


def check_parity(spec: Spec) -> None:
    model = compile_model(spec, strict=False)
    wanted = mark(reference.simulate(model, watched(model, 12)))
    assert mark(lockstep.simulate(model, watched(model, 12), slots=5)) == wanted
    programs = compile_model(spec, tables=False, strict=False)
    assert mark(lockstep.simulate(programs, watched(programs, 12))) == wanted
    if compiled.installed():
        assert mark(compiled.simulate(model, watched(model, 12))) == wanted
        assert mark(compiled.simulate(programs, watched(programs, 12))) == wanted


@settings(QUIET, max_examples=60, derandomize=True)
@given(specs())
def test_engines_agree_on_random_models(spec: Spec) -> None:
    check_parity(spec)


@settings(QUIET, max_examples=60, derandomize=True)
@given(specs(between=True))
def test_engines_agree_on_random_models_that_change_between_events(spec: Spec) -> None:
    check_parity(spec)


@pytest.mark.campaign
@pytest.mark.timeout(7200)
@settings(QUIET, max_examples=2_000)
@given(specs() | specs(between=True))
def test_engines_agree_on_2000_random_models(spec: Spec) -> None:
    check_parity(spec)


def equal_but_for_the_inert(with_inert: Rows, without: Rows, rows: int) -> bool:
    """Same log and milestones once the inert actor's own events are left out."""
    assert with_inert.log is not None
    assert without.log is not None
    own = with_inert.log.row  # rows of clocks moved by the inert ones; compare by branch numbers instead
    keep = with_inert.log.branch >= rows
    return (
        np.array_equal(with_inert.log.time[keep], without.log.time)
        and np.array_equal(with_inert.log.position[keep], without.log.position)
        and np.array_equal(with_inert.log.branch[keep] - rows, without.log.branch)
        and np.array_equal(with_inert.milestones, without.milestones)
        and np.array_equal(with_inert.state[1:], without.state)
        and own.size == keep.size
    )


@settings(QUIET, max_examples=40, derandomize=True)
@given(specs() | specs(between=True))
def test_an_inert_actor_changes_not_one_bit_of_anybody_else(spec: Spec) -> None:
    def run(which: Spec) -> Rows:
        model = compile_model(which, strict=False)
        # No cap on events: the inert actor's own would count towards it.
        return lockstep.simulate(model, plan(5, 2.0, 20, log=True, max_events=100_000))

    inert, alone = run(with_inert_actor(spec)), run(spec)
    # Two branches of the inert actor come first. A history that ran away is cut at an instant that counts everybody.
    if not (alone.status == 2).any():
        assert equal_but_for_the_inert(inert, alone, rows=2)


def test_a_second_draw_from_a_shared_stream_would_be_seen() -> None:
    """The comparison is able to fail: another seed, or a rate moved by one part in 10^15, changes the bits."""
    model = compile_model(conflict())
    base = lockstep.simulate(model, plan(5, 60.0, 50, log=True)).fingerprint()
    assert lockstep.simulate(model, plan(6, 60.0, 50, log=True)).fingerprint() != base
    nudged = compile_model(conflict(rate=0.05 * (1 + 1e-15)))
    assert lockstep.simulate(nudged, plan(5, 60.0, 50, log=True)).fingerprint() != base


BOTH = pytest.mark.parametrize("spec", [conflict(), rivals()], ids=lambda spec: spec.name)


@BOTH
@pytest.mark.parametrize("slots", [1, 2, 7, 64, 300, 4096])
def test_slots_do_not_matter(slots: int, spec: Spec) -> None:
    model = compile_model(spec)
    wanted = mark(lockstep.simulate(model, watched(model, 300, until=60.0), slots=128))
    assert mark(lockstep.simulate(model, watched(model, 300, until=60.0), slots=slots)) == wanted


@BOTH
def test_chunks_and_starts_do_not_matter(spec: Spec) -> None:
    model = compile_model(spec)
    whole = lockstep.simulate(model, plan(5, 60.0, 500, observe=(10.0, 30.0)))
    parts = [
        lockstep.simulate(model, plan(5, 60.0, n, first, observe=(10.0, 30.0))) for first, n in ((0, 123), (123, 377))
    ]
    numbers = ("status", "end", "events", "milestones", "state", "observed", "inputs", "tensions", "observed_tensions")
    for name in numbers:
        joined = np.concatenate([getattr(p, name) for p in parts], axis=-1)
        assert np.array_equal(joined, getattr(whole, name)), name


@BOTH
def test_a_replication_can_be_replayed_alone_by_the_reference_engine(spec: Spec) -> None:
    model = compile_model(spec)
    many = lockstep.simulate(model, plan(5, 60.0, 1000, log=True))
    one = reference.simulate(model, plan(5, 60.0, 1, 977, log=True))
    assert many.log is not None
    assert one.log is not None
    chosen = many.log.position == 977
    assert np.array_equal(many.log.time[chosen], one.log.time)
    assert np.array_equal(many.log.branch[chosen], one.log.branch)
    assert np.array_equal(many.milestones[:, 977], one.milestones[:, 0])
    assert np.array_equal(many.tensions[:, 977], one.tensions[:, 0])


@BOTH
def test_watching_costs_no_draws(spec: Spec) -> None:
    model = compile_model(spec)
    seen, unseen = lockstep.simulate(model, watched(model, 200, until=60.0)), None
    unseen = lockstep.simulate(model, plan(5, 60.0, 200, max_events=300))
    assert np.array_equal(seen.milestones, unseen.milestones)
    assert np.array_equal(seen.end, unseen.end)


def test_replications_are_truly_distinct() -> None:
    model = compile_model(conflict())
    rows = lockstep.simulate(model, plan(5, 60.0, 2000, log=True))
    assert rows.log is not None
    first = np.unique(rows.log.position, return_index=True)[1]
    times = rows.log.time[first]
    times = times[times != 15.0]  # the summit's date is the same for all
    assert times.size > 1500
    assert np.unique(times).size == times.size


def test_common_random_numbers_couple_a_small_change() -> None:
    """A paired difference varies at least 3 times less than one of independent seeds (here about 10 times)."""
    base, more = compile_model(conflict()), compile_model(conflict(rate=0.0525))
    a = lockstep.simulate(base, plan(5, 180.0, 4000)).status == 1
    b = lockstep.simulate(more, plan(5, 180.0, 4000)).status == 1
    c = lockstep.simulate(more, plan(6, 180.0, 4000)).status == 1
    paired, independent = np.var(b.astype(float) - a), np.var(c.astype(float) - a)
    assert paired * 3 < independent


SCRIPT = """
from sim.engines import lockstep
from sim.engines.interface import plan
from sim.model.compiled import compile_model
from tests.models import conflict, rivals
for model in (compile_model(conflict()), compile_model(rivals())):
    print(lockstep.simulate(model, plan(5, 60.0, 400, log=True)).fingerprint(), model.digest)
"""


@pytest.mark.parametrize(
    "switches",
    [
        {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512F AVX512_SKX"},
        {"NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3 AVX512F AVX512_SKX AVX2 FMA3"},
        {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F"},
    ],
)
def test_vector_and_fused_instructions_do_not_matter(switches: dict[str, str]) -> None:
    models = [compile_model(conflict()), compile_model(rivals())]
    here = [f"{lockstep.simulate(m, plan(5, 60.0, 400, log=True)).fingerprint()} {m.digest}" for m in models]
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env={**os.environ, **switches},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split("\n") == [*here, ""]


def test_the_fingerprint_is_pinned() -> None:
    """Moves only with the rules version: it holds draws, laws, the step and every kind of clock together."""
    model = compile_model(conflict())
    assert lockstep.simulate(model, plan(5, 60.0, 400, log=True)).fingerprint()[:16] == PINNED


PINNED = "62a7f8cc3ab06255"
