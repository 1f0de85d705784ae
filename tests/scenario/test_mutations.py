"""Files bent at random: whatever they hold, they are read or refused in words, and soon."""

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.scenario.build import build
from sim.scenario.problems import KeyPath, ScenarioError
from sim.scenario.reading import read_bytes
from sim.scenario.source import Source
from tests.scenario.mini import MINI

RIVALS = (Path(__file__).parents[2] / "conf" / "scenario" / "two_rivals.yaml").read_text(encoding="utf-8")
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, -0.0, 2**53, 10**400, 1e308, 5e-324, float("nan"), float("inf")),
    *("", " ", "yes", "no", "off", "1 per d", "0 per d", "5 d", "1e300 per h", "5e-324 per yr", "-5 d", "2025-11-17"),
    *("0001-01-01", "9999-12-31", "x", "a.b", "(" * 50, "not " * 200, "1/0", "0**-1", "exp(1e9)", "log(0)", "talks is"),
    *("1 2", "\u202e", "\0", "\ud800", "\u0663", "a" * 3000, "_target_", "${x}", "???", "+1", "+", "+x capped", "each"),
    *(
        [],
        {},
        [[]],
        [{}],
        {"": 1},
        {"x": {}},
        {1: 2},
        {"value": 1},
        {"uniform": [1, 2]},
        {"uniform": ["1 d", "1e308 d"]},
    ),
    *({"lognormal": {"median": 1, "sigma": 50}}, {"gamma": {"shape": 1e-300, "mean": 1}}, {"beta": [1e-9, 1e9]}),
    *(
        {"weibull": {"shape": 1e-5, "scale": 1}},
        {"poisson": {"mean": 1e18}},
        {"choice": {10**15: 1}},
        {"drawn": {"x": 1}},
    ),
    *({"each above x": 2}, {"per doubling from 0.001": 1e200}, {"set": 1, "add": 2}, {"half_life": "1e-300 d"}),
)
NAMES = ("x", "a.b", "X", 5, "min", "from", "value", "basis", "\u00e9", "talks is", "")


def paths(data: Any, at: KeyPath = ()) -> Iterator[KeyPath]:
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*at, key)
        yield from paths(value, (*at, key))


def bent(data: Any, rng: random.Random) -> tuple[str, KeyPath]:
    """Bend one place, in place; says which and how."""
    everywhere = list(paths(data))
    path, other = rng.choice(everywhere), rng.choice(everywhere)
    *above, key = path
    parent, twin = data, data
    for part in above:
        parent = parent[part]
    for part in other:
        twin = twin[part]
    how = rng.choice(("drop", "rename", "odd", "odd", "odd", "swap", "wrap", "again"))
    if how == "drop":
        del parent[key]
    elif how == "rename" and isinstance(parent, dict):
        parent[rng.choice(NAMES)] = parent.pop(key)
    elif how == "swap":
        parent[key] = copy.deepcopy(twin)
    elif how == "wrap":
        parent[key] = rng.choice(([parent[key]], {"value": parent[key]}, str(parent[key])))
    elif how == "again" and isinstance(parent, dict):
        parent[f"{key}2"] = copy.deepcopy(parent[key])
    else:
        parent[key] = copy.deepcopy(rng.choice(ODD))
    return how, path


@pytest.mark.parametrize("text", [MINI, RIVALS], ids=["mini", "two_rivals"])
def test_any_bent_data_are_built_or_refused(text: str) -> None:
    whole = read_bytes(text.encode(), "whole.txt")
    rng, refusals = random.Random(20251122), 0
    for _ in range(300):
        data = copy.deepcopy(whole.data)
        what = [bent(data, rng) for _ in range(rng.choice((1, 1, 2)))]
        try:
            build(data, source=Source.of(whole) if rng.random() < 0.5 else None)
        except ScenarioError as error:
            refusals += bool(str(error))
        except Exception as error:
            raise AssertionError(what) from error
    assert refusals > 150  # most of them are faults, and found to be


def test_any_bent_text_is_read_or_refused_with_a_place() -> None:
    rng = random.Random(7)
    lines = MINI.splitlines(keepends=True)
    signs = [*"{}[]:,-#&*!|>'\"%@` \t\n\0\u202e\ufeff", "${x}", "<<: ", "---\n", "...\n", "? ", "1e999"]
    for _ in range(400):
        bent_lines = list(lines)
        for _ in range(rng.choice((1, 1, 3))):
            i = rng.randrange(len(bent_lines))
            line = bent_lines[i]
            at = rng.randrange(len(line) + 1)
            bent_lines[i] = rng.choice(
                ("", line + line, line[:at] + rng.choice(signs) + line[at:], line[:at], " " + line)
            )
        text = "".join(bent_lines)
        found = refusal(text)
        if found is not None:
            assert all(problem.file in ("bent.txt", "command line") for problem in found.problems), text
            assert len(str(found).splitlines()) <= 21


def refusal(text: str) -> ScenarioError | None:
    """What is wrong with a text, if anything is."""
    try:
        found = read_bytes(text.encode("utf-8", "surrogatepass"), "bent.txt")
        build(found.data, source=Source.of(found))
    except ScenarioError as error:
        return error
    return None
