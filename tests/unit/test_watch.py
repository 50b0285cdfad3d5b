"""The fault suite follows each of its orders to the end."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import cast

from scripts.operate.order_client import History, OrderClient
from services.shared.order_state import Order
from tests.faults.people import People
from tests.faults.watch import Watch
from tests.unit.services.every_commit import HISTORIES


class _Store:
    """Says that an order has these commits."""

    def __init__(self) -> None:
        self.commits = HISTORIES["delivered"][:1]

    def grown(self, known: Iterable[History]) -> list[History]:
        return [History(history.order_id, self.commits) for history in known if history.commits != self.commits]


def test_an_order_is_followed_until_it_has_ended_and_nobody_is_to_do_anything_about_it() -> None:
    store, waiting = _Store(), {"order-1"}
    seen: list[Order] = []
    agenda = SimpleNamespace(waits_for=waiting.__contains__)
    people = SimpleNamespace(agenda=agenda, see=seen.append)
    watch = Watch(cast("OrderClient", store), cast("People", people))
    watch.add("order-1")

    watch.look()
    watch.look()
    assert (len(seen), list(watch.open)) == (1, ["order-1"])

    store.commits = HISTORIES["delivered"]
    watch.look()
    assert (len(seen), list(watch.open)) == (2, ["order-1"])

    store.commits = HISTORIES["not_received"]
    waiting.clear()
    watch.look()
    assert (len(seen), list(watch.open)) == (3, [])
