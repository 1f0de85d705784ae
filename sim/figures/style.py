"""How all figures look, and how they are saved: same bytes for same numbers, no state kept between them.

Three things are never confused, and each always has the same look and words: the *range over the inputs* (a sky-blue
band, :func:`range_words`), the *spread of the histories* (bands of orange, ``SPREAD_WORDS``) and the *sampling error*
(a thin black line with caps, ``ERROR_WORDS``). A chance is blue.
"""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any, Final, ParamSpec

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from sim.runs.store import write_whole
from sim.statistics.shown import date_words, plural

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

#: The range over the inputs as an area, in every figure that shows one.
RANGE: Final[dict[str, Any]] = {"color": SKY, "alpha": 0.45, "linewidth": 0}
#: Sampling error, in every figure that shows it.
ERROR: Final[dict[str, Any]] = {"fmt": "none", "ecolor": INK, "elinewidth": 0.9, "capsize": 2.4, "capthick": 0.9}
ERROR_WORDS: Final = "95 % sampling error"
#: Spread of the histories: the outer band, the inner band and the line of the median.
SPREAD: Final = ("#FBE8C3", "#F2C368", "#8A5A00")
SPREAD_WORDS: Final = (
    "spread of the histories, each with inputs and luck of its own: on any day at least half of them lie in the dark "
    "band and 90 % in the pale one; line: median"
)

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
#: Smallest type: sentences under a name, and the lines at the foot.
SMALL: Final = 8.5
#: Characters of small type to an inch of width, on the safe side; of the sentences in a column so many times as many.
PER_INCH: Final = 15.0
TINY: Final = 1.1

#: What a figure can be written as, and what those of a run are.
FORMATS: Final = ("svg", "png", "pdf")
KEPT_AS: Final = ("svg", "png")
#: Where figures are kept that are not to be written yet.
_KEPT: ContextVar[dict[str, Figure] | None] = ContextVar("kept", default=None)

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under our settings, whatever the caller's are."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with settings():
            return draw(*args, **kwargs)

    return drawn


@contextmanager
def settings() -> Iterator[None]:
    """Our settings for the length of a with block, over Matplotlib's own and not the user's."""
    # Never the backend: a notebook's or a window's own would be lost for good, and files are written without one.
    ours: dict[Any, Any] = {**matplotlib.rcParamsDefault, **STYLE}
    del ours["backend"]
    with matplotlib.rc_context(ours), warnings.catch_warnings():
        # A script that our font lacks is drawn as boxes: other fonts would differ from machine to machine.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        yield


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Save a figure as SVG and as PNG at 150 dots per inch; equal figures give equal files.

    Within :func:`collected` it is only kept.
    """
    kept = _KEPT.get()
    if kept is not None:
        kept[name] = figure
        return [folder / f"{name}.{kind}" for kind in KEPT_AS]
    return write(figure, folder, name, KEPT_AS)


def write(figure: Figure, folder: Path, name: str, formats: Sequence[str], pixels: int | None = None) -> list[Path]:
    """Save a figure in some of ``FORMATS``; a PNG is ``pixels`` wide, or has 150 dots per inch."""
    made: dict[str, bytes] = {}
    with settings():
        # Lay out once and not for each file.
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
            figure.set_layout_engine("none")
        # The canvases themselves: ``savefig`` would draw once more before each of them, for a layout that is there.
        dots = figure.dpi
        for kind in formats:
            file = io.BytesIO()
            if kind == "svg":
                vector: Any = FigureCanvasSVG(figure)
                vector.print_svg(file, metadata={"Date": None, "Creator": None})
            elif kind == "pdf":
                from matplotlib.backends.backend_pdf import FigureCanvasPdf

                paged: Any = FigureCanvasPdf(figure)
                paged.print_pdf(file, metadata={"CreationDate": None, "Creator": None, "Producer": None})
            else:
                figure.set_dpi(pixels / figure.get_figwidth() if pixels else dots)
                raster: Any = FigureCanvasAgg(figure)
                raster.print_png(file, metadata={"Software": None})
            figure.set_dpi(dots)  # writing SVG and PDF sets it to 72
            made[kind] = slim(file.getvalue()) if kind == "svg" else file.getvalue()
    paths = [folder / f"{name}.{kind}" for kind in made]
    for path, data in zip(paths, made.values(), strict=True):
        write_whole(path, data)
    return paths


@contextmanager
def collected() -> Iterator[dict[str, Figure]]:
    """What :func:`save` is given within a with block: figures by name, kept and not written."""
    kept: dict[str, Figure] = {}
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)


def slim(svg: bytes) -> bytes:
    """The same drawing in a third fewer bytes: a hundredth of a point is fine enough, and indentation says nothing."""

    def rounded(found: re.Match[bytes]) -> bytes:
        return b"%g" % round(float(found[0]), 2)

    def path(found: re.Match[bytes]) -> bytes:
        lines = [re.sub(rb"-?\d+\.\d+", rounded, line).strip() for line in found[2].splitlines()]
        kept: list[bytes] = []
        for line in lines:
            if kept and line == kept[-1]:
                continue  # a point drawn twice is one
            if len(kept) > 1 and _between(kept[-2], kept[-1], line):
                kept.pop()
            kept.append(line)
        return found[1] + b"\n".join(kept) + b'"'

    svg = re.sub(rb'( d=")([^"]*)"', path, svg)
    svg = re.sub(rb"translate\([^)]*\)", lambda found: re.sub(rb"-?\d+\.\d+", rounded, found[0]), svg)
    # Each sign of the text names its glyph, so short names count.
    svg = re.sub(rb'(id="|href="#)DejaVuSans-(Bold-|Oblique-)?', lambda name: name[1] + (name[2] or b"G")[:1], svg)
    return re.sub(rb"\n +", b"\n", svg)


def _between(first: bytes, middle: bytes, last: bytes) -> bool:
    """Whether the middle one of three points of a path lies on the level line from the first to the last."""
    parts = [line.split() for line in (first, middle, last)]
    if any(len(part) != 3 or part[0] not in kinds for part, kinds in zip(parts, (b"LM", b"L", b"L"), strict=True)):
        return False
    (_, a, y), (_, b, y_too), (_, c, y_also) = parts
    return y == y_too == y_also and min(float(a), float(c)) <= float(b) <= max(float(a), float(c))


def plain(text: str) -> str:
    """Text without line ends and characters that control the terminal or the direction of writing."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def wrapped(text: str, width: float, lines: int = 0) -> str:
    """Small type broken to fit a width in inches; cut after so many ``lines``, where a number is given."""
    per_line = max(int(width * PER_INCH), 12)
    if not lines:
        return textwrap.fill(plain(text), per_line)
    return textwrap.fill(plain(text), per_line, max_lines=lines, placeholder=" …")


def headed(figure: Figure, title: str) -> None:
    """The title over a figure, at the left."""
    text = textwrap.fill(plain(title), int(figure.get_figwidth() * 8.6))
    figure.suptitle(text, x=0.005, ha="left", fontsize=13, fontweight="bold")


def footed(figure: Figure, summary: Mapping[str, Any], meaning: str) -> None:
    """The lines under a figure, see :func:`note`."""
    figure.supxlabel(note(summary, meaning, figure.get_figwidth()), x=0.005, ha="left", fontsize=SMALL)


def note(summary: Mapping[str, Any], meaning: str, width: float = 11.0) -> str:
    """What the marks of a figure mean, and what made it, broken to a width in inches."""
    made = (
        f"{histories(summary['replications'])}, seed {summary['seed']}, as of {date_words(summary['as_of'])}. "
        "Chances under assumptions, most of them judgements."
    )
    return f"{wrapped(meaning, width)}\n{wrapped(made, width)}"


def histories(count: int) -> str:
    """A number of simulated histories in words."""
    return plural(count, "simulated history")


def range_words(*summaries: Mapping[str, Any]) -> str:
    """What the range over the inputs is, in a few words; of several runs their size only where all have the same."""
    sizes = {(summary["inputs"], summary["histories"]) for summary in summaries if summary["inputs"]}
    if not sizes:
        return "none, as no input is uncertain"
    size = "".join(f" ({draws:,} draws with {each:,} histories each)" for draws, each in sizes)
    return f"10–90 % range over the inputs{size if len(sizes) == 1 else ''}"


def sampling_error(five: Sequence[Mapping[str, float]]) -> list[list[float]]:
    """Lengths (2, chances) of the error bars below and above each chance."""
    # Rounding can leave an end of the interval a hair on the wrong side of the point.
    below = [max(f["probability"] - f["low"], 0.0) for f in five]
    return [below, [max(f["high"] - f["probability"], 0.0) for f in five]]


def told(ax: Axes, rows: Sequence[tuple[str, str]], width: float, height: float) -> None:
    """Names with a sentence each, one over another, beside the rows of a figure.

    ``width`` of the column and ``height`` of a row are in inches.
    """
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    for place, (name, sentence) in enumerate(rows):
        top = place - 0.5 + 0.06 / height
        ax.text(0, top, wrapped(name, width * 0.82, 1), va="top", fontsize=10, fontweight="bold")
        below = wrapped(sentence, width * TINY)
        ax.text(0, top + 0.17 / height, below, va="top", fontsize=7.5, color=GREY, linespacing=1.05)


def row_height(sentences: Sequence[str], width: float, least: float) -> float:
    """Inches that a row of :func:`told` needs so that no sentence is cut."""
    lines = max((wrapped(sentence, width * TINY).count("\n") + 1 for sentence in sentences if sentence), default=0)
    return max(least, 0.32 + 0.125 * lines)


# ------------------------------------------------------------------------------------------------ on one axes alone
def titled(ax: Axes, title: str, above: float = 6.0) -> None:
    """The title of an axes that stands alone, broken to its width, so many points ``above`` it."""
    per_line = max(int(ax.bbox.width / ax.figure.dpi * 10.5), 24)
    ax.set_title(textwrap.fill(plain(title), per_line), pad=above)


def noted(ax: Axes, summary: Mapping[str, Any], meaning: str) -> None:
    """What the marks mean and what made the figure, under an axes that stands alone."""
    width = max(ax.bbox.width / ax.figure.dpi, 3.0)
    under = note(summary, meaning, width)
    said = ax.get_xlabel()
    ax.set_xlabel(f"{said}\n{under}" if said else under, fontsize=SMALL, loc="left")
    ax.xaxis.label.set_multialignment("left")


def named_rows(ax: Axes, names: Sequence[str]) -> None:
    """Rows from the top down with their names at the left, for an axes that stands alone."""
    ax.set_yticks(range(len(names)), [wrapped(name, 1.7, 2) for name in names], fontsize=9)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0, labelleft=True)


def scaled(ax: Axes, width: float, height: float) -> None:
    """Type of an axes that was laid out for a size in inches, made smaller where the axes has less room than that."""
    factor = min(ax.bbox.width / ax.figure.dpi / width, ax.bbox.height / ax.figure.dpi / height, 1.0)
    for text in (*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()):
        text.set_fontsize(float(text.get_fontsize()) * factor)
