"""What must hold after every step, by the log alone."""

from collections import Counter, deque
from collections.abc import Collection, Iterable
from datetime import datetime

from scripts.ledger.lifecycles import lifecycle_of
from services.shared.commits import ORDER_PREFIX, Commit, order_stream
from services.shared.counters import counter_increments
from services.shared.events.catalog import ProductInventoryUpdated
from services.shared.events.fulfilment import ShipmentCreated
from services.shared.events.order import OrderCancelled, OrderDelivered, OrderShipped
from services.shared.events.payment import PaymentFailed, PaymentProcessed, RefundMode
from services.shared.lifecycle import State
from services.shared.shipment_lifecycle import SHIPMENT_PREFIX
from tests.model.goods import Goods, Parcel
from tests.model.lives import Life
from tests.model.system import Charged, System

_RECENT = 20


class Truth:
    """A fold of the log, and the system held against it; each assertion that fails is a violation."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._seen = 0
        self._firsts: dict[str, Commit] = {}
        self._states: dict[str, State] = {}
        self._moved: dict[str, list[int]] = {}
        self._counters: Counter[str] = Counter()
        self._seeded: Counter[str] = Counter()
        self._warehouses: dict[str, str] = {}
        self._goods = Goods()
        self.lives: dict[str, Life] = {}
        """By order id."""
        self.parcels: dict[str, Parcel] = {}
        """By shipment id."""
        self._due: dict[tuple[str, str], datetime] = {}
        """What is still open at a time, by stream and return id, which is empty for a payment."""
        self.delivered: deque[str] = deque(maxlen=_RECENT)
        """The orders that were delivered last."""
        self._unended: set[str] = set()
        self._failed_refunds: set[tuple[str, str]] = set()
        self._touched: set[str] = set()

    def check(self) -> None:
        """Check the stock, the counters, and the parcels and money of the orders that changed since the last check."""
        self.catch_up()
        self._check_stock()
        assert self._counters == self._system.counters(), "counters differ from the log"
        ledger = self._system.ledger()
        for order_id in self._touched:
            self._check_parcels(order_id)
            self._check_money(order_id, ledger.get(order_id))
        self._touched.clear()

    def check_all(self) -> None:
        """Check everything, also what should not have changed."""
        self.catch_up()
        self._touched.update(self._system.ledger(), self.lives)
        self.check()
        planned = {name for life in self.lives.values() for name in (*life.planned, *life.written_off)}
        assert planned == self.parcels.keys(), "parcels that no order has, or the other way round"
        unknown = self._system.parcels.parcels.keys() - self.parcels.keys()
        assert not unknown, f"the carrier was asked for labels of {unknown}"

    def check_told(self, due_by: datetime, told: Collection[str]) -> None:
        """Check that the service is told of every order whose payment or return is open and was due by then."""
        self.catch_up()
        untold = [key for key, due_at in self._due.items() if due_at <= due_by and key[0] not in told]
        assert not untold, f"swept, still open, and nobody is told: {untold}"

    def check_followed(self) -> None:
        """Check that every order is as far as its parcels are, once every event of theirs has arrived."""
        self.catch_up()
        for life in [self.lives[order_id] for order_id in self._unended]:
            if not life.is_in_fulfilment:
                continue
            parcels = [self.parcels[name] for name in life.planned]
            failed = [parcel for parcel in parcels if parcel.status in {"lost", "returned_to_sender"}]
            assert not failed, f"{life.stream_id} has not written off {failed}"
            under_way = [parcel for parcel in parcels if not parcel.was_picked_up]
            assert under_way or life.find(OrderShipped), f"{life.stream_id} is not shipped, and its parcels are"
            assert any(parcel.status != "delivered" for parcel in parcels), f"{life.stream_id} is not delivered"

    def check_settled(self, order_ids: Iterable[str]) -> None:
        """Check that every order that was placed has ended, and that the money kept is that of the goods kept."""
        self.check_all()
        assert not +self._goods.reserved, "stock is reserved for no order"
        lost = set(order_ids) - self.lives.keys()
        assert not lost, f"placed and never decided: {lost}"
        for stream_id, state in self._states.items():
            assert state.is_final, f"{stream_id} has not ended"
        ledger = self._system.ledger()
        for order_id, life in self.lives.items():
            assert not life.waits_for(), f"{order_id} waits for {life.waits_for()}"
            taken = _kept(ledger.get(order_id, Charged("never charged")))
            assert taken == self._worth(life), f"{order_id}: {taken} is kept for goods worth {self._worth(life)}"

    def outcomes(self) -> Counter[str]:
        """How many orders stand where."""
        return Counter(map(_outcome, self.lives.values()))

    def after_sale(self) -> Counter[str]:
        """How many parcels, returns and refunds stand where."""
        lives = self.lives.values()
        counts = Counter(f"parcels {parcel.status}" for parcel in self.parcels.values())
        counts.update(f"refunds {refund.status}" for life in lives for refund in life.refunds.values())
        counts.update(f"returns {_stage(one.received)}" for life in lives for one in life.returns.values())
        return counts

    def failed_refunds(self) -> list[tuple[str, str]]:
        """The order and the id of each refund that failed and was not asked for again."""
        self.catch_up()
        return sorted(self._failed_refunds)

    def all_ended(self) -> bool:
        self.catch_up()
        return not self._unended

    def placed(self, order_id: str) -> Commit:
        """Version 1 of an order that was decided."""
        self.catch_up()
        assert order_stream(order_id) in self._firsts, f"{order_id} was delivered and is not there"
        return self._firsts[order_stream(order_id)]

    def life(self, order_id: str) -> Life:
        """The order's life so far; an empty one if it was not decided."""
        self.catch_up()
        return self.lives.get(order_id, Life(order_stream(order_id)))

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
        self._firsts.setdefault(commit.stream_id, commit)
        self._counters.update(counter_increments(commit))
        for change in commit.stock_changes():
            moved = self._moved.setdefault(change.sku, [0, 0, 0])
            moved[:] = moved[0] + change.stock, moved[1] + change.reserved, moved[2] + change.available
        if seeded := commit.find(ProductInventoryUpdated):
            self._seeded[seeded.sku] += seeded.stock_delta
            self._warehouses[seeded.sku] = seeded.warehouse
        if commit.stream_id.startswith(ORDER_PREFIX):
            self._add_to_order(commit.stream_id.removeprefix(ORDER_PREFIX), commit)
        if commit.stream_id.startswith(SHIPMENT_PREFIX):
            self._add_to_parcel(commit.stream_id.removeprefix(SHIPMENT_PREFIX), commit)

    def _add_to_order(self, order_id: str, commit: Commit) -> None:
        life = self.lives.setdefault(order_id, Life(commit.stream_id))
        life.add(commit, self._goods, self._warehouses)
        waits = {"": life.pay_until} if life.is_reserved else {}
        waits |= {name: one.due_at for name, one in life.returns.items() if one.received is None}
        for name in ("", *life.returns):
            self._due.pop((commit.stream_id, name), None)
        self._due |= {(commit.stream_id, name): due_at for name, due_at in waits.items() if due_at}
        if commit.find(OrderDelivered):
            self.delivered.append(order_id)
        self._unended.add(order_id)
        if not life.waits_for():
            self._unended.remove(order_id)
        self._failed_refunds -= {(order_id, refund_id) for refund_id in life.refunds}
        self._failed_refunds |= {(order_id, refund_id) for refund_id in life.failed_refunds}
        self._touched.add(order_id)

    def _add_to_parcel(self, shipment_id: str, commit: Commit) -> None:
        if created := commit.find(ShipmentCreated):
            assert commit.version == 1, f"{shipment_id} is created as version {commit.version}"
            self.parcels[shipment_id] = Parcel(created, commit.cause.at)
        parcel = self.parcels[shipment_id]
        (event,) = commit.events
        if carrier_event_id := parcel.add(event):
            told = self._system.parcels.parcels.get(shipment_id, [])
            assert any(one.event_id == carrier_event_id for one in told), f"{shipment_id}: nobody told {event}"
        self._touched.add(parcel.created.order_id)

    def _check_stock(self) -> None:
        stock, goods = self._system.stock(), self._goods
        assert stock.keys() == self._moved.keys(), "a SKU is in the log or in the inventory alone"
        for sku, item in stock.items():
            standing = [item.stock, item.reserved, item.available]
            assert item.available + item.reserved == item.stock, f"{sku}: {standing} does not add up"
            assert min(standing) >= 0, f"{sku}: {standing} is below zero"
            assert standing == self._moved[sku], f"{sku}: {standing} where the log says {self._moved[sku]}"
            units = [self._seeded[sku] - goods.sold[sku] + goods.back[sku], goods.reserved[sku]]
            assert standing[:2] == units, f"{sku}: {standing[:2]} where the orders say {units}"

    def _check_parcels(self, order_id: str) -> None:
        """Check the order against its parcels, which only move on after it was written."""
        life = self.lives.get(order_id)
        if life is None:
            return
        for name, units in life.planned.items():
            assert name in self.parcels, f"{order_id}: parcel {name} was not created"
            created = self.parcels[name].created
            assert units == {line.sku: line.quantity for line in created.lines}, f"{name} has other lines"
        for name, outcome in life.written_off.items():
            status = self.parcels[name].status
            assert status == outcome, f"{order_id}: {name} is written off as {outcome}, and is {status}"
        remaining = [self.parcels[name] for name in life.planned]
        if life.find(OrderShipped):
            left_behind = [parcel for parcel in remaining if not parcel.was_picked_up]
            assert not left_behind, f"{order_id} is shipped without {left_behind}"
        if life.find(OrderDelivered):
            missing = [parcel for parcel in remaining if parcel.status != "delivered"]
            assert not missing, f"{order_id} is delivered without {missing}"

    def _check_money(self, order_id: str, entry: Charged | None) -> None:
        life = self.lives.get(order_id, Life(order_id))
        call_off = next((one for one in life.refunds.values() if one.requested.mode is RefundMode.CALL_OFF), None)
        if paid := life.find(PaymentProcessed):
            assert entry, f"{order_id} is paid, and the gateway knows nothing of it"
            expected = ("charged", paid.amount_minor, paid.charge_id)
            found = (entry.status, entry.amount_minor, entry.charge_id)
            assert found == expected, f"{order_id} is paid, and the gateway says {entry}"
        if entry is None:
            return
        if entry.status == "charged":
            called_off = life.find(PaymentFailed) or (call_off and call_off.status == "processed")
            assert not called_off, f"{order_id} is charged and stands at {life.events}"
            assert life.units, f"{order_id} is charged and was not accepted"
        if entry.status in {"called_off", "refunded"}:
            assert call_off, f"{order_id} is {entry.status} and was not called off"
        if entry.amount_minor is not None:
            assert entry.amount_minor == life.amount_minor, f"{order_id} was charged {entry.amount_minor}"
        if call_off and call_off.status == "processed":
            given_back = entry.amount_minor if entry.status == "refunded" else 0
            assert call_off.given_back_minor == given_back, f"{order_id} was refunded {given_back}"
        _check_refunds(order_id, life, entry)

    def _worth(self, life: Life) -> int:
        """The value of the goods that the customer keeps."""
        delivered = [units for name, units in life.planned.items() if self.parcels[name].status == "delivered"]
        kept = sum(delivered, Counter[str]())
        for one in life.returns.values():
            kept.subtract(one.received or {})
        return life.price(kept)


def _check_refunds(order_id: str, life: Life, entry: Charged) -> None:
    """Check each refund of a settled charge against the ledger: it may be there before its commit, and once only."""
    for refund_id, amount in (*entry.refunds.items(), *entry.refused.items()):
        refund = life.refunds.get(refund_id)
        assert refund, f"{order_id}: nobody asked for refund {refund_id}"
        assert refund.requested.amount_minor == amount, f"{order_id}: refund {refund_id} is {amount}"
        ended = "processed" if refund_id in entry.refunds else "failed"
        statuses = {"open", ended} | ({"asked again"} if ended == "failed" else set())
        assert refund.status in statuses, f"{order_id}: {refund_id} is {refund.status}, at the gateway {ended}"
    for refund_id, refund in life.refunds.items():
        if refund.requested.mode is RefundMode.REFUND and refund.status != "open":
            where = entry.refunds if refund.status == "processed" else entry.refused
            assert refund_id in where, f"{order_id}: {refund_id} is {refund.status}, and not at the gateway"
        if refund.status == "processed" and refund.requested.mode is RefundMode.REFUND:
            assert refund.given_back_minor == refund.requested.amount_minor, f"{order_id}: {refund_id} gave another sum"
    given_back = sum(entry.refunds.values())
    assert given_back <= (entry.amount_minor or 0), f"{order_id} got {given_back} back of {entry.amount_minor}"


def _kept(entry: Charged) -> int:
    """What the provider took and did not give back, in minor units."""
    return (entry.amount_minor or 0) - sum(entry.refunds.values()) if entry.status == "charged" else 0


def _outcome(life: Life) -> str:
    if life.waits_for():
        return "open"
    cancelled = life.find(OrderCancelled)
    return f"cancelled, {cancelled.reason}" if cancelled else "delivered"


def _stage(received: Counter[str] | None) -> str:
    if received is None:
        return "open"
    return "received" if received else "never arrived"
