"""Seal texts under a customer's key: AES-256-GCM, whose associated data is the one place that a text belongs to.

A ciphertext that is moved to another field, version, stream or customer does not open. Once the key is destroyed,
nothing opens.
"""

import base64
import hashlib
import hmac
import json
import os
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.shared.commits import Command

_NONCE_BYTES = 12


class Place(NamedTuple):
    """Where a sealed text is stored: the field of an event, named as in Python."""

    stream_id: str
    version: int
    field: str


class UnreadableError(Exception):
    """The text was not sealed under this key for this place."""


class CustomerKey:
    """The key of one customer. It is forgotten with the request that needed it."""

    def __init__(self, customer_id: str, secret: bytes) -> None:
        self.customer_id = customer_id
        self._cipher = AESGCM(_derived(secret, "seal"))
        self._command_secret = _derived(secret, "command")

    def seal(self, place: Place, text: str) -> str:
        """Return nonce and ciphertext in base64, different each time."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), self._bound_to(place))).decode()

    def unseal(self, place: Place, sealed: str) -> str:
        """Raise UnreadableError unless it was sealed for this place."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self._bound_to(place)).decode()
        except (InvalidTag, ValueError):
            raise UnreadableError(f"{place.field} of {place.stream_id} version {place.version}") from None

    def command(self, command: Command) -> Command:
        """The command as it is stored: nobody can guess what it said from the hash of its content."""
        content = hmac.new(self._command_secret, command.content.encode(), hashlib.sha256).hexdigest()
        return command._replace(content=content)

    def _bound_to(self, place: Place) -> bytes:
        return json.dumps([self.customer_id, *place]).encode()


def _derived(secret: bytes, purpose: str) -> bytes:
    return hmac.new(secret, purpose.encode(), hashlib.sha256).digest()
