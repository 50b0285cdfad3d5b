"""The lists of tickets, by the sparse indexes of the event store: they hold the first commit of each ticket.

An index is eventually consistent: it shows a new ticket a moment later. A first commit never changes, so what happens
to a ticket writes nothing to them.
"""

from typing import TYPE_CHECKING, NamedTuple

from services.libs.store.commit_items import ALL_TICKETS, TICKET_CUSTOMER, TICKET_LIST
from services.libs.store.dynamodb_items import from_item, to_item
from services.libs.store.event_store import Tables
from services.shared.json_types import JsonObject, text

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import QueryInputTypeDef

TICKETS, TICKETS_BY_CUSTOMER = "tickets", "tickets-by-customer"


class TicketPage(NamedTuple):
    streams: tuple[str, ...]
    next: JsonObject | None
    """Where the next page begins; None after the last one."""


class TicketIndex:
    def __init__(self, client: "DynamoDBClient", tables: Tables) -> None:
        self._client = client
        self._table = tables.event_store

    def tickets(self, limit: int, customer_id: str | None = None, after: JsonObject | None = None) -> TicketPage:
        """The streams of a customer's tickets, or of everybody's, newest first."""
        index, key = (TICKETS_BY_CUSTOMER, TICKET_CUSTOMER) if customer_id else (TICKETS, TICKET_LIST)
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": index,
            "KeyConditionExpression": f"{key} = :value",
            "ExpressionAttributeValues": to_item({":value": customer_id or ALL_TICKETS}),
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if after:
            query["ExclusiveStartKey"] = to_item(after)
        found = self._client.query(**query)
        last = found.get("LastEvaluatedKey")
        streams = tuple(text(from_item(item), "stream_id") for item in found["Items"])
        return TicketPage(streams, from_item(last) if last else None)
