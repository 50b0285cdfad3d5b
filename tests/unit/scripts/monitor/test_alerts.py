import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Literal, cast

import boto3
import pytest
import yaml

from scripts.cli.errors import UserError
from scripts.deploy.target import Target
from scripts.monitor import alerts
from scripts.monitor.alerts import Alert, read_alerts, receivers_of, show_alerts
from tests.unit.conftest import REGION

_AT = "2026-11-30T23:00:00.000Z"
_LABELS = {"alertname": "DeadLettersNotEmpty", "environment": "dev", "severity": "critical", "queue": "order-dlq"}


class _Target:
    environment = "dev"

    def __init__(self, *, is_local: bool) -> None:
        self.is_local = is_local

    @staticmethod
    def client(service: Any) -> Any:  # noqa: ANN401 - boto3's own
        return boto3.client(service, REGION)


LOCAL, AWS = (cast("Target", _Target(is_local=is_local)) for is_local in (True, False))


def _alert(*receivers: str, labels: dict[str, str] = _LABELS, state: str = "active") -> dict[str, Any]:
    named = [{"name": name} for name in receivers]
    return {"labels": labels, "startsAt": _AT, "receivers": named, "status": {"state": state}}


class _Alertmanager:
    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.people: dict[str, Any] = {"name": "people"}

    def answer(self, path: str) -> Any:  # noqa: ANN401 - JSON
        if path == "/api/v2/alerts":
            return self.alerts
        return {"config": {"original": yaml.safe_dump({"receivers": [{"name": "cloudwatch-alarm"}, self.people]})}}


@pytest.fixture
def alertmanager(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Alertmanager]:
    fake = _Alertmanager()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(fake.answer(self.path)).encode())

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the name that the base class gives it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(alerts, "_alertmanager_port", lambda _: server.server_port)
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def shown(aws: object, capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401, ARG001 - a function
    def show(target: Target = LOCAL) -> str:
        show_alerts(target)
        return " ".join(capsys.readouterr().out.split())

    return show


def _set_webhook(channel: str) -> None:
    boto3.client("ssm", REGION).put_parameter(
        Name=f"/dev/{channel}-webhook-url", Value="https://hooks.example/1", Type="SecureString"
    )


def _make_alarm(name: str, state: Literal["OK", "ALARM", "INSUFFICIENT_DATA"]) -> None:
    cloudwatch = boto3.client("cloudwatch", REGION)
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Statistic="Maximum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test says so")


def test_an_alert_says_what_it_is_about_since_when_and_whom_it_reaches(
    shown: Any,  # noqa: ANN401 - a function
    alertmanager: _Alertmanager,
) -> None:
    alertmanager.people["slack_configs"] = [{"api_url_file": "…"}]
    alertmanager.alerts = [_alert("people")]
    _set_webhook("slack")

    text = shown()

    since = f"{datetime(2026, 11, 30, 23, tzinfo=UTC).astimezone():%Y-%m-%d %H:%M:%S}"
    assert f"DeadLettersNotEmpty queue=order-dlq {since} slack" in text
    assert "Alertmanager tells slack" in text
    assert "CloudWatch alarms tell slack" in text
    assert "nobody" not in text


def test_without_a_webhook_it_says_that_nobody_is_told_and_what_to_run(
    shown: Any,  # noqa: ANN401 - a function
    alertmanager: _Alertmanager,
) -> None:
    alertmanager.alerts = [_alert("people")]

    text = shown()

    assert "Alertmanager tells nobody: no webhook is set" in text
    assert "CloudWatch alarms tell nobody: no webhook is set" in text
    assert "nobody is told of anything: `invoke monitor.set-webhook slack`" in text


def test_a_webhook_that_alertmanager_does_not_know_yet_is_named(
    shown: Any,  # noqa: ANN401 - a function
    alertmanager: _Alertmanager,  # noqa: ARG001 - it answers
) -> None:
    _set_webhook("teams")

    text = shown()

    assert "no alert fires" in text
    assert "the webhooks that are set are of teams: `invoke monitor.up` tells Alertmanager" in text


def test_cloudwatch_alarms_are_shown_those_that_ring_first(
    shown: Any,  # noqa: ANN401 - a function
    alertmanager: _Alertmanager,  # noqa: ARG001 - it answers
) -> None:
    _make_alarm("dev-A", "OK")
    _make_alarm("dev-B", "ALARM")
    _make_alarm("prod-C", "ALARM")

    text = shown()

    assert text.index("dev-B ALARM") < text.index("dev-A OK")
    assert "prod-C" not in text
    assert "the embedded AWS does not judge its alarms" in text
    assert "embedded" not in shown(AWS)


def test_cloudwatch_alarms_without_data_are_a_number(
    shown: Any,  # noqa: ANN401 - a function
    alertmanager: _Alertmanager,  # noqa: ARG001 - it answers
) -> None:
    for name in ("dev-C", "dev-D"):
        _make_alarm(name, "INSUFFICIENT_DATA")

    _make_alarm("dev-A", "OK")

    text = shown()

    assert "dev-A OK" in text
    assert "that have no data yet: 2" in text
    assert "dev-C" not in text


def test_without_an_alertmanager_the_alarms_are_shown_all_the_same(
    shown: Any,  # noqa: ANN401 - a function
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alerts, "_alertmanager_port", lambda _: None)
    _make_alarm("dev-A", "OK")

    text = shown()

    assert "no Alertmanager runs on this machine" in text
    assert "`invoke monitor.up`" in text
    assert "dev-A OK" in text


@pytest.mark.parametrize(
    ("receivers", "silenced", "expected"),
    [
        (("people",), False, "slack and teams"),
        (("cloudwatch-alarm",), False, "whom the CloudWatch alarm A tells"),
        (("people",), True, "nobody: silenced, or implied by another alert"),
        (("pager",), False, "pager"),
        ((), False, "nobody"),
    ],
)
def test_each_receiver_is_told_by_whom_it_reaches(receivers: tuple[str, ...], silenced: bool, expected: str) -> None:  # noqa: FBT001 - a parameter of pytest
    alert = Alert("A", "", datetime(2026, 11, 30, tzinfo=UTC), receivers, silenced)

    assert receivers_of(alert, ["slack", "teams"]) == expected


def test_alerts_come_oldest_first(alertmanager: _Alertmanager) -> None:
    later = _alert("people") | {"startsAt": "2026-11-30T23:30:00.000Z"}
    alertmanager.alerts = [later, _alert("people")]

    port = alerts._alertmanager_port(LOCAL)  # noqa: SLF001
    assert port is not None
    assert [alert.since.minute for alert in read_alerts(port)] == [0, 30]


def test_an_alertmanager_that_is_gone_is_named() -> None:
    with pytest.raises(UserError, match="Alertmanager cannot be reached"):
        read_alerts(9)
