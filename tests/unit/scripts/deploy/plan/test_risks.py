"""Each thing that can do harm is named, and what is like it and harmless is not."""

from typing import Any

import pytest

from scripts.deploy.plan.model import Action
from tests.unit.scripts.deploy.plan.factory import change, document, plan, reviewed, risks, statement

QUEUE = "arn:aws:sqs:eu-west-2:1:orders"
PUBLIC_ACCESS_BLOCK = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")


@pytest.mark.parametrize(
    "kind",
    ["aws_dynamodb_table", "aws_s3_bucket", "aws_cloudwatch_event_bus", "aws_cloudwatch_event_archive", "aws_sqs_queue",
     "aws_cloudwatch_log_group", "aws_kms_key", "aws_ssm_parameter"],
)  # fmt: skip
@pytest.mark.parametrize("replaced", [True, False])
def test_what_keeps_something_blocks_when_it_is_destroyed_or_replaced(kind: str, replaced: bool) -> None:  # noqa: FBT001 - a parameter
    after = {"name": "b"} if replaced else None

    ((severity, risk, text),) = risks(change(f"{kind}.this", {"name": "a"}, after, replaced=replaced))

    assert (severity, risk) == ("block", "loss")
    assert text.startswith("would be replaced" if replaced else "would be destroyed")


def test_a_replacement_says_why() -> None:
    replaced = change(
        "aws_dynamodb_table.this",
        {"hash_key": "a"},
        {"hash_key": "b"},
        replaced=True,
        action_reason="replace_because_cannot_update",
    )
    replaced["change"]["replace_paths"] = [["hash_key"]]

    assert risks(replaced) == [
        ("block", "loss", "would be replaced, and its items lost (cannot be changed in place: hash_key)")
    ]


def test_what_moves_without_saying_so_is_told_how_to() -> None:
    ((_, _, text),) = risks(
        change("aws_sqs_queue.this", {"name": "orders"}),
        change("module.a.aws_sqs_queue.this", None, {"name": "orders"}),
    )

    assert "module.a.aws_sqs_queue.this is made with its name: a `moved` block would keep it" in text


def test_what_is_created_or_only_moves_is_no_risk() -> None:
    moved = change("aws_dynamodb_table.new", {"name": "a"}, {"name": "a"}, previous_address="aws_dynamodb_table.old")
    created = change("aws_sqs_queue.this", None, {"name": "a"})

    assert risks(moved, created) == []
    assert [each.action for each in reviewed(moved, created).changes] == [Action.MOVE, Action.CREATE]


def test_what_is_protected_from_deletion_is_said_before_an_apply_stops_half_way() -> None:
    found = risks(change("aws_dynamodb_table.this", {"deletion_protection_enabled": True}))

    assert [kind for _, kind, _ in found] == ["loss", "protected"]


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("aws_s3_bucket_public_access_block", {"block_public_policy": True}, {"block_public_policy": False}),
        ("aws_security_group", {"ingress": []}, {"ingress": [{"cidr_blocks": ["10.0.0.0/8", "0.0.0.0/0"]}]}),
        ("aws_vpc_security_group_ingress_rule", None, {"cidr_ipv6": "::/0"}),
        ("aws_security_group_rule", None, {"type": "ingress", "cidr_blocks": ["0.0.0.0/0"]}),
        ("aws_lambda_function_url", None, {"authorization_type": "NONE"}),
        ("aws_apigatewayv2_route", {"authorization_type": "AWS_IAM"}, {"authorization_type": "NONE"}),
        ("aws_apigatewayv2_route", {"authorization_type": "AWS_IAM"}, {"authorization_type": None}),
        ("aws_s3_bucket_public_access_block", None, {"bucket": "b", "block_public_policy": False}),
        ("aws_db_instance", {"publicly_accessible": False}, {"publicly_accessible": True}),
        ("aws_sqs_queue_policy", None, {"policy": document(statement("sqs:SendMessage", QUEUE, Principal="*"))}),
        ("aws_lambda_permission", None, {"principal": "*", "action": "lambda:InvokeFunction", "function_name": "f"}),
    ],
)
def test_what_is_opened_to_the_public_blocks(kind: str, before: dict[str, Any] | None, after: dict[str, Any]) -> None:
    found = risks(change(f"{kind}.this", before, after))

    assert {(severity, risk) for severity, risk, _ in found} == {("block", "public")}
    assert not risks(change(f"{kind}.this", after, after | {"description": "b"}))


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        ("aws_apigatewayv2_route", {"authorization_type": "JWT"}),
        ("aws_s3_bucket_public_access_block", dict.fromkeys(PUBLIC_ACCESS_BLOCK, True)),
        ("aws_vpc_security_group_egress_rule", {"cidr_ipv4": "0.0.0.0/0"}),
        ("aws_security_group_rule", {"type": "egress", "cidr_blocks": ["0.0.0.0/0"]}),
    ],
)
def test_what_is_made_as_it_has_to_be_is_not_called_public(kind: str, after: dict[str, Any]) -> None:
    assert risks(change(f"{kind}.this", None, after)) == []


def test_a_new_route_that_asks_nobody_is_a_warning_as_its_function_may_ask() -> None:
    ((severity, _, text),) = risks(change("aws_apigatewayv2_route.this", None, {"authorization_type": "NONE"}))

    assert (severity, text) == ("warn", "a route without an authorizer: the function behind it has to check who calls")


RULE = {"name": "placed", "event_bus_name": "bus"}
TARGET = {"rule": "placed", "event_bus_name": "bus", "arn": QUEUE}


def test_a_rule_that_loses_its_target_is_named_unless_the_rule_goes_too_or_another_takes_its_place() -> None:
    lost = change("aws_cloudwatch_event_target.this", TARGET)

    assert risks(lost) == [("warn", "wiring", f"placed loses its target {QUEUE}")]
    assert risks(lost, change("aws_cloudwatch_event_rule.this", RULE)) == [
        ("warn", "wiring", "its events are no longer delivered")
    ]
    assert risks(lost, change("module.m.aws_cloudwatch_event_target.this", None, TARGET)) == []


def test_a_rule_that_loses_its_target_to_another_is_named_unless_it_is_the_rule_that_is_renamed() -> None:
    moved = change("aws_cloudwatch_event_target.this", TARGET, TARGET | {"rule": "other"}, replaced=True)
    to_a_bus = change("aws_cloudwatch_event_target.this", TARGET, TARGET | {"event_bus_name": "b"}, replaced=True)
    renamed = change("aws_cloudwatch_event_rule.this", RULE, RULE | {"name": "other"}, replaced=True)
    made_anew = change("aws_cloudwatch_event_rule.this", RULE, RULE, replaced=True)

    lost = ("warn", "wiring", f"placed loses its target {QUEUE}, which goes to other")
    assert risks(moved) == risks(moved, made_anew) == [lost]
    assert len(risks(to_a_bus)) == 1
    assert risks(moved, renamed) == []


def test_a_queue_that_loses_its_redrive_is_named_unless_it_goes_too() -> None:
    lost = change("aws_sqs_queue_redrive_policy.this", {"queue_url": "u", "redrive_policy": "{}"})

    assert risks(lost) == [("warn", "wiring", "failed messages are lost: there is no dead-letter queue any more")]
    assert [kind for _, kind, _ in risks(lost, change("aws_sqs_queue.this", {"url": "u"}))] == ["loss"]


@pytest.mark.parametrize("replaced", [True, False])
def test_a_mapping_that_ends_or_begins_anew_is_named(replaced: bool) -> None:  # noqa: FBT001 - a parameter
    after = {"function_arn": "f"} if replaced else None

    ((severity, kind, _),) = risks(
        change("aws_lambda_event_source_mapping.this", {"function_arn": "f"}, after, replaced=replaced)
    )

    assert (severity, kind) == ("warn", "wiring")


def test_a_failed_check_is_told() -> None:
    checks = [
        {
            "address": {"to_display": "check.health"},
            "status": "fail",
            "instances": [{"problems": [{"message": "down"}]}],
        }
    ]

    assert risks(checks=checks) == [("warn", "check", "a check fails: down")]
    assert plan(checks=[])["checks"] == []


def test_what_blocks_comes_first() -> None:
    found = risks(
        change("aws_lambda_function.a", {"source_code_hash": "a"}, {"source_code_hash": "b"}),
        change("aws_sqs_queue.z", {"name": "q"}),
    )

    assert [severity for severity, _, _ in found] == ["block", "warn"]
