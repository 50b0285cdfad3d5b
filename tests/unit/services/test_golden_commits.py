"""What is deployed must stay readable: items of every form that a commit has had, as the event store holds them.

The files are written once and never changed. A new form, or a new schema version of an event, brings a file of its own.
The events of a file may have got fields since. Then `published_today/` has a file of the same name, which says how the
relay publishes that commit now; the golden file still says what consumers received before.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from services.libs.messaging.event_publisher import event_detail
from services.libs.store.commit_items import commit_from_item, commit_to_item

_FOLDER = Path(__file__).parents[2] / "golden"
GOLDEN = sorted((_FOLDER / "commits").glob("*.json"))
PUBLISHED_TODAY = {file.stem: file for file in (_FOLDER / "published_today").glob("*.json")}


def _read(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return loaded


def _published(file: Path) -> list[dict[str, Any]]:
    """How the relay publishes the file's commit now."""
    published: list[dict[str, Any]] = _read(file)["published"]
    if file.stem in PUBLISHED_TODAY:
        published = json.loads(PUBLISHED_TODAY[file.stem].read_text("utf-8"))
    return published


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_a_commit_of_any_age_publishes_its_events_and_moves_its_stock(file: Path) -> None:
    golden = _read(file)

    commit = commit_from_item(golden["item"])

    assert [
        {"detail-type": event.type_name(), "detail": event_detail(commit, index)}
        for index, event in enumerate(commit.events)
    ] == _published(file)
    assert [
        {"sku": change.sku, "stock": change.stock, "reserved": change.reserved, "available": change.available}
        for change in commit.stock_changes()
    ] == golden["stock"]


@pytest.mark.parametrize("file", [file for file in GOLDEN if file.stem in PUBLISHED_TODAY], ids=lambda file: file.stem)
def test_what_is_published_today_of_an_old_commit_has_more_than_then(file: Path) -> None:
    then, now = _read(file)["published"], _published(file)

    assert now != then
    assert [event["detail"] | {"metadata": {}} for event in now] == [
        event["detail"] | was["detail"] | {"metadata": {}} for event, was in zip(now, then, strict=True)
    ]


@pytest.mark.parametrize(
    "file",
    [file for file in GOLDEN if file.stem.endswith("-move-stated") and file.stem not in PUBLISHED_TODAY],
    ids=lambda file: file.stem,
)
def test_a_commit_of_todays_form_is_written_as_it_was_read(file: Path) -> None:
    item = _read(file)["item"]

    assert commit_to_item(commit_from_item(item)) == item
