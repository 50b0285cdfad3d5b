"""Terraform on one root: each call in the target's environment, its working files in the target's state folder."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from scripts.cli.console import err, out
from scripts.cli.errors import UserError
from scripts.cli.paths import LOCAL_FOLDER, REPO_ROOT
from scripts.cli.processes import run_to_end
from scripts.deploy import provider_mirror
from scripts.deploy.plan.model import State
from scripts.deploy.target import Target
from scripts.deploy.terraform_progress import Progress

_CHANGES_AT_ONCE = 40
"""After each queue and each policy of one the provider waits 25 s for SQS: for all at once, and beside functions."""
_GARBAGE_COLLECTION = "400"
"""Terraform and its provider read a schema of many megabytes each time: Go's default, 100, adds a third to that."""
_INFRA = REPO_ROOT / "infra"
_SHOWN: dict[str, str] = {}
"""The plan shown last, by its file's digest: to show one takes seconds, and a deployment needs it twice."""
_NO_REGISTRY = ("could not connect to registry", "Failed to query available provider packages")


@dataclass(frozen=True)
class Terraform:
    root: Path
    target: Target

    def init(self, backend: Mapping[str, str] | None) -> None:
        """Initialise with this backend configuration; with None, without a backend, for checks.

        Nothing is done where that was done before, and neither the backend nor any configuration has changed since.
        """
        options = ["-reconfigure", *(f"-backend-config={key}={value}" for key, value in (backend or {}).items())]
        arguments = ["init", *(["-backend=false"] if backend is None else options)]
        wanted, done = self._configuration(arguments), self.data_folder / "initialised"
        if self._has_providers() and done.exists() and done.read_text() == wanted:
            return
        with _one_init_at_a_time():
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
        done.write_text(wanted)

    def _configuration(self, arguments: Sequence[str]) -> str:
        """Give a digest of what an initialisation depends on: its arguments, and every module and lock file."""
        digest = hashlib.sha256("\0".join(arguments).encode())
        for file in sorted([*_INFRA.rglob("*.tf"), *_INFRA.rglob(".terraform.lock.hcl")]):
            digest.update(str(file.relative_to(_INFRA)).encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()

    def _has_providers(self) -> bool:
        """Say whether the links to Terraform's plugin cache lead somewhere."""
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

    def show_state(self) -> dict[str, Any]:
        """Give what is deployed, in Terraform's JSON form: without `values` where nothing is."""
        shown: dict[str, Any] = json.loads(self._require(self.call("show", "-json"), "show").stdout)
        return shown

    def state(self) -> State:
        """Say which state there is; none is a state too."""
        text = self._require(self.call("state", "pull"), "state pull").stdout
        state: dict[str, Any] = json.loads(text) if text.strip() else {}
        return State(state.get("lineage", ""), state.get("serial", 0))

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
            log_file.open("w") as log,
            progress.shown(step),
            subprocess.Popen(
                [terraform_path(), step, "-json", *arguments],
                cwd=self.root,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
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
                    log.write(line)
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
            {"TF_PLUGIN_CACHE_DIR": str(plugin_cache), "GOGC": _GARBAGE_COLLECTION}
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


@contextmanager
def _one_init_at_a_time() -> Iterator[None]:
    """Wait for other threads and processes: Terraform's plugin cache does not bear two installations at once."""
    LOCAL_FOLDER.mkdir(exist_ok=True)
    with (LOCAL_FOLDER / "terraform-plugins.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def check_ready(target: Target) -> None:
    """Raise UserError where what every deployment needs is missing."""
    terraform_path()
    target.session()
    target.process_environment()


def terraform_path() -> str:
    """Raise UserError where there is no Terraform."""
    path = shutil.which("terraform")
    if path is None:
        raise UserError(
            "terraform is not on the PATH: install version 1.11 or newer from developer.hashicorp.com/terraform/install"
        )
    return path


def _from_mirror(mirror: Path | None) -> list[str]:
    return [f"-plugin-dir={mirror}"] if mirror else []
