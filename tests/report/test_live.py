"""What a page carries: the histories as they are, so that every choice keeps the ones it says."""

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.report import live
from sim.studies.forecast import Result, forecast
from sim.studies.report import study as report
from sim.studies.report.carried import FEWEST, Packed, carried, ends, places
from sim.studies.settings import Settings
from tests.report import live_run
from tests.report.looks import Page, written
from tests.runs import small


@pytest.fixture(scope="module")
def data(live_page: tuple[Result, str]) -> dict[str, Any]:
    [text] = re.findall(r'<script type="application/json" id="carried">(.*?)</script>', live_page[1], re.DOTALL)
    found: dict[str, Any] = json.loads(text)
    return found


def unpacked(data: dict[str, Any]) -> dict[str, Any]:
    whole = np.frombuffer(zlib.decompress(base64.b64decode(data["packed"])), dtype=np.uint8).astype(np.int64)
    found = {}
    for name, (offset, length, planes) in data["columns"].items():
        parts = [whole[offset + k * length : offset + (k + 1) * length] << (8 * k) for k in range(planes)]
        found[name] = sum(parts)
    return found


@pytest.mark.parametrize("kind", ["smooth", "few", "ties", "narrow"])
def test_a_range_of_places_keeps_the_histories_of_the_same_range_of_values(kind: str) -> None:
    rng = np.random.default_rng(5)
    values = {
        "smooth": rng.lognormal(size=4_000),
        "few": rng.integers(7, size=4_000).astype(float),
        "ties": np.where(rng.random(4_000) < 0.5, 0.25, rng.random(4_000)),
        "narrow": 1_000 + rng.random(4_000) * 1e-3,
    }[kind]
    edges = ends(values)
    found = places(values, edges)
    assert edges == sorted(set(edges))
    assert 0 <= found.min() <= found.max() <= 2 * len(edges)
    for low, high in np.sort(rng.integers(len(edges), size=(50, 2)), axis=1).tolist():
        wanted = (values >= edges[low]) & (values <= edges[high])
        assert np.array_equal((found >= 2 * low + 1) & (found <= 2 * high + 1), wanted)


def test_a_step_of_a_range_leaves_out_a_hundredth() -> None:
    values = np.random.default_rng(6).lognormal(size=20_000)
    edges = ends(values)
    assert len(edges) == 101
    shares = np.diff([(values < edge).mean() for edge in edges[1:-1]])
    assert np.abs(shares - 0.01).max() < 0.001


def test_numbers_beyond_a_byte_are_carried_whole() -> None:
    packed = Packed()
    packed.add("small", np.array([0, 255, 7]), 255)
    packed.add("large", np.array([256, 59_999, 3, 0]), 60_000)
    assert [found.tolist() for found in unpacked(packed.data()).values()] == [[0, 255, 7], [256, 59_999, 3, 0]]


def test_the_page_carries_the_histories_of_the_run(live_page: tuple[Result, str], data: dict[str, Any]) -> None:
    rows, columns = live_page[0].rows(), unpacked(data)
    assert data["n"] == data["total"] == rows.num_rows == live_run.SETTINGS.replications
    for one in data["milestones"]:
        times = rows.column(f"milestone.{one['name']}").fill_null(np.inf).to_numpy()
        held = columns[f"milestone.{one['name']}"]
        for day in range(data["until"] + 1):
            assert np.array_equal(times <= day, held <= day)
    for day, name in zip(data["days"], ("outcome.30", "outcome.90", "outcome.end"), strict=True):
        told = [data["outcomes"][k]["name"] for k in columns[f"outcome.{day}"]]
        assert told == rows.column(name).to_pylist()
    assert columns["nested.milestone.strike"].size == data["sets"] * data["each"] == 60 * 40


def test_a_set_of_inputs_is_that_of_the_history_with_its_number(
    live_page: tuple[Result, str], data: dict[str, Any]
) -> None:
    # Else a range of an input would keep other sets than histories: the pace decides how soon there is a crisis.
    pace = live_page[0].rows().column("input.pace").to_numpy()[: data["sets"]]
    held = (unpacked(data)["nested.milestone.crisis"] <= 30).reshape(data["sets"], data["each"]).mean(axis=1)
    order = np.argsort(np.argsort(pace)), np.argsort(np.argsort(held))
    # Of unrelated ones the rank correlation of 60 exceeds 0.5 with a chance below 1e-4.
    assert np.corrcoef(*order)[0, 1] > 0.5
    shifted = np.corrcoef(np.roll(order[0], 1), order[1])[0, 1]
    assert shifted < 0.5


def test_what_was_said_is_told_as_text_and_with_its_rule(live_page: tuple[Result, str], data: dict[str, Any]) -> None:
    assert [one["name"] for one in data["statements"]] == list(live_run.TOLD)
    assert any("An early watcher" in note and "study=weigh" in note for note in data["notes"])
    page = Page(live_page[1])
    assert "<b>Another</b> watcher" in page.text
    assert not list(page.of("b"))
    assert [one["days"] for one in data["statements"]] == [[30, 90], [50], [30, 90]]
    rule = live_page[0].weigh(*live_run.TOLD, readings=(30, 90)).weights
    watcher, second, third = (one["rule"] for one in data["statements"])
    share = max(watcher, second) / (watcher + second)  # two of one origin count as one
    assert rule == pytest.approx({"watcher": watcher * share, "second": second * share, "third": third}, abs=1e-12)


def test_every_dial_has_a_name_and_is_a_native_field(live_page: tuple[Result, str]) -> None:
    page = Page(live_page[1])
    fields = [a for tag, a in page.elements if tag in ("input", "select")]
    labelled = {a["for"] for a in page.of("label") if "for" in a}
    assert fields
    assert all(a.get("aria-label") or a.get("id") in labelled or a["type"] == "checkbox" for a in fields)
    assert not [a for a in page.of("section") if a.get("id") == "live" and "hidden" not in a]


def test_without_dials_or_with_few_histories_there_is_no_live_part(tmp_path: Path) -> None:
    _, text = written(small.scenario(), tmp_path, Settings(replications=FEWEST - 1, inputs=20, histories=10))
    assert '<section id="live" hidden></section>' in text
    assert "<script" not in text
    fixed = small.TEXT
    for old, new in {
        "start: {drawn: {bargain: 0.7, force: 0.3}}": "start: force",
        "pace: {lognormal: {median: 1 per 40 d, p90: 1 per 12 d}, ": "pace: {value: 1 per 40 d, ",
        "force_x: {uniform: [1.5, 3], ": "force_x: {value: 2, ",
    }.items():
        assert fixed.count(old) == 1, old
        fixed = fixed.replace(old, new)
    _, text = written(small.scenario(fixed), tmp_path)
    assert "<script" not in text
    assert live.part(None, [30]) == {}


def test_of_a_larger_run_the_first_histories_are_carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.studies.forecast import task_of
    from sim.studies.report import carried as module

    monkeypatch.setattr(module, "MOST", 1_000)
    built, settings = small.scenario(), Settings(replications=1_500, inputs=20, histories=10)
    found = forecast(built, settings, tmp_path)
    event = {"kind": "milestones", "name": "strike"}
    data = carried(found.folder, built, settings, task_of(built, settings), event=event, total=1_500)
    assert data is not None
    assert (data["n"], data["total"]) == (1_000, 1_500)
    text = live.part(data, [30, 90])["live"]
    assert "1,000 simulated histories, the first of 1,500" in " ".join(str(text).split())
    assert report.FILE == "report.html"
