"""Speed of the engines against SimPy as a user would write it, on workload A.

One process, one core, CPU time. Every round times each engine in turn, so that a slow moment of the machine falls on
all of them; what counts is the median over rounds of the ratios within a round. Before anything is timed, the
engines' histories must be equal to the last bit and the peer's results must agree with theirs.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Final

from sim.engines import compiled, lockstep, reference
from sim.engines.interface import plan
from sim.model.compiled import Model, compile_model
from sim.studies import benchmark_user_style
from sim.studies.order import Order, remark
from sim.studies.settings import CheckError, SettingError, whole

SETTINGS: Final = ("rounds",)
UNTIL: Final = 180.0
SEED: Final = 20_251_117
#: Replications per round: enough for a second of work in the fast engine, a few tenths in the slow ones.
SIZES: Final = {"SimPy, user style": 40, "reference": 40, "lockstep": 20_000, "compiled": 20_000}


class DisagreementError(AssertionError):
    """The engines or the peer do not give the same results, so their speeds mean nothing."""


@dataclass(frozen=True)
class Timing:
    """Speed of one engine: nanoseconds of CPU per event and replication counts per round."""

    engine: str
    nanoseconds: tuple[float, ...]

    @property
    def best(self) -> float:
        """Fewest nanoseconds per event over the rounds."""
        return min(self.nanoseconds)


def answer(order: Order) -> int:
    """Time the engines on the scenario of an order."""
    rounds = whole(order.study.get("rounds", 7), "study.rounds")
    if rounds < 1:
        raise SettingError(f"study.rounds: {rounds}; at least 1 is needed")
    try:
        return run(compile_model(order.scenario().spec), rounds, print, remark)
    except DisagreementError as error:
        raise CheckError(str(error)) from None


def check(model: Model) -> None:
    """Raise DisagreementError unless the engines agree to the last bit and the peer within 5 standard errors."""
    short = plan(SEED, UNTIL, 40, log=True)
    if lockstep.simulate(model, short).fingerprint() != reference.simulate(model, short).fingerprint():
        raise DisagreementError("reference and lockstep give different histories of workload A")
    wanted = plan(SEED, UNTIL, 4_000)
    rows = lockstep.simulate(model, wanted)
    # The first call of the compiled engine also makes or loads its kernel, before anything is timed.
    if compiled.installed() and compiled.simulate(model, wanted).fingerprint() != rows.fingerprint():
        raise DisagreementError("lockstep and compiled give different histories of workload A")
    n = 300
    events, wars = benchmark_user_style.run(0, n, UNTIL)
    mean, spread = float(rows.events.mean()), float(rows.events.std()) / sqrt(n)
    share = float((rows.status == 1).mean())
    if abs(events / n - mean) > 5 * spread or abs(wars / n - share) > 5 * sqrt(share * (1 - share) / n):
        raise DisagreementError(
            f"the peer has {events / n:.1f} events and {wars / n:.3f} wars a history, the engines {mean:.1f} and "
            f"{share:.3f}: it is not the same model"
        )


def measure(model: Model, rounds: int, progress: Callable[[str], None] = lambda _: None) -> list[Timing]:
    """Nanoseconds of CPU per event of every engine, one number a round."""
    jobs: dict[str, Callable[[int], int]] = {
        "SimPy, user style": lambda i: benchmark_user_style.run(i * 1_000, SIZES["SimPy, user style"], UNTIL)[0],
        "reference": lambda i: int(
            reference.simulate(model, plan(SEED, UNTIL, SIZES["reference"], i * 1_000)).events.sum()
        ),
        "lockstep": lambda i: int(
            lockstep.simulate(model, plan(SEED, UNTIL, SIZES["lockstep"], i * 20_000)).events.sum()
        ),
    }
    if compiled.installed():
        jobs["compiled"] = lambda i: int(
            compiled.simulate(model, plan(SEED, UNTIL, SIZES["compiled"], i * 20_000)).events.sum()
        )
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for i in range(rounds):
        for name, job in jobs.items():
            start = time.process_time()
            events = job(i)
            found[name].append((time.process_time() - start) / events * 1e9)
        progress(f"round {i + 1} of {rounds}")
    return [Timing(name, tuple(values)) for name, values in found.items()]


def ratios(timings: list[Timing], of: str, to: str) -> list[float]:
    """Ratio of two engines' nanoseconds per event in every round."""
    by = {t.engine: t.nanoseconds for t in timings}
    return [a / b for a, b in zip(by[of], by[to], strict=True)]


def run(model: Model, rounds: int, out: Callable[[str], None], progress: Callable[[str], None]) -> int:
    """Check, time and print; returns the exit code."""
    import numpy
    import simpy

    check(model)
    engines = "reference, lockstep and compiled" if compiled.installed() else "reference and lockstep"
    out(f"histories of {engines} equal to the last bit; the peer agrees within 5 standard errors")
    if not compiled.installed():
        out("compiled: left out, because Numba is not installed (the optional extra `compiled`)")
    timings = measure(model, rounds, progress)
    out(f"workload A, {rounds} interleaved rounds, CPU time of one core; ratios are medians of the rounds")
    versions = f"Python {platform.python_version()}, NumPy {numpy.__version__}, SimPy {simpy.__version__}"
    out(f"{platform.machine()}, {versions}")
    out("")
    out(f"{'engine':<20}{'ns per event':>14}{'faster than SimPy, user style':>34}")
    for timing in timings:
        found = ratios(timings, "SimPy, user style", timing.engine)
        spread = f"{statistics.median(found):.3g}x  ({min(found):.3g} to {max(found):.3g})"
        out(f"{timing.engine:<20}{timing.best:>14,.0f}{spread:>34}")
    return 0
