"""A peer of the benchmark: workload A as a tight loop in plain Python, without a library of simulation.

Every clock is exponential, so all hazards may be added up: one draw says when the next event comes, a second one which
it is. The hazards stand in tables by what an actor sees. This is about as fast as plain Python goes; it knows no
other clocks, and a change of one hazard changes all luck. It shares no code with our engines.
"""

from __future__ import annotations

import math
import random
from bisect import bisect
from functools import lru_cache
from itertools import accumulate, product
from typing import Final

from sim.studies.benchmark.user_style import COEFFICIENTS

Tables = list[list[tuple[float, list[float]]]]
#: Values of rung, talks, own resolve, own readiness and readiness of the others; a place in a table counts them so.
SIZES: Final = (9, 2, 4, 4, 7)


@lru_cache(maxsize=1)
def tables() -> Tables:
    """For each actor and all it can see: the sum of its hazards, and the sums up to each but the last action."""
    found: Tables = []
    for a in range(3):
        rows = []
        for rung, talks, own, ready, others in product(*map(range, SIZES)):
            x = (rung / 8, talks, own / 3, ready / 3, others / 6, (rung / 8) * (own / 3))
            possible = (True, talks == 1, rung > 0, ready < 3, ready > 0, own < 3, own > 0, talks == 0)
            hazards = [
                math.exp(c[0] + sum(b * v for b, v in zip(c[1:], x, strict=True))) if can and rung < 8 else 0.0
                for c, can in zip(COEFFICIENTS[8 * a : 8 * a + 8], possible, strict=True)
            ]
            sums = list(accumulate(hazards))
            rows.append((sums[-1], sums[:-1]))
        found.append(rows)
    return found


def run(first: int, replications: int, until: float) -> tuple[int, int]:
    """Number of events and of wars in some replications."""
    red, blue, grey = tables()
    log, find = math.log, bisect
    events = wars = 0
    for seed in range(first, first + replications):
        draw = random.Random(seed).random
        rung, talks, resolve, ready, time = 2, 0, [1, 1, 1], [1, 1, 1], 0.0
        while rung < 8:
            shared, armed = (rung * 2 + talks) * 4, sum(ready)
            # The place in a table: 4 values of readiness, 7 of the others' together.
            one, first_sums = red[((shared + resolve[0]) * 4 + ready[0]) * 7 + armed - ready[0]]
            two, second_sums = blue[((shared + resolve[1]) * 4 + ready[1]) * 7 + armed - ready[1]]
            three, third_sums = grey[((shared + resolve[2]) * 4 + ready[2]) * 7 + armed - ready[2]]
            total = one + two + three
            time -= log(1.0 - draw()) / total
            if time > until:
                break
            events += 1
            place = draw() * total
            if place < one:
                a, action = 0, find(first_sums, place)
            elif place < one + two:
                a, action = 1, find(second_sums, place - one)
            else:
                a, action = 2, find(third_sums, place - one - two)
            if action == 0:
                rung += 1
            elif action == 2:
                rung -= 1
            elif action == 3:
                ready[a] += 1
            elif action == 4:
                ready[a] -= 1
            elif action == 5:
                resolve[a] += 1
            elif action == 6:
                resolve[a] -= 1
            else:
                talks = 1 - talks
        wars += rung == 8
    return events, wars
