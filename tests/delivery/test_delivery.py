"""The life of a deployment, on an embedded AWS of its own: reviewed, applied, changed by hand, mended."""

import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scripts.cli.errors import UserError
from scripts.cli.paths import DIST
from scripts.deploy import applying, drift, environments, planning
from scripts.deploy.deployment import Deployment
from scripts.deploy.plan.model import Action
from scripts.deploy.target import Target
from scripts.deploy.terraform import Terraform

SYSTEM = "module.pulsequeue"
QUEUE = f"{SYSTEM}.module.order_service.module.queue[0].aws_sqs_queue.this"
TARGET = f'{SYSTEM}.module.order_service.module.rule["order-placed"].aws_cloudwatch_event_target.this'
ROLE_POLICY = f"{SYSTEM}.module.order_service.module.handler[0].aws_iam_role_policy.this"
ROLE = f"{SYSTEM}.module.payment_service.module.handler[0].aws_iam_role.this"
LOG_GROUP = f"{SYSTEM}.module.metrics_api.aws_cloudwatch_log_group.this"
FUNCTION = f"{SYSTEM}.module.order_service.module.handler[0].aws_lambda_function.this"


def drift_of(target: Target, monkeypatch: pytest.MonkeyPatch) -> tuple[int, set[tuple[str, str, str, str]]]:
    """Give the task's exit code, and what it found."""
    found, code = planning.find_drift(target), 0
    with monkeypatch.context() as patch:
        patch.setattr(planning, "find_drift", lambda _: found)
        try:
            drift.show_drift(target)
        except SystemExit as end:
            code = int(end.code or 0)
    gone = {(each.address, "", "exists", "deleted") for each in found if each.action is Action.DESTROY}
    return code, gone | {(each.address, row.path, row.before, row.after) for each in found for row in each.attributes}


def test_what_was_changed_by_hand_is_named_and_a_plan_from_a_folder_mends_it_once(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam: Any = target.session().client("iam", endpoint_url=target.endpoint_url)
    backdoor = {"RoleName": Deployment.of(target).functions["payment-service"].name, "PolicyName": "backdoor"}
    change_by_hand(target, iam)
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(**backdoor, PolicyDocument=json.dumps(everything))

    code, found = drift_of(target, monkeypatch)

    assert code == 2
    assert found == {
        (QUEUE, "visibility_timeout_seconds", "30", "5"),
        (TARGET, "", "exists", "deleted"),
        (ROLE_POLICY, "policy", "", "allow dynamodb:DeleteTable on *"),
        (ROLE, "inline_policy", "", "allow * on *"),
    }
    first, second = tmp_path / "first", tmp_path / "second"
    review = planning.plan(target, first)
    assert {each.address for each in review.drift} == {QUEUE, TARGET, ROLE_POLICY, ROLE}
    assert review.risks == ()
    shutil.copytree(first, second)

    # As on another machine: without Terraform's working files.
    # Terraform does not undo resources that it does not manage.
    shutil.rmtree(target.state_folder / "terraform")
    iam.delete_role_policy(**backdoor)
    applying.apply(target, first)

    assert drift_of(target, monkeypatch) == (0, set())
    refuse_to_apply_again(target, second)


def change_by_hand(target: Target, iam: Any) -> None:  # noqa: ANN401 - there are no stubs for IAM here
    made, events = Deployment.of(target), target.client("events")
    rule: Any = {"Rule": "test-order-placed", "EventBusName": made.buses["order"]}
    name = made.functions["order-service"].name
    target.client("sqs").set_queue_attributes(QueueUrl=made.queues["order"].url, Attributes={"VisibilityTimeout": "5"})
    events.remove_targets(**rule, Ids=[each["Id"] for each in events.list_targets_by_rule(**rule)["Targets"]])
    policy = iam.get_role_policy(RoleName=name, PolicyName=name)["PolicyDocument"]
    policy["Statement"].append({"Effect": "Allow", "Action": "dynamodb:DeleteTable", "Resource": "*"})
    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(policy))


def refuse_to_apply_again(target: Target, folder: Path) -> None:
    """The state has moved on. A plan without its review, or with another plan's, is refused too."""
    plan_file, review_file = folder / "deployment.tfplan", folder / "deployment.review.json"
    plan, review = plan_file.read_bytes(), review_file.read_text()

    with pytest.raises(UserError, match="the plan is stale: test has been changed since it was made"):
        applying.apply(target, folder)
    plan_file.write_bytes(plan + b" ")
    with pytest.raises(UserError, match="not the one that was reviewed"):
        applying.apply(target, folder)
    plan_file.write_bytes(plan)
    review_file.unlink()
    with pytest.raises(UserError, match="has no review beside it"):
        applying.apply(target, folder)
    # Somebody applies another between the check and the apply: Terraform notices.
    serial = json.loads(Terraform(environments.root_of(target), target).call("state", "pull").stdout)["serial"]
    review_file.write_text(re.sub(r'"serial": \d+', f'"serial": {serial}', review))
    with pytest.raises(UserError, match="the plan is stale: somebody has applied another"):
        applying.apply(target, folder)


def test_what_would_be_lost_wants_to_be_allowed_and_the_packages_must_be_those_of_the_plan(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "dist" / target.name / "order_service.zip"
    shutil.copytree(DIST / target.name, package.parent)
    with zipfile.ZipFile(package, "a") as changed:
        changed.writestr("new.py", "")
    monkeypatch.setattr(planning, "DIST", tmp_path / "dist")
    plan = Terraform.plan
    monkeypatch.setattr(Terraform, "plan", lambda *given: plan(*given, f"-replace={LOG_GROUP}"))
    made, client = Deployment.of(target), target.client("lambda")
    before = client.get_function_configuration(FunctionName=made.functions["order-service"].name)["CodeSha256"]

    review = planning.plan(target, tmp_path)

    assert [(risk.kind, risk.address) for risk in review.risks] == [("loss", LOG_GROUP), ("code", FUNCTION)]
    assert {Path(path).name for path in review.stamp.packages} == {
        zipped.name for zipped in package.parent.glob("*.zip")
    }
    with pytest.raises(UserError, match=r"would be replaced, and the logs in it lost \(requested\)"):
        applying.apply(target, tmp_path)
    with pytest.raises(UserError, match=f"you can allow:\n  {re.escape(LOG_GROUP)}"):
        applying.apply(target, tmp_path, [QUEUE])
    planned = package.read_bytes()
    package.write_bytes(b"built again")
    with pytest.raises(UserError, match=r"since the plan was made: order_service\.zip;"):
        applying.apply(target, tmp_path, [LOG_GROUP])
    assert client.get_function_configuration(FunctionName=made.functions["order-service"].name)["CodeSha256"] == before
    package.write_bytes(planned)
    applying.apply(target, tmp_path, [LOG_GROUP])
    assert client.get_function_configuration(FunctionName=made.functions["order-service"].name)["CodeSha256"] != before
