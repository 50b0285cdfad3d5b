"""Post to webhooks. A URL is a secret: it is in no log line and in no error."""

import json
import logging
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout

from services.shared.json_types import JsonObject

_TIMEOUT = Timeout(connect=2, read=3)
# A few seconds at most: the queue retries for longer.
_RETRIES = Retry(
    total=2,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=("POST",),
    raise_on_status=False,
    respect_retry_after_header=False,
)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

# It logs the path of a retried request, which is the secret.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


class WebhookError(Exception):
    """The webhook did not accept the message, which may be sent again."""


def is_webhook_url(url: str) -> bool:
    """Whether it is https to somewhere, or plain http that does not leave this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return (parts.scheme == "https" and bool(host)) or (parts.scheme == "http" and host in _LOOPBACK)


class Webhooks:
    def __init__(self) -> None:
        self._pool = urllib3.PoolManager()

    def post(self, url: str, message: JsonObject) -> None:
        """Raise WebhookError if the message is not accepted in a few attempts."""
        if not is_webhook_url(url):
            raise WebhookError("its URL is not https")
        body, headers = json.dumps(message).encode(), {"Content-Type": "application/json"}
        try:
            response = self._pool.request(
                "POST", url, body=body, headers=headers, timeout=_TIMEOUT, retries=_RETRIES, redirect=False
            )
        except HTTPError as error:
            raise WebhookError(type(error).__name__) from None  # its text has the URL
        if not 200 <= response.status < 300:  # noqa: PLR2004 - all that HTTP calls a success
            raise WebhookError(f"HTTP status {response.status}")
