"""What an answer says when a request fails: problem+json of RFC 9457, and the status of each error."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict

from services.libs.http.field_problems import FieldProblem, field_problems
from services.shared.faults import DependencyError, OutOfTimeError
from services.shared.refusals import Refusal, RefusedError

CONTENT_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS = 1
"""After contention, a fault of a dependency, or an order that is not decided yet."""
FAULTS = (DependencyError, OutOfTimeError, ClientError, BotoCoreError)
"""A retry may succeed."""

_KIND = "urn:pulsequeue:problem:"
_NO_EXTENSIONS: Mapping[str, object] = {}
_STATUSES = {
    Refusal.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Refusal.ERASED: HTTPStatus.GONE,
    Refusal.STALE: HTTPStatus.PRECONDITION_FAILED,
    Refusal.KEY_REUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Refusal.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
}


class Problem(BaseModel):
    """Why the request failed. Some problems have further members."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    type: str
    """`about:blank`, or `urn:pulsequeue:problem:` and the reason."""
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()


class ProblemError(Exception):
    """A request that gets this status. `extensions` are further members of the answer, as named on the wire."""

    def __init__(  # noqa: PLR0913 - each is a part of a problem
        self,
        status: HTTPStatus,
        detail: str,
        reason: str = "",
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, object] = _NO_EXTENSIONS,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.reason = reason
        self.errors = errors
        self.headers = dict(headers or {})
        self.extensions = extensions

    def content(self) -> dict[str, Any]:
        problem = Problem(
            type=f"{_KIND}{self.reason}" if self.reason else "about:blank",
            title=self.status.phrase,
            status=self.status,
            detail=self.detail,
            errors=tuple(self.errors),
        )
        return problem.model_dump(mode="json", exclude_defaults=True) | dict(self.extensions)


def wrong_field(field: str, message: str) -> ProblemError:
    """A request with one wrong field."""
    return invalid([FieldProblem(field=field, message=message)])


def invalid(errors: Sequence[FieldProblem]) -> ProblemError:
    detail = "; ".join(f"{error.field}: {error.message}" for error in errors)
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, Refusal.INVALID, errors=errors)


def status_of(refusal: Refusal) -> HTTPStatus:
    return _STATUSES.get(refusal, HTTPStatus.CONFLICT)


def problem_of(error: Exception) -> ProblemError:
    """The answer to a request that ended in this error."""
    match error:
        case ProblemError():
            return error
        case RefusedError(reason=Refusal.NOT_YET):
            return ProblemError(status_of(error.reason), str(error), error.reason, headers=_retry_after())
        case RefusedError():
            return ProblemError(status_of(error.reason), str(error), error.reason, errors=_wrong(error))
        case RequestValidationError():
            return invalid(field_problems(error.errors()))
        case _ if isinstance(error, FAULTS):
            detail = "it cannot be done at this moment: send the same request again"
            return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, "unavailable", headers=_retry_after())
        case _:
            return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error: it is logged")


def _wrong(refused: RefusedError) -> list[FieldProblem]:
    message = str(refused).removeprefix(f"{refused.field}: ")
    return [FieldProblem(field=refused.field, message=message)] if refused.field else []


def _retry_after() -> dict[str, str]:
    return {"retry-after": str(RETRY_AFTER_SECONDS)}
