"""Where a value comes from: the file and line that gave it, or the command line that changed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from sim.scenario.problems import COMMAND_LINE, NOTHING, KeyPath, Problem, ScenarioError, dotted, nearest
from sim.scenario.reading import Reading


@dataclass(frozen=True)
class Layer:
    """One file's part of a scenario: its data, and the line of every key path."""

    file: str
    data: Mapping[str | int, Any]
    lines: Mapping[KeyPath, int]


@dataclass(frozen=True)
class Source:
    """The files behind a scenario: its own, then those laid over it. What is in none of them was changed ``by`` hand.

    ``settings`` are the files behind the settings of a run (study, then experiments) and ``overridden`` the keys that
    the command line gave.
    """

    layers: tuple[Layer, ...] = ()
    by: str = COMMAND_LINE
    settings: tuple[Layer, ...] = ()
    overridden: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *readings: Reading) -> Source:
        """Source of whole files, the scenario first."""
        return cls(tuple(Layer(r.file, r.data, r.lines) for r in readings))

    @property
    def stem(self) -> str | None:
        """Name of the scenario's own file without folder and ending; None where there is no file."""
        file = PurePath(self.layers[0].file) if self.layers else PurePath()
        return file.stem if file.suffix in (".yaml", ".yml") else None

    def names(self, section: str) -> tuple[str, ...]:
        """Names in a section of the scenario's own file; none where there is no file."""
        return tuple(map(str, self.layers[0].data.get(section, ()))) if self.layers else ()

    def rank(self, data: Any, path: KeyPath) -> int:
        """Number of the last file that gives the value at a path of the composed ``data``; their count if none does."""
        value = look_up(data, path)
        for i in reversed(range(len(self.layers))):
            if _same(look_up(self.layers[i].data, path), value):
                return i
        return len(self.layers)

    def place(self, data: Any, path: KeyPath) -> tuple[str, int | None]:
        """File and line of the value at a path; of what holds it where there is none."""
        if not self.layers:
            return "scenario", None
        while path and look_up(data, path) is NOTHING:
            path = path[:-1]
        rank = self.rank(data, path)
        if rank == len(self.layers):
            return self.by, None
        return self.layers[rank].file, self.layers[rank].lines.get(path)

    def changed(self, data: Any, path: KeyPath) -> str | None:
        """What changed the value at a path, or something in it: a later file or the command line; else None."""
        if not self.layers:
            return None
        value = look_up(data, path)
        keys = value if isinstance(value, Mapping) else range(len(value)) if isinstance(value, list) else ()
        for key in keys:
            by = self.changed(data, (*path, key))
            if by is not None:
                return by
        first = look_up(self.layers[0].data, path)
        if isinstance(value, Mapping) and isinstance(first, Mapping) and not set(first) <= set(value):
            return self.by  # something was taken away
        rank = self.rank(data, path)
        if rank == 0 or (keys and isinstance(value, Mapping)):
            return None
        return self.by if rank == len(self.layers) else self.layers[rank].file

    def setting(self, key: str) -> str:
        """Place of a setting such as ``run.seed``: command line, file and line, or nothing where none is known."""
        if any(given == key or key.startswith(f"{given}.") for given in self.overridden):
            return COMMAND_LINE
        for layer in reversed(self.settings):
            line = layer.lines.get(tuple(key.split(".")))
            if line is not None:
                return f"{layer.file}:{line}"
        return ""


def look_up(data: Any, path: KeyPath) -> Any:
    """Value at a path, or NOTHING."""
    for part in path:
        inside = isinstance(data, Mapping) and part in data
        if not inside and not (isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data)):
            return NOTHING
        data = data[part]
    return data


def _same(a: Any, b: Any) -> bool:
    # A mapping in which something was changed still stands where it stood.
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return True
    return type(a) is type(b) and bool(a == b)


@dataclass
class Faults:
    """Collects problems while a scenario is read, and gives each its place."""

    data: Mapping[str | int, Any]
    source: Source
    problems: list[Problem] = field(default_factory=list)

    def add(
        self, path: KeyPath, why: str, value: object = None, *, known: Iterable[object] = (), word: object = None
    ) -> None:
        """Report a fault at a path. ``value`` defaults to what is there; ``known`` are names ``word`` could mean."""
        path = self.real(path)
        there = look_up(self.data, path)
        if value is None and not isinstance(there, Mapping | list):
            value = there
        value = NOTHING if value is None else value
        file, line = self.source.place(self.data, path)
        hint = nearest(value if word is None else word, known) if known else None
        self.problems.append(Problem(file, line, dotted(path), value, why, hint))

    def real(self, path: KeyPath) -> KeyPath:
        """The path without the parts that reading put in (a single entry is read as a list of one)."""
        result: KeyPath = ()
        here: Any = self.data
        for part in path:
            added = part == "=" or (isinstance(here, Mapping) and isinstance(part, int) and part not in here)
            if added or not (isinstance(here, Mapping) or (isinstance(here, list) and isinstance(part, int))):
                continue
            result = (*result, part)
            here = look_up(here, (part,))
        return result

    def changed(self, path: KeyPath) -> str | None:
        """What changed the value at a path in the scenario's own file, if anything did."""
        return self.source.changed(self.data, self.real(path))

    def rank(self, path: KeyPath) -> int:
        """Number of the file that gives the value at a path, see :meth:`Source.rank`."""
        return self.source.rank(self.data, self.real(path))

    def original(self, path: KeyPath) -> Any:
        """What the scenario's own file has at a path that was changed; NOTHING where nothing was."""
        layers = self.source.layers
        return look_up(layers[0].data, self.real(path)) if layers and self.changed(path) else NOTHING

    def stop_if_any(self) -> None:
        """Raise ScenarioError with everything found so far: the command line first, then in the order of the files."""
        if self.problems:
            order = {layer.file: i for i, layer in enumerate(self.source.layers)}
            raise ScenarioError(sorted(self.problems, key=lambda p: (order.get(p.file, -1), p.line or 0)))
