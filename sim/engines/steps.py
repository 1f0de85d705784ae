"""Programs taken apart once, for an engine that runs them thousands of times over a few hundred slots each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sim.engines.interface import Floats
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
