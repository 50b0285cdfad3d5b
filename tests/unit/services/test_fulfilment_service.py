"""The fulfilment service's use cases: orders become parcels, and parcels move as the carrier tells."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from services.fulfilment_service.carrier import CarrierEvent
from services.fulfilment_service.carrier_messages import CarrierMessages
from services.fulfilment_service.service import FulfilmentService
from services.fulfilment_service.simulated_carrier import SimulatedCarrier
from services.libs.observability.structured_logging import configure_logging
from services.libs.store.dynamodb_items import to_item
from services.libs.store.event_store import ContentionError, EventStore
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.deadlines import MINUTE, minute_of, next_look
from services.shared.events.fulfilment import ParcelStatus, ShipmentCreated, ShipmentTracked
from services.shared.events.order import FulfilmentStarted, OrderLine
from services.shared.order_lifecycle import CANCELLED, CONFIRMED, IN_FULFILMENT
from services.shared.refusals import Refusal, RefusedError
from services.shared.rejections import RejectedError, RejectionReason
from services.shared.shipment_lifecycle import (
    BOOKED,
    CREATED,
    DELIVERED,
    IN_TRANSIT,
    LOST,
    OUT_FOR_DELIVERY,
    PICKED_UP,
    shipment_stream,
)
from tests.factories import CAUSE, NOW, decide, placed_order
from tests.unit.conftest import AT_ONCE, EVENT_STORE_TABLE, TABLES, Aws
from tests.unit.services.parcels import (
    INTERVAL,
    PARCEL,
    ToldCarrier,
    accept,
    after_sale,
    confirm,
    deadlines,
    fulfilment,
    order_phase,
    parcel_phase,
    pay,
    seed,
    told,
)

STREAM = shipment_stream(PARCEL)
LATER = NOW + timedelta(hours=1)


def record(aws: Aws, message: CarrierEvent, cause: Cause = CAUSE, store: EventStore | None = None) -> Commit | None:
    """Let the carrier tell it of the parcel by itself."""
    return CarrierMessages(store or aws.store, INTERVAL).record(PARCEL, message, cause)


@pytest.fixture
def _confirmed(aws: Aws) -> None:
    seed(aws, {"prod-001": "main"})
    confirm(aws)


@pytest.fixture
def service(aws: Aws, _confirmed: None) -> FulfilmentService:
    """The fulfilment of one order of one parcel, which is started."""
    fulfilment(aws).start("order-1", CAUSE)
    return fulfilment(aws)


@pytest.fixture
def booked(service: FulfilmentService) -> FulfilmentService:
    service.book(PARCEL, CAUSE)
    return service


class _Interrupted(EventStore):
    """Another writer comes before each of the first writes."""

    def __init__(self, aws: Aws, *others: object) -> None:
        super().__init__(aws.dynamodb, TABLES, backoff=AT_ONCE)
        self._others = list(others)

    def append_group(self, commits: object) -> None:
        other = self._others.pop(0) if self._others else None
        if callable(other):
            other()
        super().append_group(commits)  # type: ignore[arg-type] # it is passed on as it came


def test_a_confirmed_order_is_one_parcel_for_each_warehouse(aws: Aws) -> None:
    seed(aws, {"beans": "roastery", "cup": "main", "filter": "main"})
    confirm(aws, quantities={"beans": 1, "filter": 3, "cup": 2})

    fulfilment(aws).start("order-1", CAUSE)

    started = aws.store.read("order#order-1")[-1].get(FulfilmentStarted)
    parcels = [aws.store.read(f"shipment#order-1-{number}") for number in (1, 2)]
    created = [parcel[0].get(ShipmentCreated) for parcel in parcels]
    assert [(one.shipment_id, one.warehouse, one.lines) for one in started.shipments] == [
        ("order-1-1", "main", (OrderLine(sku="filter", quantity=3), OrderLine(sku="cup", quantity=2))),
        ("order-1-2", "roastery", (OrderLine(sku="beans", quantity=1),)),
    ]
    assert [(one.shipment_id, one.warehouse, one.lines) for one in created] == [
        (one.shipment_id, one.warehouse, one.lines) for one in started.shipments
    ]
    assert [len(parcel) for parcel in parcels] == [1, 1]
    assert order_phase(aws) == IN_FULFILMENT


def test_a_sku_that_is_gone_from_the_inventory_is_sent_from_the_main_warehouse(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(aws, {"prod-001": "roastery"})
    confirm(aws)
    inventory = aws.inventory
    monkeypatch.setattr(type(inventory), "read", lambda *_: {})

    fulfilment(aws).start("order-1", CAUSE)

    assert aws.store.read(STREAM)[0].get(ShipmentCreated).warehouse == "main"


@pytest.mark.usefixtures("_confirmed")
def test_starting_again_changes_nothing(aws: Aws) -> None:
    for _ in range(3):
        fulfilment(aws).start("order-1", CAUSE)

    assert (len(aws.store.read("order#order-1")), len(aws.store.read(STREAM))) == (4, 1)


@pytest.mark.usefixtures("_confirmed")
def test_an_order_that_was_cancelled_is_not_shipped(aws: Aws) -> None:
    after_sale(aws).cancel("order-1", "customer-1", CAUSE)

    fulfilment(aws).start("order-1", CAUSE)

    assert order_phase(aws) == CANCELLED
    assert aws.store.read(STREAM) == ()


@pytest.mark.usefixtures("_confirmed")
def test_no_parcel_is_created_where_the_customer_cancels_first(aws: Aws) -> None:
    store = _Interrupted(aws, lambda: after_sale(aws).cancel("order-1", "customer-1", CAUSE))

    fulfilment(aws, store=store).start("order-1", CAUSE)

    assert order_phase(aws) == CANCELLED
    assert aws.store.read(STREAM) == ()
    assert aws.stock() == (1000, 0, 1000)


@pytest.mark.usefixtures("_confirmed")
def test_of_two_starts_one_creates_the_parcels(aws: Aws) -> None:
    store = _Interrupted(aws, lambda: fulfilment(aws).start("order-1", CAUSE))

    fulfilment(aws, store=store).start("order-1", replace(CAUSE, event_id="event-2"))

    assert [commit.cause.event_id for commit in aws.store.read(STREAM)] == ["event-1"]
    assert len(aws.store.read("order#order-1")) == 4


@pytest.mark.usefixtures("_confirmed")
def test_an_order_whose_parcel_is_there_without_it_is_not_taken_for_started(aws: Aws) -> None:
    """As after a restore of half a transaction: the message comes again, and is not lost."""
    line = OrderLine(sku="prod-001", quantity=2)
    created = ShipmentCreated(
        shipment_id=PARCEL, order_id="order-1", customer_id="customer-1", warehouse="main", lines=(line,)
    )
    aws.store.append(Commit(STREAM, 1, (created,), CAUSE))

    with pytest.raises(ContentionError):
        fulfilment(aws).start("order-1", CAUSE)

    assert order_phase(aws) == CONFIRMED


@pytest.mark.parametrize("history", ["none", "refused", "reserved", "paid", "called off", "cancelled when paid"])
def test_an_order_that_was_never_confirmed_is_rejected(aws: Aws, history: str) -> None:
    seed(aws, {"prod-001": "main"})
    if history == "refused":
        aws.store.append(decide(placed_order(), {}))
    elif history != "none":
        accepted = accept(aws)
        if "paid" in history:
            pay(aws, accepted)
        if history in {"called off", "cancelled when paid"}:
            after_sale(aws).cancel("order-1", "customer-1", CAUSE)
    before = aws.store.read("order#order-1")

    with pytest.raises(RejectedError) as rejected:
        fulfilment(aws).start("order-1", CAUSE)

    assert rejected.value.reason is RejectionReason.ORDER_NOT_CONFIRMED
    assert aws.store.read("order#order-1") == before
    assert aws.store.read(STREAM) == ()


def test_a_parcel_is_booked_with_its_label_and_its_first_look(aws: Aws, service: FulfilmentService) -> None:
    service.book(PARCEL, CAUSE)

    tracked = aws.store.read(STREAM)[1].get(ShipmentTracked)
    assert (tracked.status, tracked.tracking_number) == (ParcelStatus.BOOKED, f"label-{PARCEL}")
    assert deadlines(aws) == [((STREAM,), next_look(STREAM, NOW, INTERVAL))]


@pytest.mark.usefixtures("booked")
def test_a_label_is_asked_for_once(aws: Aws) -> None:
    carrier = ToldCarrier()

    fulfilment(aws, carrier).book(PARCEL, CAUSE)

    assert carrier.asked == []
    assert parcel_phase(aws) == BOOKED
    assert len(deadlines(aws)) == 1


def test_a_parcel_without_a_label_stays_created_until_the_carrier_is_asked_again(
    aws: Aws, service: FulfilmentService
) -> None:
    fulfilment(aws, ToldCarrier(fails=frozenset({PARCEL}))).book(PARCEL, CAUSE)

    assert parcel_phase(aws) == CREATED
    soon = NOW + timedelta(minutes=2)
    assert deadlines(aws) == [((STREAM,), minute_of(soon))]
    service.track([STREAM], soon)
    assert parcel_phase(aws) == BOOKED


@pytest.mark.usefixtures("service")
def test_a_crash_between_label_and_commit_leaves_the_same_label(aws: Aws) -> None:
    carrier = ToldCarrier()
    with pytest.raises(ContentionError):
        fulfilment(aws, carrier, _Interrupted(aws, _contention)).book(PARCEL, CAUSE)

    fulfilment(aws, carrier).book(PARCEL, CAUSE)

    assert carrier.asked == [f"label of {PARCEL}"] * 2
    assert len(aws.store.read(STREAM)) == 2


@pytest.mark.usefixtures("service")
def test_a_parcel_that_is_picked_up_while_it_is_booked_stays_picked_up(aws: Aws) -> None:
    store = _Interrupted(aws, lambda: record(aws, told("picked_up")))

    fulfilment(aws, store=store).book(PARCEL, CAUSE)

    assert parcel_phase(aws) == PICKED_UP
    assert deadlines(aws) == [((STREAM,), next_look(STREAM, NOW, INTERVAL))]


def test_a_parcel_that_there_is_not_is_rejected(aws: Aws) -> None:
    with pytest.raises(RejectedError) as rejected:
        fulfilment(aws).book("order-9-1", CAUSE)

    assert rejected.value.reason is RejectionReason.PARCEL_UNKNOWN


@pytest.mark.usefixtures("booked")
def test_the_furthest_step_is_written_with_the_next_look(aws: Aws) -> None:
    carrier = ToldCarrier([told("in_transit", LATER), told("picked_up")])

    assert fulfilment(aws, carrier).track([STREAM], LATER) == {}

    commit = aws.store.read(STREAM)[-1]
    assert parcel_phase(aws) == IN_TRANSIT
    assert commit.cause == Cause(f"{STREAM}/2/0", CAUSE.correlation_id, LATER)
    assert commit.due_at == next_look(STREAM, LATER, INTERVAL)
    assert ((STREAM,), next_look(STREAM, LATER, INTERVAL)) in deadlines(aws)


@pytest.mark.usefixtures("booked")
def test_a_parcel_that_came_no_further_is_looked_at_again(aws: Aws) -> None:
    for _ in range(2):
        assert fulfilment(aws).track([STREAM], LATER) == {}

    assert len(aws.store.read(STREAM)) == 2
    again = ((STREAM,), next_look(STREAM, LATER, INTERVAL))
    assert deadlines(aws) == sorted([((STREAM,), next_look(STREAM, NOW, INTERVAL)), again, again])


@pytest.mark.usefixtures("booked")
@pytest.mark.parametrize("state", ["delivered", "lost", "returned_to_sender"])
def test_a_parcel_at_its_end_is_asked_about_no_more(aws: Aws, state: str) -> None:
    fulfilment(aws, ToldCarrier([told(state)])).track([STREAM], LATER)
    ended, due = aws.store.read(STREAM), deadlines(aws)
    carrier = ToldCarrier([told("delivered"), told("lost")])

    assert fulfilment(aws, carrier).track([STREAM], LATER) == {}

    assert carrier.asked == []
    assert (aws.store.read(STREAM), deadlines(aws)) == (ended, due)
    assert due == [((STREAM,), next_look(STREAM, NOW, INTERVAL))]


def test_a_parcel_that_is_due_without_a_label_is_booked(aws: Aws, service: FulfilmentService) -> None:
    assert service.track([STREAM], LATER) == {}

    assert parcel_phase(aws) == BOOKED
    assert deadlines(aws) == [((STREAM,), next_look(STREAM, LATER, INTERVAL))]


def test_a_parcel_that_there_is_not_is_done(aws: Aws) -> None:
    assert fulfilment(aws).track(["shipment#order-9-1"], NOW) == {}
    assert deadlines(aws) == []


@pytest.mark.usefixtures("booked")
def test_of_two_trackers_both_steps_hold_and_nothing_goes_back(aws: Aws) -> None:
    further = fulfilment(aws, ToldCarrier([told("out_for_delivery", LATER)]))
    store = _Interrupted(aws, lambda: further.track([STREAM], LATER))

    assert fulfilment(aws, ToldCarrier([told("picked_up")]), store).track([STREAM], LATER) == {}

    assert parcel_phase(aws) == OUT_FOR_DELIVERY
    assert len(aws.store.read(STREAM)) == 3


@pytest.mark.usefixtures("booked")
def test_the_slower_of_two_trackers_writes_what_is_further(aws: Aws) -> None:
    nearer = fulfilment(aws, ToldCarrier([told("picked_up")]))
    store = _Interrupted(aws, lambda: nearer.track([STREAM], LATER))

    assert fulfilment(aws, ToldCarrier([told("delivered", LATER)]), store).track([STREAM], LATER) == {}

    assert parcel_phase(aws) == DELIVERED
    assert len(aws.store.read(STREAM)) == 4


def _confirm_and_book(aws: Aws, *order_ids: str) -> list[str]:
    """Give the parcels' streams."""
    for order_id in order_ids:
        confirm(aws, order_id)
        fulfilment(aws).start(order_id, CAUSE)
        fulfilment(aws).book(f"{order_id}-1", CAUSE)
    return [f"shipment#{order_id}-1" for order_id in order_ids]


def test_a_parcel_that_fails_fails_no_other_and_one_without_an_answer_is_due_again(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test-service", "WARNING")
    seed(aws, {"prod-001": "main"})
    streams = _confirm_and_book(aws, "order-1", "order-2", "order-3")
    before = deadlines(aws)
    aws.dynamodb.update_item(
        TableName=EVENT_STORE_TABLE,
        Key=to_item({"stream_id": streams[2], "version": 1}),
        UpdateExpression="REMOVE body",
    )
    carrier = ToldCarrier([told("lost")], fails=frozenset({"order-1-1"}))

    failures = fulfilment(aws, carrier).track(streams, LATER)

    assert {stream: type(error) for stream, error in failures.items()} == {streams[2]: KeyError}
    assert parcel_phase(aws, "order-2-1") == LOST
    assert [streams_due for streams_due, _ in deadlines(aws) if streams_due == (streams[0],)] == [(streams[0],)] * 2
    assert len(deadlines(aws)) == len(before) + 1
    silent, failed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (silent["message"], silent["shipment_id"]) == ("no answer about a parcel", "order-1-1")
    assert (failed["message"], failed["shipment_ids"]) == ("parcels could not be tracked", ["order-3-1"])


@pytest.mark.usefixtures("service")
def test_a_carrier_whose_every_answer_is_faulty_delivers_in_the_end(aws: Aws) -> None:
    tracking = fulfilment(aws, SimulatedCarrier(fault_rate=1))

    for hour in range(72):
        assert tracking.track([STREAM], NOW + timedelta(hours=hour)) == {}

    assert parcel_phase(aws) == DELIVERED


def test_parcels_that_no_time_is_left_for_are_due_in_a_minute(aws: Aws) -> None:
    seed(aws, {"prod-001": "main"})
    streams = _confirm_and_book(aws, "order-1", "order-2")
    left = iter([10.0, 1.0])
    carrier = ToldCarrier()

    assert fulfilment(aws, carrier).track(streams, LATER, lambda: next(left)) == {}

    assert carrier.asked == ["order-1-1"]
    assert ((streams[1],), minute_of(LATER + MINUTE)) in deadlines(aws)


@pytest.mark.usefixtures("booked")
def test_a_parcel_that_two_messages_name_is_asked_about_once(aws: Aws) -> None:
    carrier = ToldCarrier()

    fulfilment(aws, carrier).track([STREAM, STREAM], LATER)

    assert carrier.asked == [PARCEL]


@pytest.mark.usefixtures("booked")
def test_a_message_of_the_carrier_moves_the_parcel(aws: Aws) -> None:
    commit = record(aws, told("picked_up", LATER), replace(CAUSE, at=LATER))

    assert isinstance(commit, Commit)
    assert aws.store.read(STREAM)[-1] == commit
    assert parcel_phase(aws) == PICKED_UP


@pytest.mark.parametrize("away", [timedelta(0), timedelta(hours=23)])
def test_a_message_about_a_parcel_without_a_label_has_it_looked_at_from_then_on(
    aws: Aws, service: FulfilmentService, away: timedelta
) -> None:
    """By the clock here, however wrong the carrier's is."""
    assert record(aws, told("picked_up", NOW + away))

    assert deadlines(aws) == [((STREAM,), next_look(STREAM, NOW, INTERVAL))]
    assert service.track([STREAM], LATER) == {}


@pytest.mark.usefixtures("booked")
def test_late_repeated_and_contradicting_messages_change_nothing(aws: Aws) -> None:
    record(aws, told("in_transit"))

    assert record(aws, told("picked_up")) is None
    assert record(aws, told("in_transit")) is None
    record(aws, told("delivered"))
    assert [record(aws, told(state)) for state in ("lost", "returned_to_sender", "delivered")] == [None] * 3
    assert parcel_phase(aws) == DELIVERED
    assert len(aws.store.read(STREAM)) == 4


@pytest.mark.usefixtures("booked")
def test_a_message_that_another_comes_before_is_decided_again(aws: Aws) -> None:
    store = _Interrupted(aws, lambda: record(aws, told("delivered")))

    assert record(aws, told("picked_up"), store=store) is None

    assert parcel_phase(aws) == DELIVERED


def test_a_message_about_an_unknown_parcel_is_refused(aws: Aws) -> None:
    with pytest.raises(RefusedError, match=f"there is no parcel {PARCEL}") as refused:
        record(aws, told("picked_up"))

    assert refused.value.reason is Refusal.NOT_FOUND


@pytest.mark.usefixtures("booked")
@pytest.mark.parametrize(
    ("away", "named"),
    [
        (-timedelta(minutes=5, milliseconds=1), "was created at 2026-01-01T12:00:00.123Z, after this message"),
        (timedelta(days=1, seconds=1), "is of more than a day to come"),
    ],
)
def test_a_message_of_a_time_that_cannot_be_is_refused(aws: Aws, away: timedelta, named: str) -> None:
    with pytest.raises(RefusedError, match=named) as refused:
        record(aws, told("picked_up", NOW + away))

    assert refused.value.reason is Refusal.INVALID
    assert parcel_phase(aws) == BOOKED


@pytest.mark.usefixtures("booked")
@pytest.mark.parametrize("away", [-timedelta(minutes=5), timedelta(), timedelta(days=1)])
def test_a_message_of_a_time_that_a_wrong_clock_explains_is_taken(aws: Aws, away: timedelta) -> None:
    assert record(aws, told("picked_up", NOW + away))


def _contention() -> None:
    raise ContentionError("each attempt met another transaction")


@pytest.mark.usefixtures("booked")
def test_a_message_outlasts_others_that_come_before_it_again_and_again(aws: Aws) -> None:
    states = ("picked_up", "in_transit", "out_for_delivery")
    others = [lambda state=state: record(aws, told(state)) for state in states]

    commit = record(aws, told("lost"), store=_Interrupted(aws, *others))

    assert commit
    assert (commit.version, parcel_phase(aws)) == (6, LOST)
