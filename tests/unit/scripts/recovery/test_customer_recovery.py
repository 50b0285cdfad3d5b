"""Erased customers and the keys of the others, when the log is restored: to a time before, and elsewhere."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from scripts.cli.errors import UserError
from scripts.ledger.customers import CustomerFlaw, Flaw
from scripts.operate.order_client import OrderClient
from scripts.recovery import replay_orders
from scripts.recovery.customers import CustomerMender
from services.libs.messaging.event_publisher import event_detail
from services.libs.store.dynamodb_items import to_item
from services.shared.events.order import OrderPlaced
from services.shared.refusals import Refusal, RefusedError
from tests.factories import CAUSE, NOW
from tests.unit.conftest import EVENT_STORE_TABLE
from tests.unit.scripts.forgetting import CART, CUSTOMER, STREAM, World
from tests.unit.services import carts
from tests.unit.services.customers import ADA, customers

ERASED_AT = NOW + timedelta(hours=1)


def test_who_is_erased_stays_erased_after_the_restore_of_a_backup_from_before(forgetting: World) -> None:
    forgetting.customer()
    forgetting.back_up()
    forgetting.erase(ERASED_AT)
    forgetting.finish(CUSTOMER)
    tombstone = forgetting.key_item()

    forgetting.restore(replaces=True)

    assert forgetting.events_of() == ["CustomerRegistered", "CustomerErased"]
    assert forgetting.key_item() == tombstone
    assert forgetting.events_of(CART)[-1] == "CartItemAdded"
    forgetting.finish(CUSTOMER)  # as the relay tells of the new commit
    assert forgetting.events_of(CART)[-1] == "CartCleared"
    assert forgetting.ticket() == ["SupportTicketCreated", "SupportTicketClosed"]
    assert forgetting.found(datetime.now(UTC)) == []
    with pytest.raises(RefusedError):
        customers(forgetting.aws).read(CUSTOMER)


def test_nothing_that_waits_for_a_person_is_published_again(forgetting: World) -> None:
    forgetting.customer()
    forgetting.back_up()

    forgetting.restore()

    assert forgetting.events.published == []


def test_no_backup_has_a_key(forgetting: World) -> None:
    forgetting.customer()

    forgetting.back_up()

    kept = b"".join(gzip.decompress(path.read_bytes()) for path in forgetting.folder.glob("*.gz"))
    assert b"CustomerRegistered" in kept
    assert b"wrapped_key" not in kept
    assert forgetting.key_item()["wrapped_key"]["S"].encode() not in kept


def test_an_erasure_is_nothing_that_a_restore_loses(forgetting: World) -> None:
    """So neither a second run nor an erasure alone asks for --replace."""
    forgetting.customer()
    forgetting.back_up()
    forgetting.erase(ERASED_AT)

    for _ in range(2):
        forgetting.restore()

        assert forgetting.events_of() == ["CustomerRegistered", "CustomerErased"]


def test_who_came_after_the_backup_and_was_erased_stays_erased(forgetting: World) -> None:
    forgetting.back_up()
    forgetting.customer()
    forgetting.erase(ERASED_AT)

    with pytest.raises(UserError, match=f"holds .* such as .*{STREAM} version 1"):
        forgetting.restore()
    forgetting.restore(replaces=True)

    assert forgetting.events_of() == ["CustomerErased"]
    forgetting.restore()  # it loses nothing more


def test_who_came_after_the_backup_keeps_the_key_and_is_registered_again(forgetting: World) -> None:
    forgetting.back_up()
    forgetting.customer()
    key = forgetting.key_item()

    forgetting.restore(replaces=True)

    assert forgetting.events_of() == ["CustomerRegistered"]
    assert forgetting.key_item() == key
    assert forgetting.found() == []
    forgetting.restore()  # it loses nothing more


def test_an_erasure_is_not_forgotten_where_only_the_log_tells_of_it(forgetting: World) -> None:
    username = forgetting.customer()
    forgetting.back_up()
    forgetting.erase(ERASED_AT)
    forgetting.lose_keys()

    forgetting.restore()

    assert forgetting.events_of() == ["CustomerRegistered", "CustomerErased"]
    assert forgetting.key_item()["erased_at"] == {"S": "2026-01-01T13:00:00.123Z"}
    assert forgetting.key_item()["username"] == {"S": username}
    forgetting.finish(*set(forgetting.events.erased))
    assert forgetting.users() == 0


def test_elsewhere_nobody_reads_what_was_sealed_and_everybody_goes_on(
    forgetting: World, capsys: pytest.CaptureFixture[str]
) -> None:
    username = forgetting.customer()
    forgetting.back_up()
    forgetting.lose_keys()
    forgetting.lose()

    forgetting.restore()  # raises unless the audit is clean

    assert f"nobody can read what was sealed before: {CUSTOMER}" in " ".join(capsys.readouterr().out.split())
    assert forgetting.key_item()["username"] == {"S": username}
    found = customers(forgetting.aws).read(CUSTOMER)
    assert (found.is_readable, found.profile.name) == (False, None)
    customers(forgetting.aws).update(CUSTOMER, username, {"name": ADA.name}, found.version, CAUSE)
    assert customers(forgetting.aws).read(CUSTOMER).profile.name == ADA.name
    forgetting.ask("2b")


def test_elsewhere_who_was_erased_is_erased_too(forgetting: World) -> None:
    forgetting.customer()
    forgetting.erase(ERASED_AT)
    forgetting.back_up()
    forgetting.lose_keys()
    forgetting.lose()

    forgetting.restore()

    assert forgetting.key_item()["erased_at"] == {"S": "2026-01-01T13:00:00.123Z"}
    with pytest.raises(RefusedError) as refused:
        customers(forgetting.aws).register(CUSTOMER, "user-1", CAUSE)
    assert refused.value.reason is Refusal.ERASED


def test_a_customer_who_cannot_be_mended_is_named_and_the_restore_is_not_finished(
    forgetting: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forgetting.customer()
    forgetting.back_up()
    forgetting.erase(ERASED_AT)

    def lost(*_: object) -> None:
        raise LookupError("no tombstone")

    with monkeypatch.context() as patched:
        patched.setattr("services.customer_service.service.Customers.erase_again", lost)
        with pytest.raises(UserError, match=f"{CUSTOMER}: no tombstone"):
            forgetting.restore()
    assert "the restore is not finished: run it again" in capsys.readouterr().err

    forgetting.restore()
    assert forgetting.events_of()[-1] == "CustomerErased"


def test_a_key_that_somebody_makes_meanwhile_stays(forgetting: World) -> None:
    forgetting.customer()
    mender = CustomerMender(forgetting.target(), forgetting.deployment, "test")

    (left,) = mender.mend([CustomerFlaw(Flaw.KEY_LOST, CUSTOMER)])

    assert left == f"{CUSTOMER}: somebody made their key meanwhile"
    assert customers(forgetting.aws).read(CUSTOMER).profile == ADA


def test_a_lost_checkout_of_an_erased_customer_stays_out_of_the_cart_and_its_order_is_placed(
    forgetting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetting.customer()
    order_id = carts.checked_out(forgetting.aws)
    checkout = forgetting.aws.store.read(CART)[-1]
    forgetting.back_up()
    forgetting.erase(ERASED_AT)
    key = to_item({"stream_id": CART, "version": checkout.version})
    forgetting.aws.dynamodb.delete_item(TableName=EVENT_STORE_TABLE, Key=key)
    detail = event_detail(checkout, 1)
    body = {"id": "1", "detail-type": "OrderPlaced", "time": "2026-01-01T12:00:00Z", "detail": detail}
    monkeypatch.setattr(replay_orders.OrderArchive, "__init__", lambda *_: None)
    monkeypatch.setattr(replay_orders.OrderArchive, "placed", lambda *_: iter([[json.dumps(body)]]))
    placed: list[dict[str, object]] = []
    monkeypatch.setattr(OrderClient, "__init__", lambda *_: None)
    monkeypatch.setattr(OrderClient, "place", lambda _, orders: placed.extend(orders))

    replay_orders.replay_lost_orders(forgetting.target(), "1h", dry_run=False)

    assert [OrderPlaced.of(order).order_id for order in placed] == [order_id]
    assert forgetting.events_of(CART) == ["CartItemAdded"]
