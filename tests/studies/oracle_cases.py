"""Oracle cases written as files, and what a verification says of them."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sim.studies import verify

SIMULATED = ("lockstep", "reference")
EVERYTHING = ("lockstep", "reference", "exact")
#: Chance that nothing of rate 1 happens in a day.
NONE_BY_1 = math.exp(-1)


def transition(
    name: str, clock: Any, guard: Any = True, update: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A transition; a clock given as text or number is a rate."""
    written = clock if isinstance(clock, dict) else {"kind": "exponential", "rate": clock}
    return {"name": name, "guard": guard, "clock": written, "update": update or {}, **more}


def delay(dist: str, memory: str | None = None, **params: Any) -> dict[str, Any]:
    return {"kind": "dist", "dist": dist, "params": params, **({"memory": memory} if memory else {})}


def query(kind: str, value: float | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": f"{kind} {' '.join(map(str, fields.values()))}"[:60], "kind": kind, "value": value, **fields}


def write(folder: Path, case: dict[str, Any], name: str = "case") -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"id": name, "format": "oracle-neutral/1", **case}), encoding="utf-8")
    return path


def outcome(paths: Path | Sequence[Path], n: int = 4_000, engines: Sequence[str] = EVERYTHING, n_reference: int = 300,
            **more: Any) -> tuple[int, list[str]]:  # fmt: skip
    """Exit code and lines of a verification."""
    lines: list[str] = []
    listed = [paths] if isinstance(paths, Path) else list(paths)
    code = verify.run(listed, n, engines, reference_replications=n_reference, out=lines.append, **more)
    return code, lines


def check(folder: Path, case: dict[str, Any], passed: int | None = None, **settings: Any) -> list[str]:
    """The case must pass, with nothing unsupported."""
    code, lines = outcome(write(folder, case), **settings)
    text = "\n".join(lines)
    assert code == 0, text
    assert lines[-1].endswith(" passed, 0 failed, 0 unsupported"), text
    if passed is not None:
        assert lines[-1].startswith(f"{passed} passed"), text
    return lines


# -------------------------------------------------------------------------------------------- features, by exact value
def switch(up: float = 2.0) -> dict[str, Any]:
    """On at rate 2, off at rate 3; what is expected over 10 days is in the closed forms of the two-state chain."""
    on = 0.4 * (10 - (1 - math.exp(-50)) / 5)
    return {
        "variables": {"x": {"init": 0, "min": 0, "max": 1}},
        "transitions": [
            transition("on", up, "x == 0", {"x": "1"}, action="move"),
            transition("off", "3.0", "x", {"x": "x - 1"}, action="move"),
            transition("look", "0.5 + 0 * x"),
        ],
        "queries": [
            query("time_integral_mean", on, expr="x", to=10),
            query(
                "event_count_mean",
                0.5 * (2 * (10 - on) + 3 * on) + 0.25 * 5,
                weights={"move": 0.5, "look": 0.25},
                to=10,
            ),
            query("mean_integral_until", 0.5, expr="1 + 7 * x", target="x == 1"),
            query("prob_reach", 0.8, target="x == 1", avoid_not="True"),
            query("steady_mean", 0.4, expr="x"),
            query("steady_event_rate", 2.4 + 1.0, weights={"move": 1, "look": 2}),
        ],
    }


def course_free() -> dict[str, Any]:
    return {
        "variables": {"n": {"init": 0}},
        "transitions": [transition("tick", 1, update={"n": "n + 1"})],
        "queries": [query("prob_at", NONE_BY_1, target="n == 0", at=1)],
    }
