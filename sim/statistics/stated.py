"""Stated probabilities as laws: a number, a range, or a word of estimative probability.

Tables: S. Kent, Words of Estimative Probability (1964), with his bands; Intelligence Community Directive 203 (2015),
whose two sets of words are synonyms. A word is a Beta law with its mean in the middle of the band and 90 % of its mass
inside.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: Word -> lower and upper end of its band.
KENT: Final[Mapping[str, tuple[float, float]]] = {
    "almost certain": (0.87, 0.99),
    "probable": (0.63, 0.87),
    "chances about even": (0.40, 0.60),
    "probably not": (0.20, 0.40),
    "almost certainly not": (0.02, 0.12),
}
ICD_203: Final[Mapping[str, tuple[float, float]]] = {
    "almost no chance": (0.01, 0.05),
    "remote": (0.01, 0.05),
    "very unlikely": (0.05, 0.20),
    "highly improbable": (0.05, 0.20),
    "unlikely": (0.20, 0.45),
    "improbable": (0.20, 0.45),
    "roughly even chance": (0.45, 0.55),
    "roughly even odds": (0.45, 0.55),
    "likely": (0.55, 0.80),
    "very likely": (0.80, 0.95),
    "highly probable": (0.80, 0.95),
    "almost certain": (0.95, 0.99),
    "nearly certain": (0.95, 0.99),
}
TABLES: Final[Mapping[str, Mapping[str, tuple[float, float]]]] = {"icd_203": ICD_203, "kent": KENT}
#: Nobody who speaks of a crisis is surer than this; stated 0 and 1 are read so.
SUREST: Final = 0.01
#: Share of a word's law that lies inside its band.
INSIDE: Final = 0.9


@dataclass(frozen=True)
class Stated:
    """How much was stated: ``middle``, and the ends of what was meant (equal where one number was given)."""

    middle: float
    low: float
    high: float


def sure(share: float) -> float:
    """A stated chance as it is read: 0 and 1 as .01 and .99."""
    return min(max(share, SUREST), 1.0 - SUREST)


def number(share: float) -> Stated:
    """One stated number; 0 and 1 are read as .01 and .99. Raises ValueError outside 0 … 1."""
    return between(share, share)


def between(low: float, high: float) -> Stated:
    """A stated range. Raises ValueError unless 0 <= low <= high <= 1."""
    if not 0.0 <= low <= high <= 1.0:
        raise ValueError(f"{low!r} to {high!r} is no range of chances; write 0 <= low <= high <= 1")
    low, high = sure(low), sure(high)
    return Stated((low + high) / 2, low, high)


def word(said: str, table: str = "icd_203") -> Stated:
    """A word of estimative probability.

    Raises ValueError for an unknown table or word.
    """
    if table not in TABLES:
        raise ValueError(f"no table of words is called {table!r}; choose from {', '.join(TABLES)}")
    if said.lower() not in TABLES[table]:
        raise ValueError(f"{said!r} is no word of the table {table}; it has {', '.join(TABLES[table])}")
    return between(*TABLES[table][said.lower()])


def spread_of(stated: Stated) -> float:
    """Standard deviation, in log-odds, of what was stated; 0 for a single number."""
    from scipy.special import polygamma

    if stated.low >= stated.high:
        return 0.0
    a, b = beta_of(stated)
    return float((polygamma(1, a) + polygamma(1, b)) ** 0.5)


@functools.cache
def beta_of(stated: Stated) -> tuple[float, float]:
    """Parameters of the Beta law with this mean and 90 % of its mass within the ends.

    Raises ValueError for a single number, which has no law.
    """
    from scipy.optimize import brentq
    from scipy.special import betainc

    if stated.low >= stated.high:
        raise ValueError(f"{stated.middle:g} is one number and no range; it has no law")

    def missing(log_size: float) -> float:
        a, b = _shapes(stated.middle, log_size)
        return float(betainc(a, b, stated.high) - betainc(a, b, stated.low)) - INSIDE

    return _shapes(stated.middle, brentq(missing, 0.0, 16.0, xtol=1e-12))


def _shapes(mean: float, log_size: float) -> tuple[float, float]:
    size = 2.0**log_size
    return mean * size, (1.0 - mean) * size
