"""Why an order ends without its goods."""

from enum import StrEnum


class CancelReason(StrEnum):
    INSUFFICIENT_STOCK = "insufficient_stock"
    UNKNOWN_SKU = "unknown_sku"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_TIMEOUT = "payment_timeout"
    CUSTOMER_REQUEST = "customer_request"
    UNDELIVERABLE = "undeliverable"
    """None of its parcels arrived."""
