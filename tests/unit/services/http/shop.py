"""A service of the shop API as the tests want it, and requests to it as the gateway sends them."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, cast

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field, StrictInt

from services.libs.http.bodies import RequestBody, ResponseBody
from services.libs.http.callers import Access
from services.libs.http.headers import IdempotencyKey, IfMatch
from services.libs.http.shop_api import ShopApi, answered
from services.libs.observability.request_metrics import RequestMetrics
from services.libs.runtime.lambda_types import HttpRequest, HttpResponse, LambdaContext
from services.shared.events.event import Identifier, Sku
from services.shared.refusals import Refusal, RefusedError
from tests.factories import Context

FUNCTION = "shelf-service-api"
CLAIMS = {"token_use": "access", "customer_id": "customer-1", "client_id": "shop"}
STAFF_CLAIMS = CLAIMS | {"customer_id": "staff-1", "cognito:groups": "[staff]"}


class Line(RequestBody):
    sku: Sku
    quantity: Annotated[StrictInt, Field(ge=1, le=10_000)]


class NewShelf(RequestBody):
    lines: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50)]
    shelf_note: Annotated[str, Field(max_length=20)] = ""


class Shelf(ResponseBody):
    shelf_id: str
    lines_held: int
    owner: str | None = None


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content: dict[str, Any]

    @property
    def wrong(self) -> dict[str, str]:
        return {each["field"]: each["message"] for each in self.content.get("errors", [])}


def shelf_api(refuse: Exception | None = None, answer: object = None) -> ShopApi:
    """Every route raises `refuse`, if there is one, or answers with `answer`."""
    api = ShopApi()

    def outcome(shelf: Shelf) -> Shelf:
        if refuse:
            raise refuse
        return answer or shelf  # type: ignore[return-value]

    @api.route("GET", "/v1/shelves", Access.PUBLIC)
    def list_shelves(limit: Annotated[int, Query(ge=1, le=100)] = 20, name: str | None = None) -> Shelf:
        """List the shelves."""
        return outcome(Shelf(shelf_id=name or "all", lines_held=limit))

    @api.route("POST", "/v1/shelves", Access.CUSTOMER, status=201, refusals=(Refusal.CONFLICT,))
    def create_shelf(body: NewShelf, key: IdempotencyKey) -> Response[Shelf]:
        """Create a shelf."""
        shelf = Shelf(shelf_id=api.command_of(key, body).key, lines_held=len(body.lines), owner=api.caller.customer_id)
        return answered(outcome(shelf), status=201, version=1, location="/v1/shelves/1")

    @api.route("GET", "/v1/shelves/{shelfId}", Access.CUSTOMER, refusals=(Refusal.NOT_FOUND,))
    def get_shelf(shelf_id: Annotated[Identifier, Path(alias="shelfId")]) -> Response[Shelf]:
        """Read a shelf."""
        return answered(outcome(Shelf(shelf_id=shelf_id, lines_held=0)), version=7)

    @api.route("PUT", "/v1/shelves/{shelfId}", Access.STAFF, refusals=(Refusal.NOT_FOUND, Refusal.STALE))
    def replace_shelf(
        shelf_id: Annotated[Identifier, Path(alias="shelfId")], body: NewShelf, version: IfMatch
    ) -> Response[Shelf]:
        """Replace what a shelf holds."""
        if version != 7:
            raise RefusedError(Refusal.STALE, "it was changed: read it again")
        return answered(outcome(Shelf(shelf_id=shelf_id, lines_held=len(body.lines))), version=8)

    return api


def request(  # noqa: PLR0913 - the parts of a request
    method: str,
    path: str,
    body: object = None,
    *,
    claims: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    **members: object,
) -> dict[str, Any]:
    """Build the gateway's event, payload format 2.0, of stage `dev`."""
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    context: dict[str, Any] = {"http": {"method": method, "path": f"/dev{path}"}, "stage": "dev"}
    if claims is not None:
        context["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
    return {
        "version": "2.0",
        "rawPath": f"/dev{path}",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", **(headers or {})},
        "requestContext": context,
        "isBase64Encoded": False,
        **({"queryStringParameters": query} if query else {}),
        **({"body": text} if text is not None else {}),
        **members,
    }


def ask(api: ShopApi, event: Mapping[str, Any]) -> Answer:
    return answer_of(lambda asked, context: api.answer(asked, context, RequestMetrics(FUNCTION, "test")), event)


def answer_of(handler: Callable[[HttpRequest, LambdaContext], HttpResponse], event: Mapping[str, Any]) -> Answer:
    """Handle the gateway's event as Lambda does."""
    response = handler(cast("HttpRequest", event), Context())
    return Answer(response["statusCode"], response["headers"], json.loads(response["body"]))
