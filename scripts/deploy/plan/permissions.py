"""Policies that a plan widens, and denials or senders that it takes away."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from scripts.deploy.plan.model import Action, Found
from scripts.deploy.plan.policies import Grant, difference, grants, is_policy
from scripts.deploy.plan.renames import Renames
from scripts.deploy.plan.resources import Resource
from scripts.deploy.plan.values import Hidden, KnownLater, Value, text

# The holder of a policy: the attribute that names it, and the type and attribute that make that name.
_HOLDERS = {
    "aws_iam_role_policy": ("role", "aws_iam_role", "name"),
    "aws_iam_role_policy_attachment": ("role", "aws_iam_role", "name"),
    "aws_iam_user_policy": ("user", "aws_iam_user", "name"),
    "aws_iam_user_policy_attachment": ("user", "aws_iam_user", "name"),
    "aws_iam_group_policy": ("group", "aws_iam_group", "name"),
    "aws_iam_group_policy_attachment": ("group", "aws_iam_group", "name"),
    "aws_lambda_permission": ("function_name", "aws_lambda_function", "function_name"),
    "aws_sqs_queue_policy": ("queue_url", "aws_sqs_queue", "url"),
    "aws_sns_topic_policy": ("arn", "aws_sns_topic", "arn"),
    "aws_s3_bucket_policy": ("bucket", "aws_s3_bucket", "bucket"),
    "aws_kms_key_policy": ("key_id", "aws_kms_key", "key_id"),
    "aws_secretsmanager_secret_policy": ("secret_arn", "aws_secretsmanager_secret", "arn"),
    "aws_dynamodb_resource_policy": ("resource_arn", "aws_dynamodb_table", "arn"),
    "aws_cloudwatch_event_bus_policy": ("event_bus_name", "aws_cloudwatch_event_bus", "name"),
}
# Several of these on one holder make one policy together.
_SHARED = {"aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_group_policy", "aws_lambda_permission"}
_POWERFUL = ("/AdministratorAccess", "/PowerUserAccess", "/IAMFullAccess")
_EVERY_ACTION = re.compile(r"[*:]+|iam:\*", re.IGNORECASE)
_EVERYTHING = re.compile(r"(arn:([^:]*:)?)?[*:]+")
_DELIVERED_TO = {"aws_sqs_queue_policy", "aws_sns_topic_policy"}
_ASSUMING = ("sts:a", "sts:*")


def permission_risks(resources: Sequence[Resource], renames: Renames) -> Iterator[tuple[Resource, str, str]]:
    """Give resource, kind and text of each risk."""
    for group in _together(resources):
        stay = [each for each in group if not _moves(each, resources)]
        before = [grant for resource in stay for grant in _grants_before(resource, renames)]
        after = [grant for resource in group for grant in all_grants(resource.type, resource.after)]
        for resource in group:
            if resource.is_made or resource.is_lost:
                owner = _owner(resource, resources)
                is_new = _is_new(resource, owner)
                found = [*_gained(resource, before, is_new=is_new)]
                found += _attached(resource, resources, is_new=is_new, moves=resource not in stay)
                if owner is None or owner.action is not Action.DESTROY:
                    found += _lost(resource, after, resources, renames)
                # A queue or a role that is made or replaced merely shows the policies that others attach to it.
                if resource.action is Action.UPDATE or (resource.is_made and resource.type in _HOLDERS and not is_new):
                    found += _unseen(resource)
                yield from ((resource, kind, what) for kind, what in found)


def _grants_before(resource: Resource, renames: Renames) -> Iterator[Grant]:
    """Give the grants of now, also as they read once renamed resources have other ARNs."""
    yield from all_grants(resource.type, resource.before)
    if renames.identities and resource.is_made:
        yield from all_grants(resource.type, _renamed(resource, renames))


def _renamed(resource: Resource, renames: Renames) -> Mapping[str, Value]:
    return {name: renames.applied(value) for name, value in resource.before.items()}


def all_grants(kind: str, values: Mapping[str, Value]) -> Iterator[Grant]:
    """Take every policy document in a resource apart; a function's permission is one too."""
    found = [_permission_document(values)] if kind == "aws_lambda_permission" and values else documents(values)
    for document in found:
        yield from grants(document)


def documents(value: Value) -> list[Value]:
    """Give every policy document in a value."""
    if is_policy(value):
        return [value]
    if isinstance(value, Mapping):
        return [document for below in value.values() for document in documents(below)]
    return [document for below in value for document in documents(below)] if isinstance(value, list) else []


def _permission_document(values: Mapping[str, Value]) -> Value:
    principal = values.get("principal")
    tests: dict[str, dict[str, Value]] = {
        "ArnLike": {"aws:SourceArn": values.get("source_arn")},
        "StringEquals": {
            "aws:SourceAccount": values.get("source_account"),
            "aws:PrincipalOrgID": values.get("principal_org_id"),
            "lambda:FunctionUrlAuthType": values.get("function_url_auth_type"),
        },
    }
    conditions = {
        test: {key: value for key, value in keys.items() if value is not None} for test, keys in tests.items()
    }
    service = isinstance(principal, str) and "." in principal
    return {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service" if service else "AWS": principal},
            "Action": values.get("action"),
            "Resource": values.get("function_name"),
            "Condition": conditions,
        }
    }


def _together(resources: Sequence[Resource]) -> Iterable[list[Resource]]:
    """Group the policies of one holder: a permission that moves from one to another widens nothing."""
    groups: dict[tuple[str, str], list[Resource]] = defaultdict(list)
    for resource in resources:
        whose = _holder(resource) if resource.type in _SHARED else None
        groups[resource.type, whose or resource.address].append(resource)
    return groups.values()


def _moves(resource: Resource, resources: Sequence[Resource]) -> bool:
    """Whether a policy goes to another holder, which had other permissions; a renamed holder is the same one."""
    if resource.type not in _HOLDERS:
        return False
    name, kind, own_name = _HOLDERS[resource.type]
    before, after = resource.before.get(name), resource.after.get(name)
    if not isinstance(before, str) or not isinstance(after, str):
        return False
    renamed = [(r.before.get(own_name), r.after.get(own_name)) for r in resources if r.type == kind]
    return before != after and (before, after) not in renamed


def _holder(resource: Resource) -> str | None:
    name = _HOLDERS[resource.type][0]
    named = resource.after.get(name) or resource.before.get(name)
    return named if isinstance(named, str) else None


def _is_new(resource: Resource, owner: Resource | None) -> bool:
    """Whether the plan makes the policy's owner too: then there were no narrower permissions before."""
    if resource.action is not Action.CREATE:
        return False
    if owner is None:
        return isinstance(resource.after.get(_HOLDERS[resource.type][0]), KnownLater)
    return owner.action in {Action.CREATE, Action.REPLACE}


def _owner(resource: Resource, resources: Sequence[Resource]) -> Resource | None:
    """Find the policy's owner, which may be the resource itself; None where the plan does not change it."""
    if resource.type not in _HOLDERS:
        return resource
    name, kind, own_name = _HOLDERS[resource.type]
    side = "before" if resource.action is Action.DESTROY else "after"
    whose = getattr(resource, side).get(name)
    return next((r for r in resources if r.type == kind and r.action and getattr(r, side).get(own_name) == whose), None)


def _gained(resource: Resource, before: list[Grant], *, is_new: bool) -> Found:
    mine = all_grants(resource.type, resource.after if resource.is_made else {})
    for grant in difference(before, mine).gained:
        if grant.is_public:
            yield "public", f"open to everybody: {grant}"
        elif _is_everything(grant):
            yield "admin", f"an administrator's rights: {grant}"
        elif not grant.denied and (not is_new or _trusts_an_account(grant)):
            yield "permission", f"wider: {grant}"


def _lost(resource: Resource, after: list[Grant], resources: Sequence[Resource], renames: Renames) -> Found:
    """Give denials that are taken off, and senders that a queue or topic no longer admits."""
    # _unseen tells of a policy that is only known later: it is not lost.
    later = {name for name, new in resource.after.items() if isinstance(new, KnownLater)}
    compared = {name: old for name, old in _renamed(resource, renames).items() if name not in later}
    for grant in difference(all_grants(resource.type, compared), after).lost:
        if grant.denied:
            yield "permission", f"no longer: {grant}"
        elif resource.type in _DELIVERED_TO and not _sender_goes(grant, resources):
            yield "wiring", f"no longer admitted: {grant}"


def _sender_goes(grant: Grant, resources: Sequence[Resource]) -> bool:
    """Whether the grant is for rules or topics alone that the plan destroys."""
    sources = {str(value) for each in grant.conditions if each.key == "aws:sourcearn" for value in each.values}
    gone = {str(each.before.get("arn")) for each in resources if each.is_lost}
    return bool(sources) and sources <= gone


def _is_everything(grant: Grant) -> bool:
    """Whether it allows every action, or all of IAM, or all but some, on everything or all but something."""
    if grant.denied or grant.resource is None:
        return False
    every_action = grant.action.negated or any(_EVERY_ACTION.fullmatch(str(each)) for each in grant.action.patterns)
    everything = grant.resource.negated or any(_EVERYTHING.fullmatch(str(each)) for each in grant.resource.patterns)
    return every_action and everything


def _trusts_an_account(grant: Grant) -> bool:
    """Whether everybody in an account may assume a role."""
    principals = map(str, grant.principal.patterns) if grant.principal else ()
    assumes = grant.action.negated or any(str(action).lower().startswith(_ASSUMING) for action in grant.action.patterns)
    return assumes and any(who.startswith("AWS ") and who.endswith(":root") for who in principals)


def _unseen(resource: Resource) -> Found:
    for path, new in resource.after.items():
        old = resource.before.get(path)
        if isinstance(new, Hidden) and new != old and ("policy" in path or is_policy(old)):
            yield "permission", f"{path} changes, and is sensitive: not compared"
        elif isinstance(new, KnownLater) and (is_policy(old) or (path == "policy" and resource.type in _HOLDERS)):
            yield "permission", f"{path} is only known after apply: not compared"


def _attached(resource: Resource, resources: Sequence[Resource], *, is_new: bool, moves: bool) -> Found:
    held = set() if moves else {*_arns(resource.before)}
    attached = {*_arns(resource.after)} - held if resource.is_made else set()
    for arn in sorted(attached):
        policies = [each for each in resources if each.type == "aws_iam_policy" and each.after.get("arn") == arn]
        granted = [grant for policy in policies for grant in all_grants(policy.type, policy.after)]
        if arn.endswith(_POWERFUL) or any(map(_is_everything, granted)):
            yield "admin", f"an administrator's rights: all that {arn} permits"
        elif not is_new:
            yield "permission", f"wider: all that {arn} permits"


def _arns(values: Mapping[str, Value]) -> Iterator[str]:
    listed = values.get("managed_policy_arns")
    for arn in [values.get("policy_arn"), *(listed if isinstance(listed, list) else [])]:
        if isinstance(arn, str | KnownLater):
            yield text(arn)
