"""An embedded AWS for one suite or benchmark alone, with the system deployed to it by the real Terraform."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scripts.build_lambda import build
from scripts.cli.console import err
from scripts.cli.errors import UserError
from scripts.cli.locks import exclusive
from scripts.cli.paths import LOCAL_FOLDER
from scripts.deploy import applying, planning, remote_state
from scripts.deploy.generated_secrets import FRONT_DOOR, METRICS_TOKEN, ensure
from scripts.deploy.target import Target

_SETTINGS = "TF_VAR_settings"


def with_settings(environ: Mapping[str, str] | None = None, **settings: object) -> dict[str, str]:
    """Return the environment with these settings of modules/pulsequeue added, for development."""
    environ = environ or {}
    held: dict[str, object] = json.loads(environ.get(_SETTINGS, "{}"))
    return {**environ, _SETTINGS: json.dumps(held | settings)}


@contextmanager
def own_deployment(settings: Mapping[str, str], on_start: Callable[[int], object] = lambda _: None) -> Iterator[Target]:
    """Deploy with these environment variables; `on_start` gets the port. At the end everything is removed."""
    with own_emulator(settings, on_start) as target:
        deploy(target)
        yield target


@contextmanager
def own_emulator(settings: Mapping[str, str], on_start: Callable[[int], object] = lambda _: None) -> Iterator[Target]:
    """Start an embedded AWS without a deployment, and build the packages; it stops at the end."""
    environ = {**os.environ, "PULSEQUEUE_PORT": "0", **settings}
    target = Target.from_environment("local", environ)
    instance = target.emulator.instance
    with exclusive(LOCAL_FOLDER / "locks" / f"own-{instance}", f"the embedded AWS {instance!r}"):
        target.emulator.stop()
        try:
            on_start(target.emulator.start(target.region, environ))
            build(target.name)
            yield target
        finally:
            # A second Ctrl-C must not leave it running.
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                target.emulator.stop()
            finally:
                signal.signal(signal.SIGINT, before)


def make_state_bucket(target: Target) -> None:
    """Make the state bucket without Terraform, which takes seconds: this embedded AWS lives only for a suite."""
    location: Any = {"LocationConstraint": target.region}
    target.client("s3").create_bucket(Bucket=remote_state.state_bucket(target), CreateBucketConfiguration=location)


def deploy(target: Target) -> None:
    """Deploy to an embedded AWS that runs; if that fails, keep its log."""
    try:
        make_state_bucket(target)
        planning.plan(target)
        applying.apply(target)
        for secret in (METRICS_TOKEN, *FRONT_DOOR):
            ensure(target, secret)
    except UserError:
        kept = LOCAL_FOLDER / f"{target.emulator.instance}-failed.log"
        shutil.copy(target.emulator.log_file, kept)
        err.print(f"what the embedded AWS said is in {kept}", markup=False)
        raise
