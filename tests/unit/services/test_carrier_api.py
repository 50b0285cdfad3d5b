"""The fulfilment service's route: carriers tell how far a parcel is, and sign what they tell."""

import base64
import io
import json
import re
import time
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from scripts.cli.paths import REPO_ROOT
from services.fulfilment_service import api
from services.libs.http.signatures import signature
from services.shared.events.fulfilment import ShipmentTracked
from services.shared.shipment_lifecycle import CREATED, DELIVERED, IN_TRANSIT, PICKED_UP, shipment_stream
from tests.factories import CAUSE
from tests.unit.conftest import EVENT_STORE_TABLE, REGION, Aws
from tests.unit.services.http.shop import Answer, answer_of, request
from tests.unit.services.parcels import PARCEL, confirm, fulfilment, parcel_phase, seed

SECRET = "the secret of carriers"  # noqa: S105 - of this test
PATH = "/v1/carrier-events"
NAME = "/test/carrier-secret"

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture(autouse=True)
def _secret_and_parcel(aws: Aws) -> None:
    boto3.client("ssm", REGION).put_parameter(Name=NAME, Value=SECRET, Type="SecureString")
    seed(aws, {"prod-001": "main"})
    confirm(aws)
    fulfilment(aws).start("order-1", CAUSE)


def _message(state: str = "picked_up", **fields: object) -> dict[str, object]:
    at = datetime.now(UTC).isoformat()
    return {"shipmentId": PARCEL, "carrierEventId": f"{state}-1", "state": state, "at": at, **fields}


def _send(
    message: object,
    *,
    secret: str = SECRET,
    signed: object = None,
    ago: float = 0,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send it signed `ago` seconds ago; `signed` is the message that was signed, if it is another."""
    body = message if isinstance(message, str) else json.dumps(message)
    about = body if signed is None else json.dumps(signed)
    value = signature(secret.encode(), about.encode(), int(time.time() - ago))
    event = request("POST", PATH, body, headers={"x-carrier-signature": value} if headers is None else headers)
    return _handled(event)


def _handled(event: Mapping[str, object]) -> Answer:
    return answer_of(api.handler, event)


def _versions(aws: Aws) -> int:
    return len(aws.store.read(shipment_stream(PARCEL)))


def test_a_signed_message_brings_the_parcel_further(aws: Aws) -> None:
    answer = _send(_message("in_transit"), headers=None)

    assert (answer.status, answer.content) == (
        200,
        {"shipmentId": PARCEL, "carrierEventId": "in_transit-1", "outcome": "recorded"},
    )
    commit = aws.store.read(shipment_stream(PARCEL))[-1]
    assert parcel_phase(aws) == IN_TRANSIT
    assert commit.get(ShipmentTracked).carrier_event_id == "in_transit-1"
    assert commit.cause.correlation_id == CAUSE.correlation_id
    assert commit.due_at


def test_late_and_repeated_messages_are_accepted_and_change_nothing(aws: Aws) -> None:
    _send(_message("in_transit"))
    before = _versions(aws)

    answers = [_send(_message("in_transit")), _send(_message("picked_up"))]

    assert [(answer.status, answer.content["outcome"]) for answer in answers] == [(200, "nothing_new")] * 2
    assert _versions(aws) == before


@pytest.mark.parametrize(("state", "phase"), [("picked_up", PICKED_UP), ("delivered", DELIVERED)])
def test_every_state_of_a_carrier_is_known(aws: Aws, state: str, phase: object) -> None:
    assert _send(_message(state)).status == 200
    assert parcel_phase(aws) == phase


def test_an_unknown_parcel_is_not_found() -> None:
    answer = _send(_message(shipmentId="order-9-1"))

    assert (answer.status, answer.content["detail"]) == (404, "there is no parcel order-9-1")


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (_message("booked"), "state"),
        (_message("eaten"), "state"),
        (_message(at="yesterday"), "at"),
        (_message(at="2026-01-01T12:00:00"), "at"),
        (_message(at=1767268800), "at"),
        (_message(at="1767268800"), "at"),
        (_message(at="2020-01-01T12:00:00Z"), "at"),
        (_message(at="0001-01-01T00:00:00+23:59"), "at"),
        (_message(at=(datetime.now(UTC) + timedelta(days=2)).isoformat()), "at"),
        (_message(carrierEventId="a b"), "carrierEventId"),
        (_message(shipmentId=""), "shipmentId"),
        (_message(weight=1), "weight"),
        ({}, "shipmentId"),
    ],
)
def test_a_message_that_cannot_be_is_refused_by_its_field(aws: Aws, message: object, field: str) -> None:
    answer = _send(message)

    assert answer.status == 422
    assert field in answer.content["detail"]
    assert field in answer.wrong
    assert parcel_phase(aws) == CREATED


def _unsigned(value: str | None) -> Answer:
    return _send(_message(), headers={} if value is None else {"x-carrier-signature": value})


def test_a_message_that_is_not_signed_so_is_refused(aws: Aws) -> None:
    now = int(time.time())
    answers = [
        _unsigned(None),
        _unsigned("sesame"),
        _unsigned(f"t={now},v1={'0' * 64}"),
        _send(_message(), secret="another"),  # noqa: S106 - of this test
        _send(_message(), secret=""),
        _send(_message("delivered"), signed=_message("picked_up")),
        _send(_message(), ago=301),
        _send(_message(), ago=-301),
        _send({}, secret="another"),  # noqa: S106 - of this test
    ]

    assert [answer.status for answer in answers] == [401] * len(answers)
    assert parcel_phase(aws) == CREATED


@pytest.mark.parametrize("ago", [295, -295])
def test_clocks_may_differ_by_minutes(ago: float) -> None:
    assert _send(_message(), ago=ago).status == 200


def test_a_message_that_the_gateway_encodes_is_signed_as_it_was_sent() -> None:
    body = json.dumps(_message()).encode()
    value = signature(SECRET.encode(), body, int(time.time()))
    event = request("POST", PATH, headers={"x-carrier-signature": value})

    answer = _handled(event | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True})

    assert answer.status == 200


def test_a_large_message_is_refused_before_anything_is_read(aws: Aws) -> None:
    aws.dynamodb.delete_table(TableName=EVENT_STORE_TABLE)
    boto3.client("ssm", REGION).delete_parameter(Name=NAME)

    answers = [_send(_message(note="x" * 2**20)), _send(_message(note="x" * 2**20), headers={})]

    assert [answer.status for answer in answers] == [413, 413]


def test_a_new_secret_takes_effect_and_the_old_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _send(_message()).status == 200
    boto3.client("ssm", REGION).put_parameter(Name=NAME, Value="new", Type="SecureString", Overwrite=True)
    later = time.monotonic() + 61
    monkeypatch.setattr(api._application().signatures._secret._parameters, "_clock", lambda: later)  # noqa: SLF001

    assert _send(_message(), secret="new").status == 200  # noqa: S106 - of this test
    assert _send(_message()).status == 401


def test_without_a_secret_nobody_gets_in() -> None:
    boto3.client("ssm", REGION).delete_parameter(Name=NAME)

    assert [_send(_message(), secret=secret).status for secret in (SECRET, "", "None")] == [503] * 3


def test_a_fault_is_to_come_again_and_tells_no_secret(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.dynamodb.delete_table(TableName=EVENT_STORE_TABLE)

    answer = _send(_message())

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert SECRET not in capsys.readouterr().out


def test_the_program_in_the_document_signs_as_it_has_to(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = re.findall(r"```python\n(.+?)```", (REPO_ROOT / "docs" / "carriers.md").read_text(), re.DOTALL)
    sent: list[urllib.request.Request] = []

    def take(sending: urllib.request.Request, **_: object) -> io.BytesIO:
        sent.append(sending)
        return io.BytesIO()

    monkeypatch.setattr(urllib.request, "urlopen", take)
    monkeypatch.setenv("CARRIER_SECRET", SECRET)
    monkeypatch.setenv("SHOP", "https://shop.example/test")

    exec(program.replace("order-123-1", PARCEL), {})  # noqa: S102 - of our own document

    assert sent[0].full_url == f"https://shop.example/test{PATH}"
    assert isinstance(sent[0].data, bytes)
    assert _handled(request("POST", PATH, sent[0].data.decode(), headers=dict(sent[0].headers))).status == 200
    assert parcel_phase(aws) == IN_TRANSIT
