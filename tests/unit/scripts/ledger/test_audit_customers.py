"""Erasures, as an audit finds them whole or in halves, and a repair finishes them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.libs.store.dynamodb_items import to_item
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.customer_lifecycle import login_stream
from services.shared.events.customer import CustomerErased, CustomerLogin
from tests.factories import CAUSE, NOW
from tests.unit.conftest import EVENT_STORE_TABLE
from tests.unit.scripts.forgetting import CART, CUSTOMER, STREAM, World
from tests.unit.services.customers import ADA, customers

ERASED_AT = NOW + timedelta(hours=1)
LONG_AFTER = ERASED_AT + timedelta(hours=1)


def _found(world: World, at: datetime = ERASED_AT) -> list[tuple[str, str]]:
    return [(kind, subject) for kind, subject, _ in world.found(at)]


def _lose_commits(world: World, *versions: int) -> None:
    for version in versions:
        key = to_item({"stream_id": STREAM, "version": version})
        world.aws.dynamodb.delete_item(TableName=EVENT_STORE_TABLE, Key=key)


@pytest.mark.parametrize("erased", [False, True])
def test_a_customer_and_an_erasure_that_is_finished_are_no_findings(forgetting: World, *, erased: bool) -> None:
    forgetting.customer()
    if erased:
        forgetting.erase(ERASED_AT)
        assert _found(forgetting) == []  # it may take a while
        forgetting.finish(CUSTOMER, at=ERASED_AT + timedelta(minutes=10))

    assert _found(forgetting, LONG_AFTER) == []


def test_a_tombstone_whose_stream_tells_of_no_erasure_is_found_and_that_is_committed(forgetting: World) -> None:
    forgetting.customer()
    forgetting.erase(ERASED_AT)
    _lose_commits(forgetting, 2)

    assert _found(forgetting) == [("customer", CUSTOMER)]
    assert forgetting.repair() == ""

    assert forgetting.events_of() == ["CustomerRegistered", "CustomerErased"]
    assert _found(forgetting) == []


def test_an_erasure_whose_key_lives_is_found_and_the_key_is_destroyed(forgetting: World) -> None:
    username = forgetting.customer()
    cause = Cause("someone", "someone", ERASED_AT)
    forgetting.aws.store.append(Commit(STREAM, 2, (CustomerErased(customer_id=CUSTOMER),), cause))

    assert _found(forgetting) == [("customer", CUSTOMER)]
    assert forgetting.repair() == ""

    assert forgetting.key_item() == to_item(
        {"customer_id": CUSTOMER, "erased_at": "2026-01-01T13:00:00.123Z", "username": username}
    )
    assert forgetting.events.erased == [CUSTOMER]
    assert _found(forgetting) == []


def test_erasures_without_their_table_are_found_and_the_users_are_named_again(forgetting: World) -> None:
    username = forgetting.customer()
    forgetting.erase(ERASED_AT)
    forgetting.lose_keys()

    assert _found(forgetting) == [("customer", CUSTOMER)]
    assert forgetting.repair() == ""

    assert forgetting.key_item()["username"] == {"S": username}
    forgetting.finish(*forgetting.events.erased)
    assert forgetting.users() == 0
    assert _found(forgetting, LONG_AFTER) == []


def test_an_erasure_that_is_not_finished_long_after_is_found_and_told_again(forgetting: World) -> None:
    forgetting.customer()
    forgetting.erase(ERASED_AT)

    subjects = _found(forgetting, LONG_AFTER)

    ticket = next(subject for _, subject in subjects if subject.startswith("ticket#"))
    assert sorted(subjects) == [("customer", CUSTOMER), ("erasure", CART), ("erasure", ticket)]
    assert forgetting.repair() == ""
    assert forgetting.events.published == [f"{STREAM}/2/0"]
    forgetting.finish(*forgetting.events.erased)
    assert _found(forgetting, LONG_AFTER) == []


def test_a_registered_customer_without_a_key_is_found_and_given_another(forgetting: World) -> None:
    username = forgetting.customer()
    forgetting.lose_keys()

    assert _found(forgetting) == [("customer", CUSTOMER)]
    assert forgetting.repair() == ""

    assert forgetting.key_item()["username"] == {"S": username}
    assert forgetting.events_of() == ["CustomerRegistered"]
    assert _found(forgetting) == []


def test_a_key_whose_customer_the_log_does_not_know_is_found_and_registered(forgetting: World) -> None:
    forgetting.customer()
    key = forgetting.key_item()
    _lose_commits(forgetting, 1)

    assert _found(forgetting) == [("customer", CUSTOMER)]
    assert forgetting.repair() == ""

    assert (forgetting.events_of(), forgetting.key_item()) == (["CustomerRegistered"], key)
    assert _found(forgetting) == []


def test_what_an_erased_customer_commits_later_is_found(forgetting: World) -> None:
    forgetting.customer()
    forgetting.erase(ERASED_AT)
    forgetting.finish(CUSTOMER)
    stream = login_stream(CUSTOMER, LONG_AFTER)
    for version, at in enumerate((ERASED_AT + timedelta(seconds=20), LONG_AFTER), start=1):
        login = CustomerLogin(customer_id=CUSTOMER)
        forgetting.aws.store.append(Commit(stream, version, (login,), replace(CAUSE, at=at)))

    assert forgetting.found(LONG_AFTER) == [("erasure", f"{stream} version 2", "CustomerLogin")]
    assert forgetting.repair() == ""
    assert _found(forgetting, LONG_AFTER) == [("erasure", f"{stream} version 2")]


def test_a_commit_after_the_erasure_in_the_customers_own_stream_is_found(forgetting: World) -> None:
    username = forgetting.customer()
    customers(forgetting.aws).update(CUSTOMER, username, {"name": "Ada K."}, 1, CAUSE)
    update = forgetting.aws.store.read(STREAM)[-1]
    _lose_commits(forgetting, 2)
    forgetting.erase(ERASED_AT)
    forgetting.aws.store.append(replace(update, version=3))

    ((kind, subject, found),) = forgetting.found(ERASED_AT)

    assert (kind, subject) == ("stream", STREAM)
    assert found == "CustomerProfileUpdated as version 3, where the stream is erased at version 2"


def test_findings_and_repairs_name_ids_only(forgetting: World, capsys: pytest.CaptureFixture[str]) -> None:
    username = forgetting.customer()
    forgetting.erase(ERASED_AT)
    _lose_commits(forgetting, 2)
    said = str(forgetting.found(datetime.now(UTC)))
    said += forgetting.repair()
    forgetting.lose_keys()
    said += str(forgetting.found(datetime.now(UTC))) + forgetting.repair()

    said += "".join(capsys.readouterr())

    assert CUSTOMER in said
    for word in (username, str(ADA.name), str(ADA.mail), "It broke"):
        assert word not in said
