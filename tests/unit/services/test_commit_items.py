"""A commit as an item, and an item as a commit."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType, NoneType, UnionType
from typing import ClassVar, Union, get_args, get_origin, get_type_hints

import pytest

from scripts.ledger.lifecycles import LIFECYCLES
from scripts.measure.units import item_bytes
from services.libs.store.commit_items import commit_from_item, commit_to_item
from services.libs.store.dynamodb_items import from_item, to_item
from services.order_service.domain import expire
from services.shared.cancel_reasons import CancelReason
from services.shared.commits import Commit
from services.shared.events import event as events_of_any_kind
from services.shared.events.event import Bus, Event, UnknownEventError
from services.shared.events.order import OrderCancelled
from services.shared.events.payment import PaymentRequested, RefundMode, RefundReason, RefundRequested
from services.shared.inventory import Move, StockLine, StockMove
from services.shared.lifecycle import Transition
from tests.factories import CAUSE, NOW, PAYMENT_TIMEOUT, decide, inventory, placed_order, stock_item
from tests.unit.services.every_commit import COMMITS

_TRANSITIONS = [one for lifecycle in LIFECYCLES for one in lifecycle.transitions]
_EVERY_COMMIT = pytest.mark.parametrize("commit", COMMITS.values(), ids=COMMITS.keys())


@_EVERY_COMMIT
def test_a_commit_survives_the_table(commit: Commit) -> None:
    assert commit_from_item(commit_to_item(commit)) == commit


@_EVERY_COMMIT
def test_a_commit_of_one_sku_stays_under_one_kilobyte(commit: Commit) -> None:
    """DynamoDB charges a write by the kilobyte: names in UTF-8 and values, as its documentation counts them."""
    assert item_bytes(commit_to_item(commit)) < 1024


def test_every_form_of_a_commit_that_a_life_cycle_declares_is_among_them() -> None:
    made = {tuple(type(event) for event in commit.events) for commit in COMMITS.values()}

    assert made == {one.events for one in _TRANSITIONS}


@pytest.mark.parametrize("transition", _TRANSITIONS, ids=lambda one: one.names)
def test_a_field_that_two_events_of_a_commit_have_is_of_one_type(transition: Transition) -> None:
    kinds: dict[str, object] = {}
    for event in transition.events:
        for name, kind in get_type_hints(event).items():
            if name in event.model_fields:
                assert kinds.setdefault(name, _stored_kind(kind)) == _stored_kind(kind), name


def _stored_kind(kind: object) -> object:
    """The value of an enumeration is stored as text, and read as the enumeration of each event. None is not stored."""
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    return str if isinstance(kind, type) and issubclass(kind, StrEnum) else kind


def test_a_commit_of_50_skus_survives_the_table() -> None:
    skus = [f"prod-{number:03}" for number in range(50)]
    commit = decide(placed_order(quantities=dict.fromkeys(skus, 1)), inventory(*map(stock_item, skus)))

    assert commit_from_item(commit_to_item(commit)) == commit


def test_the_item_keeps_every_field_once_and_its_move_of_stock() -> None:
    accepted = decide(placed_order(), inventory(stock_item()))

    assert from_item(commit_to_item(accepted)) == {
        "stream_id": "order#order-1",
        "version": 1,
        "events": ["OrderValidated", "PaymentRequested"],
        "body": {
            "orderId": "order-1",
            "customerId": "customer-1",
            "items": [{"sku": "prod-001", "quantity": 2, "unitPriceMinor": 500}],
            "amountMinor": 1000,
            "currency": "GBP",
            "contentHash": placed_order().content_hash,
        },
        "stock_move": "reserve",
        "due_at": "2026-01-01T12:15:00.123Z",
        "committed_at": "2026-01-01T12:00:00.123Z",
        "correlation_id": "correlation-1",
        "causation_id": "event-1",
    }


def test_lines_that_no_event_says_are_kept_beside_them() -> None:
    accepted = decide(placed_order(), inventory(stock_item()))

    expired = from_item(commit_to_item(expire(accepted, NOW + PAYMENT_TIMEOUT)))

    assert (expired["stock_move"], expired["stock_lines"]) == ("release", [{"sku": "prod-001", "quantity": 2}])


@pytest.mark.parametrize("lines", [(StockLine("prod-001", 1),), (StockLine("prod-001", 2), StockLine("a", 1))])
def test_lines_that_differ_from_the_items_are_kept_beside_them(lines: tuple[StockLine, ...]) -> None:
    move = StockMove(Move.RESERVE, lines)
    commit = replace(decide(placed_order(), inventory(stock_item())), stock_move=move)

    assert commit_from_item(commit_to_item(commit)).stock_move == move


def test_a_refused_order_moves_none_of_its_items() -> None:
    item = commit_to_item(COMMITS["refused"])

    assert item["stock_move"] == {"S": "none"}
    assert "stock_lines" not in item
    assert commit_from_item(item).stock_changes() == ()


@pytest.mark.parametrize("move", [Move.RELEASE, Move.NONE])
def test_a_move_is_what_is_stated_whatever_the_events_are(move: Move) -> None:
    accepted = decide(placed_order(), inventory(stock_item()))
    stated = StockMove(move, accepted.stock_move.lines if move is not Move.NONE else ())

    item = commit_to_item(replace(accepted, stock_move=stated))

    assert commit_from_item(item).stock_move == stated


def test_events_of_a_commit_that_differ_under_one_name_are_refused() -> None:
    cancelled = OrderCancelled(order_id="order-1", customer_id="customer-1", reason=CancelReason.PAYMENT_TIMEOUT)
    refund = RefundRequested(
        order_id="order-1",
        customer_id="customer-1",
        refund_id="order-1-cancelled",
        mode=RefundMode.CALL_OFF,
        amount_minor=1,
        currency="GBP",
        reason=RefundReason.CUSTOMER_REQUEST,
    )

    with pytest.raises(ValueError, match="the events of a commit differ in reason"):
        commit_to_item(Commit("order#order-1", 2, (cancelled, refund), CAUSE))


@pytest.mark.parametrize(
    "changed",
    [{"events": ["OrderValidated", "OrderSung"]}, {"schema_versions": [1, 2]}, {"schema_versions": [0, 1]}],
    ids=["type", "newer version", "no version"],
)
def test_an_event_of_an_unknown_kind_is_told_from_what_is_no_commit(changed: Mapping[str, list[str]]) -> None:
    item = commit_to_item(decide(placed_order(), inventory(stock_item())))

    with pytest.raises(UnknownEventError):
        commit_from_item({**item, **to_item({name: [*values] for name, values in changed.items()})})


with pytest.MonkeyPatch.context() as _patched:
    # What is made up here is known to nobody else.
    _patched.setattr(events_of_any_kind, "_TYPES", {})

    class PaymentMusedUpon(Event):
        """At its second version: version 1 had no `mood`."""

        BUS: ClassVar[Bus] = Bus.PAYMENT
        SCHEMA_VERSION: ClassVar[int] = 2
        UPCASTERS = MappingProxyType({1: lambda fields: {**fields, "mood": "calm"}})

        mood: str


@pytest.fixture
def mused(monkeypatch: pytest.MonkeyPatch) -> Commit:
    monkeypatch.setitem(events_of_any_kind._TYPES, "PaymentMusedUpon", PaymentMusedUpon)  # noqa: SLF001
    requested = decide(placed_order(), inventory(stock_item())).get(PaymentRequested)
    return Commit("order#order-1", 1, (requested, PaymentMusedUpon(mood="glad")), CAUSE)


def test_schema_versions_are_kept_where_one_is_not_1(mused: Commit) -> None:
    item = commit_to_item(mused)

    assert from_item(item)["schema_versions"] == [1, 2]
    assert commit_from_item(item) == mused
    assert "schema_versions" not in commit_to_item(COMMITS["accepted"])
    assert from_item(commit_to_item(COMMITS["expired"]))["schema_versions"] == [1, 2]


def test_an_event_that_was_stored_at_an_older_version_is_read_as_one_of_the_present(mused: Commit) -> None:
    item = commit_to_item(mused)
    del item["schema_versions"], item["body"]["M"]["mood"]

    assert commit_from_item(item).get(PaymentMusedUpon) == PaymentMusedUpon(mood="calm")


@pytest.mark.parametrize("field", ["committed_at", "due_at"])
def test_a_time_without_zone_is_refused(field: str) -> None:
    item = commit_to_item(decide(placed_order(), inventory(stock_item())))

    with pytest.raises(ValueError, match=f"{field} has no time zone"):
        commit_from_item({**item, field: {"S": "2026-01-01T12:00:00.123"}})
