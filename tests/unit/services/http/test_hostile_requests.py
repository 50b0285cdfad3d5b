"""Whatever the gateway passes on, a service answers as its document says: no 500, and nothing of what was sent."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from scripts.check.api_document.document import document
from services.libs.http.bodies import parse_object
from services.libs.http.problems import ProblemError
from tests.unit.services.http.shop import CLAIMS, STAFF_CLAIMS, Answer, ask, request, shelf_api

_API = shelf_api()
_TEXTS = st.text(max_size=30) | st.sampled_from(
    ["1,2", '"7"', 'W/"7"', "*", "\0", "\ud800", "9" * 5000, "%00", "[", "a\n"]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=10,
)
_LINES = st.lists(st.fixed_dictionaries({"sku": _JSON | st.just("a"), "quantity": _JSON}), max_size=3)
_BODIES = (
    _JSON.map(json.dumps)
    | st.fixed_dictionaries({"lines": _LINES | _JSON}, optional={"shelfNote": _JSON}).map(json.dumps)
    | st.text(max_size=100)
)
_CLAIMS = st.sampled_from([CLAIMS, STAFF_CLAIMS]) | st.dictionaries(
    st.sampled_from(["token_use", "customer_id", "cognito:groups"]), _JSON
)
_HEADERS = st.dictionaries(
    st.sampled_from(["if-match", "idempotency-key", "x-correlation-id", "content-type", "cookie", "accept-encoding"]),
    _TEXTS | st.just("application/json"),
)


_DOCUMENT = document({"shelf-service-api": _API})


def _check_described(event: dict[str, Any], answer: Answer) -> None:
    """The document has the answer: its status, its type and its content."""
    http = event["requestContext"]["http"]
    path = http["path"].removeprefix("/dev")
    route = next((one for one in _API.routes if one.method == http["method"] and one.values_in(path) is not None), None)
    if route is None:
        return
    described = _DOCUMENT["paths"][route.path][route.method.lower()]["responses"][str(answer.status)]
    if "$ref" in described:
        described = _DOCUMENT["components"]["responses"][described["$ref"].rpartition("/")[2]]
    schema = described["content"][answer.headers["content-type"]]["schema"]
    Draft202012Validator({**schema, "components": _DOCUMENT["components"]}).validate(answer.content)


def _answered(event: dict[str, Any]) -> Answer:
    answer = ask(_API, event)
    assert answer.status < 500
    _check_described(event, answer)
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.content["status"] == answer.status
        assert {"type", "title", "detail"} <= answer.content.keys()
    return answer


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"]),
    path=st.sampled_from(["/v1/shelves", "/v1/shelves/s-1", "/"]) | _TEXTS.map(lambda text: f"/v1/shelves/{text}"),
    body=st.none() | _BODIES,
    claims=st.none() | _CLAIMS,
    headers=_HEADERS,
    query=st.dictionaries(st.sampled_from(["limit", "name"]) | _TEXTS, _TEXTS, max_size=3),
)
def test_no_request_ends_in_a_500(  # noqa: PLR0913, PLR0917 - the parts of a request
    method: str,
    path: str,
    body: str | None,
    claims: dict[str, object] | None,
    headers: dict[str, str],
    query: dict[str, str],
) -> None:
    _answered(request(method, path, body, claims=claims, headers=headers, query=query))


@settings(max_examples=100, deadline=None)
@given(body=_BODIES)
def test_no_body_ends_in_a_500(body: str) -> None:
    headers = {"idempotency-key": "k", "if-match": '"7"'}

    _answered(request("PUT", "/v1/shelves/s-1", body, claims=STAFF_CLAIMS, headers=headers))
    _answered(request("POST", "/v1/shelves", body, claims=CLAIMS, headers=headers))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 422),
        ("null", 422),
        ("[]", 422),
        ('[{"lines": [{"sku": "a", "quantity": 1}]}]', 422),
        ("{", 400),
        ('{"lines": NaN}', 400),
        ('{"lines": -Infinity}', 400),
        ("[" * 30_000, 400),
        ('{"lines":' * 3_000, 400),
        ('{"lines":' + "[" * 800 + "]" * 800 + "}", 422),
        ('{"lines": ' + "9" * 5_000 + "}", 422),
        ('{"lines": 9007199254740992}', 422),
        ('{"lines": 1e999}', 422),
        ('{"lines": [{"sku": "a", "quantity": 1.5}]}', 422),
        ('{"lines": [{"sku": "a", "quantity": true}]}', 422),
        ('{"lines": [{"sku": "a\\u0000", "quantity": 1}]}', 422),
        ('{"lines": [{"sku": "\\ud800", "quantity": 1}]}', 422),
        ('{"\\udfff": 1}', 422),
        ('{"lines": [{"sku": "a", "quantity": 1, "quantity": 2}]}', 422),
        ("\ufeff{}", 400),
    ],
)
def test_a_body_that_parsers_disagree_about_is_refused(body: str, status: int) -> None:
    answer = _answered(request("POST", "/v1/shelves", body, claims=CLAIMS, headers={"idempotency-key": "k"}))

    assert answer.status == status


@pytest.mark.parametrize("number", [2**53 - 1, 1 - 2**53])
def test_an_integer_is_taken_as_far_as_every_parser_reads_it(number: int) -> None:
    assert parse_object(f'{{"number": {number}}}') == {"number": number}


@pytest.mark.parametrize("number", [2**53, -(2**53)])
def test_a_larger_integer_is_refused(number: int) -> None:
    with pytest.raises(ProblemError, match="an integer beyond"):
        parse_object(f'{{"number": {number}}}')


def test_a_body_may_come_as_base64_and_must_be_utf_8() -> None:
    def sent(raw: bytes) -> int:
        text = base64.b64encode(raw).decode()
        headers = {"idempotency-key": "k"}
        event = request("POST", "/v1/shelves", text, claims=CLAIMS, headers=headers, isBase64Encoded=True)
        return _answered(event).status

    assert sent(b'{"lines": [{"sku": "a", "quantity": 1}]}') == 201
    assert sent(b'{"lines": "\xff"}') == 400


def test_a_body_that_is_not_base64_is_refused() -> None:
    assert _answered(request("POST", "/v1/shelves", "%", claims=CLAIMS, isBase64Encoded=True)).status == 400


@pytest.mark.parametrize(("size", "status"), [(32 * 1024, 400), (32 * 1024 + 1, 413), (1_000_000, 413)])
def test_a_body_over_the_limit_is_refused(size: int, status: int) -> None:
    assert _answered(request("POST", "/v1/shelves", "x" * size, claims=CLAIMS)).status == status


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonx"])
def test_only_json_is_taken(content_type: str) -> None:
    event = request("POST", "/v1/shelves", {}, claims=CLAIMS, headers={"content-type": content_type})

    assert _answered(event).status == 415


@pytest.mark.parametrize("content_type", ["", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded"])
def test_an_empty_body_is_missing_whatever_its_type(content_type: str) -> None:
    headers = {"content-type": content_type, "idempotency-key": "k"}
    answer = _answered(request("POST", "/v1/shelves", claims=CLAIMS, headers=headers))

    assert (answer.status, answer.wrong) == (422, {"body": "it is required"})


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PATCH"])
def test_another_method_is_told_which_ones_there_are(method: str) -> None:
    answer = _answered(request(method, "/v1/shelves"))

    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("path", ["/v1/cupboards", "/v1/shelves/\x1f", "/v1/shelves/", "/v1/shelves/a/b", "/"])
def test_a_path_that_does_not_exist_is_not_found(path: str) -> None:
    assert _answered(request("GET", path, claims=CLAIMS)).status == 404


def test_a_refusal_repeats_nothing_that_was_sent() -> None:
    personal = "jane.doe@example.com"
    body = {"lines": [{"sku": personal, "quantity": personal}], personal: 1, "shelfNote": personal * 2}
    headers = {"if-match": personal, "idempotency-key": f"{personal} "}

    for event in (
        request("PUT", "/v1/shelves/jane doe", body, claims=STAFF_CLAIMS, headers=headers),
        request("POST", "/v1/shelves", body, claims=CLAIMS, headers=headers),
        request("GET", "/v1/shelves", query={"limit": personal}),
        request("GET", "/v1/shelves", claims={"customer_id": personal, "token_use": personal}),
        request("GET", f"/v1/{personal}"),
    ):
        assert "jane" not in json.dumps(ask(_API, event).content)
