from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from services.libs.store.dynamodb_items import _BACKOFF, Item, ReadThrottledError, batch_get, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class _Throttling:
    """A table that holds every key, and hands the given number of keys of each call back unread."""

    def __init__(self, *unread: int) -> None:
        self._unread = list(unread)
        self.calls: list[int] = []
        self.pauses: list[float] = []

    def batch_get_item(self, RequestItems: Mapping[str, Mapping[str, Sequence[Item]]]) -> object:  # noqa: N803
        keys = RequestItems["table"]["Keys"]
        self.calls.append(len(keys))
        read = len(keys) - (self._unread.pop(0) if self._unread else 0)
        unprocessed = {"table": {"Keys": keys[read:]}} if keys[read:] else {}
        return {"Responses": {"table": keys[:read]}, "UnprocessedKeys": unprocessed}

    def read(self, keys: Sequence[Item]) -> list[Item]:
        backoff = replace(_BACKOFF, sleep=self.pauses.append)
        return list(batch_get(cast("DynamoDBClient", self), "table", keys, backoff))


def _keys(count: int) -> list[Item]:
    return [to_item({"id": str(number)}) for number in range(count)]


def test_more_keys_than_a_call_takes_are_read_by_several_calls() -> None:
    table = _Throttling()

    assert table.read(_keys(250)) == _keys(250)
    assert table.calls == [100, 100, 50]
    assert table.pauses == []


@pytest.mark.usefixtures("longest_jitter")
def test_keys_that_came_back_unread_are_read_again_after_ever_longer_pauses() -> None:
    table = _Throttling(2, 1)

    assert table.read(_keys(3)) == _keys(3)
    assert table.calls == [3, 2, 1]
    assert table.pauses == [0.04, 0.08]


def test_unread_keys_are_read_again_together_with_those_that_still_wait() -> None:
    table = _Throttling(30)

    assert sorted(item["id"]["S"] for item in table.read(_keys(150))) == sorted(item["id"]["S"] for item in _keys(150))
    assert table.calls == [100, 80]


def test_keys_that_stay_unread_end_the_reading() -> None:
    table = _Throttling(*[1] * 99)

    with pytest.raises(ReadThrottledError, match="1 keys of table"):
        table.read(_keys(1))

    assert len(table.calls) == 6


def test_a_call_that_is_read_whole_gives_the_next_all_its_attempts() -> None:
    table = _Throttling(*[100] * 5, 0, *[100] * 5)

    assert len(table.read(_keys(200))) == 200
