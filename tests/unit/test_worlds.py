"""The copies of worlds on moto are each test's own."""

import pytest

from tests.factories import seeding
from tests.unit.conftest import Aws, stand_in


def test_a_copy_holds_nothing_of_what_was_written_to_another(aws: Aws) -> None:
    aws.store.append(seeding("prod-001", stock=5))
    aws.events.delete_event_bus(Name="test-order-bus")
    aws.dynamodb.delete_table(TableName="test-metrics-table")

    stand_in("empty", lambda: pytest.fail("it was made before"))

    assert aws.store.latest_version("sku#prod-001") == 0
    assert {bus["Name"] for bus in aws.events.list_event_buses()["EventBuses"]} >= {"test-order-bus"}
    assert "test-metrics-table" in aws.dynamodb.list_tables()["TableNames"]
    aws.store.append(seeding("prod-001", stock=5))
