from urllib.parse import urljoin

import pytest

from tests.unit.services.http.shop import CLAIMS, STAFF_CLAIMS, ask, request, shelf_api

_KEY = {"idempotency-key": "key-1"}
_SHELF = {"lines": [{"sku": "prod-001", "quantity": 2}]}


def test_a_public_route_needs_no_token() -> None:
    answer = ask(shelf_api(), request("GET", "/v1/shelves", query={"limit": "3", "name": "a,b"}))

    assert (answer.status, answer.content) == (200, {"shelfId": "a,b", "linesHeld": 3, "owner": None})


def test_a_command_is_answered_with_status_etag_and_location() -> None:
    answer = ask(shelf_api(), request("POST", "/v1/shelves", _SHELF, claims=CLAIMS, headers=_KEY))

    assert answer.status == 201
    assert answer.content["owner"] == "customer-1"
    assert answer.headers.items() >= {"etag": '"1"', "location": "../v1/shelves/1"}.items()


@pytest.mark.parametrize("base", ["https://api.example/dev", "https://shop.example", "https://shop.example/a/b"])
def test_a_location_leads_there_wherever_the_api_begins(base: str) -> None:
    answer = ask(shelf_api(), request("POST", "/v1/shelves", _SHELF, claims=CLAIMS, headers=_KEY))

    assert urljoin(f"{base}/v1/shelves", answer.headers["location"]) == f"{base}/v1/shelves/1"


@pytest.mark.parametrize("path", ["/dev/v1/shelves/s-1", "/v1/shelves/s-1"])
def test_the_path_is_found_with_the_stage_as_on_aws_and_without(path: str) -> None:
    answer = ask(shelf_api(), request("GET", "/v1/shelves/s-1", claims=CLAIMS, rawPath=path))

    assert (answer.status, answer.content["shelfId"]) == (200, "s-1")


def test_a_stage_may_be_named_as_the_first_part_of_a_path() -> None:
    event = request("GET", "/v1/shelves/s-1", claims=CLAIMS, rawPath="/v1/shelves/s-1")
    event["requestContext"]["stage"] = "v1"

    assert ask(shelf_api(), event).status == 200


def test_a_write_needs_the_version_that_was_read() -> None:
    def put(**headers: str) -> int:
        event = request("PUT", "/v1/shelves/s-1", _SHELF, claims=STAFF_CLAIMS, headers=headers)
        return ask(shelf_api(), event).status

    assert put(**{"if-match": '"7"'}) == 200
    assert put(**{"if-match": '"6"'}) == 412
