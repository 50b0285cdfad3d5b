"""Tasks that operate a deployment."""

from invoke.context import Context

from scripts.tasks.command import DEPLOYMENT, TARGET, command, count, target_of


@command(
    {
        "target": TARGET,
        "repair": "first rewrite the inventory and the deadlines from the log, as commits; only while paused",
    },
    needs=DEPLOYMENT,
)
def audit(_: Context, target: str = "local", repair: bool = False) -> None:
    """Compare stock, orders and money with the log.

    The log is the event store. The business counters are compared with it, too.
    """
    from scripts.ledger.audit.report import audit_deployment
    from scripts.recovery.repair import repair_tables

    if repair:
        repair_tables(target_of(target))
    audit_deployment(target_of(target))


@command(
    {
        "target": TARGET,
        "service": "only this service's log, such as payment-service",
        "since": "from when on: a time with its zone, such as 2026-01-31T12:00:00Z, or how long ago: 30m, 2h, 3d",
        "order": "only lines about this order's id",
        "errors": "only warnings and errors",
        "json": "print a JSON object per line of the log",
    },
    needs=DEPLOYMENT,
)
def logs(
    _: Context,
    target: str = "local",
    service: str | None = None,
    since: str = "15m",
    order: str | None = None,
    errors: bool = False,
    json: bool = False,
) -> None:
    """Show the logs of the functions, one or all."""
    from scripts.operate import logs

    logs.show(target_of(target), service, since=since, order=order, errors=errors, as_json=json)


@command(
    {
        "target": TARGET,
        "messages": "show each message: its id, its order, when it was sent, and its event",
        "cause": "only causes that contain this text, such as rejected",
        "json": "print a JSON object per line of the list",
    },
    needs=DEPLOYMENT,
)
def dlq_list(
    _: Context, target: str = "local", messages: bool = False, cause: str | None = None, json: bool = False
) -> None:
    """List the dead letters, and why they are there."""
    from scripts.operate.dead_letter_list import list_dead_letters

    list_dead_letters(target_of(target), messages=messages, cause=cause, as_json=json)


@command(
    {
        "target": TARGET,
        "queue": "only this queue's dead letters, such as order",
        "max": "how many to move of each queue at most; all by default",
        "dry_run": "move nothing, only count the messages",
        "include_permanent": "move messages too that a service rejected for good",
    },
    needs=DEPLOYMENT,
)
def redrive(
    _: Context,
    target: str = "local",
    queue: str | None = None,
    max: str | None = None,  # noqa: A002 - the option's name
    dry_run: bool = False,
    include_permanent: bool = False,
) -> None:
    """Move dead letters back to their queues."""
    from scripts.operate.dead_letter_queues import redrive

    limit = count("max", max) if max else None
    redrive(target_of(target), queue=queue, limit=limit, dry_run=dry_run, include_permanent=include_permanent)


@command({"target": TARGET}, needs=DEPLOYMENT)
def pause(_: Context, target: str = "local") -> None:
    """Stop the services from writing.

    What arrives waits in the queues.
    """
    from scripts.operate import pausing

    pausing.pause(target_of(target))


@command({"target": TARGET}, needs=DEPLOYMENT)
def resume(_: Context, target: str = "local") -> None:
    """Let the services write again."""
    from scripts.operate import pausing

    pausing.resume(target_of(target))


@command(
    {
        "customer": "the customer's id, such as c-0123456789abcdef0123456789",
        "user": "their address to sign in with, instead of the id; it is neither printed nor kept",
        "target": TARGET,
        "yes": "the environment's name, instead of typing it",
        "json": "print the receipt as one JSON object; needs --yes",
    },
    needs=DEPLOYMENT,
    example="customer-erase c-0123456789abcdef0123456789",
    positional=["customer"],
    instead="user",
    may_be_empty=["customer"],
)
def customer_erase(
    _: Context,
    customer: str,
    user: str | None = None,
    target: str = "local",
    yes: str | None = None,
    json: bool = False,
) -> None:
    """Forget a customer for good, and print the receipt.

    Orders stay, without a person. Run it again to see the receipt again.
    """
    from scripts.operate import customer_erase

    customer_erase.erase(target_of(target), customer or None, user, yes, as_json=json)
