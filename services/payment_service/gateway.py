"""The port to a payment provider."""

from typing import NamedTuple, Protocol

from services.shared.faults import DependencyError


class GatewayError(DependencyError):
    """The provider gave no answer that can be acted on; the charge may be asked for again."""


class ChargeConflictError(Exception):
    """The order was asked for before with another amount: one idempotency key has one content, and never another."""


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
        """Give back what was taken for the order and refuse to take more; return what was given back, in minor units.

        Asking again changes nothing and gives the same answer.
        """
        ...

    def charge(self, request: ChargeRequest) -> Charge:
        """Take the amount once, however often it is asked for: the same order always gets the same answer."""
        ...
