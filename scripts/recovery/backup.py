"""Write the tables that cannot be derived to files: the event store, and the simulated gateway's ledger."""

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
from scripts.recovery.log_summary import LogSummary, summarise


def back_up(target: Target, folder: Path | None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Keep every item, and print where; raise UserError where the log is damaged, or is no snapshot of one moment."""
    deployment = Deployment.of(target)
    taken_at = clock()
    folder = folder or _default_folder(target, taken_at)
    client = target.client("dynamodb")
    log, charges = "event-store.jsonl.gz", "simulated-gateway.jsonl.gz"
    with new_folder(folder) as unfinished, progress_display() as shown:
        log_file, charges_file = ItemsFile(unfinished / log), ItemsFile(unfinished / charges)
        items = show_progress(shown, "commits read", scan(client, deployment.tables.event_store))
        summary = summarise(log_file.through(items))
        # Charges are read after the log, so none that the log knows of is missing.
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
        f" are in {folder}\nit holds customers' ids, and sealed texts without their keys: let nobody read it who may "
        "not read the tables",
        markup=False,
    )
    _check(summary)


def _check(summary: LogSummary) -> None:
    if summary.damage:
        raise UserError(
            f"the log is damaged, or was read while it changed: {summary.damage}\n"
            "if orders were written meanwhile: `invoke pause`, `invoke backup`, `invoke resume`. "
            "If it stays, the log itself is wrong: `invoke audit`"
        )


def _default_folder(target: Target, at: datetime) -> Path:
    return Path.home() / "pulsequeue-backups" / f"{target.environment}-{target.name}-{at:%Y%m%dT%H%M%SZ}"
