"""The buses and the queues between the services: every message that is on its way."""

import json
from collections import deque
from collections.abc import Mapping, Sequence

from botocore.exceptions import ClientError

from services.shared.deadlines import DEADLINES_PASSED
from services.shared.events.event import Bus, event_type, type_names
from services.shared.events.fulfilment import ShipmentCreated, ShipmentDelivered, ShipmentTracked
from services.shared.events.order import OrderConfirmed
from services.shared.events.payment import PaymentFailed, PaymentProcessed, PaymentRequested, RefundRequested
from services.shared.shipment_lifecycle import SHIPMENT_PREFIX
from tests.factories import event_body

CONSUMED = type_names(
    (
        PaymentRequested,
        PaymentProcessed,
        PaymentFailed,
        RefundRequested,
        OrderConfirmed,
        ShipmentCreated,
        ShipmentTracked,
        ShipmentDelivered,
    )
)
"""The events that a service receives, from another."""
TELLING_CALLS = ("send_message_batch",)
PARCELS_DUE = "DeadlinesPassed, of parcels"
_HANDLED_AS = {PaymentFailed.type_name(): PaymentProcessed.type_name()} | {
    ShipmentDelivered.type_name(): ShipmentTracked.type_name()
}


def kind(body: str) -> str:
    """What handles the message: both outcomes of a payment are handled together, and all news of parcels."""
    message = json.loads(body)
    return kind_of(message["detail-type"], message["detail"])


def kind_of(name: str, detail: Mapping[str, object]) -> str:
    if name == DEADLINES_PASSED and SHIPMENT_PREFIX in str(detail["streamIds"]):
        return PARCELS_DUE
    return _HANDLED_AS.get(name, name)


class Buses:
    """EventBridge: takes the entries that it does not refuse, and routes them as the rules do."""

    def __init__(self, queue: list[str]) -> None:
        self.refusals: deque[bool] = deque()
        self._queue = queue

    def put_events(self, **request: Sequence[Mapping[str, str]]) -> dict[str, object]:
        results = [self._put(entry) for entry in request["Entries"]]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def _put(self, entry: Mapping[str, str]) -> dict[str, str]:
        if self.refusals and self.refusals.popleft():
            return {"ErrorCode": "InternalFailure"}
        assert Bus(entry["EventBusName"]) is event_type(entry["DetailType"]).BUS, f"published on the wrong bus: {entry}"
        if entry["DetailType"] in CONSUMED:
            self._queue.append(event_body(entry["DetailType"], **json.loads(entry["Detail"])))
        return {"EventId": "bridge-1"}

    @staticmethod
    def refused(**_: object) -> ClientError:
        return ClientError({"Error": {"Code": "ThrottlingException", "Message": "throttled"}}, "PutEvents")


class Queues:
    """SQS, for the sweeper."""

    def __init__(self, queue: list[str]) -> None:
        self._queue = queue

    def send_message_batch(self, **request: Sequence[Mapping[str, str]]) -> dict[str, object]:
        self._queue += [entry["MessageBody"] for entry in request["Entries"]]
        return {}

    @staticmethod
    def refused(**_: object) -> ClientError:
        return ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "away"}}, "SendMessageBatch")
