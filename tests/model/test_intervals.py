"""Interval analysis never excludes a value that an expression can take."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.model.expressions import (
    OPERATIONS,
    Call,
    Column,
    Expression,
    Number,
    bind,
    compile_program,
    evaluate_scalar,
    parse,
)
from sim.model.intervals import Range, range_of

LEAVES: st.SearchStrategy[Expression] = st.one_of(
    st.sampled_from([Column(0), Column(1)]), st.sampled_from([-2.0, -0.5, 0.0, 1.0, 3.0]).map(Number)
)


def grow(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def call(name: str) -> st.SearchStrategy[Expression]:
        arguments = st.tuples(*[inner] * OPERATIONS[name][0])
        return arguments.map(lambda a: Call(name, a))

    return st.sampled_from(sorted(OPERATIONS)).flatmap(call)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.recursive(LEAVES, grow, max_leaves=8))
def test_every_value_lies_in_the_range(tree: Expression) -> None:
    box = {0: Range(-2.0, 3.0), 1: Range(0.0, 2.0)}
    found = range_of(tree, box)
    program = compile_program(tree)
    for x, y in itertools.product([-2.0, -1.0, 0.0, 0.5, 3.0], [0.0, 1.0, 2.0]):
        value = evaluate_scalar(program, (x, y))
        if value != value:  # noqa: PLR0124 - nan
            assert found.undefined
        else:
            slack = 1e-12 * (1 + abs(value)) if abs(value) < 1e300 else 0.0
            assert found.undefined or found.low - slack <= value <= found.high + slack


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("x + y", -2.0, 5.0),
        ("x * y", -4.0, 6.0),
        ("exp(y - y)", 0.1353352832366127, 7.38905609893065),
        ("where(y at least 0, 7, x)", 7.0, 7.0),
        ("y below 0", 0.0, 0.0),
        ("max(min(x, 1), 0)", 0.0, 1.0),
        ("y ** 2", 0.0, 4.0),
        ("x ** 2", 0.0, 9.0),
    ],
)
def test_ranges_are_tight_where_they_can_be(text: str, low: float, high: float) -> None:
    tree = bind(parse(text), {"x": Column(0), "y": Column(1)})
    found = range_of(tree, {0: Range(-2.0, 3.0), 1: Range(0.0, 2.0)})
    assert (found.low, found.high, found.undefined) == pytest.approx((low, high, False))


def test_what_may_be_undefined_is_said() -> None:
    box = {0: Range(-1.0, 1.0)}
    for text in ("1 / x", "log(x)", "sqrt(x)", "x ** 0.5", "mod(3, x)"):
        assert range_of(bind(parse(text), {"x": Column(0)}), box).undefined, text


def test_ranges_without_an_end_stay_outer_bounds() -> None:
    box = {0: Range(0.0, 800.0), 1: Range(0.001, 2.0)}
    grown = range_of(bind(parse("exp(x) ** y"), {"x": Column(0), "y": Column(1)}), box)
    assert grown.undefined or grown.high == float("inf")  # exp(800) overflows, and a root of it still counts as endless
    apart = range_of(bind(parse("exp(x) - exp(x)"), {"x": Column(0)}), box)
    assert apart.undefined
    odd = range_of(bind(parse("x ** 3"), {"x": Column(0)}), {0: Range(-2.0, 1.0)})
    assert (odd.low, odd.high, odd.undefined) == (-8.0, 1.0, False)
