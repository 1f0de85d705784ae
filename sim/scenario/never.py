"""What can never hold: guards, conditions of branches, milestones, outcomes, flags, rungs and ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sim.model.bound import Bound
from sim.model.expressions import TRUE, Call, Expression, Number, columns
from sim.model.reach import Box, Reach, Values, refine, some, span, waiting
from sim.model.spec import Spec
from sim.scenario import schema
from sim.scenario.notation import FLAG
from sim.scenario.problems import KeyPath


@dataclass(frozen=True)
class Never:
    """Something that can never hold: where it stands, why not, and what can be done."""

    path: KeyPath
    why: str
    remedy: str = "mend it, or let something bring it about"


def place(name: str, file: schema.File) -> KeyPath:
    """Where an action stands: by its name, or with the count that fades."""
    return ("actions", name) if name in file.actions else ("state", name.partition(".")[2], "fades")


def guard_place(name: str, file: schema.File) -> KeyPath:
    """Where the guard of an action stands."""
    path, given = place(name, file), file.actions.get(name)
    keys = [] if given is None else [k for k, v in (("while", given.while_), ("when", given.when)) if v is not None]
    return (*path, keys[0]) if len(keys) == 1 else path


def nevers(reach: Reach, file: schema.File, rung: Expression) -> Iterator[Never]:
    """All that the reached values of the variables exclude."""
    bound = reach.bound
    for action in bound.actions:
        held = reach.ready(action)
        if held is None:
            yield Never(guard_place(action.name, file), _why(reach, action.guard))
            continue
        fires = reach.fires(action)
        for i, branch in enumerate(action.branches if action.choosing else ()):
            if branch.condition != TRUE and refine(branch.condition, held if fires is None else fires) is None:
                path = (*place(action.name, file), "either", i, "if")
                yield Never(path, _why(reach, branch.condition, "when the action happens"))
    for milestone, when in zip(bound.spec.milestones, bound.milestones, strict=True):
        if reach.holds(when) is None:
            yield Never(("milestones", milestone.name, "when"), _why(reach, when))
    yield from _outcomes(reach)
    for flag in bound.spec.flags:
        when = bound.bind(flag.when)
        if reach.holds(when) is None:
            yield Never(("flags", flag.name, "when"), _why(reach, when))
    for i, when in rungs(bound.bind(rung)):
        if reach.holds(when) is None:
            yield Never(("ladder", i, "when"), _why(reach, when))
    for i, end in enumerate(bound.terminal):
        if reach.holds(end) is None:
            yield Never(("ends", i), _why(reach, end))


def rungs(tree: Expression) -> Iterator[tuple[int, Expression]]:
    """Number and condition of every rung above the lowest, from the tree that gives the highest one."""
    while isinstance(tree, Call) and tree.operation == "where":
        when, number, tree = tree.arguments
        if isinstance(number, Number):
            yield int(number.value), when


def _outcomes(reach: Reach) -> Iterator[Never]:
    left: Box | None = reach.box  # the states that no outcome so far decides
    for i, outcome in enumerate(reach.bound.spec.outcomes):
        when = reach.bound.bind(outcome.when)
        path: KeyPath = ("outcomes", i) if when == TRUE else ("outcomes", i, "when")
        if reach.holds(when) is None:
            yield Never(path, _why(reach, when))
        elif left is None or refine(when, left) is None:
            yield Never(path, "can never decide: where it holds, an outcome above it holds as well", "move it up")
        found = None if left is None else refine(when, left, holds=False)
        left = None if found is None else waiting(reach.bound, found, reach.box)


def _why(reach: Reach, tree: Expression, time: str = "") -> str:
    if reach.holds(tree) is not None:
        return f"can never hold {time or 'here'}: something else excludes it, or the history has ended by then"
    read = [c for c in sorted(columns(tree)) if c < reach.bound.state]
    said = ", ".join(reach.said(c) for c in read) or "its numbers exclude it"
    return f"can never hold: {said}, whatever happens"


# ------------------------------------------------------------------------------------------------ on whatever date
def any_start(file: schema.File, spec: Spec, bound: Bound) -> dict[int, Values]:
    """Values that the variables may start with on any date that the file serves.

    What only an action changes that is not there on this date may start with anything.
    """
    there = {action.name for action in spec.actions}
    absent = [given for name, given in file.actions.items() if name not in there]
    written = {name for given in absent for name in _written(given)}
    found: dict[int, Values] = {}
    for i, variable in enumerate(spec.variables):
        words: list[object] = []
        for entry in file.state[variable.name].start:
            words += [*(entry.drawn or ()), *([] if entry.value is None else [entry.value])]
        numbers = _numbers(words, variable.levels)
        if numbers is None or variable.name in written:
            found[i] = span(bound.lower[i], bound.upper[i])
        elif numbers:
            found[i] = some(frozenset(min(max(n, bound.lower[i]), bound.upper[i]) for n in numbers))
    return found


def _numbers(words: Iterable[object], levels: tuple[str, ...]) -> list[int] | None:
    """Whole numbers that start values stand for; None where one is not understood."""
    found = []
    for word in words:
        name = FLAG[word] if isinstance(word, bool) else word
        if name in levels:
            found.append(levels.index(str(name)))
        elif not levels and isinstance(word, int):
            found.append(word)
        else:
            return None
    return found


def _written(given: schema.Action) -> set[str]:
    parts: list[Mapping[str, object]] = [given.then, given.always, *(branch.then for branch in given.either)]
    return {name for part in parts for name in part}
