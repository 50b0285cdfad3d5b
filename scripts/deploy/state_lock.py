"""The lock on Terraform's state: whose it is, how old it is, and how the lock of a killed process goes."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from scripts.cli.confirmation import Confirmation
from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.deploy.remote_state import initialised_terraform, state_bucket, state_bucket_exists, state_key
from scripts.deploy.target import Target
from scripts.deploy.turns import one_at_a_time


@dataclass(frozen=True)
class StateLock:
    """As Terraform writes it beside the state: https://developer.hashicorp.com/terraform/language/backend/s3#state-locking."""

    id: str
    operation: str
    """Such as apply."""
    who: str
    """USER@HOST."""
    since: datetime

    def described(self, now: datetime) -> str:
        seconds = (now - self.since).total_seconds()
        return f"`terraform {self.operation}` of {self.who} locked it {_shown(seconds)} ago"


def read_lock(target: Target) -> StateLock | None:
    s3 = target.client("s3")
    try:
        found = s3.get_object(Bucket=state_bucket(target), Key=f"{state_key(target)}.tflock")
    except s3.exceptions.NoSuchKey:
        return None
    lock: dict[str, str] = json.loads(found["Body"].read())
    operation = lock["Operation"].removeprefix("OperationType").lower()
    # Terraform gives nanoseconds, which Python does not read.
    since = datetime.fromisoformat(lock["Created"][:19]).replace(tzinfo=UTC)
    return StateLock(lock["ID"], operation, lock["Who"], since)


def check_unlocked(target: Target) -> None:
    """Raise UserError where somebody is changing the deployment, or was killed while doing so."""
    if lock := read_lock(target):
        now = datetime.now(UTC)
        raise UserError(
            f"Terraform's state of {target.environment} on {target.name} is in use: {lock.described(now)}. Wait for "
            f"its end; if it was killed, `invoke unlock --target {target.name}` takes the lock away"
        )


@one_at_a_time
def unlock(target: Target, confirmed: str | None) -> None:
    """Take away the lock, once the environment's name is given as `confirmed` or typed in a terminal."""
    lock = read_lock(target) if state_bucket_exists(target) else None
    if lock is None:
        out.print(f"Terraform's state of {target.environment} on {target.name} is not locked")
        return
    confirmation = Confirmation(target.environment, "--yes-unlock", "unlocked")
    confirmation.check(confirmed)
    out.print(lock.described(datetime.now(UTC)), markup=False)
    if confirmed is None:
        confirmation.ask("If that still runs, both would change the deployment at once.")
    initialised_terraform(target).unlock(lock.id)
    out.print("unlocked; part of what was under way may be done: make a new plan to go on")


def _shown(seconds: float) -> str:
    units = ((86400, "days"), (3600, "h"), (60, "min"))
    length, unit = next((one for one in units if seconds >= 2 * one[0]), (1, "s"))
    return f"{seconds / length:.0f} {unit}"
