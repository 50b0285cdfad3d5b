"""A worker's own script begins with the stand-in: run as MiniStack runs it, on an interpreter with more packages."""

import subprocess
import sys
from pathlib import Path

from scripts.local.stand_ins.packages import only_the_runtimes_packages


def _ended(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-c", only_the_runtimes_packages(script)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_worker_does_not_see_a_package_of_the_emulators_environment() -> None:
    assert "ModuleNotFoundError: No module named 'packaging'" in _ended("import packaging").stderr


def test_a_worker_sees_the_runtimes_packages_and_pythons_own() -> None:
    assert _ended("import botocore.session, dateutil.parser, urllib3, json, zoneinfo").returncode == 0


def test_a_worker_sees_a_package_of_the_emulators_environment_that_its_zip_has(tmp_path: Path) -> None:
    (tmp_path / "packaging").mkdir()
    (tmp_path / "packaging" / "__init__.py").touch()

    ended = _ended(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import packaging; print(packaging.__file__)")

    assert ended.stdout.startswith(str(tmp_path))
