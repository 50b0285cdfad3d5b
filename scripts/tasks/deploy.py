"""Tasks from the embedded AWS to a deployment that is tested."""

import functools

from invoke.context import Context

from scripts.tasks import develop, monitor, shop_secrets, test
from scripts.tasks.command import DEPLOYMENT, PLANNING, TARGET, command, path, target_of


@command(needs="ENVIRONMENT and Terraform")
def local_up(_: Context) -> None:
    """Start the embedded AWS.

    It makes the bucket for Terraform's state in it, too.
    """
    from scripts.deploy.bootstrap import bootstrap
    from scripts.deploy.terraform import terraform_path

    target = target_of("local")
    terraform_path()  # it makes the bucket, once the emulator is up
    target.emulator.start(target.region)
    bootstrap(target)


@command()
def local_down(_: Context) -> None:
    """Stop the embedded AWS; nothing in it is kept."""
    from scripts.cli.console import out
    from scripts.local.emulator import Emulator

    stopped = Emulator.from_environment().stop()
    out.print("the embedded AWS is stopped" if stopped else "the embedded AWS was not running")


@command(
    {
        "target": TARGET,
        "github_repository": "the repository whose GitHub Actions may deploy: OWNER/REPO, as GitHub's tokens name it; "
        "'' for none",
    },
    needs="ENVIRONMENT and Terraform; with --target aws, credentials of an administrator",
    may_be_empty={"github_repository"},
)
def bootstrap(_: Context, target: str = "local", github_repository: str | None = None) -> None:
    """Make the bucket for Terraform's state, once.

    With --github-repository it makes the roles by which that repository's GitHub Actions deploy, too.
    """
    from scripts.deploy import bootstrap

    bootstrap.bootstrap(target_of(target), github_repository)


@command(
    {
        "target": TARGET,
        "out": "keep plan and review in this folder, to be handed over; by default where apply looks for them",
        "markdown": "write the review as a comment for a pull request to this file",
        "json": "write the review as JSON to this file",
    },
    needs=PLANNING,
)
def plan(
    _: Context,
    target: str = "local",
    out: str | None = None,
    markdown: str | None = None,
    json: str | None = None,
) -> None:
    """Plan a deployment and review it, risks first."""
    from scripts.deploy.planning import plan_with_review_files

    plan_with_review_files(target_of(target), folder=path(out), markdown_file=path(markdown), json_file=path(json))


@command(
    {
        "allow": "the address of a resource whose risk blocks, as the review names it; once for each",
        "target": TARGET,
        "plan": "the folder with the plan, if plan --out kept it in one",
    },
    needs="a plan (`invoke plan`)",
    iterable=["allow"],
)
def apply(_: Context, allow: list[str], target: str = "local", plan: str | None = None) -> None:
    """Apply the last plan, exactly as reviewed.

    It refuses a stale plan, and a risk that blocks and is not allowed.
    """
    from scripts.cli.console import out
    from scripts.deploy import applying

    out.print(f"changes made: {applying.apply(target_of(target), path(plan), allow)}")


@command(
    {"target": TARGET, "yes_unlock": "the environment's name, to unlock it without being asked"},
    needs="ENVIRONMENT and Terraform; with --target aws, AWS credentials too",
)
def unlock(_: Context, target: str = "local", yes_unlock: str | None = None) -> None:
    """Take away the lock that a killed apply has left.

    It says whose lock it is and how old, and asks for the environment's name first.
    """
    from scripts.deploy import state_lock

    state_lock.unlock(target_of(target), yes_unlock)


@command({"target": TARGET}, needs=PLANNING)
def drift(_: Context, target: str = "local") -> None:
    """Show what was changed outside Terraform.

    The exit code is 2 where something was.
    """
    from scripts.deploy.drift import show_drift

    show_drift(target_of(target))


@command({"target": TARGET, "yes_destroy": "the environment's name, to destroy it without being asked"}, needs=PLANNING)
def destroy_dev(_: Context, target: str = "local", yes_destroy: str | None = None) -> None:
    """Destroy a development environment, data included.

    It asks for the environment's name first.
    """
    from scripts.deploy.destroy import destroy_environment

    destroy_environment(target_of(target), yes_destroy)


@command({"target": TARGET}, needs=DEPLOYMENT)
def post_deploy_test(_: Context, target: str = "local") -> None:
    """Send orders through a deployment and check them."""
    from scripts import post_deploy_test

    post_deploy_test.check_deployment(target_of(target))


@command(
    {"target": TARGET, "checks": "run lint, typecheck and test-unit first"},
    needs="ENVIRONMENT, Terraform, and `invoke local-up` or `invoke bootstrap --target aws`",
)
def deploy_dev(context: Context, target: str = "local", *, checks: bool = True) -> None:
    """Check, build, deploy and test, for development.

    It stops at the first step that fails.
    """
    from scripts.cli.steps import run_steps
    from scripts.deploy import bootstrap, environments, remote_state, settings, terraform
    from scripts.deploy.turns import turn

    terraform.check_ready(target_of(target))  # what is missing should not wait for the checks
    environments.check_for_development(target_of(target))
    settings.check(target_of(target))
    if target == "local" and not remote_state.state_bucket_exists(target_of(target)):
        bootstrap.bootstrap(target_of(target))  # local-up has made only the bucket of its own environment
    checking = {"lint": develop.lint, "typecheck": develop.typecheck, "test-unit": test.unit} if checks else {}
    deploying = {
        "build": develop.build,
        "plan": plan,
        "apply": functools.partial(apply, allow=[]),
        "monitor.token": monitor.token,
        "shop.carrier-secret": shop_secrets.carrier_secret,
        "shop.cursor-secret": shop_secrets.cursor_secret,
        "post-deploy-test": post_deploy_test,
        "monitor.deliver": monitor.deliver,
    }
    steps = [(name, functools.partial(step, context)) for name, step in checking.items()]
    steps += [
        (f"{name} --target {target}", functools.partial(step, context, target=target))
        for name, step in deploying.items()
    ]
    with turn(target_of(target)):  # nobody plans another change between its plan and its apply
        run_steps(steps)
