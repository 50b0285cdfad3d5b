"""A request of the HTTP API, from the gateway's event in payload format 2.0."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Self
from uuid import uuid4

from services.libs.http.bodies import LARGEST_BODY_BYTES
from services.libs.http.problems import ProblemError
from services.shared.causes import Cause, request_cause

CORRELATION_HEADER = "x-correlation-id"

_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_FIRST_PART = "/v1/"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    method: str
    path: str
    """Without the stage, decoded."""
    headers: Mapping[str, str]
    """By name in lower case."""
    correlation_id: str
    """The caller's own if it is well formed, otherwise a new one."""
    event: Mapping[str, Any]

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self:
        http = event["requestContext"]["http"]
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        given = headers.get(CORRELATION_HEADER, "")
        return cls(
            method=http["method"].upper(),
            path=_path(event),
            headers=headers,
            correlation_id=given if _CORRELATION_ID.fullmatch(given) else uuid4().hex,
            event=event,
        )

    def cause(self) -> Cause:
        """The request as the cause of a commit, now: to the millisecond, as the store keeps it."""
        now = datetime.now(UTC)
        at = now.replace(microsecond=now.microsecond // 1000 * 1000)
        return Cause(request_cause(self.correlation_id), self.correlation_id, at)

    def body(self) -> bytes:
        """The body as it was sent, empty without one; raise ProblemError for one that is too large."""
        body = _bytes(self.event) if self.method in _WITH_BODY else b""
        if len(body) > LARGEST_BODY_BYTES:
            detail = f"the body is larger than {LARGEST_BODY_BYTES} bytes"
            raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        return body

    def json_text(self) -> str:
        """The body as text; raise ProblemError for one that is too large, or is declared as anything but JSON."""
        body = self.body()
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and media_type != "application/json":
            raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body as `Content-Type: application/json`")
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise ProblemError(HTTPStatus.BAD_REQUEST, "the body is not UTF-8") from None

    def for_powertools(self) -> dict[str, Any]:
        """The same request, with what its resolver reads of it."""
        return {
            "version": "2.0",
            "rawPath": self.path,
            "rawQueryString": self.event.get("rawQueryString") or "",
            "queryStringParameters": self.event.get("queryStringParameters") or {},
            # It would parse forms too, and refuse an empty body of another type as a defect.
            "headers": {**self.headers, "content-type": "application/json"},
            "requestContext": {"http": {"method": self.method, "path": self.path}, "stage": "$default"},
            "body": self.json_text(),
            "isBase64Encoded": False,
        }


def _path(event: Mapping[str, Any]) -> str:
    """Take the stage off: on AWS a path begins with it, on the embedded AWS it does not.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    path: str = event.get("rawPath") or "/"
    stage = f"/{event['requestContext'].get('stage', '')}"
    return path.removeprefix(stage) if path.startswith(stage + _FIRST_PART) else path


def _bytes(event: Mapping[str, Any]) -> bytes:
    text: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body is not base64") from None
