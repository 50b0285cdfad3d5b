"""What must hold after every step, by the log alone."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from scripts.ledger.lifecycles import lifecycle_of
from services.shared.commits import ORDER_PREFIX, Commit, order_stream
from services.shared.counters import counter_increments
from services.shared.events.catalog import ProductInventoryUpdated
from services.shared.events.order import OrderCancelled, OrderConfirmed, OrderValidated
from services.shared.events.payment import PaymentFailed, PaymentProcessed, RefundProcessed, RefundRequested
from services.shared.lifecycle import State
from services.shared.order_lifecycle import CONFIRMED
from tests.model.system import Charged, System


class Truth:
    """A fold of the log, and the system held against it; each assertion that fails is a violation."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._seen = 0
        self._streams: dict[str, list[Commit]] = {}
        self._states: dict[str, State] = {}
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

    def check_told(self, due_by: datetime, told: Collection[str]) -> None:
        """Check that the service is told of every order that is still reserved and was due by then."""
        self.catch_up()
        untold = [stream for stream, due_at in self._due.items() if due_at <= due_by and stream not in told]
        assert not untold, f"swept, still reserved, and nobody is told: {untold}"

    def check_settled(self, order_ids: Iterable[str]) -> None:
        """Check that every order that was placed has ended, and that exactly the confirmed ones are paid."""
        self.check_all()
        assert not +self._reserved, "stock is reserved for no order"
        lost = {order_stream(order_id) for order_id in order_ids} - self._streams.keys()
        assert not lost, f"placed and never decided: {lost}"
        for stream_id, state in self._states.items():
            assert state.is_final, f"{stream_id} has not ended"
        confirmed = [
            commits[-1].get(OrderConfirmed).amount_minor
            for stream_id, commits in self._streams.items()
            if self._states[stream_id].phase == CONFIRMED
        ]
        taken = [entry.amount_minor for entry in self._system.ledger().values() if entry.status == "charged"]
        assert sorted(confirmed) == sorted(amount or 0 for amount in taken), (
            "the money taken is not that of the confirmed orders"
        )

    def outcomes(self) -> Counter[str]:
        """How many orders stand where."""
        orders = {stream: commits for stream, commits in self._streams.items() if stream.startswith(ORDER_PREFIX)}
        return Counter(_outcome(self._states[stream], commits) for stream, commits in orders.items())

    def placed(self, order_id: str) -> Commit:
        """Version 1 of an order that was decided."""
        self.catch_up()
        assert order_stream(order_id) in self._streams, f"{order_id} was delivered and is not there"
        return self._streams[order_stream(order_id)][0]

    def state(self, order_id: str) -> State | None:
        """Where the order stands; None for one that was not decided."""
        self.catch_up()
        return self._states.get(order_stream(order_id))

    def touch(self, order_id: str) -> None:
        """Check the order's money next time: a service was asked about it."""
        self._touched.add(order_id)

    def catch_up(self) -> None:
        log = self._system.log()
        for commit in log[self._seen :]:
            self._seen += 1
            self._add(commit)

    def _add(self, commit: Commit) -> None:
        lifecycle = lifecycle_of(commit.stream_id)
        assert lifecycle, f"{commit.stream_id} is of no known kind"
        before = self._states.get(commit.stream_id, State(lifecycle.start))
        self._states[commit.stream_id] = lifecycle.next_state(before, commit)
        self._streams.setdefault(commit.stream_id, []).append(commit)
        self._counters.update(counter_increments(commit))
        for change in commit.stock_changes():
            moved = self._moved.setdefault(change.sku, [0, 0, 0])
            moved[:] = moved[0] + change.stock, moved[1] + change.reserved, moved[2] + change.available
        self._add_units(commit)
        if commit.stream_id.startswith(ORDER_PREFIX):
            self._touched.add(commit.stream_id.removeprefix(ORDER_PREFIX))

    def _add_units(self, commit: Commit) -> None:
        """Say again what each event means for the stock, without the code that is under test."""
        if seeded := commit.find(ProductInventoryUpdated):
            self._seeded[seeded.sku] += seeded.stock_delta
        if order := commit.find(OrderValidated):
            self._reserved.update(_units(order))
            self._check_order(commit, order)
        if any(commit.find(kind) for kind in (PaymentProcessed, PaymentFailed, RefundRequested)):
            units = _units(self._streams[commit.stream_id][0].get(OrderValidated))
            self._reserved.subtract(units)
            due_at = self._due.pop(commit.stream_id)
            assert not commit.find(RefundRequested) or commit.cause.at >= due_at, (
                f"{commit.stream_id} expired too early"
            )
            if commit.find(PaymentProcessed):
                self._sold.update(units)

    def _check_order(self, reserved: Commit, order: OrderValidated) -> None:
        assert reserved.due_at, f"{reserved.stream_id} has no deadline"
        self._due[reserved.stream_id] = reserved.due_at
        amount = sum(line.quantity * line.unit_price_minor for line in order.items)
        assert amount == order.amount_minor, f"{reserved.stream_id} does not cost {amount}"

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
        events = {type(event): event for commit in self._order(order_id) for event in commit.events}
        if isinstance(paid := events.get(PaymentProcessed), PaymentProcessed):
            expected = Charged("charged", paid.amount_minor, paid.charge_id)
            assert entry == expected, f"{order_id} is paid, and the gateway says {entry}"
        if entry is None:
            return
        if entry.status == "charged":
            may_be_charged = OrderValidated in events and not events.keys() & {PaymentFailed, RefundProcessed}
            assert may_be_charged, f"{order_id} is charged and stands at {[*events]}"
        if entry.status in {"called_off", "refunded"}:
            assert RefundRequested in events, f"{order_id} is {entry.status} and did not expire"
        if entry.amount_minor is not None:
            amount = self._order(order_id)[0].get(OrderValidated).amount_minor
            assert entry.amount_minor == amount, f"{order_id} was charged {entry.amount_minor}, not {amount}"
        if isinstance(refunded := events.get(RefundProcessed), RefundProcessed):
            given_back = entry.amount_minor if entry.status == "refunded" else 0
            assert refunded.refunded_minor == given_back, f"{order_id} was refunded {given_back}"

    def _order(self, order_id: str) -> Sequence[Commit]:
        return self._streams.get(order_stream(order_id), [])


def _units(order: OrderValidated) -> dict[str, int]:
    return {item.sku: item.quantity for item in order.items}


def _outcome(state: State, commits: Sequence[Commit]) -> str:
    cancelled = next((event for commit in commits if (event := commit.find(OrderCancelled))), None)
    if not state.is_final:
        return "open"
    return f"cancelled, {cancelled.reason}" if cancelled else state.phase.name
