"""How a report words its numbers and labels."""

from __future__ import annotations

import unicodedata
from fractions import Fraction
from math import log
from typing import Final

from sim.statistics.shown import NEARLY_ALL

#: Odds that people can picture. Between the rarest and the surest the nearest one in log-odds is said.
PICTURED: Final = (
    *(Fraction(1, n) for n in (100, 50, 33, 25, 20, 15, 12, 10, 9, 8, 7, 6, 5, 4, 3)),
    *(Fraction(a, b) for a, b in ((2, 5), (1, 2), (3, 5), (2, 3), (3, 4), (4, 5), (5, 6), (9, 10), (19, 20))),
)
#: Writing that runs from right to left, by its class in Unicode.
FROM_THE_RIGHT: Final = frozenset(("R", "AL", "RLE", "RLO", "RLI"))
#: First-strong isolate, and the end of it.
ISOLATE, ISOLATED = "\u2068", "\u2069"


def one_in(share: float) -> str:
    """A chance as odds that people can picture: ``"about 1 in 6"``.

    Raises ValueError outside 0 … 1.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"{share!r} is no share; it must lie within 0 … 1")
    if share < 0.01:
        return "under 1 in 100"
    if share >= NEARLY_ALL:
        return "over 19 in 20"
    nearest = min(PICTURED, key=lambda odds: abs(_log_odds(float(odds)) - _log_odds(share)))
    return f"about {nearest.numerator} in {nearest.denominator}"


def label(text: object) -> str:
    """A label fit to stand in the middle of a sentence.

    Signs that control the terminal or the direction of writing become blanks; what runs from right to left is
    isolated, so that it does not turn round the numbers beside it.
    """
    plain = "".join(sign if sign.isprintable() else " " for sign in str(text))
    if any(unicodedata.bidirectional(sign) in FROM_THE_RIGHT for sign in plain):
        return f"{ISOLATE}{plain}{ISOLATED}"
    return plain


def _log_odds(share: float) -> float:
    return log(share / (1.0 - share))
