"""Figures of stored runs. Nothing here computes a result.

Each function draws one figure on one axes: those given, or of a new figure of ``matplotlib.pyplot`` that a notebook
shows. The first argument is what a call or a run folder gave (anything with a ``summary``, from :func:`sim.run`,
:func:`sim.compare` or :func:`sim.stored`), or such a summary itself. The modules in :mod:`sim.figures.sheets` draw the
larger figures that runs keep; Matplotlib is imported when something is drawn.

>>> import sim
>>> ax = sim.figures.outcomes(sim.demo())  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "compare",
    "counts",
    "incidence",
    "indicators",
    "occupancy",
    "outcomes",
    "paths",
    "timeline",
    "tornado",
    "update",
]

#: Width of a new figure in inches, its height without its rows, and the height of a row.
WIDTH: Final = 8.0
FRAME: Final = 2.0
ROW: Final = 0.48


class Answer(Protocol):
    """What a study found: a summary of plain data, as in ``summary.json``."""

    @property
    def summary(self) -> Mapping[str, Any]: ...


class Forecast(Answer, Protocol):
    """A finished forecast, as :func:`sim.run` gives it."""

    def curves(self) -> Mapping[str, Any]: ...

    def occupancy(self) -> Mapping[str, Any]: ...


def outcomes(result: Answer | Mapping[str, Any], ax: Axes | None = None, *, day: int | None = None) -> Axes:
    """Outcomes of a forecast as bars, with their range over the inputs, on one of its days (by default the last).

    Raises ValueError for a day that the summary does not have.
    """
    from sim.figures.sheets import outcomes as sheet

    summary = _summary(result, "outcomes_by", "forecast")
    at = _one_of(day, summary["days"], "day")
    return _drawn(lambda axes: sheet.on(axes, summary, at), ax, _rows(len(summary["outcomes"])))


def incidence(result: Forecast, ax: Axes | None = None, *, milestone: str | None = None) -> Axes:
    """How soon a milestone of a forecast comes: by default the first with past cases, or else the first of all.

    Raises ValueError for an unknown milestone, and where there is none.
    """
    from sim.figures.sheets import incidence as sheet

    summary = _summary(result, "milestones", "forecast")
    known = summary["milestones"]
    if not known:
        raise ValueError(f"{summary['scenario']}: no milestone to draw; the scenario has none")
    first = next((rate["milestone"] for rate in summary["base_rates"]), next(iter(known)))
    name = _one_of(milestone, known, "milestone", first)
    curves = result.curves()
    return _drawn(lambda axes: sheet.on(axes, summary, curves, name), ax, (WIDTH, 4.4))


def occupancy(result: Forecast, ax: Axes | None = None) -> Axes:
    """Where on the ladder the histories of a forecast stand, day by day.

    Raises ValueError for a scenario without a ladder.
    """
    from sim.figures.sheets import occupancy as sheet

    summary = _summary(result, "outcomes_by", "forecast")
    followed = result.occupancy() if summary.get("rungs") else {}
    return _drawn(lambda axes: sheet.on(axes, summary, followed), ax, (WIDTH + 1.0, 4.8))


def counts(result: Forecast, ax: Axes | None = None, *, count: str | None = None) -> Axes:
    """How a count of a forecast may grow, with the values that were reported: by default the scenario's first.

    Raises ValueError for an unknown count, and where there is none.
    """
    from sim.figures.sheets import counts as sheet

    summary = _summary(result, "outcomes_by", "forecast")
    known = {each["name"]: each for each in summary.get("counts") or ()}
    if not known:
        raise ValueError(f"{summary['scenario']}: no count to draw; the scenario has none")
    one = known[_one_of(count, known, "count", next(iter(known)))]
    followed = result.occupancy()
    return _drawn(lambda axes: sheet.on(axes, summary, followed, one), ax, (WIDTH, 4.8))


def timeline(result: Answer | Mapping[str, Any], ax: Axes | None = None, *, outcome: str | None = None) -> Axes:
    """One simulated history on a dated axis: of ``result.history(7)``, or of ``study=typical`` the most typical one.

    ``outcome`` chooses whose typical history is drawn (by default the first outcome that was seen).

    Raises ValueError where there is no history, or none of that outcome.
    """
    from sim.figures.sheets import timeline as sheet

    summary = _plain(result)
    if "lanes" not in summary:
        summary = _summary(result, "outcomes", "typical")
        seen = {
            each["name"]: each["typical"][0]["picture"]
            for each in _listed(summary["outcomes"])
            if each.get("typical") and "picture" in each["typical"][0]
        }
        if not seen:
            raise ValueError("timeline: no history here; draw result.history(7), or a run of study=typical")
        summary = seen[_one_of(outcome, seen, "outcome", next(iter(seen)))]
    return _drawn(lambda axes: sheet.on(axes, summary), ax, lambda: sheet.size(summary))


def tornado(result: Answer | Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """What moves the answer of a run of ``study=tornado``: a bar for each input.

    Raises ValueError where no input is uncertain.
    """
    from sim.figures.sheets import tornado as sheet

    summary = _summary(result, "rows", "tornado")
    rows = min(len(summary["rows"]), sheet.ROWS)
    return _drawn(lambda axes: sheet.on(axes, summary), ax, _rows(rows))


def compare(result: Answer | Mapping[str, Any], ax: Axes | None = None, *, day: int | None = None) -> Axes:
    """What the variants of a comparison change in its headline chance by one of its days (by default the last).

    Raises ValueError for a day that it does not have.
    """
    from sim.figures.sheets import compare as sheet

    summary = _summary(result, "variants", "compare")
    at = _one_of(day, summary["days"], "day")
    return _drawn(lambda axes: sheet.on(axes, summary, at), ax, _rows(len(summary["variants"])))


def update(result: Answer | Mapping[str, Any], ax: Axes | None = None, *, move: int = -1) -> Axes:
    """What moved the answer between two dates of a run of ``study=update``, as a waterfall: by default the last move.

    Raises ValueError for a move that it does not have.
    """
    from sim.figures.sheets import update as sheet

    summary = _summary(result, "moves", "update")
    moves = summary["moves"]
    if not -len(moves) <= move < len(moves):
        raise ValueError(f"move: {move}; this run has {len(moves)}, counted from 0, the last is -1")
    groups = len(moves[move]["groups"])
    return _drawn(lambda axes: sheet.on(axes, summary, moves[move]), ax, _rows(groups + 2))


def indicators(result: Answer | Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """What to watch for, of a run of ``study=indicators``: by how much each sign multiplies the odds of the target.

    Raises ValueError where no sign has a factor.
    """
    from sim.figures.sheets import indicators as sheet

    summary = _summary(result, "rows", "indicators")
    rows = min(len(summary["rows"]), sheet.ROWS)
    return _drawn(lambda axes: sheet.on(axes, summary), ax, _rows(rows))


def paths(result: Answer | Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """The ways into each outcome with their shares, of a run of ``study=typical``.

    Raises ValueError where no outcome was ever seen.
    """
    from sim.figures.sheets import paths as sheet

    summary = _summary(result, "outcomes", "typical")
    return _drawn(lambda axes: sheet.on(axes, summary), ax, lambda: sheet.size(summary))


# ---------------------------------------------------------------------------------------------------------- helpers
Size = tuple[float, float]


def _drawn(draw: Callable[[Axes], None], ax: Axes | None, size: Size | Callable[[], Size]) -> Axes:
    """Draw under our settings, on the axes or on those of a new figure of that size."""
    from matplotlib.text import Text

    from sim.figures.style import settings

    with settings():
        if ax is None:
            from matplotlib import pyplot

            _, ax = pyplot.subplots(figsize=size() if callable(size) else size, layout="constrained")
        draw(ax)
        # Axes made under other settings would read a dollar sign in a label as the beginning of a formula.
        for text in ax.findobj(Text):
            if isinstance(text, Text):
                text.set_parse_math(False)
    return ax


def _rows(count: int) -> Size:
    return WIDTH, FRAME + ROW * count


def _plain(result: Answer | Mapping[str, Any]) -> Mapping[str, Any]:
    return result if isinstance(result, Mapping) else result.summary


def _summary(result: Answer | Mapping[str, Any], key: str, study: str) -> Mapping[str, Any]:
    """The summary in a result. Raises ValueError for one of another study."""
    summary = _plain(result)
    said = summary.get("study", study)
    if key not in summary or said != study:
        raise ValueError(f"this figure shows a run of study={study}; this one is of study={said}")
    return summary


def _listed(found: Any) -> list[Mapping[str, Any]]:
    return [each for each in found if isinstance(each, Mapping)]


def _one_of(asked: object, known: Mapping[str, Any], what: str, otherwise: str | None = None) -> str:
    """The key that is asked for; without one ``otherwise``, or the last. Raises ValueError for an unknown one."""
    if asked is None:
        return otherwise if otherwise is not None else next(reversed(list(known)))
    if str(asked) not in known:
        from sim.model.expressions import nearest

        names = ", ".join(known)
        raise ValueError(f"{what}: {asked!r} is unknown{nearest(str(asked), known)}; choose from {names}")
    return str(asked)
