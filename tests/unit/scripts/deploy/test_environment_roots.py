"""The roots of the environments, which are copied and named by hand."""

import re
from pathlib import Path

import pytest

from scripts.cli.paths import REPO_ROOT

_ROOTS = sorted(path for path in (REPO_ROOT / "infra" / "envs").iterdir() if (path / "main.tf").exists())


@pytest.mark.parametrize("root", _ROOTS, ids=lambda root: root.name)
def test_a_root_makes_and_tags_what_its_folder_is_named_after(root: Path) -> None:
    """The name may be a variable, which is then what `ENVIRONMENT` says."""
    settings = [*_named(root / "main.tf", "environment"), *_named(root / "versions.tf", "Environment")]

    assert settings in ([f'"{root.name}"'] * 2, ["var.environment"] * 2)


def _named(file: Path, setting: str) -> list[str]:
    return re.findall(rf"^ +{setting} += (\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
