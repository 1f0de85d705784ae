"""Quantities as people write them: rates, durations, dates.

Rates become numbers per day and durations days; a year is 365.25 days. Time 0 is the end of day ``as_of``, so
day ``as_of + j`` is the time from j - 1 to j.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Final, Literal

from sim.model.arithmetic import log_scalar

Kind = Literal["number", "days", "per day"]

#: What stands behind a number of each kind.
BEHIND: Final[dict[Kind, str]] = {"number": "", "days": " d", "per day": " per d"}
DAYS: Final[dict[str, float]] = {
    **dict.fromkeys(("h", "hour", "hours"), 1.0 / 24.0),
    **dict.fromkeys(("d", "day", "days"), 1.0),
    **dict.fromkeys(("wk", "wks", "week", "weeks"), 7.0),
    **dict.fromkeys(("yr", "yrs", "year", "years"), 365.25),
}
#: Standard normal quantile of 0.9.
Z90: Final = 1.2815515655446004
#: Numbers beyond this size mean nothing here, and the longest rows of digits fit no binary64.
MAX_NUMBER: Final = 1e300

#: Dates beyond these are slips of the finger, and those of a run must stay within what a calendar can hold.
FIRST_YEAR: Final = 1500
LAST_YEAR: Final = 2500

_NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FORM = re.compile(
    rf"(?P<number>{_NUMBER})\s*"
    rf"(?:(?P<unit>[A-Za-z]+)|(?:per\b|/)\s*(?P<count>{_NUMBER})?\s*(?P<per>[A-Za-z]+))?",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class QuantityError(ValueError):
    """A text that is no quantity of the wanted kind; the message holds the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its kind: plain, in days, or per day."""

    value: float
    kind: Kind


def parse(value: object, wanted: str = "a number, with its unit if it has one: `0.05 per d`, `12 weeks`") -> Quantity:
    """Quantity of a number or a text such as ``0.02 per d``, ``1 per 21 d``, ``/wk``, ``45 d``, ``15,000``.

    Raises QuantityError, which says what is ``wanted``.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise QuantityError(f"wanted is {wanted}")
    if not isinstance(value, str):
        return _checked(float(value) if abs(value) <= MAX_NUMBER else math.inf, "number")
    match = _FORM.fullmatch(value.strip())
    if match is None:
        if re.match(_NUMBER, value.strip(), re.ASCII) and "," in value:
            raise QuantityError("a comma stands only between groups of three digits; a decimal point is `.`")
        raise QuantityError(f"not a number; wanted is {wanted}")
    number = _number(match["number"])
    if match["unit"]:
        return _checked(number * _days(match["unit"]), "days")
    if match["per"]:
        count = _number(match["count"]) if match["count"] else 1.0
        length = count * _days(match["per"])
        if not length > 0:
            raise QuantityError(f"{count:g} {match['per']} is no length of time; write a positive one")
        return _checked(number / length, "per day")
    return _checked(number, "number")


def looks_like_one(text: str, names: Container[str] = ()) -> bool:
    """Whether a text is meant as a quantity rather than as an expression over ``names``."""
    match = _FORM.fullmatch(text.strip())
    return match is not None and match["per"] not in names and match["unit"] not in names


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _days(unit: str) -> float:
    if unit in DAYS:
        return DAYS[unit]
    if unit.lower() in ("m", "mo", "month", "months"):
        raise QuantityError("a month has no fixed length; write days or weeks, such as `30 d`")
    if unit.lower() in DAYS:
        raise QuantityError(f"units are written small: `{unit.lower()}`")
    raise QuantityError(f"unknown unit {unit!r}; units are h, d, wk (week, weeks), yr (year, years)")


def _checked(number: float, kind: Kind) -> Quantity:
    if not math.isfinite(number):
        raise QuantityError("the number is too large; write a finite number")
    return Quantity(number + 0.0, kind)


def rate(value: object) -> float:
    """A rate per day, at least 0. Raises QuantityError."""
    found = parse(value, "a rate, such as `0.05 per d` or `1 per 3 weeks`")
    if found.kind != "per day":
        raise QuantityError("a rate needs its unit: write for example `0.05 per d` or `1 per 3 weeks`")
    if found.value < 0:
        raise QuantityError("a rate cannot be negative")
    return found.value


def duration(value: object, *, bare: bool = False) -> float:
    """A duration in days, at least 0; with ``bare`` a number alone counts days. Raises QuantityError."""
    wanted = "a number of days, a length of time such as `12 weeks`, or a date such as 2026-05-16"
    found = parse(value, wanted if bare else "a length of time, such as `45 d` or `12 weeks`")
    if found.kind != "days" and not (bare and found.kind == "number"):
        raise QuantityError("a duration needs its unit: write for example `45 d` or `12 weeks`")
    if found.value < 0:
        raise QuantityError("a duration cannot be negative")
    return found.value


def number(value: object) -> float:
    """A number without a unit. Raises QuantityError."""
    found = parse(value, "a number without a unit")
    if found.kind != "number":
        raise QuantityError("a number without a unit is wanted")
    return found.value


def day(value: object) -> datetime.date:
    """A date such as 2025-11-17. Raises QuantityError."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            found = datetime.date.fromisoformat(value)
        except ValueError as error:
            raise QuantityError(f"no such day: {error}") from None
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            raise QuantityError(f"a date between {FIRST_YEAR} and {LAST_YEAR} is wanted")
        return found
    raise QuantityError("a date is wanted, written year-month-day: 2025-11-17")


def happens_on(date: datetime.date, as_of: datetime.date) -> float:
    """Time of what happens "on" a date: the start of that day; negative if that is over by ``as_of``."""
    return float((date - as_of).days) - 1.0


def until(value: object, as_of: datetime.date) -> float:
    """Length of a run in days from "180 days", a number of days, or a date (to the end of that day).

    Raises QuantityError.
    """
    is_date = isinstance(value, datetime.date) or (isinstance(value, str) and _DATE.fullmatch(value))
    days = float((day(value) - as_of).days) if is_date else duration(value, bare=True)
    if not days >= 1:
        raise QuantityError(f"the run ends {days:g} days after its start ({as_of}); it must last a day at least")
    return days


def date_of(time: float, as_of: datetime.date) -> datetime.date:
    """Day that contains a time: day ``as_of + j`` for times in (j - 1, j]."""
    return as_of + datetime.timedelta(days=math.ceil(time))


def lognormal_sigma(median: float, p90: float) -> float:
    """Sigma of a lognormal law by its median and 90 % quantile. Raises QuantityError."""
    if not median > 0:
        raise QuantityError("the median must be positive")
    if not p90 >= median:
        raise QuantityError(f"the 90 % value ({p90:g}) lies below the median ({median:g}); it must be at least that")
    return log_scalar(p90 / median) / Z90
