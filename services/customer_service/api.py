"""The customers' own: the routes of /v1/me."""

from functools import cache
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from pydantic import Field, StringConstraints

from services.customer_service.domain import LONGEST_MAIL, MAIL, ONE_LINE
from services.customer_service.service import Customers, FoundProfile
from services.libs.http.bodies import ONE_LINE_NEEDED, RequestBody, ResponseBody, form
from services.libs.http.callers import Access
from services.libs.http.headers import IfMatch
from services.libs.http.shop_api import ShopApi, answered
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.observability.structured_logging import configure_logging
from services.libs.personal.customer_keys import CustomerKeys
from services.libs.personal.key_settings import KeySettings
from services.libs.runtime import aws_clients
from services.libs.runtime.function_name import function_name
from services.libs.runtime.lambda_types import HttpRequest, HttpResponse, LambdaContext
from services.libs.store.event_store import EventStore
from services.shared.refusals import Refusal

FUNCTION = function_name(__name__)
_MOST_ADDRESSES, _MOST_LINES = 10, 4

api = ShopApi()


class _Application:
    def __init__(self, settings: KeySettings) -> None:
        configure_logging(FUNCTION, settings.log_level)
        client = aws_clients.dynamodb()
        self.metrics = RequestMetrics(FUNCTION, settings.environment)
        self.customers = Customers(
            EventStore(client, settings.tables),
            CustomerKeys(client, aws_clients.kms(), settings.customer_key_table, settings.wrapping_key_arn),
        )


@cache
def _application() -> _Application:
    return _Application(KeySettings.from_environment())


def handler(event: HttpRequest, context: LambdaContext) -> HttpResponse:
    return api.answer(event, context, _application().metrics)


OneLine = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=ONE_LINE), ONE_LINE_NEEDED
]
Mail = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=LONGEST_MAIL, pattern=MAIL),
    form("one address is needed, such as ada@example.org"),
]
Postcode = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20, pattern=ONE_LINE), ONE_LINE_NEEDED
]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), form("two capital letters are needed, such as GB")]
"""As ISO 3166-1 has it, such as GB."""


class NewAddress(RequestBody):
    label: OneLine | None = None
    """What the customer calls it, such as home."""
    recipient: OneLine | None = None
    lines: Annotated[tuple[OneLine, ...], Field(min_length=1, max_length=_MOST_LINES)]
    city: OneLine
    postcode: Postcode | None = None
    country: Country


class MyChanges(RequestBody):
    """A field that is left out stays as it is; null removes the name or the mail. Addresses are replaced as a whole."""

    name: OneLine | None = None
    mail: Mail | None = None
    """Where the shop writes to. The address to sign in with is the user pool's, and stays."""
    addresses: Annotated[tuple[NewAddress, ...], Field(default_factory=tuple, max_length=_MOST_ADDRESSES)]


class AddressView(ResponseBody):
    label: str | None = None
    recipient: str | None = None
    lines: tuple[str, ...]
    city: str
    postcode: str | None = None
    country: str


class MeView(ResponseBody):
    customer_id: str
    name: str | None = None
    mail: str | None = None
    addresses: tuple[AddressView, ...]
    unreadable: bool = False
    """Whether what was told before cannot be read any more. It is lost: tell it anew."""


@api.route("GET", "/v1/me", Access.CUSTOMER, refusals=(Refusal.ERASED,))
def get_me() -> Response[MeView]:
    """Read what the shop knows of the caller."""
    return _me(_application().customers.read(api.caller.customer_id))


@api.route(
    "PATCH",
    "/v1/me",
    Access.CUSTOMER,
    refusals=(Refusal.ERASED, Refusal.UNREADABLE, Refusal.STALE, Refusal.TOO_MUCH),
)
def change_me(body: MyChanges, version: IfMatch) -> Response[MeView]:
    """Change some of what the shop knows of the caller."""
    caller, changes = api.caller, body.model_dump(exclude_unset=True)
    return _me(_application().customers.update(caller.customer_id, caller.username, changes, version, api.cause))


@api.route("DELETE", "/v1/me", Access.CUSTOMER, status=HTTPStatus.NO_CONTENT)
def delete_me() -> Response[None]:
    """Forget the caller for good: profile, cart, tickets and account. Orders stay, without a person."""
    caller = api.caller
    _application().customers.erase(caller.customer_id, caller.username or None, api.cause)
    return Response(HTTPStatus.NO_CONTENT)


def _me(found: FoundProfile) -> Response[MeView]:
    view = MeView(customer_id=api.caller.customer_id, unreadable=not found.is_readable, **found.profile.model_dump())
    return answered(view, version=found.version)
