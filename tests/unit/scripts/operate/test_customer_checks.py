"""The post-deploy test at the front door, with a shop that answers as it is told; tests/integration has a real one."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate import customer_checks
from scripts.operate.customer_checks import CustomerChecks
from scripts.operate.post_deploy_suite import Check
from scripts.operate.shop_client import ShopClient
from scripts.operate.shop_requests import ProblemError
from services.customer_service.api import MyChanges
from services.payment_service.simulated_gateway import accepts
from services.shared.cart_lifecycle import cart_stream, checkout_order_id
from services.shared.commits import Commit
from services.shared.refusals import Refusal
from services.support_service.api import CreateTicket
from tests.factories import CAUSE


class Pool:
    """A user pool that makes users, or refuses. A token's text is the name of its user."""

    def __init__(self, refused: str = "") -> None:
        self.users: set[str] = set()
        self.staff: set[str] = set()
        self._refused = refused

    def sign_up(self, name: str) -> SimpleNamespace:
        self._refuse("AdminCreateUser")
        self.users.add(name)
        return SimpleNamespace(text=name, customer_id="c-1")

    def make_staff(self, email: str) -> None:
        self._refuse("AdminAddUserToGroup")
        self.staff.add(email.partition("@")[0])

    def sign_in_anew(self, email: str) -> SimpleNamespace:
        return SimpleNamespace(text=email.partition("@")[0], customer_id="c-2")

    def exists(self, name: str) -> bool:
        return name in self.users

    def remove(self, name: str) -> None:
        self.users.remove(name)

    def _refuse(self, operation: str) -> None:
        if operation == self._refused:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, operation)


class Shop:
    """A customer's cart, orders and ticket; `cancel` answers each cancellation."""

    def __init__(self, cancel: Callable[[], object]) -> None:
        self.pool = Pool()
        self.name: str | None = None
        self.said: list[str] = []
        self.forgets = True
        self.erased: set[str] = set()
        self.version = 0
        self.units = 0
        self.placed: list[str] = []
        self._cancel = cancel

    def get_health(self) -> object:
        return _answer(SimpleNamespace(status="ok"))

    def get_cart(self) -> object:
        line = SimpleNamespace(sku="cup", quantity=self.units)
        return _answer(SimpleNamespace(lines=[line], totals=["total"]), self.version)

    def add_cart_item(self, _: str, units: int, version: int) -> object:
        return self.set_cart_item("", self.units + units, version)

    def set_cart_item(self, _: str, units: int, version: int) -> object:
        assert version == self.version
        self.units, self.version = units, version + 1
        return self.get_cart()

    def check_out_cart(self, _: object, version: int) -> object:
        assert (version, self.units) == (self.version, 1)
        self.placed.append(checkout_order_id(self.read(cart_stream("c-1"))[-1]))
        self.version, self.units = version + 1, 0
        return SimpleNamespace(status=202, content=SimpleNamespace(order_id=self.placed[-1]))

    def read(self, stream_id: str) -> list[Commit]:
        """The last commit of the customer's cart, as the event store has it."""
        return [Commit(stream_id, self.version, (), CAUSE)]

    def change_me(self, changes: MyChanges, version: int) -> None:
        assert version == 0
        self.name = changes.name

    def create_ticket(self, new: CreateTicket) -> object:
        assert new.order_id == self.placed[0]
        self.said.append(f"customer {new.text}")
        return _answer(SimpleNamespace(ticket_id="t-1"))

    def resolve_ticket(self, _: str, text: str) -> None:
        self.said.append(f"staff {text}")

    def get_ticket(self, _: str) -> object:
        messages = [SimpleNamespace(sender=one.split()[0], text=one.partition(" ")[2]) for one in self.said]
        return _answer(SimpleNamespace(status="resolved", messages=messages))

    def give_feedback(self, order_id: str, _: int) -> object:
        assert order_id == self.placed[-1]
        raise _refuse(409, Refusal.NOT_ALLOWED)

    def get_order(self, _: str) -> object:
        return _answer(SimpleNamespace(lines=[SimpleNamespace(sku="cup", quantity=1)]))

    def cancel_order(self, _: str) -> object:
        return self._cancel()


class Client:
    """The shop as one of its users sees it."""

    def __init__(self, shop: Shop, user: str) -> None:
        self._shop = shop
        self._user = user

    def __getattr__(self, name: str) -> object:
        return getattr(self._shop, name)

    def get_me(self) -> object:
        if self._user in self._shop.erased:
            raise _refuse(410, Refusal.ERASED)
        return _answer(SimpleNamespace(name=self._shop.name))

    def delete_me(self) -> object:
        if self._shop.forgets:
            self._shop.erased.add(self._user)
            self._shop.pool.users.discard(self._user)
        return SimpleNamespace(status=204)


def _answer(content: object, version: int = 0) -> SimpleNamespace:
    return SimpleNamespace(content=content, version=version, status=200)


def _cancelled() -> object:
    return _answer(SimpleNamespace(status="cancelled"))


def _refuse(status: int, reason: Refusal | str = "") -> ProblemError:
    return ProblemError(status, "no", kind=f"urn:pulsequeue:problem:{reason}" if reason else "about:blank")


def _checks(
    monkeypatch: pytest.MonkeyPatch, shop: Shop, *, success_rate: float = 0.5
) -> tuple[list[Check], CustomerChecks]:
    def unauthorized() -> None:
        raise _refuse(401)

    nobody = SimpleNamespace(get_health=shop.get_health, get_cart=unauthorized)
    confirmed = SimpleNamespace(type_name=lambda: "OrderConfirmed")
    history = SimpleNamespace(concluded=SimpleNamespace(events=[confirmed]))
    orders = SimpleNamespace(wait=lambda ids, _: dict.fromkeys(ids, history))
    monkeypatch.setattr(customer_checks, "ShopUsers", lambda *_: shop.pool)
    monkeypatch.setattr(customer_checks, "OrderClient", lambda *_: orders)
    monkeypatch.setattr(customer_checks, "EventStore", lambda *_: shop)
    monkeypatch.setattr(ShopClient, "of", lambda *given: Client(shop, given[2]) if len(given) > 2 else nobody)
    deployment = cast("Deployment", SimpleNamespace(payment_success_rate=success_rate, store_tables=None))
    target = cast("Target", SimpleNamespace(client=lambda _: None))
    test = CustomerChecks(target, deployment, "cup")
    return list(test.checks()), test


def test_a_customer_buys_one_cancels_another_asks_and_is_erased_then(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(_cancelled)

    checks, test = _checks(monkeypatch, shop)

    assert [check for check in checks if not check.holds] == []
    seen = {check.subject: check.seen for check in checks}
    assert seen["status of the cancelled order"] == "cancelled"
    assert seen["messages of the ticket"] == ["customer: Where is it?", "staff: On its way."]
    assert seen["feedback on an order that was not delivered"] == "not_allowed"
    assert (seen["status of the erased customer's profile"], seen["status of the erased staff's profile"]) == (410, 410)
    assert (test.sold, shop.pool.users, len(shop.erased)) == ({"cup": 1}, set(), 2)
    assert shop.pool.staff < shop.erased


def test_an_erasure_that_leaves_a_profile_or_a_user_fails_its_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_checks, "_REMOVAL_SECONDS", 0.0)
    shop = Shop(_cancelled)
    shop.forgets = False

    checks, _ = _checks(monkeypatch, shop)

    assert [(check.subject, check.seen) for check in checks if not check.holds] == [
        ("status of the erased customer's profile", 200),
        ("the erased customer's user is gone", False),
        ("status of the erased staff's profile", 200),
        ("the erased staff's user is gone", False),
    ]


def test_only_orders_are_placed_that_the_gateway_will_charge(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(_cancelled)

    _checks(monkeypatch, shop, success_rate=0.2)

    assert [accepts(order_id, 0.2) for order_id in shop.placed] == [True, True]


def test_an_order_that_was_too_fast_to_be_cancelled_is_sold_and_another_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(customer_checks, "sleep", lambda _: None)
    answers: list[Any] = [_refuse(409, Refusal.NOT_YET), _refuse(409, Refusal.TOO_LATE), _cancelled()]

    def cancel() -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    checks, test = _checks(monkeypatch, Shop(cancel))

    assert all(check.holds for check in checks)
    assert test.sold == {"cup": 2}


@pytest.mark.parametrize("refused", ["AdminCreateUser", "AdminAddUserToGroup"])
def test_it_says_what_is_not_checked_where_no_people_may_be_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], refused: str
) -> None:
    shop = Shop(_cancelled)
    shop.pool = Pool(refused)

    checks, _ = _checks(monkeypatch, shop)

    assert [check.subject for check in checks] == ["health", "status of a cart without a token"]
    said = " ".join(capsys.readouterr().out.split())
    assert "not tested: profiles, carts, checkout, cancellation, tickets and erasure at the shop API" in said
    assert f"cognito-idp:{refused}" in said
    assert shop.pool.users == set()


def test_the_people_are_erased_after_a_check_that_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> object:
        raise _refuse(500)

    shop = Shop(broken)

    with pytest.raises(ProblemError, match="500"):
        _checks(monkeypatch, shop)

    assert (len(shop.erased), shop.pool.users) == (2, set())


def test_the_users_are_removed_where_the_shop_erases_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> object:
        raise _refuse(500)

    monkeypatch.setattr(Client, "delete_me", broken)
    monkeypatch.setattr(customer_checks, "_REMOVAL_SECONDS", 0.0)
    shop = Shop(_cancelled)

    with pytest.raises(ProblemError, match="500"):
        _checks(monkeypatch, shop)

    assert shop.pool.users == set()
