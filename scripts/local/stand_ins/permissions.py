"""Stand-ins for the permissions and condition keys that AWS knows."""

import json
import re
from collections.abc import Callable
from typing import Any

from scripts.local.stand_ins.types import Document

Check = Callable[[str, bytes, str, str], list[tuple[str, str]]]
"""Gives the action and the resource of each permission that a request needs."""
ExtractAction = Callable[..., str | None]
"""Gives the action of IAM that a request needs."""
Tags = Callable[[str, str, bytes, Document], Document]
"""Gives the condition keys of the tags in a request."""
Identify = Callable[[str, str, str], tuple[str, Document]]
"""Gives the principal that a web identity's token names, and the condition keys of it."""


def check_statements(check: Check) -> Check:
    """Ask for the permission that AWS asks for an INSERT statement: MiniStack asks for one that AWS does not know.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html
    """

    def check_items_and_statements(action: str, body: bytes, region: str, account: str) -> list[tuple[str, str]]:
        if action != "dynamodb:BatchExecuteStatement":
            return check(action, body, region, account)
        statements = [one.get("Statement", "") for one in json.loads(body).get("Statements", [])]
        inserts = [re.match(r'\s*INSERT\s+INTO\s+"([^"]+)"', one) for one in statements]
        tables = {insert[1] if insert else "" for insert in inserts}
        if "" in tables:
            return []  # then MiniStack asks for a permission that nobody has
        return [("dynamodb:PartiQLInsert", f"arn:aws:dynamodb:{region}:{account}:table/{name}") for name in tables]

    return check_items_and_statements


def single_actions(extract: ExtractAction) -> ExtractAction:
    """Ask for the permission of the single action for a batch of SQS, as AWS does.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    """

    def extract_single_action(*request: Any) -> str | None:  # noqa: ANN401 - handed on as it comes
        action = extract(*request)
        return action.removesuffix("Batch") if action and action.startswith("sqs:") else action

    return extract_single_action


def know_the_ref(identify: Identify, claims: Callable[[str], Document]) -> Identify:
    """Add the branch in GitHub's token of a job, a condition key of STS that MiniStack lacks.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
    """

    def identify_and_know_the_ref(token: str, provider: str, role_arn: str) -> tuple[str, Document]:
        principal, keys = identify(token, provider, role_arn)
        ref = claims(token).get("ref") if keys else None
        issuer = principal.partition("/")[2]
        return principal, keys | ({f"{issuer}:ref": ref} if ref else {})

    return identify_and_know_the_ref


def know_the_encryption_context(tags: Tags) -> Tags:
    """Add the names in the encryption context of a request to KMS, a condition key that MiniStack lacks.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context-keys
    """

    def tags_and_encryption_context(service: str, action: str, body: bytes, parameters: Document) -> Document:
        known = tags(service, action, body, parameters)
        names = list(json.loads(body).get("EncryptionContext") or ()) if service == "kms" else []
        return known | ({"kms:EncryptionContextKeys": names} if names else {})

    return tags_and_encryption_context
