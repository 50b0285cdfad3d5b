"""Show the changes made outside Terraform."""

from collections.abc import Sequence

from scripts.cli.console import out, table
from scripts.deploy import planning
from scripts.deploy.plan.model import Action, ResourceChange
from scripts.deploy.target import Target

EXIT_CODE = 2
"""The task ends with it where something was changed; an error ends with 1."""


def show_drift(target: Target) -> None:
    """Print the changes, and exit with 2 where there are any."""
    found = planning.find_drift(target)
    if not found:
        out.print(f"{target.environment} on {target.name} has not been changed outside Terraform")
        return
    show(found)
    out.print(
        f"\n{len(found)} {'resource was' if len(found) == 1 else 'resources were'} changed outside Terraform. "
        f"`invoke plan --target {target.name}` shows the changes that an apply sets back. The configuration does not "
        "cover the others: undo them where they were made."
    )
    raise SystemExit(EXIT_CODE)


def show(found: Sequence[ResourceChange]) -> None:
    changes = table("resource", "attribute", "in Terraform", "found")
    for change in found:
        if change.action is Action.DESTROY:
            changes.add_row(change.address, "", "exists", "deleted")
        for attribute in change.attributes:
            changes.add_row(change.address, attribute.path, attribute.before or "(none)", attribute.after or "(none)")
    out.print(changes)
