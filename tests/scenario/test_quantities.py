"""Quantities as people write them."""

import datetime
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.model.laws import Law
from sim.scenario import quantities
from sim.scenario.quantities import QuantityError

DAY = datetime.date(2025, 11, 17)


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("0.02 per d", 0.02, "per day"),
        ("0.02/d", 0.02, "per day"),
        ("0.02 /d", 0.02, "per day"),
        ("0.02 / day", 0.02, "per day"),
        ("1 per 21 d", 1 / 21, "per day"),
        ("18.5 per 51 d", 18.5 / 51, "per day"),
        ("3 /wk", 3 / 7, "per day"),
        ("1 per 3 weeks", 1 / 21, "per day"),
        ("0.037 per yr", 0.037 / 365.25, "per day"),
        ("1e-3 per d", 0.001, "per day"),
        ("45 d", 45.0, "days"),
        ("45d", 45.0, "days"),
        ("12 weeks", 84.0, "days"),
        ("2 yr", 730.5, "days"),
        ("12 hours", 0.5, "days"),
        ("15,000", 15000.0, "number"),
        ("1,234,567.5", 1234567.5, "number"),
        ("+1", 1.0, "number"),
        ("-2", -2.0, "number"),
        (".5", 0.5, "number"),
        (" 7 ", 7.0, "number"),
        (3, 3.0, "number"),
        (0.25, 0.25, "number"),
    ],
)
def test_what_is_read(text: object, value: float, kind: str) -> None:
    found = quantities.parse(text)
    assert (found.value, found.kind) == (value, kind)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 per month", "no fixed length"),
        ("2 months", "no fixed length"),
        ("1 mo", "no fixed length"),
        ("1,50 d", "groups of three"),
        ("1,5", "groups of three"),
        ("12,34", "groups of three"),
        ("3 fortnights", "unknown unit 'fortnights'"),
        ("3 D", "written small"),
        ("1 per 0 d", "no length of time"),
        ("1 per -3 d", "no length of time"),
        ("d", "not a number"),
        ("", "not a number"),
        ("per d", "not a number"),
        ("0.5 per", "unknown unit 'per'"),
        ("1 per 5e-324 h", "no length of time"),
        (10**400, "too large"),
        ("1 2", "not a number"),
        ("1e999 d", "too large"),
        ("nan", "not a number"),
        (math.nan, "too large"),
        (math.inf, "too large"),
        (True, "a number, with its unit"),
        (None, "a number, with its unit"),
        ([1], "a number, with its unit"),
    ],
)
def test_what_is_refused(text: object, why: str) -> None:
    with pytest.raises(QuantityError, match=why):
        quantities.parse(text)


def test_kinds_are_not_mixed_up() -> None:
    assert quantities.rate("1 per 4 d") == 0.25
    assert quantities.duration("4 d") == 4.0
    assert quantities.duration(4, bare=True) == 4.0
    for call, value in (
        (quantities.rate, 0.25),
        (quantities.rate, "4 d"),
        (quantities.duration, 4),
        (quantities.duration, "0.1 per d"),
        (quantities.number, "4 d"),
        (quantities.rate, "-1 per d"),
        (quantities.duration, "-1 d"),
    ):
        with pytest.raises(QuantityError):
            call(value)


numbers = st.floats(1e-6, 1e6)


@given(numbers, st.sampled_from(sorted(quantities.DAYS)), numbers)
def test_what_is_written_is_read(number: float, unit: str, count: float) -> None:
    days = quantities.DAYS[unit]
    assert quantities.duration(f"{number!r} {unit}") == number * days
    assert quantities.rate(f"{number!r} per {unit}") == number / days
    assert quantities.rate(f"{number!r}/{unit}") == number / days
    assert quantities.rate(f"{number!r} per {count!r} {unit}") == number / (count * days)
    assert quantities.number(f"{int(number):,}") == int(number)


@given(st.text("0123456789.,+-eEd/ per", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = quantities.parse(text)
    except QuantityError:
        return
    assert math.isfinite(found.value)


def test_a_name_in_a_quantity_makes_it_an_expression() -> None:
    assert quantities.looks_like_one("2/d")
    assert quantities.looks_like_one("1 per month")
    assert quantities.looks_like_one("2/x")
    assert not quantities.looks_like_one("2/x", {"x"})
    assert not quantities.looks_like_one("x / 2")


def test_days_and_times() -> None:
    # Day as_of ends at time 0; the next day runs from 0 to 1.
    assert quantities.happens_on(DAY, DAY) == -1.0
    assert quantities.happens_on(DAY + datetime.timedelta(1), DAY) == 0.0
    assert quantities.happens_on(datetime.date(2025, 11, 24), DAY) == 6.0
    assert quantities.until("2025-11-24", DAY) == 7.0
    assert quantities.until("180 days", DAY) == 180.0
    assert quantities.until("12 weeks", DAY) == 84.0
    assert quantities.until(30, DAY) == 30.0
    assert quantities.date_of(0.0, DAY) == DAY
    assert quantities.date_of(1e-9, DAY) == DAY + datetime.timedelta(1)
    assert quantities.date_of(1.0, DAY) == DAY + datetime.timedelta(1)
    assert quantities.date_of(6.5, DAY) == datetime.date(2025, 11, 24)
    for end in ("2025-11-17", "2025-11-01", 0, 0.5, -3, "soon", "2025-02-30", True):
        with pytest.raises(QuantityError):
            quantities.until(end, DAY)


@given(st.integers(-500, 500))
def test_what_happens_on_a_day_is_seen_on_that_day(offset: int) -> None:
    date = DAY + datetime.timedelta(offset)
    start = quantities.happens_on(date, DAY)
    # An instant after its start lies in that day, and "by" that day includes it.
    assert quantities.date_of(start + 0.5, DAY) == date
    if offset > 0:
        assert start < quantities.until(str(date), DAY) == start + 1.0


@given(st.floats(0.001, 1e4), st.floats(1.0, 1e3))
def test_a_lognormal_has_its_median_and_ninety_percent_value(median: float, ratio: float) -> None:
    import numpy as np

    law = Law("lognormal", (median, quantities.lognormal_sigma(median, median * ratio)))
    half, ninety = law.quantile(np.array([0.5, 0.9]))
    assert half == pytest.approx(median, rel=1e-7)
    assert ninety == pytest.approx(median * ratio, rel=1e-7)


def test_a_lognormal_that_cannot_be() -> None:
    for median, p90 in ((2.0, 1.0), (0.0, 1.0), (-1.0, 1.0)):
        with pytest.raises(QuantityError):
            quantities.lognormal_sigma(median, p90)


@pytest.mark.parametrize("text", ["2025-2-3", "17.11.2025", "2025-02-30", "2025-11-17T00:00", 20251117, None])
def test_what_is_no_date(text: object) -> None:
    with pytest.raises(QuantityError):
        quantities.day(text)
