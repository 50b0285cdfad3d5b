"""The services' tables, queues and buses on moto, and the services wired to them."""

import gc
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlparse

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from hypothesis import HealthCheck, settings
from moto import mock_aws
from moto.core import models as moto_models
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.events.models import events_backends
from moto.kms import models as kms_models
from moto.sqs.models import sqs_backends

from scripts.deploy.deployment import Deployment
from services.libs.messaging.dead_letters import DeadLetters
from services.libs.personal.customer_keys import CustomerKeys
from services.libs.runtime import aws_clients
from services.libs.runtime.backoff import Backoff
from services.libs.store.catalogue_index import BY_CATEGORY, BY_NAME, CATEGORIES
from services.libs.store.commit_items import CATEGORY_PARENT, TICKET_CUSTOMER, TICKET_LIST
from services.libs.store.event_store import EventStore, Tables
from services.libs.store.inventory_table import LISTED, InventoryTable
from services.libs.store.ticket_index import TICKETS, TICKETS_BY_CUSTOMER
from services.shared.events.event import Bus
from tests import quick_moto

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import CreateTableInputTypeDef, KeySchemaElementTypeDef
    from types_boto3_events import EventBridgeClient
    from types_boto3_kms import KMSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient

# A busy machine is slow: that is no fault of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
quick_moto.answer_without_search()

REGION = "eu-west-2"
# Made once: what a session costs is to find and read the services' models.
_SESSION = boto3.Session("testing", "testing", region_name=REGION)
_SQS_URL = urlparse(f"https://sqs.{REGION}.amazonaws.com")
_INSERTS = "before-call.dynamodb.BatchExecuteStatement"
EVENT_STORE_TABLE = "test-event-store-table"
INVENTORY_TABLE = "test-inventory-table"
METRICS_TABLE = "test-metrics-table"
DEADLINE_TABLE = "test-deadline-table"
GATEWAY_TABLE = "test-simulated-gateway-table"
CUSTOMER_KEY_TABLE = "test-customer-key-table"
TABLES = Tables(EVENT_STORE_TABLE, INVENTORY_TABLE, METRICS_TABLE, DEADLINE_TABLE, CUSTOMER_KEY_TABLE)
AT_ONCE = Backoff(attempts=5, first_pause_seconds=0, sleep=lambda _: None)
"""As many attempts as there are, without a pause."""


def make_deployment(
    *,
    queues: Mapping[str, str] = MappingProxyType({}),
    dead_letters: Mapping[str, str] = MappingProxyType({}),
    functions: Mapping[str, dict[str, object]] = MappingProxyType({}),
    **others: object,
) -> Deployment:
    """What Terraform says it made: queues and dead letters by their URLs, functions by what differs of each."""
    made = {
        "environment": "test",
        "region": REGION,
        "buses": {bus: f"test-{bus}-bus" for bus in Bus},
        "queues": {
            name: {"name": f"test-{name}-queue", "url": url, "service": f"{name}-service", "dead_letters": name}
            for name, url in queues.items()
        },
        "dead_letters": {name: {"name": f"test-{name}-dlq", "url": url} for name, url in dead_letters.items()},
        "tables": {
            "event-store": EVENT_STORE_TABLE,
            "inventory": INVENTORY_TABLE,
            "metrics": METRICS_TABLE,
            "simulated-gateway": GATEWAY_TABLE,
            "deadline": DEADLINE_TABLE,
            "customer-key": CUSTOMER_KEY_TABLE,
        },
        "functions": {name: _function(name) | differing for name, differing in functions.items()},
        "metrics_api": {"id": "api", "url": "https://api.example/test/metrics"},
        "shop_api": {"id": "shop", "url": "https://shop.example/test"},
        "user_pool": {"id": "eu-west-2_pool", "client_id": "client", "issuer": "https://issuer.example/eu-west-2_pool"},
        "wrapping_key_arn": "arn:aws:kms:eu-west-2:123456789012:key/wrapping",
        "alarm_topic_arn": "",
        "runbook_url": "docs/runbook.md",
        "allow_forced_payment_result": True,
        "payment_success_rate": 0.9,
        "return_window_days": 30,
        "return_arrival_days": 14,
    }
    return Deployment.model_validate(made | others)


def _function(service: str) -> dict[str, object]:
    return {
        "name": f"test-{service}-handler",
        "log_group": f"/aws/lambda/test-{service}-handler",
        "timeout_seconds": 10,
        "queue": None,
        "schedule": None,
        "serves": False,
        "writes_commits": False,
    }


@dataclass
class Aws:
    """What the services write to, and how a test looks at it."""

    dynamodb: "DynamoDBClient"
    dead_letter_queue_url: str
    order_queue_url: str

    @cached_property
    def sqs(self) -> "SQSClient":
        return _SESSION.client("sqs")

    @cached_property
    def ssm(self) -> "SSMClient":
        return _SESSION.client("ssm")

    @cached_property
    def events(self) -> "EventBridgeClient":
        return _SESSION.client("events")

    @cached_property
    def kms(self) -> "KMSClient":
        return _SESSION.client("kms")

    @cached_property
    def wrapping_key(self) -> str:
        return self.kms.create_key()["KeyMetadata"]["Arn"]

    @property
    def keys(self) -> CustomerKeys:
        return CustomerKeys(self.dynamodb, self.kms, CUSTOMER_KEY_TABLE, self.wrapping_key)

    @property
    def deployment(self) -> Deployment:
        """Describe the tables and queues as scripts expect it."""
        return make_deployment(
            queues={"order": self.order_queue_url}, dead_letters={"order": self.dead_letter_queue_url}
        )

    @property
    def store(self) -> EventStore:
        return EventStore(self.dynamodb, TABLES, backoff=AT_ONCE)

    @property
    def inventory(self) -> InventoryTable:
        return InventoryTable(self.dynamodb, INVENTORY_TABLE)

    @property
    def dead_letters(self) -> DeadLetters:
        return DeadLetters(self.sqs, self.dead_letter_queue_url)

    def stock(self, sku: str = "prod-001") -> tuple[int, int, int]:
        """Read stock, reserved and available."""
        item = self.inventory.read([sku])[sku]
        return item.stock, item.reserved, item.available

    def requests(self) -> list[str]:
        """Give a list that every request to DynamoDB from now on is added to."""
        requests: list[str] = []
        self.dynamodb.meta.events.register(
            "before-call.dynamodb", lambda params, **_: requests.append(params["body"].decode())
        )
        return requests

    def received(self) -> list[str]:
        """Take the bodies of the messages that wait for the order service."""
        bodies: list[str] = []
        url = self.order_queue_url
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [message["Body"] for message in messages]
        return bodies

    def read_dead_letters(self) -> list[dict[str, str]]:
        """Each dead letter's body and attributes."""
        messages = self.sqs.receive_message(
            QueueUrl=self.dead_letter_queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        return [
            {"body": message["Body"]}
            | {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
            for message in messages
        ]


def pytest_collection_finish() -> None:
    """Spare the garbage collector the hundreds of thousands of objects that are there for good."""
    gc.freeze()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for events in (_SESSION.events, aws_clients.session().get_component("event_emitter")):
        events.register(_INSERTS, insert_statements, unique_id=_INSERTS)  # type: ignore[arg-type] # what it returns counts
    # botocore is mocked without them: they are thousands of patterns for another HTTP client, which nothing here uses.
    monkeypatch.setattr(moto_models, "RESPONSES_METHODS", [])
    # A symmetric key has no private one, but moto makes one of RSA, which takes longer than all the rest of a test.
    monkeypatch.setattr(kms_models, "generate_private_key", lambda _: None)
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        stand_in("empty", _make_tables_and_buses)
        queues = sqs_backends[DEFAULT_ACCOUNT_ID][REGION]
        urls = [queues.create_queue(name, None).url(_SQS_URL) for name in ("test-dlq", "test-order-queue")]
        _forget_clients()
        yield Aws(_SESSION.client("dynamodb"), *urls)
    _forget_clients()


_worlds: dict[str, tuple[Any, Any]] = {}
"""Tables and buses as moto keeps them, by name: to copy them takes a tenth of the time that to make them takes."""


def stand_in(world: str, make: Callable[[], None]) -> None:
    """Give moto the tables and buses of a world, each time a copy of what `make` made the first time."""
    tables, buses = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION], events_backends[DEFAULT_ACCOUNT_ID][REGION]
    if world not in _worlds:
        make()
        _worlds[world] = deepcopy((tables.tables, buses.event_buses))
    tables.tables, buses.event_buses = deepcopy(_worlds[world])


def _make_tables_and_buses() -> None:
    dynamodb, events = _SESSION.client("dynamodb"), _SESSION.client("events")
    streams = {
        CATEGORIES: (CATEGORY_PARENT, "stream_id"),
        TICKETS: (TICKET_LIST, "committed_at"),
        TICKETS_BY_CUSTOMER: (TICKET_CUSTOMER, "committed_at"),
    }
    _create_table(dynamodb, EVENT_STORE_TABLE, streams, stream_id="S", version="N")
    _create_table(dynamodb, DEADLINE_TABLE, minute_shard="S", group_id="S")
    _create_table(dynamodb, METRICS_TABLE, id="S")
    _create_table(dynamodb, CUSTOMER_KEY_TABLE, customer_id="S")
    lists = {BY_CATEGORY: ("category_id", "name_key"), BY_NAME: (LISTED, "name_key")}
    _create_table(dynamodb, INVENTORY_TABLE, lists, item_id="S")
    _create_table(dynamodb, GATEWAY_TABLE, order_id="S")
    for bus in Bus:
        events.create_event_bus(Name=f"test-{bus}-bus")


@cache
def _plain_client() -> "DynamoDBClient":
    return boto3.client("dynamodb", REGION, aws_access_key_id="testing", aws_secret_access_key="testing")  # noqa: S106


def insert_statements(params: Mapping[str, bytes], **_: object) -> tuple[AWSResponse, dict[str, object]]:
    """Stand in for moto, which knows no parameters in an INSERT: each becomes a put of what does not exist yet."""
    responses: list[dict[str, object]] = []
    for statement in json.loads(params["body"])["Statements"]:
        table, fields = re.fullmatch(r'INSERT INTO "(.+)" VALUE {(.+)}', statement["Statement"]).groups()  # type: ignore[union-attr] # or the test fails
        names = re.findall(r"'(\w+)': \?", fields)
        item = dict(zip(names, statement["Parameters"], strict=True))
        try:
            condition = f"attribute_not_exists({names[0]})"
            _plain_client().put_item(TableName=table, Item=item, ConditionExpression=condition)
        except _plain_client().exceptions.ConditionalCheckFailedException:
            responses.append({"Error": {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}})
        else:
            responses.append({"TableName": table})
    metadata = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
    return AWSResponse("", 200, HTTPHeaders(), None), {"Responses": responses, "ResponseMetadata": metadata}


def _create_table(
    client: "DynamoDBClient",
    name: str,
    indexes: Mapping[str, tuple[str, str]] = MappingProxyType({}),
    **keys: Literal["S", "N"],
) -> None:
    """Each index has its hash and range key, both texts."""
    indexed: dict[str, Literal["S", "N"]] = {key: "S" for pair in indexes.values() for key in pair}
    request: CreateTableInputTypeDef = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": key, "AttributeType": kind} for key, kind in {**indexed, **keys}.items()
        ],
        "KeySchema": _key_schema(keys),
    }
    if indexes:
        request["GlobalSecondaryIndexes"] = [
            {"IndexName": index, "KeySchema": _key_schema(pair), "Projection": {"ProjectionType": "ALL"}}
            for index, pair in indexes.items()
        ]
    client.create_table(**request)


def _key_schema(keys: Iterable[str]) -> "list[KeySchemaElementTypeDef]":
    return [{"AttributeName": key, "KeyType": "RANGE" if place else "HASH"} for place, key in enumerate(keys)]


def _forget_clients() -> None:
    for cached in (
        aws_clients.cloudwatch,
        aws_clients.cognito,
        aws_clients.dynamodb,
        aws_clients.events,
        aws_clients.kms,
        aws_clients.sqs,
        aws_clients.ssm,
    ):
        cached.cache_clear()
