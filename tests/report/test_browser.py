"""The page in a real browser: nothing asked for, nothing said on the console, nothing wider than the screen."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.looks import ARABIC, HOSTILE, hostile, written

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --host-resolver-rules=MAP * ~NOTFOUND"
)
SCREENS = ((390, 844), (1280, 900))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no Chromium with its driver on this machine, so no page is opened in a browser")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS.split(" --"), f"user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(f"--{flag.removeprefix('--')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def test_the_page_is_quiet_and_fits_the_screen(browser: Any, tmp_path: Path) -> None:
    found, _ = written(hostile(), tmp_path)
    address = (found.folder / "report.html").resolve().as_uri()
    for width, height in SCREENS:
        for mode in ("light", "dark"):
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            feature = {"name": "prefers-color-scheme", "value": mode}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
            browser.get_log("performance")
            browser.get(address)
            wide = browser.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, f"{wide} pixels on a screen of {width}"
            back = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
            light = sum(map(int, back[4:-1].split(","))) / 3
            assert (light > 200) is (mode == "light")  # the style sheet passed the policy, and the theme holds
            events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
            asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
            assert {url for url in asked if not url.startswith("data:")} == {address}
            assert browser.get_log("browser") == []
    assert browser.title.startswith(HOSTILE[:20])  # shown as it is written, and not run
    assert HOSTILE in browser.execute_script("return document.querySelector('h1').textContent")
    assert ARABIC in browser.execute_script("return document.body.textContent")
    assert browser.execute_script("return document.images.length + document.scripts.length") == 0
    # What the policy is for: even where a label had got through, it would not run.
    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)"
    )
    assert browser.execute_script("return window.ran") is None
    closed = "return [...document.querySelectorAll('details')].every(one => !one.open)"
    assert browser.execute_script(closed)
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert len(printed["data"]) > 10_000
