"""Bounds of rates that tensions move: never below the rate at any later time, or refused on load."""

import math
import random
from dataclasses import dataclass

import pytest

from sim.model import enclosure
from sim.model.between import decayed_scalar
from sim.model.compiled import BOUND_SLACK, Model, compile_model
from sim.model.expressions import OPERATIONS, Call, Expression, Name, Number, evaluate_scalar, parse
from sim.model.proofs import ModelError
from sim.model.spec import TIME, Action, Branch, Effect, Rate, Spec, Tension, Variable

LATER = (0.0, 0.03, 0.2, 0.7, 1.5, 3.0, 8.0, 40.0, 1e4)
NUMBERS = (0.0, 1.0, -1.0, 2.0, 0.5, -0.3, 3.0)


@dataclass(frozen=True)
class Moves:
    """A tension: its start, what it decays towards, its decay, and what its pushes are."""

    start: float
    toward: float
    decay: float
    push: float


def compiled(tree: Expression, moves: tuple[Moves, ...]) -> Model:
    tensions = tuple(
        Tension(name, Number(m.decay), Number(m.start), Number(m.toward)) for name, m in zip("XY", moves, strict=True)
    )
    pushes = tuple(Effect(name, "add", Number(m.push)) for name, m in zip("XY", moves, strict=True) if m.push)
    action = Action("a.acts", "a", Rate(tree), (Branch(pushes),))
    return compile_model(Spec("s", (Variable("n", 0, 3, 1),), (action,), tensions=tensions), strict=False)


def level(m: Moves, dice: random.Random, now: float) -> float:
    """A level that the pushes can bring about."""
    if m.push == 0:
        return decayed_scalar(m.start, m.toward, m.decay, now)
    low = min(m.start, m.toward) if m.push > 0 else -6.0
    return dice.choice((low, low + dice.uniform(0.0, 9.0), math.ceil(low + dice.uniform(0.0, 5.0))))


def exceeded(model: Model, moves: tuple[Moves, ...], dice: random.Random) -> str | None:
    """Where a rate is above its bound, or None; a bound that is no number stops a run and is not too low."""
    thinning = model.rows[0].thinning
    if thinning is None:
        return None
    now = dice.choice((0.0, dice.uniform(0.0, 20.0)))
    n, levels = float(dice.randint(0, 3)), [level(m, dice, now) for m in moves]

    def values(u: float) -> list[float]:
        felt = [decayed_scalar(at, m.toward, m.decay, u) for at, m in zip(levels, moves, strict=True)]
        return [n, *felt, now + u]

    bound = evaluate_scalar(thinning.bound, values(0.0))
    for u in LATER:
        value = evaluate_scalar(thinning.value, values(u))
        if value > bound + BOUND_SLACK * abs(bound) + 1e-12:
            return f"{value} > {bound} after {u} days from n = {n}, levels {levels}"
    return None


def tree(dice: random.Random, depth: int) -> Expression:
    if depth == 0 or dice.random() < 0.12:
        return dice.choice((Name("X"), Name("Y"), Name("X"), Name("n"), TIME, Number(dice.choice(NUMBERS))))
    operation = dice.choice([*OPERATIONS, "mul", "sub", "where", "div", "pow"])
    arguments = [tree(dice, depth - 1) for _ in range(OPERATIONS[operation][0])]
    if operation == "pow" and dice.random() < 0.5:
        arguments[1] = Number(dice.choice((0.0, 1.0, 2.0, 3.0, -1.0, 0.5)))
    return Call(operation, tuple(arguments))


def drawn(dice: random.Random) -> Moves:
    start = dice.choice((0.0, 1.0, -2.0, 0.7))
    toward, decay = dice.choice((0.0, start, -1.0, 2.0)), dice.choice((0.0, 0.5, 2.0))
    return Moves(start, toward, decay, dice.choice((0.0, 1.0, -1.0)))


def failures(count: int) -> tuple[int, list[str]]:
    """Number of random rates with a bound, and the bounds that are too low."""
    found, bounded = [], 0
    for seed in range(count):
        dice = random.Random(seed)
        rate, moves = tree(dice, dice.randint(1, 4)), (drawn(dice), drawn(dice))
        try:
            model = compiled(rate, moves)
        except ModelError:
            continue
        bounded += model.rows[0].thinning is not None
        found += [f"{seed}: {why}" for _ in range(5) if (why := exceeded(model, moves, dice)) is not None]
    return bounded, found


def test_random_rates_stay_below_their_bounds() -> None:
    bounded, found = failures(3_000)
    assert bounded > 1_000
    assert found == []


def test_a_bound_that_forgets_which_way_a_difference_moves_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = enclosure.enclosure

    def wrong(tree: Expression, spans: object, box: object) -> enclosure.Span:
        if isinstance(tree, Call) and tree.operation == "sub":
            (a, b), (c, d) = (wrong(argument, spans, box) for argument in tree.arguments)
            return Call("sub", (a, c)), Call("sub", (b, d))
        return right(tree, spans, box)  # type: ignore[arg-type]

    monkeypatch.setattr(enclosure, "enclosure", wrong)
    assert failures(400)[1]


#: Levels fall or rise through 0, and powers, roots and quotients change what they are there.
DELICATE = (
    "X ** Y",
    "log(X ** (Y == n))",
    "where(log(X) < 0, 10, 0)",
    "where(not (sqrt(X) > 5), 4, 1)",
    "where(sqrt(X) == n, 4, 1)",
    "where(sqrt(X) != n, 4, 1)",
    "where(X / n >= 1, 9, 2)",
    "where(X / n > 1 or n > 0, 9, 2)",
    "min(abs(X) ** (-1), 50)",
    "X ** 2 - Y ** 3",
    "abs(X - Y) * max(X, 1 - Y)",
    "where(X > 1 and not (Y > 0), 3 - X, floor(Y))",
    "exp(0 - X) / (1 + exp(0 - Y))",
)


@pytest.mark.parametrize("text", DELICATE)
def test_delicate_rates_stay_below_their_bounds(text: str) -> None:
    for seed in range(150):
        dice = random.Random(seed)
        moves = (drawn(dice), drawn(dice))
        try:
            model = compiled(parse(text), moves)
        except ModelError:
            continue
        assert exceeded(model, moves, dice) is None, moves


ANYWHERE = Moves(1.0, 0.0, 0.5, -1.0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 / X", "a division by what may pass 0"),
        ("X // Y", "a division by what may pass 0"),
        ("mod(X, 2)", "'mod' of what changes"),
        ("X ** 0.5", "a power of what may be negative"),
        ("X ** Y", "a power of what may be negative"),
    ],
)
def test_what_has_no_bound_is_refused(text: str, why: str) -> None:
    with pytest.raises(ModelError, match=r"a\.acts: no upper bound is found for its rate: " + why.replace("(", r"\(")):
        compiled(parse(text), (ANYWHERE, ANYWHERE))


@pytest.mark.parametrize("operation", ["mul", "add", "exp"])
def test_what_rises_with_time_without_end_is_refused(operation: str) -> None:
    arguments = (TIME,) if operation == "exp" else (TIME, Name("X"))
    with pytest.raises(ModelError, match="may rise with time without end"):
        compiled(Call(operation, arguments), (ANYWHERE, ANYWHERE))
