"""Expressions for the ends of what an expression can be while some of its columns move within known spans.

Interval arithmetic on trees: the result are again expressions, so that a bound can be computed anew whenever an event
changes what it depends on. An outer bound: it may be wider than the truth, never narrower, up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from sim.model.expressions import OPERATIONS, ZERO, Call, Column, Expression, Number, fold
from sim.model.intervals import Range, range_of

Span = tuple[Expression, Expression]

#: Comparisons, and what holds where they do not.
_OPPOSITE: Final = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "eq": "ne", "ne": "eq"}
_RISING: Final = ("exp", "log", "sqrt", "floor", "ceil", "min", "max", "add")


class NoBound(ValueError):  # noqa: N818 - what is missing
    """An expression without a bound that this analysis can give; the message says which part."""


def enclosure(tree: Expression, spans: Mapping[int, Span], box: Mapping[int, Range]) -> Span:
    """Expressions (low, high) that enclose a bound tree while its columns stay within their ``spans``.

    ``box`` has the ranges of columns as far as they are known; they decide which ends make a product largest.

    Raises NoBound for an operation that cannot be enclosed there (a division by what may be 0, a remainder).
    """
    if isinstance(tree, Column):
        return spans.get(tree.index, (tree, tree))
    if not isinstance(tree, Call):
        return tree, tree
    parts = [enclosure(argument, spans, box) for argument in tree.arguments]
    if all(low is high for low, high in parts):
        return tree, tree
    operation = tree.operation
    if operation in _RISING:
        return _call(operation, *(low for low, _ in parts)), _call(operation, *(high for _, high in parts))
    ranges = [range_of(argument, box) for argument in tree.arguments]
    if operation == "neg":
        return _call("neg", parts[0][1]), _call("neg", parts[0][0])
    if operation == "sub":
        return _call("sub", parts[0][0], parts[1][1]), _call("sub", parts[0][1], parts[1][0])
    if operation == "abs":
        low, high = parts[0]
        return _call("max", _call("max", low, _call("neg", high)), ZERO), _call("max", _call("neg", low), high)
    if operation == "mul":
        return _product(parts, ranges)
    if operation in ("div", "floordiv"):
        low, high = _quotient(tree, parts, ranges)
        return (low, high) if operation == "div" else (_call("floor", low), _call("floor", high))
    if operation == "pow":
        return _power(tree, parts, ranges)
    if operation in _OPPOSITE:
        return _comparison(operation, parts, undefined=any(r.undefined for r in ranges))
    truths = [_truth(part) for part in parts]
    if operation == "not":
        return _call("not", truths[0][1]), _call("not", truths[0][0])
    if operation in ("and", "or"):
        return _call(operation, truths[0][0], truths[1][0]), _call(operation, truths[0][1], truths[1][1])
    if operation == "where":
        (surely, perhaps), (_, (low_a, high_a), (low_b, high_b)) = truths[0], parts
        if parts[0][0] is parts[0][1]:
            return _call("where", parts[0][0], low_a, low_b), _call("where", parts[0][0], high_a, high_b)
        return (
            _call("where", surely, low_a, _call("where", perhaps, _call("min", low_a, low_b), low_b)),
            _call("where", surely, high_a, _call("where", perhaps, _call("max", high_a, high_b), high_b)),
        )
    raise NoBound(f"{operation!r} of what changes between events")


def endless(tree: Expression) -> bool:
    """Whether an expression holds an infinite number, as the end of a span without end leaves it."""
    if isinstance(tree, Number):
        return math.isinf(tree.value)
    return isinstance(tree, Call) and any(endless(argument) for argument in tree.arguments)


def _call(operation: str, *arguments: Expression) -> Expression:
    assert len(arguments) == OPERATIONS[operation][0]
    return fold(Call(operation, arguments))


def _all_of(operation: str, trees: list[Expression]) -> Expression:
    whole = trees[0]
    for tree in trees[1:]:
        whole = _call(operation, whole, tree)
    return whole


def _corners(operation: str, parts: list[Span]) -> Span:
    """Least and largest of an operation that is monotone in each argument."""
    (a, b), (c, d) = parts
    first = [a] if a is b else [a, b]
    second = [c] if c is d else [c, d]
    corners = [_call(operation, x, y) for x in first for y in second]
    return _all_of("min", corners), _all_of("max", corners)


def _product(parts: list[Span], ranges: list[Range]) -> Span:
    (a, b), (c, d) = parts
    if ranges[0].low >= 0 and ranges[1].low >= 0:
        return _call("mul", a, c), _call("mul", b, d)
    return _corners("mul", parts)


def _quotient(tree: Call, parts: list[Span], ranges: list[Range]) -> Span:
    (a, b), (c, d) = parts
    if c is not d and ranges[1].low <= 0 <= ranges[1].high:
        raise NoBound(f"a division by what may pass 0 between events (in {tree.operation!r})")
    if ranges[0].low >= 0 and ranges[1].low > 0:
        return _call("div", a, d), _call("div", b, c)
    return _corners("div", parts)


def _comparison(operation: str, parts: list[Span], *, undefined: bool) -> Span:
    """Whether a comparison surely, and possibly, holds; ``undefined``: an end may be nan, of which nothing is sure."""
    if operation == "ne":
        low, high = _comparison("eq", parts, undefined=undefined)
        return _call("not", high), _call("not", low)
    (a, b), (c, d) = parts
    if operation == "eq":
        if undefined:
            return ZERO, _call("not", _call("or", _call("gt", a, d), _call("gt", c, b)))
        return ZERO, _call("and", _call("le", a, d), _call("le", c, b))
    near, far = ((a, d), (b, c)) if operation in ("lt", "le") else ((b, c), (a, d))
    if undefined:
        # All comparisons with nan are false: so both ends are asked, and for "possibly" the opposite.
        surely = _call("and", _call(operation, *near), _call(operation, *far))
        return surely, _call("not", _call(_OPPOSITE[operation], *near))
    return _call(operation, *far), _call(operation, *near)


def _power(tree: Call, parts: list[Span], ranges: list[Range]) -> Span:
    base, exponent = ranges
    if base.low >= 0:
        if base.low == 0 and exponent.low < 0:
            # A negative power of -0 would be -infinity where +infinity is the end.
            parts = [(_call("add", parts[0][0], ZERO), _call("add", parts[0][1], ZERO)), parts[1]]
        return _corners("pow", parts)
    (low, high), number = parts[0], tree.arguments[1]
    if isinstance(number, Number) and number.value >= 0 and number.value == math.floor(number.value):
        at = _call("pow", low, number), _call("pow", high, number)
        if number.value % 2:
            return at
        passes = _call("and", _call("le", low, ZERO), _call("ge", high, ZERO))
        return _call("where", passes, ZERO, _call("min", *at)), _call("max", *at)
    raise NoBound(f"a power of what may be negative (exponent {exponent.low:g} … {exponent.high:g})")


def _truth(part: Span) -> Span:
    """Whether what lies in a span is surely, and is possibly, other than 0."""
    low, high = part
    if low is high:
        return low, high
    surely = _call("or", _call("gt", low, ZERO), _call("lt", high, ZERO))
    return surely, _call("or", _call("ne", low, ZERO), _call("ne", high, ZERO))
