"""Tasks that bring data back."""

from invoke.context import Context

from scripts.tasks.command import DEPLOYMENT, TARGET, command, path, target_of

_SINCE = "from when on: a time with its zone, such as 2026-01-31T12:00:00Z, or how long ago: 30m, 2h, 3d"


@command(
    {"target": TARGET, "to": "a new folder for the backup; one below ~/pulsequeue-backups by default"},
    needs=DEPLOYMENT,
)
def backup(_: Context, target: str = "local", to: str | None = None) -> None:
    """Save the event store and the gateway's ledger."""
    from scripts.recovery.backup import back_up

    back_up(target_of(target), path(to))


@command(
    {
        "to": "a backup's folder; or a time of the last 35 days, such as 2026-01-31T12:00:00Z or 30m; or the ARN of a "
        "backup that DynamoDB made",
        "target": TARGET,
        "replace": "remove commits that the backup does not have",
        "from_elsewhere": "take a backup of another environment, target or region",
        "accept_damaged": "take a backup although it cannot have stood at one moment: only if there is no other",
    },
    needs=f"{DEPLOYMENT}; `invoke pause` first",
    example="restore --to 30m",
)
def restore(
    _: Context,
    to: str,
    target: str = "local",
    replace: bool = False,
    from_elsewhere: bool = False,
    accept_damaged: bool = False,
) -> None:
    """Bring the event store back to a time or a backup.

    Stock and counters are derived from it, and it is audited as of then.
    """
    from scripts.recovery.restore import restore_tables

    restore_tables(target_of(target), to, replace=replace, from_elsewhere=from_elsewhere, accept_damaged=accept_damaged)


@command(
    {"since": _SINCE, "target": TARGET, "dry_run": "publish nothing, only count the events"},
    needs=DEPLOYMENT,
    example="recover.relay-catchup --since 2h",
)
def relay_catchup(_: Context, since: str, target: str = "local", dry_run: bool = False) -> None:
    """Publish every event since a time again.

    That is harmless, as consumers take an event once.
    """
    from scripts.operate.relay_catchup import catch_up

    catch_up(target_of(target), since, dry_run=dry_run)


@command(
    {"since": _SINCE, "target": TARGET, "dry_run": "place no order, only count the orders"},
    needs=DEPLOYMENT,
    example="recover.replay-orders --since 2h",
)
def replay_orders(_: Context, since: str, target: str = "local", dry_run: bool = False) -> None:
    """Place orders again that the event store lost."""
    from scripts.recovery.replay_orders import replay_lost_orders

    replay_lost_orders(target_of(target), since, dry_run=dry_run)


@command({"target": TARGET, "dry_run": "refund nothing, only list the charges"}, needs=DEPLOYMENT)
def refund_lost(_: Context, target: str = "local", dry_run: bool = False) -> None:
    """Refund charges of orders that were lost."""
    from scripts.recovery.refund_lost import refund_lost_orders

    refund_lost_orders(target_of(target), dry_run=dry_run)
