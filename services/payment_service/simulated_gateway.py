"""A payment provider for development: a pure function of ids, with a durable ledger of its own.

An order has one entry there: its charge, and each of its refunds, given back or refused.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from services.libs.store.dynamodb_items import Item, from_item, to_item
from services.payment_service.gateway import Charge, ChargeConflictError, ChargeRequest, GatewayError, RefundRequest
from services.shared.json_types import Json, JsonObject, integer

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

REFUND_PREFIX = "refund#"
"""Before a refund's id: the name of the attribute with the amount that was given back, in minor units."""
REFUSED_PREFIX = "refused#"
"""Before a refund's id: the name of the attribute with the amount that was refused for good."""
REFUNDED = "refunded_minor"
"""The sum of an order's refunds. A charge that is called off gives back the rest, which is not in it."""
ATTEMPTS_PREFIX = "attempts#"
"""Before the id of a refund, or of an order for its call-off: how often it was asked for."""

_CALLED_OFF: Mapping[Json, str] = {None: "called_off", "charged": "refunded"}
"""The status after a call-off, by the status before; each other status stays."""


class SimulatedGateway:
    """Decides by rates (0 to 1) from the ids of orders and refunds, and keeps each decision in a table.

    At the fault rate a call raises GatewayError: before its work, or after it, so that a later call gets the answer.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        success_rate: float,
        refund_failure_rate: float = 0.0,
        fault_rate: float = 0.0,
    ) -> None:
        self._client = client
        self._table = table
        self._success_rate = success_rate
        self._refund_failure_rate = refund_failure_rate
        self._fault_rate = fault_rate

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
        charge = Charge(entry["charge_id"]["S"], accepted=entry["status"]["S"] == "charged")
        # It never faults before its work: that would take a call more to count the attempt.
        if _fault_draw(charge.charge_id, int(entry["attempts"]["N"])) < self._fault_rate:
            raise _timed_out(charge.charge_id)
        return charge

    def call_off(self, order_id: str) -> int:
        with self._attempt(order_id, order_id) as entry:
            return self._call_off(entry, order_id)

    def refund(self, request: RefundRequest) -> bool:
        with self._attempt(request.order_id, request.refund_id) as entry:
            return self._refund(entry, request)

    def _call_off(self, entry: JsonObject, order_id: str) -> int:
        """Decide on the entry, and again if another call came between, such as the charge."""
        status = entry.get("status")
        if status not in _CALLED_OFF:
            return _left(entry) if status == "refunded" else 0
        changed = self._update(
            order_id,
            "SET #status = :after",
            "#status = :before" if status else "attribute_not_exists(#status)",
            {"#status": "status"},
            {":after": _CALLED_OFF[status]} | ({":before": status} if status else {}),
        )
        return self._call_off(changed, order_id)

    def _refund(self, entry: JsonObject, request: RefundRequest) -> bool:
        """Decide on the entry, and again if another call came between, such as another refund."""
        answer = _answer(entry, request)
        return self._refund(self._decide(entry, request), request) if answer is None else answer

    def _decide(self, entry: JsonObject, request: RefundRequest) -> JsonObject:
        """Write the refund or its refusal, unless another call came between; return the entry as it is then."""
        names = {"#refund": _given_back(request), "#refused": _refused(request), "#status": "status"}
        unanswered = "attribute_not_exists(#refund) AND attribute_not_exists(#refused)"
        amount: dict[str, Json] = {":amount": request.amount_minor}
        if refuses(request.refund_id, self._refund_failure_rate) or not _covers(entry, request):
            # What was never charged is called off with that: no later charge may contradict the refusal.
            update = "SET #refused = :amount, #status = if_not_exists(#status, :called_off)"
            return self._update(request.order_id, update, unanswered, names, amount | {":called_off": "called_off"})
        most = integer(entry, "amount_minor") - request.amount_minor
        return self._update(
            request.order_id,
            "SET #refund = :amount ADD #refunded :amount",
            f"{unanswered} AND #status = :charged AND (attribute_not_exists(#refunded) OR #refunded <= :most)",
            names | {"#refunded": REFUNDED},
            amount | {":charged": "charged", ":most": most},
        )

    @contextmanager
    def _attempt(self, order_id: str, key: str) -> Iterator[JsonObject]:
        """Count an attempt, by an id, and give the order's entry; the attempt may fault before its work or after it.

        An order that was never charged has no entry: it counts no attempt, and none of its attempts faults.
        """
        name = f"{ATTEMPTS_PREFIX}{key}"
        names = {"#attempts": name, "#status": "status"}
        entry = self._update(order_id, "ADD #attempts :one", "attribute_exists(#status)", names, {":one": 1})
        draw = _fault_draw(key, integer(entry, name)) if entry else 1.0
        if draw < self._fault_rate / 2:
            raise GatewayError(f"{key}: the provider failed")
        yield entry
        if draw < self._fault_rate:
            raise _timed_out(key)

    def _update(
        self, order_id: str, update: str, condition: str, names: Mapping[str, str], values: Mapping[str, Json]
    ) -> JsonObject:
        """Update the order's entry if the condition holds; return the entry as it is then, updated or not.

        It is empty if the order still has none.
        """
        try:
            item = self._client.update_item(
                TableName=self._table,
                Key={"order_id": {"S": order_id}},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=to_item(values),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )["Attributes"]
        except self._client.exceptions.ConditionalCheckFailedException as failed:
            item = cast("Item", failed.response.get("Item", {}))  # the stubs do not know it
        return from_item(item)

    def _accepts(self, request: ChargeRequest) -> bool:
        if request.forced_result:
            return request.forced_result == "SUCCESS"
        return accepts(request.order_id, self._success_rate)


def accepts(order_id: str, success_rate: float) -> bool:
    """Decide a charge without a forced result; the same order always gets the same answer."""
    return _draw(order_id) < success_rate


def refuses(refund_id: str, refund_failure_rate: float) -> bool:
    """Whether a refund is refused for good, although the charge covers it."""
    return _draw(refund_id) < refund_failure_rate


def _answer(entry: JsonObject, request: RefundRequest) -> bool | None:
    """What was answered before; None if nothing was. An id that was used for another amount is refused."""
    if _refused(request) in entry:
        return False
    kept = entry.get(_given_back(request))
    return None if kept is None else kept == request.amount_minor


def _covers(entry: JsonObject, request: RefundRequest) -> bool:
    """Whether enough is left of a charge in this currency that stands."""
    stands = entry.get("status") == "charged" and entry["currency"] == request.currency
    return stands and request.amount_minor <= _left(entry)


def _left(entry: JsonObject) -> int:
    """What refunds have left of the charge, in minor units."""
    return integer(entry, "amount_minor") - (integer(entry, REFUNDED) if REFUNDED in entry else 0)


def _given_back(request: RefundRequest) -> str:
    return f"{REFUND_PREFIX}{request.refund_id}"


def _refused(request: RefundRequest) -> str:
    return f"{REFUSED_PREFIX}{request.refund_id}"


def _timed_out(key: str) -> GatewayError:
    return GatewayError(f"{key}: the provider's answer did not come in time")


def _fault_draw(key: str, attempt: int) -> float:
    return _draw(f"{key}/{attempt}")


def _draw(text: str) -> float:
    """A number from 0 up to 1, the same for the same text."""
    return int(_digest(text)[:8], 16) / 0x1_0000_0000


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
