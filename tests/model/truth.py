"""What must hold after every step, by the log alone."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from services.shared.commits import Commit, order_stream
from services.shared.counters import counted
from services.shared.events import EventType
from services.shared.json_types import integer, objects, text
from tests.model.system import Charged, System

_State = tuple[EventType, ...]

_SEEDED: _State = (EventType.PRODUCT_INVENTORY_UPDATED,)
_RESERVED: _State = (EventType.ORDER_VALIDATED, EventType.PAYMENT_REQUESTED)
_PAID: _State = (EventType.PAYMENT_PROCESSED,)
_DECLINED: _State = (EventType.PAYMENT_FAILED,)
_EXPIRED: _State = (EventType.ORDER_CANCELLED, EventType.REFUND_REQUESTED)
_REFUNDED: _State = (EventType.REFUND_PROCESSED,)
_CONFIRMED: _State = (EventType.ORDER_CONFIRMED,)
_CANCELLED: _State = (EventType.ORDER_CANCELLED,)

# The life of a stream: what its next version may be, by what its last one was. What is not here is final.
_NEXT: Mapping[_State, set[_State]] = {
    (): {_SEEDED, _RESERVED, _CANCELLED},
    _SEEDED: {_SEEDED},
    _RESERVED: {_PAID, _DECLINED, _EXPIRED},
    _PAID: {_CONFIRMED},
    _DECLINED: {_CANCELLED},
    _EXPIRED: {_REFUNDED},
}


class Truth:
    """A fold of the log, and the system held against it; each assertion that fails is a violation."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._seen = 0
        self._streams: dict[str, list[Commit]] = {}
        self._moved: dict[str, list[int]] = {}
        self._counters: Counter[str] = Counter()
        self._seeded: Counter[str] = Counter()
        self._reserved: Counter[str] = Counter()
        self._sold: Counter[str] = Counter()
        self._due: dict[str, datetime] = {}
        self._touched: set[str] = set()

    def check(self) -> None:
        """Check the stock, the counters, and the money of the orders that changed since the last check."""
        self.catch_up()
        self._check_stock()
        assert self._counters == self._system.counters(), "counters differ from the log"
        ledger = self._system.ledger()
        for order_id in self._touched:
            self._check_money(order_id, ledger.get(order_id))
        self._touched.clear()

    def check_all(self) -> None:
        """Check everything, also what should not have changed."""
        self._touched.update(self._system.ledger())
        self.check()

    def check_nothing_was_due(self, time: datetime) -> None:
        """Check that what is still reserved was not due by then."""
        self.catch_up()
        overdue = [stream_id for stream_id, due_at in self._due.items() if due_at <= time]
        assert not overdue, f"swept, and still reserved: {overdue}"

    def check_settled(self, order_ids: Iterable[str]) -> None:
        """Check that every order that was placed has ended, and that exactly the confirmed ones are paid."""
        self.check_all()
        assert not +self._reserved, "stock is reserved for no order"
        lost = {order_stream(order_id) for order_id in order_ids} - self._streams.keys()
        assert not lost, f"placed and never decided: {lost}"
        orders = {stream_id: commits for stream_id, commits in self._streams.items() if commits[-1].events != _SEEDED}
        for stream_id, commits in orders.items():
            assert commits[-1].events not in _NEXT, f"{stream_id} has not ended"
        confirmed = [commits[-1] for commits in orders.values() if commits[-1].events == _CONFIRMED]
        taken = [entry.amount_minor for entry in self._system.ledger().values() if entry.status == "charged"]
        assert sorted(integer(commit.body, "amountMinor") for commit in confirmed) == sorted(
            amount or 0 for amount in taken
        ), "the money taken is not that of the confirmed orders"

    def outcomes(self) -> Counter[str]:
        """How many orders stand where."""
        names = {_CONFIRMED: "confirmed", _REFUNDED: "cancelled, payment_timeout", _CANCELLED: "cancelled, "}
        ends = (commits[-1] for commits in self._streams.values() if commits[-1].events != _SEEDED)
        return Counter(names.get(end.events, "open") + str(end.body.get("reason", "")) for end in ends)

    def placed(self, order_id: str) -> Commit:
        """Version 1 of an order that was decided."""
        self.catch_up()
        assert order_stream(order_id) in self._streams, f"{order_id} was delivered and is not there"
        return self._streams[order_stream(order_id)][0]

    def versions(self, order_id: str) -> int:
        self.catch_up()
        return len(self._streams.get(order_stream(order_id), ()))

    def touch(self, order_id: str) -> None:
        """Check the order's money next time: a service was asked about it."""
        self._touched.add(order_id)

    def catch_up(self) -> None:
        log = self._system.log()
        for commit in log[self._seen :]:
            self._seen += 1
            self._add(commit)

    def _add(self, commit: Commit) -> None:
        stream = self._streams.setdefault(commit.stream_id, [])
        before = stream[-1].events if stream else ()
        assert commit.version == len(stream) + 1, f"{commit.stream_id} has no version {len(stream) + 1}"
        assert commit.events in _NEXT.get(before, ()), f"{commit.events} after {before} in {commit.stream_id}"
        stream.append(commit)
        self._counters.update(counted(commit))
        for change in commit.stock_changes():
            moved = self._moved.setdefault(change.sku, [0, 0, 0])
            moved[:] = moved[0] + change.stock, moved[1] + change.reserved, moved[2] + change.available
        self._add_units(commit.events, stream)
        if commit.events != _SEEDED:
            self._touched.add(text(commit.body, "orderId"))

    def _add_units(self, state: _State, stream: list[Commit]) -> None:
        """Say again what each event means for the stock, without the code that is under test."""
        if state == _SEEDED:
            self._seeded[text(stream[-1].body, "sku")] += integer(stream[-1].body, "stockDelta")
        elif state == _RESERVED:
            self._reserved.update(_units(stream[0]))
            self._check_order(stream[0])
        elif state in {_PAID, _DECLINED, _EXPIRED}:
            self._reserved.subtract(_units(stream[0]))
            due_at = self._due.pop(stream[0].stream_id)
            assert state != _EXPIRED or stream[1].cause.at >= due_at, f"{stream[0].stream_id} expired too early"
        if state == _PAID:
            self._sold.update(_units(stream[0]))

    def _check_order(self, reserved: Commit) -> None:
        assert reserved.due_at, f"{reserved.stream_id} has no deadline"
        self._due[reserved.stream_id] = reserved.due_at
        lines = objects(reserved.body, "items")
        amount = sum(integer(line, "quantity") * integer(line, "unitPriceMinor") for line in lines)
        assert amount == integer(reserved.body, "amountMinor"), f"{reserved.stream_id} does not cost {amount}"

    def _check_stock(self) -> None:
        stock = self._system.stock()
        assert stock.keys() == self._moved.keys(), "a SKU is in the log or in the inventory alone"
        for sku, item in stock.items():
            standing = [item.stock, item.reserved, item.available]
            assert item.available + item.reserved == item.stock, f"{sku}: {standing} does not add up"
            assert min(standing) >= 0, f"{sku}: {standing} is below zero"
            assert standing == self._moved[sku], f"{sku}: {standing} where the log says {self._moved[sku]}"
            units = [self._seeded[sku] - self._sold[sku], self._reserved[sku]]
            assert standing[:2] == units, f"{sku}: {standing[:2]} where the orders say {units}"

    def _check_money(self, order_id: str, entry: Charged | None) -> None:
        states = {commit.events: commit.body for commit in self._streams.get(order_stream(order_id), [])}
        if _PAID in states:
            paid = Charged("charged", integer(states[_PAID], "amountMinor"), text(states[_PAID], "chargeId"))
            assert entry == paid, f"{order_id} is paid, and the gateway says {entry}"
        if entry is None:
            return
        if entry.status == "charged":
            may_be_charged = _RESERVED in states and not states.keys() & {_DECLINED, _REFUNDED}
            assert may_be_charged, f"{order_id} is charged and stands at {list(states)}"
        if entry.status in {"called_off", "refunded"}:
            assert _EXPIRED in states, f"{order_id} is {entry.status} and did not expire"
        if entry.amount_minor is not None:
            amount = integer(states[_RESERVED], "amountMinor")
            assert entry.amount_minor == amount, f"{order_id} was charged {entry.amount_minor}, not {amount}"
        if _REFUNDED in states:
            given_back = entry.amount_minor if entry.status == "refunded" else 0
            assert states[_REFUNDED]["refundedMinor"] == given_back, f"{order_id} was refunded {given_back}"


def _units(commit: Commit) -> dict[str, int]:
    return {text(item, "sku"): integer(item, "quantity") for item in objects(commit.body, "items")}
