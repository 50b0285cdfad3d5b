"""Refuse settings that nothing reads: Terraform ignores them silently."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.cli.errors import UserError
from scripts.cli.paths import REPO_ROOT
from scripts.deploy.environments import root_of
from scripts.deploy.target import Target

_DECLARATIONS = REPO_ROOT / "infra" / "modules" / "pulsequeue" / "variables.tf"
_PREFIX = "TF_VAR_"


def check(target: Target) -> None:
    """Raise UserError for a setting in a variable of its own, and for settings that the environment's root ignores."""
    root, names = root_of(target), _setting_names()
    taken = _declared_variables(root)
    given = {name.removeprefix(_PREFIX): value for name, value in target.environ.items() if name.startswith(_PREFIX)}
    if "settings" in given and "settings" not in taken:
        raise UserError(f"{_PREFIX}settings has no effect on {target.environment}: {_in_main_file(root)}")
    single = {name: value for name, value in given.items() if name in names - taken}
    if single:
        form = _as_object(single, given.get("settings")) if "settings" in taken else _in_main_file(root)
        listed = ", ".join(f"{_PREFIX}{name}" for name in single)
        raise UserError(f"{listed}: no longer read, as settings are one object. Unset it; {form}")
    for file, name in _variable_files(root):
        if name in names - taken:
            form = "write settings = { … } there" if "settings" in taken else _in_main_file(root)
            raise UserError(f"{name} in {file}: no longer read, as settings are one object. Remove it; {form}")


def _as_object(single: Mapping[str, str], others: str | None) -> str:
    settings = {name: _parsed(value) for name, value in single.items()}
    already = _parsed(others or "{}")
    merged = already | settings if isinstance(already, dict) else settings
    return f"the form that works: {_PREFIX}settings='{json.dumps(merged)}'"


def _in_main_file(root: Path) -> str:
    return f"its settings are in {root.relative_to(REPO_ROOT)}/main.tf"


def _parsed(value: str) -> object:
    """Read a value as Terraform does: a number, a boolean or a list as that, anything else as text."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _setting_names() -> set[str]:
    return set(re.findall(r"^ {4}(\w+) += optional\(", _DECLARATIONS.read_text(encoding="utf-8"), re.MULTILINE))


def _declared_variables(root: Path) -> set[str]:
    return {
        name
        for file in root.glob("*.tf")
        for name in re.findall(r'^variable "(\w+)"', file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def _variable_files(root: Path) -> Iterator[tuple[Path, str]]:
    """Give each variable that a file sets which Terraform loads by itself."""
    for file in sorted([*root.glob("terraform.tfvars"), *root.glob("*.auto.tfvars")]):
        for name in re.findall(r"^(\w+)\s*=", file.read_text(encoding="utf-8"), re.MULTILINE):
            yield file.relative_to(REPO_ROOT), name
