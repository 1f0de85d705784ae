"""What the queries of a case ask, with their expressions translated and their expected numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sim.model.expressions import Call, Expression, Number
from sim.model.spec import TIME
from sim.studies.oracles.cases import Query, grid, table
from sim.studies.oracles.expressions import Unsupported, constant, names_of
from sim.studies.oracles.importing import Imported
from sim.studies.oracles.moving import comes_between, integral_of, substituted

Form = Literal["at", "within", "reach", "until", "final", "integral", "count", "steady", "steady rate"]
Statistic = Literal["prob", "mean", "var", "sd"]

NEVER: Final = Number(0.0)
_KINDS: Final = (
    "prob_at", "mean_at", "var_at", "transient_mean_sd", "prob_reach", "prob_reach_within", "time_integral_mean",
    "event_count_mean", "mean_integral_until", "mean_time_to", "var_time_to", "mean_final", "steady_mean",
    "steady_event_rate",
)  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """A number to be met: ``value`` itself is known to ``error``; ``sd`` of one history where the case gives it."""

    label: str
    statistic: Statistic
    value: float
    error: float = 0.0
    sd: float | None = None


@dataclass(frozen=True)
class Part:
    """One quantity per history (``tree`` at ``time`` where that applies) and the numbers expected of it."""

    tree: Expression
    time: float
    expected: tuple[Expected, ...]


@dataclass(frozen=True)
class Question:
    """A query as a question of some form.

    ``target`` and ``fail`` stop a history with success or failure (success first); ``weights`` are by action.
    """

    query: Query
    form: Form
    parts: tuple[Part, ...]
    target: Expression = NEVER
    fail: Expression = NEVER
    weights: Mapping[str, float] | None = None

    @property
    def numbers(self) -> int:
        """How many numbers are tested."""
        return sum(len(part.expected) for part in self.parts)

    @property
    def time(self) -> float:
        """The last time that is looked at."""
        return max(part.time for part in self.parts)


def ask(imported: Imported, query: Query) -> Question:
    """The question behind a query. Raises Unsupported with the reason."""
    kind = _kind_by_fields(query) if query.kind == "exact_only" else query.kind
    if query.scale and kind.startswith("prob") and not 0.0 <= query.value <= 1.0:
        raise Unsupported(f"the value {query.value:g} is no probability")
    if kind == "transient_mean_sd":
        return _course(imported, query)
    if kind in ("prob_at", "mean_at", "var_at"):
        truth = kind == "prob_at"
        tree, time = imported.tree(query.need("target" if truth else "expr"), truth=truth), query.time("at")
        return Question(query, "at", (_part(query, substituted(tree, {TIME.name: Number(time)}), time, kind),))
    if kind in ("prob_reach", "prob_reach_within"):
        limit = query.time("within") if kind == "prob_reach_within" else 0.0
        form: Form = "within" if kind == "prob_reach_within" else "reach"
        part = _part(query, Number(1.0), limit, kind)
        return Question(query, form, (part,), _target(imported, query), _failure(imported, query))
    if kind in ("mean_time_to", "var_time_to"):
        return Question(query, "until", (_part(query, Number(1.0), 0.0, kind),), _target(imported, query))
    if kind in ("mean_integral_until", "mean_final"):
        tree = _gathered(imported, query) if kind == "mean_integral_until" else _timeless(imported, query)
        # An integral of what changes between events is known where a history ends.
        final = kind == "mean_final" or imported.moves(tree)
        return Question(
            query, "final" if final else "until", (_part(query, tree, 0.0, kind),), _target(imported, query)
        )
    if kind == "time_integral_mean":
        part = _part(query, _timeless(imported, query), query.time("to"), kind)
        return Question(query, "integral", (part,))
    if kind == "steady_mean":
        return Question(query, "steady", (_part(query, _gathered(imported, query), 0.0, kind),))
    if kind in ("event_count_mean", "steady_event_rate"):
        counting = kind == "event_count_mean"
        part = _part(query, Number(1.0), query.time("to") if counting else 0.0, kind)
        return Question(query, "count" if counting else "steady rate", (part,), weights=_weights(imported, query))
    raise Unsupported(f"queries of kind {query.kind!r}")


def _part(query: Query, tree: Expression, time: float, kind: str) -> Part:
    statistic: Statistic = "prob" if kind.startswith("prob") else "var" if kind.startswith("var") else "mean"
    return Part(tree, time, (Expected("", statistic, query.value, query.error),))


def _kind_by_fields(query: Query) -> str:
    """The kind an ``exact_only`` query amounts to: as it says, else by the fields it has."""
    for name in ("of", "quantity", "estimate"):
        if query.fields.get(name) in _KINDS:
            return str(query.fields[name])
    has = {name for name in ("target", "expr", "weights", "within", "at", "to") if query.fields.get(name) is not None}
    kinds = {
        frozenset({"target"}): "prob_reach",
        frozenset({"target", "within"}): "prob_reach_within",
        frozenset({"target", "at"}): "prob_at",
        frozenset({"expr", "at"}): "mean_at",
        frozenset({"expr", "to"}): "time_integral_mean",
        frozenset({"weights", "to"}): "event_count_mean",
        frozenset({"expr"}): "steady_mean",
        frozenset({"weights"}): "steady_event_rate",
    }
    if frozenset(has) not in kinds:
        raise Unsupported(f"exact_only with {', '.join(sorted(has)) or 'no field'}: several readings are possible")
    return kinds[frozenset(has)]


def _timeless(imported: Imported, query: Query) -> Expression:
    """The expression of a query that has no single time."""
    tree = imported.tree(query.need("expr"))
    if TIME.name in names_of(tree):
        raise Unsupported(f"expr {query.fields['expr']!r} reads the time t; only queries at a fixed time may")
    return tree


def _gathered(imported: Imported, query: Query) -> Expression:
    """An expression that can be integrated to any time, history by history."""
    tree = _timeless(imported, query)
    if imported.moves(tree) and integral_of(tree, imported.moving) is None:
        raise Unsupported(
            f"expr {query.fields['expr']!r} is integrated to no fixed time, so what decays may only be in it linearly"
        )
    return tree


def _condition(imported: Imported, text: object) -> Expression:
    """A condition to wait for. Raises Unsupported where it may come between events, which no engine sees."""
    tree = imported.tree(text, truth=True)
    if imported.moves(tree) and comes_between(tree, imported.moving):
        raise Unsupported(f"{text!r} may become true between events, which is not seen")
    return tree


def _target(imported: Imported, query: Query) -> Expression:
    return _condition(imported, query.need("target"))


def _failure(imported: Imported, query: Query) -> Expression:
    """What ends the wait for the target: ``until`` true or ``avoid_not`` false."""
    ends = []
    if query.fields.get("until") is not None:
        ends.append(_condition(imported, query.fields["until"]))
    if query.fields.get("avoid_not") is not None:
        ends.append(_condition(imported, f"not ({query.fields['avoid_not']})"))
    return NEVER if not ends else ends[0] if len(ends) == 1 else Call("or", (ends[0], ends[1]))


def _weights(imported: Imported, query: Query) -> dict[str, float]:
    """Weight of each action: what its label says (its own name, if no label has that name)."""
    written = query.need("weights")
    if not isinstance(written, dict):
        raise Unsupported("weights are no object")
    found: dict[str, float] = {}
    for label, weight in written.items():
        value = constant(weight, imported.meaning, f"weight of {label}")
        # An action that no transition has never happens.
        for action in imported.labels.get(label, ()):
            found[action] = found.get(action, 0.0) + value
    return {action: weight for action, weight in found.items() if weight}


def _course(imported: Imported, query: Query) -> Question:
    """A time course: mean and sd of each column at each time of the grid."""
    times, given = grid(query), table(imported.case, query)
    bases = list(dict.fromkeys(column.rpartition("-")[0] for column in given.columns))
    parts = []
    for base in bases:
        tree = imported.meaning(base)
        columns = {c.rpartition("-")[2]: j for j, c in enumerate(given.columns) if c.rpartition("-")[0] == base}
        if not columns.keys() <= {"mean", "sd"}:
            raise Unsupported(f"columns of {base!r}: {', '.join(columns)}; known are mean and sd")
        for i, time in enumerate(times):
            cells = {name: (float(given.values[i, j]), float(given.errors[i, j])) for name, j in columns.items()}
            sd = cells["sd"][0] if "sd" in cells else None
            expected: list[Expected] = []
            if "mean" in cells:
                expected.append(Expected(f"{base}-mean t={time:g}", "mean", *cells["mean"], sd))
            if "sd" in cells:
                expected.append(Expected(f"{base}-sd t={time:g}", "sd", *cells["sd"]))
            parts.append(Part(substituted(tree, {TIME.name: Number(time)}), time, tuple(expected)))
    return Question(query, "at", tuple(parts))
