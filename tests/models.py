"""Models for tests: a Hypothesis strategy of random bounded models, and small ones by hand."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from sim.model.expressions import TRUE, Call, Expression, Name, Number, bind, names, parse
from sim.model.laws import Law
from sim.model.spec import (
    TIME,
    Action,
    Branch,
    Calendar,
    Clock,
    Condition,
    Delay,
    Effect,
    EffectKind,
    Immediate,
    Memory,
    Quantity,
    Rate,
    Spec,
    Tension,
    Trend,
    Variable,
)

DELAY_LAWS = (
    Law("fixed", (0.5,)),
    Law("fixed", (1.0,)),
    Law("uniform", (0.25, 2.0)),
    Law("exponential", (1.5,)),
    Law("weibull", (1.7, 2.0)),
    Law("gamma", (0.5, 3.0)),
    Law("lognormal", (1.5, 0.8)),
    Law("hyperexponential", (0.1, 0.2, 0.9, 1.8)),
)
INPUT_LAWS = (
    Law("uniform", (0.2, 2.0)),
    Law("lognormal", (1.0, 0.5)),
    Law("beta", (2.0, 3.0)),
    Law("fixed", (0.7,)),
)
AMOUNT_LAWS = (Law("poisson", (1.3,)), Law("choice", (0.0, 0.25, 2.0, 0.75)), Law("uniform", (0.0, 3.0)))


def clip(low: int, tree: Expression, high: int) -> Expression:
    """``tree`` kept within low … high."""
    return Call("max", (Number(float(low)), Call("min", (tree, Number(float(high))))))


@st.composite
def specs(draw: st.DrawFn, *, between: bool = False) -> Spec:  # noqa: PLR0915 - easier to follow than its parts
    """A model with every feature now and then: small bounds, speeds of order one, every effect saturating.

    ``between``: also with what changes between events (tensions, thinned rates, trends, rates in time).
    """
    n_variables = draw(st.integers(1, 4))
    variables = []
    for i in range(n_variables):
        upper = draw(st.sampled_from([1, 2, 3, 7, None]))
        start: int | Law = draw(st.integers(0, upper if upper is not None else 3))
        if upper is not None and draw(st.integers(0, 5)) == 0:
            start = Law("choice", (0.0, 0.25, float(upper), 0.75))
        variables.append(Variable(f"x{i}", 0, upper, start))
    inputs = tuple(Quantity(f"p{i}", draw(st.sampled_from(INPUT_LAWS))) for i in range(draw(st.integers(0, 2))))
    amounts = tuple(Quantity(f"a{i}", draw(st.sampled_from(AMOUNT_LAWS))) for i in range(draw(st.integers(0, 1))))
    state = [v.name for v in variables]

    def coin() -> bool:
        return draw(st.booleans())

    def variable() -> str:
        return draw(st.sampled_from(state))

    def condition(names: list[str]) -> Expression:
        name = draw(st.sampled_from(names))
        relation = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
        text = f"{name} {relation} {draw(st.integers(0, 3))}"
        if coin():
            text += (
                f" {draw(st.sampled_from(['and', 'or']))} {draw(st.sampled_from(names))} > {draw(st.integers(0, 2))}"
            )
        return parse(text)

    def factor() -> Expression:
        value: Expression = Number(draw(st.sampled_from([0.0, 0.25, 0.8, 1.5, 3.0])))
        if inputs and coin():
            value = Name(draw(st.sampled_from(inputs)).name)
        kind = draw(st.integers(0, 3))
        if kind == 0:
            return Call("where", (condition(state), value, Number(1.0)))
        if kind == 1:
            return Call("pow", (Call("add", (value, Number(0.5))), clip(0, Name(variable()), 3)))
        if kind == 2:
            return parse(f"1 / (1 + 0.3 * {variable()})")
        return value

    def guard(names: list[str]) -> Expression:
        return TRUE if draw(st.integers(0, 3)) == 0 else condition(names)

    tensions = draw(tension_lists([q.name for q in inputs])) if between else ()
    felt = [t.name for t in tensions]

    def moving(clock: Rate) -> Rate:
        """The rate with tensions, a trend, or the time in it, now and then."""
        for _ in range(draw(st.integers(0, 2)) if felt else 0):
            tree = parse(draw(st.sampled_from(FELT)).replace("T", draw(st.sampled_from(felt))))
            where = draw(st.integers(0, 3))
            if where == 0:
                clock = replace(clock, base=tree)
            elif where == 1:
                clock = replace(clock, terms=(*clock.terms, tree))
            else:
                clock = replace(clock, factors=(*clock.factors, tree))
        if draw(st.integers(0, 3)) == 0:
            clock = replace(clock, trend=draw(TRENDS))
        if draw(st.integers(0, 3)) == 0:
            value, limit = draw(st.sampled_from(TIMED))
            bound = in_time(limit) if limit else None
            # A bound is for all that changes between events: one for the time alone does not hold for a tension.
            if bound is None or not felt_by(clock, felt):
                clock = replace(clock, factors=(*clock.factors, in_time(value)), bound=bound)
        return clock

    def push() -> Effect:
        values: list[Expression] = [Number(x) for x in (-1.0, -0.3, 0.0, 0.5, 1.0)]
        values += [parse(f"0.5 * min({variable()}, 2)"), parse(f"0.5 * {draw(st.sampled_from(felt))}")]
        values += [Name(a.name) for a in amounts]
        kinds: tuple[EffectKind, ...] = ("add", "add", "set", "at_least", "at_most")
        return Effect(draw(st.sampled_from(felt)), draw(st.sampled_from(kinds)), draw(st.sampled_from(values)))

    milestones: list[Condition] = []
    for i in range(draw(st.integers(0, 2))):
        milestones.append(Condition(f"m{i}", condition([*state, *(m.name for m in milestones)])))
    conditions = [*state, *(m.name for m in milestones)]
    n_actions = draw(st.integers(1, 6))
    actions = []
    for i in range(n_actions):
        kind = draw(st.sampled_from(["rate", "rate", "rate", "delay", "delay", "calendar", "immediate"]))
        factors = tuple(factor() for _ in range(draw(st.integers(0, 3))))
        terms = (parse(f"0.1 * {clip_text(variable())}"),) if coin() else ()
        clock: Clock
        if kind == "rate":
            base: Expression = Number(draw(st.sampled_from([0.3, 1.0, 2.0])))
            clock = Rate(Name(inputs[0].name) if inputs and coin() else base, terms, factors)
            clock = moving(clock) if between else clock
        elif kind == "delay":
            scale: Expression = Name(inputs[-1].name) if inputs and coin() else Number(1.0)
            memories: tuple[Memory, ...] = ("enabling", "age", "identical")
            memory = draw(st.sampled_from(memories))
            law = draw(st.sampled_from(DELAY_LAWS))
            clock = Delay(
                law, scale, factors[: draw(st.integers(0, 1))], memory, draw(st.sampled_from([0.0, 0.0, 0.3]))
            )
        elif kind == "calendar":
            clock = Calendar(draw(st.sampled_from([0.0, 1.0, 2.5])))
        else:
            clock = Immediate()
        branches = []
        for j in range(draw(st.integers(1, 3))):
            effects = []
            for name in draw(st.lists(st.sampled_from(state), unique=True, max_size=2)):
                value = draw(
                    st.sampled_from(
                        [
                            Number(1.0),
                            Number(-1.0),
                            Number(2.0),
                            parse(f"floor({variable()} / 2)"),
                            Name(variable()),
                        ]
                        + [Call("floor", (Name(a.name),)) for a in amounts]
                        + [parse(f"floor(min(2 * abs({name}), 3))") for name in felt]
                    )
                )
                effects.append(
                    Effect(
                        name,
                        draw(st.sampled_from(["add", "set", "at_least", "at_most"])),
                        value,
                        saturate=True,
                    )
                )
            if felt and draw(st.integers(0, 2)) > 0:
                effects.append(push())
            restarts = (f"act{draw(st.integers(0, n_actions - 1))}",) if draw(st.integers(0, 4)) == 0 else ()
            weight: Expression = Number(1.0) if j == 0 else Number(draw(st.sampled_from([0.0, 0.5, 2.0])))
            if felt and coin():
                weight = parse(f"0.1 + min(abs({draw(st.sampled_from(felt))}), 4)")
            wanted = TRUE if j == 0 else guard(conditions)
            branches.append(Branch(tuple(effects), weight, wanted, (factor(),) if j else (), restarts))
        held = guard(conditions)
        actions.append(
            Action(
                f"act{i}",
                f"actor{draw(st.integers(0, 2))}",
                clock,
                tuple(branches),
                held,
                draw(st.integers(0, 1)),
            )
        )
    terminal = (condition(conditions),) if draw(st.integers(0, 5)) == 0 else ()
    found = Spec("random", tuple(variables), tuple(actions), inputs, amounts, (), tuple(milestones), (), (), terminal)
    return replace(found, tensions=tensions) if tensions else found


#: What rates make of a tension T: rising and falling in it, with and without an end, also where it is negative.
FELT = (
    "max(T, 0)", "0.2 + min(abs(T), 2)", "exp(0.4 * min(T, 3))", "exp(0 - 0.5 * max(T, 0))", "where(T > 0.5, 1.5, 0.4)",
    "max(0.1, min(T, 2))", "1 / (1 + abs(T))", "2.5 - min(max(T, 0), 2)", "where(x0 > 0, min(T ** 2, 3), 0.5)",
    "(T > 0.2) + 0.5 * (T <= 0.2)", "sqrt(max(T, 0))",
)  # fmt: skip
#: Factors in the time t with a bound for them, which may fall with the time or move with the state.
TIMED = (
    ("exp(0 - 0.5 * t)", None), ("min(t, 3) / 2", "1.5"), ("where(t < 1.5, 0.3, 1.2)", "1.2"),
    ("1 / (1 + t)", "1.5 / (1 + t)"), ("(1 + x0) / (1 + t)", "(1.25 + min(x0, 3)) * 2 + x0"), ("1 + min(t, 2)", None),
)  # fmt: skip


def in_time(text: str) -> Expression:
    """An expression in the time t."""
    tree = parse(text)
    return bind(tree, {name: TIME if name == "t" else Name(name) for name in names(tree)})


def felt_by(clock: Rate, tensions: list[str]) -> bool:
    """Whether a rate reads a tension."""
    return any(not names(tree).isdisjoint(tensions) for tree in (clock.base, *clock.terms, *clock.factors))


TRENDS = st.builds(
    Trend,
    shape=st.sampled_from([0.5, 0.8, 1.0, 1.7, 2.0]),
    scale=st.sampled_from([0.5, 1.0, 2.5]),
    renewed=st.booleans(),
    age=st.sampled_from([0.0, 0.0, 0.4]),
)


@st.composite
def tension_lists(draw: st.DrawFn, inputs: list[str]) -> tuple[Tension, ...]:
    """None, one or two tensions, from below or above what they decay towards."""

    def number(values: list[float]) -> Expression:
        if len(inputs) > 0 and draw(st.booleans()):
            return Name(draw(st.sampled_from(inputs)))
        return Number(draw(st.sampled_from(values)))

    return tuple(
        Tension(f"T{i}", number([0.5, 2.0]), number([0.0, 0.0, 1.5, -1.0]), number([0.0, 0.0, 1.0]))
        for i in range(draw(st.integers(0, 2)))
    )


def clip_text(name: str) -> str:
    """Text of a variable kept below 4, so that open variables cannot blow up a speed."""
    return f"min({name}, 3)"


def with_inert_actor(spec: Spec) -> Spec:
    """The same model with an actor that acts often and that nobody reads; declared first, so that every row moves."""
    noise = Variable("inert_count", 0, None, 0)
    effect = Branch((Effect("inert_count", "add", Number(1.0)),))
    actions = (
        Action("inert.ticks", "inert", Rate(Number(2.5)), (effect,)),
        Action("inert.waits", "inert", Delay(Law("fixed", (0.5,))), (effect,)),
    )
    fields = {f: getattr(spec, f) for f in spec.__dataclass_fields__}
    return Spec(**{**fields, "variables": (noise, *spec.variables), "actions": (*actions, *spec.actions)})


def conflict(rate: float = 0.05) -> Spec:
    """A small crisis with every kind of clock, memory, input, amount and effect; ends in war or settlement."""
    variables = (
        Variable("x0", 0, 4, 1),
        Variable("talks", 0, 2, Law("choice", (0.0, 0.5, 1.0, 0.5)), ("closed", "feelers", "open")),
        Variable("dead", 0, None, 0),
        Variable("ordered", 0, 1, 0),
        Variable("settled", 0, 1, 0),
    )
    inputs = (Quantity("temper", Law("lognormal", (1.0, 0.4))), Quantity("pace", Law("gamma", (2.0, 2.0))))
    calmer = "where(talks is open, 0.4, 1)"
    amounts = (Quantity("losses", Law("poisson", (3.0,), 1.0)),)

    def move(name: str, step: float) -> Effect:
        return Effect(name, "add", Number(step))

    def set_to(name: str, value: float) -> Effect:
        return Effect(name, "set", Number(value))

    actions = (
        Action(
            "red.escalates",
            "red",
            Rate(Number(rate), (parse("0.01 * min(dead, 5)"),), (parse("temper ** x0"), parse(calmer))),
            (
                Branch((move("x0", 1.0), Effect("dead", "add", Name("losses"))), Number(2.0)),
                Branch((set_to("ordered", 1.0),), Name("temper"), parse("ordered is 0")),
            ),
            guard=parse("x0 below 4"),
        ),
        Action("red.calms", "red", Rate(parse("0.03 * x0")), (Branch((move("x0", -1.0),)),), guard=parse("x0 above 0")),
        Action(
            "red.strikes",
            "red",
            Delay(Law("weibull", (1.5, 9.0)), memory="identical"),
            (Branch((Effect("x0", "add", Number(2.0), saturate=True), set_to("ordered", 0.0))),),
            guard=parse("ordered is 1 and talks below open"),
        ),
        Action(
            "blue.offers",
            "blue",
            Delay(Law("lognormal", (8.0, 0.7)), Name("pace"), (parse("1 + 0.5 * x0"),), "age", age=3.0),
            (Branch((Effect("talks", "at_least", Number(1.0)),), restarts=("go_between.answers",)),),
            guard=parse("talks below open"),
        ),
        Action(
            "go_between.answers",
            "go_between",
            Delay(Law("gamma", (2.0, 5.0)), memory="enabling"),
            (Branch((set_to("talks", 2.0),), Number(1.0)), Branch((set_to("talks", 0.0),), parse("1 + x0"))),
            guard=parse("talks is feelers"),
        ),
        Action(
            "go_between.concludes",
            "go_between",
            Delay(Law("fixed", (20.0,))),
            (Branch((set_to("settled", 1.0),)),),
            guard=parse("talks is open"),
        ),
        Action(
            "calendar.summit",
            "calendar",
            Calendar(15.0),
            (Branch((Effect("talks", "at_least", Number(1.0)),)),),
            guard=parse("x0 below 4"),
        ),
        Action(
            "red.stands_by",
            "red",
            Immediate(),
            (Branch((set_to("ordered", 0.0),)),),
            guard=parse("ordered is 1 and talks is open"),
        ),
    )
    milestones = (Condition("bloodshed", parse("dead above 0")), Condition("war", parse("x0 is 4 and bloodshed")))
    return Spec(
        "conflict", variables, actions, inputs, amounts, (), milestones, (), (), (parse("war"), parse("settled"))
    )


def rivals() -> Spec:
    """Two rivals whose hostility decays, with a thinned rate in time, a renewed and a plain trend, and a hidden start.

    Hostility decays to a level above 0 that is uncertain, fear from above and below to 0.
    """
    variables = (
        Variable("x0", 0, 6, 1),
        Variable("talks", 0, 1, Law("choice", (0.0, 0.5, 1.0, 0.5))),
        Variable("strikes", 0, None, 0),
        Variable("peace", 0, 1, 0),
    )
    inputs = (Quantity("temper", Law("lognormal", (0.4, 0.4))), Quantity("oblivion", Law("uniform", (0.05, 0.3))))
    amounts = (Quantity("shock", Law("gamma", (2.0, 0.5))),)
    tensions = (
        Tension("hostility", Name("oblivion"), Number(1.5), Name("temper")),
        Tension("fear", Number(0.2), parse("0 - temper")),
    )

    def move(name: str, step: float) -> Effect:
        return Effect(name, "add", Number(step))

    strike = Branch((move("strikes", 1.0), Effect("hostility", "add", Name("shock")), move("fear", -0.5)))
    climb = Branch((move("x0", 1.0), Effect("fear", "at_least", Number(1.0))), label="climbs")
    waver = Branch((Effect("fear", "set", parse("0.5 * fear")),), parse("exp(0 - min(fear, 2))"), label="wavers")
    time = bind(parse("min(t, 60) / 60"), {"t": TIME})
    actions = (
        Action("red.strikes", "red", Rate(Number(0.02), (parse("0.04 * hostility"),)), (strike,)),
        Action(
            "red.climbs",
            "red",
            Rate(Number(0.05), (), (parse("exp(0.3 * min(fear, 3))"),)),
            (climb, waver),
            guard=parse("x0 below 6"),
        ),
        Action(
            "blue.talks",
            "blue",
            Rate(Number(0.04), trend=Trend(1.8, 20.0, renewed=True)),
            (Branch((Effect("talks", "set", Number(1.0)), Effect("hostility", "at_most", Number(1.0)))),),
            guard=parse("talks is 0"),
        ),
        Action(
            "blue.leaves",
            "blue",
            Rate(parse("0.05 * hostility")),
            (Branch((move("talks", -1.0),)),),
            guard=parse("talks is 1"),
        ),
        Action(
            "blue.calms",
            "blue",
            Rate(Number(0.06), trend=Trend(0.7, 10.0, age=5.0)),
            (Branch((move("x0", -1.0),)),),
            guard=parse("x0 above 0"),
        ),
        Action(
            "blue.tires",
            "blue",
            Rate(Number(0.03), (), (time, parse("1 / (1 + max(fear, 0))")), bound=Number(1.0)),
            (Branch((Effect("x0", "at_most", parse("floor(3 + 0 * fear)")),)),),
        ),
        Action("calendar.summit", "calendar", Calendar(15.0), (Branch((Effect("hostility", "set", Number(0.25)),)),)),
        Action(
            "go_between.settles",
            "go_between",
            Delay(Law("weibull", (2.0, 25.0)), memory="age"),
            (Branch((Effect("peace", "set", parse("floor(min(1, 2 / (1 + hostility)))")),), restarts=("blue.calms",)),),
            guard=parse("talks is 1"),
        ),
    )
    milestones = (Condition("bloodshed", parse("strikes above 0")), Condition("war", parse("x0 is 6 and bloodshed")))
    ends = (parse("war"), parse("peace"))
    return Spec("rivals", variables, actions, inputs, amounts, (), milestones, (), (), ends, tensions)
