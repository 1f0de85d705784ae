"""Tensions as of a date: real numbers that effects push and time lets go of."""

from __future__ import annotations

from sim.model.expressions import Call, Expression, Number, bind
from sim.model.intervals import range_of
from sim.model.spec import Tension
from sim.scenario import schema
from sim.scenario.evidence import Ledger
from sim.scenario.notation import LN2, Notation
from sim.scenario.problems import KeyPath
from sim.scenario.scenario import Evidence, TensionInfo

_FORMS = ("half_life", "mean")


def announce(notation: Notation, ledger: Ledger, name: str, given: schema.Variable) -> None:
    """Make the name of a tension known and note what it cites, before the names are numbered."""
    path: KeyPath = ("state", name)
    for i, entry in enumerate(given.start):
        ledger.cite((*path, "start", i), entry.basis)
    ledger.cite(path, given.basis)
    notation.names.tensions.append(name)
    for key, value in (("levels", given.levels), ("min", given.min), ("max", given.max), ("fades", given.fades)):
        if value not in (None, ()):
            notation.faults.add(
                (*path, key), f"a tension is a number without bounds, and no count; leave out `{key}`, or `decays`"
            )


def read(notation: Notation, ledger: Ledger, name: str, given: schema.Variable) -> tuple[Tension, TensionInfo]:
    """A tension of the model and its words; faults are reported and replaced by something harmless."""
    path: KeyPath = ("state", name)
    assert given.decays is not None
    notation.literals.clear()
    decay = _decay(notation, (*path, "decays"), given.decays)
    toward: Expression = Number(0.0)
    if given.decays.toward is not None:
        toward = _number(notation, (*path, "decays", "toward"), given.decays.toward)
    pace = _literals(notation)
    start, place, basis = _start(notation, ledger, path, given)
    first = _literals(notation)
    rests = Evidence("report")
    if basis is not None or notation.faults.changed(place) is not None:
        rests = ledger.rest(place[:-1], basis, fixed=bool(first), at=place)
        first = []
    elif first or given.basis is not None:
        rests = ledger.rest(path, given.basis, fixed=bool(first or pace), at=first[0] if first else place)
        pace = []
    if pace:
        ledger.rest(path, given.basis, fixed=True, at=pace[0])
    return Tension(name, decay, start, toward), TensionInfo(name, given.meaning, given.unit or "", rests)


def _literals(notation: Notation) -> list[KeyPath]:
    """Where literal numbers were read since this was last asked, but for those that a change put there."""
    found = [at for at, _ in notation.literals if notation.faults.changed(at) is None]
    notation.literals.clear()
    return found


def _decay(notation: Notation, path: KeyPath, given: schema.Decays) -> Expression:
    """Decay per day, from the half-life or the mean length."""
    forms = [form for form in _FORMS if getattr(given, form) is not None]
    if len(forms) != 1:
        what = "both are given" if forms else "none is given"
        notation.faults.add(path, f"one length of time is wanted, half_life or mean, and {what}")
        return Number(1.0)
    (form,) = forms
    length = notation.number((*path, form), getattr(given, form), "only inputs", kind="days")
    bound = bind(length, notation.names.meanings, notation.names.levels)
    if not range_of(bound, notation.names.box(bound)).low > 0:
        notation.faults.add((*path, form), "a length of time that is always above 0 is wanted", getattr(given, form))
        return Number(1.0)
    rate = Number(LN2 if form == "half_life" else 1.0)
    return Number(rate.value / length.value) if isinstance(length, Number) else Call("div", (rate, length))


def _start(
    notation: Notation, ledger: Ledger, path: KeyPath, given: schema.Variable
) -> tuple[Expression, KeyPath, schema.Basis | None]:
    """The start in force, where it stands, and its own basis."""
    faults = notation.faults
    for i, entry in enumerate(given.start):
        if entry.drawn is not None:
            why = "a tension starts at a number; for one that is not known name an input here, and give that a law"
            faults.add((*path, "start", i, "drawn"), why)
        elif entry.value is None:
            faults.add((*path, "start", i), "a start is wanted: a number, or the name of an input")
        if entry.reported is not None:
            faults.add((*path, "start", i, "reported"), "nobody reports a tension; hold a count against the facts")
    found = ledger.latest((*path, "start"), given.start)
    if found is None:
        faults.add((*path, "start"), f"no value holds on as_of ({ledger.as_of}); give an earlier one")
        return Number(0.0), (*path, "start"), None
    place: KeyPath = (*path, "start", found[0], "value")
    value = found[1].value
    return Number(0.0) if value is None else _number(notation, place, value), place, found[1].basis


def _number(notation: Notation, path: KeyPath, value: object) -> Expression:
    """A number that may be negative, or an expression of inputs."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        notation.literals.append((path, "fixed"))
        return Number(float(value))
    return notation.number(path, value, "only inputs")
