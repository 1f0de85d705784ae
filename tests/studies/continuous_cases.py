"""Oracle cases with continuous variables or hazards in absolute time, each with exact values worked out here.

`CASES` gives cases of the format ``oracle-neutral/1`` by name. Values are closed forms, quadratures or solutions of
moment equations (self-excitation: Dassios and Zhao, Adv. Appl. Prob. 43, 2011); nothing of them is simulated.
`sampled` simulates a case by thinning with NumPy alone, as a check of the values.

Wherever a rate may rise before the next event, its ``bound`` holds from the state at hand until then, and up to
``horizon`` for rates in the time t.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad, solve_ivp
from scipy.linalg import expm

Floats = NDArray[np.float64]
Json = dict[str, Any]


# -------------------------------------------------------------------------------------------------------- building
def _hazard(name: str, rate: str, update: Json, bound: str | None = None, guard: str = "True") -> Json:
    clock = {"kind": "hazard", "rate": rate} | ({"bound": bound} if bound else {})
    return {"name": name, "action": name, "guard": guard, "clock": clock, "update": update}


def _rate(name: str, rate: str, update: Json, guard: str = "True") -> Json:
    return {"name": name, "action": name, "guard": guard, "clock": {"kind": "exponential", "rate": rate},
            "update": update}  # fmt: skip


def _query(kind: str, value: float, **fields: Any) -> Json:
    name = " ".join([kind, *(str(v) for v in fields.values() if not isinstance(v, dict))])
    return {"id": name, "kind": kind, "value": float(value), "value_abs_error": 1e-8 * max(1.0, abs(value)), **fields}


def _case(name: str, source: str, horizon: float, **parts: Any) -> Json:
    return {"id": name, "format": "oracle-neutral/1", "source": source, "horizon": horizon, **parts}


def _integral(f: Callable[[float], float], a: float, b: float, *breaks: float) -> float:
    """Quadrature to ten digits or so; ``breaks`` are kinks within (a, b)."""
    ends = [a, *breaks, b]
    return math.fsum(quad(f, low, high, epsabs=1e-13, epsrel=1e-12, limit=200)[0] for low, high in pairwise(ends))


def _solved(f: Callable[[float, Floats], Any], start: list[float], until: float) -> Floats:
    """End of a system of ordinary differential equations."""
    found = solve_ivp(f, (0.0, until), start, method="DOP853", rtol=1e-12, atol=1e-13)
    result: Floats = found.y[:, -1]
    return result


def _poisson(k: int, mean: float) -> float:
    return math.exp(-mean) * mean**k / math.factorial(k)


def _poisson_queries(mean: float, at: float, k: int) -> list[Json]:
    """Count of a Poisson process: mean, variance, none, and exactly k."""
    return [
        _query("mean_at", mean, expr="n", at=at),
        _query("var_at", mean, expr="n", at=at),
        _query("prob_at", math.exp(-mean), target="n == 0", at=at),
        _query("prob_at", _poisson(k, mean), target=f"n == {k}", at=at),
    ]


# ----------------------------------------------------------------------------------------------------------- cases
def hawkes() -> Json:
    """Self-excitation from an excited start: moment equations of (x, N) up to second order."""
    base, jump, decay, x0, at = 0.6, 0.7, 1.1, 0.9, 6.0

    def moments(_: float, y: Floats) -> list[float]:
        x, xx, n, _, xn = y
        rate, rate_x, rate_n = base + x, base * x + xx, base * n + xn
        return [
            -decay * x + jump * rate,
            -2.0 * decay * xx + 2.0 * jump * rate_x + jump**2 * rate,
            rate,
            2.0 * rate_n + rate,
            -decay * xn + rate_x + jump * rate_n + jump * rate,
        ]

    x, xx, n, nn, _ = _solved(moments, [x0, x0**2, 0.0, 0.0, 0.0], at)
    quiet = math.exp(-base * 2.0 - x0 * (1.0 - math.exp(-decay * 2.0)) / decay)
    return _case(
        "k01_hawkes", "moment equations", at,
        variables={"n": {"init": 0}}, continuous={"x": {"init": x0, "decay": decay}},
        transitions=[_hazard("event", f"{base}+x", {"n": "n+1", "x": f"x+{jump}"})],
        queries=[
            _query("mean_at", n, expr="n", at=at), _query("var_at", nn - n * n, expr="n", at=at),
            _query("mean_at", x, expr="x", at=at), _query("var_at", xx - x * x, expr="x", at=at),
            _query("prob_at", quiet, target="n == 0", at=2.0),
        ],
    )  # fmt: skip


def mutual() -> Json:
    """Two types that excite themselves and each other: means by a matrix exponential."""
    base, decay, at = np.array([0.4, 0.3]), np.array([1.0, 0.6]), 5.0
    jump = np.array([[0.3, 0.5], [0.2, 0.1]])  # what an event of the second index adds to the variable of the first
    # Order: x, y, n, m, integral of n, 1.
    a = np.zeros((6, 6))
    a[:2, :2], a[:2, 5] = jump - np.diag(decay), jump @ base
    a[2:4, :2], a[2:4, 5] = np.eye(2), base
    a[4, 2] = 1.0
    x, _, n, m, area, _ = expm(a * at) @ [0.5, 0.0, 0.0, 0.0, 0.0, 1.0]
    return _case(
        "k02_mutual", "matrix exponential of the mean equations", at,
        variables={"n": {"init": 0}, "m": {"init": 0}},
        continuous={"x": {"init": 0.5, "decay": decay[0]}, "y": {"init": 0, "decay": decay[1]}},
        transitions=[
            _hazard("first", f"{base[0]}+x", {"n": "n+1", "x": f"x+{jump[0, 0]}", "y": f"y+{jump[1, 0]}"}),
            _hazard("second", f"{base[1]}+y", {"m": "m+1", "x": f"x+{jump[0, 1]}", "y": f"y+{jump[1, 1]}"}),
        ],
        queries=[
            _query("mean_at", n, expr="n", at=at), _query("mean_at", m, expr="m", at=at),
            _query("mean_at", x, expr="x", at=at), _query("time_integral_mean", area, expr="n", to=at),
            _query("event_count_mean", 2.0 * n + m, weights={"first": 2, "second": 1}, to=at),
            _query("prob_at", math.exp(-0.7 - 0.5 * (1.0 - math.exp(-1.0))), target="n + m == 0", at=1.0),
        ],
    )  # fmt: skip


def loglinear() -> Json:
    """A log-linear rate that rises because what holds it down decays; Poisson counts."""
    mean = _integral(lambda t: math.exp(0.2 - 1.4 * 1.5 * math.exp(-0.9 * t)), 0.0, 4.0)
    return _case(
        "k03_loglinear", "Poisson, mean by quadrature", 4.0,
        variables={"n": {"init": 0}}, continuous={"x": {"init": 1.5, "decay": 0.9}},
        transitions=[_hazard("event", "exp(0.2-1.4*x)", {"n": "n+1"}, bound="exp(0.2-1.4*min(x,0))")],
        queries=_poisson_queries(mean, 4.0, 3),
    )  # fmt: skip


def rising() -> Json:
    """Tension that rises toward a level above it; the law of the first event, too."""

    def rate(t: float) -> float:
        return 0.4 * math.pow(3.0 - 2.5 * math.exp(-0.5 * t), 2.0)

    def total(t: float) -> float:
        return 0.4 * (9.0 * t - 30.0 * (1.0 - math.exp(-0.5 * t)) + 6.25 * (1.0 - math.exp(-t)))

    mean = _integral(lambda t: math.exp(-total(t)), 0.0, 40.0, 2.0, 6.0)
    square = _integral(lambda t: 2.0 * t * math.exp(-total(t)), 0.0, 40.0, 2.0, 6.0)
    assert math.isclose(total(3.0), _integral(rate, 0.0, 3.0), rel_tol=1e-10)
    return _case(
        "k04_rising", "Poisson, mean in closed form; first time by quadrature", 3.0,
        variables={"n": {"init": 0}}, continuous={"x": {"init": 0.5, "decay": 0.5, "baseline": 3}},
        transitions=[_hazard("event", "0.4*x**2", {"n": "n+1"}, bound="0.4*max(x,3)**2")],
        queries=[
            *_poisson_queries(total(3.0), 3.0, 4),
            _query("prob_reach_within", 1.0 - math.exp(-total(1.0)), target="n == 1", within=1.0),
            _query("mean_time_to", mean, target="n == 1"),
            _query("var_time_to", square - mean * mean, target="n == 1"),
        ],
    )  # fmt: skip


def jumps_down() -> Json:
    """An event relieves the tension, which may become negative: the rate is 0 until it has risen again."""
    decay, level, start, fall, at = 0.8, 1.0, 2.0, 2.5, 2.0

    def x(x0: float, t: float) -> float:
        return level + (x0 - level) * math.exp(-decay * t)

    def zero(x0: float) -> float:
        """When 1.2 x - 0.3 rises through 0."""
        return math.log((level - x0) / (level - 0.25)) / decay if x0 < 0.25 else 0.0

    def total(x0: float, t: float) -> float:
        low = min(zero(x0), t)
        grown = math.exp(-decay * low) - math.exp(-decay * t)
        return (1.2 * level - 0.3) * (t - low) + 1.2 * (x0 - level) * grown / decay

    def one_at(s: float) -> float:
        before = x(start, s)
        return (1.2 * before - 0.3) * math.exp(-total(start, s) - total(before - fall, at - s))

    return _case(
        "k05_jumps_down", "laws of the first two events by quadrature", at,
        variables={"n": {"init": 0}}, continuous={"x": {"init": start, "decay": decay, "baseline": level}},
        transitions=[_hazard("event", "max(0,1.2*x-0.3)", {"n": "n+1", "x": f"x-{fall}"},
                             bound="max(0,1.2*max(x,1)-0.3)")],
        queries=[
            _query("prob_at", math.exp(-total(start, at)), target="n == 0", at=at),
            # Not smooth where a first event is so early that the rate is up again before the end.
            _query("prob_at", math.fsum(_integral(one_at, i * at / 64, (i + 1) * at / 64) for i in range(64)),
                   target="n == 1", at=at),
        ],
    )  # fmt: skip


def switched() -> Json:
    """A decaying hazard that waits while a discrete state is off: moment equations by state."""
    off, on, at = 1.0, 0.5, 4.0

    def rate(t: float) -> float:
        return 0.3 + 1.5 * math.exp(-0.4 * t)

    def equations(t: float, y: Floats) -> list[float]:
        p, n1, n0, s1, s0, q1, q0 = y  # on; E[N], E[N^2] by state; no event by state
        r = rate(t)
        return [
            on * (1.0 - p) - off * p,
            r * p - off * n1 + on * n0,
            off * n1 - on * n0,
            r * (2.0 * n1 + p) - off * s1 + on * s0,
            off * s1 - on * s0,
            -(off + r) * q1 + on * q0,
            off * q1 - on * q0,
        ]

    p, n1, n0, s1, s0, q1, q0 = _solved(equations, [1.0, 0, 0, 0, 0, 1.0, 0], at)
    mean = n1 + n0
    return _case(
        "k06_switched", "moment equations by discrete state", at,
        variables={"n": {"init": 0}, "s": {"init": 1, "min": 0, "max": 1}},
        continuous={"x": {"init": 1.5, "decay": 0.4}},
        transitions=[
            _hazard("event", "0.3+x", {"n": "n+1"}, guard="s == 1"),
            _rate("off", str(off), {"s": "0"}, guard="s == 1"), _rate("on", str(on), {"s": "1"}, guard="s == 0"),
        ],
        queries=[
            _query("mean_at", mean, expr="n", at=at), _query("var_at", s1 + s0 - mean**2, expr="n", at=at),
            _query("prob_at", q1 + q0, target="n == 0", at=at), _query("prob_at", p, target="s == 1", at=at),
            _query("mean_at", n1, expr="n*s", at=at),
        ],
    )  # fmt: skip


def triangle() -> Json:
    """A rate in the time t that rises and falls with the seasons: a triangular wave of period 2."""
    rate = "0.2+1.6*abs(mod(t,2)-1)"
    mean = _integral(lambda t: 0.2 + 1.6 * abs(t % 2.0 - 1.0), 0.0, 3.5, 1.0, 2.0, 3.0)
    return _case(
        "k07_triangle", "Poisson, mean in closed form", 3.5,
        variables={"n": {"init": 0}}, transitions=[_hazard("event", rate, {"n": "n+1"}, bound="1.8")],
        queries=_poisson_queries(mean, 3.5, 3),
    )  # fmt: skip


def power() -> Json:
    """A Weibull first event and a lazy second one by a rate in the time t; the bound holds up to the horizon."""
    k, eta, at = 3.0, 2.5, 4.0

    def rate(t: float) -> float:
        return k / eta * math.pow(t / eta, k - 1.0)

    none = math.exp(-((at / eta) ** k))
    # After the first event the same rate goes on at half its size.
    one = _integral(lambda s: rate(s) * math.exp(-((s / eta) ** k) - 0.5 * ((at / eta) ** k - (s / eta) ** k)), 0.0, at)
    written = f"{k}/{eta}*(t/{eta})**{k - 1.0}"
    return _case(
        "k08_power", "Weibull law; the second event by quadrature", at,
        variables={"n": {"init": 0, "min": 0, "max": 2}},
        transitions=[_hazard("event", f"(1-0.5*n)*{written}", {"n": "n+1"}, guard="n < 2",
                             bound=f"(1-0.5*n)*{rate(at)!r}")],
        queries=[_query("prob_at", none, target="n == 0", at=at), _query("prob_at", one, target="n == 1", at=at),
                 _query("mean_at", one + 2.0 * (1.0 - none - one), expr="n", at=at)],
    )  # fmt: skip


def product() -> Json:
    """A level times a tension, and each rise of the level adds to the tension: means by level."""
    up, decay, kick, at, top = 0.8, 0.5, 0.7, 3.0, 2

    def equations(_: float, y: Floats) -> list[float]:
        p, q = y[:3], y[3:6]  # chance of each level; E[x; level]
        leave = np.array([up, up, 0.0])
        dp = -leave * p + np.array([0.0, up * p[0], up * p[1]])
        dq = -(decay + leave) * q + np.array([0.0, up * (q[0] + kick * p[0]), up * (q[1] + kick * p[1])])
        return [*dp, *dq, float(np.arange(3) @ (0.2 * p + q))]

    y = _solved(equations, [1.0, 0.0, 0.0, 1.5, 0.0, 0.0, 0.0], at)
    return _case(
        "k09_product", "mean equations by level", at,
        variables={"n": {"init": 0}, "level": {"init": 0, "min": 0, "max": top}},
        continuous={"x": {"init": 1.5, "decay": decay}},
        transitions=[
            _hazard("event", "level*(0.2+x)", {"n": "n+1"}),
            _rate("escalate", str(up), {"level": "level+1", "x": f"x+{kick}"}, guard=f"level < {top}"),
        ],
        queries=[
            _query("mean_at", y[6], expr="n", at=at), _query("mean_at", y[3:6].sum(), expr="x", at=at),
            _query("mean_at", y[4] + 2.0 * y[5], expr="level*x", at=at),
        ],
    )  # fmt: skip


def renewal() -> Json:
    """Every event sets the tension back to 0, from where it rises anew: a renewal process."""
    at = 2.5

    def total(u: float) -> float:
        return 1.8 * (u - (1.0 - math.exp(-0.6 * u)) / 0.6)

    def survival(u: float) -> float:
        return math.exp(-total(u))

    def density(u: float) -> float:
        return 1.8 * (1.0 - math.exp(-0.6 * u)) * survival(u)

    mean = _integral(survival, 0.0, 60.0, 1.0, 3.0, 8.0)
    return _case(
        "k10_renewal", "renewal process; quadrature", at,
        variables={"n": {"init": 0}}, continuous={"x": {"init": 0, "decay": 0.6, "baseline": 2}},
        transitions=[_hazard("event", "0.9*x", {"n": "n+1", "x": "0"}, bound="0.9*max(x,2)")],
        queries=[
            _query("prob_at", survival(at), target="n == 0", at=at),
            _query("prob_at", _integral(lambda s: density(s) * survival(at - s), 0.0, at), target="n == 1", at=at),
            _query("mean_time_to", mean, target="n == 1"),
            _query("steady_event_rate", 1.0 / mean, weights={"event": 1}),
        ],
    )  # fmt: skip


def kinks() -> Json:
    """min, max and pow of a tension; Poisson counts."""

    def rate(t: float) -> float:
        return min(2.0, math.pow(max(0.4, 4.0 * math.exp(-0.5 * t)), 1.5))

    cap, floor = 2.0 * math.log(4.0 / 2.0 ** (2.0 / 3.0)), 2.0 * math.log(4.0 / 0.4)
    mean = _integral(rate, 0.0, 6.0, cap, floor)
    return _case(
        "k11_kinks", "Poisson, mean by quadrature between the kinks", 6.0,
        variables={"n": {"init": 0}}, continuous={"x": {"init": 4, "decay": 0.5}},
        transitions=[_hazard("event", "min(2,pow(max(0.4,x),1.5))", {"n": "n+1"})],
        queries=_poisson_queries(mean, 6.0, 5),
    )  # fmt: skip


def two() -> Json:
    """A rate that reads two tensions, one of which is set anew on a date."""

    def rate(t: float) -> float:
        x, y = 1.2 * math.exp(-0.3 * t), math.exp(-0.9 * t) if t < 2.0 else 1.5 * math.exp(-0.9 * (t - 2.0))
        return 0.3 + x * y + 0.2 * y

    return _case(
        "k12_two", "Poisson, mean by quadrature", 4.0,
        variables={"n": {"init": 0}},
        continuous={"x": {"init": 1.2, "decay": 0.3}, "y": {"init": 1, "decay": 0.9}},
        transitions=[_hazard("event", "0.3+x*y+0.2*y", {"n": "n+1"})],
        scheduled=[{"time": 2.0, "update": {"y": "1.5"}}],
        queries=[
            *_poisson_queries(_integral(rate, 0.0, 4.0, 2.0), 4.0, 2),
            _query("mean_at", 1.5 * math.exp(-0.9), expr="y", at=3.0),
        ],
    )  # fmt: skip


CASES: Final[Mapping[str, Callable[[], Json]]] = {
    make.__name__: make
    for make in (
        hawkes, mutual, loglinear, rising, jumps_down, switched, triangle, power, product, renewal, kinks, two,
    )
}  # fmt: skip


# ------------------------------------------------------------------------------------------------ a check of the values
_FUNCTIONS: Final = {
    "exp": np.exp, "log": np.log, "abs": np.abs, "mod": np.mod, "pow": np.power, "min": np.minimum, "max": np.maximum,
    "__builtins__": {},
}  # fmt: skip


def _value(text: str, state: Mapping[str, Floats]) -> Floats:
    """Value of an expression of a case above (trusted text) for many histories."""
    size = next(iter(state.values())).size
    result: Floats = np.broadcast_to(np.asarray(eval(text, _FUNCTIONS, dict(state)), dtype=np.float64), size)
    return result


def sampled(case: Json, n: int, seed: int) -> dict[str, float]:
    """z of each query of a case by n histories, thinned with the bounds written in the case (a rate without: itself).

    Raises AssertionError where a rate exceeds its bound. Times to a target get 40 days; long-run rates are counted
    over the days 30 to 130.
    """
    long = any(q["kind"] == "steady_event_rate" for q in case["queries"])
    waits = [q for q in case["queries"] if "time_to" in q["kind"]]
    end = 130.0 if long else 40.0 if waits else case["horizon"]
    rng = np.random.default_rng(seed)
    flows = {name: (c["decay"], c.get("baseline", 0.0)) for name, c in case.get("continuous", {}).items()}
    state = {name: np.full(n, float(v["init"])) for name, v in case["variables"].items()}
    state |= {name: np.full(n, float(c["init"])) for name, c in case.get("continuous", {}).items()}
    state |= {f"count {item['name']}": np.zeros(n) for item in case["transitions"]}
    state["t"] = np.zeros(n)
    reached = {q["id"]: np.full(n, np.inf) for q in case["queries"] if "time_to" in q["kind"] or "reach" in q["kind"]}
    area = {q["id"]: np.zeros(n) for q in case["queries"] if "integral" in q["kind"]}
    last = [q.get("at", q.get("to", q.get("within", 0.0))) for q in case["queries"]]
    stops = sorted({float(t) for t in last if t} | ({30.0} if long else set()) | {end}
                   | {item["time"] for item in case.get("scheduled", [])})  # fmt: skip
    seen: dict[float, dict[str, Floats]] = {}
    for stop in stops:
        _advance(case, state, flows, stop, rng, reached, area)
        for item in case.get("scheduled", []):
            if item["time"] == stop:
                for name, text in item["update"].items():
                    state[name] = _value(text, state).copy()
        seen[stop] = {name: values.copy() for name, values in state.items()}
    return {q["id"]: _z(q, seen, end, reached, area) for q in case["queries"]}


def _advance(  # noqa: PLR0917 - the whole of a simulation's state
    case: Json, state: dict[str, Floats], flows: Mapping[str, tuple[float, float]], stop: float,
    rng: np.random.Generator, reached: dict[str, Floats], area: dict[str, Floats],
) -> None:  # fmt: skip
    active = np.flatnonzero(state["t"] < stop)
    while active.size:
        here = {name: values[active] for name, values in state.items()}
        bounds = [
            np.where(_value(i["guard"], here), _value(i["clock"].get("bound", i["clock"]["rate"]), here), 0.0)
            for i in case["transitions"]
        ]
        total = sum(bounds[1:], bounds[0])
        with np.errstate(divide="ignore"):
            gap = np.minimum(rng.standard_exponential(active.size) / total, stop - here["t"])
        arrived = here["t"] + gap < stop
        for q in case["queries"]:
            if q["id"] in area:
                inside = np.clip(q["to"] - here["t"], 0.0, gap)
                area[q["id"]][active] += inside * _value(q["expr"], here)
        here["t"] = np.where(arrived, here["t"] + gap, stop)
        for name, (decay, level) in flows.items():
            here[name] = level + (here[name] - level) * np.exp(-decay * gap)
        left, after = rng.random(active.size) * total, {name: values.copy() for name, values in here.items()}
        for item, bound in zip(case["transitions"], bounds, strict=True):
            rate = np.where(bound > 0, _value(item["clock"]["rate"], here), 0.0)
            assert (rate <= bound * (1 + 1e-9) + 1e-300).all(), f"{case['id']}: {item['name']} exceeds its bound"
            fires = arrived & (left >= 0) & (left < rate)
            left = left - bound
            after[f"count {item['name']}"] += fires
            for name, text in item["update"].items():
                after[name] = np.where(fires, _value(text, here), after[name])
        for name, values in after.items():
            state[name][active] = values
        for q in case["queries"]:
            if q["id"] in reached:
                new = (_value(q["target"], after) != 0) & ~np.isfinite(reached[q["id"]][active])
                reached[q["id"]][active[new]] = after["t"][new]
        active = active[after["t"] < stop]


def _z(
    q: Json, seen: Mapping[float, Mapping[str, Floats]], end: float, reached: Mapping[str, Floats],
    area: Mapping[str, Floats],
) -> float:  # fmt: skip
    kind = q["kind"]
    if kind in ("prob_at", "mean_at", "var_at"):
        values = _value(str(q.get("target", q.get("expr"))), seen[float(q["at"])])
    elif kind == "time_integral_mean":
        values = area[q["id"]]
    elif kind == "event_count_mean":
        values = sum((w * seen[float(q["to"])][f"count {a}"] for a, w in q["weights"].items()), np.zeros(1))
    elif kind == "steady_event_rate":
        values = sum((w * (seen[end][f"count {a}"] - seen[30.0][f"count {a}"]) for a, w in q["weights"].items()),
                     np.zeros(1)) / (end - 30.0)  # fmt: skip
    elif kind == "prob_reach_within":
        values = (reached[q["id"]] <= q["within"]).astype(float)
    else:
        values = reached[q["id"]]
    centred = values - values.mean()
    if kind.startswith("var"):
        spread = math.sqrt(float((centred**4).mean() - (centred**2).mean() ** 2) / values.size)
        return (float(values.var(ddof=1)) - float(q["value"])) / spread
    spread = float(values.std(ddof=1)) / math.sqrt(values.size)
    off = float(values.mean()) - float(q["value"])
    if spread < 1e-9 * abs(q["value"]):  # nothing left to chance
        return 0.0 if abs(off) < 1e-7 else math.inf
    return off / spread
