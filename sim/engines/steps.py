"""Programs taken apart once, for an engine that runs them thousands of times over a few hundred slots each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Floats, Integers
from sim.model.expressions import OPERATIONS, Program

#: Per step the operation with the number of its operands, or none with a column (as 1) or a constant (as 0).
Steps = tuple[tuple[Callable[..., Any] | None, int, Any], ...]


def steps_of(program: Program) -> Steps:
    """The steps of a program."""
    found: list[tuple[Callable[..., Any] | None, int, Any]] = []
    for operation, argument in program.code:
        if operation == "number":
            found.append((None, 0, np.float64(argument)))
        elif operation == "column":
            found.append((None, 1, int(argument)))
        else:
            count, vector, _ = OPERATIONS[operation]
            found.append((vector, count, None))
    return tuple(found)


def follow_steps(steps: Steps, column: Callable[[int], Any]) -> Floats:
    """Value of the program, as sim.model.expressions.evaluate gives it; warnings of NumPy are left to the caller."""
    stack: list[Any] = []
    for vector, count, argument in steps:
        if vector is None:
            stack.append(column(argument) if count else argument)
        elif count == 2:
            last = stack.pop()
            stack[-1] = vector(stack[-1], last)
        else:
            operands = stack[-count:]
            del stack[-count:]
            stack.append(vector(*operands))
    return np.asarray(stack[0], dtype=np.float64)


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
