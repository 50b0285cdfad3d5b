"""The port to a payment provider."""

from typing import NamedTuple, Protocol

from services.shared.faults import DependencyError


class GatewayError(DependencyError):
    """The provider gave no answer that can be acted on; the charge may be asked for again."""


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


class PaymentGateway(Protocol):
    def call_off(self, order_id: str) -> int:
        """Refund the order's charge and refuse later charges; return the refunded amount, in minor units.

        Another call changes nothing and gives the same answer.
        """
        ...

    def charge(self, request: ChargeRequest) -> Charge:
        """Charge the amount once, however often this is called: the same order always gets the same answer."""
        ...
