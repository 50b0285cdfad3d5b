"""Print an audit, and fail where a difference stays."""

from datetime import UTC, datetime

from rich.markup import escape

from scripts.cli.console import out, table
from scripts.cli.errors import UserError
from scripts.cli.progress import progress_display
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.audit.auditor import MOST_COMPARISONS, Auditor
from scripts.ledger.audit.findings import Audit

_SHOWN = 50


def audit_deployment(target: Target, as_of: datetime | None = None) -> None:
    """Print the findings; raise UserError where a difference stays, or something could never be compared.

    What was restored to an earlier time is audited as of then: an order that was open is not overdue yet.
    """
    auditor = Auditor(target.client("dynamodb"), Deployment.of(target), clock=lambda: as_of or datetime.now(UTC))
    with progress_display() as shown:
        audit = auditor.audit(shown)
    _print(audit)
    if any(difference.compared in audit.moving for difference in audit.differences):
        raise UserError(
            f"{len(audit.differences)} differences, of which some could not be read again, as what they are about "
            "moves: try again when it is calmer, or during `invoke pause`"
        )
    if audit.differences:
        raise UserError(f"{len(audit.differences)} differences stayed")
    if audit.uncompared:
        raise UserError(
            f"what could be compared agrees, but {MOST_COMPARISONS} looks could not compare everything: "
            "try again when it is calmer, or during `invoke pause`"
        )


def _print(audit: Audit) -> None:
    numbers = ("seeded", "sold", "stock", "reserved", "available")
    stock = table("SKU", *numbers, title="Stock, by the log", numbers=numbers)
    for sku, totals in sorted(audit.ledger.skus.items()):
        figures = (totals.seeded, totals.sold, totals.stock, totals.reserved, totals.available)
        stock.add_row(sku, *map(str, figures))
    out.print(stock)
    cancelled = ", ".join(f"{count} {reason}" for reason, count in sorted(audit.ledger.cancelled.items()))
    out.print(
        f"\n{audit.commits:,} commits, {audit.orders:,} orders: {audit.ledger.confirmed:,} confirmed,"
        f" cancelled: {cancelled or 'none'}; {audit.charges:,} entries in the gateway's ledger,"
        f" {len(audit.stock):,} SKUs"
    )
    if audit.uncompared:
        uncompared = sorted(audit.uncompared)
        more = f" and {len(uncompared) - _SHOWN} more" if len(uncompared) > _SHOWN else ""
        named = escape(", ".join(uncompared[:_SHOWN]))
        out.print(f"[yellow]never compared, as it changed whenever it was read: {named}{more}[/]")
    elif not audit.differences:
        out.print("[green]the inventory, the orders, the money and the counters are what the log says[/]")
    if not audit.differences:
        return
    differences = table("about", "which", "the log says", "found", title="\nDifferences")
    for difference in audit.differences[:_SHOWN]:
        differences.add_row(difference.kind, difference.subject, difference.expected, difference.found)
    out.print(differences)
    if len(audit.differences) > _SHOWN:
        out.print(f"and {len(audit.differences) - _SHOWN} more")
