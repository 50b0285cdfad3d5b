"""Scan the infrastructure with checkov: each finding is fixed, or explained in its block."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.cli.console import err, out
from scripts.cli.environment import without_settings
from scripts.cli.errors import UserError
from scripts.cli.paths import INFRA, LOCAL_FOLDER, REPO_ROOT, REQUIREMENTS
from scripts.local.tool_environment import tool_python

_REQUIREMENTS = REQUIREMENTS / "checkov.txt"
_SCANNED_ENVIRONMENT = "prod"
"""Every root is one call of the same module, so the scan of one finds everything, in a third of the time."""
# Checkov's text for a skip without a reason.
_NO_REASON = "No comment provided"


@dataclass(frozen=True)
class Report:
    passed: int
    explained: int
    findings: frozenset[str]
    """The text of each finding, with its place."""


def scan_policies() -> None:
    """Raise UserError upon a finding without an explanation."""
    scanned = {"terraform": INFRA, "github_actions": REPO_ROOT / ".github"}
    findings: set[str] = set()
    for framework, folder in scanned.items():
        report = read_report(_scan(framework, folder))
        findings |= report.findings
        out.print(f"{folder.name}: {report.passed} checks passed, {report.explained} do not apply, as explained there")
    if findings:
        for finding in sorted(findings):
            err.print(finding, markup=False)
        raise UserError(
            f"checkov's findings: {len(findings)}; fix each, or explain in its block why it does not apply, "
            "as `#checkov:skip=CHECK:reason`"
        )


def read_report(text: str) -> Report:
    """Read checkov's JSON of one framework, skips included.

    Raise UserError where checkov could not read a file, or read none: its exit code does not say so.
    """
    report = json.loads(text)
    results, summary = report.get("results", {}), report.get("summary", report)
    if summary["parsing_errors"]:
        raise UserError(f"checkov cannot read {', '.join(results.get('parsing_errors') or ['some files'])}")
    if not summary["passed"]:
        raise UserError("checkov found nothing to check")
    failed = [_finding(check, check["check_name"]) for check in results["failed_checks"]]
    unexplained = [
        _finding(check, f"skipped without a reason: {check['check_name']}")
        for check in results["skipped_checks"]
        if check["check_result"]["suppress_comment"] == _NO_REASON
    ]
    return Report(summary["passed"], summary["skipped"] - len(unexplained), frozenset(failed + unexplained))


def _finding(check: Mapping[str, Any], about: str) -> str:
    place = f"{check['repo_file_path'].lstrip('/')}:{check['file_line_range'][0]}"
    return f"{place}: {check['check_id']} at {check['resource']}: {about}"


def _scan(framework: str, folder: Path) -> str:
    """Run checkov offline: it downloads no rules, and looks for no newer version."""
    python = tool_python(_REQUIREMENTS, LOCAL_FOLDER, tool="checkov")
    options = ["--directory", str(folder), "--framework", framework, "--output", "json", "--compact", "--skip-download"]
    for root in sorted(folder.glob("envs/*")):
        if root.name != _SCANNED_ENVIRONMENT:
            options += ["--skip-path", str(root.relative_to(REPO_ROOT))]
    result = subprocess.run(
        [str(python), "-m", "checkov.main", *options],
        cwd=REPO_ROOT,
        env=without_settings(os.environ) | {"CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if not result.stdout.startswith("{"):
        raise UserError(f"checkov broke off: {result.stderr.strip()}")
    return result.stdout
