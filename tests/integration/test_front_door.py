"""The front door: who gets in, and as whom. The embedded AWS makes the tokens, checks them, and runs the trigger."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import requests
from botocore.exceptions import ClientError

from scripts.operate import shop_users
from scripts.operate.shop_users import AccessToken, ShopUsers
from services.customer_service.domain import customer_id_of
from tests.integration.plans import Resource, all_of
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


@pytest.fixture(scope="module")
def signed_in_route(world: World, resources: list[Resource]) -> Iterator[str]:
    """A route for those who are signed in, with the function of the catalogue behind it."""
    api = world.deployment.shop_api.id
    (authorizer,) = all_of(resources, "aws_apigatewayv2_authorizer")
    (health,) = [one for one in all_of(resources, "aws_apigatewayv2_route") if one["route_key"] == "GET /v1/health"]
    gateway: Any = world.target.session().client("apigatewayv2", endpoint_url=world.target.endpoint_url)
    path = "/v1/for-those-who-are-signed-in"
    route = gateway.create_route(
        ApiId=api,
        RouteKey=f"GET {path}",
        Target=health["target"],
        AuthorizationType="JWT",
        AuthorizerId=authorizer["id"],
    )
    yield path
    gateway.delete_route(ApiId=api, RouteId=route["RouteId"])


def test_the_api_says_that_it_is_there_to_anybody(world: World) -> None:
    response = _get(world, "/v1/health")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("token", ["", "garbage", "e30.e30.e30"])
def test_nobody_passes_without_a_token_of_the_pool(world: World, signed_in_route: str, token: str) -> None:
    assert _get(world, signed_in_route, token).status_code == 401


def test_a_token_whose_content_was_changed_is_refused(world: World, users: ShopUsers, signed_in_route: str) -> None:
    head, _, signature = users.sign_in(_sign_up(world).email, _PASSWORD).text.split(".")
    forged = base64.urlsafe_b64encode(json.dumps({"customer_id": "c-victim"}).encode()).decode().rstrip("=")

    assert _get(world, signed_in_route, f"{head}.{forged}.{signature}").status_code == 401


def test_who_signs_up_and_in_passes(world: World, users: ShopUsers, signed_in_route: str) -> None:
    token = users.sign_in(_sign_up(world).email, _PASSWORD)

    assert _get(world, signed_in_route, token.text).status_code == 200
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


def test_the_task_makes_staff_who_pass_too(
    world: World, signed_in_route: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        shop_users.make(world.target, "ada", staff=True)

        token = capsys.readouterr().out.strip()
        assert _claims(AccessToken(token, 0))["cognito:groups"] == ["staff"]
        assert _get(world, signed_in_route, token).status_code == 200
