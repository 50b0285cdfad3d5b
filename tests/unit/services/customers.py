"""A customer with a key, on the services' tables."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.customer_service.domain import Profile
from services.customer_service.service import Customers, Logins
from services.libs.store.dynamodb_items import from_item, to_item
from services.libs.store.event_store import EventStore
from services.shared.commits import Commit
from tests.factories import CAUSE, NOW
from tests.unit.conftest import AT_ONCE, CUSTOMER_KEY_TABLE, EVENT_STORE_TABLE, TABLES, Aws

CUSTOMER = "c-1"
USERNAME = "user-1"
STREAM = f"customer#{CUSTOMER}"
ADA = Profile(name="Ada Lovelace", mail="ada@example.org")
HOME = {"lines": ("12 St James's Square",), "city": "London", "postcode": "SW1Y 4JH", "country": "GB"}


def customers(aws: Aws, store: EventStore | None = None) -> Customers:
    return Customers(store or aws.store, aws.keys)


def logins(aws: Aws, store: EventStore | None = None) -> Logins:
    return Logins(store or aws.store)


def registered(aws: Aws, profile: Profile = ADA, at: datetime = NOW) -> None:
    customers(aws).register(CUSTOMER, USERNAME, replace(CAUSE, at=at), profile)


def updated(aws: Aws, **changes: object) -> None:
    service = customers(aws)
    service.update(CUSTOMER, USERNAME, changes, service.read(CUSTOMER).version, CAUSE)


def erased(aws: Aws) -> None:
    customers(aws).erase(CUSTOMER, USERNAME, CAUSE)


def events(aws: Aws, stream: str = STREAM) -> list[str]:
    return [event.type_name() for commit in aws.store.read(stream) for event in commit.events]


def every_event(aws: Aws) -> list[str]:
    items = aws.dynamodb.scan(TableName=EVENT_STORE_TABLE)["Items"]
    return sorted(str(name) for item in items for name in from_item(item)["events"])  # type: ignore[union-attr]


def key_item(aws: Aws, customer: str = CUSTOMER) -> dict[str, Any] | None:
    found = aws.dynamodb.get_item(TableName=CUSTOMER_KEY_TABLE, Key=to_item({"customer_id": customer}))
    return from_item(found["Item"]) if "Item" in found else None


def lose_key(aws: Aws) -> None:
    aws.dynamodb.delete_item(TableName=CUSTOMER_KEY_TABLE, Key=to_item({"customer_id": CUSTOMER}))


def lose_stream(aws: Aws, stream: str = STREAM, after: int = 0) -> None:
    """What a restore of an older backup does: the versions beyond this one are gone."""
    for commit in aws.store.read(stream):
        if commit.version > after:
            key = to_item({"stream_id": stream, "version": commit.version})
            aws.dynamodb.delete_item(TableName=EVENT_STORE_TABLE, Key=key)


def racing(aws: Aws, act: Callable[[], object]) -> EventStore:
    """A store in which another request acts just before our first commit is written."""
    left = [act]

    class _Store(EventStore):
        def append(self, commit: Commit) -> None:
            while left:
                left.pop()()
            super().append(commit)

    return _Store(aws.dynamodb, TABLES, backoff=AT_ONCE)


def stored_words(aws: Aws) -> str:
    """All that the tables hold, as text."""
    pages = [aws.dynamodb.scan(TableName=table)["Items"] for table in (EVENT_STORE_TABLE, CUSTOMER_KEY_TABLE)]
    return str(pages)
