"""What was changed outside Terraform, told apart from what only reads differently."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from scripts.plan.changes import rows
from scripts.plan.model import Action, ResourceChange
from scripts.plan.resources import Json, Resource, drifted, state_resources
from scripts.plan.values import Value

# What AWS itself changes as the system runs.
_OF_AWS = {
    "last_modified": "when a function was changed, whoever did it",
    "last_processing_result": "how the last poll of a mapping went",
    "source_code_size": "follows from the code, which code_sha256 tells of",
}
# What a resource shows although another says it, which is refreshed too: that one's type and attribute with the name of
# the owner, and the owner's attribute with that name. Without this the first plan after an apply calls it all changed.
_SAID_ELSEWHERE = {
    ("aws_sqs_queue", "policy"): ("aws_sqs_queue_policy", "queue_url", "url"),
    ("aws_sqs_queue", "redrive_policy"): ("aws_sqs_queue_redrive_policy", "queue_url", "url"),
    ("aws_sqs_queue", "redrive_allow_policy"): ("aws_sqs_queue_redrive_allow_policy", "queue_url", "url"),
    ("aws_sns_topic", "policy"): ("aws_sns_topic_policy", "arn", "arn"),
    ("aws_s3_bucket", "policy"): ("aws_s3_bucket_policy", "bucket", "bucket"),
    ("aws_s3_bucket", "versioning"): ("aws_s3_bucket_versioning", "bucket", "bucket"),
    ("aws_s3_bucket", "lifecycle_rule"): ("aws_s3_bucket_lifecycle_configuration", "bucket", "bucket"),
    ("aws_s3_bucket", "server_side_encryption_configuration"): (
        "aws_s3_bucket_server_side_encryption_configuration",
        "bucket",
        "bucket",
    ),
    ("aws_kms_key", "policy"): ("aws_kms_key_policy", "key_id", "key_id"),
}
# The same for lists to which each of several adds one item: which attribute of theirs that is, and which of the item's.
_ITEMS_SAID_ELSEWHERE = {
    ("aws_iam_role", "inline_policy"): ("aws_iam_role_policy", "role", "name", "name"),
    ("aws_iam_role", "managed_policy_arns"): ("aws_iam_role_policy_attachment", "role", "policy_arn", None),
}
# What the embedded AWS gives back otherwise than it was set.
_OF_EMULATOR = {
    ("aws_cloudwatch_metric_alarm", "alarm_actions"): "MiniStack forgets whom an alarm tells",
    ("aws_cloudwatch_metric_alarm", "ok_actions"): "MiniStack forgets whom an alarm tells",
}


def found(plan: Json, *, on_emulator: bool) -> tuple[ResourceChange, ...]:
    """Give what differs from what the last apply left: `before` is Terraform's, `after` what was found."""
    ignored = _OF_EMULATOR if on_emulator else {}
    changed = drifted(plan)
    known = [*state_resources(plan), *(replace(resource, after=resource.before) for resource in changed)]
    return tuple(change for resource in changed for change in _change(resource, known, ignored))


def _change(
    resource: Resource, known: Sequence[Resource], ignored: Collection[tuple[str, str]]
) -> Iterator[ResourceChange]:
    action = resource.action or Action.UPDATE
    before, after = (_own(resource.type, values, known, ignored) for values in (resource.before, resource.after))
    attributes = tuple(rows(resource, before, after)) if action is Action.UPDATE else ()
    if attributes or action is Action.DESTROY:
        yield ResourceChange(resource.address, resource.type, resource.service, resource.module, action, attributes)


def _own(
    kind: str, values: Mapping[str, Value], known: Sequence[Resource], ignored: Collection[tuple[str, str]]
) -> Mapping[str, Value]:
    own = {name: value for name, value in values.items() if name not in _OF_AWS and (kind, name) not in ignored}
    for (owner, attribute), (part, reference, own_name) in _SAID_ELSEWHERE.items():
        if owner == kind and any(
            each.type == part and each.after.get(reference) == own.get(own_name) for each in known
        ):
            own.pop(attribute, None)
    for (owner, attribute), (part, reference, item, key) in _ITEMS_SAID_ELSEWHERE.items():
        listed = own.get(attribute)
        if owner == kind and isinstance(listed, list):
            said = [
                each.after.get(item)
                for each in known
                if each.type == part and each.after.get(reference) == own.get("name")
            ]
            own[attribute] = [
                one for one in listed if (one.get(key) if key and isinstance(one, Mapping) else one) not in said
            ]
    return own
