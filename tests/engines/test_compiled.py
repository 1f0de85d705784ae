"""The compiled engine: the histories of the others on all that is shipped, in any pieces, by one kernel."""

import ast
import importlib.util
import inspect
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from sim.engines import (
    compiled,
    compiled_arrays,
    compiled_between,
    compiled_changes,
    compiled_kernel,
    compiled_memory,
    compiled_values,
    lockstep,
    reference,
)  # fmt: skip
from sim.engines.compiled_arrays import PROGRAM, TABLE
from sim.engines.compiled_layout import compared, lay_out, within
from sim.engines.interface import Plan, Rows, Watched, plan
from sim.model import arithmetic, between, scalar
from sim.model.compiled import Model, compile_model
from sim.model.expressions import Column, Number, bind, compile_program, evaluate_scalar, parse
from sim.model.laws import Law
from sim.model.spec import Action, Branch, Condition, Delay, Effect, Quantity, Rate, Spec, Variable
from sim.runs import plan as runs_plan
from sim.runs.plan import COMPILED_PAYS, engine_for
from sim.scenario.build import build
from sim.scenario.reading import read_file
from sim.scenario.source import Source
from tests.models import conflict

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(file.stem for file in (ROOT / "conf" / "scenario").glob("*.yaml"))
needs_numba = pytest.mark.skipif(not compiled.installed(), reason="needs Numba: install the extra `compiled`")


def everything(model: Model, size: int, first: int = 0, until: float = 60.0) -> Plan:
    """A plan that watches and keeps all there is, each variable too."""
    watched = tuple(Watched(compile_program(Column(i)), 12) for i in range(len(model.variables)))
    integrals = (model.program(parse(f"min({model.variables[0]}, 3)")),)
    return plan(5, until, size, first, observe=(0.0, 7.5, until), integrals=integrals, watched=watched, log=True)


def mark(rows: Rows) -> str:
    return f"{rows.fingerprint()} {rows.fired.tolist()}"


@needs_numba
@pytest.mark.parametrize("name", SHIPPED)
def test_it_gives_the_histories_of_the_others_on_every_shipped_scenario(name: str) -> None:
    reading = read_file(ROOT / "conf" / "scenario" / f"{name}.yaml")
    model = compile_model(build(reading.data, source=Source.of(reading)).spec)
    wanted = everything(model, 300, until=120.0)
    found = compiled.simulate(model, wanted)
    assert mark(found) == mark(lockstep.simulate(model, wanted))
    few = everything(model, 10, until=120.0)
    assert mark(compiled.simulate(model, few)) == mark(reference.simulate(model, few))


@needs_numba
def test_a_difference_would_be_seen() -> None:
    wanted = everything(compile_model(conflict()), 50)
    nudged = compile_model(conflict(rate=0.05 * (1 + 1e-15)))
    assert mark(compiled.simulate(nudged, wanted)) != mark(lockstep.simulate(compile_model(conflict()), wanted))


@needs_numba
def test_pieces_of_a_run_and_of_its_log_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    model = compile_model(conflict())
    whole = compiled.simulate(model, everything(model, 400))
    monkeypatch.setattr(compiled, "_TOGETHER", 7)
    assert mark(compiled.simulate(model, everything(model, 400))) == mark(whole)
    monkeypatch.undo()
    few = everything(model, 400)
    few = Plan(**{**vars(few), "max_events": 400})
    wanted = mark(compiled.simulate(model, few))
    monkeypatch.setattr(compiled, "_LOGGED", 0)  # the log is full after every history or two
    assert mark(compiled.simulate(model, few)) == wanted
    parts = [compiled.simulate(model, everything(model, n, first)) for first, n in ((0, 123), (123, 277))]
    for name in ("status", "end", "events", "milestones", "state", "observed", "inputs", "integrals"):
        joined = np.concatenate([getattr(part, name) for part in parts], axis=-1)
        assert np.array_equal(joined, getattr(whole, name)), name


@needs_numba
def test_a_replication_is_replayed_alone() -> None:
    model = compile_model(conflict())
    many = compiled.simulate(model, plan(5, 60.0, 1000, log=True)).log
    one = reference.simulate(model, plan(5, 60.0, 1, 977, log=True)).log
    assert many is not None
    assert one is not None
    chosen = many.position == 977
    assert np.array_equal(many.time[chosen], one.time)
    assert np.array_equal(many.branch[chosen], one.branch)


@needs_numba
def test_inputs_shared_by_histories_are_drawn_for_each_input_number() -> None:
    """What is remembered of a unit must not outlive it, nor be lost when its number comes again."""
    model = compile_model(conflict())
    inputs = np.array([3, 3, 4, 4, 3, 9, 9, 3])
    shared = Plan(5, 60.0, inputs, np.arange(8), log=True)
    assert mark(compiled.simulate(model, shared)) == mark(lockstep.simulate(model, shared))


def uncertain(*factors: str, clock: str = "rate") -> Spec:
    """Two actors that share counts; the clock of one has these factors, among them inputs ``a``, ``b`` and ``c``."""
    inputs = tuple(Quantity(name, Law("lognormal", (0.7, 0.5))) for name in "abc")
    parts = tuple(parse(factor) for factor in factors)
    found = Rate(Number(1.0), (), parts) if clock == "rate" else Delay(Law("weibull", (1.5, 2.0)), Number(1.0), parts)
    up = (Branch((Effect("x", "add", Number(1.0), saturate=True),)), Branch((Effect("x", "set", Number(0.0)),)))
    flip = Branch((Effect("y", "set", parse("1 - y")), Effect("z", "add", Number(7.0), saturate=True)))
    actions = (Action("one.acts", "one", found, up), Action("two.acts", "two", Rate(parse("0.3 + 0.2 * x")), (flip,)))
    sizes = {"x": 70, "y": 1, "z": 70}
    return Spec("uncertain", tuple(Variable(n, 0, high, 0) for n, high in sizes.items()), actions, inputs)


@needs_numba
@pytest.mark.parametrize(
    ("clock", "factors", "last", "tabled"),
    [
        ("rate", ("a",), 1, 0),
        ("rate", ("a", "b", "1 + 0.1 * y"), 1, 0),  # fixed factors come first, inputs share one
        ("rate", ("1 + (a - 1) * y", "0.2 + y"), 0, 2),
        ("rate", ("b * (1 + x)",), 0, 0),  # too many values to be filled in before they are asked for
        ("rate", ("1 + (a - 1) * y", "1 + x * b", "c"), 1, 2),
        ("rate", ("where(y == 1, b, -1) * (y > 0) + 0.1 * (y < 1)",), 0, 2),  # not proven to be a speed
        ("delay", ("a", "1 + 0.1 * x"), 0, 1),
        ("delay", ("1 + (a - 1) * y", "1 + x * b", "c"), 0, 2),
    ],
)
def test_factors_that_hang_on_inputs_are_filled_in_for_each_unit(
    clock: str, factors: tuple[str, ...], last: int, tabled: int
) -> None:
    model = compile_model(uncertain(*factors, clock=clock))
    wanted = Plan(5, 40.0, np.array([3, 3, 4, 4, 3, *range(40)]), np.arange(45), log=True)
    layout = lay_out(model, wanted).clocks
    filled = layout.unit_entry.astype(np.int64) - layout.last
    assert np.count_nonzero((filled >= 0) & (filled < layout.rank.size)) == last
    assert filled.size == last + tabled
    assert layout.scaled.tolist() == [bool(last), False]
    found = mark(compiled.simulate(model, wanted))
    assert found == mark(reference.simulate(model, wanted))
    assert found == mark(lockstep.simulate(model, wanted))


@needs_numba
def test_the_speed_of_a_delay_may_take_more_than_one_table() -> None:
    model = compile_model(uncertain("1 + 0.1 * x", "1 + 0.01 * z", clock="delay"))
    assert [group.size for group in model.rows[0].speed] == [71, 71]
    wanted = everything(model, 40)
    assert mark(compiled.simulate(model, wanted)) == mark(reference.simulate(model, wanted))


def test_threads_wait_for_one_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    @lru_cache(maxsize=1)
    def slow() -> object:
        made.append(object())
        time.sleep(0.05)
        return made[-1]

    monkeypatch.setattr(compiled, "_told", slow)
    with ThreadPoolExecutor(4) as threads:
        found = [threads.submit(compiled.compiled_run) for _ in range(4)]
    assert {future.result() for future in found} == set(made)
    assert len(made) == 1


@needs_numba
def test_one_kernel_serves_every_model() -> None:
    for name in SHIPPED:
        reading = read_file(ROOT / "conf" / "scenario" / f"{name}.yaml")
        compiled.simulate(compile_model(build(reading.data, source=Source.of(reading)).spec), plan(1, 5.0, 3))
    kernel = compiled.compiled_run()
    assert len(kernel.signatures) == 1  # type: ignore[attr-defined]


def test_a_change_of_whatever_the_kernel_is_made_of_makes_it_anew() -> None:
    """Constants are compiled in: a module that gives one has to count in the mark of the kernel kept on disk."""
    marked = {module.__name__ for module in compiled._SOURCES}
    ours = (compiled_arrays, compiled_memory, compiled_values, compiled_between, compiled_changes, compiled_kernel)
    for module in (*ours, between, scalar, arithmetic):
        found = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.ImportFrom)]
        names = [(node.module or "", alias.name) for node in found for alias in node.names]
        used = {f"{a}.{b}" if f"{a}.{b}" in sys.modules else a for a, b in names if a.startswith("sim")}
        assert used | {module.__name__} <= marked


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("x < 3", (3.0,)),
        ("3 > x", (3.0,)),
        ("x == 2 or 2.5 <= x", (2.0, 2.5)),
        ("where(x >= 40, 0.5, y * y)", (40.0,)),
        ("x * (x < 3)", ()),  # its value counts
        ("x < y", ()),
        ("y < 3", ()),
        ("x < 1 / 0", ()),
    ],
)
def test_numbers_that_a_column_is_compared_with(text: str, limits: tuple[float, ...]) -> None:
    program = compile_program(bind(parse(text), {"x": Column(0), "y": Column(1)}))
    assert compared(program, 0) == limits


@pytest.mark.parametrize("text", ["x < 3", "2.5 < x", "x == 7", "-4 >= x", "x != 99", "x <= 1.5 or x > 4", "0 == x"])
@pytest.mark.parametrize(("low", "high"), [(0, 9), (3, 3), (-2, 200)])
def test_a_narrowed_column_compares_as_it_did(text: str, low: int, high: int) -> None:
    """Limits inside and outside the bounds, whole and fractional."""
    program = compile_program(bind(parse(text), {"x": Column(0)}))
    least, most = within(low, high, compared(program, 0))
    assert low <= least <= most <= high
    assert most - least <= 200 * (high <= 9) + 6
    for x in range(low, high + 1):
        assert evaluate_scalar(program, [min(max(x, least), most)]) == evaluate_scalar(program, [x])


def test_only_what_is_compared_alone_is_narrowed() -> None:
    """A table over a long count that is only compared has a few entries; without limits it could not be made."""
    assert within(0, 10**6, (3.0,)) == (2, 4)
    assert within(0, 10**6, ()) == (0, 10**6)
    assert within(0, 5, (-8.5, 90.0)) == (0, 5)
    assert within(0, 5, (90.0,)) == (5, 5)
    conditions = {"alone": "n > 3 and n < 8.5", "beside": "n > 3 and n + 1 < 8.5"}
    milestones = tuple(Condition(name, parse(text)) for name, text in conditions.items())
    act = Action("acts", "a", Rate(Number(1.0)), (Branch((Effect("n", "add", Number(1.0)),)),))
    model = compile_model(Spec("counts", (Variable("n", 0, None, 0),), (act,), milestones=milestones))
    layout = lay_out(model, plan(1, 5.0, 3))
    alone, beside = layout.columns.milestone
    assert layout.functions.kind[[alone, beside]].tolist() == [TABLE, PROGRAM]
    entry = layout.functions.first[alone]
    assert (layout.functions.low[entry], layout.functions.high[entry]) == (2, 10)


def test_without_numba_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    compiled._told.cache_clear()
    with pytest.raises(ModuleNotFoundError, match="install the extra `compiled`"):
        compiled.simulate(compile_model(conflict()), plan(1, 5.0, 3))
    monkeypatch.undo()
    compiled._told.cache_clear()


def test_auto_goes_by_size_and_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    assert engine_for("auto", COMPILED_PAYS)[0] == "lockstep"
    assert engine_for("auto", COMPILED_PAYS + 1)[0] == "compiled"
    assert engine_for("reference", 10**9)[0] == "reference"
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    engine, why = engine_for("auto", 10**9)
    assert engine == "lockstep"
    assert "not installed" in why
    assert set(runs_plan.ENGINES) == {"auto", "lockstep", "reference", "compiled"}


SCRIPT = """
from sim.engines import compiled
from sim.engines.interface import plan
from sim.model.compiled import compile_model
from tests.models import conflict
print(compiled.simulate(compile_model(conflict()), plan(5, 60.0, 400, log=True)).fingerprint())
"""


@needs_numba
@pytest.mark.campaign
@pytest.mark.timeout(600)
def test_the_processor_it_is_compiled_for_does_not_matter(tmp_path: Path) -> None:
    """Compiled for a plain processor, without vector and fused instructions beyond the oldest ones."""
    switches = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env={**os.environ, **switches},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = lockstep.simulate(compile_model(conflict()), plan(5, 60.0, 400, log=True)).fingerprint()
    assert found.stdout.strip() == wanted
