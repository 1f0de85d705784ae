"""Items of a reporting standard: each answered with its source, or marked for an author.

A source is ``scenario: key.path`` (in the scenario as it is in force), ``setting: run.seed`` (or another name of the
settings) or ``code: sim/model/draws.py`` (a file of this program). A source that does not exist is an error: an answer
that comes from nowhere would be made up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sim.scenario.scenario import Scenario

Data = dict[str, Any]
FILLED: Final = "filled"
PART: Final = "part"
AUTHOR: Final = "author"
ROOT: Final = Path(__file__).resolve().parents[2]


def item(
    number: str,
    name: str,
    question: str,
    answer: Sequence[str] = (),
    *,
    source: Sequence[str] = (),
    table: Data | None = None,
    author: str = "",
) -> Data:
    """An item: ``answer`` are its paragraphs, ``author`` what is left to say for an author."""
    there = bool(answer or table)
    status = FILLED if not author else PART if there else AUTHOR
    return {
        "number": number,
        "name": name,
        "question": question,
        "status": status,
        "answer": list(answer),
        "table": table,
        "author": author,
        "from": list(source),
    }


def checked(section: Data, scenario: Scenario, settings: object) -> Data:
    """A section with the number of its ``filled`` items.

    Raises ValueError for an item that is filled with nothing, or whose source does not exist.
    """
    for one in section["items"]:
        where = f"{section['title']} {one['number']} ({one['name']})"
        there = [text for text in one["answer"] if text.strip()]
        if one["status"] != AUTHOR and not (there or (one["table"] and one["table"]["rows"])):
            raise ValueError(
                f"{where}: it counts as filled, and nothing stands there; fill it, or leave it to an author"
            )
        if one["status"] != AUTHOR and not one["from"]:
            raise ValueError(f"{where}: an answer without a source; name the key, the setting or the file")
        for source in one["from"]:
            if not exists(source, scenario, settings):
                raise ValueError(f"{where}: the source {source!r} does not exist; name a key, a setting or a file")
    filled = sum(one["status"] == FILLED for one in section["items"])
    return {**section, "filled": filled, "of": len(section["items"])}


def exists(source: str, scenario: Scenario, settings: object) -> bool:
    """Whether a source exists."""
    kind, _, place = source.partition(": ")
    if kind == "code":
        return place.startswith("sim/") and (ROOT / place).is_file()
    if kind == "setting":
        return hasattr(settings, place.removeprefix("run."))
    if kind != "scenario":
        return False
    found: Any = scenario.data
    for key in place.split("."):
        if isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, Mapping) and key in found:
            found = found[key]
        else:
            return False
    return found is not None


def keys(scenario: Scenario, *names: str) -> list[str]:
    """Sources for those of some keys of the scenario that it has."""
    return [f"scenario: {name}" for name in names if scenario.data.get(name)]


def rows(head: Sequence[str], found: Sequence[Sequence[str]]) -> Data:
    """A table as plain data."""
    return {"head": list(head), "rows": [[str(cell) for cell in row] for row in found]}
