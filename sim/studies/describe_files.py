"""A scenario as a diagram and by reporting standards: printed, and kept in a folder where there is a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.model.compiled import RULES_VERSION
from sim.runs import store
from sim.statistics.shown import date_words, plural
from sim.studies import describe, describe_page
from sim.studies.kept import rules_and_data
from sim.studies.order import Order, say_folder

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario
    from sim.studies.settings import Settings

STUDY: Final = "describe"

Data = dict[str, Any]


def answer(order: Order, scenario: Scenario, form: str) -> int:
    """Print a section, or write and show the diagram or the whole page."""
    from sim.report.documented import documented
    from sim.report.links import links

    if form in (describe.ODD, describe.STRESS):
        section = next(one for one in documented(scenario, order.settings) if one["name"] == form)
        print("\n".join(describe_page.told(section)))
        return 0
    linked = links(scenario)
    folder, made = folder_of(order, scenario)
    if form == describe.DIAGRAM:
        _show(linked)
        write(folder, linked, made, {})
    else:
        sections = documented(scenario, order.settings)
        from sim.figures.sheets.model import alt

        text = describe_page.page(scenario.title, describe.describe(scenario), linked, alt(linked), sections)
        print(f"{scenario.title}, as of {date_words(scenario.as_of.isoformat())}: what the model is.")
        print(f"{plural(len(linked['actions']), 'action')}, {plural(len(linked['columns']), 'number')} of the state.")
        print("\n".join(describe_page.overview(sections)))
        print("describe.md has all of it, with the picture.")
        files = {"describe.md": text.encode(), "documented.json": _json({"sections": sections, "links": linked})}
        write(folder, linked, made, files)
    say_folder(folder)
    return 0


def folder_of(order: Order, scenario: Scenario) -> tuple[Path, Data]:
    """The folder for a scenario and the settings that are told of it, and the start of its manifest."""
    settings = order.settings
    told = {**rules_and_data(scenario), "as_of": scenario.as_of.isoformat(), "until": scenario.until}
    configuration = store.configuration_hash({**told, "settings": _told(settings)})
    made = {
        "format": store.FORMAT,
        "study": STUDY,
        "scenario": scenario.name,
        "as_of": scenario.as_of.isoformat(),
        "seed": settings.seed,
        "rules_version": RULES_VERSION,
        "configuration": configuration,
        "command": order.command,
    }
    return store.run_folder(order.results, scenario.name, STUDY, configuration), made


def write(folder: Path, linked: Data, made: Data, files: dict[str, bytes]) -> None:
    """Write the picture and other files; nothing is simulated, so they are always made afresh."""
    from sim.figures.sheets import model
    from sim.figures.style import save

    store.write_json(folder / "manifest.json", {**made, "complete": False})
    save(model.draw(linked), folder / "figures", describe_page.FIGURE)
    for name, content in files.items():
        store.write_whole(folder / name, content)
    summary = {key: made[key] for key in ("format", "study", "scenario", "as_of", "seed")}
    store.write_json(folder / "summary.json", {**summary, "title": linked["title"], "links": linked})
    store.write_json(folder / "manifest.json", {**made, "complete": True})


def _told(settings: Settings) -> Data:
    """What the page says of the settings."""
    from sim.runs.executors import name_of

    keys = ("replications", "seed", "inputs", "histories", "precision", "least", "most", "chunk", "engine")
    return {**{key: getattr(settings, key) for key in keys}, "executor": name_of(settings.executor)}


def _show(linked: Data) -> None:
    """What acts on what, as lines: an action, then what it reads and changes."""
    from sim.report.links import table
    from sim.report.words import label

    found = table(linked)
    for row in found["rows"]:
        print(label(f"{row[0]}: {row[1]}{f' ({row[2]})' if row[2] else ''}"))
        for head, cell in zip(found["head"][3:], row[3:], strict=True):
            if cell:
                print(f"    {head}: {label(cell)}")


def _json(data: Data) -> bytes:
    import json

    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()
