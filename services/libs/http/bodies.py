"""JSON bodies: strict parsing, and the base classes of what a request and an answer hold."""

import json
from collections.abc import Iterator, Sequence
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from services.libs.http.problems import ProblemError, wrong_field

LARGEST_BODY_BYTES = 32 * 1024
_LARGEST_INTEGER = 2**53 - 1
"""What every JSON parser reads exactly."""


class RequestBody(BaseModel):
    """Camel case on the wire. An unknown field is refused: a misspelt one must not pass for an omitted one.

    Declare integers as StrictInt and booleans as StrictBool: otherwise `"1"` is one too.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, hide_input_in_errors=True, defer_build=True
    )


class ResponseBody(BaseModel):
    """Camel case on the wire, snake case in Python. A client ignores the fields that it does not know."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, defer_build=True
    )


def form(needed: str) -> WrapValidator:
    """Say in these words that a text does not match its pattern: the expression itself tells people nothing."""

    def validate(value: object, inner: ValidatorFunctionWrapHandler) -> object:
        try:
            return inner(value)
        except ValidationError as error:
            if error.errors(include_input=False)[0]["type"] == "string_pattern_mismatch":
                raise PydanticCustomError("form", needed) from None
            raise

    return WrapValidator(validate)


ONE_LINE_NEEDED = form("one line is needed, without control characters")


def parse_object(text: str) -> dict[str, object]:
    """Parse a JSON object; raise ProblemError for anything that other parsers would read differently, or not at all."""
    try:
        parsed = json.loads(text, parse_constant=_no_constant, parse_int=_integer, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
    if not isinstance(parsed, dict):
        raise wrong_field("body", "a JSON object is needed")
    for each in _texts(parsed):
        if "\0" in each or any("\ud800" <= character <= "\udfff" for character in each):
            raise wrong_field("body", "it has a character that is no text: NUL, or half of a surrogate pair")
    return parsed


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > len(str(-_LARGEST_INTEGER)) or abs(int(digits)) > _LARGEST_INTEGER:
        raise wrong_field("body", f"it has an integer beyond {_LARGEST_INTEGER}")
    return int(digits)


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise wrong_field("body", "a field is given twice")
    return found


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value, names of fields included. It does not recurse: a body may be deeply nested."""
    left = [value]
    while left:
        match left.pop():
            case str(text):
                yield text
            case list(elements):
                left += elements
            case dict(fields):
                left += [*fields, *fields.values()]
