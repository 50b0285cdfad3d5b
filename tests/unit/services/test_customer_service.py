"""Customers on the services' tables: registered, changed, erased, twice and at once."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from scripts.cli.paths import REPO_ROOT
from services.customer_service.domain import MOST_PROFILE_BYTES, Address, Profile, customer_id_of, first_profile
from services.libs.personal.sealing import CustomerKey, Place
from services.libs.store.commit_items import commit_from_item
from services.libs.store.dynamodb_items import to_item
from services.libs.store.event_store import EventStore
from services.shared.commits import Commit
from services.shared.customer_lifecycle import CUSTOMER as LIFE
from services.shared.customer_lifecycle import ERASED
from services.shared.events.customer import CustomerProfileUpdated, CustomerRegistered, ProfileField
from services.shared.events.order import OrderConfirmed
from services.shared.refusals import Refusal, RefusedError
from tests.factories import CAUSE, NOW
from tests.unit.conftest import CUSTOMER_KEY_TABLE, EVENT_STORE_TABLE, TABLES, Aws
from tests.unit.services.customers import (
    ADA,
    CUSTOMER,
    HOME,
    STREAM,
    USERNAME,
    customers,
    erased,
    events,
    key_item,
    logins,
    lose_key,
    lose_stream,
    racing,
    registered,
    stored_words,
    updated,
)

SUB = "5e1f0b52-2f0a-4a3b-9f0e-0c3b6b1a2d4e"


def _refused(reason: Refusal, act: Callable[[], object]) -> None:
    with pytest.raises(RefusedError) as refused:
        act()
    assert refused.value.reason is reason


def test_an_id_tells_nothing_of_the_sub_and_is_an_identifier() -> None:
    customer = customer_id_of(SUB)

    OrderConfirmed(order_id="order-1", customer_id=customer, amount_minor=1, currency="GBP")
    assert re.fullmatch(r"c-[0-9a-f]{26}", customer)
    assert customer_id_of(SUB) == customer != customer_id_of(SUB.upper())


@pytest.mark.parametrize(
    "mail", ["", "ada", "ada@example", "a da@example.org", "ada@example.org\n", f"{'a' * 300}@b.org"]
)
def test_a_sign_in_address_that_is_no_mail_is_left_out(mail: str) -> None:
    assert first_profile(mail) == Profile()


def test_a_customer_is_registered_once_with_a_key_and_a_sealed_profile(aws: Aws) -> None:
    for _ in range(2):
        registered(aws)

    assert customers(aws).read(CUSTOMER) == (1, ADA, True)
    assert events(aws) == ["CustomerRegistered"]
    assert key_item(aws, CUSTOMER)["username"] == USERNAME  # type: ignore[index]
    assert not re.search("Ada|Lovelace|example", stored_words(aws))


def test_of_two_who_register_the_same_customer_at_once_one_does(aws: Aws) -> None:
    rival = racing(aws, lambda: registered(aws, Profile(name="first")))

    customers(aws, rival).register(CUSTOMER, USERNAME, CAUSE, Profile(name="second"))

    assert customers(aws).read(CUSTOMER).profile == Profile(name="first")
    assert events(aws) == ["CustomerRegistered"]


def test_a_customer_whose_registration_a_restore_took_is_registered_with_the_key_that_there_is(aws: Aws) -> None:
    registered(aws)
    key = key_item(aws)
    lose_stream(aws)

    registered(aws, Profile(name="again"))

    assert customers(aws).read(CUSTOMER) == (1, Profile(name="again"), True)
    assert key_item(aws) == key


def test_an_erasure_that_overtakes_a_registration_with_an_old_key_wins(aws: Aws) -> None:
    registered(aws)
    lose_stream(aws)
    rival = racing(aws, lambda: erased(aws))

    _refused(Refusal.ERASED, lambda: customers(aws, rival).register(CUSTOMER, USERNAME, CAUSE, ADA))

    assert events(aws) == ["CustomerErased"]


def test_an_update_states_the_fields_that_changed_and_no_others(aws: Aws) -> None:
    registered(aws)

    found = customers(aws).update(CUSTOMER, USERNAME, {"name": "Ada King", "mail": ADA.mail}, 1, CAUSE)

    assert found == (2, Profile(name="Ada King", mail=ADA.mail), True)
    commit = aws.store.read(STREAM)[-1]
    assert commit.get(CustomerProfileUpdated).fields == (ProfileField.NAME,)
    assert commit.events[0].published() == {"customerId": CUSTOMER, "fields": ["name"]}


def test_fields_are_added_removed_and_replaced(aws: Aws) -> None:
    registered(aws)

    updated(aws, name=None, addresses=[HOME, HOME | {"city": "Bath"}])
    updated(aws, addresses=[HOME])

    found = customers(aws).read(CUSTOMER)
    assert (found.profile.name, found.profile.mail, found.version) == (None, ADA.mail, 3)
    assert [each.city for each in found.profile.addresses] == ["London"]


def test_an_update_that_changes_nothing_commits_nothing(aws: Aws) -> None:
    registered(aws)

    assert customers(aws).update(CUSTOMER, USERNAME, {"name": ADA.name}, 1, CAUSE).version == 1
    assert customers(aws).update(CUSTOMER, USERNAME, {}, 1, CAUSE).version == 1

    assert events(aws) == ["CustomerRegistered"]


def test_the_first_command_registers_whom_no_sign_in_did(aws: Aws) -> None:
    assert customers(aws).read(CUSTOMER) == (0, Profile(), True)

    found = customers(aws).update(CUSTOMER, USERNAME, {"name": "Ada"}, 0, CAUSE)

    assert found == (2, Profile(name="Ada"), True)
    assert events(aws) == ["CustomerRegistered", "CustomerProfileUpdated"]
    assert aws.store.read(STREAM)[0].get(CustomerRegistered).sealed_profile is None
    assert (key_item(aws) or {})["username"] == USERNAME


def test_whoever_is_registered_while_they_are_read_is_readable(aws: Aws) -> None:
    class _Store(EventStore):
        def read_back(self, stream_id: str, until: Callable[[Commit], bool]) -> tuple[Commit, ...]:
            registered(aws)
            return super().read_back(stream_id, until)

    assert customers(aws, _Store(aws.dynamodb, TABLES)).read(CUSTOMER) == (1, ADA, True)


def test_whoever_has_not_seen_the_profile_of_the_sign_in_reads_it_first(aws: Aws) -> None:
    registered(aws)

    _refused(Refusal.STALE, lambda: customers(aws).update(CUSTOMER, USERNAME, {"name": "x"}, 0, CAUSE))


def test_of_two_updates_of_one_version_one_is_stale(aws: Aws) -> None:
    registered(aws)
    rival = racing(aws, lambda: updated(aws, name="first"))

    _refused(Refusal.STALE, lambda: customers(aws, rival).update(CUSTOMER, USERNAME, {"name": "second"}, 1, CAUSE))

    assert customers(aws).read(CUSTOMER).profile.name == "first"


def test_a_profile_has_a_largest_size(aws: Aws) -> None:
    registered(aws)
    most = {"lines": ("é" * 100,) * 4, "city": "é" * 100, "country": "GB"}

    _refused(Refusal.TOO_MUCH, lambda: updated(aws, addresses=[most] * 16))
    updated(aws, addresses=[most] * 15)

    size = max(len(str(item)) for item in aws.dynamodb.scan(TableName=EVENT_STORE_TABLE)["Items"])
    assert MOST_PROFILE_BYTES < size < 32 * 1024


@pytest.mark.parametrize("profile", [ADA, Profile()])
def test_an_erasure_leaves_a_tombstone_and_nothing_that_opens(aws: Aws, profile: Profile) -> None:
    registered(aws, profile)
    updated(aws, name="Augusta")

    erased(aws)

    assert events(aws) == ["CustomerRegistered", "CustomerProfileUpdated", "CustomerErased"]
    tombstone = key_item(aws)
    assert tombstone == {"customer_id": CUSTOMER, "erased_at": "2026-01-01T12:00:00.123Z", "username": USERNAME}
    assert LIFE.fold(aws.store.read(STREAM)).phase == ERASED


def test_an_erased_customer_whose_tombstone_is_lost_stays_erased(aws: Aws) -> None:
    registered(aws)
    erased(aws)
    lose_key(aws)

    _refused(Refusal.ERASED, lambda: customers(aws).read(CUSTOMER))


def test_an_erasure_is_done_once(aws: Aws) -> None:
    registered(aws)

    for _ in range(2):
        erased(aws)

    assert events(aws) == ["CustomerRegistered", "CustomerErased"]


def test_whoever_was_never_registered_can_be_erased_too(aws: Aws) -> None:
    erased(aws)

    assert events(aws) == ["CustomerErased"]
    assert key_item(aws)["username"] == USERNAME  # type: ignore[index]


@pytest.mark.parametrize(
    "act",
    [
        registered,
        lambda aws: customers(aws).read(CUSTOMER),
        lambda aws: customers(aws).update(CUSTOMER, USERNAME, {"name": "x"}, 2, CAUSE),
        lambda aws: logins(aws).tell(CUSTOMER, CAUSE),
    ],
    ids=["register", "read", "update", "login"],
)
@pytest.mark.parametrize("restored_to", [0, 1, 2])
def test_nothing_follows_an_erasure_whatever_a_restore_took(
    aws: Aws, act: Callable[[Aws], object], restored_to: int
) -> None:
    registered(aws)
    erased(aws)
    lose_stream(aws, after=restored_to)
    before = events(aws)

    _refused(Refusal.ERASED, lambda: act(aws))

    assert events(aws) == before
    assert "wrapped_key" not in (key_item(aws) or {})


def test_an_update_that_an_erasure_overtakes_is_refused(aws: Aws) -> None:
    registered(aws)
    rival = racing(aws, lambda: erased(aws))

    _refused(Refusal.ERASED, lambda: customers(aws, rival).update(CUSTOMER, USERNAME, {"name": "x"}, 1, CAUSE))

    assert events(aws)[-1] == "CustomerErased"


def test_an_erasure_that_an_update_overtakes_follows_it(aws: Aws) -> None:
    registered(aws)
    rival = racing(aws, lambda: updated(aws, name="x"))

    customers(aws, rival).erase(CUSTOMER, USERNAME, CAUSE)

    assert events(aws) == ["CustomerRegistered", "CustomerProfileUpdated", "CustomerErased"]
    assert "wrapped_key" not in (key_item(aws) or {})


def test_of_two_erasures_at_once_one_is_committed(aws: Aws) -> None:
    registered(aws)
    rival = racing(aws, lambda: erased(aws))

    customers(aws, rival).erase(CUSTOMER, USERNAME, CAUSE)

    assert events(aws) == ["CustomerRegistered", "CustomerErased"]


@pytest.mark.parametrize("first", ["registration", "erasure"])
def test_a_registration_and_an_erasure_at_once_leave_no_key(aws: Aws, first: str) -> None:
    if first == "registration":
        customers(aws, racing(aws, lambda: registered(aws))).erase(CUSTOMER, USERNAME, CAUSE)
    else:
        service = customers(aws, racing(aws, lambda: erased(aws)))
        _refused(Refusal.ERASED, lambda: service.register(CUSTOMER, USERNAME, CAUSE, ADA))

    assert events(aws)[-1] == "CustomerErased"
    assert "wrapped_key" not in (key_item(aws) or {})


def test_an_erasure_that_fails_changes_nothing(aws: Aws) -> None:
    registered(aws)

    class _Down(EventStore):
        def append(self, commit: Commit) -> None:
            raise ConnectionError(commit.stream_id)

    with pytest.raises(ConnectionError):
        customers(aws, _Down(aws.dynamodb, aws.deployment.store_tables)).erase(CUSTOMER, USERNAME, CAUSE)

    assert customers(aws).read(CUSTOMER) == (1, ADA, True)


@pytest.mark.parametrize("restored_to", [0, 1, 2])
def test_an_erasure_that_a_restore_took_is_committed_again_once(aws: Aws, restored_to: int) -> None:
    registered(aws)
    erased(aws)
    lose_stream(aws, after=restored_to)

    first, second = (customers(aws).erase_again(CUSTOMER, CAUSE) for _ in range(2))

    assert (first, second) == (restored_to < 2, False)
    assert events(aws)[-1] == "CustomerErased"
    assert events(aws).count("CustomerErased") == 1


def test_a_customer_who_asks_again_after_a_restore_mends_their_erasure(aws: Aws) -> None:
    registered(aws)
    erased(aws)
    lose_stream(aws, after=1)

    erased(aws)

    assert events(aws) == ["CustomerRegistered", "CustomerErased"]


def test_only_an_erased_customer_is_erased_again(aws: Aws) -> None:
    registered(aws)

    with pytest.raises(LookupError):
        customers(aws).erase_again(CUSTOMER, CAUSE)

    assert events(aws) == ["CustomerRegistered"]


def test_a_profile_whose_key_is_lost_is_said_to_be_unreadable_until_it_is_told_anew(aws: Aws) -> None:
    registered(aws)
    lose_key(aws)

    lost = customers(aws).read(CUSTOMER)
    told = customers(aws).update(CUSTOMER, USERNAME, {"name": "Ada"}, lost.version, CAUSE)

    assert lost == (1, Profile(), False)
    assert told == customers(aws).read(CUSTOMER) == (2, Profile(name="Ada"), True)


def test_a_profile_from_another_place_does_not_open(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    registered(aws)
    key = aws.keys.find(CUSTOMER)
    assert key
    elsewhere = key.seal(Place(STREAM, 7, "sealed_profile"), ADA.text)
    aws.dynamodb.update_item(
        TableName=EVENT_STORE_TABLE,
        Key=to_item({"stream_id": STREAM, "version": 1}),
        UpdateExpression="SET body.sealedProfile = :text",
        ExpressionAttributeValues=to_item({":text": elsewhere}),
    )

    assert customers(aws).read(CUSTOMER) == (1, Profile(), False)
    assert "Ada" not in capsys.readouterr().out


def test_a_key_of_another_customer_opens_nothing_and_seals_nothing(aws: Aws) -> None:
    registered(aws)
    customers(aws).register("c-2", "user-2", CAUSE)
    item = to_item((key_item(aws, "c-2") or {}) | {"customer_id": CUSTOMER})
    aws.dynamodb.put_item(TableName=CUSTOMER_KEY_TABLE, Item=item)

    assert customers(aws).read(CUSTOMER) == (1, Profile(), False)
    _refused(Refusal.UNREADABLE, lambda: customers(aws).update(CUSTOMER, USERNAME, {"name": "x"}, 1, CAUSE))
    customers(aws).erase(CUSTOMER, USERNAME, CAUSE)


def test_logins_are_told_at_most_once_a_minute(aws: Aws) -> None:
    for seconds in (0, 1, 59.999, 60, 119):
        logins(aws).tell(CUSTOMER, replace(CAUSE, at=NOW + timedelta(seconds=seconds)))

    told = aws.store.read(f"login#{CUSTOMER}#2026-01-01")
    assert [(commit.cause.at - NOW).total_seconds() for commit in told] == [0, 60]


def test_the_minute_goes_on_over_midnight(aws: Aws) -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    for seconds in (-30, 10, 31):
        logins(aws).tell(CUSTOMER, replace(CAUSE, at=midnight + timedelta(seconds=seconds)))

    assert [commit.cause.at for commit in aws.store.read(f"login#{CUSTOMER}#2026-01-01")] == [
        midnight - timedelta(seconds=30)
    ]
    (next_day,) = aws.store.read(f"login#{CUSTOMER}#2026-01-02")
    assert next_day.cause.at == midnight + timedelta(seconds=31)


def test_of_two_logins_at_once_one_is_told(aws: Aws) -> None:
    rival = racing(aws, lambda: logins(aws).tell(CUSTOMER, CAUSE))

    logins(aws, rival).tell(CUSTOMER, CAUSE)

    assert events(aws, f"login#{CUSTOMER}#2026-01-01") == ["CustomerLogin"]


def test_a_profile_of_any_age_stays_readable() -> None:
    golden = json.loads((REPO_ROOT / "tests/golden/commits/profile-updated-move-stated.json").read_text("utf-8"))
    commit = commit_from_item(golden["item"])
    key = CustomerKey(commit.get(CustomerProfileUpdated).customer_id, b"golden" * 5 + b"00")

    sealed = commit.get(CustomerProfileUpdated).sealed_profile
    profile = Profile.of(key.unseal(Place(commit.stream_id, commit.version, "sealed_profile"), sealed))

    home = HOME | {"label": "home", "recipient": "Ada Lovelace"}
    assert profile == Profile(name="Ada Lovelace", mail="ada@example.org", addresses=(Address.model_validate(home),))


def test_an_error_in_what_was_sealed_does_not_quote_it() -> None:
    with pytest.raises(ValidationError) as wrong:
        Profile.of('{"name": {"first": "Ada Lovelace"}}')

    assert "Ada" not in str(wrong.value)
