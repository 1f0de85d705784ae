"""Notebooks run without Jupyter: cell after cell, with what a notebook would show of the last line of each."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def played(path: Path) -> Iterator[tuple[str, Any]]:
    """Run the code cells of a notebook in one namespace; each gives its source and the value of its last expression.

    A last line that ends with a semicolon shows nothing, as in Jupyter.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    for place, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        where = f"{path.name}, cell {place}"
        exec(compile(tree, where, "exec"), names)
        value = None
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), where, "eval"), names)
        yield source, None if source.rstrip().endswith(";") else value
