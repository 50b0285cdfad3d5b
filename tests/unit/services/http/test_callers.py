import pytest

from services.libs.http.callers import Caller, caller_of
from services.libs.http.problems import ProblemError
from tests.unit.services.http.shop import CLAIMS, STAFF_CLAIMS, ask, request, shelf_api


def test_the_caller_is_the_customer_of_the_access_token() -> None:
    assert caller_of(request("GET", "/", claims=CLAIMS)) == Caller("customer-1", is_staff=False)


@pytest.mark.parametrize(
    ("groups", "is_staff"),
    [
        ("[staff]", True),
        ("[buyers staff]", True),
        ("[buyers, staff]", True),
        ("staff", True),
        (["staff"], True),
        (["buyers", "staff"], True),
        ("[staffer]", False),
        ("[non-staff]", False),
        ("[]", False),
        ("", False),
        ([], False),
        (None, False),
        ({"staff": True}, False),
        (7, False),
    ],
)
def test_staff_are_those_in_the_group(groups: object, is_staff: bool) -> None:  # noqa: FBT001 - a column of the table
    assert caller_of(request("GET", "/", claims=CLAIMS | {"cognito:groups": groups})).is_staff is is_staff


@pytest.mark.parametrize(
    "claims",
    [
        {},
        CLAIMS | {"token_use": "id"},
        {"customer_id": "customer-1"},
        {"token_use": "access"},
        CLAIMS | {"customer_id": ""},
        CLAIMS | {"customer_id": None},
        CLAIMS | {"customer_id": 7},
        CLAIMS | {"customer_id": "a b"},
        CLAIMS | {"customer_id": "x" * 129},
    ],
)
def test_any_other_token_is_refused(claims: dict[str, object]) -> None:
    with pytest.raises(ProblemError) as refused:
        caller_of(request("GET", "/", claims=claims))

    assert (refused.value.status, refused.value.headers) == (401, {"www-authenticate": "Bearer"})


@pytest.mark.parametrize("authorizer", [None, "x", {"jwt": None}, {"jwt": {"claims": "x"}}, {"lambda": CLAIMS}])
def test_a_request_without_claims_is_refused(authorizer: object) -> None:
    event = request("GET", "/")
    event["requestContext"]["authorizer"] = authorizer

    with pytest.raises(ProblemError, match="an access token is needed"):
        caller_of(event)


_SHELF = {"lines": [{"sku": "a", "quantity": 1}]}
_VALID = {"if-match": '"7"', "idempotency-key": "k"}


@pytest.mark.parametrize(
    ("body", "wrong"), [(_SHELF, None), ({"lines": 1}, 422), ("{", 400)], ids=["valid", "invalid", "no JSON"]
)
@pytest.mark.parametrize(
    ("method", "path", "nobody", "customer", "staff"),
    [
        ("GET", "/v1/shelves", 200, 200, 200),
        ("POST", "/v1/shelves", 401, 201, 201),
        ("GET", "/v1/shelves/s", 401, 200, 200),
        ("PUT", "/v1/shelves/s", 401, 403, 200),
    ],
)
def test_who_may_not_call_a_route_learns_nothing_else(  # noqa: PLR0913, PLR0917 - the columns of the table
    method: str, path: str, nobody: int, customer: int, staff: int, body: object, wrong: int | None
) -> None:
    wrong = None if method == "GET" else wrong

    for claims, expected in ((None, nobody), (CLAIMS, customer), (STAFF_CLAIMS, staff)):
        answer = ask(shelf_api(), request(method, path, body, claims=claims, headers=_VALID))

        assert answer.status == (wrong if wrong and expected < 400 else expected)
