"""Stop every embedded AWS of this checkout, and remove the files that the tasks generated."""

import shutil

from scripts.cli.paths import AWS_STATE_FOLDER, DIST, LOCAL_FOLDER, REPO_ROOT
from scripts.local.emulator import Emulator

_CACHES = (".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis")


def stop_emulators() -> None:
    for emulator in Emulator.all():
        emulator.stop()


def remove_generated_files() -> None:
    # AWS_STATE_FOLDER describes real accounts, and no task can make it again.
    generated = [path for path in LOCAL_FOLDER.glob("*") if path != AWS_STATE_FOLDER]
    for path in (*generated, DIST, *(REPO_ROOT / cache for cache in _CACHES)):
        if path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)
