import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.put_order import put_order
from services.libs.store.dynamodb_items import to_item
from tests.factories import seeding
from tests.unit.conftest import EVENT_STORE_TABLE, Aws

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class _Bus:
    def __init__(self) -> None:
        self.sent: list[object] = []

    def put_events(self, Entries: "Sequence[Mapping[str, str]]") -> dict[str, object]:  # noqa: N803 - boto3's name
        self.sent += [json.loads(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}


@pytest.fixture
def bus() -> _Bus:
    return _Bus()


@pytest.fixture
def target(aws: Aws, bus: _Bus, monkeypatch: pytest.MonkeyPatch) -> Target:
    aws.store.append(seeding("prod-001"))
    aws.store.append(seeding("prod-002"))
    monkeypatch.setattr(Deployment, "of", lambda _: aws.deployment)
    return cast("Target", SimpleNamespace(client={"dynamodb": aws.dynamodb, "events": bus}.__getitem__))


def _put(target: Target, *items: str, order_id: str = "order-1") -> None:
    put_order(target, order_id=order_id, customer_id=None, items=items, file=None, wait=False)


def test_an_order_is_told_with_its_quantities(target: Target, bus: _Bus, capsys: pytest.CaptureFixture[str]) -> None:
    _put(target, "prod-001=2", "prod-002=1", "prod-001=1")

    assert capsys.readouterr().out == "order order-1 sent to test-order-bus: 3 prod-001, 1 prod-002\n"
    assert len(bus.sent) == 1


def test_an_item_without_a_quantity_is_refused_with_what_to_write(target: Target, bus: _Bus) -> None:
    with pytest.raises(UserError, match="--item prod-001: the quantity is missing, write for example prod-001=1"):
        _put(target, "prod-001")

    assert bus.sent == []


def test_a_quantity_that_is_none_is_named_and_nothing_beside_it(target: Target) -> None:
    with pytest.raises(UserError) as refused:
        put_order(target, order_id=None, customer_id=None, items=["prod-001=0"], file=None, wait=False)

    assert str(refused.value) == (
        "the order is not valid: items.0.quantity: Input should be greater than or equal to 1"
    )


def test_an_order_id_under_which_there_is_no_commit_is_refused(aws: Aws, target: Target, bus: _Bus) -> None:
    aws.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "order#f1", "version": 1}))

    with pytest.raises(
        UserError, match=r"order id f1 cannot be used, as order#f1 version 1 is no commit: .*: nothing was sent"
    ):
        _put(target, "prod-001=1", order_id="f1")

    assert bus.sent == []


def test_an_order_over_two_currencies_is_refused(aws: Aws, target: Target, bus: _Bus) -> None:
    aws.store.append(seeding("prod-yen", currency="JPY"))

    with pytest.raises(UserError, match="the SKUs are priced in GBP, JPY, and an order has one: nothing was sent"):
        _put(target, "prod-001=1", "prod-yen=1")

    assert bus.sent == []


def test_an_unknown_sku_is_refused_with_those_that_there_are_but_not_those_of_tests(
    aws: Aws, target: Target, bus: _Bus
) -> None:
    aws.store.append(seeding("test-cup"))

    with pytest.raises(UserError) as refused:
        _put(target, "prod-003=1")

    assert str(refused.value) == "unknown SKU prod-003: nothing was sent. There are prod-001, prod-002"
    assert bus.sent == []


def test_an_order_without_a_final_state_in_time_is_a_failure(
    target: Target, bus: _Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.put_order._WAIT_SECONDS", 0)

    with pytest.raises(
        UserError, match=r"order order-1 is neither confirmed nor cancelled after 0 s \(so far: nothing\); `invoke dlq"
    ):
        put_order(target, order_id="order-1", customer_id=None, items=["prod-001=1"], file=None, wait=True)

    assert len(bus.sent) == 1
