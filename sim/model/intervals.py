"""Interval analysis of expressions: what range a tree can take while its columns stay in theirs.

Used to prove before a run that a speed is never negative, infinite or undefined and that an effect stays within
the bounds of its variable. The result is an outer bound: it may be wider than the truth, never narrower.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sim.model import arithmetic
from sim.model.expressions import Column, Expression, Name, Number


@dataclass(frozen=True, slots=True)
class Range:
    """All values from ``low`` to ``high``; ``undefined`` when nan (or a division by zero) may occur."""

    low: float
    high: float
    undefined: bool = False

    @property
    def surely_true(self) -> bool:
        """Never 0 and never undefined."""
        return not self.undefined and (self.low > 0 or self.high < 0)

    @property
    def surely_false(self) -> bool:
        """Always 0."""
        return not self.undefined and self.low == 0 == self.high


ANYTHING = Range(-math.inf, math.inf, undefined=True)
TRUTH = Range(0.0, 1.0)
#: Relative error of exp, log and power between points, with room to spare.
_SLACK = 2.0**-40


def _hull(values: list[float], undefined: bool) -> Range:
    if any(math.isnan(v) for v in values):
        return ANYTHING
    return Range(min(values), max(values), undefined)


def _endless(a: Range) -> bool:
    return math.isinf(a.low) or math.isinf(a.high)


def _times(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


def _relation(operation: str, a: Range, b: Range) -> Range:
    if operation in ("gt", "ge"):
        return _relation("lt" if operation == "gt" else "le", b, a)
    undefined = a.undefined or b.undefined
    sure, never = False, False
    if operation == "lt":
        sure, never = a.high < b.low, a.low >= b.high
    elif operation == "le":
        sure, never = a.high <= b.low, a.low > b.high
    else:
        same = a.low == a.high == b.low == b.high
        apart = a.high < b.low or b.high < a.low
        sure, never = (same, apart) if operation == "eq" else (apart, same)
    # A comparison with nan is false (true for !=): an undefined side leaves both answers open.
    if undefined:
        return TRUTH
    return Range(1.0, 1.0) if sure else Range(0.0, 0.0) if never else TRUTH


def _padded(ends: list[float], argument: Range, undefined: bool) -> Range:
    """Range of a function of our own arithmetic, which need not be monotone in its last places."""
    found = _hull(ends, undefined)
    if argument.low == argument.high or found.undefined:
        return found
    return Range(found.low - abs(found.low) * _SLACK, found.high + abs(found.high) * _SLACK)


def _power(base: Range, exponent: Range) -> Range:
    undefined = base.undefined or exponent.undefined
    if base.low < 0:
        if exponent.low != exponent.high or exponent.low not in range(arithmetic.WHOLE_POWER + 1):
            return ANYTHING
        edges = [arithmetic.power_scalar(x, exponent.low) for x in (base.low, base.high)]
        return _hull([*edges, *([0.0] if base.high >= 0 and exponent.low > 0 else [])], undefined)
    if base.low == 0 and exponent.low < 0:
        return ANYTHING
    if _endless(base) or _endless(exponent):
        return Range(0.0, math.inf, undefined=True)
    corners = [arithmetic.power_scalar(x, y) for x in (base.low, base.high) for y in (exponent.low, exponent.high)]
    point = base.low == base.high and exponent.low == exponent.high
    return _padded(corners, Range(0.0, 0.0 if point else 1.0), undefined)


def range_of(tree: Expression, box: Mapping[int, Range]) -> Range:
    """Range of a bound tree over a box of column ranges; a missing column can be anything."""
    if isinstance(tree, Number):
        return Range(tree.value, tree.value)
    if isinstance(tree, Column):
        return box.get(tree.index, ANYTHING)
    if isinstance(tree, Name):
        return ANYTHING
    operation = tree.operation
    parts = [range_of(argument, box) for argument in tree.arguments]
    a = parts[0]
    b = parts[1] if len(parts) > 1 else a
    undefined = any(part.undefined for part in parts)
    if operation in ("lt", "le", "gt", "ge", "eq", "ne"):
        return _relation(operation, a, b)
    if operation == "not":
        return Range(0.0, 0.0) if a.surely_true else Range(1.0, 1.0) if a.surely_false else TRUTH
    if operation == "and":
        if a.surely_false or b.surely_false:
            return Range(0.0, 0.0)
        return Range(1.0, 1.0) if a.surely_true and b.surely_true else TRUTH
    if operation == "or":
        if a.surely_true or b.surely_true:
            return Range(1.0, 1.0)
        return Range(0.0, 0.0) if a.surely_false and b.surely_false else TRUTH
    if operation == "where":
        if a.surely_true:
            return parts[1]
        if a.surely_false:
            return parts[2]
        return _hull([parts[1].low, parts[1].high, parts[2].low, parts[2].high], undefined)
    if operation in ("add", "sub"):
        low, high = (b.low, b.high) if operation == "add" else (-b.high, -b.low)
        opposed = (a.low == -math.inf and high == math.inf) or (a.high == math.inf and low == -math.inf)
        return _hull([a.low + low, a.high + high], undefined or opposed)
    if operation == "neg":
        return Range(-a.high, -a.low, undefined)
    if operation == "mul":
        # Infinity times 0 is undefined; elsewhere 0 stands for the product of a zero end.
        undefined = undefined or (_endless(a) and b.low <= 0 <= b.high) or (_endless(b) and a.low <= 0 <= a.high)
        return _hull([_times(x, y) for x in (a.low, a.high) for y in (b.low, b.high)], undefined)
    if operation in ("div", "floordiv"):
        if b.low <= 0 <= b.high:
            return ANYTHING
        quotients = [
            x / y if math.isfinite(x) or math.isfinite(y) else math.nan
            for x in (a.low, a.high)
            for y in (b.low, b.high)
        ]
        result = _hull(quotients, undefined)
        return _floor(result) if operation == "floordiv" else result
    if operation == "mod":
        if b.low <= 0 or _endless(a) or _endless(b):
            return ANYTHING
        # The quotient is rounded, so that the rest of a fraction may miss its end by a rounding of the dividend.
        off = _SLACK * max(-a.low, a.high)
        return Range(-off, b.high + off, undefined)
    if operation in ("min", "max"):
        choose = min if operation == "min" else max
        return Range(choose(a.low, b.low), choose(a.high, b.high), undefined)
    if operation == "floor":
        return _floor(a)
    if operation == "ceil":
        return _hull([math.ceil(x) if math.isfinite(x) else x for x in (a.low, a.high)], undefined)
    if operation == "abs":
        edges = [abs(a.low), abs(a.high)]
        return Range(0.0 if a.low <= 0 <= a.high else min(edges), max(edges), undefined)
    if operation == "exp":
        return _padded([arithmetic.exp_scalar(a.low), arithmetic.exp_scalar(a.high)], a, undefined)
    if operation == "log":
        ends = (a.low, a.high)
        return _padded([arithmetic.log_scalar(x) for x in ends], a, undefined) if a.low >= 0 else ANYTHING
    if operation == "sqrt":
        return _hull([math.sqrt(a.low), math.sqrt(a.high)], undefined) if a.low >= 0 else ANYTHING
    if operation == "pow":
        return _power(a, b)
    return ANYTHING


def _floor(a: Range) -> Range:
    return _hull([math.floor(x) if math.isfinite(x) else x for x in (a.low, a.high)], a.undefined)
