"""The catalogue's API, from the gateway's event to the answer."""

from collections.abc import Mapping
from uuid import uuid4

import pytest

from services.catalog_service import api
from services.order_service.service import OrderService
from tests.factories import CAUSE, PAYMENT_TIMEOUT, place, placed_order, seeding
from tests.unit.conftest import Aws
from tests.unit.services.http.shop import CLAIMS, STAFF_CLAIMS, Answer, answer_of, request

_CUP = {"sku": "prod-001", "name": "Cup", "description": "Of stoneware.", "priceMinor": 1400, "currency": "GBP"}

pytestmark = pytest.mark.usefixtures("environment", "cursor_secret")


def _ask(  # noqa: PLR0913 - the parts of a request
    method: str,
    path: str,
    body: object = None,
    *,
    claims: Mapping[str, object] | None = STAFF_CLAIMS,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> Answer:
    event = request(method, path, body, claims=claims, headers=headers, query=query)
    return answer_of(api.handler, event)


def _create(path: str, body: object, key: str = "key-1") -> Answer:
    return _ask("POST", path, body, headers={"idempotency-key": key})


def _category(name: str, parent: str | None = None) -> str:
    body = {"name": name} if parent is None else {"name": name, "parentId": parent}
    created = _create("/v1/categories", body, key=uuid4().hex)
    assert created.status == 201
    return str(created.content["categoryId"])


def _product(sku: str, name: str, category: str | None = None) -> None:
    body = _CUP | {"sku": sku, "name": name} | ({"categoryId": category} if category else {})
    assert _create("/v1/products", body, key=sku).status == 201


def _change(body: object, version: int = 1) -> Answer:
    return _ask("PATCH", "/v1/products/prod-001", body, headers={"if-match": f'"{version}"'})


def _list(path: str, **query: str) -> list[Answer]:
    """All pages of a list, as anybody reads them."""
    pages = [_ask("GET", path, claims=None, query=query)]
    while cursor := pages[-1].content.get("nextCursor"):
        pages.append(_ask("GET", path, claims=None, query=query | {"cursor": cursor}))
        assert pages[-1].status == 200
        assert len(pages) < 20, "the pages have no end"
    return pages


def _names(pages: list[Answer], of: str = "products") -> list[str]:
    return [str(each["name"]) for page in pages for each in page.content[of]]


def test_it_says_that_it_is_there() -> None:
    answer = _ask("GET", "/v1/health", claims=None)

    assert (answer.status, answer.content) == (200, {"status": "ok"})


def test_staff_creates_a_product_and_everyone_sees_it() -> None:
    created = _create("/v1/products", _CUP)
    found = _ask("GET", "/v1/products/prod-001", claims=None)

    product = _CUP | {"categoryId": None, "warehouse": "main", "available": 0}
    assert (created.status, created.content) == (201, product)
    assert created.headers.items() >= {"etag": '"1"', "location": "../v1/products/prod-001"}.items()
    assert (found.status, found.content, found.headers["etag"]) == (200, product, '"1"')


def test_a_repeated_request_gets_the_same_answer_whatever_happened_since() -> None:
    first = _create("/v1/products", _CUP)
    _change({"priceMinor": 1})

    again = _create("/v1/products", _CUP)

    assert (again.status, again.content, again.headers["etag"]) == (201, first.content, '"1"')


@pytest.mark.parametrize(("key", "status"), [("key-1", 422), ("key-2", 409)])
def test_a_sku_that_exists_is_refused(key: str, status: int) -> None:
    _create("/v1/products", _CUP)

    refused = _create("/v1/products", _CUP | {"name": "Mug"}, key=key)

    assert refused.status == status


def test_a_key_is_remembered_with_its_product() -> None:
    assert _create("/v1/products", _CUP, "key-1").status == 201
    assert _create("/v1/products", _CUP | {"sku": "prod-002"}, "key-1").status == 201
    assert _create("/v1/products", _CUP | {"name": "Mug"}, "key-1").status == 422


def test_a_change_takes_the_version_that_was_read_and_tells_the_new_one(aws: Aws) -> None:
    _create("/v1/products", _CUP)

    changed = _change({"priceMinor": 1500, "description": ""})
    stale = _change({"priceMinor": 1})

    assert (changed.status, changed.headers["etag"]) == (200, '"2"')
    assert changed.content == _CUP | {
        "priceMinor": 1500,
        "description": "",
        "categoryId": None,
        "warehouse": "main",
        "available": 0,
    }
    assert stale.status == 412
    assert aws.inventory.read(["prod-001"])["prod-001"].product.price_minor == 1500


@pytest.mark.parametrize("field", ["name", "description", "categoryId", "priceMinor", "currency", "warehouse"])
def test_null_is_no_value_of_a_field(field: str) -> None:
    _create("/v1/products", _CUP)

    refused = _change({field: None})

    assert refused.status == 422
    assert list(refused.wrong) == [field]


def test_a_seeded_product_is_shown_and_can_be_changed(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))

    found = _ask("GET", "/v1/products/prod-001", claims=None)
    changed = _change({"description": "Blue."}, version=1)

    assert (found.content["description"], found.content["available"]) == ("", 10)
    assert (changed.status, changed.content["description"]) == (200, "Blue.")


def test_the_stock_is_set_and_what_is_available_is_shown(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
    place(orders, placed_order(quantities={"prod-001": 4}), CAUSE)

    answer = _ask("PUT", "/v1/products/prod-001/stock", {"stock": 6})
    refused = _ask("PUT", "/v1/products/prod-001/stock", {"stock": 3})

    assert answer.content == {"sku": "prod-001", "stock": 6, "reserved": 4, "available": 2}
    assert answer.headers["etag"] == '"2"'
    assert (refused.status, refused.content["detail"]) == (409, "4 units are reserved for orders")
    assert _ask("GET", "/v1/products/prod-001").content["available"] == 2


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/categories", {"name": "Kitchen"}),
        ("POST", "/v1/products", _CUP),
        ("PATCH", "/v1/products/prod-001", {"name": "Mug"}),
        ("PUT", "/v1/products/prod-001/stock", {"stock": 1}),
    ],
)
def test_only_staff_changes_the_catalogue(method: str, path: str, body: object) -> None:
    headers = {"idempotency-key": "key-1", "if-match": '"1"'}

    statuses = [_ask(method, path, body, claims=claims, headers=headers).status for claims in (None, CLAIMS)]

    assert statuses == [401, 403]


@pytest.mark.parametrize("path", ["/v1/products/prod-009", "/v1/categories/cat-9"])
def test_what_is_not_there_is_not_found(path: str) -> None:
    assert _ask("GET", path, claims=None).status == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"sku": "a b"}, "sku"),
        ({"sku": "köln"}, "sku"),
        ({"sku": "a/b"}, "sku"),
        ({"sku": ".."}, "sku"),
        ({"sku": ""}, "sku"),
        ({"sku": "s" * 65}, "sku"),
        ({"name": " "}, "name"),
        ({"name": "n" * 101}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"description": "d" * 2001}, "description"),
        ({"priceMinor": -1}, "priceMinor"),
        ({"priceMinor": 1.5}, "priceMinor"),
        ({"priceMinor": "1"}, "priceMinor"),
        ({"currency": "gbp"}, "currency"),
        ({"currency": "POUND"}, "currency"),
        ({"warehouse": "two words"}, "warehouse"),
        ({"stock": 5}, "stock"),
    ],
)
def test_a_wrong_field_of_a_product_is_named(aws: Aws, wrong: Mapping[str, object], field: str) -> None:
    refused = _create("/v1/products", {**_CUP, **wrong})

    assert refused.status == 422
    assert list(refused.wrong) == [field]
    assert aws.inventory.read(["prod-001"]) == {}


def test_a_sku_with_odd_characters_in_the_path_is_refused_or_not_found() -> None:
    statuses = {_ask("GET", f"/v1/products/{sku}", claims=None).status for sku in ("a b", "köln", "a%2Fb", "..%00")}

    assert statuses <= {404, 422}


@pytest.mark.parametrize("stock", [-1, 1.5, "1", None, 1_000_000_001])
def test_a_wrong_stock_is_refused(aws: Aws, stock: object) -> None:
    aws.store.append(seeding(stock=10))

    assert _ask("PUT", "/v1/products/prod-001/stock", {"stock": stock}).status == 422
    assert aws.stock() == (10, 0, 10)


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("/v1/categories", {"name": "Cups", "parentId": "cat-9"}, "parentId: there is no category cat-9"),
        ("/v1/products", _CUP | {"categoryId": "cat-9"}, "categoryId: there is no category cat-9"),
    ],
)
def test_an_unknown_category_is_refused(path: str, body: object, detail: str) -> None:
    refused = _create(path, body)

    assert (refused.status, refused.content["detail"]) == (422, detail)
    field, message = detail.split(": ")
    assert refused.wrong == {field: message}


@pytest.mark.parametrize(
    "name",
    ['The "big" <b>pot</b>', "煎茶 (せんちゃ) 🍵", "إبريق شاي 'صغير'", "קומקום", "ﷺ" * 100],
    ids=["quotes", "tea", "right to left", "hebrew", "long when folded"],
)
def test_names_are_shown_as_they_are(name: str) -> None:
    kitchen = _category(name)
    _product("prod-001", name, kitchen)

    assert _ask("GET", "/v1/products/prod-001", claims=None).content["name"] == name
    assert _names(_list("/v1/products")) == [name]
    assert _names(_list("/v1/products", name=name)) == [name]
    assert _names(_list("/v1/categories"), "categories") == [name]


def test_categories_are_a_tree() -> None:
    kitchen, garden = _category("Kitchen"), _category("Garden")
    cups = _category("Cups", kitchen)

    assert sorted(_names(_list("/v1/categories", limit="1"), "categories")) == ["Garden", "Kitchen"]
    (parts,) = _list("/v1/categories", parent=kitchen)
    assert parts.content["categories"] == [{"categoryId": cups, "name": "Cups", "parentId": kitchen}]
    assert _names(_list("/v1/categories", parent=garden), "categories") == []
    found = _ask("GET", f"/v1/categories/{cups}", claims=None)
    assert (found.content, found.headers["etag"]) == (parts.content["categories"][0], '"1"')


def test_a_category_is_created_once_for_a_key() -> None:
    first = _create("/v1/categories", {"name": "Kitchen"})

    assert _create("/v1/categories", {"name": "Kitchen"}).content == first.content
    assert _create("/v1/categories", {"name": "Garden"}).status == 422
    assert _create("/v1/categories", {"name": "Kitchen"}, key="key-2").content != first.content
    assert first.headers["location"] == f"../v1/categories/{first.content['categoryId']}"


@pytest.mark.parametrize("limit", ["1", "2", "3", "100"])
def test_products_are_listed_by_name_page_by_page(limit: str) -> None:
    for number, name in enumerate(["mug", "Cup, blue", "cup, red", "Éclair", "Zebra", "cup, green"]):
        _product(f"prod-{number}", name)

    assert _names(_list("/v1/products", limit=limit)) == [
        "Cup, blue",
        "cup, green",
        "cup, red",
        "mug",
        "Zebra",
        "Éclair",
    ]
    assert _names(_list("/v1/products", limit=limit, name="CUP")) == ["Cup, blue", "cup, green", "cup, red"]
    assert _names(_list("/v1/products", limit=limit, name="e\u0301C")) == ["Éclair"]
    assert _names(_list("/v1/products", limit=limit, name="x")) == []


def test_products_are_listed_by_category() -> None:
    cups, pots = _category("Cups"), _category("Pots")
    for number, (name, category) in enumerate([("Mug", cups), ("Cup", cups), ("Teapot", pots), ("Loose", None)]):
        _product(f"prod-{number}", name, category)

    (page,) = _list("/v1/products", category=cups)

    assert _names([page]) == ["Cup", "Mug"]
    assert page.content["products"][0] == {
        "sku": "prod-1",
        "name": "Cup",
        "categoryId": cups,
        "priceMinor": 1400,
        "currency": "GBP",
    }
    assert _names(_list("/v1/products", category=cups, name="m")) == ["Mug"]
    assert _names(_list("/v1/products", category="cat-9")) == []


def test_two_products_of_one_name_are_both_listed() -> None:
    for sku in ("prod-1", "prod-2"):
        _product(sku, "Cup")

    assert _names(_list("/v1/products", limit="1")) == ["Cup", "Cup"]


def test_a_renamed_product_is_found_by_its_new_name() -> None:
    _product("prod-001", "Cup")

    _change({"name": "Beaker"})

    assert _names(_list("/v1/products", name="cup")) == []
    assert _names(_list("/v1/products", name="beaker")) == ["Beaker"]


def test_a_cursor_is_of_its_own_query() -> None:
    for number in range(3):
        _product(f"prod-{number}", f"Cup {number}")
    cursor = _ask("GET", "/v1/products", query={"limit": "1", "name": "cup"}).content["nextCursor"]

    for query in ({}, {"name": "cu"}, {"category": "cup"}, {"name": "cup", "category": "x"}):
        refused = _ask("GET", "/v1/products", query=query | {"cursor": cursor})
        assert (refused.status, list(refused.wrong)) == (422, ["cursor"])
    assert _ask("GET", "/v1/categories", query={"cursor": cursor}).status == 422
    assert _ask("GET", "/v1/products", query={"name": "cup", "limit": "9", "cursor": cursor}).status == 200
    assert _ask("GET", "/v1/products", query={"name": "cup", "cursor": cursor[:-1]}).status == 422


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"name": ""}, {"name": "n" * 101}, {"category": "a b"}]
)
def test_a_wrong_query_is_refused(query: Mapping[str, str]) -> None:
    refused = _ask("GET", "/v1/products", query=query)

    assert (refused.status, list(refused.wrong)) == (422, list(query))
