"""Compare the payment and the refunds of an order with the gateway's ledger."""

from collections.abc import Iterator, Sequence

from scripts.cli.money import money
from scripts.ledger.gateway_ledger import CALLED_OFF, CHARGED, DECLINED, REFUNDED, GatewayEntry
from scripts.ledger.order_history import Mismatch
from services.shared.commits import Commit
from services.shared.events.event import Event
from services.shared.events.order import OrderValidated, ParcelWrittenOff, ReturnReceived
from services.shared.events.payment import (
    PaymentFailed,
    PaymentProcessed,
    RefundFailed,
    RefundMode,
    RefundProcessed,
    RefundRequested,
)


def money_mismatches(history: Sequence[Commit], entry: GatewayEntry) -> Iterator[Mismatch]:
    """Compare each settled payment and each refund of an order with the gateway's entry, which was read later.

    An order whose payment is open may have any entry. The entry of a refused order is checked with those of unknown
    orders.
    """
    events = [event for commit in history for event in commit.events]
    requested = {event.refund_id: event for event in events if isinstance(event, RefundRequested)}
    for event in events:
        expected = _statuses(event, requested)
        if expected and entry.status not in expected and entry.outcome not in expected:
            yield Mismatch(" or ".join(expected), entry.outcome)
    refunds = {id_: one for id_, one in requested.items() if one.mode is RefundMode.REFUND}
    yield from _refund_mismatches(refunds, events, entry)
    yield from _sum_mismatches(refunds, events, entry)
    yield from _amount_mismatches(history)


def _statuses(event: Event, requested: dict[str, RefundRequested]) -> tuple[str, ...]:
    """The entries that the event allows, as statuses or outcomes; none if it says nothing about the charge."""
    match event:
        case PaymentProcessed():
            return (f"{CHARGED} {money(event.amount_minor, event.currency)}",)
        case PaymentFailed():
            # After a restore to before its end, the gateway declines a payment that it called off or gave back.
            return (DECLINED, CALLED_OFF, REFUNDED)
        case RefundProcessed() if _is_refund(event.refund_id, requested):
            return ()
        case RefundProcessed(refunded_minor=0):
            # An order of free goods is charged nothing, and is given that back.
            return (CALLED_OFF, DECLINED, f"{REFUNDED} {money(0, event.currency)}")
        case RefundProcessed():
            return (f"{REFUNDED} {money(event.refunded_minor, event.currency)}",)
        case _:
            return ()


def _is_refund(refund_id: str, requested: dict[str, RefundRequested]) -> bool:
    return refund_id in requested and requested[refund_id].mode is RefundMode.REFUND


def _refund_mismatches(
    refunds: dict[str, RefundRequested], events: Sequence[Event], entry: GatewayEntry
) -> Iterator[Mismatch]:
    """Compare each refund by its id. A refund that is still open may have been made, or not."""
    given_back_by_log: dict[str, int] = {}
    for event in events:
        if isinstance(event, RefundProcessed):
            given_back_by_log[event.refund_id] = event.refunded_minor
        elif isinstance(event, RefundFailed):
            given_back_by_log[event.refund_id] = 0
    for refund_id in dict.fromkeys([*refunds, *entry.refunds]):
        if refund_id in refunds and refund_id not in given_back_by_log:
            right = {0, refunds[refund_id].amount_minor}
        else:
            right = {given_back_by_log.get(refund_id, 0)}
        given_back = entry.refunds.get(refund_id, 0)
        if given_back not in right:
            currency = refunds[refund_id].currency if refund_id in refunds else entry.currency
            amounts = " or ".join(money(amount, currency) for amount in sorted(right))
            yield Mismatch(f"refund {refund_id}: {amounts}", money(given_back, currency))


def _amount_mismatches(history: Sequence[Commit]) -> Iterator[Mismatch]:
    """A commit asks for the price of the goods that it cancels, writes off or takes back."""
    order = next((event for commit in history if (event := commit.find(OrderValidated))), None)
    prices = {line.sku: line.unit_price_minor for line in order.items} if order else {}
    for commit in history:
        asked = commit.find(RefundRequested)
        if order is None or asked is None or asked.retry_of:
            continue
        gone = commit.find(ParcelWrittenOff) or commit.find(ReturnReceived)
        owed = sum(prices.get(line.sku, 0) * line.quantity for line in gone.lines) if gone else order.amount_minor
        if asked.amount_minor != owed:
            yield Mismatch(
                f"refund {asked.refund_id}: {money(owed, asked.currency)}, the price of its goods",
                f"{money(asked.amount_minor, asked.currency)} asked for",
            )


def _sum_mismatches(
    refunds: dict[str, RefundRequested], events: Sequence[Event], entry: GatewayEntry
) -> Iterator[Mismatch]:
    """No more is asked for, or given back, than was charged. A refund that failed is still to be made."""
    charged = sum(event.amount_minor for event in events if isinstance(event, PaymentProcessed))
    asked = sum(refund.amount_minor for refund in refunds.values() if refund.retry_of is None)
    if asked > charged:
        currency = next(iter(refunds.values())).currency
        yield Mismatch(f"refunds of at most {money(charged, currency)}", f"{money(asked, currency)} asked for")
    given_back = sum(entry.refunds.values())
    if given_back != entry.refunded_minor or given_back > entry.amount_minor:
        yield Mismatch(
            f"refunds that add up to {money(given_back, entry.currency)}",
            f"{money(entry.refunded_minor, entry.currency)} of {money(entry.amount_minor, entry.currency)}",
        )
