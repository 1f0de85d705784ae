"""Small drawings as SVG: their geometry in attributes, their colours in the style sheet, so that both themes fit.

Words in a drawing are only our own numbers and dates; labels of a scenario stand beside it in HTML, where they may be
long, break over lines and run from right to left.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from sim.statistics.shown import MONTHS

#: Size of a drawing with axes in its own units, and the room for what stands at its left, right, top and foot.
WIDE, HIGH = 360.0, 190.0
LEFT, RIGHT, TOP, FOOT = 44.0, 12.0, 10.0, 24.0
#: Size of a bar in its own units; it is stretched to the width that there is.
LENGTH, THICK = 100.0, 12.0
#: Colours of an ordered scale, ever darker; between them they are mixed.
SCALE: Final = ((255, 236, 179), (250, 190, 90), (232, 125, 60), (196, 70, 72), (133, 38, 96), (74, 24, 92))
#: Steps between the numbers of an axis, in powers of ten, and how many steps there may be.
STEPS: Final = (1.0, 2.0, 5.0, 10.0)
FEWEST, MOST = 3, 5

Points = Sequence[tuple[float, float]]


def bar(chance: float, low: float, high: float, alt: str, *, top: float = 1.0, ranged: bool = True) -> Markup:
    """A chance as a bar from 0, with its range as a band behind it."""
    band = _rect(low / top, (high - low) / top, 0.0, THICK, "band") if ranged and high > low else ""
    return _stretched(band + _rect(0.0, chance / top, THICK * 0.28, THICK * 0.44, "bar"), alt)


def ends(first: float, last: float, middle: float, alt: str, *, top: float = 1.0) -> Markup:
    """The way between the answers at the two ends of an input, with the answer when all is drawn as a tick."""
    low, high = min(first, last) / top, max(first, last) / top
    body = _rect(low, max(high - low, 0.004), THICK * 0.2, THICK * 0.6, "band strong")
    body += _rect(middle / top - 0.003, 0.006, 0.0, THICK, "tick-mark")
    return _stretched(body, alt)


def swatch(number: int, count: int) -> Markup:
    """A small square in a colour of the ordered scale."""
    return Markup(
        '<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" fill="{}"/></svg>'
    ).format(colour(number, count))


def colour(number: int, count: int) -> str:
    """A colour of the ordered scale as ``#rrggbb``."""
    place = number / max(count - 1, 1) * (len(SCALE) - 1)
    first = min(int(place), len(SCALE) - 2)
    mixed = (a + (b - a) * (place - first) for a, b in zip(SCALE[first], SCALE[first + 1], strict=True))
    return "#" + "".join(f"{round(part):02x}" for part in mixed)


def curve(
    as_of: datetime.date,
    line: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    alt: str,
    *,
    top: float,
    marks: Sequence[Mapping[str, float]] = (),
    ranged: bool = True,
) -> Markup:
    """A chance by day with its range, ``line[j]`` at the end of day j.

    ``marks`` are shares of past cases: ``day``, ``share`` and ``class`` (their number, which gives the form).
    """
    frame = _Frame(len(line) - 1, top)
    body = frame.grid(as_of, percent=True)
    if ranged:
        body += _area(frame.points(high), frame.points(low), "band")
    body += _line(frame.points(line), "line")
    for mark in marks:
        if mark["day"] <= frame.days:
            x, y = frame.at(mark["day"], mark["share"])
            body += _mark(x, y, int(mark["class"]))
    return _framed(body, alt)


def fan(
    as_of: datetime.date, quantiles: Sequence[Sequence[float]], alt: str, *, top: float, reported: Points = ()
) -> Markup:
    """A count by day: five quantiles (5, 25, 50, 75, 95 %) of the histories, and what was reported at the start."""
    frame = _Frame(len(quantiles[0]) - 1, top)
    lowest, lower, middle, upper, uppermost = (frame.points(one) for one in quantiles)
    body = frame.grid(as_of, percent=False)
    body += _area(uppermost, lowest, "spread") + _area(upper, lower, "spread inner") + _line(middle, "median")
    for day, value in reported:
        body += _mark(*frame.at(day, value), 0)
    return _framed(body, alt)


def stack(as_of: datetime.date, shares: Sequence[Sequence[float]], alt: str) -> Markup:
    """Shares by day, one upon another: ``shares[j][r]`` of row r at the end of day j."""
    frame = _Frame(len(shares) - 1, 1.0)
    rows = len(shares[0])
    below = [0.0] * len(shares)
    body = Markup("")
    for row in range(rows):
        above = [under + day[row] for under, day in zip(below, shares, strict=True)]
        if max(day[row] for day in shares) > 0:
            area = _area(frame.points(above), frame.points(below), "rung", fill=colour(row, rows))
            body += area
        below = above
    return _framed(body + frame.grid(as_of, percent=True, over=True), alt)


# ------------------------------------------------------------------------------------------------------------- pieces
class _Frame:
    """Days and values to places in a drawing."""

    def __init__(self, days: int, top: float) -> None:
        self.days, self.top = max(days, 1), top

    def at(self, day: float, value: float) -> tuple[float, float]:
        across = LEFT + (WIDE - LEFT - RIGHT) * day / self.days
        return across, TOP + (HIGH - TOP - FOOT) * (1.0 - min(value / self.top, 1.0))

    def points(self, values: Sequence[float]) -> Points:
        """The values of all days; a point on the level between two others is left out."""
        kept = [
            day
            for day, value in enumerate(values)
            if not 0 < day < len(values) - 1 or not values[day - 1] == value == values[day + 1]
        ]
        return [self.at(day, values[day]) for day in kept]

    def grid(self, as_of: datetime.date, *, percent: bool, over: bool = False) -> Markup:
        """Lines and their numbers: values at the left, dates at the foot."""
        body = Markup("")
        for value in steps(self.top, whole=not percent):
            _, y = self.at(0, value)
            said = f"{100 * value:g} %" if percent else f"{value:,g}"
            if not over or value in (0.0, self.top):
                body += Markup('<path class="grid" d="M{:g} {:g}H{:g}"/>').format(LEFT, round(y, 1), WIDE - RIGHT)
            body += Markup('<text class="tick end" x="{:g}" y="{:g}">{}</text>').format(
                LEFT - 5, round(y + 3.5, 1), said
            )
        for day, said in dates(as_of, self.days):
            x, _ = self.at(day, 0)
            way = "start" if day == 0 else "end" if day > 0.93 * self.days else "middle"
            body += Markup('<text class="tick {}" x="{:g}" y="{:g}">{}</text>').format(way, round(x, 1), HIGH - 7, said)
            body += Markup('<path class="grid" d="M{:g} {:g}v4"/>').format(round(x, 1), HIGH - FOOT)
        return body


def steps(top: float, *, whole: bool = False) -> list[float]:
    """Round numbers from 0 up to a top: some three to six of them; fewer where only whole ones are wanted."""
    if top <= 0:
        return [0.0]
    if whole and top < FEWEST:
        return [float(value) for value in range(int(top) + 1)]
    scale = 10.0 ** math.floor(math.log10(top / FEWEST))
    step = next(part * scale for part in STEPS if top / (part * scale) <= MOST)
    return [round(i * step, 10) for i in range(int(top / step + 1e-9) + 1)]


def dates(as_of: datetime.date, days: int) -> list[tuple[int, str]]:
    """Days that get a label, with it: three or four, the date of the forecast first."""
    count = min(days, 3)
    found = sorted({round(i * days / max(count, 1)) for i in range(count + 1)})
    said = []
    for day in found:
        date = as_of + datetime.timedelta(days=day)
        said.append((day, f"{date.day} {MONTHS[date.month - 1]}"))
    return said


def _rect(start: float, length: float, y: float, height: float, kind: str) -> Markup:
    start = min(max(start, 0.0), 1.0)
    length = min(max(length, 0.0), 1.0 - start)
    return Markup('<rect class="{}" x="{:g}" y="{:g}" width="{:g}" height="{:g}"/>').format(
        kind, round(LENGTH * start, 2), round(y, 2), round(LENGTH * length, 2), round(height, 2)
    )


def _stretched(body: Markup | str, alt: str) -> Markup:
    return Markup(
        '<svg class="strip" viewBox="0 0 {:g} {:g}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="track" width="{:g}" height="{:g}"/>{}</svg>'
    ).format(LENGTH, THICK, alt, LENGTH, THICK, Markup(body))


def _framed(body: Markup, alt: str) -> Markup:
    return Markup('<svg class="chart" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
        WIDE, HIGH, alt, body
    )


def _path(points: Points) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _line(points: Points, kind: str) -> Markup:
    return Markup('<path class="{}" d="M{}"/>').format(kind, _path(points))


def _area(above: Points, below: Points, kind: str, fill: str = "") -> Markup:
    painted = Markup(' fill="{}"').format(fill) if fill else Markup("")
    return Markup('<path class="{}"{} d="M{}L{}Z"/>').format(kind, painted, _path(above), _path(below[::-1]))


def _mark(x: float, y: float, number: int) -> Markup:
    """A mark of past cases: form and colour both differ."""
    forms = ("M0 -5L5 0L0 5L-5 0Z", "M-4 -4H4V4H-4Z", "M0 -5L5 4H-5Z", "M0 5L5 -4H-5Z")
    which = number % len(forms)
    return Markup('<path class="past p{}" transform="translate({:.1f} {:.1f})" d="{}"/>').format(
        which, x, y, forms[which]
    )


def past_mark(number: int) -> Markup:
    """The mark of a class of past cases, for a legend."""
    return Markup('<svg class="swatch" viewBox="-6 -6 12 12" aria-hidden="true">{}</svg>').format(_mark(0, 0, number))
