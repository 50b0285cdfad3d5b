"""The errors of pydantic that name a cause."""

from typing import TYPE_CHECKING

from pydantic import ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def causes(error: ValidationError) -> "list[ErrorDetails]":
    """Leave out errors that only follow from others: a list whose only item is refused is reported as empty too."""
    errors = error.errors()
    around = {one["loc"][:depth] for one in errors for depth in range(len(one["loc"]))}
    return [one for one in errors if one["loc"] not in around]
