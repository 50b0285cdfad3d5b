import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.cli.environment import (
    check_home,
    clean,
    clean_up_for_tests,
    for_another_checkout,
    restart_environment,
    without_aws,
    without_settings,
)
from scripts.cli.paths import REPO_ROOT


@pytest.mark.parametrize(
    "name",
    [
        *("TF_WORKSPACE", "TF_CLI_ARGS", "TF_CLI_ARGS_plan", "TF_DATA_DIR", "TF_REATTACH_PROVIDERS"),
        *("PIP_USER", "PIP_TARGET", "PIP_NO_DEPS", "PYTHONPATH", "PYTHONOPTIMIZE", "PYTHONHOME", "PYTHONSAFEPATH"),
        *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_S3_ENDPOINT", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"),
        *("PYTEST_ADDOPTS", "MYPYPATH", "CKV_SKIP_CHECK", "INVOKE_RUN_DRY", "UV_PRERELEASE", "UV_RESOLUTION"),
        *("BC_API_KEY", "PRISMA_API_URL", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0"),
    ],
)
def test_a_variable_that_changes_results_is_dropped(name: str) -> None:
    assert clean({name: "1", "HOME": "/home/me"}) == {"HOME": "/home/me"}


@pytest.mark.parametrize(
    "name",
    [
        *("HTTPS_PROXY", "SSL_CERT_FILE", "TF_PLUGIN_CACHE_DIR", "TF_TOKEN_app_terraform_io", "TF_LOG", "TF_LOG_PATH"),
        *("TF_VAR_settings", "PIP_INDEX_URL", "PIP_CERT", "PYTHONUNBUFFERED", "GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL"),
        *("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_CACHE_DIR"),
        *("AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "PULSEQUEUE_PORT", "ENVIRONMENT"),
    ],
)
def test_a_variable_that_says_how_something_is_reached_or_shown_stays(name: str) -> None:
    assert clean({name: "1"}) == {name: "1"}


def test_no_variable_leads_git_to_another_repository() -> None:
    named = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, check=True, text=True)

    assert clean(dict.fromkeys(named.stdout.split(), "1")) == {}


def test_a_tool_without_settings_has_no_home_folder_and_no_account() -> None:
    assert without_settings({"HOME": "/home/me", "AWS_PROFILE": "x", "PATH": "/bin"}) == {
        "HOME": os.devnull,
        "PATH": "/bin",
    }


def test_another_checkout_gets_no_variable_of_this_test_run() -> None:
    here = {"PYTEST_XDIST_WORKER": "gw0", "PULSEQUEUE_INSTANCE": "here", "GIT_DIR": "x", "PYTHONPATH": "x"}

    assert for_another_checkout(here | {"PATH": "/bin"}) == {"PATH": "/bin"}


def test_tests_see_a_pipe_as_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = dict(os.environ)
    monkeypatch.setattr(os, "environ", kept | {"FORCE_COLOR": "1"})

    clean_up_for_tests()

    assert dict(os.environ) == kept


def test_terraform_settings_stay_where_their_file_exists(tmp_path: Path) -> None:
    settings = tmp_path / "terraform.rc"
    assert clean({"TF_CLI_CONFIG_FILE": str(settings)}) == {}

    settings.touch()

    assert clean({"TF_CLI_CONFIG_FILE": str(settings)}) == {"TF_CLI_CONFIG_FILE": str(settings)}


def test_nothing_of_an_account_is_left_for_a_local_run() -> None:
    assert without_aws({"AWS_PROFILE": "production", "AWS_CA_BUNDLE": "x", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_a_command_goes_on_where_nothing_was_read_too_early() -> None:
    assert restart_environment({"TF_WORKSPACE": "other", "HOME": "/"}, "UTF-8", "utf-8") is None


def test_a_command_starts_again_without_what_python_has_read_already() -> None:
    assert restart_environment({"PYTHONPATH": "/other", "HOME": "/"}, "utf-8", "utf-8") == {"HOME": "/"}


def test_a_command_starts_again_to_read_files_as_utf_8_and_write_as_the_terminal_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = {"HOME": "/", "PYTHONUTF8": "1", "PYTHONIOENCODING": "iso8859-1:replace"}
    assert restart_environment({"HOME": "/"}, "ISO-8859-1", "iso8859-1") == wanted

    monkeypatch.setattr(sys, "flags", type("Flags", (), {"utf8_mode": 1}))

    assert restart_environment(wanted, "ISO-8859-1", "iso8859-1") is None


def test_a_terminal_that_cannot_show_a_character_gets_another() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", "from scripts.cli.steps import run_steps; run_steps([('build', print)])"],
        cwd=REPO_ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )

    assert b"?? build" in shown.stdout


def test_a_package_on_the_python_path_of_a_person_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text("raise SystemExit('another rich')")

    assert invoke("lint", "--help", PYTHONPATH=str(tmp_path)).returncode == 0
    unknown = invoke("order-show", "order-1", PYTHONPATH=str(tmp_path), ENVIRONMENT="")
    assert b"ENVIRONMENT is not set" in unknown.stderr


def test_a_user_without_a_home_folder_is_told_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 5)  # in no list of users

    with pytest.raises(SystemExit, match="export HOME=FOLDER"):
        check_home()


def test_tests_that_a_git_hook_runs_leave_its_repository_alone(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    before = (tmp_path / ".git" / "config").read_bytes()

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/scripts/check/test_runbook.py"],
        cwd=REPO_ROOT,
        env={**os.environ, "GIT_DIR": str(tmp_path / ".git")},
        capture_output=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout
    assert (tmp_path / ".git" / "config").read_bytes() == before


def invoke(*arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=REPO_ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        check=False,
    )
