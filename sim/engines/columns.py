"""What programs read in the lockstep engine: columns over a few hundred slots or thousands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Floats, Integers


def spread(value: Floats, size: int) -> Floats:
    """A value of one number, or of ``size`` already, as one of shape (size,)."""
    return value if value.ndim else np.broadcast_to(value, (size,))


class Columns:
    """Column reader for programs: columns by number, over all slots or some, each converted once."""

    def __init__(
        self, matrix: Integers, inputs: Floats, lanes: NDArray[np.intp] | None, amounts: dict[int, Floats], first: int
    ) -> None:
        """``matrix`` (columns, slots) holds the columns before ``first``, ``inputs`` the rest; ``amounts`` win."""
        self.matrix, self.inputs, self.first = matrix, inputs, first
        self.lanes, self.known = lanes, amounts.copy()

    def __call__(self, c: int) -> Floats:
        """Column c, shape (slots,)."""
        found = self.known.get(c)
        if found is None:
            source = self.matrix[c] if c < self.first else self.inputs[c - self.first]
            if self.lanes is not None:
                source = source.take(self.lanes)
            found = self.known[c] = source.astype(np.float64) if c < self.first else source
        return found
