"""What histories cost: how that grows with their number, with actions and workers, and what a cluster would do."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from sim.model.compiled import compile_model
from sim.model.expressions import parse
from sim.model.spec import Condition
from sim.runs import store
from sim.runs.plan import ENGINES, Task
from sim.studies.benchmark.measures import theatres
from sim.studies.benchmark.study import machine
from sim.studies.cost import cluster as cost_cluster
from sim.studies.cost.measure import Case, measured
from sim.studies.cost.page import told
from sim.studies.forecast import task_of
from sim.studies.library import scenario_of
from sim.studies.order import Order, remark, say_folder, yes_or_no
from sim.studies.settings import SettingError, whole

STUDY: Final = "cost"
SETTINGS: Final = ("rounds", "largest", "copies", "workers", "cores", "cluster", "figures", "gallery")
#: The model whose copies side by side have more actions: three actors of eight each.
THEATRE: Final = "workload_a"
#: The largest run, and what share of it the others have.
SHARES: Final = (100, 30, 10, 3, 1)
FEWEST: Final = 10_000
#: Histories of the runs that differ in actions and in workers, as a share of the largest.
PART_OF: Final = 5

Data = dict[str, Any]


def answer(order: Order) -> int:
    """Measure what the histories of an order's scenario cost, show it and keep it."""
    study = order.study
    rounds = _number(study, "rounds", 3, 1, 99)
    largest = _number(study, "largest", 1_000_000, FEWEST, 10**8)
    copies = [_within(n, "copies", 1, 64) for n in _numbers(study.get("copies", [1, 2, 4, 8]), "copies")]
    few = [n for n in (1, 2, 4, 8, 16, 32, 64) if n <= (os.cpu_count() or 1)]
    workers = [_within(n, "workers", 1, 1_000) for n in _numbers(study.get("workers") or few, "workers")]
    cores = _number(study, "cores", 1_000, 2, 10**6)
    cluster = _number(study, "cluster", 10**10, 10**6, 10**14)
    figures = yes_or_no(study.get("figures", True), "study.figures")
    gallery = study.get("gallery")
    if gallery is not None and not (isinstance(gallery, str) and Path(gallery).is_dir()):
        raise SettingError(f"study.gallery: {gallery!r} is no folder that exists; give its path, or null")
    task = task_of(order.scenario(), order.settings)
    if task.engine not in ENGINES[:3]:
        raise SettingError(f"engine={task.engine}: name the engine whose cost is measured, such as engine=lockstep")
    cases = cases_of(task, order.settings.chunk, largest, copies, workers)
    rows = measured(cases, rounds, order.results, remark)
    found = cost_cluster.costs(rows)
    data: Data = {
        "format": store.FORMAT,
        "study": STUDY,
        "scenario": task.model.name,
        "engine": task.engine,
        "rounds": rounds,
        "until_days": task.until,
        "machine": machine(),
        "python": platform.python_version(),
        "rows": rows,
        "costs": asdict(found),
        "cluster": {"replications": cluster, "chunk": order.settings.chunk, "cores": cores},
        "plans": cost_cluster.plans(found, cluster, order.settings.chunk, cores),
        "enough": cost_cluster.enough(found),
    }
    text = told(data)
    print(text)
    folder = store.run_folder(order.results, task.model.name, STUDY, store.configuration_hash(data))
    made = {"configuration": store.configuration_hash(data), "command": order.command, "study": STUDY}
    store.write_json(folder / "summary.json", data)
    store.write_whole(folder / "cost.md", text.encode())
    store.write_whole(folder / "cost.parquet", _table(rows))
    if figures:
        plot(data, folder / "figures")
    if gallery is not None:
        store.write_whole(Path(gallery) / "cost.md", text.encode())
        plot(data, Path(gallery))
        (Path(gallery) / "cost.png").unlink()  # the gallery shows the SVG
    store.write_json(folder / "manifest.json", {"format": store.FORMAT, **made, "complete": True})
    say_folder(folder)
    return 0


def cases_of(task: Task, chunk: int, largest: int, copies: Sequence[int], workers: Sequence[int]) -> list[Case]:
    """The runs that are measured.

    ``histories``: of the scenario by one process. ``small parts``: one of them in parts of a twentieth of the size.
    ``actions``: of copies of the benchmark's model side by side. ``workers``: of the scenario, by several processes.
    """
    sizes = sorted({max(largest // share, FEWEST) for share in SHARES})
    middle = max(largest // PART_OF, FEWEST)
    alone = [Case("histories", n, task, n, chunk) for n in sorted({*sizes, middle})]
    small = max(min(chunk, middle) // 20, 1)
    found = [*alone, Case("small parts", small, task, middle, small)]
    spec = scenario_of(THEATRE).spec
    for n in copies:
        # Copies have no outcomes of their own to count; one that always holds makes a run of them.
        wider = replace(theatres(spec, n), outcomes=(Condition("any", parse("1 == 1")),))
        model = compile_model(wider, strict=False)
        own = Task(model, task.seed, task.until, (task.until,), engine=task.engine)
        found.append(Case("actions", n, own, max(middle // n, 1_000), chunk))
    return found + [Case("workers", n, task, largest, chunk, n) for n in workers]


def plot(data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw the costs into a folder."""
    from sim.figures.sheets import cost as figure
    from sim.figures.style import save

    return save(figure.draw(data), folder, "cost")


def _table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    import pyarrow as pa

    return store.parquet_bytes(pa.table({key: [row[key] for row in rows] for key in rows[0]}))


def _number(study: Mapping[str, Any], key: str, default: int, low: int, high: int) -> int:
    return _within(whole(study.get(key, default), f"study.{key}"), key, low, high)


def _within(number: int, key: str, low: int, high: int) -> int:
    if not low <= number <= high:
        raise SettingError(f"study.{key}: {number} is outside {low:,} … {high:,}")
    return number


def _numbers(value: Any, key: str) -> list[int]:
    given = list(value) if isinstance(value, list | tuple) else [value]
    if not given:
        raise SettingError(f"study.{key}: give one number at least, such as [1, 2]")
    return sorted({whole(one, f"study.{key}") for one in given})
