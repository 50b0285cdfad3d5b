import json
import os
import stat
from pathlib import Path

import pytest

from scripts.check import terraform_checks
from scripts.cli.errors import UserError
from scripts.deploy import provider_mirror, terraform
from scripts.deploy.target import Target
from scripts.deploy.terraform import Terraform
from scripts.deploy.terraform_progress import Progress
from scripts.local.emulator import Emulator

UNREACHABLE = "could not connect to registry.terraform.io: could not connect to registry"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terraform:
    monkeypatch.setattr(Emulator, "running_port", lambda _: 4800)
    monkeypatch.setattr(terraform, "REPO_ROOT", tmp_path)
    monkeypatch.setattr(terraform, "LOCAL_FOLDER", tmp_path / ".local")
    monkeypatch.setattr(terraform, "_INFRA", tmp_path / "infra")
    monkeypatch.setattr("scripts.local.emulator.LOCAL_FOLDER", tmp_path / ".local")
    monkeypatch.setattr(provider_mirror, "_MEMORY", tmp_path / "provider-mirror")
    monkeypatch.setattr(provider_mirror, "_INSTALL_ROOTS", [str(tmp_path / "opt")])
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    (tmp_path / "infra").mkdir()
    return Terraform(tmp_path / "infra", Target("local", "dev", environ={**os.environ, "XDG_DATA_DIRS": "/nowhere"}))


def pretend_terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Put a stand-in on the PATH that notes its arguments."""
    program, calls = tmp_path / "bin" / "terraform", tmp_path / "calls"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{script}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return calls


def test_missing_terraform_is_explained(root: Terraform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(UserError, match=r"1\.11 or newer"):
        root.init({})


def test_a_provider_mirror_is_found_used_and_remembered_when_the_registry_is_out_of_reach(
    root: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "opt" / "tools" / "plugins"
    (mirror / "registry.terraform.io" / "hashicorp" / "aws" / "5.100.0").mkdir(parents=True)
    needs_mirror = f'case "$*" in *-plugin-dir={mirror}*) ;; *) echo "{UNREACHABLE}" >&2; exit 1;; esac'
    calls = pretend_terraform(tmp_path, monkeypatch, needs_mirror)

    root.init({})
    root.init({"bucket": "another"})

    assert ["-plugin-dir" in call for call in calls.read_text().splitlines()] == [False, True, True]


def test_what_is_initialised_is_not_initialised_again_until_something_of_it_changes(
    root: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = f"{root.data_folder}/providers/registry/hashicorp/aws/5.100.0/linux"
    calls = pretend_terraform(tmp_path, monkeypatch, f"mkdir -p {provider}")

    def initialised(**backend: str) -> int:
        root.init(backend)
        return len(calls.read_text().splitlines())

    assert [initialised(), initialised()] == [1, 1]
    assert [initialised(bucket="another"), initialised(bucket="another")] == [2, 2]
    (root.root / "versions.tf").write_text("terraform {}")
    assert [initialised(bucket="another"), initialised(bucket="another")] == [3, 3]
    Path(provider).rmdir()
    assert initialised(bucket="another") == 4


def test_without_registry_and_mirror_a_person_is_told_what_to_do(
    root: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_terraform(tmp_path, monkeypatch, f'echo "{UNREACHABLE}" >&2; exit 1')

    with pytest.raises(UserError, match="terraform providers mirror"):
        root.init({})


def test_another_failure_of_init_is_shown_as_terraform_says_it(
    root: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = pretend_terraform(tmp_path, monkeypatch, 'echo "Error: bad backend" >&2; exit 1')

    with pytest.raises(UserError, match="terraform init failed in infra"):
        root.init({})

    assert "Error: bad backend" in capsys.readouterr().err
    assert len(calls.read_text().splitlines()) == 1


@pytest.mark.parametrize("variable", [True, False])
def test_a_provider_that_replaces_the_pinned_one_is_refused(root: Terraform, tmp_path: Path, *, variable: bool) -> None:
    settings = tmp_path / "mine.rc" if variable else tmp_path / "home" / ".terraformrc"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text('provider_installation {\n  dev_overrides {\n    "hashicorp/aws" = "/home/me/aws"\n  }\n}\n')
    environ = {"TF_CLI_CONFIG_FILE": str(settings)} if variable else {}

    with pytest.raises(UserError, match=rf"{settings.name} has a block dev_overrides"):
        Terraform(root.root, Target("local", "dev", environ=environ)).init({})


def test_a_failed_apply_shows_the_error_and_names_its_log(
    root: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    diagnostic = {"severity": "error", "summary": "no such bucket", "detail": "make one", "address": "aws_s3_bucket.a"}
    line = json.dumps({"type": "diagnostic", "diagnostic": diagnostic})
    pretend_terraform(tmp_path, monkeypatch, f"echo '{line}'; exit 1")

    with pytest.raises(UserError, match=r"terraform apply failed in infra.*apply\.log"):
        root.apply(tmp_path / "plan")

    shown = capsys.readouterr().err
    assert "no such bucket" in shown
    assert "aws_s3_bucket.a" in shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_an_apply_goes_on_to_its_end_on_a_full_disk(
    root: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = tmp_path / "state-saved"
    pretend_terraform(tmp_path, monkeypatch, f"echo one; sleep 0.2; echo two && touch {done}")
    root.data_folder.mkdir(parents=True)
    (root.data_folder / "apply.log").symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"):
        root.apply(tmp_path / "plan")

    assert done.exists()


def test_an_error_that_terraform_repeats_for_each_use_of_a_module_is_shown_once(
    root: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = {"severity": "error", "summary": "Invalid value", "range": {"filename": "", "start": {"line": 0}}}
    lines = [
        json.dumps({"type": "diagnostic", "diagnostic": shared | {"detail": detail}})
        for detail in ("too few", "too few", "too many")
    ]
    pretend_terraform(tmp_path, monkeypatch, "".join(f"echo '{line}'; " for line in lines) + "exit 1")

    with pytest.raises(UserError, match="terraform apply failed"):
        root.apply(tmp_path / "plan")

    shown = capsys.readouterr().err.splitlines()
    assert shown == ["Error: Invalid value", "too few", "Error: Invalid value", "too many"]


def test_a_plan_that_terraform_calls_stale_is_explained(
    root: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnostic = {"severity": "error", "summary": "Saved plan is stale", "detail": "the state was changed"}
    line = json.dumps({"type": "diagnostic", "diagnostic": diagnostic})
    pretend_terraform(tmp_path, monkeypatch, f"echo '{line}'; exit 1")

    with pytest.raises(UserError, match="somebody has applied another since it was made"):
        root.apply(tmp_path / "plan")


def test_progress_counts_changes_and_not_reads() -> None:
    progress = Progress()
    planned = [("create", "module.a.x.this"), ("replace", 'module.b["k"].x.this'), ("noop", "x.idle")]

    for action, address in planned:
        change = {"action": action, "resource": {"addr": address}}
        progress.read(json.dumps({"type": "planned_change", "change": change}))
    for action in ("read", "create", "delete"):
        hook = {"action": action, "resource": {"addr": "x"}}
        progress.read(json.dumps({"type": "apply_complete", "hook": hook}))

    assert (progress.done, progress.total) == (2, 3)


def test_progress_keeps_the_outputs_that_an_apply_ends_with() -> None:
    progress = Progress()

    for output in ({"action": "create"}, {"value": {"region": "eu-west-2"}, "sensitive": False}):
        progress.read(json.dumps({"type": "outputs", "outputs": {"deployment": output}}))

    assert progress.outputs == {"deployment": {"region": "eu-west-2"}}


def test_a_line_of_terraforms_debug_log_is_no_progress() -> None:
    progress = Progress()

    progress.read('{"@level":"debug","@message":"provider is up","@timestamp":"2026-01-01T00:00:00Z"}')

    assert (progress.done, progress.errors) == (0, {})


def test_checks_discover_roots_and_modules_but_no_fixtures(tmp_path: Path) -> None:
    for file in ("bootstrap/main.tf", "modules/a/b/main.tf", "modules/a/b/tests/setup/main.tf", "notes/readme.md"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()

    found = [folder.relative_to(tmp_path).as_posix() for folder in terraform_checks.discover(tmp_path)]

    assert found == ["bootstrap", "modules/a/b"]


def test_an_interrupted_apply_is_waited_for_and_can_be_run_again(
    root: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C reaches Terraform too: it must be read on until it has saved its state and unlocked it."""
    done = tmp_path / "state-saved"
    pretend_terraform(tmp_path, monkeypatch, f"echo one; sleep 0.5; echo two; touch {done}")
    read: list[str] = []

    def interrupted_once(_: Progress, line: str) -> None:
        read.append(line)
        if len(read) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "read", interrupted_once)

    message = "terraform apply was interrupted; part of it may be done: make a new plan"
    with pytest.raises(KeyboardInterrupt, match=message):
        root.apply(tmp_path / "plan")

    assert read == ["one\n", "two\n"]
    assert done.exists()
