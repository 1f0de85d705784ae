"""The strict reader: what it gives, what it refuses, and that it knows the line of everything."""

import math
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sim.scenario import reading
from sim.scenario.problems import Problem, ScenarioError


def read(text: str | bytes) -> reading.Reading:
    return reading.read_bytes(text if isinstance(text, bytes) else text.encode(), "a.yaml")


def problems(text: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(ScenarioError) as caught:
        read(text)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-2.5e-3", -0.0025),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("12:30", "12:30"),
        ("12:30:00", "12:30:00"),
        ("017", "017"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("15,000", "15,000"),
        ("+1", "+1"),
        ("+1.5", "+1.5"),
        ("2025-11-17", "2025-11-17"),
        ("2025-11-17 10:00:00", "2025-11-17 10:00:00"),
        ("nan", "nan"),
        ("'3'", "3"),
        ('"true"', "true"),
        ("talks is open", "talks is open"),
        ("=", "="),
    ],
)
def test_scalars_are_those_of_the_core_schema(text: str, value: object) -> None:
    found = read(f"x: {text}\ny: [{text}]" if "," not in text else f"x: {text}").data
    assert found["x"] == value
    assert type(found["x"]) is type(value)


def test_an_empty_value_is_none() -> None:
    assert read("x:\ny: ~\nz: null").data == {"x": None, "y": None, "z": None}


def test_every_key_and_item_has_its_line() -> None:
    found = read("# head\na: 1\n\nb:\n  - x\n  - {c: 2,\n     d: [3, 4]}\n4:\n  e.f: g\n")
    assert found.data == {"a": 1, "b": ["x", {"c": 2, "d": [3, 4]}], 4: {"e.f": "g"}}
    assert found.lines == {
        (): 1, ("a",): 2, ("b",): 4, ("b", 0): 5, ("b", 1): 6, ("b", 1, "c"): 6, ("b", 1, "d"): 7,
        ("b", 1, "d", 0): 7, ("b", 1, "d", 1): 7, (4,): 8, (4, "e.f"): 9,
    }  # fmt: skip


def test_both_loaders_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[2] / "conf" / "scenario" / "two_rivals.yaml").read_text(encoding="utf-8")
    fast = read(text)
    monkeypatch.setattr(reading, "_Loader", yaml.SafeLoader)
    assert read(text) == fast


def test_windows_line_ends_are_read_alike() -> None:
    text = "a: 1\nb:\n  c: two words\n"
    assert read(text.replace("\n", "\r\n")).data == read(text).data
    assert read(text.replace("\n", "\r\n")).lines == read(text).lines


@pytest.mark.parametrize(
    ("text", "line", "key", "why"),
    [
        ("a: 1\nb: &x 2", 2, "b", "an anchor"),
        ("a: *x", 1, "a", "an alias;"),
        ("a: &x [1]\nb: *x", 1, "a", "an anchor (and 1 more anchor or alias)"),
        ("a: '???'", 1, "a", "no value"),
        ('a: 1\n"b\\e[1m": 2', 2, "", "control character (U+001B)"),
        ("a: !!str 2", 1, "a", "a tag"),
        ("a: !python/object/apply:os.system ['x']", 1, "a", "a tag"),
        ("a: !x {b: 1}", 1, "a", "a tag"),
        ("a: 1\nb: 2\na: 3", 3, "a", "stands twice (first in line 1)"),
        ("1: a\n'1': b", 2, "1", "stands twice (first in line 1)"),
        ("a:\n  b: ${oc.env:HOME}", 2, "a.b", "`${` is not understood"),
        ("a:\n  ${b}: 1", 2, "a", "`${` is not understood"),
        ("a:\n  _target_: os.system", 2, "a._target_", "could start code"),
        ("_partial_: true", 1, "_partial_", "could start code"),
        ("_args_: []", 1, "_args_", "could start code"),
        ("'hydra:x': 1", 1, "hydra:x", "could start code"),
        ("a: {<<: {b: 1}}", 1, "a.<<", "a merge key"),
        ("a: .nan", 1, "a", "not a finite number"),
        ("a: -.inf", 1, "a", "not a finite number"),
        ("a: 1e400", 1, "a", "too large"),
        ("a: 1" + "0" * 400, 1, "a", "not exact"),
        ("a: 9007199254740993", 1, "a", "not exact"),
        ("a: 1\n---\nb: 2", 2, "", "a second document"),
        ("a: 1\n? [x, y]\n: 2", 2, "", "a key must be a word"),
        ("true: 1", 1, "", "a key must be a word"),
        ("1.5: 1", 1, "", "a key must be a word"),
        ("- a\n- b", 1, "", "must hold keys with values"),
        ("just text", 1, "", "must hold keys with values"),
        ("a: [1, 2\nb: 3", 2, "a", "not valid YAML"),
        ("a: 'x", 1, "", "not valid YAML"),
        ("a: b: c", 1, "", "not valid YAML"),
        ("%TAG ! tag:x,2000:\n---\na: !y 1", 3, "a", "a tag"),
        ("a: 1\nb: x\x00", 2, "", "control character (U+0000)"),
        ("a: 1\nb: '\u202e x'", 2, "", "control character (U+202E)"),
        ("a: 1\nb: \x1b[31m", 2, "", "control character (U+001B)"),
        ("a: " + "[" * 40 + "]" * 40, 1, "a" + ".0" * 31, "more than 32 levels"),
    ],
)
def test_what_is_refused(text: str, line: int, key: str, why: str) -> None:
    found = problems(text)
    assert any(p.line == line and p.key == key and why in p.why for p in found), found
    assert str(found[0]).startswith(f"a.yaml:{found[0].line}: ")


@pytest.mark.parametrize("text", ["", "# only a remark\n", "---\n", "~"])
def test_an_empty_file_is_refused(text: str) -> None:
    assert [p.why for p in problems(text)] == ["the file is empty; it holds keys and values"]


@pytest.mark.parametrize(
    ("raw", "line", "why"),
    [
        ("a: ü".encode("latin-1"), 1, "no UTF-8"),
        (b"a: 1\nb: \xff", 2, "byte 0xff is no UTF-8"),
        ("a: 1".encode("utf-16"), None, "UTF-16"),
        ("a: 1".encode("utf-16-le"), None, "UTF-16"),
        ("a: 1".encode("utf-16-be"), None, "UTF-16"),
        ("a: 1".encode("utf-32"), None, "UTF-16 or UTF-32"),
        (b"\xef\xbb\xbfa: 1", 1, "byte order mark"),
        (b"a: " + b"x" * (1 << 20), None, "at most 1048576 are read"),
    ],
)
def test_bytes_that_are_no_plain_text_are_refused(raw: bytes, line: int | None, why: str) -> None:
    [problem] = problems(raw)
    assert problem.line == line
    assert why in problem.why


def test_all_problems_of_a_file_come_at_once() -> None:
    found = problems("a: &x 1\nb: ${y}\nc: {d: 1, d: 2}\ne: .inf\nf: !!int 3\n? {g: ${h}}\n: 1")
    assert [p.line for p in found] == [1, 2, 3, 4, 5, 6, 6]


def test_too_many_values_are_refused() -> None:
    assert "more than 100000 values" in problems("a: [" + "1," * 100_001 + "]")[-1].why


def test_an_alias_bomb_is_refused_at_once() -> None:
    text = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=False)
    )
    assert [p.why.split(";")[0] for p in problems(text)] == ["an anchor (and 80 more anchors or aliases)"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    big = tmp_path / "big.yaml"
    with big.open("wb") as file:
        file.truncate(1 << 30)
    for path, why in (
        (tmp_path, "not a regular file"),
        (fifo, "not a regular file"),
        (tmp_path / "none.yaml", "cannot be read: No such file"),
        (big, "at most 1048576 are read"),
    ):
        with pytest.raises(ScenarioError, match=why) as caught:
            reading.read_file(path)
        assert str(caught.value).startswith(f"{path}: ")


Plain = st.recursive(
    st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.text("ab+ 10:,'#-", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or math.isclose(a, b))


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), Plain, min_size=1, max_size=4))
def test_what_is_written_is_read(data: dict[str, Any]) -> None:
    text = yaml.safe_dump(data, default_flow_style=None, default_style=None)
    # The writer follows YAML 1.1: it leaves +1 and 0o1 plain only where they are text there, too.
    found = read(text)
    assert same(found.data, data)
    assert len(found.lines) == 1 + count(data)


def count(data: Any) -> int:
    items = list(data.values()) if isinstance(data, dict) else data if isinstance(data, list) else []
    return len(items) + sum(map(count, items))


@given(st.text("a:[]{}-&*!'\"\n #1,?|>%@`", max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        found = read(text)
    except ScenarioError as error:
        places = {str(problem).partition(":")[0] for problem in error.problems}
    else:
        places = {found.file}
    assert places == {"a.yaml"}
