"""Public access by a policy: the principals that are public, and the conditions that keep strangers out."""

import re
from collections.abc import Iterable
from typing import Final

# A grant under one of these conditions is not public: it names the callers.
_RESTRICTING_KEYS: Final = frozenset(
    {
        "aws:sourcearn", "aws:sourceaccount", "aws:sourceowner", "aws:sourceorgid", "aws:sourceorgpaths",
        "aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths", "aws:userid",
        "aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip", "kms:calleraccount",
        "s3:dataaccesspointaccount", "elasticfilesystem:accesspointarn",
    }
)  # fmt: skip
# The pattern of a value that names somebody, by the ending of its key.
_SOMEBODY: Final = (
    ("sourceip", r"[\da-f.:]+(/([89]|\d{2,3}))?"),
    # The owner of a repository, as in repo:owner/*, or the second part of another provider's subject.
    (":sub", r"[^*?]+|[^*?:]+:[^*?:/]+[:/].*"),
    # The account, or the beginning of a name where an ARN has no account.
    ("arn", r"arn:[^:]+:[^:]*:[^:]*:([^:*?]+:.*|:[^*?].*)"),
    ("userid", r"[^*?:]+(:.*)?"),
    ("orgpaths", r"[^*?/]+(/.*)?"),
    ("", r"[^*?]+"),
)
_UNSEEN = ("(sensitive)", "(known after apply)")
_SAML = ":saml-provider/"


def is_public(principal: str) -> bool:
    """A federated principal is public too, until a condition names its subject: any repository of GitHub may use it."""
    return principal in {"*", "AWS *"} or (principal.startswith("Federated ") and _SAML not in principal)


def restricts(operator: str, key: str, values: Iterable[str]) -> bool:
    """Whether a condition, operator and key in lower case, keeps strangers out."""
    positive = "not" not in operator and operator != "null"
    # A request without the key meets these two.
    always = operator.endswith("ifexists") or operator.startswith("forallvalues:")
    restricting = key in _RESTRICTING_KEYS or key.endswith(":sub")
    return positive and not always and restricting and all(_names_somebody(key, value) for value in values)


def _names_somebody(key: str, value: str) -> bool:
    pattern = next(pattern for ending, pattern in _SOMEBODY if key.endswith(ending))
    return value.startswith(_UNSEEN) or re.fullmatch(pattern, value, re.IGNORECASE | re.DOTALL) is not None
