"""The catalogue through the front door: staff makes it, everyone reads its lists, page after page."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from uuid import uuid4

import pytest

from scripts.operate.shop_client import ShopClient
from scripts.operate.shop_requests import ProblemError
from scripts.operate.shop_users import ShopUsers
from services.catalog_service.api import NewCategory, NewProduct, ProductChanges, ProductList
from tests.integration.world import World, eventually


@pytest.fixture(scope="module")
def everyone(world: World) -> ShopClient:
    ssm = world.target.client("ssm")
    with suppress(ssm.exceptions.ParameterAlreadyExists):
        ssm.put_parameter(Name=f"/{world.target.environment}/cursor-secret", Value="secret", Type="SecureString")
    return ShopClient(world.deployment.shop_url(world.target))


@pytest.fixture(scope="module")
def staff(world: World) -> ShopClient:
    users, email = ShopUsers(world.target, world.deployment), f"{uuid4().hex[:12]}@shop-user.example"
    users.create(email)
    users.make_staff(email)
    return ShopClient(world.deployment.shop_url(world.target), users.sign_in_anew(email).text)


def _pages(client: ShopClient, **query: str) -> Iterator[ProductList]:
    cursor = None
    while True:
        page = client.list_products(**query, limit=2, cursor=cursor).content
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return


def test_staff_makes_a_catalogue_and_everyone_reads_it(everyone: ShopClient, staff: ShopClient) -> None:
    run = uuid4().hex[:8]
    category = staff.create_category(NewCategory(name=f"Kitchen {run}")).content
    cups = staff.create_category(NewCategory(name="Cups", parentId=category.category_id)).content
    names = [f"{run} 煎茶 🍵", f'{run} "Mug"', f"{run} cup"]
    for number, name in enumerate(names):
        new = {"sku": f"{run}-{number}", "name": name, "priceMinor": 1400, "currency": "GBP"}
        staff.create_product(NewProduct.model_validate(new | {"categoryId": cups.category_id}))
    sku = f"{run}-0"

    stocked = staff.set_stock(sku, 5)
    changed = staff.change_product(sku, ProductChanges.model_validate({"priceMinor": 1500}), stocked.version)
    with pytest.raises(ProblemError, match="412"):
        staff.change_product(sku, ProductChanges.model_validate({"priceMinor": 1}), stocked.version)

    found = everyone.get_product(sku)
    assert found.content == changed.content
    assert (found.version, found.content.available, found.content.price_minor) == (3, 5, 1500)
    assert found.content.name == names[0]
    for query in ({"category": cups.category_id}, {"name": run.upper()}):
        pages = eventually(partial(_whole, everyone, query), "all three products in the list")
        assert [len(page.products) for page in pages] == [2, 1]
        assert [one.name for page in pages for one in page.products] == sorted(names)
    parts = everyone.list_categories(parent=category.category_id).content
    assert parts.categories == (cups,)


def _whole(client: ShopClient, query: dict[str, str]) -> list[ProductList] | None:
    pages = list(_pages(client, **query))
    return pages if sum(len(page.products) for page in pages) == 3 else None
