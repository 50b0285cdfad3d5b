import json
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import boto3
import pytest

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate import logs
from tests.unit.conftest import REGION, Aws, make_deployment

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import InputLogEventTypeDef

_GROUPS = {"order-service": "/aws/lambda/order", "payment-service": "/aws/lambda/payment"}


def _now_ms() -> int:
    return int(time.time() * 1000)


def _entry(level: str, message: str, **fields: object) -> str:
    entry = {"time": "2026-01-31T12:00:00.000+00:00", "level": level, "service": "any", "message": message}
    return json.dumps(entry | fields) + "\n"


_LOGGED = {
    "order-service": {
        -5000: "START RequestId: 1 Version: $LATEST",
        -4900: _entry("INFO", "handled", succeeded=2, order_ids=["order-1", "order-2"]),
        -4800: json.dumps({"_aws": {"CloudWatchMetrics": []}, "lambda_requests_total": 1}),
        -4700: "END RequestId: 1",
        -4600: "REPORT RequestId: 1 Duration: 7.00 ms",
        -3_600_000: _entry("INFO", "long ago"),
    },
    "payment-service": {
        -4950: _entry("ERROR", "charge failed", order_id="order-2", exception="Traceback …\nValueError: [bold]no"),
        -4000: "2026-01-31T12:00:00.000Z 1 Task timed out after 5.00 seconds",
    },
}


@pytest.fixture
def target(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Target:
    del aws  # moto's AWS has logs too
    client, now_ms = boto3.client("logs", region_name=REGION), _now_ms()
    for service, group in _GROUPS.items():
        client.create_log_group(logGroupName=group)
        client.create_log_stream(logGroupName=group, logStreamName="1")
        events = [{"timestamp": now_ms + since, "message": text} for since, text in sorted(_LOGGED[service].items())]
        client.put_log_events(logGroupName=group, logStreamName="1", logEvents=events)  # type: ignore[arg-type] # they are
    made = make_deployment(functions={service: {"log_group": group} for service, group in _GROUPS.items()})
    monkeypatch.setattr(Deployment, "of", lambda _: made)
    return cast("Target", SimpleNamespace(client=lambda _: client))


def _shown(
    target: Target,
    capsys: pytest.CaptureFixture[str],
    service: str | None = None,
    order: str | None = None,
    *,
    errors: bool = False,
) -> list[str]:
    """What is printed, without the times, and with single spaces."""
    logs.show(target, service, since="15m", order=order, errors=errors)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    return [line.partition("Z ")[2] if line.startswith("20") else line for line in lines]


def test_the_lines_of_all_services_are_shown_by_time_without_those_of_metrics_and_of_lambda(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _shown(target, capsys) == [
        "payment-service ERROR charge failed",
        "order_id=order-2",
        "Traceback …",
        "ValueError: [bold]no",
        "order-service INFO handled",
        "succeeded=2 order_ids=order-1, order-2",
        "payment-service ERROR 2026-01-31T12:00:00.000Z 1 Task timed out after 5.00 seconds",
    ]


def test_one_service_is_shown_alone(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    assert _shown(target, capsys, "order-service") == [
        "order-service INFO handled",
        "succeeded=2 order_ids=order-1, order-2",
    ]


def test_what_names_an_order_is_shown_alone(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    assert [line.split()[0] for line in _shown(target, capsys, order="order-2") if "-service" in line] == [
        "payment-service",
        "order-service",
    ]
    assert [line.split()[0] for line in _shown(target, capsys, order="order-1") if "-service" in line] == [
        "order-service"
    ]


def test_errors_are_shown_alone(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    shown = _shown(target, capsys, errors=True)

    assert [line.split()[1] for line in shown if "-service" in line] == ["ERROR", "ERROR"]


def test_that_nothing_was_logged_is_said(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    (said,) = _shown(target, capsys, "order-service", "order-1", errors=True)

    assert said.startswith("no warning and no error that names order-1 was logged since")


def test_a_service_that_is_none_is_refused_with_those_that_are(target: Target) -> None:
    with pytest.raises(UserError, match=r"--service orders: .* give one of order-service, payment-service"):
        logs.show(target, "orders", since="15m", order=None, errors=False)


def test_long_fields_are_wrapped_below_their_line_and_ids_are_never_cut(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    order_ids = [f"order-{number:040}" for number in range(9)]
    _log(target, "order-service", _entry("INFO", "handled many", order_ids=order_ids, long="x" * 150))

    logs.show(target, "order-service", since="15m", order=None, errors=False)

    lines = capsys.readouterr().out.partition("handled many\n")[2].splitlines()
    assert all(line.startswith("    ") for line in lines)
    assert [line for line in lines if len(line) > 120] == ["    long=" + "x" * 150]
    assert [order_id for order_id in order_ids if any(order_id in line for line in lines)] == order_ids[:3]
    assert any("and 6 more" in line for line in lines)


def test_the_order_that_is_looked_for_is_the_first_of_its_batch(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    _log(target, "order-service", _entry("INFO", "handled many", order_ids=["a", "b", "c", "d", "order-9"]))

    logs.show(target, "order-service", since="15m", order="order-9", errors=False)

    assert "order_ids=order-9, a, b and 2 more" in capsys.readouterr().out


def test_a_machine_gets_an_object_per_line(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    logs.show(target, None, since="15m", order=None, errors=False, as_json=True)

    charge, order, timeout = map(json.loads, capsys.readouterr().out.splitlines())
    assert charge | {"time": ""} == {
        "time": "",
        "service": "payment-service",
        "level": "ERROR",
        "message": "charge failed",
        "order_id": "order-2",
        "exception": "Traceback …\nValueError: [bold]no",
    }
    assert order["order_ids"] == ["order-1", "order-2"]
    assert timeout["message"].endswith("Task timed out after 5.00 seconds")


def test_a_machine_gets_nothing_where_nothing_was_logged(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    logs.show(target, "order-service", since="15m", order="order-1", errors=True, as_json=True)

    assert capsys.readouterr().out == ""


def _log(target: Target, service: str, message: str) -> None:
    events: list[InputLogEventTypeDef] = [{"timestamp": _now_ms(), "message": message}]
    target.client("logs").put_log_events(logGroupName=_GROUPS[service], logStreamName="1", logEvents=events)
