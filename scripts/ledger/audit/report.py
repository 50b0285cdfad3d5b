"""Print an audit, and fail where a difference stays."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.table import Table

from scripts.cli.console import out, print_table, table
from scripts.cli.errors import UserError
from scripts.cli.money import money
from scripts.cli.progress import progress_display
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.audit.auditor import Auditor
from scripts.ledger.audit.findings import Audit, Difference
from scripts.ledger.log_reader import Ledger

_SHOWN = 50


def audit_deployment(target: Target, as_of: datetime | None = None) -> None:
    """Print the findings; raise UserError where a difference stays.

    A restored event store is audited as of the time that it was restored to: an order that was open is not overdue yet.
    """
    auditor = Auditor(target.client("dynamodb"), Deployment.of(target), clock=lambda: as_of or datetime.now(UTC))
    with progress_display() as shown:
        audit = auditor.audit(shown)
    _print(audit)
    if audit.moving & audit.by_sku.keys():
        raise UserError(
            f"{len(audit.differences)} differences, of which some could not be read again, as their SKUs keep moving: "
            "try again when it is calmer, or during `invoke pause`"
        )
    if audit.differences:
        raise UserError(f"{len(audit.differences)} differences stayed")


def _print(audit: Audit) -> None:
    print_table(stock_table(audit.ledger, "Stock, by the log"))
    out.print(f"\n{_totals(audit)}")
    if audit.moved:
        out.print(f"moved while it was read: {moved_text(audit)}", style="yellow", markup=False)
    if not audit.differences:
        rest = (
            "all the rest is"
            if audit.moving
            else "the inventory, the orders, the money, the counters and the erasures are"
        )
        out.print(f"{rest} what the log says", style="green")
        return
    print_table(_differences(audit.differences[:_SHOWN]))
    if len(audit.differences) > _SHOWN:
        out.print(f"and {len(audit.differences) - _SHOWN} more")


def stock_table(ledger: Ledger, title: str, run: Ledger | None = None) -> Table:
    """Tabulate the units of each SKU by the log, and with `run` also the units that this run sold.

    Sold units that are back in stock count no more.
    """
    numbers = ("seeded", "sold", "stock", "reserved", "available", *(("sold in this run",) if run else ()))
    shown = table("SKU", *numbers, title=title, numbers=numbers)
    for sku, totals in sorted(ledger.skus.items()):
        figures = [totals.seeded, totals.sold, totals.stock, totals.reserved, totals.available]
        if run:
            figures.append(run.skus[sku].sold if sku in run.skus else 0)
        shown.add_row(sku, *map(str, figures))
    return shown


def _totals(audit: Audit) -> str:
    ledger = audit.ledger
    cancelled = ", ".join(f"{count:,} {reason}" for reason, count in sorted(ledger.cancelled.items()))
    return (
        f"{audit.commits:,} commits, {audit.orders:,} orders: {ledger.confirmed:,} confirmed,"
        f" {ledger.shipped:,} shipped, {ledger.delivered:,} delivered, cancelled: {cancelled or 'none'}\n"
        f"{audit.parcels:,} parcels, {ledger.returned:,} returns; revenue {amounts_text(ledger.revenue_minor)},"
        f" given back {amounts_text(ledger.refunded_minor)}; {audit.charges:,} entries in the gateway's ledger,"
        f" {len(audit.stock):,} SKUs"
    )


def amounts_text(amounts: Mapping[str, int]) -> str:
    """The amounts by currency, such as `15.00 GBP, 1,500 JPY`; `none` where all are 0."""
    return ", ".join(money(amount, currency) for currency, amount in sorted(amounts.items()) if amount) or "none"


def moved_text(audit: Audit) -> str:
    """Name the counters and SKUs that moved, and how far they were compared."""
    skus = sorted(audit.moving)
    more = f" and {len(skus) - _SHOWN} more" if len(skus) > _SHOWN else ""
    stock = f"the stock of {', '.join(skus[:_SHOWN])}{more}, which was never compared" if skus else ""
    counters = "the counters, compared with their values before and after" if audit.counters_moved else ""
    return "; ".join(filter(None, (counters, stock)))


def _differences(differences: Sequence[Difference]) -> Table:
    shown = table("about", "which", "the log says", "found", title="\nDifferences")
    for difference in differences:
        shown.add_row(difference.kind, difference.subject, difference.expected, difference.found)
    return shown
