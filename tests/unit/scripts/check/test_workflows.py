"""What zizmor, which `invoke lint` runs, does not check of the workflows: that they fit this project."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import tasks
from scripts.cli.paths import REPO_ROOT

FOLDER = REPO_ROOT / ".github"
FILES = sorted([*FOLDER.glob("workflows/*.yml"), *FOLDER.glob("actions/*/action.yml")])
WORKFLOWS = {file.stem: yaml.safe_load(file.read_text()) for file in FOLDER.glob("workflows/*.yml")}
JOBS = {f"{workflow}/{name}": job for workflow, read in WORKFLOWS.items() for name, job in read["jobs"].items()}
COMMENT_SCRIPT = JOBS["review-comment/comment"]["steps"][-1]["run"]
HEAD_SHA = "a" * 40
"""The commit that was reviewed."""


def triggers(workflow: str) -> Any:  # noqa: ANN401 - whatever the file holds
    return WORKFLOWS[workflow][True]  # YAML takes `on` for a truth value


def steps(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = job.get("steps", [])
    return found


def commands() -> Iterator[str]:
    for file in FILES:
        read = yaml.safe_load(file.read_text())
        for job in read.get("jobs", {"": read.get("runs")}).values():
            for step in steps(job):
                yield from step.get("run", "").splitlines()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_action_of_others_is_pinned_to_a_commit_and_says_its_version(file: Path) -> None:
    used = re.findall(r"uses: +(.+)", file.read_text(encoding="utf-8"))

    others = [action for action in used if not action.startswith("./")]
    assert [
        action for action in others if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)
    ] == []


def test_one_action_has_one_version_everywhere() -> None:
    used = {line for file in FILES for line in re.findall(r"uses: +(\S+@\S+)", file.read_text())}

    assert len({action.partition("@")[0] for action in used}) == len(used)


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_job_has_only_the_rights_that_it_names_and_ends_in_time(job: Mapping[str, Any]) -> None:
    assert job["permissions"]
    assert "uses" in job or 0 < job["timeout-minutes"] <= 45


def test_no_workflow_gives_rights_to_all_its_jobs() -> None:
    assert {name: workflow["permissions"] for name, workflow in WORKFLOWS.items()} == {name: {} for name in WORKFLOWS}


def test_rights_to_write_are_with_the_jobs_that_need_them_and_no_others() -> None:
    writing = {
        f"{name}: {right}"
        for name, job in JOBS.items()
        for right, level in job["permissions"].items()
        if level == "write"
    }

    assert writing == {
        "review-comment/comment: pull-requests",
        "deploy/staging: id-token",
        "deploy/prod: id-token",
        "deploy-environment/plan: id-token",
        "deploy-environment/apply: id-token",
    }


def test_what_a_pull_request_brings_is_run_without_rights_or_secrets() -> None:
    assert [name for name in WORKFLOWS if "pull_request" in triggers(name)] == ["check"]
    assert not [name for name in WORKFLOWS if "pull_request_target" in triggers(name)]
    assert all(job["permissions"] == {"contents": "read"} for job in WORKFLOWS["check"]["jobs"].values())


def test_the_job_that_may_comment_runs_nothing_of_the_pull_request() -> None:
    job = JOBS["review-comment/comment"]

    assert not [step for step in steps(job) if "checkout" in step.get("uses", "") or "./" in step.get("uses", "")]
    assert "${{" not in COMMENT_SCRIPT


def test_no_workflow_knows_a_secret() -> None:
    """AWS gives a role for GitHub's own token, which is made for each job."""
    text = "".join(file.read_text() for file in FILES)

    assert "secrets." not in text
    assert "secrets:" not in text
    assert "aws-access-key-id" not in text
    assert "aws-secret-access-key" not in text


def test_a_checkout_leaves_no_token_behind() -> None:
    checkouts = [step for job in JOBS.values() for step in steps(job) if "actions/checkout" in step.get("uses", "")]

    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_of_an_environments_deployments_one_runs_at_a_time_and_is_never_broken_off(environment: str) -> None:
    job = JOBS[f"deploy/{environment}"]

    assert job["concurrency"] == {"group": f"deploy-{environment}", "cancel-in-progress": False}
    assert job["with"]["environment"] == environment
    assert job["with"]["plan_role_arn"] == f"${{{{ vars.{environment.upper()}_PLAN_ROLE_ARN }}}}"
    assert job["with"]["deploy_role_arn"] == f"${{{{ vars.{environment.upper()}_DEPLOY_ROLE_ARN }}}}"


def test_a_release_is_checked_then_staged_then_live() -> None:
    assert triggers("deploy")["push"] == {"branches": ["release/**"]}
    assert [JOBS[f"deploy/{name}"].get("needs") for name in ("check", "staging", "prod")] == [None, "check", "staging"]


def script(job: str, name: str) -> str:
    (found,) = (step["run"] for step in steps(JOBS[job]) if step.get("name") == name)
    assert "${{" not in found
    return str(found)


def run_bash(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does, with the programs in `folder` before all others."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", code],
        env={"PATH": f"{folder}:{os.environ['PATH']}", **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def stand_in(program: Path, code: str) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/usr/bin/env bash\n{code}\n", encoding="utf-8")
    program.chmod(0o755)


@pytest.mark.parametrize(("newest", "ends_well"), [(HEAD_SHA, True), ("b" * 40, False)])
def test_a_commit_is_deployed_only_while_it_is_the_newest_of_its_branch(
    tmp_path: Path, newest: str, *, ends_well: bool
) -> None:
    stand_in(tmp_path / "gh", f'[ "$2" = repos/us/shop/commits/heads/release/1 ] && echo {newest}')
    code = script("deploy-environment/plan", "refuse a commit that is not the newest of its branch")

    ended = run_bash(
        code, tmp_path, GITHUB_REPOSITORY="us/shop", GITHUB_REF_NAME="release/1", GITHUB_SHA=HEAD_SHA, GH_TOKEN=""
    )

    assert (ended.returncode == 0) is ends_well


def test_no_role_is_taken_before_the_commit_is_known_to_be_the_newest() -> None:
    names = [step.get("name", step.get("uses", "")) for step in steps(JOBS["deploy-environment/plan"])]

    (role,) = (index for index, name in enumerate(names) if "configure-aws" in name)
    assert names.index("refuse a commit that is not the newest of its branch") < role


@pytest.mark.parametrize(
    ("allow", "options"),
    [
        ("", []),
        (" a.b[0]\nc.d[*]  e.$(touch${IFS}x)\n", ["--allow=a.b[0]", "--allow=c.d[*]", "--allow=e.$(touch${IFS}x)"]),
        ('a.b["c-d"]', ['--allow=a.b["c-d"]']),
    ],
)
def test_what_may_happen_though_it_blocks_is_named_and_runs_nothing(
    tmp_path: Path, allow: str, options: list[str]
) -> None:
    (tmp_path / "a.b0").touch()  # what a shell would take a.b[0] for
    stand_in(tmp_path / ".venv" / "bin" / "invoke", 'printf "%s\\n" "$@"')

    ended = run_bash(script("deploy-environment/apply", "apply and test"), tmp_path, ALLOW=allow)

    assert ended.returncode == 0
    assert ended.stdout.splitlines()[: 4 + len(options)] == ["apply", "--target", "aws", *options, "monitor.token"]
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("allow", ["--plan=else", "a.b\n--plan=else"])
def test_no_other_option_of_an_apply_is_given_as_an_address(tmp_path: Path, allow: str) -> None:
    stand_in(tmp_path / ".venv" / "bin" / "invoke", 'printf "%s\\n" "$@"')

    ended = run_bash(script("deploy-environment/apply", "apply and test"), tmp_path, ALLOW=allow)

    assert (ended.returncode, ended.stdout) == (1, "")


def test_what_is_allowed_reaches_both_environments_and_is_nothing_by_default() -> None:
    assert triggers("deploy")["workflow_dispatch"]["inputs"]["allow"]["default"] == ""
    assert triggers("deploy-environment")["workflow_call"]["inputs"]["allow"]["default"] == ""
    assert [JOBS[f"deploy/{name}"]["with"]["allow"] for name in ("staging", "prod")] == ["${{ inputs.allow }}"] * 2
    (step,) = (step for step in steps(JOBS["deploy-environment/apply"]) if step.get("name") == "apply and test")
    assert step["env"] == {"ALLOW": "${{ inputs.allow }}"}


def test_only_a_job_that_github_lets_pass_can_have_the_role_that_changes_things() -> None:
    plan, apply = JOBS["deploy-environment/plan"], JOBS["deploy-environment/apply"]

    assert "environment" not in plan
    assert apply["environment"] == "${{ inputs.environment }}"
    assert roles(plan) == ["${{ inputs.plan_role_arn }}"]
    assert roles(apply) == ["${{ inputs.deploy_role_arn }}"]
    assert apply["needs"] == "plan"


def roles(job: Mapping[str, Any]) -> list[str]:
    return [step["with"]["role-to-assume"] for step in steps(job) if "configure-aws" in step.get("uses", "")]


def test_what_is_applied_is_what_was_planned_and_built() -> None:
    plan, apply = JOBS["deploy-environment/plan"], JOBS["deploy-environment/apply"]
    (kept,) = (step["with"] for step in steps(plan) if "upload-artifact" in step.get("uses", ""))
    (taken,) = (step["with"] for step in steps(apply) if "download-artifact" in step.get("uses", ""))

    assert taken == {"name": kept["name"]}
    assert {".local/aws/${{ inputs.environment }}/", "dist/aws/"} <= set(kept["path"].splitlines())
    assert kept["include-hidden-files"]
    assert kept["retention-days"] == 30  # GitHub waits as long for an approval
    run = " ".join(step.get("run", "") for step in steps(apply))
    assert not re.search(r"invoke.* (build|plan)\b", run)


def test_every_command_exists() -> None:
    makefile = (REPO_ROOT / "Makefile").read_text()
    known = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    made = {word for line in commands() for word in re.findall(r"^\s*make ([a-z-]+)", line)}
    invoked = {
        word
        for line in commands()
        for call in re.findall(r"\.venv/bin/invoke (.+)", line)
        for word in re.sub(r'--(target|markdown) \S+|"\${allowed\[@\]}"', "", call).split()
    }

    assert made == {"setup", "test", "monitoring-tools"}
    assert made <= known
    assert {"plan", "apply", "build", "check.dependencies"} <= invoked
    assert invoked <= tasks.namespace.task_names.keys()


@pytest.fixture
def posting(tmp_path: Path) -> Path:
    """The folder in which a review is posted, with a GitHub that answers from files and writes down what it is told."""
    (tmp_path / "plan-review").mkdir()
    (tmp_path / "plan-review" / "review.md").write_text("# Plan\n1 to add\n")
    stand_in(
        tmp_path / "gh",
        'echo "$*" >> "$RUNNER_TEMP/calls"\n'
        'filter=""; previous=""\n'
        'for word in "$@"; do if [ "$previous" = --jq ]; then filter=$word; fi; previous=$word; done\n'
        'case "$*" in *"/pulls "*) answer=pulls.json;; *--paginate*) answer=comments.json;; *) exit 0;; esac\n'
        'python3 "$RUNNER_TEMP/select.py" "$RUNNER_TEMP/$answer" "$filter"',
    )
    # What the filters of the script say, in Python: jq itself is in gh, not on each machine.
    (tmp_path / "select.py").write_text(
        "import json, os, sys\n"
        "for found in json.load(open(sys.argv[1])):\n"
        "    if 'head.sha == env.HEAD_SHA' in sys.argv[2]:\n"
        "        if found['head']['sha'] == os.environ['HEAD_SHA']: print(found['number'])\n"
        "    elif 'github-actions[bot]' in sys.argv[2] and 'plan-review' in sys.argv[2]:\n"
        "        mine = found['user']['login'] == 'github-actions[bot]'\n"
        "        if mine and found['body'].startswith('<!-- plan-review -->'): print(found['id'])\n"
    )
    answer(tmp_path, pulls=[{"number": 7, "head": {"sha": HEAD_SHA}}], comments=[])
    return tmp_path


def answer(folder: Path, **answers: list[dict[str, Any]]) -> None:
    for name, content in answers.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def post(folder: Path) -> tuple[int, list[str], str]:
    """Run the workflow's own script; give its exit code, what GitHub was told to change, and the comment."""
    environment = {
        "RUNNER_TEMP": str(folder),
        "GH_REPO": "us/shop",
        "HEAD": "them:patch-1",
        "HEAD_SHA": HEAD_SHA,
        "RUN_URL": "https://example.test/run",
    }
    ended = run_bash(COMMENT_SCRIPT, folder, **environment)
    calls, comment = folder / "calls", folder / "comment.md"
    told = calls.read_text().splitlines() if calls.exists() else []
    changes = [call for call in told if "PATCH" in call or "POST" in call]
    return ended.returncode, changes, comment.read_text() if comment.exists() else ""


def test_the_first_review_is_a_new_comment(posting: Path) -> None:
    code, changes, comment = post(posting)

    assert code == 0
    assert changes == ["api --silent --method POST repos/us/shop/issues/7/comments -F body=@comment.md"]
    assert "1 to add" in comment
    assert HEAD_SHA in comment


def test_a_later_review_takes_the_place_of_the_first(posting: Path) -> None:
    others = [
        {"id": 1, "user": {"login": "somebody"}, "body": "<!-- plan-review --> mine"},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "another workflow's"},
    ]
    own = {"id": 3, "user": {"login": "github-actions[bot]"}, "body": "<!-- plan-review -->\nold"}
    answer(posting, comments=[*others, own])

    _, changes, _ = post(posting)

    assert changes == ["api --silent --method PATCH repos/us/shop/issues/comments/3 -F body=@comment.md"]


def test_a_review_of_a_commit_that_is_not_the_newest_is_not_posted(posting: Path) -> None:
    answer(posting, pulls=[{"number": 7, "head": {"sha": "b" * 40}}])

    code, changes, _ = post(posting)

    assert (code, changes) == (0, [])


def test_a_review_calls_nobody_and_is_no_longer_than_a_comment_may_be(posting: Path) -> None:
    (posting / "plan-review" / "review.md").write_text("@everybody " + "ä" * 70_000)

    code, _, comment = post(posting)

    assert code == 0
    assert "@everybody" not in comment
    assert "everybody" in comment
    assert 60_000 < len(comment) < 65_536


def test_a_review_cannot_hide_who_wrote_the_comment(posting: Path) -> None:
    (posting / "plan-review" / "review.md").write_text("all is well\n<!--")

    _, _, comment = post(posting)

    marker, author, gap, *_ = comment.splitlines()
    assert marker == "<!-- plan-review -->"
    assert author.startswith(f"_Written by the code of this pull request, at {HEAD_SHA}")
    assert gap == ""


def test_a_review_that_is_no_plain_file_is_refused(posting: Path) -> None:
    (posting / "plan-review" / "review.md").unlink()
    (posting / "plan-review" / "review.md").symlink_to("/etc/passwd")

    code, changes, comment = post(posting)

    assert code != 0
    assert changes == []
    assert "root:" not in comment
