"""Look for secrets in the files of git. A text that only looks like a secret stands here with its reason."""

import subprocess
import sys
from collections.abc import Sequence

from scripts.cli.errors import UserError
from scripts.cli.mistakes import mistakes_explained
from scripts.cli.paths import REPO_ROOT

NO_SECRETS = {
    r"pulsequeue-dev-monitoring-123456789012": "the name of a bucket that a test of Terraform makes up",
    r"arn:aws:ssm:[a-z0-9:-]+:parameter/.+": "the name of a parameter, not its value",
    r"only that user may read it": "words of docker-compose.yml about a secret",
    r"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a": "a message's receipt, from the documentation of SQS",
    r"e4e68fb7bd0e697a0ae8f1bb342846b3": "a checksum, from the documentation of SQS",
    r"ASIA0123456789ABCDEF": "a key that a test made up, to see that it is not counted",
    r"a-secret-password|not-the-one|hidden": "passwords of a Grafana that is a test's own",
    r"real|test": "a key of a real account in tests, and the embedded AWS's own key",
    r"its value|Secrets Manager": "the words of a plan's review about a secret",
    r"hunter2-and-more": "a secret in a plan that no review may show, in a test",
    r"AKIAIOSFODNN7EXAMPLE|eyJhbGciOiJIUzI1NiJ9.e30.x?|xoxb-1-2-3|https://hooks.slack.com/services/T0/B0/abc": (
        "a secret that a test wants recognised; the key is from the documentation of AWS"
    ),
    r"(124c75a59e3f|1cc1a6994a91|3f9493e12638|8d1526c48c9a|efbf05b28336|da75e102ae3c|11b54c965d41)[0-9a-f]{52}": (
        "hashes of orders, in tests"
    ),
    r"(AXuMF|Bu6KH|C96lW|RuOVG|b2NlY|e6loc|j7A19|r0Gi1|uBj7S)[A-Za-z0-9+/]{37,}=*": (
        "texts that were sealed under keys which nobody has kept, in golden commits"
    ),
    r"97e2a4aa8938[0-9a-f]{52}": "the hash of a zip, in a test",
    r"a-Password-of-1-test": "the password of users that end with a test's embedded AWS",
    r"the secret of carriers|another|new": "secrets of carriers in tests",
    r"hush": "a secret that no error may show, in a test",
}
# Thousands of hashes that uv writes, and the schema that AsyncAPI publishes: slow to scan, and not ours.
_PUBLISHED = r"^(requirements/.*\.txt|tests/unit/events/asyncapi/.*\.json)$"

# It passes over lines that call something, by a pattern that takes a quarter of the scan's time; none here needs it.
_UNUSED_FILTER = "detect_secrets.filters.heuristic.is_indirect_reference"


def scan(files: Sequence[str] = ()) -> None:
    """Raise UserError upon a secret in these files, or in all files that git keeps or would add."""
    options = [f"--exclude-secrets=^({'|'.join(NO_SECRETS)})$", f"--exclude-files={_PUBLISHED}"]
    options += ["--disable-filter", _UNUSED_FILTER]
    # -n: do not try a finding on the service that it seems to belong to.
    command = [sys.executable, "-m", "detect_secrets.pre_commit_hook", "-n", *options, *(files or _kept_by_git())]
    if subprocess.run(command, cwd=REPO_ROOT, check=False).returncode:
        raise UserError(
            "something looks like a secret: take it out, and replace it where it is in use; if it is none, "
            "say so with the reason in scripts/check/secret_scan.py"
        )


def _kept_by_git() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO_ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if listed.returncode:
        raise UserError(
            f"git does not say which files it keeps: {listed.stderr.strip()}\n"
            "take a clone, or run `git init` first in an unpacked archive"
        )
    return [file for file in listed.stdout.split("\0") if file and (REPO_ROOT / file).is_file()]


if __name__ == "__main__":
    # Before a commit: only its changed files.
    with mistakes_explained():
        scan(sys.argv[1:])
