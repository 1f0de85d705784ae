"""Random choices that depend on a seed and a name alone, today and with any later version of NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np

from sim.model import draws

T = TypeVar("T")
_BLOCK: Final = 256


class Dice:
    """Uniform draws of a seed and a name, one after another."""

    def __init__(self, seed: int, name: str) -> None:
        self.key = draws.keys_of(seed, [name])
        self.thrown = 0
        self.block: list[float] = []

    def uniform(self) -> float:
        """The next number in (0, 1)."""
        place = self.thrown % _BLOCK
        if place == 0:
            k = np.arange(self.thrown, self.thrown + _BLOCK, dtype=np.uint64)
            self.block = draws.uniform(self.key, np.zeros(_BLOCK, dtype=np.uint64), k, 0).tolist()
        self.thrown += 1
        return self.block[place]

    def whole(self, low: int, high: int) -> int:
        """One of low … high."""
        return low + int(self.uniform() * (high - low + 1))

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self.uniform() < p

    def pick(self, things: Sequence[T]) -> T:
        """One of some things."""
        return things[self.whole(0, len(things) - 1)]
