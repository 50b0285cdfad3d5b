"""A review in a terminal."""

from collections.abc import Mapping

from rich.text import Text

from scripts.cli.console import out, table
from scripts.deploy.plan import guard
from scripts.deploy.plan.model import Review, Severity
from scripts.deploy.plan.summary import Entry, by_service, created_modules, drift_entries, headline

_SEVERITIES = {Severity.BLOCK: Text("blocks", "bold red"), Severity.WARN: Text("warns", "yellow")}


def show(review: Review) -> None:
    _show_risks(review)
    _show_changes(review)
    if review.drift:
        _show_entries("Changed outside Terraform since the last apply", {"": drift_entries(review)})
    plan = "plan to destroy everything" if review.destroy else "plan"
    out.print(f"\n{plan} for {review.environment} on {review.target}: {headline(review)}", markup=False)
    if review.outputs and not review.changes:
        out.print(f"outputs that change: {', '.join(review.outputs)}", markup=False)
    if review.blocking and not review.destroy:
        out.print(f"to apply it in spite of the risks that block, {guard.how_to_allow(review)}", markup=False)


def _show_risks(review: Review) -> None:
    if not review.risks:
        return
    risks = table("", "resource", "risk", title="\nRisks")
    for risk in review.risks:
        risks.add_row(_SEVERITIES[risk.severity], risk.address, risk.text)
    out.print(risks)


def _show_changes(review: Review) -> None:
    if modules := created_modules(review):
        created = table("module", "new", "resources", title="\nCreated", numbers={"new"})
        for module, count, services in modules:
            created.add_row(module, str(count), services)
        out.print(created)
    if entries := by_service(review):
        _show_entries("Changes", entries)


def _show_entries(title: str, services: Mapping[str, list[Entry]]) -> None:
    changes = table("service", "", "resource", "change", title=f"\n{title}")
    for service, entries in services.items():
        for entry in entries:
            first, *others = entry.notes or ("",)
            changes.add_row(service, entry.symbol, entry.title, first)
            for other in others:
                changes.add_row("", "", "", other)
    out.print(changes)
