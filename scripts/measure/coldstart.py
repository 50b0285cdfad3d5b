"""Cold starts of every function: in a fresh interpreter, beside a reference, and on the embedded AWS."""

import io
import json
import re
import subprocess
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from rich.table import Table

from scripts.cli.console import out, print_table, table
from scripts.cli.errors import UserError
from scripts.cli.files import write_whole
from scripts.cli.json_files import check_writable
from scripts.cli.paths import COLD_START_PROBE, DIST
from scripts.deploy.deployment import Deployment
from scripts.deploy.own_deployment import own_deployment
from scripts.deploy.target import Target
from scripts.lambdas_config import LAMBDAS, NO_WORK, LambdaConfig
from scripts.local.emulator import emulator_python

_MODULES = 10
_SETTINGS = {"ENVIRONMENT": "coldstart", "PULSEQUEUE_INSTANCE": "coldstart"}
_IMPORT_TIME = re.compile(r"^import time:\s+(?P<self>\d+) \|\s+\d+ \|\s+(?P<module>\S+)$", re.MULTILINE)

_Parts = dict[str, Any]  # JSON


@dataclass(frozen=True)
class ColdStart:
    """Medians, in milliseconds."""

    function: str
    zip_kb: float
    import_ms: float
    clients_ms: float
    first_response_ms: float
    reference_ms: float
    """Import of botocore and pydantic, and the same clients; of Powertools' event handler and of cryptography's cipher
    too, for an API and for a function that has them.
    """
    cpu_ms: float
    """Processor time of import and clients, and below of the reference: other work on the machine delays neither."""
    reference_cpu_ms: float
    clients: Sequence[str]
    first_invocation_ms: float
    second_invocation_ms: float
    modules_ms: dict[str, float]
    """The packages that take longest to import, without the imports inside of them."""

    @property
    def ratio(self) -> float:
        return (self.import_ms + self.clients_ms) / self.reference_ms

    @property
    def cpu_ratio(self) -> float:
        return self.cpu_ms / self.reference_cpu_ms


def measure_cold_starts(repeat: int, json_file: Path | None, *, compiled: bool = False) -> None:
    """Measure, and show medians; with `compiled` Python keeps bytecode, as if the zip brought it."""
    if json_file:
        check_writable(json_file)
    with own_deployment(_SETTINGS) as target:
        measuring = Measuring(target, repeat, () if compiled else ("-B",))
        starts = [measuring.measure(config) for config in LAMBDAS]
    how = f"the median of {repeat}, {'with' if compiled else 'without'} bytecode"
    out.print()
    print_table(_starts_table(starts, how))
    print_table(_modules_table(starts))
    if json_file:
        functions = [asdict(start) | {"ratio": start.ratio, "cpu_ratio": start.cpu_ratio} for start in starts]
        document = {"repeat": repeat, "compiled": compiled, "functions": functions}
        write_whole(json_file, json.dumps(document, indent=2) + "\n")


class Measuring:
    """The cold starts of the functions of one deployment."""

    def __init__(self, target: Target, repeat: int, options: Sequence[str]) -> None:
        self._options = options
        self._repeat = repeat
        self._target = target
        self._client = target.client("lambda")
        self._functions = Deployment.of(target).functions
        self._packages = DIST / target.name

    def measure(self, config: LambdaConfig) -> ColdStart:
        package = self._packages / f"{config.name}.zip"
        with _unpacked(package) as folder:
            starts, references, modules = self.start_in_interpreter(config, folder)
        invocations = [self._invoke_twice(config, package, number) for number in range(self._repeat)]
        parts = {name: median(start[name] for start in starts) for name in ("import_ms", "clients_ms", "cpu_ms")}
        return ColdStart(
            function=config.name,
            zip_kb=package.stat().st_size / 1024,
            **parts,
            first_response_ms=median(start["first_response_ms"] for start in starts),
            reference_ms=median(reference["import_ms"] for reference in references),
            reference_cpu_ms=median(reference["cpu_ms"] for reference in references),
            clients=starts[0]["clients"],
            first_invocation_ms=median(first for first, _ in invocations),
            second_invocation_ms=median(second for _, second in invocations),
            modules_ms=modules,
        )

    def start_in_interpreter(
        self, config: LambdaConfig, folder: Path
    ) -> tuple[list[_Parts], list[_Parts], dict[str, float]]:
        """Start the function and its reference in turn; raise UserError where the function fails."""
        environment = self.environment_of(config)
        asked = {"folder": str(folder), "module": config.module, "event": NO_WORK}
        # The first start leaves the bytecode behind, where Python keeps it.
        first = self._probe(asked, environment)
        if first["error"]:
            raise UserError(f"{config.name} does not start: {first['error']}")
        reference = {"folder": str(folder), "clients": first["clients"], "serves": config.serves}
        reference |= {"seals": (folder / "cryptography").is_dir()}
        starts, references = [], []
        for number in range(self._repeat):
            out.print(f"{config.name}: cold start {number + 1} of {self._repeat} …", markup=False)
            starts.append(self._probe(asked, environment))
            references.append(self._probe(reference, environment))
        modules = import_times(_run_probe(asked, environment, *self._options, "-X", "importtime").stderr)
        return starts, references, modules

    def _probe(self, asked: Mapping[str, object], environment: Mapping[str, str]) -> _Parts:
        parts: _Parts = json.loads(_run_probe(asked, environment, *self._options).stdout)
        return parts

    def _name(self, config: LambdaConfig) -> str:
        return self._functions[config.function].name

    def environment_of(self, config: LambdaConfig) -> dict[str, str]:
        configuration = self._client.get_function_configuration(FunctionName=self._name(config))
        # The runtime sets both names of the region; boto3 reads the second.
        region = {"AWS_DEFAULT_REGION": self._target.region}
        return self._target.process_environment() | region | configuration["Environment"]["Variables"]

    def _invoke_twice(self, config: LambdaConfig, package: Path, number: int) -> tuple[float, float]:
        """Deploy the same code with another hash, so that no worker is warm, and invoke it twice."""
        content = io.BytesIO(package.read_bytes())
        with zipfile.ZipFile(content, "a") as archive:
            archive.comment = f"cold start {number}".encode()
        self._client.update_function_code(FunctionName=self._name(config), ZipFile=content.getvalue())
        return self._invoke(config), self._invoke(config)

    def _invoke(self, config: LambdaConfig) -> float:
        began = perf_counter()
        response = self._client.invoke(FunctionName=self._name(config), Payload=json.dumps(NO_WORK).encode())
        answer = response["Payload"].read()
        if "FunctionError" in response:
            raise UserError(f"{config.name} failed: {answer[:500].decode()}")
        return (perf_counter() - began) * 1000


@contextmanager
def _unpacked(package: Path) -> Iterator[Path]:
    """Unpack as Lambda does: Python imports no compiled module from a zip."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)
        yield Path(folder)


def import_times(report: str) -> dict[str, float]:
    """By package, our own by service. `-X importtime` slows imports down: the shares say more than the times."""
    own: Counter[str] = Counter()
    for found in _IMPORT_TIME.finditer(report):
        parts = found["module"].split(".")
        own[".".join(parts[: 2 if parts[0] == "services" else 1])] += int(found["self"])
    return {package: microseconds / 1000 for package, microseconds in own.most_common(_MODULES)}


def _run_probe(
    asked: Mapping[str, object], environment: Mapping[str, str], *options: str
) -> subprocess.CompletedProcess[str]:
    command = [str(emulator_python()), "-I", *options, str(COLD_START_PROBE)]
    ended = subprocess.run(
        command, input=json.dumps(asked), env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if ended.returncode:
        raise UserError(f"no cold start of {asked.get('module', 'the reference')}: {ended.stderr[-1000:]}")
    return ended


def _starts_table(starts: Sequence[ColdStart], how: str) -> Table:
    numbers = (
        "zip KB",
        "import",
        "clients",
        "first response",
        "import + clients",
        "reference",
        "ratio",
        "in CPU",
        "1st",
        "2nd",
    )
    title = f"Cold starts in ms, {how}; 1st and 2nd invocation on the embedded AWS"
    shown = table("function", *numbers, title=title, numbers=numbers)
    for start in starts:
        parts = (start.import_ms, start.clients_ms, start.first_response_ms, start.import_ms + start.clients_ms)
        before = (f"{figure:.0f}" for figure in (start.zip_kb, *parts, start.reference_ms))
        after = (f"{figure:.0f}" for figure in (start.first_invocation_ms, start.second_invocation_ms))
        shown.add_row(start.function, *before, f"{start.ratio:.2f}", f"{start.cpu_ratio:.2f}", *after)
    return shown


def _modules_table(starts: Sequence[ColdStart]) -> Table:
    shown = table("function", "slowest packages to import, in ms by themselves")
    for start in starts:
        shown.add_row(start.function, ", ".join(f"{name} {time:.0f}" for name, time in start.modules_ms.items()))
    return shown
