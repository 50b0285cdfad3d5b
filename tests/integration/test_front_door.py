"""Users of the shop sign up and in, and are who they are. The embedded AWS makes the tokens and runs the trigger."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import requests
from botocore.exceptions import ClientError

from scripts.operate import shop_users
from scripts.operate.shop_users import AccessToken, ShopUsers
from services.customer_service.domain import customer_id_of
from tests.integration.world import World

_PASSWORD = "a-Password-of-1-test"  # noqa: S105 - of users that end with the embedded AWS


@dataclass(frozen=True)
class Customer:
    email: str
    sub: str


@pytest.fixture(scope="module")
def users(world: World) -> ShopUsers:
    return ShopUsers(world.target, world.deployment)


def _sign_up(world: World, **attributes: str) -> Customer:
    cognito, pool = world.target.client("cognito-idp"), world.deployment.user_pool
    email = f"{uuid4().hex[:12]}@shop-user.example"
    sub = cognito.sign_up(
        ClientId=pool.client_id,
        Username=email,
        Password=_PASSWORD,
        UserAttributes=[{"Name": name, "Value": value} for name, value in ({"email": email} | attributes).items()],
    )["UserSub"]
    cognito.admin_confirm_sign_up(UserPoolId=pool.id, Username=email)
    return Customer(email, sub)


def _claims(token: AccessToken) -> Mapping[str, Any]:
    payload = token.text.split(".")[1]
    claims: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _get(world: World, path: str, token: str = "") -> requests.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{world.deployment.shop_url(world.target)}{path}", headers=headers, timeout=30)


def test_who_signs_up_and_in_passes(world: World, users: ShopUsers) -> None:
    token = users.sign_in(_sign_up(world).email, _PASSWORD)

    assert _get(world, "/v1/cart", token.text).status_code == 200
    assert token.lifetime_seconds == 15 * 60


def test_a_wrong_password_and_an_unknown_user_are_told_alike(world: World, users: ShopUsers) -> None:
    told = []
    for email in (_sign_up(world).email, "nobody@shop-user.example"):
        with pytest.raises(ClientError) as refused:
            users.sign_in(email, "another-Password-of-1-test")
        told.append(refused.value.response["Error"])

    assert told[0] == told[1]


def test_an_access_token_says_whose_it_is_by_an_id_that_is_kept(world: World, users: ShopUsers) -> None:
    customer = _sign_up(world)

    first, second = (_claims(users.sign_in(customer.email, _PASSWORD)) for _ in range(2))

    assert first["customer_id"] == second["customer_id"] == customer_id_of(customer.sub)
    assert first["token_use"] == "access"  # noqa: S105 - a claim
    assert customer.email not in json.dumps(first)
    assert _attributes(world, customer)["custom:customer_id"] == first["customer_id"]


def _attributes(world: World, customer: Customer) -> dict[str, str]:
    user = world.target.client("cognito-idp").admin_get_user(
        UserPoolId=world.deployment.user_pool.id, Username=customer.email
    )
    return {attribute["Name"]: attribute["Value"] for attribute in user["UserAttributes"]}


def test_a_customer_who_came_from_another_region_keeps_their_id(world: World, users: ShopUsers) -> None:
    customer = _sign_up(world)
    world.target.client("cognito-idp").admin_update_user_attributes(
        UserPoolId=world.deployment.user_pool.id,
        Username=customer.email,
        UserAttributes=[{"Name": "custom:customer_id", "Value": "c-from-before"}],
    )

    assert _claims(users.sign_in(customer.email, _PASSWORD))["customer_id"] == "c-from-before"


def test_nobody_chooses_the_id_of_another(world: World, users: ShopUsers) -> None:
    with pytest.raises(ClientError, match="unauthorized attribute"):
        _sign_up(world, **{"custom:customer_id": "c-victim"})

    token = users.sign_in(_sign_up(world).email, _PASSWORD)
    with pytest.raises(ClientError, match="unauthorized attribute"):
        world.target.client("cognito-idp").update_user_attributes(
            AccessToken=token.text, UserAttributes=[{"Name": "custom:customer_id", "Value": "c-victim"}]
        )


def test_the_task_makes_staff_who_pass_too(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        shop_users.make(world.target, "ada", staff=True)

        token = capsys.readouterr().out.strip()
        assert _claims(AccessToken(token, 0))["cognito:groups"] == ["staff"]
        assert _get(world, "/v1/cart", token).status_code == 200
