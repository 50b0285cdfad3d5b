import errno
import hashlib
import json
import os
import threading
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from scripts import build_lambda
from scripts.build_lambda import build_zip
from scripts.cli import pip
from scripts.cli.errors import UserError
from scripts.deploy.lambda_imports import Imports
from scripts.lambdas_config import LambdaConfig

CONFIG = LambdaConfig("shop", "services.shop.handler.handler")
_COMPRESSIBLE = "\n".join(f"STOCK_{number} = {number * number}" for number in range(2000))
_HASH = "97e2a4aa8938301586bb4a8bf23c678c5ca094679c8539f57392538543c49955"


class _AnotherZlib:
    def compress(self, content: bytes) -> bytes:
        return content

    def flush(self) -> bytes:
        return b""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tree(
        tmp_path / "source",
        {
            "services/__init__.py": "",
            "services/shop/__init__.py": "",
            "services/shop/handler.py": "import json\nimport boto3\nfrom services.libs import store\n",
            "services/libs/__init__.py": "",
            "services/libs/store.py": "",
            "services/libs/lazy.py": "",
            "services/libs/types_only.py": "",
            "services/other/__init__.py": "",
            "services/other/handler.py": "",
        },
    )


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    install(folder, "useful-thing", "useful", requires=["base_thing>=1", 'idle; extra == "more"'])
    install(folder, "Base.Thing", "base")
    install(folder, "idle", "idle")
    return folder


def write_tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def install(folder: Path, name: str, module: str, requires: list[str] | None = None, licence: str = "") -> None:
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    metadata = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {line}" for line in requires or [])]
    metadata += [f"License-Expression: {licence}"] if licence else []
    files = {
        f"{module}/__init__.py": "",
        f"{module}/__pycache__/__init__.cpython-311.pyc": "",
        f"{info}/METADATA": "\n".join(["Metadata-Version: 2.1", *metadata]),
        f"{info}/INSTALLER": "pip",
        f"{info}/REQUESTED": "",
        f"{info}/direct_url.json": "{}",
        f"bin/{module}": "",
    }
    record = f"{info}/RECORD"
    write_tree(folder, {**files, record: "\n".join(f"{file},," for file in [*files, record])})


def build(tmp_path: Path, source: Path, packages: Path, name: str = "shop.zip") -> Path:
    file = tmp_path / name
    build_zip(CONFIG, file, source, packages)
    return file


def names(file: Path) -> list[str]:
    return zipfile.ZipFile(file).namelist()


def test_zip_holds_only_what_the_handler_imports(tmp_path: Path, source: Path, packages: Path) -> None:
    assert names(build(tmp_path, source, packages)) == [
        "services/__init__.py",
        "services/libs/__init__.py",
        "services/libs/store.py",
        "services/shop/__init__.py",
        "services/shop/handler.py",
    ]


def test_zip_holds_a_package_with_what_it_requires_and_no_trace_of_its_installation(
    tmp_path: Path, source: Path, packages: Path
) -> None:
    (source / "services/libs/store.py").write_text("import useful.part\n")

    carried = [name for name in names(build(tmp_path, source, packages)) if not name.startswith("services/")]

    assert carried == [
        "Base.Thing-1.0.dist-info/METADATA",
        "base/__init__.py",
        "useful/__init__.py",
        "useful_thing-1.0.dist-info/METADATA",
    ]


def test_a_zip_leaves_out_what_the_lambda_runtime_brings(tmp_path: Path, source: Path, packages: Path) -> None:
    (source / "services/libs/store.py").write_text("import router\n")
    install(packages, "router", "router", requires=["jmespath", "base_thing"])
    install(packages, "jmespath", "jmespath")

    carried = {name.partition("/")[0] for name in names(build(tmp_path, source, packages))}

    assert carried >= {"router", "base"}
    assert "jmespath" not in carried


def test_same_source_makes_identical_bytes(tmp_path: Path, source: Path, packages: Path) -> None:
    first = build(tmp_path, source, packages, "first.zip").read_bytes()
    handler = source / "services/shop/handler.py"
    handler.chmod(0o600)
    os.utime(handler, (2e9, 2e9))

    assert build(tmp_path, source, packages, "second.zip").read_bytes() == first


def test_a_zip_does_not_depend_on_how_this_python_compresses(
    tmp_path: Path, source: Path, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "services/libs/store.py").write_text(_COMPRESSIBLE)
    before = build(tmp_path, source, packages, "before.zip").read_bytes()
    monkeypatch.setattr(zlib, "compressobj", lambda *_: _AnotherZlib())

    assert build(tmp_path, source, packages, "after.zip").read_bytes() == before


def test_on_every_machine_the_same_files_make_these_bytes(tmp_path: Path, source: Path, packages: Path) -> None:
    """If a new version of deflate makes others, say in the changelog that the next plan changes every function."""
    (source / "services/libs/store.py").write_text(_COMPRESSIBLE)

    made = build(tmp_path, source, packages).read_bytes()

    assert hashlib.sha256(made).hexdigest() == _HASH


def test_the_files_of_a_zip_are_compressed_and_whole(tmp_path: Path, source: Path, packages: Path) -> None:
    (source / "services/libs/store.py").write_text(_COMPRESSIBLE)

    archive = zipfile.ZipFile(build(tmp_path, source, packages))

    assert archive.testzip() is None
    assert archive.read("services/libs/store.py").decode() == _COMPRESSIBLE
    assert archive.getinfo("services/libs/store.py").compress_size < len(_COMPRESSIBLE) / 2


def test_a_zip_that_cannot_be_written_whole_is_not_there(
    tmp_path: Path, source: Path, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = build(tmp_path, source, packages).read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "open", full)
    with pytest.raises(OSError, match="No space"):
        build(tmp_path, source, packages)

    assert (tmp_path / "shop.zip").read_bytes() == before
    assert [file.name for file in tmp_path.glob("*shop.zip*")] == ["shop.zip"]


def test_an_import_within_a_function_is_followed(source: Path) -> None:
    (source / "services/libs/store.py").write_text("def f():\n    from services.libs.lazy import thing\n")

    assert Path("services/libs/lazy.py") in modules_of(source)


def test_a_relative_import_is_followed(source: Path) -> None:
    (source / "services/libs/store.py").write_text("from .lazy import thing\nfrom ..other import handler\n")

    assert {Path("services/libs/lazy.py"), Path("services/other/handler.py")} <= modules_of(source)


def test_an_import_for_the_type_checker_alone_is_not_followed(source: Path) -> None:
    (source / "services/libs/store.py").write_text(
        "if TYPE_CHECKING:\n"
        "    from services.libs.types_only import T\n"
        "else:\n"
        "    from services.libs.lazy import thing\n"
    )

    assert Path("services/libs/types_only.py") not in modules_of(source)
    assert Path("services/libs/lazy.py") in modules_of(source)


def modules_of(source: Path) -> set[Path]:
    imports = Imports(source, "services")
    imports.follow(CONFIG.module)
    return imports.modules


def test_a_missing_handler_is_named(tmp_path: Path, source: Path, packages: Path) -> None:
    (source / "services/shop/handler.py").unlink()

    with pytest.raises(UserError, match=r"services\.shop\.handler"):
        build(tmp_path, source, packages)


def test_an_import_that_no_requirement_brings_is_named_with_its_importer(
    tmp_path: Path, source: Path, packages: Path
) -> None:
    (source / "services/libs/store.py").write_text("import unheard_of\n")

    with pytest.raises(UserError, match=r"services/libs/store\.py imports unheard_of"):
        build(tmp_path, source, packages)


def test_of_two_builds_at_once_one_installs_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=0.5)
    installs: list[tuple[str, ...]] = []

    def install(_: Path, __: Path, *given: str) -> None:
        installs.append(given)
        with suppress(threading.BrokenBarrierError):
            both.wait()
        options = dict(option.split("=", 1) for option in given if option.startswith(("--target=", "--report=")))
        Path(options["--target"]).mkdir()
        Path(options["--report"]).write_text(json.dumps({"install": []}), encoding="utf-8")

    monkeypatch.setattr(pip, "install", install)
    monkeypatch.setattr(build_lambda, "LOCAL_FOLDER", tmp_path)
    monkeypatch.setattr(build_lambda, "LAMBDAS", ())

    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(build_lambda.build, ["local"] * 2))

    assert folders[0] == folders[1]
    assert len(installs) == 1
