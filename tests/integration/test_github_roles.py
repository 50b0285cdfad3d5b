"""Who may take the roles that `invoke bootstrap` makes for GitHub Actions, and what their policies say."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.cli.paths import REPO_ROOT
from scripts.deploy import bootstrap
from scripts.deploy.target import Target
from tests.github_roles import REPOSITORY, take
from tests.integration.wiring import refusal_of_plain_http
from tests.integration.world import World

_ENVIRONMENT = "released"
_NAMES = ("plan", "deploy", "users", "boundary")
# What is the environment's own by its name, its parameters, or its state.
_OWN = re.compile(rf"[:/]{_ENVIRONMENT}-|/{_ENVIRONMENT}/|pulsequeue-{_ENVIRONMENT}-")
# Every statement on anything else, with its reason.
_NOT_OWN = {
    "ReadApis": "AWS makes up the ids of APIs; how an API is set is no secret",
    "CreateTaggedApis": "bound by the environment's tag",
    "WriteTaggedApis": "bound by the environment's tag",
    "WriteApiParts": "bound by the environment's tag where AWS knows one; routes and integrations bear none themselves",
    "KeepCustomerIdsAndRemoveUsers": "bound by the environment's tag",
    "CreateTaggedUserPools": "bound by the environment's tag",
    "TagNewUserPools": "bound by the environment's tag",
    "WriteTaggedUserPools": "bound by the environment's tag",
    "TestAsCustomer": "bound by the environment's tag",
    "ReadUserPools": "AWS makes up the ids of user pools; how a pool is set is no secret, and users are not read",
    "ReadKeys": "AWS makes up the ids of keys; how a key is set is no secret",
    "TagNewKeys": "bound by the environment's tag, and to keys without an alias",
    "WriteAndUseTaggedKeys": "bound by the environment's tag",
    "CreateTaggedKeys": "bound by the environment's tag",
    "ReadByTaggedKeys": "bound by the environment's tag",
    "UseTaggedKeys": "bound by the environment's tag",
    "GrantTaggedKeys": "bound by the environment's tag",
    "ReadMappings": "AWS makes up the ids of mappings, and reading knows no condition that names the function",
    "TagMappings": "as above",
    "CreateMappings": "bound by the function's name",
    "WriteMappings": "bound by the function's name",
    "WriteSubscriptions": "a subscription is no resource that a policy could name",
    "List": "a list is of the whole account",
    "DeliverAccessLogs": "AWS has these for the whole account or not at all",
    "ReadMetrics": "metrics are no resources that a policy could name",
}

Statement = Mapping[str, Any]


@pytest.fixture(scope="module")
def account(target: Target) -> Target:
    """An environment that is bootstrapped for a repository, and is deployed nowhere."""
    released = replace(target, environment=_ENVIRONMENT)
    bootstrap.bootstrap(released, REPOSITORY)
    return released


@pytest.fixture(scope="module")
def policies(account: Target) -> Mapping[str, Sequence[Statement]]:
    iam = account.client("iam")
    arns = {
        name: f"arn:aws:iam::000000000000:policy/pulsequeue-{_ENVIRONMENT}-{name}"
        for name in ("plan", "users", "boundary")
    }
    documents: dict[str, Any] = {
        name: iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
        for name, arn in arns.items()
    }
    role = f"pulsequeue-{_ENVIRONMENT}-deploy"
    documents["deploy"] = iam.get_role_policy(RoleName=role, PolicyName="deploy")["PolicyDocument"]
    return {name: document["Statement"] for name, document in documents.items()}


def test_the_bucket_of_the_state_refuses_plain_http(account: Target) -> None:
    bucket = f"{account.prefix}-terraform-state"

    denial = refusal_of_plain_http(account.client("s3").get_bucket_policy(Bucket=bucket)["Policy"])

    assert denial["Action"] == "s3:*"
    assert set(denial["Resource"]) == {f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"}


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def grants(statements: Sequence[Statement]) -> Iterator[tuple[Statement, str, str]]:
    for statement in statements:
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                yield statement, action, resource


@pytest.mark.parametrize(
    ("role", "subject"),
    [
        ("plan", f"repo:{REPOSITORY}:ref:refs/heads/release/2026-01"),
        ("deploy", f"repo:{REPOSITORY}:environment:{_ENVIRONMENT}"),
    ],
)
def test_a_job_gets_the_role_that_is_meant_for_it(account: Target, role: str, subject: str) -> None:
    assert take(account, role, subject)


@pytest.mark.parametrize("role", ["plan", "deploy"])
@pytest.mark.parametrize(
    "subject",
    [
        f"repo:{REPOSITORY}:pull_request",
        f"repo:{REPOSITORY}:ref:refs/heads/main",
        f"repo:{REPOSITORY}:ref:refs/tags/release/1",
        f"repo:{REPOSITORY}:environment:dev",
        f"repo:{REPOSITORY}-fork:environment:{_ENVIRONMENT}",
        f"repo:them/shop:ref:refs/heads/release/1:repo:{REPOSITORY}",
        f"repo:them/shop:environment:{_ENVIRONMENT}",
    ],
)
def test_no_other_job_gets_a_role(account: Target, role: str, subject: str) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        take(account, role, subject)


def test_a_token_that_was_made_for_somebody_else_gets_no_role(account: Target) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        take(account, "deploy", audience="https://github.com/us")


@pytest.mark.parametrize("role", ["plan", "deploy"])
@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/release/1", "refs/pull/1/merge"])
def test_a_job_that_is_on_no_release_branch_gets_no_role(account: Target, role: str, ref: str) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        take(account, role, ref=ref)


def test_the_role_that_plans_on_a_branch_is_not_the_one_that_deploys(account: Target) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        take(account, "deploy", f"repo:{REPOSITORY}:ref:refs/heads/release/1")


def test_every_permission_is_on_what_bears_the_environments_name_or_has_a_reason(
    policies: Mapping[str, Sequence[Statement]],
) -> None:
    wide = {
        statement["Sid"]
        for name in _NAMES
        for statement, _, resource in grants(policies[name])
        if not _OWN.search(resource)
    }

    assert wide == _NOT_OWN.keys()
    assert not [action for name in _NAMES for _, action, _ in grants(policies[name]) if "*" in action]


def test_what_is_bound_by_a_condition_has_it(policies: Mapping[str, Sequence[Statement]]) -> None:
    conditions = {statement["Sid"]: statement.get("Condition") for statement in policies["deploy"]}
    boundary = f"arn:aws:iam::000000000000:policy/pulsequeue-{_ENVIRONMENT}-boundary"
    function = f"arn:aws:lambda:eu-west-2:000000000000:function:{_ENVIRONMENT}-*"

    assert conditions["WriteBoundedRoles"] == {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    assert conditions["PassRolesToFunctions"] == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    assert conditions["CreateMappings"] == conditions["WriteMappings"] == {"ArnLike": {"lambda:FunctionArn": function}}


def test_what_bears_no_name_is_bound_by_the_environments_tag(policies: Mapping[str, Sequence[Statement]]) -> None:
    written = (*policies["deploy"], *policies["users"])
    conditions = {statement["Sid"]: statement.get("Condition") for statement in written}
    asked = {"StringEquals": {"aws:RequestTag/Environment": _ENVIRONMENT}}
    has = {"StringEquals": {"aws:ResourceTag/Environment": _ENVIRONMENT}}
    new = {**asked, "StringEqualsIfExists": {"aws:ResourceTag/Environment": _ENVIRONMENT}}

    assert conditions["CreateTaggedKeys"] == conditions["CreateTaggedUserPools"] == asked
    assert conditions["WriteAndUseTaggedKeys"] == conditions["WriteTaggedApis"] == has
    assert conditions["GrantTaggedKeys"] == {**has, "Bool": {"kms:GrantIsForAWSResource": "true"}}
    assert conditions["TagNewKeys"] == {**new, "Null": {"kms:ResourceAliases": "true"}}
    assert conditions["CreateTaggedApis"] == conditions["TagNewUserPools"] == new
    assert conditions["WriteTaggedUserPools"] == conditions["TestAsCustomer"] == has
    assert conditions["WriteApiParts"] == {"StringEqualsIfExists": {"aws:ResourceTag/Environment": _ENVIRONMENT}}


def test_an_api_is_made_and_changed_by_no_other_statement(policies: Mapping[str, Sequence[Statement]]) -> None:
    writing = {
        (statement["Sid"], action.partition(":")[2], resource.partition("::")[2])
        for statement, action, resource in grants(policies["deploy"])
        if action.startswith("apigateway:")
    }

    assert writing == {
        *(
            ("CreateTaggedApis", action, path)
            for action in ("POST", "PUT")
            for path in ("/apis", "/apis/*/stages", "/tags/*")
        ),
        *(
            ("WriteApiParts", action, path)
            for action in ("DELETE", "PATCH", "POST")
            for path in ("/apis/*/integrations*", "/apis/*/routes*")
        ),
        *(
            ("WriteTaggedApis", action, path)
            for action in ("DELETE", "PATCH", "POST", "PUT")
            for path in ("/apis/*", "/tags/*")
        ),
    }


def test_no_role_is_written_but_under_the_boundary(policies: Mapping[str, Sequence[Statement]]) -> None:
    """To delete and to tag widens nothing; to attach a policy, or to take the boundary away, is in no statement."""
    writing = {
        (statement["Sid"], action)
        for statement, action, _ in grants(policies["deploy"])
        if action.startswith("iam:") and statement["Sid"] != "WriteBoundedRoles"
    }

    assert writing == {
        ("WriteRoles", "iam:DeleteRole"),
        ("WriteRoles", "iam:TagRole"),
        ("WriteRoles", "iam:UntagRole"),
        ("PassRolesToFunctions", "iam:PassRole"),
    }


def test_the_role_that_plans_only_reads_but_for_the_lock_of_the_state(
    policies: Mapping[str, Sequence[Statement]],
) -> None:
    reading = re.compile(r"(apigateway:GET|kms:Decrypt|[\w-]+:(Get|Describe|List|View)\w+)")

    writing = {
        (action, resource.rpartition(".")[2])
        for _, action, resource in grants(policies["plan"])
        if not reading.fullmatch(action)
    }

    assert writing == {("s3:PutObject", "tflock"), ("s3:DeleteObject", "tflock")}


def test_aws_takes_policies_of_this_length(policies: Mapping[str, Sequence[Statement]]) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, with room for longer names."""
    lengths = {name: len(json.dumps(statements, separators=(",", ":"))) for name, statements in policies.items()}

    assert lengths["plan"] < 6_144 * 0.8
    assert lengths["users"] < 6_144 * 0.8
    assert lengths["boundary"] < 6_144 * 0.8
    assert lengths["deploy"] < 10_240 * 0.8


def test_the_boundary_stops_no_function_of_what_its_role_allows(
    world: World, policies: Mapping[str, Sequence[Statement]]
) -> None:
    iam, own = world.target.client("iam"), world.target.environment
    allowed = [(action, resource.replace(_ENVIRONMENT, own)) for _, action, resource in grants(policies["boundary"])]

    for function in [each.name for each in world.deployment.functions.values()]:
        for policy in iam.list_role_policies(RoleName=function)["PolicyNames"]:
            document: Any = iam.get_role_policy(RoleName=function, PolicyName=policy)["PolicyDocument"]
            for _, action, resource in grants(document["Statement"]):
                assert any(action == kind and fnmatchcase(resource, pattern) for kind, pattern in allowed), (
                    action,
                    resource,
                )


def test_the_boundary_lets_a_function_use_a_customer_key(policies: Mapping[str, Sequence[Statement]]) -> None:
    module = (REPO_ROOT / "infra" / "modules" / "lambda" / "lambda-function" / "main.tf").read_text()
    (wanted,) = re.findall(r'sid += "UseCustomerKey"\s+actions += \[([^\]]+)\]', module)

    allowed = {action for statement, action, _ in grants(policies["boundary"]) if statement["Sid"] == "UseTaggedKeys"}

    assert set(re.findall(r'"([^"]+)"', wanted)) == allowed
