"""Find Terraform's provider on a machine that cannot reach the registry."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.cli.files import write_whole
from scripts.cli.paths import LOCAL_FOLDER

_PROVIDER = Path("registry.terraform.io", "hashicorp", "aws")
_INSTALL_ROOTS = ("/opt", "/usr/share", "/usr/local/share", "~/.terraform.d")
_SEARCH_DEPTH = 3
# Written when the registry was out of reach: the next init then does not wait for it again.
_MEMORY = LOCAL_FOLDER / "provider-mirror"


def remembered() -> Path | None:
    mirror = Path(_MEMORY.read_text(encoding="utf-8")) if _MEMORY.exists() else None
    return mirror if mirror and _is_mirror(mirror) else None


def remember(mirror: Path) -> None:
    _MEMORY.parent.mkdir(exist_ok=True)
    write_whole(_MEMORY, str(mirror))


def find(environ: Mapping[str, str]) -> Path | None:
    candidates = [*_implied_folders(environ), *(Path(root).expanduser() for root in _INSTALL_ROOTS)]
    return next((mirror for folder in candidates for mirror in _search(folder, _SEARCH_DEPTH)), None)


def _implied_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    """List Terraform's own: https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories."""
    home = Path.home()
    yield home / ".terraform.d" / "plugins"
    if sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "io.terraform" / "plugins"
        yield Path("/Library/Application Support/io.terraform/plugins")
    data_home = environ.get("XDG_DATA_HOME") or str(home / ".local" / "share")
    data_folders = environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    yield from (Path(folder) / "terraform" / "plugins" for folder in [data_home, *data_folders.split(":")])


def _search(folder: Path, depth: int) -> Iterator[Path]:
    if _is_mirror(folder):
        yield folder
    elif depth:
        try:
            children = sorted(child for child in folder.iterdir() if child.is_dir() and not child.is_symlink())
        except OSError:
            return
        for child in children:
            yield from _search(child, depth - 1)


def _is_mirror(folder: Path) -> bool:
    try:
        return any((folder / _PROVIDER).iterdir())
    except OSError:
        return False
