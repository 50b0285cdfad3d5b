"""A customer with a profile, a cart and a ticket on moto, who may be erased, and the tools as they see them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import boto3

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.audit.auditor import Auditor
from scripts.recovery import backup, repair, restore
from services.cart_service.service import ErasedCustomers
from services.customer_service.domain import customer_id_of
from services.customer_service.service import Customers, Erasures
from services.customer_service.user_pool import UserPool
from services.libs.store.dynamodb_items import Item, to_item
from services.libs.store.ticket_index import TicketIndex
from services.shared.commits import Command
from services.support_service.domain import NewTicket
from services.support_service.orphaned_tickets import OrphanedTickets
from services.support_service.service import Actor, Request, SupportService
from tests.factories import CAUSE, NOW
from tests.unit.conftest import CUSTOMER_KEY_TABLE, EVENT_STORE_TABLE, REGION, TABLES, Aws, make_deployment
from tests.unit.services import carts
from tests.unit.services.customers import ADA, customers

if TYPE_CHECKING:
    from types_boto3_cognito_idp import CognitoIdentityProviderClient

# Made once: what a session costs is to find and read the services' models.
_SESSION = boto3.Session("testing", "testing", region_name=REGION)
MAIL = "ada@example.org"
CUSTOMER = carts.CUSTOMER
STREAM, CART = f"customer#{CUSTOMER}", carts.STREAM


class Events:
    """EventBridge: remembers what was published."""

    def __init__(self) -> None:
        self.published: list[str] = []
        self.erased: list[str] = []
        """The customers of the CustomerErased."""

    def put_events(self, Entries: Sequence[Mapping[str, str]]) -> dict[str, object]:  # noqa: N803 - boto3's name
        for entry in Entries:
            detail = json.loads(entry["Detail"])
            self.published.append(detail["metadata"]["eventId"])
            self.erased += [detail["customerId"]] if entry["DetailType"] == "CustomerErased" else []
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}


@dataclass
class World:
    aws: Aws
    folder: Path
    events: Events = field(default_factory=Events)

    @cached_property
    def cognito(self) -> "CognitoIdentityProviderClient":
        return _SESSION.client("cognito-idp")

    @cached_property
    def pool(self) -> str:
        schema = [{"Name": "customer_id", "AttributeDataType": "String", "Mutable": True}]
        made = self.cognito.create_user_pool(PoolName="test", UsernameAttributes=["email"], Schema=schema)  # type: ignore[arg-type] # a literal
        return made["UserPool"]["Id"]

    @cached_property
    def deployment(self) -> Deployment:
        pool = {"id": self.pool, "client_id": "client", "issuer": "https://issuer.example/pool"}
        return make_deployment(user_pool=pool, wrapping_key_arn=self.aws.wrapping_key)

    def target(self) -> Target:
        clients = {
            "dynamodb": self.aws.dynamodb,
            "events": self.events,
            "kms": self.aws.kms,
            "cognito-idp": self.cognito,
        }
        fake = SimpleNamespace(client=clients.__getitem__, environment="test", name="local", region=REGION)
        return cast("Target", fake)

    def sign_up(self, mail: str = MAIL, customer_id: str | None = CUSTOMER) -> str:
        """The new user's name in the pool; the trigger keeps the id only once they sign in."""
        made = self.cognito.admin_create_user(UserPoolId=self.pool, Username=mail, MessageAction="SUPPRESS")["User"]
        if customer_id:
            UserPool(self.cognito, self.pool).keep_customer_id(made["Username"], customer_id)
        return made["Username"]

    def derived_id(self, mail: str) -> str:
        user = self.cognito.admin_get_user(UserPoolId=self.pool, Username=mail)
        return customer_id_of(next(one["Value"] for one in user["UserAttributes"] if one["Name"] == "sub"))

    def customer(self) -> str:
        """Make a customer with everything; give their user's name."""
        username = self.sign_up()
        customers(self.aws).register(CUSTOMER, username, CAUSE, ADA)
        carts.filled(self.aws)
        self.ask("1a")
        return username

    def ask(self, key: str) -> None:
        """Open a ticket; `key` is two hexadecimal digits."""
        index = TicketIndex(self.aws.dynamodb, TABLES)
        new = NewTicket(customer_id=CUSTOMER, subject="A cup", text="It broke.", order_id=None)
        request = Request(Actor(CUSTOMER, "user"), CAUSE, Command(key * 32, "content"))
        SupportService(self.aws.store, self.aws.keys, index).create(new, request)

    def erase(self, at: datetime = NOW, username: str | None = None) -> None:
        Customers(self.aws.store, self.aws.keys).erase(CUSTOMER, username, replace(CAUSE, at=at))

    def finish(self, *customer_ids: str, at: datetime = NOW) -> None:
        """What the services do once they are told that these are erased."""
        store, cause = self.aws.store, replace(CAUSE, at=at)
        for customer_id in customer_ids:
            Erasures(self.aws.keys, UserPool(self.cognito, self.pool)).finish(customer_id)
            ErasedCustomers(store).clear_cart(customer_id, cause)
            OrphanedTickets(store, TicketIndex(self.aws.dynamodb, TABLES)).close_all(customer_id, cause)

    def back_up(self) -> None:
        backup.back_up(self.target(), self.folder, clock=lambda: NOW)

    def restore(self, *, replaces: bool = False) -> None:
        restore.restore_tables(self.target(), str(self.folder), replace=replaces, from_elsewhere=False)

    def repair(self) -> str:
        """Give what could not be repaired, in words."""
        try:
            repair.repair_tables(self.target())
        except UserError as error:
            return str(error)
        return ""

    def found(self, at: datetime = NOW) -> list[tuple[str, str, str]]:
        """What an audit finds: kind, subject, and what it says it found."""
        done = Auditor(self.aws.dynamodb, self.deployment, clock=lambda: at, sleep=lambda _: None).audit()
        return [(one.kind, one.subject, one.found) for one in done.differences]

    def events_of(self, stream: str = STREAM) -> list[str]:
        return [event.type_name() for commit in self.aws.store.read(stream) for event in commit.events]

    def ticket(self) -> list[str]:
        (stream,) = TicketIndex(self.aws.dynamodb, TABLES).tickets(10, CUSTOMER).streams
        return self.events_of(stream)

    def users(self) -> int:
        return len(self.cognito.list_users(UserPoolId=self.pool)["Users"])

    def key_item(self) -> Item:
        key = to_item({"customer_id": CUSTOMER})
        return self.aws.dynamodb.get_item(TableName=CUSTOMER_KEY_TABLE, Key=key).get("Item", {})

    def lose(self, table: str = EVENT_STORE_TABLE, keys: Sequence[str] = ("stream_id", "version")) -> None:
        for item in self.aws.dynamodb.scan(TableName=table)["Items"]:
            self.aws.dynamodb.delete_item(TableName=table, Key={key: item[key] for key in keys})

    def lose_keys(self) -> None:
        self.lose(CUSTOMER_KEY_TABLE, ["customer_id"])
