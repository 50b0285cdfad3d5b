"""Signed cursors: where the next page of a list begins, for the same list and for a day."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping

from services.libs.http.problems import ProblemError, wrong_field
from services.libs.http.shared_secrets import SharedSecret
from services.shared.json_types import JsonObject

_LIFE_SECONDS = 24 * 60 * 60
_LONGEST = 2048


class Cursors:
    """A cursor is for one query: the list and its filters, without `limit` and `cursor`."""

    def __init__(self, secret: SharedSecret, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    def cursor(self, position: JsonObject, query: Mapping[str, object]) -> str:
        """`position` is all that the next page's reader needs; whoever has the cursor can read it."""
        content = _canonical({"position": position, "until": int(self._clock()) + _LIFE_SECONDS})
        return _text(self._signature(content, query) + content)

    def position(self, cursor: str, query: Mapping[str, object]) -> JsonObject:
        """Raise ProblemError (422) for a cursor that is not ours, is of another query, or is too old."""
        raw = _bytes(cursor)
        signature, content = raw[: hashlib.sha256().digest_size], raw[hashlib.sha256().digest_size :]
        if not hmac.compare_digest(signature, self._signature(content, query)):
            raise _refused("it is not from an answer to this query")
        said = json.loads(content)
        if said["until"] < self._clock():
            raise _refused("it is too old")
        position: JsonObject = said["position"]
        return position

    def _signature(self, content: bytes, query: Mapping[str, object]) -> bytes:
        signed = hashlib.sha256(_canonical(dict(query))).digest() + content
        return hmac.digest(self._secret.current(), signed, "sha256")


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(cursor: str) -> bytes:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refused("it is not from an answer to this query") from None
    if len(cursor) > _LONGEST or _text(raw) != cursor:
        raise _refused("it is not from an answer to this query")
    return raw


def _refused(why: str) -> ProblemError:
    return wrong_field("cursor", f"{why}: leave it out to begin at the first page")
