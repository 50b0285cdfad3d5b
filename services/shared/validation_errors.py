"""The errors of pydantic that name a cause, and their words."""

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails


def causes(error: ValidationError) -> "list[ErrorDetails]":
    """Leave out errors that only follow from others: a list whose only item is refused is reported as empty too."""
    errors = error.errors()
    around = {one["loc"][:depth] for one in errors for depth in range(len(one["loc"]))}
    return [one for one in errors if one["loc"] not in around]


def message_of(error: "Mapping[str, Any] | ErrorDetails") -> str:
    """Say what to do about a field that is unknown, missing or no list, and whatever pydantic says about others."""
    if error["type"] == "extra_forbidden":
        return "there is no such field: leave it out"
    if error["type"] == "missing":
        return "it is required"
    if error["type"] == "tuple_type":
        return "a list is needed"
    return str(error["msg"])
