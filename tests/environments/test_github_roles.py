"""The roles of GitHub Actions, as the embedded AWS enforces them: enough to plan and to deploy, and no more."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from scripts import post_deploy_test
from scripts.build_lambda import build
from scripts.deploy import applying, bootstrap, planning
from scripts.deploy.generated_secrets import FRONT_DOOR, METRICS_TOKEN, ensure
from scripts.deploy.target import Target
from tests.github_roles import REPOSITORY, Keys, take
from tests.integration.test_deployment import changes
from tests.integration.test_github_roles import listed

# The emulator does not know these conditions and would refuse every call that has one. tests/integration checks that
# the policies have them.
_UNKNOWN_CONDITIONS = {"iam:PermissionsBoundary", "iam:PassedToService", "lambda:FunctionArn"}
# For these calls the emulator ignores the resource and its tags.
_UNKNOWN_RESOURCES = (
    "apigateway:DELETE",
    "apigateway:PATCH",
    "apigateway:POST",
    "apigateway:PUT",
    "cloudwatch:DeleteAlarms",
    "cloudwatch:GetDashboard",
    "cloudwatch:ListTagsForResource",
    "cloudwatch:PutDashboard",
    "cognito-idp:CreateUserPool",
    "dynamodb:ListTagsOfResource",
    "dynamodb:TagResource",
    "events:CreateArchive",
    "events:DeleteArchive",
    "events:DescribeArchive",
    "events:ListTagsForResource",
    "events:ListTargetsByRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "events:TagResource",
    "kms:CreateAlias",
    "lambda:CreateFunction",
    "sns:ListTagsForResource",
    "sns:TagResource",
)
# It gives this another name.
_MISNAMED_ACTIONS = {"lambda:GetEventSourceMapping": "lambda:ListEventSourceMappings"}
# A bus, and a rule on the default bus, it takes for this.
_MISNAMED_RULES = "arn:aws:events:eu-west-2:000000000000:rule/default/staging-*"

_BOUNDARY = "arn:aws:iam::000000000000:policy/pulsequeue-staging-boundary"
_OTHER_STATE = "pulsequeue-prod-terraform-state"
_READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


@dataclass(frozen=True)
class _As(Target):
    """A target on which all is done with the keys of one role, Terraform's calls too."""

    keys: Keys = ("", "", "")

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(*self.keys, region_name=self.region)

    def process_environment(self) -> dict[str, str]:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return super().process_environment() | dict(zip(names, self.keys, strict=True))


@pytest.fixture(scope="module")
def account() -> Iterator[Target]:
    """An account in which staging may be deployed from a repository, and is not yet."""
    environ = {**os.environ, "PULSEQUEUE_PORT": "0", "PULSEQUEUE_INSTANCE": "github", "ENVIRONMENT": "staging"}
    target = Target.from_environment("local", environ)
    target.emulator.stop()
    try:
        target.emulator.start(target.region, environ)
        build(target.name)
        bootstrap.bootstrap(target, REPOSITORY)
        _allow_for_the_embedded_aws(target)
        location: Any = {"LocationConstraint": target.region}
        target.client("s3").create_bucket(Bucket=_OTHER_STATE, CreateBucketConfiguration=location)
        # It refuses plain HTTP, and the embedded AWS speaks nothing else.
        target.client("s3").delete_bucket_policy(Bucket=f"{target.prefix}-terraform-state")
        yield target
    finally:
        target.emulator.stop()


@pytest.fixture(scope="module")
def deployed(account: Target) -> Target:
    """The same after a deployment by the role, which it gives."""
    deployer = _as(account, "deploy")
    planning.plan(deployer)
    applying.apply(deployer)
    for secret in (METRICS_TOKEN, *FRONT_DOOR):
        ensure(deployer, secret)
    return deployer


def _as(target: Target, role: str) -> _As:
    return _As(target.name, target.environment, target.region, target.emulator, target.environ, take(target, role))


def _allow_for_the_embedded_aws(target: Target) -> None:
    """Write the three policies as it has to read them, to allow what AWS would."""
    iam, name = target.client("iam"), f"pulsequeue-{target.environment}"
    deploy = iam.get_role_policy(RoleName=f"{name}-deploy", PolicyName="deploy")["PolicyDocument"]
    iam.put_role_policy(RoleName=f"{name}-deploy", PolicyName="deploy", PolicyDocument=_allowed_for(deploy))
    for other in ("plan", "users"):
        arn = f"arn:aws:iam::000000000000:policy/{name}-{other}"
        policy = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=_allowed_for(policy), SetAsDefault=True)


def _allowed_for(policy: Any) -> str:  # noqa: ANN401 - the stubs make two types of it
    statements = []
    for statement in policy["Statement"]:
        actions = [*listed(statement["Action"])]
        actions += [_MISNAMED_ACTIONS[action] for action in actions if action in _MISNAMED_ACTIONS]
        resources = [*listed(statement["Resource"])]
        resources += [_MISNAMED_RULES] if actions[0].startswith("events:") else []
        conditions = statement.get("Condition", {})
        kept = {test: keys for test, keys in conditions.items() if not _UNKNOWN_CONDITIONS & keys.keys()}
        statements.append(statement | {"Action": actions, "Resource": resources, "Condition": kept})
        if unseen := [action for action in actions if action in _UNKNOWN_RESOURCES]:
            statements.append({"Effect": "Allow", "Action": unseen, "Resource": "*"})
    return json.dumps(policy | {"Statement": statements})


def test_the_role_deploys_and_tests_what_it_deployed(deployed: Target) -> None:
    post_deploy_test.check_deployment(deployed)


def test_the_role_that_plans_sees_that_nothing_is_left_to_do(deployed: Target) -> None:
    planner = _as(deployed, "plan")

    planning.plan(planner)

    assert changes(planning.read_plan(planner)) == {}


def test_the_role_that_plans_changes_nothing(deployed: Target) -> None:
    planner = _as(deployed, "plan")

    with pytest.raises(ClientError, match="AccessDenied"):
        planner.client("sqs").create_queue(QueueName="staging-other")
    with pytest.raises(ClientError, match="AccessDenied"):
        planner.client("dynamodb").scan(TableName="staging-event-store-table")


def test_the_functions_are_bound_whatever_their_roles_say(deployed: Target) -> None:
    iam = deployed.client("iam")

    bound = iam.get_role(RoleName="staging-order-service-handler")["Role"]["PermissionsBoundary"]

    assert bound["PermissionsBoundaryArn"] == _BOUNDARY


@pytest.mark.parametrize("role", ["plan", "deploy"])
def test_a_role_reaches_neither_itself_nor_its_boundary_nor_another_environment(account: Target, role: str) -> None:
    session = _as(account, role)
    iam, sqs = session.client("iam"), session.client("sqs")
    own = f"pulsequeue-staging-{role}"
    everything = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})

    with pytest.raises(ClientError, match="AccessDenied"):
        iam.put_role_policy(RoleName=own, PolicyName="more", PolicyDocument=everything)
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.create_policy_version(PolicyArn=_BOUNDARY, PolicyDocument=everything, SetAsDefault=True)
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.delete_role_permissions_boundary(RoleName="staging-order-service-handler")
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.attach_role_policy(
            RoleName="staging-order-service-handler", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"
        )
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.create_queue(QueueName="prod-order-queue")
    with pytest.raises(ClientError, match="AccessDenied"):
        session.client("s3").get_object(Bucket=_OTHER_STATE, Key="prod/terraform.tfstate")
