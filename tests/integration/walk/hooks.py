"""What Schemathesis sends beside what it makes up: the token of somebody who may call, a carrier's signature."""

import os
import time
from typing import Any, cast
from urllib.parse import urljoin

import requests
import schemathesis
from requests.auth import AuthBase
from schemathesis import AuthContext, Case, HookContext
from schemathesis.core.transport import Response

from scripts.deploy.deployment import Deployment
from scripts.deploy.generated_secrets import CARRIER_SECRET, required
from scripts.deploy.target import Target
from scripts.operate.shop_users import STAFF, ShopUsers
from services.libs.http.signatures import SIGNATURE_HEADER, signature
from tests.integration.walk import CUSTOMER, LEAVING, STAFF_MEMBER

_CART, _ME = "/v1/cart", "/v1/me"
_WEBHOOK = "/v1/carrier-events"
_TARGET = Target.from_environment("local", os.environ)
_USERS = ShopUsers(_TARGET, Deployment.of(_TARGET))
_SECRET = required(_TARGET, CARRIER_SECRET).encode()


def _caller(context: AuthContext) -> str:
    if (context.operation.method.upper(), context.operation.path) == ("DELETE", _ME):
        return LEAVING
    wanted = str(context.operation.definition.raw["security"])
    return STAFF_MEMBER if STAFF in wanted else CUSTOMER if "token" in wanted else ""


@schemathesis.auth(cache_by_key=lambda _, context: _caller(context)).skip_for(path=_WEBHOOK)
class Tokens:
    """Each is renewed every five minutes."""

    def get(self, _: Case[Any], context: AuthContext) -> str:
        caller = _caller(context)
        if caller == LEAVING:
            _USERS.create(caller)
        return _USERS.sign_in_anew(caller).text if caller else ""

    def set(self, case: Case[Any], token: str, _: AuthContext) -> None:
        if token:
            case.headers["authorization"] = f"Bearer {token}"


class _Signed(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        sent = body.encode() if isinstance(body, str) else bytes(cast("bytes", body))
        request.headers[SIGNATURE_HEADER] = signature(_SECRET, sent, int(time.time()))
        return request


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:  # noqa: ARG001 - a hook's
    """Let a change follow another: each answer has the ETag for the next, which the document says once."""
    for read in (_CART, _ME):
        links = raw_schema["paths"][read]["get"]["responses"]["200"]["links"]
        paths = [methods for path, methods in raw_schema["paths"].items() if path.startswith(read)]
        for operation in (one for methods in paths for one in methods.values()):
            for answer in (one for status, one in operation["responses"].items() if status < "300"):
                answer["links"] = links


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:  # noqa: ARG001 - a hook's
    if case.operation.path == _WEBHOOK:
        kwargs["auth"] = _Signed()


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:  # noqa: ARG001 - a hook's
    """Make a `Location` a whole URL: Schemathesis learns nothing from one that is relative to the request's."""
    if locations := response.headers.get("location"):
        response.headers["location"] = [urljoin(str(response.request.url), locations[0])]
