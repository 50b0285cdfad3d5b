"""Who a customer is, in whichever region they sign in."""

import hashlib

_DIGITS = 26


def customer_id_of(sub: str) -> str:
    """Derive a new customer's id from the `sub` that a user pool first gave them.

    It is an Identifier, and tells nobody the `sub`.
    """
    return f"c-{hashlib.sha256(sub.encode()).hexdigest()[:_DIGITS]}"
