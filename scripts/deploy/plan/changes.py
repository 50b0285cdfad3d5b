"""The changes of a plan, attribute by attribute, as far as a reader needs them."""

from collections.abc import Collection, Iterator, Mapping

from scripts.deploy.plan.model import Action, AttributeChange, ResourceChange
from scripts.deploy.plan.permissions import all_grants, documents
from scripts.deploy.plan.policies import difference, grants
from scripts.deploy.plan.resources import Resource
from scripts.deploy.plan.values import Difference, KnownLater, Value, at, differences, is_empty, text, texts

# Attributes that follow from the rest of a change, and are only known after it.
_FOLLOWING = {
    "arn",
    "code_sha256",
    "etag",
    "id",
    "invoke_arn",
    "last_modified",
    "qualified_arn",
    "qualified_invoke_arn",
    "revision",
    "source_code_size",
    "stream_arn",
    "stream_label",
    "url",
    "version",
    "version_id",
}
# The attributes that tell most about a new resource, in this order.
_SHOWN_OF_NEW = (
    "function_name",
    "name",
    "alarm_name",
    "bucket",
    "key",
    "rule",
    "arn",
    "runtime",
    "memory_size",
    "timeout",
    "batch_size",
    "scaling_config.maximum_concurrency",
    "schedule_expression",
    "hash_key",
    "range_key",
    "billing_mode",
    "deletion_protection_enabled",
    "visibility_timeout_seconds",
    "message_retention_seconds",
    "retention_in_days",
    "retention_days",
    "route_key",
    "authorization_type",
    "authorization",
    "protocol",
    "endpoint",
    "policy_arn",
    "principal",
    "threshold",
    "cidr_block",
    "cidr_ipv4",
    "launch_type",
    "desired_count",
)
_SHOWN_AT_MOST = 5


def changed(resource: Resource) -> ResourceChange:
    if resource.action is None:
        raise ValueError(f"nothing is changed of {resource.address}")
    rows = {
        Action.CREATE: _created,
        Action.UPDATE: _updated,
        Action.REPLACE: _updated,
    }.get(resource.action, _nothing)(resource)
    return ResourceChange(
        address=resource.address,
        type=resource.type,
        service=resource.service,
        module=resource.module,
        action=resource.action,
        attributes=tuple(rows),
        because=resource.because,
        previous_address=resource.previous_address,
    )


def _nothing(_: Resource) -> Iterator[AttributeChange]:
    return iter(())


def _created(resource: Resource) -> Iterator[AttributeChange]:
    values = [(name, at(resource.after, name)) for name in _SHOWN_OF_NEW]
    known = [(name, value) for name, value in values if not is_empty(value) and not isinstance(value, KnownLater)]
    for name, value in known[:_SHOWN_AT_MOST]:
        yield AttributeChange(name, "", text(value))
    for grant in difference((), all_grants(resource.type, resource.after)).gained:
        yield AttributeChange("policy", "", str(grant))
    for name in ("policy", "assume_role_policy"):
        if isinstance(later := resource.after.get(name), KnownLater):
            yield AttributeChange(name, "", text(later))


def _updated(resource: Resource) -> Iterator[AttributeChange]:
    return rows(*resource.settings, configured=resource.expressions)


def rows(
    before: Mapping[str, Value], after: Mapping[str, Value], *, configured: Collection[str] = ()
) -> Iterator[AttributeChange]:
    """Give the differences between two states of a resource; of policies, the permissions."""
    found = list(differences(before, after))
    tagged = any(each.path.startswith("tags.") or each.path == "tags" for each in found)
    for each in found:
        follows = isinstance(each.after, KnownLater) and each.path in _FOLLOWING and each.path not in configured
        if documents(each.before) or documents(each.after):
            yield from _policy_rows(each)
        elif not follows and not (tagged and each.path.startswith("tags_all")):
            yield AttributeChange(each.path, *texts(each.before, each.after))


def _policy_rows(each: Difference) -> Iterator[AttributeChange]:
    if isinstance(each.after, KnownLater):
        yield AttributeChange(each.path, "", text(each.after))
        return
    found = difference(
        *([grant for document in documents(side) for grant in grants(document)] for side in (each.before, each.after))
    )
    for grant in found.lost:
        yield AttributeChange(each.path, str(grant), "")
    for grant in found.gained:
        yield AttributeChange(each.path, "", str(grant))
    if not found.lost and not found.gained:
        yield from _rewritten(each)


def _rewritten(each: Difference) -> Iterator[AttributeChange]:
    """Give the differences in the text of a policy that permits the same as before."""
    before, after = (side if isinstance(side, Mapping) else {} for side in (each.before, each.after))
    found = [
        (difference.path, *texts(difference.before, difference.after))
        for name in sorted({*before, *after})
        for difference in differences(before.get(name), after.get(name), name)
    ]
    shown = [(path, old, new) for path, old, new in found if old != new]
    for path, old, new in shown:
        yield AttributeChange(f"{each.path}.{path}", old, f"{new}, which permits the same")
    if not shown:
        yield AttributeChange(each.path, "one form", "another form, which permits the same")
