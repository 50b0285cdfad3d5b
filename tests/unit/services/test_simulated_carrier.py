"""The simulated carrier: the same answers for the same parcel and minute, right or faulty by its rates."""

from datetime import datetime, timedelta

import pytest

from services.fulfilment_service.carrier import CarrierError, CarrierEvent
from services.fulfilment_service.simulated_carrier import SimulatedCarrier
from services.shared.events.fulfilment import ParcelStatus
from services.shared.shipment_lifecycle import DELIVERED, LOST, RETURNED_TO_SENDER
from tests.factories import NOW

PARCELS = [f"order-{number}-1" for number in range(1000)]
AT_THE_END = NOW + timedelta(days=3)
_MINUTES = [NOW + timedelta(minutes=number) for number in range(1000)]


def _statuses(told: list[CarrierEvent]) -> list[ParcelStatus | None]:
    return [event.status for event in told]


def _told(carrier: SimulatedCarrier, parcel: str = "order-1-1", now: datetime = AT_THE_END) -> list[CarrierEvent]:
    return list(carrier.track(parcel, NOW, now))


def test_a_parcel_is_delivered_step_by_step_in_about_two_days() -> None:
    ways = [_told(SimulatedCarrier(), parcel) for parcel in PARCELS[:100]]

    for way in ways:
        assert _statuses(way) == [
            ParcelStatus.PICKED_UP,
            ParcelStatus.IN_TRANSIT,
            ParcelStatus.OUT_FOR_DELIVERY,
            None,
        ]
        assert way == sorted(way, key=lambda event: event.at)
        assert len({event.event_id for event in way}) == 4
    days = [(way[-1].at - NOW) / timedelta(days=1) for way in ways]
    assert 1.5 <= min(days) < 1.8
    assert 2.2 < max(days) <= 2.5


def test_the_carrier_tells_what_has_happened_by_now_and_nothing_to_come() -> None:
    for event in _told(SimulatedCarrier()):
        before = _told(SimulatedCarrier(), now=event.at - timedelta(microseconds=1))

        assert event not in before
        assert _told(SimulatedCarrier(), now=event.at) == [*before, event]


def test_the_speed_shortens_the_way() -> None:
    ended = NOW + timedelta(minutes=2.5)

    assert _statuses(_told(SimulatedCarrier(speed=1440), now=ended))[-1] is None
    assert _told(SimulatedCarrier(speed=1), now=ended) == []


def test_two_carriers_give_one_answer_and_two_parcels_two_labels() -> None:
    assert _told(SimulatedCarrier()) == _told(SimulatedCarrier())
    assert SimulatedCarrier().book("order-1-1", NOW) == SimulatedCarrier().book("order-1-1", AT_THE_END)
    assert len({SimulatedCarrier().book(parcel, NOW) for parcel in PARCELS}) == len(PARCELS)


def test_the_given_shares_of_parcels_are_lost_and_come_back() -> None:
    carrier = SimulatedCarrier(lost_share=0.1, returned_share=0.3)

    ends = [_told(carrier, parcel)[-1].phase for parcel in PARCELS]

    assert 70 <= ends.count(LOST) <= 130
    assert 250 <= ends.count(RETURNED_TO_SENDER) <= 350
    assert ends.count(DELIVERED) == len(PARCELS) - ends.count(LOST) - ends.count(RETURNED_TO_SENDER)


@pytest.mark.parametrize(
    ("carrier", "end"),
    [(SimulatedCarrier(lost_share=1), LOST), (SimulatedCarrier(returned_share=1), RETURNED_TO_SENDER)],
)
def test_a_share_of_one_is_all(carrier: SimulatedCarrier, end: object) -> None:
    assert {_told(carrier, parcel)[-1].phase for parcel in PARCELS} == {end}


def _answers(carrier: SimulatedCarrier, minutes: list[datetime]) -> list[str]:
    """What is wrong with the answer of each minute, all of which are after the parcel's end."""
    right = _told(SimulatedCarrier())
    kinds = {
        tuple(right): "right",
        tuple(right[:-1]): "late",
        (*right, *right): "twice",
        tuple(right[::-1]): "disorder",
    }

    def kind(now: datetime) -> str:
        try:
            return kinds[tuple(_told(carrier, now=now))]
        except CarrierError:
            return "none"

    return [kind(AT_THE_END + (minute - NOW)) for minute in minutes]


def test_answers_are_late_twice_in_disorder_or_missing_by_the_rate() -> None:
    answers = _answers(SimulatedCarrier(fault_rate=0.4), _MINUTES)

    assert 550 <= answers.count("right") <= 650
    assert all(60 <= answers.count(fault) <= 140 for fault in ("late", "twice", "disorder", "none"))


def test_without_a_rate_no_answer_is_faulty_and_with_one_every_answer() -> None:
    assert set(_answers(SimulatedCarrier(), _MINUTES[:50])) == {"right"}
    assert "right" not in _answers(SimulatedCarrier(fault_rate=1), _MINUTES[:50])


def test_an_answer_is_the_same_all_through_its_minute() -> None:
    carrier = SimulatedCarrier(fault_rate=0.5)
    later = [minute.replace(second=59) for minute in _MINUTES]

    assert _answers(carrier, _MINUTES) == _answers(carrier, later)


def test_a_label_that_was_not_given_is_given_in_a_later_minute() -> None:
    def given(minute: datetime) -> bool:
        try:
            SimulatedCarrier(fault_rate=0.4).book("order-1-1", minute)
        except CarrierError:
            return False
        return True

    assert 850 <= [given(minute) for minute in _MINUTES].count(True) <= 950
