"""The figure of what acts on what: a mark for each read and write where its row and column meet, all of it legible."""

from typing import Any

import pytest
from matplotlib.figure import Figure

from sim.figures.sheets import model
from sim.report.links import links
from tests.figures.looks import outside, overlaps, texts
from tests.report.described import SHIPPED, shipped, tricky


def of(name: str) -> dict[str, Any]:
    return links(tricky() if name == "tricky" else shipped(name))


def drawn(figure: Figure) -> tuple[int, int, int]:
    """Numbers of the words "if" (and "by"), of triangles, and of signs of change below the legend."""
    said = triangles = signs = 0
    for ax in figure.axes[1:]:
        cells = [text.get_text() for text in ax.texts]
        said += sum(text.split("\n")[0] in ("if", "by") for text in cells)
        signs += sum(bool(text) and set(text) <= set(model.SIGNS.values()) for text in cells)
        triangles += sum(line.get_marker() in model.SHAPES.values() for line in ax.lines)
    return said, triangles, signs


@pytest.mark.parametrize("name", [*SHIPPED, "tricky"])
def test_marks_are_those_of_the_scenario(name: str) -> None:
    data = of(name)
    figure = model.draw(data)
    marks = [mark for action in data["actions"] for mark in action["marks"].values()]
    read = sum(len(reader["columns"]) for reader in data["readers"])
    assert drawn(figure) == (
        sum(mark["guard"] or mark["reads"] for mark in marks) + read,
        sum((mark["speed"] is not None) + (mark["choice"] is not None) for mark in marks),
        sum(bool(mark["writes"]) for mark in marks),
    )
    told = texts(figure)
    assert all(model._named(column) in told for column in data["columns"])
    assert all(action["starts"] in " ".join(told.split("\n")) for action in data["actions"])
    assert outside(figure) == []


def places(figure: Figure, said: str) -> set[tuple[str, str]]:
    """Rows and columns, by their nearest names, in which a text stands."""
    (ax,) = figure.axes[1:]
    columns = {text.get_position()[0]: text.get_text() for text in ax.texts if text.get_rotation() == 90}
    rows = {text.get_position()[1]: text.get_text() for text in ax.texts if text.get_position()[0] == 0.2}
    at = [text.get_position() for text in ax.texts if text.get_text() == said]
    return {(rows[min(rows, key=lambda r: abs(r - y))], columns[min(columns, key=lambda c: abs(c - x))]) for x, y in at}


def test_each_mark_stands_in_its_row_and_column() -> None:
    data = of("two_rivals")
    figure = model.draw(data)
    names = {column["name"]: model._named(column) for column in data["columns"]}
    guards = {(a["says"], names[n]) for a in data["actions"] for n, mark in a["marks"].items() if mark["guard"]}
    guards |= {(reader["says"], names[n]) for reader in data["readers"] for n in reader["columns"]}
    assert places(figure, "if") == guards
    for kind, sign in (("add", "+"), ("take", "−"), ("set", "=")):
        changed = {
            (a["says"], names[n]) for a in data["actions"] for n, m in a["marks"].items() if m["writes"] == [kind]
        }
        assert places(figure, sign) == changed


def test_long_labels_are_cut_and_cover_nothing() -> None:
    figure = model.draw(of("two_rivals"))
    assert overlaps(figure) == []
    told = texts(model.draw(of("tricky")))
    assert "<img src=x" in told
    assert "aim (hidden)" in told
    assert "Named but without an action: Two" in told
    assert overlaps(model.draw(of("tricky"))) == []


def test_many_columns_go_below_one_another() -> None:
    data = of("two_rivals")
    more = [{"name": f"number_{i}_{'x' * 30}", "says": "", "kind": "state"} for i in range(50)]
    figure = model.draw({**data, "columns": [*data["columns"], *more]})
    assert len(figure.axes) == 1 + 3  # the legend and 54 columns by 24
    assert drawn(figure) == drawn(model.draw(data))
    assert outside(figure) == []


def test_the_shape_tells_the_way_and_the_size_how_much() -> None:
    data = of("tricky")
    lines = [line for line in model.draw(data).axes[1].lines if line.get_marker() in model.SHAPES.values()]
    looks = [(line.get_marker(), line.get_markersize(), line.get_markerfacecolor() == "white") for line in lines]
    # Faster by the aim, a little; slower by the heat, much; then two choices, and the fading, by all or nothing.
    assert looks == [("^", 4.0, False), ("v", 8.0, False), ("^", 6.0, True), ("^", 8.0, True), ("^", 8.0, False)]


def test_alternative_text_and_nothing_to_draw() -> None:
    assert model.alt(of("cuba_1962")).startswith("Matrix of 16 actions of 5 actors by 18 numbers of the state")
    assert "Hidden: resolve, field nuclear" in model.alt(of("cuba_1962"))
    with pytest.raises(ValueError, match="nothing to draw"):
        model.draw({**of("two_rivals"), "actions": []})
