import json

import pytest

from scripts.local.stand_ins.permissions import (
    check_statements,
    know_the_encryption_context,
    know_the_ref,
    single_actions,
)
from scripts.local.stand_ins.types import Document


def test_an_insert_needs_the_permission_that_aws_asks_for() -> None:
    check = check_statements(lambda *_: [("dynamodb:PutItem", "some table")])
    body = json.dumps({"Statements": [{"Statement": "INSERT INTO \"log\" VALUE {'a': ?}"}] * 2}).encode()

    assert check("dynamodb:BatchExecuteStatement", body, "eu-west-2", "1") == [
        ("dynamodb:PartiQLInsert", "arn:aws:dynamodb:eu-west-2:1:table/log")
    ]
    assert check("dynamodb:TransactWriteItems", b"", "eu-west-2", "1") == [("dynamodb:PutItem", "some table")]


def test_another_statement_is_left_to_a_permission_that_nobody_has() -> None:
    body = json.dumps({"Statements": [{"Statement": 'DELETE FROM "log" WHERE a = ?'}]}).encode()

    assert check_statements(lambda *_: [])("dynamodb:BatchExecuteStatement", body, "eu-west-2", "1") == []


@pytest.mark.parametrize(
    ("asked", "needed"),
    [
        ("sqs:SendMessageBatch", "sqs:SendMessage"),
        ("sqs:SendMessage", "sqs:SendMessage"),
        ("dynamodb:BatchGetItem", "dynamodb:BatchGetItem"),
        (None, None),
    ],
)
def test_a_batch_of_sqs_needs_the_permission_of_its_single_action(asked: str | None, needed: str | None) -> None:
    assert single_actions(lambda *_: asked)("sqs", "POST", "/", {}, b"", {}) == needed


@pytest.mark.parametrize(
    ("claims", "known"),
    [
        ({"sub": "job", "ref": "refs/heads/main"}, {"github.test:sub": "job", "github.test:ref": "refs/heads/main"}),
        ({"sub": "job"}, {"github.test:sub": "job"}),
    ],
)
def test_a_trust_policy_may_ask_for_the_branch_of_a_token(claims: Document, known: Document) -> None:
    provider = "arn:aws:iam::000000000000:oidc-provider/github.test"
    keys = {f"github.test:{name}": value for name, value in claims.items() if name == "sub"}

    identify = know_the_ref(lambda *_: (provider, keys), lambda _: claims)

    assert identify("token", "", "role") == (provider, known)


def test_a_token_that_cannot_be_read_names_no_branch() -> None:
    def unreadable(_: str) -> Document:
        raise ValueError

    assert know_the_ref(lambda *_: ("", {}), unreadable)("?", "", "role") == ("", {})


@pytest.mark.parametrize(
    ("service", "body", "known"),
    [
        (
            "kms",
            {"EncryptionContext": {"customer_id": "c-1"}},
            {"tag": "x", "kms:EncryptionContextKeys": ["customer_id"]},
        ),
        ("kms", {"EncryptionContext": {}}, {"tag": "x"}),
        ("kms", {"KeyId": "key"}, {"tag": "x"}),
        ("dynamodb", {"EncryptionContext": {"customer_id": "c-1"}}, {"tag": "x"}),
    ],
)
def test_a_policy_may_ask_in_whose_name_kms_is_called(service: str, body: Document, known: Document) -> None:
    tags = know_the_encryption_context(lambda *_: {"tag": "x"})

    assert tags(service, f"{service}:Decrypt", json.dumps(body).encode(), {}) == known
