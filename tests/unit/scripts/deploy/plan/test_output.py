"""A review as it is read: in a terminal, in a comment on a pull request, and by tools."""

import json
from typing import Any

import pytest

from scripts.deploy.plan import guard, markdown
from scripts.deploy.plan.model import Action, Review
from scripts.deploy.plan.review import review
from scripts.deploy.plan.summary import by_service, created_modules, headline
from scripts.deploy.plan.terminal import show
from scripts.deploy.target import Target
from tests.unit.scripts.deploy.plan.factory import STAMP, change, document, plan, reviewed, statement

SECRET = "hunter2-and-more"  # noqa: S105 - it is none


def printed(found: Review, capsys: pytest.CaptureFixture[str]) -> str:
    show(found)
    return capsys.readouterr().out


def everywhere(found: Review, capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [printed(found, capsys), markdown.write(found), guard.to_json(found)]


def test_no_secret_leaves_a_plan_by_any_way(capsys: pytest.CaptureFixture[str]) -> None:
    sides: list[dict[str, Any]] = [
        {
            "environment": [{"variables": {"API_TOKEN": SECRET + end, "PLAIN": f"postgres://u:{SECRET}{end}@host/db"}}],
            "marked": {"deep": [SECRET + end]},
            "container_definitions": json.dumps([{"environment": [{"name": "PASSWORD", "value": SECRET + end}]}]),
            "policy": document(statement("s:Get", Condition={"StringEquals": {"sts:ExternalId": SECRET + end}})),
        }
        for end in ("1", "2")
    ]
    marked = {"marked": {"deep": [True]}}
    changes = [
        change("aws_x.update", *sides, sensitive=marked),
        change("aws_x.create", None, sides[1], sensitive=marked),
        change("aws_x.replace", *sides, sensitive=marked, replaced=True),
        change("aws_x.destroy", sides[0], sensitive=marked),
        change("aws_ssm_parameter.this", {"value": SECRET}, {"value": SECRET + "2", "name": "p"}),
        change("aws_iam_role_policy.this", *({"role": "r", "policy": side["policy"]} for side in sides)),
        change("aws_x.marked_now", {"url": SECRET}, {"url": SECRET}, after_sensitive={"url": True}),
        change("aws_x.marked_now_and_more", {"b": [SECRET]}, {"b": [SECRET + "1", "c"]}, after_sensitive={"b": [True]}),
        change("aws_x.marked_once", {"url": SECRET}, {"url": SECRET + "2"}, before_sensitive={"url": True}),
    ]
    outputs = {"password": {"actions": ["update"], "before": SECRET, "after": SECRET + "2"}}
    problems = [{"problems": [{"message": f"token={SECRET}"}]}]
    check = {"address": {"to_display": "c"}, "status": "fail", "instances": problems}

    found = reviewed(*changes, drift=changes[:1], output_changes=outputs, checks=[check])

    for text in everywhere(found, capsys):
        assert SECRET not in text
        assert "(sensitive)" in text.replace("&#40;", "(").replace("&#41;", ")")


def test_a_first_deployment_is_counted_by_module(capsys: pytest.CaptureFixture[str]) -> None:
    queues = [
        change(f"module.o.module.queue.module.dlq.aws_sqs_queue.this[{index}]", None, {"name": "q"})
        for index in range(9)
    ]
    others = [change(f'module.o.module.f["{name}"].aws_lambda_function.this', None, {"timeout": 9}) for name in "abcd"]

    found = reviewed(*queues, *others, change("aws_x.this", {"a": 1}, {"a": 2}))

    assert created_modules(found)[-1] == ("module.o.module.queue", 9, "9 SQS")
    assert sum(count for _, count, _ in created_modules(found)) == 13
    assert list(by_service(found)) == ["x"]
    assert len(printed(found, capsys).splitlines()) < 20


def test_of_many_new_resources_what_they_permit_is_counted_too() -> None:
    trust = document(statement("sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"}))
    made = [
        each
        for index in range(5)
        for each in (
            change(f"module.o.module.f{index}.aws_iam_role.this", None, {"assume_role_policy": trust}),
            change(
                f"module.o.module.f{index}.aws_iam_role_policy.this",
                None,
                {"policy": document(statement("s:Get"), statement("t:Put", "arn:b"))},
            ),
            change(f"module.o.module.f{index}.aws_sqs_queue_policy.this", None, {"policy": trust}),
        )
    ]

    modules = created_modules(reviewed(*made))

    assert [what for _, _, what in modules] == ["2 IAM (3 permissions), 1 SQS"] * 5


def test_a_few_new_resources_are_told_with_what_matters_of_them() -> None:
    new = change(
        "aws_lambda_function.this", None, {"function_name": "f", "timeout": 9, "vpc_config": []}, unknown={"arn": True}
    )

    ((entry,),) = by_service(reviewed(new)).values()

    assert (entry.symbol, entry.notes) == ("+", ("function_name: f", "timeout: 9"))


def test_what_changes_alike_is_told_once_and_each_other_value_with_its_resources() -> None:
    alarms = [
        change(
            f"module.m.aws_cloudwatch_metric_alarm.this[{index}]",
            {"period": 60, "n": index % 4},
            {"period": 30, "n": index % 4 + 10},
        )
        for index in range(5)
    ]

    ((entry,),) = by_service(reviewed(*alarms)).values()

    assert entry.title == "5 of aws_cloudwatch_metric_alarm in module.m"
    assert entry.notes == (
        "n: 0 → 10 (this[0], this[4])",
        "n: 1 → 11 (this[1])",
        "n: 2 → 12 (this[2])",
        "n: 3 → 13 (this[3])",
        "period: 60 → 30",
    )


def test_changes_are_told_by_attribute_and_what_follows_from_them_is_not() -> None:
    before = {"timeout": 9, "tags": {"a": "1"}, "tags_all": {"a": "1"}, "last_modified": "x", "role": "arn:r"}
    after = {"timeout": 5, "tags": {"a": "2"}, "tags_all": {"a": "2"}}

    ((entry,),) = by_service(
        reviewed(change("aws_lambda_function.this", before, after, unknown={"last_modified": True, "role": True}))
    ).values()

    assert entry.notes == ("role: arn:r → (known after apply)", "tags.a: 1 → 2", "timeout: 9 → 5")


def test_of_many_values_some_are_shown_and_the_rest_is_counted() -> None:
    functions = [
        change(f"module.s.module.f{index}.aws_lambda_function.this", {"memory_size": index}, {"memory_size": 512})
        for index in range(9)
    ]

    ((entry,),) = by_service(reviewed(*functions)).values()

    assert entry.notes[0] == "memory_size: 0 → 512 (f0)"
    assert entry.notes[-1] == "memory_size: and 3 more"
    assert len(entry.notes) == 7


@pytest.mark.parametrize(
    ("after", "note"),
    [
        (document(statement(["s:Get"], Sid="A")), "policy.Statement.Sid: (none) → A, which permits the same"),
        (document(statement(["s:Get"])), "policy: one form → another form, which permits the same"),
    ],
)
def test_a_policy_that_is_written_otherwise_is_shown_with_the_difference_and_said_to_permit_the_same(
    after: str, note: str
) -> None:
    before = document(statement("s:Get"))

    ((entry,),) = by_service(reviewed(change("aws_iam_policy.this", {"policy": before}, {"policy": after}))).values()

    assert entry.notes == (note,)


def test_the_routes_of_a_new_api_are_counted_and_are_no_risk() -> None:
    queues = [change(f"module.s.aws_sqs_queue.q{index}", None, {"name": "q"}) for index in range(12)]
    routes = [
        change(f"module.s.aws_apigatewayv2_route.{kind}", None, {"authorization_type": kind}, unknown={"api_id": True})
        for kind in ("NONE", "JWT")
    ]

    found = reviewed(*queues, *routes)

    assert found.risks == ()
    assert created_modules(found) == [("module.s", 14, "2 API Gateway (1 route without an authorizer), 12 SQS")]


def test_what_moves_is_told_with_where_it_was() -> None:
    moved = change(
        "module.b.aws_sqs_queue.this", {"name": "q"}, {"name": "q"}, previous_address="module.a.aws_sqs_queue.this"
    )

    ((entry,),) = by_service(reviewed(moved)).values()

    assert (entry.symbol, entry.notes) == ("move", ("was module.a.aws_sqs_queue.this",))
    assert headline(reviewed(moved)) == "1 to move"


def test_what_is_forgotten_and_what_is_imported_is_told() -> None:
    forgotten = change("aws_sqs_queue.a", {"name": "q"})
    forgotten["change"]["actions"] = ["forget"]
    imported = change("aws_sqs_queue.b", {"name": "q"}, {"name": "q"})
    imported["change"]["importing"] = {"id": "q"}

    found = reviewed(forgotten, imported)

    assert [each.action for each in found.changes] == [Action.FORGET, Action.IMPORT]
    assert [risk.severity for risk in found.risks] == ["warn"]


def test_a_plan_without_changes_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    found = reviewed(change("aws_x.this", {"a": 1}, {"a": 1}))

    assert printed(found, capsys).strip() == "plan for staging on aws: nothing to change"
    assert "nothing to change" in markdown.write(found)


def test_risks_are_read_first_and_how_to_allow_them_last(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(reviewed(change("aws_sqs_queue.this", {"name": "q"})), capsys)

    assert text.strip().startswith("Risks")
    assert text.rstrip().endswith("invoke apply --target aws --allow aws_sqs_queue.this")


def test_an_environment_that_is_taken_down_is_shown_without_how_to_allow_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = review(plan(change("aws_sqs_queue.this", {"name": "q"})), Target("local", "dev"), STAMP, destroy=True)

    assert "--allow" not in printed(found, capsys)


def test_a_comment_takes_nothing_of_a_plan_for_markup() -> None:
    wild = '|a|`b`*c*_d_<img src=x>[e](f)@user #1 &amp; "q"\n- x'

    text = markdown.write(reviewed(change(f'aws_sqs_queue.this["{wild}"]', {"name": "q", "url": wild})))

    body = text.split("\n", 2)[2]
    for sign in ("|a|", "`b`", "*c*", "_d_", "<img", "[e]", "@user", " #1", "&amp;", '"q"'):
        assert sign not in body
    assert "\n- x" not in body


def test_a_comment_has_a_mark_to_find_it_by_and_details_by_service() -> None:
    text = markdown.write(
        reviewed(change("aws_sqs_queue.this", {"name": "q"}), change("aws_iam_role.r", {"a": 1}, {"a": 2}))
    )

    assert text.startswith("<!-- pulsequeue-plan staging -->\n")
    assert (
        text.index("**blocks**")
        < text.index("<summary>IAM: 1 change</summary>")
        < text.index("<summary>SQS: 1 change</summary>")
    )
    assert text.count("<details>") == text.count("</details>") == 2


@pytest.mark.parametrize("kind", ["aws_x", "aws_sqs_queue"])
def test_a_comment_is_never_too_long_for_github(kind: str) -> None:
    changes = [
        change(
            f"module.{'m' * 80}{index}.{kind}.this", {"name": "a" * 50, str(index): 1}, {"b": "c" * 60}, replaced=True
        )
        for index in range(1_000)
    ]

    text = markdown.write(reviewed(*changes))

    assert len(text) < 65_536
    assert "1000 to replace" in text


def test_tools_find_what_is_documented() -> None:
    found = json.loads(guard.to_json(reviewed(change("module.m.aws_sqs_queue.this", {"delay": 1}, {"delay": 2}))))

    assert found.keys() == {
        "format", "environment", "target", "destroy", "risks", "changes", "drift", "outputs", "stamp"
    }  # fmt: skip
    assert found["changes"] == [
        {
            "address": "module.m.aws_sqs_queue.this",
            "type": "aws_sqs_queue",
            "service": "SQS",
            "module": "module.m",
            "action": "update",
            "attributes": [{"path": "delay", "before": "1", "after": "2"}],
            "because": None,
            "previous_address": None,
        }
    ]
    assert found["stamp"] == {"plan_sha256": "abc", "state": {"lineage": "lineage", "serial": 7}, "packages": {}}
