"""One dead letter: why it is here, and the parts of it that go back to the queue that it came from."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import AfterValidator, AliasPath, AwareDatetime, BaseModel, Field, ValidationError

from services.shared.causes import timestamp
from services.shared.deadlines import DEADLINES_PASSED
from services.shared.events import every
from services.shared.events.event import Identifier, event_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef, MessageTypeDef

# The attributes that a service adds when it rejects a message, and EventBridge when it cannot deliver one:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
_REJECTION = ("reason", "detail", "message_id", "source_arn", "function_name")
_RULE_FAILURE = (
    "RULE_ARN", "TARGET_ARN", "ERROR_CODE", "ERROR_MESSAGE", "EXHAUSTED_RETRY_CONDITION", "RETRY_ATTEMPTS",
)  # fmt: skip

EVENTS = every.MODULES

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    message_id: str
    body: str
    attributes: "Mapping[str, MessageAttributeValueOutputTypeDef]"
    sent_at: datetime
    """When it was sent to the queue that gave it up, or by a service itself to this one."""

    @classmethod
    def of(cls, message: "MessageTypeDef") -> "DeadLetter":
        sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
        return cls(message["MessageId"], message["Body"], message.get("MessageAttributes", {}), sent_at)

    @property
    def is_permanent(self) -> bool:
        """Whether a service sent it here itself, as one that can never succeed."""
        return "reason" in self.attributes

    @property
    def own_attributes(self) -> "dict[str, MessageAttributeValueOutputTypeDef]":
        """Those that do not say why it is here: SQS keeps attributes, and another failure would seem to be this one."""
        added = {*_REJECTION, *_RULE_FAILURE}
        return {name: value for name, value in self.attributes.items() if name not in added}

    @property
    def order_id(self) -> str:
        event = _read(_Event, self.body)
        return event.order_id or "" if event else ""

    @property
    def event_type(self) -> str:
        """The `detail-type` of the event in the body; empty where there is no event of a known type."""
        event = _read(_Event, self.body)
        return event.event_type if event else ""

    def attribute(self, name: str) -> str:
        return self.attributes[name].get("StringValue", "") if name in self.attributes else ""

    def explain(self) -> tuple[str, str]:
        """The cause, one text for all messages that share it, and a detail of this message.

        Lambda's body: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html.
        """
        if self.is_permanent:
            return f"rejected: {self.attribute('reason')} (permanent)", self.attribute("detail")
        if "ERROR_CODE" in self.attributes:
            rule, target = (self.attribute(name).split(":")[-1] for name in ("RULE_ARN", "TARGET_ARN"))
            cause = f"rule target's failure: {self.attribute('ERROR_CODE')}"
            return cause, f"{rule} to {target}: {self.attribute('ERROR_MESSAGE')}"
        if given_up := _read(_GivenUp, self.body):
            since = timestamp(given_up.first_arrival)
            return "stream records given up", f"invoke recover.relay-catchup --since {since}"
        return "retries exhausted", self.event_type


def _known(name: str) -> str:
    """Another name could be anything."""
    return name if name == DEADLINES_PASSED else event_type(name).type_name()


class _Event(BaseModel):
    event_type: Annotated[str, AfterValidator(_known)] = Field(alias="detail-type")
    order_id: Identifier | None = Field(None, validation_alias=AliasPath("detail", "orderId"))


class _GivenUp(BaseModel):
    first_arrival: AwareDatetime = Field(
        validation_alias=AliasPath("DDBStreamBatchInfo", "approximateArrivalOfFirstRecord")
    )


def _read(model: type[Model], body: str) -> Model | None:
    try:
        return model.model_validate_json(body)
    except ValidationError:
        return None
