"""The part of a page that answers to its reader: statements weighed and inputs narrowed on the histories it carries.

Its numbers are computed in the browser by ``live_weights.js``, after :mod:`sim.beliefs.weighing`; ``live.js`` reads the
dials, keeps them in the address and shows what comes of them. :mod:`sim.studies.report.carried` gathers the histories.
Without a script, and on paper, the part is not there.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from sim.report.page import environment, text

#: Inputs that are shown at once; the others wait behind a click or a search.
SHOWN: Final = 6

Data = dict[str, Any]


def part(carried: Mapping[str, Any] | None, horizons: Sequence[int]) -> Data:
    """What :func:`sim.report.page.render` takes of a live part: markup, data, script and style; nothing without data.

    ``horizons`` are the days of the headline, the last but one of them its main day.
    """
    if carried is None:
        return {}
    as_of = datetime.date.fromisoformat(carried["as_of"])
    event = carried["event"]
    named = next(one for one in carried[event["kind"]] if one["name"] == event["name"])
    milestones = [one["name"] for one in carried["milestones"]]
    markup = (
        environment()
        .get_template("live.html.j2")
        .render(
            carried=carried,
            event={**event, **named, "at": "by" if event["kind"] == "milestones" else "on"},
            days=[{"day": day, "date": (as_of + datetime.timedelta(days=day)).isoformat()} for day in horizons],
            main=horizons[-2] if len(horizons) > 1 else horizons[-1],
            chosen=milestones.index(event["name"]) if event["name"] in milestones else 0,
            shown=SHOWN,
        )
    )
    script = text("live_weights.js") + text("live_shown.js") + text("live.js")
    return {"live": Markup(markup), "carried": carried, "script": script, "extra": text("live.css")}
