"""Whether a plan may be applied: it is the reviewed one, it is not stale, and each blocking risk is allowed."""

import base64
import hashlib
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import TypeAdapter

from scripts.cli.errors import UserError
from scripts.cli.json_files import load_json
from scripts.deploy.plan.configuration import Json
from scripts.deploy.plan.model import FORMAT, Review, Stamp

PLAN_FILE = "deployment.tfplan"
REVIEW_FILE = "deployment.review.json"
_NAMED_AT_MOST = 5
_ADAPTER = TypeAdapter(Review)


def to_json(review: Review) -> str:
    return _ADAPTER.dump_json(review, indent=1).decode() + "\n"


def read_review(folder: Path, again: str) -> Review:
    """Read the review beside a plan. `again` is the command that makes both."""
    if not (folder / PLAN_FILE).exists():
        raise UserError(f"there is no plan: `{again}`")
    if not (folder / REVIEW_FILE).exists():
        raise UserError(f"the plan in {folder} has no review beside it: `{again}` makes both")
    return load_json(folder / REVIEW_FILE, _ADAPTER)


def check(review: Review, found: Stamp, again: str) -> None:
    """Raise UserError where the plan is not the reviewed one, or is stale. `found` is the stamp of now."""
    reviewed, mend = review.stamp, f"make a new plan and read its review: `{again}`"
    if review.format != FORMAT:
        raise UserError(f"another version of PulseQueue wrote the plan's review: {mend}")
    if found.plan_sha256 != reviewed.plan_sha256:
        raise UserError(f"the plan is not the one that was reviewed, as its SHA-256 differs: {mend}")
    if found.state != reviewed.state:
        raise UserError(
            f"the plan is stale: {review.environment} has been changed since it was made (the serial of Terraform's "
            f"state was {reviewed.state.serial} and is {found.state.serial}): {mend}"
        )
    if other := [path for path, digest in reviewed.packages.items() if found.packages.get(path) != digest]:
        names = ", ".join(sorted(Path(path).name for path in other))
        raise UserError(f"packages were built again or deleted since the plan was made: {names}; {mend}")


def check_allowed(review: Review, allowed: Collection[str]) -> None:
    """Raise UserError where a blocking risk is not allowed, or an allowed address does not block."""
    blocking = _blocking(review)
    if unknown := [address for address in allowed if address not in blocking]:
        could = "\n".join(f"  {address}" for address in blocking) or "  nothing, as nothing blocks"
        raise UserError(f"--allow {unknown[0]}: nothing of that address blocks this plan; you can allow:\n{could}")
    if refused := [risk for risk in review.blocking if risk.address not in allowed]:
        listed = "\n".join(f"  {risk.address}: {risk.text}" for risk in refused)
        raise UserError(f"nothing was applied, as this blocks:\n{listed}\nif you want it, {how_to_allow(review)}")


def how_to_allow(review: Review) -> str:
    """Give the command that applies the plan in spite of its blocking risks, or its form where they are many."""
    addresses, command = _blocking(review), f"invoke apply --target {review.target}"
    if len(addresses) > _NAMED_AT_MOST:
        return f"allow each of the {len(addresses)} addresses that block: {command} --allow ADDRESS --allow …"
    options = " ".join(f"--allow {shlex.quote(address)}" for address in addresses)
    return f"allow it by address: {command} {options}"


def planned_packages(plan: Json) -> Mapping[str, str]:
    """Give the package of every function by its path from the Terraform root, with its SHA-256 in Base64.

    Functions that the plan leaves alone count too: Terraform reads their packages again when it applies the plan.
    """
    functions = (entry for entry in plan.get("resource_changes", ()) if entry["type"] == "aws_lambda_function")
    planned = (function["change"]["after"] or {} for function in functions)
    return {after["filename"]: after["source_code_hash"] for after in planned if after.get("filename")}


def package_digests(root: Path, packages: Collection[str]) -> Mapping[str, str]:
    files = {path: root / path for path in packages}
    return {
        path: base64.b64encode(hashlib.sha256(file.read_bytes()).digest()).decode()
        for path, file in files.items()
        if file.is_file()
    }


def plan_sha256(plan_file: Path) -> str:
    return hashlib.sha256(plan_file.read_bytes()).hexdigest()


def _blocking(review: Review) -> list[str]:
    return list(dict.fromkeys(risk.address for risk in review.blocking))
