"""Rewrite the inventory and the deadlines from the log, hand over orders that nobody took over, and finish erasures.

The log is right by definition: a repair moves no stock. Of an erasure, either half is right: it is never undone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NotRequired, TypedDict

from rich.progress import Progress

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.progress import progress_display
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time
from scripts.ledger.audit.auditor import Auditor
from scripts.ledger.audit.findings import Audit
from scripts.ledger.customers import CustomerFlaw
from scripts.ledger.deadlines import Deadline, Deadlines
from scripts.ledger.log_reader import named_briefly
from scripts.ledger.stock_commits import StockCommits
from scripts.operate.pausing import PauseSwitch
from scripts.recovery.customers import CustomerMender
from scripts.recovery.hand_over import hand_over
from services.libs.store.commit_items import commit_to_item
from services.libs.store.dynamodb_items import Item, to_item
from services.libs.store.event_store import EventStore
from services.libs.store.inventory_table import stock_to_item
from services.shared.inventory import StockItem

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.literals import ReturnValuesOnConditionCheckFailureType
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef, PutTypeDef, TransactWriteItemTypeDef

_KEY = "item_id"
_SHOWN = 10


class _Condition(TypedDict):
    ConditionExpression: str
    ExpressionAttributeNames: NotRequired[dict[str, str]]
    ExpressionAttributeValues: NotRequired[Mapping[str, "AttributeValueTypeDef"]]
    ReturnValuesOnConditionCheckFailure: NotRequired["ReturnValuesOnConditionCheckFailureType"]


@dataclass(frozen=True, slots=True)
class Repair:
    """An inventory item as it is and as the log demands it; None where there is none."""

    sku: str
    before: Item | None
    after: StockItem | None

    @property
    def text(self) -> str:
        if self.after is None:
            return "removed, as the log does not know it"
        before, after = self.before or {}, stock_to_item(self.after)
        names = [name for name in after | before if name != _KEY and before.get(name) != after.get(name)]
        return ", ".join(f"{name} {_value(before, name)} -> {_value(after, name)}" for name in names)


def _value(item: Item, name: str) -> str:
    return ", ".join(str(value) for value in item[name].values()) if name in item else "none"


@dataclass(frozen=True, slots=True)
class Findings:
    """The SKUs to repair, the deadlines that no service will be told of, the orders to hand over, and the customers."""

    repairs: list[Repair]
    missing_deadlines: Sequence[Deadline]
    waiting_for_fulfilment: Sequence[str]
    """The streams of orders that were confirmed long ago: before there was a fulfilment, or their event was lost."""
    customer_flaws: Sequence[CustomerFlaw]
    left: list[str]
    """Why the other SKUs cannot be repaired."""

    @property
    def are_empty(self) -> bool:
        found = (self.repairs, self.missing_deadlines, self.waiting_for_fulfilment, self.customer_flaws, self.left)
        return not any(found)


class Repairer:
    """Use it only while nobody else writes."""

    def __init__(
        self,
        client: "DynamoDBClient",
        deployment: Deployment,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._auditor = Auditor(client, deployment, clock)
        self._clock = clock
        self._client = client
        self._deployment = deployment
        self._commits = StockCommits(EventStore(client, deployment.store_tables), "repair")
        self._deadlines = Deadlines(client, deployment)

    def find(self, shown: Progress | None = None) -> Findings:
        """Raise UserError where the log is empty or damaged, or somebody is writing."""
        audit = self._auditor.compare_once(shown)
        _check(audit)
        repairs: list[Repair] = []
        left: list[str] = []
        for difference in audit.differences:
            if difference.kind == "stock":
                sku = difference.subject
                try:
                    repairs.append(Repair(sku, audit.stock.get(sku), _expected_item(audit, sku)))
                except UserError as error:
                    left.append(str(error))
        waiting = sorted(audit.waiting_for_fulfilment)
        return Findings(repairs, audit.missing_deadlines, waiting, audit.customer_flaws, left)

    def write(self, repair: Repair) -> None:
        """Raise UserError where the item has changed since it was compared."""
        writes = [self._item(repair)]
        if after := repair.after:
            commit = self._commits.next(after.sku, after.product, after.stock, delta=0)
            put: PutTypeDef = {
                "TableName": self._deployment.tables.event_store,
                "Item": commit_to_item(commit),
                "ConditionExpression": "attribute_not_exists(stream_id)",
            }
            writes.append({"Put": put})
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException as error:
            raise UserError(f"{repair.sku}: it has changed since it was compared, or could not be written") from error

    def write_deadlines(self, missing_deadlines: Iterable[Deadline]) -> None:
        self._deadlines.write(missing_deadlines, self._clock())

    def _item(self, repair: Repair) -> "TransactWriteItemTypeDef":
        """Replace or remove the item on condition that no attribute has changed since it was compared."""
        table = self._deployment.tables.inventory
        if repair.before is None:
            condition: _Condition = {"ConditionExpression": f"attribute_not_exists({_KEY})"}
        else:
            condition = _equals(repair.before)
        if repair.after is None:
            return {"Delete": {"TableName": table, "Key": to_item({_KEY: repair.sku}), **condition}}
        return {"Put": {"TableName": table, "Item": stock_to_item(repair.after), **condition}}


def _equals(item: Item) -> "_Condition":
    return {
        "ConditionExpression": " AND ".join(f"#{number} = :{number}" for number in range(len(item))),
        "ExpressionAttributeNames": {f"#{number}": name for number, name in enumerate(item)},
        "ExpressionAttributeValues": {f":{number}": value for number, value in enumerate(item.values())},
    }


def _check(audit: Audit) -> None:
    if audit.unreadable or not audit.commits:
        raise UserError(
            "nothing was repaired: the event store is empty or cannot be read; `invoke restore` first\n"
            f"{named_briefly(audit.unreadable)}".strip()
        )
    if audit.moved:
        named = ", ".join(audit.moved[:_SHOWN])
        raise UserError(f"nothing was repaired: somebody is writing, as this changed while it was read: {named}")


def _expected_item(audit: Audit, sku: str) -> StockItem | None:
    totals = audit.ledger.skus.get(sku)
    return totals.stock_item(sku) if totals else None


@one_at_a_time
def repair_tables(target: Target) -> None:
    """Print each repair once it is written; raise UserError where somebody may be writing, or a repair failed."""
    deployment = Deployment.of(target)
    pause, repairer = PauseSwitch(target, deployment), Repairer(target.client("dynamodb"), deployment)
    pause.check_paused("nothing was repaired")
    with progress_display() as shown:
        found = repairer.find(shown)
    pause.check_paused("nothing was repaired")
    for repair in found.repairs:
        try:
            repairer.write(repair)
        except UserError as error:
            found.left.append(str(error))
        else:
            out.print(f"{repair.sku}: {repair.text}", markup=False)
    if found.missing_deadlines:
        repairer.write_deadlines(found.missing_deadlines)
        out.print(
            f"deadlines written: {len(found.missing_deadlines):,}; their services are told soon after `invoke resume`"
        )
    found.left.extend(hand_over(target, deployment, found.waiting_for_fulfilment))
    if found.customer_flaws:
        found.left.extend(CustomerMender(target, deployment, "repair").mend(found.customer_flaws))
    if found.left:
        raise UserError("not repaired:\n" + "\n".join(found.left))
    out.print(
        "inventory and deadlines are what the log says, fulfilment has every order, each erasure is whole: "
        "nothing to repair"
        if found.are_empty
        else "`invoke resume` lets the services write again"
    )
