"""From an alarm to Slack and Teams: the topic, the queue, the function, and webhooks on this machine."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.factories import alarm_message
from tests.integration.world import World, eventually
from tests.receiver import Receiver


@pytest.fixture(autouse=True, scope="module")
def _tried_again_soon(world: World) -> Iterator[None]:
    """What fails is hidden for six timeouts of a slow function else, which are four minutes."""
    with world.hidden_for(45, "notification"):
        yield


def _publish(world: World, body: str) -> None:
    world.target.client("sns").publish(TopicArn=world.deployment.alarm_topic_arn, Message=body)


def _received(receiver: Receiver, marker: str) -> list[str]:
    return [text for text in map(json.dumps, receiver.received) if marker in text]


def test_an_alarm_on_the_topic_reaches_slack_and_teams(world: World, webhooks: dict[str, Receiver]) -> None:
    name = f"test-alarm-{uuid4().hex}"
    given_up = world.waiting(world.deployment.dead_letters["notification"].url)

    _publish(world, alarm_message(AlarmName=name))

    for channel, receiver in webhooks.items():
        eventually(lambda receiver=receiver: _received(receiver, name), f"a message to {channel}")  # type: ignore[misc]
    assert world.waiting(world.deployment.dead_letters["notification"].url) == given_up


def test_a_webhook_that_fails_for_a_moment_is_tried_again_and_the_other_hears_once(
    world: World, webhooks: dict[str, Receiver]
) -> None:
    name = f"test-alarm-{uuid4().hex}"
    webhooks["slack"].answers, webhooks["slack"].refused = [503], name

    _publish(world, alarm_message(AlarmName=name))

    eventually(lambda: len(_received(webhooks["slack"], name)) == 2, "a second try at slack")
    eventually(lambda: _received(webhooks["teams"], name), "a message to teams")
    eventually(lambda: world.waiting(world.deployment.queues["notification"].url) == 0, "an end of the message")
    assert (len(_received(webhooks["slack"], name)), len(_received(webhooks["teams"], name))) == (2, 1)


def test_an_alarm_of_the_deployment_that_goes_off_tells_where_its_runbook_is(
    world: World, webhooks: dict[str, Receiver]
) -> None:
    reason = f"set by a test {uuid4().hex}"
    alarm, cloudwatch = "test-DeadLettersNotEmpty-relay-dlq", world.target.client("cloudwatch")

    # Dead letters of other tests may have raised it already, and only a change of state is sent.
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="calm before a test")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason=reason)

    (text,) = eventually(lambda: _received(webhooks["teams"], reason), "a message to teams")
    assert f"ALARM: {alarm}" in text
    assert "docs/runbook.md#deadlettersnotempty" in text


def test_what_is_no_alarm_is_a_dead_letter_with_its_reason(world: World, webhooks: dict[str, Receiver]) -> None:
    marker = f"hello {uuid4().hex}"

    _publish(world, marker)

    letter = world.take_dead_letter(world.deployment.dead_letters["notification"].url, marker)
    assert letter["reason"] == "validation_error"
    assert not [receiver for receiver in webhooks.values() if _received(receiver, marker)]
