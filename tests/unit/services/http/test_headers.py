import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.libs.http.commands import command_of
from services.libs.http.headers import etag
from services.shared.commits import Command
from tests.unit.services.http.shop import CLAIMS, STAFF_CLAIMS, Answer, Line, NewShelf, ask, request, shelf_api

_SHELF = {"lines": [{"sku": "a", "quantity": 1}]}


def _put(if_match: str) -> Answer:
    event = request("PUT", "/v1/shelves/s", _SHELF, claims=STAFF_CLAIMS, headers={"if-match": if_match})
    return ask(shelf_api(), event)


def _post(key: str, body: object = None, shelf: str = "/v1/shelves") -> Answer:
    event = request("POST", shelf, body or _SHELF, claims=CLAIMS, headers={"idempotency-key": key})
    return ask(shelf_api(), event)


def test_the_tag_of_an_answer_is_taken_in_a_command() -> None:
    tag = ask(shelf_api(), request("GET", "/v1/shelves/s", claims=CLAIMS)).headers["etag"]

    assert _put(tag).status == 200
    assert _put(etag(8)).status == 412


@pytest.mark.parametrize(
    ("if_match", "advice"),
    [
        ("*", "send the ETag of the version"),
        ('W/"7"', "a weak tag is not accepted"),
        ("7", "quotes included"),
        ('"7", "8"', "send one ETag"),
        ('"07"', "send one ETag"),
        ('"-1"', "send one ETag"),
        (f'"{"9" * 16}"', "send one ETag"),
        ('"७"', "send one ETag"),
        ("", "send one ETag"),
    ],
)
def test_any_other_tag_is_refused_with_what_to_send(if_match: str, advice: str) -> None:
    answer = _put(if_match)

    assert answer.status == 422
    assert advice in answer.wrong["If-Match"]


def test_a_missing_header_is_named() -> None:
    answer = ask(shelf_api(), request("PUT", "/v1/shelves/s", _SHELF, claims=STAFF_CLAIMS))

    assert (answer.status, answer.wrong) == (422, {"If-Match": "it is required"})


@pytest.mark.parametrize("key", ["k", "x" * 128, "a,b", '"quoted"', "!~"])
def test_a_key_is_any_visible_ascii(key: str) -> None:
    assert _post(key).status == 201


@pytest.mark.parametrize("key", ["", "x" * 129, "a b", "é", "a\n", "\x7f"])
def test_any_other_key_is_refused(key: str) -> None:
    answer = _post(key)

    assert (answer.status, list(answer.wrong)) == (422, ["Idempotency-Key"])


def test_a_repeated_request_has_the_same_hashes() -> None:
    assert _post("key-1").content == _post("key-1").content
    assert _post("key-1").content["shelfId"] != _post("key-2").content["shelfId"]


def _command(caller: str = "c", route: str = "POST /v1/x", key: str = "k", **content: str) -> Command:
    body = NewShelf(lines=(Line(sku="a", quantity=1),), shelfNote=content.get("note", ""))
    return command_of(caller, route, key, body, {"xId": content.get("place", "1")})


def test_the_key_belongs_to_its_caller_and_route() -> None:
    keys = {_command().key, _command(caller="d").key, _command(route="POST /v1/y").key, _command(key="l").key}

    assert len(keys) == 4
    assert _command().content == _command(caller="d", route="POST /v1/y", key="l").content


def test_the_content_is_the_body_and_the_values_in_the_path() -> None:
    assert len({_command().content, _command(note="n").content, _command(place="2").content}) == 3
    assert _command().key == _command(note="n", place="2").key


def test_a_new_optional_field_does_not_change_the_content() -> None:
    class LaterShelf(NewShelf):
        colour: str = "white"

    lines = (Line(sku="a", quantity=1),)
    now, later = NewShelf(lines=lines), LaterShelf(lines=lines, shelfNote="")

    assert command_of("c", "r", "k", now) == command_of("c", "r", "k", later)
    assert command_of("c", "r", "k", now) != command_of("c", "r", "k", LaterShelf(lines=lines, colour="red"))


@given(st.lists(st.text(min_size=1), min_size=3, max_size=3, unique=True))
def test_parts_of_a_key_do_not_run_together(parts: list[str]) -> None:
    caller, route, key = parts

    assert command_of(caller, route, key).key != command_of(caller + route, "", key).key
    assert command_of(caller, route, key).key != command_of(route, caller, key).key
