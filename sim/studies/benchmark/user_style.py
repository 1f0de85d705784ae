"""The peer of the benchmark: workload A as somebody new to this would write it with SimPy.

One process per actor; each computes its hazards with ``math.exp``, waits an exponential time drawn from
``random.Random``, and starts over when another actor has changed something. It shares no code with our engines.
"""

from __future__ import annotations

import math
import random
from collections.abc import Generator
from typing import Any, Final

import simpy

#: (b, B1 ... B6) of the eight actions of each actor; conf/scenario/workload_a.yaml holds the same numbers.
COEFFICIENTS: Final = (
    (-4.0446, 0.5305, -0.4752, 0.6901, 0.4752, 0.122, 0.1479),
    (-3.0373, 0.8205, 0.0, 0.4983, 0.0, 0.0, 0.0),
    (-2.6515, 0.2026, 0.9804, -0.4374, 0.0, -0.2148, 0.0),
    (-2.9145, 0.9406, -0.297, 0.3852, 0.0, 0.7467, 0.0),
    (-2.7938, -0.4572, 0.3718, 0.0, 0.2146, -0.3248, 0.0),
    (-2.98, 0.7142, -0.1837, 0.0, 0.1674, 0.337, 0.0),
    (-3.0116, -0.3909, 0.416, 0.2505, 0.0, 0.0, 0.0),
    (-3.0993, 0.2601, 0.0, -0.4093, 0.0, 0.2349, 0.0),
    (-4.1308, 0.5679, -0.6081, 0.6347, 0.4505, 0.1417, 0.1872),
    (-3.0444, 0.7247, 0.0, 0.4725, 0.0, 0.0, 0.0),
    (-2.5956, 0.1327, 0.7464, -0.413, 0.0, -0.2284, 0.0),
    (-2.7236, 0.7442, -0.2723, 0.4686, 0.0, 0.4469, 0.0),
    (-2.8874, -0.4081, 0.4398, 0.0, 0.2276, -0.2744, 0.0),
    (-2.8975, 0.5626, -0.1876, 0.0, 0.1735, 0.2782, 0.0),
    (-3.0457, -0.3043, 0.5487, 0.2718, 0.0, 0.0, 0.0),
    (-3.1142, 0.3399, 0.0, -0.3661, 0.0, 0.1325, 0.0),
    (-4.0598, 0.3677, -0.4803, 0.648, 0.3276, 0.1849, 0.252),
    (-3.0683, 0.743, 0.0, 0.4066, 0.0, 0.0, 0.0),
    (-2.3774, 0.2336, 0.5236, -0.4348, 0.0, -0.1762, 0.0),
    (-2.9826, 0.8115, -0.2682, 0.4186, 0.0, 0.7922, 0.0),
    (-2.8166, -0.3977, 0.4143, 0.0, 0.2544, -0.3501, 0.0),
    (-3.086, 0.6463, -0.1524, 0.0, 0.1629, 0.2766, 0.0),
    (-2.9026, -0.4508, 0.4778, 0.2118, 0.0, 0.0, 0.0),
    (-2.9572, 0.4198, 0.0, -0.4332, 0.0, 0.1147, 0.0),
)


class Crisis:
    """One history of workload A."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.env = simpy.Environment()
        self.rung, self.talks = 2, 0
        self.resolve, self.readiness = [1, 1, 1], [1, 1, 1]
        self.events = 0
        self.actors = [self.env.process(self.act(a)) for a in range(3)]

    def hazards(self, a: int) -> list[float]:
        """Hazards per day of an actor's eight actions; 0 for those that are impossible."""
        others = sum(self.readiness) - self.readiness[a]
        x = (
            self.rung / 8,
            self.talks,
            self.resolve[a] / 3,
            self.readiness[a] / 3,
            others / 6,
            (self.rung / 8) * (self.resolve[a] / 3),
        )
        possible = (
            True,
            self.talks == 1,
            self.rung > 0,
            self.readiness[a] < 3,
            self.readiness[a] > 0,
            self.resolve[a] < 3,
            self.resolve[a] > 0,
            self.talks == 0,
        )
        return [
            math.exp(c[0] + sum(b * v for b, v in zip(c[1:], x, strict=True))) if open_ and self.rung < 8 else 0.0
            for c, open_ in zip(COEFFICIENTS[8 * a : 8 * a + 8], possible, strict=True)
        ]

    def act(self, a: int) -> Generator[simpy.Event, Any, None]:
        """Wait for the next action; start over when interrupted."""
        while self.rung < 8:
            hazards = self.hazards(a)
            try:
                yield self.env.timeout(self.random.expovariate(sum(hazards)))
            except simpy.Interrupt:
                continue
            self.change(a, self.random.choices(range(8), hazards)[0])
            for other, process in enumerate(self.actors):
                if other != a and process.is_alive:
                    process.interrupt()

    def change(self, a: int, action: int) -> None:
        """Carry out an action."""
        self.events += 1
        if action in (0, 2):
            self.rung += 1 if action == 0 else -1
        elif action in (1, 7):
            self.talks = int(action == 7)
        elif action in (3, 4):
            self.readiness[a] += 1 if action == 3 else -1
        else:
            self.resolve[a] += 1 if action == 5 else -1


def run(first: int, replications: int, until: float) -> tuple[int, int]:
    """Number of events and of wars in some replications."""
    events = wars = 0
    for seed in range(first, first + replications):
        crisis = Crisis(seed)
        crisis.env.run(until=until)
        events += crisis.events
        wars += crisis.rung == 8
    return events, wars
