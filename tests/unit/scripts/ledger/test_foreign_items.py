"""Items of the event store that are no commits, as the tools that recount the whole log meet them."""

from types import SimpleNamespace
from typing import cast

import pytest

from scripts.cli.errors import UserError
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.log_reader import NoCommitError, named_briefly
from scripts.monitor import metrics_audit
from scripts.operate.pausing import PauseSwitch
from services.libs.store.dynamodb_items import to_item
from services.libs.store.ledger_counters import LedgerCounters
from services.metrics_service.exposition import Page, Values
from tests.unit.conftest import EVENT_STORE_TABLE, METRICS_TABLE, Aws


@pytest.fixture
def target(busy: Aws, monkeypatch: pytest.MonkeyPatch, no_turns: None) -> Target:  # noqa: ARG001 - it comes first
    """A deployment whose metrics are right, and whose event store holds a foreign item."""
    busy.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "order#f1", "version": 1}))

    def page(*_: str) -> str:
        return Page(Values(LedgerCounters(busy.dynamodb, METRICS_TABLE).read()), []).render("")[1]

    monkeypatch.setattr(Deployment, "of", lambda _: busy.deployment)
    monkeypatch.setattr(Deployment, "metrics_url", lambda *_: "https://api.example/metrics")
    monkeypatch.setattr(PauseSwitch, "__init__", lambda *_: None)
    monkeypatch.setattr(PauseSwitch, "active", lambda _: [])
    monkeypatch.setattr(metrics_audit, "required", lambda *_: "secret")
    monkeypatch.setattr(metrics_audit, "read_page", page)
    return cast("Target", SimpleNamespace(client=lambda _: busy.dynamodb))


def test_the_metrics_are_compared_with_all_other_commits_and_the_item_is_named(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=r"without the items that are no commits:\norder#f1 version 1 is no commit"):
        metrics_audit.audit_metrics(target, rebuild=False)

    assert "what the endpoint shows is what happened" in capsys.readouterr().out


def test_the_counters_are_not_rebuilt_from_a_damaged_log(busy: Aws, target: Target) -> None:
    before = LedgerCounters(busy.dynamodb, METRICS_TABLE).read()

    with pytest.raises(UserError, match=r"nothing was rebuilt; `invoke restore` first\norder#f1 version 1"):
        metrics_audit.audit_metrics(target, rebuild=True)

    assert LedgerCounters(busy.dynamodb, METRICS_TABLE).read() == before


def test_of_many_foreign_items_the_first_ten_are_named() -> None:
    items = [to_item({"stream_id": f"order#f{number}", "version": 1}) for number in range(12)]

    lines = named_briefly([NoCommitError(item, KeyError("events")) for item in items]).splitlines()

    assert lines[9:] == ["order#f9 version 1 is no commit: events is missing", "and 2 more"]
