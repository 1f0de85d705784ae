"""A second real crisis: it builds and runs on its dates, knows nothing later, and sim/ knows no scenario by name."""

import ast
import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from sim.engines import lockstep
from sim.engines.interface import RAN_AWAY, Rows, plan
from sim.model.compiled import compile_model
from sim.runs.columns import outcome
from sim.scenario.build import build
from sim.scenario.problems import ScenarioError
from sim.scenario.reading import Reading, read_bytes, read_file
from sim.scenario.scenario import Scenario, free_judgements
from sim.scenario.source import Source

ROOT: Final = Path(__file__).parents[2]
SCENARIOS: Final = sorted((ROOT / "conf" / "scenario").glob("*.yaml"))
FILE: Final = ROOT / "conf" / "scenario" / "cuba_1962.yaml"
FOUND, ADDRESS, SHOT_DOWN = "1962-10-16", "1962-10-22", "1962-10-27"
DATES: Final = (FOUND, ADDRESS, SHOT_DOWN)
MOST_JUDGEMENTS: Final = 12
N: Final = 2_000


def built(reading: Reading, date: str) -> Scenario:
    return build(reading.data, as_of=date, source=Source.of(reading))


@lru_cache
def scenario(date: str) -> Scenario:
    return built(read_file(FILE), date)


@lru_cache
def simulated(date: str) -> Rows:
    found = scenario(date)
    return lockstep.simulate(compile_model(found.spec), plan(3, found.until, N))


def share(date: str, milestone: str) -> float:
    names = [m.name for m in scenario(date).milestones]
    return float((simulated(date).milestones[names.index(milestone)] <= scenario(date).until).mean())


# ------------------------------------------------------------------------------------------------- it runs
@pytest.mark.parametrize("date", DATES)
def test_a_small_forecast_runs_and_its_outcomes_sum_to_one(date: str) -> None:
    found, rows = scenario(date), simulated(date)
    model = compile_model(found.spec)
    assert not (rows.status == RAN_AWAY).any()
    numbers = outcome(model, rows.state, rows.milestones, found.until)
    counts = np.bincount(numbers, minlength=len(found.outcomes))
    assert counts.size == len(found.outcomes)
    assert counts.sum() == N
    assert {o.name for o, n in zip(found.outcomes, counts, strict=True) if n} >= {
        *("invasion", "air_strike", "settlement", "stand_down", "crisis_continues")
    }


def test_the_default_date_is_that_of_the_address() -> None:
    assert str(build(read_file(FILE).data).as_of) == ADDRESS


def test_the_dates_differ_as_the_reports_do() -> None:
    """False alarm below 1e-6: the differences are some .6 and .4, a standard error of one is at most .016."""
    assert share(ADDRESS, "quarantine_in_force") - share(FOUND, "quarantine_in_force") > 0.4
    assert share(SHOT_DOWN, "agreement") - share(ADDRESS, "agreement") > 0.2
    assert share(SHOT_DOWN, "aircraft_shot_down") == 1.0


def test_free_judgements_are_few() -> None:
    assert all(0 < len(free_judgements(scenario(date))) <= MOST_JUDGEMENTS for date in DATES)


# ------------------------------------------------------------------------------------------------- blind
def in_force(found: Scenario) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every element of a built scenario with the findings that it rests on."""
    yield from ((name, info.evidence.reports) for name, info in found.variables.items())
    yield from ((info.name, info.evidence.reports) for info in (*found.inputs, *found.amounts))
    for action in found.actions.values():
        yield action.name, action.evidence.reports if action.evidence else ()
    for judgement in found.judgements:
        yield judgement.place, judgement.reports


def later_findings(found: Scenario) -> list[str]:
    """Elements in force that cite a report of a later date."""
    date_of = {n: found.reports[finding.report].date for n, finding in found.findings.items()}
    return [f"{name} cites {n}" for name, cited in in_force(found) for n in cited if date_of[n] > found.as_of]


def every_day() -> list[str]:
    first = datetime.date.fromisoformat(FOUND)
    return [str(first + datetime.timedelta(days=i)) for i in range(12)]


@pytest.mark.parametrize("date", every_day())
def test_nothing_in_force_cites_a_later_report(date: str) -> None:
    found = scenario(date)
    assert later_findings(found) == []
    assert sum(len(cited) for _, cited in in_force(found)) >= 5


def test_a_later_report_is_noticed() -> None:
    text = FILE.read_text(encoding="utf-8")
    moved = text.replace("11-18-62, date: 1962-10-19", "11-18-62, date: 1962-10-25")
    assert moved != text
    with pytest.raises(ScenarioError, match="finding 6 was reported on 1962-10-25, after as_of"):
        built(read_bytes(moved.encode(), FILE.name), ADDRESS)


def test_recollections_move_nothing() -> None:
    found = scenario(SHOT_DOWN)
    end = datetime.date.fromisoformat(SHOT_DOWN)
    late = {n for n, finding in found.findings.items() if found.reports[finding.report].date > end}
    assert late
    statements = found.data["statements"].values()
    assert late == {n for said in statements if said["about"] for n in said["basis"]["report"]}
    assert found.statements == ()
    assert not late & {n for _, cited in in_force(found) for n in cited}


def test_it_is_blind_to_how_it_ended() -> None:
    """Nothing in the file is dated between the last date and the recollections, nor are there any dates after."""
    dates = {date for date in re.findall(r"19\d\d-\d\d-\d\d", FILE.read_text(encoding="utf-8")) if date > SHOT_DOWN}
    assert dates == {"1965-12-31"}


# ------------------------------------------------------------------------------------------------- names in sim/
# The benchmark names its own scenario.
EXEMPT: Final = {
    "sim/studies/benchmark/user_style.py": {"workload_a"},
    "sim/studies/cost/study.py": {"workload_a"},
    "sim/studies/library.py": {"two_rivals"},  # sim.demo
}


def shipped() -> list[Mapping[Any, Any]]:
    return [read_file(file).data for file in SCENARIOS]


def proper_names(crises: Sequence[Mapping[Any, Any]]) -> tuple[set[str], set[str]]:
    """Names of real crises: those that count in any spelling, and those that count with a capital.

    The first are the scenario, the words in its name and the labels of its actors; the second the people and places in
    its findings. These begin with a small letter, so a capital inside marks a name, unless it is also written small.
    """
    any_spelling, capital = set(), set()
    for data in crises:
        if not data.get("reports"):
            continue
        any_spelling |= {data["name"], *(part for part in data["name"].split("_") if part.isalpha())}
        any_spelling |= {actor["label"] for actor in data["actors"].values() if " " in actor["label"]}
        for finding in data["findings"].values():
            capital |= set(re.findall(r"(?<=[^.:] )[A-Z][a-z]{4,}", finding["says"]))
    small = {word for data in crises for word in re.findall(r"\b[a-z]+\b", str(data))}
    return any_spelling, {name for name in capital if name.lower() not in small}


def identifiers(crises: Sequence[Mapping[Any, Any]]) -> set[str]:
    """Names that code could treat apart: scenarios, actions, and what is named by more than one plain word."""
    found: set[str] = set()
    for data in crises:
        found |= {data["name"], *data["actions"]}
        for section in ("state", "inputs", "amounts", "milestones", "flags"):
            found |= {name for name in data.get(section, {}) if "_" in name}
        for section in ("outcomes", "ladder"):
            found |= {entry["name"] for entry in data.get(section, []) if "_" in entry["name"]}
    return found


def named(root: Path, crises: Sequence[Mapping[Any, Any]]) -> list[str]:
    """Places under ROOT/sim where a Python file knows a scenario.

    Proper names count anywhere, in comments, too. Identifiers count where code can act on them: as a name of Python or
    as a text that is nothing else. In a longer text, such as an error message, they are an example.
    """
    (any_spelling, capital), known = proper_names(crises), identifiers(crises)
    alternatives = "|".join([*(f"(?i:{re.escape(name)})" for name in sorted(any_spelling)), *sorted(capital)])
    pattern = re.compile(rf"(?<![A-Za-z])(?:{alternatives})(?![A-Za-z])")
    places = []
    for path in sorted((root / "sim").rglob("*.py")):
        where, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        found = [(number, word) for number, line in enumerate(text.splitlines(), 1) for word in pattern.findall(line)]
        for node in ast.walk(ast.parse(text)):
            values = [node.value] if isinstance(node, ast.Constant) else list(vars(node).values())
            found += [(getattr(node, "lineno", 0), v) for v in values if isinstance(v, str) and v in known]
        places += [f"{where}:{at}: {word}" for at, word in found if word.lower() not in EXEMPT.get(where, set())]
    return places


def test_no_code_knows_a_scenario() -> None:
    assert named(ROOT, shipped()) == []


@pytest.mark.parametrize(
    "line",
    [
        'special = scenario.name == "cuba_1962"',
        'rate = inputs["strike_share"]',
        "strike_share = 0.02",
        "special = row.strike_share",
        "# the Soviet leadership acts first",
        'actor = "United States"',
        'special = row.name != "usa.decides"',
        "venezuela = 1",
        '"""What Khrushchev wrote."""',
        "class Maduro: ...",
    ],
)
def test_code_that_knows_a_scenario_is_reported(tmp_path: Path, line: str) -> None:
    (tmp_path / "sim").mkdir()
    file = tmp_path / "sim" / "model.py"
    file.write_text(f"import sys\n\n{line}\n", encoding="utf-8")
    assert named(tmp_path, shipped())[0].startswith("sim/model.py:3: ")
    file.write_text('"""States at times: `usa.decides` is an example."""\nwar = alert + 1\n', encoding="utf-8")
    assert named(tmp_path, shipped()) == []
