"""`invoke cost`: what a month of an environment costs, by service and line by line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from scripts.cli.console import out, table
from scripts.cli.files import write_whole
from scripts.cli.json_files import check_writable
from scripts.cli.paths import MEASURED_COUNTS_FILE, PRICES_FILE
from scripts.deploy import planning
from scripts.deploy.target import Target
from scripts.measure.cost.bill import STORED_BYTES_AN_ORDER, Bill, make_bill
from scripts.measure.cost.load import ORDERED, Predicted, counts_at, measured, predict
from scripts.measure.cost.planned import Planned
from scripts.measure.cost.resource_types import HOURS_A_MONTH, unpriced
from scripts.measure.cost.standing import assumptions
from scripts.measure.prices import Prices, read_prices

_MILLION = 1_000_000
_SECONDS_A_MONTH = HOURS_A_MONTH * 3600


@dataclass(frozen=True, slots=True)
class Settings:
    orders_a_month: int
    batch: int | None = None
    """Orders of a transaction, to take what was measured; None is as many as the simulation finds, and its counts."""
    months: int = 12
    """For how long orders have come: what is kept of them gathers."""
    scraped: bool = False
    measured: Path = MEASURED_COUNTS_FILE
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
        out.print(services_table(self.bill), "", lines_table(self.bill), "")
        a_million = self.bill.variable / self.bill.orders * _MILLION
        out.print(
            f"an order: ${self.bill.total / self.bill.orders:.7f}; a million more: ${a_million:,.2f}; "
            f"a month without any: ${self.bill.fixed:,.2f}",
            markup=False,
        )
        for note in self.notes:
            out.print(f"- {note}", markup=False)
        for kind, count in self.unpriced.items():
            out.print(
                f"not priced: {count} {kind}; give it a place in scripts/measure/cost/resource_types.py", markup=False
            )


def show_bill(target: Target, settings: Settings, json_file: Path | None) -> None:
    """Read the plan, print the bill; raise UserError where there is no plan, or a file is not what it should be."""
    if json_file:
        check_writable(json_file)
    report = make_report(Planned.of(planning.read_plan(target)), settings)
    report.print()
    if json_file:
        write_whole(json_file, report.as_json() + "\n")
        out.print(f"written to {json_file}", markup=False)


def make_report(planned: Planned, settings: Settings) -> Report:
    prices = read_prices(settings.prices)
    predicted = predict(planned, settings.orders_a_month / _SECONDS_A_MONTH)
    counts = predicted.counts
    if settings.batch:
        counts = counts_at(measured(settings.measured), settings.batch, planned.memory_gb)
    scraped = settings.scraped or planned.scrapes_expected
    bill = make_bill(planned, prices, counts, settings.orders_a_month, settings.months, scraped=scraped)
    notes = [*_notes(planned, prices, settings, predicted), *assumptions(planned, scraped=scraped)]
    return Report(bill, prices, planned.region, notes, unpriced(planned))


def _notes(planned: Planned, prices: Prices, settings: Settings, predicted: Predicted) -> list[str]:
    rate = settings.orders_a_month / _SECONDS_A_MONTH
    notes = [
        f"Prices of {prices.region}, {prices.date}, without free tiers, discounts and taxes.",
        f"Orders of {ORDERED.skus} SKUs out of {ORDERED.catalogue}, {rate:,.3g} a second all month.",
        *_counting(planned, settings, predicted),
        f"It leaves {STORED_BYTES_AN_ORDER:,} bytes in the event store, which keeps {settings.months} months of them.",
        "Logs are kept as they came, uncompressed.",
        "Left out: the simulated payment gateway's table, the storage of deadlines, data transfer, requests to keys.",
    ]
    if planned.region != prices.region:
        where = planned.region or "a region of its own"
        notes.insert(1, f"The plan is for {where}, whose prices differ: --prices FILE takes others.")
    if rate > predicted.orders_a_second:
        carried = f"{predicted.orders_a_second:,.0f} orders/s ({predicted.limit})"
        notes.insert(0, f"More than the environment carries, {carried}: see docs/capacity.md.")
    return notes


def _counting(planned: Planned, settings: Settings, predicted: Predicted) -> list[str]:
    if settings.batch:
        return [
            f"--batch puts {settings.batch:,} in a transaction; they take what {settings.measured.name} counted.",
            "Lambda's times are those of the machine that measured.",
        ]
    return [
        f"{predicted.orders_a_transaction:,.1f} are in a transaction, as simulated at {planned.batch_size} at most.",
        "A transaction that conflicts with another is paid for too.",
        "Lambda's times are those assumed for AWS, see docs/capacity.md.",
    ]


def services_table(bill: Bill) -> Table:
    numbers = ("fixed $", "by orders $", "total $", "share")
    shown = table("service", *numbers, numbers=numbers, title=f"A month with {bill.orders:,} orders")
    for service, (fixed, variable) in bill.services.items():
        shown.add_row(service, *_money(fixed, variable), f"{(fixed + variable) / bill.total:.0%}")
    shown.add_row("all", *_money(bill.fixed, bill.variable), "100%")
    return shown


def lines_table(bill: Bill) -> Table:
    numbers = ("quantity", "$", "share")
    shown = table("what", "why", *numbers, numbers=numbers, title="Line by line")
    for line in sorted(bill.lines, key=lambda line: (not line.fixed, -line.usd)):
        quantity = f"{line.quantity:,.0f}" if line.quantity >= 10 else f"{line.quantity:,.2f}"  # noqa: PLR2004 - few digits
        shown.add_row(line.what, line.why, quantity, f"{line.usd:,.2f}", f"{line.usd / bill.total:.0%}")
    return shown


def _money(fixed: float, variable: float) -> tuple[str, str, str]:
    return f"{fixed:,.2f}", f"{variable:,.2f}", f"{fixed + variable:,.2f}"
