"""What is refused on load because it is certain to be wrong: the wording, and a twin that passes."""
# ruff: noqa: E501 - one case per line, all its parts side by side

import copy
import datetime

import pytest

from sim.scenario.build import build
from sim.scenario.problems import ScenarioError
from sim.scenario.reading import read_bytes
from sim.scenario.remarks import remarks
from sim.scenario.source import Source
from tests.scenario.mini import EXTRA_LINE, MINI, act, bend, made, problems

MEASURED = "basis: {data: measured}"
THEN = "then: {struck: yes}"
NEVER = "can never hold: talks is closed or open, whatever happens; mend it, or let something bring it about"
ANGER = bend(
    "  struck: {", f"  anger: {{min: 0, start: 0, fades: {{half_life: 10 d}}, meaning: x, {MEASURED}}}\n  struck: {{"
)
BOUNDED = ANGER.replace("anger: {min: 0,", "anger: {min: 0, max: 50,")
FURY = bend(
    "  struck: {",
    f"  fury: {{min: 0, start: 0, fades: {{half_life: 10 d}}, meaning: x, {MEASURED}}}\n  struck: {{",
    ANGER,
)


def deal(text: str) -> str:
    """The text with a deal that can be reached."""
    return bend(
        "  ven.ends:",
        "  ven.deals: {says: x, while: talks is open, rate: pace, then: {talks: deal}}\n  ven.ends:",
        text,
    )


def both(rate: str, text: str = FURY) -> str:
    """Two actions that each raise what drives the other."""
    more = f"  usa.more: {{says: x, rate: pace, plus: [{rate} * anger], then: {{fury: +1}}, {MEASURED}}}\n  ven.ends:"
    return bend("  ven.ends:", more, act(f"rate: pace, plus: [{rate} * fury], then: {{anger: +1}}, {MEASURED}", text))


def thrice(text: str) -> str:
    """The text with talks that the immediate end of talks opens and another immediate action closes."""
    old = "ven.ends: {says: an end, while: talks is open, rate: pace, then: {talks: closed}}"
    return bend(old, "ven.ends: {says: an end, when: talks is closed, then: {talks: open}}", text)


def state(lines: str, text: str = MINI) -> str:
    """The text with more variables, given as ``name: bounds and start``."""
    more = "".join(f"  {line.strip()[:-1]}, meaning: x, {MEASURED}}}\n" for line in lines.splitlines())
    return bend("  struck: {", f"{more}  struck: {{", text)


def acts(bodies: dict[str, str], text: str) -> str:
    """The text with more actions of the United States."""
    more = "".join(f"  usa.{name}: {{says: x, {body}}}\n" for name, body in bodies.items())
    return bend("  ven.ends:", f"{more}  ven.ends:", text)


def tokens(home: str, away: str = "0") -> str:
    """Three tokens at home or away; ``home`` and ``away`` are what their return brings."""
    back = f"home: {home}" + (f", away: {away}" if away != "0" else "")
    bodies = {
        "sends": "rate: pace, while: home above 0 and away below 3, then: {home: -1, away: +1}",
        "gets": f"after: 5 d, while: away above 0, then: {{{back}}}, {MEASURED}",
    }
    return acts(bodies, state("home: {min: 0, max: 3, start: 3}\naway: {min: 0, max: 3, start: 0}"))


def mirror(clears: str) -> str:
    """A flag that says whether k is 2, taken back as ``clears`` says."""
    bodies = {
        "rises": "rate: pace, while: k below 2 and not full, then: {k: +1}",
        "fills": "when: k is 2 and not full, then: {full: yes}",
        "clears": f"{clears}, then: {{full: no}}",
        "falls": "rate: pace, while: full, then: {k: -1}",
    }
    return acts(bodies, state("k: {min: 0, max: 2, start: 0}\nfull: {start: no}"))


def counted(reset: str) -> str:
    """A count of up to 3 that starts again as ``reset`` says."""
    text = acts({"resets": f"{reset}, then: {{s: 0}}"}, state("s: {min: 0, max: 3, start: 0}"))
    return act("rate: pace, then: {s: +1}", text)


# (what is wrong, its key, what is said of it, the same with one thing mended)
CASES = {
    "guard": (act(f"rate: pace, while: talks is deal, {THEN}"), "actions.usa.extra.while", NEVER,
              deal(act(f"rate: pace, while: talks is deal, {THEN}"))),
    "guard of two variables": (act(f"rate: pace, while: strikes above 30 and troops_k above 15, {THEN}"), "actions.usa.extra.while",
              "can never hold: troops_k is 4 or 15, strikes is 21 or more, whatever happens",
              act("rate: pace, while: strikes above 30 and troops_k at least 15, then: {struck: yes}")),
    "immediate": (act("when: talks is deal, then: {talks: closed}"), "actions.usa.extra.when", NEVER,
              deal(act("when: talks is deal and not struck, then: {talks: closed}"))),
    "guard after the end": (act("rate: pace, while: struck, then: {recent: 0}"), "actions.usa.extra.while",
              "can never hold here: something else excludes it, or the history has ended by then",
              bend("ends: [first_strike]", "ends: [strikes above 30]", act("rate: pace, while: struck, then: {recent: 0}"))),
    "branch": (act("rate: pace, either: [{weight: share, then: {recent: 0}}, {weight: share, if: talks is deal, then: {recent: 1}}]"),
              "actions.usa.extra.either.1.if", NEVER,
              act("rate: pace, either: [{weight: share, then: {recent: 0}}, {weight: share, if: talks is closed, then: {recent: 1}}]")),
    "milestone": (bend("  first_strike: {when: struck", "  dealt: {when: talks is deal, says: x}\n  first_strike: {when: struck"),
              "milestones.dealt.when", NEVER,
              bend("  first_strike: {when: struck", "  dealt: {when: talks is closed, says: x}\n  first_strike: {when: struck")),
    "outcome": (bend("  - {name: none", "  - {name: dealt, when: talks is deal, says: x}\n  - {name: none"), "outcomes.1.when", NEVER,
              bend("  - {name: none", "  - {name: dealt, when: talks is closed, says: x}\n  - {name: none")),
    "outcome in the shadow": (bend("  - {name: none", "  - {name: more, when: struck and strikes above 30, says: x}\n  - {name: none"),
              "outcomes.1.when", "can never decide: where it holds, an outcome above it holds as well; move it up",
              bend("  - {name: limited", "  - {name: more, when: struck and strikes above 30, says: x}\n  - {name: limited")),
    "flag": (bend("  many:", "  dealt: {when: talks is deal, says: x}\n  many:"), "flags.dealt.when", NEVER,
              deal(bend("  many:", "  dealt: {when: talks is deal, says: x}\n  many:"))),
    "rung": (bend("- {name: force, when: struck}", "- {name: force, when: struck}\n  - {name: peace, when: talks is deal}"), "ladder.3.when", NEVER,
              bend("- {name: force, when: struck}", "- {name: force, when: struck}\n  - {name: peace, when: talks is closed}")),
    "end": (bend("ends: [first_strike]", "ends: [first_strike, talks is deal]"), "ends.1", NEVER,
              deal(bend("ends: [first_strike]", "ends: [first_strike, talks is deal]"))),
    "fading": (act("rate: pace, while: anger below 5, then: {recent: 0}", BOUNDED), "state.anger.fades", "can never hold: anger is always 0, whatever happens",
              act('rate: pace, then: {anger: "+1 capped"}', BOUNDED)),
    "milestone that reads itself": (bend("{when: struck,", "{when: first_strike or struck,"), "milestones.first_strike.when",
              "a milestone cannot read itself; a milestone may read those above it", MINI),
    "milestone that reads one below": (bend("  first_strike: {when: struck", "  a: {when: first_strike, says: x}\n  first_strike: {when: struck"),
              "milestones.a.when", "reads 'first_strike', which stands below; a milestone may read those above it",
              bend("\noutcomes:", "\n  a: {when: first_strike, says: x}\noutcomes:")),
    "branch alone": (act("rate: pace, either: [{if: talks is closed, then: {recent: 0}}]"), "actions.usa.extra.either.0.if",
              "a branch that stands alone always follows; write its `if` under `while`, or add another branch",
              act("rate: pace, while: talks is closed, either: [{then: {recent: 0}}]")),
    "rate by an input": (act(f"rate: pace - 0.01, {THEN}, {MEASURED}"), "actions.usa.extra.rate", "its speed is -0.",
              act(f'rate: "max(pace - 0.01, 0)", {THEN}, {MEASURED}')),
    "rate by the state": (act(f"rate: 0.1 * (10 - recent), {THEN}, {MEASURED}"), "actions.usa.extra.rate",
              "its speed is -0.1 when recent = 11 (it comes to that by usa.strikes 5 times); a speed must be a number of 0 or more: guard the action, or write `max(…, 0)`",
              act(f"rate: 0.1 * (10 - recent), while: recent at most 10, {THEN}, {MEASURED}")),
    "rate infinite": (act(f"rate: 0.1 / recent, {THEN}, {MEASURED}"), "actions.usa.extra.rate",
              "its speed is inf when recent = 0 (it comes to that by fading.recent 6 times)",
              act(f"rate: 0.1 / recent, while: recent above 0, {THEN}, {MEASURED}")),
    "rate undefined": (act(f"rate: 0.1 * sqrt(recent - 7), {THEN}, {MEASURED}"), "actions.usa.extra.rate", "its speed is nan when recent = 6",
              act(f'rate: "0.1 * sqrt(max(recent - 7, 0))", {THEN}, {MEASURED}')),
    "rate always negative": (act(f"rate: recent - 50, {THEN}, {MEASURED}"), "actions.usa.extra.rate", "always negative (-10 at most)",
              act(f"rate: 50 - recent, {THEN}, {MEASURED}")),
    "speed of a delay": (act(f"after: 3 d, times: {{always: 0.5 - share}}, {THEN}, {MEASURED}"), "actions.usa.extra.times", "its speed is -0.121 when share = 0.621",
              act(f"after: 3 d, times: {{always: 1 - share}}, {THEN}, {MEASURED}")),
    "weight": (bend("weight: 1 - share", "weight: 0.5 - share"), "actions.usa.decides.either.0.weight",
              "its weight is -0.121 when recent = 6, struck = no, share = 0.621; weights must be numbers of 0 or more, such as `max(…, 0)`",
              bend("weight: 1 - share", 'weight: "max(0.5 - share, 0)"')),
    "weight always negative": (bend("weight: 1 - share", "weight: share - 1"), "actions.usa.decides.either.0.weight",
              "its weight is negative (-0.3 at most)", MINI),
    "all weights": (act("rate: pace, either: [{weight: share, if: talks is closed, then: {recent: 0}}, {weight: share, if: troops_k is 4, then: {recent: 1}}]"),
              "actions.usa.extra", "all weights are 0 when talks = open, troops_k = 15, share = 0.45; give one branch a weight there, or guard the action",
              act("rate: pace, either: [{weight: share, if: talks is closed, then: {recent: 0}}, {weight: share, if: talks is open, then: {recent: 1}}]")),
    "effect of the state": (act("rate: pace, then: {recent: {set: 5 * recent}}"), "actions.usa.extra",
              "the effect on 'recent' (0 … 40) leaves the bounds when recent = 30 (it comes to that by usa.extra); guard against it, or let it stay within them (`capped`)",
              act("rate: pace, then: {recent: {set: 5 * recent, capped: yes}}")),
    "effect of an amount": (act('rate: pace, then: {recent: "+deaths"}'), "actions.usa.extra", "leaves the bounds when recent = ",
              act('rate: pace, then: {recent: "+deaths capped"}')),
    "fraction": (act("rate: pace, then: {recent: {set: recent / 4}}"), "actions.usa.extra",
              "the effect on 'recent' gives 1.5 when recent = 6; the state counts in whole numbers: round it with floor or ceil",
              act("rate: pace, then: {recent: {set: floor(recent / 4)}}")),
    "constant effect": (act("rate: pace, then: {troops_k: +100}"), "actions.usa.extra", "the effect +100 on 'troops_k' (0 … 200) leaves the bounds when troops_k = 115",
              act("rate: pace, while: troops_k below 100, then: {troops_k: +100}")),
    "two immediate actions": (thrice(act("when: talks is open, then: {talks: closed}")), "actions.usa.extra",
              "happens again at once, for ever with ven.ends; let an action make the condition false",
              thrice(act("when: talks is open and recent above 30, then: {talks: closed, recent: 0}"))),
    "additive": (act(f"rate: pace, plus: [0.08 * anger], then: {{anger: +1}}, {MEASURED}", ANGER), "actions.usa.extra",
              "runs away: the more anger, the more there will be, faster than it fades, without end; give it a `max`, let it fade faster, or write `accepts: {unstable: [usa.extra]}`",
              act(f"rate: pace, plus: [0.06 * anger], then: {{anger: +1}}, {MEASURED}", ANGER)),  # fades at log 2 / 10 = 0.0693
    "multiplicative": (act(f"rate: pace, times: {{anger: {{each: 2.5}}}}, then: {{anger: +1}}, {MEASURED}", ANGER), "actions.usa.extra", "runs away",
              act(f"rate: pace, times: {{anger: {{each: 1.69}}}}, then: {{anger: +1}}, {MEASURED}", ANGER)),  # exp(0.0693 · 21 / e) = 1.708; just above it takes longer than the run
    "hurried delay": (act(f"after: 5 d, times: {{anger: {{each: 1.5}}}}, then: {{anger: +1}}, {MEASURED}", ANGER), "actions.usa.extra", "runs away",
              act(f"after: 5 d, times: {{anger: {{each: 1.1}}}}, then: {{anger: +1}}, {MEASURED}", ANGER)),
    "effect that a guard allows": (tokens("+1"), "actions.usa.gets", "leaves the bounds when home = 3, away = 1, which the guard allows, though that state may not be reachable; guard against it, or let it stay within them (`capped`)",
              tokens("+1", away="-1")),
    "flag that lags behind": (mirror("rate: pace"), "actions.usa.falls", "leaves the bounds when k = 0, full = yes, which the guard allows, though that state may not be reachable", mirror("when: full and k below 2")),
    "reset that lags behind": (counted("rate: pace, while: s is 3"), "actions.usa.extra", "leaves the bounds when s = 3", counted("when: s is 3")),
    "mutual": (both("0.08"), "actions.usa.extra", "runs away: the more anger and fury, the more there will be", both("0.06")),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_sure_to_be_wrong_is_refused_and_its_twin_passes(name: str) -> None:
    text, key, why, twin = CASES[name]
    found = [p for p in problems(text) if p.key == key and why in p.why]
    assert found, "\n".join(map(str, problems(text)))
    assert str(found[0]).startswith(f"mini.yaml:{found[0].line}: {key}: ")
    if key.startswith("actions.usa.extra"):
        assert text.splitlines()[(found[0].line or 0) - 1].startswith("  usa.extra:")
    made(twin)


@pytest.mark.parametrize("body", ["max: 50, ", "max: 1000000, "])
def test_a_count_with_a_maximum_cannot_run_away(body: str) -> None:
    text = ANGER.replace("anger: {min: 0, ", f"anger: {{min: 0, {body}")
    made(act(f'rate: pace, plus: [9 * anger], then: {{anger: "+1 capped"}}, {MEASURED}', text))


def test_a_loop_is_accepted_by_name() -> None:
    loop = act(f"rate: pace, plus: [9 * anger], then: {{anger: +1}}, {MEASURED}", ANGER)
    accepted = made(loop + "accepts: {unstable: [usa.extra]}\n")
    assert [p.why for p in remarks(accepted)] == [
        "runs away, as `accepts` allows: the more anger, the more there will be, without end"
    ]
    assert [p.key for p in problems(loop + "accepts: {unstable: [usa.strikes]}\n")] == ["actions.usa.extra"]
    [wrong] = problems(MINI + "accepts: {unstable: [usa.strike]}\n")
    assert wrong.key == "accepts.unstable.0"
    assert "did you mean 'usa.strikes'?" in str(wrong)
    assert [p.key for p in problems(both("0.08") + "accepts: {unstable: [usa.extra]}\n")] == ["actions.usa.extra"]
    made(both("0.08") + "accepts: {unstable: [usa.extra, usa.more]}\n")


def test_an_effect_may_leave_bounds_that_are_never_reached() -> None:
    """The guard alone would allow 101 … 200, but nothing brings troops there."""
    made(act("rate: pace, while: troops_k below 60, then: {troops_k: +100}", bend("value: 15, b", "value: 55, b")))
    many = "strikes below 1000000 and deathless and troops_k below 100"
    text = bend("  struck: {", f"  deathless: {{start: no, meaning: x, {MEASURED}}}\n  struck: {{")
    [problem] = problems(
        act(f"rate: pace, while: {many.replace('deathless', 'not deathless')}, then: {{recent: -7}}", text)
    )
    assert "leaves the bounds when" in problem.why  # more joint states than could be listed
    assert "recent = 6" in problem.why


def test_all_come_at_once() -> None:
    text = act(f"rate: pace - 0.01, while: talks is open, then: {{recent: -1}}, {MEASURED}")
    text = bend("  many:", "  dealt: {when: talks is deal, says: x}\n  many:", text)
    assert [p.key for p in problems(text)] == ["actions.usa.extra.rate", "actions.usa.extra", "flags.dealt.when"]
    assert [p.line for p in problems(text)][:2] == [EXTRA_LINE, EXTRA_LINE]


# ----------------------------------------------------------------------------------------------- dates and changes
LATER = act("from: 2025-11-17, rate: pace, while: talks is open, then: {talks: deal}")
DEALT = bend("  many:", "  dealt: {when: talks is deal, says: x}\n  many:", LATER)


def test_what_a_later_date_makes_possible_is_a_remark_before() -> None:
    made(DEALT)
    early = made(DEALT, "2025-10-01")
    source = Source.of(read_bytes(DEALT.encode(), "mini.yaml"))
    [remark] = remarks(early, source)
    assert str(remark).startswith("mini.yaml:")
    assert remark.key == "flags.dealt.when"
    assert remark.why == "on 2025-10-01 this can never hold: talks is closed or open, whatever happens"
    assert remarks(made(DEALT), source) == ()


def test_a_start_of_another_date_counts() -> None:
    text = act("rate: pace, while: troops_k below 10, then: {recent: 0}")
    [remark] = remarks(made(text))
    assert remark.key == "actions.usa.extra.while"
    assert remark.why == "on 2025-11-17 this can never hold: troops_k is always 15, whatever happens"
    assert remarks(made(text, "2025-10-01")) == ()


def test_what_a_change_from_outside_makes_impossible_is_a_remark() -> None:
    reading = read_bytes(MINI.encode(), "mini.yaml")
    data = copy.deepcopy(reading.data)
    data["state"]["recent"]["start"] = 0
    data["actions"]["usa.strikes"]["then"] = {"strikes": "+deaths"}
    found = build(data, source=Source.of(reading))
    told = {p.key: p.why for p in remarks(found, Source.of(reading))}
    assert told["actions.usa.decides.while"].startswith("on 2025-11-17 this can never hold: ")
    assert told["inputs.wait"] == "nothing that can happen on 2025-11-17 reads this"
    with pytest.raises(ScenarioError, match="never hold"):
        build(data)  # as a file of its own it is refused


def test_a_zero_input_is_no_fault_of_the_file() -> None:
    """Structure is refused, numbers are not: a share of 0 makes an end impossible, and that may be the question."""
    made(bend("share: {uniform: [0.2, 0.7], basis: {judgement: wide}}", "share: {value: 0, basis: {data: x}}"))


def test_what_may_happen_is_a_remark() -> None:
    spread = bend("  factor:", f"  a: {{uniform: [0.02, 0.1], {MEASURED}}}\n  factor:", ANGER)
    text = act("rate: pace, plus: [a * anger], then: {anger: +1}".replace("plus: [a", "plus: [a"), spread)
    text = text.replace("a: {uniform: [0.02, 0.1]", "a: {uniform: [0.02 per d, 0.1 per d]")
    [remark] = remarks(made(text))
    assert remark.key == "actions.usa.extra"
    assert remark.why.startswith("may run away with pace = ")
    assert ", a = 0.092: the more anger" in remark.why
    # Ruled out by the story, not by the ranges: nobody ever strikes before the talks have closed.
    open_ = act(
        f"rate: pace * (1 - struck_first), {MEASURED}, {THEN}",
        bend("  struck: {", f"  struck_first: {{min: 0, max: 5, start: 0, meaning: x, {MEASURED}}}\n  struck: {{"),
    )
    open_ = bend(
        "  ven.ends:",
        "  ven.counts: {says: x, while: struck_first below 1, after: 20 d, then: {struck_first: {set: struck_first * struck_first + 2}}, basis: {data: x}}\n  ven.ends:",
        open_,
    )
    told = {p.key: p.why for p in remarks(made(open_))}
    assert "its speed may be negative" in told["actions.usa.extra.rate"]


def test_nothing_is_said_of_a_sound_scenario() -> None:
    assert remarks(made()) == ()
    assert made().as_of == datetime.date(2025, 11, 17)


def test_what_grows_hardly_within_the_run_is_a_remark() -> None:
    grows = act(f"rate: 0.002 * tot, then: {{tot: +1}}, {MEASURED}", state("tot: {min: 0, start: 21}"))
    [remark] = remarks(made(grows, until=60))
    assert remark.key == "actions.usa.extra"
    assert remark.why.startswith("feeds on itself faster than it fades, but hardly within the 60 days of the run: ")
    reading = read_bytes(grows.encode(), "mini.yaml")
    with pytest.raises(ScenarioError, match="runs away"):
        build(reading.data, source=Source.of(reading), until=700)


def test_a_loop_that_something_may_stop_is_a_remark() -> None:
    text = acts(
        {"halts": "rate: 0.5, while: not halted, then: {halted: yes}, " + MEASURED}, state("halted: {start: no}", ANGER)
    )
    stopped = act(f"rate: pace, while: not halted, plus: [0.2 * anger], then: {{anger: +1}}, {MEASURED}", text)
    [remark] = remarks(made(stopped.replace("rate: 0.5,", "rate: 0.5 per d,")))
    assert (remark.key, remark.why[:12]) == ("actions.usa.extra", "may run away")


def test_what_joint_states_settle_is_no_remark() -> None:
    for text in (tokens("+1", away="-1"), mirror("when: full and k below 2"), counted("when: s is 3")):
        assert remarks(made(text)) == ()


def test_what_lies_beyond_the_end_of_the_run_is_a_remark() -> None:
    date = acts({"votes": f"on: 2026-07-01, then: {{voted: yes}}, {MEASURED}"}, state("voted: {start: no}"))
    after = act("rate: pace, while: voted, then: {recent: 0}", date)
    assert remarks(made(after, until=400)) == ()
    told = {p.key: p.why for p in remarks(made(after))}
    assert told == {
        "actions.usa.votes.on": "cannot happen within the run: its date lies 45 days after the end of the run",
        "actions.usa.extra.while": "within the 180 days of the run this can never hold: voted is always no, whatever happens",
    }
    slow = act(f"after: {{uniform: [200 d, 300 d]}}, times: {{talks is open: 1.1}}, {MEASURED}, {THEN}")
    [remark] = remarks(made(slow))
    assert remark.key == "actions.usa.extra.after"
    assert remark.why == "cannot happen within the run: it takes 181.8 days at least, and the run 180"
    assert remarks(made(slow.replace("1.1", "1.2"))) == ()


def test_what_only_the_late_reads_is_idle() -> None:
    late = act(
        f"on: 2026-07-01, then: {{recent: {{set: extra_size, capped: yes}}}}, {MEASURED}",
        bend("amounts:\n", f"amounts:\n  extra_size: {{poisson: {{mean: 3}}, {MEASURED}}}\n"),
    )
    told = {p.key: p.why for p in remarks(made(late))}
    assert told["amounts.extra_size"] == "nothing that can happen on 2025-11-17 reads this"
