"""The stock changes as conditional updates, by way of the commits that say them."""

import pytest

from services.libs.store.event_store import StockRefusedError
from services.payment_service.domain import settlement
from services.payment_service.gateway import Charge
from tests.factories import CAUSE, decide, inventory, placed_order, seeding, stock_item
from tests.unit.conftest import INVENTORY_TABLE, Aws


@pytest.mark.parametrize("accepted", [True, False])
def test_what_is_not_reserved_is_neither_settled_nor_released(aws: Aws, accepted: bool) -> None:  # noqa: FBT001
    aws.store.append(seeding(stock=10))
    never_reserved = decide(placed_order(), inventory(stock_item()))

    with pytest.raises(StockRefusedError):
        aws.store.append(settlement(never_reserved, Charge("charge-1", accepted=accepted), CAUSE))

    assert aws.stock() == (10, 0, 10)


def test_no_more_is_settled_than_there_is_in_stock_even_where_the_table_was_damaged(aws: Aws) -> None:
    aws.store.append(seeding(stock=1))
    aws.dynamodb.update_item(
        TableName=INVENTORY_TABLE,
        Key={"item_id": {"S": "prod-001"}},
        UpdateExpression="SET reserved = :reserved",
        ExpressionAttributeValues={":reserved": {"N": "2"}},
    )
    reserved = decide(placed_order(quantities={"prod-001": 2}), inventory(stock_item()))

    with pytest.raises(StockRefusedError):
        aws.store.append(settlement(reserved, Charge("charge-1", accepted=True), CAUSE))

    assert aws.stock() == (1, 2, 1)


@pytest.mark.parametrize("since", [8, 12])
def test_seeding_on_a_stock_that_has_changed_is_refused(aws: Aws, since: int) -> None:
    aws.store.append(seeding(stock=10))
    aws.store.append(seeding(stock=since, delta=since - 10, version=2))

    with pytest.raises(StockRefusedError):
        aws.store.append(seeding(stock=11, delta=1, version=3))

    assert aws.stock() == (since, 0, since)


def test_a_sku_that_exists_is_not_created_again(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))

    with pytest.raises(StockRefusedError):
        aws.store.append(seeding(stock=10, version=2))

    assert aws.stock() == (10, 0, 10)


def test_a_sku_is_not_created_by_a_change_of_stock(aws: Aws) -> None:
    with pytest.raises(StockRefusedError) as refused:
        aws.store.append(seeding(stock=12, delta=2))

    assert refused.value.found == {"prod-001": None}
    assert aws.inventory.read(["prod-001"]) == {}


def test_the_stock_is_never_seeded_below_what_is_reserved(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    aws.store.append(decide(placed_order(quantities={"prod-001": 8}), inventory(stock_item())))

    with pytest.raises(StockRefusedError):
        aws.store.append(seeding(stock=7, delta=-3, version=2))

    assert aws.stock() == (10, 8, 2)


def test_seeding_states_the_product(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    aws.store.append(seeding(stock=10, delta=0, version=2, name="Cup", price_minor=250, currency="EUR"))

    assert aws.inventory.read(["prod-001"]) == {
        "prod-001": stock_item(stock=10, name="Cup", price_minor=250, currency="EUR")
    }
