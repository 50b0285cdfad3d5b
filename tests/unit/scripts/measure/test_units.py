from collections.abc import Mapping

import pytest

from scripts.cli.errors import UserError
from scripts.measure.calls import Call
from scripts.measure.units import UnitRules, Units, item_bytes, read_units, write_units

RULES = UnitRules(lambda table, _: 1500 if table == "large" else 200)
ITEM = {"stream_id": {"S": "order#1"}, "version": {"N": "1"}}
LARGE = {"body": {"S": "x" * 1100}}


def call(
    action: str, request: Mapping[str, object], response: Mapping[str, object] | None = None, status: int = 200
) -> Call:
    return Call("order-service", "dynamodb", action, status, request, response or {})


def put(item: Mapping[str, object]) -> dict[str, object]:
    return {"TableName": "events", "Item": item}


def update(table: str = "inventory") -> dict[str, object]:
    return {"TableName": table, "Key": {"item_id": {"S": "sku"}}}


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1, 1), (1024, 1), (1025, 2), (2049, 3)])
def test_a_write_takes_a_unit_for_each_begun_kilobyte(size: int, units: int) -> None:
    assert write_units(size) == units


@pytest.mark.parametrize(
    ("size", "consistent", "units"), [(0, True, 1), (4096, True, 1), (4097, True, 2), (9, False, 0.5)]
)
def test_a_read_takes_a_unit_for_each_begun_four_kilobytes(size: int, consistent: bool, units: float) -> None:  # noqa: FBT001
    assert read_units(size, consistent=consistent) == units


def test_the_size_of_an_item_is_that_of_its_names_and_values() -> None:
    item = {
        "text": {"S": "é"},  # 4 + 2
        "number": {"N": "-1234"},  # 6 + 4
        "flag": {"BOOL": True},  # 4 + 1
        "list": {"L": [{"S": "ab"}]},  # 4 + 3 + 1 + 2
        "map": {"M": {"k": {"N": "100"}}},  # 3 + 3 + 1 + 1 + 2
    }

    assert item_bytes(item) == 6 + 10 + 5 + 10 + 10


def test_a_transaction_costs_twice() -> None:
    written = [{"Put": put(ITEM)}, {"Update": update()}, {"Update": update("large")}]

    assert RULES.units(call("TransactWriteItems", {"TransactItems": written})) == Units(write=2 + 2 + 4)


def test_a_cancelled_transaction_costs_as_much() -> None:
    written = [{"Put": put(ITEM)}, {"Update": update()}]
    cancelled = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"}

    assert RULES.units(call("TransactWriteItems", {"TransactItems": written}, cancelled, 400)) == Units(write=4)


def test_a_condition_that_fails_costs_a_write_and_a_refused_request_nothing() -> None:
    failed = call("PutItem", put(ITEM), {"__type": "x#ConditionalCheckFailedException"}, 400)
    throttled = call("PutItem", put(ITEM), {"__type": "x#ThrottlingException"}, 400)

    assert RULES.units(failed) == Units(write=1)
    assert RULES.units(throttled) == Units()


def test_a_batch_of_statements_costs_a_unit_an_item_and_for_one_that_exists_too() -> None:
    statement = {"Statement": "INSERT INTO \"events\" VALUE {'stream_id': ?, 'body': ?}"}
    statements = [
        statement | {"Parameters": [{"S": "order#1"}, {"S": "x"}]},
        statement | {"Parameters": [{"S": "order#2"}, {"S": "x" * 1100}]},
        statement | {"Parameters": [{"S": "order#3"}, {"S": "x"}]},
        statement | {"Parameters": [{"S": "order#4"}, {"S": "x"}]},
    ]
    answers = [{}, {}, {"Error": {"Code": "DuplicateItem"}}, {"Error": {"Code": "ThrottlingError"}}]

    counted = RULES.units(call("BatchExecuteStatement", {"Statements": statements}, {"Responses": answers}))

    assert counted == Units(write=1 + 2 + 1)


def test_a_batch_of_reads_rounds_each_item_up_and_pays_for_missing_ones() -> None:
    request = {"RequestItems": {"events": {"Keys": [{}, {}, {}], "ConsistentRead": True}}}
    answer = {"Responses": {"events": [ITEM, LARGE]}}

    assert RULES.units(call("BatchGetItem", request, answer)) == Units(read=3)


def test_a_query_rounds_up_once() -> None:
    answer = {"Items": [LARGE] * 4}

    assert RULES.units(call("Query", {"ConsistentRead": True}, answer)) == Units(read=2)
    assert RULES.units(call("Query", {}, answer)) == Units(read=1)


def test_an_operation_without_a_rule_is_named() -> None:
    with pytest.raises(UserError, match="order-service called dynamodb:Scan: add its rule"):
        RULES.units(call("Scan", {}))


def test_other_services_take_no_units() -> None:
    assert RULES.units(Call("event-relay", "events", "PutEvents", 200)) == Units()
