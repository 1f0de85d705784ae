"""The ledger on disk: numbered records, each with its own hash and that of the one before; none is ever written over.

::

    results/ledger/
        0001-forecast-island_crisis-2031-05-14.json       a forecast, as it was registered
        0002-resolution-of-0001.json                      what happened since, as it was known then
        ledger.json  ledger.md                            the page: all of it scored

The hash of a record is the SHA-256 of its JSON without the key ``sha256``: keys in their order, no blanks between,
text as it is (UTF-8). Whoever keeps the last hash can tell later that nothing before it was changed, put in or taken
away; what was taken from the end shows by the page only.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.model.expressions import nearest
from sim.runs import store
from sim.studies.settings import CheckError, SettingError

if TYPE_CHECKING:
    from sim.studies.order import Order

FORMAT: Final = 1
FORECAST, RESOLUTION = "forecast", "resolution"
#: What the first record names as the hash of the one before it.
FIRST: Final = "0" * 64
NAME: Final = re.compile(r"(\d{4,})-(forecast|resolution)-.+\.json")
PAGE: Final = "ledger.json"

Data = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Book:
    """A ledger as it was read: the folder, and its records in order, all of them sound."""

    folder: Path
    records: tuple[Data, ...] = ()

    @property
    def head(self) -> str:
        """Hash of the last record."""
        return str(self.records[-1]["sha256"]) if self.records else FIRST

    @property
    def entries(self) -> list[Data]:
        """The forecasts, in the order in which they were registered."""
        return [record for record in self.records if record["kind"] == FORECAST]

    def resolutions(self, entry: Mapping[str, Any]) -> list[Data]:
        """What was told of a forecast later, in order."""
        return [r for r in self.records if r["kind"] == RESOLUTION and r["entry"]["number"] == entry["number"]]

    def find(self, asked: object) -> Data:
        """The forecast of a number, or of a hash's first digits. Raises SettingError."""
        text, known = str(asked), [f"{entry['number']:04d}" for entry in self.entries]
        found = [e for e in self.entries if text.isdigit() and len(text) < 8 and int(text) == e["number"]]
        found = found or [e for e in self.entries if len(text) >= 8 and e["sha256"].startswith(text)]
        if len(found) == 1:
            return found[0]
        there = f"; there are {', '.join(known)}" if known else "; none is registered yet (study=register)"
        raise SettingError(
            f"study.entry: no forecast {text!r} in {self.folder}{nearest(text, known)}{there}; give the number, or "
            "eight or more digits of the hash"
        )


def folder_of(order: Order) -> Path:
    """The folder of the ledger. Raises SettingError where it cannot be one."""
    given = order.study.get("ledger")
    if given is None:
        return order.results / "ledger"
    if not isinstance(given, str) or not given.strip() or any(p.is_file() for p in (Path(given), *Path(given).parents)):
        raise SettingError(
            f"study.ledger: {given!r} is no folder and cannot be one; give a path, such as results/ledger"
        )
    return Path(given)


def now() -> datetime:
    """The present, to the second, in UTC."""
    return datetime.now(UTC).replace(microsecond=0)


def digest(record: Mapping[str, Any]) -> str:
    """Hash of a record, over everything but the hash that it holds."""
    return store.configuration_hash({key: value for key, value in record.items() if key != "sha256"})


def read(folder: Path) -> Book:
    """The ledger in a folder, which may be empty or missing.

    Raises CheckError with everything that is not as it was written.
    """
    paths = sorted(path for path in folder.glob("*.json") if NAME.fullmatch(path.name))
    found = sorted(((int(path.name.split("-", 1)[0]), path) for path in paths), key=lambda pair: pair[0])
    problems, records, before = [], list[Data](), FIRST
    for place, (number, path) in enumerate(found, 1):
        record = store.read_json(path)
        if record is None:
            problems.append(f"{path}: cannot be read; it is damaged or was cut off")
            before = ""
            continue
        what = "entry" if record.get("kind") == FORECAST else "resolution"
        stated = record.get("sha256")
        if record.get("format") != FORMAT:
            problems.append(f"{path}: format {record.get('format')!r}; this program reads {FORMAT}")
        elif digest(record) != stated:
            problems.append(f"{path}: {what} altered since it was registered (its hash is not the one it holds)")
        elif record.get("number") != number:
            problems.append(f"{path}: {what} renamed; it was written as number {record.get('number')}")
        elif before and record.get("previous") != before:
            gap = f"the record before it (number {number - 1}) is not the one that was there when it was written"
            problems.append(f"{path}: {gap}; something was taken away, put in or exchanged")
        elif place == 1 and number != 1:
            problems.append(f"{path}: the ledger begins with number {number}; what was before it is missing")
        before = str(stated)
        records.append(record)
    page = store.read_json(folder / PAGE)
    if page is not None and not problems and page.get("records", 0) > 0:
        at = page["records"]
        if len(records) < at or records[at - 1]["sha256"] != page.get("head"):
            problems.append(
                f"{folder}: the page told of {at} records, the last with hash {str(page.get('head'))[:16]}…, which is "
                "no longer there; something was taken away at the end"
            )
    if problems:
        remedy = "put back what was there, from a copy, or begin another ledger by study.ledger=FOLDER"
        raise CheckError("\n".join([*problems, f"Nothing was scored or written: {remedy}"]))
    return Book(folder, tuple(records))


def add(book: Book, record: Mapping[str, Any], name: str) -> tuple[Book, Data]:
    """Write a record behind the last one, and the ledger with it.

    ``record`` has kind and content; number, previous hash and its own hash are put to it. Raises RunError where
    somebody else wrote that number meanwhile.
    """
    number = len(book.records) + 1
    whole: Data = {"format": FORMAT, "kind": record["kind"], "number": number, "previous": book.head}
    whole |= {key: value for key, value in record.items() if key != "kind"}
    whole = json.loads(json.dumps(whole, ensure_ascii=False, allow_nan=False))
    whole["sha256"] = digest(whole)
    taken = [path.name for path in book.folder.glob(f"{number:04d}-*.json")]
    path = book.folder / f"{number:04d}-{whole['kind']}-{name}.json"
    if taken or not _created(path, _text(whole)):
        raise store.RunError(
            f"{path}: number {number} was written by another command meanwhile; give the command again"
        )
    return Book(book.folder, (*book.records, whole)), whole


def _created(path: Path, data: bytes) -> bool:
    """Write a file that is not there yet, whole; False where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        store.write_whole(temporary, data)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError:  # no hard links here
            if path.exists():
                return False
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _text(record: Mapping[str, Any]) -> bytes:
    """JSON with a line for each value, and long lists of numbers on one line."""
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    return (re.sub(r"\[\n\s*([-\d.eE,\s]+?)\s*\]", lambda m: f"[{' '.join(m[1].split())}]", text) + "\n").encode()
