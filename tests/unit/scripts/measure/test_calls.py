import json
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from scripts.measure.calls import Call, CountingProxy, owner, parse_call

KEY = "ASIA0123456789ABCDEF"
CALLERS = {KEY: "order-service"}
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def request(target: str, body: object, key: str = KEY) -> bytes:
    lines = [
        "POST / HTTP/1.1",
        f"X-Amz-Target: {target}",
        f"Authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-2/dynamodb/aws4_request, Signature=x",
    ]
    return "\r\n".join([*lines, "", json.dumps(body)]).encode()


def test_a_call_is_known_by_the_key_that_signed_it() -> None:
    call = parse_call(request("DynamoDB_20120810.PutItem", {"TableName": "events"}), ANSWER, CALLERS)

    assert (call.caller, call.name, call.status) == ("order-service", "dynamodb:PutItem", 200)
    assert call.request == {"TableName": "events"}


def test_a_call_of_nobody_we_know_is_unknown() -> None:
    assert parse_call(request("AWSEvents.PutEvents", {}, key="AKIAOTHER"), ANSWER, CALLERS).caller == "unknown"
    assert parse_call(b"GET / HTTP/1.1\r\n\r\n", ANSWER, CALLERS).caller == "unknown"


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("UpdateItem", {"TableName": "TABLE"}),
        ("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "TABLE"}}]}),
        ("BatchGetItem", {"RequestItems": {"TABLE": {}}}),
        ("BatchExecuteStatement", {"Statements": [{"Statement": "INSERT INTO \"TABLE\" VALUE {'x': ?}"}]}),
    ],
)
def test_a_call_to_the_simulated_gateway_is_the_gateways(action: str, body: object) -> None:
    to_gateway, to_events = (json.loads(json.dumps(body).replace("TABLE", table)) for table in ("gateway", "events"))

    assert owner(Call("payment-service", "dynamodb", action, 200, to_gateway), "gateway") == "gateway"
    assert owner(Call("payment-service", "dynamodb", action, 200, to_events), "gateway") == "payment-service"


class _Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("counting", [True, False])
def test_the_proxy_passes_requests_on_and_keeps_each_once_while_it_counts(counting: bool) -> None:  # noqa: FBT001
    proxy = CountingProxy()
    proxy.counting = counting
    with HTTPServer(("127.0.0.1", 0), _Upstream) as server:
        Thread(target=server.serve_forever).start()
        proxy.forward_to(server.server_port)
        with proxy.running():
            connection = HTTPConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]), timeout=10)
            answers = []
            for number in range(3):
                connection.request(
                    "POST", "/", json.dumps({"number": number}), {"X-Amz-Target": "DynamoDB_20120810.GetItem"}
                )
                answers.append(json.loads(connection.getresponse().read()))
            connection.close()
        server.shutdown()

    assert answers == [{"number": number} for number in range(3)]
    assert [call.request for call in proxy.take({})] == (answers if counting else [])
    assert proxy.take({}) == []
