import pytest

from scripts.local.stand_ins.types import Response
from scripts.local.stand_ins.user_attributes import only_writable_attributes

REFUSED: Response = (400, {}, b"refused")
DONE: Response = (200, {}, b"done")


def _answer(action: str, attribute: str, writable: list[str]) -> Response:
    run = only_writable_attributes(
        lambda handler, _, request: handler(request),
        lambda request: {"client-1": {"WriteAttributes": writable}}[request["ClientId"]],
        lambda *_: REFUSED,
    )
    request = {"ClientId": "client-1", "UserAttributes": [{"Name": attribute, "Value": "x"}]}
    return run(lambda _: DONE, action, request)


@pytest.mark.parametrize("action", ["SignUp", "UpdateUserAttributes"])
def test_a_user_writes_only_what_the_client_may(action: str) -> None:
    assert _answer(action, "custom:customer_id", ["email"]) == REFUSED
    assert _answer(action, "email", ["email"]) == DONE


def test_a_client_without_a_list_may_write_all() -> None:
    assert _answer("SignUp", "custom:customer_id", []) == DONE


def test_an_administrator_writes_any() -> None:
    assert _answer("AdminUpdateUserAttributes", "custom:customer_id", ["email"]) == DONE
