"""What in a plan weakens the protection of data: against deletion, loss and readers, and how long it is kept."""

from collections.abc import Mapping

from scripts.deploy.plan.model import Action, Found
from scripts.deploy.plan.resources import Resource
from scripts.deploy.plan.rules import Limit, becomes, lowered, switched_off
from scripts.deploy.plan.values import Value, at, is_empty, text

DELETION_PROTECTIONS = ("deletion_protection_enabled", "deletion_protection", "enable_deletion_protection")
_SWITCHES = (
    *((path, "deletion protection is turned off") for path in DELETION_PROTECTIONS),
    ("versioning.enabled", "earlier versions are no longer kept"),
    ("server_side_encryption.enabled", "encryption with a KMS key is turned off"),
    ("encrypted", "encryption is turned off"),
    ("storage_encrypted", "encryption is turned off"),
    ("at_rest_encryption_enabled", "encryption is turned off"),
    ("enable_key_rotation", "the key is no longer rotated"),
)
_RECOVERY = "point_in_time_recovery.enabled"
_KEYS_OF_CUSTOMERS = "-customer-key-table"
"""The one table without a recovery: a key that was destroyed must not come back."""
_BUCKET_ENCRYPTION = "rule.apply_server_side_encryption_by_default"
_BECOMES = (
    (f"{_BUCKET_ENCRYPTION}.sse_algorithm", "AES256", "encryption with a KMS key is turned off"),
    ("versioning_configuration.status", "Suspended", "earlier versions are no longer kept"),
    ("versioning_configuration.status", "Disabled", "earlier versions are no longer kept"),
    ("force_destroy", True, "it can be destroyed with everything in it"),
)
_KEYS = (
    "kms_key_arn",
    "kms_key_id",
    "kms_master_key_id",
    "kms_key_identifier",
    "server_side_encryption.kms_key_arn",
    f"{_BUCKET_ENCRYPTION}.kms_master_key_id",
)
_KEY_OF_AWS = "alias/aws/"
_SHORTER = "kept for a shorter time"
_RETENTIONS = (
    Limit("retention_in_days", _SHORTER, default=0, unlimited=0),
    Limit("retention_days", _SHORTER, default=0, unlimited=0),
    Limit("message_retention_seconds", _SHORTER),
    Limit("backup_retention_period", _SHORTER),
    Limit("deletion_window_in_days", "once deleted, it can be had back for a shorter time"),
    Limit("point_in_time_recovery.recovery_period_in_days", _SHORTER),
)


def protection_risks(resource: Resource) -> Found:
    """Give kind and text of each protection that a changed resource loses."""
    before, after = resource.settings
    for path, consequence in _SWITCHES:
        if found := switched_off(before, after, path, consequence):
            yield "protection", found
    for path, value, consequence in _BECOMES:
        if becomes(before, after, path, value):
            yield "protection", consequence
    yield from _encryption(resource.type, before, after)
    for consequence in lowered(resource.type, before, after, _RETENTIONS):
        yield "retention", consequence
    if becomes(before, after, "ttl.enabled", value=True):
        yield "retention", "items begin to expire"


def recovery_risks(resource: Resource) -> Found:
    """Give what is wrong with the recovery of a table that is made or changed."""
    before, after = resource.settings
    if resource.type != "aws_dynamodb_table":
        return
    if str(after.get("name")).endswith(_KEYS_OF_CUSTOMERS):
        if becomes(before, after, _RECOVERY, value=True):
            yield "protection", "point-in-time recovery is turned on: a key that was destroyed could come back"
    elif found := switched_off(before, after, _RECOVERY, "point-in-time recovery is turned off"):
        yield "protection", found
    elif resource.action is Action.CREATE and at(after, _RECOVERY) in (None, False):
        yield "protection", "it has no point-in-time recovery"


def _encryption(kind: str, before: Mapping[str, Value], after: Mapping[str, Value]) -> Found:
    if kind == "aws_kms_key" and becomes(before, after, "is_enabled", value=False):
        yield "protection", "the key is disabled: nothing can read the data encrypted with it"
    is_off = at(before, "sqs_managed_sse_enabled") is True and at(after, "sqs_managed_sse_enabled") in (None, False)
    if is_off and is_empty(at(after, "kms_master_key_id")):
        yield "protection", "encryption is turned off"
    for path in _KEYS:
        old, new = at(before, path), at(after, path)
        if not is_empty(old) and is_empty(new):
            yield "protection", "its own KMS key is taken off"
        elif not is_empty(old) and _KEY_OF_AWS in str(new) and _KEY_OF_AWS not in str(old):
            yield "protection", f"its own KMS key is exchanged for {text(new)}"
