"""What Schemathesis sends beside what it makes up: the token of somebody who may call, a carrier's signature."""

import os
import time

import requests
import schemathesis
from requests.auth import AuthBase
from schemathesis import AuthContext, Case

from scripts.deploy.deployment import Deployment
from scripts.deploy.generated_secrets import CARRIER_SECRET, required
from scripts.deploy.target import Target
from scripts.operate.shop_users import STAFF, ShopUsers
from services.libs.http.signatures import SIGNATURE_HEADER, signature
from tests.integration.walk import CUSTOMER, STAFF_MEMBER

_WEBHOOK = "/v1/carrier-events"
_TARGET = Target.from_environment("local", os.environ)
_USERS = ShopUsers(_TARGET, Deployment.of(_TARGET))
_SECRET = required(_TARGET, CARRIER_SECRET).encode()


def _caller(context: AuthContext) -> str:
    wanted = str(context.operation.definition.raw["security"])
    return STAFF_MEMBER if STAFF in wanted else CUSTOMER if "token" in wanted else ""


@schemathesis.auth(cache_by_key=lambda _, context: _caller(context)).skip_for(path=_WEBHOOK)
class Tokens:
    """Each is renewed every five minutes."""

    def get(self, _: Case, context: AuthContext) -> str:
        caller = _caller(context)
        return _USERS.sign_in_anew(caller).text if caller else ""

    def set(self, case: Case, token: str, _: AuthContext) -> None:
        if token:
            case.headers["authorization"] = f"Bearer {token}"


class _Signed(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        sent = body.encode() if isinstance(body, str) else body
        request.headers[SIGNATURE_HEADER] = signature(_SECRET, sent, int(time.time()))
        return request


schemathesis.auth.set_from_requests(_Signed()).apply_to(path=_WEBHOOK)
