"""What in a plan widens who may do what."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from scripts.deploy.plan.model import Action, Risk, Severity
from scripts.deploy.plan.policies import Grant, difference, grants, is_policy
from scripts.deploy.plan.resources import Resource
from scripts.deploy.plan.values import Hidden, KnownLater, Value, text

# Whose a policy is: the attribute that names it, and the type and attribute that make that name.
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
# Several of these make one policy together.
_SHARED = {"aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_group_policy", "aws_lambda_permission"}
_POWERFUL = ("/AdministratorAccess", "/PowerUserAccess", "/IAMFullAccess")
_EVERYTHING = frozenset({"*", "*:*"})
_ASSUMING = ("sts:a", "sts:*")


def permission_risks(resources: Sequence[Resource]) -> Iterator[Risk]:
    for group in _together(resources):
        stay = [each for each in group if not _moves(each, resources)]
        before = [grant for resource in stay for grant in all_grants(resource.type, resource.before)]
        after = [grant for resource in group for grant in all_grants(resource.type, resource.after)]
        for resource in group:
            if resource.is_made or resource.is_lost:
                owner = _owner(resource, resources)
                is_new = _is_new(resource, owner)
                goes = owner is not None and owner.action is Action.DESTROY
                yield from _widened(resource, before, after, is_new=is_new, owner_goes=goes)
                yield from _attached(resource, is_new=is_new, moves=resource not in stay)


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
    """Put together what makes one policy: a permission that moves from one to another widens nothing."""
    groups: dict[tuple[str, str], list[Resource]] = defaultdict(list)
    for resource in resources:
        whose = _holder(resource) if resource.type in _SHARED else None
        groups[resource.type, whose or resource.address].append(resource)
    return groups.values()


def _moves(resource: Resource, resources: Sequence[Resource]) -> bool:
    """Whether a policy goes to another holder, which was not permitted the same; one that is renamed is no other."""
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
    """Whether what the policy belongs to is made by this plan: nothing can be wider than nothing."""
    if resource.action is not Action.CREATE:
        return False
    if owner is None:
        return isinstance(resource.after.get(_HOLDERS[resource.type][0]), KnownLater)
    return owner.action in {Action.CREATE, Action.REPLACE}


def _owner(resource: Resource, resources: Sequence[Resource]) -> Resource | None:
    """Give what the policy belongs to, which may be the resource itself; None where the plan leaves that as it is."""
    if resource.type not in _HOLDERS:
        return resource
    name, kind, own_name = _HOLDERS[resource.type]
    side = "before" if resource.action is Action.DESTROY else "after"
    whose = getattr(resource, side).get(name)
    return next((r for r in resources if r.type == kind and r.action and getattr(r, side).get(own_name) == whose), None)


def _widened(
    resource: Resource, before: list[Grant], after: list[Grant], *, is_new: bool, owner_goes: bool
) -> Iterator[Risk]:
    mine = all_grants(resource.type, resource.after if resource.is_made else {})
    gained = difference(before, mine).gained
    for grant in gained:
        if grant.is_public:
            yield Risk(Severity.BLOCK, "public", resource.address, f"open to everybody: {grant}")
        elif not grant.denied and (not is_new or _is_everything(grant) or _trusts_an_account(grant)):
            yield Risk(Severity.WARN, "permission", resource.address, f"wider: {grant}")
    # What is only known later is not lost; _unseen tells of it.
    later = {name for name, new in resource.after.items() if isinstance(new, KnownLater)}
    compared = {name: old for name, old in resource.before.items() if name not in later}
    for grant in difference(all_grants(resource.type, compared), after).lost:
        if grant.denied and not owner_goes:
            yield Risk(Severity.WARN, "permission", resource.address, f"no longer: {grant}")
    # Of what is made or replaced, only a policy of its own counts: a queue or a role merely shows what others attach.
    if resource.action is Action.UPDATE or (resource.is_made and resource.type in _HOLDERS and not is_new):
        yield from _unseen(resource)


def _is_everything(grant: Grant) -> bool:
    return all(part and (part.negated or part.patterns & _EVERYTHING) for part in (grant.action, grant.resource))


def _trusts_an_account(grant: Grant) -> bool:
    """Whether all of an account may take a role on."""
    principals = map(str, grant.principal.patterns) if grant.principal else ()
    assumes = grant.action.negated or any(str(action).lower().startswith(_ASSUMING) for action in grant.action.patterns)
    return assumes and any(who.startswith("AWS ") and who.endswith(":root") for who in principals)


def _unseen(resource: Resource) -> Iterator[Risk]:
    for path, new in resource.after.items():
        old = resource.before.get(path)
        if isinstance(new, Hidden) and new != old and ("policy" in path or is_policy(old)):
            yield Risk(Severity.WARN, "permission", resource.address, f"{path} changes, and is sensitive: not compared")
        elif isinstance(new, KnownLater) and (is_policy(old) or (path == "policy" and resource.type in _HOLDERS)):
            yield Risk(Severity.WARN, "permission", resource.address, f"{path} is only known after apply: not compared")


def _attached(resource: Resource, *, is_new: bool, moves: bool) -> Iterator[Risk]:
    held = set() if moves else {*_arns(resource.before)}
    attached = {*_arns(resource.after)} - held if resource.is_made else set()
    for arn in sorted(attached):
        if not is_new or arn.endswith(_POWERFUL):
            yield Risk(Severity.WARN, "permission", resource.address, f"wider: all that {arn} permits")


def _arns(values: Mapping[str, Value]) -> Iterator[str]:
    listed = values.get("managed_policy_arns")
    for arn in [values.get("policy_arn"), *(listed if isinstance(listed, list) else [])]:
        if isinstance(arn, str | KnownLater):
            yield text(arn)
