"""Customers and staff, made by a task; tests/integration signs in for real."""

import json
from typing import Any
from unittest.mock import MagicMock

import pytest

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate import shop_users
from scripts.operate.shop_users import ShopUsers
from tests.unit.conftest import make_deployment

ACCESS = "a.b.c"


class _ExistsError(Exception):
    pass


class _NotFoundError(Exception):
    pass


@pytest.fixture
def cognito(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """A user pool without users."""
    client = MagicMock()
    client.exceptions.UsernameExistsException = _ExistsError
    client.exceptions.UserNotFoundException = _NotFoundError
    client.initiate_auth.return_value = {"AuthenticationResult": {"AccessToken": ACCESS, "ExpiresIn": 900}}
    monkeypatch.setattr(Target, "client", lambda *_: client)
    monkeypatch.setattr(Deployment, "of", lambda _: make_deployment())
    return client


def _make(user: str, **options: bool) -> None:
    shop_users.make(Target("aws", "test"), user, **{"staff": False, **options})


def _called(cognito: MagicMock, name: str) -> dict[str, Any]:
    called: dict[str, Any] = getattr(cognito, name).call_args.kwargs
    return called


def test_a_name_becomes_a_customer_whose_token_is_all_that_the_output_has(
    cognito: MagicMock, capsys: pytest.CaptureFixture[str]
) -> None:
    _make("Ada")

    shown = capsys.readouterr()
    assert shown.out == f"{ACCESS}\n"
    assert "ada@shop-user.example is new: a customer of test" in shown.err
    assert "https://shop.example/test/v1/cart" in shown.err
    assert _called(cognito, "admin_create_user")["MessageAction"] == "SUPPRESS"
    assert not cognito.admin_add_user_to_group.called


def test_nobody_is_told_the_password(cognito: MagicMock, capsys: pytest.CaptureFixture[str]) -> None:
    _make("ada")

    password = _called(cognito, "admin_set_user_password")["Password"]
    assert password == _called(cognito, "initiate_auth")["AuthParameters"]["PASSWORD"]
    assert password not in "".join(capsys.readouterr())


def test_staff_is_in_the_group(cognito: MagicMock) -> None:
    _make("ada", staff=True)

    assert _called(cognito, "admin_add_user_to_group")["GroupName"] == "staff"


def test_a_second_run_gives_a_new_token(cognito: MagicMock, capsys: pytest.CaptureFixture[str]) -> None:
    cognito.admin_create_user.side_effect = _ExistsError

    _make("ada", as_json=True)

    assert json.loads(capsys.readouterr().out) == {
        "email": "ada@shop-user.example",
        "access_token": ACCESS,
        "expires_in_seconds": 900,
        "url": "https://shop.example/test",
    }


def test_somebodys_own_password_is_not_replaced(cognito: MagicMock) -> None:
    cognito.admin_create_user.side_effect = _ExistsError

    with pytest.raises(UserError, match=r"ada@example\.org may be somebody's own account"):
        _make("ada@example.org", staff=True)

    assert cognito.admin_add_user_to_group.called
    assert not cognito.admin_set_user_password.called


def test_a_second_factor_is_named(cognito: MagicMock) -> None:
    cognito.initiate_auth.return_value = {"ChallengeName": "MFA_SETUP"}

    with pytest.raises(UserError, match="has to answer MFA_SETUP"):
        _make("ada")


@pytest.mark.usefixtures("cognito")
@pytest.mark.parametrize("user", ["a b", "@", "ada@", "ada@localhost", "ada@example.org@example.org"])
def test_what_is_no_address_is_refused(user: str) -> None:
    with pytest.raises(UserError, match="is no e-mail address and no name"):
        _make(user)


def test_a_shell_takes_the_url_and_the_token(cognito: MagicMock, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    _make("ada", for_shell=True)

    assert capsys.readouterr().out == f"export SHOP=https://shop.example/test TOKEN={ACCESS}\n"


def test_a_user_is_there_until_it_is_removed(cognito: MagicMock) -> None:
    users = ShopUsers(Target("aws", "test"), make_deployment())

    assert users.exists("ada")
    assert _called(cognito, "admin_get_user")["Username"] == "ada@shop-user.example"
    cognito.admin_get_user.side_effect = _NotFoundError
    assert not users.exists("ada")
