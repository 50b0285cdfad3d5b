"""A commit as the event store's table holds it.

`body` holds the fields of all its events, each name once. `stock_move` says what happens to the stock of `stock_lines`,
or of the body's `items` where there are no such lines. `schema_versions` is there only where one is not 1.
`command_key` and `command_content` are of the request that led to it. `category_parent` is the key of the index of
categories, `ticket_list` and `ticket_customer` are those of the indexes of tickets.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from services.libs.store.dynamodb_items import Item, from_item, to_item
from services.shared.causes import Cause, timestamp
from services.shared.commits import Command, Commit
from services.shared.events.catalog import CategoryCreated
from services.shared.events.event import Event, event_type
from services.shared.events.support import SupportTicketCreated
from services.shared.inventory import Move, StockLine, StockMove
from services.shared.json_types import Json, JsonObject, integer, objects, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef

_ITEMS = "items"

CATEGORY_PARENT = "category_parent"
"""The attribute that the index of categories has as its hash key: only the commits of categories have it."""
TOP = "#top"
"""The parent of the categories at the top; no category has such an id."""


TICKET_LIST, TICKET_CUSTOMER = "ticket_list", "ticket_customer"
"""The hash keys of the indexes of tickets: only the first commits of tickets have them."""
ALL_TICKETS = "all"


def commit_to_item(commit: Commit) -> Item:
    """Raise ValueError if two of its events have different values for one field."""
    body = _body(commit.events)
    versions: list[Json] = [event.SCHEMA_VERSION for event in commit.events]
    values: JsonObject = {
        "stream_id": commit.stream_id,
        "version": commit.version,
        "events": [event.type_name() for event in commit.events],
        "body": body,
        "stock_move": commit.stock_move.move.value,
        "correlation_id": commit.cause.correlation_id,
        "causation_id": commit.cause.event_id,
        "committed_at": commit.cause.occurred_at,
    }
    if any(version != 1 for version in versions):
        values["schema_versions"] = versions
    lines = commit.stock_move.lines
    if lines and lines != _lines(body, _ITEMS):
        values["stock_lines"] = [{"sku": line.sku, "quantity": line.quantity} for line in lines]
    if commit.due_at:
        values["due_at"] = timestamp(commit.due_at)
    if commit.command:
        values["command_key"], values["command_content"] = commit.command
    if category := commit.find(CategoryCreated):
        values[CATEGORY_PARENT] = category.parent_id or TOP
    if ticket := commit.find(SupportTicketCreated):
        values[TICKET_LIST], values[TICKET_CUSTOMER] = ALL_TICKETS, ticket.customer_id
    return to_item(values)


def commit_from_item(item: "Mapping[str, AttributeValueTypeDef]") -> Commit:
    """Raise KeyError, TypeError or ValueError if the item is no commit, UnknownEventError if an event is unknown."""
    values = from_item(item)
    names, body = values["events"], values["body"]
    if not isinstance(names, list) or not names or not isinstance(body, dict):
        raise TypeError("events or body of the commit are of the wrong kind")
    versions = values.get("schema_versions", [1] * len(names))
    if not isinstance(versions, list):
        raise TypeError("schema_versions of the commit are of the wrong kind")
    events = tuple(
        event_type(str(name)).of(body, int(str(version))) for name, version in zip(names, versions, strict=True)
    )
    return Commit(
        stream_id=text(values, "stream_id"),
        version=integer(values, "version"),
        events=events,
        cause=Cause(
            event_id=text(values, "causation_id"),
            correlation_id=text(values, "correlation_id"),
            at=_time(values, "committed_at"),
        ),
        stock_move=_stock_move(values, body, events),
        due_at=_time(values, "due_at") if "due_at" in values else None,
        command=_command(values),
    )


def _command(values: JsonObject) -> Command | None:
    return Command(text(values, "command_key"), text(values, "command_content")) if "command_key" in values else None


def _time(values: JsonObject, field: str) -> datetime:
    time = datetime.fromisoformat(text(values, field))
    if time.tzinfo is None:
        raise ValueError(f"{field} has no time zone")
    return time


def _body(events: "Sequence[Event]") -> JsonObject:
    body: JsonObject = {}
    for event in events:
        for name, value in event.stored().items():
            if body.setdefault(name, value) != value:
                raise ValueError(f"the events of a commit differ in {name}")
    return body


def _stock_move(values: JsonObject, body: JsonObject, events: "Sequence[Event]") -> StockMove:
    move = Move(text(values, "stock_move")) if "stock_move" in values else _move_of_old_commit(events)
    if move in {Move.ADJUST, Move.NONE}:
        return StockMove(move)
    return StockMove(move, _lines(values, "stock_lines") if "stock_lines" in values else _lines(body, _ITEMS))


def _move_of_old_commit(events: "Sequence[Event]") -> Move:
    """Upcast a commit from before commits stated their stock move: it followed from the names of their events."""
    moves = (_MOVES_BY_EVENT[event.type_name()] for event in events if event.type_name() in _MOVES_BY_EVENT)
    return next(moves, Move.NONE)


_MOVES_BY_EVENT = {
    "OrderValidated": Move.RESERVE,
    "PaymentProcessed": Move.SETTLE,
    "PaymentFailed": Move.RELEASE,
    "RefundRequested": Move.RELEASE,
    "ProductInventoryUpdated": Move.ADJUST,
}


def _lines(values: JsonObject, field: str) -> tuple[StockLine, ...]:
    lines = objects(values, field) if field in values else []
    return tuple(StockLine(text(line, "sku"), integer(line, "quantity")) for line in lines)
