"""The order service's routes, as the gateway calls them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.libs.store.customer_orders import Undecided
from services.libs.store.event_store import EventStore
from services.order_service import api
from services.order_service.domain import expire
from services.order_service.order_reader import OrderReader
from services.shared.cart_lifecycle import cart_stream
from services.shared.commits import Commit
from services.shared.events.cart import CartCheckoutInitiated
from services.shared.events.order import FulfilmentStarted, OrderPlaced
from services.shared.order_state import Order
from services.shared.shipment_lifecycle import BOOKED, LOST, PICKED_UP
from services.shared.shipment_lifecycle import DELIVERED as AT_HOME
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, seeding
from tests.unit.conftest import EVENT_STORE_TABLE, Aws
from tests.unit.services.http.shop import CLAIMS, STAFF_CLAIMS, Answer, answer_of, request
from tests.unit.services.lives import (
    AMOUNT_MINOR,
    FIRST,
    SECOND,
    History,
    concluded,
    created,
    delivered,
    followed,
    goods,
    in_fulfilment,
    parcel_at,
    received,
    refund_failed,
    refund_made,
    refused,
    reserved,
    returning,
    settled,
    shipped,
)

ANOTHER = CLAIMS | {"customer_id": "customer-2"}
ORDER, CANCELLATION, RETURNS = "/v1/orders/order-1", "/v1/orders/order-1/cancellation", "/v1/orders/order-1/returns"
RECEIPT = "/v1/orders/order-1/returns/return-1/receipt"
STREAM = "order#order-1"
ONE = {"lines": [{"sku": "prod-001", "quantity": 1}]}
CAME = {**ONE, "restock": []}
COMMANDS = [(CANCELLATION, None, CLAIMS), (RETURNS, ONE, CLAIMS), (RECEIPT, CAME, STAFF_CLAIMS)]

_HASH = "0" * 24

pytestmark = pytest.mark.usefixtures("environment")


def _call(method: str, path: str, body: object = None, claims: Mapping[str, object] = CLAIMS, **more: Any) -> Answer:  # noqa: ANN401 - a part of a request
    return answer_of(api.handler, request(method, path, body, claims=claims, **more))


def _get(claims: Mapping[str, object] = CLAIMS, **query: str) -> Answer:
    return _call("GET", ORDER, claims=claims, query=query)


def _post(
    path: str,
    body: object = None,
    claims: Mapping[str, object] = CLAIMS,
    key: str = "key-1",
    if_match: str | None = None,
) -> Answer:
    headers = {"idempotency-key": key, **({"if-match": if_match} if if_match else {})}
    return _call("POST", path, body, claims, headers=headers)


def _write(aws: Aws, history: History, ago: timedelta = timedelta(minutes=1)) -> None:
    """Write a history of the tests' time as if it had happened so long ago."""
    aws.store.append(seeding("prod-001", stock=10, price_minor=500))
    aws.store.append(seeding("prod-002", stock=10, price_minor=700))
    _append(aws, history, ago)
    if any(commit.find(FulfilmentStarted) for commit in history):
        _append(aws, created(), ago)


def _append(aws: Aws, history: Iterable[Commit], ago: timedelta = timedelta(minutes=1)) -> None:
    later = datetime.now(UTC) - ago - NOW
    for commit in history:
        due_at = commit.due_at + later if commit.due_at else None
        aws.store.append(replace(commit, cause=replace(commit.cause, at=commit.cause.at + later), due_at=due_at))


def _commits(aws: Aws) -> History:
    return aws.store.read(STREAM)


def _check_out(aws: Aws, ago: timedelta = timedelta(seconds=1)) -> str:
    """Check the customer's cart out as its second version; return the order's id."""
    order_id = f"c2-{_HASH}"
    checkout = CartCheckoutInitiated(
        customer_id="customer-1", order_id=order_id, shown_total_minor=1000, currency="GBP"
    )
    placed = OrderPlaced.of(
        {
            "orderId": order_id,
            "customerId": "customer-1",
            "items": [{"sku": "prod-001", "quantity": 2}],
            "shownTotalMinor": 1000,
            "currency": "GBP",
        }
    )
    cause = replace(CAUSE, at=datetime.now(UTC) - ago)
    aws.store.append(Commit(cart_stream("customer-1"), 2, (checkout, placed), cause))
    return order_id


def test_a_customer_sees_an_order_with_its_prices_and_its_version(aws: Aws) -> None:
    _write(aws, reserved())

    answer = _get()

    assert (answer.status, answer.headers["etag"]) == (200, '"1"')
    assert answer.content["orderId"] == "order-1"
    assert answer.content["status"] == "awaiting_payment"
    assert answer.content["waitsFor"] == ["payment"]
    assert answer.content["actions"] == ["cancel"]
    assert (answer.content["amountMinor"], answer.content["currency"]) == (AMOUNT_MINOR, "GBP")
    assert answer.content["lines"] == [
        {"sku": "prod-001", "quantity": 2, "unitPriceMinor": 500},
        {"sku": "prod-002", "quantity": 3, "unitPriceMinor": 700},
    ]
    assert answer.content["customerId"] is None
    assert answer.content["times"]["acceptedAt"]
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("history", "status", "waits_for", "actions"),
    [
        (settled(), "paid", ["confirmation"], ["cancel"]),
        (settled(pays=False), "payment_failed", ["cancellation"], []),
        (concluded(), "confirmed", ["fulfilment"], ["cancel"]),
        (concluded(pays=False), "cancelled", [], []),
        (delivered(), "delivered", [], ["return"]),
        (returning(delivered()), "delivered", ["returned_goods"], ["return"]),
        (returning(delivered(), prod_001=2, prod_002=3), "delivered", ["returned_goods"], []),
        (received(returning(delivered()), goods(prod_001=1)), "delivered", ["refund"], ["return"]),
    ],
)
def test_each_phase_has_a_name_for_customers(
    aws: Aws, history: History, status: str, waits_for: list[str], actions: list[str]
) -> None:
    _write(aws, history)

    content = _get().content

    assert (content["status"], content["waitsFor"], content["actions"]) == (status, waits_for, actions)


def test_goods_cannot_be_returned_after_the_window(aws: Aws) -> None:
    _write(aws, delivered(), ago=timedelta(days=30, seconds=1))

    assert _get().content["actions"] == []
    assert _post(RETURNS, ONE).status == 409


def test_an_order_that_was_refused_says_why_and_has_no_price(aws: Aws) -> None:
    _write(aws, refused())

    content = _get().content

    assert (content["status"], content["cancelReason"], content["amountMinor"]) == ("cancelled", "unknown_sku", None)
    assert content["lines"][0] == {"sku": "prod-001", "quantity": 2, "unitPriceMinor": None}
    assert content["times"]["cancelledAt"]


def test_an_order_shows_its_parcels_on_their_way(aws: Aws) -> None:
    _write(aws, shipped())
    booked = _booked(aws, FIRST)
    _append(aws, [parcel_at(PICKED_UP, booked)])

    first, second = _get().content["parcels"]

    assert (first["shipmentId"], first["state"], first["trackingNumber"]) == (FIRST, "picked_up", "label-1")
    assert first["lines"] == [{"sku": "prod-001", "quantity": 2}]
    assert (second["shipmentId"], second["state"], second["trackingNumber"]) == (SECOND, "created", None)


def _booked(aws: Aws, shipment_id: str) -> History:
    """Book the parcel, and return its history."""
    history = aws.store.read(f"shipment#{shipment_id}")
    booked = parcel_at(BOOKED, history)
    (event,) = booked.events
    _append(aws, [replace(booked, events=(event.model_copy(update={"tracking_number": "label-1"}),))])
    return aws.store.read(f"shipment#{shipment_id}")


def test_a_parcel_that_was_lost_is_still_shown_and_refunded(aws: Aws) -> None:
    history = followed(in_fulfilment(), LOST, AT_HOME)
    _write(aws, refund_made(history))
    _append(aws, [parcel_at(LOST, aws.store.read(f"shipment#{FIRST}"))])

    content = _get().content

    assert [parcel["state"] for parcel in content["parcels"]] == ["lost", "created"]
    assert content["refunds"] == [
        {"refundId": "order-1-parcel-1", "status": "refunded", "reason": "undeliverable", "amountMinor": 1000}
    ]


def test_a_refund_that_failed_waits(aws: Aws) -> None:
    _write(aws, refund_failed(received(returning(delivered()), goods(prod_001=1))))

    content = _get().content

    assert content["waitsFor"] == ["refund"]
    assert [refund["status"] for refund in content["refunds"]] == ["failed"]


@pytest.mark.parametrize(("path", "body", "claims"), [(ORDER, None, ANOTHER), *COMMANDS])
def test_an_unknown_order_is_not_found(path: str, body: object, claims: Mapping[str, object]) -> None:
    method = "GET" if path == ORDER else "POST"

    answer = _call(method, path, body, claims, headers={"idempotency-key": "key-1"})

    assert (answer.status, answer.content["detail"]) == (404, "there is no order order-1")


@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", ORDER, None), *[("POST", *one[:2]) for one in COMMANDS[:2]]]
)
@pytest.mark.parametrize("history", [reserved(), refused(), delivered()], ids=["reserved", "refused", "delivered"])
def test_another_customers_order_is_as_an_unknown_one(
    aws: Aws, history: History, method: str, path: str, body: object
) -> None:
    unknown = _call(method, path, body, ANOTHER, headers={"idempotency-key": "key-1"})
    _write(aws, history)

    answer = _call(method, path, body, ANOTHER, headers={"idempotency-key": "key-1", "if-match": '"7"'})

    assert (answer.status, answer.content) == (404, unknown.content)
    assert len(_commits(aws)) == len(history)


def test_staff_sees_every_order_and_whose_it_is(aws: Aws) -> None:
    _write(aws, reserved())

    answer = _get(STAFF_CLAIMS)

    assert (answer.status, answer.content["customerId"]) == (200, "customer-1")


def test_staff_cancels_no_order_of_a_customer(aws: Aws) -> None:
    _write(aws, reserved())

    assert _post(CANCELLATION, claims=STAFF_CLAIMS).status == 404


def test_only_staff_takes_a_return_in(aws: Aws) -> None:
    _write(aws, returning(delivered()))

    assert _post(RECEIPT, CAME).status == 403
    assert len(_commits(aws)) == 7


def test_an_order_that_is_not_decided_yet_is_there(aws: Aws) -> None:
    order_id = _check_out(aws)

    answer = _call("GET", f"/v1/orders/{order_id}")

    assert answer.status == 200
    assert answer.headers.items() >= {"etag": '"0"', "retry-after": "1"}.items()
    assert (answer.content["status"], answer.content["waitsFor"]) == ("placed", ["decision"])
    assert (answer.content["shownTotalMinor"], answer.content["currency"]) == (1000, "GBP")
    assert answer.content["lines"] == [{"sku": "prod-001", "quantity": 2, "unitPriceMinor": None}]
    assert answer.content["times"]["placedAt"]
    assert answer.content["customerId"] is None


@pytest.mark.parametrize(("minutes", "status", "again"), [(14, "placed", "1"), (16, "stalled", "60")])
def test_an_order_that_should_have_been_decided_is_stalled(aws: Aws, minutes: int, status: str, again: str) -> None:
    order_id = _check_out(aws, timedelta(minutes=minutes))

    answer = _call("GET", f"/v1/orders/{order_id}")

    assert (answer.status, answer.content["status"], answer.headers["retry-after"]) == (200, status, again)


def test_an_undecided_order_is_read_by_its_one_commit(aws: Aws) -> None:
    order_id = _check_out(aws)
    requests = aws.requests()

    assert isinstance(OrderReader(aws.store).find(order_id, "customer-1"), Undecided)

    of_cart = [one for one in requests if "cart#customer-1" in one]
    assert of_cart
    assert all('"version": {"N": "2"}' in one for one in of_cart)


def test_an_undecided_order_is_nobody_elses(aws: Aws) -> None:
    order_id = _check_out(aws)
    path = f"/v1/orders/{order_id}"

    assert _call("GET", path, claims=ANOTHER).status == 404
    assert _call("GET", path, claims=ANOTHER, query={"customerId": "customer-1"}).status == 404
    unnamed = _call("GET", path, claims=STAFF_CLAIMS)
    assert (unnamed.status, "customerId" in unnamed.content["detail"]) == (404, True)
    assert "customerId" not in _call("GET", path, claims=ANOTHER).content["detail"]
    by_staff = _call("GET", path, claims=STAFF_CLAIMS, query={"customerId": "customer-1"})
    assert (by_staff.status, by_staff.content["customerId"]) == (200, "customer-1")


@pytest.mark.parametrize("made_up", [f"c2-{'1' * 24}", f"c3-{_HASH}", f"c0-{_HASH}", f"c{'9' * 41}-{_HASH}"])
def test_a_made_up_order_of_the_own_cart_is_unknown(aws: Aws, made_up: str) -> None:
    _check_out(aws)

    assert _call("GET", f"/v1/orders/{made_up}").status == 404


@pytest.mark.parametrize(("route", "body"), [("cancellation", None), ("returns", ONE)])
def test_a_command_for_an_order_that_is_not_decided_is_to_come_again(aws: Aws, route: str, body: object) -> None:
    order_id = _check_out(aws)

    answer = _post(f"/v1/orders/{order_id}/{route}", body)

    assert (answer.status, answer.headers["retry-after"]) == (409, "1")
    assert answer.content["type"].endswith(":not_yet")


def test_a_cancel_gives_everything_back(aws: Aws) -> None:
    _write(aws, concluded())

    answer = _post(CANCELLATION, if_match='"3"')

    assert (answer.status, answer.headers["etag"]) == (200, '"4"')
    assert (answer.content["status"], answer.content["cancelReason"]) == ("cancelled", "customer_request")
    assert answer.content["refunds"] == [
        {
            "refundId": "order-1-cancelled",
            "status": "requested",
            "reason": "customer_request",
            "amountMinor": AMOUNT_MINOR,
        }
    ]
    assert aws.stock("prod-001") == (10, 0, 10)
    assert _commits(aws)[-1].command is not None


def test_a_cancel_of_what_is_cancelled_changes_nothing_and_says_how_it_is_now(aws: Aws) -> None:
    _write(aws, concluded())
    _post(CANCELLATION)
    _append(aws, refund_made(_commits(aws))[-1:])

    answer = _post(CANCELLATION, key="key-2")

    assert (answer.status, answer.headers["etag"]) == (200, '"5"')
    assert [refund["status"] for refund in answer.content["refunds"]] == ["refunded"]
    assert len(_commits(aws)) == 5


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        (in_fulfilment(), "too_late"),
        (settled(pays=False), "not_allowed"),
        ((*reserved(), expire(reserved()[0], NOW + PAYMENT_TIMEOUT)), "not_allowed"),
    ],
)
def test_a_cancel_that_comes_too_late_is_refused(aws: Aws, history: History, reason: str) -> None:
    _write(aws, history)

    answer = _post(CANCELLATION)

    assert (answer.status, answer.content["type"]) == (409, f"urn:pulsequeue:problem:{reason}")
    assert "retry-after" not in answer.headers
    assert len(_commits(aws)) == len(history)


def test_a_return_is_opened_and_received(aws: Aws) -> None:
    _write(aws, delivered())

    opened = _post(RETURNS, {"lines": [{"sku": "prod-001", "quantity": 2}]})
    return_id = opened.content["returnId"]
    got = {"lines": [{"sku": "prod-001", "quantity": 2}], "restock": [{"sku": "prod-001", "quantity": 1}]}
    closed = _post(f"/v1/orders/order-1/returns/{return_id}/receipt", got, STAFF_CLAIMS)

    assert (opened.status, opened.headers["etag"], opened.headers["location"]) == (201, '"7"', f"../../..{ORDER}")
    assert (opened.content["status"], opened.content["receivedLines"]) == ("open", [])
    assert opened.content["arriveBy"]
    assert (closed.status, closed.headers["etag"]) == (200, '"8"')
    assert (closed.content["status"], closed.content["receivedLines"]) == ("received", got["lines"])
    assert aws.stock("prod-001") == (9, 0, 9)
    assert [one["returnId"] for one in _get().content["returns"]] == [return_id]


def _set_up(aws: Aws, path: str) -> None:
    _write(aws, {CANCELLATION: concluded(), RETURNS: delivered(), RECEIPT: returning(delivered())}[path])


def _move_on(aws: Aws) -> None:
    """Write what other writers would: refunds are made, and a return is closed."""
    for one in Order.of(_commits(aws)).returns.values():
        if not one.received:
            _append(aws, received(_commits(aws), goods(one.requested.return_id, prod_001=1))[-1:])
    while Order.of(_commits(aws)).open_refunds:
        _append(aws, refund_made(_commits(aws))[-1:])


@pytest.mark.parametrize(("path", "body", "claims"), COMMANDS)
def test_a_command_reads_its_order_once(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, path: str, body: object, claims: Mapping[str, object]
) -> None:
    _set_up(aws, path)
    read, streams = EventStore.read, list[str]()

    def counted(store: EventStore, stream_id: str) -> History:
        streams.append(stream_id)
        return read(store, stream_id)

    monkeypatch.setattr(EventStore, "read", counted)

    answer = _post(path, body, claims)

    assert answer.status in {200, 201}
    assert streams.count(STREAM) == 1


@pytest.mark.parametrize(("path", "body", "claims"), COMMANDS)
def test_a_repetition_is_answered_as_at_first_whatever_happened_since(
    aws: Aws, path: str, body: object, claims: Mapping[str, object]
) -> None:
    _set_up(aws, path)
    version = f'"{len(_commits(aws))}"'

    first = _post(path, body, claims, if_match=version)
    _move_on(aws)
    moved_on = len(_commits(aws))
    again = _post(path, body, claims, if_match=version)

    assert first.status in {200, 201}
    assert first.headers["etag"] != f'"{moved_on}"'
    assert (again.status, again.content) == (first.status, first.content)
    assert {name: again.headers.get(name) for name in ("etag", "location")} == {
        name: first.headers.get(name) for name in ("etag", "location")
    }
    assert len(_commits(aws)) == moved_on


@pytest.mark.parametrize(("path", "body", "claims"), COMMANDS)
def test_a_command_for_another_version_is_stale(
    aws: Aws, path: str, body: object, claims: Mapping[str, object]
) -> None:
    _set_up(aws, path)
    before = len(_commits(aws))

    answer = _post(path, body, claims, if_match='"2"')

    assert (answer.status, answer.content["type"]) == (412, "urn:pulsequeue:problem:stale")
    assert len(_commits(aws)) == before


@pytest.mark.parametrize(
    ("path", "body", "other", "claims"),
    [
        (RETURNS, ONE, {"lines": [{"sku": "prod-001", "quantity": 2}]}, CLAIMS),
        (RECEIPT, CAME, {**ONE, "restock": ONE["lines"]}, STAFF_CLAIMS),
    ],
)
def test_a_key_is_of_one_request(
    aws: Aws, path: str, body: object, other: object, claims: Mapping[str, object]
) -> None:
    _set_up(aws, path)
    _post(path, body, claims)
    before = len(_commits(aws))

    answer = _post(path, other, claims)

    assert (answer.status, answer.content["type"]) == (422, "urn:pulsequeue:problem:key_reused")
    assert "Idempotency-Key" in answer.content["detail"]
    assert len(_commits(aws)) == before


def test_two_returns_of_the_same_goods_are_two(aws: Aws) -> None:
    _write(aws, delivered())

    first, second = _post(RETURNS, ONE, key="key-1"), _post(RETURNS, ONE, key="key-2")
    third = _post(RETURNS, ONE, key="key-3")

    assert first.content["returnId"] != second.content["returnId"]
    assert (third.status, third.content["type"]) == (409, "urn:pulsequeue:problem:too_much")


def test_a_return_of_what_was_not_ordered_names_it(aws: Aws) -> None:
    _write(aws, delivered())

    answer = _post(RETURNS, {"lines": [{"sku": "prod-009", "quantity": 1}]})

    assert answer.status == 422
    assert "prod-009 is not among the goods" in answer.content["detail"]
    assert list(answer.wrong) == ["lines"]


def test_a_receipt_of_an_unknown_return_is_not_found(aws: Aws) -> None:
    _write(aws, delivered())

    answer = _post(RECEIPT, CAME, STAFF_CLAIMS)

    assert (answer.status, answer.content["detail"]) == (404, "order order-1 has no return return-1")


def test_a_return_that_was_received_otherwise_stays_as_it_is(aws: Aws) -> None:
    _write(aws, received(returning(delivered()), goods(prod_001=1)))

    assert _post(RECEIPT, {**ONE, "restock": ONE["lines"]}, STAFF_CLAIMS).status == 200
    assert _post(RECEIPT, CAME, STAFF_CLAIMS, key="key-2").status == 409
    assert len(_commits(aws)) == 8


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (RETURNS, {}, "lines"),
        (RETURNS, {"lines": []}, "lines"),
        (RETURNS, {"lines": [{"sku": "a b", "quantity": 1}]}, "lines.0.sku"),
        (RETURNS, {"lines": [{"sku": "prod-001", "quantity": 0}]}, "lines.0.quantity"),
        (RETURNS, {"lines": [{"sku": "prod-001", "quantity": "1"}]}, "lines.0.quantity"),
        (RETURNS, {"lines": [{"sku": "prod-001", "quantity": 1.0}]}, "lines.0.quantity"),
        (RETURNS, {"lines": ONE["lines"] * 51}, "lines"),
        (RETURNS, {**ONE, "note": "x"}, "note"),
        (RECEIPT, ONE, "restock"),
        (RECEIPT, {"lines": [], "restock": []}, "lines"),
        (RECEIPT, {**ONE, "restock": [{"sku": "prod-001"}]}, "restock.0.quantity"),
    ],
)
def test_a_body_that_is_wrong_is_refused_by_its_field(aws: Aws, path: str, body: object, field: str) -> None:
    _set_up(aws, path)
    before = len(_commits(aws))

    answer = _post(path, body, STAFF_CLAIMS)

    assert (answer.status, list(answer.wrong)) == (422, [field])
    assert len(_commits(aws)) == before


@pytest.mark.parametrize(("path", "body", "claims"), COMMANDS)
def test_a_command_needs_a_key(aws: Aws, path: str, body: object, claims: Mapping[str, object]) -> None:
    _set_up(aws, path)

    answer = _call("POST", path, body, claims)

    assert (answer.status, list(answer.wrong)) == (422, ["Idempotency-Key"])


def test_an_id_that_is_none_is_refused() -> None:
    assert _call("GET", "/v1/orders/a b").status == 422


@pytest.mark.parametrize(("path", "body", "claims"), COMMANDS)
def test_a_fault_is_to_come_again(aws: Aws, path: str, body: object, claims: Mapping[str, object]) -> None:
    aws.dynamodb.delete_table(TableName=EVENT_STORE_TABLE)

    answer = _post(path, body, claims)

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert EVENT_STORE_TABLE not in str(answer.content)


def test_the_log_names_the_order_and_nobody(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    _write(aws, concluded())

    _post(CANCELLATION)

    logged = capsys.readouterr().out
    assert '"order_id": "order-1"' in logged
    assert "customer-1" not in logged
