"""A forecast held against what was reported, as people read it on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.statistics.shown import date_words, percent, plural, words
from sim.studies.table import NOTHING, ruled

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: Units of inputs, as they stand behind a number.
UNITS: Final = {"number": "", "days": " d", "per day": " per d"}
UNCHANGED: Final = "unchanged by data"
#: From here on a percentile is shown with one decimal.
TAIL: Final = 0.01


def show(data: Mapping[str, Any], out: Console) -> None:
    """Print what was simulated beside what was reported, and what the reports say of inputs and milestone."""
    out.print(f"{data['title']}: a forecast held against what was reported later", style="bold")
    out.print(f"Forecast as of the end of {date_words(data['as_of'])}, reports until {date_words(data['known'])}.")
    out.print()
    out.print(_facts(data))
    for line in [*(sentence(fact, data) for fact in data["facts"]), *joint(data)]:
        out.print("\n".join(textwrap.wrap(line, out.width - 2, subsequent_indent="  ")))
    out.print()
    if data["inputs"] or data["hidden"]:
        out.print(_inputs(data))
    if data["milestone"] is not None:
        out.print("\n".join(textwrap.wrap(milestone(data["milestone"]), out.width - 2)), style="bold")
    for line in footer(data):
        out.print("\n".join(textwrap.wrap(line, out.width - 2)), style="dim")


def reported(fact: Mapping[str, Any]) -> str:
    """The number with how it is read: ``at least 83``, ``roughly 15 thousand``."""
    how = "" if fact["reading"] == "exactly" else f"{fact['reading']} "
    return f"{how}{fact['value']:,}{' ' + fact['unit'] if fact['unit'] else ''}"


def sentence(fact: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Where a report lies in what was simulated, in words."""
    head = f"{words(fact['name'])}: {reported(fact)}, by {date_words(fact['date'])}"
    low, middle, high = fact["quantiles"][0], fact["quantiles"][2], fact["quantiles"][-1]
    spread = f"median {middle:,.0f}, 90 % of the histories {low:,.0f} to {high:,.0f}"
    first = fact is data["facts"][0]
    if fact["reading"] == "at least":
        then = f"; given the facts above, {percent(fact['given'])}" if not first and fact["given"] is not None else ""
        just = f". Read exactly it would lie at the {percentile(fact['exactly'])}{' given them' if then else ''}"
        just = just if fact["exactly"] is not None else ""
        return f"{head}: {percent(fact['place'])} of the histories have so many or more{then} ({spread}){just}."
    then = f", and at the {percentile(fact['given'])} given the facts above" if fact["given"] is not None else ""
    return f"{head}, lie at the {percentile(fact['place'])} of what was simulated{'' if first else then} ({spread})."


def percentile(place: float) -> str:
    """``80th percentile``; near the ends with a decimal: ``99.6th percentile``."""
    share = 100.0 * place
    if not TAIL <= place <= 1.0 - TAIL:
        return f"{min(max(share, 0.1), 99.9):.1f}th percentile"  # never quite at either end
    number = round(share)
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number not in (11, 12, 13) else 0, "th")
    return f"{number}{ending} percentile"


def joint(data: Mapping[str, Any]) -> Iterator[str]:
    """What all reports together say of the forecast."""
    if len(data["facts"]) > 1:
        chance = percent(data["together"])
        yield f"Together: had the model been right, reports that surprise so much would come in {chance} of cases."
    if not data["matched"]:
        yield (
            f"Not one of {data['simulated']:,} histories agrees with all of it, so that nothing can be said of the "
            "inputs. Give more run.replications, or fewer study.facts."
        )
    else:
        share = 1.0 / data["agreeing"]
        yield (
            f"1 history in {share:,.0f} agrees with all of it: {data['matched']:,} of {data['simulated']:,}, worth "
            f"{data['effective']:,.0f} of equal weight."
        )


def milestone(found: Mapping[str, Any]) -> str:
    """What the reports make of the milestone."""
    name = f"{words(found['name'])} ({found['says']})"
    if found["posterior"] is None:
        return f"{name}: by {date_words(found['date'])} {percent(found['prior']['by'])}, as forecast."
    return (
        f"{name}: by {date_words(found['date'])} {_moved(found, 'by')}; if not by then, by {date_words(found['end'])} "
        f"{_moved(found, 'after')}."
    )


def _moved(found: Mapping[str, Any], key: str) -> str:
    before, after = found["prior"][key], found["posterior"][key]
    if before is None or after is None:
        return NOTHING
    low, high = (found["posterior"][f"{key}{end}"] for end in ("_low", "_high"))
    luck = f"{100 * low:.1f} to {100 * high:.1f} % with other luck"
    return f"{percent(before)} as forecast, {percent(after)} given the reports ({luck})"


def footer(data: Mapping[str, Any]) -> list[str]:
    """What has to be said with the numbers."""
    rule = data["rule"]
    rough = [f"{words(f['name'])}: {f['spread']:.0%} ({f['why']})" for f in data["facts"] if f["reading"] == "roughly"]
    lines = [
        f"{plural(data['simulated'], 'simulated history')}, seed {data['seed']}. Read exactly: only histories with that"
        " number count. At least: those with so many or more. Roughly: the better they agree, the more they count"
        + (f"; give or take (one standard deviation) {'; '.join(rough)}." if rough else "."),
    ]
    if data["ran_away"]:
        lines.append(f"{plural(data['ran_away'], 'history')} ran away and count for nothing.")
    if data["matched"]:
        lines.append(
            f"{UNCHANGED[0].upper()}{UNCHANGED[1:]}: no percentile has moved by more than {100 * rule['tiny']:.0f} "
            f"points, or by more than luck may move it with so few histories ({100 * rule['critical']:.0f} points; one "
            "false alarm in a hundred such tables)."
        )
    lines.append(
        "What agrees with the reports is not thereby true: all that the model cannot do was ruled out beforehand. Each "
        "finding enters once: here as an observation, from its own date on as a start value."
    )
    return lines


def _facts(data: Mapping[str, Any]) -> Table:
    table = ruled("What was reported, and what had been simulated")
    table.add_column("")
    for column in ("by", "reported", "median", "5–95 %", "percentile", "given those above"):
        table.add_column(column, justify="right")
    for fact in data["facts"]:
        low, middle, high = fact["quantiles"][0], fact["quantiles"][2], fact["quantiles"][-1]
        places = [_place(fact, fact["place"]), _place(fact, fact["given"])]
        if fact is data["facts"][0]:
            places[1] = NOTHING
        shown = (f"{middle:,.0f}", f"{low:,.0f}–{high:,.0f}")
        table.add_row(words(fact["name"]), date_words(fact["date"]), reported(fact), *shown, *places)
    return table


def _place(fact: Mapping[str, Any], place: float | None) -> str:
    if place is None:
        return NOTHING
    return (
        f"{percent(place)} so many" if fact["reading"] == "at least" else percentile(place).removesuffix("percentile")
    )


def _inputs(data: Mapping[str, Any]) -> Table:
    table = ruled("What the reports say of the inputs: mean (10–90 %)")
    table.add_column("")
    for column in ("assumed", "given the reports", "moved, points"):
        table.add_column(column, justify="right")
    table.add_column("")
    for row in data["inputs"]:
        after = row["posterior"]
        new = _range(after["mean"], after["ends"], row["kind"]) if after else NOTHING
        old = _range(row["prior"]["mean"], row["prior"]["ends"], row["kind"])
        table.add_row(words(row["name"]), old, new, *_mark(row, bool(after)))
    for row in data["hidden"]:
        # The first value has what the others leave.
        for level in row["levels"][1:]:
            name = f"{words(row['name'])}: {level['word']}"
            new = percent(level["posterior"]) if level["posterior"] is not None else NOTHING
            table.add_row(name, percent(level["prior"]), new, *_mark(row, level["posterior"] is not None))
    return table


def _mark(row: Mapping[str, Any], known: bool) -> tuple[str, str]:
    if not known:
        return NOTHING, ""
    return f"{100 * row['distance']:.0f}", UNCHANGED if row["unchanged"] else ""


def _range(mean: float, ends: list[float], kind: str) -> str:
    return f"{mean:.3g} ({ends[0]:.3g}–{ends[-1]:.3g}){UNITS[kind]}"
