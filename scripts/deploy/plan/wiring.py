"""Parts that a plan takes away from a resource that stays: a rule's target, a queue's redrive policy, a mapping."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scripts.deploy.plan.model import Action, Found
from scripts.deploy.plan.renames import Renames
from scripts.deploy.plan.resources import Resource
from scripts.deploy.plan.values import KnownLater, Value, text

_BUCKET = ("bucket", "aws_s3_bucket", "bucket")


class _Part(NamedTuple):
    """A resource whose end is a risk to its owner, where the owner stays."""

    kind: str
    consequence: str
    reference: str = ""
    """The part's attribute that names the owner."""
    owner: str = ""
    """The owner's type; none where the part stands alone."""
    owner_name: str = ""
    """The owner's attribute with that name."""


_PARTS = {
    "aws_sqs_queue_redrive_policy": _Part(
        "wiring",
        "failed messages are lost: there is no dead-letter queue any more",
        "queue_url",
        "aws_sqs_queue",
        "url",
    ),
    "aws_s3_bucket_versioning": _Part("protection", "earlier versions are no longer kept", *_BUCKET),
    "aws_s3_bucket_public_access_block": _Part("public", "public access is no longer blocked", *_BUCKET),
    "aws_s3_bucket_server_side_encryption_configuration": _Part(
        "protection", "the bucket is no longer encrypted as configured", *_BUCKET
    ),
    "aws_sns_topic_subscription": _Part("wiring", "the topic loses a subscriber", "topic_arn", "aws_sns_topic", "arn"),
    "aws_lambda_permission": _Part(
        "wiring",
        "an invoker of the function is no longer admitted",
        "function_name",
        "aws_lambda_function",
        "function_name",
    ),
    "aws_lambda_event_source_mapping": _Part(
        "wiring", "the function no longer reads its queue or stream", "function_arn", "aws_lambda_function", "arn"
    ),
    "aws_cloudwatch_metric_alarm": _Part("wiring", "its alarm no longer tells anybody"),
    "aws_cloudwatch_event_rule": _Part("wiring", "its events are no longer delivered"),
}
# The attributes by which two resources of one type are the same thing.
_IDENTITY = (
    "rule",
    "event_bus_name",
    "arn",
    "name",
    "alarm_name",
    "queue_url",
    "bucket",
    "topic_arn",
    "endpoint",
    "function_name",
    "event_source_arn",
    "statement_id",
    "principal",
)


def wiring_risks(resource: Resource, resources: Sequence[Resource], renames: Renames) -> Found:
    """Give kind and text where a rule delivers elsewhere, or a mapping starts over."""
    if resource.type == "aws_cloudwatch_event_target":
        before, after = resource.before.get("arn"), resource.after.get("arn")
        rule, other = (text(side.get("rule")) for side in (resource.before, resource.after))
        if before != after and not renames.explain(before, after):
            yield "wiring", f"{rule} would deliver to {text(after)}, no longer to {text(before)}"
        if _rule_of(resource.before) != _rule_of(resource.after) and not _rule_goes(resource, resources):
            yield "wiring", f"{rule} loses its target {text(before)}, which goes to {other}"
    if resource.type == "aws_lambda_event_source_mapping" and resource.action is Action.REPLACE:
        is_of_queue = ":sqs:" in text(resource.before.get("event_source_arn"))
        reading = "the queue waits meanwhile" if is_of_queue else "the stream is read from its starting position again"
        yield "wiring", f"it is replaced: {reading}"


def removal_risks(resource: Resource, resources: Sequence[Resource]) -> Found:
    """Give what a destroyed part takes from its owner, unless another takes its place in the same plan."""
    if resource.action is not Action.DESTROY:
        return
    if resource.type == "aws_cloudwatch_event_target":
        yield from _lost_target(resource, resources)
    elif part := _PARTS.get(resource.type):
        named = resource.before.get(part.reference)
        gone = any(
            other.type == part.owner and other.action is Action.DESTROY and other.before.get(part.owner_name) == named
            for other in resources
        )
        if not gone and not moved_to(resource, resources):
            yield part.kind, part.consequence


def _lost_target(target: Resource, resources: Sequence[Resource]) -> Found:
    if not _rule_goes(target, resources) and not moved_to(target, resources):
        yield "wiring", f"{text(target.before.get('rule'))} loses its target {text(target.before.get('arn'))}"


def _rule_of(target: Mapping[str, Value], name: str = "rule") -> tuple[Value, Value]:
    return target.get(name), target.get("event_bus_name")


def _rule_goes(target: Resource, resources: Sequence[Resource]) -> bool:
    """Whether the rule of a target is destroyed, or gets another name or bus."""
    rules = [each for each in resources if each.type == "aws_cloudwatch_event_rule" and each.is_lost]
    mine = [each for each in rules if _rule_of(each.before, "name") == _rule_of(target.before)]
    return any(_rule_of(each.after, "name") != _rule_of(target.before) for each in mine)


def moved_to(part: Resource, resources: Sequence[Resource]) -> Resource | None:
    """Find a destroyed part at its new address, as when it moves to another module without a `moved` block."""
    if part.action is not Action.DESTROY or (part.type not in _PARTS and part.type != "aws_cloudwatch_event_target"):
        return None
    return next((other for other in resources if other.action is Action.CREATE and _is_same(part, other)), None)


def _is_same(part: Resource, other: Resource) -> bool:
    return part.type == other.type and all(
        isinstance(other.after.get(name), KnownLater) or other.after.get(name) == part.before.get(name)
        for name in _IDENTITY
    )
