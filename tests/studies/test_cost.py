"""What histories cost: the arithmetic of a cluster, the page and the figure, and that something is measured at all."""

import math
from pathlib import Path
from typing import Any

import pytest

from sim.figures.sheets import cost as figure
from sim.scenario.reading import read_bytes
from sim.studies.cost import measure as cost_measure
from sim.studies.cost import page
from sim.studies.cost import study as cost
from sim.studies.cost.cluster import SCHEDULER, Costs, costs, enough, planned, plans
from sim.studies.cost.measure import Case, measured
from sim.studies.order import Order
from sim.studies.settings import SettingError, Settings
from tests.figures.looks import overlaps
from tests.runs import small

MICRO = Costs(make=40e-6, read=2e-6, disk=300.0, part=0.01, start=2.0)


def row(what: str, at: int, n: int, **values: float) -> dict[str, Any]:
    known = {"chunk": 20_000, "workers": 1, "actions": 24, "wall": n * 42e-6, "cpu": n * 42e-6, "read": n * 2e-6}
    plain = {"start": 2.0, "disk": n * 300.0, "memory": 350.0, "worker": 0.0, "least": 0.1, "most": 99.0}
    return {"what": what, "at": at, "replications": n, **known, **plain, **values}


ROWS = [
    *(row("histories", n, n) for n in (10_000, 200_000, 1_000_000)),
    row("small parts", 1_000, 200_000, chunk=1_000, cpu=200_000 * 42e-6 + 190 * 0.01),
    *(row("actions", k, 200_000 // k, actions=24 * k, cpu=200_000 * 42e-6) for k in (1, 2, 4)),
    *(row("workers", k, 1_000_000, workers=k, wall=42.0 / k, worker=340.0) for k in (1, 2)),
]


@pytest.fixture
def data() -> dict[str, Any]:
    found = costs(ROWS)
    return {
        "scenario": "small", "engine": "lockstep", "rounds": 3, "until_days": 180, "machine": "a machine", "rows": ROWS,
        "python": "3.11", "costs": vars(found), "cluster": {"replications": 10**10, "chunk": 20_000, "cores": 1_000},
        "plans": plans(found, 10**10, 20_000, 1_000), "enough": enough(found),
    }  # fmt: skip


def test_costs_are_read_off_the_measured_runs() -> None:
    assert vars(costs(ROWS)) == pytest.approx(vars(MICRO))


def test_a_cluster_by_hand() -> None:
    """10^10 histories of 40 us on 1,000 cores: 400 s; counting them at 2 us in one process: 20,000 s."""
    found = planned(MICRO, 10**10, 20_000, 1_000)
    assert (found["parts"], found["simulate"]) == (500_000, pytest.approx(400.0))
    assert found["schedule"] == pytest.approx(500_000 * SCHEDULER)
    assert found["count"] == pytest.approx(20_000.0)
    assert found["total"] == pytest.approx(2 + 500 + 20_000), "the scheduler is slower than the cores"
    assert found["files"] == pytest.approx(1_000.0)
    assert found["bytes"] == pytest.approx(3e12 / 500)
    assert enough(MICRO) == pytest.approx(20.0)
    several = planned(MICRO, 10**10, 20_000, 1_000, runs=100)
    assert several["count"] == pytest.approx(200.0)
    assert several["simulate"] == pytest.approx(400.0)
    assert several["total"] == pytest.approx(602.0)
    assert 0 < found["used"] < several["used"] <= 1


def test_no_plan_is_quicker_than_its_work_allows() -> None:
    for plan in plans(MICRO, 10**9, 20_000, 1_000):
        assert plan["total"] >= 10**9 * (MICRO.make + MICRO.read) / plan["cores"]
        assert plan["parts"] >= math.ceil(10**9 / 20_000)
    assert [plan["cores"] for plan in plans(MICRO, 10**9, 20_000, 50)] == [1, 10, 50, 50]


def test_the_page_holds_the_numbers_and_its_arithmetic(data: dict[str, Any]) -> None:
    text = page.told(data)
    assert "10,000,000,000 × 40.0 µs / 1,000 = 6.67 min" in text
    assert "10,000,000,000 × 2.00 µs = 5.56 h" in text
    assert "From about 20 cores on" in text
    assert "|       2 | 1,000,000 | 21.00 (0.10–99.00) |          2.00 |" in text
    assert "nobody has run this" in text
    assert "200,000 histories, a study of single histories at 1,000,000 at most" in text
    assert max(map(len, text.splitlines())) <= 140


def test_the_figure_can_be_read(data: dict[str, Any]) -> None:
    drawn = figure.draw(data)
    assert len(drawn.axes) == 4
    assert not overlaps(drawn)


def test_what_is_measured_is_a_run(tmp_path: Path) -> None:
    """In this process: a child of its own costs seconds to start."""
    task = small.task()
    found = cost_measure._run(Case("histories", 500, task, 500, 200), tmp_path, 0.0)
    assert len(list((tmp_path / "parts").iterdir())) == 3
    assert all(value >= 0 for value in found.values())
    assert found["disk"] == sum(path.stat().st_size for path in (tmp_path / "parts").iterdir())


@pytest.mark.campaign
def test_each_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    said: list[str] = []
    cases = [Case("histories", 300, small.task(), 300, 100), Case("workers", 2, small.task(), 300, 100, workers=2)]
    rows = measured(cases, 2, tmp_path, said.append)
    assert [found["what"] for found in rows] == ["histories", "workers"]
    assert len(said) == 4
    assert said[0].startswith("round 1 of 2: histories 300: ")
    assert all(0 < found["least"] <= found["wall"] <= found["most"] for found in rows)
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_the_runs_measured_differ_in_one_thing_each() -> None:
    cases = cost.cases_of(small.task(), 20_000, 1_000_000, [1, 2], [1, 2])
    alone = [case.replications for case in cases if case.what == "histories"]
    assert alone == [10_000, 33_333, 100_000, 200_000, 333_333, 1_000_000]
    actions = [len(case.task.model.rows) for case in cases if case.what == "actions"]
    assert actions == [24, 48]
    assert [case.workers for case in cases if case.what == "workers"] == [1, 2]
    [parts] = [case for case in cases if case.what == "small parts"]
    assert (parts.chunk, parts.replications) == (1_000, 200_000)


@pytest.mark.parametrize(
    ("study", "settings", "why"),
    [
        ({"rounds": 0}, {}, r"study\.rounds: 0 is outside 1 … 99"),
        ({"largest": 10}, {}, r"study\.largest: 10 is outside 10,000"),
        ({"copies": [0]}, {}, r"study\.copies: 0 is outside 1 … 64"),
        ({"workers": []}, {"engine": "auto"}, r"engine=auto: name the engine"),
        ({"gallery": "nowhere at all"}, {}, r"study\.gallery: 'nowhere at all' is no folder that exists"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    tmp_path: Path, study: dict[str, Any], settings: dict[str, Any], why: str
) -> None:
    configuration = {"scenario": read_bytes(small.TEXT.encode()).data, "study": study, "results": str(tmp_path)}
    with pytest.raises(SettingError, match=why):
        cost.answer(Order(configuration, Settings(**settings), None, "escalation"))
