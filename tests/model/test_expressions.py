"""Expressions: grammar, names, refusals, and programs that give the same bits for arrays and numbers."""

import ast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.model.expressions import (
    Column,
    Expression,
    ExpressionError,
    Number,
    bind,
    compile_program,
    evaluate,
    evaluate_scalar,
    is_whole,
    parse,
)

LEVELS = {"talks": ("closed", "feelers", "open")}
MEANINGS: dict[str, Expression] = {"talks": Column(0), "troops": Column(1), "open": Column(2), "half": Number(0.5)}


def value(text: str, *columns: float) -> float:
    return evaluate_scalar(compile_program(bind(parse(text), MEANINGS, LEVELS)), columns)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7.0),
        ("-2 ** 2", -4.0),
        ("2 ** -1", 0.5),
        ("2 ** 3 ** 2", 512.0),
        ("7 // 2 + 7 % 4 + mod(7, 4) + 7 mod 4", 12.0),
        ("-7 // 2", -4.0),
        ("min(3, 1, 2) + max(1, 5)", 6.0),
        ("where(1 > 2, 10, 20)", 20.0),
        ("not 1 > 2 and 3 != 4", 1.0),
        ("1 < 2 < 3", 1.0),
        ("1 < 3 < 2", 0.0),
        ("floor(-1.5) + ceil(1.2) + abs(-2) + sqrt(9)", 5.0),
        ("pow(2, 0.5) * pow(2, 0.5)", pytest.approx(2.0, rel=1e-15)),
        ("half * 4e0", 2.0),
        ("yes + true + no", 2.0),
    ],
)
def test_arithmetic(text: str, expected: float) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "talks", "expected"),
    [
        ("talks is open", 2, 1.0),
        ("talks is not open", 2, 0.0),
        ("talks below open", 1, 1.0),
        ("talks above closed", 0, 0.0),
        ("talks at least feelers", 1, 1.0),
        ("talks at most feelers and troops above 3", 1, 1.0),
    ],
)
def test_words_of_the_domain(text: str, talks: int, expected: float) -> None:
    assert value(text, talks, 5, 1) == expected


def test_a_level_is_understood_before_a_variable_of_the_same_name() -> None:
    assert value("talks == open", 2, 0, 0) == 1.0
    assert value("troops + open", 2, 3, 4) == 7.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("1 +", "missing"),
        ("(1", "parenthesis"),
        ("1 2", "unexpected '2'"),
        ("__import__('os')", "unexpected character"),
        ("a.b", "unexpected character"),
        ("x[0]", "unexpected character"),
        ("lambda: 1", "unexpected character"),
        ("eval(1)", "unknown function 'eval'"),
        ("exq(1)", "did you mean 'exp'"),
        ("min(1)", "takes 2 to 8"),
        ("tropps + 1", "did you mean 'troops'"),
        ("talks is opne", "did you mean 'open'"),
        ("1e999", "too large"),
        ("(" * 60 + "1" + ")" * 60, "levels of nesting"),
        ("1 + " * 800 + "1", "at most 2000"),
        ("or 1", "unexpected 'or'"),
    ],
)
def test_what_is_refused_says_where_and_why(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        value(text, 0, 0, 0)


def test_deep_unary_chains_do_not_exhaust_the_stack() -> None:
    assert value("-" * 500 + "1") == 1.0
    assert value("not " * 400 + "1") == 1.0


NUMBERS = st.sampled_from(["0", "1", "2", "0.5", "3.25", "x", "y"])


def texts() -> st.SearchStrategy[str]:
    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pair = st.tuples(inner, st.sampled_from(["+", "-", "*", "<", "<=", "==", "!=", "and", "or"]), inner)
        return st.one_of(
            pair.map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            inner.map(lambda t: f"(-{t})"),
            inner.map(lambda t: f"(not {t})"),
        )

    return st.recursive(NUMBERS, extend, max_leaves=12)


def truthy(node: ast.expr, names: dict[str, float]) -> float:
    """Our meaning of a Python expression: truth values are 1 and 0, also for ``and`` and ``or``."""
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.UnaryOp):
        inner = truthy(node.operand, names)
        return float(not inner) if isinstance(node.op, ast.Not) else -inner
    if isinstance(node, ast.BoolOp):
        parts = [truthy(v, names) != 0 for v in node.values]
        return float(all(parts) if isinstance(node.op, ast.And) else any(parts))
    if isinstance(node, ast.BinOp):
        a, b = truthy(node.left, names), truthy(node.right, names)
        return a + b if isinstance(node.op, ast.Add) else a - b if isinstance(node.op, ast.Sub) else a * b
    assert isinstance(node, ast.Compare)
    a, b = truthy(node.left, names), truthy(node.comparators[0], names)
    return float({"Lt": a < b, "LtE": a <= b, "Eq": a == b, "NotEq": a != b}[type(node.ops[0]).__name__])


@given(texts(), st.floats(-5, 5), st.floats(-5, 5))
def test_parsing_agrees_with_python(text: str, x: float, y: float) -> None:
    program = compile_program(bind(parse(text), {"x": Column(0), "y": Column(1)}))
    expected = truthy(ast.parse(text, mode="eval").body, {"x": x, "y": y})
    scalar = evaluate_scalar(program, (x, y))
    vector = evaluate(program, lambda c: np.array([(x, y)[c]] * 3))
    assert scalar == expected
    assert np.broadcast_to(vector, (3,)).tolist() == [scalar] * 3


def test_constants_fold_but_division_by_zero_waits() -> None:
    assert bind(parse("2 * 3 + 1"), {}) == Number(7.0)
    assert not isinstance(bind(parse("1 / 0"), {}), Number)


@pytest.mark.parametrize(
    ("text", "whole"),
    [("x + 1", True), ("x / 2", False), ("floor(x / 2)", True), ("x * 0.5", False), ("min(x, 3) // 2", True)],
)
def test_whole_numbers_are_recognised(text: str, whole: bool) -> None:
    assert is_whole(bind(parse(text), {"x": Column(0)}), lambda _: True) is whole
