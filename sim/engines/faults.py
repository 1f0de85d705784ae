"""Messages of a history that got where the model has no meaning: place, value, state and remedy."""

from __future__ import annotations

from collections.abc import Sequence

from sim.engines.interface import SimulationError
from sim.model.compiled import Model


def described(model: Model, state: Sequence[int]) -> str:
    """A state in words."""
    return ", ".join(f"{name} = {value}" for name, value in zip(model.variables, state, strict=False))


def wrong_speed(model: Model, row: int, replication: int, last: float, where: str) -> SimulationError:
    """A speed that is no number >= 0, after the last event at ``last``."""
    return SimulationError(
        f"{model.rows[row].name}: its speed is negative or undefined in replication {replication} after day "
        f"{last:g}, where {where}; guard the action or mend the expression"
    )


def wrong_weight(model: Model, row: int, branch: int, value: float, where: str) -> SimulationError:
    """A weight of a branch (numbered within its action) that is no finite number >= 0."""
    found = model.rows[row]
    return SimulationError(
        f"{found.name}: weight of branch {found.branches[branch].label or branch} is {value:g} where {where}; weights "
        "must be numbers >= 0"
    )


def no_weight(model: Model, row: int, where: str) -> SimulationError:
    """An action none of whose branches can follow."""
    return SimulationError(
        f"{model.rows[row].name}: all branch weights are 0 where {where}; give one branch a positive weight there"
    )


def effect_on(model: Model, action: str, column: int) -> str:
    """The effect of an action on a variable or tension (by its column), in words."""
    tension = column - model.first_tension
    return f"{action}: effect on {model.variables[column] if tension < 0 else model.tensions[tension]}"


def no_number(effect: str, value: float, where: str) -> SimulationError:
    """An effect on a tension (as :func:`effect_on` names it) whose value is infinite or undefined."""
    return SimulationError(f"{effect} gives {value:g} where {where}; it must be a finite number")


def wrong_thinning(model: Model, row: int, values: tuple[float, float], time: float, where: str) -> SimulationError:
    """A thinned rate whose value (first) is no number from 0 to its bound (second) at a candidate."""
    value, bound = values
    return SimulationError(
        f"{model.rows[row].name}: what changes between events in its rate is {value:g} on day {time:g}, not within 0 "
        f"… {bound:g} (its bound), where {where}; mend the rate, or give a bound that holds until the next event"
    )


def not_whole(effect: str, value: float, where: str) -> SimulationError:
    """An effect (as :func:`effect_on` names it) whose value is no whole number."""
    return SimulationError(f"{effect} gives {value:g} where {where}; it must be a whole number below 2^53")


def out_of_bounds(effect: str, values: Sequence[int], where: str) -> SimulationError:
    """An effect that leaves the bounds; ``values`` are the new value and the two bounds."""
    new, lower, upper = values
    return SimulationError(
        f"{effect} gives {new}, outside {lower} … {upper}, where {where}; guard it or let it saturate"
    )
