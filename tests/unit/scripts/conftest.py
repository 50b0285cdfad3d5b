from contextlib import nullcontext
from pathlib import Path

import pytest

from scripts.cli import console
from scripts.deploy.deployment import Deployment
from scripts.ledger.audit import auditor
from scripts.operate.pausing import PauseSwitch
from services.order_service.service import OrderService
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.events.order import ForcedResult
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, conclude, pay, place, placed_order, seeding
from tests.unit.conftest import GATEWAY_TABLE, Aws, stand_in
from tests.unit.scripts.after_sale_shop import fill_with_lives
from tests.unit.scripts.forgetting import World

DUE = NOW + PAYMENT_TIMEOUT


@pytest.fixture
def no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let changes of a deployment take no lock: a stand-in for a target has no folder."""
    monkeypatch.setattr("scripts.deploy.turns.turn", lambda _: nullcontext())


@pytest.fixture
def busy(aws: Aws) -> Aws:
    """Orders in every state that a healthy system has."""
    stand_in("busy", lambda: _make_busy(aws))
    return aws


def _make_busy(aws: Aws) -> None:
    aws.store.append(seeding("prod-001", stock=100))
    orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
    payments = PaymentService(aws.store, SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0))
    forced_results: dict[str, ForcedResult | None] = {
        "paid": "SUCCESS",
        "settled": "SUCCESS",
        "declined": "FAILURE",
        "expired": None,
    }
    for order_id, forced in forced_results.items():
        place(orders, placed_order(order_id, {"prod-001": 2}, forced), CAUSE)
    place(orders, placed_order("refused", {"prod-001": 1000}), CAUSE)
    for order_id in ("paid", "settled", "declined"):
        pay(payments, order_id, CAUSE)
    for order_id in ("paid", "declined"):
        conclude(orders, order_id, CAUSE)
    assert orders.expire_all(["order#expired"], DUE) == {}
    payments.refund("expired", CAUSE)
    place(orders, placed_order("open", {"prod-001": 2}), CAUSE)


@pytest.fixture
def sold(aws: Aws) -> Aws:
    """Orders at every step after their sale that a healthy system has."""
    stand_in("sold", lambda: fill_with_lives(aws))
    return aws


@pytest.fixture
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scripts write to a terminal of 200 columns, without colours."""
    monkeypatch.setattr(console.out, "_force_terminal", True)
    monkeypatch.setattr(console.out, "_width", 200)


@pytest.fixture
def forgetting(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_turns: None) -> World:  # noqa: ARG001 - it comes first
    """A deployment whose customers may be erased, while its services pause."""
    world = World(aws, tmp_path / "backup")
    monkeypatch.setattr(Deployment, "of", lambda _: world.deployment)
    monkeypatch.setattr(PauseSwitch, "__init__", lambda *_: None)
    monkeypatch.setattr(PauseSwitch, "active", lambda _: [])
    monkeypatch.setattr(auditor, "_PAUSE_SECONDS", 0)
    return world
