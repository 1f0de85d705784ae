"""The verdict on all oracle cases together: wrong engines that only the whole gives away, and how rare it is."""

import json
import math
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.engines import lockstep
from sim.engines.interface import Plan, Rows
from sim.model.compiled import Model
from sim.model.expressions import Number
from sim.studies import verify
from sim.studies.oracles import scores
from sim.studies.oracles.cases import Query
from sim.studies.oracles.questions import Expected, Part, Question
from sim.studies.oracles.tally import Judged
from sim.studies.oracles.verdict import Collected, chosen, seeds_from
from tests.studies.oracle_cases import NONE_BY_1, course_free, outcome, query, switch, transition, write

CASES, SEEDS, HISTORIES = 30, 10, 400


def many(folder: Path, kind: str = "prob_at", shift: float = 0.0) -> Path:
    """Cases that count events of rate 1; each has the exact value, or one that lies ``shift`` standard errors off."""
    for i in range(CASES):
        off = shift * math.sqrt(NONE_BY_1 * (1 - NONE_BY_1) / HISTORIES)
        asked = {
            "prob_at": query("prob_at", NONE_BY_1 + off, target="n == 0", at=1),
            "mean_at": query("mean_at", 1.0, expr="n", at=1),
        }[kind]
        case = {
            "variables": {"n": {"init": 0}},
            "transitions": [transition("tick", 1, update={"n": "n + 1"})],
            "queries": [asked],
        }
        write(folder, case, f"case_{i}")
    return folder


def as_a_whole(folder: Path) -> tuple[int, str, str]:
    """Exit code, the line about the whole, and the last line."""
    code, lines = outcome(folder, n=HISTORIES, engines=["lockstep"], compare_tables=False, seeds=seeds_from(7, SEEDS))
    return code, lines[-2], lines[-1]


def engine(monkeypatch: pytest.MonkeyPatch, simulate: Callable[[Model, Plan], Rows]) -> None:
    """Put another engine in the place of the lockstep engine."""
    monkeypatch.setitem(scores.SIMULATORS, "lockstep", simulate)


@pytest.mark.parametrize("kind", ["prob_at", "mean_at"])
def test_the_right_engine_is_right_as_a_whole(tmp_path: Path, kind: str) -> None:
    """Each of three checks raises a false alarm once in a million; with these seeds none does."""
    code, line, last = as_a_whole(many(tmp_path, kind))
    assert code == 0, line
    assert f"{CASES * SEEDS} independent z's ({CASES} cases, {SEEDS} seeds)" in line
    assert line.endswith(": passed")
    assert last == f"{CASES * SEEDS + 1} passed, 0 failed, 0 unsupported"


def test_streams_used_twice_fail_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, lambda model, plan: lockstep.simulate(model, replace(plan, histories=plan.histories // 2)))
    code, line, last = as_a_whole(many(tmp_path))
    assert code == 1
    assert line.endswith(": FAILED")
    assert last == f"{CASES * SEEDS} passed, 1 failed, 0 unsupported", "each number on its own still passes"


def test_histories_that_balance_each_other_fail_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def balanced(model: Model, plan: Plan) -> Rows:
        rows = lockstep.simulate(model, plan)
        most = 9 * plan.size // 10 // 2 * 2
        rows.observed[:, :, 1:most:2] = 2 - rows.observed[:, :, 0:most:2]
        return rows

    engine(monkeypatch, balanced)
    code, line, last = as_a_whole(many(tmp_path, "mean_at"))
    assert (code, last) == (1, f"{CASES * SEEDS} passed, 1 failed, 0 unsupported"), line
    squares, low = (float(found) for found in re.search(r"squares ([\d.]+) in ([\d.]+)", line).groups())  # type: ignore[union-attr]
    assert squares < low, "too small a spread is no better than too large a one"


def test_a_common_shift_fails_as_a_whole(tmp_path: Path) -> None:
    code, line, last = as_a_whole(many(tmp_path, shift=0.6))
    assert (code, last) == (1, f"{CASES * SEEDS} passed, 1 failed, 0 unsupported"), line


def test_an_engine_that_takes_no_notice_of_its_seed_fails_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def same_for_all_seeds(model: Model, plan: Plan) -> Rows:
        return lockstep.simulate(model, replace(plan, seed=zlib.crc32(model.name.encode())))

    engine(monkeypatch, same_for_all_seeds)
    code, line, last = as_a_whole(many(tmp_path))
    assert (code, last) == (1, f"{CASES * SEEDS} passed, 1 failed, 0 unsupported"), line
    assert float(re.search(r"correlation of seeds up to ([\d.]+)", line).group(1)) > 0.9  # type: ignore[union-attr]


def test_a_few_cases_are_not_judged_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path, switch(), "one")
    write(tmp_path, course_free(), "two")
    code, lines = outcome(tmp_path, engines=["lockstep"], seeds=[1, 2], compare_tables=False)
    assert "as a whole: fewer than 20 independent z's, not judged" in "\n".join(lines)
    assert all("seed " in line for line in lines if "prob_at" in line)
    assert code == 1, "switch() asks for a wrong chance"


def test_the_verdicts_of_the_whole_are_as_rare_as_they_say() -> None:
    """p-values of normal z's: 1,000 sets of 4 seeds and 25 cases; five standard errors of a share of .05 are .034."""
    rng = np.random.default_rng(11)
    right = Judged(Expected("", "mean", 0.0), 0.0, 1_000)
    found = []
    for _ in range(1_000):
        collected = Collected()
        for seed in range(4):
            for case in range(25):
                collected.add("lockstep", seed, str(case), replace(right, z=float(rng.standard_normal()), p=0.5))
        found.append(collected.whole("lockstep"))
    assert all(each.verdict == "passed" for each in found)
    alike = [each.alike.p for each in found if each.alike is not None]
    assert len(alike) == 1_000
    assert abs(np.mean(np.array(alike) < 0.05) - 0.05) < 0.034


def question_of(kind: str, value: float, **fields: Any) -> Question:
    statistic: Any = "prob" if kind.startswith("prob") else "mean"
    form: Any = "steady" if kind.startswith("steady") else "at"
    sd = fields.pop("sd", None)
    expected = tuple(Expected("", statistic, value, sd=each) for each in (sd if isinstance(sd, list) else [sd]))
    return Question(Query(f"{kind} {value:g}", kind, fields), form, (Part(Number(1.0), 1.0, expected),))


def test_the_number_that_stands_for_a_case_is_fixed_beforehand() -> None:
    rare, even = question_of("prob_at", 1e-3), question_of("prob_at", 0.5)
    mean, course = question_of("mean_at", 2.0), question_of("mean_at", 3.0, sd=[1.0, 2.0, 0.0])
    long = question_of("steady_mean", 4.0)
    assert chosen([long, mean, rare, even], 1_000) == ("prob_at 0.5", 0)
    assert chosen([long, rare, mean], 1_000) == ("mean_at 2", 0)
    assert chosen([long, rare, mean], 100_000) == ("prob_at 0.001", 0)
    assert chosen([mean, course], 1_000) == ("mean_at 3", 1)
    assert chosen([long, rare], 1_000) == ("steady_mean 4", 0)
    assert chosen([rare], 1_000) is None


def test_everything_is_written_as_json(tmp_path: Path) -> None:
    folder = tmp_path / "cases"
    folder.mkdir()
    code, _ = outcome(many(folder), n=HISTORIES, engines=["lockstep"], json_file=tmp_path / "out" / "verify.json")
    written = json.loads((tmp_path / "out" / "verify.json").read_text())
    assert code == 0
    assert written["together"]["lockstep"]["verdict"] == "passed"
    assert len(written["z"]["lockstep"][str(verify.SEED)]) == CASES == written["together"]["lockstep"]["z"]
    squares = sum(z * z for z in written["z"]["lockstep"][str(verify.SEED)].values())
    assert squares == pytest.approx(written["together"]["lockstep"]["sum_of_squares"])
    assert (written["passed"], written["failed"]) == (2 * CASES + 1, 0)
    assert sum(row["query"] == "tables" for row in written["rows"]) == CASES
