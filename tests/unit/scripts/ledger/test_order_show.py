import json
from datetime import timedelta

import pytest

from scripts.cli import console
from scripts.cli.errors import UserError
from scripts.ledger.order_show import print_order
from scripts.ledger.order_timeline import duration_text
from services.libs.store.dynamodb_items import to_item
from services.order_service.domain import expire
from services.order_service.service import OrderService
from services.payment_service.gateway import ChargeRequest
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.causes import Cause
from services.shared.json_types import Json
from tests.factories import NOW, PAYMENT_TIMEOUT, conclude, pay, place, placed_order, seeding
from tests.unit.conftest import EVENT_STORE_TABLE, GATEWAY_TABLE, Aws
from tests.unit.scripts.after_sale_shop import Shop as AfterSaleShop

_ID = "order-1"


class _Shop:
    """The services, each cause dated some milliseconds after the order's."""

    def __init__(self, aws: Aws, success_rate: float = 1.0) -> None:
        self._aws = aws
        self.gateway = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate)
        self.orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
        self.payments = PaymentService(aws.store, self.gateway)
        aws.store.append(seeding("prod-001"))
        aws.store.append(seeding("prod-002"))

    def place(self, **quantities: int) -> None:
        order = placed_order(_ID, {sku.replace("_", "-"): quantity for sku, quantity in quantities.items()})
        place(self.orders, order, _cause("checkout-1", 0))

    def pay(self) -> None:
        pay(self.payments, _ID, _cause(f"order#{_ID}/1/1", 250))

    def conclude(self) -> None:
        conclude(self.orders, _ID, _cause(f"order#{_ID}/2/0", 1500))

    def expire(self) -> None:
        (reserved,) = self._aws.store.read(f"order#{_ID}")
        self._aws.store.append(expire(reserved, NOW + timedelta(minutes=16)))

    def call_off(self) -> None:
        self.payments.refund(_ID, _cause(f"order#{_ID}/2/1", 961_000))


def _cause(event_id: str, milliseconds: int) -> Cause:
    return Cause(event_id, "basket-1", NOW + timedelta(milliseconds=milliseconds))


def _shown(aws: Aws, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that are printed, with single spaces."""
    capsys.readouterr()
    print_order(aws.dynamodb, aws.deployment, _ID)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_the_timeline_of_a_confirmed_order_tells_times_causes_stock_and_money(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = _Shop(aws)
    shop.place(prod_001=2, prod_002=1)
    shop.pay()
    shop.conclude()

    lines = _shown(aws, capsys)

    assert lines[0] == "Order order-1, correlation id basket-1"
    assert lines[1] == "time after version events, by cause stock and money moved"
    assert lines[2:] == [
        "2026-01-01T12:00:00.123Z 0 ms 1 OrderValidated prod-001: reserved +2, available -2",
        "PaymentRequested prod-002: reserved +1, available -1",
        "by checkout-1",
        "2026-01-01T12:00:00.373Z 250 ms 2 PaymentProcessed prod-001: stock -2, reserved -2",
        "by PaymentRequested prod-002: stock -1, reserved -1",
        "charged 15.00 GBP",
        "2026-01-01T12:00:01.623Z 1500 ms 3 OrderConfirmed",
        "by PaymentProcessed",
        "",
        f"gateway charged, 15.00 GBP, {_charge_id(shop)}, asked to charge once",
        "state confirmed; it is confirmed and waits for its fulfilment",
    ]


def _charge_id(shop: _Shop) -> str:
    return shop.gateway.charge(ChargeRequest(_ID, 1500, "GBP")).charge_id


def test_the_timeline_of_an_expired_order_tells_what_was_given_back(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = _Shop(aws)
    shop.place(prod_001=2)
    shop.gateway.charge(ChargeRequest(_ID, 1000, "GBP"))
    shop.expire()
    assert _shown(aws, capsys)[-1] == (
        "state cancelled (payment_timeout); refund order-1-cancelled: its refund is still to be made"
    )

    shop.call_off()

    lines = _shown(aws, capsys)
    assert lines[5].endswith(" 16 min 2 OrderCancelled prod-001: reserved -2, available +2")
    assert lines[6:9] == ["RefundRequested", "(payment_timeout)", "by PaymentRequested"]
    assert lines[9].endswith(" 16 min 3 RefundProcessed refunded 10.00 GBP")
    assert lines[10] == "by RefundRequested"
    assert "order-1-cancelled payment_timeout 10.00 GBP processed refunded" in lines
    assert lines[-2].startswith("gateway refunded, 10.00 GBP, ")
    assert lines[-1] == "state cancelled (payment_timeout)"


def test_a_payment_that_was_called_off_before_it_was_taken_has_no_amount(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = _Shop(aws)
    shop.place(prod_001=2)
    shop.expire()
    shop.call_off()

    lines = _shown(aws, capsys)

    assert lines[9].endswith("refunded 0.00 GBP")
    assert "order-1-cancelled payment_timeout 0.00 GBP processed called_off" in lines
    assert lines[-2] == "gateway called_off, asked to charge 0 times"


def test_the_state_of_an_open_order_says_what_it_waits_for(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    shop = _Shop(aws, success_rate=0.0)

    shop.place(prod_001=2)
    assert _shown(aws, capsys)[-2:] == [
        "gateway was never asked",
        "state reserved; its stock is reserved, it waits for its payment, due 2026-01-01T12:15:00.123Z",
    ]

    shop.pay()
    assert _shown(aws, capsys)[-1] == "state unpaid; its payment failed and it waits to be cancelled"

    shop.conclude()
    assert _shown(aws, capsys)[-1] == "state cancelled (payment_failed)"


def test_a_refused_order_moved_nothing(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    shop = _Shop(aws)
    shop.place(prod_001=11)

    lines = _shown(aws, capsys)

    assert lines[2:4] == ["2026-01-01T12:00:00.123Z 0 ms 1 OrderCancelled", "(insufficient_stock)"]
    assert lines[-2:] == ["gateway was never asked", "state cancelled (insufficient_stock)"]


def test_an_unknown_order_is_told_with_where_to_look(aws: Aws) -> None:
    with pytest.raises(UserError, match="has no order 'order-1'; if it was placed, `invoke dlq-list`"):
        print_order(aws.dynamodb, aws.deployment, _ID)


@pytest.mark.parametrize(("values", "reason"), [({}, "events is missing"), ({"events": []}, "body is missing")])
def test_an_item_that_is_no_commit_is_named_after_the_commits_that_can_be_read(
    aws: Aws, capsys: pytest.CaptureFixture[str], values: dict[str, Json], reason: str
) -> None:
    _Shop(aws).place(prod_001=2)
    foreign = to_item({"stream_id": "order#order-1", "version": 2, **values})
    aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=foreign)

    with pytest.raises(UserError, match=f"order#order-1 version 2 is no commit: {reason}"):
        print_order(aws.dynamodb, aws.deployment, _ID)

    assert "OrderValidated" in capsys.readouterr().out


def test_an_order_of_which_no_item_is_a_commit_is_named_with_the_gateways_entry(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "order#f1", "version": 1}))
    aws.dynamodb.put_item(TableName=GATEWAY_TABLE, Item=to_item({"order_id": "f1", "status": "charged"}))

    with pytest.raises(UserError, match="order#f1 version 1 is no commit: events is missing"):
        print_order(aws.dynamodb, aws.deployment, "f1")

    assert "has an entry that cannot be read" in capsys.readouterr().out


def test_the_id_of_the_request_that_placed_the_order_is_in_the_title_alone(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = _Shop(aws)
    place(shop.orders, placed_order(_ID, {"prod-001": 2}), Cause("request-basket-1", "basket-1", NOW))

    lines = _shown(aws, capsys)

    assert lines[0] == "Order order-1, correlation id basket-1"
    assert lines[4] == "by the request"


@pytest.mark.usefixtures("wide_terminal")
@pytest.mark.parametrize("sku", ["prod-001", "s" * 64])
def test_the_timeline_is_at_most_120_columns_wide(aws: Aws, capsys: pytest.CaptureFixture[str], sku: str) -> None:
    shop = _Shop(aws)
    if sku != "prod-001":
        aws.store.append(seeding(sku))
    long_cause = Cause("e" * 80, "basket-1", NOW)
    place(shop.orders, placed_order(_ID, {sku: 2, "prod-002": 1}), long_cause)
    shop.pay()

    print_order(aws.dynamodb, aws.deployment, _ID)

    timeline, _, _ = capsys.readouterr().out.partition("\n\n")
    assert max(map(len, timeline.splitlines())) <= 120


def test_a_machine_gets_the_commits_as_they_are_stored(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    shop = _Shop(aws)
    shop.place(prod_001=2)
    shop.pay()

    print_order(aws.dynamodb, aws.deployment, _ID, as_json=True)

    shown = json.loads(capsys.readouterr().out)
    assert [commit["events"] for commit in shown["commits"]] == [
        ["OrderValidated", "PaymentRequested"],
        ["PaymentProcessed"],
    ]
    assert (shown["gateway"]["status"], shown["gateway"]["amount_minor"]) == ("charged", 1000)
    assert shown["state"] == "paid; it is paid and waits to be confirmed"


def _lines(aws: Aws, capsys: pytest.CaptureFixture[str], order_id: str) -> list[str]:
    capsys.readouterr()
    print_order(aws.dynamodb, aws.deployment, order_id)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_each_parcel_tells_its_content_its_tracking_number_and_its_way(
    sold: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = _lines(sold, capsys, "halved")

    lost = lines.index("Parcel halved-1 from main: 2 prod-001, tracking number T-halved-1, written off")
    assert lines[lost + 1] == "time after version state by the carrier"
    now = "2026-01-01T12:00:00.123Z"
    assert lines[lost + 2 : lost + 6] == [
        f"{now} 0 ms 1 created",
        f"{now} 0 ms 2 booked {now}",
        f"{now} 0 ms 3 picked_up {now}",
        f"{now} 0 ms 4 lost {now}",
    ]
    assert "Parcel halved-2 from north: 1 prod-002, tracking number T-halved-2" in lines
    assert f"{now} 0 ms 4 delivered {now}" in lines


def test_what_the_carrier_told_is_named_as_the_cause_of_the_orders_commit(
    sold: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = _lines(sold, capsys, "halved")

    written_off = next(
        number for number, line in enumerate(lines) if line.endswith("ParcelWrittenOff to refund 10.00 GBP")
    )
    assert lines[written_off + 1 : written_off + 4] == ["RefundRequested", "(lost)", "by ShipmentTracked"]


def test_a_return_tells_what_was_announced_what_came_back_and_what_is_for_sale_again(
    sold: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = _lines(sold, capsys, "returned")

    returns = lines.index("Returns")
    assert lines[returns + 2 : returns + 4] == [
        "r1 2026-01-01T12:00:00.123Z announced, due 2026-01-15 2 prod-001",
        "r1 2026-01-01T12:00:00.123Z received 2 prod-001 1 prod-001",
    ]
    assert "returned-return-r1 returned 10.00 GBP processed 10.00 GBP given back" in lines
    assert any(line.endswith("ReturnReceived prod-001: stock +1, available +1") for line in lines)


def test_the_state_names_the_phase_and_each_open_return(sold: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    assert _lines(sold, capsys, "returning")[-1] == (
        "state delivered; return r2: it waits for goods that the customer sends back, due 2026-01-15T12:00:00.123Z"
    )


def test_a_failed_refund_is_named_with_what_to_do_until_another_takes_its_place(
    sold: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = AfterSaleShop(sold)
    shop.confirm("unlucky")
    shop.cancel("unlucky")
    assert "unlucky-cancelled customer_request 10.00 GBP open not asked yet" in _lines(sold, capsys, "unlucky")
    shop.refuse_refund("unlucky")

    lines = _lines(sold, capsys, "unlucky")
    assert "unlucky-cancelled customer_request 10.00 GBP failed refused" in lines
    assert lines[-1] == (
        "state cancelled (customer_request); failed refund unlucky-cancelled: its refund was refused,"
        " `invoke refund-retry` asks again"
    )

    shop.after_sale.retry_refund("unlucky", "unlucky-cancelled", shop.cause)
    shop.refund("unlucky")
    lines = _lines(sold, capsys, "unlucky")
    assert "unlucky-cancelled customer_request 10.00 GBP asked again refused" in lines
    assert (
        "unlucky-again-cancelled customer_request 10.00 GBP processed, instead of"
        " unlucky-cancelled 10.00 GBP given back" in lines
    )
    assert lines[-1] == "state cancelled (customer_request)"


def test_a_parcel_without_a_stream_is_shown_as_it_was_planned(sold: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    for version in (1, 2):
        key = to_item({"stream_id": "shipment#booked-1", "version": version})
        sold.dynamodb.delete_item(TableName=EVENT_STORE_TABLE, Key=key)

    lines = _lines(sold, capsys, "booked")

    assert "Parcel booked-1 from main: 2 prod-001, no label yet" in lines


def test_a_machine_gets_parcels_returns_and_refunds(sold: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    print_order(sold.dynamodb, sold.deployment, "returned", as_json=True)

    shown = json.loads(capsys.readouterr().out)
    (parcel,), (returned,), (refund,) = shown["parcels"], shown["returns"], shown["refunds"]
    assert (shown["phase"], parcel["state"], parcel["tracking_number"]) == ("delivered", "delivered", "T-returned-1")
    assert parcel["lines"] == [{"sku": "prod-001", "quantity": 3}]
    assert len(parcel["commits"]) == 4
    assert (returned["received"][0]["quantity"], returned["restocked"][0]["quantity"]) == (2, 1)
    made = (refund["refund_id"], refund["status"], refund["refunded_minor"])
    assert made == ("returned-return-r1", "processed", 1000)
    assert shown["gateway"]["refunds"] == {"returned-return-r1": 1000}


@pytest.mark.usefixtures("wide_terminal")
@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_word_of_a_whole_life_is_broken_on_a_terminal(
    sold: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(console.out, "_width", width)

    print_order(sold.dynamodb, sold.deployment, "returned")

    printed = capsys.readouterr().out
    tables = printed.partition("\ngateway")[0].splitlines()
    assert max(map(len, tables)) <= width
    words = set(printed.split())
    assert {"FulfilmentStarted", "ShipmentDelivered", "2026-01-01T12:00:00.123Z", "prod-001:", "available"} <= words


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(milliseconds=9999), "9999 ms"),
        (timedelta(seconds=10), "10 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=14, hours=3), "14 d"),
    ],
)
def test_a_duration_is_told_in_a_unit_of_its_size(duration: timedelta, text: str) -> None:
    assert duration_text(duration) == text
