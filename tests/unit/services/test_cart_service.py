"""Carts on the services' tables: what customers do, one after another, twice, and at once."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from services.cart_service import domain
from services.cart_service.domain import MOST_SKUS, MOST_UNITS, Cart, CartLine, PriceChangedError, Request, Total
from services.cart_service.service import CartService
from services.shared.cart_lifecycle import CART, EMPTY, OPEN, checkout_order_id, checkout_version
from services.shared.commits import Command
from services.shared.events.cart import CartCheckoutInitiated, CartItemAdded, CartItemRemoved
from services.shared.events.order import OrderPlaced, PlacedLine
from services.shared.refusals import Refusal, RefusedError
from tests.factories import CAUSE, NOW, seeding
from tests.unit.conftest import Aws
from tests.unit.services.carts import (
    AFTER,
    CUSTOMER,
    HOUR,
    STREAM,
    Rivals,
    carts,
    checked_out,
    deadlines,
    events,
    filled,
    request,
    seed,
)
from tests.unit.services.customers import customers

SHOWN = Total(1000, "GBP")
Act = Callable[[CartService, Request], object]
COMMANDS: dict[str, Act] = {
    "add": lambda service, request: service.add(CUSTOMER, "prod-001", 1, request),
    "set": lambda service, request: service.set_quantity(CUSTOMER, "prod-001", 5, request),
    "remove": lambda service, request: service.remove(CUSTOMER, "prod-001", request),
    "clear": lambda service, request: service.clear(CUSTOMER, request),
    "check out": lambda service, request: service.check_out(CUSTOMER, SHOWN, request),
}
every_command = pytest.mark.parametrize("act", COMMANDS.values(), ids=COMMANDS)


def _refused(reason: Refusal, act: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as refused:
        act()
    assert refused.value.reason is reason
    return str(refused.value)


def test_a_customer_without_a_cart_has_an_empty_one_of_version_0(aws: Aws) -> None:
    cart, stock = carts(aws).read(CUSTOMER)

    assert (cart.version, cart.lines, cart.totals(), stock) == (0, {}, [], {})


def test_added_units_are_one_line_at_the_price_that_was_seen_last(aws: Aws) -> None:
    seed(aws, price_minor=500)
    filled(aws, 2)
    seed(aws, price_minor=450, name="New name")

    cart = filled(aws, 3)

    assert cart.lines == {"prod-001": CartLine("prod-001", "New name", 5, 450, "GBP")}
    assert cart.totals() == [Total(5 * 450, "GBP")]
    assert aws.store.read(STREAM)[-1].get(CartItemAdded).quantity == 3


@pytest.mark.parametrize(
    ("quantity", "event"),
    [
        (
            7,
            CartItemAdded(
                customer_id=CUSTOMER,
                sku="prod-001",
                name="Product prod-001",
                quantity=5,
                unit_price_minor=500,
                currency="GBP",
            ),
        ),
        (1, CartItemRemoved(customer_id=CUSTOMER, sku="prod-001", quantity=1)),
    ],
)
def test_setting_a_quantity_commits_the_difference(
    aws: Aws, quantity: int, event: CartItemAdded | CartItemRemoved
) -> None:
    filled(aws, 2)

    cart = carts(aws).set_quantity(CUSTOMER, "prod-001", quantity, request(1))

    assert (cart.version, cart.lines["prod-001"].quantity) == (2, quantity)
    assert aws.store.read(STREAM)[-1].events == (event,)


@pytest.mark.parametrize(
    "act",
    [
        COMMANDS["add"],
        COMMANDS["remove"],
        COMMANDS["set"],
        lambda service, request: service.set_quantity(CUSTOMER, "prod-001", 1, request),
    ],
)
def test_a_cart_that_was_changed_too_often_can_only_be_closed(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    monkeypatch.setattr(domain, "MOST_CHANGES", 2)
    filled(aws)
    carts(aws).clear(CUSTOMER, request(1))
    filled(aws)
    filled(aws)

    assert "check out, or clear it" in _refused(Refusal.TOO_MUCH, lambda: act(carts(aws), request(4)))

    assert checked_out(aws, 4 * 500)
    assert filled(aws).changes == 1


def test_setting_the_same_quantity_changes_nothing(aws: Aws) -> None:
    filled(aws, 2)

    cart = carts(aws).set_quantity(CUSTOMER, "prod-001", 2, request(1))

    assert (cart.version, cart.lines["prod-001"].quantity) == (1, 2)
    assert len(events(aws)) == 1


def test_a_removed_product_is_gone_from_the_cart_and_the_cart_stays_open(aws: Aws) -> None:
    filled(aws, 2)

    cart = carts(aws).remove(CUSTOMER, "prod-001", request(1))

    assert cart.lines == {}
    assert CART.fold(aws.store.read(STREAM)).phase == OPEN


def test_a_cleared_cart_is_empty_and_clearing_it_again_changes_nothing(aws: Aws) -> None:
    filled(aws)
    filled(aws, sku="prod-002")

    cart = carts(aws).clear(CUSTOMER, request(2))
    again = carts(aws).clear(CUSTOMER, request(3))

    assert (cart.lines, again.version) == ({}, 3)
    assert CART.fold(aws.store.read(STREAM)).phase == EMPTY


def test_a_checkout_places_the_order_of_the_cart_in_its_own_commit(aws: Aws) -> None:
    filled(aws, 2)

    order_id = checked_out(aws)

    commit = aws.store.read(STREAM)[-1]
    assert order_id == checkout_order_id(CUSTOMER, 2)
    assert checkout_version(order_id, CUSTOMER) == 2
    assert commit.events == (
        CartCheckoutInitiated(customer_id=CUSTOMER, order_id=order_id, shown_total_minor=1000, currency="GBP"),
        OrderPlaced(
            order_id=order_id,
            customer_id=CUSTOMER,
            items=(PlacedLine(sku="prod-001", quantity=2),),
            shown_total_minor=1000,
            currency="GBP",
        ),
    )
    assert carts(aws).read(CUSTOMER)[0].lines == {}


def test_the_next_cart_makes_another_order(aws: Aws) -> None:
    filled(aws)
    first = checked_out(aws)
    filled(aws)

    assert checked_out(aws, key="another") == checkout_order_id(CUSTOMER, 4) != first


def test_a_price_that_fell_is_passed_on_and_the_shown_total_stays_the_most_that_is_paid(aws: Aws) -> None:
    filled(aws, 2)
    seed(aws, price_minor=1)

    checked_out(aws, 1000)

    assert aws.store.read(STREAM)[-1].get(OrderPlaced).shown_total_minor == 1000


@pytest.mark.parametrize(("shown", "price_minor"), [(Total(999, "GBP"), 500), (SHOWN, 501), (Total(1000, "EUR"), 500)])
def test_a_checkout_for_less_than_it_costs_tells_old_and_new_total(aws: Aws, shown: Total, price_minor: int) -> None:
    filled(aws, 2)
    seed(aws, price_minor=price_minor)

    with pytest.raises(PriceChangedError, match="show the new total") as changed:
        carts(aws).check_out(CUSTOMER, shown, request(1, "key"))

    assert changed.value.reason is Refusal.PRICE_CHANGED
    assert (changed.value.shown, changed.value.present) == (shown, Total(2 * price_minor, "GBP"))
    assert len(events(aws)) == 1


def test_an_empty_cart_is_not_checked_out(aws: Aws) -> None:
    text = _refused(Refusal.NOT_ALLOWED, lambda: carts(aws).check_out(CUSTOMER, SHOWN, request(0, "key")))

    assert "empty" in text


def test_a_cart_in_two_currencies_is_not_checked_out(aws: Aws) -> None:
    filled(aws)
    seed(aws, "prod-002", currency="EUR")
    filled(aws, sku="prod-002")

    text = _refused(Refusal.NOT_ALLOWED, lambda: checked_out(aws))

    assert "EUR, GBP" in text


def test_products_that_are_gone_are_reported_and_block_the_checkout_by_name(aws: Aws) -> None:
    for sku in ("prod-001", "prod-002", "prod-003"):
        filled(aws, 1, sku)
    aws.dynamodb.delete_item(TableName="test-inventory-table", Key={"item_id": {"S": "prod-002"}})
    seed(aws, "prod-003", currency="EUR")

    cart, stock = carts(aws).read(CUSTOMER)
    text = _refused(Refusal.NOT_ALLOWED, lambda: checked_out(aws))

    assert [line.present_price(stock) for line in cart.lines.values()] == [500, None, None]
    assert (cart.totals(), cart.totals(stock)) == ([Total(1500, "GBP")], [Total(500, "GBP")])
    assert "prod-002, prod-003" in text
    assert "prod-001" not in text


def test_an_unknown_product_is_neither_added_nor_removed(aws: Aws) -> None:
    assert "prod-404" in _refused(Refusal.NOT_FOUND, lambda: carts(aws).add(CUSTOMER, "prod-404", 1, request(0, "k")))
    assert "prod-404" in _refused(Refusal.NOT_FOUND, lambda: carts(aws).remove(CUSTOMER, "prod-404", request(0)))
    assert events(aws) == []


def test_a_line_takes_10_000_units_and_no_more(aws: Aws) -> None:
    filled(aws, MOST_UNITS)

    text = _refused(Refusal.TOO_MUCH, lambda: carts(aws).add(CUSTOMER, "prod-001", 1, request(1, "key")))

    assert "10,000 units" in text


def test_a_cart_takes_50_products_and_no_more(aws: Aws) -> None:
    for number in range(MOST_SKUS):
        filled(aws, 1, f"sku-{number}")
    seed(aws, "sku-50")

    text = _refused(Refusal.TOO_MUCH, lambda: carts(aws).add(CUSTOMER, "sku-50", 1, request(50, "key")))

    assert "at most 50 products" in text
    assert carts(aws).add(CUSTOMER, "sku-0", 1, request(50, "key")).lines["sku-0"].quantity == 2
    order_id = checked_out(aws, 51 * 500)
    assert len(aws.store.read(STREAM)[-1].get(OrderPlaced).items) == MOST_SKUS, order_id


@every_command
@pytest.mark.parametrize("version", [0, 2])
def test_a_command_for_another_version_changes_nothing(aws: Aws, act: Act, version: int) -> None:
    filled(aws)

    text = _refused(Refusal.STALE, lambda: act(carts(aws), request(version, "key")))

    assert text.startswith("If-Match: the cart is at version 1")
    assert len(events(aws)) == 1


@every_command
def test_a_repeated_command_has_the_same_answer_whatever_was_done_since(aws: Aws, act: Act) -> None:
    filled(aws)
    first = act(carts(aws), request(1, "key"))
    seed(aws, price_minor=400)
    filled(aws)

    assert act(carts(aws), request(1, "key")) == first

    assert len(events(aws)) == 3


@every_command
def test_a_key_that_was_used_for_something_else_is_refused(aws: Aws, act: Act) -> None:
    filled(aws)
    act(carts(aws), request(1, "key", "this"))

    assert "new key" in _refused(Refusal.KEY_REUSED, lambda: act(carts(aws), request(1, "key", "that")))


def test_a_command_of_the_cart_before_the_last_is_stale_and_does_not_touch_the_present_one(aws: Aws) -> None:
    filled(aws)
    carts(aws).add(CUSTOMER, "prod-001", 1, request(1, "late"))
    checked_out(aws, 1500)
    filled(aws)

    _refused(Refusal.STALE, lambda: carts(aws).add(CUSTOMER, "prod-001", 1, request(1, "late")))

    assert carts(aws).read(CUSTOMER)[0].lines["prod-001"].quantity == 2


def test_a_double_click_makes_one_order(aws: Aws) -> None:
    filled(aws)
    order_ids: list[str] = []
    rival = Rivals(aws, lambda: order_ids.append(checked_out(aws)))

    _, checkout = carts(aws, rival.store()).check_out(CUSTOMER, SHOWN, request(1, "checkout"))

    assert order_ids == [checkout.order_id]
    assert events(aws) == ["CartItemAdded", "CartCheckoutInitiated + OrderPlaced"]


@every_command
@pytest.mark.parametrize("other", COMMANDS.values(), ids=COMMANDS)
def test_of_two_tabs_at_once_one_wins_and_the_other_is_stale(aws: Aws, act: Act, other: Act) -> None:
    filled(aws)
    rival = Rivals(aws, lambda: other(carts(aws), request(1, "one tab")))

    _refused(Refusal.STALE, lambda: act(carts(aws, rival.store()), request(1, "the other")))

    assert len(events(aws)) == 2


def test_only_the_commit_that_opens_a_cart_has_a_deadline(aws: Aws) -> None:
    filled(aws)
    filled(aws)
    opened = aws.store.read(STREAM)[0].due_at
    checked_out(aws, 2000)
    filled(aws, at=NOW + AFTER)

    assert opened is not None
    assert timedelta() < opened - (NOW + AFTER) <= HOUR
    assert [commit.due_at is not None for commit in aws.store.read(STREAM)] == [True, False, False, True]
    assert [group.stream_ids for group in deadlines(aws)] == [(STREAM,)] * 2


def test_a_cart_is_read_back_to_the_end_of_the_last_one(aws: Aws) -> None:
    for _ in range(3):
        filled(aws)
        checked_out(aws)
    filled(aws, 3)

    assert carts(aws).read(CUSTOMER)[0] == Cart.of(CUSTOMER, aws.store.read(STREAM))


def test_carts_of_two_customers_have_nothing_in_common(aws: Aws) -> None:
    filled(aws)

    other, _ = carts(aws).read("customer-2")

    assert (other.version, other.lines) == (0, {})
    assert checkout_version(checkout_order_id(CUSTOMER, 2), "customer-2") is None


def test_every_commit_of_a_cart_keeps_the_command_that_led_to_it(aws: Aws) -> None:
    filled(aws)
    checked_out(aws)

    assert [commit.command for commit in aws.store.read(STREAM)] == [Command("add-0", ""), Command("checkout", "")]


def test_stock_is_not_touched_before_the_order_is_decided(aws: Aws) -> None:
    aws.store.append(seeding("prod-001", stock=1))
    filled(aws, 100)

    checked_out(aws, 50_000)

    assert aws.stock() == (1, 0, 1)


@every_command
def test_an_erased_customer_can_do_nothing_with_a_cart_but_read_it(aws: Aws, act: Act) -> None:
    filled(aws)
    customers(aws).erase(CUSTOMER, None, CAUSE)

    _refused(Refusal.ERASED, lambda: act(carts(aws), request(1, "key-1")))

    cart, _ = carts(aws).read(CUSTOMER)
    assert (cart.version, [*cart.lines]) == (1, ["prod-001"])


@every_command
def test_an_erasure_that_overtakes_a_command_wins(aws: Aws, act: Act) -> None:
    filled(aws)
    rivals = Rivals(aws, lambda: customers(aws).erase(CUSTOMER, None, CAUSE))

    _refused(Refusal.ERASED, lambda: act(carts(aws, rivals.store()), request(1, "key-1")))

    assert events(aws) == ["CartItemAdded"]


def test_an_erased_customer_never_begins_a_cart(aws: Aws) -> None:
    seed(aws)
    customers(aws).erase(CUSTOMER, None, CAUSE)

    _refused(Refusal.ERASED, lambda: carts(aws).add(CUSTOMER, "prod-001", 1, request(0, "key-1")))

    assert events(aws) == []


def test_the_carts_of_others_go_on(aws: Aws) -> None:
    customers(aws).erase("customer-2", None, CAUSE)

    assert filled(aws).version == 1
