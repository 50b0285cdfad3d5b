"""Why a message can never succeed: it goes to the dead letters at once, with the reason."""

from enum import StrEnum


class RejectionReason(StrEnum):
    VALIDATION_ERROR = "validation_error"
    UNKNOWN_EVENT = "unknown_event"
    CONFLICT = "conflict"
    ORDER_NOT_RESERVED = "order_not_reserved"
    REFUND_NOT_REQUESTED = "refund_not_requested"
    PAYMENT_NOT_SETTLED = "payment_not_settled"
    ORDER_NOT_CONFIRMED = "order_not_confirmed"
    PARCEL_UNKNOWN = "parcel_unknown"
    CUSTOMER_NOT_ERASED = "customer_not_erased"


class RejectedError(Exception):
    """`detail` names the wrong fields of the message, never their values, which may be personal."""

    def __init__(self, reason: RejectionReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
