from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.deploy.target import Target
from scripts.operate.order_client import History, OrderClient
from tests.unit.conftest import Aws


def test_an_order_that_is_confirmed_or_cancelled_is_not_read_again(busy: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    target = cast("Target", SimpleNamespace(client=lambda name: getattr(busy, name)))
    client = OrderClient(target, busy.deployment)
    histories = {order_id: History(order_id, ()) for order_id in ("paid", "refused", "settled", "unknown")}
    read = _watched(busy, monkeypatch)

    client.update(histories)
    assert set(read) == {"order#paid", "order#refused", "order#settled", "order#unknown"}

    read.clear()
    client.update(histories)
    assert set(read) == {"order#settled", "order#unknown"}
    assert {order_id: len(history.commits) for order_id, history in histories.items()} == {
        "paid": 3,
        "refused": 1,
        "settled": 2,
        "unknown": 0,
    }


def test_only_commits_that_are_not_known_are_read(sold: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    target = cast("Target", SimpleNamespace(client=lambda name: getattr(sold, name)))
    client = OrderClient(target, sold.deployment)
    commits = sold.store.read("order#delivered")
    known = [History("delivered", commits[:2]), History("cancelled", sold.store.read("order#cancelled"))]
    read = _watched(sold, monkeypatch)

    (grown,) = client.grown(known)

    assert grown == History("delivered", commits)
    assert read.count("order#cancelled") == 1
    assert client.grown([grown]) == []


def test_a_history_grows_up_to_a_commit_that_was_not_read(sold: Aws) -> None:
    first, second, third, fourth = sold.store.read("order#delivered")[:4]

    grown = History("delivered", (first,)).followed_by({4: fourth, 2: second})

    assert grown.commits == (first, second)
    assert grown.followed_by({4: fourth, 3: third}).commits == (first, second, third, fourth)


@pytest.mark.parametrize(
    ("order_id", "version"),
    [("cancelled", 3), ("delivered", 3), ("undeliverable", 3), ("called-off", 2)],
)
def test_an_order_is_concluded_once_whatever_happens_after_it(sold: Aws, order_id: str, version: int) -> None:
    commits = sold.store.read(f"order#{order_id}")

    assert len(commits) > version
    for read in range(version, len(commits) + 1):
        concluded = History(order_id, commits[:read]).concluded
        assert concluded
        assert concluded.version == version
    assert History(order_id, commits[: version - 1]).concluded is None


def test_an_impossible_history_is_not_concluded(sold: Aws) -> None:
    commits = sold.store.read("order#delivered")

    assert History("delivered", (commits[0], commits[2])).concluded is None


def _watched(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the streams of which anything is read."""
    streams: list[str] = []
    batch_get_item = aws.dynamodb.batch_get_item

    def watch(**request: Any) -> object:  # noqa: ANN401 - boto3's own
        (keys,) = request["RequestItems"].values()
        streams.extend(key["stream_id"]["S"] for key in keys["Keys"])
        return batch_get_item(**request)

    monkeypatch.setattr(aws.dynamodb, "batch_get_item", watch)
    return streams
