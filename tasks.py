"""The steps of development and deployment: `invoke --list`."""

import functools
import inspect
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from invoke.context import Context
from invoke.tasks import task

from scripts.build_lambda import build as build_packages
from scripts.check import requirements, secret_scan, terraform_checks
from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.paths import (
    CAPACITY_PARAMETERS_FILE,
    DIST,
    LOCAL_FOLDER,
    MEASURED_COUNTS_FILE,
    MEASURED_RATES_FILE,
    REPO_ROOT,
    SEED_FILE,
)
from scripts.cli.steps import mistakes_explained, run_program, run_steps, run_tool, started
from scripts.deploy import applying, destroy, environments, planning, terraform
from scripts.deploy import bootstrap as bootstrapping
from scripts.deploy.target import Target
from scripts.deploy.terraform import terraform_path
from scripts.local.emulator import Emulator

_SEED_FILE = str(SEED_FILE)
_PICTURES = str(REPO_ROOT / "docs" / "images")
_CAPACITY_PLOT = str(REPO_ROOT / "docs" / "images" / "capacity.svg")
_MOST_DIGITS = 15
# As many as run at once: to wait for SQS, as each apply does, costs no time of another. The longest come first.
_DEPLOYED = [
    ("pytest", "tests/integration"),
    ("pytest", "tests/delivery"),
    ("pytest", "tests/metrics"),
    ("pytest", "tests/faults", "tests/environments/test_plans.py"),
]
_BEHIND_DEPLOYED = 10
_CACHES = (".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis")
_HELP = {
    "deployed": "deploy that copy too, to an embedded AWS of its own",
    "checks": "run lint, typecheck and test-unit first",
    "check": "change nothing, and fail if something would change",
    "url": "where Grafana answers, for example http://127.0.0.1:3000",
    "user": "a user of Grafana, administrator of its organisation",
    "password": "the user's password, or - for the one in GRAFANA_PASSWORD, which no other user of the machine sees",
    "prometheus_url": "where Prometheus answers, as Grafana sees it",
    "prometheus": "where Prometheus answers, for example http://127.0.0.1:9090",
    "environment": "whose metrics; ENVIRONMENT, or else dev, by default",
    "minutes": "how far back",
    "folder": "where the pictures go",
    "target": "where to: local (the embedded AWS) or aws",
    "file": "a JSON file to take it from: an order such as scripts/order-example.json, an inventory such as "
    "scripts/inventory-seed.json",
    "order_id": "the order's id; one is made up by default",
    "customer_id": "who orders",
    "item": "what is ordered, as SKU=QUANTITY; give it once for each SKU",
    "wait": "wait for the order's outcome",
    "orders": "how many orders, 1 or more",
    "order": "the order's id",
    "service": "whose log, such as payment-service; all by default",
    "errors": "only warnings and errors",
    "queue": "whose dead letters, such as order; all by default",
    "max": "how many to move of each queue at most; all by default",
    "dry_run": "change nothing, only say what would be done",
    "include_permanent": "move those too that a service rejected as hopeless",
    "to": "a folder: for backup a new one, for restore a backup's; restore takes a time of the last 35 days as well, "
    "such as 2026-01-31T12:00:00Z or 30m, and the ARN of a backup that DynamoDB made",
    "replace": "remove commits that are not in what is restored",
    "accept_breaking": "write them although the change breaks others, which are named without it",
    "accept_damaged": "take it although what it holds cannot have stood at one moment: only if there is no other",
    "from_elsewhere": "take a backup of another environment, target or region",
    "since": "from when on: a time with its zone, such as 2026-01-31T12:00:00Z, or how long ago: 30m, 2h, 3d",
    "operations": "how many",
    "seed": "another number makes another run, and the same number the same",
    "channel": "slack or teams",
    "remove": "forget the URL, so that alarms no longer go there",
    "rebuild": "first make the counters what the event store says; only while the services are paused",
    "rotate": "make a new one in place of the old",
    "show": "print it",
    "scenario": "which, separated by commas: single, three, hot, half-out, duplicates, paced; all by default",
    "direct": "invoke the functions with batches of these sizes, such as 1,10,50, in place of the scenarios",
    "skus": "SKUs of an order, where functions are invoked directly",
    "batch_size": "messages of a queue that an invocation gets; for bench 10 at most",
    "concurrency": "invocations of a function side by side",
    "rate": "orders a second, a run for each of several such as 20,60,full; full, the default, is as fast as they go",
    "counted": "count requests by a proxy, which takes some time of each",
    "json": "as JSON: to this file, but for simulate, which prints it",
    "out": "keep plan and review in this folder, to be handed over; by default where apply looks for them",
    "plan": "the folder with the plan, if plan --out kept it in one",
    "markdown": "the review as a comment for a pull request, to this file",
    "allow": "the address of a resource that may be lost or opened, as the review names it; once for each",
    "yes_destroy": "the environment's name, to destroy it without being asked",
    "compiled": "as if the zips brought bytecode, which Lambda cannot keep",
    "repeat": "how often; the median counts, and for bench the quickest run",
    "compare": "figures that an earlier run wrote, to compare with",
    "ci": "only compare requests and units with scripts/measure/baseline.json, and fail if any has grown",
    "update_baseline": "make what is measured that baseline",
    "parameters": "a JSON file in place of scripts/measure/capacity/parameters.json",
    "measured": "what `invoke bench --json` wrote, in place of docs/performance/rates.json or, for cost, after.json",
    "orders_per_month": "how many orders a month, 1 or more",
    "batch": "orders of a transaction, to take what bench counted of such; by default all is simulated",
    "months": "for how many months orders have come: what is kept of them gathers",
    "scraped": "a Prometheus scrapes the metrics, though the plan does not expect it",
    "prices": "a JSON file in place of scripts/measure/prices.json, for another region or contract",
    "plot": "where the picture goes",
    "page": "a page to bring the tables of up to date: docs/capacity.md, docs/performance.md; give it once for each",
    "github_repository": "whose GitHub Actions may deploy: OWNER/REPO, as GitHub's tokens name it; '' for nobody's",
    "upgrade": "to the newest versions, in place of keeping what is pinned",
    "repair": "first rewrite the inventory from the log, as commits; only while the services are paused",
}
_MAY_BE_EMPTY = {"github_repository"}


def _command(**options: Any) -> Callable[[Callable[..., None]], Any]:  # noqa: ANN401 - invoke's own options and tasks
    def make(function: Callable[..., None]) -> Any:  # noqa: ANN401
        @functools.wraps(function)
        def run(*arguments: Any, **named: Any) -> None:  # noqa: ANN401
            with mistakes_explained():
                _check_given(signature.bind(*arguments, **named).arguments)
                function(*arguments, **named)

        signature = inspect.signature(function)
        own_help = {name: _HELP[name] for name in list(signature.parameters)[1:]}  # the first is invoke's context
        return task(run, help=own_help, auto_shortflags=False, **options)

    return make


def _check_given(options: Mapping[str, object]) -> None:
    """Refuse an option without a value, as of a shell's variable that is not set: it would mean the default, or all."""
    for name, value in options.items():
        if value == "" and name not in _MAY_BE_EMPTY:
            raise UserError(f"--{name.replace('_', '-')} is empty: give a value, or leave it out")


def _count(option: str, text: str) -> int:
    # Invoke answers a text that is no number with a traceback.
    if not text.isdecimal() or len(text) > _MOST_DIGITS or int(text) < 1:
        shown = text if len(text) <= _MOST_DIGITS else f"{text[:_MOST_DIGITS]}…"
        raise UserError(f"--{option} is {shown!r}: give a whole number, 1 or more, of {_MOST_DIGITS} digits at most")
    return int(text)


def _differing(function: Callable[..., None], options: Mapping[str, object]) -> set[str]:
    """Name the options that are not at their defaults; what has no default, as the context, is no option."""
    parameters = inspect.signature(function).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    return {name for name, default in defaults.items() if options[name] != default}


def _listed(options: Collection[str]) -> str:
    # Of one that is on by default, invoke makes its --no- form.
    named = ("no-counted" if option == "counted" else option.replace("_", "-") for option in sorted(options))
    return ", ".join(f"--{name}" for name in named)


def _target(name: str) -> Target:
    return Target.from_environment(name, os.environ)


@_command()
def lint(_: Context) -> None:
    """Check style, secrets, the documents of the events, and that the workflows are safe."""
    from scripts.check.event_documents import update as event_documents

    run_tool("ruff", "check")
    run_tool("ruff", "format", "--check")
    secret_scan.scan()
    event_documents.update_documents(check=True)
    run_program("zizmor", "--offline", "--no-progress", "--quiet", ".github")


@_command()
def fix(_: Context) -> None:
    """Mend what the linter can, and format."""
    run_tool("ruff", "check", "--fix")
    run_tool("ruff", "format")


@_command()
def events(_: Context, check: bool = False, accept_breaking: bool = False) -> None:
    """Write docs/events/ from the code: a JSON Schema for each event, and AsyncAPI; not what would break others."""
    from scripts.check.event_documents import update as event_documents

    event_documents.update_documents(check=check, accept_breaking=accept_breaking)


@_command()
def typecheck(_: Context) -> None:
    """Check types, strictly."""
    run_tool("mypy")


@_command()
def lock(_: Context, upgrade: bool = False) -> None:
    """Write requirements/*.txt anew from the *.in beside them: versions, and hashes for every platform."""
    requirements.lock(upgrade=upgrade)


@_command()
def audit_dependencies(_: Context) -> None:
    """Ask PyPI for known vulnerabilities of every pinned package; what it cannot tell of is a failure too."""
    requirements.audit()


@_command(name="test-unit")
def unit_tests(_: Context) -> None:
    """Run the tests that need nothing but Python."""
    run_tool("pytest", "-n", "auto", "--dist", "worksteal", "tests/unit")


@_command(name="test-infra")
def infra_tests(_: Context) -> None:
    """Check the format of all Terraform, and validate and test every module and root."""
    terraform_checks.check_terraform()


@_command()
def scan_infra(_: Context) -> None:
    """Scan Terraform and workflows with checkov; each finding is mended, or explained where it is."""
    from scripts.check import policy_scan

    policy_scan.scan_policies()


@_command(name="test-wiring")
def wiring_tests(_: Context) -> None:
    """Check on the plan of a deployment what the embedded AWS does not enforce, and that what is declared is wired."""
    run_tool(
        "pytest", *(f"tests/integration/test_{subject}.py" for subject in ("wiring", "declarations", "customer_key"))
    )


@_command()
def check_infra(context: Context) -> None:
    """Run test-infra, scan-infra and test-wiring: all that `make test` does for Terraform alone."""
    checks = {"test-infra": infra_tests, "scan-infra": scan_infra, "test-wiring": wiring_tests}
    run_steps([(command, functools.partial(check, context)) for command, check in checks.items()], keep_going=True)


@_command(name="test-integration")
def integration_tests(_: Context) -> None:
    """Run the tests on the embedded AWS, with real Terraform and real packages."""
    run_tool("pytest", "tests/integration")


@_command(name="test-model")
def model_tests(_: Context) -> None:
    """Run random histories through the services, with crashes, repetitions and races."""
    run_tool("pytest", "tests/model")


@_command(name="test-soak")
def soak_test(_: Context, operations: str = "1000000", seed: str = "1") -> None:
    """Run a million random operations through the services, in memory."""
    run_tool("tests.model.soak", "--operations", str(_count("operations", operations)), "--seed", seed)


@_command(name="test-monitoring")
def monitoring_tests(_: Context) -> None:
    """Check rules and alert routes, and run a real Prometheus and Alertmanager against a small endpoint."""
    run_tool("pytest", "tests/monitoring")


@_command(name="test-faults")
def fault_tests(_: Context, orders: str = "1000", seed: str = "1") -> None:
    """Run orders through an embedded AWS while workers are killed and its API fails."""
    from tests.faults import suite

    report = suite.run(_count("orders", orders), seed=_count("seed", seed))
    report.print()
    if report.failures:
        raise UserError(", ".join(f"{len(subjects)} {name}" for name, subjects in report.failures.items()))


@_command(name="test-metrics")
def metrics_tests(_: Context) -> None:
    """Compare what a real Prometheus recorded with the event store and the logs, also while workers are killed."""
    run_tool("pytest", "tests/metrics")


@_command(name="test-recovery")
def recovery_tests(_: Context) -> None:
    """Spoil and empty the tables of a deployment, and bring them back; test-delivery does it too, on its own."""
    run_tool("pytest", "tests/delivery/test_recovery.py")


@_command(name="test-environments")
def environment_tests(_: Context) -> None:
    """Deploy development, staging and production side by side to one embedded AWS, and run orders through each."""
    run_tool("pytest", "tests/environments")


@_command(name="test-upgrade")
def upgrade_tests(_: Context) -> None:
    """Deploy what earlier commits were, upgrade that to this one, and see that nothing of it is lost."""
    run_tool("pytest", "tests/upgrade")


@_command(name="test-growth")
def growth_tests(_: Context, deployed: bool = False) -> None:
    """Add a service to a copy of the tree as docs/add-a-service.md says, and check what follows from it."""
    run_tool("pytest", "tests/growth" if deployed else "tests/growth/test_add_a_service.py")


@_command(name="test-delivery")
def delivery_tests(_: Context) -> None:
    """Take a deployment through its life: reviewed, applied, changed by hand, mended, restored, and taken down."""
    run_tool("pytest", "tests/delivery")


@_command(name="test-deployed")
def deployed_tests(_: Context) -> None:
    """Run all suites that want a deployment side by side, each on an AWS of its own; the fault suite in short."""
    with started(*_DEPLOYED) as finish:
        finish()


@_command()
def test(context: Context) -> None:
    """Run every check and test, the failed ones listed at the end; deployments are made and tested meanwhile."""
    # Those of many processes come last: they leave no core idle once the deployed suites have ended.
    checks = {
        "lint": lint,
        "typecheck": typecheck,
        "test-model": model_tests,
        "test-monitoring": monitoring_tests,
        "scan-infra": scan_infra,
        "test-growth": growth_tests,
        "test-unit": unit_tests,
        "test-infra": infra_tests,
    }
    steps = [(command, functools.partial(check, context)) for command, check in checks.items()]
    with started(*_DEPLOYED) as finish_deployed:
        # A deployed suite waits more than it computes, and takes longest: what only computes fills the gaps.
        os.nice(_BEHIND_DEPLOYED)
        run_steps([*steps, ("test-deployed", mistakes_explained()(finish_deployed))], keep_going=True)


@_command()
def build(_: Context, target: str = "local") -> None:
    """Package the functions into dist/."""
    build_packages(target)


@_command()
def local_up(_: Context) -> None:
    """Start the embedded AWS, and make the bucket for Terraform's state in it."""
    target = _target("local")
    terraform_path()  # it makes the bucket, once the emulator is up
    target.emulator.start(target.region)
    bootstrapping.bootstrap(target)


@_command()
def local_down(_: Context) -> None:
    """Stop the embedded AWS; nothing in it is kept."""
    stopped = Emulator.from_environment().stop()
    out.print("the embedded AWS is stopped" if stopped else "the embedded AWS was not running")


@_command()
def bootstrap(_: Context, target: str = "local", github_repository: str | None = None) -> None:
    """Make the bucket that keeps Terraform's state, and what lets a repository's GitHub Actions deploy."""
    bootstrapping.bootstrap(_target(target), github_repository)


@_command()
def plan(
    _: Context,
    target: str = "local",
    out: str | None = None,
    markdown: str | None = None,
    json: str | None = None,
) -> None:
    """Plan a deployment for apply, and review it: what would change, the risks first."""
    folder, markdown_file, json_file = (Path(path) if path else None for path in (out, markdown, json))
    planning.plan_with_review_files(_target(target), folder=folder, markdown_file=markdown_file, json_file=json_file)


@_command(iterable=["allow"])
def apply(_: Context, allow: list[str], target: str = "local", plan: str | None = None) -> None:
    """Do exactly what the last plan showed, unless it is stale or a risk blocks that is not allowed."""
    applying.apply(_target(target), Path(plan) if plan else None, allow)


@_command()
def drift(_: Context, target: str = "local") -> None:
    """Tell what was changed outside Terraform; exit code 2 where something was."""
    from scripts.deploy import drift

    drift.show_drift(_target(target))


@_command()
def destroy_dev(_: Context, target: str = "local", yes_destroy: str | None = None) -> None:
    """Take an environment for development down, with all that is in it; asks for its name."""
    destroy.destroy_environment(_target(target), yes_destroy)


@_command()
def post_deploy_test(_: Context, target: str = "local") -> None:
    """Send orders through what is deployed, and check what becomes of them."""
    from scripts import post_deploy_test

    post_deploy_test.check_deployment(_target(target))


@_command()
def seed_inventory(_: Context, target: str = "local", file: str = _SEED_FILE) -> None:
    """Bring stock and prices to what a file says."""
    from scripts.seed_inventory import seed

    seed(_target(target), Path(file))


@_command(iterable=["item"])
def put_order(
    _: Context,
    item: list[str],
    target: str = "local",
    order_id: str | None = None,
    customer_id: str | None = None,
    file: str | None = None,
    wait: bool = True,
) -> None:
    """Place an order."""
    from scripts.put_order import put_order

    path = Path(file) if file else None
    put_order(_target(target), order_id=order_id, customer_id=customer_id, items=item, file=path, wait=wait)


@_command()
def audit(_: Context, target: str = "local", repair: bool = False) -> None:
    """Compare stock, orders, money and counters with the event store."""
    from scripts.ledger.audit.report import audit_deployment
    from scripts.recovery import repair as repairing

    if repair:
        repairing.repair_tables(_target(target))
    audit_deployment(_target(target))


@_command(positional=["order"])
def order_show(_: Context, order: str, target: str = "local") -> None:
    """Show one order's whole history: times, causes, stock and money."""
    from scripts.ledger import order_show

    order_show.show(_target(target), order)


@_command()
def logs(
    _: Context,
    target: str = "local",
    service: str | None = None,
    since: str = "15m",
    order: str | None = None,
    errors: bool = False,
) -> None:
    """Show what the functions logged, one of them or all."""
    from scripts.operate import logs

    logs.show(_target(target), service, since=since, order=order, errors=errors)


@_command()
def dlq_list(_: Context, target: str = "local") -> None:
    """List what is in each dead-letter queue, and why."""
    from scripts.operate.dead_letter_queues import list_dead_letters

    list_dead_letters(_target(target))


@_command()
def redrive(
    _: Context,
    target: str = "local",
    queue: str | None = None,
    max: str | None = None,  # noqa: A002 - the option's name
    dry_run: bool = False,
    include_permanent: bool = False,
) -> None:
    """Move dead letters back to the queues that they came from."""
    from scripts.operate.dead_letter_queues import redrive

    limit = _count("max", max) if max else None
    redrive(_target(target), queue=queue, limit=limit, dry_run=dry_run, include_permanent=include_permanent)


@_command()
def relay_catchup(_: Context, since: str, target: str = "local", dry_run: bool = False) -> None:
    """Publish again every event since a time; harmless, as consumers take an event once."""
    from scripts.operate import relay_catchup

    relay_catchup.catch_up(_target(target), since, dry_run=dry_run)


@_command()
def pause(_: Context, target: str = "local") -> None:
    """Stop the services from writing; what arrives waits in the queues."""
    from scripts.operate import pausing

    pausing.pause(_target(target))


@_command()
def resume(_: Context, target: str = "local") -> None:
    """Let the services write again."""
    from scripts.operate import pausing

    pausing.resume(_target(target))


@_command()
def backup(_: Context, target: str = "local", to: str | None = None) -> None:
    """Write the event store and the gateway's ledger to files, below ~/pulsequeue-backups unless told otherwise."""
    from scripts.recovery import backup

    backup.back_up(_target(target), Path(to) if to else None)


@_command()
def restore(
    _: Context,
    to: str,
    target: str = "local",
    replace: bool = False,
    from_elsewhere: bool = False,
    accept_damaged: bool = False,
) -> None:
    """Bring the event store back to a time or a backup, derive stock and counters from it, and audit it as of then."""
    from scripts.recovery import restore

    restore.restore_tables(
        _target(target), to, replace=replace, from_elsewhere=from_elsewhere, accept_damaged=accept_damaged
    )


@_command()
def replay_orders(_: Context, since: str, target: str = "local", dry_run: bool = False) -> None:
    """Place orders again that were placed since a time and that the event store has lost."""
    from scripts.recovery import replay_orders

    replay_orders.replay_lost_orders(_target(target), since, dry_run=dry_run)


@_command()
def refund_lost(_: Context, target: str = "local", dry_run: bool = False) -> None:
    """Give back what was charged for orders that the event store has lost."""
    from scripts.recovery import refund_lost

    refund_lost.refund_lost_orders(_target(target), dry_run=dry_run)


@_command(positional=["channel"])
def set_webhook(_: Context, channel: str, target: str = "local", remove: bool = False) -> None:
    """Set where alarms go, slack or teams; the URL is asked for, or read from the standard input."""
    from scripts.operate import webhooks

    if remove:
        webhooks.remove_webhook(_target(target), channel)
    else:
        webhooks.set_webhook(_target(target), channel)


@_command()
def metrics_audit(_: Context, target: str = "local", rebuild: bool = False) -> None:
    """Recount the business counters from the event store, and compare with the metrics endpoint."""
    from scripts.monitor import metrics_audit

    metrics_audit.audit_metrics(_target(target), rebuild=rebuild)


@_command()
def metrics_token(_: Context, target: str = "local", rotate: bool = False, show: bool = False) -> None:
    """Make the token that the metrics endpoint wants, unless there is one."""
    from scripts.deploy import generated_secrets

    generated_secrets.provide_secret(_target(target), generated_secrets.METRICS_TOKEN, rotate=rotate, show=show)


@_command()
def grafana_password(_: Context, target: str = "local", rotate: bool = False, show: bool = False) -> None:
    """Make the password of the Grafana on ECS, unless there is one."""
    from scripts.deploy import generated_secrets

    generated_secrets.provide_secret(_target(target), generated_secrets.GRAFANA_PASSWORD, rotate=rotate, show=show)


@_command()
def monitoring_tools(_: Context) -> None:
    """Show which Prometheus and Alertmanager are used; on Debian and Ubuntu fetch them where they are missing."""
    from scripts.local import monitoring_tools

    monitoring_tools.provide()


@_command()
def monitoring_up(_: Context, target: str = "local") -> None:
    """Start a Prometheus and an Alertmanager on this machine, which watch a deployment."""
    from scripts.monitor import monitoring

    monitoring.up(_target(target))


@_command()
def monitoring_down(_: Context, target: str = "local") -> None:
    """Stop that Prometheus and Alertmanager."""
    from scripts.monitor import monitoring

    monitoring.down(_target(target))


@_command()
def dashboards(_: Context, check: bool = False) -> None:
    """Write the dashboards as the code builds them."""
    from scripts.monitor.grafana import dashboards

    (dashboards.check if check else dashboards.write)()


@_command()
def setup_grafana(_: Context, url: str, user: str, password: str, prometheus_url: str) -> None:
    """Bring a Grafana's data source and dashboards to what they should be."""
    from scripts import setup_grafana

    setup_grafana.set_up(url, user, password, prometheus_url)


@_command()
def deliver_dashboards(_: Context, target: str = "local") -> None:  # noqa: ARG001 - as every step of deploy-dev
    """Set up the Grafana that GRAFANA_URL names, or else write the files that one mounts."""
    from scripts import setup_grafana

    setup_grafana.deliver()


@_command()
def dashboard_picture(
    _: Context, prometheus: str, environment: str | None = None, minutes: str = "30", folder: str = _PICTURES
) -> None:
    """Draw the dashboards from what a Prometheus knows."""
    from scripts.monitor.grafana import picture

    environment = environment or os.environ.get("ENVIRONMENT") or "dev"
    picture.draw(prometheus, environment, Path(folder), minutes=_count("minutes", minutes))


@_command(iterable=["page"])
def simulate(
    _: Context,
    page: list[str],
    json: bool = False,
    seed: str = "1",
    parameters: str | None = None,
    measured: str | None = None,
    plot: str = _CAPACITY_PLOT,
) -> None:
    """Predict throughput, latency and cost from 1 to 100,000 orders a second, and where each limit bites."""
    from scripts.measure.capacity import report

    found = report.predict_capacity(
        parameters_file=Path(parameters) if parameters else CAPACITY_PARAMETERS_FILE,
        measured_file=Path(measured) if measured else MEASURED_RATES_FILE,
        seed=_count("seed", seed),
        as_json=json,
        plot=Path(plot),
    )
    for path in page:
        report.fill(Path(path), found.sheets())


@_command()
def demo(_: Context, target: str = "local", orders: str = "200") -> None:
    """Send orders and show what becomes of them, the stock and the money."""
    from scripts import demo

    demo.run_demo(_target(target), _count("orders", orders))


@_command()
def bench(
    _: Context,
    scenario: str | None = None,
    direct: str | None = None,
    orders: str = "300",
    skus: str = "2",
    batch_size: str = "10",
    concurrency: str = "2",
    rate: str = "full",
    repeat: str = "1",
    counted: bool = True,
    json: str | None = None,
    compare: str | None = None,
    ci: bool = False,
    update_baseline: bool = False,
) -> None:
    """Measure speed, requests and cost of an order, on an embedded AWS of its own; docs/performance.md explains."""
    options = dict(locals())
    from scripts.measure import bench as benchmark
    from scripts.measure.scenarios import chosen

    if ci or update_baseline:
        if others := _differing(bench.body, options) - {"ci", "update_baseline"}:
            raise UserError(f"--ci and --update-baseline make a run of their own: leave out {_listed(others)}")
        benchmark.check(update=update_baseline)
        return
    settings = benchmark.Settings(
        scenarios=chosen("" if direct and not scenario else scenario or "all"),
        direct=[_count("direct", size) for size in direct.split(",")] if direct else (),
        orders=_count("orders", orders),
        skus=_count("skus", skus),
        batch_size=_count("batch-size", batch_size),
        concurrency=_count("concurrency", concurrency),
        rates=[None if text == "full" else _count("rate", text) for text in rate.split(",")],
        repeat=_count("repeat", repeat),
        counted=counted,
    )
    benchmark.run_benchmark(settings, Path(json) if json else None, Path(compare) if compare else None)


@_command()
def cost(
    _: Context,
    orders_per_month: str,
    target: str = "local",
    batch: str | None = None,
    months: str = "12",
    scraped: bool = False,
    measured: str | None = None,
    prices: str | None = None,
    json: str | None = None,
) -> None:
    """Show what a month of the last plan costs, by service and line by line."""
    from scripts.cli.paths import PRICES_FILE
    from scripts.measure.cost import report

    if measured and not batch:
        raise UserError("--measured has the counts that --batch takes: give --batch too")
    settings = report.Settings(
        orders_a_month=_count("orders-per-month", orders_per_month),
        batch=_count("batch", batch) if batch else None,
        months=_count("months", months),
        scraped=scraped,
        measured=Path(measured) if measured else MEASURED_COUNTS_FILE,
        prices=Path(prices) if prices else PRICES_FILE,
    )
    report.show_bill(_target(target), settings, Path(json) if json else None)


@_command()
def right_size(_: Context, orders: str = "300", batch_size: str = "10") -> None:
    """Measure what memory the functions take and what more of it would bring, on an embedded AWS of its own."""
    from scripts.measure import right_size

    right_size.measure_memory(_count("orders", orders), _count("batch-size", batch_size))


@_command()
def coldstart(
    _: Context,
    repeat: str = "5",
    json: str | None = None,
    compiled: bool = False,
) -> None:
    """Measure how fast each function starts, on an embedded AWS of its own."""
    from scripts.measure import coldstart as measuring

    measuring.measure_cold_starts(_count("repeat", repeat), Path(json) if json else None, compiled=compiled)


@_command()
def deploy_dev(context: Context, target: str = "local", *, checks: bool = True) -> None:
    """Check, build, deploy and test an environment for development, in this order."""
    terraform.check_ready(_target(target))  # what is missing should not wait for the checks
    environments.check_for_development(_target(target))
    if target == "local":
        bootstrapping.bootstrap(_target(target))  # of another environment than local-up's
    checking = {"lint": lint, "typecheck": typecheck, "test-unit": unit_tests} if checks else {}
    deploying = {
        "build": build,
        "plan": plan,
        "apply": functools.partial(apply, allow=[]),
        "metrics-token": metrics_token,
        "post-deploy-test": post_deploy_test,
        "deliver-dashboards": deliver_dashboards,
    }
    steps = [(command, functools.partial(step, context)) for command, step in checking.items()]
    steps += [
        (f"{command} --target {target}", functools.partial(step, context, target=target))
        for command, step in deploying.items()
    ]
    run_steps(steps)


@_command()
def clean(_: Context) -> None:
    """Stop every embedded AWS of this checkout and what watches a deployment, and remove what the tasks made."""
    from scripts.monitor import monitoring

    monitoring.stop_all()
    for emulator in Emulator.all():
        emulator.stop()
    # What is below aws/ describes real accounts, and no task can make it again.
    made = [path for path in LOCAL_FOLDER.glob("*") if path.name != "aws"]
    for path in (
        *made,
        DIST,
        *(REPO_ROOT / cache for cache in _CACHES),
    ):
        if path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)
