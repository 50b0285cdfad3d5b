"""The routes of /v1/me as the gateway calls them."""

import json
from collections.abc import Mapping

import pytest

from services.customer_service import domain
from services.customer_service.api import AddressView, MeView, MyChanges, NewAddress, handler
from services.shared.events.customer import ProfileField
from tests.factories import Context
from tests.unit.conftest import CUSTOMER_KEY_TABLE, EVENT_STORE_TABLE, Aws
from tests.unit.services.customers import events, every_event, lose_key, stored_words
from tests.unit.services.http.shop import CLAIMS, Answer, request

ME = "/v1/me"
ADA = CLAIMS | {"customer_id": "c-1", "username": "user-1"}
ADDRESS = {"lines": ["12 St James's Square", "Flat 2"], "city": "London", "country": "GB"}
PROFILE = {"name": "Ada Lovelace", "mail": "ada@example.org", "addresses": [ADDRESS]}

pytestmark = pytest.mark.usefixtures("environment")


def ask(
    method: str,
    body: object = None,
    version: int | None = None,
    *,
    claims: Mapping[str, object] | None = ADA,
) -> Answer:
    headers = {} if version is None else {"if-match": f'"{version}"'}
    response = handler(request(method, ME, body, claims=claims, headers=headers), Context())  # type: ignore[arg-type] # the gateway's
    return Answer(
        response["statusCode"], response["headers"], json.loads(response["body"] if response["body"] != "" else "{}")
    )


def test_each_field_of_the_profile_is_taken_kept_named_and_shown() -> None:
    """Otherwise what a customer tells would be answered with 200, and be lost without a word."""
    kept = set(domain.Profile.model_fields)

    assert set(MyChanges.model_fields) == {field.value for field in ProfileField} == kept
    assert set(MeView.model_fields) == kept | {"customer_id", "unreadable"}
    assert set(NewAddress.model_fields) == set(AddressView.model_fields) == set(domain.Address.model_fields)


def test_a_customer_tells_of_themselves_changes_it_and_is_forgotten(aws: Aws) -> None:
    unknown = ask("GET")
    told = ask("PATCH", PROFILE, 0)
    changed = ask("PATCH", {"name": None}, 2)
    read = ask("GET")
    gone = ask("DELETE")

    assert (unknown.status, unknown.headers["etag"]) == (200, '"0"')
    assert unknown.content == {"customerId": "c-1", "name": None, "mail": None, "addresses": [], "unreadable": False}
    assert (told.status, told.headers["etag"]) == (200, '"2"')
    address = ADDRESS | {"label": None, "recipient": None, "postcode": None}
    assert told.content == PROFILE | {"customerId": "c-1", "addresses": [address], "unreadable": False}
    assert (changed.headers["etag"], changed.content) == ('"3"', told.content | {"name": None})
    assert (read.headers["etag"], read.content) == (changed.headers["etag"], changed.content)
    assert (gone.status, gone.content) == (204, {})
    assert events(aws) == ["CustomerRegistered", "CustomerProfileUpdated", "CustomerProfileUpdated", "CustomerErased"]


@pytest.mark.parametrize("told", [True, False])
def test_whoever_is_forgotten_is_gone_and_may_ask_for_it_again(aws: Aws, *, told: bool) -> None:
    if told:
        ask("PATCH", PROFILE, 0)

    first, again = ask("DELETE"), ask("DELETE")
    read, changed = ask("GET"), ask("PATCH", {"name": "Ada"}, 0)

    assert (first.status, again.status) == (204, 204)
    assert [(answer.status, answer.content["type"]) for answer in (read, changed)] == [
        (410, "urn:pulsequeue:problem:erased")
    ] * 2
    assert events(aws)[-1] == "CustomerErased"


def test_whatever_is_told_is_stored_sealed_and_logged_nowhere(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    ask("PATCH", PROFILE, 0)
    ask("PATCH", {"name": "Ada\n"}, 0)
    ask("GET")
    ask("DELETE")

    for words in (stored_words(aws), capsys.readouterr().out):
        assert not any(word in words for word in ("Ada", "Lovelace", "example.org", "James", "London"))


def test_a_change_names_the_version_it_is_meant_for() -> None:
    ask("PATCH", PROFILE, 0)

    missing, stale = ask("PATCH", {"name": "x"}), ask("PATCH", {"name": "x"}, 1)

    assert (missing.status, [*missing.wrong]) == (422, ["If-Match"])
    assert (stale.status, stale.content["type"]) == (412, "urn:pulsequeue:problem:stale")


def test_a_change_of_nothing_commits_nothing(aws: Aws) -> None:
    ask("PATCH", PROFILE, 0)

    same, nothing = ask("PATCH", PROFILE, 2), ask("PATCH", {}, 2)

    assert (same.status, same.headers["etag"]) == (nothing.status, nothing.headers["etag"]) == (200, '"2"')
    assert len(events(aws)) == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "Ada\nLovelace"}, "name"),
        ({"name": "Ada\x85L"}, "name"),
        ({"name": "Ada\u2028L"}, "name"),
        ({"name": "Ada\x1b[31m"}, "name"),
        ({"name": 5}, "name"),
        ({"mail": "ada"}, "mail"),
        ({"mail": "ada@example"}, "mail"),
        ({"mail": "ada @example.org"}, "mail"),
        ({"mail": "ada@example..org"}, "mail"),
        ({"mail": "<ada@example.org>"}, "mail"),
        ({"mail": f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 20}"}, "mail"),
        ({"addresses": None}, "addresses"),
        ({"addresses": [ADDRESS] * 11}, "addresses"),
        ({"addresses": [ADDRESS | {"lines": "12 St James's Square"}]}, "addresses.0.lines"),
        ({"addresses": [ADDRESS | {"lines": []}]}, "addresses.0.lines"),
        ({"addresses": [ADDRESS | {"lines": ["x"] * 5}]}, "addresses.0.lines"),
        ({"addresses": [ADDRESS | {"lines": ["x" * 101]}]}, "addresses.0.lines.0"),
        ({"addresses": [ADDRESS | {"city": "a\tb"}]}, "addresses.0.city"),
        ({"addresses": [ADDRESS | {"country": "Great Britain"}]}, "addresses.0.country"),
        ({"addresses": [ADDRESS | {"country": "gb"}]}, "addresses.0.country"),
        ({"addresses": [ADDRESS | {"postcode": "x" * 21}]}, "addresses.0.postcode"),
        ({"addresses": [ADDRESS, {"lines": ["x"], "country": "GB"}]}, "addresses.1.city"),
        ({"birthday": "1815-12-10"}, "birthday"),
    ],
)
def test_a_field_that_is_wrong_is_named_and_not_repeated(aws: Aws, body: Mapping[str, object], field: str) -> None:
    answer = ask("PATCH", body, 0)

    assert (answer.status, [*answer.wrong]) == (422, [field])
    assert not any(word in str(answer.content) for word in ("Ada", "tuple", "pattern"))
    assert every_event(aws) == []


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Zoë Müller-O'Brien 渡辺"},
        {"name": " x "},
        {"mail": "o'brien+shop@sub.example.co.uk"},
        {"mail": "名前@例え.jp"},
        {"addresses": [ADDRESS] * 10},
        {"addresses": []},
    ],
)
def test_what_people_are_called_and_where_they_live_is_taken(body: Mapping[str, object]) -> None:
    assert ask("PATCH", body, 0).status == 200


def test_a_profile_that_is_too_large_in_all_is_refused(aws: Aws) -> None:
    def told(letter: str) -> Answer:
        line = letter * 100
        address = {"label": line, "recipient": line, "lines": [line] * 4, "city": line, "country": "GB"}
        return ask("PATCH", json.dumps({"addresses": [address] * 10}, ensure_ascii=False), 0)

    too_large, fits = told("渡"), told("é")

    assert (too_large.status, too_large.content["type"]) == (409, "urn:pulsequeue:problem:too_much")
    assert fits.status == 200
    assert events(aws) == ["CustomerRegistered", "CustomerProfileUpdated"]


def test_a_lost_profile_is_said_to_be_lost_and_can_be_told_anew(aws: Aws) -> None:
    ask("PATCH", PROFILE, 0)
    lose_key(aws)

    lost = ask("GET")
    anew = ask("PATCH", {"name": "Ada"}, 2)

    assert (lost.status, lost.headers["etag"], lost.content["unreadable"]) == (200, '"2"', True)
    assert (lost.content["name"], lost.content["addresses"]) == (None, [])
    assert (anew.status, anew.content["name"], anew.content["mail"], anew.content["unreadable"]) == (
        200,
        "Ada",
        None,
        False,
    )


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_only_who_is_signed_in_has_a_profile(method: str) -> None:
    assert ask(method, {} if method == "PATCH" else None, 0, claims=None).status == 401


def test_each_customer_has_a_profile_of_their_own() -> None:
    ask("PATCH", PROFILE, 0)

    other = ask("GET", claims=ADA | {"customer_id": "c-2"})

    assert (other.content["name"], other.headers["etag"]) == (None, '"0"')


@pytest.mark.parametrize("table", [EVENT_STORE_TABLE, CUSTOMER_KEY_TABLE])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_table_out_of_reach_is_a_503_to_be_tried_again(aws: Aws, table: str, method: str) -> None:
    aws.dynamodb.delete_table(TableName=table)

    answer = ask(method, PROFILE if method == "PATCH" else None, 0)

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
