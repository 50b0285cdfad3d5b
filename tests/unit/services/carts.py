"""A customer with a cart, on the services' tables."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.cart_service.domain import Cart, Request, Total
from services.cart_service.service import AbandonedCarts, CartService
from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.event_store import EventStore
from services.shared.commits import Command, Commit, sku_stream
from services.shared.deadlines import DeadlineGroup
from tests.factories import CAUSE, NOW, seeding
from tests.unit.conftest import DEADLINE_TABLE, TABLES, Aws

CUSTOMER = "customer-1"
STREAM = f"cart#{CUSTOMER}"
AFTER = timedelta(hours=72)
HOUR = timedelta(hours=1)


def request(version: int, key: str | None = None, content: str = "", at: datetime = NOW) -> Request:
    return Request(version, replace(CAUSE, at=at), Command(key, content) if key else None)


def carts(aws: Aws, store: EventStore | None = None) -> CartService:
    return CartService(store or aws.store, aws.inventory, AFTER)


def abandoned_carts(aws: Aws, store: EventStore | None = None) -> AbandonedCarts:
    return AbandonedCarts(store or aws.store, DeadlineTable(aws.dynamodb, DEADLINE_TABLE), AFTER)


def seed(aws: Aws, sku: str = "prod-001", **product: str | int) -> None:
    """Set the product as it is from now on, with ten units of it."""
    version = aws.store.latest_version(sku_stream(sku)) + 1
    aws.store.append(seeding(sku, 10, version, 10 if version == 1 else 0, **product))


def deadlines(aws: Aws) -> list[DeadlineGroup]:
    groups = DeadlineTable(aws.dynamodb, DEADLINE_TABLE).all()
    return sorted((group for group in groups if isinstance(group, DeadlineGroup)), key=lambda group: group.due_at)


def events(aws: Aws, customer: str = CUSTOMER) -> list[str]:
    """The commits of the customer's carts, as the names of their events."""
    commits = aws.store.read(f"cart#{customer}")
    return [" + ".join(event.type_name() for event in commit.events) for commit in commits]


@dataclass
class Rivals:
    """A store in which others write something just before the first of our commits."""

    aws: Aws
    act: Callable[[], object]
    left: int = 1

    def store(self) -> EventStore:
        rivals = self

        class _Store(EventStore):
            def append(self, commit: Commit) -> None:
                if rivals.left:
                    rivals.left -= 1
                    rivals.act()
                super().append(commit)

        return _Store(self.aws.dynamodb, TABLES)


def filled(aws: Aws, quantity: int = 2, sku: str = "prod-001", at: datetime = NOW) -> Cart:
    """The customer's cart, with units of a product more."""
    seeded = sku in aws.inventory.read([sku])
    if not seeded:
        seed(aws, sku)
    version = aws.store.latest_version(STREAM)
    return carts(aws).add(CUSTOMER, sku, quantity, request(version, f"add-{version}", at=at))


def checked_out(aws: Aws, amount_minor: int = 1000, key: str = "checkout") -> str:
    """Check the cart out, and return the id of its order."""
    version = aws.store.latest_version(STREAM)
    _, checkout = carts(aws).check_out(CUSTOMER, Total(amount_minor, "GBP"), request(version, key))
    return checkout.order_id
