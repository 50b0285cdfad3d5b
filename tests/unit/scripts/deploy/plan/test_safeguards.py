"""A safeguard of data or messages that is taken off, lowered or exchanged is named; the reverse is no risk."""

import json
from typing import Any

import pytest

from tests.unit.scripts.deploy.plan.factory import change, risks


def bucket_encryption(algorithm: str, key: str | None = None) -> dict[str, Any]:
    default = {"sse_algorithm": algorithm, "kms_master_key_id": key}
    return {"rule": [{"apply_server_side_encryption_by_default": [default]}]}


def allows(*queues: str) -> dict[str, Any]:
    policy = {"redrivePermission": "byQueue", "sourceQueueArns": list(queues)}
    return {"queue_url": "u", "redrive_allow_policy": json.dumps(policy)}


def redrive(**policy: object) -> dict[str, Any]:
    return {"queue_url": "u", "redrive_policy": json.dumps({"deadLetterTargetArn": "arn:d", **policy})}


def reads(**settings: object) -> dict[str, Any]:
    """A mapping with every safeguard, but for these settings."""
    return {
        "function_name": "f",
        "event_source_arn": "arn:table/stream/1",
        "function_response_types": ["ReportBatchItemFailures"],
        "bisect_batch_on_function_error": True,
        "maximum_retry_attempts": -1,
        "maximum_record_age_in_seconds": 86_400,
        "destination_config": [{"on_failure": [{"destination_arn": "arn:d"}]}],
        "starting_position": "TRIM_HORIZON",
        "enabled": True,
        **settings,
    }


def delivers(**settings: object) -> dict[str, Any]:
    """A target with every safeguard, but for these settings."""
    retry_policy = [{"maximum_retry_attempts": 185, "maximum_event_age_in_seconds": 86_400}]
    return {"rule": "r", "arn": "a", "retry_policy": retry_policy, "dead_letter_config": [{"arn": "arn:d"}], **settings}


MAPPING, TARGET_TYPE = "aws_lambda_event_source_mapping", "aws_cloudwatch_event_target"


@pytest.mark.parametrize(
    ("kind", "before", "after", "text"),
    [
        ("aws_dynamodb_table", {"deletion_protection_enabled": True}, {"deletion_protection_enabled": False},
         "deletion protection is turned off"),
        ("aws_dynamodb_table", {"deletion_protection_enabled": True}, {"deletion_protection_enabled": None},
         "deletion protection is turned off"),
        ("aws_dynamodb_table", {"point_in_time_recovery": [{"enabled": True}]},
         {"point_in_time_recovery": [{"enabled": False}]}, "point-in-time recovery is turned off"),
        ("aws_dynamodb_table", {"point_in_time_recovery": [{"enabled": True}]}, {"point_in_time_recovery": []},
         "point-in-time recovery is turned off"),
        ("aws_dynamodb_table", {"server_side_encryption": [{"enabled": True}]}, {"server_side_encryption": []},
         "encryption with a KMS key is turned off"),
        ("aws_dynamodb_table", {"server_side_encryption": [{"kms_key_arn": "arn:k"}]},
         {"server_side_encryption": [{"kms_key_arn": None}]}, "its own KMS key is taken off"),
        ("aws_sqs_queue", {"sqs_managed_sse_enabled": True}, {"sqs_managed_sse_enabled": False},
         "encryption is turned off"),
        ("aws_sqs_queue", {"kms_master_key_id": "k"}, {"kms_master_key_id": ""}, "its own KMS key is taken off"),
        ("aws_s3_bucket_versioning", {"versioning_configuration": [{"status": "Enabled"}]},
         {"versioning_configuration": [{"status": "Suspended"}]}, "earlier versions are no longer kept"),
        ("aws_kms_key", {"enable_key_rotation": True}, {"enable_key_rotation": False}, "the key is no longer rotated"),
        ("aws_kms_key", {"is_enabled": True}, {"is_enabled": False},
         "the key is disabled: nothing can read the data encrypted with it"),
        ("aws_s3_bucket_server_side_encryption_configuration", bucket_encryption("aws:kms"),
         bucket_encryption("AES256"), "encryption with a KMS key is turned off"),
        ("aws_s3_bucket_server_side_encryption_configuration", bucket_encryption("aws:kms", "arn:k"),
         bucket_encryption("aws:kms"), "its own KMS key is taken off"),
        ("aws_s3_bucket_server_side_encryption_configuration", bucket_encryption("aws:kms", "arn:k"),
         bucket_encryption("aws:kms", "arn:aws:kms:eu-west-2:1:alias/aws/s3"),
         "its own KMS key is exchanged for arn:aws:kms:eu-west-2:1:alias/aws/s3"),
        ("aws_sqs_queue", {"kms_master_key_id": "k"}, {"kms_master_key_id": "alias/aws/sqs"},
         "its own KMS key is exchanged for alias/aws/sqs"),
    ],
)  # fmt: skip
def test_a_protection_that_is_taken_from_data_blocks(
    kind: str, before: dict[str, Any], after: dict[str, Any], text: str
) -> None:
    assert risks(change(f"{kind}.this", before, after)) == [("block", "protection", text)]
    assert risks(change(f"{kind}.this", before, before)) == risks(change(f"{kind}.this", after, before)) == []


_RECOVERABLE = {"name": "dev-orders", "point_in_time_recovery": [{"enabled": True}]}
_NOT_RECOVERABLE = {"name": "dev-orders", "point_in_time_recovery": [{"enabled": False}]}


def test_a_new_table_without_a_recovery_blocks() -> None:
    found = risks(change("aws_dynamodb_table.this", None, _NOT_RECOVERABLE))

    assert found == [("block", "protection", "it has no point-in-time recovery")]
    assert risks(change("aws_dynamodb_table.this", None, _RECOVERABLE)) == []


def test_the_table_of_customers_keys_has_no_recovery_and_must_get_none() -> None:
    name = {"name": "dev-customer-key-table"}
    on, off = _RECOVERABLE | name, _NOT_RECOVERABLE | name
    comes_back = (
        "block",
        "protection",
        "point-in-time recovery is turned on: a key that was destroyed could come back",
    )

    assert risks(change("aws_dynamodb_table.this", None, off)) == []
    assert risks(change("aws_dynamodb_table.this", on, off)) == []
    assert risks(change("aws_dynamodb_table.this", off, on)) == [comes_back]
    assert risks(change("aws_dynamodb_table.this", None, on)) == [comes_back]


def test_a_key_that_is_taken_from_a_resource_without_data_is_a_warning() -> None:
    found = risks(change("aws_sns_topic.this", {"kms_master_key_id": "k"}, {"kms_master_key_id": None}))

    assert found == [("warn", "protection", "its own KMS key is taken off")]


@pytest.mark.parametrize(
    ("kind", "before", "after", "text"),
    [
        (MAPPING, reads(), reads(function_response_types=[]),
         "failed messages of a batch are lost: ReportBatchItemFailures is taken off"),
        (MAPPING, reads(), reads(function_response_types=None),
         "failed messages of a batch are lost: ReportBatchItemFailures is taken off"),
        (MAPPING, reads(), reads(maximum_retry_attempts=0),
         "what fails is tried again less often: maximum_retry_attempts no limit → 0"),
        (MAPPING, reads(maximum_retry_attempts=9), reads(maximum_retry_attempts=3),
         "what fails is tried again less often: maximum_retry_attempts 9 → 3"),
        (MAPPING, reads(), reads(maximum_record_age_in_seconds=60),
         "what fails is given up sooner: maximum_record_age_in_seconds 86400 → 60"),
        (MAPPING, reads(), reads(bisect_batch_on_function_error=False),
         "one bad record fails its whole batch: batches are no longer split"),
        (MAPPING, reads(), reads(destination_config=[]),
         "records given up are lost: no on-failure destination any more"),
        (MAPPING, reads(), reads(enabled=False), "it is disabled"),
        ("aws_lambda_function_event_invoke_config",
         {"destination_config": [{"on_failure": [{"destination": "arn:d"}]}]}, {"destination_config": []},
         "failed events are lost: no on-failure destination any more"),
        ("aws_lambda_function_event_invoke_config", {"maximum_retry_attempts": 2}, {"maximum_retry_attempts": 0},
         "what fails is tried again less often: maximum_retry_attempts 2 → 0"),
        ("aws_sqs_queue_redrive_policy", redrive(maxReceiveCount=10), redrive(maxReceiveCount=1),
         "a message becomes a dead letter after fewer tries: redrive_policy.maxReceiveCount 10 → 1"),
        ("aws_sqs_queue_redrive_policy", redrive(maxReceiveCount="10"), redrive(maxReceiveCount="9"),
         "a message becomes a dead letter after fewer tries: redrive_policy.maxReceiveCount 10 → 9"),
        ("aws_sqs_queue", redrive(maxReceiveCount=10), redrive(maxReceiveCount=1),
         "a message becomes a dead letter after fewer tries: redrive_policy.maxReceiveCount 10 → 1"),
        ("aws_sqs_queue", redrive(), {"queue_url": "u", "redrive_policy": ""},
         "failed messages are lost: there is no dead-letter queue any more"),
        ("aws_sqs_queue", {"max_message_size": 262_144}, {"max_message_size": 1024},
         "larger messages are refused: max_message_size 262144 → 1024"),
        ("aws_sqs_queue_redrive_allow_policy", allows("arn:q", "arn:r"), allows("arn:q"),
         "it takes no more dead letters of arn:r"),
        (TARGET_TYPE, delivers(), delivers(dead_letter_config=[]),
         "undeliverable events are lost: there is no dead-letter queue any more"),
        (TARGET_TYPE, delivers(), delivers(retry_policy=[]),
         "its retry policy is taken off: EventBridge tries again 185 times in 24 hours at most"),
        (TARGET_TYPE, delivers(), delivers(retry_policy=[{"maximum_event_age_in_seconds": 86_400}]),
         "what fails is tried again less often: retry_policy.maximum_retry_attempts 185 → 0"),
        (TARGET_TYPE, delivers(),
         delivers(retry_policy=[{"maximum_retry_attempts": 185, "maximum_event_age_in_seconds": 60}]),
         "what fails is given up sooner: retry_policy.maximum_event_age_in_seconds 86400 → 60"),
        ("aws_cloudwatch_event_bus", {"dead_letter_config": [{"arn": "arn:d"}]}, {"dead_letter_config": []},
         "undeliverable events are lost: there is no dead-letter queue any more"),
        ("aws_cloudwatch_event_rule", {"state": "ENABLED"}, {"state": "DISABLED"}, "it is disabled"),
        ("aws_dynamodb_table", {"stream_enabled": True}, {"stream_enabled": False},
         "its stream ends: whatever reads it gets no more records"),
        ("aws_sqs_queue", {"message_retention_seconds": 1209600}, {"message_retention_seconds": 60},
         "kept for a shorter time: message_retention_seconds 1209600 → 60"),
        ("aws_kms_key", {"deletion_window_in_days": 30}, {"deletion_window_in_days": 7},
         "once deleted, it can be had back for a shorter time: deletion_window_in_days 30 → 7"),
        ("aws_cloudwatch_log_group", {"retention_in_days": 0}, {"retention_in_days": 14},
         "kept for a shorter time: retention_in_days no limit → 14"),
        ("aws_cloudwatch_event_archive", {"retention_days": 30}, {"retention_days": 7},
         "kept for a shorter time: retention_days 30 → 7"),
        ("aws_cloudwatch_event_archive", {"retention_days": 0}, {"retention_days": 365},
         "kept for a shorter time: retention_days no limit → 365"),
        ("aws_cloudwatch_event_archive", {"name": "a", "retention_days": None}, {"name": "a", "retention_days": 7},
         "kept for a shorter time: retention_days no limit → 7"),
        ("aws_dynamodb_table", {"point_in_time_recovery": [{"enabled": True, "recovery_period_in_days": 35}]},
         {"point_in_time_recovery": [{"enabled": True, "recovery_period_in_days": 1}]},
         "kept for a shorter time: point_in_time_recovery.recovery_period_in_days 35 → 1"),
        ("aws_dynamodb_table", {"name": "t", "ttl": []}, {"name": "t", "ttl": [{"enabled": True}]},
         "items begin to expire"),
        ("aws_dynamodb_table", {"global_secondary_index": [{"name": "due"}, {"name": "by-sku"}]},
         {"global_secondary_index": [{"name": "due"}]}, "its index by-sku is taken off: a query of it fails"),
        ("aws_cloudwatch_metric_alarm", {"alarm_actions": ["arn:t"]}, {"alarm_actions": []},
         "the alarm no longer tells anybody"),
        ("aws_lambda_function", {"reserved_concurrent_executions": -1}, {"reserved_concurrent_executions": 0},
         "the function is stopped: it may run nowhere"),
        ("aws_iam_role", {"permissions_boundary": "arn:b"}, {"permissions_boundary": None},
         "its permissions boundary is taken off"),
    ],
)  # fmt: skip
def test_a_safeguard_that_is_taken_off_or_lowered_is_a_warning_and_the_reverse_is_none(
    kind: str, before: dict[str, Any], after: dict[str, Any], text: str
) -> None:
    found = risks(change(f"{kind}.this", before, after))

    assert [(severity, what) for severity, _, what in found] == [("warn", text)]
    assert risks(change(f"{kind}.this", before, before)) == risks(change(f"{kind}.this", after, before)) == []


@pytest.mark.parametrize(
    ("kind", "before", "after", "text"),
    [
        ("aws_lambda_function", {"source_code_hash": "a"}, {"source_code_hash": "b"}, "its code changes"),
        ("aws_lambda_function", {"role": "arn:r"}, {"role": "arn:s"}, "it runs as another role: arn:r → arn:s"),
        ("aws_iam_role", {"permissions_boundary": "arn:b"}, {"permissions_boundary": "arn:c"},
         "it gets another permissions boundary: arn:b → arn:c"),
        ("aws_sns_topic_subscription", {"endpoint": "a@example.org"}, {"endpoint": "b@example.org"},
         "the topic loses a subscriber, and gets another: a@example.org → b@example.org"),
        ("aws_sns_topic_subscription", {"filter_policy": "{}"}, {"filter_policy": '{"a": ["b"]}'},
         "it gets other messages: a (none) → b"),
        (MAPPING, {"function_name": "a"}, {"function_name": "b"},
         "another function reads the queue or stream: a → b"),
        (MAPPING, {"starting_position": "TRIM_HORIZON"}, {"starting_position": "LATEST"},
         "a new reader begins elsewhere in the stream: TRIM_HORIZON → LATEST"),
        (MAPPING, {"filter_criteria": [{"filter": [{"pattern": '{"eventName": ["INSERT"]}'}]}]},
         {"filter_criteria": [{"filter": [{"pattern": '{"eventName": ["MODIFY"]}'}]}]},
         "it takes other records: filter.pattern.eventName INSERT → MODIFY"),
        ("aws_cloudwatch_event_rule", {"event_pattern": '{"source": ["a"]}'}, {"event_pattern": '{"source": ["b"]}'},
         "it matches other events: source a → b"),
        ("aws_cloudwatch_event_archive", {"event_pattern": None}, {"event_pattern": '{"source": ["b"]}'},
         'it keeps other events: (none) → {"source": ["b"]}'),
        ("aws_dynamodb_table", {"stream_view_type": "NEW_IMAGE"}, {"stream_view_type": "KEYS_ONLY"},
         "its stream shows another part of each item: NEW_IMAGE → KEYS_ONLY"),
        ("aws_sqs_queue_redrive_policy", redrive(deadLetterTargetArn="arn:a"), redrive(deadLetterTargetArn="arn:b"),
         "dead letters go elsewhere: arn:a → arn:b"),
        (TARGET_TYPE, {"rule": "r", "arn": "arn:a"}, {"rule": "r", "arn": "arn:b"},
         "r would deliver to arn:b, no longer to arn:a"),
    ],
)  # fmt: skip
def test_an_exchange_is_a_warning_either_way(
    kind: str, before: dict[str, Any], after: dict[str, Any], text: str
) -> None:
    found = risks(change(f"{kind}.this", before, after))

    assert [(severity, what) for severity, _, what in found] == [("warn", text)]
    assert risks(change(f"{kind}.this", before, before)) == []
    assert len(risks(change(f"{kind}.this", after, before))) == 1


def test_a_safeguard_that_is_only_known_later_is_said_to_be_unknown() -> None:
    unknown = {"redrive_policy": True, "function_response_types": True, "deletion_protection_enabled": True}

    def found(kind: str, before: dict[str, Any]) -> list[tuple[str, str, str]]:
        after = {name: value for name, value in before.items() if name not in unknown}
        return risks(change(f"{kind}.this", before, after, unknown={name: True for name in unknown if name in before}))

    assert found("aws_sqs_queue_redrive_policy", redrive(maxReceiveCount=10)) == [
        ("warn", "wiring", "redrive_policy.maxReceiveCount is only known after apply: it is 10 now"),
        ("warn", "wiring", "dead letters go elsewhere: arn:d → (known after apply)"),
    ]
    assert found(MAPPING, reads()) == [
        ("warn", "wiring", "function_response_types is only known after apply: it is ReportBatchItemFailures now")
    ]
    assert found("aws_dynamodb_table", {"deletion_protection_enabled": True}) == [
        ("block", "protection", "deletion_protection_enabled is only known after apply: it is on now")
    ]


def test_another_key_that_is_only_known_later_is_none_taken_off() -> None:
    before, after = {"kms_master_key_id": "k"}, {"sqs_managed_sse_enabled": False}

    assert risks(change("aws_sqs_queue.this", before, after, unknown={"kms_master_key_id": True})) == []


def test_a_target_that_moves_to_another_module_without_its_safeguards_is_named() -> None:
    old = change("aws_cloudwatch_event_target.this", delivers())
    unknown = {"dead_letter_config": [{"arn": True}]}
    kept = change("module.m.aws_cloudwatch_event_target.this", None, delivers(dead_letter_config=[{}]), unknown=unknown)
    lost = change("module.m.aws_cloudwatch_event_target.this", None, delivers(dead_letter_config=[]))

    assert risks(old, kept) == []
    assert risks(old, lost) == [
        ("warn", "wiring", "undeliverable events are lost: there is no dead-letter queue any more")
    ]
