import subprocess
from pathlib import Path

import pytest

from scripts.check import runbook

URL = "https://github.com/team/pulse-queue/blob/HEAD/docs/runbook.md"


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/team/pulse-queue.git",
        "https://github.com/team/pulse-queue",
        "https://github.com/team/pulse-queue/",
        "https://somebody:password@github.com/team/pulse-queue.git",  # pragma: allowlist secret - made up
        "git@github.com:team/pulse-queue.git",
        "ssh://git@github.com/team/pulse-queue.git",
    ],
)
def test_a_github_shows_the_runbook_and_no_credentials_are_taken_over(remote: str) -> None:
    assert runbook.on_github(remote) == URL


def test_a_github_may_be_a_companys_own() -> None:
    assert runbook.on_github("git@github.example.com:a/b.git") == (
        "https://github.example.com/a/b/blob/HEAD/docs/runbook.md"
    )


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "/srv/git/pulsequeue",
        "https://gitlab.com/a/b.git",
        "https://example.org/github.com/a/b",
        "http://github.com/a/b",
    ],
)
def test_of_any_other_remote_nothing_is_guessed(remote: str) -> None:
    assert runbook.on_github(remote) is None


def test_what_the_deployment_was_told_comes_first_then_the_remote_then_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runbook, "REPO_ROOT", tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    assert runbook.url("docs/runbook.md") == "docs/runbook.md"

    remote = "git@github.com:team/pulse-queue.git"
    subprocess.run(["git", "remote", "add", "origin", remote], cwd=tmp_path, check=True)
    assert runbook.url("docs/runbook.md") == URL
    assert runbook.url("https://git.example/runbook.md") == "https://git.example/runbook.md"


def test_without_git_there_is_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert runbook.url("docs/runbook.md") == "docs/runbook.md"
