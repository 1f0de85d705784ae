"""The live part in a real browser: its numbers are the command line's, and its dials work as a reader needs them."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.beliefs.weighing import Bent, Weighing
from sim.statistics.shown import with_range
from sim.studies.forecast import Result
from tests.report import live_run

#: Chances in the browser and in Python differ by rounding only.
CLOSE = 1e-6
WEIGHT = "live-s0-w"


@pytest.fixture(scope="module")
def found(live_page: tuple[Result, str]) -> Result:
    return live_page[0]


@pytest.fixture
def opened(browser: Any, found: Result) -> Callable[..., Any]:
    address = (found.folder / "report.html").resolve().as_uri()

    def open_(text: str = "", width: int = 1280) -> Any:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get("about:blank")
        browser.get_log("performance")
        browser.get_log("browser")
        browser.get(address + text)
        until(browser, "return !document.getElementById('live').hidden")
        return browser

    return open_


def until(browser: Any, script: str, seconds: float = 20.0) -> None:
    """Wait until a script says true."""
    end = time.monotonic() + seconds
    while not browser.execute_script(script):
        assert time.monotonic() < end, f"never true: {script}; console: {browser.get_log('browser')}"
        time.sleep(0.02)


def text_of(browser: Any, element: str) -> str:
    return str(browser.execute_script("return document.getElementById(arguments[0]).textContent", element))


def answers(browser: Any, settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    script = "return JSON.stringify(arguments[0].map((setting) => window.dials.answer(setting)))"
    found: list[dict[str, Any]] = json.loads(browser.execute_script(script, settings))
    return found


def apart(told: dict[str, Any], bent: Bent, size: int) -> float:
    """Largest difference of chances, their ranges, the bend and the part of the histories left."""
    ours = np.array(told["chances"])
    theirs = np.stack([bent.chance, bent.low, bent.high], axis=1)
    rest = abs(told["nats"] - bent.nats), abs(told["left"] - bent.effective) / size
    return float(max(np.abs(ours - theirs).max(), *rest))


def test_every_number_is_that_of_the_command_line(opened: Callable[..., Any], found: Result) -> None:
    browser, python = opened(), live_run.Answers(found)
    carried = browser.execute_script("return window.dials.carried")
    settings = live_run.settings(carried, 60, seed=3)
    told = answers(browser, settings)
    looked = 0
    for setting, one in zip(settings, told, strict=True):
        bent = python.under(carried, setting)
        assert one["kept"] == int(python.kept(carried, setting).sum())
        if bent is not None:
            assert apart(one, bent, carried["n"]) < CLOSE
            looked += 1
    assert looked > 30
    # The comparison would tell a wrong law: one with the first reading only, and one without the cap of an origin.
    plain = [{"weight": 0.8, "stated": one["stated"], "days": one["days"]} for one in carried["statements"]]
    [told_one] = answers(browser, [{"statements": plain, "inputs": {}}])
    first = replace(python.claims[0], days=python.claims[0].days[:1])
    for claims, capped in (((first, *python.claims[1:]), True), (python.claims, False)):
        weighing = Weighing(claims, python.record, python.nested, live_run.SETTINGS.inputs, python.task.days)
        wrong = weighing.bend(weighing.capped([0.8] * 3) if capped else [0.8] * 3)
        assert apart(told_one, wrong, carried["n"]) > 1e-3


def test_without_ranges_it_is_the_forecast_and_what_its_statements_make_of_it(
    opened: Callable[..., Any], found: Result
) -> None:
    browser = opened()
    carried = browser.execute_script("return window.dials.carried")
    plain = [{"weight": 0.0, "stated": one["stated"], "days": one["days"]} for one in carried["statements"]]
    rule = [{**dial, "weight": one["rule"]} for dial, one in zip(plain, carried["statements"], strict=True)]
    [default, ruled] = answers(browser, [{"statements": plain, "inputs": {}}, {"statements": rule, "inputs": {}}])
    weighed = found.weigh(*live_run.TOLD, readings=(30, 90))
    for summary, answer in ((found.summary, default), (weighed.data, ruled)):
        fives = [summary["milestones"][m["name"]]["by"][str(d)] for m in carried["milestones"] for d in carried["days"]]
        fives += [summary["outcomes_by"][str(d)][o["name"]] for d in carried["days"] for o in carried["outcomes"]]
        wanted = [[five["probability"], five["range_low"], five["range_high"]] for five in fives]
        assert np.abs(np.array(answer["chances"]) - wanted).max() < CLOSE
    assert abs(ruled["nats"] - weighed.nats) < CLOSE
    assert abs(ruled["left"] - weighed.effective) < CLOSE * carried["n"]


def test_shares_are_rounded_as_everywhere(opened: Callable[..., Any]) -> None:
    browser = opened()
    shares = [*(k / 400 for k in range(401)), 0.0049, 0.0099, 0.0999, 0.9749]
    threes = list(zip(shares[::3], shares[1::3], shares[2::3], strict=False))
    script = "return arguments[0].map(([low, middle, high]) => withRange(middle, low, high))"
    told = browser.execute_script(script, threes)
    assert [one.replace("\u00a0", " ") for one in told] == [with_range(m, low, high) for low, m, high in threes]


def test_a_link_opens_with_its_setting(opened: Callable[..., Any]) -> None:
    browser = opened()
    carried = browser.execute_script("return window.dials.carried")
    script = (
        "return JSON.stringify(arguments[0].map((one) => { const text = window.dials.written(one);"
        "return [text, window.dials.read(text).setting, window.dials.read(text).unknown]; }))"
    )
    for setting, (text, back, unknown) in zip(
        settings := live_run.settings(carried, 40, seed=4), json.loads(browser.execute_script(script, settings)),
        strict=True,
    ):  # fmt: skip
        assert back == setting, text
        assert unknown == []
    browser = opened("#set&w.watcher=0.4&by.watcher=45&i.pace=0.02..&l.goal=force&w.nobody=1&i.force_x=abc")
    state = "return window.dials.read(location.hash.slice(5)).setting"
    assert browser.execute_script(state)["statements"][0] == {"weight": 0.4, "stated": 0.9, "days": [45]}
    assert text_of(browser, "live-state") == "Under your setting"
    assert text_of(browser, "live-said") == "This page does not have: w.nobody, i.force_x"
    fields = "return [...document.querySelectorAll('[data-statement=\"0\"] input')].map((one) => Number(one.value))"
    assert browser.execute_script(fields) == [0.4, 0.4, 0.9, 0.9, 45, 45]
    link = browser.execute_script("return document.getElementById('live-link').value")
    assert link == browser.current_url


def test_the_keyboard_turns_a_dial_and_the_default_stays(opened: Callable[..., Any]) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser = opened()
    shown = "return [...document.querySelectorAll('[data-%s]')].map((cell) => cell.textContent)"
    default = browser.execute_script(shown % "default")
    assert browser.execute_script(shown % "dialled") == default
    assert text_of(browser, "live-state").startswith("Nothing is set")
    browser.find_element(By.ID, WEIGHT).send_keys(Keys.END)
    until(browser, "return document.getElementById('live-state').textContent === 'Under your setting'")
    assert browser.execute_script(shown % "default") == default
    assert browser.execute_script(shown % "dialled") != default
    assert "w.watcher=1" in browser.current_url
    number = browser.find_element(By.ID, f"{WEIGHT}-n")
    assert number.get_property("value") == "1"
    number.send_keys(Keys.CONTROL, "a")
    number.send_keys("0.37")
    until(browser, "return location.hash.includes('w.watcher=0.37')")
    assert browser.find_element(By.ID, WEIGHT).get_property("value") == "0.37"
    low = browser.find_element(By.CSS_SELECTOR, '[data-input="pace"] input')
    low.send_keys(Keys.ARROW_RIGHT)
    until(browser, "return location.hash.includes('i.pace=')")
    assert low.get_attribute("aria-valuetext") != "the lowest"
    assert "histories lie within your ranges" in text_of(browser, "live-bend")
    low.send_keys(Keys.END)  # past the other end it takes that with it
    until(browser, "return document.getElementById('live-left').textContent.includes('too few histories left to say')")
    assert set(browser.execute_script(shown % "dialled")) == {"–"}
    browser.find_element(By.ID, "live-reset").send_keys(Keys.ENTER)
    until(browser, "return document.getElementById('live-state').textContent.startsWith('Nothing')")
    assert browser.execute_script(shown % "dialled") == default
    assert "#" not in browser.current_url


def test_it_is_quiet_fits_a_phone_and_is_not_printed(opened: Callable[..., Any], tmp_path: Path) -> None:
    for width in (390, 1280):
        browser = opened("#set&w.watcher=0.5&i.pace=0.02..0.09", width)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
        assert {url.partition("#")[0] for url in asked if not url.startswith("data:")} == {
            browser.current_url.partition("#")[0]
        }
        assert browser.get_log("browser") == []
    assert "<b>Another</b>" in browser.execute_script("return document.getElementById('live').textContent")
    picture = tmp_path / "live.png"
    assert browser.save_screenshot(str(picture))
    assert picture.stat().st_size > 10_000
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    hidden = browser.execute_script("return getComputedStyle(document.getElementById('live')).display")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert hidden == "none"
