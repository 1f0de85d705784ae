"""Start values, inputs and amounts as of a date."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any

from sim.model.laws import Law
from sim.model.spec import Variable
from sim.scenario import laws, quantities, schema
from sim.scenario.evidence import Ledger
from sim.scenario.notation import FLAG, Notation
from sim.scenario.problems import KeyPath
from sim.scenario.scenario import DatedValue, Evidence, QuantityInfo, VariableInfo
from sim.scenario.source import look_up


@dataclass
class Values:
    """Reads variables, inputs and amounts into the names of the notation.

    ``data``: those inputs and amounts, as a file would give them, that were laid over others without a unit.
    """

    notation: Notation
    ledger: Ledger
    as_of: datetime.date
    variables: dict[str, VariableInfo] = field(default_factory=dict)
    data: dict[str, dict[str, Any]] = field(default_factory=lambda: {"inputs": {}, "amounts": {}})
    quantities: dict[str, list[QuantityInfo]] = field(default_factory=lambda: {"inputs": [], "amounts": []})

    def variable(self, name: str, given: schema.Variable) -> None:
        """A variable of the state."""
        path: KeyPath = ("state", name)
        faults = self.notation.faults
        bounds = given.min is not None or given.max is not None
        flag = not given.levels and not bounds and all(map(_is_flag, given.start))
        levels = FLAG if flag else given.levels
        if given.levels and (bounds or len(set(given.levels)) < len(given.levels) or len(given.levels) < 2):
            why = "levels are two or more different words, without min and max"
            faults.add((*path, "levels"), why, list(given.levels))
        refused = False
        if not levels and given.min is None:
            words = [entry.value for entry in given.start if isinstance(entry.value, str)]
            word = next((word for word in words if not quantities.looks_like_one(word)), None)
            if word is None:
                faults.add(path, "a number needs its bounds: give `min` (and `max`, unless it is open), or `levels`")
            else:
                faults.add((*path, "start"), "neither yes nor no; other words need `levels`, and numbers `min`", word)
                levels = FLAG
            refused = True
        if given.min is not None and given.max is not None and given.min > given.max:
            faults.add((*path, "max"), f"the maximum lies below the minimum {given.min}")
            refused = True
        if refused:
            self.notation.names.refused.add(name)
        lower, upper = (0, len(levels) - 1) if levels else (given.min or 0, given.max)
        for i, entry in enumerate(given.start):
            self.ledger.cite((*path, "start", i), entry.basis)
            if entry.knows_past is not None and entry.drawn is None and not faults.changed((*path, "start", i)):
                why = "goes with `drawn`: of a start that is known the past says nothing"
                faults.add((*path, "start", i, "knows_past"), why)
        self.ledger.cite(path, given.basis)
        found = self.ledger.latest((*path, "start"), given.start)
        start: int | Law = lower
        rests, knows_past = Evidence("report"), False
        if found is None:
            faults.add((*path, "start"), f"no value holds on as_of ({self.as_of}); give an earlier one")
        else:
            at, entry = (*path, "start", found[0]), found[1]
            read = None if refused else self.start(at, entry, levels, lower, upper)
            start = lower if read is None else read
            place, basis = (at, entry.basis) if entry.basis else (path, given.basis)
            form = "value" if entry.drawn is None else "drawn"
            rests = self.ledger.rest(place, basis, fixed=isinstance(read, int), at=(*at, form))
            knows_past = isinstance(start, Law) and self.ledger.knows_past(entry.knows_past, basis)
        self.notation.names.variables[name] = Variable(name, lower, upper, start, levels)
        unit, fades, dated = given.unit or "", given.fades is not None, self.dated(path, given)
        self.variables[name] = VariableInfo(name, given.meaning, levels, unit, flag, rests, fades, dated, knows_past)

    def dated(self, path: KeyPath, given: schema.Variable) -> tuple[DatedValue, ...]:
        """Start values of a plain number at all dates, for people to compare; faults are told where one is used."""
        made = []
        for i, entry in enumerate(given.start):
            at: KeyPath = (*path, "start", i, "value")
            try:
                value = None if entry.value is None or given.levels else int(quantities.number(entry.value))
            except (ValueError, OverflowError):
                value = None
            basis, by = entry.basis or given.basis, self.notation.faults.changed(at)
            if by is not None:
                rests = Evidence("change", f"set by {by}")
            else:
                rests = Evidence(basis.kind, basis.why, basis.report) if basis is not None else Evidence("judgement")
            made.append(DatedValue(entry.from_, value, rests))
        return tuple(made)

    def start(
        self, path: KeyPath, entry: schema.Start, levels: tuple[str, ...], lower: int, upper: int | None
    ) -> int | Law | None:
        """A start value, or the law of a hidden type; None after a fault."""
        if entry.value is not None and entry.drawn is not None:
            # An experiment or the command line may lay one over the other.
            old, new = (self.notation.faults.rank((*path, form)) for form in ("value", "drawn"))
            if old != new:
                entry = entry.model_copy(update={"drawn" if old > new else "value": None})
        if (entry.value is None) == (entry.drawn is None):
            self.notation.faults.add(
                path, "one start is wanted: a value, or `drawn` with the probability of each level"
            )
            return None
        if entry.value is not None:
            return self.level((*path, "value"), entry.value, levels, lower, upper)
        assert entry.drawn is not None
        chances: dict[int, float] = {}
        for word, chance in entry.drawn.items():
            key = word if isinstance(word, str | int) else str(word)
            value = self.level((*path, "drawn", key), word, levels, lower, upper)
            if value is not None:
                chances[value] = chance
        if len(chances) < len(entry.drawn):
            return None
        return self.notation.attempt((*path, "drawn"), lambda: laws.choice(chances))

    def level(self, path: KeyPath, value: object, levels: tuple[str, ...], lower: int, upper: int | None) -> int | None:
        """Whole number that a level word or a number within the bounds stands for; None after a fault."""
        if levels:
            word = FLAG[value] if isinstance(value, bool) else value
            if word in levels:
                return levels.index(str(word))
            self.notation.faults.add(path, f"no such level; its levels are {', '.join(levels)}", value, known=levels)
            return None
        number = self.notation.attempt(path, lambda: quantities.number(value))
        if number is None:
            return None
        if number != int(number) or number < lower or (upper is not None and number > upper):
            bounds = f"{lower} … {'open' if upper is None else upper}"
            self.notation.faults.add(path, f"a whole number within {bounds} is wanted", value)
            return None
        return int(number)

    def quantity(self, section: str, name: str, entries: tuple[schema.Input, ...]) -> None:
        """An input or amount as of the date."""
        path: KeyPath = (section, name)
        for i, entry in enumerate(entries):
            self.ledger.cite((*path, i), entry.basis)
        held = self.ledger.latest(path, entries)
        if held is None:
            self.notation.names.absent.add(name)
            return
        at, entry = (*path, held[0]), held[1]
        found = laws.quantity_law(self.notation, at, entry)
        law = found.law if found else Law("fixed", (1.0,))
        kind = found.kind if found else "number"
        if found is None:
            self.notation.names.refused.add(name)
        if kind != "number" and self.notation.faults.changed(path):
            self.data[section][name] = laws.with_unit(look_up(self.notation.faults.data, path), kind)
        constant = law.family == "fixed"
        rests = self.ledger.rest(
            at, entry.basis, fixed=found is not None and constant, at=at if found is None else (*at, found.family)
        )
        if section == "amounts":
            self.notation.names.amounts[name] = law
        elif constant:  # known numbers let the model use its fast tables and its exact solution
            self.notation.names.constants[name] = (kind, law.parameters[0])
        else:
            self.notation.names.inputs[name] = (kind, law)
        knows_past = isinstance(entry, schema.Uncertain) and self.ledger.knows_past(entry.knows_past, entry.basis)
        info = QuantityInfo(name, kind, law, constant, entry.meaning or "", rests, knows_past)
        self.quantities[section].append(info)


def _is_flag(entry: schema.Start) -> bool:
    words = entry.drawn or ([] if entry.value is None else [entry.value])
    return all(isinstance(word, bool) or word in FLAG for word in words)
