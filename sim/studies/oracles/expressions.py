"""Expressions of oracle files: a subset of Python's arithmetic, translated to our trees and never executed.

Python's own parser builds the syntax tree; every node outside the subset is refused. Names are replaced before, so
that a variable may be called ``is`` or ``in``. Python's meaning is kept: comparisons chain, ``a and b`` as a number
is one of its operands, ``-`` binds looser than ``**``.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from sim.model.expressions import FUNCTIONS, Call, Expression, Name, Number, fold, nearest

MAX_TEXT: Final = 50_000
MAX_DEPTH: Final = 150
_WORDS: Final = {"and", "or", "not", "True", "False", "if", "else"}
_TRUTHS: Final = {"true": "True", "false": "False"}
_TOKEN: Final = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[^\W\d]\w*|\s+|.", re.DOTALL)
_BINARY: Final[dict[type[ast.operator], str]] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
}
_COMPARE: Final[dict[type[ast.cmpop], str]] = {
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip
_BOOLEAN: Final = {"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"}


class Unsupported(Exception):  # noqa: N818 - a verdict about a case or query, not a fault of the program
    """Something this importer does not cover; the message is the reason shown to the reader."""


Meaning = Callable[[str], Expression]


def translate(text: object, meaning: Meaning, *, truth: bool = False) -> Expression:
    """Tree of an expression given as text, number or truth value; ``meaning`` gives the tree of each name.

    ``truth``: only whether the value is 0 matters. Raises Unsupported with the reason.
    """
    if isinstance(text, bool | int | float):
        return _number(text)
    if not isinstance(text, str):
        raise Unsupported(f"{text!r} is no expression")
    if len(text) > MAX_TEXT:
        raise Unsupported(f"an expression of {len(text)} characters; at most {MAX_TEXT} are read")
    names: dict[str, str] = {}
    code = _with_safe_names(text, names)
    try:
        tree = ast.parse(code.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        why = getattr(error, "msg", None) or type(error).__name__
        raise Unsupported(f"{_short(text)} is no expression ({why})") from None
    return _Translation(text, names, meaning).tree(tree, 0, truth=truth)


def constant(text: object, meaning: Meaning, what: str) -> float:
    """Value of an expression without variables. Raises Unsupported when it has any, or is no finite number."""
    tree = translate(text, meaning)
    if not isinstance(tree, Number):
        raise Unsupported(f"{what} {_short(str(text))} is no constant")
    return tree.value


def unknown(name: str, known: Mapping[str, object]) -> Unsupported:
    """The error for a name nobody declared."""
    return Unsupported(f"unknown name {name!r}{nearest(name, known)}")


def _with_safe_names(text: str, names: dict[str, str]) -> str:
    parts = _TOKEN.findall(text)
    for i, part in enumerate(parts):
        if not re.match(r"[^\W\d]", part) or part in _WORDS:
            continue
        following = next((p for p in parts[i + 1 :] if p.strip()), "")
        if following == "(":
            continue
        safe = f"_{len(names)}"
        names[safe] = part
        parts[i] = f" {safe} "  # so that 2x stays the fault that it is
    return "".join(parts)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _number(value: float) -> Number:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Unsupported("a number is infinite, undefined or too large")
    return Number(number)


class _Translation:
    def __init__(self, text: str, names: dict[str, str], meaning: Meaning) -> None:
        self.text, self.names, self.meaning = text, names, meaning

    def refuse(self, why: str) -> Unsupported:
        return Unsupported(f"{why} in {_short(self.text)}")

    def tree(self, node: ast.expr, depth: int, *, truth: bool = False) -> Expression:
        if depth > MAX_DEPTH:
            raise self.refuse(f"more than {MAX_DEPTH} levels")
        depth += 1
        if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            return _number(node.value)
        if isinstance(node, ast.Name):
            return self.name(self.names[node.id])
        if isinstance(node, ast.BoolOp):
            return self.boolean(node, depth, truth=truth)
        if isinstance(node, ast.UnaryOp):
            return self.unary(node, depth)
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return fold(Call(_BINARY[type(node.op)], (self.tree(node.left, depth), self.tree(node.right, depth))))
        if isinstance(node, ast.Compare):
            return self.compare(node, depth)
        if isinstance(node, ast.IfExp):
            test = self.tree(node.test, depth, truth=True)
            return fold(Call("where", (test, self.tree(node.body, depth), self.tree(node.orelse, depth))))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self.call(node.func.id, [self.tree(a, depth) for a in node.args])
        raise self.refuse(f"{type(node).__name__} is not part of the arithmetic")

    def name(self, name: str) -> Expression:
        try:
            return self.meaning(name)
        except Unsupported:
            if name in _TRUTHS:
                return Number(float(name == "true"))
            raise

    def boolean(self, node: ast.BoolOp, depth: int, *, truth: bool) -> Expression:
        both = isinstance(node.op, ast.And)
        parts = [self.tree(value, depth, truth=truth) for value in node.values]
        tree = parts[-1]
        for part in reversed(parts[:-1]):
            if truth or (_boolean(part) and _boolean(tree)):
                tree = fold(Call("and" if both else "or", (part, tree)))
            else:
                tree = fold(Call("where", (part, tree, part) if both else (part, part, tree)))
        return tree

    def unary(self, node: ast.UnaryOp, depth: int) -> Expression:
        if isinstance(node.op, ast.Not):
            return fold(Call("not", (self.tree(node.operand, depth, truth=True),)))
        tree = self.tree(node.operand, depth)
        if isinstance(node.op, ast.USub):
            return Number(-tree.value) if isinstance(tree, Number) else Call("neg", (tree,))
        if isinstance(node.op, ast.UAdd):
            return tree
        raise self.refuse("~ is not part of the arithmetic")

    def compare(self, node: ast.Compare, depth: int) -> Expression:
        sides = [self.tree(side, depth) for side in (node.left, *node.comparators)]
        links: list[Expression] = []
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            if type(operator) not in _COMPARE:
                raise self.refuse(f"{type(operator).__name__} is not part of the arithmetic")
            links.append(fold(Call(_COMPARE[type(operator)], (left, right))))
        tree = links[0]
        for link in links[1:]:
            tree = fold(Call("and", (tree, link)))
        return tree

    def call(self, function: str, arguments: list[Expression]) -> Expression:
        if function == "log" and len(arguments) == 2:
            return fold(Call("div", tuple(fold(Call("log", (a,))) for a in arguments)))
        if function not in FUNCTIONS:
            raise self.refuse(f"unknown function {function!r}{nearest(function, FUNCTIONS)}")
        fewest, most = FUNCTIONS[function]
        if function in ("min", "max"):
            most = MAX_DEPTH
        if not fewest <= len(arguments) <= most:
            raise self.refuse(f"{function} of {len(arguments)} arguments")
        if function in ("min", "max"):
            tree = arguments[0]
            for argument in arguments[1:]:
                tree = fold(Call(function, (tree, argument)))
            return tree
        return fold(Call(function, tuple(arguments)))


def _boolean(tree: Expression) -> bool:
    """Whether a tree gives 0 or 1."""
    if isinstance(tree, Number):
        return tree.value in (0.0, 1.0)
    return isinstance(tree, Call) and tree.operation in _BOOLEAN


def names_of(tree: Expression) -> set[str]:
    """Names a translated tree reads."""
    if isinstance(tree, Name):
        return {tree.name}
    return set().union(*(names_of(a) for a in tree.arguments)) if isinstance(tree, Call) else set()
