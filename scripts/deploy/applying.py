"""Apply a plan that was reviewed, is not stale, and whose blocking risks are allowed."""

import json
from collections.abc import Collection
from pathlib import Path

from scripts.cli.errors import UserError
from scripts.cli.files import write_whole
from scripts.deploy.environments import root_of
from scripts.deploy.plan.guard import (
    PLAN_FILE,
    REVIEW_FILE,
    check,
    check_allowed,
    package_digests,
    plan_sha256,
    read_review,
)
from scripts.deploy.plan.model import Stamp
from scripts.deploy.plan.review import review
from scripts.deploy.planning import plan_command
from scripts.deploy.remote_state import initialised_terraform, outputs_file, read_state
from scripts.deploy.state_lock import check_unlocked
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time


@one_at_a_time
def apply(target: Target, folder: Path | None = None, allowed: Collection[str] = (), *, destroy: bool = False) -> int:
    """Apply a reviewed plan; give the number of changes.

    Raise UserError where the plan is stale, or the address of a blocking risk is not in `allowed`.
    """
    folder = (folder or target.state_folder).resolve()
    plan_file = folder / PLAN_FILE
    reviewed = read_review(folder, plan_command(target))
    planned, wanted = f"{reviewed.environment} on {reviewed.target}", f"{target.environment} on {target.name}"
    if planned != wanted:
        raise UserError(f"the plan is for {planned}, not for {wanted}: `{plan_command(target)}`")
    if reviewed.destroy and not destroy:
        raise UserError(f"the plan destroys {planned}: `invoke destroy-dev --target {target.name}` does that")
    check_unlocked(target)
    terraform = initialised_terraform(target)
    packages = package_digests(root_of(target), reviewed.stamp.packages)
    check(reviewed, Stamp(plan_sha256(plan_file), read_state(target), packages), plan_command(target))
    # The risks come from the plan itself: the review beside it is a file that anybody can edit.
    again = review(terraform.show_plan(plan_file), target, reviewed.stamp, destroy=reviewed.destroy)
    check_allowed(again, allowed)
    outputs_file(target).unlink(missing_ok=True)
    progress = terraform.apply(plan_file)
    plan_file.unlink()
    (folder / REVIEW_FILE).unlink()
    if target.is_local:
        write_whole(outputs_file(target), json.dumps(progress.outputs))
    return progress.done
