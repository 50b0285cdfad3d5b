"""The use cases after an order is accepted, on tables, with other writers who come first."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from services.libs.store.dynamodb_items import to_item
from services.libs.store.event_store import ContentionError, EventStore, VersionTakenError
from services.order_service.after_sale_service import AfterSale, Done, ReturnTimes
from services.order_service.domain import NotDueError, expire
from services.payment_service.domain import refund_refused, settlement
from services.payment_service.gateway import Charge
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
)
from services.shared.events.payment import RefundFailed, RefundMode, RefundRequested
from services.shared.faults import OutOfTimeError
from services.shared.lifecycle import Phase
from services.shared.order_state import Order
from services.shared.refusals import Refusal, RefusedError
from services.shared.rejections import RejectedError, RejectionReason
from services.shared.shipment_lifecycle import DELIVERED as AT_HOME
from services.shared.shipment_lifecycle import LOST, PICKED_UP, RETURNED_TO_SENDER
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, seeding
from tests.unit.conftest import AT_ONCE, DEADLINE_TABLE, EVENT_STORE_TABLE, TABLES, Aws
from tests.unit.services.lives import (
    AMOUNT_MINOR,
    ARRIVAL,
    FIRST,
    SECOND,
    WINDOW,
    History,
    announced,
    concluded,
    created,
    delivered,
    goods,
    in_fulfilment,
    lines_of,
    parcel_at,
    reserved,
    settled,
    shipped,
)

RETURNS = ReturnTimes(WINDOW, ARRIVAL)
STREAM = "order#order-1"
DUE = NOW + ARRIVAL


@pytest.fixture
def after_sale(aws: Aws) -> AfterSale:
    aws.store.append(seeding("prod-001", stock=10, price_minor=500))
    aws.store.append(seeding("prod-002", stock=10, price_minor=700))
    return AfterSale(aws.store, RETURNS)


def _at(later: timedelta) -> Cause:
    return Cause("event-2", "correlation-2", NOW + later)


def _write(aws: Aws, *commits: Commit) -> None:
    for commit in commits:
        aws.store.append(commit)


def _parcels(aws: Aws, *phases: Phase) -> None:
    """Bring the parcels, which need not exist yet, to these phases."""
    for parcel, phase in zip(created(), phases, strict=True):
        known = aws.store.read(parcel.stream_id)
        if not known:
            _write(aws, parcel)
        _write(aws, parcel_at(phase, known or (parcel,)))


def _history(aws: Aws) -> History:
    return aws.store.read(STREAM)


def _events(aws: Aws, since: int = 0) -> list[type[Event]]:
    return [type(event) for commit in _history(aws)[since:] for event in commit.events]


def _stocks(aws: Aws) -> list[tuple[int, int, int]]:
    return [aws.stock("prod-001"), aws.stock("prod-002")]


class _Overtaken(EventStore):
    """A store whose first write comes just after somebody else's."""

    def __init__(self, aws: Aws, *others: Callable[[], object]) -> None:
        super().__init__(aws.dynamodb, TABLES, backoff=AT_ONCE)
        self._others = list(others)

    def append(self, commit: Commit) -> None:
        if self._others:
            self._others.pop(0)()
        super().append(commit)


def _overtaken(aws: Aws, *others: Callable[[], object]) -> AfterSale:
    return AfterSale(_Overtaken(aws, *others), RETURNS)


class _AlwaysTaken(EventStore):
    attempts = 0

    def append(self, commit: Commit) -> None:
        self.attempts += 1
        raise VersionTakenError(commit)


def test_a_cancel_writes_stock_and_refund_with_it(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *concluded())
    assert _stocks(aws) == [(8, 0, 8), (7, 0, 7)]

    cancelled = after_sale.cancel("order-1", "customer-1", CAUSE)

    assert _history(aws)[-1] == cancelled.commit
    assert cancelled.order == Order.of(_history(aws))
    assert _events(aws, 3) == [OrderCancelled, RefundRequested]
    assert _stocks(aws) == [(10, 0, 10), (10, 0, 10)]
    assert after_sale.cancel("order-1", "customer-1", CAUSE) == Done(cancelled.order, None)
    assert len(_history(aws)) == 4


def test_a_refused_cancel_changes_nothing(aws: Aws, after_sale: AfterSale) -> None:
    with pytest.raises(RefusedError) as refusal:
        after_sale.cancel("order-1", "customer-1", CAUSE)
    assert refusal.value.reason is Refusal.NOT_YET

    _write(aws, *reserved())
    with pytest.raises(RefusedError, match="customer-2 has no order order-1"):
        after_sale.cancel("order-1", "customer-2", CAUSE)

    assert len(_history(aws)) == 1
    assert _stocks(aws) == [(10, 2, 8), (10, 3, 7)]


@pytest.mark.parametrize(
    ("before", "other"),
    [(reserved(), settled()[-1]), (settled(), concluded()[-1])],
    ids=["the payment", "the confirmation"],
)
@pytest.mark.usefixtures("after_sale")
def test_a_cancel_that_is_overtaken_gives_the_money_back(aws: Aws, before: History, other: Commit) -> None:
    _write(aws, *before)

    _, commit = _overtaken(aws, lambda: aws.store.append(other)).cancel("order-1", "customer-1", CAUSE)

    assert commit
    assert commit.version == other.version + 1
    assert (commit.get(RefundRequested).mode, commit.get(RefundRequested).amount_minor) == (
        RefundMode.REFUND,
        AMOUNT_MINOR,
    )
    assert _stocks(aws) == [(10, 0, 10), (10, 0, 10)]


def _declined() -> Commit:
    return settlement(reserved()[0], Charge("charge-1", accepted=False), CAUSE)


@pytest.mark.parametrize(
    ("before", "others", "reason", "stock"),
    [
        (reserved(), [_declined()], Refusal.NOT_ALLOWED, (10, 0, 10)),
        (reserved(), [expire(reserved()[0], NOW + PAYMENT_TIMEOUT)], Refusal.NOT_ALLOWED, (10, 0, 10)),
        (concluded(), [in_fulfilment()[-1], *created()], Refusal.TOO_LATE, (8, 0, 8)),
    ],
    ids=["a payment that failed", "the expiry", "the fulfilment"],
)
@pytest.mark.usefixtures("after_sale")
def test_a_cancel_that_loses_its_order_is_refused_and_moves_nothing(
    aws: Aws, before: History, others: Sequence[Commit], reason: Refusal, stock: tuple[int, int, int]
) -> None:
    _write(aws, *before)

    with pytest.raises(RefusedError) as refusal:
        _overtaken(aws, lambda: aws.store.append_group(others)).cancel("order-1", "customer-1", CAUSE)

    assert refusal.value.reason is reason
    assert len(_history(aws)) == len(before) + 1
    assert aws.stock("prod-001") == stock


@pytest.mark.parametrize("before", [reserved(), settled(), concluded()], ids=["reserved", "paid", "confirmed"])
def test_two_cancels_are_one(aws: Aws, after_sale: AfterSale, before: History) -> None:
    _write(aws, *before)

    first = lambda: after_sale.cancel("order-1", "customer-1", CAUSE)  # noqa: E731
    assert _overtaken(aws, first).cancel("order-1", "customer-1", CAUSE).commit is None

    assert len(_history(aws)) == len(before) + 1
    assert _stocks(aws) == [(10, 0, 10), (10, 0, 10)]


@pytest.mark.usefixtures("after_sale")
def test_an_order_that_others_write_to_all_the_time_is_handed_back(aws: Aws) -> None:
    _write(aws, *reserved())
    store = _AlwaysTaken(aws.dynamodb, TABLES, backoff=AT_ONCE)

    with pytest.raises(ContentionError, match="others wrote to the stream in each of 8 attempts"):
        AfterSale(store, RETURNS).cancel("order-1", "customer-1", CAUSE)

    assert store.attempts == 8


def test_parcels_bring_an_order_to_its_delivery_in_one_look(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *in_fulfilment())
    _parcels(aws, AT_HOME, AT_HOME)

    written = after_sale.follow_parcels("order-1", CAUSE)

    assert [type(commit.events[0]) for commit in written] == [OrderShipped, OrderDelivered]
    assert _history(aws)[4:] == tuple(written)
    assert after_sale.follow_parcels("order-1", CAUSE) == []


def test_a_parcel_that_is_not_there_yet_is_waited_for(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *in_fulfilment(), created()[0])
    _write(aws, parcel_at(AT_HOME, created()[:1]))

    assert after_sale.follow_parcels("order-1", CAUSE) == []


def test_a_lost_parcel_and_a_delivered_one_end_delivered(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *shipped())
    _parcels(aws, AT_HOME, LOST)

    after_sale.follow_parcels("order-1", CAUSE)

    assert _events(aws, 5) == [ParcelWrittenOff, RefundRequested, OrderDelivered]
    assert _stocks(aws) == [(8, 0, 8), (7, 0, 7)]


def test_an_order_whose_parcels_all_fail_is_cancelled(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *in_fulfilment())
    _parcels(aws, RETURNED_TO_SENDER, LOST)

    after_sale.follow_parcels("order-1", CAUSE)

    assert _events(aws, 4) == [ParcelWrittenOff, RefundRequested, ParcelWrittenOff, OrderCancelled, RefundRequested]
    assert _stocks(aws) == [(10, 0, 10), (7, 0, 7)]
    assert sum(one.amount_minor for one in Order.of(_history(aws)).open_refunds) == AMOUNT_MINOR


def test_of_two_last_events_on_two_workers_one_is_delivered(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *shipped())
    _parcels(aws, PICKED_UP, PICKED_UP)
    first, second = (f"shipment#{one}" for one in (FIRST, SECOND))
    _write(aws, parcel_at(AT_HOME, aws.store.read(first)))
    assert after_sale.follow_parcels("order-1", CAUSE) == []
    _write(aws, parcel_at(AT_HOME, aws.store.read(second)))

    overtaken = _overtaken(aws, lambda: after_sale.follow_parcels("order-1", CAUSE))
    assert overtaken.follow_parcels("order-1", CAUSE) == []

    assert _events(aws, 5) == [OrderDelivered]


@pytest.mark.usefixtures("after_sale")
def test_a_parcel_that_fails_while_its_order_is_shipped_is_seen(aws: Aws) -> None:
    """The parcels are read again after each write: nobody else may ever tell of the loss."""
    _write(aws, *in_fulfilment())
    _parcels(aws, PICKED_UP, PICKED_UP)

    def lose_the_second() -> None:
        _write(aws, parcel_at(LOST, aws.store.read(f"shipment#{SECOND}")))

    _overtaken(aws, lose_the_second).follow_parcels("order-1", CAUSE)

    assert _events(aws, 4) == [OrderShipped, ParcelWrittenOff, RefundRequested]


@pytest.mark.parametrize("phase", [LOST, RETURNED_TO_SENDER])
def test_two_who_write_off_a_parcel_refund_it_once(aws: Aws, after_sale: AfterSale, phase: Phase) -> None:
    _write(aws, *in_fulfilment())
    _parcels(aws, phase, PICKED_UP)

    _overtaken(aws, lambda: after_sale.follow_parcels("order-1", CAUSE)).follow_parcels("order-1", CAUSE)

    assert _events(aws, 4) == [ParcelWrittenOff, RefundRequested, OrderShipped]
    assert aws.stock("prod-001") == ((10, 0, 10) if phase is RETURNED_TO_SENDER else (8, 0, 8))


def test_a_refund_that_is_made_meanwhile_stops_no_parcel(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *in_fulfilment())
    _parcels(aws, LOST, PICKED_UP)

    def refuse_its_refund() -> None:
        after_sale.follow_parcels("order-1", CAUSE)
        (refund,) = Order.of(_history(aws)).open_refunds
        aws.store.append(refund_refused(_history(aws), refund, CAUSE))

    _overtaken(aws, refuse_its_refund).follow_parcels("order-1", CAUSE)

    assert _events(aws, 4) == [ParcelWrittenOff, RefundRequested, OrderShipped, RefundFailed]


def test_a_parcel_of_an_unknown_order_is_rejected(after_sale: AfterSale) -> None:
    with pytest.raises(RejectedError, match="order order-1 does not exist") as rejected:
        after_sale.follow_parcels("order-1", CAUSE)

    assert rejected.value.reason is RejectionReason.PARCEL_UNKNOWN


@pytest.mark.parametrize("history", [concluded(), delivered()], ids=["before", "after"])
def test_parcels_are_read_only_while_something_may_follow_from_them(
    aws: Aws, after_sale: AfterSale, history: History
) -> None:
    _write(aws, *history)
    requests = aws.requests()

    assert after_sale.follow_parcels("order-1", CAUSE) == []

    assert len(requests) == 1


def test_many_messages_of_an_order_need_one_look(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *delivered())
    requests = aws.requests()

    assert after_sale.follow_all([("order-1", CAUSE)] * 5) == [None] * 5

    assert len(requests) == 1


def test_what_follows_from_many_messages_is_caused_by_the_first(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *in_fulfilment())
    _parcels(aws, PICKED_UP, PICKED_UP)

    after_sale.follow_all([("order-1", CAUSE), ("order-1", _at(timedelta(seconds=1)))])

    assert [commit.cause for commit in _history(aws)[4:]] == [CAUSE]


def test_an_order_that_fails_fails_no_other(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *in_fulfilment())
    _parcels(aws, PICKED_UP, PICKED_UP)
    aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "order#spoiled", "version": 1}))

    told = ["spoiled", "unknown", "order-1", "unknown"]
    outcomes = after_sale.follow_all([(order_id, CAUSE) for order_id in told])

    assert [type(outcome) for outcome in outcomes] == [KeyError, RejectedError, type(None), RejectedError]
    assert _events(aws, 4) == [OrderShipped]


def test_an_order_that_no_time_is_left_for_comes_again(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *in_fulfilment())
    _parcels(aws, PICKED_UP, PICKED_UP)
    seconds = iter([10.0, 1.0])

    outcomes = after_sale.follow_all([("order-1", CAUSE), ("other", CAUSE)], lambda: next(seconds))

    assert [type(outcome) for outcome in outcomes] == [type(None), OutOfTimeError]
    assert _events(aws, 4) == [OrderShipped]


def test_a_return_is_opened_with_a_deadline_and_closed_with_stock_and_refund(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *delivered())

    _, opened = after_sale.request_return(announced(prod_001=2), CAUSE)
    _, closed = after_sale.receive_return(goods(prod_001=2, restock=lines_of(prod_001=1)), CAUSE)

    assert _history(aws)[6:] == (opened, closed)
    assert _deadlines(aws) == [["order#order-1"], ["order#order-1"]]
    assert _stocks(aws) == [(9, 0, 9), (7, 0, 7)]
    assert after_sale.request_return(announced(prod_001=2), CAUSE).commit is None
    assert after_sale.receive_return(goods(prod_001=2, restock=lines_of(prod_001=1)), CAUSE).commit is None


def _deadlines(aws: Aws) -> list[list[str]]:
    """The streams of each deadline: of the order's payment too."""
    items = aws.dynamodb.scan(TableName=DEADLINE_TABLE)["Items"]
    return [[stream["S"] for stream in item["stream_ids"]["L"]] for item in items]


@pytest.mark.usefixtures("after_sale")
def test_the_window_and_the_time_to_arrive_are_the_settings(aws: Aws) -> None:
    _write(aws, *delivered())
    day = timedelta(days=1)
    own = AfterSale(aws.store, ReturnTimes(window=day, arrival=2 * day))

    with pytest.raises(RefusedError, match="delivered more than 1 days ago"):
        own.request_return(announced(), _at(day + timedelta(seconds=1)))

    _, opened = own.request_return(announced(), _at(day))
    assert opened
    assert opened.due_at == NOW + 3 * day


def test_a_repeated_return_is_one(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *delivered())

    first = lambda: after_sale.request_return(announced(), CAUSE)  # noqa: E731
    assert _overtaken(aws, first).request_return(announced(), CAUSE).commit is None

    assert _events(aws, 6) == [ReturnRequested]


def test_of_two_returns_of_the_last_units_one_is_opened(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *delivered())

    first = lambda: after_sale.request_return(announced("return-1", prod_001=2), CAUSE)  # noqa: E731
    with pytest.raises(RefusedError, match="1 units are more than the 0 that can still be returned") as refusal:
        _overtaken(aws, first).request_return(announced("return-2", prod_001=1), CAUSE)

    assert refusal.value.reason is Refusal.TOO_MUCH
    assert _events(aws, 6) == [ReturnRequested]


def test_a_return_that_two_receive_is_refunded_and_restocked_once(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *delivered())
    after_sale.request_return(announced(prod_001=2), CAUSE)

    first = lambda: after_sale.receive_return(goods(prod_001=2), CAUSE)  # noqa: E731
    assert _overtaken(aws, first).receive_return(goods(prod_001=2), CAUSE).commit is None

    assert _events(aws, 7) == [ReturnReceived, RefundRequested]
    assert aws.stock("prod-001") == (10, 0, 10)


def test_goods_that_come_as_their_return_is_closed_are_refused(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *delivered())
    after_sale.request_return(announced(), CAUSE)

    closing = lambda: after_sale.close_overdue_returns([STREAM], DUE)  # noqa: E731
    with pytest.raises(RefusedError, match="as nothing had arrived in time"):
        _overtaken(aws, closing).receive_return(goods(prod_001=1), CAUSE)

    assert _events(aws, 7) == [ReturnReceived]


def test_goods_that_come_before_their_return_is_closed_are_refunded(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *delivered())
    after_sale.request_return(announced(), CAUSE)

    first = lambda: after_sale.receive_return(goods(prod_001=1), CAUSE)  # noqa: E731
    assert _overtaken(aws, first).close_overdue_returns([STREAM], DUE) == {}

    assert _events(aws, 7) == [ReturnReceived, RefundRequested]


def test_a_failed_refund_that_two_ask_for_again_is_one(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *concluded())
    _, cancelled = after_sale.cancel("order-1", "customer-1", CAUSE)
    assert cancelled
    _write(aws, refund_refused(_history(aws), cancelled.get(RefundRequested), CAUSE))

    first = lambda: after_sale.retry_refund("order-1", "order-1-cancelled", CAUSE)  # noqa: E731
    assert _overtaken(aws, first).retry_refund("order-1", "order-1-cancelled", CAUSE) is None

    assert _events(aws, 4) == [RefundFailed, RefundRequested]


def test_every_overdue_return_is_closed(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *delivered())
    for number in range(3):
        after_sale.request_return(announced(f"return-{number}", prod_002=1), CAUSE)

    assert after_sale.close_overdue_returns([STREAM, STREAM], DUE) == {}

    assert _events(aws, 9) == [ReturnReceived] * 3
    assert after_sale.close_overdue_returns([STREAM], DUE) == {}
    assert len(_history(aws)) == 12


def test_a_return_that_is_not_due_fails_so_that_its_deadline_comes_again(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *delivered())
    after_sale.request_return(announced("return-1"), CAUSE)
    after_sale.request_return(announced("return-2"), _at(timedelta(seconds=30)))

    failures = after_sale.close_overdue_returns([STREAM], DUE)

    assert {stream: type(error) for stream, error in failures.items()} == {STREAM: NotDueError}
    assert _events(aws, 8) == [ReturnReceived]


def test_only_orders_that_may_have_a_return_are_read_whole(aws: Aws, after_sale: AfterSale) -> None:
    """And which these are is told by one eventually consistent read, whose price is half."""
    _write(aws, *delivered())
    reads: list[tuple[str, bool]] = []
    aws.dynamodb.meta.events.register(
        "provide-client-params.dynamodb",
        lambda model, params, **_: reads.append((model.name, str(params).count("'ConsistentRead': True") > 0)),
    )

    assert after_sale.close_overdue_returns([STREAM, "order#other"], DUE) == {}
    assert reads == [("BatchGetItem", False)]

    after_sale.request_return(announced(), CAUSE)
    reads.clear()
    assert after_sale.close_overdue_returns([STREAM, "order#other"], DUE) == {}
    assert reads[:2] == [("BatchGetItem", False), ("Query", True)]


def test_a_return_that_cannot_be_closed_keeps_no_other_from_it(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *delivered())
    after_sale.request_return(announced(), CAUSE)
    aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "order#a-spoiled", "version": 7}))

    failures = after_sale.close_overdue_returns(["order#a-spoiled", STREAM], DUE)

    assert {stream: type(error) for stream, error in failures.items()} == {"order#a-spoiled": KeyError}
    assert _events(aws, 7) == [ReturnReceived]


def test_a_return_that_no_time_is_left_for_comes_again(aws: Aws, after_sale: AfterSale) -> None:
    _write(aws, *delivered())
    after_sale.request_return(announced(), CAUSE)

    failures = after_sale.close_overdue_returns([STREAM], DUE, lambda: 1.0)

    assert {stream: type(error) for stream, error in failures.items()} == {STREAM: OutOfTimeError}
    assert _events(aws, 7) == []
