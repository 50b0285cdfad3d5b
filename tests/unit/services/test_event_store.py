from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from services.libs.store.deadline_table import DeadlineTable
from services.libs.store.dynamodb_items import Item
from services.libs.store.event_store import (
    _BACKOFF,
    ContentionError,
    EventStore,
    StockRefusedError,
    TransactionFaultError,
    VersionTakenError,
)
from services.libs.store.ledger_counters import LedgerCounters
from services.metrics_service.checkpoints import Checkpoints
from services.order_service.domain import expire
from tests.factories import (
    CAUSE,
    NOW,
    PAYMENT_TIMEOUT,
    decide,
    inventory,
    placed_order,
    seeding,
    stock_item,
)
from tests.unit.conftest import DEADLINE_TABLE, METRICS_TABLE, TABLES, Aws
from tests.unit.services.every_commit import COMMITS, CONFIRMED

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def test_a_commit_and_its_stock_change_are_written_together(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    aws.store.append(decide(placed_order(quantities={"prod-001": 3}), aws.inventory.read(["prod-001"]), CAUSE))

    assert aws.stock() == (10, 3, 7)
    assert [commit.version for commit in aws.store.read("order#order-1")] == [1]


def test_a_version_is_written_once_and_the_loser_sees_what_stands(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    first = decide(placed_order(quantities={"prod-001": 3}), aws.inventory.read(["prod-001"]), CAUSE)
    second = decide(placed_order(quantities={"prod-001": 4}), aws.inventory.read(["prod-001"]), CAUSE)
    aws.store.append(first)

    with pytest.raises(VersionTakenError) as taken:
        aws.store.append(second)

    assert taken.value.existing == first
    assert aws.stock() == (10, 3, 7)


def test_a_refused_order_is_written_once_too(aws: Aws) -> None:
    refused = decide(placed_order(quantities={"nowhere": 1}), {}, CAUSE)
    aws.store.append(refused)

    with pytest.raises(VersionTakenError) as taken:
        aws.store.append(refused)

    assert taken.value.existing == refused


def test_one_short_sku_changes_nothing_and_is_named_as_it_stands(aws: Aws) -> None:
    for sku in ("a", "b", "c"):
        aws.store.append(seeding(sku, stock=5))
    hoped_for = inventory(*(stock_item(sku, stock=100) for sku in ("a", "b", "c")))

    with pytest.raises(StockRefusedError) as refused:
        aws.store.append(decide(placed_order(quantities={"a": 1, "b": 6, "c": 1}), hoped_for, CAUSE))

    assert {sku: item and item.available for sku, item in refused.value.found.items()} == {"b": 5}
    assert [aws.stock(sku) for sku in ("a", "b", "c")] == [(5, 0, 5)] * 3
    assert aws.store.read("order#order-1") == ()


def test_a_sku_that_is_gone_refuses_the_commit(aws: Aws) -> None:
    with pytest.raises(StockRefusedError) as refused:
        aws.store.append(decide(placed_order(), inventory(stock_item()), CAUSE))

    assert refused.value.found == {"prod-001": None}


def test_a_restock_makes_no_sku_that_is_gone(aws: Aws) -> None:
    """It would have neither a name nor a price."""
    cancelled = COMMITS["cancelled_by_customer"]

    with pytest.raises(StockRefusedError) as refused:
        aws.store.append(cancelled)

    skus = [line.sku for line in cancelled.stock_move.lines]
    assert refused.value.found == dict.fromkeys(skus)
    assert aws.inventory.read(skus) == {}
    assert aws.store.read(cancelled.stream_id) == ()


def test_the_latest_version_of_a_stream_without_commits_is_0(aws: Aws) -> None:
    assert aws.store.latest_version("sku#prod-001") == 0

    aws.store.append(seeding(version=1))
    aws.store.append(seeding(version=2, delta=0))

    assert aws.store.latest_version("sku#prod-001") == 2


@pytest.mark.parametrize(
    "read",
    [
        lambda aws: aws.store.read("order#order-1"),
        lambda aws: aws.store.latest_version("order#order-1"),
        lambda aws: aws.inventory.read(["prod-001"]),
        lambda aws: DeadlineTable(aws.dynamodb, DEADLINE_TABLE).swept_until(),
        lambda aws: DeadlineTable(aws.dynamodb, DEADLINE_TABLE).first_minute(),
        lambda aws: list(DeadlineTable(aws.dynamodb, DEADLINE_TABLE).due_in(NOW)),
        lambda aws: list(DeadlineTable(aws.dynamodb, DEADLINE_TABLE).all()),
        lambda aws: LedgerCounters(aws.dynamodb, METRICS_TABLE).read(),
        lambda aws: Checkpoints(aws.dynamodb, METRICS_TABLE).read(),
        lambda aws: Checkpoints(aws.dynamodb, METRICS_TABLE).errors(),
    ],
    ids=[
        "stream",
        "latest version",
        "inventory",
        "cursor",
        "first deadline",
        "deadlines of a minute",
        "all deadlines",
        "counters",
        "checkpoint",
        "refresh errors",
    ],
)
def test_what_is_decided_on_is_read_as_of_now(aws: Aws, read: Callable[[Aws], object]) -> None:
    """Moto has no reads that lag behind: the requests are looked at."""
    requests = aws.requests()

    read(aws)

    assert requests
    assert all('"ConsistentRead": true' in request for request in requests)


def test_a_version_that_a_cheap_read_misses_is_looked_for_as_of_now(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    for order_id in ("seen", "missed"):
        aws.store.append(decide(placed_order(order_id), aws.inventory.read(["prod-001"])))
    lagging = _Lagging(aws, "order#missed")

    left = lagging.store.without_version(["order#seen", "order#missed", "order#none", "order#none"], 1)

    assert left == ["order#none"]
    assert lagging.asked == [(False, 3), (True, 2)]


def test_the_streams_that_have_a_version_are_told_by_one_cheap_read(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    for order_id in ("seen", "missed"):
        aws.store.append(decide(placed_order(order_id), aws.inventory.read(["prod-001"])))
    lagging = _Lagging(aws, "order#missed")

    found = lagging.store.with_version(["order#none", "order#seen", "order#missed", "order#seen"], 1)

    assert found == ["order#seen"]
    assert lagging.asked == [(False, 3)]
    assert aws.store.with_version(["order#seen"], 2) == []


class _Lagging:
    """Moto has no reads that lag behind: here one finds nothing of one stream, or all of it but one version."""

    def __init__(self, aws: Aws, stream: str, version: int | None = None) -> None:
        self.asked: list[tuple[bool, int]] = []
        self._read = aws.dynamodb.batch_get_item
        self._missed = stream, version
        client = SimpleNamespace(batch_get_item=self._batch_get_item)
        self.store = EventStore(cast("DynamoDBClient", client), TABLES)

    def _batch_get_item(self, **request: Any) -> Any:  # noqa: ANN401 - handed on
        (table,) = request["RequestItems"].values()
        self.asked.append((table["ConsistentRead"], len(table["Keys"])))
        response = self._read(**request)
        if not table["ConsistentRead"]:
            for items in response["Responses"].values():
                items[:] = [item for item in items if not self._misses(item)]
        return response

    def _misses(self, item: Item) -> bool:
        stream, version = self._missed
        return item["stream_id"]["S"] == stream and version in (None, int(item["version"]["N"]))


def test_a_first_version_that_a_cheap_read_misses_is_read_as_of_now(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    aws.store.append(decide(placed_order("seen"), aws.inventory.read(["prod-001"])))
    aws.store.append(decide(placed_order("missed"), aws.inventory.read(["prod-001"])))
    lagging = _Lagging(aws, "order#missed")

    found = lagging.store.read_versions(["order#seen", "order#missed", "order#none"], [1, 2])

    assert found.keys() == {"order#seen", "order#missed"}
    assert lagging.asked == [(False, 6), (True, 4)]


def test_a_later_version_that_a_cheap_read_finds_is_not_taken_for_the_first(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    decided = decide(placed_order(), aws.inventory.read(["prod-001"]))
    expired = expire(decided, NOW + PAYMENT_TIMEOUT)
    for commit in (decided, expired):
        aws.store.append(commit)
    lagging = _Lagging(aws, "order#order-1", version=1)

    found = lagging.store.read_versions(["order#order-1"], [1, 2])

    assert found == {"order#order-1": (decided, expired)}
    assert lagging.asked == [(False, 2), (True, 2)]


@pytest.mark.usefixtures("_one_item_per_page")
def test_a_stream_is_read_to_its_end_whatever_fits_on_a_page(aws: Aws) -> None:
    for version in range(1, 6):
        aws.store.append(seeding(version=version, delta=10 if version == 1 else 0))

    assert [commit.version for commit in aws.store.read("sku#prod-001")] == [1, 2, 3, 4, 5]


class _Cancelling:
    """A DynamoDB client whose writes meet another transaction, or fail for another reason, before they go through."""

    def __init__(self, client: "DynamoDBClient", times: int, code: str) -> None:
        self.calls = 0
        self.exceptions = client.exceptions
        self._client = client
        self._times = times
        self._code = code

    def transact_write_items(self, **request: object) -> object:
        self.calls += 1
        if self.calls <= self._times:
            raise self.exceptions.TransactionCanceledException(
                {
                    "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
                    "CancellationReasons": [{"Code": "None"}, {"Code": self._code}],
                },
                "TransactWriteItems",
            )
        return self._client.transact_write_items(**request)  # type: ignore[arg-type]

    def put_item(self, **request: object) -> object:
        self.calls += 1
        if self.calls <= self._times:
            raise self.exceptions.TransactionConflictException(
                {"Error": {"Code": "TransactionConflictException", "Message": "in another transaction"}}, "PutItem"
            )
        return self._client.put_item(**request)  # type: ignore[arg-type]


def _store(client: _Cancelling, pauses: list[float]) -> EventStore:
    return EventStore(
        cast("DynamoDBClient", client),
        TABLES,
        backoff=replace(_BACKOFF, sleep=pauses.append),
    )


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_another_is_tried_again_after_a_pause(aws: Aws, code: str) -> None:
    pauses: list[float] = []

    _store(_Cancelling(aws.dynamodb, times=2, code=code), pauses).append(seeding())

    assert len(pauses) == 2
    assert aws.stock() == (10, 0, 10)


def test_a_transaction_that_always_meets_others_is_handed_back(aws: Aws) -> None:
    client = _Cancelling(aws.dynamodb, times=99, code="TransactionConflict")

    with pytest.raises(ContentionError):
        _store(client, []).append(seeding())

    assert client.calls == 5


@pytest.mark.usefixtures("longest_jitter")
def test_the_pauses_between_the_attempts_may_grow_twice_as_long_each_time(aws: Aws) -> None:
    pauses: list[float] = []

    with pytest.raises(ContentionError):
        _store(_Cancelling(aws.dynamodb, times=99, code="TransactionConflict"), pauses).append(seeding())

    assert pauses == [0.04, 0.08, 0.16, 0.32]


def test_a_commit_that_changes_nothing_else_is_tried_again_where_it_met_a_transaction(aws: Aws) -> None:
    client = _Cancelling(aws.dynamodb, times=4, code="")

    _store(client, []).append(CONFIRMED)

    assert aws.store.read(CONFIRMED.stream_id) == (CONFIRMED,)


def test_a_commit_that_changes_nothing_else_is_handed_back_where_it_always_meets_transactions(aws: Aws) -> None:
    client = _Cancelling(aws.dynamodb, times=5, code="")

    with pytest.raises(ContentionError):
        _store(client, []).append(CONFIRMED)

    assert aws.store.read(CONFIRMED.stream_id) == ()


@pytest.mark.parametrize("code", ["ItemCollectionSizeLimitExceeded", "ValidationError", "AccessDenied"])
def test_a_transaction_that_dynamodb_finds_faulty_is_not_tried_again(aws: Aws, code: str) -> None:
    client = _Cancelling(aws.dynamodb, times=99, code=code)

    with pytest.raises(TransactionFaultError, match=code):
        _store(client, []).append(seeding())

    assert client.calls == 1


def test_another_error_is_not_swallowed(aws: Aws) -> None:
    store = EventStore(aws.dynamodb, TABLES._replace(event_store="no-such-table"))

    with pytest.raises(ClientError, match="ResourceNotFound"):
        store.append(seeding())
