"""Changes made outside Terraform, without the values that only read differently."""

from collections.abc import Iterator, Mapping, Sequence

from scripts.deploy.plan.changes import rows
from scripts.deploy.plan.configuration import Json
from scripts.deploy.plan.model import Action, ResourceChange
from scripts.deploy.plan.resources import Resource, drifted, state_resources
from scripts.deploy.plan.values import Value, is_empty

# AWS changes these itself as the system runs: a function's time of change, the last poll of a mapping, the size of code
# that code_sha256 compares already.
_CHANGED_BY_AWS = {"last_modified", "last_processing_result", "source_code_size"}
# Attributes that show the settings of another resource, which is refreshed too: its type, its attribute that names the
# owner, and the owner's attribute with that name. Without these the first plan after an apply would find drift.
_SHOWN_OF_OTHERS = {
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
# The same for lists to which several resources add an item each: the type, its attribute that names the owner, its
# attribute with the item's name, and the item's key of that name. Any other item was added by hand, and remains drift
# after an apply has taken it into the state.
_ITEMS_OF_OTHERS = {
    ("aws_iam_role", "inline_policy"): ("aws_iam_role_policy", "role", "name", "name"),
    ("aws_iam_role", "managed_policy_arns"): ("aws_iam_role_policy_attachment", "role", "policy_arn", None),
}


def found(plan: Json) -> tuple[ResourceChange, ...]:
    """Compare the deployment with Terraform's last apply: `before` is as it should be, `after` as it was found."""
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
    """Give the values that a resource should have: additions by hand are drift even once they are in the state."""
    added: dict[str, Value] = {attribute: [] for kind, attribute in _ITEMS_OF_OTHERS if kind == resource.type}
    if resource.type == "aws_lambda_function" and not is_empty(uploaded := resource.before.get("source_code_hash")):
        return {**resource.before, "code_sha256": uploaded}
    return {**resource.before, **added}


def _own(kind: str, values: Mapping[str, Value], known: Sequence[Resource]) -> Mapping[str, Value]:
    """Leave out the values that AWS changes itself, and those of other resources."""
    own = {name: value for name, value in values.items() if name not in _CHANGED_BY_AWS}
    for (owner, attribute), (part, reference, own_name) in _SHOWN_OF_OTHERS.items():
        if owner == kind and any(
            each.before.get(reference) == own.get(own_name) for each in known if each.type == part
        ):
            own.pop(attribute, None)
    for (owner, attribute), (part, reference, item, key) in _ITEMS_OF_OTHERS.items():
        listed = own.get(attribute)
        if owner == kind and isinstance(listed, list):
            parts = [each for each in known if each.type == part and each.before.get(reference) == own.get("name")]
            names = [each.before.get(item) for each in parts]
            own[attribute] = [one for one in listed if _name(one, key) not in names]
    return own


def _name(item: Value, key: str | None) -> Value:
    return item.get(key) if key and isinstance(item, Mapping) else item
