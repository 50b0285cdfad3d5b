"""The customer service: whose a token is."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.session import Session
from botocore.stub import Stubber

from services.customer_service import trigger
from services.customer_service.domain import customer_id_of
from services.customer_service.trigger import TokenEvent, handler
from services.libs.runtime import aws_clients
from services.shared.events.order import OrderConfirmed
from tests.factories import Context

SUB = "5e1f0b52-2f0a-4a3b-9f0e-0c3b6b1a2d4e"
CUSTOMER = customer_id_of(SUB)


def _event(**attributes: str) -> TokenEvent:
    return {
        "userPoolId": "eu-west-2_abc",
        "userName": SUB,
        "request": {"userAttributes": {"sub": SUB, "email": "ada@example.org"} | attributes},
        "response": {"claimsAndScopeOverrideDetails": None},
    }


def _kept(customer_id: str) -> dict[str, Any]:
    attributes = [{"Name": "custom:customer_id", "Value": customer_id}]
    return {"UserPoolId": "eu-west-2_abc", "Username": SUB, "UserAttributes": attributes}


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """A user pool that takes only the calls which a test expects."""
    session = Session()
    session.set_credentials("testing", "testing")
    client = session.create_client("cognito-idp", region_name="eu-west-2")
    monkeypatch.setattr(aws_clients, "cognito", lambda: client)
    monkeypatch.setenv("ENVIRONMENT", "test")
    trigger._application.cache_clear()  # noqa: SLF001 - a new execution environment
    with Stubber(client) as stubber:
        yield stubber
    trigger._application.cache_clear()  # noqa: SLF001


def _claims(event: TokenEvent) -> object:
    details: Any = handler(event, Context())["response"]["claimsAndScopeOverrideDetails"]
    return details


def test_a_new_customer_gets_an_id_that_is_kept_and_is_in_the_access_token(users: Stubber) -> None:
    users.add_response("admin_update_user_attributes", {}, _kept(CUSTOMER))

    claims = _claims(_event())

    assert claims == {"accessTokenGeneration": {"claimsToAddOrOverride": {"customer_id": CUSTOMER}}}
    users.assert_no_pending_responses()


@pytest.mark.usefixtures("users")
def test_a_customer_keeps_the_id_of_another_regions_pool() -> None:
    claims = _claims(_event(**{"custom:customer_id": "c-from-before"}))

    assert claims == {"accessTokenGeneration": {"claimsToAddOrOverride": {"customer_id": "c-from-before"}}}


def test_an_id_that_cannot_be_kept_keeps_nobody_out(users: Stubber, capsys: pytest.CaptureFixture[str]) -> None:
    users.add_client_error("admin_update_user_attributes", "TooManyRequestsException")

    claims = _claims(_event())

    assert claims == {"accessTokenGeneration": {"claimsToAddOrOverride": {"customer_id": CUSTOMER}}}
    assert "customer id not kept" in capsys.readouterr().out


def test_nothing_of_the_person_is_logged(users: Stubber, capsys: pytest.CaptureFixture[str]) -> None:
    users.add_client_error("admin_update_user_attributes", "UserNotFoundException")

    handler(_event(), Context())

    assert not re.search(f"ada|{SUB}|{CUSTOMER}", capsys.readouterr().out)


def test_what_came_is_given_back_with_the_claims(users: Stubber) -> None:
    users.add_response("admin_update_user_attributes", {})
    event = _event()

    assert handler(event, Context()) | {"response": event["response"]} == event


def test_an_id_tells_nothing_of_the_sub_and_is_an_identifier() -> None:
    OrderConfirmed(order_id="order-1", customer_id=CUSTOMER, amount_minor=1, currency="GBP")
    assert re.fullmatch(r"c-[0-9a-f]{26}", CUSTOMER)
    assert customer_id_of(SUB) == CUSTOMER != customer_id_of(SUB.upper())
