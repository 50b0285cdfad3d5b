"""Whether a plan may be applied: it is the one that was reviewed, it is not stale, and what blocks is allowed."""

import base64
import hashlib
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import TypeAdapter

from scripts.cli.errors import UserError
from scripts.cli.json_files import load_json
from scripts.deploy.plan.model import FORMAT, Review, Stamp
from scripts.deploy.plan.resources import Json

PLAN_FILE = "deployment.tfplan"
REVIEW_FILE = "deployment.review.json"
_NAMED_AT_MOST = 5
_ADAPTER = TypeAdapter(Review)


def to_json(review: Review) -> str:
    return _ADAPTER.dump_json(review, indent=1).decode() + "\n"


def read_review(folder: Path, again: str) -> Review:
    """Read the review beside a plan; `again` is the command that makes both."""
    if not (folder / PLAN_FILE).exists():
        raise UserError(f"there is no plan: `{again}`")
    if not (folder / REVIEW_FILE).exists():
        raise UserError(f"the plan in {folder} has no review beside it: `{again}` makes both")
    return load_json(folder / REVIEW_FILE, _ADAPTER)


def check(review: Review, found: Stamp, again: str) -> None:
    """Raise UserError where the plan is not the one that was reviewed, or stale: `found` is how things stand now."""
    reviewed, mend = review.stamp, f"make a new plan and look at it: `{again}`"
    if review.format != FORMAT:
        raise UserError(f"the review of the plan is of another version of PulseQueue: {mend}")
    if found.plan_sha256 != reviewed.plan_sha256:
        raise UserError(f"the plan is not the one that was reviewed, its SHA-256 differs: {mend}")
    if found.state != reviewed.state:
        raise UserError(
            f"the plan is stale: {review.environment} has been changed since it was made (Terraform's state was "
            f"{reviewed.state.serial} and is {found.state.serial}): {mend}"
        )
    if other := [path for path, digest in reviewed.packages.items() if found.packages.get(path) != digest]:
        names = ", ".join(sorted(Path(path).name for path in other))
        raise UserError(f"the packages are not those of the plan, they were built again or are gone: {names}; {mend}")


def check_allowed(review: Review, allowed: Collection[str]) -> None:
    """Raise UserError where something blocks that is not allowed, or something is allowed that does not block."""
    blocking = _blocking(review)
    if unknown := [address for address in allowed if address not in blocking]:
        could = "\n".join(f"  {address}" for address in blocking) or "  nothing: nothing blocks"
        raise UserError(f"--allow {unknown[0]}: the plan has no such risk that blocks; what could be allowed:\n{could}")
    if refused := [risk for risk in review.blocking if risk.address not in allowed]:
        listed = "\n".join(f"  {risk.address}: {risk.text}" for risk in refused)
        raise UserError(f"nothing was applied, for this blocks:\n{listed}\nif that is meant, {how_to_allow(review)}")


def how_to_allow(review: Review) -> str:
    """Give the command that applies in spite of what blocks; where that is a lot, its form."""
    addresses, command = _blocking(review), f"invoke apply --target {review.target}"
    if len(addresses) > _NAMED_AT_MOST:
        return (
            f"an apply wants each of the {len(addresses)} that block to be allowed: {command} --allow ADDRESS --allow …"
        )
    options = " ".join(f"--allow {shlex.quote(address)}" for address in addresses)
    return f"an apply wants what blocks to be allowed: {command} {options}"


def uploads(plan: Json) -> Mapping[str, str]:
    """Give the packages that an apply uploads, by path from the Terraform root, with their SHA-256 in Base64."""
    found = {}
    for entry in plan.get("resource_changes", ()):
        before, after = entry["change"]["before"] or {}, entry["change"]["after"] or {}
        changed = ("source_code_hash", "filename", "architectures")
        is_uploaded = "create" in entry["change"]["actions"] or any(
            before.get(one) != after.get(one) for one in changed
        )
        if entry["type"] == "aws_lambda_function" and after.get("filename") and is_uploaded:
            found[after["filename"]] = after["source_code_hash"]
    return found


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
