"""What arrives on the queues: the EventBridge envelope and what every event's detail shares."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, Field, StrictInt, StringConstraints, ValidationError

from services.shared.commits import Cause
from services.shared.rejections import RejectedError, RejectionReason

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=128)]
# Ids that are only handed on: ours read `order#<id>/<version>/<index>`, other producers have their own form.
TraceId = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=200)]

_ORDER_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Message:
    event_type: str
    detail: Mapping[str, object]
    cause: Cause

    @property
    def order_id(self) -> str:
        """The order that it is about, for the logs: empty where what stands there is no id, and could be anything."""
        order_id = self.detail.get("orderId")
        return order_id if isinstance(order_id, str) and _ORDER_ID.fullmatch(order_id) else ""


class OrderReference(BaseModel):
    """All that is read of an event about an order: what it says stands in the event store."""

    order_id: Identifier = Field(alias="orderId")


def order_id(message: Message) -> str:
    """Raise RejectedError where the event is about no order."""
    return validate(OrderReference, message.detail).order_id


def parse_message(body: str, now: datetime) -> Message:
    """Raise RejectedError where the body is not an event in our form."""
    envelope = validate_json(_Envelope, body)
    metadata = validate(EventDetail, envelope.detail).metadata or _Metadata()
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
        raise _rejected(error) from None  # its text quotes what was sent


def validate_json(model: type[Model], body: str) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _rejected(error) from None


def _rejected(error: ValidationError) -> RejectedError:
    problems = error.errors()
    detail = "; ".join(f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}" for problem in problems[:5])
    return RejectedError(RejectionReason.VALIDATION_ERROR, detail)


def _known_schema(version: int) -> int:
    if version != 1:
        raise ValueError("unknown schema version, 1 is the only one")
    return version


class _Metadata(BaseModel):
    event_id: TraceId | None = Field(None, alias="eventId")
    correlation_id: TraceId | None = Field(None, alias="correlationId")
    schema_version: Annotated[StrictInt, AfterValidator(_known_schema)] = Field(1, alias="schemaVersion")


class EventDetail(BaseModel):
    """What every event's detail has, whatever it is about."""

    metadata: _Metadata | None = None


class _Envelope(BaseModel):
    id: TraceId
    detail_type: str = Field(alias="detail-type")
    detail: Mapping[str, object]
