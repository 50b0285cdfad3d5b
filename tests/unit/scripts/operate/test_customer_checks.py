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
from services.payment_service.simulated_gateway import accepts
from services.shared.cart_lifecycle import cart_stream, checkout_order_id
from services.shared.commits import Commit
from services.shared.refusals import Refusal
from tests.factories import CAUSE


class Pool:
    """A user pool that makes a user, or refuses."""

    def __init__(self, refusal: ClientError | None = None) -> None:
        self.users: set[str] = set()
        self._refusal = refusal

    def sign_up(self, name: str) -> SimpleNamespace:
        if self._refusal:
            raise self._refusal
        self.users.add(name)
        return SimpleNamespace(text="a.b.c", customer_id="c-1")

    def remove(self, name: str) -> None:
        self.users.remove(name)


class Shop:
    """A customer's cart and orders; `cancel` answers each cancellation."""

    def __init__(self, cancel: Callable[[], object]) -> None:
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

    def get_order(self, _: str) -> object:
        return _answer(SimpleNamespace(lines=[SimpleNamespace(sku="cup", quantity=1)]))

    def cancel_order(self, _: str) -> object:
        return self._cancel()


def _answer(content: object, version: int = 0) -> SimpleNamespace:
    return SimpleNamespace(content=content, version=version, status=200)


def _cancelled() -> object:
    return _answer(SimpleNamespace(status="cancelled"))


def _refuse(status: int, reason: Refusal | str = "") -> ProblemError:
    return ProblemError(status, "no", kind=f"urn:pulsequeue:problem:{reason}" if reason else "about:blank")


def _checks(
    monkeypatch: pytest.MonkeyPatch, pool: Pool, shop: Shop, *, success_rate: float = 0.5
) -> tuple[list[Check], CustomerChecks]:
    def unauthorized() -> None:
        raise _refuse(401)

    nobody = SimpleNamespace(get_health=shop.get_health, get_cart=unauthorized)
    confirmed = SimpleNamespace(type_name=lambda: "OrderConfirmed")
    history = SimpleNamespace(concluded=SimpleNamespace(events=[confirmed]))
    orders = SimpleNamespace(wait=lambda ids, _: dict.fromkeys(ids, history))
    monkeypatch.setattr(customer_checks, "ShopUsers", lambda *_: pool)
    monkeypatch.setattr(customer_checks, "OrderClient", lambda *_: orders)
    monkeypatch.setattr(customer_checks, "EventStore", lambda *_: shop)
    monkeypatch.setattr(ShopClient, "of", lambda *given: shop if len(given) > 2 else nobody)
    deployment = cast("Deployment", SimpleNamespace(payment_success_rate=success_rate, store_tables=None))
    target = cast("Target", SimpleNamespace(client=lambda _: None))
    test = CustomerChecks(target, deployment, "cup")
    return list(test.checks()), test


def test_a_customer_buys_one_and_cancels_another_and_is_gone_then(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, shop = Pool(), Shop(_cancelled)

    checks, test = _checks(monkeypatch, pool, shop)

    assert [check for check in checks if not check.holds] == []
    assert [check.seen for check in checks if check.subject == "status of the cancelled order"] == ["cancelled"]
    assert (test.sold, pool.users) == ({"cup": 1}, set())


def test_only_orders_are_placed_that_the_gateway_will_charge(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(_cancelled)

    _checks(monkeypatch, Pool(), shop, success_rate=0.2)

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

    checks, test = _checks(monkeypatch, Pool(), Shop(cancel))

    assert all(check.holds for check in checks)
    assert test.sold == {"cup": 2}


def test_it_says_what_is_not_checked_where_no_customer_may_be_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "AdminCreateUser")

    checks, _ = _checks(monkeypatch, Pool(denied), Shop(_cancelled))

    assert [check.subject for check in checks] == ["health", "status of a cart without a token"]
    said = " ".join(capsys.readouterr().out.split())
    assert "not tested: carts, checkout and cancellation at the shop API" in said
    assert "cognito-idp:AdminCreateUser" in said


def test_the_customer_is_removed_after_a_check_that_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool()

    def broken() -> object:
        raise _refuse(500)

    with pytest.raises(ProblemError, match="500"):
        _checks(monkeypatch, pool, Shop(broken))

    assert pool.users == set()
