"""Test data with defaults: a test names only what it is about."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.libs.runtime.lambda_types import SqsEvent, SqsRecord
from services.order_service.domain import PlacedOrder, expire
from services.order_service.domain import decide as decide_order
from services.order_service.service import OrderService
from services.payment_service.domain import refunded
from services.payment_service.service import PaymentService
from services.shared.causes import Cause
from services.shared.commits import Commit, sku_stream
from services.shared.events.catalog import ProductInventoryUpdated
from services.shared.events.order import ForcedResult
from services.shared.events.payment import RefundRequested
from services.shared.inventory import MAIN_WAREHOUSE, Move, Product, StockItem, StockMove

NOW = datetime(2026, 1, 1, 12, 0, 0, 123000, tzinfo=UTC)
PAYMENT_TIMEOUT = timedelta(minutes=15)
CAUSE = Cause(event_id="event-1", correlation_id="correlation-1", at=NOW)


def stock_item(sku: str = "prod-001", stock: int = 10, reserved: int = 0, **product: str | int) -> StockItem:
    return StockItem(
        sku=sku,
        product=Product(
            name=str(product.get("name", f"Product {sku}")),
            price_minor=int(product.get("price_minor", 500)),
            currency=str(product.get("currency", "GBP")),
            warehouse=str(product.get("warehouse", MAIN_WAREHOUSE)),
        ),
        stock=stock,
        reserved=reserved,
        available=stock - reserved,
    )


def inventory(*items: StockItem) -> dict[str, StockItem]:
    return {item.sku: item for item in items}


def placed_order(
    order_id: str = "order-1", quantities: Mapping[str, int] | None = None, forced: ForcedResult | None = None
) -> PlacedOrder:
    return PlacedOrder(order_id, "customer-1", quantities or {"prod-001": 2}, forced)


def decide(order: PlacedOrder, stock: Mapping[str, StockItem], cause: Cause = CAUSE) -> Commit:
    return decide_order(order, stock, cause, PAYMENT_TIMEOUT)


def place(service: OrderService, order: PlacedOrder, cause: Cause = CAUSE) -> None:
    """Place one order, and raise what its outcome is."""
    _raise(service.place_all([(order, cause)]))


def conclude(service: OrderService, order_id: str, cause: Cause = CAUSE) -> None:
    _raise(service.conclude_all([(order_id, cause)]))


def pay(service: PaymentService, order_id: str, cause: Cause = CAUSE) -> None:
    _raise(service.pay_all([(order_id, cause)]))


def _raise(outcomes: Sequence[Exception | None]) -> None:
    (outcome,) = outcomes
    if outcome:
        raise outcome


def seeding(
    sku: str = "prod-001", stock: int = 10, version: int = 1, delta: int | None = None, **product: str | int
) -> Commit:
    fields: dict[str, str | int] = {"sku": sku, "name": f"Product {sku}", "price_minor": 500, "currency": "GBP"}
    fields |= {"stock": stock, "stock_delta": stock if delta is None else delta, **product}
    seeded = ProductInventoryUpdated.of(fields)
    return Commit(sku_stream(sku), version, (seeded,), CAUSE, StockMove(Move.ADJUST))


def refund(accepted: Commit, refunded_minor: int, cause: Cause = CAUSE) -> Commit:
    """The refund of an order whose payment ran out of time."""
    assert accepted.due_at
    expired = expire(accepted, accepted.due_at)
    return refunded([accepted, expired], expired.get(RefundRequested), refunded_minor, cause)


def event_body(event_type: str, **detail: object) -> str:
    """Make the body of an SQS message as EventBridge writes it."""
    return json.dumps({"id": "bridge-1", "detail-type": event_type, "source": "order.service", "detail": detail})


def order_placed(order_id: str = "order-1", **detail: object) -> str:
    fields: dict[str, object] = {
        "orderId": order_id,
        "customerId": "customer-1",
        "items": [{"sku": "prod-001", "quantity": 2}],
    }
    return event_body("OrderPlaced", **(fields | detail))


def sqs_event(*bodies: str) -> SqsEvent:
    records: list[SqsRecord] = [
        {
            "messageId": f"message-{number}",
            "body": body,
            "eventSourceARN": "arn:aws:sqs:eu-west-2:123456789012:test-queue",
        }
        for number, body in enumerate(bodies, start=1)
    ]
    return {"Records": records}


@dataclass
class Context:
    """A Lambda context with time left."""

    remaining_milliseconds: int = 10_000
    function_name: str = "test-function"
    aws_request_id: str = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_milliseconds


def alarm_message(**fields: object) -> str:
    """Make a CloudWatch alarm's message as SNS hands it on raw."""
    alarm: dict[str, object] = {
        "AlarmName": "dev-DeadLettersNotEmpty-order-dlq",
        "AlarmDescription": "Messages in dev-order-dlq were given up. Runbook: docs/runbook.md#deadlettersnotempty",
        "AWSAccountId": "123456789012",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed: 1 datapoint [1.0] was greater than the threshold (0.0).",
        "StateChangeTime": "2026-01-01T12:00:00.123+0000",
        "Region": "EU (London)",
        "OldStateValue": "OK",
    }
    return json.dumps(alarm | fields)
