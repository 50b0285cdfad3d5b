"""A batch written together is what it would be one at a time, and costs a fraction."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.libs.store import event_store
from services.libs.store.event_store import ContentionError, EventStore, TransactionFaultError, first_group
from services.order_service.domain import PlacedOrder
from services.order_service.service import OrderService
from services.payment_service.gateway import Charge, ChargeRequest, GatewayError
from services.payment_service.service import PaymentService
from services.payment_service.simulated_gateway import SimulatedGateway
from services.shared.causes import Cause
from services.shared.commits import Commit, order_stream
from services.shared.faults import DependencyError
from services.shared.inventory import Move, StockLine, StockMove, merged
from services.shared.rejections import RejectedError
from tests.factories import (
    CAUSE,
    PAYMENT_TIMEOUT,
    conclude,
    decide,
    inventory,
    pay,
    place,
    placed_order,
    refund,
    seeding,
    stock_item,
)
from tests.model.memory import MemoryEventStore, MemoryGateway, MemoryInventory
from tests.unit.conftest import AT_ONCE, GATEWAY_TABLE, TABLES, Aws

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_SKUS = ("a", "b", "c")
_IN_DOLLARS = "usd"
_ANY_SKU = st.sampled_from([*_SKUS, *_SKUS, _IN_DOLLARS, "unknown"])
# So that batches are written in several groups.
_FEW_ITEMS = 6
_LIMIT = 100


class _FailingStore(MemoryEventStore):
    """Fails its groups as `faults` says, in turn, and then no more."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: Iterator[type[Exception] | None] = iter(())

    def append_group(self, commits: Sequence[Commit]) -> None:
        if fault := next(self.faults, None):
            raise fault
        super().append_group(commits)


class _Shop:
    """The services over memory, with some of each SKU."""

    def __init__(self, stock: int) -> None:
        self.store = _FailingStore()
        for sku in _SKUS:
            self.store.append(seeding(sku, stock=stock))
        self.store.append(seeding(_IN_DOLLARS, stock=stock, currency="USD"))
        self.orders = OrderService(self.store, MemoryInventory(self.store), PAYMENT_TIMEOUT)
        self.payments = PaymentService(self.store, MemoryGateway())

    @property
    def state(self) -> object:
        log = {(commit.stream_id, commit.version): commit for commit in self.store.log}
        return log, self.store.stock, self.store.counters


def _cause(number: int) -> Cause:
    return replace(CAUSE, event_id=f"event-{number}")


def _one_by_one(shop: _Shop, placed: Sequence[PlacedOrder], first: int = 0) -> list[str]:
    outcomes = []
    for number, order in enumerate(placed, start=first):
        try:
            place(shop.orders, order, _cause(number))
        except RejectedError as rejected:
            outcomes.append(str(rejected))
        else:
            outcomes.append("")
    return outcomes


@pytest.fixture(autouse=True, params=[_LIMIT, _FEW_ITEMS], ids=["one group", "several groups"], scope="module")
def _items_per_transaction(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(event_store, "_MAX_ITEMS_PER_TRANSACTION", request.param)
        yield


_PLACED = st.lists(
    st.builds(
        placed_order,
        st.integers(1, 8).map("order-{}".format),
        st.dictionaries(_ANY_SKU, st.integers(1, 4), min_size=1, max_size=3),
    ),
    max_size=12,
)


@given(stock=st.integers(0, 12), placed=_PLACED, before=st.integers(0, 4))
def test_a_batch_is_decided_and_written_as_one_at_a_time(stock: int, placed: list[PlacedOrder], before: int) -> None:
    """Repetitions, conflicts, unknown SKUs and SKUs that run out in the middle included."""
    alone, together = _Shop(stock), _Shop(stock)
    for shop in (alone, together):
        _one_by_one(shop, placed[:before])

    outcomes = _one_by_one(alone, placed)
    batch = together.orders.place_all([(order, _cause(number)) for number, order in enumerate(placed)])
    comes_again = [number for number, outcome in enumerate(batch) if isinstance(outcome, ContentionError)]

    if comes_again:
        # A rejected order's id with other content: it is decided when it comes again, after its neighbours.
        again = together.orders.place_all([(placed[number], _cause(number)) for number in comes_again[:1]])
        assert not isinstance(again[0], ContentionError)
    else:
        assert [str(outcome or "") for outcome in batch] == outcomes
        assert together.state == alone.state


@given(
    stock=st.integers(0, 12),
    placed=_PLACED,
    faults=st.lists(st.sampled_from([None, ContentionError, TransactionFaultError]), max_size=12),
)
def test_an_order_whose_group_failed_is_as_one_that_never_came(
    stock: int, placed: list[PlacedOrder], faults: list[type[Exception] | None]
) -> None:
    alone, together = _Shop(stock), _Shop(stock)
    together.store.faults = iter(faults)

    batch = together.orders.place_all([(order, _cause(number)) for number, order in enumerate(placed)])

    came = [number for number, outcome in enumerate(batch) if not isinstance(outcome, DependencyError)]
    outcomes = [_one_by_one(alone, [placed[number]], number)[0] for number in came]
    assert [str(batch[number] or "") for number in came] == outcomes
    assert together.state == alone.state


@pytest.mark.parametrize("_items_per_transaction", [4], indirect=True, scope="module")
@pytest.mark.parametrize("fault", [ContentionError, TransactionFaultError])
def test_no_order_is_refused_for_stock_that_a_failed_one_before_it_would_have_taken(fault: type[Exception]) -> None:
    shop = _Shop(stock=5)
    shop.store.faults = iter([fault])

    outcomes = shop.orders.place_all(
        [(placed_order("all", {"a": 5, "b": 5}), CAUSE), (placed_order("one", {"a": 1}), CAUSE)]
    )

    assert [type(outcome) for outcome in outcomes] == [fault, type(None)]
    assert shop.store.stock["a"].reserved == 1


@given(stock=st.integers(1, 12), count=st.integers(1, 12), before=st.integers(0, 4))
def test_a_batch_of_payments_is_settled_and_concluded_as_one_at_a_time(stock: int, count: int, before: int) -> None:
    alone, together = _Shop(stock), _Shop(stock)
    ids = [f"order-{number}" for number in range(count)]
    for shop in (alone, together):
        _one_by_one(shop, [placed_order(order_id, dict.fromkeys(_SKUS, 1)) for order_id in ids])
        for order_id in ids[:before]:
            if len(shop.store.read(order_stream(order_id))[0].events) > 1:
                pay(shop.payments, order_id)
    asked = [*ids, *ids[:2], "never-placed"]

    def alone_outcome(number: int, order_id: str) -> str:
        try:
            pay(alone.payments, order_id, _cause(number))
        except RejectedError as rejected:
            return str(rejected)
        return ""

    expected = [alone_outcome(number, order_id) for number, order_id in enumerate(asked)]
    outcomes = together.payments.pay_all([(order_id, _cause(number)) for number, order_id in enumerate(asked)])

    assert [str(outcome or "") for outcome in outcomes] == expected
    assert together.state == alone.state

    settled = [order_id for order_id in ids if len(alone.store.read(order_stream(order_id))) > 1]
    for order_id in settled:
        conclude(alone.orders, order_id)
    assert together.orders.conclude_all([(order_id, CAUSE) for order_id in [*settled, *settled]]) == [None] * (
        2 * len(settled)
    )
    assert together.state == alone.state


def test_the_changes_of_one_sku_are_one_and_add_up() -> None:
    moves = [(Move.RESERVE, "a", 2), (Move.SETTLE, "a", 3), (Move.RELEASE, "b", 1), (Move.RELEASE, "a", 1)]

    changes = merged(
        change for move, sku, units in moves for change in StockMove(move, (StockLine(sku, units),)).changes()
    )

    assert [(one.sku, one.stock, one.reserved, one.available) for one in changes] == [
        ("a", -3, -2, -1),
        ("b", 0, -1, 1),
    ]


def test_an_adjustment_is_not_added_to_anything() -> None:
    adjustment = seeding("a").stock_changes()[0]
    (reservation,) = StockMove(Move.RESERVE, (StockLine("a", 1),)).changes()

    with pytest.raises(ValueError, match="a is adjusted"):
        merged([adjustment, reservation])


def _commit(order_id: str, skus: Sequence[str]) -> Commit:
    order = placed_order(order_id, dict.fromkeys(skus, 1))
    return decide(order, inventory(*(stock_item(sku, stock=99) for sku in skus)))


@pytest.mark.parametrize("_items_per_transaction", [_LIMIT], indirect=True, scope="module")
def test_a_group_is_as_large_as_a_transaction_may_be() -> None:
    one_sku = [_commit(f"order-{number}", ["a"]) for number in range(150)]
    of_two = [_commit(f"order-{number}", [f"a-{number}", f"b-{number}"]) for number in range(150)]
    of_fifty = [_commit(f"order-{number}", [f"{number}-{sku}" for sku in range(50)]) for number in range(3)]

    def items(commits: Sequence[Commit]) -> int:
        return len(commits) + len({change.sku for commit in commits for change in commit.stock_changes()}) + 2

    for commits, expected in ((one_sku, 97), (of_two, 32), (of_fifty, 1)):
        group = first_group(commits)
        assert len(group) == expected
        assert items(group) <= _LIMIT < items(commits[: expected + 1])
    assert first_group([]) == []


class _Counted:
    """Looks at each request of a client."""

    def __init__(self, aws: Aws) -> None:
        self.calls: list[tuple[str, dict[str, list[object]]]] = []
        aws.dynamodb.meta.events.register("provide-client-params.dynamodb", self._note)

    def _note(self, model: object, params: dict[str, list[object]], **_: object) -> None:
        self.calls.append((str(getattr(model, "name", "")), params))

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


@pytest.mark.parametrize("_items_per_transaction", [_LIMIT], indirect=True, scope="module")
def test_fifty_orders_take_seven_calls_to_their_end_and_their_charges(aws: Aws) -> None:
    skus = [f"sku-{number}" for number in range(12)]
    for sku in skus:
        aws.store.append(seeding(sku, stock=100))
    ids = [f"order-{number}" for number in range(50)]
    orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
    payments = PaymentService(aws.store, SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0))
    counted = _Counted(aws)

    placed = [
        (placed_order(order_id, {skus[n % 12]: 1, skus[(n + 1) % 12]: 1}), CAUSE) for n, order_id in enumerate(ids)
    ]
    assert orders.place_all(placed) == [None] * 50
    assert counted.names() == ["BatchGetItem", "TransactWriteItems"]
    assert len(counted.calls[1][1]["TransactItems"]) == 50 + 12 + 1 + 1

    counted.calls.clear()
    assert payments.pay_all([(order_id, CAUSE) for order_id in ids]) == [None] * 50
    assert [name for name in counted.names() if name != "UpdateItem"] == ["BatchGetItem", "TransactWriteItems"]
    assert counted.names().count("UpdateItem") == 50  # the gateway's: a provider is asked for each

    counted.calls.clear()
    assert orders.conclude_all([(order_id, CAUSE) for order_id in ids]) == [None] * 50
    assert counted.names() == ["BatchGetItem", "BatchExecuteStatement", "BatchExecuteStatement"]
    assert aws.stock(skus[0]) == (91, 0, 91)


class _FaultyStore(EventStore):
    """DynamoDB finds fault with one order, for whatever reason."""

    def append_group(self, commits: Sequence[Commit]) -> None:
        if any(commit.stream_id == order_stream("bad") for commit in commits):
            raise TransactionFaultError("ValidationError")
        super().append_group(commits)


def test_an_order_that_dynamodb_finds_faulty_takes_no_other_down(aws: Aws) -> None:
    aws.store.append(seeding("prod-001", stock=100))
    store = _FaultyStore(aws.dynamodb, TABLES)
    orders = OrderService(store, aws.inventory, PAYMENT_TIMEOUT)
    ids = ["a", "b", "bad", "c", "d"]

    outcomes = orders.place_all([(placed_order(order_id), CAUSE) for order_id in ids])

    assert [type(outcome).__name__ for outcome in outcomes if outcome] == ["TransactionFaultError"]
    assert outcomes.index(next(filter(None, outcomes))) == 2
    assert aws.stock() == (100, 8, 92)


def test_a_reservation_that_is_gone_keeps_no_other_from_being_settled(aws: Aws) -> None:
    for sku in ("prod-001", "prod-002"):
        aws.store.append(seeding(sku, stock=10))
    orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
    payments = PaymentService(aws.store, SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0))
    place(orders, placed_order("sound", {"prod-001": 1}))
    place(orders, placed_order("spoilt", {"prod-002": 1}))
    aws.dynamodb.update_item(
        TableName=TABLES.inventory,
        Key={"item_id": {"S": "prod-002"}},
        UpdateExpression="SET reserved = :zero",
        ExpressionAttributeValues={":zero": {"N": "0"}},
    )

    outcomes = payments.pay_all([("spoilt", CAUSE), ("sound", CAUSE)])

    assert [type(outcome).__name__ for outcome in outcomes] == ["StockRefusedError", "NoneType"]
    assert aws.stock("prod-001") == (9, 0, 9)


@pytest.mark.parametrize("_items_per_transaction", [_LIMIT], indirect=True, scope="module")
def test_the_counters_and_the_deadline_of_a_batch_are_written_once(aws: Aws) -> None:
    aws.store.append(seeding("prod-001", stock=10))
    counted = _Counted(aws)

    OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT).place_all(
        [
            (placed_order(f"order-{number}"), replace(CAUSE, at=CAUSE.at + timedelta(seconds=number)))
            for number in range(7)
        ]
    )

    (transaction,) = [body for name, body in counted.calls if name == "TransactWriteItems"]
    updates = [item for item in transaction["TransactItems"] if isinstance(item, dict) and "Update" in item]
    tables = [update["Update"]["TableName"] for update in updates]
    assert tables == [TABLES.inventory, TABLES.metrics]
    puts = [
        item["Put"]["TableName"] for item in transaction["TransactItems"] if isinstance(item, dict) and "Put" in item
    ]
    assert puts == [*[TABLES.event_store] * 7, TABLES.deadlines]


class _ContendedSku(EventStore):
    """Transactions on one SKU always meet others."""

    def append_group(self, commits: Sequence[Commit]) -> None:
        if any(change.sku == "hot" for commit in commits for change in commit.stock_changes()):
            raise ContentionError("others were faster")
        super().append_group(commits)


@pytest.mark.parametrize("_items_per_transaction", [4], indirect=True, scope="module")
def test_a_contended_sku_fails_its_own_group_only(aws: Aws) -> None:
    for sku in ("hot", "cold"):
        aws.store.append(seeding(sku, stock=10))
    store = _ContendedSku(aws.dynamodb, TABLES)
    orders = OrderService(store, aws.inventory, PAYMENT_TIMEOUT)
    place(OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT), placed_order("known", {"cold": 1}))

    outcomes = orders.place_all(
        [
            (placed_order("known", {"cold": 2}), CAUSE),
            (placed_order("a", {"hot": 1, "cold": 1}), CAUSE),
            (placed_order("b", {"cold": 1}), CAUSE),
            (placed_order("c", {"cold": 1}), CAUSE),
        ]
    )

    assert [type(outcome).__name__ for outcome in outcomes] == [
        "RejectedError",
        "ContentionError",
        "NoneType",
        "NoneType",
    ]
    assert aws.stock("cold") == (10, 3, 7)


def test_a_charge_that_fails_keeps_no_other_from_being_settled(aws: Aws) -> None:
    aws.store.append(seeding("prod-001", stock=10))
    orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
    for order_id in ("a", "b", "c"):
        place(orders, placed_order(order_id, {"prod-001": 1}))

    class FailingGateway(SimulatedGateway):
        def charge(self, request: ChargeRequest) -> Charge:
            if request.order_id == "b":
                raise GatewayError("no answer")
            return super().charge(request)

    payments = PaymentService(aws.store, FailingGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0))

    outcomes = payments.pay_all([(order_id, CAUSE) for order_id in ("a", "b", "c")])

    assert [type(outcome).__name__ for outcome in outcomes] == ["NoneType", "GatewayError", "NoneType"]
    assert aws.stock() == (8, 1, 7)


def test_what_was_charged_in_time_is_settled_and_the_rest_is_handed_back(aws: Aws) -> None:
    """A provider that takes two seconds, asked ten at a time, and ten seconds for everything."""
    aws.store.append(seeding("prod-001", stock=100))
    orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)
    ids = [f"order-{number}" for number in range(50)]
    orders.place_all([(placed_order(order_id, {"prod-001": 1}), CAUSE) for order_id in ids])
    left = iter((10.0, 8.0, 6.0, 4.0))
    gateway = SimulatedGateway(aws.dynamodb, GATEWAY_TABLE, success_rate=1.0)

    outcomes = PaymentService(aws.store, gateway).pay_all([(order_id, CAUSE) for order_id in ids], lambda: next(left))

    assert outcomes[:30] == [None] * 30
    assert {type(outcome).__name__ for outcome in outcomes[30:]} == {"OutOfTimeError"}
    assert aws.stock() == (70, 20, 50)


def test_orders_that_no_time_is_left_for_are_handed_back(aws: Aws) -> None:
    aws.store.append(seeding("prod-001", stock=100))
    orders = OrderService(aws.store, aws.inventory, PAYMENT_TIMEOUT)

    outcomes = orders.place_all([(placed_order("a"), CAUSE), (placed_order("b"), CAUSE)], lambda: 1.0)

    assert {type(outcome).__name__ for outcome in outcomes} == {"OutOfTimeError"}
    assert aws.stock() == (100, 0, 100)


def test_of_third_versions_those_that_are_throttled_are_written_again_and_those_that_exist_are_done() -> None:
    """Moto refuses none: a client answers as DynamoDB does, a result for each statement."""
    asked: list[list[str]] = []

    def execute(Statements: Sequence[dict[str, list[dict[str, str]]]]) -> dict[str, object]:  # noqa: N803 - boto3's name
        streams = [statement["Parameters"][0]["S"] for statement in Statements]
        asked.append(streams)
        return {"Responses": [_ANSWERS.get((stream, len(asked)), {"TableName": "t"}) for stream in streams]}

    client = cast("DynamoDBClient", SimpleNamespace(batch_execute_statement=execute))
    commits = [refund(_commit(order_id, ["a"]), 0) for order_id in ("done", "exists", "throttled", "denied", "stuck")]

    failures = EventStore(client, TABLES, backoff=AT_ONCE).insert_all(commits)

    assert {stream: type(error).__name__ for stream, error in failures.items()} == {
        "order#denied": "TransactionFaultError",
        "order#stuck": "ContentionError",
    }
    assert asked[1:] == [["order#throttled", "order#stuck"], *[["order#stuck"]] * 3]


def _error(code: str) -> dict[str, object]:
    return {"Error": {"Code": code, "Message": ""}}


_ANSWERS = {
    ("order#exists", 1): _error("DuplicateItem"),
    ("order#throttled", 1): _error("ThrottlingError"),
    ("order#denied", 1): _error("AccessDenied"),
    **{("order#stuck", attempt): _error("TransactionConflict") for attempt in range(1, 9)},
}
