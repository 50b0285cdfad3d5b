"""The dashboards, and the files that they are kept in."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.files import write_whole
from scripts.cli.paths import DASHBOARDS
from scripts.monitor.grafana.after_sale_dashboard import after_sale
from scripts.monitor.grafana.business_dashboards import business, inventory, orders, payments
from scripts.monitor.grafana.customers_dashboard import customers
from scripts.monitor.grafana.operations_dashboards import functions, queues

_DASHBOARDS: Mapping[str, Callable[[], Dashboard]] = {
    "business-overview": business,
    "order-processing": orders,
    "payments": payments,
    "inventory": inventory,
    "after-the-sale": after_sale,
    "customers-and-support": customers,
    "lambda-performance": functions,
    "queues": queues,
}


def build() -> dict[str, str]:
    """Build every dashboard, as the text of its file, by the file's name."""
    return {
        f"{name}.json": json.dumps(make().build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for name, make in _DASHBOARDS.items()
    }


def stale(folder: Path = DASHBOARDS) -> dict[str, str]:
    """Say of each file that is not what the code builds what has to be done."""
    built = build()
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    changed = {name: "changed" if name in present else "new" for name in built if present.get(name) != built[name]}
    return changed | dict.fromkeys(present.keys() - built.keys(), "removed")


def write(folder: Path = DASHBOARDS) -> None:
    changes = stale(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in build().items():
        write_whole(folder / name, text)
    for name, change in changes.items():
        if change == "removed":
            (folder / name).unlink()
        out.print(f"{name}: {change}", markup=False)
    out.print(f"{len(changes)} of {len(_DASHBOARDS)} dashboards changed")


def check(folder: Path = DASHBOARDS) -> None:
    """Complain about every file that is not what the code builds."""
    if changes := stale(folder):
        named = ", ".join(f"{name} ({change})" for name, change in sorted(changes.items()))
        raise UserError(
            f"these dashboards are not what the code builds: {named}. Write them with `invoke monitor.dashboards`"
        )
    out.print(f"all {len(_DASHBOARDS)} dashboards are what the code builds")
