"""The tasks of customers and staff after the sale, on a deployment's tables."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from invoke.context import Context

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate import after_sale
from scripts.operate.after_sale import cancel_order, receive_return, request_return, retry_refunds
from scripts.tasks import shop
from services.libs.store.event_store import ContentionError
from services.order_service.after_sale_service import AfterSale
from services.payment_service.domain import refund_refused, refunded
from services.shared.commits import Commit
from services.shared.events.order import OrderCancelled, OrderDelivered, ReturnReceived, ReturnRequested
from services.shared.events.payment import RefundRequested
from services.shared.order_state import Order
from tests.factories import CAUSE, seeding
from tests.unit.conftest import Aws, make_deployment
from tests.unit.services.lives import concluded, delivered, in_fulfilment, refused, reserved, shipped

STREAM = "order#order-1"


@pytest.fixture
def target(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Target:
    aws.store.append(seeding("prod-001", stock=10, price_minor=500))
    aws.store.append(seeding("prod-002", stock=10, price_minor=700))
    monkeypatch.setattr(Deployment, "of", lambda _: aws.deployment)
    monkeypatch.setattr(after_sale, "_WAIT_SECONDS", 0)
    monkeypatch.setattr(after_sale, "_UNTIL_DECIDED_SECONDS", 0)
    return cast("Target", SimpleNamespace(client={"dynamodb": aws.dynamodb}.__getitem__))


def _write(aws: Aws, commits: Sequence[Commit]) -> None:
    for commit in commits:
        aws.store.append(commit)


def _write_delivered(aws: Aws, days_ago: float = 0) -> None:
    """Delivered so long ago: the tasks have the machine's clock."""
    _write(aws, shipped())
    delivered_at = datetime.now(UTC) - timedelta(days=days_ago)
    (last,) = delivered()[5:]
    aws.store.append(Commit(STREAM, 6, last.events, type(CAUSE)("event-6", "correlation-6", delivered_at)))


def _history(aws: Aws) -> tuple[Commit, ...]:
    return aws.store.read(STREAM)


def _make_refund(aws: Aws) -> None:
    (refund,) = Order.of(_history(aws)).open_refunds
    aws.store.append(refunded(_history(aws), refund, refund.amount_minor, CAUSE))


def _refuse_refund(aws: Aws) -> None:
    (refund,) = Order.of(_history(aws)).open_refunds
    aws.store.append(refund_refused(_history(aws), refund, CAUSE))


def _cancel(target: Target, customer_id: str | None = None, *, wait: bool = False) -> None:
    cancel_order(target, "order-1", customer_id, wait=wait)


def _request(target: Target, *items: str, customer_id: str | None = None, return_id: str | None = "return-1") -> None:
    request_return(target, "order-1", customer_id, items, return_id)


def _receive(target: Target, *items: str, restock: Sequence[str] = (), wait: bool = False) -> None:
    receive_return(target, "order-1", "return-1", items, list(restock), wait=wait)


@pytest.mark.parametrize("customer_id", [None, "customer-1"])
def test_an_order_is_cancelled_for_its_customer(
    aws: Aws, target: Target, capsys: pytest.CaptureFixture[str], customer_id: str | None
) -> None:
    _write(aws, concluded())

    _cancel(target, customer_id)

    assert _history(aws)[3].find(OrderCancelled)
    assert _history(aws)[3].cause.event_id.startswith("order-cancel-")
    assert aws.stock() == (10, 0, 10)
    assert capsys.readouterr().out.splitlines() == [
        "order order-1 is cancelled, by version 4",
        "refund order-1-cancelled of 31.00 GBP is asked for",
        "`invoke order-show order-1` shows all of it",
    ]


def test_cancelling_again_says_that_it_was_done(aws: Aws, target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    _write(aws, reserved())
    _cancel(target)
    assert "refund order-1-cancelled of at most 31.00 GBP is asked for" in capsys.readouterr().out
    _make_refund(aws)

    _cancel(target, wait=True)

    assert capsys.readouterr().out.splitlines() == [
        "order order-1 is cancelled already",
        "`invoke order-show order-1` shows all of it",
    ]
    assert len(_history(aws)) == 3


def test_cancelling_again_fails_as_long_as_its_refund_is_refused(aws: Aws, target: Target) -> None:
    _write(aws, concluded())
    _cancel(target)
    _refuse_refund(aws)

    with pytest.raises(UserError, match="refund order-1-cancelled was refused by the payment provider"):
        _cancel(target, wait=True)


def test_a_cancel_waits_until_its_order_is_decided(aws: Aws, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    _meanwhile(monkeypatch, lambda: _write(aws, reserved()))

    _cancel(target)

    assert _history(aws)[-1].find(OrderCancelled)


@pytest.mark.parametrize("order_id", ["", "order#1", "😀", "o" * 3000])
def test_a_text_that_is_the_id_of_no_order_is_an_error_that_does_not_repeat_all_of_it(
    target: Target, order_id: str
) -> None:
    with pytest.raises(UserError, match="the order's id cannot be") as refusal:
        cancel_order(target, order_id, None, wait=False)

    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("history", "customer_id", "text"),
    [
        ((), None, "order order-1 is not decided yet, or does not exist: nothing was changed"),
        ((), "customer-1", "order order-1 is not decided yet, or does not exist: try again; nothing was changed"),
        (reserved(), "customer-2", "customer customer-2 has no order order-1; nothing was changed"),
        (refused(), None, r"order order-1 is cancelled already \(unknown_sku\); nothing was changed"),
        (in_fulfilment(), None, "its fulfilment has started; once delivered it can be returned; nothing was changed"),
    ],
    ids=["unknown", "unknown of a customer", "another's", "refused", "in fulfilment"],
)
def test_an_order_that_cannot_be_cancelled_is_an_error_that_says_why(
    aws: Aws, target: Target, history: Sequence[Commit], customer_id: str | None, text: str
) -> None:
    _write(aws, history)

    with pytest.raises(UserError, match=text):
        _cancel(target, customer_id)

    assert len(_history(aws)) == len(history)


def test_an_order_that_others_write_to_all_the_time_is_an_error(
    aws: Aws, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise ContentionError("others wrote to the order in each of 8 attempts")

    _write(aws, concluded())
    monkeypatch.setattr(AfterSale, "cancel", busy)

    with pytest.raises(UserError, match="others wrote to the order in each of 8 attempts: nothing was changed, try ag"):
        _cancel(target)


def _meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Let it happen while the task waits for the first time."""

    def waited(condition: Callable[[], bool], *_: float) -> bool:
        if not condition():
            happens()
        return condition()

    monkeypatch.setattr(after_sale, "wait_until", waited)


def test_the_refund_is_waited_for(
    aws: Aws, target: Target, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(aws, concluded())
    _meanwhile(monkeypatch, lambda: _make_refund(aws))

    _cancel(target, wait=True)

    assert capsys.readouterr().out.splitlines()[-1] == "refund order-1-cancelled is made: 31.00 GBP were given back"


def test_a_refund_that_is_refused_meanwhile_is_an_error_that_says_how_to_ask_again(
    aws: Aws, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(aws, concluded())
    _meanwhile(monkeypatch, lambda: _refuse_refund(aws))

    with pytest.raises(
        UserError, match="refund order-1-cancelled was refused by the payment provider: `invoke refund-retry or"
    ):
        _cancel(target, wait=True)


def test_a_refund_that_is_not_made_in_time_is_an_error(aws: Aws, target: Target) -> None:
    _write(aws, concluded())

    with pytest.raises(
        UserError, match="refund order-1-cancelled is not made yet: `invoke logs --order order-1 --errors` may"
    ):
        _cancel(target, wait=True)

    assert len(_history(aws)) == 4


def test_a_return_is_opened_with_what_follows(aws: Aws, target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    _write_delivered(aws)

    _request(target, "prod-002=1", "prod-001=1", "prod-002=2")

    opened = _history(aws)[-1]
    assert [(line.sku, line.quantity) for line in opened.get(ReturnRequested).lines] == [
        ("prod-001", 1),
        ("prod-002", 3),
    ]
    assert opened.due_at == opened.cause.at + timedelta(days=14)
    assert capsys.readouterr().out.splitlines() == [
        "return return-1 of order order-1 is open, by version 7",
        f"it is closed without a refund if nothing arrives by {opened.due_at:%Y-%m-%d %H:%M} UTC",
        "`invoke order-show order-1` shows all of it",
    ]


def test_a_repeated_return_id_makes_one_return(aws: Aws, target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    _write_delivered(aws)
    _request(target, "prod-001=1", customer_id="customer-1")
    capsys.readouterr()

    _request(target, "prod-001=1")

    assert capsys.readouterr().out.splitlines()[0] == "return return-1 of order order-1 is open already"
    assert len(_history(aws)) == 7


def test_a_return_without_an_id_gets_a_new_one_each_time(aws: Aws, target: Target) -> None:
    _write_delivered(aws)

    _request(target, "prod-001=1", return_id=None)
    _request(target, "prod-001=1", return_id=None)

    ids = {commit.get(ReturnRequested).return_id for commit in _history(aws)[6:]}
    assert len(ids) == 2
    assert all(one.startswith("return-") for one in ids)


@pytest.mark.parametrize(
    ("items", "options", "text"),
    [
        ([], {}, "the return is empty: give --item SKU=QUANTITY"),
        (["prod-001"], {}, "--item prod-001: the quantity is missing, write for example prod-001=1"),
        (["prod-001=1.5"], {}, "--item prod-001=1.5: the quantity is not a whole number, write for example prod-001=2"),
        (["prod-001=0"], {}, "prod-001: the quantity is 0: give a whole number, 1 or more; nothing was changed"),
        (["prod-001=-1"], {}, "prod-001: the quantity is -1"),
        (["prod-001=3"], {}, "prod-001: 3 units are more than the 2 that can still be returned; nothing was changed"),
        (["prod-003=1"], {}, "prod-003 is not among the goods that can still be returned"),
        (["prod 1=1"], {}, "lines.0.sku: String should match pattern"),
        (["prod-001=1"], {"return_id": "a b"}, "return_?[iI]d: String should match pattern"),
        (["prod-001=1"], {"customer_id": "customer-2"}, "customer customer-2 has no order order-1"),
    ],
)
def test_a_return_that_cannot_be_is_an_error_that_says_why(
    aws: Aws, target: Target, items: Sequence[str], options: dict[str, str], text: str
) -> None:
    _write_delivered(aws)

    with pytest.raises(UserError, match=text):
        _request(target, *items, **options)

    assert len(_history(aws)) == 6


@pytest.mark.parametrize(("days_ago", "text"), [(29.9, ""), (30.1, "delivered more than 30 days ago")])
def test_the_deployment_says_how_long_goods_may_be_returned(
    aws: Aws, target: Target, days_ago: float, text: str
) -> None:
    _write_delivered(aws, days_ago)

    if not text:
        _request(target, "prod-001=1")
        return
    with pytest.raises(UserError, match=text):
        _request(target, "prod-001=1")


def test_the_deployment_says_how_long_goods_may_take_to_arrive(
    aws: Aws, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deployment, "of", lambda _: make_deployment(return_arrival_days=3))
    _write_delivered(aws)

    _request(target, "prod-001=1")

    opened = _history(aws)[-1]
    assert opened.due_at == opened.cause.at + timedelta(days=3)


@pytest.mark.parametrize(
    ("restock", "fit", "stock"),
    [([], (2, 1), (10, 8)), (["none"], (), (8, 7)), (["prod-001=1"], (1,), (9, 7))],
    ids=["all", "none", "some"],
)
def test_goods_that_came_back_are_refunded_and_restocked(  # noqa: PLR0913 - a table of cases
    aws: Aws,
    target: Target,
    capsys: pytest.CaptureFixture[str],
    *,
    restock: Sequence[str],
    fit: tuple[int, ...],
    stock: tuple[int, int],
) -> None:
    _write_delivered(aws)
    _request(target, "prod-001=2", "prod-002=2")
    capsys.readouterr()

    _receive(target, "prod-001=2", "prod-002=1", restock=restock)

    received = _history(aws)[-1].get(ReturnReceived)
    assert tuple(line.quantity for line in received.restock) == fit
    assert tuple(line.quantity for line in received.lines) == (2, 1)
    assert (aws.stock("prod-001")[0], aws.stock("prod-002")[0]) == stock
    assert capsys.readouterr().out.splitlines() == [
        "return return-1 of order order-1 is received, by version 8",
        "refund order-1-return-return-1 of 17.00 GBP is asked for",
        "`invoke order-show order-1` shows all of it",
    ]


def test_receiving_again_says_that_it_was_done(aws: Aws, target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    _write_delivered(aws)
    _request(target, "prod-001=2")
    _receive(target, "prod-001=1")
    _make_refund(aws)
    capsys.readouterr()

    _receive(target, "prod-001=1", wait=True)

    assert capsys.readouterr().out.splitlines()[0] == "return return-1 of order order-1 is received already"
    assert aws.stock() == (9, 0, 9)


@pytest.mark.parametrize(
    ("items", "restock", "text"),
    [
        ([], [], "say which units came back: a return without any is closed by its deadline; nothing was changed"),
        (["prod-001=3"], [], "prod-001: 3 units are more than the 2 that were announced in return return-1"),
        (["prod-001=1"], ["prod-001=2"], "prod-001: 2 units are more than the 1 that came back"),
        (["prod-001=1"], ["none", "prod-001=1"], "--restock none: the quantity is missing"),
        (["prod-001=1"], ["prod-001=x"], "--restock prod-001=x: the quantity is not a whole number"),
        (["prod-001=0"], [], "prod-001: the quantity is 0"),
    ],
)
def test_goods_that_cannot_be_received_are_an_error_that_says_why(
    aws: Aws, target: Target, items: Sequence[str], restock: Sequence[str], text: str
) -> None:
    _write_delivered(aws)
    _request(target, "prod-001=2")

    with pytest.raises(UserError, match=text):
        _receive(target, *items, restock=restock)

    assert len(_history(aws)) == 7


def test_goods_of_an_unknown_order_are_an_error(target: Target) -> None:
    with pytest.raises(UserError, match="there is no order order-1; nothing was changed"):
        _receive(target, "prod-001=1")


@pytest.mark.parametrize("refund_id", [None, "order-1-cancelled"])
def test_a_failed_refund_is_asked_for_again_and_waited_for(
    aws: Aws,
    target: Target,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    refund_id: str | None,
) -> None:
    _write(aws, concluded())
    _cancel(target)
    _refuse_refund(aws)
    capsys.readouterr()
    _meanwhile(monkeypatch, lambda: _make_refund(aws))

    retry_refunds(target, "order-1", refund_id, wait=True)

    assert capsys.readouterr().out.splitlines() == [
        "refund order-1-cancelled of order order-1 is asked for again, by version 6",
        "refund order-1-again-cancelled of 31.00 GBP is asked for",
        "`invoke order-show order-1` shows all of it",
        "refund order-1-again-cancelled is made: 31.00 GBP were given back",
    ]


def test_two_of_staff_ask_for_a_failed_refund_once(
    aws: Aws, target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(aws, concluded())
    _cancel(target)
    _refuse_refund(aws)
    for _ in range(2):
        retry_refunds(target, "order-1", "order-1-cancelled", wait=False)

    assert "refund order-1-cancelled of order order-1 is asked for again already" in capsys.readouterr().out
    assert [commit.version for commit in _history(aws) if commit.find(RefundRequested)] == [4, 6]
    with pytest.raises(UserError, match="order order-1 has no refund that failed: nothing was changed"):
        retry_refunds(target, "order-1", None, wait=False)


def test_each_failed_refund_of_an_order_is_asked_for_again(aws: Aws, target: Target) -> None:
    _write_delivered(aws)
    for number in (1, 2):
        _request(target, "prod-001=1", return_id=f"return-{number}")
        receive_return(target, "order-1", f"return-{number}", ["prod-001=1"], [], wait=False)
        _refuse_refund(aws)

    retry_refunds(target, "order-1", None, wait=False)

    retried = [commit.get(RefundRequested).retry_of for commit in _history(aws)[-2:]]
    assert retried == ["order-1-return-return-1", "order-1-return-return-2"]


@pytest.mark.parametrize(
    ("refund_id", "text"),
    [
        ("order-1-9", "order order-1 has no refund order-1-9; nothing"),
        ("order-1-cancelled", "refund order-1-cancelled is open: it has"),
    ],
)
def test_a_refund_that_did_not_fail_is_an_error(aws: Aws, target: Target, refund_id: str, text: str) -> None:
    _write(aws, concluded())
    _cancel(target)

    with pytest.raises(UserError, match=text):
        retry_refunds(target, "order-1", refund_id, wait=False)

    assert len(_history(aws)) == 4


def test_the_tasks_hand_on_their_options(
    aws: Aws, target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shop, "target_of", lambda _: target)
    _write_delivered(aws)

    shop.return_request.body(Context(), "order-1", ["prod-001=1"], return_id="return-1")
    shop.return_receive.body(Context(), "order-1", "return-1", ["prod-001=1"], ["none"], wait=False)
    _refuse_refund(aws)
    shop.refund_retry.body(Context(), "order-1", wait=False)
    with pytest.raises(SystemExit) as ended:
        shop.order_cancel.body(Context(), "order-1", customer="customer-1", wait=False)

    assert ended.value.code == 1
    assert "its fulfilment has started; once delivered it can be returned" in capsys.readouterr().err
    assert _history(aws)[5].find(OrderDelivered)
    assert len(_history(aws)) == 10
    assert aws.stock() == (8, 0, 8)
