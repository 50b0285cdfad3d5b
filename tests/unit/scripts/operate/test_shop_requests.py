"""Requests to the shop API against a server on this machine that answers as it is told."""

import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

import pytest
from pydantic import StrictInt

from scripts.cli.errors import UserError
from scripts.operate.shop_requests import Nothing, ProblemError, ShopRequests
from services.libs.http.bodies import RequestBody, ResponseBody
from services.libs.http.problems import CONTENT_TYPE
from services.libs.runtime.backoff import Backoff

_STALE = {
    "type": "urn:pulsequeue:problem:stale",
    "title": "Precondition Failed",
    "status": 412,
    "detail": "read it again",
    "errors": [{"field": "If-Match", "message": "another version"}],
    "currentVersion": 4,
}


class AddItem(RequestBody):
    line_quantity: StrictInt


class Cart(ResponseBody):
    line_count: int


class Received(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]
    body: str


class Reply(NamedTuple):
    status: int = 200
    content: object = {"lineCount": 1}
    headers: Mapping[str, str] = {}


DROPPED = Reply(0)
"""The connection ends without an answer."""


class Shop:
    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.received: list[Received] = []
        self.pauses: list[float] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                shop.received.append(Received(self.command, self.path, dict(self.headers), body))
                reply = shop.replies.pop(0) if shop.replies else Reply()
                if reply is DROPPED:
                    return
                content = b"" if reply.content is None else json.dumps(reply.content).encode()
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - the names that the base class looks for

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/dev"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def requests(self, token: str | None = None) -> ShopRequests:
        return ShopRequests(self.url, token, Backoff(attempts=3, first_pause_seconds=0.1, sleep=self.pauses.append))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def shop() -> Iterator[Shop]:
    opened = Shop()
    yield opened
    opened.close()


def _problem(content: Mapping[str, Any] = _STALE, **headers: str) -> Reply:
    return Reply(content["status"], content, {"Content-Type": CONTENT_TYPE, **headers})


def test_nobody_sends_no_token(shop: Shop) -> None:
    shop.requests().request("GET", "/v1/health", Cart)

    assert "Authorization" not in shop.received[0].headers


def test_an_answer_is_read_as_the_services_model_with_its_headers(shop: Shop) -> None:
    headers = {"ETag": '"7"', "Location": "../v1/orders/c7", "Retry-After": "2", "X-Correlation-Id": "abc"}
    shop.replies = [Reply(202, {"lineCount": 3, "unknown": True}, headers)]

    answer = shop.requests("token").request("GET", "/v1/cart", Cart, query={"limit": 5})

    assert (answer.status, answer.content, answer.version) == (202, Cart(line_count=3), 7)
    assert str(answer.location).endswith("/dev/v1/orders/c7")
    assert (answer.retry_after_seconds, answer.correlation_id) == (2, "abc")
    assert (shop.received[0].path, shop.received[0].headers["Authorization"]) == (
        "/dev/v1/cart?limit=5",
        "Bearer token",
    )


def test_an_answer_without_content_is_read_as_nothing(shop: Shop) -> None:
    shop.replies = [Reply(204, None)]

    assert shop.requests().request("DELETE", "/v1/me", Nothing).status == 204


def test_a_command_names_the_version_it_is_for_and_its_fields_as_on_the_wire(shop: Shop) -> None:
    shop.requests().request("PUT", "/v1/cart/items/a", Cart, body=AddItem(lineQuantity=2), version=7)

    assert shop.received[0].headers["If-Match"] == '"7"'
    assert json.loads(shop.received[0].body) == {"lineQuantity": 2}
    assert "Idempotency-Key" not in shop.received[0].headers


@pytest.mark.parametrize(
    "first", [Reply(429), Reply(503), Reply(502), DROPPED, Reply(500, {"message": "Internal Server Error"})]
)
def test_a_command_is_repeated_with_its_key_until_it_is_answered(shop: Shop, first: Reply) -> None:
    shop.replies = [first]

    assert shop.requests().request("POST", "/v1/cart/items", Cart, body={"lineQuantity": 1}).status == 200

    keys = [received.headers["Idempotency-Key"] for received in shop.received]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_two_commands_have_two_keys_unless_one_is_given(shop: Shop) -> None:
    for key in (None, None, "mine"):
        shop.requests().request("POST", "/v1/cart/items", Cart, key=key)

    first, second, third = (received.headers["Idempotency-Key"] for received in shop.received)
    assert first != second
    assert third == "mine"


def test_it_waits_for_as_long_as_the_answer_says(shop: Shop) -> None:
    shop.replies = [Reply(503, headers={"Retry-After": "2"}), Reply(429, headers={"Retry-After": "3600"})]

    shop.requests().request("GET", "/v1/cart", Cart)

    assert shop.pauses == [2, 10]


def test_a_refusal_is_raised_with_all_it_says_and_is_not_repeated(shop: Shop) -> None:
    shop.replies = [_problem()]

    with pytest.raises(ProblemError, match="412: read it again") as refused:
        shop.requests().request("PUT", "/v1/cart/items/a", Cart, version=3)

    assert (refused.value.status, refused.value.reason) == (412, "stale")
    assert refused.value.errors[0].field == "If-Match"
    assert refused.value.extensions == {"currentVersion": 4}
    assert len(shop.received) == 1


def test_a_defect_of_a_service_is_not_repeated(shop: Shop) -> None:
    shop.replies = [_problem({"type": "about:blank", "title": "", "status": 500, "detail": "logged"})]

    with pytest.raises(ProblemError, match="500: logged"):
        shop.requests().request("GET", "/v1/cart", Cart)


def test_the_last_refusal_is_raised_when_no_repetition_helps(shop: Shop) -> None:
    shop.replies = [Reply(503)] * 3

    with pytest.raises(ProblemError, match=r"503: .*answered by the gateway"):
        shop.requests().request("GET", "/v1/cart", Cart)

    assert len(shop.received) == 3


def test_an_api_that_cannot_be_reached_is_named() -> None:
    closed = Shop()
    closed.close()

    with pytest.raises(UserError, match="the shop API cannot be reached at"):
        closed.requests().request("GET", "/v1/health", Cart)

    assert len(closed.pauses) == 2
