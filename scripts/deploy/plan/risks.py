"""The risks of a plan, each with the resource that it comes from."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from scripts.deploy.plan.configuration import Json
from scripts.deploy.plan.delivery import delivery_risks
from scripts.deploy.plan.exposure import opened
from scripts.deploy.plan.model import Action, Found, Risk, Severity
from scripts.deploy.plan.permissions import permission_risks
from scripts.deploy.plan.protections import DELETION_PROTECTIONS, protection_risks, recovery_risks
from scripts.deploy.plan.renames import Renames
from scripts.deploy.plan.resources import Resource
from scripts.deploy.plan.values import KnownLater, attributes, differences, text
from scripts.deploy.plan.wiring import moved_to, removal_risks, wiring_risks

# The content that goes with the resource.
_STATEFUL = {
    "aws_dynamodb_table": "its items",
    "aws_s3_bucket": "its objects",
    "aws_cloudwatch_event_bus": "its events under way",
    "aws_cloudwatch_event_archive": "the events in it",
    "aws_sqs_queue": "the messages in it",
    "aws_cloudwatch_log_group": "the logs in it",
    "aws_kms_key": "everything that is encrypted with it",
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
_SETTINGS_OF_STATEFUL = {"aws_s3_bucket_versioning", "aws_s3_bucket_server_side_encryption_configuration"}
_NAMES = ("name", "bucket")
PROTECTED = "protected"
_BLOCKING = {"loss", PROTECTED, "public", "admin"}
_EXCHANGED = (
    ("aws_iam_role", "permissions_boundary", "it gets another permissions boundary"),
    ("aws_lambda_function", "role", "it runs as another role"),
)
_CODE = ("source_code_hash", "image_uri", "s3_key", "s3_object_version")


def risks(resources: Sequence[Resource], plan: Json) -> tuple[Risk, ...]:
    """Give every risk, those that block first."""
    renames = Renames.of(resources)
    found = [*_losses(resources)]
    for resource in resources:
        found += [_risk(kind, resource, what) for kind, what in _risks_of(resource, resources, renames)]
    found += [_risk(kind, resource, what) for resource, kind, what in permission_risks(resources, renames)]
    found += _failed_checks(plan)
    return tuple(sorted(dict.fromkeys(found), key=lambda risk: (risk.severity, risk.kind != "loss", risk.address)))


def losses(resources: Sequence[Resource]) -> tuple[Risk, ...]:
    """Give only the losses of data: they are the risks of taking a whole environment down."""
    return tuple(_losses(resources))


def _risk(kind: str, resource: Resource, what: str) -> Risk:
    keeps_data = resource.type in _STATEFUL or resource.type in _SETTINGS_OF_STATEFUL
    blocks = kind in _BLOCKING or (kind == "protection" and keeps_data)
    return Risk(Severity.BLOCK if blocks else Severity.WARN, kind, resource.address, what)


def _losses(resources: Sequence[Resource]) -> Iterator[Risk]:
    for resource in resources:
        if not resource.is_lost:
            continue
        if content := _STATEFUL.get(resource.type):
            what = "replaced" if resource.action is Action.REPLACE else "destroyed"
            because = f" ({resource.because})" if resource.because else ""
            yield _risk("loss", resource, f"would be {what}, and {content} lost{because}{_hint(resource, resources)}")
        if any(resource.before.get(name) is True for name in DELETION_PROTECTIONS):
            yield _risk(PROTECTED, resource, "deletion protection is on: AWS refuses, and an apply would stop half way")


def _hint(resource: Resource, resources: Sequence[Resource]) -> str:
    """Point to the new resource with its name at another address: it moves to another module, perhaps."""
    name = next((value for key in _NAMES if isinstance(value := resource.before.get(key), str)), None)
    for other in resources:
        is_alike = other.type == resource.type and other.action is Action.CREATE
        if name and is_alike and name in [other.after.get(key) for key in _NAMES]:
            return f"; {other.address} is made with its name: a `moved` block would keep it"
    return ""


def _risks_of(resource: Resource, resources: Sequence[Resource], renames: Renames) -> Found:
    if resource.action in {Action.UPDATE, Action.REPLACE}:
        yield from protection_risks(resource)
        yield from delivery_risks(resource, renames.explain)
        yield from wiring_risks(resource, resources, renames)
        yield from _identity(resource, renames)
        before, after = ({name: side.get(name) for name in _CODE} for side in (resource.before, resource.after))
        if resource.type == "aws_lambda_function" and any(differences(before, after)):
            yield "code", "its code changes"
    if resource.is_made:
        yield from opened(resource)
        yield from recovery_risks(resource)
    yield from removal_risks(resource, resources)
    if new := moved_to(resource, resources):
        moved = replace(new, before=resource.before, action=Action.REPLACE)
        yield from delivery_risks(moved, lambda _, after: isinstance(after, KnownLater))
    if resource.action is Action.FORGET:
        yield "wiring", "Terraform no longer manages it; it stays as it is"


def _identity(resource: Resource, renames: Renames) -> Found:
    """Give the changes of the role or boundary that something runs under."""
    for kind, name, what in _EXCHANGED:
        before, after = resource.before.get(name), resource.after.get(name)
        if resource.type == kind and before and after and before != after and not renames.explain(before, after):
            yield "permission", f"{what}: {text(before)} → {text(after)}"
    if resource.before.get("permissions_boundary") and not resource.after.get("permissions_boundary"):
        yield "permission", "its permissions boundary is taken off"


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
