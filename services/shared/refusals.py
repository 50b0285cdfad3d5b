"""The expected "no" to a command of a customer, of staff or of a carrier: nothing was changed."""

from enum import StrEnum


class Refusal(StrEnum):
    NOT_FOUND = "not_found"
    """There is no such thing, or it is another customer's."""
    NOT_YET = "not_yet"
    """The order is not decided yet: try again in a moment."""
    TOO_LATE = "too_late"
    TOO_MUCH = "too_much"
    """More than was delivered, announced, or is left to return; more than a cart holds."""
    NOT_ALLOWED = "not_allowed"
    """The order, return, refund, cart or ticket is not in a state for it."""
    CONFLICT = "conflict"
    """The id was used for other content."""
    KEY_REUSED = "key_reused"
    """The idempotency key was used for another request."""
    STALE = "stale"
    """It was changed since the caller read it."""
    PRICE_CHANGED = "price_changed"
    """It costs more than the customer was shown."""
    ERASED = "erased"
    """The customer was erased, and nothing begins for them any more."""
    UNREADABLE = "unreadable"
    """What is personal of the customer does not open: their key is lost, or is not the one that sealed it."""
    INVALID = "invalid"
    """The command itself is malformed, such as a quantity of 0."""


class RefusedError(Exception):
    """The text says what is wrong and, where something helps, what to do.

    `field` is the wrong field of a request, as it is named on the wire; empty if it is none.
    """

    def __init__(self, reason: Refusal, text: str, field: str = "") -> None:
        super().__init__(text)
        self.reason = reason
        self.field = field


def customer_erased() -> RefusedError:
    return RefusedError(Refusal.ERASED, "the customer was erased")
