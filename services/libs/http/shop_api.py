"""The routes of one service, on Powertools' event handler: access, validation, errors, log and metrics of a request."""

import inspect
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar, cast

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError, ResponseValidationError
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from services.libs.http.bodies import parse_object
from services.libs.http.callers import Access, Caller, caller_of, require_staff
from services.libs.http.commands import command_of
from services.libs.http.headers import etag
from services.libs.http.incoming_requests import CORRELATION_HEADER, IncomingRequest
from services.libs.http.problems import CONTENT_TYPE, FAULTS, ProblemError, problem_of
from services.libs.observability.metrics import ErrorType
from services.libs.observability.request_metrics import Batch, RequestMetrics
from services.libs.observability.structured_logging import log_fields, logger
from services.libs.runtime.lambda_types import HttpRequest, HttpResponse, LambdaContext
from services.shared.causes import Cause
from services.shared.commits import Command
from services.shared.refusals import Refusal, RefusedError

Guard = Callable[[IncomingRequest], None]
"""Raises ProblemError for a request that may not reach its route."""

_Route = TypeVar("_Route", bound=Callable[..., Any])
_Content = TypeVar("_Content", bound=BaseModel)

_PARAMETER = re.compile(r"\{(\w+)\}")
_ALWAYS = {"content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff"}
_SERVER_ERRORS = 500


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    access: Access
    status: int
    refusals: Collection[Refusal]
    function: Callable[..., Any]
    guard: Guard | None = None

    @property
    def key(self) -> str:
        """As the gateway writes it: `GET /v1/orders/{orderId}`."""
        return f"{self.method} {self.path}"

    def values_in(self, path: str) -> dict[str, str] | None:
        """The values of the path's parameters; None if it is another route's."""
        match = re.fullmatch(_PARAMETER.sub(r"(?P<\1>[^/]+)", self.path), path)
        return match.groupdict() if match else None


def answered(  # noqa: PLR0913 - each is a part of an answer
    content: _Content,
    *,
    status: int = 200,
    version: int | None = None,
    location: str | None = None,
    retry_after_seconds: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[_Content]:
    """An answer with its headers; `version` becomes the ETag, `location` is a path from `/v1/` on."""
    told = {
        "etag": None if version is None else etag(version),
        "location": location,
        "retry-after": None if retry_after_seconds is None else str(retry_after_seconds),
    }
    given = {name: value for name, value in told.items() if value is not None}
    return Response(status, _ALWAYS["content-type"], content, {**given, **(headers or {})})


class ShopApi:
    """Handles one request at a time, as Lambda does."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.resolver = APIGatewayHttpResolver(
            enable_validation=True,
            response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
            json_body_deserializer=self._parsed,
            debug=False,
        )
        self.resolver.use([self._admission()])
        self.resolver.exception_handler(Exception)(self._failed)
        self.resolver.not_found(self._no_route)
        self._request: IncomingRequest | None = None
        self._batch = Batch(1)

    def route(  # noqa: PLR0913 - what a declaration consists of
        self,
        method: str,
        path: str,
        access: Access,
        *,
        status: int = 200,
        refusals: Collection[Refusal] = (),
        guard: Guard | None = None,
    ) -> Callable[[_Route], _Route]:
        """Declare a route: its path as in `/v1/orders/{orderId}`, its status on success, and how it may be refused.

        `guard` checks what no token does, such as a carrier's signature.
        """

        def declare(function: _Route) -> _Route:
            self.routes.append(Route(method, path, access, status, refusals, function, guard))
            register = self.resolver.route(
                _PARAMETER.sub(r"<\1>", path),
                method,
                summary=(inspect.getdoc(function) or "").partition("\n")[0].removesuffix("."),
                operation_id=to_camel(function.__name__),
                status_code=status,
            )
            return register(function)

        return declare

    def answer(self, event: HttpRequest, context: LambdaContext, metrics: RequestMetrics) -> HttpResponse:
        """Handle the request: nothing is raised, whatever it holds."""
        with metrics.invocation(), self._received(cast("Mapping[str, Any]", event), metrics):
            try:
                resolved = self.resolver.resolve(self.request.for_powertools(), cast("Any", context))
                response = cast("HttpResponse", resolved)
            except Exception as error:  # noqa: BLE001 - the request is refused before any route
                response = _built(self._failed(error))
            self._batch.fields["status"] = response["statusCode"]
        headers = {name.lower(): value for name, value in response["headers"].items()}
        if "location" in headers:
            headers["location"] = _from(self.request.path, headers["location"])
        return {
            "statusCode": response["statusCode"],
            "headers": _ALWAYS | headers | {CORRELATION_HEADER: self.request.correlation_id},
            "body": response["body"] or "",  # a 204 has none
        }

    @property
    def request(self) -> IncomingRequest:
        """The request that is handled now."""
        if self._request is None:
            raise LookupError("there is no request: this is for routes, while they handle one")
        return self._request

    @property
    def caller(self) -> Caller:
        return caller_of(self.request.event)

    @property
    def cause(self) -> Cause:
        """The cause of the commits that the request leads to."""
        return self.request.cause()

    def command_of(self, key: str, body: BaseModel | None = None) -> Command:
        """The hashes of this request, for the commit that it leads to."""
        route = self._route()
        if route is None:
            raise LookupError("no declared route handles this request")
        return command_of(self.caller.customer_id, route.key, key, body, route.values_in(self.request.path) or {})

    def log(self, **fields: str) -> None:
        """Add ids to the request's line in the log, such as `order_id`."""
        self._batch.fields |= fields

    @contextmanager
    def _received(self, event: Mapping[str, Any], metrics: RequestMetrics) -> Iterator[None]:
        self._request = IncomingRequest.of(event)
        with log_fields(correlation_id=self._request.correlation_id), metrics.batch() as self._batch:
            yield

    def _route(self) -> Route | None:
        """The declaration of the route that handles the request; None for a path or method that there is not."""
        path, method = self.resolver.request.route, self.request.method
        return next((route for route in self.routes if (route.path, route.method) == (path, method)), None)

    def _admission(self) -> Callable[..., Response[Any]]:
        # A function, not a method: Powertools keeps what it finds out about a middleware as an attribute of it.
        def admit_first(app: APIGatewayHttpResolver, handle: Callable[..., Response[Any]]) -> Response[Any]:
            self._admit()
            return handle(app)

        return admit_first

    def _admit(self) -> None:
        """Raise ProblemError for a caller who has no business there."""
        route = self._route()
        if route is None:
            return
        self._batch.fields["route"] = route.key
        if route.guard:
            route.guard(self.request)
        if route.access.needs_token:
            caller = self.caller
            if route.access is Access.STAFF:
                require_staff(caller)

    def _parsed(self, text: str) -> dict[str, object]:
        """Parse the body, which comes before admission: who may not call a route is told nothing of it."""
        try:
            return parse_object(text)
        except ProblemError:
            self._admit()
            raise

    def _failed(self, error: Exception) -> Response[Any]:
        """Log a fault of ours, and answer without its details."""
        if isinstance(error, RequestValidationError):
            try:
                self._admit()  # validation comes first, yet those who may not call a route are told nothing of it
            except ProblemError as refusal:
                error = refusal
        problem = problem_of(error)
        self._batch.outcomes = [_outcome(error, problem)]
        if problem.reason:
            self._batch.fields["reason"] = str(problem.reason)
        if isinstance(error, ResponseValidationError):
            # Its text quotes the content.
            logger.error("answer does not fit its model", extra={"fields": [one["loc"] for one in error.errors()]})
        elif isinstance(error, FAULTS):
            logger.warning("dependency failed", exc_info=error)
        elif problem.status >= _SERVER_ERRORS:
            logger.error("request failed", exc_info=error)
        return Response(problem.status.value, CONTENT_TYPE, json.dumps(problem.content()), problem.headers)

    def _no_route(self, _: Exception) -> Response[Any]:
        found = (route for route in self.routes if route.values_in(self.request.path) is not None)
        allowed = sorted({route.method for route in found})
        # Powertools takes no control characters in a path: the method is allowed then, and there is no such thing.
        if not allowed or self.request.method in allowed:
            return self._failed(ProblemError(HTTPStatus.NOT_FOUND, "there is nothing at this path"))
        detail, headers = f"this path takes {', '.join(allowed)}", {"allow": ", ".join(allowed)}
        return self._failed(ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers=headers))


def _from(path: str, target: str) -> str:
    """The target as a reference that is relative to the path: only the client knows what stands before `/v1/`."""
    return "../" * (path.count("/") - 1) + target.removeprefix("/")


def _built(response: Response[str]) -> HttpResponse:
    headers = {name: str(value) for name, value in response.headers.items()}
    return {"statusCode": response.status_code, "headers": headers, "body": response.body or ""}


def _outcome(error: Exception, problem: ProblemError) -> Exception | ErrorType | None:
    """An expected no is a success of the function."""
    if problem.status >= _SERVER_ERRORS:
        return error
    is_expected = isinstance(error, RefusedError) or problem.status is HTTPStatus.CONFLICT
    return None if is_expected else ErrorType.VALIDATION_ERROR
