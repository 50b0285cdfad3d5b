"""The address of docs/runbook.md."""

import re
import subprocess

from scripts.cli.paths import REPO_ROOT

PATH = "docs/runbook.md"
# github.com or a company's own, without the user and password of the remote.
_GITHUB = re.compile(
    r"(?:https://(?:[^@/]+@)?|ssh://git@|git@)(?P<host>github\.[\w.-]+)[:/](?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


def url(deployed: str) -> str:
    """Give the deployment's setting; by default the page on the GitHub of this checkout's origin, or the path."""
    return deployed if deployed != PATH else on_github(_origin()) or PATH


def on_github(remote: str) -> str | None:
    found = _GITHUB.fullmatch(remote)
    return f"https://{found['host']}/{found['name']}/blob/HEAD/{PATH}" if found else None


def _origin() -> str:
    try:
        asked = subprocess.run(
            ["git", "remote", "get-url", "origin"],
            cwd=REPO_ROOT,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    except FileNotFoundError:
        return ""
    return asked.stdout.strip()
