"""The cart's routes as the gateway calls them."""

from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from services.cart_service.api import _application, handler
from services.shared.cart_lifecycle import checkout_version
from tests.unit.conftest import EVENT_STORE_TABLE, Aws
from tests.unit.services.carts import CUSTOMER, events, filled, seed
from tests.unit.services.http.shop import CLAIMS, Answer, answer_of, request

ITEMS, ITEM, CART, CHECKOUT = "/v1/cart/items", "/v1/cart/items/prod-001", "/v1/cart", "/v1/cart/checkout"
ADD = {"sku": "prod-001", "quantity": 2}
TOTAL = {"totalMinor": 1000, "currency": "GBP"}

pytestmark = pytest.mark.usefixtures("environment")


def ask(  # noqa: PLR0913 - the parts of a request
    method: str,
    path: str,
    body: object = None,
    version: int | None = None,
    key: str | None = None,
    *,
    claims: Mapping[str, object] | None = CLAIMS,
) -> Answer:
    headers = {} if version is None else {"if-match": f'"{version}"'}
    headers |= {} if key is None else {"idempotency-key": key}
    return answer_of(handler, request(method, path, body, claims=claims, headers=headers))


def test_a_customer_fills_a_cart_and_checks_it_out(aws: Aws) -> None:
    seed(aws)

    empty = ask("GET", CART)
    added = ask("POST", ITEMS, ADD, 0, "key-1")
    changed = ask("PUT", ITEM, {"quantity": 3}, 1)
    read = ask("GET", CART)
    placed = ask("POST", CHECKOUT, {"totalMinor": 1500, "currency": "GBP"}, 2, "key-2")

    assert (empty.status, empty.headers["etag"], empty.content["lines"]) == (200, '"0"', [])
    assert (added.status, added.headers["etag"]) == (200, '"1"')
    assert added.content["lines"][0] | {"name": ""} == {
        "sku": "prod-001",
        "name": "",
        "quantity": 2,
        "unitPriceMinor": 500,
        "currency": "GBP",
        "presentUnitPriceMinor": None,
        "gone": False,
    }
    assert changed.headers["etag"] == '"2"'
    assert read.content["presentTotals"] == read.content["totals"] == [{"amountMinor": 1500, "currency": "GBP"}]
    order_id = placed.content["orderId"]
    assert (placed.status, checkout_version(order_id)) == (202, 3)
    assert (
        placed.headers.items() >= {"location": f"../../v1/orders/{order_id}", "retry-after": "1", "etag": '"3"'}.items()
    )


def test_a_product_and_all_of_them_are_removed(aws: Aws) -> None:
    filled(aws)
    filled(aws, sku="prod-002")

    removed = ask("DELETE", ITEM, version=2)
    cleared = ask("DELETE", CART, version=3)

    assert (removed.status, [line["sku"] for line in removed.content["lines"]]) == (200, ["prod-002"])
    assert (cleared.status, cleared.content["lines"], cleared.headers["etag"]) == (200, [], '"4"')


def test_what_changed_since_is_reported_beside_what_was_seen(aws: Aws) -> None:
    filled(aws, 2)
    filled(aws, 1, "prod-002")
    seed(aws, price_minor=600)
    seed(aws, "prod-002", currency="EUR")

    read = ask("GET", CART).content

    lines = [(line["unitPriceMinor"], line["presentUnitPriceMinor"], line["gone"]) for line in read["lines"]]
    assert lines == [(500, 600, False), (500, None, True)]
    assert read["totals"] == [{"amountMinor": 1500, "currency": "GBP"}]
    assert read["presentTotals"] == [{"amountMinor": 1200, "currency": "GBP"}]


def test_a_checkout_that_costs_more_answers_with_both_totals(aws: Aws) -> None:
    filled(aws)
    seed(aws, price_minor=501)

    answer = ask("POST", CHECKOUT, TOTAL, 1, "key-1")

    assert answer.status == 409
    assert answer.content["type"] == "urn:pulsequeue:problem:price_changed"
    assert answer.content["shown"] == {"amountMinor": 1000, "currency": "GBP"}
    assert answer.content["present"] == {"amountMinor": 1002, "currency": "GBP"}


def test_a_repeated_request_has_the_same_answer(aws: Aws) -> None:
    filled(aws)

    first, again = (ask("POST", CHECKOUT, TOTAL, 1, "key-1") for _ in range(2))
    other_tab = ask("POST", CHECKOUT, TOTAL, 1, "key-2")
    other_content = ask("POST", CHECKOUT, TOTAL | {"totalMinor": 1001}, 1, "key-1")

    assert (first.status, first.content, first.headers["etag"]) == (again.status, again.content, again.headers["etag"])
    assert (other_tab.status, other_content.status) == (412, 422)
    assert len(events(aws)) == 2


@pytest.mark.parametrize("quantity", [0, -1, 1.5, 10_001, "1", True, None])
@pytest.mark.parametrize(("method", "path"), [("POST", ITEMS), ("PUT", ITEM)])
def test_a_quantity_that_is_none_is_named(aws: Aws, method: str, path: str, quantity: object) -> None:
    filled(aws)
    body = {"quantity": quantity} | ({"sku": "prod-001"} if method == "POST" else {})

    answer = ask(method, path, body, 1, "key-1")

    assert (answer.status, [*answer.wrong]) == (422, ["quantity"])
    assert len(events(aws)) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"totalMinor": -1, "currency": "GBP"}, "totalMinor"),
        ({"totalMinor": 10.5, "currency": "GBP"}, "totalMinor"),
        ({"totalMinor": 1000, "currency": "gbp"}, "currency"),
        ({"totalMinor": 1000}, "currency"),
        (TOTAL | {"_postDeployTestForceResult": "SUCCESS"}, "_postDeployTestForceResult"),
    ],
)
def test_a_checkout_that_says_no_total_is_named(aws: Aws, body: object, field: str) -> None:
    filled(aws)

    answer = ask("POST", CHECKOUT, body, 1, "key-1")

    assert (answer.status, [*answer.wrong]) == (422, [field])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", ITEMS, ADD),
        ("PUT", ITEM, {"quantity": 1}),
        ("DELETE", ITEM, None),
        ("DELETE", CART, None),
        ("POST", CHECKOUT, TOTAL),
    ],
)
def test_every_command_says_which_version_and_each_post_which_key(
    aws: Aws, method: str, path: str, body: object
) -> None:
    filled(aws)

    missing = ask(method, path, body)
    stale = ask(method, path, body, 0, "key-1")
    nobody = ask(method, path, body, 1, "key-1", claims=None)

    assert missing.status == 422
    assert {*missing.wrong} == ({"If-Match", "Idempotency-Key"} if method == "POST" else {"If-Match"})
    assert (stale.status, stale.content["type"]) == (412, "urn:pulsequeue:problem:stale")
    assert nobody.status == 401
    assert len(events(aws)) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", ITEMS, ADD | {"sku": "prod-404"}, 404),
        ("POST", ITEMS, ADD | {"sku": "prod 404"}, 422),
        ("POST", ITEMS, ADD | {"quantity": 9_999}, 409),
        ("PUT", "/v1/cart/items/prod-404", {"quantity": 1}, 404),
        ("DELETE", "/v1/cart/items/prod-404", None, 404),
        ("POST", CHECKOUT, TOTAL | {"currency": "EUR"}, 409),
    ],
)
def test_an_expected_no_has_its_own_status(aws: Aws, method: str, path: str, body: object, status: int) -> None:
    filled(aws)

    assert ask(method, path, body, 1, "key-1").status == status


def test_another_customers_cart_is_out_of_reach(aws: Aws) -> None:
    filled(aws)

    other = ask("GET", CART, claims=CLAIMS | {"customer_id": "customer-2"})

    assert (other.content["lines"], other.headers["etag"]) == ([], '"0"')


def test_a_store_out_of_reach_is_a_503_to_be_tried_again(aws: Aws) -> None:
    aws.dynamodb.delete_table(TableName=EVENT_STORE_TABLE)

    answer = ask("GET", CART)

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("hours", ["0", "721", "soon", None])
def test_a_wrong_time_until_carts_are_abandoned_is_named_at_the_cold_start(
    monkeypatch: pytest.MonkeyPatch, hours: str | None
) -> None:
    name = "CART_ABANDONED_AFTER_HOURS"
    monkeypatch.setenv(name, hours) if hours else monkeypatch.delenv(name)

    with pytest.raises(ValidationError, match=name):
        _application()


def test_logs_carry_the_order_and_never_the_customer(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    filled(aws)

    placed = ask("POST", CHECKOUT, TOTAL, 1, "key-1")

    printed = capsys.readouterr().out
    assert placed.content["orderId"] in printed
    assert CUSTOMER not in printed
