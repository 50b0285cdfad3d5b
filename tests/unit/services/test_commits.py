from datetime import datetime, timedelta, timezone

from services.shared.causes import timestamp
from tests.factories import decide, inventory, placed_order, stock_item


def test_a_time_of_another_zone_is_said_in_utc() -> None:
    summer = timezone(timedelta(hours=2))

    assert timestamp(datetime(2026, 6, 1, 1, 30, tzinfo=summer)) == "2026-05-31T23:30:00.000Z"


def test_an_order_of_50_skus_moves_the_stock_of_all() -> None:
    quantities = {f"prod-{number:03}": number for number in range(1, 51)}
    stock = inventory(*(stock_item(sku, stock=50) for sku in quantities))

    changes = decide(placed_order(quantities=quantities), stock).stock_changes()

    assert {change.sku: change.reserved for change in changes} == quantities
