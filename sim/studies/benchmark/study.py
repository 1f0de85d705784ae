"""Speed of the engines against what else there is: SimPy, salabim, plain Python, GillesPy2 (C++) and rebop (Rust).

One process, one core, CPU time. Every round times each contestant in turn, so that a slow moment of the machine falls
on all of them; what counts is the median over rounds of the ratios within a round. Before anything is timed, the
engines' histories must be equal to the last bit and every peer's results must agree with theirs.
"""

from __future__ import annotations

import importlib.metadata
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from sim.model.compiled import compile_model
from sim.model.spec import Spec
from sim.runs import store
from sim.studies.benchmark.contest import (
    NETWORK,
    SIMPY,
    TERMS,
    UNTIL,
    WORKLOAD,
    DisagreementError,
    Timing,
    check,
    contestants,
    measure,
    missing,
    ratios,
)
from sim.studies.benchmark.measures import Measure, measures
from sim.studies.order import Order, remark, say_folder, yes_or_no
from sim.studies.settings import CheckError, SettingError, whole

STUDY: Final = "benchmark"
SETTINGS: Final = ("rounds", "measures", "figures", "gallery")
PACKAGES: Final = ("numpy", "numba", "simpy", "salabim", "rebop", "gillespy2")

Data = dict[str, Any]


def answer(order: Order) -> int:
    """Time the contestants on the scenario of an order, show it and keep it."""
    rounds = whole(order.study.get("rounds", 7), "study.rounds")
    if rounds < 1:
        raise SettingError(f"study.rounds: {rounds}; at least 1 is needed")
    further = yes_or_no(order.study.get("measures", False), "study.measures")
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    gallery = order.study.get("gallery")
    if gallery is not None and not (isinstance(gallery, str) and Path(gallery).is_dir()):
        raise SettingError(f"study.gallery: {gallery!r} is no folder that exists; give its path, or null")
    scenario = order.scenario()
    try:
        data = compute(scenario.spec, rounds, remark)
    except DisagreementError as error:
        raise CheckError(str(error)) from None
    if further:
        data["measures"] = []
        for found in measures(scenario.spec, scenario.name, (rounds + 1) // 2):
            remark(f"{found.name}: {found.value:.3g} {found.unit}")
            data["measures"].append(asdict(found))
    text = told(data)
    print(text)
    folder = store.run_folder(order.results, scenario.name, STUDY, store.configuration_hash(data))
    store.write_json(folder / "summary.json", data)
    store.write_whole(folder / "benchmark.md", text.encode())
    if figures:
        plot(data, folder / "figures")
    if gallery is not None:
        store.write_whole(Path(gallery) / "benchmark.md", text.encode())
        plot(data, Path(gallery))
        (Path(gallery) / "benchmark.png").unlink()  # the gallery shows the SVG
    say_folder(folder)
    return 0


def compute(spec: Spec, rounds: int, progress: Callable[[str], None]) -> Data:
    """Check everybody, time them, and give the numbers as plain data.

    Raises DisagreementError when results differ.
    """
    model, absent = compile_model(spec), missing()
    taking_part = contestants(model, tuple(absent))
    try:
        check(model, taking_part)
    except RuntimeError as error:  # a peer that cannot be built
        absent["GillesPy2, C++"] = str(error)
        taking_part = contestants(model, tuple(absent))
        check(model, taking_part)
    timings = measure(taking_part, rounds, progress)
    rows = [_row(timing, timings) for timing in timings]
    return {
        "format": store.FORMAT,
        "study": STUDY,
        "rounds": rounds,
        "until": UNTIL,
        "machine": machine(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES if _version(name)},
        "missing": absent,
        "rows": rows,
    }


def _row(timing: Timing, timings: Sequence[Timing]) -> Data:
    """A row of the table: time per event, and in each round how many times as long others take."""
    others = {SIMPY: "simpy", "rebop": "rebop", "GillesPy2, C++": "gillespy2"}
    row: Data = {"engine": timing.engine, "model": timing.model, "best": timing.best, "median": timing.median}
    for other, key in others.items():
        found = ratios(timings, other, timing.engine, timing.model)
        row[key] = [statistics.median(found), min(found), max(found)] if found else None
    return row


def machine() -> str:
    """The processor by its name where the system tells it, and the number of its cores that may be used."""
    import os

    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} cores, {sys.platform}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


# ------------------------------------------------------------------------------------------------------------- words
def told(data: Mapping[str, Any]) -> str:
    """The numbers as a page of Markdown, which also reads well in a terminal."""
    versions = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    lines = [
        "# Speed of the engines",
        "",
        f"Machine: {data['machine']}; Python {data['python']}, {versions}.",
        f"CPU time of one core; {data['rounds']} rounds in which all take turns; medians of the ratios within a round,",
        "in brackets the smallest and the largest.",
        "Checked first: our engines' histories are equal to the last bit, every peer agrees within 5 standard errors.",
        *(f"Left out: {name}: {why}." for name, why in data["missing"].items()),
    ]
    for model, title, keys in (
        (WORKLOAD, "Workload A: three actors of eight actions, 180 days", (("simpy", SIMPY),)),
        (NETWORK, "Network of 24 reactions of mass action, 180 days", ()),
    ):
        columns = (*keys, ("gillespy2", "GillesPy2, C++"), ("rebop", "rebop (one long run)"))
        rows = [row for row in data["rows"] if row["model"] == model]
        columns = tuple(column for column in columns if any(row[column[0]] for row in rows))
        heads = ["engine", "ns per event", *(f"times as fast as {name}" for _, name in columns)]
        cells = [[row["engine"], f"{row['median']:,.0f}", *(_spread(row[key]) for key, _ in columns)] for row in rows]
        lines += ["", f"## {title}", "", *_table(heads, cells)]
    lines += ["", "## On what terms", "", *TERMS]
    if data.get("measures"):
        cells = [_measure(Measure(**found)) for found in data["measures"]]
        lines += ["", "## Further measures", "", *_table(["measure", "median (range)", "how"], cells)]
    return "\n".join(lines) + "\n"


def _spread(found: Sequence[float] | None) -> str:
    return f"{found[0]:.3g} ({found[1]:.3g}–{found[2]:.3g})" if found else ""


def _measure(found: Measure) -> list[str]:
    spread = f" ({found.low:.3g}–{found.high:.3g})" if found.low < found.high else ""
    return [found.name, f"{found.value:.3g} {found.unit}{spread}", found.note]


def _table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown with columns of equal width; numbers stand at the right."""
    widths = [max(len(row[i]) for row in (heads, *cells)) for i in range(len(heads))]
    texts = [i == 0 or any(row[i][:1].isalpha() for row in cells) for i in range(len(heads))]

    def line(row: Sequence[str]) -> str:
        parts = [c.ljust(w) if text else c.rjust(w) for c, w, text in zip(row, widths, texts, strict=True)]
        return f"| {' | '.join(parts)} |"

    rule = [("-" * w if text else "-" * (w - 1) + ":") for w, text in zip(widths, texts, strict=True)]
    return [line(heads), line(rule), *(line(row) for row in cells)]


def plot(data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw the speeds into a folder."""
    from sim.figures.sheets import benchmark as figure
    from sim.figures.style import save

    return save(figure.draw(data), folder, "benchmark")
