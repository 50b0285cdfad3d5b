"""A copy of the tree in which docs/add-a-service.md was followed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scripts.cli.environment import for_another_checkout
from scripts.cli.paths import LOCAL_FOLDER, REPO_ROOT
from scripts.local.emulator import emulator_python
from tests.growth.steps import Step, steps

PAGE = REPO_ROOT / "docs" / "add-a-service.md"
# What mypy knows of the modules that the copy does not change.
_TYPES = REPO_ROOT / ".mypy_cache"
# What takes long to install, and is the same for the copy.
_SHARED = ("emulator-venv-py*", "packages", "terraform-plugins", "provider-mirror")


@dataclass(frozen=True)
class Tree:
    root: Path
    steps: list[Step] = field(default_factory=list)

    def run(self, *command: str, environ: Mapping[str, str] | None = None) -> str:
        """Run a program in the tree; fail with all that it said."""
        ended = self.ended(*command, environ=environ)
        assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout}"
        return ended.stdout

    def ended(self, *command: str, environ: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self.root,
            env={**for_another_checkout(os.environ), **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def python(self, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
        return self.run(sys.executable, "-m", *arguments, environ=environ)

    def changed(self) -> set[str]:
        """The files that differ from the tree as it was copied."""
        status = self.run("git", "status", "--porcelain", "--untracked-files=all", "-z")
        return {entry[3:] for entry in status.split("\0") if entry}


def copied(root: Path) -> Tree:
    """Copy what git keeps of this tree, and let git tell later what has changed."""
    kept = Tree(REPO_ROOT).run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for file in filter(None, kept.split("\0")):
        if (REPO_ROOT / file).is_file():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO_ROOT / file, root / file)
    tree = Tree(root)
    tree.run("git", "init", "--quiet")
    tree.run("git", "add", "--all")
    author = ("-c", "user.name=growth", "-c", "user.email=growth@example.org", "-c", "commit.gpgsign=false")
    tree.run("git", *author, "commit", "--quiet", "--no-verify", "--message=before")
    return tree


def share_installations(tree: Tree) -> None:
    emulator_python()
    (tree.root / LOCAL_FOLDER.name).mkdir()
    for pattern in _SHARED:
        for path in LOCAL_FOLDER.glob(pattern):
            if path.suffix != ".lock":
                (tree.root / LOCAL_FOLDER.name / path.name).symlink_to(path)
    if _TYPES.is_dir():
        shutil.copytree(_TYPES, tree.root / _TYPES.name)


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """The copy once each step of the page was followed, and nothing else done."""
    root = tmp_path_factory.mktemp("growth")
    tree = Tree(copied(root).root, list(steps(PAGE.read_text("utf-8"))))
    for step in tree.steps:
        step.follow(root)
    share_installations(tree)
    yield tree
    shutil.rmtree(root, ignore_errors=True)
