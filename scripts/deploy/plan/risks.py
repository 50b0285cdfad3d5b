"""What in a plan can do harm: each risk with the resource that it comes from."""

from collections.abc import Iterator, Mapping, Sequence

from scripts.deploy.plan.model import Action, Risk, Severity
from scripts.deploy.plan.permissions import permission_risks
from scripts.deploy.plan.resources import Json, Resource
from scripts.deploy.plan.values import Value, at, attributes, differences, is_empty, text
from scripts.deploy.plan.wiring import Found, ends, rewired

# What is gone with the resource.
_STATEFUL = {
    "aws_dynamodb_table": "its items",
    "aws_s3_bucket": "its objects",
    "aws_cloudwatch_event_bus": "its events under way",
    "aws_cloudwatch_event_archive": "the events in it",
    "aws_sqs_queue": "the messages in it",
    "aws_cloudwatch_log_group": "the logs in it",
    "aws_kms_key": "whatever it has encrypted",
    "aws_ssm_parameter": "its value",
    "aws_secretsmanager_secret": "its value",
    "aws_efs_file_system": "the files in it",
    "aws_ebs_volume": "the data on it",
    "aws_db_instance": "its data",
    "aws_rds_cluster": "its data",
    "aws_ecr_repository": "its images",
    "aws_backup_vault": "its backups",
    "aws_kinesis_stream": "its records",
    "aws_cognito_user_pool": "its users",
    "aws_elasticache_cluster": "its data",
    "aws_elasticache_replication_group": "its data",
    "aws_opensearch_domain": "its data",
    "aws_dynamodb_table_export": "the export",
    "aws_iam_openid_connect_provider": "every sign-in by it",
}
_NAMES = ("name", "bucket")
PROTECTED = "protected"
_PROTECTIONS = ("deletion_protection_enabled", "deletion_protection", "enable_deletion_protection")
# Switches that protect while they are true: where they are, what happens without, and of which kind that is.
_SWITCHES = (
    *((name, "protection", "deletion protection is turned off") for name in _PROTECTIONS),
    ("point_in_time_recovery.enabled", "protection", "point-in-time recovery is turned off"),
    ("versioning.enabled", "protection", "versions are no longer kept"),
    ("server_side_encryption.enabled", "protection", "encryption with a key of KMS is turned off"),
    ("encrypted", "protection", "encryption is turned off"),
    ("storage_encrypted", "protection", "encryption is turned off"),
    ("at_rest_encryption_enabled", "protection", "encryption is turned off"),
    ("enable_key_rotation", "protection", "the key is no longer rotated"),
    ("is_enabled", "protection", "it is disabled"),
    ("actions_enabled", "wiring", "the alarm no longer tells anybody"),
    ("stream_enabled", "wiring", "its stream ends, and what reads it gets nothing any more"),
    ("enabled", "wiring", "it is disabled"),
    ("block_public_acls", "public", "public ACLs are no longer blocked"),
    ("block_public_policy", "public", "a public policy is no longer blocked"),
    ("ignore_public_acls", "public", "public ACLs are no longer ignored"),
    ("restrict_public_buckets", "public", "a public bucket is no longer kept from others"),
)
_BUCKET_ENCRYPTION = "rule.apply_server_side_encryption_by_default"
_KEY_OF_AWS = "alias/aws/"
_TAKEN_OFF = (
    ("kms_key_arn", "protection", "its own KMS key is taken off"),
    ("kms_key_id", "protection", "its own KMS key is taken off"),
    ("kms_master_key_id", "protection", "its own KMS key is taken off"),
    ("kms_key_identifier", "protection", "its own KMS key is taken off"),
    ("server_side_encryption.kms_key_arn", "protection", "its own KMS key is taken off"),
    ("permissions_boundary", "permission", "its permissions boundary is taken off"),
    (f"{_BUCKET_ENCRYPTION}.kms_master_key_id", "protection", "its own KMS key is taken off"),
    ("alarm_actions", "wiring", "the alarm no longer tells anybody"),
    ("redrive_policy", "wiring", "the queue loses its dead-letter queue"),
    ("dead_letter_config.arn", "wiring", "what it cannot deliver is lost: it has no dead-letter queue any more"),
    ("dead_letter_config.target_arn", "wiring", "what fails is lost: it has no dead-letter queue any more"),
    ("destination_config.on_failure.destination_arn", "wiring", "what it gives up is no longer reported"),
)
_EXCHANGED = (
    ("aws_iam_role", "permissions_boundary", "permission", "it gets another permissions boundary"),
    ("aws_lambda_function", "role", "permission", "it runs as another role"),
    ("aws_lambda_event_source_mapping", "function_name", "wiring", "another function reads the queue or stream"),
    ("aws_sns_topic_subscription", "endpoint", "wiring", "the topic loses a subscriber, and gets another"),
)
_BECOMES = (
    (f"{_BUCKET_ENCRYPTION}.sse_algorithm", "AES256", "protection", "encryption with a key of KMS is turned off"),
    ("reserved_concurrent_executions", 0, "wiring", "the function is stopped: it may run nowhere"),
    ("ttl.enabled", True, "protection", "items begin to expire"),
    ("state", "DISABLED", "wiring", "it is disabled"),
    ("versioning_configuration.status", "Suspended", "protection", "versions are no longer kept"),
    ("versioning_configuration.status", "Disabled", "protection", "versions are no longer kept"),
    ("force_destroy", True, "protection", "it can be destroyed with everything in it"),
    ("publicly_accessible", True, "public", "it is open to the internet"),
    ("acl", "public-read", "public", "everybody may read it"),
    ("acl", "public-read-write", "public", "everybody may read and write it"),
)
# What may say that it asks nobody who calls. An API's route may be made to be open: that is only a warning.
_AUTHENTICATION = {
    "aws_lambda_function_url": "authorization_type",
    "aws_apigatewayv2_route": "authorization_type",
    "aws_api_gateway_method": "authorization",
}
_ROUTES = _AUTHENTICATION.keys() - {"aws_lambda_function_url"}
_RETENTIONS = (
    "retention_in_days",
    "retention_days",
    "message_retention_seconds",
    "backup_retention_period",
    "point_in_time_recovery.recovery_period_in_days",
)
_FOR_EVER = {"retention_in_days", "retention_days"}
"""Where 0 means without an end."""
_CODE = ("source_code_hash", "image_uri", "s3_key", "s3_object_version")


def risks(resources: Sequence[Resource], plan: Json) -> tuple[Risk, ...]:
    """Give what can do harm, what blocks first."""
    found = [*_losses(resources)]
    for resource in resources:
        found += [_risk(kind, resource, what) for kind, what in _risks_of(resource, resources)]
        found += [_risk(kind, resource, what) for kind, what in ends(resource, resources)]
    found += permission_risks(resources)
    found += _failed_checks(plan)
    return tuple(sorted(dict.fromkeys(found), key=lambda risk: (risk.severity, risk.kind != "loss", risk.address)))


def losses(resources: Sequence[Resource]) -> tuple[Risk, ...]:
    """Give only what is lost: of an environment that is taken down nothing else is of interest."""
    return tuple(_losses(resources))


def _risk(kind: str, resource: Resource, what: str) -> Risk:
    severity = Severity.BLOCK if kind in {"loss", PROTECTED, "public"} else Severity.WARN
    return Risk(severity, kind, resource.address, what)


def _losses(resources: Sequence[Resource]) -> Iterator[Risk]:
    for resource in resources:
        if not resource.is_lost:
            continue
        if content := _STATEFUL.get(resource.type):
            what = "replaced" if resource.action is Action.REPLACE else "destroyed"
            because = f" ({resource.because})" if resource.because else ""
            yield _risk("loss", resource, f"would be {what}, and {content} lost{because}{_hint(resource, resources)}")
        if any(resource.before.get(name) is True for name in _PROTECTIONS):
            yield _risk(PROTECTED, resource, "deletion protection is on: AWS refuses, and an apply would stop half way")


def _hint(resource: Resource, resources: Sequence[Resource]) -> str:
    """Point to what takes its name under another address, as when a resource moves to another module."""
    name = next((value for key in _NAMES if isinstance(value := resource.before.get(key), str)), None)
    for other in resources:
        is_alike = other.type == resource.type and other.action is Action.CREATE
        if name and is_alike and name in [other.after.get(key) for key in _NAMES]:
            return f"; {other.address} is made with its name: a `moved` block would keep it"
    return ""


def _risks_of(resource: Resource, resources: Sequence[Resource]) -> Found:
    if resource.action in {Action.UPDATE, Action.REPLACE}:
        yield from _turned_off(resource)
        yield from _exchanged(resource)
        yield from _shortened(resource)
        yield from _code(resource)
        yield from rewired(resource, resources)
    if resource.is_made:
        yield from _became(resource)
        yield from _opened(resource)
    if resource.action is Action.FORGET:
        yield "wiring", "Terraform would no longer look after it; it stays as it is"


def _turned_off(resource: Resource) -> Found:
    for path, kind, what in _SWITCHES:
        if _switched_off(resource, path):
            yield kind, what
    if _switched_off(resource, "sqs_managed_sse_enabled") and is_empty(at(resource.after, "kms_master_key_id")):
        yield "protection", "encryption is turned off"
    for path, kind, what in _TAKEN_OFF:
        before, after = at(resource.before, path), at(resource.after, path)
        if not is_empty(before) and is_empty(after):
            yield kind, what
        elif "kms" in path and before and _KEY_OF_AWS in str(after) and _KEY_OF_AWS not in str(before):
            yield kind, f"its own KMS key is exchanged for {text(after)}"


def _exchanged(resource: Resource) -> Found:
    for type_, name, kind, what in _EXCHANGED:
        before, after = resource.before.get(name), resource.after.get(name)
        if resource.type == type_ and before != after and not is_empty(before) and not is_empty(after):
            yield kind, f"{what}: {text(before)} → {text(after)}"
    before, after = resource.before.get("event_pattern"), resource.after.get("event_pattern")
    if resource.type == "aws_cloudwatch_event_rule" and any(differences(before, after)):
        yield "wiring", "it matches other events"
    for index in sorted(_indexes(resource.before) - _indexes(resource.after)):
        yield "wiring", f"its index {index} is taken off, and who queries it gets an error"


def _indexes(table: Mapping[str, Value]) -> set[str]:
    listed = table.get("global_secondary_index")
    return {str(at(index, "name")) for index in listed} if isinstance(listed, list) else set()


def _switched_off(resource: Resource, path: str) -> bool:
    after = at(resource.after, path)
    return at(resource.before, path) is True and (after is False or after is None)


def _shortened(resource: Resource) -> Found:
    for name in _RETENTIONS:
        before, after = at(resource.before, name), at(resource.after, name)
        if isinstance(before, int) and isinstance(after, int):
            for_ever = float("inf") if name in _FOR_EVER else 0
            if (after or for_ever) < (before or for_ever):
                yield "protection", f"is kept for less long: {name} {before} → {after}"


def _code(resource: Resource) -> Found:
    if resource.type == "aws_lambda_function" and any(
        resource.before.get(name) != resource.after.get(name) for name in _CODE
    ):
        yield "code", "its code changes"


def _became(resource: Resource) -> Found:
    for path, value, kind, what in _BECOMES:
        before, after = at(resource.before, path), at(resource.after, path)
        if after == value != before and (kind == "public" or resource.before):
            yield kind, what
    if resource.action is Action.CREATE and resource.type == "aws_s3_bucket_public_access_block":
        for path, kind, what in _SWITCHES:
            if kind == "public" and not at(resource.after, path):
                yield kind, what.replace("no longer", "not")
    if _asks_nobody(resource.type, resource.after) and not (
        resource.before and _asks_nobody(resource.type, resource.before)
    ):
        if resource.before or resource.type not in _ROUTES:
            yield "public", "anybody may call it: it does not ask who calls"
        else:
            yield "permission", "anybody may call it, unless what it calls asks who that is"


def _asks_nobody(kind: str, values: Mapping[str, Value]) -> bool:
    asks = values.get(_AUTHENTICATION.get(kind, ""))
    return kind in _AUTHENTICATION and (is_empty(asks) or asks == "NONE")


def _opened(resource: Resource) -> Found:
    opened = _open_networks(resource.type, resource.after) - _open_networks(resource.type, resource.before)
    if opened:
        yield "public", f"lets in {', '.join(sorted(opened))}"


def _open_networks(kind: str, values: Mapping[str, Value]) -> set[str]:
    if kind == "aws_security_group":
        blocks = values.get("ingress")
        rules = [rule for rule in blocks if isinstance(rule, Mapping)] if isinstance(blocks, list) else []
    elif kind == "aws_vpc_security_group_ingress_rule" or (
        kind == "aws_security_group_rule" and values.get("type") == "ingress"
    ):
        rules = [values]
    else:
        return set()
    named = [rule.get(name) for rule in rules for name in ("cidr_ipv4", "cidr_ipv6", "cidr_blocks", "ipv6_cidr_blocks")]
    networks = {str(network) for value in named for network in (value if isinstance(value, list) else [value])}
    return networks & {"0.0.0.0/0", "::/0"}


def _failed_checks(plan: Json) -> Iterator[Risk]:
    for check in plan.get("checks", ()):
        if check["status"] in {"fail", "error"}:
            problems = [
                problem.get("message", "")
                for instance in check.get("instances", ())
                for problem in instance.get("problems", ())
            ]
            message = text(attributes("check", {"message": " ".join(problems)})["message"])
            yield Risk(Severity.WARN, "check", check["address"]["to_display"], f"a check fails: {message}")
