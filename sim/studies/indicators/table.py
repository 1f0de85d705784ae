"""Indicators as people read them on a terminal: what says most first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.statistics.intervals import zero_event_bound
from sim.statistics.shown import date_words, percent, plural, words
from sim.studies.size import read_words
from sim.studies.table import ruled

if TYPE_CHECKING:
    from rich.console import Console

#: Signs without a factor are named up to so many.
NAMED: Final = 8
#: Factors past this are told by their lower end only.
VAST: Final = 1000.0


def show(data: Mapping[str, Any], out: Console) -> None:
    """Print indicators."""
    from rich.text import Text

    out.print(f"{data['title']}: what to watch for", style="bold")
    out.print(f"Target: {data['headline']}, from the end of {date_words(data['as_of'])}.")
    of = data["replications"]
    if data["probability"] is None:
        out.print(f"It has happened by the end of {date_words(data['window_date'])} in every simulated history.")
    else:
        out.print(
            f"Where it has not come about by the end of {date_words(data['window_date'])} (day {data['window']}; "
            f"{data['at_risk']:,} of {read_words(data.get('read', of), of)}), its chance is "
            f"{percent(data['probability'])}."
        )
    out.print()
    ranked = [row for row in data["rows"] if not row["why"]]
    if ranked:
        table = ruled()
        table.add_column("seen by then")
        for label in ("how often", "chance\nif seen", "chance\nif not seen", "factor on the odds\n(95 % sampling)"):
            table.add_column(label, justify="right", no_wrap=True)
        table.add_column("bits,\nthousandths", justify="right", no_wrap=True)
        table.add_column("days ahead,\nmedian (10–90 %)", justify="right", no_wrap=True)
        for row in ranked:
            table.add_row(
                Text.assemble((title(row), "bold"), "" if row["kind"] == "count" else f": {row['says']} ({who(row)})"),
                percent(row["seen_share"]),
                percent(row["chance_seen"]),
                percent(row["chance_unseen"]),
                f"{factor(row)}{'' if row['clear'] else ' *'}",
                f"{1000 * row['bits']:.2f}",
                ahead(row),
            )
        out.print(table)
    for line in footer(data):
        out.print(line, style="dim")


def title(row: Mapping[str, Any]) -> str:
    """A sign in a few words; what is over with it is marked."""
    name = row["says"].partition(" (")[0] if row["kind"] == "count" else words(row["name"])
    return f"{name} †" if row.get("over") else name


def who(row: Mapping[str, Any]) -> str:
    """Who sees a sign, and how late."""
    late = f", {plural(int(row['delay']), 'day')} late" if row["delay"] else ""
    return f"{'the public' if row['public'] else row['seen_by']}{late}"


def factor(row: Mapping[str, Any]) -> str:
    """The factor with its interval: ``"0.68 (0.64–0.71)"``, ``"at most 0.007"``, ``"at least 57"``."""
    low, high = row["factor_low"], row["factor_high"]
    if row["factor"] == 0.0:
        return f"at most {_digits(high)}"
    if high is None or high > VAST:
        return f"at least {_digits(low)}"
    return f"{_digits(row['factor'])} ({_digits(low)}–{_digits(high)})"


def ahead(row: Mapping[str, Any]) -> str:
    """How many days before the target it is seen."""
    lead = row["lead"]
    return "–" if lead is None else f"{lead['median']:.0f} ({lead['low']:.0f}–{lead['high']:.0f})"


def footer(data: Mapping[str, Any]) -> list[str]:
    """What has to be said with the table."""
    rows, lines = data["rows"], list(data["notes"])
    known = {row["name"]: row for row in rows}
    if any(not row["clear"] and not row["why"] for row in rows):
        lines.append("* may be luck: not told from no information at all (5 % for the whole table, Holm's test).")
    if any(row["over"] for row in rows):
        lines.append("† with it the history is over, in the model; these stand last.")
    if any(row["lead"] for row in rows):
        lines.append(
            "Days ahead: from when it can be seen to the target, in the histories in which it is seen first, by the "
            "target's day."
        )
    for pair in data["pairs"]:
        first, second = (title(known[name]) for name in pair["names"])
        told = ", ".join(
            f"{label} {percent(pair['chances'][key])}"
            for key, label in (
                ("both", "both"), ("first", f"only {first}"), ("second", f"only {second}"), ("neither", "neither"),
            )
            if pair["chances"][key] is not None
        )  # fmt: skip
        lines.append(
            f"More together: {first} with {second}, {1000 * pair['beyond']:.2f} thousandths of a bit beyond "
            f"{title(known[pair['better']])} alone ({told})."
        )
    if data["pairs_tested"]:
        lines.append(
            f"Pairs: {data['pairs_tested']} tested, those shown pass Holm's test over all of them (one false pair in "
            "all with a chance of at most 5 %)."
            if data["pairs"]
            else f"Pairs: {data['pairs_tested']} tested, none says clearly more than the better one of it alone."
        )
    for why in dict.fromkeys(row["why"] for row in rows if row["why"]):
        names = [title(row) for row in rows if row["why"] == why]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        lines.append(f"No factor: {', '.join(names[:NAMED])}{more} ({why}).")
    never = max((row["at_risk"] for row in rows if row["seen_high"] is not None), default=0)
    if never:
        lines.append(
            f"What was never seen may still be seen in up to {_digits(100 * zero_event_bound(never))} % of them."
        )
    if any(row["kind"] == "count" for row in rows):
        lines.append("Counts: by the end of that day, in the first histories; the scenario does not say who sees them.")
    if not rows:
        lines.append("The scenario has no other milestone that could be a sign.")
    return lines


def _digits(value: float) -> str:
    return f"{value:.2f}" if 0.1 <= value < 10 else f"{float(f'{value:.2g}'):,g}"
