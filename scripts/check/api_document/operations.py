"""One operation of the document: Powertools' description of a route, and every answer that the route can give."""

import inspect
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, TypeAlias, get_origin

from aws_lambda_powertools.event_handler import Response

from services.libs.http.callers import STAFF, Access
from services.libs.http.problems import CONTENT_TYPE, status_of
from services.libs.http.shop_api import Route
from services.shared.refusals import Refusal

Document: TypeAlias = dict[str, Any]

TOKEN, CARRIER_SIGNATURE = "token", "carrierSignature"
"""The security schemes."""
SCHEMA = "#/components/schemas/"

_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.PUBLIC: [],
    Access.CUSTOMER: [{TOKEN: []}],
    Access.STAFF: [{TOKEN: [STAFF]}],
    Access.CARRIER: [{CARRIER_SIGNATURE: []}],
}
_WITH_BODY = {"POST", "PUT", "PATCH", "DELETE"}
_BY_GATEWAY = {
    HTTPStatus.BAD_REQUEST: "It cannot be read as HTTP with a JSON body.",
    HTTPStatus.UNAUTHORIZED: "No valid access token, or no valid signature.",
    HTTPStatus.FORBIDDEN: "It is for staff.",
    HTTPStatus.NOT_FOUND: "There is no such thing, or it is another customer's.",
    HTTPStatus.TOO_MANY_REQUESTS: "More requests than the API takes: send it again later.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A defect: it is logged.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not at this moment: send the same request again after `Retry-After` seconds.",
}
"""The gateway gives these too, with a body of its own."""
_DESCRIPTIONS = _BY_GATEWAY | {
    HTTPStatus.CONFLICT: "It is refused as things stand.",
    HTTPStatus.GONE: "The customer was erased.",
    HTTPStatus.PRECONDITION_FAILED: "`If-Match` names another version: read again.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than 32 KiB.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not declared as `application/json`.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A header, a parameter or a field of the body is wrong: `errors` names each.",
}
_CORRELATION: Document = {"X-Correlation-Id": {"$ref": "#/components/headers/CorrelationId"}}
_OPTIONAL: Document = {
    "ETag": {"description": "The version that the answer tells of.", "schema": {"type": "string"}},
    "Location": {"description": "Where it can be read, relative to the request's URL.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "string"}},
}


def operation(route: Route, described: Document) -> Document:
    """Complete Powertools' description."""
    success = _success(route, described["responses"][str(route.status)])
    problems = {str(status.value): _problem(status, route) for status in sorted(_statuses(route))}
    parameters = [_parameter(each) for each in described.get("parameters", [])]
    return {
        "operationId": described["operationId"],
        "summary": described["summary"],
        "security": _SECURITY[route.access],
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": described["requestBody"]} if "requestBody" in described else {}),
        "responses": {str(route.status): success, **problems},
    }


def problem_responses() -> Document:
    """The answers that are the same for every route, for `components`."""
    return {_name(status): _response(status) for status in _DESCRIPTIONS}


def _success(route: Route, described: Document) -> Document:
    headers = dict(_CORRELATION)
    if route.status == HTTPStatus.NO_CONTENT:
        return {"description": HTTPStatus.NO_CONTENT.phrase, "headers": headers}
    if get_origin(inspect.signature(route.function).return_annotation) is Response:
        names = {HTTPStatus.CREATED: ("ETag", "Location"), HTTPStatus.ACCEPTED: tuple(_OPTIONAL)}
        headers |= {name: _OPTIONAL[name] for name in names.get(HTTPStatus(route.status), ("ETag",))}
    return {"description": HTTPStatus(route.status).phrase, "headers": headers, "content": described["content"]}


def _statuses(route: Route) -> Iterator[HTTPStatus]:
    found = {status_of(refusal) for refusal in route.refusals}
    found |= {HTTPStatus.BAD_REQUEST, HTTPStatus.TOO_MANY_REQUESTS}
    found |= {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE}
    if route.access is not Access.PUBLIC:
        found.add(HTTPStatus.UNAUTHORIZED)
    if route.access is Access.STAFF:
        found.add(HTTPStatus.FORBIDDEN)
    if "{" in route.path:
        found.add(HTTPStatus.NOT_FOUND)
    if inspect.signature(route.function).parameters:
        found.add(HTTPStatus.UNPROCESSABLE_ENTITY)
    if route.method in _WITH_BODY:
        found |= {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    return iter(found)


def _problem(status: HTTPStatus, route: Route) -> Document:
    if status is HTTPStatus.CONFLICT:
        return _response(status, sorted(refusal.value for refusal in route.refusals if status_of(refusal) is status))
    return {"$ref": f"#/components/responses/{_name(status)}"}


def _name(status: HTTPStatus) -> str:
    return f"Problem{status.value}"  # the phrases differ between Python versions


def _response(status: HTTPStatus, reasons: Sequence[str] = ()) -> Document:
    content = {CONTENT_TYPE: {"schema": {"$ref": f"{SCHEMA}Problem"}}}
    # The gateway's own answers have none of our headers.
    headers = {} if status in _BY_GATEWAY else dict(_CORRELATION)
    if status in _BY_GATEWAY:
        content["application/json"] = {"schema": {"$ref": f"{SCHEMA}GatewayMessage"}}
    if status is HTTPStatus.SERVICE_UNAVAILABLE or Refusal.NOT_YET in reasons:
        headers["Retry-After"] = _OPTIONAL["Retry-After"]
    named = [f"Reasons: {', '.join(f'`{reason}`' for reason in reasons)}."] if reasons else []
    return {
        "description": " ".join([_DESCRIPTIONS[status], *named]),
        **({"headers": headers} if headers else {}),
        "content": content,
    }


def _parameter(described: Document) -> Document:
    """Say the description once, and write a header's name as people do: Powertools has it in lower case."""
    schema = {name: value for name, value in described["schema"].items() if name != "description"}
    name: str = described["name"]
    shown = "-".join(part.capitalize() for part in name.split("-")) if described["in"] == "header" else name
    return described | {"name": shown, "schema": schema}
