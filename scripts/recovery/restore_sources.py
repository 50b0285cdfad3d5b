"""The sources of a restore: a backup's folder, a time that DynamoDB can go back to, or a backup that DynamoDB made."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.times import parse_past
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.log_reader import scan
from scripts.recovery.backup_files import Origin, read_items, read_manifest
from services.libs.store.dynamodb_items import Item
from services.shared.causes import timestamp

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_POLL_SECONDS = 5.0
ReadItems = Callable[[], Iterator[Item]]


@dataclass(frozen=True, slots=True)
class Source:
    """Items as they stood at `as_of`; they can be read again and again."""

    as_of: datetime
    commits: ReadItems
    charges: ReadItems | None = None
    """The gateway's ledger, where the source has it."""


@contextmanager
def open_source(to: str, target: Target, deployment: Deployment, *, from_elsewhere: bool) -> Iterator[Source]:
    """Raise UserError where there is no such source, or it is damaged, or another's without consent."""
    client, table = target.client("dynamodb"), deployment.tables.event_store
    if Path(to).is_dir():
        yield _folder(Path(to), target, from_elsewhere=from_elsewhere)
        return
    if to.startswith("arn:"):
        again, as_of = to, _backup_time(client, to, table, from_elsewhere=from_elsewhere)
        name = f"{table}-restored-{to.rpartition('/')[2]}"
        restore = partial(client.restore_table_from_backup, TargetTableName=name, BackupArn=to)
    else:
        as_of = _restorable_time(client, to, table)
        again, name = f"{as_of:%Y-%m-%dT%H:%M:%SZ}", f"{table}-restored-{as_of:%Y%m%dT%H%M%SZ}"
        restore = partial(
            client.restore_table_to_point_in_time,
            SourceTableName=table,
            TargetTableName=name,
            RestoreDateTime=as_of,
        )
    restore = partial(restore, BillingModeOverride="PAY_PER_REQUEST")
    with _temporary_table(client, name, again, restore):
        yield Source(as_of, partial(scan, client, name))


def _folder(folder: Path, target: Target, *, from_elsewhere: bool) -> Source:
    with out.status(f"checking {folder}"):
        manifest = read_manifest(folder)
    here = Origin.of(target)
    if manifest.origin != here and not from_elsewhere:
        raise UserError(
            f"{folder} is a backup of {manifest.origin}, and this is {here}: `--from-elsewhere` if that is meant"
        )
    return Source(
        manifest.taken_at,
        partial(read_items, folder, manifest.event_store),
        partial(read_items, folder, manifest.simulated_gateway),
    )


def _restorable_time(client: "DynamoDBClient", to: str, table: str) -> datetime:
    """Read the time to the second, as DynamoDB takes it."""
    try:
        at = parse_past("--to", to, datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    except UserError as error:
        raise UserError(f"{error}; or the folder of a backup, or the ARN of one that DynamoDB made") from None
    backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {})
    earliest, latest = recovery.get("EarliestRestorableDateTime"), recovery.get("LatestRestorableDateTime")
    if not earliest or not latest:
        raise UserError(f"{table} has no point-in-time recovery")
    if not earliest <= at <= latest:
        raise UserError(
            f"{table} can be restored to a time from {timestamp(earliest)} to {timestamp(latest)}, "
            f"and not to {timestamp(at)}"
        )
    return at


def _backup_time(client: "DynamoDBClient", arn: str, table: str, *, from_elsewhere: bool) -> datetime:
    try:
        backup = client.describe_backup(BackupArn=arn)["BackupDescription"]
    except client.exceptions.BackupNotFoundException as error:
        raise UserError(
            f"there is no backup {arn}: `aws dynamodb list-backups --backup-type ALL` lists them"
        ) from error
    backed_up = backup["SourceTableDetails"]["TableName"]
    if backed_up != table and not from_elsewhere:
        raise UserError(f"{arn} is a backup of {backed_up}, and not of {table}: `--from-elsewhere` if that is meant")
    return backup["BackupDetails"]["BackupCreationDateTime"]


@contextmanager
def _temporary_table(client: "DynamoDBClient", name: str, again: str, restore: Callable[[], object]) -> Iterator[None]:
    """DynamoDB restores only to a new table. It stays if something goes wrong, as it may have taken an hour to make."""
    try:
        with out.status(f"DynamoDB restores to {name}: 10 minutes to some hours"):
            make(client, name, restore)
        yield
    except BaseException:
        out.print(
            f"the table {name} is left for the next try with `--to {again}`; "
            f"to give it up: `aws dynamodb delete-table --table-name {name}`",
            markup=False,
        )
        raise
    client.delete_table(TableName=name)


def make(client: "DynamoDBClient", name: str, restore: Callable[[], object]) -> None:
    """Return once the table is there; go on with a table that an earlier try began, unless it is being deleted."""
    status = _status(client, name)
    if status in {"ACTIVE", "CREATING"}:
        out.print(f"{name} is there from an earlier try", markup=False)
    while status != "ACTIVE":
        if status is None:
            # The status of a table may lag behind.
            with suppress(client.exceptions.TableAlreadyExistsException, client.exceptions.TableInUseException):
                restore()
        elif status not in {"CREATING", "DELETING"}:
            raise UserError(f"{name} is {status}: `aws dynamodb delete-table --table-name {name}`, then again")
        time.sleep(_POLL_SECONDS)
        status = _status(client, name)


def _status(client: "DynamoDBClient", name: str) -> str | None:
    try:
        return client.describe_table(TableName=name)["Table"]["TableStatus"]
    except client.exceptions.ResourceNotFoundException:
        return None
