"""Each thing that can do harm is named, and what is like it and harmless is not."""

from typing import Any

import pytest

from scripts.plan.model import Action
from tests.unit.scripts.plan.factory import change, document, plan, reviewed, risks, statement

QUEUE = "arn:aws:sqs:eu-west-2:1:orders"


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
    ("kind", "before", "after", "text"),
    [
        ("aws_dynamodb_table", {"deletion_protection_enabled": True}, {"deletion_protection_enabled": False},
         "deletion protection is turned off"),
        ("aws_dynamodb_table", {"point_in_time_recovery": [{"enabled": True}]},
         {"point_in_time_recovery": [{"enabled": False}]}, "point-in-time recovery is turned off"),
        ("aws_dynamodb_table", {"point_in_time_recovery": [{"enabled": True}]}, {"point_in_time_recovery": []},
         "point-in-time recovery is turned off"),
        ("aws_dynamodb_table", {"server_side_encryption": [{"enabled": True}]}, {"server_side_encryption": []},
         "encryption with a key of KMS is turned off"),
        ("aws_dynamodb_table", {"server_side_encryption": [{"kms_key_arn": "arn:k"}]},
         {"server_side_encryption": [{"kms_key_arn": None}]}, "its own KMS key is taken off"),
        ("aws_dynamodb_table", {"stream_enabled": True}, {"stream_enabled": False},
         "its stream ends, and what reads it gets nothing any more"),
        ("aws_sqs_queue", {"sqs_managed_sse_enabled": True}, {"sqs_managed_sse_enabled": False},
         "encryption is turned off"),
        ("aws_sqs_queue", {"kms_master_key_id": "k"}, {"kms_master_key_id": ""}, "its own KMS key is taken off"),
        ("aws_sqs_queue", {"message_retention_seconds": 1209600}, {"message_retention_seconds": 60},
         "is kept for less long: message_retention_seconds 1209600 → 60"),
        ("aws_sqs_queue", {"redrive_policy": '{"deadLetterTargetArn":"arn:d"}'}, {"redrive_policy": ""},
         "the queue loses its dead-letter queue"),
        ("aws_cloudwatch_log_group", {"retention_in_days": 0}, {"retention_in_days": 14},
         "is kept for less long: retention_in_days 0 → 14"),
        ("aws_cloudwatch_event_archive", {"retention_days": 30}, {"retention_days": 7},
         "is kept for less long: retention_days 30 → 7"),
        ("aws_s3_bucket_versioning", {"versioning_configuration": [{"status": "Enabled"}]},
         {"versioning_configuration": [{"status": "Suspended"}]}, "versions are no longer kept"),
        ("aws_kms_key", {"enable_key_rotation": True}, {"enable_key_rotation": False}, "the key is no longer rotated"),
        ("aws_cloudwatch_event_rule", {"state": "ENABLED"}, {"state": "DISABLED"}, "it is disabled"),
        ("aws_lambda_event_source_mapping", {"enabled": True}, {"enabled": False}, "it is disabled"),
        ("aws_lambda_function", {"source_code_hash": "a"}, {"source_code_hash": "b"}, "its code changes"),
        ("aws_iam_role", {"permissions_boundary": "arn:b"}, {"permissions_boundary": None},
         "its permissions boundary is taken off"),
        ("aws_cloudwatch_event_target", {"rule": "r", "arn": "arn:a", "dead_letter_config": [{"arn": "arn:d"}]},
         {"rule": "r", "arn": "arn:a", "dead_letter_config": []},
         "what it cannot deliver is lost: it has no dead-letter queue any more"),
        ("aws_cloudwatch_event_target", {"rule": "r", "arn": "arn:a"}, {"rule": "r", "arn": "arn:b"},
         "r would deliver to arn:b, no longer to arn:a"),
    ],
)  # fmt: skip
def test_what_protected_or_carried_something_and_no_longer_does_is_a_warning(
    kind: str, before: dict[str, Any], after: dict[str, Any], text: str
) -> None:
    found = risks(change(f"{kind}.this", before, after))

    assert [(severity, what) for severity, _, what in found] == [("warn", text)]
    assert risks(change(f"{kind}.this", before, before)) == []
    if kind not in {"aws_lambda_function", "aws_cloudwatch_event_target"}:
        assert risks(change(f"{kind}.this", after, before)) == []


def test_another_key_that_is_only_known_later_is_none_taken_off() -> None:
    before, after = {"kms_master_key_id": "k"}, {"sqs_managed_sse_enabled": False}

    assert risks(change("aws_sqs_queue.this", before, after, unknown={"kms_master_key_id": True})) == []


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("aws_s3_bucket_public_access_block", {"block_public_policy": True}, {"block_public_policy": False}),
        ("aws_security_group", {"ingress": []}, {"ingress": [{"cidr_blocks": ["10.0.0.0/8", "0.0.0.0/0"]}]}),
        ("aws_vpc_security_group_ingress_rule", None, {"cidr_ipv6": "::/0"}),
        ("aws_security_group_rule", None, {"type": "ingress", "cidr_blocks": ["0.0.0.0/0"]}),
        ("aws_lambda_function_url", None, {"authorization_type": "NONE"}),
        ("aws_apigatewayv2_route", {"authorization_type": "AWS_IAM"}, {"authorization_type": "NONE"}),
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
        ("aws_apigatewayv2_route", {"authorization_type": "NONE"}),
        ("aws_vpc_security_group_egress_rule", {"cidr_ipv4": "0.0.0.0/0"}),
        ("aws_security_group_rule", {"type": "egress", "cidr_blocks": ["0.0.0.0/0"]}),
    ],
)
def test_what_is_made_as_it_has_to_be_is_not_called_public(kind: str, after: dict[str, Any]) -> None:
    assert risks(change(f"{kind}.this", None, after)) == []


RULE = {"name": "placed", "event_bus_name": "bus"}
TARGET = {"rule": "placed", "event_bus_name": "bus", "arn": QUEUE}


def test_a_rule_that_loses_its_target_is_named_unless_the_rule_goes_too_or_another_takes_its_place() -> None:
    lost = change("aws_cloudwatch_event_target.this", TARGET)

    assert risks(lost) == [("warn", "wiring", f"placed loses its target {QUEUE}")]
    assert risks(lost, change("aws_cloudwatch_event_rule.this", RULE)) == [
        ("warn", "wiring", "what the rule delivered is delivered no more")
    ]
    assert risks(lost, change("module.m.aws_cloudwatch_event_target.this", None, TARGET)) == []


def test_a_queue_that_loses_its_redrive_is_named_unless_it_goes_too() -> None:
    lost = change("aws_sqs_queue_redrive_policy.this", {"queue_url": "u", "redrive_policy": "{}"})

    assert risks(lost) == [("warn", "wiring", "the queue loses its dead-letter queue")]
    assert [kind for _, kind, _ in risks(lost, change("aws_sqs_queue.this", {"url": "u"}))] == ["loss"]


@pytest.mark.parametrize("replaced", [True, False])
def test_a_mapping_that_ends_or_begins_anew_is_named(replaced: bool) -> None:  # noqa: FBT001 - a parameter
    after = {"function_arn": "f"} if replaced else None

    ((severity, kind, _),) = risks(
        change("aws_lambda_event_source_mapping.this", {"function_arn": "f"}, after, replaced=replaced)
    )

    assert (severity, kind) == ("warn", "wiring")


def role_policy(before: str | None, after: str | None, name: str = "this", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    sides = [None if policy is None else {"role": "r", "policy": policy} for policy in (before, after)]
    return change(f"module.m.aws_iam_role_policy.{name}", *sides, **more)


READ, WRITE = document(statement("s:Get")), document(statement(["s:Get", "s:Put"]))


def test_a_role_that_may_do_more_is_named_with_what_it_may_do() -> None:
    assert risks(role_policy(READ, WRITE)) == [("warn", "permission", "wider: allow s:Put on arn:a")]
    assert risks(role_policy(WRITE, READ)) == []


def test_another_policy_for_a_role_that_there_is_widens_it() -> None:
    old = role_policy(READ, READ, "old")

    assert risks(old, role_policy(None, WRITE, "new")) == [("warn", "permission", "wider: allow s:Put on arn:a")]
    assert risks(role_policy(READ, None, "old"), role_policy(None, READ, "new")) == []


@pytest.mark.parametrize(("action", "count"), [("s:Put", 0), ("*", 1)])
def test_a_new_role_is_not_wider_than_it_was_unless_it_may_do_everything(action: str, count: int) -> None:
    role = change("module.m.aws_iam_role.this", None, {"name": "r"})

    assert len(risks(role, role_policy(None, document(statement(action, "*"))))) == count


def test_a_policy_for_a_role_that_there_is_widens_it_although_another_role_is_new() -> None:
    role = change("module.m.aws_iam_role.this", None, {"name": "another"})

    assert [kind for _, kind, _ in risks(role, role_policy(None, READ))] == ["permission"]


def test_a_role_that_moves_is_not_wider() -> None:
    """The old address goes and the new one comes, each with a role of the same name."""
    gone = change("module.old.aws_iam_role.this", {"name": "r"})
    made = change("module.m.aws_iam_role.this", None, {"name": "r"})
    old = change("module.old.aws_iam_role_policy.this", {"role": "r", "policy": READ})

    assert risks(gone, made, old, role_policy(None, WRITE)) == []


def test_a_managed_policy_that_is_attached_is_named_with_it() -> None:
    attached = change(
        "aws_iam_role_policy_attachment.this", None, {"role": "r", "policy_arn": "arn:p/AdministratorAccess"}
    )
    role = change("aws_iam_role.this", None, {"name": "r"})

    expected = [("warn", "permission", "wider: all that arn:p/AdministratorAccess permits")]
    assert risks(attached) == risks(attached, role) == expected


def test_a_denial_that_goes_with_its_queue_is_none_taken_away() -> None:
    deny = document(statement("sqs:*", QUEUE, Effect="Deny", Principal="*"))
    policy = change("aws_sqs_queue_policy.this", {"queue_url": "u", "policy": deny})

    assert risks(policy) == [("warn", "permission", f"no longer: deny sqs:* on {QUEUE} to AWS *")]
    assert [kind for _, kind, _ in risks(policy, change("aws_sqs_queue.this", {"url": "u"}))] == ["loss"]


def read_later(*blocks: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the data resource of a document that depends on something new, and the configuration that uses it."""
    unknown = {"json": True, "statement": [{"resources": [True]} for _ in blocks]}
    data = change("module.m.data.aws_iam_policy_document.doc", None, {"statement": list(blocks)}, unknown=unknown)
    data |= {"mode": "data", "module_address": "module.m"}
    data["change"]["actions"] = ["read"]
    references = ["data.aws_iam_policy_document.doc.json", "data.aws_iam_policy_document.doc"]
    used = {"type": "aws_iam_role_policy", "name": "this", "expressions": {"policy": {"references": references}}}
    return data, {"root_module": {"module_calls": {"m": {"module": {"resources": [used]}}}}}


def test_of_a_policy_that_is_only_known_later_is_told_what_the_plan_knows() -> None:
    data, configuration = read_later({"actions": ["s:Get", "s:Put"], "resources": [None], "effect": None})
    later = change(
        "module.m.aws_iam_role_policy.this", {"role": "r", "policy": READ}, {"role": "r"}, unknown={"policy": True}
    )

    assert risks(data, later, configuration=configuration) == [
        ("warn", "permission", "wider: allow s:Get, s:Put on (known after apply)")
    ]
    assert risks(later) == [("warn", "permission", "policy is only known after apply: not compared")]


def test_the_permissions_of_a_new_role_are_told_as_far_as_they_are_known() -> None:
    data, configuration = read_later({"actions": ["s:Get"], "resources": [None], "effect": None})
    new = change("module.m.aws_iam_role_policy.this", None, {"role": "r"}, unknown={"policy": True})
    role = change("module.m.aws_iam_role.this", None, {"name": "r"})

    found = reviewed(data, role, new, configuration=configuration)

    (policy,) = (each for each in found.changes if each.type == "aws_iam_role_policy")
    assert [each.after for each in policy.attributes] == ["allow s:Get on (known after apply)"]
    assert found.risks == ()


def test_a_policy_that_is_sensitive_is_said_to_be_uncompared() -> None:
    ((_, _, text),) = risks(role_policy(READ, WRITE, sensitive={"policy": True}))

    assert text == "policy changes, and is sensitive: not compared"


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
