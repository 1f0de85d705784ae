"""What the README shows is what happens: its console blocks are run in order, in one folder, and compared.

In a block, a line that begins with ``$ `` is a command, and what follows is what it prints (standard output and
standard error). ``…`` alone on a line stands for any lines, within a line for any text.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(text: str, language: str) -> list[str]:
    return [body for found, body in FENCE.findall(text) if found == language]


def steps(block: str) -> list[tuple[str, str]]:
    """Commands of a console block, each with what it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line.rstrip())
    return [(command, "\n".join(lines)) for command, lines in found]


def says(expected: str, printed: str) -> bool:
    """Whether what was printed is what was expected, up to the gaps."""
    pattern = re.escape(expected.strip()).replace(r"\…", "…")
    pattern = re.sub(r"(?m)^…$\n?", "(?:.*\n)*?", pattern.replace("\\\n", "\n"))
    pattern = pattern.replace("…", "[^\n]*")
    lines = "\n".join(line.rstrip() for line in printed.strip().splitlines()) + "\n"
    return re.fullmatch(pattern + r"\n*", lines) is not None


def run(command: str, folder: Path) -> str:
    home = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{home}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "130"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False, timeout=240,
    )  # fmt: skip
    return done.stdout


def test_a_gap_stands_for_anything_and_the_rest_must_agree() -> None:
    printed = "first 1\nsecond 2\nthird 3\n"
    assert says("first 1\nsecond 2\nthird 3", printed)
    assert says("first …\n…\nthird 3", printed)
    assert says("…\nthird 3", printed)
    assert says("first 1\n…", printed)
    assert not says("first 1\nsecond 2", printed)
    assert not says("first 2\n…", printed)
    assert not says("…\nsecond 3\n…", printed)


@pytest.mark.timeout(600)
def test_tutorial(tmp_path: Path) -> None:
    shown = [step for block in blocks(README.read_text(encoding="utf-8"), "console") for step in steps(block)]
    assert len(shown) >= 8
    for command, expected in shown:
        printed = run(command, tmp_path)
        assert says(expected, printed), f"$ {command}\n{printed}\n--- the README says\n{expected}"


def test_python_examples(tmp_path: Path) -> None:
    found = blocks(README.read_text(encoding="utf-8"), "python")
    assert found
    for code in found:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, text=True, capture_output=True, check=False, timeout=240
        )
        assert done.returncode == 0, f"{code}\n{done.stderr}"
