from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from pydantic import ValidationError

from scripts.cli.errors import UserError
from scripts.cli.json_files import load_json
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.seed_categories import category_id
from scripts.operate.seeding import CATALOGUE, Change, Seeder, SeedProduct
from scripts.seed_inventory import seed
from services.catalog_service.service import CatalogService
from services.libs.store.catalogue_index import CatalogueIndex
from services.libs.store.event_store import ContentionError, EventStore
from services.order_service.service import OrderService
from services.shared.commits import Commit
from services.shared.events.catalog import CategoryCreated, ProductCreated, ProductInventoryUpdated, ProductUpdated
from services.shared.sku_lifecycle import SKU, STOCKED
from tests.factories import CAUSE, PAYMENT_TIMEOUT, place, placed_order
from tests.unit.conftest import AT_ONCE, TABLES, Aws


def _product(stock: int = 10, price: int = 500, name: str = "Cup", **others: str) -> SeedProduct:
    return SeedProduct(sku="prod-001", name=name, stock=stock, priceMinor=price, currency="GBP", **others)


def _seed(aws: Aws, product: SeedProduct) -> Change:
    (change,) = Seeder(aws.store, aws.inventory).seed([product])
    return change


def test_the_catalogue_of_the_project_is_valid() -> None:
    products = load_json(Path("scripts/inventory-seed.json"), CATALOGUE)

    assert {product.sku: product.stock for product in products[:4]} == {
        "prod-001": 10,
        "prod-002": 15,
        "prod-003": 8,
        "prod-004": 20,
    }


def test_a_new_sku_is_created_by_a_commit(aws: Aws) -> None:
    assert _seed(aws, _product()).text == "created"

    (commit,) = aws.store.read("sku#prod-001")
    seeded = commit.get(ProductInventoryUpdated)
    assert (seeded.stock, seeded.stock_delta) == (10, 10)
    assert aws.stock() == (10, 0, 10)


def test_seeding_the_same_again_writes_nothing(aws: Aws) -> None:
    _seed(aws, _product())

    assert _seed(aws, _product()).text == "unchanged"
    assert aws.store.latest_version("sku#prod-001") == 1


def test_a_changed_stock_price_and_name_are_told(aws: Aws) -> None:
    _seed(aws, _product())

    change = _seed(aws, _product(stock=14, price=600, name="Mug"))

    assert change.text == "stock +4, price was 5.00 GBP, name was Cup"
    assert aws.stock() == (14, 0, 14)
    assert aws.inventory.read(["prod-001"])["prod-001"].product.price_minor == 600


def test_a_product_is_in_the_main_warehouse_unless_the_file_says_another(aws: Aws) -> None:
    _seed(aws, _product())

    assert aws.inventory.read(["prod-001"])["prod-001"].product.warehouse == "main"
    assert _seed(aws, _product(warehouse="roastery")).text == "warehouse was main"
    assert aws.inventory.read(["prod-001"])["prod-001"].product.warehouse == "roastery"
    assert _seed(aws, _product(warehouse="roastery")).text == "unchanged"


def test_the_catalogue_of_the_project_is_in_two_warehouses() -> None:
    products = load_json(Path("scripts/inventory-seed.json"), CATALOGUE)

    assert {product.warehouse for product in products} == {"main", "roastery"}


def test_seeding_keeps_reservations_and_refuses_to_sink_below_them(aws: Aws) -> None:
    _seed(aws, _product(stock=10))
    place(OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT), placed_order(quantities={"prod-001": 4}), CAUSE)

    assert _seed(aws, _product(stock=12)).refused is None
    assert aws.stock() == (12, 4, 8)
    assert _seed(aws, _product(stock=3)).text == "refused: 4 units are reserved for orders"
    assert aws.stock() == (12, 4, 8)


def test_a_stock_of_just_what_is_reserved_is_taken(aws: Aws) -> None:
    _seed(aws, _product(stock=10))
    place(OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT), placed_order(quantities={"prod-001": 4}), CAUSE)

    assert _seed(aws, _product(stock=4)).text == "stock -6"
    assert aws.stock() == (4, 4, 0)


class _Meeting(EventStore):
    """A store in which something else happens right before each of our writes."""

    def __init__(self, aws: Aws, *others: Callable[[], object]) -> None:
        super().__init__(aws.dynamodb, TABLES, backoff=AT_ONCE)
        self._others = iter(others)

    def append(self, commit: Commit) -> None:
        next(self._others, lambda: None)()
        super().append(commit)


def _contention() -> None:
    raise ContentionError("each attempt met another transaction")


def _seed_meeting(aws: Aws, product: SeedProduct, *others: Callable[[], object]) -> Change:
    (change,) = Seeder(_Meeting(aws, *others), aws.inventory).seed([product])
    return change


def test_a_seeding_that_meets_another_is_made_again_from_what_that_one_left(aws: Aws) -> None:
    _seed(aws, _product(stock=10))

    change = _seed_meeting(aws, _product(stock=14), lambda: _seed(aws, _product(stock=12, price=600)))

    assert change.text == "stock +2, price was 6.00 GBP"
    assert aws.stock() == (14, 0, 14)
    assert aws.store.latest_version("sku#prod-001") == 5


def test_an_order_that_comes_right_before_keeps_what_it_has_reserved(aws: Aws) -> None:
    orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
    _seed(aws, _product(stock=10))

    change = _seed_meeting(
        aws, _product(stock=3), lambda: place(orders, placed_order(quantities={"prod-001": 4}), CAUSE)
    )

    assert change.text == "refused: 4 units are reserved for orders"
    assert aws.stock() == (10, 4, 6)


@pytest.mark.parametrize(
    ("times", "text"),
    [(4, "created"), (5, "refused: its stock keeps changing, try again when it is quieter")],
)
def test_a_seeding_that_meets_other_transactions_is_tried_five_times(aws: Aws, times: int, text: str) -> None:
    change = _seed_meeting(aws, _product(), *[_contention] * times)

    assert change.text == text
    assert len(aws.inventory.read(["prod-001"])) == (times == 4)


def _seed_file(aws: Aws, folder: Path, monkeypatch: pytest.MonkeyPatch, sku: str, currency: str) -> None:
    file = folder / "seed.json"
    product = SeedProduct(sku=sku, name="Cup", stock=5, priceMinor=500, currency=currency)
    file.write_bytes(CATALOGUE.dump_json([product], by_alias=True))
    monkeypatch.setattr(Deployment, "of", lambda _: aws.deployment)
    seed(cast("Target", SimpleNamespace(client=lambda _: aws.dynamodb, environment="test")), file)


def test_a_second_currency_is_refused_and_nothing_is_changed(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _seed(aws, _product())

    with pytest.raises(
        UserError, match=r"priced in JPY, but the inventory has prod-001 in GBP.*: .* nothing was changed"
    ):
        _seed_file(aws, tmp_path, monkeypatch, "prod-002", "JPY")

    assert aws.inventory.read(["prod-002"]) == {}


def test_a_product_of_another_currency_does_not_keep_the_others_from_being_seeded(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _seed(aws, _product())
    _seed(aws, SeedProduct(sku="prod-002", name="Mug", stock=10, priceMinor=500, currency="EUR"))

    _seed_file(aws, tmp_path, monkeypatch, "prod-003", "GBP")

    assert aws.inventory.read(["prod-003"])["prod-003"].product.currency == "GBP"


def test_a_file_that_names_every_sku_may_change_the_currency(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _seed(aws, _product())

    _seed_file(aws, tmp_path, monkeypatch, "prod-001", "JPY")

    assert aws.inventory.read(["prod-001"])["prod-001"].product.currency == "JPY"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[\n  {"sku": "a",\n   "name": "A" "stock": 1}\n]', r"line 3, column 16: not JSON"),
        (
            '[\n  {"sku": "a", "name": "A",\n   "stock": -1, "priceMinor": 1, "currency": "GBP"}\n]',
            r"line 3, 0\.stock: ",
        ),
        ('[\n\t{"sku": "a", "name": "A",\n\t\t"stock": 1, "priceMinor": 1.5, "currency": "GBP"}]', r"line 3, 0\.price"),
        ('[\n  {"sku": "a", "stock": 1, "priceMinor": 1, "currency": "GBP"}\n]', r"line 2, 0\.name: it is required"),
        (
            '[{"sku": "a", "name": "A", "stock": 1, "priceMinor": 1, "currency": "GBP", "sotck": 2}]',
            r"0\.sotck: there is no such",
        ),
        ("[]", r"the whole file: List should have at least 1 item"),
    ],
)
def test_a_malformed_seed_file_is_refused_with_line_and_field(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "seed.json"
    file.write_text(text)

    with pytest.raises(UserError, match=message):
        load_json(file, CATALOGUE)


@pytest.mark.parametrize(
    ("second", "message"),
    [({"sku": "a"}, "listed more than once: a"), ({"currency": "EUR"}, "one catalogue has one currency")],
)
def test_a_catalogue_that_contradicts_itself_is_refused(tmp_path: Path, second: dict[str, str], message: str) -> None:
    product = {"sku": "a", "name": "A", "stock": 1, "priceMinor": 1, "currency": "GBP"}
    file = tmp_path / "seed.json"
    file.write_bytes(CATALOGUE.dump_json([SeedProduct.model_validate(product)], by_alias=True)[:-1])
    other = SeedProduct.model_validate(product | {"sku": "b"} | second)
    file.write_text(file.read_text() + "," + other.model_dump_json(by_alias=True) + "]")

    with pytest.raises(UserError, match=message):
        load_json(file, CATALOGUE)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.json: No such file"):
        load_json(tmp_path / "nowhere.json", CATALOGUE)


def test_a_new_sku_is_created_and_stocked_in_one_commit(aws: Aws) -> None:
    requests = aws.requests()

    _seed(aws, _product(description="Of stoneware."))

    assert len(requests) == 3, "the inventory and the stream are read, and one transaction writes"
    (commit,) = aws.store.read("sku#prod-001")
    assert [type(event) for event in commit.events] == [ProductCreated, ProductInventoryUpdated]
    assert commit.get(ProductCreated).description == "Of stoneware."
    assert SKU.fold([commit]).phase == STOCKED


def test_a_changed_product_is_an_update_that_expects_no_stock(aws: Aws) -> None:
    _seed(aws, _product())

    assert _seed(aws, _product(price=600)).text == "price was 5.00 GBP"

    (change,) = aws.store.read("sku#prod-001")[-1].stock_changes()
    assert aws.store.read("sku#prod-001")[-1].get(ProductUpdated).price_minor == 600
    assert change.expected_stock is None


def test_a_description_that_the_file_does_not_name_stays(aws: Aws) -> None:
    _seed(aws, _product(description="Of stoneware."))

    assert _seed(aws, _product(price=600)).text == "price was 5.00 GBP"
    assert _seed(aws, _product(price=600, stock=12)).text == "stock +2"
    assert _seed(aws, _product(price=600, stock=12, description="Of stoneware.")).text == "unchanged"
    assert _seed(aws, _product(price=600, stock=12, description="Blue.")).text == "description changed"
    assert CatalogService(aws.store, aws.inventory).product("prod-001").description == "Blue."


def test_the_categories_of_the_file_are_created_once_parents_first(aws: Aws) -> None:
    for _ in range(2):
        _seed(aws, _product(category="Kitchen/Cups"))

    kitchen, cups = category_id("Kitchen"), category_id("Kitchen/Cups")
    catalogue = CatalogService(aws.store, aws.inventory)
    assert catalogue.category(kitchen) == CategoryCreated(category_id=kitchen, name="Kitchen")
    assert catalogue.category(cups) == CategoryCreated(category_id=cups, name="Cups", parent_id=kitchen)
    assert aws.inventory.read(["prod-001"])["prod-001"].product.category_id == cups
    assert [aws.store.latest_version(stream) for stream in (f"category#{cups}", "sku#prod-001")] == [1, 1]


def test_a_product_moves_to_another_category_and_stays_where_the_file_names_none(aws: Aws) -> None:
    _seed(aws, _product())

    assert _seed(aws, _product(category="Kitchen")).text == "moved to Kitchen"
    assert _seed(aws, _product()).text == "unchanged"
    assert _seed(aws, _product(stock=12)).text == "stock +2"
    assert aws.inventory.read(["prod-001"])["prod-001"].product.category_id == category_id("Kitchen")


@pytest.mark.parametrize("path", ["", "/", "Kitchen/", "/Cups", "a//b", "two\nlines", "n" * 101])
def test_a_category_that_is_no_path_of_names_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="category"):
        _product(category=path)


def test_a_product_of_before_the_lists_is_listed_by_the_next_seeding(aws: Aws) -> None:
    _seed(aws, _product())
    aws.dynamodb.update_item(
        TableName=TABLES.inventory,
        Key={"item_id": {"S": "prod-001"}},
        UpdateExpression="REMOVE listed, name_key",
    )
    index = CatalogueIndex(aws.dynamodb, TABLES)
    before = index.products(limit=10).products

    texts = [_seed(aws, _product()).text for _ in range(2)]

    assert before == ()
    assert texts == ["listed", "unchanged"]
    assert [product.sku for product in index.products(limit=10).products] == ["prod-001"]
    assert aws.stock() == (10, 0, 10)


def test_a_price_gets_through_although_the_stock_is_never_still(aws: Aws) -> None:
    orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
    _seed(aws, _product(stock=50))

    def _sell(number: int) -> None:
        place(orders, placed_order(f"order-{number}", {"prod-001": 1}), CAUSE)

    change = _seed_meeting(aws, _product(stock=50, price=600), *(partial(_sell, number) for number in range(20)))

    assert change.text == "price was 5.00 GBP"
    assert aws.stock() == (50, 1, 49)
