"""The page of a scenario in Markdown: in words, as a picture, and by two reporting standards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

#: What has a meaning in Markdown or HTML, each behind a backslash: a label is shown and never run.
SPECIAL: Final = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]<>#|~$&"})
STATUS: Final = {"filled": "", "part": " (in part)", "author": ""}
FIGURE: Final = "model"


def page(title: str, described: Sequence[str], linked: Mapping[str, Any], alt: str, sections: Sequence[Any]) -> str:
    """The whole page; ``described`` are its lines in words, ``alt`` the alternative text of the picture."""
    from sim.report.links import table

    lines = [f"# {_safe(title)}", "", *overview(sections), "", "## In words", "", "```text", *_fenced(described), "```"]
    lines += ["", "## What acts on what", "", f"![{_safe(alt)}](figures/{FIGURE}.svg)", "", *_table(table(linked))]
    for section in sections:
        lines += ["", *told(section)]
    return "\n".join(lines) + "\n"


def overview(sections: Iterable[Mapping[str, Any]]) -> list[str]:
    """How much of each standard is filled, and what is left for an author."""
    lines = []
    for section in sections:
        left = ", ".join(one["number"] for one in section["items"] if one["status"] != "filled")
        whole = f", {section['blocks_filled']} of {section['blocks']} blocks" if "blocks" in section else ""
        lines.append(
            f"{section['title']}: {section['filled']} of {section['of']} items filled{whole}; for an author: {left}."
        )
    return lines


def told(section: Mapping[str, Any]) -> Iterator[str]:
    """A section by a standard: each item with its question, its answer and where that comes from."""
    yield f"## {section['title']}"
    yield ""
    yield f"After {section['standard']}; questions in our own words."
    for one in section["items"]:
        yield ""
        yield f"### {one['number']} {one['name']}{STATUS[one['status']]}"
        yield ""
        yield f"*{one['question']}*"
        for paragraph in one["answer"]:
            yield ""
            yield _safe(paragraph)
        if one["table"] is not None:
            yield ""
            yield from _table(one["table"])
        if one["author"]:
            yield ""
            yield f"**For an author:** {_safe(one['author'])}."
        if one["from"]:
            yield ""
            yield f"From {'; '.join(_code(source) for source in one['from'])}."


def _table(table: Mapping[str, Any]) -> Iterator[str]:
    yield f"| {' | '.join(_cell(cell) for cell in table['head'])} |"
    yield f"|{'---|' * len(table['head'])}"
    for row in table["rows"]:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"


def _cell(text: str) -> str:
    return "<br>".join(_safe(line) for line in text.split("\n"))


def _safe(text: str) -> str:
    from sim.report.words import label

    return label(text).translate(SPECIAL)


def _code(source: str) -> str:
    return f"`{source.replace('`', '')}`"


def _fenced(lines: Iterable[str]) -> Iterator[str]:
    """Lines that cannot end the block they stand in."""
    for line in lines:
        yield line.replace("```", "'''")
