"""Rows of an engine as named columns: one entry per replication, as they are stored and counted.

Names are ``kind.name``: ``milestone.first_strike`` (day of its first time, inf if never), ``outcome.30`` (number of
the outcome at the end of day 30), ``outcome.end``, ``flag.blockade``, ``state.talks`` (at the end), ``input.rate``,
``start.goal`` (hidden starts); beside them replication, input, history, status, end, events, saturations and
culprit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Floats, Integers, Rows
from sim.model.compiled import Model
from sim.model.expressions import Program, evaluate
from sim.model.laws import Law

if TYPE_CHECKING:
    from sim.runs.plan import Task

Columns = dict[str, NDArray[Any]]

#: Names behind the numbers of ``status``; the order is that of the engines' codes.
STATUS: Final = ("at_horizon", "terminal", "ran_away")


def truth(model: Model, program: Program, state: Integers, milestones: Floats, day: float) -> NDArray[np.bool_]:
    """Whether a condition holds, given the state (variables, n) at ``day`` and the first times (milestones, n)."""
    variables = len(model.variables)

    def column(c: int) -> Floats:
        found = state[c] if c < variables else milestones[c - variables] <= day
        return np.asarray(found, dtype=np.float64)

    holds: NDArray[np.bool_] = np.broadcast_to(evaluate(program, column) != 0, (state.shape[1],))
    return holds


def outcome(model: Model, state: Integers, milestones: Floats, day: float) -> NDArray[np.int8]:
    """Number of the first outcome that holds at ``day``; the last one holds otherwise."""
    found = np.full(state.shape[1], len(model.outcomes) - 1, dtype=np.int8)
    for number in range(len(model.outcomes) - 2, -1, -1):
        found[truth(model, model.outcomes[number][1], state, milestones, day)] = number
    return found


def flags(model: Model, state: Integers, milestones: Floats, day: float) -> NDArray[np.bool_]:
    """Flags (flags, n) at ``day``."""
    result = np.zeros((len(model.flags), state.shape[1]), dtype=np.bool_)
    for number, (_, program) in enumerate(model.flags):
        result[number] = truth(model, program, state, milestones, day)
    return result


def columns_of(task: Task, rows: Rows, first: int, inputs: Integers | None = None) -> Columns:
    """Columns of consecutive replications from ``first`` on; ``inputs`` (n,) are their input numbers, if others."""
    model, numbers = task.model, np.arange(first, first + rows.status.size, dtype=np.int64)
    columns: Columns = {
        "replication": numbers,
        "input": numbers if inputs is None else inputs,
        "history": numbers,
        "status": rows.status,
        "end": rows.end,
        "events": rows.events,
        "saturations": rows.saturations,
        "culprit": rows.culprit.astype(np.int16),
    }
    columns |= {f"milestone.{name}": rows.milestones[i] for i, name in enumerate(model.milestones)}
    for which, day in enumerate(task.days[:-1]):
        columns[f"outcome.{day}"] = outcome(model, rows.observed[which], rows.milestones, day)
    columns["outcome.end"] = outcome(model, rows.state, rows.milestones, task.until)
    held = flags(model, rows.state, rows.milestones, task.until)
    columns |= {f"flag.{name}": held[i] for i, (name, _) in enumerate(model.flags)}
    columns |= {f"state.{name}": rows.state[i] for i, name in enumerate(model.variables)}
    hidden = [i for i, start in enumerate(model.start) if isinstance(start, Law)]
    columns |= {f"start.{model.variables[i]}": rows.start[i] for i in hidden}
    columns |= {f"input.{name}": rows.inputs[i] for i, name in enumerate(model.inputs)}
    return columns


def words_of(model: Model) -> dict[str, Sequence[str]]:
    """Words behind the numbers of a column that is stored as words: column (or kind of column) -> words."""
    return {
        "status": STATUS,
        "outcome": [name for name, _ in model.outcomes],
        "culprit": [row.name for row in model.rows],
    }


class Digest:
    """SHA-256 over columns in replication order, fed part by part; the same however the parts are cut."""

    def __init__(self) -> None:
        self.columns: dict[str, Any] = {}

    def update(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Add the next replications."""
        for name, values in columns.items():
            self.columns.setdefault(name, hashlib.sha256()).update(little(values).tobytes())

    def hexdigest(self, *accumulators: NDArray[Any]) -> str:
        """Digest of all columns so far, by name, and of integer accumulators in the order given."""
        whole = hashlib.sha256()
        for name in sorted(self.columns):
            whole.update(f"{name}\n".encode() + self.columns[name].digest())
        for array in accumulators:
            whole.update(f"{array.shape}\n".encode() + little(array).tobytes())
        return whole.hexdigest()


def little(values: NDArray[Any]) -> NDArray[Any]:
    """The array in C order and little-endian, so that its bytes mean the same everywhere."""
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
