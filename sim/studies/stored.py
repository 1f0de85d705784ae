"""Runs in the results folder: which there are, what state they are in, and which one is meant by a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sim.model.expressions import nearest
from sim.runs import store
from sim.studies.settings import SettingError

#: How the folder of a run is called: its study and a configuration hash.
NAME: Final = re.compile(r"\w[\w-]*-[0-9a-f]{8,64}")


@dataclass(frozen=True, eq=False)
class Stored:
    """A run folder with its manifest and its summary, as far as they can be read.

    ``damage`` says what is wrong with it; nothing is wrong with a run that has only not ended yet.
    """

    folder: Path
    manifest: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    damage: str = ""

    @property
    def name(self) -> str:
        """The last two parts of its path, as they are said."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def complete(self) -> bool:
        """Whether it has ended and nothing is wrong with it."""
        return bool(self.manifest.get("complete")) and not self.damage

    @property
    def study(self) -> str:
        """Its study; by the name of the folder where the manifest does not say."""
        return str(self.manifest.get("study") or self.folder.name.rpartition("-")[0])


def runs(results: Path, *, thorough: bool = True) -> list[Stored]:
    """All runs under ``results``, by name; ``thorough``: the hashes of their parts are computed."""
    folders = (path for path in results.glob("*/*") if path.is_dir() and NAME.fullmatch(path.name))
    return [read(folder, thorough=thorough) for folder in sorted(folders)]


def read(folder: Path, *, thorough: bool = True) -> Stored:
    """One run folder."""
    manifest = store.read_manifest(folder)
    if manifest is None:
        there = (folder / "manifest.json").is_file()
        return Stored(folder, damage="its manifest.json cannot be read" if there else "it has no manifest.json")
    summary = store.read_json(folder / "summary.json")
    shown = summary or {}
    if manifest.get("format") not in (store.FORMAT, store.FORMAT - 1):
        return Stored(folder, manifest, shown, f"format {manifest.get('format')!r}; this program reads {store.FORMAT}")
    if not manifest.get("complete"):
        return Stored(folder, manifest)
    if summary is None and (folder / "summary.json").is_file():
        return Stored(folder, manifest, damage="its summary.json cannot be read")
    parts = manifest.get("parts") or ()
    wrong = [part["file"] for part in parts if not _whole(folder / "parts" / part["file"], part, thorough)]
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return Stored(folder, manifest, shown, f"{wrong[0]}{more} missing or damaged" if wrong else "")


def find(results: Path, said: str) -> Path:
    """The run folder that is meant: a path, a name under ``results``, or how such a name begins.

    Raises SettingError where none or more than one could be meant.
    """
    for folder in (Path(said), results / said):
        if said.strip() and folder.is_dir() and (folder / "manifest.json").is_file():
            return folder
    there = {f"{path.parent.name}/{path.name}": path for path in results.glob("*/*") if NAME.fullmatch(path.name)}
    meant = [
        name for name in there if said.strip() and (name.startswith(said) or name.partition("/")[2].startswith(said))
    ]
    if len(meant) == 1:
        return there[meant[0]]
    if meant:
        raise SettingError(f"run {said!r}: {len(meant)} runs begin so: {', '.join(sorted(meant)[:6])}; give more of it")
    raise SettingError(f"run {said!r}: no such run under {results}{nearest(said, there)}; study=list shows them")


def check_ended(run: Stored) -> None:
    """Raises RunError for a run that has not ended, or whose manifest cannot be read."""
    if not run.manifest.get("complete"):
        why = run.damage or f"it has not ended; its command goes on: {run.manifest.get('command', 'not known')}"
        raise store.RunError(f"{run.folder}: {why}")


def _whole(path: Path, part: Mapping[str, Any], thorough: bool) -> bool:
    return store.sha256_of(path) == part["sha256"] if thorough else path.is_file()
