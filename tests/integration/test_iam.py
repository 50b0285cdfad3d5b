"""Each role against each call, with the credentials that its function really has: what is not listed is denied."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

from scripts.deploy.deployment import Deployment
from scripts.lambdas_config import LAMBDAS, NO_WORK
from services.libs.store.dynamodb_items import to_item
from services.shared.events.event import Bus
from tests.integration.world import World

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef
    from types_boto3_dynamodb import DynamoDBClient

ORDER, PAYMENT, RELAY, SWEEPER = "order-service", "payment-service", "event-relay", "deadline-sweeper"
METRICS, NOTIFICATION, FULFILMENT = "metrics-service", "notification-service", "fulfilment-service"
ORDER_API, CARRIER_API = "order-service-api", "fulfilment-service-api"
CART, CART_API = "cart-service", "cart-service-api"
CUSTOMER, CUSTOMER_API, CUSTOMER_TRIGGER = "customer-service", "customer-service-api", "customer-service-trigger"
SUPPORT, SUPPORT_API = "support-service", "support-service-api"
CATALOG_API = "catalog-service-api"
_OPENERS = {CUSTOMER_API, CUSTOMER_TRIGGER, SUPPORT_API}
"""Who makes and opens customers' keys."""
_ROLES = [config.function for config in LAMBDAS]

# A write that is allowed and still changes nothing.
_NEVER = "attribute_exists(there_is_no_such_attribute)"


@dataclass(frozen=True)
class Call:
    """One call, and the roles that may make it."""

    name: str
    make: Callable[[boto3.Session, World], object]
    allowed: frozenset[str]


@dataclass(frozen=True)
class TableRow:
    """The key of an item that is not there, and the roles for those ways to a table that any role has."""

    key: Mapping[str, str | int]
    allowed: Mapping[str, set[str]]


def _table_calls(table: str, row: TableRow) -> list[Call]:
    """Every way to a table."""
    key, allowed = row.key, row.allowed

    def call(action: str, session: boto3.Session, world: World) -> object:
        client: DynamoDBClient = session.client("dynamodb", endpoint_url=world.target.endpoint_url)
        name: str = world.deployment.tables.by_name()[table]
        item = to_item(dict(key))
        calls: dict[str, Callable[[], object]] = {
            "GetItem": lambda: client.get_item(TableName=name, Key=item),
            "BatchGetItem": lambda: client.batch_get_item(RequestItems={name: {"Keys": [item]}}),
            "PutItem": lambda: client.put_item(TableName=name, Item=item, ConditionExpression=_NEVER),
            "UpdateItem": lambda: client.update_item(
                TableName=name,
                Key=item,
                UpdateExpression="SET x = :x",
                ExpressionAttributeValues=to_item({":x": 1}),
                ConditionExpression=_NEVER,
            ),
            "DeleteItem": lambda: client.delete_item(TableName=name, Key=item, ConditionExpression=_NEVER),
            "Scan": lambda: client.scan(TableName=name, Limit=1),
            "Query": lambda: _query(client, name, next(iter(key)), next(iter(item.values()))),
            "ConditionCheckItem": lambda: client.transact_write_items(
                TransactItems=[{"ConditionCheck": {"TableName": name, "Key": item, "ConditionExpression": _NEVER}}]
            ),
            "DeleteTable": lambda: client.delete_table(TableName=name),
            # An item without a key: who may insert is told so, and nothing is written.
            "PartiQLInsert": lambda: client.batch_execute_statement(
                Statements=[{"Statement": f"INSERT INTO \"{name}\" VALUE {{'x': ?}}", "Parameters": [{"S": "x"}]}]
            ),
        }
        return calls[action]()

    actions = ["GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem", "Scan", "Query", "DeleteTable"]
    actions += ["ConditionCheckItem", "PartiQLInsert"]
    return [
        Call(f"{action} on {table}", partial(call, action), frozenset(allowed.get(action, set()))) for action in actions
    ]


def _query(client: "DynamoDBClient", table: str, key: str, value: object) -> object:
    return client.query(
        TableName=table,
        KeyConditionExpression="#key = :value",
        ExpressionAttributeNames={"#key": key},
        ExpressionAttributeValues={":value": value},  # type: ignore[dict-item]
        Limit=1,
    )


def _query_index(table: str, index: str, key: str, session: boto3.Session, world: World) -> object:
    return session.client("dynamodb", endpoint_url=world.target.endpoint_url).query(
        TableName=world.deployment.tables.by_name()[table],
        IndexName=index,
        KeyConditionExpression="#key = :value",
        ExpressionAttributeNames={"#key": key},
        ExpressionAttributeValues={":value": {"S": "x"}},
        Limit=1,
    )


def _queue_calls(queue: str, url: str, sender: set[str], consumer: set[str]) -> list[Call]:
    def call(action: str, session: boto3.Session, world: World) -> object:
        client = session.client("sqs", endpoint_url=world.target.endpoint_url)
        calls: dict[str, Callable[[], object]] = {
            "SendMessage": lambda: client.send_message(QueueUrl=url, MessageBody="from test_iam"),
            "ReceiveMessage": lambda: client.receive_message(QueueUrl=url, VisibilityTimeout=0),
            "GetQueueAttributes": lambda: client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]),
            "PurgeQueue": lambda: client.purge_queue(QueueUrl=url),
        }
        return calls[action]()

    allowed = {
        "SendMessage": sender,
        "ReceiveMessage": consumer,
        "GetQueueAttributes": consumer | {METRICS},
        "PurgeQueue": set(),
    }
    return [Call(f"{action} on {queue}", partial(call, action), frozenset(roles)) for action, roles in allowed.items()]


def _calls_of_every_queue(deployment: Deployment) -> Iterator[Call]:
    """A queue's service takes from it, and gives up to its dead letters; nobody else sends but those who are named."""
    services = {queue.dead_letters: queue.service for queue in deployment.queues.values()}
    for name, queue in deployment.queues.items():
        yield from _queue_calls(queue.name, queue.url, _SENDERS.get(name, set()), {queue.service})
    for name, letters in deployment.dead_letters.items():
        giving_up = {services[name]} if name in services else _GIVING_UP.get(name, set())
        yield from _queue_calls(letters.name, letters.url, giving_up, set())


def _put_event(bus: str, session: boto3.Session, world: World) -> object:
    entry = {
        "EventBusName": world.deployment.buses[bus],
        "Source": f"{bus}.service",
        "DetailType": "NothingMatchesThis",
        "Detail": "{}",
    }
    return session.client("events", endpoint_url=world.target.endpoint_url).put_events(Entries=[entry])  # type: ignore[list-item]


def _invoke(session: boto3.Session, world: World) -> object:
    client = session.client("lambda", endpoint_url=world.target.endpoint_url)
    return client.invoke(FunctionName=world.deployment.functions[SWEEPER].name, Payload=b"{}")


def _get_parameter(name: str, session: boto3.Session, world: World) -> object:
    client = session.client("ssm", endpoint_url=world.target.endpoint_url)
    return client.get_parameter(Name=f"/{world.target.environment}/{name}", WithDecryption=True)


def _get_metric_data(session: boto3.Session, world: World) -> object:
    now = datetime.now(UTC)
    query: MetricDataQueryTypeDef = {
        "Id": "x",
        "MetricStat": {"Metric": {"Namespace": "PulseQueue", "MetricName": "x"}, "Period": 60, "Stat": "Sum"},
    }
    client = session.client("cloudwatch", endpoint_url=world.target.endpoint_url)
    return client.get_metric_data(MetricDataQueries=[query], StartTime=now - timedelta(minutes=5), EndTime=now)


def _publish_alarm(session: boto3.Session, world: World) -> object:
    client = session.client("sns", endpoint_url=world.target.endpoint_url)
    return client.publish(TopicArn=world.deployment.alarm_topic_arn, Message="from test_iam")


def _cognito(action: str, session: boto3.Session, world: World) -> object:
    client = session.client("cognito-idp", endpoint_url=world.target.endpoint_url)
    pool, user = world.deployment.user_pool.id, "from test_iam"
    calls: dict[str, Callable[[], object]] = {
        "AdminUpdateUserAttributes": lambda: client.admin_update_user_attributes(
            UserPoolId=pool, Username=user, UserAttributes=[]
        ),
        "AdminDeleteUser": lambda: client.admin_delete_user(UserPoolId=pool, Username=user),
        "AdminGetUser": lambda: client.admin_get_user(UserPoolId=pool, Username=user),
        "AdminSetUserPassword": lambda: client.admin_set_user_password(UserPoolId=pool, Username=user, Password="x"),  # noqa: S106
        "AdminAddUserToGroup": lambda: client.admin_add_user_to_group(
            UserPoolId=pool, Username=user, GroupName="staff"
        ),
        "ListUsers": lambda: client.list_users(UserPoolId=pool),
    }
    return calls[action]()


_USERS: Mapping[str, set[str]] = {
    "AdminUpdateUserAttributes": {CUSTOMER_TRIGGER},
    "AdminDeleteUser": {CUSTOMER},
    "AdminGetUser": set(),
    "AdminSetUserPassword": set(),
    "AdminAddUserToGroup": set(),
    "ListUsers": set(),
}
"""The ways to the user pool, and who has them."""


def _wrapping(action: str, context: dict[str, str], session: boto3.Session, world: World) -> object:
    client, key = session.client("kms", endpoint_url=world.target.endpoint_url), world.deployment.wrapping_key_arn
    calls: dict[str, Callable[[], object]] = {
        "GenerateDataKey": lambda: client.generate_data_key(
            KeyId=key, KeySpec="AES_256", EncryptionContext=context, DryRun=True
        ),
        "Decrypt": lambda: client.decrypt(KeyId=key, CiphertextBlob=b"nothing", EncryptionContext=context),
        "Encrypt": lambda: client.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context),
        "ScheduleKeyDeletion": lambda: client.schedule_key_deletion(KeyId=key),
    }
    return calls[action]()


_KEYS = [
    *(("GenerateDataKey", context, roles) for context, roles in (("customer_id", _OPENERS), ("order_id", set()))),
    *(("Decrypt", context, roles) for context, roles in (("customer_id", _OPENERS), ("order_id", set()))),
    ("Encrypt", "customer_id", set()),
    ("ScheduleKeyDeletion", "customer_id", set()),
]
"""The ways to the wrapping key, the name in the encryption context, and who has them."""


def _list_buckets(session: boto3.Session, world: World) -> object:
    return session.client("s3", endpoint_url=world.target.endpoint_url).list_buckets()


def _list_roles(session: boto3.Session, world: World) -> object:
    return session.client("iam", endpoint_url=world.target.endpoint_url).list_roles()


_COMMITTING = {
    *(ORDER, ORDER_API, PAYMENT, FULFILMENT, CARRIER_API, CART, CART_API, CATALOG_API),
    *(CUSTOMER_API, CUSTOMER_TRIGGER, SUPPORT, SUPPORT_API),
}
_TABLES = {
    "inventory": TableRow(
        {"item_id": "x"},
        {
            "BatchGetItem": {ORDER, FULFILMENT, CART_API, CATALOG_API},
            "UpdateItem": {ORDER, ORDER_API, PAYMENT, CATALOG_API},
            "Scan": {METRICS},
        },
    ),
    "event-store": TableRow(
        {"stream_id": "x", "version": 1},
        {
            "BatchGetItem": {ORDER, ORDER_API, PAYMENT, CATALOG_API, SUPPORT, SUPPORT_API},
            "PartiQLInsert": {ORDER},
            "PutItem": _COMMITTING,
            "Query": _COMMITTING,
        },
    ),
    "customer-key": TableRow(
        {"customer_id": "x"},
        {
            "GetItem": {CUSTOMER, *_OPENERS},
            "PutItem": _OPENERS,
            "UpdateItem": {CUSTOMER, CUSTOMER_API},
            "ConditionCheckItem": {CART, CART_API, SUPPORT, *_OPENERS},
        },
    ),
    "deadline": TableRow(
        {"minute_shard": "x", "group_id": "x"},
        {
            "GetItem": {SWEEPER},
            "PutItem": {ORDER, ORDER_API, FULFILMENT, CARRIER_API, SWEEPER, CART, CART_API},
            "Query": {SWEEPER},
            "Scan": {SWEEPER},
        },
    ),
    "simulated-gateway": TableRow({"order_id": "x"}, {"UpdateItem": {PAYMENT}}),
    "metrics": TableRow(
        {"id": "x"},
        {
            "GetItem": {METRICS},
            "UpdateItem": {ORDER, ORDER_API, PAYMENT, FULFILMENT, CARRIER_API, METRICS, SUPPORT, *_OPENERS},
            "Scan": {METRICS},
            "PutItem": {METRICS},
            "DeleteItem": {METRICS},
        },
    ),
}
_INDEXES = {
    ("inventory", "by-category", "category_id"): {CATALOG_API},
    ("inventory", "by-name", "listed"): {CATALOG_API},
    ("event-store", "categories", "category_parent"): {CATALOG_API},
    ("event-store", "tickets", "ticket_list"): {SUPPORT_API},
    ("event-store", "tickets-by-customer", "ticket_customer"): {SUPPORT, SUPPORT_API},
}
"""Who queries an index, by its table, its name and its hash key."""
_SENDERS = {"order": {SWEEPER}, "fulfilment": {SWEEPER}, "cart": {SWEEPER}}
"""Who sends straight to a queue."""
_GIVING_UP = {"relay": {RELAY}}
"""Who sends to dead letters that are of no queue."""

CALLS = [
    *(call for table, row in _TABLES.items() for call in _table_calls(table, row)),
    *(
        Call(f"Query on {table}'s {index}", partial(_query_index, table, index, key), frozenset(roles))
        for (table, index, key), roles in _INDEXES.items()
    ),
    *(Call(f"PutEvents on the {bus} bus", partial(_put_event, bus), frozenset({RELAY})) for bus in Bus),
    *(Call(action, partial(_cognito, action), frozenset(roles)) for action, roles in _USERS.items()),
    *(
        Call(f"{action} in the name of a {context}", partial(_wrapping, action, {context: "x"}), frozenset(roles))
        for action, context, roles in _KEYS
    ),
    Call("GetParameter of the metrics' token", partial(_get_parameter, "metrics-token"), frozenset({METRICS})),
    Call("GetParameter of the carriers' secret", partial(_get_parameter, "carrier-secret"), frozenset({CARRIER_API})),
    Call(
        "GetParameter of the cursors' secret",
        partial(_get_parameter, "cursor-secret"),
        frozenset({CATALOG_API, SUPPORT_API}),
    ),
    Call("GetParameter of Slack", partial(_get_parameter, "slack-webhook-url"), frozenset({NOTIFICATION})),
    Call("GetParameter of Teams", partial(_get_parameter, "teams-webhook-url"), frozenset({NOTIFICATION})),
    Call("GetParameter of Grafana", partial(_get_parameter, "grafana-admin-password"), frozenset()),
    Call("GetMetricData", _get_metric_data, frozenset({METRICS})),
    Call("Publish to the alarms' topic", _publish_alarm, frozenset()),
    Call("Invoke", _invoke, frozenset()),
    Call("ListBuckets", _list_buckets, frozenset()),
    Call("ListRoles", _list_roles, frozenset()),
]


def test_everything_that_is_deployed_has_its_row(world: World) -> None:
    deployment = world.deployment

    assert deployment.tables.by_name().keys() == _TABLES.keys()
    assert deployment.buses.keys() == set(Bus)
    assert deployment.functions.keys() == set(_ROLES)
    assert _SENDERS.keys() <= deployment.queues.keys()
    assert _GIVING_UP.keys() <= deployment.dead_letters.keys()


@pytest.fixture(scope="module", params=_ROLES)
def role(request: pytest.FixtureRequest, world: World) -> tuple[str, boto3.Session]:
    """A role, and a session with the credentials of a worker that runs in it."""
    service: str = request.param
    name = world.deployment.functions[service].name
    world.target.client("lambda").invoke(FunctionName=name, Payload=json.dumps(NO_WORK))
    for worker in world.workers(service):
        with suppress(OSError):
            environ = dict(
                pair.split("=", 1) for pair in (Path("/proc") / str(worker) / "environ").read_text().split("\0") if pair
            )
            return service, boto3.Session(
                environ["AWS_ACCESS_KEY_ID"],
                environ["AWS_SECRET_ACCESS_KEY"],
                environ["AWS_SESSION_TOKEN"],
                region_name=world.target.region,
            )
    pytest.fail(f"{service} has no worker, so its credentials are not known")


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_role_may_do_what_its_function_does_and_nothing_else(
    role: tuple[str, boto3.Session], call: Call, world: World
) -> None:
    assert _wrong(*role, call, world) is None


def test_a_role_may_take_and_send_what_its_function_does_and_nothing_else(
    role: tuple[str, boto3.Session], world: World
) -> None:
    wrong = [_wrong(*role, call, world) for call in _calls_of_every_queue(world.deployment)]

    assert [each for each in wrong if each] == []


def _wrong(service: str, session: boto3.Session, call: Call, world: World) -> str | None:
    """Say what came of a call that was refused to a role that may make it, or not to another."""
    refused = None
    try:
        call.make(session, world)
    except ClientError as error:
        refused = error.response["Error"]["Code"]
    denied = refused in {"AccessDenied", "AccessDeniedException", "AuthorizationError"}
    return None if denied == (service not in call.allowed) else f"{service}: {call.name}: {refused or 'went through'}"
