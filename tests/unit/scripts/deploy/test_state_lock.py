import io
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scripts.cli.errors import UserError
from scripts.deploy import planning, state_lock
from scripts.deploy.remote_state import state_bucket
from scripts.deploy.state_lock import StateLock, check_unlocked, read_lock, unlock
from scripts.deploy.target import Target
from tests.unit.conftest import REGION, Aws

SINCE = datetime(2026, 1, 1, 12, tzinfo=UTC)


class PlayedTerraform:
    def __init__(self) -> None:
        self.unlocked: list[str] = []

    def __call__(self, _: Target) -> "PlayedTerraform":
        return self

    def unlock(self, lock_id: str) -> None:
        self.unlocked.append(lock_id)


@pytest.fixture
def target(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    del aws  # which stands for the account
    monkeypatch.setattr(Target, "state_folder", tmp_path / "dev")
    found, location = Target("aws", "dev", REGION), {"LocationConstraint": REGION}
    found.client("s3").create_bucket(Bucket=state_bucket(found), CreateBucketConfiguration=location)  # type: ignore[arg-type] # any region
    return found


@pytest.fixture
def terraform(monkeypatch: pytest.MonkeyPatch) -> PlayedTerraform:
    played = PlayedTerraform()
    monkeypatch.setattr(state_lock, "initialised_terraform", played)
    return played


def leave_a_lock(target: Target, since: datetime = SINCE) -> None:
    """As Terraform 1.11 does: https://github.com/hashicorp/terraform/blob/v1.11.4/internal/states/statemgr/locker.go."""
    lock = {
        "ID": "0f7c",
        "Operation": "OperationTypeApply",
        "Info": "",
        "Who": "ann@laptop",
        "Version": "1.11.4",
        "Created": f"{since:%Y-%m-%dT%H:%M:%S}.123456789Z",
        "Path": "",
    }
    target.client("s3").put_object(
        Bucket=state_bucket(target), Key="dev/terraform.tfstate.tflock", Body=json.dumps(lock).encode()
    )


def test_a_lock_says_whose_it_is_and_since_when(target: Target) -> None:
    assert read_lock(target) is None

    leave_a_lock(target)

    assert read_lock(target) == StateLock("0f7c", "apply", "ann@laptop", SINCE)


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (timedelta(seconds=90), "90 s ago"),
        (timedelta(minutes=12), "12 min ago"),
        (timedelta(hours=30), "30 h ago"),
        (timedelta(days=3), "3 days ago"),
    ],
)
def test_the_age_of_a_lock_is_told_in_one_unit(age: timedelta, shown: str) -> None:
    assert StateLock("", "apply", "ann@laptop", SINCE).described(SINCE + age).endswith(shown)


def test_what_is_locked_names_the_task_that_unlocks_it(target: Target) -> None:
    check_unlocked(target)
    leave_a_lock(target, datetime.now(UTC) - timedelta(minutes=12))

    advice = r"`terraform apply` of ann@laptop locked it 12 min ago\. .*`invoke unlock --target aws`"
    with pytest.raises(UserError, match=advice):
        check_unlocked(target)


def test_a_plan_is_refused_before_terraform_is_asked(
    target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(planning, "DIST", tmp_path / "dist")
    monkeypatch.setattr(planning, "initialised_terraform", lambda _: pytest.fail("Terraform was asked"))
    (tmp_path / "dist" / "aws").mkdir(parents=True)
    leave_a_lock(target)

    with pytest.raises(UserError, match="is in use"):
        planning.plan(target)


@pytest.mark.parametrize("confirmed", [None, "dev"])
def test_a_lock_is_taken_away_once_that_is_confirmed(
    target: Target, terraform: PlayedTerraform, monkeypatch: pytest.MonkeyPatch, confirmed: str | None
) -> None:
    leave_a_lock(target)
    typed = io.StringIO("dev\n")
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)

    unlock(target, confirmed)

    assert terraform.unlocked == ["0f7c"]


@pytest.mark.parametrize(("confirmed", "message"), [("prod", "nothing was unlocked"), (None, "--yes-unlock dev")])
def test_a_lock_stays_where_nobody_confirms(
    target: Target, terraform: PlayedTerraform, confirmed: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_a_lock(target)
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    with pytest.raises(UserError, match=message):
        unlock(target, confirmed)

    assert not terraform.unlocked


def test_what_is_not_locked_is_left_alone(
    target: Target, terraform: PlayedTerraform, capsys: pytest.CaptureFixture[str]
) -> None:
    unlock(target, None)

    assert not terraform.unlocked
    assert "is not locked" in capsys.readouterr().out
