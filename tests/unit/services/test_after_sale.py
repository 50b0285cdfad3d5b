"""The decisions after an order is accepted, on histories in memory."""

from datetime import timedelta

import pytest

from services.order_service.after_sale import (
    ReceivedGoods,
    cancel,
    close_overdue_return,
    follow_parcels,
    receive_return,
    request_return,
    retry_refund,
)
from services.order_service.domain import NotDueError, expire
from services.shared.cancel_reasons import CancelReason
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.events.event import Event
from services.shared.events.order import (
    OrderCancelled,
    OrderDelivered,
    OrderShipped,
    ParcelWrittenOff,
    ReturnReceived,
    ReturnRequested,
    WriteOffReason,
    order_lines,
)
from services.shared.events.payment import RefundMode, RefundReason, RefundRequested
from services.shared.inventory import NO_MOVE, Move, StockLine, StockMove
from services.shared.lifecycle import Phase
from services.shared.order_lifecycle import CANCELLED, DELIVERED, ORDER, SHIPPED
from services.shared.order_state import Order
from services.shared.refusals import Refusal, RefusedError
from services.shared.shipment_lifecycle import BOOKED, CREATED, IN_TRANSIT, LOST, OUT_FOR_DELIVERY, PICKED_UP
from services.shared.shipment_lifecycle import DELIVERED as AT_HOME
from services.shared.shipment_lifecycle import NEW as UNKNOWN
from services.shared.shipment_lifecycle import RETURNED_TO_SENDER as CAME_BACK
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT
from tests.unit.services.lives import (
    AMOUNT_MINOR,
    ARRIVAL,
    FIRST,
    SECOND,
    WINDOW,
    History,
    announced,
    at,
    concluded,
    delivered,
    followed,
    goods,
    in_fulfilment,
    lines_of,
    received,
    refund_failed,
    refund_made,
    refused,
    reserved,
    returning,
    settled,
    shipped,
    some,
)

MINUTE = timedelta(minutes=1)
ALL = lines_of(prod_001=2, prod_002=3)


def _cancel(history: History, customer_id: str = "customer-1") -> Commit | None:
    return cancel(Order.of(history) if history else None, "order-1", customer_id, CAUSE)


def _follow(history: History, *phases: Phase) -> Commit | None:
    order = Order.of(history)
    return follow_parcels(order, dict(zip(order.shipments, phases, strict=True)), CAUSE)


def _request(history: History, request: ReturnRequested, cause: Cause = CAUSE) -> Commit | None:
    return request_return(Order.of(history) if history else None, request, cause, window=WINDOW, arrival=ARRIVAL)


def _receive(history: History, came: ReceivedGoods) -> Commit | None:
    return receive_return(Order.of(history) if history else None, came, CAUSE)


def _retry(history: History, refund_id: str) -> Commit | None:
    return retry_refund(Order.of(history) if history else None, "order-1", refund_id, CAUSE)


def _expired() -> History:
    (accepted,) = reserved()
    return accepted, expire(accepted, NOW + PAYMENT_TIMEOUT)


def _kinds(commit: Commit | None) -> list[type[Event]]:
    return [type(event) for event in commit.events] if commit else []


def _phase(history: History) -> Phase:
    return ORDER.fold(history).phase


def _refunded(history: History) -> int:
    """What the order's refunds are, without those that another took the place of."""
    refunds = [event for commit in history if (event := commit.find(RefundRequested))]
    again = {refund.retry_of for refund in refunds}
    return sum(refund.amount_minor for refund in refunds if refund.refund_id not in again)


def test_a_reserved_order_is_called_off_with_its_reservation() -> None:
    commit = some(_cancel(reserved()))

    cancelled, refund = commit.events
    assert (commit.stream_id, commit.version, commit.cause) == ("order#order-1", 2, CAUSE)
    assert cancelled == OrderCancelled(
        order_id="order-1", customer_id="customer-1", reason=CancelReason.CUSTOMER_REQUEST
    )
    assert refund == RefundRequested(
        order_id="order-1",
        customer_id="customer-1",
        refund_id="order-1-cancelled",
        mode=RefundMode.CALL_OFF,
        amount_minor=AMOUNT_MINOR,
        currency="GBP",
        reason=RefundReason.CUSTOMER_REQUEST,
    )
    assert commit.stock_move == StockMove(Move.RELEASE, ALL)
    assert _phase((*reserved(), commit)) == CANCELLED


@pytest.mark.parametrize("history", [settled(), concluded()], ids=["paid", "confirmed"])
def test_a_paid_order_is_cancelled_with_all_of_its_stock_and_money_given_back(history: History) -> None:
    commit = some(_cancel(history))

    cancelled, refund = commit.events
    assert commit.version == len(history) + 1
    assert cancelled == OrderCancelled(
        order_id="order-1", customer_id="customer-1", reason=CancelReason.CUSTOMER_REQUEST
    )
    assert refund == RefundRequested(
        order_id="order-1",
        customer_id="customer-1",
        refund_id="order-1-cancelled",
        mode=RefundMode.REFUND,
        amount_minor=AMOUNT_MINOR,
        currency="GBP",
        reason=RefundReason.CUSTOMER_REQUEST,
    )
    assert commit.stock_move == StockMove(Move.RESTOCK, ALL)
    assert _phase((*history, commit)) == CANCELLED


@pytest.mark.parametrize("history", [reserved(), settled(), concluded()], ids=["reserved", "paid", "confirmed"])
def test_cancelling_again_changes_nothing(history: History) -> None:
    cancelled = (*history, some(_cancel(history)))

    assert _cancel(cancelled) is None
    assert _cancel(refund_made(cancelled)) is None


@pytest.mark.parametrize(
    ("history", "reason", "text"),
    [
        ((), Refusal.NOT_YET, "order order-1 is not decided yet, or does not exist: try again"),
        (refused(), Refusal.NOT_ALLOWED, r"order order-1 is cancelled already \(unknown_sku\)"),
        (settled(pays=False), Refusal.NOT_ALLOWED, "order order-1 is being cancelled, as its payment failed"),
        (concluded(pays=False), Refusal.NOT_ALLOWED, r"is cancelled already \(payment_failed\)"),
        (_expired(), Refusal.NOT_ALLOWED, r"is cancelled already \(payment_timeout\)"),
        (
            in_fulfilment(),
            Refusal.TOO_LATE,
            "order-1 cannot be cancelled any more: its fulfilment has started; once del",
        ),
        (shipped(), Refusal.TOO_LATE, "its fulfilment has started"),
        (delivered(), Refusal.TOO_LATE, "its fulfilment has started"),
        (followed(followed(in_fulfilment(), LOST, LOST), LOST), Refusal.NOT_ALLOWED, r"\(undeliverable\)"),
    ],
    ids=["new", "refused", "unpaid", "declined", "expired", "in fulfilment", "shipped", "delivered", "undeliverable"],
)
def test_an_order_that_cannot_be_cancelled_says_why(history: History, reason: Refusal, text: str) -> None:
    with pytest.raises(RefusedError, match=text) as refusal:
        _cancel(history)

    assert refusal.value.reason is reason


@pytest.mark.parametrize("history", [refused(), reserved(), settled(), in_fulfilment(), concluded(pays=False)])
def test_the_order_of_another_customer_is_not_found(history: History) -> None:
    with pytest.raises(RefusedError, match="customer customer-2 has no order order-1") as refusal:
        _cancel(history, "customer-2")

    assert refusal.value.reason is Refusal.NOT_FOUND


def test_the_other_customer_is_not_found_after_a_cancel_either() -> None:
    with pytest.raises(RefusedError, match="customer-2 has no order"):
        _cancel((*reserved(), some(_cancel(reserved()))), "customer-2")


@pytest.mark.parametrize("first", [PICKED_UP, IN_TRANSIT, OUT_FOR_DELIVERY, AT_HOME])
def test_an_order_is_shipped_once_every_parcel_is_picked_up(first: Phase) -> None:
    commit = some(_follow(in_fulfilment(), first, PICKED_UP))

    assert commit.events == (OrderShipped(order_id="order-1", customer_id="customer-1"),)
    assert (commit.version, commit.cause, commit.stock_move) == (5, CAUSE, NO_MOVE)
    assert _phase((*in_fulfilment(), commit)) == SHIPPED


@pytest.mark.parametrize("second", [UNKNOWN, CREATED, BOOKED])
def test_an_order_is_not_shipped_before_its_last_parcel_is_picked_up(second: Phase) -> None:
    assert _follow(in_fulfilment(), AT_HOME, second) is None


def test_an_order_is_delivered_once_every_parcel_is() -> None:
    commit = some(_follow(shipped(), AT_HOME, AT_HOME))

    assert commit.events == (OrderDelivered(order_id="order-1", customer_id="customer-1"),)
    assert _phase((*shipped(), commit)) == DELIVERED


@pytest.mark.parametrize("second", [PICKED_UP, IN_TRANSIT, OUT_FOR_DELIVERY])
def test_an_order_is_not_delivered_before_its_last_parcel_is(second: Phase) -> None:
    assert _follow(shipped(), AT_HOME, second) is None


def test_an_order_is_shipped_before_it_is_delivered() -> None:
    assert _kinds(_follow(in_fulfilment(), AT_HOME, AT_HOME)) == [OrderShipped]


@pytest.mark.parametrize("history", [in_fulfilment(), shipped()], ids=["in fulfilment", "shipped"])
def test_a_lost_parcel_is_written_off_and_refunded(history: History) -> None:
    commit = some(_follow(history, BOOKED, LOST))

    written_off, refund = commit.events
    assert written_off == ParcelWrittenOff(
        order_id="order-1",
        customer_id="customer-1",
        shipment_id=SECOND,
        outcome=WriteOffReason.LOST,
        lines=order_lines(lines_of(prod_002=3)),
    )
    assert isinstance(refund, RefundRequested)
    assert (refund.refund_id, refund.mode) == ("order-1-parcel-2", RefundMode.REFUND)
    assert (refund.amount_minor, refund.reason) == (3 * 700, RefundReason.UNDELIVERABLE)
    assert commit.stock_move == NO_MOVE
    assert _phase((*history, commit)) == _phase(history)


def test_a_parcel_that_came_back_is_in_stock_again() -> None:
    commit = some(_follow(shipped(), CAME_BACK, IN_TRANSIT))

    assert commit.get(ParcelWrittenOff).outcome is WriteOffReason.RETURNED_TO_SENDER
    assert commit.get(ParcelWrittenOff).shipment_id == FIRST
    assert commit.get(RefundRequested).amount_minor == 2 * 500
    assert commit.stock_move == StockMove(Move.RESTOCK, lines_of(prod_001=2))


@pytest.mark.parametrize("history", [in_fulfilment(), shipped()], ids=["in fulfilment", "shipped"])
def test_an_order_without_a_parcel_left_is_cancelled_and_wholly_refunded(history: History) -> None:
    one_left = followed(history, LOST, CAME_BACK)
    commit = some(_follow(one_left, CAME_BACK))

    assert _kinds(commit) == [ParcelWrittenOff, OrderCancelled, RefundRequested]
    assert commit.get(OrderCancelled) == OrderCancelled(
        order_id="order-1", customer_id="customer-1", reason=CancelReason.UNDELIVERABLE
    )
    assert commit.stock_move == StockMove(Move.RESTOCK, lines_of(prod_002=3))
    assert _phase((*one_left, commit)) == CANCELLED
    assert _refunded((*one_left, commit)) == AMOUNT_MINOR


def test_the_parcels_that_are_left_are_shipped_and_delivered() -> None:
    history = followed(in_fulfilment(), AT_HOME, LOST)
    history = followed(history, AT_HOME)
    assert _kinds(history[-1]) == [OrderShipped]

    history = followed(history, AT_HOME)

    assert _kinds(history[-1]) == [OrderDelivered]
    assert _phase(history) == DELIVERED
    assert _refunded(history) == 3 * 700


def test_a_parcel_is_written_off_before_the_order_is_shipped_without_it() -> None:
    assert _kinds(_follow(in_fulfilment(), PICKED_UP, LOST)) == [ParcelWrittenOff, RefundRequested]


@pytest.mark.parametrize(
    "history",
    [reserved(), settled(), concluded(), (*concluded(), some(_cancel(concluded())))],
    ids=["reserved", "paid", "confirmed", "cancelled"],
)
def test_nothing_follows_for_an_order_without_parcels(history: History) -> None:
    assert _follow(history) is None


def test_nothing_follows_once_an_order_is_delivered() -> None:
    assert _follow(delivered(), AT_HOME, LOST) is None


def test_a_return_is_opened_with_its_deadline() -> None:
    commit = some(_request(delivered(), announced(prod_002=2, prod_001=1)))

    assert commit.events == (announced(prod_001=1, prod_002=2),)
    assert (commit.version, commit.cause, commit.stock_move) == (7, CAUSE, NO_MOVE)
    assert commit.due_at == NOW + ARRIVAL
    state = ORDER.fold((*delivered(), commit))
    assert (state.phase, list(state.open)) == (DELIVERED, [("return", "return-1")])


def test_lines_of_one_sku_are_added_up() -> None:
    twice = announced().model_copy(update={"lines": order_lines([StockLine("prod-001", 1), StockLine("prod-001", 1)])})

    assert some(_request(delivered(), twice)).get(ReturnRequested).lines == order_lines(lines_of(prod_001=2))


def test_a_return_is_opened_until_the_last_moment_of_the_window() -> None:
    last = NOW + WINDOW

    assert some(_request(delivered(), announced(), at(last))).due_at == last + ARRIVAL
    with pytest.raises(RefusedError, match="order-1 was delivered more than 30 days ago") as refusal:
        _request(delivered(), announced(), at(last + timedelta(microseconds=1)))
    assert refusal.value.reason is Refusal.TOO_LATE


def test_a_return_that_was_opened_before_is_one_even_after_the_window_or_once_it_is_closed() -> None:
    history = returning(delivered(), prod_001=1, prod_002=1)
    same = announced(prod_002=1, prod_001=1)

    assert _request(history, same) is None
    assert _request(history, same, at(NOW + 2 * WINDOW)) is None
    assert _request(received(history, goods(prod_001=1)), same) is None


def test_a_return_id_with_other_lines_is_a_conflict() -> None:
    with pytest.raises(RefusedError, match="return return-1 was requested with other lines") as refusal:
        _request(returning(delivered()), announced(prod_001=2))

    assert refusal.value.reason is Refusal.CONFLICT


@pytest.mark.parametrize(
    ("history", "request_", "reason", "text"),
    [
        ((), announced(), Refusal.NOT_FOUND, "there is no order order-1"),
        (
            delivered(),
            announced(customer_id="customer-2"),
            Refusal.NOT_FOUND,
            "customer customer-2 has no order order-1",
        ),
        (refused(), announced(), Refusal.NOT_ALLOWED, "order order-1 is cancelled: it has no delivered goods"),
        (shipped(), announced(), Refusal.NOT_ALLOWED, "order order-1 is shipped: it has no delivered goods"),
        (
            delivered(),
            announced(prod_001=0),
            Refusal.INVALID,
            "prod-001: the quantity is 0: give a whole number, 1 or m",
        ),
        (delivered(), announced(prod_001=-1), Refusal.INVALID, "prod-001: the quantity is -1"),
        (
            delivered(),
            announced(prod_001=3),
            Refusal.TOO_MUCH,
            "prod-001: 3 units are more than the 2 that can still be",
        ),
        (delivered(), announced(prod_003=1), Refusal.INVALID, "prod-003 is not among the goods that can still be"),
    ],
    ids=["unknown", "another's", "refused", "on its way", "0", "-1", "too much", "another sku"],
)
def test_a_return_that_cannot_be_says_why(
    history: History, request_: ReturnRequested, reason: Refusal, text: str
) -> None:
    with pytest.raises(RefusedError, match=text) as refusal:
        _request(history, request_)

    assert refusal.value.reason is reason


def test_over_all_returns_no_more_comes_back_than_was_delivered() -> None:
    history = returning(returning(delivered(), "return-1", prod_002=1), "return-2", prod_002=1)

    assert _request(history, announced("return-3", prod_002=1))
    with pytest.raises(RefusedError, match="prod-002: 2 units are more than the 1 that"):
        _request(history, announced("return-3", prod_002=2))


def test_units_that_were_announced_and_never_came_can_be_returned_again() -> None:
    history = received(returning(delivered(), prod_002=3), goods(prod_002=1))

    assert _request(history, announced("return-2", prod_002=2))
    with pytest.raises(RefusedError, match="3 units are more than the 2"):
        _request(history, announced("return-2", prod_002=3))


def test_goods_that_arrive_after_their_return_was_closed_can_be_announced_again_after_the_window() -> None:
    opened = returning(delivered(), prod_001=1, prod_002=2)
    closed = (*opened, some(close_overdue_return(Order.of(opened), NOW + 2 * WINDOW)))
    late = at(NOW + 2 * WINDOW)

    assert some(_request(closed, announced("return-2", prod_002=2), late)).due_at == late.at + ARRIVAL
    for too_much in (announced("return-2", prod_001=2), announced("return-2", prod_001=1, prod_002=3)):
        with pytest.raises(RefusedError, match="too late to return it"):
            _request(closed, too_much, late)


def test_goods_that_came_in_part_cannot_be_announced_again_after_the_window() -> None:
    came = received(returning(delivered(), prod_001=2), goods(prod_001=1))

    with pytest.raises(RefusedError, match="too late to return it"):
        _request(came, announced("return-2", prod_001=1), at(NOW + 2 * WINDOW))


def test_goods_of_a_parcel_that_was_lost_cannot_be_returned() -> None:
    history = followed(followed(followed(in_fulfilment(), AT_HOME, LOST), AT_HOME), AT_HOME)

    assert _request(history, announced(prod_001=2))
    with pytest.raises(RefusedError, match="prod-002 is not among the goods that can still be returned"):
        _request(history, announced(prod_002=1))


def test_what_comes_back_is_refunded_and_what_is_fit_for_sale_is_in_stock_again() -> None:
    history = returning(delivered(), prod_001=2, prod_002=3)
    commit = some(_receive(history, goods(prod_002=2, prod_001=1, restock=lines_of(prod_002=1))))

    closed, refund = commit.events
    assert closed == ReturnReceived(
        order_id="order-1",
        customer_id="customer-1",
        return_id="return-1",
        lines=order_lines(lines_of(prod_001=1, prod_002=2)),
        restock=order_lines(lines_of(prod_002=1)),
    )
    assert isinstance(refund, RefundRequested)
    assert (refund.refund_id, refund.mode, refund.amount_minor) == (
        "order-1-return-return-1",
        RefundMode.REFUND,
        500 + 2 * 700,
    )
    assert (refund.reason, refund.currency, refund.retry_of) == (RefundReason.RETURNED, "GBP", None)
    assert commit.stock_move == StockMove(Move.RESTOCK, lines_of(prod_002=1))
    assert list(ORDER.fold((*history, commit)).open) == [("refund", "order-1-return-return-1")]


def test_goods_that_are_not_fit_for_sale_move_no_stock() -> None:
    assert some(_receive(returning(delivered()), goods(prod_001=1, restock=()))).stock_move == NO_MOVE


def test_receiving_the_same_again_changes_nothing() -> None:
    history = received(returning(delivered(), prod_001=1, prod_002=1), goods(prod_001=1, prod_002=1))

    assert _receive(history, goods(prod_002=1, prod_001=1)) is None


@pytest.mark.parametrize("other", [goods(prod_001=1, restock=()), goods(prod_001=2)])
def test_a_return_that_was_closed_with_other_units_is_a_conflict(other: ReceivedGoods) -> None:
    with pytest.raises(RefusedError, match="return return-1 of order order-1 is closed already, with other") as refusal:
        _receive(received(returning(delivered(), prod_001=2), goods(prod_001=1)), other)

    assert refusal.value.reason is Refusal.CONFLICT


def test_goods_that_come_after_their_return_was_closed_are_a_conflict() -> None:
    history = returning(delivered())
    closed = (*history, some(close_overdue_return(Order.of(history), NOW + ARRIVAL)))

    with pytest.raises(RefusedError, match="as nothing had arrived in time: request another return") as refusal:
        _receive(closed, goods(prod_001=1))

    assert refusal.value.reason is Refusal.CONFLICT
    assert _request(closed, announced("return-2", prod_001=2))


@pytest.mark.parametrize(
    ("history", "came", "reason", "text"),
    [
        ((), goods(prod_001=1), Refusal.NOT_FOUND, "there is no order order-1"),
        (delivered(), goods(prod_001=1), Refusal.NOT_FOUND, "order order-1 has no return return-1"),
        (refused(), goods(prod_001=1), Refusal.NOT_FOUND, "order order-1 has no return return-1"),
        (returning(delivered()), goods(), Refusal.INVALID, "say which units came back"),
        (returning(delivered()), goods(prod_001=0), Refusal.INVALID, "prod-001: the quantity is 0"),
        (returning(delivered()), goods(prod_001=-1), Refusal.INVALID, "prod-001: the quantity is -1"),
        (returning(delivered()), goods(prod_001=1.5), Refusal.INVALID, "prod-001: the quantity is 1.5: give a whole"),  # type: ignore[arg-type]
        (returning(delivered()), goods(prod_001=True), Refusal.INVALID, "prod-001: the quantity is True"),
        (
            returning(delivered()),
            goods(prod_001=2),
            Refusal.TOO_MUCH,
            "2 units are more than the 1 that were announced in",
        ),
        (
            returning(delivered()),
            goods(prod_002=1),
            Refusal.INVALID,
            "prod-002 is not among the goods that were announ",
        ),
        (
            returning(delivered(), prod_001=2),
            goods(prod_001=1, restock=lines_of(prod_001=2)),
            Refusal.TOO_MUCH,
            "prod-001: 2 units are more than the 1 that came back",
        ),
        (
            returning(delivered(), prod_001=1, prod_002=1),
            goods(prod_001=1, restock=lines_of(prod_002=1)),
            Refusal.INVALID,
            "prod-002 is not among the goods that came back",
        ),
        (returning(delivered()), goods(prod_001=1, restock=lines_of(prod_001=0)), Refusal.INVALID, "the quantity is 0"),
        (
            returning(delivered()),
            ReceivedGoods("order-1", "return-1", lines_of(**{"no sku": 1}), ()),
            Refusal.INVALID,
            "no sku is not among the goods that were announced",
        ),
        (
            returning(delivered()),
            goods(prod_001=1, restock=lines_of(**{"no sku": 1})),
            Refusal.INVALID,
            "no sku is not among the goods that came back",
        ),
    ],
    ids=[
        *("unknown", "no return", "refused", "nothing", "0", "-1", "1.5", "true", "too much", "another sku"),
        *("too much restocked", "another sku restocked", "none restocked", "malformed sku", "malformed sku restocked"),
    ],
)
def test_goods_that_cannot_be_received_say_why(
    history: History, came: ReceivedGoods, reason: Refusal, text: str
) -> None:
    with pytest.raises(RefusedError, match=text) as refusal:
        _receive(history, came)

    assert refusal.value.reason is reason


def test_two_returns_are_closed_each_by_itself() -> None:
    history = returning(returning(delivered(), "return-1", prod_001=2), "return-2", prod_002=3)

    history = received(history, goods("return-2", prod_002=3))
    history = refund_made(history)
    history = refund_made(received(history, goods("return-1", prod_001=2)))

    assert _refunded(history) == AMOUNT_MINOR
    assert ORDER.fold(history).is_final


def test_a_return_whose_goods_are_overdue_is_closed_without_a_refund() -> None:
    history = returning(delivered())

    commit = some(close_overdue_return(Order.of(history), NOW + ARRIVAL))

    assert commit.events == (
        ReturnReceived(order_id="order-1", customer_id="customer-1", return_id="return-1", lines=(), restock=()),
    )
    assert commit.stock_move == NO_MOVE
    assert commit.cause == Cause("order#order-1/7/0", CAUSE.correlation_id, NOW + ARRIVAL)
    assert ORDER.fold((*history, commit)).is_final


@pytest.mark.parametrize("early", [timedelta(microseconds=1), MINUTE])
def test_a_return_that_falls_due_within_a_minute_fails_so_that_its_deadline_comes_again(early: timedelta) -> None:
    with pytest.raises(NotDueError, match="return return-1 of order#order-1 is not due yet"):
        close_overdue_return(Order.of(returning(delivered())), NOW + ARRIVAL - early)


def test_a_return_that_still_has_time_stays_open() -> None:
    early = NOW + ARRIVAL - MINUTE - timedelta(microseconds=1)

    assert close_overdue_return(Order.of(returning(delivered())), early) is None


@pytest.mark.parametrize("later", [timedelta(), MINUTE], ids=["due together", "due one after the other"])
def test_overdue_returns_are_closed_the_earliest_first_by_a_commit_each(later: timedelta) -> None:
    history = returning(delivered(), "return-2", NOW + later, prod_001=1)
    history = returning(history, "return-1", NOW, prod_001=1)
    due = NOW + ARRIVAL + later
    closed = []

    while commit := close_overdue_return(Order.of(history), due):
        closed.append(commit.get(ReturnReceived).return_id)
        history = (*history, commit)

    assert closed == ["return-1", "return-2"]
    assert history[-1].cause.event_id == "order#order-1/7/0"


def test_a_return_that_was_received_is_not_closed_by_its_deadline() -> None:
    history = received(returning(delivered()), goods(prod_001=1))

    assert close_overdue_return(Order.of(history), NOW + 2 * ARRIVAL) is None
    assert close_overdue_return(Order.of(delivered()), NOW + 2 * ARRIVAL) is None


def _failed() -> History:
    return refund_failed((*concluded(), some(_cancel(concluded()))))


def test_a_failed_refund_is_asked_for_again_under_a_new_id() -> None:
    commit = some(_retry(_failed(), "order-1-cancelled"))

    assert commit.events == (
        RefundRequested(
            order_id="order-1",
            customer_id="customer-1",
            refund_id="order-1-again-cancelled",
            mode=RefundMode.REFUND,
            amount_minor=AMOUNT_MINOR,
            currency="GBP",
            reason=RefundReason.CUSTOMER_REQUEST,
            retry_of="order-1-cancelled",
        ),
    )
    assert (commit.version, commit.stock_move) == (6, NO_MOVE)
    assert list(ORDER.fold((*_failed(), commit)).open) == [("refund", "order-1-again-cancelled")]


def test_a_failed_refund_is_asked_for_again_once() -> None:
    again = (*_failed(), some(_retry(_failed(), "order-1-cancelled")))

    assert _retry(again, "order-1-cancelled") is None
    assert _retry(refund_made(again), "order-1-cancelled") is None


def test_a_refund_that_fails_again_is_asked_for_once_more() -> None:
    twice = refund_failed((*_failed(), some(_retry(_failed(), "order-1-cancelled"))))

    commit = some(_retry(twice, "order-1-again-cancelled"))

    assert commit.get(RefundRequested).retry_of == "order-1-again-cancelled"
    assert _refunded((*twice, commit)) == AMOUNT_MINOR
    assert _retry(twice, "order-1-cancelled") is None
    assert _retry((*twice, commit), "order-1-again-cancelled") is None


def test_a_refund_can_be_asked_for_again_however_often_it_fails() -> None:
    history, ids = _failed(), ["order-1-cancelled"]
    while len(ids) < 60:
        commit = some(_retry(history, ids[-1]))
        history = refund_failed((*history, commit))
        ids.append(commit.get(RefundRequested).refund_id)

    assert ids[1:3] == ["order-1-again-cancelled", "order-1-again-2-cancelled"]
    assert ids[-1] == "order-1-again-59-cancelled"


@pytest.mark.parametrize(
    ("history", "refund_id", "reason", "text"),
    [
        ((), "order-1-cancelled", Refusal.NOT_FOUND, "there is no order order-1"),
        (_failed(), "order-1-5", Refusal.NOT_FOUND, "order order-1 has no refund order-1-5"),
        (
            _failed()[:-1],
            "order-1-cancelled",
            Refusal.NOT_ALLOWED,
            "refund order-1-cancelled is open: it has not failed",
        ),
        (
            refund_made(_failed()[:-1]),
            "order-1-cancelled",
            Refusal.NOT_ALLOWED,
            "order-1-cancelled is processed: it has not failed",
        ),
    ],
    ids=["unknown order", "unknown refund", "open", "made"],
)
def test_a_refund_that_cannot_be_asked_for_again_says_why(
    history: History, refund_id: str, reason: Refusal, text: str
) -> None:
    with pytest.raises(RefusedError, match=text) as refusal:
        _retry(history, refund_id)

    assert refusal.value.reason is reason
