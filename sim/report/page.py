"""One page per run, from plain data: everything in one file, nothing fetched.

**Structure.** `report.html.j2` is the frame; it includes `first.html.j2` (what the first screen says, in its order),
`figures.html.j2` (drawings, each with alternative text and its numbers as a table) and `rests.html.j2` (what every
number rests on, how it was computed, responsible use). The style sheet `report.css` is inlined; drawings take their
colours from it, so they follow light and dark. Sections have ids: ``first`` (in it ``question``, ``headline``,
``beside``, ``course``, ``changed``, ``hangs``, ``watch``, ``silent``, ``record``, ``sources``), ``live``, ``outcomes``,
``bands``, ``drivers``, ``indicators``, ``typical``, ``rests``, ``made``, ``use``.

**A live part** goes into ``<section id="live">``, which stays hidden until a script shows it: `render` takes its markup
(``live``: Markup), its data (``carried``: plain data, put as JSON into ``<script type="application/json"
id="carried">``) and its ``script`` (plain JavaScript, at the end of the body). What a script may move is marked: the
bars of an outcome by ``data-outcome`` and ``data-day``, the headline by ``data-day`` in ``#headline``, a milestone's
curve by ``data-milestone``.

**Security.** Labels are escaped by jinja2. The policy allows the one style sheet and the one script by their hashes and
nothing else: no request, no attribute with style or code in it. Hence neither template may use ``style=`` or ``on…=``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from markupsafe import Markup

from sim.report import drawn
from sim.report.words import label
from sim.statistics.shown import date_words, plural, words

FRAME: Final = "report.html.j2"
#: A blank between a number and per cent, or on either side of plus-minus.
SIGNS: Final = re.compile(r"(?<=\d) (?=%)|(?<=±) (?=\d)|(?<=\d) (?=±)")


def render(
    data: Mapping[str, Any],
    *,
    live: str = "",
    carried: Mapping[str, Any] | None = None,
    script: str = "",
    extra: str = "",
) -> str:
    """The page as HTML.

    ``data`` is what :func:`sim.studies.report.study.gathered` gives. ``live`` is markup of a part that ``script``
    brings to life with the data ``carried``; ``extra`` is its style.
    """
    style = text("report.css") + extra
    return str(
        environment()
        .get_template(FRAME)
        .render(
            **{**data, "headline": drawn.headline(data), "hangs": drawn.hangs(data)},
            figures=drawn.figures(data),
            style=Markup(style),
            policy=_policy(style, script),
            live=Markup(live),
            carried=_json(carried) if carried is not None else None,
            script=Markup(script),
        )
    )


def _policy(style: str, script: str) -> str:
    """Content-Security-Policy that allows this style and this script, and no request at all."""
    allowed = [f"style-src {_hash(style)}", "img-src data:", "base-uri 'none'", "form-action 'none'"]
    return "; ".join(["default-src 'none'", *([f"script-src {_hash(script)}"] if script else []), *allowed])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(data: Mapping[str, Any]) -> Markup:
    """Data as JSON that cannot end the element it stands in."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


@cache
def environment() -> Any:
    """What sets a template, with its filters; labels are escaped."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    # What cannot be looked up is an error and not a gap in the page.
    found = Environment(
        loader=FunctionLoader(text), autoescape=True, undefined=StrictUndefined, finalize=_bound, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    found.filters |= {"date": date_words, "words": lambda name: label(words(name)), "label": label}
    found.globals["plural"] = plural
    return found


def _bound(value: Any) -> Any:
    """Text in which no number is torn from its sign at the end of a line; markup, a script among it, stays as it is."""
    return SIGNS.sub("\u00a0", value) if type(value) is str else value


def text(name: str) -> str:
    """A file that lies beside this one."""
    return files("sim.report").joinpath(name).read_text(encoding="utf-8")
