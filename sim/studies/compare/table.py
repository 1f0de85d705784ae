"""A comparison as people read it on a terminal: the headline by day, all differences on one day, what came first."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sim.statistics.shown import date_words, plural, with_range, words
from sim.studies.table import ruled

if TYPE_CHECKING:
    from rich.console import Console

#: Variants side by side in one table.
ABREAST: Final = 5
#: Differences within this of nothing are shown as nothing.
LEAST: Final = 0.0005
HUNDREDTH: Final = 0.01


def show(data: Mapping[str, Any], out: Console) -> None:
    """Print a comparison."""
    out.print(f"{data['title']}: what if?", style="bold")
    out.print(
        f"Each variant against the scenario as it is, from the end of {date_words(data['as_of'])}, on the same luck."
    )
    out.print()
    _headline(data, out)
    # Several tables of like width rather than a wide one and a narrow one.
    tables = -(-len(data["variants"]) // ABREAST)
    wide = -(-len(data["variants"]) // tables)
    for first in range(0, len(data["variants"]), wide):
        _differences(data, data["variants"][first : first + wide], out)
    for line in footer(data):
        out.print(line, style="dim")
    out.print()
    for variant in data["variants"]:
        out.print(parts(data, variant))


def _headline(data: Mapping[str, Any], out: Console) -> None:
    from rich.text import Text

    kind, name = data["event"]["kind"], data["event"]["name"]
    says = data["sentences"][kind][name]
    table = ruled(f"Chance of {words(name)}: {says}")
    table.add_column("")
    for day, date in data["days"].items():
        table.add_column(f"{day} days\n{date_words(date)}", justify="right", min_width=14)
    table.add_column(f"histories\nthat part by\n{date_words(data['days'][_last(data)])}", justify="right", no_wrap=True)
    table.add_row("as it is", *(_chance(data["as_it_is"][kind][name][day]) for day in data["days"]), "")
    for variant in data["variants"]:
        by = [variant[kind][name][day] for day in data["days"]]
        cells = [f"{_chance(numbers)}\n{points(numbers)}{_between(numbers)}" for numbers in by]
        parted = variant["parted"][_last(data)]["probability"]
        table.add_row(Text.assemble((words(variant["name"]), "bold"), f": {variant['says']}"), *cells, _parted(parted))
    out.print(table)


def _differences(data: Mapping[str, Any], variants: Sequence[Mapping[str, Any]], out: Console) -> None:
    """Events in which any of the variants makes a difference beyond its sampling error."""
    day = str(data["event"]["day"])
    table = ruled(f"Differences by {date_words(data['days'][day])}, in points")
    table.add_column("", no_wrap=True)
    table.add_column("as it is", justify="right", no_wrap=True)
    for variant in variants:
        table.add_column(words(variant["name"]), justify="right", min_width=12)
    still = []
    for kind, what in (("outcomes", "outcome: "), ("milestones", "")):
        for name, by in data["as_it_is"][kind].items():
            numbers = [variant[kind][name][day] for variant in variants]
            if any(clear(one) for one in numbers):
                table.add_row(f"{what}{words(name)}", _chance(by[day]), *map(points, numbers))
            else:
                still.append(f"{what}{words(name)}")
    if table.row_count:
        out.print(table)
    if still:
        out.print(f"No difference beyond its sampling error: {', '.join(still)}.")
        out.print()


def clear(numbers: Mapping[str, float]) -> bool:
    """Whether a difference is larger than its sampling error."""
    return abs(numbers["difference"]) > numbers["error"]


def footer(data: Mapping[str, Any]) -> list[str]:
    """What has to be said with the tables."""
    size = f"{data['inputs']:,} draws with {data['histories']:,} histories each"
    ranges = f" In brackets: 10–90 % range over the inputs ({size}), of differences, too." if data["inputs"] else ""
    played = plural(data["replications"], "simulated history")
    count = len(data["variants"]) * sum(len(data["as_it_is"][kind]) for kind in ("outcomes", "milestones"))
    lines = [
        f"{played} on each side, the same ones everywhere; seed {data['seed']}.{ranges} ±: 95 % sampling error of the "
        f"paired difference (Bonett and Price), for each number alone: of {count:,} on one day one in twenty may miss.",
        "A history parts when an action that both sides have, a milestone, the end or an outcome comes in one of the "
        "two and not in the other, at another time or in another way.",
    ]
    own = [words(variant["name"]) for variant in data["variants"] if variant["own_past"]]
    if own:
        lines.append(
            f"Another law of an input or hidden start, which holds in the past, too: {', '.join(own)}. There the same "
            "history can have other inputs. All other variants share the scenario's past and inputs."
        )
    same = [words(variant["name"]) for variant in data["variants"] if variant["same_model"]]
    if same:
        lines.append(f"The same model as the scenario as it is: {', '.join(same)}.")
    return lines


def parts(data: Mapping[str, Any], variant: Mapping[str, Any]) -> str:
    """Where the first history that parts does so, and what became of it."""
    name, first = words(variant["name"]), variant["first"]
    if not first:
        return f"{name}: none of {plural(data['replications'], 'history')} parts."
    told = [f"{name}: the first that parts is history {first['replication']:,}."]
    if first["start"]:
        told.append(f"At the start {'; '.join(first['start'])}.")
    both = first["then"] if first["then"] != first["first"] else None
    for event in (first["first"], both):
        if event:
            instead = f" (instead of: {event['instead']})" if event["instead"] else ""
            told.append(f"{date_words(event['date'])}, {_SIDE[event['side']]}: {event['says']}{instead}.")
    told.append(
        f"As it is: {first['outcomes'][0]} The variant: {first['outcomes'][1]} See first-{variant['name']}.txt."
    )
    return textwrap.fill(" ".join(told), 128, subsequent_indent="  ")


_SIDE: Final = {"as_it_is": "only as it is", "variant": "only in the variant"}


def points(numbers: Mapping[str, float]) -> str:
    """A difference in points with its error; what rounds to nothing has no sign."""
    difference = numbers["difference"]
    text = "0.0" if abs(difference) < LEAST else f"{100 * difference:+.1f}"
    return f"{text} ± {100 * numbers['error']:.1f}"


def _chance(five: Mapping[str, float]) -> str:
    return with_range(five["probability"], five["range_low"], five["range_high"])


def _between(numbers: Mapping[str, float]) -> str:
    """The range of a difference over the inputs, in whole points; nothing where there is none."""
    low, high = (round(100 * numbers[f"difference_range_{end}"]) for end in ("low", "high"))
    return f" ({low:+d} to {high:+d})".replace("+0", "0") if low != high else ""


def _parted(share: float) -> str:
    """A share of histories, which is counted and not judged: to the nearest point."""
    if share in (0.0, 1.0):
        return "none" if share == 0.0 else "all"
    return "under 1 %" if share < HUNDREDTH else f"{min(round(100 * share), 99)} %"


def _last(data: Mapping[str, Any]) -> str:
    return str(data["until_days"])
