"""The service of docs/add-a-service.md, deployed: put among the integration tests of the tree that it was added to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scripts.deploy.generated_secrets import METRICS_TOKEN, required
from scripts.ledger.audit.report import audit_deployment
from scripts.monitor.metrics_audit import read_page
from scripts.operate import dead_letter_list, logs, pausing
from services.libs.store.dynamodb_items import from_item
from tests.integration.plans import Resource, all_of
from tests.integration.wiring import permissions
from tests.integration.world import World, eventually

SERVICE = "loyalty-service"


def _one(resources: list[Resource], kind: str, **values: object) -> Resource:
    (found,) = [one for one in all_of(resources, kind) if values.items() <= one.items()]
    return found


def test_the_plan_has_its_rule_queue_dead_letters_and_alarm(resources: list[Resource]) -> None:
    queue = _one(resources, "aws_sqs_queue", name="test-loyalty-queue")
    letters = _one(resources, "aws_sqs_queue", name="test-loyalty-dlq")
    rule = _one(resources, "aws_cloudwatch_event_rule", name="test-points-earned")
    target = _one(resources, "aws_cloudwatch_event_target", rule=rule["name"])
    redrive = _one(resources, "aws_sqs_queue_redrive_policy", queue_url=queue["url"])
    watched = {(alarm["metric_name"], *(alarm["dimensions"] or {}).values()) for alarm in _alarms(resources)}

    assert json.loads(rule["event_pattern"])["detail-type"] == ["OrderConfirmed"]
    assert (target["arn"], target["dead_letter_config"][0]["arn"]) == (queue["arn"], letters["arn"])
    assert json.loads(redrive["redrive_policy"])["deadLetterTargetArn"] == letters["arn"]
    assert ("ApproximateNumberOfMessagesVisible", letters["name"]) in watched


def _alarms(resources: list[Resource]) -> list[Resource]:
    return all_of(resources, "aws_cloudwatch_metric_alarm")


def test_its_role_may_do_what_it_does_and_nothing_else(resources: list[Resource], world: World) -> None:
    function = _one(resources, "aws_lambda_function", function_name=f"test-{SERVICE}-handler")
    store = _one(resources, "aws_dynamodb_table", name=world.deployment.tables.event_store)
    queue = _one(resources, "aws_sqs_queue", name="test-loyalty-queue")
    letters = _one(resources, "aws_sqs_queue", name="test-loyalty-dlq")
    log = _one(resources, "aws_cloudwatch_log_group", name=f"/aws/lambda/test-{SERVICE}-handler")

    assert permissions(resources, function["arn"]) == {
        store["arn"]: {"dynamodb:PutItem"},
        queue["arn"]: {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
        letters["arn"]: {"sqs:SendMessage"},
        f"{log['arn']}:*": {"logs:CreateLogStream", "logs:PutLogEvents"},
    }


def test_cloudwatchs_dashboard_has_its_function(resources: list[Resource]) -> None:
    assert any(SERVICE in board["dashboard_body"] for board in all_of(resources, "aws_cloudwatch_dashboard"))


@contextmanager
def _listening(world: World, event_type: str) -> Iterator[str]:
    """Give the URL of a queue that gets what the order bus publishes of a type."""
    events, sqs = world.target.client("events"), world.target.client("sqs")
    bus, name = world.deployment.buses["order"], "growth-listener"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps({"detail-type": [event_type]}))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": name, "Arn": arn}])
    try:
        yield url
    finally:
        events.remove_targets(Rule=name, EventBusName=bus, Ids=[name])
        events.delete_rule(Name=name, EventBusName=bus)
        sqs.delete_queue(QueueUrl=url)


def _points(world: World, order_id: str) -> list[dict[str, object]]:
    items = world.target.client("dynamodb").query(
        TableName=world.deployment.tables.event_store,
        KeyConditionExpression="stream_id = :stream",
        ExpressionAttributeValues={":stream": {"S": f"points#{order_id}"}},
        ConsistentRead=True,
    )["Items"]
    return [dict(from_item(item)) for item in items]


def test_a_confirmed_order_earns_points_which_are_published(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with _listening(world, "PointsAwarded") as url:
        (history,) = world.run(world.order({world.new_sku(price_minor=650): 2}))
        (commit,) = eventually(lambda: _points(world, history.order_id), "a commit of points")
        letter = world.take_dead_letter(url, f"points#{history.order_id}/1/0")

    assert (commit["version"], commit["events"]) == (1, ["PointsAwarded"])
    detail = json.loads(letter["body"])["detail"]
    assert (detail["orderId"], detail["customerId"], detail["points"]) == (history.order_id, "customer-1", 13)
    logs.show(world.target, SERVICE, since="15m", order=history.order_id, errors=False)
    assert "points awarded" in capsys.readouterr().out


def test_a_pause_stops_it_until_it_is_resumed(world: World) -> None:
    client = world.target.client("lambda")

    def states() -> list[str]:
        name = world.deployment.functions[SERVICE].name
        return [one["State"] for one in client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]]

    pausing.pause(world.target)
    try:
        assert states() == ["Disabled"]
    finally:
        pausing.resume(world.target)
    assert states() == ["Enabled"]


def test_its_dead_letters_are_listed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    dead_letter_list.list_dead_letters(world.target)

    assert "test-loyalty-dlq" in capsys.readouterr().out


def test_the_metrics_page_shows_it_at_0_and_the_lengths_of_its_queues(world: World) -> None:
    page = read_page(world.deployment.metrics_url(world.target), required(world.target, METRICS_TOKEN))
    lines = page.splitlines()

    errors = [line for line in lines if line.startswith("lambda_errors_total{") and f'"{SERVICE}"' in line]
    assert errors
    assert all(line.endswith(" 0.0") for line in errors)
    assert [queue for queue in ("loyalty-queue", "loyalty-dlq") if f'"{queue}"' not in page] == []


def test_the_audit_knows_its_streams(world: World) -> None:
    (history,) = world.run(world.order({world.new_sku(): 1}))
    eventually(lambda: _points(world, history.order_id), "a commit of points")

    audit_deployment(world.target)
