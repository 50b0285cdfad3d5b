import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from scripts.cli.errors import UserError
from scripts.deploy import bootstrap, github_access
from scripts.deploy.target import Target

_PROVIDER = "https://token.actions.githubusercontent.com"


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield Target("aws", "staging")


def test_nobody_may_deploy_unless_a_repository_is_named(target: Target) -> None:
    assert github_access.settings(target, {}, None) == {}


def test_the_first_environment_of_an_account_makes_the_provider(target: Target) -> None:
    assert github_access.settings(target, {}, "us/shop") == {
        "github_repository": "us/shop",
        "create_github_provider": "true",
    }


def test_a_provider_that_others_made_is_used(target: Target) -> None:
    target.client("iam").create_open_id_connect_provider(Url="https://other.example", ClientIDList=["x"])
    assert github_access.settings(target, {}, "us/shop")["create_github_provider"] == "true"

    target.client("iam").create_open_id_connect_provider(Url=_PROVIDER, ClientIDList=["sts.amazonaws.com"])
    assert github_access.settings(target, {}, "us/shop") == {"github_repository": "us/shop"}


def test_what_was_bootstrapped_before_stays_as_it_is(target: Target) -> None:
    target.client("iam").create_open_id_connect_provider(Url=_PROVIDER, ClientIDList=["sts.amazonaws.com"])
    made = {"github_repository": "us/shop", "owns_github_provider": True}

    assert github_access.settings(target, made, None) == {
        "github_repository": "us/shop",
        "create_github_provider": "true",
    }


def test_an_empty_name_takes_the_roles_away_and_leaves_others_their_provider(target: Target) -> None:
    assert github_access.settings(target, {"github_repository": "us/shop", "owns_github_provider": False}, "") == {}
    assert github_access.settings(target, {"github_repository": "us/shop", "owns_github_provider": True}, "") == {
        "create_github_provider": "true"
    }


def test_functions_are_bound_where_there_is_a_policy_to_bind_them(target: Target) -> None:
    assert github_access.boundary(target) == {}

    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    made = target.client("iam").create_policy(
        PolicyName="pulsequeue-staging-boundary",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )

    assert github_access.boundary(target) == {"permissions_boundary_arn": made["Policy"]["Arn"]}


def test_the_variables_that_the_workflows_want_are_told(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    roles = {"plan_role_arn": "arn:plan", "deploy_role_arn": "arn:deploy"}

    github_access.show(target, {})
    assert capsys.readouterr().out == ""

    github_access.show(target, {"github_repository": "us/shop", **roles})
    told = capsys.readouterr().out
    assert "STAGING_PLAN_ROLE_ARN" in told
    assert "arn:deploy" in told


def test_roles_are_made_only_where_terraform_knows_the_bucket(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "REPO_ROOT", tmp_path)
    location: Any = {"LocationConstraint": target.region}
    target.client("s3").create_bucket(Bucket=f"{target.prefix}-terraform-state", CreateBucketConfiguration=location)

    bootstrap.bootstrap(target)
    with pytest.raises(
        UserError, match=r"do this where \.local/aws/staging/pulsequeue-staging-123456789012-bootstrap\.tfstate is"
    ):
        bootstrap.bootstrap(target, "us/shop")
