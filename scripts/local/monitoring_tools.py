"""Find Prometheus and Alertmanager on this machine, or download them without root."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.cli.console import out, table
from scripts.cli.errors import UserError
from scripts.cli.locks import exclusive
from scripts.cli.paths import LOCAL_FOLDER

# Debian calls Alertmanager differently, as there is another program of its name.
_NAMES = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
    "amtool": ("amtool",),
}
_PACKAGES = ("prometheus", "prometheus-alertmanager")
_TEAMS_SINCE = (0, 28)
# Debian's Alertmanager reads its own templates and pages from here, and has no option to say otherwise.
_ASSETS = b"/usr/share/prometheus/alertmanager"
_RELATIVE_ASSETS = _ASSETS.replace(b"/usr/", b"usr//")


@dataclass(frozen=True, slots=True)
class Tools:
    prometheus: Path
    promtool: Path
    alertmanager: Path
    amtool: Path

    @property
    def knows_teams(self) -> bool:
        """Tell whether this Alertmanager has `msteamsv2_configs`."""
        return version(self.alertmanager) >= _TEAMS_SINCE

    @property
    def working_folder(self) -> Path:
        """The folder that downloaded programs find their own files from."""
        return folder if (folder := _tools_folder()).is_dir() else Path.cwd()

    @property
    def web_assets(self) -> Path | None:
        """The web pages of a downloaded Prometheus, which looks for them in another place."""
        folder = _tools_folder() / "usr" / "share" / "prometheus" / "web"
        return folder if self.prometheus.is_relative_to(_tools_folder()) and folder.is_dir() else None


def find(environ: Mapping[str, str] = os.environ) -> Tools:
    """Look on PATH, then where `fetch` puts them."""
    found = _look_up(environ)
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise UserError(
            f"not found: {', '.join(missing)}. On Debian and Ubuntu `invoke monitor.tools` gets them, without root; "
            "on macOS `brew install prometheus`, and put Alertmanager from https://prometheus.io/download on PATH; "
            "elsewhere take both from there"
        )
    return Tools(**{name: path for name, path in found.items() if path})


def provide(environ: Mapping[str, str] = os.environ) -> None:
    """Download missing tools where that is possible, and list all of them."""
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        with exclusive(LOCAL_FOLDER / "locks" / "monitoring-tools", "the folder of Prometheus"):
            if None in _look_up(environ).values():
                _fetch()
    tools = find(environ)
    shown = table("tool", "version", "path")
    for name in _NAMES:
        path: Path = getattr(tools, name)
        shown.add_row(name, ".".join(map(str, version(path))), str(path))
    out.print(shown)
    if not tools.knows_teams:
        out.print("this Alertmanager cannot send to Microsoft Teams: that takes 0.28 or newer. All else works.")


def version(tool: Path) -> tuple[int, ...]:
    result = subprocess.run([tool, "--version"], capture_output=True, text=True, encoding="utf-8", check=False)
    match = re.search(r"version (\d+)\.(\d+)\.(\d+)", result.stdout + result.stderr)
    if not match:
        raise UserError(f"{tool} does not say which version it is: {result.stderr.strip() or result.stdout.strip()}")
    return tuple(map(int, match.groups()))


def _tools_folder() -> Path:
    return LOCAL_FOLDER / "monitoring-tools"


def _look_up(environ: Mapping[str, str]) -> dict[str, Path | None]:
    path = os.pathsep.join([environ.get("PATH", os.defpath), str(_tools_folder() / "usr" / "bin")])
    return {tool: _which(names, path) for tool, names in _NAMES.items()}


def _which(names: tuple[str, ...], path: str) -> Path | None:
    return next((Path(found) for name in names if (found := shutil.which(name, path=path))), None)


def _fetch() -> None:
    """Unpack the packages, without installing them or starting a service."""
    out.print(f"fetching {' and '.join(_PACKAGES)} into {_tools_folder()} …")
    with tempfile.TemporaryDirectory(dir=LOCAL_FOLDER) as scratch:
        downloads, unpacked = Path(scratch, "downloads"), Path(scratch, "unpacked")
        downloads.mkdir()
        if not _downloaded(downloads):
            _run(["apt-get", "update"], downloads)  # the lists are old, or there are none
            if not _downloaded(downloads):
                raise UserError(f"apt-get cannot download {' and '.join(_PACKAGES)}: is this machine online?")
        for package in downloads.glob("*.deb"):
            result = _run(["dpkg-deb", "-x", str(package), str(unpacked)], downloads)
            if result.returncode:
                raise UserError(f"{package.name} cannot be unpacked: {result.stderr.strip()}")
        _relocate(unpacked / "usr" / "bin" / "prometheus-alertmanager")
        shutil.rmtree(_tools_folder(), ignore_errors=True)
        unpacked.rename(_tools_folder())


def _relocate(program: Path) -> None:
    """Let the program find its assets below the working folder: put a path of the same length in its place."""
    program.write_bytes(program.read_bytes().replace(_ASSETS, _RELATIVE_ASSETS))


def _downloaded(folder: Path) -> bool:
    return _run(["apt-get", "download", *_PACKAGES], folder).returncode == 0


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)
