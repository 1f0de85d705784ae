"""The page in a real browser: nothing asked for, nothing said on the console, nothing wider than the screen."""

import json
from pathlib import Path
from typing import Any

from tests.report.looks import ARABIC, HOSTILE, hostile, written

SCREENS = ((390, 844), (1280, 900))


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
    assert browser.execute_script("return document.images.length") == 0
    assert browser.execute_script("return document.scripts.length") == 2  # the live part: its data, its script
    # What the policy is for: even where a label had got through, it would not run.
    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)"
    )
    assert browser.execute_script("return window.ran") is None
    closed = "return [...document.querySelectorAll('details')].every(one => !one.open)"
    assert browser.execute_script(closed)
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert len(printed["data"]) > 10_000
