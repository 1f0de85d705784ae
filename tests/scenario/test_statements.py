"""Stated probabilities in a scenario file: how they are written, from when on they are known, what is refused."""

import datetime

import pytest

from sim.model.compiled import compile_model
from sim.scenario.scenario import Statement
from sim.statistics import stated
from tests.scenario.mini import MINI, bend, made, problems

BLOCK = """\
statements:
  expert:
    speaker: An expert
    said_on: 2025-11-17
    proposition: {milestone: first_strike}
    says: 0.8
    within: open
    basis: {report: [3]}
"""
TEXT = MINI.replace("not_modelled:\n  3: colour\n", BLOCK)
LINE = {line.split(":")[0].strip(): number for number, line in enumerate(TEXT.splitlines(), 1)}


def only(text: str, as_of: str | None = None) -> Statement:
    [statement] = made(text, as_of).statements
    return statement


def test_a_statement_is_read() -> None:
    found = only(TEXT)
    day = datetime.date(2025, 11, 17)
    assert (found.name, found.speaker, found.said_on, found.known_on) == ("expert", "An expert", day, day)
    assert (found.milestone, found.outcomes, found.about, found.within) == ("first_strike", (), None, None)
    assert (found.stated, found.words, found.origin) == (stated.number(0.8), "80 %", "expert")
    assert found.evidence.reports == (3,)


@pytest.mark.parametrize(
    ("says", "meant", "words"),
    [
        ("[0.3, 0.5]", stated.between(0.3, 0.5), "between 30 and 50 %"),
        ("likely", stated.word("likely"), "likely (ICD 203)"),
        ("Very likely", stated.word("very likely"), "very likely (ICD 203)"),
        ("probable\n    table: kent", stated.word("probable", "kent"), "probable (Kent)"),
        ("0", stated.number(0.01), "0 %"),
        ("1", stated.number(0.99), "100 %"),
    ],
)
def test_numbers_ranges_and_words(says: str, meant: stated.Stated, words: str) -> None:
    found = only(bend("says: 0.8\n", f"says: {says}\n", TEXT))
    assert (found.stated, found.words) == (meant, words)


@pytest.mark.parametrize(
    ("within", "days"), [("60 d", 60.0), ("12 weeks", 84.0), ("2025-12-31", 44.0), ("90", 90.0), ("open", None)]
)
def test_deadlines_count_from_the_day_it_was_said(within: str, days: float | None) -> None:
    assert only(bend("within: open", f"within: {within}", TEXT)).within == days


def test_it_is_known_from_the_day_it_was_said_and_reported() -> None:
    assert made(TEXT, "2025-11-16").statements == ()
    earlier = bend("said_on: 2025-11-17", "said_on: 2025-11-10", TEXT)
    assert made(earlier, "2025-11-16").statements == (), "said, and not yet reported"
    assert only(earlier, "2025-11-17").known_on == datetime.date(2025, 11, 17)
    assert only(earlier, "2025-12-01").said_on == datetime.date(2025, 11, 10)


def test_what_was_said_moves_nothing_in_the_model() -> None:
    with_it, without = made(TEXT), made(TEXT.replace(BLOCK, "not_modelled:\n  3: colour\n"))
    assert with_it.spec == without.spec
    assert compile_model(with_it.spec).digest == compile_model(without.spec).digest


def test_a_recollection_has_its_own_time() -> None:
    text = bend("    proposition:", "    about: 2025-09-27\n    proposition:", TEXT)
    assert only(text).about == datetime.date(2025, 9, 27)
    assert made(text, "2025-10-01").statements == (), "not known then"


def test_outcomes_can_be_what_is_stated() -> None:
    assert only(bend("{milestone: first_strike}", "{outcomes: [limited]}", TEXT)).outcomes == ("limited",)


@pytest.mark.parametrize(
    ("old", "new", "key", "why", "hint"),
    [
        ("milestone: first_strike}", "milestone: first_strik}", "proposition.milestone", "no such", "first_strike"),
        ("{milestone: first_strike}", "{outcomes: [limted]}", "proposition.outcomes.0", "no such", "limited"),
        ("{milestone: first_strike}", "{outcomes: [limited, none]}", "proposition.outcomes", "certain", None),
        ("{milestone: first_strike}", "{outcomes: []}", "proposition", "one of two", None),
        ("says: 0.8", "says: likly", "says", "no word", "likely"),
        ("says: 0.8", "says: likely\n    table: knt", "table", "no such table", "kent"),
        ("says: 0.8", "says: 80", "says", "80 percent is 0.8", None),
        ("says: 0.8", "says: 80 d", "says", "written as 0.8", None),
        ("says: 0.8", "says: [0.5, 0.3]", "says", "lower one first", None),
        ("says: 0.8", "says: [0.5, 0.3, 0.1]", "says", "two numbers", None),
        ("within: open", "within: soon", "within", "`open`", None),
        ("within: open", "within: 2025-11-01", "within", "must last", None),
        ("said_on: 2025-11-17", "said_on: 2025-11-18", "said_on", "after the report", None),
        ("    says: 0.8", "    about: 2025-11-18\n    says: 0.8", "about", "before it was said", None),
        ("{report: [3]}", "{report: [9]}", "basis.report", "no finding", None),
        ("within: open", "wihin: open", "wihin", "unknown key", "within"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, key: str, why: str, hint: str | None) -> None:
    found = [p for p in problems(bend(old, new, TEXT)) if p.key == f"statements.expert.{key}"]
    assert found, problems(bend(old, new, TEXT))
    assert why in found[0].why
    assert found[0].nearest == hint
    assert found[0].file == "mini.yaml"
    assert found[0].line is not None
    assert LINE["expert"] < found[0].line <= LINE["expert"] + 8


def test_reports_that_only_look_back_date_nothing() -> None:
    """A book of years later must not make a date of next month look known."""
    late = bend("  nov: {outlet: A paper, date: 2025-11-17}", "  nov: {outlet: A paper, date: 2025-11-17}\n"
                "  book: {outlet: A book, date: 2030-12-31}", TEXT)  # fmt: skip
    late = bend('  3: {report: nov, says: "a colourful remark"}', '  3: {report: book, says: "a remark"}', late)
    late = bend("said_on: 2025-11-17", "said_on: 2030-12-31\n    about: 2025-11-17", late)
    assert made(late).statements == ()
    dated = bend("      - {from: 2025-11-17, value: 15, basis: {report: 2}}",
                 "      - {from: 2025-12-17, value: 15, basis: {report: 2}}", late)  # fmt: skip
    assert any("lies after the last report (2025-11-17)" in p.why for p in problems(dated))
