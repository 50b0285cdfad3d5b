"""A carrier's own message, as it is parsed."""

from datetime import UTC, datetime

import pytest

from services.fulfilment_service.carrier import CARRIER_STATES, CarrierEvent, carrier_event
from services.shared.events.fulfilment import ParcelStatus
from services.shared.refusals import Refusal, RefusedError
from services.shared.shipment_lifecycle import DELIVERED, LOST, PICKED_UP
from tests.factories import NOW


def test_a_message_tells_how_far_a_parcel_is() -> None:
    picked_up = carrier_event("event-1", "picked_up", "2026-01-01T14:00:00+02:00")

    assert picked_up == CarrierEvent("event-1", ParcelStatus.PICKED_UP, datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert picked_up.phase == PICKED_UP
    assert carrier_event("event-2", "lost", NOW).phase == LOST
    assert carrier_event("event-3", "delivered", NOW) == CarrierEvent("event-3", None, NOW)
    assert carrier_event("event-3", "delivered", NOW).phase == DELIVERED


@pytest.mark.parametrize("state", ["", "PICKED_UP", "teleported", "created", "booked"])
def test_an_unknown_state_is_refused_with_the_states_that_there_are(state: str) -> None:
    with pytest.raises(RefusedError) as refused:
        carrier_event("event-1", state, NOW)

    assert refused.value.reason is Refusal.INVALID
    assert str(refused.value) == (
        f"state: {state!r} is unknown; it is one of "
        "picked_up, in_transit, out_for_delivery, lost, returned_to_sender, delivered"
    )
    assert state not in CARRIER_STATES


@pytest.mark.parametrize(
    ("event_id", "at", "named"),
    [
        ("", NOW, "event_id: "),
        ("jane doe", NOW, "event_id: "),
        ("e" * 129, NOW, "event_id: "),
        ("event-1", "yesterday", "at: "),
        ("event-1", "2026-01-01T12:00:00", "at: "),
        ("event-1", "2026-13-01T12:00:00Z", "at: "),
    ],
)
def test_an_id_or_a_time_that_is_none_is_named(event_id: str, at: str | datetime, named: str) -> None:
    with pytest.raises(RefusedError, match=f"^{named}") as refused:
        carrier_event(event_id, "picked_up", at)

    assert refused.value.reason is Refusal.INVALID
    assert "jane" not in str(refused.value)
