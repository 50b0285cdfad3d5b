"""Of two policies only what they permit is compared."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.deploy.plan.policies import difference, grants
from scripts.deploy.plan.values import Value, attributes
from tests.unit.scripts.deploy.plan.factory import document, statement


def policy(*statements: dict[str, Any]) -> Value:
    return attributes("aws_x", {"policy": document(*statements)})["policy"]


def widening(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """What is permitted now and was not: new permissions, and denials that are gone."""
    found = difference(grants(policy(*before)), grants(policy(*after)))
    permitted = [grant for grant in found.gained if not grant.denied]
    return [str(grant) for grant in (*permitted, *(grant for grant in found.lost if grant.denied))]


SOURCE = {"ArnEquals": {"aws:SourceArn": "arn:aws:events:eu-west-2:123456789012:rule/a"}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # Form and order.
        ([statement("s:Get")], [statement(["s:Get"], ["arn:a"], Sid="New")]),
        ([statement(["s:Get", "s:Put"])], [statement("s:Put"), statement("s:Get")]),
        ([statement("s:Get", Principal={"AWS": "123456789012"})],
         [statement("s:Get", Principal={"AWS": ["arn:aws:iam::123456789012:root"]})]),
        ([statement("s:Get", Principal="*")], [statement("s:Get", Principal={"AWS": "*"})]),
        # Less than there was.
        ([statement("s:*")], [statement("s:get")]),
        ([statement("s:Get*")], [statement("s:GetItem")]),
        ([statement("s:G?t")], [statement("s:Get")]),
        ([statement("s:Get", "*")], [statement("s:Get", "arn:b/*")]),
        ([statement("s:Get")], [statement("s:Get", Condition=SOURCE)]),
        ([statement("s:Get")], []),
        ([statement("s:Get", Condition={"StringEquals": {"k": ["a", "b"]}})],
         [statement("s:Get", Condition={"StringEquals": {"k": "b"}})]),
        ([statement("s:Get", Condition={"StringLike": {"k": "a*"}})],
         [statement("s:Get", Condition={"StringEquals": {"K": "ab"}})]),
        ([statement("s:Get", Condition={"StringEqualsIfExists": {"k": "a"}})],
         [statement("s:Get", Condition={"StringEquals": {"k": "a"}})]),
        ([statement("s:Get", Condition={"StringNotEquals": {"k": "a"}})],
         [statement("s:Get", Condition={"StringNotEquals": {"k": ["a", "b"]}})]),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], [statement("s:Get")]),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
         [{"Effect": "Allow", "NotAction": ["iam:*", "s:*"], "Resource": "*"}]),
        # A denial more.
        ([statement("s:Get")], [statement("s:Get"), statement("s:*", "*", Effect="Deny")]),
        ([statement("s:Put", Effect="Deny")], [statement("s:*", "*", Effect="Deny")]),
        ([statement("s:Put", Effect="Deny", Condition=SOURCE)], [statement("s:Put", Effect="Deny")]),
    ],
)  # fmt: skip
def test_what_was_permitted_before_is_no_widening(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    assert widening(before, after) == []


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        ([], [statement("s:Get")], "allow s:Get on arn:a"),
        ([statement("s:*", Effect="Deny")], [statement("s:*", Effect="Deny"), statement("s:Get")],
         "allow s:Get on arn:a"),
        ([statement("s:Get")], [statement(["s:Get", "s:Put"])], "allow s:Put on arn:a"),
        ([statement("s:Get")], [statement("s:*")], "allow s:* on arn:a"),
        ([statement("s:Get")], [statement("s:Get", ["arn:a", "arn:b"])], "allow s:Get on arn:b"),
        ([statement("s:Get?")], [statement("s:Get*")], "allow s:Get* on arn:a"),
        ([statement("s:Get", "arn:a/?")], [statement("s:Get", "arn:a/*")], "allow s:Get on arn:a/*"),
        ([statement("s:Get")], [statement("s:Get", "ARN:a")], "allow s:Get on ARN:a"),
        ([statement("s:Get", Condition=SOURCE)], [statement("s:Get")], "allow s:Get on arn:a"),
        ([statement("s:Get", Condition=SOURCE)],
         [statement("s:Get", Condition={"ArnLike": {"aws:SourceArn": "arn:aws:events:eu-west-2:123456789012:rule/*"}})],
         "allow s:Get on arn:a if ArnLike aws:SourceArn arn:aws:events:eu-west-2:123456789012:rule/*"),
        ([statement("s:Get", Condition={"StringEquals": {"k": "a"}})],
         [statement("s:Get", Condition={"StringEqualsIfExists": {"k": "a"}})],
         "allow s:Get on arn:a if StringEqualsIfExists k a"),
        ([statement("s:Get", Condition={"StringNotEquals": {"k": ["a", "b"]}})],
         [statement("s:Get", Condition={"StringNotEquals": {"k": "a"}})],
         "allow s:Get on arn:a if StringNotEquals k a"),
        ([statement("s:Get", Principal={"Service": "a.amazonaws.com"})],
         [statement("s:Get", Principal={"Service": ["a.amazonaws.com", "b.amazonaws.com"]})],
         "allow s:Get on arn:a to Service b.amazonaws.com"),
        ([statement("s:Get")], [{"Effect": "Allow", "NotAction": "s:Put", "Resource": "arn:a"}],
         "allow all but s:Put on arn:a"),
        ([{"Effect": "Allow", "NotAction": ["iam:*", "s:*"], "Resource": "*"}], [statement("s:Get")],
         "allow s:Get on arn:a"),
        ([statement("s:Put", Effect="Deny")], [], "deny s:Put on arn:a"),
        ([statement("s:*", Effect="Deny")], [statement("s:Put", Effect="Deny")], "deny s:* on arn:a"),
        ([statement("s:Put", Effect="Deny")], [statement("s:Put", Effect="Deny", Condition=SOURCE)],
         "deny s:Put on arn:a"),
        ([statement("s:Get", Condition={"StringEquals": {"sts:ExternalId": "one"}})],
         [statement("s:Get", Condition={"StringEquals": {"sts:ExternalId": "two"}})],
         "allow s:Get on arn:a if StringEquals sts:ExternalId (sensitive)"),
    ],
)  # fmt: skip
def test_what_was_not_permitted_or_was_denied_before_is_a_widening(
    before: list[dict[str, Any]], after: list[dict[str, Any]], wider: str
) -> None:
    assert widening(before, after) == [wider]


@pytest.mark.parametrize(
    ("more", "is_public"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"NotPrincipal": {"AWS": "123456789012"}}, True),
        ({"Principal": "*", "Condition": SOURCE}, False),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}, False),
        ({"Principal": "*", "Condition": {"StringEqualsIfExists": {"aws:SourceAccount": "1"}}}, True),
        ({"Principal": "*", "Condition": {"StringNotEquals": {"aws:SourceAccount": "1"}}}, True),
        ({"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "*"}}}, True),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, True),
        ({"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        ({"Principal": "*", "Effect": "Deny"}, False),
        ({"Principal": {"Service": "s.amazonaws.com"}}, False),
        ({"Principal": {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"}}, True),
        ({"Principal": {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"},
          "Condition": {"StringLike": {"token.actions.githubusercontent.com:sub": "repo:a/b:*"}}}, False),
        ({"Principal": {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"},
          "Condition": {"StringLike": {"token.actions.githubusercontent.com:sub": "*"}}}, True),
        ({}, False),
    ],
)  # fmt: skip
def test_public_is_what_lets_anybody_in(more: dict[str, Any], is_public: bool) -> None:  # noqa: FBT001 - a parameter
    (grant,) = grants(policy(statement("s:Get", **more)))

    assert grant.is_public is is_public


@pytest.mark.parametrize(
    ("key", "stranger", "somebody"),
    [
        ("aws:PrincipalArn", "arn:aws:iam::*:role/*", "arn:aws:iam::123456789012:role/*"),
        ("aws:PrincipalArn", "a*", "arn:aws:iam::123456789012:role/a"),
        ("aws:PrincipalOrgID", "o-*", "o-abc"),
        ("aws:PrincipalOrgPaths", "o-*/r-a/*", "o-abc/r-a/*"),
        ("aws:SourceArn", "arn:aws:sns:*:*:*", "arn:aws:sns:*:123456789012:*"),
        ("aws:SourceArn", "arn:aws:s3:::*", "arn:aws:s3:::orders-*"),
        ("aws:PrincipalAccount", "?*", "123456789012"),
        ("aws:SourceAccount", "1234*", "123456789012"),
        ("aws:userid", "A*:ada", "AROA:*"),
        ("aws:SourceIp", "0.0.0.0/1", "10.1.0.0/16"),
        ("aws:SourceIp", "128.0.0.0/1", "2001:db8::/32"),
        ("aws:SourceArn", "*", "(known after apply)"),
    ],
)
def test_a_condition_keeps_strangers_out_only_where_it_names_somebody(key: str, stranger: str, somebody: str) -> None:
    found = {
        value: [
            grant.is_public
            for grant in grants(policy(statement("s:Get", Principal="*", Condition={"StringLike": {key: value}})))
        ]
        for value in (stranger, somebody)
    }

    assert found == {stranger: [True], somebody: [False]}


def test_of_several_values_one_that_names_nobody_is_enough() -> None:
    condition = {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-abc/*", "*"]}}

    (grant,) = grants(policy(statement("s:Get", Principal="*", Condition=condition)))

    assert grant.is_public


@pytest.mark.parametrize(
    ("provider", "sub", "is_public"),
    [
        ("arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com", "repo:*", True),
        ("arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com", "re*", True),
        ("arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com", "repo:owner*", True),
        ("arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com", "repo:owner/*", False),
        ("arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com", "repo:a/b:environment:prod", False),
        ("cognito-identity.amazonaws.com", None, True),
        ("cognito-identity.amazonaws.com", "eu-west-2:1", False),
        ("accounts.google.com", None, True),
        ("accounts.google.com", "1234", False),
        ("arn:aws:iam::1:saml-provider/own", None, False),
    ],
)
def test_whoever_signs_in_elsewhere_is_anybody_until_a_subject_is_named(
    provider: str,
    sub: str | None,
    is_public: bool,  # noqa: FBT001 - a parameter
) -> None:
    condition = {"StringLike": {f"{provider.rpartition('/')[2]}:sub": sub}} if sub else {}

    (grant,) = grants(policy(statement("sts:A", Principal={"Federated": provider}, Condition=condition)))

    assert grant.is_public is is_public


def test_what_is_alike_is_told_once() -> None:
    found = difference([], grants(policy(statement(["s:Get", "s:Put"], ["arn:a", "arn:b"]))))

    assert [str(grant) for grant in found.gained] == ["allow s:Get, s:Put on arn:a, arn:b"]


WORDS = st.lists(st.sampled_from(["s:Get", "s:Put", "s:Get*", "t:Read", "t:*"]), min_size=1, max_size=3, unique=True)
PLACES = st.lists(st.sampled_from(["arn:a", "arn:a/*", "arn:b", "*"]), min_size=1, max_size=3, unique=True)
VALUES = st.lists(st.sampled_from("xyz"), min_size=1, max_size=2, unique=True)
CONDITIONS = st.dictionaries(
    st.sampled_from(["StringEquals", "StringLike", "StringNotEquals", "ForAllValues:StringEquals"]),
    st.dictionaries(
        st.sampled_from("kl"), st.lists(st.sampled_from("xyz"), min_size=1, max_size=2, unique=True), min_size=1
    ),
    max_size=2,
)
STATEMENTS = st.lists(
    st.fixed_dictionaries(
        {"Effect": st.sampled_from(["Allow", "Deny"]), "Action": WORDS, "Resource": PLACES, "Condition": CONDITIONS}
    ),
    max_size=3,
)


def reshaped(statements: list[dict[str, Any]], draw: st.DataObject) -> list[dict[str, Any]]:
    """Write the same otherwise: in another order, with Sids, one action a statement, texts in place of lists."""
    apart = [
        {**each, "Action": action, "Sid": f"Sid{index}", "Resource": draw.draw(st.permutations(each["Resource"]))}
        for index, each in enumerate(statements)
        for action in each["Action"]
    ]
    ordered: list[dict[str, Any]] = draw.draw(st.permutations(apart))
    return json.loads(json.dumps(ordered, sort_keys=True))  # type: ignore[no-any-return] # it is what it was


@given(statements=STATEMENTS, draw=st.data())
def test_a_policy_permits_what_it_permits_however_it_is_written(
    statements: list[dict[str, Any]], draw: st.DataObject
) -> None:
    found = difference(grants(policy(*statements)), grants(policy(*reshaped(statements, draw))))

    assert found.gained == found.lost == ()


@given(statements=STATEMENTS, draw=st.data())
def test_an_action_that_nobody_had_is_always_seen(statements: list[dict[str, Any]], draw: st.DataObject) -> None:
    after = draw.draw(st.permutations([*statements, statement("u:Destroy", "arn:c")]))

    assert "allow u:Destroy on arn:c" in widening(statements, after)


@given(statements=STATEMENTS, draw=st.data())
def test_a_part_of_what_was_allowed_is_never_wider(statements: list[dict[str, Any]], draw: st.DataObject) -> None:
    allowed = [each for each in statements if each["Effect"] == "Allow"]
    fewer = [each for each in allowed if draw.draw(st.booleans())]
    narrower = [{**each, "Action": each["Action"][:1], "Resource": each["Resource"][:1]} for each in fewer]

    assert widening(allowed, narrower) == []


@given(statements=STATEMENTS)
def test_a_denial_that_is_taken_away_is_always_seen(statements: list[dict[str, Any]]) -> None:
    before = [*statements, statement("u:Destroy", "arn:c", Effect="Deny")]

    assert "deny u:Destroy on arn:c" in widening(before, statements)
