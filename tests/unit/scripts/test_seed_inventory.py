from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.operate.post_deploy_suite import load_suite
from scripts.operate.seeding import CATALOGUE, Seeder, SeedProduct
from scripts.seed_inventory import seed
from services.libs.store.catalogue_index import CatalogueIndex
from services.libs.store.dynamodb_items import to_item
from tests.factories import decide, inventory, placed_order, seeding, stock_item
from tests.unit.conftest import EVENT_STORE_TABLE, Aws

_NAMES = [
    'The "big" [bold]pot[/bold]',
    "[/] :tea: [link=x]",
    "煎茶 (せんちゃ) 🍵",
    "إبريق شاي 'صغير'",
    "קומקום",
]


@pytest.fixture
def target(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setattr(Deployment, "of", lambda _: aws.deployment)
    return cast("Target", SimpleNamespace(client=lambda _: aws.dynamodb, environment="test"))


def _file(folder: Path, *products: SeedProduct) -> Path:
    file = folder / "seed.json"
    file.write_bytes(CATALOGUE.dump_json(list(products), by_alias=True))
    return file


def _product(sku: str = "prod-001", name: str = "Cup", price: int = 1500, currency: str = "GBP") -> SeedProduct:
    return SeedProduct(sku=sku, name=name, stock=5, priceMinor=price, currency=currency)


@pytest.mark.parametrize("name", _NAMES)
def test_names_are_shown_as_they_are(
    target: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    seed(target, _file(tmp_path, _product(name=name)))
    seed(target, _file(tmp_path, _product(name="Other")))

    first, _, second = capsys.readouterr().out.partition("created")
    assert f"prod-001  {name}  " in first
    assert f"name was {name}\n" in second


def test_the_warehouse_of_each_product_is_shown(
    target: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beans = SeedProduct(sku="prod-002", name="Beans", stock=5, priceMinor=900, currency="GBP", warehouse="roastery")

    seed(target, _file(tmp_path, _product(), beans))

    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[2] for line in shown if line and line[0].startswith("prod-")] == ["main", "roastery"]


@pytest.mark.parametrize("warehouse", ["", "two words", "#1"])
def test_a_warehouse_that_is_no_name_is_refused(target: Target, tmp_path: Path, warehouse: str) -> None:
    wrong = _product().model_copy(update={"warehouse": warehouse})

    with pytest.raises(UserError, match="warehouse"):
        seed(target, _file(tmp_path, wrong))


@pytest.mark.parametrize(("currency", "price"), [("JPY", "1,500 JPY"), ("KWD", "1.500 KWD"), ("GBP", "15.00 GBP")])
def test_prices_have_the_decimals_of_their_currency(
    target: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str], currency: str, price: str
) -> None:
    seed(target, _file(tmp_path, _product(currency=currency)))

    assert price in capsys.readouterr().out


def test_the_products_of_the_post_deploy_test_do_not_settle_the_currency(
    aws: Aws, target: Target, tmp_path: Path
) -> None:
    list(Seeder(aws.store, aws.inventory).seed(load_suite().inventory))

    seed(target, _file(tmp_path, _product(currency="JPY")))

    assert aws.inventory.read(["prod-001"])["prod-001"].product.currency == "JPY"


def test_a_sku_is_seeded_after_an_item_of_its_stream_that_is_no_commit(
    aws: Aws, target: Target, tmp_path: Path
) -> None:
    aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "sku#prod-001", "version": 1}))

    seed(target, _file(tmp_path, _product()))

    assert aws.stock() == (5, 0, 5)


def test_a_seeding_below_the_reserved_units_is_refused_and_fails(
    aws: Aws, target: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.store.append(seeding("prod-001", stock=10))
    aws.store.append(decide(placed_order(quantities={"prod-001": 6}), inventory(stock_item(stock=10))))

    with pytest.raises(UserError, match="prod-001: 6 units are reserved for orders"):
        seed(target, _file(tmp_path, _product(), _product("prod-002")))

    assert "refused: 6 units are reserved" in capsys.readouterr().out
    assert aws.stock() == (10, 6, 4)
    assert aws.inventory.read(["prod-002"])["prod-002"].stock == 5


def test_the_products_of_the_post_deploy_test_are_in_no_list_of_the_catalogue(aws: Aws) -> None:
    seeder = Seeder.of(cast("Target", SimpleNamespace(client=lambda _: aws.dynamodb)), aws.deployment)
    products = [*load_suite().inventory, _product()]

    seeded, again = ([change.text for change in seeder.seed(products)] for _ in range(2))

    listed = CatalogueIndex(aws.dynamodb, aws.deployment.store_tables).products(100).products
    assert [product.sku for product in listed] == ["prod-001"]
    assert (set(seeded), set(again)) == ({"created"}, {"unchanged"})
