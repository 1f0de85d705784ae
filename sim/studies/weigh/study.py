"""What were the forecast with some weight given to what was stated? Base rate, rival, model and statement side by side.

The histories are those of the forecast, bit for bit; a statement changes how much each of them counts.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.beliefs.record import Event, of_run
from sim.beliefs.weighing import ENOUGH, METHODS, Claim, Method, Weighing
from sim.beliefs.weights import stated_odds, sure_implied
from sim.model.compiled import RULES_VERSION
from sim.runs import store
from sim.runs.execute import Progress
from sim.statistics.odds import expit, logit
from sim.statistics.shown import date_words, percent, words
from sim.studies.forecast import Result, forecast, identity_of, task_of
from sim.studies.kept import kept
from sim.studies.order import Order, listed, remark, say_folder, watched, yes_or_no
from sim.studies.past import work
from sim.studies.settings import MOST as MOST_HISTORIES
from sim.studies.settings import SettingError, Settings, whole
from sim.studies.weigh.then import carried
from sim.studies.weigh.weighed import (
    READINGS,
    bend_data,
    claims_of,
    days_of,
    in_force,
    law_data,
    method_of,
    prepared,
    readings_of,
    weight_of,
    weights_of,
)

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario, Statement

STUDY: Final = "weigh"
SETTINGS: Final = ("statements", "weight", "method", "readings", "most", "figures")
#: Histories up to which a run is extended, unless told otherwise; and how often it is looked again.
MOST: Final = 200_000
LOOKS: Final = 4
#: Weights that are always shown.
ALWAYS: Final = (0.0, 0.33, 0.67, 1.0)
#: Weights of the grid.
STEPS: Final = tuple(i / 20 for i in range(21))
#: Within so much in log-odds two are said to agree.
AGREED: Final = 0.5

Data = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What the study's settings ask for."""

    statements: tuple[str, ...] | None = None
    weight: float | None = None
    method: Method = "pool"
    readings: tuple[int, ...] = READINGS
    most: int = MOST


def asked_of(study: Mapping[str, Any]) -> Asked:
    """The settings of the study. Raises SettingError for a value that cannot be."""
    names = study.get("statements")
    return Asked(
        tuple(listed(names, "study.statements")) if names is not None else None,
        weight_of(study.get("weight")),
        method_of(study.get("method", "pool")),
        readings_of(study.get("readings", list(READINGS))),
        _most(study.get("most")),
    )


def _most(given: Any) -> int:
    most = MOST if given is None else whole(given, "study.most")
    if not 1 <= most <= MOST_HISTORIES:
        raise SettingError(f"study.most: {most} is outside 1 … {MOST_HISTORIES:,}; so many histories are run at most")
    return most


def answer(order: Order) -> int:
    """Weigh the statements of an order's scenario, show the result and keep it."""
    from sim.studies import table
    from sim.studies.weigh.table import show

    asked = asked_of(order.study)
    figures = yes_or_no(order.study.get("figures", True), "study.figures")
    data, folder = weigh(order, asked)
    for text in data["remarks"]:
        remark(text)
    show(data, table.console())
    if figures and not (folder / "figures" / "grid.png").is_file():
        plot(data, folder)
    say_folder(folder)
    return 0


def weigh(order: Order, asked: Asked) -> tuple[Data, Path]:
    """The numbers as plain data, and the folder they lie in; a complete one of as many histories is shown."""
    scenario, settings = order.scenario(), order.settings
    chosen = in_force(scenario, asked.statements)
    task = task_of(scenario, settings)
    claims_of(scenario, chosen, task, asked.readings)  # what cannot be is told before anything is simulated
    identity = store.configuration_hash(
        {
            "rules": RULES_VERSION,
            "forecast": identity_of(scenario, task).configuration,
            "nested": [settings.inputs, settings.histories],
            "asked": [list(asked.statements or ()), asked.weight, asked.method, list(asked.readings), asked.most],
        }
    )
    folder = store.run_folder(order.results, scenario.name, STUDY, identity)
    data = kept(
        folder,
        {"configuration": identity, "command": order.command},
        settings.replications,
        lambda n: _made(order, scenario, replace(settings, replications=n), asked),
        _table,
        again=settings.again,
        figures=("side_by_side", "grid"),
    )
    return data, folder


def _made(order: Order, scenario: Scenario, settings: Settings, asked: Asked) -> Data:
    """The numbers from so many histories, or from more where a weight shown would leave too few effective ones."""
    chosen, task = in_force(scenario, asked.statements), task_of(scenario, settings)
    claims, remarks = claims_of(scenario, chosen, task, asked.readings)
    looked_back = recollections(scenario, chosen)
    dates = dict.fromkeys(statement.about for statement in looked_back if statement.about is not None)
    nested = settings.inputs * settings.histories
    common: Any = {"command": order.command}
    with watched(work(scenario, settings) * (1 + len(dates)) + nested) as progress:
        common["progress"] = progress
        claims, more = carried(scenario, chosen, claims, settings, order.results, **common)
        remarks += more
        found, weighing = _enough(order, scenario, settings, asked, claims, progress=progress)
        then: dict[datetime.date, tuple[Scenario, Path]] = {}
        for date in dates:
            try:
                past = replace(order, configuration={**order.configuration, "as_of": str(date)}).scenario()
            except ValueError as error:
                remarks.append(f"no forecast of {date} to compare with: {str(error).splitlines()[0]}")
                continue
            then[date] = past, forecast(past, settings, order.results, **common).folder
    statements = [s for s in chosen if s.name in {claim.name for claim in claims}]
    recalled = [_recalled(s, *then[s.about], order, asked) for s in looked_back if s.about in then]
    data = computed(found.summary, statements, weighing, asked)
    data |= {"forecast": found.folder.name, "recollections": recalled, "remarks": remarks}
    data["disagreement"] = [sentence(statement, recalled) for statement in data["statements"]]
    return data


def _enough(
    order: Order,
    scenario: Scenario,
    settings: Settings,
    asked: Asked,
    claims: tuple[Claim, ...],
    *,
    progress: Progress,
) -> tuple[Result, Weighing]:
    """The forecast, extended until every weight shown leaves enough effective histories or there are the most."""
    n = settings.replications
    for look in range(LOOKS):
        sized = replace(settings, replications=n, again=settings.again and look == 0)
        found = forecast(scenario, sized, order.results, command=order.command, progress=progress, say=remark)
        n = max(n, found.summary["replications"])
        weighing = prepared(
            task_of(scenario, sized), found.folder, claims, inputs=sized.inputs, histories=sized.histories,
            executor=sized.executor, progress=progress,
        )  # fmt: skip
        laws = _laws(weighing, asked)
        needed = [law["needed"] for law in laws if not law["why_not"] and law["needed"]]
        wanted = min(max(needed, default=0), asked.most)
        if wanted <= n or look == LOOKS - 1:
            break
        remark(
            f"a weight shown leaves fewer than {ENOUGH:,.0f} effective histories: {wanted:,} are run instead of {n:,} "
            f"(study.most={asked.most} at most)"
        )
        n = wanted
    return found, weighing


def _laws(weighing: Weighing, asked: Asked) -> list[Data]:
    """The laws that are shown: those of the weights that always are, and the one by rule or as asked."""
    chosen = weights_of(weighing, asked.weight)
    how = "given" if asked.weight is not None else "rule"
    # Without weight every method is the model, and the model is told by its own histories.
    laws = [_law(weighing, weighing.capped([w] * len(chosen)), asked.method if w else "pool", f"{w:g}") for w in ALWAYS]
    return [*laws, _law(weighing, chosen, asked.method, how)]


def computed(summary: Data, statements: Sequence[Statement], weighing: Weighing, asked: Asked) -> Data:
    """Everything but the comparison with earlier dates, as plain data."""
    chosen = weights_of(weighing, asked.weight)
    laws = _laws(weighing, asked)
    told = [_statement(summary, statement, weighing, i, chosen[i]) for i, statement in enumerate(statements)]
    ratio = weighing.ratio(chosen, "pool")
    keys = ("title", "question", "scenario", "as_of", "until_days", "days", "seed", "replications", "inputs")
    return {
        "format": store.FORMAT,
        "study": STUDY,
        **{key: summary[key] for key in (*keys, "histories", "content_hash")},
        "method": asked.method,
        "weight": asked.weight,
        "most": asked.most,
        "statements": told,
        "laws": laws,
        "sides": [_side(summary, told, laws, event) for event in _events(told)],
        "methods": {name: _method(weighing, chosen, name) for name in METHODS},
        "grids": [_grid(summary, weighing, i, statement) for i, statement in enumerate(told)],
        "weighted_implied": weighing.cells.implied(ratio).tolist(),
        "sentences": summary["sentences"],
    }


def plot(data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw the figures into the folder."""
    from sim.figures.sheets import beliefs
    from sim.figures.style import save

    figures = {}
    for i, side in enumerate(data["sides"]):
        figures["side_by_side" if i == 0 else f"side_by_side_{i + 1}"] = beliefs.sides(data, side)
    figures["grid"] = beliefs.grid(data)
    return [path for name, figure in figures.items() for path in save(figure, folder / "figures", name)]


# ------------------------------------------------------------------------------------------------------ the statements
def recollections(scenario: Scenario, statements: Sequence[Statement]) -> list[Statement]:
    """What the same speakers said of the same matter at another time."""
    about = {(s.origin, s.milestone, s.outcomes) for s in statements}
    return [s for s in scenario.statements if s.about and (s.origin, s.milestone, s.outcomes) in about]


def sentence(statement: Mapping[str, Any], recalled: Sequence[Mapping[str, Any]]) -> str:
    """How far the model and the speaker lie apart, and whether they did before."""
    apart = abs(statement["apart"])
    reading = "by the same date" if statement["deadline"] else "on the same reading"
    then_implied = statement.get("then")
    own = statement["implied"] if then_implied is None else then_implied
    now = f"{percent(own)} against {statement['words']}"
    if then_implied is not None:
        now += f", as of {date_words(statement['said_on'])}, when it was said"
    before = next(
        (r for r in recalled if r["origin"] == statement["origin"] and r["proposition"] == statement["proposition"]),
        None,
    )
    differ = f"differ by {apart:.1f} in log-odds" if apart >= AGREED else "agree"
    if before is None:
        return f"The model and {statement['speaker']} {differ} ({now}, {reading})."
    was = f"{percent(before['implied'])} against {before['words']}"
    far = abs(before["apart"])
    then = "agreed" if far < AGREED else f"differed by {far:.1f} in log-odds"
    still = "still agree" if apart < AGREED and far < AGREED else differ
    return (
        f"{reading[0].upper()}{reading[1:]} the model and {statement['speaker']} {then} as of "
        f"{date_words(before['about'])} ({was}, as recalled); they {still} now ({now})."
    )


def _statement(summary: Data, statement: Statement, weighing: Weighing, number: int, weight: float) -> Data:
    claim = weighing.claims[number]
    places = [weighing.places[number, day] for day in claim.days]
    implied = [float(weighing.implied[place]) for place in places]
    mean = sum(implied) / len(implied)
    apart = [weighing.apart(number, day) for day in claim.days]
    if not claim.then:  # one number for all readings: what was said against the mean of what is implied
        apart = [stated_odds(statement.stated.middle) - float(logit(_sure(mean, weighing)))]
    ratio = weighing.ratio([weight if i == number else 0.0 for i in range(len(weighing.claims))], "pool")
    alone = weighing.cells.implied(ratio)
    as_of = datetime.date.fromisoformat(summary["as_of"])
    return {
        **_told(statement),
        "deadline": statement.within is not None,
        "weight": weight,
        "spread": float((weighing.spreads[places] ** 2).mean() ** 0.5),
        "implied": mean,
        "apart": sum(apart) / len(apart),
        "then": sum(claim.then) / len(claim.then) if claim.then else None,
        "readings": [
            {
                "day": day,
                "date": (as_of + datetime.timedelta(days=day)).isoformat(),
                "implied": own,
                "spread": float(weighing.spreads[place]),
                "target": float(
                    expit(
                        (1 - weight) * logit(_sure(own, weighing)) + weight * logit(weighing.meant(number, day).middle)
                    )
                ),
                "weighted": float(alone[place]),
                "never": own in (0.0, 1.0),
            }
            for day, own, place in zip(claim.days, implied, places, strict=True)
        ],
    }


def _told(statement: Statement) -> Data:
    """A statement in words and numbers."""
    named = statement.milestone or " or ".join(map(words, statement.outcomes))
    return {
        "name": statement.name,
        "speaker": statement.speaker,
        "said_on": statement.said_on.isoformat(),
        "about": statement.about.isoformat() if statement.about else None,
        "milestone": statement.milestone,
        "outcomes": list(statement.outcomes),
        "proposition": words(named),
        "words": statement.words,
        "stated": {"middle": statement.stated.middle, "low": statement.stated.low, "high": statement.stated.high},
        "origin": statement.origin,
        "reports": list(statement.evidence.reports),
    }


def _recalled(statement: Statement, past: Scenario, folder: Path, order: Order, asked: Asked) -> Data:
    """A recollection beside the forecast of the time it is about."""
    task = task_of(past, order.settings)
    days, _ = days_of(statement, 0, task.until, asked.readings)
    claim = Claim(statement.name, statement.origin, statement.stated, days, statement.milestone, statement.outcomes)
    record = of_run(folder, task.model.milestones, [name for name, _ in task.model.outcomes], task.days)
    implied = [float(record.holds(claim.event(day)).mean()) for day in days]
    mean = sum(implied) / len(implied)
    sure = float(sure_implied(mean, record.size))
    apart = stated_odds(statement.stated.middle) - float(logit(sure))
    readings = [{"day": day, "implied": own} for day, own in zip(days, implied, strict=True)]
    return {**_told(statement), "implied": mean, "apart": apart, "readings": readings}


# --------------------------------------------------------------------------------------------------- what comes of it
def _law(weighing: Weighing, given: Sequence[float], method: Method, label: str) -> Data:
    try:
        return {"label": label, **law_data(weighing, given, method), "why_not": None}
    except ValueError as error:
        names = [claim.name for claim in weighing.claims]
        return {"label": label, "weights": dict(zip(names, given, strict=True)), "why_not": str(error)}


def _method(weighing: Weighing, given: Sequence[float], method: Method) -> Data:
    """What a method makes of the propositions, each by each of its days."""
    try:
        bent = weighing.bend(given, method)
    except ValueError as error:
        return {"assumes": METHODS[method], "why_not": str(error)}
    found = []
    for claim in weighing.claims:
        chances = {}
        for day in weighing.days:
            event = claim.event(day)
            wanted = [e.day == day and _part_of(e, event) for e in weighing.events]
            chances[str(day)] = float(bent.chance[wanted].sum())
        found.append({"statement": claim.name, "by": chances})
    return {"assumes": METHODS[method], "why_not": None, "by": found, **bend_data(weighing, bent, method)}


def _part_of(event: Event, whole: Event) -> bool:
    if whole.milestone is not None:
        return event.milestone == whole.milestone
    return bool(event.outcomes) and event.outcomes[0] in whole.outcomes


def _grid(summary: Data, weighing: Weighing, number: int, statement: Data) -> Data:
    days = [int(day) for day in summary["days"]]
    claim, day = weighing.claims[number], days[-2] if len(days) > 1 else days[-1]
    chance = weighing.grid(number, STEPS, claim.event(day))
    return {
        "statement": claim.name,
        "proposition": statement["proposition"],
        "day": day,
        "date": summary["days"][str(day)],
        "weights": list(STEPS),
        "readings": list(claim.days),
        "chance": chance.tolist(),
    }


def _events(statements: Sequence[Data]) -> list[tuple[str | None, tuple[str, ...]]]:
    return list(dict.fromkeys((s["milestone"], tuple(s["outcomes"])) for s in statements))


def _side(
    summary: Data, statements: Sequence[Data], laws: Sequence[Data], event: tuple[str | None, tuple[str, ...]]
) -> Data:
    """Everything that has a number for an event: rows with a chance, and its range where there is one, by day."""
    milestone, outcomes = event
    days = list(summary["days"])
    rows: list[Data] = []
    for rate in summary["base_rates"]:
        if milestone is not None and rate["milestone"] == milestone:
            by = {day: _three(rate["by"][day], *rate["range"][day]) if day in rate["by"] else None for day in days}
            rows.append({"kind": "past", "label": f"past cases (n = {rate['n']}): {rate['label']}", "by": by})
    page = summary.get("rival", {}).get(milestone)
    if page is not None:
        rows.append({"kind": "rival", "label": "one-page rival", "by": {day: page["by"][day] for day in days}})
    for law in laws:
        if law["why_not"]:
            continue
        kind, label = ("model", "the model alone") if law["label"] == "0" else ("weighted", _weighted(law))
        by = {day: _chance(law, day, milestone, outcomes) for day in days}
        row = {"kind": kind, "label": label, "by": by}
        rows.append(row)
        if kind == "model":
            rows += _face(statements, days, event)
    named = words(milestone) if milestone else " or ".join(map(words, outcomes))
    says = summary["sentences"]["milestones"].get(milestone, "") if milestone else ""
    return {"event": named, "says": says, "at": "by" if milestone else "on", "rows": rows}


def _weighted(law: Data) -> str:
    if law["label"] in ("rule", "given"):
        listed_weights = ", ".join(f"{weight:.2f}" for weight in law["weights"].values())
        return f"weight {'by rule' if law['label'] == 'rule' else 'as asked'} ({listed_weights})"
    return f"weight {law['label']}"


def _face(statements: Sequence[Data], days: Sequence[str], event: tuple[str | None, tuple[str, ...]]) -> Iterator[Data]:
    """Statements at their word, on the days they may mean."""
    for statement in statements:
        if (statement["milestone"], tuple(statement["outcomes"])) == event:
            stated = statement["stated"]
            meant = {str(reading["day"]) for reading in statement["readings"]}
            three = _three(stated["middle"], stated["low"], stated["high"])
            by = {day: three if day in meant else None for day in days}
            label = f"at face value: {statement['speaker']}"
            if not meant & set(days):  # said before the date of the forecast, or with a deadline of its own
                dates = " or ".join(date_words(reading["date"]) for reading in statement["readings"])
                label = f"at face value {statement['words']} by {dates}: {statement['speaker']}"
            yield {"kind": "stated", "label": label, "by": by}


def _chance(law: Data, day: str, milestone: str | None, outcomes: Sequence[str]) -> Data | None:
    if milestone is not None:
        five = law["milestones"][milestone]["by"][day]
        return _three(five["probability"], five["range_low"], five["range_high"])
    fives = [law["outcomes_by"][day][name] for name in outcomes]
    total = min(sum(five["probability"] for five in fives), 1.0)
    if len(fives) > 1:  # ranges of several outcomes do not add up
        return _three(total, total, total)
    return _three(total, fives[0]["range_low"], fives[0]["range_high"])


def _three(chance: float, low: float, high: float) -> Data:
    return {"probability": chance, "range_low": low, "range_high": high}


def _sure(share: float, weighing: Weighing) -> float:
    return float(sure_implied(share, weighing.record.size))


def _table(data: Data) -> bytes:
    """Every chance under every weight, in long form."""
    import pyarrow as pa

    rows: list[Data] = []
    for law in data["laws"]:
        if law["why_not"]:
            continue
        head = {"method": law["method"], "weight": law["label"], "nats": law["nats"], "effective": law["effective"]}
        for day, by in law["outcomes_by"].items():
            rows += [{**head, "kind": "outcome", "name": name, "day": int(day), **five} for name, five in by.items()]
        last = int(data["until_days"])
        rows += [{**head, "kind": "flag", "name": name, "day": last, **five} for name, five in law["flags"].items()]
        for name, found in law["milestones"].items():
            for day, five in found["by"].items():
                rows.append({**head, "kind": "milestone", "name": name, "day": int(day), **five})
    return store.parquet_bytes(pa.Table.from_pylist(rows))
