"""A peer of the benchmark: workload A as somebody new to this would write it with salabim.

One component per actor, which holds for an exponential time and starts over when another actor has changed something.
Hazards and effects are those of the peer in SimPy; nothing is shared with our engines.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sim.studies.benchmark.user_style import Crisis as Hazards


class Crisis(Hazards):
    """One history of workload A: hazards and effects of the peer in SimPy, time and processes of salabim."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rung, self.talks = 2, 0
        self.resolve, self.readiness = [1, 1, 1], [1, 1, 1]
        self.events = 0
        self.clocks: list[Any] = []


def run(first: int, replications: int, until: float) -> tuple[int, int]:
    """Number of events and of wars in some replications.

    Raises ModuleNotFoundError where salabim is not installed.
    """
    salabim: Any = importlib.import_module("salabim")
    before = salabim.yieldless()
    salabim.yieldless(False)
    try:
        # salabim looks through the whole stack of calls at each step: a thread begins with an empty one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(_run, salabim, first, replications, until).result()
    finally:
        salabim.yieldless(before)


def _run(salabim: Any, first: int, replications: int, until: float) -> tuple[int, int]:
    class Actor(salabim.Component):  # type: ignore[misc]  # salabim is known at run time only
        def setup(self, crisis: Crisis, number: int) -> None:
            self.crisis, self.number, self.disturbed = crisis, number, False

        def process(self) -> Iterator[Any]:
            crisis, a = self.crisis, self.number
            while crisis.rung < 8:
                hazards = crisis.hazards(a)
                yield self.hold(crisis.random.expovariate(sum(hazards)))
                if self.disturbed:
                    self.disturbed = False
                    continue
                crisis.change(a, crisis.random.choices(range(8), hazards)[0])
                for other in crisis.clocks:
                    if other is not self and other.isscheduled():
                        other.disturbed = True
                        other.activate()

    events = wars = 0
    for seed in range(first, first + replications):
        env, crisis = salabim.Environment(trace=False, random_seed=None), Crisis(seed)
        crisis.clocks = [Actor(crisis=crisis, number=a, env=env) for a in range(3)]
        env.run(till=until)
        events += crisis.events
        wars += crisis.rung == 8
    return events, wars
