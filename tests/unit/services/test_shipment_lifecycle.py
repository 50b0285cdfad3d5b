"""The life of a parcel: what the carrier tells moves it forward, whatever the order in which it is told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fulfilment_service.carrier import CARRIER_STATES, CarrierEvent, Label, carrier_event
from services.fulfilment_service.domain import advance, booked, booked_at
from services.shared.commits import Commit
from services.shared.deadlines import next_look
from services.shared.events.fulfilment import ParcelStatus, ShipmentCreated, ShipmentTracked
from services.shared.lifecycle import ImpossibleCommitError, Phase
from services.shared.shipment_lifecycle import (
    CREATED,
    DELIVERED,
    LOST,
    PHASE_OF,
    RETURNED_TO_SENDER,
    SHIPMENT,
    UNDER_WAY,
    is_forward,
    shipment_id,
    shipment_id_of,
    shipment_stream,
)
from tests.factories import CAUSE, NOW

HOUR = timedelta(hours=1)
ENDS = (DELIVERED, LOST, RETURNED_TO_SENDER)
_STREAM = shipment_stream("order-1-1")
_NEW = Commit(
    _STREAM,
    1,
    (
        ShipmentCreated(
            shipment_id="order-1-1", order_id="order-1", customer_id="customer-1", warehouse="main", lines=()
        ),
    ),
    CAUSE,
)
MESSAGES = [carrier_event(f"event-{number}", state, NOW + number * HOUR) for number, state in enumerate(CARRIER_STATES)]


def _label() -> Commit:
    commit = booked((_NEW,), Label("sim1"), CAUSE, NOW + HOUR)
    assert commit
    return commit


def _after(*told: Sequence[CarrierEvent]) -> list[Commit]:
    """The parcel's history after these answers of the carrier."""
    history = [_NEW, _label()]
    for answer in told:
        if commit := advance(history, answer, CAUSE, NOW + HOUR):
            history.append(commit)
    return history


def test_a_parcel_only_moves_forward_and_never_from_its_end() -> None:
    phases = (*UNDER_WAY, *ENDS)

    for phase, to in product(phases, phases):
        is_later = phases.index(to) > phases.index(phase)
        assert is_forward(phase, to) == (phase not in ENDS and is_later)


@given(st.lists(st.lists(st.sampled_from(MESSAGES), max_size=4), max_size=6))
def test_whatever_the_carrier_tells_is_a_life_of_a_parcel_that_only_moves_forward(
    told: list[list[CarrierEvent]],
) -> None:
    history = _after(*told)

    phases = [SHIPMENT.fold(history[:length]).phase for length in range(1, len(history) + 1)]
    assert all(is_forward(phase, to) for phase, to in pairwise(phases))
    assert all(commit.due_at is None for commit in history if SHIPMENT.fold(history[: commit.version]).phase in ENDS)
    assert [commit.due_at for commit in history[1:-1]] == [NOW + HOUR] * len(history[1:-1])


def test_the_furthest_step_of_an_answer_is_written_whatever_its_order() -> None:
    way = [message for message in MESSAGES if message.phase not in {LOST, RETURNED_TO_SENDER}]

    for answer in permutations(way):
        (_, _, last) = _after([*answer, *answer])
        assert SHIPMENT.fold(_after(answer)).phase == DELIVERED
        assert (last.version, last.due_at) == (3, None)


def test_a_parcel_that_ended_is_moved_by_nothing() -> None:
    for end in (message for message in MESSAGES if message.phase in ENDS):
        ended = _after([end])
        assert all(advance(ended, [message], CAUSE, NOW) is None for message in MESSAGES)


def test_of_two_ends_the_one_that_came_first_holds() -> None:
    lost, delivered = (carrier_event(f"{state}-1", state, NOW + HOUR) for state in ("lost", "delivered"))

    assert SHIPMENT.fold(_after([delivered._replace(at=NOW), lost])).phase == DELIVERED
    assert SHIPMENT.fold(_after([delivered, lost._replace(at=NOW)])).phase == LOST


def test_a_step_is_written_with_the_carriers_own_id_and_time() -> None:
    told = carrier_event("event-7", "picked_up", NOW + HOUR)

    tracked = _after([told])[-1].get(ShipmentTracked)

    assert (tracked.carrier_event_id, tracked.carrier_time) == ("event-7", NOW + HOUR)
    assert (tracked.shipment_id, tracked.order_id, tracked.tracking_number) == ("order-1-1", "order-1", None)


def test_a_label_is_booked_once() -> None:
    assert _label().get(ShipmentTracked).tracking_number == "sim1"
    assert booked((_NEW, _label()), Label("sim1"), CAUSE, NOW + HOUR) is None


def test_a_parcel_is_with_the_carrier_since_its_label_or_its_creation() -> None:
    label = booked((_NEW,), Label("sim1"), replace(CAUSE, at=NOW + HOUR), NOW + 2 * HOUR)
    picked_up = advance((_NEW,), [carrier_event("event-1", "picked_up", NOW + HOUR)], CAUSE, NOW + HOUR)
    assert label
    assert picked_up

    assert booked_at((_NEW, label)) == NOW + HOUR
    assert booked_at((_NEW, picked_up)) == NOW


@pytest.mark.parametrize("phase", ENDS, ids=str)
def test_an_end_waits_for_nothing_and_every_other_phase_for_something(phase: Phase) -> None:
    assert phase.wait is None
    assert all(one.wait for one in UNDER_WAY)


def test_every_status_of_the_carrier_has_its_phase() -> None:
    assert PHASE_OF.keys() == set(ParcelStatus)
    assert {message.phase for message in MESSAGES} == {*UNDER_WAY[2:], *ENDS}


def test_a_step_back_that_somebody_wrote_all_the_same_ends_the_fold() -> None:
    history = _after([carrier_event("event-1", "picked_up", NOW)])
    again = Commit(_STREAM, 4, history[-1].events, CAUSE)

    with pytest.raises(ImpossibleCommitError, match="ShipmentTracked as version 4, where the stream is picked_up"):
        SHIPMENT.fold([*history, again])


def test_a_stream_of_a_parcel_begins_with_its_creation() -> None:
    assert SHIPMENT.fold([_NEW]).phase == CREATED
    with pytest.raises(ImpossibleCommitError):
        SHIPMENT.fold([Commit(_STREAM, 1, _label().events, CAUSE)])


def test_the_id_of_a_parcel_is_the_orders_and_a_number() -> None:
    assert shipment_id("order-1", 2) == "order-1-2"
    assert shipment_id_of(shipment_stream("order-1-2")) == "order-1-2"


_TIMES = st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1)).map(  # noqa: DTZ001 - made aware
    lambda time: time.replace(tzinfo=NOW.tzinfo)
)
_INTERVALS = st.integers(min_value=60, max_value=86_400).map(lambda seconds: timedelta(seconds=seconds))


@given(_TIMES, _INTERVALS, st.integers(min_value=0, max_value=50))
def test_the_next_look_comes_within_an_interval_and_is_the_same_until_then(
    now: datetime, interval: timedelta, number: int
) -> None:
    stream = shipment_stream(f"order-{number}-1")

    due = next_look(stream, now, interval)

    assert now < due <= now + interval
    assert next_look(stream, now + (due - now) / 2, interval) == due
    assert next_look(stream, due, interval) == due + interval


def test_parcels_are_due_at_different_minutes_of_the_interval() -> None:
    dues = {next_look(shipment_stream(f"order-{number}-1"), NOW, HOUR) for number in range(1000)}

    assert len(dues) == 60
