"""Why an order ends without its goods."""

from enum import StrEnum


class CancelReason(StrEnum):
    INSUFFICIENT_STOCK = "insufficient_stock"
    UNKNOWN_SKU = "unknown_sku"
    MIXED_CURRENCIES = "mixed_currencies"
    """Its SKUs are priced in more than one currency, so it has no amount."""
    PRICE_CHANGED = "price_changed"
    """It costs more than the customer was shown."""
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_TIMEOUT = "payment_timeout"
    CUSTOMER_REQUEST = "customer_request"
    UNDELIVERABLE = "undeliverable"
    """None of its parcels arrived."""


REFUSALS = (
    CancelReason.INSUFFICIENT_STOCK,
    CancelReason.UNKNOWN_SKU,
    CancelReason.MIXED_CURRENCIES,
    CancelReason.PRICE_CHANGED,
)
"""Why an order is refused when it is placed."""
