"""What befalls the functions while they work: killed workers, new code, and a sweeper that comes often."""

import io
import os
import random
import signal
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from botocore.exceptions import BotoCoreError, ClientError

from scripts.cli.paths import DIST
from scripts.deploy.deployment import Deployment
from scripts.deploy.target import Target
from scripts.local.workers import Worker, workers


@contextmanager
def repeated(action: Callable[[], None], seconds: float) -> Iterator[None]:
    """Do it again and again beside the block, for as long as that lasts; raise what it raised."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(seconds):
            action()

    with ThreadPoolExecutor(1) as thread:
        repeating = thread.submit(repeat)
        try:
            yield
        finally:
            stop.set()
    repeating.result()


class Killer:
    """Kills one worker process at a time, by its id: of these functions, or of all."""

    def __init__(self, target: Target, dice: random.Random, functions: Sequence[str] = ("",)) -> None:
        self.killed = 0
        self._emulator = target.emulator
        self._dice = dice
        self._functions = functions

    def kill(self) -> None:
        if found := [worker for name in self._functions for worker in workers(self._emulator, name)]:
            self.kill_one(self._dice.choice(found))

    def kill_one(self, worker: Worker) -> None:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
            self.killed += 1


class Deployer:
    """Deploys a function again: the same code in a package of another hash, so that every worker is replaced."""

    def __init__(self, target: Target, deployment: Deployment) -> None:
        self.deployed = 0
        self._client = target.client("lambda")
        self._packages = DIST / target.name
        self._deployment = deployment

    def deploy(self, service: str) -> None:
        self.deployed += 1
        package = io.BytesIO((self._packages / f"{service.replace('-', '_')}.zip").read_bytes())
        with zipfile.ZipFile(package, "a") as archive:
            archive.comment = f"deployment {self.deployed}".encode()
        name = self._deployment.functions[service].name
        self._client.update_function_code(FunctionName=name, ZipFile=package.getvalue())


class Sweeping:
    """Calls the sweeper as its schedule does, only more often."""

    def __init__(self, target: Target, deployment: Deployment) -> None:
        self._client = target.client("lambda")
        self._function = deployment.functions["deadline-sweeper"].name

    def sweep(self) -> None:
        # The next sweep makes up for one that fails.
        with suppress(BotoCoreError, ClientError):
            self._client.invoke(FunctionName=self._function)["Payload"].read()
