"""The port to a payment provider."""

from typing import NamedTuple, Protocol

from services.shared.faults import DependencyError


class GatewayError(DependencyError):
    """The provider gave no answer that can be acted on; the same may be asked for again."""


class ChargeConflictError(Exception):
    """The order was charged before with another amount: an idempotency key has one content for ever."""


class ChargeRequest(NamedTuple):
    """`order_id` is the idempotency key; `forced_result` (SUCCESS or FAILURE) is honoured by the simulation only."""

    order_id: str
    amount_minor: int
    currency: str
    forced_result: str | None = None


class Charge(NamedTuple):
    charge_id: str
    accepted: bool


class RefundRequest(NamedTuple):
    """Part or all of a settled charge; `refund_id` is the idempotency key."""

    order_id: str
    refund_id: str
    amount_minor: int
    currency: str


class PaymentGateway(Protocol):
    def call_off(self, order_id: str) -> int:
        """Refund the order's charge and refuse later charges; return the refunded amount, in minor units.

        That is what earlier refunds have left of the charge. Another call changes nothing and gives the same answer.
        Raises GatewayError if the answer does not come in time; ask again then.
        """
        ...

    def refund(self, request: RefundRequest) -> bool:
        """Give the amount back once, however often this is called: the same refund id always gets the same answer.

        Return whether it was given back; False is a refusal for good. A refund is refused if no charge stands, if it
        and the refunds before it would exceed the charge, or if its id was used for another amount. Raises GatewayError
        if the answer does not come in time; ask again then.
        """
        ...

    def charge(self, request: ChargeRequest) -> Charge:
        """Charge the amount once, however often this is called: the same order always gets the same answer."""
        ...
