"""The arrays by which the compiled engine knows a model and a plan.

*Places* number the clocks so that those of one actor stand side by side: first all rates (each actor's filled up to
a multiple of :data:`LANES` with clocks that never run), then delays, immediate actions and calendar actions. Lists of
varying length stand in one array, with another that says where each begins. Numbers that index arrays in the innermost
loops have no sign: Numba reads a negative index as counted from the end, and the test for it would keep those loops
from becoming vector instructions. Changes of an index are added modulo 2**64.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.engines.interface import Floats, Integers
from sim.model import scalar
from sim.model.draws import Words

#: Clocks that are re-timed together.
LANES: Final = 8
#: Lists of an actor and of a branch: where list ``which`` of number ``i`` begins and ends stands in the entries
#: ``SPANS`` * i + which and the one after it. All of one owner stand in a line or two of the processor's cache.
SPANS: Final = np.uint64(16)
RATES, DELAYS, IMMEDIATES, CALENDARS, PRODUCTS, FACTORS, GUARDS, DOUBTFUL = (np.uint64(2 * i) for i in range(8))
MOVES, SHIFTS, TOUCHES, EFFECTS, RESTARTS, AMOUNTS, LOOKS, FOLLOWS = (np.uint64(2 * i) for i in range(8))

#: How a function gets its value.
CONSTANT: Final = 0
STATE: Final = 1
TABLE: Final = 2
MEMO: Final = 3
PROGRAM: Final = 4
EXPONENTIAL: Final = 5

MEMORY: Final = {"age": 0, "enabling": 1, "identical": 2}
EFFECT: Final = {"add": 0, "set": 1, "at_least": 2, "at_most": 3}


class Functions(NamedTuple):
    """Functions of state and inputs.

    ``kind`` is one of the constants above, ``value`` the number of a constant, ``column`` that of a state; exponential
    is what is exp(``value`` x ``column``), as factors that read tensions mostly are; ``start`` and ``end`` delimit a
    program's steps. Tables and memos (kept per unit) are indexed by ``offset`` + the sum of ``stride`` x state over the
    columns in ``first`` … ``last`` - 1, each state taken within ``low`` … ``high``.
    ``speed``: what is no number >= 0 becomes nan.
    """

    kind: Integers
    value: Floats
    column: Words
    start: Words
    end: Words
    offset: Integers
    first: Words
    last: Words
    speed: NDArray[np.bool_]
    read: Words
    stride: Integers
    low: Integers
    high: Integers
    tables: Floats
    code: scalar.Code


class Clocks(NamedTuple):
    """By place, and by actor in ``spans`` where each kind of clock and each list begins and ends.

    Rates come before the place ``rated``, delays before ``drawn``, and calendar actions from ``dated`` on.

    ``table`` and ``slot`` give a speed's first factor: entry ``table`` + index ``slot``. The lists hold, by actor,
    further tabled factors (``product_…``), those by function, guards to apply, and unproven speeds. An actor is
    ``plain`` that has rates and tabled factors only. The last factors of rates that hang on inputs alone stand, by
    place, from entry ``last`` on, beside 1 for other places; an actor is ``scaled`` that has any.

    Entries that hang on inputs are filled in for each unit: entry ``unit_entry`` is the value of ``unit_function``
    where the columns in a list (``unit_column``, which begins at ``unit_first``) are ``unit_value``.
    """

    rated: np.uint64
    drawn: np.uint64
    dated: np.uint64
    spans: Words
    plain: NDArray[np.bool_]
    scaled: NDArray[np.bool_]
    rank: Integers
    actor: Words
    key0: Words
    key1: Words
    time: Floats
    guard: Integers
    law: Integers
    scale: Integers
    age: Floats
    memory: Integers
    watched: NDArray[np.bool_]
    table: Words
    slot: Words
    product_place: Words
    product_table: Words
    product_slot: Words
    factor_place: Words
    factor: Words
    guarded: Words
    doubtful: Words
    last: int
    unit_entry: Words
    unit_function: Words
    unit_first: Words
    unit_column: Words
    unit_value: Floats
    place: Words
    first_branch: Words
    branch_count: Words


class Branches(NamedTuple):
    """By branch: weight, and lists of what follows from it, which begin and end as ``spans`` says.

    Three more branches than the model has stand for a candidate that is turned down, when nothing is looked at, for
    the start of a history, when everything is, and for a calendar action that lapses, when again nothing is.
    """

    weight: Words
    spans: Words
    move_column: Words
    move: Integers
    shift_slot: Words
    shift: Words
    touch: Words
    effect_column: Words
    effect_kind: Integers
    effect_value: Words
    effect_lower: Integers
    effect_upper: Integers
    effect_saturates: NDArray[np.bool_]
    restart: Words
    amount_column: Words
    amount_law: Integers
    amount_key0: Words
    amount_key1: Words
    look: Words
    ends: NDArray[np.bool_]
    follow: Words


class Columns(NamedTuple):
    """By state column: the indices that hold it and the actors that read it; starts and inputs with their draws."""

    users: Words
    user_slot: Words
    user_stride: Integers
    readers: Words
    reader: Words
    slot_offset: Integers
    start: Integers
    start_law: Integers
    start_key0: Words
    start_key1: Words
    input_law: Integers
    input_key0: Words
    input_key1: Words
    milestone: Integers
    terminal: int


class Between(NamedTuple):
    """What changes between events; ``some``: anything does. Lists that begin at ``…_first`` stand in another array.

    By tension: functions of its ``start``, ``toward`` and ``decay``, and its readers; ``first`` is the column of the
    first. By place: its number among the thinned rates or -1 (``thinned``), and whether tensions are to be known when
    it is due (``feels``). By thinned rate, in the order of places: its place, function and ``bound`` (number of its
    function among ``bounds``: rates that share one have it computed once). By state column and then tension
    (``touched``) and by branch (``renewed``): thinned rates whose bound is to be taken anew. By branch: its jumps. By
    trend: place and numbers; ``…_follows`` where the guard is to be followed.
    """

    some: bool
    first: np.uint64
    start: Words
    toward: Words
    decay: Words
    reader_first: Words
    reader: Words
    thinned: Integers
    feels: NDArray[np.bool_]
    thinned_first: Words
    place: Words
    value: Words
    bound: Words
    bounds: Words
    touched_first: Words
    touched: Words
    renewed_first: Words
    renewed: Words
    jump_first: Words
    jump_tension: Words
    jump_kind: Integers
    jump_value: Words
    trend_first: Words
    trend_place: Words
    trend_shape: Floats
    trend_scale: Floats
    trend_age: Floats
    trend_renewed: NDArray[np.bool_]
    trend_follows: NDArray[np.bool_]


class Watching(NamedTuple):
    """What the plan asks for: functions watched with their bins and where their counts begin; ``days`` of each."""

    until: float
    max_events: int
    log: bool
    inputs: Integers
    histories: Integers
    observe: Floats
    integral: Integers
    watched: Integers
    bins: Integers
    first: Integers
    days: int


class Layout(NamedTuple):
    """All of it; ``memos`` is the number of entries kept per unit, ``depth`` the size of the stack."""

    functions: Functions
    laws: scalar.Laws
    clocks: Clocks
    branches: Branches
    columns: Columns
    between: Between
    watching: Watching
    memos: int
    depth: int
    lanes: int


def lists(entries: Iterable[Sequence[int]]) -> tuple[Words, Words]:
    """Lists as one array and where each begins (one entry more than lists)."""
    found = [list(entry) for entry in entries]
    starts = np.cumsum([0, *(len(entry) for entry in found)]).astype(np.uint64)
    return starts, np.array([x for entry in found for x in entry], dtype=np.uint64)


def spans(bounds: Sequence[Words]) -> Words:
    """Where lists begin and end, owner by owner; of each kind of list: where those of the owners begin, and the end."""
    assert 2 * len(bounds) == SPANS
    return np.ascontiguousarray(np.stack([x for starts in bounds for x in (starts[:-1], starts[1:])], axis=1)).ravel()
