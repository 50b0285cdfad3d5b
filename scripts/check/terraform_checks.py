"""Check every module and root below infra/: they are discovered, so that none is missing."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.check.shared_provider import shared_provider
from scripts.cli.console import err, out
from scripts.cli.errors import UserError
from scripts.cli.paths import INFRA, LOCAL_FOLDER, REPO_ROOT
from scripts.deploy.target import Target
from scripts.deploy.terraform import Terraform
from scripts.lambdas_config import LAMBDAS
from scripts.local.emulator import Emulator

_STAND_INS = LOCAL_FOLDER / "stand-ins"
_AT_ONCE = 2
_LOCKED = INFRA / "bootstrap"
"""A root, whose lock file says which provider is the right one."""


@dataclass(frozen=True)
class _Nowhere(Target):
    """No AWS: nothing answers at this address."""

    provider: str = ""
    """The value of TF_REATTACH_PROVIDERS."""

    @property
    def endpoint_url(self) -> str:
        return "http://127.0.0.1:9"

    def process_environment(self) -> dict[str, str]:
        return super().process_environment() | ({"TF_REATTACH_PROVIDERS": self.provider} if self.provider else {})


def check_terraform() -> None:
    target = _Nowhere("local", "checks", emulator=Emulator("terraform-checks"), environ=os.environ)
    formatting = Terraform(INFRA, target).call("fmt", "-check", "-recursive", "-diff")
    if formatting.returncode:
        err.print(formatting.stdout + formatting.stderr, markup=False)
        raise UserError("`terraform fmt -recursive infra` would change these files")
    _make_stand_ins()
    locked = Terraform(_LOCKED, target)
    locked.init(None)
    with shared_provider(locked.data_folder) as provider, ThreadPoolExecutor(_AT_ONCE) as pool:
        sharing = replace(target, provider=provider)
        failures = sum(pool.map(lambda folder: not _passes(Terraform(folder, sharing)), discover(INFRA)))
    if failures:
        raise UserError(f"{failures} folders of infra/ failed their checks")


def discover(infra: Path) -> Iterator[Path]:
    """Find every folder that Terraform can run in."""
    yield from sorted({file.parent for file in infra.rglob("*.tf") if not {".terraform", "tests"} & {*file.parts}})


def _make_stand_ins() -> None:
    """Make empty zips: a plan needs the files of the functions, and no test reads them."""
    _STAND_INS.mkdir(parents=True, exist_ok=True)
    for config in LAMBDAS:
        Path(_STAND_INS, f"{config.name}.zip").touch()


def _passes(terraform: Terraform) -> bool:
    began = time.monotonic()
    terraform.init(None)
    # A test validates the configuration first.
    result = terraform.call("test" if any(terraform.root.rglob("*.tftest.hcl")) else "validate")
    if result.returncode:
        err.print(result.stdout + result.stderr, markup=False)
    summary = "failed" if result.returncode else result.stdout.strip().splitlines()[-1]
    out.print(f"{terraform.root.relative_to(REPO_ROOT)}: {summary} ({time.monotonic() - began:.1f} s)", markup=False)
    return not result.returncode
