"""Customers' keys: one each, made once, destroyed for good, and bound to their customer by KMS."""

import base64
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from services.libs.personal.customer_keys import CustomerKeys, KeyExistsError, Tombstone
from services.libs.personal.registration import open_key
from services.libs.personal.sealing import CustomerKey, Place, UnreadableError
from services.libs.store.dynamodb_items import to_item
from services.libs.store.event_store import ContentionError, EventStore, StockRefusedError, VersionTakenError
from services.shared.causes import timestamp
from services.shared.commits import Commit
from services.shared.customer_lifecycle import customer_stream
from services.shared.events.customer import CustomerErased, CustomerLogin, CustomerRegistered
from services.shared.refusals import Refusal, RefusedError
from tests.factories import CAUSE, NOW, decide, inventory, placed_order, seeding, stock_item
from tests.unit.conftest import AT_ONCE, CUSTOMER_KEY_TABLE, TABLES, Aws
from tests.unit.services.carts import Rivals

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_kms import KMSClient

LATER = NOW + timedelta(seconds=1)
_SECRET_BYTES = 32
_NO_KEY = "arn:aws:kms:eu-west-2:123456789012:key/00000000-0000-0000-0000-000000000000"
CUSTOMER, OTHER, USERNAME = "customer-1", "customer-2", "user-1"
STREAM = customer_stream(CUSTOMER)
PLACE = Place(STREAM, 1, "sealed_profile")
LOGIN = Commit("login#customer-1#2026-01-01", 1, (CustomerLogin(customer_id=CUSTOMER),), CAUSE)


def register(aws: Aws, customer_id: str = CUSTOMER) -> CustomerKey:
    return open_key(aws.store, aws.keys, customer_id, USERNAME, CAUSE)


def erase(aws: Aws, customer_id: str = CUSTOMER, username: str | None = None) -> None:
    version = aws.store.latest_version(customer_stream(customer_id)) + 1
    commit = Commit(customer_stream(customer_id), version, (CustomerErased(customer_id=customer_id),), CAUSE)
    aws.store.attaching(aws.keys.erasure(customer_id, NOW, username)).append(commit)


def item(aws: Aws, customer_id: str = CUSTOMER) -> dict[str, str]:
    found = aws.dynamodb.get_item(TableName=CUSTOMER_KEY_TABLE, Key=to_item({"customer_id": customer_id}))
    return {name: value["S"] for name, value in found.get("Item", {}).items()}


def put(aws: Aws, values: dict[str, str]) -> None:
    aws.dynamodb.put_item(TableName=CUSTOMER_KEY_TABLE, Item=to_item({**values}))


def lose_key(aws: Aws, customer_id: str = CUSTOMER) -> None:
    aws.dynamodb.delete_item(TableName=CUSTOMER_KEY_TABLE, Key=to_item({"customer_id": customer_id}))


def everything(aws: Aws) -> dict[str, object]:
    """All items, by table."""
    tables = (table for table in TABLES if table)
    return {table: aws.dynamodb.scan(TableName=table)["Items"] for table in tables}


def events(aws: Aws, customer_id: str = CUSTOMER) -> list[str]:
    return [event.type_name() for commit in aws.store.read(customer_stream(customer_id)) for event in commit.events]


def refused(act: Callable[[], object]) -> Refusal:
    with pytest.raises(RefusedError) as refusal:
        act()
    return refusal.value.reason


def test_a_key_that_was_made_is_found_again(aws: Aws) -> None:
    sealed = register(aws).seal(PLACE, "Ada")

    found = aws.keys.find(CUSTOMER)

    assert found
    assert found.unseal(PLACE, sealed) == "Ada"


def test_there_is_no_key_before_it_is_written(aws: Aws) -> None:
    aws.keys.create(CUSTOMER, USERNAME)

    assert aws.keys.find(CUSTOMER) is None
    assert item(aws) == {}


def test_only_what_kms_wrapped_is_kept(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads the table can open nothing without KMS."""
    made: list[bytes] = []
    generate = aws.kms.generate_data_key

    def spied(**arguments: str) -> object:
        answer = generate(**arguments)  # type: ignore[arg-type] # as they come
        made.append(answer["Plaintext"])
        return answer

    monkeypatch.setattr(aws.kms, "generate_data_key", spied)
    register(aws)

    (secret,) = made
    assert len(secret) == _SECRET_BYTES
    assert item(aws).keys() == {"customer_id", "wrapped_key", "username"}
    assert secret not in base64.b64decode(item(aws)["wrapped_key"])


def test_kms_unwraps_no_key_for_another_customer(aws: Aws) -> None:
    """Nothing is gained by a copy of a key in one's own item."""
    register(aws)
    put(aws, item(aws) | {"customer_id": OTHER})

    with pytest.raises(UnreadableError):
        aws.keys.find(OTHER)


def test_a_key_that_kms_refuses_is_a_fault_and_not_replaced(aws: Aws) -> None:
    """A new key would lose all that is sealed."""
    register(aws)
    before = item(aws)
    elsewhere = aws.kms.create_key()["KeyMetadata"]["Arn"]
    keys = CustomerKeys(aws.dynamodb, aws.kms, CUSTOMER_KEY_TABLE, elsewhere)

    with pytest.raises(ClientError, match="AccessDenied"):
        open_key(aws.store, keys, CUSTOMER, USERNAME, CAUSE)

    assert item(aws) == before
    assert events(aws) == ["CustomerRegistered"]


def test_without_kms_nobody_is_registered(aws: Aws) -> None:
    keys = CustomerKeys(aws.dynamodb, aws.kms, CUSTOMER_KEY_TABLE, _NO_KEY)

    with pytest.raises(ClientError, match="NotFound"):
        open_key(aws.store, keys, CUSTOMER, USERNAME, CAUSE)

    assert item(aws) == {}
    assert events(aws) == []


def test_two_first_requests_share_one_key(aws: Aws) -> None:
    """Each reads what the other sealed, and the customer is registered once."""
    others: list[CustomerKey] = []
    store = Rivals(aws, lambda: others.append(register(aws))).store()

    key = open_key(store, aws.keys, CUSTOMER, USERNAME, CAUSE)

    (other,) = others
    assert key.unseal(PLACE, other.seal(PLACE, "Ada")) == "Ada"
    assert events(aws) == ["CustomerRegistered"]


def test_the_profile_of_a_registration_opens_at_its_place(aws: Aws) -> None:
    key = open_key(aws.store, aws.keys, CUSTOMER, USERNAME, CAUSE, profile="Ada")

    (commit,) = aws.store.read(STREAM)
    sealed = commit.get(CustomerRegistered).sealed_profile
    assert sealed
    assert key.unseal(PLACE, sealed) == "Ada"


def test_whose_key_is_lost_gets_another_that_opens_nothing_of_before(aws: Aws) -> None:
    sealed = register(aws).seal(PLACE, "Ada")
    lose_key(aws)

    key = register(aws)

    assert item(aws)["username"] == USERNAME
    assert events(aws) == ["CustomerRegistered"]
    with pytest.raises(UnreadableError):
        key.unseal(PLACE, sealed)


def test_an_erased_customer_whose_tombstone_is_lost_gets_no_key(aws: Aws) -> None:
    register(aws)
    erase(aws)
    lose_key(aws)

    assert refused(lambda: register(aws)) is Refusal.ERASED


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_key_that_another_transaction_holds_is_not_said_to_be_erased(aws: Aws, *, is_lost: bool) -> None:
    _, kept = aws.keys.create(CUSTOMER, USERNAME)
    write = kept if is_lost else aws.keys.erasure(CUSTOMER, NOW)

    def conflicting(**_: object) -> object:
        reasons = [{"Code": "TransactionConflict"}]
        response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise aws.dynamodb.exceptions.TransactionCanceledException(response, "TransactWriteItems")

    client = SimpleNamespace(transact_write_items=conflicting, exceptions=aws.dynamodb.exceptions)
    keys = CustomerKeys(cast("DynamoDBClient", client), cast("KMSClient", None), CUSTOMER_KEY_TABLE, _NO_KEY)

    with pytest.raises(ContentionError):
        keys.keep(write)


def test_keys_and_tombstones_are_read_as_of_now(aws: Aws) -> None:
    """An eventually consistent read may find the key of a customer who was erased this second."""
    register(aws)
    asked: list[object] = []

    def note(params: dict[str, object], **_: object) -> None:
        asked.append(params.get("ConsistentRead"))

    aws.dynamodb.meta.events.register("provide-client-params.dynamodb.GetItem", note)

    aws.keys.find(CUSTOMER)
    aws.keys.tombstone(CUSTOMER)

    assert asked == [True, True]


def test_an_erasure_destroys_the_key_and_says_so_in_one_transaction(aws: Aws) -> None:
    sealed = register(aws).seal(PLACE, "Ada")
    wrapped = item(aws)["wrapped_key"]

    erase(aws)

    assert item(aws) == {"customer_id": CUSTOMER, "erased_at": timestamp(NOW), "username": USERNAME}
    assert refused(lambda: aws.keys.find(CUSTOMER)) is Refusal.ERASED
    assert events(aws) == ["CustomerRegistered", "CustomerErased"]
    assert wrapped not in str(aws.dynamodb.scan(TableName=CUSTOMER_KEY_TABLE))
    with pytest.raises(UnreadableError):
        register(aws, OTHER).unseal(PLACE, sealed)


def test_an_erasure_whose_version_is_taken_leaves_the_key(aws: Aws) -> None:
    register(aws)
    erased = Commit(STREAM, 1, (CustomerErased(customer_id=CUSTOMER),), CAUSE)

    with pytest.raises(VersionTakenError):
        aws.store.attaching(aws.keys.erasure(CUSTOMER, NOW)).append(erased)

    assert aws.keys.find(CUSTOMER)


def test_an_erasure_is_done_once(aws: Aws) -> None:
    register(aws)
    erase(aws)
    before = item(aws)

    assert refused(lambda: erase(aws)) is Refusal.ERASED

    assert item(aws) == before
    assert events(aws) == ["CustomerRegistered", "CustomerErased"]


def test_who_never_had_a_key_is_erased_too(aws: Aws) -> None:
    """They may have a user in the pool, and are to get no key by a request that is on its way."""
    erase(aws, username=USERNAME)

    assert aws.keys.tombstone(CUSTOMER) == Tombstone(CUSTOMER, NOW, USERNAME)
    assert refused(lambda: register(aws)) is Refusal.ERASED
    assert events(aws) == ["CustomerErased"]


def test_an_erasure_keeps_the_username_that_is_known(aws: Aws) -> None:
    register(aws)

    erase(aws, username="another")

    assert aws.keys.tombstone(CUSTOMER) == Tombstone(CUSTOMER, NOW, USERNAME)


def test_an_erasure_during_a_registration_wins(aws: Aws) -> None:
    store = Rivals(aws, lambda: erase(aws)).store()

    assert refused(lambda: open_key(store, aws.keys, CUSTOMER, USERNAME, CAUSE)) is Refusal.ERASED

    assert "wrapped_key" not in item(aws)
    assert events(aws) == ["CustomerErased"]


def test_a_registration_during_an_erasure_goes_with_it(aws: Aws) -> None:
    """The erasure meets version 1, and decides again."""
    erasure = Commit(STREAM, 1, (CustomerErased(customer_id=CUSTOMER),), CAUSE)
    store = Rivals(aws, lambda: register(aws)).store()
    with pytest.raises(VersionTakenError):
        store.attaching(aws.keys.erasure(CUSTOMER, NOW)).append(erasure)

    erase(aws)

    assert "wrapped_key" not in item(aws)
    assert events(aws) == ["CustomerRegistered", "CustomerErased"]


def test_two_erasures_at_once_leave_one(aws: Aws) -> None:
    register(aws)
    store = Rivals(aws, lambda: erase(aws)).store()
    second = Commit(STREAM, 2, (CustomerErased(customer_id=CUSTOMER),), CAUSE)

    assert refused(lambda: store.attaching(aws.keys.erasure(CUSTOMER, LATER)).append(second)) is Refusal.ERASED

    assert aws.keys.tombstone(CUSTOMER) == Tombstone(CUSTOMER, NOW, USERNAME)


def test_a_tombstone_is_of_the_erased_alone(aws: Aws) -> None:
    register(aws)

    assert aws.keys.tombstone(CUSTOMER) is None
    assert aws.keys.tombstone("nobody") is None


def test_a_tombstone_forgets_the_user_and_stays(aws: Aws) -> None:
    register(aws)
    erase(aws)

    for _ in range(2):
        aws.keys.forget_user(CUSTOMER)

    assert aws.keys.tombstone(CUSTOMER) == Tombstone(CUSTOMER, NOW)
    assert refused(lambda: aws.keys.find(CUSTOMER)) is Refusal.ERASED


def test_no_user_is_forgotten_whose_customer_is_not_erased(aws: Aws) -> None:
    """Their erasure could not remove the user later. Whoever has no key gets no item, which would read as erased."""
    register(aws)

    for customer_id in (CUSTOMER, OTHER):
        aws.keys.forget_user(customer_id)

    assert item(aws)["username"] == USERNAME
    assert item(aws, OTHER) == {}


def test_a_commit_for_a_customer_needs_no_key(aws: Aws) -> None:
    """A cart is begun before the first personal command."""
    aws.store.for_customer(CUSTOMER).append(LOGIN)

    assert aws.store.read(LOGIN.stream_id) == (LOGIN,)
    assert item(aws) == {}


def test_no_commit_for_an_erased_customer_is_written(aws: Aws) -> None:
    register(aws)
    erase(aws)

    assert refused(lambda: aws.store.for_customer(CUSTOMER).append(LOGIN)) is Refusal.ERASED

    assert aws.store.read(LOGIN.stream_id) == ()
    aws.store.for_customer(OTHER).append(LOGIN)


def test_an_erasure_just_before_the_commit_is_noticed(aws: Aws) -> None:
    store = Rivals(aws, lambda: erase(aws)).store()

    assert refused(lambda: store.for_customer(CUSTOMER).append(LOGIN)) is Refusal.ERASED

    assert aws.store.read(LOGIN.stream_id) == ()


def test_nothing_that_belongs_to_a_refused_commit_is_written(aws: Aws) -> None:
    """Neither its stock, nor its counters, nor its deadline."""
    aws.store.append(seeding())
    erase(aws)
    before = everything(aws)
    order = decide(placed_order(), aws.inventory.read(["prod-001"]))

    assert refused(lambda: aws.store.for_customer("customer-1").append(order)) is Refusal.ERASED

    assert everything(aws) == before


def test_erased_is_told_before_all_else(aws: Aws) -> None:
    """Also where the version is taken or the stock is short: nothing else helps an erased customer."""
    aws.store.append(LOGIN)
    erase(aws)
    short = decide(placed_order(), inventory(stock_item()))

    assert refused(lambda: aws.store.for_customer(CUSTOMER).append(LOGIN)) is Refusal.ERASED
    assert refused(lambda: aws.store.for_customer(CUSTOMER).append(short)) is Refusal.ERASED


def test_a_version_that_is_taken_is_told_to_who_is_not_erased(aws: Aws) -> None:
    aws.store.append(LOGIN)

    with pytest.raises(VersionTakenError) as taken:
        aws.store.for_customer(CUSTOMER).append(LOGIN)

    assert taken.value.existing == LOGIN


def test_short_stock_is_told_to_who_is_not_erased(aws: Aws) -> None:
    short = decide(placed_order(), inventory(stock_item()))

    with pytest.raises(StockRefusedError) as refusal:
        aws.store.for_customer(CUSTOMER).append(short)

    assert refusal.value.found == {"prod-001": None}


def test_each_attached_item_tells_of_its_own_refusal(aws: Aws) -> None:
    erase(aws)
    both = aws.store.for_customer(OTHER).for_customer(CUSTOMER)
    _, put_key = aws.keys.create(CUSTOMER, USERNAME)

    assert refused(lambda: both.append(LOGIN)) is Refusal.ERASED
    with pytest.raises(KeyExistsError):
        aws.store.for_customer(OTHER).attaching(put_key).append(LOGIN)

    assert aws.store.read(LOGIN.stream_id) == ()


def test_the_store_itself_stays_without_what_was_attached(aws: Aws) -> None:
    store = aws.store
    erase(aws)

    store.for_customer(CUSTOMER)

    store.append(LOGIN)


def test_a_conflict_with_another_transaction_is_tried_again_with_its_check(aws: Aws) -> None:
    """The customer is erased between two attempts."""
    transact = aws.dynamodb.transact_write_items
    met: list[object] = []

    def conflicting(**request: Any) -> object:  # noqa: ANN401 - as of botocore
        if met:
            return transact(**request)
        met.append(request)
        erase(aws)
        reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
        response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise aws.dynamodb.exceptions.TransactionCanceledException(response, "TransactWriteItems")

    client = SimpleNamespace(transact_write_items=conflicting, exceptions=aws.dynamodb.exceptions)
    store = EventStore(cast("DynamoDBClient", client), TABLES, backoff=AT_ONCE)

    assert refused(lambda: store.for_customer(CUSTOMER).append(LOGIN)) is Refusal.ERASED


def test_commits_by_themselves_are_refused_with_an_attached_check(aws: Aws) -> None:
    """They would be written without it."""
    with pytest.raises(ValueError, match="attached"):
        aws.store.for_customer(CUSTOMER).insert_all([LOGIN])

    assert aws.store.read(LOGIN.stream_id) == ()


def test_a_writer_without_the_keys_table_cannot_write_for_a_customer(aws: Aws) -> None:
    store = EventStore(aws.dynamodb, TABLES._replace(customer_keys=None))

    with pytest.raises(ValueError, match="table of their keys"):
        store.for_customer(CUSTOMER)
