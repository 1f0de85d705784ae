"""The kinds of single values in a scenario file, each with a check whose complaint says what is wanted."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from sim.model.expressions import FUNCTIONS
from sim.scenario import quantities
from sim.scenario.quantities import QuantityError
from sim.scenario.reading import HIDDEN

MAX_TEXT: Final = 2_000
MAX_NAME: Final = 64
_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: Words of the expression language, which no name may take.
RESERVED: Final = frozenset(
    (
        *("and", "or", "not", "is", "below", "above", "at", "least", "most", "yes", "no", "true", "false"),
        *("always", "capped", "each", *FUNCTIONS),
    )
)


def checker(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A check whose complaint becomes the message."""

    def run(value: Any) -> Any:
        try:
            return check(value)
        except QuantityError as error:
            raise PydanticCustomError("scenario", "{why}", {"why": str(error)}) from None

    return run


def checked(check: Callable[[Any], Any]) -> BeforeValidator:
    """The check as something to annotate a type with."""
    return BeforeValidator(checker(check))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise QuantityError("a text is wanted; put it in quotes")
    if HIDDEN.search(value):
        raise QuantityError("an invisible control character; delete it")
    if not value.strip() or len(value) > MAX_TEXT:
        raise QuantityError(f"a text of 1 to {MAX_TEXT} characters is wanted")
    return " ".join(value.split())


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > MAX_NAME:
        raise QuantityError(f"a name is wanted: small letters, digits and _, a letter first, at most {MAX_NAME}")
    if value in RESERVED:
        raise QuantityError("this word has a meaning in conditions; choose another name")
    return value


def _action(value: Any) -> str:
    actor, dot, verb = str(value).partition(".")
    if not dot or not _NAME.fullmatch(actor) or not _NAME.fullmatch(verb) or len(verb) > MAX_NAME:
        raise QuantityError("an action is called actor.verb, in small letters, such as usa.decides")
    return str(value)


def _whole(value: Any) -> int:
    number = quantities.number(value)
    if number != int(number):
        raise QuantityError("a whole number is wanted")
    return int(number)


def _truth(value: Any) -> bool:
    if value in (True, "yes"):
        return True
    if value in (False, "no"):
        return False
    raise QuantityError("yes or no is wanted")


def scalar(value: Any) -> Any:
    """Any single value. Raises QuantityError for a list, a mapping, or a number that is not finite."""
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float):
        raise QuantityError("one value is wanted, not a list or a mapping")
    if not abs(value) <= quantities.MAX_NUMBER:  # also true of nan
        raise QuantityError("not a finite number of sensible size")
    return value


Text = Annotated[str, checked(_text)]
Name = Annotated[str, checked(_name)]
ActionName = Annotated[str, checked(_action)]
Whole = Annotated[int, checked(_whole)]
Number = Annotated[float, checked(quantities.number)]
Truth = Annotated[bool, checked(_truth)]
Date = Annotated[datetime.date, checked(quantities.day)]
Days = Annotated[float, BeforeValidator(checker(quantities.duration), json_schema_input_type=float | str)]
#: A number, a quantity, a name, an expression or a condition: read when its meaning is known.
Value = Annotated[str | int | float | bool, checked(scalar)]
