import json

import pytest

from scripts.deploy.plan.values import KNOWN_LATER, Difference, Hidden, Value, attributes, differences, text, texts

SECRET = "hunter2-and-more"  # noqa: S105 - it is none


def shown(values: object, **marks: object) -> str:
    return json.dumps(attributes("aws_x", values, **marks), default=str)


@pytest.mark.parametrize(
    ("values", "sensitive"),
    [
        ({"a": SECRET}, {"a": True}),
        ({"a": SECRET}, True),
        ({"a": {"b": [SECRET]}}, {"a": {"b": True}}),
        ({"a": {"b": [{"c": SECRET}]}}, {"a": {"b": [{"c": True}]}}),
        ({"a": [["x", SECRET]]}, {"a": [[False, True]]}),
    ],
)
def test_what_terraform_calls_sensitive_is_hidden_however_deep(values: object, sensitive: object) -> None:
    assert SECRET not in shown(values, sensitive=sensitive)


@pytest.mark.parametrize(
    "name",
    ["password", "DB_PASSWORD", "dbPassword", "master_passwd", "client_secret", "API_TOKEN", "authToken", "privateKey",
     "private_key_pem", "api-key", "AWS_ACCESS_KEY_ID", "credentials", "SLACK_WEBHOOK_URL", "sts:ExternalId",
     "connectionString", "signing_key", "DB_PASS", "DB_PWD", "PGPASS", "STRIPE_KEY", "GOOGLE_KEY", "JWT", "PIN",
     "MASTER_KEY", "SSH_KEY", "HMAC", "pw"],
)  # fmt: skip
def test_what_is_named_like_a_secret_is_hidden(name: str) -> None:
    assert SECRET not in shown({"environment": [{"variables": {name: SECRET}}]})
    assert SECRET not in shown({name: {"deeper": [SECRET]}})
    assert SECRET not in shown(
        {"container_definitions": json.dumps([{"environment": [{"name": name, "value": SECRET}]}])}
    )


@pytest.mark.parametrize(
    "value",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN RSA PRIVATE KEY-----\nabc",  # pragma: allowlist secret - to be recognised
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "ghp_0123456789abcdefghij",
        "xoxb-1-2-3",
        f"https://user:{SECRET}@example.org/",
        "https://hooks.slack.com/services/T0/B0/abc",
        f"Bearer {SECRET}",
        f"server=db;password={SECRET}",
        f"line one\nDB_PASSWORD: {SECRET}",
        "AIzaSyA0123456789abcdefghijklmnopqrstuv",  # pragma: allowlist secret - to be recognised
        "SG.0123456789abcdef.0123456789",
        "npm_0123456789abcdefghijklmnopqrstuvwxyz",  # pragma: allowlist secret - to be recognised
        "https://example.org/blob?x=1&sig=0123",
        "rk_live_0123",
    ],
)
def test_what_reads_like_a_secret_is_hidden_whatever_its_name(value: str) -> None:
    assert value not in attributes("aws_x", {"note": value}).values()
    assert attributes("aws_x", {"note": value})["note"] == Hidden(value)


@pytest.mark.parametrize("command", [["run", "--password", SECRET], ["run", f"--password={SECRET}"]])
def test_a_secret_in_a_command_is_hidden(command: list[str]) -> None:
    assert SECRET not in shown({"command": command})


@pytest.mark.parametrize("name", ["value", "insecure_value"])
def test_a_parameter_is_hidden_although_the_provider_does_not_say_so(name: str) -> None:
    assert attributes("aws_ssm_parameter", {name: SECRET}) == {name: Hidden(SECRET)}


@pytest.mark.parametrize(
    "values",
    [
        {"hash_key": "item_id", "route_key": "GET /pins", "range_key": "at", "spinner": "on", "passenger": "ada"},
        {"kms_master_key_id": "alias/x"},
        {"manage_master_user_password": True},
        {
            "policy": {
                "Statement": {
                    "Action": "secretsmanager:GetSecretValue",
                    "Resource": "arn:aws:secretsmanager:x:y:secret:z",
                }
            }
        },
        {"Condition": {"StringEquals": {"token.actions.githubusercontent.com:sub": "repo:a/b:ref:refs/heads/main"}}},
    ],
)
def test_what_only_sounds_like_a_secret_is_shown(values: dict[str, object]) -> None:
    assert attributes("aws_x", values) == values


def test_a_secret_in_json_in_a_text_is_hidden_by_its_name() -> None:
    assert SECRET not in shown({"settings": json.dumps({"db": {"pw": SECRET}})})


def test_a_hidden_value_shows_that_it_changes_and_nothing_else() -> None:
    before, after = attributes("aws_x", {"token": SECRET}), attributes("aws_x", {"token": "other"})

    (found,) = differences(before, after)

    assert (text(found.before), text(found.after)) == ("(sensitive)", "(sensitive)")
    assert SECRET not in repr(found)


def test_what_is_not_known_yet_is_marked_also_where_there_is_no_value() -> None:
    found = attributes("aws_x", {"a": [None], "b": None}, {"a": [True], "b": {"c": True}, "arn": True, "d": {}})

    assert found == {"a": [KNOWN_LATER], "b": {"c": KNOWN_LATER}, "arn": KNOWN_LATER}


def test_nothing_is_nothing_however_it_is_written() -> None:
    before: dict[str, Value] = {"a": None, "b": "", "c": [], "d": {}}

    assert not list(differences(before, {"a": {}, "b": None, "c": "", "d": []}))
    assert [each.path for each in differences({"a": 0, "b": False}, {})] == ["a", "b"]


def test_json_in_a_text_is_compared_by_what_it_says() -> None:
    before = attributes("aws_x", {"pattern": '{"a": ["x"], "b": 1}'})
    after = attributes("aws_x", {"pattern": '{ "b":1, "a":["y"] }'})

    assert list(differences(before, after)) == [Difference("pattern.a", ["x"], ["y"])]


def test_of_a_list_what_is_gone_and_what_has_come_is_told_and_of_a_block_what_differs_in_it() -> None:
    before: Value = {"list": ["a", "b"], "block": [{"x": 1, "y": 2}], "blocks": [{"n": 1}, {"n": 2}]}
    after: Value = {"list": ["b", "c"], "block": [{"x": 1, "y": 3}], "blocks": [{"n": 1}, {"n": 5}]}

    assert list(differences(before, after)) == [
        Difference("block.y", 2, 3),
        Difference("blocks[1].n", 2, 5),
        Difference("list", ["a"], ["c"]),
    ]


def test_long_values_differ_in_what_is_shown_of_them() -> None:
    before, after = texts("x" * 200 + "a", "x" * 200 + "b")

    assert before != after
    assert max(len(before), len(after)) < 100


def test_a_text_of_many_lines_is_not_shown_nor_is_where_two_differ() -> None:
    before, after = ("password:\n  " + SECRET + end for end in ("1", "2"))

    assert text(before) == text([before]) == "(text of 2 lines)"
    assert texts(before, after) == ("(text of 2 lines)", "another text of 2 lines")
    assert SECRET not in text({"content": before}) + text([{"content": before}])
