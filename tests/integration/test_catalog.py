"""The catalogue through the front door: staff makes it, everyone reads its lists, page after page."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from uuid import uuid4

import pytest

from scripts.operate.shop_client import ProblemError, ShopClient
from scripts.operate.shop_users import ShopUsers
from services.catalog_service.api import CategoryList, CategoryView, ProductList, ProductView, StockView
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


def _pages(client: ShopClient, **query: str | int) -> Iterator[ProductList]:
    while True:
        page = client.request("GET", "/v1/products", ProductList, query=query).content
        yield page
        if page.next_cursor is None:
            return
        query["cursor"] = page.next_cursor


def test_staff_makes_a_catalogue_and_everyone_reads_it(everyone: ShopClient, staff: ShopClient) -> None:
    run = uuid4().hex[:8]
    category = staff.request("POST", "/v1/categories", CategoryView, body={"name": f"Kitchen {run}"}).content
    part = {"name": "Cups", "parentId": category.category_id}
    cups = staff.request("POST", "/v1/categories", CategoryView, body=part).content
    names = [f"{run} 煎茶 🍵", f'{run} "Mug"', f"{run} cup"]
    for number, name in enumerate(names):
        new = {"sku": f"{run}-{number}", "name": name, "priceMinor": 1400, "currency": "GBP"}
        staff.request("POST", "/v1/products", ProductView, body=new | {"categoryId": cups.category_id})
    product = f"/v1/products/{run}-0"

    stocked = staff.request("PUT", f"{product}/stock", StockView, body={"stock": 5})
    changed = staff.request("PATCH", product, ProductView, body={"priceMinor": 1500}, version=stocked.version)
    with pytest.raises(ProblemError, match="412"):
        staff.request("PATCH", product, ProductView, body={"priceMinor": 1}, version=stocked.version)

    found = everyone.request("GET", product, ProductView)
    assert found.content == changed.content
    assert (found.version, found.content.available, found.content.price_minor) == (3, 5, 1500)
    assert found.content.name == names[0]
    for query in ({"category": cups.category_id}, {"name": run.upper()}):
        pages = eventually(partial(_whole, everyone, query), "all three products in the list")
        assert [len(page.products) for page in pages] == [2, 1]
        assert [one.name for page in pages for one in page.products] == sorted(names)
    parts = everyone.request("GET", "/v1/categories", CategoryList, query={"parent": category.category_id}).content
    assert parts.categories == (cups,)


def _whole(client: ShopClient, query: dict[str, str]) -> list[ProductList] | None:
    pages = list(_pages(client, **query, limit=2))
    return pages if sum(len(page.products) for page in pages) == 3 else None
