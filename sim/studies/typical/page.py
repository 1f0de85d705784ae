"""The typical histories as people read them: per outcome the ways into it, and each history as a dated timeline."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, Final

from sim.statistics.shown import date_words, percent, plural, words
from sim.studies.size import read_words

WIDTH: Final = 118


def page(data: Mapping[str, Any]) -> list[str]:
    """Lines of the page."""
    of = data["replications"]
    lines = [f"{data['title']}: how it could happen"]
    lines += _filled(f"From {read_words(data.get('read', of), of)} of seed {data['seed']}, as of the end of "
                     f"{date_words(data['as_of'])}. {data['notes'][0]}")  # fmt: skip
    for ending in data["outcomes"]:
        head = f"{words(ending['name'])}: {ending['says']}"
        lines += ["", "", *_filled(head), "─" * min(len(head), WIDTH)]
        if ending["why"]:
            lines.append(f"{ending['why'][0].upper()}{ending['why'][1:]}.")
            continue
        lines.append(f"{percent(ending['share'])}, {plural(ending['histories'], 'simulated history')}. Ways into it:")
        for way in ending["paths"]:
            lines += _filled(way["words"], f"  {_share(way['share']):>12}  ", " " * 16)
        if ending["other"]["histories"]:
            other = ending["other"]
            lines.append(f"  {_share(other['share']):>12}  other ({plural(other['paths'], 'way')})")
        for place, one in enumerate(ending["typical"], 1):
            lines += ["", *_told(one, place, ending)]
    return [*lines, "", *_filled(f"Near: {data['distance']}"), *_filled(data["notes"][1])]


def _told(one: Mapping[str, Any], place: int, ending: Mapping[str, Any]) -> list[str]:
    of = len(ending["typical"])
    stands = (
        f"stands for {percent(one['represents'])} of the histories of this outcome"
        if of > 1
        else "the one nearest to the others of this outcome"
    )
    head = f"Typical history {place} of {of} ({one['label']}): number {one['replication']:,}, {stands}"
    body = [part for line in one["timeline"] for part in _filled(line, "  ", " " * 15)]
    if not body:
        body = ["  nothing happens"]
    return [*_filled(head), *body, *(part for line in one["ending"] for part in _filled(line, "  ", "  "))]


def _share(share: float) -> str:
    return percent(share)


def _filled(text: str, first: str = "", other: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=other, drop_whitespace=True) or [first]
