"""A rename replaces a resource, so that its ARN is only known later: no risk in that, and none is hidden by it."""

from typing import Any

import pytest

from scripts.deploy.plan.configuration import is_computed
from tests.unit.scripts.deploy.plan.factory import change, document, read_later, reviewed, risks, statement

TABLE_ARN, OTHER_ARN = "arn:aws:dynamodb:r:1:table/stock", "arn:aws:dynamodb:r:1:table/other"
QUEUE_ARN = "arn:aws:sqs:r:1:orders"


def renamed(address: str, arn: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    before, after = {"name": "old", "arn": arn, "url": f"https://{arn}"} | more, {"name": "new"} | more
    return change(address, before, after, replaced=True, unknown={"arn": True, "url": True})


TABLE = renamed("aws_dynamodb_table.stock", TABLE_ARN)
QUEUE = renamed("aws_sqs_queue.orders", QUEUE_ARN)


def known_later(before: str) -> dict[str, Any]:
    sides = {"role": "r", "policy": before}, {"role": "r"}
    return change("module.m.aws_iam_role_policy.this", *sides, unknown={"policy": True})


def policy_risks(before: str, *blocks: dict[str, Any], others: tuple[dict[str, Any], ...] = ()) -> list[str]:
    """Give the risks, but for the losses, of a table that is renamed and a policy that then reads like these blocks."""
    data, configuration = read_later(*blocks)
    found = risks(TABLE, data, known_later(before), *others, configuration=configuration)
    return [text for _, kind, text in found if kind != "loss"]


def block(actions: list[str], *resources: str | None) -> dict[str, Any]:
    return {"actions": actions, "resources": list(resources), "effect": None}


@pytest.mark.parametrize("arn", [TABLE_ARN, f"{TABLE_ARN}/index/*"])
def test_a_policy_on_a_renamed_table_is_no_wider(arn: str) -> None:
    assert policy_risks(document(statement("d:Get", arn)), block(["d:Get"], None)) == []


@pytest.mark.parametrize(
    "after",
    [
        block(["d:Get", "d:Put"], None),
        block(["d:Get"], None, None),
        block(["d:Get"], None, OTHER_ARN),
    ],
)
def test_a_policy_on_a_renamed_table_that_is_wider_too_is_named(after: dict[str, Any]) -> None:
    (text,) = policy_risks(document(statement("d:Get", TABLE_ARN)), after)

    assert text.startswith("wider: allow d:")


def test_a_policy_on_a_table_that_is_not_renamed_becomes_wider_by_an_unknown_arn() -> None:
    assert policy_risks(document(statement("d:Get", OTHER_ARN)), block(["d:Get"], OTHER_ARN, None)) == [
        "wider: allow d:Get on (known after apply)"
    ]


def test_an_unknown_arn_may_be_that_of_a_new_table_and_is_named() -> None:
    values = {"name": "new", "point_in_time_recovery": [{"enabled": True}]}
    new = change("aws_dynamodb_table.new", None, values, unknown={"arn": True})

    found = policy_risks(document(statement("d:Get", TABLE_ARN)), block(["d:Get"], None), others=(new,))

    assert found == ["wider: allow d:Get on (known after apply)"]


def test_the_unknown_arn_stands_in_the_changes() -> None:
    data, configuration = read_later(block(["d:Get"], None))

    found = reviewed(TABLE, data, known_later(document(statement("d:Get", TABLE_ARN))), configuration=configuration)

    assert [(row.before, row.after) for row in found.changes[1].attributes] == [
        (f"allow d:Get on {TABLE_ARN}", ""),
        ("", "allow d:Get on (known after apply)"),
    ]


def rule(**after: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A rule that moves to a renamed bus; the provider shows its state only once it is there."""
    values = {"name": "placed", "event_bus_name": "old", "is_enabled": True, "state": "ENABLED"}
    moved = {**values, "event_bus_name": "new", "is_enabled": None, "state": None, **after}
    return change(
        "aws_cloudwatch_event_rule.this", values | {"arn": "arn:rule"}, moved, replaced=True, unknown={"arn": True}
    )


def test_a_rule_on_a_renamed_bus_is_not_disabled() -> None:
    bus = renamed("aws_cloudwatch_event_bus.this", "arn:bus")

    found = reviewed(bus, rule())

    assert [risk.address for risk in found.risks] == ["aws_cloudwatch_event_bus.this"]
    assert [row.path for row in found.changes[1].attributes] == ["event_bus_name"]
    assert [text for _, kind, text in risks(bus, rule(state="DISABLED")) if kind == "wiring"] == ["it is disabled"]


@pytest.mark.parametrize(
    ("address", "name", "more"),
    [
        ("aws_cloudwatch_event_target.this", "arn", {"rule": "r"}),
        ("aws_cloudwatch_event_target.this", "dead_letter_config", {"rule": "r"}),
        ("aws_lambda_event_source_mapping.this", "event_source_arn", {}),
        ("aws_lambda_event_source_mapping.this", "destination_config", {}),
        ("aws_sns_topic_subscription.this", "endpoint", {}),
    ],
)
def test_what_names_a_renamed_queue_goes_on_naming_it(address: str, name: str, more: dict[str, Any]) -> None:
    values: dict[str, tuple[Any, Any]] = {
        "dead_letter_config": ([{"arn": QUEUE_ARN}], [{"arn": True}]),
        "destination_config": (
            [{"on_failure": [{"destination_arn": QUEUE_ARN}]}],
            [{"on_failure": [{"destination_arn": True}]}],
        ),
    }
    before, unknown = values.get(name, (QUEUE_ARN, True))
    after: dict[str, Any] = (
        {} if unknown is True else {name: [{"on_failure": [{}]} if "on_failure" in before[0] else {}]}
    )
    changed = change(address, {name: before} | more, after | more, unknown={name: unknown})

    def found(queue: dict[str, Any]) -> list[str]:
        return [text for _, kind, text in risks(queue, changed) if kind == "wiring"]

    assert found(QUEUE) == []
    (text,) = found(renamed("aws_sqs_queue.other", "arn:other"))
    assert "(known after apply)" in text


def test_a_function_whose_role_is_renamed_runs_as_the_same_one() -> None:
    function = change("aws_lambda_function.this", {"role": "arn:role"}, {}, unknown={"role": True})

    assert risks(renamed("aws_iam_role.this", "arn:role"), function) == []
    assert len(risks(renamed("aws_iam_role.this", "arn:other"), function)) == 1


def test_a_renamed_function_keeps_its_code_and_its_invokers() -> None:
    """Its name is known; that an image is none is written in two ways."""
    sides = [{"function_name": name, "source_code_hash": "a", "image_uri": no} for name, no in (("f", ""), ("g", None))]
    function = change("aws_lambda_function.this", *sides, replaced=True)

    def admits(name: str, service: str) -> dict[str, Any]:
        return {"function_name": name, "action": "lambda:InvokeFunction", "principal": f"{service}.amazonaws.com"}

    same = change("aws_lambda_permission.this", admits("f", "events"), admits("g", "events"), replaced=True)
    other = change("aws_lambda_permission.this", admits("f", "events"), admits("g", "s3"), replaced=True)

    assert risks(function, same) == []
    assert [kind for _, kind, _ in risks(function, other)] == ["permission"]
    assert [kind for _, kind, _ in risks(same)] == ["permission"]


def test_of_a_replacement_the_values_that_the_provider_sets_are_no_changes() -> None:
    """An attribute that the configuration sets stays a change: its value is only known later."""
    configuration = {
        "root_module": {
            "resources": [
                {"type": "aws_sqs_queue", "name": "this", "expressions": {"name": {}, "redrive_policy": {}}},
            ]
        }
    }
    before = {"name": "a", "policy": "{}", "redrive_policy": '{"maxReceiveCount": 5}', "delay_seconds": 0}
    queue = change(
        "aws_sqs_queue.this",
        before,
        {"name": "b", "delay_seconds": None},
        replaced=True,
        unknown={"policy": True, "redrive_policy": True},
    )

    found = reviewed(queue, configuration=configuration)

    assert [row.path for row in found.changes[0].attributes] == ["name", "redrive_policy"]
    assert "redrive_policy.maxReceiveCount is only known after apply: it is 5 now" in [
        risk.text for risk in found.risks
    ]


@pytest.mark.parametrize(
    ("path", "computed"),
    [
        ("arn", True),
        ("name", False),
        ("recovery.enabled", False),
        ("recovery.period", True),
        ("on_failure.arn", False),  # of a dynamic block, which the configuration does not list
        ("variables", False),
    ],
)
def test_a_value_is_the_providers_own_where_the_configuration_does_not_set_it(path: str, computed: bool) -> None:  # noqa: FBT001 - a parameter
    expressions = {"name": {"references": []}, "recovery": [{"enabled": {"constant_value": True}}], "variables": {}}

    assert is_computed(expressions, path) is computed


def test_a_target_that_is_only_known_later_stands_in_the_changes() -> None:
    """An ARN that the configuration sets is a change, and does not merely follow from one."""
    target = {"type": "aws_cloudwatch_event_target", "name": "this", "expressions": {"arn": {}}}
    changed = change("aws_cloudwatch_event_target.this", {"arn": QUEUE_ARN}, {}, unknown={"arn": True, "id": True})

    found = reviewed(changed, configuration={"root_module": {"resources": [target]}})

    assert [(row.path, row.after) for row in found.changes[0].attributes] == [("arn", "(known after apply)")]
