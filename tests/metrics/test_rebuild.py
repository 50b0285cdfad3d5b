"""Counters that somebody spoilt, found and mended. It makes counters fall, so it comes last."""

import pytest

from scripts.cli.errors import UserError
from scripts.monitor import metrics_audit
from scripts.operate import pausing
from services.libs.store.dynamodb_items import to_item
from services.shared.json_types import JsonObject
from tests.integration.world import World

_SERIES = "orders_processed_total|status=success|error_type=none"


def test_the_endpoint_shows_what_the_event_store_holds(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    metrics_audit.audit_metrics(world.target, rebuild=False)

    assert "what the endpoint shows is what happened" in capsys.readouterr().out


def test_a_spoilt_counter_is_found_and_rebuilt_once_nobody_writes(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    stray: JsonObject = {"id": "counters#stray", _SERIES: 5, "writes": 1, "updated_at": "2026-01-01T00:00:00.000Z"}
    world.target.client("dynamodb").put_item(TableName=world.deployment.tables.metrics, Item=to_item(stray))

    with pytest.raises(UserError, match="1 counters differ"):
        metrics_audit.audit_metrics(world.target, rebuild=False)
    assert "+5" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"nothing was rebuilt: .*order-service"):
        metrics_audit.audit_metrics(world.target, rebuild=True)

    pausing.pause(world.target)
    metrics_audit.audit_metrics(world.target, rebuild=True)
    pausing.resume(world.target)

    metrics_audit.audit_metrics(world.target, rebuild=False)
