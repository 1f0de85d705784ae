"""Expressions: a small parsed grammar, a tree of frozen nodes, and a postfix program run by one interpreter.

Text becomes a tree by :func:`parse`, names get their meaning by :func:`bind`, and :func:`compile_program` turns
the tree into a postfix program over numbered columns (state, inputs, amounts). Nothing is ever handed to
Python's own evaluator, so a scenario is data and stays data.

Grammar, loosest first: ``or`` · ``and`` · ``not`` · comparisons (``< <= > >= == !=`` and the words ``is``,
``is not``, ``below``, ``above``, ``at least``, ``at most``; they chain) · ``+ -`` · ``* / // % mod`` · sign ·
``**`` · numbers, names, ``yes no true false``, parentheses and the functions of :data:`FUNCTIONS`.

All values are binary64; whole numbers are exact to 2**53. A truth value is 1 or 0, and any other number than 0
counts as true.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sim.model import arithmetic
from sim.model.arithmetic import Floats

MAX_TEXT: Final = 2_000
MAX_DEPTH: Final = 40

#: Functions a text may call: name -> (fewest, most) arguments.
FUNCTIONS: Final[dict[str, tuple[int, int]]] = {
    "exp": (1, 1),
    "log": (1, 1),
    "sqrt": (1, 1),
    "abs": (1, 1),
    "floor": (1, 1),
    "ceil": (1, 1),
    "min": (2, 8),
    "max": (2, 8),
    "pow": (2, 2),
    "mod": (2, 2),
    "where": (3, 3),
}


class ExpressionError(ValueError):
    """A text that is no expression, or a name without a meaning; the message holds text, place and remedy."""


@dataclass(frozen=True, slots=True)
class Number:
    """A finite constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A name not yet given a meaning."""

    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """A bound name: the number of its column (state, milestone, input or amount)."""

    index: int


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of :data:`OPERATIONS` on its arguments."""

    operation: str
    arguments: tuple[Expression, ...]


Expression = Number | Name | Column | Call
TRUE: Final = Number(1.0)
ZERO: Final = Number(0.0)

# ---------------------------------------------------------------------------------------------------- operations
Vector = Callable[..., Floats]
Scalar = Callable[..., float]


def _truth(x: Any) -> Any:
    return np.asarray(x, dtype=np.float64)


def _where(c: Floats, a: Floats, b: Floats) -> Floats:
    return np.where(c != 0, a, b)


def _mod(a: Floats, b: Floats) -> Floats:
    return a - b * np.floor(a / b)


def _floor_scalar(x: float) -> float:
    # Python's whole numbers have no -0, NumPy's floor has.
    return math.copysign(float(math.floor(x)), x) if math.isfinite(x) else x


def _ceil_scalar(x: float) -> float:
    return math.copysign(float(math.ceil(x)), x) if math.isfinite(x) else x


def _mod_scalar(a: float, b: float) -> float:
    return a - b * _floor_scalar(arithmetic.divide_scalar(a, b))


def _minimum_scalar(a: float, b: float) -> float:
    return math.nan if a != a or b != b else (a if a <= b else b)  # noqa: PLR0124 - nan is the case


def _maximum_scalar(a: float, b: float) -> float:
    return math.nan if a != a or b != b else (a if a >= b else b)  # noqa: PLR0124 - nan is the case


#: name -> (number of arguments, array form, scalar form); both forms give the same bits.
OPERATIONS: Final[dict[str, tuple[int, Vector, Scalar]]] = {
    "add": (2, lambda a, b: a + b, lambda a, b: a + b),
    "sub": (2, lambda a, b: a - b, lambda a, b: a - b),
    "mul": (2, lambda a, b: a * b, lambda a, b: a * b),
    "div": (2, lambda a, b: a / b, arithmetic.divide_scalar),
    "floordiv": (2, lambda a, b: np.floor(a / b), lambda a, b: _floor_scalar(arithmetic.divide_scalar(a, b))),
    "mod": (2, _mod, _mod_scalar),
    "pow": (2, arithmetic.power, arithmetic.power_scalar),
    "neg": (1, lambda a: -a, lambda a: -a),
    "lt": (2, lambda a, b: _truth(a < b), lambda a, b: 1.0 if a < b else 0.0),
    "le": (2, lambda a, b: _truth(a <= b), lambda a, b: 1.0 if a <= b else 0.0),
    "gt": (2, lambda a, b: _truth(a > b), lambda a, b: 1.0 if a > b else 0.0),
    "ge": (2, lambda a, b: _truth(a >= b), lambda a, b: 1.0 if a >= b else 0.0),
    "eq": (2, lambda a, b: _truth(a == b), lambda a, b: 1.0 if a == b else 0.0),
    "ne": (2, lambda a, b: _truth(a != b), lambda a, b: 1.0 if a != b else 0.0),
    "and": (2, lambda a, b: _truth((a != 0) & (b != 0)), lambda a, b: 1.0 if a != 0 and b != 0 else 0.0),
    "or": (2, lambda a, b: _truth((a != 0) | (b != 0)), lambda a, b: 1.0 if a != 0 or b != 0 else 0.0),
    "not": (1, lambda a: _truth(a == 0), lambda a: 1.0 if a == 0 else 0.0),
    "exp": (1, arithmetic.exp, arithmetic.exp_scalar),
    "log": (1, arithmetic.log, arithmetic.log_scalar),
    "sqrt": (1, np.sqrt, lambda a: math.sqrt(a) if a >= 0 else math.nan),
    "abs": (1, np.abs, abs),
    "floor": (1, np.floor, _floor_scalar),
    "ceil": (1, np.ceil, _ceil_scalar),
    "min": (2, np.minimum, _minimum_scalar),
    "max": (2, np.maximum, _maximum_scalar),
    "where": (3, _where, lambda c, a, b: a if c != 0 else b),
}

# ------------------------------------------------------------------------------------------------------- parsing
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|//|<=|>=|==|!=|[-+*/%<>(),]))"
)
_COMPARISONS: Final = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
_PRODUCTS: Final = {"*": "mul", "/": "div", "//": "floordiv", "%": "mod", "mod": "mod"}
_WORDS: Final = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "True": 1.0, "False": 0.0}


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        self.at = 0
        self.depth = 0
        if len(text) > MAX_TEXT:
            raise ExpressionError(f"expression of {len(text)} characters; at most {MAX_TEXT} are read: split it")
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                bad = text[position:].lstrip()[0]
                raise self.error(f"unexpected character {bad!r}", len(text) - len(text[position:].lstrip()))
            self.tokens.append((match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup)))
            position = match.end()

    def error(self, why: str, position: int | None = None) -> ExpressionError:
        if position is None:
            position = self.tokens[self.at][2] if self.at < len(self.tokens) else len(self.text)
        return ExpressionError(f"{why} at character {position + 1} of {self.text!r}")

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead][1] if self.at + ahead < len(self.tokens) else ""

    def take(self, *words: str) -> bool:
        if all(self.peek(i) == word for i, word in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def parse(self) -> Expression:
        if not self.tokens:
            raise ExpressionError("an empty expression: write a number, a name or a condition")
        tree = self.disjunction()
        if self.at < len(self.tokens):
            raise self.error(f"unexpected {self.peek()!r}")
        return tree

    def disjunction(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"more than {MAX_DEPTH} levels of nesting")
        tree = self.conjunction()
        while self.take("or"):
            tree = Call("or", (tree, self.conjunction()))
        self.depth -= 1
        return tree

    def conjunction(self) -> Expression:
        tree = self.negation()
        while self.take("and"):
            tree = Call("and", (tree, self.negation()))
        return tree

    def negation(self) -> Expression:
        count = 0
        while self.take("not"):
            count += 1
        tree = self.comparison()
        for _ in range(count):
            tree = Call("not", (tree,))
        return tree

    def relation(self) -> str | None:
        word = self.peek()
        if word in _COMPARISONS:
            self.at += 1
            return _COMPARISONS[word]
        for words, name in (
            (("is", "not"), "ne"),
            (("is",), "eq"),
            (("below",), "lt"),
            (("above",), "gt"),
            (("at", "least"), "ge"),
            (("at", "most"), "le"),
        ):
            if self.take(*words):
                return name
        return None

    def comparison(self) -> Expression:
        left = self.sum()
        links: list[Expression] = []
        while (relation := self.relation()) is not None:
            right = self.sum()
            links.append(Call(relation, (left, right)))
            left = right
        if not links:
            return left
        tree = links[0]
        for link in links[1:]:
            tree = Call("and", (tree, link))
        return tree

    def sum(self) -> Expression:
        tree = self.product()
        while (sign := self.peek()) in ("+", "-"):
            self.at += 1
            tree = Call("add" if sign == "+" else "sub", (tree, self.product()))
        return tree

    def product(self) -> Expression:
        tree = self.signed()
        while (sign := self.peek()) in _PRODUCTS:
            self.at += 1
            tree = Call(_PRODUCTS[sign], (tree, self.signed()))
        return tree

    def signed(self) -> Expression:
        signs = 0
        while (sign := self.peek()) in ("+", "-"):
            self.at += 1
            signs += sign == "-"
        tree = self.raised()
        if signs % 2:
            return Number(-tree.value) if isinstance(tree, Number) else Call("neg", (tree,))
        return tree

    def raised(self) -> Expression:
        base = self.atom()
        if self.take("**"):
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise self.error(f"more than {MAX_DEPTH} levels of nesting")
            base = Call("pow", (base, self.signed()))
            self.depth -= 1
        return base

    def atom(self) -> Expression:
        if self.at >= len(self.tokens):
            raise self.error("something is missing")
        kind, word, position = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            value = float(word)
            if not math.isfinite(value):
                raise self.error(f"the number {word} is too large", position)
            return Number(value)
        if word == "(":
            tree = self.disjunction()
            if not self.take(")"):
                raise self.error("a closing parenthesis is missing")
            return tree
        if kind == "name" and self.peek() == "(":
            return self.call(word, position)
        if kind == "name" and word not in ("and", "or", "not", "is"):
            return Name(word)
        raise self.error(f"unexpected {word!r}", position)

    def call(self, word: str, position: int) -> Expression:
        if word not in FUNCTIONS:
            raise self.error(f"unknown function {word!r}{nearest(word, FUNCTIONS)}", position)
        self.at += 1
        arguments = [self.disjunction()]
        while self.take(","):
            arguments.append(self.disjunction())
        if not self.take(")"):
            raise self.error("a closing parenthesis is missing")
        fewest, most = FUNCTIONS[word]
        if not fewest <= len(arguments) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise self.error(f"{word} takes {wanted} arguments, not {len(arguments)}", position)
        if word in ("min", "max"):
            tree = arguments[0]
            for argument in arguments[1:]:
                tree = Call(word, (tree, argument))
            return tree
        return Call(word, tuple(arguments))


def nearest(word: str, known: Iterable[str]) -> str:
    """``" (did you mean 'x'?)"`` for the known word most like ``word``, else the empty string."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {match[0]!r}?)" if match else ""


def parse(text: str) -> Expression:
    """Tree of a text. Raises :class:`ExpressionError` with the place of the first fault."""
    return _Parser(text).parse()


# ------------------------------------------------------------------------------------------------ trees and names
def names(tree: Expression) -> set[str]:
    """Names that occur in a tree and are not bound yet."""
    if isinstance(tree, Name):
        return {tree.name}
    if isinstance(tree, Call):
        return set().union(*(names(argument) for argument in tree.arguments))
    return set()


def columns(tree: Expression) -> set[int]:
    """Columns a bound tree reads."""
    if isinstance(tree, Column):
        return {tree.index}
    if isinstance(tree, Call):
        return set().union(*(columns(argument) for argument in tree.arguments))
    return set()


def bind(
    tree: Expression, meanings: Mapping[str, Expression], levels: Mapping[str, Sequence[str]] | None = None
) -> Expression:
    """Replace names by their meanings and fold constants.

    ``levels`` gives the words that stand for the values 0, 1, … of a variable; they are understood in a
    comparison with that variable (``talks is open``), before any other meaning of the word.

    Raises ExpressionError for a name without a meaning.
    """
    levels = levels or {}
    if isinstance(tree, Name):
        if tree.name in meanings:
            return meanings[tree.name]
        if tree.name in _WORDS:
            return Number(_WORDS[tree.name])
        known = [*meanings, *_WORDS]
        raise ExpressionError(f"unknown name {tree.name!r}{nearest(tree.name, known)}")
    if not isinstance(tree, Call):
        return tree
    arguments = tree.arguments
    if tree.operation in ("lt", "le", "gt", "ge", "eq", "ne"):
        arguments = _bind_levels(arguments, levels)
    return fold(Call(tree.operation, tuple(bind(argument, meanings, levels) for argument in arguments)))


def _bind_levels(pair: tuple[Expression, ...], levels: Mapping[str, Sequence[str]]) -> tuple[Expression, ...]:
    for variable, word in (pair, pair[::-1]):
        if isinstance(variable, Name) and variable.name in levels and isinstance(word, Name):
            words = levels[variable.name]
            if word.name in words:
                number = Number(float(words.index(word.name)))
                return (variable, number) if variable is pair[0] else (number, variable)
            if word.name not in levels:
                known = ", ".join(words)
                raise ExpressionError(
                    f"{word.name!r} is no level of {variable.name!r}{nearest(word.name, words)}; its levels are {known}"
                )
    return pair


def fold(call: Call) -> Expression:
    """The constant a call amounts to when all its arguments are constants, else the call."""
    values = [a.value for a in call.arguments if isinstance(a, Number)]
    if len(values) < len(call.arguments):
        return call
    value = OPERATIONS[call.operation][2](*values)
    return Number(value) if math.isfinite(value) else call


def is_whole(tree: Expression, whole_columns: Callable[[int], bool]) -> bool:
    """Whether a bound tree is certain to give whole numbers (state is whole; inputs and amounts may not be)."""
    if isinstance(tree, Number):
        return tree.value == math.floor(tree.value)
    if isinstance(tree, Column):
        return whole_columns(tree.index)
    assert isinstance(tree, Call)
    if tree.operation in (
        "lt",
        "le",
        "gt",
        "ge",
        "eq",
        "ne",
        "and",
        "or",
        "not",
        "floor",
        "ceil",
        "floordiv",
    ):
        return True
    if tree.operation == "pow":
        base, exponent = tree.arguments
        return is_whole(base, whole_columns) and isinstance(exponent, Number) and exponent.value in range(65)
    if tree.operation in ("add", "sub", "mul", "neg", "abs", "min", "max", "mod"):
        return all(is_whole(argument, whole_columns) for argument in tree.arguments)
    if tree.operation == "where":
        return all(is_whole(argument, whole_columns) for argument in tree.arguments[1:])
    return False


def product(factors: Sequence[Expression]) -> Expression:
    """Product of factors from left to right; 1 for none."""
    if not factors:
        return TRUE
    tree = factors[0]
    for factor in factors[1:]:
        tree = fold(Call("mul", (tree, factor)))
    return tree


# ---------------------------------------------------------------------------------------------- postfix programs
@dataclass(frozen=True, slots=True)
class Program:
    """A postfix program: ``("number", x)``, ``("column", i)`` or ``(operation, 0)`` per step; ``reads`` in order."""

    code: tuple[tuple[str, float], ...]
    reads: tuple[int, ...]

    @property
    def constant(self) -> float | None:
        """The value of a program that is a single number."""
        return self.code[0][1] if len(self.code) == 1 and self.code[0][0] == "number" else None


def compile_program(tree: Expression) -> Program:
    """Postfix program of a bound tree."""
    code: list[tuple[str, float]] = []

    def emit(node: Expression) -> None:
        if isinstance(node, Number):
            code.append(("number", node.value))
        elif isinstance(node, Column):
            code.append(("column", node.index))
        elif isinstance(node, Call):
            for argument in node.arguments:
                emit(argument)
            code.append((node.operation, 0))
        else:
            raise ExpressionError(f"the name {node.name!r} has no meaning yet")

    emit(tree)
    return Program(tuple(code), tuple(sorted(columns(tree))))


#: Per step the operation with the number of its operands, or none with a column (as 1) or a constant (as 0).
Steps = tuple[tuple[Vector | None, int, Any], ...]


def steps_of(program: Program) -> Steps:
    """The steps of a program taken apart, for who follows them thousands of times."""
    found: list[tuple[Vector | None, int, Any]] = []
    for operation, argument in program.code:
        if operation == "number":
            found.append((None, 0, np.float64(argument)))
        elif operation == "column":
            found.append((None, 1, int(argument)))
        else:
            count, vector, _ = OPERATIONS[operation]
            found.append((vector, count, None))
    return tuple(found)


def follow_steps(steps: Steps, column: Callable[[int], Any]) -> Floats:
    """Value of the steps, as :func:`evaluate` gives it; warnings of NumPy are left to the caller."""
    stack: list[Any] = []
    for vector, count, argument in steps:
        if vector is None:
            stack.append(column(argument) if count else argument)
        elif count == 2:
            last = stack.pop()
            stack[-1] = vector(stack[-1], last)
        else:
            operands = stack[-count:]
            del stack[-count:]
            stack.append(vector(*operands))
    return np.asarray(stack[0], dtype=np.float64)


def evaluate(program: Program, column: Callable[[int], Any]) -> Floats:
    """Value of a program over arrays; ``column(i)`` gives column i, and shapes broadcast."""
    with np.errstate(all="ignore"):
        return follow_steps(steps_of(program), column)


def evaluate_scalar(program: Program, values: Sequence[float] | Mapping[int, float]) -> float:
    """Value of a program over numbers: the bits of :func:`evaluate`."""
    stack: list[float] = []
    for operation, argument in program.code:
        if operation == "number":
            stack.append(argument)
        elif operation == "column":
            stack.append(values[int(argument)])
        else:
            count, _, scalar = OPERATIONS[operation]
            if count == 2:
                b = stack.pop()
                stack[-1] = scalar(stack[-1], b)
            elif count == 1:
                stack[-1] = scalar(stack[-1])
            else:
                operands = stack[-count:]
                del stack[-count:]
                stack.append(scalar(*operands))
    return float(stack[0])
