"""The two reports in `venezuela_2025`: each of their facts is used or left out for a reason, none before its day."""

import copy
import csv
import datetime
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sim.scenario.build import build
from sim.scenario.problems import ScenarioError
from sim.scenario.reading import read_file
from sim.scenario.source import Source

ROOT = Path(__file__).parents[2]
FACTS = ROOT.parent / "shared" / "reports" / "facts.csv"
READING = read_file(ROOT / "conf" / "scenario" / "venezuela_2025.yaml")
DATA: dict[Any, Any] = dict(READING.data)
FIRST, LAST = datetime.date(2025, 9, 27), datetime.date(2025, 11, 17)
HOW_MANY = 72


def bases(part: object, since: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every basis in a part of the file, with the `from` it stands under (empty: from the beginning)."""
    if isinstance(part, Mapping):
        since = str(part.get("from", part.get("said_on", since)))
        if isinstance(part.get("basis"), Mapping):
            yield since, part["basis"]
        for key, value in part.items():
            if key != "basis":
                yield from bases(value, since)
    elif isinstance(part, list):
        for value in part:
            yield from bases(value, since)


def cited(basis: Mapping[str, Any]) -> list[int]:
    numbers = basis.get("report", [])
    return [int(n) for n in (numbers if isinstance(numbers, list) else [numbers])]


def used(data: Mapping[Any, Any]) -> list[int]:
    return [number for _, basis in bases(data) for number in cited(basis)]


def account(data: Mapping[Any, Any]) -> list[str]:
    """What is wrong with the account that a scenario gives of its findings."""
    numbers = {int(n) for n in data["findings"]}
    once, left = used(data), {int(n): str(why).strip() for n, why in data["not_modelled"].items()}
    wrong = [f"{n}: no finding" for n in range(1, HOW_MANY + 1) if n not in numbers]
    wrong += [f"{n}: there is no such fact" for n in sorted(numbers) if not 1 <= n <= HOW_MANY]
    wrong += [f"{n}: neither used nor left out" for n in sorted(numbers) if n not in once and not left.get(n)]
    wrong += [f"{n}: used and left out" for n in sorted(left) if n in once]
    return wrong + [f"{n}: used {once.count(n)} times" for n in sorted(set(once)) if once.count(n) > 1]


def differences(data: Mapping[Any, Any], rows: list[dict[str, str]]) -> list[str]:
    """Where the findings differ from the table of facts in number, report or date."""
    told = {}
    for number, finding in data["findings"].items():
        report = data["reports"][finding["report"]]
        told[int(number)] = (str(report["file"]), str(report["date"]))
    listed = {int(row["n"]): (row["report"], row["report_date"]) for row in rows}
    return [f"{n}: {told.get(n)} for {listed.get(n)}" for n in sorted({*told, *listed}) if told.get(n) != listed.get(n)]


def early(data: Mapping[Any, Any]) -> list[str]:
    """Elements that do not begin on the day on which the latest of their findings was reported."""
    dates = {int(n): str(data["reports"][f["report"]]["date"]) for n, f in data["findings"].items()}
    found = [(since or str(FIRST), cited(basis)) for since, basis in bases(data)]
    return [
        f"{numbers} from {since}" for since, numbers in found if numbers and since != max(dates[n] for n in numbers)
    ]


def facts() -> list[dict[str, str]]:
    if not FACTS.exists():
        pytest.skip(f"the table of facts is not there ({FACTS.name}): only the scenario's own account is checked")
    with FACTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_72_of_72_are_used_or_left_out_for_a_reason() -> None:
    assert account(DATA) == []
    counted = {*used(DATA), *(int(n) for n in DATA["not_modelled"])}
    assert len(counted) == len(DATA["findings"]) == HOW_MANY


def test_they_are_the_facts_of_the_reports() -> None:
    assert differences(DATA, facts()) == []


def test_elements_begin_with_their_findings() -> None:
    assert early(DATA) == []


def dropped(data: dict[Any, Any]) -> None:
    del data["findings"][24]


def forgotten(data: dict[Any, Any]) -> None:
    del data["not_modelled"][61]


def twice(data: dict[Any, Any]) -> None:
    data["state"]["carrier"]["start"][1]["basis"]["report"] = [17, 24]


def both_ways(data: dict[Any, Any]) -> None:
    data["not_modelled"][17] = "a ship"


def without_reason(data: dict[Any, Any]) -> None:
    data["not_modelled"][61] = " "


@pytest.mark.parametrize("mistake", [dropped, forgotten, twice, both_ways, without_reason])
def test_a_wrong_account_is_seen(mistake: Any) -> None:
    wrong = copy.deepcopy(DATA)
    mistake(wrong)
    assert len(account(wrong)) == 1


def swapped_report(data: dict[Any, Any]) -> None:
    data["findings"][57]["report"] = "nov"


def wrong_date(data: dict[Any, Any]) -> None:
    data["reports"]["sep"]["date"] = "2025-09-28"


@pytest.mark.parametrize("mistake", [dropped, swapped_report, wrong_date])
def test_a_wrong_report_is_seen(mistake: Any) -> None:
    wrong = copy.deepcopy(DATA)
    mistake(wrong)
    assert differences(wrong, facts()) != []


def test_a_finding_used_before_its_day_is_seen() -> None:
    wrong = copy.deepcopy(DATA)
    swapped_report(wrong)
    assert early(wrong) == ["[57] from 2025-09-27"]
    with pytest.raises(ScenarioError, match="finding 57 was reported on 2025-11-17"):
        build(wrong, as_of=FIRST)


def test_between_the_reports_only_the_first_is_known() -> None:
    first = build(DATA, as_of=FIRST, source=Source.of(READING))
    for day in range(1, (LAST - FIRST).days, 7):
        between = build(DATA, as_of=FIRST + datetime.timedelta(day), source=Source.of(READING))
        assert between.spec == first.spec
        assert between.base_rates == first.base_rates
    assert build(DATA, as_of=LAST - datetime.timedelta(1), source=Source.of(READING)).spec == first.spec
    assert build(DATA, as_of=LAST, source=Source.of(READING)).spec != first.spec


def test_before_the_first_report_nothing_was_known() -> None:
    with pytest.raises(ScenarioError, match="before the first report"):
        build(DATA, as_of=FIRST - datetime.timedelta(1), source=Source.of(READING))


def test_nothing_is_dated_after_the_last_report() -> None:
    assert max(since for since, _ in bases(DATA)) <= str(LAST)
    dated = [str(action["on"]) for action in DATA["actions"].values() if "on" in action]
    assert dated == ["2025-11-24"]  # as announced on 16 November (chronology, SOURCES 12)


def test_every_actor_acts_or_has_a_reason_not_to() -> None:
    acting = {name.partition(".")[0] for name in DATA["actions"]}
    for name, actor in DATA["actors"].items():
        assert (name in acting) != str(actor["what"]).startswith("no action: "), name
    assert {"allies", "mexico", "us_public", "boat_crews", "intermediaries", "venezuelans"} <= set(DATA["actors"])
