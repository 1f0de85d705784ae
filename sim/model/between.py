"""What changes between events: tensions that decay, and the trend of a rate.

Each function exists for arrays and for numbers, with equal bits, as in :mod:`sim.model.arithmetic`; the form for
numbers is also what the compiled engine compiles.

A rate with a trend needs no thinning (closed time change): at the time u since its origin the *operational time*
``(scale / shape) (u / scale)**shape`` has passed, in which its speed is that of the state alone.
"""

from __future__ import annotations

from sim.model.arithmetic import Floats, exp, exp_scalar, power, power_scalar


def decayed(level: Floats, toward: Floats, decay: Floats, passed: Floats) -> Floats:
    """A tension ``passed`` days after it stood at ``level``; arrays of one shape."""
    return toward + (level - toward) * exp(-(decay * passed))


def decayed_scalar(level: float, toward: float, decay: float, passed: float) -> float:
    """One tension: the bits of :func:`decayed`."""
    return toward + (level - toward) * exp_scalar(-(decay * passed))


def operational(shape: Floats, scale: Floats, u: Floats) -> Floats:
    """Operational time (days) after ``u`` >= 0 days."""
    return scale / shape * power(u / scale, shape)


def operational_scalar(shape: float, scale: float, u: float) -> float:
    """One operational time: the bits of :func:`operational`."""
    return scale / shape * power_scalar(u / scale, shape)


def elapsed(shape: Floats, scale: Floats, time: Floats) -> Floats:
    """Days after which the operational ``time`` >= 0 has passed: the inverse of :func:`operational`."""
    return scale * power(shape * time / scale, 1.0 / shape)


def elapsed_scalar(shape: float, scale: float, time: float) -> float:
    """Days of one operational time: the bits of :func:`elapsed`."""
    return scale * power_scalar(shape * time / scale, 1.0 / shape)
