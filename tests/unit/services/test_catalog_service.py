"""The catalogue's use cases, and what they leave in the log and the inventory."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import pytest

from services.catalog_service.service import CatalogService
from services.libs.store.event_store import ContentionError, EventStore
from services.libs.store.inventory_table import InventoryTable
from services.order_service.service import OrderService
from services.shared.commits import Command, Commit
from services.shared.events.catalog import CategoryCreated, ProductCreated, ProductInventoryUpdated, ProductUpdated
from services.shared.events.order import OrderValidated
from services.shared.inventory import Product, StockItem
from services.shared.refusals import Refusal, RefusedError
from tests.factories import CAUSE, PAYMENT_TIMEOUT, place, placed_order, seeding
from tests.unit.conftest import AT_ONCE, TABLES, Aws

_COMMAND = Command("a" * 64, "b" * 64)
_CUP = ProductCreated(sku="prod-001", name="Cup", description="Of stoneware.", price_minor=1400, currency="GBP")


class _Meeting(EventStore):
    """A store in which something else happens right before each of our writes."""

    def __init__(self, aws: Aws, *others: Callable[[], object]) -> None:
        super().__init__(aws.dynamodb, TABLES, backoff=AT_ONCE)
        self._others = iter(others)
        self.attempts = 0

    def append(self, commit: Commit) -> None:
        self.attempts += 1
        next(self._others, lambda: None)()
        super().append(commit)


class _Counted(EventStore):
    """A store that tells which versions were read for good."""

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws.dynamodb, TABLES)
        self.versions_read: list[int] = []

    def read_back(self, stream_id: str, until: Callable[[Commit], bool]) -> tuple[Commit, ...]:
        history = super().read_back(stream_id, until)
        self.versions_read += [commit.version for commit in history]
        return history

    def read_versions(self, stream_ids: Sequence[str], versions: Sequence[int]) -> dict[str, tuple[Commit, ...]]:
        self.versions_read += versions
        return super().read_versions(stream_ids, versions)


@pytest.fixture
def catalogue(aws: Aws) -> CatalogService:
    return CatalogService(aws.store, aws.inventory)


@pytest.fixture
def orders(aws: Aws) -> OrderService:
    return OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)


def _order(orders: OrderService, order_id: str = "order-1", quantity: int = 1) -> None:
    place(orders, placed_order(order_id, {"prod-001": quantity}), CAUSE)


def _product(aws: Aws) -> Product:
    return aws.inventory.read(["prod-001"])["prod-001"].product


def _category(category_id: str, parent_id: str | None = None, name: str = "Kitchen") -> CategoryCreated:
    return CategoryCreated(category_id=category_id, name=name, parent_id=parent_id)


def _refusal(refused: Callable[[], object]) -> tuple[Refusal, str]:
    with pytest.raises(RefusedError) as error:
        refused()
    return error.value.reason, str(error.value)


def test_a_created_product_is_in_the_inventory_without_stock(aws: Aws, catalogue: CatalogService) -> None:
    catalogue.create_product(_CUP, _COMMAND, CAUSE)

    assert aws.stock() == (0, 0, 0)
    assert _product(aws) == Product("Cup", 1400, "GBP")
    assert catalogue.product("prod-001").description == "Of stoneware."


def test_a_repeated_request_finds_the_product_that_it_created(aws: Aws, catalogue: CatalogService) -> None:
    first = catalogue.create_product(_CUP, _COMMAND, CAUSE)
    catalogue.update_product("prod-001", {"price_minor": 1}, CAUSE)

    assert catalogue.create_product(_CUP, _COMMAND, CAUSE) == first
    assert aws.store.latest_version("sku#prod-001") == 2


@pytest.mark.parametrize(
    ("command", "refusal"),
    [(Command("a" * 64, "c" * 64), Refusal.KEY_REUSED), (Command("d" * 64, "b" * 64), Refusal.CONFLICT)],
)
def test_a_sku_is_created_once(aws: Aws, catalogue: CatalogService, command: Command, refusal: Refusal) -> None:
    catalogue.create_product(_CUP, _COMMAND, CAUSE)

    assert _refusal(lambda: catalogue.create_product(_CUP, command, CAUSE))[0] == refusal
    assert aws.store.latest_version("sku#prod-001") == 1


def test_a_seeded_sku_cannot_be_created_but_changed(aws: Aws, catalogue: CatalogService) -> None:
    aws.store.append(seeding(stock=10))

    assert _refusal(lambda: catalogue.create_product(_CUP, _COMMAND, CAUSE)) == (
        Refusal.CONFLICT,
        "there is a product prod-001 already",
    )
    catalogue.update_product("prod-001", {"description": "Blue."}, CAUSE, if_match=1)

    found = catalogue.product("prod-001")
    assert (found.version, found.description) == (2, "Blue.")
    assert found.item.product == Product("Product prod-001", 500, "GBP")
    assert aws.stock() == (10, 0, 10)


@pytest.mark.parametrize(
    "changes",
    [{"name": "Mug"}, {"price_minor": 1}, {"currency": "EUR"}, {"warehouse": "north"}, {"description": ""}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_change_leaves_the_other_fields(aws: Aws, catalogue: CatalogService, changes: Mapping[str, object]) -> None:
    catalogue.create_product(_CUP, _COMMAND, CAUSE)

    catalogue.update_product("prod-001", changes, CAUSE, if_match=1)

    updated = aws.store.read("sku#prod-001")[-1].get(ProductUpdated)
    assert updated.model_dump() == {**_CUP.model_dump(), **changes}
    assert _product(aws) == Product(updated.name, updated.price_minor, updated.currency, updated.warehouse)


def test_a_change_to_what_is_so_already_writes_nothing(aws: Aws, catalogue: CatalogService) -> None:
    catalogue.create_product(_CUP, _COMMAND, CAUSE)

    assert catalogue.update_product("prod-001", {"name": "Cup", "description": "Of stoneware."}, CAUSE, 1) is None
    assert catalogue.update_product("prod-001", {}, CAUSE, 1) is None
    assert aws.store.latest_version("sku#prod-001") == 1


def test_a_change_of_another_version_than_was_read_is_refused(aws: Aws, catalogue: CatalogService) -> None:
    catalogue.create_product(_CUP, _COMMAND, CAUSE)
    catalogue.set_stock("prod-001", 5, CAUSE)

    reason, text = _refusal(lambda: catalogue.update_product("prod-001", {"name": "Mug"}, CAUSE, if_match=1))

    assert reason == Refusal.STALE
    assert text == "prod-001 was changed, it is at version 2: read it again, and decide anew"
    assert _product(aws).name == "Cup"


def test_a_change_that_meets_another_is_refused_and_keeps_it(aws: Aws, catalogue: CatalogService) -> None:
    catalogue.create_product(_CUP, _COMMAND, CAUSE)
    store = _Meeting(aws, lambda: catalogue.update_product("prod-001", {"name": "Mug"}, CAUSE))

    changing = CatalogService(store, aws.inventory)

    assert _refusal(lambda: changing.update_product("prod-001", {"price_minor": 1}, CAUSE, 1))[0] == Refusal.STALE
    assert _product(aws) == Product("Mug", 1400, "GBP")


def test_a_new_price_is_written_at_once_on_a_sku_that_sells(
    aws: Aws, catalogue: CatalogService, orders: OrderService
) -> None:
    """Orders reserve, and are settled, between every two of its attempts: none of that is in its way."""
    catalogue.create_product(_CUP, _COMMAND, CAUSE)
    catalogue.set_stock("prod-001", 100, CAUSE)
    sales = [lambda number=number: _order(orders, f"order-{number}") for number in range(20)]
    store = _Meeting(aws, *sales)

    CatalogService(store, aws.inventory).update_product("prod-001", {"price_minor": 1500}, CAUSE, if_match=2)

    assert store.attempts == 1
    assert _product(aws).price_minor == 1500
    assert aws.stock() == (100, 1, 99)


def test_a_new_price_gets_through_while_the_stock_on_hand_changes_all_the_time(
    aws: Aws, catalogue: CatalogService
) -> None:
    """Sales are settled and goods come back at every moment: a change that expected the stock would starve."""
    catalogue.create_product(_CUP, _COMMAND, CAUSE)
    catalogue.set_stock("prod-001", 100, CAUSE)

    def settle() -> None:
        aws.dynamodb.update_item(
            TableName=TABLES.inventory,
            Key={"item_id": {"S": "prod-001"}},
            UpdateExpression="ADD stock :sold, available :sold",
            ExpressionAttributeValues={":sold": {"N": "-1"}},
        )

    store = _Meeting(aws, *[settle] * 20)

    CatalogService(store, aws.inventory).update_product("prod-001", {"price_minor": 1500}, CAUSE, if_match=2)

    assert store.attempts == 1
    assert aws.stock() == (99, 0, 99)


def test_a_new_price_never_touches_an_order_that_is_accepted(
    aws: Aws, catalogue: CatalogService, orders: OrderService
) -> None:
    catalogue.create_product(_CUP, _COMMAND, CAUSE)
    catalogue.set_stock("prod-001", 10, CAUSE)
    _order(orders, "before", 2)

    catalogue.update_product("prod-001", {"price_minor": 1500}, CAUSE)
    _order(orders, "after", 2)

    amounts = [aws.store.read(f"order#{name}")[0].get(OrderValidated).amount_minor for name in ("before", "after")]
    assert amounts == [2800, 3000]


def test_the_stock_is_set_and_keeps_what_is_reserved(aws: Aws, catalogue: CatalogService, orders: OrderService) -> None:
    catalogue.create_product(_CUP, _COMMAND, CAUSE)
    catalogue.set_stock("prod-001", 10, CAUSE)
    _order(orders, quantity=4)

    version, item = catalogue.set_stock("prod-001", 6, CAUSE)

    assert (version, item.stock, item.reserved, item.available) == (3, 6, 4, 2)
    assert aws.stock() == (6, 4, 2)
    event = aws.store.read("sku#prod-001")[-1].get(ProductInventoryUpdated)
    assert (event.stock, event.stock_delta, event.name, event.price_minor) == (6, -4, "Cup", 1400)


@pytest.mark.parametrize(("description", "described_at"), [("Of stoneware.", 2), ("", 0)])
def test_a_product_is_read_at_one_price_however_often_its_stock_was_set(
    aws: Aws, description: str, described_at: int
) -> None:
    aws.store.append(seeding(stock=10))
    catalogue = CatalogService(aws.store, aws.inventory)
    if description:
        catalogue.update_product("prod-001", {"description": description}, CAUSE)
    for stock in range(3):
        version, _ = catalogue.set_stock("prod-001", stock, CAUSE)
    store = _Counted(aws)

    found = CatalogService(store, aws.inventory).product("prod-001")

    assert (found.version, found.description) == (version, description)
    assert store.versions_read == [version, *[described_at] * bool(described_at)]


def test_the_stock_is_never_set_below_what_is_reserved(
    aws: Aws, catalogue: CatalogService, orders: OrderService
) -> None:
    aws.store.append(seeding(stock=10))
    _order(orders, quantity=4)

    assert _refusal(lambda: catalogue.set_stock("prod-001", 3, CAUSE)) == (
        Refusal.NOT_ALLOWED,
        "4 units are reserved for orders",
    )
    assert catalogue.set_stock("prod-001", 4, CAUSE)[1].available == 0


def test_the_same_stock_again_writes_nothing(aws: Aws, catalogue: CatalogService) -> None:
    aws.store.append(seeding(stock=10))

    assert catalogue.set_stock("prod-001", 10, CAUSE)[0] == 1
    assert aws.store.latest_version("sku#prod-001") == 1


def test_an_order_that_comes_right_before_the_stock_is_set_keeps_what_it_reserved(
    aws: Aws, orders: OrderService
) -> None:
    aws.store.append(seeding(stock=10))
    store = _Meeting(aws, lambda: _order(orders, quantity=4))

    refused = _refusal(lambda: CatalogService(store, aws.inventory).set_stock("prod-001", 3, CAUSE))

    assert refused == (Refusal.NOT_ALLOWED, "4 units are reserved for orders")
    assert aws.stock() == (10, 4, 6)


def test_a_price_that_comes_right_before_the_stock_is_set_stays(aws: Aws, catalogue: CatalogService) -> None:
    aws.store.append(seeding(stock=10))
    store = _Meeting(aws, lambda: catalogue.update_product("prod-001", {"price_minor": 1500}, CAUSE))

    CatalogService(store, aws.inventory).set_stock("prod-001", 20, CAUSE)

    assert store.attempts == 2
    assert _product(aws).price_minor == 1500
    assert aws.stock() == (20, 0, 20)


class _ReadThen(InventoryTable):
    """An inventory after whose first reading something else happens."""

    def __init__(self, aws: Aws, other: Callable[[], object]) -> None:
        super().__init__(aws.dynamodb, TABLES.inventory)
        self._others = iter([other])

    def read(self, skus: Iterable[str]) -> dict[str, StockItem]:
        items = super().read(skus)
        next(self._others, lambda: None)()
        return items


def test_a_price_that_comes_while_the_stock_is_read_stays(aws: Aws, catalogue: CatalogService) -> None:
    aws.store.append(seeding(stock=10))
    reading = _ReadThen(aws, lambda: catalogue.update_product("prod-001", {"price_minor": 1500}, CAUSE))

    CatalogService(aws.store, reading).set_stock("prod-001", 20, CAUSE)

    assert _product(aws).price_minor == 1500
    assert aws.stock() == (20, 0, 20)


def test_a_price_that_comes_while_the_product_is_read_makes_what_was_read_stale(
    aws: Aws, catalogue: CatalogService
) -> None:
    aws.store.append(seeding(stock=10))
    reading = _ReadThen(aws, lambda: catalogue.update_product("prod-001", {"price_minor": 1500}, CAUSE))

    found = CatalogService(aws.store, reading).product("prod-001")

    assert found.item.product.price_minor != 1500
    with pytest.raises(RefusedError, match="read it again"):
        catalogue.update_product("prod-001", {"name": "Mug"}, CAUSE, found.version)


def test_a_stock_that_others_set_all_the_time_is_handed_back(aws: Aws, catalogue: CatalogService) -> None:
    aws.store.append(seeding(stock=10))
    others = [lambda stock=stock: catalogue.set_stock("prod-001", stock, CAUSE) for stock in range(100, 120)]

    with pytest.raises(ContentionError, match="others changed the stock in each of 8 attempts"):
        CatalogService(_Meeting(aws, *others), aws.inventory).set_stock("prod-001", 20, CAUSE)


def test_the_description_is_kept_through_changes_of_the_stock(catalogue: CatalogService) -> None:
    catalogue.create_product(_CUP, _COMMAND, CAUSE)
    for stock in range(1, 30):
        catalogue.set_stock("prod-001", stock, CAUSE)

    found = catalogue.product("prod-001")

    assert (found.version, found.description) == (30, "Of stoneware.")


def test_a_product_is_moved_to_a_category_and_stays_there(aws: Aws, catalogue: CatalogService) -> None:
    catalogue.create_category(_category("cat-1"), None, CAUSE)
    catalogue.create_product(_CUP, _COMMAND, CAUSE)

    catalogue.update_product("prod-001", {"category_id": "cat-1"}, CAUSE)
    catalogue.update_product("prod-001", {"price_minor": 1}, CAUSE)
    catalogue.set_stock("prod-001", 5, CAUSE)

    assert _product(aws).category_id == "cat-1"
    assert aws.store.read("sku#prod-001")[2].get(ProductUpdated).category_id == "cat-1"


def test_a_category_is_created_after_its_parent(catalogue: CatalogService) -> None:
    catalogue.create_category(_category("cat-1"), None, CAUSE)
    catalogue.create_category(_category("cat-2", "cat-1", "Cups"), None, CAUSE)

    assert catalogue.category("cat-2") == _category("cat-2", "cat-1", "Cups")


@pytest.mark.parametrize(
    ("parent", "text"),
    [
        ("cat-9", "parentId: there is no category cat-9"),
        ("cat-1", "parentId: a category cannot be its own parent"),
    ],
)
def test_a_category_has_a_parent_that_exists_and_is_another(
    aws: Aws, catalogue: CatalogService, parent: str, text: str
) -> None:
    refused = _refusal(lambda: catalogue.create_category(_category("cat-1", parent), _COMMAND, CAUSE))

    assert refused == (Refusal.INVALID, text)
    assert aws.store.read("category#cat-1") == ()


def test_a_repeated_request_finds_the_category_that_it_created(catalogue: CatalogService) -> None:
    first = catalogue.create_category(_category("cat-1"), _COMMAND, CAUSE)

    assert catalogue.create_category(_category("cat-1"), _COMMAND, CAUSE) == first
    other = _COMMAND._replace(content="c" * 64)
    assert _refusal(lambda: catalogue.create_category(_category("cat-1"), other, CAUSE))[0] == Refusal.KEY_REUSED


@pytest.mark.parametrize("use", ["create", "update"])
def test_an_unknown_category_is_named(catalogue: CatalogService, use: str) -> None:
    catalogue.create_product(_CUP, _COMMAND, CAUSE)
    other = _CUP.model_copy(update={"sku": "prod-002", "category_id": "cat-9"})

    refused = _refusal(
        lambda: (
            catalogue.create_product(other, _COMMAND, CAUSE)
            if use == "create"
            else catalogue.update_product("prod-001", {"category_id": "cat-9"}, CAUSE)
        )
    )

    assert refused == (Refusal.INVALID, "categoryId: there is no category cat-9")


@pytest.mark.parametrize(
    "use",
    [
        lambda catalogue: catalogue.product("prod-009"),
        lambda catalogue: catalogue.update_product("prod-009", {"name": "Mug"}, CAUSE, 1),
        lambda catalogue: catalogue.set_stock("prod-009", 1, CAUSE),
    ],
    ids=["read", "change", "stock"],
)
def test_an_unknown_sku_is_not_found(catalogue: CatalogService, use: Callable[[CatalogService], object]) -> None:
    assert _refusal(lambda: use(catalogue)) == (Refusal.NOT_FOUND, "there is no product prod-009")
