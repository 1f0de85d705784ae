"""How all figures look, and how they are saved: same bytes for same numbers, no state kept between them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import Any, Final, ParamSpec

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from sim.runs.store import write_whole
from sim.statistics.shown import date_words

#: Colours that colour-blind readers can tell apart (Okabe and Ito, 2008).
BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
ORANGE: Final = "#E69F00"
VERMILION: Final = "#D55E00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
INK: Final = "#222222"
GREY: Final = "#767676"
PALE: Final = "#D9D9D9"

STYLE: Final[dict[str, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "white",
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "svg.hashsalt": "escalation",
    "svg.fonttype": "path",
    "text.parse_math": False,
}
PERCENT: Final = FuncFormatter(lambda share, _: f"{100 * share:.0f} %")

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under our settings, whatever the caller's are."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with settings():
            return draw(*args, **kwargs)

    return drawn


def settings() -> AbstractContextManager[None]:
    """Our settings for the length of a with block, over Matplotlib's own and not the user's."""
    ours: Any = {**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}
    return matplotlib.rc_context(ours)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Save a figure as SVG and as PNG at 150 dots per inch; equal figures give equal files."""
    paths = []
    with settings():
        # Lay out once and not for each file.
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
            figure.set_layout_engine("none")
        for kind, metadata in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata=metadata)
            path = folder / f"{name}.{kind}"
            write_whole(path, buffer.getvalue())
            paths.append(path)
    return paths


def note(summary: Mapping[str, Any], meaning: str) -> str:
    """The lines under a figure: what its marks mean, and what made it."""
    made = (
        f"{summary['replications']:,} simulated histories, seed {summary['seed']}, as of "
        f"{date_words(summary['as_of'])}. Chances under assumptions, most of them judgements."
    )
    return f"{meaning}\n{made}"


def range_words(summary: Mapping[str, Any]) -> str:
    """What the range over the inputs is, in a few words."""
    if not summary["inputs"]:
        return "none, as no input is uncertain"
    draws, histories = summary["inputs"], summary["histories"]
    return f"10–90 % range over the inputs ({draws:,} draws with {histories:,} histories each)"
