"""The notification service: what an alarm looks like, who is told, and what becomes of a webhook that fails."""

import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest

from services.libs.runtime.parameters import Parameters
from services.notification_service import handler as notification_service
from services.notification_service.domain import Alarm, slack_message, teams_message
from services.notification_service.messages import AlarmMessage
from services.notification_service.service import Channel, NotificationError, NotificationService
from services.notification_service.webhooks import WebhookError, Webhooks, is_webhook_url
from services.shared.json_types import JsonObject
from tests.factories import Context, alarm_message, sqs_event
from tests.receiver import Receiver
from tests.unit.conftest import REGION, Aws

ALARM = Alarm(
    name="dev-DeadLettersNotEmpty-order-dlq",
    state="ALARM",
    reason="Threshold Crossed: 1 datapoint [1.0] was > 0 & so <on>",
    region="EU (London)",
    changed_at=datetime(2026, 1, 1, 12, 0, tzinfo=UTC),
    description="Messages in dev-order-dlq were given up. Runbook: https://example.org/docs/runbook.md#deadlettersnotempty",
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notification_service.webhooks._RETRIES.backoff_factor", 0)


class FakeWebhooks:
    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.posted: list[str] = []

    def post(self, url: str, message: JsonObject) -> None:
        assert message
        if url in self.broken:
            raise WebhookError("HTTP status 500")
        self.posted.append(url)


def _service(
    webhooks: FakeWebhooks, slack: str | None = "slack-url", teams: str | None = "teams-url"
) -> NotificationService:
    channels = {"slack": Channel(lambda: slack, slack_message), "teams": Channel(lambda: teams, teams_message)}
    return NotificationService(webhooks, channels)


def test_slack_shows_the_alarm_and_its_runbook_and_takes_no_text_for_markup() -> None:
    message = slack_message(ALARM)

    assert message["text"] == "ALARM: dev-DeadLettersNotEmpty-order-dlq"
    assert message["blocks"] == [
        {"type": "header", "text": {"type": "plain_text", "text": "ALARM: dev-DeadLettersNotEmpty-order-dlq"}},
        {
            "type": "section",
            "text": {"type": "plain_text", "text": f"Messages in dev-order-dlq were given up.\n{ALARM.reason}"},
        },
        {
            "type": "section",
            "fields": [
                {"type": "mrkdwn", "text": "*State*\nALARM"},
                {"type": "mrkdwn", "text": "*Region*\nEU (London)"},
                {"type": "mrkdwn", "text": "*Time*\n2026-01-01 12:00:00 UTC"},
                {"type": "mrkdwn", "text": "*Runbook*\nhttps://example.org/docs/runbook.md#deadlettersnotempty"},
            ],
        },
    ]
    escaped = slack_message(replace(ALARM, name="<!channel> & co"))
    assert escaped["text"] == "ALARM: &lt;!channel&gt; &amp; co"


def test_teams_gets_an_adaptive_card_with_a_button_to_the_runbook() -> None:
    message = json.loads(json.dumps(teams_message(ALARM)))

    card = message["attachments"][0]["content"]
    assert (message["type"], card["type"], card["version"]) == ("message", "AdaptiveCard", "1.4")
    assert [block["text"] for block in card["body"][:3]] == [ALARM.title, ALARM.about, ALARM.reason]
    assert {"title": "Region", "value": "EU (London)"} in card["body"][3]["facts"]
    assert card["actions"] == [
        {"type": "Action.OpenUrl", "title": "Runbook", "url": "https://example.org/docs/runbook.md#deadlettersnotempty"}
    ]


@pytest.mark.parametrize("time", ["2026-01-01T14:00:00.123+0200", "2026-01-01T07:00:00.123-0500"])
def test_the_time_of_an_alarm_is_shown_in_utc_whatever_zone_it_came_in(time: str) -> None:
    alarm = AlarmMessage.model_validate_json(alarm_message(StateChangeTime=time)).to_alarm()

    for message in (slack_message(alarm), teams_message(alarm)):
        assert "2026-01-01 12:00:00 UTC" in json.dumps(message)


def test_a_runbook_that_is_no_url_is_shown_and_is_no_button() -> None:
    alarm = replace(ALARM, description="Lost. Runbook: docs/runbook.md#deadlettersnotempty")

    assert "docs/runbook.md#deadlettersnotempty" in json.dumps(teams_message(alarm))
    assert "actions" not in json.dumps(teams_message(alarm))


def test_an_alarm_that_somebody_made_by_hand_needs_no_description() -> None:
    alarm = replace(ALARM, description="")

    assert "Runbook" not in json.dumps([slack_message(alarm), teams_message(alarm)])


def test_a_long_name_fits_into_the_header() -> None:
    assert len(replace(ALARM, name="n" * 255).title) == 150


def test_both_channels_are_told() -> None:
    webhooks = FakeWebhooks()

    _service(webhooks).notify(ALARM)

    assert webhooks.posted == ["slack-url", "teams-url"]


def test_a_channel_without_a_webhook_is_left_out() -> None:
    webhooks = FakeWebhooks()

    _service(webhooks, slack=None).notify(ALARM)

    assert webhooks.posted == ["teams-url"]


def test_a_channel_that_fails_keeps_nobody_else_from_hearing_and_is_named() -> None:
    webhooks = FakeWebhooks()
    webhooks.broken = {"slack-url"}

    with pytest.raises(NotificationError, match=r"^slack: HTTP status 500$"):
        _service(webhooks).notify(ALARM)

    assert webhooks.posted == ["teams-url"]


def test_what_comes_again_for_one_channel_is_not_told_to_the_other_again() -> None:
    webhooks = FakeWebhooks()
    service = _service(webhooks)
    webhooks.broken = {"slack-url"}
    with pytest.raises(NotificationError):
        service.notify(ALARM)

    webhooks.broken = set()
    service.notify(ALARM)
    service.notify(replace(ALARM, state="OK"))

    assert webhooks.posted == ["teams-url", "slack-url", "slack-url", "teams-url"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_webhook_that_is_busy_is_tried_again(receiver: Receiver, status: int) -> None:
    receiver.answers = [status, status]

    Webhooks().post(receiver.url, {"text": "hello"})

    assert receiver.received == [{"text": "hello"}] * 3


@pytest.mark.parametrize(
    ("answers", "tries"), [([500] * 9, 3), ([404] * 9, 1), ([302] * 9, 1)], ids=["failing", "gone", "moved"]
)
def test_a_webhook_that_does_not_take_it_is_a_failure_in_the_end(
    receiver: Receiver, answers: list[int], tries: int
) -> None:
    receiver.answers = list(answers)

    with pytest.raises(WebhookError, match=f"^HTTP status {answers[0]}$"):
        Webhooks().post(receiver.url, {})

    assert len(receiver.received) == tries


def test_an_unreachable_webhook_is_a_failure_that_does_not_give_its_url_away(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.close()

    with caplog.at_level(logging.DEBUG), pytest.raises(WebhookError) as failure:
        Webhooks().post(receiver.url, {})

    assert str(failure.value) == "MaxRetryError"
    assert "secret-path" not in caplog.text + "".join(traceback.format_exception(failure.value))


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://hooks.example.org/services/x", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://localhost/x", True),
        ("http://hooks.example.org/services/x", False),
        ("http://127.0.0.1.example.org/x", False),
        ("ftp://127.0.0.1/x", False),
        ("https://", False),
        ("https://[/x", False),
        ("hooks.example.org", False),
        ("", False),
    ],
)
def test_a_webhook_is_https_or_on_this_machine(url: str, accepted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_webhook_url(url) is accepted


def test_nothing_is_posted_in_the_clear() -> None:
    with pytest.raises(WebhookError, match="not https"):
        Webhooks().post("http://hooks.example.org/services/x", {})


@pytest.mark.usefixtures("aws")
def test_a_parameter_is_read_again_after_a_minute() -> None:
    client, now = boto3.client("ssm", REGION), 0.0
    parameters = Parameters(client, clock=lambda: now)
    assert parameters.find("/test/slack") is None

    client.put_parameter(Name="/test/slack", Value="secret", Type="SecureString")
    now = 59.0
    assert parameters.find("/test/slack") is None
    now = 61.0
    assert parameters.find("/test/slack") == "secret"


@pytest.fixture
def environment(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "ENVIRONMENT": "test",
        "DEAD_LETTER_QUEUE_URL": aws.dead_letter_queue_url,
        "SLACK_WEBHOOK_PARAMETER": "/test/slack-webhook-url",
        "TEAMS_WEBHOOK_PARAMETER": "/test/teams-webhook-url",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    notification_service._application.cache_clear()  # noqa: SLF001


def _set(channel: str, url: str) -> None:
    boto3.client("ssm", REGION).put_parameter(Name=f"/test/{channel}-webhook-url", Value=url, Type="SecureString")


@pytest.mark.usefixtures("environment")
def test_an_alarm_reaches_the_webhooks_that_are_set(receiver: Receiver) -> None:
    _set("teams", receiver.url)

    assert notification_service.handler(sqs_event(alarm_message()), Context()) == {"batchItemFailures": []}

    assert "dev-DeadLettersNotEmpty-order-dlq" in json.dumps(receiver.received)


@pytest.mark.usefixtures("environment")
def test_an_alarm_that_a_webhook_refuses_comes_again_and_no_log_line_has_the_url(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    _set("slack", receiver.url)
    receiver.answers = [404]

    response = notification_service.handler(sqs_event(alarm_message()), Context())

    assert response == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    printed = capsys.readouterr().out
    assert "slack: HTTP status 404" in printed
    assert "secret-path" not in printed


@pytest.mark.usefixtures("environment")
def test_without_any_webhook_an_alarm_is_done_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert notification_service.handler(sqs_event(alarm_message()), Context()) == {"batchItemFailures": []}

    line = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (line["level"], line["message"]) == ("WARNING", "no webhook is set, so nobody is told")


@pytest.mark.usefixtures("environment")
def test_a_fresh_alarm_that_is_all_right_is_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    message = alarm_message(OldStateValue="INSUFFICIENT_DATA", NewStateValue="OK")

    assert notification_service.handler(sqs_event(message), Context()) == {"batchItemFailures": []}

    assert "nobody is told" not in capsys.readouterr().out


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("body", ["hello", "{}", alarm_message(NewStateValue="FINE"), alarm_message(AlarmName="")])
def test_what_is_no_alarm_is_a_dead_letter_with_its_reason(aws: Aws, body: str) -> None:
    assert notification_service.handler(sqs_event(body), Context()) == {"batchItemFailures": []}

    assert [(letter["body"], letter["reason"]) for letter in aws.read_dead_letters()] == [(body, "validation_error")]
