"""The lifecycles of all kinds of streams, as `services/shared/*_lifecycle.py` declare them."""

from collections.abc import Iterator
from importlib import import_module

from scripts.cli.paths import REPO_ROOT
from services.shared.lifecycle import Lifecycle


def _declared() -> Iterator[tuple[str, Lifecycle]]:
    for file in sorted((REPO_ROOT / "services" / "shared").glob("*_lifecycle.py")):
        module = import_module(f"services.shared.{file.stem}")
        yield from ((value.prefix, value) for value in vars(module).values() if isinstance(value, Lifecycle))


# One module may use another's.
LIFECYCLES = tuple(dict(_declared()).values())


def lifecycle_of(stream_id: str) -> Lifecycle | None:
    return next((lifecycle for lifecycle in LIFECYCLES if stream_id.startswith(lifecycle.prefix)), None)
