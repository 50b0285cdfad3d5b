"""The user pool's trigger: whose a token is, and what is committed of a sign-in, if that can be done in time."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ReadTimeoutError

from services.customer_service.domain import Profile, customer_id_of
from services.customer_service.trigger import TokenEvent, handler
from services.libs.observability.metrics import LAMBDA_REQUESTS
from services.libs.runtime import aws_clients
from services.libs.store.dynamodb_items import to_item
from tests.factories import CAUSE, Context
from tests.unit.conftest import CUSTOMER_KEY_TABLE, EVENT_STORE_TABLE, REGION, Aws
from tests.unit.services.customers import customers, every_event, key_item, stored_words

SUB = "5e1f0b52-2f0a-4a3b-9f0e-0c3b6b1a2d4e"
CUSTOMER = customer_id_of(SUB)
MAIL = "ada@example.org"
FIRST = ["CustomerLogin", "CustomerRegistered"]
_LONGEST_HANG_SECONDS = aws_clients.HURRIED_CALL_SECONDS
FUNCTION = "customer-service-trigger"

pytestmark = pytest.mark.usefixtures("environment")


@dataclass
class Pool:
    pool_id: str
    username: str

    def event(self, source: str = "TokenGeneration_Authentication", **attributes: str) -> TokenEvent:
        return {
            "triggerSource": source,
            "userPoolId": self.pool_id,
            "userName": self.username,
            "request": {"userAttributes": {"sub": SUB, "email": MAIL} | attributes},
            "response": {"claimsAndScopeOverrideDetails": None},
        }

    @property
    def kept(self) -> str | None:
        """The customer's id as the pool has it."""
        user = boto3.client("cognito-idp", REGION).admin_get_user(UserPoolId=self.pool_id, Username=self.username)
        return next((one["Value"] for one in user["UserAttributes"] if one["Name"] == "custom:customer_id"), None)


@pytest.fixture
def pool(environment: None) -> Pool:  # noqa: ARG001 - moto is there
    cognito = boto3.client("cognito-idp", REGION)
    pool_id = cognito.create_user_pool(PoolName="test-customers")["UserPool"]["Id"]
    user = cognito.admin_create_user(UserPoolId=pool_id, Username=SUB, MessageAction="SUPPRESS")["User"]
    return Pool(pool_id, user["Username"])


def _claims(event: TokenEvent, context: Context | None = None) -> str:
    """The customer whose token it is."""
    details: Any = handler(event, context or Context(5000))["response"]["claimsAndScopeOverrideDetails"]
    claims: dict[str, str] = details["accessTokenGeneration"]["claimsToAddOrOverride"]
    assert claims.keys() == {"customer_id"}
    return claims["customer_id"]


def _delay(client: BaseClient, context: Context, seconds: float, *, hangs: bool) -> None:
    """Let each call of the client take so long."""

    def wait(**_: object) -> None:
        context.remaining_milliseconds -= int(seconds * 1000)
        if hangs:
            raise ReadTimeoutError(endpoint_url="https://aws")

    client.meta.events.register_last("before-call", wait)


CLIENTS: dict[str, Callable[[], BaseClient]] = {
    "cognito": lambda: aws_clients.cognito(hurried=True),
    "dynamodb": lambda: aws_clients.dynamodb(hurried=True),
    "kms": lambda: aws_clients.kms(hurried=True),
}
each_client = pytest.mark.parametrize("client", CLIENTS)


def test_a_new_customer_gets_an_id_that_is_kept_and_is_in_the_access_token(pool: Pool) -> None:
    assert _claims(pool.event()) == pool.kept == CUSTOMER


def test_a_customer_keeps_the_id_of_another_regions_pool(pool: Pool) -> None:
    assert _claims(pool.event(**{"custom:customer_id": "c-from-before"})) == "c-from-before"
    assert pool.kept is None


def test_what_came_is_given_back_with_the_claims(pool: Pool) -> None:
    event = pool.event()

    assert handler(event, Context(5000)) | {"response": event["response"]} == event


@pytest.mark.parametrize(
    "source",
    [
        "TokenGeneration_Authentication",
        "TokenGeneration_HostedAuth",
        "TokenGeneration_NewPasswordChallenge",
        "TokenGeneration_AuthenticateDevice",
    ],
)
def test_the_first_sign_in_registers_the_customer_with_the_pools_mail(aws: Aws, pool: Pool, source: str) -> None:
    for _ in range(2):
        _claims(pool.event(source))

    assert every_event(aws) == FIRST
    assert customers(aws).read(CUSTOMER) == (1, Profile(mail=MAIL), True)
    assert (key_item(aws, CUSTOMER) or {})["username"] == pool.username
    assert MAIL not in stored_words(aws)


@pytest.mark.parametrize("source", ["TokenGeneration_RefreshTokens", "TokenGeneration_New", ""])
def test_new_tokens_without_a_sign_in_tell_nothing(aws: Aws, pool: Pool, source: str) -> None:
    assert _claims(pool.event(source)) == CUSTOMER

    assert every_event(aws) == []


def test_whoever_is_registered_signs_in_without_their_key(pool: Pool) -> None:
    _claims(pool.event())
    calls: list[object] = []
    aws_clients.kms(hurried=True).meta.events.register("before-call", lambda model, **_: calls.append(model.name))

    _claims(pool.event())

    assert calls == []


def test_a_key_that_is_not_theirs_keeps_nobody_out_and_is_counted(aws: Aws, pool: Pool) -> None:
    customers(aws).register("c-2", "user-2", CAUSE)
    item = to_item((key_item(aws, "c-2") or {}) | {"customer_id": CUSTOMER})
    aws.dynamodb.put_item(TableName=CUSTOMER_KEY_TABLE, Item=item)
    failed = _failures()

    assert _claims(pool.event()) == CUSTOMER

    assert _failures() == failed + 1


def test_of_an_erased_customer_nothing_is_told_and_nothing_fails(aws: Aws, pool: Pool) -> None:
    _claims(pool.event())
    customers(aws).erase(CUSTOMER, None, CAUSE)
    failed = _failures()

    assert _claims(pool.event()) == CUSTOMER

    assert every_event(aws) == ["CustomerErased", *FIRST]
    assert _failures() == failed


@each_client
def test_who_signs_in_does_not_wait_for_what_hangs(aws: Aws, pool: Pool, client: str) -> None:
    context = Context(5000)
    _delay(CLIENTS[client](), context, _LONGEST_HANG_SECONDS, hangs=True)
    failed = _failures()

    assert _claims(pool.event(), context) == CUSTOMER

    assert context.remaining_milliseconds >= 1000
    assert _failures() == failed + 1
    expected = {"cognito": FIRST, "dynamodb": [], "kms": ["CustomerLogin"]}
    assert every_event(aws) == expected[client]


def test_who_signs_in_does_not_wait_where_everything_hangs(aws: Aws, pool: Pool) -> None:
    context = Context(5000)
    for client in CLIENTS.values():
        _delay(client(), context, _LONGEST_HANG_SECONDS, hangs=True)

    assert _claims(pool.event(), context) == CUSTOMER

    assert context.remaining_milliseconds >= 1000
    assert every_event(aws) == []


@pytest.mark.parametrize("seconds", [0.3, 0.6, 0.9, 1.4])
def test_who_signs_in_does_not_wait_where_everything_is_slow(aws: Aws, pool: Pool, seconds: float) -> None:
    context = Context(5000)
    for client in CLIENTS.values():
        _delay(client(), context, seconds, hangs=False)

    assert _claims(pool.event(), context) == CUSTOMER

    assert context.remaining_milliseconds >= 1000
    assert ("CustomerRegistered" in every_event(aws)) == (key_item(aws, CUSTOMER) is not None)


def test_an_invocation_without_time_answers_at_once(aws: Aws, pool: Pool) -> None:
    assert _claims(pool.event(), Context(1000)) == CUSTOMER
    assert every_event(aws) == []

    assert _claims(pool.event(), Context(5000)) == CUSTOMER
    assert every_event(aws) == FIRST


@pytest.mark.parametrize("table", [EVENT_STORE_TABLE, CUSTOMER_KEY_TABLE])
def test_a_table_that_is_gone_keeps_nobody_out(
    aws: Aws, pool: Pool, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.dynamodb.delete_table(TableName=table)
    failed = _failures()

    assert _claims(pool.event()) == CUSTOMER

    assert _failures() == failed + 1
    assert "customer not registered" in capsys.readouterr().out


@pytest.mark.parametrize("setting", ["CUSTOMER_KEY_TABLE", "WRAPPING_KEY_ARN", "EVENT_STORE_TABLE"])
def test_a_setting_that_is_missing_keeps_nobody_out_and_is_named(
    pool: Pool, setting: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(setting)
    failed = _failures()

    assert _claims(pool.event()) == CUSTOMER

    assert _failures() == failed + 1
    printed = capsys.readouterr().out
    assert setting in printed
    assert MAIL not in printed


def test_a_defect_keeps_nobody_out_and_is_logged_without_its_words(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(f"{MAIL} is wrong")

    monkeypatch.setattr("services.customer_service.service.log_in", fail)

    assert _claims(pool.event()) == CUSTOMER

    printed = capsys.readouterr().out
    assert "login not told" in printed
    assert "ValueError" in printed
    assert MAIL not in printed


def test_a_user_who_is_gone_meanwhile_keeps_the_token_that_was_asked_for(
    pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("cognito-idp", REGION).admin_delete_user(UserPoolId=pool.pool_id, Username=pool.username)

    assert _claims(pool.event()) == CUSTOMER

    assert "customer id not kept" in capsys.readouterr().out


def test_nothing_of_the_person_is_logged(aws: Aws, pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    for table in (None, EVENT_STORE_TABLE):
        if table:
            aws.dynamodb.delete_table(TableName=table)
        handler(pool.event(), Context(5000))

    assert not re.search(f"ada|{SUB}|{CUSTOMER}|{pool.username}", capsys.readouterr().out)


def _failures() -> float:
    """The sign-ins that failed in part, as they are counted."""
    return float(LAMBDA_REQUESTS.labels(FUNCTION, "error")._value.get())  # noqa: SLF001
