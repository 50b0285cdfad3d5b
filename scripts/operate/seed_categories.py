"""The categories that a seed file names by their paths, such as `Kitchen/Cups`."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Annotated

from pydantic import AfterValidator, TypeAdapter

from services.libs.store.event_store import EventStore, VersionTakenError
from services.shared.category_lifecycle import category_stream
from services.shared.causes import Cause
from services.shared.commits import Commit
from services.shared.events.catalog import CategoryCreated, Name

_NAMES = TypeAdapter(list[Name])


def _normalised(path: str) -> str:
    return "/".join(_NAMES.validate_python(path.split("/")))


CategoryPath = Annotated[str, AfterValidator(_normalised)]


def category_id(path: str) -> str:
    """The same for each seeding, in each environment."""
    return f"cat-{hashlib.sha256(path.encode()).hexdigest()[:24]}"


class SeedCategories:
    def __init__(self, store: EventStore, cause: Callable[[], Cause]) -> None:
        self._store = store
        self._cause = cause

    def create(self, paths: Iterable[str]) -> dict[str, str]:
        """Create the categories that are not there yet, parents first; return the id of each path."""
        wanted = sorted(
            {"/".join(path.split("/")[:depth]) for path in paths for depth in range(1, path.count("/") + 2)}
        )
        streams = {path: category_stream(category_id(path)) for path in wanted}
        missing = set(self._store.without_version(list(streams.values()), 1))
        for path, stream in streams.items():
            if stream in missing:
                self._append(Commit(stream, 1, (_created(path),), self._cause()))
        return {path: category_id(path) for path in wanted}

    def _append(self, commit: Commit) -> None:
        try:
            self._store.append(commit)
        except VersionTakenError:
            # Another seeding was faster, with the same category.
            return


def _created(path: str) -> CategoryCreated:
    parent, _, name = path.rpartition("/")
    return CategoryCreated(category_id=category_id(path), name=name, parent_id=category_id(parent) if parent else None)
