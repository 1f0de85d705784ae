"""What is wrong with a file: one line per problem, each with the place, the value, the reason and a remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

#: Where a value is in the file: the keys and positions that lead to it.
KeyPath = tuple[str | int, ...]

COMMAND_LINE = "command line"
_SHOWN = 60
#: Problems that are worth reading at once.
MOST = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. ``line`` is 1-based and None where there is no line; ``nearest`` is the name probably meant."""

    file: str
    line: int | None
    key: str
    value: object
    why: str
    nearest: str | None = None

    def __str__(self) -> str:
        file, key = printable(self.file), printable(self.key)
        place = file if self.line is None else f"{file}:{self.line}"
        got = "" if self.value is NOTHING else f" (got {shown(self.value)})"
        hint = f" (did you mean {self.nearest!r}?)" if self.nearest else ""
        return ": ".join(part for part in (place, key, self.why) if part) + got + hint


class Nothing:
    """Stands for a value that is not there, because None is a value in YAML."""


NOTHING = Nothing()


class ScenarioError(ValueError):
    """All problems found in what was read; its text has one line for each, up to a number worth reading."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:MOST]]
        if len(self.problems) > MOST:
            lines.append(f"… and {len(self.problems) - MOST} more")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def shown(value: object) -> str:
    """A value as it is quoted in a message, cut short."""
    if isinstance(value, int) and not -(10**_SHOWN) < value < 10**_SHOWN:
        return f"a whole number of more than {_SHOWN} digits"  # Python refuses to write the longest ones out
    text = printable(repr(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def printable(text: str) -> str:
    """A text with its control characters written out, so that a name from a file cannot steer a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def nearest(word: object, known: Iterable[object]) -> str | None:
    """The known word most like ``word``, if one is like it."""
    match = difflib.get_close_matches(str(word), [str(k) for k in known], n=1, cutoff=0.6)
    return match[0] if match else None


def dotted(path: Iterable[str | int]) -> str:
    """A key path as it is written in messages: ``actions.usa.decides.either.1.weight``."""
    return ".".join(str(part) for part in path)
