"""The wrong fields of a request, named as the client knows them, without the values that it sent."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.shared.validation_errors import message_of

_MOST_NAMED = 20
_SHOWN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_HEADERS = {"if-match": "If-Match", "idempotency-key": "Idempotency-Key"}


class FieldProblem(BaseModel):
    """A wrong field: a header, a parameter, or a path into the body such as `lines.0.quantity`."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    field: str
    message: str


def field_problems(errors: Sequence[Mapping[str, Any]]) -> list[FieldProblem]:
    """Take the errors of pydantic; those that only follow from others are left out."""
    around = {one["loc"][:depth] for one in errors for depth in range(len(one["loc"]))}
    named = [one for one in errors if one["loc"] not in around][:_MOST_NAMED]
    return [FieldProblem(field=_name(one["loc"]), message=message_of(one)) for one in named]


def _name(place: tuple[str | int, ...]) -> str:
    where, *path = (str(part) for part in place)
    if where == "header":
        return _HEADERS.get(path[0], path[0])
    # An unknown field has a name of the client's own making.
    return ".".join(part if _SHOWN_NAME.fullmatch(part) else "?" for part in path) or where
