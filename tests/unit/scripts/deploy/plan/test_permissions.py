"""Who may do more than before is named, with what; what is unknown is never taken for nothing."""

from typing import Any

import pytest

from tests.unit.scripts.deploy.plan.factory import change, document, read_later, reviewed, risks, statement

QUEUE = "arn:aws:sqs:eu-west-2:1:orders"


def role_policy(before: str | None, after: str | None, name: str = "this", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    sides = [None if policy is None else {"role": "r", "policy": policy} for policy in (before, after)]
    return change(f"module.m.aws_iam_role_policy.{name}", *sides, **more)


READ, WRITE = document(statement("s:Get")), document(statement(["s:Get", "s:Put"]))


def test_a_role_that_may_do_more_is_named_with_what_it_may_do() -> None:
    assert risks(role_policy(READ, WRITE)) == [("warn", "permission", "wider: allow s:Put on arn:a")]
    assert risks(role_policy(WRITE, READ)) == []


def test_another_policy_for_a_role_that_there_is_widens_it() -> None:
    old = role_policy(READ, READ, "old")

    assert risks(old, role_policy(None, WRITE, "new")) == [("warn", "permission", "wider: allow s:Put on arn:a")]
    assert risks(role_policy(READ, None, "old"), role_policy(None, READ, "new")) == []


@pytest.mark.parametrize(("action", "count"), [("s:Put", 0), ("*", 1)])
def test_a_new_role_is_not_wider_than_it_was_unless_it_may_do_everything(action: str, count: int) -> None:
    role = change("module.m.aws_iam_role.this", None, {"name": "r"})

    assert len(risks(role, role_policy(None, document(statement(action, "*"))))) == count


def test_a_policy_for_a_role_that_there_is_widens_it_although_another_role_is_new() -> None:
    role = change("module.m.aws_iam_role.this", None, {"name": "another"})

    assert [kind for _, kind, _ in risks(role, role_policy(None, READ))] == ["permission"]


def test_a_role_that_moves_is_not_wider() -> None:
    """The old address goes and the new one comes, each with a role of the same name."""
    gone = change("module.old.aws_iam_role.this", {"name": "r"})
    made = change("module.m.aws_iam_role.this", None, {"name": "r"})
    old = change("module.old.aws_iam_role_policy.this", {"role": "r", "policy": READ})

    assert risks(gone, made, old, role_policy(None, WRITE)) == []


def test_a_policy_that_moves_to_another_role_widens_that_one() -> None:
    sides = [{"role": role, "policy": READ} for role in ("r", "s")]
    moved = change("aws_iam_role_policy.this", *sides, replaced=True)
    attached = [{"role": role, "policy_arn": "arn:p"} for role in ("r", "s")]
    attachment = change("aws_iam_role_policy_attachment.this", *attached, replaced=True)
    renamed = change("aws_iam_role.this", {"name": "r"}, {"name": "s"}, replaced=True)

    assert risks(moved) == [("warn", "permission", "wider: allow s:Get on arn:a")]
    assert risks(attachment) == [("warn", "permission", "wider: all that arn:p permits")]
    assert risks(moved, attachment, renamed) == []


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "NotResource": "arn:a"},
    ],
)
def test_a_new_role_that_may_do_all_but_something_is_named(statement: dict[str, Any]) -> None:
    role = change("module.m.aws_iam_role.this", None, {"name": "r"})

    ((severity, kind, text),) = risks(role, role_policy(None, document(statement)))

    assert (severity, kind) == ("block", "admin")
    assert text.startswith("an administrator's rights: allow ")


def test_a_new_role_that_all_of_an_account_may_take_on_is_named() -> None:
    trusts = [
        document(statement("sts:AssumeRole", None, Principal=principal))
        for principal in ({"AWS": "123456789012"}, {"AWS": "arn:aws:iam::1:role/a"}, {"Service": "s.amazonaws.com"})
    ]
    roles = [
        change(f"aws_iam_role.this[{index}]", None, {"name": "r", "assume_role_policy": trust})
        for index, trust in enumerate(trusts)
    ]

    found = risks(*roles)

    assert found == [("warn", "permission", "wider: allow sts:AssumeRole to AWS arn:aws:iam::123456789012:root")]


def attachment(arn: str) -> dict[str, Any]:
    return change("aws_iam_role_policy_attachment.this", None, {"role": "r", "policy_arn": arn})


@pytest.mark.parametrize("name", ["AdministratorAccess", "PowerUserAccess", "IAMFullAccess"])
def test_an_administrators_managed_policy_blocks(name: str) -> None:
    role = change("aws_iam_role.this", None, {"name": "r"})

    expected = [("block", "admin", f"an administrator's rights: all that arn:p/{name} permits")]
    assert risks(attachment(f"arn:p/{name}")) == risks(attachment(f"arn:p/{name}"), role) == expected
    assert risks(attachment("arn:p/Read")) == [("warn", "permission", "wider: all that arn:p/Read permits")]
    assert risks(attachment("arn:p/Read"), role) == []


@pytest.mark.parametrize(
    ("action", "resource"), [("*", "*"), ("*:*", "arn:aws:*"), ("iam:*", "*"), (["s:Get", "*"], ["arn:a", "arn:*:*"])]
)
def test_a_policy_that_permits_everything_blocks_whether_it_is_a_roles_own_or_attached(
    action: object, resource: object
) -> None:
    everything = document(statement(action, resource))
    policy = change("aws_iam_policy.this", *[{"arn": "arn:p", "policy": everything}] * 2)

    assert ("block", "admin") in [(severity, kind) for severity, kind, _ in risks(role_policy(READ, everything))]
    assert risks(policy, attachment("arn:p")) == [
        ("block", "admin", "an administrator's rights: all that arn:p permits")
    ]


@pytest.mark.parametrize(("action", "resource"), [("*", "arn:aws:s3:::b/*"), ("s:*", "*"), ("iam:PassRole", "*")])
def test_a_policy_with_a_limit_is_no_administrators(action: str, resource: str) -> None:
    assert [kind for _, kind, _ in risks(role_policy(READ, document(statement(action, resource))))] == ["permission"]


def test_a_sender_that_a_queue_no_longer_admits_is_named_unless_its_rule_goes_too() -> None:
    def admits(*rules: str) -> dict[str, Any]:
        condition = {"ArnEquals": {"aws:SourceArn": list(rules)}}
        admitted = statement("sqs:SendMessage", QUEUE, Principal={"Service": "e"}, Condition=condition)
        return {"queue_url": "u", "policy": document(admitted)}

    narrowed = change("aws_sqs_queue_policy.this", admits("arn:r", "arn:s"), admits("arn:r"))
    rule = {"name": "s", "arn": "arn:s"}
    gone = change("aws_cloudwatch_event_rule.s", rule)

    text = f"no longer admitted: allow sqs:SendMessage on {QUEUE} to Service e if ArnEquals aws:SourceArn arn:s"
    assert risks(narrowed) == [("warn", "wiring", text)]
    assert risks(narrowed, gone) == [("warn", "wiring", "its events are no longer delivered")]
    assert risks(change("aws_sqs_queue_policy.this", admits("arn:r"), admits("arn:r", "arn:s")))[0][1] == "permission"


def test_a_denial_that_goes_with_its_queue_is_none_taken_away() -> None:
    deny = document(statement("sqs:*", QUEUE, Effect="Deny", Principal="*"))
    policy = change("aws_sqs_queue_policy.this", {"queue_url": "u", "policy": deny})

    assert risks(policy) == [("warn", "permission", f"no longer: deny sqs:* on {QUEUE} to AWS *")]
    assert [kind for _, kind, _ in risks(policy, change("aws_sqs_queue.this", {"url": "u"}))] == ["loss"]


@pytest.mark.parametrize("replaced", [True, False])
def test_a_denial_that_is_only_known_later_is_none_taken_away(replaced: bool) -> None:  # noqa: FBT001 - a parameter
    deny = document(statement("sqs:*", QUEUE, Effect="Deny", Principal="*"))
    before, unknown = {"queue_url": "u", "policy": deny}, {"policy": True}

    policy = change("aws_sqs_queue_policy.this", before, {}, unknown=unknown, replaced=replaced)
    queue = change("aws_sqs_queue.this", {"url": "u", "policy": deny}, {}, unknown=unknown, replaced=True)

    assert risks(policy) == [("warn", "permission", "policy is only known after apply: not compared")]
    assert [kind for _, kind, _ in risks(queue)] == ["loss"]


def test_a_new_policy_that_nobody_can_see_is_told_where_it_belongs_to_something_that_is_there() -> None:
    later = change("aws_sqs_queue_policy.this", None, {"queue_url": "u"}, unknown={"policy": True})
    sensitive = role_policy(None, READ, sensitive={"policy": True})

    assert risks(later) == [("warn", "permission", "policy is only known after apply: not compared")]
    assert risks(sensitive) == [("warn", "permission", "policy changes, and is sensitive: not compared")]
    assert risks(later, change("aws_sqs_queue.this", None, {"url": "u"})) == []


def test_of_a_policy_that_is_only_known_later_is_told_what_the_plan_knows() -> None:
    data, configuration = read_later({"actions": ["s:Get", "s:Put"], "resources": [None], "effect": None})
    later = change(
        "module.m.aws_iam_role_policy.this", {"role": "r", "policy": READ}, {"role": "r"}, unknown={"policy": True}
    )

    assert risks(data, later, configuration=configuration) == [
        ("warn", "permission", "wider: allow s:Get, s:Put on (known after apply)")
    ]
    assert risks(later) == [("warn", "permission", "policy is only known after apply: not compared")]


LATER = change(
    "module.m.aws_iam_role_policy.this", {"role": "r", "policy": READ}, {"role": "r"}, unknown={"policy": True}
)
STATEMENT = {"actions": ["s:Get"], "resources": ["arn:a"], "effect": None}


def test_of_a_policy_that_is_only_known_later_its_sources_count_too() -> None:
    data, configuration = read_later(STATEMENT)
    data["change"]["after_unknown"] = {"json": True}
    data["change"]["after"]["source_policy_documents"] = [document(statement("s:Put")), document(statement("s:Get"))]

    assert risks(data, LATER, configuration=configuration) == [("warn", "permission", "wider: allow s:Put on arn:a")]


@pytest.mark.parametrize(
    ("more", "unknown"),
    [
        ({"source_policy_documents": [None]}, {"source_policy_documents": [True]}),
        ({}, {"source_policy_documents": True}),
        ({"override_policy_documents": [READ]}, {}),
        ({}, {"override_policy_documents": True}),
        ({"statement": [STATEMENT, None]}, {"statement": [{}, True]}),
    ],
)
def test_a_policy_of_which_a_part_is_unknown_is_not_compared(more: dict[str, Any], unknown: dict[str, Any]) -> None:
    data, configuration = read_later(STATEMENT)
    data["change"]["after"] |= more
    data["change"]["after_unknown"] = {"json": True} | unknown

    assert risks(data, LATER, configuration=configuration) == [
        ("warn", "permission", "policy is only known after apply: not compared")
    ]


def test_of_several_documents_none_stands_for_all() -> None:
    data, configuration = read_later(STATEMENT)

    assert risks(data | {"index": "a"}, LATER, configuration=configuration) == [
        ("warn", "permission", "policy is only known after apply: not compared")
    ]


def test_the_permissions_of_a_new_role_are_told_as_far_as_they_are_known() -> None:
    data, configuration = read_later({"actions": ["s:Get"], "resources": [None], "effect": None})
    new = change("module.m.aws_iam_role_policy.this", None, {"role": "r"}, unknown={"policy": True})
    role = change("module.m.aws_iam_role.this", None, {"name": "r"})

    found = reviewed(data, role, new, configuration=configuration)

    (policy,) = (each for each in found.changes if each.type == "aws_iam_role_policy")
    assert [each.after for each in policy.attributes] == ["allow s:Get on (known after apply)"]
    assert found.risks == ()


def test_a_policy_that_is_sensitive_is_said_to_be_uncompared() -> None:
    ((_, _, text),) = risks(role_policy(READ, WRITE, sensitive={"policy": True}))

    assert text == "policy changes, and is sensitive: not compared"
