"""A stand-in for how MiniStack unpacks a function's zip: once for all workers, instead of for each.

Bytecode stays with what is unpacked: else each cold start would compile hundreds of modules, for longer than it takes
to import them.
"""

import hashlib
import tempfile
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from types import SimpleNamespace

_lock = threading.Lock()


class UnpackedOnce(zipfile.ZipFile):
    """A zip to be unpacked as links to its folders and files, which are unpacked once for all zips that have the same.

    The folder of a worker stays its own: its working folder tells which function it belongs to.
    """

    def extractall(
        self,
        path: str | PathLike[str] | None = None,
        members: Iterable[str | zipfile.ZipInfo] | None = None,
        pwd: bytes | None = None,
    ) -> None:
        del members, pwd  # MiniStack names none
        contents = defaultdict(list)
        for entry in self.infolist():
            contents[entry.filename.partition("/")[0]].append(entry)
        for name, entries in contents.items():
            Path(path or "", name).symlink_to(self._unpacked(entries) / name)

    def _unpacked(self, entries: list[zipfile.ZipInfo]) -> Path:
        described = [(entry.filename, entry.CRC, entry.file_size) for entry in entries]
        digest = hashlib.sha256(repr(described).encode()).hexdigest()
        folder = Path(tempfile.gettempdir(), "unpacked", digest)
        with _lock:
            if not folder.exists():
                unfinished = folder.with_suffix(".unfinished")
                super().extractall(unfinished, entries)
                unfinished.rename(folder)
        return folder


def unpacking_once() -> SimpleNamespace:
    """Return what stands in for the module `zipfile` where MiniStack unpacks zips."""
    return SimpleNamespace(ZipFile=UnpackedOnce, BadZipFile=zipfile.BadZipFile, LargeFileError=zipfile.LargeZipFile)
