import os
import tempfile
import zipfile
from pathlib import Path

import pytest

from scripts.local.stand_ins.unpacking import UnpackedOnce


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def unpack(to: Path, contents: dict[str, str]) -> Path:
    """Pack files, and unpack them as MiniStack does."""
    file = to.with_suffix(".zip")
    with zipfile.ZipFile(file, "w") as written:
        for name, content in contents.items():
            written.writestr(name, content)
    to.mkdir()
    with UnpackedOnce(file) as read:
        read.extractall(os.fspath(to))
    return to


def test_a_worker_finds_what_is_in_its_zip(tmp_path: Path) -> None:
    code = unpack(tmp_path / "code", {"package/module.py": "x = 1", "single.py": "y = 2"})

    found = {path.relative_to(code).as_posix(): path.read_text() for path in (code / "package").iterdir()}
    assert found == {"package/module.py": "x = 1"}
    assert (code / "single.py").read_text() == "y = 2"


def test_workers_share_what_is_the_same_in_their_zips_and_its_bytecode(tmp_path: Path) -> None:
    first = unpack(tmp_path / "first", {"package/module.py": "x = 1", "services/own.py": "1"})
    (first / "package" / "module.pyc").touch()

    second = unpack(tmp_path / "second", {"package/module.py": "x = 1", "services/own.py": "2"})

    assert (second / "package" / "module.pyc").exists()
    assert (second / "services" / "own.py").read_text() == "2"


def test_code_that_was_changed_is_unpacked_anew(tmp_path: Path) -> None:
    first = unpack(tmp_path / "first", {"package/module.py": "x = 1"})
    (first / "package" / "module.pyc").touch()

    second = unpack(tmp_path / "second", {"package/module.py": "x = 2"})

    assert [path.name for path in (second / "package").iterdir()] == ["module.py"]
    assert (second / "package" / "module.py").read_text() == "x = 2"
