"""Broken scenarios: every message names file, line, key, value, reason and, where there is one, the nearest name."""
# ruff: noqa: E501, PLR0917 - one case per line, all its parts side by side

import copy
from typing import Any

import pytest

from sim.scenario.build import build
from sim.scenario.problems import Problem, ScenarioError
from sim.scenario.reading import Reading, read_bytes
from sim.scenario.scenario import Evidence, Scenario
from sim.scenario.source import Layer, Source
from tests.scenario.mini import EXTRA_LINE, MINI, act, bend, made, problems

BASIS = "basis: {data: measured}"
THEN = "then: {struck: yes}"


def line_of(text: str, mark: str) -> int:
    assert text.count(mark) == 1, mark
    return text[: text.index(mark)].count("\n") + 1


# (what stands in the file, what stands there instead, the marked line, key, value, why, nearest)
CASES = [
    # names of keys
    ("title: A small one", "titel: A small one", "titel", "titel", "titel", "unknown key", "title"),
    ("question: What happens?\n", "", "format: 1", "question", None, "this key is missing", None),
    ("says: an offer, while", "says: an offer, wile", "wile", "actions.ven.talks.wile", "wile", "unknown key", "while"),
    ("{median: 1 per 21 d, p90", "{median: 1 per 21 d, p9", "p9:", "inputs.pace.lognormal.p9", "p9", "unknown key", "p90"),
    ("meaning: contact", "meening: contact", "meening", "state.talks.meening", "meening", "unknown key", "meaning"),
    ("plus: 1, basis", "pluss: 1, basis", "pluss", "amounts.deaths.pluss", "pluss", "unknown key", "plus"),
    ("if: talks below", "iff: talks below", "iff", "actions.usa.decides.either.1.iff", "iff", "unknown key", "if"),
    ("outlet: A paper", "outlett: A paper", "outlett", "reports.nov.outlett", "outlett", "unknown key", "outlet"),
    # types and values
    ("format: 1", "format: 2", "format", "format", 2, "reads format 1", None),
    ("title: A small one", "title: 17", "title", "title", 17, "a text is wanted; put it in quotes", None),
    ("title: A small one", "title:", "title", "title", None, "no value; write one", None),
    ("title: A small one", "title: [a]", "title", "title", None, "a text is wanted", None),
    ("name: mini", "name: Mini", "name: Mini", "name", "Mini", "small letters, digits and _", None),
    ("name: mini", "name: ../mini", "name: ..", "name", "../mini", "small letters, digits and _", None),
    ("name: mini", "name: where", "name: where", "name", "where", "has a meaning in conditions", None),
    ("as_of: 2025-11-17", "as_of: 17.11.2025", "as_of", "as_of", "17.11.2025", "a date is wanted", None),
    ("as_of: 2025-11-17", "as_of: 2025-02-30", "as_of", "as_of", "2025-02-30", "no such day", None),
    ("as_of: 2025-11-17", "as_of: 2025-09-01", "as_of", "as_of", "2025-09-01", "before the first report (2025-09-27)", None),
    ("until: 180 days", "until: 6 months", "until", "until", "6 months", "no fixed length", None),
    ("until: 180 days", "until: 2025-01-01", "until", "until", "2025-01-01", "must last a day at least", None),
    ("horizons: [30, 90, 180]", "horizons: [90, 30]", "horizons", "horizons", [90, 30], "ascending numbers", None),
    ("crisis_start: 2025-09-02", "crisis_start: 2026-01-01", "crisis_start", "crisis_start", "2026-01-01", "after as_of", None),
    ("min: 0, max: 40", "min: zero, max: 40", "min: zero", "state.recent.min", "zero", "not a number", None),
    ("min: 0, max: 40", "min: 0.5, max: 40", "min: 0.5", "state.recent.min", 0.5, "a whole number", None),
    ("min: 0, max: 40", "min: 0, max: -1", "max: -1", "state.recent.max", -1, "below the minimum 0", None),
    ("max: 40, start: 6", "max: 5, start: 6", "start: 6", "state.recent.start", 6, "a whole number within 0 … 5", None),
    ("start: open", "start: opne", "start: opne", "state.talks.start", "opne", "closed, open, deal", "open"),
    ("start: open", "start: 1", "start: 1,", "state.talks.start", 1, "no such level", None),
    ("struck: {start: no", "struck: {start: 0", "struck: {start: 0", "state.struck", None, "needs its bounds", None),
    ("removal: 0.25}}", "removal: 0.3}}", "0.3}}", "state.goal.start.drawn", None, "sum to 1.05", None),
    ("removal: 0.25}}", "remval: 0.25}}", "remval", "state.goal.start.drawn.remval", "remval", "no such level", "removal"),
    ("levels: [closed, open, deal]", "levels: [closed, open, open]", "levels: [c", "state.talks.levels", None, "different", None),
    ("half_life: 10 d", "half_life: 10", "half_life", "state.recent.fades.half_life", 10, "needs its unit", None),
    ("half_life: 10 d", "half_life: 0 d", "half_life", "state.recent.fades.half_life", "0 d", "must be positive", None),
    # laws
    ("p90: 1 per 10 d}", "p90: 10 d}", "p90: 10 d", "inputs.pace.lognormal", None, "differ in unit (days, per day)", None),
    ("p90: 1 per 10 d}", "p90: 1 per 30 d}", "p90: 1 per 30", "inputs.pace.lognormal", None, "lies below the median", None),
    ("p90: 1 per 10 d}", "sigma: 99}", "sigma: 99", "inputs.pace.lognormal", None, "sigma in 0", None),
    (", p90: 1 per 10 d}", "}", "median: 1 per", "inputs.pace.lognormal", None, "either `p90` or `sigma`", None),
    ("{uniform: [0.2, 0.7]", "{uniform: [0.7, 0.2]", "[0.7, 0.2]", "inputs.share.uniform", None, "low must not exceed", None),
    ("{uniform: [0.2, 0.7]", "{uniform: [0.2]", "[0.2]", "inputs.share.uniform.1", None, "this key is missing", None),
    ("{uniform: [0.2, 0.7]", "{uniform: [0.2, 0.7], beta: [1, 1]", "beta", "inputs.share", None, "one law is wanted", None),
    ("{uniform: [0.2, 0.7], ", "{", "share: {b", "inputs.share", None, "one law is wanted", None),
    ("{poisson: {mean: 2.95}", "{poisson: {mean: -1}", "mean: -1", "amounts.deaths.poisson", None, "must be positive", None),
    ("{poisson: {mean: 2.95}", "{choice: {3: 0.5, 4: 0.4}", "choice", "amounts.deaths.choice", None, "sum to 0.9", None),
    ("{uniform: [0.2, 0.7]", "{uniform: [-1 d, 2 d]", "[-1 d", "inputs.share.uniform", None, "cannot be negative", None),
    # basis
    (", basis: {judgement: wide}", "", "share: {u", "inputs.share.uniform", None, "a number without a basis", None),
    ("basis: {judgement: wide}", "basis: {}", "basis: {}", "inputs.share.basis", None, "an empty basis", None),
    ("basis: {judgement: wide}", "basis: {judgment: wide}", "judgment", "inputs.share.basis.judgment", "judgment", "unknown key", "judgement"),
    ("basis: {judgement: wide}", "basis: {judgement: a, data: b}", "data: b", "inputs.share.basis", None, "not both", None),
    ("2.5, basis: {data: measured}", "2.5, basis: {judgement: so}", "2.5", "inputs.factor.basis", None, "add `fixed", None),
    ("2.5, basis: {data: measured}", "2.5, basis: {data: a, fixed: b}", "2.5", "inputs.factor.basis.fixed", "b", "goes with a judgement", None),
    ("basis: {report: 2}", "basis: {report: [2, 7]}", "[2, 7]", "state.troops_k.start.1.basis.report", 7, "no finding has the number 7", None),
    ("basis: {report: [1]}", "basis: {data: x}", '1: {report: sep, s', "findings.1", "four thousand troops", "cited by no basis", None),
    ("not_modelled:\n  3: colour\n", "", "3: {report", "findings.3", "a colourful remark", "cited by no basis", None),
    ("  3: colour", "  3: colour\n  2: no", "2: no", "not_modelled.2", "no", "cited at state.troops_k.start.1.basis", None),
    ("  3: colour", "  3: colour\n  9: no", "9: no", "not_modelled.9", 9, "no finding has the number 9", None),
    ("1: {report: sep", "1: {report: spe", "spe", "findings.1.report", "spe", "no such report", "sep"),
    ("value: 15, basis: {report: 2}", "value: 15, basis: {report: [1]}", "2: {report: nov", "findings.2", "fifteen thousand troops", "cited by no basis", None),
    # conditions and names
    ("while: talks is closed", "while: talks is opne", "opne", "actions.ven.talks.while", "talks is opne", "no level of 'talks'", None),
    ("while: talks is closed", "while: talk is closed", "talk is", "actions.ven.talks.while", "talk is closed", "did you mean 'talks'", None),
    ("while: talks is closed", "while: talks", "while: talks,", "actions.ven.talks.while", "talks", "'talks' is a number, not a condition", None),
    ("while: talks is closed", "while: recent", "while: recent,", "actions.ven.talks.while", "recent", "'recent' is a number", None),
    ("while: talks is closed", "while: talks above deal", "above deal", "actions.ven.talks.while", "talks above deal", "can never hold", None),
    ("while: talks is closed", "while: talks is (closed", "(closed", "actions.ven.talks.while", "talks is (closed", "closing parenthesis", None),
    ("while: talks is closed", "while: deaths above 1", "deaths above", "actions.ven.talks.while", "deaths above 1", "may not be read here", None),
    ("when: strikes above 30", "when: pace above 1", "pace above", "flags.many.when", "pace above 1", "only variables and milestones may", None),
    ("times: {talks is open: factor}", "times: {recent: factor}", "{recent: factor}", "actions.usa.strikes.times.recent", "recent", "is a number, not a condition", None),
    ("times: {talks is open: factor}", "times: {talks is open: facter}", "facter", "actions.usa.strikes.times.talks is open", "facter", "did you mean 'factor'", None),
    ("times: {talks is open: factor}", "times: {talks is open: pace}", "open: pace", "actions.usa.strikes.times.talks is open", "pace", "'pace' is a rate", None),
    ("times: {talks is open: factor}", "times: {recent: {eech: 2}}", "eech", "actions.usa.strikes.times.recent", None, "'eech' is unknown here", None),
    ("rate: pace\n", "rate: wait\n", "rate: wait", "actions.usa.strikes.rate", "wait", "'wait' is a length of time", None),
    ("rate: pace\n", "rate: factor\n", "rate: factor", "actions.usa.strikes.rate", "factor", "a number without a unit; here stands a rate", None),
    ("seen_by: public", "seen_by: publik", "publik", "milestones.first_strike.seen_by", "publik", "`public` or an actor", "public"),
    ("ends: [first_strike]", "ends: [first_strke]", "first_strke", "ends.0", "first_strke", "did you mean 'first_strike'", None),
    ("ends: [first_strike]", "ends: [talks below deal]", "[talks below", "ends.0", "talks below deal", "holds at the start", None),
    ("  factor:", "  talks:", "  talks: {value", "inputs.talks", "talks", "stands under state already", None),
    ("  factor:", "  spare: {value: 1, basis: {data: x}}\n  factor:", "spare", "inputs.spare", "spare", "nothing uses this", None),
    ("  struck:", "  spare: {start: no, meaning: x, basis: {data: x}}\n  struck:", "spare", "state.spare", "spare", "nothing reads or changes", None),
    ("  ven.talks:", "  vne.talks:", "vne", "actions.vne.talks", "vne.talks", "no such actor as 'vne'", "ven"),
    ("  ven.talks:", "  talks:", "  talks: {says", "actions.talks", "talks", "actor.verb", None),
    # ladder, outcomes, milestones, base rates
    ("- {name: words}", "- {name: words, when: struck}", "words", "ladder.0", "words", "the lowest rung needs no `when`", None),
    ("{name: force, when: struck}", "{name: force}", "force}", "ladder.2", "force", "needs its `when`", None),
    ("{name: none, says", "{name: none, when: struck, says", "none, w", "outcomes.1", "none", "the last outcome holds otherwise", None),
    ("{name: limited, when: first_strike,", "{name: limited,", "limited", "outcomes.0", "limited", "only the last outcome", None),
    ("{name: limited, when", "{name: none, when", "says: nothing", "outcomes.1", "none", "stands twice", None),
    ("from: 2025-11-17, n: 14, by: {30: 0.07, 180: 0.36}", "from: 2025-11-17, n: 14, by: {30: 0.7, 180: 0.36}", "0.7,", "base_rates.1", None, "shares that rise", None),
    ("milestone: first_strike, class: cases, from: 2025-11-17", "milestone: firststrike, class: cases, from: 2025-11-17", "firststrike", "base_rates.1.milestone", "firststrike", "no such milestone", "first_strike"),
    ("delay: 1 d", "delay: 1", "delay: 1}", "milestones.first_strike.delay", 1, "a duration needs its unit", None),
    # dates
    ("from: 2025-11-17, value: 15", "from: 2025-09-27, value: 15", "value: 15", "state.troops_k.start.1", None, "ascending order", None),
    ("from: 2025-09-27, value: 4", "from: 2025-12-01, value: 4", "value: 4", "state.troops_k.start.0.from", "2025-12-01", "after the last report", None),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "mark", "key", "value", "why", "nearest"), CASES)
def test_a_broken_line(old: str, new: str, mark: str, key: str, value: object, why: str, nearest: str | None) -> None:
    text = bend(old, new)
    expect(text, line_of(text, mark), key, value, why, nearest)


def expect(text: str, line: int, key: str, value: object, why: str, nearest: str | None = None) -> None:
    found = problems(text)
    fitting = [p for p in found if p.key == key and why in p.why]
    assert fitting, "\n".join(map(str, found))
    [problem] = fitting[:1]
    message = str(problem)
    assert message.startswith(f"mini.yaml:{line}: {key}: "), message
    assert problem.nearest == nearest or (nearest is None and "levels" in problem.why)
    if value is not None:
        assert problem.value == value
        assert f"(got {value!r}" in message
    if nearest is not None:
        assert message.endswith(f"(did you mean {nearest!r}?)")


ACTIONS = [
    (f"{THEN}", "", None, "one clock is wanted (rate, after, on, when), and none is given"),
    (f"rate: pace, after: 3 d, {THEN}, {BASIS}", "", None, "rate and after are given"),
    (f"rate: 0.05, {THEN}, {BASIS}", "rate", 0.05, "a rate needs its unit"),
    (f"rate: 5 d, {THEN}, {BASIS}", "rate", "5 d", "a rate needs its unit"),
    (f"rate: -1 per d, {THEN}, {BASIS}", "rate", "-1 per d", "cannot be negative"),
    (f"rate: 1 per month, {THEN}, {BASIS}", "rate", "1 per month", "no fixed length"),
    (f"rate: yes, {THEN}", "rate", "yes", "not yes or no"),
    (f"rate: true, {THEN}", "rate", True, "a number is wanted, not yes or no"),
    (f"rate: 0.05 per d, {THEN}", "rate", "0.05 per d", "a number without a basis"),
    (f"rate: 0.05 per d, {THEN}, basis: {{judgement: so}}", "basis", None, "a judgement on a fixed number"),
    (f"rate: 3 * pace, {THEN}", "rate", "3 * pace", "a number without a basis"),
    (f"rate: pace, times: {{struck: 2}}, {THEN}", "times.struck", 2, "a number without a basis"),
    (f"rate: pace, times: {{struck: -2}}, {THEN}, {BASIS}", "times.struck", -2, "a negative number"),
    (f"rate: pace, times: {{struck: 2 per d}}, {THEN}, {BASIS}", "times.struck", "2 per d", "without a unit is wanted"),
    (f"rate: pace, times: {{recent: {{each: 2}}}}, {THEN}", "times.recent.each", 2, "a number without a basis"),
    (f"rate: pace, times: {{recent: {{per doubling from 0: 2}}}}, {THEN}, {BASIS}", "times.recent.per doubling from 0", 0.0, "from a positive number"),
    (f"rate: pace, times: {{resent: {{each: factor}}}}, {THEN}", "times.resent", "resent", "did you mean 'recent'"),
    (f"rate: pace, memory: age, {THEN}", "memory", "age", "`memory` goes with after, not with rate"),
    (f"after: 3 d, memory: forever, {THEN}, {BASIS}", "memory", "forever", "enabling"),
    (f"after: 3 d, plus: [pace], {THEN}, {BASIS}", "plus", None, "`plus` goes with rate"),
    (f"on: 2025-12-01, times: {{struck: factor}}, {THEN}, {BASIS}", "times", None, "goes with rate or after, not with on"),
    (f"on: 2025-12-01, {THEN}", "on", "2025-12-01", "a number without a basis"),
    (f"after: 3 d, since: 2026-12-01, {THEN}, {BASIS}", "since", "2026-12-01", "after the last report"),
    (f"after: 3, {THEN}, {BASIS}", "after", 3, "a duration needs its unit"),
    (f"after: {{lognormal: {{median: 5, p90: 9}}}}, {THEN}, {BASIS}", "after.lognormal", None, "a delay needs its unit"),
    (f"after: {{lognormal: {{median: wait, p90: 9 d}}}}, {THEN}, {BASIS}", "after.lognormal", None, "goes with `sigma`"),
    (f"after: {{lognormal: {{median: recent, sigma: 1}}}}, {THEN}, {BASIS}", "after.lognormal.median", "recent", "only inputs may"),
    (f"after: {{lognormal: {{median: share, sigma: 1}}}}, {THEN}, {BASIS}", "after.lognormal.median", "share", "here stands a length of time"),
    (f"after: {{beta: [1, 2]}}, {THEN}, {BASIS}", "after.beta", "beta", "unknown key"),
    ("rate: pace", "", None, "nothing follows from this action"),
    (f"rate: pace, {THEN}, either: [{{weight: share, {THEN}}}]", "then", None, "`then` or `either`, not both"),
    (f"rate: pace, always: {{recent: 0}}, {THEN}", "always", None, "`always` goes with `either`"),
    (f"rate: pace, either: [{{weight: share}}, {{{THEN}}}]", "either.1", None, "a branch needs its weight"),
    (f"rate: pace, either: [{{weight: share}}, {{weight: 1, {THEN}}}]", "either.1.weight", 1, "a number without a basis"),
    (f"rate: pace, either: [{{weight: share, {THEN}}}], always: {{struck: no}}", "either.0.then.struck", "yes", "stands under `always` too"),
    (f"rate: pace, {THEN}, restart: [usa.decide]", "restart.0", "usa.decide", "no such action"),
    ("rate: pace, then: {struk: yes}", "then.struk", "struk", "no such variable"),
    ("rate: pace, then: {struck: maybe}", "then.struck", "maybe", "one of its levels (no, yes)"),
    ("rate: pace, then: {struck: 1}", "then.struck", 1, "is told by its levels: no, yes"),
    ("rate: pace, then: {talks: 1}", "then.talks", 1, "is told by its levels: closed, open, deal"),
    ("rate: pace, then: {talks: true}", "then.talks", "yes", "one of its levels"),
    ("rate: pace, then: {strikes: open}", "then.strikes", "open", "a whole number, or +n"),
    ("rate: pace, then: {strikes: 1.5}", "then.strikes", 1.5, "counts in whole numbers"),
    ("rate: pace, then: {strikes: +1.5}", "then.strikes", "+1.5", "counts in whole numbers"),
    ("rate: pace, then: {strikes: +death}", "then.strikes", "+death", "did you mean 'deaths'"),
    ("rate: pace, then: {strikes: {}}", "then.strikes", None, "one effect is wanted"),
    ("rate: pace, then: {strikes: {set: 1, add: 2}}", "then.strikes", None, "one effect is wanted"),
    ("rate: pace, then: {strikes: {set: 1, capped: often}}", "then.strikes.capped", "often", "yes or no"),
    ("rate: pace, then: {strikes: [1]}", "then.strikes", None, "one value is wanted"),
    ("rate: pace, then: {talks: +1}", "", "usa.extra", "leaves the bounds when talks = deal"),
    ("rate: pace, then: {recent: -1}", "", "usa.extra", "leaves the bounds when recent = 0"),
    ("rate: pace, either: [{says: a, weight: share}, {says: b, weight: share, then: {recent: 50}}]", "either.1", "b", "leaves the bounds"),
    (f"when: talks is deal, {THEN}", "", "usa.extra", "again at once, for ever"),
    (f"when: recent above 50, {THEN}", "when", "recent above 50", "can never hold"),
    (f"when: 1, {THEN}", "when", 1, "a condition is wanted"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "key", "value", "why"), ACTIONS)
def test_a_broken_action(body: str, key: str, value: object, why: str) -> None:
    text = act(body)
    found = problems(text)
    whole = "actions.usa.extra" + (f".{key}" if key else "")
    fitting = [p for p in found if p.key == whole and why in p.why]
    assert fitting, "\n".join(map(str, found))
    assert str(fitting[0]).startswith(f"mini.yaml:{EXTRA_LINE}: {whole}: ")
    if value is not None:
        assert fitting[0].value == value


def test_all_problems_come_at_once_and_in_order() -> None:
    text = bend("start: open", "start: opne")
    text = bend("while: talks is closed", "while: talk is closed", text)
    text = bend("seen_by: public", "seen_by: publik", text)
    text = bend("  3: colour", "  9: colour", text)
    found = problems(text)
    assert [p.key for p in found] == [
        "findings.3", "state.talks.start", "actions.ven.talks.while", "milestones.first_strike.seen_by", "not_modelled.9",
    ]  # fmt: skip
    lines = [p.line for p in found]
    assert lines == sorted(lines, key=lambda line: line or 0)


def test_a_later_finding_is_not_known_earlier() -> None:
    text = bend("basis: {judgement: wide}", "basis: {judgement: wide, report: [2]}")
    made(text)
    [problem] = problems(text, "2025-10-01")
    assert problem.key == "inputs.share.basis.report"
    assert "finding 2 was reported on 2025-11-17, after as_of (2025-10-01)" in problem.why
    assert "`from: 2025-11-17`" in problem.why


def test_a_value_that_does_not_hold_yet() -> None:
    text = bend("factor: {value: 2.5,", "factor: {from: 2025-11-17, value: 2.5,")
    made(text)
    found = problems(text, "2025-10-01")
    assert {p.key for p in found} == {
        "actions.usa.strikes.times.talks is open",
        "actions.usa.decides.either.1.times.goal is removal",
    }
    assert all("'factor' has no value yet on this date" in p.why for p in found)
    text = bend("      - {from: 2025-09-27, value: 4, basis: {report: [1]}}\n", "")
    text = bend("  3: colour", "  3: colour\n  1: old", text)
    assert [p.why for p in problems(text, "2025-10-01")] == [
        "no value holds on as_of (2025-10-01); give an earlier one"
    ]


def test_an_as_of_given_apart_is_not_in_the_file() -> None:
    with pytest.raises(ScenarioError, match=r"^command line: as_of: lies before the first report"):
        made(MINI, "2025-09-01")
    with pytest.raises(ScenarioError, match=r"^command line: until: a month has no fixed length.*\(got '6 months'\)"):
        made(MINI, until="6 months")


# ------------------------------------------------------------------------------------------------------- overrides
def changed(path: str, value: Any, *layers: Layer) -> Scenario:
    """The small scenario with one value set as on the command line."""
    reading: Reading = read_bytes(MINI.encode(), "mini.yaml")
    data: dict[str | int, Any] = copy.deepcopy(reading.data)
    here: Any = data
    *keys, last = path.split("/")
    for key in keys:
        here = here[int(key)] if isinstance(here, list) else here[key]
    here[int(last) if isinstance(here, list) else last] = value
    return build(data, source=Source((*Source.of(reading).layers, *layers)))


@pytest.mark.parametrize(
    ("path", "value", "name", "number"),
    [
        ("inputs/factor/value", 3, "factor", 3.0),
        ("inputs/factor", 3, "factor", 3.0),
        ("inputs/pace/value", 0.1, "pace", 0.1),
        ("inputs/pace", 0.1, "pace", 0.1),
        ("inputs/pace", "1 per 4 d", "pace", 0.25),
        ("inputs/wait", 20, "wait", 20.0),
        ("inputs/share", 0.5, "share", 0.5),
    ],
)
def test_an_input_may_be_set_by_hand(path: str, value: object, name: str, number: float) -> None:
    found = changed(path, value)
    assert dict(found.spec.constants)[name] == number
    [info] = [q for q in found.inputs if q.name == name]
    assert info.kind == {q.name: q.kind for q in made().inputs}[name]  # a bare number is in the law's own unit
    assert info.evidence == Evidence("change", "set by command line")
    assert name not in {q.name for q in found.spec.inputs}


def test_other_changes_by_hand_need_no_basis() -> None:
    assert changed("inputs/pace", {"uniform": [0.1, 0.2]}).inputs[0].kind == "per day"
    assert changed("inputs/share/beta", [2, 3]).spec.inputs[1].law.family == "beta"
    assert [v.start for v in changed("state/talks/start", "deal").spec.variables if v.name == "talks"] == [2]
    assert [v.start for v in changed("state/troops_k/start", 60).spec.variables if v.name == "troops_k"] == [60]
    assert [v.start for v in changed("state/goal/start", "removal").spec.variables if v.name == "goal"] == [1]
    assert changed("actions/usa.strikes/rate", "0.5 per d").actions["usa.strikes"].evidence is None


def test_a_wrong_change_names_the_command_line() -> None:
    for path, value, message in (
        ("inputs/pace", "2 d", "command line: inputs.pace: the scenario has a rate (`0.05 per d`) here; write one"),
        ("state/talks/start", "opne", "command line: state.talks.start: no such level"),
        ("inputs/share/uniform", [3, 1], "command line: inputs.share.uniform: uniform(3.0, 1.0): low must not"),
        ("actions/ven.talks/while", "talk", "command line: actions.ven.talks.while: unknown name 'talk'"),
    ):
        with pytest.raises(ScenarioError) as caught:
            changed(path, value)
        assert message in str(caught.value)


def test_an_experiment_lies_over_the_file() -> None:
    part: dict[str | int, Any] = {"inputs": {"share": {"value": 0.9}}}
    found = changed("inputs/share/value", 0.9, Layer("big.yaml", part, {("inputs", "share", "value"): 5}))
    assert dict(found.spec.constants)["share"] == 0.9
    assert found.inputs[1].evidence == Evidence("change", "set by big.yaml")


def test_without_a_source_everything_needs_its_basis() -> None:
    data = read_bytes(MINI.encode()).data
    data["inputs"]["factor"] = 3
    with pytest.raises(ScenarioError, match=r"^scenario: inputs\.factor: a number without a basis"):
        build(data)


def test_the_data_given_are_left_alone() -> None:
    data = read_bytes(MINI.encode()).data
    before = copy.deepcopy(data)
    build(data, as_of="2025-10-01", until=30)
    assert data == before


def test_an_error_survives_being_sent_between_processes() -> None:
    import pickle

    error = ScenarioError([Problem("a", 1, "k", "v", "why", "near")])
    again = pickle.loads(pickle.dumps(error))
    assert again.problems == error.problems
    assert str(again) == "a:1: k: why (got 'v') (did you mean 'near'?)"


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 10**400, -(10**400), [], {}, True, None, "\x00", "a" * 5000]
)
@pytest.mark.parametrize(
    "path", ["inputs/factor/value", "actions/ven.talks/rate", "state/recent/max", "title", "ends", "actions"]
)
def test_hostile_values_are_refused(path: str, value: object) -> None:
    if (path, value) in (("ends", []),):
        return  # nothing ends a history: allowed
    with pytest.raises(ScenarioError):
        changed(path, value)
