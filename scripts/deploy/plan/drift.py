"""What was changed outside Terraform, told apart from what only reads differently."""

from collections.abc import Iterator, Mapping, Sequence

from scripts.deploy.plan.changes import rows
from scripts.deploy.plan.configuration import Json
from scripts.deploy.plan.model import Action, ResourceChange
from scripts.deploy.plan.resources import Resource, drifted, state_resources
from scripts.deploy.plan.values import Value, is_empty

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
# What no other adds was put there by hand, and stays so when an apply has taken it into the state.
_ITEMS_SAID_ELSEWHERE = {
    ("aws_iam_role", "inline_policy"): ("aws_iam_role_policy", "role", "name", "name"),
    ("aws_iam_role", "managed_policy_arns"): ("aws_iam_role_policy_attachment", "role", "policy_arn", None),
}


def found(plan: Json) -> tuple[ResourceChange, ...]:
    """Give what differs from what Terraform left: `before` is as it should be, `after` what was found."""
    changed = {resource.address: resource for resource in drifted(plan)}
    known = {resource.address: resource for resource in state_resources(plan)} | changed
    return tuple(change for resource in known.values() for change in _change(resource, list(known.values())))


def _change(resource: Resource, known: Sequence[Resource]) -> Iterator[ResourceChange]:
    action = resource.action or Action.UPDATE
    before = _own(resource.type, _expected(resource), known)
    attributes = tuple(rows(before, _own(resource.type, resource.after, known)))
    if action is Action.DESTROY:
        attributes = ()
    if attributes or action is Action.DESTROY:
        yield ResourceChange(resource.address, resource.type, resource.service, resource.module, action, attributes)


def _expected(resource: Resource) -> Mapping[str, Value]:
    """Give what a resource should be: what no configuration says is right is not right because the state has it."""
    unsaid: dict[str, Value] = {attribute: [] for kind, attribute in _ITEMS_SAID_ELSEWHERE if kind == resource.type}
    if resource.type == "aws_lambda_function" and not is_empty(uploaded := resource.before.get("source_code_hash")):
        return {**resource.before, "code_sha256": uploaded}
    return {**resource.before, **unsaid}


def _own(kind: str, values: Mapping[str, Value], known: Sequence[Resource]) -> Mapping[str, Value]:
    """Leave out what AWS changes itself, and what another resource says."""
    own = {name: value for name, value in values.items() if name not in _OF_AWS}
    for (owner, attribute), (part, reference, own_name) in _SAID_ELSEWHERE.items():
        if owner == kind and any(
            each.before.get(reference) == own.get(own_name) for each in known if each.type == part
        ):
            own.pop(attribute, None)
    for (owner, attribute), (part, reference, item, key) in _ITEMS_SAID_ELSEWHERE.items():
        listed = own.get(attribute)
        if owner == kind and isinstance(listed, list):
            parts = [each for each in known if each.type == part and each.before.get(reference) == own.get("name")]
            said = [each.before.get(item) for each in parts]
            own[attribute] = [one for one in listed if _named(one, key) not in said]
    return own


def _named(item: Value, key: str | None) -> Value:
    return item.get(key) if key and isinstance(item, Mapping) else item
