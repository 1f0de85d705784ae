"""Who takes part in the benchmark, on which model; equal results first, then time in turns."""

from __future__ import annotations

import importlib.util
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np

from sim.engines import compiled, lockstep, reference
from sim.engines.interface import Floats, Rows, plan
from sim.model.compiled import Model
from sim.studies.benchmark import loop, salabim, solvers, user_style
from sim.studies.benchmark import network as benchmark_network

UNTIL: Final = 180.0
SEED: Final = 20_251_117
SIMPY: Final = "SimPy, user style"
LONG: Final = "compiled, one long run"
WORKLOAD, NETWORK = solvers.WORKLOAD, solvers.NETWORK
#: Histories per round: a second of work in the fast ones, some tenths in the slow ones. Of rebop: the length of its one
#: run in histories.
SIZES: Final = {
    SIMPY: 40, "salabim": 40, "plain Python loop": 1_500, "rebop": 2_000, "GillesPy2, C++": 3_000, "reference": 40,
    "lockstep": 20_000, "compiled": 20_000,
}  # fmt: skip
#: Histories of a peer that are compared with the engines' before anything is timed.
COMPARED: Final = {SIMPY: 300, "salabim": 100, "plain Python loop": 2_000, "rebop": 300, "GillesPy2, C++": 2_000}
#: What favours one contestant or another beyond the engines themselves; stands below the tables.
TERMS: Final = (
    "- rebop is timed on one long run, which sets nothing up again; our engines begin a new history about every",
    "  160 events, with fresh draws for every clock; on the network `compiled, one long run` does as rebop does.",
    "  rebop keeps no draws by clock, so it cannot pair histories by luck.",
    "  On the network, which both peers are made for, these terms favour rebop.",
    "- The time of GillesPy2 holds the process that it starts for every call and the reading of what that writes:",
    "  its solver alone is faster than it looks here.",
)

#: Events of some histories from a first one on, and for each whether (or how high) it ended: wars, or the count r.
Play = Callable[[int, int], tuple[int, float]]


class DisagreementError(AssertionError):
    """The engines or a peer do not give the same results, so their speeds mean nothing."""


@dataclass(frozen=True)
class Contestant:
    """One who takes part: its name, the model it plays, what is compared, and what is timed (events of a round)."""

    name: str
    model: str
    compare: Play | None
    timed: Callable[[int], int]


@dataclass(frozen=True)
class Timing:
    """Speed of a contestant on a model: nanoseconds of CPU per event, one number a round."""

    engine: str
    nanoseconds: tuple[float, ...]
    model: str = WORKLOAD

    @property
    def best(self) -> float:
        """Fewest nanoseconds per event over the rounds."""
        return min(self.nanoseconds)

    @property
    def median(self) -> float:
        """Median over the rounds."""
        return statistics.median(self.nanoseconds)


def cpu_seconds() -> float:
    """CPU time of this process and of the children it waited for (a peer's binary is one)."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return time.process_time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


# ----------------------------------------------------------------------------------------------------- contestants
def missing() -> dict[str, str]:
    """Who cannot take part here, and why."""
    found = {}
    for name, package in (("salabim", "salabim"), ("rebop", "rebop"), ("GillesPy2, C++", "gillespy2")):
        if importlib.util.find_spec(package) is None:
            found[name] = f"{package} is not installed (the group `peers`)"
    if "GillesPy2, C++" not in found and shutil.which("g++") is None:
        found["GillesPy2, C++"] = "there is no g++ to compile its solver"
    if not compiled.installed():
        found["compiled"] = "Numba is not installed (the optional extra `compiled`)"
    return found


def contestants(model: Model, absent: Sequence[str]) -> list[Contestant]:
    """All who take part, in the order of the table."""
    network = benchmark_network.model()
    found = [
        _peer(SIMPY, lambda first, n: user_style.run(first, n, UNTIL)),
        _peer("salabim", lambda first, n: salabim.run(first, n, UNTIL)),
        _peer("plain Python loop", lambda first, n: loop.run(first, n, UNTIL)),
        _rebop(WORKLOAD),
        _solver(WORKLOAD),
        *(_engine(name, WORKLOAD, model) for name in ("reference", "lockstep", "compiled")),
        _rebop(NETWORK),
        _solver(NETWORK),
        *(_engine(name, NETWORK, network) for name in ("lockstep", "compiled")),
        Contestant(LONG, NETWORK, None, lambda i: _long(network, i)),
    ]
    return [one for one in found if one.name not in absent and not (one.name == LONG and "compiled" in absent)]


def _long(network: Model, i: int) -> int:
    """Events of one history as long as the run of rebop."""
    found = compiled.simulate(network, plan(SEED, UNTIL * SIZES["rebop"], 1, i, max_events=2**62))
    return int(found.events[0])


def _engine(name: str, label: str, model: Model) -> Contestant:
    engine = {"reference": reference, "lockstep": lockstep, "compiled": compiled}[name]

    def timed(i: int) -> int:
        size = SIZES[name]
        return int(engine.simulate(model, plan(SEED, UNTIL, size, i * size)).events.sum())

    return Contestant(name, label, None, timed)


def _peer(name: str, play: Play) -> Contestant:
    return Contestant(name, WORKLOAD, play, lambda i: play((i + 1) * 1_000_000, SIZES[name])[0])


def _rebop(label: str) -> Contestant:
    # A call costs some milliseconds; what is timed is one call for a long run, the inner loop alone.
    long = solvers.RETURNING if label == WORKLOAD else NETWORK
    return Contestant(
        "rebop",
        label,
        lambda first, n: _ended(label, solvers.rebop_run(label, first, n, UNTIL)),
        lambda i: solvers.rebop_run(long, i, 1, UNTIL * SIZES["rebop"])[0],
    )


def _solver(label: str) -> Contestant:
    name = "GillesPy2, C++"
    return Contestant(
        name,
        label,
        lambda first, n: _ended(label, solvers.gillespy2_run(label, first, n, UNTIL)),
        lambda i: solvers.gillespy2_run(label, (i + 1) * 1_000_000, SIZES[name], UNTIL)[0],
    )


def _ended(label: str, found: tuple[int, list[int]]) -> tuple[int, float]:
    events, ends = found
    return events, sum(end == 8 for end in ends) if label == WORKLOAD else sum(ends)


# ---------------------------------------------------------------------------------------------------------- equality
def check(model: Model, taking_part: Sequence[Contestant]) -> None:
    """Raise DisagreementError unless the engines agree to the last bit and every peer within 5 standard errors.

    Calling everything once, this also makes or loads the compiled kernel and compiles what peers compile.
    """
    for label, plays in ((WORKLOAD, model), (NETWORK, benchmark_network.model())):
        short, wanted = plan(SEED, UNTIL, 40, log=True), plan(SEED, UNTIL, 4_000)
        if lockstep.simulate(plays, short).fingerprint() != reference.simulate(plays, short).fingerprint():
            raise DisagreementError(f"reference and lockstep give different histories of {label}")
        rows = lockstep.simulate(plays, wanted)
        if compiled.installed() and compiled.simulate(plays, wanted).fingerprint() != rows.fingerprint():
            raise DisagreementError(f"lockstep and compiled give different histories of {label}")
        ends = _ends(label, plays, rows)
        for peer in taking_part:
            if peer.model == label and peer.compare is not None:
                n = COMPARED[peer.name]
                events, ended = peer.compare(0, n)
                _agree(f"{peer.name} on {label}: events", events / n, rows.events.astype(np.float64), n)
                _agree(f"{peer.name} on {label}: ends", ended / n, ends, n)


def _ends(label: str, model: Model, rows: Rows) -> Floats:
    """What a peer sums up, for each history: 1 for a war, or the count r."""
    if label == WORKLOAD:
        return np.asarray(rows.status == 1, dtype=np.float64)
    return np.asarray(rows.state[model.variables.index("r")], dtype=np.float64)


def _agree(what: str, mean: float, ours: Floats, n: int) -> None:
    error = float(ours.std()) * sqrt(1 / n + 1 / ours.size)
    if abs(mean - float(ours.mean())) > 5 * error:
        raise DisagreementError(
            f"{what} {mean:.4g} a history, the engines {float(ours.mean()):.4g} (one standard error {error:.2g}): "
            "it is not the same model"
        )


# -------------------------------------------------------------------------------------------------------------- time
def measure(taking_part: Sequence[Contestant], rounds: int, progress: Callable[[str], None]) -> list[Timing]:
    """Nanoseconds of CPU per event of everybody, one number a round, taking turns."""
    found: list[list[float]] = [[] for _ in taking_part]
    for i in range(rounds):
        for one, values in zip(taking_part, found, strict=True):
            start = cpu_seconds()
            events = one.timed(i)
            values.append((cpu_seconds() - start) / events * 1e9)
        progress(f"round {i + 1} of {rounds}")
    return [Timing(one.name, tuple(values), one.model) for one, values in zip(taking_part, found, strict=True)]


def ratios(timings: Sequence[Timing], of: str, to: str, model: str = WORKLOAD) -> list[float]:
    """Ratio of the nanoseconds per event of two contestants on a model in every round; empty where one is absent."""
    by = {t.engine: t.nanoseconds for t in timings if t.model == model}
    if of not in by or to not in by:
        return []
    return [a / b for a, b in zip(by[of], by[to], strict=True)]
