"""What an analyst's file may hold by mistake or malice: each is refused at its place, and its sound twin is read."""
# ruff: noqa: E501, PLR0917 - one case per line, all its parts side by side

import os
from pathlib import Path

import pytest

from sim.scenario.build import build
from sim.scenario.problems import ScenarioError
from sim.scenario.reading import read_file
from sim.scenario.scenario import Scenario
from sim.scenario.source import Source
from tests.scenario.mini import MINI, act, bend

BASIS = "basis: {data: measured}"
THEN = "then: {struck: yes}"
LONG = "x" * 300


def load(file: Path) -> Scenario:
    reading = read_file(file)
    return build(reading.data, source=Source.of(reading))


def refused(file: Path) -> ScenarioError:
    with pytest.raises(ScenarioError) as caught:
        load(file)
    assert "Traceback" not in str(caught.value)
    return caught.value


# (what stands in the file, the mistake, its sound twin, key, why). A mistake gives so many lines at most.
MOST = 2
CASES = [
    # types
    ("min: 0, max: 40", "min: true, max: 40", "min: 0, max: 50", "state.recent.min", "a number without a unit"),
    ("min: 0, max: 40", "min: '0', max: forty", "min: '0', max: 40", "state.recent.max", "not a number"),
    ("horizons: [30, 90, 180]", "horizons: 30", "horizons: [30]", "horizons", "a list is wanted"),
    ("title: A small one", "title: 3", 'title: "3"', "title", "put it in quotes"),
    ("title: A small one", "title:", "title: x", "title", "no value"),
    ("meaning: contact", "meaning: [contact]", "meaning: talk", "state.talks.meaning", "a text is wanted"),
    ("half_life: 10 d", "half_life: {x: 10 d}", "half_life: 3 d", "state.recent.fades.half_life", "one value is wanted"),
    ("  ven: {label: Venezuela, what: answers}", "  ven: Venezuela", "  ven: {label: V, what: answers}", "actors.ven", "keys with values"),
    ("plus: 1, basis", "plus: yes, basis", "plus: 2, basis", "amounts.deaths.plus", "not a number"),
    ("struck: {start: no", "struck: {start: off", "struck: {start: false", "state.struck.start", "neither yes nor no"),
    ("start: open", "start: 1", "start: closed", "state.talks.start", "no such level"),
    ("first_strike: {when: struck", "first_strike: {when: 1", "first_strike: {when: struck is yes", "milestones.first_strike.when", "a condition is wanted"),
    # keys
    ("question: What", "qestion: What", "question: Who", "qestion", "unknown key"),
    ("meaning: contact", "meaning: a, meaning: b", "meaning: a", "state.talks.meaning", "stands twice"),
    ("factor: {value: 2.5", "factor: {valeu: 2.5", "factor: {value: 2", "inputs.factor.valeu", "unknown key"),
    ("title: A small one", "title: A small one\n_target_: os.system", "title: B", "_target_", "could start code"),
    ("title: A small one", "title: A small one\n1.5: x", "title: B", "", "a key must be a word"),
    ("  ven.talks:", "  ven.Talks:", "  ven.talks:", "actions.ven.Talks", "in small letters"),
    ("crisis_start: 2025-09-02", "Crisis_start: 2025-09-02", "crisis_start: 2025-09-03", "Crisis_start", "unknown key"),
    # numbers
    ("factor: {value: 2.5", "factor: {value: .nan", "factor: {value: 0.5", "inputs.factor.value", "not a finite number"),
    ("factor: {value: 2.5", "factor: {value: -.inf", "factor: {value: 1e2", "inputs.factor.value", "not a finite number"),
    ("factor: {value: 2.5", "factor: {value: nan", "factor: {value: 1", "inputs.factor.value", "not a number"),
    ("factor: {value: 2.5", "factor: {value: 1e400", "factor: {value: 1e4", "inputs.factor.value", "too large"),
    ("factor: {value: 2.5", "factor: {value: 1" + "0" * 400, "factor: {value: 10", "inputs.factor.value", "not exact"),
    ("factor: {value: 2.5", "factor: {value: 9007199254740993", "factor: {value: 9007", "inputs.factor.value", "not exact"),
    ("factor: {value: 2.5", "factor: {value: 2,5", "factor: {value: 2.5", "inputs.factor", "unknown key"),
    ("factor: {value: 2.5", "factor: {value: '2,5'", "factor: {value: '2,500'", "inputs.factor.value", "a decimal point is `.`"),
    ("max: 40, start: 6", "max: -0.5, start: 6", "max: 40.0, start: -0.0", "state.recent.max", "a whole number"),
    ("{uniform: [0.2, 0.7]", "{uniform: [0.2, 1e309]", "{uniform: [-0.0, 5e-324]", "inputs.share.uniform.1", "too large"),
    # ranges
    ("median: 1 per 21 d, p90: 1 per 10 d", "median: -1 per 21 d, p90: 1 per 10 d", "median: 1 per 20 d, p90: 1 per 10 d", "inputs.pace.lognormal", "must be positive"),
    ("median: 1 per 21 d, p90: 1 per 10 d", "median: 0 per d, p90: 1 per 10 d", "median: 1 per 20 d, p90: 1 per 10 d", "inputs.pace.lognormal", "must be positive"),
    ("median: 1 per 21 d, p90: 1 per 10 d", "median: 1 per 21 d, sigma: -1", "median: 1 per 21 d, sigma: 0.5", "inputs.pace.lognormal", "sigma"),
    ("{gamma: {shape: 2,", "{gamma: {shape: 0,", "{gamma: {shape: 1,", "inputs.wait.gamma", "shape"),
    ("{gamma: {shape: 2, mean: 30 d}", "{gamma: {shape: 2, mean: -30 d}", "{gamma: {shape: 2, mean: 1 d}", "inputs.wait.gamma", "positive"),
    ("{poisson: {mean: 2.95}", "{choice: {3: 0.5, 4: 0.5001}", "{choice: {3: 0.5, 4: 0.5}", "amounts.deaths", "sum to 1"),
    ("removal: 0.25}}", "removal: 0.250000001}}", "removal: 0.25}}", "state.goal.start.drawn", "sum to 1"),
    ("pressure: 0.75, removal: 0.25", "pressure: 1.000000000001, removal: -0.000000000001", "pressure: 1, removal: 0", "state.goal.start.drawn", "between 0 and 1"),
    ("min: 0, max: 40", "min: 0, max: -1", "min: 0, max: 41", "state.recent.max", "below the minimum"),
    ("max: 40, start: 6", "max: 40, start: 41", "max: 40, start: 40", "state.recent.start", "within 0 … 40"),
    ("{uniform: [0.2, 0.7]", "{uniform: [0.7, 0.2]", "{uniform: [0.2, 0.2]", "inputs.share.uniform", "low must not exceed"),
    ("by: {30: 0.1, 180: 0.3}", "by: {30: 0.1, 180: 1.000000000001}", "by: {30: 0.1, 180: 1}", "base_rates.0", "within 0 … 1"),
    ("until: 180 days", "until: 0 days", "until: 1 day", "until", "a day at least"),
    ("until: 180 days", "until: 101 yr", "until: 2 yr", "until", "at most"),
    ("until: 180 days", "until: soon", "until: 2026-05-16", "until", "a number of days, a length of time"),
    ("as_of: 2025-11-17", "as_of: 9999-12-31", "as_of: 2026-01-31", "as_of", "between 1500 and 2500"),
    ("as_of: 2025-11-17", "as_of: 2025-09-01", "as_of: 2025-09-27", "as_of", "before the first report"),
    # units
    ("half_life: 10 d", "half_life: 10", "half_life: 10 days", "state.recent.fades.half_life", "needs its unit"),
    ("p90: 1 per 10 d}", "p90: 10 d}", "p90: 1 per 2 wk}", "inputs.pace.lognormal", "differ in unit"),
    ("median: 1 per 21 d, p90: 1 per 10 d", "median: 0.05, p90: 0.1", "median: 0.05 /d, p90: 0.1 /d", "actions.usa.strikes.rate", "here stands a rate"),
    ("half_life: 10 d", "half_life: 1 month", "half_life: 30 d", "state.recent.fades.half_life", "no fixed length"),
    ("half_life: 10 d", "half_life: 10 D", "half_life: 10d", "state.recent.fades.half_life", "written small"),
    ("half_life: 10 d", "half_life: \u0661\u0660 d", "half_life: 10 d", "state.recent.fades.half_life", "unexpected"),
    # names
    ("rate: pace, then: {talks: open}", "rate: paec, then: {talks: open}", "rate: pace, then: {talks: open}", "actions.ven.talks.rate", "did you mean 'pace'"),
    ("  factor: {value", "  strikes: {value: 1, basis: {data: x}}\n  factor: {value", "  factor: {value", "inputs.strikes", "stands under state already"),
    ("  wait: {gamma", "  min: {gamma", "  wait: {gamma", "inputs.min", "has a meaning in conditions"),
    ("first_strike: {when: struck,", "first_strike: {when: first_strike,", "first_strike: {when: struck,", "milestones.first_strike.when", "first_strike"),
    ("rate: pace, then: {talks: open}", "rate: __import__('os').system('id'), then: {talks: open}", "rate: pace * 1, then: {talks: open}", "actions.ven.talks.rate", ""),
    ("name: mini", "name: ../mini", "name: mini", "name", "small letters"),
    ("name: mini", "name: maxi", "name: mini", "name", "the file is called mini.yaml"),
    ("  usa: {label", "  USA: {label", "  usa: {label", "actors.USA", "small letters"),
    # strings
    ("name: mini", f"name: {LONG}", "name: mini", "name", "at most 64"),
    ("title: A small one", f"title: {LONG * 10}", f"title: {LONG}", "title", "1 to 2000 characters"),
    ("title: A small one", 'title: "a\\u202eb"', 'title: "=1+1"', "title", "U+202E"),
    ("title: A small one", "title: a\u202eb", "title: '$(id) ; `id`'", "", "U+202E"),
    ("title: A small one", 'title: "\\e]0;x\\a"', 'title: "<b>&amp;"', "title", "U+001B"),
    ("title: A small one", "title: ${oc.env:HOME}", "title: $HOME", "title", "`${` is not understood"),
    ("title: A small one", "title: ???", "title: what???", "title", "no value"),
    ("title: A small one", "title: ' '", "title: '\u00e9\u4e2d'", "title", "1 to 2000"),
    # YAML
    ("title: A small one", "title: !!python/object/apply:os.system [id]", "title: x", "title", "a tag"),
    ("title: A small one", "title: &a x", "title: '&a x'", "title", "an anchor"),
    ("title: A small one", "title: {<<: {a: 1}}", "title: '<<'", "title.<<", "a merge key"),
    ("ends: [first_strike]", "ends: [first_strike", "ends: []", "", "not valid YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "bad", "good", "key", "why"), CASES)
def test_a_mistake_and_its_sound_twin(tmp_path: Path, old: str, bad: str, good: str, key: str, why: str) -> None:
    file = tmp_path / "mini.yaml"
    file.write_text(bend(old, bad), encoding="utf-8")
    error = refused(file)
    fitting = [p for p in error.problems if p.key.startswith(key) and why in str(p)]
    assert fitting, error
    assert len(error.problems) <= MOST, error
    line = MINI[: MINI.index(old)].count("\n") + 1
    assert (
        any(p.line is not None and line <= p.line <= line + bad.count("\n") + 1 for p in fitting)
        or not key
        or "rate" in key
    ), error
    assert str(error).startswith(str(file))
    file.write_text(bend(old, good), encoding="utf-8")
    load(file)


BODIES = [
    ("rate: 5 d", "rate: 1 per 5 d", "a rate needs its unit"),
    ("rate: -1 per d", "rate: 1 per d", "cannot be negative"),
    ("rate: 1e400 per d", "rate: 1 per d", "too large"),
    ("rate: pace, times: {struck: -1}", "rate: pace, times: {struck: 1}", "negative"),
    ("after: 5", "after: 5 d", "needs its unit"),
    ("after: {uniform: [5 d, 1 d]}", "after: {uniform: [1 d, 5 d]}", "low must not exceed"),
    ("after: {weibull: {shape: -1, scale: 3 d}}", "after: {weibull: {shape: 1, scale: 3 d}}", "shape"),
    ("on: 2025-13-01", "on: 2025-12-01", "no such day"),
    ("rate: pace, while: struck is maybe", "rate: pace, while: struck is no", "maybe"),
    ("rate: pace, while: strikes above 3 and", "rate: pace, while: strikes above 3 and not struck", ""),
    ("rate: pace, plus: pace", "rate: pace, plus: [pace]", "a list is wanted"),
]


@pytest.mark.parametrize(("bad", "good", "why"), BODIES)
def test_a_mistake_in_an_action_and_its_sound_twin(tmp_path: Path, bad: str, good: str, why: str) -> None:
    file = tmp_path / "mini.yaml"
    file.write_text(act(f"{bad}, {THEN}, {BASIS}"), encoding="utf-8")
    error = refused(file)
    assert all(p.key.startswith("actions.usa.extra") for p in error.problems), error
    assert why in str(error)
    assert len(error.problems) == 1, error
    file.write_text(act(f"{good}, {THEN}, {BASIS}"), encoding="utf-8")
    load(file)


def test_size_has_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "mini.yaml"
    many = "".join(f"  a{i}: {{label: x, what: y}}\n" for i in range(60_000))
    file.write_text(bend("  ven: {label", f"{many}  ven: {{label"), encoding="utf-8")
    [problem] = refused(file).problems
    assert "at most 1048576 are read" in problem.why
    file.write_text(bend("ends: [first_strike]", "ends: [" + "0," * 120_000 + "]"), encoding="utf-8")
    assert "more than 100000 values" in str(refused(file))
    few = "".join(f"  a{i}: {{label: x, what: y}}\n" for i in range(20))
    file.write_text(bend("  ven: {label", f"{few}  ven: {{label"), encoding="utf-8")
    load(file)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "the file is empty"),
        (b"\n \n# words\n", "the file is empty"),
        (b"\xef\xbb\xbf" + MINI.encode(), "byte order mark"),
        (MINI.encode("utf-16"), "UTF-16"),
        (MINI.encode("utf-16-le"), "UTF-16"),
        (MINI.encode("utf-32"), "UTF-16 or UTF-32"),
        (MINI.encode() + b"\0", "U+0000"),
        (MINI.replace("A small one", "Venezuela é").encode("latin-1"), "no UTF-8"),
        (MINI.encode() + b"---\nformat: 1\n", "a second document"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "no UTF-8"),
        (b"PK\x03\x04" + b"a" * 40, "control character"),
        (b"{" * 5000, "levels of nesting"),
        (b"a: " + b"[" * 3000 + b"]" * 3000, "levels of nesting"),
        (b'{"format": 1}', "this key is missing"),
    ],
)
def test_bytes_that_are_no_scenario(tmp_path: Path, raw: bytes, why: str) -> None:
    file = tmp_path / "mini.yaml"
    file.write_bytes(raw)
    error = refused(file)
    assert why in str(error)
    assert str(error).startswith(str(file))
    assert len(str(error).splitlines()) <= 21


def test_files_that_are_read_all_the_same(tmp_path: Path) -> None:
    file, link = tmp_path / "windows" / "mini.yaml", tmp_path / "mini.yaml"
    file.parent.mkdir()
    file.write_bytes(MINI.replace("\n", "\r\n").encode())
    link.symlink_to(file)
    assert load(file).title == load(link).title == "A small one"


def test_things_that_are_no_files(tmp_path: Path) -> None:
    for make in (os.mkdir, os.mkfifo):
        file = tmp_path / f"{make.__name__}.yaml"
        make(file)
        assert "not a regular file" in str(refused(file))
    dangling = tmp_path / "mini.yaml"
    dangling.symlink_to(tmp_path / "nothing.yaml")
    assert "cannot be read: No such file" in str(refused(dangling))
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    assert "cannot be read" in str(refused(loop))
