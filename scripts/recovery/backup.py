"""Write what cannot be derived to files: the event store, and the ledger of the gateway that stands for a provider."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.progress import progress_display, show_progress
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.ledger.log_reader import scan
from scripts.recovery.backup_files import ItemsFile, Manifest, Origin, new_folder, write_manifest
from scripts.recovery.log_survey import Survey, survey


def back_up(target: Target, folder: Path | None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Print where the backup is; raise UserError where what was read cannot have stood at one moment."""
    deployment = Deployment.of(target)
    taken_at = clock()
    folder = folder or _default_folder(target, taken_at)
    client = target.client("dynamodb")
    log, charges = "event-store.jsonl.gz", "simulated-gateway.jsonl.gz"
    with new_folder(folder) as unfinished, progress_display() as shown:
        log_file, charges_file = ItemsFile(unfinished / log), ItemsFile(unfinished / charges)
        items = show_progress(shown, "commits read", scan(client, deployment.tables.event_store))
        found = survey(log_file.through(items))
        # After the log, and so never without a charge that the log knows of.
        charges_file.write(show_progress(shown, "charges read", scan(client, deployment.tables.simulated_gateway)))
        manifest = Manifest(
            origin=Origin.of(target),
            taken_at=taken_at,
            event_store=log_file.described(),
            simulated_gateway=charges_file.described(),
        )
        write_manifest(unfinished, manifest)
    out.print(
        f"{manifest.event_store.items:,} commits and {manifest.simulated_gateway.items:,} charges of {manifest.origin}"
        f" are in {folder}\nit holds customers' ids: keep it where only those may read it who may read the tables",
        markup=False,
    )
    _check(found)


def _check(found: Survey) -> None:
    if found.damage:
        raise UserError(
            f"what was read cannot have stood at one moment: {found.damage}\n"
            "if orders were written meanwhile: `invoke pause`, `invoke backup`, `invoke resume`. "
            "If it stays, the log itself is wrong: `invoke audit`"
        )


def _default_folder(target: Target, at: datetime) -> Path:
    return Path.home() / "pulsequeue-backups" / f"{target.environment}-{target.name}-{at:%Y%m%dT%H%M%SZ}"
