"""A payment provider for development: a pure function of the order id, with a durable ledger of its own."""

import hashlib
from typing import TYPE_CHECKING

from services.payment_service.gateway import Charge, ChargeConflictError, ChargeRequest, GatewayError, RefundRequest

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

REFUND_PREFIX = "refund#"
"""Before the refund's id: the name of the attribute with the amount that was given back, 0 if it was refused."""
REFUNDED = "refunded_minor"
"""The sum of an order's refunds."""
_ATTEMPTS = 5


class SimulatedGateway:
    """Decides from the order id and a success rate (0 to 1), and keeps each decision in a table."""

    def __init__(self, client: "DynamoDBClient", table: str, success_rate: float) -> None:
        self._client = client
        self._table = table
        self._success_rate = success_rate

    def charge(self, request: ChargeRequest) -> Charge:
        try:
            entry = self._client.update_item(
                TableName=self._table,
                Key={"order_id": {"S": request.order_id}},
                UpdateExpression=(
                    "SET #status = if_not_exists(#status, :status), charge_id = :charge,"
                    " amount_minor = :amount, currency = :currency ADD attempts :one"
                ),
                ConditionExpression=(
                    "attribute_not_exists(amount_minor) OR (amount_minor = :amount AND currency = :currency)"
                ),
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={
                    ":status": {"S": "charged" if self._accepts(request) else "declined"},
                    ":charge": {"S": f"sim_{_digest(request.order_id)[:24]}"},
                    ":amount": {"N": str(request.amount_minor)},
                    ":currency": {"S": request.currency},
                    ":one": {"N": "1"},
                },
                ReturnValues="ALL_NEW",
            )["Attributes"]
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise ChargeConflictError(request.order_id) from error
        return Charge(entry["charge_id"]["S"], accepted=entry["status"]["S"] == "charged")

    def call_off(self, order_id: str) -> int:
        key = {"order_id": {"S": order_id}}
        names = {"#status": "status"}
        try:
            entry = self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET #status = :refunded",
                ConditionExpression="#status IN (:charged, :refunded)",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={":charged": {"S": "charged"}, ":refunded": {"S": "refunded"}},
                ReturnValues="ALL_NEW",
            )["Attributes"]
            return int(entry["amount_minor"]["N"])
        except self._client.exceptions.ConditionalCheckFailedException:
            pass
        try:
            self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET #status = if_not_exists(#status, :called_off)",
                ConditionExpression="attribute_not_exists(order_id) OR #status IN (:called_off, :declined)",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={":called_off": {"S": "called_off"}, ":declined": {"S": "declined"}},
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise GatewayError(f"{order_id} was charged while its charge was called off") from error
        return 0

    def refund(self, request: RefundRequest) -> bool:
        """Keep the refund in the charge's item, under its id, with the sum of all: a condition guards the sum."""
        for _ in range(_ATTEMPTS):
            entry = self._client.get_item(
                TableName=self._table, Key={"order_id": {"S": request.order_id}}, ConsistentRead=True
            ).get("Item", {})
            name = f"{REFUND_PREFIX}{request.refund_id}"
            if name in entry:
                return entry[name]["N"] != "0" or request.amount_minor == 0
            made = int(entry[REFUNDED]["N"]) if REFUNDED in entry else 0
            charged = int(entry["amount_minor"]["N"]) if entry.get("status") == {"S": "charged"} else 0
            accepted = made + request.amount_minor <= charged
            amount = request.amount_minor if accepted else 0
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key={"order_id": {"S": request.order_id}},
                    UpdateExpression="SET #refund = :amount, #refunded = :after",
                    ConditionExpression=(
                        "attribute_not_exists(#refund) AND (#refunded = :before"
                        + (" OR attribute_not_exists(#refunded))" if made == 0 else ")")
                    ),
                    ExpressionAttributeNames={"#refund": name, "#refunded": REFUNDED},
                    ExpressionAttributeValues={
                        ":amount": {"N": str(amount)},
                        ":before": {"N": str(made)},
                        ":after": {"N": str(made + amount)},
                    },
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                continue
            return accepted
        raise GatewayError(f"{request.refund_id} met other refunds of its order in {_ATTEMPTS} attempts")

    def _accepts(self, request: ChargeRequest) -> bool:
        if request.forced_result:
            return request.forced_result == "SUCCESS"
        return accepts(request.order_id, self._success_rate)


def accepts(order_id: str, success_rate: float) -> bool:
    """Decide a charge without a forced result; the same order always gets the same answer."""
    return int(_digest(order_id)[:8], 16) / 0x1_0000_0000 < success_rate


def _digest(order_id: str) -> str:
    return hashlib.sha256(order_id.encode()).hexdigest()
