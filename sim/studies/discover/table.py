"""The regions as people read them on a terminal: a sentence, its limits one by one, and the other regions there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sim.statistics.shown import date_words, percent, plural, words
from sim.studies.table import ruled

if TYPE_CHECKING:
    from rich.console import Console


def show(data: Mapping[str, Any], out: Console, number: int | None = None) -> None:
    """Print the regions of an event, one (by its number from 1; None: the one chosen by rule) in full."""
    number = data["chosen"] if number is None else number
    out.print(f"{data['title']}: which inputs lead there", style="bold")
    out.print(f"The event: {data['headline']}, from the end of {date_words(data['as_of'])}.")
    out.print()
    out.print(verdict(data, number))
    if number:
        out.print()
        out.print(_limits(data["boxes"][number - 1], number))
        out.print(_boxes(data, number))
    for line in footer(data, number):
        out.print(line, style="dim")


def verdict(data: Mapping[str, Any], number: int) -> str:
    """What was found, in a sentence or two."""
    first, second = data["events"]
    if not data["enough"]:
        return (
            f"The event happens in {first:,} and {second:,} simulated histories of the two halves: too few to find a "
            "region by. More run.replications may help; a longer deadline or a commoner event does."
        )
    if not number:
        return f"No region: in {percent(data['overall'])} of simulated histories, whatever the inputs."
    box = data["boxes"][number - 1]
    text = (
        f"In {percent(box['overall'])} of simulated histories overall; in {percent(box['density'])} where "
        f"{rule(box['limits'])}. That region holds {percent(box['coverage'])} of all such histories, and "
        f"{percent(box['share'])} of the draws."
    )
    if number == data["chosen"] and not data["found"]:
        return (
            f"No region: the best one found on the first half ({rule(box['limits'])}) does not stand out on the "
            f"second, where the event happens in {100 * box['density']:.1f} % of it and in "
            f"{100 * box['overall']:.1f} % overall (as much by luck with a chance of {_chance(box['luck'])})."
        )
    weak = [words(limit["name"]) for limit in box["limits"] if not limit["holds_up"]]
    if weak:
        text += f" On the second half luck would do as well as the limit on {', '.join(weak)}: do not lean on it."
    return text


def rule(limits: Sequence[Mapping[str, Any]]) -> str:
    """The limits of a region as one phrase."""
    phrases = [f"{words(limit['name'])} is {limit_words(limit)}" for limit in limits]
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def limit_words(limit: Mapping[str, Any]) -> str:
    """A limit in the unit of its input: ``above 0.027 per d``, ``between 2 and 3``, ``removal``."""
    if "levels" in limit:
        return " or ".join(limit["levels"])
    low, high = (amount(limit["kind"], limit[end]) for end in ("low", "high"))
    if low and high:
        return f"between {low} and {high}"
    return f"above {low}" if low else f"below {high}"


def amount(kind: str, value: float | None) -> str:
    """A number with its unit, to three digits; nothing for none."""
    if value is None:
        return ""
    unit = {"per day": " per d", "days": " d"}.get(kind, "")
    return f"{float(f'{value:.3g}'):,g}{unit}"


def draws_words(limit: Mapping[str, Any]) -> str:
    """Which of its own draws a limit lets in: ``the upper 60 %``."""
    if "levels" in limit:
        return f"{100 * limit['of']:.0f} % of them"
    below, up_to = 100 * limit["below"], 100 * limit["up_to"]
    if limit["low"] is not None and limit["high"] is not None:
        return f"{below:.0f} % to {up_to:.0f} % point"
    return f"upper {100 - below:.0f} %" if limit["low"] is not None else f"lower {up_to:.0f} %"


def _limits(box: Mapping[str, Any], number: int) -> Any:
    table = ruled(f"Region {number}, limit by limit, on the half that had no say in it")
    table.add_column("")
    table.add_column("of its draws")
    for head in ("without this\nlimit, %", "with it, %", "as much\nby luck"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("holds up")
    for limit in box["limits"]:
        table.add_row(
            f"{words(limit['name'])} is {limit_words(limit)}",
            draws_words(limit),
            f"{100 * limit['without']:.1f}",
            f"{100 * limit['within']:.1f}",
            _chance(limit["luck"]),
            "yes" if limit["holds_up"] else "no",
        )
    return table


def _boxes(data: Mapping[str, Any], number: int) -> Any:
    table = ruled("Regions on offer, from wide to dense")
    table.add_column("")
    for head in ("happens in, %", "holds of\nsuch histories, %", "share of\nthe draws, %"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("where")
    for place, box in enumerate(data["boxes"], 1):
        cells = [with_error(box, key) for key in ("density", "coverage", "share")]
        where = "; ".join(f"{words(limit['name'])} {limit_words(limit)}" for limit in box["limits"])
        table.add_row(f"{place}{'*' if place == data['chosen'] else ''}", *cells, where)
    return table


def with_error(box: Mapping[str, Any], key: str) -> str:
    """A share of a region in points with its error."""
    low, high = box["intervals"][key]
    # The interval is not even; near 0 and 100 % its longer side is nearly all of it.
    return f"{100 * box[key]:.1f} ± {100 * max(high - box[key], box[key] - low):.1f}"


def _chance(chance: float) -> str:
    return f"{chance:.2f}" if chance >= 0.01 else f"{chance:.3f}" if chance >= 0.001 else "under .001"


def footer(data: Mapping[str, Any], number: int) -> list[str]:
    """What has to be said with the tables."""
    lines = [
        f"{plural(data['replications'], 'simulated history')}, seed {data['seed']}, each with draws of its own of "
        f"{plural(data['inputs'], 'uncertain input')}: {data['sought']:,} to find regions by, {data['judged']:,} "
        "others to judge them; all shares are those of the latter, ±: 95 % sampling error. Chances under assumptions."
    ]
    if number:
        lines += [
            "* by rule: the largest (chance within - chance overall) x root of the share of the draws, on the first "
            "half. Limits that luck explains there with a chance above .001 were dropped, and all but "
            f"{data['limits']} of the others.",
            "study.box=NUMBER tells another region, study.limits=NUMBER makes rules shorter or longer.",
            "As much by luck: the chance that a limit which does nothing would raise the share so far (exact, as none "
            "of these histories had a say in it); beyond .05 it does not hold up.",
        ]
    if data["rare"]:
        lines.append(f"Too rare for a limit of their own (under 5 % of the draws): {', '.join(data['rare'])}.")
    return lines
