"""A run on disk: a folder whose files are each whole or not there.

::

    results/SCENARIO/STUDY-HASH/
        parts/part-00000.parquet   one row per replication; the part's counts and its own digest in its metadata
        occupancy.parquet          histories on each rung, and with each value of what else is watched, day by day
        manifest.json              what made the run; ``complete`` turns true last of all
        config.yaml  summary.json  curves.parquet  figures/
        aside/                     parts that were damaged, or of another run: done again, and never removed
        .lock                      held by the process that is at work on the run

Every file is written under a temporary name in its own folder, forced to disk and renamed, and the renaming is forced
to disk as well, so a run that is killed leaves whole files only. A part carries the digest of its own bytes: it is
kept by a later run of the same configuration and model, or set aside, never trusted by its name.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.runs.columns import Columns
from sim.runs.counts import Counts, packed, unpacked
from sim.runs.plan import Part

FORMAT: Final = 1
_META: Final = b"escalation"
#: What stands in the place of a file's digest when the digest is taken.
_BLANK: Final = "0" * 64
#: Files set aside that are named in one line.
_SHOWN: Final = 8
#: Hexadecimal digits of the configuration hash in a folder's name; more are used if two configurations share them.
_DIGITS: Final = (8, 12, 16, 64)


class RunError(RuntimeError):
    """A run that could not finish; what was done is kept. The message holds the place and the remedy."""


@dataclass(frozen=True)
class Identity:
    """What decides every number of a run but not how many there are: hashes of configuration and compiled model."""

    configuration: str
    model: str


def configuration_hash(data: Mapping[str, Any]) -> str:
    """SHA-256 of plain data (numbers, text, dates, lists, mappings in their order)."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} ({type(value).__name__}) cannot be hashed; a configuration holds plain data")


def run_folder(results: Path, scenario: str, study: str, configuration: str) -> Path:
    """Folder of a run, whether it exists or not."""
    for digits in _DIGITS:
        folder = results / scenario / f"{study}-{configuration[:digits]}"
        found = read_manifest(folder)
        if found is None or found.get("configuration") == configuration:
            return folder
    raise RunError(f"{results / scenario}: no free name for the configuration {configuration}; use another folder")


# ------------------------------------------------------------------------------------------------- whole files
def make_folder(folder: Path) -> None:
    """Make a folder, and those it lies in. Raises RunError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritten(folder, error) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under a temporary name beside its own, force it to disk, rename it, and force that to disk.

    Raises RunError with the path where that cannot be; the file is then as it was before.
    """
    make_folder(path.parent)
    # Two workers may have one number on two machines, or be threads of one process.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritten(path, error) from error


def _sync(folder: Path) -> None:
    """Force the names in a folder to disk; not every system and file system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(number)


def _unwritten(path: Path, error: OSError) -> RunError:
    """What to say of a file that could not be written, with the remedy."""
    remedies = {
        errno.ENOSPC: "make room on that disk", errno.EDQUOT: "make room within your quota",
        errno.EROFS: "give another results=DIR", errno.EACCES: "give another results=DIR",
        errno.EPERM: "give another results=DIR", errno.ENOTDIR: "give another results=DIR",
        errno.EEXIST: "give another results=DIR", errno.EMFILE: "allow more open files (ulimit -n)",
        errno.ENFILE: "wait until fewer files are open on this machine", errno.EIO: "check that disk",
    }  # fmt: skip
    remedy = remedies.get(error.errno or 0, "check that disk")
    return RunError(
        f"{path}: could not be written ({error.strerror or error}); {remedy}; what was done is kept, and the same "
        "command goes on from there"
    )


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write indented JSON, whole."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, (text + "\n").encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where the file is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a run folder, or None."""
    return read_json(folder / "manifest.json")


def sha256_of(path: Path) -> str | None:
    """SHA-256 of a file, or None where it is missing."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of a run that was killed."""
    for pattern in (".*.tmp", "parts/.*.tmp", "figures/.*.tmp"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes off a run folder until done; a process that is killed keeps nobody off.

    Raises RunError where another process is at work in it. Systems without ``flock`` keep nobody off.
    """
    make_folder(folder)
    try:
        opened = (folder / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise _unwritten(folder / ".lock", error) from error
    with opened as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except BlockingIOError:
            file.seek(0)
            number = file.read(20).strip() or "not known"
            raise RunError(
                f"{folder}: another process (number {number}) is at work on this run; wait until it has ended, or give "
                "another results=DIR"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


# ------------------------------------------------------------------------------------------------------- parts
def part_path(folder: Path, part: Part) -> Path:
    """File of a part."""
    return folder / "parts" / f"part-{part.number:05d}.parquet"


def write_part(
    path: Path,
    identity: Identity,
    part: Part,
    columns: Columns,
    *,
    counts: Counts,
    words: Mapping[str, Sequence[str]],
) -> None:
    """Write the columns and the counts of a part as Parquet, with what it is and the digest of the file."""
    import pyarrow as pa

    meta = {
        "format": FORMAT,
        "configuration": identity.configuration,
        "model": identity.model,
        "first": part.first,
        "count": part.count,
        "counts": packed(counts),
        "file": _BLANK,
    }
    arrays = {name: _arrow(pa, values, _words(words, name)) for name, values in columns.items()}
    blank = parquet_bytes(pa.table(arrays), {_META.decode(): json.dumps(meta)}, **_encoding(columns))
    # A file cannot hold its own digest: it holds that of itself with zeros in that place.
    write_whole(path, blank.replace(_BLANK.encode(), hashlib.sha256(blank).hexdigest().encode()))


def _encoding(columns: Columns) -> dict[str, Any]:
    """How columns are best written.

    Numbers drawn from a continuum hardly repeat: to look them up in a dictionary, or to compress them, takes longer
    than to write the rest of the file and saves nothing.
    """
    running = [name for name in ("replication", "input", "history") if name in columns]
    floats = [name for name, values in columns.items() if values.dtype.kind == "f"]
    return {
        "compression": {name: "NONE" if name.startswith("input.") else "zstd" for name in columns},
        "use_dictionary": [name for name in columns if name not in floats + running],
        "column_encoding": dict.fromkeys(running, "DELTA_BINARY_PACKED"),
    }


def parquet_bytes(table: Any, meta: Mapping[str, str] | None = None, **options: Any) -> bytes:
    """A pyarrow table as the bytes of a Parquet file; ``meta`` goes into its metadata, ``options`` to the writer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, **({"compression": "zstd"} | options), write_statistics=False) as writer:
        writer.write_table(table)
        if meta:
            writer.add_key_value_metadata(dict(meta))
    return bytes(sink.getvalue())


def read_part(
    path: Path, identity: Identity, part: Part, words: Mapping[str, Sequence[str]]
) -> tuple[Columns, Counts] | None:
    """Columns and counts of a part, or None unless it is there, whole, and of this very run."""
    found = examine(path, identity, part, words)
    return found if isinstance(found, tuple) else None


def examine(
    path: Path, identity: Identity, part: Part, words: Mapping[str, Sequence[str]]
) -> tuple[Columns, Counts] | str | None:
    """Columns and counts of a part; None where there is no file; else why what is there is not this part."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Through our own read: pyarrow keeps a file open for longer than some systems let it be replaced.
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not data:
        return "empty"
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        meta = json.loads((file.metadata.metadata or {})[_META])
        mark = meta["file"].encode()
        # What a damaged file says of itself is nothing to go by.
        if hashlib.sha256(data.replace(mark, _BLANK.encode())).hexdigest().encode() != mark:
            return "damaged"
        other = _other(meta, identity)
        if other:
            return other
        if (meta["first"], meta["count"]) != (part.first, part.count):
            return f"holds replications {meta['first']:,} to {meta['first'] + meta['count'] - 1:,}"
        table = file.read(use_threads=False)  # processes share the work; threads would only get in one another's way
        columns = {name: _numpy(pa, table.column(name), _words(words, name)) for name in table.column_names}
        return columns, unpacked(meta["counts"])
    except (OSError, pa.ArrowException, LookupError, ValueError, TypeError, AttributeError):
        return "damaged"


def _other(meta: Mapping[str, Any], identity: Identity) -> str:
    """In what a part is another run's; nothing where it is of this one."""
    if meta["format"] != FORMAT:
        return f"of format {meta['format']!r}"
    if meta["configuration"] != identity.configuration:
        return "of another configuration"  # scenario, changes, dates, seed
    return "of another model" if meta["model"] != identity.model else ""


def set_aside(folder: Path, identity: Identity, planned: Sequence[Part], wrong: Mapping[Part, str]) -> str:
    """Move what is in the way of a run's parts into its folder ``aside``; returns what to say of it, if anything.

    That is: files in the place of a part that are ``wrong`` for a reason, and files without a place in the run.

    Raises RunError where they cannot be moved.
    """
    names = {part_path(folder, part).name for part in planned}
    moved = {part_path(folder, part).name: why for part, why in wrong.items()}
    for path in sorted((folder / "parts").glob("[!.]*")):
        if path.name not in names and path.is_file():
            mine = part_said(path, identity)
            moved[path.name] = "without a place in this run" if mine is None else "cut otherwise than this run"
    for name in moved:
        path = folder / "parts" / name
        place, number = folder / "aside" / name, 1
        make_folder(place.parent)
        while place.exists():
            number += 1
            place = place.with_name(f"{path.stem}.{number}{path.suffix}")
        try:
            path.replace(place)
            _sync(place.parent)
            _sync(path.parent)
        except OSError as error:
            raise _unwritten(place, error) from error
    shown = [f"{name} ({why})" for name, why in list(moved.items())[:_SHOWN]]
    more = f" and {len(moved) - _SHOWN} more" if len(moved) > _SHOWN else ""
    return f"set aside in {folder / 'aside'}, and done again where needed: {', '.join(shown)}{more}" if moved else ""


def part_said(path: Path, identity: Identity) -> Part | None:
    """The replications that a file says it holds, or None where it is no part of this very run.

    Only its metadata are read: whether the rest is whole, :func:`read_part` tells.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            meta = json.loads((pq.read_metadata(file).metadata or {})[_META])
        if (meta["configuration"], meta["model"], meta["format"]) != (identity.configuration, identity.model, FORMAT):
            return None
        number, first, count = int(path.stem.removeprefix("part-")), meta["first"], meta["count"]
        return Part(number, first, count) if min(number, first) >= 0 < count else None
    except (OSError, pa.ArrowException, LookupError, ValueError, TypeError, AttributeError):
        return None


def parts_said(folder: Path, identity: Identity) -> list[Part]:
    """What the parts of this very run on disk say they hold, in order."""
    said = (part_said(path, identity) for path in sorted((folder / "parts").glob("part-*.parquet")))
    return sorted((part for part in said if part is not None), key=lambda part: part.number)


def _words(words: Mapping[str, Sequence[str]], column: str) -> Sequence[str] | None:
    return words.get(column.split(".", maxsplit=1)[0])


def _arrow(pa: Any, values: NDArray[Any], words: Sequence[str] | None) -> Any:
    if words is not None:
        numbers = pa.array(values, mask=values < 0)
        return pa.DictionaryArray.from_arrays(numbers, pa.array(list(words), type=pa.string()))
    if values.dtype.kind == "f":
        return pa.array(values, mask=np.isinf(values))
    return pa.array(values)


def _numpy(pa: Any, column: Any, words: Sequence[str] | None) -> NDArray[Any]:
    array = column.combine_chunks()
    if words is not None:
        # The file may hold its words in another order, or only those in use.
        number = {word: i for i, word in enumerate(words)}
        known = np.array([number[word] for word in array.dictionary.to_pylist()] + [-1])
        # The type of the numbers is that of the engine's column: one byte, two for the many actions.
        small = np.int16 if array.indices.type == pa.int16() else np.int8
        places = array.indices.fill_null(len(known) - 1).to_numpy(zero_copy_only=False)
        return np.asarray(known[places], dtype=small)
    if pa.types.is_floating(array.type):
        values = array.fill_null(np.inf).to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64)
    return np.asarray(array.to_numpy(zero_copy_only=False))
