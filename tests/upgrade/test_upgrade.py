"""An upgrade: what an earlier commit deployed is deployed again from here, and keeps all that it holds."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.build_lambda import build
from scripts.cli.paths import LOCAL_FOLDER, REPO_ROOT
from scripts.deploy import applying, planning
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.audit.report import audit_deployment
from tests.integration.test_deployment import changes
from tests.integration.world import World

ORDER = "order-from-before"
STATEFUL = {
    "aws_apigatewayv2_api",
    "aws_cloudwatch_event_archive",
    "aws_cloudwatch_event_bus",
    "aws_cloudwatch_log_group",
    "aws_cognito_user_pool",
    "aws_dynamodb_table",
    "aws_kms_key",
    "aws_sns_topic",
    "aws_sqs_queue",
}


@dataclass(frozen=True)
class Before:
    """What was deployed, and what of it went under another name since, which is a loss of its own."""

    commit: str
    renamed: str | None = None
    stateful_losses: tuple[str, ...] = ()
    """By their addresses of today."""
    metrics_task: str = "metrics-token"


# The last commit before services were modules, the last before deadlines were written, the last before a service
# could have several functions, and the last before customers had keys.
MODULES = Before("f467370")
DEADLINES = Before(
    "da7b455",
    renamed="reservation-sweep",
    stateful_losses=("module.pulsequeue.module.deadline_sweeper.module.handler[0].aws_cloudwatch_log_group.this",),
)
FUNCTIONS = Before("afd4c06", metrics_task="monitor.token")
CUSTOMERS = Before("773a587", metrics_task="monitor.token")
_EVERY = {"modules": MODULES, "deadlines": DEADLINES, "functions": FUNCTIONS, "customers": CUSTOMERS}


@pytest.fixture(scope="module", params=[*_EVERY.values()], ids=[*_EVERY])
def before(request: pytest.FixtureRequest) -> Before:
    found: Before = request.param
    known = subprocess.run(["git", "cat-file", "-e", found.commit], cwd=REPO_ROOT, capture_output=True, check=False)
    if known.returncode:
        pytest.fail(f"the commit {found.commit} is not in this clone: `git fetch --unshallow`")
    return found


@pytest.fixture(scope="module")
def target(before: Before, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """An embedded AWS to which the earlier commit was deployed by its own tasks, with an order that is done."""
    environ = {**os.environ, "PULSEQUEUE_PORT": "0", "PULSEQUEUE_INSTANCE": "upgrade", "ENVIRONMENT": "dev"}
    target = Target.from_environment("local", environ)
    target.emulator.stop()
    try:
        target.emulator.start(target.region, environ)
        tree = checked_out(before.commit, tmp_path_factory.mktemp("before"))
        for steps in (
            ["bootstrap", "build", "plan", "apply", before.metrics_task, "seed-inventory"],
            ["put-order", "--order-id", ORDER, "--item", "prod-006=2"],
        ):
            subprocess.run([sys.executable, "-m", "invoke", *steps], cwd=tree, env=environ, check=True)
        yield target
    finally:
        target.emulator.stop()


def checked_out(commit: str, folder: Path) -> Path:
    """Give a tree of that commit which shares the embedded AWS, and all else that the tasks keep, with this one."""
    archive = subprocess.run(["git", "archive", commit], cwd=REPO_ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    (folder / LOCAL_FOLDER.name).symlink_to(LOCAL_FOLDER)
    return folder


def test_an_upgrade_replaces_nothing_that_holds_something_and_finds_its_orders_again(
    target: Target, before: Before
) -> None:
    build(target.name)
    planning.plan(target)
    planned = {change["address"]: change for change in planning.read_plan(target)["resource_changes"]}

    lost = {address: change for address, change in planned.items() if "delete" in change["change"]["actions"]}
    assert {address for address, change in lost.items() if change["type"] in STATEFUL} == {*before.stateful_losses}
    for address, change in lost.items():
        assert before.renamed, f"{address} is lost"
        assert before.renamed in json.dumps(change["change"]["before"]), f"{address} is lost"

    applying.apply(target, allowed=before.stateful_losses)

    planning.plan(target)
    assert changes(planning.read_plan(target)) == {}
    world = World(target, Deployment.of(target))
    (old,) = world.wait(ORDER)
    (new,) = world.run(world.order({world.new_sku(): 1}))
    assert (old.events[0], new.events[-1]) == ("OrderValidated", "OrderConfirmed")
    audit_deployment(target)
