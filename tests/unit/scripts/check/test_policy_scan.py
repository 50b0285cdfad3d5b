import json
import os
from pathlib import Path
from typing import Any

import pytest

from scripts.check import policy_scan
from scripts.check.policy_scan import read_report
from scripts.cli.errors import UserError


def check(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - checkov's own fields
    return {
        "check_id": "CKV_AWS_27",
        "check_name": "Ensure all data stored in the SQS queue is encrypted",
        "check_result": {"result": "FAILED"},
        "repo_file_path": "/infra/modules/sqs/queue/main.tf",
        "file_line_range": [1, 3],
        "resource": "module.order_queue.aws_sqs_queue.this",
    } | changes


def skipped(reason: str) -> dict[str, Any]:
    return check(check_result={"result": "SKIPPED", "suppress_comment": reason})


def report(
    *, failed: list[dict[str, Any]] | None = None, skips: list[dict[str, Any]] | None = None, **summary: int
) -> str:
    results = {"failed_checks": failed or [], "skipped_checks": skips or [], "parsing_errors": ["infra/bad.tf"]}
    counts = {"passed": 9, "failed": len(failed or []), "skipped": len(skips or []), "parsing_errors": 0} | summary
    return json.dumps({"check_type": "terraform", "results": results, "summary": counts})


def test_a_finding_says_where_and_what_it_wants() -> None:
    (finding,) = read_report(report(failed=[check()])).findings

    assert finding == (
        "infra/modules/sqs/queue/main.tf:1: CKV_AWS_27 at module.order_queue.aws_sqs_queue.this: "
        "Ensure all data stored in the SQS queue is encrypted"
    )


def test_a_skip_counts_as_explained_only_with_a_reason() -> None:
    found = read_report(report(skips=[skipped("dead letters are public"), skipped("No comment provided")]))

    assert (found.passed, found.explained) == (9, 1)
    (finding,) = found.findings
    assert "skipped without a reason: Ensure all data" in finding


def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(UserError, match=r"cannot read infra/bad\.tf"):
        read_report(report(parsing_errors=1))


def test_a_scan_of_nothing_is_no_success() -> None:
    with pytest.raises(UserError, match="nothing to check"):
        read_report(json.dumps({"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 0, "resource_count": 0}))


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for checkov's Python, which prints what is in `answer` and notes its environment."""
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nenv > {tmp_path}/environment\necho "no such thing" >&2\ncat {tmp_path}/answer\n')
    program.chmod(0o755)
    (tmp_path / "answer").write_text(report())
    monkeypatch.setattr(policy_scan, "tool_python", lambda *_, **__: program)
    return tmp_path


def test_one_finding_fails_and_is_listed_once_however_many_roots_have_it(
    pretended: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pretended / "answer").write_text(report(failed=[check(), check()]))

    with pytest.raises(UserError, match="findings: 1;"):
        policy_scan.scan_policies()

    assert capsys.readouterr().err.count("infra/modules/sqs/queue/main.tf:1") == 1


def test_nothing_found_is_a_success(pretended: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy_scan.scan_policies()

    assert pretended.is_dir()
    assert "infra: 9 checks passed" in capsys.readouterr().out


def test_the_code_is_sent_nowhere(pretended: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BC_API_KEY", "secret")

    policy_scan.scan_policies()

    environment = (pretended / "environment").read_text().splitlines()
    assert "CKV_SKIP_PACKAGE_UPDATE_CHECK=true" in environment
    assert not [line for line in environment if line.startswith("BC_")]


def test_checkov_reads_no_settings_in_the_home_folder(pretended: Path) -> None:
    policy_scan.scan_policies()

    assert f"HOME={os.devnull}" in (pretended / "environment").read_text(encoding="utf-8").splitlines()


def test_a_scan_that_breaks_off_says_what_it_said(pretended: Path) -> None:
    (pretended / "answer").write_text("")

    with pytest.raises(UserError, match="checkov broke off: no such thing"):
        policy_scan.scan_policies()
