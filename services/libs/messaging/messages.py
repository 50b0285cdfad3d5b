"""A message from a queue, and the validation of its content."""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from services.shared.causes import Cause
from services.shared.rejections import RejectedError, RejectionReason
from services.shared.validation_errors import causes

Model = TypeVar("Model", bound=BaseModel)


class Message(NamedTuple):
    event_type: str
    detail: Mapping[str, object]
    cause: Cause
    schema_version: int = 1
    order_id: str = ""
    """The id of its order, for the logs; empty if it has none."""


def validate(model: type[Model], detail: Mapping[str, object]) -> Model:
    """Raise RejectedError if the model refuses the content."""
    try:
        return model.model_validate(detail)
    except ValidationError as error:
        raise rejected(error) from None  # its text quotes the input


def validate_json(model: type[Model], body: str) -> Model:
    """Raise RejectedError if the model refuses the body."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise rejected(error) from None


def rejected(error: ValidationError) -> RejectedError:
    named = causes(error)[:5]
    detail = "; ".join(f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}" for problem in named)
    return RejectedError(RejectionReason.VALIDATION_ERROR, detail)
