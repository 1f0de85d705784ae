"""Units of the lockstep engine drawn ahead of their use: inputs, starts, scales and first requirements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.engines import units
from sim.engines.interface import Floats, Integers, Plan
from sim.model.compiled import Model

#: Units drawn in one block, at least.
_BLOCK: Final = 4_096


@dataclass(frozen=True, eq=False)
class Newcomers:
    """What is known of n replications before they begin; ``scales`` and ``work`` are by row, the rest by name."""

    positions: Integers
    inputs: Floats
    starts: Integers
    scales: dict[int, Floats]
    work: Floats


class Ahead:
    """The replications of a plan that wait for a slot."""

    def __init__(self, model: Model, keys: units.Keys, plan: Plan, width: int) -> None:
        self.model, self.keys, self.plan, self.block = model, keys, plan, max(_BLOCK, width)
        self.next = self.start = self.end = 0

    @property
    def left(self) -> int:
        """How many wait."""
        return self.plan.size - self.next

    def take(self, count: int) -> Newcomers:
        """The next ones, at most a block and at most as many as are left."""
        if self.next + count > self.end:
            self.draw()
        block = slice(self.next - self.start, self.next - self.start + count)
        positions = np.arange(self.next, self.next + count)
        self.next += count
        scales = {i: scale[block] for i, scale in self.scales.items()}
        return Newcomers(positions, self.inputs[:, block], self.starts[:, block], scales, self.work[:, block])

    def draw(self) -> None:
        """Draw the next block."""
        self.start = self.next
        self.end = min(self.start + self.block, self.plan.size)
        numbers = slice(self.start, self.end)
        self.inputs = units.draw_inputs(self.model, self.keys, self.plan.inputs[numbers])
        self.starts = units.draw_starts(self.model, self.keys, self.plan.inputs[numbers])
        self.scales = units.scales(self.model, self.inputs)
        self.work = units.first_work(self.model, self.keys, self.plan.histories[numbers], self.scales)
