"""A strict reader of YAML files: data only, nothing that surprises, and the line of every key.

Scalars follow the core schema of YAML 1.2 with three deliberate differences, all towards text: a number that
starts with ``+`` stays text (``+1`` is an effect, not the number 1), and so do numbers with leading zeros and in
octal or hexadecimal. ``yes``, ``no``, ``on``, ``12:30`` and dates are text.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from sim.scenario.problems import MOST, NOTHING, KeyPath, Problem, ScenarioError, dotted

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32
MAX_NODES: Final = 100_000
#: Whole numbers beyond this are not exact in the arithmetic of a model.
MAX_WHOLE: Final = 2**53
FORBIDDEN_KEYS: Final = ("_target_", "_partial_", "_args_", "hydra:")

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
# Characters that make a text look other than it is: controls, and marks that turn the direction of writing.
HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e"
    "\u2060-\u2064\u2066-\u2069\ud800-\udfff\ufeff]"
)


@dataclass(frozen=True)
class Reading:
    """What a file holds: plain data, the 1-based line of every key path, and the text itself."""

    file: str
    data: dict[str | int, Any]
    lines: dict[KeyPath, int]
    text: str = ""


def read_file(path: str | os.PathLike[str]) -> Reading:
    """Read a file. Raises ScenarioError for a file that cannot be read or is not strict YAML."""
    name = os.fspath(path)

    def refuse(why: str) -> ScenarioError:
        return ScenarioError([Problem(name, None, "", NOTHING, why)])

    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise refuse("not a regular file; give the name of a YAML file")
        if status.st_size > MAX_BYTES:
            raise refuse(f"the file has {status.st_size} bytes; at most {MAX_BYTES} are read: split it")
        raw = Path(path).read_bytes()
    except OSError as error:
        raise refuse(f"cannot be read: {error.strerror or error}") from None
    return read_bytes(raw, name)


def read_bytes(raw: bytes, file: str = "text") -> Reading:
    """Read the bytes of a file, see :func:`read_file`."""

    def refuse(why: str, line: int | None = None) -> ScenarioError:
        return ScenarioError([Problem(file, line, "", NOTHING, why)])

    if len(raw) > MAX_BYTES:
        raise refuse(f"the file has {len(raw)} bytes; at most {MAX_BYTES} are read: split it")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or raw[:4:2] == b"\0\0" or raw[1:4:2] == b"\0\0":
        raise refuse("the file is in UTF-16 or UTF-32; save it as UTF-8")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise refuse("the file starts with a byte order mark; save it as UTF-8 without one", 1)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise refuse(f"byte 0x{raw[error.start]:02x} is no UTF-8; save the file as UTF-8", line) from None
    hidden = HIDDEN.search(text)
    if hidden:
        line = text.count("\n", 0, hidden.start()) + 1
        raise refuse(f"an invisible control character (U+{ord(hidden.group()):04X}); delete it", line)
    return _Builder(file).build(text)


@dataclass
class _Node:
    """An open collection: where it stands, what it holds, and the key that waits for its value."""

    path: KeyPath
    value: dict[str | int, Any] | list[Any]
    key: str | int | None = None
    waiting: bool = False
    seen: dict[str, int] = field(default_factory=dict)


class _Builder:
    """Builds plain data from the events of the YAML parser, counting as they come."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.lines: dict[KeyPath, int] = {(): 1}
        self.open: list[_Node] = []
        self.top: Any = NOTHING
        self.documents = self.nodes = 0
        self.shared: list[tuple[int, KeyPath, str]] = []

    def report(self, line: int | None, path: KeyPath, value: object, why: str) -> None:
        self.problems.append(Problem(self.file, line, dotted(path), value, why))

    def stop(self, line: int, why: str) -> ScenarioError:
        path = self.open[-1].path if self.open else ()
        self.tell_shared()
        self.report(line, path, NOTHING, why)
        if len(self.problems) > MOST:  # what ends the reading must not be among those left out
            self.problems.insert(0, self.problems.pop())
        return ScenarioError(self.problems)

    def build(self, text: str) -> Reading:
        for event in self.events(text):
            assert event.start_mark is not None  # the parser always knows where it is
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    raise self.stop(line, "a second document begins; a file holds one: remove the `---`")
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self.open.pop()
            elif isinstance(event, yaml.NodeEvent):
                self.node(event, line)
        self.tell_shared()
        if self.top is NOTHING or (self.top is None and not self.problems):
            self.problems.append(Problem(self.file, None, "", NOTHING, "the file is empty; it holds keys and values"))
        elif not isinstance(self.top, dict):
            self.report(1, (), self.top, "the file must hold keys with values (`name: …`) at its top")
        if self.problems:
            raise ScenarioError(self.problems)
        return Reading(self.file, self.top, self.lines, text)

    def tell_shared(self) -> None:
        """One line for all anchors and aliases: a file that has some may have thousands."""
        if not self.shared:
            return
        (line, path, mark), more = self.shared[0], len(self.shared) - 1
        what = "an anchor" if mark.startswith("&") else "an alias"
        others = f" (and {more} more anchor{'s' * (more > 1)} or alias{'es' * (more > 1)})" if more else ""
        self.report(line, path, mark, f"{what}{others}; write the value out where it is needed")
        self.problems.sort(key=lambda problem: problem.line or 0)
        self.shared.clear()

    def events(self, text: str) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(text, Loader=_Loader)
        except yaml.YAMLError as error:
            # Both loaders raise MarkedYAMLError here; an error of another kind has no place.
            marked = error if isinstance(error, yaml.MarkedYAMLError) else yaml.MarkedYAMLError(problem=str(error))
            mark = marked.problem_mark or marked.context_mark
            raise self.stop(getattr(mark, "line", 0) + 1, f"not valid YAML: {marked.problem}") from None

    # ------------------------------------------------------------------------------------------------------- nodes
    def node(self, event: yaml.NodeEvent, line: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.stop(line, f"more than {MAX_NODES} values; split the file")
        value = self.value(event, line)
        parent = self.open[-1] if self.open else None
        if parent is None:
            path: KeyPath = ()
            self.top = value
        elif isinstance(parent.value, list):
            path = (*parent.path, len(parent.value))
            self.lines[path] = line
            parent.value.append(value)
        elif not parent.waiting:
            parent.key = self.key(parent, value, line)
            parent.waiting = True
            if isinstance(value, dict | list):
                # Read on below a key that was refused, so that the rest of the file is still checked.
                self.descend((*parent.path, str(parent.key)), value, line)
            return
        else:
            assert parent.key is not None
            path = (*parent.path, parent.key)
            parent.value[parent.key] = value
            parent.waiting = False
        if isinstance(value, dict | list):
            self.descend(path, value, line)

    def descend(self, path: KeyPath, value: dict[str | int, Any] | list[Any], line: int) -> None:
        self.open.append(_Node(path, value))
        if len(self.open) > MAX_DEPTH:
            raise self.stop(line, f"more than {MAX_DEPTH} levels of nesting; write it flatter")

    def value(self, event: yaml.NodeEvent, line: int) -> Any:
        path = self.here()
        if isinstance(event, yaml.AliasEvent):
            self.shared.append((line, path, f"*{event.anchor}"))
            return None
        if event.anchor is not None:
            self.shared.append((line, path, f"&{event.anchor}"))
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.report(line, path, tag, "a tag; write the plain value (text that looks like a number goes in quotes)")
        if isinstance(event, yaml.MappingStartEvent):
            return {}
        if isinstance(event, yaml.SequenceStartEvent):
            return []
        assert isinstance(event, yaml.ScalarEvent)
        text = str(event.value)
        hidden = HIDDEN.search(text)
        if hidden:
            self.report(line, path, text, f"an invisible control character (U+{ord(hidden.group()):04X}); delete it")
        if "${" in text:
            self.report(line, path, text, "`${` is not understood here; write the value itself")
        if text == "???":
            self.report(line, path, text, "no value; write one")
        if event.style or tag is not None:  # in quotes or a block
            return text
        try:
            return scalar(text)
        except ValueError as error:
            self.report(line, path, text, str(error))
            return text

    def here(self) -> KeyPath:
        """Path of the node that is about to be read."""
        if not self.open:
            return ()
        parent = self.open[-1]
        if isinstance(parent.value, list):
            return (*parent.path, len(parent.value))
        return (*parent.path, parent.key) if parent.waiting and parent.key is not None else parent.path

    def key(self, parent: _Node, key: Any, line: int) -> str | int:
        path = parent.path
        if isinstance(key, bool) or not isinstance(key, str | int):
            why = "a key must be a word or a whole number; put it in quotes if it is a word"
            self.report(line, path, key, why)
            return str(key)
        name = str(key)
        if name.startswith(FORBIDDEN_KEYS):
            self.report(line, (*path, key), NOTHING, "this key could start code; a file here is data only: remove it")
        elif name == "<<":
            self.report(line, (*path, key), NOTHING, "a merge key; write the values out")
        if name in parent.seen:
            why = f"the key stands twice (first in line {parent.seen[name]}); remove one"
            self.report(line, (*path, key), NOTHING, why)
        else:
            self.lines[(*path, key)] = parent.seen[name] = line
        return key


def scalar(text: str) -> str | int | float | bool | None:
    """Value of a plain scalar. Raises ValueError for a number that is not finite or too large."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        # The length is asked first: turning a very long row of digits into a number takes very long.
        if len(text) > 17 or abs(int(text)) > MAX_WHOLE:
            raise ValueError(f"a whole number beyond {MAX_WHOLE} is not exact; write a smaller one")
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise ValueError("the number is too large; write a finite number")
        return number
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("not a finite number; write one, or leave the key out")
    return text
