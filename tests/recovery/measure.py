"""How long a restore takes, on an embedded AWS of its own: `python -m tests.recovery.measure --orders 10000`."""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from scripts.cli.console import out
from scripts.deploy.deployment import Deployment
from scripts.deploy.own_deployment import own_deployment
from scripts.operate import pausing
from scripts.recovery import backup, restore
from scripts.recovery.backup_files import ItemsFile, Manifest, Origin, new_folder, write_manifest
from services.libs.store.commit_items import commit_to_item
from services.libs.store.dynamodb_items import Item, to_item
from services.order_service.domain import conclude
from services.payment_service.domain import settlement
from services.payment_service.gateway import Charge
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.json_types import JsonObject
from tests.factories import decide, inventory, placed_order, seeding, stock_item
from tests.integration.world import World, eventually

_SETTINGS = {"ENVIRONMENT": "measure", "PULSEQUEUE_INSTANCE": "recovery-measure"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    orders = parser.parse_args().orders
    with tempfile.TemporaryDirectory() as folder, own_deployment(_SETTINGS) as target:
        world = World(target, Deployment.of(target))
        made = Path(folder) / "made"
        _make(made, Origin.of(target), orders)
        pausing.pause(target)
        with _timed(f"restore of {3 * orders + 1:,} commits to empty tables, with its audit"):
            restore.restore_tables(target, str(made), replace=False, from_elsewhere=False)
        with _timed("the same once more, with nothing to write"):
            restore.restore_tables(target, str(made), replace=False, from_elsewhere=False)
        with _timed("backup"):
            backup.back_up(target, Path(folder) / "backup")
        pausing.resume(target)
        with _timed("after the resume, until a new order is confirmed"):
            world.run(world.order({"prod-001": 1}), timeout_seconds=3600)
        with _timed("and until the queues hold no repeated event any more"):
            eventually(lambda: _idle(world), "an end", timeout_seconds=3600)


def _make(folder: Path, origin: Origin, orders: int) -> None:
    """Write a backup of confirmed orders as the services would have left them."""
    with new_folder(folder) as unfinished:
        log, charges = ItemsFile(unfinished / "log.gz"), ItemsFile(unfinished / "charges.gz")
        log.write(map(commit_to_item, _commits(orders)))
        charges.write(_charges(orders))
        parts = {"event_store": log.described(), "simulated_gateway": charges.described()}
        write_manifest(unfinished, Manifest(origin=origin, taken_at=datetime.now(UTC), **parts))


def _commits(orders: int) -> Iterator[Commit]:
    stock, cause = inventory(stock_item(stock=10 * orders)), Cause("measure", "measure", datetime.now(UTC))
    yield seeding(stock=10 * orders)
    for number in range(orders):
        reserved = decide(placed_order(_order_id(number), {"prod-001": 1}), stock, cause)
        paid = settlement(reserved, Charge("measured", accepted=True), cause)
        confirmed = conclude(paid, cause)
        yield reserved
        yield paid
        if confirmed:
            yield confirmed


def _charges(orders: int) -> Iterator[Item]:
    for number in range(orders):
        entry: JsonObject = {"order_id": _order_id(number), "status": "charged", "charge_id": "measured", "attempts": 1}
        yield to_item(entry | {"amount_minor": 500, "currency": "GBP"})


def _order_id(number: int) -> str:
    return f"measured-{number:08}"


def _idle(world: World) -> bool:
    return not any(world.waiting(queue.url) for queue in world.deployment.queues.values())


@contextmanager
def _timed(what: str, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    began = clock()
    yield
    out.print(f"[bold]{what}: {clock() - began:.1f} s[/]")


if __name__ == "__main__":
    main()
