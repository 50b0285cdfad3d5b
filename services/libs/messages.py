"""What arrives on the queues: the EventBridge envelope and what every event's detail shares."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StrictInt, StringConstraints, ValidationError

from services.shared.commits import Cause
from services.shared.rejections import RejectedError, RejectionReason

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=128)]
# Ids that are only handed on: ours read `order#<id>/<version>/<index>`, other producers have their own form.
TraceId = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=200)]

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Message:
    event_type: str
    detail: Mapping[str, object]
    cause: Cause


class OrderReference(BaseModel):
    """All that is read of an event about an order: what it says stands in the event store."""

    order_id: Identifier = Field(alias="orderId")


def parse_message(body: str, now: datetime) -> Message:
    """Raise RejectedError where the body is not an event in our form."""
    envelope = validate_json(_Envelope, body)
    metadata = validate(_Detail, envelope.detail).metadata
    cause = Cause(
        event_id=metadata.event_id or envelope.id,
        correlation_id=metadata.correlation_id or envelope.id,
        at=now,
    )
    return Message(envelope.detail_type, envelope.detail, cause)


def validate(model: type[Model], detail: Mapping[str, object]) -> Model:
    try:
        return model.model_validate(detail)
    except ValidationError as error:
        raise _rejected(error) from error


def validate_json(model: type[Model], body: str) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _rejected(error) from error


def _rejected(error: ValidationError) -> RejectedError:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    detail = "; ".join(f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}" for problem in problems[:5])
    return RejectedError(RejectionReason.VALIDATION_ERROR, detail)


def _known_schema(version: int) -> int:
    if version != 1:
        raise ValueError("unknown schema version, 1 is the only one")
    return version


class _Metadata(BaseModel):
    event_id: TraceId | None = Field(None, alias="eventId")
    correlation_id: TraceId | None = Field(None, alias="correlationId")
    causation_id: TraceId | None = Field(None, alias="causationId")
    occurred_at: AwareDatetime | None = Field(None, alias="occurredAt")
    schema_version: Annotated[StrictInt, AfterValidator(_known_schema)] = Field(1, alias="schemaVersion")


class _Detail(BaseModel):
    metadata: _Metadata = Field(default_factory=_Metadata)


class _Envelope(BaseModel):
    id: TraceId
    detail_type: str = Field(alias="detail-type")
    detail: Mapping[str, object]
