"""Histories that several runs have in common: none of them is simulated twice.

What a history is depends on the compiled model, the seed, the end, the days at which it is read, what is watched and
the past that is remembered; a sentence, a source, a statement or a weight touches it not. Parts are known by a hash of
just that, so a run takes over, by links, those of any other run of its scenario that has the same hash.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from sim.beliefs.record import NESTED, nested_record
from sim.model.compiled import RULES_VERSION
from sim.runs import store
from sim.runs.execute import Progress, run_nested, uncertain
from sim.runs.plan import Task, made_ready, parts_around
from sim.runs.shorter import family
from sim.runs.store import Identity
from sim.runs.tally import Nested, count_nested
from sim.studies.settings import Settings

#: Key of the manifest under which the hash of the histories stands.
KEY: Final = "histories"
#: First histories of a plain restart, to compare a forecast with.
RESTART: Final = "restart.parquet"
#: Histories of a nested run that are kept one by one; of a larger run only their counts by input.
KEPT: Final = 1_000_000
_META: Final = b"of"

Arrays = dict[str, NDArray[Any]]


def histories(task: Task) -> str:
    """Hash of all that decides the histories of a task, but for how many there are."""
    model, seed, past, watched = family(task)
    known = [RULES_VERSION, model, seed, past, watched, task.until, list(task.days)]
    return store.configuration_hash({KEY: known})


def of_parts(task: Task, identity: Identity, manifest: Mapping[str, Any] | None) -> Identity:
    """What the parts of a run are known by; those of an older folder by the configuration of the whole run."""
    old = manifest is not None and KEY not in manifest
    return identity if old else Identity(histories(task), identity.model)


def begun(
    task: Task, identity: Identity, manifest: Mapping[str, Any] | None, folder: Path, settings: Settings
) -> tuple[Identity, str, dict[str, str]]:
    """What the parts of a run are known by, words for the run that had some of them, and what the manifest says."""
    parts = of_parts(task, identity, manifest)
    if parts == identity:
        return parts, "", {}
    other = adopt(folder, parts, settings)
    return parts, f", in {other}" if other else "", {KEY: parts.configuration}


def adopt(folder: Path, identity: Identity, settings: Settings) -> str | None:
    """Link into a run folder what other runs beside it have of the same histories: the name of one, or None.

    Parts that do not fit between those that are there already, or go beyond what is asked for, stay where they are.
    """
    found = None
    for manifest in sorted(folder.parent.glob("*/manifest.json")):
        other, said = manifest.parent, store.read_json(manifest)
        if said is None or said.get(KEY) != identity.configuration or other == folder:
            continue
        mine = {part.number: part for part in store.parts_said(folder, identity)}
        both = {part.number: part for part in store.parts_said(other, identity)} | mine
        planned = parts_around([both[n] for n in sorted(both)], settings.up_to, settings.chunk)
        new = [part for part in planned if part.number not in mine and both.get(part.number) == part]
        files = [f"parts/{store.part_path(other, part).name}" for part in new]
        linked = [_linked(other / name, folder / name) for name in (*files, NESTED, RESTART)]
        if any(linked):
            found = other.name
    return found


def held(folder: Path) -> float:
    """Bytes of the parts in a run folder."""
    return float(sum(path.stat().st_size for path in (folder / "parts").glob("part-*.parquet")))


def _linked(source: Path, target: Path) -> bool:
    """Give a file a second name, or copy it where that cannot be; what is there already stays."""
    if target.exists() or not source.is_file():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        store.write_whole(target, source.read_bytes())
    return True


# --------------------------------------------------------------------------------------------------- the nested run
def nested(task: Task, settings: Settings, folder: Path, progress: Progress) -> Nested:
    """The nested run of a forecast, from its folder where it lies there already."""
    inputs, each = settings.inputs, settings.histories
    if inputs * each > KEPT or not uncertain(task.model):
        return run_nested(task, inputs, each, settings.executor, progress)
    task = made_ready(task, inputs * each)
    found = nested_record(task, inputs, each, executor=settings.executor, progress=progress, folder=folder)
    assert found is not None
    read = [found.outcomes[day] for day in task.days]
    return count_nested(task, inputs, each, [*found.times.values(), *read, *found.flags.values()])


# ------------------------------------------------------------------------------------------------- columns of a file
def keep(path: Path, mark: Mapping[str, Any], columns: Arrays) -> None:
    """Write columns (n,) with what they are. Raises RunError where that cannot be."""
    import pyarrow as pa

    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    store.write_whole(
        path, store.parquet_bytes(table.replace_schema_metadata({_META: json.dumps(mark)}), write_page_checksum=True)
    )


def kept(path: Path, mark: Mapping[str, Any]) -> Arrays | None:
    """Columns (n,) from a file, or None unless it is there, whole, and bears this very mark."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(path.read_bytes()), page_checksum_verification=True)
        if json.loads((table.schema.metadata or {})[_META]) != mark:
            return None
        return {name: table.column(name).to_numpy() for name in table.column_names}
    except (OSError, pa.ArrowException, LookupError, ValueError):
        return None
