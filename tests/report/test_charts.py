"""Drawings as SVG: what is drawn lies where its number says, and each can be told without being seen."""

import datetime
import re
import xml.etree.ElementTree as ET

import pytest

from sim.report import charts

AS_OF = datetime.date(2025, 11, 17)


def parts(svg: str, kind: str) -> list[ET.Element]:
    return [one for one in ET.fromstring(svg).iter() if one.get("class") == kind]


def points(path: ET.Element) -> list[tuple[float, float]]:
    numbers = re.findall(r"-?\d+\.?\d*", path.attrib["d"])
    return [(float(x), float(y)) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]


def test_a_bar_is_as_long_as_its_chance_and_its_band_spans_the_range() -> None:
    svg = charts.bar(0.25, 0.1, 0.6, "a quarter")
    [bar], [band] = parts(svg, "bar"), parts(svg, "band")
    assert (float(bar.attrib["x"]), float(bar.attrib["width"])) == (0, 25)
    assert (float(band.attrib["x"]), float(band.attrib["width"])) == (10, 50)
    assert not parts(charts.bar(0.25, 0.25, 0.25, "no range"), "band")
    assert not parts(charts.bar(0.25, 0.1, 0.6, "none", ranged=False), "band")


def test_a_curve_passes_through_its_values() -> None:
    line, low, high = [0.0, 0.1, 0.25], [0.0, 0.05, 0.1], [0.0, 0.2, 0.5]
    marks = [{"day": 2.0, "share": 0.25, "class": 0}, {"day": 9.0, "share": 0.5, "class": 1}]
    svg = charts.curve(AS_OF, line, low, high, "a rise", top=0.5, marks=marks)
    [drawn], [band] = parts(svg, "line"), parts(svg, "band")
    height = charts.HIGH - charts.TOP - charts.FOOT
    for (_, y), value in zip(points(drawn), line, strict=True):
        assert y == pytest.approx(charts.TOP + height * (1 - value / 0.5), abs=0.06)
    assert len(points(band)) == 6
    [past] = [one for one in ET.fromstring(svg).iter() if "past" in one.get("class", "")]  # the other lies past the end
    assert past.attrib["transform"] == "translate({:.1f} {:.1f})".format(*points(drawn)[-1])


def test_stacked_shares_fill_the_drawing() -> None:
    svg = charts.stack(AS_OF, [[0.5, 0.5, 0.0], [0.2, 0.8, 0.0]], "two rungs")
    rungs = parts(svg, "rung")
    assert len(rungs) == 2  # the third is never reached
    assert min(y for _, y in points(rungs[1])) == charts.TOP
    assert max(y for _, y in points(rungs[0])) == charts.HIGH - charts.FOOT
    assert rungs[0].attrib["fill"] != rungs[1].attrib["fill"]


def test_the_scale_grows_darker() -> None:
    shades = [sum(int(charts.colour(i, 8)[k : k + 2], 16) for k in (1, 3, 5)) for i in range(8)]
    assert shades == sorted(shades, reverse=True)
    assert charts.colour(0, 1) == charts.colour(0, 8)


@pytest.mark.parametrize("top", [1e-4, 0.095, 0.1, 0.63259, 1.0, 7.0, 103.0, 4_096.0])
def test_an_axis_has_a_few_round_numbers_up_to_its_top(top: float) -> None:
    found = charts.steps(top)
    assert 3 <= len(found) <= 6
    assert found[0] == 0
    assert found[-1] <= top * (1 + 1e-9)
    assert all(value == float(f"{value:.1g}") for value in found)


def test_an_axis_of_counts_has_whole_numbers() -> None:
    assert charts.steps(1.05, whole=True) == [0, 1]
    assert charts.steps(2.1, whole=True) == [0, 1, 2]
    assert all(value == int(value) for top in range(3, 300) for value in charts.steps(top * 1.05, whole=True))


@pytest.mark.parametrize("days", [1, 2, 3, 30, 180])
def test_an_axis_of_days_begins_and_ends_with_its_dates(days: int) -> None:
    found = charts.dates(AS_OF, days)
    assert found[0] == (0, "17 Nov")
    assert found[-1][0] == days
    assert len(found) <= 4


def test_a_drawing_says_what_it_shows_whatever_is_in_the_words() -> None:
    svg = charts.fan(AS_OF, [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]], 'ships "<b>" & boats', top=5, reported=[(0, 2)])
    root = ET.fromstring(svg)
    assert (root.attrib["role"], root.attrib["aria-label"]) == ("img", 'ships "<b>" & boats')
    assert "<b>" not in svg
