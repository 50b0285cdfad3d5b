"""What an apply refuses, and what it says to that."""

import base64
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.cli.errors import UserError
from scripts.deploy.plan import guard
from scripts.deploy.plan.model import Review, Stamp, State
from scripts.deploy.plan.review import review
from scripts.deploy.target import Target
from tests.unit.scripts.deploy.plan.factory import STAMP, change, plan, reviewed

AGAIN = "invoke plan --target aws"
TABLE, QUEUE = 'module.t["a"].aws_dynamodb_table.this', "aws_sqs_queue.this"
LOSSES = (change(TABLE, {"name": "t"}), change(QUEUE, {"name": "q"}))


def check(found: Review, now: Stamp, *allowed: str) -> None:
    guard.check(found, now, AGAIN)
    guard.check_allowed(found, allowed)


def refusal(found: Review, now: Stamp, *allowed: str) -> str:
    with pytest.raises(UserError) as refused:
        check(found, now, *allowed)
    return str(refused.value)


def test_a_reviewed_plan_that_loses_nothing_may_be_applied() -> None:
    check(reviewed(change(QUEUE, None, {"name": "q"})), STAMP)


def test_a_plan_that_is_another_than_was_reviewed_is_refused() -> None:
    said = refusal(reviewed(), replace(STAMP, plan_sha256="other"))

    assert "not the one that was reviewed" in said
    assert AGAIN in said


@pytest.mark.parametrize("now", [State("lineage", 8), State("another", 7), State()])
def test_a_plan_for_a_state_that_has_moved_on_is_stale(now: State) -> None:
    said = refusal(reviewed(), replace(STAMP, state=now))

    assert said.startswith("the plan is stale: staging has been changed since it was made")
    assert AGAIN in said


@pytest.mark.parametrize("now", [{"../dist/order.zip": "two"}, {}])
def test_a_plan_for_packages_that_were_built_again_is_refused(now: dict[str, str]) -> None:
    planned = replace(reviewed(), stamp=replace(STAMP, packages={"../dist/order.zip": "one"}))

    assert "built again or deleted since the plan was made: order.zip" in refusal(planned, replace(STAMP, packages=now))
    check(planned, replace(STAMP, packages={"../dist/order.zip": "one"}))


def test_a_review_of_another_version_is_refused() -> None:
    assert "another version" in refusal(replace(reviewed(), format=99), STAMP)


def test_what_is_lost_is_refused_with_the_reason_and_the_command_that_allows_it() -> None:
    said = refusal(reviewed(*LOSSES), STAMP)

    assert f"{TABLE}: would be destroyed, and its items lost" in said
    assert f"invoke apply --target aws --allow {QUEUE} --allow '{TABLE}'" in said


def test_what_is_allowed_by_its_address_is_done_and_nothing_else_is() -> None:
    check(reviewed(*LOSSES), STAMP, TABLE, QUEUE)

    said = refusal(reviewed(*LOSSES), STAMP, TABLE)
    assert f"{QUEUE}: would be destroyed" in said
    assert f"{TABLE}: would" not in said


def test_allowing_what_does_not_block_is_a_mistake_that_names_what_does() -> None:
    assert refusal(reviewed(*LOSSES), STAMP, "aws_sqs_queue.that").endswith(f"you can allow:\n  {QUEUE}\n  {TABLE}")
    assert refusal(reviewed(), STAMP, QUEUE).endswith("nothing, as nothing blocks")


def test_many_that_block_are_not_put_into_one_command() -> None:
    queues = [change(f"aws_sqs_queue.this[{index}]", {"name": "q"}) for index in range(6)]

    assert guard.how_to_allow(reviewed(*queues)).endswith("--allow ADDRESS --allow …")


def test_a_review_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    found = review(plan(*LOSSES), Target("local", "dev"), replace(STAMP, packages={"a.zip": "x"}), destroy=True)
    (tmp_path / guard.PLAN_FILE).touch()

    with pytest.raises(UserError, match="has no review beside it: `invoke plan --target aws` makes both"):
        guard.read_review(tmp_path, AGAIN)
    (tmp_path / guard.REVIEW_FILE).write_text(guard.to_json(found))
    assert guard.read_review(tmp_path, AGAIN) == found


def test_without_a_plan_a_person_is_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no plan: `invoke plan --target aws`"):
        guard.read_review(tmp_path, AGAIN)


def test_the_package_of_every_function_counts_whether_or_not_the_plan_changes_it() -> None:
    files: dict[str, Any] = {"filename": "a.zip", "source_code_hash": "one"}
    changed = change("aws_lambda_function.changed", files, files | {"filename": "b.zip", "source_code_hash": "two"})
    new = change("aws_lambda_function.new", None, files | {"filename": "c.zip"})
    other_memory = change("aws_lambda_function.memory", *[files | {"filename": "d.zip", "memory": n} for n in (1, 2)])
    same = change("aws_lambda_function.same", *[files | {"filename": "e.zip"}] * 2)
    gone = change("aws_lambda_function.gone", files)
    image = change("aws_lambda_function.image", None, {"image_uri": "i", "filename": None})

    found = guard.planned_packages(plan(changed, new, other_memory, same, gone, image))

    assert found == {"b.zip": "two", "c.zip": "one", "d.zip": "one", "e.zip": "one"}


def test_a_package_is_compared_by_the_hash_that_terraform_takes(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"zip")

    digest = base64.b64encode(hashlib.sha256(b"zip").digest()).decode()
    assert guard.package_digests(tmp_path, ["a.zip", "missing.zip"]) == {"a.zip": digest}
