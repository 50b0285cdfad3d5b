"""What somebody changed, told apart from what AWS or Terraform only write otherwise."""

from typing import Any

import pytest

from scripts.deploy.plan import drift
from scripts.deploy.plan.model import Action, ResourceChange
from tests.unit.scripts.deploy.plan.factory import change, document, plan, statement


def state(*resources: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    listed = [
        {"address": address, "mode": "managed", "type": address.split(".")[-2], "values": values}
        for address, values in resources
    ]
    return {"values": {"root_module": {"child_modules": [{"resources": listed}]}}}


def found(*changes: dict[str, Any], known: tuple[tuple[str, dict[str, Any]], ...] = ()) -> list[ResourceChange]:
    return list(drift.found(plan(drift=changes, prior_state=state(*known))))


def rows(changes: list[ResourceChange]) -> list[tuple[str, str, str]]:
    return [(row.path, row.before, row.after) for each in changes for row in each.attributes]


def test_what_was_changed_is_told_with_what_terraform_left_and_what_is_there() -> None:
    changed = change("aws_sqs_queue.this", {"visibility_timeout_seconds": 60}, {"visibility_timeout_seconds": 5})

    assert rows(found(changed)) == [("visibility_timeout_seconds", "60", "5")]


def test_what_was_removed_is_told() -> None:
    (gone,) = found(change("aws_cloudwatch_event_target.this", {"rule": "r"}))

    assert (gone.address, gone.action) == ("aws_cloudwatch_event_target.this", Action.DESTROY)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("aws_sqs_queue", {"tags": None, "x": ""}, {"tags": {}, "x": None}),
        ("aws_lambda_event_source_mapping", {"last_processing_result": "none"}, {"last_processing_result": "OK"}),
        ("aws_lambda_function", {"last_modified": "a"}, {"last_modified": "b"}),
    ],
)
def test_what_aws_writes_otherwise_or_changes_itself_is_no_drift(
    kind: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert found(change(f"{kind}.this", before, after)) == []


POLICY = document(statement("sqs:SendMessage", Principal={"Service": "events.amazonaws.com"}))


def test_what_another_resource_says_is_its_own_and_not_drift_of_the_first() -> None:
    queue = change("aws_sqs_queue.this", {"url": "u", "policy": ""}, {"url": "u", "policy": POLICY})
    policy = ("aws_sqs_queue_policy.this", {"queue_url": "u", "policy": POLICY})

    assert found(queue, known=(policy,)) == []
    assert [path for path, _, _ in rows(found(queue))] == ["policy"]
    other = ("aws_sqs_queue_policy.this", {"queue_url": "other", "policy": POLICY})
    assert len(found(queue, known=(other,))) == 1


BACKDOOR = {"name": "backdoor", "policy": document(statement("*", "*"))}
OWN = {"name": "own", "policy": document(statement("s:Get"))}
ROLE_POLICY = ("aws_iam_role_policy.this", {"role": "r", "name": "own", "policy": OWN["policy"]})


def test_a_policy_that_somebody_put_on_a_role_is_told_and_the_roles_own_is_not() -> None:
    before: dict[str, Any] = {"name": "r", "inline_policy": []}

    assert found(change("aws_iam_role.this", before, before | {"inline_policy": [OWN]}), known=(ROLE_POLICY,)) == []
    role = change("aws_iam_role.this", before, before | {"inline_policy": [OWN, BACKDOOR]})
    assert rows(found(role, known=(ROLE_POLICY,))) == [("inline_policy", "", "allow * on *")]
    of_another = ("aws_iam_role_policy.other", {"role": "another", "name": "backdoor"})
    assert rows(found(role, known=(ROLE_POLICY, of_another))) == [("inline_policy", "", "allow * on *")]


def test_what_no_configuration_says_is_told_although_an_apply_has_taken_it_into_the_state() -> None:
    role = ("aws_iam_role.this", {"name": "r", "inline_policy": [OWN, BACKDOOR], "managed_policy_arns": ["arn:admin"]})
    function = ("aws_lambda_function.this", {"source_code_hash": "built", "code_sha256": "by hand"})

    assert rows(found(known=(role, function, ROLE_POLICY))) == [
        ("inline_policy", "", "allow * on *"),
        ("managed_policy_arns", "(none)", "arn:admin"),
        ("code_sha256", "built", "by hand"),
    ]


def test_what_terraform_attached_is_no_drift() -> None:
    role = ("aws_iam_role.this", {"name": "r", "managed_policy_arns": ["arn:read"]})
    attachment = ("aws_iam_role_policy_attachment.this", {"role": "r", "policy_arn": "arn:read"})

    assert found(known=(role, attachment)) == []


def test_of_a_policy_the_permissions_are_told_and_not_its_form() -> None:
    after = document(statement(["s:Get", "s:Put"]))
    changed = change("aws_iam_role_policy.this", {"policy": OWN["policy"]}, {"policy": after})

    assert rows(found(changed)) == [("policy", "", "allow s:Put on arn:a")]


def test_a_secret_that_was_changed_is_told_and_not_shown() -> None:
    before, after = ({"environment": [{"variables": {"API_TOKEN": value}}]} for value in ("one", "two"))

    assert rows(found(change("aws_lambda_function.this", before, after))) == [
        ("environment.variables.API_TOKEN", "(sensitive)", "(sensitive)")
    ]
