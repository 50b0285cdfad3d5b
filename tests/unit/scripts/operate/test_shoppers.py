"""The demo's customers, with a shop that answers as it is told; the demo itself has a real one."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.cli.errors import UserError
from scripts.operate import shoppers
from scripts.operate.shop_client import ShopClient
from scripts.operate.shop_requests import ProblemError
from scripts.operate.shop_users import ShopUsers
from scripts.operate.shoppers import CUSTOMERS, Shoppers
from services.cart_service.api import CartLineView, CartView, TotalView
from services.customer_service.api import MyChanges
from services.shared.refusals import Refusal
from services.support_service.api import CreateTicket
from services.support_service.domain import TicketStatus


class Pool:
    def __init__(self) -> None:
        self.users: set[str] = set()

    def sign_up(self, name: str) -> SimpleNamespace:
        self.users.add(name)
        return SimpleNamespace(text=name)

    def sign_in_anew(self, email: str) -> SimpleNamespace:
        return SimpleNamespace(text=email.partition("@")[0])

    def make_staff(self, _: str) -> None:
        pass

    def exists(self, name: str) -> bool:
        return name in self.users

    def remove(self, name: str) -> None:
        self.users.remove(name)


class Shop:
    """One shop for all its customers: each of them, by token, has a cart and orders."""

    def __init__(self) -> None:
        self.pool = Pool()
        self.profiles: dict[str, MyChanges] = {}
        self.tickets: dict[str, list[str]] = {}
        self.ratings: dict[str, int] = {}
        self.erased: list[str] = []
        self.prices: dict[str, int] = {"a": 100, "b": 150, "c": 200, "d": 300}
        self.carts: dict[str, dict[str, int]] = {}
        self.paid: dict[str, int] = {}
        self.cancellations: list[Exception | None] = []
        self.returns: list[tuple[str, str]] = []

    def client(self, token: str) -> ShopClient:
        return cast("ShopClient", Client(self, token))


class Client:
    def __init__(self, shop: Shop, token: str) -> None:
        self._shop = shop
        self._token = token

    def list_categories(self) -> None: ...
    def list_products(self, limit: int) -> None: ...

    def get_product(self, sku: str) -> SimpleNamespace:
        return _answer(SimpleNamespace(price_minor=self._shop.prices[sku]))

    def change_product(self, sku: str, changes: Any, _: int) -> SimpleNamespace:  # noqa: ANN401
        self._shop.prices[sku] = changes.price_minor
        return _answer(SimpleNamespace(sku=sku))

    def get_cart(self) -> SimpleNamespace:
        cart = self._shop.carts.get(self._token, {})
        lines = tuple(
            CartLineView(sku=sku, name=sku, quantity=1, unit_price_minor=price, currency="GBP")
            for sku, price in cart.items()
        )
        total = TotalView(amount_minor=sum(cart.values()), currency="GBP")
        return _answer(CartView(lines=lines, totals=(total,), present_totals=(total,)))

    def add_cart_item(self, sku: str, _: int, __: int) -> SimpleNamespace:
        self._shop.carts.setdefault(self._token, {})[sku] = self._shop.prices[sku]
        return self.get_cart()

    def check_out_cart(self, shown: TotalView, *_: object) -> SimpleNamespace:
        present = sum(self._shop.prices[sku] for sku in self._shop.carts[self._token])
        if shown.amount_minor < present:
            extensions = {"present": {"amountMinor": present, "currency": "GBP"}}
            raise ProblemError(409, "dearer", kind=f"urn:x:{Refusal.PRICE_CHANGED}", extensions=extensions)
        order_id = f"order-{self._token}"
        self._shop.paid[order_id] = present
        return _answer(SimpleNamespace(order_id=order_id))

    def cancel_order(self, _: str) -> None:
        refusal = self._shop.cancellations.pop(0) if self._shop.cancellations else None
        if refusal:
            raise refusal

    def get_order(self, _: str) -> SimpleNamespace:
        return _answer(SimpleNamespace(lines=[SimpleNamespace(sku="a", quantity=1)]))

    def request_return(self, order_id: str, _: object) -> SimpleNamespace:
        self._shop.returns.append((self._token, order_id))
        return _answer(SimpleNamespace(return_id="r-1"))

    def receive_return(self, order_id: str, *_: object, restock: object) -> None:
        assert restock
        self._shop.returns.append((self._token, order_id))

    def get_me(self) -> SimpleNamespace:
        return _answer(None)

    def change_me(self, changes: MyChanges, _: int) -> None:
        self._shop.profiles[self._token] = changes

    def create_ticket(self, new: CreateTicket) -> SimpleNamespace:
        assert new.order_id == f"order-{self._token}"
        self._shop.tickets[f"t-{self._token}"] = [self._token]
        return _answer(SimpleNamespace(ticket_id=f"t-{self._token}"))

    def resolve_ticket(self, ticket_id: str, _: str) -> None:
        self._shop.tickets[ticket_id].append(self._token)

    def get_ticket(self, ticket_id: str) -> SimpleNamespace:
        is_closed = ticket_id.removeprefix("t-") in self._shop.erased
        return _answer(SimpleNamespace(status=TicketStatus.CLOSED if is_closed else TicketStatus.RESOLVED))

    def give_feedback(self, order_id: str, rating: int) -> None:
        assert order_id == f"order-{self._token}"
        self._shop.ratings[order_id] = rating

    def delete_me(self) -> None:
        self._shop.erased.append(self._token)
        self._shop.pool.users.discard(self._token)


def _answer(content: object) -> SimpleNamespace:
    return SimpleNamespace(content=content, version=1)


def _refused(reason: Refusal) -> ProblemError:
    return ProblemError(409, "no", kind=f"urn:x:{reason}")


def _shoppers(shop: Shop) -> Shoppers:
    return Shoppers(cast("ShopUsers", shop.pool), shop.client, "1", ["a", "b", "c", "d"])


def test_every_customer_orders_once_and_is_gone_afterwards() -> None:
    shop = Shop()

    with _shoppers(shop) as customers:
        assert len(shop.pool.users) == CUSTOMERS + 1
        visits = customers.shop()

    assert len(visits.placed) == CUSTOMERS
    assert visits.told == {"agreed to a higher price": 1, "clicked twice": 1, "cancelled": 1}
    assert shop.pool.users == set()


def test_a_price_that_has_risen_is_agreed_to_and_taken_back_afterwards() -> None:
    shop = Shop()

    with _shoppers(shop) as customers:
        customers.shop()

    assert shop.paid["order-demo-1-01"] == 301
    assert shop.prices["d"] == 300


def test_an_order_is_cancelled_once_it_is_decided_and_another_one_where_it_is_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shoppers, "sleep", lambda _: None)
    shop = Shop()
    shop.cancellations = [_refused(Refusal.NOT_YET), _refused(Refusal.TOO_LATE), _refused(Refusal.NOT_YET), None]

    with _shoppers(shop) as customers:
        assert customers.shop().told["cancelled"] == 1

    assert shop.cancellations == []


def test_two_clicks_that_make_two_orders_end_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(["order-1", "order-2"])
    monkeypatch.setattr(Client, "check_out_cart", lambda *_: _answer(SimpleNamespace(order_id=next(ids))))

    with _shoppers(Shop()) as customers, pytest.raises(UserError, match="two orders, order-"):
        customers._click_twice(customers._customers[0])  # noqa: SLF001


def test_the_return_of_a_customers_order_is_received_by_staff() -> None:
    shop = Shop()

    with _shoppers(shop) as customers:
        customers.shop()
        returned = customers.return_one(["by-event", "order-demo-1-05", "order-demo-1-06"])
        assert customers.return_one(["by-event"]) is None

    assert returned == "order-demo-1-05"
    assert shop.returns == [("demo-1-05", returned), ("demo-1-staff", returned)]


def test_some_customers_tell_of_themselves_and_two_are_answered_by_staff() -> None:
    shop = Shop()

    with _shoppers(shop) as customers:
        visits = customers.shop()

    assert len(shop.profiles) == CUSTOMERS / 4
    assert all(profile.name and profile.addresses for profile in shop.profiles.values())
    assert [said[1] for said in shop.tickets.values()] == ["demo-1-staff"] * 2
    assert visits.served == {"filled in a profile": 5, "were answered by staff": 2}


def test_customers_rate_those_of_their_orders_that_are_delivered() -> None:
    shop = Shop()

    with _shoppers(shop) as customers:
        visits = customers.shop()
        customers.rate(["by-event", "order-demo-1-05", "order-demo-1-06"])

    assert shop.ratings.keys() == {"order-demo-1-05", "order-demo-1-06"}
    assert sorted(visits.ratings) == sorted(shop.ratings.values())
    assert all(1 <= rating <= 5 for rating in visits.ratings)


def test_one_who_was_answered_is_erased_and_not_removed_again() -> None:
    shop = Shop()

    with _shoppers(shop) as customers:
        visits = customers.shop()
        customers.erase_one()
        assert len(shop.pool.users) == CUSTOMERS

    assert [f"t-{name}" for name in shop.erased] == list(shop.tickets)[:1]
    assert visits.served["was erased for good"] == 1
    assert shop.pool.users == set()


def test_a_shop_that_does_not_forget_a_customer_ends_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shoppers, "_REMOVAL_SECONDS", 0.0)
    monkeypatch.setattr(Client, "delete_me", lambda _: None)

    with _shoppers(Shop()) as customers:
        customers.shop()
        with pytest.raises(UserError, match="the shop did not forget demo-1-"):
            customers.erase_one()
