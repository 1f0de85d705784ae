"""From names to numbers: :func:`compile_model` checks a :class:`~sim.model.spec.Spec` and freezes it as a Model.

All engines run the same Model. A speed is a product of *groups*; a group is a product of declared factors with one
postfix program, and where its variables are few it also has a table: by state alone (built here, once), or by
state and inputs (built once per unit by the engine). Table and program give the same bits, so tables only save
time. Which factors share a group is fixed here and nowhere else, because it fixes the order of multiplication.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from sim.model import laws
from sim.model.arithmetic import Floats
from sim.model.expressions import (
    OPERATIONS,
    TRUE,
    Call,
    Column,
    Expression,
    Number,
    Program,
    columns,
    compile_program,
    evaluate,
    is_whole,
    nearest,
    product,
)
from sim.model.intervals import Range, range_of
from sim.model.laws import Law
from sim.model.names import Names
from sim.model.proofs import OPEN, Bounds, ModelError
from sim.model.spec import Action, Branch, Calendar, Condition, Delay, Effect, EffectKind, Memory, Rate, Spec, Trend
from sim.model.thinning import Jump, TensionRow, Thinning, checked_trend, tension_range, tension_row, thinning

#: Changes whenever the meaning of a model changes, so that equal digests mean equal histories.
RULES_VERSION: Final = 2
#: Largest table of a group over the state.
TABLE_LIMIT: Final = 4_096
#: Largest table of a group that reads inputs, kept per unit.
UNIT_TABLE_LIMIT: Final = 64
#: Work left never falls below this before its clock fires, so that work / 0 is infinite and never undefined.
LEAST_WORK: Final = 2.0**-1000
#: A speed above this many per day counts as infinite and ends the replication as ran away.
MAX_SPEED: Final = 1e9
#: A thinned rate may exceed its bound by this share before the bound counts as wrong: rounding is no fault.
BOUND_SLACK: Final = 1e-9
#: More firings than this at one instant end a replication as ran away.
MAX_INSTANT: Final = 1_000
#: More events (with candidates rejected) than this end a replication as ran away.
MAX_EVENTS: Final = 1_000_000

Kind = Literal["calendar", "immediate", "rate", "delay"]
_CLASSES: Final[dict[str, int]] = {"calendar": 0, "immediate": 1, "rate": 2, "delay": 2}


@dataclass(frozen=True, eq=False)
class Group:
    """A product of factors that is evaluated together.

    ``state`` are the variable and milestone columns read, ``lower`` and ``stride`` give the index
    ``sum((value - lower) * stride)`` into a table of ``size`` entries; ``size`` is 0 where no table is possible.
    ``table`` is there for a group without inputs; ``per_unit`` groups have theirs built per unit from ``grid``.
    An entry that is no speed (negative, undefined) is nan and stops the run when a history gets there.
    """

    program: Program
    state: tuple[int, ...]
    lower: tuple[int, ...]
    stride: tuple[int, ...]
    size: int
    table: Floats | None
    per_unit: bool

    def grid(self) -> dict[int, Floats]:
        """Values of the state columns at every table entry: column -> array of ``size`` numbers."""
        return grid(self.state, self.lower, self.stride, self.size)


def grid(state: Sequence[int], lower: Sequence[int], stride: Sequence[int], size: int) -> dict[int, Floats]:
    """Values of the columns ``state`` at every entry of a table of ``size``: column -> array of ``size`` numbers."""
    entries = np.arange(size)
    result = {}
    for column, low, step, above in zip(state, lower, stride, (size, *stride[:-1]), strict=False):
        result[column] = (low + (entries % above) // step).astype(np.float64)
    return result


@dataclass(frozen=True, eq=False)
class EffectRow:
    """An effect that needs the general path: new = kind(old, value), then the bounds."""

    column: int
    kind: EffectKind
    value: Program
    lower: int
    upper: int
    saturate: bool
    whole: bool


@dataclass(frozen=True, eq=False)
class BranchRow:
    """A branch: ``number`` counts branches over the model; ``moves`` are plain additions that cannot leave bounds.

    ``changes`` are the state columns that may change; ``jumps`` change tensions.
    """

    number: int
    label: str
    weight: Program
    moves: tuple[tuple[int, int], ...]
    effects: tuple[EffectRow, ...]
    restarts: tuple[int, ...]
    amounts: tuple[int, ...]
    changes: tuple[int, ...]
    jumps: tuple[Jump, ...] = ()


@dataclass(frozen=True, eq=False)
class Row:
    """An action compiled; rows stand in the order of rank, so the first of several due at once is the right one.

    ``speed`` is multiplied left to right. ``guarded``: the speed is to be set to 0 where ``guard`` fails (the guard
    is not part of the first table, or some other group has no meaning there). ``proven``: the speed is certain to be
    a number in 0 … MAX_SPEED wherever the guard holds, so that no check is needed while running. ``accelerated``: a
    delay whose speed may be 0 while its guard holds. ``thinning`` and ``trend`` belong to rates.
    """

    name: str
    actor: int
    kind: Kind
    time: float
    guard: Group | None
    speed: tuple[Group, ...]
    guarded: bool
    proven: bool
    accelerated: bool
    law: Law | None
    scale: Program | None
    memory: Memory
    age: float
    branches: tuple[BranchRow, ...]
    thinning: Thinning | None = None
    trend: Trend | None = None

    @property
    def watched(self) -> bool:
        """Whether the guard has to be followed apart from the speed, because its loss means more than a pause."""
        return self.kind == "delay" and self.memory != "age" and self.guard is not None and self.accelerated

    @property
    def renewed(self) -> bool:
        """Whether the trend of a rate begins anew when the guard begins to hold, so that the guard is followed."""
        return self.trend is not None and self.trend.renewed and self.guard is not None


@dataclass(frozen=True, eq=False)
class Model:
    """A model ready to run: only numbers and programs, frozen, with a ``digest`` over everything that has meaning.

    Columns are numbered variables, then milestones (0 or 1), then inputs, amounts and tensions; the last is the time.
    ``reads`` holds for each actor the state columns and tensions at whose change its clocks are re-timed.
    """

    name: str
    spec: Spec
    variables: tuple[str, ...]
    lower: tuple[int, ...]
    upper: tuple[int, ...]
    start: tuple[int | Law, ...]
    milestones: tuple[str, ...]
    milestone_programs: tuple[Program, ...]
    inputs: tuple[str, ...]
    input_laws: tuple[Law, ...]
    amounts: tuple[str, ...]
    amount_laws: tuple[Law, ...]
    actors: tuple[str, ...]
    reads: tuple[frozenset[int], ...]
    rows: tuple[Row, ...]
    branches: tuple[tuple[int, BranchRow], ...]
    terminal: Program | None
    outcomes: tuple[tuple[str, Program], ...]
    flags: tuple[tuple[str, Program], ...]
    watched: frozenset[int]
    tensions: tuple[str, ...] = ()
    tension_rows: tuple[TensionRow, ...] = ()
    digest: str = field(default="")

    @property
    def first_input(self) -> int:
        """Column number of the first input."""
        return len(self.variables) + len(self.milestones)

    @property
    def first_amount(self) -> int:
        """Column number of the first amount."""
        return self.first_input + len(self.inputs)

    @property
    def first_tension(self) -> int:
        """Column number of the first tension."""
        return self.first_amount + len(self.amounts)

    @property
    def time_column(self) -> int:
        """Column number of the time in days, the last one."""
        return self.first_tension + len(self.tensions)

    def column(self, name: str) -> int:
        """Column of a name. Raises KeyError with the nearest known name."""
        known = (*self.variables, *self.milestones, *self.inputs, *self.amounts, *self.tensions)
        if name not in known:
            raise KeyError(f"unknown name {name!r}{nearest(name, known)}")
        return known.index(name)

    def program(self, tree: Expression) -> Program:
        """Program of an unbound expression over this model's names (a query, an observable)."""
        return compile_program(Names(self.spec).plain(tree))


# ------------------------------------------------------------------------------------------------------ compiling
class _Compiler:
    """Working memory of one compilation."""

    def __init__(self, spec: Spec, *, tables: bool, strict: bool) -> None:
        self.spec = spec
        self.tables = tables
        self.strict = strict
        self.names = Names(spec)
        self.bind = self.names.bind
        self.first_input = self.names.first_input
        self.lower = [v.lower for v in spec.variables] + [0] * len(spec.milestones)
        self.upper = [OPEN if v.upper is None else v.upper for v in spec.variables] + [1] * len(spec.milestones)
        self.box = {
            i: Range(float(low), float(high)) for i, (low, high) in enumerate(zip(self.lower, self.upper, strict=True))
        }
        for i, quantity in enumerate((*spec.inputs, *spec.amounts)):
            u = np.array([2.0**-53, 1.0 - 2.0**-53])
            ends = quantity.law.quantile(u)
            self.box[self.first_input + i] = Range(float(ends.min()), float(ends.max()))
        for i, tension in enumerate(spec.tensions):
            self.box[self.names.first_tension + i] = tension_range(self.names, spec, tension, self.box)
        self.box[self.names.time] = Range(0.0, math.inf)
        words = tuple((v.name, v.levels) for v in spec.variables) + tuple((m.name, ()) for m in spec.milestones)
        self.bounds = Bounds(tuple(self.lower), tuple(self.upper), self.box, words, strict)

    # ---- groups
    def size(self, state: Iterable[int]) -> int:
        """Number of table entries over some state columns; huge when one is open."""
        return math.prod(self.upper[c] - self.lower[c] + 1 for c in state)

    def reads_input(self, tree: Expression) -> bool:
        return any(c >= self.first_input for c in columns(tree))

    def state_of(self, trees: Sequence[Expression]) -> tuple[int, ...]:
        return tuple(sorted({c for tree in trees for c in columns(tree) if c < self.first_input}))

    def group(self, factors: Sequence[Expression], guard: Expression | None = None) -> Group:
        tree = product(factors)
        state = self.state_of([tree] if guard is None else [tree, guard])
        per_unit = self.reads_input(tree)
        size = self.size(state)
        if size > (UNIT_TABLE_LIMIT if per_unit else TABLE_LIMIT) or not self.tables:
            size = 0
        stride, step = [], 1
        for column in reversed(state):
            stride.append(step)
            step *= self.upper[column] - self.lower[column] + 1
        whole = tree if guard is None else Call("where", (guard, tree, Number(0.0)))
        shape = Group(
            compile_program(whole),
            state,
            tuple(self.lower[c] for c in state),
            tuple(reversed(stride)),
            size,
            None,
            per_unit,
        )
        if size == 0 or per_unit:
            return shape
        table = np.broadcast_to(evaluate(shape.program, shape.grid().__getitem__), (size,)) + 0.0
        table = np.where(table >= 0, table, np.nan)
        table.setflags(write=False)
        return Group(shape.program, state, shape.lower, shape.stride, size, table, per_unit=False)

    def groups(self, factors: Sequence[Expression], guard: Expression) -> tuple[tuple[Group, ...], bool]:
        """Groups of a speed in their order of multiplication, and whether the guard still has to be applied."""
        fixed = [f for f in factors if not self.reads_input(f)]
        uncertain = [f for f in factors if self.reads_input(f)]
        inside = guard != TRUE and not self.reads_input(guard) and self.size(self.state_of([guard])) <= TABLE_LIMIT
        made: list[Group] = []
        bundle: list[Expression] = []
        carrying: Expression | None = guard if inside else None

        def close(limit_guard: Expression | None) -> None:
            if bundle or limit_guard is not None:
                made.append(self.group(bundle, limit_guard))
                bundle.clear()

        for limit, chosen in ((TABLE_LIMIT, fixed), (UNIT_TABLE_LIMIT, uncertain)):
            for factor in chosen:
                joint = [*bundle, factor] if carrying is None else [*bundle, factor, carrying]
                if (bundle or carrying is not None) and self.size(self.state_of(joint)) > limit:
                    close(carrying)
                    carrying = None
                bundle.append(factor)
            close(carrying)
            carrying = None
        if not made:
            made.append(self.group([Number(1.0)]))
        rest = made[1:] if inside else made
        guarded = guard != TRUE and (not inside or not all(self.sound(g)[0] for g in rest))
        return tuple(made), guarded

    def sound(self, group: Group) -> tuple[bool, float]:
        """Whether a group is certain to be a number >= 0, and its largest value."""
        if group.table is not None:
            good = bool(np.isfinite(group.table).all())
            return good, float(np.nanmax(group.table)) if good else math.inf
        found = range_of(_tree_of(group.program), self.box)
        return not found.undefined and found.low >= 0 and math.isfinite(found.high), found.high

    # ---- actions
    def row(self, action: Action, actor: int, numbers: Iterable[int]) -> Row:
        where = action.name
        guard = self.bind(action.guard, f"{where}: guard", "inputs")
        clock = action.clock
        speed: tuple[Group, ...] = ()
        guarded, proven, kind = False, True, "immediate"
        law: Law | None = None
        scale: Program | None = None
        memory: Memory = "enabling"
        age = time = 0.0
        thinned: Thinning | None = None
        trend: Trend | None = None
        if isinstance(clock, Rate | Delay):
            may_read = "rates" if isinstance(clock, Rate) else "inputs"
            factors = [self.bind(f, f"{where}: factor", may_read) for f in clock.factors]
            if isinstance(clock, Rate):
                base = self.bind(clock.base, f"{where}: rate", "rates")
                for term in clock.terms:
                    base = Call("add", (base, self.bind(term, f"{where}: additive term", "rates")))
                factors = [base, *factors]
                kind, memory = "rate", "age"
                thinned = thinning(self.names, self.spec, clock, factors, box=self.box, where=where)
                trend = checked_trend(clock.trend, where)
                factors = [f for f in factors if not self.names.moving(f)]
            else:
                kind, law, memory, age = "delay", clock.law, clock.memory, clock.age
                if law.discrete and age > 0:
                    raise ModelError(f"{where}: a delay with a discrete law cannot be running already (since)")
                if age < 0:
                    raise ModelError(
                        f"{where}: the clock starts {-age:g} days after the run; `since` must lie before it"
                    )
                scale_tree = self.bind(clock.scale, f"{where}: scale of the delay", "only inputs")
                scale = compile_program(scale_tree)
                if range_of(scale_tree, self.box).low <= 0 and not isinstance(scale_tree, Number):
                    raise ModelError(
                        f"{where}: the scale of the delay may be 0 or negative; use an input that is positive"
                    )
                low, _ = laws.support_of(law)
                if low < 0:
                    raise ModelError(f"{where}: {law.family}{law.parameters} can be negative ({low:g}); a delay cannot")
            speed, guarded = self.groups(factors, guard)
            checks = [self.sound(g) for g in speed]
            proven = all(good for good, _ in checks) and math.prod(high for _, high in checks) <= MAX_SPEED
            if thinned is not None:
                proven, guarded = False, guard != TRUE
        elif isinstance(clock, Calendar):
            kind, time = "calendar", float(clock.time)
            if not (math.isfinite(time) and time >= 0):
                raise ModelError(f"{where}: date {clock.time!r} days after the start; it must not lie before it")
        if not action.branches:
            raise ModelError(f"{where}: an action needs at least one branch")
        return Row(
            name=action.name,
            actor=actor,
            kind=kind,  # type: ignore[arg-type]
            time=time,
            guard=None if guard == TRUE else self.group([guard]),
            speed=speed,
            guarded=guarded,
            proven=proven,
            accelerated=isinstance(clock, Delay) and bool(clock.factors),
            law=law,
            scale=scale,
            memory=memory,
            age=age,
            branches=tuple(self.branch(action, guard, b, n) for b, n in zip(action.branches, numbers, strict=False)),
            thinning=thinned,
            trend=trend,
        )

    # ---- what changes between events
    def jump(self, effect: Effect, tension: int, where: str) -> Jump:
        """An effect on a tension."""
        if effect.saturate:
            raise ModelError(f"{where}: {effect.variable!r} is a tension without bounds; it cannot saturate")
        value = self.bind(effect.value, f"{where}: effect on {effect.variable}", "effects")
        return Jump(tension, effect.kind, compile_program(value))

    def branch(self, action: Action, guard: Expression, branch: Branch, number: int) -> BranchRow:
        where = f"{action.name}: branch {branch.label or number}"
        condition = self.bind(branch.condition, f"{where}: if", "inputs")
        weight = product([self.bind(w, f"{where}: weight", "weights") for w in (branch.weight, *branch.factors)])
        sure = range_of(weight, self.box)
        if self.strict and sure.high < 0 and not sure.undefined:
            raise ModelError(f"{where}: its weight is negative ({sure.high:g} at most); weights must be numbers >= 0")
        if condition != TRUE:
            weight = Call("where", (condition, weight, Number(0.0)))
        holds = guard if condition == TRUE else condition if guard == TRUE else Call("and", (guard, condition))
        moves: list[tuple[int, int]] = []
        effects: list[EffectRow] = []
        amounts: set[int] = set()
        changed: list[str] = []
        jumps: list[Jump] = []
        tensions = [tension.name for tension in self.spec.tensions]
        for effect in branch.effects:
            if effect.variable in changed:
                raise ModelError(f"{where}: {effect.variable!r} is changed twice; write one effect for each variable")
            changed.append(effect.variable)
            if effect.variable in tensions:
                jumps.append(self.jump(effect, tensions.index(effect.variable), where))
                amounts |= {c for c in jumps[-1].value.reads if self.names.part(c) == "amount"}
                continue
            index = self.variable(effect.variable, where)
            value = self.bind(effect.value, f"{where}: effect on {effect.variable}", "effects")
            amounts |= {c for c in columns(value) if self.names.part(c) == "amount"}
            delta = self.bounds.plain_move(where, effect, index, value, holds)
            if delta is not None:
                if delta:
                    moves.append((index, delta))
                continue
            whole = is_whole(value, lambda c: c < self.first_input)
            effects.append(
                EffectRow(
                    index,
                    effect.kind,
                    compile_program(value),
                    self.lower[index],
                    self.upper[index],
                    effect.saturate,
                    whole,
                )
            )
        return BranchRow(
            number=number,
            label=branch.label,
            weight=compile_program(weight),
            moves=tuple(moves),
            effects=tuple(effects),
            restarts=tuple(self.action_index(name, where) for name in branch.restarts),
            amounts=tuple(sorted(amounts)),
            changes=tuple(sorted({i for i, _ in moves} | {e.column for e in effects})),
            jumps=tuple(jumps),
        )

    def variable(self, name: str, where: str) -> int:
        known = [v.name for v in self.spec.variables]
        if name not in known:
            near = nearest(name, [*known, *(tension.name for tension in self.spec.tensions)])
            raise ModelError(f"{where}: unknown variable {name!r}{near}")
        return known.index(name)

    def action_index(self, name: str, where: str) -> int:
        known = [a.name for a in self.spec.actions]
        if name not in known:
            raise ModelError(f"{where}: restart of an unknown action {name!r}{nearest(name, known)}")
        return known.index(name)


def _tree_of(program: Program) -> Expression:
    """The tree a postfix program came from."""
    stack: list[Expression] = []
    for operation, argument in program.code:
        if operation == "number":
            stack.append(Number(argument))
        elif operation == "column":
            stack.append(Column(int(argument)))
        else:
            count = OPERATIONS[operation][0]
            arguments = tuple(stack[-count:])
            del stack[-count:]
            stack.append(Call(operation, arguments))
    return stack[0]


def compile_model(spec: Spec, *, tables: bool = True, strict: bool = True) -> Model:
    """Check a specification and freeze it.

    ``tables=False`` evaluates every speed by its program: slower, same bits (a test of the tables). ``strict=False``
    leaves effects that may leave their bounds to the check while running (for models from elsewhere).

    Raises ModelError naming place, value and remedy.
    """
    if not spec.variables:
        raise ModelError(f"{spec.name}: a model needs at least one variable")
    compiler = _Compiler(spec, tables=tables, strict=strict)
    _check_starts(spec)
    names = [a.name for a in spec.actions]
    if len(set(names)) < len(names):
        raise ModelError(f"{spec.name}: two actions are called {next(n for n in names if names.count(n) > 1)!r}")
    actors = tuple(dict.fromkeys(a.actor for a in spec.actions))
    rows: list[tuple[tuple[int, int, int], int, Row]] = []
    count = 0
    for declared, action in enumerate(spec.actions):
        row = compiler.row(action, actors.index(action.actor), range(count, count + len(action.branches)))
        count += len(action.branches)
        rows.append(((_CLASSES[row.kind], action.priority, declared), declared, row))
    rows.sort(key=lambda item: item[0])
    place = {declared: i for i, (_, declared, _) in enumerate(rows)}
    ordered = tuple(_with_restarts(row, place) for _, _, row in rows)
    branches = sorted(((i, b) for i, row in enumerate(ordered) for b in row.branches), key=lambda item: item[1].number)
    milestones = _milestones(compiler)
    terminal = _terminal(compiler)
    watched = {c for p in milestones for c in p.reads} | (set(terminal.reads) if terminal else set())
    reads: list[set[int]] = [set() for _ in actors]
    for row in ordered:
        if row.kind != "calendar":
            for group in (*row.speed, *([row.guard] if row.guard else [])):
                reads[row.actor] |= set(group.state)
            if row.thinning is not None:
                reads[row.actor] |= row.thinning.reads
    model = Model(
        name=spec.name,
        spec=spec,
        variables=tuple(v.name for v in spec.variables),
        lower=tuple(compiler.lower[: len(spec.variables)]),
        upper=tuple(compiler.upper[: len(spec.variables)]),
        start=tuple(v.start for v in spec.variables),
        milestones=tuple(m.name for m in spec.milestones),
        milestone_programs=milestones,
        inputs=tuple(q.name for q in spec.inputs),
        input_laws=tuple(q.law for q in spec.inputs),
        amounts=tuple(q.name for q in spec.amounts),
        amount_laws=tuple(q.law for q in spec.amounts),
        actors=actors,
        reads=tuple(frozenset(r) for r in reads),
        rows=ordered,
        branches=tuple(branches),
        terminal=terminal,
        outcomes=_conditions(compiler, spec.outcomes, "outcome"),
        flags=_conditions(compiler, spec.flags, "flag"),
        watched=frozenset(watched),
        tensions=tuple(t.name for t in spec.tensions),
        tension_rows=tuple(tension_row(compiler.names, t, compiler.box) for t in spec.tensions),
    )
    object.__setattr__(model, "digest", _digest(model))
    return model


def _with_restarts(row: Row, place: dict[int, int]) -> Row:
    """The row with its restarts given as row numbers instead of declared numbers."""
    if not any(b.restarts for b in row.branches):
        return row
    branches = tuple(
        BranchRow(
            **{
                **{f: getattr(b, f) for f in b.__dataclass_fields__},
                "restarts": tuple(place[i] for i in b.restarts),
            }
        )
        for b in row.branches
    )
    return Row(**{**{f: getattr(row, f) for f in row.__dataclass_fields__}, "branches": branches})


def _check_starts(spec: Spec) -> None:
    for variable in spec.variables:
        upper = OPEN if variable.upper is None else variable.upper
        if variable.lower > upper:
            raise ModelError(f"{variable.name}: minimum {variable.lower} is above maximum {upper}")
        if isinstance(variable.start, Law):
            if not variable.start.discrete:
                raise ModelError(f"{variable.name}: a drawn start needs a discrete law, not {variable.start.family}")
            low, high = laws.support_of(variable.start)
        else:
            low = high = variable.start
        if not variable.lower <= low <= high <= upper:
            raise ModelError(f"{variable.name}: start {low:g} … {high:g} is outside {variable.lower} … {upper}")


def _milestones(compiler: _Compiler) -> tuple[Program, ...]:
    programs = []
    for i, milestone in enumerate(compiler.spec.milestones):
        tree = compiler.bind(milestone.when, f"milestone {milestone.name}", "state")
        late = [c - compiler.names.variables for c in columns(tree) if c >= compiler.names.variables + i]
        if late:
            other = compiler.spec.milestones[late[0]].name
            raise ModelError(f"milestone {milestone.name}: reads {other!r}, which is declared later; move it up")
        programs.append(compile_program(tree))
    return tuple(programs)


def _terminal(compiler: _Compiler) -> Program | None:
    trees = [compiler.bind(tree, "ends", "state") for tree in compiler.spec.terminal]
    if not trees:
        return None
    whole = trees[0]
    for tree in trees[1:]:
        whole = Call("or", (whole, tree))
    return compile_program(whole)


def _conditions(compiler: _Compiler, conditions: tuple[Condition, ...], what: str) -> tuple[tuple[str, Program], ...]:
    return tuple((c.name, compile_program(compiler.bind(c.when, f"{what} {c.name}", "state"))) for c in conditions)


def _digest(model: Model) -> str:
    """SHA-256 over the rules, the declared model, its tables and its quantile functions."""
    digest = hashlib.sha256(f"rules {RULES_VERSION}\n{model.spec!r}\n".encode())
    for row in model.rows:
        for group in row.speed:
            if group.table is not None:
                digest.update(group.table.tobytes())
    used: list[Law] = [*model.input_laws, *model.amount_laws]
    used += [row.law for row in model.rows if row.law is not None]
    used += [s for s in model.start if isinstance(s, Law)]
    for law in used:
        digest.update(laws.digest_of(law))
    return digest.hexdigest()
