"""The study behind ``study=verify``: exact oracle cases through the engines, with a verdict for every number.

Each case is read, simulated by the engines asked for, and solved by the exact engine. A simulated number fails when its
two-sided p-value is below the Sidak limit that makes one false alarm in the whole invocation a matter of one in a
million (all tabulated points are counted); a solved one fails beyond a relative 1e-8. A chance that plain histories
would hardly ever see is estimated by splitting, too, where a number of the state has to rise to a value.

Beside the numbers three things must be equal to the last bit: histories by tables and by expressions, by any other
engine and by the lockstep engine, and the sequence of events where a case lists it. With enough cases and seeds, their
z's are judged as a whole, too (see `sim.studies.oracles.verdict`).

How things are counted: a query once per seed and engine that judges it (a time course by its worst point), an identity
check once, the whole once per engine. Unsupported counts a file that is no supported model once, and a query once per
engine that should have judged it and could not; the exact engine is not expected to solve a model that is no Markov
chain unless it is the only one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from sim.engines import compiled
from sim.runs.store import write_json
from sim.studies.oracles.cases import find
from sim.studies.oracles.examination import Examination
from sim.studies.oracles.scores import SIMULATORS, Scores
from sim.studies.oracles.solved import Solver
from sim.studies.oracles.verdict import seeds_from
from sim.studies.order import Order, listed
from sim.studies.settings import SettingError, whole

SETTINGS: Final = ("paths", "replications", "reference_replications", "engines", "seed", "seeds", "json")
SEED: Final = 20_251_126
ENGINES: Final = ("lockstep", "reference", "compiled", "exact")
#: More seeds than anybody waits for.
MOST_SEEDS: Final = 1_000


def answer(order: Order) -> int:
    """Verify the engines with the oracle files that the study's settings name."""
    study = order.study
    limit, written = study.get("reference_replications"), study.get("json")
    if written is not None and not isinstance(written, str):
        raise SettingError(f"study.json: {written!r} is no path; give the file to write, such as verify.json")
    return run(
        [Path(path) for path in listed(study.get("paths"), "study.paths")],
        whole(study.get("replications", order.settings.replications), "study.replications"),
        listed(study.get("engines", list(ENGINES)), "study.engines"),
        seeds=_seeds(study.get("seeds", 1), whole(study.get("seed", order.settings.seed), "study.seed")),
        reference_replications=None if limit is None else whole(limit, "study.reference_replications"),
        json_file=None if written is None else Path(written),
    )


def _seeds(written: Any, seed: int) -> list[int]:
    """The seeds themselves, or how many: the first is ``seed`` then, and the others follow from it."""
    if isinstance(written, list | tuple):
        seeds = [whole(entry, "study.seeds") for entry in written]
    else:
        count = whole(written, "study.seeds")
        if not 1 <= count <= MOST_SEEDS:
            raise SettingError(f"study.seeds: {count} is outside 1 … {MOST_SEEDS:,}; a list, [7,8], gives the seeds")
        seeds = seeds_from(seed, count)
    if not seeds or len(set(seeds)) < len(seeds) or not all(0 <= entry < 2**63 for entry in seeds):
        raise SettingError(f"study.seeds: {seeds}; give a number of seeds, or different seeds of 0 … 2^63 - 1")
    return seeds


def run(  # noqa: PLR0917 - in the order of the study's settings
    paths: Sequence[Path],
    replications: int,
    engines: Sequence[str],
    seed: int = SEED,
    reference_replications: int | None = None,
    out: Callable[[str], None] = print,
    *,
    seeds: Sequence[int] | None = None,
    compare_tables: bool = True,
    json_file: Path | None = None,
) -> int:
    """Verify the engines against oracle files; returns the exit code: 1 if anything failed or nothing was judged.

    ``paths`` are files or folders (searched for ``*.json`` below them). ``reference_replications`` (default: as
    ``replications``) limits the slower reference engine. ``seeds`` (default: ``seed`` alone) are used one after the
    other on every case. Lines go to ``out``; the last one is ``N passed, M failed, K unsupported``.
    ``compare_tables=False`` leaves out the comparison of tables and expressions. ``json_file`` gets everything
    unrounded.

    Raises BadOracle (a ValueError) for a path that is not there or when no file at all can be read, ValueError for
    an unknown engine or a number of replications below 2, and ModuleNotFoundError when the compiled engine alone is
    asked for and Numba is not installed.
    """
    if not engines or not set(engines) <= set(ENGINES):
        raise ValueError(f"study.engines = {list(engines)}: choose among {', '.join(ENGINES)}")
    fewer = min(replications, reference_replications or replications)
    counts = {engine: fewer if engine == "reference" else replications for engine in SIMULATORS}
    if fewer < 2:
        raise ValueError(f"study.replications = {fewer}: at least 2 are needed")
    chosen = list(dict.fromkeys(engines))
    if "compiled" in chosen and not compiled.installed():
        if chosen == ["compiled"]:
            compiled.compiled_run()  # says what to install
        out("compiled: left out, Numba is not installed")
        chosen.remove("compiled")
    scores = Scores(chosen, counts, list(seeds or [seed]), out)
    work = [scores.prepared(path) for path in find(paths)]
    if len(scores.unreadable) == len(work):
        raise scores.unreadable[0]
    scores.begin([questions for _, questions in work])
    for imported, questions in work:
        if imported is None:
            continue
        solver = Solver(
            imported, max((q.time for q in questions if q.form in ("at", "integral", "count")), default=0.0)
        )
        for one in scores.seeds:
            Examination(scores, imported, questions, solver, one, compare_tables).everything()
    return _ended(scores, json_file)


def _ended(scores: Scores, json_file: Path | None) -> int:
    """Print what holds for all together; returns the exit code."""
    scores.out("")
    if scores.worst:
        shown = ", ".join(f"{engine} {z:.2f}" for engine, z in scores.worst.items())
        scores.out(f"largest |z| of a simulated number: {shown}")
    together = scores.together()
    nothing = scores.passed + scores.failed == 0
    if nothing:
        scores.out("nothing was judged: none of these queries is supported (the reasons are above)")
    if json_file is not None:
        sizes = {engine: scores.counts[engine] for engine in scores.simulators}
        data = {
            "format": 1, "engines": scores.engines, "histories": sizes, "seeds": list(scores.seeds),
            "limit_p": scores.limit, "passed": scores.passed, "failed": scores.failed,
            "unsupported": scores.unsupported, "together": together, "z": scores.collected.z, "rows": scores.lines,
        }  # fmt: skip
        json_file.parent.mkdir(parents=True, exist_ok=True)
        write_json(json_file, _finite(data))
    scores.out(f"{scores.passed} passed, {scores.failed} failed, {scores.unsupported} unsupported")
    return 1 if scores.failed or nothing else 0


def _finite(data: Any) -> Any:
    """The same with null for what is no finite number, which JSON cannot tell."""
    if isinstance(data, dict):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
