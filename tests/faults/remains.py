"""What a run left: in the tables, at the gateway and in the dead letters."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.audit.auditor import Auditor
from scripts.ledger.gateway_ledger import REFUNDED, read_gateway
from scripts.ledger.log_reader import histories, read_commits, read_inventory
from scripts.operate.dead_letter_queues import QueueReading, queues
from scripts.operate.dead_letters import DeadLetter
from services.shared.order_state import Order
from services.shared.rejections import RejectionReason
from tests.faults.balance import Balance
from tests.faults.workload import STRAY

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


class Remains:
    def __init__(self, target: Target, deployment: Deployment) -> None:
        client = target.client("dynamodb")
        self.audit = Auditor(client, deployment).audit()
        self._inventory = read_inventory(client, deployment)
        self._gateway = list(read_gateway(client, deployment))
        self._balance = Balance.of(histories(read_commits(client, deployment, [])))
        letters = list(dead_letters(target.client("sqs"), deployment))
        self._unexplained = [letter for letter in letters if not is_explained(letter)]
        self.explained = len(letters) - len(self._unexplained)

    @property
    def oversold(self) -> set[str]:
        oversold = {item.sku for item in self._inventory if min(item.stock, item.reserved, item.available) < 0}
        return oversold | {sku for sku, totals in self.audit.ledger.skus.items() if totals.sold > totals.seeded}

    @property
    def called_off(self) -> int:
        """How many charges were given back before they were settled."""
        return sum(entry.status == REFUNDED for entry in self._gateway)

    @property
    def differences(self) -> list[str]:
        return [str(found) for found in (*self.audit.differences, *self.audit.moved, *self._unexplained)]

    @property
    def outcomes(self) -> Mapping[str, int]:
        return self._balance.counts()

    @property
    def orders(self) -> Mapping[str, Order]:
        return self._balance.orders

    def imbalances(self, seeded: Mapping[str, int]) -> list[str]:
        """What of the `seeded` units, by SKU, and of the money is not where it must be."""
        paid = {entry.order_id: entry.kept_minor for entry in self._gateway}
        return list(self._balance.differences(seeded, self._inventory, paid))


def dead_letters(sqs: "SQSClient", deployment: Deployment) -> Iterator[DeadLetter]:
    for queue in queues(deployment):
        with closing(QueueReading(sqs, queue)) as reading:
            yield from reading.letters()


def is_explained(letter: DeadLetter) -> bool:
    """Only a payment request that this suite made up may be for an order that holds no stock."""
    if letter.attribute("reason") != RejectionReason.ORDER_NOT_RESERVED:
        return False
    event_id: str = json.loads(letter.body)["detail"]["metadata"]["eventId"]
    return event_id.startswith(STRAY)
