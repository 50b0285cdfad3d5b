"""What the tests of a plan's wiring find: a small plan with each of the faults that would be silent."""

import json
from typing import Any

import pytest

from tests.integration.wiring import NOBODY, committing, deliveries, drained_by
from tests.unit.conftest import EVENT_STORE_TABLE, make_deployment

_DEPLOYMENT = make_deployment(
    queues={"parcel": "url"}, dead_letters={"parcel": "dlq-url"}, functions={"parcel-service": {}, "event-relay": {}}
)
_STORE = f"arn:table/{EVENT_STORE_TABLE}"


def _plan(
    *, enabled: bool = True, source: str = "order.service", relay_may: str = "sqs:SendMessage"
) -> list[dict[str, Any]]:
    """A function behind a queue behind a rule, and the relay; the rule has that source."""
    functions = ["parcel-service", "event-relay"]
    return [
        {"type": "aws_sqs_queue", "name": "test-parcel-queue", "arn": "arn:queue"},
        {"type": "aws_sqs_queue", "name": "test-parcel-dlq", "arn": "arn:dlq"},
        {"type": "aws_dynamodb_table", "name": EVENT_STORE_TABLE, "arn": _STORE},
        {
            "type": "aws_cloudwatch_event_rule",
            "name": "test-confirmed",
            "event_bus_name": "test-order-bus",
            "event_pattern": json.dumps({"source": [source], "detail-type": ["OrderConfirmed", "OrderCancelled"]}),
        },
        {"type": "aws_cloudwatch_event_rule", "name": "tick", "event_bus_name": "default", "event_pattern": None},
        {
            "type": "aws_cloudwatch_event_target",
            "rule": "test-confirmed",
            "event_bus_name": "test-order-bus",
            "arn": "arn:queue",
        },
        {"type": "aws_cloudwatch_event_target", "rule": "tick", "event_bus_name": "default", "arn": "arn:f"},
        {
            "type": "aws_lambda_event_source_mapping",
            "event_source_arn": "arn:queue",
            "function_arn": "arn:parcel-service",
            "enabled": enabled,
        },
        *(
            {
                "type": "aws_lambda_function",
                "function_name": f"test-{name}-handler",
                "arn": f"arn:{name}",
                "role": f"arn:role/{name}",
            }
            for name in functions
        ),
        *(
            {
                "type": "aws_iam_role_policy",
                "role": name,
                "policy": json.dumps({"Statement": [{"Action": [action], "Resource": ["arn:other", "arn:table/*"]}]}),
            }
            for name, action in (("parcel-service", "sqs:SendMessage"), ("event-relay", relay_may))
        ),
    ]


def test_a_queue_that_no_enabled_mapping_drains_is_found() -> None:
    assert drained_by(_plan(), _DEPLOYMENT) == {"test-parcel-queue": ["parcel-service"]}
    assert drained_by(_plan(enabled=False), _DEPLOYMENT) == {"test-parcel-queue": []}


def test_an_event_is_followed_through_its_rule_and_queue_to_its_function() -> None:
    types = ("OrderConfirmed", "OrderCancelled")

    assert deliveries(_plan(), _DEPLOYMENT) == {("order", kind, "parcel-service") for kind in types}
    assert deliveries(_plan(enabled=False), _DEPLOYMENT) == {("order", kind, NOBODY) for kind in types}


def test_a_rule_for_another_source_than_its_bus_has_takes_nothing() -> None:
    assert deliveries(_plan(source="orders"), _DEPLOYMENT) == set()


@pytest.mark.parametrize(
    ("action", "writes"),
    [
        ("dynamodb:PutItem", True),
        ("dynamodb:PartiQLInsert", True),
        ("dynamodb:*", True),
        ("dynamodb:Query", False),
        ("sqs:PutItem", False),
    ],
)
def test_whoever_may_put_into_the_event_store_is_found(action: str, *, writes: bool) -> None:
    found = committing(_plan(relay_may=action), _DEPLOYMENT)

    assert found == ({"event-relay"} if writes else set())
