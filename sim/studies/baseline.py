"""The one-page rival of a forecast: past cases, moved in log-odds by what is special here; nothing is simulated."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.statistics.rival import ENDS, Adjustment, PastCases, jeffreys_curve, one_page
from sim.statistics.shown import between, date_words, percent, plural, with_range, words

if TYPE_CHECKING:
    from pathlib import Path

    from sim.scenario.scenario import Adjustment as Special
    from sim.scenario.scenario import BaseRate, Scenario
    from sim.studies.order import Order
    from sim.studies.settings import Settings

STUDY: Final = "baseline"
SETTINGS: Final = ()
WIDTH: Final = 110
LABEL: Final = 46
CELL: Final = 21

Data = dict[str, Any]


def answer(order: Order) -> int:
    """Print the page of an order's scenario and keep it."""
    from sim.studies.order import say_folder

    lines, folder = write(order.scenario(), order.settings, order.results, order.command)
    print("\n".join(lines))
    print()
    say_folder(folder)
    return 0


def write(scenario: Scenario, settings: Settings, results: Path, command: str = "") -> tuple[list[str], Path]:
    """The page of a scenario in words and as JSON; returns its lines and the folder in which both lie."""
    from sim.runs import store
    from sim.studies.forecast import identity_of, task_of
    from sim.studies.kept import kept
    from sim.studies.settings import RESTART

    task = task_of(scenario, replace(settings, past=RESTART))  # no history is simulated, so there is no past either
    data: Data = {
        "format": store.FORMAT,
        "study": STUDY,
        "scenario": scenario.name,
        "title": scenario.title,
        "as_of": scenario.as_of.isoformat(),
        "days": {str(day): scenario.date(day).isoformat() for day in task.days},
        "rival": pages(scenario, task.days),
        "left_out": left_out(scenario),
        "sentences": {m.name: m.says for m in scenario.milestones},
    }
    identity = identity_of(scenario, task)
    folder = store.run_folder(results, scenario.name, STUDY, identity.configuration)
    made = {"configuration": identity.configuration, "model": identity.model, "command": command}
    # Nothing is simulated: what lies there is shown if it is this very page, and else written afresh.
    asked = 0 if store.read_json(folder / "summary.json") == data else 1
    shown = kept(folder, made, asked, lambda _: data, None, again=settings.again, also=_page_file)
    return tell(shown), folder


def _page_file(data: Data) -> dict[str, bytes]:
    return {"page.txt": ("\n".join(tell(data)) + "\n").encode()}


# ------------------------------------------------------------------------------------------------------ numbers
def pages(scenario: Scenario, days: Sequence[int]) -> dict[str, Data]:
    """The rival's page for every milestone with base rates: milestone -> plain data, unrounded.

    ``by`` day: ``probability`` (mean over the doubts), ``range_low`` and ``range_high`` (10-90 %), ``pooled`` (all
    classes) and ``by_hand`` (with the adjustments, every doubt at its middle); null past the last day of the classes.
    """
    return {name: _page(scenario, name, days) for name in dict.fromkeys(r.milestone for r in scenario.base_rates)}


def jeffreys_by_day(rate: BaseRate) -> dict[str, list[float]]:
    """10-90 % interval of each share of a class, from the number of its cases."""
    low, high = jeffreys_curve(_cases(rate, 1.0), list(rate.by), ENDS)
    ends = zip(low.tolist(), high.tolist(), strict=True)
    return {f"{day:g}": list(pair) for day, pair in zip(rate.by, ends, strict=True)}


def left_out(scenario: Scenario) -> list[str]:
    """What the page ignores, in sentences."""
    covered = {rate.milestone for rate in scenario.base_rates}
    inputs = [quantity.name for quantity in scenario.inputs if not quantity.constant]
    read = sorted({a.input for rival in scenario.rivals for a in rival.adjustments} & set(inputs))
    named = f" ({', '.join(words(name) for name in read)})" if read else ""
    return [
        "It knows no course of events: no step that has to come before another, no talks that open or fail, no answer "
        "of the other side, no date ahead.",
        f"It speaks of {len(covered)} of {plural(len(scenario.milestones), 'milestone')}, those with past cases, and "
        "of no outcome.",
        f"Of the model's {plural(len(inputs), 'uncertain input')} it reads {len(read)}{named}.",
        "It takes the past cases for cases like this one. Classes may share cases, and are pooled as if each told "
        "something of its own.",
        "A factor multiplies the odds by every day alike: it makes things likelier, not sooner.",
    ]


def _cases(rate: BaseRate, weight: float) -> PastCases:
    return PastCases(rate.n, tuple(rate.by), tuple(rate.by.values()), weight)


def _page(scenario: Scenario, milestone: str, days: Sequence[int]) -> Data:
    rates = [rate for rate in scenario.base_rates if rate.milestone == milestone]
    rival = next((r for r in scenario.rivals if r.milestone == milestone), None)
    special = rival.adjustments if rival is not None else ()
    patterns = rival.patterns if rival is not None else ()
    found = one_page(
        [_cases(rate, rate.weight) for rate in rates],
        [Adjustment(a.law.quantile, a.usual) for a in special],
        patterns,
        days,
    )
    keys = ("probability", "range_low", "range_high", "pooled", "by_hand")
    columns = zip(found.probability, found.low, found.high, found.pooled, found.by_hand, strict=True)
    by = [_numbers(keys, column) for column in columns]
    classes = []
    for i, rate in enumerate(rates):
        three = zip(found.cases[i], found.cases_low[i], found.cases_high[i], strict=True)
        shown = [_numbers(("share", "range_low", "range_high"), column) for column in three]
        label = {"label": rate.label, "n": rate.n, "weight": rate.weight, "source": rate.source}
        classes.append({**label, "by": _by_day(days, shown)})
    return {"by": _by_day(days, by), "classes": classes, "adjustments": [_adjustment(a) for a in special]}


def _adjustment(special: Special) -> Data:
    low, median, high = special.law.quantile(np.array([ENDS[0], 0.5, ENDS[1]])).tolist()
    return {
        "says": special.says,
        "odds": {"median": median, "low": low, "high": high},
        "chance": special.chance,
        "usual": special.usual,
        "input": special.input or None,
        "basis": {
            "kind": special.evidence.kind,
            "why": special.evidence.why,
            "reports": list(special.evidence.reports),
        },
    }


def _numbers(keys: Sequence[str], values: Iterable[Any]) -> dict[str, float] | None:
    """The numbers by their keys; None where there is no answer."""
    numbers = dict(zip(keys, map(float, values), strict=True))
    return None if any(math.isnan(number) for number in numbers.values()) else numbers


def _by_day(days: Sequence[int], values: Sequence[Any]) -> Data:
    return {str(day): value for day, value in zip(days, values, strict=True)}


# -------------------------------------------------------------------------------------------------------- words
def tell(data: Mapping[str, Any]) -> list[str]:
    """The page in words: the classes, each factor, the result, and what it ignores."""
    lines = [
        f"{data['title']}: the one-page rival",
        f"How past cases went, moved by what is special here; nothing is simulated. From the end of "
        f"{date_words(data['as_of'])}.",
        "In brackets: 10–90 % range, of past cases for so few (Jeffreys). Between the days counted, shares are "
        "interpolated.",
    ]
    if not data["rival"]:
        return [*lines, "", "The scenario holds no base rates, so there is nothing to start from: add `base_rates`."]
    days = data["days"]
    for name, page in data["rival"].items():
        lines += ["", *textwrap.wrap(f"{words(name)}: {data['sentences'].get(name, '')}", WIDTH)]
        lines.append(" " * LABEL + "".join(f"{f'{day} days':>{CELL}}" for day in days))
        lines.append(" " * LABEL + "".join(f"{date_words(date):>{CELL}}" for date in days.values()))
        lines += _told(page, list(days))
    lines += ["", "What the page leaves out"]
    for sentence in data["left_out"]:
        lines += textwrap.wrap(f"- {sentence}", WIDTH, subsequent_indent="  ")
    return lines


def _told(page: Mapping[str, Any], days: Sequence[str]) -> Iterator[str]:
    for past in page["classes"]:
        weight = "" if past["weight"] == 1 else f", weight {past['weight']:g}" if past["weight"] else ", not pooled"
        label = f"past cases (n = {past['n']}{weight}): {past['label']}"
        yield from _row(label, [_past(past["by"][day], past["n"]) for day in days], past["source"])
    if len(page["classes"]) > 1:
        yield from _row("pooled in log-odds", [_single(page["by"][day], "pooled") for day in days])
    for special in page["adjustments"]:
        odds = special["odds"]
        spread = f" ({odds['low']:.2g}–{odds['high']:.2g})" if odds["high"] > odds["low"] else ""
        chance = "" if special["chance"] > 1 - 1e-9 else f", with a chance of {percent(special['chance'])}"
        chance = chance if special["chance"] > 0 else ", not so on this date"
        usual = f"; taken to be so in {100 * special['usual']:.2g} % of past cases" if special["usual"] else ""
        whence = f"input {special['input']}" if special["input"] else f"{special['basis']['kind']}"
        why = f": {special['basis']['why']}" if special["basis"]["why"] else ""
        text = f"odds × {odds['median']:.2g}{spread}{chance}: {special['says']}{usual} [{whence}{why}]"
        yield from textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="      ")
    yield from _row("by hand: every doubt at its middle", [_single(page["by"][day], "by_hand") for day in days])
    yield from _row("one-page rival: mean over the doubts", [_ranged(page["by"][day], "probability") for day in days])


def _row(label: str, cells: Sequence[str], note: str = "") -> Iterator[str]:
    first, *rest = textwrap.wrap(label, LABEL - 4)
    yield f"  {first:<{LABEL - 2}}" + "".join(f"{cell:>{CELL}}" for cell in cells)
    yield from (f"    {line}" for line in rest)
    if note:
        yield from textwrap.wrap(note, WIDTH, initial_indent="      ", subsequent_indent="      ")


def _past(numbers: Mapping[str, float] | None, n: int) -> str:
    """Share of past cases; none of them is no chance under 1 %, but a count."""
    if numbers is None or numbers["share"]:
        return _ranged(numbers, "share")
    return f"0 of {n} ({between(numbers['range_low'], numbers['range_high'])})"


def _ranged(numbers: Mapping[str, float] | None, key: str) -> str:
    if numbers is None:
        return "–"
    return with_range(numbers[key], numbers["range_low"], numbers["range_high"])


def _single(numbers: Mapping[str, float] | None, key: str) -> str:
    return "–" if numbers is None else f"{percent(numbers[key])}"
