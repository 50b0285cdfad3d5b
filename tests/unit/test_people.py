"""The fault suite's customers notice when what they were told is done is not."""

from time import sleep
from types import SimpleNamespace
from typing import cast

import pytest

from services.shared.order_state import Order
from tests.faults import people
from tests.faults.people import People
from tests.unit.services.every_commit import HISTORIES
from tests.use_cases import UseCases


def test_a_cancellation_that_was_confirmed_and_is_lost_is_a_broken_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "_CANCEL_SHARE", 1)
    monkeypatch.setattr(people, "_CANCEL_SECONDS", 0.001)
    confirms = SimpleNamespace(cancel=lambda *_: None)
    customers = People(cast("UseCases", SimpleNamespace(after_sale=confirms)), seed=1)

    customers.place("order-1", "customer-1")
    while customers.agenda.waits_for("order-1"):
        sleep(0.001)
        customers.agenda.work()

    assert customers.broken_promises({"order-1": Order.of(HISTORIES["called_off"])}) == []
    assert customers.broken_promises({"order-1": Order.of(HISTORIES["delivered"])}) == ["order-1: cancel"]
