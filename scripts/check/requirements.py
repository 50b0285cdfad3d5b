"""The pinned packages: resolve requirements/*.txt, and look for known vulnerabilities."""

from scripts.cli.errors import UserError
from scripts.cli.steps import run_tool

# In this order: dev.in takes the versions of the first two.
AUDITED = ("lambda", "emulator", "dev")
# Checkov's pins are its maker's, and it runs in an environment of its own, on this repository alone.
NAMES = (*AUDITED, "checkov")
_OLDEST_PYTHON = "3.11"


def lock(*, upgrade: bool) -> None:
    """Resolve for every platform and every Python from the oldest on; docs/decisions/0007 has the reasons."""
    for name in NAMES:
        run_tool(
            *("uv", "pip", "compile", "--quiet", "--universal", f"--python-version={_OLDEST_PYTHON}"),
            *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-config"),
            *(["--upgrade"] if upgrade else []),
            *(f"requirements/{name}.in", f"--output-file=requirements/{name}.txt"),
        )


def audit() -> None:
    """Raise UserError upon a known vulnerability, and for a package that PyPI does not answer for."""
    files = [f"--requirement=requirements/{name}.txt" for name in AUDITED]
    try:
        # Without --strict a package that PyPI does not answer for counts as one without vulnerabilities.
        run_tool("pip_audit", "--strict", "--disable-pip", "--require-hashes", "--progress-spinner=off", *files)
    except UserError as error:
        raise UserError(f"{error}: a package is vulnerable, or PyPI could not be asked about it; see above") from error
