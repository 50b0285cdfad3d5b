"""Requests to the shop API: repeated where that may help, their answers read as the services' own models."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urljoin
from uuid import uuid4

import requests
from pydantic import BaseModel

from scripts.cli.web import TIMEOUT_SECONDS, checked_url, session, unreachable
from services.libs.http.field_problems import FieldProblem
from services.libs.http.headers import etag
from services.libs.http.problems import CONTENT_TYPE, Problem
from services.libs.runtime.backoff import Backoff

Content = TypeVar("Content", bound=BaseModel)

_PATIENCE = Backoff(attempts=6, first_pause_seconds=0.2, longest_pause_seconds=5)
_LONGEST_RETRY_AFTER_SECONDS = 10
_ERRORS = 400
_TRY_AGAIN = {429, 502, 503, 504}
_CRASHED = 500


class ProblemError(Exception):
    """The API refused the request."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[FieldProblem] = (),
        kind: str = "about:blank",
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.reason = kind.rpartition(":")[2] if kind.startswith("urn:") else ""
        """Such as `not_yet`; empty if the status says it all."""
        self.extensions = dict(extensions or {})


class Nothing(BaseModel):
    """The content of a 204."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[Content]):
    status: int
    content: Content
    tag: int | None
    location: str | None
    """A whole URL."""
    retry_after_seconds: int | None
    correlation_id: str | None

    @property
    def version(self) -> int:
        """By the ETag: a change of it takes this."""
        if self.tag is None:
            raise LookupError("the answer has no ETag")
        return self.tag


class ShopRequests:
    """`base_url` ends in the stage, as the deployment's output does; `token` is an access token."""

    def __init__(self, base_url: str, token: str | None = None, patience: Backoff = _PATIENCE) -> None:
        self._base_url = checked_url("the shop API", base_url)
        self._session = session(self._base_url)
        self._patience = patience
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def request(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        answered_as: type[Content],
        *,
        body: BaseModel | Mapping[str, object] | bytes | None = None,
        query: Mapping[str, str | int | None] | None = None,
        version: int | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer[Content]:
        """Send one request, and repeat it with the same Idempotency-Key where that may help.

        A POST without a `key` gets a new one. `version` goes into If-Match. Raises ProblemError for a refusal, and
        UserError if no answer comes. A PUT whose first answer was lost may be refused with 412: its change was made.
        """
        sent = dict(headers or {})
        if method == "POST":
            sent["Idempotency-Key"] = key or uuid4().hex
        if version is not None:
            sent["If-Match"] = etag(version)
        data = None if body is None else as_json(body)
        if data is not None:
            sent["Content-Type"] = "application/json"
        url, send = self._base_url + path, self._session.request
        response = self._answer(
            lambda: send(method, url, headers=sent, data=data, params=query, timeout=TIMEOUT_SECONDS)
        )
        if response.status_code >= _ERRORS:
            raise _problem(response)
        return _read(response, answered_as)

    def _answer(self, send: Callable[[], requests.Response]) -> requests.Response:
        """Return the first answer that a repetition cannot better, or the last."""
        for attempt in range(1, self._patience.attempts + 1):
            is_last = attempt == self._patience.attempts
            try:
                response = send()
            except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
                if is_last or isinstance(error, requests.exceptions.SSLError):
                    raise unreachable("the shop API", self._base_url, error) from error
                self._patience.pause(attempt)
                continue
            if is_last or not _may_be_better_later(response):
                return response
            self._wait(response, attempt)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, response: requests.Response, attempt: int) -> None:
        seconds = _seconds(response)
        if seconds is None:
            self._patience.pause(attempt)
        else:
            self._patience.sleep(min(seconds, _LONGEST_RETRY_AFTER_SECONDS))


def as_json(body: BaseModel | Mapping[str, object] | bytes) -> bytes:
    """The bytes that are sent; those of a model are its fields that were set, as named on the wire."""
    if isinstance(body, bytes):
        return body
    content = body.model_dump(mode="json", by_alias=True, exclude_unset=True) if isinstance(body, BaseModel) else body
    return json.dumps(content).encode()


def _may_be_better_later(response: requests.Response) -> bool:
    # A 500 of the gateway's own making is a function that died; one of a service is a defect, and stays.
    died = response.status_code == _CRASHED and not _is_problem(response)
    return died or response.status_code in _TRY_AGAIN


def _is_problem(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").startswith(CONTENT_TYPE)


def _problem(response: requests.Response) -> ProblemError:
    if not _is_problem(response):
        return ProblemError(response.status_code, f"{response.reason}, answered by the gateway")
    problem = Problem.model_validate_json(response.content)
    return ProblemError(problem.status, problem.detail, problem.errors, problem.type, problem.model_extra)


def _read(response: requests.Response, answered_as: type[Content]) -> Answer[Content]:
    tag = response.headers.get("ETag", "").strip('"')
    return Answer(
        status=response.status_code,
        content=answered_as.model_validate_json(response.content or b"{}"),
        tag=int(tag) if tag else None,
        location=urljoin(response.url, location) if (location := response.headers.get("Location")) else None,
        retry_after_seconds=_seconds(response),
        correlation_id=response.headers.get("X-Correlation-Id"),
    )


def _seconds(response: requests.Response) -> int | None:
    value: Any = response.headers.get("Retry-After", "")
    return int(value) if value.isdecimal() else None
