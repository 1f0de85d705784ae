"""From the plain data of a scenario file to a :class:`~sim.scenario.scenario.Scenario`.

Everything is read before anything is refused, so that one try shows all that is wrong.
"""

from __future__ import annotations

import copy
import datetime
from collections.abc import Mapping
from typing import Any, Final

from sim.model.expressions import TRUE, Call, Expression, Number
from sim.model.spec import Action, Condition, Quantity, Spec
from sim.scenario import actions, observations, quantities, schema, statements, tensions
from sim.scenario.check import check_model, check_start
from sim.scenario.evidence import Ledger
from sim.scenario.notation import Names, Notation
from sim.scenario.problems import NOTHING, KeyPath
from sim.scenario.quantities import QuantityError
from sim.scenario.rival import Pages
from sim.scenario.scenario import ActionInfo, Actor, BaseRate, Ending, Evidence, Finding, Milestone, Report, Scenario
from sim.scenario.shape import validate
from sim.scenario.source import Faults, Source
from sim.scenario.values import Values

_IDLE: Final = "nothing reads or changes this variable; remove it, or use it"
#: Longest run, in days: whatever happens later is no crisis of today.
LONGEST: Final = 36_525


def build(
    data: Mapping[str | int, Any],
    *,
    as_of: datetime.date | str | None = None,
    until: str | float | None = None,
    source: Source | None = None,
    unchanged: Mapping[str, Any] | None = None,
) -> Scenario:
    """Scenario from plain data (mappings, lists, text, numbers), as of a date and until a date or number of days.

    ``source`` tells which file and line gave what; with it a value that differs from the files counts as changed on
    the command line and needs no basis. ``unchanged`` are starts before a change that ``source`` knows nothing of.

    Raises
    ------
    ScenarioError
        With every problem found.
    """
    plain = copy.deepcopy(dict(data))
    if as_of is not None:
        plain["as_of"] = str(as_of)
    if until is not None:
        plain["until"] = until
    faults = Faults(plain, source or Source())
    file = validate(faults)
    if file is None:
        faults.stop_if_any()
    assert file is not None
    scenario = _Builder(file, faults, unchanged or {}).build()
    faults.stop_if_any()
    return scenario


class _Builder:
    """Working memory of one build."""

    def __init__(self, file: schema.File, faults: Faults, unchanged: Mapping[str, Any]) -> None:
        self.file, self.faults, self.as_of, self.before = file, faults, file.as_of, unchanged
        self.ledger = Ledger(file, faults, self.as_of)
        self.names = Names(milestones=tuple(file.milestones))
        self.notation = Notation(self.names, faults)
        self.values = Values(self.notation, self.ledger, self.as_of)
        self.actions: list[Action] = []
        self.action_info: dict[str, ActionInfo] = {}

    def build(self) -> Scenario:
        file = self.file
        until = self.head()
        for name, variable in file.state.items():
            if variable.decays is None:
                self.values.variable(name, variable)
            else:
                tensions.announce(self.notation, self.ledger, name, variable)
        for name, inputs in file.inputs.items():
            self.values.quantity("inputs", name, inputs)
        for name, amounts in file.amounts.items():
            self.values.quantity("amounts", name, amounts)
        self.check_names()
        self.names.freeze()
        felt = [tensions.read(self.notation, self.ledger, name, file.state[name]) for name in self.names.tensions]
        self.read_actions()
        milestones = self.milestones()
        rung = self.ladder()
        outcomes = self.outcomes()
        flags = tuple(
            Condition(n, self.notation.condition(("flags", n, "when"), f.when, "state")) for n, f in file.flags.items()
        )
        ends = tuple(self.notation.condition(("ends", i), end, "state") for i, end in enumerate(file.ends))
        base_rates = self.base_rates()
        rivals = Pages(file, self.notation, self.ledger, self.values.quantities["inputs"]).read(base_rates)
        said = statements.read(file, self.ledger, self.faults)
        later = observations.read(file, self.names.variables, self.values.variables, self.ledger, self.faults)
        # A change from outside may leave a finding uncited or a name unread: that is no fault of the file.
        sections = (
            *("state", "inputs", "amounts", "actions", "milestones", "outcomes", "flags", "ladder"),
            *("base_rates", "rival", "statements"),
        )
        whole = not any(self.faults.changed((section,)) for section in sections)
        self.ledger.check_findings(whole=whole)
        if not self.faults.problems:  # a name misspelt elsewhere is seldom unused
            self.check_use(whole=whole)
        spec = Spec(
            name=file.name,
            variables=tuple(self.names.variables.values()),
            actions=tuple(self.actions),
            inputs=tuple(Quantity(name, law) for name, (_, law) in self.names.inputs.items()),
            amounts=tuple(Quantity(name, law) for name, law in self.names.amounts.items()),
            constants=tuple((name, value) for name, (_, value) in self.names.constants.items()),
            milestones=milestones,
            outcomes=outcomes,
            flags=flags,
            terminal=ends,
            tensions=tuple(tension for tension, _ in felt),
        )
        if not self.faults.problems:
            check_model(spec, self.faults, file, rung=rung, whole=whole)
            check_start(spec, self.names, self.faults)
        horizons = tuple(h for h in file.horizons if h <= until) or (int(until),)
        return Scenario(
            name=file.name,
            title=file.title,
            question=file.question,
            as_of=self.as_of,
            crisis_start=file.crisis_start,
            until=until,
            horizons=horizons,
            reports={n: Report(r.outlet, r.date, r.file, r.origin, r.grade) for n, r in file.reports.items()},
            findings={n: Finding(f.report, f.says) for n, f in file.findings.items()},
            actors={n: Actor(a.label, a.what) for n, a in file.actors.items()},
            rungs=tuple(r.name for r in file.ladder),
            rung_program=rung,
            variables=self.values.variables,
            inputs=tuple(self.values.quantities["inputs"]),
            amounts=tuple(self.values.quantities["amounts"]),
            actions=self.action_info,
            milestones=tuple(Milestone(n, m.says, m.seen_by, m.delay) for n, m in file.milestones.items()),
            outcomes=tuple(Ending(o.name, o.says) for o in file.outcomes),
            flags=tuple(Ending(n, f.says) for n, f in file.flags.items()),
            base_rates=base_rates,
            rivals=rivals,
            statements=said,
            observations=later,
            judgements=tuple(self.ledger.judgements),
            not_modelled=dict(file.not_modelled),
            spec=spec,
            data=self.data(),
            tensions={info.name: info for _, info in felt},
            unchanged=self.unchanged(),
        )

    # -------------------------------------------------------------------------------------------------------- head
    def head(self) -> float:
        """Check what stands at the top; gives the length of the run in days."""
        file, faults = self.file, self.faults
        if file.format != schema.FORMAT:
            faults.add(("format",), f"this program reads format {schema.FORMAT}")
        stem = self.faults.source.stem
        if stem is not None and stem != file.name:
            faults.add(("name",), f"the file is called {stem}.yaml; file and scenario have the same name")
        first = min((report.date for report in file.reports.values()), default=None)
        if first is not None and self.as_of < first:
            faults.add(("as_of",), f"lies before the first report ({first}); nothing was known then")
            faults.stop_if_any()  # whatever else is amiss then only follows from it
        if file.crisis_start is not None and file.crisis_start > self.as_of:
            faults.add(("crisis_start",), f"lies after as_of ({self.as_of})")
        if not file.horizons or any(h <= 0 for h in file.horizons) or list(file.horizons) != sorted(set(file.horizons)):
            faults.add(
                ("horizons",), "ascending numbers of days are wanted, such as [30, 90, 180]", list(file.horizons)
            )
        try:
            until = quantities.until(file.until, self.as_of)
        except QuantityError as error:
            faults.add(("until",), str(error))
            return 1.0
        if until > LONGEST:
            faults.add(("until",), f"{until:g} days; a run lasts at most {LONGEST} days (100 years)")
            return 1.0
        return until

    def data(self) -> dict[str | int, Any]:
        """The scenario as plain data that can be read alone: a bare number took its unit from what it was laid over."""
        given, spelled = self.faults.data, self.values.data
        own: dict[str | int, Any] = {s: {**given[s], **found} for s, found in spelled.items() if found}
        return {**given, **own, "as_of": str(self.as_of)}

    def unchanged(self) -> dict[str, Any]:
        """Starts in the scenario's own file that were changed.

        A type that is hidden at every date is left out: what is assumed of it has been so all along.
        """
        found = {name: self.faults.original(("state", name, "start")) for name in self.file.state}
        known = {name: start for name, start in found.items() if start is not NOTHING and not _hidden(start)}
        return {**known, **{name: start for name, start in self.before.items() if name in self.file.state}}

    # ------------------------------------------------------------------------------------------------------ names
    def check_names(self) -> None:
        """Variables, milestones, inputs and amounts share one name space."""
        seen: dict[str, str] = {}
        for section in ("state", "inputs", "amounts", "milestones"):
            for name in getattr(self.file, section):
                if name in seen:
                    self.faults.add(
                        (section, name), f"the name stands under {seen[name]} already; choose another", name
                    )
                seen[name] = section

    # ----------------------------------------------------------------------------------------------------- actions
    def read_actions(self) -> None:
        file = self.file
        present = tuple(name for name, action in file.actions.items() if self.there(action))
        acts = actions.Acts(self.notation, self.as_of, self.ledger.last_report, tuple(file.actions), present)
        for name, given in file.actions.items():
            path: KeyPath = ("actions", name)
            actor = name.partition(".")[0]
            if actor.startswith("fading"):
                self.faults.add(path, "actors called fading… are made for counts that fade; choose another name", name)
            elif actor not in file.actors:
                self.faults.add(path, f"no such actor as {actor!r}", name, known=file.actors, word=actor)
            self.ledger.cite(path, given.basis)
            self.notation.literals.clear()
            self.notation.later = name not in present
            made = acts.action(name, given)
            self.notation.later = False
            if name not in present:
                continue
            self.actions.append(made)
            rests = self.weigh(path, given)
            branches = tuple(branch.says or "" for branch in given.either)
            self.action_info[name] = ActionInfo(name, actor, given.says, branches, rests)
        for name, given_variable in file.state.items():
            if given_variable.fades is not None and given_variable.decays is None:
                path = ("state", name, "fades")
                fade = actions.fading(self.notation, path, self.names.variables[name], given_variable.fades)
                if fade is not None:
                    self.actions.append(fade)
                    says = f"{given_variable.meaning}: one of them fades"
                    rests = self.values.variables[name].evidence
                    self.action_info[fade.name] = ActionInfo(fade.name, fade.actor, says, (), rests)

    def there(self, action: schema.Action) -> bool:
        """Whether an action exists on this date and can still happen."""
        if action.from_ is not None and action.from_ > self.as_of:
            return False
        return action.on is None or action.on > self.as_of

    def weigh(self, path: KeyPath, given: schema.Action) -> Evidence | None:
        """The basis of the literal numbers in an action; those changed on the command line need none."""
        literals = [(at, what) for at, what in self.notation.literals if not self.faults.changed(at)]
        fixed = any(what == "fixed" for _, what in literals)
        if given.basis is not None:
            return self.ledger.rest(path, given.basis, fixed=fixed)
        return self.ledger.rest(path, None, fixed=fixed, at=literals[0][0]) if literals else None

    # --------------------------------------------------------------------------------------------- what is read off
    def milestones(self) -> tuple[Condition, ...]:
        made = []
        for name, given in self.file.milestones.items():
            path: KeyPath = ("milestones", name)
            made.append(Condition(name, self.notation.condition((*path, "when"), given.when, "state")))
            if given.seen_by != "public" and given.seen_by not in self.file.actors:
                self.faults.add(
                    (*path, "seen_by"), "`public` or an actor is wanted", known=["public", *self.file.actors]
                )
        return tuple(made)

    def ladder(self) -> Expression:
        """Number of the highest rung whose condition holds."""
        tree: Expression = Number(0.0)
        self.distinct("ladder", [rung.name for rung in self.file.ladder])
        for i, rung in enumerate(self.file.ladder):
            path: KeyPath = ("ladder", i)
            if (rung.when is None) != (i == 0):
                why = (
                    "the lowest rung needs no `when`: it holds otherwise"
                    if i == 0
                    else "a rung above the first needs its `when`"
                )
                self.faults.add(path, why, rung.name)
            elif rung.when is not None:
                holds = self.notation.condition((*path, "when"), rung.when, "state")
                tree = Call("where", (holds, Number(float(i)), tree))
        return tree

    def outcomes(self) -> tuple[Condition, ...]:
        given = self.file.outcomes
        made = []
        self.distinct("outcomes", [outcome.name for outcome in given])
        if not given:
            self.faults.add(("outcomes",), "no outcome; give one at least")
        if not self.file.actions:
            self.faults.add(("actions",), "no action; nothing could happen: give one at least")
        for i, outcome in enumerate(given):
            path: KeyPath = ("outcomes", i)
            last = i == len(given) - 1
            if (outcome.when is None) != last:
                why = (
                    "the last outcome holds otherwise: leave out its `when`"
                    if last
                    else "only the last outcome goes without `when`"
                )
                self.faults.add(path, why, outcome.name)
            when = TRUE if outcome.when is None else self.notation.condition((*path, "when"), outcome.when, "state")
            made.append(Condition(outcome.name, when))
        return tuple(made)

    def distinct(self, section: str, names: list[str]) -> None:
        for i, name in enumerate(names):
            if name in names[:i]:
                self.faults.add((section, i), "the name stands twice; choose another", name)

    def base_rates(self) -> tuple[BaseRate, ...]:
        """The rows in force: of several dated rows of one class and milestone the latest not after ``as_of``."""
        rows: dict[tuple[str, str], tuple[datetime.date, schema.BaseRate]] = {}
        for i, row in enumerate(self.file.base_rates):
            path: KeyPath = ("base_rates", i)
            self.ledger.cite(path, row.basis)
            if row.milestone not in self.file.milestones:
                self.faults.add((*path, "milestone"), "no such milestone", known=self.file.milestones)
            shares = [row.by[day] for day in sorted(row.by)]
            if (
                row.n < 1
                or not shares
                or min(row.by) <= 0
                or shares != sorted(shares)
                or not 0 <= shares[0] <= shares[-1] <= 1
            ):
                self.faults.add(
                    path, "n is 1 or more, and `by` gives shares that rise with the day, within 0 … 1", dict(row.by)
                )
            since = row.from_ or datetime.date.min
            key = (row.milestone, row.class_)
            if since <= self.as_of and (key not in rows or rows[key][0] <= since):
                rows[key] = (since, row)
            if not row.weight >= 0:
                self.faults.add((*path, "weight"), "a number of 0 or more is wanted: the weight among the classes")
        return tuple(
            BaseRate(row.milestone, row.class_, row.n, dict(sorted(row.by.items())), row.source, row.weight)
            for _, row in rows.values()
        )

    def check_use(self, *, whole: bool) -> None:
        """Names that nothing reads are leftovers or misspelt elsewhere.

        Those that a change brought in are looked at in any case, the rest only in a ``whole`` file.
        """
        written: set[str] = set()
        for action in self.file.actions.values():
            written |= {*action.then, *action.always, *(name for branch in action.either for name in branch.then)}
        for section, read, why in (
            ("state", {*self.names.used, *(written - set(self.names.tensions))}, _IDLE),
            ("inputs", self.names.used, "nothing uses this; remove it, or use it"),
            ("amounts", self.names.used, "nothing uses this; remove it, or use it"),
        ):
            known = self.faults.source.names(section)
            for name in getattr(self.file, section):
                if name not in read and known and name not in known:
                    what = {"state": "variable", "inputs": "input", "amounts": "amount"}[section]
                    none = f"the scenario has no such {what}, and nothing uses it"
                    self.faults.add((section, name), none, word=name, known=known)
                elif name not in read and whole:
                    unread = "nothing reads this tension; remove it, or let a rate read it"
                    self.faults.add((section, name), unread if name in self.names.tensions else why, name)


def _hidden(start: Any) -> bool:
    """Whether a start as a file has it is drawn at every date."""
    entries = start if isinstance(start, list) else [start]
    return all(isinstance(entry, Mapping) and "drawn" in entry for entry in entries)
