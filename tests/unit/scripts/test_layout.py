"""Imports between the folders of scripts/ point one way: from a later floor to an earlier one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cli.paths import REPO_ROOT, SCRIPTS

FLOORS = [
    {"cli"},
    {"lambdas_config"},
    {"local"},
    {"deploy", "build_lambda"},
    {"ledger"},
    {"operate"},
    {"check"},
    {"recovery", "monitor", "measure"},
    {"seed_inventory", "put_order", "post_deploy_test", "setup_grafana", "demo"},
    {"tasks"},
]
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}
PACKAGING = {"deploy", "build_lambda"}  # build_lambda stands at the top, and is part of deploying
MODULES = sorted(path for path in SCRIPTS.rglob("*.py") if path.name != "__init__.py")


def imported_by(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "scripts":
            names = [node.module] if "." in node.module else [f"scripts.{alias.name}" for alias in node.names]
            yield from (name.split(".")[1] for name in names)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SCRIPTS)))
def test_a_module_imports_from_its_own_floor_or_an_earlier_one(module: Path) -> None:
    own = module.relative_to(SCRIPTS).with_suffix("").parts[0]

    wrong = {
        other
        for other in imported_by(module)
        if other != own and FLOOR_OF[other] >= FLOOR_OF[own] and {own, other} != PACKAGING
    }

    assert not wrong


def test_no_service_imports_a_script() -> None:
    sources = [path.read_text() for path in (REPO_ROOT / "services").rglob("*.py")]

    assert not [source for source in sources if "from scripts" in source or "import scripts" in source]
