"""Tasks that change or check the source."""

from invoke.context import Context

from scripts.tasks.command import TARGET, command


@command()
def lint(_: Context) -> None:
    """Check style, secrets, documents and workflows."""
    from scripts.check import secret_scan
    from scripts.check.api_document.update import update_document
    from scripts.check.event_documents import update_documents
    from scripts.cli.steps import run_program, run_tool

    run_tool("ruff", "check")
    run_tool("ruff", "format", "--check")
    secret_scan.scan()
    update_documents(check=True)
    update_document(check=True)
    run_program("zizmor", "--offline", "--no-progress", "--quiet", ".github")


@command()
def fix(_: Context) -> None:
    """Fix style where the linter can, and format."""
    from scripts.cli.steps import run_tool

    run_tool("ruff", "check", "--fix")
    run_tool("ruff", "format")


@command()
def typecheck(_: Context) -> None:
    """Check types with mypy, strictly."""
    from scripts.cli.steps import run_tool

    run_tool("mypy")


@command(
    {
        "check": "write nothing, and fail if a document would change",
        "accept_breaking": "write the documents although the change breaks consumers or producers",
    }
)
def events(_: Context, check: bool = False, accept_breaking: bool = False) -> None:
    """Write docs/events/ from the event classes.

    Each event has a JSON Schema, and one AsyncAPI document has them all. A change that breaks consumers or producers
    is named and not written.
    """
    from scripts.check.event_documents import update_documents

    update_documents(check=check, accept_breaking=accept_breaking)


@command(
    {
        "check": "write nothing, and fail if the document would change",
        "accept_breaking": "write the document although the change breaks clients",
    }
)
def openapi(_: Context, check: bool = False, accept_breaking: bool = False) -> None:
    """Write docs/openapi.yaml from the services' routes.

    A change that breaks clients is named and not written.
    """
    from scripts.check.api_document.update import update_document

    update_document(check=check, accept_breaking=accept_breaking)


@command({"target": TARGET})
def build(_: Context, target: str = "local") -> None:
    """Package the functions into dist/."""
    from scripts import build_lambda

    build_lambda.build(target)


@command(needs="network access to PyPI")
def dependencies(_: Context) -> None:
    """Look for known vulnerabilities of every pin.

    A package that PyPI cannot tell of is a failure too.
    """
    from scripts.check import requirements

    requirements.audit()


@command({"upgrade": "take the newest versions, in place of keeping the pinned ones"}, needs="network access to PyPI")
def lock(_: Context, upgrade: bool = False) -> None:
    """Pin requirements/*.txt: versions and hashes.

    The names stand in the *.in files beside them. The hashes are those of every platform.
    """
    from scripts.check import requirements

    requirements.lock(upgrade=upgrade)


@command(needs="network access to PyPI once, for checkov")
def scan_infra(_: Context) -> None:
    """Scan Terraform and workflows with checkov.

    Each finding is corrected, or explained where it stands.
    """
    from scripts.check import policy_scan

    policy_scan.scan_policies()


@command()
def clean(_: Context) -> None:
    """Stop everything local, and remove generated files.

    It stops every embedded AWS of this checkout and every Prometheus and Alertmanager beside it.
    """
    from scripts.local import cleaning
    from scripts.monitor import monitoring

    monitoring.stop_all()
    cleaning.stop_emulators()
    cleaning.remove_generated_files()
