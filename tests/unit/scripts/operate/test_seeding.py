from pathlib import Path

import pytest

from scripts.cli.errors import UserError
from scripts.cli.json_files import load_json
from scripts.operate.seeding import CATALOGUE, Change, Seeder, SeedProduct
from services.order_service.service import OrderService
from services.shared.events.catalog import ProductInventoryUpdated
from tests.factories import CAUSE, PAYMENT_TIMEOUT, place, placed_order
from tests.unit.conftest import Aws


def _product(stock: int = 10, price: int = 500, name: str = "Cup") -> SeedProduct:
    return SeedProduct(sku="prod-001", name=name, stock=stock, priceMinor=price, currency="GBP")


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


def test_seeding_keeps_reservations_and_refuses_to_sink_below_them(aws: Aws) -> None:
    _seed(aws, _product(stock=10))
    place(OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT), placed_order(quantities={"prod-001": 4}), CAUSE)

    assert _seed(aws, _product(stock=12)).refused is None
    assert aws.stock() == (12, 4, 8)
    assert _seed(aws, _product(stock=3)).text == "refused: 4 units are reserved for orders"
    assert aws.stock() == (12, 4, 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[\n  {"sku": "a",\n   "name": "A" "stock": 1}\n]', r"line 3, column 16: not JSON"),
        (
            '[\n  {"sku": "a", "name": "A",\n   "stock": -1, "priceMinor": 1, "currency": "GBP"}\n]',
            r"line 3, 0\.stock: ",
        ),
        ('[\n\t{"sku": "a", "name": "A",\n\t\t"stock": 1, "priceMinor": 1.5, "currency": "GBP"}]', r"line 3, 0\.price"),
        ('[\n  {"sku": "a", "stock": 1, "priceMinor": 1, "currency": "GBP"}\n]', r"line 2, 0\.name: Field required"),
        ('[{"sku": "a", "name": "A", "stock": 1, "priceMinor": 1, "currency": "GBP", "sotck": 2}]', r"0\.sotck: Extra"),
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
