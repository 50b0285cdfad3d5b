"""Parse the events on the queues: EventBridge's envelope, and the fields that every event's detail has."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, ValidationError

from services.libs.messaging.messages import Message, rejected, validate, validate_json
from services.shared.causes import Cause
from services.shared.events.event import Event, UnknownEventError, event_type
from services.shared.events.order import OrderReference
from services.shared.rejections import RejectedError, RejectionReason

# Ids that are only passed on. Ours look like `order#<id>/<version>/<index>`, other producers have their own form.
TraceId = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=200)]

E = TypeVar("E", bound=Event)


def parse_message(body: str, now: datetime) -> Message:
    """Raise RejectedError if the body is not an event in our form."""
    envelope = validate_json(_Envelope, body)
    metadata = validate(EventDetail, envelope.detail).metadata or _Metadata()
    newest = _newest_schema(envelope.detail_type)
    if metadata.schema_version > newest:
        detail = f"metadata.schemaVersion: unknown schema version, {newest} is the newest"
        raise RejectedError(RejectionReason.VALIDATION_ERROR, detail)
    cause = Cause(
        event_id=metadata.event_id or envelope.id,
        correlation_id=metadata.correlation_id or envelope.id,
        at=now,
    )
    about = _order_id(envelope.detail)
    return Message(envelope.detail_type, envelope.detail, cause, metadata.schema_version, about)


def event_in(message: Message, kind: type[E]) -> E:
    """Read the message as an event of this type; raise RejectedError if a field is missing or wrong."""
    try:
        return kind.of(message.detail, message.schema_version)
    except ValidationError as error:
        raise rejected(error) from None  # its text quotes the input
    except (KeyError, TypeError, ValueError):
        # An upcaster missed a field that it reads, or found another type.
        detail = f"detail: not version {message.schema_version} of {kind.type_name()}"
        raise RejectedError(RejectionReason.VALIDATION_ERROR, detail) from None


def order_id(message: Message) -> str:
    """The id of the event's order; raise RejectedError if it has none."""
    return validate(OrderReference, message.detail).order_id


def _order_id(detail: Mapping[str, object]) -> str:
    """The id for the logs: empty if it is malformed, so that no other content is logged."""
    try:
        return OrderReference.model_validate(detail).order_id
    except ValidationError:
        return ""


def _newest_schema(name: str) -> int:
    try:
        return event_type(name).SCHEMA_VERSION
    except UnknownEventError:
        return 1


class _Part(BaseModel):
    # Built with the first message, not at the cold start.
    model_config = ConfigDict(defer_build=True)


class _Metadata(_Part):
    event_id: TraceId | None = Field(None, alias="eventId")
    correlation_id: TraceId | None = Field(None, alias="correlationId")
    schema_version: Annotated[StrictInt, Field(ge=1)] = Field(1, alias="schemaVersion")


class EventDetail(_Part):
    """The part of the detail that every event has."""

    metadata: _Metadata | None = None


class _Envelope(_Part):
    id: TraceId
    detail_type: str = Field(alias="detail-type")
    detail: Mapping[str, object]
