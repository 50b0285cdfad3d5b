"""The caller of a request, by the claims that the gateway's authorizer has verified."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter, ValidationError

from services.libs.http.problems import ProblemError
from services.shared.events.event import Identifier

STAFF = "staff"
"""The group of the user pool."""

_CUSTOMER_ID: TypeAdapter[str] = TypeAdapter(Identifier)


class Access(StrEnum):
    """Those who may call a route."""

    PUBLIC = "public"
    CUSTOMER = "customer"
    """Everyone who is signed in, staff too."""
    STAFF = "staff"
    CARRIER = "carrier"
    """Signed requests; the route checks the signature."""

    @property
    def needs_token(self) -> bool:
        return self in {Access.CUSTOMER, Access.STAFF}


@dataclass(frozen=True, slots=True)
class Caller:
    customer_id: str
    is_staff: bool = False
    username: str = ""
    """Their user in the pool."""


def caller_of(event: Mapping[str, Any]) -> Caller:
    """Raise ProblemError (401) without the claims of an access token of ours.

    The gateway checks signature, issuer, expiry and client. It accepts id tokens too, so `token_use` is checked here.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
    """
    claims = _claims(event)
    if claims.get("token_use") != "access":
        raise _unauthorized("an access token is needed: sign in and send it as `Authorization: Bearer ...`")
    try:
        customer_id = _CUSTOMER_ID.validate_python(claims.get("customer_id"))
    except ValidationError:
        raise _unauthorized("the token names no customer: sign in again") from None
    is_staff = STAFF in _groups(claims.get("cognito:groups"))
    return Caller(customer_id, is_staff, username=str(claims.get("username", "")))


def require_staff(caller: Caller) -> None:
    if not caller.is_staff:
        raise ProblemError(HTTPStatus.FORBIDDEN, f"only members of the group `{STAFF}` may do that")


def _claims(event: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = event
    for name in ("requestContext", "authorizer", "jwt", "claims"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _groups(claim: object) -> list[object]:
    """Read a list, or the text that the gateway makes of it: `[staff other]`."""
    if isinstance(claim, list):
        return claim
    return [*str(claim or "").strip("[]").replace(",", " ").split()]


def _unauthorized(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNAUTHORIZED, detail, headers={"www-authenticate": "Bearer"})
