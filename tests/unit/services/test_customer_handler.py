"""The customer service's handler as Lambda calls it: an erased customer's user goes, and is forgotten."""

import json

import boto3
import pytest

from services.customer_service.handler import _application, handler
from services.libs.runtime import aws_clients
from services.libs.runtime.lambda_types import BatchResponse
from tests.factories import CAUSE, Context, event_body, sqs_event
from tests.unit.conftest import CUSTOMER_KEY_TABLE, REGION, Aws
from tests.unit.services.customers import CUSTOMER, customers, key_item, registered

DONE: BatchResponse = {"batchItemFailures": []}
AGAIN: BatchResponse = {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
ERASED = event_body("CustomerErased", customerId=CUSTOMER)

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def pool(environment: None, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: ARG001 - moto is there
    """A pool with two users."""
    cognito = boto3.client("cognito-idp", REGION)
    pool_id: str = cognito.create_user_pool(PoolName="test-customers")["UserPool"]["Id"]
    for name in ("ada", "bob"):
        cognito.admin_create_user(UserPoolId=pool_id, Username=name, MessageAction="SUPPRESS")
    monkeypatch.setenv("USER_POOL_ID", pool_id)
    return pool_id


def _users(pool: str) -> list[str]:
    return [user["Username"] for user in boto3.client("cognito-idp", REGION).list_users(UserPoolId=pool)["Users"]]


def _erase(aws: Aws, username: str | None = "ada") -> None:
    customers(aws).erase(CUSTOMER, username, CAUSE)


def _tombstone(aws: Aws) -> dict[str, object]:
    return {"customer_id": CUSTOMER, "erased_at": (key_item(aws) or {})["erased_at"]}


def _handle(*bodies: str) -> BatchResponse:
    return handler(sqs_event(*bodies), Context())


def test_the_user_of_an_erased_customer_is_removed_and_forgotten(aws: Aws, pool: str) -> None:
    _erase(aws)

    assert _handle(ERASED) == DONE

    assert _users(pool) == ["bob"]
    assert key_item(aws) == _tombstone(aws)


def test_a_repetition_finds_nothing_to_do(aws: Aws, pool: str) -> None:
    _erase(aws)

    for _ in range(2):
        assert _handle(ERASED, ERASED) == DONE

    assert _users(pool) == ["bob"]
    assert key_item(aws) == _tombstone(aws)


def test_a_user_who_is_removed_already_is_forgotten(aws: Aws, pool: str) -> None:
    _erase(aws, "nobody")

    assert _handle(ERASED) == DONE

    assert sorted(_users(pool)) == ["ada", "bob"]
    assert key_item(aws) == _tombstone(aws)


def test_a_tombstone_that_names_no_user_is_done(aws: Aws, pool: str) -> None:
    _erase(aws, None)

    assert _handle(ERASED) == DONE

    assert sorted(_users(pool)) == ["ada", "bob"]


def test_a_user_who_cannot_be_removed_now_stays_named_until_they_are(
    aws: Aws, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _erase(aws)
    monkeypatch.setenv("USER_POOL_ID", "eu-west-2_other")
    assert _handle(ERASED) == AGAIN
    assert (key_item(aws) or {})["username"] == "ada"

    _application.cache_clear()
    monkeypatch.setenv("USER_POOL_ID", pool)
    assert _handle(ERASED) == DONE

    assert _users(pool) == ["bob"]


def test_a_user_who_is_removed_but_not_forgotten_is_forgotten_by_the_retry(aws: Aws, pool: str) -> None:
    _erase(aws)
    fails = [True]

    def fail_once(**_: object) -> None:
        if fails and fails.pop():
            raise aws.dynamodb.exceptions.InternalServerError({"Error": {"Code": "InternalServerError"}}, "UpdateItem")

    aws_clients.dynamodb().meta.events.register("before-call.dynamodb.UpdateItem", fail_once)

    assert _handle(ERASED) == AGAIN
    assert (_users(pool), (key_item(aws) or {})["username"]) == (["bob"], "ada")
    assert _handle(ERASED) == DONE

    assert key_item(aws) == _tombstone(aws)


@pytest.mark.parametrize("is_registered", [True, False])
def test_nobody_is_removed_who_is_not_erased(aws: Aws, pool: str, *, is_registered: bool) -> None:
    if is_registered:
        registered(aws)

    assert _handle(ERASED) == DONE

    assert [letter["reason"] for letter in aws.read_dead_letters()] == ["customer_not_erased"]
    assert sorted(_users(pool)) == ["ada", "bob"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (event_body("CustomerErased"), "validation_error"),
        (event_body("CustomerErased", customerId="no id"), "validation_error"),
        (event_body("CustomerLogin", customerId=CUSTOMER), "unknown_event"),
    ],
)
def test_a_message_that_can_never_succeed_is_a_dead_letter_and_harms_no_other(
    aws: Aws, pool: str, body: str, reason: str
) -> None:
    _erase(aws)

    assert _handle(body, ERASED) == DONE

    assert [letter["reason"] for letter in aws.read_dead_letters()] == [reason]
    assert _users(pool) == ["bob"]


def test_a_message_comes_again_where_the_table_is_out_of_reach(aws: Aws, pool: str) -> None:
    aws.dynamodb.delete_table(TableName=CUSTOMER_KEY_TABLE)

    assert _handle(ERASED) == AGAIN

    assert sorted(_users(pool)) == ["ada", "bob"]


@pytest.mark.usefixtures("pool")
def test_logs_never_name_the_customer_or_their_user(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    _erase(aws)

    _handle(ERASED, event_body("CustomerErased", customerId="c-unknown"))

    printed = capsys.readouterr().out
    assert [json.loads(line) for line in printed.splitlines()]
    assert "user removed" in printed
    assert not any(name in printed for name in (f'"{CUSTOMER}"', "c-unknown", "ada"))
