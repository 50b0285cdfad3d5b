from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from scripts import demo
from scripts.cli.errors import UserError
from scripts.demo import Run, checks, make_orders
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.audit.auditor import Auditor
from scripts.ledger.audit.findings import Audit
from scripts.local.emulator import Emulator
from scripts.monitor import monitoring
from scripts.operate.order_client import History
from scripts.operate.shoppers import Visits
from services.libs.store.dynamodb_items import to_item
from tests.factories import NOW
from tests.unit.conftest import EVENT_STORE_TABLE, INVENTORY_TABLE, Aws


def _audit(aws: Aws) -> Audit:
    return Auditor(aws.dynamodb, aws.deployment, clock=lambda: NOW, sleep=lambda _: None).audit()


def _run(aws: Aws, *order_ids: str) -> Run:
    histories = {order_id: History(order_id, aws.store.read(f"order#{order_id}")) for order_id in order_ids}
    return Run("1", histories, dict.fromkeys(order_ids, NOW), repeated=0)


def test_two_runs_share_no_order() -> None:
    one, other = (make_orders(run_id, 20, ("a", "b", "c")) for run_id in ("1", "2"))

    assert not {order["orderId"] for order in one} & {order["orderId"] for order in other}
    assert [order["items"] for order in one] != [order["items"] for order in other]


def test_a_run_tells_its_own_orders_and_revenue_beside_the_stock_of_all_runs(
    busy: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    demo._summarise(_run(busy, "paid", "declined"), _audit(busy))  # noqa: SLF001

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == "SKU seeded sold stock reserved available sold in this run"
    assert lines[2] == "prod-001 100 4 96 2 94 2"
    assert lines[4:11] == [
        "this run demo-1",
        "orders placed 2 by event, and 0 of them sent twice",
        "0 by customers at the shop API",
        "confirmed 1, of which 0 were shipped and 0 delivered",
        "cancelled 1 (payment_failed)",
        "returned 0 orders",
        "revenue 10.00 GBP, after refunds of none",
    ]
    assert [line.split()[0] for line in lines[-3:]] == ["ok", "ok", "ok"]


def test_orders_of_customers_at_the_shop_api_are_told_apart_from_those_by_event(
    busy: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _run(busy, "paid", "declined", "expired", "settled")
    visits = Visits(
        dict.fromkeys(("paid", "declined"), NOW),
        [10.0, 20.0],
        told=Counter({"cancelled": 1}),
        ratings=[3, 4],
        served=Counter({"filled in a profile": 5, "was erased for good": 1}),
    )

    demo._summarise(replace(run, visits=visits), _audit(busy))  # noqa: SLF001

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "orders placed 2 by event, and 0 of them sent twice" in lines
    assert "2 by customers at the shop API, 1 cancelled" in lines
    assert "rated 2 orders by customers, 3.5 of 5 on average" in lines
    assert "customers 5 filled in a profile, 1 was erased for good" in lines
    assert "cart to confirmed p50 0 ms, p99 0 ms, from the request to check out" in lines
    assert "shop API p50 15 ms, p99 20 ms, from request to answer of a command" in lines


def test_a_wrong_stock_and_an_item_that_is_no_commit_fail_their_checks(busy: Aws) -> None:
    assert all(checks(_audit(busy)).values())

    busy.dynamodb.delete_item(TableName=INVENTORY_TABLE, Key=to_item({"item_id": "prod-001"}))
    assert list(checks(_audit(busy)).values()) == [False, True, True]

    busy.dynamodb.put_item(TableName=EVENT_STORE_TABLE, Item=to_item({"stream_id": "order#f1", "version": 1}))
    assert list(checks(_audit(busy)).values()) == [False, True, False]


def _demo(aws: Aws, monkeypatch: pytest.MonkeyPatch, *order_ids: str) -> list[str]:
    """Run a demo that finds these orders placed; return its steps."""
    steps: list[str] = []
    audit = _audit(aws)

    def live(*_: object) -> Run:
        steps.append("orders")
        return _run(aws, *order_ids)

    monkeypatch.setattr(Deployment, "of", lambda _: aws.deployment)
    monkeypatch.setattr(Auditor, "audit", lambda _: audit)
    monkeypatch.setattr(demo, "_live", live)
    monkeypatch.setattr(monitoring, "up_if_possible", lambda _: steps.append("monitoring"))
    monkeypatch.setattr(monitoring, "url", lambda _: None)
    target = SimpleNamespace(client=lambda _: aws.dynamodb, is_local=True, environment="test", emulator=Emulator())
    demo.run_demo(cast("Target", target), len(order_ids))
    return steps


def test_the_monitoring_is_up_before_the_first_order(busy: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _demo(busy, monkeypatch, "expired", "declined") == ["monitoring", "orders"]


def test_a_demo_whose_orders_are_stuck_fails(busy: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="3 orders have no final state, such as paid\n`invoke audit`"):
        _demo(busy, monkeypatch, "paid", "open", "never-decided")


def test_a_demo_whose_audit_finds_a_difference_fails(busy: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    busy.dynamodb.delete_item(TableName=INVENTORY_TABLE, Key=to_item({"item_id": "prod-001"}))

    with pytest.raises(UserError, match=r"stock prod-001: the log says .*, found not in the inventory\n`invoke audit`"):
        _demo(busy, monkeypatch, "declined")
