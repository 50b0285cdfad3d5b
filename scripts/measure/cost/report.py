"""`invoke cost`: the monthly bill of an environment, by service and by line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from scripts.cli.console import out, print_table, table
from scripts.cli.errors import UserError
from scripts.cli.files import write_whole
from scripts.cli.json_files import check_writable
from scripts.cli.paths import MEASURED_COUNTS_FILE, PRICES_FILE
from scripts.deploy import planning
from scripts.deploy.plan.guard import PLAN_FILE
from scripts.deploy.remote_state import initialised_terraform, state_bucket_exists
from scripts.deploy.target import Target
from scripts.measure.cost.bill import STORED_BYTES_PER_ORDER, Bill, make_bill
from scripts.measure.cost.load import ORDERED, Predicted, counts_at, measured_counts, predict
from scripts.measure.cost.planned import Planned
from scripts.measure.cost.resource_types import HOURS_PER_MONTH, unpriced
from scripts.measure.cost.standing import assumptions
from scripts.measure.prices import Prices, read_prices

_MILLION = 1_000_000
_SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600


@dataclass(frozen=True, slots=True)
class Settings:
    orders_per_month: int = 1_000_000
    batch: int | None = None
    """Orders per transaction, for the measured counts of such batches; None takes both from the simulation."""
    months: int = 12
    """Months for which orders have come: their stored data accumulates."""
    scraped: bool = False
    visits_per_month: int = 0
    prices: Path = PRICES_FILE


@dataclass(frozen=True, slots=True)
class Report:
    bill: Bill
    prices: Prices
    region: str
    notes: Sequence[str]
    unpriced: Mapping[str, int]

    def as_json(self) -> str:
        bill = self.bill
        given = {
            "orders_a_month": bill.orders,
            "prices": {"date": str(self.prices.date), "region": self.prices.region},
            "region": self.region,
            "lines": [asdict(line) for line in bill.lines],
            "services": {name: {"fixed": fixed, "variable": rest} for name, (fixed, rest) in bill.services.items()},
            "fixed_usd": bill.fixed,
            "variable_usd": bill.variable,
            "total_usd": bill.total,
            "usd_an_order": bill.total / bill.orders,
            "assumptions": list(self.notes),
            "not_priced": dict(self.unpriced),
        }
        return json.dumps(given, indent=2)

    def print(self) -> None:
        for shown in (services_table(self.bill), lines_table(self.bill)):
            print_table(shown)
            out.print()
        a_million = self.bill.variable / self.bill.orders * _MILLION
        out.print(
            f"per order: ${self.bill.total / self.bill.orders:.7f}; a million more orders: ${a_million:,.2f}; "
            f"a month without orders: ${self.bill.fixed:,.2f}",
            markup=False,
        )
        for note in self.notes:
            out.print(f"- {note}", markup=False)
        for kind, count in self.unpriced.items():
            out.print(f"not priced: {count} {kind}; add it to scripts/measure/cost/resource_types.py", markup=False)


def show_bill(target: Target, settings: Settings, json_file: Path | None) -> None:
    """Print the bill of the last plan or, once that is applied, of the deployment; raise UserError without either."""
    if json_file:
        check_writable(json_file)
    report = make_report(Planned.of(_plan_or_state(target)), settings)
    report.print()
    if json_file:
        write_whole(json_file, report.as_json() + "\n")
        out.print(f"written to {json_file}", markup=False)


def _plan_or_state(target: Target) -> Mapping[str, Any]:
    """Read the plan, or the state if there is no plan, in Terraform's JSON form."""
    if (target.state_folder / PLAN_FILE).exists():
        out.print("the last plan, not applied yet:")
        return planning.read_plan(target)
    state = initialised_terraform(target).show_state() if state_bucket_exists(target) else {}
    if not state.get("values"):
        raise UserError(f"there is no plan, and nothing is deployed: `{planning.plan_command(target)}`")
    out.print("the deployment, as there is no newer plan:")
    # A state has no variables.
    return {**state, "variables": {"region": {"value": target.region}}}


def make_report(planned: Planned, settings: Settings) -> Report:
    prices = read_prices(settings.prices)
    predicted = predict(planned, settings.orders_per_month / _SECONDS_PER_MONTH)
    counts = predicted.counts
    if settings.batch:
        counts = counts_at(measured_counts(), settings.batch, planned.memory_gb)
    scraped = settings.scraped or planned.scrapes_expected
    visits = settings.visits_per_month
    bill = make_bill(
        planned, prices, counts, settings.orders_per_month, settings.months, visits=visits, scraped=scraped
    )
    notes = [*_notes(planned, prices, settings, predicted), *assumptions(planned, visits, scraped=scraped)]
    return Report(bill, prices, planned.region, notes, unpriced(planned))


def _notes(planned: Planned, prices: Prices, settings: Settings, predicted: Predicted) -> list[str]:
    rate = settings.orders_per_month / _SECONDS_PER_MONTH
    notes = [
        f"Prices of {prices.region}, {prices.date}, without free tiers, discounts and taxes.",
        f"Orders of {ORDERED.skus} SKUs out of {ORDERED.catalogue}, {rate:,.3g} a second all month.",
        *_counting(planned, settings, predicted),
        f"The event store has {STORED_BYTES_PER_ORDER:,} bytes per order of {settings.months} months.",
        "Logs are stored uncompressed.",
        "Left out: the simulated payment gateway's table, the storage of deadlines, data transfer.",
    ]
    if planned.region != prices.region:
        where = planned.region or "another region"
        notes.insert(1, f"The environment is in {where}, whose prices differ: --prices FILE takes others.")
    if rate > predicted.orders_per_second:
        carried = f"{predicted.orders_per_second:,.0f} orders/s ({predicted.limit})"
        notes.insert(0, f"These orders are more than the environment carries, {carried}: see docs/capacity.md.")
    return notes


def _counting(planned: Planned, settings: Settings, predicted: Predicted) -> list[str]:
    if settings.batch:
        return [
            f"--batch: {settings.batch:,} orders per transaction, by the counts in {MEASURED_COUNTS_FILE.name}.",
            "Lambda's times are those of the measured machine.",
        ]
    return [
        f"{predicted.orders_per_transaction:,.1f} orders per transaction, simulated with {planned.batch_size} at most.",
        "Transactions that conflict are billed too.",
        "Lambda's times are assumed for AWS, see docs/capacity.md.",
    ]


def services_table(bill: Bill) -> Table:
    numbers = ("fixed $", "by orders $", "total $", "share")
    title = f"A month with {bill.orders:,} orders (--orders-per-month)"
    shown = table("service", *numbers, numbers=numbers, title=title)
    for service, (fixed, variable) in bill.services.items():
        shown.add_row(service, *_money(fixed, variable), f"{(fixed + variable) / bill.total:.0%}")
    shown.add_row("all", *_money(bill.fixed, bill.variable), "100%")
    return shown


def lines_table(bill: Bill) -> Table:
    numbers = ("quantity", "$", "share")
    shown = table("item", "reason", *numbers, numbers=numbers, title="Line by line")
    for line in sorted(bill.lines, key=lambda line: (not line.fixed, -line.usd)):
        quantity = f"{line.quantity:,.0f}" if line.quantity >= 10 else f"{line.quantity:,.2f}"  # noqa: PLR2004 - few digits
        shown.add_row(line.what, line.why, quantity, f"{line.usd:,.2f}", f"{line.usd / bill.total:.0%}")
    return shown


def _money(fixed: float, variable: float) -> tuple[str, str, str]:
    return f"{fixed:,.2f}", f"{variable:,.2f}", f"{fixed + variable:,.2f}"
