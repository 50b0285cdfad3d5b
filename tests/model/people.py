"""Customers, staff and the carrier: what they ask for, sensible or not, and what must hold when they are answered."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from services.fulfilment_service.carrier import CarrierEvent
from services.order_service.after_sale import ReceivedGoods
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.events.fulfilment import ParcelStatus
from services.shared.events.order import FulfilmentStarted, OrderCancelled, ReturnRequested, order_lines
from services.shared.inventory import StockLine
from services.shared.refusals import RefusedError
from tests.model.lives import Life
from tests.model.shop import INVOCATION_FAILED, Shop
from tests.model.system import System
from tests.model.truth import Truth

CUSTOMER = "customer-1"
UNREASONABLE = ("too many", "none", "below none", "of an unknown SKU")
"""Amounts that are refused."""
_NO_QUANTITY = ("none", "below none")
_WRONG: Mapping[str, Callable[[Counter[str]], list[StockLine]]] = {
    "too many": lambda units: [StockLine(sku, quantity + 1) for sku, quantity in units.items()],
    "none": lambda units: [StockLine(sku, 0) for sku in units],
    "below none": lambda units: [StockLine(sku, -1) for sku in units],
    "of an unknown SKU": lambda units: [*_lines(units), StockLine("sku-nowhere", 1)],
}


class People:
    def __init__(self, system: System, shop: Shop, truth: Truth, clock: Callable[[], datetime]) -> None:
        self.answers: Counter[str] = Counter()
        self._system = system
        self._shop = shop
        self._truth = truth
        self._clock = clock
        self._commands = 0

    def cancel(self, order_id: str, customer_id: str = CUSTOMER) -> None:
        life = self._truth.life(order_id)
        self._ask(
            "cancel",
            lambda cause: self._shop.after_sale.cancel(order_id, customer_id, cause).commit,
            may=_may_cancel(life, customer_id),
            never=customer_id != CUSTOMER,
            done=lambda: _is_cancelled(self._truth.life(order_id)),
        )

    def request_return(self, order_id: str, number: int, share: int, wrong: str = "", customer: str = CUSTOMER) -> None:
        """Announce the `share`-th part of what is left to return, at least one of each; return ids are numbers."""
        life, return_id = self._truth.life(order_id), f"return-{number}"
        units = _part(life.left_to_return, share) or Counter({"sku-a": 1})
        lines = _WRONG[wrong](units) if wrong else _lines(units)
        known = life.returns.get(return_id)
        allowed = not wrong and customer == life.customer_id and not known and units <= life.left_to_return
        in_time = life.may_announce(units, self._clock())
        announced = ReturnRequested(
            order_id=order_id, customer_id=customer, return_id=return_id, lines=order_lines(lines)
        )
        self._ask(
            "return",
            lambda cause: self._shop.after_sale.request_return(announced, cause).commit,
            may=allowed and in_time,
            never=customer != CUSTOMER or wrong in _NO_QUANTITY,
            done=lambda: self._truth.life(order_id).returns[return_id].announced == Counter(dict(lines)),
        )

    def receive_return(self, order_id: str, choice: int, share: int, unfit: int, wrong: str = "") -> None:
        """Take in a part of what was announced, of which the first `unfit` SKUs cannot be sold again."""
        life = self._truth.life(order_id)
        awaited = [name for name, one in life.returns.items() if one.received is None]
        return_ids = awaited if awaited and choice % 5 else [*life.returns, "return-nowhere"]
        return_id = return_ids[choice % len(return_ids)]
        known = life.returns.get(return_id)
        units = _part(known.announced, share) if known else Counter({"sku-a": 1})
        fit = Counter(dict([*units.items()][unfit:]))
        lines = _WRONG[wrong](units) if wrong else _lines(units)
        goods = ReceivedGoods(order_id, return_id, tuple(lines), tuple(_lines(fit)))
        self._ask(
            "receive",
            lambda cause: self._shop.after_sale.receive_return(goods, cause).commit,
            may=known is not None and known.received is None and not wrong,
            never=known is None or wrong in _NO_QUANTITY,
            done=lambda: self._truth.life(order_id).returns[return_id].holds(Counter(dict(lines)), fit),
        )

    def retry_refund(self, order_id: str, refund_id: str) -> None:
        before = self._truth.life(order_id).refunds.get(refund_id)
        self._ask(
            "retry",
            lambda cause: self._shop.after_sale.retry_refund(order_id, refund_id, cause),
            may=before is not None and before.status in {"failed", "asked again"},
            done=lambda: self._truth.life(order_id).refunds[refund_id].status == "asked again",
        )

    def retry_some_refund(self, order_id: str, choice: int) -> None:
        refund_ids = [*self._truth.life(order_id).refunds, f"{order_id}-99"]
        self.retry_refund(order_id, refund_ids[choice % len(refund_ids)])

    def retry_failed_refunds(self) -> None:
        for order_id, refund_id in self._truth.failed_refunds():
            self.retry_refund(order_id, refund_id)

    def parcel_moves(self, choice: int, status: ParcelStatus | None, at: datetime) -> None:
        """Something befalls a parcel that the carrier has; it is told when somebody asks, or by a message."""
        if recent := self._system.parcels.recent:
            self._system.parcels.move(recent[-1 - choice % len(recent)], status, at)

    def carrier_tells(self, choice: int) -> None:
        """The carrier sends one of its messages by itself, old or new."""
        carrier = self._system.parcels
        if recent := [shipment_id for shipment_id in carrier.recent if carrier.parcels[shipment_id]]:
            shipment_id = recent[-1 - choice % len(recent)]
            events = carrier.parcels[shipment_id]
            self._tell(shipment_id, events[-1 - choice % len(events)])

    def carrier_brings(self, shipment_id: str, status: ParcelStatus | None, at: datetime) -> None:
        if not self._system.parcels.has_ended(shipment_id):
            self._tell(shipment_id, self._system.parcels.move(shipment_id, status, at))

    def carrier_tells_nonsense(self, order_id: str, choice: int) -> None:
        """A message about a parcel that is not there, or of a time that cannot be."""
        shipment_id = [*self._truth.life(order_id).planned, f"{order_id}-99"][0]
        at = (datetime(2020, 1, 1, tzinfo=UTC), self._clock() + timedelta(days=2))[choice % 2]
        self._tell(shipment_id, CarrierEvent(f"forged-{choice}", None, at))

    def _tell(self, shipment_id: str, message: CarrierEvent) -> None:
        parcel = self._truth.parcels.get(shipment_id)
        # The parcel is made by one clock, and the carrier goes by another.
        credible = parcel and parcel.created_at <= message.at <= self._clock() + timedelta(days=1)
        self._ask(
            "carrier",
            lambda cause: self._shop.carrier_messages.record(shipment_id, message, cause),
            may=bool(credible),
            never=parcel is None or message.at > self._clock() + timedelta(days=1),
            done=lambda: self._truth.parcels[shipment_id].status != "created",
        )

    def _ask(
        self,
        what: str,
        ask: Callable[[Cause], Commit | None],
        *,
        may: bool,
        done: Callable[[], bool],
        never: bool = False,
    ) -> None:
        """Ask, and check the answer: `may` is whether it is to be granted if nobody writes meanwhile.

        `never` is whether it is to be refused, whoever writes.
        """
        self._commands += 1
        name = f"command-{self._commands}"
        before = len(self._system.log())
        try:
            written = ask(Cause(name, name, self._clock()))
        except INVOCATION_FAILED:
            self.answers[f"{what}: failed"] += 1
            return
        except RefusedError as refused:
            written, answer = None, f"{refused.reason}"
        else:
            answer = "done" if written else "done before"
        self.answers[f"{what}: {answer}"] += 1
        self._truth.catch_up()
        log = self._system.log()[before:]
        ours = any(commit.cause.event_id == name for commit in log)
        if answer.startswith("done"):
            # A call that the SDK repeats is done before by itself.
            assert ours or not written, f"{what} is done, and not in the log"
            assert not never, f"{what} is done, and should have been refused"
            assert done(), f"{what} is done, and the log says otherwise"
        else:
            assert not ours, f"{what} was refused, and written"
            assert log or not may, f"{what} was refused: {answer}"


def _may_cancel(life: Life, customer_id: str) -> bool:
    open_still = life.is_reserved or (life.is_paid and not life.find(FulfilmentStarted))
    return customer_id == life.customer_id and (open_still or _is_cancelled(life)) and not _ended_otherwise(life)


def _is_cancelled(life: Life) -> bool:
    cancelled = life.find(OrderCancelled)
    return cancelled is not None and cancelled.reason == "customer_request"


def _ended_otherwise(life: Life) -> bool:
    return life.find(OrderCancelled) is not None and not _is_cancelled(life)


def _part(units: Mapping[str, int], share: int) -> Counter[str]:
    return Counter({sku: max(1, quantity // share) for sku, quantity in sorted(units.items()) if quantity > 0})


def _lines(units: Mapping[str, int]) -> list[StockLine]:
    return [StockLine(sku, quantity) for sku, quantity in units.items()]
