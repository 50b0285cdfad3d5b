"""Signed cursors and signed requests: only what was signed with the secret, and lately, is taken."""

from typing import Annotated

import pytest
from aws_lambda_powertools.event_handler.openapi.params import Query
from hypothesis import given
from hypothesis import strategies as st

from services.libs.http.callers import Access
from services.libs.http.cursors import Cursors
from services.libs.http.incoming_requests import IncomingRequest
from services.libs.http.problems import ProblemError
from services.libs.http.shared_secrets import SharedSecret
from services.libs.http.shop_api import ShopApi
from services.libs.http.signatures import SIGNATURE_HEADER, Signatures, signature
from services.libs.runtime import aws_clients
from services.libs.runtime.parameters import Parameters
from services.shared.faults import DependencyError
from services.shared.json_types import JsonObject
from tests.unit.services.http.shop import Line, Shelf, ask, request

_NOW = 1_800_000_000
_DAY = 24 * 60 * 60
_QUERY = {"list": "products", "category": "toys"}
_POSITION: JsonObject = {"sku": "prod-001", "after": 20}


class _Secret(SharedSecret):
    def __init__(self, value: bytes = b"secret") -> None:
        self._value = value

    def current(self) -> bytes:
        return self._value


def _cursors(at: float = _NOW, secret: bytes = b"secret") -> Cursors:
    return Cursors(_Secret(secret), lambda: at)


def _is_taken(cursor: str, cursors: Cursors | None = None, query: dict[str, str] = _QUERY) -> bool:
    try:
        return (cursors or _cursors()).position(cursor, query) == _POSITION
    except ProblemError as refused:
        return (refused.status, refused.errors[0].field) != (422, "cursor")


def _is_position(cursor: str) -> bool:
    try:
        _cursors().position(cursor, _QUERY)
    except ProblemError:
        return False
    return True


_CURSOR = _cursors().cursor(_POSITION, _QUERY)


def test_a_cursor_leads_on_in_the_same_list_for_a_day() -> None:
    assert _is_taken(_CURSOR)
    assert _is_taken(_CURSOR, _cursors(_NOW + _DAY))
    assert not _is_taken(_CURSOR, _cursors(_NOW + _DAY + 1))


def test_a_cursor_fits_into_a_url_as_it_is() -> None:
    assert _CURSOR.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("query", [{}, _QUERY | {"category": "games"}, _QUERY | {"name": "a"}])
def test_a_cursor_of_another_query_is_refused(query: dict[str, str]) -> None:
    assert not _is_taken(_CURSOR, query=query)


def test_a_cursor_of_another_secret_is_refused() -> None:
    assert not _is_taken(_CURSOR, _cursors(secret=b"other"))


@given(st.integers(0, len(_CURSOR) - 1), st.sampled_from("ABab01-_=\n é"))
def test_a_cursor_with_any_other_character_is_refused(place: int, character: str) -> None:
    changed = _CURSOR[:place] + character + _CURSOR[place + 1 :]

    assert _is_taken(changed) is (changed == _CURSOR)


@pytest.mark.parametrize("sku", ["a", "ab", "abc"])
def test_a_cursor_has_one_form(sku: str) -> None:
    cursor = _cursors().cursor({"sku": sku}, _QUERY)
    ends = {chr(ord(cursor[-1]) ^ bit) for bit in (1, 2)}

    assert not [end for end in ends if end.isalnum() and _is_position(cursor[:-1] + end)]


@given(st.text() | st.text("ABab01-_", max_size=200))
def test_any_other_text_is_refused(text: str) -> None:
    assert not _is_taken(text)
    assert not _is_taken(_CURSOR + text) or not text


_BODY = {"sku": "prod-001", "quantity": 1}


def _webhook(at: float = _NOW) -> ShopApi:
    api, signatures = ShopApi(), Signatures(_Secret(), lambda: at)

    @api.route("POST", "/v1/parcels", Access.CARRIER, guard=signatures.check)
    def note_parcel(body: Line, copies: Annotated[int, Query(ge=1)] = 1) -> Shelf:
        """Note a parcel."""
        return Shelf(shelf_id=body.sku, lines_held=copies)

    return api


def _status(header: str | None, body: object = _BODY, at: float = _NOW) -> int:
    headers = {} if header is None else {SIGNATURE_HEADER.lower(): header}
    return ask(_webhook(at), request("POST", "/v1/parcels", body, headers=headers)).status


_SENT = IncomingRequest.of(request("POST", "/v1/parcels", _BODY)).body()
_SIGNED = signature(b"secret", _SENT, _NOW)


def test_a_signed_request_is_taken_within_five_minutes() -> None:
    assert [_status(_SIGNED, at=_NOW + late) for late in (-300, 0, 300)] == [200, 200, 200]
    assert [_status(_SIGNED, at=_NOW + late) for late in (-301, 301)] == [401, 401]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        _SIGNED.upper(),
        _SIGNED + " ",
        _SIGNED.replace(f"t={_NOW}", f"t={_NOW + 1}"),
        _SIGNED.partition(",")[0],
        f"t={_NOW},v1=" + "0" * 64,
        f"t={'9' * 30},v1=" + "0" * 64,
        signature(b"other", _SENT, _NOW),
        signature(b"secret", _SENT + b" ", _NOW),
    ],
)
def test_any_other_signature_is_refused(header: str | None) -> None:
    assert _status(header) == 401


def test_the_signature_is_of_the_body() -> None:
    assert _status(_SIGNED, {**_BODY, "quantity": 2}) == 401


def test_an_invalid_body_is_named_only_to_who_signed_it() -> None:
    assert _status(_SIGNED, {"sku": 1}) == 401
    invalid = IncomingRequest.of(request("POST", "/v1/parcels", {"sku": 1})).body()
    assert _status(signature(b"secret", invalid, _NOW), {"sku": 1}) == 422


@pytest.mark.usefixtures("aws")
def test_the_secret_is_read_from_its_parameter() -> None:
    client = aws_clients.ssm()
    client.put_parameter(Name="/test/carrier-secret", Value="secret", Type="SecureString")

    assert SharedSecret(Parameters(client), "/test/carrier-secret").current() == b"secret"


@pytest.mark.usefixtures("aws")
def test_a_secret_that_was_not_made_yet_is_a_fault() -> None:
    with pytest.raises(DependencyError, match="/test/carrier-secret was not made yet"):
        SharedSecret(Parameters(aws_clients.ssm()), "/test/carrier-secret").current()
