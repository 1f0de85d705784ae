"""Further measures of the benchmark: what uncertain inputs, many actions, common luck, memory and a large run cost."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Final

import numpy as np

from sim.engines import compiled, lockstep, reference
from sim.engines.interface import Rows, plan
from sim.model.compiled import Model, compile_model
from sim.model.expressions import parse
from sim.model.laws import Law
from sim.model.renaming import renamed
from sim.model.spec import Delay, Quantity, Rate, Spec
from sim.studies.benchmark import kernel
from sim.studies.benchmark.contest import SEED, UNTIL, DisagreementError, cpu_seconds
from sim.studies.benchmark.workload_b import MEDIAN, workload_b
from sim.studies.library import default_scenario

THEATRES: Final = 10
HISTORIES: Final = 20_000
PAIRS: Final = 100_000
FEW, MANY = 10_000, 1_000_000


@dataclass(frozen=True)
class Measure:
    """One number with its spread over rounds (or batches), the unit it is in, and how it came about."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    note: str


def measures(spec: Spec, scenario: str, rounds: int, *, large: bool = True) -> Iterator[Measure]:
    """All of them on a model of rates whose first milestone is the end; ``large``: also those of 10^6 histories."""
    engines: dict[str, ModuleType] = {"lockstep": lockstep}
    if compiled.installed():
        engines["compiled"] = compiled
    fixed, drawn = compile_model(spec), compile_model(with_inputs(spec))
    kept = compile_model(with_kept_clocks(spec))
    few, many = compile_model(replace(spec, terminal=())), compile_model(theatres(spec, THEATRES))
    tense = compile_model(workload_b(spec))
    short = plan(SEED, UNTIL, 40, log=True)
    if len({engine.simulate(tense, short).fingerprint() for engine in (reference, *engines.values())}) > 1:
        raise DisagreementError("the engines give different histories of workload B")
    compared = (
        ("uncertain inputs against fixed", _Played(drawn), _Played(fixed),
         "24 bases and 6 multipliers drawn once per history"),
        ("kept clocks against rates only", _Played(kept), _Played(fixed),
         "4 of 24 actions with Weibull and lognormal clocks that are kept: workload B without its tension"),
        ("workload B against A", _Played(tense), _Played(fixed),
         "a tension that decays in 6 of 24 hazards, and 4 kept clocks; per event that happened, without candidates"),
        ("240 actions against 24", _Played(many, THEATRES), _Played(few),
         "ten theatres that do not touch each other"),
    )  # fmt: skip
    for what, one, other, note in compared:
        for name, engine in engines.items():
            found = _in_turns(engine, one, other, rounds)
            unit = "times the time per event"
            yield Measure(f"{what}, {name}", statistics.median(found), min(found), max(found), unit, note)
    if "compiled" in engines:
        for name, found, note in kernel.lines(fixed, rounds):
            yield Measure(name, statistics.median(found), min(found), max(found), "ns", note)
    yield paired(spec, engines.get("compiled", lockstep))
    if large:
        yield from _in_children(scenario, "compiled" if compiled.installed() else "lockstep")


# ------------------------------------------------------------------------------------------------------------ models
def with_inputs(spec: Spec) -> Spec:
    """The model with the base of every rate uncertain, and of every fourth action a multiplier that counts in talks."""
    inputs, actions = [], []
    flag = spec.variables[1].name
    for i, action in enumerate(spec.actions):
        clock = action.clock
        assert isinstance(clock, Rate)
        inputs.append(Quantity(f"base_{i}", Law("lognormal", (1.0, 0.2))))
        factors = [parse(f"base_{i}"), *clock.factors]
        if i % 4 == 0:
            inputs.append(Quantity(f"times_{i}", Law("lognormal", (1.0, 0.2))))
            factors.append(parse(f"1 + (times_{i} - 1) * {flag}"))
        actions.append(replace(action, clock=replace(clock, factors=tuple(factors))))
    return replace(spec, inputs=tuple(inputs), actions=tuple(actions))


def with_kept_clocks(spec: Spec) -> Spec:
    """The model with Weibull clocks for every actor's fourth action and a lognormal one for the last; work is kept."""
    actions = list(spec.actions)
    laws = {i: Law("weibull", (2.0, 25.0)) for i in range(3, len(actions), 8)}
    laws[len(actions) - 1] = Law("lognormal", (MEDIAN, 0.6))
    for i, law in laws.items():
        actions[i] = replace(actions[i], clock=Delay(law, memory="age"))
    return replace(spec, actions=tuple(actions))


def theatres(spec: Spec, copies: int) -> Spec:
    """Copies of a model side by side, each with variables, actors and actions of its own; no history ends early."""
    variables, actions = [], []
    for c in range(copies):
        names = {v.name: f"{v.name}_{c}" for v in spec.variables}
        variables += [replace(v, name=names[v.name]) for v in spec.variables]
        for action in spec.actions:
            moved = renamed(action, names)
            actions.append(replace(moved, name=f"{action.name}_{c}", actor=f"{action.actor}_{c}"))
    return Spec(name=f"{spec.name}_{copies}", variables=tuple(variables), actions=tuple(actions))


# ------------------------------------------------------------------------------------------------------------ speed
@dataclass(frozen=True)
class _Played:
    """A model, and by how much fewer histories of it make as many events."""

    model: Model
    share: int = 1


def _in_turns(engine: ModuleType, one: _Played, other: _Played, rounds: int) -> list[float]:
    """Ratio of the CPU time per event on two models, in every round."""
    _nanoseconds(engine, one, 0)
    return [_nanoseconds(engine, one, i) / _nanoseconds(engine, other, i) for i in range(rounds)]


def _nanoseconds(engine: ModuleType, played: _Played, i: int) -> float:
    n = max(HISTORIES // played.share, 1)
    start = cpu_seconds()
    rows: Rows = engine.simulate(played.model, plan(SEED, UNTIL, n, i * n))
    return (cpu_seconds() - start) / max(int(rows.events.sum()), 1) * 1e9


# ------------------------------------------------------------------------------------------------------- common luck
def paired(spec: Spec, engine: ModuleType, batches: int = 20) -> Measure:
    """How much smaller the variance of a difference is on common luck: +5 % on the first action's hazard."""
    first = spec.actions[0]
    assert isinstance(first.clock, Rate)
    more = replace(first, clock=replace(first.clock, factors=(*first.clock.factors, parse("1.05"))))
    changed = replace(spec, actions=(more, *spec.actions[1:]))
    wanted = plan(SEED, UNTIL, PAIRS)
    a, b = (np.isfinite(engine.simulate(compile_model(s), wanted).milestones[0]) for s in (spec, changed))

    def ratio(a: Any, b: Any) -> float:
        together = np.var(b.astype(float) - a)
        return float((np.var(a) + np.var(b)) / together) if together > 0 else float("inf")

    parts = [ratio(*pair) for pair in zip(np.array_split(a, batches), np.array_split(b, batches), strict=True)]
    note = f"difference {float(b.mean() - a.mean()):+.4f} in {PAIRS:,} pairs; spread over {batches} batches"
    name = "variance of a difference (+5 % on one hazard): independent seeds against common luck"
    return Measure(name, ratio(a, b), min(parts), max(parts), "times less", note)


# ------------------------------------------------------------------------------------------------ in other processes
_CHILD: Final = """
import sys
sys.argv[0] = "escalation"
from sim.__main__ import main
try:
    main()
finally:
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            print("PEAK", line.split()[1], file=sys.stderr)
"""


def _in_children(scenario: str, engine: str) -> Iterator[Measure]:
    few, many = (_forecast(f"scenario={scenario}", n, engine, "serial") for n in (FEW, MANY))
    if few.peak and many.peak:
        growth = (many.peak - few.peak) / 1024
        note = f"peak of a whole forecast in parts of {FEW:,} histories; {few.peak / 1024:.0f} MB with {FEW:,} of them"
        yield Measure("memory growth from 10^4 to 10^6 histories", growth, growth, growth, "MB", note)
    large = _forecast(f"scenario={default_scenario()}", MANY, engine, "processes")
    note = f"a whole forecast, engine {engine}, {os.cpu_count()} cores: CPU time of all processes {large.cpu:.0f} s"
    yield Measure(f"10^6 histories of {default_scenario()}", large.wall, large.wall, large.wall, "s of wall time", note)


@dataclass(frozen=True)
class _Cost:
    wall: float
    cpu: float
    #: Largest memory in use, kB; 0 where the system does not tell.
    peak: int


def _forecast(scenario: str, replications: int, engine: str, executor: str) -> _Cost:
    with tempfile.TemporaryDirectory() as folder:
        words = [
            scenario, f"engine={engine}", f"executor={executor}", f"run.replications={replications}",
            f"run.chunk={FEW if executor == 'serial' else 20_000}", "study.figures=false", f"results={folder}",
        ]  # fmt: skip
        start, before = time.perf_counter(), cpu_seconds()
        done = subprocess.run([sys.executable, "-c", _CHILD, *words], capture_output=True, text=True, check=False)
        wall, cpu = time.perf_counter() - start, cpu_seconds() - before
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RuntimeError(f"a forecast of the benchmark ended with {done.returncode}: {said}")
    peaks = [int(line.split()[1]) for line in done.stderr.splitlines() if line.startswith("PEAK")]
    return _Cost(wall, cpu, peaks[0] if peaks else 0)
