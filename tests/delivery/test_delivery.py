"""The life of a deployment, on an embedded AWS of its own: reviewed, applied, changed by hand, mended, and taken down."""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import deployment, destroy, drift
from scripts.build_lambda import DIST
from scripts.deployed import deployed
from scripts.deployment import Deployment
from scripts.errors import UserError
from scripts.made_secrets import METRICS_TOKEN, read
from scripts.plan.model import Action, ResourceChange
from scripts.target import Target
from scripts.terraform import Terraform

SYSTEM = "module.order_system"
QUEUE = f"{SYSTEM}.module.order_queue.aws_sqs_queue.this"
TARGET = f"{SYSTEM}.module.order_placed_rule.aws_cloudwatch_event_target.this"
ROLE_POLICY = f'{SYSTEM}.module.function["order-service"].aws_iam_role_policy.this'
ROLE = f'{SYSTEM}.module.function["payment-service"].aws_iam_role.this'
LOG_GROUP = f"{SYSTEM}.module.metrics_api.aws_cloudwatch_log_group.this"
TABLE = f"{SYSTEM}.module.inventory_table.aws_dynamodb_table.this"


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    settings = {
        "ENVIRONMENT": "test",
        "PULSEQUEUE_INSTANCE": f"{os.environ.get('PULSEQUEUE_INSTANCE', 'test')}-delivery",
    }
    with deployed(settings) as target:
        yield target


def rows(found: tuple[ResourceChange, ...]) -> set[tuple[str, str, str, str]]:
    gone = {(each.address, "", "there", "gone") for each in found if each.action is Action.DESTROY}
    return gone | {(each.address, row.path, row.before, row.after) for each in found for row in each.attributes}


def test_a_fresh_deployment_has_not_drifted(target: Target) -> None:
    drift.run(target)


def test_what_was_changed_by_hand_is_named_until_it_is_mended(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    made, events = Deployment.of(target), target.client("events")
    iam: Any = target.session().client("iam", endpoint_url=target.endpoint_url)
    rule: Any = {"Rule": "test-order-placed", "EventBusName": made.order_bus_name}
    name = made.function_names["order-service"]
    target.client("sqs").set_queue_attributes(QueueUrl=made.order_queue_url, Attributes={"VisibilityTimeout": "5"})
    events.remove_targets(**rule, Ids=[each["Id"] for each in events.list_targets_by_rule(**rule)["Targets"]])
    policy = iam.get_role_policy(RoleName=name, PolicyName=name)["PolicyDocument"]
    policy["Statement"].append({"Effect": "Allow", "Action": "dynamodb:DeleteTable", "Resource": "*"})
    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
    backdoor = {"RoleName": made.function_names["payment-service"], "PolicyName": "backdoor"}
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(**backdoor, PolicyDocument=json.dumps(everything))

    with pytest.raises(SystemExit) as end:
        drift.run(target)
    found = rows(deployment.drift(target))

    assert end.value.code == drift.EXIT_CODE == 2
    assert "4 resources were changed outside Terraform" in capsys.readouterr().out
    unsaid = (ROLE, "inline_policy", "", "allow * on *")
    assert found == {
        (QUEUE, "visibility_timeout_seconds", "60", "5"),
        (TARGET, "", "there", "gone"),
        (ROLE_POLICY, "policy", "", "allow dynamodb:DeleteTable on *"),
        unsaid,
    }
    review = deployment.plan(target)
    assert {each.address for each in review.drift} == {address for address, *_ in found}
    assert review.risks == ()
    deployment.apply(target)
    assert rows(deployment.drift(target)) == {unsaid}
    iam.delete_role_policy(**backdoor)
    drift.run(target)


def test_a_plan_is_handed_over_in_a_folder_and_stale_once_another_was_applied(target: Target, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        deployment.plan(target, folder)

    # As another machine has it: without what Terraform keeps beside a plan.
    shutil.rmtree(target.state_folder / "terraform")
    deployment.apply(target, first)

    with pytest.raises(UserError, match="the plan is stale: test has been changed since it was made"):
        deployment.apply(target, second)


def test_a_plan_without_its_review_or_with_another_is_refused(target: Target, tmp_path: Path) -> None:
    deployment.plan(target, tmp_path)
    plan_file, review_file = tmp_path / "deployment.tfplan", tmp_path / "deployment.review.json"
    review = review_file.read_text()

    review_file.unlink()
    with pytest.raises(UserError, match="has no review beside it"):
        deployment.apply(target, tmp_path)
    review_file.write_text(review)
    plan_file.write_bytes(plan_file.read_bytes() + b" ")
    with pytest.raises(UserError, match="not the one that was reviewed"):
        deployment.apply(target, tmp_path)


def test_what_would_be_lost_blocks_until_it_is_allowed(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = Terraform.plan
    monkeypatch.setattr(Terraform, "plan", lambda *given: planned(*given, f"-replace={LOG_GROUP}"))
    client, name = target.client("logs"), "/aws/apigateway/test-metrics"
    made = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]

    review = deployment.plan(target, tmp_path)

    assert [risk.address for risk in review.blocking] == [LOG_GROUP]
    with pytest.raises(UserError, match=r"would be replaced, and the logs in it lost \(asked for\)"):
        deployment.apply(target, tmp_path)
    with pytest.raises(UserError, match=f"could be allowed:\n  {LOG_GROUP}"):
        deployment.apply(target, tmp_path, [QUEUE])
    assert client.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == made
    deployment.apply(target, tmp_path, [LOG_GROUP])
    assert client.describe_log_groups(logGroupNamePrefix=name)["logGroups"] != made


def test_a_plan_is_for_the_packages_that_it_was_made_with(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "dist" / target.name / "order_service.zip"
    shutil.copytree(DIST / target.name, package.parent)
    monkeypatch.setattr(deployment, "DIST", tmp_path / "dist")
    with zipfile.ZipFile(package, "a") as changed:
        changed.writestr("new.py", "")

    review = deployment.plan(target, tmp_path)

    assert [(risk.kind, risk.text) for risk in review.risks] == [("code", "its code changes")]
    assert [Path(path).name for path in review.stamp.packages] == [package.name]
    package.write_bytes(b"built again")
    with pytest.raises(UserError, match=r"built again or are gone: order_service\.zip;"):
        deployment.apply(target, tmp_path)


def test_the_environment_is_taken_down_once_nothing_protects_it(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    client, table = target.client("dynamodb"), Deployment.of(target).inventory_table_name
    client.update_table(TableName=table, DeletionProtectionEnabled=True)

    with pytest.raises(UserError, match="deletion protection is on") as refused:
        destroy.run(target, target.environment)
    assert TABLE in str(refused.value)
    assert table in client.list_tables()["TableNames"]
    client.update_table(TableName=table, DeletionProtectionEnabled=False)
    destroy.run(target, target.environment)

    assert client.list_tables()["TableNames"] == []
    assert target.client("sqs").list_queues().get("QueueUrls", []) == []
    with pytest.raises(UserError, match="nothing is deployed as test"):
        Deployment.of(target)
    assert read(target, METRICS_TOKEN.name)
    remains = capsys.readouterr().out.partition("what remains of test:")[2]
    assert "pulsequeue-test-terraform-state" in remains
    assert "/test/metrics-token" in remains
