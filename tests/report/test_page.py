"""The page itself: one file that fetches nothing, runs nothing and hides nothing from those who cannot see it."""

import base64
import hashlib
import html
import re
from pathlib import Path

import pytest

from sim.report.page import render
from sim.studies.report import study as report
from tests.report.looks import ARABIC, HOSTILE, LONG, QUICK, Page, hostile, written

#: The first screen, in the order in which it is to be read.
FIRST = (
    "question", "headline", "beside", "course", "changed", "hangs", "watch", "silent", "record", "sources",
)  # fmt: skip
THEN = ("live", "outcomes", "bands", "drivers", "indicators", "typical", "rests", "made", "use")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(hostile(), tmp_path_factory.mktemp("results"))[1]


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_its_sections_stand_in_their_order_and_no_id_stands_twice(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert [one for one in ids if one in (*FIRST, *THEN)] == [*FIRST, *THEN]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for a in page.of("a")}
    assert targets <= set(ids)


def test_it_fetches_nothing_and_is_small(text: str, page: Page) -> None:
    assert len(text.encode()) < 3_000_000
    for tag, attributes in page.elements:
        assert tag not in ("iframe", "object", "embed", "img", "base", "form")
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith(("#", "data:,"))
    assert "@import" not in text
    assert not re.search(r"url\(", text)


def test_its_policy_allows_its_own_style_and_script_and_nothing_else(text: str, page: Page) -> None:
    [policy] = [a["content"] for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy
    for kind, found in {
        "style-src": re.findall(r"<style>(.*?)</style>", text, re.DOTALL),
        "script-src": re.findall(r"<script>(.*?)</script>", text, re.DOTALL),
    }.items():
        [inlined] = found
        digest = base64.b64encode(hashlib.sha256(inlined.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    # The policy would silently drop these.
    assert not [a for _, a in page.elements if "style" in a or any(key.startswith("on") for key in a)]


def test_labels_are_shown_and_never_run(text: str, page: Page) -> None:
    assert [a.get("id") for a in page.of("script")] == ["carried", None]  # those of the live part
    assert HOSTILE not in text
    assert HOSTILE in page.text
    assert LONG in page.text
    assert f"\u2068{ARABIC}" in html.unescape(text)  # isolated, so that the numbers beside it stay where they are


def test_each_drawing_is_told_and_has_its_numbers_as_a_table(text: str, page: Page) -> None:
    drawings = [a for a in page.of("svg") if a.get("role") == "img"]
    assert drawings
    assert all(a["aria-label"].strip() for a in drawings)
    assert all(a.get("aria-hidden") == "true" for a in page.of("svg") if a.get("role") != "img")
    figures = re.findall(r"<figure.*?</figure>", text, re.DOTALL)
    assert len(figures) >= 4  # three milestones, the ladder and two counts
    assert all("<table" in figure and "<summary>" in figure for figure in figures)


def test_a_live_part_brings_its_own_script_and_data(tmp_path: Path) -> None:
    from sim.studies.forecast import forecast
    from tests.runs import small

    scenario = small.scenario()
    found = forecast(scenario, QUICK, tmp_path)
    data = report.gathered(found, scenario, QUICK)
    script = "document.getElementById('live').hidden = 5 % 3 === 1;"
    text = render(data, live="<p id='dial'>dials</p>", carried={"says": "</script><b>&"}, script=script)
    page = Page(text)
    [policy] = [a["content"] for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert f"<script>{script}</script>" in text  # not a sign of it changed
    assert len(list(page.of("script"))) == 2
    assert "</script><b>" not in text
    assert "<section id=\"live\" hidden><p id='dial'>" in text


def test_no_number_is_torn_from_its_per_cent(text: str) -> None:
    assert re.search(r"\d\u00a0%", text)
    body = text[text.index("<body>") :]
    body = re.sub(r"<svg.*?</svg>|<code>.*?</code>|<script.*?</script>", "", body, flags=re.DOTALL)
    assert not re.search(r"\d %", body)
