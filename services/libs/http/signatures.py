"""HMAC signatures of requests, as carriers sign theirs: `X-Carrier-Signature: t=<seconds since 1970>,v1=<hex>`.

The signature is the HMAC-SHA256 of `<t>.<body>`. An old time is refused, so that a recorded request cannot be replayed.
"""

import hmac
import re
import time
from collections.abc import Callable
from http import HTTPStatus

from services.libs.http.incoming_requests import IncomingRequest
from services.libs.http.problems import ProblemError
from services.libs.http.shared_secrets import SharedSecret

SIGNATURE_HEADER = "X-Carrier-Signature"
WINDOW_SECONDS = 300

_FORM = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def signature(secret: bytes, body: bytes, at: int) -> str:
    """The header's value; `at` is in seconds since 1970."""
    return f"t={at},v1={_digest(secret, body, at)}"


class Signatures:
    def __init__(self, secret: SharedSecret, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    def check(self, request: IncomingRequest) -> None:
        """Raise ProblemError (401) unless the request is signed with the secret and was signed a moment ago."""
        form = _FORM.fullmatch(request.headers.get(SIGNATURE_HEADER.lower(), ""))
        if form is None:
            raise _refused(f"sign the request: {SIGNATURE_HEADER}: t=<seconds since 1970>,v1=<HMAC-SHA256 in hex>")
        at = int(form[1])
        if not hmac.compare_digest(form[2], _digest(self._secret.current(), request.body(), at)):
            raise _refused("the signature is not that of this body and time")
        if abs(self._clock() - at) > WINDOW_SECONDS:
            raise _refused(f"the signature is not of the last {WINDOW_SECONDS} seconds: check the clock, sign again")


def _digest(secret: bytes, body: bytes, at: int) -> str:
    return hmac.new(secret, b"%d." % at + body, "sha256").hexdigest()


def _refused(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNAUTHORIZED, detail)
