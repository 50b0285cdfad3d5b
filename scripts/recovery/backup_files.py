"""A backup as files: each table's items as compressed lines of JSON, and a manifest with their counts and hashes.

A line is `{"Item": …}` with DynamoDB's typed attributes, numbers as the texts that DynamoDB gives: the form that
its own import from S3 takes too.
"""

import gzip
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, NonNegativeInt, StringConstraints, TypeAdapter

from scripts.cli.errors import UserError
from scripts.cli.json_files import load_json
from scripts.deploy.target import Target
from services.libs.store.dynamodb_items import Item

_MANIFEST = "manifest.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Origin(_Part):
    """Whose tables they are."""

    environment: str
    target: str
    region: str

    @classmethod
    def of(cls, target: Target) -> "Origin":
        return cls(environment=target.environment, target=target.name, region=target.region)

    def __str__(self) -> str:
        return f"{self.environment} on {self.target} in {self.region}"


class TableFile(_Part):
    file: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z.-]*$")]
    items: NonNegativeInt
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the compressed file."""


class Manifest(_Part):
    format: Literal[1] = 1
    origin: Origin
    taken_at: AwareDatetime
    """When the reading began."""
    event_store: TableFile
    simulated_gateway: TableFile


_MANIFESTS = TypeAdapter(Manifest)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a folder that becomes `folder` at the end, whole or not at all; only its owner may read it."""
    if folder.exists():
        raise UserError(f"{folder} exists: a backup never writes over another one")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            yield unfinished
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror or error}; nothing was kept") from error


class ItemsFile:
    """Writes a table's items as they pass."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._items = 0

    def through(self, items: Iterable[Item]) -> Iterator[Item]:
        with (
            os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw,
            gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as file,
        ):
            for item in items:
                file.write(json.dumps({"Item": item}, separators=(",", ":")).encode() + b"\n")
                self._items += 1
                yield item

    def write(self, items: Iterable[Item]) -> None:
        for _ in self.through(items):
            pass

    def described(self) -> TableFile:
        return TableFile(file=self._path.name, items=self._items, sha256=_sha256(self._path))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    with os.fdopen(os.open(folder / _MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(manifest.model_dump_json(indent=2) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """Check the files' hashes; raise UserError where a file was changed, is missing or is no backup."""
    if not (folder / _MANIFEST).exists():
        raise UserError(f"{folder} is no backup: it has no {_MANIFEST}")
    manifest = load_json(folder / _MANIFEST, _MANIFESTS)
    for table in (manifest.event_store, manifest.simulated_gateway):
        path = folder / table.file
        if not path.is_file():
            raise UserError(f"{path} is missing: the backup cannot be used")
        if _sha256(path) != table.sha256:
            raise UserError(f"{path} is damaged: its SHA-256 is not that of the manifest, so the backup cannot be used")
    return manifest


def read_items(folder: Path, table: TableFile) -> Iterator[Item]:
    with gzip.open(folder / table.file, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)["Item"]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
