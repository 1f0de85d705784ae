"""The costs as a page of Markdown, which also reads well in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.statistics.shown import plural
from sim.studies.cost.cluster import SCHEDULER
from sim.studies.settings import MOST
from sim.studies.size import READ, READ_FOR_PAGE, size_words

Row = Mapping[str, Any]


def told(data: Mapping[str, Any]) -> str:
    """The page: what was measured, and what a cluster would do by that."""
    lines = [
        "# What histories cost",
        "",
        f"`escalation study=cost engine={data['engine']}` on {data['scenario']}, {data['until_days']} days.",
        f"{data['machine']}; Python {data['python']}. Medians of {plural(data['rounds'], 'round')} in which all take",
        "turns, each in a process of its own. CPU time, but for the workers. Making the parts and counting them is",
        "measured; the nested run, the table and the figures do not grow with the histories.",
        "",
        *_histories(data),
        "",
        *_actions([row for row in data["rows"] if row["what"] == "actions"]),
        "",
        *_workers([row for row in data["rows"] if row["what"] == "workers"]),
        "",
        *_cluster(data),
    ]
    return "\n".join(lines) + "\n"


def _histories(data: Mapping[str, Any]) -> list[str]:
    rows = [row for row in data["rows"] if row["what"] == "histories"]
    small = next(row for row in data["rows"] if row["what"] == "small parts")
    cells = [
        (
            f"{row['replications']:,}", f"{row['cpu']:.2f}", f"{million(row, 'cpu'):.1f}",
            f"{million(row, 'read'):.2f}", f"{row['memory']:,.0f}", size_words(row["disk"]),
        )
        for row in rows
    ]  # fmt: skip
    heads = ("histories", "seconds", "s per 10^6", "to count 10^6", "memory, MB", "disk")
    return [
        "## With the number of histories, one process",
        "",
        *table(heads, cells),
        "",
        "The memory is that of a few parts, whatever their number. The page of a run (report.html) looks at its first",
        f"{READ_FOR_PAGE:,} histories, a study of single histories at {READ:,} at most: less than a kilobyte each.",
        "",
        f"Parts of {small['chunk']:,} in place of {rows[0]['chunk']:,} histories take",
        f"{data['costs']['part'] * 1e3:.1f} ms more for each part.",
    ]


def _actions(rows: Sequence[Row]) -> list[str]:
    cells = []
    for row in rows:
        times = million(row, "cpu") / million(rows[0], "cpu")
        per = times * rows[0]["actions"] / row["actions"]
        n = f"{row['replications']:,}"
        cells.append((f"{row['actions']:,}", n, f"{million(row, 'cpu'):.1f}", f"{times:.2f}", f"{per:.2f}"))
    return [
        "## With the number of actions, copies of the benchmark's model side by side",
        "",
        *table(("actions", "histories", "s per 10^6", "against one copy", "for each action"), cells),
    ]


def _workers(rows: Sequence[Row]) -> list[str]:
    cells = [
        (
            f"{row['workers']}", f"{row['replications']:,}",
            f"{row['wall']:.2f} ({row['least']:.2f}–{row['most']:.2f})", f"{rows[0]['wall'] / row['wall']:.2f}",
            f"{row['memory']:,.0f}", f"{row['worker']:,.0f}" if row["workers"] > 1 else "–",
        )
        for row in rows
    ]  # fmt: skip
    heads = ("workers", "histories", "wall time, s", "times as fast", "memory, MB", "largest worker, MB")
    return ["## With the number of workers", "", *table(heads, cells)]


def _cluster(data: Mapping[str, Any]) -> list[str]:
    found, asked, plans = data["costs"], data["cluster"], data["plans"]
    n, chunk, cores = asked["replications"], asked["chunk"], asked["cores"]
    whole, best = next(p for p in plans if p["cores"] == cores), min(plans, key=lambda plan: plan["total"])
    make, read = f"{found['make'] * 1e6:.1f} µs", f"{found['read'] * 1e6:.2f} µs"
    cells = [
        (
            f"{p['cores']:,}", f"{p['runs']}", f"{p['parts']:,}", time_words(p["simulate"]),
            time_words(p["schedule"]), time_words(p["count"]), time_words(p["total"]), f"{p['files']:,.0f}",
            f"{size_words(p['bytes'])}/s", f"{100 * p['used']:.0f} %",
        )
        for p in plans
    ]  # fmt: skip
    heads = (
        "cores", "runs", "parts", "simulating", "scheduling", "counting", "in all", "files/s", "written", "cores busy",
    )  # fmt: skip
    return [
        f"## What a cluster of {cores:,} cores would do",
        "",
        "Arithmetic, not a measurement: nobody has run this. It takes from above that",
        "",
        f"- a history takes {make} to make, {read} to read and count, and {found['disk']:.0f} bytes on disk;",
        f"- a worker starts within {found['start']:.1f} s;",
        "- parts are made side by side. One process then reads each part once, one after another: unpacks it,",
        "  counts it, and goes on with the digest of the run, which is taken over each column in the order of the",
        "  histories.",
        "",
        f"It assumes that a scheduler hands out a part in {SCHEDULER * 1e3:g} ms, that all cores are as quick as this",
        f"one, and that the file system takes what is written. {n:,} histories in parts of {chunk:,}:",
        "",
        *table(heads, cells),
        "",
        f"- **One run.** Simulating takes {n:,} × {make} / {cores:,} = {time_words(n * found['make'] / cores)},",
        f"  counting {n:,} × {read} = {time_words(n * found['read'])}. From about {data['enough']:,.0f} cores on",
        f"  counting takes longer than simulating, and more cores hardly pay: {cores:,} of them stand idle",
        f"  {100 * (1 - whole['used']):.0f} % of the time. Only the digest has to go in order, each column by itself;",
        "  unpacking, which takes most of the time, could be shared out. This program does not do that.",
        "- **Several runs.** Runs with a seed of their own (run.seed=1, 2, …) are independent, and each is counted by",
        f"  a process of its own; one run holds at most {MOST:,} histories in any case. Their counts add",
        f"  up; there is no command that adds them. Of these plans {plural(best['runs'], 'run')} side by side on",
        f"  {best['cores']:,} cores are the quickest: {time_words(best['total'])}.",
        f"- **Disk.** {size_words(n * found['disk'])} in {best['parts']:,} files. While it simulates,",
        f"  {best['files']:,.0f} files and {size_words(best['bytes'])} a second are written, each file forced to disk;",
        "  a file system that takes less sets the pace. Larger parts (run.chunk) make fewer files, and take as many",
        "  times the memory.",
        f"- **Scheduler.** {time_words(whole['schedule'])} for the parts of one run. It keeps pace as long as a part",
        f"  takes longer than {cores * SCHEDULER:.2g} s; here it takes {chunk * found['make']:.2g} s.",
        "- **Does it pay?** By sampling, a chance of one half is known to 0.1 points (95 %) from 10^6 histories, which",
        "  one machine makes; 10^10 bring that to 0.001, and the range over the inputs stays as it is. Chances below",
        "  one in a million are a matter for run.method=splitting, not for more histories.",
    ]


def million(row: Row, key: str) -> float:
    """Seconds for a million histories."""
    return float(row[key] / row["replications"] * 1e6)


def time_words(seconds: float) -> str:
    """A time in a unit that suits it."""
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86_400:.3g} days"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown, numbers at the right."""
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    lines = [" | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    rule = " | ".join("-" * (width - 1) + ":" for width in widths)
    return [f"| {line} |" for line in (lines[0], rule, *lines[1:])]
