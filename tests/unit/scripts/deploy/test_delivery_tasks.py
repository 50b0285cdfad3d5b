"""What the tasks around a plan ask, print and end with; Terraform is played."""

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from scripts.cli import steps
from scripts.cli.errors import UserError
from scripts.deploy import applying, bootstrap, destroy, drift, github_access, planning, remote_state, terraform
from scripts.deploy.plan.guard import PLAN_FILE, REVIEW_FILE, plan_sha256, to_json
from scripts.deploy.plan.model import Action, AttributeChange, ResourceChange, Review
from scripts.deploy.plan.review import review
from scripts.deploy.target import Target
from scripts.deploy.terraform_progress import Progress
from scripts.tasks import deploy as deploy_tasks
from tests.unit.scripts.deploy.plan.factory import STAMP, change, plan

DEV = Target("local", "dev")
QUEUE = change("aws_sqs_queue.this", {"name": "q"})
PROTECTED = change("aws_dynamodb_table.this", {"name": "t", "deletion_protection_enabled": True})


@dataclass
class Played:
    """A deployment that plans what it is told, and remembers what it was asked to apply."""

    changes: tuple[dict[str, Any], ...] = (QUEUE,)
    applied: list[Collection[str]] = field(default_factory=list)

    def plan(self, target: Target, _: Path | None = None, *, destroy: bool = False) -> Review:
        return review(plan(*self.changes), target, STAMP, destroy=destroy)

    def apply(self, _: Target, __: Path | None, allowed: Collection[str], *, destroy: bool) -> int:
        assert destroy
        self.applied.append(allowed)
        return len(self.changes)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Played:
    played = Played()
    monkeypatch.setattr(planning, "plan", played.plan)
    monkeypatch.setattr(applying, "apply", played.apply)
    monkeypatch.setattr(Target, "state_folder", tmp_path)
    monkeypatch.setattr(destroy, "_parameters", lambda _: ["/dev/metrics-token"])
    monkeypatch.setattr(github_access, "boundary", lambda _: {})
    return played


def types(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    answer = io.StringIO(text)
    monkeypatch.setattr(answer, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", answer)


def test_an_environment_is_taken_down_once_its_name_is_typed(
    played: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    types(monkeypatch, "dev\n")

    destroy.destroy_environment(DEV, None)

    assert played.applied == [["aws_sqs_queue.this"]]
    shown, _, remains = capsys.readouterr().out.partition("what remains of dev")
    assert "would be destroyed, and the messages in it lost" in shown
    assert "changes made: 1" in shown
    assert "the bucket pulsequeue-dev-terraform-state" in remains
    assert "/dev/metrics-token" in remains


def test_what_lets_github_deploy_remains_and_is_told(
    played: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert played.changes
    monkeypatch.setattr(github_access, "boundary", lambda _: {"permissions_boundary_arn": "arn:boundary"})

    destroy.destroy_environment(DEV, "dev")

    remains = capsys.readouterr().out
    assert (
        "the roles pulsequeue-dev-plan and pulsequeue-dev-deploy, their policies, the boundary arn:boundary" in remains
    )
    assert "`invoke bootstrap --target local --github-repository ''`" in remains


@pytest.mark.parametrize("answer", ["yes\n", "prod\n", "\n", ""])
def test_another_answer_destroys_nothing(played: Played, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    types(monkeypatch, answer)

    with pytest.raises(UserError, match="nothing was destroyed"):
        destroy.destroy_environment(DEV, None)
    assert played.applied == []


def test_where_nobody_can_be_asked_the_name_has_to_be_given(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("dev\n"))

    with pytest.raises(UserError, match="--yes-destroy dev"):
        destroy.destroy_environment(DEV, None)
    with pytest.raises(UserError, match="nothing was destroyed: 'staging' is not 'dev'"):
        destroy.destroy_environment(DEV, "staging")
    assert played.applied == []
    destroy.destroy_environment(DEV, "dev")
    assert len(played.applied) == 1


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_staging_and_production_are_never_taken_down(played: Played, environment: str) -> None:
    with pytest.raises(UserError, match="not an environment for development"):
        destroy.destroy_environment(Target("aws", environment), environment)
    assert played.applied == []


def test_what_is_protected_from_deletion_is_named_and_nothing_is_destroyed(played: Played) -> None:
    played.changes = (QUEUE, PROTECTED)

    with pytest.raises(UserError, match=r"deletion protection is on:\n  aws_dynamodb_table.this\n"):
        destroy.destroy_environment(DEV, "dev")
    assert played.applied == []


def test_where_there_is_nothing_nothing_is_applied(played: Played) -> None:
    played.changes = ()

    destroy.destroy_environment(DEV, "dev")

    assert played.applied == []


def test_a_review_is_shown_and_written_to_the_files_that_are_named(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert played.changes
    planning.plan_with_review_files(DEV, folder=None, markdown_file=tmp_path / "a.md", json_file=tmp_path / "a.json")

    assert "aws" in (tmp_path / "a.md").read_text()
    assert '"format": 1' in (tmp_path / "a.json").read_text()
    assert "plan for dev on local: 1 to destroy" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["markdown_file", "json_file"])
def test_a_review_that_cannot_be_written_is_said_before_anything_is_planned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str
) -> None:
    monkeypatch.setattr(planning, "plan", lambda *_: pytest.fail("it was planned"))
    files: dict[str, Path | None] = {"markdown_file": None, "json_file": None}
    (tmp_path / "file").touch()

    with pytest.raises(UserError, match=r"file/a cannot be written: File exists"):
        planning.plan_with_review_files(DEV, folder=None, **files | {option: tmp_path / "file" / "a"})
    with pytest.raises(UserError, match="Is a directory"):
        planning.plan_with_review_files(DEV, folder=None, **files | {option: tmp_path})


def test_a_plan_is_not_kept_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()

    with pytest.raises(UserError, match=r"a plan cannot be kept in .*README\.md: File exists"):
        planning.plan(DEV, tmp_path / "README.md")


def test_drift_ends_with_2_and_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    changed = ResourceChange("q.this", "q", "SQS", "root", Action.UPDATE, (AttributeChange("delay", "1", "2"),))
    gone = ResourceChange("t.this", "t", "EventBridge", "root", Action.DESTROY)
    monkeypatch.setattr(planning, "find_drift", lambda _: (changed, gone))

    with pytest.raises(SystemExit) as end:
        drift.show_drift(DEV)

    assert end.value.code == 2
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["q.this", "delay", "1", "2"] in lines
    assert ["t.this", "exists", "deleted"] in lines


def test_without_drift_the_task_ends_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(planning, "find_drift", lambda _: ())

    drift.show_drift(DEV)

    assert "dev on local has not been changed outside Terraform" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("target", "destroy", "said"),
    [
        (Target("aws", "dev"), False, "the plan is for dev on local, not for dev on aws: `invoke plan --target aws`"),
        (
            Target("local", "ada"),
            False,
            "the plan is for dev on local, not for ada on local: `invoke plan --target local`",
        ),
        (DEV, True, "the plan destroys dev on local: `invoke destroy-dev --target local` does that"),
    ],
)
def test_a_plan_for_something_else_is_not_applied(
    tmp_path: Path,
    target: Target,
    destroy: bool,  # noqa: FBT001 - a parameter
    said: str,
) -> None:
    (tmp_path / PLAN_FILE).touch()
    (tmp_path / REVIEW_FILE).write_text(to_json(review(plan(QUEUE), DEV, STAMP, destroy=destroy)))

    with pytest.raises(UserError) as refused:
        applying.apply(target, tmp_path)
    assert str(refused.value) == said


@dataclass
class PlayedTerraform:
    """Plans what it is told to, and fails to show it where there is nothing."""

    document: dict[str, Any] | None = None
    applied: list[Path] = field(default_factory=list)
    backends: list[Mapping[str, str]] = field(default_factory=list)

    def __call__(self, *_: object) -> "PlayedTerraform":
        return self

    def init(self, backend: Mapping[str, str]) -> None:
        self.backends.append(backend)

    def outputs(self) -> dict[str, Any]:
        return {}

    def plan(self, plan_file: Path, *_: object) -> None:
        plan_file.touch()

    def show_plan(self, _: Path) -> dict[str, Any]:
        if self.document is None:
            raise UserError("terraform show failed")
        return self.document

    def apply(self, plan_file: Path) -> Progress:
        if self.document is None:
            raise UserError("terraform apply failed")
        self.applied.append(plan_file)
        return Progress()


def test_an_apply_asks_the_plan_what_blocks_and_not_the_review_beside_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    terraform = PlayedTerraform(plan(QUEUE))
    monkeypatch.setattr(applying, "initialised_terraform", terraform)
    monkeypatch.setattr(applying, "read_state", lambda _: STAMP.state)
    monkeypatch.setattr(applying, "check_unlocked", lambda _: None)
    monkeypatch.setattr(Target, "state_folder", tmp_path)
    target, plan_file = Target("aws", "staging"), tmp_path / PLAN_FILE
    plan_file.touch()
    stamp = replace(STAMP, plan_sha256=plan_sha256(plan_file))
    written = to_json(review(plan(QUEUE), target, stamp))
    (tmp_path / REVIEW_FILE).write_text(written.replace('"block"', '"warn"'))

    with pytest.raises(UserError, match=r"aws_sqs_queue\.this: would be destroyed"):
        applying.apply(target)
    assert terraform.applied == []
    applying.apply(target, allowed=["aws_sqs_queue.this"])
    assert terraform.applied == [plan_file]


def test_nothing_is_applied_while_the_state_is_locked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def locked(_: Target) -> None:
        raise UserError("the state is in use")

    terraform = PlayedTerraform(plan(QUEUE))
    monkeypatch.setattr(applying, "initialised_terraform", terraform)
    monkeypatch.setattr(applying, "read_state", lambda _: STAMP.state)
    monkeypatch.setattr(applying, "check_unlocked", locked)
    monkeypatch.setattr(Target, "state_folder", tmp_path)
    target, plan_file = Target("aws", "staging"), tmp_path / PLAN_FILE
    plan_file.touch()
    stamp = replace(STAMP, plan_sha256=plan_sha256(plan_file))
    (tmp_path / REVIEW_FILE).write_text(to_json(review(plan(QUEUE), target, stamp)))

    with pytest.raises(UserError, match="the state is in use"):
        applying.apply(target, allowed=["aws_sqs_queue.this"])

    assert terraform.applied == []


def test_no_plan_is_left_where_a_step_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    terraform = PlayedTerraform()
    monkeypatch.setattr(planning, "_ready", terraform)
    monkeypatch.setattr(bootstrap, "Terraform", terraform)
    monkeypatch.setattr(planning, "_variables", lambda _: {})
    monkeypatch.setattr(bootstrap, "state_bucket_exists", lambda _: False)
    monkeypatch.setattr(github_access, "settings", lambda *_: {})
    monkeypatch.setattr(Target, "state_folder", tmp_path)

    with pytest.raises(UserError, match="show failed"):
        planning.find_drift(DEV)
    with pytest.raises(UserError, match="apply failed"):
        bootstrap.bootstrap(DEV)
    assert list(tmp_path.iterdir()) == []


def test_one_checkout_bootstraps_an_environment_of_the_same_name_in_two_accounts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    terraform = PlayedTerraform(plan(QUEUE))
    monkeypatch.setattr(bootstrap, "Terraform", terraform)
    monkeypatch.setattr(bootstrap, "state_bucket_exists", lambda _: False)
    monkeypatch.setattr(github_access, "settings", lambda *_: {})
    monkeypatch.setattr(Target, "state_folder", tmp_path)

    for account in ("111111111111", "222222222222"):
        monkeypatch.setattr(Target, "prefix", f"pulsequeue-staging-{account}")
        bootstrap.bootstrap(Target("aws", "staging"))

    first, second = terraform.backends
    assert first["path"] != second["path"]


@pytest.mark.parametrize(("has_bucket", "bootstraps"), [(True, 0), (False, 1)])
def test_a_development_deployment_makes_the_state_bucket_only_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
    has_bucket: bool,  # noqa: FBT001 - a parameter
    bootstraps: int,
) -> None:
    made: list[Target] = []
    run: list[object] = []
    monkeypatch.setattr(deploy_tasks, "target_of", lambda _: DEV)
    monkeypatch.setattr(terraform, "check_ready", lambda _: None)
    monkeypatch.setattr(remote_state, "state_bucket_exists", lambda _: has_bucket)
    monkeypatch.setattr(bootstrap, "bootstrap", made.append)
    monkeypatch.setattr(steps, "run_steps", run.append)

    deploy_tasks.deploy_dev.body(Context(), checks=False)

    assert len(made) == bootstraps
    assert len(run) == 1


def test_a_development_deployment_refuses_a_setting_that_would_be_ignored_before_any_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = Target("local", "dev", environ={"TF_VAR_memory_mb": "512"})
    monkeypatch.setattr(deploy_tasks, "target_of", lambda _: target)
    monkeypatch.setattr(terraform, "check_ready", lambda _: None)
    monkeypatch.setattr(steps, "run_steps", lambda _: pytest.fail("a step was run"))

    with pytest.raises(SystemExit):
        deploy_tasks.deploy_dev.body(Context())
    assert "TF_VAR_settings='{\"memory_mb\": 512}'" in capsys.readouterr().err
