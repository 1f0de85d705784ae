"""The one-page rival: what in this case moves the base rates of a milestone, as of the date."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sim.model import expressions
from sim.model.expressions import TRUE, Expression, bind, compile_program, evaluate
from sim.model.laws import Law, support_of
from sim.scenario import laws, schema
from sim.scenario.evidence import Ledger
from sim.scenario.notation import Notation
from sim.scenario.problems import KeyPath
from sim.scenario.scenario import Adjustment, BaseRate, QuantityInfo, Rival

#: Combinations of hidden starts that are told apart.
MOST: Final = 1_000


@dataclass
class Pages:
    """Reads the block ``rival``; ``inputs`` are the inputs that have a value on the date."""

    file: schema.File
    notation: Notation
    ledger: Ledger
    inputs: Sequence[QuantityInfo]

    def read(self, base_rates: Sequence[BaseRate]) -> tuple[Rival, ...]:
        """The pages in force: those whose milestone has base rates on the date."""
        used = set(self.notation.names.used)
        faults, found, seen = self.notation.faults, [], set()
        for milestone in dict.fromkeys(rate.milestone for rate in base_rates):
            if not any(rate.weight > 0 for rate in base_rates if rate.milestone == milestone):
                row = next(i for i, rate in enumerate(self.file.base_rates) if rate.milestone == milestone)
                faults.add(
                    ("base_rates", row, "weight"), "no class of this milestone has weight; give one of them some"
                )
        for i, given in enumerate(self.file.rival):
            path: KeyPath = ("rival", i)
            known = list(dict.fromkeys(rate.milestone for rate in self.file.base_rates))
            if given.milestone in seen:
                faults.add((*path, "milestone"), "the milestone has a page already; write one for each")
            elif given.milestone not in known:
                faults.add((*path, "milestone"), "there are no base rates for it to start from", known=known)
            seen.add(given.milestone)
            page = self.page(path, given)
            if any(rate.milestone == given.milestone for rate in base_rates):
                found.append(page)
        # What only this page reads is still no part of the model.
        self.notation.names.used.intersection_update(used)
        return tuple(found)

    def page(self, path: KeyPath, given: schema.Rival) -> Rival:
        """One page."""
        read: list[tuple[Adjustment, Expression]] = []
        for i, adjust in enumerate(given.adjust):
            at: KeyPath = (*path, "adjust", i)
            if not 0 <= adjust.usual < 1:
                why = "the share of past cases in which it was so, at least 0 and below 1, is wanted"
                self.notation.faults.add((*at, "usual"), why)
            condition = TRUE if adjust.if_ is None else self.condition((*at, "if"), adjust.if_)
            adjustment = self.adjustment((*at, "odds"), adjust)
            if adjustment is not None:
                read.append((adjustment, condition))
        patterns = self.patterns((*path, "adjust"), [condition for _, condition in read])
        adjustments = []
        for i, (adjustment, _) in enumerate(read):
            chance = sum(chance for chance, applies in patterns if applies[i])
            adjustments.append(replace(adjustment, chance=chance))
        return Rival(given.milestone, tuple(adjustments), patterns)

    def condition(self, path: KeyPath, value: object) -> Expression:
        """When an adjustment applies: a condition on how things stand at the start."""
        tree = self.notation.condition(path, value, "state")
        if expressions.names(tree) & set(self.notation.names.milestones):
            self.notation.faults.add(path, "only variables may be read here: how things stand at the start")
            return TRUE
        return tree

    def adjustment(self, path: KeyPath, given: schema.Adjustment) -> Adjustment | None:
        """An adjustment with its law; None where it has none yet on the date, or after a fault."""
        names, faults = self.notation.names, self.notation.faults
        for i, entry in enumerate(given.odds):
            self.ledger.cite((*path, i), entry.basis)
        held = self.ledger.latest(path, given.odds)
        if held is None:
            return None
        at, entry = (*path, held[0]), held[1]
        name = entry.value if isinstance(entry.value, str) else ""
        if name in (*names.inputs, *names.constants, *names.absent):
            if entry.basis is not None:
                faults.add((*at, "basis"), f"the input {name!r} has its own basis; leave this one out")
            info = next((quantity for quantity in self.inputs if quantity.name == name), None)
            if info is None:
                return None
            law, kind, rests = info.law, info.kind, info.evidence
        else:
            if name and name.isidentifier():
                faults.add(
                    (*at, "value"), "a law, a number or the name of an input is wanted", name, known=names.inputs
                )
                return None
            found = laws.quantity_law(self.notation, at, entry)
            if found is None:
                return None
            name, law, kind = "", found.law, found.kind
            rests = self.ledger.rest(at, entry.basis, fixed=law.family == "fixed", at=(*at, found.family))
        if kind != "number" or support_of(law)[0] < 0 or (law.family == "fixed" and not law.parameters[0] > 0):
            faults.add(at, "a factor on odds is a positive number without a unit")
            return None
        return Adjustment(given.says, law, name, given.usual, 1.0, rests)

    def patterns(self, path: KeyPath, conditions: list[Expression]) -> tuple[tuple[float, tuple[bool, ...]], ...]:
        """The ways in which the conditions can hold at the start, each with its chance."""
        names = self.notation.names
        if self.notation.faults.problems:  # names may have no meaning
            return ((1.0, (True,) * len(conditions)),)
        programs = [compile_program(bind(tree, names.meanings, names.levels)) for tree in conditions]
        read = {name for tree in conditions for name in expressions.names(tree) if name in names.variables}
        values: list[list[tuple[float, float]]] = []
        for name in names.ordered[: len(names.variables)]:
            start = names.variables[name].start
            if isinstance(start, Law) and name in read:
                numbers = start.parameters
                values.append([(v, p) for v, p in zip(numbers[::2], numbers[1::2], strict=True) if p > 0])
            else:
                values.append([(float(start), 1.0) if not isinstance(start, Law) else (0.0, 1.0)])
        if math.prod(map(len, values)) > MOST:
            self.notation.faults.add(path, f"more than {MOST:,} combinations of hidden starts; let it read fewer")
            return ((1.0, (True,) * len(conditions)),)
        found: dict[tuple[bool, ...], float] = {}
        for combination in itertools.product(*values):
            state = [value for value, _ in combination]
            applies = tuple(bool(evaluate(program, state.__getitem__) != 0) for program in programs)
            found[applies] = found.get(applies, 0.0) + math.prod(chance for _, chance in combination)
        return tuple((chance, applies) for applies, chance in found.items())
