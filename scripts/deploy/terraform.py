"""Terraform on one root: each call in the target's environment, its working files in the target's state folder."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from scripts.cli.console import err, out
from scripts.cli.errors import UserError
from scripts.cli.files import write_whole
from scripts.cli.locks import exclusive
from scripts.cli.paths import LOCAL_FOLDER, REPO_ROOT
from scripts.cli.processes import run_to_end
from scripts.deploy import provider_mirror
from scripts.deploy.target import Target
from scripts.deploy.terraform_progress import Progress

_CHANGES_AT_ONCE = 40
"""The provider waits 25 s after each queue and each queue policy: side by side, these waits cost little."""
_GARBAGE_COLLECTION = {"GOGC": "off", "GOMEMLIMIT": "750MiB"}
"""Terraform and its provider collect garbage once they hold this much, and a plan of the whole system makes gigabytes.

Go's default, to collect at each doubling of what is in use, takes 70 % more processor time for it.
"""
_INFRA = REPO_ROOT / "infra"
_SHOWN: dict[str, str] = {}
"""The last plan as JSON, by its file's digest: showing takes seconds, and a deployment needs it twice."""
_NO_REGISTRY = ("could not connect to registry", "Failed to query available provider packages")


@dataclass(frozen=True)
class Terraform:
    root: Path
    target: Target

    def init(self, backend: Mapping[str, str] | None) -> None:
        """Initialise with this backend configuration, or for checks without one (None).

        Nothing is done if neither the backend nor any configuration has changed since the last time.
        """
        self._check_settings()
        options = ["-reconfigure", *(f"-backend-config={key}={value}" for key, value in (backend or {}).items())]
        arguments = ["init", *(["-backend=false"] if backend is None else options)]
        wanted, done = self._configuration(arguments), self.data_folder / "initialised"
        if self._has_providers() and done.exists() and done.read_text(encoding="utf-8") == wanted:
            return
        # Terraform's plugin cache does not bear two installations at once.
        with exclusive(LOCAL_FOLDER / "terraform-plugins.lock", "Terraform's plugin cache"):
            mirror = provider_mirror.remembered()
            result = self.call(*arguments, *_from_mirror(mirror))
            if result.returncode and mirror is None and any(sign in result.stderr for sign in _NO_REGISTRY):
                mirror = provider_mirror.find(self.target.environ)
                if mirror is None:
                    raise UserError(
                        "Terraform's registry cannot be reached, and no folder on this machine holds the provider "
                        "hashicorp/aws: go online once, or make such a folder with `terraform providers mirror`"
                    )
                out.print(f"Terraform's registry cannot be reached: the provider comes from {mirror}")
                provider_mirror.remember(mirror)
                result = self.call(*arguments, *_from_mirror(mirror))
        self._require(result, "init")
        write_whole(done, wanted)

    def _check_settings(self) -> None:
        """Raise UserError where a person's settings put another provider in the place of the pinned one."""
        named = self.target.environ.get("TF_CLI_CONFIG_FILE")
        file = Path(named) if named else Path.home() / ".terraformrc"
        if file.is_file() and re.search(r"^\s*dev_overrides\b", file.read_text("utf-8", "replace"), re.MULTILINE):
            raise UserError(
                f"{file} has a block dev_overrides, which puts another provider in the place of the pinned one: "
                "remove the block, or name another file in TF_CLI_CONFIG_FILE"
            )

    def _configuration(self, arguments: Sequence[str]) -> str:
        """Return a digest of everything that an initialisation depends on: arguments, modules and lock files."""
        digest = hashlib.sha256("\0".join(arguments).encode())
        for file in sorted([*_INFRA.rglob("*.tf"), *_INFRA.rglob(".terraform.lock.hcl")]):
            digest.update(str(file.relative_to(_INFRA)).encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()

    def _has_providers(self) -> bool:
        """Tell whether the links to Terraform's plugin cache still lead to files."""
        links = list((self.data_folder / "providers").glob("*/*/*/*/*"))
        return bool(links) and all(link.exists() for link in links)

    def plan(self, out_file: Path, variables: Mapping[str, str], *options: str) -> None:
        self._follow("plan", [f"-out={out_file}", *options], variables)

    def apply(self, plan_file: Path) -> Progress:
        return self._follow("apply", [f"-parallelism={_CHANGES_AT_ONCE}", str(plan_file)], {})

    def outputs(self) -> Mapping[str, Any]:
        result = self._require(self.call("output", "-json"), "output")
        return {name: output["value"] for name, output in json.loads(result.stdout).items()}

    def show_plan(self, plan_file: Path) -> dict[str, Any]:
        digest = hashlib.sha256(plan_file.read_bytes()).hexdigest()
        if digest not in _SHOWN:
            _SHOWN.clear()
            _SHOWN[digest] = self._require(self.call("show", "-json", str(plan_file)), "show").stdout
        plan: dict[str, Any] = json.loads(_SHOWN[digest])
        return plan

    def unlock(self, lock_id: str) -> None:
        self._require(self.call("force-unlock", "-force", lock_id), "force-unlock")

    def show_state(self) -> dict[str, Any]:
        """Give what is deployed, in Terraform's JSON form: without `values` where nothing is."""
        shown: dict[str, Any] = json.loads(self._require(self.call("show", "-json"), "show").stdout)
        return shown

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_to_end(
            [terraform_path(), *arguments, "-no-color"],
            cwd=self.root,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    @property
    def data_folder(self) -> Path:
        return self.target.state_folder / "terraform" / "-".join(self.root.relative_to(REPO_ROOT).parts)

    def _follow(self, step: str, arguments: list[str], variables: Mapping[str, str]) -> Progress:
        progress, log_file = Progress(), self.data_folder / f"{step}.log"
        environment = self._environment() | {f"TF_VAR_{name}": value for name, value in variables.items()}
        with (
            log_file.open("w", encoding="utf-8") as log,
            progress.shown(step),
            subprocess.Popen(
                [terraform_path(), step, "-json", *arguments],
                cwd=self.root,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
            ) as process,
        ):
            interrupted = self._read_to_end(process, log, progress)
        if interrupted:
            again = "part of it may be done: make a new plan to go on" if step == "apply" else "nothing was changed"
            raise KeyboardInterrupt(f"terraform {step} was interrupted; {again}")
        if any("plan is stale" in summary for summary in progress.errors.values()):
            raise UserError("the plan is stale: somebody has applied another since it was made; make a new one")
        if process.returncode:
            raise UserError(f"terraform {step} failed in {self._name}: all it said is in {log_file}")
        return progress

    @staticmethod
    def _read_to_end(process: subprocess.Popen[str], log: IO[str], progress: Progress) -> bool:
        """Return whether somebody interrupted it."""
        interrupted = False
        while True:
            try:
                for line in process.stdout or ():
                    with suppress(OSError):  # a full disk: Terraform has to be read on until it has saved its state
                        log.write(line)
                        log.flush()
                    progress.read(line)
                process.wait()
            except KeyboardInterrupt:
                # Terraform has been interrupted too: it finishes what is under way, saves its state and unlocks it.
                interrupted = True
                out.print("interrupted: waiting for Terraform to stop")
            else:
                return interrupted

    def _environment(self) -> dict[str, str]:
        plugin_cache = LOCAL_FOLDER / "terraform-plugins"
        plugin_cache.mkdir(parents=True, exist_ok=True)
        self.data_folder.mkdir(parents=True, exist_ok=True)
        return (
            {"TF_PLUGIN_CACHE_DIR": str(plugin_cache), **_GARBAGE_COLLECTION}
            | self.target.process_environment()
            | {
                "TF_DATA_DIR": str(self.data_folder),
                "TF_IN_AUTOMATION": "1",
                "TF_INPUT": "0",
                # A module keeps no lock file, and without this would download the provider again for each.
                "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
            }
        )

    @property
    def _name(self) -> str:
        return str(self.root.relative_to(REPO_ROOT))

    def _require(self, result: subprocess.CompletedProcess[str], step: str) -> subprocess.CompletedProcess[str]:
        if result.returncode:
            err.print(result.stderr.strip(), markup=False)
            raise UserError(f"terraform {step} failed in {self._name}")
        return result


def check_ready(target: Target) -> None:
    """Raise UserError if something is missing that every deployment needs."""
    terraform_path()
    target.session()
    target.process_environment()


def terraform_path() -> str:
    """Raise UserError if Terraform is not installed."""
    path = shutil.which("terraform")
    if path is None:
        raise UserError(
            "terraform is not on the PATH: install version 1.11 or newer from developer.hashicorp.com/terraform/install"
        )
    return path


def _from_mirror(mirror: Path | None) -> list[str]:
    return [f"-plugin-dir={mirror}"] if mirror else []
