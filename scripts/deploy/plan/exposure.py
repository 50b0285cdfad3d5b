"""What in a plan opens something to the public."""

from collections.abc import Iterator, Mapping

from scripts.deploy.plan.model import Action, Found
from scripts.deploy.plan.resources import Resource
from scripts.deploy.plan.rules import becomes, switched_off
from scripts.deploy.plan.values import KnownLater, Value, at, is_empty

_BUCKET_BLOCKS = (
    ("block_public_acls", "public ACLs are {no_longer} blocked"),
    ("block_public_policy", "a public policy is {no_longer} blocked"),
    ("ignore_public_acls", "public ACLs are {no_longer} ignored"),
    ("restrict_public_buckets", "a public bucket is {no_longer} kept from others"),
)
_BECOMES = (
    ("publicly_accessible", True, "it is open to the internet"),
    ("acl", "public-read", "everybody may read it"),
    ("acl", "public-read-write", "everybody may read and write it"),
)
# The attribute that says how a caller is authenticated.
_AUTHENTICATION = {
    "aws_lambda_function_url": "authorization_type",
    "aws_apigatewayv2_route": "authorization_type",
    "aws_api_gateway_method": "authorization",
}
ROUTES = frozenset(_AUTHENTICATION) - {"aws_lambda_function_url"}
_APIS = ("api_id", "rest_api_id")


def opened(resource: Resource) -> Found:
    """Give kind and text of each way in which a new or changed resource is opened."""
    before, after = resource.before, resource.after
    for path, consequence in _BUCKET_BLOCKS:
        if found := switched_off(before, after, path, consequence.format(no_longer="no longer")):
            yield "public", found
        elif _is_new_bucket_block(resource) and not at(after, path):
            yield "public", consequence.format(no_longer="not")
    for path, value, consequence in _BECOMES:
        if becomes(before, after, path, value):
            yield "public", consequence
    if networks := _open_networks(resource.type, after) - _open_networks(resource.type, before):
        yield "public", f"lets in {', '.join(sorted(networks))}"
    yield from _callers(resource)


def _callers(resource: Resource) -> Found:
    """Judge whether anybody may call it. The function behind a new route may check its callers, so that only warns.

    A new API has only new routes: the summary counts those without an authorizer.
    """
    was_open = bool(resource.before) and _lets_anybody_call(resource.type, resource.before)
    if was_open or not _lets_anybody_call(resource.type, resource.after):
        return
    if resource.before or resource.type not in ROUTES:
        yield "public", "anybody may call it: callers are not authenticated"
    elif not any(isinstance(resource.after.get(name), KnownLater) for name in _APIS):
        yield "permission", "a route without an authorizer: the function behind it has to check who calls"


def _is_new_bucket_block(resource: Resource) -> bool:
    return resource.action is Action.CREATE and resource.type == "aws_s3_bucket_public_access_block"


def _lets_anybody_call(kind: str, values: Mapping[str, Value]) -> bool:
    authentication = values.get(_AUTHENTICATION.get(kind, ""))
    return kind in _AUTHENTICATION and (is_empty(authentication) or authentication == "NONE")


def _open_networks(kind: str, values: Mapping[str, Value]) -> set[str]:
    names = ("cidr_ipv4", "cidr_ipv6", "cidr_blocks", "ipv6_cidr_blocks")
    networks = {
        str(network)
        for rule in _ingress_rules(kind, values)
        for value in map(rule.get, names)
        for network in (value if isinstance(value, list) else [value])
    }
    return networks & {"0.0.0.0/0", "::/0"}


def _ingress_rules(kind: str, values: Mapping[str, Value]) -> Iterator[Mapping[str, Value]]:
    if kind == "aws_security_group":
        blocks = values.get("ingress")
        yield from (rule for rule in blocks if isinstance(rule, Mapping)) if isinstance(blocks, list) else ()
    elif kind == "aws_vpc_security_group_ingress_rule" or (
        kind == "aws_security_group_rule" and values.get("type") == "ingress"
    ):
        yield values
