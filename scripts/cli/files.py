"""Write files whole or not at all: a full disk or a crash leaves the old file as it was."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """Give a temporary path that replaces the file at the end. Of two writers at once, the last one wins."""
    file = file.resolve()
    if file.exists() and not file.is_file():  # such as /dev/stdout, whose place nothing may take
        yield file
        return
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(file: Path, text: str) -> None:
    with whole(file) as partial:
        partial.write_text(text, encoding="utf-8")
