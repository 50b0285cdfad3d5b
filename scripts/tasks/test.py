"""Tasks that test."""

import functools
import os
from contextlib import AbstractContextManager

from invoke.context import Context

from scripts.cli.paths import LOCAL_FOLDER
from scripts.tasks import develop
from scripts.tasks.command import OWN_DEPLOYMENT, command, count

# As many as run at once: to wait for SQS, as each apply does, costs no time of another. The longest come first.
_DEPLOYED = [
    ("pytest", "tests/integration"),
    ("pytest", "tests/delivery"),
    ("pytest", "tests/metrics"),
    ("pytest", "tests/faults", "tests/environments/test_plans.py"),
]
_MONITORING = ("pytest", "tests/monitoring")
_BEHIND_DEPLOYED = 10
_WIRING = ("wiring", "declarations", "customer_key")
_PROMETHEUS = "Prometheus and Alertmanager (`invoke monitor.tools`)"


def _own_deployments() -> AbstractContextManager[None]:
    """Let one run of the suites at a time have the embedded AWSs that they start."""
    from scripts.cli.locks import exclusive

    return exclusive(LOCAL_FOLDER / "locks" / "suites", "the embedded AWS of a suite")


@command(name="test-unit")
def unit(_: Context) -> None:
    """Run the unit tests, which need nothing but Python."""
    _pytest("-n", "auto", "--dist", "worksteal", "tests/unit")


@command(name="test-integration", needs=OWN_DEPLOYMENT)
def integration(_: Context) -> None:
    """Run the tests on the embedded AWS.

    They use real Terraform and real packages.
    """
    _pytest_deployed("tests/integration")


@command()
def model(_: Context) -> None:
    """Run random histories through the services.

    Crashes, repetitions and races are among them.
    """
    _pytest("tests/model")


@command({"operations": "how many operations", "seed": "the seed of the random numbers: the same seed, the same run"})
def soak(_: Context, operations: str = "1000000", seed: str = "1") -> None:
    """Run a million random operations, in memory."""
    from scripts.cli.steps import run_tool

    run_tool("tests.model.soak", "--operations", str(count("operations", operations)), "--seed", seed)


@command(needs="Terraform")
def infra(_: Context) -> None:
    """Validate and test every Terraform module and root."""
    from scripts.check import terraform_checks

    terraform_checks.check_terraform()


@command(needs=OWN_DEPLOYMENT)
def wiring(_: Context) -> None:
    """Check IAM and event wiring on a real plan.

    The embedded AWS does not enforce all of it.
    """
    _pytest_deployed(*(f"tests/integration/test_{subject}.py" for subject in _WIRING))


@command(needs=_PROMETHEUS)
def monitoring(_: Context) -> None:
    """Test rules and alert routes on a real Prometheus."""
    _pytest(*_MONITORING[1:])


@command(
    {
        "orders": "how many orders",
        "seed": "the seed of the random numbers: the same seed, the same run",
        "minutes": "after which no more orders are sent, and those that were are followed to their end; all by default",
    },
    needs=OWN_DEPLOYMENT,
)
def faults(_: Context, orders: str = "1000", seed: str = "1", minutes: str | None = None) -> None:
    """Run orders while workers die and API calls fail."""
    from scripts.cli.errors import UserError
    from tests.faults.suite import fault_deployment, run_fault_suite

    number, seed_number = count("orders", orders), count("seed", seed)
    most_seconds = 60 * count("minutes", minutes) if minutes else float("inf")
    with fault_deployment(seed_number) as deployed:
        report = run_fault_suite(deployed, number, seed=seed_number, most_seconds=most_seconds)
    report.print()
    if report.failures:
        raise UserError(", ".join(f"{len(subjects)} {name}" for name, subjects in report.failures.items()))


@command(
    {
        "commands": "how many commands",
        "seed": "the seed of the random numbers; customers and staff act at once, so no two runs are the same",
        "minutes": "after which no more commands are sent; none by default",
    },
    needs=OWN_DEPLOYMENT,
)
def commands(_: Context, commands: str = "1000", seed: str = "1", minutes: str | None = None) -> None:
    """Send commands while the API's functions are killed.

    Each that is acknowledged must be in the event store once.
    """
    from scripts.cli.errors import UserError
    from tests.faults.command_suite import run_command_suite
    from tests.faults.suite import fault_deployment

    number, seed_number = count("commands", commands), count("seed", seed)
    most_seconds = 60 * count("minutes", minutes) if minutes else float("inf")
    with fault_deployment(seed_number) as deployed:
        report = run_command_suite(deployed, number, seed=seed_number, most_seconds=most_seconds)
    report.print()
    if report.failures:
        raise UserError(", ".join(f"{len(subjects)} {name}" for name, subjects in report.failures.items()))


@command(needs=f"{_PROMETHEUS} and {OWN_DEPLOYMENT}")
def metrics(_: Context) -> None:
    """Compare Prometheus with event store and logs.

    It does so while workers are killed, too.
    """
    _pytest_deployed("tests/metrics")


@command(
    {"seconds": "how long", "seed": "the seed that a walk named when it failed; a new one by default"},
    needs=OWN_DEPLOYMENT,
)
def api(_: Context, seconds: str = "600", seed: str | None = None) -> None:
    """Walk at random through the deployed shop API.

    Schemathesis makes up requests and compares each answer with docs/openapi.yaml.
    """
    arguments = ["--walk-seconds", str(count("seconds", seconds))]
    if seed:
        arguments += ["--walk-seed", str(count("seed", seed))]
    _pytest_deployed("tests/integration/test_walk.py", *arguments)


@command(needs=OWN_DEPLOYMENT)
def environments(_: Context) -> None:
    """Deploy dev, staging and prod side by side.

    Orders run through each of the three.
    """
    _pytest_deployed("tests/environments")


@command(needs=OWN_DEPLOYMENT)
def upgrade(_: Context) -> None:
    """Upgrade deployments of earlier commits, losslessly."""
    _pytest_deployed("tests/upgrade")


@command({"deployed": "deploy that copy too, to an embedded AWS of its own"})
def growth(_: Context, deployed: bool = False) -> None:
    """Add a service as docs/add-a-service.md says.

    The service is added to a copy of the tree, and its checks and tests run there.
    """
    _pytest("tests/growth" if deployed else "tests/growth/test_add_a_service.py")


@command(needs=OWN_DEPLOYMENT)
def delivery(_: Context) -> None:
    """Take a deployment from plan to destroy.

    It is reviewed, applied, changed by hand, corrected, restored and taken down.
    """
    _pytest_deployed("tests/delivery")


@command(needs=OWN_DEPLOYMENT)
def deployed(_: Context) -> None:
    """Run all suites that deploy, side by side.

    The fault suite runs in its short form.
    """
    from scripts.cli.steps import started

    with _own_deployments(), started(*_DEPLOYED) as finish:
        finish()


@command(name="infra", needs="Terraform")
def check_infra(context: Context) -> None:
    """Run every check of Terraform that `make test` has.

    These are test.infra, check.scan-infra and test.wiring.
    """
    from scripts.cli.steps import run_steps

    checks = {"test.infra": infra, "check.scan-infra": develop.scan_infra, "test.wiring": wiring}
    run_steps([(name, functools.partial(check, context)) for name, check in checks.items()], keep_going=True)


@command(name="all", default=True, needs=f"Terraform; {_PROMETHEUS}")
def all_suites(context: Context) -> None:
    """Run every check and test; list the failed ones.

    The suites that deploy, and test.monitoring, run beside the others, each on servers of its own.
    """
    from scripts.cli.mistakes import mistakes_explained
    from scripts.cli.steps import run_steps, started

    # Those of many processes come last: they leave no core idle once the deployed suites have ended.
    checks = {
        "lint": develop.lint,
        "typecheck": develop.typecheck,
        "test.model": model,
        "check.scan-infra": develop.scan_infra,
        "test.growth": growth,
        "test-unit": unit,
        "test.infra": infra,
    }
    steps = [(name, functools.partial(check, context)) for name, check in checks.items()]
    with _own_deployments(), started(*_DEPLOYED, _MONITORING) as finish_waiting:
        # These suites wait more than they compute, and take longest: steps that only compute fill the gaps.
        os.nice(_BEHIND_DEPLOYED)
        finish = mistakes_explained()(finish_waiting)
        run_steps([*steps, ("test.deployed test.monitoring", finish)], keep_going=True)


def _pytest_deployed(*arguments: str) -> None:
    with _own_deployments():
        _pytest(*arguments)


def _pytest(*arguments: str) -> None:
    from scripts.cli.steps import run_tool

    run_tool("pytest", *arguments)
