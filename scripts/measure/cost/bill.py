"""The monthly bill: standing resources, the work that the clock starts, the orders and their stored data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.measure.cost.load import Counts
from scripts.measure.cost.planned import Planned
from scripts.measure.cost.resource_types import standing
from scripts.measure.cost.standing import activities, once_due
from scripts.measure.prices import Price, Prices

DAYS_PER_MONTH = 30.4
STORED_BYTES_PER_ORDER = 1_600
"""Three commits of an order of 2 SKUs, with the 100 bytes that DynamoDB adds per item."""
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Line:
    service: str
    what: str
    why: str
    quantity: float
    usd: float
    fixed: bool
    """Whether it is billed without any order too."""


@dataclass(frozen=True, slots=True)
class Bill:
    orders: int
    lines: Sequence[Line]

    @property
    def fixed(self) -> float:
        return sum(line.usd for line in self.lines if line.fixed)

    @property
    def variable(self) -> float:
        return sum(line.usd for line in self.lines if not line.fixed)

    @property
    def total(self) -> float:
        return self.fixed + self.variable

    @property
    def services(self) -> dict[str, tuple[float, float]]:
        """Fixed and variable dollars per service, the most expensive first."""
        sums: dict[str, tuple[float, float]] = {}
        for line in self.lines:
            fixed, variable = sums.get(line.service, (0.0, 0.0))
            sums[line.service] = (fixed + line.usd, variable) if line.fixed else (fixed, variable + line.usd)
        return dict(sorted(sums.items(), key=lambda item: -sum(item[1])))


def make_bill(  # noqa: PLR0913 - the parts of a bill
    planned: Planned, prices: Prices, counts: Counts, orders: int, months: int, *, visits: int, scraped: bool
) -> Bill:
    """`counts` are per order; the stored data is that of `months` with `orders` each; `visits` are those of a month."""
    lines = _lines(prices, "standing", standing(planned), fixed=True)
    for activity in activities(planned, visits, scraped=scraped):
        lines += _lines(prices, activity.why, activity.quantities, fixed=True)
    lines += _lines(prices, "orders", {line: count * orders for line, count in counts.items()}, fixed=False)
    due = once_due(planned, orders)
    lines += _lines(prices, due.why, due.quantities, fixed=False)
    lines += _lines(prices, "orders", _kept(planned, counts, orders, months), fixed=False)
    return Bill(orders, lines)


def _kept(planned: Planned, counts: Counts, orders: int, months: int) -> dict[str, float]:
    """Stored GB after these months."""
    stored = orders * months * STORED_BYTES_PER_ORDER / _GB
    archived = _months(planned, "aws_cloudwatch_event_archive", "retention_days", months)
    logged = _months(planned, "aws_cloudwatch_log_group", "retention_in_days", months)
    return {
        "table_gb": stored,
        "recovery_gb": stored if _recoverable(planned) else 0,
        "archive_gb": orders * archived * counts["eventbridge_archived_bytes"] / _GB,
        "log_gb": orders * logged * counts["log_bytes"] / _GB,
    }


def _months(planned: Planned, kind: str, setting: str, months: int) -> float:
    """Months of its retention: all of them without a retention."""
    return min(planned.largest(kind, setting, default=months * DAYS_PER_MONTH) / DAYS_PER_MONTH, months)


def _recoverable(planned: Planned) -> bool:
    tables = planned.all("aws_dynamodb_table")
    return any(block.get("enabled") for values in tables for block in values.get("point_in_time_recovery") or ())


def _lines(prices: Prices, why: str, quantities: Mapping[str, float], *, fixed: bool) -> list[Line]:
    """Leave out quantities of zero, and quantities without a price, such as calls."""
    priced = {name: quantity for name, quantity in quantities.items() if quantity and name in prices}
    return [
        Line(price.service, price.text, why, _in_unit(priced[name], price), priced[name] * price.usd / price.per, fixed)
        for name, price in ((name, prices.price(name)) for name in priced)
    ]


def _in_unit(quantity: float, price: Price) -> float:
    """Bytes are shown in GB, as they are priced."""
    return quantity / _GB if price.per == _GB else quantity
