"""A study's folder with one summary in it: a complete one is shown, or computed again and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.model.compiled import RULES_VERSION
from sim.runs import store
from sim.studies.order import remark
from sim.studies.settings import CheckError

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario

Data = dict[str, Any]


def rules_and_data(scenario: Scenario) -> Data:
    """What the hash of a study's configuration says first: the rules, and the scenario but for its date and end.

    These two count as they are in force, 180 and "180 days" alike: a study that reads them names them itself.
    """
    data = {key: value for key, value in scenario.data.items() if key not in ("as_of", "until")}
    return {"rules": RULES_VERSION, "scenario": data}


def kept(
    folder: Path,
    made: Mapping[str, str],
    replications: int,
    compute: Callable[[int], Data],
    table: Callable[[Data], bytes] | None,
    *,
    again: bool,
    also: Callable[[Data], Mapping[str, bytes]] | None = None,
    figures: Sequence[str] | None = None,
) -> Data:
    """The summary in a study's folder: the one that is there if it has as many histories, else a new one, written.

    ``compute`` makes a summary from so many histories, ``table`` the bytes of its Parquet file, and ``also`` those of
    other files by name; ``made``, the ``configuration`` and the ``command``, goes into the manifest. ``figures`` are
    how the names of its figures begin (by default the study's): they go with the numbers that they show. With
    ``again`` a complete run is computed again from as many histories as it has.

    Raises CheckError when that gives other numbers than those on disk.
    """
    manifest = store.read_manifest(folder) or {}
    held = store.read_json(folder / "summary.json") if manifest.get("complete") else None
    if held is not None and held.get("format") == store.FORMAT:
        if again:
            replications = held.get("replications", 0)
        elif held.get("replications", 0) >= replications:
            remark("this run was complete: shown, not computed again")
            return held
    data = compute(replications)
    if held is not None and again and data != held:
        raise CheckError(f"{folder}: computed again, the numbers differ from those in summary.json")
    keys = ("format", "study", "scenario", "as_of", "seed", "replications", "content_hash")
    record = {key: data[key] for key in keys if key in data}
    record |= {"rules_version": RULES_VERSION, **made}
    store.write_json(folder / "manifest.json", {**record, "complete": False})
    store.write_json(folder / "summary.json", data)
    files = dict(also(data)) if also is not None else {}
    if table is not None:
        files[f"{data['study']}.parquet"] = table(data)
    for name, content in files.items():
        store.write_whole(folder / name, content)
    for beginning in (data["study"],) if figures is None else figures:
        for path in (folder / "figures").glob(f"{beginning}*"):
            path.unlink()  # it may show other numbers
    store.write_json(folder / "manifest.json", {**record, "complete": True})
    return data
