"""Deadlines as they are written, in the transaction of their commits or alone, and as the sweeper reads them."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from services.libs.store.deadline_table import SHARDS, DeadlineTable, DeadlineWriter
from services.libs.store.dynamodb_items import from_item, to_item
from services.libs.store.event_store import EventStore, GroupRefusedError
from services.shared.deadlines import DeadlineGroup
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, decide, inventory, placed_order, seeding, stock_item
from tests.unit.conftest import AT_ONCE, DEADLINE_TABLE, TABLES, Aws

if TYPE_CHECKING:
    from services.libs.store.dynamodb_items import Item
    from services.shared.json_types import JsonObject

DUE = NOW + PAYMENT_TIMEOUT
GROUP = DeadlineGroup(("order#order-1", "order#order-2"), due_at=DUE, written_at=NOW)


@pytest.fixture
def table(aws: Aws) -> DeadlineTable:
    return DeadlineTable(aws.dynamodb, DEADLINE_TABLE)


def _put(group: DeadlineGroup, writer: DeadlineWriter | None = None) -> "Item":
    item: Item = dict((writer or DeadlineWriter(DEADLINE_TABLE)).put(group)["Item"])  # type: ignore[arg-type] # as we made it
    return item


def _minute(group: DeadlineGroup) -> str:
    return str(_put(group)["minute_shard"]["S"]).partition("#")[0]


def _items(aws: Aws) -> "list[JsonObject]":
    return [from_item(item) for item in aws.dynamodb.scan(TableName=DEADLINE_TABLE)["Items"]]


def test_a_group_is_kept_under_the_minute_in_which_it_is_due_for_30_days() -> None:
    item = from_item(_put(GROUP))

    key, _, shard = str(item.pop("minute_shard")).partition("#")
    assert (key, int(shard) in range(SHARDS)) == ("2026-01-01T12:15", True)
    assert str(item.pop("group_id")).endswith("#1")
    assert item == {
        "stream_ids": ["order#order-1", "order#order-2"],
        "due_at": "2026-01-01T12:15:00.123Z",
        "written_at": "2026-01-01T12:00:00.123Z",
        "expires_at": int(datetime.fromisoformat("2026-01-31T12:15:00+00:00").timestamp()),
    }


def test_the_minute_is_that_of_utc() -> None:
    summer = timezone(timedelta(hours=5, minutes=30))

    assert _minute(GROUP._replace(due_at=DUE.astimezone(summer))) == "2026-01-01T12:15"


@pytest.mark.parametrize(
    ("due_in", "minute"),
    [
        (timedelta(days=-400), "2026-01-01T12:00"),
        (timedelta(seconds=-1), "2026-01-01T12:00"),
        (timedelta(0), "2026-01-01T12:00"),
        (timedelta(minutes=1), "2026-01-01T12:01"),
    ],
)
def test_nothing_is_written_into_a_minute_before_the_present_one(due_in: timedelta, minute: str) -> None:
    assert _minute(GROUP._replace(due_at=NOW + due_in)) == minute


def test_a_writer_stays_in_its_shard_and_never_uses_a_number_twice() -> None:
    writer = DeadlineWriter(DEADLINE_TABLE)

    items = [_put(GROUP, writer) for _ in range(5)]

    assert len({item["minute_shard"]["S"] for item in items}) == 1
    assert [item["group_id"]["S"].rpartition("#")[2] for item in items] == ["1", "2", "3", "4", "5"]
    assert len({item["group_id"]["S"].rpartition("#")[0] for item in items}) == 1


def test_writers_have_names_of_their_own_and_use_all_shards() -> None:
    items = [_put(GROUP) for _ in range(200)]

    assert len({item["group_id"]["S"] for item in items}) == 200
    assert {int(item["minute_shard"]["S"].rpartition("#")[2]) for item in items} == set(range(SHARDS))


def test_what_is_there_is_never_written_over(aws: Aws) -> None:
    writer = DeadlineWriter(DEADLINE_TABLE)
    aws.dynamodb.put_item(**writer.put(GROUP))
    writer._numbers = count(1)  # noqa: SLF001 - a number that was used

    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        aws.dynamodb.put_item(**writer.put(GROUP._replace(stream_ids=("order#other",))))

    assert [item["stream_ids"] for item in _items(aws)] == [["order#order-1", "order#order-2"]]


def test_the_groups_of_a_minute_are_read_from_all_its_shards_and_from_no_other(aws: Aws, table: DeadlineTable) -> None:
    groups = [GROUP._replace(stream_ids=(f"order#order-{number}",)) for number in range(60)]
    for group in groups:
        DeadlineTable(aws.dynamodb, DEADLINE_TABLE).write(group)
    for wait in (-1, 1):
        table.write(GROUP._replace(due_at=DUE + timedelta(minutes=wait)))

    read = list(table.due_in(DUE.replace(second=0, microsecond=0)))

    assert sorted(map(str, read)) == sorted(map(str, groups))


@pytest.mark.usefixtures("_one_item_per_page")
def test_a_minute_is_read_to_its_end_whatever_fits_on_a_page(table: DeadlineTable) -> None:
    for number in range(5):
        table.write(GROUP._replace(stream_ids=(f"order#order-{number}",)))
    table.write(GROUP._replace(due_at=DUE + timedelta(days=1)))

    assert len(list(table.due_in(DUE))) == 5
    assert table.first_minute() == DUE.replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"stream_ids": ["order#a"], "written_at": "2026-01-01T12:00:00.123Z"},
        {"stream_ids": "order#a", "due_at": "2026-01-01T12:00:00.123Z", "written_at": "2026-01-01T12:00:00.123Z"},
        {"stream_ids": [7], "due_at": "2026-01-01T12:00:00.123Z", "written_at": "2026-01-01T12:00:00.123Z"},
        {"stream_ids": ["order#a"], "due_at": "soon", "written_at": "2026-01-01T12:00:00.123Z"},
    ],
    ids=["no time", "no list", "no streams", "no date"],
)
def test_an_item_that_is_no_group_is_told_and_the_others_are_read(
    aws: Aws, table: DeadlineTable, spoilt: "JsonObject"
) -> None:
    table.write(GROUP)
    key: JsonObject = {"minute_shard": str(_items(aws)[0]["minute_shard"]), "group_id": "0"}
    aws.dynamodb.put_item(TableName=DEADLINE_TABLE, Item=to_item({**key, **spoilt}))

    error, group = table.due_in(DUE)

    assert isinstance(error, (KeyError, TypeError, ValueError))
    assert group == GROUP


def test_the_cursor_is_no_group_and_has_no_minute(table: DeadlineTable) -> None:
    assert (table.swept_until(), table.first_minute()) == (None, None)

    table.set_swept_until(DUE)

    assert (table.swept_until(), table.first_minute()) == (DUE, None)


def test_the_deadlines_of_a_transaction_are_one_group_at_the_latest_of_them(aws: Aws, table: DeadlineTable) -> None:
    aws.store.append(seeding(stock=10))
    times = [NOW + timedelta(minutes=wait) for wait in (3, 0, 7)]
    commits = [
        decide(placed_order(f"order-{number}"), inventory(stock_item()), replace(CAUSE, at=at))
        for number, at in enumerate(times)
    ]

    aws.store.append_group([*commits, decide(placed_order("refused"), {})])

    latest = DUE + timedelta(minutes=7)
    assert list(table.due_in(latest)) == [
        DeadlineGroup(("order#order-0", "order#order-1", "order#order-2"), due_at=latest, written_at=NOW)
    ]
    assert len(_items(aws)) == 1


def test_a_commit_without_a_deadline_writes_none(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    aws.store.append(decide(placed_order(quantities={"prod-001": 11}), inventory(stock_item())))

    assert _items(aws) == []


def test_a_transaction_that_is_refused_leaves_no_deadline(aws: Aws) -> None:
    accepted = decide(placed_order(), inventory(stock_item()))

    with pytest.raises(GroupRefusedError):
        aws.store.append_group([accepted])
    aws.store.append(seeding(stock=10))
    aws.store.append(decide(placed_order(), {}))
    with pytest.raises(GroupRefusedError):
        aws.store.append_group([accepted])

    assert _items(aws) == []


def test_a_writer_that_was_given_no_table_writes_no_commit_with_a_deadline(aws: Aws) -> None:
    aws.store.append(seeding(stock=10))
    store = EventStore(aws.dynamodb, TABLES._replace(deadlines=None), backoff=AT_ONCE)

    with pytest.raises(ValueError, match="order#order-1 has a deadline"):
        store.append(decide(placed_order(), inventory(stock_item())))

    assert aws.store.read("order#order-1") == ()
    assert aws.stock() == (10, 0, 10)


def test_a_commit_whose_deadline_is_all_that_it_brings_is_written_with_it(aws: Aws, table: DeadlineTable) -> None:
    cancelled = replace(decide(placed_order(), {}), due_at=DUE)
    event = cancelled.events[0].model_copy(update={"content_hash": None})

    aws.store.append(replace(cancelled, events=(event,)))

    assert [group.stream_ids for group in table.due_in(DUE) if isinstance(group, DeadlineGroup)] == [("order#order-1",)]
