"""A commit of every form that is declared, as the services write it."""

import base64
from dataclasses import replace
from datetime import timedelta

from services.cart_service.domain import (
    Cart,
    Events,
    Request,
    Total,
    abandon,
    add,
    check_out,
    clear,
    next_commit,
    remove,
)
from services.catalog_service.domain import create_product, set_stock, update_product
from services.customer_service.domain import Customer, Profile, log_in
from services.customer_service.domain import erase as erase_customer
from services.customer_service.service import profile_updated
from services.fulfilment_service.carrier import CarrierEvent, Label
from services.fulfilment_service.domain import advance, booked, start
from services.libs.personal.registration import registration
from services.libs.personal.sealing import CustomerKey
from services.order_service.after_sale import (
    ReceivedGoods,
    cancel,
    close_overdue_return,
    follow_parcels,
    receive_return,
    request_return,
    retry_refund,
)
from services.order_service.domain import conclude, expire
from services.payment_service.domain import refund_refused, refunded, settlement
from services.payment_service.gateway import Charge
from services.shared.category_lifecycle import category_stream
from services.shared.causes import Cause
from services.shared.commits import Command, Commit
from services.shared.events.catalog import CategoryCreated, ProductCreated
from services.shared.events.fulfilment import ParcelStatus
from services.shared.events.order import ReturnRequested, order_lines
from services.shared.events.payment import RefundRequested
from services.shared.events.support import ClosedBy
from services.shared.inventory import StockItem, StockLine
from services.shared.lifecycle import Phase
from services.shared.order_state import Order
from services.shared.product_state import fold
from services.shared.shipment_lifecycle import BOOKED, PICKED_UP, RETURNED_TO_SENDER
from services.shared.shipment_lifecycle import DELIVERED as PARCEL_DELIVERED
from services.shared.shipment_lifecycle import LOST as PARCEL_LOST
from services.support_service import domain as support
from services.support_service.domain import NewTicket, Ticket
from tests.factories import NOW, PAYMENT_TIMEOUT, decide, inventory, placed_order, refund, seeding, stock_item


def _concluded(settled: Commit) -> Commit:
    final = conclude(settled, CAUSE)
    assert final
    return final


# All ids as long as they usually are at most.
CAUSE = Cause(event_id=f"order#{'o' * 36}/1/1", correlation_id="c" * 36, at=NOW)
_ORDER = placed_order("o" * 36, {"s" * 20: 10_000}, forced="SUCCESS")
ACCEPTED = decide(_ORDER, inventory(stock_item("s" * 20, stock=10_000)), CAUSE)
PAID = settlement(ACCEPTED, Charge("c" * 32, accepted=True), CAUSE)
DECLINED = settlement(ACCEPTED, Charge("c" * 32, accepted=False), CAUSE)
HOUR = timedelta(hours=1)
SEEDED = replace(seeding("s" * 20), cause=CAUSE)
CONFIRMED = _concluded(PAID)
_BY_SKU = {"s" * 20: "w" * 20}
_WITH_PARCEL = start(Order.of((ACCEPTED, PAID, CONFIRMED)), _BY_SKU, CAUSE)
STARTED, CREATED = _WITH_PARCEL
_GOING = (ACCEPTED, PAID, CONFIRMED, STARTED)
_LINES = (StockLine("s" * 20, 10_000),)


def _tracked(status: ParcelStatus | None, *before: Commit) -> Commit:
    """The next commit of a parcel; without a status it is delivered."""
    commit = advance(before, [CarrierEvent("e" * 36, status, NOW)], CAUSE, NOW + HOUR)
    assert commit
    return commit


def _followed(phase: Phase, *history: Commit) -> Commit:
    commit = follow_parcels(Order.of(history), dict.fromkeys(Order.of(history).shipments, phase), CAUSE)
    assert commit
    return commit


def _some(commit: Commit | None) -> Commit:
    assert commit
    return commit


_SHIPPED = _followed(PICKED_UP, *_GOING)
_DELIVERED = _followed(PARCEL_DELIVERED, *_GOING, _SHIPPED)
_AT_HOME = (*_GOING, _SHIPPED, _DELIVERED)
_ANNOUNCED = ReturnRequested(order_id="o" * 36, customer_id="customer-1", return_id="r" * 36, lines=order_lines(_LINES))
_RETURNING = _some(
    request_return(Order.of(_AT_HOME), _ANNOUNCED, CAUSE, window=timedelta(days=30), arrival=timedelta(days=14))
)
_GOODS = ReceivedGoods("o" * 36, "r" * 36, _LINES, _LINES)
_RECEIVED = _some(receive_return(Order.of((*_AT_HOME, _RETURNING)), _GOODS, CAUSE))
_NOT_RECEIVED = _some(close_overdue_return(Order.of((*_AT_HOME, _RETURNING)), NOW + timedelta(days=15)))
_BOOKED = _some(booked((CREATED,), Label("t" * 24), CAUSE, NOW + HOUR))
_CALLED_OFF = _some(cancel(Order.of((ACCEPTED,)), "o" * 36, "customer-1", CAUSE))
_CANCELLED = _some(cancel(Order.of((ACCEPTED, PAID, CONFIRMED)), "o" * 36, "customer-1", CAUSE))
_LOST = _followed(PARCEL_LOST, *_GOING)
_SENT_BACK = _followed(RETURNED_TO_SENDER, *_GOING, _SHIPPED)

# An order over two warehouses: one of its parcels is lost.
_TWO_SKUS = {"a" * 20: 1, "b" * 20: 1}
_TWO_ACCEPTED = decide(placed_order("o" * 36, _TWO_SKUS), inventory(*map(stock_item, _TWO_SKUS)), CAUSE)
_TWO_PAID = settlement(_TWO_ACCEPTED, Charge("c" * 32, accepted=True), CAUSE)
_TWO = (_TWO_ACCEPTED, _TWO_PAID, _concluded(_TWO_PAID))
_TWO_GOING = (*_TWO, start(Order.of(_TWO), {"a" * 20: "w" * 20}, CAUSE)[0])
_SECOND_LOST = {f"{'o' * 36}-1": BOOKED, f"{'o' * 36}-2": PARCEL_LOST}
_ONE_OF_TWO_LOST = _some(follow_parcels(Order.of(_TWO_GOING), _SECOND_LOST, CAUSE))


def _refund_of(requested: Commit) -> RefundRequested:
    return requested.get(RefundRequested)


_REFUSED_REFUND = refund_refused((ACCEPTED, PAID, CONFIRMED, _CANCELLED), _refund_of(_CANCELLED), CAUSE)
_REFUND_FAILED = (ACCEPTED, PAID, CONFIRMED, _CANCELLED, _REFUSED_REFUND)
_ASKED_AGAIN = _some(retry_refund(Order.of(_REFUND_FAILED), "o" * 36, _refund_of(_CANCELLED).refund_id, CAUSE))


_STOCK = inventory(stock_item("s" * 20))
_AFTER = timedelta(hours=72)


def _cart(*history: Commit) -> Cart:
    return Cart.of("customer-1", history)


def _in_cart(cart: Cart, events: Events) -> Commit:
    return _some(next_commit(cart, events, Request(cart.version, CAUSE, Command("0" * 64, "f" * 64)), _AFTER))


_OPENED = _in_cart(_cart(), add(_cart(), "s" * 20, 10_000, _STOCK))
_EMPTIED = _in_cart(_cart(_OPENED), remove(_cart(_OPENED), "s" * 20))
_REFILLED = _in_cart(_cart(_OPENED, _EMPTIED), add(_cart(_OPENED, _EMPTIED), "s" * 20, 1, _STOCK))
_CHECKED_OUT = _in_cart(_cart(_OPENED), check_out(_cart(_OPENED), Total(5_000_000, "GBP"), _STOCK))
_CLEARED = _in_cart(_cart(_OPENED), clear(_cart(_OPENED)))
_ABANDONED = _some(abandon(_cart(_OPENED), NOW + _AFTER, _AFTER))


def _refunded(*history: Commit) -> Commit:
    refund = Order.of(history).open_refunds[0]
    return refunded(history, refund, refund.amount_minor, CAUSE)


_COMMAND = Command("a" * 64, "b" * 64)
_IN = "cat-" + "c" * 24
_CATEGORY = CategoryCreated(category_id=_IN, name="n" * 30, parent_id="cat-" + "p" * 24)
_CATEGORY_CREATED = Commit(category_stream(_IN), 1, (_CATEGORY,), CAUSE, command=_COMMAND)
_NEW = ProductCreated(
    sku="s" * 20,
    name="n" * 30,
    description="d" * 200,
    category_id=_IN,
    price_minor=10_000,
    currency="GBP",
    warehouse="w" * 20,
)
_PRODUCT_CREATED = create_product(_NEW, CAUSE, _COMMAND)
_PRODUCT_UPDATED = _some(update_product(fold((_PRODUCT_CREATED,)), "s" * 20, {"price_minor": 9_000}, CAUSE))
_STOCKED = _some(set_stock(StockItem("s" * 20, _NEW.product, 0, 0, 0), 10, (_PRODUCT_UPDATED,), CAUSE))
_SEEDED_WHOLE = create_product(_NEW, CAUSE, stock=10)

_KEY = CustomerKey("c-" + "c" * 26, b"s" * 32)
_ADDRESS = {"lines": ("l" * 30,) * 2, "city": "c" * 20, "postcode": "p" * 8, "country": "GB"}
_REGISTERED = registration(_KEY, CAUSE, Profile(mail="m" * 30).text)
_REGISTERED_BY_COMMAND = registration(_KEY, CAUSE)
_PROFILE_UPDATED = _some(
    profile_updated(Customer.of(_KEY.customer_id, (_REGISTERED,)), _KEY, {"addresses": (_ADDRESS,)}, CAUSE)
)
_CUSTOMER_ERASED = _some(erase_customer(Customer.of(_KEY.customer_id, (_REGISTERED, _PROFILE_UPDATED)), CAUSE))
_LOGIN = _some(log_in(_KEY.customer_id, None, CAUSE))


def _sealed(_version: int, _field: str, text: str) -> str:
    """As long as a ciphertext: it has a nonce of 12 bytes and a tag of 16 beside the text."""
    return base64.b64encode(b"s" * (12 + len(text) + 16)).decode()


def _support(commit: Commit) -> Commit:
    return replace(commit, command=_COMMAND)


_TICKET = NewTicket("customer-1", "s" * 40, "t" * 200, "o" * 36)
_TICKET_CREATED = _support(support.create("t-" + "i" * 24, _TICKET, _sealed, CAUSE))
_RESOLVED = _support(support.resolve(Ticket.of((_TICKET_CREATED,)), "t" * 200, _sealed, CAUSE))
_ANSWERED = (_TICKET_CREATED, _RESOLVED)
_REOPENED = _support(support.reopen(Ticket.of(_ANSWERED), "t" * 200, _sealed, CAUSE))
_TICKET_CLOSED = _support(support.close(Ticket.of(_ANSWERED), ClosedBy.CUSTOMER, CAUSE))
_ORPHAN_CLOSED = _some(support.close_orphaned(Ticket.of((*_ANSWERED, _REOPENED)), CAUSE))
_FEEDBACK = _support(support.give_feedback(Order.of(_AT_HOME), 5, "t" * 200, _sealed, CAUSE))

COMMITS = {
    "accepted": ACCEPTED,
    "refused": decide(_ORDER, {}, CAUSE),
    "paid": PAID,
    "declined": DECLINED,
    "confirmed": CONFIRMED,
    "cancelled": _concluded(DECLINED),
    "expired": expire(ACCEPTED, NOW + PAYMENT_TIMEOUT),
    "refunded": refund(ACCEPTED, 1000, CAUSE),
    "called_off": _CALLED_OFF,
    "cancelled_by_customer": _CANCELLED,
    "refund_failed": _REFUSED_REFUND,
    "refund_asked_again": _ASKED_AGAIN,
    "started": STARTED,
    "shipped": _SHIPPED,
    "delivered": _DELIVERED,
    "lost": _LOST,
    "sent_back": _SENT_BACK,
    "one_of_two_lost": _ONE_OF_TWO_LOST,
    "returning": _RETURNING,
    "received": _RECEIVED,
    "not_received": _NOT_RECEIVED,
    "created": CREATED,
    "booked": _BOOKED,
    "tracked": _tracked(ParcelStatus.PICKED_UP, CREATED, _BOOKED),
    "parcel_delivered": _tracked(None, CREATED, _BOOKED),
    "parcel_lost": _tracked(ParcelStatus.LOST, CREATED, _BOOKED),
    "seeded": SEEDED,
    "cart_opened": _OPENED,
    "cart_item_removed": _EMPTIED,
    "cart_refilled": _REFILLED,
    "checked_out": _CHECKED_OUT,
    "cart_cleared": _CLEARED,
    "cart_abandoned": _ABANDONED,
    "seeded_whole": _SEEDED_WHOLE,
    "category_created": _CATEGORY_CREATED,
    "product_created": _PRODUCT_CREATED,
    "product_updated": _PRODUCT_UPDATED,
    "stocked": _STOCKED,
    "customer_registered": _REGISTERED,
    "customer_registered_by_command": _REGISTERED_BY_COMMAND,
    "profile_updated": _PROFILE_UPDATED,
    "customer_erased": _CUSTOMER_ERASED,
    "customer_login": _LOGIN,
    "ticket_created": _TICKET_CREATED,
    "ticket_resolved": _RESOLVED,
    "ticket_reopened": _REOPENED,
    "ticket_closed": _TICKET_CLOSED,
    "feedback": _FEEDBACK,
}
_LEFT = (*_TWO_GOING, _ONE_OF_TWO_LOST, _refunded(*_TWO_GOING, _ONE_OF_TWO_LOST))
_LEFT_SHIPPED = (*_LEFT, _followed(PICKED_UP, *_LEFT))
_DELIVERED_IN_PART = (*_LEFT_SHIPPED, _followed(PARCEL_DELIVERED, *_LEFT_SHIPPED))
HISTORIES = {
    "declined": (ACCEPTED, DECLINED, COMMITS["cancelled"]),
    "expired": (ACCEPTED, COMMITS["expired"], COMMITS["refunded"]),
    "refused": (COMMITS["refused"],),
    "called_off": (ACCEPTED, _CALLED_OFF, _refunded(ACCEPTED, _CALLED_OFF)),
    "refund_asked_again": (*_REFUND_FAILED, _ASKED_AGAIN, _refunded(*_REFUND_FAILED, _ASKED_AGAIN)),
    "delivered": _AT_HOME,
    "undeliverable": (*_GOING, _LOST, _refunded(*_GOING, _LOST)),
    "one_of_two_lost": _DELIVERED_IN_PART,
    "received": (*_AT_HOME, _RETURNING, _RECEIVED, _refunded(*_AT_HOME, _RETURNING, _RECEIVED)),
    "not_received": (*_AT_HOME, _RETURNING, _NOT_RECEIVED),
    "parcel_delivered": (CREATED, _BOOKED, COMMITS["parcel_delivered"]),
    "parcel_lost": (
        CREATED,
        _BOOKED,
        COMMITS["tracked"],
        _tracked(ParcelStatus.LOST, CREATED, _BOOKED, COMMITS["tracked"]),
    ),
    "seeded": (SEEDED, seeding("s" * 20, version=2, stock=7, delta=-3)),
    "checked_out": (_OPENED, _CHECKED_OUT),
    "cart_refilled": (
        _OPENED,
        _EMPTIED,
        _REFILLED,
        _in_cart(_cart(_OPENED, _EMPTIED, _REFILLED), clear(_cart(_OPENED))),
    ),
    "cart_abandoned": (_OPENED, _ABANDONED),
    "seeded_whole": (_SEEDED_WHOLE,),
    "category": (_CATEGORY_CREATED,),
    "product": (_PRODUCT_CREATED, _PRODUCT_UPDATED, _STOCKED),
    "customer": (_REGISTERED, _PROFILE_UPDATED, _CUSTOMER_ERASED),
    "customer_erased_at_once": (_some(erase_customer(Customer.of(_KEY.customer_id, ()), CAUSE)),),
    "login": (_LOGIN, _some(log_in(_KEY.customer_id, _LOGIN, replace(CAUSE, at=NOW + HOUR)))),
    "ticket": (*_ANSWERED, _TICKET_CLOSED),
    "ticket_orphaned": (*_ANSWERED, _REOPENED, _ORPHAN_CLOSED),
    "feedback": (_FEEDBACK,),
}
