"""The figures of a stored run drawn again from its files, as wished: nothing is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.model.expressions import nearest
from sim.runs.store import RunError
from sim.studies import stored
from sim.studies.order import Order, listed, remark, say_folder
from sim.studies.settings import SettingError, whole
from sim.studies.stored import Stored

STUDY: Final = "plot"
SETTINGS: Final = ("run", "figures", "formats", "width", "milestones")
#: Studies that keep what their figures show.
DRAWN: Final = (
    "forecast", "compare", "tornado", "sensitivity", "discover", "threshold", "weigh", "check_facts", "update",
    "indicators", "typical",
)  # fmt: skip
NARROWEST, WIDEST = 300, 10_000


def answer(order: Order) -> int:
    """Draw the figures of a stored run into its folder."""
    from sim.figures.style import FORMATS, write

    study = order.study
    said = study.get("run")
    if not isinstance(said, str) or not said.strip():
        raise SettingError("study.run: give a run folder, such as run=two_rivals/forecast-1234; study=list has all")
    formats = listed(study.get("formats", ["svg", "png"]), "study.formats")
    for kind in formats:
        if kind not in FORMATS:
            raise SettingError(f"study.formats: {kind!r} is unknown; choose from {', '.join(FORMATS)}")
    pixels = study.get("width")
    if pixels is not None:
        pixels = whole(pixels, "study.width")
        if not NARROWEST <= pixels <= WIDEST:
            raise SettingError(f"study.width: {pixels} is outside {NARROWEST} … {WIDEST:,}, the pixels across a PNG")
    asked, milestones = study.get("figures"), study.get("milestones")
    run = stored.read(stored.find(order.results, said))
    drawn = drawings(run, milestones if milestones is None else listed(milestones, "study.milestones"))
    names = list(drawn) if asked is None else listed(asked, "study.figures")
    for name in names:
        if name not in drawn:
            known = ", ".join(drawn)
            raise SettingError(f"study.figures: {run.name} has no {name!r}{nearest(name, drawn)}; choose from {known}")
    for name in dict.fromkeys(names):
        for path in write(drawn[name], run.folder / "figures", name, list(dict.fromkeys(formats)), pixels):
            print(path)
    say_folder(run.folder)
    return 0


def drawings(run: Stored, milestones: list[str] | None = None) -> Mapping[str, Any]:
    """The figures of a run by name, not yet written; of a forecast with the incidence of these ``milestones``.

    Raises RunError for a run that has not ended or keeps nothing to draw, SettingError for an unknown milestone.
    """
    from sim.figures.style import collected
    from sim.studies.command import module_of
    from sim.studies.forecast import Result

    stored.check_ended(run)
    if run.study not in DRAWN or not run.summary:
        raise RunError(f"{run.folder}: study {run.study} keeps nothing to draw; its own command draws what it shows")
    if run.damage:
        remark(f"{run.name}: {run.damage}; what is drawn is what its summary says")
    if milestones is not None and run.study != "forecast":
        raise SettingError(f"study.milestones: chooses the panels of a forecast; this run is of study={run.study}")
    data = dict(run.summary)
    with collected() as found:
        if run.study == "forecast":
            unknown = [name for name in milestones or () if name not in data["milestones"]]
            if unknown:
                hint = nearest(unknown[0], data["milestones"])
                raise SettingError(f"study.milestones: unknown milestone {unknown[0]!r}{hint}")
            Result(data, run.folder).plot(milestones)
        elif run.study == "discover":
            for number in range(1, len(data["boxes"]) + 1):
                module_of(run.study).plot(data, number, run.folder)
        else:
            module_of(run.study).plot(data, run.folder)
    return found
