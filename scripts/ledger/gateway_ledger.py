"""The simulated payment gateway's own ledger: one entry per order."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from scripts.cli.money import money
from scripts.deploy.deployment import Deployment
from scripts.ledger.log_reader import scan
from services.libs.store.dynamodb_items import Item, batch_get, from_item, to_item
from services.payment_service.simulated_gateway import REFUND_PREFIX, REFUSED_PREFIX
from services.payment_service.simulated_gateway import REFUNDED as REFUNDED_SUM
from services.shared.json_types import JsonObject, integer, text

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

CHARGED = "charged"
CALLED_OFF = "called_off"
DECLINED = "declined"
REFUNDED = "refunded"
NEVER_ASKED = "never asked"
UNREADABLE = "unreadable"

_NONE: Mapping[str, int] = MappingProxyType({})


class GatewayEntry(NamedTuple):
    """What the gateway did for one order. An order that was called off before its charge has no amount.

    A charge that is called off has the status `refunded`: all that was left of it was given back. Refunds of a charge
    that stands are beside it.
    """

    order_id: str
    status: str = NEVER_ASKED
    amount_minor: int = 0
    currency: str = ""
    charge_id: str = ""
    attempts: int = 0
    refunds: Mapping[str, int] = _NONE
    """The minor units that were given back, by refund id."""
    refused: Mapping[str, int] = _NONE
    """The minor units that were refused for good, by refund id."""
    refunded_minor: int = 0
    """The sum of the refunds, as the gateway keeps it."""

    @property
    def outcome(self) -> str:
        """The status and the amount, such as `charged 15.00 GBP`."""
        return f"{self.status} {money(self.amount_minor, self.currency)}" if self.currency else self.status

    @property
    def kept_minor(self) -> int:
        """The part of the charge that was not given back."""
        return self.amount_minor - self.refunded_minor if self.status == CHARGED else 0


def read_gateway(client: "DynamoDBClient", deployment: Deployment) -> Iterator[GatewayEntry]:
    return map(gateway_entry, scan(client, deployment.tables.simulated_gateway))


def read_entries(client: "DynamoDBClient", deployment: Deployment, order_ids: Iterable[str]) -> dict[str, GatewayEntry]:
    """Read the entries of these orders, by order id; an order that the gateway was never asked about has none."""
    keys = [to_item({"order_id": order_id}) for order_id in order_ids]
    items = batch_get(client, deployment.tables.simulated_gateway, keys)
    return {entry.order_id: entry for entry in map(gateway_entry, items)}


def gateway_entry(item: Item) -> GatewayEntry:
    """Parse an item of the table; one that cannot be parsed has the status `unreadable`."""
    order_id = item["order_id"]["S"]
    try:
        values = from_item(item)
        status = text(values, "status")
        attempts = integer(values, "attempts") if "attempts" in values else 0
        if status == CALLED_OFF and "amount_minor" not in values:
            return GatewayEntry(order_id, status, attempts=attempts)
        return GatewayEntry(
            order_id,
            status,
            integer(values, "amount_minor"),
            text(values, "currency"),
            text(values, "charge_id"),
            attempts,
            _by_refund(values, REFUND_PREFIX),
            _by_refund(values, REFUSED_PREFIX),
            integer(values, REFUNDED_SUM) if REFUNDED_SUM in values else 0,
        )
    except (LookupError, TypeError, ValueError):
        return GatewayEntry(order_id, UNREADABLE)


def _by_refund(values: JsonObject, prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): integer(values, name) for name in values if name.startswith(prefix)}
