"""The audit on a deployment that has worked, and on one that was tampered with."""

import pytest

from scripts import audit, repair, writers
from scripts.errors import UserError
from services.libs.dynamodb_items import to_item
from tests.integration.world import World


def test_a_tampered_inventory_is_found_and_repaired_while_the_writers_are_paused(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    sku = world.new_sku(stock=10)
    world.run(world.order({sku: 3}), world.order({sku: 1}, pays=False))
    audit.run(world.target)
    _tamper(world, sku)

    with pytest.raises(UserError, match="differences stayed"):
        audit.run(world.target)
    assert sku in capsys.readouterr().out.partition("Differences")[2]
    with pytest.raises(UserError, match=r"nothing was repaired: .*order-service.* may be writing"):
        repair.run(world.target)
    assert world.stock(sku) == (99, 5, 1)

    writers.pause(world.target)
    try:
        repair.run(world.target)
    finally:
        writers.resume(world.target)

    assert world.stock(sku) == (7, 0, 7)
    audit.run(world.target)
    (history,) = world.run(world.order({sku: 1}))
    assert history.events[-1] == "OrderConfirmed"


def _tamper(world: World, sku: str) -> None:
    world.target.client("dynamodb").update_item(
        TableName=world.deployment.inventory_table_name,
        Key=to_item({"item_id": sku}),
        UpdateExpression="SET stock = :stock, reserved = :reserved, available = :available",
        ExpressionAttributeValues=to_item({":stock": 99, ":reserved": 5, ":available": 1}),
    )
