"""Tell what was changed outside Terraform."""

from collections.abc import Sequence

from scripts.cli.console import out, table
from scripts.deploy import planning
from scripts.deploy.plan.model import Action, ResourceChange
from scripts.deploy.target import Target

EXIT_CODE = 2
"""Of the task where something was changed; an error is 1."""


def show_drift(target: Target) -> None:
    """Print what was changed, and exit with 2 where anything was."""
    found = planning.find_drift(target)
    if not found:
        out.print(f"{target.environment} on {target.name} is as Terraform left it")
        return
    show(found)
    out.print(
        f"\n{len(found)} {'resource was' if len(found) == 1 else 'resources were'} changed outside Terraform. "
        f"`invoke plan --target {target.name}` shows what an apply would set back; what it does not name, the "
        "configuration says nothing of, and whoever changed it has to undo it."
    )
    raise SystemExit(EXIT_CODE)


def show(found: Sequence[ResourceChange]) -> None:
    changes = table("resource", "attribute", "in Terraform", "found")
    for change in found:
        if change.action is Action.DESTROY:
            changes.add_row(change.address, "", "there", "gone")
        for attribute in change.attributes:
            changes.add_row(change.address, attribute.path, attribute.before or "(none)", attribute.after or "(none)")
    out.print(changes)
