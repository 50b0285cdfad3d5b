"""What a customer's key would change in a deployment, as Terraform plans it: all but the new key's ARN is known."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from tests.integration.plans import all_of, as_list, resources_of, statements
from tests.integration.world import World

_ENCRYPTED_BY = {
    "aws_cloudwatch_event_bus": "kms_key_identifier",
    "aws_cloudwatch_log_group": "kms_key_id",
    "aws_dynamodb_table": "server_side_encryption.kms_key_arn",
    "aws_lambda_function": "kms_key_arn",
    "aws_sqs_queue": "kms_master_key_id",
}


def test_the_key_reaches_all_that_is_kept_and_all_that_waits(plan_of_options: Mapping[str, Any]) -> None:
    """But for the queue of what it cannot encrypt itself."""
    kept = [resource for resource in plan_of_options["resource_changes"] if resource["type"] in _ENCRYPTED_BY]
    assert {resource["type"] for resource in kept} == _ENCRYPTED_BY.keys()

    without = [resource["address"] for resource in kept if not _gets_the_new_key(resource)]

    assert without == ["module.pulsequeue.module.bus_dead_letter_queue[0].aws_sqs_queue.this"]


def _gets_the_new_key(resource: Mapping[str, Any]) -> bool:
    unknown = resource["change"]["after_unknown"]
    for name in _ENCRYPTED_BY[resource["type"]].split("."):
        block = unknown[0] if isinstance(unknown, list) else unknown
        unknown = isinstance(block, dict) and block.get(name, False)
    return unknown is True


def test_the_key_comes_without_anything_being_destroyed(plan_of_options: Mapping[str, Any]) -> None:
    assert not [
        resource["address"]
        for resource in plan_of_options["resource_changes"]
        if "delete" in resource["change"]["actions"]
    ]


def test_the_key_admits_the_services_that_work_with_what_it_encrypts(
    world: World, plan_of_options: Mapping[str, Any]
) -> None:
    resources = list(resources_of(plan_of_options["planned_values"]["root_module"]))
    (key,) = [key for key in all_of(resources, "aws_kms_key") if "module.kms_key[0]" in key["address"]]
    admitted = {statement["Sid"]: statement for statement in statements(key["policy"])}
    logs = f"logs.{world.target.region}.amazonaws.com"
    # The ARN of a group that is not there yet is not known, but follows from its name.
    groups = [
        f"arn:aws:logs:{world.target.region}:000000000000:log-group:{group['name']}"
        for group in all_of(resources, "aws_cloudwatch_log_group")
    ]
    topics = [topic["arn"] for topic in all_of(resources, "aws_sns_topic")]
    users = {
        "AdmitSns": ("sns.amazonaws.com", "aws:SourceArn", topics),
        "AdmitLogs": (logs, "kms:EncryptionContext:aws:logs:arn", groups),
    }

    assert admitted.keys() == {"AdministerByIam", "AdmitEvents", "DescribeToEvents", *users}
    assert admitted["AdmitEvents"]["Principal"] == {"Service": "events.amazonaws.com"}
    assert admitted["AdmitEvents"]["Condition"] == {"StringEquals": {"aws:SourceAccount": "000000000000"}}
    for sid, (service, variable, arns) in users.items():
        patterns = as_list(admitted[sid]["Condition"]["ArnLike"][variable])
        assert admitted[sid]["Principal"] == {"Service": service}
        assert {"kms:Decrypt", "kms:GenerateDataKey*"} <= set(admitted[sid]["Action"])
        for arn in arns:
            assert any(fnmatchcase(arn, pattern) for pattern in patterns), arn
