"""Package each function as a zip of everything that its handler imports. The same source makes the same bytes."""

import hashlib
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from deflate import deflate_compress
from packaging.utils import NormalizedName, canonicalize_name

from scripts.cli import files, pip
from scripts.cli.console import out, table
from scripts.cli.errors import UserError
from scripts.cli.locks import exclusive
from scripts.cli.paths import DIST, LOCAL_FOLDER, REPO_ROOT, REQUIREMENTS
from scripts.deploy.distributions import requirements_of
from scripts.deploy.lambda_imports import Imports
from scripts.lambdas_config import LAMBDAS, LambdaConfig
from scripts.local.stand_ins.packages import RUNTIME_PACKAGES

_REQUIREMENTS = REQUIREMENTS / "lambda.txt"
_PACKAGE = "services"
_WHEELS = {
    "local": ("--only-binary=:all:",),
    "aws": (
        "--only-binary=:all:",
        "--platform=manylinux2014_aarch64",
        "--implementation=cp",
        "--python-version=3.13",
    ),
}
# Traces of one installation, different each time.
_LEFT_OUT = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
_WHEELS_FILE = "wheels.json"
"""The SHA-256 of the wheel that each installed package came in."""
_COMPRESSION_LEVEL = 6
"""libdeflate's default. Its highest, 12, takes twelve times as long and saves 3 %."""
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_FILE_MODE = 0o100644


def build(target_name: str) -> Path:
    """Build the zip and the bill of materials of every function; return their folder."""
    from scripts.deploy import sbom  # noqa: PLC0415 - it takes long to import, and every task imports this module

    packages = _installed_packages(target_name)
    wheels = json.loads((packages / _WHEELS_FILE).read_text(encoding="utf-8"))
    folder = DIST / target_name
    numbers = ("own modules", "packages", "zip KB")
    sizes = table("function", *numbers, numbers=numbers)
    for config in LAMBDAS:
        file = folder / f"{config.name}.zip"
        modules, packed = build_zip(config, file, REPO_ROOT, packages)
        sbom.write(file, packed, wheels)
        sizes.add_row(config.name, str(modules), str(len(packed)), f"{file.stat().st_size / 1024:.0f}")
    out.print(sizes)
    return folder


def build_zip(
    config: LambdaConfig, file: Path, source_root: Path, packages: Path
) -> tuple[int, Sequence[Distribution]]:
    """Build one zip; return the number of own modules and the packages in it."""
    imports = Imports(source_root, _PACKAGE)
    imports.follow(config.module)
    entries = {module.as_posix(): source_root / module for module in imports.modules}
    carried = _required(_third_party(imports), packages)
    for distribution in carried.values():
        entries |= _files(distribution, packages)
    _write_zip(file, entries)
    return len(imports.modules), list(carried.values())


def _third_party(imports: Imports) -> Mapping[str, Path]:
    brought = RUNTIME_PACKAGES | sys.stdlib_module_names
    return {name: importer for name, importer in imports.others.items() if name not in brought}


def _required(imported: Mapping[str, Path], packages: Path) -> Mapping[NormalizedName, Distribution]:
    """Find the distributions of these imports, and everything that those require in turn."""
    installed = {canonicalize_name(found.name): found for found in distributions(path=[str(packages)])}
    providers = {top: name for name, distribution in installed.items() for top in _top_level_names(distribution)}
    required: dict[NormalizedName, Distribution] = {}

    def add(name: NormalizedName) -> None:
        # A requirement that is not installed is for another platform.
        if name in installed and name not in required and name not in RUNTIME_PACKAGES:
            required[name] = installed[name]
            for requirement in requirements_of(installed[name]):
                add(requirement)

    for name, importer in imported.items():
        if name not in providers:
            raise UserError(f"{importer} imports {name}, which requirements/lambda.txt does not bring: add it there")
        add(providers[name])
    return required


def _top_level_names(distribution: Distribution) -> Iterable[str]:
    paths = (Path(str(file)) for file in distribution.files or [])
    return {path.parts[0].removesuffix(".py") for path in paths if path.suffix in {".py", ".so"}}


def _files(distribution: Distribution, packages: Path) -> Iterator[tuple[str, Path]]:
    for entry in distribution.files or []:
        is_program = entry.parts[0] in {"..", "bin"}
        if not is_program and entry.name not in _LEFT_OUT and entry.suffix != ".pyc":
            yield entry.as_posix(), packages / entry


def _write_zip(file: Path, entries: Mapping[str, Path]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with files.whole(file) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, _TIMESTAMP)
            info.create_system, info.external_attr = _UNIX, _FILE_MODE << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w") as entry:
                entry._compressor = _Libdeflate()  # type: ignore[attr-defined] # noqa: SLF001 - there is no public way in
                entry.write(entries[name].read_bytes())


class _Libdeflate:
    """What zipfile asks of zlib, whose bytes differ between machines. libdeflate's do not: docs/decisions/0014."""

    def compress(self, content: bytes) -> bytearray:
        return deflate_compress(content, _COMPRESSION_LEVEL)

    def flush(self) -> bytes:
        return b""  # each file is compressed at once


def _installed_packages(target_name: str) -> Path:
    """Install the pinned packages once per set of pins, target and Python."""
    if target_name not in _WHEELS:
        raise UserError(f"there is no target {target_name!r}: use {' or '.join(_WHEELS)}")
    described = f"{sys.version_info[:2]} {_WHEELS[target_name]} {_REQUIREMENTS.read_text(encoding='utf-8')}"
    folder = LOCAL_FOLDER / "packages" / f"{target_name}-{hashlib.sha256(described.encode()).hexdigest()[:12]}"
    # Suites that start together in a fresh checkout wait for one of them to install.
    with exclusive(folder.with_suffix(".lock"), "the folder of installed packages"):
        if not folder.exists():
            _install_packages(folder, _WHEELS[target_name])
    return folder


def _install_packages(folder: Path, wheels: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        unfinished = Path(scratch, "packages")
        report = Path(scratch, "report.json")
        options = ("--no-compile", f"--target={unfinished}", f"--report={report}", *wheels)
        pip.install(Path(sys.executable), _REQUIREMENTS, *options)
        hashes = _wheel_hashes(json.loads(report.read_text(encoding="utf-8")))
        (unfinished / _WHEELS_FILE).write_text(json.dumps(hashes), encoding="utf-8")
        unfinished.rename(folder)


def _wheel_hashes(report: Mapping[str, Any]) -> dict[str, str]:
    """Read pip's report: https://pip.pypa.io/en/stable/reference/installation-report/."""
    return {
        canonicalize_name(item["metadata"]["name"]): item["download_info"]["archive_info"]["hashes"]["sha256"]
        for item in report["install"]
    }
