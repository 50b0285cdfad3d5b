"""A commit of every form that is declared, as the services write it."""

from dataclasses import replace

from services.order_service.domain import conclude, expire
from services.payment_service.domain import settlement
from services.payment_service.gateway import Charge
from services.shared.causes import Cause
from services.shared.commits import Commit
from tests.factories import NOW, PAYMENT_TIMEOUT, decide, inventory, placed_order, refund, seeding, stock_item


def _concluded(settled: Commit) -> Commit:
    final = conclude(settled, CAUSE)
    assert final
    return final


# All ids as long as they usually are at most.
CAUSE = Cause(event_id=f"order#{'o' * 36}/1/1", correlation_id="c" * 36, at=NOW)
_ORDER = placed_order("o" * 36, {"s" * 20: 10_000}, forced="SUCCESS")
ACCEPTED = decide(_ORDER, inventory(stock_item("s" * 20, stock=10_000)), CAUSE)
PAID = settlement(ACCEPTED, Charge("c" * 32, accepted=True), CAUSE)
DECLINED = settlement(ACCEPTED, Charge("c" * 32, accepted=False), CAUSE)
SEEDED = replace(seeding("s" * 20), cause=CAUSE)
COMMITS = {
    "accepted": ACCEPTED,
    "refused": decide(_ORDER, {}, CAUSE),
    "paid": PAID,
    "declined": DECLINED,
    "confirmed": _concluded(PAID),
    "cancelled": _concluded(DECLINED),
    "expired": expire(ACCEPTED, NOW + PAYMENT_TIMEOUT),
    "refunded": refund(ACCEPTED, 1000, CAUSE),
    "seeded": SEEDED,
}
HISTORIES = {
    "paid": (ACCEPTED, PAID, COMMITS["confirmed"]),
    "declined": (ACCEPTED, DECLINED, COMMITS["cancelled"]),
    "expired": (ACCEPTED, COMMITS["expired"], COMMITS["refunded"]),
    "refused": (COMMITS["refused"],),
    "seeded": (SEEDED, seeding("s" * 20, version=2, stock=7, delta=-3)),
}
