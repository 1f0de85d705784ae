"""How shares, dates and names are shown to people: shares no finer than the model deserves."""

from __future__ import annotations

import datetime
from typing import Final

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

#: What one hundred histories in a hundred would round to: a simulation never shows certainty.
NEARLY_ALL: Final = 0.975
UNDER: Final = "under 1"
OVER: Final = "over 95"
#: Words for chances, and their bands. The directive leaves out the last points at either end; they are in here.
ICD_203: Final = (
    ("almost no chance", 0.0, 0.05),
    ("very unlikely", 0.05, 0.2),
    ("unlikely", 0.2, 0.45),
    ("roughly even chance", 0.45, 0.55),
    ("likely", 0.55, 0.8),
    ("very likely", 0.8, 0.95),
    ("almost certain", 0.95, 1.0),
)


def points(share: float) -> str:
    """A share in points: the nearest 5 from 10 on, the nearest 1 below, "under 1" below that, "over 95" at the top.

    Raises ValueError outside 0 … 1.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"{share!r} is no share; it must lie within 0 … 1")
    if share < 0.01:
        return UNDER
    if share >= NEARLY_ALL:
        return OVER
    # A half is rounded up: 12.5 points are 15, not the nearest even 10. The tiny number mends 0.075 * 100 < 7.5.
    whole = int(share * 100.0 + 0.5 + 1e-9)
    return str(whole) if share < 0.10 else str(5 * int(share * 20.0 + 0.5 + 1e-9))


def percent(share: float) -> str:
    """A share as people read it: ``"35 %"``, ``"4 %"``, ``"under 1 %"``."""
    return f"{points(share)} %"


def between(low: float, high: float) -> str:
    """A range of shares in points: ``"5–30"``, ``"up to 5"``; one number where both ends round alike."""
    first, last = points(low), points(high)
    if first == last:
        return first
    if first == UNDER:
        return f"up to {last}" if last != OVER else "anything"
    return f"{first} or more" if last == OVER else f"{first}–{last}"


def with_range(share: float, low: float, high: float) -> str:
    """A share with its range over the inputs: ``"15 % (5–30)"``; without it where all three round alike."""
    return (
        percent(share) if points(low) == points(high) == points(share) else f"{percent(share)} ({between(low, high)})"
    )


def likelihood(low: float, high: float) -> str | None:
    """The words of ICD 203 for a range of shares within one of its bands; None for a range that is wider.

    Intelligence Community Directive 203, Analytic Standards (Office of the Director of National Intelligence, 2015).
    """
    return next((said for said, least, most in ICD_203 if least <= low <= high <= most), None)


def date_words(iso: str) -> str:
    """``2025-11-17`` as ``17 Nov 2025``, in English whatever the locale."""
    date = datetime.date.fromisoformat(iso)
    return f"{date.day} {MONTHS[date.month - 1]} {date.year}"


def words(name: str) -> str:
    """A name as words: ``limited_strikes`` as ``limited strikes``."""
    return name.replace("_", " ")


def plural(count: int, noun: str) -> str:
    """A count with its noun: ``"1 milestone"``, ``"2,000 histories"``."""
    ending = "" if count == 1 else "s"
    if ending and noun.endswith("y") and noun[-2] not in "aeiou":
        noun, ending = noun[:-1], "ies"
    return f"{count:,} {noun}{ending}"
